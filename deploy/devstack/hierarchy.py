"""The small DNS hierarchy that demo and tests live in: which addresses serve it, and what every server of it can do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import dns.name
from dns.name import Name

TTL_SECONDS = 300
NEGATIVE_TTL_SECONDS = 60  # SOA minimum: how long others may remember that a name was absent

ROOT_ADDRESS = "127.53.0.1"
TLD_ADDRESS = "127.53.0.2"
ZONE_ADDRESSES = ("127.53.0.3", "127.53.0.4")
ADDRESSES = (ROOT_ADDRESS, TLD_ADDRESS, *ZONE_ADDRESSES)
ROOT_SERVER = "ns.root-servers."
REGISTRY_SERVER = "ns.nic"  # below every top-level domain
ELSEWHERE = "mx.elsewhere.example."  # a mail server of somebody else's, for MX records that do not point to us
TLDS = ("de", "com", "example")


class Hierarchy(Protocol):
    """Root, top-level domains and zones on loopback, changed from within: `DemoDns`, or the real `KnotDns`.

    Both also take RFC 2136 updates at `update_address`. Faults are for `DemoDns` alone.
    """

    root_address: str
    tld_address: str
    update_address: str
    port: int

    async def start(self) -> None:
        """Serve; on return `port` is set and every zone is answered for."""
        ...

    async def stop(self) -> None:
        """Serve no more."""
        ...

    def add_zone(self, domain: str) -> None:
        """Register `domain` and serve an empty zone for it; an existing zone keeps its records."""
        ...

    def remove_zone(self, domain: str) -> None:
        """Give `domain` up: its delegation, glue and zone are gone."""
        ...

    def set_records(
        self, zone: str, name: str, rdtype: str, values: Iterable[str], *, ttl_seconds: int = TTL_SECONDS
    ) -> None:
        """Make `values` the only records of one type at `name`; none deletes them.

        Names and values are read as in a zone file of `zone`: relative unless they end with a dot, `@` is the zone.
        A TXT value is taken literally.
        """
        ...

    def freeze(self, address: str, zone: str) -> None:
        """Let the server at `address` keep serving `zone` as it is now, as a lagging secondary does."""
        ...

    def thaw(self, address: str, zone: str) -> None:
        """Let the server at `address` serve the current `zone` again."""
        ...

    def sign(self, zone: str) -> None:
        """Sign `zone` and have its parent vouch for its key; the root is `.` and has no parent."""
        ...

    def trust_anchor(self) -> str:
        """The signed root's key, as DNSKEY text: what a validating resolver has to know."""
        ...


def server_names(origin: Name) -> dict[Name, str]:
    """The name servers every demo domain gets, with their addresses."""
    return {
        dns.name.from_text(f"ns{number}", origin): address for number, address in enumerate(ZONE_ADDRESSES, start=1)
    }


def serving(origin: Name) -> tuple[str, ...]:
    """The addresses that serve a zone: one for the root, one for top-level domains, two for what is below."""
    depth = len(origin.labels) - 1  # the root's own label does not count
    return {0: (ROOT_ADDRESS,), 1: (TLD_ADDRESS,)}.get(depth, ZONE_ADDRESSES)
