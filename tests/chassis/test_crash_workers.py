"""Workers die at any moment: every request still has one outcome, one effect and its place."""

import asyncio
import signal

import pytest
from crash_stand import (
    LANES,
    SETTLED_SECONDS,
    losses,
    new_load,
    order,
    supervised,
)

from contracts.ids import uuid7
from contracts.mailbox_v1 import DeleteGroup

pytestmark = pytest.mark.crash


@pytest.mark.usefixtures("nobody")
@pytest.mark.parametrize(
    "place",
    [
        "in-the-transaction",
        "after-commit-before-publish",
        "in-the-middle-of-publishing",
        "after-publish-before-ack",
        "in-the-middle-of-acknowledging",
        "after-ack",
        "while-taking-over",
    ],
)
async def test_dying_at_a_chosen_place_changes_no_outcome(stand, load, place, tmp_path):
    await load.publish(each=10)
    trap = {"CRASH_AT": place, "CRASH_MARKER": str(tmp_path / "sprung")}
    trapped = stand.replica(**trap)
    assert await trapped.gone(SETTLED_SECONDS)
    assert (tmp_path / "sprung").exists(), trapped.log_tail()
    stand.replica(**trap)
    await load.exactly_once()


@pytest.mark.usefixtures("nobody")
async def test_a_message_that_kills_the_process_is_found_and_everything_else_is_handled(stand, load):
    await load.publish(each=5)
    account, killer = load.accounts[0], uuid7()
    load.sent[account].append(killer)
    await stand.publish(account, order(f"box@{account}.de", "killer@x.de"), killer)
    await load.publish(each=5)

    deaths = await supervised(stand, load.exactly_once(without=frozenset([killer])))

    codes = await stand.fetch("SELECT code FROM mailbox.dead_letter WHERE account = $1", account)
    assert [row["code"] for row in codes] == ["kills_the_worker"]
    assert 3 < deaths <= 8


@pytest.mark.usefixtures("nobody")
async def test_a_wake_up_that_kills_the_process_is_put_off_and_everything_else_is_handled(stand, load):
    await stand.publish(load.accounts[0], DeleteGroup(name="killer"), uuid7())

    async def buried():
        return await stand.fetch("SELECT code FROM mailbox.dead_letter WHERE type = 'wake'")

    async def until_buried() -> None:
        await load.publish(each=5)
        await stand.eventually(buried, seconds=SETTLED_SECONDS, what="a dead letter")

    deaths = await supervised(stand, until_buried())

    assert [row["code"] for row in await buried()] == ["kills_the_worker"]
    assert deaths <= 8
    await stand.fetch("DELETE FROM mailbox.dead_letter WHERE type = 'wake'")
    await load.exactly_once()


async def test_killing_replicas_again_and_again_under_load_changes_no_outcome(stand, pair):
    replicas = list(pair)
    for round_ in range(4):
        load = await new_load(stand)
        publishing = asyncio.create_task(load.publish())
        await load.handled(at_least=100)
        victim = round_ % 2
        await replicas[victim].kill()
        replicas[victim] = stand.replica()
        await publishing
        await load.exactly_once()
    await stand.eventually(stand.nothing_to_publish, what="emptying the pending sets")


async def test_a_replica_that_slept_while_another_took_its_lanes_does_no_harm(stand, pair, load):
    sleeper, other = pair
    publishing = asyncio.create_task(load.publish())
    await load.handled(at_least=100)
    sleeper.signal(signal.SIGSTOP)
    await stand.fetch(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1", stand.name_of(sleeper)
    )
    await stand.owns(other, LANES)
    await publishing
    await load.settled()
    sleeper.signal(signal.SIGCONT)
    await stand.fair(*pair)
    await load.publish(each=5)
    await load.exactly_once()
    assert sleeper.alive


async def test_a_replica_told_to_end_finishes_and_hands_over(stand, pair, load):
    leaver, stayer = pair
    lost_before = losses(leaver)
    publishing = asyncio.create_task(load.publish())
    await load.handled(at_least=100)
    assert await leaver.stop(deadline_seconds=5)
    assert leaver.returncode == 0, leaver.log_tail()
    assert losses(leaver) == lost_before
    await stand.owns(stayer, LANES)
    await publishing
    await load.exactly_once()
    assert await stayer.stop(deadline_seconds=5)
    assert stayer.returncode == 0
    assert {row["clean"] for row in await stand.fetch("SELECT clean FROM mailbox.lane")} == {True}
