"""What one attempt saw: the answers of servers, taken apart from what they mean."""

from __future__ import annotations

from dataclasses import dataclass
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
    strangers: tuple[ServerAnswer, ...] = ()  # of servers that the zone names and its parent does not
    elapsed_ms: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MxObservation:
    """What one attempt at the MX records saw, of every server."""

    domain: str
    delegation: Delegation
    answers: tuple[ServerAnswer, ...] = ()
    targets: tuple[Hop, ...] = ()  # the addresses of foreign mail servers
    addresses: tuple[ServerAnswer, ...] = ()  # of the domain itself, where it has no MX record
    elapsed_ms: float = 0.0


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
