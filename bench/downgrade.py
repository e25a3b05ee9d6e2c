"""What a downgrade plan costs, and what it costs to know the names that it needs.

    python bench/downgrade.py [--sizes 100 10000 100000] [--rounds 3]

Plans are made on accounts of so many mailboxes, on a database of the bench's own: elapsed, and the longest turn that
the event loop had to wait meanwhile. Names come with facts about aliases: CPU of billing's batches of these, with and
without the names kept.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
from pydantic import SecretStr

from contracts.billing_v1 import OpenAccount
from contracts.envelope import encode
from contracts.ids import uuid7
from contracts.mailbox_v1 import AliasesChanged, FeatureState, MailboxView
from contracts.messages import REGISTRY
from deploy.devstack.postgres import PostgresServer
from services.billing import planning, pricing
from services.billing.app import service
from services.billing.planning import Wish
from services.billing.store_plan import PARTICULARS
from services.chassis import database, worker
from services.chassis.batch import Batch
from services.chassis.journal import Journal
from services.chassis.received import Raw
from services.chassis.service import Moment
from services.chassis.settings import Settings

ACCOUNT, BATCH = "bench", 64
HOLDINGS = """
    INSERT INTO billing.holding (account_id, holder, resource, confirmed, reserved, plan, price_cents, catalogue, since,
        revision)
    SELECT $1, 'mailbox/m' || n || '@x.de', 'mailbox', 1, 0, 'mail', 100 + n % 4, '2026-01-01',
        now() - n * interval '1 min', 1 FROM generate_series(1, $2) AS n
    UNION ALL
    SELECT $1, 'alias/m' || n || '@x.de', 'alias_forward', 2, 0, NULL, NULL, NULL, now(), 1
    FROM generate_series(1, least($2 / 3, 450)) AS n"""
NAMES = """
    INSERT INTO billing.particular (account_id, holder, revision, things)
    SELECT $1, 'alias/m' || n || '@x.de', 1, ARRAY['a' || n || '@x.de', 'b' || n || '@x.de']
    FROM generate_series(1, least($2 / 3, 450)) AS n"""
COUNTERS = """
    UPDATE billing.capacity SET confirmed = CASE resource WHEN 'mailbox' THEN $2 ELSE 2 * least($2 / 3, 450) END
    WHERE account_id = $1 AND resource IN ('mailbox', 'alias_forward')"""


class Bench:
    """Billing's batches, one after the other, on one connection."""

    def __init__(self, connection: Any) -> None:
        self._connection, self._journal, self._seq = connection, Journal("billing"), 0
        self._backend = psutil.Process(connection.get_server_pid())
        self._born, self._revision = datetime.now(UTC), 0

    async def open_account(self) -> None:
        """Open an account without a cap on mailboxes."""
        order = OpenAccount(package="platinum", company="Bench", email="bench@example.com")
        await self._handle([self._raw(order)])

    async def facts(self, batches: int) -> float:
        """Book lists of aliases of two, and return CPU microseconds by fact, Python's and PostgreSQL's."""
        before = self._cpu()
        for _ in range(batches):
            self._revision += 1
            await self._handle([self._raw(self._changed(number)) for number in range(BATCH)])
        return 1e6 * (self._cpu() - before) / (BATCH * batches)

    async def plan(self, mailboxes: int) -> tuple[float, float, int]:
        """Make a plan; return seconds, the loop's longest turn in seconds, and the number of steps."""
        for table in ("holding", "particular"):
            await self._connection.execute(f"DELETE FROM billing.{table}")
        for statement in (HOLDINGS, NAMES, COUNTERS):
            await self._connection.execute(statement, ACCOUNT, mailboxes)
        await self._connection.execute("ANALYZE billing.holding")
        turns: list[float] = []
        watching = asyncio.create_task(_watch(turns))
        began = time.perf_counter()
        answer = await planning.look(self._connection, ACCOUNT, Wish("silver"), pricing.load().versions[0])
        seconds = time.perf_counter() - began
        watching.cancel()
        return seconds, max(turns), answer.steps_total

    async def _handle(self, raws: list[Raw]) -> None:
        batch = Batch(service, self._journal, Moment(datetime.now(UTC)), {0: self._seq})
        async with self._connection.transaction():
            await batch.run(self._connection, {0: self._seq}, raws, ())
        assert all(handled.fate == "done" for handled in batch.entries.handled)
        self._seq = batch.seqs[0]

    def _changed(self, number: int) -> AliasesChanged:
        aliases = (f"a{number}@bench.de", f"b{number}-{self._revision}@bench.de")
        view = MailboxView(
            account=ACCOUNT, address=f"m{number}@bench.de", domain="bench.de", first_name="B", last_name="M",
            state="active", plan="mail", price_cents=100, mail_bytes=10**9, cloud_bytes=0, groupware=False,
            catalogue="2026-01-01", aliases=aliases, forwardings=(), keep_copy=True,
            features=FeatureState(on=(), origin="default"), blocked_senders=(), created_at=self._born,
            revision=self._revision,
        )  # fmt: skip
        return AliasesChanged(mailbox=view)

    def _raw(self, model: Any) -> Raw:
        message = REGISTRY.of(type(model))
        payload = encode(
            message_id=uuid7(), type=message.type, source="/bench", time=datetime.now(UTC), account=ACCOUNT,
            data=model, correlation_id=UUID(int=1),
        )  # fmt: skip
        return Raw(message.subject(ACCOUNT) + (".0" if message.kind == "cmd" else ""), payload, "CMD", 1, "", 0)

    def _cpu(self) -> float:
        times = self._backend.cpu_times()
        return time.process_time() + times.user + times.system


async def _watch(turns: list[float]) -> None:
    while True:
        began = time.perf_counter()
        await asyncio.sleep(0)
        turns.append(time.perf_counter() - began)


@contextmanager
def without_names() -> Iterator[None]:
    """Load and write no names."""
    kind: Any = type(PARTICULARS)
    load, save = kind.load, kind.save

    async def nothing(self: Any, conn: Any, keys: Any) -> dict[Any, Any]:
        """Do nothing."""
        return {}

    kind.load = kind.save = nothing
    try:
        yield
    finally:
        kind.load, kind.save = load, save


async def measure(sizes: list[int], rounds: int) -> None:
    """Measure in turns, and print medians."""
    with tempfile.TemporaryDirectory(prefix="postkontor-bench-") as directory:
        server = PostgresServer(Path(directory))
        await server.start()
        settings = Settings(database_url=SecretStr(server.dsn()))
        await worker.migrate(service, settings)
        connection = await database.connect(settings, name="bench")
        bench = Bench(connection)
        await bench.open_account()
        await bench.facts(2)
        without, kept = [], []
        for _ in range(rounds):
            with without_names():
                without.append(await bench.facts(8))
            kept.append(await bench.facts(8))
        one, other = statistics.median(without), statistics.median(kept)
        print(f"CPU us per fact about aliases: {one:.0f} without names, {other:.0f} with, {other / one - 1:+.0%}")
        for size in sizes:
            found = [await bench.plan(size) for _ in range(rounds)]
            seconds, turn = (statistics.median(part) for part in list(zip(*found, strict=True))[:2])
            print(
                f"{size:7} mailboxes: plan of {found[0][2]} steps in {seconds:.3f} s, longest turn {turn * 1000:.0f} ms"
            )
        await connection.close()
        await server.stop()


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="*", default=[100, 10_000, 100_000], help="mailboxes of the account")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    asyncio.run(measure(options.sizes, options.rounds))


if __name__ == "__main__":
    main()
