"""Backups of mailboxes: which can be restored, and the course of a restore (R33). Pure: clock and rows are passed in.

A backup is kept for at most six days, to the second: nothing here waits for a wake-up. One made before a mailbox is not
of it, be it that the address had another holder before.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from contracts.backups_v1 import BackupView, RecordBackup, ReportRestore, RestoreBackup, RestoreState, RestoreView
from contracts.refusals import Refusal, refuse
from services.mailbox import features
from services.mailbox.rows import Domain, Mailbox

AHEAD = timedelta(minutes=5)  # that a store's clock may be ahead
BackupKey = tuple[str, str]  # account and the store's name of the snapshot
RestoreKey = tuple[str, str]  # account and address


@dataclass(frozen=True, slots=True)
class Backup:
    """A snapshot in the mail store. `expired_at` is when the store was told to delete it."""

    account: str
    snapshot: str
    address: str
    taken_at: datetime
    bytes: int
    messages: int
    expired_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Restore:
    """A mailbox's latest restore; its id is the id of the request for it."""

    account: str
    address: str
    restore: UUID
    snapshot: str
    folder: str | None
    answer_by: datetime
    state: RestoreState = "open"


# --- backups ----------------------------------------------------------------------------------------------------


def record(
    ask: RecordBackup, account: str, known: Backup | None, mailbox: Mailbox | None, now: datetime, keep: timedelta
) -> Backup | Refusal:
    """Take a backup in; the same one again changes nothing."""
    made = Backup(account, ask.snapshot, ask.address, ask.taken_at, ask.bytes, ask.messages)
    if known is not None:
        if replace(known, expired_at=None) == made:
            return known
        return refuse("snapshot_exists", snapshot=ask.snapshot)
    if mailbox is None or mailbox.account != account or mailbox.state == "deleted":
        return refuse("mailbox_unknown", address=ask.address)
    if ask.taken_at > now + AHEAD:
        return refuse("backup_in_the_future", snapshot=ask.snapshot, at=_text(ask.taken_at))
    if not _is_kept(made, now, keep):
        return refuse("backup_too_old", snapshot=ask.snapshot, until=_text(ask.taken_at + keep))
    return made


def can_be_restored(backup: Backup, mailbox: Mailbox, now: datetime, keep: timedelta) -> bool:
    """Say whether a backup is this mailbox's and its time is not over."""
    return (
        (backup.account, backup.address) == (mailbox.account, mailbox.address)
        and backup.expired_at is None
        and backup.taken_at >= mailbox.created_at
        and _is_kept(backup, now, keep)
    )


def expired(backup: Backup, now: datetime, keep: timedelta) -> Backup | None:
    """Return a backup whose time is over as one to be deleted; None for one that is not due, or was told before."""
    return None if backup.expired_at or _is_kept(backup, now, keep) else replace(backup, expired_at=now)


def shown(backup: Backup, keep: timedelta) -> BackupView:
    """Return a backup as contracts show it."""
    return BackupView(
        snapshot=backup.snapshot,
        taken_at=backup.taken_at,
        bytes=backup.bytes,
        messages=backup.messages,
        restorable_until=backup.taken_at + keep,
    )


def _is_kept(backup: Backup, now: datetime, keep: timedelta) -> bool:
    return now < backup.taken_at + keep


# --- restores ---------------------------------------------------------------------------------------------------


def accessible(mailbox: Mailbox | None, account: str, address: str, domain: Domain | None) -> Mailbox | Refusal:
    """Return the mailbox whose backups its holder may see: the feature is that access (R33)."""
    if mailbox is None or mailbox.account != account or mailbox.state == "deleted":
        return refuse("mailbox_unknown", address=address)
    assert domain is not None, "a mailbox stands under a domain that has a row"
    if "backup" not in features.of_mailbox(mailbox, domain).on:
        return refuse("feature_off", address=address, feature="backup")
    return mailbox


def restore(
    ask: RestoreBackup,
    request_id: UUID,
    mailbox: Mailbox,
    backup: Backup | None,
    latest: Restore | None,
    now: datetime,
    keep: timedelta,
    answer_by: datetime,
) -> Restore | Refusal:
    """Begin a restore into a mailbox that `accessible` has let pass; one at a time."""
    if mailbox.state == "deleting":
        return refuse("mailbox_state", address=ask.address, state=mailbox.state)
    if backup is None or not can_be_restored(backup, mailbox, now, keep):
        return refuse("backup_unknown", address=ask.address, snapshot=ask.snapshot)
    if latest is not None and latest.state == "open":
        return refuse("restore_running", address=ask.address, until=_text(latest.answer_by))
    return Restore(mailbox.account, ask.address, request_id, ask.snapshot, ask.folder, answer_by)


def report(ask: ReportRestore, latest: Restore | None) -> Restore | Refusal:
    """End the restore that the store reports on; a late or repeated report ends nothing."""
    if latest is None or latest.restore != ask.restore or latest.state != "open":
        return refuse("restore_unknown", restore=str(ask.restore))
    return replace(latest, state="restored" if ask.restored else "failed")


def given_up(latest: Restore, now: datetime) -> Restore | None:
    """Return a restore that the store has not answered in time as ended, or None."""
    is_over = latest.state == "open" and latest.answer_by <= now
    return replace(latest, state="unanswered") if is_over else None


def restore_shown(it: Restore) -> RestoreView:
    """Return a restore as contracts show it."""
    return RestoreView(
        restore=it.restore, address=it.address, snapshot=it.snapshot, folder=it.folder, answer_by=it.answer_by
    )


def _text(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
