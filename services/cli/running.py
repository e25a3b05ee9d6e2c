"""From a request or a question to printed result and exit code. Expected errors are one or two lines, no traceback."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import typer

from services.cli.desk import Desk, desk_of
from services.cli.texts import SENTENCES

if TYPE_CHECKING:
    from pydantic import BaseModel

    from client import Outcome, Postkontor
    from contracts.base import Request
    from contracts.refusals import Refusal

T = TypeVar("T")

UNEXPECTED, USAGE, REFUSED, NO_ANSWER, NO_BUS = 1, 2, 3, 4, 5
BESIDE_SECONDS = 2.0  # what is nice to have may take no longer
INTERRUPTED = 130  # as shells count SIGINT
CODES = {
    "NotConnected": NO_BUS,
    "NotSetUp": NO_BUS,
    "NotPermitted": NO_BUS,
    "NoAnswer": NO_ANSWER,
    "SetAside": NO_ANSWER,
    "Unanswered": NO_ANSWER,
    "FileWaits": NO_ANSWER,
    "QuestionFailed": UNEXPECTED,
}


def run(desk: Desk, work: Callable[[], Awaitable[T]], ctx: typer.Context | None = None) -> T:
    """Run something on the event loop and turn what goes wrong into a message and an exit code.

    With the command's context a wrong value is named as it is given on the command line.
    """
    from pydantic import ValidationError

    from client import PostkontorError

    try:
        return asyncio.run(_awaited(work))
    except PostkontorError as error:
        _fail(desk, error)
    except ValidationError as error:
        desk.fail(USAGE, "usage", _faults(desk, error, ctx))
    except ValueError as error:
        if type(error) is not ValueError:
            _unexpected(desk, error)
        desk.fail(USAGE, "usage", str(error))  # what the client says of its arguments
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    except typer.Exit:
        raise
    except Exception as error:
        _unexpected(desk, error)


def order(
    ctx: typer.Context, make: "Callable[[], Request]", *, account: str | None = None, to_the_end: bool = False
) -> "Outcome | None":
    """Send a request and print its outcome; exit with 3 when it is refused.

    None when its end is not waited for, or nothing was to be changed by it: then nothing follows from it either.
    `make` builds the request late, so that a wrong value is reported like every other error. That a request is accepted
    and waits for something is enough, unless it is waited for `to_the_end`.
    """
    desk = desk_of(ctx)
    if to_the_end and not desk.wait:
        desk.fail(USAGE, "usage", desk.sentence("wait_choice"))

    async def send() -> "Outcome | None":
        request = make()
        async with desk.office(account_needed=account is None) as office:
            return await _send(desk, office, request, account, to_the_end=to_the_end)

    outcome = run(desk, send, ctx)
    if outcome is not None:
        conclude(desk, outcome)
    return None if desk.dry_run else outcome


async def _send(
    desk: Desk, office: "Postkontor", request: "Request", account: str | None, *, to_the_end: bool
) -> "Outcome | None":
    quote_id, dry_run = desk.quote_id, desk.dry_run
    if desk.wait:
        if dry_run:
            return await office.quote(
                request, request_id=desk.request_id, account=account, timeout=desk.timeout, quote_id=quote_id
            )
        return await office.request(
            request, request_id=desk.request_id, account=account, timeout=desk.timeout, quote_id=quote_id,
            to_the_end=to_the_end,
        )  # fmt: skip
    request_id = await office.publish(
        request, request_id=desk.request_id, account=account, timeout=desk.timeout, quote_id=quote_id, dryrun=dry_run
    )
    if desk.json:
        desk.print_json(json.dumps({"request_id": str(request_id)}))
    else:
        desk.note(desk.sentence("sent") + f" postkontor request show {request_id} -a {account or desk.account}")
        desk.console.print(str(request_id))
    return None


def conclude(desk: Desk, outcome: "Outcome") -> None:
    """Print how a request ended, and exit with 3 when it was refused, wholly or for one of its targets."""
    from services.cli import dryruns, views

    if desk.dry_run and outcome.fact is not None:
        dryruns.conclude(desk, outcome)
        return
    if outcome.refusal is not None:
        print_refusal(desk, outcome.refusal, request_id=str(outcome.request_id))
        raise typer.Exit(REFUSED)
    if desk.json:
        desk.print_json("{}" if outcome.fact is None else outcome.fact.model_dump_json())
    else:
        _tell_done(desk, outcome)
        if outcome.fact is not None:
            views.show_fact(desk, outcome.fact)
    if any(target.refusal is not None for target in getattr(outcome.fact, "targets", ())):
        raise typer.Exit(REFUSED)


def _tell_done(desk: Desk, outcome: "Outcome") -> None:
    if outcome.accepted:
        desk.note(desk.sentence("accepted", request_id=outcome.request_id))
        return
    desk.note(desk.sentence("done", milliseconds=outcome.elapsed * 1000, request_id=outcome.request_id))
    if outcome.fact is None:
        desk.note(desk.sentence("done_without_event"))


def print_refusal(desk: Desk, refusal: "Refusal", *, request_id: str | None = None) -> None:
    """Print every finding of a refusal: as JSON to standard output, for people to standard error."""
    if desk.json:
        desk.print_json(json.dumps({"request_id": request_id, "refusal": refusal.model_dump()}, ensure_ascii=False))
        return
    for finding in refusal.findings:
        desk.note(f"{desk.sentence('refused')} ({finding.code}): {desk.text(finding.text)}")
    if refusal.remedy is not None:
        from services.cli import plans

        plans.show_remedy(desk, refusal.remedy)


def inquire(ctx: typer.Context, make: "Callable[[], BaseModel]") -> Any:
    """Ask a question and return its answer; what goes wrong is printed."""
    desk = desk_of(ctx)

    async def ask() -> Any:
        question: Any = make()
        async with desk.office() as office:
            return await office.ask(question, timeout=min(desk.timeout, 5.0))

    return run(desk, ask, ctx)


def inquire_if_answered(ctx: typer.Context, question: "BaseModel") -> Any:
    """Ask for something beside the result: None, and no error, where nobody answers."""
    from client import PostkontorError

    async def ask() -> Any:
        asked: Any = question
        async with desk_of(ctx).office() as office:
            return await office.ask(asked, timeout=BESIDE_SECONDS)

    try:
        return asyncio.run(_awaited(ask))
    except PostkontorError:
        return None


def pages(ctx: typer.Context, make: "Callable[[str], BaseModel]", field: str) -> list[Any]:
    """Ask page after page and return all entries; `make` gets the last name seen."""
    desk = desk_of(ctx)

    async def ask() -> list[Any]:
        entries: list[Any] = []
        after: str | None = ""
        async with desk.office() as office:
            while after is not None:
                question: Any = make(after)
                page: Any = await office.ask(question, timeout=min(desk.timeout, 5.0))
                entries += getattr(page, field)
                after = page.next
        return entries

    return run(desk, ask, ctx)


def inquire_before(ctx: typer.Context, make: "Callable[[int | None], BaseModel]", field: str) -> list[Any]:
    """Ask page after page backwards and return all entries; `make` gets the last number seen."""
    desk = desk_of(ctx)

    async def ask() -> list[Any]:
        entries: list[Any] = []
        before: int | None = None
        async with desk.office() as office:
            while True:
                question: Any = make(before)
                page: Any = await office.ask(question, timeout=min(desk.timeout, 5.0))
                entries += getattr(page, field)
                before = page.next
                if before is None:
                    return entries

    return run(desk, ask, ctx)


def not_found(desk: Desk, code: str, **details: str) -> NoReturn:
    """Say that there is no such thing, in the words of the refusal that a request for it would get, and exit."""
    from contracts.refusals import refuse

    print_refusal(desk, refuse(code, **details))
    raise typer.Exit(REFUSED)


def print_all(desk: Desk, models: "list[Any]") -> None:
    """Print several models as one JSON array."""
    desk.print_json("[" + ",".join(model.model_dump_json() for model in models) + "]")


def _fail(desk: Desk, error: Exception) -> NoReturn:
    kind = type(error).__name__
    details = {"request_id": getattr(error, "request_id", ""), "account": desk.account}
    hint = desk.sentence(f"{kind}_hint", **details)
    desk.fail(CODES[kind], kind, desk.sentence(kind, detail=str(error)), hint)


def _unexpected(desk: Desk, error: Exception) -> NoReturn:
    if os.environ.get("POSTKONTOR_TRACEBACK"):
        raise error
    what = desk.sentence("unexpected", detail=f"{type(error).__name__}: {error}")
    desk.fail(UNEXPECTED, "unexpected", what, desk.sentence("unexpected_hint"))


def _faults(desk: Desk, error: Any, ctx: typer.Context | None) -> str:
    faults = error.errors(include_input=False, include_url=False)
    return "; ".join(f"{_given_as(ctx, fault['loc'])}{_reason(desk, fault)}" for fault in faults)


def _given_as(ctx: typer.Context | None, place: tuple[str | int, ...]) -> str:
    """Name a field as the command line does: an option by its dashes, an argument by its name."""
    if not place:
        return ""
    option = f"--{str(place[0]).replace('_', '-')}"
    options = {name for parameter in (ctx.command.params if ctx else ()) for name in parameter.opts}
    return f"{option if option in options else place[0]}: "


def _reason(desk: Desk, fault: Any) -> str:
    sentence = f"fault_{fault['type']}"
    if sentence in SENTENCES:
        return desk.sentence(sentence, **fault.get("ctx", {}))
    return str(fault["msg"]).removeprefix("Value error, ")


async def _awaited(work: Callable[[], Awaitable[T]]) -> T:
    return await work()


def a_label(domain: str) -> str:
    """Read a domain as it is typed: in A-labels, or an end with wrong usage."""
    from contracts.values import domain_name

    try:
        return domain_name(domain)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
