"""A worker that is killed while it lets requests go that waited: each goes on once, and in order."""

import os
import sys
from collections import Counter
from pathlib import Path
from uuid import uuid4

import pytest

from contracts.mailbox_v1 import CreateMailbox
from deploy.devstack.processes import WorkerProcess
from services.chassis import worker
from services.domain.app import service
from tests.workers.domain_neighbours import HASH, claim, orders, tell_txt

pytestmark = pytest.mark.crash
PROGRAM = Path(__file__).with_name("dying_domain.py")
REQUESTS = 160


def replica(bus, directory: Path, **trap: str) -> WorkerProcess:
    environment = {
        **os.environ, **trap, **bus.environment("domain"), "POSTKONTOR_DATABASE_URL": bus.database_url,
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
    }  # fmt: skip
    started = WorkerProcess("domain", [sys.executable, str(PROGRAM)], environment, directory / f"{uuid4().hex}.log")
    started.launch()
    return started


async def test_killed_at_every_step_each_request_goes_on_once_and_in_order(bus, tmp_path):
    await worker.migrate(service, bus.settings())
    dying = replica(bus, tmp_path, CRASH_AT="in-the-transaction")
    view = (await claim(bus, "orkan", "sturmfest.de", password_hash=HASH)).data.domain
    sent = []
    for number in range(REQUESTS):
        request = CreateMailbox(
            address=f"nummer-{number}@sturmfest.de", first_name="A", last_name="B", plan="mail", password_hash=HASH,
            when_unverified="hold",
        )  # fmt: skip
        sent.append(await bus.send("orkan", request))
    await bus.answer("orkan", sent[-1])
    await tell_txt(bus, view)
    for place in ("in-the-middle-of-publishing", None):
        assert await dying.gone(30), dying.log_tail()
        assert dying.returncode == 137, dying.log_tail()
        dying = replica(bus, tmp_path, **({"CRASH_AT": place} if place else {}))

    async def all_gone():
        return len(await bus.fetch("SELECT 1 FROM domain.hold")) == 0 and not await bus.fetch(
            "SELECT 1 FROM domain.inbox WHERE fate = 'accepted'"
        )

    await bus.eventually(all_gone, seconds=30)
    handed_on = [order["request"]["address"] for order in await orders(bus, "orkan", "billing.create-mailbox")]
    told = Counter(event.data.request_id for event in await bus.events("evt.orkan.domain.mailbox-admitted.v1"))
    assert await dying.stop(deadline_seconds=10)
    assert handed_on == [f"nummer-{number}@sturmfest.de" for number in range(REQUESTS)]
    assert told == Counter(sent)
    assert await bus.fetch("SELECT code FROM domain.dead_letter") == []
