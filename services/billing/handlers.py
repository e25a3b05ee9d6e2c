"""The bus edge of billing: which rows a message needs, which rule decides, what leaves."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from contracts.base import HandOver
from contracts.billing_v1 import (
    AcceptedClaim,
    AccountOpened,
    AccountUpdated,
    AdmittedAliases,
    AdmittedMailbox,
    AssignPackage,
    ChangePackage,
    OpenAccount,
    PackageChanged,
    PricedPlanChange,
    ReservedAliases,
    ReservedForwardings,
    ReservedGroup,
    ReservedMailbox,
    UpdateAccount,
)
from contracts.domain_v1 import ClaimDomain
from contracts.mailbox_v1 import (
    AliasesChanged,
    ChangePlan,
    CreateGroup,
    ForwardingsSet,
    GroupCreated,
    GroupDeleted,
    GroupView,
    MailboxCreated,
    MailboxDeleted,
    MailboxView,
    PlanChanged,
    SetForwardings,
)
from contracts.refusals import Refusal, RequestRefused
from services.billing import booking, pricing, rules, store, views
from services.billing.booking import wanted
from services.billing.capacity import RESOURCE_OF, Holding, News, Room, holder_of
from services.billing.charging.invoice import Seller
from services.billing.rules import Account
from services.billing.store import ACCOUNTS, HOLDINGS, ROOMS, HolderKey
from services.billing.store_invoices import DOCUMENTS, NEW_DOCUMENTS, RUNS, SERIES, SETTLEMENTS
from services.billing.store_ledger import LEDGER
from services.chassis.book import Book, Wanted
from services.chassis.fates import Done, Fate, HandedOver, Order, Refused, Say
from services.chassis.received import Received, Tick
from services.chassis.service import Moment, Service

# In this order they are locked and written: an invoice before the settlement that names it, the numbers last.
service = Service(
    "billing",
    tables=(ACCOUNTS, ROOMS, HOLDINGS, LEDGER, DOCUMENTS, NEW_DOCUMENTS, SETTLEMENTS, RUNS, SERIES),
)


@dataclass
class House:
    """The terms of the house. The worker sets them from its settings before it takes its first message."""

    prices: pricing.PriceLists = field(default_factory=pricing.load)
    reservation_ttl: timedelta = timedelta(minutes=15)  # the mailbox worker must have acted by then
    release_grace: timedelta = timedelta(hours=24)  # its word about that may take so long to arrive
    partitions: int = 4
    seller: Seller | None = None  # without one there are no invoices
    seller_lacks: tuple[str, ...] = ()
    series: str = "RE"
    credit_series: str = "RK"
    invoice_automatically: bool = False
    invoices_at_once: int = 50
    pool: Any = None
    runtime: Any = None


HOUSE = House()
SWEEP = 2000  # holdings looked after in one go


# --- accounts and packages -----------------------------------------------------------------------------------------


@service.command(OpenAccount, keys=wanted)
def open_account(message: Received[OpenAccount], book: Book, moment: Moment) -> Fate:
    """Open an account (operator)."""
    prices, existing = HOUSE.prices.at(moment.now), book.get(ACCOUNTS, message.account)
    opened = rules.open_account(existing, message.account, message.data, prices, moment.now)
    if isinstance(opened, Refusal):
        return Refused(opened)
    return _kept(message, book, moment, opened, AccountOpened(account=views.account_view(*opened)))


@service.command(UpdateAccount, keys=wanted)
def update_account(message: Received[UpdateAccount], book: Book, moment: Moment) -> Fate:
    """Change master data (R3)."""
    account = _admitted(message, book)
    if isinstance(account, Refusal):
        return Refused(account)
    return account_updated(message, book, moment, rules.update_account(account, _room(book, account), message.data))


def account_updated(message: Received[Any], book: Book, moment: Moment, changed: tuple[Account, Room]) -> Done:
    """Keep changed master data, and state them."""
    return _kept(message, book, moment, changed, AccountUpdated(account=views.account_view(*changed)))


@service.command(ChangePackage, keys=wanted)
def change_package(message: Received[ChangePackage], book: Book, moment: Moment) -> Fate:
    """Give the account the package that its customer chose (R3, R4)."""
    account = _admitted(message, book)
    if isinstance(account, Refusal):
        return Refused(account)
    prices = HOUSE.prices.at(moment.now)
    changed = rules.change_package(account, _room(book, account), message.data.package, prices)
    return _package_changed(message, book, moment, account, changed)


@service.command(AssignPackage, keys=wanted)
def assign_package(message: Received[AssignPackage], book: Book, moment: Moment) -> Fate:
    """Give the account the package that the operator assigns, with its terms (R3)."""
    account = rules.assignable(book.get(ACCOUNTS, message.account), message.account)
    if isinstance(account, Refusal):
        return Refused(account)
    prices, order = HOUSE.prices.at(moment.now), message.data
    changed = rules.assign_package(account, _room(book, account), order.package, order.terms, prices)
    return _package_changed(message, book, moment, account, changed)


def _package_changed(
    message: Received[Any], book: Book, moment: Moment, before: Account, changed: tuple[Account, Room] | Refusal
) -> Fate:
    if isinstance(changed, Refusal):
        return Refused(changed)
    fact = PackageChanged(account=views.account_view(*changed), previous_package=before.package)
    return _kept(message, book, moment, changed, fact)


def _kept(
    message: Received[Any], book: Book, moment: Moment, changed: tuple[Account, Room],
    fact: AccountOpened | AccountUpdated | PackageChanged,
) -> Done:  # fmt: skip
    account, room = changed
    booking.keep_account(message, book, account, room, moment.now)
    return Done(says=(Say(fact, key=account.account_id, revision=account.revision),))


@service.command(ClaimDomain, keys=lambda message: [(ACCOUNTS, message.account)])
def claim_domain(message: Received[ClaimDomain], book: Book, moment: Moment) -> Fate:
    """Let a claim pass to domain if the account may claim."""
    account = _admitted(message, book)
    if isinstance(account, Refusal):
        return Refused(account)
    claim = AcceptedClaim(request=message.data, standing=views.standing(account), language=account.language)
    return HandedOver(orders=(Order(claim, key=message.data.domain),))


def _admitted(message: Received[Any], book: Book) -> Account | Refusal:
    return rules.admitted(book.get(ACCOUNTS, message.account), message.account, message.channel)


def _room(book: Book, account: Account) -> Room:
    room = book.get(ROOMS, account.account_id)
    assert room is not None, f"the account {account.account_id} has no counters"
    return room


# --- what takes room: price it, reserve it, hand it on -------------------------------------------------------------


@service.command(AdmittedMailbox, keys=lambda m: wanted(m, holder_of("mailbox", m.data.request.address)))
def create_mailbox(message: Received[AdmittedMailbox], book: Book, moment: Moment) -> Fate:
    """Price the plan and reserve a seat (R22)."""
    request = message.data.request
    order = partial(ReservedMailbox, request=request, domain_id=message.data.domain_id)
    return _priced(message, book, moment, request.address, request.plan, lambda _: 1, order)


@service.command(ChangePlan, keys=lambda m: wanted(m, holder_of("mailbox", m.data.address)))
def change_plan(message: Received[ChangePlan], book: Book, moment: Moment) -> Fate:
    """Price the new plan, and reserve it where a contract caps it. A mailbox unknown here takes no seat by this."""
    request = message.data
    order = partial(PricedPlanChange, request=request)
    return _priced(message, book, moment, request.address, request.plan, lambda holding: holding.held, order)


def _priced(
    message: Received[Any], book: Book, moment: Moment, address: str, plan: str, quantity: Callable[[Holding], int],
    order: Callable[..., HandOver],
) -> Fate:  # fmt: skip
    account = _admitted(message, book)
    if isinstance(account, Refusal):
        return Refused(account)
    terms = HOUSE.prices.at(moment.now).terms(plan, account.plan_prices)
    if isinstance(terms, Refusal):
        return Refused(terms)
    expires_at = moment.now + HOUSE.reservation_ttl
    holder = holder_of("mailbox", address)
    kept = booking.reserve(message, book, holder, quantity, expires_at=expires_at, terms=terms)
    if isinstance(kept, Refusal):
        return Refused(kept)
    return kept.handed_over(order(reservation=kept.reservation, terms=terms), key=address)


@service.command(AdmittedAliases, keys=lambda m: wanted(m, holder_of("alias", m.data.request.address)))
def add_aliases(message: Received[AdmittedAliases], book: Book, moment: Moment) -> Fate:
    """Reserve room for the aliases. Which of them the mailbox has already is not known here: as if none (R23)."""
    request = message.data.request
    added = len(set(request.aliases))
    order = partial(ReservedAliases, request=request, domain_ids=message.data.domain_ids)
    return unpriced(message, book, moment, "alias", request.address, lambda holding: holding.held + added, order)


@service.command(SetForwardings, keys=lambda m: wanted(m, holder_of("forwarding", m.data.address)))
def set_forwardings(message: Received[SetForwardings], book: Book, moment: Moment) -> Fate:
    """Reserve room for what the new list has more than the old one (R23)."""
    request = message.data
    number = len(set(request.targets))
    order = partial(ReservedForwardings, request=request)
    return unpriced(message, book, moment, "forwarding", request.address, lambda _: number, order)


@service.command(CreateGroup, keys=lambda m: wanted(m, holder_of("group", m.data.name)))
def create_group(message: Received[CreateGroup], book: Book, moment: Moment) -> Fate:
    """Reserve room for a group (R24)."""
    request = message.data
    return unpriced(message, book, moment, "group", request.name, lambda _: 1, partial(ReservedGroup, request=request))


def unpriced(
    message: Received[Any], book: Book, moment: Moment, kind: str, thing: str, quantity: Callable[[Holding], int],
    order: Callable[..., HandOver],
) -> Fate:  # fmt: skip
    """Reserve room for something that has no price of its own, and hand the request on."""
    account = _admitted(message, book)
    if isinstance(account, Refusal):
        return Refused(account)
    expires_at = moment.now + HOUSE.reservation_ttl
    kept = booking.reserve(message, book, holder_of(kind, thing), quantity, expires_at=expires_at)
    if isinstance(kept, Refusal):
        return Refused(kept)
    return kept.handed_over(order(reservation=kept.reservation), key=thing)


# --- what the mailbox worker says ----------------------------------------------------------------------------------

KINDS_OF_A_MAILBOX = ("mailbox", "alias", "forwarding")


def _of_seat(message: Received[MailboxCreated] | Received[PlanChanged]) -> list[Wanted]:
    return wanted(message, holder_of("mailbox", message.data.mailbox.address))


@service.event(MailboxCreated, keys=_of_seat)
@service.event(PlanChanged, keys=_of_seat)
def seat_taken(message: Received[MailboxCreated] | Received[PlanChanged], book: Book, moment: Moment) -> Fate:
    """Confirm a seat with its plan and price; the plan it was on before is free."""
    mailbox = message.data.mailbox
    news = News(
        quantity=1,
        revision=mailbox.revision,
        seen_at=message.time,
        since=mailbox.created_at,
        plan=mailbox.plan,
        price_cents=mailbox.price_cents,
        catalogue=mailbox.catalogue,
    )
    return booking.confirm(message, book, holder_of("mailbox", mailbox.address), news)


@service.event(AliasesChanged, keys=lambda m: wanted(m, holder_of("alias", m.data.mailbox.address)))
def aliases_changed(message: Received[AliasesChanged], book: Book, moment: Moment) -> Fate:
    """Confirm as many aliases as there are; room that was not needed is free again."""
    mailbox = message.data.mailbox
    news = _mailbox_news(message, mailbox, len(mailbox.aliases))
    return booking.confirm(message, book, holder_of("alias", mailbox.address), news)


@service.event(ForwardingsSet, keys=lambda m: wanted(m, holder_of("forwarding", m.data.mailbox.address)))
def forwardings_set(message: Received[ForwardingsSet], book: Book, moment: Moment) -> Fate:
    """Confirm as many forwardings as there are."""
    mailbox = message.data.mailbox
    news = _mailbox_news(message, mailbox, len(mailbox.forwardings))
    return booking.confirm(message, book, holder_of("forwarding", mailbox.address), news)


def _of_deleted(message: Received[MailboxDeleted]) -> list[Wanted]:
    return wanted(message, *_holders_of_mailbox(message.data.mailbox))


@service.event(MailboxDeleted, keys=_of_deleted)
def mailbox_deleted(message: Received[MailboxDeleted], book: Book, moment: Moment) -> Fate:
    """Free what the mailbox, its aliases and its forwardings took.

    Gone is when it was to be gone: nobody pays for a worker that was late to delete.
    """
    mailbox = message.data.mailbox
    gone_at = min(mailbox.deleted_at or message.time, message.time)
    news = News(0, mailbox.revision, gone_at, since=mailbox.created_at)
    return booking.free(message, book, _holders_of_mailbox(mailbox), news)


def _mailbox_news(message: Received[Any], mailbox: MailboxView, quantity: int) -> News:
    return News(quantity, mailbox.revision, message.time, since=mailbox.created_at)


def _holders_of_mailbox(mailbox: MailboxView) -> list[str]:
    return [holder_of(kind, mailbox.address) for kind in KINDS_OF_A_MAILBOX]


@service.event(GroupCreated, keys=lambda m: wanted(m, holder_of("group", m.data.group.name)))
def group_created(message: Received[GroupCreated], book: Book, moment: Moment) -> Fate:
    """Confirm a group."""
    group = message.data.group
    return booking.confirm(message, book, holder_of("group", group.name), _group_news(message, group, 1))


@service.event(GroupDeleted, keys=lambda m: wanted(m, holder_of("group", m.data.group.name)))
def group_deleted(message: Received[GroupDeleted], book: Book, moment: Moment) -> Fate:
    """Free what the group took."""
    group = message.data.group
    return booking.free(message, book, [holder_of("group", group.name)], _group_news(message, group, 0))


def _group_news(message: Received[Any], group: GroupView, quantity: int) -> News:
    return News(quantity, group.revision, message.time)


def _of_refused(message: Received[RequestRefused]) -> list[Wanted]:
    holders = _holders_of(message.data)
    return wanted(message, *holders) if holders else []


@service.event(RequestRefused, keys=_of_refused, owner="mailbox")
def request_refused(message: Received[RequestRefused], book: Book, moment: Moment) -> Fate:
    """Release what was reserved for a request that mailbox refused."""
    holders = _holders_of(message.data)
    if not holders:
        return Done()
    because = booking.because(message, message.data.request_id)
    return booking.release(message.account, "refused", book, holders, because)


def _holders_of(refused: RequestRefused) -> list[str]:
    return [holder for holder in dict.fromkeys(refused.reservation) if holder.partition("/")[0] in RESOURCE_OF]


# --- what nobody says: reservations that expire --------------------------------------------------------------------


async def _look_for_due(tick: Tick) -> list[HolderKey]:
    """Return what may have to be let go; the decision looks again, under the account's lock."""
    async with HOUSE.pool.acquire() as connection:
        return await store.read_due(connection, tick.started_at - HOUSE.release_grace, SWEEP)


def _of_due(tick: Tick) -> list[Wanted]:
    return [row for account_id, holder in tick.observation for row in wanted(tick, holder, account=account_id)]


@service.timer("expire-reservations", keys=_of_due, observe=_look_for_due, every_seconds=60)
def expire_reservations(tick: Tick, book: Book, moment: Moment) -> Fate:
    """Let go of room whose request was neither done nor refused in time."""
    return booking.expire(tick, book, tick.observation, moment.now - HOUSE.release_grace)
