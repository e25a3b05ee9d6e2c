"""Every fault of the demo DNS is what it is called, seen with plain sockets."""

from __future__ import annotations

import asyncio
import itertools
import socket
import time
from collections.abc import AsyncIterator
from typing import Any

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import pytest
from dns.message import Message

from deploy.devstack.demodns import ROOT_ADDRESS, ZONE_ADDRESSES, DemoDns, Fault

ADDRESS, OTHER_ADDRESS = ZONE_ADDRESSES
VALUE = "the true one"
SILENCE_SECONDS = 0.05
numbers = itertools.count(1)


@pytest.fixture(scope="module")
async def demo() -> AsyncIterator[DemoDns]:
    server = DemoDns(None)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def name(demo: DemoDns) -> str:
    """A name with a TXT record, in a zone of its own."""
    zone = f"stoerung-{next(numbers)}.de"
    demo.add_zone(zone)
    demo.set_records(zone, "txt", "TXT", [VALUE])
    return f"txt.{zone}"


@pytest.fixture(autouse=True)
def healed(demo: DemoDns) -> Any:
    """No fault outlives its test."""
    yield
    demo.heal()


def query(name: str, rdtype: str = "TXT", **options: Any) -> Message:
    return dns.message.make_query(name, rdtype, **{"use_edns": 0, "payload": 1232, "flags": 0} | options)


async def ask(demo: DemoDns, name: str, rdtype: str = "TXT", *, address: str = ADDRESS, **options: Any) -> Message:
    return await dns.asyncquery.udp(query(name, rdtype, **options), address, port=demo.port, timeout=1)


async def ask_tcp(demo: DemoDns, name: str, *, timeout: float = 1) -> Message:
    return await dns.asyncquery.tcp(query(name), ADDRESS, port=demo.port, timeout=timeout)


async def datagrams(demo: DemoDns, question: Message, *, seconds: float = SILENCE_SECONDS) -> list[tuple[bytes, str]]:
    """Whatever comes back to one question until it has been quiet for a while, with the address it came from."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
        plain.setblocking(False)
        await loop.sock_sendto(plain, question.to_wire(), (ADDRESS, demo.port))
        found: list[tuple[bytes, str]] = []
        while True:
            try:
                async with asyncio.timeout(seconds):
                    wire, (source, _) = await loop.sock_recvfrom(plain, 4096)
            except TimeoutError:
                return found
            found.append((wire, source))


def values(reply: Message) -> list[str]:
    return [str(rdata) for rrset in reply.answer if rrset.rdtype == dns.rdatatype.TXT for rdata in rrset]


def is_whole(reply: Message) -> bool:
    return reply.rcode() == dns.rcode.NOERROR and values(reply) == [f'"{VALUE}"'] and bool(reply.flags & dns.flags.AA)


# -- whom it hits


async def test_a_fault_hits_its_server_its_type_its_name_and_what_is_below(demo: DemoDns, name: str):
    zone = name.partition(".")[2]
    demo.set_fault(ADDRESS, name, "servfail", rdtype="TXT")
    assert (await ask(demo, name)).rcode() == dns.rcode.SERVFAIL
    assert (await ask(demo, f"below.{name.upper()}")).rcode() == dns.rcode.SERVFAIL
    assert (await ask(demo, name, "A")).rcode() == dns.rcode.NOERROR
    assert (await ask(demo, zone)).rcode() == dns.rcode.NOERROR
    assert is_whole(await ask(demo, name, address=OTHER_ADDRESS))


async def test_a_fault_without_an_address_hits_every_server(demo: DemoDns, name: str):
    demo.set_fault(None, name, "refused")
    for address in ZONE_ADDRESSES:
        assert (await ask(demo, name, address=address)).rcode() == dns.rcode.REFUSED


async def test_the_most_precise_fault_is_at_work(demo: DemoDns, name: str):
    demo.set_fault(ADDRESS, name, "servfail", rdtype="TXT")
    demo.set_fault(ADDRESS, name, "refused")
    demo.set_fault(ADDRESS, name.partition(".")[2], "drop")
    assert (await ask(demo, name)).rcode() == dns.rcode.SERVFAIL
    assert (await ask(demo, name, "A")).rcode() == dns.rcode.REFUSED
    assert [rule.fault for rule in demo.faults()] == ["servfail", "refused", "drop"]


async def test_a_fault_ends_after_so_many_questions(demo: DemoDns, name: str):
    demo.set_fault(ADDRESS, name, "servfail", times=2)
    assert [(await ask(demo, name)).rcode() for _ in range(3)] == [2, 2, 0]
    assert demo.faults() == []


async def test_healing_takes_away_what_was_set(demo: DemoDns, name: str):
    demo.set_fault(ADDRESS, name, "servfail")
    demo.set_fault(OTHER_ADDRESS, name, "servfail")
    demo.set_fault(ADDRESS, name, None)
    assert is_whole(await ask(demo, name))
    assert [rule.address for rule in demo.faults()] == [OTHER_ADDRESS]


async def test_what_was_asked_is_remembered(demo: DemoDns, name: str):
    demo.questions.clear()
    await ask(demo, name)
    await ask_tcp(demo, name)
    assert [(asked.address, asked.name, asked.rdtype, asked.tcp) for asked in demo.questions] == [
        (ADDRESS, f"{name}.", "TXT", False),
        (ADDRESS, f"{name}.", "TXT", True),
    ]


# -- codes and contents


@pytest.mark.parametrize("fault", ["servfail", "refused", "formerr", "notimp"])
async def test_an_answer_with_only_a_code(demo: DemoDns, name: str, fault: Fault):
    demo.set_fault(ADDRESS, name, fault)
    for reply in (await ask(demo, name), await ask_tcp(demo, name)):
        assert dns.rcode.to_text(reply.rcode()).lower() == fault
        assert (reply.answer, reply.authority, bool(reply.flags & dns.flags.AA)) == ([], [], False)


async def test_a_server_without_edns_takes_it_for_an_error(demo: DemoDns, name: str):
    demo.set_fault(ADDRESS, name, "no_edns")
    refusal = await ask(demo, name)
    assert (refusal.rcode(), refusal.edns) == (dns.rcode.FORMERR, -1)
    assert is_whole(await ask(demo, name, use_edns=False, payload=None))


async def test_a_lame_server_refers_upwards(demo: DemoDns, name: str):
    demo.set_fault(ADDRESS, name, "lame")
    reply = await ask(demo, name)
    assert (reply.rcode(), reply.answer, bool(reply.flags & dns.flags.AA)) == (dns.rcode.NOERROR, [], False)
    assert [(str(rrset.name), rrset.rdtype) for rrset in reply.authority] == [(".", dns.rdatatype.NS)]


async def test_an_answer_without_authority(demo: DemoDns, name: str):
    demo.set_fault(ADDRESS, name, "not_authoritative")
    reply = await ask(demo, name)
    assert (values(reply), bool(reply.flags & dns.flags.AA)) == ([f'"{VALUE}"'], False)


async def test_a_wrong_answer_has_the_values_that_were_given(demo: DemoDns, name: str):
    demo.set_fault(ADDRESS, name, "wrong_answer", rdtype="TXT", values=["forged", "twice"])
    assert sorted(values(await ask(demo, name))) == ['"forged"', '"twice"']
    assert is_whole(await ask(demo, name, address=OTHER_ADDRESS))


async def test_an_answer_about_another_name(demo: DemoDns, name: str):
    demo.set_fault(ADDRESS, name, "other_owner")
    reply = await ask(demo, name)
    assert [str(rrset.name) for rrset in reply.answer] == ["not.asked.for.example."]
    assert values(reply) == [f'"{VALUE}"']


async def test_bad_signatures_fit_nothing(demo: DemoDns, name: str):
    zone = name.partition(".")[2]
    demo.sign(zone)
    signed = await ask(demo, name, want_dnssec=True)
    demo.set_fault(ADDRESS, name, "badsig")
    spoiled = await ask(demo, name, want_dnssec=True)
    assert values(spoiled) == values(signed) == [f'"{VALUE}"']
    (before, after) = (next(iter(reply.answer[1])) for reply in (signed, spoiled))
    assert before.replace(signature=b"") == after.replace(signature=b"")
    assert before.signature != after.signature


# -- what is not an answer to the question


async def test_silence(demo: DemoDns, name: str):
    demo.set_fault(ADDRESS, name, "drop")
    assert await datagrams(demo, query(name)) == []
    with pytest.raises(dns.exception.Timeout):
        await ask_tcp(demo, name, timeout=SILENCE_SECONDS)


async def test_a_wrong_id(demo: DemoDns, name: str):
    demo.set_fault(ADDRESS, name, "wrong_id")
    question = query(name)
    ((wire, _),) = await datagrams(demo, question)
    reply = dns.message.from_wire(wire)
    assert reply.id != question.id
    assert values(reply) == [f'"{VALUE}"']


async def test_a_wrong_source(demo: DemoDns, name: str):
    demo.set_fault(ADDRESS, name, "wrong_source")
    question = query(name)
    ((wire, source),) = await datagrams(demo, question)
    assert source == ROOT_ADDRESS
    assert question.is_response(dns.message.from_wire(wire))


async def test_a_wrong_question(demo: DemoDns, name: str):
    demo.set_fault(ADDRESS, name, "wrong_question")
    question = query(name)
    ((wire, _),) = await datagrams(demo, question)
    reply = dns.message.from_wire(wire)
    assert (reply.id, reply.question[0].rdtype) == (question.id, dns.rdatatype.TXT)
    assert reply.question[0].name != question.question[0].name


async def test_the_case_of_the_question_is_kept_unless_the_fault_is_that_it_is_not(demo: DemoDns, name: str):
    assert str((await ask(demo, name.upper())).question[0].name) == f"{name.upper()}."
    demo.set_fault(ADDRESS, name, "other_case")
    reply = await ask(demo, name.upper())
    assert str(reply.question[0].name) == f"{name}."
    assert is_whole(reply)


async def test_garbage_is_no_message_and_malformed_is_a_broken_one(demo: DemoDns, name: str):
    question = query(name)
    demo.set_fault(ADDRESS, name, "garbage")
    ((wire, _),) = await datagrams(demo, question)
    with pytest.raises(dns.exception.DNSException):
        dns.message.from_wire(wire)
    demo.set_fault(ADDRESS, name, "malformed")
    ((wire, _),) = await datagrams(demo, question)
    assert question.is_response(dns.message.from_wire(wire, question_only=True))
    with pytest.raises(dns.exception.DNSException):
        dns.message.from_wire(wire)


# -- when it comes


async def test_a_delayed_answer_is_whole(demo: DemoDns, name: str):
    demo.set_fault(ADDRESS, name, "delay", seconds=0.1)
    for asking in (ask, ask_tcp):
        began = time.monotonic()
        assert is_whole(await asking(demo, name))
        assert 0.1 <= time.monotonic() - began < 0.5


async def test_any_fault_can_be_late(demo: DemoDns, name: str):
    demo.set_fault(ADDRESS, name, "servfail", seconds=0.1)
    began = time.monotonic()
    assert (await ask(demo, name)).rcode() == dns.rcode.SERVFAIL
    assert time.monotonic() - began >= 0.1


async def test_an_answer_that_comes_twice(demo: DemoDns, name: str):
    demo.set_fault(ADDRESS, name, "duplicate", seconds=0.02)
    (first, second) = await datagrams(demo, query(name), seconds=0.2)
    assert first == second
    assert is_whole(dns.message.from_wire(first[0]))


# -- truncation


@pytest.mark.parametrize("fault", ["truncate", "tcp_only", "tcp_hangs", "tcp_partial", "tcp_refused"])
async def test_over_udp_nothing_but_the_word_that_it_is_too_long(demo: DemoDns, name: str, fault: Fault):
    demo.set_fault(ADDRESS, name, fault)
    reply = await ask(demo, name)
    assert reply.flags & dns.flags.TC
    assert (reply.answer, reply.rcode()) == ([], dns.rcode.NOERROR)


async def test_over_tcp_it_is_whole_where_only_udp_truncates(demo: DemoDns, name: str):
    demo.set_fault(ADDRESS, name, "tcp_only")
    assert is_whole(await ask_tcp(demo, name))


@pytest.mark.parametrize(("fault", "octets"), [("truncate", "none"), ("tcp_partial", "some")])
async def test_tcp_that_ends_early(demo: DemoDns, name: str, fault: Fault, octets: str):
    demo.set_fault(ADDRESS, name, fault)
    reader, writer = await asyncio.open_connection(ADDRESS, demo.port)
    wire = query(name).to_wire()
    writer.write(len(wire).to_bytes(2, "big") + wire)
    came = await reader.read()
    writer.close()
    if octets == "none":
        assert came == b""
    else:
        assert 2 < len(came) < 2 + int.from_bytes(came[:2], "big")


async def test_tcp_that_hangs_stays_open_and_silent(demo: DemoDns, name: str):
    demo.set_fault(ADDRESS, name, "tcp_hangs")
    with pytest.raises(dns.exception.Timeout):
        await ask_tcp(demo, name, timeout=SILENCE_SECONDS)


async def test_tcp_is_refused_at_one_address_until_it_is_healed(demo: DemoDns, name: str):
    demo.set_fault(ADDRESS, name, "tcp_refused")
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(ADDRESS, demo.port)
    await dns.asyncquery.tcp(query(name), OTHER_ADDRESS, port=demo.port, timeout=1)
    demo.heal()
    assert is_whole(await ask_tcp(demo, name))


async def test_a_rate_limit_truncates_what_is_above_it(demo: DemoDns, name: str):
    demo.set_fault(ADDRESS, name, "rate_limit", per_second=5)
    replies = [await ask(demo, name) for _ in range(20)]
    whole = [is_whole(reply) for reply in replies]
    assert whole[:5] == [True] * 5
    assert not any(whole[5:])
    assert all(bool(reply.flags & dns.flags.TC) for reply in replies[5:])
    assert is_whole(await ask_tcp(demo, name))


# -- without any fault


@pytest.mark.parametrize(("payload", "truncated"), [(None, True), (512, True), (4096, True), (1232, False)])
async def test_long_answers_go_over_tcp_when_the_datagram_is_too_small(
    demo: DemoDns, name: str, payload: int | None, truncated: bool
):
    length = 2500 if payload == 4096 else 900  # more than 1232 octets are never sent in one datagram
    demo.set_records(name.partition(".")[2], "txt", "TXT", ["x" * length])
    options = {"use_edns": False, "payload": None} if payload is None else {"payload": payload}
    reply = await ask(demo, name, **options)
    assert bool(reply.flags & dns.flags.TC) is truncated
    assert len(values(await ask_tcp(demo, name))[0].replace('" "', "")) == length + 2


async def test_edns_comes_back_with_its_flag_and_an_unknown_version_is_told(demo: DemoDns, name: str):
    assert (await ask(demo, name, use_edns=False, payload=None)).edns == -1
    reply = await ask(demo, name, want_dnssec=True)
    assert (reply.edns, reply.payload, bool(reply.ednsflags & dns.flags.DO)) == (0, 1232, True)
    assert (await ask(demo, name, use_edns=1)).rcode() == dns.rcode.BADVERS


async def test_other_classes_and_transfers_are_refused(demo: DemoDns, name: str):
    assert (await ask(demo, "version.bind", rdclass="CH")).rcode() == dns.rcode.REFUSED
    assert (await ask(demo, name.partition(".")[2], "AXFR")).rcode() == dns.rcode.REFUSED


async def test_tcp_can_be_refused_and_healed_in_quick_succession(demo: DemoDns, name: str):
    for _ in range(3):
        demo.set_fault(ADDRESS, name, "tcp_refused")
        demo.heal()
    demo.set_fault(ADDRESS, name, "tcp_refused")
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(ADDRESS, demo.port)
    demo.heal()
    assert is_whole(await ask_tcp(demo, name))
