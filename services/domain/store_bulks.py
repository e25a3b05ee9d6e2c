"""SQL of bulk files, set-wise.

Who writes what: the lane of the account's requests turns waiting items into asked-for or cancelled ones, and ended ones
into counted ones; whoever hears an outcome turns asked-for ones into ended ones. Every statement names the state that
it leaves, so neither undoes the other.
"""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from contracts.refusals import Refusal
from services.chassis.book import Change, Conn
from services.domain.bulk_looks import FIRST_LOOK
from services.domain.bulks import Bulk, Flight, Flying, Item, NewItem, Waiting

BulkKey = tuple[str, UUID]
CANCELLED_AT_ONCE = 1000
LOOKED_AT_ONCE = 32

_BULK_COLUMNS = """
    account, bulk_id, digest, label, parts, total, begun_at, state, received::text AS received, items, issued, done,
    refused, unreadable, cancelled, is_cancelled, accepted_at, finished_at, said_at, revision"""

# Some bulks, locked: one lane alone writes a bulk, but two processes may believe for a moment to own it.
_LOAD_BULKS = f"""
    SELECT {_BULK_COLUMNS} FROM domain.bulk
    WHERE (account, bulk_id) IN (
        SELECT k.account, k.bulk_id FROM unnest($1::text[], $2::uuid[]) AS k (account, bulk_id))
    ORDER BY account, bulk_id FOR UPDATE"""  # noqa: S608

# Bulks that are new or have changed.
_SAVE_BULKS = """
    INSERT INTO domain.bulk
        (account, bulk_id, digest, label, parts, total, begun_at, state, received, items, issued, done,
        refused, unreadable, cancelled, is_cancelled, accepted_at, finished_at, said_at, revision)
    SELECT r.account, r.bulk_id, r.digest, r.label, r.parts, r.total, r.begun_at, r.state, r.received, r.items,
        r.issued, r.done, r.refused, r.unreadable, r.cancelled, r.is_cancelled, r.accepted_at, r.finished_at, r.said_at,
        r.revision
    FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::integer[], $6::integer[], $7::timestamptz[],
        $8::text[], $9::jsonb[], $10::integer[], $11::integer[], $12::integer[], $13::integer[], $14::integer[],
        $15::integer[], $16::boolean[], $17::timestamptz[], $18::timestamptz[], $19::timestamptz[], $20::bigint[])
        AS r (account, bulk_id, digest, label, parts, total, begun_at, state, received, items, issued, done,
        refused, unreadable, cancelled, is_cancelled, accepted_at, finished_at, said_at, revision)
    ON CONFLICT (account, bulk_id) DO UPDATE SET
        state = excluded.state, received = excluded.received, items = excluded.items, issued = excluded.issued,
        done = excluded.done, refused = excluded.refused, unreadable = excluded.unreadable,
        cancelled = excluded.cancelled, is_cancelled = excluded.is_cancelled, accepted_at = excluded.accepted_at,
        finished_at = excluded.finished_at, said_at = excluded.said_at, revision = excluded.revision"""

# Bulks whose time is over, with their items.
_FORGET_BULKS = """
    DELETE FROM domain.bulk AS b USING unnest($1::text[], $2::uuid[]) AS k (account, bulk_id)
    WHERE b.account = k.account AND b.bulk_id = k.bulk_id"""

# The items of parts that came.
_ADD_ITEMS = """
    INSERT INTO domain.bulk_item
        (account, bulk_id, number, line, kind, phase, subject, request_id, content, state, is_counted, ended_at,
        refusal)
    SELECT r.account, r.bulk_id, r.number, r.line, r.kind, r.phase, r.subject, r.request_id, r.content,
        CASE WHEN r.refusal IS NULL THEN 'waiting' ELSE 'refused' END, r.refusal IS NOT NULL,
        CASE WHEN r.refusal IS NOT NULL THEN now() END, r.refusal
    FROM unnest($1::text[], $2::uuid[], $3::integer[], $4::integer[], $5::text[], $6::smallint[], $7::text[],
        $8::uuid[], $9::text[], $10::text[])
        AS r (account, bulk_id, number, line, kind, phase, subject, request_id, content, refusal)"""

# Whose turn it is: an earlier bulk of the account goes first while it has anything to begin or to wait for briefly.
_TURNS = """
    SELECT b.account, b.bulk_id, NOT EXISTS (
        SELECT FROM domain.bulk AS e
        WHERE e.account = b.account AND e.state = 'running'
            AND (e.accepted_at, e.bulk_id) < (b.accepted_at, b.bulk_id)
            AND (EXISTS (SELECT FROM domain.bulk_item AS i WHERE i.account = e.account AND i.bulk_id = e.bulk_id
                    AND i.state = 'waiting')
                OR EXISTS (SELECT FROM domain.bulk_item AS i WHERE i.account = e.account AND i.bulk_id = e.bulk_id
                    AND i.state <> 'waiting' AND NOT i.is_counted AND NOT i.is_parked))) AS is_turn
    FROM domain.bulk AS b
    JOIN unnest($1::text[], $2::uuid[]) AS k (account, bulk_id) ON b.account = k.account AND b.bulk_id = k.bulk_id"""

# What was asked for and is not counted.
_FLYING = """
    SELECT i.account, i.bulk_id, i.number, i.phase, i.state, i.is_parked
    FROM unnest($1::text[], $2::uuid[]) AS k (account, bulk_id)
    JOIN domain.bulk_item AS i ON i.account = k.account AND i.bulk_id = k.bulk_id
    WHERE i.state <> 'waiting' AND NOT i.is_counted
    ORDER BY i.account, i.bulk_id, i.number"""

# The next items of each bulk: as many as a window has, or more where they are only cancelled.
_WAITING = """
    SELECT i.account, i.bulk_id, i.number, i.phase, i.kind, i.request_id, i.content
    FROM unnest($1::text[], $2::uuid[]) AS k (account, bulk_id)
    JOIN domain.bulk AS b ON b.account = k.account AND b.bulk_id = k.bulk_id
    CROSS JOIN LATERAL (
        SELECT w.account, w.bulk_id, w.number, w.phase, w.kind, w.request_id, w.content FROM domain.bulk_item AS w
        WHERE w.account = k.account AND w.bulk_id = k.bulk_id AND w.state = 'waiting'
        ORDER BY w.phase, w.number LIMIT CASE WHEN b.is_cancelled THEN $4::bigint ELSE $3::bigint END
    ) AS i
    ORDER BY i.account, i.bulk_id, i.phase, i.number"""

_ISSUE = """
    UPDATE domain.bulk_item AS i SET state = 'under_way', issued_at = now(), look_at = now() + $4
    FROM unnest($1::text[], $2::uuid[], $3::integer[]) AS r (account, bulk_id, number)
    WHERE i.account = r.account AND i.bulk_id = r.bulk_id AND i.number = r.number AND i.state = 'waiting'"""

_CANCEL = """
    UPDATE domain.bulk_item AS i SET state = 'cancelled', content = NULL, is_counted = true, ended_at = now()
    FROM unnest($1::text[], $2::uuid[], $3::integer[]) AS r (account, bulk_id, number)
    WHERE i.account = r.account AND i.bulk_id = r.bulk_id AND i.number = r.number AND i.state = 'waiting'"""

_COUNT = """
    UPDATE domain.bulk_item AS i SET is_counted = true
    FROM unnest($1::text[], $2::uuid[], $3::integer[]) AS r (account, bulk_id, number)
    WHERE i.account = r.account AND i.bulk_id = r.bulk_id AND i.number = r.number AND i.ended_at IS NOT NULL"""

_ITEM_COLUMNS = """
    account, bulk_id, number, line, kind, subject, request_id, content, state, is_parked, issued_at, look_at, ended_at,
    outcome, refusal"""

# Items by the requests that they were asked for under, locked in one order.
_LOAD_ITEMS = f"""
    SELECT {_ITEM_COLUMNS} FROM domain.bulk_item
    WHERE request_id = ANY($1) AND issued_at IS NOT NULL ORDER BY request_id FOR UPDATE"""  # noqa: S608

# What was heard or found out about items under way.
_SAVE_ITEMS = """
    UPDATE domain.bulk_item AS i SET
        state = r.state, content = CASE WHEN r.state = 'under_way' THEN i.content END, is_parked = r.is_parked,
        look_at = r.look_at, ended_at = r.ended_at, outcome = r.outcome, refusal = r.refusal
    FROM unnest($1::uuid[], $2::text[], $3::boolean[], $4::timestamptz[], $5::timestamptz[], $6::text[], $7::text[])
        AS r (request_id, state, is_parked, look_at, ended_at, outcome, refusal)
    WHERE i.request_id = r.request_id AND i.state = 'under_way'"""

# Items that have had no outcome for a while, the longest first.
_OVERDUE = """
    SELECT request_id, kind FROM domain.bulk_item
    WHERE account = $1 AND bulk_id = $2 AND state <> 'waiting' AND NOT is_counted AND state = 'under_way'
        AND look_at <= $3
    ORDER BY look_at LIMIT $4"""

_READ_BULK = f"SELECT {_BULK_COLUMNS} FROM domain.bulk WHERE account = $1 AND bulk_id = $2"  # noqa: S608

# A page of an account's bulks, the newest first.
_READ_BULKS = f"""
    SELECT {_BULK_COLUMNS} FROM domain.bulk
    WHERE account = $1 AND ($2::uuid IS NULL OR (begun_at, bulk_id) < (
        SELECT b.begun_at, b.bulk_id FROM domain.bulk AS b WHERE b.account = $1 AND b.bulk_id = $2))
    ORDER BY begun_at DESC, bulk_id DESC LIMIT $3"""  # noqa: S608

# A page of a bulk's items, all or those in one state.
_READ_ITEMS = f"""
    SELECT {_ITEM_COLUMNS} FROM domain.bulk_item
    WHERE account = $1 AND bulk_id = $2 AND number > $3 AND ($4::text IS NULL OR state = $4)
    ORDER BY number LIMIT $5"""  # noqa: S608


class Bulks:
    """Bulks by account and id."""

    name = "domain.bulk"

    async def load(self, conn: Conn, keys: list[BulkKey]) -> dict[BulkKey, Bulk]:
        """Return the bulks there are."""
        rows = await conn.fetch(_LOAD_BULKS, *_columns(keys))
        return {(row["account"], row["bulk_id"]): _bulk(row) for row in rows}

    async def save(self, conn: Conn, changes: list[Change[BulkKey, Bulk]]) -> None:
        """Write bulks; None forgets one with its items."""
        values = [_bulk_values(change.after) for change in changes if change.after is not None]
        gone = [change.key for change in changes if change.after is None]
        if values:
            await conn.execute(_SAVE_BULKS, *_columns(values))
        if gone:
            await conn.execute(_FORGET_BULKS, *_columns(gone))


class NewItems:
    """The items of a part, by account, bulk and part: written once and not read again under this key."""

    name = "domain.bulk_item.new"

    async def load(self, conn: Conn, keys: list[tuple[str, UUID, int]]) -> dict[tuple[str, UUID, int], Any]:
        """Return nothing: whether a part is there stands in its bulk."""
        return {}

    async def save(self, conn: Conn, changes: list[Change[tuple[str, UUID, int], tuple[NewItem, ...]]]) -> None:
        """Write the items."""
        values = [
            (account, bulk_id, item.number, item.line, item.kind, item.phase, item.subject, item.request_id,
             item.content, _json(item.refusal))
            for (account, bulk_id, _), items in ((change.key, change.after or ()) for change in changes)
            for item in items
        ]  # fmt: skip
        await conn.execute(_ADD_ITEMS, *_columns(values))


class Flights:
    """What a turn needs of a bulk's items, by account and id; `window` is how many of them a turn may ask for."""

    name = "domain.bulk_item.flight"
    window = 64

    async def load(self, conn: Conn, keys: list[BulkKey]) -> dict[BulkKey, Flight]:
        """Return the flights of bulks; nothing is locked, see above."""
        columns = _columns(keys)
        turns = {(r["account"], r["bulk_id"]): r["is_turn"] for r in await conn.fetch(_TURNS, *columns)}
        flying: dict[BulkKey, list[Flying]] = {key: [] for key in turns}
        waiting: dict[BulkKey, list[Waiting]] = {key: [] for key in turns}
        for row in await conn.fetch(_FLYING, *columns):
            item = Flying(row["number"], row["phase"], row["state"], row["is_parked"])
            flying[row["account"], row["bulk_id"]].append(item)
        for row in await conn.fetch(_WAITING, *columns, self.window, CANCELLED_AT_ONCE):
            item = Waiting(row["number"], row["phase"], row["kind"], row["request_id"], row["content"])
            waiting[row["account"], row["bulk_id"]].append(item)
        return {key: Flight(tuple(flying[key]), tuple(waiting[key]), is_turn) for key, is_turn in turns.items()}

    async def save(self, conn: Conn, changes: list[Change[BulkKey, Flight]]) -> None:
        """Write what the turns did."""
        flights = [(change.key, change.after) for change in changes if change.after is not None]
        issued = [(*key, item.number) for key, flight in flights for item in flight.issue]
        cancelled = [(*key, number) for key, flight in flights for number in flight.cancelled]
        counted = [(*key, number) for key, flight in flights for number in flight.counted]
        if issued:
            await conn.execute(_ISSUE, *_columns(issued), FIRST_LOOK)
        if cancelled:
            await conn.execute(_CANCEL, *_columns(cancelled))
        if counted:
            await conn.execute(_COUNT, *_columns(counted))


class Items:
    """Items that were asked for, by the id of their request."""

    name = "domain.bulk_item"

    async def load(self, conn: Conn, keys: list[UUID]) -> dict[UUID, Item]:
        """Return the items that these requests are for; most requests are for none."""
        rows = await conn.fetch(_LOAD_ITEMS, keys)
        return {row["request_id"]: _item(row) for row in rows}

    async def save(self, conn: Conn, changes: list[Change[UUID, Item]]) -> None:
        """Write what was learned of items under way."""
        items = [(change.key, change.after) for change in changes if change.after is not None]
        values = [
            (key, i.state, i.is_parked, i.look_at, i.ended_at, i.outcome, _json(i.refusal)) for key, i in items
        ]  # fmt: skip
        await conn.execute(_SAVE_ITEMS, *_columns(values))


BULKS, NEW_ITEMS, FLIGHTS, ITEMS = Bulks(), NewItems(), Flights(), Items()


async def read_bulk(conn: Conn, account: str, bulk_id: UUID) -> Bulk | None:
    """Return a bulk."""
    row = await conn.fetchrow(_READ_BULK, account, bulk_id)
    return _bulk(row) if row else None


async def read_bulks(conn: Conn, account: str, before: UUID | None, limit: int) -> list[Bulk]:
    """Return bulks, the newest first, from before one on."""
    return [_bulk(row) for row in await conn.fetch(_READ_BULKS, account, before, limit)]


async def read_items(
    conn: Conn, account: str, bulk_id: UUID, after: int, state: str | None, limit: int
) -> list[dict[str, Any]]:
    """Return items as they stand, in the order of the file; what may be secret is left out."""
    rows = await conn.fetch(_READ_ITEMS, account, bulk_id, after, state, limit)
    return [{**dict(row), "content": None, "refusal": _refusal(row["refusal"])} for row in rows]


async def overdue(conn: Conn, account: str, bulk_id: UUID, now: datetime) -> list[tuple[UUID, str]]:
    """Return request ids and kinds of items that it is time to ask about."""
    return [tuple(row) for row in await conn.fetch(_OVERDUE, account, bulk_id, now, LOOKED_AT_ONCE)]


def _bulk(row: Any) -> Bulk:
    values = dict(row)
    received = {int(part): content for part, content in json.loads(values.pop("received")).items()}
    return Bulk(**values, received=received)


def _bulk_values(bulk: Bulk) -> tuple[Any, ...]:
    return (
        bulk.account, bulk.bulk_id, bulk.digest, bulk.label, bulk.parts, bulk.total, bulk.begun_at, bulk.state,
        json.dumps(dict(bulk.received)), bulk.items, bulk.issued, bulk.done, bulk.refused, bulk.unreadable,
        bulk.cancelled, bulk.is_cancelled, bulk.accepted_at, bulk.finished_at, bulk.said_at, bulk.revision,
    )  # fmt: skip


def _item(row: Any) -> Item:
    return Item(
        row["account"], row["bulk_id"], row["number"], row["kind"], row["state"], row["issued_at"], row["content"],
        row["is_parked"], row["look_at"], row["outcome"], _refusal(row["refusal"]), row["ended_at"],
    )  # fmt: skip


def _refusal(text: str | None) -> Refusal | None:
    return None if text is None else Refusal.model_validate_json(text)


def _json(refusal: Refusal | None) -> str | None:
    return None if refusal is None else refusal.model_dump_json()


def _columns(rows: Iterable[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
