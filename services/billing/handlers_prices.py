"""The bus edge of billing, fifth part: price lists are published, and announced to every account that they concern.

Each account is told once, in portions; who is not told since nothing changes for it is looked at again every day until
the list takes effect, because by then it may have ordered something under an older list.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import NamedTuple

from contracts.invoicing_v1 import HOUSE
from contracts.prices_v1 import PriceChangeAnnounced
from services.billing import announcing, store_prices, views
from services.billing.charging.months import Month, day_of
from services.billing.handlers import HOUSE as TERMS
from services.billing.handlers import service
from services.billing.pricing import PriceList
from services.billing.store_prices import ANNOUNCEMENTS, Looked
from services.chassis.book import Book, Wanted
from services.chassis.fates import At, Done, Fate, Say
from services.chassis.received import Tick
from services.chassis.service import Moment

PORTION = 50  # accounts looked at for one transaction
AGAIN_AFTER = timedelta(days=1)


class Look(NamedTuple):
    """What there is to tell: versions not published yet; accounts, each with its announcement if there is one."""

    unpublished: tuple[PriceList, ...] = ()
    told: tuple[tuple[str, str, PriceChangeAnnounced | None], ...] = ()  # account, version
    more: bool = False


async def _look_for_untold(tick: Tick) -> Look:
    lists, today = TERMS.prices, day_of(tick.started_at)
    async with TERMS.pool.acquire() as connection:
        known = await store_prices.read_told(connection, HOUSE)
        unpublished = tuple(version for version in lists.versions if version.version not in known)
        for version in announcing.upcoming(lists, today):
            assert version.existing_from is not None, "upcoming lists have a day"
            before = Month(version.existing_from).before
            found = await store_prices.read_untold(connection, version.version, tick.started_at, AGAIN_AFTER, PORTION)
            if found:
                told = (
                    (
                        a.account_id,
                        version.version,
                        announcing.announcement(version, views.terms_of(a, before), use, lists),
                    )
                    for a, use in found
                )
                return Look(unpublished, tuple(told), more=True)
    return Look(unpublished)


def _of_look(tick: Tick) -> Iterable[Wanted]:
    look: Look = tick.observation
    for version in look.unpublished:
        yield ANNOUNCEMENTS, (HOUSE, version.version)
    for account_id, version, _ in look.told:
        yield ANNOUNCEMENTS, (account_id, version)


@service.timer("announce-prices", keys=_of_look, observe=_look_for_untold, every_seconds=60)
@service.timer("announce-more", keys=_of_look, observe=_look_for_untold)
def announce_prices(tick: Tick, book: Book, moment: Moment) -> Fate:
    """Publish what is new, and tell a portion of the accounts."""
    look: Look = tick.observation
    says = [
        Say(announcing.publication(version), key=f"prices/{version.version}", account=HOUSE)
        for version in look.unpublished
        if _first(book, HOUSE, version.version, Looked(True, moment.now))
    ]
    for account_id, version, fact in look.told:
        if _first(book, account_id, version, Looked(fact is not None, moment.now)) and fact is not None:
            says.append(Say(fact, key=f"prices/{version}", account=account_id))
    more = (At("announce-more", "", moment.now, HOUSE),) if look.more else ()
    return Done(says=tuple(says), timings=more)


def _first(book: Book, account_id: str, version: str, looked: Looked) -> bool:
    """Note a look; return whether the account was not told before."""
    known = book.get(ANNOUNCEMENTS, (account_id, version))
    if known is not None and known.told:
        return False
    book.put(ANNOUNCEMENTS, (account_id, version), looked)
    return True
