"""What a worker is: its name, its tables, and its handlers of commands, events, wake-ups and queries.

    service = Service("billing", tables=(ACCOUNTS, CAPACITIES))

    @service.command(OpenAccount, keys=lambda message: [(ACCOUNTS, message.account)])
    def open_account(message: Received[OpenAccount], book: Book, now: Moment) -> Fate: ...

Handlers decide in memory and do no I/O. They return a fate; they change rows through the book only.
"""

import secrets
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from pydantic import BaseModel

from contracts.base import Fact
from contracts.messages import REGISTRY
from services.chassis.book import Book, Conn, Table, Wanted
from services.chassis.fates import Fate
from services.chassis.received import Tick

M = TypeVar("M", bound=BaseModel)
Keys = Callable[[Any], Iterable[Wanted]]
Decide = Callable[[Any, Book, "Moment"], Fate]
Observe = Callable[[Tick], Awaitable[Any]]
Answer = Callable[[Conn, str, Any], Awaitable[BaseModel]]


class NotThere(Exception):
    """A question about something that does not exist; the text is for who asked."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The clock and the dice of one batch, so that rules need none."""

    now: datetime
    random_bytes: Callable[[int], bytes] = secrets.token_bytes


@dataclass(frozen=True, slots=True)
class Handler:
    """How one kind of message is handled: which rows it needs, and the decision."""

    keys: Keys
    decide: Decide


@dataclass(frozen=True, slots=True)
class TimerHandler:
    """How a wake-up is handled. `observe` looks at the world outside the transaction, if that is needed.

    Then `keys` sees the tick with its observation.
    """

    keys: Keys
    decide: Decide
    observe: Observe | None = None


@dataclass
class Service:
    """One worker's definition. `tables` are loaded and written in their order."""

    name: str
    tables: tuple[Table[Any, Any], ...]
    messages: dict[tuple[str, str], Handler] = field(default_factory=dict)
    timers: dict[str, TimerHandler] = field(default_factory=dict)
    queries: dict[str, tuple[type[BaseModel], Answer]] = field(default_factory=dict)
    recurring: dict[str, float] = field(default_factory=dict)
    on_start: list[Callable[[Any], Awaitable[None]]] = field(default_factory=list)
    on_stop: list[Callable[[], Awaitable[None]]] = field(default_factory=list)

    def command(self, model: type[BaseModel], *, keys: Keys) -> Callable[[Decide], Decide]:
        """Register the decision on a request or hand-over that this worker is a station of."""
        return self._register("cmd", model, keys)

    def event(self, model: type[Fact], *, keys: Keys, owner: str | None = None) -> Callable[[Decide], Decide]:
        """Register the decision on another worker's fact. `owner` is needed for facts that several workers state."""
        return self._register("evt", model, keys, owner)

    def timer(
        self, kind: str, *, keys: Keys, observe: Observe | None = None, every_seconds: float | None = None
    ) -> Callable[[Decide], Decide]:
        """Register the decision on a wake-up. With `every_seconds` it comes by itself, keyed by the empty string."""

        def register(decide: Decide) -> Decide:
            self.timers[kind] = TimerHandler(keys, decide, observe)
            if every_seconds is not None:
                self.recurring[kind] = every_seconds
            return decide

        return register

    def query(self, model: type[BaseModel]) -> Callable[[Answer], Answer]:
        """Register the answer to a question: `async (conn, account, ask) -> answer`, read only."""

        def register(answer: Answer) -> Answer:
            self.queries[REGISTRY.of(model).name] = (model, answer)
            return answer

        return register

    def heard(self) -> list[str]:
        """Return the types of the facts that this worker hears."""
        return sorted(type_ for kind, type_ in self.messages if kind == "evt")

    def _register(
        self, kind: str, model: type[BaseModel], keys: Keys, owner: str | None = None
    ) -> Callable[[Decide], Decide]:
        def register(decide: Decide) -> Decide:
            message = REGISTRY.of(model)
            type_ = message.type if owner is None else message.type.replace(f"{message.service}.", f"{owner}.", 1)
            self.messages[kind, type_] = Handler(keys, decide)
            return decide

        return register
