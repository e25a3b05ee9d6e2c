"""`postkontor explain`: why a price, a cap, a feature, a state or a refusal is as it is, down to the messages."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Literal
from uuid import UUID

import typer

from services.cli import chains
from services.cli.desk import Desk, desk_of
from services.cli.running import REFUSED, a_label, not_found, run

if TYPE_CHECKING:
    from client import Explanation, Postkontor

explain_app = typer.Typer(
    help="Why? The answer, and the chain of messages that led to it. Lines of invoices: invoice explain.",
    no_args_is_help=True,
)

Address = Annotated[str, typer.Argument(help="The mailbox.")]
Aspect = Annotated[Literal["price", "features", "state"], typer.Argument(help="What about it.")]
Resource = Annotated[str, typer.Argument(help="mailbox, alias_forward, group, or plan.PLAN of a contract.")]
Explain = Callable[["Postkontor"], Awaitable["Explanation | None"]]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(explain_app, name="explain")


@explain_app.command("mailbox")
def explain_mailbox(ctx: typer.Context, address: Address, aspect: Aspect = "price") -> None:
    """Why this price, these features, this state?"""
    desk = desk_of(ctx)
    explains: dict[str, Explain] = {
        "price": lambda office: office.explain_price(address),
        "features": lambda office: office.explain_features(address),
        "state": lambda office: office.explain_state(address),
    }
    found = _ask(desk, explains[aspect], ctx)
    if found is None and aspect == "price":
        desk.fail(REFUSED, "not_found", desk.sentence("no_price", address=address))
    if found is None:
        not_found(desk, "mailbox_unknown", address=address)
    _show(desk, found)
    if aspect == "price" and not desk.json:
        desk.note(desk.sentence("invoice_lines_too"))


@explain_app.command("cap")
def explain_cap(ctx: typer.Context, resource: Resource) -> None:
    """What set this cap, and what has used it last?"""
    desk = desk_of(ctx)
    found = _ask(desk, lambda office: office.explain_cap(resource), ctx)
    if found is None:
        desk.fail(REFUSED, "not_found", desk.sentence("no_cap", resource=resource, account=desk.account))
    _show(desk, found)


@explain_app.command("request")
def explain_request(ctx: typer.Context, request_id: Annotated[str, typer.Argument(help="The request's id.")]) -> None:
    """What became of this request, and why?"""
    desk = desk_of(ctx)
    wanted = desk.uuid(request_id)
    found = _ask(desk, lambda office: office.explain_request(wanted), ctx)
    assert found is not None, "a request that nobody knows is explained as such"
    _show(desk, found)
    if not any(chain.links for chain in found.chains):
        raise typer.Exit(REFUSED)


@explain_app.command("domain")
def explain_domain(ctx: typer.Context, name: Annotated[str, typer.Argument(help="The domain.")]) -> None:
    """How has this domain come to its state?"""
    desk, domain = desk_of(ctx), a_label(name)
    found = _ask(desk, lambda office: office.explain_domain(domain), ctx)
    if found is None:
        not_found(desk, "domain_unknown", domain=domain)
    _show(desk, found)


def _ask(desk: Desk, explain: Explain, ctx: typer.Context) -> "Explanation | None":
    async def asked() -> "Explanation | None":
        async with desk.office() as office:
            return await explain(office)

    return run(desk, asked, ctx)


def _show(desk: Desk, explanation: "Explanation") -> None:
    if desk.json:
        from pydantic import TypeAdapter

        from client import Explanation

        desk.print_json(TypeAdapter(Explanation).dump_json(explanation).decode())
        return
    links = [link for chain in explanation.chains for link in chain.links]
    numbers: dict[UUID, int] = {}
    for number, link in enumerate(links, start=1):
        numbers.setdefault(link.id, number)
    chains.show_reasons(desk, explanation.reasons, numbers)
    first = 1
    for chain in explanation.chains:
        if chain.links:
            desk.console.print()
            title = desk.sentence("chain_of" if chain.is_requested else "chain_of_wake_up", request_id=chain.request_id)
            chains.show(desk, chains.of_links(desk, chain.links, first), first=first, title=title)
        if chain.refusal is not None and len(chain.refusal.findings) > 1:
            chains.show_findings(desk, chain.refusal)
        if chain.silent:
            desk.note(desk.sentence("silent_workers", names=", ".join(chain.silent)))
        if not chain.complete:
            desk.note(desk.sentence("chain_cut"))
        first += len(chain.links)
    latest = [link for link in explanation.latest if link.id not in numbers]
    if latest:
        desk.console.print()
        chains.show(desk, chains.of_links(desk, latest, first), first=first, title=desk.sentence("latest_facts"))
