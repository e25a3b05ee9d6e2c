"""The whole of Postkontor on one machine: servers, then schemas and topology, then workers; stopped in reverse."""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Iterable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from deploy.bus.configuration import authorization
from deploy.bus.permissions import Identity
from deploy.bus.register import Register, standard
from deploy.database.roles import owner_of, worker_of
from deploy.devstack.beside import BesideProcess, beside_processes, demo_seller, policy_address
from deploy.devstack.lock import DirectoryLock, is_locked
from deploy.devstack.nats import NatsServer
from deploy.devstack.ports import free_port
from deploy.devstack.postgres import SUPERUSER, PostgresServer
from deploy.devstack.processes import ChildProcess, WorkerProcess, run_to_end

if TYPE_CHECKING:
    from deploy.devstack.demodns import DemoDns
    from services.chassis.bus import Access

T = TypeVar("T")

SERVICES = ("billing", "domain", "mailbox", "dnscheck")
MIGRATE_DEADLINE_SECONDS = 60.0
DEFAULT_PARTITIONS = 4  # as for a new bus; the servers alone must not need the workers' code
PARTITIONS_FILE = "partitions"
# All demo zones share two servers of our own: what spares a provider's would only slow the demo down.
UNRESTRAINED = {
    "POSTKONTOR_DNS_SERVER_RATE": "10000",
    "POSTKONTOR_DNS_REGISTRY_RATE": "10000",
    "POSTKONTOR_DNS_ZONE_RATE": "10000",
    "POSTKONTOR_DNS_REST_SECONDS": "0",
}
ENDPOINTS_FILE = "stack.json"
LOCK_FILE = "lock"


class Stack:
    """The embedded stack of one directory; a second one on the same directory is refused.

    Keep a reference to it, and start it on an event loop that lives as long as the stack: the demo DNS server runs in
    it, and the other servers die with the thread that started them. `beside`: with what runs beside the workers.
    """

    def __init__(
        self,
        directory: Path,
        *,
        replicas: int = 1,
        sync_always: bool = True,
        services: tuple[str, ...] = SERVICES,
        beside: bool = False,
    ) -> None:
        self.directory = directory.resolve()
        self._replicas = replicas
        self._sync_always = sync_always
        self._services = services
        self._policy_listen = policy_address() if beside else None
        self._beside: list[BesideProcess] = []
        self._lock: DirectoryLock | None = None
        self._nats: NatsServer | None = None
        self._postgres: PostgresServer | None = None
        self._dns: DemoDns | None = None
        self._workers: dict[str, list[WorkerProcess]] = {}

    @property
    def nats(self) -> NatsServer:
        return _started(self._nats)

    @property
    def postgres(self) -> PostgresServer:
        return _started(self._postgres)

    @property
    def dns(self) -> "DemoDns":
        return _started(self._dns)

    def workers(self, name: str) -> list[WorkerProcess]:
        """The replicas of one service, to be killed and restarted one by one."""
        return self._workers[name]

    def beside(self) -> list[BesideProcess]:
        """What runs beside the workers, by name: `policy`, and `renderer` if what it needs is installed."""
        return list(self._beside)

    @property
    def register(self) -> Register:
        """Who may use the bus; made at the first start."""
        return Register(self.directory / "bus")

    def access(self, identity: str = "operator") -> "Access":
        """How one of the bus's identities connects."""
        from services.chassis.bus import Access

        return Access(self.nats.url, seed=self.register.seed_file(identity))

    async def grant(self, identity: Identity) -> None:
        """Let another program use the bus; `environment` then says how it connects."""
        self.register.grant([identity])
        await self.nats.reload()

    def _allowed(self) -> str:
        return authorization(self.register.entries, partitions=partitions_of(self.directory))

    def environment(self, identity: str = "operator", *, role: str = SUPERUSER) -> dict[str, str]:
        """What a worker or a client needs to find this stack. Holds the database password."""
        listen = {"POSTKONTOR_POLICY_LISTEN": self._policy_listen} if self._policy_listen else {}
        return {
            "POSTKONTOR_NATS_URL": self.nats.url,
            "POSTKONTOR_NATS_SEED": str(self.register.seed_file(identity)),
            "POSTKONTOR_DATABASE_URL": self.postgres.dsn(role=role),
            "POSTKONTOR_DNS_ROOT": self.dns.root_address,
            "POSTKONTOR_DNS_PORT": str(self.dns.port),
            "POSTKONTOR_DNS_ALLOW_NETWORKS": "127.0.0.0/8",
            "POSTKONTOR_DNS_UPDATE": f"{self.dns.update_address}:{self.dns.port}",
            "POSTKONTOR_DNS_REGISTRY": f"{self.dns.tld_address}:{self.dns.port}",
        } | listen

    async def start(self) -> None:
        """Return when every worker is ready; on failure stop what was started and raise its cause."""
        await self.start_servers()
        await self.start_workers()

    async def start_servers(self) -> None:
        """Start NATS, PostgreSQL and the demo DNS server together; raise DirectoryInUse when another stack is there."""
        self._take_directory()
        try:
            await self._launch_servers()
            self._write_endpoints()
        except BaseException:
            await self.stop()
            raise

    async def start_workers(self) -> None:
        """Bring schemas and topology up to date, then start every replica of every service together.

        A failure stops the servers too: a stack is whole or not there.
        """
        from services.chassis import topology  # imported late: the servers alone must not need the workers' code

        try:
            await self.postgres.give_roles()
            streams = topology.apply(self.access("admin"), replicas=self.stream_replicas)
            await _all([*(self._migrate(name) for name in self._services), streams])
            self._workers = {name: self._replicas_of(name) for name in self._services}
            if self._policy_listen:
                self._beside = beside_processes(self._of_service, self.directory / "logs", self._policy_listen)
            await _all(process.start() for process in (*self._all_workers(), *self._beside))
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop everything in reverse order, whatever of it is running, and give the directory free."""
        if self._lock is None:
            return
        try:
            await _all(process.stop() for process in (*self._beside, *self._all_workers()))
        finally:
            try:
                await _all(server.stop() for server in (self._dns, self._nats, self._postgres) if server is not None)
            finally:
                self._give_directory_free(self._lock)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _take_directory(self) -> None:
        if self._lock is not None:
            raise RuntimeError("this stack is already started")
        self.directory.mkdir(parents=True, exist_ok=True)
        lock = DirectoryLock(self.directory / LOCK_FILE)
        lock.acquire()
        self._lock = lock

    def _give_directory_free(self, lock: DirectoryLock) -> None:
        self._workers, self._beside = {}, []
        (self.directory / ENDPOINTS_FILE).unlink(missing_ok=True)
        lock.release()
        self._lock = None

    async def _launch_servers(self) -> None:
        from deploy.devstack.demodns import DemoDns

        self.register.grant(standard())
        self._nats = self.new_bus()
        self._postgres = PostgresServer(self.directory / "postgres")
        self._dns = DemoDns(self.directory / "dns")
        await _all([self._nats.start(), self._postgres.start(), self._dns.start()])

    def new_bus(self) -> NatsServer:
        """Return the bus to start; a test may want another kind."""
        return NatsServer(self.directory / "nats", sync_always=self._sync_always, authorization=self._allowed)

    @property
    def stream_replicas(self) -> int:
        """On how many servers every stream lies."""
        return 1

    def _write_endpoints(self) -> None:
        """Leave the endpoints for the command line, closed to others because the database URL holds the password."""
        endpoints = {
            "pid": os.getpid(),
            "nats_pid": self.nats.pid,
            "nats_monitor_url": self.nats.monitor_url,
            "environment": self.environment(),
        }
        file = self.directory / ENDPOINTS_FILE
        file.unlink(missing_ok=True)  # a leftover could have wider permissions
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            json.dump(endpoints, stream, indent=2)

    async def _migrate(self, service: str) -> None:
        argv = [sys.executable, "-m", f"services.{service}", "migrate"]
        name = f"{service}-migrate"
        child = ChildProcess(name, argv, os.environ | self.environment(role=owner_of(service)), self._log(name))
        await run_to_end(child, MIGRATE_DEADLINE_SECONDS)

    def _replicas_of(self, service: str) -> list[WorkerProcess]:
        return [self._worker(service, number) for number in range(1, self._replicas + 1)]

    def _of_service(self, service: str) -> dict[str, str]:
        return self.environment(service, role=worker_of(service))

    def _worker(self, service: str, number: int) -> WorkerProcess:
        health_port = free_port()
        of_its_own = {"POSTKONTOR_HEALTH_PORT": str(health_port)}
        env = os.environ | self._of_service(service) | UNRESTRAINED | demo_seller() | of_its_own
        name = f"{service}-{number}"
        argv = [sys.executable, "-m", f"services.{service}"]
        return WorkerProcess(name, argv, env, self._log(name), health_port=health_port)

    def _log(self, name: str) -> Path:
        return self.directory / "logs" / f"{name}.log"

    def _all_workers(self) -> list[WorkerProcess]:
        return [worker for replicas in self._workers.values() for worker in replicas]


def running_stack(directory: Path) -> dict[str, Any] | None:
    """Return the endpoints of the stack that runs in this directory, None when none does.

    The lock decides, not the file: a killed stack leaves its file behind.
    """
    if not is_locked(directory / LOCK_FILE):
        return None
    try:
        return json.loads((directory / ENDPOINTS_FILE).read_text())
    except FileNotFoundError:
        return None  # still starting


def partitions_of(directory: Path) -> tuple[int, ...]:
    """Return the number of partitions of a directory's stack: two while it goes from one to the other."""
    try:
        return tuple(int(number) for number in (directory / PARTITIONS_FILE).read_text().split())
    except FileNotFoundError:
        return (DEFAULT_PARTITIONS,)


def remember_partitions(directory: Path, *numbers: int) -> None:
    """Note how many partitions a directory's stack has; its next start allows workers what they need for these."""
    (directory / PARTITIONS_FILE).write_text(" ".join(str(number) for number in dict.fromkeys(numbers)))


def _started(server: T | None) -> T:
    if server is None:
        raise RuntimeError("the stack's servers are not started")
    return server


async def _all(steps: Iterable[Awaitable[object]]) -> None:
    """Run the steps together, let every one come to its end, then raise the first failure.

    Nothing is cancelled half-way, so that a stop after a failed start finds every process where it was recorded.
    """
    outcomes = await asyncio.gather(*steps, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
