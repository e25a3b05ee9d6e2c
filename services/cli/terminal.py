"""How things look in a terminal, and how secrets come in."""

import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from services.cli.desk import Desk, Language

if TYPE_CHECKING:
    from rich.table import Table

NAME = "postkontor"
SPANS = (("h", 3600), ("min", 60))
# Headings of columns that hold numbers: these stand right.
NUMBERS = frozenset(
    [
        "alias_forward",
        "aliases",
        "bulk_done",
        "bulk_line",
        "bulk_refused",
        "bulk_total",
        "cap",
        "cloud",
        "count",
        "dead",
        "due_now",
        "gross",
        "groups",
        "invoice_line",
        "mail",
        "mailboxes",
        "must_go",
        "missing",
        "net",
        "oldest",
        "pace",
        "position",
        "preference",
        "price",
        "left",
        "quantity",
        "reserved",
        "restated",
        "since_start",
        "step_time",
        "surviving",
        "tax",
        "total",
        "unknown_facts",
        "unpublished",
        "used",
        "waiting",
    ]
)
UNITS = (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3))


def money(cents: int | None, language: Language) -> str:
    """Write an amount the way its readers do."""
    if cents is None:
        return "–"
    euros = f"{cents / 100:,.2f}"
    if language == "en":
        return f"EUR {euros}"
    return euros.translate(str.maketrans(",.", ".,")) + " €"


def size(count: int) -> str:
    """Write a number of bytes in the price list's units."""
    unit, factor = next(((unit, factor) for unit, factor in UNITS if count >= factor), ("B", 1))
    return f"{count / factor:g} {unit}"


def local_time(time: datetime | None) -> str:
    """Write a time in the reader's zone."""
    return "–" if time is None else time.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def command() -> str:
    """Return how this program can be called again from here: by its name where the shell finds it, else by its path."""
    if shutil.which(NAME) is not None or Path(sys.argv[0]).name != NAME:
        return NAME
    return os.path.relpath(sys.argv[0])


def duration(seconds: int) -> str:
    """Write a span of time roughly, in its largest unit that says enough."""
    unit, length = next(((unit, length) for unit, length in SPANS if seconds >= 2 * length), ("s", 1))
    return f"{seconds // length} {unit}"


def table(desk: Desk, headings: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "") -> "Table":
    """Return a table; headings are names of words. An empty table is worth a row that says so."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False)
    for heading in headings:
        made.add_column(desk.word(heading), overflow="fold", justify="right" if heading in NUMBERS else "left")
    for row in rows:
        made.add_row(*(escape(str(cell)) for cell in row))
    if not made.row_count:
        made.add_row(desk.sentence("nothing"))
    return made


def sheet(desk: Desk, lines: Iterable[tuple[str, object]]) -> "Table":
    """Return labelled values, one a line; what is None or empty is left out. Values are never cut: they are copied."""
    from rich.markup import escape
    from rich.table import Table

    made = Table.grid(padding=(0, 2))
    made.add_column(style="bold")
    made.add_column(overflow="fold")
    for label, value in lines:
        if value not in (None, "", ()):
            made.add_row(desk.word(label), escape(str(value)))
    return made


def tell(desk: Desk, sentence: str) -> None:
    """Print a sentence: folded between words in a terminal, in one line for programs."""
    desk.console.print(sentence, markup=False, highlight=False, soft_wrap=not desk.console.is_terminal)


def typed_password(desk: Desk, *, from_stdin: bool, given_hash: str | None) -> str:
    """Return a password hash: as given, or made here of a password from standard input or a prompt."""
    if given_hash is not None:
        return given_hash
    from client.passwords import hash_password

    return hash_password(_password(desk, from_stdin=from_stdin))


def _password(desk: Desk, *, from_stdin: bool) -> str:
    if from_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    elif sys.stdin.isatty():
        password = typer.prompt(
            desk.word("password"), hide_input=True, confirmation_prompt=desk.sentence("password_again"), err=True
        )
    else:
        desk.fail(2, "usage", desk.sentence("password_needed"))
    if not password:
        desk.fail(2, "usage", desk.sentence("password_empty"))
    return password


def confirm(desk: Desk, what: str, *, yes: bool, question: str = "really_delete") -> None:
    """Ask before something is gone; without a terminal it has to be said on the command line."""
    if yes or desk.dry_run:
        return
    if not sys.stdin.isatty():
        desk.fail(2, "usage", desk.sentence("confirmation_needed"))
    if not typer.confirm(desk.sentence(question, what=what), err=True):
        raise typer.Exit(1)
