"""What many looks want to know at the same time is asked once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class _Flight:
    task: asyncio.Task[Any]
    passengers: int = 0
    waits_for: Counter[Hashable] = field(default_factory=Counter[Hashable])


class Circle(Exception):
    """Whoever waited would wait for itself: the caller has to find out alone."""


class Flights(Generic[T]):
    """Work under way, by what it finds out.

    It runs in a task of its own: a look that is cancelled leaves it to the others, and the last to leave ends it.
    """

    def __init__(self) -> None:
        self._flights: dict[Hashable, _Flight] = {}

    def __len__(self) -> int:
        return len(self._flights)

    async def share(
        self,
        key: Hashable,
        work: Callable[[], Awaitable[T]],
        waiter: Hashable | None = None,
        *,
        seconds: float | None = None,
    ) -> tuple[T, bool]:
        """Return what `work` finds out, its own or that of who began it earlier, and whether it was its own.

        `waiter` is the key of the work from within which this is called. Raises Circle where two works would wait for
        each other, as for name servers that are named in each other's zones, and TimeoutError where the work of another
        takes longer than `seconds`: its time is not that of who waits.
        """
        flight = self._flights.get(key)
        is_own = flight is None
        if flight is None:
            flight = self._flights[key] = _Flight(asyncio.ensure_future(work()))
            flight.task.add_done_callback(lambda _: self._land(key, flight))
        elif waiter is not None and self._waits_for(key, waiter):
            raise Circle
        waiting = self._flights.get(waiter) if waiter is not None else None
        flight.passengers += 1
        if waiting is not None:
            waiting.waits_for[key] += 1
        try:
            async with asyncio.timeout(None if is_own else seconds):
                return await asyncio.shield(flight.task), is_own
        finally:
            flight.passengers -= 1
            if waiting is not None:
                waiting.waits_for[key] -= 1
            if not flight.passengers and not flight.task.done():
                self._land(key, flight)  # who comes now begins anew
                flight.task.cancel()

    def _land(self, key: Hashable, flight: _Flight) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]

    def _waits_for(self, key: Hashable, other: Hashable) -> bool:
        seen: set[Hashable] = set()
        waiting = [key]
        while waiting:
            here = waiting.pop()
            if here == other:
                return True
            flight = self._flights.get(here)
            if flight is not None and here not in seen:
                seen.add(here)
                waiting += [key for key, count in flight.waits_for.items() if count > 0]
        return False
