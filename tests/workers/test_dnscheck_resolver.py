"""The resolver against a real hierarchy over UDP and TCP: what servers do, told apart on the wire."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import dns.asyncquery
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rrset
import pytest
from dns.message import Message
from dns.rcode import Rcode
from dns.update import UpdateMessage

from deploy.devstack import dnsupdate
from deploy.devstack.demodns import TLD_ADDRESS, ZONE_ADDRESSES, DemoDns, Fault
from services.dnscheck.asking.addresses import may_send_to
from services.dnscheck.asking.resolver import Resolver
from services.dnscheck.asking.turns import RESTS
from services.dnscheck.corroboration import PerspectiveAnswer, PerspectiveQuestion, perspective_of
from services.dnscheck.findings.diagnosis import Diagnosis, diagnose_txt
from services.dnscheck.findings.proof import ExpectedTxt, is_proof

LABEL = "_postkontor-challenge"
TOKEN = "k7wq3xd5mz2ra6ytb4ncfe7hjlgposiu"
OLD = "a2b3c4d5e6f7a2b3c4d5e6f7a2b3c4d5"
ODD_ADDRESS = "127.53.0.9"  # where a test puts a server of its own
numbers = itertools.count(1)


@pytest.fixture
def domain(demo: DemoDns) -> str:
    """A freshly registered domain with an empty zone."""
    name = f"segelschule-{next(numbers)}.de"
    demo.add_zone(name)
    return name


async def look(resolver: Resolver, domain: str, *, deep: bool = True) -> Diagnosis:
    name = f"{LABEL}.{domain}"
    expected = ExpectedTxt(name=name, tokens=(TOKEN,), old_tokens=(OLD,))
    observation = await resolver.observe_txt(
        domain, name, deep=deep, sibling="3f9a2b71c0d4e586", is_proof=lambda value: is_proof(value, expected)
    )
    return diagnose_txt(observation, expected)


def with_token(query: Message) -> Message:
    """An authoritative answer that carries the token, whatever was asked."""
    reply = dns.message.make_response(query)
    reply.flags |= dns.flags.AA
    reply.answer = [dns.rrset.from_text(query.question[0].name, 300, "IN", "TXT", f'"token={TOKEN}"')]
    return reply


# -- the proof


async def test_record_added_by_update_is_seen_at_once(demo: DemoDns, resolver: Resolver):
    domain = "nordwind-segel.de"
    assert (await look(resolver, domain)).code == "domain_not_registered"
    await dnsupdate.register_domain(demo.tld_address, demo.port, domain)
    assert (await look(resolver, domain)).code == "not_yet"
    await dnsupdate.set_txt(demo.update_address, demo.port, domain, LABEL, f"token={TOKEN}")
    assert (await look(resolver, domain, deep=False)).code == "verified"
    await dnsupdate.delete(demo.update_address, demo.port, domain, LABEL, "TXT")
    assert (await look(resolver, domain)).code == "not_yet"
    await dnsupdate.unregister_domain(demo.tld_address, demo.port, domain)
    assert (await look(resolver, domain)).code == "domain_not_registered"


async def test_warm_proof_asks_registry_and_servers_once_and_takes_no_time(
    demo: DemoDns, resolver: Resolver, domain: str
):
    demo.set_records(domain, LABEL, "TXT", [f"token={TOKEN}"])
    await look(resolver, domain)
    looks = [await resolver.observe_txt(domain, f"{LABEL}.{domain}") for _ in range(20)]
    assert all([answer.kind for answer in seen.delegation.asked] == ["referral"] for seen in looks)
    assert all(len(seen.answers) == 2 and not seen.apex for seen in looks)
    assert min(seen.elapsed_ms for seen in looks) < 10


async def test_token_at_the_domain_itself_is_accepted(demo: DemoDns, resolver: Resolver, domain: str):
    demo.set_records(domain, "@", "TXT", ["v=spf1 -all", f"token={TOKEN}"])
    diagnosis = await look(resolver, domain, deep=False)
    assert (diagnosis.code, diagnosis.notes) == ("verified", ("at_apex",))


async def test_token_at_the_domain_itself_counts_beside_anothers_at_the_challenge(
    demo: DemoDns, resolver: Resolver, domain: str
):
    """As when a second account tries to prove a domain: a later look, short of places, must not see a loss."""
    demo.set_records(domain, "@", "TXT", [f"token={TOKEN}"])
    demo.set_records(domain, LABEL, "TXT", [f"token={OLD}"])
    diagnosis = await look(resolver, domain, deep=False)
    assert (diagnosis.code, diagnosis.notes) == ("verified", ("at_apex",))


async def test_other_sites_see_a_token_at_the_domain_itself_beside_anothers_at_the_challenge(
    demo: DemoDns, resolver: Resolver, domain: str
):
    demo.set_records(domain, "@", "TXT", [f"token={TOKEN}"])
    demo.set_records(domain, LABEL, "TXT", [f"token={OLD}"])
    question = PerspectiveQuestion(domain=domain, name=f"{LABEL}.{domain}", tokens=(TOKEN,))
    reply = await perspective_of("ams", resolver)(question.model_dump_json().encode())
    assert PerspectiveAnswer.model_validate_json(reply or b"").verdict == "confirmed"


async def test_one_lagging_server_is_partial(demo: DemoDns, resolver: Resolver, domain: str):
    demo.freeze(ZONE_ADDRESSES[1], domain)
    demo.set_records(domain, LABEL, "TXT", [f"token={TOKEN}"])
    observation = await resolver.observe_txt(domain, f"{LABEL}.{domain}", deep=True)
    assert (await look(resolver, domain)).code == "partial"
    assert [answer.serial for answer in observation.answers] == [2, 1]
    demo.thaw(ZONE_ADDRESSES[1], domain)
    assert (await look(resolver, domain)).code == "verified"


@pytest.mark.parametrize(
    ("name", "rdtype", "value", "code"),
    [
        (LABEL, "TXT", "token=something-else", "wrong_value"),
        (LABEL, "TXT", f" “Token={TOKEN.upper()}” ", "verified"),
        (LABEL, "TXT", f"token={OLD}", "old_token"),
        (LABEL, "A", "192.0.2.80", "wrong_type"),
        (LABEL, "MX", "10 mail", "wrong_type"),
        (LABEL, "CNAME", "nowhere.example.", "cname_target_broken"),
        (f"x.{LABEL}", "TXT", "below", "not_yet"),
        ("*", "TXT", "wildcard", "wildcard_answer"),
    ],
)
async def test_what_stands_at_the_name_is_told_apart(
    demo: DemoDns, resolver: Resolver, domain: str, name: str, rdtype: str, value: str, code: str
):
    demo.set_records(domain, name, rdtype, [value])
    assert (await look(resolver, domain)).code == code


async def test_doubled_name_is_found(demo: DemoDns, resolver: Resolver, domain: str):
    demo.set_records(domain, f"{LABEL}.{domain}", "TXT", [f"token={TOKEN}"])
    assert (await look(resolver, domain)).code == "name_doubled"


async def test_alias_into_another_domain_is_followed(demo: DemoDns, resolver: Resolver, domain: str):
    demo.add_zone("proofs.com")
    demo.set_records("proofs.com", "kunde", "TXT", [f"token={TOKEN}"])
    demo.set_records(domain, LABEL, "CNAME", ["kunde.proofs.com."])
    assert (await look(resolver, domain)).code == "verified"


async def test_alias_loop_ends_and_is_the_customers_to_mend(demo: DemoDns, resolver: Resolver, domain: str):
    demo.set_records(domain, LABEL, "CNAME", ["a"])
    demo.set_records(domain, "a", "CNAME", ["b"])
    demo.set_records(domain, "b", "CNAME", [LABEL])
    assert (await look(resolver, domain)).code == "cname_loop"


async def test_endless_alias_chain_ends_within_the_budget(demo: DemoDns, resolver: Resolver, domain: str):
    demo.set_records(domain, LABEL, "CNAME", ["c1"])
    for number in range(1, 20):
        demo.set_records(domain, f"c{number}", "CNAME", [f"c{number + 1}"])
    observation = await resolver.observe_txt(domain, f"{LABEL}.{domain}")
    assert len(observation.hops) == 8


async def test_many_records_are_read_over_tcp(demo: DemoDns, resolver: Resolver, domain: str):
    demo.set_records(domain, LABEL, "TXT", [f"token={TOKEN}", *(f"{n}" * 250 for n in range(9))])
    assert (await look(resolver, domain)).code == "verified"


async def test_name_servers_of_another_domain_are_found_by_a_walk_of_their_own(
    demo: DemoDns, resolver: Resolver, domain: str
):
    demo.add_zone("werft.com")
    demo.set_records("com", "werft", "NS", [f"ns1.{domain}.", f"ns2.{domain}."])
    demo.set_records("werft.com", LABEL, "TXT", [f"token={TOKEN}"])
    assert (await look(resolver, "werft.com")).code == "verified"


async def test_subdomain_is_proven_in_its_parents_zone(demo: DemoDns, resolver: Resolver, domain: str):
    demo.set_records(domain, f"{LABEL}.mail", "TXT", [f"token={TOKEN}"])
    assert (await look(resolver, f"mail.{domain}")).code == "verified"
    assert (await look(resolver, f"post.{domain}")).code == "not_yet"


async def test_delegated_challenge_name_is_followed(demo: DemoDns, resolver: Resolver, domain: str, odd_server):
    demo.set_records(domain, LABEL, "NS", [f"ns.{LABEL}"])
    demo.set_records(domain, f"ns.{LABEL}", "A", [ODD_ADDRESS])
    async with odd_server(with_token):
        assert (await look(resolver, domain)).code == "verified"


# -- trouble is not a no


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("servfail", "servers_failing"),
        ("refused", "lame_delegation"),
        ("not_authoritative", "lame_delegation"),
        ("drop", "servers_unreachable"),
    ],
)
async def test_servers_in_trouble_are_not_reported_as_a_missing_record(
    demo: DemoDns, resolver: Resolver, domain: str, fault: Fault, code: str
):
    for address in ZONE_ADDRESSES:
        demo.set_fault(address, domain, fault)
    diagnosis = await look(resolver, domain)
    assert (diagnosis.kind, diagnosis.code) == ("could_not_ask", code)


async def test_failing_registry_is_not_reported_as_an_unregistered_domain(
    demo: DemoDns, resolver: Resolver, domain: str
):
    demo.set_fault(TLD_ADDRESS, "de", "servfail")
    try:
        diagnosis = await look(resolver, domain)
    finally:
        demo.set_fault(TLD_ADDRESS, "de", None)
    assert (diagnosis.kind, diagnosis.code) == ("could_not_ask", "servers_failing")


async def test_servers_nobody_reads_are_unreachable(demo: DemoDns, resolver: Resolver, domain: str, move_to_odd_server):
    move_to_odd_server(domain)
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as hole:
        hole.bind((ODD_ADDRESS, demo.port))
        diagnosis = await look(resolver, domain)
    assert (diagnosis.kind, diagnosis.code) == ("could_not_ask", "servers_unreachable")


async def test_silent_servers_rest_until_somebody_waits_for_the_look(demo: DemoDns, domain: str):
    name = f"{LABEL}.{domain}"
    restrained = Resolver(
        [demo.root_address], demo.port, ["127.0.0.0/8"], timeouts_seconds=(0.05, 0.05, 0.05), attempt_seconds=3.0
    )
    for address in ZONE_ADDRESSES:
        demo.set_fault(address, domain, "drop")
    for _ in range(2):
        await restrained.observe_txt(domain, name)
    for address in ZONE_ADDRESSES:
        demo.set_fault(address, domain, None)
    demo.set_records(domain, LABEL, "TXT", [f"token={TOKEN}"])
    resting = await restrained.observe_txt(domain, name)
    insisting = await restrained.observe_txt(domain, name, insistent=True)
    afterwards = await restrained.observe_txt(domain, name)
    restrained.close()
    assert {(answer.kind, answer.note) for answer in resting.answers} == {("timeout", RESTS)}
    assert {answer.values for answer in (*insisting.answers, *afterwards.answers)} == {(f"token={TOKEN}",)}


async def test_deep_looks_for_both_facets_do_not_wait_for_turns(demo: DemoDns, domain: str):
    demo.set_records(domain, "@", "MX", ["10 mx.elsewhere.example."])
    restrained = Resolver([demo.root_address], demo.port, ["127.0.0.0/8"])
    txt, mx = await asyncio.gather(
        restrained.observe_txt(domain, f"{LABEL}.{domain}", deep=True, sibling="3f9a2b71c0d4e586"),
        restrained.observe_mx(domain),
    )
    restrained.close()
    assert txt.elsewhere
    assert mx.targets
    assert max(txt.elapsed_ms, mx.elapsed_ms) < 500  # a wait would be of 200 ms for each question above the burst


async def test_closed_port_is_unreachable(demo: DemoDns, resolver: Resolver, domain: str, move_to_odd_server):
    move_to_odd_server(domain)
    assert (await look(resolver, domain)).code == "servers_unreachable"


async def test_private_addresses_get_no_packet(demo: DemoDns, domain: str):
    careful = Resolver([demo.root_address], demo.port)
    diagnosis = await look(careful, domain)
    assert (diagnosis.kind, diagnosis.code) == ("could_not_ask", "root_unreachable")
    assert {asked.answer for asked in diagnosis.asked} == {"filtered: not a public address"}


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1",
        "127.0.0.1",
        "169.254.1.1",
        "192.88.99.1",
        "224.0.0.1",
        "255.255.255.255",
        "0.0.0.0",
        "::1",
        "fe80::1",
        "ff02::1",
        "fec0::1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2001::1",
        "3fff::1",
        "5f00::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "nonsense",
    ],
)
def test_special_addresses_are_never_asked(address: str):
    assert not may_send_to(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "194.0.0.53", "2a02:568:0:2::53", "2001:678:2::53"])
def test_public_addresses_may_be_asked(address: str):
    assert may_send_to(address)


# -- hostile and odd servers


class _Liar(asyncio.DatagramProtocol):
    """Sends forged and broken datagrams first, the true answer last."""

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        true = with_token(query).to_wire()
        wrong_id = bytes((data[0] ^ 1, data[1])) + true[2:]
        other_question = true[:12] + true[12:].replace(b"\x02", b"\x03", 1)
        unreadable = true[:2] + b"\x84\x00\x00\x01\x00\x09" + true[8:]
        for datagram in (wrong_id, b"", b"junk", data, other_question, unreadable, true):
            self._transport.sendto(datagram, addr)


async def test_forged_and_malformed_datagrams_do_not_end_the_look_up(
    demo: DemoDns, resolver: Resolver, domain: str, move_to_odd_server
):
    move_to_odd_server(domain)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(_Liar, local_addr=(ODD_ADDRESS, demo.port))
    with closing(transport):
        assert (await look(resolver, domain, deep=False)).code == "verified"


async def test_server_without_edns_is_asked_without(
    demo: DemoDns, resolver: Resolver, domain: str, odd_server, move_to_odd_server
):
    def respond(query: Message) -> Message:
        reply = with_token(query)
        if query.edns >= 0:
            reply.answer = []
            reply.set_rcode(dns.rcode.FORMERR)
        return reply

    move_to_odd_server(domain)
    async with odd_server(respond):
        assert (await look(resolver, domain, deep=False)).code == "verified"


async def test_server_that_changes_the_case_is_believed_over_tcp(
    demo: DemoDns, resolver: Resolver, domain: str, odd_server, move_to_odd_server
):
    def respond(query: Message) -> Message:
        reply = with_token(query)
        reply.question[0].name = dns.name.from_text(str(query.question[0].name).lower())
        return reply

    move_to_odd_server(domain)
    async with odd_server(respond):
        assert (await look(resolver, domain, deep=False)).code == "verified"


# -- the demo server's own promises


async def test_zones_and_port_outlive_a_restart(tmp_path: Path):
    first = DemoDns(tmp_path)
    await first.start()
    first.add_zone("werft.de")
    await dnsupdate.set_txt(first.update_address, first.port, "werft.de", LABEL, f"token={TOKEN}")
    await first.stop()
    second = DemoDns(tmp_path)
    await second.start()
    assert second.port == first.port
    resolver = Resolver([second.root_address], second.port, ["127.0.0.0/8"])
    assert (await look(resolver, "werft.de")).code == "verified"
    resolver.close()
    await second.stop()


async def test_update_for_a_zone_a_server_does_not_hold_is_refused(demo: DemoDns):
    with pytest.raises(dnsupdate.UpdateRefusedError, match="NOTAUTH"):
        await dnsupdate.set_txt(demo.update_address, demo.port, "unknown.de", "x", "y")


@pytest.mark.parametrize(
    ("prerequisite", "rcode"),
    [
        (lambda update: update.present("here"), dns.rcode.NOERROR),
        (lambda update: update.present("here", "TXT", '"v"'), dns.rcode.NOERROR),
        (lambda update: update.present("here", "TXT", '"w"'), dns.rcode.NXRRSET),
        (lambda update: update.present("here", "A"), dns.rcode.NXRRSET),
        (lambda update: update.present("gone"), dns.rcode.NXDOMAIN),
        (lambda update: update.absent("here"), dns.rcode.YXDOMAIN),
        (lambda update: update.absent("here", "TXT"), dns.rcode.YXRRSET),
        (lambda update: update.absent("gone"), dns.rcode.NOERROR),
    ],
)
async def test_update_keeps_to_its_prerequisites(
    demo: DemoDns, resolver: Resolver, domain: str, prerequisite: Callable[[UpdateMessage], None], rcode: Rcode
):
    demo.set_records(domain, "here", "TXT", ["v"])
    update = UpdateMessage(domain)
    prerequisite(update)
    update.add(LABEL, 300, "TXT", f"token={TOKEN}")
    reply = await dns.asyncquery.udp(update, demo.update_address, port=demo.port, timeout=2)
    assert reply.rcode() == rcode
    assert (await look(resolver, domain)).code == ("verified" if rcode == dns.rcode.NOERROR else "not_yet")
