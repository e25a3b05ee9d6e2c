"""One owner's loop over one lane: take over, gather, handle a batch, publish, acknowledge.

The connection that writes is the one that holds the lane's advisory lock, so whoever loses the lock cannot commit.
Anything that goes wrong with the broker or the database ends the loop; the next owner, often the same process with a
fresh connection, takes over where the last commit left off.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg
import structlog

from services.chassis.batch import Batch
from services.chassis.caution import DEATHS_ALLOWED, Caution
from services.chassis.pump import Gap, Pump
from services.chassis.received import Raw, Tick
from services.chassis.runtime import Runtime
from services.chassis.service import Moment
from services.chassis.timers import Timers
from services.chassis.topology import LaneSpec

log = structlog.get_logger()
IDLE_SECONDS = 1.0  # between signs of life to the lock
ROLLBACKS_ALLOWED = 5  # deadlocks and the like, one after the other
CONSTRAINT_ERRORS = (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError)


class Lane:
    """The owner of one lane."""

    def __init__(self, runtime: Runtime, spec: LaneSpec, connection: "asyncpg.Connection[Any]") -> None:
        self._runtime, self.spec, self._connection = runtime, spec, connection
        self._wake = asyncio.Event()
        self._leaving = False
        self._pump = Pump(runtime.nats, spec.stream, spec.consumer, 2 * runtime.settings.batch_size, self._wake.set)
        self._timers = Timers(runtime.service, runtime.journal, spec.number, runtime.clock, self._wake.set)
        self._seq = self._published = self._settled = 0
        self._reconnects = runtime.nats.stats["reconnects"]
        self._caution = Caution(runtime.journal, spec.number, runtime.connections_name, runtime.settings.batch_size)
        self.batches = self.messages = 0

    async def run(self) -> None:
        """Work until `leave`, then let go in good order. Raises when broker or database fail."""
        try:
            await self._take_over()
            while not self._leaving:
                await self._turn()
            await self._let_go()
        finally:
            await self._timers.stop()
            await self._pump.stop()

    def leave(self) -> None:
        """Finish the batch in hand and stop."""
        self._leaving = True
        self._wake.set()

    def nudge(self) -> None:
        """Look around now instead of at the next idle turn."""
        self._wake.set()

    # --- beginning and end -------------------------------------------------------------------------------------

    async def _take_over(self) -> None:
        journal, lane = self._runtime.journal, self.spec.number
        self._published, self._seq, clean = await journal.open_lane(self._connection, lane)
        pending = await journal.pending(self._connection, lane)
        await self._runtime.publisher.publish(pending)
        self._published = self._seq
        if not clean:
            await self._caution.begin(self._connection)
        await self._timers.start(self._connection, first_lane=lane == 0)
        await self._pump.reset(self._loop_time())
        log.info("lane taken over", lane=lane, clean=clean, published_again=len(pending))

    async def _let_go(self) -> None:
        await self._runtime.journal.close_lane(self._connection, self.spec.number, self._published)
        log.info("lane let go", lane=self.spec.number)

    # --- a turn --------------------------------------------------------------------------------------------------

    async def _turn(self) -> None:
        if self._runtime.nats.stats["reconnects"] != self._reconnects:
            self._reconnects = self._runtime.nats.stats["reconnects"]
            await self._pump.reset(self._loop_time())
        await self._pump.ask(self._loop_time())
        await self._wait()
        await self._timers.collect(self._connection)
        most_raws, most_ticks = self._caution.limits(len(self._pump), len(self._timers))
        try:
            raws = self._pump.take(most_raws)
        except Gap as gap:
            log.info("messages are missing, the consumer begins again", reason=str(gap))
            await self._pump.reset(self._loop_time())
            return
        ticks = self._timers.take(most_ticks)
        if raws or ticks:
            await self._pump.ask(self._loop_time())
            await self._take_in_hand(raws, ticks)

    async def _wait(self) -> None:
        if len(self._pump) or len(self._timers) or self._pump.ended:
            return
        self._wake.clear()
        try:
            async with asyncio.timeout(self._timers.seconds_left(IDLE_SECONDS)):
                await self._wake.wait()
        except TimeoutError:
            await self._idle()

    async def _idle(self) -> None:
        journal, lane = self._runtime.journal, self.spec.number
        self._timers.next_due = await journal.next_due(self._connection, lane)
        if self._settled < self._published:
            await journal.settle(self._connection, lane, self._published)
            self._settled = self._published
        await self._pump.check()

    # --- a batch -------------------------------------------------------------------------------------------------

    async def _take_in_hand(self, raws: Sequence[Raw], ticks: Sequence[Tick]) -> None:
        if not self._caution.active:
            await self._handle(raws, ticks)
            return
        together = self._caution.harmless(raws or ticks)
        self._pump.give_back(raws[together:])
        self._timers.give_back(ticks[together:])
        async with self._runtime.suspicion:
            await self._handle_carefully(raws[:together], ticks[:together])

    async def _handle_carefully(self, raws: Sequence[Raw], ticks: Sequence[Tick]) -> None:
        batch = raws or ticks
        if self._caution.is_killer(batch[0]):
            await self._handle((), (), killer=batch[0])
        else:
            await self._caution.note(self._connection, batch)
            await self._handle(raws, ticks)
        await self._caution.acquit(self._connection, batch)

    async def _handle(self, raws: Sequence[Raw], ticks: Sequence[Tick], *, killer: Raw | Tick | None = None) -> None:
        try:
            batch = await self._commit(raws, ticks, killer)
        except CONSTRAINT_ERRORS as error:
            if len(raws) + len(ticks) > 1:
                await self._handle_singly(raws, ticks)
                return
            batch = await self._set_aside(raws, ticks, error)
        self._seq = batch.next_seq
        await self._runtime.publisher.publish(batch.entries.outgoing)
        self._published = self._seq
        await self._answer_and_acknowledge(batch, [*raws, killer] if isinstance(killer, Raw) else raws)
        for timing in batch.entries.timings:
            self._timers.sooner(getattr(timing, "due_at", self._runtime.clock()))
        if ticks or isinstance(killer, Tick):
            self._timers.sooner(self._runtime.clock())
        self.batches += 1
        self.messages += len(raws) + len(ticks)

    async def _commit(self, raws: Sequence[Raw], ticks: Sequence[Tick], killer: Raw | Tick | None = None) -> Batch:
        runtime = self._runtime
        for attempt in range(1, ROLLBACKS_ALLOWED + 1):
            batch = Batch(runtime.service, runtime.journal, Moment(runtime.clock()), self._seq)
            if killer is not None:
                batch.set_aside(killer, "kills_the_worker", f"the process died {DEATHS_ALLOWED} times with it in hand")
            try:
                async with self._connection.transaction():
                    await batch.run(self._connection, self.spec.number, self._published, raws, ticks)
            except asyncpg.TransactionRollbackError as error:
                if attempt == ROLLBACKS_ALLOWED:
                    raise
                log.info("the transaction was rolled back and begins again", reason=str(error), attempt=attempt)
            else:
                self._settled = self._published
                return batch
        raise AssertionError("unreachable")

    async def _handle_singly(self, raws: Sequence[Raw], ticks: Sequence[Tick]) -> None:
        for raw in raws:
            await self._handle((raw,), ())
        for tick in ticks:
            await self._handle((), (tick,))

    async def _set_aside(self, raws: Sequence[Raw], ticks: Sequence[Tick], error: Exception) -> Batch:
        """Bury the one message whose rows the database refuses. Once more first: another lane may have been faster."""
        try:
            return await self._commit(raws, ticks)
        except CONSTRAINT_ERRORS:
            pass
        runtime = self._runtime
        batch = Batch(runtime.service, runtime.journal, Moment(runtime.clock()), self._seq)
        detail = (
            f"the database refuses what it leads to: {type(error).__name__}: {getattr(error, 'constraint_name', '')}"
        )
        for message in [*raws, *ticks]:
            batch.set_aside(message, "rows_refused", detail)
        async with self._connection.transaction():
            await batch.run(self._connection, self.spec.number, self._published, (), ())
        return batch

    async def _answer_and_acknowledge(self, batch: Batch, raws: Sequence[Raw]) -> None:
        publisher, connection = self._runtime.publisher, self._runtime.nats
        for message in batch.entries.outgoing:
            if message.reply_subject is not None:
                await publisher.answer(message.reply_subject, message.payload)
        for subject, payload in batch.answers:
            await publisher.answer(subject, payload)
        for raw in raws:
            await connection.publish(raw.reply, b"+ACK")

    @staticmethod
    def _loop_time() -> float:
        return asyncio.get_running_loop().time()
