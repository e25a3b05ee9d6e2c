"""How a message ends, as values. There are four fates and no fifth: infrastructure trouble is none, the owner retries.

A handler returns one of them with everything that shall leave the worker; the chassis commits it with the state.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from contracts.base import Fact, HandOver
from contracts.refusals import Refusal


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
    """Hand a request on to the next station, or give a worker something to do."""

    order: HandOver
    key: str
    account: str | None = None


@dataclass(frozen=True, slots=True)
class At:
    """Wake `kind` for `key` at a time; replaces an earlier wake-up of the same kind and key.

    An `urgent` one goes before those that nobody waits for.
    """

    kind: str
    key: str
    due_at: datetime
    account: str
    payload: Mapping[str, object] | None = None
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class Cancel:
    """Forget the wake-up of `kind` for `key`, if there is one."""

    kind: str
    key: str


Timing: TypeAlias = At | Cancel


@dataclass(frozen=True, slots=True)
class Done:
    """The message did what it asked for; `says` states it."""

    says: tuple[Say, ...] = ()
    orders: tuple[Order, ...] = ()
    timings: tuple[Timing, ...] = ()


@dataclass(frozen=True, slots=True)
class HandedOver:
    """This station's part is done; the request goes on."""

    orders: tuple[Order, ...]
    says: tuple[Say, ...] = ()
    timings: tuple[Timing, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """The request ends with a no. `reservation` names the holders that billing kept for it.

    `request_type` is needed where another worker's fact ends the request: the fact's type does not name it.
    """

    refusal: Refusal
    reservation: tuple[str, ...] = ()
    says: tuple[Say, ...] = ()
    request_type: str | None = None


@dataclass(frozen=True, slots=True)
class Never:
    """The message can never be handled: it becomes a dead letter. `refusal` answers a sender who can be known."""

    code: str
    detail: str
    refusal: Refusal | None = None


Fate: TypeAlias = Done | HandedOver | Refused | Never
