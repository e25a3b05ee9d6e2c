"""`postkontor bus`: streams and consumers, and who may use the bus."""

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from services.cli.desk import Desk, desk_of
from services.cli.running import UNEXPECTED, USAGE, run

if TYPE_CHECKING:
    from deploy.bus.register import Entry, Register

bus_app = typer.Typer(help="The bus: streams, consumers, and who may use it.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The identity, as `bus show` lists it.")]
Directory = Annotated[
    Path | None, typer.Option("--register", help="Where identities.toml lies; by default the embedded stack's.")
]
Partitions = Annotated[int, typer.Option("--partitions", min=1, max=64, help="Lanes of requests per worker.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(bus_app, name="bus")


@bus_app.command("apply")
def apply(
    ctx: typer.Context,
    partitions: Partitions = 4,
    replicas: Annotated[int, typer.Option("--replicas", min=1, max=5, help="Copies of every stream.")] = 1,
) -> None:
    """Make or update streams and consumers, with the admin's key.

    Repeating it changes nothing.
    """
    from services.chassis import topology
    from services.chassis.bus import Access
    from services.chassis.settings import Settings

    desk = desk_of(ctx)
    environment = desk.environment
    if desk.seed is None and (seed := environment.get("POSTKONTOR_NATS_SEED")):
        environment["POSTKONTOR_NATS_SEED"] = str(Path(seed).with_name("admin.nk"))
    settings = {name.removeprefix("POSTKONTOR_").lower(): value for name, value in environment.items()}
    access = Access.of(Settings(**{name: value for name, value in settings.items() if name.startswith("nats_")}))  # pyright: ignore[reportArgumentType]

    async def made() -> list[str]:
        async with desk.office(account_needed=False):
            pass  # so that a missing bus is reported as everywhere
        return await topology.apply(access, partitions=partitions, replicas=replicas)

    lines = run(desk, made)
    if desk.json:
        desk.print_json(json.dumps(lines))
    else:
        desk.console.print("\n".join(lines), markup=False)


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
    directory: Directory = None,
) -> None:
    """Show who may use the bus, or what one may do there."""
    from deploy.bus.permissions import permissions_of

    desk = desk_of(ctx)
    found = _register(desk, directory)
    if name is None:
        _list(desk, found)
        return
    allowed = permissions_of(_known(desk, found, name).identity, partitions)
    if desk.json:
        desk.print_json(json.dumps({"publish": allowed.publish, "subscribe": allowed.subscribe}))
        return
    for heading, subjects in (("bus_publish", allowed.publish), ("bus_subscribe", allowed.subscribe)):
        desk.console.print(desk.word(heading), style="bold")
        desk.console.print("".join(f"  {subject}\n" for subject in subjects), markup=False, soft_wrap=True)


@bus_app.command("render")
def render(ctx: typer.Context, partitions: Partitions = 4, directory: Directory = None) -> None:
    """Print the `authorization` block for the servers' configuration. It holds public keys only."""
    from deploy.bus.configuration import authorization

    desk = desk_of(ctx)
    typer.echo(authorization(_register(desk, directory).entries, partitions=partitions), nl=False)


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
    from deploy.devstack.stack import running_stack

    stack = running_stack(desk.stack) if found.directory == desk.stack / "bus" else None
    if stack is None:
        desk.note(desk.sentence("bus_render_next"))
        return
    file = desk.stack / "nats" / AUTHORIZATION_FILE
    file.write_text(authorization(found.entries, partitions=stack["partitions"]), encoding="utf-8")
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
