"""The bus edge of mailbox, sixth part: backups and restores (R33).

A restore is accepted by a fact that the mail store hears, and ends with the store's report or when its time is over:
both are told under the id of the customer's request.
"""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import structlog

from contracts.backups_v1 import (
    AskBackups,
    AskOverdueBackups,
    BackupRecorded,
    BackupRestored,
    BackupRestoreRequested,
    BackupsAnswer,
    BackupsDeleted,
    BackupsExpired,
    ConfirmBackupsDeleted,
    OverdueBackup,
    OverdueBackupsAnswer,
    RecordBackup,
    ReportRestore,
    RestoreBackup,
    RestoreReported,
)
from contracts.messages import REGISTRY
from contracts.refusals import Refusal, RequestRefused, refuse
from contracts.values import domain_of
from services.chassis.book import Book, Conn, Wanted
from services.chassis.fates import At, Cancel, Done, Fate, HandedOver, Refused, Say
from services.chassis.received import Received, Tick
from services.chassis.runtime import utc_now
from services.chassis.service import Moment
from services.mailbox import backups, reads, store_backups
from services.mailbox.backups import Backup, Restore
from services.mailbox.handlers import asked, barred, service
from services.mailbox.handlers_deletion import LOOK
from services.mailbox.store import DOMAINS, MAILBOXES
from services.mailbox.store_backups import BACKUPS, RESTORES
from services.mailbox.terms import TERMS

log = structlog.get_logger()
ANSWER_DUE = "restore-answer"  # its key is the address
SWEEP = 2000  # backups expired in one go
REPORT_LOG = 200  # characters of a store's reason that a customer reads


# --- what the store says ----------------------------------------------------------------------------------------


def _rows_of_record(message: Received[RecordBackup]) -> Iterable[Wanted]:
    return (BACKUPS, (message.account, message.data.snapshot)), (MAILBOXES, message.data.address)


@service.command(RecordBackup, keys=_rows_of_record)
def record_backup(message: Received[RecordBackup], book: Book, moment: Moment) -> Fate:
    """Know of a backup that the mail store has made."""
    ask, key = message.data, (message.account, message.data.snapshot)
    known = book.get(BACKUPS, key)
    made = backups.record(ask, message.account, known, book.get(MAILBOXES, ask.address), moment.now, TERMS.backups_kept)
    if isinstance(made, Refusal):
        return Refused(made)
    if made is not known:
        book.put(BACKUPS, key, made)
    fact = BackupRecorded(address=ask.address, backup=backups.shown(made, TERMS.backups_kept))
    return Done((Say(fact, f"backup/{ask.address}"),))


def _rows_of_deleted(message: Received[ConfirmBackupsDeleted]) -> Iterable[Wanted]:
    return [(BACKUPS, (message.account, snapshot)) for snapshot in message.data.snapshots]


@service.command(ConfirmBackupsDeleted, keys=_rows_of_deleted)
def confirm_backups_deleted(message: Received[ConfirmBackupsDeleted], book: Book, moment: Moment) -> Fate:
    """Forget backups that are gone, whether or not their time was over."""
    names = tuple(dict.fromkeys(message.data.snapshots))
    known = tuple(name for name in names if book.get(BACKUPS, (message.account, name)) is not None)
    for name in known:
        book.delete(BACKUPS, (message.account, name))
    fact = BackupsDeleted(snapshots=known, unknown=tuple(name for name in names if name not in known))
    return Done((Say(fact, "backups"),))


@service.command(ReportRestore, keys=lambda message: [(RESTORES, (message.account, message.data.address))])
def report_restore(message: Received[ReportRestore], book: Book, moment: Moment) -> Fate:
    """Tell the customer how the restore ended, and the store that it was heard."""
    ask, key = message.data, (message.account, message.data.address)
    ended = backups.report(ask, book.get(RESTORES, key))
    if isinstance(ended, Refusal):
        return Refused(ended)
    book.put(RESTORES, key, ended)
    view = backups.restore_shown(ended)
    if ask.restored:
        told = Say(BackupRestored(restore=view, messages=ask.messages), _key(ended), request_id=ended.restore)
    else:
        told = _refused(ended, refuse("restore_failed", address=ended.address, reason=(ask.reason or "")[:REPORT_LOG]))
    heard = Say(RestoreReported(restore=view, restored=ask.restored, reason=ask.reason), _key(ended))
    return Done((told, heard), timings=(Cancel(ANSWER_DUE, ended.address),))


# --- what the customer asks for ---------------------------------------------------------------------------------


def _rows_of_restore(message: Received[RestoreBackup]) -> Iterable[Wanted]:
    account, ask = message.account, message.data
    return *asked(message), (BACKUPS, (account, ask.snapshot)), (RESTORES, (account, ask.address))


@service.command(RestoreBackup, keys=_rows_of_restore)
def restore_backup(message: Received[RestoreBackup], book: Book, moment: Moment) -> Fate:
    """Accept a restore, which the mail store hears of and answers."""
    refused = barred(message, book)
    if refused is not None:
        return Refused(refused)
    account, ask = message.account, message.data
    domain = book.get(DOMAINS, (account, domain_of(ask.address)))
    mailbox = backups.accessible(book.get(MAILBOXES, ask.address), account, ask.address, domain)
    if isinstance(mailbox, Refusal):
        return Refused(mailbox)
    backup, latest = book.get(BACKUPS, (account, ask.snapshot)), book.get(RESTORES, (account, ask.address))
    answer_by = moment.now + TERMS.restore_answer
    begun = backups.restore(ask, message.request_id, mailbox, backup, latest, moment.now, TERMS.backups_kept, answer_by)
    if isinstance(begun, Refusal):
        return Refused(begun)
    book.put(RESTORES, (account, ask.address), begun)
    fact = BackupRestoreRequested(restore=backups.restore_shown(begun))
    timings = (At(ANSWER_DUE, ask.address, begun.answer_by, account),)
    return HandedOver(orders=(), says=(Say(fact, _key(begun)),), timings=timings)


# --- what time does ---------------------------------------------------------------------------------------------


@service.timer(ANSWER_DUE, keys=lambda tick: [(RESTORES, (tick.account, tick.key))])
def give_a_restore_up(tick: Tick, book: Book, moment: Moment) -> Fate:
    """Refuse a restore that the store has not answered in time."""
    latest = book.get(RESTORES, (tick.account, tick.key))
    ended = backups.given_up(latest, moment.now) if latest else None
    if ended is None:
        return Done()
    book.put(RESTORES, (tick.account, tick.key), ended)
    return Done((_refused(ended, refuse("restore_unanswered", address=ended.address)),))


async def _look_for_due(tick: Tick) -> list[tuple[str, str]]:
    async with LOOK.pool.acquire() as connection:
        late = await store_backups.count_overdue(connection, tick.started_at - TERMS.backup_deletion)
        if late:
            log.warning("the mail store has not deleted backups in time", backups=late)
        return await store_backups.due(connection, tick.started_at, TERMS.backups_kept, SWEEP)


@service.timer(
    "expire-backups",
    keys=lambda tick: [(BACKUPS, key) for key in tick.observation],
    observe=_look_for_due,
    every_seconds=60,
)
def expire_backups(tick: Tick, book: Book, moment: Moment) -> Fate:
    """Tell the mail store to delete backups whose time is over; one fact for each mailbox."""
    due: dict[tuple[str, str], list[Backup]] = {}
    for key in tick.observation:
        known = book.get(BACKUPS, key)
        over = backups.expired(known, moment.now, TERMS.backups_kept) if known else None
        if over is not None:
            book.put(BACKUPS, key, over)
            due.setdefault((over.account, over.address), []).append(over)
    confirm_by = moment.now + TERMS.backup_deletion
    says = [
        Say(
            BackupsExpired(address=address, snapshots=tuple(b.snapshot for b in gone), confirm_by=confirm_by),
            f"backup/{address}",
            account=account,
        )
        for (account, address), gone in due.items()
    ]
    return Done(tuple(says))


# --- questions --------------------------------------------------------------------------------------------------


@service.query(AskBackups)
async def answer_backups(conn: Conn, account: str, ask: AskBackups) -> BackupsAnswer:
    """Return a page of a mailbox's backups, to who has the feature."""
    found = (await reads.mailboxes_named(conn, account, [ask.address])).get(ask.address)
    domains = await reads.domains_named(conn, account, [domain_of(ask.address)])
    mailbox = backups.accessible(found, account, ask.address, domains.get(domain_of(ask.address)))
    if isinstance(mailbox, Refusal):
        return BackupsAnswer(backups=(), next=None, refusal=mailbox)
    kept = await store_backups.page(
        conn, account, ask.address, now=utc_now(), keep=TERMS.backups_kept, since=mailbox.created_at, after=ask.after,
        limit=ask.limit + 1,
    )  # fmt: skip
    shown = tuple(backups.shown(backup, TERMS.backups_kept) for backup in kept[: ask.limit])
    running = await store_backups.running(conn, account, ask.address)
    return BackupsAnswer(
        backups=shown,
        next=shown[-1].snapshot if len(shown) < len(kept) else None,
        running=backups.restore_shown(running) if running else None,
    )


@service.query(AskOverdueBackups)
async def answer_overdue_backups(conn: Conn, account: str, ask: AskOverdueBackups) -> OverdueBackupsAnswer:
    """Return a page of the deletions that the mail store owes."""
    told_before = utc_now() - TERMS.backup_deletion
    found = await store_backups.overdue(conn, account, told_before, ask.after, ask.limit + 1)
    page = [_overdue(backup) for backup in found[: ask.limit]]
    total = await store_backups.count_overdue(conn, told_before, account)
    following = page[-1].snapshot if len(page) < len(found) else None
    return OverdueBackupsAnswer(overdue=tuple(page), total=total, next=following)


# --- helpers ----------------------------------------------------------------------------------------------------


def _overdue(backup: Backup) -> OverdueBackup:
    assert backup.expired_at is not None, "only what was told can be overdue"
    return OverdueBackup(
        snapshot=backup.snapshot,
        address=backup.address,
        expired_at=backup.expired_at,
        confirm_by=backup.expired_at + TERMS.backup_deletion,
    )


def _key(restore: Restore) -> str:
    return f"backup/{restore.address}"


def _refused(restore: Restore, reason: Refusal) -> Say:
    """Refuse the customer's request, which another message or the clock ends."""
    return refused_later(restore.restore, RestoreBackup, reason, _key(restore))


def refused_later(request_id: UUID, request: Any, reason: Refusal, key: str) -> Say:
    """State the refusal of a request that waited."""
    type_ = REGISTRY.of(request).type
    return Say(RequestRefused(request_id=request_id, request_type=type_, refusal=reason), key, request_id=request_id)
