"""Which price holds for something in a month, and where it stands (R6, R-C2, R-C3).

A contract's price comes first. Else the list price: of the list under which the thing was ordered, until a later list
says that it also holds for existing customers, which it can only say from the first day of a month.
"""

from dataclasses import dataclass

from services.billing.charging.months import Month
from services.billing.charging.use import Terms
from services.billing.pricing import PriceList, PriceLists


class NoPrice(LookupError):
    """A price list that is gone, or has no such thing. The account's invoice waits for the operator."""

    def __init__(self, catalogue: str, sku: str) -> None:
        super().__init__(f"{catalogue}: {sku}")
        self.catalogue, self.sku = catalogue, sku


@dataclass(frozen=True, slots=True, order=True)
class Price:
    """Net cents a month, and the line of the list or contract where they stand."""

    cents: int
    catalogue: str
    line: str


def plan_price(lists: PriceLists, plan: str, agreed: str, terms: Terms, month: Month) -> Price:
    """Price a mailbox. Raises NoPrice."""
    individual = terms.plan_prices.get(plan)
    if individual is not None:
        return Price(individual, terms.catalogue, f"contract.plan.{plan}")
    version = _charged(lists, agreed, f"plan.{plan}", month)
    return Price(version.plans[plan].price_cents, version.version, f"plan.{plan}")


def package_price(lists: PriceLists, terms: Terms, month: Month) -> Price:
    """Price a package. Raises NoPrice."""
    sku = f"package.{terms.package}"
    version = _charged(lists, terms.catalogue, sku, month)
    offer = version.packages[terms.package]
    if offer.by_contract:
        return Price(terms.package_price_cents, terms.catalogue, f"contract.{sku}")
    assert offer.price_cents is not None, f"{sku} has no price and is by no contract"
    return Price(offer.price_cents, version.version, sku)


def _charged(lists: PriceLists, agreed: str, sku: str, month: Month) -> PriceList:
    names = [version.version for version in lists.versions]
    if agreed not in names:
        raise NoPrice(agreed, sku)
    known = [
        version
        for version in lists.versions[names.index(agreed) :]
        if version.version == agreed or (version.existing_from is not None and version.existing_from <= month.first)
    ]
    offering = [version for version in known if _offers(version, sku)]
    if not offering:
        raise NoPrice(agreed, sku)
    return offering[-1]


def _offers(version: PriceList, sku: str) -> bool:
    kind, _, code = sku.partition(".")
    return code in (version.plans if kind == "plan" else version.packages)
