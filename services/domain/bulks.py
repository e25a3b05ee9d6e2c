"""Bulk files: parts until all are there, then items in portions, each until its outcome. Pure.

A bulk's row belongs to the lane of its account's requests; outcomes are noted in the items' rows by whoever hears
them, and counted here. So nothing is counted twice, whatever comes twice, and no two lanes write one row.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from contracts.bulk_v1 import (
    KINDS,
    MAX_FINDINGS,
    BulkItem,
    BulkState,
    BulkView,
    SubmitBulk,
    item_number,
    item_request_id,
    read_order,
    subject_of,
)
from contracts.refusals import Refusal, finding, refuse

SOON, LATER, MUCH_LATER = timedelta(seconds=0.05), timedelta(seconds=1), timedelta(seconds=30)
GROWTH = 1.25  # of a pause: doubled ones would notice an outcome as late again as it came
PROGRESS_EVERY = timedelta(seconds=2)
INCOMPLETE_AFTER = timedelta(days=7)  # parts that never came do not let the others lie there for ever
KEPT_FOR = timedelta(days=90)  # after the end, as long as facts can be replayed

Flown = Literal["under_way", "done", "refused"]


@dataclass(frozen=True, slots=True)
class Bulk:
    """A bulk and its counts. `received` holds what tells each part's content from another's."""

    account: str
    bulk_id: UUID
    digest: str
    label: str | None
    parts: int
    total: int
    begun_at: datetime
    state: BulkState = "receiving"
    received: Mapping[int, str] = field(default_factory=dict[int, str])
    items: int = 0  # of the parts that came
    issued: int = 0
    done: int = 0
    refused: int = 0
    unreadable: int = 0  # of the refused: these were never issued
    cancelled: int = 0
    is_cancelled: bool = False
    accepted_at: datetime | None = None
    finished_at: datetime | None = None
    said_at: datetime | None = None
    revision: int = 1

    @property
    def under_way(self) -> int:
        """Return how many items are asked for and have no outcome that is counted."""
        return self.issued - (self.done + self.refused - self.unreadable)

    @property
    def waiting(self) -> int:
        """Return how many items are still to be asked for, those of missing parts included."""
        return self.total - self.done - self.refused - self.cancelled - self.under_way

    @property
    def missing(self) -> tuple[int, ...]:
        """Return the numbers of the parts that are not there."""
        return tuple(part for part in range(1, self.parts + 1) if part not in self.received)


@dataclass(frozen=True, slots=True)
class NewItem:
    """An item as it came: to be asked for, or refused already. `content` is its order as JSON, and may be secret."""

    number: int
    line: int
    kind: str
    phase: int
    subject: str | None
    request_id: UUID | None
    content: str | None
    refusal: Refusal | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """An item that can be asked for."""

    number: int
    phase: int
    kind: str
    request_id: UUID
    content: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Flying:
    """An item that was asked for and is not counted yet. A parked one is known to wait for something long."""

    number: int
    phase: int
    state: Flown = "under_way"
    is_parked: bool = False


@dataclass(frozen=True, slots=True)
class Flight:
    """What a turn sees of a bulk's items, and what it does with them. `waiting` begins with the next one."""

    flying: tuple[Flying, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    is_turn: bool = True  # no earlier bulk of the account goes first
    issue: tuple[Waiting, ...] = ()
    counted: tuple[int, ...] = ()
    cancelled: tuple[int, ...] = ()

    @property
    def busy(self) -> tuple[Flying, ...]:
        """Return the items that take a place of the window."""
        return tuple(item for item in self.flying if item.state == "under_way" and not item.is_parked)

    @property
    def moved(self) -> bool:
        """Tell whether a turn did anything."""
        return bool(self.issue or self.counted or self.cancelled)


@dataclass(frozen=True, slots=True)
class Item:
    """An item that was asked for, as outcomes find it."""

    account: str
    bulk_id: UUID
    number: int
    kind: str
    state: Flown
    issued_at: datetime
    content: str | None = field(repr=False)
    is_parked: bool = False
    look_at: datetime | None = None
    outcome: str | None = None
    refusal: Refusal | None = None
    ended_at: datetime | None = None


# --- parts come in ----------------------------------------------------------------------------------------------


def begun(account: str, part: SubmitBulk, now: datetime) -> Bulk:
    """Begin a bulk with whichever part comes first."""
    return Bulk(account, part.bulk_id, part.digest, part.label, part.parts, part.total, now)


def why_not(bulk: Bulk, part: SubmitBulk, content: str) -> Refusal | None:
    """Say why a part cannot belong to a bulk. One that is there already belongs to it."""
    if (bulk.digest, bulk.parts, bulk.total) != (part.digest, part.parts, part.total):
        return refuse("bulk_differs")
    if part.part in bulk.received:
        return None if bulk.received[part.part] == content else refuse("bulk_part_differs", part=part.part)
    if bulk.is_cancelled or bulk.state != "receiving":
        return refuse("bulk_over")
    counted = bulk.items + len(part.items)
    parts_left = bulk.parts - len(bulk.received) - 1  # each has an item at least
    if counted + parts_left > bulk.total or (not parts_left and counted != bulk.total):
        return refuse("bulk_miscounted", total=bulk.total, counted=counted)
    return None


def read_items(account: str, part: SubmitBulk) -> tuple[NewItem, ...]:
    """Read a part's items, each by itself: a bad one is refused and stops no other."""
    numbered = ((item_number(part.part, position), item) for position, item in enumerate(part.items, start=1))
    return tuple(_read_item(account, part.bulk_id, number, item) for number, item in numbered)


def with_part(bulk: Bulk, part: SubmitBulk, content: str, items: Sequence[NewItem], now: datetime) -> Bulk:
    """Return the bulk with a part that was not there; with the last one it is accepted."""
    unreadable = sum(item.refusal is not None for item in items)
    received = {**bulk.received, part.part: content}
    is_whole = len(received) == bulk.parts
    return replace(
        bulk,
        received=received,
        items=bulk.items + len(items),
        unreadable=bulk.unreadable + unreadable,
        refused=bulk.refused + unreadable,
        state="running" if is_whole else "receiving",
        accepted_at=now if is_whole else None,
        revision=bulk.revision + bool(bulk.received),
    )


def _read_item(account: str, bulk_id: UUID, number: int, item: BulkItem) -> NewItem:
    order = read_order(item.kind, item.order)
    if isinstance(order, Refusal):
        kind = item.kind if item.kind in KINDS else "unknown"
        return NewItem(number, item.line, kind, len(KINDS), subject_of(item.order), None, None, order)
    content = order.model_dump_json(exclude_defaults=True)
    request_id = item_request_id(account, bulk_id, number)
    return NewItem(
        number, item.line, item.kind, KINDS.index(item.kind), subject_of(order), request_id, content, None
    )  # fmt: skip


# --- items go out, outcomes are counted ---------------------------------------------------------------------------


def advance(bulk: Bulk, flight: Flight, now: datetime, window: int) -> tuple[Bulk, Flight]:
    """Count the outcomes that have come, and ask for as many items as the window has room for.

    Claims end before mailboxes begin, and mailboxes before aliases; within a kind the file's order counts. Parked
    items hold nobody up.
    """
    if bulk.state != "running" and not bulk.is_cancelled:
        return bulk, flight
    ended = [item for item in flight.flying if item.state != "under_way"]
    flight = replace(flight, counted=tuple(item.number for item in ended))
    if bulk.is_cancelled:
        flight = replace(flight, cancelled=tuple(item.number for item in flight.waiting))
    elif flight.is_turn:
        flight = replace(flight, issue=_next(flight, window))
    if not flight.moved:
        return bulk, flight
    done = sum(item.state == "done" for item in ended)
    moved = replace(
        bulk,
        done=bulk.done + done,
        refused=bulk.refused + len(ended) - done,
        issued=bulk.issued + len(flight.issue),
        cancelled=bulk.cancelled + len(flight.cancelled),
        revision=bulk.revision + 1,
    )
    return moved, flight


def concluded(bulk: Bulk, now: datetime) -> Bulk:
    """Finish a bulk whose items all have their outcome."""
    if bulk.state == "finished" or bulk.waiting or bulk.under_way:
        return bulk
    return replace(bulk, state="finished", finished_at=now, revision=bulk.revision + 1)


def cancelled(bulk: Bulk) -> Bulk:
    """Begin nothing more; what parts were missing counts as cancelled at once."""
    missing = bulk.total - bulk.items
    return replace(bulk, is_cancelled=True, cancelled=bulk.cancelled + missing, revision=bulk.revision + 1)


def next_turn(flight: Flight, previous: timedelta) -> timedelta:
    """Return how long to wait for the next turn: briefly while things move, longer and longer while they do not."""
    if flight.moved:
        return SOON
    if flight.waiting or flight.busy:
        return min(GROWTH * previous, LATER)
    return min(2 * previous, MUCH_LATER)


def is_telling(bulk: Bulk, now: datetime) -> bool:
    """Tell whether it is time to state progress again."""
    return bulk.said_at is None or now - bulk.said_at >= PROGRESS_EVERY


def _next(flight: Flight, window: int) -> tuple[Waiting, ...]:
    busy = flight.busy
    if not flight.waiting or any(item.phase < flight.waiting[0].phase for item in busy):
        return ()
    phase = flight.waiting[0].phase
    room = max(0, window - len(busy))
    return tuple(item for item in flight.waiting[:room] if item.phase == phase)


# --- an item's end ------------------------------------------------------------------------------------------------


def ended(item: Item, now: datetime, *, outcome: str | None = None, refusal: Refusal | None = None) -> Item:
    """Note an outcome, the first that comes; the order, which may hold a secret, is needed no longer."""
    if item.state != "under_way":
        return item
    state: Flown = "done" if refusal is None else "refused"
    return replace(
        item, state=state, outcome=outcome, refusal=refusal and shortened(refusal), ended_at=now, content=None
    )


def shortened(refusal: Refusal) -> Refusal:
    """Return a refusal with so many findings only that pages of them fit into an answer."""
    if len(refusal.findings) <= MAX_FINDINGS:
        return refusal
    rest = finding("more_findings", severity="note", count=len(refusal.findings) - MAX_FINDINGS)
    return refusal.model_copy(update={"findings": (*refusal.findings[:MAX_FINDINGS], rest)})


# --- as the account sees it ---------------------------------------------------------------------------------------


def view(bulk: Bulk) -> BulkView:
    """Return the public state of a bulk."""
    return BulkView(
        account=bulk.account,
        bulk_id=bulk.bulk_id,
        label=bulk.label,
        digest=bulk.digest,
        state=bulk.state,
        is_cancelled=bulk.is_cancelled,
        parts=bulk.parts,
        parts_received=len(bulk.received),
        total=bulk.total,
        waiting=bulk.waiting,
        under_way=bulk.under_way,
        done=bulk.done,
        refused=bulk.refused,
        cancelled=bulk.cancelled,
        begun_at=bulk.begun_at,
        accepted_at=bulk.accepted_at,
        finished_at=bulk.finished_at,
        revision=bulk.revision,
    )


def within(texts: Iterable[int], room: int) -> int:
    """Return how many of some lengths fit into a room, one at least."""
    count, used = 0, 0
    for length in texts:
        used += length
        if count and used > room:
            break
        count += 1
    return count
