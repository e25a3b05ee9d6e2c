"""`postkontor dns`: a domain's DNS as the worker sees it, looked at from here, without a stack."""

import asyncio
import os
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.desk import Desk, desk_of
from services.cli.running import REFUSED, USAGE, a_label

if TYPE_CHECKING:
    from services.dnscheck.settings import DnscheckSettings
    from services.dnscheck.standalone import Outlook

MAX_NAME_LENGTH = 253  # RFC 1035, section 2.3.4, without the root's dot

dns_app = typer.Typer(help="DNS: look at a domain from here, without a stack.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(dns_app, name="dns")


@dns_app.command("check")
def check(
    ctx: typer.Context,
    domain: Annotated[str, typer.Argument(help="The domain, such as nordwind-segel.de or bücher.de.")],
    value: Annotated[
        str | None, typer.Option("--value", help="What the TXT record should hold, as the claim names it: token=...")
    ] = None,
    label: Annotated[
        str, typer.Option("--label", envvar="POSTKONTOR_CHALLENGE_LABEL", help="The TXT record's name in the domain.")
    ] = "_postkontor-challenge",
    demo: Annotated[
        bool, typer.Option("--demo", help="Ask the demo DNS of the stack that runs in .postkontor, not the Internet.")
    ] = False,
    evidence: Annotated[
        bool, typer.Option("--evidence", help="Also print whom was asked what, and the answers.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The same as -o json.")] = False,
) -> None:
    """Ask a domain's name servers and say what to set.

    The proof, MX, SPF, DKIM and the rest: it walks from the root servers to those of the domain, as the worker does.
    What is expected comes from the same settings: POSTKONTOR_MX, POSTKONTOR_MAIL_..., POSTKONTOR_DNS_RECURSOR. Exits
    with 3 when the name servers could not be asked, or when the record of --value is not there.
    """
    from services.cli import views_dns
    from services.dnscheck.standalone import look

    desk = desk_of(ctx)
    if demo:
        os.environ.update(_demo_settings(desk))
    settings = _settings(desk)
    name = a_label(domain)
    if len(f"{label}.{name}") > MAX_NAME_LENGTH:
        desk.fail(USAGE, "usage", desk.sentence("name_too_long", where=f"{label}.{name}", limit=MAX_NAME_LENGTH))
    outlook = asyncio.run(look(name, label=label, value=value, settings=settings))
    if desk.json or as_json:
        desk.print_json(outlook.model_dump_json())
    else:
        views_dns.show_outlook(desk, outlook, evidence=evidence)
    if not _is_well(outlook):
        raise typer.Exit(REFUSED)


def _is_well(outlook: "Outlook") -> bool:
    return outlook.could_ask and (outlook.proof is None or outlook.proof.kind == "confirmed")


def _settings(desk: Desk) -> "DnscheckSettings":
    """Read the settings of dnscheck from the environment, or say which of them is wrong."""
    from pydantic import ValidationError

    from services.dnscheck.settings import DnscheckSettings

    try:
        return DnscheckSettings()
    except ValidationError as error:
        faults = [f"POSTKONTOR_{str(fault['loc'][0]).upper()}: {fault['msg']}" for fault in error.errors()]
        desk.fail(USAGE, "usage", "; ".join(faults))


def _demo_settings(desk: Desk) -> dict[str, str]:
    """Return where the running stack's workers ask."""
    asking = {name: value for name, value in desk.stack_environment.items() if name.startswith("POSTKONTOR_DNS_")}
    return asking or desk.fail(USAGE, "usage", desk.sentence("no_demo_dns"), desk.sentence("demo_dns_hint"))
