"""A bulk file through all workers: how fast, in how much memory, and who waits meanwhile.

    python bench/bulk.py                         10,000 mailboxes of one account, with single requests beside them
    python bench/bulk.py --items 2000 --window 256
    python bench/bulk.py --clear                 with passwords in clear, hashed by the client

Everything runs on this machine: NATS, PostgreSQL (synchronous_commit on), the four workers, the client. Single requests
for mailboxes are sent one after the other by the bulk's own account and by another one, before the bulk and during it.
"""

import argparse
import asyncio
import csv
import os
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import uvloop
from rich.console import Console
from rich.table import Table

from client import Postkontor, bulks
from client.bulkfile import read_file
from contracts.billing_v1 import OpenAccount
from contracts.domain_v1 import ClaimDomain, ValidateDomain
from contracts.mailbox_v1 import CreateMailbox
from deploy.devstack import dnsupdate
from deploy.devstack.stack import Stack

HASH = "{SHA512-CRYPT}$6$benchbench$" + "a" * 86
BULKY, OTHER = "umzug", "nachbar"
PAUSE_SECONDS = 0.05  # between single requests
BEFORE_SECONDS = 5.0
SAMPLE_SECONDS = 1.0


@dataclass
class Measured:
    """What a run took."""

    seconds: float = 0.0
    send_seconds: float = 0.0
    cpu_seconds: dict[str, float] = field(default_factory=dict)
    before: dict[str, list[float]] = field(default_factory=dict)
    during: dict[str, list[float]] = field(default_factory=dict)
    memory: dict[str, list[float]] = field(default_factory=dict)  # megabytes of each process, every second


def write_file(path: Path, items: int, *, clear: bool) -> None:
    """Write a file of mailboxes."""
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["kind", "address", "first_name", "last_name", "plan", "password" if clear else "password_hash"])
        for number in range(items):
            secret = f"geheim-{number}" if clear else HASH
            out.writerow(["mailbox", f"m{number}@{BULKY}.de", "Bench", "Mark", "mail", secret])


async def prepare(stack: Stack, office: Postkontor, account: str) -> None:
    """Open an account with room for everything and prove its domain."""
    dns = stack.dns
    await sure(office, account, OpenAccount(package="platinum", company=account, email="bench@example.com"))
    claimed = await sure(office, account, ClaimDomain(domain=f"{account}.de", password_hash=HASH))
    await dnsupdate.register_domain(dns.tld_address, dns.port, f"{account}.de")
    record = claimed.fact.domain.record
    await dnsupdate.set_txt(dns.update_address, dns.port, f"{account}.de", record.name + ".", record.value)
    assert (await sure(office, account, ValidateDomain(domain=f"{account}.de"))).fact.verified


async def sure(office: Postkontor, account: str, request):
    """Send a request that must succeed."""
    outcome = await office.request(request, account=account, timeout=120)
    assert outcome.refusal is None, outcome.refusal
    return outcome


async def singles(office: Postkontor, account: str, prefix: str, into: dict[str, list[float]]) -> None:
    """Create mailboxes one after the other, until cancelled."""
    number = 0
    while True:
        number += 1
        order = CreateMailbox(
            address=f"{prefix}{number}@{account}.de", first_name="B", last_name="M", plan="mail", password_hash=HASH
        )
        began = time.perf_counter()
        await sure(office, account, order)
        into.setdefault(account, []).append(time.perf_counter() - began)
        await asyncio.sleep(PAUSE_SECONDS)


async def sample(processes: dict[str, int], into: dict[str, list[float]]) -> None:
    """Note every process's memory, until cancelled."""
    while True:
        for name, pid in processes.items():
            into.setdefault(name, []).append(psutil.Process(pid).memory_info().rss / 1e6)
        await asyncio.sleep(SAMPLE_SECONDS)


def cpu(stack: Stack) -> dict[str, float]:
    """Return the CPU seconds of servers and workers so far."""
    pids = {"nats": stack.nats.pid, "postgres": stack.postgres.pid}
    pids |= {service: stack.workers(service)[0].pid for service in ("domain", "billing", "mailbox")}
    return {name: _cpu(psutil.Process(pid)) for name, pid in pids.items()}


def _cpu(process: psutil.Process) -> float:
    members = [process, *process.children(recursive=True)] if "postgres" in process.name() else [process]
    return sum(times.user + times.system for times in (member.cpu_times() for member in members))


async def measure(options: argparse.Namespace) -> Measured:
    """Run one bulk on a fresh stack."""
    measured = Measured()
    os.environ["POSTKONTOR_BULK_WINDOW"] = str(options.window)
    with tempfile.TemporaryDirectory(prefix="postkontor-bench-") as directory:
        path = Path(directory) / "umzug.csv"
        write_file(path, options.items, clear=options.clear)
        async with (
            Stack(Path(directory) / "stack", sync_always=True) as stack,
            Postkontor.from_environment(stack.environment(), account="*", source="bench") as office,
        ):
            for account in (BULKY, OTHER):
                await prepare(stack, office, account)
            await beside(office, "vor", measured.before, asyncio.sleep(BEFORE_SECONDS))
            pids = {name: stack.workers(name)[0].pid for name in ("domain", "billing", "mailbox")}
            watching = asyncio.create_task(sample(pids | {"client": os.getpid()}, measured.memory))
            used = cpu(stack)
            work = run_bulk(office, path, measured)
            await (work if options.alone else beside(office, "neben", measured.during, work))
            measured.cpu_seconds = {name: now - used[name] for name, now in cpu(stack).items()}
            watching.cancel()
    return measured


async def beside(office: Postkontor, prefix: str, into: dict[str, list[float]], work) -> None:
    """Do something while both accounts order single mailboxes."""
    tasks = [asyncio.create_task(singles(office, account, prefix, into)) for account in (BULKY, OTHER)]
    await work
    for task in tasks:
        task.cancel()


async def run_bulk(office: Postkontor, path: Path, measured: Measured) -> None:
    """Send the file and wait for its end."""
    began = time.perf_counter()
    bulk = bulks.prepare(read_file(path), BULKY)
    await bulks.submit(office, bulk)
    measured.send_seconds = time.perf_counter() - began
    async for now in bulks.follow(office, BULKY, bulk.bulk_id):
        last = now
    assert last.done == last.total, last
    measured.seconds = time.perf_counter() - began


def show(options: argparse.Namespace, measured: Measured) -> None:
    """Print the tables that docs/performance.md quotes."""
    console = Console(width=140)
    console.print(
        f"{options.items} items, window {options.window}: sent in {measured.send_seconds:.1f} s,"
        f" finished in {measured.seconds:.1f} s, {options.items / measured.seconds:.0f} a second,"
        f" {1000 * sum(measured.cpu_seconds.values()) / options.items:.2f} CPU ms an item (with the single requests"
        " beside): " + ", ".join(f"{name} {1000 * s / options.items:.2f}" for name, s in measured.cpu_seconds.items())
    )
    table = Table("single requests of", "before p50 ms", "during p50 ms", "during p99 ms", "requests during")
    for account in measured.during:
        before, during = sorted(measured.before[account]), sorted(measured.during[account])
        table.add_row(
            "the bulk's account" if account == BULKY else "another account",
            *(f"{1000 * statistics.median(times):.1f}" for times in (before, during)),
            f"{1000 * during[int(len(during) * 0.99)]:.1f}",
            str(len(during)),
        )
    console.print(table)
    for name, megabytes in measured.memory.items():
        third = max(1, len(megabytes) // 3)
        first, last = max(megabytes[:third]), max(megabytes[-third:])
        console.print(f"{name}: at most {first:.0f} MB in the first third, {last:.0f} MB in the last")


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--window", type=int, default=64)
    parser.add_argument("--alone", action="store_true", help="without single requests beside it")
    parser.add_argument("--clear", action="store_true", help="passwords in clear")
    options = parser.parse_args()
    show(options, uvloop.run(measure(options)))


if __name__ == "__main__":
    main()
