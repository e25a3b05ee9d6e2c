"""The run of the past month begins by itself, once, when the house wants that."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from contracts.invoicing_v1 import InvoicePart, Party
from services.billing import handlers_invoices
from services.billing.charging.invoice import Seller
from services.billing.handlers import HOUSE
from services.billing.store_invoices import RUNS
from services.chassis.book import Book
from services.chassis.fates import Done
from services.chassis.received import Tick
from services.chassis.service import Moment

SELLER = Seller(Party(name="P", street="Kai 1", postcode="20457", city="Hamburg", country="DE"), None, 14)


class NoRuns:
    """No run has been begun."""

    name = RUNS.name

    async def load(self, conn: Any, keys: list[str]) -> dict[str, Any]:
        return {}

    async def save(self, conn: Any, changes: list[Any]) -> None:
        """Write nothing."""


async def ticked(*moments: str) -> list[tuple[str, ...]]:
    """Return the months whose parts are ordered at each moment."""
    book, found = Book(), list[tuple[str, ...]]()
    for text in moments:
        now = datetime.fromisoformat(text).replace(tzinfo=UTC)
        tick = Tick(UUID(int=1), "", "invoice-month", "", now, now)
        found.append(await _decided(book, tick, now))
    return found


async def _decided(book: Book, tick: Tick, now: datetime) -> tuple[str, ...]:
    handler = handlers_invoices.service.timers["invoice-month"]
    wanted: Any = [(table, key) for table, key in handler.keys(tick) if key not in book._now.get(RUNS.name, {})]
    await book.load(None, [NoRuns()], wanted)  # type: ignore[arg-type]
    fate = handler.decide(tick, book, Moment(now))
    book.keep()
    assert isinstance(fate, Done)
    orders = [order.order for order in fate.orders]
    assert all(isinstance(order, InvoicePart) for order in orders)
    return tuple(order.period for order in orders if isinstance(order, InvoicePart))


async def test_the_past_month_is_run_once_from_three_o_clock_on(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in replace(
        HOUSE, invoice_automatically=True, seller=SELLER, runtime=None, partitions=2
    ).__dict__.items():
        monkeypatch.setattr(HOUSE, name, value)
    # 3:00 on 1 April in Berlin is 1:00 in UTC
    assert await ticked("2026-04-01T00:30", "2026-04-01T01:00", "2026-04-01T01:30") == [
        (),
        ("2026-03", "2026-03"),
        (),
    ]


async def test_nothing_runs_by_itself_unless_the_house_wants_that() -> None:
    assert await ticked("2026-04-02T12:00") == [()]
