"""A service that only counts, so that the runtime can be watched without any business in the way."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from contracts.mailbox_v1 import (
    DeleteGroup,
    FeaturesSet,
    GroupDeleted,
    GroupView,
    SetMailboxFeatures,
    TargetFeatures,
)
from contracts.refusals import refuse
from services.chassis.fates import At, Done, Fate, Refused, Say
from services.chassis.received import Tick
from services.chassis.service import Service

SETUP = """
    CREATE TABLE IF NOT EXISTS mailbox.tally (
        address text PRIMARY KEY,
        count bigint NOT NULL CONSTRAINT not_too_many CHECK (count < 1000),
        seen text[] NOT NULL DEFAULT '{}')"""


@dataclass(frozen=True, slots=True)
class Tally:
    """How often an address was named, and by whom last."""

    address: str
    count: int
    seen: tuple[str, ...] = ()


class Tallies:
    """The only table."""

    name = "tally"

    async def load(self, conn: Any, keys: list[str]) -> dict[str, Tally]:
        rows = await conn.fetch(
            "SELECT address, count, seen FROM mailbox.tally WHERE address = ANY($1::text[]) ORDER BY address FOR UPDATE",
            keys,
        )
        return {row["address"]: Tally(row["address"], row["count"], tuple(row["seen"])) for row in rows}

    async def save(self, conn: Any, changes: list[Any]) -> None:
        for change in changes:
            row = change.after
            await conn.execute(
                "INSERT INTO mailbox.tally (address, count, seen) VALUES ($1, $2, $3)"
                " ON CONFLICT (address) DO UPDATE SET count = excluded.count, seen = excluded.seen",
                row.address,
                row.count,
                list(row.seen),
            )


TALLIES = Tallies()


def make_service() -> Service:
    """Return a service with one command, one that sets a timer, and that timer."""
    service = Service("mailbox", tables=(TALLIES,))

    async def observe(tick: Tick) -> str:
        return f"observed {tick.key}"

    @service.command(SetMailboxFeatures, keys=lambda m: [(TALLIES, a) for a in m.data.addresses])
    def count(message: Any, book: Any, moment: Any) -> Fate:
        for address in message.data.addresses:
            name = address.partition("@")[0]
            if name == "bug":
                raise RuntimeError("a bug that names {ARGON2ID}$secret")
            if name == "killer":
                os._exit(9)
            if name == "refused":
                return Refused(refuse("mailbox_unknown", address=address))
            row = book.get(TALLIES, address) or Tally(address, 0)
            step = 1000 if name == "overflow" else 1
            seen = (*row.seen, str(message.id))
            book.put(TALLIES, address, replace(row, count=row.count + step, seen=seen))
        fact = FeaturesSet(requested=(), targets=tuple(TargetFeatures(target=a) for a in message.data.addresses))
        return Done(says=(Say(fact, key=message.data.addresses[0]),))

    @service.command(DeleteGroup, keys=lambda m: [])
    def set_timer(message: Any, book: Any, moment: Any) -> Fate:
        due_at = moment.now + timedelta(milliseconds=50)
        return Done(timings=(At("wake", message.data.name, due_at, message.account, {"request": str(message.id)}),))

    @service.timer("wake", keys=lambda tick: [(TALLIES, f"{tick.key}@timer.de")], observe=observe)
    def wake(tick: Tick, book: Any, moment: Any) -> Fate:
        address = f"{tick.key}@timer.de"
        row = book.get(TALLIES, address) or Tally(address, 0)
        book.put(TALLIES, address, replace(row, count=row.count + 1, seen=(*row.seen, tick.observation)))
        view = GroupView(account=tick.account, name=tick.key, members=(), revision=1)
        return Done(says=(Say(GroupDeleted(group=view), key=tick.key),))

    return service


@pytest.fixture(scope="session")
def counting_service() -> Callable[[], Service]:
    """Makes the counting service."""
    return make_service


@pytest_asyncio.fixture(scope="module")
async def replicas(bus: Any) -> Any:
    """Two replicas that share the lanes."""
    first = await bus.start(make_service())
    connection = await asyncpg.connect(bus.database_url)
    await connection.execute(SETUP)
    await connection.close()
    second = await bus.start(make_service())
    await bus.owns_all(first, second, lanes=5)
    return first, second
