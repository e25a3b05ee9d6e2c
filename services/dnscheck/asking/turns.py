"""Waiting for one's turn at a server, never longer than the attempt lasts."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from time import monotonic
from typing import NamedTuple

from services.dnscheck.asking.budget import Budget
from services.dnscheck.asking.replies import ServerTrouble
from services.dnscheck.asking.restraint import Pair, Rates, Restraint, Server
from services.dnscheck.measures import UNASKED

SWEEP_SECONDS = 0.1  # one look over all lines, instead of a timer for each who waits
RESTS = "not asked: it stayed silent before and is left alone for a while"
NO_TURN = "not asked: no turn at this server within the attempt's time"


class Turn(NamedTuple):
    """The right to have one question out at a server; give it back with `Turns.leave`."""

    server: Server
    pair: Pair
    places: Places


class Turns:
    """Decides who asks whom when. What it remembers of servers is in `restraint`."""

    def __init__(self, rates: Rates, is_registry: Callable[[bytes], bool]) -> None:
        self.restraint = Restraint(rates)
        self._rates = rates
        self._is_registry = is_registry
        self._all = Places(rates.in_flight)
        self._places: dict[str, Places] = {}  # of servers that have a question out
        self._sweeping_in: asyncio.AbstractEventLoop | None = None

    def enter(
        self, address: str, zone: bytes, budget: Budget
    ) -> Turn | ServerTrouble | Coroutine[None, None, Turn | ServerTrouble]:
        """Take a turn at the server at `address`, asked as one of `zone`; trouble where none comes in time.

        Where it has to be waited for, the waiting is returned; nearly always there is none, and a coroutine costs.
        """
        restraint, now = self.restraint, monotonic()
        server = restraint.server(address, now)
        pair = restraint.pair(server, zone, now, is_registry=self._is_registry(zone))
        if not budget.insistent and not restraint.lets_through(server, pair, now):
            return _unasked("resting", RESTS)
        wait_seconds = restraint.seconds_until_turn(server, pair, now, budget.ends_at - now, is_urgent=budget.insistent)
        if wait_seconds is None:
            return _unasked("no_turn", NO_TURN)
        if wait_seconds:
            return self._wait(server, pair, wait_seconds, budget)
        turn = self._turn(server, pair)
        if turn.places.free and self._all.free:
            turn.places.free -= 1
            self._all.free -= 1
            return turn
        return self._wait_for_place(turn, budget)

    def leave(self, turn: Turn) -> None:
        """Give a turn back; the first who waits has it then."""
        self._all.give()
        self._give_back(turn)

    def _turn(self, server: Server, pair: Pair) -> Turn:
        places = self._places.get(server.address)
        if places is None:
            places = self._places[server.address] = Places(self._rates.server_in_flight)
        return Turn(server, pair, places)

    async def _wait(self, server: Server, pair: Pair, seconds: float, budget: Budget) -> Turn | ServerTrouble:
        await asyncio.sleep(seconds)
        return await self._wait_for_place(self._turn(server, pair), budget)

    async def _wait_for_place(self, turn: Turn, budget: Budget) -> Turn | ServerTrouble:
        """Wait for a place at the server, then for one among all."""
        if turn.places.free:
            turn.places.free -= 1
        else:
            self._sweep_soon(budget.loop)
            place = turn.places.stand_in_line(budget)
            try:
                if not await place:
                    return _unasked("no_turn", NO_TURN)
            except asyncio.CancelledError:
                if not place.cancelled() and place.result():
                    self._give_back(turn)  # it came at the same moment
                raise
        if not budget.insistent and self.restraint.rests(turn.server, turn.pair, monotonic()):
            self._give_back(turn)
            return _unasked("resting", RESTS)
        if self._all.free:
            self._all.free -= 1
            return turn
        return await self._wait_among_all(turn, budget)

    async def _wait_among_all(self, turn: Turn, budget: Budget) -> Turn | ServerTrouble:
        self._sweep_soon(budget.loop)
        place = self._all.stand_in_line(budget)
        try:
            if await place:
                return turn
        except asyncio.CancelledError:
            if not place.cancelled() and place.result():
                self._all.give()
            self._give_back(turn)
            raise
        self._give_back(turn)
        return _unasked("no_turn", NO_TURN)

    def _sweep_soon(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._sweeping_in is not loop:  # an earlier loop ended with its timers
            self._sweeping_in = loop
            loop.call_later(SWEEP_SECONDS, self._sweep, loop)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        """Send those away whose time is up; again soon, as long as anybody stands in line."""
        self._sweeping_in = None
        now = monotonic()
        lines = [self._all, *self._places.values()]
        for places in lines:
            places.send_away(now)
        if any(places.has_line for places in lines):
            self._sweep_soon(loop)

    def _give_back(self, turn: Turn) -> None:
        turn.places.give()
        if turn.places.are_unused:
            self._places.pop(turn.server.address, None)


def _unasked(reason: str, says: str) -> ServerTrouble:
    UNASKED.labels(reason).inc()
    return ServerTrouble("timeout", says)


class Places:
    """So many at a time; the others wait in line, first come first served."""

    __slots__ = ("_count", "_line", "free")

    def __init__(self, count: int) -> None:
        self._count = self.free = count  # a place is free only while nobody waits
        self._line: deque[tuple[asyncio.Future[bool], float]] = deque()  # a place, and until when it is waited for

    @property
    def has_line(self) -> bool:
        """Whether anybody waits."""
        return bool(self._line)

    @property
    def are_unused(self) -> bool:
        """Whether every place is free."""
        return self.free == self._count

    def stand_in_line(self, budget: Budget) -> asyncio.Future[bool]:
        """Return what becomes True with a place, and False when the time is up."""
        place: asyncio.Future[bool] = budget.loop.create_future()
        self._line.append((place, budget.ends_at))
        return place

    def give(self) -> None:
        """Hand a place on to the first who still waits."""
        while self._line:
            place, _ = self._line.popleft()
            if not place.done():
                place.set_result(True)
                return
        self.free += 1

    def send_away(self, now: float) -> None:
        """End the waiting of those whose time is up."""
        if any(ends_at <= now for _, ends_at in self._line):
            for place, ends_at in self._line:
                if ends_at <= now and not place.done():
                    place.set_result(False)
            self._line = deque(waiting for waiting in self._line if not waiting[0].done())
