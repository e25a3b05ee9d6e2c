"""How hard a server may be asked: rates with bursts, slowness where it asks for it, rest where it stays silent.

Pure: time is passed in. One name server serves thousands of customers, and whoever runs it must not have to defend it
against us: response rate limiting begins at 100 to 200 replies a second in common servers.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

SERVER_BURST_SECONDS = 2.0  # of its rate, unused, may be asked at once
REGISTRY_BURST_SECONDS = 2.0
ZONE_BURST_SECONDS = 6.0  # 30 questions: a deep look for TXT and one at MX ask about 20 at once
SILENCES_BEFORE_REST = 5
ZONES_BEFORE_REST = 3  # silent about so many zones, a server is silent about all
MAX_REST_SECONDS = 600.0
PROBE_SECONDS = 10.0  # one question at a time finds out whether a server is back
MAX_SLOWNESS = 16.0
SLOWNESS_HALF_LIFE_SECONDS = 60.0
MIN_FIRST_TRY_SECONDS = 0.2  # a busy machine must not take its own delay for a lost datagram
OTHER_CASES_BEFORE_TCP = 2
MAX_SERVERS = 10_000
MAX_PAIRS = 20_000
SHORTEST_WAIT_SECONDS = 0.001  # less is rounding
IDLE_SECONDS = 900.0  # longer than any rest


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Questions per second and at a time, and how long a silent server is left alone at first."""

    server_per_second: float = 20.0
    registry_per_second: float = 100.0  # a walk asks these for every customer
    zone_per_second: float = 5.0  # of one server about one zone
    server_in_flight: int = 100
    in_flight: int = 2_000  # of all servers: what the sockets' receive buffers hold
    rest_seconds: float = 30.0  # doubles up to ten minutes; 0 never lets a server rest


DEFAULT_RATES = Rates()


@dataclass(slots=True)
class Pace:
    """A rate with a burst: a bucket of turns, written down as the time at which it will be full again."""

    full_at: float = 0.0

    def next_turn_at(self, now: float, interval: float, burst_seconds: float) -> float:
        """Return when the next turn is due: now, as long as the bucket holds one."""
        if self.full_at <= now:
            return now
        return max(now, self.full_at - max(burst_seconds - interval, 0.0))

    def take(self, turn_at: float, interval: float, *, at_most_full_at: float | None = None) -> None:
        """Take the turn that is due at `turn_at`.

        Who does not wait for turns here empties the bucket and no more: at most until `at_most_full_at`.
        """
        full_at = max(self.full_at, turn_at) + interval
        self.full_at = full_at if at_most_full_at is None else max(self.full_at, min(full_at, at_most_full_at))


@dataclass(slots=True)
class Breaker:
    """Lets who stays silent rest; then one question at a time finds out whether it is back."""

    silences: int = 0
    rests_until: float = 0.0
    rest_seconds: float = 0.0  # above zero: open
    probe_until: float = 0.0

    def lets_through(self, now: float) -> bool:
        """Whether a question may go out. One that may after a rest is the probe: the others wait for its outcome."""
        if not self.rest_seconds:
            return True
        if now < self.rests_until or now < self.probe_until:
            return False
        self.probe_until = now + PROBE_SECONDS
        return True

    def heard(self) -> None:
        """Close: there was an answer."""
        self.silences = 0
        self.rest_seconds = self.rests_until = self.probe_until = 0.0

    def silent(
        self, now: float, first_rest_seconds: float, *, may_open: bool = True, at_most: float = MAX_REST_SECONDS
    ) -> None:
        """Count a time-out; the fifth in a row opens, and one after a rest doubles it."""
        self.silences += 1
        if not first_rest_seconds or not may_open or self.silences < SILENCES_BEFORE_REST or now < self.rests_until:
            return  # during a rest a late time-out says nothing new
        self.rest_seconds = min(self.rest_seconds * 2 or first_rest_seconds, at_most)
        self.rests_until = now + self.rest_seconds
        self.probe_until = 0.0


@dataclass(slots=True)
class RoundTrip:
    """How long a server takes, smoothed (RFC 6298)."""

    seconds: float = 0.0
    deviation_seconds: float = 0.0

    def measured(self, seconds: float) -> None:
        """Take a measurement in."""
        if not self.seconds:
            self.seconds, self.deviation_seconds = seconds, seconds / 2
            return
        self.deviation_seconds += (abs(seconds - self.seconds) - self.deviation_seconds) / 4
        self.seconds += (seconds - self.seconds) / 8

    def first_try_seconds(self, at_most: float) -> float:
        """Return how long the first try waits: less for a server that is known to be quick."""
        if not self.seconds:
            return at_most
        return min(at_most, max(MIN_FIRST_TRY_SECONDS, self.seconds + 4 * self.deviation_seconds))


@dataclass(slots=True)
class Server:
    """What is remembered of a server address."""

    address: str
    used_at: float = 0.0
    pace: Pace = field(default_factory=Pace)
    urgent_pace: Pace = field(default_factory=Pace)
    breaker: Breaker = field(default_factory=Breaker)
    silent_zones: set[bytes] = field(default_factory=set)
    round_trip: RoundTrip = field(default_factory=RoundTrip)
    other_cases: int = 0  # questions in a row whose case it changed
    slowed: float = 1.0  # as of slowed_at
    slowed_at: float = 0.0

    @property
    def changes_case(self) -> bool:
        """Whether mixed case protects nothing here, so that TCP has to."""
        return self.other_cases >= OTHER_CASES_BEFORE_TCP

    def slowness(self, now: float) -> float:
        """Return by what the server's rate is divided; it recovers by half a minute after minute."""
        if self.slowed == 1.0:
            return 1.0
        return max(1.0, self.slowed * 0.5 ** ((now - self.slowed_at) / SLOWNESS_HALF_LIFE_SECONDS))

    def slow_down(self, now: float) -> None:
        """Halve the rate: the server limits its replies."""
        self.slowed, self.slowed_at = min(self.slowness(now) * 2, MAX_SLOWNESS), now


@dataclass(slots=True)
class Pair:
    """What is remembered of a server about one zone."""

    zone: bytes
    is_registry: bool  # walks ask here for everybody's domains
    used_at: float = 0.0
    pace: Pace = field(default_factory=Pace)
    breaker: Breaker = field(default_factory=Breaker)


class Restraint:
    """What is remembered of all servers, bounded: the longest unused go first, and all that was idle for a while."""

    def __init__(self, rates: Rates) -> None:
        self.rates = rates
        self._servers: OrderedDict[str, Server] = OrderedDict()
        self._pairs: OrderedDict[tuple[str, bytes], Pair] = OrderedDict()

    def __len__(self) -> int:
        return len(self._servers) + len(self._pairs)

    def server(self, address: str, now: float) -> Server:
        """Return what is remembered of a server, making a place for it."""
        server = self._servers.get(address)
        if server is None:
            _drop_idle(self._servers, now, MAX_SERVERS)
            server = self._servers[address] = Server(address)
        else:
            self._servers.move_to_end(address)
        server.used_at = now
        return server

    def pair(self, server: Server, zone: bytes, now: float, *, is_registry: bool) -> Pair:
        """Return what is remembered of a server about one zone, making a place for it."""
        key = (server.address, zone)
        pair = self._pairs.get(key)
        if pair is None:
            _drop_idle(self._pairs, now, MAX_PAIRS)
            pair = self._pairs[key] = Pair(zone, is_registry)
        else:
            self._pairs.move_to_end(key)
        pair.used_at = now
        return pair

    def lets_through(self, server: Server, pair: Pair, now: float) -> bool:
        """Whether neither the server nor its word on this zone is to be left alone."""
        return pair.breaker.lets_through(now) and server.breaker.lets_through(now)

    def rests(self, server: Server, pair: Pair, now: float) -> bool:
        """Whether the server, or its word on this zone, is being left alone."""
        return now < pair.breaker.rests_until or now < server.breaker.rests_until

    def seconds_until_turn(
        self, server: Server, pair: Pair, now: float, at_most: float, *, is_urgent: bool = False
    ) -> float | None:
        """Take the next turn at a server and return the wait for it; None, taking none, when it is too long.

        What somebody waits for has a line of its own, as quick as the other, and does not wait for the zone's pace.
        """
        rates = self.rates
        per_second = rates.registry_per_second if pair.is_registry else rates.server_per_second
        burst_seconds = REGISTRY_BURST_SECONDS if pair.is_registry else SERVER_BURST_SECONDS
        interval = server.slowness(now) / per_second
        line = server.urgent_pace if is_urgent else server.pace
        turn_at = line.next_turn_at(now, interval, burst_seconds)
        zone_interval = 1 / rates.zone_per_second
        if not pair.is_registry and not is_urgent:
            turn_at = max(turn_at, pair.pace.next_turn_at(now, zone_interval, ZONE_BURST_SECONDS))
        if turn_at - now > at_most:
            return None
        line.take(turn_at, interval)
        if not pair.is_registry:
            pair.pace.take(turn_at, zone_interval, at_most_full_at=turn_at + ZONE_BURST_SECONDS if is_urgent else None)
        return turn_at - now if turn_at - now > SHORTEST_WAIT_SECONDS else 0.0

    def heard(self, server: Server, pair: Pair) -> None:
        """Note that the server answered."""
        server.breaker.heard()
        server.silent_zones.clear()
        pair.breaker.heard()

    def silent(self, server: Server, pair: Pair, now: float) -> None:
        """Note that the server did not answer in time.

        It may be silent about one zone and answer for the rest: one customer's wrong delegation must not make a
        provider unreachable for all others. So the server itself rests only after silence about several zones.
        When all registries are silent it is our own line that is cut: their rest never grows, so that looks go on soon
        after it is mended.
        """
        if len(server.silent_zones) < ZONES_BEFORE_REST:
            server.silent_zones.add(pair.zone)
        first_seconds = self.rates.rest_seconds
        at_most = first_seconds if pair.is_registry else MAX_REST_SECONDS
        pair.breaker.silent(now, first_seconds, at_most=at_most)
        is_silent_about_all = len(server.silent_zones) >= ZONES_BEFORE_REST
        server.breaker.silent(now, first_seconds, may_open=is_silent_about_all, at_most=at_most)


def _drop_idle(remembered: OrderedDict, now: float, at_most: int) -> None:
    """Make room for one more: what is idle goes, and the longest unused where there is too much."""
    while remembered and (len(remembered) >= at_most or next(iter(remembered.values())).used_at < now - IDLE_SECONDS):
        remembered.popitem(last=False)
