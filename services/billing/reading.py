"""What the run looks at, outside any transaction: which accounts are next, and what each is charged.

The ledger only grows, and what was read up to a revision never changes; so the transaction that issues the invoices
needs none of these reads, and customers' requests go on meanwhile.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import structlog

from contracts.invoicing_v1 import MAX_FACTS
from contracts.refusals import Refusal, refuse
from services.billing import store_invoices, store_ledger
from services.billing.charging.charges import Charged, Item, charges
from services.billing.charging.invoice import Billed, corrected
from services.billing.charging.months import Month, day_of, month, month_of
from services.billing.charging.prices import NoPrice
from services.billing.charging.use import Use
from services.billing.pricing import PriceLists
from services.chassis.book import Conn
from services.chassis.topology import partition

log = structlog.get_logger()
LOOK_AHEAD = 1000  # ids read at a time to find those of one partition
MOVEMENTS_AT_ONCE = 500_000  # in one statement; about two seconds. A revision counts its account's movements


@dataclass(frozen=True, slots=True)
class Found:
    """An account, and what it is charged or why that cannot be said."""

    account_id: str
    billed: Billed | Refusal
    revision: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """The accounts to settle in one transaction. `after` is where the next chunk begins, None when none is left."""

    accounts: tuple[Found, ...]
    after: str | None


async def read_chunk(
    conn: Conn, this: Month, lists: PriceLists, *, part: int, parts: int, after: str, limit: int
) -> Chunk:
    """Read the next accounts of a partition, and what each is charged for a month."""
    ids, following = await _next_accounts(conn, this, part, parts, after, limit)
    if not ids:
        return Chunk((), following)
    revisions = await store_ledger.read_revisions(conn, ids)
    uses: dict[str, Use] = {}
    for some in _in_pieces(revisions):
        uses |= await store_ledger.read_uses(conn, some, this, MAX_FACTS)
    corrections = await _read_corrections(conn, revisions, this, lists)
    found = [
        Found(account_id, _billed(this, uses[account_id], corrections.get(account_id, {}), revision, lists), revision)
        for account_id, revision in revisions.items()
    ]
    return Chunk(tuple(found), following)


async def read_charges(
    conn: Conn, account_id: str, this: Month, lists: PriceLists, revision: int
) -> dict[Item, Charged]:
    """Return what one account is charged for a month, by its ledger up to a revision. Raises NoPrice."""
    uses = await store_ledger.read_uses(conn, {account_id: revision}, this, MAX_FACTS)
    return charges(uses[account_id], this, lists)


def _in_pieces(revisions: dict[str, int]) -> Iterator[dict[str, int]]:
    """Divide accounts so that no statement reads for long; a large one stands alone."""
    piece: dict[str, int] = {}
    for account_id, revision in revisions.items():
        if piece and sum(piece.values()) + revision > MOVEMENTS_AT_ONCE:
            yield piece
            piece = {}
        piece[account_id] = revision
    yield piece


async def _next_accounts(
    conn: Conn, this: Month, part: int, parts: int, after: str, limit: int
) -> tuple[list[str], str | None]:
    ids: list[str] = []
    while True:
        page = await store_invoices.read_accounts(conn, after, this.ends_at, str(this), LOOK_AHEAD)
        for account_id in page:
            after = account_id
            if partition(account_id, parts) == part:
                ids.append(account_id)
            if len(ids) == limit:
                return ids, after
        if len(page) < LOOK_AHEAD:
            return ids, None


def _billed(
    this: Month, use: Use, corrections: "dict[Month, dict[Item, Charged]] | Refusal", revision: int, lists: PriceLists
) -> Billed | Refusal:
    if isinstance(corrections, Refusal):
        return corrections
    try:
        return Billed(this, charges(use, this, lists), corrections, revision)
    except NoPrice as missing:
        return refuse("price_list_unknown", catalogue=missing.catalogue, sku=missing.sku)
    except Exception:
        log.exception("an account's charges cannot be computed", revision=revision)
        return refuse("internal_error")


async def _read_corrections(
    conn: Conn, revisions: dict[str, int], this: Month, lists: PriceLists
) -> "dict[str, dict[Month, dict[Item, Charged]] | Refusal]":
    """Return what months invoiced before have changed by since: news that came late (R-I2)."""
    settled = await store_invoices.read_settled(conn, list(revisions))
    newest = {
        account_id: _included(months, max(period for period in months if period < str(this)))
        for account_id, months in settled.items()
        if min(months) < str(this)
    }
    late = await store_ledger.read_late(conn, newest, revisions, this.starts_at)
    found: dict[str, dict[Month, dict[Item, Charged]] | Refusal] = {}
    for account_id, seen_at in late.items():
        first = str(month_of(day_of(seen_at)))
        months = [period for period in settled[account_id] if first <= period < str(this)]
        try:
            found[account_id] = {
                month(period): difference
                for period in sorted(months)
                if (difference := await _difference(conn, account_id, period, settled, revisions, lists))
            }
        except NoPrice as missing:
            found[account_id] = refuse("price_list_unknown", catalogue=missing.catalogue, sku=missing.sku)
    return found


async def _difference(
    conn: Conn, account_id: str, period: str, settled: dict[str, dict[str, int]], revisions: dict[str, int],
    lists: PriceLists,
) -> dict[Item, Charged]:  # fmt: skip
    that, included = month(period), _included(settled[account_id], period)
    before = await read_charges(conn, account_id, that, lists, included)
    return corrected(before, await read_charges(conn, account_id, that, lists, revisions[account_id]))


def _included(settled: dict[str, int], period: str) -> int:
    """Return up to which revision a month is settled: invoices of later months corrected it already."""
    return max(revision for other, revision in settled.items() if other >= period)
