"""`postkontor dlq`: dead letters of all workers. Shown by their trouble, because a bug sets many aside."""

import asyncio
import json
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

import typer

from services.cli import views_letters as views
from services.cli.desk import Desk, desk_of
from services.cli.events import time_given
from services.cli.running import REFUSED, USAGE, run
from services.cli.terminal import confirm

if TYPE_CHECKING:
    from client import Postkontor
    from client.upkeep import Alarm
    from contracts.operations_v1 import DeadLettersAnswer

dlq_app = typer.Typer(help="Dead letters: messages that could not be handled.", no_args_is_help=True)

ALARMS_SINCE = timedelta(days=7)
LOOK_SECONDS = 0.2  # while replays are under way
ASK_SECONDS = 3.0
_DIGEST = re.compile(r"[0-9a-f]{10}\Z")

Which = Annotated[list[str] | None, typer.Argument(help="Ids, or troubles as `dlq ls` shows them.")]
Code = Annotated[str | None, typer.Option("--code", help="Such as internal_error.")]
Type = Annotated[str | None, typer.Option("--type", help="Such as mailbox.create-mailbox.v1.")]
Since = Annotated[str | None, typer.Option("--since", help="Not older than 30m, 1h, 2d or a time.")]
Worker = Annotated[
    Literal["billing", "domain", "mailbox", "dnscheck"] | None, typer.Option("--worker", help="Of this worker only.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
AsNew = Annotated[
    bool,
    typer.Option("--as-new", help="Requests that were refused for it: once more, as new ones with ids of their own."),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(dlq_app, name="dlq")


@dataclass(frozen=True)
class Wanted:
    """Which dead letters a command is about."""

    ids: tuple[UUID, ...] = ()
    digests: tuple[str, ...] = ()
    code: str | None = None
    type: str | None = None
    since: datetime | None = None
    account: str | None = None
    workers: tuple[str, ...] = ()

    @property
    def names_something(self) -> bool:
        """Tell whether there is any filter."""
        return bool(self.ids or self.digests or self.code or self.type or self.since or self.account)

    def filters(self) -> list[dict[str, Any]]:
        """Return the filters of each question or request: one by ids, one for each trouble."""
        common = {"code": self.code, "type": self.type, "since": self.since, "of_account": self.account}
        parts: list[dict[str, Any]] = [{"ids": self.ids}] if self.ids else []
        parts += [{"digest": digest} for digest in self.digests]
        return [common | part for part in parts or [{}]]


@dlq_app.command("ls")
def list_letters(
    ctx: typer.Context, which: Which = None, code: Code = None, type_: Type = None, since: Since = None,
    worker: Worker = None,
    each: Annotated[bool, typer.Option("--each", help="A line for each letter, with its id.")] = False,
    settled: Annotated[bool, typer.Option("--all", help="Those too that are settled.")] = False,
) -> None:  # fmt: skip
    """List dead letters by trouble.

    And what the bus itself has given up. Those of the account given with -a, else of all.
    """
    desk = desk_of(ctx)
    wanted = _wanted(desk, which, code, type_, since, worker)
    found, silent, alarms = run(desk, lambda: _look(desk, wanted, resolved=settled))
    letters = [(answer.service, letter) for answer in found for letter in answer.letters]
    if desk.json:
        desk.print_json(json.dumps({
            "letters": [{"worker": name} | letter.model_dump(mode="json") for name, letter in letters],
            "alarms": [asdict(alarm) for alarm in alarms or ()],
            "silent": silent,
        }, ensure_ascii=False))  # fmt: skip
    else:
        desk.console.print(views.table_of_each(desk, letters) if each else views.table_of_troubles(desk, letters))
        total = sum(answer.total for answer in found)
        if total > len(letters):
            desk.note(desk.sentence("dlq_shown", shown=len(letters), total=total))
        views.tell_alarms(desk, alarms or [])
    views.tell_silent(desk, silent)


@dlq_app.command("show")
def show(
    ctx: typer.Context, which: Annotated[str, typer.Argument(help="An id; of a trouble, its newest letter is shown.")]
) -> None:
    """Show a dead letter and its history.

    Why it is one, how each attempt ended, what it says without secrets, where the original lies.
    """
    desk = desk_of(ctx)
    wanted = _wanted(desk, [which])
    found, silent, _ = run(desk, lambda: _look(desk, wanted, resolved=True, payload=True))
    letters = [(answer.service, letter) for answer in found for letter in answer.letters]
    if not letters:
        views.tell_silent(desk, silent)
        desk.note(desk.sentence("dlq_none"))
        raise typer.Exit(REFUSED)
    worker, letter = max(letters, key=lambda one: one[1].recorded_at)
    if desk.json:
        desk.print_json(json.dumps({"worker": worker} | letter.model_dump(mode="json"), ensure_ascii=False))
        return
    views.show(desk, worker, letter)


@dlq_app.command("replay")
def replay(
    ctx: typer.Context, which: Which = None, code: Code = None, type_: Type = None, since: Since = None,
    worker: Worker = None, as_new: AsNew = False, yes: Yes = False,
) -> None:  # fmt: skip
    """Handle dead letters once more.

    From their originals, with their ids. A request that was refused has had its answer; it is handled only --as-new.
    """
    desk = desk_of(ctx)
    wanted = _wanted(desk, which, code, type_, since, worker)
    count = _sure(desk, wanted, yes=yes, as_new=as_new, question="really_replay")
    if count:
        results = run(desk, lambda: _replay(desk, wanted, as_new=as_new))
        views.tell_results(desk, results)


@dlq_app.command("discard")
def discard(
    ctx: typer.Context, which: Which = None, code: Code = None, type_: Type = None, since: Since = None,
    worker: Worker = None, yes: Yes = False,
) -> None:  # fmt: skip
    """Note that nothing more is to be done.

    The letters stay readable with `dlq ls --all`.
    """
    desk = desk_of(ctx)
    wanted = _wanted(desk, which, code, type_, since, worker)
    if not _sure(desk, wanted, yes=yes, as_new=False, question="really_discard"):
        return
    facts = run(desk, lambda: _order_all(desk, wanted, "DISCARDS", {}))
    if desk.json:
        desk.print_json(json.dumps({name: [str(id_) for id_ in fact.letters] for name, fact in facts}))
        return
    for name, fact in facts:
        desk.console.print(desk.sentence("dlq_discarded", worker=name, count=len(fact.letters)))
        if fact.more:
            desk.note(desk.sentence("dlq_more", worker=name))


# --- which ----------------------------------------------------------------------------------------------------------


def _wanted(
    desk: Desk, which: Sequence[str] | None, code: str | None = None, type_: str | None = None,
    since: str | None = None, worker: str | None = None,
) -> Wanted:  # fmt: skip
    from contracts.messages import SERVICES

    names = which or []
    digests = tuple(name for name in names if _DIGEST.match(name))
    ids = tuple(_id(desk, name) for name in names if name not in digests)
    begin = time_given(desk, since) if since else None
    return Wanted(ids, digests, code, type_, begin, desk.account, (worker,) if worker else SERVICES)


def _id(desk: Desk, text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        desk.fail(USAGE, "usage", desk.sentence("dlq_unknown", text=text))


def _sure(desk: Desk, wanted: Wanted, *, yes: bool, as_new: bool, question: str) -> int:
    """Return how many letters are meant, after showing them and asking; 0 for a dry run and for none."""
    if not wanted.names_something:
        desk.fail(USAGE, "usage", desk.sentence("dlq_choice"))
    if yes and not desk.dry_run:
        return 1
    found, silent, _ = run(desk, lambda: _look(desk, wanted, as_new=as_new))
    letters = [(answer.service, letter) for answer in found for letter in answer.letters]
    count = sum(answer.total for answer in found)
    views.tell_silent(desk, silent)
    if desk.dry_run and desk.json:
        told = [{"worker": name} | letter.model_dump(mode="json") for name, letter in letters]
        desk.print_json(json.dumps({"would": told, "total": count}, ensure_ascii=False))
    elif not desk.json:
        desk.console.print(views.table_of_each(desk, letters))
    if desk.dry_run or not count:
        return 0
    confirm(desk, desk.sentence("dlq_letters", count=count), yes=yes, question=question)
    return count


# --- asking and ordering --------------------------------------------------------------------------------------------


async def _look(
    desk: Desk, wanted: Wanted, **ask: Any
) -> "tuple[list[DeadLettersAnswer], list[str], list[Alarm] | None]":
    from client import Unanswered

    async with desk.office(account_needed=False) as office:
        answers = await asyncio.gather(
            *(_ask(office, name, one | ask) for name in wanted.workers for one in wanted.filters()),
            return_exceptions=True,
        )
        alarms = None if "payload" in ask or "as_new" in ask else await _alarms(desk, office)
    for answer in answers:
        if isinstance(answer, BaseException) and not isinstance(answer, Unanswered):
            raise answer
    asked = [name for name in wanted.workers for _ in wanted.filters()]
    silent = [name for name, answer in zip(asked, answers, strict=True) if isinstance(answer, BaseException)]
    return [a for a in answers if not isinstance(a, BaseException)], list(dict.fromkeys(silent)), alarms


async def _ask(office: "Postkontor", worker: str, filter_: dict[str, Any]) -> "DeadLettersAnswer":
    from contracts.operations_v1 import AskDeadLetters
    from contracts.values import HOUSE

    return await office.ask(AskDeadLetters(**filter_), service=worker, account=HOUSE, timeout=ASK_SECONDS)


async def _alarms(desk: Desk, office: "Postkontor") -> "list[Alarm]":
    from client import PostkontorError

    try:
        return await office.alarms(datetime.now(UTC) - ALARMS_SINCE)
    except PostkontorError as error:
        desk.note(desk.sentence("dlq_no_alarms", detail=error))
        return []


async def _order_all(desk: Desk, wanted: Wanted, kind: str, more: dict[str, Any]) -> list[tuple[str, Any]]:
    async with desk.office(account_needed=False) as office:
        orders = [(name, filter_) for name, filter_, _ in await _having(desk, office, wanted)]
        return await _ordered(desk, office, orders, kind, more)


async def _having(
    desk: Desk, office: "Postkontor", wanted: Wanted
) -> "list[tuple[str, dict[str, Any], DeadLettersAnswer]]":
    """Return who has such letters: nobody else needs an order, and who does not answer gets none."""
    from client import Unanswered

    found: list[tuple[str, dict[str, Any], DeadLettersAnswer]] = []
    silent: list[str] = []
    for name in wanted.workers:
        for filter_ in wanted.filters():
            try:
                answer = await _ask(office, name, filter_)
            except Unanswered:
                silent.append(name)
                break
            if answer.total or filter_.get("ids"):
                found.append((name, filter_, answer))
    views.tell_silent(desk, silent)
    return found


async def _ordered(
    desk: Desk, office: "Postkontor", orders: Iterable[tuple[str, dict[str, Any]]], kind: str, more: dict[str, Any]
) -> list[tuple[str, Any]]:
    from contracts import operations_v1
    from contracts.values import HOUSE

    facts: list[tuple[str, Any]] = []
    for name, filter_ in orders:
        order = getattr(operations_v1, kind)[name](**filter_, **more)
        outcome = await office.request(order, account=HOUSE, timeout=desk.timeout)
        outcome.raise_for_refusal()
        if outcome.fact is not None and (outcome.fact.letters or getattr(outcome.fact, "kept", ())):
            facts.append((name, outcome.fact))
    return facts


async def _replay(desk: Desk, wanted: Wanted, *, as_new: bool) -> list[dict[str, Any]]:
    """Return what became of each letter: why it was left alone, or its new attempt, None while there is none."""
    async with desk.office(account_needed=False) as office:
        having = await _having(desk, office, wanted)
        before = {letter.id: len(letter.attempts) for _, _, answer in having for letter in answer.letters}
        orders = [(name, filter_) for name, filter_, _ in having]
        facts = await _ordered(desk, office, orders, "REPLAYS", {"as_new": as_new})
        results = [{"worker": name, "id": str(one.id), "kept": one.kept} for name, fact in facts for one in fact.kept]
        for name, fact in facts:
            if fact.more:
                desk.note(desk.sentence("dlq_more", worker=name))
            known = {id_: before.get(id_, 1) for id_ in fact.letters}
            ends = await _ends(office, name, known, desk.timeout if desk.wait else 0)
            results += [
                {"worker": name, "id": str(id_), "attempt": end.model_dump(mode="json") if end else None}
                for id_, end in ends.items()
            ]
        return results


async def _ends(office: "Postkontor", worker: str, known: dict[UUID, int], seconds: float) -> dict[UUID, Any]:
    """Wait until each letter has been taken in hand once more than is known."""
    from contracts.operations_v1 import MAX_SHOWN

    ends: dict[UUID, Any] = dict.fromkeys(known)
    deadline = time.monotonic() + seconds
    while open_ := [id_ for id_, end in ends.items() if end is None]:
        answer = await _ask(office, worker, {"ids": tuple(open_[:MAX_SHOWN]), "resolved": True})
        for letter in answer.letters:
            if len(letter.attempts) > known[letter.id]:
                ends[letter.id] = letter.attempts[-1]
        if time.monotonic() > deadline:
            break
        await asyncio.sleep(LOOK_SECONDS)
    return ends
