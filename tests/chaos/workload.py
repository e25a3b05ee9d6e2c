"""What customers ask for in a run: a pure function of the seed.

Accounts are small on purpose, so that their caps are contended all the time: more is asked for than fits, what there is
goes away and comes back, packages change up and down under it. Whether a request succeeds is not known here; every one
has to end once, and the auditor holds the sum of it against the caps.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from contracts.base import Request
from contracts.billing_v1 import AssignPackage, ChangePackage, ContractTerms, OpenAccount, UpdateAccount
from contracts.domain_v1 import ClaimDomain, SetDomainFeatures, ValidateDomain
from contracts.forwarding_v1 import DeleteForwardOnly, RemoveCatchAll, SetCatchAll, SetForwardOnly
from contracts.mailbox_v1 import (
    AddAliases,
    BlockSenders,
    ChangePlan,
    CreateGroup,
    CreateMailbox,
    DeleteGroup,
    DeleteMailbox,
    ReactivateMailbox,
    RemoveAliases,
    RenamePerson,
    SetForwardings,
    SetGroupMembers,
    SetMailboxFeatures,
    SetMailboxPassword,
    SuspendMailbox,
    UnblockSenders,
    UndeleteMailbox,
)

HASH = "{SHA512-CRYPT}$6$chaoschaos$" + "a" * 86  # the edge hashes passwords, not this system
PLANS = ("mail", "mailxl", "mailxxl", "office", "officexl")
FEATURES = ("backup", "blacklist", "spam_and_virus_protection")
NAMES = 70  # of mailboxes in a domain; the smallest package has 50 seats
CONTRACT = ContractTerms(
    price_cents=9900, mailboxes=40, alias_forwards=30, groups=2, plan_caps={"office": 5, "mailxl": 8}
)
SMALLER_CONTRACT = CONTRACT.model_copy(update={"mailboxes": 30, "alias_forwards": 20})
HELD = 4  # requests of an account that wait at the gate until its second domain is proven

Again = Literal["", "at-once", "later", "other-content"]


@dataclass(frozen=True)
class Account:
    """A customer of the run. Its first domain is proven before the run, its second in the middle of it.

    `boxes` is what it believes to have: what it asked for and did not delete. It is often wrong, as customers are.
    """

    name: str
    opening: OpenAccount
    boxes: set[int] = field(default_factory=set)

    @property
    def domain(self) -> str:
        return f"{self.name}.de"

    @property
    def second_domain(self) -> str:
        return f"{self.name}-zwei.de"


@dataclass(frozen=True)
class Step:
    """One request of a customer.

    `again` says how it repeats an earlier one, the step `of`: the same id twice at once; an id that has long ended,
    with the same content; or such an id with other content, which must be refused (R41).
    """

    number: int
    account: str
    request: Request
    again: Again = ""
    of: int = -1
    waits: bool = False  # at the gate, until a domain is proven
    claims_second_domain: bool = False
    proves_second_domain: bool = False


def accounts(seed: int, count: int) -> list[Account]:
    """Return the customers of a run."""
    packages = ("silver", "silver", "gold", "reseller")
    return [_account(f"c{seed}-{number:02}", packages[number % 4]) for number in range(count)]


def steps(seed: int, customers: list[Account], count: int) -> list[Step]:
    """Return what fresh customers ask for, in the order of sending; the same for the same arguments.

    `count` is of requests; those that are sent again come on top.
    """
    rng = random.Random(seed)
    planned = _errands(customers, count)
    made: list[Step] = []
    requests = 0
    while requests < count:
        due = planned.get(len(made))
        made.append(due if due is not None else _step(rng, len(made), rng.choice(customers), made))
        requests += made[-1].of < 0
    return made


def _account(name: str, package: str) -> Account:
    terms = CONTRACT if package == "reseller" else None
    return Account(name, OpenAccount(package=package, terms=terms, company=name, email="chaos@example.com"))


def _errands(customers: list[Account], count: int) -> dict[int, Step]:
    """Claim every second domain in the first part of the run, ask under it, and prove it later."""
    planned: dict[int, Step] = {}

    def plan(at: float, step: Callable[[int], Step]) -> None:
        number = int(at * count)
        while number in planned:
            number += 1
        planned[number] = step(number)

    for place, one in enumerate(customers):
        name, domain = one.name, one.second_domain
        spread = 0.2 * place / len(customers)
        claim = ClaimDomain(domain=domain, password_hash=HASH)
        plan(0.05 + spread, lambda n, c=claim, a=name: Step(n, a, c, claims_second_domain=True))
        for box in range(HELD):
            order = _order(f"w{box}@{domain}", "mail").model_copy(update={"when_unverified": "hold"})
            plan(0.15 + spread, lambda n, o=order, a=name: Step(n, a, o, waits=True))
        prove = ValidateDomain(domain=domain)
        plan(0.5 + spread, lambda n, v=prove, a=name: Step(n, a, v, proves_second_domain=True))
    return planned


def _step(rng: random.Random, number: int, one: Account, made: list[Step]) -> Step:
    chance = rng.random()
    if chance < 0.02:
        return Step(number, one.name, _request(rng, one), again="at-once")
    if chance < 0.05 and len(made) > 50:
        earlier = made[rng.randrange(len(made) - 40)]
        if not earlier.again and not earlier.waits:
            return _repeated(rng, number, earlier)
    return Step(number, one.name, _request(rng, one))


def _repeated(rng: random.Random, number: int, earlier: Step) -> Step:
    if isinstance(earlier.request, CreateMailbox) and rng.random() < 0.3:
        other = earlier.request.model_copy(update={"last_name": "Anders"})
        return Step(number, earlier.account, other, again="other-content", of=earlier.number)
    return Step(number, earlier.account, earlier.request, again="later", of=earlier.number)


# --- requests -----------------------------------------------------------------------------------------------------

Maker = Callable[[random.Random, Account], Request]


def _request(rng: random.Random, one: Account) -> Request:
    return rng.choices(_MAKERS, _WEIGHTS)[0](rng, one)


def _number(rng: random.Random, one: Account) -> int:
    """Choose a mailbox, mostly one that the account believes to have."""
    believed = sorted(one.boxes)
    return rng.choice(believed) if believed and rng.random() < 0.9 else rng.randrange(NAMES)


def _box(rng: random.Random, one: Account) -> str:
    return _address(_number(rng, one), one)


def _address(number: int, one: Account) -> str:
    return f"m{number:02}@{one.domain}"


def _order(address: str, plan: str) -> CreateMailbox:
    return CreateMailbox(address=address, first_name="M", last_name="Muster", plan=plan, password_hash=HASH)


def _create(rng: random.Random, one: Account) -> Request:
    missing = sorted(set(range(NAMES)) - one.boxes)
    number = rng.choice(missing) if missing and rng.random() < 0.9 else rng.randrange(NAMES)
    one.boxes.add(number)
    return _order(_address(number, one), rng.choice(PLANS))


def _delete(rng: random.Random, one: Account) -> Request:
    number = _number(rng, one)
    one.boxes.discard(number)
    return DeleteMailbox(address=_address(number, one), immediately=rng.random() < 0.75)


def _add_aliases(rng: random.Random, one: Account) -> Request:
    names = tuple(f"a{rng.randrange(40):02}@{one.domain}" for _ in range(rng.randint(1, 3)))
    return AddAliases(address=_box(rng, one), aliases=tuple(dict.fromkeys(names)))


def _remove_aliases(rng: random.Random, one: Account) -> Request:
    return RemoveAliases(address=_box(rng, one), aliases=(f"a{rng.randrange(40):02}@{one.domain}",))


def _forward(rng: random.Random, one: Account) -> Request:
    targets = tuple(f"t{n}@example.net" for n in rng.sample(range(9), rng.randint(0, 3)))
    return SetForwardings(address=_box(rng, one), targets=targets, keep_copy=not targets or rng.random() < 0.5)


def _forward_only(rng: random.Random, one: Account) -> Request:
    targets = tuple(f"f{n}@example.net" for n in rng.sample(range(9), rng.randint(1, 3)))
    return SetForwardOnly(address=f"f{rng.randrange(12)}@{one.domain}", targets=targets)


def _members(rng: random.Random, one: Account) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_box(rng, one) for _ in range(rng.randint(0, 2))))


def _group(rng: random.Random) -> str:
    return f"gruppe-{rng.randrange(4)}"


def _features(rng: random.Random) -> Any:
    return tuple(rng.sample(FEATURES, rng.randint(0, 3)))


def _package(rng: random.Random, one: Account) -> Request:
    if one.opening.package == "reseller":
        return AssignPackage(package="reseller", terms=rng.choice((CONTRACT, SMALLER_CONTRACT)))
    return ChangePackage(package=rng.choice(("silver", "silver", "gold")))


def _bound_to_fail(rng: random.Random, one: Account) -> Request:
    return rng.choice(
        (
            _order("somebody@nobody-claimed-this.de", "mail"),
            _order(f"m01@{one.domain}", "no-such-plan"),
            ChangePackage(package="reseller"),
            SetForwardings(address=f"m01@{one.domain}", targets=(f"m01@{one.domain}",)),
            AddAliases(address=f"m01@{one.domain}", aliases=("x@nobody-claimed-this.de",)),
            SetGroupMembers(name="no-such-group", members=()),
            RenamePerson(address=f"nobody@{one.domain}", first_name="N", last_name="N"),
        )
    )


_KINDS: tuple[tuple[int, Maker], ...] = (
    (26, _create),
    (13, _delete),
    (3, lambda rng, one: UndeleteMailbox(address=_box(rng, one))),
    (8, lambda rng, one: ChangePlan(address=_box(rng, one), plan=rng.choice(PLANS))),
    (9, _add_aliases),
    (4, _remove_aliases),
    (6, _forward),
    (3, _forward_only),
    (2, lambda rng, one: DeleteForwardOnly(address=f"f{rng.randrange(12)}@{one.domain}")),
    (2, lambda rng, one: SetCatchAll(domain=one.domain, mailbox=_box(rng, one))),
    (1, lambda rng, one: RemoveCatchAll(domain=one.domain)),
    (3, lambda rng, one: CreateGroup(name=_group(rng), members=_members(rng, one))),
    (2, lambda rng, one: SetGroupMembers(name=_group(rng), members=_members(rng, one))),
    (2, lambda rng, one: DeleteGroup(name=_group(rng))),
    (3, lambda rng, one: SetMailboxFeatures(addresses=(_box(rng, one),), features=_features(rng))),
    (1, lambda rng, one: SetDomainFeatures(domains=(one.domain,), features=_features(rng))),
    (3, _package),
    (2, lambda rng, one: SuspendMailbox(address=_box(rng, one))),
    (2, lambda rng, one: ReactivateMailbox(address=_box(rng, one))),
    (3, lambda rng, one: RenamePerson(address=_box(rng, one), first_name="R", last_name=f"Nr {rng.randrange(999)}")),
    (1, lambda rng, one: SetMailboxPassword(address=_box(rng, one), password_hash=HASH)),
    (1, lambda rng, one: BlockSenders(address=_box(rng, one), senders=(f"@spam{rng.randrange(5)}.example",))),
    (1, lambda rng, one: UnblockSenders(address=_box(rng, one), senders=(f"@spam{rng.randrange(5)}.example",))),
    (1, lambda rng, one: UpdateAccount(phone=f"+49 40 {rng.randrange(10**6)}")),
    (4, _bound_to_fail),
)
_WEIGHTS, _MAKERS = [weight for weight, _ in _KINDS], [maker for _, maker in _KINDS]
