"""SQL of the schema `mailbox` for the worker's lanes, set-wise.

Everything that follows from a mailbox is written with it, from the row before and the row after: the addresses it
owns and the tallies of the domains it and its aliases stand under. No decision can forget them, and none has to name
rows that it cannot know, such as the aliases of a mailbox that goes.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from asyncpg import Record

from services.chassis.book import Change, Conn
from services.mailbox.columns import execute, lines, texts
from services.mailbox.features import shares
from services.mailbox.rows import Mailbox, Ownership, SpamTuning
from services.mailbox.store_domains import ACCOUNTS, DOMAINS
from services.mailbox.terms import TERMS

__all__ = ["ACCOUNTS", "DOMAINS", "MAILBOXES", "OWNERS", "count", "mailbox_from", "release"]

NO_OWN_FEATURES = -1  # no epoch: nothing is added to own_settings

MAILBOX_COLUMNS = """
    address, account, domain, first_name, last_name, state, plan, price_cents, mail_bytes, cloud_bytes, groupware,
    catalogue, aliases, forwardings, keep_copy, own_features, own_epoch, blocked_senders, created_at, updated_at,
    deletes_at, resumes_as, deleted_at, password_set_at, password_change_by, spam_junk_tenths, spam_reject_tenths,
    spam_to_junk, spam_allowed, revision"""

# The columns of some mailboxes as rows, for both ways of writing them.
_MAILBOX_ROWS = """FROM unnest(
        $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[],
        $9::bigint[], $10::bigint[], $11::boolean[], $12::text[], $13::text[], $14::text[], $15::boolean[],
        $16::text[], $17::bigint[], $18::text[], $19::timestamptz[], $20::timestamptz[],
        $21::timestamptz[], $22::text[], $23::timestamptz[], $24::timestamptz[], $25::timestamptz[], $26::int[],
        $27::int[], $28::boolean[], $29::text[], $30::bigint[], $31::text[]
    ) AS r (
        address, account, domain, first_name, last_name, state, plan, price_cents, mail_bytes, cloud_bytes, groupware,
        catalogue, aliases, forwardings, keep_copy, own_features, own_epoch, blocked_senders, created_at, updated_at,
        deletes_at, resumes_as, deleted_at, password_set_at, password_change_by, spam_junk_tenths, spam_reject_tenths,
        spam_to_junk, spam_allowed, revision, password_hash)"""

# Mailboxes, without their passwords.
_LOAD_MAILBOXES = f"""
    SELECT {MAILBOX_COLUMNS} FROM mailbox.mailbox WHERE address = ANY($1::text[]) ORDER BY address FOR UPDATE"""  # noqa: S608

# New mailboxes. A row that another lane has written meanwhile is a unique violation: the batch begins again.
_INSERT_MAILBOXES = f"""
    INSERT INTO mailbox.mailbox (
        address, account, domain, first_name, last_name, state, plan, price_cents, mail_bytes, cloud_bytes, groupware,
        catalogue, aliases, forwardings, keep_copy, own_features, own_epoch, blocked_senders, created_at, updated_at,
        deletes_at, resumes_as, deleted_at, password_set_at, password_change_by, spam_junk_tenths, spam_reject_tenths,
        spam_to_junk, spam_allowed, revision, password_hash)
    SELECT
        r.address, r.account, r.domain, r.first_name, r.last_name, r.state, r.plan, r.price_cents, r.mail_bytes,
        r.cloud_bytes, r.groupware, r.catalogue, string_to_array(r.aliases, E'\\n'),
        string_to_array(r.forwardings, E'\\n'), r.keep_copy, string_to_array(r.own_features, E'\\n'), r.own_epoch,
        string_to_array(r.blocked_senders, E'\\n'), r.created_at, r.updated_at, r.deletes_at,
        r.resumes_as, r.deleted_at, r.password_set_at, r.password_change_by, r.spam_junk_tenths, r.spam_reject_tenths,
        r.spam_to_junk, string_to_array(r.spam_allowed, E'\\n'), r.revision, r.password_hash
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
        updated_at = r.updated_at, deletes_at = r.deletes_at, resumes_as = r.resumes_as, deleted_at = r.deleted_at,
        password_set_at = r.password_set_at, password_change_by = r.password_change_by,
        spam_junk_tenths = r.spam_junk_tenths, spam_reject_tenths = r.spam_reject_tenths,
        spam_to_junk = r.spam_to_junk, spam_allowed = string_to_array(r.spam_allowed, E'\\n'), revision = r.revision,
        password_hash = CASE WHEN r.state <> 'deleted' THEN coalesce(r.password_hash, m.password_hash) END
    {_MAILBOX_ROWS}
    WHERE m.address = r.address"""  # noqa: S608

# Who has some addresses, or had them last. One statement, so one snapshot; nothing is locked, because a take that
# another lane was faster with ends at the constraint address_taken.
_LOAD_OWNERS = """
    SELECT a.address, a.account, a.mailbox, NULL::timestamptz AS free_at
    FROM mailbox.address AS a WHERE a.address = ANY($1::text[])
    UNION ALL
    SELECT q.address, q.account, q.mailbox, q.free_at
    FROM mailbox.quarantine AS q WHERE q.address = ANY($1::text[])
        AND NOT EXISTS (SELECT FROM mailbox.address AS a WHERE a.address = q.address)"""

# Addresses that are let go of.
_RELEASE_ADDRESSES = """
    DELETE FROM mailbox.address AS a USING unnest($1::text[], $2::text[]) AS r (address, mailbox)
    WHERE a.address = r.address AND a.mailbox IS NOT DISTINCT FROM r.mailbox"""

# Who had addresses last, and until when they are kept from others.
_QUARANTINE_ADDRESSES = """
    INSERT INTO mailbox.quarantine (address, mailbox, account, free_at)
    SELECT r.address, r.mailbox, r.account, r.free_at
    FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[]) AS r (address, mailbox, account, free_at)
    ON CONFLICT (address) DO UPDATE SET
        mailbox = excluded.mailbox, account = excluded.account, free_at = excluded.free_at"""

# Addresses whose quarantine has ended, unless it began anew meanwhile.
_FREE_ADDRESSES = """
    DELETE FROM mailbox.quarantine AS q USING unnest($1::text[], $2::timestamptz[]) AS r (address, free_at)
    WHERE q.address = r.address AND q.free_at = r.free_at"""

# Addresses that somebody has from now on.
_TAKE_ADDRESSES = """
    INSERT INTO mailbox.address (address, mailbox, account, since)
    SELECT r.address, r.mailbox, r.account, r.since
    FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[]) AS r (address, mailbox, account, since)"""

# What mailboxes and other addresses add to their domains and take away. Own settings count from an epoch of the
# domain's on; those between that and the former one are what an undo changes.
_COUNT_MAILBOXES = """
    UPDATE mailbox.domain AS d SET
        mailboxes = d.mailboxes + c.mailboxes, aliases = d.aliases + c.aliases,
        own_settings = d.own_settings + c.own_settings, toggled_settings = d.toggled_settings + c.toggled_settings
    FROM (
        SELECT r.account, r.domain, sum(r.mailboxes)::bigint AS mailboxes, sum(r.aliases)::bigint AS aliases,
            coalesce(sum(r.mailboxes) FILTER (WHERE r.own_epoch >= known.counts_from), 0)::bigint AS own_settings,
            coalesce(sum(r.mailboxes) FILTER (
                WHERE r.own_epoch >= least(known.counts_from, known.former_counts_from)
                    AND r.own_epoch < greatest(known.counts_from, known.former_counts_from)
            ), 0)::bigint AS toggled_settings
        FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[])
            AS r (account, domain, own_epoch, mailboxes, aliases)
        JOIN mailbox.domain AS known ON known.account = r.account AND known.domain = r.domain
        GROUP BY r.account, r.domain
    ) AS c
    WHERE d.account = c.account AND d.domain = c.domain"""


class Owners:
    """Who has an address, over all accounts.

    What is let go of is written with the mailboxes and addresses that had it, because no message names all that goes
    with a mailbox; what is taken is named and written here, after that.
    """

    name = "mailbox.address"

    async def load(self, conn: Conn, keys: list[str]) -> dict[str, Ownership]:
        """Return the owners, present or last, of the addresses that ever had one."""
        rows = await conn.fetch(_LOAD_OWNERS, keys)
        return {row["address"]: Ownership(*row) for row in rows}

    async def save(self, conn: Conn, changes: list[Change[str, Ownership]]) -> None:
        """Write who has what now, and until when others are kept from what somebody had in this batch."""
        gone = [c.before for c in changes if c.after is None and c.before is not None]
        await execute(conn, _FREE_ADDRESSES, [(owner.address, owner.free_at) for owner in gone if owner.free_at])
        changed = [(c.before, c.after) for c in sorted(changes, key=lambda c: c.key) if c.after]
        # Taken for a moment, it has to be taken nevertheless: another lane may be about to do the same.
        passing = [after for before, after in changed if after.free_at and not _is_owned(before)]
        taken = [after for before, after in changed if not after.free_at and not _is_the_same(before, after)]
        await execute(conn, _TAKE_ADDRESSES, [_taken(owner) for owner in sorted([*passing, *taken], key=_address_of)])
        await execute(conn, _RELEASE_ADDRESSES, [(owner.address, owner.mailbox) for owner in passing])
        kept = [(o.address, o.mailbox or o.address, o.account, o.free_at) for _, o in changed if o.free_at]
        await execute(conn, _QUARANTINE_ADDRESSES, kept)


class Mailboxes:
    """Mailboxes by address, of all accounts, the deleted too; with them what they own and what they count for."""

    name = "mailbox.mailbox"

    async def load(self, conn: Conn, keys: list[str]) -> dict[str, Mailbox]:
        """Return the mailboxes there are."""
        return {row["address"]: mailbox_from(row) for row in await conn.fetch(_LOAD_MAILBOXES, keys)}

    async def save(self, conn: Conn, changes: list[Change[str, Mailbox]]) -> None:
        """Write mailboxes, then the addresses they let go of, then the tallies of their domains."""
        changes.sort(key=lambda change: change.key)  # one order in all lanes for rows that two may want to add
        await execute(conn, _INSERT_MAILBOXES, [_values(c.after) for c in changes if c.after and c.before is None])
        await execute(conn, _UPDATE_MAILBOXES, [_values(c.after) for c in changes if c.after and c.before])
        await release(conn, _released(changes))
        await execute(conn, _COUNT_MAILBOXES, _counted(changes))


Released = tuple[str, str | None, str, datetime]  # an address, who had it (None: it forwarded), the account, and when


async def release(conn: Conn, rows: Sequence[Released]) -> None:
    """Take addresses from who had them, and keep them from other accounts for a while."""
    ordered = sorted(rows, key=lambda row: row[0])
    await execute(conn, _RELEASE_ADDRESSES, [row[:2] for row in ordered])
    kept = [(address, mailbox or address, account, at + TERMS.quarantine) for address, mailbox, account, at in ordered]
    await execute(conn, _QUARANTINE_ADDRESSES, kept)


async def count(conn: Conn, rows: Iterable[tuple[str, str, int]]) -> None:
    """Count addresses beside mailboxes, more or fewer by so many, by account and domain."""
    more = [(account, domain, NO_OWN_FEATURES, 0, number) for account, domain, number in rows if number]
    await execute(conn, _COUNT_MAILBOXES, sorted(more))


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
        own_features=texts(row["own_features"]),
        own_epoch=row["own_epoch"],
        blocked_senders=tuple(row["blocked_senders"]),
        deletes_at=row["deletes_at"],
        resumes_as=row["resumes_as"],
        deleted_at=row["deleted_at"],
        password_set_at=row["password_set_at"],
        password_change_by=row["password_change_by"],
        spam=_spam_from(row),
    )


def _spam_from(row: Record) -> SpamTuning | None:
    junk, allowed = row["spam_junk_tenths"], row["spam_allowed"]
    return junk and SpamTuning(junk, row["spam_reject_tenths"], row["spam_to_junk"], tuple(allowed))


# --- to rows ----------------------------------------------------------------------------------------------------


def _values(m: Mailbox) -> tuple[Any, ...]:
    return (
        m.address, m.account, m.domain, m.first_name, m.last_name, m.state, m.plan, m.price_cents, m.mail_bytes,
        m.cloud_bytes, m.groupware, m.catalogue, lines(m.aliases), lines(m.forwardings), m.keep_copy,
        lines(m.own_features), m.own_epoch, lines(m.blocked_senders), m.created_at, m.updated_at, m.deletes_at,
        m.resumes_as, m.deleted_at, m.password_set_at, m.password_change_by, *_spam_values(m.spam), m.revision,
        m.new_password_hash,
    )  # fmt: skip


def _spam_values(spam: SpamTuning | None) -> tuple[Any, ...]:
    if spam is None:
        return (None,) * 4
    return spam.junk_tenths, spam.reject_tenths, spam.to_junk, lines(spam.allowed_senders)


def _released(changes: list[Change[str, Mailbox]]) -> list[Released]:
    return [
        (address, c.key, c.after.account, c.after.updated_at)
        for c in changes
        if c.after is not None and c.before is not None
        for address in set(c.before.owned).difference(c.after.owned)
    ]


def _is_owned(owner: Ownership | None) -> bool:
    return owner is not None and owner.free_at is None


def _is_the_same(before: Ownership | None, after: Ownership) -> bool:
    return before is not None and before.free_at is None and before.mailbox == after.mailbox


def _address_of(owner: Ownership) -> str:
    return owner.address


def _taken(owner: Ownership) -> tuple[Any, ...]:
    return owner.address, owner.mailbox, owner.account, owner.since


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
