"""From a dry run through the real workers to a quote, its commitment, and the charge that follows."""

from datetime import date, timedelta
from itertools import count
from types import SimpleNamespace
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from contracts.billing_v1 import AskAccount, AssignPackage, ChangePackage, ContractTerms, OpenAccount, UpdateAccount
from contracts.domain_v1 import AskDomain, CheckMx, ClaimDomain, RemoveDomain, SetDomainFeatures
from contracts.forwarding_v1 import SetCatchAll, SetForwardOnly
from contracts.ids import uuid7
from contracts.mailbox_v1 import (
    AddAliases,
    AskMailbox,
    ChangePlan,
    CreateGroup,
    CreateMailbox,
    DeleteMailbox,
    SetForwardings,
    SuspendMailbox,
)
from contracts.messages import REGISTRY
from contracts.routes import QUOTABLE
from services.billing import pricing, store_ledger
from services.billing.app import service as billing_service
from services.billing.charging.charges import charges, total
from services.billing.charging.months import day_of, month_of
from services.billing.handlers import HOUSE
from services.chassis.runtime import utc_now
from services.domain.app import service as domain_service
from services.mailbox.app import service as mailbox_service
from tests.workers.domain_neighbours import HASH, in_state, tell_txt

SERVICES = (domain_service, billing_service, mailbox_service)
numbers = count(1)


@pytest_asyncio.fixture(scope="module")
async def workers(bus):
    for service in SERVICES:
        await bus.owns_all(await bus.start(service), lanes=5)


@pytest_asyncio.fixture
async def customer(bus, workers):
    """An account on silver with an active domain; the test says for dnscheck that its proof was seen."""
    name = await opened(bus)
    domain = f"{name}.de"
    view = (await bus.request(name, ClaimDomain(domain=domain, password_hash=HASH))).data.domain
    await tell_txt(bus, view)
    await in_state(bus, name, domain, "active")
    return SimpleNamespace(name=name, domain=domain, anna=f"anna@{domain}")


async def opened(bus) -> str:
    name = f"kunde-{next(numbers)}"
    await bus.request(name, OpenAccount(package="silver", company="Kunde GmbH", email="post@kunde.de"))
    return name


@pytest.fixture
def lists():
    """Lets a test bring price lists out; they are withdrawn after it."""
    before = HOUSE.prices
    shipped = (pricing.SHIPPED / f"{before.versions[-1].version}.toml").read_text()

    def bring_out(version: str, *, existing_from: date | None = None) -> None:
        lines = shipped.replace("price_cents = 450", "price_cents = 990").splitlines()
        dated = [line for line in lines if not line.startswith(("valid_from", "existing_from"))]
        today = day_of(utc_now())
        begins = f"valid_from = {existing_from or today}"
        existing = [f"existing_from = {existing_from}"] if existing_from else []
        HOUSE.prices = pricing.PriceLists(
            (*before.versions, pricing.read(version, "\n".join([begins, *existing, *dated])))
        )

    yield bring_out
    HOUSE.prices = before


def order(address: str, plan: str = "office", password_hash: str | None = HASH) -> CreateMailbox:
    return CreateMailbox(address=address, first_name="Anna", last_name="Boje", plan=plan, password_hash=password_hash)


async def tried(bus, account: str, model, **attributes):
    """Return the answer to a dry run."""
    answer = await bus.request(account, model, dryrun=True, **attributes)
    assert answer.type.endswith(".dry-run-finished.v1"), answer
    return answer.data


async def charged(bus, account: str) -> tuple[int, int]:
    """Return what the ledger's use costs this month and, if all stays so, the next."""
    connection = await asyncpg.connect(bus.database_url)
    try:
        month = month_of(day_of(utc_now()))
        revisions = await store_ledger.read_revisions(connection, [account])
        uses = [(await store_ledger.read_uses(connection, revisions, m, 1), m) for m in (month, month.next)]
    finally:
        await connection.close()
    this, following = (total(charges(use[account], m, HOUSE.prices), m) for use, m in uses)
    return this, following


async def in_use(bus, account: str, **expected: int) -> None:
    async def booked():
        found = {c.resource: c.confirmed for c in (await bus.ask(account, AskAccount())).account.capacities}
        return all(found[name] == number for name, number in expected.items())

    await bus.eventually(booked, what=f"{account} using {expected}")


async def state_of(bus) -> dict[str, list[str]]:
    """Return every row but the chassis' record of what passed, what wakes up by itself, and quotes."""
    tables = await bus.fetch(
        "SELECT table_schema || '.' || table_name AS name FROM information_schema.tables"
        " WHERE table_schema IN ('billing', 'domain', 'mailbox') AND table_type = 'BASE TABLE'"
        " AND table_name !~ '^(inbox|event_log|outbox|lane|suspect|quote)'"
    )
    rows = {table["name"]: await bus.fetch(f"SELECT * FROM {table['name']}") for table in tables}
    return {name: sorted(str(dict(row)) for row in found if row.get("key") != "") for name, found in rows.items()}


# --- from the quote to the charge -----------------------------------------------------------------------------------


async def test_a_mailbox_is_charged_as_quoted_to_the_cent(bus, customer):
    before = await charged(bus, customer.name)
    answer = await tried(bus, customer.name, order(customer.anna, password_hash=None))
    quote = answer.quote
    assert (answer.outcome, answer.refusal) == ("mailbox.mailbox-created.v1", None)
    assert answer.fact["mailbox"]["price_cents"] == 450
    assert [(found.code, found.severity) for found in answer.missing] == [("password_missing", "note")]
    (line,) = quote.lines
    assert (line.thing, line.new_code, line.old_cents, line.new_cents) == (
        f"mailbox/{customer.anna}", "office", 0, 450
    )  # fmt: skip
    assert [(room.resource, room.used, room.cap, room.left) for room in quote.head_room] == [("mailbox", 0, 50, 49)]

    made = await bus.request(customer.name, order(customer.anna), quote_id=quote.quote_id)
    assert made.data.mailbox.price_cents == 450
    await in_use(bus, customer.name, mailbox=1)
    after = await charged(bus, customer.name)
    assert after[0] - before[0] == quote.remaining_month_cents
    assert after[1] - before[1] == quote.monthly_difference_cents == 450


async def test_another_plan_and_another_package_are_charged_as_quoted(bus, customer):
    await bus.request(customer.name, order(customer.anna, "officexl"))
    await in_use(bus, customer.name, mailbox=1)
    terms = ContractTerms(price_cents=9900, mailboxes=None, alias_forwards=5, groups=None, plan_prices={"mail": 77})
    for request, difference in (
        (ChangePlan(address=customer.anna, plan="mail"), 100 - 1000),
        (ChangePackage(package="gold"), 7500 - 2500),
        (AssignPackage(package="reseller", terms=terms), 9900 - 7500 + 77 - 100),
    ):
        before = await charged(bus, customer.name)
        quote = (await tried(bus, customer.name, request)).quote
        outcome = await bus.request(customer.name, request, quote_id=quote.quote_id)
        assert not hasattr(outcome.data, "refusal"), outcome.data

        async def is_charged(before=before, difference=difference):
            return (await charged(bus, customer.name))[1] - before[1] == difference

        await bus.eventually(is_charged, what=f"the price of {request}")
        assert quote.monthly_difference_cents == difference
        assert (await charged(bus, customer.name))[0] - before[0] == quote.remaining_month_cents


async def test_a_new_price_list_leaves_a_quoted_price_as_it_was(bus, customer, lists):
    quote = (await tried(bus, customer.name, order(customer.anna))).quote
    lists("2099-01-01")
    assert (await tried(bus, customer.name, order(f"neu@{customer.domain}"))).quote.monthly_difference_cents == 990
    made = await bus.request(customer.name, order(customer.anna), quote_id=quote.quote_id)
    assert (made.data.mailbox.price_cents, made.data.mailbox.catalogue) == (450, quote.catalogue)
    await in_use(bus, customer.name, mailbox=1)
    assert (await charged(bus, customer.name))[1] == 2500 + 450


# --- quotes that do not hold ----------------------------------------------------------------------------------------


async def refused_as(bus, account: str, model, **attributes) -> str:
    """Return why a quote does not hold; nothing may be kept for the request."""
    outcome = await bus.request(account, model, **attributes)
    assert outcome.data.refusal.code == "quote_stale", outcome.data
    capacities = (await bus.ask(account, AskAccount())).account.capacities
    assert all(each.reserved == 0 for each in capacities)
    return outcome.data.refusal.findings[0].details["state"]


async def test_a_request_that_waits_is_tried_without_waiting_and_goes_on_at_its_quote(bus, customer, lists):
    name = f"bald-{customer.domain}"
    view = (await bus.request(customer.name, ClaimDomain(domain=name, password_hash=HASH))).data.domain
    wish = order(f"anna@{name}").model_copy(update={"when_unverified": "hold"})
    before = await state_of(bus)
    answer = await tried(bus, customer.name, wish)
    assert ([found.code for found in answer.missing], answer.is_ready) == (["domain_unverified"], False)
    assert await state_of(bus) == before
    request_id = await bus.send(customer.name, wish, quote_id=answer.quote.quote_id)
    assert (await bus.answer(customer.name, request_id)).type == "domain.request-parked.v1"
    lists("waited-for")
    await tell_txt(bus, view)

    async def done():
        answers = bus.answers[f"rpl.{customer.name}.{request_id}"]
        return answers[1] if len(answers) > 1 else None

    made = await bus.eventually(done, what="the end of the request that waited")
    assert made.data.mailbox.price_cents == answer.quote.lines[0].new_cents == 450


async def test_a_quote_holds_once_for_its_own_request_and_account(bus, customer):
    quote = (await tried(bus, customer.name, order(customer.anna))).quote
    other = order(f"bernd@{customer.domain}")
    assert await refused_as(bus, customer.name, other, quote_id=quote.quote_id) == "quote_for_other"
    assert await refused_as(bus, customer.name, other, quote_id=uuid4()) == "quote_unknown"
    stranger = await opened(bus)
    change = ChangePackage(package="gold")
    theirs = (await tried(bus, stranger, change)).quote
    assert await refused_as(bus, customer.name, change, quote_id=theirs.quote_id) == "quote_unknown"

    await bus.request(customer.name, order(customer.anna), quote_id=quote.quote_id)
    await in_use(bus, customer.name, mailbox=1)
    assert await refused_as(bus, customer.name, order(customer.anna), quote_id=quote.quote_id) == "quote_used"


async def test_a_quote_ends_by_time_or_when_its_price_cannot_be_held(bus, customer, lists, monkeypatch):
    request = order(customer.anna)
    quote = (await tried(bus, customer.name, request)).quote
    lists("2099-01-01", existing_from=month_of(day_of(utc_now())).first)
    state = await refused_as(bus, customer.name, request, quote_id=quote.quote_id)
    assert state == "quote_price_changed"
    monkeypatch.setattr(HOUSE, "quote_validity", timedelta(microseconds=-1))
    over = (await tried(bus, customer.name, request)).quote
    assert await refused_as(bus, customer.name, request, quote_id=over.quote_id) == "quote_expired"


async def test_no_request_takes_a_quote_and_ignores_it(bus, customer):
    requests = (
        order(customer.anna), ChangePlan(address=customer.anna, plan="mail"), ChangePackage(package="gold"),
        AssignPackage(package="gold"), ClaimDomain(domain=f"neu-{customer.domain}"),
        AddAliases(address=customer.anna, aliases=(f"a@{customer.domain}",)), CreateGroup(name="Crew"),
        SetForwardings(address=customer.anna, targets=("x@example.org",)),
        SetForwardOnly(address=f"info@{customer.domain}", targets=("x@example.org",)),
        SetCatchAll(domain=customer.domain, mailbox=customer.anna),
    )  # fmt: skip
    assert {REGISTRY.of(type(request)).type for request in requests} == QUOTABLE
    for request in requests:
        assert await refused_as(bus, customer.name, request, quote_id=uuid4()) == "quote_unknown"
    assert (await bus.ask(customer.name, AskMailbox(address=customer.anna))).mailbox is None


async def test_a_request_without_quotes_refuses_one(bus, customer):
    await bus.request(customer.name, order(customer.anna))
    outcome = await bus.request(customer.name, SuspendMailbox(address=customer.anna), quote_id=uuid4())
    assert outcome.data.refusal.code == "quote_not_applicable"


# --- what is missing, and what nobody may learn -----------------------------------------------------------------------


async def test_under_a_domain_that_is_not_proven_the_record_is_missing_and_the_price_is_there(bus, customer):
    name = f"neu-{customer.domain}"
    record = (await bus.request(customer.name, ClaimDomain(domain=name))).data.domain.record
    for model in (order(f"anna@{name}"), SetForwardOnly(address=f"info@{name}", targets=(customer.anna,))):
        answer = await tried(bus, customer.name, model)
        assert answer.quote is not None
        (finding,) = answer.missing
        assert finding.code == "domain_unverified"
        assert record.value in finding.text.en
        assert not answer.is_ready
    assert (await tried(bus, customer.name, order(f"anna@{name}"))).quote.monthly_difference_cents == 450


async def test_addresses_of_others_cannot_be_probed_by_dry_runs(bus, customer):
    await bus.request(customer.name, order(customer.anna))
    stranger = await opened(bus)
    answers = [await tried(bus, stranger, order(f"{who}@{customer.domain}")) for who in ("anna", "nobody")]
    await bus.request(stranger, ClaimDomain(domain=customer.domain))
    answers += [await tried(bus, stranger, order(f"{who}@{customer.domain}")) for who in ("anna", "nobody")]
    assert [[found.code for found in answer.missing] for answer in answers] == [
        ["domain_unknown"], ["domain_unknown"], ["domain_unverified"], ["domain_unverified"]
    ]  # fmt: skip
    assert all(answer.refusal is None and answer.quote.monthly_difference_cents == 450 for answer in answers)


async def test_at_the_cap_a_dry_run_is_refused_with_price_and_head_room(bus, customer):
    caps = ContractTerms(price_cents=0, mailboxes=0, alias_forwards=0, groups=0)
    await bus.request(customer.name, AssignPackage(package="reseller", terms=caps))
    answer = await tried(bus, customer.name, order(customer.anna))
    assert (answer.outcome, answer.refusal.code) == (None, "cap_reached")
    assert answer.quote.monthly_difference_cents == 450
    assert answer.quote.head_room[0].left == -1
    too_small = await tried(bus, customer.name, ChangePackage(package="platinum"))
    assert (too_small.refusal, too_small.quote.monthly_difference_cents) == (None, 25000)
    assert [room.unlimited for room in too_small.quote.head_room] == [True, False, True]


# --- nothing stays --------------------------------------------------------------------------------------------------


async def test_a_dry_run_of_whatever_kind_leaves_nothing_behind(bus, customer):
    await bus.request(customer.name, order(customer.anna))
    await in_use(bus, customer.name, mailbox=1)
    new = f"weitere-{customer.domain}"
    stream = bus.client.jetstream().stream_info
    watched = (await stream("CMD", subjects_filter=f"cmd.{customer.name}.dnscheck.>")).state.subjects
    before, heard = await state_of(bus), len(await bus.events(f"evt.{customer.name}.>"))
    requests = [
        order(f"bernd@{customer.domain}"), ChangePlan(address=customer.anna, plan="mail"),
        AddAliases(address=customer.anna, aliases=(f"a@{customer.domain}",)),
        SetForwardings(address=customer.anna, targets=("x@example.org",)),
        SetForwardOnly(address=f"info@{customer.domain}", targets=(customer.anna,)),
        SetCatchAll(domain=customer.domain, mailbox=customer.anna), CreateGroup(name="Crew", members=(customer.anna,)),
        ChangePackage(package="gold"), UpdateAccount(phone="1"), ClaimDomain(domain=new),
        CheckMx(domain=customer.domain),
        SetDomainFeatures(domains=(customer.domain,), features=("backup",)), RemoveDomain(domain=customer.domain),
        DeleteMailbox(address=customer.anna, immediately=True), DeleteMailbox(address=customer.anna),
        SuspendMailbox(address=customer.anna), order(customer.anna),
    ]  # fmt: skip
    answers = [await tried(bus, customer.name, request) for request in requests]
    refused = {answer.request_type: answer.refusal.code for answer in answers if answer.refusal}
    assert refused == {
        "domain.remove-domain.v1": "domain_has_mailboxes", "domain.create-mailbox.v1": "address_taken"
    }  # fmt: skip
    assert all(answer.outcome for answer in answers if answer.refusal is None)
    assert await state_of(bus) == before
    assert (await stream("CMD", subjects_filter=f"cmd.{customer.name}.dnscheck.>")).state.subjects == watched
    events = (await bus.events(f"evt.{customer.name}.>"))[heard:]
    assert {event.type.split(".")[1] for event in events} == {"dry-run-finished"}
    assert len(events) == len(requests)
    assert (await bus.ask(customer.name, AskMailbox(address=f"bernd@{customer.domain}"))).mailbox is None
    assert (await bus.ask(customer.name, AskDomain(domain=new))).domain is None


async def test_an_id_that_was_tried_is_no_id_for_the_request_itself(bus, customer):
    id_ = uuid7()
    first = await tried(bus, customer.name, order(customer.anna), id=id_)
    await bus.send(customer.name, order(customer.anna), id=id_)

    async def second():
        answers = bus.answers[f"rpl.{customer.name}.{id_}"]
        return answers[1] if len(answers) > 1 else None

    refused = await bus.eventually(second)
    assert refused.data.refusal.code == "request_id_reused"
    assert first.outcome == "mailbox.mailbox-created.v1"
    assert (await bus.ask(customer.name, AskMailbox(address=customer.anna))).mailbox is None


async def test_quotes_are_forgotten_a_week_after_their_time(bus, customer, monkeypatch):
    kept = (await tried(bus, customer.name, order(customer.anna))).quote.quote_id
    monkeypatch.setattr(HOUSE, "quote_validity", timedelta(days=-8))
    await tried(bus, customer.name, order(customer.anna, "mail"))
    await bus.fetch("UPDATE billing.timer SET due_at = now() WHERE kind = 'forget-quotes' RETURNING 1")

    async def swept():
        rows = await bus.fetch("SELECT quote_id FROM billing.quote WHERE account_id = $1", customer.name)
        return [row["quote_id"] for row in rows] == [kept]

    await bus.eventually(swept, what="forgetting the old one alone")
