"""The JSON Schema of every message as it crosses the bus: with its envelope, or bare where it has none.

A request's schema says what may be sent, a fact's what may be relied on. `x-message` names which of the five a schema
is, because what counts as growth depends on it (see compatibility).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from inspect import cleandoc
from typing import Any, Literal

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from contracts.base import HandOver, Request
from contracts.envelope import Envelope, schema_name
from contracts.messages import REGISTRY
from contracts.registry import Message

DIALECT = "https://json-schema.org/draft/2020-12/schema"
ALWAYS_SENT = ("specversion",)  # CloudEvents asks for it; the workers forgive its absence, the contract does not
ALWAYS_WRITTEN = ("specversion", "account", "datacontenttype", "dataschema")  # by the workers, see envelope.encode

OF_ORDERS = ("dryrun", "quoteid")  # requests, and the hand-overs that carry them on

Role = Literal["request", "hand-over", "fact", "question", "answer"]
Schema = dict[str, Any]


@dataclass(frozen=True)
class Shape:
    """One thing that crosses the bus: a registered message, or the answer to a question."""

    message: Message
    role: Role
    model: type[BaseModel]

    @property
    def folder(self) -> str:
        """Return the first word of its subject; answers have none and stand under `ans`."""
        return "ans" if self.role == "answer" else self.message.kind

    @property
    def type(self) -> str:
        """Return its name, which is the CloudEvents type of what has an envelope."""
        return self.message.answer_type if self.role == "answer" else self.message.type

    @property
    def description(self) -> str:
        """Return the model's docstring."""
        return cleandoc(self.model.__doc__ or "")

    @property
    def bare(self) -> bool:
        """Tell whether it is the model's own JSON: NATS pairs a question with its answer, no envelope has to."""
        return self.role in ("question", "answer")

    @cached_property
    def adapter(self) -> TypeAdapter[Any]:
        """Return the reader of its wire form."""
        form: Any = self.model if self.bare else Envelope[self.model]
        return TypeAdapter(form)


class _Plain(GenerateJsonSchema):
    """A schema without a title for every field: pydantic would repeat each name with a capital letter."""

    def field_title_should_be_set(self, schema: object) -> bool:
        return False


def shapes() -> Iterator[Shape]:
    """Yield everything that crosses the bus, in the order of the registry, each answer after its question."""
    for message in REGISTRY.all():
        yield Shape(message, _role(message), message.model)
        if message.reply is not None:
            yield Shape(message, "answer", message.reply)


def schema_files() -> dict[str, str]:
    """Return every schema's text by its path below contracts/."""
    return {f"schemas/{shape.folder}/{shape.type}.json": text_of(schema_of(shape)) for shape in shapes()}


def schema_of(shape: Shape) -> Schema:
    """Return the JSON Schema (2020-12) of a message in its wire form."""
    schema = shape.adapter.json_schema(schema_generator=_Plain)
    if not shape.bare:
        _complete_envelope(schema, shape)
    _complete(schema)
    return schema | {
        "$schema": DIALECT,
        "$id": schema_name(shape.type),
        "title": shape.model.__name__,
        "description": shape.description,
        "x-message": shape.role,
    }


def text_of(document: Schema) -> str:
    """Write a document the same way every time."""
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _role(message: Message) -> Role:
    if message.kind == "qry":
        return "question"
    if issubclass(message.model, Request):
        return "request"
    return "hand-over" if issubclass(message.model, HandOver) else "fact"


def _complete_envelope(schema: Schema, shape: Shape) -> None:
    """Name the type, and what the senders of this role always write, and leave out what its readers never see."""
    schema["properties"]["type"] = {"type": "string", "const": shape.type}
    if shape.role == "fact":
        for name in OF_ORDERS:
            del schema["properties"][name]
    always = ALWAYS_SENT if shape.role == "request" else ALWAYS_WRITTEN
    schema["required"] = sorted({*schema["required"], *always})


def _complete(node: Any) -> None:
    """Add what the models check and pydantic leaves out, here and in every part."""
    if isinstance(node, list):
        for entry in node:  # pyright: ignore[reportUnknownVariableType]
            _complete(entry)
    elif isinstance(node, dict):
        if any(choice.get("writeOnly") for choice in node.get("anyOf", ())):  # pyright: ignore
            node["writeOnly"] = True  # beside an optional secret too: hardly a reader looks into the alternatives
        if "patternProperties" in node:
            node.setdefault("additionalProperties", False)  # pyright: ignore[reportUnknownMemberType]
        for entry in list(node.values()):  # pyright: ignore
            _complete(entry)
