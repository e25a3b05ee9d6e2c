"""What the crash tests stand on: servers that can be killed, replicas as real processes, a load that is audited.

Loaded by conftest.py under the name crash_stand; the test modules import it from there.
"""

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import nats
import pytest_asyncio
from nats.aio.client import Client
from nats.js.api import ConsumerConfig, DeliverPolicy
from pydantic import SecretStr

from contracts.envelope import encode
from contracts.ids import uuid7
from contracts.mailbox_v1 import SetMailboxFeatures
from contracts.messages import REGISTRY
from deploy.devstack.nats import NatsServer
from deploy.devstack.postgres import PostgresServer
from deploy.devstack.processes import WorkerProcess
from services.chassis import topology, worker
from services.chassis.bus import Access
from services.chassis.runtime import utc_now
from services.chassis.settings import Settings

PROGRAM = Path(__file__).with_name("counting_worker.py")
ACCOUNTS, EACH = 20, 25
PARTITIONS = 4
SPECS = topology.lanes("mailbox", PARTITIONS)
LANES = len(SPECS)
SETTLED_SECONDS = 40.0  # a few are usual; the machine may be busy


class RefusingServer(NatsServer):
    """A server that can be told to let nobody in."""

    refuses = False

    def write_configuration(self) -> None:
        super().write_configuration()
        if self.refuses:
            with self._configuration.open("a") as file:
                file.write('authorization { user: nobody, password: "unknown" }\n')


@dataclass
class Stand:
    """Servers, a publisher's connection, and the replicas under test."""

    directory: Path
    nats_server: RefusingServer
    postgres: PostgresServer
    client: Client
    eventually: Any
    replicas: list[WorkerProcess] = field(default_factory=list)
    partitions: int = PARTITIONS

    def replica(self, **environment: str) -> WorkerProcess:
        """Start a replica; it is ready when it answers with its work."""
        environment = {
            "PATH": os.defpath,
            "PYTHONPATH": str(PROGRAM.parents[2]),  # this tree, whichever is installed
            "POSTKONTOR_NATS_URL": self.nats_server.url,
            "POSTKONTOR_DATABASE_URL": self.postgres.dsn(),
            **environment,
        }
        log = self.directory / f"worker-{uuid4().hex[:8]}.log"
        started = WorkerProcess("counting-worker", [sys.executable, str(PROGRAM)], environment, log)
        started.launch()
        self.replicas.append(started)
        return started

    async def clear(self) -> None:
        """End every replica, and what would make the next ones do something by themselves."""
        for replica in self.replicas:
            if replica.alive:
                replica.signal(signal.SIGCONT)
                await replica.kill()
        self.replicas.clear()
        await self.fetch("DELETE FROM mailbox.timer")

    async def fetch(self, sql: str, *arguments: Any) -> list[Any]:
        """Read from the database; nothing while it is away."""
        try:
            connection = await asyncpg.connect(self.postgres.dsn(), timeout=2)
        except (OSError, asyncpg.PostgresError, TimeoutError):
            return []
        try:
            return await connection.fetch(sql, *arguments)
        finally:
            await connection.close()

    async def publish(self, account: str, model: Any, id_: UUID) -> None:
        """Publish as a careful publisher does: again and again with the same id until the broker has it."""
        message = REGISTRY.of(type(model))
        payload = encode(message_id=id_, type=message.type, source="t", time=utc_now(), account=account, data=model)
        context, headers = self.client.jetstream(), {"Nats-Msg-Id": str(id_)}

        async def acknowledged() -> bool:
            try:
                return bool(await context.publish(message.subject(account), payload, timeout=1, headers=headers))
            except (nats.errors.Error, TimeoutError, OSError):
                return False

        await self.eventually(acknowledged, what="publishing")

    async def all_acknowledged(self) -> bool:
        """Say whether no lane's consumer has anything to deliver or waits for an acknowledgement."""
        context = self.client.jetstream()
        try:
            specs = topology.lanes("mailbox", self.partitions)
            infos = [await context.consumer_info(spec.stream, spec.consumer) for spec in specs]
        except (nats.errors.Error, TimeoutError):
            return False
        return all(info.num_pending == 0 and info.num_ack_pending == 0 for info in infos)

    async def nothing_to_publish(self) -> bool:
        """Say whether the pending sets are empty; an idle lane empties them."""
        rows = await self.fetch(
            "SELECT (SELECT count(*) FROM mailbox.outbox) + (SELECT count(*) FROM mailbox.event_log AS e"
            " JOIN mailbox.lane AS l ON l.lane = e.lane WHERE e.seq > l.published_seq)"
        )
        return bool(rows) and rows[0][0] == 0

    async def lanes_of(self, replica: WorkerProcess) -> int:
        """Return how many lanes the process holds."""
        rows = await self.fetch(
            "SELECT count(*) FROM pg_stat_activity AS a JOIN pg_locks AS l ON l.pid = a.pid"
            " WHERE l.locktype = 'advisory' AND a.application_name = $1",
            self.name_of(replica),
        )
        return rows[0][0] if rows else 0

    def name_of(self, replica: WorkerProcess) -> str | None:
        """Return the application_name of the process's sessions, which its log tells."""
        for line in replica.log_path.read_text().splitlines():
            if '"worker started"' in line:
                return f"postkontor/mailbox/{json.loads(line)['replica']}"
        return None

    async def owns(self, replica: WorkerProcess, *counts: int) -> None:
        """Wait until the process holds one of these numbers of lanes."""

        async def owned() -> bool:
            return await self.lanes_of(replica) in counts

        await self.eventually(owned, what=f"owning {counts} lanes")

    async def fair(self, *replicas: WorkerProcess) -> None:
        """Wait until two replicas share the lanes."""
        for replica in replicas:
            await self.owns(replica, 2, 3)


@dataclass
class Load:
    """Requests of many accounts, and what has to be true of them afterwards."""

    stand: Stand
    since: int
    accounts: list[str] = field(default_factory=lambda: [f"a{uuid4().hex[:10]}" for _ in range(ACCOUNTS)])
    sent: dict[str, list[UUID]] = field(default_factory=dict)

    async def publish(self, each: int = EACH) -> None:
        """Publish for all accounts at once; each account's requests one after the other."""
        await asyncio.gather(*(self._publish(account, each) for account in self.accounts))

    async def handled(self, at_least: int) -> None:
        """Wait until so many requests were handled."""

        async def enough() -> bool:
            return await self._handled() >= at_least

        await self.stand.eventually(enough, seconds=SETTLED_SECONDS, what=f"{at_least} requests handled")

    async def settled(self) -> None:
        """Wait until every request was handled and acknowledged, which comes after publishing."""
        total = sum(len(ids) for ids in self.sent.values())

        async def nothing_left() -> bool:
            return await self._handled() >= total and await self.stand.all_acknowledged()

        await self.stand.eventually(nothing_left, seconds=SETTLED_SECONDS, what=f"settling {total} requests")

    async def exactly_once(self, *, without: frozenset[UUID] = frozenset()) -> None:
        """Settle, then check every request's outcome, effect and place."""
        await self.settled()
        expected = {a: [str(id_) for id_ in ids if id_ not in without] for a, ids in self.sent.items()}
        rows = await self.stand.fetch(
            "SELECT address, count, seen FROM mailbox.tally WHERE address = ANY($1)",
            [f"box@{account}.de" for account in self.accounts],
        )
        tallies = {row["address"]: row for row in rows}
        facts = [fact for fact in await events(self.stand.client, self.since) if fact["account"] in expected]
        assert [id_ for id_, times in Counter(fact["id"] for fact in facts).items() if times > 1] == []
        outcomes: dict[str, list[str]] = {account: [] for account in expected}
        for fact in facts:
            if fact["correlationid"] not in {str(id_) for id_ in without}:
                outcomes[fact["account"]].append(fact["correlationid"])
        for account, ids in expected.items():
            assert tallies[f"box@{account}.de"]["seen"] == ids, f"effects of {account}"
            assert tallies[f"box@{account}.de"]["count"] == len(ids)
            assert outcomes[account] == ids, f"outcomes of {account}"
        buried = await self.stand.fetch("SELECT id FROM mailbox.dead_letter WHERE account = ANY($1)", self.accounts)
        assert {row["id"] for row in buried} == without

    async def _publish(self, account: str, each: int) -> None:
        for _ in range(each):
            id_ = uuid7()
            self.sent.setdefault(account, []).append(id_)
            await self.stand.publish(account, order(f"box@{account}.de"), id_)

    async def _handled(self) -> int:
        rows = await self.stand.fetch(
            "SELECT count(*) FROM mailbox.inbox WHERE account = ANY($1) AND type = 'mailbox.set-mailbox-features.v1'",
            self.accounts,
        )
        return rows[0][0] if rows else 0


def order(*addresses: str) -> SetMailboxFeatures:
    return SetMailboxFeatures(addresses=addresses, features=())


async def events(client: Client, since: int) -> list[dict[str, Any]]:
    """Return the envelopes in the event stream from a sequence number on."""
    context = client.jetstream()
    last = (await context.stream_info("EVT")).state.last_seq
    config = ConsumerConfig(deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=since)
    subscription = await context.subscribe("evt.>", stream="EVT", ordered_consumer=True, config=config)
    found: list[dict[str, Any]] = []
    while last >= since:
        message = await subscription.next_msg(timeout=5)
        found.append(json.loads(message.data))
        if message.metadata.sequence.stream >= last:
            break
    await subscription.unsubscribe()
    return found


async def connect(url: str) -> Client:
    async def silent(error: Exception) -> None:
        """The tests make these errors themselves."""

    return await nats.connect(url, max_reconnect_attempts=-1, reconnect_time_wait=0.05, error_cb=silent, pending_size=0)


@pytest_asyncio.fixture(scope="module")
async def stand(tmp_path_factory, counting, eventually):
    directory = tmp_path_factory.mktemp("crash")
    nats_server = RefusingServer(directory / "nats", sync_always=False)
    postgres = PostgresServer(directory / "postgres")
    await asyncio.gather(nats_server.start(), postgres.start())
    await topology.apply(Access(nats_server.url))
    settings = Settings(database_url=SecretStr(postgres.dsn()))
    await worker.migrate(counting.make_service(), settings)
    connection = await asyncpg.connect(postgres.dsn())
    await connection.execute(counting.SETUP)
    await connection.close()
    stand = Stand(directory, nats_server, postgres, await connect(nats_server.url), eventually)
    yield stand
    await stand.clear()
    await stand.client.close()
    await asyncio.gather(nats_server.stop(), postgres.stop())


@pytest_asyncio.fixture
async def load(stand):
    return await new_load(stand)


async def new_load(stand: Stand) -> Load:
    return Load(stand, (await stand.client.jetstream().stream_info("EVT")).state.last_seq + 1)


@pytest_asyncio.fixture
async def pair(stand):
    """Two replicas that share the lanes; those of the test before, if they live."""
    alive = [replica for replica in stand.replicas if replica.alive]
    while len(alive) < 2:
        alive.append(stand.replica())
    first, second = alive
    await stand.fair(first, second)
    return first, second


@pytest_asyncio.fixture
async def nobody(stand):
    """No replica before the test, and none of its replicas after it."""
    await stand.clear()
    yield
    await stand.clear()


def losses(replica: WorkerProcess) -> int:
    return replica.log_path.read_text().count('"lane lost"')


async def supervised(stand: Stand, work: Any) -> int:
    """Keep one replica alive while the work lasts; return how often it died."""
    working, deaths = asyncio.ensure_future(work), 0
    replica = stand.replica()
    while not working.done():
        if not replica.alive:
            deaths += 1
            replica = stand.replica()
        await asyncio.sleep(0.02)
    await working
    return deaths


def all_handled(load: Load) -> Any:
    async def holds() -> bool:
        return await load._handled() == sum(len(ids) for ids in load.sent.values())

    return holds
