"""The stack that is disturbed: two replicas of every worker, the first of each behind cables, all kept alive."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import asyncpg
import nats
from nats.aio.client import Client

from contracts.messages import SERVICES
from deploy.bus.permissions import Identity
from deploy.devstack.nats import NatsServer
from deploy.devstack.processes import WorkerProcess
from deploy.devstack.stack import Stack
from services.chassis.ownership import lock_class
from services.chassis.topology import lanes
from tests.cable import Cable
from tests.chaos.cluster import NatsCluster

FORGETFUL = Path(__file__).with_name("forgetful_worker.py")
SUBSCRIBERS = ("always", "offline")
MIRROR = Identity("mirror", "subscriber", durables=SUBSCRIBERS)
CABLED = 1  # the replica behind cables; the other one is connected directly
WATCH_SECONDS = 0.2
DATABASE_SECONDS = 5.0


class ChaosStack(Stack):
    """A stack whose workers can be disturbed one by one. `inbox` off is the negative control."""

    def __init__(self, directory: Path, *, cluster: bool = False, inbox: bool = True) -> None:
        super().__init__(directory, replicas=2)
        self._cluster, self._inbox = cluster, inbox
        self.bus_cables: dict[str, list[Cable]] = {}
        self.database_cables: dict[str, Cable] = {}
        self.down: set[str] = set()  # workers that are to stay away for a moment
        self.ended_by_themselves: list[str] = []

    @property
    def servers(self) -> list[NatsServer]:
        """The servers of the bus."""
        return self.nats.nodes if isinstance(self.nats, NatsCluster) else [self.nats]

    async def start_servers(self) -> None:
        await super().start_servers()
        for service in SERVICES:
            self.bus_cables[service] = [Cable(server.port) for server in self.servers]
            self.database_cables[service] = Cable(self.postgres.port)
            for cable in (*self.bus_cables[service], self.database_cables[service]):
                await cable.plug_in()

    def new_bus(self) -> NatsServer:
        """Return one server, or a cluster that behaves like one."""
        return NatsCluster(self.directory / "nats", authorization=self._allowed) if self._cluster else super().new_bus()

    @property
    def stream_replicas(self) -> int:
        return 3 if self._cluster else 1

    def _worker(self, service: str, number: int) -> WorkerProcess:
        worker = super()._worker(service, number)
        if number == CABLED:
            cables = ",".join(f"nats://127.0.0.1:{cable.port}" for cable in self.bus_cables[service])
            database = worker.env["POSTKONTOR_DATABASE_URL"]
            far, near = f":{self.postgres.port}/", f":{self.database_cables[service].port}/"
            worker.env |= {"POSTKONTOR_NATS_URL": cables, "POSTKONTOR_DATABASE_URL": database.replace(far, near)}
        if not self._inbox:
            worker.argv = (sys.executable, str(FORGETFUL), service)
            worker.env |= {"CHAOS_INBOX": "off", "PYTHONPATH": os.pathsep.join(sys.path)}
        return worker

    def all_workers(self) -> list[WorkerProcess]:
        """Return every replica of every service."""
        return [worker for service in SERVICES for worker in self.workers(service)]

    async def keep_alive(self) -> None:
        """Start again whatever is not running and not kept away, as a supervisor in production would; until cancelled.

        A worker that ended although nobody killed it is noted.
        """
        while True:
            for worker in self.all_workers():
                if not worker.alive and worker.name not in self.down:
                    if worker.returncode not in (0, -signal.SIGKILL, -signal.SIGTERM):
                        self.ended_by_themselves.append(f"{worker.name} with {worker.returncode}")
                    worker.launch()
            await asyncio.sleep(WATCH_SECONDS)

    async def client(self) -> Client:
        """Return an admin's connection to the bus."""

        async def silent(error: Exception) -> None:
            """The errors are our own work."""

        return await nats.connect(
            **self.access("admin").for_nats(), max_reconnect_attempts=-1, reconnect_time_wait=0.2, error_cb=silent
        )

    @asynccontextmanager
    async def database(self) -> AsyncIterator[asyncpg.Connection]:
        """Open a superuser's connection to the database."""
        connection = await asyncpg.connect(self.postgres.dsn(), timeout=DATABASE_SECONDS)
        try:
            yield connection
        finally:
            with suppress(Exception):
                await connection.close(timeout=DATABASE_SECONDS)

    async def owned_lanes(self, service: str) -> int:
        """Return how many of a service's lanes somebody owns."""
        async with self.database() as connection:
            return await connection.fetchval(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = $1",
                lock_class(service),
            )

    async def cut_off(self, worker: WorkerProcess) -> None:
        """End a worker's sessions in the database, and with them its locks."""
        name = f"postkontor/{worker.name.rpartition('-')[0]}/{_replica(worker)}"
        async with self.database() as connection:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1", name
            )


def lanes_of(service: str) -> int:
    """Return how many lanes a service has."""
    return len(lanes(service, 4))


def _replica(worker: WorkerProcess) -> str:
    started = [line for line in worker.log_path.read_text().splitlines() if '"worker started"' in line]
    return json.loads(started[-1])["replica"] if started else "none"
