"""FastStream's broker without the two of its habits that would end a worker, or worse, leave it hanging.

Its error callback raises on what it deems hopeless ("authorization violation", "maximum connections exceeded"). Raised
inside nats-py's reconnection that ends the only task that would ever try again, and the client stays disconnected for
good without being closed. And its stop raises while the broker is away.
"""

import asyncio
import ssl
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

import structlog
from faststream.nats import NatsBroker
from faststream.nats.security import NatsNKey, NatsSecurity
from nats.aio.client import Client
from nats.aio.msg import Msg

from contracts.identities import inbox_prefix
from services.chassis.settings import Settings

log = structlog.get_logger()
DRAIN_SECONDS = 3.0  # what lanes had to say was acknowledged before; this is for acks and answers


@dataclass(frozen=True)
class Access:
    """Where the bus is, who we are there, and whom we trust to be it."""

    url: str
    seed: Path | None = None
    identity: str = ""
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None

    @classmethod
    def of(cls, settings: Settings) -> "Access":
        """Read it from the settings."""
        return cls(
            settings.nats_url, settings.nats_seed, settings.nats_identity,
            settings.nats_ca, settings.nats_cert, settings.nats_key,
        )  # fmt: skip

    @property
    def inbox_prefix(self) -> str:
        """Return where the bus may answer us."""
        return inbox_prefix(self.identity or (self.seed.stem if self.seed else ""))

    def tls(self) -> ssl.SSLContext | None:
        """Return how to meet the bus: with TLS if there is a certificate authority to trust. Raises OSError."""
        if self.ca is None:
            return None
        context = ssl.create_default_context(cafile=str(self.ca))
        if self.cert is not None:
            context.load_cert_chain(str(self.cert), str(self.key) if self.key else None)
        return context

    def for_faststream(self) -> dict[str, Any]:
        """Return FastStream's options."""
        tls = self.tls()
        security = NatsNKey(self.seed, ssl_context=tls) if self.seed else NatsSecurity(ssl_context=tls) if tls else None
        return {"servers": self.url.split(","), "security": security, "inbox_prefix": self.inbox_prefix}

    def for_nats(self) -> dict[str, Any]:
        """Return nats-py's options."""
        return {
            "servers": self.url.split(","),
            "nkeys_seed": str(self.seed) if self.seed else None,
            "tls": self.tls(),
            "inbox_prefix": self.inbox_prefix,
        }


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
