"""SQL of the schema `mailbox` for the worker's lanes, set-wise: what is kept of accounts, and domains."""

from typing import Any

from services.chassis.book import Change, Conn
from services.mailbox.columns import execute, lines, texts
from services.mailbox.rows import Account, Domain, DomainKey, FormerSet, Tally

DOMAIN_COLUMNS = """
    account, domain, domain_id, state, features, epoch, counts_from, former_features, former_counts_from,
    password_change_by, passwords_required_at, mailboxes, aliases, own_settings, toggled_settings, revision"""

# Domains of some accounts.
_LOAD_DOMAINS = f"""
    SELECT {DOMAIN_COLUMNS} FROM mailbox.domain
    WHERE (account, domain) IN (SELECT r.account, r.domain FROM unnest($1::text[], $2::text[]) AS r (account, domain))
    ORDER BY account, domain FOR UPDATE"""  # noqa: S608

# Domains with new features or another state; of their tallies only which of the stored own settings count now. How
# many mailboxes are stored goes along because PostgreSQL checks the row to be inserted also where it is not.
_SAVE_DOMAINS = """
    INSERT INTO mailbox.domain AS d (
        account, domain, domain_id, state, features, epoch, counts_from, former_features, former_counts_from,
        password_change_by, passwords_required_at, mailboxes, own_settings, toggled_settings, revision)
    SELECT
        r.account, r.domain, r.domain_id, r.state, string_to_array(r.features, E'\\n'), r.epoch, r.counts_from,
        string_to_array(r.former_features, E'\\n'), r.former_counts_from, r.password_change_by,
        r.passwords_required_at, r.mailboxes, r.own_settings, r.toggled_settings, r.revision
    FROM unnest(
        $1::text[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::text[],
        $9::bigint[], $10::timestamptz[], $11::timestamptz[], $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[]
    ) AS r (
        account, domain, domain_id, state, features, epoch, counts_from, former_features, former_counts_from,
        password_change_by, passwords_required_at, mailboxes, own_settings, toggled_settings, revision)
    ON CONFLICT (account, domain) DO UPDATE SET
        domain_id = excluded.domain_id, state = excluded.state, features = excluded.features, epoch = excluded.epoch,
        counts_from = excluded.counts_from, former_features = excluded.former_features,
        former_counts_from = excluded.former_counts_from, password_change_by = excluded.password_change_by,
        passwords_required_at = excluded.passwords_required_at, own_settings = excluded.own_settings,
        toggled_settings = excluded.toggled_settings, revision = excluded.revision"""

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
        await execute(conn, _SAVE_ACCOUNTS, rows)


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
        await execute(conn, _SAVE_DOMAINS, [_domain_values(domain) for domain in domains])


ACCOUNTS = Accounts()
DOMAINS = Domains()


def domain_from(row: Any) -> Domain:
    """Read a row of DOMAIN_COLUMNS."""
    former = row["former_counts_from"]
    tally = Tally(row["mailboxes"], row["aliases"], row["own_settings"], row["toggled_settings"])
    return Domain(
        account=row["account"],
        domain=row["domain"],
        domain_id=row["domain_id"],
        state=row["state"],
        features=texts(row["features"]),
        epoch=row["epoch"],
        counts_from=row["counts_from"],
        former=None if former is None else FormerSet(texts(row["former_features"]), former),
        password_change_by=row["password_change_by"],
        passwords_required_at=row["passwords_required_at"],
        revision=row["revision"],
        tally=tally,
        stored=tally,
    )


def _domain_values(d: Domain) -> tuple[Any, ...]:
    former = (lines(d.former.features), d.former.counts_from) if d.former else (None, None)
    return (
        d.account, d.domain, d.domain_id, d.state, lines(d.features), d.epoch, d.counts_from, *former,
        d.password_change_by, d.passwords_required_at,
        d.stored.mailboxes, d.stored.own_settings, d.stored.toggled_settings, d.revision,
    )  # fmt: skip
