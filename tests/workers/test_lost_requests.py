"""Requests and hand-overs that the bus has taken and lost: what their sender must do is send them again."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from client import Postkontor
from client import requests as client_requests
from contracts.billing_v1 import OpenAccount
from contracts.domain_v1 import ClaimDomain
from contracts.ids import uuid7
from contracts.mailbox_v1 import CreateGroup
from services.billing.app import service as billing
from services.billing.handlers import HOUSE
from services.domain.app import service as domain
from services.mailbox.app import service as mailbox

OPENING = OpenAccount(package="silver", company="Nordwind", email="buero@nordwind-segel.de")


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(client_requests, "FIRST_LOOK_SECONDS", 0.1)
    monkeypatch.setattr(client_requests, "LOOK_GROWTH", 1.0)
    monkeypatch.setattr(client_requests, "RESEND_SECONDS", 0.3)
    monkeypatch.setattr(client_requests, "STATION_TIMEOUT_SECONDS", 0.3, raising=False)


async def lost(bus, messages):
    """Wait until the bus has so many requests, and have it lose them."""
    streams = bus.client.jetstream()

    async def stored():
        return (await streams.stream_info("CMD")).state.messages >= messages

    await bus.eventually(stored, what="storing")
    await streams.purge_stream("CMD")


def office(bus, account):
    return Postkontor.from_environment(bus.environment(), account=account, source="test")


async def test_what_the_bus_loses_is_sent_again_and_happens_once(bus):
    """First a request that nobody has taken in hand, then a hand-over on its way from billing to domain."""
    account = f"a{uuid4().hex[:8]}"
    async with office(bus, account) as sender:
        opening = asyncio.create_task(sender.request(OPENING, request_id=(opening_id := uuid7())))
        await lost(bus, 1)
        await bus.start(billing)
        assert (await asyncio.wait_for(opening, 10)).state == "done"
        opened = await bus.fetch("SELECT fate FROM billing.inbox WHERE request_id = $1", opening_id)
        assert [row["fate"] for row in opened] == ["done"]

        await bus.client.jetstream().purge_stream("CMD")
        claim_id = uuid7()
        claiming = asyncio.create_task(
            sender.request(ClaimDomain(domain="nordwind-segel.de"), request_id=claim_id, timeout=10)
        )

        async def handed_over():
            return await bus.fetch(
                "SELECT 1 FROM billing.inbox WHERE message_id = $1 AND fate = 'handed-over'", claim_id
            )

        await bus.eventually(handed_over, what="handing over")
        await lost(bus, 2)
        await bus.start(domain)
        outcome = await asyncio.wait_for(claiming, 10)
        assert (outcome.state, outcome.request_id) == ("done", claim_id)
        claims = await bus.fetch("SELECT 1 FROM domain.claim WHERE account = $1", account)
        assert len(claims) == 1
        taken = await bus.fetch("SELECT fate FROM domain.inbox WHERE request_id = $1 AND type LIKE '%claim%'", claim_id)
        assert [row["fate"] for row in taken] == ["done"]


async def test_a_hand_over_sent_again_leads_to_nothing_new_where_it_was_not_lost(bus):
    """Sent twice on purpose: the next station has it already, and its inbox ends it."""
    account = f"a{uuid4().hex[:8]}"
    async with office(bus, account) as sender:
        assert (await sender.request(OPENING)).state == "done"
        claim_id, claim = uuid7(), ClaimDomain(domain=f"{account}.de")
        assert (await sender.request(claim, request_id=claim_id)).state == "done"
        facts = len(await bus.events(f"evt.{account}.>"))
        for message in ("first", "second"):
            await bus.client.jetstream().publish(
                f"cmd.{account}.billing.claim-domain.v1", await _stored(bus, claim_id), headers={"Nats-Msg-Id": message}
            )

        async def handed_over_again():
            streams = bus.client.jetstream()
            info = await streams.stream_info("CMD", subjects_filter=f"cmd.{account}.domain.claim-domain.v1.*.*")
            return sum((info.state.subjects or {}).values()) >= 3

        await bus.eventually(handed_over_again, what="handing over again")

        async def ended():
            info = [await bus.client.jetstream().consumer_info("CMD", f"domain-{n}-of-4") for n in range(4)]
            return not any(one.num_pending or one.num_ack_pending for one in info)

        await bus.eventually(ended, what="ending them")
        assert len(await bus.events(f"evt.{account}.>")) == facts
        assert len(await bus.fetch("SELECT 1 FROM domain.claim WHERE account = $1", account)) == 1


async def test_a_hand_over_sent_again_after_its_reservations_time_takes_no_room(bus, monkeypatch):
    """Room is kept once: who comes late is refused, and another may have the seat (R5)."""
    account = f"a{uuid4().hex[:8]}"
    assert (await bus.request(account, OPENING)).type == "billing.account-opened.v1"
    monkeypatch.setattr(HOUSE, "reservation_ttl", timedelta(seconds=1))
    late = await bus.send(account, CreateGroup(name="Spät"))

    async def handed_over():
        return await bus.fetch("SELECT 1 FROM billing.inbox WHERE message_id = $1 AND fate = 'handed-over'", late)

    await bus.eventually(handed_over, what="handing over")
    request = await _stored(bus, late)
    await bus.client.jetstream().purge_stream("CMD")
    monkeypatch.setattr(HOUSE, "reservation_ttl", timedelta(seconds=30))

    async def over():
        return await bus.fetch(
            "SELECT 1 FROM billing.inbox WHERE message_id = $1 AND now() > handled_at + interval '1 s'", late
        )

    await bus.eventually(over, what="the reservation's end")
    await bus.start(mailbox)
    await bus.client.jetstream().publish(
        f"cmd.{account}.billing.create-group.v1", request, headers={"Nats-Msg-Id": "again"}
    )
    ended = await bus.answer(account, late)
    assert [finding.code for finding in ended.data.refusal.findings] == ["reservation_expired"]

    async def made():
        outcome = await bus.request(account, CreateGroup(name="Flott"))
        return outcome.type == "mailbox.group-created.v1"

    await bus.eventually(made, what="the seat for another")
    assert len(await bus.fetch("SELECT 1 FROM mailbox.mail_group WHERE account = $1", account)) == 1


async def _stored(bus, request_id):
    """Return the bytes of a request as the bus has them."""
    streams = bus.client.jetstream()
    info = await streams.stream_info("CMD")
    for seq in range(info.state.first_seq, info.state.last_seq + 1):
        message = await streams.get_msg("CMD", seq)
        if b'"id":"%s"' % str(request_id).encode() in message.data:
            return message.data
    raise AssertionError("the bus has lost the request")
