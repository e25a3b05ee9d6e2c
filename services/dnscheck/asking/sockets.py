"""The UDP sockets that all questions share: one exchange of a question for its reply, and nothing else's.

A socket per question costs more than the question. Here 32 sockets on random ports take turns; a reply finds its
question by socket and id, and counts when it comes from the address and port that were asked and carries the question
octet for octet. Whatever else arrives is counted and ignored, and the waiting goes on: no forged datagram ends it.

The sockets are watched through a selector of their own, whose descriptor is the only one that the event loop knows.
uvloop stops listening to a descriptor that reports an error, and with IP_RECVERR every refused port is one.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import selectors
import socket
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from services.dnscheck.asking.dice import DICE
from services.dnscheck.asking.wire import HEADER_OCTETS, Question, is_not_understood

T = TypeVar("T")

SOCKETS = 32  # five bits more for a forger to guess
REOPEN_SECONDS = 600.0  # a port that stays can be found out
SWEEP_SECONDS = 0.05  # one look over all that wait, instead of a timer for each
DATAGRAMS_PER_WAKE_UP = 64  # a flood must not keep the loop busy
OTHER_CASE_GRACE_SECONDS = 0.1  # a true answer may still follow a forged one; then the server is asked otherwise
RECEIVE_BUFFER_OCTETS = 1 << 20  # the kernel grants less where it is configured so
MAX_DATAGRAM_OCTETS = 65535

_IP_RECVERR, _IPV6_RECVERR = 11, 25  # linux/in.h, linux/in6.h; the socket module lacks them before 3.14
_ICMP_ERROR = struct.Struct("=I")  # the errno at the head of struct sock_extended_err
_LINUX = sys.platform == "linux"
_SEND_TRIES = 4  # errors of other questions are reported to whoever sends next


@dataclass(frozen=True, slots=True)
class Silence:
    """No reply that could be read came in time."""

    note: str = ""  # what came instead, or why nothing can come
    is_other_case: bool = False  # the question came back, its letters in another case
    was_heard: bool = False  # something did come from the server


class _Waiting(Generic[T]):
    """A question that is out."""

    __slots__ = ("ends_at", "future", "peer", "question", "read", "silence")

    def __init__(
        self,
        peer: tuple[str, int],
        question: Question,
        read: Callable[[bytes], T | str],
        ends_at: float,
        future: asyncio.Future[T | Silence],
    ) -> None:
        self.peer = peer
        self.question = question
        self.read = read
        self.ends_at = ends_at
        self.future = future
        self.silence = _SILENCE


_SILENCE = Silence()


class _Socket:
    """A socket with the questions that went out through it, by id."""

    __slots__ = ("is_retired", "reopen_at", "sock", "waiting")

    def __init__(self, family: socket.AddressFamily, reopen_at: float) -> None:
        self.sock = _open(family)
        self.reopen_at = reopen_at
        self.is_retired = False
        self.waiting: dict[int, _Waiting] = {}


class Sockets:
    """All UDP sockets of a resolver. They open when first needed, on the event loop that then runs."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._loop: asyncio.AbstractEventLoop | None = None
        self._selector: selectors.DefaultSelector | None = None
        self._slots: dict[socket.AddressFamily, list[_Socket | None]] = {}
        self._open: set[_Socket] = set()
        self._sweeping: asyncio.TimerHandle | None = None
        self._buffer = bytearray(MAX_DATAGRAM_OCTETS)
        self.strays = 0  # datagrams that answered nothing

    async def exchange(
        self,
        address: str,
        question: Question,
        seconds: float,
        read: Callable[[bytes], T | str],
        loop: asyncio.AbstractEventLoop,
    ) -> T | Silence:
        """Send `question` once and return what `read` made of the reply, or silence when the time is up.

        `read` returns text, its complaint, for a reply that it cannot read; then the waiting goes on. `loop` is the one
        that runs.
        """
        now = time.monotonic()
        try:
            family = socket.AF_INET
            if ":" in address:
                family, address = socket.AF_INET6, _as_sources_are_written(address)
            if loop is not self._loop:
                self._move_to(loop)
            holder, query_id = self._place(family, now)
        except OSError as error:  # no descriptor left, or no IPv6 here
            return Silence(error.strerror or "no socket")
        waiting = _Waiting((address, self._port), question, read, now + seconds, loop.create_future())
        holder.waiting[query_id] = waiting
        try:
            self._send(holder, query_id, waiting)
            self._sweep_soon(loop)
            return await waiting.future
        finally:
            if holder.waiting.get(query_id) is waiting:  # else answered, and perhaps the id is out again
                del holder.waiting[query_id]
            if holder.is_retired and not holder.waiting:
                self._close(holder)

    def close(self) -> None:
        """Close every socket; what still waits hears silence. A later question opens new ones."""
        for holder in list(self._open):
            for waiting in holder.waiting.values():
                _end(waiting, Silence("closed"))
            holder.is_retired = True
            self._close(holder)
        self._slots.clear()
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None
        if self._selector is not None:
            if self._loop is not None and not self._loop.is_closed():
                self._loop.remove_reader(self._selector.fileno())
            self._selector.close()
            self._selector = None
        self._loop = None

    def _move_to(self, loop: asyncio.AbstractEventLoop) -> None:
        self.close()  # the loop that the sockets belonged to has ended
        self._selector = selectors.DefaultSelector()
        loop.add_reader(self._selector.fileno(), self._receive_all)
        self._loop = loop

    # -- sending

    def _place(self, family: socket.AddressFamily, now: float) -> tuple[_Socket, int]:
        """A random socket, and a random id that is free there."""
        while True:
            dice = int.from_bytes(DICE.roll(3), "big")
            holder = self._socket(family, dice & SOCKETS - 1, now)
            query_id = dice >> 8
            if query_id not in holder.waiting:
                return holder, query_id

    def _socket(self, family: socket.AddressFamily, number: int, now: float) -> _Socket:
        slots = self._slots.get(family)
        if slots is None:
            slots = self._slots[family] = [None] * SOCKETS
        holder = slots[number]
        if holder is not None and holder.reopen_at > now:
            return holder
        # Not all at once: each has its own age between 0.75 and 1.25 of the usual.
        age_seconds = REOPEN_SECONDS * (0.75 + DICE.roll(1)[0] / 512)
        fresh = slots[number] = _Socket(family, now + age_seconds)
        self._open.add(fresh)
        assert self._selector is not None
        self._selector.register(fresh.sock, selectors.EVENT_READ, fresh)
        if holder is not None:
            holder.is_retired = True  # closed by the last question that waits there
            if not holder.waiting:
                self._close(holder)
        return fresh

    def _close(self, holder: _Socket) -> None:
        if holder in self._open:
            self._open.discard(holder)
            assert self._selector is not None
            self._selector.unregister(holder.sock)
            holder.sock.close()

    def _send(self, holder: _Socket, query_id: int, waiting: _Waiting) -> None:
        datagram = query_id.to_bytes(2, "big") + waiting.question.after_id
        trouble = ""
        for _ in range(_SEND_TRIES):
            try:
                holder.sock.sendto(datagram, waiting.peer)
            except BlockingIOError:
                return  # as if lost on its way: the next try comes
            except OSError as error:
                trouble = error.strerror or "unreachable"
                self._read_errors(holder)  # may be another question's
            else:
                return
        _end(waiting, Silence(trouble))

    # -- receiving

    def _receive_all(self) -> None:
        assert self._selector is not None
        for key, _ in self._selector.select(0):
            self._receive(key.data)

    def _receive(self, holder: _Socket) -> None:
        """Take what has arrived at a socket; a flood's rest waits until the loop has seen to others.

        After an answer to the last that waits it stops without asking for more: that would nearly always be in vain.
        """
        receive = holder.sock.recvfrom_into
        for _ in range(DATAGRAMS_PER_WAKE_UP):
            try:
                count, source = receive(self._buffer)
            except BlockingIOError:
                return
            except OSError:
                self._read_errors(holder)
                continue
            is_answer = self._take(holder, bytes(memoryview(self._buffer)[:count]), source)
            if is_answer and not holder.waiting:
                return

    def _take(self, holder: _Socket, reply: bytes, source: tuple[str, int]) -> bool:
        """Give a datagram to the question it answers; False when there is none, or it cannot be read."""
        query_id = reply[0] << 8 | reply[1] if len(reply) >= HEADER_OCTETS else -1
        waiting = holder.waiting.get(query_id)
        if waiting is None or source[:2] != waiting.peer:
            self.strays += 1
            return False
        if waiting.question.is_answered_by(reply) or is_not_understood(reply):
            outcome = waiting.read(reply)
            if not isinstance(outcome, str):
                del holder.waiting[query_id]
                _end(waiting, outcome)
                return True
            waiting.silence = Silence(outcome, was_heard=True)
        elif waiting.question.comes_back_in_other_case(reply):
            waiting.silence = Silence(is_other_case=True, was_heard=True)
            grace_ends_at = time.monotonic() + OTHER_CASE_GRACE_SECONDS
            waiting.ends_at = min(waiting.ends_at, grace_ends_at)
        self.strays += 1
        return False

    def _read_errors(self, holder: _Socket) -> None:
        """Take the ICMP errors of a socket: a refused port ends its question at once, the rest is only noted."""
        while _LINUX:
            try:
                sent, ancillary, _, peer = holder.sock.recvmsg(512, 512, socket.MSG_ERRQUEUE)
            except OSError:
                return
            waiting = holder.waiting.get(int.from_bytes(sent[:2], "big")) if len(sent) >= 2 else None
            if waiting is None or peer[:2] != waiting.peer:
                continue
            for level, _, content in ancillary:
                if level in (socket.IPPROTO_IP, socket.IPPROTO_IPV6) and len(content) >= _ICMP_ERROR.size:
                    (code,) = _ICMP_ERROR.unpack_from(content)
                    waiting.silence = Silence(os.strerror(code))
                    if code == errno.ECONNREFUSED:
                        _end(waiting, waiting.silence)

    # -- the time

    def _sweep_soon(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._sweeping is None:
            self._sweeping = loop.call_later(SWEEP_SECONDS, self._sweep, loop)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        """End what has waited long enough; again soon, as long as anything waits.

        What has arrived is taken first: a busy machine must not take its own delay for a lost datagram.
        """
        self._sweeping = None
        self._receive_all()
        now = time.monotonic()
        for holder in self._open:
            for waiting in holder.waiting.values():
                if waiting.ends_at <= now:
                    _end(waiting, waiting.silence)
        if any(holder.waiting for holder in self._open):
            self._sweep_soon(loop)


def _end(waiting: _Waiting, outcome: object) -> None:
    if not waiting.future.done() and not waiting.future.get_loop().is_closed():
        waiting.future.set_result(outcome)


def _open(family: socket.AddressFamily) -> socket.socket:
    """A UDP socket on a random port that hears everybody and is told of ICMP errors."""
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_OCTETS)
        sock.bind(("", 0))
        if _LINUX:
            with contextlib.suppress(OSError):
                sock.setsockopt(*_error_option(family), 1)
    except OSError:
        sock.close()
        raise
    return sock


def _as_sources_are_written(address: str) -> str:
    return socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, address))


def _error_option(family: socket.AddressFamily) -> tuple[int, int]:
    return (socket.IPPROTO_IPV6, _IPV6_RECVERR) if family == socket.AF_INET6 else (socket.IPPROTO_IP, _IP_RECVERR)
