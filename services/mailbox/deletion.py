"""The end of a mailbox: scheduled, taken back, carried out (R26). Pure; the mailbox has passed `rules.enter`."""

from dataclasses import replace
from datetime import datetime, timedelta

from contracts.leaving import ZONE, gone_at
from contracts.mailbox_v1 import DeleteMailbox
from contracts.refusals import Refusal, refuse
from services.mailbox.rows import Mailbox

LATE = timedelta(minutes=1)  # a wake-up comes within seconds: after this long the worker was away
CATCH_UP = timedelta(minutes=5)  # in which it handles what waited for it on the bus, undeletions among it


def due_at(request: DeleteMailbox, mailbox: Mailbox, now: datetime, grace: timedelta) -> datetime | Refusal:
    """Return when the mailbox shall be gone: now for at once. Again without a day says nothing new and is refused."""
    if not request.immediately and request.on is None and mailbox.deletes_at is not None:
        at = mailbox.deletes_at.astimezone(ZONE).isoformat(timespec="seconds")  # the day that was named
        return refuse("deletion_scheduled", address=mailbox.address, at=at)
    return gone_at(request.on, immediately=request.immediately, now=now, grace=grace)


def schedule(mailbox: Mailbox, before: Mailbox, deletes_at: datetime) -> Mailbox:
    """Let the mailbox end at a time. What it was stays known, also when the time is moved."""
    resumes_as = before.resumes_as or ("suspended" if before.state == "suspended" else "active")
    return replace(mailbox, deletes_at=deletes_at, resumes_as=resumes_as)


def carried_out_at(mailbox: Mailbox, woken_for: datetime, now: datetime) -> datetime:
    """Return when to delete a mailbox whose wake-up came at `now`; later than now if it is to wait.

    A worker that was away hears the clock before the bus. Who asked in time to have the mailbox back would come too
    late, and what is deleted is lost; so it waits once.
    """
    assert mailbox.deletes_at is not None, "what is to be deleted has a time"
    is_first = woken_for == mailbox.deletes_at
    return now + CATCH_UP if is_first and now - woken_for > LATE else mailbox.deletes_at


def undelete(mailbox: Mailbox, before: Mailbox) -> Mailbox:
    """Have the mailbox back as it was."""
    assert before.resumes_as is not None, "what is to be deleted knows what it was"
    return replace(mailbox, state=before.resumes_as, deletes_at=None, resumes_as=None)


def carry_out(mailbox: Mailbox) -> Mailbox:
    """Let go of everything but the row. One that had a time counts as gone then, however late the worker comes."""
    return replace(
        mailbox,
        aliases=(),
        forwardings=(),
        keep_copy=True,
        own_features=None,
        blocked_senders=(),
        spam=None,
        password_change_by=None,
        deletes_at=None,
        resumes_as=None,
        deleted_at=min(mailbox.deletes_at or mailbox.updated_at, mailbox.updated_at),
        new_password_hash=None,
    )
