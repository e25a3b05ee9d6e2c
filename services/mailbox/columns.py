"""How rows cross to the database and back: an array per column, lists of texts as lines.

unnest would flatten an array of arrays, and no address, sender or feature holds a line break.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from services.chassis.book import Conn


async def execute(conn: Conn, sql: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Run a statement that takes one array per column, if there are rows."""
    if rows:
        await conn.execute(sql, *zip(*rows, strict=True))


def lines(values: Iterable[str] | None) -> str | None:
    """Return texts as they cross."""
    return None if values is None else "\n".join(values)


def texts(values: Sequence[Any] | None) -> tuple[Any, ...] | None:
    """Return a list as it comes back."""
    return None if values is None else tuple(values)
