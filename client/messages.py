"""From bytes to typed messages, also for what this release does not know yet."""

import re
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from contracts.base import Fact
from contracts.envelope import Envelope
from contracts.evolution import EVOLUTION
from contracts.messages import REGISTRY
from contracts.refusals import RequestRefused
from contracts.registry import Message


class UnknownFact(Fact):
    """A fact of a type or version newer than this client; its fields are there, unchecked, in `model_extra`."""

    model_config = ConfigDict(frozen=True, extra="allow")


# How our own encoder begins a message: reading the type there saves a second pass over the JSON. Others may order
# their attributes as they like.
_BEGINNING = re.compile(rb'\{"specversion":"1\.0","id":"[^"\\]{1,64}","type":"([a-z0-9.-]{1,100})",')


class _Head(BaseModel):
    """What must be read first to know how to read the rest."""

    type: str


_UNKNOWN: TypeAdapter[Envelope[Any]] = TypeAdapter(Envelope[UnknownFact])


def read_fact(payload: bytes) -> Envelope[Any]:
    """Read an event. Raise ValidationError when it is no CloudEvents message, or none of the type it claims."""
    begun = _BEGINNING.match(payload)
    message = REGISTRY.find("evt", begun[1].decode() if begun else _Head.model_validate_json(payload).type)
    adapter = _UNKNOWN if message is None else message.adapter
    return adapter.validate_json(payload)


def readable(payload: bytes) -> Envelope[Any] | None:
    """Read an event, or return None for what is none: others may publish rubbish where we listen."""
    try:
        return read_fact(payload)
    except ValidationError:
        return None


def led_up(event: Envelope[Any], version: int) -> Envelope[Any]:
    """Return an event in a version if its own is older, else as it is."""
    message = REGISTRY.find("evt", event.type)
    if message is None or message.version >= version:
        return event
    newer = next((each for each in EVOLUTION.newer(message.model) if REGISTRY.of(each).version == version), None)
    if newer is None:
        return event
    return event.model_copy(update={"type": REGISTRY.of(newer).type, "data": EVOLUTION.up(event.data, newer)})


@cache
def messages_of(fact: type[Fact] | str) -> tuple[Message, ...]:
    """Return the messages of a fact model, or of a type such as `mailbox.mailbox-created`; `mailbox.*` names several.

    A refusal has one shape and one message per worker, so a model can stand for several messages.
    Raise ValueError when nothing is known by that name.
    """
    facts = [message for message in REGISTRY.all() if message.kind == "evt"]
    found = tuple(message for message in facts if _matches(message, fact))
    if not found:
        known = ", ".join(sorted({f"{message.service}.{message.name}" for message in facts}))
        raise ValueError(f"no event is called {fact}; known: {known}")
    return found


def _matches(message: Message, fact: type[Fact] | str) -> bool:
    if not isinstance(fact, str):
        return message.model is fact or message.model in EVOLUTION.older(fact)
    name = f"{message.service}.{message.name}"
    return fact in (message.type, name, message.name, f"{message.service}.*", "*")


def is_refusal(event: Envelope[Any]) -> bool:
    """Tell whether an event says no to its request."""
    return isinstance(event.data, RequestRefused)
