"""`postkontor privacy`: what is held on a person or an account, and forgetting a person."""

import json
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from services.cli.desk import Desk, desk_of
from services.cli.running import REFUSED, order, run

privacy_app = typer.Typer(help="Personal data: what is held, and forgetting a person.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(privacy_app, name="privacy")


@privacy_app.command("export")
def export(
    ctx: typer.Context,
    address: Annotated[str | None, typer.Argument(help="A mailbox, or a deleted one; else the account.")] = None,
) -> None:
    """Show all that is held on a person or the account.

    Article 15 of the GDPR asks for it; with -o json it is one document for programs (article 20).
    """
    from client import privacy

    desk = desk_of(ctx)

    async def collect() -> privacy.Held:
        async with desk.office() as office:
            account = desk.account or ""
            if address is None:
                return await privacy.held_on_account(office, account)
            return await privacy.held_on_person(office, account, address)

    held = run(desk, collect, ctx)
    if desk.json:
        document = {"about": held.about, "account": desk.account, "held": held.sections, "missing": held.silent}
        desk.print_json(json.dumps(document, ensure_ascii=False))
    else:
        _show(desk, held.about, held.sections)
    if held.silent:
        desk.fail(REFUSED, "incomplete", desk.sentence("privacy_silent", sections=", ".join(held.silent)))


@privacy_app.command("erase")
def erase(
    ctx: typer.Context,
    address: Annotated[str, typer.Argument(help="A deleted mailbox.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Forget whose a deleted mailbox was (operator; GDPR, article 17)."""
    from contracts.privacy_v1 import ErasePerson

    desk = desk_of(ctx)
    if not yes:
        typer.confirm(desk.sentence("privacy_sure", address=address), abort=True, err=True)
    outcome = order(ctx, lambda: ErasePerson(address=address))
    if outcome is not None and outcome.fact is not None:
        desk.note(desk.sentence("privacy_complete", day=outcome.fact.complete_on.isoformat()))


def _show(desk: Desk, about: str, sections: dict[str, Any]) -> None:
    if not sections:
        desk.note(desk.sentence("privacy_nothing", about=about))
    for section, content in sections.items():
        desk.console.print(f"{section}:", markup=False)
        for name, value in _lines(content):
            desk.console.print(f"  {name}: {value}", markup=False, soft_wrap=True)
    desk.note(desk.sentence("privacy_beside"))


def _lines(content: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield what is there, one line per value, with its way to it; what is empty is left out."""
    match content:
        case dict():
            for name, value in content.items():  # pyright: ignore[reportUnknownVariableType]
                yield from _lines(value, f"{path}.{name}" if path else str(name))  # pyright: ignore[reportUnknownArgumentType]
        case list():
            for number, value in enumerate(content, 1):  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
                yield from _lines(value, f"{path}[{number}]")
        case None | "":
            return
        case _:
            yield path, str(content)
