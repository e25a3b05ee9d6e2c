"""Quotes: what a request would change about the price, computed as the invoice will, and when a quote binds. Pure.

A quote holds the price list that it was made of. Who commits with it is priced as if he had ordered when it was made;
where that would no longer lead to the prices that it states, it is stale.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from contracts.ids import derived
from contracts.trials import HeadRoom, Quote, QuotedLine
from services.billing.capacity import RESOURCES, Counter, Holding, Moved, Room, counted
from services.billing.charging.charges import charges, total, whole_month
from services.billing.charging.months import Month, day_of, month_of
from services.billing.charging.prices import Price, package_price, plan_price
from services.billing.charging.use import Mailboxes, Step, Terms, Use
from services.billing.pricing import PriceLists
from services.billing.rules import Account

SECRETS = {"password_hash"}  # whoever asks for a price has none yet, and none may be kept
NOBODY = UUID(int=0)  # said it: a quote is no message that a charge could rest on


@dataclass(frozen=True, slots=True)
class Quoted:
    """A quote that was given, what it is for, and the request that has used it."""

    account_id: str
    quote_id: UUID
    digest: bytes  # of what it is for
    catalogue: str
    lines: tuple[QuotedLine, ...]
    valid_until: datetime
    used_by: UUID | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What a request changes about what an account uses: before, and from today on."""

    lines: tuple[QuotedLine, ...] = ()
    before: Use | None = None
    after: Use | None = None


NO_CHANGE = Change()


# --- what changes ------------------------------------------------------------------------------------------------


def of_mailbox(
    account: Account, thing: str, held: Holding, plan: str, catalogue: str, lists: PriceLists, now: datetime
) -> Change:
    """Return what a mailbox costs on a plan of a price list, and what it cost before. Raises NoPrice."""
    today = day_of(now)
    month, terms = month_of(today), _terms(account, month_of(today))
    steps: tuple[Step, ...] = ()
    old: Price | None = None
    if held.confirmed and held.plan is not None:
        steps = (Step(month.first, held.plan, held.catalogue),)
        old = plan_price(lists, held.plan, held.catalogue or "", terms, month)
    new = plan_price(lists, plan, catalogue, terms, month)
    line = _line(thing, held.plan if old else None, plan, old, new)
    before = Use((terms,), (Mailboxes(steps),) if steps else ())
    return Change((line,), before, Use((terms,), (Mailboxes((*steps, Step(today, plan, catalogue))),)))


def of_package(
    before: Account, after: Account, plan_use: Sequence[tuple[str, str, int]], lists: PriceLists, now: datetime
) -> Change:
    """Return what another package costs, and what that does to the account's mailboxes. Raises NoPrice.

    `plan_use` is plan, price list and number of mailboxes: their prices change where a contract begins or ends.
    """
    today = day_of(now)
    month = month_of(today)
    old, new = _terms(before, month), _terms(after, month)._replace(day=today)
    mailboxes = [Mailboxes((Step(month.first, plan, catalogue),), number) for plan, catalogue, number in plan_use]
    package = package_price(lists, old, month), package_price(lists, new, month)
    lines = [_line("package", before.package, after.package, *package)]
    for plan, catalogue, number in plan_use:
        prices = [plan_price(lists, plan, catalogue, terms, month) for terms in (old, new)]
        if prices[0].cents != prices[1].cents:
            lines.append(_line("mailboxes", plan, plan, *prices, quantity=number))
    return Change(tuple(lines), Use((old,), tuple(mailboxes)), Use((old, new), tuple(mailboxes)))


def _line(
    thing: str, old_code: str | None, new_code: str, old: Price | None, new: Price, *, quantity: int = 1
) -> QuotedLine:
    return QuotedLine(
        thing=thing,
        quantity=quantity,
        old_code=old_code,
        new_code=new_code,
        old_cents=old.cents if old else 0,
        new_cents=new.cents,
        catalogue=new.catalogue,
        catalogue_line=new.line,
    )


def _terms(account: Account, month: Month) -> Terms:
    return Terms(
        month.first, True, account.package, account.package_price_cents, account.catalogue, account.plan_prices, NOBODY
    )


# --- what a quote says ---------------------------------------------------------------------------------------------


def quote(given: Quoted, change: Change, head_room: Iterable[HeadRoom], lists: PriceLists, now: datetime) -> Quote:
    """State a quote: the difference of a whole month, and of this one if the request were done today."""
    today = day_of(now)
    month = month_of(today)
    monthly = remaining = 0
    if change.before is not None and change.after is not None:
        monthly = whole_month(change.after, month, lists) - whole_month(change.before, month, lists)
        charged = [total(charges(use, month, lists), month) for use in (change.before, change.after)]
        remaining = charged[1] - charged[0]
    return Quote(
        quote_id=given.quote_id,
        valid_until=given.valid_until,
        catalogue=given.catalogue,
        lines=change.lines,
        monthly_difference_cents=monthly,
        remaining_month_cents=remaining,
        remaining_from=today,
        remaining_to=month.last,
        head_room=tuple(head_room),
    )


def head_room(room: Room, moves: Iterable[Moved]) -> list[HeadRoom]:
    """Return how much would be left of what moves take, whether or not it fits."""
    taken = counted(moves)
    return [
        _head_room(resource, room.counters.get(resource, Counter()), sum(taken[resource]))
        for resource in sorted(taken, key=_in_order)
        if resource in RESOURCES or room.counters.get(resource, Counter()).cap is not None
    ]


def head_room_of_all(room: Room) -> list[HeadRoom]:
    """Return how much is left of everything that is counted."""
    return [
        _head_room(resource, counter, 0)
        for resource, counter in sorted(room.counters.items(), key=lambda counted: _in_order(counted[0]))
        if resource in RESOURCES or counter.cap is not None
    ]


def _head_room(resource: str, counter: Counter, growth: int) -> HeadRoom:
    return HeadRoom(
        resource=resource,
        used=counter.confirmed,
        reserved=counter.reserved,
        cap=counter.cap,
        unlimited=counter.cap is None,
        left=None if counter.free is None else counter.free - growth,
    )


def _in_order(resource: str) -> tuple[int, str]:
    return (RESOURCES.index(resource) if resource in RESOURCES else len(RESOURCES), resource)


# --- when it binds -------------------------------------------------------------------------------------------------


def id_of(message_id: UUID) -> UUID:
    """Name the quote that a dry run's message leads to: the same one at every repetition."""
    return derived(message_id, "quote")


def digest_of(request_type: str, request: BaseModel) -> bytes:
    """Return what tells what a quote is for: the request but for its secrets."""
    digest = hashlib.blake2b(f"{request_type} ".encode(), digest_size=16)
    digest.update(request.model_dump_json(exclude=SECRETS).encode())
    return digest.digest()


def staleness(found: Quoted | None, digest: bytes, request_id: UUID, now: datetime) -> str | None:
    """Say why a quote does not hold for a request, or None. Whether its prices still do is `has_changed`'s matter."""
    if found is None:
        return "quote_unknown"
    if found.digest != digest:
        return "quote_for_other"
    if found.used_by not in (None, request_id):
        return "quote_used"
    return "quote_expired" if now > found.valid_until else None


def has_changed(found: Quoted, change: Change) -> bool:
    """Tell whether the request would now be charged otherwise than the quote states."""
    return found.lines != change.lines


def used(found: Quoted, request_id: UUID) -> Quoted:
    """Note the one request that a quote was for."""
    return replace(found, used_by=request_id)
