"""What a line of an invoice rests on, found in the ledger again: it only grows, so the answer is always the same."""

from uuid import UUID

from contracts.invoicing_v1 import MAX_FACTS, Invoice, InvoiceLine
from services.billing import store_ledger
from services.billing.charging.charges import PACKAGE, Item, charges
from services.billing.charging.months import ONE_DAY, Month, month
from services.billing.charging.use import Use
from services.billing.pricing import PriceLists
from services.billing.store_ledger import Behind
from services.chassis.book import Conn

MAILBOXES_AT_ONCE = 500
LOOKED_AT_MOST = 20_000  # mailboxes for one answer; the next page goes on


async def behind(
    conn: Conn, invoice: Invoice, line: InvoiceLine, lists: PriceLists, after: str, limit: int
) -> tuple[list[Behind], str | None]:
    """Return the messages that a line rests on, mailbox by mailbox, and where the next page begins.

    A page ends with a whole mailbox, so it may be a little longer than `limit`.
    """
    this = month(line.corrects or invoice.period)
    if line.sku.startswith(f"{PACKAGE}."):
        return await _behind_package(conn, invoice, line, this, lists), None
    found: list[Behind] = []
    for _ in range(LOOKED_AT_MOST // MAILBOXES_AT_ONCE):
        use, page = await store_ledger.read_singly(
            conn, invoice.account, invoice.ledger_revision, this, after, MAILBOXES_AT_ONCE
        )
        messages: list[UUID] = []
        holders: list[str] = []
        for single in page:
            after = single.holder
            items = charges(Use(use.terms, (single.mailboxes,)), this, lists)
            if any(_is_on(item, line, this) for item in items):
                holders.append(single.holder)
                messages += single.messages
            if len(found) + len(messages) >= limit:
                break
        found += await store_ledger.read_behind(conn, invoice.account, holders, messages)
        if len(found) >= limit:
            return found, after
        if len(page) < MAILBOXES_AT_ONCE:
            return found, None
    return found, after


async def _behind_package(
    conn: Conn, invoice: Invoice, line: InvoiceLine, this: Month, lists: PriceLists
) -> list[Behind]:
    revisions = {invoice.account: invoice.ledger_revision}
    use = (await store_ledger.read_uses(conn, revisions, this, MAX_FACTS))[invoice.account]
    found = charges(Use(use.terms), this, lists)
    messages = [fact for item, charged in found.items() if _is_on(item, line, this) for fact in charged.facts]
    return await store_ledger.read_behind_package(conn, invoice.account, messages)


def _is_on(item: Item, line: InvoiceLine, this: Month) -> bool:
    """Say whether an item stands on a line: one line for its very days, or one that joins all but whole months."""
    if (item.sku, item.price.cents, item.price.line) != (line.sku, line.month_price_cents, line.catalogue_line):
        return False
    if line.spans == 1:
        return (item.start, item.end - ONE_DAY) == (line.service_from, line.service_to)
    return (item.start, item.end) != (this.first, this.end)
