"""Look at a domain's TXT proof and MX records where they are true: at every authoritative server of its zone.

An observation records what was asked, of whom, and what each server said; what it means is `diagnosis.py`'s business.
DNS trouble is an observation, never an exception.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import dns.exception
import dns.name
import dns.rdatatype
from dns.name import Name
from dns.rdatatype import RdataType

from services.dnscheck.diagnosis import Delegation, Hop, MxObservation, NameServer, ServerAnswer, TxtObservation
from services.dnscheck.walk import Asker, Budget, IPNetwork, Walker, name_text

MAX_CNAMES = 8  # more is a loop in practice
ATTEMPT_SECONDS = 15.0
TIMEOUTS_SECONDS = (0.8, 1.6, 3.2)  # per try: one lost datagram must not eat the attempt
TCP_TIMEOUT_SECONDS = 5.0
IN_FLIGHT = 500  # questions at a time over all attempts
OTHER_TYPES = (
    dns.rdatatype.A,
    dns.rdatatype.MX,
    dns.rdatatype.NS,
)  # what people publish instead; an alias shows by itself


def is_top_level(zone: str) -> bool:
    """The plain guess which zones are registries'; pass a public suffix list's knowledge where it is at hand."""
    return "." not in zone


class Resolver:
    """Asks the authoritative servers of a domain; one instance serves any number of attempts at the same time."""

    def __init__(
        self,
        root_servers: Sequence[str],
        port: int = 53,
        allow_networks: Iterable[str | IPNetwork] = (),
        *,
        timeouts_seconds: Sequence[float] = TIMEOUTS_SECONDS,
        tcp_timeout_seconds: float = TCP_TIMEOUT_SECONDS,
        attempt_seconds: float = ATTEMPT_SECONDS,
        is_registry: Callable[[str], bool] = is_top_level,
        ipv6: bool = False,
    ) -> None:
        """Start every walk at `root_servers`, all on `port`; `allow_networks` opens private networks for tests.

        `is_registry` says of a zone that a name absent from it is not registered. Without `ipv6` only IPv4 is used.
        """
        self._attempt_seconds = attempt_seconds
        asker = Asker(
            port=port,
            allow_networks=[ipaddress.ip_network(network) for network in allow_networks],
            timeouts_seconds=timeouts_seconds,
            tcp_timeout_seconds=tcp_timeout_seconds,
            in_flight=IN_FLIGHT,
        )
        self._walker = Walker(asker, root_servers, is_registry=is_registry, ipv6=ipv6)

    async def observe_txt(self, domain: str, challenge_name: str, *, deep: bool = False) -> TxtObservation:
        """Ask every server of the domain for the challenge; the domain's own name counts too where that is empty.

        `deep` also looks in the wrong places (the name doubled, other record types) and at every server's SOA serial.
        Names are complete A-labels.
        """
        started = time.perf_counter()
        apex, challenge = dns.name.from_text(domain), dns.name.from_text(challenge_name)
        budget = self._budget()
        delegation, answers = await self._ask_zone(apex, challenge, dns.rdatatype.TXT, budget)
        hops = await self._follow(challenge, answers, dns.rdatatype.TXT, budget)
        at_apex: tuple[ServerAnswer, ...] = ()
        elsewhere: tuple[ServerAnswer, ...] = ()
        if deep or not any(answer.values for answer in answers):
            at_apex = await self._ask_all(delegation, apex, dns.rdatatype.TXT, budget)
        if deep:
            elsewhere = await self._look_elsewhere(delegation, apex, challenge, answers, budget)
            answers = await self._with_serials(delegation, answers, budget)
        if not answers or any(answer.kind != "answer" for answer in answers):
            self._walker.forget(apex)  # the customer may be moving the domain right now
        return TxtObservation(
            domain=name_text(apex),
            name=name_text(challenge),
            delegation=delegation,
            answers=answers,
            hops=hops,
            apex=at_apex,
            elsewhere=elsewhere,
            elapsed_ms=(time.perf_counter() - started) * 1000,
        )

    async def observe_mx(self, domain: str) -> MxObservation:
        """Ask every server of the domain for its MX records."""
        started = time.perf_counter()
        apex = dns.name.from_text(domain)
        budget = self._budget()
        delegation, answers = await self._ask_zone(apex, apex, dns.rdatatype.MX, budget)
        if not answers or any(answer.kind != "answer" for answer in answers):
            self._walker.forget(apex)
        return MxObservation(
            domain=name_text(apex),
            delegation=delegation,
            answers=answers,
            elapsed_ms=(time.perf_counter() - started) * 1000,
        )

    def forget(self, domain: str) -> None:
        """Drop the remembered delegation of `domain`; call it after every attempt that confirmed nothing."""
        self._walker.forget(dns.name.from_text(domain))

    def _budget(self) -> Budget:
        return Budget(ends_at=asyncio.get_running_loop().time() + self._attempt_seconds)

    async def _ask_zone(
        self, domain: Name, name: Name, rdtype: RdataType, budget: Budget
    ) -> tuple[Delegation, tuple[ServerAnswer, ...]]:
        """Walk to the zone of `domain` and ask its servers for `name`, one zone further down where they refer there."""
        delegation = await self._walker.walk(domain, budget)
        answers = await self._ask_all(delegation, name, rdtype, budget)
        if any(answer.kind == "referral" for answer in answers):
            further = await self._walker.walk(name, budget)
            answers = await self._ask_all(further, name, rdtype, budget) or answers
        return delegation, answers

    async def _ask_all(
        self, delegation: Delegation, name: Name, rdtype: RdataType, budget: Budget
    ) -> tuple[ServerAnswer, ...]:
        if delegation.state != "found":
            return ()
        zone = dns.name.from_text(delegation.zone)
        return await self._walker.ask_all(delegation.servers, zone, name, rdtype, budget)

    async def _follow(
        self, start: Name, answers: Iterable[ServerAnswer], rdtype: RdataType, budget: Budget
    ) -> tuple[Hop, ...]:
        """Follow every alias by a walk of its own; a server's word about another zone is worth nothing."""
        hops: dict[str, Hop] = {}
        pending = sorted({answer.cname for answer in answers if answer.cname})
        while pending and len(hops) < MAX_CNAMES:
            target = pending.pop()
            name = dns.name.from_text(target)
            delegation, found = await self._ask_zone(name, name, rdtype, budget)
            hops[target] = Hop(name=target, delegation=delegation, answers=found)
            known = {*hops, *pending, name_text(start)}
            pending += sorted({answer.cname for answer in found if answer.cname} - known)
        return tuple(hops.values())

    async def _look_elsewhere(
        self, delegation: Delegation, domain: Name, challenge: Name, answers: Sequence[ServerAnswer], budget: Budget
    ) -> tuple[ServerAnswer, ...]:
        """Where records land by mistake. One server is enough: this explains a no and never makes a yes."""
        speaking = next((answer for answer in answers if answer.aa), None)
        if speaking is None:
            return ()
        zone = dns.name.from_text(delegation.zone)
        questions = [(name, dns.rdatatype.TXT) for name in _doubled_names(challenge, {domain, zone})]
        if speaking.kind == "nodata":
            questions += [(challenge, rdtype) for rdtype in OTHER_TYPES]
        server = (NameServer(speaking.server, (speaking.address,)),)
        found = await asyncio.gather(
            *(self._walker.ask_all(server, zone, name, rdtype, budget) for name, rdtype in questions)
        )
        return tuple(answer for answers in found for answer in answers)

    async def _with_serials(
        self, delegation: Delegation, answers: tuple[ServerAnswer, ...], budget: Budget
    ) -> tuple[ServerAnswer, ...]:
        """Add the SOA serials to yes answers, which do not carry one: they show which server lags behind."""
        if all(answer.serial is not None or not answer.aa for answer in answers):
            return answers
        zone = dns.name.from_text(delegation.zone)
        serials = {
            answer.address: int(answer.values[0])
            for answer in await self._ask_all(delegation, zone, dns.rdatatype.SOA, budget)
            if answer.values
        }
        return tuple(replace(answer, serial=answer.serial or serials.get(answer.address)) for answer in answers)


def _doubled_names(challenge: Name, appended: Iterable[Name]) -> list[Name]:
    """The challenge with the domain or zone appended once more, as providers' forms do; too long ones cannot exist."""
    names: list[Name] = []
    for suffix in sorted(appended):
        try:
            names.append(challenge.relativize(dns.name.root).concatenate(suffix))
        except dns.exception.DNSException:
            continue
    return names
