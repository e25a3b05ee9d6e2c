"""The records that mail wants in a domain's DNS: which are expected, how they are read and how they are written. Pure.

SPF is RFC 7208, DKIM keys RFC 6376, DMARC RFC 9989, MTA-STS RFC 8461, TLS-RPT RFC 8460, SRV RFC 6186 and RFC 8314.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

MAIL_TTL_SECONDS = 3600  # these records stand for years; an hour is short enough for a correction
MAX_STRING_OCTETS = 255  # of one character-string (RFC 1035 3.3); longer values are several
SPF_TERM = re.compile(r"([+\-?~]?)([A-Za-z][A-Za-z0-9_.-]*)(?:([:=])([^/]*))?((?:/\d*)*)")
ASKING_TERMS = ("include", "a", "mx", "ptr", "exists", "redirect")  # each costs a look-up (RFC 7208 4.6.4)
MECHANISMS = ("all", "include", "a", "mx", "ptr", "exists", "ip4", "ip6")


# --- what the operator expects ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ExpectedDkim:
    """One DKIM selector: an alias of `target`, in which {domain} stands for the customer's, or a whole key record."""

    selector: str
    target: str = ""
    key: str = ""

    def name(self, domain: str) -> str:
        """Return where the selector's record belongs."""
        return f"{self.selector}._domainkey.{domain}"

    def target_for(self, domain: str) -> str:
        """Return what the selector's name is to be an alias of; empty where the key itself is published."""
        return self.target.replace("{domain}", domain)


@dataclass(frozen=True, slots=True)
class ExpectedService:
    """One SRV record, such as `_submissions._tcp 0 1 465 smtp.postkontor.example`."""

    service: str
    priority: int
    weight: int
    port: int
    host: str

    @property
    def value(self) -> str:
        """Return the record's data as it is compared."""
        return f"{self.priority} {self.weight} {self.port} {self.host}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedMail:
    """What customers are advised to publish. What is empty is not advised."""

    spf_include: str = ""
    dkim: tuple[ExpectedDkim, ...] = ()
    dmarc: str = ""
    mta_sts_host: str = ""
    mta_sts_id: str = ""
    tls_rpt: str = ""
    autoconfig_host: str = ""
    autodiscover_host: str = ""
    services: tuple[ExpectedService, ...] = ()
    certificate_issuers: tuple[str, ...] = ()  # who must be allowed to issue for the domain's mail host names


# --- SPF --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SpfTerm:
    """A mechanism or modifier as written, taken apart. What cannot be read has no name."""

    text: str
    qualifier: str = "+"
    name: str = ""
    value: str = ""  # a domain or a network, without prefix lengths
    is_modifier: bool = False

    @property
    def asks(self) -> bool:
        """Whether evaluating the term takes a DNS look-up that counts."""
        return self.name in ASKING_TERMS and self.is_modifier == (self.name == "redirect")

    def target(self, domain: str) -> str:
        """Return the name that the term looks up, of a record at `domain`; empty where a macro or nothing says it."""
        if "%" in self.value:
            return ""
        needs_value = self.name in ("include", "exists", "redirect")
        return self.value.lower().removesuffix(".") or ("" if needs_value else domain)


def is_spf(value: str) -> bool:
    """Whether a TXT value is an SPF record (RFC 7208 4.5)."""
    return value.lower() == "v=spf1" or value[:7].lower() == "v=spf1 "


def spf_terms(record: str) -> tuple[SpfTerm, ...]:
    """Take an SPF record apart."""
    return tuple(_term(text) for text in record.split()[1:])


def terms_in_force(terms: Sequence[SpfTerm]) -> Iterator[SpfTerm]:
    """Yield the terms that can count: mechanisms up to `all`; a redirect only where there is no `all`."""
    has_all = any(is_all(term) for term in terms)
    for term in terms:
        if is_all(term):
            return
        if not (has_all and term.is_modifier and term.name == "redirect"):
            yield term


def is_all(term: SpfTerm) -> bool:
    """Whether a term is the mechanism `all`."""
    return term.name == "all" and not term.is_modifier


def includes(term: SpfTerm, host: str) -> bool:
    """Whether a term includes this host's record, with whatever qualifier."""
    return term.name == "include" and term.value.lower().removesuffix(".") == host


def merged_spf(records: Iterable[str], include: str, left_out: Iterable[str] = ()) -> str:
    """Make one SPF record of these: their mechanisms, our include once before `all`, and an `all` that protects.

    Terms in `left_out` are wrong and dropped, and so is `ptr` (RFC 7208 5.5). Without `include` none is inserted.
    """
    parts = [spf_terms(record) for record in records]
    dropped = set(left_out)
    kept: dict[str, SpfTerm] = {}
    for terms in parts:
        ends = next((number for number, term in enumerate(terms) if is_all(term)), len(terms))
        for number, term in enumerate(terms):
            is_idle = number > ends and not term.is_modifier
            if not (is_idle or is_all(term) or term.text in dropped or _is_ptr(term) or includes(term, include)):
                kept.setdefault(term.text.lower(), term)
    qualifiers = [term.qualifier for terms in parts for term in terms if is_all(term)]
    mechanisms = [term.text for term in kept.values() if not term.is_modifier]
    modifiers = [term.text for term in kept.values() if term.is_modifier and term.name != "redirect"]
    redirects = [term.text for term in kept.values() if term.is_modifier and term.name == "redirect"][:1]
    ours = [f"include:{include}"] if include else []
    ending = [f"{_guarding(qualifiers)}all"] if qualifiers or not redirects else redirects
    return " ".join(["v=spf1", *mechanisms, *ours, *ending, *modifiers])


def _term(text: str) -> SpfTerm:
    match = SPF_TERM.fullmatch(text)
    if match is None:
        return SpfTerm(text)
    qualifier, name, separator, value, _ = match.groups()
    return SpfTerm(text, qualifier or "+", name.lower(), value or "", separator == "=")


def _is_ptr(term: SpfTerm) -> bool:
    return term.name == "ptr" and not term.is_modifier


def _guarding(qualifiers: Sequence[str]) -> str:
    """`-all` where every record says so, else `~all`: what is unknown must not pass."""
    return "-" if qualifiers and set(qualifiers) == {"-"} else "~"


# --- tag lists and zone files -----------------------------------------------------------------------------------


def tags_of(value: str) -> dict[str, str]:
    """Read a list like `v=DMARC1; p=none`; names in lower case, of several equal ones the first."""
    tags: dict[str, str] = {}
    for part in value.split(";"):
        name, _, text = part.partition("=")
        if name.strip():
            tags.setdefault(name.strip().lower(), text.strip())
    return tags


def opens_with(value: str, version: str) -> bool:
    """Whether a value begins with the tag v=<version>, as records of DMARC and its relatives must."""
    name, equals, text = value.partition(";")[0].partition("=")
    return bool(equals) and name.strip().lower() == "v" and text.strip().lower() == version.lower()


def report_addresses(value: str) -> tuple[str, ...]:
    """Return the mail addresses of a `rua` tag."""
    uris = (uri.strip() for uri in tags_of(value).get("rua", "").split(","))
    return tuple(uri[7:].partition("!")[0] for uri in uris if uri[:7].lower() == "mailto:" and "@" in uri)


def zone_line(name: str, rdtype: str, value: str, *, ttl_seconds: int = MAIL_TTL_SECONDS) -> str:
    """Write a record other than TXT as a line of a zone file; `value` is written as in one."""
    return f"{name}. {ttl_seconds} IN {rdtype} {value}"


def txt_line(name: str, value: str, *, ttl_seconds: int = MAIL_TTL_SECONDS) -> str:
    """Write a TXT record as a line of a zone file: quoted, escaped, cut into strings that fit (RFC 1035 5.1)."""
    octets = value.encode()
    strings = [octets[at : at + MAX_STRING_OCTETS] for at in range(0, len(octets), MAX_STRING_OCTETS)] or [b""]
    quoted = " ".join(f'"{"".join(map(_octet, string))}"' for string in strings)
    return zone_line(name, "TXT", quoted, ttl_seconds=ttl_seconds)


def _octet(octet: int) -> str:
    if octet in b'"\\':
        return f"\\{chr(octet)}"
    return chr(octet) if 32 <= octet < 127 else f"\\{octet:03d}"
