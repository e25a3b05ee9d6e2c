"""Facts that the bus has lost: noticed, stated again from the event log, seen once by subscribers."""

import asyncio
import shutil
from datetime import timedelta
from uuid import uuid4

import pytest
import pytest_asyncio

from client import Postkontor
from client import streams as streams_of_client
from contracts import operations_v1 as operations
from contracts.ids import uuid7
from contracts.mailbox_v1 import FeaturesSet, SetMailboxFeatures
from contracts.values import HOUSE
from services.chassis import topology
from services.chassis.entries import Mark
from services.chassis.memory import what_is_gone
from services.chassis.originals import EventStream
from services.chassis.recollection import Remembered
from services.chassis.runtime import utc_now

RECONCILE = operations.RECONCILIATIONS["mailbox"]


@pytest_asyncio.fixture(scope="module")
async def worker(bus, replicas):
    """One replica with all lanes, so that a test knows which one looks."""
    first, second = replicas
    await second.stop()
    bus.workers.remove(second)
    await bus.owns_all(first, lanes=5)
    return first


async def state_facts(bus, count):
    """Have so many facts stated; return their ids in their order."""
    account = f"a{uuid4().hex[:8]}"
    outcomes = [
        await bus.request(account, SetMailboxFeatures(addresses=(f"{n}@x.de",), features=())) for n in range(count)
    ]
    return [outcome.id for outcome in outcomes]


async def notices(bus, worker):
    """Look now instead of within a minute; return what was noticed."""
    for lane in worker.ownership.lanes:
        await worker.runtime.memory.check(lane.number)
    return [
        row["forgotten"] for row in await bus.fetch("SELECT forgotten FROM mailbox.lane WHERE forgotten IS NOT NULL")
    ]


async def settled(bus):
    async def nothing_left():
        return not await bus.fetch(
            "SELECT 1 FROM mailbox.lane AS l JOIN mailbox.event_log AS e ON e.lane = l.lane AND e.seq > l.published_seq"
        )

    await bus.eventually(nothing_left, what="noting what is published")


async def reconcile(bus, **ask):
    outcome = await bus.request(HOUSE, RECONCILE(**ask))
    assert outcome.type == "mailbox.events-reconciled.v1"
    return outcome.data


# --- noticing -------------------------------------------------------------------------------------------------------

MARK = Mark(100, uuid7())
STREAM = EventStream("2026-01-01T00:00:00Z", 1, 120)


@pytest.mark.parametrize(
    ("stream", "age_days", "gone"),
    [
        (STREAM, 1, None),
        (None, 1, "is gone"),
        (EventStream("2026-02-02T00:00:00Z", 1, 120), 1, "made anew"),
        (EventStream(STREAM.made_at, 1, 99), 1, "ends at 99"),
        (EventStream(STREAM.made_at, 101, 120), 1, "begins at 101"),
        (EventStream(STREAM.made_at, 101, 120), 90, None),
    ],
)
def test_what_speaks_against_the_stream(stream, age_days, gone):
    now = utc_now()
    remembered = Remembered(MARK, now - timedelta(days=age_days), STREAM.made_at, None)
    found = what_is_gone(remembered, stream, now)
    assert (found is None) if gone is None else gone in found


def test_who_has_published_nothing_misses_nothing():
    assert what_is_gone(Remembered(None, None, STREAM.made_at, None), None, utc_now()) is None


async def test_a_stream_that_is_whole_is_not_doubted(bus, worker):
    await state_facts(bus, 2)
    await settled(bus)
    assert await notices(bus, worker) == []
    assert (await reconcile(bus)).missing == 0


async def test_an_emptied_stream_is_noticed_and_filled_again_with_the_same_ids_in_their_order(bus, worker):
    ids = await state_facts(bus, 5)
    await settled(bus)
    await bus.client.jetstream().purge_stream("EVT")
    assert "begins at" in (await notices(bus, worker))[0]
    counted = await reconcile(bus, dry_run=True)
    assert (counted.missing >= 5, counted.restated) == (True, 0)
    done = await reconcile(bus)
    assert done.restated == done.missing >= 5
    stated = [event.id for event in await bus.events()]
    assert [id_ for id_ in stated if id_ in ids] == ids
    assert len(set(stated)) == len(stated)
    assert await notices(bus, worker) == []
    await settled(bus)
    assert (await reconcile(bus)).missing == 0


async def test_something_else_in_its_place_is_noticed(bus, worker):
    """A tail was lost and others have filled it again before anybody looked."""
    await state_facts(bus, 1)
    await settled(bus)
    await bus.fetch("UPDATE mailbox.lane SET mark_id = gen_random_uuid() WHERE mark_id IS NOT NULL")
    assert "something else at" in (await notices(bus, worker))[0]
    await bus.fetch("UPDATE mailbox.lane SET forgotten = NULL, mark_id = NULL, mark_seq = NULL")


async def test_numbers_that_fall_are_doubted_although_all_after_them_is_well(bus, worker):
    """What was acknowledged before the loss counts, not what was published after it."""
    await state_facts(bus, 1)
    await settled(bus)
    publisher = worker.runtime.publisher
    for number in range(4):
        publisher.marks[number] = Mark(1_000_000, uuid7(), utc_now())
    await state_facts(bus, 2)
    assert publisher.doubtful
    assert "ends at" in (await notices(bus, worker))[0]
    assert not publisher.doubtful
    publisher.marks.clear()
    await bus.fetch("UPDATE mailbox.lane SET forgotten = NULL, mark_id = NULL, mark_seq = NULL")


async def test_a_tail_that_a_crash_took_along_is_noticed_by_itself_and_stated_again(bus, worker, nats_server, tmp_path):
    """The server comes back with an older copy of the stream, as from a disk that had not been told to write."""
    await state_facts(bus, 3)
    (store,) = nats_server._directory.glob("jetstream/**/streams/EVT/msgs")
    shutil.copytree(store, tmp_path / "older")
    ids = await state_facts(bus, 5)
    await settled(bus)
    await nats_server.kill()
    shutil.rmtree(store)
    shutil.copytree(tmp_path / "older", store)
    await nats_server.start()

    async def noticed():
        return await bus.fetch("SELECT forgotten FROM mailbox.lane WHERE forgotten IS NOT NULL")

    assert "ends at" in (await bus.eventually(noticed, what="noticing"))[0]["forgotten"]
    done = await reconcile(bus)
    assert 5 <= done.restated == done.missing
    stated = [event.id for event in await bus.events()]
    assert [id_ for id_ in stated if id_ in ids] == ids
    assert len(set(stated)) == len(stated)
    assert await notices(bus, worker) == []


# --- subscribers ----------------------------------------------------------------------------------------------------


async def test_after_a_stream_was_lost_a_subscriber_sees_nothing_twice_and_misses_nothing(bus, worker, monkeypatch):
    monkeypatch.setattr(streams_of_client, "TROUBLE_PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(streams_of_client, "FETCH_SECONDS", 0.3)
    seen = []

    async def listen():
        async with Postkontor.from_environment(bus.environment("admin"), account="*", source="test") as office:
            async for event in office.events(durable="shop", facts=[FeaturesSet]):
                seen.append(event.id)  # noqa: PERF401 - what is seen is looked at meanwhile

    listening = asyncio.create_task(listen())

    async def all_seen():
        return set(ids) <= set(seen)

    ids = await state_facts(bus, 3)
    await bus.eventually(all_seen, what="seeing the first facts")
    streams = bus.client.jetstream()
    before = len(seen)
    await streams.delete_consumer("EVT", "admin_shop")
    ids += await state_facts(bus, 2)  # stated while it is away
    await settled(bus)
    await streams.delete_stream("EVT")
    assert "is gone" in (await notices(bus, worker))[0]
    await topology.apply(bus.access)
    done = await reconcile(bus)
    assert done.restated >= 5
    ids += await state_facts(bus, 1)
    await bus.eventually(all_seen, what="seeing what was lost")
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    assert before < len(seen) == len(set(seen))
    assert await notices(bus, worker) == []
