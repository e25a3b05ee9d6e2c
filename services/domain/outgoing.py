"""What leaves when a claim changes: facts to its account and to others', orders to dnscheck."""

from collections.abc import Iterable
from typing import Literal
from uuid import UUID

from contracts.base import Fact
from contracts.dnscheck_v1 import Facet, UnwatchDomain, WatchDomain
from contracts.domain_v1 import DomainActivated, DomainRemoved, DomainVerified, TransferOpened
from services.chassis.fates import Done, Order, Say
from services.domain.rules import HOLDING, Claim, Name
from services.domain.views import transfer_text, view


def say(fact: Fact, claim: Claim, request_id: UUID | None = None) -> Say:
    """State a fact about a claim to the claim's account."""
    return Say(fact, str(claim.domain_id), claim.revision, claim.account, request_id)


def given_up(name: Name, claim: Claim) -> Done:
    """A name is given up. Who proved it while it was held is looked at again: the name may be theirs now."""
    waiting = [other for other in name.claims if other.account != claim.account and other.state == "contested"]
    orders = (unwatch(claim, claim.domain_id), *(watch(other, "txt") for other in waiting))
    return Done(says=(say(DomainRemoved(domain=view(claim)), claim),), orders=orders)


def watch_mx_if_activated(before: Claim | None, claim: Claim) -> tuple[Order, ...]:
    """Begin to look at the MX records with the domain's activation (R16)."""
    activated = claim.state == "active" and (before is None or before.state != "active")
    return (watch(claim, "mx"),) if activated else ()


def watch(claim: Claim, facet: Facet, request_id: UUID | None = None) -> Order:
    """Order looks at a facet of the domain by schedule, and at once where a request waits for one."""
    order = WatchDomain(
        domain_id=claim.domain_id,
        domain=claim.domain,
        facet=facet,
        record_name=claim.record_name,
        record_value=claim.record_value,
        old_values=tuple(f"token={token}" for token in claim.old_tokens),
        request_id=request_id,
    )
    return Order(order, key=str(claim.domain_id), account=claim.account)


def unwatch(claim: Claim, domain_id: UUID) -> Order:
    """Order the end of all looks for a claim, which may be one that its account has claimed anew since."""
    return Order(UnwatchDomain(domain_id=domain_id), key=str(domain_id), account=claim.account)


def progress(before: Claim | None, claim: Claim) -> Iterable[Say]:
    """State what a claim has become; one step may do both."""
    was = before.state if before else "claimed"
    if was not in HOLDING and claim.state in HOLDING:
        yield say(DomainVerified(domain=view(claim)), claim)
    if was != "active" and claim.state == "active":
        yield say(DomainActivated(domain=view(claim)), claim)


def transfer(name: Name, before: Claim, claim: Claim) -> Iterable[Say]:
    """Tell both sides of a transfer, once; nothing else changes (R15)."""
    holder = name.holder()
    if holder is None or claim.state != "contested" or before.state == "contested":
        return
    yield _transfer_notice("holder", holder)
    yield _transfer_notice("claimant", claim)


def _transfer_notice(role: Literal["holder", "claimant"], side: Claim) -> Say:
    fact = TransferOpened(domain=side.domain, domain_id=side.domain_id, role=role, text=transfer_text(role, side))
    return Say(fact, key=str(side.domain_id), account=side.account)
