"""What leaves when claims change: facts to their accounts, orders to dnscheck, timers. Read off before and after."""

from collections.abc import Iterable
from dataclasses import replace
from uuid import UUID

from contracts.base import Fact
from contracts.dnscheck_v1 import Facet, UnwatchDomain, WatchDomain
from contracts.domain_v1 import (
    ClaimAbandoned,
    ClaimLost,
    DomainActivated,
    DomainAtRisk,
    DomainClaimed,
    DomainLapsed,
    DomainRecovered,
    DomainRemoval,
    DomainRemoved,
    DomainVerified,
    ProofReminder,
    RemoveDomain,
    Side,
    TransferClosed,
    TransferDisputed,
    TransferOpened,
    TransferOverdue,
)
from contracts.holds_v1 import SettleHolds
from services.chassis.fates import At, Done, Order, Say
from services.domain.rows import HOLDING, PROVEN, Claim, Name
from services.domain.transfers import Seen
from services.domain.views import closed_text, proof_text, reminder_text, transfer_text, view

ANSWER_DUE = "transfer"  # the wake-up that ends the time for the holder's answer


def say(fact: Fact, claim: Claim, request_id: UUID | None = None) -> Say:
    """State a fact about a claim to the claim's account."""
    return Say(fact, str(claim.domain_id), claim.revision, claim.account, request_id)


def consequences(before: Name, name: Name) -> Done:
    """Return everything that follows from a change, for all accounts that have a part in the name."""
    done = Done()
    for claim in name.claims:
        was = before.of(claim.account)
        if was is None or was is claim:
            continue
        says = (*_of_claim(was, claim, name), *_of_proof(was, claim, name), *_of_transfer(was, claim, name))
        done = Done((*done.says, *says), (*done.orders, *_orders(was, claim, name)), (*done.timings, *_due(was, claim)))
    return replace(done, says=_once(done.says))


def and_then(first: Iterable[Say], done: Done, last: Iterable[Say] = ()) -> Done:
    """Say something before what follows, or after it."""
    return replace(done, says=(*first, *done.says, *last))


def removed(claim: Claim, name: Name, request_id: UUID | None = None) -> Say:
    """State that a name is given up. A removal that a transfer led to is no request's answer: the transfer's is."""
    return say(DomainRemoved(domain=view(claim, name)), claim, request_id)


def let_go(claim: Claim) -> Order:
    """Ask mailbox to let go of a domain, or tell it when to delete what stands under it."""
    at = claim.removal.deletes_at if claim.removal is not None else None
    order = DomainRemoval(request=RemoveDomain(domain=claim.domain), domain_id=claim.domain_id, deletes_at=at)
    return Order(order, key=str(claim.domain_id), account=claim.account)


def watch(claim: Claim, facet: Facet, request_id: UUID | None = None, *, is_anew: bool = False) -> Order:
    """Order looks at a facet of the domain by schedule, and at once where a request waits for one."""
    order = WatchDomain(
        domain_id=claim.domain_id,
        domain=claim.domain,
        facet=facet,
        record_name=claim.record_name,
        record_value=claim.record_value,
        old_values=tuple(f"token={token}" for token in claim.old_tokens),
        request_id=request_id,
        is_anew=is_anew,
    )
    # The facet is in the key, because what one message orders is told apart by it.
    return Order(order, key=f"{claim.domain_id}/{facet}", account=claim.account)


def unwatch(claim: Claim, domain_id: UUID) -> Order:
    """Order the end of all looks for a claim, which may be one that its account has claimed anew since."""
    return Order(UnwatchDomain(domain_id=domain_id), key=str(domain_id), account=claim.account)


# --- facts ------------------------------------------------------------------------------------------------------


def _of_claim(was: Claim, claim: Claim, name: Name) -> Iterable[Say]:
    """State what a claim has become; one step may be two."""
    if was.state not in HOLDING and claim.state in HOLDING:
        yield say(DomainVerified(domain=view(claim, name)), claim)
    if was.state not in ("active", "removing") and claim.state == "active":
        yield say(DomainActivated(domain=view(claim, name)), claim)
    if was.state != "lost" and claim.state == "lost":
        yield say(ClaimLost(domain=view(claim, name)), claim)
    if was.state != "abandoned" and claim.state == "abandoned":
        shown = view(claim, name)
        yield say(ClaimAbandoned(domain=shown, text=shown.next_step), claim)
    if was.state == "abandoned" and claim.state == "claimed":
        yield say(DomainClaimed(domain=view(claim, name)), claim)


def _of_proof(was: Claim, claim: Claim, name: Name) -> Iterable[Say]:
    """State how the proof has come to stand, and that it is still missing."""
    attempt = claim.last_attempt
    if claim.reminded_hours > was.reminded_hours and attempt is not None:
        shown = view(claim, name)
        yield say(
            ProofReminder(domain=shown, attempt=attempt, hours=claim.reminded_hours, text=reminder_text(claim)), claim
        )
    if was.state not in PROVEN or claim.state not in PROVEN or was.proof == claim.proof:
        return
    text = proof_text(claim)
    if text is None:
        yield say(DomainRecovered(domain=view(claim, name), previous=was.proof), claim)
    elif claim.proof == "at_risk":
        yield say(DomainAtRisk(domain=view(claim, name), text=text), claim)
    else:
        yield say(DomainLapsed(domain=view(claim, name), text=text), claim)


def _of_transfer(was: Claim, claim: Claim, name: Name) -> Iterable[Say]:
    """Tell both sides how a transfer goes. Its end is told by what it leads to, unless it leads to nothing."""
    now = claim.transfer
    if was.transfer is None and now is None:
        return
    holder = name.holder()
    sides = (holder, claim) if holder is not None else (claim,)
    if now is None:
        for side in sides:
            yield from _closed(side, claim, name)
    elif was.transfer is None or was.transfer.state != now.state:
        for side in sides:
            seen = Seen("holder", now, claim.proof) if side is not claim else Seen("claimant", now)
            yield from _notice(side, seen, name)


def _notice(side: Claim, seen: Seen, name: Name) -> Iterable[Say]:
    domain, text = view(side, name), transfer_text(side, seen)
    match seen.transfer.state:
        case "open":
            fact = TransferOpened(domain=domain, role=seen.role, answer_by=seen.transfer.answer_by, text=text)
            yield say(fact, side)
        case "disputed":
            yield say(TransferDisputed(domain=domain, role=seen.role, text=text), side)
        case "overdue":
            yield say(TransferOverdue(domain=domain, role=seen.role, text=text), side)
        case "granted":
            return  # a look follows at once, and its end is told


def _closed(side: Claim, claim: Claim, name: Name) -> Iterable[Say]:
    role: Side = "claimant" if side is claim else "holder"
    match claim.state:
        case "claimed":
            text = closed_text(side, role, "proof_gone")
            yield say(TransferClosed(domain=view(side, name), role=role, reason="proof_gone", text=text), side)
        case "removed" if role == "holder":
            text = closed_text(side, role, "withdrawn")
            yield say(TransferClosed(domain=view(side, name), role=role, reason="withdrawn", text=text), side)
        case _:
            return


def _once(says: Iterable[Say]) -> tuple[Say, ...]:
    """Tell a side once what a change did to several transfers: its view shows the one that counts."""
    told: dict[tuple[type[Fact], str | None], Say] = {}
    for each in says:
        told.setdefault((type(each.fact), each.account), each)
    return tuple(told.values())


# --- orders and timers --------------------------------------------------------------------------------------------


def _orders(was: Claim, claim: Claim, name: Name) -> Iterable[Order]:
    if was.state != claim.state and claim.state in ("lost", "removed"):
        yield unwatch(claim, claim.domain_id)
    if was.activated_at is None and claim.state == "active":
        yield watch(claim, "mx")  # from the activation on (R16), as what else mail wants
        yield watch(claim, "advice")
    if claim.is_granted and not was.is_granted:
        yield watch(claim, "txt")
    if was.state == "contested" and claim.state == "claimed":
        yield watch(claim, "txt", is_anew=True)  # its proof is gone: looked for, corroborated and given up as at first
    if was.transfer is None and claim.transfer is not None and (holder := name.holder()) is not None:
        yield watch(holder, "txt")  # so that the holder and an operator see how both proofs stand now

    if was.at_gate != claim.at_gate != "waiting":
        # By way of the bus, so that it is the account's own lane that lets requests go on: after those before them.
        yield Order(SettleHolds(domain=claim.domain), key=f"holds/{claim.domain}", account=claim.account)


def _due(was: Claim, claim: Claim) -> Iterable[At]:
    transfer = claim.transfer
    if was.transfer is None and transfer is not None:
        payload = {"domain": claim.domain}
        yield At(ANSWER_DUE, str(claim.domain_id), transfer.answer_by, claim.account, payload)
