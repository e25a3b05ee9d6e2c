"""A small real DNS hierarchy in one process: root, TLD servers and two zone servers on loopback addresses.

Glue carries no port, so every server listens on the same one. Changes arrive as RFC 2136 updates (`dnsupdate.py`) or by
the methods of `DemoDns`, and both zone servers show them at once.

Registering a domain from another process: an update sent to the TLD server (zone `de`, say) that adds NS records for
`x.de` pointing to `ns1.x.de` and `ns2.x.de` is a registration. The TLD server fills in the glue, the zone servers hold
an empty zone `x.de` before the update is answered. Deleting these NS records gives the domain up, zone and all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdatatype
from dns.message import Message
from dns.name import Name
from dns.rcode import Rcode
from dns.rdatatype import RdataType
from dns.update import UpdateMessage

from deploy.devstack.dnssockets import EDNS_PAYLOAD, DnsSockets, free_ports
from deploy.devstack.updates import apply_update
from deploy.devstack.zones import TTL_SECONDS, DemoZone, owner_name, rdata_of

ROOT_ADDRESS = "127.53.0.1"
TLD_ADDRESS = "127.53.0.2"
ZONE_ADDRESSES = ("127.53.0.3", "127.53.0.4")
ADDRESSES = (ROOT_ADDRESS, TLD_ADDRESS, *ZONE_ADDRESSES)
ELSEWHERE = "mx.elsewhere.example."  # a mail server of somebody else's, for MX records that do not point to us
_HOST_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.")  # a zone's name is also its file's name

Fault = Literal["servfail", "refused", "drop", "not_authoritative", "truncate", "malformed"]


class DemoDns:
    """The demo hierarchy. With a `directory` its zones and its port outlive a restart."""

    root_address = ROOT_ADDRESS
    tld_address = TLD_ADDRESS
    update_address = ZONE_ADDRESSES[0]

    def __init__(self, directory: Path | None, port: int = 0, tlds: Iterable[str] = ("de", "com")) -> None:
        self.port = port
        self._wanted_port = port
        self._directory = directory
        self._zones: dict[Name, DemoZone] = {}
        self._faults: dict[tuple[str, Name], Fault] = {}
        # What each address serves. Both zone servers hold the same objects: a change is seen on both at once.
        self._served: dict[str, dict[Name, DemoZone]] = {address: {} for address in ADDRESSES}
        self._sockets = DnsSockets(ADDRESSES, self._respond)
        self._root = DemoZone.create(dns.name.root, {dns.name.from_text("ns.root-servers"): ROOT_ADDRESS})
        self._served[ROOT_ADDRESS][dns.name.root] = self._root
        self._load()
        for tld in (*tlds, "example"):
            self.add_tld(tld)
        self.set_records("example", ELSEWHERE, "A", ["192.0.2.25"])

    async def start(self) -> None:
        """Listen on UDP and TCP; on return `port` is set and every zone is answered for."""
        self.port = await self._sockets.open(self._port_candidates())
        if self._directory is not None:
            self._directory.mkdir(parents=True, exist_ok=True)
            (self._directory / "port").write_text(f"{self.port}\n")

    async def stop(self) -> None:
        """Close every socket; the zones stay, in memory and on disk."""
        await self._sockets.close()

    def _port_candidates(self) -> Iterator[int]:
        if self._wanted_port:
            yield self._wanted_port
            return
        if self._directory is not None and (self._directory / "port").exists():
            yield int((self._directory / "port").read_text())
        yield from free_ports(ROOT_ADDRESS)

    # -- zones

    def add_tld(self, tld: str) -> None:
        """Delegate a top-level domain from the root to the TLD server; an existing one stays as it is."""
        origin = dns.name.from_text(tld)
        server = dns.name.from_text("ns.nic", origin)
        if origin not in self._zones:
            self._serve(DemoZone.create(origin, {server: TLD_ADDRESS}))
            self._save(origin)
        self._root.add(origin, TTL_SECONDS, rdata_of(origin, dns.rdatatype.NS, str(server)))
        self._root.add(server, TTL_SECONDS, rdata_of(origin, dns.rdatatype.A, TLD_ADDRESS))

    def add_zone(self, domain: str) -> None:
        """Register `domain` and serve an empty zone for it; an existing zone keeps its records."""
        origin = dns.name.from_text(domain)
        tld = self._zones[origin.parent()]
        for host in _server_names(origin):
            tld.add(origin, TTL_SECONDS, rdata_of(origin, dns.rdatatype.NS, str(host)))
        tld.bump_serial()
        self._settle_delegation(tld, origin)

    def remove_zone(self, domain: str) -> None:
        """Give `domain` up: its delegation, glue and zone are gone."""
        origin = dns.name.from_text(domain)
        tld = self._zones[origin.parent()]
        tld.discard(origin, dns.rdatatype.NS)
        tld.bump_serial()
        self._settle_delegation(tld, origin)

    def set_records(self, zone: str, name: str, rdtype: str, values: Iterable[str]) -> None:
        """Make `values` the only records of one type at `name`; none deletes them.

        Names and values are read as in a zone file of `zone`: relative unless they end with a dot, `@` is the zone.
        A TXT value is taken literally.
        """
        held = self._zones[dns.name.from_text(zone)]
        owner, wanted = owner_name(held.origin, name), RdataType.make(rdtype)
        held.discard(owner, wanted)
        for value in values:
            held.add(owner, TTL_SECONDS, rdata_of(held.origin, wanted, value))
        held.bump_serial()
        self._save(held.origin)

    def set_fault(self, address: str, zone: str, fault: Fault | None) -> None:
        """Make the server at `address` answer every question about `zone` wrongly; None heals it."""
        origin = dns.name.from_text(zone)
        self._faults.pop((address, origin), None)
        if fault is not None:
            self._faults[(address, origin)] = fault

    def freeze(self, address: str, zone: str) -> None:
        """Let the server at `address` keep serving `zone` as it is now, as a lagging secondary does."""
        origin = dns.name.from_text(zone)
        self._served[address][origin] = self._zones[origin].frozen_copy()

    def thaw(self, address: str, zone: str) -> None:
        """Let the server at `address` serve the current `zone` again."""
        origin = dns.name.from_text(zone)
        self._served[address][origin] = self._zones[origin]

    def _settle_delegation(self, tld: DemoZone, origin: Name) -> None:
        """Bring glue and zone in line with the delegation of `origin`: what a registry and a DNS provider do."""
        delegation = tld.get(origin, dns.rdatatype.NS)
        if delegation is None:
            for name in [name for name in tld.names() if name.is_subdomain(origin)]:
                for rdtype in tld.types_at(name):
                    tld.discard(name, rdtype)
            self._drop(origin)
        else:
            ours = _server_names(origin)
            for host in {rdata.target for rdata in delegation} & set(ours):
                if tld.get(host, dns.rdatatype.A) is None:
                    tld.add(host, TTL_SECONDS, rdata_of(origin, dns.rdatatype.A, ours[host]))
            if any(rdata.target in ours for rdata in delegation) and origin not in self._zones:
                self._serve(DemoZone.create(origin, ours))
                self._save(origin)
        self._save(tld.origin)

    def _serve(self, zone: DemoZone) -> None:
        self._zones[zone.origin] = zone
        is_tld = len(zone.origin.labels) == 2  # its own label and the root's
        for address in (TLD_ADDRESS,) if is_tld else ZONE_ADDRESSES:
            self._served[address][zone.origin] = zone

    def _drop(self, origin: Name) -> None:
        self._zones.pop(origin, None)
        for address in ZONE_ADDRESSES:
            self._served[address].pop(origin, None)
        if self._directory is not None:
            (self._directory / f"{origin}zone").unlink(missing_ok=True)

    # -- zone files

    def _load(self) -> None:
        if self._directory is None:
            return
        for file in sorted(self._directory.glob("*.zone")):
            zone = DemoZone.from_text(dns.name.from_text(file.name.removesuffix("zone")), file.read_text())
            self._serve(zone)
            if TLD_ADDRESS in (address for address, zones in self._served.items() if zone.origin in zones):
                self.add_tld(str(zone.origin))

    def _save(self, origin: Name) -> None:
        if self._directory is None:
            return
        self._directory.mkdir(parents=True, exist_ok=True)
        draft = self._directory / f"{origin}zone.new"
        draft.write_text(self._zones[origin].to_text())
        draft.replace(self._directory / f"{origin}zone")  # whole or not at all, should the process die here

    # -- answering

    def _respond(self, address: str, query: Message) -> Message | bytes | None:
        if query.opcode() == dns.opcode.QUERY and len(query.question) == 1:
            return self._reply(address, query)
        reply = dns.message.make_response(query, our_payload=EDNS_PAYLOAD)
        reply.set_rcode(self._update(address, query) if isinstance(query, UpdateMessage) else dns.rcode.NOTIMP)
        return reply

    def _reply(self, address: str, query: Message) -> Message | bytes | None:
        question = query.question[0]
        zone = self._closest(address, question.name)
        fault = self._faults.get((address, zone.origin)) if zone else None
        if fault == "drop":
            return None
        reply = dns.message.make_response(query, our_payload=EDNS_PAYLOAD)
        if zone is None or fault == "refused":
            reply.set_rcode(dns.rcode.REFUSED)
        elif fault == "servfail":
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif fault == "truncate":
            reply.flags |= dns.flags.AA | dns.flags.TC
        elif fault == "malformed":
            return _unreadable(reply)
        else:
            found = zone.answer(question.name, question.rdtype)
            reply.set_rcode(found.rcode)
            reply.flags |= dns.flags.AA if found.authoritative and fault != "not_authoritative" else 0
            reply.answer, reply.authority, reply.additional = found.answer, found.authority, found.additional
        return reply

    def _closest(self, address: str, name: Name) -> DemoZone | None:
        served = self._served[address]
        for labels in range(len(name.labels), 0, -1):
            if (zone := served.get(name.split(labels)[1])) is not None:
                return zone
        return None

    def _update(self, address: str, update: UpdateMessage) -> Rcode:
        """Carry out an RFC 2136 update.

        No TSIG: the sockets are bound to loopback, and whoever can send there owns the machine's demo anyway.
        """
        if not update.zone:
            return dns.rcode.FORMERR
        origin = update.zone[0].name
        if origin not in self._served[address] or origin not in self._zones:
            return dns.rcode.NOTAUTH
        zone = self._zones[origin]  # the current one, should this server be frozen
        domains = {_below(origin, rrset.name) for rrset in update.update} if address == TLD_ADDRESS else set()
        domains.discard(origin)
        if any(not _may_register(origin, domain) for domain in domains):
            return dns.rcode.REFUSED
        rcode = apply_update(zone, update)
        for domain in domains if rcode == dns.rcode.NOERROR else ():
            self._settle_delegation(zone, domain)
        self._save(origin)
        return rcode


def _unreadable(reply: Message) -> bytes:
    """The reply with the count of its answers raised to more than follow."""
    wire = reply.to_wire()
    return wire[:6] + b"\x00\x09" + wire[8:]


def _server_names(origin: Name) -> dict[Name, str]:
    """The name servers every demo domain gets, with their addresses."""
    return {
        dns.name.from_text(f"ns{number}", origin): address for number, address in enumerate(ZONE_ADDRESSES, start=1)
    }


def _below(origin: Name, name: Name) -> Name:
    """The name directly under `origin` that `name` belongs to; `origin` for itself and for names outside it."""
    return name.split(len(origin.labels) + 1)[1] if name.is_subdomain(origin) and name != origin else origin


def _may_register(tld: Name, domain: Name) -> bool:
    is_registry = domain == dns.name.from_text("nic", tld)  # the TLD's own name server lives there
    return not is_registry and _HOST_NAME.fullmatch(str(domain).lower()) is not None
