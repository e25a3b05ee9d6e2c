"""One run: customers work, things break, then everything is collected and audited."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from nats.aio.client import Client

from client import Postkontor
from client.streams import STREAM
from contracts.messages import SERVICES
from tests.chaos import collecting
from tests.chaos.audit import Violation, audit
from tests.chaos.evidence import Evidence
from tests.chaos.faults import CLUSTER, SINGLE, Fault, Kind, plan
from tests.chaos.sabotage import Sabotage
from tests.chaos.stand import MIRROR, SUBSCRIBERS, ChaosStack
from tests.chaos.subscribers import Subscriber
from tests.chaos.traffic import Traffic, alongside
from tests.chaos.workload import accounts, steps

AWAY_FROM = 0.1  # of the run: from then to its end one subscriber is not there
SETTLED_SECONDS = 120.0
FORGETFUL_SECONDS = 5.0  # what a run without inbox has left over stays
POLL_SECONDS = 0.2
Say = Callable[[str], None]


@dataclass(frozen=True)
class Terms:
    """What kind of run. The same terms plan the same work and the same faults."""

    seed: int
    requests: int
    faults: int
    accounts: int = 24
    in_flight: int = 64
    cluster: bool = False
    inbox: bool = True
    only: Kind | None = None  # this kind of fault and no other


@dataclass
class Happened:
    """A fault that was carried out: when it began and ended, by the monotonic clock."""

    fault: Fault
    began: float
    ended: float = 0.0


@dataclass
class Result:
    """What came of a run."""

    terms: Terms
    seconds: float
    happened: list[Happened]
    moments: list[float]
    outcomes: Counter[str]
    types: Counter[str]
    sent_again: int
    repeated: int
    ended_by_themselves: list[str]
    settled_seconds: float
    evidence: Evidence
    violations: list[Violation] = field(default_factory=list)


async def run(terms: Terms, directory: Path, say: Say = lambda _: None) -> Result:
    """Carry a run out and audit it."""
    stack = ChaosStack(directory, cluster=terms.cluster, inbox=terms.inbox)
    await stack.start_servers()
    await stack.start_workers()
    try:
        await stack.grant(MIRROR)
        client = await stack.client()
        async with (
            Postkontor.from_environment(stack.environment(), account="*", source="chaos") as office,
            alongside(stack.keep_alive()),
        ):
            result = await _disturbed(terms, stack, office, client, say)
        await client.close()
        return result
    finally:
        for cable in (c for cables in stack.bus_cables.values() for c in cables):
            cable.speak()
        await stack.stop()


async def _disturbed(terms: Terms, stack: ChaosStack, office: Postkontor, client: Client, say: Say) -> Result:
    customers = accounts(terms.seed, terms.accounts)
    traffic = Traffic(stack, office, customers, steps(terms.seed, customers, terms.requests), terms.in_flight)
    await traffic.prepare()
    subscribers = [Subscriber(stack.environment(MIRROR.name), name) for name in SUBSCRIBERS]
    for subscriber in subscribers:
        subscriber.come()
    faults = plan(terms.seed, terms.requests, terms.faults, _kinds(terms))
    sabotage, happened = Sabotage(stack, client), list[Happened]()
    say(f"{terms.requests} requests of {terms.accounts} accounts, {len(faults)} faults")
    began = time.monotonic()
    async with (
        alongside(_break(sabotage, faults, traffic, happened, say)) as breaking,
        alongside(_absence(subscribers[1], traffic, terms.requests)),
    ):
        await traffic.run()
        await breaking
    seconds = time.monotonic() - began
    say(f"all requests have ended after {seconds:.0f} s")
    subscribers[1].come()
    patience = SETTLED_SECONDS if terms.inbox else FORGETFUL_SECONDS
    settled = await _settled(stack, client, patience, say)
    evidence = await _collected(stack, client, subscribers)
    evidence.sent = list(traffic.sent.values())
    for subscriber in subscribers:
        await subscriber.go()
        evidence.heard[subscriber.name] = subscriber.held
    return Result(
        terms, seconds, happened, traffic.moments, traffic.outcomes, traffic.types, traffic.sent_again,
        sabotage.repeated, stack.ended_by_themselves, settled, evidence, audit(evidence),
    )  # fmt: skip


def _kinds(terms: Terms) -> tuple[Kind, ...]:
    if terms.only is not None:
        return (terms.only,)
    return CLUSTER if terms.cluster else SINGLE


async def _break(sabotage: Sabotage, faults: list[Fault], traffic: Traffic, happened: list[Happened], say: Say) -> None:
    for number, fault in enumerate(faults, start=1):
        await traffic.reached(fault.after)
        happened.append(one := Happened(fault, time.monotonic()))
        await sabotage.commit(fault)
        one.ended = time.monotonic()
        say(f"{number:3} after {traffic.ended:6}: {fault}, {one.ended - one.began:.1f} s")


async def _absence(subscriber: Subscriber, traffic: Traffic, requests: int) -> None:
    await traffic.reached(int(AWAY_FROM * requests))
    await subscriber.go()


async def _settled(stack: ChaosStack, client: Client, patience: float, say: Say) -> float:
    """Wait until nothing is under way any more; return how long that took, in seconds."""
    began = time.monotonic()
    deadline = began + patience
    left = "nothing looked at"
    while time.monotonic() < deadline and left:
        await asyncio.sleep(POLL_SECONDS)
        left = await _left(stack, client)
    if left:
        say(f"not settled within {patience:g} s: {left}")
    return time.monotonic() - began


async def _collected(stack: ChaosStack, client: Client, subscribers: list[Subscriber]) -> Evidence:
    evidence = Evidence(unacknowledged=await collecting.from_consumers(client))
    await collecting.from_streams(client, evidence)
    async with stack.database() as connection:
        await collecting.from_tables(connection, evidence)
    deadline = time.monotonic() + SETTLED_SECONDS
    while time.monotonic() < deadline and not await _all_heard(client, subscribers):
        await asyncio.sleep(POLL_SECONDS)
    return evidence


async def _all_heard(client: Client, subscribers: list[Subscriber]) -> bool:
    """Whether nothing is to be delivered to them, and nothing again.

    The last event of the stream says nothing of that: what somebody held when he was cut off comes after it.
    """
    infos = [await client.jetstream().consumer_info(STREAM, subscriber.consumer) for subscriber in subscribers]
    return all(info.num_pending == 0 and info.num_ack_pending == 0 for info in infos)


async def _left(stack: ChaosStack, client: Client) -> str:
    """Say what is still under way; empty when nothing is."""
    with suppress(Exception):  # a server may still be coming back
        consumers = {name: count for name, count in (await collecting.from_consumers(client)).items() if count}
        if consumers:
            return str(consumers)
        async with stack.database() as connection:
            for service in SERVICES:
                if count := await collecting.unpublished(connection, service):
                    return f"{service} has {count} to publish"
            reserved = await connection.fetchval("SELECT sum(reserved) FROM billing.capacity")
            return f"{reserved} reserved" if reserved else ""
    return "a server does not answer"
