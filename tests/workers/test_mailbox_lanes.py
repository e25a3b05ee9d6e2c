"""Two accounts' lanes at once over the same addresses: whoever is faster, no address is ever owned twice (R26).

Each lane writes on a connection of its own, begins a batch again that another lane was faster with, and rests at
random, as its worker would; the database sees their transactions in any interleaving.
"""

import asyncio
from asyncio import Barrier
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from random import Random
from typing import Any

import asyncpg
import pytest
from mailbox_model import ACCOUNTS, ADDRESSES, BEGIN, DOMAINS, Model, Timers, due, handle, received, sweep
from mailbox_requests import Build, add_aliases, any_request, as_it_is, create

from contracts.mailbox_v1 import DeleteMailbox, RemoveAliases
from services.chassis.book import Book
from services.chassis.fates import Done
from services.chassis.migrations import migrate
from services.chassis.service import Moment
from services.mailbox.app import service

ROUNDS, BATCHES = 30, 4

FASTER = ("address_taken", "address_quarantined", "mailbox_pk", "catch_all_taken")
# Addresses that somebody has although another account's quarantine still keeps them.
KEPT_FROM_ITS_OWNER = """
    SELECT q.address FROM mailbox.quarantine AS q JOIN mailbox.address AS a USING (address)
    WHERE q.account <> a.account AND q.free_at > $1"""


@pytest.fixture
async def connections(database_url: str) -> AsyncIterator[list[Any]]:
    """One connection for each lane, and empty tables."""
    connections = [await asyncpg.connect(database_url) for _ in ACCOUNTS]
    await migrate(connections[0], "mailbox")
    await connections[0].execute(
        "TRUNCATE mailbox.mailbox, mailbox.address, mailbox.quarantine, mailbox.domain, mailbox.mail_group,"
        " mailbox.account_groups, mailbox.forward_only, mailbox.catch_all, mailbox.account_catch_alls"
    )
    yield connections
    for connection in connections:
        await connection.close()


async def lane(connection: Any, account: str, dice: Random, now: datetime, timers: Timers, start: Barrier) -> None:
    """Handle batches of one account, each beginning together with one of the other lane."""
    for _ in range(BATCHES):
        await start.wait()
        model = Model(claims=Counter({(account, name): dice.randint(1, 9**9) for name in DOMAINS}))  # after any removal
        orders = [wanted(dice, account)(model, now) for _ in range(dice.randint(1, 6))]
        batch = [*due(timers, now), *(received(account, order) for account, order in orders)]
        if dice.random() < 0.3:
            batch += await sweep(connection, now)
        for _ in range(dice.randint(0, 30)):
            await asyncio.sleep(0)
        while not await written(connection, batch, now, timers):
            pass


async def written(connection: Any, batch: Any, now: datetime, timers: Timers) -> bool:
    """Handle a batch; say whether no other lane was faster with an address."""
    try:
        await handle(connection, batch, now, timers)
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name not in FASTER:
            raise
        return False
    return True


def wanted(dice: Random, account: str) -> Build:
    """Return a request; those that take addresses or let go of them are many."""
    address = dice.choice(ADDRESSES)
    often = (create(account, address, "mail"), delete_at_once(account, address), any_request(dice, account))
    return dice.choice((*often, any_request(dice, account)))


def delete_at_once(account: str, address: str) -> Build:
    return lambda model, now: (account, DeleteMailbox(address=address, immediately=True))


async def owned(connection: Any) -> tuple[list[Any], list[Any]]:
    """Return who has which address by what there is, and by the table that has each address once."""
    rows = await connection.fetch(
        "SELECT unnest(aliases || address) AS address, address AS mailbox, account FROM mailbox.mailbox"
        " WHERE state <> 'deleted' UNION ALL"
        " SELECT address, NULL, account FROM mailbox.forward_only WHERE deleted_at IS NULL UNION ALL"
        " SELECT '@' || domain, mailbox, account FROM mailbox.catch_all ORDER BY 1"
    )
    found = await connection.fetch("SELECT address, mailbox, account FROM mailbox.address ORDER BY 1")
    return [tuple(row) for row in rows], [tuple(row) for row in found]


async def test_no_address_is_owned_twice_in_any_interleaving(connections: list[Any]) -> None:
    dices, timers, start = [Random(7), Random(8)], [Timers(), Timers()], Barrier(2)
    now, had = BEGIN, set[str]()
    for number in range(ROUNDS):
        now += timedelta(days=(0, 1, 31)[number % 3], seconds=1)
        lanes = zip(connections, ACCOUNTS, dices, timers, strict=True)
        await asyncio.gather(*(lane(*each[:3], now, each[3], start) for each in lanes))
        rows, found = await owned(connections[0])
        assert rows == found
        assert len({address for address, _, _ in rows}) == len(rows)
        assert not await connections[0].fetch(KEPT_FROM_ITS_OWNER, now)
        had |= {account for _, _, account in rows}
    assert had == set(ACCOUNTS)


async def test_an_address_that_another_lane_has_had_for_a_moment_is_not_taken_unseen(connections: list[Any]) -> None:
    """One lane has looked; the other adds an alias and removes it, in one batch; then the first writes."""
    one, other = connections
    (address, theirs, *_), (holder, rival) = ADDRESSES, ACCOUNTS
    order = received(*create(rival, address, "mail")(Model(), BEGIN))
    handler, book = service.messages["cmd", order.type], Book()
    async with one.transaction():
        await book.load(one, service.tables, handler.keys(order))
    removal = as_it_is(holder, RemoveAliases(address=theirs, aliases=(address,)))
    passing = [create(holder, theirs, "mail"), add_aliases(holder, theirs, (address,)), removal]
    assert await written(other, [received(*build(Model(), BEGIN)) for build in passing], BEGIN, Timers())
    assert isinstance(handler.decide(order, book, Moment(BEGIN)), Done)
    book.keep()
    with pytest.raises(asyncpg.UniqueViolationError) as faster:
        await book.save(one, service.tables)
    assert faster.value.constraint_name == "address_quarantined"
