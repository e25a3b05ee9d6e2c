"""The run over a month: which parts are still open, what became of each account, which number comes next. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal
from uuid import UUID

from contracts.invoicing_v1 import HOUSE, Invoice, RunCounts
from contracts.refusals import Refusal

SettlementState = Literal["invoiced", "nothing_due", "parked"]


@dataclass(frozen=True, slots=True)
class Run:
    """A month's run. `requests` wait for its end; every part is worked through in the lane of its partition."""

    period: str
    parts: int
    open_parts: tuple[int, ...]
    requests: tuple[UUID, ...]
    invoiced: int = 0
    nothing_due: int = 0
    parked: int = 0

    @property
    def counts(self) -> RunCounts:
        """Return how far it has come."""
        return RunCounts(invoiced=self.invoiced, nothing_due=self.nothing_due, parked=self.parked)


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of an account's month."""

    state: SettlementState
    ledger_revision: int
    number: str | None = None
    reason: Refusal | None = None

    @property
    def final(self) -> bool:
        """Return whether no later run looks at it again."""
        return self.state != "parked"


@dataclass(frozen=True, slots=True)
class Series:
    """The counter of invoice numbers: gapless, from 1 in every year (R-I3)."""

    series: str
    year: int
    last: int

    def next(self, issued_on: date) -> "Series":
        """Return the counter after the next number. A clock that went back never returns to an old year."""
        year = max(self.year, issued_on.year)
        return Series(self.series, year, self.last + 1 if year == self.year else 1)

    @property
    def number(self) -> str:
        """Return the last number given."""
        return f"{self.series}-{self.year}-{self.last:06}"


@dataclass(frozen=True, slots=True)
class Issued:
    """A document with its place in the series."""

    invoice: Invoice
    series: Series


def begun(run: Run | None, period: str, parts: int, request_id: UUID | None) -> Run:
    """Begin a run, or begin it again: every part looks once more at accounts that have no final settlement."""
    waiting = (*(run.requests if run else ()), *(() if request_id is None else (request_id,)))
    return Run(period, parts, tuple(range(parts)), waiting)


def advanced(run: Run, settled: Iterable[SettlementState]) -> Run:
    """Count what became of some accounts."""
    states = list(settled)
    return replace(
        run,
        invoiced=run.invoiced + states.count("invoiced"),
        nothing_due=run.nothing_due + states.count("nothing_due"),
        parked=run.parked + states.count("parked"),
    )


def closed(run: Run, part: int) -> Run:
    """Close a part; with the last one nobody waits any more."""
    left = tuple(number for number in run.open_parts if number != part)
    return replace(run, open_parts=left, requests=run.requests if left else ())


def house_account(part: int, parts: int, partition: Callable[[str, int], int]) -> str:
    """Return an account of the house whose messages meet in a partition."""
    number = 0
    while partition(name := f"{HOUSE}-{number}", parts) != part:
        number += 1
    return name
