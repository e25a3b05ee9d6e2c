"""What happens to the claims of a domain name. Pure: the clock and the dice are passed in.

All accounts' claims to one name are one aggregate, `Name`, so that the first proof wins under one lock (R15). What
touches one claim alone returns the claim; what others may feel returns the name.
"""

import base64
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from contracts.dnscheck_v1 import Attempt, MxAttempt
from contracts.mailbox_v1 import DomainOccupied
from contracts.refusals import Refusal, refuse
from contracts.values import Feature
from services.domain import proof
from services.domain.lifecycle import after, moved
from services.domain.removal import asked_again, begun
from services.domain.rows import ENDED, HOLDING, PROVEN, SOUGHT, Account, Claim, Name, changed
from services.domain.transfers import opened, settled

TOKEN_BYTES = 20  # 160 bits, which base32 writes as 32 characters without padding (R11)
MAX_OLD_TOKENS = 5  # kept to tell a customer who published an earlier one


def token_of(dice: bytes) -> str:
    """Write random bytes as a token that survives any registrar's form (R11)."""
    return base64.b32encode(dice).decode().lower()


# --- the customer's requests ------------------------------------------------------------------------------------


def claim_name(
    name: Name, *, account: str, domain_id: UUID, token: str, label: str, password_hash: str | None, now: datetime
) -> Claim | Refusal:
    """Claim a name, or resume an open or abandoned claim with its token; the ids and the label are for a new one."""
    claim = name.of(account)
    if claim is not None and claim.state in HOLDING:
        return refuse("domain_already_claimed", domain=name.domain, state=claim.state)
    if claim is None:
        return Claim(name.domain, account, domain_id, "claimed", label, token, now, now, password_hash=password_hash)
    if claim.state in ENDED:
        return _claimed_anew(claim, domain_id, token, label, password_hash, now)
    claim = resumed(claim, now)
    return claim if password_hash is None else changed(claim, now, password_hash=password_hash)


def is_new(name: Name, claim: Claim) -> bool:
    """Tell whether a claim brings a record of its own, which the same request at another time would not."""
    before = name.of(claim.account)
    return before is None or before.token != claim.token


def resumed(claim: Claim, now: datetime) -> Claim:
    """Look for the proof of an abandoned claim again: the same token, the same record (R12)."""
    return moved(changed(claim, now), "resume", now) if claim.state == "abandoned" else claim


def set_password(name: Name, account: str, password_hash: str, now: datetime) -> Claim | Refusal:
    """Set the domain password; a verified domain becomes active by it (R14)."""
    claim = open_claim(name, account)
    if isinstance(claim, Refusal):
        return claim
    if claim.state == "removing":
        return refuse("domain_not_active", domain=name.domain, state=claim.state)
    return moved(changed(claim, now, password_hash=password_hash), "password", now)


def remove(
    name: Name, account: str, now: datetime, *,
    request_id: UUID | None = None, deletes_at: datetime | None = None, is_named: bool = False,
) -> Name | Refusal:  # fmt: skip
    """Give a name up: at once, or by way of `removing` where mailboxes may stand under it.

    With `deletes_at` what stands under it goes then; `is_named` says that the request named that time. Asked again
    while mailbox is asked, nothing changes: mailbox is asked again too, and answers each request.
    """
    claim = name.standing(account)
    if claim is None:
        return refuse("domain_unknown", domain=name.domain)
    if claim.state == "removing":
        assert request_id is not None or deletes_at is None, "who names a time asks by a request"
        again = asked_again(claim, deletes_at, is_named, request_id, now)
        return again if isinstance(again, Refusal) else name.having(again)
    leaving = moved(changed(claim, now), "remove", now)
    if leaving.state == "removing" and deletes_at is not None:
        leaving = begun(leaving, deletes_at, request_id)
    return settled(name, name.having(leaving), now)


def open_claim(name: Name, account: str) -> Claim | Refusal:
    """Return the account's claim if something can still be done about it. Others' claims are never spoken of."""
    claim = name.standing(account)
    if claim is None:
        return refuse("domain_unknown", domain=name.domain)
    if claim.state == "lost":
        return refuse("claim_lost", domain=name.domain)
    return claim


def set_features(claim: Claim, features: tuple[Feature, ...], now: datetime) -> Claim:
    """Replace the domain's default features (R31). Also an equal set is one: it can make mailboxes follow."""
    return changed(claim, now, features=features, former_features=claim.features)


def undo_features(claim: Claim, now: datetime) -> Claim | Refusal:
    """Put back the features that the latest set, or undo, has replaced."""
    if claim.former_features is None:
        return refuse("nothing_to_undo", target=claim.domain)
    return set_features(claim, claim.former_features, now)


# --- what others found out --------------------------------------------------------------------------------------


def txt_checked(name: Name, claim: Claim, attempt: Attempt, now: datetime) -> Name:
    """Note a look for the proof: a confirmed one gives, an authoritative no takes in time, silence does neither."""
    if proof.is_history(claim, attempt):
        return name
    noted = changed(claim, now, last_attempt=attempt)
    if noted.state in ENDED:
        return name.having(noted)
    if attempt.kind == "confirmed":
        return settled(name, _proven(name.having(noted), noted, now), now)
    return settled(name, name.having(_unproven(noted, attempt, now)), now)


def mx_checked(claim: Claim, attempt: MxAttempt, now: datetime) -> Claim:
    """Note a look at the MX records; one that learned nothing keeps the state (R13)."""
    state = claim.mx if attempt.state == "unknown" else attempt.state
    return changed(claim, now, mx=state, mx_attempt=attempt)


def vacated(name: Name, claim: Claim, request_id: UUID, now: datetime, *, with_mailboxes: bool = False) -> Name:
    """Finish a removal: nothing stands under the domain any more. Each request that asked for it is answered once.

    `with_mailboxes` is mailbox's answer to a removal of everything under the domain, else to a question.
    That an earlier request was refused meanwhile saves nothing: mailbox has closed the domain by now.
    """
    yielding, removal = claim.yielding, claim.removal
    is_answered = yielding is not None and yielding.request_id == request_id
    is_ended = removal is not None and with_mailboxes
    if claim.state == "removed" and not is_answered and not is_ended:
        return name
    left = changed(claim, now, yielding=None if is_answered else yielding, removal=None if is_ended else removal)
    gone = moved(moved(left, "remove", now), "vacated", now)
    return settled(name, name.having(gone), now, heir=yielding.to if yielding else None)


def occupied(name: Name, claim: Claim, fact: DomainOccupied, request_id: UUID, now: datetime) -> tuple[Name, Refusal]:
    """Take a removal back, and say what stands in its way. A consent or decision waits for its own answer."""
    reason = refuse("domain_has_mailboxes", domain=claim.domain, mailboxes=fact.mailboxes, aliases=fact.aliases)
    if (
        claim.state == "active"
        or claim.removal is not None
        or (claim.yielding is not None and claim.yielding.request_id != request_id)
    ):
        return name, reason
    kept = moved(changed(claim, now, yielding=None), "occupied", now)
    return settled(name, name.having(kept), now), reason


def stand_of(account: Account | None, account_id: str, channel: str) -> Refusal | None:
    """Refuse what the account may not ask for (R3). An account not known here yet passes: billing knows it."""
    if account is None:
        return None
    if account.state != "active":
        return refuse("account_not_active", account=account_id, state=account.state)
    if channel == "console" and not account.self_service:
        return refuse("reseller_api_only")
    return None


def leaving(account: Account | None, account_id: str) -> Refusal | None:
    """Refuse what would outlive an account that is being closed."""
    if account is None or account.state not in ("closing", "closed"):
        return None
    return refuse("account_not_active", account=account_id, state=account.state)


# --- helpers ----------------------------------------------------------------------------------------------------


def _claimed_anew(
    claim: Claim, domain_id: UUID, token: str, label: str, password_hash: str | None, now: datetime
) -> Claim:
    old_tokens = (claim.token, *claim.old_tokens)[:MAX_OLD_TOKENS]
    state = after(claim.state, "claim")
    anew = Claim(claim.domain, claim.account, domain_id, state, label, token, now, now, old_tokens, password_hash)
    return replace(anew, revision=claim.revision + 1)


def _proven(name: Name, claim: Claim, now: datetime) -> Name:
    """The first proof wins; a later one opens a transfer and changes nothing for the holder (R15)."""
    seen = proof.confirmed(claim) if claim.state in PROVEN else claim
    granted = name.granted()
    # Kept free is as good as held; should its claimant fail, the next one's turn comes.
    is_kept = granted is not None and granted.account != claim.account
    if is_kept or name.holder() is not None:
        return name.having(proof.confirmed(opened(claim, now)) if claim.state in SOUGHT else seen)
    winner = proof.confirmed(moved(claim, "proof", now))
    if winner.password_hash is not None:
        winner = moved(winner, "password", now)
    rivals = [rival for rival in name.claims if rival.account != claim.account and rival.state not in ENDED]
    return name.having(winner, *(moved(changed(rival, now), "rival_proof", now) for rival in rivals))


def _unproven(claim: Claim, attempt: Attempt, now: datetime) -> Claim:
    if claim.state in SOUGHT:
        # Looks that go on resume the claim too: a request may have overtaken the look that was to be the last.
        goes_on = attempt.next_check_at is not None
        return proof.reminded(moved(claim, "resume" if goes_on else "looks_ended", now), attempt)
    seen = proof.missed(claim, attempt, now)
    return moved(seen, "proof_gone", now) if seen.proof == "lapsed" or _wasted(claim, attempt) else seen


def _wasted(claim: Claim, attempt: Attempt) -> bool:
    """Tell whether a name was kept free for a claimant in vain."""
    if claim.transfer is None or not claim.is_granted:
        return False
    return proof.is_no(attempt) or attempt.checked_at >= claim.transfer.answer_by
