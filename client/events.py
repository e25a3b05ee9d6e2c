"""Subscribing to facts.

A durable subscription has a name; the bus remembers under it what was handled, however often the program restarts.
Delivery is at least once: a program that dies before its acknowledgement gets the event again, and an event that comes
again may come after newer ones. Facts carry the full state of their aggregate and its `revision`, so apply them
`WHERE revision < new` and nothing can go wrong; `event.id` is the same at every delivery.
"""

import asyncio
import contextlib
import logging
import re
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

import nats.errors
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from client import streams
from client.connection import Connection
from client.errors import NotSetUp
from client.messages import led_up, messages_of, readable
from contracts.base import Fact
from contracts.envelope import Envelope
from contracts.evolution import EVOLUTION
from contracts.identities import durable_name
from contracts.messages import REGISTRY

DONE_REMEMBERED = 20_000  # ids, to know again what was done
IDLE_FETCHES = 6  # that bring nothing; then it is looked whether the subscription is still there
log = logging.getLogger(__name__)
BATCH = 32  # events held here unacknowledged; a second process of the same durable name gets others meanwhile
ACK_WAIT_SECONDS = 30.0
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")

Kinds = Iterable[type[Fact] | str]
Types = frozenset[tuple[str, str]] | None  # owner, and name with version


@dataclass(slots=True)
class Event:
    """One fact, as delivered."""

    envelope: Envelope[Any]
    account: str
    delivery: Msg = field(repr=False)

    @property
    def id(self) -> UUID:
        """Return the id of the event; the same at every delivery."""
        return self.envelope.id

    @property
    def type(self) -> str:
        """Return the type, such as `mailbox.mailbox-created.v1`."""
        return self.envelope.type

    @property
    def time(self) -> datetime:
        """Return when the fact was stated."""
        return self.envelope.time

    @property
    def revision(self) -> int | None:
        """Return the revision of the aggregate in the fact; of two facts about it, the higher one is the newer."""
        return self.envelope.revision

    @property
    def request_id(self) -> UUID:
        """Return the request that led to the fact."""
        return self.envelope.request_id

    @property
    def fact(self) -> Any:
        """Return the typed fact; an UnknownFact when this client is older than the message."""
        return self.envelope.data

    @property
    def redelivered(self) -> bool:
        """Tell whether the event was delivered before; it may or may not have been dealt with."""
        return self.delivery.metadata.num_delivered > 1

    async def ack(self) -> None:
        """Say that the event is dealt with and need not come again. Harmless when repeated."""
        if not self.delivery.is_acked:
            await self.delivery.ack()


class Subscription:
    """An endless iterator of events. The event before is acknowledged when the next one is asked for.

    Leave the loop with `break` and the event in hand is not acknowledged: call `event.ack()` first, or get it again.
    While a body works, however long, the bus is told so; a body that blocks the event loop longer than `ack_wait`
    gets its event a second time.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        durable: str,
        account: str,
        facts: Kinds | None,
        deliver: Literal["all", "new"],
        ack_wait: float = ACK_WAIT_SECONDS,
    ) -> None:
        if not _NAME.match(durable):
            raise ValueError("a durable name holds letters, digits, - and _, at most 64")
        self._connection = connection
        self._durable = durable_name(connection.access.name_on_bus, durable)
        self._account = account
        self._types = types_of(facts)
        self._deliver = deliver
        self._ack_wait = ack_wait
        self._pull: streams.Pull | None = None
        self._held: deque[Event] = deque()
        self._done: dict[UUID, None] = {}  # the last ids that were acknowledged, oldest first
        self._idle = 0  # fetches that brought nothing
        self._current: Event | None = None
        self._beat: asyncio.Task[None] | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        if self._current is not None:
            await self._current.ack()
            self._note_done(self._current.id)
            self._current = None
        while not self._held:
            await self._fill()
        self._current = self._held.popleft()
        return self._current

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def open(self) -> None:
        """Make the durable subscription if it is not there; iterating does so by itself."""
        if self._pull is None:
            await self._ensure()
            self._pull = await streams.bind(self._connection, self._durable)
            self._beat = asyncio.get_running_loop().create_task(self._keep_alive())

    async def aclose(self) -> None:
        """Stop, and give back what was not acknowledged, so that it comes again at once and not after `ack_wait`."""
        if self._pull is None:
            return
        if self._beat is not None:
            self._beat.cancel()
        for event in self._unacknowledged():
            with contextlib.suppress(nats.errors.Error):
                await event.delivery.nak()
        self._held.clear()
        self._current = None
        await streams.unbind(self._pull)
        self._pull = None

    async def _ensure(self) -> None:
        subjects = subjects_of(self._account, self._types)
        known = await streams.consumer_named(self._connection, self._durable)
        if known is None:
            await streams.make_consumer(self._connection, self._config(subjects))
            return
        present = known.config.filter_subjects or [known.config.filter_subject]
        if set(present) != set(subjects):
            config = known.config.evolve(name=self._durable, **_filters(subjects))
            await streams.make_consumer(self._connection, config)

    def _config(self, subjects: Sequence[str]) -> ConsumerConfig:
        return ConsumerConfig(
            name=self._durable,
            durable_name=self._durable,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=self._ack_wait,
            max_deliver=-1,
            deliver_policy=DeliverPolicy.ALL if self._deliver == "all" else DeliverPolicy.NEW,
            **_filters(subjects),
        )

    async def _fill(self) -> None:
        await self.open()
        assert self._pull is not None
        messages = await streams.fetch(self._connection, self._pull, BATCH)
        self._idle = 0 if messages else self._idle + 1
        if messages is None or self._idle == IDLE_FETCHES:
            # Of a subscription that is gone the bus says so once, and nothing if it has lost it in a restart.
            self._idle = 0
            await self._check_alive()
            return
        for message in messages:
            event = event_of(message, self._types)
            if event is None or event.id in self._done:
                await message.ack()  # not for us, or no event, or done before: nobody's work here
            else:
                self._held.append(event)

    def _note_done(self, id_: UUID) -> None:
        # Where the bus has lost something it begins again, or is told again what it had.
        self._done[id_] = None
        if len(self._done) > DONE_REMEMBERED:
            del self._done[next(iter(self._done))]

    async def _check_alive(self) -> None:
        """Make the subscription anew if the bus has lost it, from the oldest event kept: its place is lost as well."""
        while self._connection.usable:
            try:
                if await streams.consumer_named(self._connection, self._durable) is None:
                    await self._begin_anew()
            except NotSetUp as error:  # the stream itself is gone
                log.warning("waiting for the bus to be set up again: %s", error)
                await asyncio.sleep(streams.TROUBLE_PAUSE_SECONDS)
            else:
                return

    async def _begin_anew(self) -> None:
        log.warning("the bus has lost the subscription %s; it begins again with the oldest event", self._durable)
        await self.aclose()
        self._deliver = "all"
        await self.open()

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(self._ack_wait / 3)
            for event in self._unacknowledged():
                with contextlib.suppress(nats.errors.Error):
                    await event.delivery.in_progress()

    def _unacknowledged(self) -> list[Event]:
        held = [*self._held] if self._current is None else [self._current, *self._held]
        return [event for event in held if not event.delivery.is_acked]


def types_of(facts: Kinds | None) -> Types:
    """Return owner and name-with-version of the facts wanted; None for all.

    Who wants a version wants the older ones too: they stand in the stream from before, and are led up to it.
    """
    if facts is None:
        return None
    messages = [message for fact in facts for message in messages_of(fact)]
    return frozenset((message.service, f"{message.name}.v{message.version}") for message in messages)


def subjects_of(account: str, types: Types) -> list[str]:
    """Return the subjects to filter by.

    For a single account it is one subject, wider than asked for if need be: the bus checks a tenant's right to a
    subscription by that one subject, and what is too much is sorted out here.
    """
    if types is None:
        return [f"evt.{account}.>"]
    if account == "*" or len(types) == 1:
        return sorted(f"evt.{account}.{owner}.{name}" for owner, name in types)
    owners = {owner for owner, _ in types}
    return [f"evt.{account}.{owners.pop()}.>" if len(owners) == 1 else f"evt.{account}.>"]


def event_of(message: Msg, types: Types) -> Event | None:
    """Read a delivered message; None when it is no event, or none of those asked for.

    A fact comes once, in the newest version asked for: an older one is led up to it, unless it is a copy of one.
    """
    envelope = readable(message.data)
    if envelope is None or not _is_of(envelope.type, types):
        return None
    newer = [
        found for model in EVOLUTION.newer(type(envelope.data)) if _is_of((found := REGISTRY.of(model)).type, types)
    ]
    if newer and envelope.copyof is not None:
        return None
    in_newest = led_up(envelope, newer[-1].version) if newer else envelope
    return Event(in_newest, account=message.subject.split(".")[1], delivery=message)


def _is_of(type_: str, types: Types) -> bool:
    owner, _, name = type_.partition(".")
    return types is None or (owner, name) in types


def _filters(subjects: Sequence[str]) -> dict[str, Any]:
    if len(subjects) == 1:
        return {"filter_subject": subjects[0], "filter_subjects": None}
    return {"filter_subject": None, "filter_subjects": list(subjects)}
