"""Which price lists may be published, and what they change for whom (R-C1, R-C3). Pure."""

from collections.abc import Collection, Iterable, Mapping
from datetime import date, timedelta

from contracts.base import Text
from contracts.prices_v1 import PriceChange, PriceChangeAnnounced, PriceListPublished
from services.billing.charging.months import Month
from services.billing.charging.prices import NoPrice, package_price, plan_price
from services.billing.charging.use import Terms
from services.billing.pricing import PriceList, PriceLists

PlanUse = tuple[str, str, int]  # plan, the price list that it was ordered under, mailboxes


def too_soon(
    lists: PriceLists, published: Collection[str], today: date, notice_days: int, waived: Collection[str]
) -> list[str]:
    """Return which new lists would change existing customers' prices sooner than these can be told."""
    earliest = today + timedelta(days=notice_days)
    return [
        f"price list {version.version} is to hold for existing customers from {version.existing_from}, but they must be"
        f" told {notice_days} days before: the 1st of a month not before {earliest}, or name the list in"
        " POSTKONTOR_PRICE_NOTICE_WAIVED"
        for version in lists.versions
        if version.version not in published
        and version.version not in waived
        and version.existing_from is not None
        and version.existing_from < earliest
    ]


def vanished(lists: PriceLists, published: Iterable[str]) -> list[str]:
    """Return which lists were published and have no file any more: mailboxes are priced by them."""
    there = {version.version for version in lists.versions}
    return [
        f"price list {version} was published and its file {version}.toml is gone; put it back"
        for version in sorted(set(published) - there)
    ]


def upcoming(lists: PriceLists, today: date) -> list[PriceList]:
    """Return the lists that will change existing customers' prices."""
    return [
        version for version in lists.versions if version.existing_from is not None and today < version.existing_from
    ]


def publication(version: PriceList) -> PriceListPublished:
    """State a version."""
    return PriceListPublished(
        catalogue=version.version,
        sha256=version.sha256,
        valid_from=version.valid_from,
        existing_from=version.existing_from,
        plans=tuple(version.plans.values()),
        packages=tuple(version.packages.values()),
    )


def announcement(
    version: PriceList, terms: Terms, plan_use: Iterable[PlanUse], lists: PriceLists
) -> PriceChangeAnnounced | None:
    """Tell an account what a list will change for it, by the rules of its invoices; None if nothing."""
    assert version.existing_from is not None, "a list that changes nobody's prices is not announced"
    after = Month(version.existing_from)
    used = [("package", terms.package, terms.catalogue, 1), *(("plan", *use) for use in plan_use)]
    changes: list[PriceChange] = []
    for kind, code, ordered_under, number in sorted(used):
        old, new = (_price(lists, kind, code, ordered_under, terms, month) for month in (after.before, after))
        if old is not None and new is not None and old != new:
            changes.append(
                PriceChange(
                    kind="package" if kind == "package" else "plan", code=code, number=number, old_cents=old,
                    new_cents=new, ordered_under=ordered_under,
                )
            )  # fmt: skip
    if not changes:
        return None
    difference = sum(change.number * (change.new_cents - change.old_cents) for change in changes)
    return PriceChangeAnnounced(
        catalogue=version.version,
        valid_from=version.valid_from,
        existing_from=version.existing_from,
        changes=tuple(changes),
        difference_cents=difference,
        text=_text(version.existing_from, changes, difference),
    )


def _price(lists: PriceLists, kind: str, code: str, ordered_under: str, terms: Terms, month: Month) -> int | None:
    try:
        if kind == "package":
            return package_price(lists, terms, month).cents
        return plan_price(lists, code, ordered_under, terms, month).cents
    except NoPrice:
        return None  # the invoice waits for the operator, who is told then


def _text(day: date, changes: Iterable[PriceChange], difference: int) -> Text:
    euros = f"{'-' if difference < 0 else '+'}{abs(difference) // 100}.{abs(difference) % 100:02} EUR"
    listed = "; ".join(
        f"{change.code} {_euros(change.old_cents)} -> {_euros(change.new_cents)} EUR" for change in changes
    )
    return Text(
        de=f"Ab dem {day:%d.%m.%Y} gelten neue Preise: {listed}. Für Ihr Konto sind das zurzeit {euros} netto"
        " im Monat.",
        en=f"New prices hold from {day}: {listed}. For your account this is {euros} net a month at present.",
    )


def _euros(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02}"


def by_account(rows: Iterable[tuple[str, str, str, int]]) -> Mapping[str, list[PlanUse]]:
    """Sort uses of plans by their account."""
    found: dict[str, list[PlanUse]] = {}
    for account_id, plan, ordered_under, number in rows:
        found.setdefault(account_id, []).append((plan, ordered_under, number))
    return found
