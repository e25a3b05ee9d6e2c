"""`postkontor demo-dns`: the demo DNS of the embedded stack, changed as one would at a registrar's form.

It sends RFC 2136 updates over loopback to the demo's own name servers; no other DNS is ever touched.
"""

import asyncio
import json
import os
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import typer

from services.cli.desk import Desk, desk_of
from services.cli.running import a_label, run

demo_dns_app = typer.Typer(help="The demo DNS of `postkontor dev`: play the registrar.", no_args_is_help=True)

Domain = Annotated[str, typer.Argument(help="The domain.")]


@dataclass(frozen=True)
class DemoServers:
    """Where the demo DNS takes updates."""

    registry: str
    zones: str
    port: int


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(demo_dns_app, name="demo-dns")


@demo_dns_app.command("register")
def register_domain(ctx: typer.Context, domain: Domain) -> None:
    """Register a domain; its zone is empty at first."""
    from deploy.devstack import dnsupdate

    desk, name = desk_of(ctx), a_label(domain)
    servers = _servers(desk)
    _send(desk, dnsupdate.register_domain(servers.registry, servers.port, name), "registered", name)


@demo_dns_app.command("unregister")
def unregister_domain(ctx: typer.Context, domain: Domain) -> None:
    """Give a domain up, zone and all."""
    from deploy.devstack import dnsupdate

    desk, name = desk_of(ctx), a_label(domain)
    servers = _servers(desk)
    _send(desk, dnsupdate.unregister_domain(servers.registry, servers.port, name), "removed", name)


@demo_dns_app.command("txt")
def set_txt(
    ctx: typer.Context,
    domain: Domain,
    name: Annotated[
        str | None,
        typer.Argument(help="Relative to the domain; without it the record that the account's claim asks for."),
    ] = None,
    value: Annotated[str | None, typer.Argument(help="The TXT record's text.")] = None,
) -> None:
    """Set the TXT record that proves the domain, or another.

    Without a name and a value it is the one that the account's claim asks for.
    """
    from deploy.devstack import dnsupdate

    desk, zone = desk_of(ctx), a_label(domain)
    if name is not None and value is None:
        desk.fail(2, "usage", desk.sentence("txt_choice"))
    servers = _servers(desk)
    if name is None or value is None:
        name, value = run(desk, lambda: _wanted_record(desk, domain))
    _send(desk, dnsupdate.set_txt(servers.zones, servers.port, zone, name, value), "set", f"{name} TXT {value}")


@demo_dns_app.command("mx")
def set_mx(
    ctx: typer.Context,
    domain: Domain,
    records: Annotated[
        list[str] | None, typer.Argument(help='Such as "10 mx1.postkontor.example"; none removes the MX records.')
    ] = None,
) -> None:
    """Replace the MX records."""
    from deploy.devstack import dnsupdate

    desk, zone = desk_of(ctx), a_label(domain)
    servers = _servers(desk)
    try:
        pairs = [(int(preference), host) for preference, host in (record.split() for record in records or ())]
    except ValueError:
        desk.fail(2, "usage", desk.sentence("bad_mx"))
    if records:
        _send(
            desk, dnsupdate.set_mx(servers.zones, servers.port, zone, pairs), "set", f"{zone} MX {', '.join(records)}"
        )
    else:
        _send(desk, dnsupdate.set_mx(servers.zones, servers.port, zone, []), "removed", f"{zone} MX")


def _send(
    desk: Desk, update: Coroutine[Any, Any, None], done: Literal["registered", "set", "removed"], what: str
) -> None:
    try:
        asyncio.run(update)
    except Exception as error:
        problem = str(error) or type(error).__name__
        desk.fail(1, "demo_dns", desk.sentence("demo_dns_failed", reason=problem), desk.sentence("demo_dns_hint"))
    if desk.json:
        desk.print_json(json.dumps({done: what}, ensure_ascii=False))
    else:
        desk.console.print(desk.sentence(f"demo_dns_{done}", what=what), markup=False, soft_wrap=True)


async def _wanted_record(desk: Desk, domain: str) -> tuple[str, str]:
    from contracts.domain_v1 import AskDomain

    async with desk.office() as office:
        answer = await office.ask(AskDomain(domain=domain))
    if answer.domain is None:
        desk.fail(3, "not_found", desk.sentence("no_claim", domain=domain))
    return f"{answer.domain.record.name}.", answer.domain.record.value


def _servers(desk: Desk) -> DemoServers:
    found = os.environ | desk.stack_environment
    try:
        zones, port = found["POSTKONTOR_DNS_UPDATE"].rsplit(":", 1)
        return DemoServers(found["POSTKONTOR_DNS_REGISTRY"].rsplit(":", 1)[0], zones, int(port))
    except (KeyError, ValueError):
        desk.fail(2, "usage", desk.sentence("no_demo_dns"), desk.sentence("demo_dns_hint"))
