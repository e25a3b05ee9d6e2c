"""The table of timers in a service's schema: what is due in a lane, and what a batch sets or cancels."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from services.chassis.backlog import DueTimer, Place
from services.chassis.book import Conn
from services.chassis.fates import At, Cancel, Timing


class Timetable:
    """The statements, for one service's schema."""

    def __init__(self, schema: str) -> None:
        self._sql = {name: sql.format(schema=schema) for name, sql in _STATEMENTS.items()}

    async def next_due(self, conn: Conn, lanes: list[int]) -> dict[int, datetime | None]:
        """Return when each lane's next timer is due. Also the owner's sign of life to its locks."""
        return {row["lane"]: row["due_at"] for row in await conn.fetch(self._sql["next_due"], lanes)}

    async def next_after(self, conn: Conn, lane: int, urgent: Place, other: Place) -> datetime | None:
        """Return when the next timer is due after these places: of those that somebody waits for, and of the others."""
        return await conn.fetchval(self._sql["next_after"], lane, *urgent, *other)

    async def due(
        self, conn: Conn, lane: int, urgent: bool, now: datetime, after: Place, but_of: list[str], most: int
    ) -> list[DueTimer]:
        """Return the lane's due timers after a place, earliest first, without those of some accounts."""
        rows = await conn.fetch(self._sql["due"], lane, urgent, now, *after, but_of, most)
        return [_due_timer(row) for row in rows]

    async def due_of(
        self, conn: Conn, lane: int, urgent: bool, now: datetime, after: Mapping[str, Place], most: int
    ) -> list[DueTimer]:
        """Return the due timers of some accounts, each after a place, earliest first, at most so many of each."""
        places = [list(column) for column in zip(*after.values(), strict=True)]
        rows = await conn.fetch(self._sql["due_of"], lane, urgent, now, list(after), *places, most)
        return [_due_timer(row) for row in rows]

    async def recur(self, conn: Conn, lane: int, kind: str, due_at: datetime) -> None:
        """Make sure that a recurring timer exists, in this lane."""
        await conn.execute(self._sql["recur"], kind, lane, due_at)

    async def set(
        self, conn: Conn, fired: Sequence[tuple[str, str, datetime]], timings: Sequence[tuple[int, Timing]]
    ) -> None:
        """Let wake-ups go that were handled, and set or cancel others: each with the lane that wakes it."""
        final = {(timing.kind, timing.key): (lane, timing) for lane, timing in timings}
        # What is set anew is overwritten below.
        gone = [one for one in fired if not isinstance(final.get(one[:2], (0, None))[1], At)]
        cancelled = [(t.kind, t.key, None) for _, t in final.values() if isinstance(t, Cancel)]
        dropped = [*gone, *cancelled]
        if dropped:
            await conn.execute(self._sql["drop_timers"], *(list(column) for column in zip(*dropped, strict=True)))
        wanted = [(lane, timing) for _, (lane, timing) in sorted(final.items()) if isinstance(timing, At)]
        if wanted:
            lanes = [lane for lane, _ in wanted]
            payloads = [json.dumps(dict(t.payload or {})) for _, t in wanted]
            columns = [[getattr(t, name) for _, t in wanted] for name in _FIELDS]
            await conn.execute(self._sql["set_timers"], lanes, *columns, payloads)


def _due_timer(row: Any) -> DueTimer:
    return DueTimer(
        row["kind"], row["key"], row["account"], row["due_at"], json.loads(row["payload"]), row["traceparent"]
    )


_FIELDS = ("kind", "key", "account", "due_at", "urgent", "traceparent")

_STATEMENTS = {
    # Two looks into the index for each lane.
    "next_due": """
        SELECT lane, least(
            (SELECT min(due_at) FROM {schema}.timer AS t WHERE t.lane = l.lane AND t.urgent),
            (SELECT min(due_at) FROM {schema}.timer AS t WHERE t.lane = l.lane AND NOT t.urgent)) AS due_at
        FROM unnest($1::smallint[]) AS l (lane)""",
    "next_after": """
        SELECT least(
            (SELECT due_at FROM {schema}.timer WHERE lane = $1 AND urgent AND (due_at, kind, key) > ($2, $3, $4)
             ORDER BY due_at, kind, key LIMIT 1),
            (SELECT due_at FROM {schema}.timer WHERE lane = $1 AND NOT urgent AND (due_at, kind, key) > ($5, $6, $7)
             ORDER BY due_at, kind, key LIMIT 1))""",
    "due": """
        SELECT kind, key, account, due_at, payload, traceparent FROM {schema}.timer
        WHERE lane = $1 AND urgent = $2 AND due_at <= $3 AND (due_at, kind, key) > ($4, $5, $6)
            AND account <> ALL ($7::text[])
        ORDER BY due_at, kind, key LIMIT $8""",
    # One look into the index for each account.
    "due_of": """
        SELECT t.kind, t.key, t.account, t.due_at, t.payload, t.traceparent
        FROM unnest($4::text[], $5::timestamptz[], $6::text[], $7::text[]) AS a (account, due_at, kind, key)
        CROSS JOIN LATERAL (
            SELECT kind, key, account, due_at, payload, traceparent FROM {schema}.timer AS due
            WHERE due.lane = $1 AND due.urgent = $2 AND due.account = a.account AND due.due_at <= $3
                AND (due.due_at, due.kind, due.key) > (a.due_at, a.kind, a.key)
            ORDER BY due.due_at, due.kind, due.key LIMIT $8
        ) AS t ORDER BY t.due_at, t.kind, t.key""",
    "recur": """
        INSERT INTO {schema}.timer (kind, key, lane, account, due_at) VALUES ($1, '', $2, '', $3)
        ON CONFLICT (kind, key) DO UPDATE SET lane = excluded.lane""",
    # A fired timer goes only if nobody has set it anew meanwhile; a cancelled one goes in any case.
    "drop_timers": """
        DELETE FROM {schema}.timer AS t USING unnest($1::text[], $2::text[], $3::timestamptz[]) AS d (kind, key, due_at)
        WHERE t.kind = d.kind AND t.key = d.key AND (d.due_at IS NULL OR t.due_at = d.due_at)""",
    "set_timers": """
        INSERT INTO {schema}.timer AS t (lane, kind, key, account, due_at, urgent, traceparent, payload)
        SELECT r.* FROM unnest($1::smallint[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::boolean[],
            $7::text[], $8::jsonb[]) AS r
        ON CONFLICT (kind, key) DO UPDATE
        SET lane = excluded.lane, account = excluded.account, due_at = excluded.due_at, urgent = excluded.urgent,
            traceparent = coalesce(excluded.traceparent, CASE WHEN excluded.urgent THEN t.traceparent END),
            payload = excluded.payload""",
}
