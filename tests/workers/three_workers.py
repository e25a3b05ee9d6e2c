"""Billing, domain and mailbox over one database, with a bus in memory and a clock that the test turns.

Their batches, inboxes, timers and tables are the real ones; only the way between them is short. A batch can be lost
before its commit, or handled a second time because its acknowledgement was lost.
"""

import json
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import asyncpg
from pydantic import BaseModel

from contracts.base import Text
from contracts.billing_v1 import OpenAccount
from contracts.dnscheck_v1 import Attempt, TxtChecked
from contracts.domain_v1 import ClaimDomain
from contracts.envelope import encode
from contracts.ids import uuid7
from contracts.mailbox_v1 import CreateMailbox
from contracts.messages import REGISTRY
from contracts.routes import HEARD
from services.billing.app import HOUSE
from services.billing.app import service as billing
from services.chassis.batch import Batch
from services.chassis.journal import Journal
from services.chassis.migrations import migrate
from services.chassis.received import Raw, Tick
from services.chassis.service import Moment, Service
from services.domain import handlers_removal
from services.domain.app import service as domain
from services.mailbox import handlers_deletion
from services.mailbox.app import service as mailbox

SERVICES = {service.name: service for service in (billing, domain, mailbox)}
BEGIN = datetime(2027, 3, 1, 12, tzinfo=UTC)
HASH = "{BLF-CRYPT}$2b$12$" + "x" * 53
WORDS = Text(de="x", en="x")
RECURRING = ("expire-reservations", "check-ledger", "invoice-month", "sweep-quarantine")


class Lost(Exception):
    """The process died before its commit."""


@dataclass
class Told:
    """A fact as a subscriber sees it."""

    account: str
    name: str
    data: dict[str, Any]
    request_id: UUID
    revision: int | None


@dataclass
class Three:
    """The three workers, what is on its way between them, and what they have said."""

    pool: Any
    now: datetime = BEGIN
    dice: Random = field(default_factory=lambda: Random(0))
    lossy: float = 0.0  # how often a batch is lost or handled twice
    queues: dict[str, deque[Raw]] = field(default_factory=lambda: {name: deque() for name in SERVICES})
    told: list[Told] = field(default_factory=list)
    outcomes: dict[UUID, list[str]] = field(default_factory=dict)
    asked: dict[UUID, BaseModel] = field(default_factory=dict)
    seqs: dict[str, dict[int, int]] = field(default_factory=lambda: {name: {0: 0} for name in SERVICES})
    largest: Counter[str] = field(default_factory=Counter)

    # --- from outside ---------------------------------------------------------------------------------------------

    def send(self, account: str, model: BaseModel, **attributes: Any) -> UUID:
        """Put a request or another's fact on its way; return its id."""
        message, id_ = REGISTRY.of(type(model)), uuid7()
        payload = encode(
            message_id=id_, type=message.type, source="test", time=self.now, account=account, data=model, **attributes
        )
        self.asked[id_] = model
        self._deliver(message.subject(account), payload)
        return id_

    async def request(self, account: str, model: BaseModel) -> str:
        """Send a request, let everything happen that is due, and return how it ended: a fact or a refusal's code."""
        id_ = self.send(account, model)
        await self.settle()
        return self.end_of(id_)

    def end_of(self, id_: UUID) -> str:
        """Return the one end of a request, or that there is none yet."""
        ends = self.outcomes.get(id_, [])
        assert len(ends) <= 1, (self.asked[id_], ends)
        return ends[0] if ends else "waits"

    def facts(self, name: str, account: str | None = None) -> list[dict[str, Any]]:
        """Return what facts of a name said, in order."""
        return [told.data for told in self.told if told.name == name and account in (None, told.account)]

    async def account(self, account: str, package: str = "platinum") -> None:
        """Open an account."""
        await self.request(account, OpenAccount(package=package, company=account, email="post@example.de"))

    async def active(self, account: str, name: str) -> None:
        """Claim a domain, prove it and give it its password."""
        await self.request(account, ClaimDomain(domain=name, password_hash=HASH))
        claims = self.facts("domain-claimed", account)
        claim = next(fact["domain"] for fact in reversed(claims) if fact["domain"]["domain"] == name)
        self.prove(account, name, UUID(claim["domain_id"]))
        await self.settle()

    def prove(self, account: str, name: str, domain_id: UUID) -> None:
        """Let dnscheck have seen the proof."""
        look = Attempt(
            kind="confirmed", code="confirmed", text=WORDS, expected_name="n", expected_value="v", checked_at=self.now,
            elapsed_ms=1, next_check_at=None,
        )  # fmt: skip
        self.send(account, TxtChecked(domain_id=domain_id, domain=name, requests=(), attempt=look))

    async def mailboxes(self, account: str, name: str, number: int) -> list[str]:
        """Make some mailboxes."""
        addresses = [f"m{n:03}@{name}" for n in range(number)]
        for address in addresses:
            self.send(account, new_mailbox(address))
        await self.settle()
        return addresses

    # --- the way between them -------------------------------------------------------------------------------------

    async def settle(self) -> None:
        """Let everything happen that is on its way or due; the clock ticks with every batch."""
        while True:
            ready = [name for name in SERVICES if self.queues[name] or await self._due(name, limit=1)]
            if not ready:
                return
            await self.step(self.dice.choice(ready))

    async def some(self, steps: int) -> None:
        """Let a few batches happen."""
        for _ in range(steps):
            await self.step(self.dice.choice(list(SERVICES)))

    async def passes(self, time: timedelta) -> None:
        """Let time pass, then settle."""
        self.now += time
        await self.settle()

    async def step(self, name: str) -> None:
        """Let one worker handle one batch: some messages in their order, and what is due."""
        self.now += timedelta(milliseconds=1)
        queue, journal = self.queues[name], Journal(name)
        raws = [queue[n] for n in range(min(len(queue), self.dice.randint(1, 64)))]
        ticks = [await self._observed(SERVICES[name], tick) for tick in await self._due(name, limit=16)]
        batch = Batch(SERVICES[name], journal, Moment(self.now, self.dice.randbytes), dict(self.seqs[name]))
        is_lost = self.dice.random() < self.lossy
        try:
            async with self.pool.acquire() as connection, connection.transaction():
                await batch.run(connection, {}, raws, ticks)
                if is_lost:
                    raise Lost
        except Lost:
            return
        self.seqs[name] = batch.seqs
        self.largest[name] = max(self.largest[name], len(batch.entries.outgoing))
        for out in batch.entries.outgoing:
            self._publish(out)
        if self.dice.random() >= self.lossy:  # else: the acknowledgement is lost, and all of it comes again
            for _ in raws:
                queue.popleft()

    def _publish(self, out: Any) -> None:
        assert not out.subject.startswith("dlq."), out.payload
        self._deliver(out.subject, out.payload)
        if out.subject.startswith("evt."):
            self._hear(out)

    def _hear(self, out: Any) -> None:
        said = json.loads(out.payload)
        request_id, name = UUID(said["correlationid"]), said["type"].split(".")[1]
        self.told.append(Told(said["account"], name, said["data"], request_id, said.get("revision")))
        if out.reply_subject is not None:
            refused = said["data"].get("refusal") if name == "request-refused" else None
            answered = UUID(out.reply_subject.split(".")[2])
            self.outcomes.setdefault(answered, []).append(refused["code"] if refused else name)

    def _deliver(self, subject: str, payload: bytes) -> None:
        kind, _, owner, name, version = subject.split(".")[:5]
        hearers = [owner] if kind == "cmd" else [s for s in SERVICES if f"{owner}.{name}.{version}" in HEARD[s]]
        for service in hearers:
            if service in SERVICES:
                stream = "CMD" if kind == "cmd" else "EVT"
                self.queues[service].append(Raw(subject, payload, stream, len(self.told), "", 0))

    async def _due(self, name: str, limit: int) -> list[Tick]:
        rows = await self.pool.fetch(
            f"SELECT kind, key, account, due_at, payload::text AS payload FROM {name}.timer"
            " WHERE due_at <= $1 AND kind <> ALL ($2::text[]) ORDER BY due_at, kind, key LIMIT $3",
            self.now, RECURRING, limit,
        )  # fmt: skip
        return [
            Tick(uuid7(), r["account"], r["kind"], r["key"], r["due_at"], self.now, json.loads(r["payload"] or "{}"))
            for r in rows
        ]

    async def _observed(self, service: Service, tick: Tick) -> Tick:
        observe = service.timers[tick.kind].observe
        if observe is None:
            return tick
        seen = await observe(tick)
        return Tick(tick.id, tick.account, tick.kind, tick.key, tick.due_at, tick.started_at, tick.payload, seen)


def new_mailbox(address: str, plan: str = "mail") -> CreateMailbox:
    """Return the request for a mailbox."""
    return CreateMailbox(address=address, first_name="M", last_name="M", plan=plan, password_hash=HASH)


async def three(database_url: str, dice: Random | None = None) -> Three:
    """Return the workers on empty tables. The caller closes the pool."""
    pool = await asyncpg.create_pool(database_url, min_size=1, max_size=3)
    async with pool.acquire() as connection:
        for name in SERVICES:
            await migrate(connection, name)
        tables = await connection.fetch(
            "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables"
            " WHERE schemaname = ANY ($1) AND tablename <> 'migration'",
            list(SERVICES),
        )
        await connection.execute("SET session_replication_role = replica")  # what is append-only is emptied here
        await connection.execute(f"TRUNCATE {', '.join(row['name'] for row in tables)}")
        await connection.execute("RESET session_replication_role")
    for look in (handlers_removal.LOOK, handlers_deletion.LOOK, HOUSE):
        look.pool = pool
    return Three(pool, dice=dice or Random(0))
