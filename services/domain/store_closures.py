"""SQL of accounts that are being closed: the process' row, and which domains are left to give up or to have back."""

from dataclasses import astuple
from datetime import datetime
from typing import NamedTuple

from services.chassis.book import Change, Conn
from services.domain.rows import Closure

# Closures of some accounts.
_LOAD = """
    SELECT account, closure_id, closes_at, phase, total, told_left, told_at FROM domain.closure
    WHERE account = ANY($1::text[]) ORDER BY account FOR UPDATE"""

# One row: closures are few.
_SAVE = """
    INSERT INTO domain.closure (account, closure_id, closes_at, phase, total, told_left, told_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (account) DO UPDATE SET
        closure_id = excluded.closure_id, closes_at = excluded.closes_at, phase = excluded.phase,
        total = excluded.total, told_left = excluded.told_left, told_at = excluded.told_at"""

_DELETE = "DELETE FROM domain.closure WHERE account = ANY($1::text[])"

# Domains that a closure has something to do about: those in use are removed with their mailboxes when it begins, or
# earlier than wanted so far; the others wait for its time.
_TO_VACATE = """
    SELECT c.domain FROM domain.claim AS c
    WHERE c.account = $1 AND CASE c.state
        WHEN 'removed' THEN false
        WHEN 'active' THEN true
        WHEN 'lost' THEN true
        WHEN 'removing' THEN c.removal IS NULL OR (NOT (c.removal->>'keeping')::boolean
            AND (c.removal->>'deletes_at')::timestamptz > $2)
        ELSE $2 <= $3 END
    ORDER BY c.domain LIMIT $4"""

# How many domains the account still has.
_LEFT = "SELECT count(*) FROM domain.claim WHERE account = $1 AND state <> 'removed'"

# Domains that go for their account's closure alone, and whose day has not come.
_TO_RESTORE = """
    SELECT c.domain FROM domain.claim AS c
    WHERE c.account = $1 AND c.state = 'removing' AND c.yielding_to IS NULL
        AND (c.removal->>'by_closure')::boolean AND NOT (c.removal->>'keeping')::boolean
        AND c.removal->'requests' = '[]'::jsonb AND (c.removal->>'deletes_at')::timestamptz > $2
    ORDER BY c.domain LIMIT $3"""


class Closures:
    """Closures by account."""

    name = "domain.closure"

    async def load(self, conn: Conn, keys: list[str]) -> dict[str, Closure]:
        """Return the closures there are."""
        return {row["account"]: Closure(*row) for row in await conn.fetch(_LOAD, keys)}

    async def save(self, conn: Conn, changes: list[Change[str, Closure]]) -> None:
        """Write closures, and forget those that were taken back."""
        for change in changes:
            if change.after is not None:
                await conn.execute(_SAVE, *astuple(change.after))
        gone = [change.key for change in changes if change.after is None]
        if gone:
            await conn.execute(_DELETE, gone)


CLOSURES = Closures()


class Portion(NamedTuple):
    """What a closure, or its end, has to do next, and how many domains are left."""

    phase: str
    domains: tuple[str, ...]
    left: int


async def read_portion(conn: Conn, account: str, now: datetime, limit: int) -> Portion | None:
    """Return the next domains to look after; None without a closure."""
    row = await conn.fetchrow("SELECT phase, closes_at FROM domain.closure WHERE account = $1", account)
    if row is None:
        return None
    if row["phase"] == "reopened":
        found = await conn.fetch(_TO_RESTORE, account, now, limit)
    else:
        found = await conn.fetch(_TO_VACATE, account, row["closes_at"], now, limit)
    left = await conn.fetchval(_LEFT, account)
    return Portion(row["phase"], tuple(each["domain"] for each in found), left)
