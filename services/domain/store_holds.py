"""SQL of parked requests and their lines, set-wise.

All that parks, lets go or ends requests of an account comes through the account's own lane, so its lines have one
writer and are counted, not locked.
"""

import json
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from contracts.messages import REGISTRY
from services.chassis.book import Change, Conn
from services.chassis.fates import Origin
from services.domain.holds import Hold, Lines, Placed

# Parked requests with what they ask for, locked in one order.
_LOAD = """
    SELECT request_id, account, place, type, address, domains, channel, traceparent, parked_at, deadline,
        quote_id, request::text AS request
    FROM domain.hold WHERE request_id = ANY($1) ORDER BY request_id FOR UPDATE"""

# Requests that wait from now on, with their places in all their lines.
_PARK = """
    WITH parked AS (
        INSERT INTO domain.hold
            (request_id, account, place, type, address, domains, channel, traceparent, parked_at, deadline, request,
            quote_id)
        SELECT r.request_id, r.account, r.place, r.type, r.address,
            ARRAY(SELECT jsonb_array_elements_text(r.domains::jsonb)), r.channel, r.traceparent, r.parked_at,
            r.deadline, r.request::jsonb, r.quote_id
        FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
            $9::timestamptz[], $10::timestamptz[], $11::text[], $12::uuid[])
            AS r (request_id, account, place, type, address, domains, channel, traceparent, parked_at, deadline,
                request, quote_id)
        RETURNING request_id, account, place, domains
    )
    INSERT INTO domain.hold_place (account, domain, place, request_id)
    SELECT p.account, d.domain, p.place, p.request_id FROM parked AS p CROSS JOIN unnest(p.domains) AS d (domain)"""

# Requests that have ended or go on; nothing of their secrets stays.
_LET_GO = """
    WITH gone AS (DELETE FROM domain.hold_place WHERE request_id = ANY($1))
    DELETE FROM domain.hold WHERE request_id = ANY($1)"""

# How many requests of some accounts are parked, and how long their lines are.
_COUNT_ALL = """
    SELECT account, count(*) AS parked, max(place) AS last_place FROM domain.hold WHERE account = ANY($1)
    GROUP BY account"""
_COUNT = """
    SELECT account, domain, count(*) AS waiting FROM domain.hold_place WHERE account = ANY($1)
    GROUP BY account, domain"""

# The first in a line, with some of those who stand before them in other lines.
_FIRST = """
    SELECT p.request_id, p.place, h.domains, ARRAY(
        SELECT DISTINCT other.request_id FROM domain.hold_place AS other
        WHERE other.account = p.account AND other.domain = ANY(h.domains) AND other.domain <> p.domain
            AND other.place < p.place LIMIT $5) AS behind
    FROM domain.hold_place AS p JOIN domain.hold AS h USING (request_id)
    WHERE p.account = $1 AND p.domain = $2 AND p.place > $3 ORDER BY p.place LIMIT $4"""

# A page of an account's parked requests, in all or of one line, without what they ask for.
_LIST = """
    SELECT request_id, account, place, type, address, domains, parked_at, deadline FROM domain.hold
    WHERE account = $1 AND place > $2 ORDER BY place LIMIT $3"""
_LIST_LINE = """
    SELECT h.request_id, h.account, h.place, h.type, h.address, h.domains, h.parked_at, h.deadline
    FROM domain.hold_place AS p JOIN domain.hold AS h USING (request_id)
    WHERE p.account = $1 AND p.domain = $4 AND p.place > $2 ORDER BY p.place LIMIT $3"""


class Holds:
    """Parked requests, by their ids."""

    name = "domain.hold"

    async def load(self, conn: Conn, keys: list[UUID]) -> dict[UUID, Hold]:
        """Return the requests that are parked."""
        return {row["request_id"]: _hold(row) for row in await conn.fetch(_LOAD, keys)}

    async def save(self, conn: Conn, changes: list[Change[UUID, Hold]]) -> None:
        """Write who is parked and delete who is not any more; a parked request never changes."""
        gone = [change.key for change in changes if change.before is not None and change.after is None]
        if gone:
            await conn.execute(_LET_GO, gone)
        parked = [change.after for change in changes if change.after is not None]
        if parked:
            await conn.execute(_PARK, *_columns(_values(hold) for hold in parked))


class AllLines:
    """The lines of accounts, counted anew for each batch: `Holds` writes the places that they consist of."""

    name = "domain.hold_place"

    async def load(self, conn: Conn, keys: list[str]) -> dict[str, Lines]:
        """Return the lines of accounts that have requests parked."""
        totals = await conn.fetch(_COUNT_ALL, keys)
        if not totals:
            return {}
        counts: dict[str, dict[str, int]] = {row["account"]: {} for row in totals}
        for row in await conn.fetch(_COUNT, list(counts)):
            counts[row["account"]][row["domain"]] = row["waiting"]
        return {row["account"]: Lines(*row, by_domain=counts[row["account"]]) for row in totals}

    async def save(self, conn: Conn, changes: list[Change[str, Lines]]) -> None:
        """Write nothing: the places are written with the requests."""


HOLDS = Holds()
LINES = AllLines()


async def read_line(conn: Conn, account: str, domain: str, after: int, most: int) -> list[Placed]:
    """Return the first in a line after a place, in order."""
    rows = await conn.fetch(_FIRST, account, domain, after, most, most + 1)
    return [Placed(row["request_id"], row["place"], tuple(row["domains"]), frozenset(row["behind"])) for row in rows]


async def read_page(conn: Conn, account: str, domain: str | None, after: int, limit: int) -> list[Any]:
    """Return a page of an account's parked requests as rows of their public columns, in order."""
    if domain is None:
        return await conn.fetch(_LIST, account, after, limit)
    return await conn.fetch(_LIST_LINE, account, after, limit, domain)


def _hold(row: Any) -> Hold:
    message = REGISTRY.find("cmd", row["type"])
    assert message is not None, "what was parked came as this type"
    request: Any = message.model.model_validate_json(row["request"])
    id_ = row["request_id"]
    origin = Origin(id_, id_, row["account"], row["type"], row["channel"], row["traceparent"], row["quote_id"])
    domains = tuple(row["domains"])
    return Hold(origin, row["place"], row["address"], domains, request, row["parked_at"], row["deadline"])


def _values(hold: Hold) -> tuple[Any, ...]:
    origin = hold.origin
    return (
        origin.request_id, origin.account, hold.place, origin.type, hold.address, json.dumps(hold.domains),
        origin.channel, origin.traceparent, hold.parked_at, hold.deadline, hold.request.model_dump_json(),
        origin.quote_id,
    )  # fmt: skip


def _columns(rows: Iterable[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
