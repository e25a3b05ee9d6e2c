"""Reading messages back from their stream: the original of a dead letter, the worker's own facts.

By a consumer for the moment, named after the lane, with a filter that the broker checks: a worker gets at what was
sent to it, at the facts that it hears and at its own, and at no other messages.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from contracts.routes import HEARD
from services.chassis.received import Raw, Tick

EVENTS = "EVT"
PAGE = 500
NOT_FOUND = 404
UUID_CHARACTERS = 36
REQUEST_SECONDS = 3.0
FORGOTTEN_NANOSECONDS = 30_000_000_000  # a reader whose worker died
DELIVERED_TOKENS = 9  # $JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<time>.<pending>


def reader_name(service: str, lane: int) -> str:
    """Return the name of the consumer by which a lane reads back."""
    return f"{service}-again-{lane}"


def filters(service: str, stream: str) -> tuple[str, ...]:
    """Return what a worker may read back from a stream."""
    if stream == "CMD":
        return (f"cmd.*.{service}.*.*.*.*",)
    return (own_facts(service), *(f"evt.*.{type_}" for type_ in HEARD[service])) if stream == "EVT" else ()


def own_facts(service: str) -> str:
    """Return the subjects of what a worker states."""
    return f"evt.*.{service}.*.*"


@dataclass(frozen=True, slots=True)
class EventStream:
    """What the bus tells of the stream of events."""

    made_at: str
    first_seq: int
    last_seq: int


@dataclass(frozen=True, slots=True)
class OnTheBus:
    """A fact in the stream of events: its id, and where it stands."""

    id: UUID
    subject: str
    stream_seq: int


class Originals:
    """Reads one worker's messages back."""

    def __init__(self, connection: Client, service: str) -> None:
        self._connection, self._service = connection, service
        self._one_at_a_time = asyncio.Lock()

    async def of_letter(self, tick: Tick) -> Raw | None:
        """Return the message that a replay's wake-up names, or None if it is gone. Raises for trouble with the bus."""
        stream, seq, type_ = (tick.payload[name] for name in ("stream", "stream_seq", "type"))
        allowed = filters(self._service, stream)
        filter_ = allowed[0] if stream == "CMD" else f"evt.*.{type_}"
        if filter_ not in allowed:
            return None  # a fact that is not heard any more
        return await self.at(stream, seq, filter_, tick.lane)

    async def own_fact_at(self, seq: int, lane: int) -> Raw | None:
        """Return the worker's own fact at a place of the stream of events, if one is there."""
        return await self.at(EVENTS, seq, own_facts(self._service), lane)

    async def at(self, stream: str, seq: int, filter_: str, lane: int) -> Raw | None:
        """Return the message at a place of a stream, if it is there and passes the filter."""
        start = {"deliver_policy": "by_start_sequence", "opt_start_seq": seq}
        async with self._one_at_a_time, self._reader(stream, filter_, lane, start) as (name, _):
            found = await self._next(stream, name, 1)
        if not found or _place(found[0]) != seq:
            return None
        return Raw(found[0].subject, found[0].data, stream, seq, "", lane)

    async def own_facts_from(self, seq: int, most: int, lane: int) -> list[Raw]:
        """Return the worker's first own facts from a place on."""
        start = {"deliver_policy": "by_start_sequence", "opt_start_seq": max(1, seq)}
        async with self._one_at_a_time, self._reader(EVENTS, own_facts(self._service), lane, start) as (name, left):
            found = await self._next(EVENTS, name, most) if left else []
        return [Raw(message.subject, message.data, EVENTS, _place(message), "", lane) for message in found]

    async def own_fact_ids(self, since: datetime, lane: int) -> AsyncIterator[list[OnTheBus]]:
        """Yield what the stream of events has of the worker's own facts, stored since then."""
        start = {"deliver_policy": "by_start_time", "opt_start_time": since.isoformat(), "headers_only": True}
        filter_ = own_facts(self._service)
        async with self._one_at_a_time, self._reader(EVENTS, filter_, lane, start) as (name, left):
            while left > 0:
                found = await self._next(EVENTS, name, PAGE)
                if not found:
                    raise ConnectionError(f"the bus still has {left} facts to give and gives none")
                left -= len(found)
                yield [OnTheBus(id_, one.subject, _place(one)) for one in found if (id_ := _id(one)) is not None]

    async def event_stream(self) -> EventStream | None:
        """Return how the stream of events is; None if there is none."""
        told = await self._api(f"STREAM.INFO.{EVENTS}")
        if told.get("error", {}).get("code") == NOT_FOUND:
            return None
        if "error" in told:
            raise ConnectionError(f"the bus tells nothing of {EVENTS}: {told['error']}")
        return EventStream(told["created"], told["state"]["first_seq"], told["state"]["last_seq"])

    @asynccontextmanager
    async def _reader(
        self, stream: str, filter_: str, lane: int, start: dict[str, Any]
    ) -> AsyncGenerator[tuple[str, int], None]:
        """Make a consumer for the moment; give its name and how many messages it has to give."""
        name = reader_name(self._service, lane)
        config = {
            "name": name, "ack_policy": "none", "filter_subject": filter_, "mem_storage": True, "num_replicas": 1,
            "inactive_threshold": FORGOTTEN_NANOSECONDS, **start,
        }  # fmt: skip
        await self._api(f"CONSUMER.DELETE.{stream}.{name}")
        made = await self._api(
            f"CONSUMER.CREATE.{stream}.{name}.{filter_}", {"stream_name": stream, "config": config, "action": "create"}
        )
        if "error" in made:
            raise ConnectionError(f"the bus does not let {name} read: {made['error']}")
        try:
            yield name, made["num_pending"]
        finally:
            await self._api(f"CONSUMER.DELETE.{stream}.{name}")

    async def _next(self, stream: str, name: str, most: int) -> list[Msg]:
        # A delivered message has its own subject: what waits for answers would not know it for one.
        inbox = self._connection.new_inbox()
        subscription = await self._connection.subscribe(inbox, pending_msgs_limit=-1)
        found: list[Msg] = []
        try:
            request = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{name}"
            await self._connection.publish(request, b'{"batch":%d,"no_wait":true}' % most, inbox)
            while len(found) < most:
                message = await subscription.next_msg(REQUEST_SECONDS)
                if not message.reply.startswith("$JS.ACK."):
                    break  # that was all
                found.append(message)
            return found
        finally:
            with suppress(nats.errors.Error):
                await subscription.unsubscribe()

    async def _api(self, what: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        payload = json.dumps(body).encode() if body else b""
        reply = await self._connection.request(f"$JS.API.{what}", payload, timeout=REQUEST_SECONDS)
        answer: dict[str, Any] = json.loads(reply.data or b"{}")
        return answer


def _place(message: Msg) -> int:
    tokens = message.reply.split(".")
    return int(tokens[5] if len(tokens) == DELIVERED_TOKENS else tokens[7])


def _id(message: Msg) -> UUID | None:
    try:
        return UUID((message.headers or {}).get("Nats-Msg-Id", "")[:UUID_CHARACTERS])
    except ValueError:
        return None  # nothing that we have published
