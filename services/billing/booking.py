"""Room in the book: keep it for a request, settle what became of the request, let go of what expired.

Every function changes the account's counters and its holdings together or not at all, and states one fact for it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from contracts.base import HandOver
from contracts.billing_v1 import CapacityConfirmed, CapacityReleased, CapacityReserved, PlanTerms, Reservation
from contracts.refusals import Refusal, refuse
from services.billing import capacity, views
from services.billing.capacity import NOTHING, Holding, Moved, News, Room, Target
from services.billing.store import ACCOUNTS, HOLDINGS, ROOMS, HolderKey
from services.chassis.book import Book, Wanted
from services.chassis.fates import Done, Fate, HandedOver, Never, Order, Say
from services.chassis.received import Received


@dataclass(frozen=True, slots=True)
class Kept:
    """What was kept for a request, and the fact to state about it."""

    reservation: Reservation
    say: Say

    def handed_over(self, order: HandOver, *, key: str) -> Fate:
        """Hand the request on."""
        return HandedOver(orders=(Order(order, key=key),), says=(self.say,))


def wanted(account_id: str, *holders: str) -> list[Wanted]:
    """Name the rows of holdings: the account for its lock, the room, the holdings."""
    return [(ACCOUNTS, account_id), (ROOMS, account_id), *((HOLDINGS, (account_id, holder)) for holder in holders)]


def reserve(
    message: Received[Any], book: Book, holder: str, quantity: Callable[[Holding], int], *,
    expires_at: datetime, terms: PlanTerms | None = None,
) -> Kept | Refusal:  # fmt: skip
    """Keep room for the quantity that a request may lead to, which depends on what is held already."""
    before = _holding(book, message.account, holder)
    target = Target(message.request_id, quantity(before), expires_at, terms.plan if terms else None)
    room = _move(book, message.account, [Moved(holder, before, capacity.targeted(before, target))])
    if isinstance(room, Refusal):
        return room
    fact = CapacityReserved(
        request_id=message.request_id,
        holders=(holder,),
        plan=terms,
        expires_at=expires_at,
        capacities=views.capacities(room),
    )
    say = Say(fact, key=message.account, revision=room.revision)
    return Kept(Reservation(holders=(holder,), expires_at=expires_at), say)


def confirm(message: Received[Any], book: Book, holder: str, news: News) -> Fate:
    """Book what is in use now. What does not fit under the cap is set aside for the operator, never booked."""
    before = _holding(book, message.account, holder)
    moved = Moved(holder, before, capacity.settled(before, message.request_id, news))
    room = _moved(book, message.account, [moved])
    if not isinstance(room, Room):
        return _nothing_booked(room)
    fact = CapacityConfirmed(request_id=message.request_id, holders=(holder,), capacities=views.capacities(room))
    return Done(says=(Say(fact, key=message.account, revision=room.revision),))


def free(message: Received[Any], book: Book, holders: Sequence[str], news: News) -> Fate:
    """Book that things are gone."""
    before = [(holder, _holding(book, message.account, holder)) for holder in holders]
    moves = [Moved(holder, found, capacity.settled(found, message.request_id, news)) for holder, found in before]
    return _released(message.account, message.request_id, "deleted", book, moves)


def release(
    account_id: str, request_id: UUID, reason: Literal["refused", "expired"], book: Book, holders: Iterable[str]
) -> Fate:
    """Hold room for a request no longer."""
    before = [(holder, _holding(book, account_id, holder)) for holder in holders]
    moves = [Moved(holder, found, capacity.released(found, request_id)) for holder, found in before]
    return _released(account_id, request_id, reason, book, moves)


def expire(book: Book, due: Sequence[HolderKey], latest: datetime) -> Done:
    """Let go of what expired at `latest` or before, and forget things that are gone for long."""
    requests: dict[tuple[str, UUID], list[str]] = {}
    for account_id, holder in due:
        found = _holding(book, account_id, holder)
        if capacity.forgettable(found, latest):
            book.delete(HOLDINGS, (account_id, holder))
        for request_id in capacity.expired(found, latest):
            requests.setdefault((account_id, request_id), []).append(holder)
    says: list[Say] = []
    for (account_id, request_id), holders in requests.items():
        fate = release(account_id, request_id, "expired", book, holders)
        says.extend(fate.says if isinstance(fate, Done) else ())
    return Done(says=tuple(says))


def _released(
    account_id: str, request_id: UUID, reason: Literal["refused", "expired", "deleted"], book: Book,
    moves: Sequence[Moved],
) -> Fate:  # fmt: skip
    room = _moved(book, account_id, moves)
    if not isinstance(room, Room):
        return _nothing_booked(room)
    fact = CapacityReleased(
        request_id=request_id,
        holders=tuple(move.holder for move in moves if move.before.held or move.before.targets),
        reason=reason,
        capacities=views.capacities(room),
    )
    return Done(says=(Say(fact, key=account_id, revision=room.revision, account=account_id, request_id=request_id),))


def _nothing_booked(reason: Refusal | None) -> Fate:
    """End a message that is old news, or one whose news cannot be booked."""
    if reason is None:
        return Done()
    code = "over_cap" if reason.code == "cap_reached" else reason.code
    return Never(code, " ".join(found.text.en for found in reason.findings))


def _moved(book: Book, account_id: str, moves: Sequence[Moved]) -> Room | Refusal | None:
    """Write down moves; None if nothing moves."""
    moving = [move for move in moves if move.after != move.before]
    return _move(book, account_id, moving) if moving else None


def _move(book: Book, account_id: str, moves: Sequence[Moved]) -> Room | Refusal:
    """Write down moves if the caps let them."""
    before = book.get(ROOMS, account_id)
    if before is None:
        return refuse("account_unknown", account=account_id)
    room = capacity.move(before, moves)
    if isinstance(room, Refusal):
        return room
    book.put(ROOMS, account_id, room)
    for holder, _, after in moves:
        if after == NOTHING:
            book.delete(HOLDINGS, (account_id, holder))
        else:
            book.put(HOLDINGS, (account_id, holder), after)
    return room


def _holding(book: Book, account_id: str, holder: str) -> Holding:
    return book.get(HOLDINGS, (account_id, holder)) or NOTHING
