"""What each database role may do, tried on a real server: its own schema's rows, and nothing else."""

import asyncpg
import pytest
import pytest_asyncio

from contracts.billing_v1 import OpenAccount
from deploy.database import roles
from deploy.devstack.postgres import PostgresServer
from services.billing.app import service as billing
from services.chassis import migrations, worker
from services.chassis.settings import Settings
from services.chassis.worker import Worker

SERVICES = roles.SERVICES
Refused = asyncpg.InsufficientPrivilegeError


@pytest_asyncio.fixture(scope="module")
async def server(tmp_path_factory):
    made = PostgresServer(tmp_path_factory.mktemp("postgres"))
    await made.start()
    await made.give_roles()
    await made.give_roles()  # again: nothing changes
    for service in SERVICES:
        owner = await asyncpg.connect(made.dsn(role=roles.owner_of(service)))
        await migrations.migrate(owner, service)
        await owner.close()
    yield made
    await made.stop()


@pytest_asyncio.fixture(scope="module")
async def tables(server):
    """The tables of each schema."""
    admin = await asyncpg.connect(server.dsn())
    rows = await admin.fetch("SELECT schemaname, tablename FROM pg_tables WHERE schemaname = ANY($1)", SERVICES)
    await admin.close()
    return {service: [r["tablename"] for r in rows if r["schemaname"] == service] for service in SERVICES}


@pytest.mark.parametrize("service", SERVICES)
async def test_a_worker_changes_rows_of_its_own_schema_and_reads_no_other(server, tables, service):
    connection = await asyncpg.connect(server.dsn(role=roles.worker_of(service)))
    for table in tables[service]:
        await connection.fetch(f"SELECT * FROM {service}.{table} LIMIT 1")
        for right in ("INSERT", "UPDATE", "DELETE"):
            assert await connection.fetchval("SELECT has_table_privilege($1, $2)", f"{service}.{table}", right)
    for other in SERVICES:
        for table in tables[other] if other != service else ():
            with pytest.raises(Refused):
                await connection.fetch(f"SELECT 1 FROM {other}.{table} LIMIT 1")
    with pytest.raises(Refused):
        await connection.fetch("SELECT 1 FROM mta.login")
    await connection.close()


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE {s}.x (a int)",
        "CREATE TABLE public.x (a int)",
        "CREATE TEMP TABLE x (a int)",
        "CREATE SCHEMA x",
        "CREATE ROLE x",
        "ALTER TABLE {s}.inbox ADD COLUMN x int",
        "ALTER TABLE {s}.inbox DISABLE TRIGGER ALL",
        "DROP TABLE {s}.inbox",
        "TRUNCATE {s}.inbox",
        "CREATE INDEX ON {s}.inbox (fate)",
        "CREATE FUNCTION {s}.x() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "SET ROLE postkontor_{s}_owner",
        "SET SESSION AUTHORIZATION postgres",
        "COPY {s}.inbox TO PROGRAM 'cat'",
        "SELECT pg_read_file('/etc/hostname')",
    ],
)
async def test_a_worker_makes_and_drops_nothing(server, service, statement):
    connection = await asyncpg.connect(server.dsn(role=roles.worker_of(service)))
    with pytest.raises(Refused):
        await connection.execute(statement.format(s=service))
    await connection.close()


@pytest.mark.parametrize("service", SERVICES)
async def test_an_owner_has_no_other_services_schema(server, tables, service):
    connection = await asyncpg.connect(server.dsn(role=roles.owner_of(service)))
    for other in SERVICES:
        if other != service:
            with pytest.raises(Refused):
                await connection.fetch(f"SELECT 1 FROM {other}.{tables[other][0]} LIMIT 1")
            with pytest.raises(Refused):
                await connection.execute(f"CREATE TABLE {other}.x (a int)")
    with pytest.raises(Refused):
        await connection.execute("CREATE SCHEMA x")
    await connection.close()


async def test_a_mail_server_reads_the_views_and_no_table(server, tables):
    admin = await asyncpg.connect(server.dsn())
    password = server.dsn().split(":")[2].split("@")[0]
    await admin.execute(f"CREATE ROLE a_mail_server LOGIN PASSWORD '{password}' IN ROLE {roles.READER}")
    views = [r["viewname"] for r in await admin.fetch("SELECT viewname FROM pg_views WHERE schemaname = 'mta'")]
    await admin.close()
    connection = await asyncpg.connect(server.dsn(role="a_mail_server"))
    assert views
    for view in views:
        await connection.fetch(f"SELECT * FROM mta.{view} LIMIT 1")
        for right in ("INSERT", "UPDATE", "DELETE"):
            assert not await connection.fetchval("SELECT has_table_privilege($1, $2)", f"mta.{view}", right)
    for service in SERVICES:
        for table in tables[service]:
            with pytest.raises(Refused):
                await connection.fetch(f"SELECT 1 FROM {service}.{table} LIMIT 1")
    await connection.close()


async def test_a_statement_or_a_lock_that_takes_too_long_ends(server):
    connection = await asyncpg.connect(server.dsn(role=roles.worker_of("billing")))
    assert await connection.fetchval("SHOW statement_timeout") == roles.STATEMENT_TIMEOUT
    assert await connection.fetchval("SHOW lock_timeout") == roles.LOCK_TIMEOUT
    await connection.close()


async def test_the_weeks_of_the_event_log_are_made_by_a_worker_that_may_make_no_table(server):
    connection = await asyncpg.connect(server.dsn(role=roles.worker_of("mailbox")))
    await connection.execute("SELECT mailbox.tend_event_log(current_date + 60, 400)")
    later = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'mailbox.event_log'::regclass"
    assert await connection.fetchval(later) >= 7
    await connection.close()


async def test_a_worker_works_with_its_role(bus, server):
    settings = Settings(
        nats_url=bus.url, nats_seed=bus.register.seed_file("billing"),
        database_url=server.dsn(role=roles.owner_of("billing")),
    )  # fmt: skip
    assert await worker.migrate(billing, settings) == []
    running = Worker(billing, settings.model_copy(update={"database_url": _secret(server, "billing")}))
    await running.start()
    bus.workers.append(running)
    opened = await bus.request("nordwind", OpenAccount(package="silver", company="N", email="n@example.com"))
    assert opened.type == "billing.account-opened.v1"


def _secret(server, service):
    return Settings(database_url=server.dsn(role=roles.worker_of(service))).database_url
