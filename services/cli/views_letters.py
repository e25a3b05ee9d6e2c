"""How dead letters look."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import typer

from services.cli.desk import Desk
from services.cli.running import REFUSED
from services.cli.terminal import local_time, sheet, table

if TYPE_CHECKING:
    from client.upkeep import Alarm
    from contracts.operations_v1 import DeadLetter

ALARMS_SHOWN = 5


def table_of_troubles(desk: Desk, letters: "Iterable[tuple[str, DeadLetter]]") -> Any:
    """Return the letters by what they have in common, the largest trouble first."""
    troubles: dict[tuple[str, str, str, str], list[DeadLetter]] = {}
    for worker, letter in letters:
        troubles.setdefault((letter.digest, worker, letter.code, letter.type), []).append(letter)
    rows = [
        (
            digest,
            worker,
            len(same),
            code,
            type_.partition(".")[2] or type_,
            _short(max(one.recorded_at for one in same)),
        )
        for (digest, worker, code, type_), same in troubles.items()
    ]
    rows.sort(key=lambda row: row[2], reverse=True)
    return table(desk, ("digest", "worker", "count", "code", "message", "latest"), rows)


def table_of_each(desk: Desk, letters: "Iterable[tuple[str, DeadLetter]]") -> Any:
    """Return a line for each letter."""
    rows = [
        (letter.id, worker, letter.account, letter.code, desk.word(f"kept_{letter.kept or 'can'}"))
        for worker, letter in letters
    ]
    return table(desk, ("id", "worker", "account", "code", "replayable"), rows)


def _short(at: datetime) -> str:
    return at.astimezone().strftime("%m-%d %H:%M")


def show(desk: Desk, worker: str, letter: "DeadLetter") -> None:
    """Print all about one letter."""
    original = f"{letter.stream} {letter.stream_seq}" if letter.stream else None
    desk.console.print(sheet(desk, [
        ("id", letter.id), ("worker", worker), ("account", letter.account), ("message", letter.type),
        ("code", letter.code), ("digest", letter.digest), ("detail", letter.detail), ("original", original),
        ("answered", desk.sentence("dlq_answered" if letter.answered else "dlq_not_answered")),
        ("replayable", desk.word(f"kept_{letter.kept or 'can'}")),
        ("settled", f"{local_time(letter.resolved_at)} ({letter.resolution})" if letter.resolved_at else None),
    ]))  # fmt: skip
    rows = [
        (n, local_time(one.at), one.replica, one.version, _fate(desk, one.fate, one.code, one.detail))
        for n, one in enumerate(letter.attempts, start=1)
    ]
    desk.console.print(table(desk, ("attempt", "time", "replica", "version", "fate"), rows))
    if letter.payload:
        desk.console.print(desk.word("payload"), style="bold")
        desk.console.print(letter.payload, markup=False, soft_wrap=True)


def _fate(desk: Desk, fate: str, code: str | None, detail: str) -> str:
    return " ".join(part for part in (desk.word(f"fate_{fate.replace('-', '_')}"), code, detail) if part)


def tell_results(desk: Desk, results: list[dict[str, Any]]) -> None:
    """Print what became of each letter; exit with 3 when one is dead still."""
    if desk.json:
        desk.print_json(json.dumps(results, ensure_ascii=False))
    elif not results:
        desk.note(desk.sentence("dlq_none"))
    else:
        for result in results:
            desk.console.print(_told(desk, result), markup=False)
    ends = [result["attempt"] for result in results if "attempt" in result]
    if any(end is None or end["fate"] in ("never", "gone") for end in ends):
        raise typer.Exit(REFUSED)


def _told(desk: Desk, result: dict[str, Any]) -> str:
    if "kept" in result:
        return desk.sentence("dlq_kept", id=result["id"], why=desk.word(f"kept_{result['kept']}"))
    end = result["attempt"]
    if end is None:
        return desk.sentence("dlq_still", id=result["id"], worker=result["worker"])
    fate = _fate(desk, end["fate"], end["code"], end["detail"])
    return desk.sentence("dlq_replayed", id=result["id"], worker=result["worker"], fate=fate)


def tell_alarms(desk: Desk, alarms: "Sequence[Alarm]") -> None:
    """Print what the bus has given up."""
    for alarm in alarms[-ALARMS_SHOWN:]:
        desk.note(desk.sentence(
            "dlq_alarm", seq=alarm.stream_seq, stream=alarm.stream, consumer=alarm.consumer, kind=alarm.kind,
            deliveries=alarm.deliveries, at=alarm.at[:19],
        ))  # fmt: skip


def tell_silent(desk: Desk, silent: Sequence[str]) -> None:
    """Name the workers that did not answer."""
    if silent:
        desk.note(desk.sentence("silent_workers", names=", ".join(silent)))
