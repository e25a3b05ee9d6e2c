"""SQL of domains that go with everything under them: the removal's row, and what it has to do next."""

from datetime import datetime
from typing import Any, NamedTuple

from services.chassis.book import Change, Conn
from services.mailbox.removal import ENDED
from services.mailbox.rows import DomainKey, Removal, Tally
from services.mailbox.store import execute

REMOVAL_COLUMNS = """
    account, domain, domain_id, request_id, phase, deletes_at, mailboxes_total, aliases_total, scheduled, after_address,
    portions, told_at, keep_request_id"""

# Removals of some accounts' domains.
_LOAD = f"""
    SELECT {REMOVAL_COLUMNS} FROM mailbox.removal
    WHERE (account, domain) IN (SELECT r.account, r.domain FROM unnest($1::text[], $2::text[]) AS r (account, domain))
    ORDER BY account, domain FOR UPDATE"""  # noqa: S608 - fixed text

# Removals that are new or have come further.
_SAVE = """
    INSERT INTO mailbox.removal (
        account, domain, domain_id, request_id, phase, deletes_at, mailboxes_total, aliases_total, scheduled,
        after_address, portions, told_at, keep_request_id)
    SELECT r.account, r.domain, r.domain_id, r.request_id, r.phase, r.deletes_at, r.mailboxes_total, r.aliases_total,
        r.scheduled, r.after_address, r.portions, r.told_at, r.keep_request_id
    FROM unnest($1::text[], $2::text[], $3::uuid[], $4::uuid[], $5::text[], $6::timestamptz[], $7::bigint[],
            $8::bigint[], $9::bigint[], $10::text[], $11::bigint[], $12::timestamptz[], $13::uuid[])
        AS r (account, domain, domain_id, request_id, phase, deletes_at, mailboxes_total, aliases_total, scheduled,
            after_address, portions, told_at, keep_request_id)
    ON CONFLICT (account, domain) DO UPDATE SET
        domain_id = excluded.domain_id, request_id = excluded.request_id, phase = excluded.phase,
        deletes_at = excluded.deletes_at, mailboxes_total = excluded.mailboxes_total,
        aliases_total = excluded.aliases_total, scheduled = excluded.scheduled,
        after_address = excluded.after_address, portions = excluded.portions, told_at = excluded.told_at,
        keep_request_id = excluded.keep_request_id"""

# Mailboxes that a removal has scheduled.
_MARK = """
    INSERT INTO mailbox.removal_mark (domain_id, address)
    SELECT r.domain_id, r.address FROM unnest($1::uuid[], $2::text[]) AS r (domain_id, address)
    ON CONFLICT DO NOTHING"""

# Marks of removals that have ended.
_UNMARK = "DELETE FROM mailbox.removal_mark WHERE domain_id = ANY($1::uuid[])"

# The removal of an account that has something to do: one at a time, so that a batch stays small.
_NEXT = f"""
    SELECT {REMOVAL_COLUMNS} FROM mailbox.removal
    WHERE account = $1
        AND (phase IN ('scheduling', 'restoring', 'emptying') OR (phase = 'waiting' AND deletes_at <= $2))
    ORDER BY phase <> 'restoring', deletes_at, domain LIMIT 1"""  # noqa: S608 - fixed text

# The next mailboxes under a domain, and whether its removal has scheduled them.
_UNDER = """
    SELECT m.address, k.address IS NOT NULL AS is_marked
    FROM (
        SELECT address FROM mailbox.mailbox
        WHERE account = $1 AND domain = $2 AND state <> 'deleted' AND address > $3 ORDER BY address LIMIT $5
    ) AS m
    LEFT JOIN mailbox.removal_mark AS k ON k.domain_id = $4 AND k.address = m.address
    ORDER BY m.address"""

# The next mailboxes that a removal has scheduled.
_MARKED = """
    SELECT address, true AS is_marked FROM mailbox.removal_mark
    WHERE domain_id = $1 AND address > $2 ORDER BY address LIMIT $3"""

# Mailboxes under other domains that have aliases under this one. Reads an account's mailboxes once for a portion:
# an index over all aliases would cost every alias ever made for a removal now and then.
_WITH_ALIASES = """
    SELECT m.address FROM mailbox.mailbox AS m
    WHERE m.account = $1 AND m.state <> 'deleted' AND m.aliases <> '{}'
        AND EXISTS (SELECT FROM unnest(m.aliases) AS a (alias) WHERE split_part(a.alias, '@', 2) = $2)
    ORDER BY m.address LIMIT $3"""

_FORWARD_ONLY_UNDER = """
    SELECT address FROM mailbox.forward_only
    WHERE account = $1 AND domain = $2 AND deleted_at IS NULL ORDER BY address LIMIT $3"""

_READ = f"SELECT {REMOVAL_COLUMNS} FROM mailbox.removal WHERE account = $1 AND domain = $2"  # noqa: S608 - fixed text


class Removals:
    """Removals by account and domain, with the marks that they have made."""

    name = "mailbox.removal"

    async def load(self, conn: Conn, keys: list[DomainKey]) -> dict[DomainKey, Removal]:
        """Return the removals there are, those that have ended too."""
        rows = await conn.fetch(_LOAD, [account for account, _ in keys], [domain for _, domain in keys])
        return {(row["account"], row["domain"]): removal_from(row) for row in rows}

    async def save(self, conn: Conn, changes: list[Change[DomainKey, Removal]]) -> None:
        """Write removals; marks are made with the batch that schedules, and go with the removal's end."""
        changed = [change.after for change in changes if change.after is not None]
        await execute(conn, _SAVE, [_values(removal) for removal in changed])
        await execute(conn, _MARK, [(removal.domain_id, address) for removal in changed for address in removal.marked])
        ended = [removal.domain_id for removal in changed if removal.phase in ENDED]
        if ended:
            await conn.execute(_UNMARK, ended)


REMOVALS = Removals()


class Portion(NamedTuple):
    """What a removal has to do next: the mailboxes, each with its mark, and other addresses under the domain."""

    removal: Removal
    mailboxes: tuple[tuple[str, bool], ...] = ()
    with_aliases: tuple[str, ...] = ()
    forward_only: tuple[str, ...] = ()


async def read_portion(conn: Conn, account: str, now: datetime, limit: int) -> Portion | None:
    """Return the next piece of work for an account; None when there is none now."""
    row = await conn.fetchrow(_NEXT, account, now)
    if row is None:
        return None
    removal = removal_from(row)
    key = (account, removal.domain)
    match removal.phase:
        case "waiting":
            return Portion(removal)
        case "restoring":
            return Portion(removal, _mailboxes(await conn.fetch(_MARKED, removal.domain_id, removal.after, limit)))
        case _:
            under = await conn.fetch(_UNDER, *key, removal.after, removal.domain_id, limit)
    if under or removal.phase == "scheduling":
        return Portion(removal, _mailboxes(under))
    with_aliases = await conn.fetch(_WITH_ALIASES, *key, limit)
    forward_only = await conn.fetch(_FORWARD_ONLY_UNDER, *key, limit)
    return Portion(removal, (), _addresses(with_aliases), _addresses(forward_only))


async def read_removal(conn: Conn, account: str, domain: str) -> Removal | None:
    """Return the latest removal of a domain."""
    row = await conn.fetchrow(_READ, account, domain)
    return None if row is None else removal_from(row)


def removal_from(row: Any) -> Removal:
    """Read a row of REMOVAL_COLUMNS."""
    return Removal(
        account=row["account"],
        domain=row["domain"],
        domain_id=row["domain_id"],
        request_id=row["request_id"],
        phase=row["phase"],
        deletes_at=row["deletes_at"],
        total=Tally(row["mailboxes_total"], row["aliases_total"]),
        scheduled=row["scheduled"],
        after=row["after_address"],
        portions=row["portions"],
        told_at=row["told_at"],
        keep_request_id=row["keep_request_id"],
    )


def _values(r: Removal) -> tuple[Any, ...]:
    return (
        r.account, r.domain, r.domain_id, r.request_id, r.phase, r.deletes_at, r.total.mailboxes, r.total.aliases,
        r.scheduled, r.after, r.portions, r.told_at, r.keep_request_id,
    )  # fmt: skip


def _mailboxes(rows: list[Any]) -> tuple[tuple[str, bool], ...]:
    return tuple((row["address"], row["is_marked"]) for row in rows)


def _addresses(rows: list[Any]) -> tuple[str, ...]:
    return tuple(row["address"] for row in rows)
