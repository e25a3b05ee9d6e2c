"""SQL that finds what decided a price or a cap, in the ledger."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from services.billing.store_ledger import Behind
from services.chassis.book import Conn

LOOKED_AT_MOST = 500  # entries, newest first; what has not changed for longer is said to have begun there

# What the owner told of a thing, newest first.
_READ_BOOKINGS = """
    SELECT holder, message_id, request_id, cause, seen_at, confirmed, plan, price_cents, catalogue FROM billing.ledger
    WHERE account_id = $1 AND holder = $2 AND booked ORDER BY revision DESC LIMIT $3"""

# What an account was, newest first.
_READ_STANDINGS = """
    SELECT message_id, request_id, cause, at, package, package_price_cents, catalogue,
        plan_prices::text AS plan_prices, caps::text AS caps
    FROM billing.account_ledger WHERE account_id = $1 ORDER BY revision DESC LIMIT $2"""


class Booking(NamedTuple):
    """A thing as its owner told of it, and the price list of that."""

    behind: Behind
    catalogue: str | None


@dataclass(frozen=True, slots=True)
class Stood:
    """What an account was from a message on. A plan that is missing in `caps` has none."""

    behind: Behind
    catalogue: str
    plan_prices: Mapping[str, int]
    caps: Mapping[str, int | None]


async def read_bookings(conn: Conn, account_id: str, holder: str) -> list[Booking]:
    """Return what was told of a thing, newest first."""
    rows = await conn.fetch(_READ_BOOKINGS, account_id, holder, LOOKED_AT_MOST)
    return [
        Booking(
            Behind(r["holder"], r["message_id"], r["request_id"], r["cause"], r["seen_at"], r["confirmed"] > 0,
                r["plan"], r["price_cents"]),
            r["catalogue"],
        )
        for r in rows
    ]  # fmt: skip


async def read_standings(conn: Conn, account_id: str) -> list[Stood]:
    """Return what an account was, newest first."""
    rows = await conn.fetch(_READ_STANDINGS, account_id, LOOKED_AT_MOST)
    return [
        Stood(
            Behind("account", r["message_id"], r["request_id"], r["cause"], r["at"], True, r["package"],
                r["package_price_cents"]),
            r["catalogue"], json.loads(r["plan_prices"]), json.loads(r["caps"]),
        )
        for r in rows
    ]  # fmt: skip
