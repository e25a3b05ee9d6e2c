"""Domains that go with their mailboxes, and accounts that are closed: the three workers together, the clock in hand."""

from collections import Counter
from datetime import date, timedelta
from random import Random

import pytest

from contracts.billing_v1 import OpenAccount
from contracts.closure_v1 import CloseAccount, ReactivateAccount, ReopenAccount, SuspendAccount
from contracts.domain_v1 import AnswerTransfer, ClaimDomain, DecideTransfer, RemoveDomain
from contracts.forwarding_v1 import SetCatchAll, SetForwardOnly
from contracts.mailbox_v1 import AddAliases, CreateGroup, DeleteMailbox, UndeleteMailbox
from contracts.removal_v1 import KeepDomain
from services.billing.charging.months import month
from services.billing.handlers import HOUSE
from services.billing.reading import read_charges
from services.billing.store_ledger import read_revisions
from tests.workers.three_workers import HASH, Three, new_mailbox, three

GRACE = timedelta(days=14)
MINE, OTHER = "nordwind.example.de", "suedwind.example.de"


@pytest.fixture
async def office(database_url: str):
    office = await three(database_url)
    await office.account("nordwind")
    for name in (MINE, OTHER):
        await office.active("nordwind", name)
    yield office
    await office.pool.close()


def removal(**when) -> RemoveDomain:
    return RemoveDomain(domain=MINE, with_mailboxes=True, **when)


async def furnished(office: Three, mailboxes: int = 3) -> list[str]:
    """Let everything stand under the domain that can."""
    addresses = await office.mailboxes("nordwind", MINE, mailboxes)
    await office.mailboxes("nordwind", OTHER, 1)
    abroad = f"m000@{OTHER}"
    for request in (
        AddAliases(address=abroad, aliases=(f"segel@{MINE}", f"segel@{OTHER}")),
        AddAliases(address=addresses[0], aliases=(f"mast@{MINE}", f"mast@{OTHER}")),
        SetForwardOnly(address=f"info@{MINE}", targets=("info@example.org",)),
        SetCatchAll(domain=MINE, mailbox=abroad),
        SetCatchAll(domain=OTHER, mailbox=addresses[1]),
    ):
        end = await office.request("nordwind", request)
        assert end in ("aliases-changed", "forward-only-set", "catch-all-set"), end
    return addresses


async def used(office: Three) -> dict[str, int]:
    """Return what the account uses, as billing counts it."""
    rows = await office.pool.fetch("SELECT resource, confirmed, reserved FROM billing.capacity")
    assert not any(row["reserved"] for row in rows)
    return {row["resource"]: row["confirmed"] for row in rows if row["confirmed"]}


async def states(office: Three, name: str = MINE) -> Counter[str]:
    rows = await office.pool.fetch("SELECT state FROM mailbox.mailbox WHERE domain = $1", name)
    return Counter(row["state"] for row in rows)


async def claim_state(office: Three, name: str = MINE) -> str:
    return await office.pool.fetchval("SELECT state FROM domain.claim WHERE domain = $1", name)


async def test_at_once_everything_under_the_domain_goes_each_with_its_own_fact(office: Three):
    await furnished(office)
    id_ = office.send("nordwind", removal(immediately=True))
    await office.settle()
    assert office.end_of(id_) == "domain-removed"
    (started,) = office.facts("domain-removal-started")
    assert (started["mailboxes"], started["aliases"], started["domain"]["state"]) == (3, 4, "removing")
    assert await states(office) == {"deleted": 3}
    assert len(office.facts("mailbox-deleted")) == 3
    assert len(office.facts("forward-only-deleted")) == 1
    assert {fact["catch_all"]["domain"] for fact in office.facts("catch-all-removed")} == {MINE, OTHER}
    rest = await office.pool.fetch("SELECT address FROM mailbox.address ORDER BY address")
    assert [row["address"] for row in rest] == [f"m000@{OTHER}", f"segel@{OTHER}"]
    assert await used(office) == {"mailbox": 1, "alias_forward": 1, "plan.mail": 1}
    assert await claim_state(office) == "removed"


async def test_until_its_day_mailboxes_wait_and_other_addresses_work_on(office: Three):
    addresses = await furnished(office)
    id_ = office.send("nordwind", removal())
    await office.settle()
    assert office.end_of(id_) == "waits"
    assert await states(office) == {"deleting": 3}
    assert await office.pool.fetchval("SELECT count(*) FROM mta.domain WHERE domain = $1", MINE) == 1
    assert await office.pool.fetchval("SELECT count(*) FROM mta.forward_only") == 1
    for request in (new_mailbox(f"neu@{MINE}"), AddAliases(address=f"m000@{OTHER}", aliases=(f"neu@{MINE}",))):
        assert await office.request("nordwind", request) == "domain_not_active"
    for request in (UndeleteMailbox(address=addresses[0]), DeleteMailbox(address=addresses[0])):
        assert await office.request("nordwind", request) == "domain_being_removed"
    at_once = DeleteMailbox(address=addresses[0], immediately=True)
    assert await office.request("nordwind", at_once) == "mailbox-deleted"
    await office.passes(GRACE)
    assert office.end_of(id_) == "domain-removed"
    deleted = {fact["mailbox"]["address"]: fact["mailbox"] for fact in office.facts("mailbox-deleted")}
    (started,) = office.facts("domain-removal-started")
    assert deleted[addresses[1]]["deleted_at"] == started["deletes_at"]
    assert await used(office) == {"mailbox": 1, "alias_forward": 1, "plan.mail": 1}


async def test_a_domain_that_is_kept_has_back_what_the_removal_took_and_nothing_else(office: Three):
    addresses = await furnished(office)
    earlier = await office.request("nordwind", DeleteMailbox(address=addresses[2]))
    assert earlier == "mailbox-deletion-scheduled"
    id_ = office.send("nordwind", removal())
    await office.settle()
    assert await office.request("nordwind", KeepDomain(domain=MINE)) == "domain-kept"
    assert office.end_of(id_) == "domain-kept"
    assert await states(office) == {"active": 2, "deleting": 1}
    assert await claim_state(office) == "active"
    assert await office.request("nordwind", KeepDomain(domain=MINE)) == "no_removal"
    assert await office.request("nordwind", new_mailbox(f"neu@{MINE}")) == "mailbox-created"
    await office.passes(GRACE)
    assert await states(office) == {"active": 3, "deleted": 1}
    assert not await office.pool.fetchval("SELECT count(*) FROM mailbox.removal_mark")


async def test_the_day_can_be_moved_and_all_requests_end_together(office: Three):
    await furnished(office)
    first = office.send("nordwind", removal())
    await office.settle()
    assert await office.request("nordwind", removal()) == "removal_scheduled"
    assert await office.request("nordwind", RemoveDomain(domain=MINE)) == "removal_scheduled"
    assert await office.request("nordwind", removal(on=date(2027, 3, 1))) == "deletion_day"
    second = office.send("nordwind", removal(on=date(2027, 3, 5)))
    await office.settle()
    assert len(office.facts("domain-removal-started")) == 2
    days = await office.pool.fetch("SELECT DISTINCT deletes_at FROM mailbox.mailbox WHERE domain = $1", MINE)
    assert len(days) == 1
    await office.passes(timedelta(days=4))
    assert (office.end_of(first), office.end_of(second)) == ("domain-removed", "domain-removed")
    assert await office.request("nordwind", KeepDomain(domain=MINE)) == "domain_unknown"


async def test_without_mailboxes_a_removal_is_refused_as_before(office: Three):
    await furnished(office)
    assert await office.request("nordwind", RemoveDomain(domain=MINE)) == "domain_has_mailboxes"
    assert await claim_state(office) == "active"
    assert await office.request("nordwind", removal(immediately=True)) == "domain-removed"


async def test_an_empty_domain_waits_for_its_day_too(office: Three):
    id_ = office.send("nordwind", removal())
    await office.settle()
    assert office.end_of(id_) == "waits"
    assert await office.request("nordwind", KeepDomain(domain=MINE)) == "domain-kept"
    assert await office.request("nordwind", RemoveDomain(domain=MINE)) == "domain-removed"


async def test_a_large_removal_is_worked_off_in_small_batches_that_add_up(office: Three):
    office.dice = Random(7)
    await office.mailboxes("nordwind", MINE, 450)
    office.largest.clear()
    office.lossy = 0.2
    id_ = office.send("nordwind", removal(immediately=True))
    await office.settle()
    assert office.end_of(id_) == "domain-removed"
    assert office.largest["mailbox"] <= 2 * 103
    told = [fact["removal"] for fact in office.facts("domain-removal-progress")]
    assert [step["mailboxes_left"] for step in told] == sorted((s["mailboxes_left"] for s in told), reverse=True)
    assert (told[0]["mailboxes_total"], told[0]["mailboxes_left"], told[-1]["mailboxes_left"]) == (450, 450, 0)
    assert len(office.facts("mailbox-deleted")) == 450
    assert await used(office) == {}


# --- accounts -----------------------------------------------------------------------------------------------------


async def test_a_suspended_accounts_requests_are_refused_and_its_mail_goes_on(office: Three):
    await furnished(office)
    assert await office.request("nordwind", SuspendAccount(reason="Zahlung offen")) == "account-suspended"
    for request in (new_mailbox(f"neu@{MINE}"), removal(), DeleteMailbox(address=f"m000@{MINE}")):
        assert await office.request("nordwind", request) == "account_not_active"
    assert await office.pool.fetchval("SELECT count(*) FROM mta.login") == 4
    assert await office.request("nordwind", SuspendAccount()) == "account_state"
    assert await office.request("nordwind", ReactivateAccount()) == "account-reactivated"
    assert await office.request("nordwind", ReactivateAccount()) == "account_state"
    assert await office.request("nordwind", new_mailbox(f"neu@{MINE}")) == "mailbox-created"


async def test_a_closed_account_has_nothing_left(office: Three):
    addresses = await furnished(office)
    await office.request("nordwind", new_mailbox(f"chef@{OTHER}", plan="office"))
    await office.request("nordwind", CreateGroup(name="Crew", members=(f"chef@{OTHER}",)))
    id_ = office.send("nordwind", CloseAccount(immediately=True))
    await office.settle()
    await office.passes(timedelta(minutes=1))
    assert office.end_of(id_) == "account-closed"
    (closed,) = office.facts("account-closed")
    assert closed["account"]["state"] == "closed"
    assert all(not c["confirmed"] and not c["reserved"] for c in closed["account"]["capacities"])
    assert await used(office) == {}
    assert await office.pool.fetchval("SELECT count(*) FROM mailbox.address") == 0
    assert await claim_state(office) == await claim_state(office, OTHER) == "removed"
    assert len(office.facts("mailbox-deleted")) == len(addresses) + 2
    told = office.facts("account-closure-progress")
    assert (told[-1]["domains_total"], told[-1]["domains_left"], told[-1]["mailboxes_left"]) == (2, 0, 0)
    assert await office.request("nordwind", new_mailbox(f"neu@{MINE}")) == "account_not_active"


async def test_a_closure_is_taken_back_until_its_day(office: Three):
    addresses = await furnished(office)
    id_ = office.send("nordwind", CloseAccount())
    await office.settle()
    assert office.end_of(id_) == "waits"
    assert await states(office) == {"deleting": 3}
    assert await office.request("nordwind", new_mailbox(f"neu@{MINE}")) == "account_not_active"
    assert await office.request("nordwind", CloseAccount()) == "account_closing"
    assert await office.request("nordwind", ReopenAccount()) == "account-reopened"
    assert office.end_of(id_) == "account-reopened"
    assert await states(office) == {"active": 3}
    assert await claim_state(office) == await claim_state(office, OTHER) == "active"
    await office.passes(2 * GRACE)
    assert await states(office) == {"active": 3}
    assert await office.request("nordwind", DeleteMailbox(address=addresses[0])) == "mailbox-deletion-scheduled"


async def test_a_domain_that_its_customer_had_given_up_before_stays_given_up(office: Three):
    await furnished(office)
    wanted = office.send("nordwind", removal())
    await office.settle()
    office.send("nordwind", CloseAccount())
    await office.settle()
    assert await office.request("nordwind", ReopenAccount()) == "account-reopened"
    assert (await claim_state(office), await claim_state(office, OTHER)) == ("removing", "active")
    await office.passes(GRACE)
    assert office.end_of(wanted) == "domain-removed"


async def test_a_removal_that_a_closure_began_and_its_customer_took_over_ends_his_request(office: Three):
    await furnished(office)
    office.send("nordwind", CloseAccount())
    await office.settle()
    office.send("nordwind", ReopenAccount())
    await office.step("billing")
    id_ = office.send("nordwind", removal(immediately=True))  # while the domains are about to be had back
    await office.settle()
    assert office.end_of(id_) == "domain-removed"
    assert (await claim_state(office), await claim_state(office, OTHER)) == ("removed", "active")


async def test_a_closure_can_come_earlier_and_then_not_be_taken_back(office: Three):
    await office.mailboxes("nordwind", MINE, 120)
    first = office.send("nordwind", CloseAccount())
    await office.settle()
    second = office.send("nordwind", CloseAccount(immediately=True))
    await office.some(4)
    third = office.send("nordwind", ReopenAccount())
    await office.settle()
    await office.passes(timedelta(minutes=1))
    ends = [office.end_of(id_) for id_ in (first, second, third)]
    assert ends == ["account-closed", "account-closed", "closure_under_way"]


async def test_a_closed_account_opens_again_for_its_customer_only_and_empty(office: Three):
    await furnished(office)
    office.send("nordwind", CloseAccount(immediately=True))
    await office.settle()
    await office.passes(timedelta(minutes=1))
    another = OpenAccount(package="gold", company="Anders GmbH", email="anders@example.de")
    assert await office.request("nordwind", another) == "account_closed"
    assert await office.request("nordwind", ReopenAccount()) == "account-reopened"
    assert office.facts("account-reopened")[-1]["was_closed"]
    assert await office.request("nordwind", ClaimDomain(domain=MINE, password_hash=HASH)) == "domain-claimed"
    assert await used(office) == {}


async def test_a_closed_account_is_charged_up_to_its_day_and_never_again(office: Three):
    await office.mailboxes("nordwind", MINE, 2)
    office.send("nordwind", CloseAccount(on=date(2027, 3, 15)))
    await office.settle()
    await office.passes(timedelta(days=20))  # the workers were away for a while
    assert office.facts("account-closed")[0]["account"]["state"] == "closed"
    async with office.pool.acquire() as connection:
        revision = (await read_revisions(connection, ["nordwind"]))["nordwind"]
        march, april = [
            await read_charges(connection, "nordwind", month(period), HOUSE.prices, revision)
            for period in ("2027-03", "2027-04")
        ]
    days = {item.sku: (item.start.day, item.end.day, charged.quantity) for item, charged in march.items()}
    assert days == {"package.platinum": (1, 15, 1), "plan.mail": (1, 15, 2)}
    assert april == {}


# --- names that pass on ---------------------------------------------------------------------------------------------


@pytest.fixture
async def contested(office: Three) -> Three:
    """Another account has proven a domain under which its holder has mailboxes."""
    await office.mailboxes("nordwind", MINE, 3)
    await office.account("suedwind")
    await office.active("suedwind", MINE)
    assert office.facts("transfer-opened", "suedwind")
    return office


async def holders(office: Three) -> dict[str, str]:
    rows = await office.pool.fetch("SELECT account, state FROM domain.claim WHERE domain = $1", MINE)
    return {row["account"]: row["state"] for row in rows}


async def test_a_name_passes_on_only_without_its_holders_mailboxes(contested: Three):
    decision = DecideTransfer(domain=MINE, to="claimant")
    assert await contested.request("nordwind", decision) == "domain_has_mailboxes"
    assert await holders(contested) == {"nordwind": "active", "suedwind": "contested"}
    with_all = DecideTransfer(domain=MINE, to="claimant", with_mailboxes=True)
    id_ = contested.send("nordwind", with_all)
    await contested.settle()
    assert contested.end_of(id_) == "waits"
    assert await contested.request("nordwind", KeepDomain(domain=MINE)) == "domain_given_away"
    assert await contested.request("nordwind", removal(immediately=True)) == "domain_given_away"
    await contested.passes(GRACE)
    assert contested.end_of(id_) == "transfer-decided"
    await contested.active("suedwind", MINE)
    assert await holders(contested) == {"nordwind": "removed", "suedwind": "active"}
    assert not await contested.pool.fetchval("SELECT count(*) FROM mailbox.address WHERE account = 'nordwind'")
    assert await contested.request("suedwind", new_mailbox(f"m000@{MINE}")) == "address_quarantined"
    assert await contested.request("suedwind", new_mailbox(f"neu@{MINE}")) == "mailbox-created"


async def test_a_holder_consents_with_all_that_he_has(contested: Three):
    consent = AnswerTransfer(domain=MINE, consent=True, with_mailboxes=True, immediately=True)
    assert await contested.request("nordwind", consent) == "transfer-answered"
    assert await holders(contested) == {"nordwind": "removed", "suedwind": "contested"}
    assert await used(contested) == {}


async def test_what_was_on_its_way_when_a_name_passed_on_is_refused(contested: Three):
    late = contested.send("nordwind", new_mailbox(f"spaet@{MINE}"))
    await contested.step("domain")  # the gate has let it pass
    consent = AnswerTransfer(domain=MINE, consent=True, with_mailboxes=True, immediately=True)
    id_ = contested.send("nordwind", consent)
    await contested.step("domain")
    while contested.queues["mailbox"] or contested.end_of(id_) == "waits":  # billing is slow
        await contested.step("mailbox")
        await contested.step("domain")
    await contested.active("suedwind", MINE)
    assert contested.end_of(late) == "domain_not_active"
    assert await used(contested) == {}
