"""The bus edge of billing: which rows a message needs, which rule decides, what leaves."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from contracts.base import Fact, HandOver
from contracts.billing_v1 import (
    AcceptedClaim,
    AccountOpened,
    AccountUpdated,
    AdmittedAliases,
    AdmittedMailbox,
    OpenAccount,
    PlanTerms,
    PricedPlanChange,
    ReservedAliases,
    ReservedForwardings,
    ReservedGroup,
    ReservedMailbox,
    UpdateAccount,
)
from contracts.domain_v1 import ClaimDomain
from contracts.mailbox_v1 import ChangePlan, CreateGroup, SetForwardings
from contracts.refusals import Refusal
from services.billing import booking, pricing, quotes, quoting, rules, views
from services.billing.booking import wanted
from services.billing.capacity import Holding, Room, holder_of
from services.billing.charging.invoice import Seller
from services.billing.quotes import Change
from services.billing.quoting import Bargain
from services.billing.rules import Account
from services.billing.store import ACCOUNTS, HOLDINGS, ROOMS
from services.billing.store_closures import CLOSURES
from services.billing.store_invoices import DOCUMENTS, NEW_DOCUMENTS, RUNS, SERIES, SETTLEMENTS
from services.billing.store_ledger import LEDGER
from services.billing.store_plan import PARTICULARS
from services.billing.store_prices import ANNOUNCEMENTS
from services.billing.store_quotes import PLAN_USES, QUOTES
from services.chassis.book import Book, Wanted
from services.chassis.fates import Done, Fate, HandedOver, Order, Refused, Say
from services.chassis.received import Received, Tick
from services.chassis.service import Moment, Service

# In this order they are locked and written: an invoice before the settlement that names it, the numbers last.
service = Service(
    "billing",
    tables=(
        ACCOUNTS,
        CLOSURES,
        ROOMS,
        HOLDINGS,
        PARTICULARS,
        PLAN_USES,
        QUOTES,
        LEDGER,
        DOCUMENTS,
        NEW_DOCUMENTS,
        SETTLEMENTS,
        ANNOUNCEMENTS,
        RUNS,
        SERIES,
    ),
    kept_in_dry_runs=frozenset({QUOTES.name}),
)


@dataclass
class House:
    """The terms of the house. The worker sets them from its settings before it takes its first message."""

    prices: pricing.PriceLists = field(default_factory=pricing.load)
    reservation_ttl: timedelta = timedelta(minutes=15)  # the mailbox worker must have acted by then
    release_grace: timedelta = timedelta(hours=24)  # its word about that may take so long to arrive
    closure_grace: timedelta = timedelta(days=14)
    quote_validity: timedelta = timedelta(hours=24)
    partitions: int = 4  # where no worker runs
    seller: Seller | None = None  # without one there are no invoices
    seller_lacks: tuple[str, ...] = ()
    series: str = "RE"
    credit_series: str = "RK"
    invoice_automatically: bool = False
    invoices_at_once: int = 50
    pool: Any = None
    runtime: Any = None

    @property
    def parts(self) -> int:
        """Return into how many parts a run is divided: one for each lane of requests."""
        return self.partitions if self.runtime is None else self.runtime.partitions


HOUSE = House()


# --- accounts and packages -----------------------------------------------------------------------------------------


@service.command(OpenAccount, keys=wanted)
def open_account(message: Received[OpenAccount], book: Book, moment: Moment) -> Fate:
    """Open an account (operator)."""
    prices, existing = HOUSE.prices.at(moment.now), book.get(ACCOUNTS, message.account)
    opened = rules.open_account(existing, message.account, message.data, prices, moment.now)
    if isinstance(opened, Refusal):
        return Refused(opened)
    return kept(message, book, moment, opened, AccountOpened(account=views.account_view(*opened)))


@service.command(UpdateAccount, keys=wanted)
def update_account(message: Received[UpdateAccount], book: Book, moment: Moment) -> Fate:
    """Change master data (R3)."""
    account = _admitted(message, book)
    if isinstance(account, Refusal):
        return Refused(account)
    return account_updated(message, book, moment, rules.update_account(account, room_of(book, account), message.data))


def account_updated(message: Received[Any], book: Book, moment: Moment, changed: tuple[Account, Room]) -> Done:
    """Keep changed master data, and state them."""
    return kept(message, book, moment, changed, AccountUpdated(account=views.account_view(*changed)))


def kept(
    message: Received[Any] | Tick, book: Book, moment: Moment, changed: tuple[Account, Room], fact: Fact,
    request_id: UUID | None = None,
) -> Done:  # fmt: skip
    """Keep an account with its room, and state a fact about it. `request_id` where a request waited for a wake-up."""
    account, room = changed
    booking.keep_account(message, book, account, room, moment.now, request_id)
    return Done(says=(Say(fact, key=account.account_id, revision=account.revision, request_id=request_id),))


@service.command(ClaimDomain, keys=lambda message: [(ACCOUNTS, message.account), *quoting.rows(message)])
def claim_domain(message: Received[ClaimDomain], book: Book, moment: Moment) -> Fate:
    """Let a claim pass to domain if the account may claim. It costs nothing."""
    found = begun(_admitted(message, book), message, book, moment)
    if isinstance(found, Refusal):
        return Refused(found)
    account, bargain = found
    claim = AcceptedClaim(request=message.data, standing=views.standing(account), language=account.language)
    fate = HandedOver(orders=(Order(claim, key=message.data.domain),))
    return bargain.ended(book, fate, quotes.NO_CHANGE, tuple)


def _admitted(message: Received[Any], book: Book) -> Account | Refusal:
    return rules.admitted(book.get(ACCOUNTS, message.account), message.account, message.channel)


def begun(
    account: Account | Refusal, message: Received[Any], book: Book, moment: Moment
) -> tuple[Account, Bargain] | Refusal:
    """Return who asks and how that is priced, or why nothing comes of it."""
    if isinstance(account, Refusal):
        return account
    bargain = quoting.begun(message, book, HOUSE.prices, HOUSE.quote_validity, moment.now)
    return bargain if isinstance(bargain, Refusal) else (account, bargain)


def room_of(book: Book, account: Account) -> Room:
    """Return the account's counters, which every account has."""
    room = book.get(ROOMS, account.account_id)
    assert room is not None, f"the account {account.account_id} has no counters"
    return room


# --- what takes room: price it, reserve it, hand it on -------------------------------------------------------------


@service.command(AdmittedMailbox, keys=lambda m: taking(m, holder_of("mailbox", m.data.request.address)))
def create_mailbox(message: Received[AdmittedMailbox], book: Book, moment: Moment) -> Fate:
    """Price the plan and reserve a seat (R22)."""
    request = message.data.request
    order = partial(ReservedMailbox, request=request, domain_id=message.data.domain_id)
    return _priced(message, book, moment, request.address, request.plan, lambda _: 1, order)


@service.command(ChangePlan, keys=lambda m: taking(m, holder_of("mailbox", m.data.address)))
def change_plan(message: Received[ChangePlan], book: Book, moment: Moment) -> Fate:
    """Price the new plan, and reserve it where a contract caps it. A mailbox unknown here takes no seat by this."""
    request = message.data
    order = partial(PricedPlanChange, request=request)
    return _priced(message, book, moment, request.address, request.plan, lambda holding: holding.held, order)


def taking(message: Received[Any], holder: str) -> list[Wanted]:
    """Name the rows of a request that takes room, and of its quote if there is one."""
    return [*wanted(message, holder), *quoting.rows(message)]


def _priced(
    message: Received[Any], book: Book, moment: Moment, address: str, plan: str, quantity: Callable[[Holding], int],
    order: Callable[..., HandOver],
) -> Fate:  # fmt: skip
    found = begun(_admitted(message, book), message, book, moment)
    if isinstance(found, Refusal):
        return Refused(found)
    account, bargain = found
    terms = bargain.prices.terms(plan, account.plan_prices)
    if isinstance(terms, Refusal):
        return Refused(terms)
    holder = holder_of("mailbox", address)
    held = booking.holding(book, message.account, holder)
    change = bargain.change(
        lambda: quotes.of_mailbox(account, holder, held, plan, terms.catalogue, HOUSE.prices, moment.now)
    )
    if isinstance(change, Refusal):
        return Refused(change)
    return _reserved(bargain, book, holder, quantity, partial(order, terms=terms), address, change, terms)


def _reserved(
    bargain: Bargain, book: Book, holder: str, quantity: Callable[[Holding], int], order: Callable[..., HandOver],
    key: str, change: Change = quotes.NO_CHANGE, terms: PlanTerms | None = None,
) -> Fate:  # fmt: skip
    message, room = bargain.message, book.get(ROOMS, bargain.message.account)
    if message.repeated and not message.dryrun:
        # The order may be lost, but the room is kept once: after its time mailbox refuses, or knows the order already.
        before = booking.reserved_before(message, book, holder, bargain.now - HOUSE.reservation_ttl)
        return HandedOver((Order(order(reservation=before), key=key),))
    expires_at = bargain.now + HOUSE.reservation_ttl
    moved = booking.intended(message, book, holder, quantity, expires_at=expires_at, terms=terms)
    kept = booking.reserve(message, book, moved, expires_at=expires_at, terms=terms)
    if isinstance(kept, Refusal):
        fate: Fate = Refused(kept)
    else:
        fate = kept.handed_over(order(reservation=kept.reservation), key=key)
    return bargain.ended(book, fate, change, lambda: quotes.head_room(room, [moved]) if room else ())


@service.command(AdmittedAliases, keys=lambda m: taking(m, holder_of("alias", m.data.request.address)))
def add_aliases(message: Received[AdmittedAliases], book: Book, moment: Moment) -> Fate:
    """Reserve room for the aliases. Which of them the mailbox has already is not known here: as if none (R23)."""
    request = message.data.request
    added = len(set(request.aliases))
    order = partial(ReservedAliases, request=request, domain_ids=message.data.domain_ids)
    return unpriced(message, book, moment, "alias", request.address, lambda holding: holding.held + added, order)


@service.command(SetForwardings, keys=lambda m: taking(m, holder_of("forwarding", m.data.address)))
def set_forwardings(message: Received[SetForwardings], book: Book, moment: Moment) -> Fate:
    """Reserve room for what the new list has more than the old one (R23)."""
    request = message.data
    number = len(set(request.targets))
    order = partial(ReservedForwardings, request=request)
    return unpriced(message, book, moment, "forwarding", request.address, lambda _: number, order)


@service.command(CreateGroup, keys=lambda m: taking(m, holder_of("group", m.data.name)))
def create_group(message: Received[CreateGroup], book: Book, moment: Moment) -> Fate:
    """Reserve room for a group (R24)."""
    request = message.data
    return unpriced(message, book, moment, "group", request.name, lambda _: 1, partial(ReservedGroup, request=request))


def unpriced(
    message: Received[Any], book: Book, moment: Moment, kind: str, thing: str, quantity: Callable[[Holding], int],
    order: Callable[..., HandOver],
) -> Fate:  # fmt: skip
    """Reserve room for something that has no price of its own, and hand the request on."""
    found = begun(_admitted(message, book), message, book, moment)
    if isinstance(found, Refusal):
        return Refused(found)
    return _reserved(found[1], book, holder_of(kind, thing), quantity, order, thing)
