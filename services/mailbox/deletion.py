"""The end of a mailbox: scheduled, taken back, carried out (R26). Pure; the mailbox has passed `rules.enter`."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from contracts.mailbox_v1 import DeleteMailbox
from contracts.refusals import Refusal, refuse
from services.mailbox.rows import Mailbox

ZONE = ZoneInfo("Europe/Berlin")  # the days of billing: who names a day is not charged for it
MAX_AHEAD = timedelta(days=366)  # a later day is rather a slip of the pen


def due_at(request: DeleteMailbox, mailbox: Mailbox, now: datetime, grace: timedelta) -> datetime | Refusal:
    """Return when the mailbox shall be gone: now for at once. Again without a day says nothing new and is refused."""
    if request.immediately:
        return now
    if request.on is None:
        if mailbox.deletes_at is not None:
            at = mailbox.deletes_at.isoformat(timespec="seconds")
            return refuse("deletion_scheduled", address=mailbox.address, at=at)
        return now + grace
    earliest, latest = (now.astimezone(ZONE).date() + ahead for ahead in (timedelta(days=1), MAX_AHEAD))
    if not earliest <= request.on <= latest:
        days = {"on": request.on, "earliest": earliest, "latest": latest}
        return refuse("deletion_day", **{name: day.isoformat() for name, day in days.items()})
    return datetime.combine(request.on, time(), ZONE).astimezone(UTC)


def schedule(mailbox: Mailbox, before: Mailbox, deletes_at: datetime) -> Mailbox:
    """Let the mailbox end at a time. What it was stays known, also when the time is moved."""
    resumes_as = before.resumes_as or ("suspended" if before.state == "suspended" else "active")
    return replace(mailbox, deletes_at=deletes_at, resumes_as=resumes_as)


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
        deletes_at=None,
        resumes_as=None,
        deleted_at=min(mailbox.deletes_at or mailbox.updated_at, mailbox.updated_at),
        new_password_hash=None,
    )
