"""A TCP connection's way to a server, which can be pulled out, slowed down, or go silent without a word."""

import asyncio
from contextlib import suppress

from deploy.devstack.ports import LOOPBACK, free_port


class Cable:
    """One program's way to one server: it connects to `port`."""

    def __init__(self, far_port: int) -> None:
        self._far_port = far_port
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._flows = asyncio.Event()
        self._flows.set()
        self.delay_seconds = 0.0  # of every piece, in both directions
        self.port = free_port()

    async def plug_in(self) -> None:
        """Let connections through."""
        self._server = await asyncio.start_server(self._connected, LOOPBACK, self.port)

    async def pull_out(self) -> None:
        """Break every connection; new ones are refused."""
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    def fall_silent(self) -> None:
        """Pass nothing on, and tell nobody: what a broken switch does."""
        self._flows.clear()

    def speak(self) -> None:
        """Pass on again, beginning with what was held back."""
        self._flows.set()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(LOOPBACK, self._far_port)
        except OSError:  # the server is away
            writer.transport.abort()
            return
        self._writers |= {writer, far_writer}
        try:
            await asyncio.gather(self._pass_on(reader, far_writer), self._pass_on(far_reader, writer))
        finally:
            self._writers -= {writer, far_writer}

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await reader.read(65536):
                if self.delay_seconds:
                    await asyncio.sleep(self.delay_seconds)
                await self._flows.wait()
                writer.write(chunk)
                await writer.drain()
        writer.close()
