"""Asks one server one question, safely: retries, TCP where needed, spoofed answers waited past, private addresses left
alone, and no server asked harder than it should have to bear.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from time import monotonic

import dns.name
from dns.message import Message
from dns.name import Name
from dns.rdatatype import RdataType

from services.dnscheck.asking import wire
from services.dnscheck.asking.addresses import IPNetwork, may_send_to
from services.dnscheck.asking.budget import Budget
from services.dnscheck.asking.dice import DICE
from services.dnscheck.asking.replies import (
    Received,
    ServerTrouble,
    judge,
    name_text,
    rcode_text,
    rdtype_text,
    receive,
)
from services.dnscheck.asking.restraint import Rates, Restraint
from services.dnscheck.asking.sockets import Silence, Sockets
from services.dnscheck.asking.turns import NO_TURN, Turn, Turns
from services.dnscheck.asking.wire import Question
from services.dnscheck.observation import NameServer, ServerAnswer

MAX_KNOWN = 4096  # addresses and zones judged once

OTHER_CASE = "question came back in another case"
TCP_FAILED = "needs TCP, and TCP does not answer"
NO_QUERY_LEFT = "no query was allowed any more"


class Reply:
    """One server's answer in both forms: what the diagnosis keeps, and the message the walk reads referrals from."""

    __slots__ = ("_received", "answer")

    def __init__(self, answer: ServerAnswer, received: Received | None = None) -> None:
        self.answer = answer
        self._received = received

    @property
    def message(self) -> Message | None:
        """The whole message, where there was one that could be read."""
        return self._received.message if self._received is not None else None


@dataclass(slots=True)
class _Asking:
    """One question on its way through its tries."""

    address: str
    zone: bytes
    name: Name
    rdtype: RdataType
    octets: bytes  # the name
    budget: Budget
    edns: bool = True
    sent_at: float = 0.0  # first, after waiting for a turn
    has_seen_servfail: bool = False


class Asker:
    """Asks one server one question, with retries, TCP where needed, and the address filter before every packet."""

    def __init__(
        self,
        *,
        port: int,
        allow_networks: Sequence[IPNetwork],
        timeouts_seconds: Sequence[float],
        tcp_timeout_seconds: float,
        rates: Rates,
        is_registry: Callable[[str], bool],
    ) -> None:
        """`is_registry` says of a zone's name that walks ask its servers for everybody's domains."""
        allowed = tuple(allow_networks)
        self._port = port
        self._may_send_to = lru_cache(MAX_KNOWN)(lambda address: may_send_to(address, allowed))
        self._timeouts_seconds = tuple(timeouts_seconds)
        self._tcp_timeout_seconds = tcp_timeout_seconds
        self._sockets = Sockets(port)
        self._turns = Turns(rates, lru_cache(MAX_KNOWN)(lambda zone: zone == b"\x00" or is_registry(_zone_text(zone))))

    @property
    def restraint(self) -> Restraint:
        """What is remembered of the servers that were asked."""
        return self._turns.restraint

    def close(self) -> None:
        """Close the sockets; a later question opens new ones."""
        self._sockets.close()

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
        if not self._may_send_to(address):
            trouble = ServerTrouble("filtered", "not a public address")
            return Reply(_troubled(server.host, address, name, rdtype, trouble, 0.0))
        asking = _Asking(address, wire.name_octets(zone), name, rdtype, wire.name_octets(name), budget)
        outcome = await self._try_until_answered(asking, self._timeouts_seconds[:tries])
        elapsed_ms = (monotonic() - asking.sent_at) * 1000 if asking.sent_at else 0.0
        if isinstance(outcome, ServerTrouble):
            if outcome.note == NO_TURN or budget.remaining_seconds() <= 0:
                budget.ran_out_of("time")
            return Reply(_troubled(server.host, address, name, rdtype, outcome, elapsed_ms))
        answer = judge(
            outcome, server=server.host, address=address, zone=zone, name=name, rdtype=rdtype, elapsed_ms=elapsed_ms
        )
        return Reply(answer, outcome)

    async def _try_until_answered(self, asking: _Asking, timeouts_seconds: Sequence[float]) -> Received | ServerTrouble:
        trouble: ServerTrouble | None = None
        for number, seconds in enumerate(timeouts_seconds):
            turn = self._turns.enter(asking.address, asking.zone, asking.budget)
            if not isinstance(turn, (Turn, ServerTrouble)):
                turn = await turn
            if isinstance(turn, ServerTrouble):
                return trouble or turn
            try:
                if not asking.budget.take_query():
                    break
                outcome = await self._try(turn, asking, seconds, is_first=number == 0)
            finally:
                self._turns.leave(turn)
            if isinstance(outcome, ServerTrouble):
                if outcome.kind == "truncated":
                    return outcome  # TCP had its time; the datagram stays too small
                trouble = outcome
            elif _is_final(outcome, asking):
                return outcome
            else:
                trouble = ServerTrouble("servfail", rcode_text(outcome.seen.rcode))
        return trouble or ServerTrouble("timeout", NO_QUERY_LEFT)

    async def _try(self, turn: Turn, asking: _Asking, seconds: float, *, is_first: bool) -> Received | ServerTrouble:
        """Send the question once: as a datagram, and over TCP where the reply or the server calls for it."""
        server, budget, now = turn.server, asking.budget, monotonic()
        asking.sent_at = asking.sent_at or now
        if server.changes_case:
            question = wire.question(asking.octets, asking.rdtype, edns=asking.edns, mixed_case=False)
            return await self._tcp(question, asking)
        question = wire.question(asking.octets, asking.rdtype, edns=asking.edns)
        if is_first:
            seconds = server.round_trip.first_try_seconds(seconds)

        def read(octets: bytes) -> Received | str:
            received = receive(octets, question, asking.name, asking.rdtype)
            return received.note if isinstance(received, ServerTrouble) else received

        seconds = min(seconds, budget.ends_at - now)
        outcome = await self._sockets.exchange(asking.address, question, seconds, read, budget.loop)
        if isinstance(outcome, Silence):
            return self._trouble_of(turn, outcome)
        server.other_cases = 0
        server.round_trip.measured(monotonic() - now)
        self._turns.restraint.heard(server, turn.pair)
        if outcome.seen.flags & wire.TC:
            return await self._over_tcp_instead(turn, question, asking, outcome)
        return outcome

    def _trouble_of(self, turn: Turn, silence: Silence) -> ServerTrouble:
        """Note how the server behaved, and say what is wrong with it."""
        if silence.is_other_case:
            turn.server.other_cases += 1
            return ServerTrouble("malformed", OTHER_CASE)
        if silence.was_heard:
            return ServerTrouble("malformed", silence.note)
        self._turns.restraint.silent(turn.server, turn.pair, monotonic())
        return ServerTrouble("timeout", silence.note)

    async def _over_tcp_instead(
        self, turn: Turn, question: Question, asking: _Asking, truncated: Received
    ) -> Received | ServerTrouble:
        if not asking.budget.take_query():
            return ServerTrouble("timeout", NO_QUERY_LEFT)
        over_tcp = await self._tcp(question, asking)
        if isinstance(over_tcp, ServerTrouble):
            # An attempt that ended meanwhile says nothing about the server.
            has_failed = over_tcp.note == TCP_FAILED and asking.budget.remaining_seconds() > 0
            return replace(over_tcp, kind="truncated") if has_failed else over_tcp
        payload = wire.EDNS_PAYLOAD if asking.edns else wire.PLAIN_PAYLOAD
        if not wire.has_answers(truncated.octets) and len(over_tcp.octets) <= payload:
            turn.server.slow_down(monotonic())  # it would have fitted: response rate limiting
        return over_tcp

    async def _tcp(self, question: Question, asking: _Asking) -> Received | ServerTrouble:
        query = DICE.roll(2) + question.after_id
        try:
            async with asyncio.timeout(min(self._tcp_timeout_seconds, asking.budget.remaining_seconds())):
                reader, writer = await asyncio.open_connection(asking.address, self._port)
                try:
                    writer.write(len(query).to_bytes(2, "big") + query)
                    octets = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
                finally:
                    writer.transport.abort()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            return ServerTrouble("timeout", TCP_FAILED)
        if octets[:2] != query[:2] or not question.is_answered_by(octets):
            return ServerTrouble("malformed", "wrong answer over TCP")
        received = receive(octets, question, asking.name, asking.rdtype)
        if isinstance(received, Received) and received.seen.flags & wire.TC:
            return ServerTrouble("malformed", "truncated over TCP")  # in part it would be taken for a no
        return received


def _is_final(received: Received, asking: _Asking) -> bool:
    """Whether an answer ends the question; what does not changes how it is asked again."""
    rcode = received.seen.rcode
    if rcode in (wire.FORMERR, wire.NOTIMP) and asking.edns:
        asking.edns = False
        return False
    if rcode == wire.SERVFAIL and not asking.has_seen_servfail:
        asking.has_seen_servfail = True
        return False
    return True


def _troubled(
    host: str, address: str, name: Name, rdtype: RdataType, trouble: ServerTrouble, elapsed_ms: float
) -> ServerAnswer:
    return ServerAnswer(
        server=host,
        address=address,
        name=name_text(name),
        rdtype=rdtype_text(rdtype),
        kind=trouble.kind,
        note=trouble.note,
        elapsed_ms=elapsed_ms,
    )


def _zone_text(octets: bytes) -> str:
    """The name of a zone as text."""
    return name_text(dns.name.from_wire(octets, 0)[0])
