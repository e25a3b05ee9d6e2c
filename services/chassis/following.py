"""How a service follows the bus to another number of partitions, while it runs.

The bus stamps every request with the number that held when it came. As soon as it stamps another one, nothing new comes
to the lanes that a service has. Its owners work on until these are empty, then let go of them; one replica takes all
their locks, publishes what was left to publish, moves the timers to their accounts' new lanes, and notes the new
number. From then on every replica looks for lanes of that number. So each account's requests keep their order, at
every station, and publishers notice nothing but a wait.

Whoever dies in between leaves something that can be begun again. An owner reads the number once more when it has a
lane's lock, so nobody works on lanes of a number that is past.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import structlog

from services.chassis import database
from services.chassis.book import Conn
from services.chassis.entries import Published
from services.chassis.runtime import Runtime
from services.chassis.topology import EVENT_LANE, LaneSpec, lanes, partition, partitions_of

log = structlog.get_logger()
ASK_SECONDS = 2.0  # between looks at the stream's configuration; while something is to be followed, at every look
BUS_SECONDS = 3.0
PAGE = 5000  # timers moved in one transaction

STANDING = "SELECT partitions FROM {schema}.standing"
SETTLE = "INSERT INTO {schema}.standing (partitions) VALUES ($1) ON CONFLICT (one) DO NOTHING"
TRY_LOCK = "SELECT pg_try_advisory_lock($1, $2)"
TIMERS = """
    SELECT kind, key, account, lane FROM {schema}.timer WHERE (kind, key) > ($1, $2) ORDER BY kind, key LIMIT $3"""
# A timer that another lane has set anew meanwhile stays there.
MOVE = """
    UPDATE {schema}.timer AS t SET lane = m.after
    FROM unnest($1::text[], $2::text[], $3::smallint[], $4::smallint[]) AS m (kind, key, before, after)
    WHERE t.kind = m.kind AND t.key = m.key AND t.lane = m.before"""
# A dead letter is taken up again in its account's lane.
LETTERS = "SELECT DISTINCT account, lane FROM {schema}.dead_letter WHERE resolved_at IS NULL"
MOVE_LETTERS = """
    UPDATE {schema}.dead_letter AS d SET lane = m.after
    FROM unnest($1::text[], $2::smallint[], $3::smallint[]) AS m (account, before, after)
    WHERE d.account = m.account AND d.lane = m.before AND d.resolved_at IS NULL"""
# A wake-up that kills may now be due in any lane: all of them know it, and begin carefully.
SUSPECT_EVERYWHERE = """
    WITH suspected AS (
        INSERT INTO {schema}.suspect (lane, first, messages, deaths, holder, noted_at)
        SELECT n, s.first, s.messages, s.deaths, s.holder, s.noted_at
        FROM generate_series(0, $1::integer - 1) AS n CROSS JOIN {schema}.suspect AS s WHERE s.lane < $2
        ON CONFLICT (lane, first) DO NOTHING
    )
    INSERT INTO {schema}.lane (lane, clean)
    SELECT n, false FROM generate_series(0, $1::integer - 1) AS n
    WHERE EXISTS (SELECT FROM {schema}.suspect WHERE lane < $2)
    ON CONFLICT (lane) DO UPDATE SET clean = false"""
STAND = "UPDATE {schema}.standing SET partitions = $1"


@dataclass(frozen=True, slots=True)
class Standing:
    """The number of partitions that a service's lanes stand in, and whether it is about to leave them for others."""

    partitions: int
    leaving: bool


@dataclass(frozen=True, slots=True)
class Move:
    """A timer's way from one lane to another."""

    kind: str
    key: str
    before: int
    after: int


def new_lane(account: str, lane: int, before: int, after: int) -> int:
    """Return the lane of a timer when there is another number of partitions.

    Where this was done in part, doing it again leaves every timer in a lane that there is, and accounts' in their own.
    Most timers wait in their account's lane and follow it. The house's own may wait in any lane of requests, and stay
    if that is still there. Facts have their lane whatever the number.
    """
    if lane >= EVENT_LANE:
        return lane
    if account and lane == partition(account, before):
        return partition(account, after)
    return lane % after


class Follower:
    """Looks which number of partitions holds, for one replica."""

    def __init__(self, runtime: Runtime, lock_class: int) -> None:
        self._runtime, self._lock_class = runtime, lock_class
        self._service = runtime.service.name
        self._stands: int | None = None
        self._wanted: int | None = None
        self._ask_at = 0.0
        self._moving: asyncio.Task[None] | None = None

    async def look(self, conn: Conn) -> Standing:
        """Return what holds now. Raises when neither the database nor the bus says a number."""
        stands = await standing(conn, self._service) or await self._settle_in(conn)
        if stands != self._stands or self._wanted not in (None, stands) or _loop_time() >= self._ask_at:
            self._wanted, self._ask_at = await self._on_the_bus(), _loop_time() + ASK_SECONDS
        self._stands = stands
        if self._wanted in (None, stands) or not await self._is_empty(stands):
            return Standing(stands, leaving=False)
        if self._moving is None or self._moving.done():
            self._moving = asyncio.create_task(self._try_to_move(stands, self._wanted), name="moving")
        return Standing(stands, leaving=True)

    async def stop(self) -> None:
        """End a move under way; the next replica takes it up."""
        if self._moving is not None:
            self._moving.cancel()
            await asyncio.gather(self._moving, return_exceptions=True)

    # --- what the bus says -----------------------------------------------------------------------------------------

    async def _settle_in(self, conn: Conn) -> int:
        """Let a new schema stand where the bus stands."""
        number = await self._on_the_bus()
        if number is None:
            raise ConnectionError("the bus does not say how many partitions there are")
        await conn.execute(SETTLE.format(schema=self._service), number)
        return await standing(conn, self._service) or number

    async def _on_the_bus(self) -> int | None:
        try:
            info = await self._runtime.nats.jetstream(timeout=BUS_SECONDS).stream_info("CMD")
        except Exception as error:
            log.info("the bus does not say how many partitions there are", reason=repr(error))
            return None
        return partitions_of(info.config)

    async def _is_empty(self, number: int) -> bool:
        """Say whether nothing is left in the lanes of requests of this number."""
        return not any(await asyncio.gather(*(self._pending(spec) for spec in _of_requests(self._service, number))))

    async def _pending(self, spec: LaneSpec) -> int:
        context = self._runtime.nats.jetstream(timeout=BUS_SECONDS)
        info = await context.consumer_info(spec.stream, spec.consumer)
        return (info.num_pending or 0) + (info.num_ack_pending or 0)

    # --- moving ----------------------------------------------------------------------------------------------------

    async def _try_to_move(self, before: int, after: int) -> None:
        try:
            connection = await database.connect(self._runtime.settings, name=self._runtime.queries_name)
        except Exception as error:
            log.warning("timers could not be moved", reason=repr(error))
            return
        try:
            # Ascending, so that of several replicas one gets them all. The connection's end gives them back.
            for number in range(max(before, after)):
                if not await connection.fetchval(TRY_LOCK, self._lock_class, number):
                    return
            if await self._may_move(connection, before, after):
                await self._move(connection, before, after)
        except Exception as error:
            log.warning("timers could not be moved", reason=repr(error))
        finally:
            connection.terminate()

    async def _may_move(self, conn: Conn, before: int, after: int) -> bool:
        """Look once more, now that nobody can take a lane: others may have been faster."""
        if await standing(conn, self._service) != before or await self._on_the_bus() != after:
            return False
        await asyncio.gather(*(self._pending(spec) for spec in _of_requests(self._service, after)))  # are they there?
        return await self._is_empty(before)

    async def _move(self, connection: "asyncpg.Connection[Any]", before: int, after: int) -> None:
        journal, schema = self._runtime.journal, self._service
        for number in range(max(before, after)):
            pending = await journal.pending(connection, number)
            await self._runtime.publisher.publish(pending)
            if pending:
                published = Published(pending[-1].seq, self._runtime.publisher.fresh.get(number))
                await journal.settle(connection, {number: published})
        moved = await move_timers(connection, schema, before, after)
        await move_letters(connection, schema, before, after)
        async with connection.transaction():
            await connection.execute(SUSPECT_EVERYWHERE.format(schema=schema), after, EVENT_LANE)
            await connection.execute(STAND.format(schema=schema), after)
        log.info("lanes follow the bus to another number of partitions", before=before, partitions=after, timers=moved)


async def standing(conn: Conn, schema: str) -> int | None:
    """Return the number of partitions that a schema's lanes stand in; None for a new schema."""
    return await conn.fetchval(STANDING.format(schema=schema))


async def move_timers(conn: Conn, schema: str, before: int, after: int) -> int:
    """Give every timer the lane that it has with another number of partitions, a page at a time; return how many."""
    moved, place = 0, ("", "")
    while rows := await conn.fetch(TIMERS.format(schema=schema), *place, PAGE):
        place = rows[-1]["kind"], rows[-1]["key"]
        moves = _moves(rows, before, after)
        if moves:
            await conn.execute(MOVE.format(schema=schema), *_columns(moves))
            moved += len(moves)
    return moved


async def move_letters(conn: Conn, schema: str, before: int, after: int) -> None:
    """Give every open dead letter the lane that its account has with another number of partitions."""
    rows = [(row["account"], row["lane"]) for row in await conn.fetch(LETTERS.format(schema=schema))]
    moves = [(account, lane, new_lane(account, lane, before, after)) for account, lane in rows]
    await conn.execute(MOVE_LETTERS.format(schema=schema), *([move[column] for move in moves] for column in range(3)))


def _moves(rows: Iterable[Any], before: int, after: int) -> list[Move]:
    moves: list[Move] = []
    for row in rows:
        lane = new_lane(row["account"], row["lane"], before, after)
        if lane != row["lane"]:
            moves.append(Move(row["kind"], row["key"], row["lane"], lane))
    return moves


def _columns(moves: Sequence[Move]) -> list[list[Any]]:
    return [[getattr(move, name) for move in moves] for name in ("kind", "key", "before", "after")]


def _of_requests(service: str, partitions: int) -> list[LaneSpec]:
    return [spec for spec in lanes(service, partitions) if spec.number != EVENT_LANE]


def _loop_time() -> float:
    return asyncio.get_running_loop().time()
