"""Quotes in the book: on which price list a request is priced, what a dry run is quoted, and which quote is used up.

For an ordinary request nothing of this happens: no row is loaded and nothing is computed.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from contracts.billing_v1 import ContractTerms
from contracts.refusals import Refusal, refuse
from contracts.routes import request_type
from contracts.trials import HeadRoom, Trial
from services.billing import quotes, rules
from services.billing.capacity import Room
from services.billing.charging.prices import NoPrice
from services.billing.pricing import PriceList, PriceLists
from services.billing.quotes import NO_CHANGE, Change, Quoted
from services.billing.rules import Account
from services.billing.store_quotes import PLAN_USES, QUOTES, QuoteKey
from services.chassis.book import Book, Wanted
from services.chassis.fates import Done, Fate, HandedOver, Refused
from services.chassis.received import Received


@dataclass(frozen=True, slots=True)
class Bargain:
    """How one request is priced: by the list in force, or by that of the quote which it names."""

    message: Received[Any]
    lists: PriceLists
    now: datetime
    validity: timedelta
    quoted: Quoted | None = None

    @property
    def is_ordinary(self) -> bool:
        """Tell whether nobody asks for a quote or names one."""
        return self.quoted is None and not self.message.dryrun

    @property
    def prices(self) -> PriceList:
        """Return the price list."""
        named = None if self.quoted is None else self.lists.version(self.quoted.catalogue)
        return named or self.lists.at(self.now)

    def change(self, compute: Callable[[], Change]) -> Change | Refusal:
        """Return what the request changes, or why its quote does not hold for that."""
        if self.is_ordinary:
            return NO_CHANGE
        try:
            change = compute()
        except NoPrice as error:
            return refuse("price_list_unknown", catalogue=error.catalogue, sku=error.sku)
        if self.quoted is not None and quotes.has_changed(self.quoted, change):
            return refuse("quote_stale", state="quote_price_changed")
        return change

    def ended(self, book: Book, fate: Fate, change: Change, head_room: Callable[[], Iterable[HeadRoom]]) -> Fate:
        """Return how the decision ends: with its quote used up, or for a dry run with what it is quoted."""
        if self.message.dryrun:
            return self._tried(book, fate, change, head_room())
        if self.quoted is not None and not isinstance(fate, Refused):
            book.put(QUOTES, _key(self.quoted), quotes.used(self.quoted, self.message.request_id))
        return fate

    def _tried(self, book: Book, fate: Fate, change: Change, head_room: Iterable[HeadRoom]) -> Fate:
        given = self.quoted or self._given(change)
        if self.quoted is None:
            book.put(QUOTES, _key(given), given)
        quote = quotes.quote(given, change, head_room, self.lists, self.now)
        return _with(fate, Trial(quote=quote), self.message)

    def _given(self, change: Change) -> Quoted:
        return Quoted(
            account_id=self.message.account,
            quote_id=quotes.id_of(self.message.id),
            digest=_digest(self.message),
            catalogue=self.prices.version,
            lines=change.lines,
            valid_until=self.now + self.validity,
        )


def rows(message: Received[Any]) -> list[Wanted]:
    """Name the row of the quote that the message names, or will lead to; for an ordinary message none."""
    if message.quote_id is not None:
        return [(QUOTES, (message.account, message.quote_id))]
    return [(QUOTES, (message.account, quotes.id_of(message.id)))] if message.dryrun else []


def rows_of_package(message: Received[Any]) -> list[Wanted]:
    """Name what the quote of another package rests on besides."""
    quoted = rows(message)
    return [*quoted, (PLAN_USES, message.account)] if quoted else []


def begun(
    message: Received[Any], book: Book, lists: PriceLists, validity: timedelta, now: datetime
) -> Bargain | Refusal:
    """Return how a request is to be priced, or why the quote that it names does not hold."""
    if message.quote_id is None:
        return Bargain(message, lists, now, validity)
    found = book.get(QUOTES, (message.account, message.quote_id))
    stale = quotes.staleness(found, _digest(message), message.request_id, now)
    if stale is None and found is not None and lists.version(found.catalogue) is None:
        stale = "quote_price_changed"
    return Bargain(message, lists, now, validity, found) if stale is None else refuse("quote_stale", state=stale)


def package_change(
    bargain: Bargain, book: Book, account: Account, room: Room, package: str, terms: ContractTerms | None
) -> Change:
    """Return what another package changes, whether or not the account fits into it. Raises NoPrice."""
    found = _repackaged(bargain, account, room, package, terms)
    if found is None:
        return NO_CHANGE
    use = book.get(PLAN_USES, account.account_id) or ()
    return quotes.of_package(account, found[0], use, bargain.lists, bargain.now)


def package_room(
    bargain: Bargain, account: Account, room: Room, package: str, terms: ContractTerms | None
) -> list[HeadRoom]:
    """Return how much would be left under another package's caps."""
    found = _repackaged(bargain, account, room, package, terms)
    return [] if found is None else quotes.head_room_of_all(found[1])


def _repackaged(
    bargain: Bargain, account: Account, room: Room, package: str, terms: ContractTerms | None
) -> tuple[Account, Room] | None:
    offer = bargain.prices.packages.get(package)
    if offer is None or offer.by_contract != (terms is not None):
        return None
    return rules.repackaged(account, room, offer, terms, bargain.prices)


def _with(fate: Fate, trial: Trial, message: Received[Any]) -> Fate:
    """Add to what a dry run has found. Where the gate is closed it ends here: nobody may look behind that."""
    so_far: Trial | None = getattr(message.data, "trial", None)
    if isinstance(fate, HandedOver) and so_far is not None and so_far.gate_closed:
        return Done(trial=trial)
    return replace(fate, trial=trial) if isinstance(fate, HandedOver | Done | Refused) else fate


def _digest(message: Received[Any]) -> bytes:
    return quotes.digest_of(request_type(message.type), getattr(message.data, "request", message.data))


def _key(quoted: Quoted) -> QuoteKey:
    return quoted.account_id, quoted.quote_id
