"""Sends a run's requests as careful publishers do, many at a time, and writes down what each was told."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from client import Postkontor
from client.errors import PostkontorError, SetAside
from contracts.domain_v1 import ClaimDomain, ValidateDomain
from contracts.ids import uuid7
from contracts.routes import route_of
from deploy.devstack import dnsupdate
from deploy.devstack.stack import Stack
from tests.chaos.evidence import Sent
from tests.chaos.workload import HASH, Account, Step

PATIENCE_SECONDS = 60.0  # then the same id again, for as long as ALTOGETHER_SECONDS
ALTOGETHER_SECONDS = 300.0
AT_THE_GATE_SECONDS = 3600.0  # until the domain is proven, which is planned for the middle of the run
PAUSE_SECONDS = 0.1


@dataclass
class Traffic:
    """The customers' work. `ended` counts what has its outcome, `moments` is when each came, by the monotonic clock."""

    stack: Stack
    office: Postkontor
    customers: list[Account]
    steps: list[Step]
    in_flight: int = 64
    sent: dict[str, Sent] = field(default_factory=dict)
    outcomes: Counter[str] = field(default_factory=Counter)
    types: Counter[str] = field(default_factory=Counter)
    moments: list[float] = field(default_factory=list)
    ended: int = 0
    sent_again: int = 0
    _ids: dict[int, UUID] = field(default_factory=dict)
    _reached: asyncio.Condition = field(default_factory=asyncio.Condition)
    _claimed: dict[str, Any] = field(default_factory=dict)  # the second domains, by account

    async def prepare(self) -> None:
        """Open every account and prove its first domain."""
        await asyncio.gather(*(self._prepare(one) for one in self.customers))

    async def run(self) -> None:
        """Send every step, `in_flight` at a time; those that wait at the gate hold up nobody."""
        self._left: Iterator[Step] = iter(self.steps)
        async with asyncio.TaskGroup() as waiting:
            await asyncio.gather(*(self._customer(waiting) for _ in range(self.in_flight)))

    async def reached(self, count: int) -> None:
        """Return when so many requests have ended."""
        async with self._reached:
            await self._reached.wait_for(lambda: self.ended >= count)

    async def _customer(self, waiting: asyncio.TaskGroup) -> None:
        for step in self._left:
            if step.waits or step.proves_second_domain:
                waiting.create_task(self._take(step))
            else:
                await self._take(step)

    async def _take(self, step: Step) -> None:
        await self._play(step)
        self.moments.append(time.monotonic())
        async with self._reached:
            self.ended += 1
            self._reached.notify_all()

    async def _play(self, step: Step) -> None:
        match step.again:
            case "at-once":
                id_ = self._ids[step.number] = uuid7()
                await asyncio.gather(self._sure(step, id_), self._sure(step, id_))
            case "later" | "other-content" if (earlier := self._ids.get(step.of)) and self.sent[str(earlier)].told:
                await self._repeat(step, earlier)
            case "later" | "other-content":  # what it repeats has not ended: then it is a request of its own
                await self._sure(step, self._new_id(step))
            case _ if step.proves_second_domain:
                await self._prove(step)
            case _:
                outcome = await self._sure(step, self._new_id(step))
                if step.claims_second_domain:
                    self._claimed[step.account] = outcome

    def _new_id(self, step: Step) -> UUID:
        self._ids[step.number] = id_ = uuid7()
        return id_

    async def _repeat(self, step: Step, earlier: UUID) -> None:
        before = self.sent[str(earlier)]
        if step.again == "other-content":
            before.reused = True
        await self._request(step, earlier)

    async def _prove(self, step: Step) -> None:
        assert isinstance(step.request, ValidateDomain)
        while step.account not in self._claimed:
            await asyncio.sleep(PAUSE_SECONDS)
        await self._set_record(step.request.domain, self._claimed[step.account].fact.domain.record)
        await self._sure(step, self._new_id(step))

    async def _sure(self, step: Step, id_: UUID) -> Any:
        """Send a request and note what its publisher was told."""
        route = route_of(type(step.request))
        one = Sent(str(id_), step.account, route.message.type, route.outcomes, waits=step.waits)
        one = self.sent.setdefault(one.id, one)
        outcome = await self._request(step, id_)
        if outcome is not None:
            one.told = "done" if outcome.refusal is None else f"refused:{outcome.refusal.code}"
            self.outcomes[one.told] += 1
            self.types[one.type] += 1
        return outcome

    async def _request(self, step: Step, id_: UUID) -> Any:
        patience = AT_THE_GATE_SECONDS if step.waits else PATIENCE_SECONDS
        deadline = time.monotonic() + max(ALTOGETHER_SECONDS, patience)
        while time.monotonic() < deadline:
            try:
                return await self.office.request(
                    step.request, request_id=id_, account=step.account, timeout=patience, to_the_end=True
                )
            except SetAside:
                return None
            except PostkontorError:
                self.sent_again += 1
                await asyncio.sleep(PAUSE_SECONDS)
        return None

    # --- before the run -------------------------------------------------------------------------------------------

    async def _prepare(self, one: Account) -> None:
        await self._certainly(one.name, one.opening)
        claimed = await self._certainly(one.name, ClaimDomain(domain=one.domain, password_hash=HASH))
        await self._set_record(one.domain, claimed.fact.domain.record)
        checked = await self._certainly(one.name, ValidateDomain(domain=one.domain))
        assert checked.fact.verified, checked.fact.attempt.text.en

    async def _certainly(self, account: str, request: Any) -> Any:
        step = Step(-1, account, request)
        outcome = await self._sure(step, uuid7())
        assert outcome is not None, request
        assert outcome.refusal is None, outcome.refusal
        return outcome

    async def _set_record(self, domain: str, record: Any) -> None:
        dns = self.stack.dns
        await dnsupdate.register_domain(dns.tld_address, dns.port, domain)
        await dnsupdate.set_txt(dns.update_address, dns.port, domain, record.name + ".", record.value)


@contextlib.asynccontextmanager
async def alongside(work: Any) -> Any:
    """Run something beside the body, and end it after; its failure is raised."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        if not task.done():
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
