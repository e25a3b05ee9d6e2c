"""Timers of many accounts on a real worker: nobody's backlog, and nothing that hangs, holds up another's."""

import asyncio
import json
import time
from datetime import timedelta
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from contracts.mailbox_v1 import DeleteGroup, GroupDeleted, GroupView, SetMailboxFeatures
from services.chassis.backlog import Place
from services.chassis.fates import At, Cancel, Done, Say
from services.chassis.runtime import utc_now
from services.chassis.service import Service
from services.chassis.timers import AT_ONCE, AT_ONCE_OF_A_KIND, EARLIEST
from services.chassis.timetable import Timetable

LANES = 5
MANY = 10_000
AT_ONCE_SECONDS = 1.0  # for a timer that somebody waits for, whatever else is due
released = asyncio.Event()
under_way: dict[str, int] = {}
most_under_way: dict[str, int] = {}


def make_service() -> Service:
    """A service whose looks hang where the key says so. Groups are looks; one that is named `now-...` is waited for."""
    service = Service("mailbox", tables=())

    async def observe(tick):
        under_way[tick.account] = under_way.get(tick.account, 0) + 1
        most_under_way[tick.account] = max(most_under_way.get(tick.account, 0), under_way[tick.account])
        try:
            if tick.key.startswith("hang"):
                await released.wait()
        finally:
            under_way[tick.account] -= 1

    @service.command(DeleteGroup, keys=lambda message: [])
    def ask(message, book, moment):
        name = message.data.name
        return Done(timings=(At("look", name, moment.now, message.account, urgent=name.startswith("now")),))

    @service.command(SetMailboxFeatures, keys=lambda message: [])
    def cancel(message, book, moment):
        return Done(timings=tuple(Cancel("look", address) for address in message.data.addresses))

    @service.timer("look", keys=lambda tick: [], observe=observe)
    def looked(tick, book, moment):
        view = GroupView(account=tick.account, name=tick.key, members=(), revision=1)
        return Done(says=(Say(GroupDeleted(group=view), key=tick.key),))

    return service


async def insert_due(connection, account, count, *, prefix, age=timedelta(0), lane=None, urgent=False):
    """Write timers of an account that are due since a while, into the lane that its requests would use."""
    await connection.execute(
        "INSERT INTO mailbox.timer (kind, key, lane, account, due_at, urgent)"
        " SELECT 'look', $1 || n || '@' || $2 || '.de', $3, $2, $4::timestamptz + n * interval '1 us', $5"
        " FROM generate_series(1, $6) AS n",
        prefix, account, lane, utc_now() - age, urgent, count,
    )  # fmt: skip


@pytest_asyncio.fixture(scope="module")
async def connection(bus):
    opened = await asyncpg.connect(bus.database_url)
    yield opened
    await opened.close()


@pytest_asyncio.fixture(scope="module")
async def worker(bus):
    started = await bus.start(make_service())
    await bus.owns_all(started, lanes=LANES)
    yield started
    released.set()


async def lane_of(bus, connection, account):
    """Return the lane of an account, by a look of its own."""
    name = f"lane-{uuid4().hex[:8]}"
    await bus.send(account, DeleteGroup(name=name))

    async def logged():
        return await connection.fetchrow(
            "SELECT lane FROM mailbox.event_log WHERE ordering_key = $1", f"{account}/{name}"
        )

    return (await bus.eventually(logged))["lane"]


async def seconds_until_looked(bus, connection, account, name):
    began = time.monotonic()
    await bus.send(account, DeleteGroup(name=name))

    async def logged():
        return await connection.fetchval("SELECT 1 FROM mailbox.event_log WHERE ordering_key = $1", f"{account}/{name}")

    await bus.eventually(logged)
    return time.monotonic() - began


async def neighbour_of(bus, connection, lane):
    """Return an account of the same lane."""
    for number in range(100):
        account = f"neighbour{number}"
        if await lane_of(bus, connection, account) == lane:
            return account
    raise AssertionError("no neighbour")


async def test_what_hangs_for_one_account_holds_up_nobody_else(bus, connection, worker):
    released.clear()
    lane = await lane_of(bus, connection, "deadwood")
    neighbour = await neighbour_of(bus, connection, lane)
    await insert_due(connection, "deadwood", MANY, prefix="hang-", lane=lane)

    async def as_many_as_may():
        return under_way.get("deadwood", 0) >= AT_ONCE_OF_A_KIND // 2

    await bus.eventually(as_many_as_may)
    assert await seconds_until_looked(bus, connection, neighbour, "now-1") < AT_ONCE_SECONDS
    assert await seconds_until_looked(bus, connection, neighbour, "scheduled-1") < AT_ONCE_SECONDS + 1
    assert await seconds_until_looked(bus, connection, "deadwood", "now-2") < AT_ONCE_SECONDS
    assert most_under_way["deadwood"] <= AT_ONCE // 2 + 1


async def test_somebody_who_waits_is_served_before_what_is_due_for_long(bus, connection, worker):
    released.set()
    lane = await lane_of(bus, connection, "deadwood")
    assert await seconds_until_looked(bus, connection, await neighbour_of(bus, connection, lane), "now-3") < 2

    async def done():
        return not await connection.fetchval("SELECT 1 FROM mailbox.timer LIMIT 1")

    await bus.eventually(done, seconds=60, what="looking at all that was due")
    looks = await connection.fetchval("SELECT count(*) FROM mailbox.event_log WHERE ordering_key ~ '^deadwood/hang-'")
    assert looks == MANY


async def test_a_timer_that_is_cancelled_while_it_waits_is_never_looked_at(bus, connection, worker):
    released.clear()
    lane = await lane_of(bus, connection, "regretful")
    await insert_due(connection, "regretful", AT_ONCE, prefix="hang-", lane=lane)
    last = f"hang-{AT_ONCE}@regretful.de"

    async def begun():
        return under_way.get("regretful", 0) > 1

    await bus.eventually(begun)
    await bus.send("regretful", SetMailboxFeatures(addresses=(last,), features=()))

    async def cancelled():
        return not await connection.fetchval("SELECT 1 FROM mailbox.timer WHERE key = $1", last)

    await bus.eventually(cancelled)
    released.set()

    async def done():
        return not await connection.fetchval("SELECT 1 FROM mailbox.timer LIMIT 1")

    await bus.eventually(done)
    assert not await connection.fetchval("SELECT 1 FROM mailbox.event_log WHERE ordering_key = $1", f"regretful/{last}")


async def test_a_timer_that_others_wrote_is_found(bus, connection, worker):
    lane = await lane_of(bus, connection, "stranger")
    await insert_due(connection, "stranger", 1, prefix="late-", lane=lane, age=timedelta(days=3))

    async def logged():
        return await connection.fetchval(
            "SELECT 1 FROM mailbox.event_log WHERE ordering_key = 'stranger/late-1@stranger.de'"
        )

    await bus.eventually(logged)


async def test_who_asks_while_a_look_is_in_hand_waits_for_no_other(bus, connection, worker):
    """The look in hand began too early for the asker: it is handled before the others that are ready, then the next."""
    lane = await lane_of(bus, connection, "impatient")
    neighbour = await neighbour_of(bus, connection, lane)
    released.set()
    await insert_due(connection, neighbour, MANY, prefix="quick-", lane=lane)
    await insert_due(connection, "impatient", 1, prefix="now-", lane=lane)
    waits = [await seconds_until_looked(bus, connection, "impatient", f"now-{number}") for number in range(20)]
    assert sorted(waits)[len(waits) // 2] < AT_ONCE_SECONDS


# --- what the database does for it ----------------------------------------------------------------------------------


@pytest_asyncio.fixture
async def full_table(connection, worker):
    """100,000 timers of 1,000 accounts, most of them due, in a lane that nobody owns."""
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute(
        "INSERT INTO mailbox.timer (kind, key, lane, account, due_at, urgent)"
        " SELECT 'look', 'k' || n, 99, 'account' || n % 1000, now() - interval '1 day' + n * interval '1 s',"
        " n % 500 = 0"
        " FROM generate_series(1, 100000) AS n"
    )
    await connection.execute("ANALYZE mailbox.timer")
    yield connection
    await transaction.rollback()


def nodes(plan):
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


@pytest.mark.parametrize("urgent", [True, False])
async def test_due_rows_are_read_by_index_and_nothing_more_than_asked_for(full_table, urgent):
    place = Place(utc_now() - timedelta(hours=12), "look", "k1")
    left = [f"account{n}" for n in range(50)]
    questions = {
        "due": (99, urgent, utc_now(), *EARLIEST, left, 512),
        "due_of": (99, urgent, utc_now(), left, *([part] * len(left) for part in place), 16),
        "next_due": ([99],),
        "next_after": (99, *place, *place),
    }
    statements = Timetable("mailbox")._sql
    for name, arguments in questions.items():
        prepared = await full_table.prepare(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statements[name]}")
        await full_table.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        [explained] = json.loads(await prepared.fetchval(*arguments))
        found = list(nodes(explained["Plan"]))
        scans = [node for node in found if node.get("Relation Name") == "timer"]
        assert scans, name
        assert all("Index" in node["Node Type"] for node in scans), (name, scans)
        assert all(node["Actual Rows"] <= 600 for node in scans), (name, scans)
        assert explained["Execution Time"] < 50, (name, explained["Execution Time"])
