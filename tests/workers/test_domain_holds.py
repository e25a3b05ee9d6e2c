"""Requests that wait at the gate until their domains are active, on real servers."""

from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID

import pytest

from contracts.domain_v1 import RemoveDomain, SetDomainPassword
from contracts.forwarding_v1 import SetCatchAll, SetForwardOnly
from contracts.holds_v1 import AskHolds, CancelHold
from contracts.ids import derived
from contracts.mailbox_v1 import AddAliases, CreateMailbox
from contracts.messages import AskRequest
from services.domain.entrance import TERMS
from tests.workers.domain_neighbours import HASH, active, claim, in_state, tell_txt

numbers = count(1)


@pytest.fixture
def name(domain) -> str:
    return f"warteliste-{next(numbers)}.de"


@pytest.fixture
def account(domain) -> str:
    return f"suedwind-{next(numbers)}"


def mailbox(address: str, **given) -> CreateMailbox:
    given.setdefault("when_unverified", "hold")
    return CreateMailbox(address=address, first_name="A", last_name="B", plan="mail", password_hash=HASH, **given)


async def parked(bus, account: str, request) -> UUID:
    """Send a request and hear that it waits."""
    outcome = await bus.request(account, request)
    assert outcome.type == "domain.request-parked.v1", outcome.data
    return outcome.correlationid


async def released(bus, account: str, number: int) -> list[UUID]:
    """Wait until so many requests of the account went on to billing; return their ids in the order of the stream."""

    async def gone_on():
        rows = await bus.fetch(
            "SELECT convert_from(payload, 'utf8')::json AS payload FROM domain.event_log"
            " WHERE subject LIKE $1 ORDER BY lane, seq",
            f"evt.{account}.domain.%-admitted.v1",
        )
        return rows if len(rows) >= number else None

    await bus.eventually(gone_on, what=f"{number} requests going on")
    events = await bus.events(f"evt.{account}.domain.*.v1")
    return [event.data.request_id for event in events if "admitted" in event.type]


async def ended(bus, account: str, request_id: UUID):
    """Wait for the end of a parked request."""
    heard = bus.answers[f"rpl.{account}.{request_id}"]

    async def come():
        return next((event for event in heard if event.type != "domain.request-parked.v1"), None)

    return await bus.eventually(come, what=f"the end of {request_id}")


async def rows(bus, account: str) -> int:
    [row] = await bus.fetch(
        "SELECT (SELECT count(*) FROM domain.hold WHERE account = $1)"
        " + (SELECT count(*) FROM domain.hold_place WHERE account = $1)"
        " + (SELECT count(*) FROM domain.timer WHERE account = $1 AND kind = 'hold') AS n",
        account,
    )
    return row["n"]


async def test_parked_requests_go_on_in_order_when_the_domain_is_active(bus, account, name):
    view = (await claim(bus, account, name)).data.domain
    ids = [await parked(bus, account, mailbox(f"nummer-{number}@{name}")) for number in range(60)]
    ids.append(await parked(bus, account, SetCatchAll(domain=name, mailbox=f"a@{name}", when_unverified="hold")))
    forward = SetForwardOnly(address=f"weg@{name}", targets=("weg@example.org",), when_unverified="hold")
    ids.append(await parked(bus, account, forward))
    await tell_txt(bus, view)
    await in_state(bus, account, name, "verified")
    assert await rows(bus, account) == 3 * len(ids), "the password is missing"
    await bus.request(account, SetDomainPassword(domain=name, password_hash=HASH))
    assert await released(bus, account, len(ids)) == ids
    assert await rows(bus, account) == 0


async def test_what_goes_on_is_the_request_itself(bus, account, name):
    view = (await claim(bus, account, name, password_hash=HASH)).data.domain
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    id_ = await bus.send(account, mailbox(f"anna@{name}"), traceparent=trace, channel="api")
    await bus.answer(account, id_)
    await tell_txt(bus, view)
    await released(bus, account, 1)
    subscription = await bus.client.jetstream().subscribe(f"cmd.{account}.billing.create-mailbox.v1.>", stream="CMD")
    order = (await subscription.next_msg(timeout=5)).data.decode()
    await subscription.unsubscribe()
    for part in (f'"correlationid":"{id_}"', f'"causationid":"{id_}"', trace, '"channel":"api"', HASH):
        assert part in order
    assert str(derived(id_, f"billing.create-mailbox.v1/{account}/anna@{name}")) in order


async def test_a_parked_request_says_what_to_do_and_shows_no_secret(bus, account, name, capfd):
    view = (await claim(bus, account, name)).data.domain
    told = (await bus.request(account, mailbox(f"anna@{name}"))).data
    assert (told.hold.address, told.hold.waits_for) == (f"anna@{name}", (name,))
    assert view.record.value in told.text.de
    assert [finding.code for finding in told.findings] == ["domain_unverified"]
    assert timedelta(days=13) < told.hold.deadline - datetime.now(UTC) < timedelta(days=15)
    await tell_txt(bus, view)
    await in_state(bus, account, name, "verified")
    again = (await bus.request(account, mailbox(f"bernd@{name}"))).data
    assert [finding.code for finding in again.findings] == ["domain_password_missing"]
    listed = await bus.ask(account, AskHolds(domain=name))
    assert [hold.place for hold in listed.holds] == [1, 2]
    assert "saltsalt" not in told.model_dump_json() + listed.model_dump_json() + "".join(capfd.readouterr())


async def test_only_a_claimed_domain_is_waited_for(bus, account, name):
    assert (await bus.request(account, mailbox(f"a@{name}"))).data.refusal.code == "domain_unknown"
    await claim(bus, account, name)
    refused = await bus.request(account, mailbox(f"a@{name}", when_unverified="refuse"))
    assert refused.data.refusal.code == "domain_unverified"
    await bus.request(account, RemoveDomain(domain=name))
    assert (await bus.request(account, mailbox(f"a@{name}"))).data.refusal.code == "domain_unknown"
    mixed = AddAliases(address=f"a@{name}", aliases=(f"b@{name}", "c@nirgends.de"), when_unverified="hold")
    await claim(bus, account, name)
    refusal = (await bus.request(account, mixed)).data.refusal
    assert [finding.code for finding in refusal.findings] == ["domain_unknown", "domain_unverified"]


async def test_under_an_active_domain_nothing_waits(bus, account, name):
    await active(bus, account, name)
    id_ = await bus.send(account, mailbox(f"anna@{name}"))
    assert await released(bus, account, 1) == [id_]
    assert await rows(bus, account) == 0


async def test_aliases_wait_for_all_their_domains_and_hold_their_place(bus, account, name):
    first = (await claim(bus, account, name, password_hash=HASH)).data.domain
    other = f"zweite-{name}"
    second = (await claim(bus, account, other, password_hash=HASH)).data.domain
    aliases = AddAliases(address=f"a@{name}", aliases=(f"b@{name}", f"b@{other}"), when_unverified="hold")
    before, both, after = [
        await parked(bus, account, request) for request in (mailbox(f"a@{name}"), aliases, mailbox(f"b@{name}"))
    ]
    await tell_txt(bus, first)
    await in_state(bus, account, name, "active")
    assert await released(bus, account, 1) == [before]
    late = await parked(bus, account, mailbox(f"c@{name}"))  # active, but those before it share a domain with it
    listed = await bus.ask(account, AskHolds())
    assert [(hold.request_id, hold.waits_for) for hold in listed.holds] == [(both, (other,)), (after, ()), (late, ())]
    await tell_txt(bus, second)
    assert await released(bus, account, 4) == [before, both, after, late]


async def test_who_stood_behind_a_cancelled_request_goes_on(bus, account, name):
    first = (await claim(bus, account, name, password_hash=HASH)).data.domain
    other = f"zweite-{name}"
    await claim(bus, account, other)
    both = await parked(bus, account, AddAliases(address=f"a@{name}", aliases=(f"b@{other}",), when_unverified="hold"))
    behind = await parked(bus, account, mailbox(f"a@{name}"))
    await tell_txt(bus, first)
    cancelled = await bus.request(account, CancelHold(request_id=both))
    assert (cancelled.type, cancelled.data.request_id) == ("domain.hold-cancelled.v1", both)
    assert (await ended(bus, account, both)).data.refusal.code == "hold_cancelled"
    assert await released(bus, account, 1) == [behind]
    again = await bus.request(account, CancelHold(request_id=both))
    assert again.data.refusal.code == "hold_unknown"
    assert (await bus.request("wer-anders", CancelHold(request_id=behind))).data.refusal.code == "hold_unknown"


async def test_a_removed_domain_ends_what_waits_for_it(bus, account, name):
    await claim(bus, account, name)
    id_ = await parked(bus, account, mailbox(f"anna@{name}"))
    await bus.request(account, RemoveDomain(domain=name))
    outcome = await ended(bus, account, id_)
    assert outcome.type == "domain.request-refused.v1"
    assert (outcome.data.refusal.code, outcome.data.request_type) == ("domain_unknown", "domain.create-mailbox.v1")
    assert await rows(bus, account) == 0


async def test_a_lost_claim_ends_what_waits_for_it(bus, account, name):
    await claim(bus, account, name)
    id_ = await parked(bus, account, mailbox(f"anna@{name}"))
    theirs = (await claim(bus, f"{account}-rival", name)).data.domain
    await tell_txt(bus, theirs)
    assert (await ended(bus, account, id_)).data.refusal.code == "claim_lost"


async def test_the_deadline_ends_the_wait_with_the_next_step(bus, account, name, monkeypatch):
    view = (await claim(bus, account, name)).data.domain
    monkeypatch.setattr(TERMS, "patience", timedelta(milliseconds=50))
    id_ = await parked(bus, account, mailbox(f"anna@{name}"))
    refusal = (await ended(bus, account, id_)).data.refusal
    assert [finding.code for finding in refusal.findings] == ["hold_expired", "domain_unverified"]
    assert view.record.value in refusal.findings[1].text.en
    [step] = (await bus.ask(account, AskRequest(request_id=id_), service="domain")).steps
    assert (step.fate, step.code) == ("refused", "hold_expired")


async def test_the_same_id_again_is_told_again_that_it_waits_and_waits_once(bus, account, name):
    view = (await claim(bus, account, name, password_hash=HASH)).data.domain
    request = mailbox(f"anna@{name}")
    id_ = await parked(bus, account, request)
    heard = bus.answers[f"rpl.{account}.{id_}"]
    await bus.send(account, request, id=id_)

    async def twice():
        return len(heard) == 2

    await bus.eventually(twice)
    assert heard[0] == heard[1]
    await bus.send(account, mailbox(f"other@{name}"), id=id_)

    async def refused():
        return len(heard) == 3 and heard[2]

    assert (await bus.eventually(refused)).data.refusal.code == "request_id_reused"
    assert [hold.request_id for hold in (await bus.ask(account, AskHolds())).holds] == [id_]
    await bus.fetch("DELETE FROM domain.inbox WHERE message_id = $1", id_)  # forgotten, as after its time
    await bus.send(account, request, id=id_)

    async def thrice():
        return len(heard) == 4

    await bus.eventually(thrice)
    assert heard[3].type == "domain.request-parked.v1"
    await tell_txt(bus, view)
    assert await released(bus, account, 1) == [id_]


async def test_an_account_can_have_only_so_many_requests_wait(bus, account, name, monkeypatch):
    await claim(bus, account, name)
    monkeypatch.setattr(TERMS, "most", 2)
    for local in "ab":
        await parked(bus, account, mailbox(f"{local}@{name}"))
    refusal = (await bus.request(account, mailbox(f"c@{name}"))).data.refusal
    assert (refusal.code, refusal.findings[0].details) == ("too_many_holds", {"limit": 2})


async def test_the_list_has_pages(bus, account, name):
    await claim(bus, account, name)
    ids = [await parked(bus, account, mailbox(f"{local}@{name}")) for local in "abc"]
    first = await bus.ask(account, AskHolds(limit=2))
    last = await bus.ask(account, AskHolds(limit=2, after=first.next))
    assert [hold.request_id for hold in (*first.holds, *last.holds)] == ids
    assert last.next is None
    assert (await bus.ask("wer-anders", AskHolds())).holds == ()
