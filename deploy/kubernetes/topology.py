"""Streams and consumers as NACK's resources name things. The source is services/chassis/topology.py and nothing else.

The chart knows the number of partitions only when it is rendered, so the file that it reads has placeholders.
"""

from typing import Any

from nats.js.api import ConsumerConfig, DiscardPolicy, RetentionPolicy, StorageType, StreamConfig

from contracts.messages import SERVICES
from services.chassis.topology import LaneSpec, consumer, lanes, streams

PARTITIONS, LANE = "@PARTITIONS@", "@LANE@"
DISCARDS: dict[DiscardPolicy, str] = {DiscardPolicy.NEW: "new", DiscardPolicy.OLD: "old"}
RETENTIONS: dict[RetentionPolicy, str] = {RetentionPolicy.LIMITS: "limits"}
STORAGES: dict[StorageType, str] = {StorageType.FILE: "file"}


def for_chart() -> dict[str, Any]:
    """Return what the chart makes resources and triggers from: streams, and each worker's lanes, with placeholders."""
    return {
        "streams": [_with_placeholder(stream_spec(config)) for config in streams(partitions=1, replicas=1)],
        "lanes": {service: [_lane(spec) for spec in lanes(service, partitions=1)] for service in SERVICES},
    }


def stream_spec(config: StreamConfig) -> dict[str, Any]:
    """Return a stream as the `spec` of NACK's Stream, without its replicas: they are the installation's."""
    spec: dict[str, Any] = {
        "name": config.name,
        "description": config.description,
        "subjects": config.subjects,
        "retention": RETENTIONS[config.retention or RetentionPolicy.LIMITS],
        "discard": DISCARDS[config.discard or DiscardPolicy.OLD],
        "storage": STORAGES[config.storage or StorageType.FILE],
        "maxAge": _seconds(config.max_age),
        "maxMsgSize": config.max_msg_size,
        "duplicateWindow": _seconds(config.duplicate_window),
        "allowDirect": bool(config.allow_direct),
        "allowAtomicPublish": bool(config.allow_atomic),
        "denyDelete": bool(config.deny_delete),
    }
    if transform := config.subject_transform:
        spec["subjectTransform"] = {"source": transform.src, "dest": transform.dest}
    return spec


def consumer_spec(lane: LaneSpec) -> dict[str, Any]:
    """Return a lane's consumer as the `spec` of NACK's Consumer."""
    config: ConsumerConfig = consumer(lane)
    assert config.deliver_policy is not None
    assert config.ack_policy is not None
    assert config.replay_policy is not None
    return {
        "durableName": config.durable_name,
        "streamName": lane.stream,
        "filterSubjects": config.filter_subjects,
        "deliverPolicy": config.deliver_policy.value,
        "replayPolicy": config.replay_policy.value,
        "ackPolicy": config.ack_policy.value,
        "ackWait": _seconds(config.ack_wait),
        "maxDeliver": config.max_deliver,
        "maxAckPending": config.max_ack_pending,
    }


def _with_placeholder(spec: dict[str, Any]) -> dict[str, Any]:
    if transform := spec.get("subjectTransform"):
        stamp = ".1.{{partition(1,"
        transform["dest"] = transform["dest"].replace(stamp, stamp.replace("1", PARTITIONS))
    return spec


def _lane(spec: LaneSpec) -> dict[str, Any]:
    made = consumer_spec(spec)
    if partitioned := spec.stream == "CMD":
        made["durableName"] = made["durableName"].removesuffix("0-of-1") + f"{LANE}-of-{PARTITIONS}"
        stamp = f"{PARTITIONS}.{LANE}"
        made["filterSubjects"] = [subject.removesuffix("1.0") + stamp for subject in made["filterSubjects"]]
    return {"partitioned": partitioned, "spec": made}


def _seconds(value: float | None) -> str:
    return f"{int(value or 0)}s"
