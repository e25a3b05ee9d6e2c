"""Aggregates as the contracts show them: an account with its counters, its use and its cost, a quote."""

from collections.abc import Iterable

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
from services.billing.rules import Account


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


def usage(account: Account, room: Room, plan_use: Iterable[tuple[str, int, int]]) -> UsageAnswer:
    """Add up a whole month, net: the package and every mailbox at its own price."""
    plans = tuple(
        PlanUsage(plan=plan, price_cents=price, mailboxes=number, total_cents=price * number)
        for plan, price, number in plan_use
    )
    return UsageAnswer(
        account=account.account_id,
        package=account.package,
        package_price_cents=account.package_price_cents,
        capacities=capacities(room),
        plans=plans,
        monthly_total_cents=account.package_price_cents + sum(plan.total_cents for plan in plans),
    )


def quote(terms: PlanTerms, quantity: int, room: Room) -> QuoteAnswer:
    """Price some mailboxes of a plan, and say how many would fit."""
    return QuoteAnswer(
        terms=terms,
        quantity=quantity,
        total_cents=terms.price_cents * quantity,
        room=free_seats(room, terms.plan),
    )


def no_quote(reason: Refusal, quantity: int) -> QuoteAnswer:
    """Say why there is no price. There is no room either: None would mean any number."""
    refused = RefusedQuote(code=reason.code, text=reason.text)
    return QuoteAnswer(terms=None, quantity=quantity, total_cents=None, room=0, refusal=refused)


def _in_order(item: tuple[str, object]) -> tuple[int, str]:
    resource = item[0]
    return (RESOURCES.index(resource) if resource in RESOURCES else len(RESOURCES), resource)
