"""What a running worker has at hand."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import asyncpg
import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

from services.chassis.journal import Journal
from services.chassis.memory import Memory
from services.chassis.meter import Meter
from services.chassis.publisher import Publisher
from services.chassis.service import Service
from services.chassis.settings import Settings
from services.chassis.topology import DEFAULT_PARTITIONS, LaneSpec, lanes
from services.chassis.tracing import Tracing

log = structlog.get_logger()
PACE_SECONDS = 60
SERVED_AT_ONCE = 256  # questions of other processes in hand; what comes on top gets no answer


def utc_now() -> datetime:
    """Return the time. The only clock that decisions ever see."""
    return datetime.now(UTC)


@dataclass
class Pace:
    """How much was handled, in all and lately."""

    started_at: datetime = field(default_factory=utc_now)
    handled: int = 0
    last_at: datetime | None = None
    _lately: deque[tuple[float, int]] = field(default_factory=deque)  # by whole seconds

    def count(self, messages: int, at: datetime) -> None:
        """Count a batch."""
        second = at.timestamp() // 1
        self.handled, self.last_at = self.handled + messages, at
        if self._lately and self._lately[-1][0] == second:
            messages += self._lately.pop()[1]
        self._lately.append((second, messages))
        self._forget(at)

    def per_second(self, at: datetime) -> float:
        """Return the pace of the last minute, or since the start."""
        self._forget(at)
        seconds = min(PACE_SECONDS, max(1.0, (at - self.started_at).total_seconds()))
        return sum(count for _, count in self._lately) / seconds

    def _forget(self, at: datetime) -> None:
        while self._lately and self._lately[0][0] < at.timestamp() - PACE_SECONDS:
            self._lately.popleft()


@dataclass
class Runtime:
    """Connections, settings and the clock of one process. `replica` tells it from the other replicas."""

    service: Service
    settings: Settings
    replica: str
    nats: Client
    pool: "asyncpg.Pool[Any]"
    journal: Journal
    publisher: Publisher
    memory: Memory
    clock: Callable[[], datetime] = utc_now
    tracing: Tracing | None = None
    partitions: int = DEFAULT_PARTITIONS  # that the lanes stand in, once they were looked for
    meter: Meter = field(init=False)
    pace: Pace = field(default_factory=Pace)
    _serving: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.meter = Meter(self.service)

    async def ask(self, subject: str, question: bytes, *, seconds: float) -> bytes | None:
        """Ask the processes that serve `subject`, core NATS; None when none answers in time, for whatever reason."""
        try:
            return (await self.nats.request(subject, question, timeout=seconds)).data
        except (nats.errors.Error, TimeoutError, OSError):
            return None

    async def serve(self, subject: str, answer: Callable[[bytes], Awaitable[bytes | None]]) -> None:
        """Answer what other processes ask under `subject`, until the process ends; of several servers one answers.

        Questions are answered side by side. None is no answer, and neither is one that fails.
        """

        async def heard(message: Msg) -> None:
            if len(self._serving) < SERVED_AT_ONCE:
                task = asyncio.create_task(_answer(message, answer))
                self._serving.add(task)
                task.add_done_callback(self._serving.discard)

        await self.nats.subscribe(subject, queue=subject, cb=heard)
        await self.nats.flush()

    async def stop_serving(self) -> None:
        """End the answers under way; who asked takes silence for what it is."""
        tasks = list(self._serving)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def newest_event(self) -> int:
        """Return the number of the newest fact in the event stream."""
        return (await self.nats.jetstream().stream_info(self._events.stream)).state.last_seq

    async def events_handled(self, up_to: int) -> bool:
        """Return whether every fact up to a number was handled by this service, or no fact waits at all."""
        lane = self._events
        info = await self.nats.jetstream().consumer_info(lane.stream, lane.consumer)
        floor = info.ack_floor.stream_seq if info.ack_floor else 0
        return floor >= up_to or not (info.num_pending or info.num_ack_pending)

    @property
    def _events(self) -> LaneSpec:
        return lanes(self.service.name, self.partitions)[-1]

    @property
    def connections_name(self) -> str:
        """Return the application_name of the sessions that own lanes or look for some: they make it a replica."""
        return f"{replica_prefix(self.service.name)}{self.replica}"

    @property
    def queries_name(self) -> str:
        """Return the application_name of the sessions that only read."""
        return f"postkontor-queries/{self.service.name}/{self.replica}"


def replica_prefix(service: str) -> str:
    """Return what the application_name of every replica of a service begins with."""
    return f"postkontor/{service}/"


async def _answer(message: Msg, answer: Callable[[bytes], Awaitable[bytes | None]]) -> None:
    try:
        said = await answer(message.data)
        if said is not None and message.reply:
            await message.respond(said)
    except Exception:
        log.exception("a question of another process could not be answered", subject=message.subject)
