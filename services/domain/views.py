"""A claim as its account sees it: the record to publish, the next step, never the password and never the other side."""

from datetime import datetime

from contracts.base import Text
from contracts.domain_v1 import DomainView, Side, TransferView, TxtRecord
from contracts.values import domain_for_people
from services.domain import sentences
from services.domain.names import label_in_zone, registered_name
from services.domain.proof import REMINDER_HOURS
from services.domain.rows import HOLDING, Claim, Name
from services.domain.sentences import filled, joined
from services.domain.transfers import Seen, seen_by

TTL_SECONDS = 300  # short, so that a corrected record is seen soon


def view(claim: Claim, name: Name) -> DomainView:
    """Return the public state of a claim. Of the others' claims to the name, a transfer alone is shown."""
    seen = seen_by(claim, name)
    return DomainView(
        account=claim.account,
        domain=claim.domain,
        domain_unicode=domain_for_people(claim.domain),
        domain_id=claim.domain_id,
        state=claim.state,
        record=record(claim),
        has_password=claim.password_hash is not None,
        features=claim.features,
        proof=claim.proof,
        proof_missing_since=claim.noes[0] if claim.noes else None,
        proof_lapses_at=claim.lapses_at,
        transfer=_transfer_view(claim, seen) if seen else None,
        last_attempt=claim.last_attempt,
        mx=claim.mx,
        mx_attempt=claim.mx_attempt,
        claimed_at=claim.claimed_at,
        verified_at=claim.verified_at,
        activated_at=claim.activated_at,
        removes_at=claim.removal.deletes_at if claim.removal and claim.state == "removing" else None,
        next_step=_next_step(claim, seen),
        revision=claim.revision,
    )


def record(claim: Claim) -> TxtRecord:
    """Return the record that proves the claim, in every form that registrars ask for (R10)."""
    label = label_in_zone(claim.record_name, claim.domain)
    name, value = claim.record_name, claim.record_value
    zone = registered_name(claim.domain)
    return TxtRecord(
        name=name,
        name_in_zone=label,
        value=value,
        ttl_seconds=TTL_SECONDS,
        zone_line=f'{name}. {TTL_SECONDS} IN TXT "{value}"',
        instructions=filled(
            sentences.INSTRUCTIONS, label=label, name=name, zone=zone, value=value, ttl=str(TTL_SECONDS)
        ),
    )


def proof_text(claim: Claim) -> Text | None:
    """Say what to do about a proof that is missing, and by when; None while nothing is."""
    if claim.lapses_at is None:
        return None
    if claim.proof == "lapsed":
        return _said(sentences.LAPSED, claim)
    return _said(sentences.AT_RISK if claim.state in HOLDING else sentences.CLAIMANT_AT_RISK, claim)


def reminder_text(claim: Claim) -> Text:
    """Say that the proof is still missing, and what the latest look saw."""
    last = claim.reminded_hours == REMINDER_HOURS[-1]
    said = _said(sentences.LAST_REMINDER if last else sentences.REMINDER, claim)
    return joined(said, claim.last_attempt.text) if claim.last_attempt else said


def transfer_text(claim: Claim, seen: Seen) -> Text:
    """Say how a transfer stands and who acts next (R15)."""
    said = _said(sentences.TRANSFERS[seen.role, seen.transfer.state], claim, seen.transfer.answer_by)
    if seen.role == "claimant":
        return said
    proofs = sentences.PROOFS[claim.proof == "held", seen.claimant_proof == "held"]
    return joined(said, _said(proofs, claim))


def closed_text(claim: Claim, role: Side, reason: str) -> Text:
    """Say why a transfer has ended."""
    return _said(sentences.CLOSED[role, reason], claim)


def _transfer_view(claim: Claim, seen: Seen) -> TransferView:
    is_holder = seen.role == "holder"
    return TransferView(
        role=seen.role,
        state=seen.transfer.state,
        opened_at=seen.transfer.opened_at,
        answer_by=seen.transfer.answer_by,
        holder_proof=claim.proof if is_holder else None,
        claimant_proof=seen.claimant_proof,
        text=transfer_text(claim, seen),
    )


def _next_step(claim: Claim, seen: Seen | None) -> Text:
    """Say who acts next, and how; what is most pressing comes first, wrong MX records of an active domain last."""
    steps: list[Text] = []
    missing = proof_text(claim)
    if missing is not None:
        steps.append(missing)
    if seen is not None and seen.role == "holder":
        steps.append(transfer_text(claim, seen))
    if claim.proof == "lapsed" and claim.state == "active":
        return joined(*steps)
    if claim.state == "removing" and claim.removal is not None:
        steps.append(_said(sentences.REMOVING_WITH_MAILBOXES, claim, claim.removal.deletes_at))
    elif claim.state != "contested" or missing is None:
        steps.append(_said(sentences.NEXT_STEPS[claim.state], claim))
    if seen is not None and seen.role == "claimant":
        steps.append(transfer_text(claim, seen))
    mx = claim.mx_attempt
    if claim.state == "active" and mx is not None and mx.state not in ("ok", "unknown"):
        steps.append(mx.text)
    return joined(*steps)


def _said(text: Text, claim: Claim, date: datetime | None = None) -> Text:
    words = {
        "domain": domain_for_people(claim.domain),
        "name": claim.record_name,
        "value": claim.record_value,
        "date": _written(date or claim.lapses_at),
        "since": _written(claim.noes[0] if claim.noes else None),
    }
    return filled(text, **words)


def _written(time: datetime | None) -> str:
    return "" if time is None else f"{time:%Y-%m-%d %H:%M} UTC"
