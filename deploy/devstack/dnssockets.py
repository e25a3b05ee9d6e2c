"""The demo DNS server's sockets: UDP and TCP on several addresses and one port, messages to and from the wire."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

import dns.exception
import dns.flags
import dns.message
import dns.rcode
from dns.message import Message

EDNS_PAYLOAD = 1232  # the largest datagram that is never fragmented (DNS flag day 2020)
PORT_TRIES = 50
TCP_IDLE_SECONDS = 10.0
CLOSED = b""  # no octets to send and none to come


@dataclass(frozen=True, slots=True)
class Asked:
    """A message that came: on which address, and how."""

    address: str
    query: Message
    tcp: bool


@dataclass(frozen=True, slots=True)
class Sending:
    """Octets that go out, and when.

    A datagram leaves from `source`, one of the server's addresses (None: the one asked). Over TCP `announced` is the
    length said before the octets (None: the true one).
    """

    wire: bytes
    after_seconds: float = 0.0
    source: str | None = None
    announced: int | None = None


# What to say to it: a reply, octets as they are, several of them, or None for silence. A reply that says itself that it
# is truncated is a server's that cannot be reached over TCP: there the connection is closed.
Respond = Callable[[Asked], Message | bytes | Sequence[Sending] | None]


class DnsSockets:
    """Listens on every address of `addresses` and answers each from the address that was asked."""

    def __init__(self, addresses: Sequence[str], respond: Respond) -> None:
        self._addresses = addresses
        self._respond = respond
        self._port = 0
        self._udp_servers: dict[str, _UdpServer] = {}
        self._listeners: dict[str, asyncio.Server] = {}
        self._connections: dict[asyncio.StreamWriter, str] = {}
        self._opening: dict[str, tuple[asyncio.Task[None], socket.socket]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    async def open(self, ports: Iterator[int]) -> int:
        """Listen on the first of `ports` that is free on all addresses, UDP and TCP, and return it."""
        self._loop = asyncio.get_running_loop()
        refused: OSError | None = None
        for port in ports:
            try:
                await self._listen(port)
            except OSError as error:
                refused = error
                await self.close()
                continue
            return port
        raise OSError(f"no port is free on all of {', '.join(self._addresses)}") from refused

    async def close(self) -> None:
        """Close every socket; idempotent."""
        await asyncio.gather(*(task for task, _ in self._opening.values()))
        for server in self._udp_servers.values():
            server.transport.close()
        for listener in self._listeners.values():
            listener.close()
        self._abort_connections(self._addresses)
        for listener in self._listeners.values():
            await listener.wait_closed()
        for server in self._udp_servers.values():
            await server.closed.wait()  # the port is free only then: a restart wants the same one
        self._udp_servers.clear()
        self._listeners.clear()

    def refuse_tcp(self, address: str) -> None:
        """Let nobody listen on TCP at `address`: a connection is refused from now on."""
        if (opening := self._opening.pop(address, None)) is not None:
            task, listening = opening
            task.cancel()
            listening.close()
        if (listener := self._listeners.pop(address, None)) is not None:
            listener.close()
        self._abort_connections([address])

    def accept_tcp(self, address: str) -> None:
        """Listen on TCP at `address` again; a connection succeeds from now on."""
        if address in self._listeners or address in self._opening or self._loop is None or not self._udp_servers:
            return
        listening = _listening(address, self._port)  # from here on the kernel takes connections
        self._opening[address] = self._loop.create_task(self._accept(address, listening)), listening

    async def _accept(self, address: str, listening: socket.socket) -> None:
        self._listeners[address] = await asyncio.start_server(self._tcp_server(address), sock=listening)
        self._opening.pop(address, None)

    async def _listen(self, port: int) -> None:
        self._port = port
        loop = asyncio.get_running_loop()
        for address in self._addresses:
            # One protocol object per socket: a shared one would answer from whichever address was bound last.
            _, server = await loop.create_datagram_endpoint(
                lambda address=address: _UdpServer(address, self._respond, self._udp_servers),
                local_addr=(address, port),
            )
            self._udp_servers[address] = server
            await self._accept(address, _listening(address, port))

    def _abort_connections(self, addresses: Sequence[str]) -> None:
        for connection, address in list(self._connections.items()):
            if address in addresses:
                connection.transport.abort()  # from Python 3.12 wait_closed waits for open connections too

    def _tcp_server(self, address: str) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._connections[writer] = address
            try:
                while True:
                    async with asyncio.timeout(TCP_IDLE_SECONDS):
                        length = int.from_bytes(await reader.readexactly(2), "big")
                        wire = await reader.readexactly(length)
                    for sending in _exchange(address, wire, self._respond, tcp=True):
                        if sending.after_seconds:
                            await asyncio.sleep(sending.after_seconds)
                        if sending.wire == CLOSED:
                            return
                        length = len(sending.wire) if sending.announced is None else sending.announced
                        writer.write(length.to_bytes(2, "big") + sending.wire)
                        await writer.drain()
            except (OSError, asyncio.IncompleteReadError, TimeoutError):
                return
            finally:
                del self._connections[writer]
                writer.close()

        return serve


class _UdpServer(asyncio.DatagramProtocol):
    def __init__(self, address: str, respond: Respond, siblings: dict[str, _UdpServer]) -> None:
        self._address = address
        self._respond = respond
        self._siblings = siblings
        self.closed = asyncio.Event()

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        for sending in _exchange(self._address, data, self._respond, tcp=False):
            transport = self._siblings[sending.source or self._address].transport
            if sending.after_seconds:
                asyncio.get_running_loop().call_later(sending.after_seconds, _send, transport, sending.wire, addr)
            else:
                transport.sendto(sending.wire, addr)


def _send(transport: asyncio.DatagramTransport, wire: bytes, addr: tuple[str, int]) -> None:
    if not transport.is_closing():
        transport.sendto(wire, addr)


def free_ports(address: str) -> Iterator[int]:
    """Ports the kernel calls free on `address`; the caller still has to try the other addresses and TCP."""
    for _ in range(PORT_TRIES):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
            port: int = probe.getsockname()[1]
        yield port  # only now: a probe still open would hold the port


def encode(asked: Asked, reply: Message) -> bytes:
    """The reply as octets, as long as the one who asked and the way it came allow."""
    if asked.tcp:
        return CLOSED if reply.flags & dns.flags.TC else reply.to_wire(max_size=65535)
    limit = min(max(asked.query.payload, 512), EDNS_PAYLOAD) if asked.query.edns >= 0 else 512
    return reply.to_wire(max_size=limit, prefer_truncation=True)


def _listening(address: str, port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setblocking(False)
        listening.bind((address, port))
        listening.listen()
    except OSError:
        listening.close()
        raise
    return listening


def _exchange(address: str, wire: bytes, respond: Respond, *, tcp: bool) -> Sequence[Sending]:
    try:
        asked = Asked(address, dns.message.from_wire(wire), tcp)
    except dns.exception.DNSException:
        return _format_error(wire)
    if asked.query.flags & dns.flags.QR or (said := respond(asked)) is None:
        return ()
    if isinstance(said, Message):
        said = encode(asked, said)
    return (Sending(said),) if isinstance(said, bytes) else said


def _format_error(wire: bytes) -> Sequence[Sending]:
    """FORMERR with the sender's id, where there is a header to take it from and it is a question."""
    if len(wire) < 12 or wire[2] & 0x80:
        return ()
    reply = Message(id=int.from_bytes(wire[:2], "big"))
    reply.flags |= dns.flags.QR
    reply.set_rcode(dns.rcode.FORMERR)
    return (Sending(reply.to_wire()),)
