"""The connection to the bus: opened with a clear error, kept for ever, its complaints passed on."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from ssl import SSLContext
from typing import Any
from urllib.parse import urlsplit

import nats
import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from client.errors import NotConnected, NotPermitted, QuestionFailed, Unanswered

RECONNECT_SECONDS = 0.5
PING_SECONDS = 10  # two unanswered pings and the connection counts as lost
BUFFER_BYTES = 64 * 1024 * 1024  # what may wait to be sent while the bus is away
_VIOLATION = re.compile(r'permissions violation for (publish|subscription) to "([^"]+)"')

Listener = Callable[[Msg], Awaitable[None]]


@dataclass(frozen=True)
class Access:
    """Where the bus is and who we are there. `credentials` is a .creds file, `nkey_seed` a file with a seed."""

    url: str
    credentials: str | None = None
    nkey_seed: str | None = None
    tls: SSLContext | None = None
    inbox_prefix: str = "_INBOX"
    name: str = "postkontor-client"
    connect_timeout: float = 5.0

    @property
    def place(self) -> str:
        """Return the address as it may be shown: without user and password."""
        return ", ".join(urlsplit(one).netloc.rpartition("@")[2] or one for one in self.url.split(","))


@dataclass
class Connection:
    """One connection. `reconnected` and `denied` are called by it; a denied subject has been lower-cased by nats-py."""

    access: Access
    client: Client = field(default_factory=Client)
    reconnected: list[Callable[[], None]] = field(default_factory=list)
    denied: list[Callable[[str, str], None]] = field(default_factory=list)
    complaint: str = ""

    @property
    def stream_api(self) -> JetStreamContext:
        """Return nats-py's view of the streams."""
        return self.client.jetstream()

    @property
    def usable(self) -> bool:
        """Tell whether what is sent now goes out now."""
        return self.client.is_connected

    async def open(self) -> None:
        """Connect, or raise NotConnected or NotPermitted within `connect_timeout`; later losses are repaired."""
        try:
            await asyncio.wait_for(self.client.connect(**self._options()), self.access.connect_timeout)
        except (TimeoutError, OSError, nats.errors.Error) as error:
            await self.client.close()
            reason = self.complaint or str(error) or "it does not answer"
            # The server closes right after its "authorization violation", which may be lost in that.
            if getattr(self.client, "_server_info", {}).get("auth_required"):
                raise NotPermitted(f"the bus at {self.access.place} wants other credentials: {reason}") from None
            raise NotConnected(
                f"no bus at {self.access.place}: {reason}. Is it running, and is the address right?"
            ) from None

    async def close(self) -> None:
        """Send what is still buffered, then end the connection."""
        if not self.client.is_closed:
            if self.client.is_connected:
                await self.client.flush()
            await self.client.close()

    async def publish(
        self, subject: str, payload: bytes, *, reply: str = "", headers: dict[str, str] | None = None
    ) -> None:
        """Hand a message to the connection. Raise NotConnected once it is closed for good."""
        try:
            await self.client.publish(subject, payload, reply=reply, headers=headers)
        except (nats.errors.ConnectionClosedError, nats.errors.ConnectionDrainingError):
            raise NotConnected(f"the connection to {self.access.place} is closed") from None

    async def listen(self, subject: str, listener: Listener) -> None:
        """Call the listener for every message on a subject; messages are handled one after the other."""
        await self.client.subscribe(subject, cb=listener)

    async def ask(self, subject: str, question: bytes, timeout: float) -> bytes:
        """Ask a worker. Raise Unanswered when nobody answers, QuestionFailed when the answer is an error."""
        try:
            answer = await self.client.request(subject, question, timeout=timeout)
        except nats.errors.NoRespondersError:
            raise Unanswered(f"nobody answers {subject}: the worker is not running") from None
        except TimeoutError:
            why = self.complaint or "the worker is not running, or the bus is away"
            raise Unanswered(f"no answer on {subject} within {timeout:g} s: {why}") from None
        except nats.errors.ConnectionClosedError:
            raise NotConnected(f"the connection to {self.access.place} is closed") from None
        if code := (answer.headers or {}).get("Nats-Service-Error-Code"):
            raise QuestionFailed(subject, code, (answer.headers or {}).get("Nats-Service-Error", "no reason given"))
        return answer.data

    def _options(self) -> dict[str, Any]:
        access = self.access
        return {
            "servers": access.url.split(","),
            "name": access.name,
            "user_credentials": access.credentials,
            "nkeys_seed": access.nkey_seed,
            "tls": access.tls,
            "inbox_prefix": access.inbox_prefix,
            "connect_timeout": access.connect_timeout,
            "max_reconnect_attempts": -1,
            "reconnect_time_wait": RECONNECT_SECONDS,
            "ping_interval": PING_SECONDS,
            "pending_size": BUFFER_BYTES,
            "error_cb": self._on_error,
            "reconnected_cb": self._on_reconnected,
        }

    async def _on_error(self, error: Exception) -> None:
        self.complaint = str(error) or type(error).__name__
        if violation := _VIOLATION.search(self.complaint.lower()):
            for tell in self.denied:
                tell(violation[1], violation[2])

    async def _on_reconnected(self) -> None:
        self.complaint = ""
        for tell in self.reconnected:
            tell()
