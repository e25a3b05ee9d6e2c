"""How a message ends, as values. There are four fates and no fifth: infrastructure trouble is none, the owner retries.
A request may be accepted first, which is no end: its fate, one of the four, is an `End` of a later message's.

A handler returns one of them with everything that shall leave the worker; the chassis commits it with the state.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias, assert_never
from uuid import UUID

from contracts.base import Fact, HandOver, Request
from contracts.refusals import Refusal
from contracts.trials import Trial


@dataclass(frozen=True, slots=True)
class Say:
    """State a fact.

    `key` names the aggregate: facts of one key leave in order. `account` and `request_id` are the message's own
    unless given, as for a fact told to another account, which belongs to no request, or for a request that waited.
    """

    fact: Fact
    key: str
    revision: int | None = None
    account: str | None = None
    request_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """Hand a request on to the next station, or give a worker something to do.

    With a `request_id` it is a request of its own, sent under that id as a customer would send it.
    """

    order: HandOver | Request
    key: str
    account: str | None = None
    request_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class At:
    """Wake `kind` for `key` at a time; replaces an earlier wake-up of the same kind and key.

    An `urgent` one goes before those that nobody waits for. It belongs to the message's own lane unless given.
    """

    kind: str
    key: str
    due_at: datetime
    account: str
    payload: Mapping[str, object] | None = None
    urgent: bool = False
    traceparent: str | None = None  # the chassis sets it, of those that somebody waits for
    lane: int | None = None


@dataclass(frozen=True, slots=True)
class Cancel:
    """Forget the wake-up of `kind` for `key`, if there is one."""

    kind: str
    key: str


Timing: TypeAlias = At | Cancel


@dataclass(frozen=True, slots=True)
class HandedOver:
    """This station's part is done; the request goes on."""

    orders: tuple[Order, ...]
    says: tuple[Say, ...] = ()
    timings: tuple[Timing, ...] = ()
    trial: Trial | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The request ends with a no. `reservation` names the holders that billing kept for it.

    `request_type` is needed where another worker's fact ends the request: the fact's type does not name it; and
    `request_id` where a wake-up ends a request that waited for it.
    """

    refusal: Refusal
    reservation: tuple[str, ...] = ()
    says: tuple[Say, ...] = ()
    request_type: str | None = None
    request_id: UUID | None = None
    trial: Trial | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """A request that was accepted before, with what its consequences are named after."""

    id: UUID
    request_id: UUID
    account: str
    type: str
    channel: str
    traceparent: str | None
    quote_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class End:
    """How a request ends that was accepted before: as if it were decided on only now.

    What it leads to has the ids that it would have had at once, so nothing can happen twice.
    """

    request: Origin
    fate: HandedOver | Refused


@dataclass(frozen=True, slots=True)
class Done:
    """The message did what it asked for; `says` states it. `ends` are of other messages, accepted before.

    `trial`, here and above, is for a dry run's answer.
    """

    says: tuple[Say, ...] = ()
    orders: tuple[Order, ...] = ()
    timings: tuple[Timing, ...] = ()
    ends: tuple[End, ...] = ()
    trial: Trial | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The request waits here, as `say` tells its sender (R40); an `End` follows. The same id again hears it again."""

    say: Say
    timings: tuple[Timing, ...] = ()


@dataclass(frozen=True, slots=True)
class Never:
    """The message can never be handled: it becomes a dead letter. `refusal` answers a sender who can be known.

    `digest` is the same for the same trouble.
    """

    code: str
    detail: str
    refusal: Refusal | None = None
    digest: str = ""


Fate: TypeAlias = Done | HandedOver | Accepted | Refused | Never


def fate_name(fate: Fate) -> str:
    """Return a fate as the inbox, metrics and spans call it."""
    match fate:
        case Done():
            return "done"
        case HandedOver():
            return "handed-over"
        case Accepted():
            return "accepted"
        case Refused():
            return "refused"
        case Never():
            return "never"
        case _:
            assert_never(fate)


def code_of(fate: Fate) -> str | None:
    """Return why a message was refused or can never be handled; None for the others."""
    match fate:
        case Refused():
            return fate.refusal.code
        case Never():
            return fate.code
        case _:
            return None
