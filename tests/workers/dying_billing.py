"""The worker billing as a program that dies in the middle of a run: at CRASH_AT, the CRASH_AFTER-th time."""

import os
from typing import Any

from services.billing.app import service
from services.chassis import worker
from services.chassis.entries import Entries
from services.chassis.journal import Journal
from services.chassis.publisher import Publisher

KILLED = 137
PLACES = ("in-the-transaction", "after-commit-before-publish", "in-the-middle-of-publishing")


def set_trap(place: str, after: int, fact: str = "invoice-finalized") -> None:
    """Die at a place when such facts are at stake for the `after`-th time."""
    write, publish, left = Journal.write, Publisher.publish, [after]

    def at_stake(outgoing: Any) -> bool:
        if not any(f".{fact}." in message.subject for message in outgoing):
            return False
        left[0] -= 1
        return left[0] == 0

    async def written(self: Journal, conn: Any, published: Any, entries: Entries, now: Any) -> None:
        await write(self, conn, published, entries, now)
        if place == PLACES[0] and at_stake(entries.outgoing):
            os._exit(KILLED)

    async def sent(self: Publisher, messages: Any) -> None:
        if place != PLACES[0] and at_stake(messages):
            if place == PLACES[2]:
                await publish(self, messages[: len(messages) // 2])
            os._exit(KILLED)
        await publish(self, messages)

    Journal.write, Publisher.publish = written, sent  # type: ignore[method-assign]


if __name__ == "__main__":
    if "CRASH_AT" in os.environ:
        set_trap(os.environ["CRASH_AT"], int(os.environ["CRASH_AFTER"]))
    worker.main(service, [])
