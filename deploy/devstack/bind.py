"""BIND as a recursor that stands alone: it walks the demo hierarchy, remembers what it saw, and validates DNSSEC.

It asks other servers on the port of its option `port`, so a hierarchy on a high port is within its reach. It listens on
127.0.0.1 because it silently ignores addresses that no interface has. It concludes nothing from the NSEC records of
other names (RFC 8198): a domain made by one test would not exist because another had looked for its neighbour.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from base64 import b64encode
from pathlib import Path

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.rdatatype
from dns.message import Message

from deploy.devstack.debian import program
from deploy.devstack.hierarchy import ROOT_SERVER, TTL_SECONDS
from deploy.devstack.ports import LOOPBACK, free_port
from deploy.devstack.processes import ChildProcess

START_DEADLINE_SECONDS = 10.0
QUERY_SECONDS = 5.0
EDNS_PAYLOAD = 1232

CONFIGURATION = """\
# Written at every start; changes made here are lost.
options {{
    directory "{directory}";
    pid-file "named.pid";
    session-keyfile none;
    port {hierarchy_port};
    listen-on port {port} {{ {address}; }};
    listen-on-v6 {{ none; }};
    recursion yes;
    dnssec-validation {validation};
    trust-anchor-telemetry no;
    synth-from-dnssec no;
    empty-zones-enable no;
    servfail-ttl 0;
    max-cache-size 16m;
    notify no;
}};
{trust_anchors}
zone "." {{ type hint; file "root.hints"; }};
key "rndc" {{ algorithm hmac-sha256; secret "{secret}"; }};
controls {{ inet {address} port {control_port} allow {{ {address}; }} keys {{ "rndc"; }}; }};
"""

CONTROL = """\
key "rndc" {{ algorithm hmac-sha256; secret "{secret}"; }};
options {{ default-key "rndc"; default-server {address}; default-port {control_port}; }};
"""


class BindRecursor:
    """A recursor for one hierarchy, at `address` and `port`. Without a trust anchor it validates nothing."""

    address = LOOPBACK

    def __init__(
        self, directory: Path, *, root_address: str, hierarchy_port: int, trust_anchor: str | None = None
    ) -> None:
        """Walk from `root_address` on `hierarchy_port`; `trust_anchor` is the root's key as DNSKEY text."""
        self.port = free_port()
        self._control_port = free_port()
        self._directory = directory.resolve()
        self._root_address = root_address
        self._hierarchy_port = hierarchy_port
        self._trust_anchor = trust_anchor
        argv = [program("named"), "-g", "-n", "1", "-c", str(self._directory / "named.conf")]
        self._process = ChildProcess("named", argv, os.environ, self._directory / "named.log")

    async def start(self) -> None:
        """Return when questions are answered."""
        self._directory.mkdir(parents=True, exist_ok=True)
        self._write_configuration()
        self._process.launch()
        await self._process.until_ready(self._answers, START_DEADLINE_SECONDS)

    async def stop(self) -> None:
        """End it; what it remembered is gone."""
        await self._process.stop()

    async def ask(self, name: str, rdtype: str, *, cd: bool = False) -> Message:
        """Ask a question with DO set; `cd` asks for the data whether or not it validates."""
        query = dns.message.make_query(name, rdtype, want_dnssec=True, payload=EDNS_PAYLOAD)
        query.flags |= dns.flags.AD | (dns.flags.CD if cd else 0)
        reply, _ = await dns.asyncquery.udp_with_fallback(
            query, self.address, timeout=QUERY_SECONDS, port=self.port, ignore_unexpected=True
        )
        return reply

    async def flush(self) -> None:
        """Forget everything that was seen."""
        control = [program("rndc"), "-c", str(self._directory / "rndc.conf"), "flush"]
        process = await asyncio.create_subprocess_exec(*control, stdout=asyncio.subprocess.DEVNULL)
        if await process.wait() != 0:
            raise self._process.failure("did not flush its cache")

    def _write_configuration(self) -> None:
        secret = b64encode(secrets.token_bytes(32)).decode()
        flags, protocol, algorithm, *key = (self._trust_anchor or "0 0 0").split()
        anchors = f'trust-anchors {{ . static-key {flags} {protocol} {algorithm} "{"".join(key)}"; }};'
        configuration = CONFIGURATION.format(
            directory=self._directory,
            address=self.address,
            port=self.port,
            hierarchy_port=self._hierarchy_port,
            control_port=self._control_port,
            validation="yes" if self._trust_anchor else "no",
            trust_anchors=anchors if self._trust_anchor else "",
            secret=secret,
        )
        (self._directory / "named.conf").write_text(configuration)
        control = CONTROL.format(secret=secret, address=self.address, control_port=self._control_port)
        (self._directory / "rndc.conf").write_text(control)
        hints = f". {TTL_SECONDS} NS {ROOT_SERVER}\n{ROOT_SERVER} {TTL_SECONDS} A {self._root_address}\n"
        (self._directory / "root.hints").write_text(hints)

    async def _answers(self) -> bool:
        query = dns.message.make_query(".", dns.rdatatype.NS)
        query.flags &= ~dns.flags.RD
        try:
            await dns.asyncquery.udp(query, self.address, timeout=0.2, port=self.port)
        except (dns.exception.DNSException, OSError):
            return False
        return True
