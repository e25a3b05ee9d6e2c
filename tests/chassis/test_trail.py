"""A worker's part of a chain of messages: complete, bounded, and of one's own account only."""

from uuid import uuid4

import pytest

from contracts.ids import uuid7
from contracts.mailbox_v1 import DeleteGroup, SetMailboxFeatures
from contracts.trail_v1 import AskTrail
from services.chassis import trail
from services.chassis.runtime import utc_now

pytestmark = pytest.mark.usefixtures("replicas")
TYPE = "mailbox.set-mailbox-features.v1"


def order(*addresses):
    return SetMailboxFeatures(addresses=addresses, features=())


async def trail_of(bus, account="nordwind", **named):
    return await bus.ask(account, AskTrail(**named), service="mailbox")


async def test_a_request_is_followed_by_the_fact_that_it_led_to(bus):
    outcome = await bus.request("nordwind", order("chain@x.de"))
    answer = await trail_of(bus, request_id=outcome.correlationid)
    came, stated = answer.messages
    assert (came.direction, came.kind, came.type, came.fate, came.cause_id) == (
        "received",
        "request",
        TYPE,
        "done",
        None,
    )
    assert (stated.direction, stated.id, stated.cause_id) == ("said", outcome.id, outcome.correlationid)
    assert stated.data["targets"][0]["target"] == "chain@x.de"
    assert stated.text.en == "Features set for chain@x.de: all off."
    assert answer.complete
    assert answer.kept_since < utc_now()


async def test_a_request_from_outside_has_no_cause_whatever_it_says(bus):
    before = uuid7()
    id_ = await bus.send("nordwind", order("caused@x.de"), causation_id=before, correlation_id=before)
    await bus.answer("nordwind", id_)
    (came,) = (await trail_of(bus, message_id=id_)).messages
    assert (came.cause_id, came.request_id) == (None, id_)


async def test_a_refusal_is_there_with_its_findings(bus):
    outcome = await bus.request("nordwind", order("refused@x.de"))
    came, stated = (await trail_of(bus, request_id=outcome.correlationid)).messages
    assert (came.fate, came.code, came.refusal) == ("refused", "mailbox_unknown", outcome.data.refusal)
    assert stated.text.de.startswith("Abgelehnt: ")


async def test_other_accounts_messages_are_never_shown(bus):
    outcome = await bus.request("nordwind", order("mine@x.de"))
    for named in ({"request_id": outcome.correlationid}, {"message_id": outcome.correlationid}, {"about": "mine@x.de"}):
        assert (await trail_of(bus, **named)).messages
        assert (await trail_of(bus, "suedwind", **named)).messages == ()
    for about in ("../nordwind/mine@x.de", "/mine@x.de", "nordwind/mine@x.de"):
        assert (await trail_of(bus, "suedwind", about=about)).messages == ()


async def test_the_latest_about_a_thing_come_first_by_name_and_no_more_than_asked_for(bus):
    outcomes = [await bus.request("nordwind", order("thing@x.de")) for _ in range(3)]
    newest = await trail_of(bus, about="thing@x.de", facts=("features-set",), limit=2)
    assert [message.id for message in newest.messages] == [outcomes[2].id, outcomes[1].id]
    assert not newest.complete
    assert (await trail_of(bus, about="thing@x.de")).complete
    assert (await trail_of(bus, about="thing@x.de", facts=("mailbox-created",))).messages == ()


async def test_no_more_facts_are_looked_through_than_is_bounded(bus, monkeypatch):
    for _ in range(3):
        await bus.request("nordwind", order("busy@x.de"))
    monkeypatch.setattr(trail, "LOOKED_AT_MOST", 2)
    for facts in ((), ("mailbox-created",)):
        assert not (await trail_of(bus, about="busy@x.de", facts=facts)).complete


async def test_an_answer_that_would_grow_too_large_leaves_data_out_and_says_so_by_none(bus, monkeypatch):
    monkeypatch.setattr(trail, "MAX_BYTES", 1_000)
    for _ in range(4):
        await bus.request("nordwind", order("wide@x.de"))
    found = (await trail_of(bus, about="wide@x.de")).messages
    assert [message.data is None for message in found] == sorted(message.data is None for message in found)
    assert {message.data is None for message in found} == {True, False}
    assert all(message.text.en for message in found)


async def test_what_a_wake_up_states_has_no_message_before_it(bus):
    group = f"clock-{uuid4().hex[:8]}"
    await bus.send("nordwind", DeleteGroup(name=group))

    async def stated():
        return (await trail_of(bus, about=group)).messages

    (fact,) = await bus.eventually(stated, what="the wake-up")
    assert fact.cause_id == fact.request_id
    assert (await trail_of(bus, message_id=fact.cause_id)).messages == ()
