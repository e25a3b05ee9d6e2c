"""Which message belongs to which subject.

cmd.<account>.<station>.<name>.v<N>   requests and hand-overs
evt.<account>.<owner>.<name>.v<N>     facts
qry.<account>.<owner>.<name>.v<N>     questions; the answer comes to the reply subject, both are bare JSON
rpl.<account>.<request id>            copies of outcomes for a waiting requester
dlq.<service>.<account>               dead letters
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from pydantic import BaseModel, TypeAdapter

from contracts.base import Fact, HandOver, Request
from contracts.envelope import Envelope

Kind = Literal["cmd", "evt", "qry"]
KINDS: dict[type[BaseModel], Kind] = {Request: "cmd", HandOver: "cmd", Fact: "evt"}


@dataclass(frozen=True)
class Message:
    """One message type: its model and where it travels."""

    kind: Kind
    service: str
    name: str
    version: int
    model: type[BaseModel]
    reply: type[BaseModel] | None = None  # of a question

    @property
    def type(self) -> str:
        """Return the end of its subject, such as `domain.create-mailbox.v1`; in an envelope, the CloudEvents type."""
        return f"{self.service}.{self.name}.v{self.version}"

    @property
    def answer_type(self) -> str:
        """Return the name of a question's answer, such as `billing.quote-answer.v1`."""
        return f"{self.service}.{self.name}-answer.v{self.version}"

    def subject(self, account: str) -> str:
        """Return the NATS subject for an account; `*` for all."""
        return f"{self.kind}.{account}.{self.type}"

    @cached_property
    def adapter(self) -> TypeAdapter[Envelope[BaseModel]]:
        """Return the reader of the message in its envelope, built once: building costs milliseconds."""
        assert self.kind != "qry", "questions have no envelope"
        return TypeAdapter(Envelope[self.model])  # pyright: ignore[reportInvalidTypeForm, reportUnknownMemberType]


class Registry:
    """All message types, by model and by the words of a subject."""

    def __init__(self) -> None:
        self._by_model: dict[type[BaseModel], Message] = {}
        self._by_type: dict[tuple[Kind, str], Message] = {}

    def add(
        self, service: str, name: str, model: type[BaseModel], *, version: int = 1, reply: type[BaseModel] | None = None
    ) -> None:
        """Register a message; its base class says whether it is an order or a fact, a reply makes it a question."""
        kind: Kind = "qry" if reply else next(kind for base, kind in KINDS.items() if issubclass(model, base))
        message = Message(kind, service, name, version, model, reply)
        if (kind, message.type) in self._by_type:
            raise ValueError(f"{kind} {message.type} is registered already")
        self._by_type[kind, message.type] = message
        self._by_model.setdefault(model, message)

    def of(self, model: type[BaseModel]) -> Message:
        """Return the message that a model is the data of. Shared shapes (RequestRefused) are found by type only."""
        return self._by_model[model]

    def find(self, kind: Kind, type: str) -> Message | None:  # noqa: A002 - CloudEvents' own name for it
        """Return the message of a type, or None."""
        return self._by_type.get((kind, type))

    def versions(self, kind: Kind, service: str, name: str) -> list[int]:
        """Return the known versions of a name."""
        found = (m for m in self._by_type.values() if (m.kind, m.service, m.name) == (kind, service, name))
        return sorted(message.version for message in found)

    def all(self) -> list[Message]:
        """Return every message, ordered by kind and type."""
        return [self._by_type[key] for key in sorted(self._by_type)]
