"""The owner's loop over all lanes that this process holds: gather, handle a batch, publish, acknowledge.

One connection holds every lane's advisory lock and writes every batch, so whoever loses it loses its lanes and cannot
commit. Lanes come and go between batches. A batch takes what waits in all of them; only a lane under suspicion is
worked on alone, in turns with the others.

An error while the connection stays whole costs the lanes in hand only. They are taken over again, carefully, so the
one with the trouble is soon alone with it. A lost connection ends the loop; the next owner, often the same process
with a fresh connection, takes over where the last commit left off.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from time import perf_counter
from typing import Any

import asyncpg
import structlog

from services.chassis import metrics
from services.chassis.batch import Batch
from services.chassis.caution import DEATHS_ALLOWED
from services.chassis.entries import Published
from services.chassis.fates import code_of, fate_name
from services.chassis.following import standing
from services.chassis.lane import Lane, shares
from services.chassis.logs import HANDLED
from services.chassis.received import Raw, Tick
from services.chassis.runtime import Runtime
from services.chassis.service import Moment
from services.chassis.topology import LaneSpec
from services.chassis.tracing import BatchSpans

log = structlog.get_logger()
LOOK_AROUND_SECONDS = 1.0  # also the time between signs of life to the locks
REMEMBER_SECONDS = 60.0  # between looks whether the broker still has what it acknowledged
WAKE_UPS, WAKE_UPS_BESIDE = 128, 16  # of those that nobody waits for, in one batch, alone and beside others
ROLLBACKS_ALLOWED = 5  # deadlocks and the like, one after the other
CONSTRAINT_ERRORS = (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError)
TRY_LOCK, UNLOCK = "SELECT pg_try_advisory_lock($1, $2)", "SELECT pg_advisory_unlock($1, $2)"


class Owner:
    """Works on lanes until told to leave. `lock_class` is the first half of the lanes' locks."""

    def __init__(self, runtime: Runtime, lock_class: int, connection: "asyncpg.Connection[Any]") -> None:
        self._runtime, self._lock_class, self._connection = runtime, lock_class, connection
        self._wake = asyncio.Event()
        self._leaving = False
        self._look_around_at = 0.0
        self._remember_at = _loop_time() + REMEMBER_SECONDS
        self._offered: Sequence[LaneSpec] = ()
        self._unwanted: set[int] = set()
        self._in_hand: Sequence[Raw] = ()
        self.lanes: dict[int, Lane] = {}  # who waited longest for a turn first

    async def run(self) -> None:
        """Work until `leave`, then let go in good order. Raises when the connection is lost."""
        try:
            while not self._leaving:
                self._wake.clear()
                await self._change_lanes()
                await self._turn()
            for lane in list(self.lanes.values()):
                await self._let_go(lane)
        finally:
            await asyncio.gather(*(lane.stop() for lane in self.lanes.values()), return_exceptions=True)

    def offer(self, specs: Sequence[LaneSpec]) -> None:
        """Take these lanes after the batch in hand, if nobody else holds them; no others that were offered before."""
        self._offered = specs
        if specs:
            self._wake.set()

    def let_go(self, number: int) -> None:
        """Leave a lane to others after the batch in hand."""
        self._unwanted.add(number)
        self._wake.set()

    def leave(self) -> None:
        """Finish the batch in hand, let go of every lane and stop."""
        self._leaving = True
        self._wake.set()

    def oldest_ns(self) -> dict[int, int]:
        """Return by lane when the broker got the oldest message that this owner has not acknowledged; 0 for none."""
        oldest = {number: lane.pump.oldest_ns or 0 for number, lane in self.lanes.items()}
        oldest |= {raw.lane: raw.stored_ns for raw in reversed(self._in_hand) if raw.lane in oldest}
        return oldest

    def nudge(self) -> None:
        """Look at every lane now."""
        self._wake.set()

    # --- lanes come and go ---------------------------------------------------------------------------------------

    async def _change_lanes(self) -> None:
        for number in self._unwanted & self.lanes.keys():
            await self._let_go(self.lanes[number])
        self._unwanted.clear()
        offered, self._offered = self._offered, ()
        for spec in offered:
            if spec.number not in self.lanes and await self._has_locked(spec):
                self.lanes[spec.number] = lane = Lane(self._runtime, spec, self._wake.set)
                await lane.take_over(self._connection)

    async def _has_locked(self, spec: LaneSpec) -> bool:
        """Take a lane's lock, unless the service has left the lane's number of partitions since it was offered."""
        if not await self._connection.fetchval(TRY_LOCK, self._lock_class, spec.number):
            return False
        if await standing(self._connection, self._runtime.service.name) == self._runtime.partitions:
            return True
        await self._connection.execute(UNLOCK, self._lock_class, spec.number)
        return False

    async def _let_go(self, lane: Lane) -> None:
        if lane.settled < lane.published:
            unsettled = Published(lane.published, self._runtime.publisher.fresh.get(lane.number))
            await self._runtime.journal.settle(self._connection, {lane.number: unsettled})
        await self._runtime.journal.close_lane(self._connection, lane.number, lane.published)
        await self._give_back(lane)
        log.info("lane let go", lane=lane.number)

    async def _lose(self, lane: Lane, error: Exception) -> None:
        metrics.LOST.labels(self._runtime.service.name).inc()
        log.warning("lane lost", lane=lane.number, reason=f"{type(error).__name__}: {error}")
        await self._give_back(lane)

    async def _give_back(self, lane: Lane) -> None:
        await lane.stop()
        await self._connection.execute(UNLOCK, self._lock_class, lane.number)
        del self.lanes[lane.number]

    # --- a turn --------------------------------------------------------------------------------------------------

    async def _turn(self) -> None:
        for lane in list(self.lanes.values()):
            try:
                lane.look()
            except Exception as error:
                await self._lose(lane, error)
        await self._ask()
        await self._wait()
        if _loop_time() >= self._look_around_at:
            await self._look_around()
        for lane in self.lanes.values():
            await lane.timers.collect(self._connection)
        lanes = self._whose_turn()
        if lanes:
            await self._take_in_hand(lanes)

    async def _ask(self) -> None:
        for lane in self.lanes.values():
            await lane.ask()

    async def _wait(self) -> None:
        if any(lane.wants_attention for lane in self.lanes.values()):
            return
        left = max(0.0, self._look_around_at - _loop_time())
        with suppress(TimeoutError):
            async with asyncio.timeout(min([left, *(lane.seconds_left(left) for lane in self.lanes.values())])):
                await self._wake.wait()

    async def _look_around(self) -> None:
        """Do what quiet lanes need and nothing else would do, busy as others may be."""
        self._look_around_at = _loop_time() + LOOK_AROUND_SECONDS
        due = await self._runtime.journal.timetable.next_due(self._connection, list(self.lanes))
        for lane in self.lanes.values():
            lane.timers.next_due = due[lane.number]
            lane.check_if_quiet()
        if _loop_time() >= self._remember_at:
            self._remember_at = _loop_time() + REMEMBER_SECONDS
            for lane in self.lanes.values():
                lane.look_back()
        unsettled = self._unsettled()
        if unsettled:
            await self._runtime.journal.settle(self._connection, unsettled)
            self._note_settled(unsettled)

    def _whose_turn(self) -> list[Lane]:
        """Return the lanes to take from now: one under suspicion, or all others."""
        ready = [lane for lane in self.lanes.values() if lane.waiting]
        if ready and ready[0].caution.active:
            return ready[:1]
        return [lane for lane in ready if not lane.caution.active]

    # --- a batch -------------------------------------------------------------------------------------------------

    async def _take_in_hand(self, lanes: Sequence[Lane]) -> None:
        try:
            if lanes[0].caution.active:
                await self._handle_carefully(lanes[0])
            else:
                await self._handle_together(lanes)
        except Exception as error:
            if self._connection.is_closed() or isinstance(error, OSError):  # a timeout too: what it left is unknown
                raise
            for lane in lanes:
                await self._lose(lane, error)

    async def _handle_together(self, lanes: Sequence[Lane]) -> None:
        raws: list[Raw] = []
        ticks: list[Tick] = []
        for lane, share in shares(lanes, self._runtime.settings.batch_size):
            self.lanes[lane.number] = self.lanes.pop(lane.number)
            more_raws, more_ticks = lane.take_urgent(share)
            raws += more_raws
            ticks += more_ticks
        room = WAKE_UPS_BESIDE if raws or ticks else WAKE_UPS
        for lane in lanes:
            ticks += lane.timers.take(max(1, room // len(lanes)))
        await self._ask()
        await self._handle(raws, ticks)

    async def _handle_carefully(self, lane: Lane) -> None:
        self.lanes[lane.number] = self.lanes.pop(lane.number)
        raws, ticks = lane.take_carefully()
        batch = raws or ticks
        await self._ask()
        if lane.caution.is_killer(batch[0]):
            await self._handle((), (), killer=batch[0])
        else:
            await lane.caution.note(self._connection, batch)
            await self._handle(raws, ticks)
        await lane.caution.acquit(self._connection, batch)

    async def _handle(self, raws: Sequence[Raw], ticks: Sequence[Tick], *, killer: Raw | Tick | None = None) -> None:
        self._in_hand = [*raws, killer] if isinstance(killer, Raw) else raws
        try:
            batch = await self._commit(raws, ticks, killer)
        except CONSTRAINT_ERRORS as error:
            if len(raws) + len(ticks) > 1:
                await self._handle_singly(raws, ticks)
                return
            batch = await self._set_aside(raws, ticks, error)
        for number, seq in batch.seqs.items():
            self.lanes[number].seq = seq
        await self._publish(batch)
        for number, seq in batch.seqs.items():
            self.lanes[number].published = seq
        self._runtime.pace.count(len(raws) + len(ticks) + (killer is not None), batch.moment.now)
        await self._answer_and_acknowledge(batch, self._in_hand)
        self._in_hand = ()
        self._note_timings(batch, [*ticks, killer] if isinstance(killer, Tick) else ticks)

    async def _publish(self, batch: Batch) -> None:
        began = perf_counter()
        await self._runtime.publisher.publish(batch.entries.outgoing)
        self._runtime.meter.published(perf_counter() - began)
        if batch.spans is not None:
            batch.spans.published(message.message_id for message in batch.entries.outgoing)

    async def _commit(self, raws: Sequence[Raw], ticks: Sequence[Tick], killer: Raw | Tick | None = None) -> Batch:
        for attempt in range(1, ROLLBACKS_ALLOWED + 1):
            batch = self._batch()
            if killer is not None:
                batch.set_aside(killer, "kills_the_worker", f"the process died {DEATHS_ALLOWED} times with it in hand")
            try:
                await self._write(batch, raws, ticks)
            except asyncpg.TransactionRollbackError as error:
                if attempt == ROLLBACKS_ALLOWED:
                    raise
                self._runtime.meter.rolled_back()
                log.info("the transaction was rolled back and begins again", reason=str(error), attempt=attempt)
            else:
                return batch
        raise AssertionError("unreachable")

    async def _handle_singly(self, raws: Sequence[Raw], ticks: Sequence[Tick]) -> None:
        for raw in raws:
            await self._handle((raw,), ())
        for tick in ticks:
            await self._handle((), (tick,))

    async def _set_aside(self, raws: Sequence[Raw], ticks: Sequence[Tick], error: Exception) -> Batch:
        """Bury the one message whose rows the database refuses. Once more first: others may have been faster."""
        with suppress(*CONSTRAINT_ERRORS):
            return await self._commit(raws, ticks)
        less = [replace(tick, rows_refused=True) for tick in ticks if self._can_do_less(tick)]
        with suppress(*CONSTRAINT_ERRORS):
            if less:
                return await self._commit((), less)
        batch = self._batch()
        detail = (
            f"the database refuses what it leads to: {type(error).__name__}: {getattr(error, 'constraint_name', '')}"
        )
        for message in [*raws, *ticks]:
            batch.set_aside(message, "rows_refused", detail)
        await self._write(batch, (), ())
        return batch

    def _can_do_less(self, tick: Tick) -> bool:
        handler = self._runtime.service.timers.get(tick.kind)
        return handler is not None and handler.can_do_less

    def _batch(self) -> Batch:
        runtime = self._runtime
        seqs = {number: lane.seq for number, lane in self.lanes.items()}
        spans = BatchSpans(runtime.tracing) if runtime.tracing is not None else None
        return Batch(runtime.service, runtime.journal, Moment(runtime.clock()), seqs, runtime.replica, spans=spans)

    async def _write(self, batch: Batch, raws: Sequence[Raw], ticks: Sequence[Tick]) -> None:
        published, began = self._unsettled(), perf_counter()
        try:
            async with self._connection.transaction():
                await batch.run(self._connection, published, raws, ticks)
        finally:
            HANDLED.set(None)
        self._note_settled(published)
        self._runtime.meter.committed(batch, perf_counter() - began)
        if batch.spans is not None:
            batch.spans.committed((fate_name(item.fate), code_of(item.fate)) for item in batch.items if item.fate)

    def _unsettled(self) -> dict[int, Published]:
        fresh = self._runtime.publisher.fresh
        return {
            number: Published(lane.published, fresh.get(number))
            for number, lane in self.lanes.items()
            if lane.settled < lane.published
        }

    def _note_settled(self, published: dict[int, Published]) -> None:
        for number, lane in published.items():
            self.lanes[number].settled = lane.seq
            if lane.mark is not None and self._runtime.publisher.fresh.get(number) is lane.mark:
                del self._runtime.publisher.fresh[number]

    async def _answer_and_acknowledge(self, batch: Batch, raws: Sequence[Raw]) -> None:
        publisher, connection = self._runtime.publisher, self._runtime.nats
        for message in batch.entries.outgoing:
            if message.reply_subject is not None:
                await publisher.answer(message.reply_subject, message.payload)
        for subject, payload in batch.answers:
            await publisher.answer(subject, payload)
        for raw in raws:
            await connection.publish(raw.reply, b"+ACK")

    def _note_timings(self, batch: Batch, ticks: Sequence[Tick]) -> None:
        for number, timing in batch.entries.timings:
            if number in self.lanes:  # another replica's lane looks around by itself
                self.lanes[number].timers.written(timing)
        for tick in ticks:
            self.lanes[tick.lane].timers.handled(tick)


def _loop_time() -> float:
    return asyncio.get_running_loop().time()
