"""What was committed goes out: pipelined, in order, until the broker has it all.

A wave is written in one go without yielding to the event loop, so a broken connection takes a prefix of it at most and
never its head without its tail. Every message carries its id as Nats-Msg-Id: the broker drops what it has already.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from itertools import count

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

from services.chassis.journal import Outgoing

log = structlog.get_logger()
WAVE_TIMEOUT_SECONDS = 3.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.05, 2.0


class Publisher:
    """Publishes to JetStream on a connection shared by all lanes of a worker."""

    def __init__(self, connection: Client) -> None:
        self._connection = connection
        self._prefix = connection.new_inbox()
        self._numbers = count(1)
        self._waiting: dict[str, tuple[_Wave, Outgoing]] = {}
        self._back = asyncio.Event()

    async def start(self) -> None:
        """Listen for the broker's acknowledgements."""
        await self._connection.subscribe(f"{self._prefix}.*", cb=self._acknowledged, pending_msgs_limit=-1)

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """Return when the broker has acknowledged every message. Retries without limit: they are committed facts."""
        missing, pause = list(messages), FIRST_PAUSE_SECONDS
        while missing:
            wave = _Wave(missing)
            try:
                await self._send(wave)
                await self._wait(wave)
            finally:
                for token in wave.tokens:
                    self._waiting.pop(token, None)
            missing = [message for message in missing if message.message_id not in wave.acknowledged]
            if missing:
                log.warning("publishing again", missing=len(missing), reason=wave.trouble)
                await self._pause(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def answer(self, subject: str, payload: bytes) -> None:
        """Tell a waiting requester, best effort: the event is the truth."""
        try:
            await self._connection.publish(subject, payload)
        except Exception as error:
            log.info("an answer was not sent", reason=repr(error))

    def reconnected(self) -> None:
        """Hear that the connection is a new one: acknowledgements that were under way do not come any more."""
        for wave, _ in self._waiting.values():
            wave.end("the connection broke")
        self._back.set()
        self._back = asyncio.Event()

    async def _send(self, wave: "_Wave") -> None:
        if not self._connection.is_connected:
            # The client would keep the whole wave for later, again at every attempt.
            wave.end("the bus is away")
            return
        for message in wave.messages:
            token = str(next(self._numbers))
            self._waiting[token] = (wave, message)
            wave.tokens.append(token)
            headers = {"Nats-Msg-Id": str(message.message_id)}
            try:
                await self._connection.publish(message.subject, message.payload, f"{self._prefix}.{token}", headers)
            except Exception as error:
                wave.end(repr(error))
                return

    async def _wait(self, wave: "_Wave") -> None:
        try:
            async with asyncio.timeout(WAVE_TIMEOUT_SECONDS):
                await wave.complete.wait()
        except TimeoutError:
            wave.trouble = wave.trouble or f"no acknowledgement within {WAVE_TIMEOUT_SECONDS} s"

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._back.wait()

    async def _acknowledged(self, msg: Msg) -> None:
        waiting = self._waiting.pop(msg.subject.rpartition(".")[2], None)
        if waiting is None:
            return
        wave, message = waiting
        if msg.data and b'"error"' not in msg.data:
            wave.acknowledged.add(message.message_id)
        else:
            wave.trouble = msg.data.decode("utf-8", "replace") or "no stream takes this subject"
        wave.open -= 1
        if wave.open == 0:
            wave.complete.set()


class _Wave:
    """Messages under way together."""

    def __init__(self, messages: list[Outgoing]) -> None:
        self.messages = messages
        self.tokens: list[str] = []
        self.acknowledged: set[object] = set()
        self.open = len(messages)
        self.complete = asyncio.Event()
        self.trouble: str | None = None

    def end(self, trouble: str) -> None:
        """Wait for nothing more."""
        self.trouble = trouble
        self.complete.set()
