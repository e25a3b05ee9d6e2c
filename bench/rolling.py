"""Every worker is restarted, one after the other, under load: who waits how long, and what a restart consists of.

    python bench/rolling.py
    python bench/rolling.py --replicas 1 --rate 50       without a second replica nobody takes over

Mailboxes are ordered at a fixed rate, whatever happens to those before (an open loop: who waits does not keep others
from ordering). A latency is that of one request until its outcome. Restarting is SIGTERM, the process's end, a new
process until it is ready; as a deployment does it, one process at a time. The drain lasts from SIGTERM to the end; a
lane's gap from "lane let go" to "lane taken over" in the workers' logs. Everything runs on this machine.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import psutil
import uvloop
from provisioning import PATIENCE_SECONDS, Bench, Load
from rich.console import Console
from rich.table import Table

from client import Postkontor
from deploy.devstack.processes import WorkerProcess
from deploy.devstack.stack import SERVICES, Stack

ACCOUNTS = tuple(f"bench{number}" for number in range(20))


@dataclass
class Phase:
    """A stretch of the load: latencies of the requests that began in it, in seconds, and those without an outcome."""

    name: str
    latencies: list[float] = field(default_factory=list)
    lost: int = 0


@dataclass
class Restart:
    """One process's restart, in seconds; the CPU of the start is the new process's until it was ready."""

    name: str
    drain: float
    start: float
    start_cpu: float


class OpenLoop:
    """Orders mailboxes at a rate until told to stop; `phase` gets what begins now."""

    def __init__(self, bench: Bench, rate: float, phase: Phase) -> None:
        self._bench, self._rate, self.phase = bench, rate, phase
        self._going = True
        self._under_way: set[asyncio.Task[None]] = set()
        self._task = asyncio.create_task(self._go_on())

    async def end(self) -> None:
        """Order no more and wait for every outcome."""
        self._going = False
        await self._task
        await asyncio.gather(*self._under_way)

    async def _go_on(self) -> None:
        next_at = time.perf_counter()
        while self._going:
            task = asyncio.create_task(self._order(self.phase))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
            next_at += 1 / self._rate
            await asyncio.sleep(max(0.0, next_at - time.perf_counter()))

    async def _order(self, phase: Phase) -> None:
        began = time.perf_counter()
        try:
            await self._bench.mailbox(ACCOUNTS)
        except Exception:
            phase.lost += 1
        else:
            phase.latencies.append(time.perf_counter() - began)


async def measure(options: argparse.Namespace) -> None:
    """Run the load and the restarts; print both tables."""
    with tempfile.TemporaryDirectory(prefix="postkontor-bench-") as directory:
        async with (
            Stack(Path(directory), sync_always=options.sync == "always", replicas=options.replicas) as stack,
            Postkontor.from_environment(stack.environment(), account="*", source="bench") as office,
        ):
            bench = Bench(stack, office, options.sync)
            await bench.prepare(ACCOUNTS)
            await bench.run(Load(16, 2, ACCOUNTS))
            quiet, rolling, after = Phase("before"), Phase("while all are restarted"), Phase("after")
            loop = OpenLoop(bench, options.rate, quiet)
            await asyncio.sleep(options.seconds)
            loop.phase = rolling
            restarts = [await restart(worker) for service in SERVICES for worker in stack.workers(service)]
            loop.phase = after
            await asyncio.sleep(options.seconds)
            await loop.end()
            show([quiet, rolling, after], restarts, gaps(Path(directory) / "logs"))


async def restart(worker: WorkerProcess) -> Restart:
    """Restart one process as a deployment does."""
    began = time.perf_counter()
    await worker.stop()
    stopped = time.perf_counter()
    await worker.start()
    used = psutil.Process(worker.pid).cpu_times()
    return Restart(worker.name, stopped - began, time.perf_counter() - stopped, used.user + used.system)


def gaps(logs: Path) -> dict[str, list[float]]:
    """Return by service how long each lane that was let go of had no owner, in seconds."""
    found: dict[str, list[float]] = {}
    for service in SERVICES:
        lines = [line for log in logs.glob(f"{service}-[0-9].log") for line in log.read_text().splitlines()]
        told = [json.loads(line) for line in lines if '"lane let go"' in line or '"lane taken over"' in line]
        free: dict[int, datetime] = {}
        for one in sorted(told, key=lambda one: one["timestamp"]):
            at = datetime.fromisoformat(one["timestamp"])
            if one["event"] == "lane let go":
                free[one["lane"]] = at
            elif one["lane"] in free:
                found.setdefault(service, []).append((at - free.pop(one["lane"])).total_seconds())
    return found


def show(phases: list[Phase], restarts: list[Restart], found: dict[str, list[float]]) -> None:
    """Print the tables that docs/scaling.md quotes."""
    table = Table("", "requests", "without outcome", "p50 ms", "p99 ms", "max ms")
    for phase in phases:
        ordered = sorted(phase.latencies)
        p99 = ordered[int(len(ordered) * 0.99)]
        figures = (statistics.median(ordered), p99, ordered[-1])
        table.add_row(phase.name, str(len(ordered)), str(phase.lost), *(f"{1000 * seconds:.0f}" for seconds in figures))
    console = Console(width=140)
    console.print(table)
    table = Table("service", "drain ms", "start s", "start's CPU s", "lanes handed on", "gap p50 ms", "gap max ms")
    for service in SERVICES:
        own = [one for one in restarts if one.name.startswith(f"{service}-")]
        lanes = found.get(service, [0.0])
        table.add_row(
            service, f"{1000 * statistics.median(one.drain for one in own):.0f}",
            f"{statistics.median(one.start for one in own):.1f}",
            f"{statistics.median(one.start_cpu for one in own):.1f}", str(len(lanes)),
            f"{1000 * statistics.median(lanes):.0f}", f"{1000 * max(lanes):.0f}",
        )  # fmt: skip
    console.print(table)
    console.print(f"an outcome is waited for {PATIENCE_SECONDS:g} s at most")


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicas", type=int, default=2)
    parser.add_argument("--rate", type=float, default=60.0, help="mailboxes ordered a second")
    parser.add_argument("--seconds", type=float, default=10.0, help="before and after the restarts")
    parser.add_argument("--sync", choices=("default", "always"), default="always")
    uvloop.run(measure(parser.parse_args()))


if __name__ == "__main__":
    main()
