"""SQL of the schema `billing`, set-wise."""

import json
from collections.abc import Iterable
from datetime import datetime
from json.encoder import encode_basestring_ascii
from typing import Any
from uuid import UUID

from contracts.billing_v1 import VatCheck
from services.billing.capacity import Counter, Holding, Room, Target, resource_of
from services.billing.rules import Account
from services.chassis.book import Change, Conn

HolderKey = tuple[str, str]  # account and holder

_ACCOUNT_COLUMNS = """
    account_id, state, package, package_price_cents, catalogue, plan_prices, company, vat_id, email, payment_email,
    phone, language, opened_at, revision, street, postcode, city, country, vat_check::text AS vat_check"""

# Some accounts, locked: whoever changes an account's counters or holdings takes this lock first. NO KEY, so that a
# new counter's foreign key does not wait for it.
_LOAD_ACCOUNTS = f"""
    SELECT {_ACCOUNT_COLUMNS} FROM billing.account
    WHERE account_id = ANY($1::text[]) ORDER BY account_id FOR NO KEY UPDATE"""  # noqa: S608 - fixed columns

# Accounts that are new or changed.
_SAVE_ACCOUNTS = """
    INSERT INTO billing.account
        (account_id, state, package, package_price_cents, catalogue, plan_prices, company, vat_id, email,
         payment_email, phone, language, opened_at, revision, street, postcode, city, country, vat_check)
    SELECT r.account_id, r.state, r.package, r.package_price_cents, r.catalogue, r.plan_prices::jsonb, r.company,
        r.vat_id, r.email, r.payment_email, r.phone, r.language, r.opened_at, r.revision,
        r.street, r.postcode, r.city, r.country, r.vat_check::jsonb
    FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[],
        $9::text[], $10::text[], $11::text[], $12::text[], $13::timestamptz[], $14::bigint[],
        $15::text[], $16::text[], $17::text[], $18::text[], $19::text[])
        AS r (account_id, state, package, package_price_cents, catalogue, plan_prices, company, vat_id, email,
        payment_email, phone, language, opened_at, revision, street, postcode, city, country, vat_check)
    ON CONFLICT (account_id) DO UPDATE SET
        state = excluded.state, package = excluded.package, package_price_cents = excluded.package_price_cents,
        catalogue = excluded.catalogue, plan_prices = excluded.plan_prices, company = excluded.company,
        vat_id = excluded.vat_id, email = excluded.email, payment_email = excluded.payment_email,
        phone = excluded.phone, language = excluded.language, revision = excluded.revision,
        street = excluded.street, postcode = excluded.postcode, city = excluded.city, country = excluded.country,
        vat_check = excluded.vat_check"""

# All counters of some accounts. The accounts' own lock comes before this statement, not with it: a statement that
# had waited here would not see the rows that the other transaction added.
_LOAD_COUNTERS = """
    SELECT account_id, resource, cap, confirmed, reserved, revision FROM billing.capacity
    WHERE account_id = ANY($1::text[]) ORDER BY account_id, resource FOR UPDATE"""

# Counters that changed, the cap with them.
_SAVE_COUNTERS = """
    INSERT INTO billing.capacity (account_id, resource, cap, confirmed, reserved, revision)
    SELECT r.account_id, r.resource, r.cap, r.confirmed, r.reserved, r.revision
    FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
        AS r (account_id, resource, cap, confirmed, reserved, revision)
    ON CONFLICT (account_id, resource) DO UPDATE SET
        cap = excluded.cap, confirmed = excluded.confirmed, reserved = excluded.reserved,
        revision = excluded.revision"""

# Some things that take room, or did.
_LOAD_HOLDINGS = """
    SELECT h.account_id, h.holder, h.confirmed, h.targets::text AS targets, h.plan, h.price_cents, h.catalogue,
        h.since, h.revision, h.seen_at
    FROM unnest($1::text[], $2::text[]) AS k (account_id, holder)
    JOIN billing.holding AS h ON h.account_id = k.account_id AND h.holder = k.holder
    ORDER BY h.account_id, h.holder FOR UPDATE OF h"""

# Holdings that are new or changed.
_SAVE_HOLDINGS = """
    INSERT INTO billing.holding
        (account_id, holder, resource, confirmed, reserved, targets, plan, price_cents, catalogue, since, revision,
         seen_at, due_at)
    SELECT r.account_id, r.holder, r.resource, r.confirmed, r.reserved, r.targets::jsonb, r.plan, r.price_cents,
        r.catalogue, r.since, r.revision, r.seen_at, r.due_at
    FROM unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::integer[], $6::text[], $7::text[],
        $8::bigint[], $9::text[], $10::timestamptz[], $11::bigint[], $12::timestamptz[], $13::timestamptz[])
        AS r (account_id, holder, resource, confirmed, reserved, targets, plan, price_cents, catalogue, since,
        revision, seen_at, due_at)
    ON CONFLICT (account_id, holder) DO UPDATE SET
        confirmed = excluded.confirmed, reserved = excluded.reserved, targets = excluded.targets,
        plan = excluded.plan, price_cents = excluded.price_cents, catalogue = excluded.catalogue,
        since = excluded.since, revision = excluded.revision, seen_at = excluded.seen_at, due_at = excluded.due_at"""

# Holdings that say nothing any more.
_DELETE_HOLDINGS = """
    DELETE FROM billing.holding AS h USING unnest($1::text[], $2::text[]) AS k (account_id, holder)
    WHERE h.account_id = k.account_id AND h.holder = k.holder"""

# One account, as it is.
_READ_ACCOUNT = f"SELECT {_ACCOUNT_COLUMNS} FROM billing.account WHERE account_id = $1"  # noqa: S608 - fixed columns

# Some accounts, as they are.
_READ_ACCOUNTS = f"""
    SELECT {_ACCOUNT_COLUMNS} FROM billing.account
    WHERE account_id = ANY($1::text[]) ORDER BY account_id"""  # noqa: S608 - fixed columns

# One account's counters, as they are.
_READ_COUNTERS = """
    SELECT account_id, resource, cap, confirmed, reserved, revision FROM billing.capacity
    WHERE account_id = $1 ORDER BY resource"""

# An account's mailboxes by plan and the price list under which they were ordered.
_READ_PLAN_USE = """
    SELECT plan, catalogue, count(*) AS mailboxes FROM billing.holding
    WHERE account_id = $1 AND resource = 'mailbox' AND confirmed = 1
    GROUP BY plan, catalogue ORDER BY plan, catalogue"""

# What is due longest.
_READ_DUE = "SELECT account_id, holder FROM billing.holding WHERE due_at <= $1 ORDER BY due_at LIMIT $2"


class Accounts:
    """Accounts by id."""

    name = "billing.account"

    async def load(self, conn: Conn, keys: list[str]) -> dict[str, Account]:
        """Return the accounts there are."""
        return {row["account_id"]: _account(row) for row in await conn.fetch(_LOAD_ACCOUNTS, keys)}

    async def save(self, conn: Conn, changes: list[Change[str, Account]]) -> None:
        """Write accounts; none is ever deleted."""
        values = [_account_values(change.after) for change in changes if change.after is not None]
        if values:
            await conn.execute(_SAVE_ACCOUNTS, *columns(values))


class Rooms:
    """All counters of an account, by account. Name the account too: its lock stands for them."""

    name = "billing.capacity"

    async def load(self, conn: Conn, keys: list[str]) -> dict[str, Room]:
        """Return the rooms of the accounts there are."""
        return _rooms(await conn.fetch(_LOAD_COUNTERS, keys))

    async def save(self, conn: Conn, changes: list[Change[str, Room]]) -> None:
        """Write the counters that differ from what was loaded; none is ever deleted."""
        values = [row for change in changes for row in _changed_counters(change)]
        if values:
            await conn.execute(_SAVE_COUNTERS, *columns(values))


class Holdings:
    """Things that take room, by account and holder."""

    name = "billing.holding"

    async def load(self, conn: Conn, keys: list[HolderKey]) -> dict[HolderKey, Holding]:
        """Return the holdings there are."""
        rows = await conn.fetch(_LOAD_HOLDINGS, *columns(keys))
        return {(row["account_id"], row["holder"]): _holding(row) for row in rows}

    async def save(self, conn: Conn, changes: list[Change[HolderKey, Holding]]) -> None:
        """Write holdings, and delete those that say nothing any more."""
        kept = [_holding_values(change.key, change.after) for change in changes if change.after is not None]
        if kept:
            await conn.execute(_SAVE_HOLDINGS, *columns(kept))
        dropped = [change.key for change in changes if change.after is None and change.before is not None]
        if dropped:
            await conn.execute(_DELETE_HOLDINGS, *columns(dropped))


ACCOUNTS = Accounts()
ROOMS = Rooms()
HOLDINGS = Holdings()


async def read_account(conn: Conn, account_id: str) -> tuple[Account, Room] | None:
    """Return an account with its room, or None."""
    row = await conn.fetchrow(_READ_ACCOUNT, account_id)
    if row is None:
        return None
    return _account(row), _rooms(await conn.fetch(_READ_COUNTERS, account_id))[account_id]


async def read_accounts_by(conn: Conn, account_ids: list[str]) -> list[Account]:
    """Return some accounts, in the order of their ids."""
    return [_account(row) for row in await conn.fetch(_READ_ACCOUNTS, account_ids)]


async def read_plan_use(conn: Conn, account_id: str) -> list[tuple[str, str, int]]:
    """Return plan, price list and number of mailboxes, ordered."""
    rows = await conn.fetch(_READ_PLAN_USE, account_id)
    return [(row["plan"], row["catalogue"], row["mailboxes"]) for row in rows]


async def read_due(conn: Conn, latest: datetime, limit: int) -> list[HolderKey]:
    """Return holdings that were due at `latest` or before, the longest due first."""
    return [(row["account_id"], row["holder"]) for row in await conn.fetch(_READ_DUE, latest, limit)]


def _account(row: Any) -> Account:
    prices = row["plan_prices"]
    return Account(
        account_id=row["account_id"],
        state=row["state"],
        package=row["package"],
        package_price_cents=row["package_price_cents"],
        catalogue=row["catalogue"],
        company=row["company"],
        vat_id=row["vat_id"],
        email=row["email"],
        payment_email=row["payment_email"],
        phone=row["phone"],
        language=row["language"],
        opened_at=row["opened_at"],
        revision=row["revision"],
        plan_prices={} if prices == "{}" else json.loads(prices),
        street=row["street"],
        postcode=row["postcode"],
        city=row["city"],
        country=row["country"],
        vat_check=VatCheck.model_validate_json(row["vat_check"]) if row["vat_check"] else None,
    )


def _account_values(account: Account) -> tuple[Any, ...]:
    return (
        account.account_id, account.state, account.package, account.package_price_cents, account.catalogue,
        json.dumps(dict(account.plan_prices)), account.company, account.vat_id, account.email, account.payment_email,
        account.phone, account.language, account.opened_at, account.revision, account.street, account.postcode,
        account.city, account.country, account.vat_check.model_dump_json() if account.vat_check else None,
    )  # fmt: skip


def _rooms(rows: Iterable[Any]) -> dict[str, Room]:
    counters: dict[str, dict[str, Counter]] = {}
    for row in rows:
        counter = Counter(row["cap"], row["confirmed"], row["reserved"], row["revision"])
        counters.setdefault(row["account_id"], {})[row["resource"]] = counter
    return {
        account_id: Room(found, max(counter.revision for counter in found.values()))
        for account_id, found in counters.items()
    }


def _changed_counters(change: Change[str, Room]) -> Iterable[tuple[Any, ...]]:
    before = change.before.counters if change.before else {}
    for resource, counter in change.after.counters.items() if change.after else ():
        if counter is not before.get(resource):
            yield change.key, resource, counter.cap, counter.confirmed, counter.reserved, counter.revision


def _holding(row: Any) -> Holding:
    return Holding(
        confirmed=row["confirmed"],
        targets=_targets(row["targets"]) if row["targets"] else (),
        plan=row["plan"],
        price_cents=row["price_cents"],
        catalogue=row["catalogue"],
        since=row["since"],
        revision=row["revision"],
        seen_at=row["seen_at"],
    )


def _holding_values(key: HolderKey, holding: Holding) -> tuple[Any, ...]:
    account_id, holder = key
    return (
        account_id, holder, resource_of(holder), holding.confirmed, holding.held - holding.confirmed,
        targets_json(holding.targets), holding.plan, holding.price_cents, holding.catalogue, holding.since,
        holding.revision, holding.seen_at, holding.due_at,
    )  # fmt: skip


def _targets(text: str) -> tuple[Target, ...]:
    return tuple(
        Target(UUID(request_id), quantity, datetime.fromisoformat(expires_at), plan)
        for request_id, quantity, expires_at, plan in json.loads(text)
    )


def targets_json(targets: tuple[Target, ...]) -> str | None:
    """Write targets as the column `targets` holds them."""
    if not targets:
        return None
    return f"[{', '.join(map(_target_json, targets))}]"


def _target_json(target: Target) -> str:
    # By hand: json.dumps takes three times as long, and this is written for every reservation.
    plan = encode_basestring_ascii(target.plan) if target.plan else "null"
    return f'["{target.request_id}", {target.quantity}, "{target.expires_at.isoformat()}", {plan}]'


def columns(rows: Iterable[tuple[Any, ...]]) -> list[list[Any]]:
    """Turn rows into the arrays that a set-wise statement takes."""
    return [list(column) for column in zip(*rows, strict=True)]
