"""How a worker is, looked up when somebody asks: `/metrics` and `postkontor status` tell the same numbers."""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.chassis.book import Conn
from services.chassis.ownership import Ownership
from services.chassis.runtime import Runtime
from services.chassis.topology import LaneSpec

LOOK_UP_SECONDS = 2.0
MOST_DUE = 10_000  # due timers are counted up to here: a number that is alarming enough


@dataclass(frozen=True, slots=True)
class Due:
    """Wake-ups of one kind that are due."""

    kind: str
    count: int
    oldest_at: datetime


@dataclass(frozen=True, slots=True)
class Stored:
    """What the chassis' tables tell, the same at every replica."""

    unpublished: int
    oldest_unpublished_at: datetime | None
    due: tuple[Due, ...]
    next_due_at: datetime | None  # of all timers, due or not
    dead_letters: int
    suspects: int
    forgotten: tuple[str, ...]  # lane: what was noticed
    ahead: tuple[str, ...]  # lane: a fact that the database does not know

    def overdue_seconds(self, now: datetime) -> float:
        """Return how long the earliest timer has been due."""
        return max(0.0, (now - self.next_due_at).total_seconds()) if self.next_due_at else 0.0


class Measures:
    """What one replica can find out."""

    def __init__(self, runtime: Runtime, ownership: Ownership) -> None:
        self._runtime, self._ownership = runtime, ownership
        self._sql = {name: sql.format(schema=runtime.service.name) for name, sql in _STATEMENTS.items()}

    async def stored(self, conn: Conn) -> Stored:
        """Return what the tables tell."""
        now = self._runtime.clock()
        row: Any = await conn.fetchrow(self._sql["counts"])
        due = await conn.fetch(self._sql["due"], now, MOST_DUE)
        doubts = await conn.fetch(self._sql["doubts"])
        return Stored(
            due=tuple(Due(**dict(one)) for one in due),
            forgotten=_by_lane(doubts, "forgotten"),
            ahead=_by_lane(doubts, "ahead"),
            **dict(row),
        )

    async def pending(self) -> dict[int, int]:
        """Return by lane how many messages are not acknowledged yet, for all lanes that the bus tells of."""
        if not self._runtime.nats.is_connected:
            return {}
        specs = self._ownership.specs
        found = await asyncio.gather(*(self._pending(spec) for spec in specs))
        return {spec.number: count for spec, count in zip(specs, found, strict=True) if count is not None}

    def oldest_seconds(self) -> dict[int, float]:
        """Return by owned lane the age of the oldest message that is here and not acknowledged; 0 for none."""
        now_ns = time.time_ns()
        return {lane: (now_ns - ns) / 1e9 if ns else 0.0 for lane, ns in self._ownership.oldest_ns().items()}

    async def _pending(self, spec: LaneSpec) -> int | None:
        subject = f"$JS.API.CONSUMER.INFO.{spec.stream}.{spec.consumer}"
        try:
            info = json.loads((await self._runtime.nats.request(subject, b"", timeout=LOOK_UP_SECONDS)).data)
            return info["num_pending"] + info["num_ack_pending"]
        except Exception:
            return None


def _by_lane(rows: Sequence[Any], what: str) -> tuple[str, ...]:
    return tuple(f"{row['lane']}: {row[what]}" for row in rows if row[what])


_STATEMENTS = {
    "counts": """
        WITH pending AS (
            SELECT e.logged_at FROM {schema}.lane AS l
            JOIN {schema}.event_log AS e ON e.lane = l.lane AND e.seq > l.published_seq
            UNION ALL
            SELECT o.logged_at FROM {schema}.lane AS l
            JOIN {schema}.outbox AS o ON o.lane = l.lane AND o.seq > l.published_seq
        )
        SELECT (SELECT count(*) FROM pending) AS unpublished,
            (SELECT min(logged_at) FROM pending) AS oldest_unpublished_at,
            (SELECT min(least(
                (SELECT min(due_at) FROM {schema}.timer AS t WHERE t.lane = l.lane AND t.urgent),
                (SELECT min(due_at) FROM {schema}.timer AS t WHERE t.lane = l.lane AND NOT t.urgent)))
                FROM {schema}.lane AS l) AS next_due_at,
            (SELECT count(*) FROM {schema}.dead_letter WHERE resolved_at IS NULL) AS dead_letters,
            (SELECT count(*) FROM {schema}.suspect) AS suspects""",
    "doubts": """
        SELECT lane, forgotten, ahead FROM {schema}.lane WHERE forgotten IS NOT NULL OR ahead IS NOT NULL
        ORDER BY lane""",
    # Written so that each lane's index is used.
    "due": """
        SELECT kind, count(*) AS count, min(due_at) AS oldest_at FROM (
            SELECT t.kind, t.due_at FROM {schema}.lane AS l
            JOIN {schema}.timer AS t ON t.lane = l.lane AND t.urgent IN (true, false) AND t.due_at <= $1 LIMIT $2
        ) AS due GROUP BY kind ORDER BY kind""",
}
