"""BIND, which knows only the root's key, believes the demo's signatures, and finds out when a zone is broken."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import dns.asyncquery
import dns.dnssec
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest
from dns.message import Message

from deploy.devstack import dnsupdate
from deploy.devstack.bind import BindRecursor
from deploy.devstack.debian import find_program, missing
from deploy.devstack.demodns import ROOT_ADDRESS, TLD_ADDRESS, ZONE_ADDRESSES, DemoDns
from deploy.devstack.hierarchy import TLDS
from deploy.devstack.signing import Broken

ZONE = "gut.de"
numbers = itertools.count(1)


@pytest.fixture(scope="module")
async def demo() -> AsyncIterator[DemoDns]:
    server = DemoDns(None)
    await server.start()
    for zone in (".", *TLDS):
        server.sign(zone)
    server.add_zone(ZONE)
    server.sign(ZONE)
    server.set_records(ZONE, "www", "A", ["192.0.2.80"])
    server.set_records(ZONE, "alias", "CNAME", ["www"])
    server.set_records(ZONE, "moved", "DNAME", ["new"])
    server.set_records(ZONE, "www.new", "A", ["192.0.2.81"])
    server.set_records(ZONE, "*.wild", "TXT", ["wildcard"])
    server.set_records(ZONE, "*.links", "CNAME", ["www"])
    server.set_records(ZONE, "a.b.ent", "TXT", ["deep"])
    server.set_records(ZONE, "a.*.odd", "TXT", ["below a wildcard's name"])
    server.set_records(ZONE, "big", "TXT", [letter * 250 for letter in "abcdefgh"])
    yield server
    await server.stop()


@pytest.fixture(scope="module")
async def bind(demo: DemoDns, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[BindRecursor]:
    if find_program("named") is None:
        pytest.skip(missing("named"))
    server = BindRecursor(
        tmp_path_factory.mktemp("bind"),
        root_address=demo.root_address,
        hierarchy_port=demo.port,
        trust_anchor=demo.trust_anchor(),
    )
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def domain(demo: DemoDns) -> str:
    """A domain that BIND has not seen, with one record and no signatures."""
    name = f"neu-{next(numbers)}.de"
    demo.add_zone(name)
    demo.set_records(name, "www", "A", ["192.0.2.80"])
    return name


def told(reply: Message) -> tuple[str, bool, int]:
    """The code, whether BIND vouches for it, and how many sets of records came."""
    sets = [rrset for rrset in reply.answer if rrset.rdtype != dns.rdatatype.RRSIG]
    return dns.rcode.to_text(reply.rcode()), bool(reply.flags & dns.flags.AD), len(sets)


@pytest.mark.parametrize(
    ("name", "rdtype", "rcode", "sets"),
    [
        ("www", "A", "NOERROR", 1),
        ("alias", "A", "NOERROR", 2),
        ("www.moved", "A", "NOERROR", 3),
        ("big", "TXT", "NOERROR", 1),
        ("anything.wild", "TXT", "NOERROR", 1),
        ("deep.below.wild", "TXT", "NOERROR", 1),
        ("*.wild", "TXT", "NOERROR", 1),
        ("anything.links", "A", "NOERROR", 2),
        ("www", "TXT", "NOERROR", 0),
        ("anything.wild", "A", "NOERROR", 0),
        ("ent", "TXT", "NOERROR", 0),
        ("b.ent", "TXT", "NOERROR", 0),
        ("anything.odd", "TXT", "NOERROR", 0),
        ("gone", "A", "NXDOMAIN", 0),
        ("gone.b.ent", "A", "NXDOMAIN", 0),
        ("alias.gone", "A", "NXDOMAIN", 0),
        (f"{ZONE}.", "DNSKEY", "NOERROR", 1),
        (f"{ZONE}.", "DS", "NOERROR", 1),
        ("not-registered.de.", "A", "NXDOMAIN", 0),
        ("no-such-tld.", "A", "NXDOMAIN", 0),
        (".", "NS", "NOERROR", 1),
    ],
)
async def test_bind_vouches_for_what_is_there_and_what_is_not(
    bind: BindRecursor, name: str, rdtype: str, rcode: str, sets: int
):
    reply = await bind.ask(name if name.endswith(".") else f"{name}.{ZONE}", rdtype)
    assert told(reply) == (rcode, True, sets)


async def test_bind_vouches_for_a_change_that_came_by_update(demo: DemoDns, bind: BindRecursor):
    await dnsupdate.set_txt(demo.update_address, demo.port, ZONE, "just-made", "new")
    assert told(await bind.ask(f"just-made.{ZONE}", "TXT")) == ("NOERROR", True, 1)


async def test_an_unsigned_zone_is_served_without_a_word_for_it(bind: BindRecursor, domain: str):
    assert told(await bind.ask(f"www.{domain}", "A")) == ("NOERROR", False, 1)
    assert told(await bind.ask(f"gone.{domain}", "A")) == ("NXDOMAIN", False, 0)


async def test_a_zone_within_a_signed_zone_is_vouched_for_by_it(demo: DemoDns, bind: BindRecursor):
    for name in ("signed", "plain"):
        demo.add_zone(f"{name}.{ZONE}")
        demo.set_records(f"{name}.{ZONE}", "www", "A", ["192.0.2.80"])
    demo.sign(f"signed.{ZONE}")
    assert told(await bind.ask(f"www.signed.{ZONE}", "A")) == ("NOERROR", True, 1)
    assert told(await bind.ask(f"www.plain.{ZONE}", "A")) == ("NOERROR", False, 1)


@pytest.mark.parametrize("broken", ["ds_mismatch", "expired", "missing"])
async def test_a_broken_zone_fails_and_shows_its_data_to_who_checks_himself(
    demo: DemoDns, bind: BindRecursor, domain: str, broken: Broken
):
    demo.sign(domain, broken)
    assert told(await bind.ask(f"www.{domain}", "A")) == ("SERVFAIL", False, 0)
    assert told(await bind.ask(f"www.{domain}", "A", cd=True)) == ("NOERROR", False, 1)
    assert told(await bind.ask(f"gone.{domain}", "A")) == ("SERVFAIL", False, 0)
    demo.sign(domain)
    await bind.flush()
    assert told(await bind.ask(f"www.{domain}", "A")) == ("NOERROR", True, 1)


async def test_signatures_that_do_not_fit_fail_until_they_are_healed(demo: DemoDns, bind: BindRecursor, domain: str):
    demo.sign(domain)
    demo.set_fault(None, f"www.{domain}", "badsig")
    assert told(await bind.ask(f"www.{domain}", "A")) == ("SERVFAIL", False, 0)
    assert told(await bind.ask(f"www.{domain}", "A", cd=True)) == ("NOERROR", False, 1)
    demo.heal()
    await bind.flush()
    assert told(await bind.ask(f"www.{domain}", "A")) == ("NOERROR", True, 1)


async def test_a_lagging_server_serves_old_data_with_good_signatures(demo: DemoDns, bind: BindRecursor, domain: str):
    demo.sign(domain)
    for address in ZONE_ADDRESSES:
        demo.freeze(address, domain)
    demo.set_records(domain, "later", "A", ["192.0.2.80"])
    assert told(await bind.ask(f"later.{domain}", "A")) == ("NXDOMAIN", True, 0)
    for address in ZONE_ADDRESSES:
        demo.thaw(address, domain)
    await bind.flush()
    assert told(await bind.ask(f"later.{domain}", "A")) == ("NOERROR", True, 1)


async def test_a_zone_keeps_its_key_over_a_restart(tmp_path: Path):
    first = DemoDns(tmp_path)
    for zone in (".", "de"):
        first.sign(zone)
    first.add_zone(ZONE)
    first.sign(ZONE)
    anchor = first.trust_anchor()

    second = DemoDns(tmp_path)
    await second.start()
    try:
        assert second.trust_anchor() == anchor
        ds, keys = await _fetch(second, TLD_ADDRESS, "DS"), await _fetch(second, ZONE_ADDRESSES[0], "DNSKEY")
        owner = dns.name.from_text(ZONE)
        assert dns.dnssec.make_ds(owner, next(iter(keys[0])), "SHA256") in ds[0]
        dns.dnssec.validate(keys[0], keys[1], {owner: keys[0]})
        assert (await _fetch(second, ROOT_ADDRESS, "DS", name="de"))[0].rdtype == dns.rdatatype.DS
    finally:
        await second.stop()


async def _fetch(demo: DemoDns, address: str, rdtype: str, *, name: str = ZONE) -> list[dns.rrset.RRset]:
    query = dns.message.make_query(name, rdtype, want_dnssec=True, flags=0)
    return (await dns.asyncquery.udp(query, address, port=demo.port, timeout=1)).answer
