"""The connection to the bus: opened with a clear error, kept for ever, its complaints passed on."""

import asyncio
import os
import re
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from ssl import SSLContext
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

import nats
import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from client.errors import NotConnected, NotPermitted, QuestionFailed, Unanswered
from contracts.identities import inbox_prefix

RECONNECT_SECONDS = 0.5
PING_SECONDS = 10  # two unanswered pings and the connection counts as lost
BUFFER_BYTES = 64 * 1024 * 1024  # what may wait to be sent while the bus is away
_VIOLATION = re.compile(r'permissions violation for (publish|subscription) to "([^"]+)"')

T = TypeVar("T")
Listener = Callable[[Msg], Awaitable[None]]


@dataclass(frozen=True)
class Access:
    """Where the bus is and who we are there. `credentials` is a .creds file, `nkey_seed` a file with a seed.

    `identity` is the name that the bus configuration gives us; by default that of the seed's file, without .nk.
    """

    url: str
    credentials: str | None = None
    nkey_seed: str | None = None
    identity: str = ""
    tls: SSLContext | None = None
    name: str = "postkontor-client"
    connect_timeout: float = 5.0

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ, **given: Any) -> Self:
        """Read POSTKONTOR_NATS_URL, _SEED, _IDENTITY and, for TLS, _CA, _CERT, _KEY. Raises OSError for bad files."""

        def told(name: str) -> str:
            return environment.get(f"POSTKONTOR_NATS_{name}", "")

        tls = None
        if told("CA"):
            tls = ssl.create_default_context(cafile=told("CA"))
            if told("CERT"):
                tls.load_cert_chain(told("CERT"), told("KEY") or None)
        url = told("URL") or "nats://127.0.0.1:4222"
        return cls(url, nkey_seed=told("SEED") or None, identity=told("IDENTITY"), tls=tls, **given)

    @property
    def name_on_bus(self) -> str:
        """Return the identity: inbox and subscriptions are named after it."""
        return self.identity or (Path(self.nkey_seed).stem if self.nkey_seed else "")

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
    _refused: asyncio.Event = field(default_factory=asyncio.Event)

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
        self._check_seed()
        try:
            connecting = asyncio.ensure_future(self.client.connect(**self._options()))
            await self._connected_or_refused(connecting)
        except (TimeoutError, OSError, nats.errors.Error) as error:
            await self.client.close()
            reason = self.complaint or str(error) or "it does not answer"
            # The server closes right after its "authorization violation", which may be lost in that.
            told = getattr(self.client, "_server_info", {})
            if told.get("auth_required") and "SSL" not in reason:
                wanted = "credentials"
                if told.get("tls_verify"):
                    wanted += ", or another certificate of ours (POSTKONTOR_NATS_CERT, POSTKONTOR_NATS_KEY)"
                raise NotPermitted(f"the bus at {self.access.place} wants other {wanted}: {reason}") from None
            raise NotConnected(
                f"no bus at {self.access.place}: {reason}. Is it running, and is the address right?"
            ) from None

    def _check_seed(self) -> None:
        if self.access.nkey_seed:
            try:
                Path(self.access.nkey_seed).read_bytes()
            except OSError as error:
                raise NotPermitted(f"our key to the bus cannot be read: {error}") from None

    async def _connected_or_refused(self, connecting: "asyncio.Future[None]") -> None:
        # nats-py would go on trying for as long as it is let; a bus that knows us not will not come to know us.
        refused = asyncio.ensure_future(self._refused.wait())
        try:
            timeout = self.access.connect_timeout
            done, _ = await asyncio.wait((connecting, refused), timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            if connecting not in done:
                raise TimeoutError
            await connecting
        finally:
            refused.cancel()
            connecting.cancel()

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
            answer = await self.unless_denied(subject, self.client.request(subject, question, timeout=timeout))
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

    async def unless_denied(self, subject: str, answer: Awaitable[T]) -> T:
        """Return the answer to what is published on a subject, or raise NotPermitted as soon as the bus refuses it.

        The bus answers a forbidden publication with a complaint beside, and the question with silence.
        """
        refused = asyncio.get_running_loop().create_future()

        def denied(action: str, what: str) -> None:
            if action == "publish" and what == subject.lower() and not refused.done():
                refused.set_result(None)

        self.denied.append(denied)
        waiting = asyncio.ensure_future(answer)
        try:
            await asyncio.wait((waiting, refused), return_when=asyncio.FIRST_COMPLETED)
            if refused.done() and not waiting.done():
                raise NotPermitted(f"these credentials may not publish to {subject}")
            return await waiting
        finally:
            self.denied.remove(denied)
            waiting.add_done_callback(_seen)
            if not waiting.done():
                waiting.cancel()

    def _options(self) -> dict[str, Any]:
        access = self.access
        return {
            "servers": access.url.split(","),
            "name": access.name,
            "user_credentials": access.credentials,
            "nkeys_seed": access.nkey_seed,
            "tls": access.tls,
            "inbox_prefix": inbox_prefix(access.name_on_bus),
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
        if "authorization violation" in self.complaint.lower():
            self._refused.set()
        if violation := _VIOLATION.search(self.complaint.lower()):
            for tell in self.denied:
                tell(violation[1], violation[2])

    async def _on_reconnected(self) -> None:
        self.complaint = ""
        for tell in self.reconnected:
            tell()


def _seen(answer: "asyncio.Future[Any]") -> None:
    """Let an answer that nobody waits for any more be a failure without a complaint from the event loop."""
    if not answer.cancelled():
        answer.exception()
