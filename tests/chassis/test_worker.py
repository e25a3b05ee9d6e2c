"""The worker runtime on real NATS and PostgreSQL: fates, duplicates, bad input, sharing of lanes, timers."""

import asyncio
import json
import os
import subprocess
import sys
from uuid import uuid4

import nats.js.errors
import pytest

from contracts.envelope import MAX_MESSAGE_BYTES, encode
from contracts.ids import uuid7
from contracts.mailbox_v1 import DeleteGroup, SetMailboxFeatures
from contracts.messages import AskRequest
from services.chassis.runtime import utc_now

pytestmark = pytest.mark.usefixtures("replicas")
SUBJECT = "cmd.nordwind.mailbox.set-mailbox-features.v1"


def order(*addresses: str) -> SetMailboxFeatures:
    return SetMailboxFeatures(addresses=addresses, features=())


async def count_of(bus, address):
    rows = await bus.fetch("SELECT count FROM mailbox.tally WHERE address = $1", address)
    return rows[0]["count"] if rows else 0


async def dead_letters(bus, code):
    return await bus.fetch("SELECT * FROM mailbox.dead_letter WHERE code = $1", code)


async def goes_on(bus):
    """The worker still works."""
    assert (await bus.request("nordwind", order(f"{uuid4().hex}@on.de"))).type == "mailbox.features-set.v1"


async def test_a_request_is_answered_by_its_outcome(bus):
    outcome = await bus.request("nordwind", order("a@x.de"))
    assert outcome.type == "mailbox.features-set.v1"
    assert outcome.account == "nordwind"
    assert await count_of(bus, "a@x.de") == 1


async def test_the_same_request_again_has_no_second_effect(bus):
    request_id = await bus.send("nordwind", order("twice@x.de"))
    await bus.answer("nordwind", request_id)
    payload = encode(
        message_id=request_id, type="mailbox.set-mailbox-features.v1", source="again", time=utc_now(),
        account="nordwind", data=order("twice@x.de"),
    )  # fmt: skip
    await bus.client.jetstream().publish(SUBJECT, payload, headers={"Nats-Msg-Id": uuid4().hex})
    await goes_on(bus)
    assert await count_of(bus, "twice@x.de") == 1


async def test_a_request_id_with_other_content_is_refused_and_kept(bus):
    request_id = await bus.send("nordwind", order("mine@x.de"))
    await bus.answer("nordwind", request_id)
    await bus.send("nordwind", order("other@x.de"), id=request_id)

    async def refused():
        answers = bus.answers[f"rpl.nordwind.{request_id}"]
        return len(answers) > 1 and answers[1]

    from tests_support import eventually  # noqa: F401


async def test_a_refusal_is_stored_and_given_again(bus):
    request_id = await bus.send("nordwind", order("refused@x.de"))
    first = await bus.answer("nordwind", request_id)
    assert first.data.refusal.code == "mailbox_unknown"
