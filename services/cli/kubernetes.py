"""`postkontor kubernetes`: the Secrets of an installation, and whether it works. docs/kubernetes.md."""

import json
import secrets as dice
from pathlib import Path
from typing import Annotated, Literal

import typer

from services.cli.desk import desk_of
from services.cli.running import UNEXPECTED, USAGE, run

kubernetes_app = typer.Typer(help="An installation on Kubernetes.", no_args_is_help=True)

Partitions = Annotated[int, typer.Option("--partitions", min=1, max=64, help="Lanes of requests per worker.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(kubernetes_app, name="kubernetes")


@kubernetes_app.command("secrets")
def secrets(
    ctx: typer.Context,
    register_directory: Annotated[
        Path, typer.Option("--register", help="Where identities.toml and the seeds lie; made if it is not there.")
    ],
    only: Annotated[
        Literal["bus", "database"] | None, typer.Option("--only", help="A half of them, as to change its keys.")
    ] = None,
    database_host: Annotated[
        str, typer.Option("--database-host", help="The database's address in the cluster.")
    ] = "postkontor-db-rw",
    database_options: Annotated[
        str | None, typer.Option("--database-options", help="The query of its URLs; by default TLS, verified.")
    ] = None,
    partitions: Partitions = 4,
) -> None:
    """Print keys and passwords as Secrets, for `kubectl apply -f -`.

    The bus's keys are the register's. The database's passwords are new every time.
    """
    from deploy.bus.register import Register, standard
    from deploy.kubernetes import secrets as manifests

    found = Register(register_directory)
    found.grant(standard())
    options = manifests.VERIFIED if database_options is None else database_options
    at = manifests.DatabaseAt(host=database_host, options=options)
    try:
        made = [*manifests.bus_manifests(found, partitions=partitions)] if only != "database" else []
    except OSError as error:
        desk = desk_of(ctx)
        desk.fail(USAGE, "usage", desk.sentence("kubernetes_no_seed", problem=error))
    made += manifests.database_manifests(at, lambda: dice.token_hex(24)) if only != "bus" else []
    typer.echo(json.dumps(manifests.together(iter(made)), indent=1))


@kubernetes_app.command("check")
def check(
    ctx: typer.Context,
    partitions: Partitions = 4,
    wait: Annotated[float, typer.Option("--wait", min=0, help="Seconds until all has to be well.")] = 60.0,
) -> None:
    """Ask whether everything is there.

    Streams, consumers and all workers, over the bus, with the operator's key.
    """
    from deploy.kubernetes.check import until_well
    from services.chassis.bus import Access
    from services.chassis.settings import Settings

    desk = desk_of(ctx)
    given = {name.removeprefix("POSTKONTOR_").lower(): value for name, value in desk.environment.items()}
    nats = {name: value for name, value in given.items() if name.startswith("nats_")}
    access = Access.of(Settings(**nats))  # pyright: ignore[reportArgumentType]

    async def looked() -> list[str]:
        async with desk.office(account_needed=False):
            pass  # so that a missing bus is reported as everywhere
        return await until_well(access, partitions=partitions, seconds=wait)

    found = run(desk, looked)
    if desk.json:
        desk.print_json(json.dumps(found))
    else:
        desk.console.print("\n".join(found) or desk.sentence("kubernetes_well"), markup=False)
    if found:
        raise typer.Exit(UNEXPECTED)
