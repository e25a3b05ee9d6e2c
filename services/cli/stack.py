"""`postkontor dev` and `demo`: the embedded stack."""

import asyncio
import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.desk import DEFAULT_STACK, Desk, desk_of
from services.cli.running import UNEXPECTED, run
from services.cli.terminal import command

if TYPE_CHECKING:
    from deploy.devstack.stack import Stack

NEXT_STEPS = (
    'account open nordwind --package silver --company "Nordwind Segel" --email post@nordwind.example',
    "domain add nordwind-segel.de -a nordwind",
    "demo-dns register nordwind-segel.de",
    "demo-dns txt nordwind-segel.de -a nordwind",
    "domain validate nordwind-segel.de -a nordwind",
    "domain password nordwind-segel.de -a nordwind",
    "mailbox create anna@nordwind-segel.de --first-name Anna --last-name Petersen --plan mail -a nordwind",
    "events tail --since 1h",
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("dev")(dev)
    app.command("demo")(play_demo)


def dev(
    ctx: typer.Context,
    directory: Annotated[Path, typer.Option("--directory", help="Where servers keep their data.")] = DEFAULT_STACK,
    replicas: Annotated[int, typer.Option("--replicas", min=1, max=9, help="Processes per worker.")] = 1,
) -> None:
    """Run everything on this machine until Ctrl-C.

    NATS, PostgreSQL, a demo DNS, the four workers, the writer of invoices' files, and the service that mail servers
    ask; the data stay in the directory.
    """
    desk = desk_of(ctx)
    run(desk, lambda: _serve(desk, directory, replicas))


def play_demo() -> None:
    """Play a customer's first day on a stack of its own."""
    from deploy.devstack import demo

    demo.main(command())


async def _serve(desk: Desk, directory: Path, replicas: int) -> None:
    from deploy.devstack.stack import Stack

    stack = Stack(directory, replicas=replicas, beside=True)
    desk.note(desk.sentence("stack_starting"))
    try:
        await stack.start()
    except Exception as error:
        what = desk.sentence("StackProblem", detail=str(error) or type(error).__name__)
        desk.fail(UNEXPECTED, "StackProblem", what, desk.sentence("StackProblem_hint", directory=directory))
    try:
        _announce(desk, stack, directory)
        await _asked_to_stop()
    finally:
        desk.note(desk.sentence("stack_stopping"))
        await stack.stop()


def _announce(desk: Desk, stack: "Stack", directory: Path) -> None:
    environment = stack.environment()
    shown = {name: value for name, value in environment.items() if "DATABASE" not in name}  # it holds the password
    if desk.json:
        desk.print_json(json.dumps({"directory": str(directory), "environment": shown}))
        return
    desk.console.print(desk.sentence("stack_runs", directory=directory.resolve()), markup=False, soft_wrap=True)
    for name, value in shown.items():
        desk.console.print(f"  {name}={value}", markup=False, soft_wrap=True)
    for sentence in _worth_knowing(stack):
        desk.console.print(desk.sentence(sentence), markup=False, soft_wrap=True)
    desk.console.print(desk.sentence("stack_next"), markup=False)
    elsewhere = "" if directory == DEFAULT_STACK else f" --stack {directory}"
    for step in NEXT_STEPS:
        desk.console.print(f"  {command()} {step}{elsewhere}", markup=False, soft_wrap=True)


def _worth_knowing(stack: "Stack") -> list[str]:
    from deploy.devstack.beside import RENDERER, demo_seller

    seller = ["stack_seller"] if demo_seller() else []
    return seller if any(process.name == RENDERER for process in stack.beside()) else [*seller, "stack_no_renderer"]


async def _asked_to_stop() -> None:
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked.set)
    await asked.wait()
