"""Numbered SQL files, applied once and in order, under a lock, with checksums. One transaction per file.

`NNNN_pre_name.sql` is safe beside the previous release and runs before the code; `NNNN_post_name.sql` runs after.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

SERVICES_DIRECTORY = Path(__file__).resolve().parents[1]
LOCK = 0x706B  # one runner at a time in a database; the number means nothing else


@dataclass(frozen=True)
class Migration:
    """One file."""

    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """Return what tells whether a file was changed after it was applied."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


class ChangedMigration(Exception):
    """A file that is applied already has other content now."""


def migrations_of(service: str) -> list[Migration]:
    """Return the chassis' files for the service's schema, then the service's own, each by number."""
    found: list[Migration] = []
    for owner in ("chassis", service):
        paths = sorted((SERVICES_DIRECTORY / owner / "migrations").glob("[0-9]*.sql"))
        found += [Migration(f"{owner}/{path.stem}", path.read_text().replace("{schema}", service)) for path in paths]
    return found


async def migrate(connection: "asyncpg.Connection[Any]", service: str) -> list[str]:
    """Bring the service's schema up to date; return the names of the files applied now."""
    await connection.execute("SELECT pg_advisory_lock($1)", LOCK)
    try:
        if await connection.fetchval("SELECT to_regnamespace($1) IS NULL", service):
            await connection.execute(f"CREATE SCHEMA {service}")  # else made by who may, for us to fill
        await connection.execute(
            f"CREATE TABLE IF NOT EXISTS {service}.migration ("
            " name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        applied = await applied_migrations(connection, service)
        return [m.name for m in migrations_of(service) if await _apply(connection, service, m, applied)]
    finally:
        await connection.execute("SELECT pg_advisory_unlock($1)", LOCK)


async def applied_migrations(connection: Any, service: str) -> dict[str, str]:
    """Return the checksums of the applied files, by name."""
    rows = await connection.fetch(f"SELECT name, checksum FROM {service}.migration")  # noqa: S608 - a fixed name
    return {row["name"]: row["checksum"] for row in rows}


async def missing(connection: Any, service: str) -> list[str]:
    """Return the files that this code needs and the database lacks."""
    exists = await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", f"{service}.migration")
    applied = await applied_migrations(connection, service) if exists else {}
    return [m.name for m in migrations_of(service) if m.name not in applied]


async def latest(connection: Any, service: str) -> str:
    """Return the file that was applied last."""
    sql = f'SELECT name FROM "{service}".migration ORDER BY applied_at DESC, name DESC LIMIT 1'  # noqa: S608 - a name of ours
    return await connection.fetchval(sql) or "none"


async def _apply(
    connection: "asyncpg.Connection[Any]", service: str, migration: Migration, applied: dict[str, str]
) -> bool:
    if migration.name in applied:
        if applied[migration.name] != migration.checksum:
            raise ChangedMigration(f"{migration.name} was changed after it was applied; add a new file instead")
        return False
    async with connection.transaction():
        await connection.execute("SET LOCAL lock_timeout = '5s'")
        await connection.execute(migration.sql)
        await connection.execute(
            f"INSERT INTO {service}.migration (name, checksum) VALUES ($1, $2)",  # noqa: S608 - a fixed name
            migration.name,
            migration.checksum,
        )
    return True
