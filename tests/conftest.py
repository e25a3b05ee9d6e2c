"""Real servers for every test that needs them: one PostgreSQL for the run, a NATS server and a database per module."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import nats
import pytest
import pytest_asyncio
from nats.aio.client import Client
from pydantic import BaseModel, SecretStr

from contracts.envelope import Envelope, encode
from contracts.ids import uuid7
from contracts.messages import REGISTRY
from deploy.bus.configuration import authorization
from deploy.bus.permissions import Identity
from deploy.bus.register import Register, standard
from deploy.devstack.nats import NatsServer
from deploy.devstack.postgres import PostgresServer
from services.chassis import topology, worker
from services.chassis.bus import Access
from services.chassis.runtime import utc_now
from services.chassis.service import Service
from services.chassis.settings import Settings
from services.chassis.tracing import Tracing
from services.chassis.worker import Worker

DEADLINE_SECONDS = 15.0


async def eventually(
    holds: Callable[[], Awaitable[Any]], *, seconds: float = DEADLINE_SECONDS, what: str = "it"
) -> Any:
    """Poll until `holds` returns something true; return that. Fails at the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        if found := await holds():
            return found
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds} s"
        await asyncio.sleep(0.01)


@pytest_asyncio.fixture(scope="session")
async def postgres(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PostgresServer]:
    """One PostgreSQL server for the run."""
    server = PostgresServer(tmp_path_factory.mktemp("postgres"))
    await server.start()
    yield server
    await server.stop()


@pytest_asyncio.fixture(scope="module")
async def database_url(postgres: PostgresServer) -> str:
    """A database of the module's own."""
    name = f"t{uuid4().hex[:12]}"
    connection = await asyncpg.connect(postgres.dsn())
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    return postgres.dsn(name)


@pytest.fixture(scope="session")
def register(tmp_path_factory: pytest.TempPathFactory) -> Register:
    """Keys for the workers, an operator and an admin."""
    made = Register(tmp_path_factory.mktemp("bus"))
    made.grant([*standard(), Identity("mail-store", "operator", durables=("backup-store",))])
    return made


@pytest_asyncio.fixture(scope="module")
async def nats_server(tmp_path_factory: pytest.TempPathFactory, register: Register) -> AsyncIterator[NatsServer]:
    """A NATS server of the module's own, with streams and consumers, which permits each worker what it needs only."""
    server = NatsServer(
        tmp_path_factory.mktemp("nats"),
        sync_always=False,
        authorization=lambda: authorization(register.entries, partitions=4),
    )
    await server.start()
    await topology.apply(Access(server.url, seed=register.seed_file("admin")))
    yield server
    await server.stop()


@dataclass
class Bus:
    """The bus as a publisher and a subscriber see it, and workers to run on it."""

    access: Access
    register: Register
    database_url: str
    client: Client
    workers: list[Worker] = field(default_factory=list)
    answers: dict[str, list[Envelope[Any]]] = field(default_factory=dict)

    eventually = staticmethod(eventually)

    def settings(self, **changes: Any) -> Settings:
        """Return a worker's settings."""
        return Settings(nats_url=self.url, database_url=SecretStr(self.database_url), **changes)

    @property
    def url(self) -> str:
        """Return the server's address."""
        return self.access.url

    def environment(self, identity: str = "operator") -> dict[str, str]:
        """Return how a program finds the bus, by the environment."""
        return {"POSTKONTOR_NATS_URL": self.url, "POSTKONTOR_NATS_SEED": str(self.register.seed_file(identity))}

    @property
    def options(self) -> tuple[str, ...]:
        """Return how the command line finds it."""
        return "--nats", self.url, "--seed", str(self.register.seed_file("operator"))

    async def start(self, service: Service, *, tracing: Tracing | None = None, **changes: Any) -> Worker:
        """Bring the schema up to date and start a replica."""
        settings = self.settings(nats_seed=self.register.seed_file(service.name), **changes)
        await worker.migrate(service, settings)
        started = Worker(service, settings, tracing=tracing)
        await started.start()
        self.workers.append(started)
        return started

    async def owns_all(self, *workers: Worker, lanes: int) -> None:
        """Wait until the replicas own every lane between them."""

        async def all_owned() -> bool:
            return sum(len(w.ownership.owned) for w in workers if w.ownership) == lanes

        await eventually(all_owned, what="owning all lanes")

    async def send(self, account: str, model: BaseModel, *, id: UUID | None = None, **attributes: Any) -> UUID:  # noqa: A002
        """Publish a message as a typed envelope; return its id."""
        message = REGISTRY.of(type(model))
        id_ = id or uuid7()
        attributes.setdefault("account", account)
        payload = encode(message_id=id_, type=message.type, source="test", time=utc_now(), data=model, **attributes)
        await self.send_raw(message.subject(account), payload)
        return id_

    async def send_raw(self, subject: str, payload: bytes) -> None:
        """Publish bytes to a stream."""
        await self.client.jetstream().publish(subject, payload, timeout=5)

    async def answer(self, account: str, request_id: UUID) -> Envelope[Any]:
        """Wait for the outcome that a requester would see."""
        subject = f"rpl.{account}.{request_id}"

        async def come() -> Envelope[Any] | None:
            found = self.answers.get(subject)
            return found[0] if found else None

        return await eventually(come, what=f"an answer to {request_id}")

    async def request(self, account: str, model: BaseModel, **attributes: Any) -> Envelope[Any]:
        """Publish a request and wait for its outcome."""
        return await self.answer(account, await self.send(account, model, **attributes))

    async def ask(self, account: str, model: BaseModel, *, service: str | None = None) -> Any:
        """Ask a question; `service` chooses among several that answer it."""
        message = REGISTRY.of(type(model))
        subject = f"qry.{account}.{service or message.service}.{message.name}.v{message.version}"
        reply = await self.client.request(subject, model.model_dump_json().encode(), timeout=5)
        assert not (reply.headers or {}).get("Nats-Service-Error"), reply.headers
        assert message.reply is not None
        return message.reply.model_validate_json(reply.data)

    async def events(self, subject: str = "evt.>") -> list[Envelope[Any]]:
        """Return everything that is in the event stream now."""
        context = self.client.jetstream()
        info = await context.stream_info("EVT")
        found: list[Envelope[Any]] = []
        subscription = await context.subscribe(subject, stream="EVT", ordered_consumer=True)
        while info.state.messages:
            try:
                message = await subscription.next_msg(timeout=0.3)
            except TimeoutError:
                break
            found.append(typed(message.data))
            if message.metadata.sequence.stream >= info.state.last_seq:
                break
        await subscription.unsubscribe()
        return found

    async def fetch(self, sql: str, *arguments: Any) -> list[Any]:
        """Read from the database."""
        connection = await asyncpg.connect(self.database_url)
        try:
            return await connection.fetch(sql, *arguments)
        finally:
            await connection.close()


def typed(payload: bytes) -> Envelope[Any]:
    """Read an event or an outcome copy with the model that its type names."""
    type_ = json.loads(payload)["type"]
    message = REGISTRY.find("evt", type_)
    assert message is not None, type_
    return message.adapter.validate_json(payload)


@pytest_asyncio.fixture(scope="module")
async def bus(nats_server: NatsServer, register: Register, database_url: str) -> AsyncIterator[Bus]:
    """A bus without workers; a test module starts those it needs. Its own client may do everything."""
    access = Access(nats_server.url, seed=register.seed_file("admin"))
    client = await nats.connect(**access.for_nats())
    made = Bus(access, register, database_url, client)

    async def heard(message: Any) -> None:
        made.answers.setdefault(message.subject, []).append(typed(message.data))

    await client.subscribe("rpl.>", cb=heard)
    await client.flush()
    yield made
    for started in made.workers:
        await started.stop()
    await client.close()


@pytest.fixture(scope="session", name="eventually")
def eventually_fixture() -> Any:
    """The poller, for tests without a bus."""
    return eventually


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder that holds pyproject.toml."""
    return Path(__file__).resolve().parents[1]
