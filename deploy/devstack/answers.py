"""What a zone answers: RFC 1034 4.3.2 with wildcards (RFC 4592), negatives (RFC 2308), DNAME (RFC 6672), DNSSEC (4035).

A zone with a signer adds RRSIG, and NSEC as proof of what is not there, for those who ask with DO.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
from dns.name import Name
from dns.rdataset import Rdataset
from dns.rdatatype import RdataType
from dns.rdtypes.ANY.CNAME import CNAME
from dns.rrset import RRset

from deploy.devstack.zones import DemoZone

MAX_CNAMES = 16  # aliases followed within one answer; more is a loop in practice


@dataclass(slots=True)
class Answer:
    """What a zone says to one question: the sections of the reply and whether it speaks with authority."""

    rcode: dns.rcode.Rcode = dns.rcode.NOERROR
    authoritative: bool = True
    answer: list[RRset] = field(default_factory=list)
    authority: list[RRset] = field(default_factory=list)
    additional: list[RRset] = field(default_factory=list)


def answer(zone: DemoZone, qname: Name, rdtype: RdataType, *, dnssec: bool = False) -> Answer:
    """Answer one question about a name of `zone`, following aliases as long as they stay inside it."""
    return _Answering(zone, dnssec=dnssec).answer(qname, rdtype)


class _Answering:
    """One answer while it is put together."""

    def __init__(self, zone: DemoZone, *, dnssec: bool) -> None:
        self._zone = zone
        self._signer = zone.signer if dnssec else None
        self._found = Answer()

    def answer(self, qname: Name, rdtype: RdataType) -> Answer:
        name: Name | None = qname
        seen: set[Name] = set()
        while name is not None and name not in seen and len(seen) < MAX_CNAMES:
            seen.add(name)
            name = self._step(name, rdtype)
            if name is not None and not name.is_subdomain(self._zone.origin):
                break
        return self._found

    def _step(self, name: Name, rdtype: RdataType) -> Name | None:
        """Answer for one name; return the name to go on with where it is an alias."""
        if (stop := self._stop(name, rdtype)) is not None:
            if dns.rdatatype.DNAME not in self._zone.node(stop):
                return self._refer(stop)
            target = self._redirect(name, stop)
            return None if rdtype == dns.rdatatype.CNAME else target  # the CNAME that was made is the answer
        encloser = self._zone.closest_encloser(name)
        source = name if encloser == name else dns.name.Name((b"*", *encloser.labels))
        if not self._zone.exists(source):
            return self._deny(name, encloser, dns.rcode.NXDOMAIN)
        node = self._zone.node(source)
        wanted = list(node.values()) if rdtype == dns.rdatatype.ANY else [node[rdtype]] if rdtype in node else []
        alias = None if wanted else node.get(dns.rdatatype.CNAME)
        for rdataset in [alias] if alias is not None else wanted:
            self._give(name, source, rdataset)
        if not wanted and alias is None:
            return self._deny(name, encloser, dns.rcode.NOERROR)
        if source != name:
            self._prove_absent(name)
        return next(iter(alias)).target if alias is not None else None

    def _stop(self, name: Name, rdtype: RdataType) -> Name | None:
        """The highest delegation at or above `name`, or DNAME above it; a DS question is the parent's own to answer."""
        for labels in range(len(self._zone.origin.labels), len(name.labels) + 1):
            above = name.split(labels)[1]
            node = self._zone.node(above)
            if dns.rdatatype.NS in node and above != self._zone.origin:
                return None if rdtype == dns.rdatatype.DS and above == name else above
            if dns.rdatatype.DNAME in node and above != name:
                return above
        return None

    def _redirect(self, name: Name, owner: Name) -> Name | None:
        dname = self._zone.node(owner)[dns.rdatatype.DNAME]
        self._give(owner, owner, dname)
        try:
            target = name.relativize(owner).concatenate(next(iter(dname)).target)
        except dns.name.NameTooLong:
            self._found.rcode = dns.rcode.YXDOMAIN
            return None
        made = CNAME(dns.rdataclass.IN, dns.rdatatype.CNAME, target)
        self._found.answer.append(dns.rrset.from_rdata(name, dname.ttl, made))  # unsigned: it follows from the DNAME
        return target

    def _refer(self, cut: Name) -> None:
        node = self._zone.node(cut)
        delegation = node[dns.rdatatype.NS]
        self._found.authoritative = bool(self._found.answer)
        self._found.authority.append(_rrset(cut, delegation))
        if self._signer is not None and dns.rdatatype.DS in node:
            self._add(self._found.authority, cut, cut, node[dns.rdatatype.DS])
        else:
            self._prove_absent(cut)
        for host in (rdata.target for rdata in delegation):
            glue = (self._zone.get(host, rdtype) for rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA))
            self._found.additional += [_rrset(host, rdataset) for rdataset in glue if rdataset is not None]

    def _deny(self, name: Name, encloser: Name, rcode: dns.rcode.Rcode) -> None:
        self._found.rcode = rcode
        origin = self._zone.origin
        soa = self._zone.node(origin)[dns.rdatatype.SOA]
        negative_ttl = min(soa.ttl, next(iter(soa)).minimum)
        self._add(self._found.authority, origin, origin, soa, ttl_seconds=negative_ttl)
        self._prove_absent(name)
        if encloser != name:  # the wildcard has no such records either, or is not there
            self._prove_absent(dns.name.Name((b"*", *encloser.labels)))

    def _give(self, owner: Name, source: Name, rdataset: Rdataset) -> None:
        self._add(self._found.answer, owner, source, rdataset)

    def _prove_absent(self, name: Name) -> None:
        """Add the NSEC at `name`, or the one that spans it, once."""
        if self._signer is None:
            return
        owner, nsec = self._signer.nsec(name)
        if _rrset(owner, nsec) not in self._found.authority:
            self._add(self._found.authority, owner, owner, nsec)

    def _add(
        self, section: list[RRset], owner: Name, source: Name, rdataset: Rdataset, *, ttl_seconds: int | None = None
    ) -> None:
        """Add a set that stands at `source`, presented at `owner`: they differ where a wildcard answers."""
        ttl = rdataset.ttl if ttl_seconds is None else ttl_seconds
        section.append(_rrset(owner, rdataset, ttl))
        if self._signer is not None and (signature := self._signer.rrsig(source, rdataset)) is not None:
            section.append(dns.rrset.from_rdata(owner, ttl, signature))


def _rrset(owner: Name, rdataset: Rdataset, ttl_seconds: int | None = None) -> RRset:
    return dns.rrset.from_rdata_list(owner, rdataset.ttl if ttl_seconds is None else ttl_seconds, list(rdataset))
