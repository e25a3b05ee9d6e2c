"""Bulk files through the worker domain, with billing and mailbox as they answer."""

from datetime import UTC, datetime
from itertools import count
from uuid import UUID, uuid5

import asyncpg
import pytest
import pytest_asyncio

from contracts.bulk_v1 import AskBulk, AskBulks, BulkItem, CancelBulk, item_request_id
from contracts.ids import uuid7
from contracts.mailbox_v1 import CreateMailbox, MailboxCreated
from contracts.messages import RequestAnswer, RequestStep
from services.domain.app import service
from tests.workers.bulk_neighbours import (
    Neighbours,
    alias,
    box,
    claims,
    finished,
    items_of,
    mailbox_view,
    parts_of,
    send_part,
    submit,
)
from tests.workers.domain_neighbours import LANES, active

numbers = count(1)


@pytest_asyncio.fixture(scope="module")
async def domain(bus):
    started = await bus.start(service)
    await bus.owns_all(started, lanes=LANES)
    return started


@pytest_asyncio.fixture(scope="module")
async def neighbours(bus, domain):
    started = Neighbours(bus)
    await started.start()
    return started


@pytest.fixture
def account(neighbours) -> str:
    neighbours.seen.clear()
    return f"umzug-{next(numbers)}"


@pytest_asyncio.fixture
async def name(bus, account) -> str:
    name = f"{account}.de"
    await active(bus, account, name)
    return name


async def test_every_item_has_its_own_outcome_and_a_bad_line_stops_no_other(bus, account, name):
    items = [
        box(name, "anna", line=2),
        box(name, "nein", line=3),
        BulkItem(line=4, kind="mailbox", order={"address": f"bernd@{name}", "plan": "mail"}),
        BulkItem(line=5, kind="fax", order={}),
        box("fremd.example.org", "carla", line=6),
        alias(name, "anna", "info", line=7),
        *claims("neu-angemeldet.de"),
    ]
    bulk_id = await submit(bus, account, items)
    bulk = await finished(bus, account, bulk_id)
    assert (bulk.done, bulk.refused, bulk.waiting, bulk.under_way) == (3, 4, 0, 0)
    found = await items_of(bus, account, bulk_id)
    assert [(i.line, i.state, i.refusal and i.refusal.code) for i in found] == [
        (2, "done", None),
        (3, "refused", "address_taken"),
        (4, "refused", "wrong_shape"),
        (5, "refused", "bulk_kind_unknown"),
        (6, "refused", "domain_unknown"),
        (7, "done", None),
        (1, "done", None),
    ]
    assert found[0].subject == f"anna@{name}"
    assert found[0].request_id == item_request_id(account, bulk_id, found[0].number)
    assert {i.refusal.code for i in await items_of(bus, account, bulk_id, only="refused")} == {
        "address_taken", "wrong_shape", "bulk_kind_unknown", "domain_unknown"
    }  # fmt: skip
    assert (await bus.ask(account, AskBulks())).bulks[0].bulk_id == bulk_id


async def test_claims_come_before_mailboxes_and_these_before_aliases_each_in_the_files_order(
    bus, neighbours, account, name
):
    items = [
        alias(name, "b", "b1"), box(name, "b"), alias(name, "a", "a1"), box(name, "a"),
        *claims("zuletzt-genannt.de", "ganz-zuletzt.de"),
    ]  # fmt: skip
    await finished(bus, account, await submit(bus, account, items, size=2))
    assert [(kind, about) for kind, _, about in neighbours.seen] == [
        ("claim-domain", "zuletzt-genannt.de"),
        ("claim-domain", "ganz-zuletzt.de"),
        ("create-mailbox", f"b@{name}"),
        ("create-mailbox", f"a@{name}"),
        ("add-aliases", f"b@{name}"),
        ("add-aliases", f"a@{name}"),
    ]


async def test_accepted_progress_and_end_are_told_under_the_bulks_own_id(bus, account, name):
    bulk_id = await submit(bus, account, [box(name, "anna"), box(name, "bernd")], size=1)
    end = await bus.answer(account, bulk_id)
    assert (end.type, end.data.bulk.done) == ("domain.bulk-finished.v1", 2)
    events = await bus.events(f"evt.{account}.domain.*.v1")
    told = [event.type.split(".")[1] for event in events if event.correlationid == bulk_id]
    assert (told[0], told[-1]) == ("bulk-accepted", "bulk-finished")
    revisions = [event.revision for event in events if event.correlationid == bulk_id]
    assert revisions == sorted(set(revisions))


async def test_the_window_bounds_what_is_under_way_and_a_single_request_passes(bus, neighbours, account, name):
    neighbours.is_quiet = True
    bulk_id = await submit(bus, account, [box(name, f"m{n}") for n in range(200)])

    async def full():
        return len(neighbours.of("create-mailbox")) == 64

    await bus.eventually(full, what="a full window")
    single = box(name, "einzeln").order

    request_id = await bus.send(account, CreateMailbox.model_validate(single))

    async def passed():
        return any(id_ == request_id for _, id_, _ in neighbours.seen)

    await bus.eventually(passed, what="the single request")
    assert len(neighbours.of("create-mailbox")) == 65
    standing = (await bus.ask(account, AskBulk(bulk_id=bulk_id))).bulk
    assert (standing.under_way, standing.waiting) == (64, 136)
    await neighbours.speak()
    assert (await finished(bus, account, bulk_id)).done == 200
    assert neighbours.of("create-mailbox")[65:] == [f"m{n}@{name}" for n in range(64, 200)]


async def test_parts_may_come_in_any_order_twice_and_late(bus, neighbours, account, name):
    parts = parts_of([box(name, f"m{n}") for n in range(6)], size=2)
    for part in (parts[2], parts[0], parts[2]):
        await send_part(bus, account, part)
    half = await bus.ask(account, AskBulk(bulk_id=parts[0].bulk_id))
    assert (half.missing, half.bulk.state, half.bulk.waiting) == ((2,), "receiving", 6)
    assert neighbours.seen == []
    await bus.request(account, parts[0], id=uuid7())  # under another id: there already, and the same
    await send_part(bus, account, parts[1])
    assert (await finished(bus, account, parts[0].bulk_id)).done == 6
    assert neighbours.of("create-mailbox") == [f"m{n}@{name}" for n in range(6)]


async def test_parts_that_do_not_belong_together_are_refused(bus, account, name):
    parts = parts_of([box(name, f"m{n}") for n in range(4)], size=2)
    await send_part(bus, account, parts[0])
    others = {
        "bulk_differs": parts[1].model_copy(update={"digest": "cd" * 16}),
        "bulk_part_differs": parts[0].model_copy(update={"items": parts[1].items}),
        "bulk_miscounted": parts[1].model_copy(update={"items": parts[1].items[:1]}),
    }
    for code, part in others.items():
        assert (await bus.request(account, part)).data.refusal.code == code
    assert (await bus.request("anderes-konto", CancelBulk(bulk_id=parts[0].bulk_id))).data.refusal.code == (
        "bulk_unknown"
    )


async def test_a_cancelled_bulk_ends_what_is_under_way_and_begins_nothing_more(bus, neighbours, account, name):
    neighbours.is_quiet = True
    bulk_id = await submit(bus, account, [box(name, f"m{n}") for n in range(100)])

    async def full():
        return len(neighbours.of("create-mailbox")) == 64

    await bus.eventually(full, what="a full window")
    told = await bus.request(account, CancelBulk(bulk_id=bulk_id))
    assert (told.type, told.data.bulk.is_cancelled) == ("domain.bulk-cancelled.v1", True)
    await neighbours.speak()
    bulk = await finished(bus, account, bulk_id)
    assert (bulk.done, bulk.cancelled) == (64, 36)
    assert len(neighbours.of("create-mailbox")) == 64
    assert (await bus.request(account, CancelBulk(bulk_id=bulk_id))).data.refusal.code == "bulk_over"


async def test_no_password_hash_outlives_its_item_and_none_is_shown(bus, neighbours, account, name):
    bulk_id = await submit(bus, account, [box(name, "anna"), box(name, "nein")])
    await finished(bus, account, bulk_id)
    rows = await bus.fetch("SELECT content, subject, refusal FROM domain.bulk_item WHERE bulk_id = $1", bulk_id)
    assert [row["content"] for row in rows] == [None, None]
    logged = await bus.fetch(
        "SELECT count(*) FROM domain.event_log WHERE convert_from(payload, 'UTF8') LIKE '%SHA512-CRYPT%'"
    )
    assert logged[0]["count"] == 0


async def test_two_bulks_of_one_account_go_one_after_the_other(bus, neighbours, account, name):
    neighbours.is_quiet = True
    first = await submit(bus, account, [box(name, f"erst{n}") for n in range(70)])
    second = await submit(bus, account, [box(name, f"dann{n}") for n in range(3)])

    async def full():
        return len(neighbours.of("create-mailbox")) == 64

    await bus.eventually(full, what="a full window")
    await neighbours.speak()
    await finished(bus, account, second)
    assert (await finished(bus, account, first)).done == 70
    assert neighbours.of("create-mailbox")[70:] == [f"dann{n}@{name}" for n in range(3)]


async def test_a_fact_of_no_item_is_passed_over_unread(bus, neighbours, account, name):
    fact = MailboxCreated(mailbox=mailbox_view(account, f"anna@{name}"))
    single, derived_one = uuid7(), uuid5(uuid7(), "another program's")
    sent = [await bus.send(account, fact, correlation_id=request_id) for request_id in (single, derived_one)]
    await finished(bus, account, await submit(bus, account, [box(name, "bernd")]))  # facts are heard in order
    rows = await bus.fetch("SELECT message_id FROM domain.inbox WHERE message_id = ANY($1)", sent)
    assert [row["message_id"] for row in rows] == sent[1:]


async def test_an_outcome_that_was_not_heard_is_asked_for(bus, neighbours, account, name):
    neighbours.is_quiet = True
    bulk_id = await submit(bus, account, [box(name, "anna")])
    request_id = item_request_id(account, bulk_id, 1001)

    async def asked_for():
        return neighbours.of("create-mailbox")

    await bus.eventually(asked_for, what="the order")
    created = RequestStep(
        message_id=request_id, type="mailbox.create-mailbox.v1", fate="done", code=None, handled_at=datetime.now(UTC),
        outcome="mailbox.mailbox-created.v1",
    )  # fmt: skip

    async def tell(message) -> None:
        is_ours = str(request_id).encode() in message.data
        await message.respond(
            RequestAnswer(service="mailbox", steps=(created,) if is_ours else ()).model_dump_json().encode()
        )

    subscription = await bus.client.subscribe(f"qry.{account}.mailbox.request.v1", cb=tell)
    await bus.fetch("UPDATE domain.bulk_item SET look_at = now() WHERE bulk_id = $1 RETURNING 1", bulk_id)
    await bus.fetch("UPDATE domain.timer SET due_at = now() WHERE kind = 'bulk-look' AND account = $1", account)
    assert (await finished(bus, account, bulk_id)).done == 1
    await subscription.unsubscribe()


GOOD_ITEM = {
    "number": 1, "line": 1, "kind": "mailbox", "phase": 1, "request_id": UUID(int=1), "content": "{}",
    "state": "waiting", "is_counted": False,
}  # fmt: skip
ENDED = {"state": "done", "content": None, "ended_at": datetime(2026, 11, 23, tzinfo=UTC)}


@pytest.mark.parametrize(
    ("constraint", "changed"),
    [
        ("content_is_kept_until_the_outcome", ENDED | {"content": "{}"}),
        ("content_is_kept_until_the_outcome", {"content": None}),
        ("what_can_be_asked_for_has_its_id", {"request_id": None}),
        ("under_way_item_was_asked_for", {"state": "under_way"}),
        ("refused_item_says_why", ENDED | {"state": "refused"}),
        ("ended_item_has_its_time", ENDED | {"ended_at": None}),
        ("only_what_ended_is_counted", {"is_counted": True}),
        ("item_state_known", ENDED | {"state": "lost"}),
        ("item_is_of_a_bulk", {}),
    ],
)
async def test_the_database_refuses_impossible_items(bus, domain, constraint, changed):
    row = {"account": "nordwind", "bulk_id": UUID(int=5)} | GOOD_ITEM | changed
    places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
    with pytest.raises(asyncpg.IntegrityConstraintViolationError) as caught:
        await bus.fetch(f"INSERT INTO domain.bulk_item ({', '.join(row)}) VALUES ({places})", *row.values())
    assert caught.value.constraint_name == constraint


@pytest.mark.parametrize(
    ("constraint", "changed"),
    [
        ("bulk_state_known", "state = 'lost'"),
        ("bulk_counts_add_up", "done = done + 1"),
        ("bulk_counts_add_up", "cancelled = 1"),
        ("finished_bulk_has_every_outcome", "finished_at = NULL"),
        ("accepted_bulk_is_whole", "items = items - 1"),
        ("running_bulk_was_accepted", "state = 'running', accepted_at = NULL"),
        ("bulk_revision_counts_from_one", "revision = 0"),
    ],
)
async def test_the_database_refuses_impossible_bulks(bus, domain, constraint, changed):
    with pytest.raises(asyncpg.IntegrityConstraintViolationError) as caught:
        await bus.fetch(f"UPDATE domain.bulk SET {changed} WHERE state = 'finished' AND done = total RETURNING 1")
    assert caught.value.constraint_name == constraint
