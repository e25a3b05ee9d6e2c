"""The demo DNS gives the answers that Knot gives, to any question about a zone with everything in it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

import dns.asyncquery
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import pytest
from dns.message import Message
from dns.rrset import RRset
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from deploy.devstack.debian import find_program, missing
from deploy.devstack.demodns import DemoDns
from deploy.devstack.hierarchy import TLD_ADDRESS, ZONE_ADDRESSES, Hierarchy
from deploy.devstack.knot import KnotDns

PLAIN, SIGNED = "alles.de", "alles-signiert.de"
RECORDS = [
    ("@", "MX", ["10 mx", "20 mx.elsewhere.example."]),
    ("www", "A", ["192.0.2.80"]),
    ("www", "TXT", ["eins", "zwei"]),
    ("alias", "CNAME", ["www"]),
    ("alias2", "CNAME", ["alias"]),
    ("out", "CNAME", ["www.anderswo.com."]),
    ("nowhere", "CNAME", ["gone"]),
    ("loop", "CNAME", ["a.loop"]),
    ("a.loop", "CNAME", ["loop"]),
    ("into", "CNAME", ["www.sub"]),
    ("towild", "CNAME", ["zzz.wild"]),
    ("*.wild", "TXT", ["wildcard"]),
    ("*.wild", "MX", ["10 mx"]),
    ("www.wild", "A", ["192.0.2.81"]),
    ("a.b.wild", "A", ["192.0.2.82"]),
    ("a.*.odd", "TXT", ["below a wildcard's name"]),
    ("*.star", "CNAME", ["www"]),
    ("a.b.ent", "TXT", ["deep"]),
    ("big", "TXT", [letter * 250 for letter in "abcdefgh"]),
    ("sub", "NS", ["ns.sub", "ns2"]),
    ("ns.sub", "A", ["127.53.0.9"]),
    ("secure", "NS", ["ns2"]),
    ("secure", "DS", ["4711 13 2 " + "ab" * 32]),
    ("dn", "DNAME", ["wild"]),
    ("dn", "TXT", ["beside a DNAME"]),
]
# A wildcard that only exists because of a name below it: Knot 3.2 leaves out the NSEC that proves it, BIND then answers
# SERVFAIL. Ours is validated in test_dns_signing.py.
KNOT_CANNOT_PROVE = "a.*.odd"
LABELS = [
    "www",
    "a",
    "b",
    "zzz",
    "*",
    "alias",
    "wild",
    "odd",
    "star",
    "ent",
    "sub",
    "secure",
    "ns",
    "dn",
    "loop",
    "WwW",
]
FIRST = [*LABELS, *sorted({name.rpartition(".")[2] for name, _, _ in RECORDS}), "ns1", "ns2"]
TYPES = ["A", "AAAA", "TXT", "MX", "NS", "SOA", "CNAME", "DS", "DNAME", "SRV"]


@pytest.fixture(scope="module")
async def demo() -> AsyncIterator[DemoDns]:
    server = DemoDns(None)
    await server.start()
    _fill(server)
    yield server
    await server.stop()


@pytest.fixture(scope="module")
async def knot(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[KnotDns]:
    if find_program("knotd") is None:
        pytest.skip(missing("knotd"))
    server = KnotDns(tmp_path_factory.mktemp("knot"))
    await server.start()
    _fill(server)
    yield server
    await server.stop()


def _fill(server: Hierarchy) -> None:
    for zone in (PLAIN, SIGNED):
        server.add_zone(zone)
        for name, rdtype, values in RECORDS:
            if zone == PLAIN or name != KNOT_CANNOT_PROVE:
                server.set_records(zone, name, rdtype, values)
    for zone in (".", "de", SIGNED):
        server.sign(zone)


names = st.tuples(st.lists(st.sampled_from(LABELS), max_size=3), st.sampled_from([*FIRST, "@"])).map(
    lambda drawn: ".".join((*drawn[0], *([drawn[1]] if drawn[1] != "@" else []))) or "@"
)
relaxed = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@relaxed
@given(name=names, rdtype=st.sampled_from(TYPES))
@example(name="zzz.dn", rdtype="TXT")
@example(name="big", rdtype="TXT")
@example(name="into", rdtype="A")
async def test_a_plain_zone_is_answered_for_alike(demo: DemoDns, knot: KnotDns, name: str, rdtype: str):
    ours, theirs = await both(demo, knot, ZONE_ADDRESSES[1], name, PLAIN, rdtype, dnssec=False)
    assert ours == theirs


@relaxed
@given(name=names.filter(lambda name: not name.startswith("*.")), rdtype=st.sampled_from([*TYPES, "DNSKEY"]))
@example(name="*.wild", rdtype="TXT")
@example(name="secure", rdtype="DS")
@example(name="sub", rdtype="DS")
async def test_a_signed_zone_is_proven_alike(demo: DemoDns, knot: KnotDns, name: str, rdtype: str):
    """Where a name that begins with `*` is itself answered by a wildcard, Knot 3.2 leaves out the proof."""
    ours, theirs = await both(demo, knot, ZONE_ADDRESSES[0], name, SIGNED, rdtype, dnssec=True)
    assert ours == theirs


@pytest.mark.parametrize("name", [PLAIN, SIGNED, f"www.{PLAIN}", f"www.{SIGNED}", "gibt-es-nicht.de", "nic.de"])
@pytest.mark.parametrize("rdtype", ["A", "NS", "DS", "SOA"])
async def test_the_registry_refers_and_denies_alike(demo: DemoDns, knot: KnotDns, name: str, rdtype: str):
    ours, theirs = await both(demo, knot, TLD_ADDRESS, f"{name}.", ".", rdtype, dnssec=True)
    assert ours == theirs


async def test_a_zone_that_is_not_served_is_refused_alike(demo: DemoDns, knot: KnotDns):
    ours, theirs = await both(demo, knot, ZONE_ADDRESSES[0], "www", "anderswo.com", "A", dnssec=False)
    assert ours == theirs
    assert ours["rcode"] == "REFUSED"


async def both(
    demo: DemoDns, knot: KnotDns, address: str, name: str, zone: str, rdtype: str, *, dnssec: bool
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Ask both servers the same; return what must not differ."""
    question = dns.name.from_text(name, dns.name.from_text(zone))
    seen: list[dict[str, Any]] = []
    for server in (demo, knot):
        query = dns.message.make_query(question, rdtype, want_dnssec=dnssec, payload=1232, flags=0)
        reply, _ = await dns.asyncquery.udp_with_fallback(query, address, timeout=2, port=server.port)
        seen.append(_told(reply))
    return seen[0], seen[1]


def _told(reply: Message) -> dict[str, Any]:
    return {
        "rcode": dns.rcode.to_text(reply.rcode()),
        "flags": dns.flags.to_text(reply.flags),
        "answer": _records(reply.answer),
        "authority": _records(reply.authority),
    }


def _records(section: Iterable[RRset]) -> set[tuple[str, str, int, str]]:
    return {
        (str(rrset.name).lower(), dns.rdatatype.to_text(rrset.rdtype), rrset.ttl, _comparable(rdata))
        for rrset in section
        for rdata in rrset
    }


def _comparable(rdata: Any) -> str:
    """What may not differ of a record: keys and serials may."""
    if rdata.rdtype == dns.rdatatype.SOA:
        return str(rdata.replace(serial=0)).lower()
    if rdata.rdtype == dns.rdatatype.RRSIG:
        return f"{dns.rdatatype.to_text(rdata.type_covered)} {rdata.labels} {rdata.original_ttl} {rdata.signer}"
    if rdata.rdtype in (dns.rdatatype.DNSKEY, dns.rdatatype.DS):
        return "a key"
    return str(rdata).lower()
