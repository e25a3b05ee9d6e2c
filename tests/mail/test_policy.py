"""The policy service as a process: what Postfix hears from it, with the database there and away."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from deploy.devstack.ports import LOOPBACK, free_port
from services.chassis.migrations import migrate

PASS, REFUSED = "DUNNO", "554 5.7.1 The recipient does not accept mail from this sender"
ANNA, BELA, SPAMMER = "anna@a.example", "bela@a.example", "offers@spam.example"

ROWS = f"""
    INSERT INTO mailbox.domain (account, domain, domain_id, state, features, epoch, mailboxes, revision)
        VALUES ('nordwind', 'a.example', gen_random_uuid(), 'open', '{{blacklist}}', 0, 2, 1);
    INSERT INTO mailbox.mailbox (
        address, account, domain, first_name, last_name, state, plan, price_cents, mail_bytes, cloud_bytes, groupware,
        catalogue, password_hash, aliases, forwardings, keep_copy, own_epoch, blocked_senders, created_at, updated_at,
        revision)
    SELECT address, 'nordwind', 'a.example', 'A', 'B', 'active', 'mail', 100, 1, 0, false, '1', '{{BLF-CRYPT}}', '{{}}',
        '{{}}', true, 0, string_to_array(blocked, ','), now(), now(), 1
    FROM (VALUES ('{ANNA}', '{SPAMMER},@ads.example'), ('{BELA}', '')) AS m (address, blocked);
    INSERT INTO mailbox.address (address, mailbox, account, since)
        VALUES ('{ANNA}', '{ANNA}', 'nordwind', now()), ('ann@a.example', '{ANNA}', 'nordwind', now()),
               ('{BELA}', '{BELA}', 'nordwind', now())"""


@dataclass
class Gate:
    """A way to the database that can be shut: nobody there, or somebody who never answers."""

    port: int
    database_port: int
    silent: bool = False
    server: asyncio.Server | None = None
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)

    async def open(self, *, silent: bool = False) -> None:
        self.silent = silent
        self.server = await asyncio.start_server(self._pass, LOOPBACK, self.port)

    async def shut(self) -> None:
        if self.server is not None:
            self.server.close()
        for writer in self.writers:
            writer.close()
        self.writers.clear()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        if self.silent:
            return
        far_reader, far_writer = await asyncio.open_connection(LOOPBACK, self.database_port)
        self.writers.append(far_writer)
        for source, target in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.create_task(_copy(source, target))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while chunk := await source.read(65536):
            target.write(chunk)
            await target.drain()
    except ConnectionError:
        pass
    target.close()


@dataclass
class Postfix:
    """A connection as smtpd keeps it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ask(self, sender: str, recipient: str, **attributes: str) -> str:
        """Return the action that comes back."""
        told = {"request": "smtpd_access_policy", "protocol_state": "RCPT", "instance": "1a.2b.3", **attributes}
        told |= {"sender": sender, "recipient": recipient}
        self.writer.write("".join(f"{name}={value}\n" for name, value in told.items()).encode() + b"\n")
        async with asyncio.timeout(5):
            reply = await self.reader.readuntil(b"\n\n")
        assert reply.startswith(b"action=")
        return reply.decode().strip().removeprefix("action=")


async def connect(port: int) -> Postfix:
    return Postfix(*await asyncio.open_connection(LOOPBACK, port))


@pytest_asyncio.fixture(scope="module")
async def gate(database_url: str, postgres: Any) -> AsyncIterator[Gate]:
    """The way to a database with two mailboxes, of which one blocks senders."""
    connection = await asyncpg.connect(database_url)
    await migrate(connection, "mailbox")
    await connection.execute(ROWS)
    await connection.close()
    made = Gate(free_port(), postgres.port)
    await made.open()
    yield made
    await made.shut()


@pytest_asyncio.fixture(scope="module")
async def reader_url(gate: Gate, database_url: str) -> AsyncIterator[str]:
    """The connection URL of a role that may read the views and nothing else, through the gate."""
    connection = await asyncpg.connect(database_url)
    role = f"reader_{gate.port}"
    await connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'secret' IN ROLE mta_reader")
    yield f"postgresql://{role}:secret@{LOOPBACK}:{gate.port}/{database_url.rpartition('/')[2]}"
    await connection.execute(f"DROP ROLE {role}")
    await connection.close()


@pytest_asyncio.fixture(scope="module")
async def service(policy_process: Any, reader_url: str, listens: Any) -> AsyncIterator[Any]:
    """A running policy service."""
    port = free_port()
    process = policy_process(port, reader_url, POSTKONTOR_POLICY_LOOKUP_SECONDS="0.5", POSTKONTOR_POLICY_CLIENTS="4")
    process.port = port
    process.launch()
    await process.until_ready(lambda: listens(port), 20)
    yield process
    await process.stop()


@pytest_asyncio.fixture
async def postfix(service: Any) -> AsyncIterator[Postfix]:
    """A connection to the service."""
    connected = await connect(service.port)
    yield connected
    connected.writer.close()


@pytest.mark.parametrize(
    ("sender", "recipient", "action"),
    [
        (SPAMMER, ANNA, REFUSED),
        ("Offers@SPAM.example", "Anna@A.example", REFUSED),
        (SPAMMER, "ann@a.example", REFUSED),
        (SPAMMER, "ann+tag@a.example", REFUSED),
        ("offers+7@spam.example", ANNA, REFUSED),
        ("anybody@ads.example", ANNA, REFUSED),
        ("anybody@sub.ads.example", ANNA, PASS),
        ("friend@spam.example", ANNA, PASS),
        (SPAMMER, BELA, PASS),
        (SPAMMER, "nobody@a.example", PASS),
        ("", ANNA, PASS),
        ("x'); DROP TABLE mta.domain; --@spam.example", ANNA, PASS),
        ("nül@straße.example", ANNA, PASS),
    ],
)
async def test_only_what_the_holder_blocks_is_refused(postfix, sender, recipient, action):
    assert await postfix.ask(sender, recipient) == action


async def test_only_the_recipients_turn_is_judged(postfix):
    assert await postfix.ask(SPAMMER, ANNA, protocol_state="DATA") == PASS


async def test_many_at_a_time_get_their_own_answers(service):
    postfixes = [await connect(service.port) for _ in range(4)]

    async def ask(number, postfix):
        for turn in range(50):
            blocked = (number + turn) % 2 == 0
            assert await postfix.ask(SPAMMER, ANNA if blocked else BELA) == (REFUSED if blocked else PASS)

    await asyncio.gather(*(ask(number, postfix) for number, postfix in enumerate(postfixes)))
    for postfix in postfixes:
        postfix.writer.close()


async def test_a_connection_too_many_is_closed_and_the_others_go_on(service, eventually):
    async def four_are_in():
        found = [await connect(service.port) for _ in range(4)]
        try:
            for postfix in found:
                await postfix.ask("", ANNA)
        except (ConnectionError, asyncio.IncompleteReadError):
            for postfix in found:
                postfix.writer.close()
            return None
        return found

    postfixes = await eventually(four_are_in, what="four connections")  # those of other tests are still going
    fifth = await connect(service.port)
    assert await fifth.reader.read() == b""
    assert await postfixes[0].ask(SPAMMER, ANNA) == REFUSED
    for postfix in (*postfixes, fifth):
        postfix.writer.close()


async def test_a_request_without_an_end_is_not_collected_for_ever(service, eventually):
    async def closed():
        postfix = await connect(service.port)
        postfix.writer.write(b"x" * 200_000)
        try:
            return await postfix.reader.read() == b""
        except ConnectionError:
            return True
        finally:
            postfix.writer.close()

    await eventually(closed, what="the end of the connection")


async def test_without_the_database_everything_passes_until_it_is_back(service, gate, eventually):
    postfix = await connect(service.port)

    async def says(action):
        return await postfix.ask(SPAMMER, ANNA) == action

    await eventually(lambda: says(REFUSED), what="a refusal")
    await gate.shut()
    await eventually(lambda: says(PASS), what="passing while nobody is there")
    await gate.open(silent=True)
    for _ in range(3):
        assert await says(PASS)
    await gate.shut()
    await gate.open()
    await eventually(lambda: says(REFUSED), what="a refusal after the database is back")
    postfix.writer.close()


async def test_it_ends_in_order_and_its_log_names_nobody(policy_process, reader_url, listens):
    port = free_port()
    process = policy_process(port, reader_url)
    process.launch()
    await process.until_ready(lambda: listens(port), 20)
    postfix = await connect(port)
    assert await postfix.ask(SPAMMER, ANNA) == REFUSED
    process.signal(signal.SIGTERM)
    assert await postfix.reader.read() == b""  # a quiet connection is closed at once
    assert await process.gone(5)
    assert process.returncode == 0
    text = process.log_path.read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["event"] for line in lines] == ["policy service started", "sender refused", "policy service stopped"]
    assert lines[1]["instance"] == "1a.2b.3"
    assert lines[2] | {"answered": 1, "refused": 1, "unanswered": 0} == lines[2]
    assert "@" not in text
    assert "secret" not in text


async def test_it_starts_without_a_database_and_says_what_is_set_wrong(policy_process, listens):
    port = free_port()
    process = policy_process(port, f"postgresql://nobody:none@{LOOPBACK}:{free_port()}/none")
    process.launch()
    await process.until_ready(lambda: listens(port), 20)
    assert await (await connect(port)).ask(SPAMMER, ANNA) == PASS
    await process.stop()
    wrong = policy_process(port, "postgresql://x", POSTKONTOR_POLICY_LISTEN="everywhere")
    wrong.launch()
    assert await wrong.gone(20)
    assert wrong.returncode == 2
    assert "POSTKONTOR_POLICY_LISTEN: Value error, write host:port" in wrong.log_path.read_text()
