"""A model that keeps the rules of mailboxes the long way, and batches without a bus."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from contracts import billing_v1 as billing
from contracts.ids import uuid7
from contracts.messages import REGISTRY
from contracts.values import domain_of
from services.chassis.book import Book
from services.chassis.fates import At, Done, Fate, Refused
from services.chassis.received import Received, Tick
from services.chassis.service import Moment
from services.mailbox import reads
from services.mailbox.app import service

BERLIN = ZoneInfo("Europe/Berlin")
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


# --- the handlers, without a bus --------------------------------------------------------------------------------


def received(account: str, model: BaseModel, channel: str = "bus") -> Received[Any]:
    id_, type_ = uuid7(), REGISTRY.of(type(model)).type
    return Received(id=id_, request_id=id_, account=account, type=type_, channel=channel, time=BEGIN, data=model)


Timers = dict[str, At]


async def handle(
    connection: Any, messages: Sequence[Received[Any] | Tick], now: datetime, timers: Timers | None = None
) -> list[Fate]:
    """Handle messages as one batch, as the chassis does, and keep the timers that they set."""
    handlers = [
        service.timers[message.kind] if isinstance(message, Tick) else service.messages["cmd", message.type]
        for message in messages
    ]
    wanted = [each for handler, message in zip(handlers, messages, strict=True) for each in handler.keys(message)]
    fates: list[Fate] = []
    async with connection.transaction():
        book = Book()
        await book.load(connection, service.tables, wanted)
        for handler, message in zip(handlers, messages, strict=True):
            fates.append(handler.decide(message, book, Moment(now)))
            book.keep()
            for timing in fates[-1].timings if timers is not None and isinstance(fates[-1], Done) else ():
                timers.pop(timing.key, None)
                timers.update({timing.key: timing} if isinstance(timing, At) else {})
        await book.save(connection, service.tables)
    return fates


def due(timers: Timers, now: datetime) -> list[Tick]:
    """Return the wake-ups whose time has come; they are not due again."""
    ready = [timers.pop(key) for key, timer in sorted(timers.items()) if timer.due_at <= now]
    return [Tick(uuid7(), at.account, at.kind, at.key, at.due_at, now) for at in ready]


def reservation(now: datetime) -> billing.Reservation:
    return billing.Reservation(holders=("x",), expires_at=now + timedelta(days=1000))


# --- the model --------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class Own:
    """One setting of a mailbox's own features: two equal ones are two."""

    features: tuple[str, ...]
    counts: bool = True


@dataclass
class Former:
    """What an undo of a domain's features puts back: the set, and whether these own settings count."""

    features: tuple[str, ...] | None
    owns: list[tuple["Box", Own]]
    count: bool = True


@dataclass
class Box:
    account: str
    plan: str
    created_at: datetime
    state: str = "active"
    aliases: set[str] = field(default_factory=set)
    forwardings: set[str] = field(default_factory=set)
    setting: Own | None = None
    deletes_at: datetime | None = None
    wakes_at: datetime = BEGIN
    was: str = "active"

    @property
    def own(self) -> tuple[str, ...] | None:
        return self.setting.features if self.setting and self.setting.counts else None


@dataclass
class Model:
    """What should be, in plain words. `apply` returns the codes of the refusal, or none."""

    boxes: dict[str, Box] = field(default_factory=dict)
    features: dict[tuple[str, str], tuple[str, ...] | None] = field(default_factory=dict)
    former: dict[tuple[str, str], Former] = field(default_factory=dict)
    former_own: dict[tuple[str, str], tuple[datetime, tuple[str, ...] | None]] = field(default_factory=dict)
    released: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    groups: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    forwards: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    catch_alls: dict[str, tuple[str, str]] = field(default_factory=dict)
    at_first: dict[str, str] = field(default_factory=dict)
    claims: Counter[tuple[str, str]] = field(default_factory=Counter)
    removed: set[UUID] = field(default_factory=set)

    def id_of(self, account: str, name: str) -> UUID:
        return uuid5(UUID(int=self.claims[account, name]), f"{account}/{name}")

    def claim_anew(self) -> None:
        for account, name in product(ACCOUNTS, DOMAINS):
            self.claims[account, name] += self.id_of(account, name) in self.removed

    def live(self) -> dict[str, Box]:
        return {address: box for address, box in self.boxes.items() if box.state != "deleted"}

    def owners(self) -> dict[str, str | None]:
        live = self.live()
        boxes = {a: a for a in live} | {alias: a for a, box in live.items() for alias in box.aliases}
        caught = {f"@{name}": mailbox for name, (_, mailbox) in self.catch_alls.items()}
        return {**boxes, **caught, **dict.fromkeys(self.forwards)}

    def accounts(self) -> dict[str, str]:
        boxes = {a: self.boxes[owner].account for a, owner in self.owners().items() if owner is not None}
        return boxes | {address: account for address, (account, _) in self.forwards.items()}

    def begin_batch(self) -> None:
        self.at_first = self.accounts()

    def is_had(self, account: str, address: str) -> bool:
        """Other accounts' addresses are seen as they were when the batch began."""
        return self.accounts().get(address) == account or self.at_first.get(address, account) != account

    def after(self, account: str, address: str) -> tuple[str, ...]:
        if not self.is_had(account, address):
            name = domain_of(address)
            return tuple(m for d, (holder, m) in self.catch_alls.items() if (d, holder) == (name, account))
        if self.accounts().get(address) != account:
            return ()
        owner = self.owners()[address]
        if owner is None:
            return self.forwards[address][1]
        return (owner,) if owner != address else tuple(self.boxes[owner].forwardings)

    def reached(self, account: str, *starts: str) -> set[str]:
        found, waiting = set(starts), list(starts)
        while waiting:
            new = set(self.after(account, waiting.pop())) - found
            found |= new
            waiting += new
        return found

    def tally(self, account: str, name: str) -> tuple[int, int, int]:
        mine = {address: box for address, box in self.live().items() if box.account == account}
        boxes = [box for address, box in mine.items() if domain_of(address) == name]
        aliases = [alias for box in mine.values() for alias in box.aliases if domain_of(alias) == name]
        aliases += [a for a, (holder, _) in self.forwards.items() if (holder, domain_of(a)) == (account, name)]
        aliases += [d for d, (holder, _) in self.catch_alls.items() if (holder, d) == (account, name)]
        return len(boxes), len(aliases), sum(box.own is not None for box in boxes)

    def apply(self, account: str, request: BaseModel, now: datetime) -> list[str]:
        return getattr(self, type(request).__name__)(account, request, now)

    def ReservedMailbox(self, account: str, order: Any, now: datetime) -> list[str]:
        address = order.request.address
        key = (account, domain_of(address))
        codes = ["domain_not_active"] if order.domain_id in self.removed else []
        codes += self.not_free(account, address, now)
        if not codes:
            self.boxes[address] = Box(account, order.terms.plan, now)
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
        free = [alias for alias in added if not self.not_free(account, alias, now)]
        codes += [code for alias in added for code in self.not_free(account, alias, now)]
        kept = set(box.aliases)
        box.aliases |= set(free)
        reached = self.reached(account, *box.forwardings)
        codes += ["forwarding_loop" for alias in free if alias in reached]
        if codes:
            box.aliases = kept
        else:
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
        kept, box.forwardings = box.forwardings, set(order.request.targets)
        codes = self.circles(account, order.request.address, order.request.targets)
        if codes:
            box.forwardings = kept
        return codes

    def circles(self, account: str, origin: str, targets: tuple[str, ...]) -> list[str]:
        leading = [target for target in dict.fromkeys(targets) if origin in self.reached(account, target)]
        return ["forwarding_loop"] * len(leading)

    def ReservedForwardOnly(self, account: str, order: Any, now: datetime) -> list[str]:
        address, targets, before = order.request.address, order.request.targets, dict(self.forwards)
        codes = ["domain_not_active"] if order.domain_id in self.removed else []
        if self.forwards.get(address, ("", ()))[0] != account:
            codes += self.not_free(account, address, now)
        if not {"address_taken", "address_quarantined"} & set(codes):
            self.forwards[address] = account, tuple(dict.fromkeys(targets))
            codes += self.circles(account, address, targets)
        if codes:
            self.forwards = before
        else:
            self.features.setdefault((account, domain_of(address)), None)
        return codes

    def DeleteForwardOnly(self, account: str, request: Any, now: datetime) -> list[str]:
        if self.forwards.get(request.address, ("", ()))[0] != account:
            return ["forward_only_unknown"]
        del self.forwards[request.address]
        self.released[request.address] = account, now
        return []

    def ReservedCatchAll(self, account: str, order: Any, now: datetime) -> list[str]:
        name, address, before = order.request.domain, order.request.mailbox, dict(self.catch_alls)
        box = self.live().get(address)
        if box is None or box.account != account:
            return ["mailbox_unknown"]
        if box.state == "deleting":
            return ["mailbox_state"]
        codes = ["domain_not_active"] if order.domain_id in self.removed else []
        if self.catch_alls.get(name, ("", ""))[0] != account:
            codes += self.not_free(account, f"@{name}", now)
        self.catch_alls[name] = account, address
        reached = self.reached(account, *box.forwardings)
        codes += ["forwarding_loop" for a in reached if domain_of(a) == name and not self.is_had(account, a)]
        if codes:
            self.catch_alls = before
        else:
            self.features.setdefault((account, name), None)
        return codes

    def RemoveCatchAll(self, account: str, request: Any, now: datetime) -> list[str]:
        if self.catch_alls.get(request.domain, ("", ""))[0] != account:
            return ["catch_all_unknown"]
        del self.catch_alls[request.domain]
        self.released[f"@{request.domain}"] = account, now
        return []

    def DeleteMailbox(self, account: str, request: Any, now: datetime) -> list[str]:
        box, codes = self.enter(account, request.address, "active", "suspended", "deleting")
        if box is None or request.immediately:
            self.end(request.address, box, now)
        elif request.on is None and box.state == "deleting":
            return ["deletion_scheduled"]
        else:
            box.was = box.was if box.state == "deleting" else box.state
            day = request.on and datetime(request.on.year, request.on.month, request.on.day, tzinfo=BERLIN)
            box.state, box.deletes_at = "deleting", day or now + timedelta(days=14)
            box.wakes_at = box.deletes_at
        return codes

    def UndeleteMailbox(self, account: str, request: Any, now: datetime) -> list[str]:
        box, codes = self.enter(account, request.address, "deleting")
        if box is not None:
            box.state, box.deletes_at = box.was, None
        return codes

    def wake(self, now: datetime) -> None:
        for address, box in self.boxes.items():
            if box.deletes_at is None or box.wakes_at > now:
                continue
            if box.wakes_at == box.deletes_at and now - box.deletes_at > timedelta(minutes=1):
                box.wakes_at = now + timedelta(minutes=5)
            else:
                self.end(address, box, now)

    def end(self, address: str, box: Box | None, now: datetime) -> None:
        if box is not None:
            self.released |= dict.fromkeys((address, *box.aliases), (box.account, now))
            box.state, box.aliases, box.forwardings, box.setting, box.deletes_at = "deleted", set(), set(), None, None
            for members in self.groups.values():
                members.discard(address)
            for name in [name for name, (_, mailbox) in self.catch_alls.items() if mailbox == address]:
                del self.catch_alls[name]
                self.released[f"@{name}"] = box.account, now

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
        for address, box, _ in entered:
            if box is not None:
                self.set_own(address, box, request.features, now)
        return [] if any(box for _, box, _ in entered) else [code for _, _, codes in entered for code in codes]

    def set_own(self, address: str, box: Box, features: tuple[str, ...] | None, now: datetime) -> None:
        self.former_own[box.account, address] = now, box.own
        box.setting = None if features is None else Own(features)

    def UndoMailboxFeatures(self, account: str, request: Any, now: datetime) -> list[str]:
        (address,) = request.addresses
        box, codes = self.enter(account, address)
        if box is None:
            return codes
        at, former = self.former_own.get((account, address), (BEGIN, None))
        if box.setting is not None and not box.setting.counts:
            self.set_own(address, box, box.setting.features, now)
        elif (account, address) in self.former_own and at >= box.created_at:
            self.set_own(address, box, former, now)
        else:
            return ["nothing_to_undo"]
        return []

    def AdmittedFeatureUndo(self, account: str, order: Any, now: datetime) -> list[str]:
        (target,) = order.admitted
        key, former = (account, target.domain), self.former.get((account, target.domain))
        if target.domain_id in self.removed:
            return ["domain_not_active"]
        if former is None:
            return ["nothing_to_undo"]
        for _, own in self.toggled(former):
            own.counts = former.count
        self.former[key] = Former(self.features[key], former.owns, not former.count)
        self.features[key] = former.features
        return []

    def toggled(self, former: Former) -> list[tuple[Box, Own]]:
        boxes = [id(box) for box in self.live().values()]
        return [(box, own) for box, own in former.owns if box.setting is own and id(box) in boxes]

    def AdmittedDomainFeatures(self, account: str, order: Any, now: datetime) -> list[str]:
        (target,) = order.admitted
        if target.domain_id in self.removed:
            return ["domain_not_active"]
        key, owns = (account, target.domain), []
        if not order.request.keep_mailbox_settings:
            for address, box in self.boxes.items():
                if (box.account, domain_of(address)) == key and box.setting and box.setting.counts:
                    owns.append((box, box.setting))
                    box.setting.counts = False
        self.former[key] = Former(self.features.get(key), owns)
        self.features[key] = order.request.features
        return []

    def DomainRemoval(self, account: str, order: Any, now: datetime) -> list[str]:
        name = order.request.domain
        if self.tally(account, name)[:2] == (0, 0):
            self.removed.add(order.domain_id)
            self.features.pop((account, name), None)
            self.former.pop((account, name), None)
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


async def sweep(connection: Any, now: datetime) -> list[Tick]:
    seen = await reads.free_addresses(connection, now, 10)
    return [Tick(uuid7(), "", "sweep-quarantine", "", now, now, observation=seen)]


def codes_of(fate: Fate) -> list[str]:
    if isinstance(fate, Refused):
        return [finding.code for finding in fate.refusal.findings]
    assert isinstance(fate, Done)
    return []
