"""Knot as the demo hierarchy: zones come, go, lag behind and are signed, as on the demo server."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator

import dns.asyncquery
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import pytest
from dns.message import Message

from deploy.devstack.debian import find_program, missing
from deploy.devstack.hierarchy import TLD_ADDRESS, ZONE_ADDRESSES
from deploy.devstack.knot import KnotDns

numbers = itertools.count(1)


@pytest.fixture(scope="module")
async def knot(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[KnotDns]:
    if find_program("knotd") is None:
        pytest.skip(missing("knotd"))
    server = KnotDns(tmp_path_factory.mktemp("knot"))
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def domain(knot: KnotDns) -> str:
    name = f"knoten-{next(numbers)}.de"
    knot.add_zone(name)
    knot.set_records(name, "www", "A", ["192.0.2.80"])
    return name


async def ask(
    knot: KnotDns, name: str, rdtype: str = "A", *, address: str = ZONE_ADDRESSES[0], want_dnssec: bool = False
) -> Message:
    query = dns.message.make_query(name, rdtype, flags=0, want_dnssec=want_dnssec)
    return await dns.asyncquery.udp(query, address, port=knot.port, timeout=2)


async def test_a_zone_that_was_given_up_is_gone_and_comes_back_empty(knot: KnotDns, domain: str):
    assert (await ask(knot, f"www.{domain}")).answer
    knot.remove_zone(domain)
    assert (await ask(knot, f"www.{domain}")).rcode() == dns.rcode.REFUSED
    assert (await ask(knot, domain, address=TLD_ADDRESS)).rcode() == dns.rcode.NXDOMAIN
    knot.add_zone(domain)
    assert (await ask(knot, f"www.{domain}")).rcode() == dns.rcode.NXDOMAIN


async def test_the_only_name_servers_of_a_zone_can_be_replaced(knot: KnotDns, domain: str):
    knot.set_records(domain, "@", "NS", ["ns9.anderswo.com."])
    (servers,) = (await ask(knot, domain, "NS")).answer
    assert [str(server) for server in servers] == ["ns9.anderswo.com."]


@pytest.mark.parametrize("signed", [False, True])
async def test_a_frozen_server_lags_behind_until_it_is_thawed(knot: KnotDns, domain: str, signed: bool):
    if signed:
        knot.sign(domain)
    knot.freeze(ZONE_ADDRESSES[1], domain)
    knot.set_records(domain, "later", "A", ["192.0.2.80"])
    replies = [await ask(knot, f"later.{domain}", address=address, want_dnssec=True) for address in ZONE_ADDRESSES]
    assert [reply.rcode() for reply in replies] == [dns.rcode.NOERROR, dns.rcode.NXDOMAIN]
    assert [bool(reply.flags & dns.flags.AA) for reply in replies] == [True, True]
    lagging = await ask(knot, f"www.{domain}", address=ZONE_ADDRESSES[1], want_dnssec=True)
    assert (dns.rdatatype.RRSIG in {rrset.rdtype for rrset in lagging.answer}) is signed
    knot.thaw(ZONE_ADDRESSES[1], domain)
    current = [await ask(knot, f"later.{domain}", address=address) for address in ZONE_ADDRESSES]
    assert all(reply.answer for reply in current)


async def test_nothing_listens_after_the_stop(tmp_path_factory: pytest.TempPathFactory):
    if find_program("knotd") is None:
        pytest.skip(missing("knotd"))
    server = KnotDns(tmp_path_factory.mktemp("knot"))
    await server.start()
    await server.stop()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(TLD_ADDRESS, server.port)
