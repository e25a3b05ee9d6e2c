"""The bus edge of billing, second part: VAT checks, runs over a month, invoices, credit notes, the nightly check.

A run is one part per partition. Each part is a wake-up in the lane of that partition, which takes a chunk of the
partition's accounts at a time: read outside any transaction, settled in one. Dying at any point loses nothing: the
wake-up is still due, and what was settled is not looked at again.
"""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

import structlog

from contracts.invoicing_v1 import (
    HOUSE,
    AccountParked,
    CreditInvoice,
    CreditNoteIssued,
    InvoiceFinalized,
    InvoicePart,
    InvoiceRunFinished,
    InvoiceRunProgress,
    LedgerDiffers,
    RecordVatCheck,
    RunInvoices,
)
from contracts.refusals import Refusal, refuse
from services.billing import booking, reading, rules, runs, store_check
from services.billing.charging import credit, invoice, months
from services.billing.handlers import HOUSE as TERMS
from services.billing.handlers import account_updated, service
from services.billing.reading import Chunk, Found
from services.billing.rules import Account
from services.billing.runs import Issued, Run, Settlement
from services.billing.store import ACCOUNTS, ROOMS
from services.billing.store_invoices import DOCUMENTS, NEW_DOCUMENTS, RUNS, SERIES, SETTLEMENTS
from services.chassis.book import Book, Wanted
from services.chassis.fates import At, Done, Fate, HandedOver, Order, Refused, Say
from services.chassis.received import Received, Tick
from services.chassis.service import Moment
from services.chassis.topology import partition

log = structlog.get_logger()
AT_ONCE, LOOK_AGAIN = timedelta(0), timedelta(seconds=1)  # the latter while facts of the month may still be waiting
BEGIN_AFTER = timedelta(hours=3)  # of the 1st the run begins by itself
MAX_INVOICE_BYTES = 240_000  # of the 262,144 that a message may have; the envelope needs its part
DIFFERENCES_SHOWN = 20


# --- the VAT id ----------------------------------------------------------------------------------------------------


@service.command(RecordVatCheck, keys=booking.wanted)
def record_vat_check(message: Received[RecordVatCheck], book: Book, moment: Moment) -> Fate:
    """Keep what a check of the VAT id said (operator)."""
    account = rules.assignable(book.get(ACCOUNTS, message.account), message.account)
    if isinstance(account, Refusal):
        return Refused(account)
    room = book.get(ROOMS, message.account)
    assert room is not None, f"the account {message.account} has no counters"
    changed = rules.record_vat_check(account, room, message.data)
    if isinstance(changed, Refusal):
        return Refused(changed)
    return account_updated(message, book, moment, changed)


# --- a run begins --------------------------------------------------------------------------------------------------


@service.command(RunInvoices, keys=lambda message: [(RUNS, message.data.period)])
def run_invoices(message: Received[RunInvoices], book: Book, moment: Moment) -> Fate:
    """Begin the run for a month, or begin it again (operator)."""
    this = months.month(message.data.period)
    if message.account != HOUSE:
        return Refused(refuse("house_only", account=HOUSE))
    if moment.now < this.ends_at:
        return Refused(refuse("period_not_over", period=str(this)))
    if TERMS.seller is None:
        return Refused(refuse("seller_incomplete", missing=", ".join(TERMS.seller_lacks)))
    return HandedOver(orders=_begin(book, str(this), message.id))


def _last_month(tick: Tick) -> months.Month:
    return months.month_of(months.day_of(tick.started_at)).before


@service.timer("invoice-month", keys=lambda tick: [(RUNS, str(_last_month(tick)))], every_seconds=1800)
def invoice_month(tick: Tick, book: Book, moment: Moment) -> Fate:
    """Begin the run for the month that is over, once, if the house wants that."""
    this = _last_month(tick)
    due_at = this.ends_at + BEGIN_AFTER
    if not TERMS.invoice_automatically or TERMS.seller is None or tick.started_at < due_at:
        return Done()
    return Done() if book.get(RUNS, str(this)) else Done(orders=_begin(book, str(this), None))


def _begin(book: Book, period: str, request_id: UUID | None) -> tuple[Order, ...]:
    run = runs.begun(book.get(RUNS, period), period, TERMS.parts, request_id)
    book.put(RUNS, period, run)
    return tuple(
        Order(
            InvoicePart(period=period, part=part, parts=run.parts),
            key=f"{period}/{part}",
            account=runs.house_account(part, run.parts, partition),
        )
        for part in run.open_parts
    )


@service.command(InvoicePart, keys=lambda message: [])
def invoice_part(message: Received[InvoicePart], book: Book, moment: Moment) -> Fate:
    """Begin a part, in the lane that this came to."""
    order = message.data
    payload = {"part": order.part, "parts": order.parts, "period": order.period, "after": ""}
    return Done(timings=(At("invoice-accounts", f"{order.period}/{order.part}", moment.now, HOUSE, payload),))


# --- a chunk of a run ----------------------------------------------------------------------------------------------


async def _look_at_accounts(tick: Tick) -> Chunk | int | None:
    """Return the next accounts; before the first ones the fact to wait for, or None if it has not been handled."""
    payload = tick.payload
    if not payload["after"]:
        up_to = payload.get("up_to")
        if up_to is None:
            return await TERMS.runtime.newest_event()
        if not await TERMS.runtime.events_handled(up_to):
            return None
    async with TERMS.pool.acquire() as connection:
        return await reading.read_chunk(
            connection, months.month(payload["period"]), TERMS.prices, part=payload["part"], parts=payload["parts"],
            after=payload["after"], limit=payload.get("limit", TERMS.invoices_at_once),
        )  # fmt: skip


def _of_chunk(tick: Tick) -> Iterable[Wanted]:
    period, chunk = tick.payload["period"], tick.observation
    yield RUNS, period
    if isinstance(chunk, Chunk):
        yield SERIES, TERMS.series
        for found in chunk.accounts:
            yield ACCOUNTS, found.account_id
            yield SETTLEMENTS, (found.account_id, period)
            yield NEW_DOCUMENTS, (found.account_id, period)


@service.timer("invoice-accounts", keys=_of_chunk, observe=_look_at_accounts, can_do_less=True)
def invoice_accounts(tick: Tick, book: Book, moment: Moment) -> Fate:
    """Settle the month of some accounts, and go on with the next ones.

    Rows that the database refuses are one account's: it is searched for by halves, and parked alone (R-I7).
    """
    run, part, chunk = book.get(RUNS, tick.payload["period"]), tick.payload["part"], tick.observation
    if run is None or part not in run.open_parts or run.parts != tick.payload["parts"]:
        return Done()
    if not isinstance(chunk, Chunk):
        up_to = {} if chunk is None else {"up_to": chunk}
        return Done(timings=(_again(tick, moment, LOOK_AGAIN if chunk is None else AT_ONCE, up_to),))
    number = len(chunk.accounts)
    if tick.rows_refused and number > 1:
        return Done(timings=(_again(tick, moment, AT_ONCE, {"limit": number // 2}),))
    settled = [done for found in chunk.accounts if (done := _settle(tick, book, found)) is not None]
    run = runs.advanced(run, (settlement.state for settlement, _ in settled))
    says = [say for _, say in settled if say is not None]
    says.append(_progress(run, part, tick))
    timings: tuple[At, ...] = ()
    if chunk.after is None:
        waiting, run = run.requests, runs.closed(run, part)
        says += [] if run.open_parts else _finished(run, waiting)
    else:
        limit = min(TERMS.invoices_at_once, 2 * number) or 1
        timings = (_again(tick, moment, AT_ONCE, {"after": chunk.after, "limit": limit}),)
    book.put(RUNS, run.period, run)
    return Done(says=tuple(says), timings=timings)


def _again(tick: Tick, moment: Moment, later: timedelta, payload: dict[str, object]) -> At:
    return At(tick.kind, tick.key, moment.now + later, HOUSE, {**tick.payload, **payload})


def _progress(run: Run, part: int, tick: Tick) -> Say:
    fact = InvoiceRunProgress(period=run.period, part=part, parts=run.parts, counts=run.counts)
    return Say(fact, key=f"{run.period}/{part}/{tick.payload['after']}", account=HOUSE)


def _finished(run: Run, waiting: tuple[UUID, ...]) -> list[Say]:
    fact = InvoiceRunFinished(period=run.period, counts=run.counts)
    if not waiting:
        return [Say(fact, key=run.period, account=HOUSE)]
    return [Say(fact, key=run.period, account=HOUSE, request_id=request_id) for request_id in waiting]


def _settle(tick: Tick, book: Book, found: Found) -> tuple[Settlement, Say | None] | None:
    """Settle one account's month; whatever is wrong with it parks this account alone (R-I7)."""
    key = (found.account_id, tick.payload["period"])
    account, before = book.get(ACCOUNTS, found.account_id), book.get(SETTLEMENTS, key)
    if account is None or (before is not None and before.final):
        return None
    try:
        issued = refuse("internal_error") if tick.rows_refused else _issue(tick, book, account, found)
    except Exception:
        log.exception("an invoice cannot be written; its account is parked", account=found.account_id, period=key[1])
        issued = refuse("internal_error")
    if isinstance(issued, Refusal):
        if tick.rows_refused:
            log.error("the database refuses an invoice; its account is parked", account=found.account_id, period=key[1])
        parked = Settlement("parked", found.revision, reason=issued)
        book.put(SETTLEMENTS, key, parked)
        again = before is not None and before.reason == issued
        fact = AccountParked(period=key[1], reason=issued)
        return parked, None if again else Say(fact, key=f"invoices/{key[1]}", account=found.account_id)
    if issued is None:
        settlement = Settlement("nothing_due", found.revision)
        book.put(SETTLEMENTS, key, settlement)
        return settlement, None
    settlement = Settlement("invoiced", found.revision, number=issued.invoice.number)
    book.put(SETTLEMENTS, key, settlement)
    book.put(NEW_DOCUMENTS, key, issued)
    book.put(SERIES, TERMS.series, issued.series)
    say = Say(InvoiceFinalized(invoice=issued.invoice), key=issued.invoice.number, account=account.account_id)
    return settlement, say


def _issue(tick: Tick, book: Book, account: Account, found: Found) -> Issued | Refusal | None:
    if isinstance(found.billed, Refusal):
        return found.billed
    if found.billed.nothing:
        return None
    assert TERMS.seller is not None, "no run begins without a seller"
    made = invoice.draft(account, found.billed, TERMS.prices)
    if isinstance(made, Refusal):
        return made
    issued_on = months.day_of(tick.started_at)
    counter = book.get(SERIES, TERMS.series)
    assert counter is not None, f"the series {TERMS.series} has no counter"
    series = counter.next(issued_on)
    final = invoice.finalized(made, account, found.billed, TERMS.seller, number=series.number, issued_on=issued_on)
    if len(final.model_dump_json()) > MAX_INVOICE_BYTES:
        return refuse("invoice_too_large", lines=len(final.lines))
    return Issued(final, series)


# --- credit notes --------------------------------------------------------------------------------------------------


def _of_credit(message: Received[CreditInvoice]) -> list[Wanted]:
    account = message.account
    document: Wanted = (DOCUMENTS, (account, message.data.number))
    return [(ACCOUNTS, account), document, (NEW_DOCUMENTS, (account, str(message.id))), (SERIES, TERMS.credit_series)]


@service.command(CreditInvoice, keys=_of_credit)
def credit_invoice(message: Received[CreditInvoice], book: Book, moment: Moment) -> Fate:
    """Give back an invoice, wholly or in part (operator)."""
    order = message.data
    found = book.get(DOCUMENTS, (message.account, order.number))
    if found is None:
        return Refused(refuse("invoice_unknown", number=order.number))
    amounts = credit.credited_lines(found.invoice, found.credited, order.lines)
    if isinstance(amounts, Refusal):
        return Refused(amounts)
    counter = book.get(SERIES, TERMS.credit_series)
    assert counter is not None, f"the series {TERMS.credit_series} has no counter"
    issued_on = months.day_of(moment.now)
    series = counter.next(issued_on)
    note = credit.credit_note(
        found.invoice, found.credited, amounts, number=series.number, issued_on=issued_on, reason=order.reason
    )
    book.put(SERIES, TERMS.credit_series, series)
    book.put(NEW_DOCUMENTS, (message.account, str(message.id)), Issued(note, series))
    return Done(says=(Say(CreditNoteIssued(invoice=note), key=note.number),))


# --- the nightly check ---------------------------------------------------------------------------------------------


async def _compare(tick: Tick) -> list[str]:
    async with TERMS.pool.acquire() as connection:
        return await store_check.differences(connection)


@service.timer("check-ledger", keys=lambda tick: [], observe=_compare, every_seconds=86_400)
def check_ledger(tick: Tick, book: Book, moment: Moment) -> Fate:
    """Raise an alarm when counters or holdings are not what the ledger says."""
    found: list[str] = tick.observation
    if not found:
        return Done()
    log.error("the ledger and the counters differ", differences=len(found), examples=found[:DIFFERENCES_SHOWN])
    fact = LedgerDiffers(differences=len(found), examples=tuple(found[:DIFFERENCES_SHOWN]))
    return Done(says=(Say(fact, key="ledger", account=HOUSE),))
