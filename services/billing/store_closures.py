"""SQL of accounts that are being closed, or were."""

from typing import Any

from services.billing.closing import Closure
from services.chassis.book import Change, Conn

_COLUMNS = """
    account_id, closure_id, phase, closes_at, requests, resumes_as, domains_total, domains_left, looked"""

# Closures of some accounts.
_LOAD = f"""
    SELECT {_COLUMNS} FROM billing.closure
    WHERE account_id = ANY($1::text[]) ORDER BY account_id FOR UPDATE"""  # noqa: S608 - fixed columns

# One row: closures are few.
_SAVE = """
    INSERT INTO billing.closure (
        account_id, closure_id, phase, closes_at, requests, resumes_as, domains_total, domains_left, looked)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    ON CONFLICT (account_id) DO UPDATE SET
        closure_id = excluded.closure_id, phase = excluded.phase, closes_at = excluded.closes_at,
        requests = excluded.requests, resumes_as = excluded.resumes_as, domains_total = excluded.domains_total,
        domains_left = excluded.domains_left, looked = excluded.looked"""

# Closures that were taken back.
_DELETE = "DELETE FROM billing.closure WHERE account_id = ANY($1::text[])"

_READ = f"SELECT {_COLUMNS} FROM billing.closure WHERE account_id = $1"  # noqa: S608 - fixed columns


class Closures:
    """Closures by account."""

    name = "billing.closure"

    async def load(self, conn: Conn, keys: list[str]) -> dict[str, Closure]:
        """Return the closures there are."""
        return {row["account_id"]: _closure(row) for row in await conn.fetch(_LOAD, keys)}

    async def save(self, conn: Conn, changes: list[Change[str, Closure]]) -> None:
        """Write closures, and forget those that were taken back."""
        for change in changes:
            if (c := change.after) is not None:
                await conn.execute(
                    _SAVE, c.account_id, c.closure_id, c.phase, c.closes_at, list(c.requests), c.resumes_as,
                    c.domains_total, c.domains_left, c.looked,
                )  # fmt: skip
        gone = [change.key for change in changes if change.after is None]
        if gone:
            await conn.execute(_DELETE, gone)


CLOSURES = Closures()


async def read_closure(conn: Conn, account_id: str) -> Closure | None:
    """Return an account's closure, or None."""
    row = await conn.fetchrow(_READ, account_id)
    return None if row is None else _closure(row)


def _closure(row: Any) -> Closure:
    return Closure(
        row["account_id"], row["closure_id"], row["phase"], row["closes_at"], tuple(row["requests"]),
        row["resumes_as"], row["domains_total"], row["domains_left"], row["looked"],
    )  # fmt: skip
