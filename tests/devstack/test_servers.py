"""The embedded servers keep what they were given, whatever ends them, and leave nothing running."""

import asyncio
import os
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import nats
import psutil
import pytest

from deploy.devstack.lock import DirectoryInUse
from deploy.devstack.nats import NatsServer
from deploy.devstack.ports import LOWEST_PORT, PortTaken, free_port, remembered_port, wait_until_free
from deploy.devstack.postgres import PostgresServer
from deploy.devstack.probes import wait_until
from deploy.devstack.processes import ChildProcess
from deploy.devstack.stack import Stack, running_stack
from deploy.devstack.unprivileged import server_owner

HOLD_A_STACK = """
import asyncio, sys
from pathlib import Path
from deploy.devstack.stack import Stack

async def hold():
    stack = Stack(Path(sys.argv[1]))
    await stack.start_servers()
    print("started", flush=True)
    await asyncio.Event().wait()

asyncio.run(hold())
"""


@pytest.fixture(scope="module")
async def nats_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[NatsServer]:
    server = NatsServer(tmp_path_factory.mktemp("nats"))
    await server.start()
    yield server
    await server.stop()


@pytest.fixture(scope="module")
async def postgres(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PostgresServer]:
    server = PostgresServer(tmp_path_factory.mktemp("postgres"))
    await server.start()
    yield server
    await server.stop()


@pytest.fixture(scope="module")
def stack_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One directory for all stacks of this file: only the first start has to make a cluster."""
    return tmp_path_factory.mktemp("stack")


async def query(postgres: PostgresServer, sql: str) -> object:
    connection = await asyncpg.connect(postgres.dsn())
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def stored_messages(server: NatsServer, stream: str) -> int:
    client = await nats.connect(server.url)
    try:
        return (await client.jetstream().stream_info(stream)).state.messages
    finally:
        await client.close()


def serving(directory: Path) -> list[psutil.Process]:
    """The processes started with a path below this directory."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(f"{directory}/" in part for part in process.info["cmdline"] or ())
    ]


async def test_acknowledged_messages_survive_a_kill_of_nats(nats_server: NatsServer):
    client = await nats.connect(nats_server.url)
    jetstream = client.jetstream()
    await jetstream.add_stream(name="KEPT", subjects=["kept.>"])
    for number in range(20):
        await jetstream.publish(f"kept.{number}", b"message")
    await client.close()
    url, pid = nats_server.url, nats_server.pid

    await nats_server.kill()
    await nats_server.start()

    assert (nats_server.url, nats_server.pid == pid) == (url, False)
    assert await stored_messages(nats_server, "KEPT") == 20


async def test_nats_restart_keeps_the_port(nats_server: NatsServer):
    url = nats_server.url
    await nats_server.restart()
    assert nats_server.url == url
    assert nats_server.alive


@pytest.mark.parametrize(("sync_always", "written"), [(True, True), (False, False)])
def test_sync_interval_is_always_unless_declined(tmp_path: Path, sync_always: bool, written: bool):
    NatsServer(tmp_path, sync_always=sync_always).write_configuration()
    assert ("sync_interval: always" in (tmp_path / "nats.conf").read_text()) is written


async def test_committed_rows_survive_a_kill_of_postgres(postgres: PostgresServer):
    await query(postgres, "CREATE TABLE kept AS SELECT 42 AS answer")
    dsn = postgres.dsn()

    await postgres.kill()
    await postgres.start()

    assert postgres.dsn() == dsn
    assert await query(postgres, "SELECT answer FROM kept") == 42


async def test_postgres_kill_takes_a_busy_backend_along(postgres: PostgresServer):
    connection = await asyncpg.connect(postgres.dsn())
    backend = psutil.Process(connection.get_server_pid())
    busy = asyncio.create_task(connection.execute("SELECT pg_sleep(60)"))

    await postgres.kill()

    assert not backend.is_running() or backend.status() == psutil.STATUS_ZOMBIE
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await busy
    connection.terminate()
    await postgres.start()


async def test_postgres_starts_although_its_old_pid_is_another_process_now(postgres: PostgresServer, tmp_path: Path):
    data = postgres.data
    stranger = ChildProcess("sleep", ["/bin/sleep", "60"], {}, tmp_path / "log", owner=server_owner(data))
    stranger.launch()
    await postgres.kill()
    pid_file = data / "postmaster.pid"
    pid_file.write_text(pid_file.read_text().replace(pid_file.read_text().split()[0], str(stranger.pid), 1))

    await postgres.start()

    await stranger.kill()
    assert await query(postgres, "SELECT 1") == 1


async def test_postgres_is_durable_and_sorts_alike_everywhere(postgres: PostgresServer):
    assert await query(postgres, "SELECT current_setting('fsync') || current_setting('synchronous_commit')") == "onon"
    locale = "SELECT datlocale || pg_encoding_to_char(encoding) FROM pg_database WHERE datname = 'postkontor'"
    assert await query(postgres, locale) == "C.UTF-8UTF8"


async def test_postgres_wants_its_password(postgres: PostgresServer):
    dsn = postgres.dsn()
    password = dsn.split(":")[2].split("@")[0]
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(dsn.replace(password, "guessed"))


async def test_a_killed_stack_leaves_no_process_and_can_be_started_again(stack_directory: Path):
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLD_A_STACK, str(stack_directory), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert holder.stdout is not None
        assert await holder.stdout.readline() == b"started\n"
        assert serving(stack_directory)
        endpoints = running_stack(stack_directory)
        assert endpoints is not None
        assert endpoints["pid"] == holder.pid
    finally:
        holder.kill()
        await holder.wait()

    assert running_stack(stack_directory) is None
    assert await wait_until(lambda: not serving(stack_directory), 5)
    stack = Stack(stack_directory)
    await stack.start_servers()
    assert stack.environment() == endpoints["environment"]
    await stack.stop()


async def test_second_stack_on_a_directory_is_refused_with_the_holders_pid(stack_directory: Path):
    first = Stack(stack_directory)
    await first.start_servers()
    try:
        with pytest.raises(DirectoryInUse, match=f"process {os.getpid()}$"):
            await Stack(stack_directory).start_servers()
        assert first.nats.alive
        assert first.postgres.alive
    finally:
        await first.stop()


async def test_stop_leaves_no_process_no_endpoints_and_no_lock(stack_directory: Path):
    stack = Stack(stack_directory)
    await stack.start_servers()
    endpoints = stack_directory / "stack.json"
    assert stat.S_IMODE(endpoints.stat().st_mode) == 0o600

    await stack.stop()

    assert not serving(stack_directory)
    assert not endpoints.exists()
    assert running_stack(stack_directory) is None


async def test_a_failed_start_stops_what_had_started(stack_directory: Path, monkeypatch: pytest.MonkeyPatch):
    async def fail(_server: PostgresServer) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(PostgresServer, "start", fail)
    with pytest.raises(OSError, match="disk full"):
        await Stack(stack_directory).start_servers()
    assert not serving(stack_directory)
    assert running_stack(stack_directory) is None


def test_a_chosen_port_is_remembered_and_not_an_outgoing_one(tmp_path: Path):
    port = remembered_port(tmp_path / "port")
    assert LOWEST_PORT <= port < 32_768
    assert remembered_port(tmp_path / "port") == port


async def test_a_taken_port_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("deploy.devstack.ports.RELEASE_DEADLINE_SECONDS", 0)
    port = free_port()
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", port)
    async with server:
        with pytest.raises(PortTaken, match=str(port)):
            await wait_until_free(port, tmp_path / "port")


def test_a_port_is_given_once_although_nobody_listens_on_it_yet():
    assert len({free_port() for _ in range(300)}) == 300
