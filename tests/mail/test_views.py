"""What mail servers read: what the views of the schema mta show, to whom, and that each look-up is one by key."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio

from services.chassis.database import LOOK_UP_SESSION
from services.chassis.migrations import migrate, migrations_of
from services.mailbox import features, passwords, reads, store_forwarding
from services.mailbox.rows import Domain, Mailbox

MAILBOXES, DOMAINS = 100_000, 2_000
COLUMNS = {
    "domain": ["domain"],
    "mailbox": ["address", "domain", "state"],
    "login": ["address", "password_hash"],
    "password_expired": ["address", "password_hash", "change_by"],
    "recipient": ["address", "mailbox", "state"],
    "alias": ["address", "mailbox"],
    "forward_only": ["address", "target"],
    "catch_all": ["domain", "mailbox"],
    "quarantine": ["address"],
    "forwarding": ["mailbox", "target", "keep_copy"],
    "quota": ["mailbox", "quota_bytes"],
    "sender_block": ["mailbox", "sender"],
    "spam_settings": ["mailbox", "protected", "origin", "tuned", "junk_tenths", "reject_tenths", "to_junk"],
    "spam_allowed": ["mailbox", "sender"],
}

ADD_DOMAIN = """
    INSERT INTO mailbox.domain (account, domain, domain_id, state, features, epoch, mailboxes, aliases, revision)
    VALUES ($1, $2, gen_random_uuid(), $3, $4, $5, $6, $7, 1)"""
REQUIRE = "UPDATE mailbox.mailbox SET password_change_by = $2, password_set_at = $3 WHERE domain = $1"
REQUIRE_OF_DOMAIN = """
    UPDATE mailbox.domain SET password_change_by = $2, passwords_required_at = $3 WHERE domain = $1"""
COUNT_FROM = "UPDATE mailbox.domain SET counts_from = $2 WHERE domain = $1"
ADD_MAILBOX = """
    INSERT INTO mailbox.mailbox (
        address, account, domain, first_name, last_name, state, plan, price_cents, mail_bytes, cloud_bytes, groupware,
        catalogue, password_hash, aliases, forwardings, keep_copy, own_features, own_epoch, blocked_senders,
        created_at, updated_at, deleted_at, revision)
    VALUES ($1, 'nordwind', split_part($1, '@', 2), 'A', 'B', $2, 'mail', 100, 1000000000, 0, false, '1',
        CASE WHEN $2 <> 'deleted' THEN '{BLF-CRYPT}' || $1 END, $3, $4, $5, $6, $7, $8, now(), now(),
        CASE WHEN $2 = 'deleted' THEN now() END, 1)"""
OWN = "INSERT INTO mailbox.address (address, mailbox, account, since) VALUES ($1, $2, 'nordwind', now())"

FILL = f"""
    INSERT INTO mailbox.domain (account, domain, domain_id, state, features, epoch, mailboxes, revision)
        SELECT 'a' || n % 100, 'd' || n || '.example', gen_random_uuid(), 'open', '{{blacklist}}', 0, 50, 1
        FROM generate_series(0, {DOMAINS - 1}) AS n;
    INSERT INTO mailbox.mailbox (
        address, account, domain, first_name, last_name, state, plan, price_cents, mail_bytes, cloud_bytes, groupware,
        catalogue, password_hash, aliases, forwardings, keep_copy, own_epoch, blocked_senders, created_at, updated_at,
        revision)
    SELECT 'm' || n || '@' || d, 'a' || n % 100, d, 'A', 'B', 'active', 'mail', 100, 1, 0, false, '1',
        '{{BLF-CRYPT}}', '{{}}', CASE WHEN n % 10 = 0 THEN ARRAY['m@away.example'] ELSE '{{}}' END, true, 0,
        ARRAY['@ads.example'], now(), now(), 1
    FROM (SELECT n, 'd' || n % {DOMAINS} || '.example' AS d FROM generate_series(1, {MAILBOXES}) AS n) AS m;
    INSERT INTO mailbox.address (address, mailbox, account, since)
        SELECT prefix || m.address, m.address, m.account, now()
        FROM mailbox.mailbox AS m, unnest(ARRAY['', 'alias-']) AS prefix;
    INSERT INTO mailbox.catch_all (account, domain, mailbox, revision)
        SELECT 'a' || n % 100, 'd' || n || '.example', 'm' || n || '@d' || n || '.example', 1
        FROM generate_series(1, {DOMAINS - 1}) AS n;
    INSERT INTO mailbox.forward_only (address, account, domain, targets, created_at, updated_at, revision)
        SELECT 'f-' || m.address, m.account, m.domain, ARRAY['x@away.example'], now(), now(), 1
        FROM mailbox.mailbox AS m;
    INSERT INTO mailbox.quarantine (address, mailbox, account, free_at)
        SELECT 'q-' || m.address, m.address, 'gone', now() + interval '1 day' FROM mailbox.mailbox AS m;
    ANALYZE"""


@pytest_asyncio.fixture(scope="module")
async def migrated(database_url: str) -> str:
    """A database with the views."""
    connection = await asyncpg.connect(database_url)
    await migrate(connection, "mailbox")
    await connection.close()
    return database_url


@pytest_asyncio.fixture
async def connection(migrated: str) -> AsyncIterator[Any]:
    """A connection in a transaction that is rolled back."""
    connection = await asyncpg.connect(migrated)
    begun = connection.transaction()
    await begun.start()
    yield connection
    await begun.rollback()
    await connection.close()


async def add(connection: Any, address: str, state: str = "active", **rows: Any) -> None:
    """Put a mailbox and what it owns into the tables."""
    given = {"aliases": [], "forwardings": [], "keep_copy": True, "own": None, "own_epoch": 0, "blocked": []} | rows
    await connection.execute(ADD_MAILBOX, address, state, *given.values())
    for owned in (address, *given["aliases"]) if state != "deleted" else ():
        await connection.execute(OWN, owned, address)


async def shown(connection: Any, view: str) -> list[tuple[Any, ...]]:
    """Return the rows of a view."""
    return sorted(tuple(row) for row in await connection.fetch(f"SELECT {', '.join(COLUMNS[view])} FROM mta.{view}"))


async def test_the_views_have_the_columns_that_are_promised(connection: Any, repository: Path) -> None:
    rows = await connection.fetch(
        "SELECT table_name, array_agg(column_name::text ORDER BY ordinal_position) AS columns"
        " FROM information_schema.columns WHERE table_schema = 'mta' GROUP BY table_name"
    )
    assert {row["table_name"]: row["columns"] for row in rows} == COLUMNS
    page = (repository / "docs" / "mailserver.md").read_text()
    for view, columns in COLUMNS.items():
        assert f"| `mta.{view}` | `{'`, `'.join(columns)}` |" in page


async def test_each_state_shows_what_mail_servers_may_do_with_it(connection: Any) -> None:
    await connection.execute(ADD_DOMAIN, "nordwind", "a.example", "open", None, 0, 2, 1)
    await add(connection, "on@a.example", aliases=["o@a.example"], forwardings=["x@b.example", "y@b.example"])
    await add(connection, "off@a.example", "suspended", aliases=["f@a.example"], forwardings=["x@b.example"])
    await add(connection, "gone@a.example", "deleted")
    assert await shown(connection, "domain") == [("a.example",)]
    assert await shown(connection, "mailbox") == [
        ("off@a.example", "a.example", "suspended"),
        ("on@a.example", "a.example", "active"),
    ]
    assert await shown(connection, "login") == [("on@a.example", "{BLF-CRYPT}on@a.example")]
    assert await shown(connection, "recipient") == [
        ("f@a.example", "off@a.example", "suspended"),
        ("o@a.example", "on@a.example", "active"),
        ("off@a.example", "off@a.example", "suspended"),
        ("on@a.example", "on@a.example", "active"),
    ]
    assert await shown(connection, "alias") == [("f@a.example", "off@a.example"), ("o@a.example", "on@a.example")]
    assert await shown(connection, "forwarding") == [
        ("on@a.example", "x@b.example", True),
        ("on@a.example", "y@b.example", True),
    ]
    assert await shown(connection, "quota") == [("off@a.example", 10**9), ("on@a.example", 10**9)]


async def test_a_catch_all_is_no_alias_and_gets_mail_while_its_mailbox_is_active(connection: Any) -> None:
    await add(connection, "on@a.example")
    await add(connection, "off@b.example", "suspended")
    for domain, mailbox in (("a.example", "on@a.example"), ("b.example", "off@b.example")):
        await connection.execute(OWN, f"@{domain}", mailbox)
        await connection.execute("INSERT INTO mailbox.catch_all VALUES ('nordwind', $1, $2, 1)", domain, mailbox)
    assert await shown(connection, "catch_all") == [("a.example", "on@a.example")]
    assert await shown(connection, "alias") == []
    assert [address for address, *_ in await shown(connection, "recipient")] == ["off@b.example", "on@a.example"]


async def test_a_catch_all_is_not_for_addresses_that_another_account_gave_up_lately(connection: Any) -> None:
    await connection.execute("INSERT INTO mailbox.catch_all VALUES ('nordwind', 'a.example', 'on@a.example', 1)")
    for address, account, days in (("own", "nordwind", 9), ("theirs", "suedwind", 9), ("over", "suedwind", -1)):
        await connection.execute(
            "INSERT INTO mailbox.quarantine VALUES ($1, $1, $2, now() + make_interval(days => $3))",
            f"{address}@a.example",
            account,
            days,
        )
    assert await shown(connection, "quarantine") == [("theirs@a.example",)]


async def test_an_address_that_only_forwards_is_shown_with_its_targets(connection: Any) -> None:
    add_address = """
        INSERT INTO mailbox.forward_only (
            address, account, domain, targets, created_at, updated_at, deleted_at, revision)
        VALUES ($1, 'nordwind', 'a.example', $2, now(), now(), $3, 1)"""
    await connection.execute(add_address, "info@a.example", ["x@b.example", "y@b.example"], None)
    await connection.execute(add_address, "gone@a.example", [], datetime.now(UTC))
    await connection.execute(OWN, "info@a.example", None)
    expected = [("info@a.example", "x@b.example"), ("info@a.example", "y@b.example")]
    assert await shown(connection, "forward_only") == expected
    assert await shown(connection, "recipient") == await shown(connection, "alias") == []


@pytest.mark.parametrize(
    ("state", "mailboxes", "aliases", "is_shown"),
    [("open", 1, 0, True), ("open", 0, 1, True), ("open", 0, 0, False), ("closed", 0, 0, False)],
)
async def test_a_domain_is_shown_while_something_stands_under_it(
    connection: Any, state: str, mailboxes: int, aliases: int, is_shown: bool
) -> None:
    await connection.execute(ADD_DOMAIN, "nordwind", "a.example", state, None, 0, mailboxes, aliases)
    await connection.execute(ADD_DOMAIN, "suedwind", "a.example", "closed", None, 0, 0, 0)
    assert await shown(connection, "domain") == ([("a.example",)] if is_shown else [])


async def test_features_are_those_that_the_worker_tells_of(connection: Any) -> None:
    """Every combination of a domain's set with a mailbox's own set, and whether that counts."""
    sets = (None, (), ("blacklist",), ("backup", "spam_and_virus_protection"))
    cases = list(product(sets, (0, 1), sets, (0, 1)))
    for number, (of_domain, counts_from, own, own_epoch) in enumerate(cases):
        await connection.execute(ADD_DOMAIN, "nordwind", f"d{number}.example", "open", of_domain, 1, 1, 0)
        await connection.execute(COUNT_FROM, f"d{number}.example", counts_from)
        await add(connection, f"m@d{number}.example", own=own, own_epoch=own_epoch, blocked=["x@y.example"])
    blocks = dict(await shown(connection, "sender_block"))
    protected = {row[0]: row[1:] for row in await shown(connection, "spam_settings")}
    now = datetime(2027, 3, 1, tzinfo=UTC)
    for number, (of_domain, counts_from, own, own_epoch) in enumerate(cases):
        name, address = f"d{number}.example", f"m@d{number}.example"
        domain = Domain("nordwind", name, UUID(int=0), features=of_domain, epoch=1, counts_from=counts_from)
        mailbox = Mailbox(
            address, "nordwind", name, "A", "B", "active", "mail", 100, 1, 0, False, "1", now, now, 1,
            own_features=own, own_epoch=own_epoch,
        )  # fmt: skip
        state = features.of_mailbox(mailbox, domain)
        assert (address in blocks) == ("blacklist" in state.on), cases[number]
        assert protected[address][:2] == ("spam_and_virus_protection" in state.on, state.origin), cases[number]


TUNE = """
    UPDATE mailbox.mailbox SET spam_junk_tenths = 45, spam_reject_tenths = 90, spam_to_junk = false,
        spam_allowed = '{@friends.example}' WHERE address = $1"""


async def test_tuned_spam_settings_count_while_the_feature_is_on(connection: Any) -> None:
    for name, on in (("on.example", ["spam_and_virus_protection"]), ("off.example", ["backup"])):
        await connection.execute(ADD_DOMAIN, "nordwind", name, "open", on, 0, 2, 0)
        await add(connection, f"tuned@{name}")
        await add(connection, f"plain@{name}")
        await connection.execute(TUNE, f"tuned@{name}")
    assert await shown(connection, "spam_settings") == [
        ("plain@off.example", False, "domain", False, None, None, None),
        ("plain@on.example", True, "domain", False, None, None, None),
        ("tuned@off.example", False, "domain", False, None, None, None),
        ("tuned@on.example", True, "domain", True, 45, 90, False),
    ]
    assert await shown(connection, "spam_allowed") == [("tuned@on.example", "@friends.example")]


async def test_who_had_to_change_a_password_logs_in_until_then(connection: Any) -> None:
    """Every combination of a mailbox's requirement with a domain's, before and after the password was set."""
    now = await connection.fetchval("SELECT now()")
    times = (None, now - timedelta(hours=1), now, now + timedelta(hours=1))
    cases = list(product(times, times[1:], times, (None, now - timedelta(minutes=1))))
    for number, (own, set_at, of_domain, required_at) in enumerate(cases):
        name = f"d{number}.example"
        await connection.execute(ADD_DOMAIN, "nordwind", name, "open", None, 0, 1, 0)
        await add(connection, f"m@{name}")
        both = (of_domain, required_at) if required_at and of_domain else (None, None)
        await connection.execute(REQUIRE_OF_DOMAIN, name, *both)
        await connection.execute(REQUIRE, name, own, set_at)
    logins = {row[0] for row in await shown(connection, "login")}
    expired = {row[0]: row[2] for row in await shown(connection, "password_expired")}
    for number, (own, set_at, of_domain, required_at) in enumerate(cases):
        address = f"m@d{number}.example"
        both = (of_domain, required_at) if required_at and of_domain else (None, None)
        domain = Domain("nordwind", address[2:], UUID(int=0), password_change_by=both[0], passwords_required_at=both[1])
        mailbox = Mailbox(
            address, "nordwind", address[2:], "A", "B", "active", "mail", 100, 1, 0, False, "1", now, now, 1,
            password_set_at=set_at, password_change_by=own,
        )  # fmt: skip
        change_by = passwords.change_by(mailbox, domain)
        is_over = change_by is not None and change_by <= now
        assert (address in logins, expired.get(address)) == (not is_over, change_by if is_over else None), cases[number]


# --- who may read -----------------------------------------------------------------------------------------------


async def test_a_reader_sees_the_views_and_nothing_else(connection: Any) -> None:
    assert not await connection.fetchval("SELECT rolcanlogin FROM pg_roles WHERE rolname = 'mta_reader'")
    await connection.execute("SET LOCAL ROLE mta_reader")
    for view in COLUMNS:
        assert await shown(connection, view) == []
    tables = await connection.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace('mailbox') AND relkind IN ('r', 'p', 'v')"
    )
    assert {row["relname"] for row in tables} >= {"mailbox", "address", "inbox", "event_log"}
    for sql in (
        *(f"SELECT FROM mailbox.{row['relname']}" for row in tables),
        "DELETE FROM mta.quota",
        "CREATE VIEW mta.mine AS SELECT 1 AS one",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with connection.transaction():
                await connection.execute(sql)


async def test_an_owner_who_may_not_make_roles_gets_the_views_all_the_same(migrated: str) -> None:
    admin, name = await asyncpg.connect(migrated), f"t{uuid4().hex[:12]}"
    await admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'x'")
    await admin.execute(f"CREATE DATABASE {name} OWNER {name}")
    owner = await asyncpg.connect(migrated.rpartition("/")[0] + f"/{name}", user=name, password="x")
    told: list[str] = []
    owner.add_log_listener(lambda _, message: told.append(message.message))
    await owner.execute("CREATE SCHEMA mailbox")
    for migration in migrations_of("mailbox"):
        await owner.execute(migration.sql.replace("mta_reader", f"{name}_reader"))  # the real one is there already
    assert [line for line in told if "docs/mailserver.md" in line] == [
        f"no right to create the role {name}_reader; docs/mailserver.md says what is to be done"
    ]
    assert await owner.fetch("SELECT address FROM mta.mailbox") == []
    await owner.close()
    await admin.execute(f"DROP DATABASE {name}")
    await admin.execute(f"DROP ROLE {name}")
    await admin.close()


# --- how they are read ------------------------------------------------------------------------------------------


def look_ups(rendering: ModuleType) -> dict[str, str]:
    """Return the queries of the example's configuration, by their file and name."""
    found: dict[str, str] = {}
    for path in sorted(rendering.TEMPLATES.glob("*/**/*.*")):
        for name, sql in re.findall(r"^(\w*query) = ((?:.+\\\n|.+\n(?=    ))*.+)$", path.read_text(), re.MULTILINE):
            found[f"{path.name} {name}"] = sql.replace("\\\n", "\n")
    return found


@pytest_asyncio.fixture(scope="module")
async def filled(migrated: str) -> AsyncIterator[Any]:
    """A reader's session on a hundred thousand mailboxes; they are gone afterwards."""
    connection = await asyncpg.connect(migrated)
    begun = connection.transaction()
    await begun.start()
    await connection.execute(FILL)
    await connection.execute("SET LOCAL ROLE mta_reader")
    yield connection
    await begun.rollback()
    await connection.close()


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a plan's node and those below it."""
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


async def assert_by_key(connection: Any, sql: str) -> None:
    """Check that a plan reads tables through an index and with a condition on it."""
    (row,) = await connection.fetch(f"EXPLAIN (FORMAT json) {sql}")
    reads_tables = 0
    for node in nodes(json.loads(row[0])[0]["Plan"]):
        if "Relation Name" in node:
            reads_tables += 1
            assert node["Node Type"] in ("Index Scan", "Index Only Scan", "Bitmap Heap Scan"), node
        if node["Node Type"] in ("Index Scan", "Index Only Scan", "Bitmap Index Scan"):
            assert "Index Cond" in node, node
    assert reads_tables > 0


async def test_every_look_up_of_postfix_and_dovecot_is_by_key(filled: Any, rendering: ModuleType) -> None:
    queries = look_ups(rendering)
    assert queries.pop("dovecot-sql.conf.ext iterate_query")  # reads all mailboxes, as `doveadm -A` wants them
    assert len(queries) == 9
    for number in (1, MAILBOXES - 1):
        local, domain = f"m{number}", f"d{number % DOMAINS}.example"
        for name, query in queries.items():
            key = domain if name.startswith("domain.cf") else f"{local}@{domain}"
            whole = f"@{domain}" if name.startswith("catch_all") else key
            sql = query.replace("%Lu", key).replace("%u", local).replace("%d", domain).replace("%s", whole)
            await assert_by_key(filled, sql)
            if not name.startswith(("suspended", "quarantine")):
                assert len(await filled.fetch(sql)) == 1, name


async def test_every_view_is_read_by_key(filled: Any) -> None:
    for view, columns in COLUMNS.items():
        key = "d1.example" if view in ("domain", "catch_all") else "m1@d1.example"
        await assert_by_key(filled, f"SELECT {columns[-1]} FROM mta.{view} WHERE {columns[0]} = '{key}'")


async def test_the_look_up_of_the_policy_service_is_by_key(filled: Any) -> None:
    for name, value in LOOK_UP_SESSION.items():
        await filled.execute(f"SET LOCAL {name} = {value}")
    await filled.execute(f"PREPARE look_up (text[], text[], text[], text[], text[]) AS {reads._BLOCKED}")
    one = "ARRAY['alias-m1@d1.example', 'm2@d2.example']", "ARRAY[NULL, NULL]", "ARRAY['x@ads.example', 'x@y.example']"
    arguments = ", ".join((*one, "ARRAY[NULL, NULL]", "ARRAY['@ads.example', '@y.example']"))
    assert [row["number"] for row in await filled.fetch(f"EXECUTE look_up ({arguments})")] == [1]
    await assert_by_key(filled, f"EXECUTE look_up ({arguments})")


async def test_where_mail_goes_on_inside_an_account_is_looked_up_by_key(filled: Any) -> None:
    await filled.execute("SET LOCAL ROLE NONE")
    await filled.execute(f"PREPARE flows (text[], text[], bigint) AS {store_forwarding._LOAD_FLOWS}")
    ask = "EXECUTE flows (ARRAY['a1'], ARRAY['f-m1@d1.example'], 5001)"
    led = [row["address"] for row in await filled.fetch(ask)]
    assert led == ["f-m1@d1.example", "m1@d1.example"], "nobody has it, so it is the catch-all's"
    await assert_by_key(filled, ask)
    await filled.execute("SET LOCAL ROLE mta_reader")
