"""Complete mailbox provisionings per second through all workers, with durable commits, and what they cost.

    python bench/provisioning.py                          1, 64 and 512 in flight, both sync settings
    python bench/provisioning.py --sync default --in-flight 512 --seconds 20
    python bench/provisioning.py --existing 100000        cost with that many mailboxes already in the account

Everything runs on this machine: NATS, PostgreSQL (synchronous_commit on), the four workers and the load. A mailbox
counts when its requester has the outcome; CPU is measured until billing has booked the last one. Figures from shared
machines are noisy: compare within one run, look at CPU per mailbox and at ratios.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import psutil
import uvloop
from rich.console import Console
from rich.table import Table

from client import Postkontor
from contracts.billing_v1 import AskUsage, OpenAccount
from contracts.domain_v1 import ClaimDomain, ValidateDomain
from contracts.mailbox_v1 import CreateMailbox
from deploy.devstack import dnsupdate
from deploy.devstack.stack import Stack

HASH = "{SHA512-CRYPT}$6$benchbench$" + "a" * 86  # the edge hashes passwords, not this system
PATIENCE_SECONDS = 120.0
WARM_UP = 300


@dataclass(frozen=True)
class Load:
    """Mailboxes to order: how many at a time, for how long, for which accounts."""

    in_flight: int
    seconds: float
    accounts: tuple[str, ...]


@dataclass
class Result:
    """What a load took."""

    sync: str
    in_flight: int
    mailboxes: int
    seconds: float
    latencies: list[float]
    cpu_seconds: dict[str, float]
    rss_megabytes: dict[str, float] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Return mailboxes per second."""
        return self.mailboxes / self.seconds

    def cpu_milliseconds(self, name: str) -> float:
        """Return the CPU time of one process (or all of PostgreSQL) per mailbox."""
        return 1000 * self.cpu_seconds[name] / self.mailboxes

    @property
    def cpu_total(self) -> float:
        """Return the CPU time per mailbox of everything but the load itself, in milliseconds."""
        return sum(self.cpu_milliseconds(name) for name in self.cpu_seconds if name != "load")


class Meter:
    """CPU and memory of the stack's processes."""

    def __init__(self, stack: Stack) -> None:
        self._processes = {"nats": [stack.nats.pid], "postgres": [stack.postgres.pid], "load": [psutil.Process().pid]}
        for service in ("domain", "billing", "mailbox", "dnscheck"):
            self._processes[service] = [worker.pid for worker in stack.workers(service)]

    def cpu(self) -> dict[str, float]:
        """Return CPU seconds used so far, by name."""
        return {name: sum(_cpu(pid) for pid in pids) for name, pids in self._processes.items()}

    def rss(self) -> dict[str, float]:
        """Return resident megabytes, by name; PostgreSQL's shared pages count once."""
        return {
            name: sum(psutil.Process(pid).memory_info().rss for pid in pids) / 1e6
            for name, pids in self._processes.items()
        }


def _cpu(pid: int) -> float:
    process = psutil.Process(pid)
    total = 0.0
    for member in [process, *process.children(recursive=True)] if "postgres" in process.name() else [process]:
        try:
            times = member.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


class Bench:
    """A running stack with accounts whose domains are active."""

    def __init__(self, stack: Stack, office: Postkontor, sync: str) -> None:
        self._stack, self._office, self._sync = stack, office, sync
        self.meter = Meter(stack)
        self._serial = 0

    async def prepare(self, accounts: tuple[str, ...]) -> None:
        """Open unlimited accounts and prove a domain for each."""
        dns = self._stack.dns
        for account in accounts:
            await self._sure(account, OpenAccount(package="platinum", company=account, email="bench@example.com"))
            claim = ClaimDomain(domain=f"{account}.de", password_hash=HASH)
            claimed = await self._sure(account, claim)
            await dnsupdate.register_domain(dns.tld_address, dns.port, claim.domain)
            record = claimed.fact.domain.record
            await dnsupdate.set_txt(dns.update_address, dns.port, claim.domain, record.name + ".", record.value)
            checked = await self._sure(account, ValidateDomain(domain=claim.domain))
            assert checked.fact.verified, checked.fact.attempt.text.en

    async def fill(self, account: str, count: int) -> None:
        """Make mailboxes over the bus, as fast as it goes."""
        await self.fill_all((account,), count)

    async def fill_all(self, accounts: tuple[str, ...], count: int) -> None:
        """Make mailboxes of all accounts in turns."""
        await self._order(Load(512, PATIENCE_SECONDS * 10, accounts), count)
        await self.settled(accounts)

    async def run(self, load: Load) -> Result:
        """Run one load and measure it."""
        await self._order(Load(load.in_flight, 60, load.accounts), min(WARM_UP, 20 * load.in_flight))
        await self.settled(load.accounts)
        before, began = self.meter.cpu(), time.perf_counter()
        latencies = await self._order(load, None)
        seconds = time.perf_counter() - began
        await self.settled(load.accounts)
        after = self.meter.cpu()
        spent = {name: after[name] - before[name] for name in after}
        return Result(self._sync, load.in_flight, len(latencies), seconds, latencies, spent, self.meter.rss())

    async def _order(self, load: Load, count: int | None) -> list[float]:
        latencies: list[float] = []
        ends_at = time.perf_counter() + load.seconds
        left = [count if count is not None else 10**9]

        async def customer() -> None:
            while left[0] > 0 and time.perf_counter() < ends_at:
                left[0] -= 1
                began = time.perf_counter()
                await self.mailbox(load.accounts)
                latencies.append(time.perf_counter() - began)

        await asyncio.gather(*(customer() for _ in range(load.in_flight)))
        return latencies

    async def mailbox(self, accounts: tuple[str, ...]) -> None:
        """Order the next mailbox, for the accounts in turns, and wait for its outcome."""
        self._serial += 1
        account = accounts[self._serial % len(accounts)]
        order = CreateMailbox(
            address=f"m{self._serial}@{account}.de",
            first_name="Bench",
            last_name="Mark",
            plan="mail",
            password_hash=HASH,
        )
        outcome = await self._office.request(order, account=account, timeout=PATIENCE_SECONDS)
        assert outcome.refusal is None, outcome.refusal

    async def _sure(self, account: str, request):
        outcome = await self._office.request(request, account=account, timeout=PATIENCE_SECONDS)
        assert outcome.refusal is None, outcome.refusal
        return outcome

    async def settled(self, accounts: tuple[str, ...]) -> None:
        """Wait until billing has booked everything."""
        for account in accounts:
            while any(c.reserved for c in (await self._office.ask(AskUsage(), account=account)).capacities):
                await asyncio.sleep(0.02)


async def measure(options: argparse.Namespace, sync: str) -> list[Result]:
    """Run every load on a fresh stack with one sync setting."""
    accounts = tuple(f"bench{number}" for number in range(options.accounts))
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="postkontor-bench-") as directory:
        async with (
            Stack(Path(directory), sync_always=sync == "always", replicas=options.replicas) as stack,
            Postkontor.from_environment(stack.environment(), account="*", source=f"bench-{uuid4().hex[:6]}") as office,
        ):
            bench = Bench(stack, office, sync)
            await bench.prepare(accounts)
            if options.existing:
                results.append(await bench.run(Load(options.in_flight[-1], options.seconds, accounts[:1])))
                await bench.fill(accounts[0], options.existing)
                results.append(await bench.run(Load(options.in_flight[-1], options.seconds, accounts[:1])))
                return results
            for in_flight in options.in_flight:
                rounds = [await bench.run(Load(in_flight, options.seconds, accounts)) for _ in range(options.rounds)]
                results.append(sorted(rounds, key=lambda r: r.rate)[len(rounds) // 2])
    return results


def show(results: list[Result]) -> None:
    """Print the table that docs/performance.md quotes."""
    names = list(results[0].cpu_seconds)
    table = Table(
        "sync",
        "in flight",
        "mailboxes",
        "per second",
        "p50 ms",
        "p99 ms",
        "CPU ms",
        *names,
        title="CPU milliseconds per mailbox; the total leaves the load out",
    )
    for result in results:
        ordered = sorted(result.latencies)
        p50, p99 = statistics.median(ordered), ordered[int(len(ordered) * 0.99)]
        table.add_row(
            result.sync, str(result.in_flight), str(result.mailboxes), f"{result.rate:.0f}", f"{p50 * 1000:.1f}",
            f"{p99 * 1000:.1f}", f"{result.cpu_total:.2f}", *(f"{result.cpu_milliseconds(name):.2f}" for name in names),
        )  # fmt: skip
    console = Console(width=160)
    console.print(table)
    console.print(
        "resident MB at the end: " + ", ".join(f"{name} {mb:.0f}" for name, mb in results[-1].rss_megabytes.items())
    )


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--sync", choices=("default", "always"), action="append", help="JetStream's sync_interval; both if not given"
    )
    parser.add_argument("--in-flight", type=int, nargs="+", default=[1, 64, 512])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=1, help="the median round counts")
    parser.add_argument("--accounts", type=int, default=20)
    parser.add_argument("--replicas", type=int, default=1)
    parser.add_argument("--existing", type=int, default=0, help="measure before and after making so many mailboxes")
    options = parser.parse_args()
    for sync in options.sync or ["default", "always"]:
        show(uvloop.run(measure(options, sync)))


if __name__ == "__main__":
    main()
