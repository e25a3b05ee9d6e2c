"""The worker domain on real servers; the test speaks for billing, dnscheck and mailbox."""

import asyncio
from itertools import count
from uuid import uuid4

import pytest
import pytest_asyncio

from contracts.billing_v1 import AccountOpened, AccountView, MasterData
from contracts.dnscheck_v1 import AdviceChecked, MailAdvice, MxAttempt, MxChecked
from contracts.domain_v1 import (
    AskDomains,
    CheckMailRecords,
    CheckMx,
    RemoveDomain,
    SetDomainFeatures,
    SetDomainPassword,
    ValidateDomain,
)
from contracts.mailbox_v1 import AddAliases, CreateMailbox, DomainOccupied, DomainVacated
from services.domain.app import service
from tests.workers.domain_neighbours import (
    HASH,
    LANES,
    NOW,
    WORDS,
    active,
    attempt,
    claim,
    in_state,
    orders,
    shown,
    tell_txt,
)

numbers = count(1)


@pytest_asyncio.fixture(scope="module")
async def domain(bus):
    started = await bus.start(service)
    await bus.owns_all(started, lanes=LANES)
    return started


@pytest.fixture
def name(domain) -> str:
    return f"segelschule-{next(numbers)}.de"


@pytest.fixture
def account(domain) -> str:
    return f"nordwind-{next(numbers)}"


async def test_a_claim_names_its_record_and_orders_a_look(bus, account, name):
    outcome = await claim(bus, account, name)
    assert outcome.type == "domain.domain-claimed.v1"
    view = outcome.data.domain
    assert view.state == "claimed"
    [order] = await orders(bus, account, "dnscheck.watch-domain")
    assert (order["facet"], order["record_name"], order["record_value"]) == (
        "txt",
        view.record.name,
        view.record.value,
    )
    again = (await claim(bus, account, name)).data.domain
    assert (again.record, again.domain_id) == (view.record, view.domain_id)


async def test_a_public_suffix_is_refused(bus, account):
    outcome = await claim(bus, account, "co.uk")
    assert outcome.data.refusal.code == "domain_is_public_suffix"


async def test_a_requested_validation_ends_with_what_was_seen(bus, account, name):
    view = (await claim(bus, account, name)).data.domain
    id_ = await bus.send(account, ValidateDomain(domain=name))
    await tell_txt(bus, view, attempt("not_yet"), requests=(id_,))
    outcome = await bus.answer(account, id_)
    assert outcome.type == "domain.validation-finished.v1"
    assert outcome.correlationid == id_
    assert not outcome.data.verified
    assert outcome.data.domain.state == "claimed"


async def test_a_proof_and_a_password_make_a_domain_active(bus, account, name):
    view = (await claim(bus, account, name)).data.domain
    await tell_txt(bus, view)
    await in_state(bus, account, name, "verified")
    outcome = await bus.request(account, SetDomainPassword(domain=name, password_hash=HASH))
    assert outcome.type == "domain.domain-password-set.v1"
    assert outcome.data.domain.state == "active"
    facts = [event.type for event in await bus.events(f"evt.{account}.>")]
    assert [fact.split(".")[1] for fact in facts if fact.startswith("domain.")] == [
        "domain-claimed",
        "domain-verified",
        "domain-password-set",
        "domain-activated",
    ]
    assert [order["facet"] for order in await orders(bus, account, "dnscheck.watch-domain")] == [
        "txt", "mx", "advice",
    ]  # fmt: skip


async def test_events_never_carry_the_password(bus, account, name):
    await active(bus, account, name)
    rows = await bus.fetch("SELECT payload FROM domain.event_log WHERE subject LIKE $1", f"evt.{account}.%")
    assert rows
    assert not any(b"saltsalt" in row["payload"] for row in rows)


async def test_the_first_proof_wins_and_the_other_account_is_told(bus, name):
    mine = (await claim(bus, "first-one", name)).data.domain
    theirs = (await claim(bus, "second-one", name)).data.domain
    assert mine.record.value != theirs.record.value
    await tell_txt(bus, theirs)
    await in_state(bus, "second-one", name, "verified")
    lost = await shown(bus, "first-one", name)
    assert lost.state == "lost"
    assert any(event.type == "domain.claim-lost.v1" for event in await bus.events("evt.first-one.domain.claim-lost.v1"))
    assert len(await orders(bus, "first-one", "dnscheck.unwatch-domain")) == 1
    outcome = await bus.request("first-one", ValidateDomain(domain=name))
    assert outcome.data.refusal.code == "claim_lost"


async def test_however_many_prove_a_name_at_once_one_holds_it(bus, name):
    accounts = [f"rival-{number}" for number in range(8)]
    claims = await asyncio.gather(*(claim(bus, account, name) for account in accounts))
    views = [outcome.data.domain for outcome in claims]
    late = asyncio.gather(*(claim(bus, f"late-{number}", name) for number in range(4)))
    await asyncio.gather(*(tell_txt(bus, view) for view in (*views, *views)))
    await late

    async def settled():
        rows = await bus.fetch("SELECT state FROM domain.claim WHERE domain = $1 AND account LIKE 'rival-%'", name)
        return not any(row["state"] == "claimed" for row in rows)

    await bus.eventually(settled)
    rows = await bus.fetch("SELECT state FROM domain.claim WHERE domain = $1", name)
    assert [row["state"] for row in rows].count("verified") == 1
    verified = await bus.events("evt.*.domain.domain-verified.v1")
    assert len([event for event in verified if event.data.domain.domain == name]) == 1


async def test_looks_at_an_ended_claim_are_answered_and_called_off_again(bus, account, name):
    view = (await claim(bus, account, name)).data.domain
    await bus.request(account, RemoveDomain(domain=name))
    id_ = uuid4()
    await tell_txt(bus, view, requests=(id_,))
    outcome = await bus.answer(account, id_)
    assert outcome.data.domain.state == "removed"
    assert not outcome.data.verified
    assert len(await orders(bus, account, "dnscheck.unwatch-domain")) == 2


async def test_a_changed_mx_state_is_said_once(bus, account, name):
    view = await active(bus, account, name)
    id_ = await bus.send(account, CheckMx(domain=name))
    found = MxAttempt(state="foreign", code="foreign", text=WORDS, expected=(), checked_at=NOW, elapsed_ms=1)
    for requests in ((id_,), ()):
        await bus.send(account, MxChecked(domain_id=view.domain_id, domain=name, requests=requests, attempt=found))
    outcome = await bus.answer(account, id_)
    assert outcome.data.domain.mx == "foreign"

    async def both_noted():
        return (await shown(bus, account, name)).revision == view.revision + 2

    await bus.eventually(both_noted)
    changes = await bus.events(f"evt.{account}.domain.mx-changed.v1")
    assert [event.data.previous for event in changes] == ["unknown"]


async def test_advice_goes_to_who_asked_and_changes_nothing(bus, account, name):
    view = await active(bus, account, name)
    id_ = await bus.send(account, CheckMailRecords(domain=name))
    given = MailAdvice(items=(), checked_at=NOW, elapsed_ms=1)
    look = AdviceChecked(domain_id=view.domain_id, domain=name, requests=(id_,), advice=given)
    await bus.send(account, look)
    outcome = await bus.answer(account, id_)
    assert (outcome.data.advice, outcome.data.domain) == (given, view)
    again = uuid4()
    await bus.send(account, look.model_copy(update={"requests": (again,), "domain_id": uuid4()}))  # of an ended claim
    assert (await bus.answer(account, again)).data.advice == given
    assert len(await orders(bus, account, "dnscheck.unwatch-domain")) == 1


async def test_the_gate_hands_a_mailbox_on_or_names_the_next_step(bus, account, name):
    request = CreateMailbox(
        address=f"anna@{name}", first_name="Anna", last_name="Nord", plan="mail", password_hash=HASH
    )
    assert (await bus.request(account, request)).data.refusal.code == "domain_unknown"
    view = await active(bus, account, name)
    id_ = await bus.send(account, request)

    async def handed_over():
        return await orders(bus, account, "billing.create-mailbox")

    [order] = await bus.eventually(handed_over)
    assert order["domain_id"] == str(view.domain_id)
    facts = await bus.events(f"evt.{account}.domain.mailbox-admitted.v1")
    assert [fact.data.request_id for fact in facts] == [id_]
    assert (await shown(bus, account, name)).revision == view.revision


async def test_a_hash_that_costs_too_little_passes_nowhere(bus, account, name):
    weak = "{ARGON2ID}$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$ZGlnZXN0ZGlnZXN0ZGlnZXN0"
    refused = await claim(bus, account, name, password_hash=weak)
    assert refused.data.refusal.code == "password_hash_too_weak"
    await active(bus, account, name)
    for request in (
        SetDomainPassword(domain=name, password_hash=weak),
        CreateMailbox(address=f"anna@{name}", first_name="A", last_name="B", plan="mail", password_hash=weak),
    ):
        refused = await bus.request(account, request)
        assert refused.data.refusal.code == "password_hash_too_weak"
        assert "c2Fsd" not in refused.model_dump_json()


async def test_alias_domains_pass_the_same_gate_and_every_finding_is_listed(bus, account, name):
    await active(bus, account, name)
    request = AddAliases(address=f"anna@{name}", aliases=(f"a@{name}", "b@unbekannt-eins.de", "c@unbekannt-zwei.de"))
    outcome = await bus.request(account, request)
    assert [finding.details["domain"] for finding in outcome.data.refusal.findings] == [
        "unbekannt-eins.de",
        "unbekannt-zwei.de",
    ]


async def test_features_answer_for_each_domain(bus, account, name):
    view = await active(bus, account, name)
    await bus.send(account, SetDomainFeatures(domains=(name, "unbekannt.de"), features=("backup",)))

    async def handed_over():
        return await orders(bus, account, "mailbox.set-domain-features")

    [order] = await bus.eventually(handed_over)
    assert order["admitted"] == [{"domain": name, "domain_id": str(view.domain_id)}]
    assert order["refused"][0]["refusal"]["code"] == "domain_unknown"
    assert (await shown(bus, account, name)).features == ("backup",)
    outcome = await bus.request(account, SetDomainFeatures(domains=("unbekannt.de",), features=()))
    assert outcome.data.refusal.code == "domain_unknown"


async def test_an_occupied_domain_stays_and_a_vacated_one_goes(bus, account, name):
    view = await active(bus, account, name)
    id_ = await bus.send(account, RemoveDomain(domain=name))
    await in_state(bus, account, name, "removing")
    await bus.send(
        account,
        DomainOccupied(domain=name, domain_id=view.domain_id, mailboxes=2, aliases=0),
        correlation_id=id_,
    )
    outcome = await bus.answer(account, id_)
    assert outcome.data.refusal.code == "domain_has_mailboxes"
    await in_state(bus, account, name, "active")
    id_ = await bus.send(account, RemoveDomain(domain=name))
    await in_state(bus, account, name, "removing")
    await bus.send(account, DomainVacated(domain=name, domain_id=view.domain_id), correlation_id=id_)
    assert (await bus.answer(account, id_)).type == "domain.domain-removed.v1"
    anew = (await claim(bus, account, name)).data.domain
    assert anew.domain_id != view.domain_id
    assert anew.record.value != view.record.value


async def test_a_removal_asked_for_twice_is_answered_twice(bus, account, name):
    view = await active(bus, account, name)
    ids = [await bus.send(account, RemoveDomain(domain=name)) for _ in range(2)]
    await in_state(bus, account, name, "removing")
    for id_ in ids:
        await bus.send(account, DomainVacated(domain=name, domain_id=view.domain_id), correlation_id=id_)
    for id_ in ids:
        assert (await bus.answer(account, id_)).type == "domain.domain-removed.v1"


async def test_a_reseller_is_refused_on_the_console(bus, account, name):
    await active(bus, account, name)
    view = AccountView(
        account=account, state="active", package="reseller", package_price_cents=1, self_service=False,
        master_data=MasterData(company="Nordwind", email="post@nordwind-segel.de"), capacities=(), opened_at=NOW,
        revision=3,
    )  # fmt: skip
    await bus.send(account, AccountOpened(account=view))

    async def known():
        return await bus.fetch("SELECT 1 FROM domain.account WHERE account_id = $1", account)

    await bus.eventually(known)
    outcome = await bus.request(account, CheckMx(domain=name), channel="console")
    assert outcome.data.refusal.code == "reseller_api_only"


async def test_domains_come_in_pages(bus, account):
    names = [f"seite-{number}-{account}.de" for number in range(5)]
    for name in names:
        await claim(bus, account, name)
    first = await bus.ask(account, AskDomains(limit=3))
    second = await bus.ask(account, AskDomains(limit=3, after=first.next))
    assert [view.domain for view in (*first.domains, *second.domains)] == names
    assert second.next is None
