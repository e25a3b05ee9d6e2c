"""How chains of messages look: one form for every command that explains something.

A wide terminal or a pipe gets a table; at 80 columns every message takes a line of its head, its sentence, and a line
to look it up by.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from services.cli.desk import Desk
from services.cli.terminal import local_time, table

if TYPE_CHECKING:
    from client import Link, Reason
    from contracts.invoicing_v1 import LineFact
    from contracts.refusals import Refusal

WIDE = 150  # columns from which a message fits on a line
FATES = {"done": "fate_done", "handed-over": "fate_handed_over", "refused": "fate_refused", "never": "fate_never"}


@dataclass(frozen=True)
class Shown:
    """One message as people see it. `place` is who stated or received it, or the thing that it changed."""

    at: datetime
    place: str
    text: str
    subject: str
    id: UUID
    after: str = ""  # numbers of the messages before it
    remark: str = ""


def of_facts(desk: Desk, facts: Iterable["LineFact"]) -> list[Shown]:
    """Show facts that billing's ledger names."""
    return [Shown(fact.at, fact.thing, desk.text(fact.text), fact.subject, fact.message_id) for fact in facts]


def of_links(desk: Desk, links: Sequence["Link"], first: int = 1) -> list[Shown]:
    """Show a chain, numbered from `first` on."""
    numbers = {link.id: str(number) for number, link in enumerate(links, start=first)}
    return [_of_link(desk, link, numbers) for link in links]


def _of_link(desk: Desk, link: "Link", numbers: dict[UUID, str]) -> Shown:
    is_fact = link.kind == "fact"
    subject = f"{'evt' if is_fact else 'cmd'}.{desk.account}.{link.type}"
    after = numbers.get(link.cause_id, "") if link.cause_id else ""
    if not after and link.is_by_clock:
        after = desk.word("wake_up")
    place = link.station if is_fact else f"→ {link.station}"
    return Shown(link.at, place, desk.text(link.text), subject, link.id, after, _remark(desk, link))


def _remark(desk: Desk, link: "Link") -> str:
    if link.kind == "fact":
        heard = ", ".join(handling.service for handling in link.handled)
        return desk.sentence("heard_by", names=heard) if heard else ""
    fates = (f"{desk.word(FATES[each.fate])}{f' ({each.code})' if each.code else ''}" for each in link.handled)
    return ", ".join(fates)


def show(desk: Desk, messages: Sequence[Shown], *, first: int = 1, title: str = "") -> None:
    """Print messages, numbered from `first` on."""
    if desk.console.width >= WIDE or not messages:
        rows = [
            (number, one.after, local_time(one.at), one.place, one.text, one.remark, one.subject, one.id)
            for number, one in enumerate(messages, start=first)
        ]
        headings = ("position", "after", "time", "station", "text", "fate", "message", "id")
        desk.console.print(table(desk, headings, rows, title=title))
        return
    if title:
        desk.console.print(title, style="italic", markup=False)
    for number, one in enumerate(messages, start=first):
        _show_narrow(desk, number, one)


def _show_narrow(desk: Desk, number: int, one: Shown) -> None:
    from rich.padding import Padding
    from rich.text import Text

    after = desk.sentence("after_number", number=one.after) if one.after else ""
    head = "  ".join(part for part in (local_time(one.at), one.place, one.remark, after) if part)
    desk.console.print(Text.assemble((f"{number:>2}  ", "bold"), head), soft_wrap=True)
    desk.console.print(Padding(Text(one.text), (0, 0, 0, 4), expand=False))
    kind, _, type_ = one.subject.split(".", 2)
    desk.console.print(Text(f"    {type_ if kind else ''}  {one.id}", style="dim"), soft_wrap=True)


def show_reasons(desk: Desk, reasons: Iterable["Reason"], numbers: dict[UUID, int]) -> None:
    """Print the sentences of an answer, each with the number of the message that it rests on."""
    from rich.text import Text

    for reason in reasons:
        number = numbers.get(reason.message_id) if reason.message_id else None
        rests_on = f" [{number}]" if number else f" [{reason.type} {reason.message_id}]" if reason.message_id else ""
        desk.console.print(Text(f"• {desk.text(reason.text)}{rests_on}"))


def show_findings(desk: Desk, refusal: "Refusal") -> None:
    """Print every finding of a refusal, with what to do about it."""
    from rich.text import Text

    desk.console.print(desk.sentence("findings"), markup=False)
    for finding in refusal.findings:
        desk.console.print(Text(f"  {finding.code}: {desk.text(finding.text)}"))
