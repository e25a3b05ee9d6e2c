"""Pulls the messages of one consumer into a buffer and notices when one is missing.

Several pulls would be more than is needed: one request is open at a time and the next goes out as soon as it is used
up, so the buffer fills while a batch is being handled.
"""

import json
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from services.chassis.received import Raw
from services.chassis.topology import LaneSpec

log = structlog.get_logger()
# An unused pull ends by then. Until it does, the broker gives messages to it, even if its sender is frozen and has lost
# the lane: this bounds how long a former owner can be in the way.
PULL_SECONDS = 3
REQUEST_SECONDS = 3.0  # about a consumer that is gone the broker says nothing at all
USED_UP = "408"  # how a pull ends that found nothing
DELIVERED_TOKENS = 9  # $JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<time>.<pending>


class Gap(Exception):
    """A message of the consumer went elsewhere. Whoever sees this resets the consumer."""


class Pump:
    """The buffer of one consumer. `wake` is called whenever something came."""

    def __init__(self, connection: Client, spec: LaneSpec, buffer_size: int, wake: Callable[[], None]) -> None:
        self._connection = connection
        self._stream, self._consumer, self._lane = spec.stream, spec.consumer, spec.number
        self._size = buffer_size
        self._wake = wake
        self._buffer: deque[Raw] = deque()
        self._subscription: Subscription | None = None
        self._inbox = ""
        self._expected = 1
        self._outstanding = 0
        self._asked_at = 0.0
        self._gap: str | None = None
        self._refusal: str | None = None

    async def reset(self, now: float) -> None:
        """Begin again at the first message that was not acknowledged (ADR-60), with an empty buffer."""
        await self.stop()
        await self._request("RESET")
        self._expected = 1
        self._inbox = self._connection.new_inbox()
        self._subscription = await self._connection.subscribe(self._inbox, cb=self._delivered, pending_msgs_limit=-1)
        await self.ask(now)

    async def stop(self) -> None:
        """Take nothing any more; what is buffered is forgotten and will come again."""
        if self._subscription is not None:
            try:
                await self._subscription.unsubscribe()
            except Exception as error:
                log.debug("unsubscribing failed", reason=repr(error))
            self._subscription = None
        self._buffer.clear()
        self._outstanding = 0
        self._gap = self._refusal = None

    async def check(self) -> None:
        """Notice a message that went elsewhere and that no other follows; for times when nothing comes."""
        if not self._connection.is_connected:
            return
        delivered = (await self._request("INFO"))["delivered"]["consumer_seq"]
        if delivered >= self._expected and not self._buffer:
            self._gap = f"delivery {delivered} of {self._consumer} did not come"

    async def ask(self, now: float) -> None:
        """Keep a pull open while there is room. `now` is the loop's clock, in seconds."""
        lost = self._outstanding and now - self._asked_at > PULL_SECONDS + 2
        room = self._size - len(self._buffer)
        if (self._outstanding and not lost) or room < self._size // 2:
            return
        if self.ended or not self._connection.is_connected:
            return
        self._outstanding, self._asked_at = room, now
        request = b'{"batch":%d,"expires":%d}' % (room, PULL_SECONDS * 1_000_000_000)
        await self._connection.publish(
            f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._consumer}", request, self._inbox
        )

    def look(self) -> None:
        """Raise Gap if all is taken and the next message is missing, ConnectionError if the broker refuses to send."""
        if not self._buffer and self._gap:
            raise Gap(self._gap)
        if not self._buffer and self._refusal:
            raise ConnectionError(f"consumer {self._consumer} of {self._stream} gives nothing: {self._refusal}")

    def take(self, limit: int) -> list[Raw]:
        """Return buffered messages in order."""
        return [self._buffer.popleft() for _ in range(min(limit, len(self._buffer)))]

    def give_back(self, raws: Sequence[Raw]) -> None:
        """Put messages that were taken back to the front."""
        self._buffer.extendleft(reversed(raws))

    def __len__(self) -> int:
        return len(self._buffer)

    @property
    def oldest_ns(self) -> int | None:
        """Return when the broker got the first message that waits here."""
        return self._buffer[0].stored_ns if self._buffer else None

    @property
    def delivered(self) -> int:
        """Return how many messages came since the reset."""
        return self._expected - 1

    @property
    def ended(self) -> bool:
        """Say whether nothing more will come without a reset."""
        return self._gap is not None or self._refusal is not None

    async def _request(self, what: str) -> dict[str, Any]:
        subject = f"$JS.API.CONSUMER.{what}.{self._stream}.{self._consumer}"
        if not self._connection.is_connected:
            # The client would send it when the bus is back, when somebody else may own the lane.
            raise ConnectionError("the bus is away")
        reply = await self._connection.request(subject, b"", timeout=REQUEST_SECONDS)
        answer: dict[str, Any] = json.loads(reply.data or b"{}")
        if "error" in answer or not answer:
            raise ConnectionError(f"consumer {self._consumer} of {self._stream} does not obey {what}: {answer}")
        return answer

    async def _delivered(self, msg: Msg) -> None:
        if not msg.reply.startswith("$JS.ACK."):
            self._ended(msg)
            return
        self._outstanding -= 1
        tokens = msg.reply.split(".")
        # The newer form has the domain and the account's hash before the stream.
        first = 5 if len(tokens) == DELIVERED_TOKENS else 7
        stream_seq, consumer_seq, stored_ns = tokens[first : first + 3]
        if self._gap is None and int(consumer_seq) != self._expected:
            self._gap = f"expected delivery {self._expected} of {self._consumer}, got {consumer_seq}"
        if self._gap is None:
            self._expected += 1
            self._buffer.append(
                Raw(msg.subject, msg.data, self._stream, int(stream_seq), msg.reply, self._lane, int(stored_ns))
            )
        self._wake()

    def _ended(self, msg: Msg) -> None:
        status = (msg.headers or {}).get("Status", "")
        self._outstanding = 0
        if status != USED_UP:
            self._refusal = f"{status} {(msg.headers or {}).get('Description', '')}"
        self._wake()
