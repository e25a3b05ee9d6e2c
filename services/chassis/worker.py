"""Start a worker, run it, drain it. FastStream gives the connection and the process's life; the lanes do the work.

python -m services.billing            run until SIGTERM
python -m services.billing migrate    bring the schema up to date and exit

A service may have further processes of its own, each run by a word of its own.
"""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any, TypeVar
from uuid import uuid4

import asyncpg
import structlog
from faststream import FastStream
from pydantic import ValidationError
from pydantic_settings import BaseSettings

from services.chassis import database, health, logs, metrics, migrations, queries, upkeep
from services.chassis.bus import Access, Bus
from services.chassis.journal import KEEP_EVENTS_DAYS, KEEP_INBOX_DAYS, Journal
from services.chassis.memory import Memory
from services.chassis.originals import Originals
from services.chassis.ownership import Ownership
from services.chassis.publisher import Publisher
from services.chassis.recollection import Recollection
from services.chassis.reconciling import Reconciler
from services.chassis.runtime import Runtime
from services.chassis.scrape import Scrape
from services.chassis.service import Service
from services.chassis.settings import Settings
from services.chassis.status import Status
from services.chassis.tracing import Tracing, from_environment

S = TypeVar("S", bound=BaseSettings)
Process = Callable[[Settings], Coroutine[Any, Any, None]]

log = structlog.get_logger()
PENDING_BYTES = 64 * 1024 * 1024  # written in one go per wave, so that no wave is torn
TEND_SECONDS = 86_400.0
LOOK_FOR_DATABASE_SECONDS = 1.0
EXIT_FAILED, EXIT_USAGE = 1, 2


class Worker:
    """One process of a service. `start` and `stop` are also what tests call."""

    def __init__(self, service: Service, settings: Settings, *, tracing: Tracing | None = None) -> None:
        self._tracing = tracing or from_environment(service.name)
        self._service, self._settings = service, settings
        self.broker = Bus(
            **Access.of(settings).for_faststream(),
            name=f"postkontor-{service.name}",
            max_reconnect_attempts=-1,
            reconnect_time_wait=1,
            ping_interval=5,
            max_outstanding_pings=2,
            pending_size=PENDING_BYTES,
            reconnected_cb=self._reconnected,
            error_cb=self._bus_error,
            closed_cb=self._bus_closed,
            logger=None,
        )
        self.given_up = asyncio.Event()  # the bus has closed the connection for good, as for revoked credentials
        self.runtime: Runtime | None = None
        self.ownership: Ownership | None = None
        self._tasks: list[asyncio.Task[Any]] = []
        self._health: Any = None
        self._stopping = False

    async def start(self) -> None:
        """Connect and begin to look for lanes."""
        settings, service = self._settings, self._service
        replica = uuid4().hex[:8]
        nats = await self.broker.connect()
        journal, publisher = Journal(service.name), Publisher(nats, service=service.name)
        await publisher.start()
        originals = Originals(nats, service.name)
        recollection = Recollection(service.name)
        memory = Memory(originals, recollection, publisher)
        reconciler = Reconciler(originals, recollection, publisher)
        service = upkeep.equipped(service, originals, reconciler)
        runtime = Runtime(service, settings, replica, nats, None, journal, publisher, memory)  # type: ignore[arg-type]
        runtime.tracing = self._tracing
        await self._wait_for_database(runtime)
        memory.pool = reconciler.pool = runtime.pool
        await self._require_schema(runtime)
        self.runtime, self.ownership = runtime, Ownership(runtime)
        for hook in service.on_start:
            await hook(runtime)
        await queries.serve(runtime)
        await Status(runtime, self.ownership).serve()
        self._tasks = [
            asyncio.create_task(self.ownership.run(), name="ownership"),
            asyncio.create_task(self._tend(runtime), name="tend"),
        ]
        if settings.health_port:
            reports = health.Health(runtime, self.ownership)
            scrape = Scrape(runtime, self.ownership)
            self._health = await health.serve(reports, scrape.text, settings.health_host, settings.health_port)
        log.info("worker started", replica=replica)

    async def stop(self) -> None:
        """Finish the batches in hand, publish, let go of the lanes, close."""
        if self.runtime is None or self.ownership is None:
            return
        self._stopping = True
        await self.ownership.stop(self._settings.drain_seconds)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.runtime.stop_serving()  # before the hooks: an answer may need what they close
        for hook in self._service.on_stop:
            try:
                await hook()
            except Exception:
                log.exception("an end hook failed")
        if self._health is not None:
            server, task = self._health
            server.should_exit = True
            await task
        self.runtime.pool.terminate()
        await self.broker.stop()
        if self._tracing is not None:
            await self._tracing.stop()
        log.info("worker stopped")

    async def _wait_for_database(self, runtime: Runtime) -> None:
        # As for the broker: after a power failure all start at once. A wrong password or name is not waited for.
        while True:
            try:
                runtime.pool = await database.pool(self._settings, name=runtime.queries_name)
            except (OSError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError) as error:
                log.warning("waiting for the database", reason=f"{type(error).__name__}: {error}")
                await asyncio.sleep(LOOK_FOR_DATABASE_SECONDS)
            else:
                return

    async def _require_schema(self, runtime: Runtime) -> None:
        async with runtime.pool.acquire() as connection:
            missing = await migrations.missing(connection, runtime.service.name)
        if missing:
            raise RuntimeError(
                f"the database lacks {', '.join(missing)}; run `python -m services.{runtime.service.name} migrate`"
            )

    async def _tend(self, runtime: Runtime) -> None:
        while True:
            try:
                async with runtime.pool.acquire() as connection:
                    await runtime.journal.tend(connection, KEEP_EVENTS_DAYS)
                    while await runtime.journal.forget(connection, KEEP_INBOX_DAYS):
                        pass
            except Exception as error:
                log.warning("tending the journal failed", reason=repr(error))
            await asyncio.sleep(TEND_SECONDS)

    async def _reconnected(self) -> None:
        metrics.RECONNECTS.labels(self._service.name).inc()
        log.info("the bus is back")
        if self.runtime is not None and self.ownership is not None:
            self.runtime.publisher.reconnected()
            self.ownership.nudge()

    async def _bus_error(self, error: Exception) -> None:
        metrics.BUS_ERRORS.labels(self._service.name).inc()
        log.warning("bus error", reason=f"{type(error).__name__}: {error}")

    async def _bus_closed(self) -> None:
        if not self._stopping:
            self.given_up.set()


async def run(service: Service, settings: Settings) -> None:
    """Run a worker until the process is told to end."""
    worker = Worker(service, settings)
    app = FastStream(worker.broker, logger=None)
    app.after_startup(worker.start)
    app.on_shutdown(worker.stop)
    watching = asyncio.create_task(_end_with(worker, app), name="given-up")
    try:
        await app.run()
    finally:
        watching.cancel()
    if worker.given_up.is_set():
        raise ConnectionError("the bus has closed the connection for good")


async def _end_with(worker: Worker, app: FastStream) -> None:
    # Nobody else would restart a process that runs and can never hear anything again.
    await worker.given_up.wait()
    app.exit()


async def migrate(service: Service, settings: Settings) -> list[str]:
    """Bring the service's schema up to date."""
    connection = await asyncpg.connect(settings.database_url.get_secret_value(), timeout=10)
    try:
        return await migrations.migrate(connection, service.name)
    finally:
        await connection.close()


def main(
    service: Service, arguments: list[str] | None = None, *, processes: Mapping[str, Process] | None = None
) -> None:
    """Do what the command line says. `processes` run beside the worker, each by a word of its own."""
    words = sys.argv[1:] if arguments is None else arguments
    settings = read_settings(Settings)
    logs.configure(settings.log_level, service=service.name)
    known = {"run": partial(run, service), **(processes or {})}
    word = words[0] if words else "run"
    if len(words) > 1 or word not in {"migrate", *known}:
        sys.exit(f"usage: python -m services.{service.name} [{'|'.join(['run', 'migrate', *(processes or {})])}]")
    try:
        if word == "migrate":
            for name in asyncio.run(migrate(service, settings)):
                log.info("migration applied", name=name)
        else:
            _run_on_uvloop(known[word](settings))
    except (OSError, RuntimeError, asyncpg.PostgresError, migrations.ChangedMigration) as error:
        log.error("the worker ends", reason=f"{type(error).__name__}: {error}")
        sys.exit(EXIT_FAILED)


def read_settings(kind: type[S]) -> S:
    """Read settings from the environment; end the process with a line per mistake that names the variable."""
    try:
        return kind()
    except ValidationError as error:
        problems = "; ".join(
            f"{kind.model_config.get('env_prefix', '')}{str(problem['loc'][0]).upper()}: {problem['msg']}"
            for problem in error.errors(include_input=False)
        )
        print(f"settings: {problems}", file=sys.stderr)
        sys.exit(EXIT_USAGE)


def _run_on_uvloop(main_task: Any) -> None:
    if os.name == "nt":
        asyncio.run(main_task)
        return
    import uvloop

    uvloop.run(main_task)
