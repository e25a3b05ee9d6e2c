"""Use -> charges: arrears for a calendar month, whole days, each mailbox-day on exactly one plan (R-P1..R-P4)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import NamedTuple
from uuid import UUID

from services.billing.charging.money import prorated
from services.billing.charging.months import Month
from services.billing.charging.prices import Price, package_price, plan_price
from services.billing.charging.use import Mailboxes, Span, Step, Terms, Use, spans
from services.billing.pricing import PriceLists

PACKAGE, PLAN = "package", "plan"


class Item(NamedTuple):
    """One thing for sale at one price for the days [start, end) of a month. What has the same key is one line."""

    kind: str
    code: str
    start: date
    end: date
    price: Price

    @property
    def sku(self) -> str:
        """Return the name that price lists and invoices have for it."""
        return f"{self.kind}.{self.code}"

    def cents(self, month: Month) -> int:
        """Return the price of one for these days."""
        begin, end = ((day - month.first).days for day in (self.start, self.end))
        return prorated(self.price.cents, begin, end, month.days)


@dataclass(frozen=True, slots=True)
class Charged:
    """How many of an item, and messages that say so."""

    quantity: int
    facts: tuple[UUID, ...] = ()
    facts_total: int = 0


def charges(use: Use, month: Month, lists: PriceLists) -> dict[Item, Charged]:
    """Return what is charged for a month, in no order. Raises NoPrice."""
    terms = spans(use.terms, month)
    found: dict[Item, Charged] = {}
    for span, held in terms:
        price = package_price(lists, held, month)
        _add(found, Item(PACKAGE, held.package, *span, price), Charged(1, (held.message_id,), 1))
    for mailboxes in use.mailboxes:
        for item in _of_plans(mailboxes, terms, month, lists):
            number = mailboxes.number
            _add(found, item, Charged(number, mailboxes.facts, number * len(mailboxes.steps)))
    return _joined(found)


def total(charged: Mapping[Item, Charged], month: Month) -> int:
    """Add up, in cents."""
    return sum(found.quantity * item.cents(month) for item, found in charged.items())


def whole_month(use: Use, month: Month, lists: PriceLists) -> int:
    """Return what a month costs if everything stays as it is: what a quote says is what the invoice will. In cents."""
    last = use.terms[-1]._replace(day=month.first)
    stays = [replace(mailboxes, steps=(mailboxes.steps[-1]._replace(day=month.first),)) for mailboxes in use.mailboxes]
    return total(charges(Use((last,), tuple(stays)), month, lists), month)


def _of_plans(mailboxes: Mailboxes, terms: list[tuple[Span, Terms]], month: Month, lists: PriceLists) -> Iterator[Item]:
    """Yield what a mailbox is charged: a plan's days are cut where the account's own price for it changes."""
    pieces: list[Item] = []
    for span, step in spans(mailboxes.steps, month):
        for start, end, held in _during(span, terms):
            item = _item(step, start, end, plan_price(lists, step.plan or "", step.catalogue or "", held, month))
            if pieces and _goes_on(pieces[-1], item):
                pieces[-1] = pieces[-1]._replace(end=item.end)
            else:
                pieces.append(item)
    yield from pieces


def _item(step: Step, start: date, end: date, price: Price) -> Item:
    return Item(PLAN, step.plan or "", start, end, price)


def _goes_on(before: Item, item: Item) -> bool:
    return before._replace(start=item.start, end=item.end) == item and before.end == item.start


def _during(span: Span, terms: list[tuple[Span, Terms]]) -> Iterator[tuple[date, date, Terms]]:
    """Yield the parts of a span by the terms that hold; days outside all terms belong to the nearest."""
    for number, (held_in, held) in enumerate(terms):
        start = span.start if number == 0 else max(span.start, held_in.start)
        end = span.end if number == len(terms) - 1 else min(span.end, terms[number + 1][0].start)
        if start < end:
            yield start, end, held


def _joined(found: dict[Item, Charged]) -> dict[Item, Charged]:
    """Join a package's days that follow each other at one price: terms may change and leave it as it was."""
    packages = sorted((item for item in found if item.kind == PACKAGE), key=lambda item: item.start)
    joined = {item: charged for item, charged in found.items() if item.kind != PACKAGE}
    held: Item | None = None
    for item in packages:
        if held is not None and _goes_on(held, item):
            longer = held._replace(end=item.end)
            first = joined.pop(held)
            joined[longer] = Charged(1, first.facts + found[item].facts, first.facts_total + found[item].facts_total)
            held = longer
        else:
            joined[item] = found[item]
            held = item
    return joined


def _add(found: dict[Item, Charged], item: Item, more: Charged) -> None:
    before = found.get(item)
    if before is None:
        found[item] = more
        return
    facts = (*before.facts, *more.facts)
    found[item] = Charged(before.quantity + more.quantity, facts, before.facts_total + more.facts_total)
