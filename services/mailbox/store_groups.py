"""SQL of groupware groups: all groups of an account are one aggregate."""

from typing import Any

from services.chassis.book import Change, Conn
from services.mailbox.columns import execute, lines
from services.mailbox.rows import Group, Groups

# The number of changes to accounts' groups; this row locks them all.
_LOAD_GROUP_REVISIONS = """
    SELECT account, revision FROM mailbox.account_groups WHERE account = ANY($1::text[]) ORDER BY account FOR UPDATE"""

# All groups of some accounts.
_LOAD_GROUPS = """
    SELECT account, name, members, revision FROM mailbox.mail_group WHERE account = ANY($1::text[])"""

# Accounts whose groups changed.
_SAVE_GROUP_REVISIONS = """
    INSERT INTO mailbox.account_groups (account, revision)
    SELECT r.account, r.revision FROM unnest($1::text[], $2::bigint[]) AS r (account, revision)
    ON CONFLICT (account) DO UPDATE SET revision = excluded.revision"""

# Groups that changed or are new.
_SAVE_GROUPS = """
    INSERT INTO mailbox.mail_group (account, name, members, revision)
    SELECT r.account, r.name, string_to_array(r.members, E'\\n'), r.revision
    FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) AS r (account, name, members, revision)
    ON CONFLICT (account, name) DO UPDATE SET members = excluded.members, revision = excluded.revision"""

# Groups that are gone.
_DELETE_GROUPS = """
    DELETE FROM mailbox.mail_group
    WHERE (account, name) IN (SELECT r.account, r.name FROM unnest($1::text[], $2::text[]) AS r (account, name))"""


class AccountGroups:
    """All groups of an account, by account."""

    name = "mailbox.mail_group"

    async def load(self, conn: Conn, keys: list[str]) -> dict[str, Groups]:
        """Return the accounts' groups; an account that never had any has an empty set of them."""
        revisions = {row["account"]: row["revision"] for row in await conn.fetch(_LOAD_GROUP_REVISIONS, keys)}
        by_account: dict[str, dict[str, Group]] = {account: {} for account in keys}
        for row in await conn.fetch(_LOAD_GROUPS, keys):
            by_account[row["account"]][row["name"]] = group_from(row)
        return {account: Groups(account, revisions.get(account, 0), by_account[account]) for account in keys}

    async def save(self, conn: Conn, changes: list[Change[str, Groups]]) -> None:
        """Write the groups that changed."""
        changed = [(change.before, change.after) for change in changes if change.after is not None]
        await execute(conn, _SAVE_GROUP_REVISIONS, [(after.account, after.revision) for _, after in changed])
        gone = [(after.account, name) for before, after in changed for name in _names_gone(before, after)]
        await execute(conn, _DELETE_GROUPS, gone)
        kept = [(after.account, group) for before, after in changed for group in _groups_changed(before, after)]
        rows = [(account, group.name, lines(group.members), group.revision) for account, group in kept]
        await execute(conn, _SAVE_GROUPS, rows)


GROUPS = AccountGroups()


def _names_gone(before: Groups | None, after: Groups) -> list[str]:
    return sorted(set(before.by_name if before else ()).difference(after.by_name))


def _groups_changed(before: Groups | None, after: Groups) -> list[Group]:
    known = before.by_name if before else {}
    return [group for name, group in sorted(after.by_name.items()) if known.get(name) is not group]


def group_from(row: Any) -> Group:
    """Read a row of mail_group."""
    return Group(row["name"], tuple(row["members"]), row["revision"])
