"""What stands on an invoice's line, in German and English."""

from contracts.base import Text
from services.billing.charging.charges import PLAN, Item
from services.billing.charging.months import Month
from services.billing.pricing import PriceLists

MONTHS_DE = (
    "Januar Februar März April Mai Juni Juli August September Oktober November Dezember".split()  # noqa: SIM905
)
MONTHS_EN = (
    "January February March April May June July August September October November December".split()  # noqa: SIM905
)


def line_text(item: Item, month: Month, lists: PriceLists, *, corrects: bool, days: int | None = None) -> Text:
    """Name a thing for the invoice, with its days if they are not the whole month, and what it corrects.

    `days` is the sum over many mailboxes, on a line that joins their spans.
    """
    name = _name(item, lists)
    de, en = name.de, name.en
    if days is not None:
        de, en = f"{de}, anteilig, {days} Tage zusammen", f"{en}, in parts, {days} days together"
    elif (item.start, item.end) != (month.first, month.end):
        span = f"{(item.end - item.start).days}/{month.days}"
        de, en = f"{de}, {span} Tage", f"{en}, {span} days"
    if corrects:
        position = month.first.month - 1
        de = f"Korrektur {MONTHS_DE[position]} {month.first.year}: {de}"
        en = f"Correction {MONTHS_EN[position]} {month.first.year}: {en}"
    return Text(de=de, en=en)


def _name(item: Item, lists: PriceLists) -> Text:
    version = next(version for version in lists.versions if version.version == item.price.catalogue)
    if item.kind == PLAN:
        plan = version.plans.get(item.code)
        name = plan.name if plan else item.code
        return Text(de=f"Postfach {name}", en=f"Mailbox {name}")
    package = version.packages.get(item.code)
    named = package.name if package else Text(de=item.code, en=item.code)
    return Text(de=f"Servicepaket {named.de}", en=f"Service package {named.en}")
