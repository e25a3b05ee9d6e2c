"""What one attempt saw: the answers of servers, taken apart from what they mean."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

AnswerKind = Literal[
    "answer",
    "nxdomain",
    "nodata",
    "referral",
    "servfail",
    "refused",
    "lame",
    "timeout",
    "truncated",
    "malformed",
    "filtered",
]
DelegationState = Literal["found", "not_registered", "could_not_ask"]
SiteVerdict = Literal["confirmed", "not_yet", "could_not_ask", "silent"]
Limit = Literal["queries", "time", "name_servers", "aliases", "depth"]

NOES = ("answer", "nxdomain", "nodata")  # with the AA bit: a server's word, for or against
TROUBLE = ("servfail", "refused", "lame", "timeout", "truncated", "malformed", "filtered")  # nobody's word


@dataclass(frozen=True, slots=True)
class NameServer:
    """A name server of a zone with the addresses that may be asked."""

    host: str
    addresses: tuple[str, ...] = ()
    is_absent: bool = False  # known to have no address at all, by the word of its own zone or for want of glue


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerAnswer:
    """What one server address said to one question; `values` are untrusted text."""

    server: str
    address: str
    name: str
    rdtype: str
    kind: AnswerKind
    rcode: str = ""
    aa: bool = False
    values: tuple[str, ...] = ()
    cname: str = ""
    serial: int | None = None
    negative_ttl_seconds: int | None = None
    note: str = ""
    elapsed_ms: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Delegation:
    """Where the walk from the root ended: `zone` is the zone found, or the one that said no or nothing."""

    state: DelegationState
    zone: str
    servers: tuple[NameServer, ...] = ()
    asked: tuple[ServerAnswer, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One target of an alias or of an MX record, walked to and asked by itself."""

    name: str
    delegation: Delegation
    answers: tuple[ServerAnswer, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicView:
    """What a validating recursor says of a name: what the rest of the Internet sees of it.

    `checked` is its answer after validation; `unchecked` the one without (CD=1), asked for where validation failed.
    """

    checked: ServerAnswer
    is_authenticated: bool = False  # the AD bit: signed and validated from the root down
    unchecked: ServerAnswer | None = None


@dataclass(frozen=True, slots=True)
class SiteView:
    """What another site's own look at the authoritative servers found."""

    site: str
    verdict: SiteVerdict
    evidence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corroboration:
    """Who was asked besides before a first yes may count; `public` is None where no recursor is configured."""

    public: PublicView | None = None
    sites: tuple[SiteView, ...] = ()
    quorum: int = 0  # of the sites, that must confirm


@dataclass(frozen=True, slots=True)
class ZoneSeen:
    """What earlier looks saw of a domain's zone."""

    serial: int | None = None
    serial_since: datetime | None = None  # when a look first saw this serial
    changed_at: datetime | None = None  # the same, where a look before had seen another
    servers: tuple[str, ...] = ()  # name servers by the word of the parent
    former_servers: tuple[str, ...] = ()  # those before, where looks saw them change


@dataclass(frozen=True, slots=True, kw_only=True)
class TxtObservation:
    """What one attempt at the proof saw, of every server, and where it may have gone instead."""

    domain: str
    name: str
    delegation: Delegation
    answers: tuple[ServerAnswer, ...] = ()  # at the challenge name, one per server address
    hops: tuple[Hop, ...] = ()
    apex: tuple[ServerAnswer, ...] = ()
    elsewhere: tuple[ServerAnswer, ...] = ()  # wrong names and wrong types
    sibling: tuple[ServerAnswer, ...] = ()  # at a name beside the challenge that nobody made
    delegated: Delegation | None = None  # where the challenge's own name servers are
    strangers: tuple[ServerAnswer, ...] = ()  # of servers that are not in charge: the zone's own word, or earlier ones
    domain_connect: tuple[ServerAnswer, ...] = ()  # at _domainconnect.<zone>: where the provider's one-click API is
    corroboration: Corroboration | None = None  # None: nobody else was asked
    limits: tuple[Limit, ...] = ()  # of the attempt that ended before everything was asked; silence is then its own
    elapsed_ms: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MxObservation:
    """What one attempt at the MX records saw, of every server."""

    domain: str
    delegation: Delegation
    answers: tuple[ServerAnswer, ...] = ()
    targets: tuple[Hop, ...] = ()  # the addresses of foreign mail servers
    addresses: tuple[ServerAnswer, ...] = ()  # of the domain itself, where it has no MX record
    limits: tuple[Limit, ...] = ()  # as in TxtObservation
    elapsed_ms: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One question followed through its aliases to one server's word; that is enough for advice."""

    name: str
    rdtype: str
    delegation: Delegation  # of the zone that the way ended in
    answer: ServerAnswer | None = None  # None where that zone has nobody to ask
    aliases: tuple[str, ...] = ()  # the targets passed, the last one being what was asked for at last

    @property
    def values(self) -> tuple[str, ...]:
        """Return the records, untrusted text."""
        return self.answer.values if self.answer is not None and self.answer.aa else ()

    @property
    def is_absent(self) -> bool:
        """Whether somebody in charge said that there is no such record: also at the end of an alias."""
        if self.delegation.state == "not_registered":
            return True
        told = self.answer is not None and self.answer.aa and self.answer.kind in NOES
        return told and not self.values

    @property
    def is_silent(self) -> bool:
        """Whether nobody in charge could be asked."""
        return not self.values and not self.is_absent


@dataclass(frozen=True, slots=True)
class SyntaxFault:
    """A record that breaks its grammar, and the part that does; the whole record where no part alone does."""

    record: str
    part: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MailObservation:
    """What one look at the records that mail wants saw, by question."""

    domain: str
    delegation: Delegation
    looks: tuple[Look, ...] = ()
    faults: tuple[SyntaxFault, ...] = ()
    elapsed_ms: float = 0.0

    def look(self, name: str, rdtype: str) -> Look | None:
        """Return what was seen at a name; None where nobody looked."""
        return next((look for look in self.looks if (look.name, look.rdtype) == (name, rdtype)), None)

    def fault_in(self, record: str) -> str | None:
        """Return the part of a record that breaks its grammar."""
        return next((fault.part for fault in self.faults if fault.record == record), None)


# -- where people look for the right name and miss it

WrongPlace = Literal["name_doubled", "underscore_missing", "at_www", "in_parent_name"]


def wrong_names(domain: str, zone: str, challenge: str) -> dict[str, WrongPlace]:
    """Return the names at which the record of `challenge` lands by mistake, each with what went wrong."""
    label = challenge.removesuffix(f".{domain}")
    places: dict[str, WrongPlace] = {
        f"{challenge}.{domain}": "name_doubled",
        f"{challenge}.{zone}": "name_doubled",
        f"{label.lstrip('_')}.{domain}": "underscore_missing",
        f"{label}.www.{domain}": "at_www",
        f"{label}.{zone}": "in_parent_name",
    }
    places.pop(challenge, None)
    return places
