"""`postkontor bus`: streams and consumers, and who may use the bus."""

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from services.cli.desk import Desk, desk_of
from services.cli.running import NO_ANSWER, UNEXPECTED, USAGE, run

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from deploy.bus.register import Entry, Register
    from services.chassis.bus import Access
    from services.chassis.repartition import Seen

bus_app = typer.Typer(help="The bus: streams, consumers, and who may use it.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The identity, as `bus show` lists it.")]
Directory = Annotated[
    Path | None, typer.Option("--register", help="Where identities.toml lies; by default the embedded stack's.")
]
Partitions = Annotated[int, typer.Option("--partitions", min=1, max=64, help="Lanes of requests per worker.")]
Beside = Annotated[
    int | None,
    typer.Option("--beside", min=1, max=64, help="Another number, while the bus goes from one to the other."),
]

Worker = Annotated[
    Literal["billing", "domain", "mailbox", "dnscheck"] | None, typer.Option("--worker", help="This worker alone.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(bus_app, name="bus")


@bus_app.command("apply")
def apply(
    ctx: typer.Context,
    partitions: Annotated[
        int | None,
        typer.Option("--partitions", min=1, max=64, help="Lanes of requests per worker; 4 for a new bus."),
    ] = None,
    replicas: Annotated[int, typer.Option("--replicas", min=1, max=5, help="Copies of every stream.")] = 1,
) -> None:
    """Make or update streams and consumers, with the admin's key.

    Repeating it changes nothing. `bus repartition` changes the number of partitions.
    """
    from services.chassis import topology

    desk = desk_of(ctx)
    _do_as_admin(desk, lambda access: topology.apply(access, partitions=partitions, replicas=replicas))


@bus_app.command("rewind")
def rewind(
    ctx: typer.Context,
    since: Annotated[str, typer.Option("--since", help="What was stored from then on comes again: 2h, or a time.")],
    worker: Worker = None,
) -> None:
    """Have workers hear messages again.

    What the bus still has, after their database was restored. With the admin's key. Stop the workers before. What
    their inboxes know ends there, so that going back too far does no harm.
    """
    from contracts.messages import SERVICES
    from services.chassis import rewinding
    from services.cli.events import time_given

    desk = desk_of(ctx)
    begin = time_given(desk, since)
    _do_as_admin(desk, lambda access: rewinding.rewind(access, begin, [worker] if worker else SERVICES))


def _do_as_admin(desk: Desk, what: "Callable[[Access], Awaitable[list[str]]]") -> None:
    """Do what takes the admin's key, and print a line for each thing done."""

    async def done() -> list[str]:
        return await what(await _admins_access(desk))

    lines = run(desk, done)
    if desk.json:
        desk.print_json(json.dumps(lines))
    else:
        desk.console.print("\n".join(lines), markup=False)


@bus_app.command("reconcile")
def reconcile(
    ctx: typer.Context,
    since: Annotated[str | None, typer.Option("--since", help="Facts from then on: 2d, or a time. Else all.")] = None,
    worker: Worker = None,
) -> None:
    """State again the facts that the bus has lost.

    From the workers' event logs, with their ids and in their order; subscribers know what they have
    seen. Make lost streams first: bus apply.
    """
    from services.cli.reconciling import reconcile_all

    reconcile_all(desk_of(ctx), since, workers=[worker] if worker else None)


@bus_app.command("repartition")
def repartition(
    ctx: typer.Context,
    to: Annotated[int, typer.Option("--to", min=1, max=64, help="Lanes of requests per worker.")],
    wait_seconds: Annotated[float, typer.Option("--wait-seconds", min=0, help="For the workers to follow.")] = 60.0,
) -> None:
    """Change the number of partitions.

    While everything runs, with the admin's key. Requests wait until their worker has followed. Again with the same
    number it goes on where it was; with --dry-run it only shows that. Workers need the rights for both numbers first:
    `bus render --beside`.
    """
    from services.chassis import repartition as change

    desk = desk_of(ctx)

    async def looked_at() -> change.Seen:
        return await change.look(await _admins_access(desk), to)

    async def begun() -> None:
        await change.begin(await _admins_access(desk), to)

    async def finished() -> change.Seen:
        return await change.finish(await _admins_access(desk), to, wait_seconds)

    if desk.dry_run:
        seen = run(desk, looked_at)
    else:
        run(desk, begun)
        _allow(desk, to, also_present=True)
        seen = run(desk, finished)
        if seen.is_there:
            _allow(desk, to)
    _tell_how_far(desk, seen)


@bus_app.command("init")
def init(ctx: typer.Context, directory: Directory = None) -> None:
    """Make keys for the workers, an operator and an admin. Those that are there stay."""
    from deploy.bus.register import standard

    desk = desk_of(ctx)
    found = _register(desk, directory)
    granted = found.grant(standard())
    _told(desk, found, granted)
    _load(desk, found)


@bus_app.command("grant")
def grant(
    ctx: typer.Context,
    role: Annotated[
        Literal["tenant", "subscriber", "operator"],
        typer.Argument(help="tenant: one account's own programs; subscriber: hears all facts; operator: your staff."),
    ],
    name: Annotated[str, typer.Argument(help="The account of a tenant; else a name, such as crm.")],
    durable: Annotated[
        list[str] | None,
        typer.Option("--durable", help="A subscription whose place the bus remembers; may be repeated."),
    ] = None,
    directory: Directory = None,
) -> None:
    """Let a program use the bus, with a key of its own.

    A running embedded stack knows it at once. Again with other --durable it changes those; the key stays.
    """
    from deploy.bus.register import identity_for

    desk = desk_of(ctx)
    found = _register(desk, directory)
    try:
        identity = identity_for(role, name, durable or ())
    except ValueError as error:
        desk.fail(USAGE, "usage", str(error))
    granted = found.grant([identity])
    if not granted:
        found.change(identity)
    _told(desk, found, [found.of(identity.name)])
    _load(desk, found)


@bus_app.command("rotate")
def rotate(ctx: typer.Context, name: Name, directory: Directory = None) -> None:
    """Make a new key for an identity.

    The old one ends when the servers have the new configuration.
    """
    desk = desk_of(ctx)
    found = _register(desk, directory)
    entry = _known(desk, found, name)
    found.rotate(entry.identity.name)
    _told(desk, found, [found.of(name)])
    _load(desk, found)


@bus_app.command("revoke")
def revoke(ctx: typer.Context, name: Name, directory: Directory = None) -> None:
    """Take an identity's right to use the bus away."""
    desk = desk_of(ctx)
    found = _register(desk, directory)
    _known(desk, found, name)
    found.revoke(name)
    _load(desk, found)
    desk.note(desk.sentence("bus_revoked", identity=name))


@bus_app.command("show")
def show(
    ctx: typer.Context,
    name: Annotated[
        str | None, typer.Argument(help="Show what this identity may do; without it, who there is.")
    ] = None,
    partitions: Partitions = 4,
    beside: Beside = None,
    directory: Directory = None,
) -> None:
    """Show who may use the bus, or what one may do there."""
    from deploy.bus.permissions import permissions_of

    desk = desk_of(ctx)
    found = _register(desk, directory)
    if name is None:
        _list(desk, found)
        return
    allowed = permissions_of(_known(desk, found, name).identity, *_numbers(partitions, beside))
    if desk.json:
        desk.print_json(json.dumps({"publish": allowed.publish, "subscribe": allowed.subscribe}))
        return
    for heading, subjects in (("bus_publish", allowed.publish), ("bus_subscribe", allowed.subscribe)):
        desk.console.print(desk.word(heading), style="bold")
        desk.console.print("".join(f"  {subject}\n" for subject in subjects), markup=False, soft_wrap=True)


@bus_app.command("render")
def render(
    ctx: typer.Context, partitions: Partitions = 4, beside: Beside = None, directory: Directory = None
) -> None:  # fmt: skip
    """Print the servers' `authorization` block.

    It holds public keys only.
    """
    from deploy.bus.configuration import authorization

    desk = desk_of(ctx)
    numbers = _numbers(partitions, beside)
    typer.echo(authorization(_register(desk, directory).entries, partitions=numbers), nl=False)


def _numbers(*numbers: int | None) -> list[int]:
    return [number for number in dict.fromkeys(numbers) if number is not None]


async def _admins_access(desk: Desk) -> "Access":
    from services.chassis.bus import Access
    from services.chassis.settings import Settings

    environment = desk.environment
    if desk.seed is None and (seed := environment.get("POSTKONTOR_NATS_SEED")):
        environment["POSTKONTOR_NATS_SEED"] = str(Path(seed).with_name("admin.nk"))
    settings = {name.removeprefix("POSTKONTOR_").lower(): value for name, value in environment.items()}
    async with desk.office(account_needed=False):
        pass  # so that a missing bus is reported as everywhere
    return Access.of(Settings(**{name: value for name, value in settings.items() if name.startswith("nats_")}))  # pyright: ignore[reportArgumentType]


def _allow(desk: Desk, number: int, *, also_present: bool = False) -> None:
    """Let the embedded stack's workers use the lanes that they shall have, and those that they have."""
    from deploy.devstack.stack import partitions_of, remember_partitions, running_stack

    if running_stack(desk.stack) is not None:
        remember_partitions(desk.stack, number, *(partitions_of(desk.stack) if also_present else ()))
        _load(desk, _register(desk, None))


def _tell_how_far(desk: Desk, seen: "Seen") -> None:
    """Say what is left to do; exit with 4 if that is something, and it was waited for."""
    if desk.json:
        desk.print_json(json.dumps({
            "partitions": seen.present, "wanted": seen.wanted, "done": seen.is_there,
            "waiting": dict(seen.waiting), "without_owner": dict(seen.unowned),
        }))  # fmt: skip
    else:
        desk.console.print(desk.sentence("bus_partitions", present=seen.present, wanted=seen.wanted), markup=False)
        for service, messages in sorted(seen.waiting.items()):
            desk.console.print(desk.sentence("bus_waiting", service=service, messages=messages), markup=False)
        for service, number in sorted(seen.unowned.items()):
            desk.console.print(desk.sentence("bus_unowned", service=service, number=number), markup=False)
    if not seen.is_there and not desk.dry_run:
        desk.note(desk.sentence("bus_not_there_yet", wanted=seen.wanted))
        raise typer.Exit(NO_ANSWER)


def _register(desk: Desk, directory: Path | None) -> "Register":
    from deploy.bus.register import BadRegister, Register

    found = Register(directory or desk.stack / "bus")
    try:
        _ = found.entries
    except BadRegister as error:
        desk.fail(UNEXPECTED, "BadRegister", str(error))
    return found


def _known(desk: Desk, found: "Register", name: str) -> "Entry":
    names = {entry.identity.name: entry for entry in found.entries}
    if name not in names:
        known = ", ".join(names) or "-"
        desk.fail(USAGE, "usage", desk.sentence("bus_unknown", identity=name, directory=found.directory, known=known))
    return names[name]


def _told(desk: Desk, found: "Register", entries: "list[Entry]") -> None:
    """Say what a program needs to connect: never the seed itself, only where it lies."""
    rows = [{"name": one.identity.name, "seed": str(found.seed_file(one.identity.name))} for one in entries]
    if desk.json:
        desk.print_json(json.dumps(rows))
        return
    url = desk.stack_environment.get("POSTKONTOR_NATS_URL")
    for row in rows:
        desk.console.print(f"# {row['name']}", markup=False)
        if url:
            desk.console.print(f"export POSTKONTOR_NATS_URL={url}", markup=False, soft_wrap=True)
        desk.console.print(f"export POSTKONTOR_NATS_SEED={Path(row['seed']).resolve()}", markup=False, soft_wrap=True)


def _load(desk: Desk, found: "Register") -> None:
    """Let the running embedded stack know, if the register is its own; else say what is left to do."""
    from deploy.bus.configuration import authorization
    from deploy.devstack.nats import AUTHORIZATION_FILE, reload
    from deploy.devstack.stack import partitions_of, running_stack

    stack = running_stack(desk.stack) if found.directory == desk.stack / "bus" else None
    if stack is None:
        desk.note(desk.sentence("bus_render_next"))
        return
    file = desk.stack / "nats" / AUTHORIZATION_FILE
    file.write_text(authorization(found.entries, partitions=partitions_of(desk.stack)), encoding="utf-8")
    asyncio.run(reload(stack["nats_pid"], stack["nats_monitor_url"]))


def _list(desk: Desk, found: "Register") -> None:
    entries = [one.identity for one in found.entries]
    if desk.json:
        listed = [{"name": i.name, "role": i.role, "account": i.account, "durables": i.durables} for i in entries]
        desk.print_json(json.dumps(listed))
        return
    from services.cli.terminal import table

    rows = [(i.name, i.role, i.account or "", " ".join(i.durables)) for i in entries]
    desk.console.print(table(desk, ("name", "role", "account", "durables"), rows))
