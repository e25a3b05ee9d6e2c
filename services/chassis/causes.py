"""What the consequences of a message are named after: its id, its request, its trace, and which facts end that."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from contracts.ids import derived
from contracts.messages import REGISTRY
from contracts.routes import OUTCOMES, request_type, route_of_type
from services.chassis.fates import At, Origin, Say, Timing
from services.chassis.received import Raw, Received, Tick, Unreadable, other_content_id

_UNREADABLE = UUID("5b1d3f0e-7f5a-4a53-9d0c-1f1f5d1c7a10")


@dataclass(frozen=True, slots=True)
class Cause:
    """What the consequences of a message are named after."""

    lane: int
    id: UUID
    request_id: UUID
    account: str
    type: str
    traceparent: str | None
    channel: str
    can_be_answered: bool
    dryrun: bool = False
    quote_id: UUID | None = None

    @property
    def is_special(self) -> bool:
        """Tell whether the next station has to know that it is a dry run, or of a quote."""
        return self.dryrun or self.quote_id is not None

    is_wake_up: bool = False

    @classmethod
    def accepted_before(cls, origin: Origin, lane: int) -> "Cause":
        """Name what a request leads to that was accepted before and ends now, as if it came now."""
        return cls(
            lane, origin.id, origin.request_id, origin.account, origin.type, origin.traceparent, origin.channel,
            can_be_answered=True, quote_id=origin.quote_id,
        )  # fmt: skip


def cause_of(
    message: Received[Any] | Tick | Unreadable, lane: int, subject: str | None, traceparent: str | None = None
) -> Cause:
    """Name what a message leads to; `subject` is None for wake-ups, `traceparent` its own span's if it has one."""
    if isinstance(message, Unreadable):
        sender = message.sender
        id_ = unreadable_id(message.raw)
        if sender is None:
            return Cause(lane, id_, id_, message.account, message.type, traceparent, "bus", can_be_answered=False)
        hand_over = REGISTRY.find("cmd", message.type) is not None and route_of_type(message.type) is None
        request_id = (hand_over and sender.correlationid) or sender.id
        return Cause(
            lane, id_, request_id, message.account, message.type, traceparent, sender.channel, can_be_answered=True
        )
    channel = message.channel if isinstance(message, Received) else "bus"
    type_ = message.type if isinstance(message, Received) else message.kind
    # A fact that cannot be handled is no answer to the request behind it: that has its own.
    answerable = isinstance(message, Received) and subject is not None and subject.startswith("cmd.")
    dryrun, quote_id = (message.dryrun, message.quote_id) if isinstance(message, Received) else (False, None)
    return Cause(
        lane, message.id, message.request_id, message.account, type_, traceparent or message.traceparent, channel,
        answerable, dryrun, quote_id, isinstance(message, Tick),
    )  # fmt: skip


def is_original(message: Received[Any] | Tick | Unreadable, raw: Raw, letter_id: UUID) -> bool:
    """Say whether a dead letter of this id was made of the message: a stream made anew counts from one again."""
    ids = {unreadable_id(raw)}
    if isinstance(message, Received):
        ids |= {message.id, other_content_id(message)}
    return letter_id in ids


def unreadable_id(raw: Raw) -> UUID:
    """Name a message that cannot be read. Not by the sender's id: that may belong to one that could be read."""
    content = hashlib.sha256(raw.payload).hexdigest()
    return derived(_UNREADABLE, f"{raw.stream}/{raw.stream_seq}/{content}")


def outcomes(cause: Cause, say: Say) -> Collection[str]:
    """Return the facts that end the request: its route's own; any, for one that waited for another's message."""
    route = None if say.request_id else route_of_type(request_type(cause.type))
    return OUTCOMES if route is None else route.outcomes


def ids_of(cause: Cause) -> dict[str, str]:
    """Return what log lines say of a message while it is handled."""
    ids = {"message_id": str(cause.id), "request_id": str(cause.request_id), "account": cause.account}
    ids["message_type"] = cause.type
    return ids | ({"trace_id": cause.traceparent.split("-")[1]} if cause.traceparent else {})


def attributes_of(cause: Cause) -> dict[str, str]:
    """Return what a message's span says of it."""
    return {
        "messaging.system": "nats",
        "messaging.operation.type": "process",
        "messaging.operation.name": "process",
        "messaging.message.id": str(cause.id),
        "messaging.message.conversation_id": str(cause.request_id),
        "postkontor.account": cause.account,
        "postkontor.type": cause.type,
    }


def label_of(message: Received[Any] | Tick | Unreadable) -> str:
    """Return a short name of a kind of message: its type without the version, or a wake-up's kind."""
    match message:
        case Tick():
            return message.kind
        case Received():
            return message.type.rpartition(".")[0]
        case Unreadable():
            return "unreadable"


def continued(timing: Timing, cause: Cause) -> Timing:
    """Let a wake-up that somebody waits for go on with the trace of the message that asks for it; others begin theirs.

    One that a wake-up sets anew keeps what it had: who waits has asked before.
    """
    if cause.is_wake_up or cause.traceparent is None or not isinstance(timing, At) or not timing.urgent:
        return timing
    return replace(timing, traceparent=cause.traceparent)
