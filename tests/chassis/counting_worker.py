"""A service that only counts, so that the runtime can be watched without any business in the way.

Run as a program it is a worker process, which can be told where to die:

    CRASH_AT=in-the-transaction CRASH_MARKER=/some/file python tests/chassis/counting_worker.py
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from contracts.mailbox_v1 import (
    DeleteGroup,
    FeaturesSet,
    GroupDeleted,
    GroupView,
    SetMailboxFeatures,
    TargetFeatures,
)
from contracts.refusals import refuse
from services.chassis import following, worker
from services.chassis.fates import At, Done, Fate, Refused, Say
from services.chassis.journal import Journal
from services.chassis.owner import Owner
from services.chassis.publisher import Publisher
from services.chassis.pump import Pump
from services.chassis.received import Tick
from services.chassis.service import Service

SETUP = """
    CREATE TABLE IF NOT EXISTS mailbox.tally (
        address text PRIMARY KEY,
        count bigint NOT NULL CONSTRAINT not_too_many CHECK (count < 1000),
        seen text[] NOT NULL DEFAULT '{}')"""
KILLED = 9


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
            "SELECT address, count, seen FROM mailbox.tally"
            " WHERE address = ANY($1::text[]) ORDER BY address FOR UPDATE",
            keys,
        )
        return {row["address"]: Tally(row["address"], row["count"], tuple(row["seen"])) for row in rows}

    async def save(self, conn: Any, changes: list[Any]) -> None:
        await conn.executemany(
            "INSERT INTO mailbox.tally (address, count, seen) VALUES ($1, $2, $3)"
            " ON CONFLICT (address) DO UPDATE SET count = excluded.count, seen = excluded.seen",
            [(change.after.address, change.after.count, list(change.after.seen)) for change in changes],
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
                os._exit(KILLED)
            if name == "refused":
                return Refused(refuse("mailbox_unknown", address=address))
            row = book.get(TALLIES, address) or Tally(address, 0)
            step = 1000 if name == "overflow" else 1
            seen = (*row.seen, str(message.id))
            book.put(TALLIES, address, replace(row, count=row.count + step, seen=seen))
        targets = [TargetFeatures(target=a) for a in message.data.addresses]
        if message.data.addresses[0].startswith("huge@"):
            targets *= 20_000
        fact = FeaturesSet(requested=(), targets=tuple(targets))
        return Done(says=(Say(fact, key=message.data.addresses[0]),))

    @service.command(DeleteGroup, keys=lambda m: [])
    def set_timer(message: Any, book: Any, moment: Any) -> Fate:
        due_at = moment.now + timedelta(milliseconds=50)
        return Done(timings=(At("wake", message.data.name, due_at, message.account, {"request": str(message.id)}),))

    @service.timer("wake", keys=lambda tick: [(TALLIES, f"{tick.key}@timer.de")], observe=observe)
    def wake(tick: Tick, book: Any, moment: Any) -> Fate:
        if tick.key == "killer":
            os._exit(KILLED)
        address = f"{tick.key}@timer.de"
        row = book.get(TALLIES, address) or Tally(address, 0)
        book.put(TALLIES, address, replace(row, count=row.count + 1, seen=(*row.seen, tick.observation)))
        view = GroupView(account=tick.account, name=tick.key, members=(), revision=1)
        return Done(says=(Say(GroupDeleted(group=view), key=tick.key),))

    return service


# --- dying at a chosen place ------------------------------------------------------------------------------------


def set_trap(place: str, marker: Path) -> None:
    """Make this process die at the place, the first time that there is something to lose; once per marker."""

    def spring() -> None:
        try:
            marker.touch(exist_ok=False)
        except FileExistsError:
            return
        os._exit(KILLED)

    TRAPS[place](spring)


def _in_the_transaction(spring: Callable[[], None]) -> None:
    write = Journal.write

    async def written(self: Journal, conn: Any, *arguments: Any) -> None:
        await write(self, conn, *arguments)
        spring()

    Journal.write = written


def _after_commit_before_publish(spring: Callable[[], None]) -> None:
    publish = Publisher.publish

    async def not_published(self: Publisher, messages: Any) -> None:
        if messages:
            spring()
        await publish(self, messages)

    Publisher.publish = not_published


def _in_the_middle_of_publishing(spring: Callable[[], None]) -> None:
    publish = Publisher.publish

    async def half_published(self: Publisher, messages: Any) -> None:
        half = len(messages) // 2
        await publish(self, messages[:half])
        if half:
            spring()
        await publish(self, messages[half:])

    Publisher.publish = half_published


def _after_publish_before_ack(spring: Callable[[], None]) -> None:
    acknowledge = Owner._answer_and_acknowledge

    async def not_acknowledged(self: Owner, batch: Any, raws: Any) -> None:
        spring()
        await acknowledge(self, batch, raws)

    Owner._answer_and_acknowledge = not_acknowledged


def _in_the_middle_of_acknowledging(spring: Callable[[], None]) -> None:
    acknowledge = Owner._answer_and_acknowledge

    async def half_acknowledged(self: Owner, batch: Any, raws: Any) -> None:
        await acknowledge(self, batch, raws[1::2])
        await self._runtime.nats.flush()
        if len(raws) > 1:
            spring()
        await acknowledge(self, batch, raws[::2])

    Owner._answer_and_acknowledge = half_acknowledged


def _after_ack(spring: Callable[[], None]) -> None:
    acknowledge = Owner._answer_and_acknowledge

    async def acknowledged(self: Owner, batch: Any, raws: Any) -> None:
        await acknowledge(self, batch, raws)
        await self._runtime.nats.flush()
        spring()

    Owner._answer_and_acknowledge = acknowledged


def _while_taking_over(spring: Callable[[], None]) -> None:
    reset = Pump.reset

    async def after_reset(self: Pump, now: float) -> None:
        await reset(self, now)
        spring()

    Pump.reset = after_reset


def _at(where: Any, name: str, *, before: bool = False) -> Callable[[Callable[[], None]], None]:
    """Return what sets a trap behind a coroutine function, or before it."""

    def set_behind(spring: Callable[[], None]) -> None:
        does = getattr(where, name)

        async def trapped(*arguments: Any) -> Any:
            if before:
                spring()
            made = await does(*arguments)
            spring()
            return made

        setattr(where, name, trapped)

    return set_behind


TRAPS: dict[str, Callable[[Callable[[], None]], None]] = {
    "in-the-transaction": _in_the_transaction,
    "after-commit-before-publish": _after_commit_before_publish,
    "in-the-middle-of-publishing": _in_the_middle_of_publishing,
    "after-publish-before-ack": _after_publish_before_ack,
    "in-the-middle-of-acknowledging": _in_the_middle_of_acknowledging,
    "after-ack": _after_ack,
    "while-taking-over": _while_taking_over,
    "before-timers-move": _at(following, "move_timers", before=True),
    "after-timers-moved": _at(following, "move_timers"),
    "after-letters-moved": _at(following, "move_letters"),
    "after-lanes-moved": _at(following.Follower, "_move"),
}

if __name__ == "__main__":
    if "CRASH_AT" in os.environ:
        set_trap(os.environ["CRASH_AT"], Path(os.environ["CRASH_MARKER"]))
    worker.main(make_service(), [])
