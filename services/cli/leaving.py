"""What is given up with everything that belongs to it: `postkontor domain remove|keep`, `account close` and the like.

These requests say first that they are accepted, and end when everything is gone, which may be weeks later. So the
commands return once the request is accepted; with --wait they show how far it is until it ends.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli.accounts import account_app
from services.cli.desk import Desk, desk_of
from services.cli.domains import Name, Yes, domain_app
from services.cli.running import USAGE, conclude, inquire, order, pages, run
from services.cli.terminal import confirm, local_time, tell

if TYPE_CHECKING:
    from uuid import UUID

    from client import Outcome, Postkontor
    from contracts.base import Fact, Request
    from contracts.closure_v1 import AccountClosureProgress
    from contracts.removal_v1 import Removal

On = Annotated[str | None, typer.Option("--on", help="Gone from this day on (YYYY-MM-DD).")]
Immediately = Annotated[bool, typer.Option("--immediately", help="Gone at once; it cannot be taken back.")]
Wait = Annotated[bool, typer.Option("--wait", help="Show how far it is until all is gone, however long that takes.")]
LOOK_SECONDS = 1.0
CLOCKS_APART = timedelta(seconds=10)

Progress = Callable[["Postkontor"], AsyncIterator[str]]


def register(app: typer.Typer) -> None:
    """Add the commands to their groups, which are there already."""
    domain_app.command("remove")(remove)
    domain_app.command("keep")(keep)
    account_app.command("suspend")(suspend)
    account_app.command("reactivate")(reactivate)
    account_app.command("close")(close)
    account_app.command("reopen")(reopen)


# --- domains --------------------------------------------------------------------------------------------------------


def remove(
    ctx: typer.Context,
    name: Name,
    with_mailboxes: Annotated[
        bool, typer.Option("--with-mailboxes", help="Also delete what stands under it, after a grace.")
    ] = False,
    on: On = None,
    immediately: Immediately = False,
    wait: Wait = False,
    yes: Yes = False,
) -> None:
    """Give a domain up, alone or with its mailboxes.

    Alone is refused while anything stands under it. With its mailboxes, these go on the day named, at once, or else
    after the house's grace. Until then they are locked, and `domain keep` takes it back. Again with another day it
    moves the day.
    """
    from contracts.domain_v1 import RemoveDomain
    from contracts.removal_v1 import DomainRemovalStarted

    day: Any = on  # the contract knows what a day looks like

    def request() -> RemoveDomain:
        return RemoveDomain(domain=name, with_mailboxes=with_mailboxes, on=day, immediately=immediately)

    desk = _desk(ctx, wait)
    if not with_mailboxes:
        confirm(desk, name, yes=yes)
        order(ctx, request)
        return
    if not yes:
        found = _removal(ctx, name)
        what = desk.sentence("domain_with", domain=name, mailboxes=found.mailboxes, aliases=found.aliases)
        confirm(desk, what, yes=yes)
    _leave(ctx, request, DomainRemovalStarted, lambda office: _domain_left(desk, office, name), wait=wait)


def keep(ctx: typer.Context, name: Name) -> None:
    """Take a removal with mailboxes back.

    As long as its day has not come; what it had locked is as it was before.
    """
    from contracts.removal_v1 import KeepDomain

    order(ctx, lambda: KeepDomain(domain=name))


def _removal(ctx: typer.Context, name: str) -> Any:
    from contracts.removal_v1 import AskRemoval

    return inquire(ctx, lambda: AskRemoval(domain=name))


async def _domain_left(desk: Desk, office: "Postkontor", name: str) -> AsyncIterator[str]:
    from contracts.removal_v1 import AskRemoval

    while True:
        found = (await office.ask(AskRemoval(domain=name))).removal
        if found is not None:
            yield _removal_line(desk, found)


def _removal_line(desk: Desk, removal: "Removal") -> str:
    return desk.sentence(
        f"removal_{removal.phase}",
        left=removal.mailboxes_left,
        total=removal.mailboxes_total,
        aliases=removal.aliases_left,
        scheduled=removal.scheduled,
        at=local_time(removal.deletes_at),
    )


# --- accounts -------------------------------------------------------------------------------------------------------


def suspend(
    ctx: typer.Context, reason: Annotated[str | None, typer.Option("--reason", help="Stands in the event.")] = None
) -> None:
    """Refuse the account's requests (operator).

    Its mail goes on, and so do charges.
    """
    from contracts.closure_v1 import SuspendAccount

    order(ctx, lambda: SuspendAccount(reason=reason))


def reactivate(ctx: typer.Context) -> None:
    """End a suspension (operator)."""
    from contracts.closure_v1 import ReactivateAccount

    order(ctx, ReactivateAccount)


def close(
    ctx: typer.Context, on: On = None, immediately: Immediately = False, wait: Wait = False, yes: Yes = False
) -> None:
    """Close the account with all it has (operator).

    Its domains and mailboxes go on the day named, at once, or else after the house's grace. From now on it admits no
    requests and its mailboxes are locked; until its day `account reopen` takes it back. The last invoice comes with
    the month's run.
    """
    from contracts.closure_v1 import AccountClosing, CloseAccount

    desk, day = _desk(ctx, wait), on
    if not yes:
        confirm(desk, _account_with(ctx, desk), yes=yes, question="really_close")
    made: Any = {"on": day, "immediately": immediately}
    _leave(ctx, lambda: CloseAccount(**made), AccountClosing, lambda office: _account_left(desk, office), wait=wait)


def reopen(ctx: typer.Context) -> None:
    """Take a closure back (operator).

    Before its day the account is as it was; a closed one is opened again for its customer, empty.
    """
    from contracts.closure_v1 import ReopenAccount

    order(ctx, ReopenAccount)


def _account_with(ctx: typer.Context, desk: Desk) -> str:
    from contracts.billing_v1 import AskUsage
    from contracts.domain_v1 import AskDomains

    usage = inquire(ctx, AskUsage)
    domains = pages(ctx, lambda after: AskDomains(after=after, limit=1000), "domains")
    mailboxes = next(each.confirmed for each in usage.capacities if each.resource == "mailbox")
    return desk.sentence("account_with", account=desk.account, domains=len(domains), mailboxes=mailboxes)


async def _account_left(desk: Desk, office: "Postkontor") -> AsyncIterator[str]:
    from contracts.closure_v1 import AskClosure

    while True:
        found = (await office.ask(AskClosure())).closure
        if found is not None:
            yield _closure_line(desk, found)


def _closure_line(desk: Desk, closure: "AccountClosureProgress") -> str:
    return desk.sentence(
        "closure_left",
        domains=closure.domains_left,
        total=closure.domains_total,
        mailboxes=closure.mailboxes_left,
        at=local_time(closure.closes_at),
    )


# --- accepted, then done --------------------------------------------------------------------------------------------


def _desk(ctx: typer.Context, wait: bool) -> Desk:
    desk = desk_of(ctx)
    if wait and not desk.wait:
        desk.fail(USAGE, "usage", desk.sentence("wait_choice"))
    return desk


def _leave(
    ctx: typer.Context, make: "Callable[[], Request]", accepted: "type[Fact]", progress: Progress, *, wait: bool
) -> None:
    """Send a request and say when it is accepted, or how it ended; with `wait` also how far it is until it ends."""
    desk = desk_of(ctx)
    if not desk.wait:
        order(ctx, make)
        return
    outcome = run(desk, lambda: _sent(desk, make, accepted, progress, wait=wait), ctx)
    if outcome is not None:
        conclude(desk, outcome)


async def _sent(
    desk: Desk, make: "Callable[[], Request]", accepted: "type[Fact]", progress: Progress, *, wait: bool
) -> "Outcome | None":
    request = make()
    since = datetime.now(UTC) - CLOCKS_APART
    async with desk.office() as office:
        request_id = await office.publish(request, request_id=desk.request_id, timeout=desk.timeout)
        ended = asyncio.create_task(_ended(desk, office, request_id, type(request), wait=wait))
        begun = asyncio.create_task(_accepted(office, accepted, request_id, since))
        try:
            await asyncio.wait({ended, begun}, return_when=asyncio.FIRST_COMPLETED)
            if begun.done() and begun.exception() is None and (wait or not ended.done()):
                _show_accepted(desk, begun.result())
                if not wait:
                    return None
            if wait:
                await _shown(desk, progress(office), ended)
            return await ended
        finally:
            ended.cancel()
            begun.cancel()
            await asyncio.gather(ended, begun, return_exceptions=True)


async def _ended(
    desk: Desk, office: "Postkontor", request_id: "UUID", type_: "type[Request]", *, wait: bool
) -> "Outcome":
    from client import NoAnswer

    while True:
        try:
            return await office.outcome(request_id, type_, timeout=desk.timeout)
        except NoAnswer:
            if not wait:
                raise


async def _accepted(office: "Postkontor", accepted: "type[Fact]", request_id: "UUID", since: datetime) -> "Fact":
    async for event in office.tail(facts=[accepted], since=since):
        if event.request_id == request_id:
            return event.fact
    raise asyncio.CancelledError


async def _shown(desk: Desk, lines: AsyncIterator[str], ended: "asyncio.Task[Outcome]") -> None:
    """Print how far it is when that changes, until the end; a worker that does not answer is asked again."""
    from client import PostkontorError

    last = ""
    while not ended.done():
        with contextlib.suppress(PostkontorError, StopAsyncIteration):
            line = await anext(lines)
            if line != last:
                desk.note(line)
                last = line
        await asyncio.wait({ended}, timeout=LOOK_SECONDS)


def _show_accepted(desk: Desk, fact: Any) -> None:
    from services.cli import views

    if desk.json:
        desk.print_json(fact.model_dump_json())
        return
    views.show_fact(desk, fact)
    at = local_time(getattr(fact, "deletes_at", None) or getattr(fact, "closes_at", None))
    name = "removal_accepted" if hasattr(fact, "deletes_at") else "closure_accepted"
    details = {"mailboxes": getattr(fact, "mailboxes", 0), "aliases": getattr(fact, "aliases", 0)}
    tell(desk, desk.sentence(name, at=at, **details))
