"""What passes the gate: which domains a request needs, and how it goes on once they are open. Pure."""

from collections.abc import Mapping
from typing import assert_never
from uuid import UUID

from contracts.base import Fact, HandOver
from contracts.billing_v1 import AdmittedAliases, AdmittedMailbox
from contracts.domain_v1 import AliasesAdmitted, MailboxAdmitted
from contracts.forwarding_v1 import (
    AdmittedCatchAll,
    AdmittedForwardOnly,
    CatchAllAdmitted,
    ForwardOnlyAdmitted,
    SetCatchAll,
    SetForwardOnly,
)
from contracts.mailbox_v1 import AddAliases, CreateMailbox
from contracts.values import domain_of
from services.chassis.fates import HandedOver, Order, Say

Gated = CreateMailbox | AddAliases | SetForwardOnly | SetCatchAll


def about(request: Gated) -> str:
    """Return the address that a request is about, or the domain of a catch-all."""
    return request.domain if isinstance(request, SetCatchAll) else request.address


def gated(request: Gated) -> tuple[str, ...]:
    """Return the domains that the gate asks about: of the addresses that the request would make."""
    match request:
        case CreateMailbox() | SetForwardOnly():
            return (domain_of(request.address),)
        case AddAliases():
            return tuple(dict.fromkeys(domain_of(alias) for alias in request.aliases))
        case SetCatchAll():
            return (request.domain,)
        case _:
            assert_never(request)


def concerned(request: Gated) -> tuple[str, ...]:
    """Return those and the domain of the mailbox that the addresses are for: it cannot be there before its domain."""
    mailbox = request.mailbox if isinstance(request, SetCatchAll) else request.address
    return tuple(dict.fromkeys((*gated(request), domain_of(mailbox))))


def passed(request: Gated, request_id: UUID, domain_ids: Mapping[str, UUID]) -> HandedOver:
    """Hand a request on to billing, and say that it was admitted."""
    order, fact = _handed_on(request, request_id, domain_ids)
    key = about(request)
    return HandedOver(orders=(Order(order, key=key),), says=(Say(fact, key=key),))


def _handed_on(request: Gated, request_id: UUID, domain_ids: Mapping[str, UUID]) -> tuple[HandOver, Fact]:
    domains = gated(request)
    first = domain_ids[domains[0]]
    match request:
        case CreateMailbox():
            fact = MailboxAdmitted(request_id=request_id, address=request.address, domain_id=first)
            return AdmittedMailbox(request=request, domain_id=first), fact
        case AddAliases():
            fact = AliasesAdmitted(request_id=request_id, address=request.address, aliases=request.aliases)
            ids = {domain: domain_ids[domain] for domain in domains}
            return AdmittedAliases(request=request, domain_ids=ids), fact
        case SetForwardOnly():
            fact = ForwardOnlyAdmitted(request_id=request_id, address=request.address, domain_id=first)
            return AdmittedForwardOnly(request=request, domain_id=first), fact
        case SetCatchAll():
            fact = CatchAllAdmitted(request_id=request_id, domain=request.domain, domain_id=first)
            return AdmittedCatchAll(request=request, domain_id=first), fact
        case _:
            assert_never(request)
