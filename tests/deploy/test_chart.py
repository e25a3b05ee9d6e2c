"""The chart as helm renders it: valid for the cluster's versions, strict about its values, careful with secrets."""

import re
from typing import Any

import kubernetes_validate
import pytest
import yaml
from deploy_chart import (
    CHART,
    IMAGE,
    INSTALLATIONS,
    VALUES,
    WORKERS,
    Refused,
    documents,
    named,
    of,
    pods,
    rendered,
    run,
)
from deploy_custom_resources import KINDS

from deploy.kubernetes import secrets
from services.chassis.topology import lanes

pytestmark = pytest.mark.chart
KUBERNETES = ("1.35", "1.36", "1.37")
EVERY = pytest.mark.parametrize("installation", INSTALLATIONS)


@EVERY
def test_helm_finds_nothing_to_complain_about(installation: str) -> None:
    files = [word for name in INSTALLATIONS[installation] for word in ("-f", str(VALUES / f"postkontor-{name}.yaml"))]
    sets = [word for one in IMAGE for word in ("--set", one)]
    assert "0 chart(s) failed" in run("lint", "--strict", str(CHART), *files, *sets)


@pytest.mark.parametrize("version", KUBERNETES)
@EVERY
def test_every_document_is_valid(installation: str, version: str) -> None:
    for document in of(installation):
        if _is_of_an_operator(document):
            KINDS[document["kind"]].model_validate(document)
        else:
            kubernetes_validate.validate(document, version, strict=True)


def test_what_is_made_for_operators_cannot_be_mistyped() -> None:
    """The models refuse what they do not know: a schema that takes everything would prove nothing."""
    for document in of("prod"):
        if _is_of_an_operator(document):
            document["spec"]["mistyped"] = 1
            with pytest.raises(ValueError, match="mistyped"):
                KINDS[document["kind"]].model_validate(document)


@pytest.mark.parametrize("name", ["postgres", "postgres-dev", "postgres-roles", "network", "namespace"])
@pytest.mark.parametrize("version", KUBERNETES)
def test_the_manifests_beside_the_chart_are_valid(name: str, version: str) -> None:
    for document in documents((VALUES / f"{name}.yaml").read_text()):
        if _is_of_an_operator(document):
            KINDS[document["kind"]].model_validate(document)
        else:
            kubernetes_validate.validate(document, version, strict=True)


@EVERY
def test_rendering_twice_is_the_same(installation: str) -> None:
    first = rendered(installation)
    rendered.cache_clear()
    assert rendered(installation) == first
    assert not re.search(r"\b(lookup|randAlphaNum|genPrivateKey|now)\b", _templates()), "GitOps would see changes"


def _templates() -> str:
    code = "".join(path.read_text() for path in (CHART / "templates").glob("**/*.yaml"))
    return "".join(re.findall(r"\{\{.*?\}\}", code, re.DOTALL))


@EVERY
def test_no_secret_comes_from_the_chart(installation: str) -> None:
    found = of(installation)
    assert "Secret" not in {document["kind"] for document in found}
    assert "postgresql://" not in rendered(installation)
    assert not re.search(r"\bSU[A-Z0-9]{56}\b", rendered(installation)), "a seed"


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("partitions=four", "partitions"),
        ("partitions=65", "partitions"),
        ("partition=4", "partition"),
        ("bus.existingSecret=", "existingSecret"),
        ("bus.url=nats://admin:secret@nats:4222", "url"),
        ("bus.manage=worker", "manage"),
        ("config.POSTKONTOR_MXX=10 mx", "POSTKONTOR_MXX"),
        ("config.POSTKONTOR_DATABASE_URL=x", "POSTKONTOR_DATABASE_URL"),
        ("config.POSTKONTOR_PAYMENT_DAYS=30", "POSTKONTOR_PAYMENT_DAYS"),  # a number: helm would write 3e+01
        ("components.billing.config.POSTKONTOR_NATS_SEED=SUX", "POSTKONTOR_NATS_SEED"),
        ("components.mail.enabled=true", "mail"),
        ("components.billing.replicas=-1", "replicas"),
        ("image.digest=sha256:1234", "digest"),
        ("network.bus=[]", "bus"),
        ("network.database=[]", "database"),
        ("autoscaling.enabled=true,autoscaling.minReplicas=9", "minReplicas"),
    ],
)
def test_wrong_values_are_refused_by_name(value: str, complaint: str) -> None:
    with pytest.raises(Refused, match=complaint):
        rendered("defaults", value)


def test_an_installation_has_to_name_its_image() -> None:
    with pytest.raises(Refused, match="repository"):
        rendered("defaults", image=())
    with pytest.raises(Refused, match=r"image\.digest is required"):
        rendered("prod", image=IMAGE[:1])


@EVERY
def test_two_secrets_are_all_that_it_needs(installation: str) -> None:
    """And the keys that pods mount are those that `postkontor kubernetes secrets` prints."""
    printed = {secrets.BUS: None, secrets.DATABASE: set(secrets.login_roles())}
    for pod in pods(of(installation)):
        for volume in pod.spec["volumes"]:
            if "secret" not in volume or volume["name"].endswith("-ca"):
                continue
            keys = printed[volume["secret"]["secretName"]]
            assert {item["key"] for item in volume["secret"]["items"]} <= (keys or _seeds()), pod.name


def _seeds() -> set[str]:
    return {f"{name}.nk" for name in (*WORKERS, "operator", "admin")}


@EVERY
def test_only_the_migration_gets_the_owners_password(installation: str) -> None:
    for pod in pods(of(installation)):
        owners = {
            volume["name"]
            for volume in pod.spec["volumes"]
            if any(item["key"].endswith("-owner") for item in volume.get("secret", {}).get("items", ()))
        }
        component = pod.labels["app.kubernetes.io/component"]
        assert bool(owners) == (component in WORKERS), pod.name
        for container in pod.containers:
            mounted = {mount["name"] for mount in container["volumeMounts"]}
            assert bool(mounted & owners) == (container["name"] == "migrate"), (pod.name, container["name"])
            assert container["name"] != "migrate" or not mounted & {"bus", "database"}, "it needs neither"


@EVERY
def test_every_program_has_its_own_key_and_no_other(installation: str) -> None:
    keys = {
        pod.labels["app.kubernetes.io/component"]: [
            item["key"]
            for volume in pod.spec["volumes"]
            if volume["name"] == "bus"
            for item in volume["secret"]["items"]
        ]
        for pod in pods(of(installation))
    }
    for component, found in keys.items():
        wanted = {"bus": ["admin.nk"], "check": ["operator.nk"], "render": [], "policy": []}
        assert found == wanted.get(component, [f"{component}.nk"]), component


@EVERY
def test_a_worker_has_the_time_to_drain_and_probes_that_fit(installation: str) -> None:
    found = of(installation)
    for worker in WORKERS:
        spec = named(found, "Deployment", f"postkontor-{worker}")["spec"]
        (container,) = spec["template"]["spec"]["containers"]
        environment = {variable["name"]: variable["value"] for variable in container["env"]}
        assert (
            spec["template"]["spec"]["terminationGracePeriodSeconds"]
            > float(environment["POSTKONTOR_DRAIN_SECONDS"]) + 10
        )
        assert container["livenessProbe"]["httpGet"]["path"] == container["startupProbe"]["httpGet"]["path"] == "/livez"
        assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
        (port,) = container["ports"]
        assert port == {"name": "health", "containerPort": int(environment["POSTKONTOR_HEALTH_PORT"])}
        assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
        assert ("replicas" in spec) == (installation != "prod"), "KEDA's number would be fought over"
        spread = spec["template"]["spec"]["topologySpreadConstraints"]
        assert {each["topologyKey"] for each in spread} == {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}


def test_who_drains_longer_is_given_longer() -> None:
    spec = named(of("defaults", "drainSeconds=90"), "Deployment", "postkontor-domain")["spec"]["template"]["spec"]
    assert spec["terminationGracePeriodSeconds"] == 115
    assert {"name": "POSTKONTOR_DRAIN_SECONDS", "value": "90"} in spec["containers"][0]["env"]


@EVERY
def test_selectors_select_what_they_mean(installation: str) -> None:
    found = of(installation)
    labels = {
        document["metadata"]["name"]: document["spec"]["template"]["metadata"]["labels"]
        for document in found
        if document["kind"] == "Deployment"
    }
    for document in found:
        name = document["metadata"]["name"]
        if document["kind"] in ("Deployment", "PodDisruptionBudget", "Service"):
            selector = document["spec"]["selector"]
            wanted = selector.get("matchLabels", selector)
            assert [each for each, has in labels.items() if wanted.items() <= has.items()] == [name]
        if document["kind"] == "PodDisruptionBudget":
            assert document["spec"]["maxUnavailable"] == 1


def test_metrics_come_under_the_job_that_rules_and_dashboard_expect() -> None:
    found = of("prod")
    monitor = named(found, "PodMonitor", "postkontor")["spec"]
    for pod in pods(found):
        if pod.labels["app.kubernetes.io/component"] in WORKERS:
            assert pod.labels[monitor["jobLabel"]] == "postkontor"
            assert monitor["selector"]["matchLabels"].items() <= pod.labels.items()
    assert monitor["podMetricsEndpoints"][0]["port"] == "health"


def test_rules_and_dashboard_are_the_committed_ones(repository: Any) -> None:
    found = of("prod")
    monitoring = repository / "deploy/monitoring"
    assert named(found, "PrometheusRule", "postkontor")["spec"] == yaml.safe_load(
        (monitoring / "alerts.yaml").read_text()
    )
    dashboard = named(found, "ConfigMap", "postkontor-dashboard")
    assert dashboard["data"]["postkontor.json"].strip() == (monitoring / "postkontor.json").read_text().strip()
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"


def test_scaling_asks_every_lane_and_adds_no_idle_replica() -> None:
    for partitions in (1, 4, 16):
        found = of("prod", f"partitions={partitions}", "autoscaling.maxReplicas=40")
        for worker in WORKERS:
            spec = named(found, "ScaledObject", f"postkontor-{worker}")["spec"]
            asked = [(one["metadata"]["stream"], one["metadata"]["consumer"]) for one in spec["triggers"]]
            wanted = [(lane.stream, lane.consumer) for lane in lanes(worker, partitions)]
            assert asked == wanted
            assert spec["maxReplicaCount"] == max(2, len(wanted))
            assert spec["fallback"]["replicas"] >= 2


def test_a_release_of_another_name_keeps_its_own_names() -> None:
    found = documents(rendered("prod", release="mail"))
    names = {document["metadata"]["name"] for document in found}
    assert all(name == "mail" or name.startswith("mail-") for name in names)


def _is_of_an_operator(document: dict[str, Any]) -> bool:
    return document["apiVersion"].count(".") > 0 and not document["apiVersion"].split("/")[0].endswith(".k8s.io")
