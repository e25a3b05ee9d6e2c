"""Streams and consumers, written down in this one place. Made by `postkontor bus apply`, never by workers."""

import asyncio
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
        LaneSpec(service, number, "CMD", f"{service}-{number}", (f"cmd.*.{service}.*.*.{number}",))
        for number in range(partitions)
    ]
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
    return ".".join([*tokens, f"{{{{partition({partitions},1)}}}}"])


def consumer(spec: LaneSpec) -> ConsumerConfig:
    """Return the durable consumer of a lane. It never gives up on a message: the lane's owner decides fates."""
    return ConsumerConfig(
        durable_name=spec.consumer,
        filter_subjects=list(spec.filters),
        deliver_policy=DeliverPolicy.ALL,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=ACK_WAIT_SECONDS,
        max_deliver=-1,
        max_ack_pending=MAX_ACK_PENDING,
    )


async def apply(access: Access, *, partitions: int = 4, replicas: int = 1) -> list[str]:
    """Make every stream and consumer as written here; return a line for each. Repeating it changes nothing."""
    connection = await nats.connect(**access.for_nats(), connect_timeout=5, max_reconnect_attempts=3)
    try:
        context = connection.jetstream(timeout=10)
        done = [await _apply_stream(context, config) for config in streams(partitions, replicas)]
        specs = [spec for service in SERVICES for spec in lanes(service, partitions)]
        done += await asyncio.gather(*(_apply_consumer(context, spec) for spec in specs))
        return done
    finally:
        await connection.close()


async def _apply_stream(context: JetStreamContext, config: StreamConfig) -> str:
    try:
        present = await context.stream_info(config.name or "")
    except NotFoundError:
        await context.add_stream(config)
        return f"stream {config.name}: made"
    transform = present.config.subject_transform
    if config.subject_transform and transform and transform.dest != config.subject_transform.dest:
        raise RuntimeError(
            f"stream {config.name} has another number of partitions. Accounts would change lanes with work under way:"
            " stop publishers, wait until every consumer is empty, delete the consumers, then apply again."
        )
    await context.update_stream(config)
    return f"stream {config.name}: as written"


async def _apply_consumer(context: JetStreamContext, spec: LaneSpec) -> str:
    await context.add_consumer(spec.stream, consumer(spec))
    return f"consumer {spec.consumer}: as written"
