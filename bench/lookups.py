"""TXT look-ups per second and per CPU second: dnscheck's own way of asking beside what else there is for asyncio.

    python bench/lookups.py                                  all clients, 1 to 2,000 in flight
    python bench/lookups.py --clients asker dnspython --in-flight 500 --seconds 10
    python bench/lookups.py --waiting 20000                  memory with that many look-ups waiting for their turn

A look-up counts when the token of that very name came back; everything else is lost. Every figure is of a process of
its own, so CPU and memory are the client's alone. The server is Knot on a loopback address where it is installed
(Debian: apt-get install knot); else a small responder in Python, and the output says so. Figures from shared machines
are noisy: look at look-ups per CPU second and at the ratios, which are taken round by round.
"""

import argparse
import asyncio
import ipaddress
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass

import dns.asyncresolver
import dns.exception
import dns.name
import dns.rdatatype
import uvloop
from authoritative import ADDRESS, NAMES, ZONE, authoritative_server, owner, value
from rich.console import Console
from rich.table import Table

from services.dnscheck.asking import wire
from services.dnscheck.asking.asker import Asker
from services.dnscheck.asking.budget import Budget
from services.dnscheck.asking.replies import Received, ServerTrouble, receive
from services.dnscheck.asking.restraint import Rates
from services.dnscheck.asking.sockets import Sockets
from services.dnscheck.observation import NameServer

PATIENCE_SECONDS = 15.0
WARM_UP_SECONDS = 0.5
# The restraint is at work; only its rates are those of a server of one's own.
RATES = Rates(server_per_second=1e6, registry_per_second=1e6, zone_per_second=1e6, rest_seconds=0)
LookUp = Callable[[int], Awaitable[bool]]


@dataclass
class Result:
    """What one client did at one load."""

    client: str
    in_flight: int
    looked_up: int
    lost: int
    seconds: float
    cpu_seconds: float
    p50_ms: float
    p99_ms: float
    rss_megabytes: float
    times_dnspython: float = 0.0

    @property
    def per_second(self) -> float:
        """Return verified look-ups per second."""
        return self.looked_up / self.seconds

    @property
    def per_cpu_second(self) -> float:
        """Return verified look-ups per CPU second of the client process."""
        return self.looked_up / self.cpu_seconds


# -- the clients: each returns a look-up that says whether the right value came


async def postkontor_asker(port: int) -> LookUp:
    """dnscheck as it is: restraint, retries, answers for the diagnosis."""
    asker = Asker(
        port=port,
        allow_networks=[ipaddress.ip_network("127.0.0.0/8")],
        timeouts_seconds=(0.8, 1.6, 3.2),
        tcp_timeout_seconds=5.0,
        rates=RATES,
        is_registry=lambda _: False,
    )
    server, zone = NameServer("ns.bench", (ADDRESS,)), dns.name.from_text(ZONE)
    names = [dns.name.from_text(owner(number)) for number in range(NAMES)]

    async def look_up(number: int) -> bool:
        budget = Budget(ends_at=Budget.now() + PATIENCE_SECONDS)
        reply = await asker.ask(server, ADDRESS, zone, names[number % NAMES], dns.rdatatype.TXT, budget)
        return reply.answer.aa and reply.answer.values == (value(number),)

    return look_up


async def postkontor_sockets(port: int) -> LookUp:
    """Its two lowest layers alone: no limit, no retry."""
    sockets, loop = Sockets(port), asyncio.get_running_loop()
    names = [dns.name.from_text(owner(number)) for number in range(NAMES)]
    octets = [wire.name_octets(name) for name in names]

    async def look_up(number: int) -> bool:
        question = wire.question(octets[number % NAMES], 16)

        def read(reply: bytes) -> Received | str:
            received = receive(reply, question, names[number % NAMES], dns.rdatatype.TXT)
            return received.note if isinstance(received, ServerTrouble) else received

        received = await sockets.exchange(ADDRESS, question, 2.0, read, loop)
        return isinstance(received, Received) and received.seen.values == (value(number),)

    return look_up


async def dnspython(port: int) -> LookUp:
    """dns.asyncresolver.resolve."""
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers, resolver.port, resolver.lifetime = [ADDRESS], port, PATIENCE_SECONDS
    resolver.use_edns(0, payload=wire.EDNS_PAYLOAD)

    async def look_up(number: int) -> bool:
        try:
            answer = await resolver.resolve(owner(number) + ".", "TXT")
        except dns.exception.DNSException:
            return False
        return [b"".join(rdata.strings).decode() for rdata in answer] == [value(number)]

    return look_up


async def aiodns(port: int) -> LookUp:
    """The c-ares library through aiodns: it knows neither the server that answered nor the AA bit."""
    import aiodns

    resolver = aiodns.DNSResolver(
        nameservers=[ADDRESS], udp_port=port, tcp_port=port, timeout=PATIENCE_SECONDS, tries=3
    )

    async def look_up(number: int) -> bool:
        try:
            answer = await resolver.query_dns(owner(number), "TXT")
        except aiodns.error.DNSError:
            return False
        return [record.data.data.decode() for record in answer.answer] == [value(number)]

    return look_up


CLIENTS = {"asker": postkontor_asker, "sockets": postkontor_sockets, "dnspython": dnspython, "aiodns": aiodns}
TITLES = {
    "asker": "postkontor: Asker.ask",
    "sockets": "postkontor: sockets and wire",
    "dnspython": "dns.asyncresolver.resolve",
    "aiodns": "aiodns",
}


# -- measuring, in a process of its own


async def measure(client: str, port: int, in_flight: int, seconds: float) -> Result:
    """Keep so many look-ups in flight for so long."""
    look_up = await CLIENTS[client](port)
    await _keep_busy(look_up, in_flight, WARM_UP_SECONDS)
    cpu_before, began = _cpu_seconds(), time.perf_counter()
    latencies, lost = await _keep_busy(look_up, in_flight, seconds)
    elapsed, cpu = time.perf_counter() - began, _cpu_seconds() - cpu_before
    latencies.sort()
    return Result(
        client=client,
        in_flight=in_flight,
        looked_up=len(latencies),
        lost=lost,
        seconds=elapsed,
        cpu_seconds=cpu,
        p50_ms=statistics.median(latencies) * 1000,
        p99_ms=latencies[int(len(latencies) * 0.99)] * 1000,
        rss_megabytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )


async def _keep_busy(look_up: LookUp, in_flight: int, seconds: float) -> tuple[list[float], int]:
    latencies: list[float] = []
    lost = serial = 0
    ends_at = time.perf_counter() + seconds

    async def ask_again_and_again() -> None:
        nonlocal lost, serial
        while (began := time.perf_counter()) < ends_at:
            serial += 1
            if await look_up(serial):
                latencies.append(time.perf_counter() - began)
            else:
                lost += 1

    await asyncio.gather(*(ask_again_and_again() for _ in range(in_flight)))
    return latencies, lost


async def wait_together(port: int, count: int) -> Result:
    """Begin all look-ups at once: most wait for their turn."""
    look_up = await postkontor_asker(port)
    await _keep_busy(look_up, 50, WARM_UP_SECONDS)
    cpu_before, began = _cpu_seconds(), time.perf_counter()
    found = await asyncio.gather(*(look_up(number) for number in range(count)))
    elapsed = time.perf_counter() - began
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    cpu, looked_up = _cpu_seconds() - cpu_before, sum(found)
    return Result("asker", count, looked_up, count - looked_up, elapsed, cpu, elapsed * 500, elapsed * 1000, rss)


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def measure_apart(options: argparse.Namespace, port: int, client: str, in_flight: int) -> Result:
    """Measure in a fresh process."""
    argv = [sys.executable, __file__, "--port", str(port), "--seconds", str(options.seconds), "--loop", options.loop]
    argv += ["--waiting", str(in_flight)] if options.waiting else ["--in-flight", str(in_flight), "--clients", client]
    return Result(**json.loads(subprocess.run(argv, check=True, capture_output=True, text=True).stdout))


def measure_side_by_side(options: argparse.Namespace, port: int, clients: list[str], in_flight: int) -> list[Result]:
    """Let the clients take turns, round by round, and return each one's median round.

    Ratios are taken within a round, so that what else the machine does in a minute hits all clients alike.
    """
    rounds = [
        {client: measure_apart(options, port, client, in_flight) for client in clients} for _ in range(options.rounds)
    ]
    medians: list[Result] = []
    for client in clients:
        ranked = sorted((each[client] for each in rounds), key=lambda result: result.per_cpu_second)
        median = ranked[len(ranked) // 2]
        median.lost = sum(result.lost for result in ranked)
        if "dnspython" in clients:
            ratios = [each[client].per_cpu_second / each["dnspython"].per_cpu_second for each in rounds]
            median.times_dnspython = statistics.median(ratios)
        medians.append(median)
    return medians


# -- the table


def show(results: list[Result], server: str) -> None:
    """Print the table that docs/performance.md quotes."""
    table = Table(
        "client", "in flight", "look-ups/s", "per CPU second", "times dnspython", "p50 ms", "p99 ms", "lost", "RSS MB",
        title=server,
    )  # fmt: skip
    for result in results:
        ratio = result.times_dnspython
        table.add_row(
            TITLES[result.client], f"{result.in_flight:,}", f"{result.per_second:,.0f}",
            f"{result.per_cpu_second:,.0f}", f"{ratio:.1f}" if ratio else "", f"{result.p50_ms:.1f}",
            f"{result.p99_ms:.1f}", str(result.lost), f"{result.rss_megabytes:.0f}",
        )  # fmt: skip
    Console(width=140).print(table)


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", nargs="+", choices=list(CLIENTS), default=list(CLIENTS))
    parser.add_argument("--in-flight", type=int, nargs="+", default=[1, 50, 500, 2_000])
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=3, help="the median round counts; losses are added up")
    parser.add_argument("--loop", choices=("uvloop", "asyncio"), default="uvloop", help="the workers run on uvloop")
    parser.add_argument("--waiting", type=int, default=0, help="begin so many look-ups at once instead")
    parser.add_argument("--port", type=int, default=0, help=argparse.SUPPRESS)  # a client process of this bench
    options = parser.parse_args()
    if options.port:
        run = uvloop.run if options.loop == "uvloop" else asyncio.run
        if options.waiting:
            result = run(wait_together(options.port, options.waiting))
        else:
            result = run(measure(options.clients[0], options.port, options.in_flight[0], options.seconds))
        print(json.dumps(asdict(result)))
        return
    loads = [options.waiting] if options.waiting else options.in_flight
    clients = ["asker"] if options.waiting else options.clients
    with authoritative_server() as (port, server):
        results = [result for in_flight in loads for result in measure_side_by_side(options, port, clients, in_flight)]
    show(results, f"{server}, {options.loop}")


if __name__ == "__main__":
    main()
