"""New price lists on the real worker: published once, told once to everybody they concern, and never changed."""

import asyncio
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio
from invoice_stand import Told, customer, noon

from contracts.billing_v1 import AskCatalogue, ContractTerms
from contracts.invoicing_v1 import HOUSE
from contracts.prices_v1 import PriceChangeAnnounced
from services.billing import pricing
from services.billing.app import publish, service
from services.billing.charging.months import Month, day_of, month_of
from services.billing.pricing import BadPriceList
from services.chassis.runtime import utc_now

FIRST = (pricing.SHIPPED / "2026-01-01.toml").read_text()
TODAY = day_of(utc_now())
LATER = month_of(TODAY + timedelta(days=42)).end  # the 1st of a month, far enough
NAMES = [f"kunde-{number:03}" for number in range(450)]
TERMS = ContractTerms(
    price_cents=9_900, mailboxes=None, alias_forwards=None, groups=None, plan_prices={"mail": 90, "office": 400}
)
COME_NOW = "UPDATE billing.timer SET due_at = now() WHERE kind = 'announce-prices'"


def new_list(existing_from: date | None, *, mail: int = 120, valid_from: date = TODAY) -> str:
    text = FIRST.replace("valid_from = 2026-01-01", f"valid_from = {valid_from}")
    text = text.replace("price_cents = 100\n", f"price_cents = {mail}\n").replace("2500\nmailboxes", "2900\nmailboxes")
    return text if existing_from is None else f"existing_from = {existing_from}\n{text}"


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("catalogue")
    (folder / "2026-01-01.toml").write_text(FIRST)
    return folder


@pytest_asyncio.fixture(scope="module")
async def before(bus, catalogue):
    """Accounts of all kinds, from before a list that changes their prices."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POSTKONTOR_CATALOGUE_DIRECTORY", str(catalogue))
        first = await bus.start(service)
        connection = await asyncpg.connect(bus.database_url)
        for name in NAMES:
            await customer(connection, name)
        mailboxes = [Told(f"m{n}@x.de", noon("2026-03-10"), plan) for n, plan in enumerate(("mail", "mail", "office"))]
        await customer(connection, "nordwind", mailboxes, package="gold")
        await customer(connection, "haendler", mailboxes, package="reseller", terms=TERMS)
        await customer(connection, "ruhig", package="platinum")
        await first.stop()
        bus.workers.remove(first)
        (catalogue / "new.toml").write_text(new_list(LATER))
        await connection.execute(COME_NOW)
        await bus.owns_all(await bus.start(service), lanes=5)
        yield connection
        await connection.close()


async def facts(bus, name: str) -> list:
    return [event for event in await bus.events() if event.type == f"billing.{name}.v1"]


async def test_everybody_concerned_is_told_once_and_the_list_is_published_once(bus, before):
    number = len(NAMES) + 1

    async def told():
        return await before.fetchval("SELECT count(*) = $1 FROM billing.price_announcement WHERE told", number + 2)

    async def looked():  # at those whom nothing concerns too
        return await before.fetchval("SELECT count(*) = 2 FROM billing.price_announcement WHERE NOT told")

    await bus.eventually(told, what="telling everybody")
    await bus.eventually(looked, what="looking at everybody")
    # Everything comes again: nobody is told twice.
    await before.execute("UPDATE billing.price_announcement SET looked_at = now() - interval '2 days' WHERE NOT told")
    await before.execute(COME_NOW)

    async def again():
        sql = "SELECT count(*) = 2 FROM billing.price_announcement WHERE NOT told AND looked_at > now() - interval '1h'"
        return await before.fetchval(sql)

    await bus.eventually(again, what="looking again")
    announced = await facts(bus, "price-change-announced")
    assert Counter(event.account for event in announced) == Counter([*NAMES, "nordwind"])
    published = await facts(bus, "price-list-published")
    assert [(event.account, event.data.catalogue) for event in published] == [(HOUSE, "2026-01-01"), (HOUSE, "new")]
    assert published[1].data.existing_from == LATER


async def test_an_announcement_names_what_changes_for_the_account(bus, before):
    by_account = {event.account: event.data for event in await facts(bus, "price-change-announced")}
    fact: PriceChangeAnnounced = by_account["nordwind"]
    assert (fact.catalogue, fact.valid_from, fact.existing_from) == ("new", TODAY, LATER)
    assert [(c.kind, c.code, c.number, c.old_cents, c.new_cents) for c in fact.changes] == [
        ("plan", "mail", 2, 100, 120)
    ]
    assert fact.difference_cents == 40
    assert "mail 1.00 -> 1.20 EUR" in fact.text.de
    (change,) = by_account[NAMES[0]].changes
    assert (change.kind, change.code, change.old_cents, change.new_cents) == ("package", "silver", 2500, 2900)


async def test_who_orders_from_its_day_on_pays_by_the_new_list(bus, before):
    answer = await bus.ask("nordwind", AskCatalogue())
    assert (answer.catalogue, answer.plans[0].price_cents) == ("new", 120)


REFUSED = [
    ({"new.toml": new_list(LATER, mail=130)}, "was changed after it was published"),
    ({"new.toml": None}, "new.toml is gone"),
    ({"soon.toml": new_list(Month(TODAY.replace(day=1)).end)}, "must be told 42 days before"),
    ({"soon.toml": new_list(date(2026, 5, 1), valid_from=date(2026, 4, 1))}, "must be told 42 days before"),
]


@pytest.mark.parametrize(("files", "reason"), REFUSED)
async def test_a_list_that_must_not_come_stops_the_worker(before, catalogue, tmp_path, files, reason):
    there = {file.name: file.read_text() for file in catalogue.glob("*.toml")} | files
    for name, text in there.items():
        if text is not None:
            (tmp_path / name).write_text(text)
    with pytest.raises(BadPriceList, match=reason):
        await publish(before, pricing.load(tmp_path))


async def test_an_operator_may_waive_the_notice_by_name(before, catalogue, tmp_path):
    for file in catalogue.glob("*.toml"):
        (tmp_path / file.name).write_text(file.read_text())
    (tmp_path / "soon.toml").write_text(new_list(Month(TODAY.replace(day=1)).end))
    transaction = before.transaction()
    await transaction.start()
    await publish(before, pricing.load(tmp_path), waived={"soon"})
    await transaction.rollback()
    assert await asyncio.to_thread((tmp_path / "soon.toml").exists)
