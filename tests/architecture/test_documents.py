"""What the documents name is there: files, headings, make targets, commands and options; their Python compiles."""

import ast
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from services.cli import app, hoist

MUST_EXIST = ("README.md", "ARCHITECTURE.md", "CHANGELOG.md")

FENCE = re.compile(
    r"^ *(?P<fence>```+|~~~+) *(?P<language>[\w+-]*)[^\n]*\n(?P<body>.*?)^ *(?P=fence) *$", re.MULTILINE | re.DOTALL
)
CODE_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
LINK = re.compile(r"!?\[[^\]]*\]\(<?([^()\s>]+)>?(?: \"[^\"]*\")?\)|^\[[^\]]+\]: +(\S+)", re.MULTILINE)
HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:")
MAKE = re.compile(r"(?:^|[`;&|$] *)make +((?:[a-z][a-z-]*(?: +|$|\b))+)", re.MULTILINE)
TARGET = re.compile(r"^([a-z][a-z-]*):(?!=)", re.MULTILINE)
PLACEHOLDER = re.compile(r"<[^<>\n]*>|\.\.\.|…")


@dataclass(frozen=True)
class Document:
    """A Markdown file, with its code apart from its prose."""

    path: Path
    text: str

    @property
    def prose(self) -> str:
        return FENCE.sub("", self.text)

    def blocks(self) -> Iterator[tuple[str, str]]:
        """Yield language and body of every code block."""
        for match in FENCE.finditer(self.text):
            yield match["language"].lower(), match["body"]

    def code(self) -> Iterator[str]:
        """Yield everything that is set as code."""
        yield from (body for _, body in self.blocks())
        yield from CODE_SPAN.findall(self.prose)

    def anchors(self) -> set[str]:
        """Return what a link may point to within the document."""
        titles = (title.strip().lower() for title in HEADING.findall(self.prose))
        return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in titles}


@pytest.fixture(scope="module")
def documents(repository: Path) -> list[Document]:
    """The documents there are."""
    paths = [repository / name for name in MUST_EXIST] + sorted((repository / "docs").glob("**/*.md"))
    return [Document(path, path.read_text(encoding="utf-8")) for path in paths if path.exists()]


def test_the_documents_are_there(repository: Path) -> None:
    assert [name for name in MUST_EXIST if not (repository / name).exists()] == []


def test_links_lead_somewhere(documents: list[Document]) -> None:
    findings: list[str] = []
    for document in documents:
        for match in LINK.finditer(document.prose):
            target = match[1] or match[2]
            if not ELSEWHERE.match(target) and (finding := _dead_end(document, target)):
                findings.append(f"{document.path.name}: {target}: {finding}")
    assert not findings, "\n".join(findings)


def _dead_end(document: Document, target: str) -> str | None:
    file, _, anchor = target.partition("#")
    path = document.path.parent / file if file else document.path
    if not path.exists():
        return "no such file"
    if anchor and path.suffix == ".md" and anchor not in Document(path, path.read_text(encoding="utf-8")).anchors():
        return "no such heading"
    return None


def test_tests_that_documents_name_exist(documents: list[Document], repository: Path) -> None:
    sources = (path.read_text(encoding="utf-8") for path in (repository / "tests").glob("**/test_*.py"))
    there = {name for source in sources for name in re.findall(r"def (test_\w+)", source)}
    named = ((document, name) for document in documents for name in re.findall(r"`(test_[a-z0-9_]+)`", document.text))
    findings = [f"{document.path.name}: no test {name}" for document, name in named if name not in there]
    assert not findings, "\n".join(findings)


def test_make_targets_exist(documents: list[Document], repository: Path) -> None:
    targets = set(TARGET.findall((repository / "Makefile").read_text()))
    findings = [
        f"{document.path.name}: make {name}"
        for document in documents
        for code in document.code()
        for names in MAKE.findall(code)
        for name in names.split()
        if name not in targets
    ]
    assert not findings, "\n".join(findings)


def test_commands_exist_with_their_options(documents: list[Document]) -> None:
    findings = [
        f"{document.path.name}: {' '.join(command)}: {finding}"
        for document in documents
        for code in document.code()
        for command in commands_in(code)
        if (finding := _unknown(command[1:]))
    ]
    assert not findings, "\n".join(findings)


def commands_in(code: str) -> Iterator[list[str]]:
    """Yield the calls of `postkontor` in a piece of code, as words."""
    joined = PLACEHOLDER.sub("placeholder", code.replace("\\\n", " "))
    for line in joined.splitlines():
        for part in re.split(r"\|\||&&|[|;]|\$\(", line):
            words = part.strip().removeprefix("$ ").removeprefix(".venv/bin/")
            if re.match(r"postkontor(?: |$)", words):
                try:
                    yield shlex.split(words, comments=True)
                except ValueError:  # a quotation goes on in the next line
                    yield words.split()


def _unknown(words: list[str]) -> str | None:
    """Return what the command line does not know of a call, or None. Arguments may be left out."""
    command = _all_commands()
    path: list[str] = []
    waiting = hoist(words)
    while True:
        context = command.context_class(command, info_name="postkontor")
        try:
            _, waiting, _ = command.make_parser(context).parse_args(waiting)
        except Exception as error:  # the command line says in its own words what it does not know
            return str(error)
        if not waiting or not hasattr(command, "get_command"):
            break
        command, name = command.get_command(context, waiting[0]), waiting.pop(0)
        path.append(name)
        if command is None:
            return f"No such command: {name}"
    return _help_of(tuple(path))


@cache
def _all_commands() -> Any:
    return typer.main.get_command(app)


@cache
def _help_of(path: tuple[str, ...]) -> str | None:
    """Return what is wrong with a command's help, or None."""
    shown = CliRunner().invoke(app, [*path, "--help"])
    return None if shown.exit_code == 0 else f"{' '.join(path)} --help ends with {shown.exit_code}"


def test_python_in_the_documents_compiles(documents: list[Document]) -> None:
    findings: list[str] = []
    for document in documents:
        for language, body in document.blocks():
            if language in ("python", "py"):
                try:
                    compile(body, document.path.name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
                except SyntaxError as error:
                    findings.append(f"{document.path.name}: {error}: {error.text}")
    assert not findings, "\n".join(findings)


@pytest.mark.parametrize(
    ("call", "found"),
    [
        ("postkontor --help", None),
        ("postkontor domain add nordwind-segel.de -a nordwind", None),
        ("postkontor -a nordwind -o json mailbox list", None),
        ("postkontor domain ad nordwind-segel.de", "No such command: ad"),
        ("postkontor mailbox list --colour", "No such option: --colour"),
    ],
)
def test_unknown_commands_and_options_are_found(call: str, found: str | None) -> None:
    assert _unknown(call.split()[1:]) == found


def test_commands_are_found_in_code() -> None:
    code = "# start\n$ postkontor up && .venv/bin/postkontor account show \\\n  -a <account>  # now\npostkontor-x up\n"
    found: list[Any] = list(commands_in(code))
    assert found == [["postkontor", "up"], ["postkontor", "account", "show", "-a", "placeholder"]]
