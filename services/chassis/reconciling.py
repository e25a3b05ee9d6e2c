"""Stating again what the stream of events has lost: compared with the event log, published with the same ids.

Who has seen a fact already knows it by its id and revision. Each worker does this for its own facts, by the operator's
request: it needs no right that it has not.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import structlog

from contracts import operations_v1 as operations
from services.chassis.book import Book
from services.chassis.entries import Outgoing
from services.chassis.fates import At, Done, Fate, HandedOver, Say
from services.chassis.originals import OnTheBus, Originals
from services.chassis.publisher import Publisher
from services.chassis.received import Received, Tick
from services.chassis.recollection import Recollection
from services.chassis.service import Handler, Moment, TimerHandler

log = structlog.get_logger()
RECONCILE = "reconcile-events"  # the wake-up that does it
FIRST_LANE = 0
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Compared:
    """What came of comparing the stream with the log."""

    surviving: int
    missing: int
    restated: int
    unknown: int
    strangers: tuple[OnTheBus, ...]


class Reconciler:
    """Compares one worker's log with the stream of events. `pool` is set once the database is there."""

    pool: "asyncpg.Pool[Any]"

    def __init__(self, originals: Originals, recollection: Recollection, publisher: Publisher) -> None:
        self._originals, self._recollection, self._publisher = originals, recollection, publisher
        self._one_at_a_time = asyncio.Lock()

    async def reconcile(self, tick: Tick) -> Compared:
        """Compare the stream with the log, and publish what it lacks. Dying on the way loses nothing: begun anew."""
        since = datetime.fromisoformat(tick.payload["since"]) if tick.payload["since"] else EARLIEST
        async with self._one_at_a_time, self.pool.acquire() as connection:
            stream = await self._originals.event_stream()
            if stream is None:
                raise ConnectionError("there is no stream of events: postkontor bus apply")
            published = await self._recollection.published(connection)
            surviving = await self._take_stock(connection, since)
            missing = restated = 0
            again = f".{tick.key[-8:]}"
            async for page in self._recollection.missing(connection, published, since):
                missing += len(page)
                if not tick.payload["dry_run"]:
                    await self._publisher.publish([_once_more(row, again) for row in page])
                    restated += len(page)
            unknown, strangers = await self._recollection.strangers(connection, operations.MAX_STRANGERS)
            if not tick.payload["dry_run"] and since == EARLIEST:
                marks, self._publisher.restated = self._publisher.restated, {}
                await self._recollection.reconciled(connection, stream.made_at, marks, datetime.now(UTC))
        log.info(
            "the stream of events was compared with the log", surviving=surviving, missing=missing, unknown=unknown
        )
        return Compared(surviving, missing, restated, unknown, tuple(strangers))

    async def _take_stock(self, conn: Any, since: datetime) -> int:
        await self._recollection.clear_survivors(conn)
        surviving = 0
        async for ids in self._originals.own_fact_ids(since, FIRST_LANE):
            await self._recollection.note_survivors(conn, ids)
            surviving += len(ids)
        return surviving


def _once_more(row: Outgoing, again: str) -> Outgoing:
    return Outgoing(row.lane, row.seq, row.message_id, row.subject, row.key, row.payload, again=again)


# --- the request ----------------------------------------------------------------------------------------------------


def handlers(service: str) -> dict[tuple[str, str], Handler]:
    """Return the decision on the request, by the kind and type of message."""
    return {("cmd", f"{service}.reconcile-events.v1"): Handler(_nothing_needed, _begin)}


def timers(service: str, reconciler: Reconciler) -> dict[str, TimerHandler]:
    """Return the wake-up that does it, in the service's first lane."""

    def decide(tick: Tick, _: Book, __: Moment) -> Fate:
        found: Compared = tick.observation
        request_id = UUID(tick.key)
        fact = operations.RECONCILED[service](
            request_id=request_id,
            surviving=found.surviving,
            missing=found.missing,
            restated=found.restated,
            unknown=found.unknown,
            strangers=tuple(
                operations.Stranger(id=one.id, subject=one.subject, stream_seq=one.stream_seq)
                for one in found.strangers
            ),
        )
        return Done(says=(Say(fact, key=tick.key, request_id=request_id),))

    return {RECONCILE: TimerHandler(_nothing_needed, decide, reconciler.reconcile)}


def _begin(message: Received[Any], _: Book, moment: Moment) -> Fate:
    ask = message.data
    payload = {"since": ask.since and ask.since.isoformat(), "dry_run": ask.dry_run}
    key = str(message.request_id)
    wake_up = At(RECONCILE, key, moment.now, message.account, payload, urgent=True, lane=FIRST_LANE)
    return HandedOver(orders=(), timings=(wake_up,))


def _nothing_needed(_: Any) -> tuple[()]:
    return ()
