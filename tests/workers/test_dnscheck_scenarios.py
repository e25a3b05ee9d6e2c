"""What customers and their providers do wrong, told apart on the wire: a scenario for every diagnosis of the proof."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from contextlib import closing
from typing import Any

import dns.flags
import dns.message
import dns.rrset
import pytest
from dns.message import Message

from deploy.devstack.demodns import ZONE_ADDRESSES, DemoDns, Fault
from services.dnscheck.asking.resolver import Resolver
from services.dnscheck.findings.diagnosis import Diagnosis, diagnose_txt
from services.dnscheck.findings.proof import ExpectedTxt

LABEL = "_postkontor-challenge"
TOKEN = "k7wq3xd5mz2ra6ytb4ncfe7hjlgposiu"
VALUE = f"token={TOKEN}"
SIBLING = "3f9a2b71c0d4e586"
ODD_ADDRESS = "127.53.0.9"
numbers = itertools.count(1)


@pytest.fixture
def domain(demo: DemoDns) -> str:
    """A freshly registered domain with an empty zone."""
    name = f"bootsbau-{next(numbers)}.de"
    demo.add_zone(name)
    return name


async def look(resolver: Resolver, domain: str) -> Diagnosis:
    name = f"{LABEL}.{domain}"
    observation = await resolver.observe_txt(domain, name, deep=True, sibling=SIBLING)
    diagnosis = diagnose_txt(observation, ExpectedTxt(name=name, tokens=(TOKEN,)))
    assert "{" not in diagnosis.text_en + diagnosis.text_de
    return diagnosis


# -- the right value in the wrong place


@pytest.mark.parametrize(
    ("name", "code"),
    [
        (f"{LABEL}.{{domain}}", "name_doubled"),
        ("postkontor-challenge", "underscore_missing"),
        (f"{LABEL}.www", "at_www"),
    ],
)
async def test_record_under_a_wrong_name_is_found(demo: DemoDns, resolver: Resolver, domain: str, name: str, code: str):
    where = name.format(domain=domain)
    demo.set_records(domain, where, "TXT", [VALUE])
    diagnosis = await look(resolver, domain)
    assert (diagnosis.kind, diagnosis.code, diagnosis.seen) == ("not_yet", code, (f"{where}.{domain}",))


async def test_record_for_a_subdomain_under_the_domain_itself_is_found(demo: DemoDns, resolver: Resolver, domain: str):
    demo.set_records(domain, LABEL, "TXT", [VALUE])
    diagnosis = await look(resolver, f"mail.{domain}")
    assert (diagnosis.kind, diagnosis.code) == ("not_yet", "in_parent_name")
    assert f"mit dem Namen {LABEL}.mail an" in diagnosis.text_de


async def test_record_at_a_provider_that_is_not_in_charge_is_found(
    demo: DemoDns, resolver: Resolver, domain: str, odd_server: Any
):
    provider = f"anbieter-{domain.partition('.')[0]}.com"
    demo.add_zone(provider)
    demo.set_records(provider, "ns9", "A", [ODD_ADDRESS])
    demo.set_records(domain, "@", "NS", [f"ns1.{domain}.", f"ns2.{domain}.", f"ns9.{provider}."])
    async with odd_server(with_token):
        diagnosis = await look(resolver, domain)
    assert (diagnosis.kind, diagnosis.code, diagnosis.seen) == ("not_yet", "wrong_provider", (f"ns9.{provider}",))


async def test_a_zone_that_names_more_servers_than_its_parent_is_no_fault_by_itself(
    demo: DemoDns, resolver: Resolver, domain: str
):
    demo.set_records(domain, "@", "NS", [f"ns1.{domain}.", f"ns9.{domain}."])
    demo.set_records(domain, "ns9", "A", [ZONE_ADDRESSES[1]])
    assert (await look(resolver, domain)).code == "not_yet"
    demo.set_records(domain, LABEL, "TXT", [VALUE])
    assert (await look(resolver, domain)).code == "verified"


# -- something else in the right place


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (VALUE[:-5], "value_truncated"),
        (f"{VALUE[:12]}...", "value_truncated"),
        (f"{LABEL} {VALUE}", "value_extra_text"),
        ("token=anderswo", "wrong_value"),
    ],
)
async def test_a_value_that_is_not_the_wanted_one_is_told_apart(
    demo: DemoDns, resolver: Resolver, domain: str, value: str, code: str
):
    demo.set_records(domain, LABEL, "TXT", [value])
    diagnosis = await look(resolver, domain)
    assert (diagnosis.kind, diagnosis.code, diagnosis.seen) == ("not_yet", code, (value,))


@pytest.mark.parametrize(
    ("rdtype", "value"), [("TXT", "v=spf1 -all"), ("A", "192.0.2.80"), ("CNAME", "www"), ("MX", "10 mail")]
)
async def test_a_wildcard_is_told_from_a_record_of_its_own(
    demo: DemoDns, resolver: Resolver, domain: str, rdtype: str, value: str
):
    demo.set_records(domain, "www", "A", ["192.0.2.80"])
    demo.set_records(domain, "*", rdtype, [value])
    diagnosis = await look(resolver, domain)
    assert (diagnosis.kind, diagnosis.code) == ("not_yet", "wildcard_answer")
    demo.set_records(domain, LABEL, "TXT", ["token=anderswo"])
    assert (await look(resolver, domain)).code == "wrong_value"
    demo.set_records(domain, LABEL, "TXT", [VALUE])
    assert (await look(resolver, domain)).code == "verified"


async def test_an_alias_in_a_circle_is_a_loop(demo: DemoDns, resolver: Resolver, domain: str):
    demo.set_records(domain, LABEL, "CNAME", ["a"])
    demo.set_records(domain, "a", "CNAME", [LABEL])
    diagnosis = await look(resolver, domain)
    assert (diagnosis.kind, diagnosis.code) == ("not_yet", "cname_loop")
    assert diagnosis.seen == (f"CNAME a.{domain}", f"CNAME {LABEL}.{domain}")


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("gibt-es-nicht", "cname_target_broken"),
        ("x.nicht-registriert.de.", "cname_target_broken"),
        ("x.keine-endung.example.", "cname_target_broken"),
        ("www", "cname_target_no_txt"),
    ],
)
async def test_an_alias_without_a_record_behind_it_is_told_apart(
    demo: DemoDns, resolver: Resolver, domain: str, target: str, code: str
):
    demo.set_records(domain, "www", "A", ["192.0.2.80"])
    demo.set_records(domain, LABEL, "CNAME", [target])
    diagnosis = await look(resolver, domain)
    assert (diagnosis.kind, diagnosis.code) == ("not_yet", code)


async def test_a_challenge_with_name_servers_of_its_own_is_delegated(
    demo: DemoDns, resolver: Resolver, domain: str, odd_server: Any
):
    demo.set_records(domain, LABEL, "NS", [f"ns.{LABEL}"])
    demo.set_records(domain, f"ns.{LABEL}", "A", [ODD_ADDRESS])
    async with odd_server(empty):
        diagnosis = await look(resolver, domain)
    assert (diagnosis.kind, diagnosis.code) == ("not_yet", "challenge_delegated")
    assert diagnosis.seen == (f"ns.{LABEL}.{domain}",)
    assert (await look(resolver, domain)).code == "servers_unreachable"


async def test_a_challenge_with_name_servers_that_are_not_there_could_not_be_asked(
    demo: DemoDns, resolver: Resolver, domain: str
):
    demo.set_records(domain, LABEL, "NS", ["gibt-es-nicht"])
    diagnosis = await look(resolver, domain)
    assert (diagnosis.kind, diagnosis.code) == ("could_not_ask", "ns_unresolvable")
    assert f"Für {LABEL}.{domain} sind eigene Nameserver eingetragen (gibt-es-nicht.{domain})" in diagnosis.text_de
    assert "löschen Sie diese NS-Einträge" in diagnosis.text_de
    assert "Registrar" not in diagnosis.text_de + diagnosis.text_en


# -- nobody's word


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("truncate", "tcp_blocked"),
        ("malformed", "ns_malformed"),
        ("servfail", "servers_failing"),
        ("refused", "lame_delegation"),
        ("not_authoritative", "lame_delegation"),
        ("drop", "servers_unreachable"),
    ],
)
async def test_servers_in_trouble_are_told_apart(
    faulty: DemoDns, resolver: Resolver, domain: str, fault: Fault, code: str
):
    faulty.set_records(domain, LABEL, "TXT", [VALUE])
    for address in ZONE_ADDRESSES:
        faulty.set_fault(address, domain, fault)
    diagnosis = await look(resolver, domain)
    assert (diagnosis.kind, diagnosis.code) == ("could_not_ask", code)
    assert f"ns1.{domain}" in diagnosis.text_de


async def test_a_server_without_tcp_at_all_is_blocked(
    demo: DemoDns, resolver: Resolver, domain: str, move_to_odd_server: Callable[[str], None]
):
    move_to_odd_server(domain)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(_Truncating, local_addr=(ODD_ADDRESS, demo.port))
    with closing(transport):
        diagnosis = await look(resolver, domain)
    assert (diagnosis.kind, diagnosis.code) == ("could_not_ask", "tcp_blocked")


async def test_one_readable_no_counts_more_than_a_server_in_trouble(faulty: DemoDns, resolver: Resolver, domain: str):
    faulty.set_fault(ZONE_ADDRESSES[0], domain, "malformed")
    assert (await look(resolver, domain)).code == "not_yet"


@pytest.mark.parametrize("host", ["ns.gibt-es-nicht.com.", "ns1.{domain}.", "fehlt.nic.de."])
async def test_name_servers_without_an_address_are_unresolvable(
    demo: DemoDns, resolver: Resolver, domain: str, host: str
):
    demo.set_records("de", f"ns1.{domain}.", "A", [])
    demo.set_records("de", f"{domain}.", "NS", [host.format(domain=domain)])
    diagnosis = await look(resolver, domain)
    assert (diagnosis.kind, diagnosis.code) == ("could_not_ask", "ns_unresolvable")
    assert host.format(domain=domain).removesuffix(".") in diagnosis.text_de


async def test_name_servers_reached_by_ipv6_alone_are_not_called_unresolvable(
    demo: DemoDns, resolver: Resolver, domain: str
):
    demo.set_records("de", f"{domain}.", "NS", [f"ns1.{domain}."])
    demo.set_records("de", f"ns1.{domain}.", "A", [])
    demo.set_records("de", f"ns1.{domain}.", "AAAA", ["2001:678:2::53"])
    assert (await look(resolver, domain)).code == "servers_unreachable"
    demo.add_zone("nur-ipv6.com")
    demo.set_records("nur-ipv6.com", "ns", "AAAA", ["2001:678:2::53"])
    demo.set_records("de", f"{domain}.", "NS", ["ns.nur-ipv6.com."])
    assert (await look(resolver, domain)).code == "servers_unreachable"


async def test_a_name_with_records_in_the_registrys_own_zone_is_registered(demo: DemoDns, resolver: Resolver):
    demo.set_records("de", "ohne-zone", "A", ["192.0.2.80"])
    assert (await look(resolver, "ohne-zone.de")).code == "not_yet"
    assert (await look(resolver, "gibt-es-nicht.de")).code == "domain_not_registered"


async def test_name_servers_whose_own_zone_is_silent_are_not_called_unresolvable(
    faulty: DemoDns, resolver: Resolver, domain: str
):
    provider = f"anbieter-{domain.partition('.')[0]}.com"
    faulty.add_zone(provider)
    faulty.set_records("de", f"{domain}.", "NS", [f"ns.{provider}."])
    for address in ZONE_ADDRESSES:
        faulty.set_fault(address, provider, "servfail")
    diagnosis = await look(resolver, domain)
    assert diagnosis.kind == "could_not_ask"
    assert diagnosis.code != "ns_unresolvable"


async def test_name_servers_with_internal_addresses_are_private(demo: DemoDns, resolver: Resolver, domain: str):
    for number in (1, 2):
        demo.set_records("de", f"ns{number}.{domain}.", "A", [f"10.0.0.{number}"])
    diagnosis = await look(resolver, domain)
    assert (diagnosis.kind, diagnosis.code) == ("could_not_ask", "ns_private")
    assert "filtered: not a public address" in {asked.answer for asked in diagnosis.asked}
    assert (await look(resolver, f"mail.{domain}")).code == "ns_private"


async def test_one_internal_address_beside_a_public_one_does_not_matter(demo: DemoDns, resolver: Resolver, domain: str):
    demo.set_records("de", f"ns2.{domain}.", "A", ["10.0.0.1"])
    assert (await look(resolver, domain)).code == "not_yet"


# -- servers of the tests' own


def with_token(query: Message) -> Message:
    reply = empty(query)
    reply.answer = [dns.rrset.from_text(query.question[0].name, 300, "IN", "TXT", f'"{VALUE}"')]
    return reply


def empty(query: Message) -> Message:
    reply = dns.message.make_response(query)
    reply.flags |= dns.flags.AA
    return reply


class _Truncating(asyncio.DatagramProtocol):
    """Says of every answer that it is too long; nobody listens on TCP."""

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        reply = empty(dns.message.from_wire(data))
        reply.flags |= dns.flags.TC
        self._transport.sendto(reply.to_wire(), addr)
