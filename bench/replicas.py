"""Mailboxes through 1, 2 and 4 replicas of every worker: how lanes are shared out, and what sharing costs.

    python bench/replicas.py
    python bench/replicas.py --replicas 1 2 4 --seconds 10 --in-flight 256

Everything runs on this machine. Where it has fewer cores than there are busy processes, replicas cannot make it faster:
the rate says what sharing costs, CPU per mailbox what a machine with more cores would have to give. Each round has a
stack of its own, with as many partitions as ever.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
from pathlib import Path

import asyncpg
import psutil
import uvloop
from provisioning import Bench, Load, Result
from rich.console import Console
from rich.table import Table

from client import Postkontor
from deploy.devstack.stack import Stack

ACCOUNTS = tuple(f"bench{number}" for number in range(20))
SERVICES = ("domain", "billing", "mailbox")
LANES = 5  # four of requests, one of facts
OWNED = """
    SELECT a.application_name, count(*) FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid
    WHERE l.locktype = 'advisory' AND starts_with(a.application_name, $1) GROUP BY 1"""


async def measure(replicas: int, options: argparse.Namespace) -> tuple[Result, dict[str, list[int]]]:
    """Run the load through so many replicas; return the median round and the lanes that each replica has."""
    with tempfile.TemporaryDirectory(prefix="postkontor-bench-") as directory:
        async with (
            Stack(Path(directory), sync_always=options.sync == "always", replicas=replicas) as stack,
            Postkontor.from_environment(stack.environment(), account="*", source="bench") as office,
        ):
            bench = Bench(stack, office, options.sync)
            await bench.prepare(ACCOUNTS)
            load = Load(options.in_flight, options.seconds, ACCOUNTS)
            rounds = [await bench.run(load) for _ in range(options.rounds)]
            shared = {service: await lanes_of(stack, service) for service in SERVICES}
            return sorted(rounds, key=lambda one: one.cpu_total)[len(rounds) // 2], shared


async def lanes_of(stack: Stack, service: str) -> list[int]:
    """Return how many lanes each replica of a service owns, most first; waits until all are owned."""
    connection = await asyncpg.connect(stack.postgres.dsn())
    try:
        while True:
            rows = await connection.fetch(OWNED, f"postkontor/{service}/")
            if sum(row[1] for row in rows) == LANES:
                return sorted((row[1] for row in rows), reverse=True)
            await asyncio.sleep(0.1)
    finally:
        await connection.close()


def show(found: list[tuple[int, Result, dict[str, list[int]]]]) -> None:
    """Print the table that docs/scaling.md quotes."""
    table = Table(
        "replicas", "lanes each", "mailboxes a second", "p50 ms", "p99 ms", "CPU ms", "NATS", "PostgreSQL", *SERVICES,
        title=f"CPU milliseconds per mailbox; {psutil.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end",
    )  # fmt: skip
    for replicas, result, shared in found:
        ordered = sorted(result.latencies)
        figures = [result.cpu_total, *(result.cpu_milliseconds(name) for name in ("nats", "postgres", *SERVICES))]
        each = {" ".join(map(str, lanes)) for lanes in shared.values()}
        table.add_row(
            str(replicas), " | ".join(sorted(each)), f"{result.rate:.0f}", f"{1000 * statistics.median(ordered):.0f}",
            f"{1000 * ordered[int(len(ordered) * 0.99)]:.0f}", *(f"{figure:.2f}" for figure in figures),
        )  # fmt: skip
    Console(width=140).print(table)


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicas", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--in-flight", type=int, default=128)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--rounds", type=int, default=3, help="the median round counts, by CPU")
    parser.add_argument("--sync", choices=("default", "always"), default="default")
    options = parser.parse_args()
    show([(replicas, *uvloop.run(measure(replicas, options))) for replicas in options.replicas])


if __name__ == "__main__":
    main()
