"""Whose turn it is among due timers: accounts in turns, whatever the number of rows that each has due. Pure.

What waits in memory is bounded: a few rows of each account, the rest stays in the table. An account that has more is
read again, by itself, from where it was left; so one with 100,000 rows due costs as much as one with a hundred.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

PER_ACCOUNT = 16  # rows of an account that wait in memory, where others wait too
KEPT = 1024  # of all accounts together; a page may go over it

Name = tuple[str, str]  # kind, key


@dataclass(frozen=True, slots=True)
class DueTimer:
    """A timer row whose time has come."""

    kind: str
    key: str
    account: str
    due_at: datetime
    payload: dict[str, Any]
    traceparent: str | None = None

    @property
    def name(self) -> Name:
        """Return what tells it from every other timer."""
        return self.kind, self.key

    @property
    def place(self) -> "Place":
        """Return where it stands in the order in which timers are due."""
        return Place(self.due_at, self.kind, self.key)


class Place(NamedTuple):
    """A place in the order in which timers are due."""

    due_at: datetime
    kind: str = ""
    key: str = ""


class Backlog:
    """Due timers that wait for room, a few of each account."""

    def __init__(self, per_account: int = PER_ACCOUNT, kept: int = KEPT) -> None:
        self._per_account, self._kept = per_account, kept
        self._queues: OrderedDict[str, dict[Name, DueTimer]] = OrderedDict()  # who waited longest for a turn first
        self._accounts: dict[Name, str] = {}
        self._left: dict[str, Place] = {}  # accounts with more rows in the table, after this one

    def __len__(self) -> int:
        return len(self._accounts)

    def offer(self, timer: DueTimer) -> None:
        """Let a timer wait, or leave it in the table where its account has enough waiting.

        Timers of one account come in the order in which they are due.
        """
        queue = self._queues.get(timer.account, {})
        if timer.name in queue:
            queue[timer.name] = timer
        elif timer.account in self._left:
            return
        elif len(queue) < self._per_account:
            self._put(timer)
        else:
            self._left[timer.account] = next(reversed(queue.values())).place

    def discard(self, name: Name) -> None:
        """Forget a timer that was set anew or cancelled."""
        account = self._accounts.pop(name, None)
        if account is not None:
            del self._queues[account][name]
            if not self._queues[account]:
                del self._queues[account]

    def take(self, may_begin: Callable[[str], bool]) -> Iterator[DueTimer]:
        """Yield timers one account after the other, as long as there is one that may begin another."""
        resting = 0  # accounts asked in a row that may not begin
        while resting < len(self._queues):
            account, queue = next(iter(self._queues.items()))
            self._queues.move_to_end(account)
            if may_begin(account):
                resting = 0
                timer = next(iter(queue.values()))
                self.discard(timer.name)
                yield timer
            else:
                resting += 1

    # --- what is left in the table ---------------------------------------------------------------------------------

    @property
    def has_room(self) -> bool:
        """Say whether more may come to wait."""
        return len(self) < self._kept

    @property
    def left(self) -> list[str]:
        """Return the accounts whose further rows need not be read with the others'."""
        return list(self._left)

    def wanting(self) -> tuple[dict[str, Place], int]:
        """Return accounts with few rows here and more in the table, each with its place, and how many rows for each.

        Who was left longest comes first; nobody while there is no room.
        """
        room = max(0, self._kept - len(self))
        few = self._per_account // 2
        wanting = [account for account in self._left if len(self._queues.get(account, ())) <= few]
        chosen = wanting[: room // self._per_account]
        return {account: self._left[account] for account in chosen}, room // len(chosen) if chosen else 0

    def refill(self, wanting: Iterable[str], timers: Iterable[DueTimer], most: int) -> None:
        """Let what was left wait: `timers` of the accounts of `wanting`, at most so many of each, in their order."""
        found: dict[str, list[DueTimer]] = {account: [] for account in wanting}
        for timer in timers:
            found[timer.account].append(timer)
            self._put(timer)
        for account, rows in found.items():
            place = self._left.pop(account)
            if len(rows) == most:
                self._left[account] = rows[-1].place if rows else place

    def _put(self, timer: DueTimer) -> None:
        self.discard(timer.name)
        self._queues.setdefault(timer.account, {})[timer.name] = timer
        self._accounts[timer.name] = timer.account
