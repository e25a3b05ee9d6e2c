"""What the event log's two indexes cost a fact, and what a question costs: the same rows into tables with and without.

    python bench/trails.py
    python bench/trails.py --rounds 300

Rows of a fact's size go in by batches of 256 on a real PostgreSQL (synchronous_commit on), every table in turn within
one run. Then the two questions of a trail are asked of the fullest table.
"""

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from contracts.ids import uuid7
from deploy.devstack.postgres import PostgresServer

BATCH, ACCOUNT = 256, "nordwind"
VARIANTS = {
    "none": (),
    "request": ("(request_id)",),
    "request, about": ("(request_id)", "(hashtext(ordering_key), logged_at)"),
    "request, about as text": ("(request_id)", "(ordering_key, logged_at)"),
}
PAYLOAD = random.Random(1).randbytes(600).hex().encode()


class Log:
    """An event log with some indexes."""

    def __init__(self, connection: Any, number: int) -> None:
        self._connection, self.table, self._serial = connection, f"log_{number}", count(1)
        self.seconds: list[float] = []
        self.wal_bytes = 0
        self.seen: list[tuple[UUID, str]] = []

    async def make(self, indexes: tuple[str, ...]) -> None:
        """Make the table as the chassis does, with one partition."""
        await self._connection.execute(
            f"CREATE TABLE {self.table} (lane smallint, seq bigint, logged_at timestamptz, message_id uuid,"
            " subject text, ordering_key text, payload bytea, request_id uuid, PRIMARY KEY (lane, seq, logged_at))"
            " PARTITION BY RANGE (logged_at)"
        )
        await self._connection.execute(f"CREATE TABLE {self.table}_other PARTITION OF {self.table} DEFAULT")
        for index in indexes:
            await self._connection.execute(f"CREATE INDEX ON {self.table} {index}")

    async def write(self) -> None:
        """Write a batch."""
        requests = [uuid7() for _ in range(BATCH)]
        keys = [f"{ACCOUNT}/mailbox/{uuid4().hex[:10]}@nordwind-segel.de" for _ in requests]
        rows = [list(range(BATCH)), [next(self._serial) for _ in requests], [uuid4() for _ in requests], keys, requests]
        before = await self._connection.fetchval("SELECT pg_current_wal_insert_lsn()")
        begun = time.perf_counter()
        await self._connection.execute(
            f"INSERT INTO {self.table} SELECT 0, r.seq, $6, r.id, 'evt.nordwind.mailbox.mailbox-created.v1', r.key, $7,"
            " r.request FROM unnest($1::int[], $2::bigint[], $3::uuid[], $4::text[], $5::uuid[])"
            " AS r (place, seq, id, key, request)",
            *rows,
            datetime.now(UTC),
            PAYLOAD,
        )
        self.seconds.append(time.perf_counter() - begun)
        wal = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), $1::pg_lsn)::bigint"
        self.wal_bytes += await self._connection.fetchval(wal, before)
        self.seen.append((requests[0], keys[0]))

    async def report(self, name: str) -> None:
        """Print what a fact took."""
        index = await self._connection.fetchval("SELECT pg_indexes_size($1::regclass)", f"{self.table}_other")
        facts = len(self.seconds) * BATCH
        median = statistics.median(self.seconds) / BATCH * 1e6
        print(f"{name:24} {median:6.1f} us  WAL {self.wal_bytes / facts:6.0f} B  indexes {index / facts:5.0f} B a fact")

    async def ask(self) -> None:
        """Print what the two questions take."""
        by_request = f"SELECT payload FROM {self.table} WHERE request_id = $1"
        about = (
            f"SELECT payload FROM {self.table} WHERE hashtext(ordering_key) = hashtext($1) AND ordering_key = $1"
            " ORDER BY logged_at DESC LIMIT 200"
        )
        for name, sql, place in (("of a request", by_request, 0), ("about a thing", about, 1)):
            took: list[float] = []
            for seen in self.seen:
                begun = time.perf_counter()
                assert await self._connection.fetch(sql, seen[place])
                took.append(time.perf_counter() - begun)
            print(f"facts {name:18} {statistics.median(took) * 1e6:6.0f} us a question")


async def run(rounds: int) -> None:
    """Write in turns, report, ask."""
    with tempfile.TemporaryDirectory() as directory:
        postgres = PostgresServer(Path(directory) / "postgres")
        await postgres.start()
        connection = await asyncpg.connect(postgres.dsn())
        logs = {name: Log(connection, number) for number, name in enumerate(VARIANTS)}
        for name, log in logs.items():
            await log.make(VARIANTS[name])
        for _ in range(rounds):
            for log in logs.values():
                await log.write()
        for name, log in logs.items():
            await log.report(name)
        await logs["request, about"].ask()
        await connection.close()
        await postgres.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=150, help="batches into each table")
    asyncio.run(run(parser.parse_args().rounds))
