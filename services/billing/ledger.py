"""The ledger: every movement of a holding and every state of an account, in the order in which they happened. Pure.

A page is what one message wrote. Its entries carry the room's revision, which grows with every movement, so an
account's entries have an order of their own, and the last entry of a holder is the holding. Nothing in it is ever
changed: counters and holdings can be made anew from it, and charges name the entries that they rest on.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.billing.capacity import NOTHING, Counter, Holding, Moved, Room, counted
from services.billing.rules import Account


class Because(NamedTuple):
    """What moved something: the message, its type (or the wake-up's kind), and the request behind it."""

    message_id: UUID
    request_id: UUID
    type: str


class Entry(NamedTuple):
    """One holding after a movement. `revision` is the room's; `booked` says that news of the thing itself came."""

    holder: str
    revision: int
    after: Holding
    because: Because
    booked: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """An account after a change of its package, terms or master data, from `at` on."""

    account: Account
    caps: Mapping[str, int | None]
    at: datetime
    because: Because


class Page(NamedTuple):
    """What one message wrote into the ledger of one account."""

    entries: tuple[Entry, ...] = ()
    standing: Standing | None = None


EMPTY = Page()


def page_of(account_id: str, message_id: UUID) -> tuple[str, bytes]:
    """Return the key of a page. Bytes, because sorting and hashing UUIDs costs more than all the rest."""
    return account_id, message_id.bytes


def entered(page: Page | None, revision: int, moves: Iterable[Moved], because: Because) -> Page:
    """Write movements down after what the page has already."""
    before = page or EMPTY
    entries = (
        Entry(holder, revision, after, because, (after.since, after.revision) != (held.since, held.revision))
        for holder, held, after in moves
    )
    return Page((*before.entries, *entries), before.standing)


def caps_of(room: Room) -> dict[str, int | None]:
    """Return the caps that a room has, by resource; a plan without a cap is left out."""
    return {
        resource: counter.cap
        for resource, counter in room.counters.items()
        if counter.cap is not None or not resource.startswith("plan.")
    }


def replayed(entries: Iterable[Entry]) -> dict[str, Holding]:
    """Return the holdings that the entries lead to, by holder. What is empty may be missing from the table."""
    last: dict[str, Entry] = {}
    for entry in entries:
        known = last.get(entry.holder)
        if known is None or known.revision < entry.revision:
            last[entry.holder] = entry
    return {holder: entry.after for holder, entry in last.items()}


def recounted(holdings: Mapping[str, Holding], caps: Mapping[str, int | None], revision: int) -> dict[str, Counter]:
    """Return the counters over holdings; a resource without cap and use has none."""
    sums = counted(Moved(holder, NOTHING, holding) for holder, holding in holdings.items())
    return {
        resource: Counter(caps.get(resource), *sums.get(resource, (0, 0)), revision)
        for resource in {**caps, **{name: None for name, taken in sums.items() if any(taken)}}
    }
