"""`postkontor backup`: the backups of a mailbox, and bringing one back."""

from typing import Annotated

import typer

from services.cli.desk import desk_of
from services.cli.running import REFUSED, inquire, order, print_refusal

backup_app = typer.Typer(help="Backups of mailboxes: list, restore.", no_args_is_help=True)

Address = Annotated[str, typer.Argument(help="The mailbox's address.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(backup_app, name="backup")


@backup_app.command("list")
def list_backups(ctx: typer.Context, address: Address) -> None:
    """List the backups that can be restored."""
    from contracts.backups_v1 import AskBackups
    from services.cli import views_mailboxes

    # Six days hold fewer backups than a page.
    desk, answer = desk_of(ctx), inquire(ctx, lambda: AskBackups(address=address, limit=1000))
    if answer.refusal is not None:
        print_refusal(desk, answer.refusal)
        raise typer.Exit(REFUSED)
    if desk.json:
        desk.print_json(answer.model_dump_json())
    else:
        views_mailboxes.show_backups(desk, list(answer.backups), answer.running)


@backup_app.command("restore")
def restore(
    ctx: typer.Context,
    address: Address,
    backup: Annotated[str, typer.Argument(help="The backup, see `backup list`.")],
    folder: Annotated[str | None, typer.Option("--folder", help="Into this folder instead of its old places.")] = None,
) -> None:
    """Bring a backup back.

    The mail store does it, which may take longer than --timeout: `request show` tells how it ended.
    """
    from contracts.backups_v1 import RestoreBackup

    order(ctx, lambda: RestoreBackup(address=address, snapshot=backup, folder=folder))
