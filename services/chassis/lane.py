"""One lane in hand: its numbers, what waits in it, and how carefully that is taken.

What waits for the broker because of this lane alone, beginning its consumer again or asking after it, is an errand
beside the work of the other lanes: a consumer that is gone holds up nobody else.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import structlog

from services.chassis import metrics
from services.chassis.book import Conn
from services.chassis.caution import Caution
from services.chassis.pump import Gap, Pump
from services.chassis.received import Raw, Tick
from services.chassis.runtime import Runtime
from services.chassis.timers import Timers
from services.chassis.topology import LaneSpec

log = structlog.get_logger()


class Lane:
    """A lane whose lock is held. `wake` is called whenever there is something to do in it.

    `seq` is the last number used, `published` the last one published, `settled` the last one noted as such.
    """

    def __init__(self, runtime: Runtime, spec: LaneSpec, wake: Callable[[], None]) -> None:
        self._runtime, self.spec, self._wake = runtime, spec, wake
        self.number = spec.number
        self.pump = Pump(runtime.nats, spec, 2 * runtime.settings.batch_size, wake)
        self.timers = Timers(
            runtime.service, runtime.journal.timetable, spec.number, runtime.clock, wake, tracing=runtime.tracing
        )
        self.caution = Caution(runtime.journal, spec.number, runtime.connections_name, runtime.settings.batch_size)
        self.seq = self.published = self.settled = 0
        self.since = runtime.clock()
        self._errand: asyncio.Task[None] | None = None
        self._resetting = False
        self._reconnects = self._delivered = 0

    async def take_over(self, conn: Conn) -> None:
        """Publish what the predecessor had committed, then let the messages come."""
        journal = self._runtime.journal
        await self._runtime.memory.begin(conn, self.number)
        self.published, self.seq, clean = await journal.open_lane(conn, self.number)
        pending = await journal.pending(conn, self.number)
        await self._runtime.publisher.publish(pending)
        self.settled, self.published = self.published, self.seq
        if not clean:
            await self.caution.begin(conn)
        await self.timers.start(conn, first_lane=self.number == 0)
        self._begin_again("taken_over")
        metrics.TAKEN_OVER.labels(self._runtime.service.name, str(clean).lower()).inc()
        log.info("lane taken over", lane=self.number, clean=clean, published_again=len(pending))

    async def stop(self) -> None:
        """Take nothing any more. What waited here will come again to the next owner."""
        if self._errand is not None:
            self._errand.cancel()
            await asyncio.gather(self._errand, return_exceptions=True)
        await self.timers.stop()
        await self.pump.stop()

    def look(self) -> None:
        """Begin again if messages went elsewhere. Raises when the broker does not give the lane's messages."""
        if self._errand is not None and self._errand.done():
            errand, self._errand = self._errand, None
            errand.result()
        if self._runtime.nats.stats["reconnects"] != self._reconnects:
            self._begin_again("reconnected")
        elif not self._resetting:
            try:
                self.pump.look()
            except Gap as gap:
                log.info("messages are missing, the consumer begins again", reason=str(gap))
                self._begin_again("gap")

    def check_if_quiet(self) -> None:
        """If nothing has come since the last time, find out beside everything else whether it went elsewhere."""
        quiet, self._delivered = self._delivered == self.pump.delivered, self.pump.delivered
        if quiet and self._errand is None:
            self._send_on(self.pump.check())

    @property
    def waiting(self) -> int:
        """Return how many messages or wake-ups can be taken in hand, whichever are more."""
        return 0 if self._resetting else max(len(self.pump), len(self.timers))

    @property
    def wants_attention(self) -> bool:
        """Say whether there is something to do now."""
        return self.waiting > 0 or (self.pump.ended and not self._resetting)

    def seconds_left(self, longest: float) -> float:
        """Return how long no wake-up will be due, in seconds."""
        return longest if self._resetting else self.timers.seconds_left(longest)

    async def ask(self) -> None:
        """Keep a pull open."""
        if not self._resetting:
            await self.pump.ask(_loop_time())

    def take(self, most_raws: int, most_ticks: int) -> tuple[list[Raw], list[Tick]]:
        """Return messages and wake-ups that are taken in hand now, in order."""
        return self.pump.take(most_raws), self.timers.take(most_ticks)

    def take_urgent(self, most: int) -> tuple[list[Raw], list[Tick]]:
        """Return of those what somebody waits for."""
        return self.pump.take(most), self.timers.take_urgent(most)

    def take_carefully(self) -> tuple[list[Raw], list[Tick]]:
        """Return what may be taken in hand together under suspicion: messages or wake-ups, never both."""
        raws, ticks = self.take(*self.caution.limits(len(self.pump), len(self.timers)))
        together = self.caution.harmless(raws or ticks)
        self.pump.give_back(raws[together:])
        self.timers.give_back(ticks[together:])
        return raws[:together], ticks[:together]

    def _begin_again(self, reason: str) -> None:
        metrics.RESETS.labels(self._runtime.service.name, reason).inc()
        self._resetting = True
        self._reconnects = self._runtime.nats.stats["reconnects"]
        self._send_on(self._reset())

    def look_back(self) -> None:
        """Look beside everything else whether the broker still has what it acknowledged."""
        if self._errand is None:
            self._send_on(self._runtime.memory.check(self.number))

    async def _reset(self) -> None:
        await self.pump.reset(_loop_time())
        self._resetting = False
        self._wake()
        await self._runtime.memory.check(self.number)

    def _send_on(self, errand: Coroutine[Any, Any, None]) -> None:
        if self._errand is not None:
            self._errand.cancel()
        self._errand = asyncio.create_task(errand, name=f"errand-{self.spec.consumer}")
        self._errand.add_done_callback(lambda _: self._wake())


def shares(lanes: Sequence[Lane], room: int) -> list[tuple[Lane, int]]:
    """Divide the room of one batch fairly: what a lane does not need is left to the others."""
    divided: list[tuple[Lane, int]] = []
    fewest_first = sorted(lanes[:room], key=lambda lane: lane.waiting)
    for position, lane in enumerate(fewest_first):
        share = min(lane.waiting, room // (len(fewest_first) - position))
        room -= share
        divided.append((lane, share))
    return divided


def _loop_time() -> float:
    return asyncio.get_running_loop().time()
