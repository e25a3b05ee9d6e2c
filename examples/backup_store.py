"""A mail store's part in backups: it copies maildirs, deletes copies whose time is over, and restores them.

    postkontor bus grant operator mail-store --durable backup-store # once; prints what to export
    python examples/backup_store.py MAIL COPIES serve               # until it is ended; run it always
    python examples/backup_store.py MAIL COPIES back-up nordwind    # once a day, for each account

MAIL is where Dovecot keeps `domain/name/` as Maildir++ (mail_location = maildir:MAIL/%d/%n), COPIES where the copies
go. Killed and started again it goes on where it was: facts come at least once, each step may be done again, and a
request has an id made from what it is about. Only what Postkontor has taken in counts as a backup.
"""

import asyncio
import contextlib
import shutil
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid5

from client import Event, Postkontor
from contracts.backups_v1 import (
    BackupRestoreRequested,
    BackupsExpired,
    ConfirmBackupsDeleted,
    RecordBackup,
    ReportRestore,
    RestoreView,
)
from contracts.mailbox_v1 import AskMailboxes

IDS = UUID("7a0f2a0e-3c5b-4d0e-9a57-2d1d4f6c8b11")


@dataclass
class Store:
    """The maildirs, and copies of them."""

    mail: Path
    copies: Path

    def maildir(self, address: str) -> Path:
        """Return where a mailbox's mails are."""
        name, _, domain = address.partition("@")
        return self.mail / domain / name

    def copy(self, account: str, address: str, at: datetime) -> RecordBackup | None:
        """Copy a maildir; None if there is none yet."""
        source, snapshot = self.maildir(address), f"{at:%Y%m%dT%H%M%SZ}-{uuid5(IDS, address).hex}"
        if not source.is_dir():
            return None
        target = self.copies / account / snapshot
        shutil.copytree(source, target, dirs_exist_ok=True)
        mails = mails_in(target)
        size = sum(mail.stat().st_size for mail in mails)
        return RecordBackup(snapshot=snapshot, address=address, taken_at=at, bytes=size, messages=len(mails))

    def delete(self, account: str, snapshot: str) -> None:
        """Delete a copy; one that is gone already is as good."""
        shutil.rmtree(self.copies / account / snapshot, ignore_errors=True)

    def restore(self, account: str, restore: RestoreView) -> int:
        """Put a copy's mails back, or all of them into a new folder; return how many it has."""
        copied, maildir = self.copies / account / restore.snapshot, self.maildir(restore.address)
        mails = mails_in(copied)
        for mail in mails:
            folder = f".{restore.folder}" if restore.folder else mail.relative_to(copied).parent.parent
            for part in ("cur", "new", "tmp"):
                (maildir / folder / part).mkdir(parents=True, exist_ok=True)
            place = maildir / folder / mail.parent.name / mail.name
            if not place.exists():  # restored before, or never lost
                shutil.copy2(mail, place)
        return len(mails)


def mails_in(maildir: Path) -> list[Path]:
    """Return a maildir's mails, those of its folders too."""
    return [path for part in ("cur", "new") for path in sorted(maildir.rglob(f"{part}/*"))]


async def back_up(office: Postkontor, store: Store, account: str, at: datetime) -> None:
    """Copy all mailboxes of an account, and tell of each copy."""
    after: str | None = ""
    while after is not None:
        page = await office.ask(AskMailboxes(after=after), account=account)
        for mailbox in page.mailboxes:
            made = await asyncio.to_thread(store.copy, account, mailbox.address, at)
            if made is not None:
                await office.request(made, account=account, request_id=uuid5(IDS, f"{account}/{made.snapshot}"))
        after = page.next


async def handle(office: Postkontor, store: Store, event: Event) -> None:
    """Do what a fact asks of the store, and say so."""
    account, request_id = event.account, uuid5(IDS, str(event.id))
    match event.fact:
        case BackupsExpired(snapshots=snapshots):
            for snapshot in snapshots:
                await asyncio.to_thread(store.delete, account, snapshot)
            await office.request(ConfirmBackupsDeleted(snapshots=snapshots), account=account, request_id=request_id)
        case BackupRestoreRequested(restore=restore):
            await office.request(await restored(store, account, restore), account=account, request_id=request_id)
        case _:
            pass


async def restored(store: Store, account: str, restore: RestoreView) -> ReportRestore:
    """Restore, and return how it went."""
    try:
        count = await asyncio.to_thread(store.restore, account, restore)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        return ReportRestore(restore=restore.restore, address=restore.address, restored=False, reason=reason)
    return ReportRestore(restore=restore.restore, address=restore.address, restored=True, messages=count)


async def serve(office: Postkontor, store: Store) -> None:
    """Do what facts ask for, for ever."""
    facts = [BackupsExpired, BackupRestoreRequested]
    async for event in office.events(durable="backup-store", account="*", facts=facts):
        await handle(office, store, event)


async def main(mail: str, copies: str, verb: str, *accounts: str) -> None:
    store = Store(Path(mail), Path(copies))
    async with Postkontor.from_environment(source="example-backup-store") as office:
        if verb == "serve":
            await serve(office, store)
        for account in accounts:
            await back_up(office, store, account, datetime.now(UTC).replace(microsecond=0))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(*sys.argv[1:]))
