"""SQL of invoices: runs, settlements, numbers, the documents themselves."""

import json
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from contracts.invoicing_v1 import Invoice, InvoiceSummary
from contracts.refusals import Refusal
from services.billing.charging.credit import credited_so_far
from services.billing.pricing import PriceLists
from services.billing.runs import Issued, Run, Series, Settlement
from services.billing.store import columns
from services.chassis.book import Change, Conn

AccountPeriod = tuple[str, str]  # account and month
Document = tuple[str, str]  # account and number, or what makes a new document one of its kind

_LOAD_RUNS = """
    SELECT period, parts, open_parts, requests, invoiced, nothing_due, parked FROM billing.invoice_run
    WHERE period = ANY($1::text[]) ORDER BY period FOR UPDATE"""

# One row: runs are few.
_SAVE_RUN = """
    INSERT INTO billing.invoice_run (period, parts, open_parts, requests, invoiced, nothing_due, parked)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (period) DO UPDATE SET
        parts = excluded.parts, open_parts = excluded.open_parts, requests = excluded.requests,
        invoiced = excluded.invoiced, nothing_due = excluded.nothing_due, parked = excluded.parked"""

_LOAD_SETTLEMENTS = """
    SELECT s.account_id, s.period, s.state, s.reason::text AS reason, s.ledger_revision, s.number
    FROM unnest($1::text[], $2::text[]) AS k (account_id, period)
    JOIN billing.settlement AS s ON s.account_id = k.account_id AND s.period = k.period
    ORDER BY s.account_id, s.period FOR UPDATE OF s"""

_SAVE_SETTLEMENTS = """
    INSERT INTO billing.settlement (account_id, period, state, reason, ledger_revision, number)
    SELECT r.account_id, r.period, r.state, r.reason::jsonb, r.ledger_revision, r.number
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[])
        AS r (account_id, period, state, reason, ledger_revision, number)
    ON CONFLICT (account_id, period) DO UPDATE SET
        state = excluded.state, reason = excluded.reason, ledger_revision = excluded.ledger_revision,
        number = excluded.number"""

_LOAD_SERIES = """
    SELECT series, year, last FROM billing.invoice_series WHERE series = ANY($1::text[]) ORDER BY series FOR UPDATE"""

_SAVE_SERIES = "UPDATE billing.invoice_series SET year = $2, last = $3 WHERE series = $1"

# The row has to be there before the first number: only a row that is there can be locked.
_ADD_SERIES = "INSERT INTO billing.invoice_series (series, year, last) VALUES ($1, 0, 0) ON CONFLICT DO NOTHING"

# A document, and its place in the queue of what has to be rendered.
_ISSUE = """
    WITH issued AS (INSERT INTO billing.invoice
        (number, account_id, kind, period, series, year, sequence, issued_on, preceding, net_cents, tax_cents,
         gross_cents, ledger_revision, content, sha256)
    SELECT r.number, r.account_id, r.kind, r.period, r.series, r.year, r.sequence, r.issued_on, r.preceding,
        r.net_cents, r.tax_cents, r.gross_cents, r.ledger_revision, r.content, r.sha256
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::integer[], $7::bigint[], $8::date[],
        $9::text[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::text[], $15::bytea[])
        AS r (number, account_id, kind, period, series, year, sequence, issued_on, preceding, net_cents, tax_cents,
        gross_cents, ledger_revision, content, sha256)
    RETURNING number)
    INSERT INTO billing.rendering (number) SELECT i.number FROM issued AS i"""

# Some documents, each followed by the credit notes that refer to it.
_LOAD_DOCUMENTS = """
    SELECT k.account_id, k.number, i.content FROM unnest($1::text[], $2::text[]) AS k (account_id, number)
    JOIN billing.invoice AS i ON i.account_id = k.account_id AND (i.number = k.number OR i.preceding = k.number)
    ORDER BY k.account_id, k.number, i.kind DESC, i.sequence"""

_READ_INVOICE = "SELECT content FROM billing.invoice WHERE account_id = $1 AND number = $2"

_READ_PAGE = """
    SELECT i.number, i.kind, i.period, i.issued_on, i.net_cents, i.tax_cents, i.gross_cents
    FROM billing.invoice AS i LEFT JOIN billing.invoice AS b ON b.account_id = i.account_id AND b.number = $2
    WHERE i.account_id = $1 AND ($2::text IS NULL OR (i.issued_on, i.number) < (b.issued_on, b.number))
    ORDER BY i.issued_on DESC, i.number DESC LIMIT $3"""

_READ_PARKED = """
    SELECT period, reason::text AS reason FROM billing.settlement
    WHERE account_id = $1 AND state = 'parked' ORDER BY period"""

# Accounts to look at, after one of them, that had been opened by then and whose month is not settled.
_READ_ACCOUNTS = """
    SELECT a.account_id FROM billing.account AS a
    WHERE a.account_id > $1 AND a.opened_at < $2 AND NOT EXISTS (
        SELECT FROM billing.settlement AS s
        WHERE s.account_id = a.account_id AND s.period = $3 AND s.state <> 'parked')
    ORDER BY a.account_id LIMIT $4"""

_READ_SETTLED = """
    SELECT account_id, period, ledger_revision FROM billing.settlement
    WHERE account_id = ANY($1::text[]) AND state <> 'parked' ORDER BY account_id, period"""

_LAST_SETTLED = "SELECT max(period) FROM billing.settlement WHERE state <> 'parked'"
_READ_PRICE_LISTS = "SELECT version, sha256 FROM billing.price_list"
_ADD_PRICE_LISTS = """
    INSERT INTO billing.price_list (version, sha256)
    SELECT r.version, r.sha256 FROM unnest($1::text[], $2::text[]) AS r (version, sha256)
    ON CONFLICT (version) DO NOTHING"""


@dataclass(frozen=True, slots=True)
class Creditable:
    """A document, and what credit notes gave back of it so far, by line, in cents."""

    invoice: Invoice
    credited: dict[int, int]


class Runs:
    """Runs by month."""

    name = "billing.invoice_run"

    async def load(self, conn: Conn, keys: list[str]) -> dict[str, Run]:
        """Return the runs there are."""
        return {row["period"]: _run(row) for row in await conn.fetch(_LOAD_RUNS, keys)}

    async def save(self, conn: Conn, changes: list[Change[str, Run]]) -> None:
        """Write runs; none is ever deleted."""
        for change in changes:
            if (run := change.after) is not None:
                await conn.execute(
                    _SAVE_RUN, run.period, run.parts, list(run.open_parts), list(run.requests), run.invoiced,
                    run.nothing_due, run.parked,
                )  # fmt: skip


class Settlements:
    """What became of months, by account and month."""

    name = "billing.settlement"

    async def load(self, conn: Conn, keys: list[AccountPeriod]) -> dict[AccountPeriod, Settlement]:
        """Return the settlements there are."""
        rows = await conn.fetch(_LOAD_SETTLEMENTS, *columns(keys))
        return {(row["account_id"], row["period"]): _settlement(row) for row in rows}

    async def save(self, conn: Conn, changes: list[Change[AccountPeriod, Settlement]]) -> None:
        """Write settlements; none is ever deleted."""
        values = [
            (*change.key, s.state, s.reason.model_dump_json() if s.reason else None, s.ledger_revision, s.number)
            for change in changes
            if (s := change.after) is not None
        ]
        if values:
            await conn.execute(_SAVE_SETTLEMENTS, *columns(values))


class Documents:
    """Documents to refer to, by account and number. They never change; the account's lock orders who credits."""

    name = "billing.invoice"

    async def load(self, conn: Conn, keys: list[Document]) -> dict[Document, Creditable]:
        """Return the documents there are, each with what was credited of it."""
        found: dict[Document, list[Invoice]] = {}
        for row in await conn.fetch(_LOAD_DOCUMENTS, *columns(keys)):
            invoice = Invoice.model_validate_json(row["content"])
            found.setdefault((row["account_id"], row["number"]), []).append(invoice)
        return {key: Creditable(first, credited_so_far(notes)) for key, (first, *notes) in found.items()}

    async def save(self, conn: Conn, changes: list[Change[Document, Creditable]]) -> None:
        """Write nothing: what was issued is final."""
        raise AssertionError("a document was changed")


class NewDocuments:
    """Documents that a message issues, by account and what makes them one: a month, or a request's id."""

    name = "billing.invoice.new"

    async def load(self, conn: Conn, keys: list[Document]) -> dict[Document, Issued]:
        """Return none: the settlement and the inbox tell what was issued before."""
        return {}

    async def save(self, conn: Conn, changes: list[Change[Document, Issued]]) -> None:
        """Issue documents."""
        values = [_issued_values(change.after) for change in changes if change.after is not None]
        if values:
            await conn.execute(_ISSUE, *columns(values))


class AllSeries:
    """Counters of numbers, by series. Loaded last, so that the lock is held from the decisions to the commit only."""

    name = "billing.invoice_series"

    async def load(self, conn: Conn, keys: list[str]) -> dict[str, Series]:
        """Return the counters, locked."""
        return {row["series"]: Series(**dict(row)) for row in await conn.fetch(_LOAD_SERIES, keys)}

    async def save(self, conn: Conn, changes: list[Change[str, Series]]) -> None:
        """Write counters."""
        for change in changes:
            if change.after is not None:
                await conn.execute(_SAVE_SERIES, change.key, change.after.year, change.after.last)


RUNS, SETTLEMENTS, DOCUMENTS = Runs(), Settlements(), Documents()
NEW_DOCUMENTS, SERIES = NewDocuments(), AllSeries()


async def add_series(conn: Conn, series: str) -> None:
    """Make sure that a series has its counter."""
    await conn.execute(_ADD_SERIES, series)


async def read_invoice(conn: Conn, account_id: str, number: str) -> Invoice | None:
    """Return a document, or None."""
    content = await conn.fetchval(_READ_INVOICE, account_id, number)
    return Invoice.model_validate_json(content) if content else None


async def read_page(conn: Conn, account_id: str, before: str | None, limit: int) -> list[InvoiceSummary]:
    """Return documents, newest first."""
    rows = await conn.fetch(_READ_PAGE, account_id, before, limit)
    return [InvoiceSummary.model_validate(dict(row)) for row in rows]


async def read_parked(conn: Conn, account_id: str) -> list[tuple[str, Refusal]]:
    """Return the months that wait for their invoice, and why."""
    rows = await conn.fetch(_READ_PARKED, account_id)
    return [(row["period"], Refusal.model_validate_json(row["reason"])) for row in rows]


async def read_accounts(conn: Conn, after: str, opened_before: datetime, period: str, limit: int) -> list[str]:
    """Return accounts whose month is not settled, in order of their ids."""
    return [row["account_id"] for row in await conn.fetch(_READ_ACCOUNTS, after, opened_before, period, limit)]


async def read_settled(conn: Conn, account_ids: list[str]) -> dict[str, dict[str, int]]:
    """Return the settled months of accounts, each with the ledger's revision that is in it."""
    settled: dict[str, dict[str, int]] = {}
    for row in await conn.fetch(_READ_SETTLED, account_ids):
        settled.setdefault(row["account_id"], {})[row["period"]] = row["ledger_revision"]
    return settled


async def last_settled(conn: Conn) -> str | None:
    """Return the last month that any account's invoice was issued for."""
    return await conn.fetchval(_LAST_SETTLED)


async def published_lists(conn: Conn) -> dict[str, str]:
    """Return the checksums of the price lists that were in force here, by version."""
    return {row["version"]: row["sha256"] for row in await conn.fetch(_READ_PRICE_LISTS)}


async def publish_lists(conn: Conn, lists: PriceLists) -> None:
    """Remember price lists."""
    await conn.execute(_ADD_PRICE_LISTS, *columns((each.version, each.sha256) for each in lists.versions))


def _run(row: Any) -> Run:
    return Run(
        row["period"], row["parts"], tuple(row["open_parts"]), tuple(row["requests"]), row["invoiced"],
        row["nothing_due"], row["parked"],
    )  # fmt: skip


def _settlement(row: Any) -> Settlement:
    reason = Refusal.model_validate(json.loads(row["reason"])) if row["reason"] else None
    return Settlement(row["state"], row["ledger_revision"], row["number"], reason)


def _issued_values(issued: Issued) -> tuple[Any, ...]:
    invoice, series = issued.invoice, issued.series
    content = invoice.model_dump_json()
    return (
        invoice.number, invoice.account, invoice.kind, invoice.period, series.series, series.year, series.last,
        invoice.issued_on, invoice.preceding.number if invoice.preceding else None, invoice.net_cents,
        invoice.tax_cents, invoice.gross_cents, invoice.ledger_revision, content, sha256(content.encode()).digest(),
    )  # fmt: skip
