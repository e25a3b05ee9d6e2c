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
from services.billing import capacity, ledger, views
from services.billing.capacity import NOTHING, Holding, Moved, News, Room, Target
from services.billing.ledger import Because, Standing
from services.billing.rules import Account
from services.billing.steps import Particular
from services.billing.store import ACCOUNTS, HOLDINGS, ROOMS, HolderKey
from services.billing.store_ledger import LEDGER
from services.billing.store_plan import PARTICULARS
from services.chassis.book import Book, Wanted
from services.chassis.fates import Done, Fate, HandedOver, Never, Order, Say
from services.chassis.received import Received, Tick


@dataclass(frozen=True, slots=True)
class Kept:
    """What was kept for a request, and the fact to state about it."""

    reservation: Reservation
    say: Say

    def handed_over(self, order: HandOver, *, key: str) -> Fate:
        """Hand the request on."""
        return HandedOver(orders=(Order(order, key=key),), says=(self.say,))


def wanted(message: Received[Any] | Tick, *holders: str, account: str | None = None) -> list[Wanted]:
    """Name the rows of holdings: the account for its lock, the room, the holdings, and a page of the ledger."""
    account_id = account or message.account
    page: Wanted = (LEDGER, ledger.page_of(account_id, message.id))
    holdings: list[Wanted] = [(HOLDINGS, (account_id, holder)) for holder in holders]
    return [(ACCOUNTS, account_id), (ROOMS, account_id), *holdings, page]


def because(message: Received[Any] | Tick, request_id: UUID | None = None) -> Because:
    """Name a message as the cause of what it moves; `request_id` where the message itself has none of its own."""
    type_ = message.type if isinstance(message, Received) else message.kind
    return Because(message.id, request_id or message.request_id, type_)


def with_particulars(message: Received[Any], *holders: str) -> list[Wanted]:
    """Name the rows of holdings, and what is known of the things by name."""
    return [*wanted(message, *holders), *((PARTICULARS, (message.account, holder)) for holder in holders)]


def keep_account(
    message: Received[Any] | Tick, book: Book, account: Account, room: Room, at: datetime,
    request_id: UUID | None = None,
) -> None:  # fmt: skip
    """Write an account down with its room, and both in the ledger."""
    key = account.account_id
    book.put(ACCOUNTS, key, account)
    book.put(ROOMS, key, room)
    standing = Standing(account, ledger.caps_of(room), at, because(message, request_id))
    book.put(LEDGER, ledger.page_of(key, message.id), ledger.Page(standing=standing))


def intended(
    message: Received[Any], book: Book, holder: str, quantity: Callable[[Holding], int], *,
    expires_at: datetime, terms: PlanTerms | None = None,
) -> Moved:  # fmt: skip
    """Return how a holding would change for the quantity that a request may lead to, which depends on what is held."""
    before = holding(book, message.account, holder)
    target = Target(message.request_id, quantity(before), expires_at, terms.plan if terms else None)
    return Moved(holder, before, capacity.targeted(before, target))


def reserve(
    message: Received[Any], book: Book, moved: Moved, *, expires_at: datetime, terms: PlanTerms | None = None
) -> Kept | Refusal:
    """Keep room for what a request intends."""
    room = _move(book, message.account, [moved], because(message))
    if isinstance(room, Refusal):
        return room
    fact = CapacityReserved(
        request_id=message.request_id,
        holders=(moved.holder,),
        plan=terms,
        expires_at=expires_at,
        capacities=views.capacities(room),
    )
    say = Say(fact, key=message.account, revision=room.revision)
    return Kept(Reservation(holders=(moved.holder,), expires_at=expires_at), say)


def reserved_before(message: Received[Any], book: Book, holder: str, over_at: datetime) -> Reservation:
    """Return what is still kept for a request that was handed on before; if nothing is, one that was over at a time."""
    targets = holding(book, message.account, holder).targets
    expires_at = next((target.expires_at for target in targets if target.request_id == message.request_id), over_at)
    return Reservation(holders=(holder,), expires_at=expires_at)


def confirm(message: Received[Any], book: Book, holder: str, news: News, particular: Particular | None = None) -> Fate:
    """Book what is in use now. What does not fit under the cap is set aside for the operator, never booked.

    `particular` is what its owner says beside the number; name the rows by `with_particulars` then.
    """
    before = holding(book, message.account, holder)
    moved = Moved(holder, before, capacity.settled(before, message.request_id, news))
    room = _moved(book, message.account, [moved], because(message))
    if not isinstance(room, Room):
        return _nothing_booked(room)
    if particular is not None and (moved.after.since, moved.after.revision) == (news.since, news.revision):
        book.put(PARTICULARS, (message.account, holder), particular)
    fact = CapacityConfirmed(request_id=message.request_id, holders=(holder,), capacities=views.capacities(room))
    return Done(says=(Say(fact, key=message.account, revision=room.revision),))


def free(message: Received[Any], book: Book, holders: Sequence[str], news: News) -> Fate:
    """Book that things are gone."""
    before = [(holder, holding(book, message.account, holder)) for holder in holders]
    moves = [Moved(holder, found, capacity.settled(found, message.request_id, news)) for holder, found in before]
    fate = _released(message.account, "deleted", book, moves, because(message))
    if isinstance(fate, Done):
        _forget(book, message.account, [move for move in moves if not move.after.confirmed])
    return fate


def _forget(book: Book, account_id: str, moves: Sequence[Moved]) -> None:
    """Forget the particulars of what is gone."""
    for holder, _, _ in moves:
        book.delete(PARTICULARS, (account_id, holder))


def release(
    account_id: str, reason: Literal["refused", "expired"], book: Book, holders: Iterable[str], cause: Because
) -> Fate:
    """Hold room for the cause's request no longer."""
    before = [(holder, holding(book, account_id, holder)) for holder in holders]
    moves = [Moved(holder, found, capacity.released(found, cause.request_id)) for holder, found in before]
    return _released(account_id, reason, book, moves, cause)


def expire(tick: Tick, book: Book, due: Sequence[HolderKey], latest: datetime) -> Done:
    """Let go of what expired at `latest` or before, and forget things that are gone for long."""
    requests: dict[tuple[str, UUID], list[str]] = {}
    for account_id, holder in due:
        found = holding(book, account_id, holder)
        if capacity.forgettable(found, latest):
            book.delete(HOLDINGS, (account_id, holder))
        for request_id in capacity.expired(found, latest):
            requests.setdefault((account_id, request_id), []).append(holder)
    says: list[Say] = []
    for (account_id, request_id), holders in requests.items():
        fate = release(account_id, "expired", book, holders, because(tick, request_id))
        says.extend(fate.says if isinstance(fate, Done) else ())
    return Done(says=tuple(says))


def _released(
    account_id: str, reason: Literal["refused", "expired", "deleted"], book: Book, moves: Sequence[Moved],
    cause: Because,
) -> Fate:  # fmt: skip
    room = _moved(book, account_id, moves, cause)
    if not isinstance(room, Room):
        return _nothing_booked(room)
    fact = CapacityReleased(
        request_id=cause.request_id,
        holders=tuple(move.holder for move in moves if move.before.held or move.before.targets),
        reason=reason,
        capacities=views.capacities(room),
    )
    say = Say(fact, key=account_id, revision=room.revision, account=account_id, request_id=cause.request_id)
    return Done(says=(say,))


def _nothing_booked(reason: Refusal | None) -> Fate:
    """End a message that is old news, or one whose news cannot be booked."""
    if reason is None:
        return Done()
    code = "over_cap" if reason.code == "cap_reached" else reason.code
    return Never(code, " ".join(found.text.en for found in reason.findings))


def _moved(book: Book, account_id: str, moves: Sequence[Moved], cause: Because) -> Room | Refusal | None:
    """Write down moves; None if nothing moves."""
    moving = [move for move in moves if move.after != move.before]
    return _move(book, account_id, moving, cause) if moving else None


def _move(book: Book, account_id: str, moves: Sequence[Moved], cause: Because) -> Room | Refusal:
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
    page = ledger.page_of(account_id, cause.message_id)
    book.put(LEDGER, page, ledger.entered(book.get(LEDGER, page), room.revision, moves, cause))
    return room


def holding(book: Book, account_id: str, holder: str) -> Holding:
    """Return a holding as it stands, be it nothing."""
    return book.get(HOLDINGS, (account_id, holder)) or NOTHING
