"""SQL of rendered invoices: what waits for its files, and the files."""

from datetime import timedelta
from hashlib import sha256
from typing import NamedTuple

from services.billing.store import columns
from services.chassis.book import Conn

# A turn at the next ones, as long as a lease; whoever comes meanwhile finds others or none.
_TAKE = """
    UPDATE billing.rendering AS r SET due_at = now() + $2::interval, attempts = r.attempts + 1
    FROM billing.invoice AS i
    WHERE i.number = r.number AND r.number = ANY(ARRAY(
        SELECT d.number FROM billing.rendering AS d WHERE d.due_at <= now()
        ORDER BY d.due_at LIMIT $1 FOR UPDATE SKIP LOCKED))
    RETURNING r.number, r.attempts, i.content"""

# The files, once; and the queue is shorter by one invoice.
_KEEP = """
    WITH kept AS (
        INSERT INTO billing.invoice_file (number, format, content, sha256)
        SELECT $1, f.format, f.content, f.sha256
        FROM unnest($2::text[], $3::bytea[], $4::bytea[]) AS f (format, content, sha256)
        ON CONFLICT (number, format) DO NOTHING)
    DELETE FROM billing.rendering WHERE number = $1"""

_PUT_OFF = "UPDATE billing.rendering SET due_at = now() + $2::interval, problem = $3 WHERE number = $1"

# All about a file in one look; a piece of its content.
_READ = """
    SELECT f.sha256, length(f.content) AS size, substring(f.content FROM $4 + 1 FOR $5) AS piece, r.problem
    FROM billing.invoice AS i
    LEFT JOIN billing.invoice_file AS f ON f.number = i.number AND f.format = $3
    LEFT JOIN billing.rendering AS r ON r.number = i.number
    WHERE i.account_id = $1 AND i.number = $2"""


class Taken(NamedTuple):
    """An invoice to render, the how-many-eth time it is tried, and its frozen text."""

    number: str
    attempt: int
    content: str


class Piece(NamedTuple):
    """A piece of a file, or what is known while there is none."""

    sha256: bytes | None
    size: int
    content: bytes
    problem: str | None


async def take(conn: Conn, limit: int, lease: timedelta) -> list[Taken]:
    """Take some invoices to render. They come again after the lease, unless their files are kept by then."""
    return [Taken(row["number"], row["attempts"], row["content"]) for row in await conn.fetch(_TAKE, limit, lease)]


async def keep(conn: Conn, number: str, files: dict[str, bytes]) -> None:
    """Keep an invoice's files, by format. What somebody else kept first stays."""
    values = [(format_, content, sha256(content).digest()) for format_, content in files.items()]
    await conn.execute(_KEEP, number, *columns(values))


async def put_off(conn: Conn, number: str, wait: timedelta, problem: str) -> None:
    """Try an invoice again later, and say what went wrong."""
    await conn.execute(_PUT_OFF, number, wait, problem)


async def read(conn: Conn, account_id: str, number: str, format_: str, offset: int, limit: int) -> Piece | None:
    """Return a piece of an invoice's file; None when the account has no such invoice."""
    rows = await conn.fetch(_READ, account_id, number, format_, offset, limit)
    if not rows:
        return None
    return Piece(rows[0]["sha256"], rows[0]["size"] or 0, rows[0]["piece"] or b"", rows[0]["problem"])
