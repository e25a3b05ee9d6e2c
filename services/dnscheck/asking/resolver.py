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

from services.dnscheck.asking.addresses import IPNetwork
from services.dnscheck.asking.asker import Asker
from services.dnscheck.asking.budget import Budget
from services.dnscheck.asking.mailrecords import observe_mail
from services.dnscheck.asking.referrals import with_few_addresses
from services.dnscheck.asking.replies import name_text
from services.dnscheck.asking.restraint import DEFAULT_RATES, Rates
from services.dnscheck.asking.walk import Walker
from services.dnscheck.observation import (
    Delegation,
    Hop,
    MailObservation,
    MxObservation,
    NameServer,
    ServerAnswer,
    TxtObservation,
    wrong_names,
)
from services.dnscheck.records import ExpectedMail

MAX_STRANGERS = 4  # servers outside the delegation that are asked too
MAX_TARGETS = 5  # mail servers looked at
ONE_CLICK_LABEL = "_domainconnect"
ADDRESS_TYPES = (dns.rdatatype.A, dns.rdatatype.AAAA)
MAX_CNAMES = 8  # more is a loop in practice
ATTEMPT_SECONDS = 15.0
TIMEOUTS_SECONDS = (0.8, 1.6, 3.2)  # per try: one lost datagram must not eat the attempt
TCP_TIMEOUT_SECONDS = 5.0
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
        rates: Rates = DEFAULT_RATES,
    ) -> None:
        """Start every walk at `root_servers`, all on `port`; `allow_networks` opens private networks for tests.

        `is_registry` says of a zone that a name absent from it is not registered. Without `ipv6` only IPv4 is used.
        `close` it when it has done its work: it holds sockets.
        """
        self._attempt_seconds = attempt_seconds
        self._asker = Asker(
            port=port,
            allow_networks=[ipaddress.ip_network(network) for network in allow_networks],
            timeouts_seconds=timeouts_seconds,
            tcp_timeout_seconds=tcp_timeout_seconds,
            rates=rates,
            is_registry=is_registry,
        )
        self._walker = Walker(self._asker, root_servers, is_registry=is_registry, ipv6=ipv6)

    def close(self) -> None:
        """Close the sockets; questions that are out hear silence."""
        self._asker.close()

    async def observe_txt(
        self,
        domain: str,
        challenge_name: str,
        *,
        deep: bool = False,
        sibling: str = "",
        seen_servers: Sequence[str] = (),
        insistent: bool = False,
        is_proof: Callable[[str], bool] = bool,
    ) -> TxtObservation:
        """Ask every server of the domain for the challenge; the domain's own name counts too where it has no proof.

        `is_proof` says whether a value may be one, by default any: others may stand at the challenge as well.
        `deep` also looks in the wrong places (wrong names, other record types, servers that only the zone itself names)
        and at every server's SOA serial; with `sibling`, a label that nobody can have made, also whether a wildcard
        answers; and of `seen_servers`, in charge at earlier looks, at those that no longer are. `insistent`, because
        somebody waits, also asks servers that are left alone for their silence, and uses nothing that other looks have
        learned but registries. Names are complete A-labels.
        """
        started = time.perf_counter()
        apex, challenge = dns.name.from_text(domain), dns.name.from_text(challenge_name)
        budget = self._budget(insistent)
        delegation, delegated, answers = await self._ask_zone(apex, challenge, dns.rdatatype.TXT, budget)
        hops = await self._follow(challenge, answers, dns.rdatatype.TXT, budget)
        at_apex: tuple[ServerAnswer, ...] = ()
        elsewhere: tuple[ServerAnswer, ...] = ()
        beside: tuple[ServerAnswer, ...] = ()
        strangers: tuple[ServerAnswer, ...] = ()
        one_click: tuple[ServerAnswer, ...] = ()
        if deep or not any(is_proof(value) for answer in answers for value in answer.values):
            at_apex = await self._ask_all(_without_silent(delegation, answers), apex, dns.rdatatype.TXT, budget)
        # A delegated challenge is answered by servers that know nothing of the names beside it.
        speaking = next((answer for answer in answers if answer.aa and delegated is None), None)
        if deep and speaking is not None:
            elsewhere = await self._look_elsewhere(delegation, apex, challenge, speaking, budget)
            beside = await self._look_beside(delegation, challenge, sibling, speaking, budget)
            strangers = await self._ask_strangers(delegation, challenge, seen_servers, speaking, budget)
            one_click = await self._ask_for_one_click(delegation, speaking, budget)
        if deep:
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
            sibling=beside,
            delegated=delegated,
            strangers=strangers,
            domain_connect=one_click,
            limits=tuple(budget.limits),
            elapsed_ms=(time.perf_counter() - started) * 1000,
        )

    async def observe_mx(self, domain: str, ours: Iterable[str] = (), *, insistent: bool = False) -> MxObservation:
        """Ask every server of the domain for its MX records, and look at the hosts they name except `ours`.

        Where there is no MX record, mail goes to the domain's own address: that is asked for too. `insistent` is as for
        the proof.
        """
        started = time.perf_counter()
        apex = dns.name.from_text(domain)
        budget = self._budget(insistent)
        delegation, _, answers = await self._ask_zone(apex, apex, dns.rdatatype.MX, budget)
        targets = await self._look_at_targets(answers, ours, budget)
        lacking = next((answer for answer in answers if answer.aa and answer.kind == "nodata"), None)
        addresses: tuple[ServerAnswer, ...] = ()
        if lacking is not None:
            questions = [(apex, rdtype) for rdtype in ADDRESS_TYPES]
            addresses = await self._ask_one(delegation, questions, lacking, budget)
        if not answers or any(answer.kind != "answer" for answer in answers):
            self._walker.forget(apex)
        return MxObservation(
            domain=name_text(apex),
            delegation=delegation,
            answers=answers,
            targets=targets,
            addresses=addresses,
            limits=tuple(budget.limits),
            elapsed_ms=(time.perf_counter() - started) * 1000,
        )

    async def observe_mail(self, domain: str, expected: ExpectedMail, *, insistent: bool = False) -> MailObservation:
        """Look at the records that mail wants beside MX; one server's word each, because this is advice."""
        return await observe_mail(
            self._walker, domain, expected, attempt_seconds=self._attempt_seconds, insistent=insistent
        )

    def forget(self, domain: str) -> None:
        """Drop the remembered delegation of `domain`; call it after every attempt that confirmed nothing."""
        self._walker.forget(dns.name.from_text(domain))

    def _budget(self, insistent: bool) -> Budget:
        return Budget(Budget.now() + self._attempt_seconds, insistent=insistent)

    async def _ask_zone(
        self, domain: Name, name: Name, rdtype: RdataType, budget: Budget
    ) -> tuple[Delegation, Delegation | None, tuple[ServerAnswer, ...]]:
        """Walk to the zone of `domain` and ask its servers for `name`, one zone further down where they refer there."""
        delegation, further = await self._walker.walk(domain, budget), None
        answers = await self._ask_all(delegation, name, rdtype, budget)
        if any(answer.kind == "referral" for answer in answers):
            further = await self._walker.walk(name, budget)
            answers = await self._ask_all(further, name, rdtype, budget) or answers
        return delegation, further, answers

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
            delegation, _, found = await self._ask_zone(name, name, rdtype, budget)
            hops[target] = Hop(name=target, delegation=delegation, answers=found)
            known = {*hops, *pending, name_text(start)}
            pending += sorted({answer.cname for answer in found if answer.cname} - known)
        if pending:
            budget.ran_out_of("aliases")
        return tuple(hops.values())

    async def _look_elsewhere(
        self, delegation: Delegation, domain: Name, challenge: Name, speaking: ServerAnswer, budget: Budget
    ) -> tuple[ServerAnswer, ...]:
        """Where records land by mistake. One server is enough: this explains a no and never makes a yes."""
        places = wrong_names(name_text(domain), delegation.zone, name_text(challenge))
        questions = [(name, dns.rdatatype.TXT) for text in places if (name := _name_of(text)) is not None]
        if speaking.kind == "nodata":
            questions += [(challenge, rdtype) for rdtype in OTHER_TYPES]
        return await self._ask_one(delegation, questions, speaking, budget)

    async def _look_beside(
        self, delegation: Delegation, challenge: Name, sibling: str, speaking: ServerAnswer, budget: Budget
    ) -> tuple[ServerAnswer, ...]:
        """What a name that nobody made answers: the same as the challenge when both are a wildcard's."""
        if not sibling or speaking.kind == "nxdomain":
            return ()
        name = _name_of(f"{sibling}.{name_text(challenge.parent())}")
        if name is None:
            return ()
        rdtypes = (dns.rdatatype.TXT,) if speaking.kind == "answer" else OTHER_TYPES
        return await self._ask_one(delegation, [(name, rdtype) for rdtype in rdtypes], speaking, budget)

    async def _ask_strangers(
        self,
        delegation: Delegation,
        challenge: Name,
        seen_before: Sequence[str],
        speaking: ServerAnswer,
        budget: Budget,
    ) -> tuple[ServerAnswer, ...]:
        """Ask servers that are not in charge: those that were, and those that only the zone itself names."""
        zone = dns.name.from_text(delegation.zone)
        named = await self._ask_one(delegation, [(zone, dns.rdatatype.NS)], speaking, budget)
        known = {server.host for server in delegation.servers}
        others = sorted({host for answer in named if answer.aa for host in answer.values})
        hosts = [host for host in dict.fromkeys((*seen_before, *others)) if host not in known][:MAX_STRANGERS]
        names = [name for host in hosts if (name := _name_of(host)) is not None]
        found = await asyncio.gather(*(self._walker.name_server(name, budget) for name in names))
        servers = with_few_addresses(found)  # a hostile host has as many as fit into a reply, all of them others'
        return await self._walker.ask_all(servers, zone, challenge, dns.rdatatype.TXT, budget)

    async def _ask_for_one_click(
        self, delegation: Delegation, speaking: ServerAnswer, budget: Budget
    ) -> tuple[ServerAnswer, ...]:
        """Where the provider's Domain Connect API is: a TXT record, mostly behind an alias into the provider's zone."""
        name = _name_of(f"{ONE_CLICK_LABEL}.{delegation.zone}")
        if name is None:
            return ()
        answers = await self._ask_one(delegation, [(name, dns.rdatatype.TXT)], speaking, budget)
        hops = await self._follow(name, answers, dns.rdatatype.TXT, budget)
        return (*answers, *(answer for hop in hops for answer in hop.answers))

    async def _ask_one(
        self,
        delegation: Delegation,
        questions: Iterable[tuple[Name, RdataType]],
        speaking: ServerAnswer,
        budget: Budget,
    ) -> tuple[ServerAnswer, ...]:
        """Ask the server that gave an answer some more questions at the same time."""
        zone = dns.name.from_text(delegation.zone)
        server = (NameServer(speaking.server, (speaking.address,)),)
        found = await asyncio.gather(
            *(self._walker.ask_all(server, zone, name, rdtype, budget) for name, rdtype in questions)
        )
        return tuple(answer for answers in found for answer in answers)

    async def _look_at_targets(
        self, answers: Iterable[ServerAnswer], ours: Iterable[str], budget: Budget
    ) -> tuple[Hop, ...]:
        """Look whether the named mail servers have addresses of their own; the null MX names none."""
        hosts = {value.partition(" ")[2] for answer in answers if answer.aa for value in answer.values}
        looked_at = sorted(hosts - set(ours) - {"", "."})[:MAX_TARGETS]
        names = [name for host in looked_at if (name := _name_of(host)) is not None]
        return tuple(await asyncio.gather(*(self._walker.look_up(name, budget) for name in names)))

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


def _without_silent(delegation: Delegation, answers: Iterable[ServerAnswer]) -> Delegation:
    """Leave out who did not answer at all: a dead server would take the same time again."""
    silent = {answer.address for answer in answers if answer.kind == "timeout"}
    servers = (
        replace(server, addresses=tuple(address for address in server.addresses if address not in silent))
        for server in delegation.servers
    )
    return replace(delegation, servers=tuple(servers))


def _name_of(text: str) -> Name | None:
    """Read a name; one that is too long cannot exist."""
    try:
        return dns.name.from_text(text)
    except dns.exception.DNSException:
        return None
