"""What lanes remember of the stream of events, and what the event log has that the stream has not."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.chassis.book import Conn
from services.chassis.entries import Mark, Outgoing
from services.chassis.originals import OnTheBus

STRANGERS_SECONDS = 300.0
WINDOW = 2_000  # numbers of a lane looked through at a time, so that no statement is long


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a lane remembers of the stream of events."""

    mark: Mark | None
    mark_at: datetime | None
    made_at: str | None
    forgotten: str | None
    reconciled_at: datetime | None = None
    ahead: str | None = None


class Recollection:
    """The statements, for one service's schema."""

    def __init__(self, schema: str) -> None:
        self._sql = {name: sql.format(schema=schema) for name, sql in _STATEMENTS.items()}

    async def of(self, conn: Conn, lane: int) -> Remembered:
        """Return what a lane remembers: nothing, if it was never opened."""
        row = await conn.fetchrow(self._sql["of"], lane)
        if row is None:
            return Remembered(None, None, None, None)
        mark = Mark(row["mark_seq"], row["mark_id"]) if row["mark_seq"] is not None else None
        return Remembered(
            mark, row["mark_at"], row["stream_made_at"], row["forgotten"], row["reconciled_at"], row["ahead"]
        )

    async def remember_stream(self, conn: Conn, lane: int, made_at: str) -> None:
        """Note which stream the lane publishes to."""
        await conn.execute(self._sql["remember_stream"], lane, made_at)

    async def note_forgotten(self, conn: Conn, lane: int, what: str) -> None:
        """Note what was noticed, until the stream is reconciled."""
        await conn.execute(self._sql["note_forgotten"], lane, what)

    async def latest_mark(self, conn: Conn) -> int:
        """Return the last place in the stream that any lane remembers; 0 for none."""
        return await conn.fetchval(self._sql["latest_mark"]) or 0

    async def unknown(self, conn: Conn, ids: Sequence[UUID], request_ids: Sequence[UUID]) -> set[UUID]:
        """Return the facts, each with its request, that the event log does not have."""
        return {row["id"] for row in await conn.fetch(self._sql["unknown"], ids, request_ids)}

    async def note_ahead(self, conn: Conn, lane: int, what: str) -> None:
        """Note that the bus knows more than this database, until the two are reconciled."""
        await conn.execute(self._sql["note_ahead"], lane, what)

    async def published(self, conn: Conn) -> dict[int, int]:
        """Return up to which number each lane is published."""
        return {row["lane"]: row["published_seq"] for row in await conn.fetch(self._sql["published"])}

    async def clear_survivors(self, conn: Conn) -> None:
        """Begin taking stock."""
        await conn.execute(self._sql["clear_survivors"])

    async def note_survivors(self, conn: Conn, found: Sequence[OnTheBus]) -> None:
        """Note facts that the stream has."""
        columns = [[getattr(one, name) for one in found] for name in ("id", "subject", "stream_seq")]
        await conn.execute(self._sql["note_survivors"], *columns)

    async def strangers(self, conn: Conn, most: int) -> tuple[int, list[OnTheBus]]:
        """Return how many survivors the event log does not know, and the first of them."""
        # By whole scans, and therefore in its own time: there is no index by message on a log that grows all day.
        rows = await conn.fetch(self._sql["strangers"], most, timeout=STRANGERS_SECONDS)
        return (rows[0]["total"] if rows else 0), [OnTheBus(row["message_id"], row["subject"], row["stream_seq"])
                                                   for row in rows]  # fmt: skip

    async def missing(self, conn: Conn, published: Mapping[int, int], since: datetime) -> AsyncIterator[list[Outgoing]]:
        """Yield the published facts that are no survivors, lane by lane and in each lane's order."""
        for lane, last in sorted(published.items()):
            first = await conn.fetchval(self._sql["first"], lane, since)
            for number in range(first or last + 1, last + 1, WINDOW):
                end = min(last, number + WINDOW - 1)
                rows = await conn.fetch(self._sql["missing"], lane, number, end, since)
                if rows:
                    yield [Outgoing(**dict(row)) for row in rows]

    async def reconciled(self, conn: Conn, made_at: str, marks: Mapping[int, Mark], now: datetime) -> None:
        """Note that the stream has all facts of all lanes again, and where the last ones stand."""
        seqs, ids = [mark.seq for mark in marks.values()], [mark.id for mark in marks.values()]
        await conn.execute(self._sql["reconciled"], made_at, list(marks), seqs, ids, now)


_STATEMENTS = {
    "of": """
        SELECT mark_seq, mark_id, mark_at, stream_made_at, forgotten, reconciled_at, ahead
        FROM {schema}.lane WHERE lane = $1""",
    "remember_stream": """
        INSERT INTO {schema}.lane (lane, stream_made_at) VALUES ($1, $2)
        ON CONFLICT (lane) DO UPDATE SET stream_made_at = excluded.stream_made_at""",
    "note_forgotten": "UPDATE {schema}.lane SET forgotten = $2 WHERE lane = $1",
    "published": "SELECT lane, published_seq FROM {schema}.lane",
    "clear_survivors": "DELETE FROM {schema}.survivor",
    "note_survivors": """
        INSERT INTO {schema}.survivor (message_id, subject, stream_seq)
        SELECT r.* FROM unnest($1::uuid[], $2::text[], $3::bigint[]) AS r ON CONFLICT DO NOTHING""",
    "strangers": """
        WITH strange AS (
            SELECT s.message_id, s.subject, s.stream_seq FROM {schema}.survivor AS s
            WHERE NOT EXISTS (SELECT FROM {schema}.event_log AS l WHERE l.message_id = s.message_id)
        )
        SELECT message_id, subject, stream_seq, (SELECT count(*) FROM strange) AS total FROM strange
        ORDER BY stream_seq LIMIT $1""",
    "latest_mark": "SELECT max(mark_seq) FROM {schema}.lane",
    "unknown": """
        SELECT r.id FROM unnest($1::uuid[], $2::uuid[]) AS r (id, request_id) WHERE NOT EXISTS (
            SELECT FROM {schema}.event_log AS l WHERE l.request_id = r.request_id AND l.message_id = r.id)""",
    "note_ahead": "UPDATE {schema}.lane SET ahead = $2 WHERE lane = $1",
    "first": "SELECT min(seq) FROM {schema}.event_log WHERE lane = $1 AND logged_at >= $2",
    "missing": """
        SELECT lane, seq, message_id, subject, ordering_key AS key, payload FROM {schema}.event_log AS l
        WHERE lane = $1 AND seq BETWEEN $2 AND $3 AND logged_at >= $4
            AND NOT EXISTS (SELECT FROM {schema}.survivor AS s WHERE s.message_id = l.message_id)
        ORDER BY seq""",
    # Another stream's numbers mean nothing in this one.
    "reconciled": """
        WITH kept AS (
            UPDATE {schema}.lane AS l SET forgotten = NULL, ahead = NULL, stream_made_at = $1, reconciled_at = $5,
                mark_seq = CASE WHEN l.stream_made_at = $1 THEN l.mark_seq END,
                mark_id = CASE WHEN l.stream_made_at = $1 THEN l.mark_id END
            WHERE l.lane <> ALL ($2::smallint[])
        )
        UPDATE {schema}.lane AS l SET forgotten = NULL, ahead = NULL, stream_made_at = $1, reconciled_at = $5,
            mark_seq = m.seq, mark_id = m.id, mark_at = clock_timestamp()
        FROM unnest($2::smallint[], $3::bigint[], $4::uuid[]) AS m (lane, seq, id) WHERE l.lane = m.lane""",
}
