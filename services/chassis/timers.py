"""Work with a due time: which of a lane's timers are ready, and looking at the world for those that need it.

A timer is a row that its lane wakes. Those with an `observe` are looked at outside any transaction, many at a time;
the observation then goes through a batch like a message. Dying in between loses nothing: the row is still due.

Room is shared, because an observation may hang: accounts take turns, none may hold more of it than is left free, and
timers that somebody waits for (`At.urgent`) and the others each leave a part to the other kind. While the event loop is
busy, hardly any of the others begin. So whatever hangs, and however much is due, a timer that somebody waits for
begins at once and is not slowed down by the others.
"""

import asyncio
import itertools
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from contracts.ids import derived
from services.chassis.backlog import Backlog, DueTimer, Name, Place
from services.chassis.book import Conn
from services.chassis.fates import At, Timing
from services.chassis.logs import HANDLED
from services.chassis.received import Tick
from services.chassis.service import Service
from services.chassis.timetable import Timetable
from services.chassis.tracing import Tracing, traced_look

log = structlog.get_logger()
AT_ONCE = 512  # under way in one lane: observations, and what was seen until its batch is written
AT_ONCE_OF_A_KIND = AT_ONCE * 3 // 4  # urgent or not
BUSY_SECONDS = 0.05  # of one turn of the event loop: then it is the processor that is short, not places
BEGUN_WHEN_BUSY = 4
PAGE = 512  # rows read at a time
RETRY_SECONDS = 30  # after an observation that failed by a bug or an outage of ours
LOOK_AGAIN = timedelta(seconds=1)
BEGIN_AGAIN = timedelta(seconds=5)  # reading from the earliest row: finds what was held back, or set by others
EARLIEST = Place(datetime(1, 1, 1, tzinfo=UTC))
_TICKS = UUID("0b0e5a4e-58a2-4c39-8c39-6d5b0d6f2f6e")


@dataclass(slots=True)
class _Kind:
    """Timers that somebody waits for, or the others: how far they were read, and which wait."""

    urgent: bool
    read_to: Place = EARLIEST
    began_at: datetime = EARLIEST.due_at
    has_more: bool = True  # rows after `read_to` that are due
    backlog: Backlog = field(default_factory=Backlog)
    under_way: int = 0

    def wants_rows(self) -> bool:
        """Say whether rows can be taken in that are known to be due."""
        return self.backlog.has_room and (self.has_more or bool(self.backlog.wanting()[0]))


class Timers:
    """The timers of one lane, as its owner sees them."""

    def __init__(
        self,
        service: Service,
        timetable: Timetable,
        lane: int,
        clock: Callable[[], datetime],
        wake: Callable[[], None],
        tracing: Tracing | None = None,
    ) -> None:
        self._service, self._timetable, self._lane = service, timetable, lane
        self._tracing = tracing
        self._clock, self._wake = clock, wake
        self._ready_urgent: deque[Tick] = deque()
        self._ready: deque[Tick] = deque()
        self._running: dict[Name, asyncio.Task[None]] = {}
        self._in_hand: dict[Name, Tick] = {}  # from their beginning until their batch is written
        self._held: Counter[str] = Counter()  # of these, by account
        self._again: dict[Name, tuple[_Kind, DueTimer]] = {}  # due anew while in hand
        self._hurried: set[Name] = set()  # in hand, and since then somebody waits
        self._held_back: dict[Name, datetime] = {}
        self._kinds = (_Kind(urgent=True), _Kind(urgent=False))
        self._loop_seconds = 0.0  # that one turn of the event loop took lately
        self.next_due: datetime | None = None

    async def start(self, conn: Conn, *, first_lane: bool) -> None:
        """Read the next due time; the service's first lane also keeps its recurring timers."""
        if first_lane:
            for kind in self._service.recurring:
                await self._timetable.recur(conn, self._lane, kind, self._clock())
        self.next_due = (await self._timetable.next_due(conn, [self._lane]))[self._lane]

    def written(self, timing: Timing) -> None:
        """Hear of a timer that a batch has set or cancelled: what was read of it before is out of date."""
        name = (timing.kind, timing.key)
        self._again.pop(name, None)
        if isinstance(timing, At) and timing.urgent and name in self._in_hand:
            self._hurry(name)
        for kind in self._kinds:
            kind.backlog.discard(name)
            if isinstance(timing, At) and timing.urgent == kind.urgent and timing.due_at <= kind.read_to.due_at:
                kind.read_to, kind.has_more = Place(timing.due_at), True
        if isinstance(timing, At) and (self.next_due is None or timing.due_at < self.next_due):
            self.next_due = timing.due_at

    def handled(self, tick: Tick) -> None:
        """Hear that a wake-up's batch is written; it must be told of the batch's timers first."""
        self._let_go(tick)
        if (tick.kind, tick.key) in self._again:
            kind, timer = self._again.pop((tick.kind, tick.key))
            kind.backlog.offer(timer)

    def seconds_left(self, longest: float) -> float:
        """Return how long nothing will be due, in seconds."""
        if len(self):
            return 0.0
        if self.next_due is None or len(self._in_hand) >= AT_ONCE:
            return longest
        return min(longest, max(0.0, (self.next_due - self._clock()).total_seconds()))

    async def collect(self, conn: Conn) -> None:
        """Start what is due and has room."""
        loop, now = asyncio.get_running_loop(), self._clock()
        loop.call_soon(self._measure, time.perf_counter())
        if self.next_due is not None and self.next_due <= now:
            await self._look(conn, now)
        for kind in self._kinds:
            self._begin_what_may(kind)
            while kind.wants_rows() and self._room(kind) > 0 and not self._is_busy(kind):
                await self._read(conn, kind, now)
                self._begin_what_may(kind)

    def take(self, limit: int) -> list[Tick]:
        """Return wake-ups that are ready for a batch, those first that somebody waits for."""
        urgent = self.take_urgent(limit)
        return urgent + _take_from(self._ready, limit - len(urgent))

    def take_urgent(self, limit: int) -> list[Tick]:
        """Return wake-ups that are ready for a batch and that somebody waits for."""
        return _take_from(self._ready_urgent, limit)

    def give_back(self, ticks: Sequence[Tick]) -> None:
        """Put wake-ups that were taken back to the front."""
        for tick in reversed(ticks):
            self._queue_of(tick).appendleft(tick)

    def __len__(self) -> int:
        return len(self._ready_urgent) + len(self._ready)

    async def stop(self) -> None:
        """End observations under way; their rows stay due."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- what is due -----------------------------------------------------------------------------------------------

    async def _look(self, conn: Conn, now: datetime) -> None:
        """Read on where reading ended; from the earliest row on now and then."""
        self._held_back = {name: until for name, until in self._held_back.items() if until > now}
        for kind in self._kinds:
            if not kind.has_more and kind.began_at + BEGIN_AGAIN <= now:
                kind.read_to, kind.began_at = EARLIEST, now
            kind.has_more = True
            if kind.wants_rows():
                await self._read(conn, kind, now)
        if any(kind.has_more for kind in self._kinds):
            self.next_due = now + LOOK_AGAIN  # there is no room now; who makes some reads on
        else:
            places = [kind.read_to for kind in self._kinds]
            self.next_due = await self._timetable.next_after(conn, self._lane, *places)

    async def _read(self, conn: Conn, kind: _Kind, now: datetime) -> None:
        """Take in rows: of accounts that are not waiting yet first."""
        backlog = kind.backlog
        if kind.has_more:
            page = await self._timetable.due(conn, self._lane, kind.urgent, now, kind.read_to, backlog.left, PAGE)
            for timer in page:
                if timer.name not in self._held_back and not self._is_in_hand(timer):
                    backlog.offer(timer)
            kind.read_to = page[-1].place if page else kind.read_to
            kind.has_more = len(page) == PAGE
        wanting, most = backlog.wanting()
        if wanting:
            rows = await self._timetable.due_of(conn, self._lane, kind.urgent, now, wanting, most)
            backlog.refill(wanting, rows, most)

    def _is_in_hand(self, timer: DueTimer) -> bool:
        tick = self._in_hand.get(timer.name)
        return tick is not None and tick.due_at == timer.due_at

    # --- room ------------------------------------------------------------------------------------------------------

    def _measure(self, since: float) -> None:
        self._loop_seconds = time.perf_counter() - since

    def _is_busy(self, kind: _Kind) -> bool:
        return not kind.urgent and self._loop_seconds > BUSY_SECONDS

    def _room(self, kind: _Kind) -> int:
        return min(AT_ONCE - len(self._in_hand), AT_ONCE_OF_A_KIND - kind.under_way)

    def _begin_what_may(self, kind: _Kind) -> None:
        most = BEGUN_WHEN_BUSY if self._is_busy(kind) else AT_ONCE
        if self._room(kind) <= 0:
            return
        may_begin = kind.backlog.take(lambda account: self._held[account] < self._room(kind))
        for timer in itertools.islice(may_begin, most):
            if timer.name in self._held_back:
                continue
            if timer.name not in self._in_hand:
                self._begin(timer, kind)
            elif not self._is_in_hand(timer):
                self._again[timer.name] = kind, timer  # after the one in hand, unless that sets it anew

    def _begin(self, timer: DueTimer, kind: _Kind) -> None:
        tick = Tick(
            id=derived(_TICKS, f"{timer.kind}/{timer.key}/{timer.due_at.isoformat()}"),
            account=timer.account,
            kind=timer.kind,
            key=timer.key,
            due_at=timer.due_at,
            started_at=self._clock(),
            payload=timer.payload,
            lane=self._lane,
            urgent=kind.urgent,
            traceparent=timer.traceparent,
        )
        self._in_hand[timer.name] = tick
        self._held[timer.account] += 1
        kind.under_way += 1
        handler = self._service.timers.get(timer.kind)
        if handler is None or handler.observe is None:
            self._queue_of(tick).append(tick)
            return
        self._running[timer.name] = asyncio.create_task(self._observe(tick, handler.observe))

    def _let_go(self, tick: Tick) -> None:
        if self._in_hand.pop((tick.kind, tick.key), None) is None:
            return
        self._hurried.discard((tick.kind, tick.key))
        self._kind_of(tick).under_way -= 1
        self._held[tick.account] -= 1
        if not self._held[tick.account]:
            del self._held[tick.account]

    def _hurry(self, name: Name) -> None:
        """Let the one in hand be handled before others: who waits, waits for the next, which cannot begin before."""
        self._hurried.add(name)
        tick = next((tick for tick in self._ready if (tick.kind, tick.key) == name), None)
        if tick is not None:
            self._ready.remove(tick)
            self._ready_urgent.append(tick)

    def _queue_of(self, tick: Tick) -> deque[Tick]:
        return self._ready_urgent if tick.urgent or (tick.kind, tick.key) in self._hurried else self._ready

    def _kind_of(self, tick: Tick) -> _Kind:
        return next(kind for kind in self._kinds if kind.urgent == tick.urgent)

    async def _observe(self, tick: Tick, observe: Callable[[Tick], Any]) -> None:
        name, trace = (tick.kind, tick.key), tick.traceparent
        HANDLED.set(lambda: {"message_id": str(tick.id), "account": tick.account, "message_type": tick.kind})
        try:
            if self._tracing is None:
                seen = await observe(tick)
            else:
                seen, trace = await traced_look(self._tracing, tick.kind, trace, lambda: observe(tick))
        except Exception:
            log.exception("an observation failed and will be tried again", kind=tick.kind, seconds=RETRY_SECONDS)
            self._held_back[name] = self._clock() + timedelta(seconds=RETRY_SECONDS)
            self._let_go(tick)
        else:
            self._held_back.pop(name, None)
            self._queue_of(tick).append(replace(tick, observation=seen, traceparent=trace))
        finally:
            self._running.pop(name, None)
            self._wake()


def _take_from(ready: deque[Tick], limit: int) -> list[Tick]:
    return [ready.popleft() for _ in range(min(limit, len(ready)))]
