"""A worker's backlog while its replicas follow the load: a simulation, event by event, that always ends the same.

    python bench/autoscale.py                          a 50-fold burst, with several limits of replicas and polls
    python bench/autoscale.py --base 100 --factor 50 --burst-seconds 60

What it knows of the workers is measured: what a message and a batch cost, how long a replica takes to start and a lane
to change hands (bench/provisioning.py, bench/rolling.py). Lanes belong to replicas in fair shares, each replica takes
what waits in its lanes, up to 256 messages, in one batch. What it knows of the cluster is how KEDA and the autoscaler
beneath it behave: the backlog is looked at every so often; up it goes at once, but no faster than to twice as many, or
four more, in 15 seconds; down to the most that were wanted in the last minutes. Not in it: PostgreSQL and the bus, that
all replicas share. So its times are lower bounds where these are the limit (docs/scaling.md).
"""

import argparse
import heapq
import itertools
import math
import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from rich.console import Console
from rich.table import Table

UP_EVERY_SECONDS, UP_FACTOR, UP_BY = 15.0, 2, 4  # the autoscaler's own limits
Kind = Literal["arrival", "done", "poll", "ready", "lane"]


@dataclass(frozen=True)
class Terms:
    """The load, the worker and the cluster. Times in seconds, rates per second."""

    base_rate: float = 100.0
    factor: float = 50.0
    burst_from: float = 60.0
    burst_seconds: float = 60.0
    ends_at: float = 600.0
    lanes: int = 8
    batch_size: int = 256
    batch_seconds: float = 0.002  # bench/provisioning.py, one in flight: what a batch costs whatever its size
    message_seconds: float = 0.00041  # bench/provisioning.py, 512 in flight: billing, the dearest worker
    start_seconds: float = 2.0  # bench/rolling.py: from a process's start until it is ready
    schedule_seconds: float = 3.0  # assumed: a pod is placed, its image is there
    gap_seconds: float = 0.2  # bench/rolling.py: a lane changes hands
    fewest: int = 1
    most: int = 8
    wanted_backlog: int = 1000  # messages for each replica
    poll_seconds: float = 15.0
    cooldown_seconds: float = 300.0

    def rate(self, at: float) -> float:
        """Return the arrivals a second at a time."""
        in_burst = self.burst_from <= at < self.burst_from + self.burst_seconds
        return self.base_rate * (self.factor if in_burst else 1.0)


@dataclass
class Replica:
    """A process: its lanes, and what it has in hand until when."""

    number: int
    lanes: set[int] = field(default_factory=set)
    in_hand: list[float] = field(default_factory=list)  # when each message came
    busy_until: float = 0.0
    leaving: bool = False

    @property
    def is_busy(self) -> bool:
        """Say whether a batch is under way."""
        return bool(self.in_hand)


@dataclass
class Result:
    """What came of it."""

    arrived: int = 0
    waits: list[float] = field(default_factory=list)  # from a message's arrival until its batch is done
    left: int = 0
    most_waiting: int = 0
    most_replicas: int = 0
    fewest_replicas: int = 0
    drained_at: float | None = None  # after the burst, for the first time
    replica_seconds: float = 0.0
    message_seconds: float = 0.0  # messages in the system, integrated over time

    def wait(self, share: float) -> float:
        """Return the wait that this share of messages did not exceed."""
        ordered = sorted(self.waits)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Simulation:
    """One run. The same terms and seed give the same result."""

    def __init__(self, terms: Terms, *, seed: int = 1) -> None:
        self.terms, self._dice = terms, random.Random(seed)
        self.now = 0.0
        self._order = itertools.count()
        self._events: list[tuple[float, int, Kind, int]] = []
        self._waiting: list[deque[float]] = [deque() for _ in range(terms.lanes)]
        self._free_at = [0.0] * terms.lanes  # while a lane changes hands nobody takes from it
        self._numbers = itertools.count()
        self.replicas: dict[int, Replica] = {}
        self._starting = 0
        self._wanted: deque[tuple[float, int]] = deque()
        self._up_since: deque[tuple[float, int]] = deque()
        self._in_system = 0
        self.result = Result(fewest_replicas=terms.fewest)

    def run(self) -> Result:
        """Run to the end."""
        for _ in range(self.terms.fewest):
            self._begin(Replica(next(self._numbers)))
        self._free_at = [0.0] * self.terms.lanes
        self._later(self._next_arrival(0.0), "arrival")
        self._later(self.terms.poll_seconds, "poll")
        while self._events and self._events[0][0] <= self.terms.ends_at:
            at, _, kind, number = heapq.heappop(self._events)
            self._pass_time(at)
            self._happen(kind, number)
        self._pass_time(self.terms.ends_at)
        self.result.left = self._in_system
        return self.result

    # --- time ------------------------------------------------------------------------------------------------------

    def _later(self, at: float, kind: Kind, number: int = 0) -> None:
        heapq.heappush(self._events, (at, next(self._order), kind, number))

    def _pass_time(self, at: float) -> None:
        self.result.message_seconds += self._in_system * (at - self.now)
        self.result.replica_seconds += (len(self.replicas) + self._starting) * (at - self.now)
        self.now = at

    def _next_arrival(self, now: float) -> float:
        # By thinning: exact for a rate that changes.
        highest = self.terms.base_rate * max(1.0, self.terms.factor)
        while True:
            now += self._dice.expovariate(highest)
            if self._dice.random() * highest <= self.terms.rate(now):
                return now

    def _happen(self, kind: Kind, number: int) -> None:
        match kind:
            case "arrival":
                self._arrive()
            case "done":
                self._finish(self.replicas[number])
            case "poll":
                self._poll()
            case "ready":
                self._starting -= 1
                self._begin(Replica(next(self._numbers)))
            case "lane":
                self._take_all()

    # --- messages --------------------------------------------------------------------------------------------------

    def _arrive(self) -> None:
        lane = self._dice.randrange(self.terms.lanes)
        self._waiting[lane].append(self.now)
        self.result.arrived += 1
        self._in_system += 1
        self.result.most_waiting = max(self.result.most_waiting, self._in_system)
        self._take(next(replica for replica in self.replicas.values() if lane in replica.lanes))
        self._later(self._next_arrival(self.now), "arrival")

    def _take(self, replica: Replica) -> None:
        if replica.is_busy:
            return
        room, lanes = self.terms.batch_size, [n for n in replica.lanes if self._free_at[n] <= self.now]
        for position, lane in enumerate(sorted(lanes, key=lambda n: len(self._waiting[n]))):
            share = min(len(self._waiting[lane]), -(-room // (len(lanes) - position)))
            replica.in_hand += [self._waiting[lane].popleft() for _ in range(share)]
            room -= share
        if replica.in_hand:
            terms = self.terms
            replica.busy_until = self.now + terms.batch_seconds + len(replica.in_hand) * terms.message_seconds
            self._later(replica.busy_until, "done", replica.number)

    def _take_all(self) -> None:
        for replica in self.replicas.values():
            self._take(replica)

    def _finish(self, replica: Replica) -> None:
        self.result.waits += [self.now - came for came in replica.in_hand]
        self._in_system -= len(replica.in_hand)
        replica.in_hand = []
        over = self.terms.burst_from + self.terms.burst_seconds
        if self.result.drained_at is None and self.now >= over and self._in_system <= self.terms.batch_size:
            self.result.drained_at = self.now
        if replica.leaving:
            del self.replicas[replica.number]
        else:
            self._take(replica)

    # --- replicas --------------------------------------------------------------------------------------------------

    def _poll(self) -> None:
        terms = self.terms
        backlog = sum(len(lane) for lane in self._waiting)
        wanted = min(terms.most, max(terms.fewest, math.ceil(backlog / terms.wanted_backlog)))
        self._wanted.append((self.now, wanted))
        while self._wanted[0][0] < self.now - terms.cooldown_seconds:
            self._wanted.popleft()
        present = len(self._staying) + self._starting
        if wanted > present:
            self._grow(present, wanted)
        else:
            self._shrink(max(number for _, number in self._wanted))
        self._later(self.now + terms.poll_seconds, "poll")

    def _grow(self, present: int, wanted: int) -> None:
        self._up_since.append((self.now, present))
        while self._up_since[0][0] <= self.now - UP_EVERY_SECONDS:
            self._up_since.popleft()
        before = self._up_since[0][1]
        for _ in range(present, min(wanted, max(UP_FACTOR * before, before + UP_BY))):
            self._starting += 1
            self._later(self.now + self.terms.schedule_seconds + self.terms.start_seconds, "ready")

    def _shrink(self, wanted: int) -> None:
        for replica in self._staying[max(wanted, self.terms.fewest) :]:
            replica.leaving = True
            self._share_out()
            if not replica.is_busy:
                del self.replicas[replica.number]

    def _begin(self, replica: Replica) -> None:
        self.replicas[replica.number] = replica
        self._share_out()
        self.result.most_replicas = max(self.result.most_replicas, len(self._staying))

    @property
    def _staying(self) -> list[Replica]:
        return [replica for replica in self.replicas.values() if not replica.leaving]

    def _share_out(self) -> None:
        """Give every replica its fair share of lanes; those that it has it keeps."""
        staying = self._staying
        share = math.ceil(self.terms.lanes / len(staying))
        owners = {lane: replica for replica in self.replicas.values() for lane in replica.lanes}
        for replica in self.replicas.values():
            replica.lanes = set() if replica.leaving else set(sorted(replica.lanes)[:share])
        kept = set().union(*(replica.lanes for replica in staying))
        for lane in sorted(set(range(self.terms.lanes)) - kept):
            taker = min(staying, key=lambda replica: (len(replica.lanes), replica.number))
            taker.lanes.add(lane)
            # The owner before finishes its batch, then lets go.
            given = max(self.now, owners[lane].busy_until) if lane in owners else self.now
            self._free_at[lane] = given + self.terms.gap_seconds
            self._later(self._free_at[lane], "lane")


def variants(terms: Terms) -> Iterator[tuple[str, Terms]]:
    """Yield what the table compares."""
    from dataclasses import replace

    for most in (1, 2, 4, 8):
        yield f"8 lanes, {most} at most", replace(terms, most=most)
    yield "8 lanes, 8 at most, poll 5 s", replace(terms, poll_seconds=5.0)
    yield "8 lanes, always 8", replace(terms, fewest=8)
    yield "4 lanes, 4 at most", replace(terms, lanes=4, most=4)
    yield "4 lanes, 8 asked for", replace(terms, lanes=4, most=8)


def report(terms: Terms, *, seed: int = 1) -> list[tuple[str, ...]]:
    """Return the table's rows."""
    rows: list[tuple[str, ...]] = []
    for name, variant in variants(terms):
        result = Simulation(variant, seed=seed).run()
        over = terms.burst_from + terms.burst_seconds
        drained = "not at all" if result.drained_at is None else f"{result.drained_at - over:.0f}"
        rows.append((
            name, f"{result.most_replicas}", f"{result.most_waiting:,}", drained, f"{result.wait(0.5):.2f}",
            f"{result.wait(0.99):.1f}", f"{result.replica_seconds:,.0f}",
        ))  # fmt: skip
    return rows


HEADINGS = ("", "replicas", "longest backlog", "empty after s", "p50 s", "p99 s", "replica seconds")


def main() -> None:
    """Parse the command line and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", type=float, default=Terms.base_rate)
    parser.add_argument("--factor", type=float, default=Terms.factor)
    parser.add_argument("--burst-seconds", type=float, default=Terms.burst_seconds)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    terms = Terms(base_rate=options.base, factor=options.factor, burst_seconds=options.burst_seconds)
    table = Table(*HEADINGS)
    for row in report(terms, seed=options.seed):
        table.add_row(*row)
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
