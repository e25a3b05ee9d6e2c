"""What one attempt may spend, so that no zone can keep this worker busy, and which limits ended something."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from services.dnscheck.observation import Limit, ServerAnswer

MAX_QUERIES = 64
MAX_NAMES = 5  # name servers without an address that are looked for: more is an attack on others (NXNSAttack)


def _now() -> float:
    return time.monotonic()


@dataclass(slots=True)
class Budget:
    """What one attempt may still spend, and what it ran out of: a look cut short must not blame the servers.

    `names` are the name servers that it may still find to be without an address; one that is found gives its place
    back. An `insistent` one, because somebody waits for the outcome, also asks servers that are left alone, and uses
    nothing that was remembered before it began below the registries.
    """

    ends_at: float  # of `Budget.now`
    queries: int = MAX_QUERIES
    names: int = MAX_NAMES
    insistent: bool = False
    begun_at: float = field(default_factory=_now)
    asked: list[ServerAnswer] = field(default_factory=list[ServerAnswer])  # every question of the walks
    limits: list[Limit] = field(default_factory=list[Limit])
    _loop: asyncio.AbstractEventLoop | None = field(default=None, repr=False, compare=False)

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop of the attempt, looked for once: before Python 3.12 that is a system call."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop

    @staticmethod
    def now() -> float:
        """Return the time that budgets go by: the event loop's clock, read without looking for the loop."""
        return time.monotonic()

    def remaining_seconds(self) -> float:
        """Return how long the attempt may go on; not above zero when its time is up."""
        return self.ends_at - self.now()

    def take_query(self) -> bool:
        """Spend one query; False when none is left or the time is up."""
        if self.queries > 0 and self.ends_at > time.monotonic():
            self.queries -= 1
            return True
        self.ran_out_of("queries" if self.queries <= 0 else "time")
        return False

    def ran_out_of(self, limit: Limit) -> None:
        """Note that a limit ended something."""
        if limit not in self.limits:
            self.limits.append(limit)

    def take_names(self, wanted: int) -> int:
        """Return for how many name servers it may be looked at the same time, and reserve their places."""
        taken = max(0, min(wanted, self.names))
        self.names -= taken
        return taken
