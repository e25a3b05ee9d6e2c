"""SQL behind downgrade plans: what things are called, and all that an account holds."""

import json
from collections.abc import Mapping
from typing import Any

from services.billing.downgrade import Held
from services.billing.steps import Particular
from services.billing.store import HolderKey, columns
from services.chassis.book import Change, Conn

ROWS_AT_ONCE = 2000  # some milliseconds

_LOAD = """
    SELECT p.account_id, p.holder, p.revision, p.since, p.things, p.keep_copy, p.leaves_at
    FROM unnest($1::text[], $2::text[]) AS k (account_id, holder)
    JOIN billing.particular AS p ON p.account_id = k.account_id AND p.holder = k.holder
    ORDER BY p.account_id, p.holder FOR UPDATE OF p"""

# Lists of different length stand in one statement as JSON: arrays of arrays have to be rectangular.
_SAVE = """
    INSERT INTO billing.particular (account_id, holder, revision, since, things, keep_copy, leaves_at)
    SELECT r.account_id, r.holder, r.revision, r.since,
        ARRAY(SELECT jsonb_array_elements_text(r.things::jsonb)), r.keep_copy, r.leaves_at
    FROM unnest($1::text[], $2::text[], $3::bigint[], $4::timestamptz[], $5::text[], $6::boolean[],
        $7::timestamptz[]) AS r (account_id, holder, revision, since, things, keep_copy, leaves_at)
    ON CONFLICT (account_id, holder) DO UPDATE SET revision = excluded.revision, since = excluded.since,
        things = excluded.things, keep_copy = excluded.keep_copy, leaves_at = excluded.leaves_at"""

_DELETE = """
    DELETE FROM billing.particular AS p USING unnest($1::text[], $2::text[]) AS k (account_id, holder)
    WHERE p.account_id = k.account_id AND p.holder = k.holder"""

# All that an account holds. Of names only the number, but for a catch-all, whose mailbox decides what goes with what.
_READ_HELD = """
    SELECT h.holder, h.confirmed, h.targets IS NOT NULL AS busy, coalesce(h.since, h.seen_at) AS since, h.plan,
        h.price_cents, coalesce(cardinality(p.things), 0) AS names, p.leaves_at IS NOT NULL AS leaving,
        CASE WHEN starts_with(h.holder, 'catch-all/') THEN p.things[1] END AS catches_for
    FROM billing.holding AS h
    LEFT JOIN billing.particular AS p ON p.account_id = h.account_id AND p.holder = h.holder
    WHERE h.account_id = $1 AND h.confirmed > 0"""

_READ_PARTICULARS = """
    SELECT holder, revision, since, things, keep_copy, leaves_at FROM billing.particular
    WHERE account_id = $1 AND holder = ANY($2::text[]) ORDER BY holder"""


class Particulars:
    """What things are called and when they leave, by account and holder. The account's lock comes first."""

    name = "billing.particular"

    async def load(self, conn: Conn, keys: list[HolderKey]) -> dict[HolderKey, Particular]:
        """Return what is known."""
        rows = await conn.fetch(_LOAD, *columns(keys))
        return {(row["account_id"], row["holder"]): _particular(row) for row in rows}

    async def save(self, conn: Conn, changes: list[Change[HolderKey, Particular]]) -> None:
        """Write what is known, and forget what is gone."""
        kept = [(*change.key, *_values(change.after)) for change in changes if change.after is not None]
        if kept:
            await conn.execute(_SAVE, *columns(kept))
        gone = [change.key for change in changes if change.after is None]
        if gone:
            await conn.execute(_DELETE, *columns(gone))


PARTICULARS = Particulars()


async def read_held(conn: Conn, account_id: str) -> list[Any]:
    """Return all that an account holds, in no order, as `held` takes it; in the caller's transaction.

    A large account's rows are many: they come in pieces, so that the event loop has its turn between them.
    """
    return [row async for row in conn.cursor(_READ_HELD, account_id, prefetch=ROWS_AT_ONCE)]


def held(row: Any, plan_prices: Mapping[str, int]) -> Held:
    """Read one of these rows; a contract's price counts before the list's."""
    plan = row["plan"]
    return Held(
        row["holder"], row["confirmed"], row["busy"], row["since"], plan,
        plan_prices.get(plan, row["price_cents"] or 0), row["names"], row["leaving"], row["catches_for"],
    )  # fmt: skip


async def read_particulars(conn: Conn, account_id: str, holders: list[str]) -> dict[str, Particular]:
    """Return what is known of some things, by holder."""
    rows = await conn.fetch(_READ_PARTICULARS, account_id, holders)
    return {row["holder"]: _particular(row) for row in rows}


def _particular(row: Any) -> Particular:
    return Particular(row["revision"], row["since"], tuple(row["things"]), row["keep_copy"], row["leaves_at"])


def _values(known: Particular) -> tuple[Any, ...]:
    return known.revision, known.since, json.dumps(known.things), known.keep_copy, known.leaves_at
