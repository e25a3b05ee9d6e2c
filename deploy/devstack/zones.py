"""One zone of the demo DNS server: its records, its answer to a question, its zone file."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.zone
from dns.name import Name
from dns.rdata import Rdata
from dns.rdataset import Rdataset
from dns.rdatatype import RdataType
from dns.rdtypes.ANY.TXT import TXT
from dns.rrset import RRset

TTL_SECONDS = 300
NEGATIVE_TTL_SECONDS = 60  # SOA minimum: how long others may remember that a name was absent
MAX_CNAMES = 8  # in-zone aliases followed in one answer; more is a loop in practice


@dataclass(slots=True)
class Answer:
    """What a zone says to one question: the sections of the reply and whether it speaks with authority."""

    rcode: dns.rcode.Rcode = dns.rcode.NOERROR
    authoritative: bool = True
    answer: list[RRset] = field(default_factory=list)
    authority: list[RRset] = field(default_factory=list)
    additional: list[RRset] = field(default_factory=list)


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
    """The records of one zone, answering as RFC 1034 4.3.2, RFC 4592 (wildcards) and RFC 2308 (negatives) ask."""

    def __init__(self, origin: Name) -> None:
        self.origin = origin
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
        return changed

    def discard(self, name: Name, rdtype: RdataType, rdata: Rdata | None = None) -> bool:
        """Remove one record, or with no `rdata` the whole set; say whether that changed anything."""
        rdataset = self.get(name, rdtype)
        if rdataset is None or (rdata is not None and rdata not in rdataset):
            return False
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
        return serial

    def frozen_copy(self) -> DemoZone:
        """A copy that later changes do not reach: what a lagging secondary still serves."""
        return copy.deepcopy(self)

    # -- questions

    def answer(self, qname: Name, rdtype: RdataType) -> Answer:
        """Answer one question, following aliases as long as they stay inside the zone."""
        found = Answer()
        name = qname
        for _ in range(MAX_CNAMES):
            if (cut := self._cut(name, rdtype)) is not None:
                return self._refer(found, cut)
            node = self._node(name)
            if wanted := _select(node, rdtype):
                found.answer += [_rrset(name, rdataset) for rdataset in wanted]
                return found
            alias = node.get(dns.rdatatype.CNAME) if node else None
            if alias is None:
                return self._deny(found, exists=node is not None)
            found.answer.append(_rrset(name, alias))
            name = next(iter(alias)).target
            if not name.is_subdomain(self.origin):
                return found
        return found

    def _cut(self, name: Name, rdtype: RdataType) -> Name | None:
        """The highest delegation at or above `name`; a DS question is the parent's own to answer."""
        depth = len(self.origin.labels)
        for labels in range(depth + 1, len(name.labels) + 1):
            cut = name.split(labels)[1]
            if dns.rdatatype.NS in self._nodes.get(cut, {}):
                return None if rdtype == dns.rdatatype.DS and cut == name else cut
        return None

    def _node(self, name: Name) -> dict[RdataType, Rdataset] | None:
        if name in self._nodes:
            return self._nodes[name]
        if self._below[name] > 0:
            return {}
        encloser = name.parent()
        while encloser not in self._nodes and self._below[encloser] <= 0 and encloser != self.origin:
            encloser = encloser.parent()
        return self._nodes.get(Name((b"*", *encloser.labels)))

    def _refer(self, found: Answer, cut: Name) -> Answer:
        delegation = self._nodes[cut][dns.rdatatype.NS]
        found.authoritative = bool(found.answer)
        found.authority.append(_rrset(cut, delegation))
        for host in (rdata.target for rdata in delegation):
            glue = (self.get(host, rdtype) for rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA))
            found.additional += [_rrset(host, rdataset) for rdataset in glue if rdataset is not None]
        return found

    def _deny(self, found: Answer, *, exists: bool) -> Answer:
        found.rcode = dns.rcode.NOERROR if exists else dns.rcode.NXDOMAIN
        found.authority.append(_rrset(self.origin, self._nodes[self.origin][dns.rdatatype.SOA]))
        return found

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


def _select(node: dict[RdataType, Rdataset] | None, rdtype: RdataType) -> list[Rdataset]:
    if not node:
        return []
    if rdtype == dns.rdatatype.ANY:
        return list(node.values())
    return [node[rdtype]] if rdtype in node else []


def _rrset(name: Name, rdataset: Rdataset) -> RRset:
    return dns.rrset.from_rdata_list(name, rdataset.ttl, list(rdataset))
