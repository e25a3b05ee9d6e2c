"""SQL that answers questions. Nothing is locked; an answer may be older than the newest event by a moment."""

from collections.abc import Sequence
from datetime import datetime

from contracts.forwarding_v1 import CatchAllView
from services.chassis.book import Conn
from services.mailbox.rows import Domain, ForwardOnly, Group, Mailbox
from services.mailbox.screening import Question
from services.mailbox.store import MAILBOX_COLUMNS, mailbox_from
from services.mailbox.store_domains import DOMAIN_COLUMNS, domain_from
from services.mailbox.store_forwarding import FORWARD_ONLY_COLUMNS, forward_only_from
from services.mailbox.store_groups import group_from

# Mailboxes of an account by their addresses, the deleted too.
_NAMED = f"SELECT {MAILBOX_COLUMNS} FROM mailbox.mailbox WHERE account = $1 AND address = ANY($2::text[])"  # noqa: S608

# A page of an account's mailboxes.
_PAGE = f"""
    SELECT {MAILBOX_COLUMNS} FROM mailbox.mailbox
    WHERE account = $1 AND state <> 'deleted' AND address > $2 ORDER BY address LIMIT $3"""  # noqa: S608

# A page of one domain's mailboxes.
_PAGE_OF_DOMAIN = f"""
    SELECT {MAILBOX_COLUMNS} FROM mailbox.mailbox
    WHERE account = $1 AND domain = $4 AND state <> 'deleted' AND address > $2 ORDER BY address LIMIT $3"""  # noqa: S608

# Domains of an account by their names.
_DOMAINS = f"SELECT {DOMAIN_COLUMNS} FROM mailbox.domain WHERE account = $1 AND domain = ANY($2::text[])"  # noqa: S608

# A page of an account's groups.
_GROUPS = """
    SELECT name, members, revision FROM mailbox.mail_group WHERE account = $1 AND name > $2 ORDER BY name LIMIT $3"""

# A page of an account's addresses that only forward.
_FORWARD_ONLY = f"""
    SELECT {FORWARD_ONLY_COLUMNS} FROM mailbox.forward_only
    WHERE account = $1 AND deleted_at IS NULL AND address > $2 ORDER BY address LIMIT $3"""  # noqa: S608

# A page of an account's catch-alls.
_CATCH_ALLS = """
    SELECT account, domain, mailbox, revision FROM mailbox.catch_all
    WHERE account = $1 AND domain > $2 ORDER BY domain LIMIT $3"""

# Addresses whose quarantine has ended, those first that have waited longest.
_FREE = "SELECT address FROM mailbox.quarantine WHERE free_at <= $1 ORDER BY free_at LIMIT $2"

# Which of some questions are about a sender that the recipient's holder blocks, by number from 1, as mail servers see
# it (schema mta). An address that is owned as it stands comes before what is left of it without its tag. The limits
# keep the planner from turning a few look-ups by key into a join of everything.
_BLOCKED = """
    SELECT q.number
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
        WITH ORDINALITY AS q (recipient, untagged, sender, sender_untagged, sender_domain, number)
    CROSS JOIN LATERAL (
        SELECT r.mailbox FROM mta.recipient AS r WHERE r.address IN (q.recipient, q.untagged)
        ORDER BY r.address = q.recipient DESC LIMIT 1
    ) AS r
    CROSS JOIN LATERAL (
        SELECT b.sender FROM mta.sender_block AS b
        WHERE b.mailbox = r.mailbox AND b.sender IN (q.sender, q.sender_untagged, q.sender_domain) LIMIT 1
    ) AS b"""


async def mailboxes_named(conn: Conn, account: str, addresses: Sequence[str]) -> dict[str, Mailbox]:
    """Return the account's mailboxes of these addresses."""
    return {row["address"]: mailbox_from(row) for row in await conn.fetch(_NAMED, account, addresses)}


async def mailboxes_after(conn: Conn, account: str, domain: str | None, after: str, limit: int) -> list[Mailbox]:
    """Return mailboxes in the order of their addresses."""
    if domain is None:
        rows = await conn.fetch(_PAGE, account, after, limit)
    else:
        rows = await conn.fetch(_PAGE_OF_DOMAIN, account, after, limit, domain)
    return [mailbox_from(row) for row in rows]


async def domains_named(conn: Conn, account: str, domains: Sequence[str]) -> dict[str, Domain]:
    """Return the account's domains of these names that anything was made or set under."""
    return {row["domain"]: domain_from(row) for row in await conn.fetch(_DOMAINS, account, domains)}


async def groups_after(conn: Conn, account: str, after: str, limit: int) -> list[Group]:
    """Return groups in the order of their names."""
    return [group_from(row) for row in await conn.fetch(_GROUPS, account, after, limit)]


async def forward_only_after(conn: Conn, account: str, after: str, limit: int) -> list[ForwardOnly]:
    """Return addresses that only forward, in their order."""
    return [forward_only_from(row) for row in await conn.fetch(_FORWARD_ONLY, account, after, limit)]


async def catch_alls_after(conn: Conn, account: str, after: str, limit: int) -> list[CatchAllView]:
    """Return catch-alls in the order of their domains."""
    return [CatchAllView(**dict(row)) for row in await conn.fetch(_CATCH_ALLS, account, after, limit)]


async def free_addresses(conn: Conn, now: datetime, limit: int) -> list[str]:
    """Return addresses that need not be kept from others any more."""
    return [row["address"] for row in await conn.fetch(_FREE, now, limit)]


async def blocked(conn: Conn, questions: Sequence[Question]) -> set[int]:
    """Return the places of those questions whose recipient's holder blocks the sender."""
    columns = zip(*(question.columns for question in questions), strict=True)
    return {row["number"] - 1 for row in await conn.fetch(_BLOCKED, *columns)}
