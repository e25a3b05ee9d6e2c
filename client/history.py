"""Reading the stream of events without leaving a trace: a tail, and the search for one outcome."""

import random
import secrets
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, ConsumerInfo, DeliverPolicy

from client import streams
from client.connection import Connection
from client.errors import NotPermitted, PostkontorError
from client.messages import led_up, readable
from contracts.envelope import Envelope
from contracts.identities import tail_names

BATCH = 256
IDLE_SECONDS = 60.0  # the server forgets a reader that has been away for this long
CLOCKS_APART = timedelta(seconds=10)  # between the worker that stamped a fact and the bus that stored it


class Reader:
    """An ephemeral, ordered reader. When the bus loses it, or skips a message, it is made anew where it had come to."""

    def __init__(
        self, connection: Connection, subjects: Sequence[str], since: datetime, stream: str = streams.STREAM
    ) -> None:
        self._connection = connection
        self._subjects = list(subjects)
        self._since = since
        self._stream = stream
        self._last = 0  # stream sequence of the last message handed out
        self._count = 0  # messages the present consumer has delivered
        self._pull: streams.Pull | None = None
        self._name = ""
        self.pending = 0  # what the stream still holds for us, as of the last message

    async def batch(self) -> list[Msg]:
        """Return the next messages in the order of the stream; an empty list when none came for a while."""
        pull = self._pull or await self._start()
        messages = await streams.fetch(self._connection, pull, BATCH)
        if messages is None:
            await self.close()
            return []
        return await self._in_order(messages)

    async def waiting(self) -> int:
        """Return how many messages there are to read."""
        if self._pull is None:
            await self._start()
        return self.pending

    async def close(self) -> None:
        """Let go of the reader. Where that cannot be said to the bus, it forgets the reader by itself."""
        if self._pull is not None:
            await streams.unbind(self._pull)
            await streams.delete_consumer(self._connection, self._name, self._stream)
            self._pull = None

    async def _start(self) -> streams.Pull:
        info = await self._made()
        self._name = info.name
        self.pending = info.num_pending or 0
        self._count = 0
        self._pull = await streams.bind(self._connection, info.name, self._stream)
        return self._pull

    async def _made(self) -> ConsumerInfo:
        identity = self._connection.access.name_on_bus
        if not identity:
            config = self._config(f"tail-{secrets.token_hex(8)}")
            return await streams.make_consumer(self._connection, config, self._stream)
        names = list(tail_names(identity))
        random.shuffle(names)
        for name in names:
            made = await streams.make_new_consumer(self._connection, self._config(name), self._stream)
            if made is not None:
                return made
        raise NotPermitted(
            f"{identity} reads {self._stream} in {len(names)} places already, and the bus permits it no more;"
            f" a reader that ended without saying so is forgotten after {IDLE_SECONDS:g} s"
        )

    def _config(self, name: str) -> ConsumerConfig:
        one = self._subjects[0] if len(self._subjects) == 1 else None
        several = self._subjects if len(self._subjects) > 1 else None
        start: dict[str, Any] = {"deliver_policy": DeliverPolicy.BY_START_TIME, "opt_start_time": self._since}
        if self._last:
            start = {"deliver_policy": DeliverPolicy.BY_START_SEQUENCE, "opt_start_seq": self._last + 1}
        return ConsumerConfig(
            name=name,
            ack_policy=AckPolicy.NONE,
            mem_storage=True,
            num_replicas=1,
            inactive_threshold=IDLE_SECONDS,
            filter_subject=one,
            filter_subjects=several,
            **start,
        )

    async def _in_order(self, messages: list[Msg]) -> list[Msg]:
        for place, message in enumerate(messages):
            at = message.metadata
            if at.sequence.consumer != self._count + 1:
                await self.close()
                return messages[:place]
            self._count, self._last, self.pending = at.sequence.consumer, at.sequence.stream, at.num_pending
        return messages


async def tail(connection: Connection, subjects: Sequence[str], since: datetime | None) -> AsyncIterator[Msg]:
    """Yield every message on the subjects, for ever: those after `since` if given, else those from now on."""
    reader = Reader(connection, subjects, since or datetime.now(UTC))
    try:
        while True:
            for message in await reader.batch():
                yield message
    finally:
        await reader.close()


async def find_fact(
    connection: Connection, account: str, facts: Iterable[str], request_id: UUID, at: datetime, version: int
) -> Envelope[Any] | None:
    """Look through the stream for the event that answers a request: one of these facts. None when it is gone.

    It comes in the version that the sender reads; those that are newer are passed over for their copies.
    """
    reader = Reader(connection, [f"evt.{account}.{fact}.*" for fact in facts], at - CLOCKS_APART)
    try:
        while True:
            for message in await reader.batch():
                event = readable(message.data)
                if event is not None and event.correlationid == request_id and _version(event.type) <= version:
                    return led_up(event, version)
            if not reader.pending:
                return None
    except PostkontorError:
        return None  # without the right to read the stream, the worker's word has to do
    finally:
        await reader.close()


def _version(type_: str) -> int:
    return int(type_.rpartition(".v")[2])
