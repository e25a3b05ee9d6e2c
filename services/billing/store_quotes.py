"""SQL of quotes, and of what an account's mailboxes are on, for those that need it."""

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter

from contracts.trials import QuotedLine
from services.billing.quotes import Quoted
from services.billing.store import columns
from services.chassis.book import Change, Conn

QuoteKey = tuple[str, UUID]  # account and quote
PlanUse = tuple[tuple[str, str, int], ...]  # plan, price list, number of mailboxes
_LINES = TypeAdapter(tuple[QuotedLine, ...])

# Some quotes, locked: one request may use each.
_LOAD_QUOTES = """
    SELECT q.account_id, q.quote_id, q.digest, q.catalogue, q.lines::text AS lines, q.valid_until, q.used_by
    FROM unnest($1::text[], $2::uuid[]) AS k (account_id, quote_id)
    JOIN billing.quote AS q ON q.account_id = k.account_id AND q.quote_id = k.quote_id
    ORDER BY q.account_id, q.quote_id FOR UPDATE OF q"""

# Quotes that were given or used.
_SAVE_QUOTES = """
    INSERT INTO billing.quote (account_id, quote_id, digest, catalogue, lines, valid_until, used_by)
    SELECT r.account_id, r.quote_id, r.digest, r.catalogue, r.lines::jsonb, r.valid_until, r.used_by
    FROM unnest($1::text[], $2::uuid[], $3::bytea[], $4::text[], $5::text[], $6::timestamptz[], $7::uuid[])
        AS r (account_id, quote_id, digest, catalogue, lines, valid_until, used_by)
    ON CONFLICT (account_id, quote_id) DO UPDATE SET used_by = excluded.used_by"""

# Quotes that are over.
_DELETE_QUOTES = """
    DELETE FROM billing.quote AS q USING unnest($1::text[], $2::uuid[]) AS k (account_id, quote_id)
    WHERE q.account_id = k.account_id AND q.quote_id = k.quote_id"""

# What is over longest.
_READ_OVER = "SELECT account_id, quote_id FROM billing.quote WHERE valid_until <= $1 ORDER BY valid_until LIMIT $2"

# Some accounts' mailboxes by plan and the price list under which they were ordered.
_LOAD_PLAN_USE = """
    SELECT account_id, plan, catalogue, count(*) AS mailboxes FROM billing.holding
    WHERE account_id = ANY($1::text[]) AND resource = 'mailbox' AND confirmed = 1
    GROUP BY account_id, plan, catalogue ORDER BY account_id, plan, catalogue"""


class Quotes:
    """Quotes that were given, by account and id."""

    name = "billing.quote"

    async def load(self, conn: Conn, keys: list[QuoteKey]) -> dict[QuoteKey, Quoted]:
        """Return the quotes there are."""
        rows = await conn.fetch(_LOAD_QUOTES, *columns(keys))
        return {(row["account_id"], row["quote_id"]): _quoted(row) for row in rows}

    async def save(self, conn: Conn, changes: list[Change[QuoteKey, Quoted]]) -> None:
        """Write quotes, and delete those that are over."""
        kept = [_values(change.after) for change in changes if change.after is not None]
        if kept:
            await conn.execute(_SAVE_QUOTES, *columns(kept))
        dropped = [change.key for change in changes if change.after is None and change.before is not None]
        if dropped:
            await conn.execute(_DELETE_QUOTES, *columns(dropped))


class PlanUses:
    """What accounts' mailboxes are on, by account. To be read only: holdings are what changes."""

    name = "billing.plan_use"

    async def load(self, conn: Conn, keys: list[str]) -> dict[str, PlanUse]:
        """Return the use of every account, be it none."""
        found: dict[str, list[tuple[str, str, int]]] = {key: [] for key in keys}
        for row in await conn.fetch(_LOAD_PLAN_USE, keys):
            found[row["account_id"]].append((row["plan"], row["catalogue"], row["mailboxes"]))
        return {key: tuple(use) for key, use in found.items()}

    async def save(self, conn: Conn, changes: list[Change[str, PlanUse]]) -> None:
        """Write nothing."""
        assert not changes, "what mailboxes are on changes with their holdings"


QUOTES = Quotes()
PLAN_USES = PlanUses()


async def read_over(conn: Conn, latest: datetime, limit: int) -> list[QuoteKey]:
    """Return quotes that were valid until `latest` or before, the oldest first."""
    return [(row["account_id"], row["quote_id"]) for row in await conn.fetch(_READ_OVER, latest, limit)]


def _quoted(row: Any) -> Quoted:
    return Quoted(
        account_id=row["account_id"],
        quote_id=row["quote_id"],
        digest=row["digest"],
        catalogue=row["catalogue"],
        lines=_LINES.validate_json(row["lines"]),
        valid_until=row["valid_until"],
        used_by=row["used_by"],
    )


def _values(quoted: Quoted) -> tuple[Any, ...]:
    lines = json.dumps([line.model_dump() for line in quoted.lines])
    return (
        quoted.account_id, quoted.quote_id, quoted.digest, quoted.catalogue, lines, quoted.valid_until, quoted.used_by
    )  # fmt: skip
