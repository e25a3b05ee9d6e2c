"""How the price list looks in a terminal."""

import typer

from contracts.billing_v1 import CatalogueAnswer, PackageOffer, QuoteAnswer
from services.cli.desk import Desk
from services.cli.running import REFUSED
from services.cli.terminal import money, sheet, size, table
from services.cli.views import limit, yes_no


def show_packages(desk: Desk, catalogue: CatalogueAnswer) -> None:
    """Print the packages."""
    if desk.json:
        desk.print_json(catalogue.model_dump_json(include={"catalogue", "valid_from", "currency", "packages"}))
        return
    rows = [_package(desk, offer) for offer in catalogue.packages]
    headings = ("package", "price", "mailboxes", "alias_forward", "groups")
    desk.console.print(table(desk, headings, rows, title=_title(desk, catalogue)))
    for offer in catalogue.packages:
        support = ", ".join(desk.text(line) for line in offer.support)
        desk.console.print(f"{desk.text(offer.name)}, {desk.word('support')}: {support}", markup=False, soft_wrap=True)


def _package(desk: Desk, offer: PackageOffer) -> tuple[str, ...]:
    if offer.by_contract:
        return (offer.package, *(desk.word("by_contract") for _ in range(4)))
    caps = (limit(desk, cap) for cap in (offer.mailboxes, offer.alias_forwards, offer.groups))
    return (offer.package, money(offer.price_cents, desk.language), *caps)


def show_plans(desk: Desk, catalogue: CatalogueAnswer) -> None:
    """Print the plans."""
    if desk.json:
        desk.print_json(catalogue.model_dump_json(include={"catalogue", "valid_from", "currency", "plans"}))
        return
    rows = [
        (
            offer.plan,
            offer.name,
            money(offer.price_cents, desk.language),
            size(offer.mail_bytes),
            size(offer.cloud_bytes),
            yes_no(desk, offer.groupware),
        )
        for offer in catalogue.plans
    ]
    headings = ("plan", "name", "price", "mail", "cloud", "groupware")
    desk.console.print(table(desk, headings, rows, title=_title(desk, catalogue)))


def show_quote(desk: Desk, quote: QuoteAnswer) -> None:
    """Print a quote; exit with 3 when there is none to give."""
    if desk.json:
        desk.print_json(quote.model_dump_json())
    elif quote.refusal is not None:
        desk.note(f"{desk.sentence('refused')} ({quote.refusal.code}): {desk.text(quote.refusal.text)}")
    if quote.terms is None:
        raise typer.Exit(REFUSED)
    if not desk.json:
        lines = [
            ("plan", quote.terms.plan),
            ("catalogue", quote.terms.catalogue),
            ("price", money(quote.terms.price_cents, desk.language)),
            ("quantity", quote.quantity),
            ("month", money(quote.total_cents, desk.language)),
            ("room", limit(desk, quote.room)),
        ]
        desk.console.print(sheet(desk, lines))
        if quote.room is not None and quote.room < quote.quantity:
            desk.note(desk.sentence("no_room", room=quote.room))


def _title(desk: Desk, catalogue: CatalogueAnswer) -> str:
    return desk.sentence("price_list", catalogue=catalogue.catalogue, day=catalogue.valid_from)
