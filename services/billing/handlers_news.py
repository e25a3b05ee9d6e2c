"""The bus edge of billing, seventh part: what the mailbox worker says of requests, and what it never says."""

from typing import Any

from contracts.mailbox_v1 import (
    AliasesChanged,
    ForwardingsSet,
    GroupCreated,
    GroupDeleted,
    GroupView,
    MailboxCreated,
    MailboxDeleted,
    MailboxView,
    PlanChanged,
)
from contracts.refusals import RequestRefused
from services.billing import booking, store
from services.billing.booking import wanted, with_particulars
from services.billing.capacity import RESOURCE_OF, News, holder_of
from services.billing.handlers import HOUSE, service
from services.billing.steps import Particular
from services.billing.store import HolderKey
from services.chassis.book import Book, Wanted
from services.chassis.fates import Done, Fate
from services.chassis.received import Received, Tick
from services.chassis.service import Moment

SWEEP = 2000  # holdings looked after in one go

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


@service.event(AliasesChanged, keys=lambda m: with_particulars(m, holder_of("alias", m.data.mailbox.address)))
def aliases_changed(message: Received[AliasesChanged], book: Book, moment: Moment) -> Fate:
    """Confirm as many aliases as there are; room that was not needed is free again."""
    mailbox = message.data.mailbox
    news = _mailbox_news(message, mailbox, len(mailbox.aliases))
    known = Particular(mailbox.revision, mailbox.created_at, mailbox.aliases)
    return booking.confirm(message, book, holder_of("alias", mailbox.address), news, known)


@service.event(ForwardingsSet, keys=lambda m: with_particulars(m, holder_of("forwarding", m.data.mailbox.address)))
def forwardings_set(message: Received[ForwardingsSet], book: Book, moment: Moment) -> Fate:
    """Confirm as many forwardings as there are."""
    mailbox = message.data.mailbox
    news = _mailbox_news(message, mailbox, len(mailbox.forwardings))
    known = Particular(mailbox.revision, mailbox.created_at, mailbox.forwardings, mailbox.keep_copy)
    return booking.confirm(message, book, holder_of("forwarding", mailbox.address), news, known)


def _of_deleted(message: Received[MailboxDeleted]) -> list[Wanted]:
    return with_particulars(message, *_holders_of_mailbox(message.data.mailbox))


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


@service.event(GroupDeleted, keys=lambda m: with_particulars(m, holder_of("group", m.data.group.name)))
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
