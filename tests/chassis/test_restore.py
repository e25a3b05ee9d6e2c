"""A database that was restored to an earlier time: noticed, rewound, reconciled. With the real servers and tools."""

import asyncio
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest_asyncio

from contracts import operations_v1 as operations
from contracts.ids import uuid7
from contracts.mailbox_v1 import SetMailboxFeatures
from contracts.values import HOUSE
from deploy.devstack.postgres import postgres_program
from services.chassis.rewinding import rewind

ROOT = Path(__file__).parents[2]
RECONCILE = operations.RECONCILIATIONS["mailbox"]


@pytest_asyncio.fixture(scope="module")
async def setup(bus, counting, counting_service):
    """The schema, with the counting service's table."""
    worker = await bus.start(counting_service())
    await bus.fetch(counting.SETUP)
    await bus.owns_all(worker, lanes=5)
    return worker


async def tool(name, *arguments):
    """Run one of PostgreSQL's programs."""
    process = await asyncio.create_subprocess_exec(
        postgres_program(name), *arguments, stderr=asyncio.subprocess.PIPE, env={"PATH": os.defpath, "LC_ALL": "C"}
    )
    _, err = await process.communicate()
    assert process.returncode == 0, err.decode()


async def restore(bus, postgres, dump):
    """Put the database back as it was, as docs/operations.md says."""
    name = bus.database_url.rpartition("/")[2]
    connection = await asyncpg.connect(postgres.dsn())
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    await tool("pg_restore", "--exit-on-error", f"--dbname={bus.database_url}", str(dump))


async def start(bus, counting_service):
    worker = await bus.start(counting_service())
    await bus.owns_all(worker, lanes=5)
    return worker


async def stop(bus, worker):
    await worker.stop()
    bus.workers.remove(worker)


async def order(bus, account, address):
    """Send a request; return the id of the fact that ended it."""
    return (await bus.request(account, SetMailboxFeatures(addresses=(address,), features=()))).id


async def rewind_by_hand(bus, since):
    """Use the command, as an operator would."""
    program = "import sys; from services.cli import main; main(sys.argv[1:])"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("POSTKONTOR_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, "bus", "rewind", "--worker", "mailbox", "--since", since.isoformat(),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        env=environment | bus.environment("admin"), cwd=ROOT,
    )  # fmt: skip
    out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()
    return out.decode()


async def counts(bus):
    return {row["address"]: row["count"] for row in await bus.fetch("SELECT address, count FROM mailbox.tally")}


async def noticed(bus):
    return [row["ahead"] for row in await bus.fetch("SELECT ahead FROM mailbox.lane WHERE ahead IS NOT NULL")]


async def test_after_a_restore_what_the_bus_still_has_is_handled_again_and_the_rest_is_named(
    bus, postgres, setup, counting_service, tmp_path
):
    worker, account, dump = setup, f"a{uuid4().hex[:8]}", tmp_path / "backup"
    known = [await order(bus, account, f"{n}@kept.de") for n in range(2)]
    await stop(bus, worker)
    await tool("pg_dump", "--format=custom", f"--file={dump}", bus.database_url)

    backed_up_at = datetime.now(UTC)
    worker = await start(bus, counting_service)
    lost = [await order(bus, account, f"{n}@lost.de") for n in range(3)]
    lost.append(await order(bus, account, "refused@lost.de"))
    before = await counts(bus)
    await stop(bus, worker)
    # A fact of a request that the bus does not have any more: nobody will state it again.
    stray = uuid7()
    payload = (await bus.events(f"evt.{account}.mailbox.features-set.v1"))[-1].model_copy(update={"id": stray})
    subject = f"evt.{account}.mailbox.features-set.v1"
    await bus.client.jetstream().publish(
        subject, payload.model_dump_json().encode(), headers={"Nats-Msg-Id": str(stray)}
    )

    await restore(bus, postgres, dump)
    worker = await start(bus, counting_service)

    async def seen():
        return await noticed(bus)

    assert account in (await bus.eventually(seen, what="noticing that the database is older"))[0]
    found = (await bus.request(HOUSE, RECONCILE(dry_run=True))).data
    assert found.unknown >= 5
    assert {*lost, stray} <= {one.id for one in found.strangers}
    assert await counts(bus) == {address: 1 for address in before if address.endswith("@kept.de")}
    await stop(bus, worker)

    assert "begins again" in await rewind_by_hand(bus, backed_up_at)
    worker = await start(bus, counting_service)

    async def caught_up():
        return await counts(bus) == before

    await bus.eventually(caught_up, what="handling again what the bus has")
    done = (await bus.request(HOUSE, RECONCILE())).data
    assert (done.unknown, [one.id for one in done.strangers], done.missing) == (1, [stray], 0)
    assert await noticed(bus) == []
    stated = [event.id for event in await bus.events(f"evt.{account}.>")]
    assert sorted(stated) == sorted([*known, *lost, stray])


async def test_a_consumer_that_is_behind_is_not_moved_forward(bus, setup):
    """What it has not handled yet must not be skipped."""
    await bus.send_raw("cmd.nobody.dnscheck.unwatch-domain.v1", b"{}")
    lines = await rewind(bus.access, datetime.now(UTC), ["dnscheck"])
    assert all("stays" in line for line in lines)
