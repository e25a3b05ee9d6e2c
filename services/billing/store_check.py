"""SQL that holds counters and holdings against the ledger, and makes them anew from it."""

from typing import Any

from services.chassis.book import Conn

AT_ONCE = 20  # accounts compared by one statement, which sees one moment; large ones take seconds

# What the ledger says of some accounts: the last entry of every holding, and the counters that follow from these. A
# holding takes its plan, and each plan that a request on its way asks for.
_SAID = """
    last AS (
        SELECT DISTINCT ON (l.account_id, l.holder) l.account_id, l.holder, l.confirmed, l.reserved, l.targets, l.plan,
            l.price_cents, l.catalogue, l.since, l.holding_revision, l.seen_at, l.revision
        FROM billing.ledger AS l WHERE l.account_id = ANY($1::text[])
        ORDER BY l.account_id, l.holder, l.revision DESC
    ), taken AS (
        SELECT l.account_id, CASE split_part(l.holder, '/', 1) WHEN 'mailbox' THEN 'mailbox' WHEN 'group' THEN 'group'
            ELSE 'alias_forward' END AS resource, l.confirmed, l.reserved FROM last AS l
        UNION ALL
        SELECT l.account_id, 'plan.' || l.plan, l.confirmed, 0 FROM last AS l WHERE l.plan IS NOT NULL
        UNION ALL
        SELECT l.account_id, 'plan.' || (t.target ->> 3), 0, greatest(0, max((t.target ->> 1)::integer)
            - CASE WHEN l.plan = t.target ->> 3 THEN l.confirmed ELSE 0 END)
        FROM last AS l CROSS JOIN LATERAL jsonb_array_elements(l.targets) AS t (target)
        WHERE l.targets IS NOT NULL AND t.target ->> 3 IS NOT NULL
        GROUP BY l.account_id, l.holder, l.plan, l.confirmed, t.target ->> 3
    ), capped AS (
        SELECT DISTINCT ON (a.account_id) a.account_id, a.caps, a.revision FROM billing.account_ledger AS a
        WHERE a.account_id = ANY($1::text[]) ORDER BY a.account_id, a.revision DESC
    ), counted AS (
        SELECT coalesce(t.account_id, c.account_id) AS account_id, coalesce(t.resource, c.resource) AS resource,
            coalesce(t.confirmed, 0) AS confirmed, coalesce(t.reserved, 0) AS reserved, c.cap
        FROM (
            SELECT account_id, resource, sum(confirmed)::bigint AS confirmed, sum(reserved)::bigint AS reserved
            FROM taken GROUP BY account_id, resource
        ) AS t
        FULL JOIN (
            SELECT p.account_id, e.key AS resource, (e.value #>> '{}')::bigint AS cap
            FROM capped AS p CROSS JOIN LATERAL jsonb_each(p.caps) AS e (key, value)
        ) AS c ON c.account_id = t.account_id AND c.resource = t.resource
    )"""

_COMPARE = f"""
    WITH {_SAID}
    SELECT coalesce(s.account_id, c.account_id) AS account_id, coalesce(s.resource, c.resource) AS thing,
        row_to_json(s)::text AS said, row_to_json(c)::text AS found
    FROM counted AS s
    FULL JOIN (SELECT account_id, resource, confirmed, reserved, cap FROM billing.capacity
        WHERE account_id = ANY($1::text[])) AS c ON c.account_id = s.account_id AND c.resource = s.resource
    WHERE (coalesce(s.confirmed, 0), coalesce(s.reserved, 0), s.cap)
        IS DISTINCT FROM (coalesce(c.confirmed, 0), coalesce(c.reserved, 0), c.cap)
    UNION ALL
    SELECT coalesce(l.account_id, h.account_id), coalesce(l.holder, h.holder), row_to_json(l)::text,
        row_to_json(h)::text
    FROM (SELECT account_id, holder, confirmed, reserved, targets, plan, price_cents, catalogue FROM last) AS l
    FULL JOIN (SELECT account_id, holder, confirmed, reserved, targets, plan, price_cents, catalogue
        FROM billing.holding WHERE account_id = ANY($1::text[])) AS h
        ON h.account_id = l.account_id AND h.holder = l.holder
    WHERE (coalesce(l.confirmed, 0), coalesce(l.reserved, 0), l.targets, l.plan, l.price_cents, l.catalogue)
        IS DISTINCT FROM (coalesce(h.confirmed, 0), coalesce(h.reserved, 0), h.targets, h.plan, h.price_cents,
        h.catalogue)
    ORDER BY 1, 2"""  # noqa: S608 - fixed text

_ACCOUNTS = "SELECT account_id FROM billing.account WHERE account_id > $1 ORDER BY account_id LIMIT $2"

_LOCK = "SELECT 1 FROM billing.account WHERE account_id = ANY($1::text[]) ORDER BY account_id FOR NO KEY UPDATE"

_DROP_HOLDINGS = "DELETE FROM billing.holding WHERE account_id = ANY($1::text[])"

_MAKE_HOLDINGS = f"""
    WITH {_SAID}
    INSERT INTO billing.holding (account_id, holder, resource, confirmed, reserved, targets, plan, price_cents,
        catalogue, since, revision, seen_at, due_at)
    SELECT l.account_id, l.holder, CASE split_part(l.holder, '/', 1) WHEN 'mailbox' THEN 'mailbox'
        WHEN 'group' THEN 'group' ELSE 'alias_forward' END, l.confirmed, l.reserved, l.targets, l.plan, l.price_cents,
        l.catalogue, l.since, l.holding_revision, l.seen_at,
        coalesce((SELECT min((t.target ->> 2)::timestamptz) FROM jsonb_array_elements(l.targets) AS t (target)),
            CASE WHEN l.confirmed = 0 THEN l.seen_at + $2::interval END)
    FROM last AS l WHERE l.confirmed > 0 OR l.targets IS NOT NULL OR l.seen_at IS NOT NULL"""  # noqa: S608 - fixed text

# A counter that the ledger does not know counts nothing.
_CLEAR_COUNTERS = (
    "UPDATE billing.capacity SET confirmed = 0, reserved = 0, cap = NULL WHERE account_id = ANY($1::text[])"
)

# No counter's revision may go back: readers of the facts would take what is new for old.
_MAKE_COUNTERS = f"""
    WITH {_SAID}
    INSERT INTO billing.capacity (account_id, resource, cap, confirmed, reserved, revision)
    SELECT c.account_id, c.resource, c.cap, c.confirmed, c.reserved, greatest(
        (SELECT max(l.revision) FROM last AS l WHERE l.account_id = c.account_id),
        (SELECT p.revision FROM capped AS p WHERE p.account_id = c.account_id))
    FROM counted AS c
    ON CONFLICT (account_id, resource) DO UPDATE SET cap = excluded.cap, confirmed = excluded.confirmed,
        reserved = excluded.reserved, revision = greatest(capacity.revision, excluded.revision)"""  # noqa: S608


async def differences(conn: Conn) -> list[str]:
    """Return where counters or holdings are not what the ledger says, in words; none is as it should be."""
    found: list[str] = []
    after = ""
    while accounts := [row["account_id"] for row in await conn.fetch(_ACCOUNTS, after, AT_ONCE)]:
        found += [_sentence(row) for row in await conn.fetch(_COMPARE, accounts)]
        after = accounts[-1]
    return found


async def rebuild(conn: Conn, account_id: str, memory: Any) -> None:
    """Make an account's holdings and counters anew from the ledger, in the caller's transaction.

    `memory` is how long a thing that is gone is remembered.
    """
    await conn.execute(_LOCK, [account_id])
    await conn.execute(_DROP_HOLDINGS, [account_id])
    await conn.execute(_MAKE_HOLDINGS, [account_id], memory)
    await conn.execute(_CLEAR_COUNTERS, [account_id])
    await conn.execute(_MAKE_COUNTERS, [account_id])


def _sentence(row: Any) -> str:
    return f"{row['account_id']} {row['thing']}: the ledger says {row['said']}, found {row['found']}"
