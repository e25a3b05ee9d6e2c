"""A progress bar for people in front of a terminal, a line now and then for logs."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from services.cli.desk import Desk

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

LINE_EVERY_SECONDS = 5.0


class Counter:
    """Counts of a known total. `sentence` says them in a line; its names are those of the counts, and `total`."""

    def __init__(self, desk: Desk, total: int, sentence: str, bar: "tuple[Progress, TaskID] | None") -> None:
        self._desk, self._total, self._sentence, self._bar = desk, total, sentence, bar
        self._counts: dict[str, int] = {}
        self._told, self._told_at = "", 0.0

    def add(self, **more: int) -> None:
        """Count more of each."""
        self.show(self._total, **{name: self._counts.get(name, 0) + count for name, count in more.items()})

    def show(self, total: int, **counts: int) -> None:
        """Show these counts of a total."""
        self._total, self._counts = total, counts
        completed = sum(counts.values())
        line = self._desk.sentence(self._sentence, total=total, **counts)
        if self._bar is not None:
            progress, task = self._bar
            progress.update(task, total=total, completed=completed, now=line)
        elif line != self._told and (completed == total or time.monotonic() - self._told_at >= LINE_EVERY_SECONDS):
            self._told, self._told_at = line, time.monotonic()
            self._desk.note(line)


@contextmanager
def counter(desk: Desk, what: str, total: int, sentence: str) -> Generator[Counter]:
    """Count for as long as the block lasts: a bar on a terminal, lines elsewhere; both beside the result."""
    if not desk.notes.is_terminal:
        yield Counter(desk, total, sentence, None)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        TextColumn("{task.fields[now]}"),
    )  # fmt: skip
    with Progress(*columns, console=desk.notes) as progress:
        task = progress.add_task(what, total=total or None, now="")
        yield Counter(desk, total, sentence, (progress, task))
