"""What a referral says: whom the zone below is entrusted to, and which of their addresses count. Pure reading."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice, zip_longest

import dns.rdataclass
from dns.message import Message
from dns.name import Name
from dns.rdatatype import RdataType
from dns.rrset import RRset

from services.dnscheck.asking.replies import MAX_NAME_SERVERS, name_text
from services.dnscheck.observation import NameServer

MAX_ADDRESSES = 8  # of one zone that are asked, and of one host that are remembered


def read_referral(
    message: Message, cut: RRset, zone: Name, used: Sequence[RdataType], known: Sequence[RdataType]
) -> tuple[list[NameServer], list[Name]]:
    """Return the name servers whose addresses the referral itself tells, and the names that are left to look for.

    A zone's servers may speak for hosts in that zone; of others, what they add is worth nothing. A host inside the zone
    below is nowhere to be found without glue: it is absent. Those that may have addresses come first.
    """
    glued: list[NameServer] = []
    without: list[NameServer] = []
    left: list[Name] = []
    added: dict[Name, list[RRset]] = {}  # looked into once: a hostile referral names hundreds of hosts
    for rrset in message.additional:
        added.setdefault(rrset.name, []).append(rrset)
    for host in sorted(rdata.target for rdata in cut):
        beside = added.get(host, ())
        glue = addresses_in(beside, host, used)[0] if host.is_subdomain(zone) else ()
        if glue:
            glued.append(NameServer(name_text(host), glue))
        elif host.is_subdomain(cut.name):
            other_glue = addresses_in(beside, host, known)[0]
            without.append(NameServer(name_text(host), is_absent=not other_glue))
        else:
            left.append(host)
    glued, left = glued[:MAX_NAME_SERVERS], left[: max(0, MAX_NAME_SERVERS - len(glued))]
    return [*glued, *without[: MAX_NAME_SERVERS - len(glued) - len(left)]], left


def addresses_in(
    section: Iterable[RRset], host: Name, rdtypes: Sequence[RdataType]
) -> tuple[tuple[str, ...], float | None]:
    """Return a host's first addresses and the shortest TTL of all.

    IN only: in other classes an A record holds something else.
    """
    wanted = [
        rrset
        for rrset in section
        if rrset.name == host and rrset.rdtype in rdtypes and rrset.rdclass == dns.rdataclass.IN
    ]
    addresses = tuple(islice((rdata.address for rrset in wanted for rdata in rrset), MAX_ADDRESSES))
    return addresses, min((float(rrset.ttl) for rrset in wanted), default=None)


def with_few_addresses(servers: Sequence[NameServer], most: int = MAX_ADDRESSES) -> tuple[NameServer, ...]:
    """Keep each address once and not too many: the first of every server before the second of any."""
    kept: list[tuple[NameServer, str]] = []
    columns = zip_longest(*([(server, address) for address in server.addresses] for server in servers))
    for pair in (pair for column in columns for pair in column if pair is not None):
        if pair[1] not in (address for _, address in kept) and len(kept) < most:
            kept.append(pair)
    return tuple(
        replace(server, addresses=tuple(address for holder, address in kept if holder is server)) for server in servers
    )
