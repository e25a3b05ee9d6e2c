"""Transfers: a name that one account holds was proven by another (R15). Pure.

Nobody is taken over silently, and never by time alone: the holder or an operator decides. The claimant whose turn it
is then gets the name free (`granted`) and proves it once more before he holds it.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from contracts.domain_v1 import ProofStanding, Side
from contracts.refusals import Refusal, refuse
from services.domain.lifecycle import TransferStep, course, moved
from services.domain.rows import HOLDING, Claim, Name, Removal, Transfer, Yielding, changed

TIME_TO_ANSWER = timedelta(hours=72)


@dataclass(frozen=True, slots=True)
class Seen:
    """A transfer as one side sees it. How the claimant's proof stands is shown to the holder."""

    role: Side
    transfer: Transfer
    claimant_proof: ProofStanding | None = None


def opened(claim: Claim, now: datetime) -> Claim:
    """Let a claim that was proven after another's wait for the holder's answer."""
    return replace(moved(claim, "late_proof", now), transfer=Transfer("open", now, now + TIME_TO_ANSWER))


def answer(
    name: Name, account: str, *, consent: bool, request_id: UUID, now: datetime, deletes_at: datetime | None = None
) -> Name | Refusal:
    """Take the holder's answer. Consent gives the name to the eldest transfer; an objection is to all of them.

    With `deletes_at` what stands under the name goes then, and the name after it.
    """
    holder = _holder_in_transfer(name, account)
    if isinstance(holder, Refusal):
        return holder
    claimants = name.claimants()
    if consent:
        return _given_away(name, holder, Yielding(request_id, "holder", claimants[0].account), now, deletes_at)
    stepped = (_stepped(claim, "objection", now) for claim in claimants)
    return settled(name, name.having(*stepped), now)


def decide(
    name: Name, account: str, *, to: Side, claimant: str | None, request_id: UUID, now: datetime,
    deletes_at: datetime | None = None,
) -> Name | Refusal:  # fmt: skip
    """Take the operator's decision. For the holder it ends every transfer, or the one it singles out."""
    holder = _holder_in_transfer(name, account)
    if isinstance(holder, Refusal):
        return holder
    chosen = [claim for claim in name.claimants() if claimant in (None, claim.account)]
    if not chosen:
        return refuse("no_transfer", domain=name.domain)
    if to == "holder":
        ended = (moved(changed(claim, now), "decided_against", now) for claim in chosen)
        return settled(name, name.having(*ended), now)
    if len(chosen) > 1:
        return refuse("claimant_ambiguous", domain=name.domain, count=len(chosen))
    return _given_away(name, holder, Yielding(request_id, "operator", chosen[0].account), now, deletes_at)


def overdue(name: Name, account: str, domain_id: UUID, now: datetime) -> Name:
    """Note that the holder has let the time for an answer pass."""
    claim = name.of(account)
    transfer = claim.transfer if claim is not None and claim.domain_id == domain_id else None
    if claim is None or transfer is None or transfer.answer_by > now or name.holder() is None:
        return name
    return settled(name, name.having(_stepped(claim, "no_answer", now)), now)


def settled(before: Name, name: Name, now: datetime, *, heir: str | None = None) -> Name:
    """Let a change have its effect on the others: a name without holder goes to the next claimant.

    A holder whose transfer looks another way than before has a new revision, because his view is another.
    """
    waiting = name.claimants()
    if waiting and name.holder() is None and name.granted() is None:
        chosen = next((claim for claim in waiting if claim.account == heir), waiting[0])
        name = name.having(_granted(chosen, now))
    holder = name.holder()
    if holder is not None and holder is before.of(holder.account) and seen_by(holder, name) != seen_by(holder, before):
        name = name.having(changed(holder, now))
    return name


def seen_by(claim: Claim, name: Name) -> Seen | None:
    """Return the transfer that a claim has a part in: for a holder the eldest."""
    if claim.transfer is not None:
        return Seen("claimant", claim.transfer)
    if claim.state not in HOLDING:
        return None
    return next((Seen("holder", other.transfer, other.proof) for other in name.claimants() if other.transfer), None)


def _holder_in_transfer(name: Name, account: str) -> Claim | Refusal:
    claim = name.standing(account)
    if claim is None:
        return refuse("domain_unknown", domain=name.domain)
    seen = seen_by(claim, name)
    return refuse("no_transfer", domain=name.domain) if seen is None or seen.role != "holder" else claim


def _given_away(
    name: Name, holder: Claim, yielding: Yielding, now: datetime, deletes_at: datetime | None
) -> Name | Refusal:
    """Give the holder's domain up as a removal does: at once, or when mailbox says that nothing stands under it.

    There is no other way to another account, so nobody's mailboxes ever stand under a name that somebody else holds.
    """
    if holder.state == "removing":
        return refuse("domain_not_active", domain=name.domain, state=holder.state)
    leaving = moved(changed(holder, now), "remove", now)
    if leaving.state == "removing":
        removal = None if deletes_at is None else Removal(deletes_at, (yielding.request_id,))
        leaving = replace(leaving, yielding=yielding, removal=removal)
    return settled(name, name.having(leaving), now, heir=yielding.to)


def _granted(claim: Claim, now: datetime) -> Claim:
    """Keep the name free for a claimant: not for ever, others may wait for it too."""
    granted = _stepped(claim, "grant", now)
    assert granted.transfer is not None
    return replace(granted, transfer=replace(granted.transfer, answer_by=now + TIME_TO_ANSWER))


def _stepped(claim: Claim, step: TransferStep, now: datetime) -> Claim:
    assert claim.transfer is not None
    state = course(claim.transfer.state, step)
    unchanged = state == claim.transfer.state
    return claim if unchanged else changed(claim, now, transfer=replace(claim.transfer, state=state))
