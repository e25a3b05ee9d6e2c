"""Messages of billing, version 1, about price lists: published, and announced to who pays by them (R-C1, R-C3)."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from contracts.base import Fact, Part, Text
from contracts.billing_v1 import Count, PackageOffer, PlanOffer
from contracts.values import Cents

Difference = Annotated[int, Field(strict=True, ge=-(10**12), le=10**12, description="net EUR cents; less is negative")]


class PriceListPublished(Fact):
    """A version of the price list is there and will never change. Told once a version, to the account `postkontor`."""

    catalogue: str = Field(description="the version's name")
    sha256: str = Field(description="of its file")
    valid_from: date = Field(description="for what is ordered from then on")
    existing_from: date | None = Field(description="from then on also for what was ordered before; None is never")
    plans: tuple[PlanOffer, ...]
    packages: tuple[PackageOffer, ...]


class PriceChange(Part):
    """One price that changes for an account."""

    kind: Literal["package", "plan"]
    code: str
    number: Count = Field(description="mailboxes on the plan at the time of the announcement; of a package one")
    old_cents: Cents
    new_cents: Cents
    ordered_under: str = Field(description="version of the price list")


class PriceChangeAnnounced(Fact):
    """Prices that an account pays will change. Told once an account and version; a contract's prices stay."""

    catalogue: str = Field(description="the version's name")
    valid_from: date
    existing_from: date
    changes: tuple[PriceChange, ...]
    difference_cents: Difference = Field(description="a month, as the account stands")
    text: Text
