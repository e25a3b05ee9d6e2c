"""Weeks in the life of a claim through the worker: the test states what dnscheck saw, and when."""

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from contracts.domain_v1 import RemoveDomain, SetDomainPassword, ValidateDomain
from contracts.mailbox_v1 import CreateMailbox
from services.domain.app import service
from tests.workers.domain_neighbours import (
    HASH,
    LANES,
    active,
    attempt,
    claim,
    fact,
    facts_of,
    in_state,
    orders,
    shown,
    tell_txt,
)

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
numbers = count(1)


@pytest.fixture
def name(domain) -> str:
    return f"wochenlang-{next(numbers)}.de"


@pytest.fixture
def account(domain) -> str:
    return f"nordwind-{next(numbers)}"


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


def noes(now: datetime, *days: float):
    return (attempt("not_yet", "not_yet", at=now + day * DAY) for day in days)


async def proof_is(bus, account: str, name: str, proof: str):
    async def reached():
        view = await shown(bus, account, name)
        return view if view and view.proof == proof else None

    return await bus.eventually(reached, what=f"the proof of {name} being {proof}")


def mailbox(name: str) -> CreateMailbox:
    return CreateMailbox(address=f"anna@{name}", first_name="Anna", last_name="Nord", plan="mail", password_hash=HASH)


async def test_a_proof_gone_for_days_warns_then_stops_new_mailboxes_and_a_check_recovers(bus, account, name, now):
    view = await active(bus, account, name)
    await tell_txt(bus, view, *noes(now, 1))
    warned = await fact(bus, account, name, "domain-at-risk")
    assert view.record.value in warned.text.de
    assert warned.domain.proof_lapses_at == now + 4 * DAY
    await tell_txt(bus, view, *noes(now, 2, 3, 4))
    await proof_is(bus, account, name, "lapsed")
    refused = (await bus.request(account, mailbox(name))).data.refusal
    assert refused.code == "domain_proof_lapsed"
    assert refused.findings[0].details["value"] == view.record.value
    assert (
        await bus.request(account, SetDomainPassword(domain=name, password_hash=HASH))
    ).data.domain.state == "active"

    id_ = await bus.send(account, ValidateDomain(domain=name))
    await tell_txt(bus, view, attempt(at=now + 4.1 * DAY), requests=(id_,))
    finished = await bus.answer(account, id_)
    assert (finished.data.verified, finished.data.domain.proof) == (True, "held")
    await bus.send(account, mailbox(name))

    async def handed_over():
        return await orders(bus, account, "billing.create-mailbox")

    await bus.eventually(handed_over)
    told = await facts_of(bus, account, name)
    assert [kind for kind in told if kind in ("domain-at-risk", "domain-lapsed", "domain-recovered")] == [
        "domain-at-risk",
        "domain-lapsed",
        "domain-recovered",
    ]


async def test_a_validation_of_a_lapsed_domain_that_confirms_nothing_says_so(bus, account, name, now):
    view = await active(bus, account, name)
    await tell_txt(bus, view, *noes(now, 1, 2, 4))
    await proof_is(bus, account, name, "lapsed")
    id_ = await bus.send(account, ValidateDomain(domain=name))
    await tell_txt(bus, view, *noes(now, 5), requests=(id_,))
    finished = await bus.answer(account, id_)
    assert not finished.data.verified
    assert finished.data.domain.state == "active"


async def test_an_impatient_customer_and_an_outage_never_lapse_a_domain(bus, account, name, now):
    view = await active(bus, account, name)
    ids = [await bus.send(account, ValidateDomain(domain=name)) for _ in range(3)]
    for second, id_ in enumerate(ids):
        look = attempt("not_yet", "not_yet", at=now + DAY + timedelta(seconds=second))
        await tell_txt(bus, view, look, requests=(id_,))
    for id_ in ids:
        assert (await bus.answer(account, id_)).data.domain.proof == "at_risk"
    silence = [attempt("could_not_ask", at=now + day * DAY) for day in range(2, 20)]
    await tell_txt(bus, view, *silence, attempt(at=now + 20 * DAY))
    await proof_is(bus, account, name, "held")
    assert "domain-lapsed" not in await facts_of(bus, account, name)


async def test_a_claim_nobody_proves_is_abandoned_and_goes_on_when_asked_for(bus, account, name, now):
    view = (await claim(bus, account, name, password_hash=HASH)).data.domain
    await tell_txt(bus, view, attempt("not_yet", "not_yet", at=now + 14 * DAY, ended=True))
    abandoned = (await fact(bus, account, name, "claim-abandoned")).domain
    assert abandoned.state == "abandoned"
    assert (await bus.request(account, mailbox(name))).data.refusal.code == "domain_claim_abandoned"

    again = (await claim(bus, account, name)).data.domain
    assert (again.state, again.record, again.domain_id) == ("claimed", view.record, view.domain_id)
    assert again.revision > abandoned.revision
    await tell_txt(bus, view, attempt("could_not_ask", at=now + 28 * DAY, ended=True))
    await in_state(bus, account, name, "abandoned")
    id_ = await bus.send(account, ValidateDomain(domain=name))
    assert (await in_state(bus, account, name, "claimed")).record == view.record
    await tell_txt(bus, view, attempt(at=now + 29 * DAY), requests=(id_,))
    assert (await bus.answer(account, id_)).data.domain.state == "active", "the password was kept"
    looks = await orders(bus, account, "dnscheck.watch-domain")
    assert {look["record_value"] for look in looks} == {view.record.value}


async def test_an_abandoned_claim_can_be_given_up(bus, account, name, now):
    view = (await claim(bus, account, name)).data.domain
    await tell_txt(bus, view, attempt("not_yet", at=now + 14 * DAY, ended=True))
    await in_state(bus, account, name, "abandoned")
    assert (await bus.request(account, RemoveDomain(domain=name))).data.domain.state == "removed"


async def test_reminders_come_once_each_also_after_another_start_of_the_worker(bus, account, name, now, domain):
    view = (await claim(bus, account, name)).data.domain
    hours = (0.5, 1.1, 1.2, 25, 26)
    await tell_txt(bus, view, *(attempt("not_yet", "name_doubled", at=now + each * HOUR) for each in hours))
    await fact(bus, account, name, "proof-reminder")
    await in_revision(bus, view, 1 + len(hours))
    second = await bus.start(service)
    await domain.stop()
    await bus.owns_all(second, lanes=LANES)
    later = (47, 49, 50, 8 * 24, 13 * 24 + 1, 13 * 24 + 2)
    await tell_txt(bus, view, *(attempt("could_not_ask", at=now + each * HOUR) for each in later))
    await in_revision(bus, view, 1 + len(hours) + len(later))
    reminders = [event.data for event in await bus.events(f"evt.{account}.domain.proof-reminder.v1")]
    assert [reminder.hours for reminder in reminders] == [1, 24, 48, 168, 312]
    assert reminders[0].attempt.code == "name_doubled"
    assert reminders[0].domain.record == view.record


async def in_revision(bus, view, revision: int) -> None:
    async def reached():
        return (await shown(bus, view.account, view.domain)).revision == revision

    await bus.eventually(reached, what=f"revision {revision}")
