"""What a mailbox batch must not get wrong because it is a batch, or because its worker comes late."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from mailbox_model import ACCOUNTS, BEGIN, Model, Timers, codes_of, due, handle, received
from mailbox_requests import (
    Build,
    add_aliases,
    as_it_is,
    create,
    set_catch_all,
    set_forward_only,
    set_forwardings,
)

from contracts.mailbox_v1 import DeleteMailbox, RemoveAliases, UndeleteMailbox
from services.chassis.migrations import migrate

ANNA, BELA, CARL = "anna@a.example", "bela@a.example", "carl@b.example"
HOUSE, STRANGER = ACCOUNTS


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


async def codes(connection: Any, *builds: Build, now: Any = BEGIN, timers: Timers | None = None) -> list[list[str]]:
    """Handle requests as one batch and return the codes of their refusals."""
    orders = [received(*build(Model(), now)) for build in builds]
    return [codes_of(fate) for fate in await handle(connection, orders, now, timers)]


# --- circles ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "giving_up",
    [RemoveAliases(address=CARL, aliases=("info@b.example",)), DeleteMailbox(address=CARL, immediately=True)],
)
async def test_an_address_given_up_in_the_same_batch_leads_to_the_catch_all(connection: Any, giving_up: Any) -> None:
    await codes(connection, *(create(HOUSE, address, "mail") for address in (ANNA, BELA, CARL)))
    await codes(connection, add_aliases(HOUSE, CARL, ("info@b.example",)))
    await codes(connection, set_catch_all(HOUSE, "b.example", ANNA), set_forwardings(HOUSE, ANNA, (BELA,)))
    closing = set_forwardings(HOUSE, BELA, ("info@b.example",))
    assert await codes(connection, as_it_is(HOUSE, giving_up), closing) == [[], ["forwarding_loop"]]


async def test_many_targets_elsewhere_in_one_batch_are_not_too_wide(connection: Any) -> None:
    await codes(connection, create(HOUSE, ANNA, "mail"), create(HOUSE, BELA, "mail"))
    lists = [f"list{number}@a.example" for number in range(8)]
    elsewhere = {name: tuple(f"{number}.{name.split('@')[0]}@else.example" for number in range(900)) for name in lists}
    set_all = [set_forward_only(HOUSE, name, targets) for name, targets in elsewhere.items()]
    assert await codes(connection, *set_all) == [[]] * len(lists)
    assert await codes(connection, set_forwardings(HOUSE, ANNA, tuple(lists))) == [[]]
    assert await codes(connection, set_forwardings(HOUSE, BELA, (ANNA,)), set_all[0]) == [[], []]


# --- quarantine -------------------------------------------------------------------------------------------------


async def test_a_quarantined_address_is_kept_with_every_tag(connection: Any) -> None:
    await codes(connection, create(HOUSE, ANNA, "mail"), as_it_is(HOUSE, DeleteMailbox(address=ANNA, immediately=True)))
    tagged, other = "anna+lists@a.example", "anna-lists@a.example"
    await codes(connection, create(STRANGER, BELA, "mail"))
    takes = (create(STRANGER, tagged, "mail"), add_aliases(STRANGER, BELA, (tagged,)))
    takes = (*takes, set_forward_only(STRANGER, tagged, ("x@else.example",)))
    assert await codes(connection, *takes) == [["address_quarantined"]] * 3
    assert await codes(connection, create(STRANGER, other, "mail")) == [[]]
    assert await codes(connection, create(HOUSE, tagged, "mail")) == [[]]
    assert await codes(connection, add_aliases(STRANGER, BELA, ("anna+x@a.example",)), now=BEGIN + timedelta(30)) == [
        []
    ]


async def test_a_tag_is_kept_from_a_lane_that_looked_before(connection: Any) -> None:
    await codes(connection, create(HOUSE, ANNA, "mail"), as_it_is(HOUSE, DeleteMailbox(address=ANNA, immediately=True)))
    with pytest.raises(asyncpg.UniqueViolationError) as refused:
        await connection.execute(
            "INSERT INTO mailbox.address VALUES ('anna+x@a.example', 'anna+x@a.example', $1, $2)", STRANGER, BEGIN
        )
    assert refused.value.constraint_name == "address_quarantined"


# --- a worker that was away -------------------------------------------------------------------------------------


async def test_who_asks_in_time_has_the_mailbox_back_from_a_worker_that_was_away(connection: Any) -> None:
    timers, back = Timers(), as_it_is(HOUSE, UndeleteMailbox(address=ANNA))
    deletion = as_it_is(HOUSE, DeleteMailbox(address=ANNA))
    await codes(connection, create(HOUSE, ANNA, "mail"), deletion, timers=timers)
    late = BEGIN + timedelta(days=14, hours=2)
    await handle(connection, due(timers, late), late, timers)  # the clock is first; then what waited on the bus
    assert await codes(connection, back, now=late, timers=timers) == [[]]
    assert not timers


async def test_a_worker_that_was_away_deletes_a_little_later_as_of_the_day(connection: Any) -> None:
    timers = Timers()
    deletion = as_it_is(HOUSE, DeleteMailbox(address=ANNA))
    await codes(connection, create(HOUSE, ANNA, "mail"), deletion, timers=timers)
    now = BEGIN + timedelta(days=14, hours=2)
    for _ in range(2):
        await handle(connection, due(timers, now), now, timers)
        now = max([now, *(timer.due_at for timer in timers.values())]) + timedelta(hours=1)
    row = await connection.fetchrow("SELECT state, deleted_at, blocked_senders FROM mailbox.mailbox")
    assert (row["state"], row["deleted_at"], timers) == ("deleted", BEGIN + timedelta(days=14), {})
