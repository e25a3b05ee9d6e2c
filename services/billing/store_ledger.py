"""SQL of the ledger: append pages, and read what was used in a month, grouped or one by one."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from services.billing.charging.months import Month, day_of
from services.billing.charging.use import Mailboxes, Step, Terms, Use
from services.billing.ledger import Entry, Page, Standing
from services.billing.store import columns, targets_json
from services.chassis.book import Change, Conn

PageKey = tuple[str, bytes]  # account and message, see ledger.page_of

# Movements of holdings, in one statement for a batch.
_APPEND_ENTRIES = """
    INSERT INTO billing.ledger
        (account_id, holder, revision, message_id, request_id, cause, confirmed, reserved, targets, plan, price_cents,
         catalogue, since, holding_revision, seen_at, booked)
    SELECT r.account_id, r.holder, r.revision, r.message_id, r.request_id, r.cause, r.confirmed, r.reserved,
        r.targets::jsonb, r.plan, r.price_cents, r.catalogue, r.since, r.holding_revision, r.seen_at, r.booked
    FROM unnest($1::text[], $2::text[], $3::bigint[], $4::uuid[], $5::uuid[], $6::text[], $7::integer[],
        $8::integer[], $9::text[], $10::text[], $11::bigint[], $12::text[], $13::timestamptz[], $14::bigint[],
        $15::timestamptz[], $16::boolean[])
        AS r (account_id, holder, revision, message_id, request_id, cause, confirmed, reserved, targets, plan,
        price_cents, catalogue, since, holding_revision, seen_at, booked)"""

# States of accounts.
_APPEND_STANDINGS = """
    INSERT INTO billing.account_ledger
        (account_id, revision, at, message_id, request_id, cause, state, package, package_price_cents, catalogue,
         plan_prices, caps)
    SELECT r.account_id, r.revision, r.at, r.message_id, r.request_id, r.cause, r.state, r.package,
        r.package_price_cents, r.catalogue, r.plan_prices::jsonb, r.caps::jsonb
    FROM unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::uuid[], $5::uuid[], $6::text[], $7::text[],
        $8::text[], $9::bigint[], $10::text[], $11::text[], $12::text[])
        AS r (account_id, revision, at, message_id, request_id, cause, state, package, package_price_cents, catalogue,
        plan_prices, caps)"""


# Up to which revision accounts have come.
_READ_REVISIONS = """
    SELECT account_id, max(revision) AS revision FROM billing.capacity
    WHERE account_id = ANY($1::text[]) GROUP BY account_id"""

# The earliest news of mailboxes that came after a revision and tell of a time before a month.
_READ_LATE = """
    SELECT l.account_id, min(l.seen_at) AS seen_at
    FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS k (account_id, settled, revision)
    JOIN billing.ledger AS l ON l.account_id = k.account_id AND l.revision > k.settled AND l.revision <= k.revision
    WHERE l.booked AND l.holder >= 'mailbox/' AND l.holder < 'mailbox0' AND l.seen_at < $4
    GROUP BY l.account_id"""

# The terms of accounts until the end of a month, in order.
_READ_TERMS = """
    SELECT a.account_id, a.at, a.state, a.package, a.package_price_cents, a.catalogue,
        a.plan_prices::text AS plan_prices, a.message_id
    FROM unnest($1::text[], $2::bigint[]) AS k (account_id, revision)
    JOIN billing.account_ledger AS a ON a.account_id = k.account_id AND a.revision <= k.revision
    WHERE a.at < $3 ORDER BY a.account_id, a.revision"""

# The steps of mailboxes that matter in a month [$3, $4), which begins on day $5: what was before it counts from its
# first day. A mailbox that is gone had its last day a moment before: gone at midnight, it was not there that day.
_STEPS = """
    steps AS (
        SELECT b.account_id, b.holder, b.revision, b.message_id, b.active,
            CASE WHEN b.active THEN greatest((b.seen_at AT TIME ZONE 'Europe/Berlin')::date - $5::date, 0)
            ELSE greatest(((b.seen_at - interval '1 microsecond') AT TIME ZONE 'Europe/Berlin')::date - $5::date, -1)
            END AS day,
            CASE WHEN b.active THEN b.plan ELSE '' END AS plan,
            CASE WHEN b.active THEN b.catalogue ELSE '' END AS catalogue
        FROM (
            SELECT l.account_id, l.holder, l.revision, l.message_id, l.seen_at, l.plan, l.catalogue,
                l.confirmed > 0 AS active,
                lead(l.seen_at) OVER (PARTITION BY l.account_id, l.holder ORDER BY l.revision) AS until
            FROM unnest($1::text[], $2::bigint[]) AS k (account_id, revision)
            JOIN billing.ledger AS l ON l.account_id = k.account_id AND l.revision <= k.revision
            WHERE l.booked AND l.holder >= 'mailbox/' AND l.holder < 'mailbox0' AND l.seen_at < $4 {more}
        ) AS b
        WHERE b.until IS NULL OR b.until >= $3
    )"""

# Mailboxes with the same steps, counted.
_READ_HISTORIES = f"""
    WITH {_STEPS.format(more="")}, histories AS (
        SELECT account_id, array_agg(day ORDER BY revision) AS days, array_agg(plan ORDER BY revision) AS plans,
            array_agg(catalogue ORDER BY revision) AS catalogues, min(message_id::text) AS fact
        FROM steps GROUP BY account_id, holder HAVING bool_or(active)
    )
    SELECT account_id, days, plans, catalogues, count(*) AS number, (array_agg(fact))[1:$6] AS facts
    FROM histories GROUP BY account_id, days, plans, catalogues
    ORDER BY account_id, days, plans, catalogues"""  # noqa: S608 - fixed text

# The same of single mailboxes, in pages.
_READ_SINGLY = f"""
    WITH {_STEPS.format(more="AND l.holder > $6")}
    SELECT holder, array_agg(day ORDER BY revision) AS days, array_agg(plan ORDER BY revision) AS plans,
        array_agg(catalogue ORDER BY revision) AS catalogues, array_agg(message_id ORDER BY revision) AS messages
    FROM steps GROUP BY holder HAVING bool_or(active) ORDER BY holder LIMIT $7"""  # noqa: S608 - fixed text

# What some messages moved.
_READ_ENTRIES = """
    SELECT l.holder, l.message_id, l.request_id, l.cause, l.seen_at, l.confirmed, l.plan, l.price_cents
    FROM billing.ledger AS l
    WHERE l.account_id = $1 AND l.holder = ANY($2::text[]) AND l.message_id = ANY($3::uuid[])
    ORDER BY l.holder, l.revision"""

_READ_STANDINGS = """
    SELECT a.message_id, a.request_id, a.cause, a.at, a.package, a.package_price_cents FROM billing.account_ledger AS a
    WHERE a.account_id = $1 AND a.message_id = ANY($2::uuid[]) ORDER BY a.revision"""


class Ledger:
    """Pages of the ledger, by account and message. Nothing is ever read back here: a page is new or nothing."""

    name = "billing.ledger"

    async def load(self, conn: Conn, keys: list[PageKey]) -> dict[PageKey, Page]:
        """Return no page: what a message wrote is written once, and the inbox lets no message in twice."""
        return {}

    async def save(self, conn: Conn, changes: list[Change[PageKey, Page]]) -> None:
        """Append pages."""
        pages = [(change.key[0], change.after) for change in changes if change.after is not None]
        entries = [_entry_values(account_id, entry) for account_id, page in pages for entry in page.entries]
        if entries:
            await conn.execute(_APPEND_ENTRIES, *columns(entries))
        standings = [_standing_values(page.standing) for _, page in pages if page.standing is not None]
        if standings:
            await conn.execute(_APPEND_STANDINGS, *columns(standings))


LEDGER = Ledger()


@dataclass(frozen=True, slots=True)
class Single:
    """One mailbox in a month, and the message behind each step."""

    holder: str
    mailboxes: Mailboxes
    messages: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class Behind:
    """What one message did to one thing: `plan` and `price_cents` after it, or a package's."""

    thing: str
    message_id: UUID
    request_id: UUID
    type: str
    at: datetime
    there: bool
    plan: str | None
    price_cents: int | None


async def read_revisions(conn: Conn, account_ids: list[str]) -> dict[str, int]:
    """Return up to which revision accounts have come."""
    rows = await conn.fetch(_READ_REVISIONS, account_ids)
    return {row["account_id"]: row["revision"] for row in rows}


async def read_late(
    conn: Conn, settled: Mapping[str, int], revisions: Mapping[str, int], before: datetime
) -> dict[str, datetime]:
    """Return the earliest moment that news later than `settled` tell of, for accounts where it is before a month."""
    keys = [(account_id, after, revisions[account_id]) for account_id, after in settled.items()]
    if not keys:
        return {}
    rows = await conn.fetch(_READ_LATE, *columns(keys), before)
    return {row["account_id"]: row["seen_at"] for row in rows}


async def read_uses(conn: Conn, revisions: Mapping[str, int], month: Month, facts: int) -> dict[str, Use]:
    """Return what accounts used in a month, as their ledgers say up to a revision. One query for all."""
    keys = columns(revisions.items())
    terms = await _read_terms(conn, revisions, month)
    mailboxes: dict[str, list[Mailboxes]] = {account_id: [] for account_id in revisions}
    arguments = (*keys, month.starts_at, month.ends_at, month.first, facts)
    for row in await conn.fetch(_READ_HISTORIES, *arguments):
        ids = tuple(UUID(fact) for fact in row["facts"])
        mailboxes[row["account_id"]].append(Mailboxes(_steps(row, month.first), row["number"], ids))
    return {account_id: Use(tuple(terms.get(account_id, ())), tuple(found)) for account_id, found in mailboxes.items()}


async def read_singly(
    conn: Conn, account_id: str, revision: int, month: Month, after: str, limit: int
) -> tuple[Use, list[Single]]:
    """Return an account's terms, and its mailboxes one by one, a page in order of their holders."""
    terms = await _read_terms(conn, {account_id: revision}, month)
    rows = await conn.fetch(
        _READ_SINGLY, [account_id], [revision], month.starts_at, month.ends_at, month.first, after, limit
    )
    found = [Single(row["holder"], Mailboxes(_steps(row, month.first)), tuple(row["messages"])) for row in rows]
    return Use(tuple(terms.get(account_id, ()))), found


async def read_behind(conn: Conn, account_id: str, holders: list[str], messages: list[UUID]) -> list[Behind]:
    """Return what messages did to mailboxes, in order."""
    rows = await conn.fetch(_READ_ENTRIES, account_id, holders, messages)
    return [
        Behind(r["holder"], r["message_id"], r["request_id"], r["cause"], r["seen_at"], r["confirmed"] > 0, r["plan"],
            r["price_cents"])
        for r in rows
    ]  # fmt: skip


async def read_behind_package(conn: Conn, account_id: str, messages: list[UUID]) -> list[Behind]:
    """Return what messages did to the account itself, in order."""
    rows = await conn.fetch(_READ_STANDINGS, account_id, messages)
    return [
        Behind("account", r["message_id"], r["request_id"], r["cause"], r["at"], True, r["package"],
            r["package_price_cents"])
        for r in rows
    ]  # fmt: skip


async def _read_terms(conn: Conn, revisions: Mapping[str, int], month: Month) -> dict[str, list[Terms]]:
    found: dict[str, list[Terms]] = {}
    for row in await conn.fetch(_READ_TERMS, *columns(revisions.items()), month.ends_at):
        terms, known = _terms(row), found.setdefault(row["account_id"], [])
        if not known or known[-1][1:-1] != terms[1:-1]:  # master data may change and leave the terms as they were
            known.append(terms)
    return found


def _terms(row: Any) -> Terms:
    is_open = row["state"] != "closed"
    at = row["at"] if is_open else row["at"] - timedelta(microseconds=1)
    return Terms(
        day_of(at), is_open, row["package"], row["package_price_cents"], row["catalogue"],
        json.loads(row["plan_prices"]), row["message_id"],
    )  # fmt: skip


def _steps(row: Any, first: date) -> tuple[Step, ...]:
    return tuple(
        Step(first + timedelta(days=day), plan or None, catalogue or None)
        for day, plan, catalogue in zip(row["days"], row["plans"], row["catalogues"], strict=True)
    )


def _entry_values(account_id: str, entry: Entry) -> tuple[Any, ...]:
    after, because = entry.after, entry.because
    return (
        account_id, entry.holder, entry.revision, because.message_id, because.request_id, because.type,
        after.confirmed, after.held - after.confirmed, targets_json(after.targets), after.plan, after.price_cents,
        after.catalogue, after.since, after.revision, after.seen_at, entry.booked,
    )  # fmt: skip


def _standing_values(standing: Standing) -> tuple[Any, ...]:
    account, because = standing.account, standing.because
    return (
        account.account_id, account.revision, standing.at, because.message_id, because.request_id, because.type,
        account.state, account.package, account.package_price_cents, account.catalogue,
        json.dumps(dict(account.plan_prices)), json.dumps(dict(standing.caps)),
    )  # fmt: skip
