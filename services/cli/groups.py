"""`postkontor group`: groupware groups."""

from typing import Annotated

import typer

from services.cli.desk import desk_of
from services.cli.running import order, pages, print_all
from services.cli.terminal import confirm

group_app = typer.Typer(help="Groupware groups; members need a plan with groupware.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The group's name.")]
Members = Annotated[list[str] | None, typer.Argument(help="Addresses of mailboxes.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group_app, name="group")


@group_app.command("create")
def create(ctx: typer.Context, name: Name, members: Members = None) -> None:
    """Make a group."""
    from contracts.mailbox_v1 import CreateGroup

    order(ctx, lambda: CreateGroup(name=name, members=tuple(members or ())))


@group_app.command("list")
def list_groups(ctx: typer.Context) -> None:
    """List the account's groups with their members."""
    from contracts.mailbox_v1 import AskGroups
    from services.cli import views

    desk, groups = desk_of(ctx), pages(ctx, lambda after: AskGroups(after=after, limit=1000), "groups")
    if desk.json:
        print_all(desk, groups)
    else:
        views.show_groups(desk, groups)


@group_app.command("members")
def members(ctx: typer.Context, name: Name, members: Members = None) -> None:
    """Replace the members of a group; without any, the group is empty."""
    from contracts.mailbox_v1 import SetGroupMembers

    order(ctx, lambda: SetGroupMembers(name=name, members=tuple(members or ())))


@group_app.command("delete")
def delete(
    ctx: typer.Context, name: Name, yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False
) -> None:
    """Delete a group; its members' mailboxes stay."""
    from contracts.mailbox_v1 import DeleteGroup

    confirm(desk_of(ctx), name, yes=yes)
    order(ctx, lambda: DeleteGroup(name=name))
