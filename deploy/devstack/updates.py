"""RFC 2136 on a demo zone: prerequisites first, then every change or none."""

from __future__ import annotations

import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
from dns.rcode import Rcode
from dns.rdatatype import RdataType
from dns.rrset import RRset
from dns.update import UpdateMessage

from deploy.devstack.zones import DemoZone

_APEX_KEPT = (dns.rdatatype.SOA, dns.rdatatype.NS)  # RFC 2136 3.4.2.3: a zone never loses these two to a deletion


def apply_update(zone: DemoZone, update: UpdateMessage) -> Rcode:
    """Carry out `update` and raise the SOA serial when something changed; any rcode but NOERROR changed nothing."""
    if any(not rrset.name.is_subdomain(zone.origin) for rrset in (*update.prerequisite, *update.update)):
        return dns.rcode.NOTZONE
    if (failed := _failed_prerequisite(zone, update.prerequisite)) is not None:
        return failed
    changed = [_change(zone, rrset) for rrset in update.update]
    if any(changed):
        zone.bump_serial()
    return dns.rcode.NOERROR


def _failed_prerequisite(zone: DemoZone, prerequisites: list[RRset]) -> Rcode | None:
    """The rcode of the first prerequisite that does not hold (RFC 2136 3.2.5)."""
    wanted: dict[tuple[dns.name.Name, RdataType], set[dns.rdata.Rdata]] = {}
    for rrset in prerequisites:
        by_name = rrset.rdtype == dns.rdatatype.ANY
        present = bool(zone.types_at(rrset.name) if by_name else zone.get(rrset.name, rrset.rdtype))
        if rrset.deleting == dns.rdataclass.ANY and not present:
            return dns.rcode.NXDOMAIN if by_name else dns.rcode.NXRRSET
        if rrset.deleting == dns.rdataclass.NONE and present:
            return dns.rcode.YXDOMAIN if by_name else dns.rcode.YXRRSET
        if rrset.deleting is None:
            wanted.setdefault((rrset.name, rrset.rdtype), set()).update(rrset)
    differs = any(set(zone.get(name, rdtype) or ()) != rdatas for (name, rdtype), rdatas in wanted.items())
    return dns.rcode.NXRRSET if differs else None


def _change(zone: DemoZone, rrset: RRset) -> bool:
    if rrset.deleting == dns.rdataclass.ANY:
        return _delete_set(zone, rrset)
    change = _delete_record if rrset.deleting == dns.rdataclass.NONE else _add_record
    changed = [change(zone, rrset, rdata) for rdata in rrset]
    return any(changed)


def _delete_record(zone: DemoZone, rrset: RRset, rdata: dns.rdata.Rdata) -> bool:
    if rrset.name == zone.origin and rrset.rdtype in _APEX_KEPT:
        held = zone.get(rrset.name, rrset.rdtype)
        if rrset.rdtype == dns.rdatatype.SOA or held is None or len(held) == 1:
            return False
    return zone.discard(rrset.name, rrset.rdtype, rdata)


def _delete_set(zone: DemoZone, rrset: RRset) -> bool:
    rdtypes = zone.types_at(rrset.name) if rrset.rdtype == dns.rdatatype.ANY else [rrset.rdtype]
    if rrset.name == zone.origin:
        rdtypes = [rdtype for rdtype in rdtypes if rdtype not in _APEX_KEPT]
    changed = [zone.discard(rrset.name, rdtype) for rdtype in rdtypes]
    return any(changed)


def _add_record(zone: DemoZone, rrset: RRset, rdata: dns.rdata.Rdata) -> bool:
    if rrset.rdtype == dns.rdatatype.SOA:
        return False  # the serial is the server's own here: two writers cannot run it backwards
    held = zone.types_at(rrset.name)
    is_alias = rrset.rdtype == dns.rdatatype.CNAME
    if (is_alias and any(rdtype != dns.rdatatype.CNAME for rdtype in held)) or (
        not is_alias and dns.rdatatype.CNAME in held
    ):
        return False  # RFC 2136 3.4.2.2: an alias stands alone; the addition is silently ignored
    return zone.add(rrset.name, rrset.ttl, rdata)
