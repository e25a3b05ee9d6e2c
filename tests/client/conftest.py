"""A real bus with its streams, and a stand-in for the workers' public side."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import nats
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from pydantic import BaseModel

from contracts.dryruns import NAME as DRY_RUN_FINISHED
from contracts.envelope import Envelope, encode
from contracts.ids import derived
from contracts.mailbox_v1 import CreateMailbox, FeatureState, MailboxCreated, MailboxView
from contracts.messages import AskRequest, RequestAnswer, RequestStep
from contracts.refusals import RequestRefused, refuse
from contracts.samples import SAMPLES
from deploy.devstack.nats import NatsServer
from services.chassis import topology
from services.chassis.bus import Access

HASH = "{ARGON2ID}$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$" + "b" * 43


def order(address: str = "anna@nordwind-segel.de") -> CreateMailbox:
    return CreateMailbox(address=address, first_name="Anna", last_name="Nord", plan="mailxl", password_hash=HASH)


def view(address: str, revision: int = 1) -> MailboxView:
    return MailboxView(
        account="nordwind",
        address=address,
        domain=address.partition("@")[2],
        first_name="Anna",
        last_name="Nord",
        state="active",
        plan="mailxl",
        price_cents=250,
        mail_bytes=5_000_000_000,
        cloud_bytes=100_000_000,
        groupware=True,
        catalogue="2025-01",
        aliases=(),
        forwardings=(),
        keep_copy=True,
        features=FeatureState(on=(), origin="default"),
        blocked_senders=(),
        created_at=datetime.now(UTC),
        revision=revision,
    )


class StandIn:
    """Carries out CreateMailbox at once: states the fact, answers on `rpl` unless muted, and knows what it did."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client: Client | None = None
        self.muted = False
        self.deaf = False
        self.received: list[UUID] = []
        self.steps: dict[str, RequestStep] = {}

    @property
    def client(self) -> Client:
        assert self._client is not None
        return self._client

    async def start(self) -> None:
        self._client = await nats.connect(self._url, max_reconnect_attempts=-1, reconnect_time_wait=0.1)
        await self.client.subscribe("cmd.*.domain.create-mailbox.v1", cb=self._handle)
        for service in ("domain", "billing", "mailbox"):
            await self.client.subscribe(f"qry.*.{service}.request.v1", cb=self._answer)
        await self.client.flush()

    async def stop(self) -> None:
        await self.client.close()

    async def state(self, address: str, request_id: UUID, revision: int = 1) -> None:
        """Put a mailbox-created event on the stream."""
        fact = MailboxCreated(mailbox=view(address, revision))
        await self.client.jetstream().publish(
            "evt.nordwind.mailbox.mailbox-created.v1", self._event(request_id, "mailbox.mailbox-created.v1", fact)
        )

    async def _handle(self, message: Msg) -> None:
        request = Envelope[CreateMailbox].model_validate_json(message.data)
        self.received.append(request.id)
        if self.deaf or str(request.id) in self.steps:
            return
        if request.dryrun:
            refusal, type_, fate = None, f"billing.{DRY_RUN_FINISHED}.v1", "done"
            sample = SAMPLES[type_].model_copy(update={"request_id": request.id})
            is_ready = request.data.password_hash is not None
            fact = sample.model_copy(update={"missing": ()}) if is_ready else sample
        elif request.data.first_name == "Nobody":
            refusal = refuse("domain_unknown", domain="nordwind-segel.de")
            fact = RequestRefused(request_id=request.id, request_type=request.type, refusal=refusal)
            type_, fate = "domain.request-refused.v1", "refused"
        else:
            refusal, fact = None, MailboxCreated(mailbox=view(request.data.address))
            type_, fate = "mailbox.mailbox-created.v1", "done"
        self.steps[str(request.id)] = RequestStep(
            message_id=request.id,
            type=request.type,
            fate=fate,
            code=refusal and refusal.code,
            handled_at=datetime.now(UTC),
            outcome=type_,
            refusal=refusal,
        )
        event = self._event(request.id, type_, fact)
        await self.client.jetstream().publish(f"evt.nordwind.{type_}", event)
        if not self.muted:
            await self.client.publish(f"rpl.nordwind.{request.id}", event)

    async def _answer(self, message: Msg) -> None:
        service = message.subject.split(".")[2]
        asked = AskRequest.model_validate_json(message.data).request_id
        step = self.steps.get(str(asked))
        mine = step is not None and (step.outcome or "").startswith(f"{service}.")
        answer = RequestAnswer(service=service, steps=(step,) if step and mine else ())
        await message.respond(answer.model_dump_json().encode())

    def _event(self, request_id: UUID, type_: str, fact: MailboxCreated | RequestRefused | BaseModel) -> bytes:
        return encode(
            message_id=derived(request_id, type_),
            type=type_,
            source="stand-in",
            time=datetime.now(UTC),
            account="nordwind",
            data=fact,
            correlation_id=request_id,
            causation_id=request_id,
            revision=fact.mailbox.revision if isinstance(fact, MailboxCreated) else None,
        )


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    server = NatsServer(tmp_path / "nats", sync_always=False)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def bus(server: NatsServer) -> NatsServer:
    await topology.apply(Access(server.url))
    return server


@pytest.fixture
async def workers(bus: NatsServer) -> AsyncIterator[StandIn]:
    stand_in = StandIn(bus.url)
    await stand_in.start()
    yield stand_in
    await stand_in.stop()
