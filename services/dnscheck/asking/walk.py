"""The way from the root to the servers of a zone.

The recursor is not asked: it remembers that a record was absent, the authoritative servers know that it is there.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import dns.name
import dns.rdataclass
import dns.rdatatype
from dns.message import Message
from dns.name import Name
from dns.rdatatype import RdataType
from dns.rrset import RRset

from services.dnscheck.asking.asker import Asker, Reply
from services.dnscheck.asking.budget import Budget
from services.dnscheck.asking.replies import MAX_NAME_SERVERS, find_cut, name_text
from services.dnscheck.observation import NOES, Delegation, DelegationState, Hop, NameServer, ServerAnswer

MAX_ADDRESSES = 8
MAX_DEPTH = 24  # zone cuts on one walk
MAX_NESTING = 3  # walks for the address of a name server of a name server ...
MAX_REMEMBERED = 10_000  # zone cuts kept; far more than a minute needs
DELEGATION_LIFE_SECONDS = 60.0

_SOA = dns.rdatatype.SOA
_ADDRESS_TYPES = (dns.rdatatype.A, dns.rdatatype.AAAA)


@dataclass(frozen=True, slots=True)
class ZoneServers:
    """A zone cut as the parent described it."""

    zone: Name
    servers: tuple[NameServer, ...]
    expires_at: float = 0.0  # event loop time

    def addresses(self) -> list[tuple[NameServer, str]]:
        """Return every address that may be asked, with its server."""
        return [(server, address) for server in self.servers for address in server.addresses]


class Walker:
    """Walks from the root to the servers of a zone, remembering zone cuts for a minute."""

    def __init__(
        self, asker: Asker, root_servers: Iterable[str], *, is_registry: Callable[[str], bool], ipv6: bool
    ) -> None:
        self._asker = asker
        self._root = ZoneServers(dns.name.root, tuple(NameServer("root", (address,)) for address in root_servers))
        self._is_registry = is_registry
        self._address_types = _ADDRESS_TYPES if ipv6 else _ADDRESS_TYPES[:1]
        self._cuts: dict[Name, ZoneServers] = {}

    async def walk(self, name: Name, budget: Budget, nesting: int = 0) -> Delegation:
        """Find the zone `name` belongs to and its servers, asking every zone on the way for the next one."""
        here, start = self._nearest(name), len(budget.asked)
        for _ in range(MAX_DEPTH):
            if not here.addresses():
                return _outcome("could_not_ask", here.zone, here, budget.asked[start:])
            if here.zone == name:
                return _outcome("found", name, here, budget.asked[start:])
            reply = await self._ask_any(here, name, dns.rdatatype.SOA, budget)
            cut = find_cut(reply.message, here.zone, name) if reply.message is not None else None
            if reply.message is None or cut is None or reply.answer.kind != "referral":
                return self._arrive(here, reply, budget.asked[start:])
            here = await self._descend(here, cut, reply.message, budget, nesting)
        return _outcome("could_not_ask", here.zone, here, budget.asked[start:])

    async def ask_all(self, servers: Iterable[NameServer], zone: Name, name: Name, rdtype: RdataType, budget: Budget):
        """Ask every server address of a zone at the same time."""
        questions = [
            self._asker.ask(server, address, zone, name, rdtype, budget)
            for server in servers
            for address in server.addresses
        ]
        return tuple(reply.answer for reply in await asyncio.gather(*questions))

    async def look_up(self, host: Name, budget: Budget) -> Hop:
        """Find a host's address, asking one server of its zone: for IPv6 where there is no other."""
        delegation = await self.walk(host, budget)
        answers: list[ServerAnswer] = []
        if delegation.state == "found":
            servers = ZoneServers(dns.name.from_text(delegation.zone), delegation.servers)
            for rdtype in _ADDRESS_TYPES:
                answers.append((await self._ask_any(servers, host, rdtype, budget)).answer)
                if answers[-1].kind != "nodata":
                    break
        return Hop(name=name_text(host), delegation=delegation, answers=tuple(answers))

    def forget(self, name: Name) -> None:
        """Drop what is remembered about the way to `name` below the registry: the next attempt asks anew."""
        while name != dns.name.root and not self._is_registry(name_text(name)):
            self._cuts.pop(name, None)
            name = name.parent()

    def _nearest(self, name: Name) -> ZoneServers:
        now = asyncio.get_running_loop().time()
        while name != dns.name.root:
            cut = self._cuts.get(name)
            if cut is not None and cut.expires_at > now:
                return cut
            name = name.parent()
        return self._root

    async def _ask_any(self, here: ZoneServers, name: Name, rdtype: RdataType, budget: Budget) -> Reply:
        """Ask the zone's servers until one says something usable: each once, then each with all its tries."""
        reply: Reply | None = None
        waiting = here.addresses()
        secrets.SystemRandom().shuffle(waiting)
        for tries in (1, None):
            troubled: list[tuple[NameServer, str]] = []
            for server, address in waiting:
                reply = await self._asker.ask(server, address, here.zone, name, rdtype, budget, tries=tries)
                budget.asked.append(reply.answer)
                if reply.answer.kind in ("answer", "nxdomain", "nodata", "referral"):
                    return reply
                if reply.answer.kind in ("timeout", "servfail", "malformed"):
                    troubled.append((server, address))
            waiting = troubled
        assert reply is not None, "a zone without addresses is never asked"
        return reply

    def _arrive(self, here: ZoneServers, reply: Reply, asked: list[ServerAnswer]) -> Delegation:
        if reply.message is None or not reply.answer.aa or reply.answer.kind not in ("answer", "nxdomain", "nodata"):
            return _outcome("could_not_ask", here.zone, here, asked)
        # One server may hold parent and child: the SOA says which zone answered.
        owners = [rrset.name for rrset in (*reply.message.answer, *reply.message.authority) if rrset.rdtype == _SOA]
        zone = next((owner for owner in owners if owner.is_subdomain(here.zone)), here.zone)
        # A name that is there without a delegation holds its records in the registry's own zone.
        absent = reply.answer.kind == "nxdomain" and self._is_registry(name_text(zone))
        return _outcome("not_registered" if absent else "found", zone, here, asked)

    async def _descend(
        self, here: ZoneServers, cut: RRset, message: Message, budget: Budget, nesting: int
    ) -> ZoneServers:
        hosts = sorted(rdata.target for rdata in cut)[:MAX_NAME_SERVERS]
        found = await asyncio.gather(
            *(self._name_server(host, here, cut.name, message, budget, nesting) for host in hosts)
        )
        seen: list[str] = []
        servers: list[NameServer] = []
        for server in found:
            fresh = [address for address in server.addresses if address not in seen][: MAX_ADDRESSES - len(seen)]
            seen += fresh
            servers.append(replace(server, addresses=tuple(fresh)))
        expires_at = asyncio.get_running_loop().time() + DELEGATION_LIFE_SECONDS
        below = ZoneServers(cut.name, tuple(servers), expires_at)
        if seen:
            if len(self._cuts) >= MAX_REMEMBERED:
                self._cuts.clear()
            self._cuts[cut.name] = below
        return below

    async def _name_server(
        self, host: Name, here: ZoneServers, cut: Name, message: Message, budget: Budget, nesting: int
    ) -> NameServer:
        """A name server's addresses: glue where the referring zone may speak for the host, else a walk of its own."""
        if host.is_subdomain(here.zone) and (glue := _addresses_in(message.additional, host, self._address_types)):
            return NameServer(name_text(host), glue)
        if host.is_subdomain(cut):
            has_other_glue = bool(_addresses_in(message.additional, host, _ADDRESS_TYPES))
            return NameServer(name_text(host), is_absent=not has_other_glue)
        return await self.name_server(host, budget, nesting)

    async def name_server(self, host: Name, budget: Budget, nesting: int = 0) -> NameServer:
        """Find a name server's addresses by a walk of its own."""
        if nesting >= MAX_NESTING or budget.unresolved <= 0:
            return NameServer(name_text(host))
        found, is_absent = await self._look_up_addresses(host, budget, nesting)
        budget.unresolved -= not found
        return NameServer(name_text(host), found, is_absent=is_absent and not found)

    async def _look_up_addresses(self, host: Name, budget: Budget, nesting: int) -> tuple[tuple[str, ...], bool]:
        """A host's addresses of the types that are used, and whether it surely has none of any type."""
        delegation = await self.walk(host, budget, nesting + 1)
        if delegation.state != "found":
            return (), delegation.state == "not_registered"
        servers = ZoneServers(dns.name.from_text(delegation.zone), delegation.servers)
        found: tuple[str, ...] = ()
        is_absent = True
        for rdtype in _ADDRESS_TYPES:
            if rdtype not in self._address_types and (found or not is_absent):
                continue  # only asked to tell a host without addresses from one that is not reached from here
            reply = await self._ask_any(servers, host, rdtype, budget)
            told = _addresses_in(reply.message.answer if reply.answer.aa and reply.message else (), host, (rdtype,))
            is_absent = is_absent and not told and reply.answer.aa and reply.answer.kind in NOES
            found += told if rdtype in self._address_types else ()
        return found, is_absent


def _outcome(state: DelegationState, zone: Name, here: ZoneServers, asked: list[ServerAnswer]) -> Delegation:
    return Delegation(state=state, zone=name_text(zone), servers=here.servers, asked=tuple(asked))


def _addresses_in(section: Iterable[RRset], host: Name, rdtypes: Sequence[RdataType]) -> tuple[str, ...]:
    """IN addresses only: in other classes an A record holds something else."""
    wanted = [rrset for rrset in section if rrset.name == host and rrset.rdtype in rdtypes]
    return tuple(rdata.address for rrset in wanted if rrset.rdclass == dns.rdataclass.IN for rdata in rrset)
