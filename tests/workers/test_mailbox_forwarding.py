"""Addresses without a mailbox, over all their stations: the gate, billing's room, mailbox, and billing again."""

from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest_asyncio

from contracts.billing_v1 import AskUsage, ContractTerms, OpenAccount
from contracts.forwarding_v1 import (
    AskCatchAlls,
    AskForwardOnly,
    DeleteForwardOnly,
    RemoveCatchAll,
    SetCatchAll,
    SetForwardOnly,
)
from contracts.mailbox_v1 import AddAliases, CreateMailbox, DeleteMailbox, SetForwardings
from services.billing.app import service as billing_service
from services.domain.app import service as domain_service
from services.mailbox.app import service as mailbox_service
from tests.client.test_cli import run
from tests.workers.domain_neighbours import HASH, active, claim

numbers = count(1)


@pytest_asyncio.fixture(scope="module", autouse=True)
async def workers(bus: Any) -> None:
    for service, lanes in ((billing_service, 5), (domain_service, 5), (mailbox_service, 5)):
        started = await bus.start(service)
        await bus.owns_all(started, lanes=lanes)


@pytest_asyncio.fixture
async def house(bus: Any) -> tuple[str, str]:
    """An account with room for four aliases and forwardings, and an active domain of its own."""
    account = f"house-{next(numbers)}"
    terms = ContractTerms(price_cents=1, mailboxes=9, alias_forwards=4, groups=1)
    opened = OpenAccount(package="reseller", terms=terms, company="N", email="n@example.org")
    assert (await bus.request(account, opened)).type == "billing.account-opened.v1"
    domain = f"{account}-wind.de"
    await active(bus, account, domain)
    return account, domain


async def made(bus: Any, account: str, *addresses: str) -> None:
    for address in addresses:
        order = CreateMailbox(address=address, first_name="A", last_name="B", plan="mail", password_hash=HASH)
        assert (await bus.request(account, order)).type == "mailbox.mailbox-created.v1"


async def end_of(bus: Any, account: str, request: Any) -> str:
    """Return the code of a request's refusal, or the name of its fact."""
    answer = await bus.request(account, request)
    return answer.data.refusal.code if hasattr(answer.data, "refusal") else answer.type.split(".")[1]


async def room_is(bus: Any, account: str, confirmed: int, reserved: int = 0) -> None:
    async def reached() -> bool:
        usage = await bus.ask(account, AskUsage())
        (found,) = [c for c in usage.capacities if c.resource == "alias_forward"]
        return (found.confirmed, found.reserved) == (confirmed, reserved)

    await bus.eventually(reached, what=f"{confirmed} confirmed and {reserved} reserved")


async def test_an_address_that_only_forwards_counts_a_target_each(bus: Any, house: tuple[str, str]) -> None:
    account, domain = house
    info, targets = f"info@{domain}", ("a@example.org", "b@example.org", "c@example.org")
    answer = await bus.request(account, SetForwardOnly(address=info, targets=targets))
    assert (answer.type, answer.data.forward_only.targets) == ("mailbox.forward-only-set.v1", targets)
    await room_is(bus, account, 3)
    five = (*targets, "d@example.org", "e@example.org")
    assert await end_of(bus, account, SetForwardOnly(address=info, targets=five)) == "cap_reached"
    assert await end_of(bus, account, SetForwardOnly(address=info, targets=targets[:2])) == "forward-only-set"
    await room_is(bus, account, 2)
    shown = await bus.ask(account, AskForwardOnly())
    assert [(view.address, view.targets, view.revision) for view in shown.addresses] == [(info, targets[:2], 2)]
    create = CreateMailbox(address=info, first_name="A", last_name="B", plan="mail", password_hash=HASH)
    assert await end_of(bus, account, create) == "address_taken"
    assert await end_of(bus, account, DeleteForwardOnly(address=info)) == "forward-only-deleted"
    assert await end_of(bus, account, DeleteForwardOnly(address=info)) == "forward_only_unknown"
    await room_is(bus, account, 0)
    assert await end_of(bus, account, create) == "mailbox-created"


async def test_a_catch_all_counts_one_whichever_mailbox_it_is_and_ends_with_it(
    bus: Any, house: tuple[str, str]
) -> None:
    account, domain = house
    anna, bela = f"anna@{domain}", f"bela@{domain}"
    await made(bus, account, anna, bela)
    assert await end_of(bus, account, SetCatchAll(domain=domain, mailbox=f"nobody@{domain}")) == "mailbox_unknown"
    await room_is(bus, account, 0)
    for mailbox in (anna, bela):
        answer = await bus.request(account, SetCatchAll(domain=domain, mailbox=mailbox))
        assert (answer.type, answer.data.catch_all.mailbox) == ("mailbox.catch-all-set.v1", mailbox)
        await room_is(bus, account, 1)
    assert await end_of(bus, account, DeleteMailbox(address=anna, immediately=True)) == "mailbox-deleted"
    assert [c.mailbox for c in (await bus.ask(account, AskCatchAlls())).catch_alls] == [bela]
    assert await end_of(bus, account, DeleteMailbox(address=bela, immediately=True)) == "mailbox-deleted"
    await room_is(bus, account, 0)
    assert await end_of(bus, account, RemoveCatchAll(domain=domain)) == "catch_all_unknown"
    removed = await bus.events(f"evt.{account}.mailbox.catch-all-removed.v1")
    assert [(e.data.catch_all.domain, e.data.catch_all.mailbox) for e in removed] == [(domain, None)]


async def test_a_catch_all_can_be_ended(bus: Any, house: tuple[str, str]) -> None:
    account, domain = house
    await made(bus, account, f"anna@{domain}")
    await bus.request(account, SetCatchAll(domain=domain, mailbox=f"anna@{domain}"))
    assert await end_of(bus, account, RemoveCatchAll(domain=domain)) == "catch-all-removed"
    assert (await bus.ask(account, AskCatchAlls())).catch_alls == ()
    await room_is(bus, account, 0)


async def test_only_active_domains_of_the_account_pass_the_gate(bus: Any, house: tuple[str, str]) -> None:
    account, domain = house
    unproven = f"unproven-{domain}"
    await claim(bus, account, unproven)
    await made(bus, account, f"anna@{domain}")
    for name, code in ((unproven, "domain_unverified"), ("unknown.example", "domain_unknown")):
        assert await end_of(bus, account, SetCatchAll(domain=name, mailbox=f"anna@{domain}")) == code
        assert await end_of(bus, account, SetForwardOnly(address=f"x@{name}", targets=("a@example.org",))) == code
    stranger = SetForwardOnly(address=f"x@{domain}", targets=("a@example.org",))
    assert await end_of(bus, "stranger", stranger) == "domain_unknown"


async def test_a_circle_is_refused_with_its_stations_and_takes_no_room(bus: Any, house: tuple[str, str]) -> None:
    account, domain = house
    anna, info, sales = (f"{name}@{domain}" for name in ("anna", "info", "sales"))
    await made(bus, account, anna)
    assert await end_of(bus, account, SetForwardOnly(address=info, targets=(sales,))) == "forward-only-set"
    assert await end_of(bus, account, SetForwardings(address=anna, targets=(info,))) == "forwardings-set"
    answer = await bus.request(account, AddAliases(address=anna, aliases=(sales,)))
    (found,) = answer.data.refusal.findings
    assert (found.code, found.details["chain"]) == ("forwarding_loop", f"{anna} → {info} → {sales} → {anna}")
    assert await end_of(bus, account, SetCatchAll(domain=domain, mailbox=anna)) == "forwarding_loop"
    await room_is(bus, account, 2)


async def test_what_stands_under_a_domain_without_a_mailbox_keeps_it(bus: Any, house: tuple[str, str]) -> None:
    account, domain = house
    await bus.request(account, SetForwardOnly(address=f"info@{domain}", targets=("a@example.org",)))
    (row,) = await bus.fetch("SELECT aliases FROM mailbox.domain WHERE domain = $1", domain)
    assert row["aliases"] == 1
    (kept,) = await bus.fetch("SELECT since FROM mailbox.address WHERE address = $1", f"info@{domain}")
    assert kept["since"] <= datetime.now(UTC)
    assert [row["domain"] for row in await bus.fetch("SELECT domain FROM mta.domain WHERE domain = $1", domain)] == [
        domain
    ]


async def test_the_command_line_sets_and_lists_them(bus: Any, house: tuple[str, str]) -> None:
    account, domain = house
    anna, info = f"anna@{domain}", f"info@{domain}"
    await made(bus, account, anna)

    async def ran(*words: str, code: int = 0, lang: str = "en") -> str:
        found = await run(*words, "-a", account, *bus.options, "--lang", lang)
        assert found.code == code, found.err
        return found.out + found.err

    assert info in await ran("forwarding", "set", info, "x@example.org")
    assert "x@example.org" in await ran("forwarding", "list")
    assert anna in await ran("domain", "catch-all", domain, anna)
    assert "Catch-all-Postfach" in await ran("domain", "catch-all", lang="de")
    await ran("domain", "catch-all", domain, code=2)
    await ran("domain", "catch-all", domain, "--none")
    await ran("forwarding", "delete", info, "--yes")
    assert "Wird gelöscht" in await ran("mailbox", "delete", anna, "--yes", lang="de")
    await ran("mailbox", "delete", anna, "--on", "soon", "--yes", code=2)
    await ran("mailbox", "undelete", anna)
    assert "is active" in await ran("mailbox", "undelete", anna, code=3)
