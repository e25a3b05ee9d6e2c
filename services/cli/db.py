"""`postkontor db`: the roles and schemas that a database needs before its first migration."""

from typing import Annotated

import typer

db_app = typer.Typer(help="The database: roles and schemas.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(db_app, name="db")


@db_app.command("roles")
def roles(
    database: Annotated[str, typer.Option("--database", help="The database's name.")] = "postkontor",
) -> None:
    """Print the SQL that makes roles and schemas, for an administrator.

    Give the login roles passwords of your own afterwards. Repeating it changes nothing.
    """
    from deploy.database.roles import statements

    for statement in statements(database):
        typer.echo(f"{statement};")
