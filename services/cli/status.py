"""`postkontor status`: how the workers and the bus are, and what is wrong, in words."""

import asyncio
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

from services.cli.desk import Desk, desk_of
from services.cli.running import run
from services.cli.terminal import duration, table, tell

if TYPE_CHECKING:
    from client import Postkontor
    from client.upkeep import StreamState
    from contracts.operations_v1 import StatusAnswer
    from services.cli.judging import Picture, Trouble

SOMETHING_IS_WRONG = 1


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("status")(status)


def status(ctx: typer.Context) -> None:
    """Show how every worker is, and what is wrong.

    What waits, what is due, what was set aside.

    Exit code 0: nothing is wrong. 1: something is; the last lines say what. 5: the bus itself is away.
    """
    from services.cli.judging import judge

    desk = desk_of(ctx)
    picture = run(desk, lambda: _look(desk))
    now = datetime.now(UTC)
    troubles = judge(picture, now)
    if desk.json:
        desk.print_json(_as_json(desk, picture, troubles))
    else:
        desk.console.print(_table_of_workers(desk, picture, now))
        desk.console.print(_table_of_replicas(desk, picture, now))
        for trouble in troubles:
            tell(desk, _told(desk, trouble))
        if not troubles:
            tell(desk, desk.sentence("status_fine"))
    if troubles:
        raise typer.Exit(SOMETHING_IS_WRONG)


async def _look(desk: Desk) -> "Picture":
    from contracts.messages import SERVICES
    from services.cli.judging import STREAMS, Picture

    async with desk.office(account_needed=False) as office:
        answers, states = await asyncio.gather(
            asyncio.gather(*(office.statuses(service) for service in SERVICES)),
            asyncio.gather(*(_stream(desk, office, name) for name in STREAMS)),
        )
    streams = {name: state for name, (known, state) in zip(STREAMS, states, strict=True) if known}
    return Picture(dict(zip(SERVICES, answers, strict=True)), streams)


async def _stream(desk: Desk, office: "Postkontor", name: str) -> "tuple[bool, StreamState | None]":
    """Return whether the bus tells of the stream, and how it is. Without JetStream the workers may still answer."""
    from client import PostkontorError

    try:
        return True, await office.stream_state(name)
    except PostkontorError as error:
        desk.note(desk.sentence("status_bus_silent", stream=name, detail=error))
        return False, None


def _told(desk: Desk, trouble: "Trouble") -> str:
    details = {
        name: duration(value) if name == "age" and isinstance(value, int) else value
        for name, value in trouble.details.items()
    }
    return desk.sentence(trouble.sentence, **details)


def _table_of_workers(desk: Desk, picture: "Picture", now: datetime) -> Any:
    from services.chassis.topology import lanes

    rows: list[tuple[object, ...]] = []
    for service, answers in picture.workers.items():
        stored, oldest = picture.stored(service), picture.oldest(service)
        owned = {lane.number for answer in answers for lane in answer.lanes}
        due = sum(one.count for one in stored.due) if stored else "?"
        rows.append((
            service, f"{len(owned)}/{len(lanes(service, picture.partitions))}", picture.waiting(service),
            _ago(now, oldest), f"{sum(answer.per_second for answer in answers):.1f}",
            _ago(now, stored.oldest_unpublished_at) if stored else "?", due, stored.dead_letters if stored else "?",
        ))  # fmt: skip
    headings = ("worker", "lanes", "waiting", "oldest", "pace", "unpublished", "due_now", "dead")
    return table(desk, headings, rows)


def _table_of_replicas(desk: Desk, picture: "Picture", now: datetime) -> Any:
    from services.cli.judging import lane_names

    rows = [
        (
            service, answer.replica, lane_names(lane.number for lane in answer.lanes) or desk.word("none"),
            _ago(now, answer.started_at), _ago(now, answer.last_batch_at), answer.version, _schema(answer),
        )
        for service, answers in picture.workers.items()
        for answer in answers
    ]  # fmt: skip
    return table(desk, ("worker", "replica", "lanes", "runs_for", "last_batch", "version", "schema"), rows)


def _schema(answer: "StatusAnswer") -> str:
    return answer.stored.schema_version.rpartition("/")[2][:4] if answer.stored else "?"


def _ago(now: datetime, at: datetime | None) -> str:
    return "–" if at is None else duration(max(0, int((now - at).total_seconds())))


def _as_json(desk: Desk, picture: "Picture", troubles: "list[Trouble]") -> str:
    workers = {
        service: {
            "waiting": picture.waiting(service),
            "replicas": [answer.model_dump(mode="json") for answer in answers],
        }
        for service, answers in picture.workers.items()
    }
    streams = {
        name: None if state is None else {"messages": state.messages, "last_seq": state.last_seq, "bytes": state.bytes}
        for name, state in picture.streams.items()
    }
    wrong = [
        {"what": trouble.sentence.removeprefix("status_"), "text": _told(desk, trouble)} | dict(trouble.details)
        for trouble in troubles
    ]
    return json.dumps({"workers": workers, "streams": streams, "wrong": wrong}, ensure_ascii=False)
