"""The worker runtime on real NATS and PostgreSQL: fates, duplicates, bad input, timers, sharing of lanes."""

import asyncio
import time
from types import SimpleNamespace
from uuid import uuid4

import pytest
from nats.js.errors import APIError

from contracts.envelope import MAX_MESSAGE_BYTES, encode
from contracts.ids import uuid7
from contracts.mailbox_v1 import DeleteGroup, SetMailboxFeatures
from contracts.messages import AskRequest
from services.chassis import lane, pump, topology
from services.chassis.runtime import utc_now

pytestmark = pytest.mark.usefixtures("replicas")
TYPE = "mailbox.set-mailbox-features.v1"
SUBJECT = f"cmd.nordwind.{TYPE}"
HASH = "{SHA512-CRYPT}$6$saltsalt$" + "a" * 86


def order(*addresses):
    return SetMailboxFeatures(addresses=addresses, features=())


def message(model, *, id=None, type=TYPE, account="nordwind"):  # noqa: A002
    return encode(message_id=id or uuid7(), type=type, source="test", time=utc_now(), account=account, data=model)


async def count_of(bus, address):
    rows = await bus.fetch("SELECT count FROM mailbox.tally WHERE address = $1", address)
    return rows[0]["count"] if rows else 0


async def publish_again(bus, payload, subject=SUBJECT):
    """Publish past the broker's own deduplication, as after its window."""
    await bus.client.jetstream().publish(subject, payload, headers={"Nats-Msg-Id": uuid4().hex})


async def goes_on(bus):
    """Wait until the lane has handled everything before this."""
    outcome = await bus.request("nordwind", order(f"{uuid4().hex}@on.de"))
    assert outcome.type == "mailbox.features-set.v1"


async def letter(bus, code):
    async def buried():
        return await bus.fetch("SELECT * FROM mailbox.dead_letter WHERE code = $1 ORDER BY recorded_at DESC", code)

    return (await bus.eventually(buried, what=f"a dead letter {code}"))[0]


# --- fates ----------------------------------------------------------------------------------------------------


async def test_a_request_is_answered_by_its_outcome(bus):
    outcome = await bus.request("nordwind", order("a@x.de"))
    assert outcome.type == "mailbox.features-set.v1"
    assert outcome.account == "nordwind"
    assert await count_of(bus, "a@x.de") == 1


async def test_the_outcome_is_in_the_event_stream_and_the_log_with_the_same_id(bus):
    outcome = await bus.request("nordwind", order("logged@x.de"))
    assert outcome.id in {event.id for event in await bus.events("evt.nordwind.mailbox.>")}
    assert await bus.fetch("SELECT 1 FROM mailbox.event_log WHERE message_id = $1", outcome.id)


async def test_the_same_request_again_has_no_second_effect(bus):
    id_ = uuid7()
    await bus.send_raw(SUBJECT, message(order("twice@x.de"), id=id_))
    await bus.answer("nordwind", id_)
    await publish_again(bus, message(order("twice@x.de"), id=id_))
    await goes_on(bus)
    assert await count_of(bus, "twice@x.de") == 1


async def test_the_same_request_twice_in_one_batch_has_one_effect(bus):
    payload = message(order("batch@x.de"))
    for _ in range(5):
        await publish_again(bus, payload)
    await goes_on(bus)
    assert await count_of(bus, "batch@x.de") == 1


async def test_a_request_id_with_other_content_is_refused_and_the_first_outcome_stays(bus):
    id_ = uuid7()
    await bus.send_raw(SUBJECT, message(order("mine@x.de"), id=id_))
    first = await bus.answer("nordwind", id_)
    await publish_again(bus, message(order("other@x.de"), id=id_))

    async def second():
        answers = bus.answers[f"rpl.nordwind.{id_}"]
        return answers[1] if len(answers) > 1 else None

    refused = await bus.eventually(second)
    assert refused.data.refusal.code == "request_id_reused"
    assert refused.correlationid != id_
    assert await count_of(bus, "other@x.de") == 0
    assert first.type == "mailbox.features-set.v1"
    await letter(bus, "request_id_reused")


async def test_a_refusal_is_stored_and_given_again(bus):
    payload, id_ = message(order("refused@x.de"), id=(id_ := uuid7())), id_
    await bus.send_raw(SUBJECT, payload)
    first = await bus.answer("nordwind", id_)
    await publish_again(bus, payload)

    async def again():
        return len(bus.answers[f"rpl.nordwind.{id_}"]) > 1

    await bus.eventually(again)
    second = bus.answers[f"rpl.nordwind.{id_}"][1]
    assert second.data == first.data
    assert second.id == first.id


async def test_a_request_can_be_asked_about(bus):
    outcome = await bus.request("nordwind", order("asked@x.de"))
    answer = await bus.ask("nordwind", AskRequest(request_id=outcome.correlationid), service="mailbox")
    assert [(step.type, step.fate, step.outcome) for step in answer.steps] == [
        (TYPE, "done", "mailbox.features-set.v1")
    ]
    other = await bus.ask("suedwind", AskRequest(request_id=outcome.correlationid), service="mailbox")
    assert other.steps == ()


async def test_a_bug_sets_one_message_aside_and_the_rest_of_its_batch_goes_on(bus):
    good = [uuid7() for _ in range(6)]
    bad = uuid7()
    for id_ in good[:3]:
        await bus.send_raw(SUBJECT, message(order("beside@x.de"), id=id_))
    await bus.send_raw(SUBJECT, message(order("beside@x.de", "bug@x.de"), id=bad))
    for id_ in good[3:]:
        await bus.send_raw(SUBJECT, message(order("beside@x.de"), id=id_))
    for id_ in good:
        assert (await bus.answer("nordwind", id_)).type == "mailbox.features-set.v1"
    assert (await bus.answer("nordwind", bad)).data.refusal.code == "internal_error"
    assert await count_of(bus, "beside@x.de") == 6
    buried = await letter(bus, "internal_error")
    assert buried["detail"].startswith("RuntimeError at ")
    assert "secret" not in buried["detail"]


async def test_an_outcome_too_large_for_the_bus_sets_the_message_aside_and_changes_nothing(bus):
    id_ = await bus.send("nordwind", order("huge@x.de"))
    assert (await bus.answer("nordwind", id_)).data.refusal.code == "internal_error"
    assert await count_of(bus, "huge@x.de") == 0
    await goes_on(bus)


async def test_rows_that_the_database_refuses_set_one_message_aside(bus):
    good, bad = uuid7(), uuid7()
    await bus.send_raw(SUBJECT, message(order("overflow@x.de"), id=bad))
    await bus.send_raw(SUBJECT, message(order("fine@x.de"), id=good))
    assert (await bus.answer("nordwind", good)).type == "mailbox.features-set.v1"
    assert (await bus.answer("nordwind", bad)).data.refusal.code == "internal_error"
    assert "not_too_many" in (await letter(bus, "rows_refused"))["detail"]


# --- bad input (R42) --------------------------------------------------------------------------------------------


async def test_what_is_not_json_becomes_a_dead_letter_without_its_secrets(bus):
    await bus.send_raw(SUBJECT, b'{"password": "hunter2", broken ' + HASH.encode())
    buried = await letter(bus, "not_json")
    assert "hunter2" not in buried["payload"]
    assert "aaaa" not in buried["payload"]
    assert buried["stream"] == "CMD"
    copy = await bus.client.jetstream().get_last_msg("DLQ", "dlq.mailbox.nordwind")
    assert b"not_json" in copy.data
    assert b"hunter2" not in copy.data
    await goes_on(bus)


@pytest.mark.parametrize(
    ("subject", "code"),
    [
        ("cmd.nordwind.mailbox.fly-to-the-moon.v1", "unknown_type"),
        ("cmd.nordwind.mailbox.set-mailbox-features.v9", "unknown_version"),
        ("cmd.nordwind.mailbox.delete-mailbox.v1", "wrong_shape"),
    ],
)
async def test_a_message_of_unknown_kind_is_refused_to_its_sender(bus, subject, code):
    id_ = uuid7()
    await bus.send_raw(subject, message(order("a@x.de"), id=id_, type=subject.removeprefix("cmd.nordwind.")))
    outcome = await bus.answer("nordwind", id_)
    assert outcome.data.refusal.code == code
    await goes_on(bus)


async def test_half_a_character_is_set_aside_and_no_worker_stumbles(bus):
    await bus.send_raw(SUBJECT, message(order("half@x.de")).replace(b"half@", b"\\ud800@"))
    await goes_on(bus)
    assert "ud800" in (await letter(bus, "not_json"))["payload"]
    asked = await bus.client.request("qry.nordwind.mailbox.request.v1", b'{"request_id": "\\ud800"}', timeout=5)
    assert asked.headers["Nats-Service-Error-Code"] == "400"


async def test_a_type_other_than_the_subjects_is_refused(bus):
    id_ = uuid7()
    await bus.send_raw(SUBJECT, message(order("a@x.de"), id=id_, type="mailbox.delete-group.v1"))
    assert (await bus.answer("nordwind", id_)).data.refusal.code == "type_mismatch"


async def test_an_account_other_than_the_subjects_is_refused(bus):
    id_ = uuid7()
    await bus.send_raw(SUBJECT, message(order("foreign@x.de"), id=id_, account="suedwind"))
    assert (await bus.answer("nordwind", id_)).data.refusal.code == "account_mismatch"
    assert await count_of(bus, "foreign@x.de") == 0


async def test_an_account_that_is_no_account_becomes_a_dead_letter(bus):
    await bus.send_raw(f"cmd.NORD_WIND.{TYPE}", message(order("a@x.de"), account="nordwind"))
    await letter(bus, "account_mismatch")
    await goes_on(bus)


async def test_an_oversize_message_is_refused_by_the_broker(bus):
    big = message(order("a@x.de")) + b" " * MAX_MESSAGE_BYTES
    with pytest.raises(APIError, match="message size exceeds"):
        await bus.send_raw(SUBJECT, big)
    await goes_on(bus)


async def test_a_redelivered_bad_message_is_refused_once(bus):
    id_ = uuid7()
    payload = message(order("a@x.de"), id=id_, type="mailbox.delete-group.v1")
    await bus.send_raw(SUBJECT, payload)
    await bus.answer("nordwind", id_)
    for replica in bus.workers:  # a reset redelivers nothing that was acknowledged, a restart neither
        replica.ownership.nudge()
    await goes_on(bus)
    assert len(bus.answers[f"rpl.nordwind.{id_}"]) == 1


# --- timers -----------------------------------------------------------------------------------------------------


async def test_a_timer_wakes_with_what_was_observed_and_only_once(bus):
    name = uuid4().hex[:10]
    await bus.send("nordwind", DeleteGroup(name=name))

    async def woken():
        return await bus.fetch("SELECT count, seen FROM mailbox.tally WHERE address = $1", f"{name}@timer.de")

    rows = await bus.eventually(woken)
    assert rows[0]["seen"] == [f"observed {name}"]
    await goes_on(bus)
    assert await count_of(bus, f"{name}@timer.de") == 1
    assert await bus.fetch("SELECT 1 FROM mailbox.timer") == []


# --- order and sharing --------------------------------------------------------------------------------------------


async def test_messages_of_one_account_are_handled_in_their_order(bus):
    ids = [uuid7() for _ in range(300)]
    for id_ in ids:
        await bus.send_raw(f"cmd.ordered.{TYPE}", message(order("ordered@x.de"), id=id_, account="ordered"))
    await bus.answer("ordered", ids[-1])
    rows = await bus.fetch("SELECT seen FROM mailbox.tally WHERE address = 'ordered@x.de'")
    assert rows[0]["seen"] == [str(id_) for id_ in ids]


async def test_two_replicas_share_the_lanes_and_one_takes_all_when_the_other_leaves(bus, counting_service):
    first, second = bus.workers[:2]

    async def fair():
        return sorted(len(w.ownership.owned) for w in (first, second)) == [2, 3]

    await bus.eventually(fair)
    third = await bus.start(counting_service())

    async def shared_by_three():
        return sorted(len(w.ownership.owned) for w in bus.workers[:3]) == [1, 2, 2]

    await bus.eventually(shared_by_three)
    await third.stop()
    bus.workers.remove(third)
    await bus.eventually(fair)
    await goes_on(bus)


async def test_one_transaction_handles_what_waits_in_several_lanes(bus):
    async def common():
        await asyncio.gather(*(bus.send(f"common{n}", order(f"box@common{n}.de")) for n in range(50)))
        return await bus.fetch("SELECT 1 FROM mailbox.event_log GROUP BY logged_at HAVING count(DISTINCT lane) > 1")

    await bus.eventually(common)


async def test_a_consumer_that_is_gone_holds_up_no_other_lane(bus):
    events = next(spec for spec in topology.lanes("mailbox", 4) if spec.number == topology.EVENT_LANE)
    await bus.client.jetstream().delete_consumer(events.stream, events.consumer)
    ends_at = time.monotonic() + pump.REQUEST_SECONDS + 1
    while time.monotonic() < ends_at:
        async with asyncio.timeout(pump.REQUEST_SECONDS / 2):
            await goes_on(bus)
    await topology.apply(bus.access)
    await bus.owns_all(*bus.workers[:2], lanes=5)


@pytest.mark.parametrize(
    ("waiting", "room", "shares"),
    [
        ((3, 0), 256, (3, 0)),
        ((500, 2, 500), 256, (127, 2, 127)),
        ((500, 500), 255, (127, 128)),
        ((1, 500, 100), 256, (1, 155, 100)),
        ((5, 5, 5), 2, (1, 1, 0)),
    ],
)
def test_lanes_share_a_batch_fairly_and_leave_no_room_unused(waiting, room, shares):
    lanes = [SimpleNamespace(waiting=count) for count in waiting]
    given = {id(one): share for one, share in lane.shares(lanes, room)}
    assert tuple(given.get(id(one), 0) for one in lanes) == shares


async def test_nothing_stays_in_the_outbox(bus):
    await goes_on(bus)

    async def empty():
        return not await bus.fetch("SELECT 1 FROM mailbox.outbox")

    await bus.eventually(empty)
