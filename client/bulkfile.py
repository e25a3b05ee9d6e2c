"""Bulk files as people write them: CSV or JSON lines, checked line by line, cut into parts that fit into messages.

A file is read as a stream, once to check and to cut it and once to send it, so that its size costs no memory.
"""

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from contracts.base import Request
from contracts.bulk_v1 import KINDS, MAX_ITEMS, MAX_PART_ITEMS, BulkItem, read_order
from contracts.envelope import MAX_MESSAGE_BYTES
from contracts.ids import derived
from contracts.mailbox_v1 import AddAliases, CreateMailbox
from contracts.refusals import Refusal
from contracts.values import address_for_people

COLUMNS = (
    "kind", "address", "domain", "first_name", "last_name", "plan", "password", "password_hash", "aliases",
    "when_unverified",
)  # fmt: skip
PASSED_OVER = ("refusal",)  # what `postkontor bulk items` writes beside refused lines
SEPARATORS = ",;\t"
JSON_SUFFIXES = (".jsonl", ".ndjson", ".json")
PART_BYTES = MAX_MESSAGE_BYTES * 3 // 4  # the envelope and the frame of a part need their share
MAX_LINE_BYTES = 1_000_000
# As long as the hash that takes its place: parts are cut before passwords are hashed.
STAND_IN = "{ARGON2ID}$argon2id$v=19$m=19456,t=2,p=1$" + "A" * 22 + "$" + "A" * 43

_USED = {
    "domain": {"kind", "address", "domain", "password", "password_hash"},
    "mailbox": {*COLUMNS} - {"domain"},
    "alias": {"kind", "address", "aliases", "when_unverified"},
}
_BULKS = UUID("6f0a2c53-6a0e-4f0c-9d4e-0b8b8a1f3f57")


@dataclass(frozen=True)
class Problem:
    """What is wrong with a line, by code. Of what stands there only columns' names and addresses are repeated."""

    line: int
    code: str
    details: dict[str, str] = field(default_factory=dict[str, str])


class UnreadableFile(Exception):
    """The file as a whole cannot be read: `problem` says from where on."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(f"line {problem.line}: {problem.code}")


@dataclass(frozen=True)
class Entry:
    """One order of a line. A password in clear stays here until it is hashed."""

    line: int
    kind: str
    order: dict[str, Any] = field(repr=False)
    password: str | None = field(default=None, repr=False)

    def item(self, password_hash: str | None = None) -> BulkItem:
        """Return the entry as it travels."""
        order = self.order if password_hash is None else self.order | {"password_hash": password_hash}
        return BulkItem(line=self.line, kind=self.kind, order=order)


@dataclass
class BulkFile:
    """A file that was checked: what it holds, what is wrong with it, and how it is cut."""

    path: Path
    fingerprint: bytes = b""  # of all bytes; never sent: the file may hold passwords
    counts: Counter[str] = field(default_factory=Counter[str])
    parts: list[int] = field(default_factory=list[int])  # how many items each has
    problems: list[Problem] = field(default_factory=list[Problem])

    @property
    def total(self) -> int:
        """Return the number of items that can be sent."""
        return sum(self.parts)

    @property
    def clear_passwords(self) -> int:
        """Return how many passwords will have to be hashed."""
        return self.counts["password"]

    def part_entries(self) -> Iterator[tuple[int, list[Entry]]]:
        """Yield the parts' numbers and entries, reading the file once more. Lines with problems are left out."""
        bad = {problem.line for problem in self.problems}
        entries = (entry for line in _lines(self.path) for entry in _good(line, bad))
        for number, size in enumerate(self.parts, start=1):
            yield number, [entry for _, entry in zip(range(size), entries, strict=False)]


def read_file(path: Path) -> BulkFile:
    """Check a file and cut it into parts. Raise UnreadableFile, or OSError when it cannot be opened."""
    checked = BulkFile(path, _fingerprint(path))
    seen: dict[tuple[str, str], int] = {}
    count = size = 0
    for line in _lines(path):
        found = line if isinstance(line, Problem) else _entries(*line)
        if isinstance(found, Problem):
            checked.problems.append(found)
            continue
        entries, names = found
        place = entries[0].line
        twice = next(((name, seen[name]) for name in names if name in seen), None)
        if twice is not None:
            (_, name), first = twice
            checked.problems.append(Problem(place, "twice", {"twin": address_for_people(name), "first": str(first)}))
            continue
        weights = [len(entry.item(STAND_IN if entry.password else None).model_dump_json()) + 1 for entry in entries]
        if max(weights) > PART_BYTES:
            checked.problems.append(Problem(place, "too_long"))
            continue
        seen.update(dict.fromkeys(names, place))
        for entry, weight in zip(entries, weights, strict=True):
            if count == MAX_PART_ITEMS or size + weight > PART_BYTES:
                checked.parts.append(count)
                count = size = 0
            count, size = count + 1, size + weight
            checked.counts[entry.kind] += 1
            checked.counts["password"] += entry.password is not None
    checked.parts += [count] if count else []
    if checked.total > MAX_ITEMS:
        raise UnreadableFile(Problem(1, "too_many", {"most": str(MAX_ITEMS), "items": str(checked.total)}))
    return checked


def bulk_id_of(account: str, digest: str) -> UUID:
    """Return the id under which a file is sent unless another is wished: the same file resumes the same bulk."""
    return derived(_BULKS, f"{account}/{digest}")


def is_json(path: Path) -> bool:
    """Tell JSON lines from CSV, by the name."""
    return path.suffix.lower() in JSON_SUFFIXES


def raw_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield lines as they stand in the file, by column, without checking more than their form."""
    for line in _lines(path):
        if not isinstance(line, Problem):
            yield line


# --- lines ------------------------------------------------------------------------------------------------------


def _fingerprint(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _text(path: Path) -> Iterator[str]:
    with path.open("rb") as file:
        for number, raw in enumerate(iter(lambda: file.readline(MAX_LINE_BYTES + 1), b""), start=1):
            if len(raw) > MAX_LINE_BYTES:
                raise UnreadableFile(Problem(number, "line_too_long"))
            try:
                text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError:
                raise UnreadableFile(Problem(number, "not_utf8")) from None
            if "\x00" in text:
                raise UnreadableFile(Problem(number, "not_text"))
            yield text


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any]] | Problem]:
    return _json_lines(_text(path)) if is_json(path) else _csv_lines(_text(path))


def _json_lines(text: Iterable[str]) -> Iterator[tuple[int, dict[str, Any]] | Problem]:
    for number, line in enumerate(text, start=1):
        if not line.strip():
            continue
        try:
            given: Any = json.loads(line)
        except ValueError:
            yield Problem(number, "not_json")
            continue
        unknown = sorted(set(given) - {*COLUMNS, *PASSED_OVER}) if isinstance(given, dict) else None
        if unknown is None:
            yield Problem(number, "no_object")
        elif unknown:
            yield Problem(number, "unknown_column", {"columns": ", ".join(name[:40] for name in unknown[:5])})
        else:
            yield number, {name: value for name, value in given.items() if value is not None}


def _csv_lines(text: Iterator[str]) -> Iterator[tuple[int, dict[str, Any]] | Problem]:
    header = next(text, "")
    separator = max(SEPARATORS, key=header.count)
    names = [name.strip().lower() for name in next(csv.reader([header], delimiter=separator), [])]
    _check_header(names)
    rows = csv.reader(text, delimiter=separator, strict=True)
    while True:
        number = rows.line_num + 2  # counted from one, after the header
        try:
            cells = next(rows, None)
        except csv.Error:
            raise UnreadableFile(Problem(number, "bad_quotes")) from None
        if cells is None:
            return
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(names):
            yield Problem(number, "cells", {"cells": str(len(cells)), "columns": str(len(names))})
            continue
        given = zip(names, cells, strict=True)
        yield number, {name: cell if name == "password" else cell.strip() for name, cell in given if cell.strip()}


def _check_header(names: list[str]) -> None:
    unknown = [name for name in names if name not in (*COLUMNS, *PASSED_OVER)]
    if unknown:
        raise UnreadableFile(Problem(1, "unknown_column", {"columns": ", ".join(name[:40] for name in unknown[:5])}))
    if "kind" not in names or not {"address", "domain"} & set(names):
        raise UnreadableFile(Problem(1, "no_header", {"columns": ", ".join(COLUMNS)}))
    if len(set(names)) < len(names):
        raise UnreadableFile(Problem(1, "column_twice"))


# --- from a line to orders ------------------------------------------------------------------------------------------

Read = tuple[list[Entry], list[tuple[str, str]]]


def _good(line: tuple[int, dict[str, Any]] | Problem, bad: set[int]) -> list[Entry]:
    if isinstance(line, Problem) or line[0] in bad:
        return []
    found = _entries(*line)
    return [] if isinstance(found, Problem) else found[0]


def _entries(line: int, given: dict[str, Any]) -> Read | Problem:
    """Return a line's orders and the names that nobody else in the file may have, or what is wrong."""
    kind = given.get("kind")
    if kind not in KINDS:
        return Problem(line, "kind", {"known": ", ".join(KINDS)})
    unused = sorted(set(given) - _USED[kind] - {*PASSED_OVER})
    if unused:
        return Problem(line, "unused_column", {"columns": ", ".join(unused), "kind": kind})
    password = given.get("password")
    if password is not None and ("password_hash" in given or not isinstance(password, str)):
        return Problem(line, "password_choice")
    if kind == "mailbox" and password is None and "password_hash" not in given:
        return Problem(line, "password_missing")
    if kind == "alias" and "aliases" not in given:
        return Problem(line, "aliases_missing")
    made = _made(line, kind, given, password)
    return _checked(made)


def _made(line: int, kind: str, given: dict[str, Any], password: str | None) -> list[Entry]:
    address = given.get("address", given.get("domain"))
    if kind == "domain":
        order = {"domain": address} | _picked(given, "password_hash")
        return [Entry(line, kind, order, password)]
    made: list[Entry] = []
    if kind == "mailbox":
        fields = ("first_name", "last_name", "plan", "password_hash", "when_unverified")
        made.append(Entry(line, kind, {"address": address} | _picked(given, *fields), password))
    if "aliases" in given:
        aliases = given["aliases"]
        named = aliases.replace(",", " ").replace(";", " ").split() if isinstance(aliases, str) else aliases
        made.append(Entry(line, "alias", {"address": address, "aliases": named} | _picked(given, "when_unverified")))
    return made


def _checked(made: list[Entry]) -> Read | Problem:
    entries: list[Entry] = []
    names: list[tuple[str, str]] = []
    for entry in made:
        order = read_order(entry.kind, entry.item(STAND_IN if entry.password else None).order)
        if isinstance(order, Refusal):
            found = order.findings[0].details
            return Problem(entry.line, "value", {"field": str(found["field"]), "reason": str(found["reason"])})
        names += _names(order)
        dumped = order.model_dump(mode="json", exclude_defaults=True)
        if entry.password is not None:
            dumped.pop("password_hash")
        entries.append(Entry(entry.line, entry.kind, dumped, entry.password))
    repeated = next((name for name, count in Counter(names).items() if count > 1), None)
    if repeated is not None:
        return Problem(made[0].line, "twice", {"twin": address_for_people(repeated[1]), "first": str(made[0].line)})
    return entries, names


def _names(order: Request) -> list[tuple[str, str]]:
    if isinstance(order, AddAliases):
        return [("address", alias) for alias in order.aliases]
    if isinstance(order, CreateMailbox):
        return [("address", order.address)]
    return [("domain", str(getattr(order, "domain", "")))]


def _picked(given: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: given[name] for name in names if name in given}
