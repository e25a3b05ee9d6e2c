"""What the command line says of domains that go with their mailboxes, and of accounts that are closed."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import nats
import pytest
from nats.aio.msg import Msg
from pydantic import BaseModel

from contracts import sample_parts as of
from contracts.closure_v1 import AccountClosureProgress, ClosureAnswer
from contracts.envelope import encode
from contracts.ids import uuid7
from contracts.removal_v1 import RemovalAnswer
from contracts.sample_leaving import REMOVAL
from contracts.samples import SAMPLES
from deploy.devstack.nats import NatsServer
from tests.client.test_cli import run

NAME = of.DOMAIN
COURSE = {
    "remove-domain": ("domain.domain-removal-started.v1", "domain.domain-removed.v1"),
    "close-account": ("billing.account-closing.v1", "billing.account-closed.v1"),
}


class Leaving:
    """Accepts what shall leave; it is gone once its progress was asked for twice."""

    def __init__(self, client: nats.NATS) -> None:
        self.client = client
        self.orders: list[dict[str, Any]] = []
        self.asked = asyncio.Event()
        self.questions = 0
        self.tasks: list[asyncio.Task[None]] = []

    async def ordered(self, message: Msg) -> None:
        request, name = json.loads(message.data), message.subject.split(".")[3]
        self.orders.append(request["data"])
        accepted, gone = COURSE[name]
        await self._say("evt.nordwind." + accepted, accepted, request["id"])
        await self.asked.wait()
        await self._say(f"rpl.nordwind.{request['id']}", gone, request["id"])

    async def _say(self, subject: str, type_: str, request_id: str) -> None:
        event = encode(
            message_id=uuid7(), type=type_, source="/test", time=datetime.now(UTC), account="nordwind",
            data=SAMPLES[type_], correlation_id=request_id,  # type: ignore[arg-type]
        )  # fmt: skip
        await self.client.publish(subject, event)

    async def removal(self, message: Msg) -> None:
        left = REMOVAL.model_copy(update={"phase": "emptying", "mailboxes_left": 11 - self.questions})
        await self._answer(message, RemovalAnswer(removal=left, mailboxes=11, aliases=4))

    async def closure(self, message: Msg) -> None:
        left = 3 - self.questions
        told = AccountClosureProgress(closes_at=of.GONE_AT, domains_total=3, domains_left=left, mailboxes_left=9)
        await self._answer(message, ClosureAnswer(closure=told))

    async def _answer(self, message: Msg, answer: BaseModel) -> None:
        self.questions += 1
        await message.respond(answer.model_dump_json().encode())
        if self.questions == 2:
            self.asked.set()


@pytest.fixture
async def leaving(bus: NatsServer) -> AsyncIterator[Leaving]:
    client = await nats.connect(bus.url)
    made = Leaving(client)

    async def ordered(message: Msg) -> None:
        made.tasks.append(asyncio.create_task(made.ordered(message)))

    await client.subscribe("cmd.nordwind.*.*.v1", cb=ordered)
    await client.subscribe("qry.nordwind.mailbox.domain-removal.v1", cb=made.removal)
    await client.subscribe("qry.nordwind.billing.closure.v1", cb=made.closure)
    await client.flush()
    yield made
    for task in made.tasks:
        task.cancel()
    await client.close()


async def postkontor(bus: NatsServer, *arguments: str):
    return await run(*arguments, "-a", "nordwind", "--nats", bus.url, "--lang", "en")


async def test_a_removal_is_accepted_and_not_waited_for(bus: NatsServer, leaving: Leaving) -> None:
    ran = await postkontor(bus, "domain", "remove", NAME, "--with-mailboxes", "--on", "2026-04-01", "--yes")
    assert ran.code == 0, ran.err
    assert "11 mailboxes and 4 other addresses will be gone from" in ran.out
    assert leaving.orders == [{"with_mailboxes": True, "on": "2026-04-01", "immediately": False, "domain": NAME}]


async def test_a_removal_that_is_waited_for_shows_how_far_it_is(bus: NatsServer, leaving: Leaving) -> None:
    ran = await postkontor(bus, "domain", "remove", NAME, "--with-mailboxes", "--immediately", "--yes", "--wait")
    assert ran.code == 0, ran.err
    assert "11 of 11 mailboxes left" in ran.err
    assert "10 of 11 mailboxes left" in ran.err
    assert "removed" in ran.out


async def test_a_closure_shows_how_many_domains_are_left(bus: NatsServer, leaving: Leaving) -> None:
    ran = await postkontor(bus, "account", "close", "--immediately", "--yes", "--wait", "-o", "json")
    assert ran.code == 0, ran.err
    assert "2 of 3 domains left" in ran.err
    accepted, closed = (json.loads(line) for line in ran.out.splitlines())
    assert (accepted["account"]["state"], closed["account"]["state"]) == ("closing", "closed")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("domain", "remove", NAME, "--with-mailboxes", "--on", "2026-04-01", "--immediately", "--yes"), "not both"),
        (("domain", "remove", NAME, "--with-mailboxes", "--wait", "--no-wait", "--yes"), "exclude each other"),
        (("domain", "remove", NAME), "--yes"),
        (("domain", "remove", NAME, "--with-mailboxes"), "--yes"),
    ],
)
async def test_what_cannot_be_meant_is_wrong_usage(
    bus: NatsServer, leaving: Leaving, arguments: tuple[str, ...], said: str
) -> None:
    ran = await postkontor(bus, *arguments)
    assert (ran.code, leaving.orders) == (2, [])
    assert said in ran.err
