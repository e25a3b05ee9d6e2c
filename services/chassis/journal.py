"""The chassis' own tables in a service's schema: inbox, outbox, event log, dead letters; `timetable` has the timers.

What a batch leaves behind is collected in `Entries` and written by one statement, in the batch's own transaction.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from services.chassis.book import Conn
from services.chassis.entries import Entries, Handled, Outgoing, Published, Suspect
from services.chassis.timetable import Timetable

KEEP_EVENTS_DAYS, KEEP_INBOX_DAYS = 90, 100  # the inbox longer than any stream keeps a message
FORGET_AT_ONCE = 5000  # rows of the inbox in one transaction


class Journal:
    """The statements, for one service's schema."""

    def __init__(self, schema: str) -> None:
        self._sql = {name: sql.format(schema=schema) for name, sql in _STATEMENTS.items()}
        self.timetable = Timetable(schema)

    async def known(self, conn: Conn, ids: list[UUID]) -> dict[UUID, Handled]:
        """Return the messages among `ids` that were handled before."""
        rows = await conn.fetch(self._sql["known"], ids)
        return {row["message_id"]: Handled(**dict(row)) for row in rows}

    async def write(self, conn: Conn, published: Mapping[int, Published], entries: Entries, now: datetime) -> None:
        """Write a batch's entries, and take what was published out of the pending set: up to a number, by lane."""
        if entries.again:
            await conn.execute(self._sql["revive"], entries.again)
        inbox, log = _inbox_columns(entries.handled), _log_columns(entries.outgoing)
        settled, marks = _published_columns(published)
        await conn.execute(self._sql["write"], *settled, now, *inbox, *log, *marks)
        if entries.ended:
            await conn.execute(self._sql["end"], now, *_columns(entries.ended, _END_FIELDS))
        if entries.dead:
            await conn.execute(self._sql["bury"], now, *_columns(entries.dead, _DEAD_FIELDS))
        if entries.attempts:
            await conn.execute(self._sql["attempt"], now, *_columns(entries.attempts, _ATTEMPT_FIELDS))
        if entries.fired or entries.timings:
            await self.timetable.set(conn, entries.fired, entries.timings)

    async def settle(self, conn: Conn, published: Mapping[int, Published]) -> None:
        """Take what was published out of the pending set, when no batch comes to do it."""
        settled, marks = _published_columns(published)
        await conn.execute(self._sql["settle"], *settled, *marks)

    async def open_lane(self, conn: Conn, lane: int) -> tuple[int, int, bool]:
        """Return (published, last used) sequence numbers of a lane and whether its last owner left cleanly.

        The lane counts as unclean from here until `close_lane`.
        """
        row = await conn.fetchrow(self._sql["open_lane"], lane)
        assert row is not None
        return row["published_seq"], row["last_seq"], row["clean"]

    async def close_lane(self, conn: Conn, lane: int, published: int) -> None:
        """Note that the lane's owner leaves with nothing in hand."""
        await conn.execute(self._sql["close_lane"], lane, published)

    async def pending(self, conn: Conn, lane: int) -> list[Outgoing]:
        """Return what was committed and may not have been published, in order."""
        rows = await conn.fetch(self._sql["pending"], lane)
        return [Outgoing(**dict(row)) for row in rows]

    async def forget(self, conn: Conn, keep_days: int) -> int:
        """Delete a piece of what the inbox holds longer than its time; return how many rows that was."""
        return int((await conn.execute(self._sql["forget"], keep_days, FORGET_AT_ONCE)).rpartition(" ")[2])

    async def tend(self, conn: Conn, keep_days: int) -> None:
        """Make partitions ahead and drop what is older than its time."""
        await conn.execute(self._sql["tend"], keep_days)

    async def suspects(self, conn: Conn, lane: int, holder: str) -> list[Suspect]:
        """Return what was in hand at deaths, and count the latest: `holder` asks, and is alive itself."""
        await conn.execute(self._sql["count_deaths"], lane, holder)
        return [Suspect(**dict(row)) for row in await conn.fetch(self._sql["suspects"], lane)]

    async def suspect(self, conn: Conn, lane: int, suspect: Suspect, holder: str) -> None:
        """Note what `holder` is taking in hand."""
        await conn.execute(self._sql["suspect"], lane, suspect.first, suspect.messages, suspect.deaths, holder)

    async def acquit(self, conn: Conn, lane: int, first: str) -> None:
        """What was in hand did no harm."""
        await conn.execute(self._sql["acquit"], lane, first)

    async def acquit_all(self, conn: Conn, lane: int) -> None:
        """Nothing in this lane is suspected any more."""
        await conn.execute(self._sql["acquit_all"], lane)

    async def steps(self, conn: Conn, account: str, request_id: UUID) -> list[dict[str, Any]]:
        """Return what this service did for a request, oldest first."""
        return [dict(row) for row in await conn.fetch(self._sql["steps"], account, request_id)]


def _published_columns(published: Mapping[int, Published]) -> tuple[list[list[Any]], list[list[Any]]]:
    marks = [lane.mark for lane in published.values()]
    settled = [list(published), [lane.seq for lane in published.values()]]
    return settled, [[mark and mark.seq for mark in marks], [mark and mark.id for mark in marks]]


def _inbox_columns(handled: list[Handled]) -> list[list[Any]]:
    return _columns(handled, _INBOX_FIELDS)


def _log_columns(outgoing: list[Outgoing]) -> list[list[Any]]:
    events = _columns([o for o in outgoing if o.is_event], _LOG_FIELDS)
    orders = _columns([o for o in outgoing if not o.is_event], _OUT_FIELDS)
    return [*events, *orders]


def _columns(rows: Iterable[Any], fields: tuple[str, ...]) -> list[list[Any]]:
    rows = list(rows)
    return [[getattr(row, name) for row in rows] for name in fields]


_INBOX_FIELDS = (
    "message_id", "request_id", "account", "type", "fate", "code", "outcome", "refusal", "digest", "cause_id",
    "accepted",
)  # fmt: skip
_END_FIELDS = ("message_id", "fate", "code", "refusal")
_OUT_FIELDS = ("lane", "seq", "message_id", "subject", "key", "payload")
_LOG_FIELDS = (*_OUT_FIELDS, "request_id")
_DEAD_FIELDS = (
    "lane", "id", "stream", "stream_seq", "account", "type", "code", "detail", "payload", "digest", "answered",
)  # fmt: skip
_ATTEMPT_FIELDS = ("id", "attempt", "resolution")

_STATEMENTS = {
    # Which of these messages were handled before?
    "known": """
        SELECT message_id, request_id, account, type, fate, code, outcome, refusal, digest, accepted
        FROM {schema}.inbox WHERE message_id = ANY($1::uuid[])""",
    # All that a batch leaves behind, in one round trip.
    "write": """
        WITH settled AS (
            UPDATE {schema}.lane AS l SET published_seq = p.seq, mark_seq = coalesce(p.mark_seq, l.mark_seq),
                mark_id = coalesce(p.mark_id, l.mark_id),
                mark_at = CASE WHEN p.mark_id IS NULL THEN l.mark_at ELSE clock_timestamp() END
            FROM unnest($1::smallint[], $2::bigint[], $28::bigint[], $29::uuid[]) AS p (lane, seq, mark_seq, mark_id)
            WHERE l.lane = p.lane AND l.published_seq < p.seq
        ), sent AS (
            DELETE FROM {schema}.outbox AS o USING unnest($1::smallint[], $2::bigint[]) AS p (lane, seq)
            WHERE o.lane = p.lane AND o.seq <= p.seq
        ), noted AS (
            INSERT INTO {schema}.inbox
                (message_id, request_id, account, type, fate, code, outcome, refusal, digest, cause_id, accepted,
                 handled_at)
            SELECT r.*, $3 FROM unnest($4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::text[], $9::text[],
                $10::text[], $11::text[], $12::bytea[], $13::uuid[], $14::text[]) AS r
        ), logged AS (
            INSERT INTO {schema}.event_log
                (lane, seq, message_id, subject, ordering_key, payload, request_id, logged_at)
            SELECT r.*, $3 FROM unnest($15::smallint[], $16::bigint[], $17::uuid[], $18::text[], $19::text[],
                $20::bytea[], $21::uuid[]) AS r
        )
        INSERT INTO {schema}.outbox (lane, seq, message_id, subject, ordering_key, payload, logged_at)
        SELECT r.*, $3 FROM unnest($22::smallint[], $23::bigint[], $24::uuid[], $25::text[], $26::text[],
            $27::bytea[]) AS r""",
    # Requests that were accepted have ended.
    "end": """
        UPDATE {schema}.inbox AS i
        SET fate = r.fate, code = r.code, refusal = r.refusal, accepted = NULL, handled_at = $1
        FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[]) AS r (message_id, fate, code, refusal)
        WHERE i.message_id = r.message_id AND i.fate = 'accepted'""",
    # The pending set shrinks although nothing new is written.
    "settle": """
        WITH settled AS (
            UPDATE {schema}.lane AS l SET published_seq = p.seq, mark_seq = coalesce(p.mark_seq, l.mark_seq),
                mark_id = coalesce(p.mark_id, l.mark_id),
                mark_at = CASE WHEN p.mark_id IS NULL THEN l.mark_at ELSE clock_timestamp() END
            FROM unnest($1::smallint[], $2::bigint[], $3::bigint[], $4::uuid[]) AS p (lane, seq, mark_seq, mark_id)
            WHERE l.lane = p.lane AND l.published_seq < p.seq
        )
        DELETE FROM {schema}.outbox AS o USING unnest($1::smallint[], $2::bigint[]) AS p (lane, seq)
        WHERE o.lane = p.lane AND o.seq <= p.seq""",
    # A new owner begins.
    "open_lane": """
        WITH before AS (SELECT clean FROM {schema}.lane WHERE lane = $1), opened AS (
            INSERT INTO {schema}.lane (lane, clean) VALUES ($1, false)
            ON CONFLICT (lane) DO UPDATE SET clean = false RETURNING published_seq
        )
        SELECT published_seq, coalesce((SELECT clean FROM before), true) AS clean, greatest(published_seq,
            (SELECT max(seq) FROM {schema}.event_log WHERE lane = $1),
            (SELECT max(seq) FROM {schema}.outbox WHERE lane = $1)) AS last_seq
        FROM opened""",
    # An owner leaves in good order.
    "close_lane": """
        WITH sent AS (DELETE FROM {schema}.outbox WHERE lane = $1 AND seq <= $2)
        UPDATE {schema}.lane SET clean = true, published_seq = greatest(published_seq, $2) WHERE lane = $1""",
    # Committed, perhaps not published.
    "pending": """
        SELECT lane, seq, message_id, subject, ordering_key AS key, payload FROM {schema}.event_log
        WHERE lane = $1 AND seq > (SELECT published_seq FROM {schema}.lane WHERE lane = $1)
        UNION ALL
        SELECT lane, seq, message_id, subject, ordering_key, payload FROM {schema}.outbox WHERE lane = $1
        ORDER BY seq""",
    # What is replayed and dead again stays one letter.
    "bury": """
        INSERT INTO {schema}.dead_letter
            (recorded_at, lane, id, stream, stream_seq, account, type, code, detail, payload, digest, answered)
        SELECT $1, r.* FROM unnest($2::smallint[], $3::uuid[], $4::text[], $5::bigint[], $6::text[], $7::text[],
            $8::text[], $9::text[], $10::text[], $11::text[], $12::boolean[]) AS r
        ON CONFLICT (id) DO UPDATE SET code = excluded.code, detail = excluded.detail, digest = excluded.digest,
            answered = dead_letter.answered OR excluded.answered""",
    "attempt": """
        UPDATE {schema}.dead_letter AS d
        SET attempts = d.attempts || a.attempt, resolution = a.resolution,
            resolved_at = CASE WHEN a.resolution IS NOT NULL THEN $1::timestamptz END
        FROM unnest($2::uuid[], $3::jsonb[], $4::text[]) AS a (id, attempt, resolution) WHERE d.id = a.id""",
    "revive": "DELETE FROM {schema}.inbox WHERE message_id = ANY($1::uuid[]) AND fate = 'never'",
    # A holder has died if it is not the one who asks, its sessions are gone, and no restart of the database ended them.
    "count_deaths": """
        UPDATE {schema}.suspect AS s
        SET holder = NULL, deaths = s.deaths + (s.holder <> $2 AND s.noted_at > pg_postmaster_start_time()
            AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = s.holder))::integer
        WHERE lane = $1 AND holder IS NOT NULL""",
    "suspects": "SELECT first, messages, deaths FROM {schema}.suspect WHERE lane = $1",
    "suspect": """
        INSERT INTO {schema}.suspect (lane, first, messages, deaths, holder, noted_at)
        VALUES ($1, $2, $3, $4, $5, clock_timestamp())
        ON CONFLICT (lane, first) DO UPDATE SET messages = excluded.messages, deaths = excluded.deaths,
            holder = excluded.holder, noted_at = excluded.noted_at""",
    "acquit": "DELETE FROM {schema}.suspect WHERE lane = $1 AND first = $2",
    "acquit_all": "DELETE FROM {schema}.suspect WHERE lane = $1",
    "steps": """
        SELECT message_id, type, fate, code, outcome, refusal, handled_at FROM {schema}.inbox
        WHERE request_id = $2 AND account = $1 ORDER BY handled_at""",
    "tend": "SELECT {schema}.tend_event_log(current_date, $1)",
    # In pieces, so that no transaction is long.
    "forget": """
        DELETE FROM {schema}.inbox WHERE message_id = ANY(ARRAY(
            SELECT message_id FROM {schema}.inbox WHERE handled_at < current_date - $1::integer LIMIT $2))""",
}
