"""How this replica is: asked on the bus, answered by every replica, also while the database is away."""

import asyncio
from datetime import datetime, timedelta

import structlog
from nats.aio.msg import Msg

from contracts.messages import REGISTRY
from contracts.operations_v1 import DueState, LaneState, StatusAnswer, StoredState
from services.chassis import migrations
from services.chassis.book import Conn
from services.chassis.lane import Lane
from services.chassis.measures import Measures
from services.chassis.ownership import REPLICAS, Ownership, lock_class
from services.chassis.runtime import Runtime, replica_prefix
from services.chassis.version import VERSION

log = structlog.get_logger()
DATABASE_SECONDS = 1.5  # who asks does not wait much longer


class Status:
    """Answers `status`. Not as a micro service: of these only one replica would answer."""

    def __init__(self, runtime: Runtime, ownership: Ownership) -> None:
        self._runtime, self._ownership = runtime, ownership
        self._measures = Measures(runtime, ownership)
        self._answers: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """Answer until the connection ends."""
        message = REGISTRY.find("qry", f"{self._runtime.service.name}.status.v1")
        assert message is not None, "every worker says how it is"
        await self._runtime.nats.subscribe(message.subject("*"), cb=self._asked)

    async def answer(self) -> StatusAnswer:
        """Return how this replica is."""
        runtime, now = self._runtime, self._runtime.clock()
        stored, trouble = await self._stored()
        return StatusAnswer(
            service=runtime.service.name,
            replica=runtime.replica,
            version=VERSION,
            started_at=runtime.pace.started_at,
            at=now,
            lanes=await self._lanes(now),
            handled=runtime.pace.handled,
            per_second=round(runtime.pace.per_second(now), 1),
            last_batch_at=runtime.pace.last_at,
            reconnects=runtime.nats.stats["reconnects"],
            stored=stored,
            trouble=trouble,
        )

    async def _asked(self, message: Msg) -> None:
        # Beside: what the database takes its time for holds up no other message of this connection.
        task = asyncio.create_task(self._respond(message))
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)

    async def _respond(self, message: Msg) -> None:
        try:
            await message.respond((await self.answer()).model_dump_json().encode())
        except Exception:
            log.exception("the status could not be told")

    async def _stored(self) -> tuple[StoredState | None, str | None]:
        try:
            async with asyncio.timeout(DATABASE_SECONDS), self._runtime.pool.acquire() as connection:
                return await self._read(connection), None
        except Exception as error:
            return None, type(error).__name__

    async def _read(self, conn: Conn) -> StoredState:
        service = self._runtime.service.name
        stored = await self._measures.stored(conn)
        return StoredState(
            replicas=len(await conn.fetch(REPLICAS, replica_prefix(service), lock_class(service))),
            missing_migrations=tuple(await migrations.missing(conn, service)),
            schema_version=await migrations.latest(conn, service),
            unpublished=stored.unpublished,
            oldest_unpublished_at=stored.oldest_unpublished_at,
            due=tuple(DueState(kind=due.kind, count=due.count, oldest_at=due.oldest_at) for due in stored.due),
            dead_letters=stored.dead_letters,
            suspects=stored.suspects,
            forgotten=stored.forgotten,
            ahead=stored.ahead,
        )

    async def _lanes(self, now: datetime) -> tuple[LaneState, ...]:
        oldest, pending = self._measures.oldest_seconds(), await self._measures.pending()
        return tuple(
            _lane_state(lane, pending.get(lane.number), oldest.get(lane.number), now) for lane in self._ownership.lanes
        )


def _lane_state(lane: Lane, pending: int | None, oldest_seconds: float | None, now: datetime) -> LaneState:
    return LaneState(
        number=lane.number,
        stream=lane.spec.stream,
        consumer=lane.spec.consumer,
        since=lane.since,
        waiting=len(lane.pump) if pending is None else pending,
        oldest_at=now - timedelta(seconds=oldest_seconds) if oldest_seconds else None,
        careful=lane.caution.active,
    )
