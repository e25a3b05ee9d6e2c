"""Sixty mailboxes at once while something dies, is restarted or changes: nothing is lost, nothing happens twice, order
is kept. Figures of restarts: bench/rolling.py.

Each round has an account of its own on the same stack with two replicas of every worker.
"""

import asyncio
import json
import os
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import nats
import pytest

from client import bulks
from client.bulkfile import read_file
from contracts.billing_v1 import AskUsage, OpenAccount
from contracts.bulk_v1 import AskBulk
from contracts.domain_v1 import AskDomain, ClaimDomain, RemoveDomain, ValidateDomain
from contracts.ids import uuid7
from contracts.mailbox_v1 import AskMailboxes, CreateMailbox, MailboxDeleted
from contracts.removal_v1 import AskRemoval
from deploy.devstack import dnsupdate
from deploy.devstack.stack import SERVICES
from services.chassis.topology import EVENT_LANE
from tests.journeys.bulk_file import ACCOUNT, CLEAR, FOREIGN, HASHED, PROGRAM, audit_bulk, cli, ended, write_file

pytestmark = pytest.mark.crash
HASH = "{SHA512-CRYPT}$6$saltsalt$" + "a" * 86
CAP, ASKED = 50, 60
ROLLED = "abloesung"
LONGEST_SECONDS = 10.0  # a restarted worker's lane is free for some tenths of a second; the machine may be busy
MANY = 500  # mailboxes of a domain that is removed
PATIENCE = 60.0


async def an_active_domain(stack, office, account, package="silver"):
    await sure(office, account, OpenAccount(package=package, company=account, email="a@example.com"))
    claimed = await sure(office, account, ClaimDomain(domain=f"{account}.de", password_hash=HASH))
    dns = stack.dns
    await dnsupdate.register_domain(dns.tld_address, dns.port, f"{account}.de")
    record = claimed.fact.domain.record
    await dnsupdate.set_txt(dns.update_address, dns.port, f"{account}.de", record.name + ".", record.value)
    checked = await sure(office, account, ValidateDomain(domain=f"{account}.de"))
    assert checked.fact.verified


async def sure(office, account, request):
    outcome = await office.request(request, account=account, timeout=PATIENCE)
    assert outcome.refusal is None, outcome.refusal
    return outcome


def order(account, number):
    return CreateMailbox(
        address=f"m{number:02}@{account}.de", first_name="M", last_name=str(number), plan="mail", password_hash=HASH
    )


async def sixty_while(office, account, disturb):
    """Ask for sixty mailboxes at once and disturb when the first answers are there."""
    ids = [uuid7() for _ in range(ASKED)]
    asks = [
        asyncio.create_task(office.request(order(account, n), request_id=id_, account=account, timeout=PATIENCE))
        for n, id_ in enumerate(ids)
    ]
    await asyncio.wait(asks, return_when=asyncio.FIRST_COMPLETED)
    await disturb()
    outcomes = await asyncio.gather(*asks)
    assert Counter(outcome.state for outcome in outcomes) == {"done": CAP, "refused": ASKED - CAP}
    return ids


async def audit(stack, office, account, ids, eventually):
    """One outcome per request, counters equal to mailboxes, refusals only for the last, seats given in order."""
    by_request = Counter()
    connection = await nats.connect(**stack.access("admin").for_nats())
    context = connection.jetstream()
    events = await context.subscribe(f"evt.{account}.>", stream="EVT", ordered_consumer=True)
    while True:
        try:
            message = await events.next_msg(timeout=0.5)
        except TimeoutError:
            break
        kind = message.subject.split(".")[3]
        if kind in ("mailbox-created", "request-refused"):
            by_request[UUID(json.loads(message.data)["correlationid"])] += 1
    await connection.close()
    assert by_request == Counter(ids)

    async def settled():
        usage = await office.ask(AskUsage(), account=account)
        seats = next(c for c in usage.capacities if c.resource == "mailbox")
        return seats.reserved == 0 and seats.confirmed == CAP

    await eventually(settled, seconds=30, what="settling")
    page = await office.ask(AskMailboxes(limit=1000), account=account)
    assert len(page.mailboxes) == CAP
    # The lane keeps an account's order: the first fifty asked for are the fifty that exist.
    assert sorted(box.address for box in page.mailboxes) == sorted(f"m{n:02}@{account}.de" for n in range(CAP))
    database = await asyncpg.connect(stack.postgres.dsn())
    try:
        for service in ("domain", "billing", "mailbox"):

            async def published(service=service):
                return not await database.fetchval(f"SELECT count(*) FROM {service}.outbox")

            await eventually(published, what=f"an empty outbox of {service}")
            handled = await database.fetch(
                f"SELECT request_id, count(*) FROM {service}.inbox WHERE account = $1 AND type = $2 GROUP BY 1",
                account,
                f"{service}.create-mailbox.v1",
            )
            assert {row["count"] for row in handled} == {1}
    finally:
        await database.close()


@pytest.mark.parametrize("service", ["domain", "billing", "mailbox", "dnscheck"])
@pytest.mark.timeout(180)
async def test_a_worker_is_killed_and_restarted(stack, office, eventually, service):
    account = f"kill-{service}"
    await an_active_domain(stack, office, account)

    async def kill_both():
        for worker in stack.workers(service):
            await worker.kill()
        await asyncio.gather(*(worker.restart() for worker in stack.workers(service)))

    ids = await sixty_while(office, account, kill_both)
    await audit(stack, office, account, ids, eventually)


@pytest.mark.parametrize("service", ["domain", "billing", "mailbox"])
@pytest.mark.timeout(180)
async def test_the_other_replica_takes_over(stack, office, eventually, service):
    account = f"over-{service}"
    await an_active_domain(stack, office, account)
    victim = stack.workers(service)[0]

    async def kill_one():
        await victim.kill()

    began = time.monotonic()
    ids = await sixty_while(office, account, kill_one)
    assert time.monotonic() - began < 20
    await victim.restart()
    await audit(stack, office, account, ids, eventually)


@pytest.mark.timeout(180)
async def test_the_removal_of_a_domain_goes_on_after_its_workers_were_killed(stack, office, eventually):
    account, name = "kill-removal", "kill-removal.de"
    await an_active_domain(stack, office, account, package="platinum")
    await asyncio.gather(*(sure(office, account, order(account, number)) for number in range(MANY)))
    since, request_id = datetime.now(UTC), uuid7()
    removal = RemoveDomain(domain=name, with_mailboxes=True, immediately=True)
    await office.publish(removal, account=account, request_id=request_id)
    async for _ in office.tail(account=account, facts=[MailboxDeleted], since=since):
        for worker in stack.workers("mailbox"):
            await worker.kill()
        break
    assert 0 < await mailboxes_left(stack, name) < MANY, "they died in the middle"
    await asyncio.gather(*(worker.restart() for worker in stack.workers("mailbox")))

    outcome = await office.outcome(request_id, RemoveDomain, account=account, timeout=PATIENCE)
    assert outcome.event.type == "domain.domain-removed.v1"
    assert await mailboxes_left(stack, name) == 0
    told = await deletions(stack, account)
    assert (len(told), set(told.values())) == (MANY, {1})
    assert (await office.ask(AskDomain(domain=name), account=account)).domain is None
    shown = await office.ask(AskRemoval(domain=name), account=account)
    assert (shown.removal.phase, shown.removal.mailboxes_left, shown.mailboxes) == ("vacated", 0, 0)

    async def free():
        usage = await office.ask(AskUsage(), account=account)
        return not any(each.confirmed or each.reserved for each in usage.capacities)

    await eventually(free, seconds=30, what="billing's counters being zero")


async def mailboxes_left(stack, name) -> int:
    connection = await asyncpg.connect(stack.postgres.dsn())
    try:
        left = "SELECT count(*) FROM mailbox.mailbox WHERE domain = $1 AND state <> 'deleted'"
        return await connection.fetchval(left, name)
    finally:
        await connection.close()


async def deletions(stack, account) -> Counter:
    """Count the events that state a mailbox to be deleted, by address."""
    connection = await nats.connect(**stack.access("admin").for_nats())
    subject = f"evt.{account}.mailbox.mailbox-deleted.v1"
    events = await connection.jetstream().subscribe(subject, stream="EVT", ordered_consumer=True)
    seen = Counter()
    info = await events.consumer_info()
    for _ in range(info.num_pending + info.delivered.consumer_seq):
        seen[json.loads((await events.next_msg(timeout=5)).data)["data"]["mailbox"]["address"]] += 1
    await connection.close()
    return seen


# --- what is done on purpose ------------------------------------------------------------------------------------------


@pytest.mark.timeout(120)
async def test_no_request_is_lost_while_every_worker_is_restarted(stack, office, eventually):
    await an_active_domain(stack, office, ROLLED)
    took: list[float] = []
    told_before = {log: len(log.read_text()) for log in logs(stack)}

    async def ask(number, id_):
        began = time.monotonic()
        outcome = await office.request(order(ROLLED, number), request_id=id_, account=ROLLED, timeout=PATIENCE)
        took.append(time.monotonic() - began)
        return outcome

    async def restart_all():
        for number in (0, 1):
            await asyncio.gather(*(stop_in_good_order(stack.workers(service)[number]) for service in SERVICES))
            await asyncio.gather(*(stack.workers(service)[number].start() for service in SERVICES))

    restarts = asyncio.create_task(restart_all())
    ids: list[UUID] = [uuid7() for _ in range(ASKED)]
    asks: list[asyncio.Task] = []
    for number, id_ in enumerate(ids):
        asks.append(asyncio.create_task(ask(number, id_)))
        await asyncio.sleep(0.1)
    outcomes = await asyncio.gather(*asks)
    await restarts
    assert Counter(outcome.state for outcome in outcomes) == {"done": CAP, "refused": ASKED - CAP}
    assert max(took) < LONGEST_SECONDS
    await audit(stack, office, ROLLED, ids, eventually)
    taken = [
        json.loads(line)["clean"]
        for log in logs(stack)
        for line in log.read_text()[told_before[log] :].splitlines()
        if '"lane taken over"' in line
    ]
    assert taken
    assert all(taken), "who is told to end lets go of its lanes"


async def stop_in_good_order(worker):
    assert await worker.stop(), "it ends by itself in time"
    assert worker.returncode == 0


def logs(stack):
    return [worker.log_path for service in SERVICES for worker in stack.workers(service)]


@pytest.mark.timeout(180)
async def test_sixty_mailboxes_while_the_number_of_partitions_doubles_and_halves(stack, office, repository, eventually):
    for account, number in (("acht", 8), ("vier", 4)):
        await an_active_domain(stack, office, account)
        tried = await repartition(stack, repository, number, "--dry-run")
        assert (tried["partitions"], tried["done"]) == (12 - number, False), "a dry run changes nothing"
        change = asyncio.create_task(repartition(stack, repository, number))
        ids = [uuid7() for _ in range(ASKED)]
        asks: list[asyncio.Task] = []
        for n, id_ in enumerate(ids):
            asks.append(
                asyncio.create_task(
                    office.request(order(account, n), request_id=id_, account=account, timeout=PATIENCE)
                )
            )
            await asyncio.sleep(0.05)
        outcomes = await asyncio.gather(*asks)
        assert Counter(outcome.state for outcome in outcomes) == {"done": CAP, "refused": ASKED - CAP}
        assert (await change)["done"]
        await audit(stack, office, account, ids, eventually)
        await all_stand(stack, number)


async def repartition(stack, repository, number, *options):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, "bus", "repartition", "--to", str(number), "-o", "json",
        "--stack", str(stack.directory), *options,
        env=os.environ | {"PYTHONPATH": str(repository)},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    code, out, err = await ended(process)
    assert code == 0, (out, err)
    return json.loads(out)


async def all_stand(stack, number):
    database = await asyncpg.connect(stack.postgres.dsn())
    try:
        for service in ("billing", "domain", "mailbox", "dnscheck"):
            assert await database.fetchval(f"SELECT partitions FROM {service}.standing") == number
            lanes = f"SELECT count(*) FROM {service}.timer WHERE lane BETWEEN $1 AND {EVENT_LANE - 1}"
            assert await database.fetchval(lanes, number) == 0
    finally:
        await database.close()


# --- servers die -------------------------------------------------------------------------------------------------


@pytest.mark.timeout(180)
async def test_nats_is_killed_and_restarted(stack, office, eventually):
    await an_active_domain(stack, office, "kill-nats")

    async def restart_nats():
        await stack.nats.kill()
        await stack.nats.start()

    ids = await sixty_while(office, "kill-nats", restart_nats)
    await audit(stack, office, "kill-nats", ids, eventually)


@pytest.mark.timeout(180)
async def test_postgresql_is_killed_and_restarted(stack, office, eventually):
    await an_active_domain(stack, office, "kill-postgres")

    async def restart_postgres():
        await stack.postgres.kill()
        await stack.postgres.start()

    ids = await sixty_while(office, "kill-postgres", restart_postgres)
    await audit(stack, office, "kill-postgres", ids, eventually)


@pytest.mark.timeout(180)
async def test_killed_client_and_killed_worker_leave_every_item_with_one_outcome(
    stack, office, repository, eventually, tmp_path
):
    await an_active_domain(stack, office, ACCOUNT, package="gold")
    file = tmp_path / "umzug.csv"
    write_file(file)
    bulk = bulks.prepare(read_file(file), ACCOUNT)
    assert len(bulk.file.parts) == 2

    async def standing():
        return (await office.ask(AskBulk(bulk_id=bulk.bulk_id), account=ACCOUNT)).bulk

    client = await cli(stack, repository, "bulk", "submit", str(file))

    async def one_part():
        now = await standing()
        return now and now.parts_received == 1

    await eventually(one_part, seconds=30, what="the first part")
    client.kill()
    await client.wait()
    client = await cli(stack, repository, "bulk", "submit", str(file), "--wait", "-o", "json")

    async def some_ended():
        now = await standing()
        return now.state != "receiving" and now.done + now.refused

    await eventually(some_ended, seconds=30, what="first outcomes")
    for worker in stack.workers("domain"):
        await worker.kill()
    await asyncio.gather(*(worker.restart() for worker in stack.workers("domain")))
    code, out, err = await ended(client)
    end = json.loads(out)
    assert (code, end["done"], end["refused"]) == (3, HASHED + CLEAR, FOREIGN), err
    assert str(bulk.bulk_id) in err
    await audit_bulk(stack, office, bulk)
    again = await bulks.submit(office, bulk)
    assert again.model_dump(mode="json") == end, "the same file again changes nothing"
