"""The way from the root to the servers of a zone.

The recursor is not asked: it remembers that a record was absent, the authoritative servers know that it is there.
What is remembered, and for how long, is `delegations.py`'s business.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import dns.name
import dns.rdatatype
from dns.message import Message
from dns.name import Name
from dns.rdatatype import RdataType
from dns.rrset import RRset

from services.dnscheck.asking.asker import Asker, Reply
from services.dnscheck.asking.budget import Budget
from services.dnscheck.asking.delegations import MAX_ZONE_SECONDS, SHORTEST_HOST_SECONDS, Delegations, ZoneServers
from services.dnscheck.asking.flights import Circle, Flights
from services.dnscheck.asking.referrals import addresses_in, read_referral, with_few_addresses
from services.dnscheck.asking.replies import find_cut, name_text
from services.dnscheck.observation import NOES, Delegation, DelegationState, Hop, NameServer, ServerAnswer

MAX_DEPTH = 24  # zone cuts on one walk
MAX_NESTING = 3  # walks for the address of a name server of a name server ...
ALL_TRIES = (1, None)  # each address once, then those in trouble as often as the asker would
FEW_TRIES = (1, 2)  # for a name server's address: there are other name servers

_SOA = dns.rdatatype.SOA
_ADDRESS_TYPES = (dns.rdatatype.A, dns.rdatatype.AAAA)
_USABLE = ("answer", "nxdomain", "nodata", "referral")
_MAY_RECOVER = ("timeout", "servfail", "malformed")


@dataclass(slots=True)
class _Place:
    """A place among the name servers that an attempt may find to be without address; its walk may lose it."""

    held: int = 1


@dataclass(frozen=True, slots=True)
class _Course:
    """On whose behalf is walked: the attempt that pays, how old what is used may be, and from within which work."""

    budget: Budget
    not_before: float  # of `Budget.now`
    nesting: int = 0
    place: _Place = field(default_factory=lambda: _Place(0))
    work: Hashable = None

    def for_hosts(self) -> _Course:
        """Name servers may be remembered from other looks, but for one that somebody waits for."""
        not_before = self.budget.begun_at if self.budget.insistent else 0.0
        return replace(self, not_before=not_before, nesting=self.nesting + 1)

    @property
    def tries(self) -> Sequence[int | None]:
        """Return how often servers are asked, and again."""
        return FEW_TRIES if self.nesting else ALL_TRIES


@dataclass(frozen=True, slots=True)
class _Step:
    """From one zone's servers to those below, or where the walk ended. `is_cut_short` by a limit of who walked."""

    below: ZoneServers | None
    state: DelegationState = "found"
    zone: Name = dns.name.root
    asked: tuple[ServerAnswer, ...] = ()
    is_cut_short: bool = False


@dataclass(frozen=True, slots=True)
class _Host:
    """A name server as it was found, for how long that counts, and the places that are left of the one it took."""

    server: NameServer
    asked: tuple[ServerAnswer, ...] = ()
    life_seconds: float = SHORTEST_HOST_SECONDS
    is_cut_short: bool = False
    places: int = 0


class Walker:
    """Walks from the root to the servers of a zone. What several look for at the same time is looked for once."""

    def __init__(
        self, asker: Asker, root_servers: Iterable[str], *, is_registry: Callable[[str], bool], ipv6: bool
    ) -> None:
        self._asker = asker
        self._root = ZoneServers(dns.name.root, tuple(NameServer("root", (address,)) for address in root_servers))
        self._used_types = _ADDRESS_TYPES if ipv6 else _ADDRESS_TYPES[:1]
        self._known = Delegations(is_registry)
        self._flights: Flights[Any] = Flights()

    async def walk(self, name: Name, budget: Budget) -> Delegation:
        """Find the zone `name` belongs to and its servers, by a walk of this attempt's own below the registry."""
        return await self._walk(name, _Course(budget, budget.begun_at))

    async def ask_all(
        self, servers: Iterable[NameServer], zone: Name, name: Name, rdtype: RdataType, budget: Budget
    ) -> tuple[ServerAnswer, ...]:
        """Ask every server address of a zone at the same time."""
        questions = [
            self._asker.ask(server, address, zone, name, rdtype, budget)
            for server in servers
            for address in server.addresses
        ]
        return tuple(reply.answer for reply in await asyncio.gather(*questions))

    async def ask_one(
        self, delegation: Delegation, name: Name, rdtype: RdataType, budget: Budget
    ) -> ServerAnswer | None:
        """Ask the servers of a zone until one says something usable; None where there is nobody to ask."""
        servers = _servers_of(delegation)
        if delegation.state != "found" or not servers.addresses():
            return None
        reply, _ = await self._ask_any(servers, name, rdtype, budget)
        return reply.answer

    def registered_name(self, domain: str) -> str:
        """Return the name directly below a registry that a domain belongs to; a registry's own name as it is."""
        labels = domain.split(".")
        for start in range(1, len(labels)):
            if self._known.is_registry(dns.name.from_text(".".join(labels[start:]))):
                return ".".join(labels[start - 1 :])
        return domain

    async def look_up(self, host: Name, budget: Budget) -> Hop:
        """Find a host's address, asking one server of its zone: for IPv6 where there is no other."""
        delegation = await self.walk(host, budget)
        answers: list[ServerAnswer] = []
        if delegation.state == "found":
            servers = _servers_of(delegation)
            for rdtype in _ADDRESS_TYPES:
                reply, _ = await self._ask_any(servers, host, rdtype, budget)
                answers.append(reply.answer)
                if reply.answer.kind != "nodata":
                    break
        return Hop(name=name_text(host), delegation=delegation, answers=tuple(answers))

    async def name_server(self, host: Name, budget: Budget) -> NameServer:
        """Find a name server's addresses by a walk of its own."""
        found = await self._look_for([host], _Course(budget, budget.begun_at).for_hosts())
        return found[0].server if found else NameServer(name_text(host))

    def forget(self, name: Name) -> None:
        """Doubt what is remembered about the way to `name` below the registry; the next attempt asks anew."""
        self._known.doubt(name)

    # --- from zone to zone -----------------------------------------------------------------------------------------

    async def _walk(self, name: Name, course: _Course) -> Delegation:
        reached, here = self._known.nearest(name, _now(), course.not_before) or (dns.name.root, self._root)
        asked: list[ServerAnswer] = []
        for _ in range(MAX_DEPTH):
            if not here.addresses():
                return _outcome("could_not_ask", here.zone, here, asked)
            if here.zone == name:
                return _outcome("found", name, here, asked)
            target = self._next_target(name, reached)
            step = await self._share_step(here, target, target != name, course)
            asked += step.asked
            if step.below is None:
                return _outcome(step.state, step.zone, here, asked)
            here, reached = step.below, target if step.below.zone == here.zone else step.below.zone
        course.budget.ran_out_of("depth")
        return _outcome("could_not_ask", here.zone, here, asked)

    def _next_target(self, name: Name, reached: Name) -> Name:
        """Ask for the next registry on the way first: all domains below it share the answer."""
        for labels in range(len(reached.labels) + 1, len(name.labels)):
            above = name.split(labels)[1]
            if self._known.is_registry(above):
                return above
        return name

    async def _share_step(self, here: ZoneServers, target: Name, is_on_the_way: bool, course: _Course) -> _Step:
        key = (here.zone, target, is_on_the_way)
        while True:
            try:
                step, is_own = await self._flights.share(
                    key,
                    lambda: self._step(here, target, is_on_the_way, replace(course, work=key)),
                    course.work,
                    seconds=course.budget.remaining_seconds(),
                )
            except (Circle, TimeoutError):  # whose time is up ends at once
                return await self._step(here, target, is_on_the_way, course)
            if is_own or not step.is_cut_short or course.budget.limits:
                return step  # else it was another's limit: this attempt has its own

    async def _step(self, here: ZoneServers, target: Name, is_on_the_way: bool, course: _Course) -> _Step:
        reply, asked = await self._ask_any(here, target, _SOA, course.budget, course.tries)
        message, kind = reply.message, reply.answer.kind
        cut = find_cut(message, here.zone, target) if message is not None else None
        if message is not None and cut is not None and kind == "referral":
            return await self._descend(here, cut, message, asked, course)
        if is_on_the_way and reply.answer.aa and kind in NOES:
            if kind != "nxdomain":  # the same servers go on: they hold both zones, or there is no zone in between
                self._known.learn_zone(target, here, _now(), MAX_ZONE_SECONDS)
            return _Step(here, asked=asked)
        return replace(self._arrive(here, reply), asked=asked, is_cut_short=bool(course.budget.limits))

    def _arrive(self, here: ZoneServers, reply: Reply) -> _Step:
        if reply.message is None or not reply.answer.aa or reply.answer.kind not in NOES:
            return _Step(None, "could_not_ask", here.zone)
        # One server may hold parent and child: the SOA says which zone answered.
        owners = [rrset.name for rrset in (*reply.message.answer, *reply.message.authority) if rrset.rdtype == _SOA]
        zone = next((owner for owner in owners if owner.is_subdomain(here.zone)), here.zone)
        # A name that is there without a delegation holds its records in the registry's own zone.
        is_absent = reply.answer.kind == "nxdomain" and self._known.is_registry(zone)
        return _Step(None, "not_registered" if is_absent else "found", zone)

    async def _descend(
        self, here: ZoneServers, cut: RRset, message: Message, asked: tuple[ServerAnswer, ...], course: _Course
    ) -> _Step:
        told, left = read_referral(message, cut, here.zone, self._used_types, _ADDRESS_TYPES)
        found = await self._look_for(left, course.for_hosts())
        servers = sorted((*told, *(host.server for host in found)), key=lambda server: server.host)
        below = ZoneServers(cut.name, with_few_addresses(servers))
        is_cut_short = bool(course.budget.limits)
        if below.addresses() and not is_cut_short:
            life_seconds = min([float(cut.ttl), *(host.life_seconds for host in found)])
            self._known.learn_zone(cut.name, below, _now(), life_seconds)
        asked += tuple(answer for host in found for answer in host.asked)
        return _Step(below, asked=asked, is_cut_short=is_cut_short)

    async def _ask_any(
        self,
        here: ZoneServers,
        name: Name,
        rdtype: RdataType,
        budget: Budget,
        tries: Sequence[int | None] = ALL_TRIES,
    ) -> tuple[Reply, tuple[ServerAnswer, ...]]:
        """Ask the zone's servers until one says something usable: each once, then those that may recover."""
        reply: Reply | None = None
        asked: list[ServerAnswer] = []
        waiting = here.addresses()
        secrets.SystemRandom().shuffle(waiting)
        for most in tries:
            troubled: list[tuple[NameServer, str]] = []
            for server, address in waiting:
                reply = await self._asker.ask(server, address, here.zone, name, rdtype, budget, tries=most)
                asked.append(reply.answer)
                if reply.answer.kind in _USABLE:
                    return reply, tuple(asked)
                if reply.answer.kind in _MAY_RECOVER:
                    troubled.append((server, address))
            waiting = troubled
        assert reply is not None, "a zone without addresses is never asked"
        if not budget.limits:
            self._known.forget_zone(here.zone)
        return reply, tuple(asked)

    # --- name servers ----------------------------------------------------------------------------------------------

    async def _look_for(self, hosts: Sequence[Name], course: _Course) -> list[_Host]:
        """Find the addresses of name servers, as many at the same time as may still prove to be without one."""
        budget, lent = course.budget, course.place.held
        waiting, held, found = list(hosts), lent, list[_Host]()
        while waiting:
            held += budget.take_names(len(waiting) - held)
            if not held:
                budget.ran_out_of("name_servers")
                break
            wave, waiting = waiting[:held], waiting[held:]
            looked_for = await asyncio.gather(*(self._share_host(host, course) for host in wave))
            held += sum(host.places for host in looked_for) - len(wave)
            found += looked_for
        course.place.held = min(held, lent)
        budget.names += held - course.place.held
        return found

    async def _share_host(self, host: Name, course: _Course) -> _Host:
        remembered = self._known.host(host, _now(), course.not_before)
        if remembered is not None:
            server, life_seconds = remembered
            return _Host(server, life_seconds=life_seconds, places=1 if server.addresses else 0)
        if course.nesting > MAX_NESTING:
            course.budget.ran_out_of("depth")
            return _Host(NameServer(name_text(host)), is_cut_short=True)
        while True:
            try:
                found, is_own = await self._flights.share(
                    host,
                    lambda: self._host(host, replace(course, work=host)),
                    course.work,
                    seconds=course.budget.remaining_seconds(),
                )
            except (Circle, TimeoutError):
                return await self._host(host, course)
            if is_own:
                return found
            if not found.is_cut_short or course.budget.limits:
                return replace(found, places=1 if found.server.addresses else 0)

    async def _host(self, host: Name, course: _Course) -> _Host:
        place = _Place()
        found, is_absent, asked, ttl = await self._look_up_addresses(host, replace(course, place=place))
        server = NameServer(name_text(host), found, is_absent=is_absent and not found)
        is_cut_short = bool(course.budget.limits) and not found
        life_seconds = SHORTEST_HOST_SECONDS
        if found or server.is_absent:
            life_seconds = self._known.learn_host(host, server, _now(), ttl)
        return _Host(server, asked, life_seconds, is_cut_short, place.held if found else 0)

    async def _look_up_addresses(
        self, host: Name, course: _Course
    ) -> tuple[tuple[str, ...], bool, tuple[ServerAnswer, ...], float]:
        """A host's addresses of the types that are used, whether it surely has none of any type, and for how long."""
        delegation = await self._walk(host, course)
        asked, found, ttls = delegation.asked, tuple[str, ...](), list[float]()
        if delegation.state != "found" or (asked and asked[-1].name == name_text(host) and _is_nobody(asked[-1])):
            return (), delegation.state != "could_not_ask", asked, 0.0
        is_absent = True
        for rdtype in _ADDRESS_TYPES:
            if rdtype not in self._used_types and (found or not is_absent):
                continue  # only asked to tell a host without addresses from one that is not reached from here
            reply, more = await self._ask_any(_servers_of(delegation), host, rdtype, course.budget, FEW_TRIES)
            section = reply.message.answer if reply.answer.aa and reply.message else ()
            told, ttl = addresses_in(section, host, (rdtype,))
            is_absent = is_absent and not told and reply.answer.aa and reply.answer.kind in NOES
            found += told if rdtype in self._used_types else ()
            ttls += [ttl] if ttl is not None else []
            asked += more
        return found, is_absent, asked, min(ttls, default=0.0)


def _outcome(state: DelegationState, zone: Name, here: ZoneServers, asked: Iterable[ServerAnswer]) -> Delegation:
    return Delegation(state=state, zone=name_text(zone), servers=here.servers, asked=tuple(asked))


def _is_nobody(answer: ServerAnswer) -> bool:
    return answer.aa and answer.kind == "nxdomain"


def _servers_of(delegation: Delegation) -> ZoneServers:
    return ZoneServers(dns.name.from_text(delegation.zone), delegation.servers)


def _now() -> float:
    return Budget.now()
