"""The mailbox worker on the real bus and database: orders in, facts, refusals and answers out."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4, uuid5

import pytest
import pytest_asyncio

from contracts import billing_v1 as billing
from contracts import domain_v1 as domain
from contracts import mailbox_v1 as mailbox
from contracts.ids import uuid7
from contracts.refusals import refuse
from contracts.values import domain_of
from services.mailbox.app import service

HASH = "{BLF-CRYPT}$2b$12$" + "S" * 53
OFFICE = billing.PlanTerms(
    plan="office", price_cents=450, mail_bytes=25 * 10**9, cloud_bytes=25 * 10**9, groupware=True, catalogue="2027-01"
)
MAIL = billing.PlanTerms(
    plan="mail", price_cents=100, mail_bytes=10**9, cloud_bytes=0, groupware=False, catalogue="2027-01"
)


@pytest_asyncio.fixture(scope="module", autouse=True)
async def worker(bus: Any) -> Any:
    """One mailbox worker for the module."""
    return await bus.start(service)


@pytest.fixture
def account() -> str:
    """An account of the test's own."""
    return f"t{uuid4().hex[:10]}"


def reserved(*holders: str, seconds: float = 600) -> billing.Reservation:
    return billing.Reservation(holders=holders, expires_at=datetime.now(UTC) + timedelta(seconds=seconds))


def domain_id(account: str, name: str) -> UUID:
    return uuid5(UUID(int=0), f"{account}/{name}")


def new_mailbox(account: str, address: str, terms: billing.PlanTerms = OFFICE, **changes: Any) -> Any:
    request = mailbox.CreateMailbox(
        address=address, first_name="Anna", last_name="Berg", plan=terms.plan, password_hash=HASH
    )
    return billing.ReservedMailbox(
        request=request,
        domain_id=domain_id(account, domain_of(address)),
        terms=terms,
        reservation=changes.get("reservation") or reserved(f"mailbox/{address}"),
    )


async def made(bus: Any, account: str, *addresses: str, terms: billing.PlanTerms = OFFICE) -> None:
    ids = [await bus.send(account, new_mailbox(account, address, terms)) for address in addresses]
    for id_ in ids:
        assert (await bus.answer(account, id_)).type == "mailbox.mailbox-created.v1"


async def test_a_reserved_mailbox_is_made_and_shown(bus: Any, account: str) -> None:
    address = f"anna@{account}.example"
    answer = await bus.request(account, new_mailbox(account, address))
    assert answer.type == "mailbox.mailbox-created.v1"
    view = answer.data.mailbox
    assert (view.address, view.state, view.plan, view.price_cents, view.revision) == (
        address,
        "active",
        "office",
        450,
        1,
    )
    assert answer.revision == 1
    asked = await bus.ask(account, mailbox.AskMailbox(address=address))
    assert asked.mailbox == view
    stranger = await bus.ask("stranger", mailbox.AskMailbox(address=address))
    assert stranger.mailbox is None


async def test_no_event_and_no_answer_carries_a_password_hash(bus: Any, account: str) -> None:
    address = f"anna@{account}.example"
    await made(bus, account, address)
    await bus.request(account, mailbox.SetMailboxPassword(address=address, password_hash=HASH))
    asked = await bus.ask(account, mailbox.AskMailbox(address=address))
    for envelope in await bus.events(f"evt.{account}.>"):
        assert "CRYPT" not in envelope.model_dump_json()
    assert "CRYPT" not in asked.model_dump_json()


async def test_a_hash_that_costs_too_little_is_refused_and_not_told(bus: Any, account: str) -> None:
    address, weak = f"anna@{account}.example", "{BLF-CRYPT}$2b$04$" + "W" * 53
    order = new_mailbox(account, address)
    order = order.model_copy(update={"request": order.request.model_copy(update={"password_hash": weak})})
    refused = await bus.request(account, order)
    assert refused.data.refusal.code == "password_hash_too_weak"
    assert refused.data.reservation == (f"mailbox/{address}",)
    await made(bus, account, address)
    refused = await bus.request(account, mailbox.SetMailboxPassword(address=address, password_hash=weak))
    assert refused.data.refusal.findings[0].details == {"scheme": "BLF-CRYPT", "minimum": "cost=10"}
    for envelope in await bus.events(f"evt.{account}.>"):
        assert "WWWW" not in envelope.model_dump_json()


async def test_a_refusal_gives_the_reservation_back(bus: Any, account: str) -> None:
    address = f"anna@{account}.example"
    await made(bus, account, address)
    answer = await bus.request(account, new_mailbox(account, address))
    assert answer.type == "mailbox.request-refused.v1"
    assert answer.data.refusal.code == "address_taken"
    assert answer.data.reservation == (f"mailbox/{address}",)
    assert answer.data.request_type == "domain.create-mailbox.v1"


async def test_an_expired_reservation_makes_nothing(bus: Any, account: str) -> None:
    address = f"late@{account}.example"
    late = new_mailbox(account, address, reservation=reserved(f"mailbox/{address}", seconds=-1))
    answer = await bus.request(account, late)
    assert answer.data.refusal.code == "reservation_expired"
    assert answer.data.reservation == (f"mailbox/{address}",)
    assert (await bus.ask(account, mailbox.AskMailbox(address=address))).mailbox is None


async def test_of_many_accounts_that_want_one_address_at_once_one_gets_it(bus: Any, account: str) -> None:
    address = f"anna@{account}.example"
    rivals = [f"{account}-{number}" for number in range(12)]
    ids = await asyncio.gather(*(bus.send(rival, new_mailbox(rival, address)) for rival in rivals))
    answers = [await bus.answer(rival, id_) for rival, id_ in zip(rivals, ids, strict=True)]
    types = sorted(answer.type for answer in answers)
    assert types == ["mailbox.mailbox-created.v1"] + ["mailbox.request-refused.v1"] * 11
    refused = [answer.data.refusal for answer in answers if answer.type == "mailbox.request-refused.v1"]
    assert {refusal.code for refusal in refused} == {"address_taken"}
    rows = await bus.fetch("SELECT account FROM mailbox.address WHERE address = $1", address)
    assert len(rows) == 1


async def test_the_same_order_again_makes_nothing_twice(bus: Any, account: str) -> None:
    address, id_ = f"anna@{account}.example", uuid7()
    order = new_mailbox(account, address)
    await bus.request(account, order, id=id_)
    await bus.request(account, order, id=id_)
    await bus.request(account, mailbox.SuspendMailbox(address=address))
    events = [envelope.type for envelope in await bus.events(f"evt.{account}.>")]
    assert events == ["mailbox.mailbox-created.v1", "mailbox.mailbox-suspended.v1"]


async def test_aliases_are_added_all_or_none_and_each_obstacle_is_named(bus: Any, account: str) -> None:
    anna, bela, free = (f"{name}@{account}.example" for name in ("anna", "bela", "free"))
    await made(bus, account, anna, bela)

    def order(*aliases: str) -> billing.ReservedAliases:
        ids = {domain_of(alias): domain_id(account, domain_of(alias)) for alias in aliases}
        request = mailbox.AddAliases(address=anna, aliases=aliases)
        return billing.ReservedAliases(request=request, domain_ids=ids, reservation=reserved("alias/x"))

    refused = await bus.request(account, order(free, bela, anna))
    assert [finding.details["address"] for finding in refused.data.refusal.findings] == [bela, anna]
    assert refused.data.reservation == ("alias/x",)
    added = await bus.request(account, order(free))
    assert added.data.mailbox.aliases == (free,)
    again = await bus.request(account, order(free))
    assert (again.data.mailbox.aliases, again.data.mailbox.revision) == ((free,), 3)
    removed = await bus.request(account, mailbox.RemoveAliases(address=anna, aliases=(free,)))
    assert (removed.type, removed.data.mailbox.aliases) == ("mailbox.aliases-changed.v1", ())


async def test_features_answer_for_each_target(bus: Any, account: str) -> None:
    anna, bela, nobody = (f"{name}@{account}.example" for name in ("anna", "bela", "nobody"))
    await made(bus, account, anna, bela)
    request = mailbox.SetMailboxFeatures(addresses=(anna, nobody), features=("backup",))
    answer = await bus.request(account, request)
    assert answer.data.requested == ("backup",)
    first, second = answer.data.targets
    assert (first.target, first.features.on, first.features.origin) == (anna, ("backup",), "mailbox")
    assert (second.target, second.refusal.code) == (nobody, "mailbox_unknown")
    name, id_ = domain_of(anna), domain_id(account, domain_of(anna))
    order = domain.AdmittedDomainFeatures(
        request=domain.SetDomainFeatures(domains=("other.example", name), features=("blacklist",)),
        admitted=(domain.DomainTarget(domain=name, domain_id=id_),),
        refused=(
            domain.TargetResult(target="other.example", refusal=refuse("domain_unknown", domain="other.example")),
        ),
    )
    answer = await bus.request(account, order)
    assert [(t.target, t.mailboxes) for t in answer.data.targets] == [("other.example", None), (name, 2)]
    assert answer.data.targets[0].refusal.code == "domain_unknown"
    shown = await bus.ask(account, mailbox.AskFeatures(domains=(name,), addresses=(anna, bela, nobody)))
    assert [(t.features.on, t.features.origin) if t.features else t.refusal.code for t in shown.targets] == [
        (("blacklist",), "domain"),
        (("blacklist",), "domain"),
        (("blacklist",), "domain"),
        "mailbox_unknown",
    ]


async def test_an_answer_that_no_message_could_carry_is_refused_and_changes_nothing(bus: Any, account: str) -> None:
    address = f"anna@{account}.example"
    await made(bus, account, address)
    strangers = [f"{'x' * 40}{number}@{'y' * 40}.example" for number in range(999)]
    request = mailbox.SetMailboxFeatures(addresses=(address, *strangers), features=("backup",))
    answer = await bus.request(account, request)
    assert answer.data.refusal.code == "too_many_targets"
    request = mailbox.SetMailboxFeatures(addresses=strangers, features=("backup",))
    answer = await bus.request(account, request)
    assert answer.data.refusal.findings[-1].code == "more_findings"
    assert (await bus.ask(account, mailbox.AskMailbox(address=address))).mailbox.features.on == ()


async def test_a_domain_is_vacated_only_when_nothing_stands_under_it(bus: Any, account: str) -> None:
    address = f"anna@{account}.example"
    name, id_ = domain_of(address), domain_id(account, domain_of(address))
    await made(bus, account, address)
    removal = domain.DomainRemoval(request=domain.RemoveDomain(domain=name), domain_id=id_)
    await bus.send(account, removal)
    await bus.request(account, mailbox.DeleteMailbox(address=address, immediately=True))
    await bus.send(account, removal)
    answer = await bus.request(account, new_mailbox(account, f"late@{name}"))
    assert answer.data.refusal.code == "domain_not_active"
    events = {envelope.type: envelope.data for envelope in await bus.events(f"evt.{account}.>")}
    occupied, vacated = events["mailbox.domain-occupied.v1"], events["mailbox.domain-vacated.v1"]
    assert (occupied.domain, occupied.domain_id, occupied.mailboxes, occupied.aliases) == (name, id_, 1, 0)
    assert (vacated.domain, vacated.domain_id) == (name, id_)


async def test_a_deleted_mailbox_leaves_its_groups(bus: Any, account: str) -> None:
    anna, bela = (f"{name}@{account}.example" for name in ("anna", "bela"))
    await made(bus, account, anna, bela)
    request = mailbox.CreateGroup(name="Vorstand", members=(bela, anna))
    created = await bus.request(account, billing.ReservedGroup(request=request, reservation=reserved("group/x")))
    assert created.data.group.members == (anna, bela)
    plan = billing.PricedPlanChange(
        request=mailbox.ChangePlan(address=anna, plan="mail"), terms=MAIL, reservation=reserved(f"mailbox/{anna}")
    )
    assert (await bus.request(account, plan)).data.refusal.code == "plan_needed_by_group"
    request_id = await bus.send(account, mailbox.DeleteMailbox(address=anna, immediately=True))
    deleted = await bus.answer(account, request_id)
    assert (deleted.type, deleted.data.mailbox.state) == ("mailbox.mailbox-deleted.v1", "deleted")
    groups = await bus.ask(account, mailbox.AskGroups())
    assert [(group.name, group.members) for group in groups.groups] == [("Vorstand", (bela,))]
    assert "mailbox.group-members-set.v1" in {envelope.type for envelope in await bus.events(f"evt.{account}.>")}
    # The group's fact follows from the deletion; what ends the request is the deletion alone (R40).
    [noted] = await bus.fetch("SELECT outcome FROM mailbox.inbox WHERE request_id = $1", request_id)
    assert noted["outcome"] == "mailbox.mailbox-deleted.v1"


async def test_pages_hold_every_living_mailbox_once(bus: Any, account: str) -> None:
    addresses = [f"m{number}@{on}.{account}.example" for number in range(5) for on in ("a", "b")]
    await made(bus, account, *addresses, terms=MAIL)
    await bus.request(account, mailbox.DeleteMailbox(address=addresses[0], immediately=True))
    expected = sorted(addresses[1:])
    found, after = [], ""
    while after is not None:
        page = await bus.ask(account, mailbox.AskMailboxes(after=after, limit=4))
        found += [view.address for view in page.mailboxes]
        after = page.next
    assert found == expected
    page = await bus.ask(account, mailbox.AskMailboxes(domain=f"b.{account}.example"))
    assert [view.address for view in page.mailboxes] == [a for a in expected if domain_of(a).startswith("b.")]
    assert page.next is None


async def test_a_reseller_is_not_managed_on_the_console(bus: Any, eventually: Any, account: str) -> None:
    address = f"anna@{account}.example"
    await made(bus, account, address)

    def standing(revision: int, self_service: bool) -> billing.AccountUpdated:
        view = billing.AccountView(
            account=account, state="active", package="gold" if self_service else "reseller", package_price_cents=0,
            self_service=self_service, master_data=billing.MasterData(company="X", email="x@y.example"),
            capacities=(), opened_at=datetime.now(UTC), revision=revision,
        )  # fmt: skip
        return billing.AccountUpdated(account=view)

    async def known() -> Any:
        return await bus.fetch("SELECT 1 FROM mailbox.account WHERE account_id = $1 AND revision = 3", account)

    await bus.send(account, standing(3, self_service=False))
    await bus.send(account, standing(2, self_service=True))
    await eventually(known)
    rename = mailbox.RenamePerson(address=address, first_name="Anna", last_name="Adler")
    refused = await bus.request(account, rename, channel="console")
    assert refused.data.refusal.code == "reseller_api_only"
    renamed = await bus.request(account, rename, channel="api")
    assert renamed.data.mailbox.last_name == "Adler"
    [row] = await bus.fetch("SELECT revision, self_service FROM mailbox.account WHERE account_id = $1", account)
    assert tuple(row) == (3, False)


async def test_blocked_senders_are_added_and_taken_off_for_their_holder_alone(bus: Any, account: str) -> None:
    address, neighbour = f"anna@{account}.example", f"bernd@{account}.example"
    await made(bus, account, address, neighbour)
    senders = ("Pest@spam.example", "@werbung.example")
    blocked = await bus.request(account, mailbox.BlockSenders(address=address, senders=senders))
    assert blocked.type == "mailbox.blocked-senders-changed.v1"
    assert set(blocked.data.mailbox.blocked_senders) == {"pest@spam.example", "@werbung.example"}
    other = await bus.ask(account, mailbox.AskMailbox(address=neighbour))
    assert other.mailbox.blocked_senders == ()
    freed = await bus.request(account, mailbox.UnblockSenders(address=address, senders=("@werbung.example",)))
    assert freed.data.mailbox.blocked_senders == ("pest@spam.example",)
    gone = await bus.request(account, mailbox.SuspendMailbox(address=address))
    assert gone.data.mailbox.state == "suspended"
    back = await bus.request(account, mailbox.ReactivateMailbox(address=address))
    assert (back.data.mailbox.state, back.data.mailbox.blocked_senders) == ("active", ("pest@spam.example",))
