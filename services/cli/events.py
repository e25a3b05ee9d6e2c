"""`postkontor events tail`: facts as they are stated."""

import asyncio
import re
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.desk import Desk, desk_of
from services.cli.running import USAGE, run
from services.cli.terminal import local_time

if TYPE_CHECKING:
    from client import Event

events_app = typer.Typer(help="Facts, as the workers state them.", no_args_is_help=True)

_AGO = re.compile(r"(\d+)([smhd])\Z")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(events_app, name="events")


@events_app.command("tail")
def tail(
    ctx: typer.Context,
    types: Annotated[
        list[str] | None,
        typer.Option("--type", help="mailbox-created, mailbox.mailbox-created or mailbox.*; repeatable."),
    ] = None,
    since: Annotated[str | None, typer.Option("--since", help="Begin in the past: 30m, 1h, 2d or a time.")] = None,
) -> None:
    """Print events until Ctrl-C.

    Those of the account given with -a or POSTKONTOR_ACCOUNT, else of all. With -o json whole messages, one a line.
    """
    desk = desk_of(ctx)
    begin = time_given(desk, since) if since else None
    run(desk, lambda: _tail(desk, types or None, begin))


async def _tail(desk: Desk, types: list[str] | None, since: datetime | None) -> None:
    try:
        async with desk.office(account_needed=False) as office:
            async for event in office.tail(facts=types, since=since):
                _print(desk, event)
    except ValueError as error:
        desk.fail(USAGE, "usage", str(error))
    except asyncio.CancelledError:
        return  # Ctrl-C is how one leaves


def _print(desk: Desk, event: "Event") -> None:
    if desk.json:
        desk.print_json(event.envelope.model_dump_json(exclude_none=True))
        return
    account = "" if desk.account else f"{event.account:<20}  "  # nobody needs to be told on every line
    line = f"{local_time(event.time)}  {account}{event.type:<36}  {_about(desk, event)}"
    sys.stdout.write(line.rstrip() + "\n")
    sys.stdout.flush()


def _about(desk: Desk, event: "Event") -> str:
    """Name the thing that a fact is about, in a few words."""
    fact = event.fact
    if (refusal := getattr(fact, "refusal", None)) is not None:
        return f"{refusal.code}: {desk.text(refusal.text)}"
    for name in ("mailbox", "group", "domain", "address", "account", "attempt", "holders", "invoice", "period"):
        thing = getattr(fact, name, None)
        if thing is not None:
            return _named(thing)
    return ""


def _named(thing: object) -> str:
    from contracts.values import address_for_people

    if isinstance(thing, tuple):
        return " ".join(address_for_people(str(one)) for one in thing)
    for name in ("number", "address", "domain_unicode", "name", "account", "code"):
        if (value := getattr(thing, name, None)) is not None:
            return address_for_people(str(value))
    return address_for_people(str(thing))


def time_given(desk: Desk, text: str) -> datetime:
    """Read a time, or how long ago it was."""
    if ago := _AGO.match(text):
        return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        desk.fail(USAGE, "usage", desk.sentence("bad_since", text=text))
