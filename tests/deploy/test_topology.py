"""One topology: what `bus apply` makes, what NACK is told and what KEDA asks is the same, for every number of lanes."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from deploy_chart import WORKERS, Document, named, of

from contracts.messages import SERVICES
from deploy.bus.permissions import Identity, permissions_of
from deploy.database.roles import statements
from deploy.kubernetes import secrets
from deploy.kubernetes.__main__ import DATABASE, generated
from services.chassis import topology

STREAM = {
    "subjects": "subjects", "retention": "retention", "discard": "discard", "storage": "storage",
    "num_replicas": "replicas", "max_age": "maxAge", "max_msg_size": "maxMsgSize", "description": "description",
    "duplicate_window": "duplicateWindow", "allow_direct": "allowDirect", "allow_atomic": "allowAtomicPublish",
    "deny_delete": "denyDelete", "name": "name", "subject_transform": "subjectTransform",
}  # fmt: skip
CONSUMER = {
    "durable_name": "durableName", "filter_subjects": "filterSubjects", "deliver_policy": "deliverPolicy",
    "replay_policy": "replayPolicy", "ack_policy": "ackPolicy", "ack_wait": "ackWait",
    "max_deliver": "maxDeliver", "max_ack_pending": "maxAckPending",
}  # fmt: skip


def test_generated_files_are_up_to_date(repository: Path) -> None:
    for path, text in generated().items():
        assert (repository / "deploy" / path).read_text() == text, f"{path}: run python -m deploy.kubernetes"


@pytest.mark.chart
@pytest.mark.parametrize("partitions", [1, 4, 7, 64])
def test_nack_makes_what_bus_apply_makes(partitions: int) -> None:
    found = of("prod", f"partitions={partitions}", "bus.replicas=3")
    wanted = {config.name: _wanted(config, STREAM) for config in topology.streams(partitions, 3)}
    assert {spec["name"]: spec for spec in _specs(found, "Stream")} == wanted
    lanes = [lane for service in SERVICES for lane in topology.lanes(service, partitions)]
    consumers = {
        lane.consumer: _wanted(topology.consumer(lane), CONSUMER) | {"streamName": lane.stream} for lane in lanes
    }
    assert {spec["durableName"]: spec for spec in _specs(found, "Consumer")} == consumers


def _specs(found: list[Document], kind: str) -> list[Document]:
    specs = [document["spec"] for document in found if document["kind"] == kind]
    assert all(spec.pop("preventDelete") for spec in specs), "who uninstalls the chart keeps the streams"
    return specs


def _wanted(config: Any, names: dict[str, str]) -> Document:
    """Return what the client would ask of the server, in NACK's words; whatever has no word there fails."""
    made: Document = {}
    for name, value in vars(config).items():
        if name not in names:
            assert value is None or value in (0, -1, "") or value is False, f"NACK is not told of {name}={value}"
        elif name == "subject_transform":
            made |= {names[name]: {"source": value.src, "dest": value.dest}} if value else {}
        elif name in ("max_age", "duplicate_window", "ack_wait"):
            made[names[name]] = f"{value}s"
        else:
            made[names[name]] = bool(value) if name.startswith(("allow", "deny")) else getattr(value, "value", value)
    return made


@pytest.mark.chart
def test_the_job_applies_the_chart_s_numbers_and_is_made_anew_with_them() -> None:
    def job(*sets: str) -> Document:
        (found,) = (document for document in of("defaults", *sets) if document["kind"] == "Job")
        return found

    first = job()
    (container,) = first["spec"]["template"]["spec"]["containers"]
    assert container["command"] == ["/opt/postkontor/bin/postkontor"]
    assert container["args"] == ["bus", "apply", "--partitions", "4", "--replicas", "3"]
    assert job("partitions=8")["metadata"]["name"] != first["metadata"]["name"]
    assert job()["metadata"]["name"] == first["metadata"]["name"]


@pytest.mark.chart
@pytest.mark.parametrize(("manage", "kinds"), [("job", {"Job"}), ("nack", {"Stream", "Consumer"}), ("none", set())])
def test_exactly_one_makes_streams(manage: str, kinds: set[str]) -> None:
    found = {document["kind"] for document in of("defaults", f"bus.manage={manage}")}
    assert found & {"Job", "Stream", "Consumer"} == kinds


@pytest.mark.chart
def test_the_number_of_lanes_is_the_bus_s_alone() -> None:
    found = of("defaults", "partitions=8")
    for worker in WORKERS:  # they ask the bus
        (container,) = named(found, "Deployment", f"postkontor-{worker}")["spec"]["template"]["spec"]["containers"]
        assert [variable for variable in container["env"] if variable["value"] == "8"] == []
    (job,) = (each for each in found if each["kind"] == "Job")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["args"][2:4] == ["--partitions", "8"], container["args"]
    check = named(found, "Pod", "postkontor-check")["spec"]["containers"][0]
    assert check["args"] == ["kubernetes", "check", "--partitions", "8"]


def test_no_worker_is_permitted_to_make_streams_or_consumers_but_its_own_readers() -> None:
    """The production bus says so by permission; tests/deploy/test_bus_configuration.py tries it on the servers."""
    for service in SERVICES:
        published = permissions_of(Identity(service, "worker"), 4).publish
        making = [name for name in published if any(word in name for word in (".CREATE", ".UPDATE", ".DELETE"))]
        # By consumers for the moment a worker reads its own messages back: originals of dead letters, lost facts.
        assert [name for name in making if ".CONSUMER." not in name or f".{service}-again-" not in name] == []


def test_a_new_database_begins_with_the_roles_that_the_code_knows(repository: Path) -> None:
    values = repository / "deploy/values"
    sql = yaml.safe_load((values / "postgres-roles.yaml").read_text())["data"]["roles.sql"]
    assert [line.removesuffix(";") for line in sql.splitlines()] == list(statements(DATABASE))
    for name in ("postgres", "postgres-dev"):
        cluster = yaml.safe_load((values / f"{name}.yaml").read_text())
        roles = {role["name"]: role for role in cluster["spec"]["managed"]["roles"]}
        assert set(roles) == set(secrets.login_roles().values())
        for role, managed in roles.items():
            assert managed["passwordSecret"]["name"] == secrets.role_secret(role)
        assert roles[secrets.POLICY_ROLE]["inRoles"] == ["mta_reader"]
        reference = cluster["spec"]["bootstrap"]["initdb"]["postInitApplicationSQLRefs"]["configMapRefs"]
        assert reference == [{"name": "postkontor-db-roles", "key": "roles.sql"}]
