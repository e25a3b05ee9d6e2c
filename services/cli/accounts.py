"""`postkontor account`, `package`, `plan`: what a customer is, has and pays."""

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from services.cli.desk import Desk, desk_of
from services.cli.running import USAGE, inquire, not_found, order

if TYPE_CHECKING:
    from contracts.billing_v1 import AccountView, ContractTerms

account_app = typer.Typer(help="The account: master data, caps, cost.", no_args_is_help=True)
package_app = typer.Typer(help="Service and support packages.", no_args_is_help=True)
plan_app = typer.Typer(help="Mailbox plans and prices.", no_args_is_help=True)

Company = Annotated[str | None, typer.Option("--company", help="The company's name.")]
Email = Annotated[str | None, typer.Option("--email", help="Contact address.")]
PaymentEmail = Annotated[str | None, typer.Option("--payment-email", help="Address for invoices.")]
VatId = Annotated[str | None, typer.Option("--vat-id", help="VAT id.")]
Phone = Annotated[str | None, typer.Option("--phone", help="Phone number.")]
Street = Annotated[str | None, typer.Option("--street", help="Street and number, for invoices.")]
Postcode = Annotated[str | None, typer.Option("--postcode", help="Postcode, for invoices.")]
City = Annotated[str | None, typer.Option("--city", help="City, for invoices.")]
Country = Annotated[str | None, typer.Option("--country", help="Country as two letters, such as DE, for invoices.")]
SpokenLanguage = Annotated[Literal["de", "en"] | None, typer.Option("--language", help="The customer's language.")]
Price = Annotated[str | None, typer.Option("--price", help="Contract: net euro per month, such as 499.00.")]
Mailboxes = Annotated[str, typer.Option("--mailboxes", help="Contract: number or `unlimited`.")]
AliasForwards = Annotated[str, typer.Option("--alias-forwards", help="Contract: number or `unlimited`.")]
Groups = Annotated[str, typer.Option("--groups", help="Contract: number or `unlimited`.")]
PlanCaps = Annotated[list[str] | None, typer.Option("--plan-cap", help="Contract: PLAN=NUMBER, repeatable.")]
PlanPrices = Annotated[list[str] | None, typer.Option("--plan-price", help="Contract: PLAN=EURO, repeatable.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(account_app, name="account")
    app.add_typer(package_app, name="package")
    app.add_typer(plan_app, name="plan")


@account_app.command("open")
def open_account(
    ctx: typer.Context,
    account: Annotated[str, typer.Argument(help="The new account's id: a-z, 0-9 and -.")],
    company: Annotated[str, typer.Option("--company", help="The company's name.")],
    email: Annotated[str, typer.Option("--email", help="Contact address.")],
    package: Annotated[str, typer.Option("--package", help="silver, gold, platinum or reseller.")] = "silver",
    payment_email: PaymentEmail = None,
    vat_id: VatId = None,
    phone: Phone = None,
    language: Annotated[Literal["de", "en"], typer.Option("--language", help="The customer's language.")] = "de",
    street: Street = None,
    postcode: Postcode = None,
    city: City = None,
    country: Country = None,
    price: Price = None,
    mailboxes: Mailboxes = "unlimited",
    alias_forwards: AliasForwards = "unlimited",
    groups: Groups = "unlimited",
    plan_cap: PlanCaps = None,
    plan_price: PlanPrices = None,
) -> None:
    """Open an account (operator). A reseller account needs --price and the other contract options."""
    from contracts.billing_v1 import OpenAccount

    desk = desk_of(ctx)
    order(
        ctx,
        lambda: OpenAccount(
            package=package,
            terms=_terms(desk, price, mailboxes, alias_forwards, groups, plan_cap, plan_price),
            company=company,
            vat_id=vat_id,
            email=email,
            payment_email=payment_email,
            phone=phone,
            language=language,
            street=street,
            postcode=postcode,
            city=city,
            country=country,
        ),
        account=account,
    )


@account_app.command("show")
def show_account(ctx: typer.Context) -> None:
    """Show the account with its caps."""
    from services.cli import views

    desk, account = desk_of(ctx), _known(ctx)
    if desk.json:
        desk.print_json(account.model_dump_json())
    else:
        views.show_account(desk, account)


@account_app.command("update")
def update_account(
    ctx: typer.Context,
    company: Company = None,
    email: Email = None,
    payment_email: PaymentEmail = None,
    vat_id: VatId = None,
    phone: Phone = None,
    language: SpokenLanguage = None,
    street: Street = None,
    postcode: Postcode = None,
    city: City = None,
    country: Country = None,
) -> None:
    """Change master data; what is not named stays."""
    from contracts.billing_v1 import UpdateAccount

    changes = {
        "company": company,
        "vat_id": vat_id,
        "email": email,
        "payment_email": payment_email,
        "phone": phone,
        "language": language,
        "street": street,
        "postcode": postcode,
        "city": city,
        "country": country,
    }
    if not any(changes.values()):
        desk_of(ctx).fail(USAGE, "usage", desk_of(ctx).sentence("nothing_to_change"))
    order(ctx, lambda: UpdateAccount.model_validate(changes))


@account_app.command("vat-check")
def vat_check(
    ctx: typer.Context,
    vat_id: Annotated[str, typer.Argument(help="The account's VAT id that was checked.")],
    checked_on: Annotated[str, typer.Option("--on", help="The day of the check, such as 2026-03-01.")],
    valid: Annotated[bool, typer.Option("--valid/--not-valid", help="What the check said.")] = True,
    reference: Annotated[str | None, typer.Option("--reference", help="The consultation number.")] = None,
) -> None:
    """Write down what the check of a VAT id said (operator)."""
    from contracts.invoicing_v1 import RecordVatCheck

    given = {"vat_id": vat_id, "valid": valid, "checked_on": checked_on, "reference": reference}
    order(ctx, lambda: RecordVatCheck.model_validate(given))


@account_app.command("usage")
def usage(ctx: typer.Context) -> None:
    """Show use against caps, and what a month costs."""
    from contracts.billing_v1 import AskUsage
    from services.cli import views

    _known(ctx)  # the question about the use has no answer for an account that does not exist
    desk, answer = desk_of(ctx), inquire(ctx, AskUsage)
    if desk.json:
        desk.print_json(answer.model_dump_json())
    else:
        views.show_usage(desk, answer)


@package_app.command("list")
def list_packages(ctx: typer.Context) -> None:
    """Show the packages with price, caps and support."""
    from services.cli import prices

    prices.show_packages(desk_of(ctx), _catalogue(ctx))


@package_app.command("change")
def change_package(ctx: typer.Context, package: Annotated[str, typer.Argument(help="silver, gold, platinum.")]) -> None:
    """Change to another package, effective at once."""
    from contracts.billing_v1 import ChangePackage

    order(ctx, lambda: ChangePackage(package=package))


@package_app.command("assign")
def assign_package(
    ctx: typer.Context,
    package: Annotated[str, typer.Argument(help="silver, gold, platinum or reseller.")],
    price: Price = None,
    mailboxes: Mailboxes = "unlimited",
    alias_forwards: AliasForwards = "unlimited",
    groups: Groups = "unlimited",
    plan_cap: PlanCaps = None,
    plan_price: PlanPrices = None,
) -> None:
    """Assign a package (operator). `reseller` needs --price and the other contract options."""
    from contracts.billing_v1 import AssignPackage

    desk = desk_of(ctx)
    order(
        ctx,
        lambda: AssignPackage(
            package=package,
            terms=_terms(desk, price, mailboxes, alias_forwards, groups, plan_cap, plan_price),
        ),
    )


@plan_app.command("list")
def list_plans(ctx: typer.Context) -> None:
    """Show the plans with price, storage and groupware."""
    from services.cli import prices

    prices.show_plans(desk_of(ctx), _catalogue(ctx))


@plan_app.command("quote")
def quote(
    ctx: typer.Context,
    plan: Annotated[str, typer.Argument(help="The plan's code, see `plan list`.")],
    quantity: Annotated[int, typer.Option("--quantity", "-n", min=1, help="Number of mailboxes.")] = 1,
) -> None:
    """Say what mailboxes would cost a month, and how many fit."""
    from contracts.billing_v1 import AskQuote
    from services.cli import prices

    prices.show_quote(desk_of(ctx), inquire(ctx, lambda: AskQuote(plan=plan, quantity=quantity)))


def _known(ctx: typer.Context) -> "AccountView":
    from contracts.billing_v1 import AskAccount

    answer = inquire(ctx, AskAccount)
    if answer.account is None:
        not_found(desk_of(ctx), "account_unknown", account=str(desk_of(ctx).account))
    return answer.account


def _catalogue(ctx: typer.Context) -> Any:
    from contracts.billing_v1 import AskCatalogue

    return inquire(ctx, AskCatalogue)


def _terms(
    desk: Desk,
    price: str | None,
    mailboxes: str,
    alias_forwards: str,
    groups: str,
    plan_caps: list[str] | None,
    plan_prices: list[str] | None,
) -> "ContractTerms | None":
    if price is None:
        return None
    from contracts.billing_v1 import ContractTerms

    return ContractTerms(
        price_cents=cents(desk, price),
        mailboxes=_count(desk, mailboxes),
        alias_forwards=_count(desk, alias_forwards),
        groups=_count(desk, groups),
        plan_caps={plan: _number(desk, count) for plan, count in _pairs(desk, plan_caps)},
        plan_prices={plan: cents(desk, euros) for plan, euros in _pairs(desk, plan_prices)},
    )


def _pairs(desk: Desk, texts: list[str] | None) -> Iterator[tuple[str, str]]:
    for text in texts or ():
        plan, _, value = text.partition("=")
        if not plan or not value:
            desk.fail(USAGE, "usage", desk.sentence("bad_pair", text=text))
        yield plan, value


def _count(desk: Desk, text: str) -> int | None:
    return None if text == "unlimited" else _number(desk, text)


def _number(desk: Desk, text: str) -> int:
    if not text.isdecimal():
        desk.fail(USAGE, "usage", desk.sentence("bad_count", text=text))
    return int(text)


def cents(desk: Desk, text: str) -> int:
    """Read an amount in euro, or end with wrong usage."""
    try:
        amount = Decimal(text.replace(",", ".")) * 100
    except InvalidOperation:
        desk.fail(USAGE, "usage", desk.sentence("bad_price", text=text))
    if amount != int(amount) or amount < 0:
        desk.fail(USAGE, "usage", desk.sentence("bad_price", text=text))
    return int(amount)
