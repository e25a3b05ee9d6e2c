"""No oversell, in any interleaving: orders, facts, refusals, expiry, package changes, late and repeated facts (R5).

The machine drives the handlers with a mailbox worker that does what its contract says: it takes the orders of an
account in order, does or refuses them, never after their time, and its facts arrive in any order and more than once.
After every step the caps hold, the counters are the sums over the holdings, and they are what a reader of the stated
facts has; as long as no fact is later than the grace, they also cover what there really is.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from contracts.billing_v1 import (
    AdmittedAliases,
    AdmittedMailbox,
    AssignPackage,
    ContractTerms,
    OpenAccount,
    PricedPlanChange,
    ReservedAliases,
    ReservedForwardings,
    ReservedGroup,
    ReservedMailbox,
)
from contracts.forwarding_v1 import (
    AdmittedCatchAll,
    AdmittedForwardOnly,
    CatchAllRemoved,
    CatchAllSet,
    CatchAllView,
    ForwardOnlyDeleted,
    ForwardOnlySet,
    ForwardOnlyView,
    ReservedCatchAll,
    ReservedForwardOnly,
    SetCatchAll,
    SetForwardOnly,
)
from contracts.mailbox_v1 import (
    AddAliases,
    AliasesChanged,
    ChangePlan,
    CreateGroup,
    CreateMailbox,
    ForwardingsSet,
    GroupCreated,
    GroupDeleted,
    GroupView,
    MailboxCreated,
    MailboxDeleted,
    PlanChanged,
    SetForwardings,
)
from contracts.messages import REGISTRY
from contracts.refusals import RequestRefused, refuse
from services.billing.app import service as SERVICE
from services.billing.capacity import RESOURCES, Holding, Room, resource_of
from services.billing.handlers import HOUSE
from services.billing.ledger import Entry, Page, recounted, replayed
from services.billing.store import ACCOUNTS, HOLDINGS, ROOMS
from services.billing.store_ledger import LEDGER
from services.billing.store_plan import PARTICULARS
from services.chassis.book import Book
from services.chassis.fates import Done, Fate, HandedOver, Never, Refused, Say
from services.chassis.received import Received, Tick
from services.chassis.service import Moment
from tests.rules.billing_neighbour import ACCOUNT, Mailbox, Shelf, finish

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
HASH = "{SHA512-CRYPT}$6$salt$" + "a" * 86
ADDRESSES = [f"{name}@nordwind-segel.de" for name in "ab"]
PLANS = ["mail", "office"]
addresses = st.sampled_from(ADDRESSES)
INFO = "info@nordwind-segel.de"
domains = st.sampled_from(["nordwind-segel.de", "xn--bcher-kva.de"])
Size = tuple[int | None, int | None, int | None, dict[str, int]]
SIZES: list[Size] = [
    (None, None, None, {}),
    (2, 6, 1, {}),
    (1, 3, 1, {"office": 1}),
    (3, 10, None, {"office": 0}),
    (2, 4, 2, {"mail": 1, "office": 1}),
    (0, 0, 0, {"mail": 0}),
]
sizes = st.sampled_from(SIZES)
aliases = st.sets(st.sampled_from([f"x{n}@nordwind-segel.de" for n in range(4)]), min_size=1, max_size=2)


class Interleavings(RuleBasedStateMachine):
    """Billing in memory, and a world around it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.numbers = count(1)
        tables = (ACCOUNTS, ROOMS, HOLDINGS, LEDGER, PARTICULARS)
        self.shelves = [Shelf(table.name) for table in tables]
        self.read: dict[str, tuple[int | None, int, int]] = {}  # what a reader of the facts has
        self.read_revision = 0
        self.orders: list[tuple[UUID, Any]] = []  # on their way to mailbox
        self.facts: list[tuple[UUID, datetime, Any]] = []  # on their way to billing, in any order
        self.old_facts: list[tuple[UUID, datetime, Any]] = []  # that arrived and may arrive again
        self.mailboxes: dict[str, Mailbox] = {}
        self.forwards: dict[str, ForwardOnlyView] = {}
        self.catch_alls: set[str] = set()
        self.catch_all_revision = 0
        self.groups: set[str] = set()
        self.group_revision = 0
        self.punctual = True  # do all facts arrive within the grace?
        self.late = False  # has one been later?

    # --- billing ---------------------------------------------------------------------------------------------

    def handle(self, model: Any, request_id: UUID | None = None, *, time: datetime | None = None) -> Fate:
        id_ = UUID(int=next(self.numbers))
        message = Received(id_, request_id or id_, ACCOUNT, "", "bus", time or self.now, model)
        refused = isinstance(model, RequestRefused)
        type_ = "mailbox.request-refused.v1" if refused else REGISTRY.of(type(model)).type
        found = next(handler for (_, name), handler in SERVICE.messages.items() if name == type_)
        return self.decide(found.keys(message), lambda book: found.decide(message, book, Moment(self.now)))

    def decide(self, wanted: Iterable[Any], decide: Any) -> Fate:
        book = Book()
        finish(book.load(None, self.shelves, list(wanted)))
        fate = decide(book)
        if isinstance(fate, Never | Refused):
            assert not any(book.changed().values())
        book.keep()
        finish(book.save(None, self.shelves))
        for say in fate.says if isinstance(fate, Done | HandedOver) else ():
            self.hear(say)
        return fate

    def hear(self, say: Say) -> None:
        assert say.revision is not None
        assert say.revision > self.read_revision, "every fact about an account has a revision of its own"
        self.read_revision = say.revision
        view: Any = say.fact
        shown = view.account.capacities if hasattr(view, "account") else view.capacities
        self.read = {c.resource: (c.cap, c.confirmed, c.reserved) for c in shown}

    def request(self, model: Any, *, at_once: bool = False) -> Fate:
        id_ = UUID(int=next(self.numbers))
        fate = self.handle(model, id_)
        if isinstance(fate, HandedOver):
            self.orders.extend((id_, order.order) for order in fate.orders)
            if at_once:
                self.mailbox_works()
        return fate

    @property
    def room(self) -> Room:
        return self.shelves[1].rows[ACCOUNT]

    @property
    def holdings(self) -> dict[str, Holding]:
        return {holder: row for (_, holder), row in self.shelves[2].rows.items()}

    # --- requests --------------------------------------------------------------------------------------------

    @initialize(size=sizes, punctual=st.sampled_from([True, True, False]))
    def open(self, size: Size, punctual: bool) -> None:
        """Begin with as many settled mailboxes as fit."""
        self.punctual = punctual
        fate = self.handle(OpenAccount(package="reseller", terms=self.terms(size), company="N", email="a@b.de"))
        assert isinstance(fate, Done)
        for address in ADDRESSES:
            self.create_mailbox(address, "mail")
        self.mailbox_works()
        while self.facts:
            self.one_arrives(self.facts[0])

    @staticmethod
    def terms(size: Size) -> ContractTerms:
        mailboxes, alias_forwards, groups, plan_caps = size
        return ContractTerms(
            price_cents=1, mailboxes=mailboxes, alias_forwards=alias_forwards, groups=groups, plan_caps=plan_caps
        )

    @rule(size=sizes)
    def assign(self, size: Size) -> None:
        before = self.room
        fate = self.handle(AssignPackage(package="reseller", terms=self.terms(size)))
        mailboxes, alias_forwards, groups, plan_caps = size
        new_caps = {"mailbox": mailboxes, "alias_forward": alias_forwards, "group": groups}
        new_caps |= {f"plan.{plan}": cap for plan, cap in plan_caps.items()}
        fits = all(
            (cap := new_caps.get(name)) is None or counter.confirmed + counter.reserved <= cap
            for name, counter in before.counters.items()
        )
        assert isinstance(fate, Done) == fits

    @rule(address=addresses, plan=st.sampled_from(PLANS))
    def create_mailbox(self, address: str, plan: str) -> None:
        order = CreateMailbox(address=address, first_name="A", last_name="B", plan=plan, password_hash=HASH)
        self.request(AdmittedMailbox(request=order, domain_id=UUID(int=0)))

    @rule(address=addresses, plan=st.sampled_from(PLANS), at_once=st.booleans())
    def change_plan(self, address: str, plan: str, at_once: bool) -> None:
        seats = replace(self.room.counters["mailbox"], revision=0)
        self.request(ChangePlan(address=address, plan=plan))
        assert replace(self.room.counters["mailbox"], revision=0) == seats, "a change of plan takes no seat"
        if at_once:
            self.mailbox_works()

    @rule(address=addresses, names=aliases, at_once=st.booleans())
    def add_aliases(self, address: str, names: set[str], at_once: bool) -> None:
        order = AddAliases(address=address, aliases=tuple(names))
        self.request(AdmittedAliases(request=order, domain_ids={}), at_once=at_once)

    @rule(address=addresses, number=st.integers(0, 4), at_once=st.booleans())
    def set_forwardings(self, address: str, number: int, at_once: bool) -> None:
        targets = tuple(f"t{n}@example.org" for n in range(number))
        before = self.holdings.get(f"forwarding/{address}", Holding()).held
        fate = self.request(SetForwardings(address=address, targets=targets), at_once=at_once)
        assert isinstance(fate, HandedOver) or number > before, "replacing within what is held always succeeds"

    @rule(number=st.integers(1, 3), at_once=st.booleans())
    def set_forward_only(self, number: int, at_once: bool) -> None:
        targets = tuple(f"t{n}@example.org" for n in range(number))
        before = self.holdings.get(f"forward-only/{INFO}", Holding()).held
        order = AdmittedForwardOnly(request=SetForwardOnly(address=INFO, targets=targets), domain_id=UUID(int=0))
        fate = self.request(order, at_once=at_once)
        assert isinstance(fate, HandedOver) or number > before, "replacing within what is held always succeeds"

    @rule(domain=domains, address=addresses, at_once=st.booleans())
    def set_catch_all(self, domain: str, address: str, at_once: bool) -> None:
        held = f"catch-all/{domain}" in self.holdings and self.holdings[f"catch-all/{domain}"].held
        order = AdmittedCatchAll(request=SetCatchAll(domain=domain, mailbox=address), domain_id=UUID(int=0))
        fate = self.request(order, at_once=at_once)
        assert isinstance(fate, HandedOver) or not held, "another mailbox takes no more room"

    @rule(name=st.sampled_from(["crew", "a/b"]))
    def create_group(self, name: str) -> None:
        self.request(CreateGroup(name=name))

    # --- the mailbox worker ----------------------------------------------------------------------------------

    @precondition(lambda self: self.orders)
    @rule()
    def mailbox_works(self) -> None:
        while self.orders:
            self.take_order(willing=True)

    @precondition(lambda self: self.orders)
    @rule(willing=st.booleans())
    def mailbox_takes_an_order(self, willing: bool) -> None:
        self.take_order(willing=willing)

    def take_order(self, *, willing: bool) -> None:
        request_id, order = self.orders.pop(0)
        in_time = self.now < order.reservation.expires_at
        fact = self.act(order) if willing and in_time else None
        if fact is None:
            no = refuse("not_json")
            fact = RequestRefused(
                request_id=request_id, request_type="x.y.v1", refusal=no, reservation=order.reservation.holders
            )
        self.facts.append((request_id, self.now, fact))

    def act(self, order: Any) -> Any:
        request = order.request
        if isinstance(order, ReservedGroup):
            if request.name in self.groups:
                return None
            self.groups.add(request.name)
            return GroupCreated(group=self.group(request.name))
        if isinstance(order, ReservedForwardOnly):
            before = self.forwards.get(request.address)
            self.tick()
            made = ForwardOnlyView(
                account=ACCOUNT, address=request.address, domain="nordwind-segel.de", targets=request.targets,
                created_at=before.created_at if before else self.now, revision=before.revision + 1 if before else 1,
            )  # fmt: skip
            self.forwards[request.address] = made
            return ForwardOnlySet(forward_only=made)
        if isinstance(order, ReservedCatchAll):
            self.catch_alls.add(request.domain)
            return CatchAllSet(catch_all=self.catch_all(request.domain, request.mailbox))
        mailbox = self.mailboxes.get(request.address)
        if isinstance(order, ReservedMailbox):
            if mailbox is not None:
                return None
            self.tick()
            self.mailboxes[request.address] = made = Mailbox(request.address, request.plan, self.now)
            return MailboxCreated(mailbox=made.view())
        if mailbox is None:
            return None
        mailbox.revision += 1
        if isinstance(order, PricedPlanChange):
            previous, mailbox.plan = mailbox.plan, request.plan
            return PlanChanged(mailbox=mailbox.view(), previous_plan=previous)
        if isinstance(order, ReservedAliases):
            mailbox.aliases |= set(request.aliases)
            return AliasesChanged(mailbox=mailbox.view())
        assert isinstance(order, ReservedForwardings)
        mailbox.forwardings = request.targets
        return ForwardingsSet(mailbox=mailbox.view())

    def catch_all(self, domain: str, mailbox: str | None) -> CatchAllView:
        self.catch_all_revision += 1
        return CatchAllView(account=ACCOUNT, domain=domain, mailbox=mailbox, revision=self.catch_all_revision)

    def group(self, name: str) -> GroupView:
        self.group_revision += 1
        return GroupView(account=ACCOUNT, name=name, members=(), revision=self.group_revision)

    @precondition(lambda self: self.mailboxes)
    @rule(data=st.data())
    def mailbox_is_deleted(self, data: Any) -> None:
        mailbox = self.mailboxes.pop(data.draw(st.sampled_from(sorted(self.mailboxes))))
        mailbox.revision += 1
        self.facts.append((UUID(int=next(self.numbers)), self.now, MailboxDeleted(mailbox=mailbox.view())))

    @precondition(lambda self: any(m.aliases for m in self.mailboxes.values()))
    @rule(data=st.data())
    def aliases_are_removed(self, data: Any) -> None:
        mailbox = self.mailboxes[
            data.draw(st.sampled_from(sorted(m.address for m in self.mailboxes.values() if m.aliases)))
        ]
        mailbox.aliases.remove(data.draw(st.sampled_from(sorted(mailbox.aliases))))
        mailbox.revision += 1
        self.facts.append((UUID(int=next(self.numbers)), self.now, AliasesChanged(mailbox=mailbox.view())))

    @precondition(lambda self: self.forwards)
    @rule()
    def a_forward_only_is_given_up(self) -> None:
        view = self.forwards.pop(INFO)
        gone = view.model_copy(update={"targets": (), "deleted_at": self.now, "revision": view.revision + 1})
        self.facts.append((UUID(int=next(self.numbers)), self.now, ForwardOnlyDeleted(forward_only=gone)))

    @precondition(lambda self: self.catch_alls)
    @rule(data=st.data())
    def a_catch_all_ends(self, data: Any) -> None:
        domain = data.draw(st.sampled_from(sorted(self.catch_alls)))
        self.catch_alls.remove(domain)
        fact = CatchAllRemoved(catch_all=self.catch_all(domain, None))
        self.facts.append((UUID(int=next(self.numbers)), self.now, fact))

    @precondition(lambda self: self.groups)
    @rule(data=st.data())
    def group_is_deleted(self, data: Any) -> None:
        name = data.draw(st.sampled_from(sorted(self.groups)))
        self.groups.remove(name)
        self.facts.append((UUID(int=next(self.numbers)), self.now, GroupDeleted(group=self.group(name))))

    # --- facts arrive, time passes ---------------------------------------------------------------------------

    @precondition(lambda self: self.facts)
    @rule(data=st.data())
    def a_fact_arrives(self, data: Any) -> None:
        self.one_arrives(data.draw(st.sampled_from(self.facts)))

    @precondition(lambda self: len(self.facts) > 1)
    @rule(data=st.data())
    def all_facts_arrive(self, data: Any) -> None:
        for fact in data.draw(st.permutations(self.facts)):
            self.one_arrives(fact)

    def one_arrives(self, fact: tuple[UUID, datetime, Any]) -> None:
        self.facts.remove(fact)
        self.arrive(fact)

    def arrive(self, fact: tuple[UUID, datetime, Any]) -> None:
        request_id, time, model = fact
        fate = self.handle(model, request_id, time=time)
        assert isinstance(fate, Done) or self.late, "what is in time always fits"
        self.old_facts.append(fact)

    @precondition(lambda self: self.old_facts)
    @rule(data=st.data())
    def a_fact_arrives_again(self, data: Any) -> None:
        request_id, time, model = data.draw(st.sampled_from(self.old_facts))
        rows = dict(self.shelves[2].rows)
        fate = self.handle(model, request_id, time=time)
        assert self.late or (fate == Done() and self.shelves[2].rows == rows), "a repeated fact changes nothing"

    @rule(minutes=st.sampled_from([1, 5, 16, 61]))
    def time_passes(self, minutes: int) -> None:
        later = self.now + timedelta(minutes=minutes)
        overdue = [fact for fact in self.facts if later - fact[1] >= HOUSE.release_grace]
        for fact in overdue if self.punctual else ():
            self.one_arrives(fact)
        self.late = self.late or bool(overdue and not self.punctual)
        self.now = later

    @rule()
    def the_sweeper_comes(self) -> None:
        latest = self.now - HOUSE.release_grace
        due = list(self.shelves[2].rows)  # more than what is due: the decision looks again
        tick = Tick(UUID(int=next(self.numbers)), "", "expire-reservations", "", self.now, self.now, observation=due)
        found = SERVICE.timers["expire-reservations"]
        fate = self.decide(found.keys(tick), lambda book: found.decide(tick, book, Moment(self.now)))
        assert isinstance(fate, Done)
        assert not any(target.expires_at <= latest for row in self.holdings.values() for target in row.targets)

    def tick(self) -> None:
        self.now += timedelta(microseconds=1)

    # --- what always holds -----------------------------------------------------------------------------------

    @invariant()
    def every_entry_that_is_counted_is_known_by_name(self) -> None:
        named = {holder: len(row.things) for (_, holder), row in self.shelves[4].rows.items() if row and row.things}
        held = self.holdings if self.shelves[2].rows else {}
        counted = {holder: row.confirmed for holder, row in held.items() if row.confirmed and not row.plan}
        assert named == {holder: n for holder, n in counted.items() if not holder.startswith("group/")}

    @invariant()
    def the_caps_hold(self) -> None:
        for counter in self.room.counters.values() if self.shelves[1].rows else ():
            assert counter.confirmed >= 0
            assert counter.reserved >= 0
            assert counter.cap is None or counter.confirmed + counter.reserved <= counter.cap

    @invariant()
    def the_counters_are_the_sums_over_the_holdings(self) -> None:
        if self.shelves[1].rows:
            sums = dict.fromkeys(self.room.counters, (0, 0))
            for holder, holding in self.holdings.items():
                self.add(sums, resource_of(holder), holding.confirmed, [t.quantity for t in holding.targets])
                for plan in PLANS:
                    confirmed = holding.confirmed if holding.plan == plan else 0
                    quantities = [t.quantity for t in holding.targets if t.plan == plan]
                    self.add(sums, f"plan.{plan}", confirmed, quantities)
            counters = {name: (c.confirmed, c.reserved) for name, c in self.room.counters.items()}
            assert {name: taken for name, taken in sums.items() if any(taken) or name in counters} == counters

    @staticmethod
    def add(sums: dict[str, tuple[int, int]], name: str, confirmed: int, quantities: list[int]) -> None:
        before = sums.get(name, (0, 0))
        sums[name] = (before[0] + confirmed, before[1] + max([confirmed, *quantities]) - confirmed)

    @invariant()
    def who_reads_the_facts_has_the_same_counters(self) -> None:
        if self.shelves[1].rows:
            assert self.read_revision == self.room.revision
            assert self.read == {
                name: (c.cap, c.confirmed, c.reserved)
                for name, c in self.room.counters.items()
                if name in RESOURCES or c.cap is not None
            }

    @invariant()
    def replaying_the_ledger_gives_counters_and_holdings(self) -> None:
        if not self.shelves[1].rows:
            return
        pages: list[Page] = list(self.shelves[3].rows.values())
        entries: list[Entry] = [entry for page in pages for entry in page.entries]
        standing = max((page.standing for page in pages if page.standing), key=lambda s: s.account.revision)
        last = replayed(entries)
        assert {h: row for h, row in last.items() if not row.empty} == {
            h: row for h, row in self.holdings.items() if not row.empty
        }
        counters = {name: replace(c, revision=0) for name, c in self.room.counters.items()}
        used = {name: c for name, c in counters.items() if name in standing.caps or c.confirmed or c.reserved}
        assert recounted(last, standing.caps, 0) == used
        assert self.room.revision == max(standing.account.revision, *(e.revision for e in entries), 0)
        assert len({(e.holder, e.revision) for e in entries}) == len(entries), "no movement overwrites another"

    @invariant()
    def what_there_is_was_reserved(self) -> None:
        if self.late:
            return
        held = {holder: holding.held for holder, holding in self.holdings.items()}
        for mailbox in self.mailboxes.values():
            assert held.get(f"mailbox/{mailbox.address}", 0) >= 1
            assert held.get(f"alias/{mailbox.address}", 0) >= len(mailbox.aliases)
            assert held.get(f"forwarding/{mailbox.address}", 0) >= len(mailbox.forwardings)
        assert all(held.get(f"group/{name}", 0) >= 1 for name in self.groups)
        assert all(held.get(f"catch-all/{domain}", 0) >= 1 for domain in self.catch_alls)
        assert all(held.get(f"forward-only/{a}", 0) >= len(view.targets) for a, view in self.forwards.items())

    @invariant()
    def when_all_is_settled_the_room_is_that_of_what_there_is(self) -> None:
        if self.late or self.orders or self.facts:
            return
        found = {holder: (h.confirmed, h.plan) for holder, h in self.holdings.items() if h.held or h.targets}
        expected: dict[str, tuple[int, str | None]] = {f"group/{name}": (1, None) for name in self.groups}
        expected |= {f"catch-all/{domain}": (1, None) for domain in self.catch_alls}
        expected |= {f"forward-only/{address}": (len(view.targets), None) for address, view in self.forwards.items()}
        for m in self.mailboxes.values():
            expected[f"mailbox/{m.address}"] = (1, m.plan)
            expected[f"alias/{m.address}"] = (len(m.aliases), None)
            expected[f"forwarding/{m.address}"] = (len(m.forwardings), None)
        assert found == {holder: taken for holder, taken in expected.items() if taken[0]}


TestInterleavings = Interleavings.TestCase
TestInterleavings.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)
