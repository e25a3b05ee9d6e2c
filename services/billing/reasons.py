"""Answers to "why?": what decided a mailbox's price, or a cap. The ledger is never trimmed, so neither are they."""

from collections.abc import Callable, Iterable, Sequence
from itertools import takewhile
from typing import TypeVar

from contracts.base import Text
from contracts.billing_v1 import Capacity, PackageOffer
from contracts.trail_v1 import AskCap, AskMailboxPrice, Cap, CapAnswer, MailboxPrice, MailboxPriceAnswer
from services.billing import store, store_reasons
from services.billing.capacity import ALIAS_FORWARD, GROUP, MAILBOX, Counter, holder_of
from services.billing.charging.months import Month, day_of, month_of
from services.billing.charging.prices import NoPrice, Price, plan_price
from services.billing.charging.use import Terms
from services.billing.handlers import HOUSE, service
from services.billing.pricing import PriceList
from services.billing.queries import line_fact
from services.billing.rules import Account
from services.billing.store_reasons import Booking, Stood
from services.billing.views import NOBODY
from services.chassis.book import Conn
from services.chassis.runtime import utc_now
from services.chassis.service import NotThere

T = TypeVar("T")


@service.query(AskMailboxPrice)
async def mailbox_price(conn: Conn, account_id: str, ask: AskMailboxPrice) -> MailboxPriceAnswer:
    """Say what a mailbox costs and why. Raises NotThere when the price list of its plan is gone."""
    found = await store.read_account(conn, account_id)
    bookings = await store_reasons.read_bookings(conn, account_id, holder_of("mailbox", ask.address))
    if found is None or not bookings or not bookings[0].behind.there:
        return MailboxPriceAnswer(price=None)
    standings = await store_reasons.read_standings(conn, account_id)
    return MailboxPriceAnswer(price=_priced(found[0], ask.address, bookings, standings))


def _priced(account: Account, address: str, bookings: Sequence[Booking], standings: Sequence[Stood]) -> MailboxPrice:
    now, newest = utc_now(), bookings[0]
    plan, agreed = newest.behind.plan or "", newest.catalogue or ""
    price = _price(account, plan, agreed, month_of(day_of(now)))
    individual = account.plan_prices.get(plan)
    offer = HOUSE.prices.at(now).plans.get(plan)
    replaced = _version(price.catalogue) if individual is None and price.catalogue != agreed else None
    decided = _begun(bookings, _agreement)
    contract = _begun(standings, lambda stood: stood.plan_prices.get(plan)) if individual is not None else None
    return MailboxPrice(
        address=address,
        plan=plan,
        price_cents=price.cents,
        catalogue=price.catalogue,
        line=price.line,
        list_price_cents=offer.price_cents if offer and individual is not None else None,
        agreed_catalogue=agreed,
        agreed_price_cents=newest.behind.price_cents or 0,
        existing_from=replaced.existing_from if replaced else None,
        decided_by=line_fact(account.account_id, decided.behind),
        contract=line_fact(account.account_id, contract.behind) if contract else None,
    )


def _price(account: Account, plan: str, agreed: str, this: Month) -> Price:
    terms = Terms(
        this.first, True, account.package, account.package_price_cents, account.catalogue, account.plan_prices, NOBODY
    )
    try:
        return plan_price(HOUSE.prices, plan, agreed, terms, this)
    except NoPrice as error:
        raise NotThere(f"the price list {error.catalogue} is not here any more, or has no {error.sku}") from error


def _agreement(booking: Booking) -> tuple[object, ...]:
    return booking.behind.there, booking.behind.plan, booking.behind.price_cents, booking.catalogue


@service.query(AskCap)
async def cap(conn: Conn, account_id: str, ask: AskCap) -> CapAnswer:
    """Say what set the cap of a resource, and how much of it is taken."""
    found = await store.read_account(conn, account_id)
    counter = found[1].counters.get(ask.resource) if found else None
    if found is None or counter is None:
        return CapAnswer(cap=None)
    account = found[0]
    standings = await store_reasons.read_standings(conn, account_id)
    offer = _offer(account)
    decided = _begun(standings, lambda stood: (stood.behind.plan, stood.caps.get(ask.resource))) if standings else None
    return CapAnswer(
        cap=Cap(
            capacity=Capacity(
                resource=ask.resource, cap=counter.cap, confirmed=counter.confirmed, reserved=counter.reserved
            ),
            package=account.package,
            package_cap=_of_package(offer, ask.resource),
            catalogue=account.catalogue,
            by_contract=offer is not None and offer.by_contract,
            decided_by=line_fact(account_id, decided.behind, _cap_text(account, counter)) if decided else None,
        )
    )


def _offer(account: Account) -> PackageOffer | None:
    version = _version(account.catalogue)
    return version.packages.get(account.package) if version else None


def _of_package(offer: PackageOffer | None, resource: str) -> int | None:
    if offer is None or offer.by_contract:
        return None
    return {MAILBOX: offer.mailboxes, ALIAS_FORWARD: offer.alias_forwards, GROUP: offer.groups}.get(resource)


def _cap_text(account: Account, counter: Counter) -> Text:
    if counter.cap is None:
        return Text(de=f"Paket {account.package}: unbegrenzt", en=f"package {account.package}: unlimited")
    return Text(de=f"Paket {account.package}: {counter.cap}", en=f"package {account.package}: {counter.cap}")


def _version(name: str) -> PriceList | None:
    return next((version for version in HOUSE.prices.versions if version.version == name), None)


def _begun(newest_first: Iterable[T], matter: Callable[[T], object]) -> T:
    """Return the oldest of the newest ones that are alike in what matters: it began there."""
    entries = list(newest_first)
    alike = list(takewhile(lambda entry: matter(entry) == matter(entries[0]), entries))
    return alike[-1]
