"""The number of partitions changes while accounts go on ordering: order per account, timers, nothing lost.

The tests of this file run in their order: each begins with the number that the one before has left.
"""

import asyncio
from collections import defaultdict
from dataclasses import replace
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from contracts.envelope import encode
from contracts.ids import uuid7
from contracts.mailbox_v1 import DeleteGroup, GroupDeleted, GroupView, SetMailboxFeatures
from deploy.bus.configuration import authorization
from deploy.devstack.nats import NatsServer
from services.chassis import repartition, topology
from services.chassis.bus import Access
from services.chassis.following import new_lane
from services.chassis.owner import Owner
from services.chassis.runtime import utc_now
from services.chassis.topology import EVENT_LANE, lanes, partition

ACCOUNTS = [f"konto-{number}" for number in range(24)]
FAR = "2100-01-01 00:00:00+00"


@pytest_asyncio.fixture(scope="module")
async def nats_server(tmp_path_factory, register):
    """A server that lets workers use both numbers of partitions."""
    server = NatsServer(
        tmp_path_factory.mktemp("nats"),
        sync_always=False,
        authorization=lambda: authorization(register.entries, partitions=(3, 4, 8)),
    )
    await server.start()
    await topology.apply(Access(server.url, seed=register.seed_file("admin")))
    yield server
    await server.stop()


@pytest.fixture
def access(bus):
    return Access(bus.url, seed=bus.register.seed_file("admin"))


class Orders:
    """Accounts that order one thing after the other, without a pause, until told to stop."""

    def __init__(self, bus):
        self._bus, self.sent = bus, defaultdict(list)
        self._going = True
        self._tasks = [asyncio.create_task(self._go_on(account)) for account in ACCOUNTS]

    async def _go_on(self, account):
        while self._going:
            id_ = uuid7()
            self.sent[account].append(str(id_))
            order = SetMailboxFeatures(addresses=(f"post@{account}.de",), features=())
            await self._bus.send(account, order, id=id_)
            await asyncio.sleep(0.02)

    async def end(self):
        self._going = False
        await asyncio.gather(*self._tasks)


async def seen_by(bus):
    rows = await bus.fetch("SELECT address, seen FROM mailbox.tally")
    return {row["address"].partition("@")[2].removesuffix(".de"): list(row["seen"]) for row in rows}


async def set_far_timers(bus, partitions):
    """Leave a timer of each account, of the house, and of the lane of facts, due in a far future."""
    rows = [("wake", f"t-{account}", partition(account, partitions), account) for account in ACCOUNTS]
    rows += [("wake", f"house-{lane}", lane, "postkontor") for lane in range(partitions)]
    rows += [("wake", "fact", EVENT_LANE, ACCOUNTS[0])]
    for row in rows:
        await bus.fetch(
            "INSERT INTO mailbox.timer (kind, key, lane, account, due_at)"
            " VALUES ($1, $2, $3, $4, $5::text::timestamptz)",
            *row, FAR,
        )  # fmt: skip
    return {row[1] for row in rows}


async def timers_fire(bus, keys):
    await bus.fetch("UPDATE mailbox.timer SET due_at = now() WHERE due_at = $1::text::timestamptz", FAR)

    async def fired():
        rows = await bus.fetch("SELECT address, count FROM mailbox.tally WHERE address LIKE '%@timer.de'")
        return {row["address"].removesuffix("@timer.de"): row["count"] for row in rows} == dict.fromkeys(keys, 1)

    await bus.eventually(fired, what="every timer firing once")
    await bus.fetch("DELETE FROM mailbox.tally WHERE address LIKE '%@timer.de'")


@pytest.mark.parametrize(("before", "after"), [(4, 8), (8, 4), (4, 3)])
async def test_the_number_changes_under_load(bus, access, replicas, before, after):
    await bus.fetch("DELETE FROM mailbox.tally")
    timers = await set_far_timers(bus, before)
    orders = Orders(bus)
    await bus.send(ACCOUNTS[0], DeleteGroup(name="zuvor"))

    await repartition.begin(access, after)
    seen = await repartition.finish(access, after, 15, services=("mailbox",))
    assert seen.is_there, seen
    await bus.owns_all(*replicas, lanes=after + 1)
    await bus.send(ACCOUNTS[0], DeleteGroup(name="danach"))
    await orders.end()

    async def all_counted():
        counted = await seen_by(bus)
        return all(len(counted.get(account, ())) >= len(orders.sent[account]) for account in ACCOUNTS)

    await bus.eventually(all_counted, what="counting every order")
    counted = await seen_by(bus)
    assert {account: counted[account] for account in ACCOUNTS} == orders.sent, "each once, in its account's order"
    await timers_fire(bus, timers | {"zuvor", "danach"})
    left = await bus.fetch("SELECT DISTINCT lane FROM mailbox.timer WHERE lane >= $1 AND lane < $2", after, EVENT_LANE)
    assert left == []


async def test_an_owner_takes_no_lane_of_a_number_that_its_service_has_left(bus, replicas):
    stale = replace(replicas[0].runtime, partitions=64)
    lock_class = 4711
    connection, other = await asyncpg.connect(bus.database_url), await asyncpg.connect(bus.database_url)
    try:
        owner = Owner(stale, lock_class, connection)
        owner.offer(lanes("mailbox", 64)[:1])
        await owner._change_lanes()
        assert owner.lanes == {}
        assert await other.fetchval("SELECT pg_try_advisory_lock($1, 0)", lock_class), "it gives the lock back"
    finally:
        await connection.close()
        await other.close()


async def test_one_change_after_the_other(bus, access):
    await repartition.begin(access, 8)
    await repartition.begin(access, 8)
    seen = await repartition.look(access, 8)
    assert (seen.present, 3 in seen.numbers) == (8, True)
    with pytest.raises(repartition.NotNow, match="--to 8"):
        await repartition.begin(access, 3)
    with pytest.raises(RuntimeError, match="repartition --to 3"):
        await topology.apply(access, partitions=3)
    assert (await repartition.finish(access, 8, 15, services=("mailbox",))).is_there
    await topology.apply(access)
    assert (await repartition.look(access, 8)).present == 8


async def test_what_a_dead_owner_left_unpublished_goes_out_before_its_lane_goes(bus, access, replicas):
    for replica in replicas:
        await replica.stop()
    account, id_ = ACCOUNTS[0], uuid7()
    type_, lane = "mailbox.group-deleted.v1", partition(account, 8)
    fact = GroupDeleted(group=GroupView(account=account, name="rest", members=(), revision=1))
    payload = encode(message_id=id_, type=type_, source="test", time=utc_now(), account=account, data=fact)
    await bus.fetch(
        "INSERT INTO mailbox.outbox (lane, seq, message_id, subject, ordering_key, payload, logged_at)"
        " SELECT lane, published_seq + 1, $2, $3, $4, $5, now() FROM mailbox.lane WHERE lane = $1",
        lane,
        id_,
        f"evt.{account}.{type_}",
        account,
        payload,
    )
    await bus.fetch(
        "INSERT INTO mailbox.suspect (lane, first, messages, deaths, noted_at) VALUES ($1, $2, 1, 1, now())",
        lane, str(uuid4()),
    )  # fmt: skip
    await repartition.begin(access, 4)
    worker = await bus.start(replicas[0].runtime.service)
    await bus.owns_all(worker, lanes=5)
    assert id_ in [event.id for event in await bus.events(f"evt.{account}.{type_}")]
    assert (await bus.fetch("SELECT count(*) FROM mailbox.outbox"))[0][0] == 0
    rows = await bus.fetch("SELECT lane FROM mailbox.suspect WHERE lane < 4")
    assert len(rows) in (0, 4), "every lane knew of it, and each forgets it when it has proven harmless"


@pytest.mark.parametrize(("before", "after"), [(4, 8), (8, 4), (4, 6), (64, 1), (1, 64)])
def test_a_timer_follows_its_account_and_doing_it_again_leaves_it_there(before, after):
    for account in ACCOUNTS:
        moved = new_lane(account, partition(account, before), before, after)
        assert moved == partition(account, after)
        assert new_lane(account, moved, before, after) == moved
    assert {new_lane("", lane, before, after) for lane in range(before)} <= set(range(after))
    assert new_lane("", 0, before, after) == 0, "what recurs stays with the first lane"
    assert new_lane(ACCOUNTS[0], EVENT_LANE, before, after) == EVENT_LANE
