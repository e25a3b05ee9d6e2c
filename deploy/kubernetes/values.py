"""The chart's values. Whoever mistypes one is told by helm, because values.schema.json is made from these models.

Settings of the workers that the chart does not set itself are known by name: one that no worker reads is refused, and
so is one that is secret.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic_settings import BaseSettings

from services.billing.app import BillingSettings
from services.billing.render import RenderSettings
from services.chassis.settings import Settings
from services.dnscheck.settings import DnscheckSettings
from services.domain.app import DomainSettings
from services.mailbox.app import MailboxSettings
from services.mailbox.policy import PolicySettings

SETTINGS: tuple[type[BaseSettings], ...] = (
    Settings, BillingSettings, DomainSettings, MailboxSettings, DnscheckSettings, RenderSettings, PolicySettings,
)  # fmt: skip
# What follows from other values, or is secret and comes from a Secret.
SET_BY_CHART = {
    *(f"POSTKONTOR_NATS_{what}" for what in ("URL", "SEED", "IDENTITY", "CA", "CERT", "KEY")),
    *("POSTKONTOR_DATABASE_URL", "POSTKONTOR_POLICY_DATABASE_URL", "POSTKONTOR_POLICY_LISTEN"),
    *("POSTKONTOR_LOG_LEVEL", "POSTKONTOR_DRAIN_SECONDS"),
    *("POSTKONTOR_HEALTH_HOST", "POSTKONTOR_HEALTH_PORT"),
}

Quantity = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi)?$")]
Digest = Annotated[str, Field(pattern=r"^(sha256:[0-9a-f]{64})?$")]
SecretName = Annotated[
    str, Field(pattern=r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$", description="of a Secret; empty: none")
]
Peers = list[dict[str, Any]]  # of a NetworkPolicy
NEVER_EMPTY = Field(min_length=1)  # to Kubernetes an empty list of peers means everybody


def configurable() -> Iterator[str]:
    """Yield the names of the settings that an installation may choose."""
    for kind in SETTINGS:
        prefix = str(kind.model_config.get("env_prefix", ""))
        for field in kind.model_fields:
            if (name := f"{prefix}{field}".upper()) not in SET_BY_CHART:
                yield name


class Of(BaseModel):
    """A part of the values: what it does not know, it refuses."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel)


class Image(Of):
    """The image that deploy/Containerfile makes, in the installation's own registry."""

    repository: Annotated[str, Field(min_length=1)]
    tag: Annotated[str, Field(description="by default the chart's appVersion")]
    digest: Digest
    require_digest: bool
    pull_policy: Literal["Always", "IfNotPresent", "Never"]


class SecretReference(Of):
    """A name of something in the namespace."""

    name: Annotated[str, Field(min_length=1)]


class Bus(Of):
    """NATS. `manage`: who makes streams and consumers; no worker ever does."""

    url: Annotated[str, Field(pattern=r"^(nats|tls)://[^@]+$", description="several with commas; no password in it")]
    existing_secret: Annotated[SecretName, Field(min_length=1)]
    ca_secret: SecretName
    manage: Literal["job", "nack", "none"]
    replicas: Annotated[int, Field(ge=1, le=5)]


class Database(Of):
    """PostgreSQL."""

    existing_secret: Annotated[SecretName, Field(min_length=1)]
    ca_secret: SecretName


class Amounts(Of):
    """Amounts of a container's resources."""

    cpu: Quantity | None = None
    memory: Quantity | None = None


class Resources(Of):
    """A container's resources."""

    requests: Amounts
    limits: Amounts


# JSON Schema with the names of all settings; strings only, because numbers lose digits on their way through helm.
Config = Annotated[
    dict[str, str],
    Field(
        json_schema_extra={
            "additionalProperties": False,
            "properties": {name: {"type": "string"} for name in sorted(set(configurable()))},
        }
    ),
]


class Component(Of):
    """A worker, or a process beside one."""

    enabled: bool
    replicas: Annotated[int, Field(ge=0, le=65)]
    resources: Resources
    config: Config


class Components(Of):
    """The four workers and the two processes beside them."""

    billing: Component
    domain: Component
    mailbox: Component
    dnscheck: Component
    render: Component
    policy: Component


class Autoscaling(Of):
    """KEDA scales the workers by what waits in their lanes."""

    enabled: bool
    min_replicas: Annotated[int, Field(ge=1)]
    max_replicas: Annotated[int, Field(ge=1, le=65)]
    lag_threshold: Annotated[int, Field(ge=1, description="messages that may wait in a lane")]
    nats_monitoring: Annotated[str, Field(pattern=r"^[a-z0-9.-]+:[0-9]+$", description="host and port of all servers")]
    nats_account: Annotated[str, Field(min_length=1)]
    cooldown_seconds: Annotated[int, Field(ge=0)]


class Telemetry(Of):
    """Traces by OTLP over HTTP; an empty endpoint means none."""

    endpoint: Annotated[str, Field(pattern=r"^(https?://.+)?$")]
    ratio: Annotated[str, Field(pattern=r"^(0(\.[0-9]+)?|1(\.0)?)$")]


class PublicDns(Of):
    """Where dnscheck may ask on port 53: everywhere but here."""

    except_: Annotated[list[str], Field(alias="except")]
    except_v6: Annotated[list[str], Field(alias="exceptV6")]
    ipv6: bool


class Network(Of):
    """Who is reached, as peers of NetworkPolicies. Everything else is denied."""

    enabled: bool
    cluster_dns: Annotated[Peers, NEVER_EMPTY]
    bus: Annotated[Peers, NEVER_EMPTY]
    bus_port: Annotated[int, Field(ge=1, le=65535)]
    database: Annotated[Peers, NEVER_EMPTY]
    database_port: Annotated[int, Field(ge=1, le=65535)]
    telemetry: Peers
    telemetry_port: Annotated[int, Field(ge=1, le=65535)]
    monitoring: Peers
    mail_servers: Peers
    recursor: Peers
    public_dns: PublicDns


class Monitoring(Of):
    """What the Prometheus operator and Grafana's sidecar read."""

    pod_monitor: bool
    rules: bool
    dashboards: bool
    labels: dict[str, str]


class Values(Of):
    """All values."""

    image: Image
    image_pull_secrets: list[SecretReference]
    partitions: Annotated[int, Field(ge=1, le=64, description="of the stream CMD; docs/scaling.md before changing it")]
    drain_seconds: Annotated[int, Field(ge=1, le=600)]
    log_level: Literal["debug", "info", "warning", "error"]
    config: Config
    bus: Bus
    database: Database
    components: Components
    autoscaling: Autoscaling
    telemetry: Telemetry
    network: Network
    monitoring: Monitoring
    node_selector: dict[str, str]
    tolerations: list[dict[str, Any]]
    affinity: dict[str, Any]
    priority_class_name: str
    global_: Annotated[dict[str, Any], Field(alias="global")] = {}


def schema() -> dict[str, Any]:
    """Return values.schema.json."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Values.model_json_schema(by_alias=True)}
