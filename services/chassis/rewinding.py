"""Having consumers begin again at an earlier time, so that a restored database hears what it does not know.

Handled messages are known by the inbox and end there; so going back too far costs time and nothing else.
"""

import asyncio
import json
import re
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import nats
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, StreamInfo

from services.chassis.bus import Access
from services.chassis.topology import LaneSpec, lanes

STREAMS = ("CMD", "EVT")
SECONDS = 5.0
_PARTITIONS = re.compile(r"partition\((\d+),")


async def rewind(access: Access, since: datetime, services: Sequence[str]) -> list[str]:
    """Have the consumers of these workers begin with what was stored since then; return a line for each.

    A consumer that is not so far yet stays where it is: nothing is ever skipped. It takes the admin's key.
    """
    connection = await nats.connect(**access.for_nats(), connect_timeout=5, max_reconnect_attempts=3)
    try:
        context = connection.jetstream(timeout=SECONDS)
        partitions = partitions_of(await context.stream_info("CMD"))
        first = {stream: await _first_since(context, stream, since) for stream in STREAMS}
        specs = [spec for service in services for spec in lanes(service, partitions)]
        return list(await asyncio.gather(*(_begin_at(connection, context, spec, first[spec.stream]) for spec in specs)))
    finally:
        await connection.close()


def partitions_of(stream: StreamInfo) -> int:
    """Return the number of partitions that the stream of requests has."""
    transform = stream.config.subject_transform
    found = _PARTITIONS.search(transform.dest if transform and transform.dest else "")
    assert found is not None, "the stream of requests is not as `postkontor bus apply` makes it"
    return int(found[1])


async def _first_since(context: JetStreamContext, stream: str, since: datetime) -> int | None:
    """Return the place of the first message stored since then; None if there is none."""
    name = f"rewind-{secrets.token_hex(8)}"
    config = ConsumerConfig(
        name=name,
        deliver_policy=DeliverPolicy.BY_START_TIME,
        opt_start_time=since.isoformat(),  # pyright: ignore[reportArgumentType] - as the broker wants it
        ack_policy=AckPolicy.NONE,
        headers_only=True,  # requests may hold password hashes
        mem_storage=True,
        num_replicas=1,
        inactive_threshold=30.0,
    )
    made = await context.add_consumer(stream, config)
    try:
        if not made.num_pending:
            return None
        pull = await context.pull_subscribe_bind(consumer=name, stream=stream)
        (message,) = await pull.fetch(1, timeout=SECONDS)
        return message.metadata.sequence.stream
    finally:
        await context.delete_consumer(stream, name)


async def _begin_at(connection: Any, context: JetStreamContext, spec: LaneSpec, first: int | None) -> str:
    info = await context.consumer_info(spec.stream, spec.consumer)
    handled = info.ack_floor.stream_seq if info.ack_floor else 0
    if first is None or handled < first:
        return f"consumer {spec.consumer}: stays, it has handled {spec.stream} up to {handled}"
    subject = f"$JS.API.CONSUMER.RESET.{spec.stream}.{spec.consumer}"
    reply = await connection.request(subject, json.dumps({"seq": first}).encode(), timeout=SECONDS)
    told: dict[str, Any] = json.loads(reply.data)
    if "error" in told:
        raise RuntimeError(f"the bus does not rewind {spec.consumer}: {told['error'].get('description')}")
    return f"consumer {spec.consumer}: begins again at {first} of {spec.stream}"
