"""The command line: its exit codes, its languages, its output for programs. Whole journeys are tested with workers."""

import asyncio
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer

from contracts.ids import uuid7
from deploy.devstack.nats import NatsServer
from services.cli import app
from services.cli.desk import hoist
from services.cli.terminal import money, size
from services.cli.texts import SENTENCES
from services.cli.words import WORDS
from tests.client.conftest import HASH, StandIn

NOWHERE = "nats://127.0.0.1:1"
PROGRAM = "import sys; from services.cli import main; main(sys.argv[1:])"
ROOT = Path(__file__).parents[2]
RESELLER = ("package", "assign", "reseller", "--price", "499", "-a", "nordwind", "--nats", NOWHERE)
CREATE = ("mailbox", "create", "--first-name", "Anna", "--last-name", "Nord", "--plan", "mailxl")


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


async def run(*arguments: str, stdin: str = "", **environment: str) -> Ran:
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("POSTKONTOR_", "LC_", "LANG"))
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROGRAM,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=inherited | {"PYTHONPATH": str(ROOT), "COLUMNS": "120"} | environment,
        cwd=ROOT / "tests",  # where no stack runs
    )
    out, err = await process.communicate(stdin.encode())
    assert process.returncode is not None
    return Ran(process.returncode, out.decode(), err.decode())


# --- without a bus --------------------------------------------------------------------------------------------------


async def test_help_names_commands_and_exit_codes() -> None:
    shown = await run("--help")
    assert shown.code == 0
    for word in ("domain", "mailbox", "events", "dev", "3  refused", "5  the bus"):
        assert word in shown.out


def groups(command: Any, *path: str) -> Iterator[str]:
    """Every command that has commands of its own, as it is typed."""
    yield " ".join(path)
    for name, part in command.commands.items():
        if hasattr(part, "commands"):
            yield from groups(part, *path, name)


@pytest.mark.parametrize("command", list(groups(typer.main.get_command(app))))
async def test_every_group_has_help(command: str) -> None:
    """On 80 columns, with no command's purpose cut short."""
    shown = await run(*command.split(), "--help", COLUMNS="80")
    assert shown.code == 0
    assert not [line for line in shown.out.splitlines() if line.endswith("...") and not line.startswith("Usage:")]


async def test_help_is_quick() -> None:
    """Completion runs the program at every press of Tab: nothing heavy may be imported for it."""
    begun = time.perf_counter()
    checked = await run("--help", PYTHONPROFILEIMPORTTIME="1")
    assert not [name for name in ("pydantic", "nats.aio", "rich.table", "asyncpg") if f" {name}\n" in checked.err]
    assert time.perf_counter() - begun < 5  # a slow machine's bound; 0.2 s is usual


async def test_missing_bus_is_exit_code_5_in_one_message() -> None:
    ran = await run("account", "usage", "-a", "nordwind", "--nats", NOWHERE)
    assert ran.code == 5
    assert "no bus at 127.0.0.1:1" in ran.err
    assert "postkontor dev" in ran.err
    assert "Traceback" not in ran.err
    assert ran.out == ""


async def test_errors_speak_german() -> None:
    ran = await run("account", "usage", "-a", "nordwind", "--nats", NOWHERE, "--lang", "de")
    assert "Der Bus ist nicht erreichbar" in ran.err


async def test_language_follows_the_locale() -> None:
    assert "Das Konto fehlt." in (await run("account", "usage", "--nats", NOWHERE, LANG="de_DE.UTF-8")).err
    assert "The account is missing." in (await run("account", "usage", "--nats", NOWHERE, LANG="C.UTF-8")).err


async def test_errors_are_json_for_programs() -> None:
    ran = await run("account", "usage", "-a", "nordwind", "--nats", NOWHERE, "-o", "json")
    assert ran.code == 5
    assert ran.json["error"]["kind"] == "NotConnected"
    assert ran.err == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("account", "usage"), "--account"),
        (("account", "usage", "-a", "Nord.Wind", "--nats", NOWHERE), "is no account id"),
        (("domain", "validate", "no_domain", "-a", "nordwind", "--nats", NOWHERE), "postkontor: domain: not a domain"),
        (("domain", "add", "a.de", "--wait", "--no-wait", "-a", "nordwind", "--nats", NOWHERE), "exclude each other"),
        (("account", "update", "-a", "nordwind", "--nats", NOWHERE), "Name what shall change"),
        (("account", "update", "--email", "anna", "-a", "nordwind", "--nats", NOWHERE), "--email: a mail address"),
        ((*RESELLER, "--plan-cap", "mailxl"), "mailxl is not written PLAN=VALUE"),
        ((*RESELLER, "--plan-cap", "mailxl=many"), "many is no number"),
        (("demo-dns", "txt", "a.de", "www", "-a", "nordwind"), "Give a name and a value"),
        ((*CREATE, "anna@nordwind-segel.de", "-a", "nordwind"), "--password-stdin"),
        (("domain", "features", "a.de", "-a", "nordwind"), "--set"),
        (("mailbox", "delete", "a@a.de", "-a", "nordwind"), "--yes"),
        (("request", "show", "17", "-a", "nordwind"), "17"),
        (("events", "tail", "--since", "yesterday"), "yesterday"),
        (("account", "open", "nordwind", "--package", "reseller"), "--company"),
    ],
)
async def test_wrong_usage_is_exit_code_2_and_says_what_is_wrong(arguments: tuple[str, ...], said: str) -> None:
    ran = await run(*arguments)
    assert ran.code == 2
    assert said in ran.err


async def test_stopped_stack_is_exit_code_5() -> None:
    ran = await run("account", "usage", "-a", "nordwind")
    assert ran.code == 5
    assert "postkontor dev" in ran.err


async def test_wrong_lengths_and_choices_are_told_in_german() -> None:
    ran = await run(
        *(*CREATE, "anna@nordwind-segel.de", "--first-name", "A" * 101, "--password-hash", HASH),
        *("-a", "nordwind", "--nats", NOWHERE, "--lang", "de"),
    )
    assert ran.code == 2
    assert "--first-name: höchstens 100 Zeichen" in ran.err


async def test_password_is_never_an_argument() -> None:
    assert (await run(*CREATE, "anna@nordwind-segel.de", "--password", "geheim")).code == 2


# --- with a bus -----------------------------------------------------------------------------------------------------


async def create(bus: NatsServer, *more: str, **options: str) -> Ran:
    address = "anna@nordwind-segel.de"
    return await run(*CREATE, address, "-a", "nordwind", "--nats", bus.url, *more, **options)


async def test_done_prints_the_mailbox_for_people(bus: NatsServer, workers: StandIn) -> None:
    ran = await create(bus, "--password-stdin", "--lang", "de", stdin="geheim\n")
    assert ran.code == 0
    assert "Adresse" in ran.out
    assert "anna@nordwind-segel.de" in ran.out
    assert "2,50 €" in ran.out
    assert "Erledigt" in ran.err


async def test_done_prints_the_events_data_for_programs(bus: NatsServer, workers: StandIn) -> None:
    ran = await create(bus, "--password-hash", HASH, "-o", "json")
    assert ran.json["mailbox"]["address"] == "anna@nordwind-segel.de"
    assert ran.err == ""


async def test_refusal_is_exit_code_3_with_code_and_text(bus: NatsServer, workers: StandIn) -> None:
    people = await create(bus, "--password-hash", HASH, "--first-name", "Nobody", "--lang", "de")
    programs = await create(bus, "--password-hash", HASH, "--first-name", "Nobody", "-o", "json")
    assert (people.code, programs.code) == (3, 3)
    assert "Abgelehnt (domain_unknown): Die Domain" in people.err
    assert programs.json["refusal"]["code"] == "domain_unknown"


async def test_no_answer_is_exit_code_4_and_names_the_request(bus: NatsServer, workers: StandIn) -> None:
    workers.deaf, request_id = True, str(uuid7())
    ran = await create(bus, "--password-hash", HASH, "--timeout", "0.5", "--request-id", request_id)
    assert ran.code == 4
    assert f"postkontor request show {request_id} -a nordwind" in ran.err


async def test_unwaited_request_prints_its_id(bus: NatsServer, workers: StandIn) -> None:
    ran = await create(bus, "--password-hash", HASH, "--no-wait")
    assert ran.code == 0
    assert ran.out.strip() in workers.steps


async def test_request_show_tells_who_did_what(bus: NatsServer, workers: StandIn) -> None:
    sent = await create(bus, "--password-hash", HASH, "--no-wait")
    ran = await run("request", "show", sent.out.strip(), "-a", "nordwind", "--nats", bus.url, "--lang", "en")
    assert ran.code == 0
    assert "mailbox" in ran.out
    assert "done" in ran.out
    assert "No answer from: dnscheck" in ran.err


async def test_unset_bus_is_exit_code_5(server: NatsServer) -> None:
    ran = await create(server, "--password-hash", HASH, "--timeout", "1")
    assert ran.code == 5
    assert "postkontor bus apply" in ran.err


async def test_bus_apply_makes_the_streams(server: NatsServer) -> None:
    ran = await run("bus", "apply", "--nats", server.url)
    assert ran.code == 0
    assert "stream CMD" in ran.out


async def test_events_are_tailed_as_lines_of_json(bus: NatsServer, workers: StandIn) -> None:
    await workers.state("anna@nordwind-segel.de", uuid7())
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, "events", "tail", "--since", "1h", "-o", "json", "--nats", bus.url),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout is not None
    async with asyncio.timeout(20):
        line = await process.stdout.readline()
        process.terminate()
        await process.wait()
    assert json.loads(line)["data"]["mailbox"]["address"] == "anna@nordwind-segel.de"


# --- parts ----------------------------------------------------------------------------------------------------------


def test_global_options_may_stand_anywhere() -> None:
    assert hoist(["mailbox", "list", "-a", "x", "-o=json", "--domain", "d"]) == [
        "-a",
        "x",
        "-o=json",
        "mailbox",
        "list",
        "--domain",
        "d",
    ]
    assert hoist(["group", "create", "--", "-a"]) == ["group", "create", "--", "-a"]
    assert hoist(["mailbox", "list", "-a"]) == ["-a", "mailbox", "list"]


def test_every_word_has_both_languages() -> None:
    for texts in (*WORDS.values(), *SENTENCES.values()):
        assert set(texts) == {"de", "en"}


def test_money_and_sizes_are_written_for_their_readers() -> None:
    assert money(123456, "de") == "1.234,56 €"
    assert money(123456, "en") == "EUR 1,234.56"
    assert (size(2 * 10**12), size(100 * 10**6), size(0)) == ("2 TB", "100 MB", "0 B")
