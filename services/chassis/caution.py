"""After an unclean end: whatever is taken in hand is noted first, so that a message that kills the process is found.

Batches grow from one message to their full size as they do no harm. A batch that was in hand when its process died is
gone through message by message, and a message that was alone in hand at DEATHS_ALLOWED deaths is not handled again.

Only deaths count. A process that lives on after an error (a table is missing, a disk is full) was not killed, one that
is still connected was not either, and what a restart of the database ended says nothing about a message.
"""

from collections.abc import Sequence

from services.chassis.book import Conn
from services.chassis.entries import Suspect
from services.chassis.journal import Journal
from services.chassis.received import Raw, Tick

DEATHS_ALLOWED = 3  # of one message in hand alone


class Caution:
    """How carefully one lane takes messages in hand."""

    def __init__(self, journal: Journal, lane: int, holder: str, full_size: int) -> None:
        self._journal, self._lane, self._holder, self._full_size = journal, lane, holder, full_size
        self._suspects: dict[str, Suspect] = {}
        self._size = 0  # of the next batch; 0 when nothing is suspected
        self._singly = 0  # messages left of the batch that died
        self._wake_ups_next = False

    async def begin(self, conn: Conn) -> None:
        """Remember what was in hand at the last death, if there was one, and begin with single messages."""
        found = await self._journal.suspects(conn, self._lane, self._holder)
        self._suspects = {suspect.first: suspect for suspect in found}
        self._size = 1

    @property
    def active(self) -> bool:
        """Say whether anything is suspected."""
        return self._size > 0

    def limits(self, waiting: int, wake_ups: int) -> tuple[int, int]:
        """Return how many messages and wake-ups may be taken in hand. In turns: a killer must not hide among others."""
        if not self.active:
            return self._full_size, self._full_size
        size = 1 if self._singly else self._size
        self._wake_ups_next = bool(wake_ups) and (self._wake_ups_next or not waiting)
        return (0, size) if self._wake_ups_next else (size, 0)

    def harmless(self, batch: Sequence[Raw | Tick]) -> int:
        """Return how many of the batch may be taken in hand together: a suspect is always alone."""
        first = self._suspects.get(name(batch[0]))
        if first is not None:
            self._singly = max(self._singly, first.messages if first.messages > 1 else 0)
            return 1
        return next((n for n, message in enumerate(batch) if name(message) in self._suspects), len(batch))

    def is_killer(self, message: Raw | Tick) -> bool:
        """Say whether the message has killed often enough."""
        suspect = self._suspects.get(name(message))
        return suspect is not None and suspect.messages == 1 and suspect.deaths >= DEATHS_ALLOWED

    async def note(self, conn: Conn, batch: Sequence[Raw | Tick]) -> None:
        """Write down what is taken in hand now, before it can kill."""
        known = self._suspects.get(name(batch[0]))
        deaths = known.deaths if known and known.messages == 1 else 0
        await self._journal.suspect(conn, self._lane, Suspect(name(batch[0]), len(batch), deaths), self._holder)

    async def acquit(self, conn: Conn, batch: Sequence[Raw | Tick]) -> None:
        """Let the batch that was in hand be harmless, and dare more next time."""
        self._suspects.pop(name(batch[0]), None)
        self._wake_ups_next = isinstance(batch[0], Raw)
        if self._singly:
            self._singly -= 1
        else:
            self._size *= 2
        if self._size > self._full_size:
            self._size = 0
            await self._journal.acquit_all(conn, self._lane)
        else:
            await self._journal.acquit(conn, self._lane, name(batch[0]))


def name(message: Raw | Tick) -> str:
    """Return what tells a message or wake-up from every other of its lane."""
    return str(message.id) if isinstance(message, Tick) else f"{message.stream}/{message.stream_seq}"
