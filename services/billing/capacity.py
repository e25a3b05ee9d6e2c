"""The room of an account: what it may hold, what holds it, and how the two move together (R5).

A holding is one thing that takes room. `confirmed` is the quantity in use, as the mailbox worker told it last; a
target is the quantity that a request on its way may lead to. A holding holds the most of all these, so that whichever
request comes first, is refused or never comes, the room is there. A mailbox's holding also holds its plan, and until
a plan change is settled it holds both plans.

The counters of an account are the sums over its holdings. They change only in `move`, by the difference between a
holding before and after, and `move` lets nothing grow past a cap: confirmed + reserved <= cap is true in every state.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from contracts.refusals import Finding, Refusal, finding, refusal

MAILBOX, ALIAS_FORWARD, GROUP, PLAN = "mailbox", "alias_forward", "group", "plan."
RESOURCES = (MAILBOX, ALIAS_FORWARD, GROUP)
RESOURCE_OF = {
    "mailbox": MAILBOX,
    "alias": ALIAS_FORWARD,
    "forwarding": ALIAS_FORWARD,
    "forward-only": ALIAS_FORWARD,
    "catch-all": ALIAS_FORWARD,
    "group": GROUP,
}
MEMORY = timedelta(days=90)  # as long as the event stream can bring an old fact about a thing that is gone


@dataclass(frozen=True, slots=True)
class Counter:
    """One resource of an account. A cap of None is unlimited; `revision` is the room's when it changed last."""

    cap: int | None = None
    confirmed: int = 0
    reserved: int = 0
    revision: int = 0

    @property
    def free(self) -> int | None:
        """Return how much still fits; None for any number."""
        return None if self.cap is None else self.cap - self.confirmed - self.reserved


@dataclass(frozen=True, slots=True)
class Room:
    """All counters of one account, by resource. A plan that no one used and no contract caps has none yet."""

    counters: Mapping[str, Counter]
    revision: int


@dataclass(frozen=True, slots=True)
class Target:
    """The quantity that a request may lead to, and the plan if it asks for one."""

    request_id: UUID
    quantity: int
    expires_at: datetime
    plan: str | None = None


@dataclass(frozen=True, slots=True)
class Holding:
    """One thing that takes room, such as `mailbox/anna@nordwind-segel.de`.

    `since` and `revision` tell which state of the thing was seen last: a mailbox made anew under the same address may
    begin a new count of revisions. `seen_at` is when that state was told. What is gone is remembered for a while, so
    that late news of its life cannot bring it back.
    """

    confirmed: int = 0
    targets: tuple[Target, ...] = ()
    plan: str | None = None
    price_cents: int | None = None
    catalogue: str | None = None
    since: datetime | None = None
    revision: int = 0
    seen_at: datetime | None = None

    @property
    def held(self) -> int:
        """Return the quantity that it takes: in use, or on its way, whichever is more."""
        return max(self.confirmed, max((target.quantity for target in self.targets), default=0))

    @property
    def empty(self) -> bool:
        """Return whether nothing is in use and nothing on its way."""
        return self.confirmed == 0 and not self.targets

    @property
    def due_at(self) -> datetime | None:
        """Return when a target expires, or when what was seen of a thing that is gone may be forgotten."""
        if self.targets:
            return min(target.expires_at for target in self.targets)
        return self.seen_at + MEMORY if self.confirmed == 0 and self.seen_at else None


@dataclass(frozen=True, slots=True)
class News:
    """The state of a thing as its owner tells it."""

    quantity: int
    revision: int
    seen_at: datetime
    since: datetime | None = None
    plan: str | None = None
    price_cents: int | None = None
    catalogue: str | None = None


class Moved(NamedTuple):
    """A holding before and after something happened to it."""

    holder: str
    before: Holding
    after: Holding


NOTHING = Holding()


def holder_of(kind: str, thing: str) -> str:
    """Name a holding: a kind of RESOURCE_OF, and the address, domain or name."""
    return f"{kind}/{thing}"


def resource_of(holder: str) -> str:
    """Return the resource that a holding takes. Raises KeyError for what is no holder."""
    return RESOURCE_OF[holder.partition("/")[0]]


# --- what happens to a holding -----------------------------------------------------------------------------------


def targeted(holding: Holding, target: Target) -> Holding:
    """Hold room for a request. Its earlier target is never shrunk: what that had reserved may be in use by now."""
    earlier = max((t.quantity for t in holding.targets if t.request_id == target.request_id), default=0)
    kept = replace(target, quantity=max(earlier, target.quantity))
    return replace(holding, targets=(*_others(holding, target.request_id), kept))


def settled(holding: Holding, request_id: UUID, news: News) -> Holding:
    """Take the owner's word for the state; the request needs its target no longer. Old news change nothing else.

    A quantity of none says that the thing is gone.
    """
    rest = _others(holding, request_id)
    if not _is_newer(news, holding):
        return holding if len(rest) == len(holding.targets) else replace(holding, targets=rest)
    return Holding(
        confirmed=news.quantity,
        targets=rest,
        plan=news.plan,
        price_cents=news.price_cents,
        catalogue=news.catalogue,
        since=news.since,
        revision=news.revision,
        seen_at=news.seen_at,
    )


def released(holding: Holding, request_id: UUID) -> Holding:
    """Hold room for a request no longer."""
    rest = _others(holding, request_id)
    return holding if len(rest) == len(holding.targets) else replace(holding, targets=rest)


def expired(holding: Holding, latest: datetime) -> list[UUID]:
    """Return the requests whose room expired at `latest` or before."""
    return [target.request_id for target in holding.targets if target.expires_at <= latest]


def forgettable(holding: Holding, latest: datetime) -> bool:
    """Return whether a row of this holding says nothing any more."""
    return holding.empty and (holding.due_at is None or holding.due_at <= latest)


def _is_newer(news: News, holding: Holding) -> bool:
    if news.since is None or holding.since is None or news.since == holding.since:
        return news.revision > holding.revision
    return news.since > holding.since


def _others(holding: Holding, request_id: UUID) -> tuple[Target, ...]:
    return tuple(target for target in holding.targets if target.request_id != request_id)


# --- what that does to the room ----------------------------------------------------------------------------------


def move(room: Room, moves: Iterable[Moved]) -> Room | Refusal:
    """Let the counters follow the holdings, or name every cap that does not let them."""
    revision = room.revision + 1
    counters = dict(room.counters)
    findings: list[Finding] = []
    for resource, (confirmed, reserved) in counted(moves).items():
        counter = counters.get(resource, Counter())
        growth = confirmed + reserved
        if growth > 0 and counter.free is not None and growth > counter.free:
            findings.append(_cap_reached(resource, counter, growth))
        counters[resource] = Counter(counter.cap, counter.confirmed + confirmed, counter.reserved + reserved, revision)
    return refusal(*findings) if findings else Room(counters, revision)


def recapped(room: Room, caps: Mapping[str, int | None]) -> Room:
    """Set the caps of a package; a plan that it does not cap is unlimited. What exceeds them is for `exceeded`."""
    revision = room.revision + 1
    counters = {
        resource: replace(room.counters.get(resource, Counter()), cap=caps.get(resource), revision=revision)
        for resource in {**room.counters, **caps}
    }
    return Room(counters, revision)


def exceeded(room: Room) -> dict[str, Counter]:
    """Return the counters above their caps: none, in any state that may be stored."""
    return {name: counter for name, counter in room.counters.items() if counter.free is not None and counter.free < 0}


def touched(room: Room) -> Room:
    """Count a change of the account that left the counters as they are."""
    revision = room.revision + 1
    return Room({**room.counters, MAILBOX: replace(room.counters[MAILBOX], revision=revision)}, revision)


def free_seats(room: Room, plan: str) -> int | None:
    """Return how many mailboxes of a plan still fit; None for any number."""
    counters = (room.counters[MAILBOX], room.counters.get(PLAN + plan, Counter()))
    return min((counter.free for counter in counters if counter.free is not None), default=None)


def counted(moves: Iterable[Moved]) -> dict[str, tuple[int, int]]:
    """Return by how much confirmed and reserved change, by resource."""
    sums: dict[str, tuple[int, int]] = {}
    for holder, before, after in moves:
        resource = resource_of(holder)
        for holding, sign in ((before, -1), (after, 1)):
            for name, confirmed, reserved in _taken(holding, resource):
                seen = sums.get(name, (0, 0))
                sums[name] = (seen[0] + sign * confirmed, seen[1] + sign * reserved)
    return sums


def _taken(holding: Holding, resource: str) -> Iterable[tuple[str, int, int]]:
    """Return what a holding takes: resource, confirmed, reserved."""
    yield resource, holding.confirmed, holding.held - holding.confirmed
    plans = dict.fromkeys(target.plan for target in holding.targets)
    for plan in {holding.plan: None, **plans}:
        if plan is not None:
            confirmed = holding.confirmed if holding.plan == plan else 0
            most = max((target.quantity for target in holding.targets if target.plan == plan), default=0)
            yield PLAN + plan, confirmed, max(0, most - confirmed)


def _cap_reached(resource: str, counter: Counter, requested: int) -> Finding:
    return finding(
        "cap_reached",
        resource=resource,
        allowed=counter.cap,
        used=counter.confirmed,
        reserved=counter.reserved,
        requested=requested,
    )
