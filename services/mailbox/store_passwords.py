"""SQL that looks at hashes. Of a hash only its beginning is read: scheme and costs, without salt and digest."""

from dataclasses import dataclass
from datetime import datetime

from services.chassis.book import Conn

# What a hash begins with; the same cut in both statements.
_COSTS = r"""substring(m.password_hash FROM
        '^\{[A-Z0-9-]+\}(?:\$argon2id\$v=\d+\$m=\d+,t=\d+,p=\d+\$|\$2[aby]\$\d\d\$|\$6\$(?:rounds=\d+\$)?)')"""

# How many of an account's mailboxes have hashes of which costs.
_COUNT = f"""
    SELECT {_COSTS} AS costs, count(*) AS mailboxes FROM mailbox.mailbox AS m
    WHERE m.account = $1 AND m.state <> 'deleted' GROUP BY costs"""  # noqa: S608

# A page of the mailboxes with hashes of some costs.
_PAGE = f"""
    SELECT m.address, {_COSTS} AS costs, coalesce(m.password_set_at, m.created_at) AS set_at, least(
        m.password_change_by,
        CASE WHEN coalesce(m.password_set_at, m.created_at) < d.passwords_required_at THEN d.password_change_by END
    ) AS change_by
    FROM mailbox.mailbox AS m JOIN mailbox.domain AS d ON d.account = m.account AND d.domain = m.domain
    WHERE m.account = $1 AND m.state <> 'deleted' AND m.address > $2 AND {_COSTS} = ANY($3::text[])
    ORDER BY m.address LIMIT $4"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Hashed:
    """A mailbox, and what its hash costs."""

    address: str
    costs: str
    set_at: datetime
    change_by: datetime | None


async def counted(conn: Conn, account: str) -> dict[str, int]:
    """Return how many mailboxes have hashes of which costs."""
    return {row["costs"]: row["mailboxes"] for row in await conn.fetch(_COUNT, account)}


async def having(conn: Conn, account: str, costs: list[str], after: str, limit: int) -> list[Hashed]:
    """Return mailboxes with hashes of some costs, in the order of their addresses."""
    return [Hashed(*row) for row in await conn.fetch(_PAGE, account, after, costs, limit)]
