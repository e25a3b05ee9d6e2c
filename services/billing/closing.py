"""Accounts that are suspended, closed or reopened: which may be, and what they are then. Pure.

A closure is the row of a process: the domains of the account are given up by domain, everything under them by mailbox;
when both are done and the counters say none, the account is closed.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from contracts.billing_v1 import AccountState
from contracts.closure_v1 import AccountClosureProgress
from contracts.refusals import Refusal, refuse
from services.billing.capacity import MAILBOX, Room, touched
from services.billing.rules import Account

MAX_REQUESTS = 10  # that move one closure's time, and all wait for its end
LOOK_AGAIN, LOOK_AGAIN_AT_MOST = timedelta(seconds=1), timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Closure:
    """The closure of an account, under way or done. `looked` counts looks at counters that were not none yet."""

    account_id: str
    closure_id: UUID
    phase: Literal["closing", "vacated", "closed"]
    closes_at: datetime
    requests: tuple[UUID, ...]
    resumes_as: Literal["active", "suspended"]
    domains_total: int | None = None
    domains_left: int | None = None
    looked: int = 0


def suspended(account: Account | None, room: Room | None, account_id: str) -> tuple[Account, Room] | Refusal:
    """Suspend an account that is active."""
    return _changed(account, room, account_id, ("active",), "suspended")


def reactivated(account: Account | None, room: Room | None, account_id: str) -> tuple[Account, Room] | Refusal:
    """End a suspension."""
    return _changed(account, room, account_id, ("suspended",), "active")


def begun(
    account: Account | None, room: Room | None, closure: Closure | None, account_id: str, closes_at: datetime,
    request_id: UUID, now: datetime,
) -> tuple[Account, Room, Closure] | Refusal:  # fmt: skip
    """Begin to close an account, or let its closure come earlier."""
    if account is not None and account.state == "closing" and closure is not None:
        moved = _moved(account, closure, closes_at, request_id, now)
        if isinstance(moved, Refusal):
            return moved
        assert room is not None, f"the account {account_id} has no counters"
        return *_in_state(account, room, "closing"), moved
    changed = _changed(account, room, account_id, ("active", "suspended"), "closing")
    if isinstance(changed, Refusal):
        return changed
    assert account is not None, "an account that changes is there"
    resumes_as = "suspended" if account.state == "suspended" else "active"
    return *changed, Closure(account_id, request_id, "closing", closes_at, (request_id,), resumes_as)


def reopened(
    account: Account | None, room: Room | None, closure: Closure | None, account_id: str, now: datetime
) -> tuple[Account, Room] | Refusal:
    """Have an account back: as it was, before its closure's time; empty, once it is closed. Not in between."""
    if account is not None and account.state == "closing" and closure is not None and closure.closes_at <= now:
        return refuse("closure_under_way", account=account_id, at=_written(closure.closes_at))
    state = closure.resumes_as if closure is not None and closure.phase != "closed" else "active"
    return _changed(account, room, account_id, ("closing", "closed"), state)


def ended(account: Account, room: Room, closure: Closure) -> tuple[Account, Room, Closure]:
    """Close an account that has nothing left."""
    return *_in_state(account, room, "closed"), replace(closure, phase="closed", domains_left=0, requests=())


def is_empty(room: Room) -> bool:
    """Tell whether the account uses nothing, and no request that is on its way may lead to use."""
    return not any(counter.confirmed or counter.reserved for counter in room.counters.values())


def looks_again_in(closure: Closure) -> timedelta:
    """Return how long to wait for the last counters: longer and longer, for what waits long is a lost reservation."""
    return min(LOOK_AGAIN * 2 ** min(closure.looked, 10), LOOK_AGAIN_AT_MOST)


def progress(closure: Closure, room: Room) -> AccountClosureProgress:
    """Return how far a closure has come."""
    total, left = closure.domains_total or 0, closure.domains_left
    return AccountClosureProgress(
        closes_at=closure.closes_at,
        domains_total=total,
        domains_left=total if left is None else left,
        mailboxes_left=room.counters[MAILBOX].confirmed,
    )


def _moved(
    account: Account, closure: Closure, closes_at: datetime, request_id: UUID, now: datetime
) -> Closure | Refusal:
    if closure.closes_at <= now:
        return refuse("closure_under_way", account=account.account_id, at=_written(closure.closes_at))
    if closes_at >= closure.closes_at or len(closure.requests) >= MAX_REQUESTS:
        return refuse("account_closing", account=account.account_id, at=_written(closure.closes_at))
    return replace(closure, closes_at=closes_at, requests=(*closure.requests, request_id))


def _changed(
    account: Account | None, room: Room | None, account_id: str, before: tuple[AccountState, ...], state: AccountState
) -> tuple[Account, Room] | Refusal:
    if account is None:
        return refuse("account_unknown", account=account_id)
    if account.state not in before:
        return refuse("account_state", account=account_id, state=account.state)
    assert room is not None, f"the account {account_id} has no counters"
    return _in_state(account, room, state)


def _in_state(account: Account, room: Room, state: AccountState) -> tuple[Account, Room]:
    room = touched(room)
    return replace(account, state=state, revision=room.revision), room


def _written(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
