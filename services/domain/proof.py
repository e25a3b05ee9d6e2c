"""How the proof of a domain stands as time passes: the ladder down, the way back, and reminders (R12, R17). Pure.

Only an authoritative no counts. What could not be asked, or says yes here and no there, moves nothing and forgets
nothing.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from contracts.dnscheck_v1 import Attempt
from services.domain.lifecycle import stands
from services.domain.rows import PROVEN, Claim

GRACE = timedelta(hours=72)  # from the warning to the end of new mailboxes (R17)
NOES_TO_LAPSE = 3
APART = timedelta(hours=6)  # noes closer together are one: who presses check-now repeats a look, not a fact
DOUBTFUL = frozenset({"partial", "dnssec_bogus", "perspectives_disagree"})  # the record is there for some
TIME_HEALS = frozenset({"not_yet", "partial", "perspectives_disagree"})  # nothing for the customer to correct
FIRST_REMINDER_HOURS = 1  # for what the customer must correct; to wait is no news
REMINDER_HOURS = (FIRST_REMINDER_HOURS, 24, 48, 7 * 24, 13 * 24)


def is_no(attempt: Attempt) -> bool:
    """Tell whether a look counts against the proof."""
    return attempt.kind == "not_yet" and attempt.code not in DOUBTFUL


def is_history(claim: Claim, attempt: Attempt) -> bool:
    """Tell whether a later look is known. What takes must be news; a confirmation may come late."""
    known = claim.last_attempt
    return attempt.kind != "confirmed" and known is not None and attempt.checked_at < known.checked_at


def confirmed(claim: Claim) -> Claim:
    """Return the claim with its proof there."""
    return replace(claim, proof=stands(claim.proof, "confirmed"), noes=(), lapses_at=None)


def missed(claim: Claim, attempt: Attempt, now: datetime) -> Claim:
    """Count a look that did not confirm. The first no warns, and names the time from which a third one has effect."""
    if claim.state not in PROVEN or not is_no(attempt) or claim.proof == "lapsed":
        return claim
    at = attempt.checked_at
    if claim.lapses_at is None:
        # A look that was heard late warns late: the customer has his time from the warning on.
        return replace(claim, proof=stands(claim.proof, "no"), noes=(at,), lapses_at=max(at, now) + GRACE)
    if at < claim.noes[-1] + APART:
        return claim
    if len(claim.noes) < NOES_TO_LAPSE - 1:
        return replace(claim, noes=(*claim.noes, at))
    if at < claim.lapses_at:
        return claim
    return replace(claim, proof=stands(claim.proof, "last_no"), noes=(*claim.noes, at))


def reminded(claim: Claim, attempt: Attempt) -> Claim:
    """Note that a reminder is due with this look: the latest one, when several were missed."""
    if claim.state != "claimed" or attempt.kind == "confirmed":
        return claim
    age = attempt.checked_at - claim.sought_since
    due = [hours for hours in REMINDER_HOURS if age >= timedelta(hours=hours) and _is_worth(hours, attempt)]
    return replace(claim, reminded_hours=due[-1]) if due and due[-1] > claim.reminded_hours else claim


def _is_worth(hours: int, attempt: Attempt) -> bool:
    return hours > FIRST_REMINDER_HOURS or (attempt.kind == "not_yet" and attempt.code not in TIME_HEALS)
