"""`postkontor request show`: the way of a request through the workers."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from services.cli.desk import Desk, desk_of
from services.cli.running import REFUSED, run
from services.cli.terminal import local_time, table

if TYPE_CHECKING:
    from client import Postkontor
    from contracts.envelope import Envelope
    from contracts.messages import RequestAnswer, RequestStep

request_app = typer.Typer(help="Requests: where they are and how they ended.", no_args_is_help=True)

OUTCOME_SECONDS = 1.0  # what is there is found at once; nobody waits here for what is not

Timeline = list[tuple[datetime, str, "RequestStep"]]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(request_app, name="request")


@request_app.command("show")
def show(ctx: typer.Context, request_id: Annotated[str, typer.Argument(help="The request's id.")]) -> None:
    """Show which worker did what for a request, and when."""
    desk = desk_of(ctx)
    wanted = desk.uuid(request_id)
    answers, silent, end = run(desk, lambda: _ask_all(desk, wanted))
    if desk.json:
        workers = [answer.model_dump(mode="json") for answer in answers]
        outcome = end.type if end else None
        desk.print_json(
            json.dumps({"request_id": str(wanted), "outcome": outcome, "workers": workers, "silent": silent})
        )
    if silent:
        desk.note(desk.sentence("silent_workers", names=", ".join(silent)))
    timeline = _timeline(answers)
    if end is not None and not any(step.outcome == end.type for _, _, step in timeline):
        timeline = _in_order([*timeline, (end.time, end.type.partition(".")[0], _as_step(end))])
    if not timeline:
        desk.note(desk.sentence("no_request", request_id=wanted, account=desk.account))
        raise typer.Exit(REFUSED)
    if not desk.json:
        _print(desk, wanted, timeline)


async def _ask_all(desk: Desk, request_id: UUID) -> "tuple[list[RequestAnswer], list[str], Envelope[Any] | None]":
    """Return what the workers did, who did not answer, and the event that ended the request, if there is one."""
    from client import Unanswered
    from contracts.messages import SERVICES, AskRequest

    question = AskRequest(request_id=request_id)
    async with desk.office() as office:
        asked = (office.ask(question, service=service, timeout=min(desk.timeout, 5.0)) for service in SERVICES)
        answers = await asyncio.gather(*asked, return_exceptions=True)
        end = await _end(office, request_id, [answer for answer in answers if not isinstance(answer, BaseException)])
    for answer in answers:
        if isinstance(answer, BaseException) and not isinstance(answer, Unanswered):
            raise answer
    silent = [service for service, answer in zip(SERVICES, answers, strict=True) if isinstance(answer, Unanswered)]
    if len(silent) == len(SERVICES):
        raise next(answer for answer in answers if isinstance(answer, Unanswered))
    return [answer for answer in answers if not isinstance(answer, BaseException)], silent, end


async def _end(office: "Postkontor", request_id: UUID, answers: "list[RequestAnswer]") -> "Envelope[Any] | None":
    """Look for the outcome. A worker that ends requests on hearing another's event has no step of its own to show."""
    from client import NoAnswer, SetAside
    from contracts.base import Request
    from contracts.routes import route_of_type

    types = (step.type for answer in answers for step in answer.steps if step.message_id == request_id)
    route = next((route for type_ in types if (route := route_of_type(type_)) is not None), None)
    if route is None or not issubclass(route.request, Request):
        return None
    try:
        return (await office.outcome(request_id, route.request, timeout=OUTCOME_SECONDS)).event
    except (NoAnswer, SetAside):
        return None


def _as_step(end: "Envelope[Any]") -> "RequestStep":
    from contracts.messages import RequestStep

    fate = "refused" if end.type.endswith(".request-refused.v1") else "done"
    return RequestStep(message_id=end.id, type=end.type, fate=fate, code=None, handled_at=end.time, outcome=end.type)


def _timeline(answers: "list[RequestAnswer]") -> Timeline:
    return _in_order([(step.handled_at, answer.service, step) for answer in answers for step in answer.steps])


def _in_order(steps: Timeline) -> Timeline:
    return sorted(steps, key=lambda step: step[0])


def _print(desk: Desk, request_id: UUID, timeline: Timeline) -> None:
    sent = _sent_at(request_id) or timeline[0][0]
    rows: list[tuple[str, ...]] = []
    before = sent
    for at, service, step in timeline:
        fate = step.fate if step.code is None else f"{step.fate} ({step.code})"
        rows.append((service, step.type, fate, _ms(at - before), _ms(at - sent)))
        before = at
    title = desk.sentence("request_sent", time=local_time(sent))
    desk.console.print(table(desk, ("worker", "message", "fate", "step_time", "since_start"), rows, title=title))
    for _, _, step in timeline:
        for finding in step.refusal.findings if step.refusal else ():
            desk.console.print(f"{finding.code}: {desk.text(finding.text)}", markup=False, soft_wrap=True)


def _sent_at(request_id: UUID) -> datetime | None:
    if request_id.version != 7:
        return None
    return datetime.fromtimestamp((request_id.int >> 80) / 1000, UTC)


def _ms(duration: timedelta) -> str:
    seconds = duration.total_seconds()
    return f"{seconds * 1000:.0f} ms" if seconds < 10 else f"{seconds:.1f} s"
