"""Work with a due time: which of a lane's timers are ready, and looking at the world for those that need it.

A timer is a row that its lane wakes. Those with an `observe` are looked at outside any transaction, many at a time;
the observation then goes through a batch like a message. Dying in between loses nothing: the row is still due.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from contracts.ids import derived
from services.chassis.book import Conn
from services.chassis.journal import DueTimer, Journal
from services.chassis.received import Tick
from services.chassis.service import Service

log = structlog.get_logger()
AT_ONCE = 256  # observations under way in one lane
RETRY_SECONDS = 30  # after an observation that failed by a bug or an outage of ours
LOOK_AGAIN = timedelta(seconds=1)
_TICKS = UUID("0b0e5a4e-58a2-4c39-8c39-6d5b0d6f2f6e")


class Timers:
    """The timers of one lane, as its owner sees them."""

    def __init__(
        self, service: Service, journal: Journal, lane: int, clock: Callable[[], datetime], wake: Callable[[], None]
    ) -> None:
        self._service, self._journal, self._lane = service, journal, lane
        self._clock, self._wake = clock, wake
        self._ready: deque[Tick] = deque()
        self._running: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._held_back: dict[tuple[str, str], datetime] = {}
        self.next_due: datetime | None = None

    async def start(self, conn: Conn, *, first_lane: bool) -> None:
        """Read the next due time; the service's first lane also keeps its recurring timers."""
        if first_lane:
            for kind in self._service.recurring:
                await self._journal.recur(conn, self._lane, kind, self._clock())
        self.next_due = (await self._journal.next_due(conn, [self._lane]))[self._lane]

    def sooner(self, due_at: datetime) -> None:
        """Hear of a timer that was just written."""
        if self.next_due is None or due_at < self.next_due:
            self.next_due = due_at

    def seconds_left(self, longest: float) -> float:
        """Return how long nothing will be due, in seconds."""
        if self._ready:
            return 0.0
        if self.next_due is None or len(self._running) >= AT_ONCE:
            return longest
        return min(longest, max(0.0, (self.next_due - self._clock()).total_seconds()))

    async def collect(self, conn: Conn) -> None:
        """Start what is due."""
        now = self._clock()
        if self.next_due is None or self.next_due > now or len(self._running) >= AT_ONCE:
            return
        # Rows under way stay due until their batch commits, and so do those held back: look past them.
        self._held_back = {name: until for name, until in self._held_back.items() if until > now}
        passed = len(self._running) + len(self._ready) + len(self._held_back)
        due = await self._journal.due(conn, self._lane, now, AT_ONCE + passed)
        waiting = {(tick.kind, tick.key) for tick in self._ready}
        for timer in due:
            name = (timer.kind, timer.key)
            if name not in self._running and name not in waiting and name not in self._held_back:
                self._begin(timer, now)
        upcoming = (await self._journal.next_due(conn, [self._lane]))[self._lane]
        self.next_due = None if upcoming is None else max(upcoming, now + LOOK_AGAIN)

    def take(self, limit: int) -> list[Tick]:
        """Return wake-ups that are ready for a batch."""
        return [self._ready.popleft() for _ in range(min(limit, len(self._ready)))]

    def give_back(self, ticks: Sequence[Tick]) -> None:
        """Put wake-ups that were taken back to the front."""
        self._ready.extendleft(reversed(ticks))

    def __len__(self) -> int:
        return len(self._ready)

    async def stop(self) -> None:
        """End observations under way; their rows stay due."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, timer: DueTimer, now: datetime) -> None:
        tick = Tick(
            id=derived(_TICKS, f"{timer.kind}/{timer.key}/{timer.due_at.isoformat()}"),
            account=timer.account,
            kind=timer.kind,
            key=timer.key,
            due_at=timer.due_at,
            started_at=now,
            payload=timer.payload,
            lane=self._lane,
        )
        handler = self._service.timers.get(timer.kind)
        if handler is None or handler.observe is None:
            self._ready.append(tick)
            return
        self._running[tick.kind, tick.key] = asyncio.create_task(self._observe(tick, handler.observe))

    async def _observe(self, tick: Tick, observe: Callable[[Tick], Any]) -> None:
        name = (tick.kind, tick.key)
        try:
            seen = await observe(tick)
        except Exception:
            log.exception("an observation failed and will be tried again", kind=tick.kind, seconds=RETRY_SECONDS)
            self._held_back[name] = self._clock() + timedelta(seconds=RETRY_SECONDS)
        else:
            self._held_back.pop(name, None)
            self._ready.append(replace(tick, observation=seen))
        finally:
            self._running.pop(name, None)
            self._wake()
