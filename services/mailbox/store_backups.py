"""SQL of backups and restores: a row for each snapshot in the mail store, and each mailbox's latest restore."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from services.chassis.book import Change, Conn
from services.mailbox.backups import Backup, BackupKey, Restore, RestoreKey
from services.mailbox.columns import execute

_COLUMNS = "account, snapshot, address, taken_at, bytes, messages, expired_at"

# Some backups.
_LOAD_BACKUPS = f"""
    SELECT {_COLUMNS} FROM mailbox.backup
    WHERE (account, snapshot) IN (
        SELECT r.account, r.snapshot FROM unnest($1::text[], $2::text[]) AS r (account, snapshot))
    ORDER BY account, snapshot FOR UPDATE"""  # noqa: S608

# Backups that are new, or to be deleted.
_SAVE_BACKUPS = """
    INSERT INTO mailbox.backup (account, snapshot, address, taken_at, bytes, messages, expired_at)
    SELECT r.account, r.snapshot, r.address, r.taken_at, r.bytes, r.messages, r.expired_at
    FROM unnest(
        $1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::bigint[], $6::bigint[], $7::timestamptz[]
    ) AS r (account, snapshot, address, taken_at, bytes, messages, expired_at)
    ON CONFLICT (account, snapshot) DO UPDATE SET expired_at = excluded.expired_at"""

# Backups that the store has deleted.
_FORGET_BACKUPS = """
    DELETE FROM mailbox.backup AS b USING unnest($1::text[], $2::text[]) AS r (account, snapshot)
    WHERE b.account = r.account AND b.snapshot = r.snapshot"""

# The latest restores of some mailboxes.
_LOAD_RESTORES = """
    SELECT account, address, restore, snapshot, folder, answer_by, state FROM mailbox.restore
    WHERE (account, address) IN (
        SELECT r.account, r.address FROM unnest($1::text[], $2::text[]) AS r (account, address))
    ORDER BY account, address FOR UPDATE"""

# Restores that began or ended.
_SAVE_RESTORES = """
    INSERT INTO mailbox.restore (account, address, restore, snapshot, folder, answer_by, state)
    SELECT r.account, r.address, r.restore, r.snapshot, r.folder, r.answer_by, r.state
    FROM unnest($1::text[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::timestamptz[], $7::text[])
        AS r (account, address, restore, snapshot, folder, answer_by, state)
    ON CONFLICT (account, address) DO UPDATE SET
        restore = excluded.restore, snapshot = excluded.snapshot, folder = excluded.folder,
        answer_by = excluded.answer_by, state = excluded.state"""

# Backups whose time is over and whose store does not know yet, the eldest first.
_DUE = """
    SELECT account, snapshot FROM mailbox.backup
    WHERE expired_at IS NULL AND taken_at <= $1 ORDER BY taken_at LIMIT $2"""

# How many deletions the store owes, in all accounts.
_COUNT_OVERDUE = "SELECT count(*) FROM mailbox.backup WHERE expired_at <= $1"

# A page of a mailbox's backups that can be restored, the latest first; $5 is the last one seen.
_PAGE = f"""
    SELECT {_COLUMNS} FROM mailbox.backup
    WHERE account = $1 AND address = $2 AND expired_at IS NULL AND taken_at > $3 AND taken_at >= $4
        AND ($5 = '' OR (taken_at, snapshot) < (SELECT l.taken_at, l.snapshot FROM mailbox.backup AS l
            WHERE l.account = $1 AND l.snapshot = $5))
    ORDER BY taken_at DESC, snapshot DESC LIMIT $6"""  # noqa: S608

# A page of the account's overdue deletions.
_OVERDUE = f"""
    SELECT {_COLUMNS} FROM mailbox.backup
    WHERE account = $1 AND expired_at <= $2 AND snapshot > $3 ORDER BY snapshot LIMIT $4"""  # noqa: S608

# How many deletions are overdue in one account.
_COUNT_OVERDUE_OF = "SELECT count(*) FROM mailbox.backup WHERE account = $1 AND expired_at <= $2"

# A mailbox's restore that is under way.
_RUNNING = """
    SELECT account, address, restore, snapshot, folder, answer_by, state FROM mailbox.restore
    WHERE account = $1 AND address = $2 AND state = 'open'"""


class Backups:
    """Backups by account and snapshot."""

    name = "mailbox.backup"

    async def load(self, conn: Conn, keys: list[BackupKey]) -> dict[BackupKey, Backup]:
        """Return the backups that are known."""
        rows = await conn.fetch(_LOAD_BACKUPS, [account for account, _ in keys], [snapshot for _, snapshot in keys])
        return {(row["account"], row["snapshot"]): Backup(*row) for row in rows}

    async def save(self, conn: Conn, changes: list[Change[BackupKey, Backup]]) -> None:
        """Write what is new or to be deleted, and forget what is."""
        kept = [change.after for change in changes if change.after is not None]
        rows = [(b.account, b.snapshot, b.address, b.taken_at, b.bytes, b.messages, b.expired_at) for b in kept]
        await execute(conn, _SAVE_BACKUPS, sorted(rows, key=lambda row: row[:2]))
        await execute(conn, _FORGET_BACKUPS, [change.key for change in changes if change.after is None])


class Restores:
    """The latest restores by account and address."""

    name = "mailbox.restore"

    async def load(self, conn: Conn, keys: list[RestoreKey]) -> dict[RestoreKey, Restore]:
        """Return the latest restores there were."""
        rows = await conn.fetch(_LOAD_RESTORES, [account for account, _ in keys], [address for _, address in keys])
        return {(row["account"], row["address"]): Restore(*row) for row in rows}

    async def save(self, conn: Conn, changes: list[Change[RestoreKey, Restore]]) -> None:
        """Write restores; none is deleted."""
        kept = [change.after for change in changes if change.after is not None]
        rows = [(r.account, r.address, r.restore, r.snapshot, r.folder, r.answer_by, r.state) for r in kept]
        await execute(conn, _SAVE_RESTORES, rows)


BACKUPS = Backups()
RESTORES = Restores()


async def due(conn: Conn, now: datetime, keep: timedelta, limit: int) -> list[BackupKey]:
    """Return backups whose time is over and that the store has not been told of."""
    return [(row["account"], row["snapshot"]) for row in await conn.fetch(_DUE, now - keep, limit)]


async def count_overdue(conn: Conn, told_before: datetime, account: str | None = None) -> int:
    """Return how many backups the store was told of before a time and has not deleted, in one account or in all."""
    if account is None:
        return await conn.fetchval(_COUNT_OVERDUE, told_before)
    return await conn.fetchval(_COUNT_OVERDUE_OF, account, told_before)


async def overdue(conn: Conn, account: str, told_before: datetime, after: str, limit: int) -> Sequence[Backup]:
    """Return such backups of an account in the order of their names."""
    rows = await conn.fetch(_OVERDUE, account, told_before, after, limit)
    return [Backup(*row) for row in rows]


async def page(
    conn: Conn, account: str, address: str, *, now: datetime, keep: timedelta, since: datetime, after: str, limit: int
) -> list[Backup]:
    """Return backups of a mailbox that can be restored, the latest first; `since` is when the mailbox was made."""
    rows = await conn.fetch(_PAGE, account, address, now - keep, since, after, limit)
    return [Backup(*row) for row in rows]


async def running(conn: Conn, account: str, address: str) -> Restore | None:
    """Return the restore that the store has not answered yet."""
    row: Any = await conn.fetchrow(_RUNNING, account, address)
    return None if row is None else Restore(*row)
