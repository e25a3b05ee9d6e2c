"""What operators accept, as far as we use it: whatever these models do not know is a mistake.

Written down from the operators' own definitions. What we render for KEDA 2.20, NACK 0.23 and CloudNativePG 1.30 was
once held against these by hand; the Prometheus operator's v1, Argo CD's and External Secrets' were read only.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Duration = Annotated[str, Field(pattern=r"^([0-9]+(ns|us|ms|s|m|h))+$")]
ResourceName = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$")]
StreamName = Annotated[str, Field(pattern=r"^[^.*>]+$")]


class Part(BaseModel):
    """A part of a resource."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, strict=True)


class Metadata(Part):
    name: ResourceName
    namespace: ResourceName | None = None
    labels: dict[str, Annotated[str, Field(max_length=63)]] = {}
    annotations: dict[str, str] = {}
    finalizers: list[str] = []


class Requirement(Part):
    key: str
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: list[str] = []


class Selector(Part):
    match_labels: dict[str, str] = {}
    match_expressions: list[Requirement] = []


class Reference(Part):
    name: ResourceName


class KeyReference(Reference):
    key: str


# KEDA


class JetStreamLag(Part):
    nats_server_monitoring_endpoint: Annotated[str, Field(pattern=r"^[a-z0-9.-]+:\d+$")]
    account: str
    stream: StreamName
    consumer: StreamName
    lag_threshold: Annotated[str, Field(pattern=r"^\d+$")]
    activation_lag_threshold: Annotated[str, Field(pattern=r"^\d+$")]


class Trigger(Part):
    type: Literal["nats-jetstream"]
    metadata: JetStreamLag


class Fallback(Part):
    failure_threshold: Annotated[int, Field(ge=1)]
    replicas: Annotated[int, Field(ge=1)]


class ScaledObjectSpec(Part):
    scale_target_ref: Reference
    min_replica_count: Annotated[int, Field(ge=1)]
    max_replica_count: Annotated[int, Field(ge=1)]
    polling_interval: int
    cooldown_period: int
    fallback: Fallback
    triggers: Annotated[list[Trigger], Field(min_length=1)]


class ScaledObject(Part):
    api_version: Literal["keda.sh/v1alpha1"]
    kind: Literal["ScaledObject"]
    metadata: Metadata
    spec: ScaledObjectSpec


# NACK


class SubjectTransform(Part):
    source: str
    dest: str


class StreamSpec(Part):
    name: StreamName
    description: str
    subjects: Annotated[list[str], Field(min_length=1)]
    retention: Literal["limits", "interest", "workqueue"]
    discard: Literal["old", "new"]
    storage: Literal["file", "memory"]
    replicas: Annotated[int, Field(ge=1)]
    max_age: Duration
    max_msg_size: int
    duplicate_window: Duration
    allow_direct: bool
    allow_atomic_publish: bool
    deny_delete: bool
    subject_transform: SubjectTransform | None = None
    prevent_delete: Literal[True]


class Stream(Part):
    api_version: Literal["jetstream.nats.io/v1beta2"]
    kind: Literal["Stream"]
    metadata: Metadata
    spec: StreamSpec


class ConsumerSpec(Part):
    durable_name: StreamName
    stream_name: StreamName
    filter_subjects: Annotated[list[str], Field(min_length=1)]
    deliver_policy: Literal["all", "last", "new", "byStartSequence", "byStartTime", "lastPerSubject"]
    replay_policy: Literal["instant", "original"]
    ack_policy: Literal["none", "all", "explicit"]
    ack_wait: Duration
    max_deliver: Annotated[int, Field(ge=-1)]
    max_ack_pending: int
    prevent_delete: Literal[True]


class Consumer(Part):
    api_version: Literal["jetstream.nats.io/v1beta2"]
    kind: Literal["Consumer"]
    metadata: Metadata
    spec: ConsumerSpec


# The Prometheus operator


class MetricsEndpoint(Part):
    port: str
    path: str
    interval: Duration


class PodMonitorSpec(Part):
    job_label: str
    selector: Selector
    pod_metrics_endpoints: Annotated[list[MetricsEndpoint], Field(min_length=1)]


class PodMonitor(Part):
    api_version: Literal["monitoring.coreos.com/v1"]
    kind: Literal["PodMonitor"]
    metadata: Metadata
    spec: PodMonitorSpec


class Rule(Part):
    alert: str
    expr: str
    for_: Annotated[Duration, Field(alias="for")]
    labels: dict[str, str]
    annotations: dict[str, str]


class RuleGroup(Part):
    name: str
    rules: Annotated[list[Rule], Field(min_length=1)]


class PrometheusRuleSpec(Part):
    groups: Annotated[list[RuleGroup], Field(min_length=1)]


class PrometheusRule(Part):
    api_version: Literal["monitoring.coreos.com/v1"]
    kind: Literal["PrometheusRule"]
    metadata: Metadata
    spec: PrometheusRuleSpec


# CloudNativePG


class Storage(Part):
    size: Annotated[str, Field(pattern=r"^\d+[MGT]i$")]


class DatabaseAffinity(Part):
    topology_key: str
    pod_anti_affinity_type: Literal["preferred", "required"]


class Synchronous(Part):
    method: Literal["any", "first"]
    number: Annotated[int, Field(ge=1)]
    data_durability: Literal["required", "preferred"]


class PostgresConfiguration(Part):
    parameters: dict[str, str]
    synchronous: Synchronous | None = None


class SqlRefs(Part):
    config_map_refs: list[KeyReference] = []
    secret_refs: list[KeyReference] = []


class InitDb(Part):
    database: str
    owner: str
    encoding: str
    locale_collate: str
    locale_c_type: Annotated[str, Field(alias="localeCType")]
    post_init_application_sql_refs: Annotated[SqlRefs, Field(alias="postInitApplicationSQLRefs")]


class Bootstrap(Part):
    initdb: InitDb


class ManagedRole(Part):
    name: str
    ensure: Literal["present", "absent"]
    login: bool
    in_roles: list[str] = []
    password_secret: Reference


class Managed(Part):
    roles: list[ManagedRole]


class DatabaseMonitoring(Part):
    enable_pod_monitor: bool


class ClusterSpec(Part):
    instances: Annotated[int, Field(ge=1)]
    enable_pdb: Annotated[bool | None, Field(alias="enablePDB")] = None
    storage: Storage
    wal_storage: Storage | None = None
    resources: dict[str, Any] = {}
    affinity: DatabaseAffinity | None = None
    postgresql: PostgresConfiguration | None = None
    monitoring: DatabaseMonitoring | None = None
    bootstrap: Bootstrap
    managed: Managed


class Cluster(Part):
    api_version: Literal["postgresql.cnpg.io/v1"]
    kind: Literal["Cluster"]
    metadata: Metadata
    spec: ClusterSpec


# Argo CD


class Parameter(Part):
    name: str
    value: str


class HelmOfSource(Part):
    release_name: str | None = None
    value_files: list[str] = []
    parameters: list[Parameter] = []


class Directory(Part):
    include: str


class Source(Part):
    repo_url: Annotated[str, Field(alias="repoURL", pattern=r"^https://")]
    target_revision: str
    path: str | None = None
    chart: str | None = None
    ref: str | None = None
    helm: HelmOfSource | None = None
    directory: Directory | None = None


class Destination(Part):
    server: str
    namespace: str


class Automated(Part):
    prune: bool
    self_heal: bool


class SyncPolicy(Part):
    automated: Automated
    sync_options: list[str] = []


class ApplicationSpec(Part):
    project: str
    destination: Destination
    sources: Annotated[list[Source], Field(min_length=1)]
    sync_policy: SyncPolicy


class Application(Part):
    api_version: Literal["argoproj.io/v1alpha1"]
    kind: Literal["Application"]
    metadata: Metadata
    spec: ApplicationSpec


# External Secrets


class Extract(Part):
    key: str


class DataFrom(Part):
    extract: Extract


class StoreReference(Reference):
    kind: Literal["SecretStore", "ClusterSecretStore"]


class ExternalSecretTarget(Part):
    name: ResourceName
    creation_policy: Literal["Owner", "Orphan", "Merge", "None"]


class ExternalSecretSpec(Part):
    refresh_interval: Duration
    secret_store_ref: StoreReference
    target: ExternalSecretTarget
    data_from: Annotated[list[DataFrom], Field(min_length=1)]


class ExternalSecret(Part):
    api_version: Literal["external-secrets.io/v1"]
    kind: Literal["ExternalSecret"]
    metadata: Metadata
    spec: ExternalSecretSpec


KINDS: dict[str, type[Part]] = {
    kind.__name__: kind
    for kind in (ScaledObject, Stream, Consumer, PodMonitor, PrometheusRule, Cluster, Application, ExternalSecret)
}
