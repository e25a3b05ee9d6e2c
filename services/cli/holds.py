"""`postkontor hold`: requests that wait until their domain is active, and the option that lets them wait."""

from typing import Annotated, Literal

import typer

from services.cli.desk import desk_of
from services.cli.running import order, pages, print_all

hold_app = typer.Typer(help="Requests that wait for their domains.", no_args_is_help=True)

Hold = Annotated[bool, typer.Option("--hold", help="Let the request wait if the domain is claimed but not active yet.")]
Wait = Annotated[
    bool, typer.Option("--wait", help="With --hold: wait for the request's end, as long as --timeout says.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(hold_app, name="hold")


def when(hold: bool) -> Literal["refuse", "hold"]:
    """Return what a request says about domains that are not active yet."""
    return "hold" if hold else "refuse"


@hold_app.command("list")
def list_holds(
    ctx: typer.Context, domain: Annotated[str | None, typer.Option("--domain", help="Only for this domain.")] = None
) -> None:
    """List what waits, in the order of arrival."""
    from contracts.holds_v1 import AskHolds
    from services.cli.views_holds import show_holds

    desk = desk_of(ctx)
    holds = pages(ctx, lambda after: AskHolds(domain=domain, after=int(after or 0), limit=1000), "holds")
    if desk.json:
        print_all(desk, holds)
    else:
        show_holds(desk, holds)


@hold_app.command("cancel")
def cancel(
    ctx: typer.Context, request_id: Annotated[str, typer.Argument(help="The waiting request's id, see `hold list`.")]
) -> None:
    """Take a waiting request back."""
    from contracts.holds_v1 import CancelHold

    wanted = desk_of(ctx).uuid(request_id)
    order(ctx, lambda: CancelHold(request_id=wanted))
