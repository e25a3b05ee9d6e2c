"""Giving a domain up with everything under it: begun, moved, taken back, finished. Pure.

The mailboxes are mailbox's matter; here stands which requests wait for the end, and whether it may be taken back.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from contracts.leaving import LeavingDomain, gone_at
from contracts.refusals import Refusal, refuse
from services.domain.lifecycle import moved
from services.domain.rows import ENDED, Claim, Closure, Name, Removal, changed
from services.domain.transfers import settled

MAX_REQUESTS = 10  # that move one removal's time, and all wait for its end


@dataclass
class Terms:
    """What an operator may want otherwise. The worker sets it from its settings before its first message."""

    grace: timedelta = timedelta(days=14)  # as for a single mailbox: one setting, mailbox's and domain's


TERMS = Terms()


def deletes_at(request: LeavingDomain, now: datetime) -> datetime | Refusal | None:
    """Return when what stands under the domain shall be gone; None where it must not."""
    if not request.with_mailboxes:
        return None
    return gone_at(request.on, immediately=request.immediately, now=now, grace=TERMS.grace)


def begun(claim: Claim, due_at: datetime, request_id: UUID | None) -> Claim:
    """Note the removal at a claim that has just become removing."""
    requests = () if request_id is None else (request_id,)
    return replace(claim, removal=Removal(due_at, requests, by_closure=request_id is None))


def asked_again(
    claim: Claim, due_at: datetime | None, is_named: bool, request_id: UUID | None, now: datetime
) -> Claim | Refusal:
    """Take another request for the removal of a domain that is being removed: it may move the time, once more begun.

    A removal that only asks mailbox (`due_at` None) changes nothing, as long as no other is under way.
    """
    removal = claim.removal
    if removal is None:
        return claim if due_at is None else begun(changed(claim, now), due_at, request_id)
    if claim.yielding is not None:
        return refuse("domain_given_away", domain=claim.domain)
    if removal.deletes_at <= now or removal.keeping:
        return refuse("removal_under_way", domain=claim.domain, at=written(removal.deletes_at))
    if due_at is None or not is_named or due_at == removal.deletes_at or len(removal.requests) >= MAX_REQUESTS:
        return refuse("removal_scheduled", domain=claim.domain, at=written(removal.deletes_at))
    assert request_id is not None, "who moves the time asks by a request"
    joined = Removal(due_at, (*removal.requests, request_id))
    return changed(claim, now, removal=joined)


def keep(name: Name, account: str, now: datetime) -> Claim | Refusal:
    """Ask for a removal to be taken back. A name that is being given to another is not the account's to keep."""
    claim = name.standing(account)
    if claim is None:
        return refuse("domain_unknown", domain=name.domain)
    removal = claim.removal
    if removal is None or removal.keeping or claim.state != "removing":
        return refuse("no_removal", domain=name.domain)
    if claim.yielding is not None:
        return refuse("domain_given_away", domain=name.domain)
    if removal.deletes_at <= now:
        return refuse("removal_under_way", domain=name.domain, at=written(removal.deletes_at))
    return changed(claim, now, removal=replace(removal, keeping=True))


def kept(name: Name, claim: Claim, now: datetime) -> Name:
    """Have the domain back as it was."""
    back = moved(changed(claim, now, removal=None), "kept", now)
    return settled(name, name.having(back), now)


# --- an account's closure -----------------------------------------------------------------------------------------


def for_closure(name: Name, claim: Claim, closure: Closure, now: datetime) -> Name:
    """Give a name up because its account is being closed. What is not in use goes when the time has come."""
    if claim.state in ENDED:
        return name if claim.state == "removed" else _given_up(name, claim, now)
    if claim.state == "removing":
        removal = claim.removal
        if removal is None:
            return name.having(begun(changed(claim, now), closure.closes_at, None))
        if removal.keeping or removal.deletes_at <= closure.closes_at:
            return name  # on its way already, or back in a moment
        earlier = replace(removal, deletes_at=closure.closes_at, by_closure=True)
        return name.having(changed(claim, now, removal=earlier))
    if claim.state == "active":
        leaving = begun(moved(changed(claim, now), "remove", now), closure.closes_at, None)
        return settled(name, name.having(leaving), now)
    return _given_up(name, claim, now) if closure.closes_at <= now else name


def for_reopening(claim: Claim, now: datetime) -> Claim | None:
    """Ask for a domain back that only its account's closure gives up; None where that is not so, or too late."""
    removal = claim.removal
    if claim.state != "removing" or removal is None or removal.keeping or removal.deletes_at <= now:
        return None
    if removal.requests or not removal.by_closure or claim.yielding is not None:
        return None
    return changed(claim, now, removal=replace(removal, keeping=True))


def _given_up(name: Name, claim: Claim, now: datetime) -> Name:
    return settled(name, name.having(moved(changed(claim, now), "remove", now)), now)


def written(at: datetime) -> str:
    """Write a time for a refusal."""
    return at.isoformat(timespec="seconds")
