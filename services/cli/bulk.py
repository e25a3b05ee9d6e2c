"""`postkontor bulk`: many domains, mailboxes and aliases from a file."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from services.cli.desk import Desk, desk_of
from services.cli.running import REFUSED, UNEXPECTED, USAGE, inquire, not_found, order, pages, print_all, run

if TYPE_CHECKING:
    from client import Postkontor
    from client.bulkfile import BulkFile, Problem
    from client.bulks import Bulk
    from contracts.bulk_v1 import BulkView

bulk_app = typer.Typer(help="Bulk files: many domains, mailboxes and aliases at once.", no_args_is_help=True)

SHOWN_PROBLEMS = 20
HASH_SECONDS = 0.02

File = Annotated[Path, typer.Argument(help="A CSV file, or JSON lines (.jsonl).")]
Id = Annotated[str, typer.Argument(help="The bulk's id.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until every item has its outcome.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(bulk_app, name="bulk")


@bulk_app.command("check")
def check(ctx: typer.Context, file: File) -> None:
    """Check a file: nothing is sent.

    Columns, addresses, plans' form and duplicates are looked at; that needs no bus.
    """
    desk = desk_of(ctx)
    checked = _read(desk, file)
    _print_check(desk, checked)
    if checked.problems:
        raise typer.Exit(REFUSED)


@bulk_app.command("submit")
def submit(
    ctx: typer.Context,
    file: File,
    wait: Wait = False,
    given_id: Annotated[
        str | None, typer.Option("--id", help="Under this id (a UUID) instead of the file's own.")
    ] = None,
    anew: Annotated[bool, typer.Option("--new", help="As a new bulk, although the same file was sent before.")] = False,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave out lines that cannot be read.")] = False,
) -> None:
    """Send a file. The same command again goes on where it ended: nothing happens twice.

    Passwords in clear are hashed here and never leave this machine.
    """
    desk = desk_of(ctx)
    if desk.dry_run or desk.given_quote_id is not None:
        desk.fail(USAGE, "usage", desk.sentence("bulk_not_tried"), desk.sentence("bulk_not_tried_hint"))
    bulk_id = desk.uuid(given_id) if given_id else None
    checked = _read(desk, file)
    if checked.problems:
        _print_problems(desk, checked)
        if not skip_bad:
            desk.fail(REFUSED, "problems", desk.sentence("bulk_problems", count=len(checked.problems)),
                      desk.sentence("bulk_problems_hint"))  # fmt: skip
    if not checked.total:
        desk.fail(REFUSED, "problems", desk.sentence("bulk_empty", file=file))
    sent = run(desk, lambda: _submit(desk, checked, bulk_id, anew), ctx)
    desk.note(desk.sentence("bulk_sent", id=sent.bulk_id, total=sent.total))
    if wait:
        sent = run(desk, lambda: _follow(desk, sent.bulk_id), ctx)
    _conclude(desk, sent)


@bulk_app.command("status")
def status(ctx: typer.Context, bulk_id: Id, wait: Wait = False) -> None:
    """Show how a bulk stands."""
    from contracts.bulk_v1 import AskBulk

    desk = desk_of(ctx)
    wanted = desk.uuid(bulk_id)
    bulk = inquire(ctx, lambda: AskBulk(bulk_id=wanted)).bulk
    if bulk is None:
        not_found(desk, "bulk_unknown")
    if wait:
        bulk = run(desk, lambda: _follow(desk, wanted), ctx)
    _conclude(desk, bulk)


@bulk_app.command("items")
def items(
    ctx: typer.Context,
    bulk_id: Id,
    refused: Annotated[bool, typer.Option("--refused", help="Only what was refused.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="As CSV, on standard output.")] = False,
    source: Annotated[
        Path | None,
        typer.Option("--from", help="The file that was sent: its refused lines as CSV with the reason, to correct."),
    ] = None,
) -> None:
    """Show what became of each item."""
    from contracts.bulk_v1 import AskBulkItems
    from services.cli import views_bulk

    desk = desk_of(ctx)
    wanted = desk.uuid(bulk_id)
    only: Any = "refused" if refused or source else None
    found = pages(
        ctx, lambda after: AskBulkItems(bulk_id=wanted, only=only, after=int(after or 0), limit=1000), "items"
    )
    if source is not None:
        try:
            views_bulk.write_again(desk, found, source)
        except OSError as error:
            desk.fail(UNEXPECTED, "unexpected", f"{source}: {error.strerror}")
    elif as_csv:
        views_bulk.write_csv(desk, found)
    elif desk.json:
        print_all(desk, found)
    else:
        views_bulk.show_items(desk, found)


@bulk_app.command("list")
def list_bulks(
    ctx: typer.Context,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=200, help="How many, newest first.")] = 50,
) -> None:
    """List the account's bulks."""
    from contracts.bulk_v1 import AskBulks
    from services.cli import views_bulk

    desk = desk_of(ctx)
    found = inquire(ctx, lambda: AskBulks(limit=limit)).bulks
    if desk.json:
        print_all(desk, found)
    else:
        views_bulk.show_bulks(desk, found)


@bulk_app.command("cancel")
def cancel(ctx: typer.Context, bulk_id: Id) -> None:
    """Begin nothing more of a bulk.

    What is under way goes on to its end.
    """
    from contracts.bulk_v1 import CancelBulk

    wanted = desk_of(ctx).uuid(bulk_id)
    order(ctx, lambda: CancelBulk(bulk_id=wanted))


# --- the file -----------------------------------------------------------------------------------------------------


def _read(desk: Desk, file: Path) -> "BulkFile":
    from client.bulkfile import UnreadableFile, read_file

    try:
        return read_file(file)
    except OSError as error:
        desk.fail(UNEXPECTED, "unexpected", f"{file}: {error.strerror}")
    except UnreadableFile as error:
        what = _what(desk, error.problem)
        where = desk.sentence("bulk_file_unreadable", file=file, line=error.problem.line, what=what)
        desk.fail(REFUSED, "problems", where)


def _what(desk: Desk, problem: "Problem") -> str:
    return desk.sentence(f"bulk_{problem.code}", **problem.details)


def _print_check(desk: Desk, checked: "BulkFile") -> None:
    counts = {kind: checked.counts[kind] for kind in ("domain", "mailbox", "alias")}
    if desk.json:
        problems = [{"line": p.line, "code": p.code, "text": _what(desk, p)} for p in checked.problems]
        desk.print_json(json.dumps({**counts, "parts": len(checked.parts), "problems": problems}, ensure_ascii=False))
        return
    _print_problems(desk, checked)
    if checked.problems:
        desk.note(desk.sentence("bulk_problems", count=len(checked.problems)))
    else:
        desk.note(
            desk.sentence(
                "bulk_fine", file=checked.path, domains=counts["domain"], mailboxes=counts["mailbox"],
                aliases=counts["alias"], parts=len(checked.parts),
            )
        )  # fmt: skip


def _print_problems(desk: Desk, checked: "BulkFile") -> None:
    for problem in checked.problems[:SHOWN_PROBLEMS]:
        desk.note(desk.sentence("bulk_problem", line=problem.line, what=_what(desk, problem)))
    left = len(checked.problems) - SHOWN_PROBLEMS
    if left > 0:
        desk.note(desk.sentence("bulk_more_problems", count=left))


# --- sending and following ------------------------------------------------------------------------------------------


async def _submit(desk: Desk, checked: "BulkFile", bulk_id: UUID | None, anew: bool) -> "BulkView":
    import asyncio

    from client import bulks
    from contracts.ids import uuid7
    from services.cli.progress import counter

    async with desk.office() as office:
        assert desk.account is not None, "the office needs one"
        bulk = await asyncio.to_thread(bulks.prepare, checked, desk.account, uuid7() if anew else bulk_id)
        desk.note(desk.sentence("bulk_ways", id=bulk.bulk_id, account=desk.account))
        _announce_hashing(desk, bulk)
        with counter(desk, desk.sentence("bulk_sending", label=bulk.label), checked.total, "bulk_receipt") as count:
            return await _told_to_resume(desk, lambda: bulks.submit(office, bulk, lambda more: count.add(sent=more)))


async def _told_to_resume(desk: Desk, work: Callable[[], Any]) -> Any:
    import asyncio

    try:
        return await work()
    except asyncio.CancelledError:
        desk.note(desk.sentence("bulk_resume"))
        raise


def _announce_hashing(desk: Desk, bulk: "Bulk") -> None:
    import os

    count = bulk.file.clear_passwords
    if count >= SHOWN_PROBLEMS:
        seconds = max(1, round(count * HASH_SECONDS / (os.cpu_count() or 1)))
        desk.note(desk.sentence("bulk_hashing", count=count, seconds=seconds))


async def _follow(desk: Desk, bulk_id: UUID) -> "BulkView":
    async with desk.office() as office:
        return await _told_to_resume(desk, lambda: _followed(desk, office, bulk_id))


async def _followed(desk: Desk, office: "Postkontor", bulk_id: UUID) -> "BulkView":
    from client import bulks
    from services.cli.progress import counter

    assert desk.account is not None
    last: BulkView | None = None
    with counter(desk, desk.sentence("bulk_carrying_out"), 0, "bulk_line_now") as count:
        async for bulk in bulks.follow(office, desk.account, bulk_id):
            last = bulk
            count.show(bulk.total, done=bulk.done, refused=bulk.refused + bulk.cancelled)
    if last is None:
        not_found(desk, "bulk_unknown")
    return last


def _conclude(desk: Desk, bulk: "BulkView") -> None:
    """Print how a bulk stands; exit with 3 when it is over and something of it was refused."""
    from services.cli import views_bulk

    if desk.json:
        desk.print_json(bulk.model_dump_json())
    else:
        views_bulk.show_bulk(desk, bulk)
    if bulk.state == "finished" and bulk.refused:
        raise typer.Exit(REFUSED)
