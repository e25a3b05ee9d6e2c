"""Requests that wait at the gate until their domains are active (R21): who may wait, and what becomes of whom. Pure.

Every domain of an account has a line. A request stands in the lines of all domains that it concerns and goes on when
these are open and nobody is before it in any of them. So requests that share a domain keep the order of their arrival.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from contracts.holds_v1 import HoldView, RequestParked
from contracts.refusals import Finding, Refusal, finding, refusal, refuse
from contracts.values import domain_for_people
from services.chassis.fates import HandedOver, Origin, Refused
from services.domain import sentences
from services.domain.gate import admitted
from services.domain.passing import Gated, about, concerned, gated, passed
from services.domain.rows import Account, Name
from services.domain.rules import stand_of
from services.domain.sentences import filled, joined

# A request for aliases may concern a thousand domains, and what is said of it is one message, or a line of a list.
SHOWN = 10  # domains
EXPLAINED = 20  # domains whose lack is a finding
TOLD = 5  # findings that are also read out in the text
NAMED = 3  # domains in a sentence


@dataclass
class Terms:
    """How long and how many. The worker sets the first two from its settings."""

    patience: timedelta = timedelta(days=14)
    most: int = 10_000
    portion: int = 50  # that one wake-up lets go: others' messages are in its batch too


@dataclass(frozen=True, slots=True)
class Hold:
    """A parked request. It may carry a password hash, so what it asks for is neither shown nor logged."""

    origin: Origin
    place: int
    address: str
    domains: tuple[str, ...]
    request: Gated = field(repr=False)
    parked_at: datetime
    deadline: datetime

    @property
    def request_id(self) -> UUID:
        """Return the request's id, which is the hold's."""
        return self.origin.request_id

    @property
    def account(self) -> str:
        """Return whose it is."""
        return self.origin.account


@dataclass(frozen=True, slots=True)
class Lines:
    """An account's lines: how many stand in each, how many requests that are, and the last place given."""

    account: str
    parked: int = 0
    last_place: int = 0
    by_domain: Mapping[str, int] = field(default_factory=dict[str, int])

    def having(self, hold: Hold) -> "Lines":
        """Return the lines with one more at their ends."""
        longer = {domain: self.by_domain.get(domain, 0) + 1 for domain in hold.domains}
        by_domain = {**self.by_domain, **longer}
        return replace(self, parked=self.parked + 1, last_place=hold.place, by_domain=by_domain)

    def without(self, hold: Hold) -> "Lines":
        """Return the lines with one less."""
        shorter = {domain: self.by_domain.get(domain, 0) - 1 for domain in hold.domains}
        return replace(self, parked=self.parked - 1, by_domain={**self.by_domain, **shorter})


@dataclass(frozen=True, slots=True)
class Placed:
    """A request in a line as it was read, with who stands before it in its other lines (some, if they are many)."""

    request_id: UUID
    place: int
    domains: tuple[str, ...]
    behind: frozenset[UUID]

    def is_first(self, gone: Collection[UUID]) -> bool:
        """Tell whether nobody stands before it in another line any more."""
        return all(other in gone for other in self.behind)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a request's domains stand: those that are open, what others wait for, what can come to nothing any more."""

    domain_ids: Mapping[str, UUID]
    waiting: Mapping[str, Finding]
    closed: tuple[Finding, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Return why not: first what cannot be mended by waiting."""
        return (*self.closed, *self.waiting.values())


def standing(request: Gated, names: Mapping[str, Name | None], account: str) -> Standing:
    """Look at the domains that a request concerns; whether there is its mailbox at all is not the gate's to say."""
    domain_ids: dict[str, UUID] = {}
    waiting: dict[str, Finding] = {}
    closed: list[Finding] = []
    at_gate = frozenset(gated(request))
    for domain in concerned(request):
        if domain not in names:
            continue
        name = names[domain]
        found, claim = admitted(name, domain, account), name.standing(account) if name else None
        if not isinstance(found, Finding):
            domain_ids[domain] = found
        elif claim is not None and claim.at_gate == "waiting":
            waiting[domain] = found
        elif domain in at_gate:
            closed.append(found)
    return Standing(domain_ids, waiting, tuple(closed))


def has_ended(name: Name | None, account: str) -> bool:
    """Tell whether nothing can come any more of an account's claim to a name."""
    claim = name.standing(account) if name else None
    return claim is None or claim.at_gate == "closed"


def park(origin: Origin, request: Gated, lines: Lines, terms: Terms, now: datetime) -> Hold | Refusal:
    """Put a request at the end of its lines."""
    if lines.parked >= terms.most:
        return refuse("too_many_holds", limit=terms.most)
    return Hold(
        origin=origin,
        place=lines.last_place + 1,
        address=about(request),
        domains=concerned(request),
        request=request,
        parked_at=now,
        deadline=now + terms.patience,
    )


def verdict(hold: Hold, names: Mapping[str, Name | None], account: Account | None) -> HandedOver | Refused | None:
    """Say what becomes of a request whose turn it is; None while it has to wait."""
    refused = stand_of(account, hold.account, hold.origin.channel)
    if refused is not None:
        return Refused(refused)
    found = standing(hold.request, names, hold.account)
    if found.closed:
        return Refused(refusal(*found.findings))
    return None if found.waiting else passed(hold.request, hold.request_id, found.domain_ids)


def expired(hold: Hold, names: Mapping[str, Name | None]) -> Refused:
    """End a request that has waited for too long, and say what its domains lack, as far as they are given."""
    found = standing(hold.request, names, hold.account)
    domain = next(iter(found.waiting), hold.domains[0])
    late = finding("hold_expired", domain=domain, deadline=_written(hold.deadline))
    return Refused(refusal(late, *found.findings))


def parked(hold: Hold, found: Standing) -> RequestParked:
    """Tell the sender that the request is accepted, for what it waits and what to do (R40)."""
    findings = tuple(found.waiting.values())[:EXPLAINED]
    said = sentences.PARKED if findings else sentences.PARKED_BEHIND
    text = filled(said, domain=_listed(tuple(found.waiting) or hold.domains), date=_written(hold.deadline))
    steps = (each.text for each in findings[:TOLD])
    return RequestParked(hold=view(hold, tuple(found.waiting)), findings=findings, text=joined(text, *steps))


def view(hold: Hold, waits_for: tuple[str, ...]) -> HoldView:
    """Show a parked request to its account, without its secrets."""
    return HoldView(
        account=hold.account,
        request_id=hold.request_id,
        request_type=hold.origin.type,
        address=hold.address,
        domains=hold.domains[:SHOWN],
        domain_count=len(hold.domains),
        waits_for=waits_for[:SHOWN],
        place=hold.place,
        parked_at=hold.parked_at,
        deadline=hold.deadline,
    )


def _listed(domains: tuple[str, ...]) -> str:
    named = ", ".join(domain_for_people(domain) for domain in domains[:NAMED])
    return named if len(domains) <= NAMED else f"{named} (+{len(domains) - NAMED})"


def _written(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"
