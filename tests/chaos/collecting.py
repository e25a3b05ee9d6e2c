"""Reads what a run left behind: both streams as the bus has them, and every worker's tables."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
from nats.aio.client import Client
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from contracts.messages import SERVICES
from services.billing import store_check
from services.chassis.topology import lanes
from tests.chaos.evidence import Event, Evidence, Logged, Order

AT_ONCE = 500
PARTITIONS = 4
# Of a fact only what the auditor reads: a run has a hundred thousand of them.
KEPT = {
    "capacities", "account", "mailbox", "group", "catch_all", "forward_only", "domain", "targets", "request_id",
    "refusal", "holders",
}  # fmt: skip
KEPT_OF_A_VIEW = {
    "address", "account", "name", "domain", "domain_id", "state", "plan", "aliases", "forwardings", "first_name",
    "last_name", "person", "mailbox", "capacities",
}  # fmt: skip

USED = """
    SELECT account, 'mailbox' AS resource, count(*) AS used FROM mailbox.mailbox WHERE state <> 'deleted' GROUP BY 1
    UNION ALL
    SELECT account, 'plan.' || plan, count(*) FROM mailbox.mailbox WHERE state <> 'deleted' GROUP BY 1, 2
    UNION ALL
    SELECT account, 'alias_forward', sum(cardinality(aliases) + cardinality(forwardings)) FROM mailbox.mailbox
    WHERE state <> 'deleted' GROUP BY 1
    UNION ALL
    SELECT account, 'alias_forward', sum(cardinality(targets)) FROM mailbox.forward_only WHERE deleted_at IS NULL
    GROUP BY 1
    UNION ALL
    SELECT account, 'alias_forward', count(*) FROM mailbox.catch_all GROUP BY 1
    UNION ALL
    SELECT account, 'group', count(*) FROM mailbox.mail_group GROUP BY 1"""
PLANS = """
    SELECT substr(h.holder, 9) AS address, h.plan AS billed, m.plan AS had
    FROM billing.holding AS h JOIN mailbox.mailbox AS m ON m.address = substr(h.holder, 9)
    WHERE h.resource = 'mailbox' AND h.confirmed = 1 AND m.state <> 'deleted'"""
MAILBOXES = "SELECT address, account, state, plan, aliases, forwardings, first_name, last_name FROM mailbox.mailbox"
UNPUBLISHED = """
    SELECT (SELECT count(*) FROM {0}.outbox) + (SELECT count(*) FROM {0}.event_log AS e
    JOIN {0}.lane AS l ON l.lane = e.lane WHERE e.seq > l.published_seq)"""


async def from_streams(client: Client, evidence: Evidence) -> None:
    """Read EVT and CMD from beginning to end."""
    async for subject, seq, payload in messages(client, "EVT"):
        evidence.events.append(event_of(subject, seq, payload))
    async for subject, seq, payload in messages(client, "CMD"):
        _, _, service, name, version, *_ = subject.split(".")
        head = json.loads(payload)
        evidence.orders.append(Order(seq, head["id"], service, f"{service}.{name}.{version}"))


async def from_consumers(client: Client) -> dict[str, int]:
    """Return by consumer of the workers' how much it has not delivered, or waits to be acknowledged."""
    left: dict[str, int] = {}
    context = client.jetstream(timeout=5)
    for spec in (spec for service in SERVICES for spec in lanes(service, PARTITIONS)):
        info = await context.consumer_info(spec.stream, spec.consumer)
        left[spec.consumer] = (info.num_pending or 0) + (info.num_ack_pending or 0)
    return left


async def unpublished(connection: asyncpg.Connection, service: str) -> int:
    """Return how many messages a worker has committed and not noted as published."""
    return await connection.fetchval(UNPUBLISHED.format(service))


async def from_tables(connection: asyncpg.Connection, evidence: Evidence) -> None:
    """Read the tables of all four workers."""
    for service in SERVICES:
        rows = await connection.fetch(f"SELECT lane, seq, message_id FROM {service}.event_log")
        evidence.log += [Logged(service, row["lane"], row["seq"], str(row["message_id"])) for row in rows]
        rows = await connection.fetch(f"SELECT message_id, fate FROM {service}.inbox")
        evidence.handled[service] = {str(row["message_id"]): row["fate"] for row in rows}
        rows = await connection.fetch(f"SELECT id, code, detail FROM {service}.dead_letter")
        evidence.dead += [(service, str(row["id"]), row["code"], row["detail"][:300]) for row in rows]
        evidence.unpublished[service] = await unpublished(connection, service)
    for row in await connection.fetch("SELECT account_id, resource, cap, confirmed, reserved FROM billing.capacity"):
        evidence.counters[row["account_id"], row["resource"]] = (row["cap"], row["confirmed"], row["reserved"])
    for row in await connection.fetch(USED):
        evidence.used[row["account"], row["resource"]] += int(row["used"])
    evidence.plans = {row["address"]: (row["billed"], row["had"]) for row in await connection.fetch(PLANS)}
    evidence.ledger_differs = await store_check.differences(connection)
    evidence.mailboxes = {row["address"]: dict(row) for row in await connection.fetch(MAILBOXES)}


async def messages(client: Client, stream: str) -> AsyncIterator[tuple[str, int, bytes]]:
    """Yield subject, place and payload of everything that a stream holds now, in order."""
    context = client.jetstream(timeout=10)
    last = (await context.stream_info(stream)).state.last_seq
    config = ConsumerConfig(
        ack_policy=AckPolicy.NONE, deliver_policy=DeliverPolicy.ALL, mem_storage=True, num_replicas=1
    )
    reader = await context.pull_subscribe("", stream=stream, config=config)
    at = 0
    try:
        while at < last:
            for message in await reader.fetch(AT_ONCE, timeout=10):
                at = message.metadata.sequence.stream
                yield message.subject, at, message.data
    finally:
        await reader.unsubscribe()


def event_of(subject: str, seq: int, payload: bytes) -> Event:
    """Read a fact, and keep of it what the auditor looks at."""
    raw: dict[str, Any] = json.loads(payload)
    return Event(
        seq=seq,
        id=raw["id"],
        type=raw["type"],
        account=subject.split(".")[1],
        request=raw.get("correlationid", raw["id"]),
        cause=raw.get("causationid", ""),
        revision=raw.get("revision"),
        data=dict(_kept(raw["data"])),
        is_copy="copyof" in raw,
    )


def _kept(data: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name in KEPT & data.keys():
        value = data[name]
        if isinstance(value, dict) and name != "refusal":
            value = {key: value[key] for key in KEPT_OF_A_VIEW & value.keys()}
        if isinstance(value, dict) and name == "refusal":
            value = {"code": value["code"]}
        yield name, value
