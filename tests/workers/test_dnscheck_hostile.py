"""Zones and servers that mean harm, over real UDP and TCP: every look ends inside its budgets, with a diagnosis."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, closing

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest
from dns.message import Message

from deploy.devstack.demodns import DemoDns
from deploy.devstack.dnssockets import Asked, DnsSockets
from services.dnscheck.asking import wire
from services.dnscheck.asking.referrals import read_referral
from services.dnscheck.asking.replies import Received, find_cut, receive
from services.dnscheck.asking.resolver import Resolver
from services.dnscheck.findings.diagnosis import Diagnosis, diagnose_txt
from services.dnscheck.findings.proof import ExpectedTxt
from services.dnscheck.observation import TxtObservation

LABEL = "_postkontor-challenge"
TOKEN = "k7wq3xd5mz2ra6ytb4ncfe7hjlgposiu"
HOSTILE, SECOND, VICTIM = "127.53.1.1", "127.53.1.2", "127.53.2.1"
ATTEMPT_SECONDS = 3.0
MAX_QUERIES = 64
numbers = itertools.count(1)

Respond = Callable[[Message], Message | bytes | None]


@pytest.fixture
def evil(demo: DemoDns) -> str:
    """A registered domain whose servers are a test's own."""
    name = f"boese-{next(numbers)}.de"
    delegate(demo, name, {f"ns1.{name}": HOSTILE})
    return name


def delegate(demo: DemoDns, domain: str, servers: dict[str, str]) -> None:
    """Let the registry name these servers, with glue for those that have an address."""
    zone, _, tld = domain.rpartition(".")
    demo.set_records(tld, zone, "NS", [f"{host}." for host in servers])
    for host, address in servers.items():
        if address and host.endswith(f".{tld}"):
            demo.set_records(tld, host.removesuffix(f".{tld}"), "A", [address])


class Counted:
    """A server on some addresses, with what it was asked."""

    def __init__(self, respond: Respond) -> None:
        self.asked: Counter[str] = Counter()
        self.addresses: Counter[str] = Counter()
        self._respond = respond

    def answer(self, asked: Asked) -> Message | bytes | None:
        address, query = asked.address, asked.query
        self.asked[str(query.question[0].name).lower().removesuffix(".")] += 1
        self.addresses[address] += 1
        return self._respond(query)


@asynccontextmanager
async def serving(demo: DemoDns, respond: Respond, *addresses: str) -> AsyncIterator[Counted]:
    counted = Counted(respond)
    sockets = DnsSockets(addresses or (HOSTILE,), counted.answer)
    await sockets.open(iter([demo.port]))
    try:
        yield counted
    finally:
        await sockets.close()


async def look(resolver: Resolver, domain: str, *, deep: bool = False) -> tuple[Diagnosis, TxtObservation]:
    name = f"{LABEL}.{domain}"
    observation = await resolver.observe_txt(domain, name, deep=deep, sibling="3f9a2b71c0d4e586" if deep else "")
    assert observation.elapsed_ms < (ATTEMPT_SECONDS + 0.5) * 1000
    return diagnose_txt(observation, ExpectedTxt(name=name, tokens=(TOKEN,))), observation


def reply_to(query: Message, *records: tuple[str, str, str]) -> Message:
    """An authoritative answer: owner, type, value of each record; one owner and type are one set."""
    reply = dns.message.make_response(query)
    reply.flags |= dns.flags.AA
    sets: dict[tuple[str, str], list[str]] = {}
    for owner, rdtype, value in records:
        sets.setdefault((owner, rdtype), []).append(value)
    reply.answer = [
        dns.rrset.from_text_list(dns.name.from_text(owner), 300, "IN", rdtype, values)
        for (owner, rdtype), values in sets.items()
    ]
    return reply


def refer(query: Message, cut: str, hosts: Iterable[str], glue: dict[str, str] | None = None) -> Message:
    """A referral to the servers of `cut`."""
    reply = dns.message.make_response(query)
    reply.authority = [dns.rrset.from_text_list(dns.name.from_text(cut), 300, "IN", "NS", [f"{h}." for h in hosts])]
    for host, address in (glue or {}).items():
        reply.additional.append(dns.rrset.from_text(dns.name.from_text(host), 300, "IN", "A", address))
    return reply


def name_of(query: Message) -> str:
    return str(query.question[0].name).lower().removesuffix(".")


def with_token(query: Message) -> Message:
    return reply_to(query, (name_of(query), "TXT", f'"token={TOKEN}"'))


def not_there(query: Message) -> Message:
    reply = reply_to(query)
    reply.set_rcode(dns.rcode.NXDOMAIN)
    return reply


# --- aliases -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deep", [False, True])
async def test_an_alias_loop_across_zones_ends(demo: DemoDns, resolver: Resolver, evil: str, deep: bool):
    accomplice = f"helfer-{evil}"
    delegate(demo, accomplice, {f"ns1.{accomplice}": SECOND})

    def respond(query: Message) -> Message:
        name = name_of(query)
        if not name.startswith((LABEL, "loop")) or name.count(LABEL) > 1:
            return not_there(query)
        target = f"{LABEL}.{evil}" if name.endswith(accomplice) else f"loop.{accomplice}"
        return reply_to(query, (name, "CNAME", f"{target}."))

    async with serving(demo, respond, HOSTILE, SECOND) as server:
        diagnosis, _ = await look(resolver, evil, deep=deep)
    assert (diagnosis.kind, diagnosis.code) == ("not_yet", "cname_loop")
    assert server.asked.total() <= (20 if deep else 4)


async def test_a_chain_of_a_thousand_aliases_is_followed_eight_times(demo: DemoDns, resolver: Resolver, evil: str):
    def respond(query: Message) -> Message:
        label = name_of(query).split(".")[0]
        number = int(label.removeprefix("c")) if label.removeprefix("c").isdecimal() else 0
        return reply_to(query, (name_of(query), "CNAME", f"c{number + 1}.{evil}."))

    async with serving(demo, respond) as server:
        diagnosis, seen = await look(resolver, evil)
    assert (diagnosis.kind, diagnosis.code) == ("not_yet", "cname_loop")
    assert (len(seen.hops), seen.limits) == (8, ("aliases",))
    assert server.asked.total() <= 20


# --- delegations ---------------------------------------------------------------------------------------------------


async def test_a_hundred_name_servers_that_do_not_exist_cost_five_walks(demo: DemoDns, resolver: Resolver, evil: str):
    delegate(demo, evil, {f"ns.nirgends-{number}.de": "" for number in range(100)})
    diagnosis, seen = await look(resolver, evil)
    assert (diagnosis.kind, diagnosis.code) == ("could_not_ask", "ns_unresolvable")
    assert seen.limits == ("name_servers",)
    assert len({answer.name for answer in seen.delegation.asked if "nirgends" in answer.name}) == 5
    assert len(seen.delegation.asked) <= 2 + 5 * 2


async def test_name_servers_in_a_victims_zone_send_it_few_queries(demo: DemoDns, resolver: Resolver, evil: str):
    victim = f"opfer-{evil}"
    delegate(demo, victim, {f"ns1.{victim}": VICTIM})
    delegate(demo, evil, {f"random-{number}.{victim}": "" for number in range(100)})

    async with serving(demo, not_there, VICTIM) as server:
        diagnosis, seen = await look(resolver, evil, deep=True)
    assert (diagnosis.kind, diagnosis.code, seen.limits) == ("could_not_ask", "ns_unresolvable", ("name_servers",))
    assert len(server.asked) == 5
    assert server.asked.total() == 5


async def test_name_servers_that_lead_to_ever_more_name_servers_end(demo: DemoDns, resolver: Resolver, evil: str):
    """NXNSAttack: each of a hundred name servers is in a zone with a hundred name servers of the same kind."""

    def respond(query: Message) -> Message:
        zone = ".".join(name_of(query).split(".")[-3:])
        branch = zone.split(".")[0]
        return refer(query, zone, [f"ns.{branch}x{number}.{evil}" for number in range(100)])

    target = f"nxns-{evil}"
    delegate(demo, target, {f"ns.b{number}.{evil}": "" for number in range(100)})
    async with serving(demo, respond) as server:
        diagnosis, seen = await look(resolver, target)
    assert diagnosis.kind == "could_not_ask"
    assert seen.limits
    assert server.asked.total() <= 2 * MAX_QUERIES  # a datagram that is too small is asked for again over TCP
    assert len(server.asked) <= 20


async def test_many_names_for_a_victims_address_are_one_address(demo: DemoDns, resolver: Resolver, evil: str):
    delegate(demo, evil, {f"ns{number}.{evil}": VICTIM for number in range(13)})
    async with serving(demo, lambda query: None, VICTIM) as server:
        diagnosis, _ = await look(resolver, evil, deep=True)
    assert (diagnosis.kind, diagnosis.code) == ("could_not_ask", "servers_unreachable")
    assert server.asked.total() <= 3  # as often as the time-outs say


async def test_eight_of_many_addresses_are_asked(demo: DemoDns, resolver: Resolver, evil: str):
    victims = [f"127.53.2.{number}" for number in range(1, 14)]
    delegate(demo, evil, {f"ns{number}.{evil}": address for number, address in enumerate(victims)})
    async with serving(demo, lambda query: None, *victims) as server:
        diagnosis, _ = await look(resolver, evil)
    assert diagnosis.code == "servers_unreachable"
    assert len(server.addresses) == 8
    assert server.asked.total() <= 8 * 3


async def test_few_of_the_addresses_are_asked_that_a_zone_gives_its_own_name_server(
    demo: DemoDns, resolver: Resolver, evil: str
):
    victims = [f"127.53.2.{number}" for number in range(1, 41)]

    def respond(query: Message) -> Message:
        match name_of(query), query.question[0].rdtype:
            case name, dns.rdatatype.NS if name == evil:
                return reply_to(query, (evil, "NS", f"viele.{evil}."))
            case name, dns.rdatatype.A if name.startswith("viele"):
                return reply_to(query, *((name, "A", address) for address in victims))
            case name, _ if name.startswith("viele"):
                return reply_to(query)
            case _:
                return not_there(query)

    async with serving(demo, respond, HOSTILE, *victims) as server:
        await look(resolver, evil, deep=True)
    assert len(server.addresses.keys() & set(victims)) == 8


async def test_a_look_that_ends_while_tcp_is_tried_does_not_blame_tcp(demo: DemoDns, evil: str):
    """The server takes its time, and the look has none left when its answer turns out too long."""

    def truncated(query: Message) -> Message:
        reply = reply_to(query)
        reply.flags |= dns.flags.TC
        return reply

    class Late(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.DatagramTransport) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            octets = truncated(dns.message.from_wire(data)).to_wire()
            asyncio.get_running_loop().call_later(0.5, self.transport.sendto, octets, addr)

    over_udp, _ = await asyncio.get_running_loop().create_datagram_endpoint(Late, local_addr=(HOSTILE, demo.port))
    over_tcp = await asyncio.start_server(lambda *_: None, HOSTILE, demo.port)  # takes questions and answers none
    hurried = Resolver([demo.root_address], demo.port, ["127.0.0.0/8"], timeouts_seconds=(0.7,), attempt_seconds=0.8)
    with closing(hurried):
        diagnosis, seen = await look(hurried, evil)
    over_udp.close()
    over_tcp.close()
    assert (diagnosis.code, seen.limits) == ("servers_unreachable", ("time",))


async def test_a_name_beside_the_challenge_that_would_be_too_long_is_not_asked_for(
    demo: DemoDns, resolver: Resolver, evil: str
):
    domain = f"{'a' * 60}.{'b' * 60}.{'c' * 60}.{'d' * (56 - len(evil))}.{evil}"
    async with serving(demo, reply_to):
        seen = await resolver.observe_txt(domain, f"_pk.{domain}", deep=True, sibling="3f9a2b71c0d4e586")
    assert [answer.kind for answer in seen.answers] == ["nodata"]
    assert not seen.sibling


@pytest.mark.parametrize("cut", [".", "de", "anderswo.de", "{evil}"])
async def test_a_referral_that_leads_nowhere_below_is_lame(demo: DemoDns, resolver: Resolver, evil: str, cut: str):
    def respond(query: Message) -> Message:
        return refer(query, cut.format(evil=evil), [f"ns1.{evil}"], {f"ns1.{evil}": HOSTILE})

    async with serving(demo, respond) as server:
        diagnosis, _ = await look(resolver, evil)
    assert (diagnosis.kind, diagnosis.code) == ("could_not_ask", "lame_delegation")
    assert server.asked.total() <= 2


async def test_zones_that_go_ever_deeper_end(demo: DemoDns, resolver: Resolver, evil: str):
    deep_name = ".".join(["t"] * 60)

    def respond(query: Message) -> Message:
        name = name_of(query)
        if name.startswith(LABEL):
            return reply_to(query, (name, "CNAME", f"{deep_name}.{evil}."))
        depth = respond.depth = getattr(respond, "depth", 0) + 1
        cut = f"{'.'.join(['t'] * depth)}.{evil}"
        return refer(query, cut, [f"ns.{cut}"], {f"ns.{cut}": HOSTILE})

    async with serving(demo, respond) as server:
        diagnosis, seen = await look(resolver, evil)
    assert diagnosis.kind == "could_not_ask"
    assert seen.limits == ("depth",)
    assert server.asked.total() <= 24 + 4


async def test_glue_for_a_zone_of_others_is_not_believed(demo: DemoDns, resolver: Resolver, evil: str):
    """The hostile zone delegates its challenge to a server of another domain and adds an address of its own for it."""
    honest = f"ehrlich-{evil}"
    demo.add_zone(honest)
    demo.set_records(honest, "ns", "A", [VICTIM])

    def respond(query: Message) -> Message:
        return refer(query, f"{LABEL}.{evil}", [f"ns.{honest}"], {f"ns.{honest}": HOSTILE})

    def refuse(query: Message) -> Message:
        reply = dns.message.make_response(query)
        reply.set_rcode(dns.rcode.REFUSED)
        return reply

    async with serving(demo, respond), serving(demo, refuse, VICTIM) as victim:
        _, seen = await look(resolver, evil)
    assert seen.delegated is not None
    assert [server.addresses for server in seen.delegated.servers] == [(VICTIM,)]
    assert victim.asked.total() <= 2


async def test_private_addresses_are_not_talked_to(demo: DemoDns, evil: str):
    careful = Resolver(
        [demo.root_address], demo.port, ["127.53.0.0/24"], timeouts_seconds=(0.1,), attempt_seconds=ATTEMPT_SECONDS
    )
    delegate(demo, evil, {f"ns1.{evil}": VICTIM, f"ns2.{evil}": "10.0.0.1", f"ns3.{evil}": "169.254.169.254"})
    with closing(careful):
        async with serving(demo, with_token, VICTIM) as server:
            diagnosis, _ = await look(careful, evil, deep=True)
    assert (diagnosis.kind, diagnosis.code) == ("could_not_ask", "ns_private")
    assert server.asked.total() == 0


# --- answers -------------------------------------------------------------------------------------------------------


async def test_a_compression_loop_is_malformed(demo: DemoDns, resolver: Resolver, evil: str):
    def respond(query: Message) -> bytes:
        head = query.id.to_bytes(2, "big") + b"\x84\x00\x00\x01\x00\x01\x00\x00\x00\x00"
        question = query.to_wire()[12:].split(b"\x00\x00\x29")[0][: len(query.question[0].name.to_wire() or b"") + 4]
        owner = 12 + len(question)
        return head + question + (0xC000 | owner).to_bytes(2, "big") + b"\x00\x10\x00\x01\x00\x00\x01\x2c\x00\x01\x00"

    async with serving(demo, respond) as server:
        diagnosis, _ = await look(resolver, evil)
    assert (diagnosis.kind, diagnosis.code) == ("could_not_ask", "ns_malformed")
    assert server.asked.total() <= 12


async def test_an_answer_of_64_kilobytes_is_read_and_bounded(demo: DemoDns, resolver: Resolver, evil: str):
    padding = " ".join(f'"{"x" * 250}"' for _ in range(230))

    def respond(query: Message) -> Message:
        name = name_of(query)
        return reply_to(query, (name, "TXT", padding), (name, "TXT", f'"token={TOKEN}"'))

    async with serving(demo, respond):
        diagnosis, _ = await look(resolver, evil)
    assert (diagnosis.kind, diagnosis.code) == ("confirmed", "verified")
    assert all(len(asked.answer) < 1000 for asked in diagnosis.asked)


@pytest.mark.parametrize(("count", "code"), [(400, "verified"), (600, "ns_malformed")])
async def test_a_long_answer_is_read_as_a_whole_or_not_at_all(
    demo: DemoDns, resolver: Resolver, evil: str, count: int, code: str
):
    def respond(query: Message) -> Message:
        name = name_of(query)
        values = [f'"{number}"' for number in range(count)]
        return reply_to(query, *((name, "TXT", value) for value in [*values, f'"token={TOKEN}"']))

    async with serving(demo, respond):
        diagnosis, _ = await look(resolver, evil)
    assert diagnosis.code == code


@pytest.mark.parametrize("hosts", [240, 1000])
def test_a_referral_to_hundreds_of_hosts_does_not_hold_up_others(hosts: int):
    name, zone = dns.name.from_text(f"{LABEL}.firma.de"), dns.name.from_text("firma.de")
    names = [f"{number:04x}.firma.de" for number in range(hosts)]
    query = dns.message.make_query(name, "TXT")
    octets = refer(query, f"{LABEL}.firma.de", names, dict.fromkeys(names, VICTIM)).to_wire()
    question = wire.question(wire.name_octets(name), dns.rdatatype.TXT, mixed_case=False)
    started = time.process_time()
    received = receive(octets, question, name, dns.rdatatype.TXT)
    message = received.message if isinstance(received, Received) else None
    cut = find_cut(message, zone, name) if message is not None else None
    if message is not None and cut is not None:
        servers, _ = read_referral(message, cut, zone, [dns.rdatatype.A], [dns.rdatatype.A])
        assert len(servers) == 13
    assert (cut is None) == (hosts > 250)
    assert time.process_time() - started < 0.1


@pytest.mark.parametrize("drip", [b"", b"\x00"])
async def test_a_server_that_drips_over_tcp_is_left_in_time(demo: DemoDns, resolver: Resolver, evil: str, drip: bytes):
    """It sends a length, then a byte a second or nothing at all."""

    def truncated(query: Message) -> bytes:
        wire = bytearray(dns.message.make_response(query).to_wire())
        wire[2] |= 0x06  # AA and TC
        return bytes(wire)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(b"\x10\x00")
            while not reader.at_eof():
                writer.write(drip)
                await asyncio.wait_for(reader.read(512), timeout=1.0)
        except (OSError, TimeoutError):
            pass
        finally:
            writer.close()

    class OverUdp(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.DatagramTransport) -> None:
            self.transport, self.asked = transport, 0

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            self.asked += 1
            self.transport.sendto(truncated(dns.message.from_wire(data)), addr)

    transport, server = await asyncio.get_running_loop().create_datagram_endpoint(
        OverUdp, local_addr=(HOSTILE, demo.port)
    )
    listener = await asyncio.start_server(serve, HOSTILE, demo.port)
    diagnosis, _ = await look(resolver, evil)
    transport.close()
    listener.close()
    assert (diagnosis.kind, diagnosis.code) == ("could_not_ask", "tcp_blocked")
    assert server.asked <= 2


async def test_a_flood_of_wrong_answers_is_silence(demo: DemoDns, resolver: Resolver, evil: str):
    class Flood(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.DatagramTransport) -> None:
            self.transport, self.asked = transport, 0

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            self.asked += 1
            wrong_id = bytes((data[0] ^ 0xFF, data[1])) + with_token(dns.message.from_wire(data)).to_wire()[2:]
            for _ in range(500):
                self.transport.sendto(wrong_id, addr)

    transport, server = await asyncio.get_running_loop().create_datagram_endpoint(
        Flood, local_addr=(HOSTILE, demo.port)
    )
    diagnosis, _ = await look(resolver, evil)
    transport.close()
    assert (diagnosis.kind, diagnosis.code) == ("could_not_ask", "servers_unreachable")
    assert server.asked <= 3


async def test_a_server_that_is_always_almost_too_slow_cannot_stretch_a_look(demo: DemoDns, evil: str):
    """Every answer comes just before the time-out and names a next alias."""

    class Slow(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.DatagramTransport) -> None:
            self.transport, self.asked = transport, 0

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            self.asked += 1
            query = dns.message.from_wire(data)
            reply = reply_to(query, (name_of(query), "CNAME", f"a.z{self.asked}.{evil}."))
            asyncio.get_running_loop().call_later(0.09, self.transport.sendto, reply.to_wire(), addr)

    impatient = Resolver(
        [demo.root_address], demo.port, ["127.0.0.0/8"], timeouts_seconds=(0.1, 0.1, 0.2), attempt_seconds=1.0
    )
    transport, server = await asyncio.get_running_loop().create_datagram_endpoint(Slow, local_addr=(HOSTILE, demo.port))
    with closing(impatient), closing(transport):
        diagnosis, seen = await look(impatient, evil, deep=True)
    assert diagnosis.kind == "could_not_ask"
    assert "time" in seen.limits
    assert seen.elapsed_ms < 1500
    assert server.asked <= 20
