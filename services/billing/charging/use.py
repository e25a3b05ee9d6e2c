"""What an account used, as days see it: steps in the lives of its mailboxes, and of its terms.

Mailboxes with the same history are one row with a number: an account with 100,000 mailboxes has few histories a month.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple, TypeVar
from uuid import UUID

from services.billing.charging.months import ONE_DAY, Month

S = TypeVar("S", bound="Step | Terms")


class Step(NamedTuple):
    """From this day on a mailbox is on a plan, priced by a list. Without a plan: this was its last day."""

    day: date
    plan: str | None
    catalogue: str | None

    @property
    def active(self) -> bool:
        """Return whether there is something to charge."""
        return self.plan is not None


class Terms(NamedTuple):
    """From this day on the account has a package and prices. If it is not open: this was its last day."""

    day: date
    open: bool
    package: str
    package_price_cents: int
    catalogue: str
    plan_prices: Mapping[str, int]
    message_id: UUID

    @property
    def active(self) -> bool:
        """Return whether there is something to charge."""
        return self.open


@dataclass(frozen=True, slots=True)
class Mailboxes:
    """So many mailboxes with the same steps, and some of the messages that these rest on."""

    steps: tuple[Step, ...]
    number: int = 1
    facts: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class Use:
    """What one account used up to a revision of its ledger."""

    terms: tuple[Terms, ...]
    mailboxes: tuple[Mailboxes, ...] = field(default=())


class Span(NamedTuple):
    """Days [start, end) of a month."""

    start: date
    end: date


def spans(steps: Sequence[S], month: Month) -> list[tuple[Span, S]]:
    """Give every day of a month to the last step that was active on it (R-P3), in order.

    The day of a change belongs to what is new, the day of the end is a day of use, and what began and ended on one day
    has that day.
    """
    found: list[tuple[Span, S]] = []
    taken_from = month.end  # what comes later has the days from here on
    following: S | None = None
    for step in reversed(steps):
        if step.active:
            start = max(step.day, month.first)
            end = min(_end(step, following, month), taken_from)
            if start < end:
                found.append((Span(start, end), step))
            taken_from = min(taken_from, max(step.day, month.first))
        following = step
    return found[::-1]


def _end(step: S, following: S | None, month: Month) -> date:
    if following is None:
        return month.end
    if following.active:
        return following.day
    return max(following.day, step.day) + ONE_DAY
