"""For who runs the system: what the bus tells of itself."""

import asyncio
import contextlib
import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import nats.errors
from nats.js import JetStreamContext
from nats.js.api import ConsumerInfo
from nats.js.errors import APIError, NotFoundError

from client.connection import Connection
from client.errors import NotConnected
from client.history import Reader
from contracts.messages import REGISTRY
from contracts.operations_v1 import StatusAnswer
from contracts.values import HOUSE

ADVISORIES = "ADV"
MOST_ALARMS = 1_000
STATUS_SECONDS = 2.5  # a replica whose database is away answers within 1.5
PAGE = 256  # consumers that the bus names at a time
_PARTITIONS = re.compile(r"partition\((\d+),")


@dataclass(frozen=True, slots=True)
class Alarm:
    """The bus has given a message up for one of its readers, which will not get it any more."""

    kind: str  # max_deliver or terminated, as the bus names it
    at: str
    stream: str
    consumer: str
    stream_seq: int
    deliveries: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class StreamState:
    """A stream as the bus tells of it; `consumers` by name."""

    name: str
    messages: int
    last_seq: int
    bytes: int
    consumers: dict[str, "ConsumerState"]
    partitions: int | None = None


@dataclass(frozen=True, slots=True)
class ConsumerState:
    """How far a consumer is."""

    waiting: int
    unacknowledged: int


class Upkeep:
    """The part of the client that looks after the system."""

    _connection: Connection

    async def statuses(self, service: str, *, seconds: float = STATUS_SECONDS) -> list[StatusAnswer]:
        """Return how each replica of a worker is, as far as they answer in time."""
        client = self._connection.client
        message = REGISTRY.find("qry", f"{service}.status.v1")
        assert message is not None, f"there is no worker {service}"
        inbox = client.new_inbox()
        heard = await client.subscribe(inbox)
        answers: list[StatusAnswer] = []
        try:
            await client.publish(message.subject(HOUSE), b"{}", reply=inbox)
            async with asyncio.timeout(seconds):
                while not _complete(answers):
                    reply = await heard.next_msg(seconds)
                    if (reply.headers or {}).get("Status") == "503":
                        break
                    answers.append(StatusAnswer.model_validate_json(reply.data))
        except (TimeoutError, nats.errors.Error):
            pass  # who is silent is told by being missing
        finally:
            with contextlib.suppress(nats.errors.Error):
                await heard.unsubscribe()
        return sorted(answers, key=lambda answer: answer.replica)

    async def stream_state(self, name: str) -> StreamState | None:
        """Return how a stream and its consumers are; None when there is no such stream. Raises NotPermitted."""
        api = self._connection.stream_api
        try:
            info = await self._connection.unless_denied(f"$JS.API.STREAM.INFO.{name}", api.stream_info(name))
            consumers = await self._connection.unless_denied(f"$JS.API.CONSUMER.LIST.{name}", _all_consumers(api, name))
        except NotFoundError:
            return None
        except (TimeoutError, nats.errors.Error, APIError) as error:
            raise NotConnected(f"the bus tells nothing of the stream {name}: {error or 'no answer'}") from None
        transform = info.config.subject_transform
        found = _PARTITIONS.search(transform.dest if transform and transform.dest else "")
        return StreamState(
            name,
            info.state.messages,
            info.state.last_seq,
            info.state.bytes,
            {one.name: ConsumerState(one.num_pending or 0, one.num_ack_pending or 0) for one in consumers},
            int(found[1]) if found else None,
        )

    async def alarms(self, since: datetime) -> list[Alarm]:
        """Return what the bus has given up since then, oldest first. Raises NotPermitted and NotSetUp."""
        reader = Reader(self._connection, (), since, ADVISORIES)
        found: list[Alarm] = []
        try:
            while await reader.waiting() and len(found) < MOST_ALARMS:
                found += [alarm for m in await reader.batch() if (alarm := _alarm(m.data)) is not None]
        finally:
            await reader.close()
        return found


def _complete(answers: list[StatusAnswer]) -> bool:
    known = max((answer.stored.replicas for answer in answers if answer.stored), default=None)
    return known is not None and len(answers) >= known


async def _all_consumers(api: JetStreamContext, stream: str) -> list[ConsumerInfo]:
    found: list[ConsumerInfo] = []
    while page := await api.consumers_info(stream, offset=len(found)):
        found += page
        if len(page) < PAGE:
            break
    return found


def _alarm(data: bytes) -> Alarm | None:
    try:
        told: dict[str, Any] = json.loads(data)
        return Alarm(
            kind=told["type"].rpartition(".")[2],
            at=told["timestamp"],
            stream=told["stream"],
            consumer=told["consumer"],
            stream_seq=told["stream_seq"],
            deliveries=told.get("deliveries", 0),
            reason=told.get("reason", ""),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
