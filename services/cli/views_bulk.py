"""How bulk files and their items look, on the screen and as CSV."""

import csv
import io
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from client.bulkfile import COLUMNS, raw_lines
from contracts.bulk_v1 import BulkItemView, BulkView
from contracts.values import address_for_people
from services.cli.desk import Desk
from services.cli.terminal import local_time, sheet, table

COUNTS = ("waiting", "under_way", "done", "refused", "cancelled")


def show_bulk(desk: Desk, bulk: BulkView) -> None:
    """Print how a bulk stands."""
    counts = [(f"bulk_{name}", str(count)) for name in COUNTS if (count := getattr(bulk, name))]
    lines = [
        ("bulk_id", bulk.bulk_id),
        ("bulk_label", bulk.label),
        ("bulk_state", desk.word(f"bulk_{bulk.state}")),
        ("bulk_parts", f"{bulk.parts_received}/{bulk.parts}"),
        ("bulk_total", bulk.total),
        *counts,
        ("bulk_begun", local_time(bulk.begun_at)),
        ("bulk_ended", bulk.finished_at and local_time(bulk.finished_at)),
    ]
    desk.console.print(sheet(desk, lines))


def show_bulks(desk: Desk, bulks: Iterable[BulkView]) -> None:
    """Print bulks as a table."""
    headings = ("bulk_id", "bulk_label", "bulk_state", "bulk_total", "bulk_done", "bulk_refused", "bulk_begun")
    rows = [
        (b.bulk_id, b.label or "–", desk.word(f"bulk_{b.state}"), b.total, b.done, b.refused, local_time(b.begun_at))
        for b in bulks
    ]
    desk.console.print(table(desk, headings, rows))


def show_items(desk: Desk, items: Iterable[BulkItemView]) -> None:
    """Print items as a table."""
    rows = [
        (i.line, i.kind, address_for_people(i.subject or "–"), desk.word(f"bulk_{i.state}"), _why(desk, i))
        for i in items
    ]
    desk.console.print(table(desk, ("bulk_line", "kind", "bulk_subject", "bulk_state", "bulk_result"), rows))


def write_csv(desk: Desk, items: Iterable[BulkItemView]) -> None:
    """Write items as CSV."""
    rows = [
        (i.line, i.kind, i.subject or "", i.state, i.refusal.code if i.refusal else "", _why(desk, i)) for i in items
    ]
    _write([("line", "kind", "address", "state", "code", "refusal"), *rows])


def write_again(desk: Desk, items: Iterable[BulkItemView], source: Path) -> None:
    """Write the refused lines of the file again, each with its reason in a column that is passed over when sent.

    Raise OSError when the file cannot be read.
    """
    reasons: dict[int, list[str]] = {}
    for item in items:
        reasons.setdefault(item.line, []).append(_why(desk, item))
    lines = [(given, reasons[line]) for line, given in raw_lines(source) if line in reasons]
    used = [name for name in COLUMNS if any(name in given for given, _ in lines)]
    rows = [(*(_cell(given.get(name, "")) for name in used), " ".join(why)) for given, why in lines]
    _write([(*used, "refusal"), *rows])


def _why(desk: Desk, item: BulkItemView) -> str:
    if item.refusal is None:
        return item.outcome or ""
    return " ".join(f"{finding.code}: {desk.text(finding.text)}" for finding in item.refusal.findings)


def _cell(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)  # pyright: ignore


def _write(rows: Sequence[tuple[object, ...]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    sys.stdout.write(text.getvalue())
