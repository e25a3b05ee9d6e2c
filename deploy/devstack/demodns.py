"""A small real DNS hierarchy in one process: root, TLD servers and two zone servers on loopback addresses.

Glue carries no port, so every server listens on the same one. Changes arrive as RFC 2136 updates (`dnsupdate.py`) or by
the methods of `DemoDns`, and both zone servers show them at once.

Registering a domain from another process: an update sent to the TLD server (zone `de`, say) that adds NS records for
`x.de` pointing to `ns1.x.de` and `ns2.x.de` is a registration. The TLD server fills in the glue, the zone servers hold
an empty zone `x.de` before the update is answered. Deleting these NS records gives the domain up, zone and all.
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
from dns.message import Message
from dns.name import Name
from dns.rcode import Rcode
from dns.rdatatype import RdataType
from dns.update import UpdateMessage

from deploy.devstack.answers import answer
from deploy.devstack.dnssockets import EDNS_PAYLOAD, Asked, DnsSockets, free_ports
from deploy.devstack.faults import Fault, FaultRule, Faults, Said, spoil
from deploy.devstack.hierarchy import (
    ADDRESSES,
    ELSEWHERE,
    REGISTRY_SERVER,
    ROOT_ADDRESS,
    ROOT_SERVER,
    TLD_ADDRESS,
    TLDS,
    TTL_SECONDS,
    ZONE_ADDRESSES,
    server_names,
    serving,
)
from deploy.devstack.updates import apply_update
from deploy.devstack.zones import DemoZone, owner_name, rdata_of

if TYPE_CHECKING:
    from deploy.devstack.signing import Broken

__all__ = ["ADDRESSES", "ELSEWHERE", "ROOT_ADDRESS", "TLD_ADDRESS", "ZONE_ADDRESSES", "DemoDns", "Fault", "Question"]

QUESTIONS_KEPT = 10_000  # what was asked lately, for those who want to know who asks what
_TRANSFERS = (dns.rdatatype.AXFR, dns.rdatatype.IXFR)
# What the operator publishes for its customers' records to lead to, as dnscheck expects by default.
OPERATOR_ZONE = "postkontor.example"
OPERATOR_RECORDS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("@", "MX", ("10 mx1", "20 mx2")),
    ("mx1", "A", ("192.0.2.11",)),
    ("mx2", "A", ("192.0.2.12",)),
    ("_spf", "TXT", ("v=spf1 ip4:192.0.2.0/24 -all",)),
    ("*.dkim", "TXT", ("v=DKIM1; k=ed25519; p=tdJCIQ0F2x0fN8mHtNEyvFz0sVZkYlCTFYpnSOBJxGU=",)),
    ("*._report._dmarc", "TXT", ("v=DMARC1",)),
    ("mta-sts", "A", ("192.0.2.30",)),
    ("autoconfig", "A", ("192.0.2.30",)),
    ("autodiscover", "A", ("192.0.2.30",)),
    ("smtp", "A", ("192.0.2.20",)),
    ("imap", "A", ("192.0.2.20",)),
)
_HOST_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.")  # a zone's name is also its file's name


class Question(NamedTuple):
    """A question that came, at `at` seconds of the monotonic clock."""

    address: str
    name: str
    rdtype: str
    tcp: bool
    at: float


class DemoDns:
    """The demo hierarchy. With a `directory` its zones, their keys and its port outlive a restart."""

    root_address = ROOT_ADDRESS
    tld_address = TLD_ADDRESS
    update_address = ZONE_ADDRESSES[0]

    def __init__(self, directory: Path | None, port: int = 0, tlds: Iterable[str] = TLDS) -> None:
        self.port = port
        self.questions: deque[Question] = deque(maxlen=QUESTIONS_KEPT)
        self._wanted_port = port
        self._directory = directory
        self._zones: dict[Name, DemoZone] = {}
        self._faults = Faults()
        # What each address serves. Both zone servers hold the same objects: a change is seen on both at once.
        self._served: dict[str, dict[Name, DemoZone]] = {address: {} for address in ADDRESSES}
        self._sockets = DnsSockets(ADDRESSES, self._respond)
        self._load()
        if dns.name.root not in self._zones:
            self._serve(DemoZone.create(dns.name.root, {dns.name.from_text(ROOT_SERVER): ROOT_ADDRESS}))
        kept = (str(origin) for origin in list(self._zones) if serving(origin) == (TLD_ADDRESS,))
        for tld in dict.fromkeys(dns.name.from_text(tld) for tld in (*tlds, "example", *kept)):
            self.add_tld(str(tld))
        self.set_records("example", ELSEWHERE, "A", ["192.0.2.25"])
        self.add_zone(OPERATOR_ZONE)
        for name, rdtype, values in OPERATOR_RECORDS:
            self.set_records(OPERATOR_ZONE, name, rdtype, values)

    async def start(self) -> None:
        """Listen on UDP and TCP; on return `port` is set and every zone is answered for."""
        self.port = await self._sockets.open(self._port_candidates())
        self._settle_tcp()
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
        server = dns.name.from_text(REGISTRY_SERVER, origin)
        if origin not in self._zones:
            self._serve(DemoZone.create(origin, {server: TLD_ADDRESS}))
            self._save(origin)
        root = self._zones[dns.name.root]
        root.add(origin, TTL_SECONDS, rdata_of(origin, dns.rdatatype.NS, str(server)))
        root.add(server, TTL_SECONDS, rdata_of(origin, dns.rdatatype.A, TLD_ADDRESS))
        self._save(dns.name.root)

    def add_zone(self, domain: str) -> None:
        """Register `domain` and serve an empty zone for it; an existing zone keeps its records."""
        origin = dns.name.from_text(domain)
        tld = self._zones[origin.parent()]
        for host in server_names(origin):
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

    def set_records(
        self, zone: str, name: str, rdtype: str, values: Iterable[str], *, ttl_seconds: int = TTL_SECONDS
    ) -> None:
        """Make `values` the only records of one type at `name`; none deletes them.

        Names and values are read as in a zone file of `zone`: relative unless they end with a dot, `@` is the zone.
        A TXT value is taken literally.
        """
        held = self._zones[dns.name.from_text(zone)]
        owner, wanted = owner_name(held.origin, name), RdataType.make(rdtype)
        held.discard(owner, wanted)
        for value in values:
            held.add(owner, ttl_seconds, rdata_of(held.origin, wanted, value))
        held.bump_serial()
        self._save(held.origin)

    def freeze(self, address: str, zone: str) -> None:
        """Let the server at `address` keep serving `zone` as it is now, as a lagging secondary does."""
        origin = dns.name.from_text(zone)
        self._served[address][origin] = self._zones[origin].frozen_copy()

    def thaw(self, address: str, zone: str) -> None:
        """Let the server at `address` serve the current `zone` again."""
        origin = dns.name.from_text(zone)
        self._served[address][origin] = self._zones[origin]

    def sign(self, zone: str, broken: Broken | None = None) -> None:
        """Sign `zone` and have its parent vouch for its key; the root is `.` and has no parent.

        A zone that is already signed keeps its key; without `broken` it is whole again. Validating resolvers remember
        keys and DS records: break a zone before they look at it.
        """
        from deploy.devstack.signing import Signer, ZoneKey

        held = self._zones[dns.name.from_text(zone)]
        key = held.signer.key if held.signer is not None else ZoneKey.create()
        held.signer = Signer(held, key, broken)
        held.add(held.origin, TTL_SECONDS, key.dnskey)
        held.bump_serial()
        if held.origin != dns.name.root:
            vouched_for = ZoneKey.create() if broken == "ds_mismatch" else key
            self.set_records(str(held.origin.parent()), str(held.origin), "DS", [str(vouched_for.ds(held.origin))])
        self._save(held.origin)
        if self._directory is not None:
            (self._directory / f"{held.origin}key").write_bytes(key.to_pem())

    def trust_anchor(self) -> str:
        """The signed root's key, as DNSKEY text: what a validating resolver has to know."""
        keys = self._zones[dns.name.root].get(dns.name.root, dns.rdatatype.DNSKEY)
        if keys is None:
            raise ValueError("the root is not signed")
        return str(next(iter(keys)))

    # -- faults

    def set_fault(
        self,
        address: str | None,
        name: str,
        fault: Fault | None,
        *,
        rdtype: str | None = None,
        times: int | None = None,
        seconds: float = 0.0,
        per_second: int = 0,
        values: Iterable[str] = (),
    ) -> None:
        """Make the server at `address` (None: every server) answer wrongly about `name` and what is below it.

        `rdtype` limits it to questions of one type, `times` to the first so many. `seconds` delays the answer,
        `per_second` is for rate_limit, `values` are for wrong_answer. None as the fault heals, as `heal` does.
        """
        below = dns.name.from_text(name)
        wanted = RdataType.make(rdtype) if rdtype is not None else None
        if fault is None:
            self._faults.heal(address, below, wanted)
        else:
            self._faults.add(FaultRule(fault, address, below, wanted, times, seconds, per_second, values=tuple(values)))
        self._settle_tcp()

    def heal(self) -> None:
        """Take all faults away."""
        self._faults.clear()
        self._settle_tcp()

    def faults(self) -> list[FaultRule]:
        """The faults that are at work, the most precise first."""
        return list(self._faults)

    def _settle_tcp(self) -> None:
        for address in ADDRESSES:
            settle = self._sockets.refuse_tcp if address in self._faults.without_tcp() else self._sockets.accept_tcp
            settle(address)

    # -- registry

    def _settle_delegation(self, tld: DemoZone, origin: Name) -> None:
        """Bring glue and zone in line with the delegation of `origin`: what a registry and a DNS provider do."""
        delegation = tld.get(origin, dns.rdatatype.NS)
        if delegation is None:
            for name in [name for name in tld.names() if name.is_subdomain(origin)]:
                for rdtype in tld.types_at(name):
                    tld.discard(name, rdtype)
            self._drop(origin)
        else:
            ours = server_names(origin)
            for host in {rdata.target for rdata in delegation} & set(ours):
                if tld.get(host, dns.rdatatype.A) is None:
                    tld.add(host, TTL_SECONDS, rdata_of(origin, dns.rdatatype.A, ours[host]))
            if any(rdata.target in ours for rdata in delegation) and origin not in self._zones:
                self._serve(DemoZone.create(origin, ours))
                self._save(origin)
        self._save(tld.origin)

    def _serve(self, zone: DemoZone) -> None:
        self._zones[zone.origin] = zone
        for address in serving(zone.origin):
            self._served[address][zone.origin] = zone

    def _drop(self, origin: Name) -> None:
        self._zones.pop(origin, None)
        for address in ZONE_ADDRESSES:
            self._served[address].pop(origin, None)
        if self._directory is not None:
            for kind in ("zone", "key"):
                (self._directory / f"{origin}{kind}").unlink(missing_ok=True)

    # -- zone files

    def _load(self) -> None:
        if self._directory is None:
            return
        for file in sorted(self._directory.glob("*.zone")):
            zone = DemoZone.from_text(dns.name.from_text(file.name.removesuffix("zone")), file.read_text())
            self._serve(zone)
            if (key := self._directory / f"{zone.origin}key").exists():
                from deploy.devstack.signing import Signer, ZoneKey

                zone.signer = Signer(zone, ZoneKey.from_pem(key.read_bytes()))

    def _save(self, origin: Name) -> None:
        if self._directory is None:
            return
        self._directory.mkdir(parents=True, exist_ok=True)
        draft = self._directory / f"{origin}zone.new"
        draft.write_text(self._zones[origin].to_text())
        draft.replace(self._directory / f"{origin}zone")  # whole or not at all, should the process die here

    # -- answering

    def _respond(self, asked: Asked) -> Said:
        query = asked.query
        if query.opcode() == dns.opcode.QUERY and len(query.question) == 1:
            return self._reply(asked)
        reply = dns.message.make_response(query, our_payload=EDNS_PAYLOAD)
        reply.set_rcode(self._update(asked.address, query) if isinstance(query, UpdateMessage) else dns.rcode.NOTIMP)
        return reply

    def _reply(self, asked: Asked) -> Said:
        question = asked.query.question[0]
        self.questions.append(
            Question(
                asked.address,
                str(question.name).lower(),
                dns.rdatatype.to_text(question.rdtype),
                asked.tcp,
                time.monotonic(),
            )
        )
        reply = self._true_reply(asked)
        rule = self._faults.take(asked.address, question.name, question.rdtype)
        return reply if rule is None else spoil(rule, asked, reply)

    def _true_reply(self, asked: Asked) -> Message:
        query, question = asked.query, asked.query.question[0]
        reply = dns.message.make_response(query, our_payload=EDNS_PAYLOAD)
        wants_dnssec = bool(query.ednsflags & dns.flags.DO)
        if query.edns >= 0:
            reply.use_edns(0, dns.flags.DO if wants_dnssec else 0, EDNS_PAYLOAD)  # DO comes back (RFC 3225 3)
        zone = self._closest(asked.address, question.name, question.rdtype)
        if query.edns > 0:
            reply.set_rcode(dns.rcode.BADVERS)
        elif zone is None or question.rdclass != dns.rdataclass.IN or question.rdtype in _TRANSFERS:
            reply.set_rcode(dns.rcode.REFUSED)
        else:
            found = answer(zone, question.name, question.rdtype, dnssec=wants_dnssec)
            reply.set_rcode(found.rcode)
            reply.flags |= dns.flags.AA if found.authoritative else 0
            reply.answer, reply.authority, reply.additional = found.answer, found.authority, found.additional
        return reply

    def _closest(self, address: str, name: Name, rdtype: RdataType) -> DemoZone | None:
        """The zone to answer from: the longest, for DS the parent's where it is here (RFC 4035 3.1.4.1)."""
        zones = self._served[address]
        found = [zone for labels in range(len(name.labels), 0, -1) if (zone := zones.get(name.split(labels)[1]))]
        if rdtype == dns.rdatatype.DS and len(found) > 1 and found[0].origin == name:
            return found[1]
        return found[0] if found else None

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


def _below(origin: Name, name: Name) -> Name:
    """The name directly under `origin` that `name` belongs to; `origin` for itself and for names outside it."""
    return name.split(len(origin.labels) + 1)[1] if name.is_subdomain(origin) and name != origin else origin


def _may_register(tld: Name, domain: Name) -> bool:
    is_registry = domain == dns.name.from_text("nic", tld)  # the TLD's own name server lives there
    return not is_registry and _HOST_NAME.fullmatch(str(domain).lower()) is not None
