"""`postkontor dlq` on a real bus and database: what an operator sees and does."""

import asyncio
import json
import os
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from nats.js.api import AckPolicy, ConsumerConfig

from contracts.mailbox_v1 import SetMailboxFeatures

pytestmark = pytest.mark.usefixtures("replicas")
ROOT = Path(__file__).parents[2]


async def postkontor(bus, *words):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("POSTKONTOR_")}
    program = "import sys; from services.cli import main; main(sys.argv[1:])"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, *words, *bus.options, "--lang", "en", stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE, env=environment | {"PYTHONPATH": str(ROOT), "COLUMNS": "80"},
    )  # fmt: skip
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_dead_letters_are_listed_by_trouble_shown_replayed_and_settled(bus):
    account = f"a{uuid4().hex[:8]}"
    outcomes = [
        await bus.request(account, SetMailboxFeatures(addresses=(f"bug@{n}.de",), features=())) for n in range(2)
    ]
    _, out, _ = await postkontor(bus, "dlq", "ls", "-a", account, "-o", "json", "--worker", "mailbox")
    listed = json.loads(out)["letters"]
    assert {letter["id"] for letter in listed} == {str(outcome.correlationid) for outcome in outcomes}
    (digest,) = {letter["digest"] for letter in listed}

    code, out, err = await postkontor(bus, "dlq", "ls", "-a", account)
    (row,) = [line for line in out.splitlines() if digest in line]
    assert row.split()[:4] == [digest, "mailbox", "2", "internal_error"]
    assert max(map(len, out.splitlines())) <= 80
    assert (code, "billing, domain, dnscheck" in err) == (0, True)

    code, out, _ = await postkontor(bus, "dlq", "show", listed[0]["id"])
    assert code == 0
    assert "RuntimeError" in out
    assert "answered already" in out

    code, out, _ = await postkontor(bus, "dlq", "replay", digest, "--as-new", "--dry-run", "-o", "json", "-a", account)
    assert (code, json.loads(out)["total"]) == (0, 2)
    code, out, _ = await postkontor(bus, "dlq", "replay", listed[0]["id"], "--yes", "--worker", "mailbox")
    assert (code, out) == (0, f"{listed[0]['id']} is left alone: answered already\n")

    code, out, _ = await postkontor(bus, "dlq", "discard", digest, "-a", account, "--yes", "--worker", "mailbox")
    assert (code, out) == (0, "mailbox: 2 settled.\n")


async def test_what_the_bus_has_given_up_is_an_alarm(bus):
    streams = bus.client.jetstream()
    config = ConsumerConfig(durable_name="careless", ack_policy=AckPolicy.EXPLICIT, max_deliver=1, ack_wait=0.05)
    await streams.add_consumer("EVT", config)
    await bus.request("nordwind", SetMailboxFeatures(addresses=("alarm@x.de",), features=()))
    reader = await streams.pull_subscribe_bind(consumer="careless", stream="EVT")
    await reader.fetch(1)

    async def noted():
        return (await streams.stream_info("ADV")).state.messages

    await bus.eventually(noted, what="an advisory")
    code, _, err = await postkontor(bus, "dlq", "ls", "--worker", "mailbox")
    assert code == 0
    assert "in EVT for careless (max_deliver" in " ".join(err.split())


async def test_the_stream_is_compared_with_the_log_and_who_is_away_is_named(bus):
    await bus.request("nordwind", SetMailboxFeatures(addresses=("lost@x.de",), features=()))
    await bus.client.jetstream().purge_stream("EVT")
    code, out, err = await postkontor(bus, "bus", "reconcile", "--worker", "mailbox", "-o", "json")
    found = json.loads(out)["mailbox"]
    assert (code, found["surviving"], found["restated"] == found["missing"] > 0) == (0, 0, True), err
    code, _, err = await postkontor(bus, "bus", "reconcile", "--worker", "billing", "--dry-run")
    assert (code, "billing does not answer" in err) == (4, True)


async def test_nothing_is_touched_without_saying_which(bus):
    code, _, err = await postkontor(bus, "dlq", "discard", "--yes")
    assert (code, "Name which" in err) == (2, True)
