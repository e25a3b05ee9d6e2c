"""Documents that are written from the code: write one, or say that it is out of date.

Each has a module of its own that knows the text, and is run as a program:

    python -m <module>            write the document
    python -m <module> --check    write nothing; exit with 1 when it is out of date
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def keep(path: Path, text: str, command: str, arguments: Sequence[str]) -> int:
    """Write a document, or with `--check` compare it; return the exit code of the command."""
    if list(arguments) == ["--check"]:
        is_current = path.exists() and path.read_text(encoding="utf-8") == text
        if not is_current:
            print(f"docs/{path.name} is out of date; write it anew with: {command}", file=sys.stderr)
        return 0 if is_current else 1
    if arguments:
        print(f"unknown argument {arguments[0]}; usage: {command} [--check]", file=sys.stderr)
        return 2
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return 0


def text_of(lines: Iterable[str]) -> str:
    """Return a document of these lines."""
    return "\n".join(lines) + "\n"


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield a table's lines."""
    yield f"| {' | '.join(headings)} |"
    yield "|" + "---|" * len(headings)
    for row in rows:
        yield f"| {' | '.join(row)} |"
