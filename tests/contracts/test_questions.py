"""What the client asks and the workers answer is what is published: bare JSON, errors in the headers.

Both ends are the real ones; only the bus between them, the pool and the answers are made up.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from jsonschema import Draft202012Validator
from nats.aio.msg import Msg
from nats.micro.request import Request

from client.connection import Access, Connection
from client.errors import QuestionFailed
from client.questions import Questions
from contracts.asyncapi_document import FAILED, asyncapi_document
from contracts.billing_v1 import AskQuote, AskUsage
from contracts.json_schema import Shape, schema_of, shapes
from contracts.messages import RequestAnswer
from contracts.samples import SAMPLES
from services.chassis.queries import _endpoint, _steps

QUESTIONS = {shape.type: shape for shape in shapes() if shape.role == "question"}
ANSWERS = {shape.message.type: shape for shape in shapes() if shape.role == "answer"}
DECLARED = asyncapi_document()["components"]["messages"][FAILED]["headers"]


class Bus:
    """Stands for nats-py on both ends: hands a question to its endpoint and keeps what crossed."""

    def __init__(self, answer: Any) -> None:
        self._runtime: Any = SimpleNamespace(
            pool=SimpleNamespace(acquire=_connection), service=SimpleNamespace(name="asked")
        )
        self._answer = answer
        self.asked = b""
        self.subject = ""
        self.replied = Msg(_client=None)  # pyright: ignore[reportArgumentType]

    async def request(self, subject: str, payload: bytes, timeout: float) -> Msg:
        self.asked, self.subject = payload, subject
        model = QUESTIONS[subject.partition(".")[2].partition(".")[2]].model
        question: Any = Msg(_client=self, subject=subject, reply="_INBOX.1", data=payload)  # pyright: ignore
        await _endpoint(self._runtime, "asked", model, self._answer)(Request(question))
        return self.replied

    async def publish(self, subject: str, payload: bytes, headers: dict[str, str] | None = None) -> None:
        self.replied = Msg(_client=None, subject=subject, data=payload, headers=headers)  # pyright: ignore


class Asker(Questions):
    """The asking part of the client."""

    def __init__(self, bus: Any) -> None:
        self._connection = Connection(Access("nats://nowhere"), client=bus)

    def _account_of(self, account: str | None) -> str:
        return account or "nordwind"


@asynccontextmanager
async def _connection() -> AsyncIterator[None]:
    yield None


def fits(shape: Shape, payload: bytes) -> None:
    """Check what crossed the bus against what is published."""
    checker = Draft202012Validator.FORMAT_CHECKER
    Draft202012Validator(schema_of(shape), format_checker=checker).validate(json.loads(payload))


@pytest.mark.parametrize("type_", QUESTIONS)
async def test_question_and_answer_cross_the_bus_as_published(type_):
    sample = SAMPLES[ANSWERS[type_].type]
    heard: list[Any] = []

    async def answer(_: object, account: str, question: object) -> Any:
        heard.append((account, question))
        return sample

    bus = Bus(answer)
    question: Any = SAMPLES[type_]
    answered = await Asker(bus).ask(question, service=QUESTIONS[type_].message.service)

    assert bus.subject == f"qry.nordwind.{type_}"
    fits(QUESTIONS[type_], bus.asked)
    fits(ANSWERS[type_], bus.replied.data)
    assert heard == [("nordwind", question)]
    assert answered == sample
    assert not bus.replied.headers


@pytest.mark.parametrize("type_", [type_ for type_ in QUESTIONS if type_.endswith(".request.v1")])
async def test_what_the_journal_tells_of_a_request_is_what_is_published(type_):
    expected = SAMPLES[ANSWERS[type_].type]
    assert isinstance(expected, RequestAnswer)

    async def steps(_: object, account: str, request_id: UUID) -> list[dict[str, Any]]:
        assert isinstance(request_id, UUID)
        rows = [dict(step) for step in expected.steps]
        return [row | {"refusal": row["refusal"].model_dump_json()} for row in rows]

    runtime: Any = SimpleNamespace(service=SimpleNamespace(name=expected.service), journal=SimpleNamespace(steps=steps))
    bus = Bus(_steps(runtime))
    question: Any = SAMPLES[type_]
    answered = await Asker(bus).ask(question, service=expected.service)

    fits(ANSWERS[type_], bus.replied.data)
    assert answered == expected


async def test_a_wrong_question_is_told_in_the_headers():
    async def answer(*_: object) -> Any:
        raise AssertionError("a wrong question reaches nobody")

    bus = Bus(answer)
    with pytest.raises(QuestionFailed, match="quantity"):
        await Asker(bus).ask(AskQuote.model_construct(plan="office", quantity=0))

    Draft202012Validator(DECLARED).validate(bus.replied.headers)
    assert bus.replied.headers == bus.replied.headers | {"Nats-Service-Error-Code": "400"}
    assert bus.replied.data == b""


async def test_a_worker_that_fails_says_so_in_the_headers():
    async def answer(*_: object) -> Any:
        raise ConnectionError("the database is away")

    bus = Bus(answer)
    with pytest.raises(QuestionFailed, match="500"):
        await Asker(bus).ask(AskUsage())

    Draft202012Validator(DECLARED).validate(bus.replied.headers)
    assert bus.replied.data == b""
