"""`postkontor forwarding` and `domain catch-all`: addresses without a mailbox."""

from typing import Annotated

import typer

from services.cli.desk import desk_of
from services.cli.domains import domain_app
from services.cli.holds import Hold, Wait, when
from services.cli.running import USAGE, order, pages, print_all
from services.cli.terminal import confirm

forwarding_app = typer.Typer(help="Addresses that only forward, without a mailbox.", no_args_is_help=True)

Address = Annotated[str, typer.Argument(help="The address.")]


def register(app: typer.Typer) -> None:
    """Add the commands; those of `domain` are added to its group as this is loaded."""
    app.add_typer(forwarding_app, name="forwarding")


@forwarding_app.command("set")
def set_targets(
    ctx: typer.Context,
    address: Address,
    targets: Annotated[list[str], typer.Argument(help="Forward to these and to no others.")],
    hold: Hold = False,
    wait: Wait = False,
) -> None:
    """Forward an address that has no mailbox."""
    from contracts.forwarding_v1 import SetForwardOnly

    given = tuple(targets)
    order(ctx, lambda: SetForwardOnly(address=address, targets=given, when_unverified=when(hold)), to_the_end=wait)


@forwarding_app.command("list")
def list_addresses(ctx: typer.Context) -> None:
    """List the account's addresses that only forward."""
    from contracts.forwarding_v1 import AskForwardOnly
    from services.cli import views

    desk, found = desk_of(ctx), pages(ctx, lambda after: AskForwardOnly(after=after, limit=1000), "addresses")
    if desk.json:
        print_all(desk, found)
    else:
        views.show_forward_only(desk, found)


@forwarding_app.command("delete")
def delete(
    ctx: typer.Context, address: Address, yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False
) -> None:
    """Give an address up that only forwards."""
    from contracts.forwarding_v1 import DeleteForwardOnly

    confirm(desk_of(ctx), address, yes=yes)
    order(ctx, lambda: DeleteForwardOnly(address=address))


@domain_app.command("catch-all")
def catch_all(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Argument(help="The domain; without it, those that have one are listed.")] = None,
    mailbox: Annotated[str | None, typer.Argument(help="The mailbox that gets the mail.")] = None,
    none: Annotated[bool, typer.Option("--none", help="End the domain's catch-all.")] = False,
    hold: Hold = False,
    wait: Wait = False,
) -> None:
    """Let a mailbox get mail for addresses nobody has."""
    from contracts.forwarding_v1 import AskCatchAlls, RemoveCatchAll, SetCatchAll
    from services.cli import views

    desk = desk_of(ctx)
    if name is None:
        found = pages(ctx, lambda after: AskCatchAlls(after=after, limit=1000), "catch_alls")
        if desk.json:
            print_all(desk, found)
        else:
            views.show_catch_alls(desk, found)
    elif none == (mailbox is not None):
        desk.fail(USAGE, "usage", desk.sentence("catch_all_choice"))
    elif mailbox is None:
        order(ctx, lambda: RemoveCatchAll(domain=name))
    else:
        order(ctx, lambda: SetCatchAll(domain=name, mailbox=mailbox, when_unverified=when(hold)), to_the_end=wait)
