"""Streams and consumers, written down in this one place. Made by `postkontor bus apply`, never by workers.

The stream CMD stamps what it stores with the number of partitions that holds, and with the account's partition:
`cmd.<account>.<service>.<verb>.v1.4.3`. So another number has lanes of its own, and those of the number before still
tell what is left in them (repartition.py).
"""

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace

import nats
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
    SubjectTransform,
)
from nats.js.errors import NotFoundError

from contracts.envelope import MAX_MESSAGE_BYTES
from contracts.messages import SERVICES
from contracts.routes import HEARD
from services.chassis.bus import Access

DAY_SECONDS = 86_400
DEDUPLICATION_SECONDS = 600
ACK_WAIT_SECONDS = 30
MAX_ACK_PENDING = 4096  # room for a lane's buffer and the batch in hand
EVENT_LANE = 1000  # beyond any number of partitions
DEFAULT_PARTITIONS = 4
SINCE = "postkontor-partitions-since"  # a stream's metadata: the last message before its number of partitions changed
_STAMP = re.compile(r"\.(\d+)\.\{\{partition\(\1,1\)\}\}\Z")


@dataclass(frozen=True)
class LaneSpec:
    """A stream's share that one owner works on: a partition of CMD, or the events a service hears."""

    service: str
    number: int
    stream: str
    consumer: str
    filters: tuple[str, ...]


def lanes(service: str, partitions: int) -> list[LaneSpec]:
    """Return the lanes of a service, in the order of their numbers."""
    specs = [
        LaneSpec(
            service, number, "CMD", f"{service}-{number}-of-{partitions}",
            (f"cmd.*.{service}.*.*.{partitions}.{number}",),
        )
        for number in range(partitions)
    ]  # fmt: skip
    if HEARD[service]:
        filters = tuple(f"evt.*.{type_}" for type_ in HEARD[service])
        specs.append(LaneSpec(service, EVENT_LANE, "EVT", f"{service}-events", filters))
    return specs


def partition(account: str, partitions: int) -> int:
    """Return the partition that the stream CMD puts an account's messages into: FNV-1a, as the server computes it."""
    digest = 2166136261
    for byte in account.encode():
        digest = (digest ^ byte) * 16777619 & 0xFFFFFFFF
    return digest % partitions


def streams(partitions: int, replicas: int) -> list[StreamConfig]:
    """Return the four streams. Consumption deletes nothing, so everything can be replayed for its time."""
    common = StreamConfig(
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        num_replicas=replicas,
        duplicate_window=DEDUPLICATION_SECONDS,
        max_msg_size=MAX_MESSAGE_BYTES,
        allow_direct=True,
        allow_atomic=True,
        deny_delete=True,
    )
    return [
        replace(
            common,
            name="CMD",
            description="requests and hand-overs; full means refused, never dropped",
            subjects=[f"cmd.*.{service}.*.*" for service in SERVICES],
            subject_transform=SubjectTransform(
                src="cmd.*.*.*.*",
                dest=_with_partition(partitions),
            ),
            discard=DiscardPolicy.NEW,
            max_age=30 * DAY_SECONDS,
        ),
        replace(common, name="EVT", description="facts", subjects=["evt.*.*.*.*"], max_age=90 * DAY_SECONDS),
        replace(
            common, name="DLQ", description="copies of dead letters", subjects=["dlq.*.*"], max_age=180 * DAY_SECONDS
        ),
        replace(
            common,
            name="ADV",
            description="the broker's advisories, as alarms",
            subjects=["$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>", "$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.>"],
            max_age=30 * DAY_SECONDS,
            deny_delete=False,
        ),
    ]


def _with_partition(partitions: int) -> str:
    # All messages of one account get the same last token, whichever worker they are for.
    tokens = ["cmd", *(f"{{{{wildcard({position})}}}}" for position in range(1, 5))]
    return ".".join([*tokens, str(partitions), f"{{{{partition({partitions},1)}}}}"])


def partitions_of(config: StreamConfig) -> int | None:
    """Return the number of partitions that a stream CMD stamps its messages with; None for one of another make."""
    transform = config.subject_transform
    found = _STAMP.search(transform.dest) if transform else None
    return int(found[1]) if found else None


def consumer(spec: LaneSpec, *, since: int = 0) -> ConsumerConfig:
    """Return the durable consumer of a lane. It never gives up on a message: the lane's owner decides fates.

    `since`: the last message of the stream that a lane of this number of partitions need not look at.
    """
    return ConsumerConfig(
        durable_name=spec.consumer,
        filter_subjects=list(spec.filters),
        deliver_policy=DeliverPolicy.BY_START_SEQUENCE if since else DeliverPolicy.ALL,
        opt_start_seq=since + 1 if since else None,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=ACK_WAIT_SECONDS,
        max_deliver=-1,
        max_ack_pending=MAX_ACK_PENDING,
    )


async def apply(access: Access, *, partitions: int | None = None, replicas: int = 1) -> list[str]:
    """Make every stream and consumer as written here; return a line for each. Repeating it changes nothing.

    Without a number of partitions the bus keeps its own. Raises RuntimeError for one that it does not have.
    """
    async with jetstream(access) as context:
        since = 0
        with suppress(NotFoundError):
            present = (await context.stream_info("CMD")).config
            since = int((present.metadata or {}).get(SINCE, 0))
            partitions = partitions or partitions_of(present)
        partitions = partitions or DEFAULT_PARTITIONS
        done = [await _apply_stream(context, config) for config in streams(partitions, replicas)]
        return done + await make_consumers(context, partitions, since)


async def make_consumers(context: JetStreamContext, partitions: int, since: int) -> list[str]:
    """Make the consumers of all lanes, or leave them where they stand."""
    specs = [spec for service in SERVICES for spec in lanes(service, partitions)]
    return list(await asyncio.gather(*(_apply_consumer(context, spec, since) for spec in specs)))


@asynccontextmanager
async def jetstream(access: Access) -> AsyncGenerator[JetStreamContext]:
    """Connect for what is done by hand."""
    connection = await nats.connect(**access.for_nats(), connect_timeout=5, max_reconnect_attempts=3)
    try:
        yield connection.jetstream(timeout=10)
    finally:
        await connection.close()


async def _apply_stream(context: JetStreamContext, config: StreamConfig) -> str:
    try:
        present = (await context.stream_info(config.name or "")).config
    except NotFoundError:
        await context.add_stream(config)
        return f"stream {config.name}: made"
    if config.subject_transform and (number := partitions_of(present)) != partitions_of(config):
        raise RuntimeError(
            f"stream {config.name} has {number} partitions. Accounts change lanes with another number, and so must what"
            f" waits there: `postkontor bus repartition --to {partitions_of(config)}`."
        )
    await context.update_stream(replace(config, metadata=present.metadata))
    return f"stream {config.name}: as written"


async def _apply_consumer(context: JetStreamContext, spec: LaneSpec, since: int) -> str:
    config = consumer(spec, since=since if spec.stream == "CMD" else 0)
    with suppress(NotFoundError):
        # Where it began cannot be changed, and need not.
        present = (await context.consumer_info(spec.stream, spec.consumer)).config
        config = replace(config, deliver_policy=present.deliver_policy, opt_start_seq=present.opt_start_seq)
    await context.add_consumer(spec.stream, config)
    return f"consumer {spec.consumer}: as written"
