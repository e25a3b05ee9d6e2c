"""Calendar months and whole days in Europe/Berlin (R-P1, R-P2)."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from services.billing.pricing import BUSINESS_ZONE

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A calendar month, half-open: from its first day up to, not including, the next month's first."""

    first: date

    @property
    def end(self) -> date:
        """Return the next month's first day."""
        return (self.first + 31 * ONE_DAY).replace(day=1)

    @property
    def last(self) -> date:
        """Return the last day."""
        return self.end - ONE_DAY

    @property
    def days(self) -> int:
        """Return how many days it has."""
        return (self.end - self.first).days

    @property
    def next(self) -> "Month":
        """Return the month after."""
        return Month(self.end)

    @property
    def before(self) -> "Month":
        """Return the month before."""
        return Month((self.first - ONE_DAY).replace(day=1))

    @property
    def starts_at(self) -> datetime:
        """Return the moment at which it begins."""
        return midnight(self.first)

    @property
    def ends_at(self) -> datetime:
        """Return the moment at which it is over."""
        return midnight(self.end)

    def __str__(self) -> str:
        return f"{self.first:%Y-%m}"


def month(text: str) -> Month:
    """Read a month such as 2026-03."""
    return Month(date.fromisoformat(f"{text}-01"))


def month_of(day: date) -> Month:
    """Return the month that a day is in."""
    return Month(day.replace(day=1))


def midnight(day: date) -> datetime:
    """Return the moment at which a day begins in Berlin, in UTC."""
    return datetime.combine(day, time(), BUSINESS_ZONE).astimezone(UTC)


def day_of(moment: datetime) -> date:
    """Return the day in Berlin that a moment is in."""
    return moment.astimezone(BUSINESS_ZONE).date()
