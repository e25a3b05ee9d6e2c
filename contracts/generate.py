"""Write the JSON Schemas, the AsyncAPI document and the golden messages of new types.

    python -m contracts.generate            write what is missing or out of date
    python -m contracts.generate --check    write nothing; name what differs and exit with 1

A golden message of a released type is never written again: it stands for what other programs have sent and stored.
"""

import sys
from collections.abc import Iterable
from pathlib import Path

from contracts import asyncapi_document, json_schema
from contracts.golden_files import golden_files
from contracts.releases import released_digests

HERE = Path(__file__).parent
COMMAND = "python -m contracts.generate"


def main(arguments: list[str]) -> int:
    """Write or check; return the exit code."""
    if unknown := [argument for argument in arguments if argument != "--check"]:
        print(f"unknown argument {unknown[0]}; usage: {COMMAND} [--check]", file=sys.stderr)
        return 2
    wanted = expected()
    drifted = drift(wanted)
    if "--check" not in arguments:
        write(wanted, drifted)
        print(f"{len(drifted)} files written or removed below {HERE.name}/" if drifted else "everything is up to date")
        return 0
    for path, what in drifted.items():
        print(f"{HERE.name}/{path}: {what}", file=sys.stderr)
    if drifted:
        print(f"the files do not match the models; regenerate with: {COMMAND}", file=sys.stderr)
    return 1 if drifted else 0


def expected() -> dict[str, str]:
    """Return the text of every generated file by its path below contracts/, released golden messages apart."""
    released = released_digests()
    golden = {path: text for path, text in golden_files().items() if Path(path).name not in released}
    asyncapi = {asyncapi_document.PATH: json_schema.text_of(asyncapi_document.asyncapi_document())}
    return json_schema.schema_files() | asyncapi | golden


def drift(wanted: dict[str, str]) -> dict[str, str]:
    """Return every file that is missing, out of date or left over, with which of these it is."""
    found = {path.relative_to(HERE).as_posix(): path for path in HERE.glob("schemas/*/*.json")}
    leftovers = dict.fromkeys(sorted(found.keys() - wanted.keys()), "no such message any more")
    return {path: what for path, text in wanted.items() if (what := _difference(HERE / path, text))} | leftovers


def write(wanted: dict[str, str], drifted: Iterable[str]) -> None:
    """Write what differs and remove schemas of messages that are gone."""
    for path in drifted:
        if path not in wanted:
            (HERE / path).unlink()
            continue
        (HERE / path).parent.mkdir(parents=True, exist_ok=True)
        (HERE / path).write_text(wanted[path], encoding="utf-8")


def _difference(path: Path, text: str) -> str | None:
    if not path.exists():
        return "missing"
    return None if path.read_text(encoding="utf-8") == text else "out of date"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
