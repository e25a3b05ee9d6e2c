"""Mailbox handlers and store on a real PostgreSQL, beside a model that keeps the rules the long way.

Requests of two accounts over the same few addresses are gathered into batches of any size; each must end as the model
says, and afterwards the rows must be the model's: an address is owned once, counters are the rows, features are exact.
"""

from collections.abc import AsyncIterator
from datetime import timedelta
from random import Random
from typing import Any

import asyncpg
import pytest
from mailbox_model import (
    ACCOUNTS,
    ADDRESSES,
    BEGIN,
    HASH,
    Model,
    Timers,
    codes_of,
    due,
    handle,
    received,
    sweep,
)
from mailbox_requests import any_feature_request, any_request, create

from contracts import mailbox_v1 as mailbox
from contracts.mailbox_v2 import NewPerson, RenamePerson
from contracts.values import domain_of
from services.chassis.migrations import migrate
from services.mailbox.app import service


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


# --- batches beside the model -----------------------------------------------------------------------------------

BATCHES, LARGEST_BATCH = 25, 16


@pytest.mark.parametrize("seed", range(30))
async def test_batches_of_any_shape_end_as_the_model_says(connection: Any, seed: int) -> None:
    dice, model, now, timers = Random(seed), Model(), BEGIN, Timers()
    for _ in range(BATCHES):
        now += timedelta(days=dice.choice((0, 0, 1, 29, 31)), seconds=1)
        model.begin_batch()
        ticks = [*due(timers, now), *await sweep(connection, now)]
        model.wake(now)
        model.claim_anew()
        orders = [any_request(dice)(model, now) for _ in range(dice.randint(1, LARGEST_BATCH))]
        expected = [model.apply(account, order, now) for account, order in orders]
        batch = [*ticks, *(received(account, order) for account, order in orders)]
        fates = await handle(connection, batch, now, timers)
        assert [codes_of(fate) for fate in fates[len(ticks) :]] == expected
        await compare(connection, model)


@pytest.mark.parametrize("seed", range(10))
async def test_features_are_exact_for_each_target_after_any_sets_and_undos(connection: Any, seed: int) -> None:
    dice, model, now = Random(seed), Model(), BEGIN
    for _ in range(BATCHES):
        now += timedelta(seconds=1)
        model.begin_batch()
        model.claim_anew()
        orders = [any_feature_request(dice)(model, now) for _ in range(dice.randint(1, 6))]
        expected = [model.apply(account, order, now) for account, order in orders]
        fates = await handle(connection, [received(account, order) for account, order in orders], now)
        assert [codes_of(fate) for fate in fates] == expected
        await compare(connection, model)


async def compare(connection: Any, model: Model) -> None:
    """Compare every row with the model."""
    rows = await connection.fetch("SELECT * FROM mailbox.mailbox")
    found = {
        r["address"]: (r["account"], r["plan"], r["state"], set(r["aliases"]), set(r["forwardings"]), r["deletes_at"])
        for r in rows
    }
    assert found == {
        address: (box.account, box.plan, box.state, box.aliases, box.forwardings, box.deletes_at)
        for address, box in model.boxes.items()
    }
    owned = await connection.fetch("SELECT address, mailbox FROM mailbox.address")
    assert dict(map(tuple, owned)) == model.owners()
    kept = await connection.fetch("SELECT address, account, free_at FROM mailbox.quarantine")
    end = {address: (account, since + timedelta(days=30)) for address, (account, since) in model.released.items()}
    unowned = {r["address"]: (r["account"], r["free_at"]) for r in kept if r["address"] not in model.owners()}
    assert unowned == {address: end[address] for address in unowned}
    forwards = await connection.fetch(
        "SELECT address, account, targets FROM mailbox.forward_only WHERE deleted_at IS NULL"
    )
    assert {r["address"]: (r["account"], tuple(r["targets"])) for r in forwards} == model.forwards
    catch_alls = await connection.fetch("SELECT domain, account, mailbox FROM mailbox.catch_all")
    assert {r["domain"]: (r["account"], r["mailbox"]) for r in catch_alls} == model.catch_alls
    groups = await connection.fetch("SELECT account, name, members FROM mailbox.mail_group")
    assert {(r["account"], r["name"]): set(r["members"]) for r in groups} == model.groups
    for r in await connection.fetch("SELECT * FROM mailbox.domain"):
        counted = (r["mailboxes"], r["aliases"], r["own_settings"])
        assert counted == model.tally(r["account"], r["domain"]), (r["account"], r["domain"])
        former = model.former.get((r["account"], r["domain"]))
        assert r["toggled_settings"] == (len(model.toggled(former)) if former else 0)
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
    deletion = ("nordwind", mailbox.DeleteMailbox(address=ADDRESSES[0], immediately=True))
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
    rename = RenamePerson(address=ADDRESSES[0], person=NewPerson(given_name="Anna", family_name="Berg"))
    await handle(connection, [received("nordwind", rename)], BEGIN)
    assert await stored() == HASH
    other_hash = HASH.replace("x", "y")
    change = mailbox.SetMailboxPassword(address=ADDRESSES[0], password_hash=other_hash)
    await handle(connection, [received("nordwind", change), received("nordwind", rename)], BEGIN)
    assert await stored() == other_hash
    await handle(
        connection, [received("nordwind", mailbox.DeleteMailbox(address=ADDRESSES[0], immediately=True))], BEGIN
    )
    assert await stored() is None


async def test_a_batch_of_new_mailboxes_costs_six_statements_whatever_its_size(connection: Any) -> None:
    orders = [create("nordwind", f"m{number}@a.example", "mail")(Model(), BEGIN) for number in range(200)]
    await handle(connection, [received(*orders[0])], BEGIN)
    statements: list[str] = []
    connection.add_query_logger(lambda query: statements.append(query.query))
    await handle(connection, [received(*order) for order in orders[1:]], BEGIN)
    assert sum("mailbox." in statement for statement in statements) == 6
    assert await connection.fetchval("SELECT mailboxes FROM mailbox.domain") == 200
