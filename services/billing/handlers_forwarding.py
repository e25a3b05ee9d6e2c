"""The bus edge of billing, third part: addresses without a mailbox take of the room for aliases and forwardings."""

from functools import partial
from typing import Any

from contracts.forwarding_v1 import (
    AdmittedCatchAll,
    AdmittedForwardOnly,
    CatchAllRemoved,
    CatchAllSet,
    ForwardOnlyDeleted,
    ForwardOnlySet,
    ReservedCatchAll,
    ReservedForwardOnly,
)
from services.billing import booking
from services.billing.booking import with_particulars
from services.billing.capacity import News, holder_of
from services.billing.handlers import service, taking, unpriced
from services.billing.steps import Particular
from services.chassis.book import Book, Wanted
from services.chassis.fates import Fate
from services.chassis.received import Received
from services.chassis.service import Moment

FORWARD_ONLY, CATCH_ALL = "forward-only", "catch-all"


@service.command(AdmittedForwardOnly, keys=lambda m: taking(m, holder_of(FORWARD_ONLY, m.data.request.address)))
def set_forward_only(message: Received[AdmittedForwardOnly], book: Book, moment: Moment) -> Fate:
    """Reserve room for what the new list of targets has more than the old one (R23)."""
    request = message.data.request
    number = len(set(request.targets))
    order = partial(ReservedForwardOnly, request=request, domain_id=message.data.domain_id)
    return unpriced(message, book, moment, FORWARD_ONLY, request.address, lambda _: number, order)


@service.command(AdmittedCatchAll, keys=lambda m: taking(m, holder_of(CATCH_ALL, m.data.request.domain)))
def set_catch_all(message: Received[AdmittedCatchAll], book: Book, moment: Moment) -> Fate:
    """Reserve room for one: a domain has one catch-all, whichever mailbox that is (R23)."""
    request = message.data.request
    order = partial(ReservedCatchAll, request=request, domain_id=message.data.domain_id)
    return unpriced(message, book, moment, CATCH_ALL, request.domain, lambda _: 1, order)


def _of_forward_only(message: Received[ForwardOnlySet] | Received[ForwardOnlyDeleted]) -> list[Wanted]:
    return with_particulars(message, holder_of(FORWARD_ONLY, message.data.forward_only.address))


@service.event(ForwardOnlySet, keys=_of_forward_only)
def forward_only_set(message: Received[ForwardOnlySet], book: Book, moment: Moment) -> Fate:
    """Confirm as many forwardings as the address has targets."""
    view = message.data.forward_only
    news = News(len(view.targets), view.revision, message.time, since=view.created_at)
    known = Particular(view.revision, view.created_at, view.targets)
    return booking.confirm(message, book, holder_of(FORWARD_ONLY, view.address), news, known)


@service.event(ForwardOnlyDeleted, keys=_of_forward_only)
def forward_only_deleted(message: Received[ForwardOnlyDeleted], book: Book, moment: Moment) -> Fate:
    """Free what the address took."""
    view = message.data.forward_only
    news = News(0, view.revision, message.time, since=view.created_at)
    return booking.free(message, book, [holder_of(FORWARD_ONLY, view.address)], news)


def _of_catch_all(message: Received[Any]) -> list[Wanted]:
    return with_particulars(message, holder_of(CATCH_ALL, message.data.catch_all.domain))


@service.event(CatchAllSet, keys=_of_catch_all)
def catch_all_set(message: Received[CatchAllSet], book: Book, moment: Moment) -> Fate:
    """Confirm a catch-all."""
    view = message.data.catch_all
    news = News(1, view.revision, message.time)
    known = Particular(view.revision, things=(view.mailbox,) if view.mailbox else ())
    return booking.confirm(message, book, holder_of(CATCH_ALL, view.domain), news, known)


@service.event(CatchAllRemoved, keys=_of_catch_all)
def catch_all_removed(message: Received[CatchAllRemoved], book: Book, moment: Moment) -> Fate:
    """Free what the catch-all took."""
    view = message.data.catch_all
    return booking.free(message, book, [holder_of(CATCH_ALL, view.domain)], News(0, view.revision, message.time))
