"""The workers in containers as a deployment runs them: confined, ready, at work together, and gone without a loss."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from client import Postkontor
from contracts import billing_v1 as billing
from contracts import mailbox_v1 as mailbox
from contracts.domain_v1 import ClaimDomain
from contracts.mailbox_v2 import NewPerson, RenamePerson
from deploy.bus.register import Register

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]
ACCOUNT, ADDRESS = "nordwind", "anna@nordwind.example"
HASH = "{BLF-CRYPT}$2b$12$" + "S" * 53
SERVICES = ("billing", "domain", "mailbox", "dnscheck")
GRACE_SECONDS = 30  # what a cluster gives; the workers' own limit is 20
RENAMES = 1000


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def office(containers: Any, workers: dict[str, Any]) -> AsyncIterator[Postkontor]:
    """An operator's client outside the containers."""
    seed: Register = containers.register
    client = Postkontor.connect(
        containers.nats_url, account=ACCOUNT, source="test", nkey_seed=str(seed.seed_file("operator"))
    )
    async with client:
        yield client


def said(container: Any, *command: str) -> tuple[int, str]:
    """Run a command inside."""
    code, output = container.get_wrapped_container().exec_run(list(command))
    return code, output.decode().strip()


@pytest.mark.parametrize("service", SERVICES)
def test_a_worker_is_nobody_holds_nothing_and_writes_nowhere(workers: dict[str, Any], service: str) -> None:
    worker = workers[service]
    assert said(worker, "id", "-u") == (0, "10001")
    _, status = said(worker, "cat", "/proc/1/status")
    states = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert {states[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert states["NoNewPrivs"] == "1"
    for place in ("/here", "/opt/postkontor/here", "/run/keys/here"):
        assert said(worker, "touch", place)[0] != 0, place
    assert said(worker, "cat", "/opt/postkontor/bin/pip")[0] != 0, "nothing can be installed"


def test_the_image_holds_no_secret_and_no_tests(built: Any) -> None:
    history = built.run("history", "--no-trunc", "--format", "{{.CreatedBy}}", "localhost/postkontor-worker:test")
    configured = json.loads(built.run("inspect", "localhost/postkontor-worker:test"))[0]["Config"]
    assert configured["User"] == "10001:10001"
    assert "SEED" not in history
    assert not [name for name in configured["Env"] if "SEED" in name or "DATABASE" in name]


async def test_requests_go_through_the_workers(office: Postkontor, containers: Any, workers: dict[str, Any]) -> None:
    opened = await office.request(
        billing.OpenAccount(package="silver", company="Nordwind Segel GmbH", email="buero@nordwind.example")
    )
    assert opened.state == "done"
    claimed = await office.request(ClaimDomain(domain="nordwind-segel.de", password_hash=HASH))
    assert claimed.fact.domain.state == "claimed", "by way of billing to domain, which orders dnscheck to look"
    create = mailbox.CreateMailbox(
        address=ADDRESS, first_name="Anna", last_name="Berg", plan="office", password_hash=HASH
    )
    refused = await office.request(create)
    assert refused.refusal is not None
    assert refused.refusal.code == "domain_unknown"
    await _admit(containers, create)
    renamed = await office.request(RenamePerson(address=ADDRESS, person=NewPerson(family_name="Versand")))
    assert renamed.fact.mailbox.person.display_name == "Versand"


async def test_a_stop_drains_within_the_grace_period_and_loses_nothing(
    office: Postkontor, workers: dict[str, Any]
) -> None:
    names = [f"Versand-{number}" for number in range(RENAMES)]
    requests = [RenamePerson(address=ADDRESS, person=NewPerson(family_name=name)) for name in names]
    waiting = [asyncio.ensure_future(office.request(request, timeout=60)) for request in requests]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    container = workers["mailbox"].get_wrapped_container()
    begun = time.monotonic()
    await asyncio.to_thread(container.stop, timeout=GRACE_SECONDS)
    seconds = time.monotonic() - begun
    container.reload()
    unanswered = sum(not each.done() for each in waiting)

    assert container.attrs["State"]["ExitCode"] == 0, workers["mailbox"].get_logs()
    assert seconds < 20, "it ended by itself, long before it would be killed"
    assert unanswered, "it was stopped in the middle of its work"
    await asyncio.to_thread(container.start)
    outcomes = await asyncio.gather(*waiting)
    assert [outcome.fact.mailbox.person.display_name for outcome in outcomes] == names
    revisions = [outcome.fact.mailbox.revision for outcome in outcomes]
    assert revisions == list(range(revisions[0], revisions[0] + RENAMES)), "each once, in order"


async def _admit(containers: Any, create: mailbox.CreateMailbox) -> None:
    """Let a mailbox past the gate as the gate would: there is no DNS to prove its domain by."""
    import nats

    from contracts.envelope import encode
    from contracts.ids import uuid7
    from services.chassis.bus import Access

    access = Access(containers.nats_url, seed=containers.register.seed_file("domain"))
    bus = await nats.connect(**access.for_nats())
    admitted = billing.AdmittedMailbox(request=create, domain_id=UUID(int=7))
    payload = encode(
        message_id=uuid7(), type="billing.create-mailbox.v1", source="test", time=datetime.now(UTC), account=ACCOUNT,
        data=admitted,
    )  # fmt: skip
    await bus.publish(f"cmd.{ACCOUNT}.billing.create-mailbox.v1", payload)
    await bus.flush()
    await bus.close()
    async with Postkontor.connect(
        containers.nats_url, account=ACCOUNT, source="test", nkey_seed=str(containers.register.seed_file("operator"))
    ) as watching:
        async with asyncio.timeout(20):
            async for event in watching.tail(
                facts=["mailbox.mailbox-created", "capacity-confirmed"], since=datetime.now(UTC) - timedelta(minutes=1)
            ):
                if event.type == "billing.capacity-confirmed.v1":
                    return
