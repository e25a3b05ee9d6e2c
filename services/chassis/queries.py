"""Read requests: core NATS request and reply, as NATS micro services, so `$SRV.PING` and `$SRV.STATS` find them.

Any replica answers. Nothing is written, and an answer may be older than the newest event by a moment.
"""

from time import perf_counter
from typing import Any

import structlog
from nats.micro import add_service
from nats.micro.request import Request
from nats.micro.service import EndpointConfig, Service, ServiceConfig
from pydantic import BaseModel, ValidationError

from contracts.messages import REGISTRY, AskRequest, RequestAnswer, RequestStep
from contracts.operations_v1 import AskDeadLetters
from contracts.refusals import Refusal, refuse
from contracts.trail_v1 import AskTrail, TrailAnswer
from services.chassis import metrics
from services.chassis.letters import Letters
from services.chassis.received import ACCOUNT, explain, has_half_characters
from services.chassis.runtime import Runtime
from services.chassis.service import Answer, NotThere
from services.chassis.trail import Trail

log = structlog.get_logger()
VERSION = "1.0.0"  # of the questions; micro services must name one


async def serve(runtime: Runtime) -> Service:
    """Answer the service's questions, and every service's: what did you do for this request, and what led to it?"""
    micro = await add_service(
        runtime.nats,
        ServiceConfig(name=f"postkontor-{runtime.service.name}", version=VERSION, description="Postkontor queries"),
    )
    answers: dict[str, tuple[type[BaseModel], Answer]] = {
        "request": (AskRequest, _steps(runtime)),
        "trail": (AskTrail, _trail(runtime)),
        "dead-letters": (AskDeadLetters, Letters(runtime.service.name).answer),
        **runtime.service.queries,
    }
    for name, (model, answer) in answers.items():
        message = REGISTRY.find("qry", f"{runtime.service.name}.{name}.v1")
        assert message is not None, f"{name} is not in the registry"
        await micro.add_endpoint(
            EndpointConfig(name=name, subject=message.subject("*"), handler=_endpoint(runtime, name, model, answer))
        )
    return micro


def _endpoint(runtime: Runtime, name: str, model: type[BaseModel], answer: Answer) -> Any:
    seconds = metrics.QUESTION_SECONDS.labels(runtime.service.name)

    async def handle(request: Request) -> None:
        began = perf_counter()
        outcome = await answered(request)
        metrics.QUESTIONS.labels(runtime.service.name, name, outcome).inc()
        seconds.observe(perf_counter() - began)

    async def answered(request: Request) -> str:
        account = request.subject.split(".")[1]
        if not ACCOUNT.match(account):
            await request.respond_error("400", "the subject names no account")
            return "bad"
        if has_half_characters(request.data or b""):
            await request.respond_error("400", refuse("not_json").text.en)
            return "bad"
        try:
            ask = model.model_validate_json(request.data or b"{}")
        except ValidationError as error:
            await request.respond_error("400", explain(error).text.en)
            return "bad"
        try:
            async with runtime.pool.acquire() as connection:
                found = await answer(connection, account, ask)
        except NotThere as error:
            await request.respond_error("404", str(error))
            return "not_there"
        except Exception:
            log.exception("a question could not be answered", subject=request.subject)
            await request.respond_error("500", "the question could not be answered; the worker's log says why")
            return "failed"
        await request.respond(found.model_dump_json().encode())
        return "answered"

    return handle


def _steps(runtime: Runtime) -> Answer:
    async def answer(connection: Any, account: str, ask: Any) -> RequestAnswer:
        rows = await runtime.journal.steps(connection, account, ask.request_id)
        steps = tuple(
            RequestStep(
                message_id=row["message_id"],
                type=row["type"],
                fate=row["fate"],
                code=row["code"],
                outcome=row["outcome"],
                refusal=Refusal.model_validate_json(row["refusal"]) if row["refusal"] else None,
                handled_at=row["handled_at"],
            )
            for row in rows
        )
        return RequestAnswer(service=runtime.service.name, steps=steps)

    return answer


def _trail(runtime: Runtime) -> Answer:
    trail = Trail(runtime.service.name)

    async def answer(connection: Any, account: str, ask: Any) -> TrailAnswer:
        return await trail.answer(connection, account, ask, runtime.clock())

    return answer
