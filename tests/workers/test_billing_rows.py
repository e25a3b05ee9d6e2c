"""The schema billing on a real PostgreSQL: rows come back as they went, impossible ones are refused, locks hold."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from contracts.refusals import Refusal
from services.billing import capacity, store
from services.billing.app import service
from services.billing.capacity import NOTHING, Counter, Holding, Moved, News, Room, Target
from services.billing.rules import Account
from services.billing.store import ACCOUNTS, HOLDINGS, ROOMS
from services.chassis import worker
from services.chassis.book import Book, Change

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SEAT = "mailbox/anna@nordwind-segel.de"
ACCOUNT = Account(
    account_id="nordwind", state="active", package="reseller", package_price_cents=9900, catalogue="2026-01-01",
    company="Nordwind Segel GmbH", email="post@nordwind-segel.de", language="de", opened_at=NOW, revision=3,
    vat_id="DE123456789", plan_prices={"mail": 80},
)  # fmt: skip
ROOM = Room({"alias_forward": Counter(5, 1, 2, 3), "group": Counter(None, 0, 0, 1), "mailbox": Counter(3, 1, 0, 2)}, 3)


@pytest_asyncio.fixture(scope="module")
async def schema(database_url, bus):
    await worker.migrate(service, bus.settings())
    return database_url


@pytest_asyncio.fixture
async def rows(schema):
    """A connection whose rows vanish with the test."""
    connection = await asyncpg.connect(schema)
    transaction = connection.transaction()
    await transaction.start()
    yield connection
    await transaction.rollback()
    await connection.close()


async def put(connection, table, key, row, before=None) -> None:
    await table.save(connection, [Change(key, before, row)])


async def test_an_account_comes_back_as_it_went(rows):
    await put(rows, ACCOUNTS, "nordwind", ACCOUNT)
    assert await ACCOUNTS.load(rows, ["nordwind", "suedwind"]) == {"nordwind": ACCOUNT}
    changed = replace(ACCOUNT, state="suspended", phone="+49 40 1", plan_prices={}, revision=4)
    await put(rows, ACCOUNTS, "nordwind", changed, ACCOUNT)
    assert await ACCOUNTS.load(rows, ["nordwind"]) == {"nordwind": changed}


async def test_a_room_comes_back_as_it_went_and_only_what_changed_is_written(rows):
    await put(rows, ACCOUNTS, "nordwind", ACCOUNT)
    await put(rows, ROOMS, "nordwind", ROOM)
    assert await ROOMS.load(rows, ["nordwind"]) == {"nordwind": ROOM}
    fuller = Room({**ROOM.counters, "mailbox": Counter(3, 1, 2, 4), "plan.office": Counter(None, 0, 2, 4)}, 4)
    await rows.execute("UPDATE billing.capacity SET revision = 99 WHERE resource = 'group'")
    await put(rows, ROOMS, "nordwind", fuller, ROOM)
    found = (await ROOMS.load(rows, ["nordwind"]))["nordwind"]
    assert found.counters["mailbox"] == fuller.counters["mailbox"]
    assert found.counters["plan.office"] == fuller.counters["plan.office"]
    assert found.counters["group"].revision == 99


async def test_a_holding_comes_back_as_it_went_and_goes_when_it_says_nothing(rows):
    targets = (Target(UUID(int=1), 1, NOW, "office"), Target(UUID(int=2), 1, NOW + timedelta(minutes=1)))
    holding = Holding(1, targets, "mail", 100, "2026-01-01", NOW - timedelta(microseconds=1), 7, NOW)
    bare = Holding(targets=(Target(UUID(int=3), 4, NOW),))
    keys = [("nordwind", SEAT), ("nordwind", "alias/anna@nordwind-segel.de"), ("suedwind", SEAT)]
    await put(rows, HOLDINGS, keys[0], holding)
    await put(rows, HOLDINGS, keys[1], bare)
    assert await HOLDINGS.load(rows, keys) == {keys[0]: holding, keys[1]: bare}
    await put(rows, HOLDINGS, keys[1], None, bare)
    assert await HOLDINGS.load(rows, keys) == {keys[0]: holding}


async def test_the_longest_due_come_first(rows):
    for number in range(3):
        target = Target(UUID(int=number), 1, NOW - timedelta(minutes=number))
        await put(rows, HOLDINGS, ("nordwind", f"group/{number}"), Holding(targets=(target,)))
    due = await store.read_due(rows, NOW - timedelta(seconds=30), 10)
    assert [holder for _, holder in due] == ["group/2", "group/1"]


async def test_use_is_grouped_by_plan_and_price_list(rows):
    prices = [("mail", "2026"), ("mail", "2025"), ("mail", "2026"), ("office", "2026")]
    for number, (plan, catalogue) in enumerate(prices):
        holding = Holding(1, (), plan, 100, catalogue, NOW, 1, NOW)
        await put(rows, HOLDINGS, ("nordwind", f"mailbox/{number}"), holding)
    await put(rows, HOLDINGS, ("nordwind", "mailbox/gone"), Holding(0, (), None, None, None, NOW, 2, NOW))
    assert await store.read_plan_use(rows, "nordwind") == [
        ("mail", "2025", 1),
        ("mail", "2026", 2),
        ("office", "2026", 1),
    ]


# --- two lanes on one account -----------------------------------------------------------------------------------


async def test_two_lanes_that_meet_on_a_new_counter_count_both(schema):
    """A statement that waited for a lock does not see rows added meanwhile: the account's lock comes before."""
    connection = await asyncpg.connect(schema)
    await put(connection, ACCOUNTS, "treffen", replace(ACCOUNT, account_id="treffen"))
    counters = {name: Counter(revision=1) for name in capacity.RESOURCES}
    await put(connection, ROOMS, "treffen", Room(counters, 1))
    addresses = [f"mailbox/m{number}" for number in range(12)]
    await asyncio.gather(*(_seat(schema, "treffen", holder) for holder in addresses))
    room = (await ROOMS.load(connection, ["treffen"]))["treffen"]
    await connection.close()
    assert room.counters["mailbox"].confirmed == room.counters["plan.mail"].confirmed == len(addresses)
    assert room.revision == 1 + len(addresses)


async def _seat(url: str, account_id: str, holder: str) -> None:
    connection = await asyncpg.connect(url)
    async with connection.transaction():
        book = Book()
        rows = [(ACCOUNTS, account_id), (ROOMS, account_id), (HOLDINGS, (account_id, holder))]
        await book.load(connection, service.tables, rows)
        room = book.get(ROOMS, account_id)
        assert room is not None
        news = News(1, 1, NOW, NOW, "mail", 100, "2026-01-01")
        after = capacity.settled(NOTHING, UUID(int=0), news)
        moved = capacity.move(room, [Moved(holder, NOTHING, after)])
        assert not isinstance(moved, Refusal)
        book.put(ROOMS, account_id, moved)
        book.put(HOLDINGS, (account_id, holder), after)
        book.keep()
        await book.save(connection, service.tables)
    await connection.close()


# --- rows that cannot be ----------------------------------------------------------------------------------------

GOOD = {
    "account": {
        "account_id": "gut", "state": "active", "package": "silver", "package_price_cents": 2500,
        "catalogue": "2026-01-01", "company": "Gut GmbH", "email": "post@gut.de", "language": "de", "opened_at": NOW,
        "revision": 1,
    },
    "capacity": {"account_id": "gut", "resource": "mailbox", "cap": 3, "confirmed": 1, "reserved": 2, "revision": 1},
    "holding": {
        "account_id": "gut", "holder": SEAT, "resource": "mailbox", "confirmed": 1, "reserved": 0, "plan": "mail",
        "price_cents": 100, "catalogue": "2026-01-01", "revision": 1,
    },
    "closure": {
        "account_id": "gut", "closure_id": UUID(int=1), "phase": "closing", "closes_at": NOW, "requests": [],
        "resumes_as": "active", "domains_total": 3, "domains_left": 2,
    },
}  # fmt: skip
BAD = [
    ("closure", "closure_phase_known", {"phase": "dreaming"}),
    ("closure", "closure_gives_back_what_was", {"resumes_as": "closing"}),
    ("closure", "closure_counts_domains", {"domains_left": 4}),
    ("closure", "closure_of_an_account", {"account_id": "fremd"}),
    ("account", "account_id_is_a_subject_token", {"account_id": "a.b"}),
    ("account", "account_state_known", {"state": "asleep"}),
    ("account", "package_price_not_negative", {"package_price_cents": -1}),
    ("account", "plan_prices_by_plan", {"plan_prices": "[]"}),
    ("account", "account_language_known", {"language": "fr"}),
    ("account", "account_revision_positive", {"revision": 0}),
    ("capacity", "capacity_of_an_account", {"account_id": "nobody"}),
    ("capacity", "resource_known", {"resource": "postbox"}),
    ("capacity", "resource_known", {"resource": "plan."}),
    ("capacity", "capacity_within_cap", {"reserved": 3}),
    ("capacity", "capacity_within_cap", {"cap": 2}),
    ("capacity", "capacity_not_negative", {"reserved": -1}),
    ("capacity", "capacity_not_negative", {"confirmed": -1}),
    ("capacity", "capacity_not_negative", {"cap": -1, "confirmed": -1, "reserved": 0}),
    ("capacity", "capacity_revision_positive", {"revision": 0}),
    ("holding", "holder_names_its_resource", {"resource": "group"}),
    ("holding", "holder_names_its_resource", {"holder": "postbox/a"}),
    ("holding", "holder_names_its_resource", {"holder": "postbox/a", "resource": ""}),
    ("holding", "holding_not_negative", {"confirmed": -1}),
    ("holding", "holding_not_negative", {"revision": -1}),
    ("holding", "seat_is_one", {"confirmed": 2}),
    ("holding", "reserved_by_a_request", {"confirmed": 0, "reserved": 1}),
    ("holding", "reservation_is_due", {"targets": "[]"}),
    ("holding", "mailbox_in_use_is_priced", {"price_cents": None}),
    ("holding", "mailbox_in_use_is_priced", {"plan": None}),
    ("holding", "price_not_negative", {"price_cents": -1}),
]
TWICE = [
    ("account", "account_exists"),
    ("capacity", "one_counter_per_resource"),
    ("holding", "one_holding_per_thing"),
    ("closure", "one_closure_per_account"),
]


async def insert(connection, table: str, row: dict) -> None:
    places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
    await connection.execute(f"INSERT INTO billing.{table} ({', '.join(row)}) VALUES ({places})", *row.values())


@pytest.mark.parametrize(("table", "constraint", "fault"), BAD)
async def test_an_impossible_row_is_refused_by_the_database(rows, table, constraint, fault):
    if table != "account":
        await insert(rows, "account", GOOD["account"])
    with pytest.raises(asyncpg.IntegrityConstraintViolationError) as refused:
        await insert(rows, table, GOOD[table] | fault)
    assert refused.value.constraint_name == constraint


@pytest.mark.parametrize(("table", "constraint"), TWICE)
async def test_a_row_stands_once(rows, table, constraint):
    if table != "account":
        await insert(rows, "account", GOOD["account"])
    await insert(rows, table, GOOD[table])
    with pytest.raises(asyncpg.UniqueViolationError) as refused:
        await insert(rows, table, GOOD[table])
    assert refused.value.constraint_name == constraint
