"""Charges -> an invoice: lines, tax groups, sums (R-I4, R-I5), with corrections of months invoiced before (R-I2)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

from contracts.invoicing_v1 import MAX_FACTS, Invoice, InvoiceLine, Party, PayTo, TaxCategory, TaxGroup
from contracts.refusals import Refusal, refuse
from services.billing.charging import money, tax
from services.billing.charging.charges import PACKAGE, Charged, Item
from services.billing.charging.months import ONE_DAY, Month
from services.billing.charging.sentences import line_text
from services.billing.pricing import PriceLists
from services.billing.rules import Account

MAX_LINES = 200  # about 800 bytes each: the fact has to fit into one message (256 KiB)
ADDRESS = ("street", "postcode", "city", "country")


@dataclass(frozen=True, slots=True)
class Seller:
    """Who issues the invoices, and how they are paid."""

    party: Party
    pay_to: PayTo | None
    payment_days: int


@dataclass(frozen=True, slots=True)
class Billed:
    """What one account is charged: a month, and by what months invoiced before have changed since."""

    month: Month
    charges: Mapping[Item, Charged]
    corrections: Mapping[Month, Mapping[Item, Charged]]
    revision: int

    @property
    def nothing(self) -> bool:
        """Return whether there is no line to write."""
        return not self.charges and not any(self.corrections.values())


class Row(NamedTuple):
    """What one line is about: one item, or many spans of one thing at one price."""

    month: Month
    corrects: bool
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Draft:
    """An invoice but for its number."""

    lines: tuple[InvoiceLine, ...]
    groups: tuple[TaxGroup, ...]
    decision: tax.Decision

    @property
    def net_cents(self) -> int:
        """Return the sum of the lines."""
        return sum(line.amount_cents for line in self.lines)


def corrected(before: Mapping[Item, Charged], after: Mapping[Item, Charged]) -> dict[Item, Charged]:
    """Return by how much a month's charges have changed; what became less is below zero."""
    changed: dict[Item, Charged] = {}
    for item in {**before, **after}:
        was, now = before.get(item, Charged(0)), after.get(item, Charged(0))
        if was.quantity != now.quantity:
            source = now if now.quantity else was
            changed[item] = Charged(now.quantity - was.quantity, source.facts, source.facts_total)
    return changed


def draft(account: Account, billed: Billed, lists: PriceLists) -> Draft | Refusal:
    """Write an invoice without its number, or say why it has to wait."""
    missing = [name for name in ADDRESS if getattr(account, name) is None]
    if missing:
        return refuse("address_missing", missing=", ".join(missing))
    decision = tax.decide(tax.Customer(account.country, account.postcode, account.vat_id, account.vat_check))
    if isinstance(decision, Refusal):
        return decision
    lines = tuple(_lines(billed, lists, decision))
    if len(lines) > MAX_LINES:
        return refuse("invoice_too_large", lines=len(lines))
    made = Draft(lines, groups(lines), decision)
    if made.net_cents < 0:
        return refuse("invoice_negative", cents=-made.net_cents)
    return made


def groups(lines: Iterable[InvoiceLine]) -> tuple[TaxGroup, ...]:
    """Sum lines by category and rate, and tax each sum once (R-M3)."""
    nets: dict[tuple[TaxCategory, int], int] = {}
    for line in lines:
        key = (line.tax_category, line.tax_rate_basis_points)
        nets[key] = nets.get(key, 0) + line.amount_cents
    return tuple(group(category, rate, net, money.vat(net, rate)) for (category, rate), net in sorted(nets.items()))


def group(category: TaxCategory, rate: int, net_cents: int, tax_cents: int) -> TaxGroup:
    """Write one rate's sums."""
    code, reason = tax.EXEMPTIONS.get(category, (None, None))
    return TaxGroup(
        category=category, rate_basis_points=rate, net_cents=net_cents, tax_cents=tax_cents, exemption_code=code,
        exemption_reason=reason,
    )  # fmt: skip


def finalized(
    made: Draft, account: Account, billed: Billed, seller: Seller, *, number: str, issued_on: date
) -> Invoice:
    """Write the invoice. Nothing of it will ever change."""
    tax_cents = sum(group.tax_cents for group in made.groups)
    return Invoice(
        number=number,
        kind="invoice",
        type_code="380",
        account=account.account_id,
        period=str(billed.month),
        issued_on=issued_on,
        service_from=min(line.service_from for line in made.lines),
        service_to=max(line.service_to for line in made.lines),
        due_on=issued_on + timedelta(days=seller.payment_days),
        language=account.language,
        seller=_without_vat_id(seller.party, made.decision.category),
        buyer=buyer(account, made.decision.category),
        buyer_reference=account.account_id,
        pay_to=seller.pay_to,
        lines=made.lines,
        tax_groups=made.groups,
        net_cents=made.net_cents,
        tax_cents=tax_cents,
        gross_cents=made.net_cents + tax_cents,
        tax_basis=made.decision.basis,
        ledger_revision=billed.revision,
    )


def buyer(account: Account, category: TaxCategory) -> Party:
    """Write down who buys. With category O an invoice names no VAT id (BR-O-02); the basis keeps it."""
    party = Party(
        name=account.company,
        street=account.street or "",
        postcode=account.postcode or "",
        city=account.city or "",
        country=account.country or "",
        vat_id=account.vat_id,
        email=account.payment_email or account.email,
        phone=account.phone,
    )
    return _without_vat_id(party, category)


def _without_vat_id(party: Party, category: TaxCategory) -> Party:
    return party.model_copy(update={"vat_id": None}) if category == "O" else party


def rows(billed: Billed) -> list[Row]:
    """Say what stands on which line, in order. Too many spans for one message are joined by thing and price."""
    months = [(billed.month, billed.charges, False)]
    months += [(month, found, True) for month, found in sorted(billed.corrections.items())]
    single = [
        Row(month, corrects, (item,)) for month, found, corrects in months for item in sorted(found, key=_in_order)
    ]
    if len(single) <= MAX_LINES:
        return single
    joined: dict[tuple[object, ...], Row] = {}
    for row in single:
        item = row.items[0]
        whole = (item.start, item.end) == (row.month.first, row.month.end)
        key = (row.month, row.corrects, item.sku, item.price, whole)
        before = joined.get(key)
        joined[key] = row if before is None else before._replace(items=(*before.items, item))
    return list(joined.values())


def _in_order(item: Item) -> tuple[bool, Item]:
    return item.kind != PACKAGE, item


def _lines(billed: Billed, lists: PriceLists, decision: tax.Decision) -> Iterable[InvoiceLine]:
    for number, row in enumerate(rows(billed), start=1):
        found = billed.corrections[row.month] if row.corrects else billed.charges
        yield _line(number, row, [found[item] for item in row.items], lists, decision)


def _line(number: int, row: Row, charged: list[Charged], lists: PriceLists, decision: tax.Decision) -> InvoiceLine:
    (first, *more), month = row.items, row.month
    quantity, price, days = charged[0].quantity, first.cents(month), (first.end - first.start).days
    if more:
        pairs = list(zip(row.items, charged, strict=True))
        days = sum(abs(one.quantity) * (item.end - item.start).days for item, one in pairs)
        amount = sum(one.quantity * item.cents(month) for item, one in pairs)
        quantity, price = (-1, -amount) if amount < 0 else (1, amount)  # a price is never below zero (BR-27)
    service_to = max(item.end for item in row.items) - ONE_DAY
    facts = dict.fromkeys(fact for one in charged for fact in one.facts)
    return InvoiceLine(
        line=number,
        sku=first.sku,
        text=line_text(first, month, lists, corrects=row.corrects, days=days if more else None),
        service_from=min(item.start for item in row.items),
        service_to=service_to,
        days=days,
        month_days=month.days,
        spans=len(row.items),
        quantity=quantity,
        month_price_cents=first.price.cents,
        price_cents=price,
        amount_cents=price * quantity,
        tax_category=decision.category,
        tax_rate_basis_points=decision.rate(service_to),
        catalogue=first.price.catalogue,
        catalogue_line=first.price.line,
        corrects=str(month) if row.corrects else None,
        facts=tuple(facts)[:MAX_FACTS],
        facts_total=sum(one.facts_total for one in charged),
    )
