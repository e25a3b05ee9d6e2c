"""The journey through the whole product, step by step, as an operator and two customers would walk it.

`postkontor demo` plays it for people and a test asserts on what every step saw: one play, two audiences. A step does
things over the bus and the demo DNS alone, never through a worker's back door, and returns what it saw.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from client import Outcome, Postkontor
from client.passwords import hash_password
from contracts.base import Request
from contracts.billing_v1 import AskQuote, AskUsage, ChangePackage, OpenAccount
from contracts.dnscheck_v1 import MxRecord
from contracts.domain_v1 import (
    AskDomain,
    CheckMx,
    ClaimDomain,
    ClaimLost,
    DomainActivated,
    SetDomainFeatures,
    SetDomainPassword,
    TxtRecord,
    ValidateDomain,
)
from contracts.ids import uuid7
from contracts.mailbox_v1 import (
    AddAliases,
    AskFeatures,
    AskMailboxes,
    CreateMailbox,
    SetForwardings,
    SetMailboxFeatures,
)
from contracts.refusals import Refusal
from deploy.devstack import dnsupdate

NORDWIND, SUEDWIND = "nordwind", "suedwind"
SAIL, BOOKS = "nordwind-segel.de", "nordwind-bücher.de"
SILVER_SEATS, ASKED_AT_ONCE = 50, 60
FIRST_PEOPLE = (
    ("anna", "Anna", "Petersen", "mail"),
    ("bernd", "Bernd", "Hansen", "mailxl"),
    ("clara", "Clara", "Jessen", "officexl"),
)
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
PATIENCE_SECONDS = 20.0


@dataclass(frozen=True)
class DemoZone:
    """Where the demo DNS takes updates."""

    registry_address: str
    update_address: str
    port: int


@dataclass(frozen=True)
class Seen:
    """What a step saw: a sentence, the outcomes behind it, and figures worth a look."""

    title: str
    text: str
    outcomes: tuple[Outcome, ...] = ()
    figures: dict[str, Any] = field(default_factory=dict)


class JourneyFailed(Exception):
    """A step did not see what it must."""


@dataclass
class Journey:
    """The walkers' memory between steps. `office` speaks for every account, as an operator's client does."""

    office: Postkontor
    zone: DemoZone
    password_hash: str = ""
    record: TxtRecord | None = None
    first_ids: dict[str, UUID] = field(default_factory=dict)
    refused: list[CreateMailbox] = field(default_factory=list)

    async def play(self) -> AsyncIterator[Seen]:
        """Walk every step in its order."""
        self.password_hash = await asyncio.to_thread(hash_password, "correct horse battery staple")
        for step in self.steps():
            yield await step()

    def steps(self) -> tuple[Callable[[], Awaitable[Seen]], ...]:
        """Return the steps in their order."""
        return (
            self.open_accounts, self.claim, self.validate_too_early, self.set_record_and_validate,
            self.other_claim_is_lost, self.mailbox_before_password, self.set_domain_password, self.first_mailboxes,
            self.umlaut_domain, self.same_request_twice, self.sixty_at_once, self.change_to_gold,
            self.back_to_silver, self.pooled_cap, self.features_on, self.features_replaced, self.features_of_one,
            self.features_off, self.mx_missing, self.mx_foreign, self.mx_ok, self.reseller, self.at_the_end,
        )  # fmt: skip

    # --- accounts and proof --------------------------------------------------------------------------------------

    async def open_accounts(self) -> Seen:
        """An operator opens two accounts."""
        one = await self._done(
            NORDWIND, OpenAccount(package="silver", company="Nordwind Segel GmbH", email="buero@example.com")
        )
        two = await self._done(SUEDWIND, OpenAccount(package="gold", company="Südwind KG", email="kontor@example.com"))
        text = f"{NORDWIND} is on {one.fact.account.package}, {SUEDWIND} on {two.fact.account.package}."
        return Seen("The operator opens accounts", text, (one, two))

    async def claim(self) -> Seen:
        """Two accounts claim one name; each gets a record of its own."""
        mine = await self._done(NORDWIND, ClaimDomain(domain=SAIL))
        other = await self._done(SUEDWIND, ClaimDomain(domain=SAIL))
        record: TxtRecord = mine.fact.domain.record
        self.record = record
        text = f"Set this record at your DNS provider:\n  {record.zone_line}"
        return Seen(f"Nordwind claims {SAIL}", text, (mine, other), {"name": record.name, "value": record.value})

    async def validate_too_early(self) -> Seen:
        """The domain is registered but the record is not set yet: not yet, with what was asked and seen."""
        await dnsupdate.register_domain(self.zone.registry_address, self.zone.port, SAIL)
        outcome = await self._done(NORDWIND, ValidateDomain(domain=SAIL))
        attempt = outcome.fact.attempt
        servers = sorted({asked.server or asked.address for asked in attempt.asked})
        return Seen(
            "Validation, too early",
            attempt.text.en,
            (outcome,),
            {"kind": attempt.kind, "code": attempt.code, "asked": servers},
        )

    async def set_record_and_validate(self) -> Seen:
        """The record is set by an RFC 2136 update; the next validation confirms."""
        assert self.record is not None
        await self._set_txt(SAIL, self.record)
        began = time.monotonic()
        outcome = await self._done(NORDWIND, ValidateDomain(domain=SAIL))
        seconds = time.monotonic() - began
        if not outcome.fact.verified:
            raise JourneyFailed(f"not verified: {outcome.fact.attempt.text.en}")
        return Seen(
            "The TXT record is set",
            f"{outcome.fact.attempt.text.en} ({seconds * 1000:.0f} ms)",
            (outcome,),
            {"seconds": seconds},
        )

    async def other_claim_is_lost(self) -> Seen:
        """The first proof wins; the other account hears it."""
        event = await self._event(SUEDWIND, ClaimLost)
        outcome = await self._refused(SUEDWIND, ValidateDomain(domain=SAIL), "claim_lost")
        return Seen("The other claim is lost", _refusal(outcome).text.en, (outcome,), {"state": event.domain.state})

    async def mailbox_before_password(self) -> Seen:
        """The gate names the next step."""
        outcome = await self._refused(NORDWIND, self._mailbox("anna", SAIL, "mail"), "domain_password_missing")
        return Seen("A mailbox before the domain password", _why(outcome), (outcome,))

    async def set_domain_password(self) -> Seen:
        """The domain becomes active."""
        outcome = await self._done(NORDWIND, SetDomainPassword(domain=SAIL, password_hash=self.password_hash))
        await self._event(NORDWIND, DomainActivated)
        return Seen("The domain password is set", f"{SAIL} is {outcome.fact.domain.state}.", (outcome,))

    # --- mailboxes and caps ----------------------------------------------------------------------------------------

    async def first_mailboxes(self) -> Seen:
        """Three people on three plans, each priced."""
        outcomes: list[Outcome] = []
        for name, first, last, plan in FIRST_PEOPLE:
            quote = await self.office.ask(AskQuote(plan=plan), account=NORDWIND)
            self.first_ids[name] = uuid7()
            made = await self._done(NORDWIND, self._mailbox(name, SAIL, plan, first, last), self.first_ids[name])
            if quote.terms is None or quote.terms.price_cents != made.fact.mailbox.price_cents:
                raise JourneyFailed(f"{name} costs other than quoted")
            outcomes.append(made)
        lines = [
            f"  {o.fact.mailbox.address}  {o.fact.mailbox.plan}  {_euro(o.fact.mailbox.price_cents)}" for o in outcomes
        ]
        return Seen("Mailboxes on three plans", "\n".join(lines), tuple(outcomes))

    async def umlaut_domain(self) -> Seen:
        """A domain with an umlaut, its password sent along with the claim."""
        claimed = await self._done(NORDWIND, ClaimDomain(domain=BOOKS, password_hash=self.password_hash))
        name = claimed.fact.domain.domain
        await dnsupdate.register_domain(self.zone.registry_address, self.zone.port, name)
        await self._set_txt(name, claimed.fact.domain.record)
        checked = await self._done(NORDWIND, ValidateDomain(domain=BOOKS))
        self.first_ids["lesen"] = uuid7()
        made = await self._done(NORDWIND, self._mailbox("lesen", BOOKS, "mail"), self.first_ids["lesen"])
        text = f"{claimed.fact.domain.domain_unicode} is stored as {name}; {made.fact.mailbox.address} exists."
        return Seen("A domain with an umlaut", text, (claimed, checked, made))

    async def same_request_twice(self) -> Seen:
        """The same request id again has no second effect."""
        name, first, last, plan = FIRST_PEOPLE[0]
        again = await self._done(NORDWIND, self._mailbox(name, SAIL, plan, first, last), self.first_ids[name])
        used = await self._used()
        return Seen("The same request again", f"Answered again, and still {used} mailboxes.", (again,), {"used": used})

    async def sixty_at_once(self) -> Seen:
        """Sixty requests at once, those of the first people sent again among them: fifty exist, ten are refused."""
        orders = [(self.first_ids[n], self._mailbox(n, SAIL, plan, f, ln)) for n, f, ln, plan in FIRST_PEOPLE]
        orders.append((self.first_ids["lesen"], self._mailbox("lesen", BOOKS, "mail")))
        crew = range(1, ASKED_AT_ONCE - len(orders) + 1)
        orders += [(uuid7(), self._mailbox(f"crew{number:02}", SAIL, "mail")) for number in crew]
        outcomes = await asyncio.gather(*(self._request(NORDWIND, order, id_) for id_, order in orders))
        self.refused = [order for (_, order), o in zip(orders, outcomes, strict=True) if o.refusal]
        no = next(o for o in outcomes if o.refusal)
        figures = {"exist": await self._used(), "refused": len(self.refused), **_refusal(no).findings[0].details}
        text = f"{figures['exist']} exist, {figures['refused']} refused:\n  {_why(no)}"
        return Seen("Sixty mailboxes at once", text, tuple(outcomes), figures)

    async def change_to_gold(self) -> Seen:
        """The customer takes the larger package, and the rest fits."""
        changed = await self._done(NORDWIND, ChangePackage(package="gold"))
        made = await asyncio.gather(*(self._done(NORDWIND, order) for order in self.refused))
        return Seen(
            "Change to gold",
            f"{len(made)} more mailboxes, {await self._used()} in all.",
            (changed, *made),
            {"used": await self._used()},
        )

    async def back_to_silver(self) -> Seen:
        """Too much is in use for the small package."""
        outcome = await self._refused(NORDWIND, ChangePackage(package="silver"), "package_too_small")
        return Seen("Back to silver", _why(outcome), (outcome,), dict(_refusal(outcome).findings[0].details))

    async def pooled_cap(self) -> Seen:
        """Aliases and forwardings share one cap: 75 on gold."""
        aliases = tuple(f"team{number:02}@{SAIL}" for number in range(1, 71))
        added = await self._done(NORDWIND, AddAliases(address=f"anna@{SAIL}", aliases=aliases))
        targets = tuple(f"copy{number}@example.com" for number in range(1, 6))
        forwarded = await self._done(NORDWIND, SetForwardings(address=f"bernd@{SAIL}", targets=targets))
        await self._settled()
        full = await self._refused(
            NORDWIND, AddAliases(address=f"clara@{SAIL}", aliases=(f"office@{SAIL}",)), "cap_reached"
        )
        text = f"70 aliases and 5 forwardings fit, one more does not:\n  {_why(full)}"
        return Seen("Aliases and forwardings", text, (added, forwarded, full), dict(_refusal(full).findings[0].details))

    # --- features ------------------------------------------------------------------------------------------------

    async def features_on(self) -> Seen:
        """Two features for two domains in one request."""
        return await self._set_features("Features for two domains", ("backup", "spam_and_virus_protection"))

    async def features_replaced(self) -> Seen:
        """The new set replaces the old one."""
        return await self._set_features("The set is replaced", ("blacklist",))

    async def features_of_one(self) -> Seen:
        """One mailbox has a set of its own; its origin says so."""
        address = f"anna@{SAIL}"
        outcome = await self._done(NORDWIND, SetMailboxFeatures(addresses=(address,), features=("backup",)))
        return Seen("One mailbox differs", await self._features_text(), (outcome,), await self._features())

    async def features_off(self) -> Seen:
        """The empty set switches everything off, for mailboxes with a set of their own too."""
        return await self._set_features("The empty set", ())

    # --- MX, reseller, the end --------------------------------------------------------------------------------------

    async def mx_missing(self) -> Seen:
        """No MX record yet; the answer names the records to set."""
        return await self._check_mx("MX: nothing set", None)

    async def mx_foreign(self) -> Seen:
        """The MX records point elsewhere."""
        return await self._check_mx("MX: still the old provider", [(10, "mx.elsewhere.example")])

    async def mx_ok(self) -> Seen:
        """The MX records are the expected ones."""
        domain = (await self.office.ask(AskDomain(domain=SAIL), account=NORDWIND)).domain
        assert domain is not None
        assert domain.mx_attempt is not None
        return await self._check_mx("MX: as expected", [(mx.preference, mx.host) for mx in domain.mx_attempt.expected])

    async def reseller(self) -> Seen:
        """The reseller package cannot be chosen oneself."""
        outcome = await self._refused(NORDWIND, ChangePackage(package="reseller"), "reseller_not_self_service")
        return Seen("Choosing reseller oneself", _why(outcome), (outcome,))

    async def at_the_end(self) -> Seen:
        """What a month costs, and who is there."""
        await self._settled()
        usage = await self.office.ask(AskUsage(), account=NORDWIND)
        page = await self.office.ask(AskMailboxes(limit=1000), account=NORDWIND)
        figures = {"total": usage.monthly_total_cents, "mailboxes": page.mailboxes, "usage": usage}
        lines = [f"  {line.mailboxes:3} x {line.plan:10} {_euro(line.total_cents):>12}" for line in usage.plans]
        lines.append(f"      package {usage.package:6} {_euro(usage.package_price_cents):>12}")
        text = "\n".join([*lines, f"  a month, net      {_euro(usage.monthly_total_cents):>12}"])
        return Seen("At the end", text, (), figures)

    # --- helpers ----------------------------------------------------------------------------------------------------

    def _mailbox(self, name: str, domain: str, plan: str, first: str = "Crew", last: str = "Nordwind") -> CreateMailbox:
        return CreateMailbox(
            address=f"{name}@{domain}", first_name=first, last_name=last, plan=plan, password_hash=self.password_hash
        )

    async def _request(self, account: str, request: Request, request_id: UUID | None = None) -> Outcome:
        return await self.office.request(request, request_id=request_id, account=account, timeout=PATIENCE_SECONDS)

    async def _done(self, account: str, request: Request, request_id: UUID | None = None) -> Outcome:
        outcome = await self._request(account, request, request_id)
        if outcome.refusal is not None:
            raise JourneyFailed(f"{type(request).__name__} was refused: {outcome.refusal.text.en}")
        return outcome

    async def _refused(self, account: str, request: Request, code: str) -> Outcome:
        outcome = await self._request(account, request)
        if outcome.refusal is None or outcome.refusal.code != code:
            raise JourneyFailed(
                f"{type(request).__name__} should be refused with {code}, got {outcome.refusal or 'a yes'}"
            )
        return outcome

    async def _set_txt(self, domain: str, record: TxtRecord) -> None:
        await dnsupdate.set_txt(self.zone.update_address, self.zone.port, domain, record.name + ".", record.value)

    async def _event(self, account: str, fact: type[Any]) -> Any:
        everything = self.office.tail(account=account, facts=[fact], since=BEGINNING)
        async with asyncio.timeout(PATIENCE_SECONDS), aclosing(everything) as events:
            async for event in events:
                return event.fact
        raise JourneyFailed(f"no {fact.__name__}")

    async def _used(self) -> int:
        await self._settled()
        usage = await self.office.ask(AskUsage(), account=NORDWIND)
        return next(c.confirmed for c in usage.capacities if c.resource == "mailbox")

    async def _settled(self) -> None:
        """Wait until billing has booked everything: it hears of facts a moment after the requester does."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while any(c.reserved for c in (await self.office.ask(AskUsage(), account=NORDWIND)).capacities):
                await asyncio.sleep(0.02)

    async def _set_features(self, title: str, features: tuple[Any, ...]) -> Seen:
        outcome = await self._done(NORDWIND, SetDomainFeatures(domains=(SAIL, BOOKS), features=features))
        return Seen(title, await self._features_text(), (outcome,), await self._features())

    async def _features(self) -> dict[str, Any]:
        ask = AskFeatures(domains=(SAIL, BOOKS), addresses=(f"anna@{SAIL}", f"bernd@{SAIL}", f"lesen@{BOOKS}"))
        answer = await self.office.ask(ask, account=NORDWIND)
        return {target.target: target.features for target in answer.targets}

    async def _features_text(self) -> str:
        states = await self._features()
        return "\n".join(
            f"  {target:40} {', '.join(state.on) or 'nothing'} (origin: {state.origin})"
            for target, state in states.items()
        )

    async def _check_mx(self, title: str, records: list[tuple[int, str]] | None) -> Seen:
        if records is not None:
            await dnsupdate.set_mx(self.zone.update_address, self.zone.port, SAIL, records)
        outcome = await self._done(NORDWIND, CheckMx(domain=SAIL))
        attempt = outcome.fact.attempt
        wanted: tuple[MxRecord, ...] = attempt.expected
        return Seen(
            title, attempt.text.en, (outcome,), {"state": attempt.state, "expected": wanted, "seen": attempt.seen}
        )


def _refusal(outcome: Outcome) -> Refusal:
    assert outcome.refusal is not None
    return outcome.refusal


def _why(outcome: Outcome) -> str:
    return "\n  ".join(finding.text.en for finding in _refusal(outcome).findings)


def _euro(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02} EUR"
