"""FastStream's broker without the two of its habits that would end a worker, or worse, leave it hanging.

Its error callback raises on what it deems hopeless ("authorization violation", "maximum connections exceeded"). Raised
inside nats-py's reconnection that ends the only task that would ever try again, and the client stays disconnected for
good without being closed. And its stop raises while the broker is away.
"""

import asyncio
from functools import partial
from types import TracebackType
from typing import Any

import structlog
from faststream.nats import NatsBroker
from nats.aio.client import Client
from nats.aio.msg import Msg

log = structlog.get_logger()
DRAIN_SECONDS = 3.0  # what lanes had to say was acknowledged before; this is for acks and answers


class Bus(NatsBroker):
    """A connection that is tried again for ever, can be stopped at any time, and survives any subject."""

    async def connect(self) -> Client:
        """Connect, and read subjects that are no text.

        nats-py decodes every subject as UTF-8 in the one task that reads from the broker; a publisher's stray byte
        would end that task, and with it the worker.
        """
        connection = await super().connect()
        connection._build_message = partial(_message, connection)  # pyright: ignore[reportPrivateUsage]
        return connection

    def _log_connection_broken(self, error_cb: Any = None) -> Any:
        return error_cb

    async def stop(
        self,
        exc_type: type[BaseException] | None = None,
        exc_val: BaseException | None = None,
        exc_tb: TracebackType | None = None,
    ) -> None:
        """Send what is still to be sent if the broker is there, and close."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await _close(connection)
        await super().stop(exc_type, exc_val, exc_tb)


def _message(
    connection: Client, sid: int, subject: bytes, reply: bytes, data: bytes, headers: dict[str, str] | None
) -> Msg:
    return connection.msg_class(
        subject=subject.decode("utf-8", "backslashreplace"),
        reply=reply.decode("utf-8", "backslashreplace"),
        data=data,
        headers=headers,
        _client=connection,
        _sid=sid,
    )


async def _close(connection: Client) -> None:
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            if connection.is_connected:
                await connection.drain()
    except Exception as error:
        log.info("the connection to the bus was not drained", reason=repr(error))
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            await connection.close()
    except Exception as error:
        log.info("the connection to the bus was not closed", reason=repr(error))
