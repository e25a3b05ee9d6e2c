"""`postkontor features history` and `undo`: how features came about, and the set before, one request away."""

from typing import Annotated, Any

import typer

from services.cli.desk import desk_of
from services.cli.mailboxes import features_app
from services.cli.running import USAGE, inquire_before, order, print_all


def register(app: typer.Typer) -> None:
    """Add nothing to the root: the commands are added to the group `features` as this is loaded."""


@features_app.command("history")
def history(
    ctx: typer.Context,
    target: Annotated[str, typer.Argument(help="A domain or a mailbox.")],
) -> None:
    """Show how features came about, the latest first."""
    from contracts.features_v1 import AskFeatureHistory
    from services.cli import views_mailboxes

    chosen: Any = target  # the contract knows what a domain or an address looks like
    desk = desk_of(ctx)
    changes = inquire_before(ctx, lambda before: AskFeatureHistory(target=chosen, before=before), "changes")
    if desk.json:
        print_all(desk, changes)
    else:
        views_mailboxes.show_history(desk, changes)


@features_app.command("undo")
def undo(
    ctx: typer.Context,
    targets: Annotated[list[str], typer.Argument(help="One or several domains, or one or several mailboxes.")],
) -> None:
    """Put the former features back. The undo of an undo does it again."""
    from contracts.features_v1 import UndoDomainFeatures, UndoMailboxFeatures

    addresses = tuple(target for target in targets if "@" in target)
    desk = desk_of(ctx)
    if not addresses:
        order(ctx, lambda: UndoDomainFeatures(domains=tuple(targets)))
    elif len(addresses) == len(targets):
        order(ctx, lambda: UndoMailboxFeatures(addresses=addresses))
    else:
        desk.fail(USAGE, "usage", desk.sentence("undo_choice"))
