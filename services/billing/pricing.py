"""The price lists: versioned data with validity dates, not code (R7).

One TOML file is one version; its name is the version's name. Reading checks everything, so that a worker with a bad
price list does not start.
"""

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from contracts.base import Text
from contracts.billing_v1 import CatalogueAnswer, PackageOffer, PlanOffer, PlanTerms
from contracts.refusals import Refusal, refuse
from contracts.values import GIGABYTE, MEGABYTE, TERABYTE

SHIPPED = Path(__file__).parent / "catalogue"
BUSINESS_ZONE = ZoneInfo("Europe/Berlin")  # a price list begins at midnight here, summer or winter
UNITS = {"MB": MEGABYTE, "GB": GIGABYTE, "TB": TERABYTE}
CAPS = ("mailboxes", "alias_forwards", "groups")
_STORAGE = re.compile(r"(\d+) (MB|GB|TB)")


class BadPriceList(ValueError):
    """A price list that must not be used; the worker does not start with it."""


@dataclass(frozen=True, slots=True)
class PriceList:
    """One version: what plans and packages there are, and what they cost."""

    version: str
    valid_from: date  # for what is ordered from then on
    plans: Mapping[str, PlanOffer]
    packages: Mapping[str, PackageOffer]
    existing_from: date | None = None  # from then on also for what was ordered before; None is never
    sha256: str = ""

    def terms(self, plan: str, individual: Mapping[str, int]) -> PlanTerms | Refusal:
        """Price a plan for an account: its individual price if there is one, else the list price (R6)."""
        offer = self.plans.get(plan)
        if offer is None:
            return self.unknown_plan(plan)
        return PlanTerms(
            plan=plan,
            price_cents=individual.get(plan, offer.price_cents),
            mail_bytes=offer.mail_bytes,
            cloud_bytes=offer.cloud_bytes,
            groupware=offer.groupware,
            catalogue=self.version,
        )

    def unknown_plan(self, plan: str) -> Refusal:
        """Say which plans there are instead."""
        return refuse("plan_unknown", plan=plan, known=", ".join(self.plans))

    def answer(self) -> CatalogueAnswer:
        """Show the whole list."""
        return CatalogueAnswer(
            catalogue=self.version,
            valid_from=self.valid_from,
            existing_from=self.existing_from,
            plans=tuple(self.plans.values()),
            packages=tuple(self.packages.values()),
        )


@dataclass(frozen=True, slots=True)
class PriceLists:
    """All versions, oldest first; of one day's versions the later file comes later."""

    versions: tuple[PriceList, ...]

    def on(self, day: date) -> PriceList:
        """Return the list in force on a day; for days before the first one, the first."""
        begun = [version for version in self.versions if version.valid_from <= day]
        return begun[-1] if begun else self.versions[0]

    def version(self, name: str) -> PriceList | None:
        """Return a version by its name."""
        return next((version for version in self.versions if version.version == name), None)

    def at(self, moment: datetime) -> PriceList:
        """Return the list in force at a moment."""
        return self.on(moment.astimezone(BUSINESS_ZONE).date())


def load(directory: Path = SHIPPED) -> PriceLists:
    """Read every version in a directory. Raises BadPriceList."""
    files = sorted(directory.glob("*.toml"), key=lambda file: file.stem)
    if not files:
        raise BadPriceList(f"there is no price list in {directory}")
    versions = [read(file.stem, file.read_text(encoding="utf-8")) for file in files]
    return PriceLists(tuple(sorted(versions, key=lambda version: version.valid_from)))  # stable: files decide a tie


def read(version: str, text: str) -> PriceList:
    """Read one version. Raises BadPriceList that names the version and what is wrong."""
    try:
        table = tomllib.loads(text)
        plans = [_plan(dict(row)) for row in table.pop("plan")]
        packages = [_package(dict(row)) for row in table.pop("package")]
        valid_from = _date(table.pop("valid_from"))
        existing_from = _existing_from(table.pop("existing_from", None), valid_from)
        _nothing_left(table)
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        return PriceList(version, valid_from, _by_code(plans), _by_code(packages), existing_from, sha256)
    except (KeyError, TypeError, ValueError) as error:
        raise BadPriceList(f"price list {version}: {error!r}") from error


def storage_bytes(text: str) -> int:
    """Return the bytes of a size such as "25 GB"; the unit is never left out, and GB means 10^9 (R8)."""
    match = _STORAGE.fullmatch(text)
    if match is None:
        raise ValueError(f"a size is written like 25 GB, not {text!r}")
    return int(match[1]) * UNITS[match[2]]


def _plan(row: dict[str, Any]) -> PlanOffer:
    offer = PlanOffer(
        plan=row.pop("code"),
        name=row.pop("name"),
        price_cents=row.pop("price_cents"),
        mail_bytes=storage_bytes(row.pop("mail_storage")),
        cloud_bytes=storage_bytes(row.pop("cloud_storage")),
        groupware=row.pop("groupware"),
    )
    _nothing_left(row)
    return offer


def _package(row: dict[str, Any]) -> PackageOffer:
    by_contract = row.pop("by_contract", False)
    caps = {name: None if by_contract else _cap(row.pop(name)) for name in CAPS}
    offer = PackageOffer(
        package=row.pop("code"),
        name=Text(**row.pop("name")),
        by_contract=by_contract,
        price_cents=None if by_contract else row.pop("price_cents"),
        support=tuple(Text(**line) for line in row.pop("support")),
        **caps,
    )
    _nothing_left(row)
    return offer


def _cap(value: int | str) -> int | None:
    """Read a cap. A missing one is an error, never "unlimited": that has to be written."""
    if value == "unlimited":
        return None
    if isinstance(value, str):
        raise ValueError(f'a cap is a number or "unlimited", not {value!r}')
    return value


def _by_code(offers: list[Any]) -> dict[str, Any]:
    codes = {offer.plan if isinstance(offer, PlanOffer) else offer.package: offer for offer in offers}
    if len(codes) != len(offers):
        raise ValueError("a code stands twice in it")
    return codes


def _date(value: object) -> date:
    if not isinstance(value, date) or isinstance(value, datetime):
        raise ValueError(f"valid_from and existing_from must be dates, not {value!r}")
    return value


def _existing_from(value: object, valid_from: date) -> date | None:
    """Read from when existing customers pay by this list (R-C1, R-C3)."""
    if value is None:
        return None
    day = _date(value)
    if day.day != 1:
        raise ValueError("existing_from must be the first of a month: a month has one price")
    if day < valid_from:
        raise ValueError("existing_from must not come before valid_from")
    return day


def back_dated(lists: PriceLists, published: Mapping[str, str], unbilled_from: date) -> list[str]:
    """Return what is wrong with lists beside those published before, by version and checksum (R-C1).

    A new list may not begin in a month that is invoiced already, and one that was published may not change.
    """
    problems: list[str] = []
    for version in lists.versions:
        known = published.get(version.version)
        if known is not None and known != version.sha256:
            problems.append(f"price list {version.version} was changed after it was published; add a new one instead")
        if known is None and version.valid_from < unbilled_from:
            problems.append(
                f"price list {version.version} begins on {version.valid_from}, but months before {unbilled_from}"
                " are invoiced already"
            )
        if known is None and version.existing_from is not None and version.existing_from < unbilled_from:
            problems.append(
                f"price list {version.version} is to hold for existing customers from {version.existing_from}, but"
                f" months before {unbilled_from} are invoiced already"
            )
    return problems


def _nothing_left(row: dict[str, Any]) -> None:
    if row:
        raise ValueError(f"unknown keys: {', '.join(sorted(row))}")
