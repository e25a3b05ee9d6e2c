"""What one attempt may spend, so that no zone can keep this worker busy."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from services.dnscheck.observation import ServerAnswer

MAX_QUERIES = 64
MAX_UNRESOLVED = 5  # name server names without an address: more is an attack on somebody else's servers (NXNSAttack)


@dataclass(slots=True)
class Budget:
    """What one attempt may still spend: queries, time, and name servers whose address nobody knows."""

    ends_at: float  # event loop time
    queries: int = MAX_QUERIES
    unresolved: int = MAX_UNRESOLVED
    asked: list[ServerAnswer] = field(default_factory=list)  # every question of the walks, for the diagnosis

    def remaining_seconds(self) -> float:
        """Return how long the attempt may go on; not above zero when its time is up."""
        return self.ends_at - asyncio.get_running_loop().time()

    def take_query(self) -> bool:
        """Spend one query; False when none is left or the time is up."""
        if self.queries <= 0 or self.remaining_seconds() <= 0:
            return False
        self.queries -= 1
        return True
