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
from contracts.evolution import EVOLUTION
from contracts.messages import REGISTRY
from services.chassis.book import Book, Conn, Table, Wanted
from services.chassis.fates import Fate
from services.chassis.received import Received, Tick

M = TypeVar("M", bound=BaseModel)
Keys = Callable[[Any], Iterable[Wanted]]
Concerns = Callable[[bytes], bool]
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
    """How one kind of message is handled: which rows it needs, and the decision.

    Facts that do not concern the worker, told by their bytes, are acknowledged unread and leave no trace.
    """

    keys: Keys
    decide: Decide
    concerns: Concerns | None = None


@dataclass(frozen=True, slots=True)
class TimerHandler:
    """How a wake-up is handled. `observe` looks at the world outside the transaction, if that is needed.

    Then `keys` sees the tick with its observation. With `can_do_less` it is decided once more, its `rows_refused` set,
    before it is set aside because of rows that the database does not take.
    """

    keys: Keys
    decide: Decide
    observe: Observe | None = None
    can_do_less: bool = False


@dataclass
class Service:
    """One worker's definition. `tables` are loaded and written in their order.

    A dry run changes none but those in `kept_in_dry_runs`, by name.
    """

    name: str
    tables: tuple[Table[Any, Any], ...]
    kept_in_dry_runs: frozenset[str] = frozenset()
    messages: dict[tuple[str, str], Handler] = field(default_factory=dict)
    timers: dict[str, TimerHandler] = field(default_factory=dict)
    queries: dict[str, tuple[type[BaseModel], Answer]] = field(default_factory=dict)
    recurring: dict[str, float] = field(default_factory=dict)
    counting: dict[type[Fact], Callable[[Any], None]] = field(default_factory=dict)
    on_start: list[Callable[[Any], Awaitable[None]]] = field(default_factory=list)
    on_stop: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    led_up: set[str] = field(default_factory=set)  # types that are decided on in a newer version

    def command(self, model: type[BaseModel], *, keys: Keys) -> Callable[[Decide], Decide]:
        """Register the decision on a request or hand-over that this worker is a station of, in its newest version.

        Older versions come to the same decision, led up to the newest; so do those of events.
        """
        return self._register("cmd", model, keys)

    def event(
        self, model: type[Fact], *, keys: Keys, owner: str | None = None, concerns: Concerns | None = None
    ) -> Callable[[Decide], Decide]:
        """Register the decision on a fact. `owner` is needed for facts that several workers state.

        `concerns` looks at a message's bytes: where few of many facts matter, the others cost next to nothing.
        """
        return self._register("evt", model, keys, owner, concerns)

    def timer(
        self, kind: str, *, keys: Keys, observe: Observe | None = None, every_seconds: float | None = None,
        can_do_less: bool = False,
    ) -> Callable[[Decide], Decide]:  # fmt: skip
        """Register the decision on a wake-up. With `every_seconds` it comes by itself, keyed by the empty string."""

        def register(decide: Decide) -> Decide:
            self.timers[kind] = TimerHandler(keys, decide, observe, can_do_less)
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

    def counts(self, model: type[Fact]) -> Callable[[Callable[[Any], None]], Callable[[Any], None]]:
        """Register what is counted about a fact of this worker's, for its metrics; called once it is committed."""

        def register(count: Callable[[Any], None]) -> Callable[[Any], None]:
            self.counting[model] = count
            return count

        return register

    def heard(self) -> list[str]:
        """Return the types of the facts that this worker hears."""
        return sorted(type_ for kind, type_ in self.messages if kind == "evt")

    def is_concerned(self, subject: str, payload: bytes) -> bool:
        """Tell whether a message has to be read. Orders always have; so has what nobody registered for."""
        if not subject.startswith("evt."):
            return True
        handler = self.messages.get(("evt", ".".join(subject.split(".")[2:5])))
        return handler is None or handler.concerns is None or handler.concerns(payload)

    def hears_better(self, message: object) -> bool:
        """Tell whether a message is a fact's copy in an older version, while this worker hears it in a newer one."""
        return isinstance(message, Received) and message.copy_of is not None and message.type in self.led_up

    def _register(
        self, kind: str, model: type[BaseModel], keys: Keys, owner: str | None = None, concerns: Concerns | None = None
    ) -> Callable[[Decide], Decide]:
        def register(decide: Decide) -> Decide:
            for version in (model, *EVOLUTION.older(model)):
                message = REGISTRY.of(version)
                type_ = message.type if owner is None else message.type.replace(f"{message.service}.", f"{owner}.", 1)
                self.messages[kind, type_] = Handler(keys, decide, concerns)
                if version is not model:
                    self.led_up.add(type_)
            return decide

        return register
