"""`postkontor request show`: the way of a request through the workers."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from services.cli.desk import Desk, desk_of
from services.cli.running import REFUSED, run
from services.cli.terminal import local_time, table

if TYPE_CHECKING:
    from contracts.messages import RequestAnswer, RequestStep

request_app = typer.Typer(help="Requests: where they are and how they ended.", no_args_is_help=True)

Timeline = list[tuple[datetime, str, "RequestStep"]]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(request_app, name="request")


@request_app.command("show")
def show(ctx: typer.Context, request_id: Annotated[str, typer.Argument(help="The request's id.")]) -> None:
    """Show which worker did what for a request, and when."""
    desk = desk_of(ctx)
    wanted = desk.uuid(request_id)
    answers, silent = run(desk, lambda: _ask_all(desk, wanted))
    if desk.json:
        workers = [answer.model_dump(mode="json") for answer in answers]
        desk.print_json(json.dumps({"request_id": str(wanted), "workers": workers, "silent": silent}))
    if silent:
        desk.note(desk.sentence("silent_workers", names=", ".join(silent)))
    timeline = _timeline(answers)
    if not timeline:
        desk.note(desk.sentence("no_request", request_id=wanted, account=desk.account))
        raise typer.Exit(REFUSED)
    if not desk.json:
        _print(desk, wanted, timeline)


async def _ask_all(desk: Desk, request_id: UUID) -> "tuple[list[RequestAnswer], list[str]]":
    from client import Unanswered
    from contracts.messages import SERVICES, AskRequest

    question = AskRequest(request_id=request_id)
    async with desk.office() as office:
        asked = (office.ask(question, service=service, timeout=min(desk.timeout, 5.0)) for service in SERVICES)
        answers = await asyncio.gather(*asked, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException) and not isinstance(answer, Unanswered):
            raise answer
    silent = [service for service, answer in zip(SERVICES, answers, strict=True) if isinstance(answer, Unanswered)]
    if len(silent) == len(SERVICES):
        raise next(answer for answer in answers if isinstance(answer, Unanswered))
    return [answer for answer in answers if not isinstance(answer, BaseException)], silent


def _timeline(answers: "list[RequestAnswer]") -> Timeline:
    steps = [(step.handled_at, answer.service, step) for answer in answers for step in answer.steps]
    return sorted(steps, key=lambda step: step[0])


def _print(desk: Desk, request_id: UUID, timeline: Timeline) -> None:
    sent = _sent_at(request_id) or timeline[0][0]
    rows: list[tuple[str, ...]] = []
    before = sent
    for at, service, step in timeline:
        fate = step.fate if step.code is None else f"{step.fate} ({step.code})"
        rows.append((local_time(at), service, step.type, fate, _ms(at - before), _ms(at - sent)))
        before = at
    desk.console.print(table(desk, ("time", "worker", "event", "fate", "step_time", "since_start"), rows))
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
