"""The demo DNS server's sockets: UDP and TCP on several addresses and one port, messages to and from the wire."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence

import dns.exception
import dns.flags
import dns.message
import dns.rcode
from dns.message import Message

EDNS_PAYLOAD = 1232  # the largest datagram that is never fragmented (DNS flag day 2020)
PORT_TRIES = 50
TCP_IDLE_SECONDS = 10.0
CLOSED = b""  # no octets to send and none to come

# (address asked, query) -> reply, octets to send as they are, or None for silence. A reply that says itself that it is
# truncated is a server's that cannot be reached over TCP: there the connection is closed.
Respond = Callable[[str, Message], Message | bytes | None]


class DnsSockets:
    """Listens on every address of `addresses` and answers each from the address that was asked."""

    def __init__(self, addresses: Sequence[str], respond: Respond) -> None:
        self._addresses = addresses
        self._respond = respond
        self._udp_servers: list[_UdpServer] = []
        self._listeners: list[asyncio.Server] = []
        self._connections: set[asyncio.StreamWriter] = set()

    async def open(self, ports: Iterator[int]) -> int:
        """Listen on the first of `ports` that is free on all addresses, UDP and TCP, and return it."""
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
        for server in self._udp_servers:
            server.transport.close()
        for listener in self._listeners:
            listener.close()
        for connection in list(self._connections):
            connection.transport.abort()  # from Python 3.12 wait_closed waits for open connections too
        for listener in self._listeners:
            await listener.wait_closed()
        for server in self._udp_servers:
            await server.closed.wait()  # the port is free only then: a restart wants the same one
        self._udp_servers.clear()
        self._listeners.clear()

    async def _listen(self, port: int) -> None:
        loop = asyncio.get_running_loop()
        for address in self._addresses:
            # One protocol object per socket: a shared one would answer from whichever address was bound last.
            _, server = await loop.create_datagram_endpoint(
                lambda address=address: _UdpServer(address, self._respond), local_addr=(address, port)
            )
            self._udp_servers.append(server)
            self._listeners.append(await asyncio.start_server(self._tcp_server(address), address, port))

    def _tcp_server(self, address: str) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._connections.add(writer)
            try:
                while True:
                    async with asyncio.timeout(TCP_IDLE_SECONDS):
                        length = int.from_bytes(await reader.readexactly(2), "big")
                        wire = await reader.readexactly(length)
                    reply = _exchange(address, wire, self._respond, tcp=True)
                    if reply == CLOSED:
                        return
                    if reply is not None:
                        writer.write(len(reply).to_bytes(2, "big") + reply)
                        await writer.drain()
            except (OSError, asyncio.IncompleteReadError, TimeoutError):
                return
            finally:
                self._connections.discard(writer)
                writer.close()

        return serve


class _UdpServer(asyncio.DatagramProtocol):
    def __init__(self, address: str, respond: Respond) -> None:
        self._address = address
        self._respond = respond
        self.closed = asyncio.Event()

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if (reply := _exchange(self._address, data, self._respond, tcp=False)) is not None:
            self.transport.sendto(reply, addr)


def free_ports(address: str) -> Iterator[int]:
    """Ports the kernel calls free on `address`; the caller still has to try the other addresses and TCP."""
    for _ in range(PORT_TRIES):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
            port: int = probe.getsockname()[1]
        yield port  # only now: a probe still open would hold the port


def _exchange(address: str, wire: bytes, respond: Respond, *, tcp: bool) -> bytes | None:
    try:
        query = dns.message.from_wire(wire)
    except dns.exception.DNSException:
        return _format_error(wire)
    if query.flags & dns.flags.QR or (reply := respond(address, query)) is None:
        return None
    if isinstance(reply, bytes):
        return reply
    if tcp and reply.flags & dns.flags.TC:
        return CLOSED
    if tcp:
        return reply.to_wire(max_size=65535)
    limit = min(max(query.payload, 512), EDNS_PAYLOAD) if query.edns >= 0 else 512
    return reply.to_wire(max_size=limit, prefer_truncation=True)


def _format_error(wire: bytes) -> bytes | None:
    """FORMERR with the sender's id, where there is a header to take it from and it is a question."""
    if len(wire) < 12 or wire[2] & 0x80:
        return None
    reply = Message(id=int.from_bytes(wire[:2], "big"))
    reply.flags |= dns.flags.QR
    reply.set_rcode(dns.rcode.FORMERR)
    return reply.to_wire()
