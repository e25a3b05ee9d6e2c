"""Value types of the messages. Each normalises on the way in, so equal things are equal strings."""

import re
from functools import lru_cache
from typing import Annotated, Literal

import idna
from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema

MAX_DOMAIN_LENGTH = 253  # RFC 1035, section 2.3.4, without the root's dot
MAX_LOCAL_PART_LENGTH = 64  # RFC 5321, section 4.5.3.1.1
MAX_ADDRESS_LENGTH = 254  # RFC 5321, errata 1690

# Unicode's class Cc spelled out: as \p{Cc} the published pattern would be no pattern to half of the world's validators.
NO_CONTROL_CHARACTERS = r"^[^\x00-\x1f\x7f-\x9f]+$"

HOUSE = "postkontor"  # the account of what concerns no customer, such as runs; nobody can open it

KILOBYTE, MEGABYTE, GIGABYTE, TERABYTE = 10**3, 10**6, 10**9, 10**12  # R8: the price list says GB, not GiB

# The usual name, already canonical: it costs one match instead of a walk through the IDNA tables (about 90 us).
_PLAIN_DOMAIN = re.compile(
    r"(?=.{4,253}\Z)(?:(?!..--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?!..--)[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?"
)
_LOCAL_PART = re.compile(r"[a-z0-9](?:[a-z0-9_+-]|\.(?=[a-z0-9_+-]))*\Z")
# What senders' mail systems put before the @ (RFC 5321, dot-string of atext): VERP and BATV have an equals sign there.
# Without the asterisk: who writes *@ads.example means @ads.example, and would wonder that nothing is blocked.
_SENDERS_LOCAL_PART = re.compile(r"[a-z0-9!#$%&'+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'+/=?^_`{|}~-]+)*\Z")
# Of Argon2id at least 8 bytes of salt and 16 of digest (RFC 9106): a short digest is one that many passwords have.
_PASSWORD_SCHEMES = re.compile(
    r"\{ARGON2ID\}\$argon2id\$v=\d+\$m=\d+,t=\d+,p=\d+\$[A-Za-z0-9+/]{11,}\$[A-Za-z0-9+/]{22,}"
    r"|\{BLF-CRYPT\}\$2[aby]\$\d\d\$[A-Za-z0-9./]{53}"
    r"|\{SHA512-CRYPT\}\$6\$(?:rounds=\d+\$)?[A-Za-z0-9./]{1,16}\$[A-Za-z0-9./]{86}",
    re.ASCII,  # or digits of other scripts pass, which no mail server reads
)


@lru_cache(maxsize=10_000)
def _to_a_label(name: str) -> str:
    try:
        encoded = idna.encode(name, uts46=True, std3_rules=True, transitional=False).decode("ascii").removesuffix(".")
        idna.decode(encoded)
    except (idna.IDNAError, UnicodeError) as error:
        if "/" in name or "@" in name:
            raise ValueError("not a domain name: give the domain alone, as in example.de") from None
        raise ValueError(f"not a domain name under IDNA 2008: {error}") from None
    labels = encoded.split(".")
    if len(labels) < 2:
        raise ValueError("a domain name needs at least two labels, as in example.de")
    if len(encoded) > MAX_DOMAIN_LENGTH:
        raise ValueError(f"longer than {MAX_DOMAIN_LENGTH} characters")
    if labels[-1].isdigit():
        raise ValueError("looks like an IP address, not a domain name")
    return encoded


def domain_name(text: str) -> str:
    """Return the name as lower-case A-labels (IDNA 2008 with UTS 46, R18); one trailing dot is dropped.

    The standard library's codec is IDNA 2003 and maps straße.de to strasse.de, another owner's name.
    """
    if _PLAIN_DOMAIN.fullmatch(text):
        return text
    return _to_a_label(text.strip())


def domain_for_people(name: str) -> str:
    """Return the name as U-labels, for people to read; what is no domain name stays as it is."""
    return _to_u_label(name) if "xn--" in name else name


def address_for_people(address: str) -> str:
    """Return a mail address, a `@domain` or a bare domain with its domain as U-labels, for people to read."""
    local, at, domain = address.rpartition("@")
    return f"{local}{at}{domain_for_people(domain)}"


@lru_cache(maxsize=10_000)
def _to_u_label(name: str) -> str:
    try:
        return idna.decode(name)
    except (idna.IDNAError, UnicodeError):
        return name


def mail_address(text: str) -> str:
    """Return the address in lower case with its domain as A-labels.

    Quoted local parts and non-ASCII local parts are refused: the mail store does not take them.
    """
    local, at, domain = text.strip().rpartition("@")
    if not at:
        raise ValueError("a mail address needs an @")
    lower = _local_part(local, _LOCAL_PART)
    if lower is None:
        raise ValueError(
            "the part before the @ may hold letters a-z, digits and . _ + - and starts with a letter or digit"
        )
    return _address(lower, domain)


def _local_part(text: str, pattern: re.Pattern[str]) -> str | None:
    """Return the part before the @ in lower case, or None. Other scripts have letters whose lower case is a-z."""
    lower = text.lower() if text.isascii() else ""
    return lower if len(lower) <= MAX_LOCAL_PART_LENGTH and pattern.match(lower) else None


def _address(local: str, domain: str) -> str:
    address = f"{local}@{domain_name(domain)}"
    if len(address) > MAX_ADDRESS_LENGTH:
        raise ValueError(f"longer than {MAX_ADDRESS_LENGTH} characters")
    return address


def domain_of(address: str) -> str:
    """Return the domain of a normalised mail address."""
    return address.rpartition("@")[2]


def sender_pattern(text: str) -> str:
    """Return a blocked sender: a whole address, or a domain written as `@example.com` (R32).

    Senders' addresses may hold more than those of mailboxes here: what RFC 5321 allows without quotes.
    """
    local, at, domain = text.strip().rpartition("@")
    if at and not local:
        return f"@{domain_name(domain)}"
    lower = _local_part(local, _SENDERS_LOCAL_PART)
    if lower is None:
        raise ValueError("a sender is an address, or a domain written @example.com; quoted addresses are not taken")
    return _address(lower, domain)


def password_hash(text: str) -> str:
    """Return the hash if it is of an accepted scheme (R25). The message never repeats what was given."""
    if not _PASSWORD_SCHEMES.fullmatch(text):
        raise ValueError(
            "not a password hash: send {ARGON2ID}, {BLF-CRYPT} or {SHA512-CRYPT}, never the password itself"
        )
    return text


def _sorted_unique(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(values)))


def _text_only(value: object) -> object:
    if isinstance(value, str):
        return value
    raise ValueError("must be text")


_DOMAIN_SCHEMA = WithJsonSchema(
    {"type": "string", "format": "idn-hostname", "maxLength": 253, "examples": ["nordwind-segel.de"]}
)
_ADDRESS_SCHEMA = WithJsonSchema(
    {"type": "string", "format": "email", "maxLength": 254, "examples": ["anna@nordwind-segel.de"]}
)
_HASH_SCHEMA = WithJsonSchema(
    {"type": "string", "pattern": r"^\{(ARGON2ID|BLF-CRYPT|SHA512-CRYPT)\}\$", "writeOnly": True, "maxLength": 512}
)

AccountId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{1,38}$")]
DomainName = Annotated[str, BeforeValidator(_text_only), AfterValidator(domain_name), _DOMAIN_SCHEMA]
MailAddress = Annotated[str, BeforeValidator(_text_only), AfterValidator(mail_address), _ADDRESS_SCHEMA]
SenderPattern = Annotated[str, StringConstraints(max_length=255), AfterValidator(sender_pattern)]
PasswordHash = Annotated[str, StringConstraints(max_length=512), AfterValidator(password_hash), _HASH_SCHEMA]
Cents = Annotated[int, Field(strict=True, ge=0, le=10**12, description="net EUR cents")]
Bytes = Annotated[int, Field(strict=True, ge=0, le=10**18, description="bytes; GB means 10^9")]
PageSize = Annotated[int, Field(strict=True, ge=1, le=1000)]
PlanCode = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,30}$")]
PackageCode = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,30}$")]
PersonName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=NO_CONTROL_CHARACTERS)
]
GroupName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64, pattern=NO_CONTROL_CHARACTERS)
]
Line = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=NO_CONTROL_CHARACTERS)
]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$"), Field(description="ISO 3166-1, GR for Greece")]
Language = Literal["de", "en"]
Channel = Literal["bus", "api", "console"]
Feature = Literal["backup", "blacklist", "spam_and_virus_protection"]  # R30
Features = Annotated[tuple[Feature, ...], AfterValidator(_sorted_unique)]
