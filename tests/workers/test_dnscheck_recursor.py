"""A first yes and the operator's recursor: BIND validating the demo hierarchy, and recursors of the tests' own."""

from __future__ import annotations

import itertools
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from dns.message import Message

from deploy.devstack.bind import BindRecursor
from deploy.devstack.demodns import DemoDns
from deploy.devstack.dnssockets import DnsSockets
from services.dnscheck.asking.recursor import Recursor
from services.dnscheck.asking.resolver import Resolver
from services.dnscheck.corroboration import Corroborator
from services.dnscheck.findings.diagnosis import Diagnosis, diagnose_txt
from services.dnscheck.findings.proof import ExpectedTxt

LABEL = "_postkontor-challenge"
TOKEN = "k7wq3xd5mz2ra6ytb4ncfe7hjlgposiu"
VALUE = f"token={TOKEN}"
ADDRESS = "127.53.0.8"  # of a recursor of the test's own
TIMEOUTS = (0.1, 0.2)
numbers = itertools.count(1)


@pytest.fixture
def domain(demo: DemoDns) -> str:
    """A freshly registered domain with an empty zone."""
    name = f"segelmacher-{next(numbers)}.de"
    demo.add_zone(name)
    return name


async def look(resolver: Resolver, domain: str, recursor: Recursor) -> Diagnosis:
    name = f"{LABEL}.{domain}"
    expected = ExpectedTxt(name=name, tokens=(TOKEN,))
    seen = await resolver.observe_txt(domain, name)
    diagnosis = diagnose_txt(await Corroborator(recursor=recursor).corroborated(seen, expected), expected)
    assert "{" not in diagnosis.text_en + diagnosis.text_de
    return diagnosis


# --- BIND ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def bind(recursor: BindRecursor) -> Recursor:
    return Recursor(recursor.address, recursor.port)


async def test_a_signed_proof_is_secure(demo: DemoDns, resolver: Resolver, domain: str, bind: Recursor):
    demo.sign(domain)
    demo.set_records(domain, LABEL, "TXT", [VALUE])
    found = await look(resolver, domain, bind)
    assert (found.kind, found.code, found.dnssec, found.notes) == ("confirmed", "verified", "secure", ())


async def test_an_unsigned_proof_is_insecure(demo: DemoDns, resolver: Resolver, domain: str, bind: Recursor):
    demo.set_records(domain, LABEL, "TXT", [VALUE])
    found = await look(resolver, domain, bind)
    assert (found.kind, found.dnssec, found.notes) == ("confirmed", "insecure", ())


async def test_a_proof_at_the_domain_itself_is_looked_for_there(
    demo: DemoDns, resolver: Resolver, domain: str, bind: Recursor
):
    demo.sign(domain)
    demo.set_records(domain, "@", "TXT", [VALUE])
    found = await look(resolver, domain, bind)
    assert (found.kind, found.dnssec, found.notes) == ("confirmed", "secure", ("at_apex",))


async def test_a_proof_behind_an_alias_is_followed_by_the_recursor(
    demo: DemoDns, resolver: Resolver, domain: str, bind: Recursor
):
    demo.set_records(domain, LABEL, "CNAME", ["woanders"])
    demo.set_records(domain, "woanders", "TXT", [VALUE])
    assert (await look(resolver, domain, bind)).dnssec == "insecure"


@pytest.mark.parametrize("broken", ["ds_mismatch", "expired"])
async def test_a_proof_whose_signatures_are_broken_is_none(
    demo: DemoDns, resolver: Resolver, domain: str, bind: Recursor, broken: str
):
    demo.set_records(domain, LABEL, "TXT", [VALUE])
    demo.sign(domain, broken)
    found = await look(resolver, domain, bind)
    assert (found.kind, found.code, found.dnssec) == ("not_yet", "dnssec_bogus", "bogus")
    said = [(asked.server, asked.answer) for asked in found.asked if asked.server == "recursor"]
    assert said[0][1].startswith("servfail")
    assert said[1] == ("recursor", VALUE)


async def test_a_recursor_that_remembers_the_time_before_does_not_hold_a_proof_up(
    demo: DemoDns, resolver: Resolver, domain: str, bind: Recursor, recursor: BindRecursor
):
    await recursor.ask(f"{LABEL}.{domain}", "TXT")
    demo.set_records(domain, LABEL, "TXT", [VALUE])
    found = await look(resolver, domain, bind)
    assert (found.kind, found.code, found.notes) == ("confirmed", "verified", ("recursive_stale",))
    assert found.dnssec == "unchecked"
    assert found.text_de.endswith("Für alle anderen ist er spätestens in einer Minute sichtbar.")


async def test_the_recursor_is_not_asked_before_the_servers_in_charge_say_yes(
    demo: DemoDns, resolver: Resolver, domain: str, bind: Recursor, recursor: BindRecursor
):
    assert (await look(resolver, domain, bind)).code == "not_yet"
    demo.set_records(domain, LABEL, "TXT", [VALUE])
    # Had it been asked, it would still remember that there was nothing.
    assert (await recursor.ask(f"{LABEL}.{domain}", "TXT")).rcode() == dns.rcode.NOERROR


# --- recursors of the tests' own ----------------------------------------------------------------------------------

Respond = Callable[[Message], Message | None]


@asynccontextmanager
async def running(demo: DemoDns, respond: Respond) -> AsyncIterator[Recursor]:
    sockets = DnsSockets([ADDRESS], lambda asked: respond(asked.query))
    await sockets.open(iter([demo.port]))
    try:
        yield Recursor(ADDRESS, demo.port, TIMEOUTS, tcp_timeout_seconds=0.5)
    finally:
        await sockets.close()


def failing(query: Message, ede: str = "") -> Message:
    reply = dns.message.make_response(query)
    reply.set_rcode(dns.rcode.SERVFAIL)
    if ede:
        reply.use_edns(0, options=[dns.edns.EDEOption(dns.edns.EDECode.DNSSEC_BOGUS, ede)])
    return reply


def telling(query: Message, *values: str, ad: bool = False) -> Message:
    reply = dns.message.make_response(query)
    reply.flags |= dns.flags.AD if ad else 0
    reply.answer = [dns.rrset.from_text(query.question[0].name, 240, "IN", "TXT", *(f'"{value}"' for value in values))]
    return reply


@pytest.fixture
def proven(demo: DemoDns, domain: str) -> str:
    """A domain with its proof."""
    demo.set_records(domain, LABEL, "TXT", [VALUE])
    return domain


async def test_the_recursors_reason_is_in_the_evidence_and_harmless(demo: DemoDns, resolver: Resolver, proven: str):
    def respond(query: Message) -> Message:
        is_unchecked = query.flags & dns.flags.CD
        return telling(query, VALUE) if is_unchecked else failing(query, "no RRSIG\x1b[2J\u202e{0}")

    async with running(demo, respond) as recursor:
        found = await look_braced(resolver, proven, recursor)
    assert (found.code, found.dnssec) == ("dnssec_bogus", "bogus")
    reason = "EDE 6 no RRSIG\\x1b[2J\\u202e{0}"
    assert f"servfail: {reason}" in [asked.answer for asked in found.asked]
    assert f"({reason})" in found.text_de


async def look_braced(resolver: Resolver, domain: str, recursor: Recursor) -> Diagnosis:
    name = f"{LABEL}.{domain}"
    expected = ExpectedTxt(name=name, tokens=(TOKEN,))
    seen = await resolver.observe_txt(domain, name)
    return diagnose_txt(await Corroborator(recursor=recursor).corroborated(seen, expected), expected)


async def test_a_recursor_that_failed_for_a_moment_is_asked_again(demo: DemoDns, resolver: Resolver, proven: str):
    asked: list[int] = []

    def respond(query: Message) -> Message:
        asked.append(query.flags & dns.flags.CD)
        return failing(query) if len(asked) == 1 else telling(query, VALUE)

    async with running(demo, respond) as recursor:
        found = await look(resolver, proven, recursor)
    assert (found.code, found.dnssec, [bool(cd) for cd in asked]) == ("verified", "insecure", [False, True, False])


async def test_a_recursor_that_fails_altogether_proves_and_breaks_nothing(
    demo: DemoDns, resolver: Resolver, proven: str
):
    async with running(demo, failing) as recursor:
        found = await look(resolver, proven, recursor)
    assert (found.kind, found.code, found.dnssec) == ("could_not_ask", "not_corroborated", "unchecked")
    assert "(SERVFAIL)" in found.text_en


async def test_a_silent_recursor_proves_nothing(demo: DemoDns, resolver: Resolver, proven: str):
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as hole:
        hole.bind((ADDRESS, demo.port))
        found = await look(resolver, proven, Recursor(ADDRESS, demo.port, TIMEOUTS))
    assert (found.kind, found.code) == ("could_not_ask", "not_corroborated")
    assert "(timeout)" in found.text_en


async def test_an_answer_that_another_value_is_there_is_old(demo: DemoDns, resolver: Resolver, proven: str):
    async with running(demo, lambda query: telling(query, "v=spf1 -all")) as recursor:
        found = await look(resolver, proven, recursor)
    assert (found.kind, found.notes, found.dnssec) == ("confirmed", ("recursive_stale",), "unchecked")
    assert "within 4 minutes" in found.text_en


async def test_a_signed_answer_that_another_value_is_there_is_waited_for(
    demo: DemoDns, resolver: Resolver, proven: str
):
    async with running(demo, lambda query: telling(query, "v=spf1 -all", ad=True)) as recursor:
        found = await look(resolver, proven, recursor)
    assert (found.kind, found.code, found.dnssec) == ("could_not_ask", "not_corroborated", "unchecked")


async def test_a_long_answer_is_read_over_tcp(demo: DemoDns, resolver: Resolver, proven: str):
    fillers = [f"{number}" * 250 for number in range(9)]
    async with running(demo, lambda query: telling(query, *fillers, VALUE, ad=True)) as recursor:
        assert (await look(resolver, proven, recursor)).dnssec == "secure"


async def test_an_answer_to_another_question_is_waited_past(demo: DemoDns, resolver: Resolver, proven: str):
    def respond(query: Message) -> Message:
        reply = telling(query, VALUE, ad=True)
        reply.id ^= 1
        return reply

    async with running(demo, respond) as recursor:
        assert (await look(resolver, proven, recursor)).code == "not_corroborated"


async def test_without_the_authority_of_validation_a_bit_means_nothing(demo: DemoDns, resolver: Resolver, proven: str):
    """With CD=1 a recursor validates nothing: what it flags then does not count."""

    def respond(query: Message) -> Message:
        return telling(query, VALUE, ad=True) if query.flags & dns.flags.CD else failing(query)

    async with running(demo, respond) as recursor:
        assert (await look(resolver, proven, recursor)).dnssec == "bogus"
