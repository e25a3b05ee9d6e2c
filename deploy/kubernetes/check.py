"""Whether an installation works, asked over the bus with the operator's key."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import nats
from nats.aio.client import Client
from nats.errors import NoRespondersError

from contracts.messages import SERVICES
from services.chassis.bus import Access
from services.chassis.topology import LaneSpec, consumer, lanes, streams

ANSWER_SECONDS = 3.0


async def findings(access: Access, *, partitions: int) -> list[str]:
    """Return what is wrong, in words; nothing when streams, consumers and workers are as they should be.

    Raises OSError and nats.errors.Error when the bus cannot be reached or does not know the key.
    """
    bus = await nats.connect(**access.for_nats(), connect_timeout=5, allow_reconnect=False)
    try:
        specs = [spec for service in SERVICES for spec in lanes(service, partitions)]
        found = await asyncio.gather(
            *(_stream(bus, config.name or "", _destination(config)) for config in streams(partitions, 1)),
            *(_consumer(bus, spec) for spec in specs),
            *(_worker(bus, service) for service in SERVICES),
        )
    finally:
        await bus.close()
    return [finding for finding in found if finding]


async def until_well(access: Access, *, partitions: int, seconds: float) -> list[str]:
    """Look until nothing is wrong or the time is over; return what is left to find. Raises as `findings` does."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while (found := await findings(access, partitions=partitions)) and loop.time() < deadline:
        await asyncio.sleep(1.0)
    return found


async def _stream(bus: Client, name: str, destination: str | None) -> str | None:
    info = await _ask(bus, f"$JS.API.STREAM.INFO.{name}")
    if info is None or "config" not in info:
        return f"stream {name}: {_why(info)}"
    found = (info["config"].get("subject_transform") or {}).get("dest")
    return None if found == destination else f"stream {name}: another number of partitions ({found})"


async def _consumer(bus: Client, spec: LaneSpec) -> str | None:
    info = await _ask(bus, f"$JS.API.CONSUMER.INFO.{spec.stream}.{spec.consumer}")
    if info is None or "config" not in info:
        return f"consumer {spec.consumer}: {_why(info)}"
    wrong = list(_differences(info["config"], spec))
    return f"consumer {spec.consumer}: other {', '.join(wrong)} than written" if wrong else None


def _differences(found: dict[str, Any], spec: LaneSpec) -> Iterator[str]:
    written = consumer(spec)
    if sorted(found.get("filter_subjects") or [found.get("filter_subject", "")]) != sorted(spec.filters):
        yield "filters"
    if found.get("max_ack_pending") != written.max_ack_pending:
        yield "max_ack_pending"
    if found.get("ack_policy") != (written.ack_policy and written.ack_policy.value):
        yield "ack_policy"


async def _worker(bus: Client, service: str) -> str | None:
    answer = await _ask(bus, f"$SRV.PING.postkontor-{service}")
    return None if answer else f"worker {service}: does not answer"


async def _ask(bus: Client, subject: str) -> dict[str, Any] | None:
    try:
        return json.loads((await bus.request(subject, b"", timeout=ANSWER_SECONDS)).data)
    except (NoRespondersError, TimeoutError):
        return None


def _why(answer: dict[str, Any] | None) -> str:
    return "no answer" if answer is None else str(answer.get("error", {}).get("description", "unreadable"))


def _destination(config: Any) -> str | None:
    return config.subject_transform.dest if config.subject_transform else None
