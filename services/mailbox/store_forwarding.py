"""SQL of addresses without a mailbox, and of where an account's mail goes on inside it."""

from collections import defaultdict
from typing import Any

from services.chassis.book import Change, Conn
from services.mailbox.columns import execute, lines
from services.mailbox.flows import Flows
from services.mailbox.rows import CatchAlls, ForwardOnly
from services.mailbox.store import count, release

MAX_OF_A_BATCH = 100_000  # addresses of an account, beside those that requests name; read in less than a second

FORWARD_ONLY_COLUMNS = "address, account, domain, targets, created_at, updated_at, deleted_at, revision"

# Addresses that only forward, those given up too.
_LOAD_FORWARD_ONLY = f"""
    SELECT {FORWARD_ONLY_COLUMNS} FROM mailbox.forward_only
    WHERE address = ANY($1::text[]) ORDER BY address FOR UPDATE"""  # noqa: S608 - fixed text

# Addresses that only forward, new or changed. One that another account had and gave up begins anew.
_SAVE_FORWARD_ONLY = """
    INSERT INTO mailbox.forward_only (
        address, account, domain, targets, created_at, updated_at, deleted_at, revision)
    SELECT r.address, r.account, r.domain, string_to_array(r.targets, E'\\n'), r.created_at, r.updated_at,
        r.deleted_at, r.revision
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[],
            $7::timestamptz[], $8::bigint[])
        AS r (address, account, domain, targets, created_at, updated_at, deleted_at, revision)
    ON CONFLICT (address) DO UPDATE SET
        account = excluded.account, targets = excluded.targets, created_at = excluded.created_at,
        updated_at = excluded.updated_at, deleted_at = excluded.deleted_at, revision = excluded.revision"""

# The number of changes to accounts' catch-alls; this row locks them all.
_LOAD_CATCH_ALL_REVISIONS = """
    SELECT account, revision FROM mailbox.account_catch_alls
    WHERE account = ANY($1::text[]) ORDER BY account FOR UPDATE"""

# All catch-alls of some accounts.
_LOAD_CATCH_ALLS = "SELECT account, domain, mailbox FROM mailbox.catch_all WHERE account = ANY($1::text[])"

# Accounts whose catch-alls changed.
_SAVE_CATCH_ALL_REVISIONS = """
    INSERT INTO mailbox.account_catch_alls (account, revision)
    SELECT r.account, r.revision FROM unnest($1::text[], $2::bigint[]) AS r (account, revision)
    ON CONFLICT (account) DO UPDATE SET revision = excluded.revision"""

# Catch-alls that are new or have another mailbox.
_SAVE_CATCH_ALLS = """
    INSERT INTO mailbox.catch_all (account, domain, mailbox, revision)
    SELECT r.account, r.domain, r.mailbox, r.revision
    FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) AS r (account, domain, mailbox, revision)
    ON CONFLICT (account, domain) DO UPDATE SET mailbox = excluded.mailbox, revision = excluded.revision"""

# Catch-alls that have ended.
_DELETE_CATCH_ALLS = """
    DELETE FROM mailbox.catch_all
    WHERE (account, domain) IN (
        SELECT r.account, r.domain FROM unnest($1::text[], $2::text[]) AS r (account, domain))"""

# What some addresses of accounts lead to inside the account, over any number of stations but only so many addresses:
# who has each, and where it goes on from there; another account's ends the way. An address that nobody has goes on to
# its domain's catch-all; that is followed from the others too, because the batch may give them up. The limit and the
# subqueries keep the planner at look-ups by key: as joins, which it would choose for want of an estimate, every station
# reads whole tables.
_LOAD_FLOWS = """
    SELECT s.account, f.address, f.is_had, f.holder, f.targets
    FROM (
        SELECT r.account, array_agg(r.address) AS addresses
        FROM unnest($1::text[], $2::text[]) AS r (account, address) GROUP BY r.account
    ) AS s
    CROSS JOIN LATERAL (
        WITH RECURSIVE reached (address) AS (
            SELECT unnest(s.addresses)
            UNION
            SELECT next.address
            FROM reached
            LEFT JOIN LATERAL (
                SELECT b.address, b.account, b.mailbox FROM mailbox.address AS b
                WHERE b.address = reached.address LIMIT 1
            ) AS a ON true
            CROSS JOIN LATERAL unnest(ARRAY[(
                SELECT c.mailbox FROM mailbox.catch_all AS c
                WHERE c.account = s.account AND c.domain = split_part(reached.address, '@', 2))] || CASE
                WHEN a.address IS NULL OR a.account <> s.account THEN NULL
                WHEN a.mailbox IS NULL THEN (
                    SELECT o.targets FROM mailbox.forward_only AS o WHERE o.address = reached.address)
                WHEN a.mailbox = a.address THEN (
                    SELECT m.forwardings FROM mailbox.mailbox AS m WHERE m.address = reached.address)
                ELSE ARRAY[a.mailbox] END) AS next (address)
            WHERE next.address IS NOT NULL
        )
        SELECT reached.address, a.address IS NOT NULL AS is_had,
            CASE WHEN a.account = s.account THEN a.mailbox ELSE a.address END AS holder,
            CASE
                WHEN a.account <> s.account THEN NULL
                WHEN a.mailbox IS NULL THEN (
                    SELECT o.targets FROM mailbox.forward_only AS o WHERE o.address = a.address)
                WHEN a.mailbox = a.address THEN (
                    SELECT m.forwardings FROM mailbox.mailbox AS m WHERE m.address = a.address)
            END AS targets
        FROM (SELECT address FROM reached LIMIT $3) AS reached
        LEFT JOIN LATERAL (
            SELECT b.address, b.account, b.mailbox FROM mailbox.address AS b
            WHERE b.address = reached.address LIMIT 1
        ) AS a ON true
    ) AS f"""


class ForwardOnlys:
    """Addresses that only forward, of all accounts, those given up too."""

    name = "mailbox.forward_only"

    async def load(self, conn: Conn, keys: list[str]) -> dict[str, ForwardOnly]:
        """Return the addresses that ever were such."""
        return {row["address"]: forward_only_from(row) for row in await conn.fetch(_LOAD_FORWARD_ONLY, keys)}

    async def save(self, conn: Conn, changes: list[Change[str, ForwardOnly]]) -> None:
        """Write what changed; an address given up is nobody's."""
        changes.sort(key=lambda change: change.key)
        after = [change.after for change in changes if change.after is not None]
        rows = [
            (f.address, f.account, f.domain, lines(f.targets), f.created_at, f.updated_at, f.deleted_at, f.revision)
            for f in after
        ]
        await execute(conn, _SAVE_FORWARD_ONLY, rows)
        had = [(change.before.owned if change.before else (), change.after) for change in changes if change.after]
        await release(conn, [(a, None, f.account, f.updated_at) for owned, f in had for a in set(owned) - set(f.owned)])
        await count(conn, [(f.account, f.domain, len(f.owned) - len(owned)) for owned, f in had])


class AccountCatchAlls:
    """All catch-alls of an account, by account."""

    name = "mailbox.catch_all"

    async def load(self, conn: Conn, keys: list[str]) -> dict[str, CatchAlls]:
        """Return the accounts' catch-alls; an account that never had any has an empty set of them."""
        revisions = {row["account"]: row["revision"] for row in await conn.fetch(_LOAD_CATCH_ALL_REVISIONS, keys)}
        by_account: dict[str, dict[str, str]] = {account: {} for account in keys}
        for row in await conn.fetch(_LOAD_CATCH_ALLS, keys):
            by_account[row["account"]][row["domain"]] = row["mailbox"]
        return {account: CatchAlls(account, revisions.get(account, 0), by_account[account]) for account in keys}

    async def save(self, conn: Conn, changes: list[Change[str, CatchAlls]]) -> None:
        """Write what changed. Who has a catch-all is written with the owners, see there."""
        changed = [(c.before, c.after) for c in sorted(changes, key=lambda c: c.key) if c.before and c.after]
        await execute(conn, _SAVE_CATCH_ALL_REVISIONS, [(after.account, after.revision) for _, after in changed])
        gone = [
            (after.account, d) for before, after in changed for d in sorted({*before.by_domain} - {*after.by_domain})
        ]
        await execute(conn, _DELETE_CATCH_ALLS, gone)
        rows = [
            (after.account, domain, mailbox, after.revision)
            for before, after in changed
            for domain, mailbox in sorted(after.by_domain.items())
            if before.by_domain.get(domain) != mailbox
        ]
        await execute(conn, _SAVE_CATCH_ALLS, rows)
        released = [
            (address, mailbox, after.account, after.changed_at)
            for before, after in changed
            for address, mailbox in sorted(before.owned.items())
            if after.owned.get(address) != mailbox and after.changed_at is not None
        ]
        await release(conn, released)
        new = [(after.account, d, 1) for before, after in changed for d in {*after.by_domain} - {*before.by_domain}]
        await count(conn, [*new, *((account, domain, -1) for account, domain in gone)])


FlowsKey = tuple[str, str]  # an account and an address that is followed; the flows themselves stand under THE_ACCOUNT
THE_ACCOUNT = ""


class AccountFlows:
    """Where an account's mail goes on inside it. Read only: it follows from mailboxes and addresses."""

    name = "mailbox.flows"

    async def load(self, conn: Conn, keys: list[FlowsKey]) -> dict[FlowsKey, Flows]:
        """Return for each account what can be reached from its addresses that were named."""
        starts = [key for key in keys if key[1] != THE_ACCOUNT]
        columns = [account for account, _ in starts], [address for _, address in starts]
        found: defaultdict[str, list[Any]] = defaultdict(list)
        limit = len(starts) + MAX_OF_A_BATCH
        for row in await conn.fetch(_LOAD_FLOWS, *columns, limit + 1):
            found[row["account"]].append(row)
        accounts = sorted({account for account, _ in keys})
        catch_alls = {account: dict[str, str]() for account in accounts}
        for row in await conn.fetch(_LOAD_CATCH_ALLS, accounts):
            catch_alls[row["account"]][row["domain"]] = row["mailbox"]
        return {(account, THE_ACCOUNT): _flows_from(found[account], catch_alls[account], limit) for account in accounts}

    async def save(self, conn: Conn, changes: list[Change[FlowsKey, Flows]]) -> None:
        """Write nothing."""


FORWARD_ONLY = ForwardOnlys()
CATCH_ALLS = AccountCatchAlls()
FLOWS = AccountFlows()


def _flows_from(rows: list[Any], catch_alls: dict[str, str], limit: int) -> Flows:
    return Flows(
        holders={row["address"]: row["holder"] for row in rows if row["is_had"]},
        targets={row["address"]: tuple(row["targets"]) for row in rows if row["targets"]},
        catch_alls=catch_alls,
        complete=len(rows) <= limit,
    )


def forward_only_from(row: Any) -> ForwardOnly:
    """Read a row of FORWARD_ONLY_COLUMNS."""
    return ForwardOnly(
        address=row["address"],
        account=row["account"],
        domain=row["domain"],
        targets=tuple(row["targets"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        revision=row["revision"],
        deleted_at=row["deleted_at"],
    )
