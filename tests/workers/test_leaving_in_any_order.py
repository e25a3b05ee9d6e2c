"""Whatever crosses a removal or a closure, in any order, with batches lost and repeated: it all adds up at the end.

Chance acts on two accounts and two domains; then time passes until nothing is due any more.
"""

from collections import Counter
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from pydantic import BaseModel

from contracts.billing_v1 import OpenAccount
from contracts.closure_v1 import CloseAccount, ReactivateAccount, ReopenAccount, SuspendAccount
from contracts.domain_v1 import ClaimDomain, RemoveDomain
from contracts.forwarding_v1 import DeleteForwardOnly, RemoveCatchAll, SetCatchAll, SetForwardOnly
from contracts.mailbox_v1 import AddAliases, CreateGroup, DeleteMailbox, SetForwardings, UndeleteMailbox
from contracts.removal_v1 import KeepDomain
from services.mailbox import handlers_removal
from tests.workers.three_workers import HASH, Three, new_mailbox, three

ACCOUNTS = ("nordwind", "suedwind")
NAMES = ("see.example.de", "fluss.example.de")
ADDRESSES = tuple(f"{local}@{name}" for name in NAMES for local in ("anna", "bela", "chris", "dora"))
MORE = tuple(f"{local}@{name}" for name in NAMES for local in ("mast", "segel"))
SEEDS, ACTS = range(6), 90


def any_request(dice: Random, office: Three) -> BaseModel:
    address, other, name = dice.choice(ADDRESSES), dice.choice(MORE), dice.choice(NAMES)
    ahead = (office.now + timedelta(days=dice.randint(1, 20))).date()
    when: dict[str, Any] = dice.choice(({}, {"on": ahead}, {"immediately": True}))
    kinds = (
        *[lambda: new_mailbox(address, dice.choice(("mail", "office")))] * 12,
        lambda: AddAliases(address=address, aliases=(other,)),
        lambda: SetForwardOnly(address=other, targets=("x@example.org",)),
        lambda: DeleteForwardOnly(address=other),
        lambda: SetCatchAll(domain=name, mailbox=address),
        lambda: RemoveCatchAll(domain=name),
        lambda: SetForwardings(address=address, targets=("y@example.org",)),
        lambda: CreateGroup(name=dice.choice("AB"), members=(address,)),
        *[lambda: DeleteMailbox(address=address, **when)] * 2,
        lambda: UndeleteMailbox(address=address),
        *[lambda: RemoveDomain(domain=name, with_mailboxes=True, **when)] * 3,
        lambda: RemoveDomain(domain=name),
        *[lambda: KeepDomain(domain=name)] * 3,
        *[lambda: ClaimDomain(domain=name, password_hash=HASH)] * 6,
    )
    return dice.choice(kinds)()


def of_the_operator(dice: Random, account: str, office: Three) -> BaseModel | None:
    """Let an account be closed or suspended now and then, and not for long, so that much can happen in between."""
    told = [each for each in office.told if each.account == account and each.name.startswith("account-")]
    state = next((each.data["account"]["state"] for each in reversed(told) if "account" in each.data), "active")
    if state == "active":
        ahead = (office.now + timedelta(days=dice.randint(1, 20))).date()
        when: dict[str, Any] = dice.choice(({}, {}, {"on": ahead}, {"on": ahead}, {"immediately": True}))
        return dice.choice((CloseAccount(**when), SuspendAccount())) if dice.random() < 0.04 else None
    again = ReactivateAccount() if state == "suspended" else ReopenAccount()
    return dice.choice((*[again] * 5, CloseAccount(immediately=True))) if dice.random() < 0.6 else None


async def acted(office: Three, dice: Random) -> None:
    """Let something be asked for, and some of it happen."""
    account = dice.choice((ACCOUNTS[0], ACCOUNTS[0], ACCOUNTS[1]))
    request = of_the_operator(dice, account, office) or any_request(dice, office)
    office.send(account, request)
    if isinstance(request, ClaimDomain):  # whoever claims has the record ready
        await office.settle()
        for fact in office.facts("domain-claimed", account)[-1:]:
            office.prove(account, fact["domain"]["domain"], fact["domain"]["domain_id"])
    await office.some(dice.choice((0, 0, 1, 3, 8)))
    if dice.random() < 0.2:
        office.now += timedelta(hours=dice.choice((1, 24, 24 * 8)))


async def rest(office: Three) -> None:
    """Let everything happen that is still due, months ahead."""
    for _ in range(40):
        await office.passes(timedelta(days=1))


async def rows(office: Three, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await office.pool.fetch(sql)]


async def check(office: Three) -> None:
    """What must hold whenever nothing is on its way."""
    held = await rows(office, "SELECT account, domain FROM domain.claim WHERE state IN ('active', 'removing')")
    live = await rows(office, "SELECT account, domain, address FROM mailbox.mailbox WHERE state <> 'deleted'")
    assert {each[:2] for each in live} <= set(held), "no mailbox remains under a removed domain"
    owned = await rows(office, "SELECT account, split_part(address, '@', 2) FROM mailbox.address")
    assert set(owned) <= set(held), "no address does"
    aliases = await rows(office, "SELECT account, address, unnest(aliases) FROM mailbox.mailbox")
    forwards = await rows(office, "SELECT account, address, targets FROM mailbox.forward_only WHERE targets <> '{}'")
    caught = await rows(office, "SELECT account, domain FROM mailbox.catch_all")
    assert len(owned) == len(live) + len(aliases) + len(forwards) + len(caught)
    tallies = await rows(office, "SELECT account, domain, mailboxes FROM mailbox.domain WHERE mailboxes > 0")
    assert {row[:2]: row[2] for row in tallies} == Counter(each[:2] for each in live)
    marks = "SELECT 1 FROM mailbox.removal_mark AS k WHERE NOT EXISTS (SELECT FROM mailbox.removal AS r"
    assert not await rows(office, f"{marks} WHERE r.domain_id = k.domain_id AND r.phase IN ('scheduling', 'waiting'))")
    forwarded = await rows(office, "SELECT account, unnest(forwardings) FROM mailbox.mailbox")
    groups = await rows(office, "SELECT account, name FROM mailbox.mail_group")
    pooled = [(each[0], "alias_forward") for each in (*aliases, *forwards, *caught, *forwarded)]
    seats = [(account, "mailbox") for account, _, _ in live]
    counted = await rows(office, "SELECT account_id, resource, confirmed, reserved FROM billing.capacity")
    expected = Counter([*seats, *pooled, *((account, "group") for account, _ in groups)])
    found = {(a, r): confirmed for a, r, confirmed, _ in counted if confirmed and not r.startswith("plan.")}
    assert found == expected, "billing counts what there is"


async def check_ends(office: Three) -> None:
    """Every request has exactly one end; what was closed is empty."""
    ends = Counter(office.end_of(id_) for id_, asked in office.asked.items() if type(asked).__name__ != "TxtChecked")
    assert not ends["waits"], ends
    assert not ends["internal_error"], ends
    closed = await rows(office, "SELECT account_id FROM billing.account WHERE state = 'closed'")
    for (account,) in closed:
        used = "SELECT 1 FROM billing.capacity WHERE account_id = $1 AND (confirmed > 0 OR reserved > 0)"
        assert not await office.pool.fetch(used, account)
    assert not await rows(office, "SELECT account_id FROM billing.account WHERE state = 'closing'")
    assert not await rows(office, "SELECT domain FROM domain.claim WHERE state = 'removing'")
    assert not await rows(office, "SELECT domain FROM mailbox.removal WHERE phase NOT IN ('vacated', 'kept')")


@pytest.mark.parametrize("seed", SEEDS)
async def test_everything_adds_up(database_url: str, seed: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(handlers_removal, "AT_ONCE", 2)
    dice = Random(seed)
    office = await three(database_url, dice)
    try:
        for account in ACCOUNTS:
            await office.account(account, "gold")
        await office.active(ACCOUNTS[0], NAMES[0])
        await office.active(ACCOUNTS[seed % 2], NAMES[1])
        office.lossy = 0.15
        for _ in range(ACTS):
            await acted(office, dice)
        await rest(office)
        await check(office)
        await check_ends(office)
        for account in ACCOUNTS:
            await office.request(account, ReopenAccount())
            await office.request(account, CloseAccount(immediately=True))
        await rest(office)
        await check_ends(office)
        assert not await rows(office, "SELECT 1 FROM billing.capacity WHERE confirmed > 0 OR reserved > 0")
        assert not await rows(office, "SELECT address FROM mailbox.address")
        reopened = OpenAccount(package="gold", company="x", email="x@example.de")
        assert await office.request(ACCOUNTS[0], reopened) == "account_closed"
    finally:
        await office.pool.close()
