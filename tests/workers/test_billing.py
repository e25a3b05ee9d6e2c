"""The worker billing on real servers; the test speaks for domain and mailbox."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID, uuid4

import asyncpg
import pytest_asyncio

from contracts.billing_v1 import (
    AdmittedAliases,
    AdmittedMailbox,
    AskAccount,
    AskCatalogue,
    AskQuote,
    AskUsage,
    AssignPackage,
    ChangePackage,
    ContractTerms,
    OpenAccount,
    UpdateAccount,
)
from contracts.domain_v1 import ClaimDomain
from contracts.mailbox_v1 import (
    AddAliases,
    AliasesChanged,
    ChangePlan,
    CreateGroup,
    CreateMailbox,
    FeatureState,
    ForwardingsSet,
    GroupCreated,
    GroupDeleted,
    GroupView,
    MailboxCreated,
    MailboxDeleted,
    MailboxView,
    PlanChanged,
    SetForwardings,
)
from contracts.refusals import RequestRefused, refuse
from services.billing import store_check
from services.billing.app import service
from services.billing.capacity import MEMORY
from services.billing.handlers import HOUSE

LANES = 5
HASH = "{SHA512-CRYPT}$6$saltsalt$" + "a" * 86
BORN = datetime(2026, 11, 23, 12, tzinfo=UTC)
numbers = count(1)


@pytest_asyncio.fixture(scope="module")
async def billing(bus):
    started = await bus.start(service)
    await bus.owns_all(started, lanes=LANES)
    return started


@pytest_asyncio.fixture
async def account(bus, billing) -> str:
    """An account on silver."""
    name = f"nordwind-{next(numbers)}"
    await open_account(bus, name, "silver")
    return name


async def open_account(bus, account: str, package: str, terms: ContractTerms | None = None):
    order = OpenAccount(package=package, terms=terms, company="Nordwind Segel GmbH", email="post@nordwind-segel.de")
    return await bus.request(account, order)


def admitted(address: str, plan: str = "mail") -> AdmittedMailbox:
    order = CreateMailbox(address=address, first_name="Anna", last_name="Boje", plan=plan, password_hash=HASH)
    return AdmittedMailbox(request=order, domain_id=UUID(int=7))


def mailbox(
    account: str, address: str, revision: int = 1, plan: str = "mail", price: int = 100, **shape
) -> MailboxView:
    return MailboxView(
        account=account, address=address, domain="nordwind-segel.de", first_name="Anna", last_name="Boje",
        state="active", plan=plan, price_cents=price, mail_bytes=1, cloud_bytes=0, groupware=False,
        catalogue="2026-01-01", aliases=shape.get("aliases", ()), forwardings=shape.get("forwardings", ()),
        keep_copy=True, features=FeatureState(on=(), origin="default"), blocked_senders=(), created_at=BORN,
        revision=revision,
    )  # fmt: skip


async def orders(bus, account: str, service_and_name: str) -> list[dict]:
    """Return the data of the hand-overs to a neighbour that are in the stream."""
    context = bus.client.jetstream()
    subscription = await context.subscribe(
        f"cmd.{account}.{service_and_name}.v1.>", stream="CMD", ordered_consumer=True
    )
    found = []
    while True:
        try:
            found.append(json.loads((await subscription.next_msg(timeout=0.3)).data)["data"])
        except TimeoutError:
            await subscription.unsubscribe()
            return found


async def order(bus, account: str, service_and_name: str, number: int = 1) -> dict:
    """Wait for a hand-over and return it."""

    async def come():
        found = await orders(bus, account, service_and_name)
        return found[number - 1] if len(found) >= number else None

    return await bus.eventually(come, what=f"{service_and_name} number {number}")


async def use(bus, account: str) -> dict[str, tuple[int, int]]:
    view = (await bus.ask(account, AskAccount())).account
    return {c.resource: (c.confirmed, c.reserved) for c in view.capacities}


async def reaches(bus, account: str, **expected: tuple[int, int]) -> None:
    async def reached():
        now = await use(bus, account)
        return all(now[name] == taken for name, taken in expected.items())

    await bus.eventually(reached, what=f"{account} using {expected}")


async def reserved(bus, account: str, model) -> UUID:
    """Send a request and wait until its room is reserved: mailbox never speaks of it before."""
    request_id = await bus.send(account, model)

    async def held():
        return await bus.fetch(
            "SELECT 1 FROM billing.holding WHERE account_id = $1 AND targets @> $2::jsonb",
            account,
            json.dumps([[str(request_id)]]),
        )

    await bus.eventually(held, what="a reservation")
    return request_id


async def created(bus, account: str, address: str, plan: str = "mail", price: int = 100) -> None:
    """Let a mailbox be requested and made."""
    request_id = await reserved(bus, account, admitted(address, plan))
    fact = MailboxCreated(mailbox=mailbox(account, address, plan=plan, price=price))
    await bus.send(account, fact, correlation_id=request_id)


# --- accounts and packages --------------------------------------------------------------------------------------


async def test_an_account_is_opened_once_and_shown(bus, account):
    view = (await bus.ask(account, AskAccount())).account
    assert (view.package, view.package_price_cents, view.self_service) == ("silver", 2500, True)
    assert [(c.resource, c.cap) for c in view.capacities] == [("mailbox", 50), ("alias_forward", 25), ("group", 1)]
    assert (await open_account(bus, account, "gold")).data.refusal.code == "account_exists"


async def test_an_unknown_account_is_shown_as_none_and_gets_nothing(bus, billing):
    assert (await bus.ask("nobody", AskAccount())).account is None
    assert (await bus.ask("nobody", AskQuote(plan="mail"))).refusal.code == "account_unknown"
    outcome = await bus.request("nobody", ClaimDomain(domain="nordwind-segel.de"))
    assert outcome.data.refusal.code == "account_unknown"


async def test_master_data_changes_and_the_rest_stays(bus, account):
    outcome = await bus.request(account, UpdateAccount(vat_id="DE123456789", language="en"))
    data = outcome.data.account.master_data
    assert (data.vat_id, data.language, data.company) == ("DE123456789", "en", "Nordwind Segel GmbH")
    assert (await bus.ask(account, AskAccount())).account == outcome.data.account


async def test_a_customer_changes_the_package_but_not_to_reseller(bus, account):
    assert (await bus.request(account, ChangePackage(package="reseller"))).data.refusal.code == (
        "reseller_not_self_service"
    )
    outcome = await bus.request(account, ChangePackage(package="gold"), channel="console")
    assert (outcome.data.account.package, outcome.data.previous_package) == ("gold", "silver")


async def test_a_reseller_has_its_terms_and_no_console(bus, billing):
    account = f"reseller-{next(numbers)}"
    terms = ContractTerms(
        price_cents=99900, mailboxes=None, alias_forwards=5, groups=0, plan_caps={"office": 1}, plan_prices={"mail": 80}
    )
    opened = await open_account(bus, account, "reseller", terms)
    assert opened.data.account.package_price_cents == 99900
    refused = await bus.request(account, ClaimDomain(domain="nordwind-segel.de"), channel="console")
    assert refused.data.refusal.code == "reseller_api_only"
    quoted = await bus.ask(account, AskQuote(plan="mail", quantity=10))
    assert (quoted.total_cents, quoted.terms.catalogue, quoted.room) == (800, "2026-01-01", None)
    assert (await bus.ask(account, AskQuote(plan="office"))).room == 1
    assert (await bus.ask(account, AskQuote(plan="mailxs"))).refusal.code == "plan_unknown"


async def test_a_plan_cap_counts_mailboxes_that_were_there_before_it(bus, account):
    await created(bus, account, "anna@nordwind-segel.de", "office", 450)
    await reaches(bus, account, mailbox=(1, 0))
    terms = ContractTerms(price_cents=1, mailboxes=None, alias_forwards=None, groups=None, plan_caps={"office": 0})
    refused = await bus.request(account, AssignPackage(package="reseller", terms=terms))
    assert refused.data.refusal.findings[0].details["resource"] == "plan.office"
    fits = terms.model_copy(update={"plan_caps": {"office": 1}})
    await bus.request(account, AssignPackage(package="reseller", terms=fits))
    assert (await use(bus, account))["plan.office"] == (1, 0)
    outcome = await bus.request(account, admitted("bert@nordwind-segel.de", "office"))
    assert outcome.data.refusal.findings[0].details["resource"] == "plan.office"


async def test_the_catalogue_names_its_version(bus, billing):
    answer = await bus.ask("anyone", AskCatalogue())
    assert (answer.catalogue, len(answer.plans), len(answer.packages)) == ("2026-01-01", 8, 4)


# --- what takes room --------------------------------------------------------------------------------------------


async def test_a_claim_passes_with_the_account_s_standing(bus, account):
    await bus.send(account, ClaimDomain(domain="nordwind-segel.de"))
    handed = await order(bus, account, "domain.claim-domain")
    assert handed["standing"] == {"state": "active", "package": "silver", "self_service": True}


async def test_a_mailbox_is_priced_reserved_and_confirmed(bus, account):
    request_id = await bus.send(account, admitted("anna@nordwind-segel.de", "office"))
    handed = await order(bus, account, "mailbox.create-mailbox")
    assert handed["terms"] == {
        "plan": "office", "price_cents": 450, "mail_bytes": 25 * 10**9, "cloud_bytes": 25 * 10**9,
        "groupware": True, "catalogue": "2026-01-01",
    }  # fmt: skip
    assert handed["reservation"]["holders"] == ["mailbox/anna@nordwind-segel.de"]
    assert (await use(bus, account))["mailbox"] == (0, 1)
    made = MailboxCreated(mailbox=mailbox(account, "anna@nordwind-segel.de", plan="office", price=450))
    await bus.send(account, made, correlation_id=request_id)
    await reaches(bus, account, mailbox=(1, 0))
    usage = await bus.ask(account, AskUsage())
    assert [(p.plan, p.price_cents, p.mailboxes) for p in usage.plans] == [("office", 450, 1)]
    assert usage.monthly_total_cents == 2500 + 450


async def test_a_refusal_of_mailbox_gives_the_seat_back(bus, account):
    request_id = await bus.send(account, admitted("anna@nordwind-segel.de"))
    holders = tuple((await order(bus, account, "mailbox.create-mailbox"))["reservation"]["holders"])
    refused = RequestRefused(
        request_id=request_id,
        request_type="domain.create-mailbox.v1",
        refusal=refuse("address_taken", address="anna@nordwind-segel.de"),
        reservation=holders,
    )
    await tell_refused(bus, account, refused)
    await reaches(bus, account, mailbox=(0, 0))
    assert await bus.fetch("SELECT holder FROM billing.holding WHERE account_id = $1", account) == []


async def tell_refused(bus, account: str, refused: RequestRefused) -> None:
    """Say mailbox's no. The shape is every worker's, so the harness cannot know whose it is."""
    envelope = {
        "specversion": "1.0", "id": str(uuid4()), "type": "mailbox.request-refused.v1", "source": "test",
        "time": BORN.isoformat(), "correlationid": str(refused.request_id), "data": refused.model_dump(mode="json"),
    }  # fmt: skip
    await bus.send_raw(f"evt.{account}.mailbox.request-refused.v1", json.dumps(envelope).encode())


async def test_however_many_come_at_once_the_cap_holds(bus, account):
    sent = [await bus.send(account, admitted(f"m{number}@nordwind-segel.de")) for number in range(60)]

    async def refused():
        found = [bus.answers.get(f"rpl.{account}.{id_}") for id_ in sent[50:]]
        return found if all(found) else None

    answers = await bus.eventually(refused)
    assert {answer[0].data.refusal.code for answer in answers} == {"cap_reached"}
    assert (await use(bus, account))["mailbox"] == (0, 50)


async def test_the_same_request_again_reserves_nothing_more(bus, account):
    id_ = await bus.send(account, CreateGroup(name="Vorstand"))
    await order(bus, account, "mailbox.create-group")
    await bus.send(account, CreateGroup(name="Vorstand"), id=id_)
    outcome = await bus.request(account, CreateGroup(name="Crew"))
    assert outcome.data.refusal.findings[0].details == {
        "resource": "group", "allowed": 1, "used": 0, "reserved": 1, "requested": 1,
    }  # fmt: skip


async def test_a_deleted_group_makes_room_for_another(bus, account):
    request_id = await reserved(bus, account, CreateGroup(name="Vorstand"))
    group = GroupView(account=account, name="Vorstand", members=(), revision=1)
    await bus.send(account, GroupCreated(group=group), correlation_id=request_id)
    await reaches(bus, account, group=(1, 0))
    await bus.send(account, GroupDeleted(group=group.model_copy(update={"revision": 2})))
    await reaches(bus, account, group=(0, 0))
    await bus.send(account, CreateGroup(name="Crew"))
    await reaches(bus, account, group=(0, 1))


async def test_aliases_and_forwardings_share_one_cap_and_replacing_is_free(bus, account):
    address = "anna@nordwind-segel.de"
    await created(bus, account, address)
    aliases = tuple(f"a{number}@nordwind-segel.de" for number in range(5))
    first = await reserved(
        bus, account, AdmittedAliases(request=AddAliases(address=address, aliases=aliases), domain_ids={})
    )
    view = mailbox(account, address, 2, aliases=aliases[:3])
    await bus.send(account, AliasesChanged(mailbox=view), correlation_id=first)
    await reaches(bus, account, alias_forward=(3, 0))
    targets = tuple(f"t{number}@example.org" for number in range(22))
    second = await reserved(bus, account, SetForwardings(address=address, targets=targets))
    view = mailbox(account, address, 3, aliases=aliases[:3], forwardings=targets)
    await bus.send(account, ForwardingsSet(mailbox=view), correlation_id=second)
    await reaches(bus, account, alias_forward=(25, 0))
    others = tuple(f"o{number}@example.org" for number in range(22))
    await bus.send(account, SetForwardings(address=address, targets=others))
    assert (await order(bus, account, "mailbox.set-forwardings", 2))["request"]["targets"] == list(others)
    refused = await bus.request(account, SetForwardings(address=address, targets=(*others, "one@example.org")))
    assert refused.data.refusal.findings[0].details["requested"] == 1


async def test_a_plan_change_has_the_new_price_and_a_deletion_frees_all(bus, account):
    address = "anna@nordwind-segel.de"
    await created(bus, account, address)
    request_id = await reserved(bus, account, ChangePlan(address=address, plan="office"))
    assert (await order(bus, account, "mailbox.change-plan"))["terms"]["price_cents"] == 450
    changed = PlanChanged(mailbox=mailbox(account, address, 2, "office", 450), previous_plan="mail")
    await bus.send(account, changed, correlation_id=request_id)

    async def priced():
        return [(p.plan, p.mailboxes) for p in (await bus.ask(account, AskUsage())).plans] == [("office", 1)]

    await bus.eventually(priced)
    gone_at = datetime.now(UTC) - timedelta(hours=3)  # it was due then; its worker was late
    deleted = mailbox(account, address, 3, "office", 450).model_copy(update={"deleted_at": gone_at})
    await bus.send(account, MailboxDeleted(mailbox=deleted))
    await reaches(bus, account, mailbox=(0, 0))
    assert (await bus.ask(account, AskUsage())).plans == ()
    charged_until = await bus.fetch(
        "SELECT seen_at FROM billing.ledger WHERE account_id = $1 AND holder = $2 ORDER BY revision DESC LIMIT 1",
        account,
        f"mailbox/{address}",
    )
    assert charged_until[0]["seen_at"] == gone_at


async def test_what_does_not_fit_is_set_aside_and_never_booked(bus, billing):
    account = f"reseller-{next(numbers)}"
    terms = ContractTerms(price_cents=1, mailboxes=0, alias_forwards=0, groups=0)
    await open_account(bus, account, "reseller", terms)
    await bus.send(account, MailboxCreated(mailbox=mailbox(account, "anna@nordwind-segel.de")))

    async def buried():
        return await bus.fetch("SELECT code FROM billing.dead_letter WHERE account = $1", account)

    assert [row["code"] for row in await bus.eventually(buried)] == ["over_cap"]
    assert (await use(bus, account))["mailbox"] == (0, 0)


async def test_who_reads_the_facts_has_the_counters(bus, account):
    await asyncio.gather(*(created(bus, account, f"m{number}@nordwind-segel.de") for number in range(20)))
    await bus.send(account, MailboxDeleted(mailbox=mailbox(account, "m3@nordwind-segel.de", 2)))
    await reaches(bus, account, mailbox=(19, 0))
    events = [event for event in await bus.events(f"evt.{account}.billing.>") if event.revision]
    assert len({event.revision for event in events}) == len(events)
    newest = max(events, key=lambda event: event.revision).data
    assert newest.capacities == (await bus.ask(account, AskAccount())).account.capacities
    folded = await bus.fetch(
        "SELECT sum(confirmed) AS confirmed, sum(reserved) AS reserved FROM billing.holding"
        " WHERE account_id = $1 AND resource = 'mailbox'",
        account,
    )
    assert (folded[0]["confirmed"], folded[0]["reserved"]) == (19, 0)


async def test_a_reservation_that_nobody_speaks_of_expires(bus, billing):
    account = f"nordwind-{next(numbers)}"
    await open_account(bus, account, "silver")
    HOUSE.reservation_ttl = timedelta(hours=-25)
    try:
        await bus.send(account, CreateGroup(name="Vorstand"))
        await reaches(bus, account, group=(0, 1))
    finally:
        HOUSE.reservation_ttl = timedelta(minutes=15)
    await billing.stop()
    await bus.fetch("UPDATE billing.timer SET due_at = now() WHERE kind = 'expire-reservations' RETURNING 1")
    again = await bus.start(service)
    await bus.owns_all(again, lanes=LANES)
    await reaches(bus, account, group=(0, 0))
    released = await bus.events(f"evt.{account}.billing.capacity-released.v1")
    assert [(event.data.reason, event.data.holders) for event in released] == [("expired", ("group/Vorstand",))]


async def test_after_all_this_the_ledger_agrees_and_everything_can_be_made_anew_from_it(bus, account):
    await bus.request(account, ChangePackage(package="gold"))
    await reserved(bus, account, admitted("held@nordwind-segel.de", "office"))
    connection = await asyncpg.connect(bus.database_url)
    assert await store_check.differences(connection) == []
    tables = (
        "SELECT account_id, holder, resource, confirmed, reserved, targets, plan, price_cents, catalogue, since,"
        " revision, seen_at, due_at FROM billing.holding ORDER BY account_id, holder",
        "SELECT account_id, resource, cap, confirmed, reserved FROM billing.capacity ORDER BY account_id, resource",
    )
    before = [await connection.fetch(sql) for sql in tables]
    assert len(before[0]) > 10
    for row in await connection.fetch("SELECT account_id FROM billing.account"):
        async with connection.transaction():
            await store_check.rebuild(connection, row["account_id"], MEMORY)
    assert [await connection.fetch(sql) for sql in tables] == before
    await connection.close()
