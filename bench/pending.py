"""100,000 pending domains: how many looks a second dnscheck writes, in how much memory, and who waits meanwhile.

    python bench/pending.py                        spread as the schedule spreads them, then all due at once
    python bench/pending.py --dead 10000           so many of them, of one account, at servers that stay silent
    python bench/pending.py --dns demo             over UDP, from the demo DNS (slower than the worker) in this process

Everything runs on this machine: NATS, PostgreSQL (synchronous_commit on), one worker. Watches and timers are written
into the tables as weeks of looks would leave them, ten attempts in each. With `--dns memory` looks are answered from
memory after a few milliseconds, so that what is measured is the worker: claiming, judging, writing, publishing. A
check-now is what a customer presses: an order on the bus, until the fact that answers it is heard.
"""

import argparse
import asyncio
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import nats
import psutil
import uvloop
from rich.console import Console
from rich.table import Table

from contracts.base import Text
from contracts.dnscheck_v1 import Asked, Attempt, TxtChecked, WatchDomain
from contracts.envelope import encode
from contracts.ids import uuid7
from contracts.messages import REGISTRY
from deploy.devstack.ports import free_port
from deploy.devstack.processes import WorkerProcess
from deploy.devstack.stack import Stack
from services.chassis import topology, worker
from services.chassis.runtime import utc_now
from services.chassis.settings import Settings
from services.dnscheck import rules
from services.dnscheck.app import service
from services.dnscheck.handlers import LOOKOUT
from services.dnscheck.observation import Delegation, NameServer, ServerAnswer, TxtObservation

THIS = str(Path(__file__).resolve())
PARTITIONS = 4
ACCOUNTS = 5000
DEAD_ACCOUNT = "deadwood"
LABEL, VALUE = "_postkontor-challenge", "token=k7wq3xd5mz2ra6ytb4ncfe7hjlgposiu"
LOOK_SECONDS = 0.005  # of an answer from memory: what two name servers nearby take
SILENCE_SECONDS = 6.0  # of a look at servers that stay silent: three tries
CHECK_NOW_EVERY_SECONDS = 0.25
PATIENCE_SECONDS = 30.0


# --- the worker, with looks answered from memory -----------------------------------------------------------------


class Memory:
    """Answers looks as two name servers would that do not have the record yet."""

    async def observe_txt(self, domain: str, challenge_name: str, **_: object) -> TxtObservation:
        """Wait as for servers, then say that there is nothing."""
        is_silent = domain.startswith("dead")
        await asyncio.sleep(SILENCE_SECONDS if is_silent else LOOK_SECONDS)
        servers = tuple(NameServer(f"ns{n}.{domain}", (f"192.0.2.{n}",)) for n in (1, 2))
        answers = tuple(
            ServerAnswer(
                server=server.host, address=server.addresses[0], name=challenge_name, rdtype="TXT",
                kind="timeout" if is_silent else "nxdomain", aa=not is_silent, serial=None if is_silent else 2026112301,
            )
            for server in servers
        )  # fmt: skip
        delegation = Delegation(state="found", zone=domain, servers=servers, asked=answers[:1])
        return TxtObservation(domain=domain, name=challenge_name, delegation=delegation, answers=answers, apex=answers)


async def answer_from_memory(_: object) -> None:
    """Replace the resolver."""
    LOOKOUT.resolver = Memory()  # type: ignore[assignment]


def run_worker() -> None:
    """Run the worker dnscheck; with its own resolver, or answering from memory."""
    if os.environ["PENDING_DNS"] == "memory":
        service.on_start.append(answer_from_memory)
    worker.main(service, [])


# --- what is pending ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Domain:
    """A domain under watch."""

    id: UUID
    name: str
    account: str


def partition_of(account: str) -> int:
    """Return the partition into which the stream puts an account: FNV-1a of the token, as the broker computes it."""
    digest = 2166136261
    for octet in account.encode():
        digest = (digest ^ octet) * 16777619 % 2**32
    return digest % PARTITIONS


def domains_of(count: int, dead: int, zone: str) -> list[Domain]:
    """Invent the domains: of many accounts, and some of one that has let its name servers die."""
    alive = [Domain(uuid4(), f"firma-{n}.{zone}", f"konto-{n % ACCOUNTS}") for n in range(count - dead)]
    return alive + [Domain(uuid4(), f"dead-{n}.{zone}", DEAD_ACCOUNT) for n in range(dead)]


def attempts(domain: Domain, count: int) -> str:
    """Return what looks before have left, as JSON."""
    asked = tuple(
        Asked(name=f"{LABEL}.{domain.name}", type="TXT", server=f"ns{n}.{domain.name}", address=f"192.0.2.{n}",
              answer="nxdomain (serial 2026112301)")
        for n in range(5)
    )  # fmt: skip
    text = f"The record is not there yet at ns1.{domain.name}, ns2.{domain.name}. " * 3
    attempt = Attempt(
        kind="not_yet", code="not_yet", text=Text(de=text, en=text), expected_name=f"{LABEL}.{domain.name}",
        expected_value=VALUE, asked=asked, checked_at=utc_now() - timedelta(hours=1), elapsed_ms=20,
    )  # fmt: skip
    return f"[{','.join([attempt.model_dump_json()] * count)}]"


def next_due(age: timedelta) -> timedelta:
    """Return how long from now a watch of this age is due: anywhere within its wait."""
    wait = min(max(age * rules.SHARE_OF_AGE, rules.SHORTEST), rules.LONGEST)
    return wait * random.random()


async def fill(connection: "asyncpg.Connection[Any]", domains: list[Domain]) -> None:
    """Write watches and timers, due as the schedule would have them after two weeks of steady arrivals."""
    now = utc_now()
    for start in range(0, len(domains), 5000):
        watches, timers = [], []
        for domain in domains[start : start + 5000]:
            age = rules.LIFE * random.random()
            due_at = now + next_due(age)
            watches.append((
                domain.id, "txt", domain.account, domain.name, f"{LABEL}.{domain.name}", VALUE, now - age, due_at,
                100, "not_yet", 100, now, "[]", attempts(domain, 10), 100,
            ))  # fmt: skip
            payload = f'{{"domain":"{domain.name}","name":"{LABEL}.{domain.name}","deep":false,"sibling":"00"}}'
            timers.append(("txt", str(domain.id), partition_of(domain.account), domain.account, due_at, payload))
        await connection.copy_records_to_table(
            "watch", schema_name="dnscheck", records=watches,
            columns=["domain_id", "facet", "account", "domain", "record_name", "record_value", "started_at",
                     "next_due_at", "looks", "course", "streak", "deep_at", "waiting", "recent", "revision"],
        )  # fmt: skip
        await connection.copy_records_to_table(
            "timer", schema_name="dnscheck", records=timers,
            columns=["kind", "key", "lane", "account", "due_at", "payload"],
        )  # fmt: skip
    await connection.execute("VACUUM ANALYZE dnscheck.watch")
    await connection.execute("VACUUM ANALYZE dnscheck.timer")


# --- measuring ------------------------------------------------------------------------------------------------------


@dataclass
class Result:
    """What a phase took."""

    name: str
    looks: int
    seconds: float
    cpu_seconds: float
    postgres_cpu_seconds: float
    rss_megabytes: list[float] = field(default_factory=list)  # once a second
    waits: list[float] = field(default_factory=list)  # of check-nows, in seconds
    left: int = 0


class Bench:
    """One worker, its database, and a customer who presses a button now and then."""

    def __init__(self, stack: Stack, process: WorkerProcess, domains: list[Domain], connection: Any, bus: Any) -> None:
        self._stack, self._process, self._domains = stack, process, domains
        self._connection, self._bus = connection, bus
        self._asked: dict[UUID, asyncio.Future[None]] = {}

    async def listen(self) -> None:
        """Hear the facts that answer check-nows."""
        await self._bus.subscribe("evt.*.dnscheck.txt-checked.v1", cb=self._heard)

    async def run(self, name: str, seconds: float, *, until_done: bool = False) -> Result:
        """Watch the worker for a while, or until nothing is due."""
        looks, began, cpu = await self._looks(), time.perf_counter(), self._cpu()
        result = Result(name, 0, 0.0, 0.0, 0.0)
        pressing = asyncio.create_task(self._press(result))
        while time.perf_counter() - began < seconds:
            await asyncio.sleep(1.0)
            result.rss_megabytes.append(psutil.Process(self._process.pid).memory_info().rss / 1e6)
            result.left = await self._due()
            if until_done and not result.left:
                break
        pressing.cancel()
        result.looks, result.seconds = await self._looks() - looks, time.perf_counter() - began
        after = self._cpu()
        result.cpu_seconds, result.postgres_cpu_seconds = after[0] - cpu[0], after[1] - cpu[1]
        return result

    async def make_all_due(self) -> None:
        """Let an outage have held up everything for two hours."""
        await self._connection.execute(
            "UPDATE dnscheck.timer SET due_at = now() - random() * interval '2 hours' WHERE kind = 'txt'"
        )

    async def _press(self, result: Result) -> None:
        alive = [domain for domain in self._domains if domain.account != DEAD_ACCOUNT]
        while True:
            began = time.perf_counter()
            try:
                await self._check_now(random.choice(alive))
            except TimeoutError:
                result.waits.append(PATIENCE_SECONDS)
            else:
                result.waits.append(time.perf_counter() - began)
            await asyncio.sleep(CHECK_NOW_EVERY_SECONDS)

    async def _check_now(self, domain: Domain) -> None:
        request_id = uuid7()
        order = WatchDomain(
            domain_id=domain.id, domain=domain.name, facet="txt", record_name=f"{LABEL}.{domain.name}",
            record_value=VALUE, request_id=request_id,
        )  # fmt: skip
        message = REGISTRY.of(WatchDomain)
        payload = encode(
            message_id=uuid7(), type=message.type, source="bench", time=utc_now(), account=domain.account, data=order
        )
        answered = self._asked[request_id] = asyncio.get_running_loop().create_future()
        await self._bus.jetstream().publish(message.subject(domain.account), payload)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await answered

    async def _heard(self, message: Any) -> None:
        if b'"requests":[]' in message.data:
            return
        fact = REGISTRY.of(TxtChecked).adapter.validate_json(message.data).data
        for request_id in fact.requests:
            answered = self._asked.pop(request_id, None)
            if answered is not None and not answered.done():
                answered.set_result(None)

    async def _looks(self) -> int:
        return await self._connection.fetchval("SELECT coalesce(sum(published_seq), 0)::bigint FROM dnscheck.lane")

    async def _due(self) -> int:
        return await self._connection.fetchval("SELECT count(*) FROM dnscheck.timer WHERE due_at <= now()")

    def _cpu(self) -> tuple[float, float]:
        postgres = psutil.Process(self._stack.postgres.pid)
        return _cpu_of(psutil.Process(self._process.pid)), sum(
            _cpu_of(one) for one in (postgres, *postgres.children(recursive=True))
        )


def _cpu_of(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return times.user + times.system


@asynccontextmanager
async def running(options: argparse.Namespace, directory: Path) -> AsyncIterator[Bench]:
    """Start the servers, fill the tables, then start the worker."""
    stack = Stack(directory, sync_always=False)
    await stack.start_servers()
    environment = os.environ | stack.environment("dnscheck") | {"PENDING_DNS": options.dns}
    settings = Settings(database_url=stack.environment()["POSTKONTOR_DATABASE_URL"])
    await topology.apply(stack.access("admin"))
    await worker.migrate(service, settings)
    zone = "de" if options.dns == "memory" else "wartend.de"
    if options.dns == "demo":
        stack.dns.add_zone(zone)
    domains = domains_of(options.domains, options.dead, zone)
    connection = await asyncpg.connect(settings.database_url.get_secret_value())
    bus = await nats.connect(**stack.access("admin").for_nats(), pending_size=64_000_000)
    health_port = free_port()
    environment["POSTKONTOR_HEALTH_PORT"] = str(health_port)
    argv = [sys.executable, THIS, "--worker"]
    process = WorkerProcess("pending", argv, environment, directory / "worker.log", health_port=health_port)
    try:
        began = time.perf_counter()
        await fill(connection, domains)
        print(f"{len(domains)} watches written in {time.perf_counter() - began:.0f} s")
        await process.start()
        bench = Bench(stack, process, domains, connection, bus)
        await bench.listen()
        yield bench
    finally:
        await process.stop()
        await bus.close()
        await connection.close()
        await stack.stop()


async def measure(options: argparse.Namespace) -> list[Result]:
    """Run both phases."""
    with tempfile.TemporaryDirectory(prefix="postkontor-pending-") as directory:
        async with running(options, Path(directory)) as bench:
            results = [await bench.run("spread", options.seconds)]
            await bench.make_all_due()
            results.append(await bench.run("all due at once", options.burst_seconds, until_done=True))
            return results


def show(results: list[Result], options: argparse.Namespace) -> None:
    """Print the table that docs/performance.md quotes."""
    table = Table(
        "phase", "looks", "seconds", "looks/s", "CPU ms/look", "PostgreSQL", "RSS MB start", "middle", "end", "most",
        "check-now p50 ms", "p99 ms", "longest", "left due",
        title=f"{options.domains} pending domains, {options.dead} of them dead, looks from {options.dns}",
    )  # fmt: skip
    for result in results:
        rss, waits = result.rss_megabytes, sorted(result.waits) or [0.0]
        figures = [statistics.median(waits), waits[int(len(waits) * 0.99)], waits[-1]]
        table.add_row(
            result.name, str(result.looks), f"{result.seconds:.0f}", f"{result.looks / result.seconds:.0f}",
            f"{1000 * result.cpu_seconds / max(result.looks, 1):.2f}",
            f"{1000 * result.postgres_cpu_seconds / max(result.looks, 1):.2f}",
            *(f"{mb:.0f}" for mb in (rss[0], rss[len(rss) // 2], rss[-1], max(rss))),
            *(f"{seconds * 1000:.0f}" for seconds in figures), str(result.left),
        )  # fmt: skip
    Console(width=170).print(table)


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--domains", type=int, default=100_000)
    parser.add_argument("--dead", type=int, default=0)
    parser.add_argument("--dns", choices=("memory", "demo"), default="memory")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long the spread ones are watched")
    parser.add_argument("--burst-seconds", type=float, default=120.0, help="how long the burst is watched at most")
    options = parser.parse_args()
    if options.worker:
        run_worker()
        return
    show(uvloop.run(measure(options)), options)


if __name__ == "__main__":
    main()
