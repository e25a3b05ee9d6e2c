"""The chassis' own tables on a real PostgreSQL: tending them, whatever happened before."""

from datetime import timedelta
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from services.chassis import migrations
from services.chassis.journal import Journal
from services.chassis.runtime import utc_now


@pytest_asyncio.fixture
async def connection(database_url):
    opened = await asyncpg.connect(database_url)
    await migrations.migrate(opened, "mailbox")
    yield opened
    await opened.close()


async def log_event(connection, seq, logged_at):
    await connection.execute(
        "INSERT INTO mailbox.event_log (lane, seq, logged_at, message_id, request_id, subject, ordering_key, payload)"
        " VALUES (0, $1, $2, $3, $3, 'evt.a.mailbox.x.v1', 'k', '')",
        seq,
        logged_at,
        uuid4(),
    )


async def test_events_of_a_week_without_a_partition_move_into_it_when_it_is_made(connection):
    week = await connection.fetchval("SELECT date_trunc('week', current_date)::date + 14")
    await connection.execute(f"DROP TABLE mailbox.event_log_{week:%Y%m%d}")
    await log_event(connection, 1, utc_now() + timedelta(days=14))
    await Journal("mailbox").tend(connection, 90)
    assert await connection.fetchval("SELECT count(*) FROM mailbox.event_log_other") == 0
    assert await connection.fetchval(f"SELECT count(*) FROM mailbox.event_log_{week:%Y%m%d}") == 1


async def test_what_is_older_than_its_time_goes_and_the_rest_stays(connection):
    await connection.execute(
        "CREATE TABLE mailbox.event_log_20200106 PARTITION OF mailbox.event_log"
        " FOR VALUES FROM ('2020-01-06') TO ('2020-01-13')"
    )
    for age in (200, 1):
        await connection.execute(
            "INSERT INTO mailbox.inbox (message_id, request_id, account, type, fate, handled_at)"
            " VALUES ($1, $1, 'a', 't', 'done', $2)",
            uuid4(),
            utc_now() - timedelta(days=age),
        )
    journal = Journal("mailbox")
    await journal.tend(connection, 90)
    assert await connection.fetchval("SELECT to_regclass('mailbox.event_log_20200106')") is None
    assert await journal.forget(connection, 100) == 1
    assert await journal.forget(connection, 100) == 0
    assert await connection.fetchval("SELECT count(*) FROM mailbox.inbox") == 1


async def test_a_migration_that_was_changed_after_it_was_applied_is_refused(connection):
    await connection.execute("UPDATE mailbox.migration SET checksum = 'other' WHERE name LIKE 'chassis/%'")
    with pytest.raises(migrations.ChangedMigration, match="add a new file"):
        await migrations.migrate(connection, "mailbox")
