"""The chassis' own tables in a service's schema: inbox, outbox, event log, dead letters, timers.

What a batch leaves behind is collected in `Entries` and written by one statement, in the batch's own transaction.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from services.chassis.backlog import DueTimer, Place
from services.chassis.book import Conn
from services.chassis.fates import At, Cancel, Timing

KEEP_EVENTS_DAYS, KEEP_INBOX_DAYS = 90, 100  # the inbox longer than any stream keeps a message
FORGET_AT_ONCE = 5000  # rows of the inbox in one transaction


@dataclass(frozen=True, slots=True)
class Handled:
    """An inbox row: a message and its fate."""

    message_id: UUID
    request_id: UUID
    account: str
    type: str
    fate: str
    code: str | None = None
    outcome: str | None = None
    refusal: str | None = None
    digest: bytes | None = None
    cause_id: UUID | None = None
    accepted: str | None = None  # the event that told so, of a request that has not ended


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to publish. `reply_subject` gets a copy, best effort, for a requester who waits.

    By `request_id` the log finds a fact again; what was read back from there has none.
    """

    lane: int
    seq: int
    message_id: UUID
    subject: str
    key: str
    payload: bytes
    reply_subject: str | None = None
    request_id: UUID | None = None

    @property
    def is_event(self) -> bool:
        """Facts stay in the event log; hand-overs and dead letters' copies only until they are published."""
        return self.subject.startswith("evt.")


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that can never be handled. The payload has no secrets any more."""

    lane: int
    id: UUID
    stream: str | None
    stream_seq: int | None
    account: str
    type: str
    code: str
    detail: str
    payload: str


@dataclass(slots=True)
class Entries:
    """What a batch leaves behind besides its aggregates."""

    handled: list[Handled] = field(default_factory=list)
    ended: list[Handled] = field(default_factory=list)  # accepted before
    outgoing: list[Outgoing] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)
    fired: list[tuple[str, str, datetime]] = field(default_factory=list)
    timings: list[tuple[int, Timing]] = field(default_factory=list)  # each with the lane that wakes it

    def mark(self) -> tuple[int, int, int]:
        """Return how far decisions have come, for `back_to`."""
        return len(self.outgoing), len(self.timings), len(self.ended)

    def back_to(self, mark: tuple[int, int, int]) -> None:
        """Forget what came after a mark."""
        outgoing, timings, ended = mark
        del self.outgoing[outgoing:], self.timings[timings:], self.ended[ended:]


@dataclass(frozen=True, slots=True)
class Suspect:
    """A batch that was in hand when a process died: its first message, its size, the deaths proven so far."""

    first: str
    messages: int
    deaths: int


class Journal:
    """The statements, for one service's schema."""

    def __init__(self, schema: str) -> None:
        self._sql = {name: sql.format(schema=schema) for name, sql in _STATEMENTS.items()}

    async def known(self, conn: Conn, ids: list[UUID]) -> dict[UUID, Handled]:
        """Return the messages among `ids` that were handled before."""
        rows = await conn.fetch(self._sql["known"], ids)
        return {row["message_id"]: Handled(**dict(row)) for row in rows}

    async def write(self, conn: Conn, published: Mapping[int, int], entries: Entries, now: datetime) -> None:
        """Write a batch's entries, and take what was published out of the pending set: up to a number, by lane."""
        inbox, log = _inbox_columns(entries.handled), _log_columns(entries.outgoing)
        await conn.execute(self._sql["write"], list(published), list(published.values()), now, *inbox, *log)
        if entries.ended:
            await conn.execute(self._sql["end"], now, *_columns(entries.ended, _END_FIELDS))
        if entries.dead:
            await conn.execute(self._sql["bury"], now, *_columns(entries.dead, _DEAD_FIELDS))
        if entries.fired or entries.timings:
            await self._set_timers(conn, entries)

    async def settle(self, conn: Conn, published: Mapping[int, int]) -> None:
        """Take what was published out of the pending set, when no batch comes to do it."""
        await conn.execute(self._sql["settle"], list(published), list(published.values()))

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

    async def _set_timers(self, conn: Conn, entries: Entries) -> None:
        final = {(timing.kind, timing.key): (lane, timing) for lane, timing in entries.timings}
        # What is set anew is overwritten below.
        gone = [fired for fired in entries.fired if not isinstance(final.get(fired[:2], (0, None))[1], At)]
        cancelled = [(t.kind, t.key, None) for _, t in final.values() if isinstance(t, Cancel)]
        dropped = [*gone, *cancelled]
        if dropped:
            await conn.execute(self._sql["drop_timers"], *(list(column) for column in zip(*dropped, strict=True)))
        wanted = [(lane, timing) for _, (lane, timing) in sorted(final.items()) if isinstance(timing, At)]
        if wanted:
            lanes = [lane for lane, _ in wanted]
            payloads = [json.dumps(dict(t.payload or {})) for _, t in wanted]
            columns = _columns((t for _, t in wanted), ("kind", "key", "account", "due_at", "urgent"))
            await conn.execute(self._sql["set_timers"], lanes, *columns, payloads)


def _due_timer(row: Any) -> DueTimer:
    return DueTimer(row["kind"], row["key"], row["account"], row["due_at"], json.loads(row["payload"]))


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
    "message_id",
    "request_id",
    "account",
    "type",
    "fate",
    "code",
    "outcome",
    "refusal",
    "digest",
    "cause_id",
    "accepted",
)
_END_FIELDS = ("message_id", "fate", "code", "refusal")
_OUT_FIELDS = ("lane", "seq", "message_id", "subject", "key", "payload")
_LOG_FIELDS = (*_OUT_FIELDS, "request_id")
_DEAD_FIELDS = ("lane", "id", "stream", "stream_seq", "account", "type", "code", "detail", "payload")

_STATEMENTS = {
    # Which of these messages were handled before?
    "known": """
        SELECT message_id, request_id, account, type, fate, code, outcome, refusal, digest, accepted
        FROM {schema}.inbox WHERE message_id = ANY($1::uuid[])""",
    # All that a batch leaves behind, in one round trip.
    "write": """
        WITH settled AS (
            UPDATE {schema}.lane AS l SET published_seq = p.seq
            FROM unnest($1::smallint[], $2::bigint[]) AS p (lane, seq) WHERE l.lane = p.lane AND l.published_seq < p.seq
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
        INSERT INTO {schema}.outbox (lane, seq, message_id, subject, ordering_key, payload)
        SELECT r.* FROM unnest($22::smallint[], $23::bigint[], $24::uuid[], $25::text[], $26::text[],
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
            UPDATE {schema}.lane AS l SET published_seq = p.seq
            FROM unnest($1::smallint[], $2::bigint[]) AS p (lane, seq) WHERE l.lane = p.lane AND l.published_seq < p.seq
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
        SELECT kind, key, account, due_at, payload FROM {schema}.timer
        WHERE lane = $1 AND urgent = $2 AND due_at <= $3 AND (due_at, kind, key) > ($4, $5, $6)
            AND account <> ALL ($7::text[])
        ORDER BY due_at, kind, key LIMIT $8""",
    # One look into the index for each account.
    "due_of": """
        SELECT t.kind, t.key, t.account, t.due_at, t.payload
        FROM unnest($4::text[], $5::timestamptz[], $6::text[], $7::text[]) AS a (account, due_at, kind, key)
        CROSS JOIN LATERAL (
            SELECT kind, key, account, due_at, payload FROM {schema}.timer AS due
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
        INSERT INTO {schema}.timer (lane, kind, key, account, due_at, urgent, payload)
        SELECT r.* FROM unnest($1::smallint[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::boolean[],
            $7::jsonb[]) AS r
        ON CONFLICT (kind, key) DO UPDATE
        SET lane = excluded.lane, account = excluded.account, due_at = excluded.due_at, urgent = excluded.urgent,
            payload = excluded.payload""",
    "bury": """
        INSERT INTO {schema}.dead_letter
            (recorded_at, lane, id, stream, stream_seq, account, type, code, detail, payload)
        SELECT $1, r.* FROM unnest($2::smallint[], $3::uuid[], $4::text[], $5::bigint[], $6::text[], $7::text[],
            $8::text[], $9::text[], $10::text[]) AS r
        ON CONFLICT (id) DO NOTHING""",
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
