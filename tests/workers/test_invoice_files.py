"""The process that renders: from an issued invoice to files that the command line and programs fetch."""

import asyncio
import csv
import io
import json
import os
import sys
from datetime import timedelta
from hashlib import sha256
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from invoice_stand import SELLER, Told, customer, noon, run

from client import FileWaits, Postkontor
from contracts.invoicing_v1 import Invoice
from deploy.devstack.processes import ChildProcess
from services.billing import render, store_files
from services.billing.app import service
from services.billing.rendering import cii

ROOT = Path(__file__).parents[2]
HOUR = timedelta(hours=1)


@pytest_asyncio.fixture(scope="module")
async def billing(bus):
    """A worker that has issued two invoices, and nobody who renders."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SELLER.items():
            patch.setenv(name, value)
        started = await bus.start(service)
        await bus.owns_all(started, lanes=5)
        connection = await asyncpg.connect(bus.database_url)
        await customer(connection, "nordwind", [Told("anna@nordwind-segel.de", noon("2026-03-10"), "office")])
        await customer(connection, "suedwind")
        await connection.close()
        await run(bus, "2026-03")
        yield started


@pytest_asyncio.fixture
async def connection(bus):
    opened = await asyncpg.connect(bus.database_url)
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def renderer(bus, tmp_path):
    """The process that renders, not started yet."""
    environment = {"POSTKONTOR_DATABASE_URL": bus.database_url, **bus.environment(), "PYTHONPATH": str(ROOT)}
    log = tmp_path / "render.log"
    process = ChildProcess(
        "render", [sys.executable, "-m", "services.billing", "render"], os.environ | environment, log
    )
    yield process
    await process.stop()


async def number_of(bus: Any, account: str) -> str:
    rows = await bus.fetch(f"SELECT number FROM billing.invoice WHERE account_id = '{account}' AND kind = 'invoice'")
    return rows[0]["number"]


async def waiting(bus: Any) -> int:
    return (await bus.fetch("SELECT count(*) AS n FROM billing.rendering"))[0]["n"]


async def postkontor(bus: Any, *words: str, directory: Path) -> tuple[int, bytes, str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("POSTKONTOR_")}
    program = "import sys; from services.cli import main; main(sys.argv[1:])"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, *words, *bus.options, "-a", "nordwind", stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE, env=environment | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"}, cwd=directory,
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out, err.decode()


async def test_while_nobody_renders_the_file_waits_and_the_lines_are_there(bus, billing, tmp_path):
    number = await number_of(bus, "nordwind")
    async with Postkontor.from_environment(bus.environment(), account="nordwind", source="test") as office:
        with pytest.raises(FileWaits, match=f"{number} is not there as pdf yet"):
            await office.invoice_file(number, "pdf", timeout=0.1)
        assert await office.invoice_file(await number_of(bus, "suedwind"), "csv") is None, "another account's"
        lines = await office.invoice_file(number, "csv")
        assert lines is not None
    rows = list(csv.DictReader(io.StringIO(lines.content.decode(), newline="")))
    assert [row["amount"] for row in rows] == ["25.00", "3.19"]
    code, _, err = await postkontor(
        bus, "invoice", "fetch", number, "--timeout", "0.1", "--lang", "en", directory=tmp_path
    )
    assert (code, "The file is not there yet" in err) == (4, True)


async def test_a_turn_is_a_lease_and_what_is_kept_first_stays(bus, billing, connection):
    taken = {each.number: each for each in await store_files.take(connection, 10, HOUR)}
    assert len(taken) == 2
    assert await store_files.take(connection, 10, HOUR) == []
    number = await number_of(bus, "suedwind")
    await store_files.put_off(connection, number, timedelta(), "no ink")
    (again,) = await store_files.take(connection, 10, HOUR)
    assert (again.number, again.attempt) == (number, 2)
    assert taken[number].content == again.content
    piece = await store_files.read(connection, "suedwind", number, "pdf", 0, 10)
    assert piece is not None
    assert (piece.sha256, piece.problem) == (None, "no ink")
    await store_files.keep(connection, number, {"xml": b"first"})
    await store_files.keep(connection, number, {"xml": b"second"})
    kept = await store_files.read(connection, "suedwind", number, "xml", 2, 2)
    assert kept == store_files.Piece(sha256(b"first").digest(), 5, b"rs", None)
    with pytest.raises(asyncpg.PostgresError, match=r"billing\.invoice_file"):
        await connection.execute("UPDATE billing.invoice_file SET content = ''")
    await connection.execute("UPDATE billing.rendering SET due_at = now()")


async def test_the_process_renders_what_waits_and_the_command_line_fetches_it(
    bus, billing, renderer, tmp_path, eventually
):
    renderer.launch()

    async def done() -> bool:
        return await waiting(bus) == 0

    await eventually(done, what="rendering")
    number = await number_of(bus, "nordwind")
    code, out, err = await postkontor(bus, "invoice", "fetch", number, "--as", "xml", "-f", "-", directory=tmp_path)
    assert code == 0, err
    (row,) = await bus.fetch(f"SELECT content FROM billing.invoice WHERE number = '{number}'")
    assert out == cii.xml(Invoice.model_validate_json(row["content"]))

    code, out, err = await postkontor(bus, "invoice", "fetch", number, "-o", "json", directory=tmp_path)
    assert code == 0, err
    pdf = (tmp_path / f"{number}.pdf").read_bytes()
    assert json.loads(out) == {"file": f"{number}.pdf", "bytes": len(pdf), "sha256": sha256(pdf).hexdigest()}
    assert pdf.startswith(b"%PDF-")

    code, _, err = await postkontor(bus, "invoice", "fetch", "RE-2026-999999", "--lang", "en", directory=tmp_path)
    assert (code, "There is no invoice RE-2026-999999" in err) == (3, True)

    assert await renderer.stop()
    events = [json.loads(line)["event"] for line in renderer.log_path.read_text().splitlines()]
    assert events[0] == "renderer started"
    assert events[-1] == "renderer stopped"
    assert renderer.returncode == 0


async def test_a_file_of_many_pieces_is_put_together_and_checked(bus, billing, connection):
    number = await number_of(bus, "suedwind")
    large = os.urandom(300_000)
    await store_files.keep(connection, number, {"pdf": large})
    stored = await bus.fetch(f"SELECT content FROM billing.invoice_file WHERE number = '{number}' AND format = 'pdf'")
    async with Postkontor.from_environment(bus.environment(), account="suedwind", source="test") as office:
        found = await office.invoice_file(number, "pdf")
    assert found is not None
    assert found.content == stored[0]["content"] == large
    assert found.sha256 == sha256(found.content).hexdigest()


async def test_a_child_that_dies_is_replaced_and_what_cannot_be_read_says_why(bus, billing, connection):
    number, before = await number_of(bus, "nordwind"), set(active_children())
    pool = await asyncpg.create_pool(bus.database_url, min_size=0, max_size=2)
    renderer = render.Renderer(pool, render.RenderSettings())
    await connection.execute("INSERT INTO billing.rendering (number) VALUES ($1)", number)
    assert await renderer.work()
    assert (renderer.rendered, await waiting(bus)) == (1, 0)

    for child in set(active_children()) - before:
        child.kill()
        child.join()
    await connection.execute("INSERT INTO billing.rendering (number) VALUES ($1)", number)
    await renderer.work()
    (row,) = await bus.fetch("SELECT attempts, problem, due_at > now() AS later FROM billing.rendering")
    assert tuple(row) == (1, "the child that rendered it died", True)

    content = "{}"
    await connection.execute(
        """
        INSERT INTO billing.invoice (number, account_id, kind, period, series, year, sequence, issued_on, net_cents,
            tax_cents, gross_cents, ledger_revision, content, sha256)
        VALUES ('XX-1', 'nordwind', 'invoice', '2020-01', 'XX', 2020, 1, '2020-02-01', 0, 0, 0, 0, $1,
            sha256(convert_to($1, 'UTF8')))
        """,
        content,
    )
    await connection.execute("INSERT INTO billing.rendering (number) VALUES ('XX-1')")
    await connection.execute("UPDATE billing.rendering SET due_at = now()")
    await renderer.work()
    (row,) = await bus.fetch("SELECT number, problem FROM billing.rendering")
    assert row["number"] == "XX-1"
    assert row["problem"].startswith("ValidationError")
    assert (renderer.rendered, renderer.failed) == (2, 2)
    renderer.close()
    await pool.close()


@pytest.mark.parametrize(
    ("number", "format_", "digest", "constraint"),
    [
        (None, "pdf", b"x", "file_is_whole"),
        (None, "doc", None, "file_format_known"),
        ("XX-9", "pdf", None, "file_of_an_invoice"),
    ],
)
async def test_an_impossible_file_is_refused_by_the_database(
    bus, billing, connection, number, format_, digest, constraint
):
    values = (number or await number_of(bus, "nordwind"), format_, b"content", digest or sha256(b"content").digest())
    insert = "INSERT INTO billing.invoice_file (number, format, content, sha256) VALUES ($1, $2, $3, $4)"
    with pytest.raises(asyncpg.IntegrityConstraintViolationError) as refused:
        await connection.execute(insert, *values)
    assert refused.value.constraint_name == constraint


@pytest.mark.parametrize(("attempt", "minutes"), [(1, 1), (2, 2), (5, 16), (40, 360)])
def test_what_cannot_be_rendered_is_tried_ever_more_rarely(attempt: int, minutes: int) -> None:
    assert render.wait(attempt) == timedelta(minutes=minutes)
