"""SQL of the schema `dnscheck`, set-wise."""

from collections.abc import Iterable
from typing import Any

from pydantic import TypeAdapter

from contracts.dnscheck_v1 import Attempt, MailAdvice, MxAttempt
from services.chassis.book import Change, Conn
from services.dnscheck.observation import ZoneSeen
from services.dnscheck.rules import Waiting, Watch

WatchKey = tuple[str, str]  # domain id, facet
Holder = tuple[str, str]  # account, domain

_WAITING = TypeAdapter(tuple[Waiting, ...])
_ZONE = TypeAdapter(ZoneSeen)
_RECENT: dict[str, TypeAdapter[Any]] = {
    "txt": TypeAdapter(tuple[Attempt, ...]),
    "mx": TypeAdapter(tuple[MxAttempt, ...]),
    "advice": TypeAdapter(tuple[MailAdvice, ...]),
}

# The watches of a batch, locked in the order of their keys, each with its latest attempt: rules need no other.
_LOAD_WATCHES = """
    SELECT w.domain_id, w.facet, w.account, w.domain, w.record_name, w.record_value, w.old_values, w.started_at,
        w.next_due_at, w.looks, w.course, w.streak, w.proven_at, w.deep_at, w.waiting::text AS waiting,
        jsonb_path_query_array(w.recent, '$[0]')::text AS recent, w.revision, w.asked_at, w.zone::text AS zone, w.stirs,
        w.silences, w.haste, w.code, w.asked_looks
    FROM dnscheck.watch AS w
    JOIN unnest($1::uuid[], $2::text[]) AS k (domain_id, facet) ON w.domain_id = k.domain_id AND w.facet = k.facet
    ORDER BY w.domain_id, w.facet FOR UPDATE OF w"""

# Watches begun, looked at, or resumed. New attempts go before those that are there, MAX_RECENT are kept.
_SAVE_WATCHES = """
    INSERT INTO dnscheck.watch AS w
        (domain_id, facet, account, domain, record_name, record_value, old_values, started_at, next_due_at, looks,
         course, streak, proven_at, deep_at, waiting, recent, revision, asked_at, zone, stirs,
         silences, haste, code, asked_looks)
    SELECT r.domain_id, r.facet, r.account, r.domain, r.record_name, r.record_value,
        string_to_array(r.old_values, ','), r.started_at, r.next_due_at, r.looks, r.course, r.streak, r.proven_at,
        r.deep_at, r.waiting::jsonb, r.recent::jsonb, r.revision, r.asked_at, r.zone::jsonb, r.stirs,
        r.silences, r.haste, r.code, r.asked_looks
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
        $8::timestamptz[], $9::timestamptz[], $10::integer[], $11::text[], $12::integer[], $13::timestamptz[],
        $14::timestamptz[], $15::text[], $16::text[], $17::bigint[], $18::timestamptz[], $19::text[], $20::integer[],
        $21::integer[], $22::integer[], $23::text[], $24::integer[])
        AS r (domain_id, facet, account, domain, record_name, record_value, old_values, started_at, next_due_at,
        looks, course, streak, proven_at, deep_at, waiting, recent, revision, asked_at, zone, stirs, silences, haste,
        code, asked_looks)
    ON CONFLICT (domain_id, facet) DO UPDATE SET
        record_name = excluded.record_name, record_value = excluded.record_value, old_values = excluded.old_values,
        started_at = excluded.started_at, next_due_at = excluded.next_due_at, looks = excluded.looks,
        course = excluded.course, streak = excluded.streak, proven_at = excluded.proven_at,
        deep_at = excluded.deep_at, waiting = excluded.waiting, revision = excluded.revision,
        recent = jsonb_path_query_array(excluded.recent || w.recent,
            CASE w.facet WHEN 'advice' THEN '$[0]' ELSE '$[0 to 9]' END::jsonpath),
        asked_at = excluded.asked_at, zone = excluded.zone, stirs = excluded.stirs, silences = excluded.silences,
        haste = excluded.haste, code = excluded.code, asked_looks = excluded.asked_looks"""

# Watches that ended.
_DELETE_WATCHES = """
    DELETE FROM dnscheck.watch AS w USING unnest($1::uuid[], $2::text[]) AS k (domain_id, facet)
    WHERE w.domain_id = k.domain_id AND w.facet = k.facet"""

# Whose records these values are.
_LOAD_HOLDERS = """
    SELECT DISTINCT w.record_value, w.account, w.domain FROM dnscheck.watch AS w
    WHERE w.facet = 'txt' AND w.record_value = ANY ($1::text[])
    ORDER BY w.record_value, w.account, w.domain"""

# The latest looks at an account's domain; a domain claimed anew may have an older watch beside.
_READ_RECENT = """
    SELECT DISTINCT ON (facet) facet, recent::text AS recent FROM dnscheck.watch
    WHERE account = $1 AND domain = $2 ORDER BY facet, started_at DESC"""


class Watches:
    """Facets under watch, by domain id and facet."""

    name = "dnscheck.watch"

    async def load(self, conn: Conn, keys: list[WatchKey]) -> dict[WatchKey, Watch]:
        """Return the watches there are."""
        rows = await conn.fetch(_LOAD_WATCHES, *_columns(keys))
        return {(str(row["domain_id"]), row["facet"]): _watch(row) for row in rows}

    async def save(self, conn: Conn, changes: list[Change[WatchKey, Watch]]) -> None:
        """Write the watches that changed and drop those that ended."""
        ended = [change.key for change in changes if change.after is None]
        if ended:
            await conn.execute(_DELETE_WATCHES, *_columns(ended))
        watches = [_values(change.after, change.before) for change in changes if change.after is not None]
        if watches:
            await conn.execute(_SAVE_WATCHES, *_columns(watches))


WATCHES = Watches()


class Holders:
    """Accounts and domains by the value of the record to publish. Only read: the rows are the watches'."""

    name = "dnscheck.holder"

    async def load(self, conn: Conn, keys: list[str]) -> dict[str, tuple[Holder, ...]]:
        """Return whose these values are, as far as they are somebody's. Nothing is locked."""
        found: dict[str, tuple[Holder, ...]] = {}
        for row in await conn.fetch(_LOAD_HOLDERS, keys):
            value = row["record_value"]
            found[value] = (*found.get(value, ()), (row["account"], row["domain"]))
        return found

    async def save(self, conn: Conn, changes: list[Change[str, tuple[Holder, ...]]]) -> None:
        """Refuse: who holds a value changes with its watch alone."""
        raise TypeError("holders are read from the watches")


HOLDERS = Holders()


async def read_recent(conn: Conn, account: str, domain: str) -> dict[str, tuple[Any, ...]]:
    """Return the latest looks at a domain of the account by facet, newest first."""
    rows = await conn.fetch(_READ_RECENT, account, domain)
    return {row["facet"]: _RECENT[row["facet"]].validate_json(row["recent"]) for row in rows}


def _watch(row: Any) -> Watch:
    return Watch(
        domain_id=str(row["domain_id"]),
        facet=row["facet"],
        account=row["account"],
        domain=row["domain"],
        record_name=row["record_name"],
        record_value=row["record_value"],
        old_values=tuple(row["old_values"]),
        started_at=row["started_at"],
        next_due_at=row["next_due_at"],
        looks=row["looks"],
        course=row["course"],
        streak=row["streak"],
        proven_at=row["proven_at"],
        deep_at=row["deep_at"],
        waiting=_WAITING.validate_json(row["waiting"]),
        recent=_RECENT[row["facet"]].validate_json(row["recent"]),
        revision=row["revision"],
        asked_at=row["asked_at"],
        zone=_ZONE.validate_json(row["zone"]),
        stirs=row["stirs"],
        silences=row["silences"],
        haste=row["haste"],
        code=row["code"],
        asked_looks=row["asked_looks"],
    )


def _values(watch: Watch, before: Watch | None) -> tuple[Any, ...]:
    known = before.recent if before else ()
    added = tuple(attempt for attempt in watch.recent if not any(attempt is old for old in known))
    return (
        watch.domain_id, watch.facet, watch.account, watch.domain, watch.record_name, watch.record_value,
        ",".join(watch.old_values), watch.started_at, watch.next_due_at, watch.looks, watch.course, watch.streak,
        watch.proven_at, watch.deep_at, _WAITING.dump_json(watch.waiting).decode(),
        _RECENT[watch.facet].dump_json(added).decode(), watch.revision,
        watch.asked_at, _ZONE.dump_json(watch.zone).decode(), watch.stirs, watch.silences, watch.haste, watch.code,
        watch.asked_looks,
    )  # fmt: skip


def _columns(rows: Iterable[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
