"""A run that is killed again and again ends with the same invoices: each account's once, numbers without gaps."""

import os
import sys
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from invoice_stand import SELLER, Told, customer, documents, noon

from contracts.invoicing_v1 import HOUSE, RunInvoices
from deploy.devstack.processes import WorkerProcess
from services.billing.app import service
from services.chassis import worker

pytestmark = pytest.mark.crash
PROGRAM = Path(__file__).with_name("dying_billing.py")
PLACES = ("in-the-transaction", "after-commit-before-publish", "in-the-middle-of-publishing")
ACCOUNTS = 30


def replica(bus, directory: Path, **trap: str) -> WorkerProcess:
    environment = {
        **os.environ, **SELLER, **trap, **bus.environment("billing"), "POSTKONTOR_DATABASE_URL": bus.database_url,
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
    }  # fmt: skip
    started = WorkerProcess("billing", [sys.executable, str(PROGRAM)], environment, directory / f"{uuid4().hex}.log")
    started.launch()
    return started


async def test_a_run_killed_at_every_step_ends_with_the_same_invoices(bus, tmp_path):
    await worker.migrate(service, bus.settings())
    connection = await asyncpg.connect(bus.database_url)
    expected = {}
    for number in range(ACCOUNTS):
        name = f"kunde-{number}"
        await customer(connection, name, [Told(f"m@{name}.de", noon(f"2026-03-{number + 1:02}"))])
        days = 31 - number
        expected[name] = 2500 + (200 * 31 + 31) // 62 - (200 * (31 - days) + 31) // 62
    await connection.close()
    request_id = await bus.send(HOUSE, RunInvoices(period="2026-03"))

    for place in (*PLACES, PLACES[0]):
        dying = replica(bus, tmp_path, CRASH_AT=place, CRASH_AFTER="2")
        assert await dying.gone(30), dying.log_tail()
        assert dying.returncode == 137, dying.log_tail()
    last = replica(bus, tmp_path)
    finished = await bus.answer(HOUSE, request_id)
    assert await last.stop(deadline_seconds=10)

    issued = await documents(bus)
    assert {invoice.account: invoice.net_cents for invoice in issued} == expected
    assert [invoice.number for invoice in issued] == [f"RE-{issued[0].number[3:7]}-{n + 1:06}" for n in range(ACCOUNTS)]
    facts = await bus.events("evt.*.billing.invoice-finalized.v1")
    assert sorted((fact.data.invoice for fact in facts), key=lambda invoice: invoice.number) == issued
    assert (finished.data.counts.invoiced, finished.data.counts.parked) == (ACCOUNTS, 0)
    assert len(await bus.events("evt.*.billing.invoice-run-finished.v1")) == 1
    assert await bus.fetch("SELECT code FROM billing.dead_letter") == []
