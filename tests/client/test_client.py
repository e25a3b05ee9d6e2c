"""The client on a real bus: every wait ends, by the answer, by a look at the workers, or by an error that says why."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import nats
import nats.errors
import pytest

from client import NoAnswer, NotConnected, NotPermitted, NotSetUp, Postkontor, Refused, SetAside, Unanswered, streams
from client import requests as in_flight
from client.connection import Access
from client.events import subjects_of, types_of
from client.outcomes import Declined, Done, Stuck, judge
from client.passwords import hash_password
from contracts.billing_v1 import AskUsage
from contracts.domain_v1 import ClaimDomain
from contracts.ids import uuid7
from contracts.mailbox_v1 import CreateMailbox, MailboxCreated, PlanChanged
from contracts.messages import RequestAnswer, RequestStep
from contracts.refusals import RequestRefused, refuse
from contracts.routes import route_of
from contracts.values import password_hash
from deploy.devstack.nats import NatsServer
from tests.client.conftest import StandIn, order

ADDRESS = "anna@nordwind-segel.de"
CREATED = "mailbox.mailbox-created.v1"


def office_at(server: NatsServer, **options: Any) -> Postkontor:
    return Postkontor.connect(server.url, **{"account": "nordwind", "source": "test", **options})


async def until(true: Callable[[], bool], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.01)


# --- outcomes -----------------------------------------------------------------------------------------------------


async def test_request_returns_the_fact_it_asked_for(bus: NatsServer, workers: StandIn) -> None:
    async with office_at(bus) as office:
        outcome = await office.request(order())
    assert outcome.state == "done"
    assert isinstance(outcome.fact, MailboxCreated)
    assert outcome.fact.mailbox.address == ADDRESS
    assert outcome.event is not None
    assert outcome.event.correlationid == outcome.request_id
    assert outcome.elapsed < in_flight.FIRST_LOOK_SECONDS


async def test_refusal_is_an_outcome_and_raised_only_if_asked(bus: NatsServer, workers: StandIn) -> None:
    async with office_at(bus) as office:
        outcome = await office.request(order().model_copy(update={"first_name": "Nobody"}))
    assert outcome.state == "refused"
    assert outcome.refusal is not None
    assert outcome.refusal.code == "domain_unknown"
    with pytest.raises(Refused, match="domain_unknown"):
        outcome.raise_for_refusal()


async def test_many_requests_at_a_time_get_their_own_outcomes(bus: NatsServer, workers: StandIn) -> None:
    addresses = [f"p{number}@nordwind-segel.de" for number in range(200)]
    async with office_at(bus) as office:
        outcomes = await asyncio.gather(*(office.request(order(address)) for address in addresses))
    assert [outcome.fact.mailbox.address for outcome in outcomes] == addresses


async def test_lost_answer_is_found_at_the_stations_with_its_event(
    bus: NatsServer, workers: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_flight, "FIRST_LOOK_SECONDS", 0.1)
    workers.muted = True
    async with office_at(bus) as office:
        outcome = await office.request(order())
    assert outcome.fact.mailbox.address == ADDRESS


async def test_same_id_again_has_no_second_effect_and_the_same_outcome(bus: NatsServer, workers: StandIn) -> None:
    request_id = uuid7()
    async with office_at(bus) as office:
        first = await office.request(order(), request_id=request_id)
        again = await office.request(order(), request_id=request_id)
    assert again.event == first.event
    assert again.elapsed < in_flight.FIRST_LOOK_SECONDS  # the bus says that it knows the id: no need to wait


async def test_two_waits_for_one_request_both_end(bus: NatsServer, workers: StandIn) -> None:
    request_id = uuid7()
    async with office_at(bus) as office:
        first, second = await asyncio.gather(*(office.request(order(), request_id=request_id) for _ in range(2)))
    assert first.event == second.event


async def test_published_request_is_stored_and_its_outcome_asked_for_later(bus: NatsServer, workers: StandIn) -> None:
    async with office_at(bus) as office:
        request_id = await office.publish(order())
    async with office_at(bus) as another:
        outcome = await another.outcome(request_id, CreateMailbox)
    assert outcome.fact.mailbox.address == ADDRESS


async def test_no_answer_names_the_request_and_who_has_seen_it(bus: NatsServer, workers: StandIn) -> None:
    workers.deaf = True
    request_id = uuid7()
    async with office_at(bus) as office:
        with pytest.raises(NoAnswer, match=str(request_id)) as caught:
            await office.request(order(), request_id=request_id, timeout=2.5)
    assert caught.value.request_id == request_id
    assert caught.value.progress[0] == "domain has not seen it"
    assert "may be sent again" in str(caught.value)


async def test_client_keeps_nothing_of_a_request_that_is_over(bus: NatsServer, workers: StandIn) -> None:
    async with office_at(bus) as office:
        await office.request(order())
        workers.deaf = True
        with pytest.raises(NoAnswer):
            await office.request(order(), timeout=0.1)
        assert office._requests._by_id == {}
        assert office._requests._by_token == {}


async def test_lost_bus_during_the_wait_is_survived(bus: NatsServer, workers: StandIn) -> None:
    workers.deaf = True
    async with office_at(bus) as office:
        waiting = asyncio.create_task(office.request(order(), timeout=30))
        await until(lambda: len(workers.received) == 1)
        await bus.restart()
        await until(lambda: workers.client.is_connected)
        workers.deaf = False
        await workers._handle(await _stored_request(bus))
        outcome = await waiting
    assert outcome.fact.mailbox.address == ADDRESS


async def test_request_made_while_the_bus_is_away_is_sent_when_it_is_back(bus: NatsServer, workers: StandIn) -> None:
    async with office_at(bus) as office:
        await bus.stop()
        await until(lambda: not office._connection.usable)
        waiting = asyncio.create_task(office.request(order(), timeout=30))
        await asyncio.sleep(0)
        await bus.start()
        outcome = await waiting
    assert outcome.fact.mailbox.address == ADDRESS


async def _stored_request(server: NatsServer) -> Any:
    client = await nats.connect(server.url)
    stored = await client.jetstream().get_last_msg("CMD", "cmd.nordwind.domain.create-mailbox.v1.*.*")
    await client.close()
    return stored


# --- what the stations say ----------------------------------------------------------------------------------------


def step(fate: str, **rest: Any) -> RequestStep:
    at = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)
    known = {"message_id": uuid7(), "type": "t", "code": None, "handled_at": at}
    return RequestStep(fate=fate, **{**known, **rest})


def test_done_counts_only_with_the_outcome_of_the_route() -> None:
    route = route_of(CreateMailbox)
    settled = RequestAnswer(service="billing", steps=(step("done", outcome="billing.capacity-confirmed.v1"),))
    created = RequestAnswer(service="mailbox", steps=(step("done", outcome=CREATED),))
    assert judge(route, settled) is None
    assert judge(route, created) == Done(datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC), route.outcomes)


def test_dead_letter_ends_the_wait_and_its_refusal_wins() -> None:
    route, refusal = route_of(CreateMailbox), refuse("not_json")
    assert judge(route, RequestAnswer(service="mailbox", steps=(step("never", code="internal_error"),))) == Stuck(
        "mailbox", "internal_error"
    )
    assert judge(route, RequestAnswer(service="mailbox", steps=(step("never", refusal=refusal),))) == Declined(refusal)


async def test_request_set_aside_is_told_at_once(
    bus: NatsServer, workers: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_flight, "FIRST_LOOK_SECONDS", 0.1)
    workers.deaf, request_id = True, uuid7()
    workers.steps[str(request_id)] = step("never", code="internal_error", outcome="billing.dead")
    async with office_at(bus) as office:
        with pytest.raises(SetAside, match="the operator can replay it"):
            await office.request(order(), request_id=request_id)


# --- errors that say what to do -------------------------------------------------------------------------------------


async def test_missing_bus_is_said_with_its_address() -> None:
    with pytest.raises(NotConnected, match=r"no bus at 127\.0\.0\.1:1: "):
        async with Postkontor.connect("nats://me:secret@127.0.0.1:1", source="test", connect_timeout=0.3):
            pass


def test_address_is_shown_without_the_password() -> None:
    assert Access("nats://me:secret@a:1,nats://b:2").place == "a:1, b:2"


async def test_missing_stream_is_said(server: NatsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_flight, "NO_STREAM_PATIENCE_SECONDS", 0.3)
    async with office_at(server) as office:
        with pytest.raises(NotSetUp, match="postkontor bus apply"):
            await office.publish(order())
        with pytest.raises(NotSetUp, match="no stream EVT"):
            await anext(office.events(durable="shop-sync"))


class GuardedServer(NatsServer):
    """A bus that knows one user, confined to one account."""

    def write_configuration(self) -> None:
        super().write_configuration()
        with (self._directory / "nats.conf").open("a") as configuration:
            configuration.write(
                "authorization { users: [{ user: shop, password: shop, permissions: {"
                ' publish: "cmd.nordwind.>", subscribe: ["_INBOX.>", "rpl.nordwind.>"] } }] }\n'
            )


async def test_denied_publication_is_said_at_once(tmp_path: Path) -> None:
    server = GuardedServer(tmp_path / "nats")
    await server.start()
    try:
        url = server.url.replace("nats://", "nats://shop:shop@")
        async with Postkontor.connect(url, source="test") as office:
            with pytest.raises(NotPermitted, match=r"cmd\.suedwind\.domain\.create-mailbox\.v1"):
                await office.publish(order(), account="suedwind")
        with pytest.raises(NotPermitted, match="credentials"):
            async with office_at(server, connect_timeout=1):
                pass
    finally:
        await server.stop()


async def test_question_without_worker_is_said(bus: NatsServer) -> None:
    async with office_at(bus) as office:
        with pytest.raises(Unanswered, match="the worker is not running"):
            await office.ask(AskUsage())


async def test_account_must_be_named_and_well_formed(bus: NatsServer) -> None:
    async with office_at(bus, account=None) as office:
        with pytest.raises(ValueError, match="name the account"):
            await office.request(order())
        with pytest.raises(ValueError, match="is no account id"):
            await office.request(order(), account="a.b")


# --- events ---------------------------------------------------------------------------------------------------------


async def test_durable_subscription_goes_on_where_it_stopped(bus: NatsServer, workers: StandIn) -> None:
    sent = [f"p{number}@nordwind-segel.de" for number in range(60)]
    for address in sent[:40]:
        await workers.state(address, uuid7())
    async with office_at(bus) as office:
        first = await _addresses(office, 25)
    for address in sent[40:]:
        await workers.state(address, uuid7())
    async with office_at(bus) as office:
        second = await _addresses(office, 35)
    assert first + second == sent


async def test_event_that_was_not_finished_comes_again(bus: NatsServer, workers: StandIn) -> None:
    await workers.state(ADDRESS, uuid7())
    async with office_at(bus) as office:
        async for event in office.events(durable="shop-sync"):
            unfinished = event
            break
    async with office_at(bus) as office:
        again = await anext(office.events(durable="shop-sync"))
    assert again.id == unfinished.id
    assert again.redelivered


async def test_killed_subscriber_loses_nothing(bus: NatsServer, workers: StandIn) -> None:
    for number in range(3):
        await workers.state(f"p{number}@nordwind-segel.de", uuid7())
    office = office_at(bus)
    await office.open()
    subscription = office.events(durable="shop-sync", ack_wait=0.5)
    await anext(subscription)
    assert subscription._beat is not None
    subscription._beat.cancel()
    await office._connection.client.close()  # no nak, no ack: as a killed process leaves it
    async with office_at(bus) as another:
        seen: set[str] = set()
        async for event in another.events(durable="shop-sync", ack_wait=0.5):
            seen.add(event.fact.mailbox.address)
            if len(seen) == 3:
                await event.ack()
                break
    assert seen == {f"p{number}@nordwind-segel.de" for number in range(3)}


async def test_subscriber_that_is_cancelled_while_the_client_closes_ends_by_that(bus: NatsServer) -> None:
    """nats-py turns a cancelled wait into an error of the connection when that is closed by then."""

    class Closed(streams.Pull):
        def __init__(self) -> None: ...

        async def fetch(self, *_: Any, **__: Any) -> Any:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                raise nats.errors.ConnectionClosedError from None

    async with office_at(bus) as office:
        fetching = asyncio.create_task(streams.fetch(office._connection, Closed(), 1))
        await asyncio.sleep(0)
        fetching.cancel()
        async with asyncio.timeout(streams.TROUBLE_PAUSE_SECONDS / 2):
            await asyncio.wait([fetching])
    assert fetching.cancelled()


async def test_long_body_keeps_its_event(bus: NatsServer, workers: StandIn) -> None:
    for number in range(2):
        await workers.state(f"p{number}@nordwind-segel.de", uuid7())
    async with office_at(bus) as office:
        events = office.events(durable="shop-sync", ack_wait=0.6)
        first = await anext(events)
        await asyncio.sleep(1.5)
        second = await anext(events)
    assert first.id != second.id
    assert not second.redelivered


async def test_subscription_survives_a_restart_of_the_bus(bus: NatsServer, workers: StandIn) -> None:
    async with office_at(bus) as office:
        subscription = office.events(durable="shop-sync", deliver="new")
        await subscription.open()
        await bus.restart()
        await until(lambda: workers.client.is_connected)
        await workers.state(ADDRESS, uuid7())
        async with asyncio.timeout(20):
            event = await anext(subscription)
    assert event.fact.mailbox.address == ADDRESS


async def test_tail_begins_in_the_past_and_goes_on(bus: NatsServer, workers: StandIn) -> None:
    await workers.state("p0@nordwind-segel.de", uuid7())
    seen: list[str] = []
    async with office_at(bus) as office:
        async for event in office.tail(since=datetime.now(UTC) - timedelta(hours=1), facts=[MailboxCreated]):
            seen.append(event.fact.mailbox.address)
            if len(seen) == 1:
                await workers.state("p1@nordwind-segel.de", uuid7())
            else:
                break
    assert seen == ["p0@nordwind-segel.de", "p1@nordwind-segel.de"]


async def test_unknown_fact_is_handed_out_with_its_fields(bus: NatsServer, workers: StandIn) -> None:
    message = {"specversion": "1.0", "id": str(UUID(int=7)), "type": "mailbox.moved.v9", "source": "x"}
    payload = json.dumps(message | {"time": "2025-01-02T03:04:05Z", "data": {"to": "b"}}).encode()
    await workers.client.jetstream().publish("evt.nordwind.mailbox.moved.v9", payload)
    async with office_at(bus) as office:
        event = await anext(office.events(durable="shop-sync"))
    assert event.revision is None
    assert event.fact.model_extra == {"to": "b"}


def test_one_account_is_filtered_by_one_subject_many_accounts_by_many() -> None:
    types = types_of([MailboxCreated, PlanChanged])
    assert subjects_of("nordwind", types) == ["evt.nordwind.mailbox.>"]
    assert subjects_of("*", types) == ["evt.*.mailbox.mailbox-created.v1", "evt.*.mailbox.plan-changed.v1"]
    assert len(subjects_of("*", types_of([RequestRefused]))) == 4


def test_event_name_may_be_short_and_must_be_known() -> None:
    assert types_of(["mailbox-created"]) == {("mailbox", "mailbox-created.v1")}
    with pytest.raises(ValueError, match="no event is called mailbox-maid"):
        types_of(["mailbox-maid"])


# --- passwords ------------------------------------------------------------------------------------------------------


def test_hash_is_one_that_requests_accept_and_never_the_same() -> None:
    first, second = hash_password("geheim"), hash_password("geheim")
    assert password_hash(first).startswith("{ARGON2ID}$argon2id$v=19$m=19456,t=2,p=1$")
    assert first != second
    assert ClaimDomain(domain="nordwind-segel.de", password_hash=first).password_hash == first


async def _addresses(office: Postkontor, count: int) -> list[str]:
    found: list[str] = []
    async for event in office.events(durable="shop-sync", facts=[MailboxCreated]):
        found.append(event.fact.mailbox.address)
        if len(found) == count:
            await event.ack()
            break
    return found
