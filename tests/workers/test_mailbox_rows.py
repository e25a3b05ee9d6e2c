"""Mailbox handlers and store on a real PostgreSQL, beside a model that keeps the rules the long way.

Requests of two accounts over the same few addresses are gathered into batches of any size; each must end as the model
says, and afterwards the rows must be the model's: an address is owned once, counters are the rows, features are exact.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import product
from random import Random
from typing import Any
from uuid import UUID, uuid5

import asyncpg
import pytest
from pydantic import BaseModel

from contracts import billing_v1 as billing
from contracts import domain_v1 as domain
from contracts import mailbox_v1 as mailbox
from contracts.ids import uuid7
from contracts.messages import REGISTRY
from contracts.values import domain_of
from services.chassis.book import Book
from services.chassis.fates import Done, Fate, Refused
from services.chassis.migrations import migrate
from services.chassis.received import Received
from services.chassis.service import Moment
from services.mailbox.app import service

BEGIN = datetime(2027, 3, 1, 12, tzinfo=UTC)
HASH = "{BLF-CRYPT}$2b$12$" + "x" * 53
ACCOUNTS = ("nordwind", "suedwind")
DOMAINS = ("a.example", "b.example")
ADDRESSES = ("anna@a.example", "bela@a.example", "anna@b.example")
ALIASES = ("ann@a.example", "ann@b.example", "anna@b.example")
GROUPS = ("board", "sales")
TERMS = {
    "mail": billing.PlanTerms(
        plan="mail", price_cents=100, mail_bytes=1, cloud_bytes=0, groupware=False, catalogue="2027-01"
    ),
    "office": billing.PlanTerms(
        plan="office", price_cents=450, mail_bytes=25, cloud_bytes=25, groupware=True, catalogue="2027-01"
    ),
}


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[Any]:
    """A connection in a transaction that is rolled back: every test begins with empty tables."""
    connection = await asyncpg.connect(database_url)
    await migrate(connection, "mailbox")
    begun = connection.transaction()
    await begun.start()
    yield connection
    await begun.rollback()
    await connection.close()


# --- the handlers, without a bus --------------------------------------------------------------------------------


def received(account: str, model: BaseModel, channel: str = "bus") -> Received[Any]:
    id_, type_ = uuid7(), REGISTRY.of(type(model)).type
    return Received(id=id_, request_id=id_, account=account, type=type_, channel=channel, time=BEGIN, data=model)


async def handle(connection: Any, messages: list[Received[Any]], now: datetime) -> list[Fate]:
    """Handle messages as one batch, as the chassis does."""
    handlers = [service.messages["cmd", message.type] for message in messages]
    wanted = [each for handler, message in zip(handlers, messages, strict=True) for each in handler.keys(message)]
    fates: list[Fate] = []
    async with connection.transaction():
        book = Book()
        await book.load(connection, service.tables, wanted)
        for handler, message in zip(handlers, messages, strict=True):
            fates.append(handler.decide(message, book, Moment(now)))
            book.keep()
        await book.save(connection, service.tables)
    return fates


def reservation(now: datetime) -> billing.Reservation:
    return billing.Reservation(holders=("x",), expires_at=now + timedelta(days=1000))


# --- the model --------------------------------------------------------------------------------------------------


@dataclass
class Box:
    account: str
    plan: str
    state: str = "active"
    aliases: set[str] = field(default_factory=set)
    forwardings: set[str] = field(default_factory=set)
    own: tuple[str, ...] | None = None


@dataclass
class Model:
    """What should be, in plain words. `apply` returns the codes of the refusal, or none."""

    boxes: dict[str, Box] = field(default_factory=dict)
    features: dict[tuple[str, str], tuple[str, ...] | None] = field(default_factory=dict)
    released: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    groups: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    claims: Counter[tuple[str, str]] = field(default_factory=Counter)
    removed: set[UUID] = field(default_factory=set)

    def id_of(self, account: str, name: str) -> UUID:
        return uuid5(UUID(int=self.claims[account, name]), f"{account}/{name}")

    def claim_anew(self) -> None:
        for account, name in product(ACCOUNTS, DOMAINS):
            self.claims[account, name] += self.id_of(account, name) in self.removed

    def live(self) -> dict[str, Box]:
        return {address: box for address, box in self.boxes.items() if box.state != "deleted"}

    def owners(self) -> dict[str, str]:
        live = self.live()
        return {a: a for a in live} | {alias: a for a, box in live.items() for alias in box.aliases}

    def tally(self, account: str, name: str) -> tuple[int, int, int]:
        mine = {address: box for address, box in self.live().items() if box.account == account}
        boxes = [box for address, box in mine.items() if domain_of(address) == name]
        aliases = [alias for box in mine.values() for alias in box.aliases if domain_of(alias) == name]
        return len(boxes), len(aliases), sum(box.own is not None for box in boxes)

    def apply(self, account: str, request: BaseModel, now: datetime) -> list[str]:
        return getattr(self, type(request).__name__)(account, request, now)

    def ReservedMailbox(self, account: str, order: Any, now: datetime) -> list[str]:
        address = order.request.address
        key = (account, domain_of(address))
        codes = ["domain_not_active"] if order.domain_id in self.removed else []
        codes += self.not_free(account, address, now)
        if not codes:
            self.boxes[address] = Box(account, order.terms.plan)
            self.features.setdefault(key, None)
        return codes

    def not_free(self, account: str, address: str, now: datetime) -> list[str]:
        if address in self.owners():
            return ["address_taken"]
        last, since = self.released.get(address, ("", BEGIN))
        return ["address_quarantined"] if last not in ("", account) and now < since + timedelta(days=30) else []

    def enter(self, account: str, address: str, *states: str) -> tuple[Box | None, list[str]]:
        box = self.boxes.get(address)
        if box is None or box.account != account:
            return None, ["mailbox_unknown"]
        return (box, []) if box.state in (states or ("active", "suspended")) else (None, ["mailbox_state"])

    def ReservedAliases(self, account: str, order: Any, now: datetime) -> list[str]:
        box, codes = self.enter(account, order.request.address)
        if box is None:
            return codes
        added = [alias for alias in dict.fromkeys(order.request.aliases) if alias not in box.aliases]
        for name in sorted({domain_of(alias) for alias in added}):
            codes += ["domain_not_active"] if order.domain_ids[name] in self.removed else []
        for alias in added:
            codes += self.not_free(account, alias, now)
        codes += ["forwarding_loop" for alias in added if alias in box.forwardings]
        if not codes:
            box.aliases |= set(added)
            for alias in added:
                self.features.setdefault((account, domain_of(alias)), None)
        return codes

    def RemoveAliases(self, account: str, request: Any, now: datetime) -> list[str]:
        box, codes = self.enter(account, request.address)
        if box is None:
            return codes
        codes = ["alias_unknown" for alias in dict.fromkeys(request.aliases) if alias not in box.aliases]
        if not codes:
            box.aliases -= set(request.aliases)
            self.released |= dict.fromkeys(request.aliases, (account, now))
        return codes

    def ReservedForwardings(self, account: str, order: Any, now: datetime) -> list[str]:
        box, codes = self.enter(account, order.request.address)
        if box is None:
            return codes
        own = {order.request.address, *box.aliases}
        codes = ["forwarding_loop" for target in dict.fromkeys(order.request.targets) if target in own]
        if not codes:
            box.forwardings = set(order.request.targets)
        return codes

    def DeleteMailbox(self, account: str, request: Any, now: datetime) -> list[str]:
        box, codes = self.enter(account, request.address)
        if box is not None:
            self.released |= dict.fromkeys((request.address, *box.aliases), (account, now))
            box.state, box.aliases, box.forwardings, box.own = "deleted", set(), set(), None
            for members in self.groups.values():
                members.discard(request.address)
        return codes

    def SuspendMailbox(self, account: str, request: Any, now: datetime) -> list[str]:
        box, codes = self.enter(account, request.address, "active")
        if box is not None:
            box.state = "suspended"
        return codes

    def ReactivateMailbox(self, account: str, request: Any, now: datetime) -> list[str]:
        box, codes = self.enter(account, request.address, "suspended")
        if box is not None:
            box.state = "active"
        return codes

    def PricedPlanChange(self, account: str, order: Any, now: datetime) -> list[str]:
        box, codes = self.enter(account, order.request.address)
        if box is None:
            return codes
        if box.plan == order.terms.plan:
            return ["plan_unchanged"]
        member_of = [name for name, members in self.groups.items() if order.request.address in members]
        if order.terms.plan == "mail" and member_of:
            return ["plan_needed_by_group"] * len(member_of)
        box.plan = order.terms.plan
        return []

    def SetMailboxFeatures(self, account: str, request: Any, now: datetime) -> list[str]:
        entered = [(address, *self.enter(account, address)) for address in dict.fromkeys(request.addresses)]
        for _, box, _ in entered:
            if box is not None:
                box.own = request.features
        return [] if any(box for _, box, _ in entered) else [code for _, _, codes in entered for code in codes]

    def AdmittedDomainFeatures(self, account: str, order: Any, now: datetime) -> list[str]:
        (target,) = order.admitted
        if target.domain_id in self.removed:
            return ["domain_not_active"]
        self.features[account, target.domain] = order.request.features
        if not order.request.keep_mailbox_settings:
            for address, box in self.boxes.items():
                if box.account == account and domain_of(address) == target.domain:
                    box.own = None
        return []

    def DomainRemoval(self, account: str, order: Any, now: datetime) -> list[str]:
        name = order.request.domain
        if self.tally(account, name)[:2] == (0, 0):
            self.removed.add(order.domain_id)
            self.features.pop((account, name), None)
        return []

    def ReservedGroup(self, account: str, order: Any, now: datetime) -> list[str]:
        name, members = order.request.name, order.request.members
        codes = ["group_exists"] if (account, name) in self.groups else []
        return self.join(account, name, members, codes)

    def SetGroupMembers(self, account: str, request: Any, now: datetime) -> list[str]:
        codes = [] if (account, request.name) in self.groups else ["group_unknown"]
        return self.join(account, request.name, request.members, codes)

    def DeleteGroup(self, account: str, request: Any, now: datetime) -> list[str]:
        return [] if self.groups.pop((account, request.name), None) is not None else ["group_unknown"]

    def join(self, account: str, name: str, members: tuple[str, ...], codes: list[str]) -> list[str]:
        for member in dict.fromkeys(members):
            box = self.live().get(member)
            if box is None or box.account != account:
                codes.append("member_unknown")
            elif box.plan == "mail":
                codes.append("member_without_groupware")
        if not codes:
            self.groups[account, name] = set(members)
        return codes


# --- requests ---------------------------------------------------------------------------------------------------

Build = Callable[[Model, datetime], tuple[str, BaseModel]]


def any_request(dice: Random) -> Build:
    """Return a request of any kind; most are one account's, or nearly all would be about foreign mailboxes."""
    account = dice.choice((ACCOUNTS[0], ACCOUNTS[0], ACCOUNTS[0], ACCOUNTS[1]))
    address, name, group = dice.choice(ADDRESSES), dice.choice(DOMAINS), dice.choice(GROUPS)
    several = tuple(dice.choices(ADDRESSES, k=dice.randint(1, 3)))
    aliases = tuple(dice.choices(ALIASES, k=dice.randint(1, 2)))
    targets = tuple(dice.choices(ADDRESSES + ALIASES, k=dice.randint(0, 1)))
    on, plan = dice.choice(((), ("backup",), ("backup", "blacklist"))), dice.choice(("mail", "office", "office"))
    plain: tuple[BaseModel, ...] = (
        mailbox.RemoveAliases(address=address, aliases=aliases[:1]),
        mailbox.DeleteMailbox(address=address),
        mailbox.SuspendMailbox(address=address),
        mailbox.ReactivateMailbox(address=address),
        mailbox.SetMailboxFeatures(addresses=several, features=dice.choice((None, on, on, on))),
        mailbox.SetMailboxFeatures(addresses=(address,), features=on),
        mailbox.SetGroupMembers(name=group, members=several),
        mailbox.DeleteGroup(name=group),
    )
    kinds = (
        *(as_it_is(account, request) for request in plain),
        *[create(account, address, plan)] * 3,
        *[add_aliases(account, address, aliases)] * 2,
        set_forwardings(account, address, targets),
        change_plan(account, address, plan),
        set_domain_features(account, name, on, keep=dice.random() < 0.5),
        remove_domain(account, name),
        create_group(account, group, several[:1]),
    )
    return dice.choice(kinds)


def as_it_is(account: str, request: BaseModel) -> Build:
    return lambda model, now: (account, request)


def create(account: str, address: str, plan: str) -> Build:
    request = mailbox.CreateMailbox(address=address, first_name="A", last_name="B", plan=plan, password_hash=HASH)

    def build(model: Model, now: datetime) -> tuple[str, BaseModel]:
        id_ = model.id_of(account, domain_of(address))
        order = billing.ReservedMailbox(request=request, domain_id=id_, terms=TERMS[plan], reservation=reservation(now))
        return account, order

    return build


def add_aliases(account: str, address: str, aliases: tuple[str, ...]) -> Build:
    request = mailbox.AddAliases(address=address, aliases=aliases)

    def build(model: Model, now: datetime) -> tuple[str, BaseModel]:
        ids = {name: model.id_of(account, name) for name in DOMAINS}
        return account, billing.ReservedAliases(request=request, domain_ids=ids, reservation=reservation(now))

    return build


def set_forwardings(account: str, address: str, targets: tuple[str, ...]) -> Build:
    request = mailbox.SetForwardings(address=address, targets=targets, keep_copy=False)
    return lambda model, now: (
        account, billing.ReservedForwardings(request=request, reservation=reservation(now))
    )  # fmt: skip


def change_plan(account: str, address: str, plan: str) -> Build:
    request = mailbox.ChangePlan(address=address, plan=plan)
    return lambda model, now: (
        account, billing.PricedPlanChange(request=request, terms=TERMS[plan], reservation=reservation(now))
    )  # fmt: skip


def set_domain_features(account: str, name: str, on: tuple[Any, ...], keep: bool) -> Build:
    request = domain.SetDomainFeatures(domains=(name,), features=on, keep_mailbox_settings=keep)

    def build(model: Model, now: datetime) -> tuple[str, BaseModel]:
        target = domain.DomainTarget(domain=name, domain_id=model.id_of(account, name))
        return account, domain.AdmittedDomainFeatures(request=request, admitted=(target,), refused=())

    return build


def remove_domain(account: str, name: str) -> Build:
    request = domain.RemoveDomain(domain=name)
    return lambda model, now: (
        account, domain.DomainRemoval(request=request, domain_id=model.id_of(account, name))
    )  # fmt: skip


def create_group(account: str, name: str, members: tuple[str, ...]) -> Build:
    request = mailbox.CreateGroup(name=name, members=members)
    return lambda model, now: (account, billing.ReservedGroup(request=request, reservation=reservation(now)))


# --- batches beside the model -----------------------------------------------------------------------------------

BATCHES, LARGEST_BATCH = 25, 16


@pytest.mark.parametrize("seed", range(30))
async def test_batches_of_any_shape_end_as_the_model_says(connection: Any, seed: int) -> None:
    dice, model, now = Random(seed), Model(), BEGIN
    for _ in range(BATCHES):
        now += timedelta(days=dice.choice((0, 0, 1, 29, 31)), seconds=1)
        model.claim_anew()
        orders = [any_request(dice)(model, now) for _ in range(dice.randint(1, LARGEST_BATCH))]
        expected = [model.apply(account, order, now) for account, order in orders]
        fates = await handle(connection, [received(account, order) for account, order in orders], now)
        assert [codes_of(fate) for fate in fates] == expected
        await compare(connection, model)


async def compare(connection: Any, model: Model) -> None:
    """Compare every row with the model."""
    rows = await connection.fetch("SELECT * FROM mailbox.mailbox")
    found = {
        r["address"]: (r["account"], r["plan"], r["state"], set(r["aliases"]), set(r["forwardings"])) for r in rows
    }
    assert found == {
        address: (box.account, box.plan, box.state, box.aliases, box.forwardings)
        for address, box in model.boxes.items()
    }
    owned = await connection.fetch("SELECT address, mailbox FROM mailbox.address")
    assert dict(map(tuple, owned)) == model.owners()
    groups = await connection.fetch("SELECT account, name, members FROM mailbox.mail_group")
    assert {(r["account"], r["name"]): set(r["members"]) for r in groups} == model.groups
    for r in await connection.fetch("SELECT * FROM mailbox.domain"):
        counted = (r["mailboxes"], r["aliases"], r["own_settings"])
        assert counted == model.tally(r["account"], r["domain"]), (r["account"], r["domain"])
    for account in ACCOUNTS:
        await compare_features(connection, model, account)


async def compare_features(connection: Any, model: Model, account: str) -> None:
    """Compare what the query shows with the model, mailbox by mailbox."""
    _, answer = service.queries["features"]
    live = [address for address, box in model.live().items() if box.account == account]
    shown = await answer(connection, account, mailbox.AskFeatures(addresses=tuple(live)))
    assert [target.target for target in shown.targets] == live
    for target in shown.targets:
        own, of_domain = model.boxes[target.target].own, model.features[account, domain_of(target.target)]
        inherited = ((), "default") if of_domain is None else (of_domain, "domain")
        assert (target.features.on, target.features.origin) == (inherited if own is None else (own, "mailbox"))


async def test_a_mailbox_made_and_deleted_in_one_batch_is_in_quarantine(connection: Any) -> None:
    made = create("nordwind", ADDRESSES[0], "mail")(Model(), BEGIN)
    deletion = ("nordwind", mailbox.DeleteMailbox(address=ADDRESSES[0]))
    await handle(connection, [received(*made), received(*deletion)], BEGIN)
    other = create("suedwind", ADDRESSES[0], "mail")(Model(), BEGIN)
    (refused,) = await handle(connection, [received(*other)], BEGIN + timedelta(days=29))
    assert codes_of(refused) == ["address_quarantined"]
    (done,) = await handle(connection, [received(*other)], BEGIN + timedelta(days=30))
    assert codes_of(done) == []


async def test_a_password_is_written_once_and_erased_with_its_mailbox(connection: Any) -> None:
    async def stored() -> str | None:
        return await connection.fetchval("SELECT password_hash FROM mailbox.mailbox")

    await handle(connection, [received(*create("nordwind", ADDRESSES[0], "mail")(Model(), BEGIN))], BEGIN)
    assert await stored() == HASH
    rename = mailbox.RenamePerson(address=ADDRESSES[0], first_name="Anna", last_name="Berg")
    await handle(connection, [received("nordwind", rename)], BEGIN)
    assert await stored() == HASH
    other_hash = HASH.replace("x", "y")
    change = mailbox.SetMailboxPassword(address=ADDRESSES[0], password_hash=other_hash)
    await handle(connection, [received("nordwind", change), received("nordwind", rename)], BEGIN)
    assert await stored() == other_hash
    await handle(connection, [received("nordwind", mailbox.DeleteMailbox(address=ADDRESSES[0]))], BEGIN)
    assert await stored() is None


async def test_a_batch_of_new_mailboxes_costs_six_statements_whatever_its_size(connection: Any) -> None:
    orders = [create("nordwind", f"m{number}@a.example", "mail")(Model(), BEGIN) for number in range(200)]
    await handle(connection, [received(*orders[0])], BEGIN)
    statements: list[str] = []
    connection.add_query_logger(lambda query: statements.append(query.query))
    await handle(connection, [received(*order) for order in orders[1:]], BEGIN)
    assert sum("mailbox." in statement for statement in statements) == 6
    assert await connection.fetchval("SELECT mailboxes FROM mailbox.domain") == 200


def codes_of(fate: Fate) -> list[str]:
    if isinstance(fate, Refused):
        return [finding.code for finding in fate.refusal.findings]
    assert isinstance(fate, Done)
    return []
