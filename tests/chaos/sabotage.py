"""Carries out what faults.py has planned, and puts everything right again: a fault ends with nothing held down."""

import asyncio
import contextlib
import random
import signal
import time
from collections.abc import AsyncIterator
from uuid import uuid4

from nats.aio.client import Client
from nats.js import JetStreamContext

from deploy.devstack.nats import NatsServer
from deploy.devstack.processes import WorkerProcess
from tests.cable import Cable
from tests.chaos.cluster import NatsCluster
from tests.chaos.faults import Fault
from tests.chaos.stand import ChaosStack, lanes_of

TAKEN_OVER_SECONDS = 10.0
REPEATED = 200  # messages of each stream, half of them recent
AT_ONCE = 20
DELAY_SECONDS = 0.15
SILENT_SECONDS = 3.0
CABLE_SECONDS = 3.0
ACCEPTED_SECONDS = 5.0


class Sabotage:
    """The hand that does it. `client` is an admin's connection, to read what lies in the streams and store it again."""

    def __init__(self, stack: ChaosStack, client: Client) -> None:
        self._stack, self._client = stack, client
        self.repeated = 0

    async def commit(self, fault: Fault) -> None:
        """Do it, and put it right."""
        await getattr(self, f"_{fault.kind.replace(' ', '_')}")(fault)

    # --- workers --------------------------------------------------------------------------------------------------

    async def _kill_a_worker(self, fault: Fault) -> None:
        async with self._away(self._victim(fault)):
            await asyncio.sleep(fault.seconds)

    async def _kill_both_replicas(self, fault: Fault) -> None:
        first, second = self._stack.workers(fault.service)
        async with self._away(first), self._away(second):
            await asyncio.sleep(fault.seconds / 4)

    async def _restart_a_worker(self, fault: Fault) -> None:
        victim = self._victim(fault)
        with self._held_down(victim):
            await victim.stop(deadline_seconds=30)
        # Whoever keeps the workers alive starts it again.

    async def _freeze_a_worker(self, fault: Fault) -> None:
        victim = self._victim(fault)
        victim.signal(signal.SIGSTOP)
        await asyncio.sleep(fault.seconds)
        victim.signal(signal.SIGCONT)

    async def _zombie(self, fault: Fault) -> None:
        """Freeze a worker, let the other one take its lanes, and wake it: it must not know better."""
        victim = self._victim(fault)
        victim.signal(signal.SIGSTOP)
        try:
            await self._stack.cut_off(victim)
            await self._all_owned(fault.service)
            await asyncio.sleep(fault.seconds / 4)
        finally:
            victim.signal(signal.SIGCONT)

    async def _all_owned(self, service: str) -> None:
        deadline = time.monotonic() + TAKEN_OVER_SECONDS
        while time.monotonic() < deadline and await self._stack.owned_lanes(service) < lanes_of(service):
            await asyncio.sleep(0.05)

    # --- servers --------------------------------------------------------------------------------------------------

    async def _kill_the_bus(self, fault: Fault) -> None:
        await self._without(self._stack.nats, fault.seconds / 2)

    async def _kill_a_node(self, fault: Fault) -> None:
        await self._without(self._nodes()[fault.pick % 3], fault.seconds)

    async def _kill_the_leader(self, fault: Fault) -> None:
        cluster = self._stack.nats
        assert isinstance(cluster, NatsCluster)
        leader = await asyncio.to_thread(cluster.leader_of, ("CMD", "EVT")[fault.pick % 2])
        await self._without(leader or self._nodes()[fault.pick % 3], fault.seconds)

    async def _kill_two_nodes(self, fault: Fault) -> None:
        """Nobody can store anything until one of them is back."""
        first, second = random.Random(fault.pick).sample(self._nodes(), 2)
        await asyncio.gather(first.kill(), second.kill())
        await asyncio.sleep(fault.seconds)
        await asyncio.gather(first.start(), second.start())

    async def _without(self, server: NatsServer, seconds: float) -> None:
        await server.kill()
        await asyncio.sleep(seconds)
        await server.start()

    def _nodes(self) -> list[NatsServer]:
        return self._stack.servers

    async def _kill_the_database(self, fault: Fault) -> None:
        await self._stack.postgres.kill()
        await asyncio.sleep(fault.seconds / 4)
        await self._stack.postgres.start()

    async def _stop_the_database_at_once(self, fault: Fault) -> None:
        await self._stack.postgres.stop_at_once()
        await asyncio.sleep(fault.seconds / 4)
        await self._stack.postgres.start()

    # --- cables ---------------------------------------------------------------------------------------------------

    async def _cut_the_bus(self, fault: Fault) -> None:
        await asyncio.gather(*(self._pulled(cable, fault.seconds) for cable in self._stack.bus_cables[fault.service]))

    async def _cut_the_database(self, fault: Fault) -> None:
        await self._pulled(self._stack.database_cables[fault.service], fault.seconds / 2)

    async def _pulled(self, cable: Cable, seconds: float) -> None:
        await cable.pull_out()
        await asyncio.sleep(seconds)
        await cable.plug_in()

    async def _delay_the_bus(self, fault: Fault) -> None:
        await self._slowly(self._stack.bus_cables[fault.service])

    async def _delay_the_database(self, fault: Fault) -> None:
        await self._slowly([self._stack.database_cables[fault.service]])

    async def _slowly(self, cables: list[Cable]) -> None:
        for cable in cables:
            cable.delay_seconds = DELAY_SECONDS
        await asyncio.sleep(CABLE_SECONDS)
        for cable in cables:
            cable.delay_seconds = 0.0

    async def _silence_the_bus(self, fault: Fault) -> None:
        await self._silently(self._stack.bus_cables[fault.service])

    async def _silence_the_database(self, fault: Fault) -> None:
        await self._silently([self._stack.database_cables[fault.service]])

    async def _silently(self, cables: list[Cable]) -> None:
        for cable in cables:
            cable.fall_silent()
        await asyncio.sleep(SILENT_SECONDS)
        for cable in cables:
            cable.speak()

    # --- messages -------------------------------------------------------------------------------------------------

    async def _repeat_messages(self, fault: Fault) -> None:
        """Store old messages again in any order, each under a `Nats-Msg-Id` that the bus has never seen."""
        rng = random.Random(fault.pick)
        context = self._client.jetstream(timeout=ACCEPTED_SECONDS)
        for stream in ("CMD", "EVT"):
            state = (await context.stream_info(stream)).state
            newest = range(max(state.first_seq, state.last_seq - 300), state.last_seq + 1)
            anywhere = range(state.first_seq, state.last_seq + 1)
            chosen = {*rng.sample(newest, min(REPEATED // 2, len(newest)))}
            chosen |= {*rng.sample(anywhere, min(REPEATED // 2, len(anywhere)))}
            places = sorted(chosen)
            rng.shuffle(places)
            for at in range(0, len(places), AT_ONCE):
                await asyncio.gather(*(self._repeat(context, stream, place) for place in places[at : at + AT_ONCE]))

    async def _repeat(self, context: JetStreamContext, stream: str, place: int) -> None:
        message = await context.get_msg(stream, place, direct=True)
        # CMD has stored the number of partitions and the partition behind the subject's five words.
        subject = ".".join(str(message.subject).split(".")[:5])
        await context.publish(subject, message.data or b"", headers={"Nats-Msg-Id": str(uuid4())})
        self.repeated += 1

    # --- two at once ----------------------------------------------------------------------------------------------

    async def _bus_and_worker(self, fault: Fault) -> None:
        await asyncio.gather(self._kill_the_bus(fault), self._kill_a_worker(fault))

    async def _database_and_worker(self, fault: Fault) -> None:
        await asyncio.gather(self._kill_the_database(fault), self._kill_a_worker(fault))

    # --- whom -----------------------------------------------------------------------------------------------------

    def _victim(self, fault: Fault) -> WorkerProcess:
        return self._stack.workers(fault.service)[fault.replica]

    @contextlib.contextmanager
    def _held_down(self, worker: WorkerProcess):
        self._stack.down.add(worker.name)
        try:
            yield
        finally:
            self._stack.down.discard(worker.name)

    @contextlib.asynccontextmanager
    async def _away(self, worker: WorkerProcess) -> AsyncIterator[None]:
        with self._held_down(worker):
            await worker.kill()
            yield
