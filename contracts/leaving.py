"""When something shall be gone: at once, on a day, or after the house's grace. Pure: the clock is passed in.

Mailboxes, domains with all their mailboxes, and accounts are given up in the same three ways.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Self
from zoneinfo import ZoneInfo

from pydantic import Field, StrictBool, model_validator

from contracts.base import Request
from contracts.refusals import Refusal, refuse

ZONE = ZoneInfo("Europe/Berlin")  # the days of billing: who names a day is not charged for it
MAX_AHEAD = timedelta(days=366)  # a later day is rather a slip of the pen


class Leaving(Request):
    """A request for the end of something: on a day, at once, or else after the grace."""

    on: date | None = Field(default=None, description="gone from the beginning of this day on, in Europe/Berlin")
    immediately: StrictBool = False

    @model_validator(mode="after")
    def _at_one_time(self) -> Self:
        if self.immediately and self.on is not None:
            raise ValueError("name a day or ask for immediately, not both")
        return self


class LeavingDomain(Leaving):
    """A request that may give a domain up together with what stands under it."""

    with_mailboxes: StrictBool = Field(
        default=False, description="delete what stands under it; else the request is refused while anything does"
    )

    @model_validator(mode="after")
    def _says_what_leaves(self) -> Self:
        if not self.with_mailboxes and (self.immediately or self.on is not None):
            raise ValueError("a day or immediately is for with_mailboxes")
        return self


def gone_at(on: date | None, *, immediately: bool, now: datetime, grace: timedelta) -> datetime | Refusal:
    """Return the moment: now for at once. Refuses a day that is not ahead, or too far."""
    if immediately:
        return now
    if on is None:
        return now + grace
    earliest, latest = (now.astimezone(ZONE).date() + ahead for ahead in (timedelta(days=1), MAX_AHEAD))
    if not earliest <= on <= latest:
        days = {"on": on, "earliest": earliest, "latest": latest}
        return refuse("deletion_day", **{name: day.isoformat() for name, day in days.items()})
    return datetime.combine(on, time(), ZONE).astimezone(UTC)
