"""Answers to questions about accounts, prices and invoices. They read only."""

from base64 import b64encode
from hashlib import sha256

from contracts.base import Text
from contracts.billing_v1 import (
    AccountAnswer,
    AskAccount,
    AskCatalogue,
    AskQuote,
    AskUsage,
    CatalogueAnswer,
    QuoteAnswer,
    UsageAnswer,
)
from contracts.invoicing_v1 import (
    AskInvoice,
    AskInvoiceFile,
    AskInvoiceLine,
    AskInvoices,
    Invoice,
    InvoiceAnswer,
    InvoiceFile,
    InvoiceFileAnswer,
    InvoiceLine,
    InvoiceLineAnswer,
    InvoicesAnswer,
    LineFact,
    ParkedMonth,
)
from contracts.refusals import Refusal
from contracts.telling import money_told
from services.billing import explaining, rules, store, store_files, store_invoices, views
from services.billing.charging.months import day_of, month_of
from services.billing.handlers import HOUSE, service
from services.billing.rendering.lines import table
from services.billing.store_ledger import Behind
from services.chassis.book import Conn
from services.chassis.runtime import utc_now
from services.chassis.service import NotThere

PIECE_BYTES = 128 * 1024  # of a file, so that an answer fits into one message whatever the broker allows
MEDIA_TYPES = {"xml": "text/xml", "pdf": "application/pdf", "csv": "text/csv; charset=utf-8"}


@service.query(AskAccount)
async def account(conn: Conn, account_id: str, ask: AskAccount) -> AccountAnswer:
    """Show the account."""
    found = await store.read_account(conn, account_id)
    return AccountAnswer(account=views.account_view(*found) if found else None)


@service.query(AskUsage)
async def usage(conn: Conn, account_id: str, ask: AskUsage) -> UsageAnswer:
    """Show use against caps, and the month's sum. Raises NotThere for an account that does not exist."""
    found = await store.read_account(conn, account_id)
    if found is None:
        raise NotThere(f"there is no account {account_id}")
    plan_use = await store.read_plan_use(conn, account_id)
    return views.usage(*found, plan_use, HOUSE.prices, month_of(day_of(utc_now())))


@service.query(AskQuote)
async def quote(conn: Conn, account_id: str, ask: AskQuote) -> QuoteAnswer:
    """Price some mailboxes for the account, as its invoice will."""
    customer, room = await store.read_account(conn, account_id) or (None, None)
    customer = rules.admitted(customer, account_id, "bus")
    if isinstance(customer, Refusal):
        return views.no_quote(customer, ask.quantity)
    assert room is not None
    now = utc_now()
    terms = HOUSE.prices.at(now).terms(ask.plan, customer.plan_prices)
    if isinstance(terms, Refusal):
        return views.no_quote(terms, ask.quantity)
    return views.quote(customer, terms, ask.quantity, room, HOUSE.prices, month_of(day_of(now)))


@service.query(AskCatalogue)
async def catalogue(conn: Conn, account_id: str, ask: AskCatalogue) -> CatalogueAnswer:
    """Show the price list in force."""
    return (HOUSE.prices.on(ask.on) if ask.on else HOUSE.prices.at(utc_now())).answer()


@service.query(AskInvoices)
async def invoices(conn: Conn, account_id: str, ask: AskInvoices) -> InvoicesAnswer:
    """List invoices and credit notes, newest first."""
    found = await store_invoices.read_page(conn, account_id, ask.before, ask.limit + 1)
    page, more = tuple(found[: ask.limit]), len(found) > ask.limit
    parked = () if ask.before else await store_invoices.read_parked(conn, account_id)
    return InvoicesAnswer(
        invoices=page,
        next=page[-1].number if more else None,
        parked=tuple(ParkedMonth(period=period, reason=reason) for period, reason in parked),
    )


@service.query(AskInvoice)
async def invoice(conn: Conn, account_id: str, ask: AskInvoice) -> InvoiceAnswer:
    """Show an invoice as it was issued."""
    return InvoiceAnswer(invoice=await store_invoices.read_invoice(conn, account_id, ask.number))


@service.query(AskInvoiceFile)
async def invoice_file(conn: Conn, account_id: str, ask: AskInvoiceFile) -> InvoiceFileAnswer:
    """Hand a piece of an invoice's file over. XML and PDF were rendered once; the list of lines is written here."""
    if ask.format == "csv":
        document = await store_invoices.read_invoice(conn, account_id, ask.number)
        if document is None:
            return InvoiceFileAnswer(issued=False)
        whole = table(document)
        piece = whole[ask.offset : ask.offset + PIECE_BYTES]
        return InvoiceFileAnswer(issued=True, file=_piece(ask, sha256(whole).digest(), len(whole), piece))
    found = await store_files.read(conn, account_id, ask.number, ask.format, ask.offset, PIECE_BYTES)
    if found is None:
        return InvoiceFileAnswer(issued=False)
    if found.sha256 is None:
        return InvoiceFileAnswer(issued=True, problem=found.problem)
    return InvoiceFileAnswer(issued=True, file=_piece(ask, found.sha256, found.size, found.content))


def _piece(ask: AskInvoiceFile, digest: bytes, size: int, content: bytes) -> InvoiceFile:
    end = ask.offset + len(content)
    return InvoiceFile(
        media_type=MEDIA_TYPES[ask.format],
        size=size,
        sha256=digest.hex(),
        content=b64encode(content).decode(),
        next=end if content and end < size else None,
    )


@service.query(AskInvoiceLine)
async def invoice_line(conn: Conn, account_id: str, ask: AskInvoiceLine) -> InvoiceLineAnswer:
    """Explain a line: the messages behind it, and what each changed. A credit note's line explains the invoice's."""
    document = await store_invoices.read_invoice(conn, account_id, ask.number)
    line = _line(document, ask.line)
    if document is None or line is None:
        return InvoiceLineAnswer(line=None)
    explained = line
    if document.preceding is not None:
        document = await store_invoices.read_invoice(conn, account_id, document.preceding.number)
        explained = _line(document, line.credits_line or line.line)
        assert document is not None
        assert explained is not None
    behind, after = await explaining.behind(conn, document, explained, HOUSE.prices, ask.after or "", ask.limit)
    facts = tuple(line_fact(account_id, found) for found in behind)
    return InvoiceLineAnswer(line=line, facts=facts, next=after)


def _line(document: Invoice | None, number: int) -> InvoiceLine | None:
    return next((line for line in document.lines if line.line == number), None) if document else None


def line_fact(account_id: str, found: Behind, text: Text | None = None) -> LineFact:
    """Show a message with what it did, or with another text."""
    kind = "evt" if found.type.startswith("mailbox.") else "cmd"
    return LineFact(
        message_id=found.message_id,
        request_id=found.request_id,
        subject=f"{kind}.{account_id}.{found.type}",
        at=found.at,
        thing=found.thing,
        text=text or _text(found),
    )


def _text(found: Behind) -> Text:
    if not found.there:
        return Text(de="gelöscht", en="deleted")
    what = ("Paket", "package") if found.thing == "account" else ("Tarif", "plan")
    de, en = (money_told(found.price_cents or 0, language) for language in ("de", "en"))
    return Text(de=f"{what[0]} {found.plan}, {de} im Monat", en=f"{what[1]} {found.plan}, {en} a month")
