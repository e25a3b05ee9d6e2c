"""What a dry run carries from station to station: what still stands in the way, and what the request would cost.

Only workers write it: into the hand-overs of a dry run, and at its end into `dryruns.DryRunFinished`.
"""

from datetime import date
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AwareDatetime, Field

from contracts.parts import Finding, Part
from contracts.values import Cents

Number = Annotated[int, Field(strict=True, ge=0, le=10**9)]
Difference = Annotated[int, Field(strict=True, description="net EUR cents; negative where it becomes cheaper")]


class QuotedLine(Part):
    """One thing whose price a month changes, and where its new price stands. Prices are for one of it, net."""

    thing: str = Field(description="`mailbox/anna@nordwind-segel.de`, `package`, or `mailboxes` for all on a plan")
    quantity: Number = 1
    old_code: str | None = Field(description="the plan or package before; None for what is new")
    new_code: str
    old_cents: Cents
    new_cents: Cents
    catalogue: str = Field(description="version of the price list, or of the one that the contract was made under")
    catalogue_line: str = Field(description="such as `plan.office` or `contract.plan.office`")


class HeadRoom(Part):
    """One capped resource that the request touches. No quote keeps room: another request may take it first."""

    resource: str
    used: Number
    reserved: Number
    cap: Number | None = Field(description="None means unlimited, as `unlimited` says")
    unlimited: bool
    left: int | None = Field(description="after the request; below zero, so many must go; None means unlimited")


class Quote(Part):
    """What the request would cost, and until when committing with `quote_id` guarantees that."""

    quote_id: UUID
    valid_until: AwareDatetime
    catalogue: str = Field(description="version of the price list that it is made of")
    currency: Literal["EUR"] = "EUR"
    lines: tuple[QuotedLine, ...] = Field(description="none where nothing changes its price")
    monthly_difference_cents: Difference
    remaining_month_cents: Difference = Field(description="for the days from `remaining_from` to `remaining_to`")
    remaining_from: date = Field(description="the day on which it was quoted: ordered later, fewer days are charged")
    remaining_to: date
    head_room: tuple[HeadRoom, ...]


class Trial(Part):
    """What the stations of a dry run have found so far."""

    missing: tuple[Finding, ...] = Field(
        default=(), description="what would refuse the request as it is, or is still to be given; with the next step"
    )
    quote: Quote | None = None
    gate_closed: bool = Field(
        default=False,
        description="the domain is not the account's: no station may look at addresses under it",
    )

    def joined(self, more: Self | None) -> Self:
        """Return this with what a later station has found."""
        if more is None:
            return self
        update = {
            "missing": (*self.missing, *more.missing),
            "quote": more.quote or self.quote,
            "gate_closed": self.gate_closed or more.gate_closed,
        }
        return self.model_copy(update=update)


NOTHING_FOUND = Trial()
