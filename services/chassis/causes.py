"""What the consequences of a message are named after: its id, its request, its trace, and which facts end that."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from contracts.ids import derived
from contracts.messages import REGISTRY
from contracts.routes import OUTCOMES, request_type, route_of_type
from services.chassis.fates import Origin, Say
from services.chassis.received import Received, Tick, Unreadable

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

    @classmethod
    def accepted_before(cls, origin: Origin, lane: int) -> "Cause":
        """Name what a request leads to that was accepted before and ends now, as if it came now."""
        return cls(
            lane, origin.id, origin.request_id, origin.account, origin.type, origin.traceparent, origin.channel,
            can_be_answered=True, quote_id=origin.quote_id,
        )  # fmt: skip


def cause_of(message: Received[Any] | Tick | Unreadable, lane: int, subject: str | None) -> Cause:
    """Name what a message leads to; `subject` is None for wake-ups."""
    if isinstance(message, Unreadable):
        sender = message.sender
        # Not the sender's id: that may belong to a message that could be read.
        id_ = derived(_UNREADABLE, f"{message.raw.stream}/{message.raw.stream_seq}")
        if sender is None:
            return Cause(lane, id_, id_, message.account, message.type, None, "bus", can_be_answered=False)
        hand_over = REGISTRY.find("cmd", message.type) is not None and route_of_type(message.type) is None
        request_id = (hand_over and sender.correlationid) or sender.id
        return Cause(lane, id_, request_id, message.account, message.type, None, sender.channel, can_be_answered=True)
    channel = message.channel if isinstance(message, Received) else "bus"
    type_ = message.type if isinstance(message, Received) else message.kind
    # A fact that cannot be handled is no answer to the request behind it: that has its own.
    answerable = isinstance(message, Received) and subject is not None and subject.startswith("cmd.")
    dryrun, quote_id = (message.dryrun, message.quote_id) if isinstance(message, Received) else (False, None)
    return Cause(
        lane, message.id, message.request_id, message.account, type_, message.traceparent, channel, answerable,
        dryrun, quote_id,
    )  # fmt: skip


def outcomes(cause: Cause, say: Say) -> Collection[str]:
    """Return the facts that end the request: its route's own; any, for one that waited for another's message."""
    route = None if say.request_id else route_of_type(request_type(cause.type))
    return OUTCOMES if route is None else route.outcomes
