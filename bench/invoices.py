"""A month's run over many accounts: invoices and mailboxes per second, CPU, and memory, which must not grow with them.

    python bench/invoices.py                                      2,000 accounts with 100 mailboxes each
    python bench/invoices.py --accounts 10000 --mailboxes 100     a million mailboxes
    python bench/invoices.py --accounts 10 --mailboxes 100000     few, large ones

The past is written with SQL; then one billing worker on a real NATS server and PostgreSQL (synchronous_commit on) runs
March 2026. Of the mailboxes one in 20 was made in the month, one in 30 deleted, one in 10 changed its plan.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import asyncpg
import psutil

from client import Postkontor
from contracts.invoicing_v1 import HOUSE, InvoiceRunFinished, RunInvoices
from deploy.devstack.nats import NatsServer
from deploy.devstack.postgres import PostgresServer
from deploy.devstack.processes import WorkerProcess
from services.billing.app import service
from services.chassis import topology, worker
from services.chassis.bus import Access
from services.chassis.settings import Settings

PERIOD = "2026-03"
LONGEST_SECONDS = 3600.0
SELLER = {
    "POSTKONTOR_SELLER_NAME": "Bench GmbH",
    "POSTKONTOR_SELLER_STREET": "Kai 1",
    "POSTKONTOR_SELLER_POSTCODE": "20457",
    "POSTKONTOR_SELLER_CITY": "Hamburg",
    "POSTKONTOR_SELLER_VAT_ID": "DE136695976",
    "POSTKONTOR_SELLER_TAX_NUMBER": "22/815/0815",
}

ACCOUNTS = """
    INSERT INTO billing.account (account_id, state, package, package_price_cents, catalogue, company, email, language,
        opened_at, revision, street, postcode, city, country)
    SELECT 'bench-' || n, 'active', 'platinum', 25000, '2026-01-01', 'Bench', 'a@b.de', 'de', '2026-01-02', 1, 'Kai 2',
        '24103', 'Kiel', 'DE' FROM generate_series(1, $1::integer) AS n"""
STANDINGS = """
    INSERT INTO billing.account_ledger (account_id, revision, at, message_id, request_id, cause, state, package,
        package_price_cents, catalogue, plan_prices, caps)
    SELECT account_id, 1, opened_at, gen_random_uuid(), gen_random_uuid(), 'billing.open-account.v1', state, package,
        package_price_cents, catalogue, '{}', '{"mailbox": null, "alias_forward": 1000, "group": null}'
    FROM billing.account"""
# Reserved and made; changed (every tenth), deleted (every thirtieth).
ENTRIES = """
    INSERT INTO billing.ledger (account_id, holder, revision, message_id, request_id, cause, confirmed, reserved, plan,
        price_cents, catalogue, since, holding_revision, seen_at, booked)
    SELECT 'bench-' || a, 'mailbox/m' || m || '@bench-' || a || '.de', 4 * m + s, gen_random_uuid(), gen_random_uuid(),
        CASE s WHEN 0 THEN 'billing.create-mailbox.v1' ELSE 'mailbox.mailbox-created.v1' END,
        CASE WHEN s IN (1, 2) THEN 1 ELSE 0 END, CASE s WHEN 0 THEN 1 ELSE 0 END,
        CASE s WHEN 1 THEN (ARRAY['mail', 'mailxl', 'office'])[m % 3 + 1] WHEN 2 THEN 'officexl' END,
        CASE s WHEN 1 THEN (ARRAY[100, 250, 450])[m % 3 + 1] WHEN 2 THEN 1000 END,
        CASE WHEN s IN (1, 2) THEN '2026-01-01' END, CASE WHEN s > 0 THEN made END, s,
        CASE s WHEN 1 THEN made WHEN 2 THEN timestamptz '2026-03-04' + m % 27 * interval '1 day'
            WHEN 3 THEN timestamptz '2026-03-04' + m % 25 * interval '1 day' END, s > 0
    FROM generate_series(1, $1::integer) AS a, generate_series(1, $2::integer) AS m, generate_series(0, 3) AS s,
        LATERAL (SELECT CASE WHEN m % 20 = 0 THEN timestamptz '2026-03-02' ELSE timestamptz '2026-01-10' END
            + m % 20 * interval '1 hour' AS made) AS t
    WHERE s < 2 OR (s = 2 AND m % 10 = 1) OR (s = 3 AND m % 30 = 7)"""
HOLDINGS = """
    INSERT INTO billing.holding (account_id, holder, resource, confirmed, reserved, plan, price_cents, catalogue, since,
        revision, seen_at)
    SELECT DISTINCT ON (account_id, holder) account_id, holder, 'mailbox', confirmed, reserved, plan, price_cents,
        catalogue, since, holding_revision, seen_at
    FROM billing.ledger ORDER BY account_id, holder, revision DESC"""
COUNTERS = """
    INSERT INTO billing.capacity (account_id, resource, cap, confirmed, reserved, revision)
    SELECT account_id, 'mailbox', NULL::bigint, sum(confirmed), 0, $1::bigint FROM billing.holding GROUP BY account_id
    UNION ALL SELECT account_id, 'plan.' || plan, NULL, sum(confirmed), 0, 1 FROM billing.holding WHERE plan IS NOT NULL
        GROUP BY account_id, plan
    UNION ALL SELECT account_id, 'alias_forward', 1000, 0, 0, 1 FROM billing.account
    UNION ALL SELECT account_id, 'group', NULL, 0, 0, 1 FROM billing.account"""


async def write_past(url: str, accounts: int, mailboxes: int) -> int:
    """Write accounts with a past; return how many rows the ledger has."""
    connection = await asyncpg.connect(url, command_timeout=LONGEST_SECONDS)
    await connection.execute(ACCOUNTS, accounts)
    await connection.execute(STANDINGS)
    await connection.execute(ENTRIES, accounts, mailboxes)
    await connection.execute(HOLDINGS)
    await connection.execute(COUNTERS, 4 * mailboxes + 4)
    await connection.execute("VACUUM ANALYZE")
    rows = await connection.fetchval("SELECT count(*) FROM billing.ledger")
    await connection.close()
    return rows


class Meter:
    """CPU of the worker and of PostgreSQL, and the worker's memory, sampled while it runs."""

    def __init__(self, pid: int, postgres: int) -> None:
        self._worker, self._postgres = psutil.Process(pid), psutil.Process(postgres)
        self.resident: list[float] = []

    def cpu(self) -> tuple[float, float]:
        """Return CPU seconds of the worker and of PostgreSQL so far."""
        members = [self._postgres, *self._postgres.children(recursive=True)]
        return _cpu(self._worker), sum(_cpu(member) for member in members)

    async def sample(self) -> None:
        """Note the worker's resident megabytes, until cancelled."""
        while True:
            self.resident.append(self._worker.memory_info().rss / 1e6)
            await asyncio.sleep(0.1)


def _cpu(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return times.user + times.system


async def measure(options: argparse.Namespace) -> None:
    """Write a past, run the month, print what it took."""
    with tempfile.TemporaryDirectory(prefix="postkontor-bench-") as directory:
        nats, postgres = NatsServer(Path(directory) / "nats"), PostgresServer(Path(directory) / "postgres")
        await asyncio.gather(nats.start(), postgres.start())
        await topology.apply(Access(nats.url))
        os.environ |= {"POSTKONTOR_NATS_URL": nats.url, "POSTKONTOR_DATABASE_URL": postgres.dsn()}
        await worker.migrate(service, Settings())
        began = time.perf_counter()
        rows = await write_past(postgres.dsn(), options.accounts, options.mailboxes)
        print(
            f"{options.accounts:,} accounts, {rows:,} rows of the ledger, {time.perf_counter() - began:.0f} s to write"
        )
        billing = WorkerProcess(
            "billing", [sys.executable, "-m", "services.billing"],
            {**os.environ, **SELLER, "POSTKONTOR_INVOICE_CHUNK": str(options.chunk)}, Path(directory) / "billing.log",
        )  # fmt: skip
        billing.launch()
        try:
            async with Postkontor.connect(nats.url, account="*", source="bench") as office:
                await run(office, Meter(billing.pid, postgres.pid), options)
            await show_sums(postgres.dsn())
        finally:
            await billing.stop()
            await asyncio.gather(nats.stop(), postgres.stop())


async def run(office: Postkontor, meter: Meter, options: argparse.Namespace) -> None:
    """Run the month and print rates, CPU and memory."""
    first = await office.request(RunInvoices(period="2025-12"), account=HOUSE, timeout=LONGEST_SECONDS)
    assert first.fact is not None, first.refusal  # nobody was a customer then: the worker is warm
    sampling = asyncio.create_task(meter.sample())
    before, began = meter.cpu(), time.perf_counter()
    outcome = await office.request(RunInvoices(period=PERIOD), account=HOUSE, timeout=LONGEST_SECONDS)
    seconds, after = time.perf_counter() - began, meter.cpu()
    sampling.cancel()
    fact: Any = outcome.fact
    assert isinstance(fact, InvoiceRunFinished), outcome.refusal
    counts, mailboxes = fact.counts, options.accounts * options.mailboxes
    spent = [1000 * (b - a) / max(1, counts.invoiced) for a, b in zip(before, after, strict=True)]
    quarter = max(1, len(meter.resident) // 4)
    print(f"{counts.invoiced:,} invoices, {counts.parked:,} parked, in {seconds:.1f} s")
    print(f"{counts.invoiced / seconds:,.0f} invoices and {mailboxes / seconds:,.0f} mailboxes a second")
    print(f"CPU ms per invoice: worker {spent[0]:.2f}, PostgreSQL {spent[1]:.2f}")
    print(
        f"worker's resident MB: at the beginning {max(meter.resident[:quarter]):.0f},"
        f" at the end {max(meter.resident[-quarter:]):.0f}, at most {max(meter.resident):.0f}"
    )


async def show_sums(url: str) -> None:
    """Print that the invoices add up and have no gaps."""
    connection = await asyncpg.connect(url)
    row = await connection.fetchrow(
        "SELECT count(*) AS n, max(sequence) AS last, sum(net_cents) AS net, max(length(content)) AS longest"
        " FROM billing.invoice"
    )
    await connection.close()
    assert row is not None
    assert row["n"] == row["last"], "numbers have gaps"
    print(
        f"numbers 1 to {row['last']:,} without gaps, net {row['net'] / 100:,.2f} EUR, longest {row['longest']:,} bytes"
    )


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=2_000)
    parser.add_argument("--mailboxes", type=int, default=100, help="of each account")
    parser.add_argument("--chunk", type=int, default=50, help="accounts settled in one transaction")
    asyncio.run(measure(parser.parse_args()))


if __name__ == "__main__":
    main()
