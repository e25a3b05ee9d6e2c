"""The bus edge of billing, sixth part: quotes that are over are forgotten."""

from datetime import timedelta

from services.billing import store_quotes
from services.billing.handlers import HOUSE, service
from services.billing.store_quotes import QUOTES, QuoteKey
from services.chassis.book import Book, Wanted
from services.chassis.fates import Done, Fate
from services.chassis.received import Tick
from services.chassis.service import Moment

SWEEP = 2000  # quotes looked after in one go
REMEMBERED = timedelta(days=7)  # so long a refusal says that a quote has expired, not that there is none


async def _look_for_over(tick: Tick) -> list[QuoteKey]:
    async with HOUSE.pool.acquire() as connection:
        return await store_quotes.read_over(connection, tick.started_at - REMEMBERED, SWEEP)


def _of_over(tick: Tick) -> list[Wanted]:
    return [(QUOTES, key) for key in tick.observation]


@service.timer("forget-quotes", keys=_of_over, observe=_look_for_over, every_seconds=600)
def forget_quotes(tick: Tick, book: Book, moment: Moment) -> Fate:
    """Forget quotes that nobody can use any more."""
    for key in tick.observation:
        book.delete(QUOTES, key)
    return Done()
