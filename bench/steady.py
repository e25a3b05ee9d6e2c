"""Steady work at half of the peak, for minutes: is the rate held, how late is the slowest, does memory grow?

    python bench/steady.py                        five minutes at half of the rate measured just before
    python bench/steady.py --seconds 60 --rate 300

The load is open: mailboxes are ordered by the clock, whether earlier ones are done or not, and their time counts from
when they were due, so that a system which stalls cannot hide it by being asked less. Memory is sampled every few
seconds; its slope is that of a straight line (least squares) through the second half, after caches and pools are full.
Exit code 1: the rate was not held, something was refused or left over, or a worker's memory grows by more than
`--growth` (MB in an hour).
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import uvloop
from provisioning import Bench, Load
from rich.console import Console
from rich.table import Table

from client import Postkontor
from contracts.billing_v1 import AskUsage
from deploy.devstack.stack import Stack

SAMPLE_SECONDS = 2.0
PEAK_SECONDS = 15.0
HELD = 0.98  # of the wanted rate
WORKERS = ("domain", "billing", "mailbox", "dnscheck")


@dataclass
class Course:
    """How a steady load went: when each mailbox was due and how late it was, memory by process and time."""

    seconds: float = 0.0
    delays: list[tuple[float, float]] = field(default_factory=list)
    memory: list[tuple[float, dict[str, float]]] = field(default_factory=list)
    cpu_seconds: dict[str, float] = field(default_factory=dict)

    def megabytes_an_hour(self, name: str) -> float:
        """Return the slope of a process's resident memory over the second half."""
        half = self.seconds / 2
        return slope([(at, megabytes[name]) for at, megabytes in self.memory if at >= half]) * 3600

    def percentile(self, share: float, begin: float = 0.0, end: float = float("inf")) -> float:
        """Return a percentile of the delays of what was due in a stretch of time, in seconds."""
        found = sorted(delay for at, delay in self.delays if begin <= at < end)
        return found[min(int(len(found) * share), len(found) - 1)] if found else 0.0


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Return the slope of the straight line that fits best; 0 for fewer than two points."""
    if len(points) < 2:
        return 0.0
    return statistics.linear_regression([x for x, _ in points], [y for _, y in points]).slope


async def hold(bench: Bench, accounts: tuple[str, ...], rate: float, seconds: float) -> Course:
    """Order mailboxes by the clock, and look at the processes meanwhile."""
    course, began = Course(), time.perf_counter()
    before = bench.meter.cpu()
    under_way: set[asyncio.Task[None]] = set()

    async def one(due: float) -> None:
        await bench.mailbox(accounts)
        course.delays.append((due, time.perf_counter() - began - due))

    async def watch() -> None:
        while True:
            course.memory.append((time.perf_counter() - began, bench.meter.rss()))
            await asyncio.sleep(SAMPLE_SECONDS)

    watching = asyncio.create_task(watch())
    for number in range(int(rate * seconds)):
        due = number / rate
        if (ahead := due - (time.perf_counter() - began)) > 0:
            await asyncio.sleep(ahead)
        task = asyncio.create_task(one(due))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
    await asyncio.gather(*under_way)
    course.seconds = time.perf_counter() - began
    watching.cancel()
    await bench.settled(accounts)
    course.cpu_seconds = {name: after - before[name] for name, after in bench.meter.cpu().items()}
    return course


async def measure(options: argparse.Namespace) -> tuple[float, float, Course, int]:
    """Measure the peak and hold half of it. Return both rates, the course, and how many mailboxes there are too few."""
    accounts = tuple(f"bench{number}" for number in range(options.accounts))
    with tempfile.TemporaryDirectory(prefix="postkontor-bench-") as directory:
        async with (
            Stack(Path(directory)) as stack,
            Postkontor.from_environment(stack.environment(), account="*", source=f"bench-{uuid4().hex[:6]}") as office,
        ):
            bench = Bench(stack, office, "default")
            await bench.prepare(accounts)
            peak = 0.0
            if not options.rate:
                peak = (await bench.run(Load(options.in_flight, PEAK_SECONDS, accounts))).rate
            rate = options.rate or peak / 2
            had = await _mailboxes(office, accounts)
            course = await hold(bench, accounts, rate, options.seconds)
            missing = had + len(course.delays) - await _mailboxes(office, accounts)
            return peak, rate, course, missing


async def _mailboxes(office: Postkontor, accounts: tuple[str, ...]) -> int:
    total = 0
    for account in accounts:
        usage = await office.ask(AskUsage(), account=account)
        total += sum(c.confirmed for c in usage.capacities if c.resource == "mailbox")
    return total


def show(peak: float, rate: float, course: Course) -> None:
    """Print the tables that docs/performance.md quotes."""
    console = Console(width=140)
    reached = len(course.delays) / course.seconds
    if peak:
        console.print(f"peak just before: {peak:.0f} mailboxes a second")
    console.print(f"wanted {rate:.0f} a second, reached {reached:.0f}, {len(course.delays)} in {course.seconds:.0f} s")
    times = Table(
        "from second", "mailboxes", "p50 ms", "p99 ms", "worst ms", title="delays, counted from when each was due"
    )
    parts = max(1, min(5, int(course.seconds // 10)))
    for part in range(parts):
        begin, end = (course.seconds * (part + step) / parts for step in (0, 1))
        count = sum(begin <= at < end for at, _ in course.delays)
        shown = (f"{course.percentile(share, begin, end) * 1000:.0f}" for share in (0.5, 0.99, 1.0))
        times.add_row(f"{begin:.0f}", str(count), *shown)
    times.add_row("all", str(len(course.delays)), *(f"{course.percentile(s) * 1000:.0f}" for s in (0.5, 0.99, 1.0)))
    console.print(times)
    names = list(course.memory[0][1])
    memory = Table(
        "process",
        "MB at first",
        "MB at half",
        "MB at the end",
        "MB an hour",
        "CPU ms per mailbox",
        title="memory and CPU",
    )
    half = len(course.memory) // 2
    for name in names:
        at = (course.memory[place][1][name] for place in (0, half, -1))
        cpu = 1000 * course.cpu_seconds[name] / len(course.delays)
        memory.add_row(name, *(f"{m:.1f}" for m in at), f"{course.megabytes_an_hour(name):+.1f}", f"{cpu:.2f}")
    console.print(memory)


def faults(rate: float, course: Course, missing: int, growth: float) -> list[str]:
    """Return what did not hold, in words."""
    found: list[str] = []
    reached = len(course.delays) / course.seconds
    if reached < rate * HELD:
        found.append(f"the rate was not held: {reached:.0f} instead of {rate:.0f} mailboxes a second")
    if missing:
        found.append(f"{missing} mailboxes more were confirmed than billing counts")
    slopes = {name: course.megabytes_an_hour(name) for name in WORKERS}
    grown = (f"{name} grows by {hourly:.0f} MB an hour" for name, hourly in slopes.items() if hourly > growth)
    return [*found, *grown]


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--rate", type=float, default=0.0, help="mailboxes a second; half of the peak if not given")
    parser.add_argument("--in-flight", type=int, default=512, help="at the peak")
    parser.add_argument("--accounts", type=int, default=20)
    parser.add_argument("--growth", type=float, default=100.0, help="MB an hour that a worker may grow")
    options = parser.parse_args()
    peak, rate, course, missing = uvloop.run(measure(options))
    show(peak, rate, course)
    found = faults(rate, course, missing, options.growth)
    print("\n".join(found) if found else "The load was held; nothing is missing; memory is flat.")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
