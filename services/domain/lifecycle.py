"""What becomes of a claim, of its proof and of a transfer: three tables, and a claim's step through the first. Pure.

A pair that is not in a table leaves things as they are.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Literal

from contracts.domain_v1 import DomainState, ProofStanding, TransferState
from services.domain.rows import ENDED, PROVEN, Claim

Trigger = Literal[
    "claim", "resume", "looks_ended", "proof", "late_proof", "rival_proof", "proof_gone", "decided_against", "password",
    "remove", "vacated", "occupied", "kept",
]  # fmt: skip
Look = Literal["confirmed", "no", "last_no"]
TransferStep = Literal["objection", "no_answer", "grant"]

# `claim` on an ended claim begins a new one in its place, `resume` goes on with an abandoned one. `password` means that
# one is there: an unproven claim keeps it until the proof.
LIFE_CYCLE: Mapping[tuple[DomainState, Trigger], DomainState] = {
    ("claimed", "looks_ended"): "abandoned",
    ("claimed", "proof"): "verified",
    ("claimed", "late_proof"): "contested",
    ("claimed", "rival_proof"): "lost",
    ("claimed", "remove"): "removed",
    ("abandoned", "resume"): "claimed",
    ("abandoned", "proof"): "verified",
    ("abandoned", "late_proof"): "contested",
    ("abandoned", "rival_proof"): "lost",
    ("abandoned", "remove"): "removed",
    ("contested", "proof"): "verified",  # the holder has given the name up
    ("contested", "rival_proof"): "lost",
    ("contested", "proof_gone"): "claimed",
    ("contested", "decided_against"): "lost",
    ("contested", "remove"): "removed",
    ("verified", "password"): "active",
    ("verified", "remove"): "removed",  # never active: nothing can stand under it
    ("active", "remove"): "removing",
    ("removing", "vacated"): "removed",
    ("removing", "occupied"): "active",
    ("removing", "kept"): "active",
    ("lost", "claim"): "claimed",
    ("lost", "remove"): "removed",
    ("removed", "claim"): "claimed",
}

# `last_no` is the third no that counts, after the time given in the warning (R17).
PROOF_LADDER: Mapping[tuple[ProofStanding, Look], ProofStanding] = {
    ("pending", "confirmed"): "held",
    ("held", "no"): "at_risk",
    ("at_risk", "confirmed"): "held",
    ("at_risk", "last_no"): "lapsed",
    ("lapsed", "confirmed"): "held",
}

# A transfer begins as open and ends with its claim's state `contested`.
TRANSFER_COURSE: Mapping[tuple[TransferState, TransferStep], TransferState] = {
    ("open", "objection"): "disputed",
    ("open", "no_answer"): "overdue",
    ("open", "grant"): "granted",
    ("overdue", "objection"): "disputed",
    ("overdue", "grant"): "granted",
    ("disputed", "grant"): "granted",
}


def after(state: DomainState, trigger: Trigger) -> DomainState:
    """Return the state that a trigger leads to."""
    return LIFE_CYCLE.get((state, trigger), state)


def stands(proof: ProofStanding, look: Look) -> ProofStanding:
    """Return how the proof stands after a look."""
    return PROOF_LADDER.get((proof, look), proof)


def course(state: TransferState, step: TransferStep) -> TransferState:
    """Return how a transfer stands after a step."""
    return TRANSFER_COURSE.get((state, step), state)


def moved(claim: Claim, trigger: Trigger, now: datetime) -> Claim:
    """Return the claim in its next state, within the change in hand, with nothing that does not belong to it."""
    state = after(claim.state, trigger)
    if state == claim.state:
        return claim
    if trigger in ("resume", "proof_gone"):  # the time to prove it begins anew, and so do the reminders
        claim = replace(claim, resumed_at=now, reminded_hours=0)
    if trigger == "proof":
        claim = replace(claim, verified_at=now)
    if state == "active" and claim.activated_at is None:
        claim = replace(claim, activated_at=now)
    if state not in PROVEN:
        claim = replace(claim, proof="pending", noes=(), lapses_at=None)
    if state != "contested":
        claim = replace(claim, transfer=None)
    if state in ENDED:
        claim = replace(claim, password_hash=None)  # nobody has a business with it any more
    return replace(claim, state=state)
