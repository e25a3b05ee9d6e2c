"""What the ledger adds to a mailbox's way through billing: the same batches with and without it, in turns.

    python bench/ledger.py
    python bench/ledger.py --batch 64 --rounds 12

No broker: orders and facts are handed to billing's own batches on a real PostgreSQL (synchronous_commit on), half of a
batch reserving, half confirming. CPU of this process and of its PostgreSQL session are counted, by mailbox. Without the
ledger means that its rows are neither made nor written.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count, islice
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
from pydantic import SecretStr

from contracts.billing_v1 import AdmittedMailbox, OpenAccount
from contracts.envelope import encode
from contracts.ids import uuid7
from contracts.mailbox_v1 import CreateMailbox, FeatureState, MailboxCreated, MailboxView
from contracts.messages import REGISTRY
from deploy.devstack.postgres import PostgresServer
from services.billing import booking, ledger
from services.billing.app import service
from services.billing.store_ledger import LEDGER
from services.chassis import database, worker
from services.chassis.batch import Batch
from services.chassis.journal import Journal
from services.chassis.received import Raw
from services.chassis.service import Moment
from services.chassis.settings import Settings

HASH = "{SHA512-CRYPT}$6$benchbench$" + "a" * 86
ACCOUNTS = 20
serial = count(1)


class Bench:
    """Billing's batches, one after the other, on one connection."""

    def __init__(self, connection: Any) -> None:
        self._connection, self._journal, self._seq = connection, Journal("billing"), 0
        self._backend = psutil.Process(connection.get_server_pid())
        self._waiting: list[tuple[str, str, UUID]] = []

    async def open_accounts(self) -> None:
        """Open accounts without a cap on mailboxes."""
        order = OpenAccount(package="platinum", company="Bench", email="bench@example.com")
        await self._handle([self._raw(f"bench{number}", uuid7(), order) for number in range(ACCOUNTS)])

    async def mailboxes(self, batch: int, batches: int) -> tuple[float, float]:
        """Reserve and confirm so many, and return CPU microseconds by mailbox: Python's and PostgreSQL's."""
        before = self._cpu()
        for _ in range(batches):
            facts = [self._created(*waiting) for waiting in self._waiting]
            self._waiting = [(f"bench{n % ACCOUNTS}", f"m{n}@bench.de", uuid7()) for n in islice(serial, batch)]
            await self._handle([*facts, *(self._ordered(*waiting) for waiting in self._waiting)])
        python, postgres = (after - began for after, began in zip(self._cpu(), before, strict=True))
        return 1e6 * python / (batch * batches), 1e6 * postgres / (batch * batches)

    async def _handle(self, raws: list[Raw]) -> None:
        batch = Batch(service, self._journal, Moment(datetime.now(UTC)), {0: self._seq})
        async with self._connection.transaction():
            await batch.run(self._connection, {0: self._seq}, raws, ())
        assert all(handled.fate in ("done", "handed-over") for handled in batch.entries.handled)
        self._seq = batch.seqs[0]

    def _ordered(self, account: str, address: str, request: UUID) -> Raw:
        order = CreateMailbox(address=address, first_name="B", last_name="M", plan="mail", password_hash=HASH)
        return self._raw(account, request, AdmittedMailbox(request=order, domain_id=UUID(int=1)))

    def _created(self, account: str, address: str, request: UUID) -> Raw:
        view = MailboxView(
            account=account, address=address, domain="bench.de", first_name="B", last_name="M", state="active",
            plan="mail", price_cents=100, mail_bytes=10**9, cloud_bytes=0, groupware=False, catalogue="2026-01-01",
            aliases=(), forwardings=(), keep_copy=True, features=FeatureState(on=(), origin="default"),
            blocked_senders=(), created_at=datetime.now(UTC), revision=1,
        )  # fmt: skip
        return self._raw(account, request, MailboxCreated(mailbox=view))

    def _raw(self, account: str, request: UUID, model: Any) -> Raw:
        message = REGISTRY.of(type(model))
        payload = encode(
            message_id=uuid7(), type=message.type, source="/bench", time=datetime.now(UTC), account=account,
            data=model, correlation_id=request,
        )  # fmt: skip
        subject = message.subject(account) + (".0" if message.kind == "cmd" else "")
        return Raw(subject, payload, "CMD", 1, "", 0)

    def _cpu(self) -> tuple[float, float]:
        times = self._backend.cpu_times()
        return time.process_time(), times.user + times.system


@contextmanager
def without_ledger() -> Iterator[None]:
    """Make and write no rows of the ledger."""
    entered, save = ledger.entered, type(LEDGER).save

    async def nothing(self: Any, conn: Any, changes: Any) -> None:
        """Write nothing."""

    booking.ledger.entered = lambda *_: ledger.EMPTY
    type(LEDGER).save = nothing
    try:
        yield
    finally:
        booking.ledger.entered, type(LEDGER).save = entered, save


async def measure(options: argparse.Namespace) -> None:
    """Measure in turns, and print medians."""
    with tempfile.TemporaryDirectory(prefix="postkontor-bench-") as directory:
        server = PostgresServer(Path(directory))
        await server.start()
        settings = Settings(database_url=SecretStr(server.dsn()))
        await worker.migrate(service, settings)
        connection = await database.connect(settings, name="bench")
        bench = Bench(connection)
        await bench.open_accounts()
        await bench.mailboxes(options.batch, options.batches)
        found: dict[str, list[tuple[float, float]]] = {"without": [], "with": []}
        for _ in range(options.rounds):
            with without_ledger():
                found["without"].append(await bench.mailboxes(options.batch, options.batches))
            found["with"].append(await bench.mailboxes(options.batch, options.batches))
        await connection.close()
        await server.stop()
    for name, values in found.items():
        python, postgres = (statistics.median(part) for part in zip(*values, strict=True))
        print(f"{name:8} CPU us per mailbox, medians: Python {python:.0f}, PostgreSQL {postgres:.0f}")
    before, after = (statistics.median(map(sum, found[name])) for name in ("without", "with"))
    added = statistics.median(sum(b) - sum(a) for a, b in zip(found["without"], found["with"], strict=True))
    print(f"together {before:.0f} and {after:.0f}; the median of the differences is {added:.0f}, {added / before:.1%}")


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=64, help="mailboxes reserved and confirmed in one transaction")
    parser.add_argument("--batches", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=12)
    asyncio.run(measure(parser.parse_args()))


if __name__ == "__main__":
    main()
