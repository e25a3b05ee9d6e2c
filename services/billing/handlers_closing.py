"""The bus edge of billing, fourth part: accounts that are suspended, closed or reopened, all by the operator."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from contracts.closure_v1 import (
    AccountClosed,
    AccountClosing,
    AccountReactivated,
    AccountReopened,
    AccountSuspended,
    AccountVacated,
    AccountVacating,
    AskClosure,
    CloseAccount,
    ClosureAnswer,
    ReactivateAccount,
    ReopenAccount,
    SuspendAccount,
)
from contracts.leaving import gone_at
from contracts.refusals import Refusal
from services.billing import booking, closing, store, store_closures, views
from services.billing.closing import Closure
from services.billing.handlers import HOUSE, kept, room_of, service
from services.billing.store import ACCOUNTS, ROOMS
from services.billing.store_closures import CLOSURES
from services.chassis.book import Book, Conn, Wanted
from services.chassis.fates import At, Done, Fate, Refused, Say
from services.chassis.received import Received, Tick
from services.chassis.service import Moment

END = "close-account"  # the wake-up that ends a closure once nothing is left; its key is the account


# --- suspension -----------------------------------------------------------------------------------------------------


@service.command(SuspendAccount, keys=booking.wanted)
def suspend_account(message: Received[SuspendAccount], book: Book, moment: Moment) -> Fate:
    """Refuse what the account requests from now on; mail and charges go on."""
    account, room = book.get(ACCOUNTS, message.account), book.get(ROOMS, message.account)
    changed = closing.suspended(account, room, message.account)
    if isinstance(changed, Refusal):
        return Refused(changed)
    fact = AccountSuspended(account=views.account_view(*changed), reason=message.data.reason)
    return kept(message, book, moment, changed, fact)


@service.command(ReactivateAccount, keys=booking.wanted)
def reactivate_account(message: Received[ReactivateAccount], book: Book, moment: Moment) -> Fate:
    """Take the account's requests again."""
    account, room = book.get(ACCOUNTS, message.account), book.get(ROOMS, message.account)
    changed = closing.reactivated(account, room, message.account)
    if isinstance(changed, Refusal):
        return Refused(changed)
    return kept(message, book, moment, changed, AccountReactivated(account=views.account_view(*changed)))


# --- closure --------------------------------------------------------------------------------------------------------


def _of_closure(message: Received[Any] | Tick) -> Iterable[Wanted]:
    return *booking.wanted(message), (CLOSURES, message.account)


@service.command(CloseAccount, keys=_of_closure)
def close_account(message: Received[CloseAccount], book: Book, moment: Moment) -> Fate:
    """Begin to close an account: domain hears it and gives its domains up, mailbox what stands under them."""
    request, account_id = message.data, message.account
    closes_at = gone_at(request.on, immediately=request.immediately, now=moment.now, grace=HOUSE.closure_grace)
    if isinstance(closes_at, Refusal):
        return Refused(closes_at)
    begun = closing.begun(
        book.get(ACCOUNTS, account_id), book.get(ROOMS, account_id), book.get(CLOSURES, account_id), account_id,
        closes_at, message.request_id, moment.now,
    )  # fmt: skip
    if isinstance(begun, Refusal):
        return Refused(begun)
    account, room, closure = begun
    book.put(CLOSURES, account_id, closure)
    view = views.account_view(account, room)
    fact = AccountClosing(account=view, closure_id=closure.closure_id, closes_at=closure.closes_at)
    return kept(message, book, moment, (account, room), fact)


@service.command(ReopenAccount, keys=_of_closure)
def reopen_account(message: Received[ReopenAccount], book: Book, moment: Moment) -> Fate:
    """Take a closure back; it ends the requests to close as well."""
    account_id = message.account
    account, closure = book.get(ACCOUNTS, account_id), book.get(CLOSURES, account_id)
    changed = closing.reopened(account, book.get(ROOMS, account_id), closure, account_id, moment.now)
    if isinstance(changed, Refusal):
        return Refused(changed)
    if closure is not None:
        book.delete(CLOSURES, account_id)
    was_closed = account is not None and account.state == "closed"
    fact = AccountReopened(account=views.account_view(*changed), was_closed=was_closed)
    done = kept(message, book, moment, changed, fact)
    ended = tuple(_say(fact, changed[0].revision, account_id, request_id) for request_id in _waiting(closure))
    return replace(done, says=(*done.says, *ended))


@service.event(AccountVacating, keys=_of_closure)
@service.event(AccountVacated, keys=_of_closure)
def domains_left(message: Received[AccountVacating] | Received[AccountVacated], book: Book, moment: Moment) -> Fate:
    """Count the domains that are left; with none, the closure is at its end."""
    fact, account_id = message.data, message.account
    closure, room = book.get(CLOSURES, account_id), book.get(ROOMS, account_id)
    if closure is None or room is None or closure.closure_id != fact.closure_id or closure.phase != "closing":
        return Done()
    left = fact.domains_left if isinstance(fact, AccountVacating) else 0
    phase = "closing" if isinstance(fact, AccountVacating) else "vacated"
    counted = replace(closure, phase=phase, domains_total=max(fact.domains_total, left), domains_left=left)
    book.put(CLOSURES, account_id, counted)
    progress = Say(closing.progress(counted, room), key=account_id, revision=None)
    return Done((progress,), timings=() if phase == "closing" else (_ends(account_id, moment),))


@service.timer(END, keys=lambda tick: _of_closure(tick))
def end_closure(tick: Tick, book: Book, moment: Moment) -> Fate:
    """Close the account when its counters say none; until then mailbox's last facts, or a lost request, are waited for.

    Closed is when it was to be closed: nobody pays for workers that were late.
    """
    account_id = tick.account
    account, closure = book.get(ACCOUNTS, account_id), book.get(CLOSURES, account_id)
    if account is None or closure is None or closure.phase != "vacated":
        return Done()
    room = room_of(book, account)
    if not closing.is_empty(room):
        book.put(CLOSURES, account_id, replace(closure, looked=closure.looked + 1))
        later = moment.now + closing.looks_again_in(closure)
        return Done(timings=(At(END, account_id, later, account_id),))
    waiting = _waiting(closure)
    account, room, done = closing.ended(account, room, closure)
    book.put(CLOSURES, account_id, done)
    booking.keep_account(tick, book, account, room, closure.closes_at)
    fact = AccountClosed(account=views.account_view(account, room), closed_at=closure.closes_at)
    return Done(tuple(_say(fact, account.revision, account_id, request_id) for request_id in waiting))


def _ends(account_id: str, moment: Moment) -> At:
    return At(END, account_id, moment.now, account_id)


def _waiting(closure: Closure | None) -> tuple[Any, ...]:
    return closure.requests if closure is not None else ()


def _say(fact: AccountClosed | AccountReopened, revision: int, account_id: str, request_id: Any) -> Say:
    return Say(fact, key=account_id, revision=revision, request_id=request_id)


# --- the question ---------------------------------------------------------------------------------------------------


@service.query(AskClosure)
async def closure(conn: Conn, account_id: str, ask: AskClosure) -> ClosureAnswer:
    """Say how far the account's closure has come."""
    found, account = await store_closures.read_closure(conn, account_id), await store.read_account(conn, account_id)
    return ClosureAnswer(closure=closing.progress(found, account[1]) if found and account else None)
