"""Measures what bench/scale_model.py counts with, and writes it to bench/scale_measured.json.

    python bench/scale_measure.py                                         100,000 mailboxes, minutes
    python bench/scale_measure.py --accounts 500 --domains 500 --mailboxes 10000 --output /tmp/measured.json

On a stack of its own, step by step: accounts are opened, domains are proven (each with an account of its own), domains
are claimed and left pending, mailboxes are made. After each step every table is vacuumed and measured with
pg_total_relation_size, so with its indexes, and the streams with what the broker says. What a step has added, divided
by its number, is what one costs. A watch grows with its looks: its row is measured after eight or more.
"""

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import nats
import uvloop
from provisioning import PATIENCE_SECONDS, Bench

from client import Postkontor
from contracts.billing_v1 import OpenAccount
from contracts.domain_v1 import ClaimDomain
from deploy.devstack import dnsupdate
from deploy.devstack.stack import SERVICES, Stack
from services.chassis.following import move_timers
from services.chassis.topology import partition

OUTPUT = Path(__file__).with_name("scale_measured.json")
AT_ONCE = 256
MOVED = 100_000  # timers, for the cost of another number of partitions
SIZES = """
    SELECT n.nspname AS schema, coalesce(p.relname, c.relname) AS name,
        sum(pg_total_relation_size(c.oid))::bigint AS bytes
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    LEFT JOIN pg_inherits AS i ON i.inhrelid = c.oid LEFT JOIN pg_class AS p ON p.oid = i.inhparent
    WHERE n.nspname = ANY($1::text[]) AND c.relkind = 'r' GROUP BY 1, 2"""


@dataclass
class Seen:
    """What is stored at one moment: bytes and rows by table, bytes and messages by stream."""

    bytes: dict[str, int] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    stream_bytes: dict[str, int] = field(default_factory=dict)
    messages: dict[str, int] = field(default_factory=dict)


@dataclass
class Cost:
    """What one thing adds: bytes and rows by table, bytes and messages by stream."""

    count: int
    bytes: dict[str, float]
    rows: dict[str, float]
    stream_bytes: dict[str, float]
    messages: dict[str, float]


def cost(before: Seen, after: Seen, count: int) -> Cost:
    """Return what each of `count` things has added."""

    def each(name: str) -> dict[str, float]:
        old, new = getattr(before, name), getattr(after, name)
        added = {key: (new[key] - old.get(key, 0)) / count for key in new}
        return {key: round(value, 3) for key, value in sorted(added.items()) if value >= 0.0005}

    return Cost(count, each("bytes"), each("rows"), each("stream_bytes"), each("messages"))


class Measurement:
    """A running stack, and what is stored in it."""

    def __init__(self, stack: Stack, office: Postkontor, streams: Any, database: "asyncpg.Connection[Any]") -> None:
        self.stack, self.office, self._streams, self.database = stack, office, streams, database

    async def seen(self) -> Seen:
        """Wait until nothing is under way, then measure."""
        await self._quiet()
        await self.database.execute("VACUUM ANALYZE")
        seen = Seen()
        for row in await self.database.fetch(SIZES, list(SERVICES)):
            name = f"{row['schema']}.{row['name']}"
            seen.bytes[name] = row["bytes"]
            seen.rows[name] = await self.database.fetchval(f"SELECT count(*) FROM {name}")
        for stream in ("CMD", "EVT"):
            state = (await self._streams.stream_info(stream)).state
            seen.stream_bytes[stream], seen.messages[stream] = state.bytes, state.messages
        return seen

    async def _quiet(self) -> None:
        last = -1
        while (now := (await self._streams.stream_info("CMD")).state.last_seq) != last:
            last = now
            await asyncio.sleep(2)

    async def looks(self, accounts: str) -> int:
        """Return how many looks dnscheck has stated for accounts of a kind."""
        subjects = f"evt.{accounts}%-checked.v1"
        return await self.database.fetchval("SELECT count(*) FROM dnscheck.event_log WHERE subject LIKE $1", subjects)

    async def grown_watch(self) -> float | None:
        """Return the bytes of a watch that was looked at often, without indexes."""
        return await self.database.fetchval(
            "SELECT round(avg(pg_column_size(w.*)))::float FROM dnscheck.watch AS w WHERE facet = 'txt' AND looks >= 8"
        )

    async def look_fact(self) -> dict[str, float]:
        """Return the bytes of the fact that a look at a pending domain states, in the stream and in the log."""
        size, texts, number = "sum(octet_length(payload) + octet_length(subject))::bigint", 0, 0
        for service in SERVICES:
            row: Any = await self.database.fetchrow(f"SELECT {size} AS texts, count(*) AS n FROM {service}.event_log")
            texts, number = texts + (row["texts"] or 0), number + row["n"]
        state = (await self._streams.stream_info("EVT")).state
        overhead = (state.bytes - texts * state.messages / number) / state.messages
        of_looks = "FROM dnscheck.event_log WHERE subject LIKE 'evt.konto%.txt-checked.v1'"
        own: Any = await self.database.fetchval(f"SELECT {size}::float / count(*) {of_looks}")
        whole = (await self.seen()).bytes["dnscheck.event_log"]
        rows = await self.database.fetchval("SELECT count(*) FROM dnscheck.event_log")
        return {"stream_bytes": round(own + overhead), "log_bytes": round(whole / rows)}

    def questions(self, domains: str) -> int:
        """Return how many questions about domains of a kind were asked lately."""
        return sum(domains in str(question.name) for question in self.stack.dns.questions)


async def many(numbers: range, work: Callable[[int], Awaitable[Any]]) -> None:
    """Do something for every number, some at a time."""
    left = iter(numbers)

    async def go_on() -> None:
        for number in left:
            await work(number)

    await asyncio.gather(*(go_on() for _ in range(AT_ONCE)))


async def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Go through the steps; return what the model needs."""
    with tempfile.TemporaryDirectory(prefix="postkontor-bench-") as directory:
        async with (
            Stack(Path(directory), sync_always=False) as stack,
            Postkontor.from_environment(stack.environment(), account="*", source="bench") as office,
        ):
            bus = await nats.connect(**stack.access("admin").for_nats())
            database = await asyncpg.connect(stack.postgres.dsn())
            measurement = Measurement(stack, office, bus.jetstream(), database)
            try:
                found = await _steps(measurement, options)
            finally:
                await database.close()
                await bus.close()
            return {"measured_on": f"{datetime.now(UTC):%Y-%m-%d}", "command": _command(options), **found}


async def _steps(measurement: Measurement, options: argparse.Namespace) -> dict[str, Any]:
    begun = await measurement.seen()
    await many(range(options.accounts), lambda number: _open(measurement.office, f"konto-{number}"))
    with_accounts = await measurement.seen()
    bench = Bench(measurement.stack, measurement.office, "default")
    accounts = tuple(f"bench{number}" for number in range(options.holders))
    await bench.prepare(accounts)
    with_proven = await measurement.seen()
    active = measurement.questions("bench") / await measurement.looks("bench")
    pending = await _pending(measurement, options)
    before = await measurement.seen()
    began = time.perf_counter()
    await bench.fill_all(accounts, options.mailboxes)
    seconds = time.perf_counter() - began
    after = await measurement.seen()
    return {
        "account": asdict(cost(begun, with_accounts, options.accounts)),
        "pending_domain": asdict(cost(with_proven, before, options.domains)),
        "proven_domain": asdict(cost(with_accounts, with_proven, options.holders)),
        "mailbox": asdict(cost(before, after, options.mailboxes)),
        "questions_per_look": {**pending, "active": round(active, 2)},
        "watch_row_after_many_looks": await measurement.grown_watch(),
        "look": await measurement.look_fact(),
        "filled_per_second": round(options.mailboxes / seconds),
        "repartition": await moving(measurement),
    }


async def _open(office: Postkontor, account: str) -> None:
    order = OpenAccount(package="platinum", company=account, email="post@example.com")
    assert (await office.request(order, account=account, timeout=PATIENCE_SECONDS)).refusal is None


async def _pending(measurement: Measurement, options: argparse.Namespace) -> dict[str, float]:
    """Claim domains whose record is missing; return how many questions a first, deep look asks, and a later one."""
    dns, office = measurement.stack.dns, measurement.office

    async def claim(number: int) -> None:
        name = f"wartet-{number}.de"
        account = f"konto-{number % options.accounts}"
        claimed = await office.request(ClaimDomain(domain=name), account=account, timeout=PATIENCE_SECONDS)
        assert claimed.refusal is None, claimed.refusal

    for number in range(options.watched):
        await dnsupdate.register_domain(dns.tld_address, dns.port, f"wartet-{number}.de")
    await many(range(options.watched), claim)
    await asyncio.sleep(8)
    asked, looked = measurement.questions("wartet"), await measurement.looks("konto")
    deep = asked / looked
    await asyncio.sleep(22)  # the second look comes after 16 to 24 seconds, and is a shallow one
    shallow = (measurement.questions("wartet") - asked) / (await measurement.looks("konto") - looked)
    await many(range(options.watched, options.domains), claim)
    return {"deep": round(deep, 2), "shallow": round(shallow, 2)}


async def moving(measurement: Measurement) -> dict[str, float]:
    """Return what a timer's move to another lane costs, in a copy of the table with many of them."""
    database = measurement.database
    await database.execute("CREATE SCHEMA trial; CREATE TABLE trial.timer (LIKE dnscheck.timer INCLUDING ALL)")
    await database.execute(
        "INSERT INTO trial.timer (kind, key, lane, account, due_at, payload) SELECT 'txt', gen_random_uuid()::text,"
        " 0, 'konto-' || n % 10000, now() + n * interval '1 second', payload FROM generate_series(1, $1) AS n,"
        " (SELECT payload FROM dnscheck.timer WHERE kind = 'txt' LIMIT 1) AS p",
        MOVED,
    )
    lanes = {f"konto-{number}": partition(f"konto-{number}", 4) for number in range(10_000)}
    await database.execute(
        "UPDATE trial.timer AS t SET lane = l.lane FROM unnest($1::text[], $2::smallint[]) AS l (account, lane)"
        " WHERE t.account = l.account",
        list(lanes), list(lanes.values()),
    )  # fmt: skip
    await database.execute("VACUUM FULL ANALYZE trial.timer")
    began = time.perf_counter()
    moved = await move_timers(database, "trial", 4, 8)
    seconds = time.perf_counter() - began
    return {"timers": MOVED, "moved": moved, "microseconds_per_timer": round(1e6 * seconds / MOVED, 1)}


def _command(options: argparse.Namespace) -> str:
    return (
        f"python bench/scale_measure.py --accounts {options.accounts} --domains {options.domains}"
        f" --mailboxes {options.mailboxes}"
    )


def main() -> None:
    """Parse the command line, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=2000)
    parser.add_argument("--domains", type=int, default=5000, help="claimed and left pending")
    parser.add_argument("--watched", type=int, default=100, help="of them registered, whose looks' questions count")
    parser.add_argument("--holders", type=int, default=200, help="accounts with a proven domain, for the mailboxes")
    parser.add_argument("--mailboxes", type=int, default=100_000)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args()
    found = uvloop.run(measure(options))
    options.output.write_text(json.dumps(found, indent=2) + "\n")
    print(options.output.read_text())


if __name__ == "__main__":
    main()
