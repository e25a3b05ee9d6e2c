"""The bus edge of domain, fourth part: bulk files.

A bulk's turn is a wake-up in the lane of its account's requests. It counts what has ended and sends the next orders,
as a customer would, each under an id of its own: claims to billing, mailboxes and aliases through the gate. What ends
them is heard, here as at every subscriber; what is not heard is asked for.
"""

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from contracts.bulk_v1 import (
    ORDERS,
    AskBulk,
    AskBulkItems,
    AskBulks,
    BulkAccepted,
    BulkAnswer,
    BulkCancelled,
    BulkFinished,
    BulkItemsAnswer,
    BulkItemView,
    BulkPartReceived,
    BulkProgress,
    BulksAnswer,
    CancelBulk,
    SubmitBulk,
)
from contracts.domain_v1 import DomainClaimed
from contracts.mailbox_v1 import AliasesChanged, MailboxCreated
from contracts.messages import REGISTRY, AskRequest, RequestAnswer
from contracts.refusals import RequestRefused, refuse
from contracts.routes import route_of
from services.chassis.book import Book, Conn, Wanted
from services.chassis.fates import At, Cancel, Done, Fate, Order, Refused, Say
from services.chassis.received import Received, Tick
from services.chassis.service import Moment
from services.domain import bulk_looks, bulks, store_bulks
from services.domain.bulk_looks import Found
from services.domain.bulks import Bulk, Waiting
from services.domain.handlers import refused_account, service
from services.domain.store import ACCOUNTS
from services.domain.store_bulks import BULKS, FLIGHTS, ITEMS, NEW_ITEMS, BulkKey

service.tables += (BULKS, NEW_ITEMS, FLIGHTS, ITEMS)

TURN, LOOK, FORGET = "bulk", "bulk-look", "bulk-forget"  # wake-ups; each bulk has one of a kind
LOOK_EVERY = timedelta(seconds=30)
ASK_SECONDS = 2.0
ANSWER_BYTES = 200_000
ATTRIBUTES_BYTES = 2000  # of an envelope before its data
# An item's request id is derived, a UUIDv5; what the client library sends has ids of version 7.
_DERIVED_REQUEST = re.compile(rb'"correlationid"\s*:\s*"[0-9a-f]{8}-[0-9a-f]{4}-5')


@dataclass
class BulkTerms:
    """How much of bulks is under way at a time. The worker sets it before it takes its first message."""

    window: int = 64
    runtime: Any = None


TERMS = BulkTerms()


def use(runtime: Any, window: int) -> None:
    """Begin with what the worker has at hand."""
    TERMS.runtime, TERMS.window, FLIGHTS.window = runtime, window, window


# --- parts come in ----------------------------------------------------------------------------------------------


def _of_part(message: Received[SubmitBulk]) -> Iterable[Wanted]:
    key = (message.account, message.data.bulk_id)
    return (ACCOUNTS, message.account), (BULKS, key), (NEW_ITEMS, (*key, message.data.part))


@service.command(SubmitBulk, keys=_of_part)
def submit_bulk(message: Received[SubmitBulk], book: Book, moment: Moment) -> Fate:
    """Keep a part; with the last one the bulk is accepted and its turns begin (R40)."""
    part, key = message.data, (message.account, message.data.bulk_id)
    content = (message.digest or b"").hex()
    bulk = book.get(BULKS, key)
    is_new = bulk is None
    bulk = bulk or bulks.begun(message.account, part, moment.now)
    reason = refused_account(message, book) or bulks.why_not(bulk, part, content)
    if reason is not None:
        return Refused(reason)
    items = bulks.read_items(message.account, part)
    timings: tuple[At, ...] = ()
    is_accepted = False
    if part.part not in bulk.received:
        bulk = bulks.with_part(bulk, part, content, items, moment.now)
        is_accepted = bulk.state == "running"
        book.put(BULKS, key, bulk)
        book.put(NEW_ITEMS, (*key, part.part), items)
    if is_accepted:
        timings = (_turn(bulk, moment, timedelta(0)), _wake(LOOK, bulk, moment, bulk_looks.FIRST_LOOK))
    elif is_new:
        timings = (_turn(bulk, moment, bulks.INCOMPLETE_AFTER),)
    unreadable = sum(item.refusal is not None for item in items)
    fact = BulkPartReceived(bulk=bulks.view(bulk), part=part.part, items=len(items), unreadable=unreadable)
    says = [_say(fact, bulk, message.request_id)]
    if is_accepted:
        says.append(_say(BulkAccepted(bulk=bulks.view(bulk)), bulk, bulk.bulk_id))
    return Done(says=tuple(says), timings=timings)


@service.command(
    CancelBulk, keys=lambda message: ((ACCOUNTS, message.account), (BULKS, (message.account, message.data.bulk_id)))
)
def cancel_bulk(message: Received[CancelBulk], book: Book, moment: Moment) -> Fate:
    """Begin nothing more of a bulk."""
    key = (message.account, message.data.bulk_id)
    bulk = book.get(BULKS, key)
    if bulk is None:
        return Refused(refuse("bulk_unknown"))
    if bulk.state == "finished" or bulk.is_cancelled:
        return Refused(refuse("bulk_over"))
    bulk = bulks.cancelled(bulk)
    book.put(BULKS, key, bulk)
    fact = _say(BulkCancelled(bulk=bulks.view(bulk)), bulk, message.request_id)
    return Done(says=(fact,), timings=(_turn(bulk, moment, timedelta(0)),))


# --- turns ------------------------------------------------------------------------------------------------------


def _key_of(tick: Tick) -> BulkKey:
    return tick.account, UUID(tick.payload["bulk_id"])


@service.timer(TURN, keys=lambda tick: ((BULKS, _key_of(tick)), (FLIGHTS, _key_of(tick))))
def take_turn(tick: Tick, book: Book, moment: Moment) -> Fate:
    """Count what has ended, and send the next orders."""
    key = _key_of(tick)
    before, flight = book.get(BULKS, key), book.get(FLIGHTS, key)
    if before is None or flight is None or before.state == "finished":
        return Done()
    bulk = before
    if bulk.state == "receiving" and not bulk.is_cancelled:
        if moment.now < bulk.begun_at + bulks.INCOMPLETE_AFTER:
            return Done()
        bulk = bulks.cancelled(bulk)
    bulk, flight = bulks.advance(bulk, flight, moment.now, TERMS.window)
    bulk = bulks.concluded(bulk, moment.now)
    says, bulk = _told(before, bulk, moment)
    if bulk is not before:
        book.put(BULKS, key, bulk)
    if flight.moved:
        book.put(FLIGHTS, key, flight)
    if bulk.state == "finished":
        return Done(says=says, timings=(_wake(FORGET, bulk, moment, bulks.KEPT_FOR), Cancel(LOOK, _name(bulk))))
    previous = timedelta(seconds=tick.payload.get("pause", 0.0)) or bulks.SOON
    return Done(
        says=says,
        orders=tuple(_order(item) for item in flight.issue),
        timings=(_turn(bulk, moment, bulks.next_turn(flight, previous)),),
    )


def _order(item: Waiting) -> Order:
    order = ORDERS[item.kind].model_validate_json(item.content)
    return Order(order, key=str(item.request_id), request_id=item.request_id)


def _told(before: Bulk, bulk: Bulk, moment: Moment) -> tuple[tuple[Say, ...], Bulk]:
    """Say how the bulk stands: its end at once, anything else now and then."""
    if bulk.state == "finished":
        return (_say(BulkFinished(bulk=bulks.view(bulk)), bulk, bulk.bulk_id),), bulk
    if bulk is before or not bulks.is_telling(bulk, moment.now):
        return (), bulk
    bulk = replace(bulk, said_at=moment.now)
    return (_say(BulkProgress(bulk=bulks.view(bulk)), bulk, bulk.bulk_id),), bulk


@service.timer(FORGET, keys=lambda tick: ((BULKS, _key_of(tick)),))
def forget(tick: Tick, book: Book, moment: Moment) -> Fate:
    """Delete a bulk and its items long after its end: they hold addresses."""
    if book.get(BULKS, _key_of(tick)) is not None:
        book.delete(BULKS, _key_of(tick))
    return Done()


# --- how items end ------------------------------------------------------------------------------------------------


def _may_be_of_an_item(payload: bytes) -> bool:
    """Tell from a fact's bytes whether its request may be an item's: most are not, and the worker hears them all."""
    found = _DERIVED_REQUEST.search(payload, 0, ATTRIBUTES_BYTES)
    return found is not None


def _of_item(message: Received[Any]) -> Iterable[Wanted]:
    return ((ITEMS, message.request_id),)


@service.event(DomainClaimed, keys=_of_item, concerns=_may_be_of_an_item)
@service.event(MailboxCreated, keys=_of_item, concerns=_may_be_of_an_item)
@service.event(AliasesChanged, keys=_of_item, concerns=_may_be_of_an_item)
@service.event(RequestRefused, keys=_of_item, concerns=_may_be_of_an_item, owner="billing")
@service.event(RequestRefused, keys=_of_item, concerns=_may_be_of_an_item, owner="domain")
@service.event(RequestRefused, keys=_of_item, concerns=_may_be_of_an_item, owner="mailbox")
def item_ended(message: Received[Any], book: Book, moment: Moment) -> Fate:
    """Note an item's outcome."""
    item = book.get(ITEMS, message.request_id)
    if item is None or item.account != message.account:
        return Done()
    if isinstance(message.data, RequestRefused):
        after = bulks.ended(item, moment.now, refusal=message.data.refusal)
    else:
        after = bulks.ended(item, moment.now, outcome=message.type)
    if after is not item:
        book.put(ITEMS, message.request_id, after)
    return Done()


async def _look(tick: Tick) -> dict[UUID, Found]:
    """Ask the workers about items that have had no outcome for a while."""
    account, bulk_id = _key_of(tick)
    async with TERMS.runtime.pool.acquire() as connection:
        items = await store_bulks.overdue(connection, account, bulk_id, TERMS.runtime.clock())
    found = await asyncio.gather(*(_found(account, request_id, kind) for request_id, kind in items))
    return {request_id: each for (request_id, _), each in zip(items, found, strict=True)}


async def _found(account: str, request_id: UUID, kind: str) -> Found:
    route = route_of(ORDERS[kind])
    question = AskRequest(request_id=request_id).model_dump_json().encode()
    answers = await asyncio.gather(*(_asked(station, account, question) for station in dict.fromkeys(route.stations)))
    return bulk_looks.read(answers, route.outcomes)


async def _asked(station: str, account: str, question: bytes) -> RequestAnswer | None:
    message = REGISTRY.find("qry", f"{station}.request.v1")
    assert message is not None, "every worker answers for its requests"
    said = await TERMS.runtime.ask(message.subject(account), question, seconds=ASK_SECONDS)
    return RequestAnswer.model_validate_json(said) if said else None


@service.timer(
    LOOK,
    keys=lambda tick: ((BULKS, _key_of(tick)), *((ITEMS, request_id) for request_id in tick.observation)),
    observe=_look,
)
def looked(tick: Tick, book: Book, moment: Moment) -> Fate:
    """Note what the workers said, and send again what nobody has seen."""
    bulk = book.get(BULKS, _key_of(tick))
    if bulk is None or bulk.state == "finished":
        return Done()
    orders: list[Order] = []
    for request_id, found in tick.observation.items():
        item = book.get(ITEMS, request_id)
        if item is None:
            continue
        after, sends_again = bulk_looks.after_look(item, found, moment.now)
        if after is not item:
            book.put(ITEMS, request_id, after)
        if sends_again and item.content is not None:
            orders.append(_order(Waiting(item.number, 0, item.kind, request_id, item.content)))
    return Done(orders=tuple(orders), timings=(_wake(LOOK, bulk, moment, LOOK_EVERY),))


# --- questions --------------------------------------------------------------------------------------------------


@service.query(AskBulk)
async def answer_bulk(conn: Conn, account: str, ask: AskBulk) -> BulkAnswer:
    """Show one bulk."""
    bulk = await store_bulks.read_bulk(conn, account, ask.bulk_id)
    return BulkAnswer(bulk=bulks.view(bulk), missing=bulk.missing) if bulk else BulkAnswer(bulk=None)


@service.query(AskBulks)
async def answer_bulks(conn: Conn, account: str, ask: AskBulks) -> BulksAnswer:
    """Show a page of bulks."""
    found = await store_bulks.read_bulks(conn, account, ask.before, ask.limit + 1)
    page = found[: ask.limit]
    return BulksAnswer(
        bulks=tuple(bulks.view(bulk) for bulk in page), next=page[-1].bulk_id if len(found) > len(page) else None
    )


@service.query(AskBulkItems)
async def answer_bulk_items(conn: Conn, account: str, ask: AskBulkItems) -> BulkItemsAnswer:
    """Show a page of items; refusals may be long, so it ends where an answer has no more room."""
    rows = await store_bulks.read_items(conn, account, ask.bulk_id, ask.after, ask.only, ask.limit + 1)
    items = [BulkItemView.model_validate(row) for row in rows]
    fitting = bulks.within((len(item.model_dump_json()) for item in items[: ask.limit]), ANSWER_BYTES)
    page = items[:fitting]
    return BulkItemsAnswer(items=tuple(page), next=page[-1].number if page and len(items) > len(page) else None)


# --- parts ------------------------------------------------------------------------------------------------------


def _say(fact: Any, bulk: Bulk, request_id: UUID) -> Say:
    return Say(fact, key=str(bulk.bulk_id), revision=bulk.revision, account=bulk.account, request_id=request_id)


def _name(bulk: Bulk) -> str:
    return f"{bulk.account}/{bulk.bulk_id}"


def _turn(bulk: Bulk, moment: Moment, after: timedelta) -> At:
    return _wake(TURN, bulk, moment, after, pause=after.total_seconds())


def _wake(kind: str, bulk: Bulk, moment: Moment, after: timedelta, **more: object) -> At:
    payload = {"bulk_id": str(bulk.bulk_id), **more}
    return At(kind, _name(bulk), moment.now + after, bulk.account, payload)
