"""What was committed goes out: pipelined, in order, until the broker has it all.

A wave is written in one go without yielding to the event loop, so a broken connection takes a prefix of it at most and
never its head without its tail. Every message carries its id as Nats-Msg-Id: the broker drops what it has already.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

from services.chassis import metrics
from services.chassis.entries import Mark, Outgoing

log = structlog.get_logger()
WAVE_TIMEOUT_SECONDS = 3.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.05, 2.0


class Publisher:
    """Publishes to JetStream on a connection shared by all lanes of a worker."""

    def __init__(self, connection: Client, *, service: str = "") -> None:
        self._connection, self._service = connection, service
        self._since: float | None = None
        self._prefix = connection.new_inbox()
        self._numbers = count(1)
        self._waiting: dict[str, tuple[_Wave, Outgoing]] = {}
        self._back = asyncio.Event()
        self.marks: dict[int, Mark] = {}  # by lane
        self.fresh: dict[int, Mark] = {}  # of these, the ones that are not written down yet
        self.doubtful: dict[int, Mark] = {}  # as they were before the connection broke, or the stream's numbers fell
        self.restated: dict[int, Mark] = {}

    async def start(self) -> None:
        """Listen for the broker's acknowledgements."""
        await self._connection.subscribe(f"{self._prefix}.*", cb=self._acknowledged, pending_msgs_limit=-1)

    def forget(self, lane: int) -> None:
        """Let what was known of a lane's marks count no more."""
        for marks in (self.marks, self.fresh, self.doubtful):
            marks.pop(lane, None)

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """Return when the broker has acknowledged every message. Retries without limit: they are committed facts."""
        self._since = time.monotonic() if messages else None
        await self._publish_all(list(messages))
        self._since = None

    @property
    def seconds_under_way(self) -> float:
        """Return how long what is being published has been so; 0 for nothing."""
        return time.monotonic() - self._since if self._since is not None else 0.0

    async def _publish_all(self, missing: list[Outgoing]) -> None:
        pause = FIRST_PAUSE_SECONDS
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
                metrics.PUBLISHED_AGAIN.labels(self._service).inc()
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
        self.doubtful = self.marks | self.doubtful
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
            headers = {"Nats-Msg-Id": f"{message.message_id}{message.again}"}
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

    def _remember(self, message: Outgoing, acknowledgement: bytes) -> None:
        mark = Mark(_sequence(acknowledgement), message.message_id, datetime.now(UTC))
        if message.again:
            self.restated[message.lane] = mark
            return
        before = self.marks.get(message.lane)
        if before is not None and mark.seq <= before.seq:
            if b'"duplicate"' in acknowledgement:
                return
            self.doubtful.setdefault(message.lane, before)
        self.marks[message.lane] = self.fresh[message.lane] = mark

    async def _acknowledged(self, msg: Msg) -> None:
        waiting = self._waiting.pop(msg.subject.rpartition(".")[2], None)
        if waiting is None:
            return
        wave, message = waiting
        if msg.data and b'"error"' not in msg.data:
            wave.acknowledged.add(message.message_id)
            if message.is_event:
                self._remember(message, msg.data)
        else:
            wave.trouble = msg.data.decode("utf-8", "replace") or "no stream takes this subject"
        wave.open -= 1
        if wave.open == 0:
            wave.complete.set()


def _sequence(acknowledgement: bytes) -> int:
    """Return the place in the stream. By hand: this is done for every fact."""
    return int(acknowledgement.partition(b'"seq":')[2].partition(b",")[0].rstrip(b"} "))


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
