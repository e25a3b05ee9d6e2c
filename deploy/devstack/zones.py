"""One zone of the demo DNS server: its records and its zone file. What it answers is in `answers.py`."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.zone
from dns.name import Name
from dns.rdata import Rdata
from dns.rdataset import Rdataset
from dns.rdatatype import RdataType
from dns.rdtypes.ANY.TXT import TXT

from deploy.devstack.hierarchy import NEGATIVE_TTL_SECONDS, TTL_SECONDS

if TYPE_CHECKING:  # it needs `cryptography`, which the embedded stack does without
    from deploy.devstack.signing import Signer


def owner_name(zone: Name, name: str) -> Name:
    """Read `name` as a zone file does: relative to `zone` unless it ends with a dot; `@` is the zone itself."""
    return dns.name.from_text(name or "@", zone)


def txt_rdata(value: str) -> TXT:
    """Make a TXT record of exactly `value`, cut into strings of 255 octets as long values must be."""
    octets = value.encode()
    strings = [octets[start : start + 255] for start in range(0, len(octets), 255)] or [b""]
    return TXT(dns.rdataclass.IN, dns.rdatatype.TXT, strings)


def rdata_of(zone: Name, rdtype: RdataType, value: str) -> Rdata:
    """Read `value` as zone-file text, except TXT: there it is the literal value, quotes and blanks included."""
    if rdtype == dns.rdatatype.TXT:
        return txt_rdata(value)
    return dns.rdata.from_text(dns.rdataclass.IN, rdtype, value, origin=zone, relativize=False)


class DemoZone:
    """The records of one zone, and which names exist by them."""

    def __init__(self, origin: Name) -> None:
        self.origin = origin
        self.version = 0  # grows with every change: what was derived from the records is good for one version
        self.signer: Signer | None = None
        self._nodes: dict[Name, dict[RdataType, Rdataset]] = {}
        # Owner names below a name: a name without records but with descendants exists (empty non-terminal).
        self._below: Counter[Name] = Counter()

    @classmethod
    def create(cls, origin: Name, servers: dict[Name, str]) -> DemoZone:
        """Make a zone with SOA, NS and, where the servers lie inside it, their addresses."""
        zone = cls(origin)
        primary = next(iter(servers))
        soa = (
            f"{primary} hostmaster.{origin if origin != dns.name.root else ''} 1 3600 600 86400 {NEGATIVE_TTL_SECONDS}"
        )
        zone.add(origin, TTL_SECONDS, rdata_of(origin, dns.rdatatype.SOA, soa))
        for host, address in servers.items():
            zone.add(origin, TTL_SECONDS, rdata_of(origin, dns.rdatatype.NS, str(host)))
            if host.is_subdomain(origin):
                zone.add(host, TTL_SECONDS, rdata_of(origin, dns.rdatatype.A, address))
        return zone

    # -- records

    def get(self, name: Name, rdtype: RdataType) -> Rdataset | None:
        return self._nodes.get(name, {}).get(rdtype)

    def types_at(self, name: Name) -> list[RdataType]:
        return list(self._nodes.get(name, {}))

    def names(self) -> Iterator[Name]:
        return iter(list(self._nodes))

    def add(self, name: Name, ttl_seconds: int, rdata: Rdata) -> bool:
        """Add one record; say whether that changed anything."""
        node = self._nodes.get(name)
        if node is None:
            node = self._nodes[name] = {}
            self._below.update(self._ancestors(name))
        rdataset = node.setdefault(rdata.rdtype, Rdataset(dns.rdataclass.IN, rdata.rdtype))
        changed = rdata not in rdataset or rdataset.ttl != ttl_seconds
        rdataset.add(rdata, ttl_seconds)
        rdataset.ttl = ttl_seconds  # one TTL per set (RFC 2181 5.2); Rdataset.add would keep the smallest
        self.version += changed
        return changed

    def discard(self, name: Name, rdtype: RdataType, rdata: Rdata | None = None) -> bool:
        """Remove one record, or with no `rdata` the whole set; say whether that changed anything."""
        rdataset = self.get(name, rdtype)
        if rdataset is None or (rdata is not None and rdata not in rdataset):
            return False
        self.version += 1
        if rdata is not None and len(rdataset) > 1:
            rdataset.discard(rdata)
            return True
        node = self._nodes[name]
        del node[rdtype]
        if not node:
            del self._nodes[name]
            self._below.subtract(self._ancestors(name))
        return True

    def bump_serial(self) -> int:
        """Raise the SOA serial by one (RFC 1982 arithmetic) and return it."""
        rdataset = self._nodes[self.origin][dns.rdatatype.SOA]
        (soa,) = rdataset
        serial = (soa.serial + 1) % 2**32 or 1
        rdataset.add(soa.replace(serial=serial), rdataset.ttl)
        self.version += 1
        return serial

    def frozen_copy(self) -> DemoZone:
        """A copy that later changes do not reach: what a lagging secondary still serves."""
        frozen = DemoZone(self.origin)
        frozen._nodes = copy.deepcopy(self._nodes)
        frozen._below = self._below.copy()
        frozen.signer = self.signer.for_zone(frozen) if self.signer is not None else None
        return frozen

    # -- names

    def exists(self, name: Name) -> bool:
        """Whether there are records at `name` or below it; without own records it is an empty non-terminal."""
        return name in self._nodes or self._below[name] > 0

    def node(self, name: Name) -> dict[RdataType, Rdataset]:
        """The record sets at exactly `name`; none for an empty non-terminal."""
        return self._nodes.get(name, {})

    def closest_encloser(self, name: Name) -> Name:
        """The longest existing name that `name` is, or lies below (RFC 4592 3.3.1)."""
        while name != self.origin and not self.exists(name):
            name = name.parent()
        return name

    def _ancestors(self, name: Name) -> Iterator[Name]:
        while name != self.origin:
            name = name.parent()
            yield name

    # -- zone file

    def to_text(self) -> str:
        """The zone as a zone file of absolute names."""
        sets = (rdataset.to_text(name) for name, node in self._nodes.items() for rdataset in node.values())
        return "".join(f"{lines}\n" for lines in sets)

    @classmethod
    def from_text(cls, origin: Name, text: str) -> DemoZone:
        zone = cls(origin)
        read = dns.zone.from_text(text, origin, relativize=False)
        for name, ttl_seconds, rdata in read.iterate_rdatas():
            zone.add(name, ttl_seconds, rdata)
        return zone
