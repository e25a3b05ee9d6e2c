"""Aggregates as the contracts show them: an account with its counters, its use and its cost, a quote."""

from collections.abc import Iterable
from dataclasses import replace
from uuid import UUID

from contracts.billing_v1 import (
    AccountStanding,
    AccountView,
    Capacity,
    MasterData,
    PlanTerms,
    PlanUsage,
    QuoteAnswer,
    RefusedQuote,
    UsageAnswer,
)
from contracts.refusals import Refusal
from services.billing.capacity import RESOURCES, Room, free_seats
from services.billing.charging.charges import whole_month
from services.billing.charging.months import Month
from services.billing.charging.use import Mailboxes, Step, Terms, Use
from services.billing.pricing import PriceLists
from services.billing.rules import Account

NOBODY = UUID(int=0)  # said it: a question is no message that a charge could rest on


def account_view(account: Account, room: Room) -> AccountView:
    """Return the public state of an account."""
    return AccountView(
        account=account.account_id,
        state=account.state,
        package=account.package,
        package_price_cents=account.package_price_cents,
        self_service=account.self_service,
        master_data=MasterData(
            company=account.company,
            vat_id=account.vat_id,
            email=account.email,
            payment_email=account.payment_email,
            phone=account.phone,
            language=account.language,
            street=account.street,
            postcode=account.postcode,
            city=account.city,
            country=account.country,
            vat_check=account.vat_check,
        ),
        capacities=capacities(room),
        opened_at=account.opened_at,
        revision=account.revision,
    )


def capacities(room: Room) -> tuple[Capacity, ...]:
    """Return the counters that a package or contract speaks of: a plan only where it is capped."""
    shown = sorted(room.counters.items(), key=_in_order)
    return tuple(
        Capacity(resource=resource, cap=counter.cap, confirmed=counter.confirmed, reserved=counter.reserved)
        for resource, counter in shown
        if resource in RESOURCES or counter.cap is not None
    )


def standing(account: Account) -> AccountStanding:
    """Return what other workers keep of an account."""
    return AccountStanding(state=account.state, package=account.package, self_service=account.self_service)


def usage(
    account: Account, room: Room, plan_use: Iterable[tuple[str, str, int]], lists: PriceLists, month: Month
) -> UsageAnswer:
    """Add up a whole month, net, at the prices that its invoice would have.

    `plan_use` is plan, price list and number of mailboxes.
    """
    terms = terms_of(account, month)
    use = [Mailboxes((Step(month.first, plan, catalogue),), number) for plan, catalogue, number in plan_use]
    prices = {held: _price(held, terms, lists, month) for held in use}
    sums: dict[tuple[str, int], int] = {}
    for held, price in prices.items():
        key = (held.steps[0].plan or "", price)
        sums[key] = sums.get(key, 0) + held.number
    plans = tuple(
        PlanUsage(plan=plan, price_cents=price, mailboxes=number, total_cents=price * number)
        for (plan, price), number in sorted(sums.items())
    )
    return UsageAnswer(
        account=account.account_id,
        package=account.package,
        package_price_cents=whole_month(Use((terms,)), month, lists),
        capacities=capacities(room),
        plans=plans,
        monthly_total_cents=whole_month(Use((terms,), tuple(use)), month, lists),
    )


def quote(
    account: Account, terms: PlanTerms, quantity: int, room: Room, lists: PriceLists, month: Month
) -> QuoteAnswer:
    """Price some mailboxes of a plan by the invoice's own rules, and say how many would fit."""
    held = terms_of(account, month)
    mailboxes = Mailboxes((Step(month.first, terms.plan, terms.catalogue),), quantity)
    return QuoteAnswer(
        terms=terms,
        quantity=quantity,
        total_cents=quantity * _price(mailboxes, held, lists, month),
        room=free_seats(room, terms.plan),
    )


def _price(mailboxes: Mailboxes, terms: Terms, lists: PriceLists, month: Month) -> int:
    """Return what one of them costs in a whole month."""
    one = Use((terms,), (replace(mailboxes, number=1),))
    return whole_month(one, month, lists) - whole_month(Use((terms,)), month, lists)


def terms_of(account: Account, month: Month) -> Terms:
    """Return the account's terms as if they began with a month."""
    return Terms(
        month.first, True, account.package, account.package_price_cents, account.catalogue, account.plan_prices, NOBODY
    )


def no_quote(reason: Refusal, quantity: int) -> QuoteAnswer:
    """Say why there is no price. There is no room either: None would mean any number."""
    refused = RefusedQuote(code=reason.code, text=reason.text)
    return QuoteAnswer(terms=None, quantity=quantity, total_cents=None, room=0, refusal=refused)


def _in_order(item: tuple[str, object]) -> tuple[int, str]:
    resource = item[0]
    return (RESOURCES.index(resource) if resource in RESOURCES else len(RESOURCES), resource)
