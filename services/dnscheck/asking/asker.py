"""Asks one server one question, safely: retries, TCP where needed, spoofed answers waited past, private addresses left
alone.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
from dns.message import Message
from dns.name import Name
from dns.rdatatype import RdataType

from services.dnscheck.asking.addresses import IPNetwork, may_send_to
from services.dnscheck.asking.budget import Budget
from services.dnscheck.asking.replies import name_text, read_answer
from services.dnscheck.observation import AnswerKind, NameServer, ServerAnswer

EDNS_PAYLOAD = 1232  # never fragmented on its way (DNS flag day 2020)
MAX_STRAYS = 64  # datagrams per try that are not our answer; a flood must not keep the loop busy

OTHER_CASE = "question came back in another case"
TCP_FAILED = "needs TCP, and TCP does not answer"


@dataclass(frozen=True, slots=True)
class ServerTrouble:
    """Why a server gave nothing that could be read."""

    kind: AnswerKind
    note: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """One server's answer in both forms: what the diagnosis keeps, and the message the walk reads referrals from."""

    answer: ServerAnswer
    message: Message | None = None


@dataclass(frozen=True, slots=True)
class _Query:
    """A question as sent. A reply counts only when id and question come back octet for octet (mixed case: 0x20)."""

    wire: bytes
    question: bytes

    @classmethod
    def make(cls, name: Name, rdtype: RdataType, *, edns: bool = True, mixed_case: bool = True) -> _Query:
        asked = _mixed_case(name) if mixed_case else name
        edns_level, payload = (0, EDNS_PAYLOAD) if edns else (False, None)
        message = dns.message.make_query(
            asked, rdtype, flags=0, use_edns=edns_level, payload=payload, id=secrets.randbelow(65536)
        )
        wire = message.to_wire()
        question_octets = sum(len(label) + 1 for label in asked.labels) + 4  # name, type, class
        return cls(wire, wire[12 : 12 + question_octets])

    def is_answered_by(self, wire: bytes) -> bool:
        return self._header_fits(wire) and wire[12 : 12 + len(self.question)] == self.question

    def comes_back_in_other_case(self, wire: bytes) -> bool:
        echoed = wire[12 : 12 + len(self.question)]
        return self._header_fits(wire) and echoed != self.question and echoed.lower() == self.question.lower()

    def is_not_understood(self, wire: bytes) -> bool:
        """A FORMERR without question: how servers that predate EDNS answer."""
        return len(wire) >= 12 and wire[:2] == self.wire[:2] and wire[2] & 0x80 != 0 and wire[3] & 0xF == 1

    def _header_fits(self, wire: bytes) -> bool:
        return len(wire) >= 12 and wire[:2] == self.wire[:2] and wire[2] & 0xF8 == 0x80 and wire[4:6] == b"\x00\x01"


class Asker:
    """Asks one server one question, with retries, TCP where needed, and the address filter before every packet."""

    def __init__(
        self,
        *,
        port: int,
        allow_networks: Sequence[IPNetwork],
        timeouts_seconds: Sequence[float],
        tcp_timeout_seconds: float,
        in_flight: int,
    ) -> None:
        self._port = port
        self._allowed = tuple(allow_networks)
        self._timeouts_seconds = tuple(timeouts_seconds)
        self._tcp_timeout_seconds = tcp_timeout_seconds
        self._slots = asyncio.Semaphore(in_flight)  # one socket each: the process must not run out of descriptors

    async def ask(
        self,
        server: NameServer,
        address: str,
        zone: Name,
        name: Name,
        rdtype: RdataType,
        budget: Budget,
        *,
        tries: int | None = None,
    ) -> Reply:
        """Ask for `name` as a server of `zone` should know it; trouble is part of the reply, never an exception.

        `tries` limits how often the question goes out, for a caller that has other servers to ask.
        """
        timeouts = self._timeouts_seconds[:tries]
        started = time.perf_counter()
        blank = ServerAnswer(
            server=server.host,
            address=address,
            name=name_text(name),
            rdtype=dns.rdatatype.to_text(rdtype),
            kind="timeout",
        )
        if not may_send_to(address, self._allowed):
            return Reply(replace(blank, kind="filtered", note="not a public address"))
        async with self._slots:
            outcome = await self._try_until_answered(address, name, rdtype, timeouts, budget)
        elapsed_ms = (time.perf_counter() - started) * 1000
        if isinstance(outcome, ServerTrouble):
            return Reply(replace(blank, kind=outcome.kind, note=outcome.note, elapsed_ms=elapsed_ms))
        return Reply(replace(read_answer(outcome, zone, name, rdtype, blank), elapsed_ms=elapsed_ms), outcome)

    async def _try_until_answered(
        self, address: str, name: Name, rdtype: RdataType, timeouts_seconds: Sequence[float], budget: Budget
    ) -> Message | ServerTrouble:
        trouble = ServerTrouble("timeout", "no query was allowed any more")
        edns, other_case, servfail = True, 0, 0
        for timeout_seconds in timeouts_seconds:
            if not budget.take_query():
                return trouble
            seconds = min(timeout_seconds, budget.remaining_seconds())
            # Two echoes in another case: a server that does not keep it. TCP protects that question instead.
            query = _Query.make(name, rdtype, edns=edns, mixed_case=other_case < 2)
            outcome = await (
                self._udp(address, query, seconds) if other_case < 2 else self._tcp(address, query, budget)
            )
            if isinstance(outcome, Message) and outcome.flags & dns.flags.TC and other_case < 2:
                outcome = await self._tcp(address, query, budget) if budget.take_query() else trouble
                if isinstance(outcome, ServerTrouble) and outcome.note == TCP_FAILED:
                    return replace(outcome, kind="truncated")  # TCP had its time; the datagram stays too small
            if isinstance(outcome, ServerTrouble):
                trouble = outcome
                other_case += outcome.note == OTHER_CASE
            elif outcome.rcode() in (dns.rcode.FORMERR, dns.rcode.NOTIMP) and edns:
                edns = False
            elif outcome.rcode() == dns.rcode.SERVFAIL and not servfail:
                servfail += 1
            else:
                return outcome
            if isinstance(outcome, Message):
                trouble = ServerTrouble("servfail", dns.rcode.to_text(outcome.rcode()))
        return trouble

    async def _udp(self, address: str, query: _Query, seconds: float) -> Message | ServerTrouble:
        """Send one datagram and wait for its answer; whatever else arrives is noted and waited past."""
        loop = asyncio.get_running_loop()
        trouble = ServerTrouble("timeout", "")
        try:
            with _connected_socket(address, self._port) as sock:
                async with asyncio.timeout(seconds):
                    sock.send(query.wire)
                    for _ in range(MAX_STRAYS):
                        wire = await loop.sock_recv(sock, 65535)
                        if query.is_answered_by(wire) or query.is_not_understood(wire):
                            outcome = _parse(wire)
                            if isinstance(outcome, Message):
                                return outcome
                            trouble = outcome
                        elif query.comes_back_in_other_case(wire):
                            trouble = ServerTrouble("malformed", OTHER_CASE)
        except TimeoutError:
            return trouble
        except OSError as error:
            return ServerTrouble("timeout", error.strerror or "unreachable")
        return trouble

    async def _tcp(self, address: str, query: _Query, budget: Budget) -> Message | ServerTrouble:
        try:
            async with asyncio.timeout(min(self._tcp_timeout_seconds, budget.remaining_seconds())):
                reader, writer = await asyncio.open_connection(address, self._port)
                try:
                    writer.write(len(query.wire).to_bytes(2, "big") + query.wire)
                    wire = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
                finally:
                    writer.transport.abort()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            return ServerTrouble("timeout", TCP_FAILED)
        return _parse(wire) if query.is_answered_by(wire) else ServerTrouble("malformed", "wrong answer over TCP")


def _mixed_case(name: Name) -> Name:
    bits = secrets.randbits(8 * 255)
    labels: list[bytes] = []
    for label in name.labels:
        octets = bytearray(label.lower())
        for index, octet in enumerate(octets):
            if 97 <= octet <= 122 and bits & 1:
                octets[index] = octet - 32
            bits >>= 1
        labels.append(bytes(octets))
    return Name(labels)


def _connected_socket(address: str, port: int) -> socket.socket:
    """A UDP socket on a random port that hears nobody but `address`; the kernel checks the source of every datagram."""
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.connect((address, port))
    except OSError:
        sock.close()
        raise
    return sock


def _parse(wire: bytes) -> Message | ServerTrouble:
    try:
        return dns.message.from_wire(wire, ignore_trailing=True)
    except Exception as error:  # whatever a hostile server makes the parser stumble over is that server's trouble
        return ServerTrouble("malformed", type(error).__name__)
