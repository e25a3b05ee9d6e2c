"""The global options, and what every command gets from them: a connection, a language, a place to print."""

import json
import os
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn
from uuid import UUID

import typer

from services.cli.texts import SENTENCES
from services.cli.words import WORDS

if TYPE_CHECKING:
    from rich.console import Console

    from client import Postkontor
    from contracts.base import Text

UNFOLDED = 10_000
CONNECT_SECONDS = 2.0
DEFAULT_STACK = Path(".postkontor")
WITH_VALUE = (
    "--account", "-a", "--nats", "--seed", "--stack", "--output", "-o", "--lang", "--timeout", "--request-id",
    "--channel", "--quote",
)  # fmt: skip
WITHOUT_VALUE = ("--no-wait", "--dry-run")

Language = Literal["de", "en"]


def hoist(arguments: list[str]) -> list[str]:
    """Move global options to the front, so that they may stand anywhere; what follows `--` is left alone."""
    front: list[str] = []
    rest: list[str] = []
    given = iter(arguments)
    for argument in given:
        name, equals, _ = argument.partition("=")
        if argument == "--":
            rest += [argument, *given]
        elif argument in WITHOUT_VALUE or (equals and name in WITH_VALUE):
            front.append(argument)
        elif argument in WITH_VALUE:
            front += [argument, *([value] if (value := next(given, None)) is not None else [])]
        else:
            rest.append(argument)
    return front + rest


@dataclass(frozen=True)
class Desk:
    """One invocation of the command line."""

    account: str | None
    nats: str | None
    seed: Path | None
    stack: Path
    output: Literal["table", "json"]
    given_language: Language | None
    timeout: float
    wait: bool
    given_request_id: str | None
    channel: Literal["bus", "api", "console"]
    dry_run: bool = False
    given_quote_id: str | None = None

    @property
    def json(self) -> bool:
        """Tell whether a program reads what we print."""
        return self.output == "json"

    @cached_property
    def language(self) -> Language:
        """Return the language of texts: as given, else as the environment says, else English."""
        if self.given_language is not None:
            return self.given_language
        locale = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
        return "de" if locale.lower().startswith("de") else "en"

    @cached_property
    def stack_environment(self) -> dict[str, str]:
        """Return what the running stack has left for programs; empty when none runs."""
        try:
            found: object = json.loads((self.stack / "stack.json").read_text())
        except (OSError, ValueError):
            return {}
        environment = found.get("environment") if isinstance(found, dict) else None
        return environment if isinstance(environment, dict) else {}

    @cached_property
    def environment(self) -> dict[str, str]:
        """Return how to reach the bus: as given, else by the stack that runs in this directory."""
        told = dict(os.environ) if self.nats else self.stack_environment
        if not (self.nats or told.get("POSTKONTOR_NATS_URL")):
            what = self.sentence("no_address", directory=self.stack)
            self.fail(5, "NotConnected", what, self.sentence("no_address_hint"))
        given = {"POSTKONTOR_NATS_URL": self.nats, "POSTKONTOR_NATS_SEED": str(self.seed) if self.seed else None}
        return told | {name: value for name, value in given.items() if value}

    @property
    def nats_url(self) -> str:
        """Return the address of the bus."""
        return self.environment["POSTKONTOR_NATS_URL"]

    @cached_property
    def request_id(self) -> UUID:
        """Return the id to send a request under: as given, or a new one."""
        from contracts.ids import uuid7

        if self.given_request_id is None:
            return uuid7()
        return self.uuid(self.given_request_id)

    @cached_property
    def quote_id(self) -> UUID | None:
        """Return the quote to commit with, if one is given."""
        return None if self.given_quote_id is None else self.uuid(self.given_quote_id)

    @cached_property
    def console(self) -> "Console":
        """Return where results go."""
        from rich.console import Console

        console = Console(highlight=False, soft_wrap=False)
        if not console.is_terminal and "COLUMNS" not in os.environ:
            console.width = UNFOLDED  # a pipe has no edge: what is searched for shall stand on one line
        return console

    @cached_property
    def notes(self) -> "Console":
        """Return where remarks for people go, apart from the results."""
        from rich.console import Console

        return Console(stderr=True, highlight=False)

    def office(self, *, account_needed: bool = True) -> "Postkontor":
        """Return the client for these options."""
        from client import Postkontor

        if account_needed and self.account is None:
            self.fail(2, "usage", self.sentence("no_account"), self.sentence("no_account_hint"))
        try:
            return Postkontor.from_environment(
                self.environment,
                account=self.account,
                source="postkontor-cli",
                channel=self.channel,
                connect_timeout=CONNECT_SECONDS,
            )
        except OSError as error:
            self.fail(5, "NotPermitted", self.sentence("NotPermitted", detail=error), self.sentence("bad_key_hint"))

    def uuid(self, text: str) -> UUID:
        """Read a request id, or end with wrong usage."""
        try:
            return UUID(text)
        except ValueError:
            self.fail(2, "usage", self.sentence("bad_request_id", text=text))

    def text(self, text: "Text") -> str:
        """Choose the language of a text."""
        return text.de if self.language == "de" else text.en

    def word(self, name: str) -> str:
        """Return a heading or label."""
        return WORDS[name][self.language]

    def sentence(self, name: str, **details: object) -> str:
        """Return a sentence of the command line's own."""
        return SENTENCES[name][self.language].format_map(details)

    def print_json(self, text: str) -> None:
        """Print a JSON document for programs, on one line."""
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def note(self, text: str) -> None:
        """Tell people something beside the result."""
        self.notes.print(text, markup=False, soft_wrap=True)

    def fail(self, code: int, kind: str, what: str, hint: str = "") -> NoReturn:
        """Say what happened and what to do, and exit."""
        if self.json:
            self.print_json(json.dumps({"error": {"kind": kind, "text": what, "hint": hint}}, ensure_ascii=False))
        else:
            sys.stderr.write(f"postkontor: {what}\n" + (f"{hint}\n" if hint else ""))
        raise typer.Exit(code)


def desk_of(ctx: typer.Context) -> Desk:
    """Return the desk that the root command made."""
    desk = ctx.find_root().obj
    assert isinstance(desk, Desk)
    return desk
