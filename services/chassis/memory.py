"""Whether the bus still has what it took.

Each lane remembers the latest fact that the broker acknowledged, with its place in the stream, in the transaction that
takes it for published. If that fact is not there any more, the broker has forgotten (a lost disk, a restored copy, a
stream made anew), and every fact in the event log may be missing. That is said, not silently repaired: an operator who
has emptied a stream on purpose would be surprised.

The other way round, a fact on the bus is in the event log, because it was committed before it was published. If one is
not, the database is an older copy of itself. Whoever takes a lane over looks at the facts after the last place that any
lane remembers: in a restored database, those are the first that it does not know.
"""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import structlog

from services.chassis.book import Conn
from services.chassis.entries import Mark
from services.chassis.journal import KEEP_EVENTS_DAYS
from services.chassis.originals import EventStream, Originals
from services.chassis.publisher import Publisher
from services.chassis.received import Raw
from services.chassis.recollection import Recollection, Remembered

log = structlog.get_logger()
CHECK_SECONDS = 10.0
LOOKED_AT_AHEAD = 100  # facts; in a restored database already the first is unknown
SURELY_KEPT = timedelta(days=KEEP_EVENTS_DAYS - 1)  # after that a fact goes by its age


def what_is_gone(remembered: Remembered, stream: EventStream | None, now: datetime) -> str | None:
    """Return what speaks against the stream being the one we have published to, without looking into it."""
    mark = remembered.mark
    if mark is None:
        return None
    if stream is None:
        return "the stream of events is gone"
    if remembered.made_at not in (None, stream.made_at):
        return f"the stream of events was made anew at {stream.made_at}"
    if stream.last_seq < mark.seq:
        return f"the stream of events ends at {stream.last_seq} and had {mark.seq}"
    young = remembered.mark_at is not None and now - remembered.mark_at < SURELY_KEPT
    if stream.first_seq > mark.seq and young:
        return f"the stream of events begins at {stream.first_seq} and had {mark.seq}"
    return None


class Memory:
    """One worker's memory of the stream of events. `pool` is set once the database is there."""

    pool: "asyncpg.Pool[Any]"

    def __init__(self, originals: Originals, recollection: Recollection, publisher: Publisher) -> None:
        self._originals, self._recollection, self._publisher = originals, recollection, publisher
        self._ended_at: int | None = None  # the last place that a lane remembered at a takeover, until it is looked at

    async def begin(self, conn: Conn, lane: int) -> None:
        """Begin with a lane that others had: what they remember is to be checked, whatever is published until then."""
        self._publisher.forget(lane)
        if self._ended_at is None:  # once for lanes that are taken over together
            self._ended_at = await self._recollection.latest_mark(conn)
        remembered = await self._recollection.of(conn, lane)
        if remembered.mark is not None:
            self._publisher.doubtful[lane] = replace(remembered.mark, at=remembered.mark_at)

    async def check(self, lane: int) -> None:
        """Note it if the broker has forgotten. Raises nothing: with bus or database away, the next look tells."""
        try:
            async with asyncio.timeout(CHECK_SECONDS), self.pool.acquire() as connection:
                await self._check(connection, lane)
        except Exception as error:
            log.info("whether the bus has forgotten was not to be found out", lane=lane, reason=repr(error))

    async def _check(self, conn: Any, lane: int) -> None:
        remembered = await self._recollection.of(conn, lane)
        stream = await self._originals.event_stream()
        gone = None
        for one in (remembered, *self._earlier(remembered, lane)):
            gone = gone or what_is_gone(one, stream, datetime.now(UTC)) or await self._not_there(one.mark, stream, lane)
        if gone is None and stream is not None and remembered.made_at != stream.made_at:
            await self._recollection.remember_stream(conn, lane, stream.made_at)
        if gone is not None and remembered.forgotten is None:
            await self._recollection.note_forgotten(conn, lane, gone)
        if gone is not None or remembered.forgotten is not None:
            what = gone or remembered.forgotten
            log.error("the bus has forgotten facts; `postkontor bus reconcile` states them again", lane=lane, what=what)
        await self._look_ahead(conn, lane, remembered, stream)
        self._publisher.doubtful.pop(lane, None)

    async def _look_ahead(self, conn: Any, lane: int, remembered: Remembered, stream: EventStream | None) -> None:
        if self._ended_at is not None and stream is not None:
            found = await self._originals.own_facts_from(self._ended_at + 1, LOOKED_AT_AHEAD, lane)
            known_by = [(UUID(told["id"]), UUID(told["correlationid"])) for told in map(_told, found) if told]
            unknown = await self._recollection.unknown(conn, *([one[n] for one in known_by] for n in (0, 1)))
            if unknown:
                first = next(raw for raw in found if (told := _told(raw)) and UUID(told["id"]) in unknown)
                what = f"{first.subject} at {first.stream_seq}"
                remembered = replace(remembered, ahead=what)
                await self._recollection.note_ahead(conn, lane, what)
            self._ended_at = None
        if remembered.ahead is not None:
            log.error("the bus has facts that this database does not know", lane=lane, what=remembered.ahead)

    def _earlier(self, remembered: Remembered, lane: int) -> list[Remembered]:
        """Return what was known before the connection broke: what was published since then says nothing of it."""
        mark = self._publisher.doubtful.get(lane)
        if mark is None or (remembered.mark is not None and mark.id == remembered.mark.id):
            return []
        if mark.at and remembered.reconciled_at and mark.at < remembered.reconciled_at:
            return []
        return [replace(remembered, mark=mark, mark_at=mark.at)]

    async def _not_there(self, mark: Mark | None, stream: EventStream | None, lane: int) -> str | None:
        if mark is None or stream is None or mark.seq < stream.first_seq:
            return None  # gone by its age
        found = await self._originals.own_fact_at(mark.seq, lane)
        if found is not None and f'"id":"{mark.id}"'.encode() in found.payload:
            return None
        return f"the stream of events has something else at {mark.seq}"


def _told(raw: Raw) -> dict[str, str] | None:
    """Return a fact's envelope, if it is one of ours."""
    try:
        told: dict[str, str] = json.loads(raw.payload)
        return told if {"id", "correlationid"} <= told.keys() else None
    except (ValueError, AttributeError):
        return None
