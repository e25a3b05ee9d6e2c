"""The removal of a domain with everything under it: begun, moved, taken back, and what becomes of each thing. Pure."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from contracts.refusals import Refusal, refuse
from contracts.removal_v1 import Removal as Told
from contracts.removal_v1 import RemovalPhase
from contracts.values import domain_of
from services.mailbox.rows import Domain, Mailbox, Removal

TELL_AGAIN = timedelta(seconds=2)
ENDED: frozenset[RemovalPhase] = frozenset({"vacated", "kept"})


# --- the removal --------------------------------------------------------------------------------------------------


def begun(before: Removal | None, domain: Domain, deletes_at: datetime, request_id: UUID, now: datetime) -> Removal:
    """Begin a removal, or move one that is under way to another time. What is being emptied already is not moved."""
    phase: RemovalPhase = "emptying" if deletes_at <= now else "scheduling"
    if before is None or before.domain_id != domain.domain_id or before.phase in ENDED:
        return Removal(domain.account, domain.domain, domain.domain_id, request_id, phase, deletes_at, domain.tally)
    if before.phase == "emptying":
        return before
    return replace(before, phase=phase, deletes_at=deletes_at, after="", portions=0, keep_request_id=None)


def taken_back(
    before: Removal | None, domain: str, domain_id: UUID, request_id: UUID, now: datetime
) -> Removal | Refusal:
    """Have back what a removal has scheduled, as long as its time has not come."""
    if before is None or before.domain_id != domain_id or before.phase in (*ENDED, "restoring"):
        return refuse("no_removal", domain=domain)
    if before.phase == "emptying" or before.deletes_at <= now:
        return refuse("removal_under_way", domain=domain, at=before.deletes_at.isoformat(timespec="seconds"))
    return replace(before, phase="restoring", after="", keep_request_id=request_id)


def entered(removal: Removal, phase: RemovalPhase) -> Removal:
    """Begin the next phase."""
    return replace(removal, phase=phase, after="")


def worked(removal: Removal, addresses: Iterable[str], *, scheduled: int = 0, marked: Iterable[str] = ()) -> Removal:
    """Note a portion: how far it went, and how many more or fewer mailboxes wait for the removal's day alone."""
    after = max(addresses, default=removal.after)
    return replace(
        removal,
        after=after,
        portions=removal.portions + 1,
        scheduled=removal.scheduled + scheduled,
        marked=(*removal.marked, *marked),
    )


def is_worth_telling(before: Removal, removal: Removal, now: datetime) -> bool:
    """Tell every new phase, and otherwise now and then."""
    return before.phase != removal.phase or removal.told_at is None or now - removal.told_at >= TELL_AGAIN


def told(removal: Removal, domain: Domain) -> Told:
    """Return the public state of a removal. What is left is what stands under the domain, and so always adds up."""
    return Told(
        domain=removal.domain,
        domain_id=removal.domain_id,
        phase=removal.phase,
        deletes_at=removal.deletes_at,
        mailboxes_total=removal.total.mailboxes,
        mailboxes_left=domain.tally.mailboxes,
        aliases_total=removal.total.aliases,
        aliases_left=domain.tally.aliases,
        scheduled=removal.scheduled,
        portions=removal.portions,
    )


# --- what becomes of a mailbox; it is the account's ---------------------------------------------------------------


def wants_schedule(mailbox: Mailbox, removal: Removal, *, is_marked: bool) -> bool:
    """Tell whether the removal gives a mailbox its day: unless its customer gave it one before."""
    if mailbox.state in ("active", "suspended"):
        return True
    return mailbox.state == "deleting" and is_marked and mailbox.deletes_at != removal.deletes_at


def last_day(mailbox: Mailbox, removal: Removal) -> Mailbox:
    """Return a mailbox that is about to be deleted as one that goes with its domain, if it would not go earlier."""
    return replace(mailbox, deletes_at=min(mailbox.deletes_at or removal.deletes_at, removal.deletes_at))


def without_aliases(entered_mailbox: Mailbox, domain: str) -> Mailbox:
    """Take away the aliases that stand under the domain."""
    return replace(entered_mailbox, aliases=tuple(a for a in entered_mailbox.aliases if domain_of(a) != domain))
