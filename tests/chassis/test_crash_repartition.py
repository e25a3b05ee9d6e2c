"""A replica dies while it moves its service to another number of partitions."""

import pytest
import pytest_asyncio
from crash_stand import LANES, PARTITIONS, SETTLED_SECONDS, new_load, order

from contracts.ids import uuid7
from services.chassis import repartition
from services.chassis.bus import Access
from services.chassis.topology import partition

pytestmark = pytest.mark.crash
FAR = "2100-01-01 00:00:00+00"
MANY = 8


@pytest_asyncio.fixture
async def replicas_that_die(stand, tmp_path):
    """A starter of replicas of which the first to come by a place dies there; afterwards the number is as it was."""
    place = ""

    def start(at: str = ""):
        nonlocal place
        place = at or place
        return stand.replica(CRASH_AT=place, CRASH_MARKER=str(tmp_path / "sprung"))

    await stand.clear()
    yield start
    await change(stand, PARTITIONS)
    await stand.clear()


async def change(stand, partitions):
    access = Access(stand.nats_server.url)
    await repartition.begin(access, partitions)
    seen = await repartition.finish(access, partitions, SETTLED_SECONDS, services=("mailbox",))
    assert seen.is_there, seen
    stand.partitions = partitions


async def leave_timers(stand, accounts):
    for account in accounts:
        await stand.fetch(
            "INSERT INTO mailbox.timer (kind, key, lane, account, due_at)"
            " VALUES ('wake', $1, $2, $1, $3::text::timestamptz)",
            account, partition(account, PARTITIONS), FAR,
        )  # fmt: skip


@pytest.mark.parametrize(
    "place",
    [
        pytest.param("before-timers-move", marks=pytest.mark.long),
        "after-timers-moved",
        pytest.param("after-letters-moved", marks=pytest.mark.long),
        "after-lanes-moved",
    ],
)
async def test_dying_while_the_number_of_partitions_changes_changes_no_outcome(stand, replicas_that_die, place):
    load, buried = await new_load(stand), uuid7()
    trapped = replicas_that_die(place)
    await stand.owns(trapped, LANES)
    await leave_timers(stand, load.accounts)
    await load.publish(each=3)
    load.sent[load.accounts[0]].append(buried)
    await stand.publish(load.accounts[0], order("bug@x.de"), buried)
    await load.settled()

    await repartition.begin(Access(stand.nats_server.url), MANY)
    await load.publish(each=3)
    assert await trapped.gone(SETTLED_SECONDS), trapped.log_tail()
    replicas_that_die()
    await change(stand, MANY)

    await load.exactly_once(without=frozenset([buried]))
    for table, column in (("timer", "key"), ("dead_letter", "account")):
        rows = await stand.fetch(
            f"SELECT account, lane FROM mailbox.{table} WHERE {column} = ANY($1)",
            load.accounts,
        )
        assert rows
        assert {row["account"]: row["lane"] for row in rows} == {
            row["account"]: partition(row["account"], MANY) for row in rows
        }, table
