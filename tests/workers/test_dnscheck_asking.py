"""Asking one server over real sockets: forged and broken datagrams, loss, limits, and what is given back afterwards."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing

import dns.name
import dns.rdatatype
import psutil
import pytest
import uvloop

from services.dnscheck.asking import sockets as sockets_room
from services.dnscheck.asking import wire
from services.dnscheck.asking.asker import Asker, Reply
from services.dnscheck.asking.budget import Budget
from services.dnscheck.asking.restraint import Rates
from services.dnscheck.asking.sockets import Silence, Sockets
from services.dnscheck.asking.turns import NO_TURN, RESTS
from services.dnscheck.observation import NameServer

ADDRESS, OTHER_ADDRESS = "127.53.0.11", "127.53.0.12"
ZONE = dns.name.from_text("firma.de")
NAME = dns.name.from_text("_postkontor-challenge.firma.de")
TXT = dns.rdatatype.TXT
TRUE, FORGED = "token=true", "token=forged"
WIDE = Rates(server_per_second=1e6, registry_per_second=1e6, zone_per_second=1e6, rest_seconds=0)
Respond = Callable[["OneServer", bytes, tuple[str, int]], None]


def answer(query: bytes, text: str = TRUE, *, flags: int = 0x8400) -> bytes:
    """The usual reply to `query`."""
    end = query.index(b"\x00", 12) + 5
    data = bytes((len(text),)) + text.encode()
    record = b"\xc0\x0c\x00\x10\x00\x01\x00\x00\x00\x3c" + len(data).to_bytes(2, "big") + data
    return query[:2] + struct.pack("!HHHHH", flags, 1, 1, 0, 0) + query[12:end] + record


def empty(query: bytes, *, flags: int) -> bytes:
    end = query.index(b"\x00", 12) + 5
    return query[:2] + struct.pack("!HHHHH", flags, 1, 0, 0, 0) + query[12:end]


class OneServer(asyncio.DatagramProtocol):
    """A server of the test's own, octet by octet: UDP as told, TCP with the usual answer."""

    def __init__(self, respond: Respond) -> None:
        self.respond = respond
        self.tcp_reply = answer
        self.queries: list[bytes] = []
        self.tcp_queries: list[bytes] = []
        self.port = 0

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self._transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.queries.append(data)
        self.respond(self, data, addr)

    def send(self, reply: bytes, client: tuple[str, int]) -> None:
        self._transport.sendto(reply, client)

    async def serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        query = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
        self.tcp_queries.append(query)
        reply = self.tcp_reply(query)
        writer.write(len(reply).to_bytes(2, "big") + reply)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def one_server(respond: Respond) -> AsyncIterator[OneServer]:
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(lambda: OneServer(respond), local_addr=(ADDRESS, 0))
    listener = await asyncio.start_server(server.serve_tcp, ADDRESS, server.port)
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    try:
        yield server
    finally:
        listener.close()
        transport.close()


def truthful(server: OneServer, query: bytes, client: tuple[str, int]) -> None:
    server.send(answer(query), client)


def asker_for(port: int, *, rates: Rates = WIDE, timeouts: tuple[float, ...] = (1.0, 1.0, 1.0)) -> Asker:
    return Asker(
        port=port,
        allow_networks=[ipaddress.ip_network("127.0.0.0/8")],
        timeouts_seconds=timeouts,
        tcp_timeout_seconds=1.0,
        rates=rates,
        is_registry=lambda zone: "." not in zone,
    )


async def ask(
    asker: Asker,
    *,
    zone: dns.name.Name = ZONE,
    name: dns.name.Name = NAME,
    seconds: float = 5.0,
    insistent: bool = False,
) -> Reply:
    budget = Budget(ends_at=Budget.now() + seconds, insistent=insistent)
    return await asker.ask(NameServer("ns1.firma.de", (ADDRESS,)), ADDRESS, zone, name, TXT, budget)


@asynccontextmanager
async def asking(respond: Respond, **options: object) -> AsyncIterator[tuple[Asker, OneServer]]:
    async with one_server(respond) as server:
        asker = asker_for(server.port, **options)  # type: ignore[arg-type]
        try:
            yield asker, server
        finally:
            asker.close()


@pytest.fixture
def free_address_port() -> int:
    """A port nobody listens on."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        probe.bind((ADDRESS, 0))
        return probe.getsockname()[1]


# -- forged and broken datagrams


def with_wrong_id(query: bytes) -> bytes:
    return bytes((query[0] ^ 1,)) + answer(query, FORGED)[1:]


def with_other_case(query: bytes) -> bytes:
    forged = answer(query, FORGED)
    return forged[:12] + forged[12:40].swapcase() + forged[40:]


BAD = {
    "nothing": lambda _: b"",
    "garbage": lambda _: b"\xff" * 40,
    "a short header": lambda query: query[:11],
    "the query itself": lambda query: query,
    "a wrong id": with_wrong_id,
    "another question": lambda query: answer(query[:13] + b"x" + query[14:], FORGED),
    "another case": with_other_case,
    "two questions": lambda query: query[:2] + b"\x84\x00\x00\x02" + answer(query, FORGED)[6:],
    "a count that lies": lambda query: answer(query, FORGED)[:7] + b"\x09" + answer(query, FORGED)[8:],
    "a circle of pointers": lambda query: answer(query, FORGED).replace(b"\xc0\x0c\x00\x10", b"\xc0\x30\x00\x10"),
    "a reply cut off": lambda query: answer(query, FORGED)[:-3],
    "an update's reply": lambda query: query[:2] + b"\xac\x00" + answer(query, FORGED)[4:],
}


@pytest.mark.parametrize("forge", BAD.values(), ids=BAD)
async def test_bad_datagram_does_not_end_the_look_up(forge: Callable[[bytes], bytes]):
    def respond(server: OneServer, query: bytes, client: tuple[str, int]) -> None:
        server.send(forge(query), client)
        server.send(answer(query), client)

    async with asking(respond) as (asker, server):
        reply = await ask(asker)
    assert (reply.answer.kind, reply.answer.values) == ("answer", (TRUE,))
    assert len(server.queries) == 1


async def test_true_answer_from_a_wrong_source_is_none():
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as elsewhere:
        elsewhere.bind((OTHER_ADDRESS, 0))

        def respond(server: OneServer, query: bytes, client: tuple[str, int]) -> None:
            elsewhere.sendto(answer(query, FORGED), client)
            server.send(answer(query), client)

        async with asking(respond) as (asker, _):
            assert (await ask(asker)).answer.values == (TRUE,)


async def test_true_answer_from_a_wrong_port_is_none():
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as elsewhere:
        elsewhere.bind((ADDRESS, 0))

        def respond(server: OneServer, query: bytes, client: tuple[str, int]) -> None:
            elsewhere.sendto(answer(query, FORGED), client)
            server.send(answer(query), client)

        async with asking(respond) as (asker, _):
            assert (await ask(asker)).answer.values == (TRUE,)


async def test_flood_does_not_end_the_look_up():
    def respond(server: OneServer, query: bytes, client: tuple[str, int]) -> None:
        for number in range(400):
            forged = number.to_bytes(2, "big") + answer(query, FORGED)[2:]
            server.send(forged if number % 2 else with_other_case(query), client)
        server.send(answer(query), client)

    async with asking(respond) as (asker, _):
        assert (await ask(asker)).answer.values == (TRUE,)


async def test_only_bad_datagrams_are_malformed_and_not_silence():
    def respond(server: OneServer, query: bytes, client: tuple[str, int]) -> None:
        server.send(answer(query)[:-3], client)

    async with asking(respond, timeouts=(0.1, 0.1)) as (asker, _):
        reply = await ask(asker)
    assert (reply.answer.kind, reply.answer.note) == ("malformed", "FormError")


# -- what servers do


async def test_server_that_changes_the_case_is_asked_over_tcp_from_then_on():
    async with asking(lambda server, query, client: server.send(with_other_case(query), client)) as (asker, server):
        first = await ask(asker)
        datagrams = len(server.queries)
        second = await ask(asker)
    assert (first.answer.values, second.answer.values) == ((TRUE,), (TRUE,))
    assert (datagrams, len(server.queries)) == (2, 2)
    assert all(query[12:] == query[12:].lower() for query in server.tcp_queries)


async def test_servfail_is_asked_about_once_more():
    def respond(server: OneServer, query: bytes, client: tuple[str, int]) -> None:
        server.send(answer(query) if len(server.queries) > 1 else empty(query, flags=0x8402), client)

    async with asking(respond) as (asker, server):
        assert (await ask(asker)).answer.values == (TRUE,)
    assert len(server.queries) == 2


async def test_formerr_without_question_leads_to_a_question_without_edns():
    def respond(server: OneServer, query: bytes, client: tuple[str, int]) -> None:
        has_edns = query[11] == 1
        server.send(query[:2] + b"\x80\x01" + b"\x00" * 8 if has_edns else answer(query), client)

    async with asking(respond) as (asker, _):
        assert (await ask(asker)).answer.values == (TRUE,)


async def test_truncated_reply_that_would_have_fitted_halves_the_servers_rate():
    def respond(server: OneServer, query: bytes, client: tuple[str, int]) -> None:
        server.send(empty(query, flags=0x8600), client)

    async with asking(respond) as (asker, _):
        assert (await ask(asker)).answer.values == (TRUE,)
        known = asker.restraint.server(ADDRESS, Budget.now())
    assert 1.9 < known.slowness(Budget.now()) <= 2


async def test_reply_truncated_over_tcp_is_not_a_no():
    async with asking(lambda server, query, client: server.send(empty(query, flags=0x8600), client)) as (asker, server):
        server.tcp_reply = lambda query: empty(query, flags=0x8600)
        reply = await ask(asker)
    assert (reply.answer.kind, reply.answer.aa) == ("malformed", False)


# -- loss and load


async def test_lost_datagram_costs_little_where_the_server_is_known_to_be_quick():
    lose = False

    def respond(server: OneServer, query: bytes, client: tuple[str, int]) -> None:
        nonlocal lose
        if not lose:
            truthful(server, query, client)
        lose = False

    async with asking(respond, timeouts=(2.0, 2.0)) as (asker, _):
        await ask(asker)
        lose = True
        reply = await ask(asker)
    assert reply.answer.values == (TRUE,)
    assert 200 <= reply.answer.elapsed_ms < 1000


async def test_nothing_is_lost_with_2000_in_flight_and_never_more_than_100_out():
    waiting: list[tuple[bytes, tuple[str, int]]] = []
    most = 0

    def respond(server: OneServer, query: bytes, client: tuple[str, int]) -> None:
        nonlocal most
        waiting.append((query, client))
        most = max(most, len(waiting))
        if len(waiting) == 1:
            asyncio.get_running_loop().call_later(0.005, answer_all, server)

    def answer_all(server: OneServer) -> None:
        for query, client in waiting:
            truthful(server, query, client)
        waiting.clear()

    async with asking(respond) as (asker, _):
        names = [dns.name.from_text(f"_postkontor-challenge.kunde{number}.firma.de") for number in range(2000)]
        replies = await asyncio.gather(*(ask(asker, name=name, seconds=20) for name in names))
    assert {reply.answer.values for reply in replies} == {(TRUE,)}
    assert 50 < most <= 100


async def test_refused_port_ends_the_question_at_once(free_address_port: int):
    asker = asker_for(free_address_port, timeouts=(5.0, 5.0, 5.0))
    replies = [await ask(asker) for _ in range(3)]
    asker.close()
    assert {(reply.answer.kind, reply.answer.note) for reply in replies} == {("timeout", "Connection refused")}
    assert max(reply.answer.elapsed_ms for reply in replies) < 2000


def test_refused_ports_do_not_deafen_the_sockets_under_uvloop():
    """uvloop stops watching a descriptor that reports an error."""

    async def refused_then_answered() -> tuple[str, ...]:
        async with one_server(truthful) as server:
            asker = asker_for(server.port, timeouts=(0.5,))
            somewhere = NameServer("ns2.firma.de")
            for _ in range(100):  # every socket has met an error then
                budget = Budget(ends_at=Budget.now() + 5)
                reply = await asker.ask(somewhere, OTHER_ADDRESS, ZONE, NAME, TXT, budget)
                assert reply.answer.note == "Connection refused"
            replies = await asyncio.gather(*(ask(asker) for _ in range(100)))
            asker.close()
            return tuple({value for reply in replies for value in reply.answer.values})

    assert uvloop.run(refused_then_answered()) == (TRUE,)


# -- restraint


async def test_rate_holds_on_the_wire():
    async with asking(truthful, rates=Rates(server_per_second=50, zone_per_second=1e6)) as (asker, server):
        began = time.monotonic()
        await asyncio.gather(*(ask(asker) for _ in range(120)))
        elapsed = time.monotonic() - began
    assert len(server.queries) == 120
    assert elapsed >= 0.35  # a hundred at once, then fifty a second


async def test_question_without_a_turn_in_time_fails_at_once():
    async with asking(truthful, rates=Rates(zone_per_second=1)) as (asker, server):
        replies = await asyncio.gather(*(ask(asker, seconds=0.5) for _ in range(10)))
    kinds = sorted((reply.answer.kind, reply.answer.note) for reply in replies)
    assert kinds == [("answer", "")] * 6 + [("timeout", NO_TURN)] * 4
    assert len(server.queries) == 6


async def test_silent_server_rests_unless_somebody_insists():
    async with asking(lambda *_: None, rates=Rates(), timeouts=(0.05,)) as (asker, server):
        for _ in range(5):
            assert (await ask(asker)).answer.note == ""
        resting = await ask(asker)
        assert (resting.answer.kind, resting.answer.note, resting.answer.elapsed_ms) == ("timeout", RESTS, 0.0)
        assert len(server.queries) == 5
        await ask(asker, insistent=True)
        assert len(server.queries) == 6


async def test_those_in_line_for_a_server_that_fell_silent_learn_it_at_once():
    rates = Rates(server_per_second=1e6, zone_per_second=1e6, server_in_flight=5)
    async with asking(lambda *_: None, rates=rates, timeouts=(0.1,)) as (asker, server):
        replies = await asyncio.gather(*(ask(asker) for _ in range(50)))
    assert len(server.queries) == 5
    assert sorted(reply.answer.note for reply in replies)[5:] == [RESTS] * 45


async def test_those_in_line_leave_when_their_time_is_up():
    rates = Rates(server_per_second=1e6, zone_per_second=1e6, server_in_flight=1, rest_seconds=0)
    async with asking(lambda *_: None, rates=rates, timeouts=(1.0,)) as (asker, _):
        first = asyncio.ensure_future(ask(asker))
        began = time.monotonic()
        replies = await asyncio.gather(*(ask(asker, seconds=0.1) for _ in range(5)))
        assert time.monotonic() - began < 0.8
        first.cancel()
    assert {reply.answer.note for reply in replies} == {NO_TURN}


async def test_cancelled_questions_give_their_places_back():
    async with asking(lambda *_: None, timeouts=(5.0,)) as (asker, server):
        tasks = [asyncio.ensure_future(ask(asker)) for _ in range(300)]
        while len(server.queries) < 100:
            await asyncio.sleep(0.01)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        server.respond = truthful
        replies = await asyncio.gather(*(ask(asker) for _ in range(150)))
    assert {reply.answer.values for reply in replies} == {(TRUE,)}


# -- the sockets themselves


async def test_sockets_are_given_back():
    before = psutil.Process().num_fds()
    async with asking(truthful) as (asker, _):
        await asyncio.gather(*(ask(asker) for _ in range(200)))
        assert psutil.Process().num_fds() > before + 20
    await asyncio.sleep(0)
    assert psutil.Process().num_fds() <= before


async def test_reopened_sockets_lose_nothing_that_is_in_flight(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sockets_room, "REOPEN_SECONDS", 0.0)  # a fresh one for every question

    def respond(server: OneServer, query: bytes, client: tuple[str, int]) -> None:
        asyncio.get_running_loop().call_later(0.05, truthful, server, query, client)

    async with asking(respond, timeouts=(5.0,)) as (asker, server):
        before = psutil.Process().num_fds()
        replies = await asyncio.gather(*(ask(asker) for _ in range(90)))
        assert psutil.Process().num_fds() <= before + sockets_room.SOCKETS + 1
    assert {reply.answer.values for reply in replies} == {(TRUE,)}
    assert len(server.queries) == 90


async def test_closing_ends_what_is_out_and_a_later_question_opens_again():
    async with one_server(lambda *_: None) as server:
        pool = Sockets(server.port)
        question = wire.question(wire.name_octets(NAME), TXT)
        exchange = asyncio.ensure_future(
            pool.exchange(ADDRESS, question, 5.0, lambda reply: reply, asyncio.get_running_loop())
        )
        while not server.queries:
            await asyncio.sleep(0.01)
        pool.close()
        assert await exchange == Silence("closed")
        server.respond = truthful
        assert await pool.exchange(ADDRESS, question, 5.0, lambda reply: len(reply), asyncio.get_running_loop()) > 12
        pool.close()


def test_loop_may_end_and_another_begin():
    async def answered(asker: Asker) -> tuple[str, ...]:
        return (await ask(asker)).answer.values

    async def serve_and_ask(asker: Asker | None) -> tuple[Asker, tuple[str, ...]]:
        async with one_server(truthful) as server:
            asker = asker or asker_for(server.port)
            asker._port = asker._sockets._port = server.port  # the test's server has another port each time
            return asker, await answered(asker)

    asker, first = asyncio.run(serve_and_ask(None))
    _, second = asyncio.run(serve_and_ask(asker))
    asker.close()
    assert (first, second) == ((TRUE,), (TRUE,))


async def test_ipv6_servers_are_asked_too():
    with closing(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no IPv6 loopback")
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(lambda: OneServer(truthful), local_addr=("::1", 0))
    pool = Sockets(server.port)
    question = wire.question(wire.name_octets(NAME), TXT)
    try:
        assert await pool.exchange(
            "0:0::1", question, 2.0, lambda reply: len(reply), asyncio.get_running_loop()
        ) != Silence("")
    finally:
        pool.close()
        transport.close()
