"""What is remembered of the way to a zone: its servers, and the addresses of name servers.

The rule. Every look asks the registry's server anew for each zone whose word counts: the domain's own, and those that
an alias leads to. What is remembered of them serves within one look only, so neither a yes nor a no ever rests on a
delegation that is older than the look, and a domain that moves to another provider is seen by the next one. Remembered
between looks are
- registries, by the TTL of their delegation, up to a day: they are what all domains below them share;
- zones on the way to the name servers of others, by the TTL of their delegation, up to an hour;
- addresses of name servers, by the TTL of their own zone's answer, between 30 seconds and an hour. Glue never counts
  beyond the delegation that it came with.
A look that confirmed nothing leaves the addresses of its name servers no more than those 30 seconds, counted from
their answer, and one that somebody waits for uses none that is older than itself. So an address outlives a move only
between looks that confirm, and only by the time that its own zone allows. A zone whose servers gave nothing is
forgotten at once.

Times are those of the caller's clock, in seconds: nothing here waits or looks at one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import dns.name
from dns.name import Name

from services.dnscheck.asking.replies import name_text
from services.dnscheck.observation import NameServer

MAX_REGISTRY_SECONDS = 86_400.0
MAX_ZONE_SECONDS = 3600.0
SHORTEST_HOST_SECONDS, LONGEST_HOST_SECONDS = 30.0, 3600.0
MAX_ZONES = MAX_HOSTS = 10_000  # kept: those used last. Some 1 kB each


@dataclass(frozen=True, slots=True)
class ZoneServers:
    """A zone cut as the parent described it."""

    zone: Name
    servers: tuple[NameServer, ...]

    def addresses(self) -> list[tuple[NameServer, str]]:
        """Return every address that may be asked, with its server."""
        return [(server, address) for server in self.servers for address in server.addresses]


@dataclass(frozen=True, slots=True)
class _Remembered:
    value: ZoneServers | NameServer
    learned_at: float
    expires_at: float


K = TypeVar("K", bound=Hashable)


class _Memory(Generic[K]):
    """A bounded number of things, those used last."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._things: OrderedDict[K, _Remembered] = OrderedDict()

    def __len__(self) -> int:
        return len(self._things)

    def get(self, key: K, now: float) -> _Remembered | None:
        thing = self._things.get(key)
        if thing is None:
            return None
        if thing.expires_at <= now:
            del self._things[key]
            return None
        self._things.move_to_end(key)
        return thing

    def put(self, key: K, thing: _Remembered) -> None:
        self._things[key] = thing
        self._things.move_to_end(key)
        if len(self._things) > self._most:
            self._things.popitem(last=False)

    def pop(self, key: K) -> _Remembered | None:
        return self._things.pop(key, None)


class Delegations:
    """Zones with their servers, and name servers with their addresses, each for its time."""

    def __init__(
        self, is_registry: Callable[[str], bool], max_zones: int = MAX_ZONES, max_hosts: int = MAX_HOSTS
    ) -> None:
        self._is_registry = is_registry
        self._zones: _Memory[Name] = _Memory(max_zones)
        self._hosts: _Memory[Name] = _Memory(max_hosts)

    def __len__(self) -> int:
        return len(self._zones) + len(self._hosts)

    def nearest(self, name: Name, now: float, not_before: float) -> tuple[Name, ZoneServers] | None:
        """Return the closest zone above `name` that is remembered, under the name that it was remembered for.

        Registries count whatever their age, others only if they were learned not before a time.
        """
        while name != dns.name.root:
            found = self._zones.get(name, now)
            if found is not None and (found.learned_at >= not_before or self.is_registry(name)):
                assert isinstance(found.value, ZoneServers)
                return name, found.value
            name = name.parent()
        return None

    def learn_zone(self, name: Name, servers: ZoneServers, now: float, ttl_seconds: float) -> None:
        """Remember who serves `name`."""
        life = min(ttl_seconds, MAX_REGISTRY_SECONDS if self.is_registry(name) else MAX_ZONE_SECONDS)
        self._zones.put(name, _Remembered(servers, now, now + life))

    def forget_zone(self, name: Name) -> None:
        """Drop a zone whose servers gave nothing."""
        self._zones.pop(name)

    def host(self, host: Name, now: float, not_before: float) -> tuple[NameServer, float] | None:
        """Return a name server that was looked for not before a time, and how many seconds more that counts."""
        found = self._hosts.get(host, now)
        if found is None or found.learned_at < not_before:
            return None
        assert isinstance(found.value, NameServer)
        return found.value, found.expires_at - now

    def learn_host(self, host: Name, server: NameServer, now: float, ttl_seconds: float) -> float:
        """Remember a name server's addresses, by the word of its own zone; return for how many seconds."""
        life = min(max(ttl_seconds, SHORTEST_HOST_SECONDS), LONGEST_HOST_SECONDS)
        self._hosts.put(host, _Remembered(server, now, now + life))
        return life

    def doubt(self, name: Name) -> None:
        """Drop the way to `name` below its registry, and let the addresses of its name servers end soon."""
        while name != dns.name.root and not self.is_registry(name):
            zone = self._zones.pop(name)
            if zone is not None and isinstance(zone.value, ZoneServers):
                for server in zone.value.servers:
                    self._doubt_host(dns.name.from_text(server.host))
            name = name.parent()

    def is_registry(self, name: Name) -> bool:
        """Return whether a zone is a public suffix."""
        return self._is_registry(name_text(name))

    def _doubt_host(self, host: Name) -> None:
        found = self._hosts.pop(host)
        if found is not None:
            soon = min(found.expires_at, found.learned_at + SHORTEST_HOST_SECONDS)
            self._hosts.put(host, replace(found, expires_at=soon))
