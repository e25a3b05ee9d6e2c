"""Every rendered pod under an engine: with its own security context, environment, files and probes, and nothing else.

What a cluster would do is done here by hand: Secrets become files, init containers run first, probes are asked, and a
stop comes with the pod's grace period. What of a pod this does not know fails, so that nothing is passed over.
"""

import asyncio
import importlib.util
import json
import os
import socket
import sys
import time
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import asyncpg
import pytest
import pytest_asyncio
import yaml
from deploy_chart import VALUES, WORKERS, Document, Pod, of, pods

from deploy.kubernetes import secrets

pytestmark = [pytest.mark.docker, pytest.mark.chart, pytest.mark.timeout(600)]
SETS = (
    "bus.replicas=1",
    "components.policy.enabled=true",
    "components.render.enabled=true",
    "config.POSTKONTOR_DNS_ROOT=127.0.0.1",  # nobody is asked
)
BESIDE = ("policy", "render")  # pods beside the workers
NATS_SECONDS = 60.0
KNOWN_POD = {
    "serviceAccountName", "automountServiceAccountToken", "enableServiceLinks", "securityContext", "restartPolicy",
    "terminationGracePeriodSeconds", "topologySpreadConstraints", "initContainers", "containers", "volumes",
}  # fmt: skip
KNOWN_CONTAINER = {
    "name", "image", "imagePullPolicy", "securityContext", "command", "args", "env", "resources", "volumeMounts",
    "ports", "startupProbe", "livenessProbe", "readinessProbe",
}  # fmt: skip
UNITS = {"Mi": 2**20, "Gi": 2**30}


def _stand() -> Any:
    path = Path(__file__).parents[1] / "docker/conftest.py"
    spec = importlib.util.spec_from_file_location("chart_docker_stand", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["chart_docker_stand"] = module
    spec.loader.exec_module(module)
    return module


stand = _stand()
built, containers = stand.built, stand.containers  # images, and a bus and a database on a network of their own


class Cluster:
    """As much of a cluster as running one pod takes."""

    def __init__(self, containers: Any, folder: Path, content: dict[str, dict[str, str]]) -> None:
        self._containers, self._folder, self._content = containers, folder, content
        self._made = 0

    def start(self, pod: Pod, container: Document) -> Any:
        """Start one container of a pod, confined as the pod says."""
        from testcontainers.core.container import DockerContainer

        assert set(pod.spec) <= KNOWN_POD, set(pod.spec) - KNOWN_POD
        assert set(container) <= KNOWN_CONTAINER, set(container) - KNOWN_CONTAINER
        made = DockerContainer(stand.images.WORKER).with_network(self._containers.network)
        made = made.with_command(container["args"]).with_kwargs(**_confined(pod.spec["securityContext"], container))
        if command := container.get("command"):
            made = made.with_kwargs(entrypoint=command, **_confined(pod.spec["securityContext"], container))
        for variable in container["env"]:
            made = made.with_env(variable["name"], variable["value"])
        for port in container.get("ports", ()):
            made = made.with_exposed_ports(port["containerPort"])
        volumes = {volume["name"]: volume for volume in pod.spec["volumes"]}
        for mount in container["volumeMounts"]:
            volume = volumes[mount["name"]]
            if "emptyDir" in volume:
                made = made.with_tmpfs_mount(
                    mount["mountPath"], f"size={_bytes(volume['emptyDir']['sizeLimit'])},mode=1777"
                )
            else:
                group = pod.spec["securityContext"]["fsGroup"]
                made = made.with_volume_mapping(str(self._secret(volume["secret"], group)), mount["mountPath"], "ro")
        return self._containers.stack.enter_context(made)

    def _secret(self, volume: Document, group: int) -> Path:
        """Write the keys that a volume names, as a node does: root's, and readable for the pod's group."""
        self._made += 1
        folder = self._folder / str(self._made)
        folder.mkdir(parents=True, mode=0o755)
        for item in volume["items"]:
            file = folder / item["path"]
            file.write_text(self._content[volume["secretName"]][item["key"]])
            os.chown(file, 0, group)
            file.chmod(volume["defaultMode"])
        return folder


def _confined(context: Document, container: Document) -> dict[str, Any]:
    own = container["securityContext"]
    return {
        "user": f"{context['runAsUser']}:{context['runAsGroup']}",
        "group_add": [context["fsGroup"]],
        "read_only": own["readOnlyRootFilesystem"],
        "privileged": own["privileged"],
        "cap_drop": own["capabilities"]["drop"],
        "security_opt": [] if own["allowPrivilegeEscalation"] else ["no-new-privileges"],
        "mem_limit": _bytes(container["resources"]["limits"]["memory"]),
    }


def _bytes(quantity: str) -> int:
    return int(quantity[:-2]) * UNITS[quantity[-2:]]


@pytest.fixture(scope="module")
def rendered() -> dict[str, Pod]:
    """The pods of an installation, by component."""
    return {pod.labels["app.kubernetes.io/component"]: pod for pod in pods(of("defaults", *SETS))}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def cluster(containers: Any, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """The Secrets that `postkontor kubernetes secrets` prints, and a database that began as CloudNativePG's does."""
    numbers = iter(range(100))
    at = secrets.DatabaseAt(host="postgres", options="")
    manifests = [*secrets.bus_manifests(containers.register, partitions=4)]
    manifests += secrets.database_manifests(at, lambda: f"geheim-{next(numbers)}")
    content = {one["metadata"]["name"]: one["stringData"] for one in manifests if one["kind"] == "Secret"}
    database = await asyncpg.connect(containers.database_url)
    await database.execute(yaml.safe_load((VALUES / "postgres-roles.yaml").read_text())["data"]["roles.sql"])
    await database.execute(f"CREATE ROLE {secrets.POLICY_ROLE} LOGIN IN ROLE mta_reader")
    for role in secrets.login_roles().values():
        await database.execute(f"ALTER ROLE {role} PASSWORD '{content[secrets.role_secret(role)]['password']}'")
    await database.close()
    folder = tmp_path_factory.mktemp("secrets")
    for above in (folder, *folder.parents):
        if os.stat(above).st_uid == os.getuid() and above != Path("/"):
            above.chmod(above.stat().st_mode | 0o055)
    return Cluster(containers, folder, content)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def running(cluster: Cluster, rendered: dict[str, Pod]) -> dict[str, Any]:
    """All pods that stay: migrated, started before the bus has any stream, and ready by their own probes."""
    started: dict[str, Any] = {}
    for component in WORKERS:
        (migration,) = rendered[component].spec["initContainers"]
        _ended_well(cluster.start(rendered[component], migration))
        started[component] = _main(cluster, rendered[component])
    for component in BESIDE:
        started[component] = _main(cluster, rendered[component])
    _ended_well(_main(cluster, rendered["bus"]))
    for component, container in started.items():
        await _until_ready(rendered[component], container)
    return started


def _main(cluster: Cluster, pod: Pod) -> Any:
    (container,) = pod.spec["containers"]
    return cluster.start(pod, container)


def _ended_well(container: Any) -> str:
    code = container.get_wrapped_container().wait(timeout=NATS_SECONDS)["StatusCode"]
    said = b"".join(container.get_logs()).decode()
    assert code == 0, said
    return said


async def _until_ready(pod: Pod, container: Any) -> None:
    """Ask as the kubelet does: the start-up probe for as long as it may take, then whether it is ready."""
    (spec,) = pod.spec["containers"]
    ports = {port["name"]: port["containerPort"] for port in spec.get("ports", ())}
    for name in ("startupProbe", "livenessProbe", "readinessProbe"):
        probe = spec.get(name)
        if probe is None:
            continue
        seconds = probe.get("periodSeconds", 10) * probe.get("failureThreshold", 3)
        deadline = time.monotonic() + seconds
        while not _passes(probe, container, ports):
            said = b"".join(container.get_logs())[-1500:].decode()
            assert time.monotonic() < deadline, f"{pod.name}: {name} did not pass in {seconds} s\n{said}"
            await asyncio.sleep(0.05)


def _passes(probe: Document, container: Any, ports: dict[str, int]) -> bool:
    host = container.get_container_host_ip()
    seconds = probe.get("timeoutSeconds", 1)
    try:
        if tcp := probe.get("tcpSocket"):
            socket.create_connection(
                (host, int(container.get_exposed_port(ports[tcp["port"]]))), timeout=seconds
            ).close()
            return True
        http = probe["httpGet"]
        with urlopen(
            f"http://{host}:{container.get_exposed_port(ports[http['port']])}{http['path']}", timeout=seconds
        ) as got:
            return got.status < 400
    except (URLError, OSError):
        return False


def test_every_pod_becomes_ready(running: dict[str, Any]) -> None:
    assert set(running) == {*WORKERS, *BESIDE}


def test_the_renderer_has_what_it_renders_with(running: dict[str, Any]) -> None:
    program = "from services.billing.rendering import press; press.prepare(None)"
    code, said = running["render"].get_wrapped_container().exec_run(["/opt/postkontor/bin/python3", "-c", program])
    assert code == 0, said.decode()
    assert b'"renderer started"' in b"".join(running["render"].get_logs())


def test_helm_s_test_finds_the_installation_well(
    cluster: Cluster, rendered: dict[str, Pod], running: dict[str, Any]
) -> None:
    assert "all workers answer" in _ended_well(_main(cluster, rendered["check"]))


@pytest.mark.parametrize("component", [*WORKERS, *BESIDE])
def test_a_pod_sees_its_own_secrets_alone(running: dict[str, Any], component: str) -> None:
    container = running[component].get_wrapped_container()
    _, listed = container.exec_run(["find", "/run/postkontor", "-type", "f"])
    found = set(listed.decode().split())
    wanted = {f"/run/postkontor/bus/{component}.nk", "/run/postkontor/database/postkontor_database_url"}
    if component in BESIDE:
        setting = "policy_database_url" if component == "policy" else "database_url"
        wanted = {f"/run/postkontor/database/postkontor_{setting}"}
    assert found == wanted
    _, environment = container.exec_run(["cat", "/proc/1/environ"])
    assert b"geheim" not in environment
    assert container.exec_run(["touch", "/opt/postkontor/here"])[0] != 0
    assert container.exec_run(["touch", "/tmp/here"])[0] == 0


def test_what_runs_is_in_the_list_of_what_it_is_made_of(built: Any, repository: Path) -> None:
    bill = repository / "build/postkontor.cdx.json"
    if not bill.exists():
        pytest.skip("there is no list of the image's packages; `make sbom` writes one")
    said = built.run(
        "run", "--rm", "--entrypoint", "/opt/postkontor/bin/python3", stand.images.WORKER, "-c",
        "from importlib.metadata import distributions as d; print(*(f'{x.name.lower()}=={x.version}' for x in d()))",
    )  # fmt: skip
    components = {f"{one['name'].lower()}=={one['version']}" for one in json.loads(bill.read_text())["components"]}
    inside = {one.replace("_", "-") for one in said.split() if not one.startswith(("postkontor==", "setuptools=="))}
    assert len(inside) > 40
    assert inside <= {one.replace("_", "-") for one in components}


# The last, because it ends them.
@pytest.mark.parametrize("component", [*WORKERS, *BESIDE])
def test_a_pod_drains_within_its_grace_period(
    running: dict[str, Any], rendered: dict[str, Pod], component: str
) -> None:
    grace = rendered[component].spec["terminationGracePeriodSeconds"]
    container = running[component].get_wrapped_container()
    begun = time.monotonic()
    container.stop(timeout=grace)
    container.reload()
    assert container.attrs["State"]["ExitCode"] == 0, b"".join(running[component].get_logs())[-1500:].decode()
    assert time.monotonic() - begun < grace / 2
