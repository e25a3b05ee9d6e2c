"""Sixty mailboxes at once while something dies: nothing is lost, nothing happens twice, order is kept.

Each round has an account of its own on the same stack with two replicas of every worker.
"""

import asyncio
import json
import time
from collections import Counter
from uuid import UUID

import asyncpg
import nats
import pytest

from contracts.billing_v1 import AskUsage, OpenAccount
from contracts.domain_v1 import ClaimDomain, ValidateDomain
from contracts.ids import uuid7
from contracts.mailbox_v1 import AskMailboxes, CreateMailbox
from deploy.devstack import dnsupdate

pytestmark = pytest.mark.crash
HASH = "{SHA512-CRYPT}$6$saltsalt$" + "a" * 86
CAP, ASKED = 50, 60
PATIENCE = 60.0


async def an_active_domain(stack, office, account):
    await sure(office, account, OpenAccount(package="silver", company=account, email="a@example.com"))
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
    connection = await nats.connect(stack.nats.url)
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
