"""Broker and database die at any moment: every request still has one outcome, one effect and its place."""

import asyncio
import os
import signal
from contextlib import suppress

import asyncpg
import psutil
import pytest
from crash_stand import (
    LANES,
    SETTLED_SECONDS,
    SPECS,
    all_handled,
    connect,
    losses,
)

from deploy.devstack.ports import LOOPBACK
from services.chassis import topology
from services.chassis.bus import Access
from services.chassis.ownership import lock_class
from tests.cable import Cable

pytestmark = pytest.mark.crash


async def test_killing_the_broker_under_load_changes_no_outcome(stand, pair, load):
    publishing = asyncio.create_task(load.publish())
    for handled in (100, 250):
        await load.handled(at_least=handled)
        await stand.nats_server.kill()
        await stand.nats_server.start()
    await publishing
    await load.exactly_once()
    assert all(replica.alive for replica in pair)


async def test_a_request_after_a_restart_of_the_broker_is_answered_soon(stand, pair, load):
    await load.publish(each=1)
    await load.settled()
    await stand.nats_server.restart()
    await load.publish(each=1)
    # A second until the connection's next try; the rest is the machine's.
    await stand.eventually(all_handled(load), seconds=5.0, what="handling after the broker's restart")
    await load.exactly_once()


async def test_a_broker_that_refuses_the_worker_for_a_while_is_waited_for(stand, pair, load):
    await stand.nats_server.kill()
    stand.nats_server.refuses = True
    await stand.nats_server.start()

    async def refused() -> bool:
        return all("Authorization" in replica.log_path.read_text() for replica in pair)

    await stand.eventually(refused, what="being refused")
    await stand.nats_server.kill()
    stand.nats_server.refuses = False
    await stand.nats_server.start()
    await load.publish(each=2)
    await load.exactly_once()


async def test_a_consumer_that_is_gone_is_waited_for_without_haste(stand, pair, load):
    context = stand.client.jetstream()
    for spec in SPECS:
        await context.delete_consumer(spec.stream, spec.consumer)
    processes = [psutil.Process(replica.pid) for replica in pair]
    before = [sum(process.cpu_times()[:2]) for process in processes]
    await asyncio.sleep(1.5)
    used = [sum(process.cpu_times()[:2]) - start for process, start in zip(processes, before, strict=True)]
    await topology.apply(Access(stand.nats_server.url))
    await load.publish(each=2)
    await load.exactly_once()
    assert max(used) < 0.5, f"CPU seconds in 1.5 s: {used}"


async def test_a_worker_whom_the_broker_throws_out_for_good_ends(stand, pair):
    stand.nats_server.refuses = True
    stand.nats_server.write_configuration()
    os.kill(stand.nats_server.pid, signal.SIGHUP)
    try:
        assert all([await replica.gone(5) for replica in pair])
    finally:
        stand.nats_server.refuses = False
        await stand.nats_server.restart()
        stand.client = await connect(stand.nats_server.url)
    assert [replica.returncode for replica in pair] == [1, 1], pair[0].log_tail()


@pytest.mark.usefixtures("nobody")
async def test_a_replica_that_cannot_reach_the_broker_leaves_its_lanes_to_others(stand, load):
    cable = Cable(stand.nats_server.port)
    await cable.plug_in()
    first, second = stand.replica(POSTKONTOR_NATS_URL=f"nats://{LOOPBACK}:{cable.port}"), stand.replica()
    await stand.fair(first, second)
    publishing = asyncio.create_task(load.publish())
    await load.handled(at_least=100)
    await cable.pull_out()
    await stand.owns(second, LANES)
    await publishing
    await load.settled()
    await cable.plug_in()
    await stand.fair(first, second)
    await load.publish(each=2)
    await load.exactly_once()
    await cable.pull_out()


# --- the database dies --------------------------------------------------------------------------------------------


async def test_killing_the_database_under_load_changes_no_outcome(stand, pair, load):
    publishing = asyncio.create_task(load.publish())
    for handled in (100, 250):
        await load.handled(at_least=handled)
        await stand.postgres.kill()
        await stand.postgres.start()
    await publishing
    await load.exactly_once()
    assert all(replica.alive for replica in pair)


async def test_a_failing_database_buries_no_message(stand, pair, load):
    await stand.fetch("ALTER TABLE mailbox.tally RENAME TO tally_away")
    enough = [losses(replica) + 12 for replica in pair]
    await load.publish(each=2)

    async def tried_often() -> bool:
        return all(losses(replica) > count for replica, count in zip(pair, enough, strict=True))

    await stand.eventually(tried_often, seconds=SETTLED_SECONDS, what="trying again")
    await stand.fetch("ALTER TABLE mailbox.tally_away RENAME TO tally")
    await load.exactly_once()


@pytest.mark.parametrize("away", ["broker", "database", "both"])
async def test_a_replica_told_to_end_without_its_servers_ends(stand, pair, load, away):
    await load.publish(each=1)
    await load.settled()
    if away != "database":
        await stand.nats_server.kill()
    if away != "broker":
        await stand.postgres.kill()
    try:
        ended = await asyncio.gather(*(replica.stop(deadline_seconds=8) for replica in pair))
    finally:
        if not stand.nats_server.alive:
            await stand.nats_server.start()
        if not stand.postgres.alive:
            await stand.postgres.start()
    assert all(ended), pair[0].log_tail()
    assert [replica.returncode for replica in pair] == [0, 0], pair[0].log_tail()


@pytest.mark.usefixtures("nobody")
async def test_a_replica_told_to_end_while_the_database_is_silent_ends(stand, load):
    replica = stand.replica(POSTKONTOR_DRAIN_SECONDS="1")
    await stand.owns(replica, LANES)
    await load.publish(each=5)
    await load.handled(at_least=1)
    server = psutil.Process(stand.postgres.pid)
    processes = [server, *server.children()]
    for process in processes:
        with suppress(psutil.NoSuchProcess):  # a server's child may end by itself at any moment
            process.suspend()
    try:
        ended = await replica.stop(deadline_seconds=6)
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.resume()
    assert ended, replica.log_tail()
    assert replica.returncode == 0
    stand.replica()
    await load.exactly_once()


@pytest.mark.usefixtures("nobody")
async def test_a_replica_started_before_its_servers_waits_for_them(stand, load):
    await stand.nats_server.kill()
    await stand.postgres.kill()
    replica = stand.replica()

    async def said(what: str) -> bool:
        return what in replica.log_path.read_text()

    await stand.eventually(lambda: said("bus error"), what="waiting for the bus")
    await stand.nats_server.start()
    await stand.eventually(lambda: said("waiting for the database"), what="waiting for the database")
    await stand.postgres.start()
    await load.publish(each=1)
    await load.exactly_once()
    assert replica.alive


@pytest.mark.usefixtures("nobody")
async def test_locks_of_another_database_of_the_same_server_hide_no_lane(stand):
    await stand.fetch("CREATE DATABASE beside")
    neighbour = await asyncpg.connect(stand.postgres.dsn("beside"))
    for spec in SPECS:
        await neighbour.execute("SELECT pg_advisory_lock($1, $2)", lock_class("mailbox"), spec.number)
    await stand.owns(stand.replica(), LANES)
    await neighbour.close()
