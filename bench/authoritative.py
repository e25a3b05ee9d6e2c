"""An authoritative server for bench/lookups.py: Knot where it is installed, else a small responder in Python."""

import contextlib
import hashlib
import multiprocessing
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import dns.exception
import dns.message
import dns.name
import dns.query

from services.dnscheck.asking import wire

ADDRESS = "127.53.200.1"
ZONE = "postkontor-bench.example"
NAMES = 2_000
KNOT = """
server:
    rundir: "{directory}"
    listen: {address}@{port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
    udp-max-payload: 1232
database:
    storage: "{directory}/db"
    journal-db-max-size: 64M
    kasp-db-max-size: 16M
    timer-db-max-size: 1M
template:
  - id: default
    storage: "{directory}"
    zonefile-sync: -1
    semantic-checks: off
zone:
  - domain: {zone}
    file: bench.zone
"""

VALUES = ["token=" + hashlib.sha256(str(number).encode()).hexdigest()[:32] for number in range(NAMES)]


def owner(number: int) -> str:
    """Return the name of the challenge with this number."""
    return f"_postkontor-challenge.kunde{number % NAMES}.{ZONE}"


def value(number: int) -> str:
    """Return the value to be found there."""
    return VALUES[number % NAMES]


@contextlib.contextmanager
def authoritative_server() -> Iterator[tuple[int, str]]:
    """Run an authoritative server for the bench's zone; yields its port and what it is."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((ADDRESS, 0))
        port: int = probe.getsockname()[1]
    knotd = shutil.which("knotd", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    with knot(knotd, port) if knotd else responder(port) as name:
        _wait_until_it_answers(port)
        yield port, name


@contextlib.contextmanager
def knot(knotd: str, port: int) -> Iterator[str]:
    """Run Knot with one UDP thread."""
    with tempfile.TemporaryDirectory(prefix="postkontor-bench-") as directory:
        # TTL 0: c-ares keeps a cache, which aiodns cannot turn off.
        records = "\n".join(f'{owner(number)}. 0 TXT "{value(number)}"' for number in range(NAMES))
        soa = f"{ZONE}. 60 SOA ns hostmaster 1 3600 600 86400 60\n{ZONE}. 60 NS ns\nns 60 A {ADDRESS}\n"
        Path(directory, "bench.zone").write_text(f"$ORIGIN {ZONE}.\n{soa}{records}\n")
        config = Path(directory, "knot.conf")
        config.write_text(KNOT.format(directory=directory, address=ADDRESS, port=port, zone=ZONE))
        version = subprocess.run([knotd, "-V"], capture_output=True, text=True, check=True).stdout.strip()
        process = subprocess.Popen([knotd, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield version
        finally:
            process.terminate()
            process.wait(10)


@contextlib.contextmanager
def responder(port: int) -> Iterator[str]:
    """Run a small responder of our own, where there is no Knot. It can be what limits the rates."""
    process = multiprocessing.get_context("spawn").Process(target=respond, args=(port,), daemon=True)
    process.start()
    try:
        yield "no Knot here: a small responder in Python, which limits the rates (not the CPU figures)"
    finally:
        process.terminate()
        process.join(10)


def respond(port: int) -> None:
    """Answer every TXT question for a name of the zone, for ever."""
    values = {wire.name_octets(dns.name.from_text(owner(n))): value(n).encode() for n in range(NAMES)}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        sock.bind((ADDRESS, port))
        while True:
            query, source = sock.recvfrom(4096)
            end = query.index(b"\x00", wire.HEADER_OCTETS) + 5
            found = values[query[wire.HEADER_OCTETS : end - 4].lower()]
            data = bytes((len(found),)) + found
            record = b"\xc0\x0c\x00\x10\x00\x01\x00\x00\x00\x00" + len(data).to_bytes(2, "big") + data
            header = query[:2] + b"\x84\x00\x00\x01\x00\x01\x00\x00\x00\x00"
            sock.sendto(header + query[wire.HEADER_OCTETS : end] + record, source)


def _wait_until_it_answers(port: int) -> None:
    query = dns.message.make_query(owner(0), "TXT")
    deadline = time.monotonic() + 20
    while True:
        try:
            if dns.query.udp(query, ADDRESS, port=port, timeout=0.2).answer:
                return
        except (dns.exception.DNSException, OSError):
            if time.monotonic() > deadline:
                raise
