"""SQL of the schema `domain`, set-wise."""

from collections.abc import Iterable
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter

from contracts.dnscheck_v1 import Attempt, MxAttempt
from services.chassis.book import Change, Conn
from services.domain.rows import HOLDING, Account, Claim, Name, Removal, Transfer, Yielding

M = TypeVar("M", bound=BaseModel)
_REMOVAL = TypeAdapter(Removal)

_COLUMNS = """
    domain, account, domain_id, state, label, token, old_tokens, password_hash, features,
    former_features, last_attempt::text AS last_attempt, resumed_at, reminded_hours, proof, proof_noes, proof_lapses_at,
    transfer_state, transfer_opened_at, transfer_answer_by, yielding_request_id, yielding_by, yielding_to,
    removal::text AS removal, mx_state, mx_attempt::text AS mx_attempt, claimed_at, verified_at, activated_at,
    updated_at, revision"""

# The claims to some names, locked in one order for all workers. Their whole keys order them, so owners never deadlock.
_LOAD_CLAIMS = f"SELECT {_COLUMNS} FROM domain.claim WHERE domain = ANY($1) ORDER BY domain, account FOR UPDATE"  # noqa: S608

# Claims that changed or are new. The order counts: who gives a name up is written before who takes it.
_SAVE_CLAIMS = """
    INSERT INTO domain.claim
        (domain, account, domain_id, state, label, token, old_tokens, password_hash, features, former_features,
        last_attempt, resumed_at, reminded_hours, proof, proof_noes, proof_lapses_at,
        transfer_state, transfer_opened_at, transfer_answer_by, yielding_request_id, yielding_by, yielding_to,
        removal, mx_state, mx_attempt, claimed_at, verified_at, activated_at, updated_at, revision)
    SELECT r.domain, r.account, r.domain_id, r.state, r.label, r.token, string_to_array(r.old_tokens, ','),
        r.password_hash, string_to_array(r.features, ','), string_to_array(r.former_features, ','),
        r.last_attempt::jsonb, r.resumed_at, r.reminded_hours,
        r.proof, string_to_array(r.proof_noes, ',')::timestamptz[], r.proof_lapses_at,
        r.transfer_state, r.transfer_opened_at, r.transfer_answer_by,
        r.yielding_request_id, r.yielding_by, r.yielding_to, r.removal::jsonb,
        r.mx_state, r.mx_attempt::jsonb, r.claimed_at, r.verified_at, r.activated_at, r.updated_at, r.revision
    FROM unnest($1::text[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
        $9::text[], $10::text[], $11::text[], $12::timestamptz[], $13::smallint[], $14::text[], $15::text[],
        $16::timestamptz[], $17::text[], $18::timestamptz[], $19::timestamptz[], $20::uuid[], $21::text[],
        $22::text[], $23::text[], $24::text[], $25::text[], $26::timestamptz[], $27::timestamptz[],
        $28::timestamptz[], $29::timestamptz[], $30::bigint[])
        WITH ORDINALITY
        AS r (domain, account, domain_id, state, label, token, old_tokens, password_hash, features, former_features,
        last_attempt, resumed_at, reminded_hours, proof, proof_noes, proof_lapses_at,
        transfer_state, transfer_opened_at, transfer_answer_by, yielding_request_id, yielding_by, yielding_to,
        removal, mx_state, mx_attempt, claimed_at, verified_at, activated_at, updated_at, revision, position)
    ORDER BY r.position
    ON CONFLICT (domain, account) DO UPDATE SET
        domain_id = excluded.domain_id, state = excluded.state, label = excluded.label, token = excluded.token,
        old_tokens = excluded.old_tokens, password_hash = excluded.password_hash, features = excluded.features,
        former_features = excluded.former_features, last_attempt = excluded.last_attempt,
        resumed_at = excluded.resumed_at,
        reminded_hours = excluded.reminded_hours, proof = excluded.proof, proof_noes = excluded.proof_noes,
        proof_lapses_at = excluded.proof_lapses_at, transfer_state = excluded.transfer_state,
        transfer_opened_at = excluded.transfer_opened_at, transfer_answer_by = excluded.transfer_answer_by,
        yielding_request_id = excluded.yielding_request_id, yielding_by = excluded.yielding_by,
        yielding_to = excluded.yielding_to, removal = excluded.removal, mx_state = excluded.mx_state,
        mx_attempt = excluded.mx_attempt,
        claimed_at = excluded.claimed_at, verified_at = excluded.verified_at, activated_at = excluded.activated_at,
        updated_at = excluded.updated_at, revision = excluded.revision"""

# One domain of an account, with what its transfers need to be shown.
_READ_NAME = f"""
    SELECT {_COLUMNS} FROM domain.claim
    WHERE domain = $2 AND (account = $1 OR state = 'contested') ORDER BY account"""  # noqa: S608

# A page of an account's domains, likewise.
_READ_NAMES = f"""
    WITH page AS (
        SELECT domain FROM domain.claim
        WHERE account = $1 AND domain > $2 AND state <> 'removed' ORDER BY domain LIMIT $3
    )
    SELECT {_COLUMNS} FROM domain.claim
    WHERE domain IN (SELECT domain FROM page) AND (account = $1 OR state = 'contested')
    ORDER BY domain, account"""  # noqa: S608

# An account's own claims to some names.
_READ_CLAIMS = f"SELECT {_COLUMNS} FROM domain.claim WHERE account = $1 AND domain = ANY($2)"  # noqa: S608

# What is known of some accounts.
_LOAD_ACCOUNTS = """
    SELECT account_id, state, package, self_service, revision FROM domain.account
    WHERE account_id = ANY($1) ORDER BY account_id FOR UPDATE"""

# Accounts as billing has told of them.
_SAVE_ACCOUNTS = """
    INSERT INTO domain.account (account_id, state, package, self_service, revision)
    SELECT r.account_id, r.state, r.package, r.self_service, r.revision
    FROM unnest($1::text[], $2::text[], $3::text[], $4::boolean[], $5::bigint[])
        AS r (account_id, state, package, self_service, revision)
    ON CONFLICT (account_id) DO UPDATE SET
        state = excluded.state, package = excluded.package, self_service = excluded.self_service,
        revision = excluded.revision"""


class Names:
    """Domain names with all accounts' claims, by domain."""

    name = "domain.claim"

    async def load(self, conn: Conn, keys: list[str]) -> dict[str, Name]:
        """Return the names that somebody claims or claimed."""
        return _names(await conn.fetch(_LOAD_CLAIMS, keys))

    async def save(self, conn: Conn, changes: list[Change[str, Name]]) -> None:
        """Write the claims that differ from what was loaded."""
        claims = [claim for change in changes for claim in _changed(change)]
        claims.sort(key=lambda claim: (claim.domain, claim.state in HOLDING or claim.is_granted, claim.account))
        if claims:
            await conn.execute(_SAVE_CLAIMS, *_columns(_claim_values(claim) for claim in claims))


class Accounts:
    """What is known of accounts, by account."""

    name = "domain.account"

    async def load(self, conn: Conn, keys: list[str]) -> dict[str, Account]:
        """Return the accounts known here."""
        rows = await conn.fetch(_LOAD_ACCOUNTS, keys)
        return {row["account_id"]: Account(*row) for row in rows}

    async def save(self, conn: Conn, changes: list[Change[str, Account]]) -> None:
        """Write accounts; none is ever deleted here."""
        accounts = (change.after for change in changes if change.after is not None)
        values = [(a.account_id, a.state, a.package, a.self_service, a.revision) for a in accounts]
        if values:
            await conn.execute(_SAVE_ACCOUNTS, *_columns(values))


NAMES = Names()
ACCOUNTS = Accounts()


async def read_name(conn: Conn, account: str, domain: str) -> Name:
    """Return a name with an account's own claim to it and those in a transfer."""
    return _names(await conn.fetch(_READ_NAME, account, domain)).get(domain, Name(domain))


async def read_names(conn: Conn, account: str, after: str, limit: int) -> list[Name]:
    """Return the names that an account claims in their order, from after a name on, likewise."""
    return list(_names(await conn.fetch(_READ_NAMES, account, after, limit)).values())


async def read_waiting(conn: Conn, account: str, domains: list[str]) -> frozenset[str]:
    """Return those of the domains that the account claims and that are not open at the gate yet."""
    rows = await conn.fetch(_READ_CLAIMS, account, domains)
    return frozenset(row["domain"] for row in rows if _claim(row).at_gate == "waiting")


def _names(rows: Iterable[Any]) -> dict[str, Name]:
    claims: dict[str, list[Claim]] = {}
    for row in rows:
        claims.setdefault(row["domain"], []).append(_claim(row))
    return {domain: Name(domain, tuple(found)) for domain, found in claims.items()}


def _changed(change: Change[str, Name]) -> Iterable[Claim]:
    before = set(map(id, change.before.claims)) if change.before else set()
    return (claim for claim in change.after.claims if id(claim) not in before) if change.after else ()


def _claim(row: Any) -> Claim:
    return Claim(
        domain=row["domain"],
        account=row["account"],
        domain_id=row["domain_id"],
        state=row["state"],
        label=row["label"],
        token=row["token"],
        old_tokens=tuple(row["old_tokens"]),
        password_hash=row["password_hash"],
        features=tuple(row["features"]),
        former_features=None if row["former_features"] is None else tuple(row["former_features"]),
        last_attempt=_model(Attempt, row["last_attempt"]),
        resumed_at=row["resumed_at"],
        reminded_hours=row["reminded_hours"],
        proof=row["proof"],
        noes=tuple(row["proof_noes"]),
        lapses_at=row["proof_lapses_at"],
        transfer=_transfer(row),
        yielding=_yielding(row),
        removal=_REMOVAL.validate_json(row["removal"]) if row["removal"] else None,
        mx=row["mx_state"],
        mx_attempt=_model(MxAttempt, row["mx_attempt"]),
        claimed_at=row["claimed_at"],
        verified_at=row["verified_at"],
        activated_at=row["activated_at"],
        updated_at=row["updated_at"],
        revision=row["revision"],
    )


def _transfer(row: Any) -> Transfer | None:
    state = row["transfer_state"]
    return state and Transfer(state, row["transfer_opened_at"], row["transfer_answer_by"])


def _yielding(row: Any) -> Yielding | None:
    to = row["yielding_to"]
    return to and Yielding(row["yielding_request_id"], row["yielding_by"], to)


def _claim_values(claim: Claim) -> tuple[Any, ...]:
    transfer, yielding = claim.transfer, claim.yielding
    return (
        claim.domain, claim.account, claim.domain_id, claim.state, claim.label, claim.token,
        ",".join(claim.old_tokens), claim.password_hash, ",".join(claim.features),
        None if claim.former_features is None else ",".join(claim.former_features), _json(claim.last_attempt),
        claim.resumed_at, claim.reminded_hours,
        claim.proof, ",".join(at.isoformat() for at in claim.noes), claim.lapses_at,
        *((transfer.state, transfer.opened_at, transfer.answer_by) if transfer else (None,) * 3),
        *((yielding.request_id, yielding.by, yielding.to) if yielding else (None,) * 3),
        _REMOVAL.dump_json(claim.removal).decode() if claim.removal else None,
        claim.mx, _json(claim.mx_attempt), claim.claimed_at, claim.verified_at, claim.activated_at,
        claim.updated_at, claim.revision,
    )  # fmt: skip


def _model(model: type[M], text: str | None) -> M | None:
    return None if text is None else model.model_validate_json(text)


def _json(model: BaseModel | None) -> str | None:
    return None if model is None else model.model_dump_json()


def _columns(rows: Iterable[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
