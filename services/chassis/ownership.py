"""Which replica owns which lane. There is no coordinator: advisory locks decide, and replicas count each other.

Every replica wants its fair share. Who has less takes a free lane; who has more lets one go. A dead replica's sessions
end, and with them its locks. A replica that cannot reach the bus ends its sessions itself: it does not count then, and
others take its lanes.
"""

import asyncio
import random
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import asyncpg
import structlog

from services.chassis import database, metrics
from services.chassis.following import Follower
from services.chassis.lane import Lane
from services.chassis.owner import Owner
from services.chassis.runtime import Runtime, replica_prefix
from services.chassis.topology import EVENT_LANE, LaneSpec, lanes

log = structlog.get_logger()
LOOK_SECONDS = 0.25  # a dead owner's lane is noticed within about this time
LOOK_DEADLINE_SECONDS = 10.0  # a database that does not answer must not look like a loop that does not turn
LONGEST_PAUSE_SECONDS = 5.0
BUS_AWAY_SECONDS = 3.0  # longer than a restart of the broker takes
GIVE_UP_SECONDS = 1.0

# How many lanes each replica has.
REPLICAS = """
    SELECT a.application_name AS replica, count(l.objid) AS lanes FROM pg_stat_activity AS a
    LEFT JOIN pg_locks AS l ON l.pid = a.pid AND l.locktype = 'advisory' AND l.classid = $2 AND l.granted
    WHERE a.datname = current_database() AND starts_with(a.application_name, $1) GROUP BY 1"""
# Other databases of the server have locks of their own.
HELD_LANES = """
    SELECT objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND classid = $1 AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""


def lock_class(service: str) -> int:
    """Return the first half of a lane's lock, which names the service; the second half is the lane's number."""
    return crc32(f"postkontor.{service}".encode()) & 0x7FFFFFFF


def share(replica: str, held: Mapping[str, int], lanes: int) -> int:
    """Return how many lanes a replica shall have now, when these replicas hold so many.

    Lanes divided by replicas, rounded up; but while somebody has less than that rounded down, nobody takes more than
    that, and the richest gives one away. Otherwise five lanes could be two, two, one and none.
    """
    least, most = lanes // len(held), -(-lanes // len(held))
    mine = held[replica]
    if min(held.values()) >= least or mine > most:
        return most
    is_richest = replica == max(held, key=lambda name: (held[name], name))
    return mine - 1 if is_richest and mine > least else max(mine, least)


@dataclass(frozen=True, slots=True)
class _Working:
    owner: Owner
    connection: "asyncpg.Connection[Any]"
    task: "asyncio.Task[None]"


class Ownership:
    """Takes and lets go of lanes until stopped."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._specs = lanes(runtime.service.name, runtime.partitions)
        self._class = lock_class(runtime.service.name)
        self._follower = Follower(runtime, self._class)
        self._working: _Working | None = None
        self._scout: asyncpg.Connection[Any] | None = None
        self._stopping = asyncio.Event()
        self._bus_seen_at = self.last_look = asyncio.get_running_loop().time()

    @property
    def owned(self) -> list[int]:
        """Return the numbers of the lanes owned now."""
        return sorted(self._working.owner.lanes) if self._working else []

    @property
    def specs(self) -> list[LaneSpec]:
        """Return all lanes of the service."""
        return self._specs

    def oldest_ns(self) -> dict[int, int]:
        """Return by owned lane when the broker got the oldest message in hand; 0 for none."""
        return self._working.owner.oldest_ns() if self._working else {}

    @property
    def lanes(self) -> list[Lane]:
        """Return the lanes owned now."""
        return sorted(self._working.owner.lanes.values(), key=lambda lane: lane.number) if self._working else []

    async def run(self) -> None:
        """Look for lanes until `stop`; outages of the database only slow this down."""
        pause = LOOK_SECONDS
        try:
            while not self._stopping.is_set():
                pause = LOOK_SECONDS if await self._looked() else min(2 * pause, LONGEST_PAUSE_SECONDS)
                self.last_look = asyncio.get_running_loop().time()
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause * random.uniform(0.8, 1.2)):  # noqa: S311 - spreads replicas
                        await self._stopping.wait()
        finally:
            self._drop_scout()

    async def stop(self, seconds: float) -> None:
        """Let the owner finish its batch and let go of its lanes, for so long at most."""
        self._stopping.set()
        await self._follower.stop()
        if self._working is not None:
            task = self._working.task
            self._working.owner.leave()
            await asyncio.wait([task], timeout=seconds)
            if not task.done():
                log.warning("not everything was finished in time; nothing is lost, another owner takes it up")
                self._give_up_lanes()
                await asyncio.wait([task], timeout=GIVE_UP_SECONDS)
        self._drop_scout()

    def nudge(self) -> None:
        """Make the owner look around, as after a reconnection."""
        if self._working is not None:
            self._working.owner.nudge()

    async def _looked(self) -> bool:
        now = asyncio.get_running_loop().time()
        if self._runtime.nats.is_connected:
            self._bus_seen_at = now
        elif now - self._bus_seen_at > BUS_AWAY_SECONDS:
            self._give_up_lanes()
        try:
            if self._runtime.nats.is_connected:
                async with asyncio.timeout(LOOK_DEADLINE_SECONDS):
                    await self._look()
        except Exception as error:
            log.warning("looking for lanes failed", reason=repr(error))
            self._drop_scout()
            return False
        return True

    async def _look(self) -> None:
        scout = await self._scout_connection()
        owner = await self._owner()
        if await self._is_leaving(scout, owner):
            return
        rows = await scout.fetch(REPLICAS, replica_prefix(self._runtime.service.name), self._class)
        held = {row["replica"]: row["lanes"] for row in rows} | {self._runtime.connections_name: len(owner.lanes)}
        missing = share(self._runtime.connections_name, held, len(self._specs)) - len(owner.lanes)
        owner.offer(await self._free(scout, missing) if missing > 0 else ())
        if missing < 0:
            owner.let_go(max(owner.lanes))

    async def _is_leaving(self, scout: "asyncpg.Connection[Any]", owner: Owner) -> bool:
        """Follow the bus to another number of partitions; say whether lanes are let go of for that."""
        stands = await self._follower.look(scout)
        if stands.partitions != self._runtime.partitions:
            owner.offer(())
            self._runtime.partitions = stands.partitions
            self._specs = lanes(self._runtime.service.name, stands.partitions)
        if stands.leaving:
            owner.offer(())
            for number in owner.lanes.keys() - {EVENT_LANE}:
                owner.let_go(number)
        return stands.leaving

    async def _free(self, scout: "asyncpg.Connection[Any]", most: int) -> list[LaneSpec]:
        held = {row[0] for row in await scout.fetch(HELD_LANES, self._class)}
        free = [spec for spec in self._specs if spec.number not in held]
        return random.sample(free, min(most, len(free)))

    async def _owner(self) -> Owner:
        if self._working is None:
            connection = await database.connect(self._runtime.settings, name=self._runtime.connections_name)
            owner = Owner(self._runtime, self._class, connection)
            if self._stopping.is_set():
                owner.leave()
            task = asyncio.create_task(self._work(owner, connection), name="owner")
            self._working = _Working(owner, connection, task)
        return self._working.owner

    async def _work(self, owner: Owner, connection: "asyncpg.Connection[Any]") -> None:
        try:
            await owner.run()
            await connection.close(timeout=5)
        except Exception as error:
            # Whatever went wrong with broker or database: a fresh connection takes over from the last commit.
            for number in owner.lanes:
                metrics.LOST.labels(self._runtime.service.name).inc()
                log.warning("lane lost", lane=number, reason=f"{type(error).__name__}: {error}")
            await asyncio.sleep(LOOK_SECONDS)
        finally:
            connection.terminate()
            self._working = None

    def _give_up_lanes(self) -> None:
        # An owner that waits for the bus to publish cannot leave; the next one publishes what it has committed.
        if self._working is not None:
            self._working.connection.terminate()  # first: a cancelled transaction would ask a silent database
            self._working.task.cancel()
        self._drop_scout()

    async def _scout_connection(self) -> "asyncpg.Connection[Any]":
        if self._scout is None or self._scout.is_closed():
            self._scout = await database.connect(self._runtime.settings, name=self._runtime.connections_name)
        return self._scout

    def _drop_scout(self) -> None:
        if self._scout is not None:
            self._scout.terminate()
            self._scout = None
