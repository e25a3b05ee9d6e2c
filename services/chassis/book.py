"""The aggregates that a batch touches: loaded once, decided on in memory, written once.

Handlers see what earlier messages of the same batch have changed. What a handler changes counts only when it returns:
a message whose decision raises leaves nothing behind.
"""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from asyncpg import Connection
from asyncpg.pool import PoolConnectionProxy

Conn = Connection | PoolConnectionProxy
K = TypeVar("K")
R = TypeVar("R")
K_contra = TypeVar("K_contra", contravariant=True)


@dataclass(frozen=True, slots=True)
class Change(Generic[K, R]):
    """A row before and after the batch; None where there is none."""

    key: K
    before: R | None
    after: R | None


class Table(Protocol[K, R]):
    """One kind of aggregate in a service's store. Both methods are set-wise: one statement for a whole batch."""

    name: str

    async def load(self, conn: Conn, keys: list[K]) -> dict[K, R]:
        """Return the rows there are, locked in the order of their keys."""
        ...

    async def save(self, conn: Conn, changes: list[Change[K, R]]) -> None:
        """Write the changed rows."""
        ...


Wanted = tuple[Table[Any, Any], Any]


class Book:
    """Rows by table and key, with the changes of the message in hand kept apart until it is decided."""

    def __init__(self) -> None:
        self._before: dict[str, dict[Any, Any]] = {}
        self._now: dict[str, dict[Any, Any]] = {}
        self._staged: dict[tuple[str, Any], Any] = {}

    async def load(self, conn: Conn, tables: Iterable[Table[Any, Any]], wanted: Iterable[Wanted]) -> None:
        """Load what the batch's messages name, table by table in the order given, so that owners never deadlock."""
        keys: dict[str, set[Any]] = {}
        for table, key in wanted:
            keys.setdefault(table.name, set()).add(key)
        for table in tables:
            if table.name in keys:
                rows = await table.load(conn, sorted(keys[table.name]))
                self._before[table.name] = {key: rows.get(key) for key in keys[table.name]}
                self._now[table.name] = dict(self._before[table.name])

    def get(self, table: Table[K, R], key: K) -> R | None:
        """Return a row as it stands now. Raises KeyError for a key that the handler did not ask for."""
        staged = self._staged.get((table.name, key), _NOTHING)
        return self._now[table.name][key] if staged is _NOTHING else staged

    def put(self, table: Table[K, R], key: K, row: R) -> None:
        """Change or add a row."""
        self._require(table.name, key)
        self._staged[table.name, key] = row

    def delete(self, table: Table[K, Any], key: K) -> None:
        """Remove a row."""
        self._require(table.name, key)
        self._staged[table.name, key] = None

    def keep(self, only: Container[str] | None = None) -> None:
        """Let the staged changes count; of a dry run's those of some tables only."""
        for (name, key), row in self._staged.items():
            if only is None or name in only:
                self._now[name][key] = row
        self._staged.clear()

    def drop(self) -> None:
        """Forget the staged changes."""
        self._staged.clear()

    async def save(self, conn: Conn, tables: Iterable[Table[Any, Any]]) -> None:
        """Write every row that differs from what was loaded."""
        for table in tables:
            before = self._before.get(table.name)
            if before is not None:
                now = self._now[table.name]
                changes = [Change(key, row, now[key]) for key, row in before.items() if now[key] is not row]
                if changes:
                    await table.save(conn, changes)

    def changed(self) -> Mapping[str, int]:
        """Return how many rows each table would write, for tests and logs."""
        return {
            name: sum(self._now[name][key] is not row for key, row in rows.items())
            for name, rows in self._before.items()
        }

    def _require(self, name: str, key: object) -> None:
        if key not in self._now.get(name, {}):
            raise KeyError(f"the handler changes {name} {key!r} but did not ask for it in its keys")


_NOTHING = object()
