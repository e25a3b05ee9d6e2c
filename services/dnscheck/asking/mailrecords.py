"""Look at the records that mail wants: SPF, DKIM, DMARC, MTA-STS, TLS-RPT, SRV, host names, DANE, CAA.

One server's word for each question is enough, asked of another where one is in trouble: this is advice and no proof.
What a record means is the business of `findings`; here it only leads to the next question.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable

import dns.exception
import dns.name
import dns.rdatatype
from dns.name import Name

from services.dnscheck.asking.budget import Budget
from services.dnscheck.asking.replies import name_text
from services.dnscheck.asking.syntax import find_faults
from services.dnscheck.asking.walk import Walker
from services.dnscheck.observation import Delegation, Look, MailObservation
from services.dnscheck.records import (
    ExpectedMail,
    SpfTerm,
    is_spf,
    opens_with,
    report_addresses,
    spf_terms,
    terms_in_force,
)

MAX_ALIASES = 8  # more is a loop in practice
MAX_SPF_TARGETS = 24  # names looked up for one SPF record; past ten look-ups receivers give up anyway
MAX_MAIL_HOSTS = 5
MAX_REPORT_TARGETS = 3
MAX_PARENTS = 4

Question = tuple[str, str]  # name, type


async def observe_mail(
    walker: Walker, domain: str, expected: ExpectedMail, *, attempt_seconds: float, insistent: bool = False
) -> MailObservation:
    """Look at everything that is expected of a domain, and where it may have gone instead.

    Where aliases lead and what an SPF record includes is up to others' zones: each has a budget of its own, so that no
    zone can use up what the domain's own records need.
    """
    started = time.perf_counter()
    ends_at = Budget.now() + attempt_seconds
    budget = Budget(ends_at, insistent=insistent)
    delegation = await walker.walk(dns.name.from_text(domain), budget)
    looker = _Looker(walker, domain, delegation, own=budget, beyond=Budget(ends_at, insistent=insistent))
    if delegation.state == "found":
        await looker.look_at_all(expected, Budget(ends_at, insistent=insistent))
    looks = looker.found()
    if any(look.is_silent for look in looks) or delegation.state != "found":
        walker.forget(dns.name.from_text(domain))
    return MailObservation(
        domain=domain,
        delegation=delegation,
        looks=looks,
        faults=await find_faults(domain, looker.own_values()),
        elapsed_ms=(time.perf_counter() - started) * 1000,
    )


def _wanted(domain: str, expected: ExpectedMail) -> Iterable[Question]:
    """The names at which the expected records belong, and the targets that are ours."""
    for dkim in expected.dkim:
        yield dkim.name(domain), "TXT"
        if dkim.target:
            yield dkim.target_for(domain), "TXT"
    if expected.dmarc:
        yield f"_dmarc.{domain}", "TXT"
    if expected.mta_sts_id:
        yield f"_mta-sts.{domain}", "TXT"
    if expected.tls_rpt:
        yield f"_smtp._tls.{domain}", "TXT"
    hosts = {
        "mta-sts": expected.mta_sts_host,
        "autoconfig": expected.autoconfig_host,
        "autodiscover": expected.autodiscover_host,
    }
    for label, host in hosts.items():
        if host:
            yield f"{label}.{domain}", "A"
            yield host, "A"
    for service in expected.services:
        yield f"{service.service}.{domain}", "SRV"
    if expected.certificate_issuers:
        yield domain, "CAA"


class _Looker:
    """One look's questions and what came back; a question is asked once, whoever wants its answer."""

    def __init__(self, walker: Walker, domain: str, delegation: Delegation, *, own: Budget, beyond: Budget) -> None:
        self._walker = walker
        self._domain = domain
        self._delegation = delegation
        self._own = own
        self._beyond = beyond
        self._tasks: dict[Question, asyncio.Task[Look | None]] = {}
        self._ways: dict[str, asyncio.Task[Delegation]] = {}  # the first walk to each registered name

    def found(self) -> tuple[Look, ...]:
        return tuple(look for task in self._tasks.values() if (look := task.result()) is not None)

    async def look_at_all(self, expected: ExpectedMail, climbing: Budget) -> None:
        """Ask one question first: where nobody answers it, the others would only cost both sides."""
        first = await self.look_at([(self._domain, "TXT")])
        if all(look.is_silent for look in first):
            return
        await self.look_at([(self._domain, "MX"), *_wanted(self._domain, expected)])
        await asyncio.gather(
            self.look_elsewhere(expected),
            self.look_at_reports(),
            self.climb_spf(expected.spf_include, climbing),
            self.look_at_mail_hosts(),
        )

    async def look_at(self, questions: Iterable[Question], beyond: Budget | None = None) -> list[Look]:
        """Ask at the same time; what leads out of the domain is paid from `beyond`."""
        looks = await asyncio.gather(*(self._look(name, rdtype, beyond or self._beyond) for name, rdtype in questions))
        return [look for look in looks if look is not None]

    async def look_elsewhere(self, expected: ExpectedMail) -> None:
        """Where a record that is absent may have gone instead: doubled, without its underscore, at a parent."""
        domain, zone = self._domain, self._delegation.zone
        questions: list[Question] = []
        if expected.spf_include and not any(map(is_spf, self._values(domain, "TXT"))):
            questions += [(f"{domain}.{zone}", "TXT"), (f"_spf.{domain}", "TXT"), (domain, "SPF")]
        for dkim in expected.dkim:
            if self._is_absent(dkim.name(domain), "TXT"):
                questions += [(f"{dkim.name(domain)}.{zone}", "TXT"), (f"{dkim.selector}.{domain}", "TXT")]
        if expected.dmarc and not self._dmarc_values(domain):
            questions += [(f"_dmarc.{domain}.{zone}", "TXT"), (f"dmarc.{domain}", "TXT")]
            questions += [(f"_dmarc.{parent}", "TXT") for parent in self._parents()]
        questions += [(name, "AAAA") for name, rdtype in list(self._tasks) if rdtype == "A" and self._has_no_ipv4(name)]
        await self.look_at(questions)

    async def look_at_reports(self) -> None:
        """Ask who gets DMARC reports without belonging to the domain whether they want them (RFC 9990 4)."""
        own = self._walker.registered_name(self._domain)
        addresses = [address for value in self._dmarc_values(self._domain) for address in report_addresses(value)]
        takers = list(dict.fromkeys(address.rpartition("@")[2].lower() for address in addresses))
        # What is no name takes no reports: it is not asked for, and no other name is guessed from it.
        names = [taker for taker in takers if taker.isascii() and _name_of(taker) not in (None, dns.name.root)]
        strangers = [name for name in names if self._walker.registered_name(name) != own]
        await self.look_at(
            (f"{self._domain}._report._dmarc.{taker}", "TXT") for taker in strangers[:MAX_REPORT_TARGETS]
        )

    async def climb_spf(self, include: str, budget: Budget) -> None:
        """Look up what the domain's SPF records name, level by level, and what our include will add to them."""
        level = [(value, self._domain) for value in self._values(self._domain, "TXT") if is_spf(value)]
        known, further = {self._domain}, [include] if include else []
        while level or further:
            terms = [(term, domain) for value, domain in level for term in terms_in_force(spf_terms(value))]
            questions = [question for term, domain in terms for question in _spf_questions(term, domain)]
            further += [name for name, rdtype in questions if rdtype == "TXT" and name not in known]
            further = list(dict.fromkeys(further))[: MAX_SPF_TARGETS - len(known)]
            known.update(further)
            hosts = [(name, rdtype) for name, rdtype in questions if rdtype != "TXT"][:MAX_SPF_TARGETS]
            await self.look_at([*((name, "TXT") for name in further), *hosts], budget)
            level = [(value, name) for name in further for value in self._values(name, "TXT") if is_spf(value)]
            further = []

    async def look_at_mail_hosts(self) -> None:
        """Whether mail servers have keys in the DNS, and whether zones are signed according to their parents."""
        values = self._values(self._domain, "MX")
        hosts = list(dict.fromkeys(value.partition(" ")[2] for value in values))
        hosts = [host for host in hosts if host not in ("", ".")][:MAX_MAIL_HOSTS]
        if not hosts:
            return
        looks = await self.look_at([(f"_25._tcp.{host}", "TLSA") for host in hosts])
        zones = {self._delegation.zone} | {look.delegation.zone for look in looks if look.delegation.state == "found"}
        await asyncio.gather(*(self._look_for_ds(zone) for zone in sorted(zones - {"."})))

    # -- single questions

    async def _look(self, name: str, rdtype: str, beyond: Budget) -> Look | None:
        question = (name, rdtype)
        if question not in self._tasks:
            self._tasks[question] = asyncio.create_task(self._follow(name, rdtype, beyond))
        return await self._tasks[question]

    async def _follow(self, name: str, rdtype: str, beyond: Budget) -> Look | None:
        """Ask for a name and follow its aliases, each by a walk of its own. None for a text that is no name."""
        asked, wanted = _name_of(name), dns.rdatatype.from_text(rdtype)
        if asked is None:
            return None
        is_own = asked.is_subdomain(dns.name.from_text(self._domain))
        budget = self._own if is_own and beyond is self._beyond else beyond  # climbing pays for every step itself
        delegation = self._delegation if is_own else await self._walk(asked, beyond)
        aliases: list[str] = []
        while True:
            answer = await self._walker.ask_one(delegation, asked, wanted, budget)
            if answer is not None and answer.kind == "referral":
                delegation = await self._walker.walk(asked, budget)
                answer = await self._walker.ask_one(delegation, asked, wanted, budget)
            target = _name_of(answer.cname) if answer is not None and answer.cname else None
            if target is None or len(aliases) == MAX_ALIASES or name_text(target) in aliases:
                return Look(name=name, rdtype=rdtype, delegation=delegation, answer=answer, aliases=tuple(aliases))
            aliases.append(name_text(target))
            asked, budget = target, beyond
            delegation = await self._walk(target, beyond)

    async def _walk(self, name: Name, budget: Budget) -> Delegation:
        """Walk to a name's zone; whoever goes to the same registered name waits for the first, who finds the way."""
        registered = self._walker.registered_name(name_text(name))
        first = self._ways.get(registered)
        if first is None:
            first = self._ways[registered] = asyncio.create_task(self._walker.walk(name, budget))
            return await first
        await first
        return await self._walker.walk(name, budget)

    async def _look_for_ds(self, zone: str) -> None:
        """Ask the parent for a zone's DS records: its word that the zone is signed."""
        name = dns.name.from_text(zone)
        parent = await self._walker.walk(name.parent(), self._beyond)
        answer = await self._walker.ask_one(parent, name, dns.rdatatype.DS, self._beyond)
        self._tasks[(zone, "DS")] = asyncio.create_task(
            _done(Look(name=zone, rdtype="DS", delegation=parent, answer=answer))
        )
        await self._tasks[(zone, "DS")]

    # -- what was seen so far

    def own_values(self) -> tuple[str, ...]:
        """Return the TXT values whose grammar is the domain's own business."""
        return (*self._values(self._domain, "TXT"), *self._values(f"_dmarc.{self._domain}", "TXT"))

    def _seen(self, name: str, rdtype: str) -> Look | None:
        task = self._tasks.get((name, rdtype))
        return task.result() if task is not None and task.done() else None

    def _values(self, name: str, rdtype: str) -> tuple[str, ...]:
        look = self._seen(name, rdtype)
        return look.values if look is not None else ()

    def _is_absent(self, name: str, rdtype: str) -> bool:
        look = self._seen(name, rdtype)
        return look is not None and look.is_absent and not look.aliases

    def _has_no_ipv4(self, name: str) -> bool:
        look = self._seen(name, "A")
        return look is not None and look.answer is not None and look.answer.kind == "nodata"

    def _dmarc_values(self, domain: str) -> list[str]:
        return [value for value in self._values(f"_dmarc.{domain}", "TXT") if opens_with(value, "DMARC1")]

    def _parents(self) -> list[str]:
        """The names above the domain whose policy may hold for it (RFC 9989 4.10), up to the registered one."""
        own = self._walker.registered_name(self._domain)
        parents: list[str] = []
        name = self._domain
        while name != own and len(parents) < MAX_PARENTS and "." in name:
            name = name.partition(".")[2]
            parents.append(name)
        return parents


async def _done(look: Look) -> Look:
    return look


def _spf_questions(term: SpfTerm, domain: str) -> Iterable[Question]:
    """What evaluating a term asks for. Macros depend on the mail; `exists` is to find nothing for most mail."""
    target = term.target(domain)
    if not (term.asks and target and target.isascii()):
        return
    match term.name:
        case "include" | "redirect":
            yield target, "TXT"
        case "a":
            yield target, "A"
        case "mx":
            yield target, "MX"
        case _:
            return


def _name_of(text: str) -> Name | None:
    """Read a name; one that is too long or badly written cannot exist."""
    try:
        return dns.name.from_text(text)
    except (dns.exception.DNSException, UnicodeError):
        return None
