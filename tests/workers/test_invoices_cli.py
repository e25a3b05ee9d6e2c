"""`postkontor invoice` on a running billing worker: what people and programs see, in both languages."""

import asyncio
import json
import os
import sys
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio
from invoice_stand import SELLER, Told, customer, noon, run

from services.billing.app import service

ROOT = Path(__file__).parents[2]


@pytest_asyncio.fixture(scope="module")
async def billing(bus):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SELLER.items():
            patch.setenv(name, value)
        started = await bus.start(service)
        await bus.owns_all(started, lanes=5)
        connection = await asyncpg.connect(bus.database_url)
        await customer(connection, "nordwind", [Told("anna@nordwind-segel.de", noon("2026-03-10"), "office")])
        await customer(connection, "suedwind", street=None)
        await connection.close()
        yield started


async def postkontor(bus, *words: str) -> tuple[int, str, str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("POSTKONTOR_")}
    program = "import sys; from services.cli import main; main(sys.argv[1:])"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, *words, *bus.options, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE, env=environment | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"},
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_a_month_is_run_shown_explained_and_given_back(bus, billing):
    code, out, err = await postkontor(bus, "invoice", "run", "2026-03", "--lang", "en")
    assert (code, out.split()) == (0, ["Invoiced", "1", "Nothing", "due", "0", "Parked", "1"]), err

    code, out, _ = await postkontor(bus, "invoice", "list", "-a", "nordwind", "-o", "json")
    (listed,) = json.loads(out)["invoices"]
    number = listed["number"]

    code, out, _ = await postkontor(bus, "invoice", "show", number, "-a", "nordwind", "--lang", "de")
    assert code == 0
    assert "Hafenstraße 7, 24103 Kiel, DE" in out
    assert "Postfach Office, 22/31 Tage" in out
    assert "33,55 €" in out

    code, out, _ = await postkontor(bus, "invoice", "explain", number, "2", "-a", "nordwind", "--lang", "en")
    assert code == 0
    assert "mailbox/anna@nordwind-segel.de" in out
    assert "evt.nordwind.mailbox.mailbox-created.v1" in out

    part = ("invoice", "credit", number, "--line", "1=5.00", "--reason", "Nachlass", "-a", "nordwind", "-o", "json")
    code, out, _ = await postkontor(bus, *part)
    assert (code, json.loads(out)["invoice"]["gross_cents"]) == (0, 595)


async def test_what_waits_and_what_is_unknown_is_said(bus, billing):
    await run(bus, "2026-04")
    code, _, err = await postkontor(bus, "invoice", "list", "-a", "suedwind", "--lang", "de")
    assert (code, "2026-04 wartet: Für eine Rechnung fehlt von der Anschrift: street." in err) == (0, True)
    code, _, err = await postkontor(bus, "invoice", "show", "RE-2026-999999", "-a", "nordwind", "--lang", "en")
    assert (code, "There is no invoice RE-2026-999999" in err) == (3, True)
    code, _, err = await postkontor(bus, "invoice", "run", "2099-01", "--lang", "en")
    assert (code, "is not over yet" in err) == (3, True)
    code, _, err = await postkontor(bus, "invoice", "credit", "RE-2026-000001", "--line", "1", "--reason", "x")
    assert code == 2
