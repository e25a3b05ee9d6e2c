"""SQL of the schema `mailbox` for the worker's lanes, set-wise.

Everything that follows from a mailbox is written with it, from the row before and the row after: the addresses it
owns and the tallies of the domains it and its aliases stand under. No decision can forget them, and none has to name
rows that it cannot know, such as the aliases of a mailbox that goes.

Arrays cross as lines of text: unnest would flatten an array of arrays, and no address, sender or feature holds a line
break.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from asyncpg import Record

from services.chassis.book import Change, Conn
from services.mailbox.features import shares
from services.mailbox.rows import Account, Domain, DomainKey, Group, Groups, Mailbox, Ownership, Tally

NO_OWN_FEATURES = -1  # no epoch: nothing is added to own_settings

MAILBOX_COLUMNS = """
    address, account, domain, first_name, last_name, state, plan, price_cents, mail_bytes, cloud_bytes, groupware,
    catalogue, aliases, forwardings, keep_copy, own_features, own_epoch, blocked_senders, created_at, updated_at,
    deleted_at, revision"""

DOMAIN_COLUMNS = """
    account, domain, domain_id, state, features, epoch, mailboxes, aliases, own_settings, revision"""

# The columns of some mailboxes as rows, for both ways of writing them.
_MAILBOX_ROWS = """FROM unnest(
        $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[],
        $9::bigint[], $10::bigint[], $11::boolean[], $12::text[], $13::text[], $14::text[], $15::boolean[],
        $16::text[], $17::bigint[], $18::text[], $19::timestamptz[], $20::timestamptz[],
        $21::timestamptz[], $22::bigint[], $23::text[]
    ) AS r (
        address, account, domain, first_name, last_name, state, plan, price_cents, mail_bytes, cloud_bytes, groupware,
        catalogue, aliases, forwardings, keep_copy, own_features, own_epoch, blocked_senders, created_at, updated_at,
        deleted_at, revision, password_hash)"""

# Mailboxes, without their passwords.
_LOAD_MAILBOXES = f"""
    SELECT {MAILBOX_COLUMNS} FROM mailbox.mailbox WHERE address = ANY($1::text[]) ORDER BY address FOR UPDATE"""  # noqa: S608

# New mailboxes. A row that another lane has written meanwhile is a unique violation: the batch begins again.
_INSERT_MAILBOXES = f"""
    INSERT INTO mailbox.mailbox (
        address, account, domain, first_name, last_name, state, plan, price_cents, mail_bytes, cloud_bytes, groupware,
        catalogue, aliases, forwardings, keep_copy, own_features, own_epoch, blocked_senders, created_at, updated_at,
        deleted_at, revision, password_hash)
    SELECT
        r.address, r.account, r.domain, r.first_name, r.last_name, r.state, r.plan, r.price_cents, r.mail_bytes,
        r.cloud_bytes, r.groupware, r.catalogue, string_to_array(r.aliases, E'\\n'),
        string_to_array(r.forwardings, E'\\n'), r.keep_copy, string_to_array(r.own_features, E'\\n'), r.own_epoch,
        string_to_array(r.blocked_senders, E'\\n'), r.created_at, r.updated_at, r.deleted_at, r.revision,
        r.password_hash
    {_MAILBOX_ROWS}"""

# Mailboxes that changed; the password only where there is a new one, and none for the deleted.
_UPDATE_MAILBOXES = f"""
    UPDATE mailbox.mailbox AS m SET
        account = r.account, domain = r.domain, first_name = r.first_name, last_name = r.last_name, state = r.state,
        plan = r.plan, price_cents = r.price_cents, mail_bytes = r.mail_bytes, cloud_bytes = r.cloud_bytes,
        groupware = r.groupware, catalogue = r.catalogue, aliases = string_to_array(r.aliases, E'\\n'),
        forwardings = string_to_array(r.forwardings, E'\\n'), keep_copy = r.keep_copy,
        own_features = string_to_array(r.own_features, E'\\n'), own_epoch = r.own_epoch,
        blocked_senders = string_to_array(r.blocked_senders, E'\\n'), created_at = r.created_at,
        updated_at = r.updated_at, deleted_at = r.deleted_at, revision = r.revision,
        password_hash = CASE WHEN r.state <> 'deleted' THEN coalesce(r.password_hash, m.password_hash) END
    {_MAILBOX_ROWS}
    WHERE m.address = r.address"""  # noqa: S608

# Who has some addresses, or had them last. One statement, so one snapshot; nothing is locked, because a take that
# another lane was faster with ends at the constraint address_taken.
_LOAD_OWNERS = """
    SELECT a.address, a.account, a.mailbox, NULL::timestamptz AS released_at
    FROM mailbox.address AS a WHERE a.address = ANY($1::text[])
    UNION ALL
    SELECT q.address, q.account, q.mailbox, q.released_at
    FROM mailbox.quarantine AS q WHERE q.address = ANY($1::text[])
        AND NOT EXISTS (SELECT FROM mailbox.address AS a WHERE a.address = q.address)"""

# Addresses that mailboxes let go of, and who had them last.
_RELEASE_ADDRESSES = """
    WITH r AS (
        SELECT address, mailbox, account, released_at
        FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[]) AS r (address, mailbox, account, released_at)
    ), let_go AS (
        DELETE FROM mailbox.address AS a USING r WHERE a.address = r.address AND a.mailbox = r.mailbox)
    INSERT INTO mailbox.quarantine (address, mailbox, account, released_at)
    SELECT address, mailbox, account, released_at FROM r
    ON CONFLICT (address) DO UPDATE SET
        mailbox = excluded.mailbox, account = excluded.account, released_at = excluded.released_at"""

# Addresses that mailboxes have from now on.
_TAKE_ADDRESSES = """
    INSERT INTO mailbox.address (address, mailbox, account)
    SELECT r.address, r.mailbox, r.account
    FROM unnest($1::text[], $2::text[], $3::text[]) AS r (address, mailbox, account)"""

# What mailboxes add to their domains and take away. Own settings count in the domain's present epoch only.
_COUNT_MAILBOXES = """
    UPDATE mailbox.domain AS d SET
        mailboxes = d.mailboxes + c.mailboxes, aliases = d.aliases + c.aliases,
        own_settings = d.own_settings + c.own_settings
    FROM (
        SELECT r.account, r.domain, sum(r.mailboxes)::bigint AS mailboxes, sum(r.aliases)::bigint AS aliases,
            coalesce(sum(r.mailboxes) FILTER (WHERE r.own_epoch = known.epoch), 0)::bigint AS own_settings
        FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[])
            AS r (account, domain, own_epoch, mailboxes, aliases)
        JOIN mailbox.domain AS known ON known.account = r.account AND known.domain = r.domain
        GROUP BY r.account, r.domain
    ) AS c
    WHERE d.account = c.account AND d.domain = c.domain"""

# Domains of some accounts.
_LOAD_DOMAINS = f"""
    SELECT {DOMAIN_COLUMNS} FROM mailbox.domain
    WHERE (account, domain) IN (SELECT r.account, r.domain FROM unnest($1::text[], $2::text[]) AS r (account, domain))
    ORDER BY account, domain FOR UPDATE"""  # noqa: S608

# Domains with new features or another state, without their tallies: a new epoch begins without own settings.
_SAVE_DOMAINS = """
    INSERT INTO mailbox.domain AS d (account, domain, domain_id, state, features, epoch, revision)
    SELECT r.account, r.domain, r.domain_id, r.state, string_to_array(r.features, E'\\n'), r.epoch, r.revision
    FROM unnest($1::text[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::bigint[], $7::bigint[])
        AS r (account, domain, domain_id, state, features, epoch, revision)
    ON CONFLICT (account, domain) DO UPDATE SET
        domain_id = excluded.domain_id, state = excluded.state, features = excluded.features, epoch = excluded.epoch,
        own_settings = CASE WHEN d.epoch = excluded.epoch THEN d.own_settings ELSE 0 END,
        revision = excluded.revision"""

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

# What is known of some accounts.
_LOAD_ACCOUNTS = """
    SELECT account_id, state, package, self_service, revision FROM mailbox.account
    WHERE account_id = ANY($1::text[]) ORDER BY account_id FOR UPDATE"""

# Accounts as billing has told of them; an older word never replaces a newer one.
_SAVE_ACCOUNTS = """
    INSERT INTO mailbox.account AS a (account_id, state, package, self_service, revision)
    SELECT r.account_id, r.state, r.package, r.self_service, r.revision
    FROM unnest($1::text[], $2::text[], $3::text[], $4::boolean[], $5::bigint[])
        AS r (account_id, state, package, self_service, revision)
    ON CONFLICT (account_id) DO UPDATE SET
        state = excluded.state, package = excluded.package, self_service = excluded.self_service,
        revision = excluded.revision
    WHERE a.revision < excluded.revision"""


class Accounts:
    """What billing has told of accounts, by id."""

    name = "mailbox.account"

    async def load(self, conn: Conn, keys: list[str]) -> dict[str, Account]:
        """Return the accounts that are known here."""
        return {row["account_id"]: Account(*row) for row in await conn.fetch(_LOAD_ACCOUNTS, keys)}

    async def save(self, conn: Conn, changes: list[Change[str, Account]]) -> None:
        """Write what is newer."""
        accounts = [change.after for change in changes if change.after is not None]
        rows = [(a.account_id, a.state, a.package, a.self_service, a.revision) for a in accounts]
        await _execute(conn, _SAVE_ACCOUNTS, rows)


class Domains:
    """Domains by account and name. Their tallies are read here and written with the mailboxes."""

    name = "mailbox.domain"

    async def load(self, conn: Conn, keys: list[DomainKey]) -> dict[DomainKey, Domain]:
        """Return the domains under which something was made or set."""
        rows = await conn.fetch(_LOAD_DOMAINS, [account for account, _ in keys], [domain for _, domain in keys])
        return {(row["account"], row["domain"]): domain_from(row) for row in rows}

    async def save(self, conn: Conn, changes: list[Change[DomainKey, Domain]]) -> None:
        """Write the domains that changed in more than their tally: every other change raises the revision."""
        domains = [
            change.after
            for change in changes
            if change.after and (change.before is None or change.before.revision != change.after.revision)
        ]
        rows = [(d.account, d.domain, d.domain_id, d.state, _lines(d.features), d.epoch, d.revision) for d in domains]
        await _execute(conn, _SAVE_DOMAINS, rows)


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
        await _execute(conn, _SAVE_GROUP_REVISIONS, [(after.account, after.revision) for _, after in changed])
        gone = [(after.account, name) for before, after in changed for name in _names_gone(before, after)]
        await _execute(conn, _DELETE_GROUPS, gone)
        kept = [(after.account, group) for before, after in changed for group in _groups_changed(before, after)]
        rows = [(account, group.name, _lines(group.members), group.revision) for account, group in kept]
        await _execute(conn, _SAVE_GROUPS, rows)


class Owners:
    """Who has an address, over all accounts. Read only: what is owned follows from the mailboxes."""

    name = "mailbox.address"

    async def load(self, conn: Conn, keys: list[str]) -> dict[str, Ownership]:
        """Return the owners, present or last, of the addresses that ever had one."""
        rows = await conn.fetch(_LOAD_OWNERS, keys)
        return {row["address"]: Ownership(*row) for row in rows}

    async def save(self, conn: Conn, changes: list[Change[str, Ownership]]) -> None:
        """Write nothing."""


class Mailboxes:
    """Mailboxes by address, of all accounts, the deleted too; with them what they own and what they count for."""

    name = "mailbox.mailbox"

    async def load(self, conn: Conn, keys: list[str]) -> dict[str, Mailbox]:
        """Return the mailboxes there are."""
        return {row["address"]: mailbox_from(row) for row in await conn.fetch(_LOAD_MAILBOXES, keys)}

    async def save(self, conn: Conn, changes: list[Change[str, Mailbox]]) -> None:
        """Write mailboxes, then the addresses they let go of and have now, then the tallies of their domains."""
        changes.sort(key=lambda change: change.key)  # one order in all lanes for rows that two may want to add
        await _execute(conn, _INSERT_MAILBOXES, [_values(c.after) for c in changes if c.after and c.before is None])
        await _execute(conn, _UPDATE_MAILBOXES, [_values(c.after) for c in changes if c.after and c.before])
        await _execute(conn, _RELEASE_ADDRESSES, _released(changes))
        await _execute(conn, _TAKE_ADDRESSES, sorted(_taken(changes)))
        await _execute(conn, _COUNT_MAILBOXES, _counted(changes))


ACCOUNTS = Accounts()
DOMAINS = Domains()
GROUPS = AccountGroups()
OWNERS = Owners()
MAILBOXES = Mailboxes()


# --- from rows --------------------------------------------------------------------------------------------------


def mailbox_from(row: Record) -> Mailbox:
    """Read a row of MAILBOX_COLUMNS."""
    return Mailbox(
        address=row["address"],
        account=row["account"],
        domain=row["domain"],
        first_name=row["first_name"],
        last_name=row["last_name"],
        state=row["state"],
        plan=row["plan"],
        price_cents=row["price_cents"],
        mail_bytes=row["mail_bytes"],
        cloud_bytes=row["cloud_bytes"],
        groupware=row["groupware"],
        catalogue=row["catalogue"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        revision=row["revision"],
        aliases=tuple(row["aliases"]),
        forwardings=tuple(row["forwardings"]),
        keep_copy=row["keep_copy"],
        own_features=_tuple(row["own_features"]),
        own_epoch=row["own_epoch"],
        blocked_senders=tuple(row["blocked_senders"]),
        deleted_at=row["deleted_at"],
    )


def domain_from(row: Record) -> Domain:
    """Read a row of DOMAIN_COLUMNS."""
    return Domain(
        account=row["account"],
        domain=row["domain"],
        domain_id=row["domain_id"],
        state=row["state"],
        features=_tuple(row["features"]),
        epoch=row["epoch"],
        revision=row["revision"],
        tally=Tally(row["mailboxes"], row["aliases"], row["own_settings"]),
    )


def group_from(row: Record) -> Group:
    """Read a row of mail_group."""
    return Group(row["name"], tuple(row["members"]), row["revision"])


def _tuple(values: Sequence[Any] | None) -> tuple[Any, ...] | None:
    return None if values is None else tuple(values)


# --- to rows ----------------------------------------------------------------------------------------------------


async def _execute(conn: Conn, sql: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Run a statement that takes one array per column."""
    if rows:
        await conn.execute(sql, *zip(*rows, strict=True))


def _values(m: Mailbox) -> tuple[Any, ...]:
    return (
        m.address, m.account, m.domain, m.first_name, m.last_name, m.state, m.plan, m.price_cents, m.mail_bytes,
        m.cloud_bytes, m.groupware, m.catalogue, _lines(m.aliases), _lines(m.forwardings), m.keep_copy,
        _lines(m.own_features), m.own_epoch, _lines(m.blocked_senders), m.created_at, m.updated_at, m.deleted_at,
        m.revision, m.new_password_hash,
    )  # fmt: skip


def _lines(values: Iterable[str] | None) -> str | None:
    return None if values is None else "\n".join(values)


def _released(changes: list[Change[str, Mailbox]]) -> list[tuple[Any, ...]]:
    return [
        (address, c.key, c.after.account, c.after.updated_at)
        for c in changes
        if c.after is not None
        for address in _let_go(c.before, c.after)
    ]


def _let_go(before: Mailbox | None, after: Mailbox) -> set[str]:
    """Return what is to be kept from others for a while, even if it was owned for the length of a batch only."""
    gone = set(before.owned if before else ()).difference(after.owned)
    if after.deleted_at is not None and (before is None or before.deleted_at != after.deleted_at):
        gone.add(after.address)
    return gone


def _taken(changes: list[Change[str, Mailbox]]) -> list[tuple[Any, ...]]:
    return [
        (address, c.key, c.after.account)
        for c in changes
        if c.after is not None
        for address in set(c.after.owned).difference(c.before.owned if c.before else ())
    ]


def _counted(changes: list[Change[str, Mailbox]]) -> list[tuple[Any, ...]]:
    sums: defaultdict[tuple[str, str, int], list[int]] = defaultdict(lambda: [0, 0])
    for change in changes:
        for sign, mailbox in ((-1, change.before), (1, change.after)):
            for domain, mailboxes, aliases, own_epoch in shares(mailbox):
                assert mailbox is not None
                key = (mailbox.account, domain, NO_OWN_FEATURES if own_epoch is None else own_epoch)
                sums[key][0] += sign * mailboxes
                sums[key][1] += sign * aliases
    return [(*key, *added) for key, added in sorted(sums.items()) if any(added)]


def _names_gone(before: Groups | None, after: Groups) -> list[str]:
    return sorted(set(before.by_name if before else ()).difference(after.by_name))


def _groups_changed(before: Groups | None, after: Groups) -> list[Group]:
    known = before.by_name if before else {}
    return [group for name, group in sorted(after.by_name.items()) if known.get(name) is not group]
