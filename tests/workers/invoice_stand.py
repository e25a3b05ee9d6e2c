"""Accounts with a past, and runs over them: what the tests of invoices stand on.

Loaded by conftest.py under the name invoice_stand; the test modules import it from there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from contracts.billing_v1 import ContractTerms, OpenAccount
from contracts.invoicing_v1 import HOUSE, Invoice, RunInvoices
from services.billing import capacity, ledger, pricing, rules
from services.billing.capacity import NOTHING, Moved, News, Room
from services.billing.charging.months import midnight
from services.billing.ledger import Because, Page, Standing
from services.billing.store import ACCOUNTS, HOLDINGS, ROOMS
from services.billing.store_ledger import LEDGER
from services.chassis.book import Change

SELLER = {
    "POSTKONTOR_SELLER_NAME": "Postkontor Beispiel GmbH",
    "POSTKONTOR_SELLER_STREET": "Kai 1",
    "POSTKONTOR_SELLER_POSTCODE": "20457",
    "POSTKONTOR_SELLER_CITY": "Hamburg",
    "POSTKONTOR_SELLER_VAT_ID": "DE136695976",
    "POSTKONTOR_SELLER_TAX_NUMBER": "22/815/0815",
    "POSTKONTOR_SELLER_IBAN": "DE02120300000000202051",
    "POSTKONTOR_INVOICE_CHUNK": "3",
}
OPENED = datetime(2026, 1, 15, 12, tzinfo=UTC)
CREATED, CHANGED, DELETED = (f"mailbox.{name}.v1" for name in ("mailbox-created", "plan-changed", "mailbox-deleted"))
PRICES = pricing.load().versions[0]
numbers = count(1)


@dataclass(frozen=True)
class Told:
    """News of a mailbox: since when it is on a plan, or that it is gone."""

    address: str
    at: datetime
    plan: str | None = "mail"

    @property
    def type(self) -> str:
        return DELETED if self.plan is None else CREATED


def noon(day: str) -> datetime:
    """Return noon of a day, in Berlin."""
    return midnight(datetime.fromisoformat(day).date()) + timedelta(hours=12)


async def customer(
    connection: Any, name: str, told: Sequence[Told] = (), *, package: str = "silver",
    terms: ContractTerms | None = None, opened: datetime = OPENED, **master: Any,
) -> None:  # fmt: skip
    """Write an account down as the worker would have written it in the past."""
    where = {"street": "Hafenstraße 7", "postcode": "24103", "city": "Kiel", "country": "DE"} | master
    order = OpenAccount(package=package, terms=terms, company=f"{name} GmbH", email="post@example.de", **where)
    found = rules.open_account(None, name, order, PRICES, opened)
    assert isinstance(found, tuple), found
    account, room = found
    because = Because(uuid4(), uuid4(), "billing.open-account.v1")
    page = Page(standing=Standing(account, ledger.caps_of(room), opened, because))
    await ACCOUNTS.save(connection, [Change(name, None, account)])
    await ROOMS.save(connection, [Change(name, None, room)])
    await LEDGER.save(connection, [Change(ledger.page_of(name, because.message_id), None, page)])
    await tell(connection, name, *told)


async def tell(connection: Any, name: str, *told: Told) -> list[UUID]:
    """Book news of mailboxes; return the ids of the messages."""
    messages: list[UUID] = []
    for news in told:
        holder, message_id = f"mailbox/{news.address}", uuid4()
        room = (await ROOMS.load(connection, [name]))[name]
        before = (await HOLDINGS.load(connection, [(name, holder)])).get((name, holder), NOTHING)
        price = PRICES.plans[news.plan].price_cents if news.plan else None
        state = News(
            1 if news.plan else 0, before.revision + 1, news.at, before.since or news.at, news.plan, price,
            PRICES.version if news.plan else None,
        )  # fmt: skip
        moved = Moved(holder, before, capacity.settled(before, uuid4(), state))
        after = capacity.move(room, [moved])
        assert isinstance(after, Room), after
        page = ledger.entered(None, after.revision, [moved], Because(message_id, uuid4(), news.type))
        await ROOMS.save(connection, [Change(name, room, after)])
        await HOLDINGS.save(connection, [Change((name, holder), before, moved.after)])
        await LEDGER.save(connection, [Change(ledger.page_of(name, message_id), None, page)])
        messages.append(message_id)
    return messages


async def reopened(connection: Any, name: str, at: datetime, **changes: Any) -> None:
    """Write a later state of the account down, such as another package."""
    account, room = (await ACCOUNTS.load(connection, [name]))[name], (await ROOMS.load(connection, [name]))[name]
    after = capacity.touched(room)
    changed = replace(account, revision=after.revision, **changes)
    because = Because(uuid4(), uuid4(), "billing.change-package.v1")
    page = Page(standing=Standing(changed, ledger.caps_of(after), at, because))
    await ACCOUNTS.save(connection, [Change(name, account, changed)])
    await ROOMS.save(connection, [Change(name, room, after)])
    await LEDGER.save(connection, [Change(ledger.page_of(name, because.message_id), None, page)])


async def run(bus: Any, period: str) -> Any:
    """Run a month and wait for its end."""
    outcome = await bus.request(HOUSE, RunInvoices(period=period))
    return outcome.data


async def documents(bus: Any) -> list[Invoice]:
    """Return everything that was issued, in the order of the numbers."""
    rows = await bus.fetch("SELECT content FROM billing.invoice ORDER BY series, year, sequence")
    return [Invoice.model_validate_json(row["content"]) for row in rows]


async def invoice_of(bus: Any, account: str, period: str) -> Invoice:
    """Return an account's invoice for a month."""
    (found,) = [each for each in await documents(bus) if (each.account, each.period) == (account, period)]
    return found


async def arranged(url: str) -> Any:
    """Return a connection to arrange with."""
    return await asyncpg.connect(url)
