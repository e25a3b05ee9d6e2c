"""How the answer to a dry run looks in a terminal."""

from typing import TYPE_CHECKING

import typer

from contracts.refusals import WORDS
from contracts.trials import HeadRoom, Quote, QuotedLine
from services.cli.desk import Desk
from services.cli.running import REFUSED, print_refusal
from services.cli.terminal import local_time, money, sheet, table
from services.cli.views import limit

if TYPE_CHECKING:
    from client import Outcome
    from contracts.dryruns import DryRunFinished


def conclude(desk: Desk, outcome: "Outcome") -> None:
    """Print what a dry run has found; exit with 3 when the request, sent now, would be refused."""
    answer: DryRunFinished = outcome.fact
    if desk.json:
        desk.print_json(answer.model_dump_json())
    else:
        _show(desk, answer)
    if not answer.is_ready:
        raise typer.Exit(REFUSED)


def _show(desk: Desk, answer: "DryRunFinished") -> None:
    desk.note(desk.sentence("dry_run"))
    if answer.refusal is not None:
        print_refusal(desk, answer.refusal)
    else:
        desk.console.print(sheet(desk, [("would_happen", answer.outcome)]))
    for finding in answer.missing:
        desk.note(f"{desk.sentence('still_missing')} ({finding.code}): {desk.text(finding.text)}")
    if answer.quote is not None:
        _show_quote(desk, answer.quote)


def _show_quote(desk: Desk, quote: Quote) -> None:
    if quote.lines:
        headings = ("thing", "quantity", "price_before", "price_after", "listed_as", "catalogue")
        desk.console.print(table(desk, headings, (_line(desk, line) for line in quote.lines)))
    if quote.head_room:
        headings = ("what", "cap", "used", "reserved", "left")
        desk.console.print(table(desk, headings, (_head_room(desk, room) for room in quote.head_room)))
    days = f"{quote.remaining_from} – {quote.remaining_to}"
    lines = [
        ("difference", desk.sentence("a_month", amount=_signed(desk, quote.monthly_difference_cents))),
        ("this_month", f"{_signed(desk, quote.remaining_month_cents)} ({days})"),
        ("quote", quote.quote_id),
        ("valid_until", local_time(quote.valid_until)),
    ]
    desk.console.print(sheet(desk, lines))
    desk.note(desk.sentence("quote_hint", quote_id=quote.quote_id))


def _line(desk: Desk, line: QuotedLine) -> tuple[object, ...]:
    before = "–" if line.old_code is None else _priced(desk, line.old_code, line.old_cents)
    after = _priced(desk, line.new_code, line.new_cents)
    return line.thing, line.quantity, before, after, line.catalogue_line, line.catalogue


def _head_room(desk: Desk, room: HeadRoom) -> tuple[object, ...]:
    word = WORDS.get(room.resource)
    name = room.resource if word is None else getattr(word, desk.language)
    return name, limit(desk, room.cap), room.used, room.reserved, limit(desk, room.left)


def _priced(desk: Desk, code: str, cents: int) -> str:
    return f"{code}, {money(cents, desk.language)}"


def _signed(desk: Desk, cents: int) -> str:
    return f"{'+' if cents > 0 else ''}{money(cents, desk.language)}"
