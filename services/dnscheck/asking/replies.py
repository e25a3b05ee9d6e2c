"""What a reply says, coming from a server of a zone: a yes, a no, a referral, or nothing that counts."""

from __future__ import annotations

from dataclasses import replace

import dns.flags
import dns.rcode
import dns.rdataclass
import dns.rdatatype
from dns.message import Message
from dns.name import Name
from dns.rdata import Rdata
from dns.rdatatype import RdataType
from dns.rdtypes.ANY.MX import MX
from dns.rdtypes.ANY.SOA import SOA
from dns.rdtypes.ANY.TXT import TXT
from dns.rrset import RRset

from services.dnscheck.observation import ServerAnswer

MAX_NAME_SERVERS = 13
MAX_RECORDS = 100


def read_answer(message: Message, zone: Name, name: Name, rdtype: RdataType, blank: ServerAnswer) -> ServerAnswer:
    """Say what `message` means coming from a server of `zone`. Only with the AA bit it is a yes or a no."""
    rcode = message.rcode()
    aa = bool(message.flags & dns.flags.AA)
    found = replace(blank, rcode=dns.rcode.to_text(rcode), aa=aa)
    if rcode in (dns.rcode.REFUSED, dns.rcode.NOTAUTH):
        return replace(found, kind="refused")
    if rcode not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return replace(found, kind="servfail")
    if not aa:
        cut = find_cut(message, zone, name)
        hosts = tuple(sorted(name_text(rdata.target) for rdata in cut or ()))[:MAX_NAME_SERVERS]
        return replace(found, kind="referral" if cut else "lame", values=hosts)
    alias = message.get_rrset(message.answer, name, dns.rdataclass.IN, dns.rdatatype.CNAME)
    rrset = message.get_rrset(message.answer, name, dns.rdataclass.IN, rdtype)
    soa = next((rrset for rrset in message.authority if rrset.rdtype == dns.rdatatype.SOA), None)
    serial, negative_ttl = next(((rd.serial, min(soa.ttl, rd.minimum)) for rd in soa or () if soa), (None, None))
    found = replace(found, serial=serial, negative_ttl_seconds=negative_ttl)
    if rrset is not None:
        return replace(found, kind="answer", values=tuple(value_text(rdata) for rdata in list(rrset)[:MAX_RECORDS]))
    if alias is not None:
        return replace(found, kind="answer", cname=name_text(next(iter(alias)).target))
    return replace(found, kind="nxdomain" if rcode == dns.rcode.NXDOMAIN else "nodata")


def find_cut(message: Message, zone: Name, name: Name) -> RRset | None:
    """The delegation in a referral, when it leads from `zone` down towards `name` and nowhere else."""
    for rrset in message.authority:
        downward = rrset.name != zone and rrset.name.is_subdomain(zone)
        is_delegation = rrset.rdclass == dns.rdataclass.IN and rrset.rdtype == dns.rdatatype.NS
        if is_delegation and downward and name.is_subdomain(rrset.name):
            return rrset
    return None


def name_text(name: Name) -> str:
    """Write a name as the rest of Postkontor does: lower case, without the final dot."""
    return name.to_text(omit_final_dot=True).lower()


def value_text(rdata: Rdata) -> str:
    """A record's value as people write it: TXT strings joined, an MX as `10 mx1.example.de`."""
    if isinstance(rdata, TXT):
        return b"".join(rdata.strings).decode("utf-8", "backslashreplace")
    if isinstance(rdata, MX):
        return f"{rdata.preference} {name_text(rdata.exchange)}"
    if isinstance(rdata, SOA):
        return str(rdata.serial)
    return rdata.to_text().removesuffix(".").lower()
