"""`postkontor package plan` and `request send`: what has to go for a smaller package, and sending that."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from services.cli.accounts import package_app
from services.cli.desk import Desk, desk_of
from services.cli.requests import request_app
from services.cli.running import REFUSED, USAGE, print_refusal, run
from services.cli.terminal import confirm, table

if TYPE_CHECKING:
    from client import Outcome
    from contracts.base import Request
    from contracts.downgrade_v1 import DowngradePlanAnswer
    from contracts.refusals import Remedy, Step

Ready = tuple[str, "Request"]


def register(app: typer.Typer) -> None:
    """Add the commands to groups that are there."""
    package_app.command("plan")(plan_package)
    request_app.command("send")(send_requests)


def plan_package(
    ctx: typer.Context,
    package: Annotated[str, typer.Argument(help="The package to fit into, such as silver.")],
    with_grace: Annotated[
        bool,
        typer.Option("--with-grace", help="Mailboxes can be had back for a while, and take room until then."),
    ] = False,
) -> None:
    """Show what has to go before a smaller package fits. Nothing is changed.

    With `-o json` it gives requests that `request send` takes.
    """
    desk = desk_of(ctx)
    answer = run(desk, lambda: _whole_plan(desk, package, with_grace), ctx)
    if answer.refusal is not None:
        print_refusal(desk, answer.refusal)
        raise typer.Exit(REFUSED)
    if desk.json:
        desk.print_json(answer.model_dump_json())
        return
    if not answer.exceeded:
        desk.note(desk.sentence("package_fits", package=package))
        return
    rows = [
        (_word(desk, each.resource), each.used, each.reserved, each.allowed, each.excess) for each in answer.exceeded
    ]
    desk.console.print(table(desk, ("resource", "used", "reserved", "cap", "must_go"), rows))
    _show(desk, answer.steps, answer.steps_total, answer.left)
    desk.note(desk.sentence("plan_hint", package=package))


async def _whole_plan(desk: Desk, package: str, with_grace: bool) -> "DowngradePlanAnswer":
    from contracts.downgrade_v1 import AskDowngradePlan

    async with desk.office() as office:
        ask = AskDowngradePlan(package=package, with_grace=with_grace)
        whole = page = await office.ask(ask, timeout=desk.timeout)
        while page.next is not None:
            page = await office.ask(ask.model_copy(update={"after": page.next}), timeout=desk.timeout)
            if page.revision != whole.revision:  # the account changed while its plan was read
                whole = page = await office.ask(ask, timeout=desk.timeout)
            else:
                whole = page.model_copy(update={"steps": whole.steps + page.steps})
    return whole


def show_remedy(desk: Desk, remedy: "Remedy") -> None:
    """Print what would make a refused request possible."""
    _show(desk, remedy.steps, remedy.steps_total, remedy.left)


def _show(desk: Desk, steps: "Sequence[Step]", total: int, left: dict[str, int]) -> None:
    rows = [(number, desk.text(step.text), step.type) for number, step in enumerate(steps, 1)]
    desk.console.print(table(desk, ("step", "to_do", "message"), rows))
    if total > len(steps):
        desk.note(desk.sentence("more_steps", number=total - len(steps)))
    for resource, number in left.items():
        desk.note(desk.sentence("plan_left", resource=_word(desk, resource), number=number))


def _word(desk: Desk, resource: str) -> str:
    from contracts.codes import WORDS

    word = WORDS.get(resource)
    return resource if word is None else word.de if desk.language == "de" else word.en


def send_requests(
    ctx: typer.Context,
    file: Annotated[str, typer.Argument(help="JSON with `type` and `data` of each; - is standard input.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Send requests from a file, one after the other.

    It takes what `package plan -o json` gives, and stops at the first that is refused. A dry run tries each by itself.
    With --request-id the same file sent again goes on where it had come to.
    """
    desk = desk_of(ctx)
    text = _text(desk, file)
    ready = run(desk, lambda: _read(desk, text))
    if desk.quote_id is not None and len(ready) != 1:
        desk.fail(USAGE, "usage", desk.sentence("quote_for_one"))
    if ready:
        confirm(desk, str(len(ready)), yes=yes, question="really_send")
    outcomes = run(desk, lambda: _send(desk, ready), ctx)
    if desk.json:
        desk.print_json(
            json.dumps([_as_json(type_, outcome) for (type_, _), outcome in zip(ready, outcomes, strict=False)])
        )
    if any(not _is_well(outcome) for outcome in outcomes):
        raise typer.Exit(REFUSED)


def _text(desk: Desk, file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        desk.fail(USAGE, "usage", f"{file}: {error}")


async def _read(desk: Desk, text: str) -> list[Ready]:
    from contracts.base import Request
    from contracts.messages import REGISTRY

    ready: list[Ready] = []
    for number, given in enumerate(_steps_in(desk, text), 1):
        type_ = given.get("type", "") if isinstance(given, dict) else ""
        message = REGISTRY.find("cmd", type_)
        if message is None or not issubclass(message.model, Request):
            desk.fail(USAGE, "usage", desk.sentence("no_such_request", number=number, type=type_))
        ready.append((type_, message.model.model_validate(given.get("data"))))
    return ready


def _steps_in(desk: Desk, text: str) -> list[Any]:
    """Find the requests: a list, a plan, a refusal with a plan, or a line each."""
    try:
        found = json.loads(text)
    except ValueError:
        try:
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        except ValueError:
            desk.fail(USAGE, "usage", desk.sentence("no_json"))
    if isinstance(found, dict) and "refusal" in found and found["refusal"]:
        found = (found["refusal"].get("remedy") or {}).get("steps", [])
    if isinstance(found, dict) and "type" not in found:
        found = found.get("steps", [])
    return found if isinstance(found, list) else [found]


async def _send(desk: Desk, ready: Sequence[Ready]) -> "list[Outcome]":
    from contracts.ids import derived

    outcomes: list[Outcome] = []
    async with desk.office() as office:
        for number, (type_, request) in enumerate(ready, 1):
            request_id: UUID = derived(desk.request_id, str(number))
            send = office.quote if desk.dry_run else office.request
            outcome = await send(request, request_id=request_id, timeout=desk.timeout, quote_id=desk.quote_id)
            outcomes.append(outcome)
            if not desk.json:
                _tell(desk, number, type_, outcome)
            if outcome.refusal is not None and not desk.dry_run:
                break
    return outcomes


def _tell(desk: Desk, number: int, type_: str, outcome: "Outcome") -> None:
    word = "refused" if not _is_well(outcome) else "would_be_done" if desk.dry_run else "done_short"
    desk.console.print(f"{number}  {type_}  {desk.sentence(word)}", markup=False)
    if outcome.refusal is not None:
        print_refusal(desk, outcome.refusal)
    for finding in getattr(outcome.fact, "missing", ()):
        desk.note(f"{desk.sentence('still_missing')} ({finding.code}): {desk.text(finding.text)}")


def _is_well(outcome: "Outcome") -> bool:
    return outcome.refusal is None and getattr(outcome.fact, "is_ready", True)


def _as_json(type_: str, outcome: "Outcome") -> dict[str, Any]:
    refusal = outcome.refusal.model_dump() if outcome.refusal else None
    said = {"type": type_, "request_id": str(outcome.request_id), "state": outcome.state, "refusal": refusal}
    tried = getattr(outcome.fact, "is_ready", None)
    return said if tried is None else said | {"dry_run": json.loads(outcome.fact.model_dump_json())}
