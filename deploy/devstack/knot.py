"""The demo hierarchy on Knot DNS, a real authoritative server: a second opinion on everything `DemoDns` says.

One knotd serves the root, one the top-level domains, one the zones, each on the addresses that `DemoDns` has. Records
change by RFC 2136 updates, zones come and go by the configuration. What no well-behaved server does, Knot does not do
either: no faults, no CNAME beside other records, and a registration is `add_zone`, not an update at the registry.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import dns.dnssec
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.zone
from dns.message import Message
from dns.name import Name
from dns.rdata import Rdata
from dns.rdatatype import RdataType
from dns.rdtypes.ANY.SOA import SOA
from dns.update import UpdateMessage

from deploy.devstack.debian import program
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
from deploy.devstack.ports import free_port
from deploy.devstack.processes import ChildProcess, StartFailed
from deploy.devstack.zones import DemoZone, owner_name, rdata_of

READY_SECONDS = 10.0
QUERY_SECONDS = 5.0  # on a busy machine
PROBE_SECONDS = 0.05  # a datagram to a port that is not open yet is lost without a word
POLL_SECONDS = 0.002
PATIENCE_SECONDS = 0.05  # an update takes 10 ms
PORT_TRIES = 50

CONFIGURATION = """\
# Written whenever a zone comes or goes; changes made here are lost.
server:
    rundir: "{directory}"
    listen: [{listen}]
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
    udp-max-payload: 1232
log:
  - target: stdout
    any: info
database:
    storage: "{directory}/db"
    journal-db-max-size: 64M
    journal-db-mode: asynchronous
    kasp-db-max-size: 16M
    timer-db-max-size: 1M
acl:
  - id: loopback
    address: 127.0.0.0/8
    action: [update, transfer]
policy:
  - id: one-key
    algorithm: ECDSAP256SHA256
    single-type-signing: on
    cds-cdnskey-publish: none
template:
  - id: default
    storage: "{directory}/zones"
    file: "%s.zone"
    zonefile-sync: -1
    acl: loopback
    semantic-checks: off
zone:
"""


class KnotDns:
    """The hierarchy; see `Hierarchy` for what each method promises. Everything is in one directory."""

    root_address = ROOT_ADDRESS
    tld_address = TLD_ADDRESS
    update_address = ZONE_ADDRESSES[0]

    def __init__(self, directory: Path) -> None:
        self.port = 0
        self._directory = directory.resolve()
        self._servers: dict[tuple[str, ...], _Knot] = {}
        self._lagging: _Knot | None = None  # on the second zone server's address, while something is frozen

    async def start(self) -> None:
        self.port = _port_free_everywhere()
        levels = {"root": (ROOT_ADDRESS,), "tld": (TLD_ADDRESS,), "zones": ZONE_ADDRESSES}
        self._servers = {
            addresses: _Knot(self._directory / name, addresses, self.port) for name, addresses in levels.items()
        }
        root = DemoZone.create(dns.name.root, {dns.name.from_text(ROOT_SERVER): ROOT_ADDRESS})
        for origin in map(dns.name.from_text, TLDS):
            server = dns.name.from_text(REGISTRY_SERVER, origin)
            root.add(origin, TTL_SECONDS, rdata_of(origin, dns.rdatatype.NS, str(server)))
            root.add(server, TTL_SECONDS, rdata_of(origin, dns.rdatatype.A, TLD_ADDRESS))
            self._server(origin).write_zone(origin, DemoZone.create(origin, {server: TLD_ADDRESS}).to_text())
        self._server(root.origin).write_zone(root.origin, root.to_text())
        for server in self._servers.values():
            server.launch()
        for server in self._servers.values():
            server.until_ready()
        self.set_records("example", ELSEWHERE, "A", ["192.0.2.25"])

    async def stop(self) -> None:
        for server in (*self._servers.values(), *([self._lagging] if self._lagging else [])):
            server.stop()
        self._lagging = None

    def add_zone(self, domain: str) -> None:
        origin = dns.name.from_text(domain)
        hosts = server_names(origin)
        update = UpdateMessage(origin.parent())
        for host, address in hosts.items():
            update.add(origin, TTL_SECONDS, rdata_of(origin, dns.rdatatype.NS, str(host)))
            update.add(host, TTL_SECONDS, rdata_of(origin, dns.rdatatype.A, address))
        self._send(update)
        self._server(origin).add_zone(origin, DemoZone.create(origin, hosts).to_text())

    def remove_zone(self, domain: str) -> None:
        origin = dns.name.from_text(domain)
        update = UpdateMessage(origin.parent())
        for name in (origin, *server_names(origin)):
            update.delete(name)
        self._send(update)
        self._server(origin).remove_zone(origin)

    def set_records(
        self, zone: str, name: str, rdtype: str, values: Iterable[str], *, ttl_seconds: int = TTL_SECONDS
    ) -> None:
        origin = dns.name.from_text(zone)
        owner, wanted = owner_name(origin, name), RdataType.make(rdtype)
        records = [rdata_of(origin, wanted, value) for value in values]
        update = UpdateMessage(origin)
        if wanted == dns.rdatatype.SOA:
            records = [soa.replace(serial=self._soa(origin).serial + 1) for soa in records]
        kept = self._held(owner, wanted) if owner == origin and wanted == dns.rdatatype.NS else []
        if not kept:
            update.delete(owner, wanted)
        for record in records:
            update.add(owner, ttl_seconds, record)
        # The apex never loses its last NS (RFC 2136 3.4.2.4): the old ones go one by one, after the new ones came.
        for record in kept:
            if record not in records:
                update.delete(owner, record)
        self._send(update)

    def freeze(self, address: str, zone: str) -> None:
        """As `Hierarchy.freeze`, for the second zone server only; it refuses all other zones until it is thawed."""
        if address != ZONE_ADDRESSES[1]:
            raise ValueError(f"only {ZONE_ADDRESSES[1]} can lag behind on Knot")
        origin = dns.name.from_text(zone)
        transfer = dns.query.xfr(ZONE_ADDRESSES[0], origin, port=self.port, relativize=False)
        frozen = dns.zone.from_xfr(transfer, relativize=False).to_text()
        if self._lagging is not None:
            self._lagging.add_zone(origin, frozen)
            return
        self._servers[ZONE_ADDRESSES].listen_on(ZONE_ADDRESSES[:1])
        self._lagging = _Knot(self._directory / "lagging", ZONE_ADDRESSES[1:], self.port)
        self._lagging.write_zone(origin, frozen)
        self._lagging.launch()
        self._lagging.until_ready()

    def thaw(self, address: str, zone: str) -> None:
        """As `Hierarchy.thaw`; everything that was frozen at `address` is current again."""
        if self._lagging is not None:
            self._lagging.stop()
            self._lagging.forget_zones()
            self._lagging = None
            self._servers[ZONE_ADDRESSES].listen_on(ZONE_ADDRESSES)

    def sign(self, zone: str) -> None:
        origin = dns.name.from_text(zone)
        self._server(origin).sign(origin)
        if origin != dns.name.root:
            key = str(self._held(origin, dns.rdatatype.DNSKEY)[0])
            ds = dns.dnssec.make_ds(origin, rdata_of(origin, dns.rdatatype.DNSKEY, key), "SHA256")
            self.set_records(str(origin.parent()), str(origin), "DS", [str(ds)])

    def trust_anchor(self) -> str:
        keys = self._held(dns.name.root, dns.rdatatype.DNSKEY)
        if not keys:
            raise ValueError("the root is not signed")
        return str(keys[0])

    def _server(self, origin: Name) -> _Knot:
        return self._servers[serving(origin)]

    def _soa(self, origin: Name) -> SOA:
        (soa,) = self._held(origin, dns.rdatatype.SOA)
        assert isinstance(soa, SOA)
        return soa

    def _held(self, zone: Name, rdtype: RdataType) -> list[Rdata]:
        """What the zone holds at its own name."""
        reply = _ask(serving(zone)[0], self.port, zone, rdtype)
        return [rdata for rrset in reply.answer if rrset.rdtype == rdtype for rdata in rrset]

    def _send(self, update: UpdateMessage) -> None:
        origin = update.zone[0].name
        address = serving(origin)[0]
        reply = self._server(origin).update(origin, update)
        if reply.rcode() != dns.rcode.NOERROR:
            raise RuntimeError(f"knotd at {address} answered an update with {dns.rcode.to_text(reply.rcode())}")


class _Knot:
    """One knotd with the zones of its level."""

    def __init__(self, directory: Path, addresses: Sequence[str], port: int) -> None:
        self._directory = directory
        self._addresses = addresses
        self._port = port
        self._zones: dict[Name, str] = {}  # origin -> further lines of its configuration
        self._configuration = directory / "knot.conf"
        for folder in (directory, directory / "db", directory / "zones"):
            folder.mkdir(parents=True, exist_ok=True)
        argv = [program("knotd"), "-c", str(self._configuration)]
        self._process = ChildProcess("knotd", argv, os.environ, directory / "knotd.log")

    def launch(self) -> None:
        self._configure()
        self._process.launch()

    def until_ready(self) -> None:
        """Return when every zone is answered for at every address, and orders are taken: that comes last."""
        for origin in self._zones:
            self._until(lambda origin=origin: all(self._serves(address, origin) for address in self._addresses))
        self._until(lambda: self._order("status").returncode == 0)

    def stop(self) -> None:
        self._process.signal(signal.SIGTERM)
        self._until(lambda: not self._process.alive, is_ending=True)

    def listen_on(self, addresses: Sequence[str]) -> None:
        """Start anew on these addresses; the zones are as they were, from the journal."""
        self.stop()
        self._addresses = addresses
        self.launch()
        self.until_ready()

    def write_zone(self, origin: Name, text: str) -> None:
        """Have this zone in the next configuration."""
        (self._directory / "zones" / f"{origin}zone").write_text(text)
        self._zones[origin] = f'    file: "{origin}zone"\n'

    def add_zone(self, origin: Name, text: str) -> None:
        if origin not in self._zones:
            self.write_zone(origin, text)
            self._reload(lambda: all(self._serves(address, origin) for address in self._addresses))

    def remove_zone(self, origin: Name) -> None:
        self._control("-b", "-f", "zone-purge", str(origin))  # the journal of a zone must not come back with its name
        del self._zones[origin]
        self._reload(lambda: not self._serves(self._addresses[0], origin))

    def forget_zones(self) -> None:
        """Leave nothing of the zones to a later server in the same directory."""
        for file in sorted(self._directory.rglob("*"), reverse=True):
            file.unlink() if file.is_file() or file.is_socket() else file.rmdir()

    def sign(self, origin: Name) -> None:
        if "dnssec" not in self._zones[origin]:
            self._zones[origin] += "    dnssec-signing: on\n    dnssec-policy: one-key\n"
            self._reload(lambda: bool(self._probe(self._addresses[0], origin, dns.rdatatype.DNSKEY).answer))

    def update(self, origin: Name, update: UpdateMessage) -> Message:
        """Send an update and return the reply.

        Knot plans a NOTIFY for a second after each change; an update in the next second would wait for it. Ordered now
        it is out of the way (seen with 3.2.6).
        """
        server = (self._addresses[0], self._port)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sending:
            sending.setblocking(False)
            dns.query.send_udp(sending, update, server)
            try:
                return dns.query.receive_udp(sending, server, expiration=time.time() + PATIENCE_SECONDS)[0]
            except dns.exception.Timeout:
                self._control("zone-notify", str(origin))
                return dns.query.receive_udp(sending, server, expiration=time.time() + QUERY_SECONDS)[0]

    def _configure(self) -> None:
        listen = ", ".join(f"{address}@{self._port}" for address in self._addresses)
        head = CONFIGURATION.format(directory=self._directory, listen=listen)
        zones = "".join(f'  - domain: "{origin}"\n{lines}' for origin, lines in self._zones.items())
        self._configuration.write_text(head + zones)

    def _reload(self, is_done: Callable[[], bool]) -> None:
        self._configure()
        self._control("reload")  # SIGHUP would do, but is now and then noticed a second later
        self._until(is_done)

    def _control(self, *order: str) -> None:
        done = self._order(*order)
        if done.returncode != 0:
            raise self._process.failure(f"did not {' '.join(order)} ({done.stderr.strip()})")

    def _order(self, *order: str) -> subprocess.CompletedProcess[str]:
        control = [program("knotc"), "-c", str(self._configuration), *order]
        return subprocess.run(control, check=False, capture_output=True, text=True)

    def _serves(self, address: str, origin: Name) -> bool:
        reply = self._probe(address, origin, dns.rdatatype.SOA)
        return bool(reply.flags & dns.flags.AA) and bool(reply.answer)

    def _probe(self, address: str, origin: Name, rdtype: RdataType) -> Message:
        return _ask(address, self._port, origin, rdtype, timeout_seconds=PROBE_SECONDS)

    def _until(self, holds: Callable[[], bool], *, is_ending: bool = False) -> None:
        """Poll, blocking: Knot is a process of its own, and tests change records without awaiting anything."""
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            with suppress(OSError, dns.exception.DNSException):
                if holds():
                    return
            if not is_ending and not self._process.alive:
                raise self._process.failure(f"ended with {self._process.returncode}")
            time.sleep(POLL_SECONDS)
        raise self._process.failure(f"was not as wanted after {READY_SECONDS:g} s")


def _ask(address: str, port: int, name: Name, rdtype: RdataType, *, timeout_seconds: float = QUERY_SECONDS) -> Message:
    query = dns.message.make_query(name, rdtype, flags=0)
    return dns.query.udp(query, address, port=port, timeout=timeout_seconds)


def _port_free_everywhere() -> int:
    """A port that is free on every address of the hierarchy, UDP and TCP."""
    for _ in range(PORT_TRIES):
        port = free_port()
        with suppress(OSError):
            for address in ADDRESSES:
                for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                    with socket.socket(socket.AF_INET, kind) as probe:
                        probe.bind((address, port))
            return port
    raise StartFailed("no port is free on all addresses of the demo hierarchy")
