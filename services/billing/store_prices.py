"""SQL of price lists: which were published, and whom they were announced to."""

from datetime import datetime, timedelta
from typing import NamedTuple

from services.billing.announcing import PlanUse, by_account
from services.billing.rules import Account
from services.billing.store import columns, read_accounts_by
from services.chassis.book import Change, Conn

AnnouncementKey = tuple[str, str]  # account and version; the house's own stands for the version as a whole

_LOAD = """
    SELECT n.account_id, n.version, n.told, n.looked_at FROM unnest($1::text[], $2::text[]) AS k (account_id, version)
    JOIN billing.price_announcement AS n ON n.account_id = k.account_id AND n.version = k.version
    ORDER BY n.account_id, n.version FOR UPDATE OF n"""

_SAVE = """
    INSERT INTO billing.price_announcement (account_id, version, told, looked_at)
    SELECT r.account_id, r.version, r.told, r.looked_at
    FROM unnest($1::text[], $2::text[], $3::boolean[], $4::timestamptz[])
        AS r (account_id, version, told, looked_at)
    ON CONFLICT (account_id, version) DO UPDATE SET told = excluded.told, looked_at = excluded.looked_at"""

# Accounts that were not told of a version, and not looked at lately: what they order may be under an older list.
_READ_UNTOLD = """
    SELECT a.account_id FROM billing.account AS a WHERE a.state <> 'closed' AND NOT EXISTS (
        SELECT FROM billing.price_announcement AS n
        WHERE n.account_id = a.account_id AND n.version = $1 AND (n.told OR n.looked_at > $2))
    ORDER BY a.account_id LIMIT $3"""

_READ_TOLD = "SELECT version FROM billing.price_announcement WHERE account_id = $1 AND told ORDER BY version"

_READ_PLAN_USES = """
    SELECT account_id, plan, catalogue, count(*) AS mailboxes FROM billing.holding
    WHERE account_id = ANY($1::text[]) AND resource = 'mailbox' AND confirmed = 1
    GROUP BY account_id, plan, catalogue ORDER BY account_id, plan, catalogue"""

_HAS_CUSTOMERS = "SELECT EXISTS (SELECT FROM billing.account WHERE state <> 'closed')"


class Looked(NamedTuple):
    """Whether an account was told of a price list, and when it was looked at: nothing may change for it so far."""

    told: bool
    at: datetime


class Announcements:
    """What accounts were told of price lists, by account and version."""

    name = "billing.price_announcement"

    async def load(self, conn: Conn, keys: list[AnnouncementKey]) -> dict[AnnouncementKey, Looked]:
        """Return what is known."""
        rows = await conn.fetch(_LOAD, *columns(keys))
        return {(row["account_id"], row["version"]): Looked(row["told"], row["looked_at"]) for row in rows}

    async def save(self, conn: Conn, changes: list[Change[AnnouncementKey, Looked]]) -> None:
        """Write it down; none is ever deleted."""
        values = [(*change.key, *change.after) for change in changes if change.after is not None]
        if values:
            await conn.execute(_SAVE, *columns(values))


ANNOUNCEMENTS = Announcements()


async def has_customers(conn: Conn) -> bool:
    """Return whether there is anybody who pays by older lists."""
    return await conn.fetchval(_HAS_CUSTOMERS)


async def read_told(conn: Conn, account_id: str) -> set[str]:
    """Return the versions that an account was told of."""
    return {row["version"] for row in await conn.fetch(_READ_TOLD, account_id)}


async def read_untold(
    conn: Conn, version: str, now: datetime, again_after: timedelta, limit: int
) -> list[tuple[Account, list[PlanUse]]]:
    """Return accounts to look at for a version, each with the use of plans."""
    rows = await conn.fetch(_READ_UNTOLD, version, now - again_after, limit)
    accounts = await read_accounts_by(conn, [row["account_id"] for row in rows])
    uses = by_account(tuple(row) for row in await conn.fetch(_READ_PLAN_USES, [a.account_id for a in accounts]))
    return [(account, uses.get(account.account_id, [])) for account in accounts]
