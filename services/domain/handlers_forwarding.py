"""The bus edge of domain, third part: the gate for addresses without a mailbox."""

from typing import Any
from uuid import UUID

from contracts.forwarding_v1 import (
    AdmittedCatchAll,
    AdmittedForwardOnly,
    CatchAllAdmitted,
    ForwardOnlyAdmitted,
    SetCatchAll,
    SetForwardOnly,
)
from contracts.refusals import Finding, Refusal, refusal
from contracts.values import domain_of
from services.chassis.book import Book
from services.chassis.fates import Fate, HandedOver, Order, Refused, Say
from services.chassis.received import Received
from services.chassis.service import Moment
from services.domain.gate import admitted
from services.domain.handlers import of_request, refused_account, service
from services.domain.store import ACCOUNTS, NAMES


@service.command(
    SetForwardOnly, keys=lambda message: ((ACCOUNTS, message.account), (NAMES, domain_of(message.data.address)))
)
def set_forward_only(message: Received[SetForwardOnly], book: Book, moment: Moment) -> Fate:
    """Let an address that only forwards pass under an active domain of its account (R21, R23)."""
    request = message.data
    domain_id = _opened(message, book, domain_of(request.address))
    if isinstance(domain_id, Refusal):
        return Refused(domain_id)
    order = AdmittedForwardOnly(request=request, domain_id=domain_id)
    fact = ForwardOnlyAdmitted(request_id=message.request_id, address=request.address, domain_id=domain_id)
    return HandedOver(orders=(Order(order, key=request.address),), says=(Say(fact, key=request.address),))


@service.command(SetCatchAll, keys=of_request)
def set_catch_all(message: Received[SetCatchAll], book: Book, moment: Moment) -> Fate:
    """Let a catch-all pass for an active domain of its account (R21, R23)."""
    request = message.data
    domain_id = _opened(message, book, request.domain)
    if isinstance(domain_id, Refusal):
        return Refused(domain_id)
    order = AdmittedCatchAll(request=request, domain_id=domain_id)
    fact = CatchAllAdmitted(request_id=message.request_id, domain=request.domain, domain_id=domain_id)
    return HandedOver(orders=(Order(order, key=request.domain),), says=(Say(fact, key=request.domain),))


def _opened(message: Received[Any], book: Book, domain: str) -> UUID | Refusal:
    reason = refused_account(message, book)
    if reason is not None:
        return reason
    found = admitted(book.get(NAMES, domain), domain, message.account)
    return refusal(found) if isinstance(found, Finding) else found
