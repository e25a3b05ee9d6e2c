"""The bus as deploy/values configures it: the server takes it, three of them make a cluster, and nobody may too much.

The tests of permissions are those of tests/devstack/test_bus_permissions.py, all of them, on a server that runs with
what is rendered for a cluster instead of the embedded stack's configuration.
"""

import asyncio
import importlib.util
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import nats
import nats.js.errors
import pytest
import pytest_asyncio
from deploy_chart import PROGRAM, VALUES, documents, run
from deploy_nats_chart import INCLUDE, configuration, mounts, text, values

from contracts.messages import SERVICES
from deploy.bus.register import Register, standard
from deploy.devstack.nats import nats_server_program, reload
from deploy.devstack.ports import LOOPBACK, free_port
from deploy.devstack.probes import answers_ok
from deploy.devstack.processes import ChildProcess
from deploy.kubernetes import check, secrets
from services.chassis import topology
from services.chassis.bus import Access

pytestmark = pytest.mark.chart(helm=False)
REAL_CHART = "POSTKONTOR_NATS_CHART"
START_SECONDS = 20.0


def _matrix() -> Any:
    path = Path(__file__).parents[1] / "devstack/test_bus_permissions.py"
    spec = importlib.util.spec_from_file_location("rendered_bus_permissions", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["rendered_bus_permissions"] = module
    spec.loader.exec_module(module)
    return module


# Its tests and fixtures, but for its server: ours is below.
globals().update(
    {name: each for name, each in vars(_matrix()).items() if name.startswith(("test_", "connect", "keys", "office"))}
)


class Rendered:
    """Servers that run with the rendered configuration; changed are only their places: ports, directories, names."""

    def __init__(self, directory: Path, register: Register, *names: str) -> None:
        self._directory, self._register = directory, register
        self._config = configuration(values(*names))
        self._authorization = directory / mounts(values(*names))["authorization"].relative_to("/etc")
        size = len(self._config.get("cluster", {"routes": [""]})["routes"])
        self._ports = [(free_port(), free_port(), free_port()) for _ in range(size)]
        self.processes: list[ChildProcess] = []

    @property
    def url(self) -> str:
        return ",".join(f"nats://{LOOPBACK}:{client}" for client, _, _ in self._ports)

    async def start(self) -> None:
        self.write()
        for number in range(len(self._ports)):
            environment = {**os.environ, "SERVER_NAME": f"nats-{number}"}
            process = ChildProcess(
                f"nats-{number}", [nats_server_program(), "-c", str(self.file(number))], environment,
                self._directory / f"{number}.log",
            )  # fmt: skip
            process.launch()
            self.processes.append(process)
        for process, (_, monitor, _) in zip(self.processes, self._ports, strict=True):
            await process.until_ready(lambda monitor=monitor: answers_ok(_health(monitor)), START_SECONDS)

    async def stop(self) -> None:
        await asyncio.gather(*(process.stop(sig=signal.SIGTERM) for process in self.processes))

    async def reload(self) -> None:
        self.write()
        for process, (_, monitor, _) in zip(self.processes, self._ports, strict=True):
            await reload(process.pid, f"http://{LOOPBACK}:{monitor}")

    def file(self, number: int) -> Path:
        return self._directory / f"nats-config/{number}.conf"

    def write(self) -> None:
        manifests = secrets.bus_manifests(self._register, partitions=4)
        (authorization,) = (one for one in manifests if one["kind"] == "ConfigMap")
        self._authorization.mkdir(exist_ok=True, parents=True)
        for name, content in authorization["data"].items():
            (self._authorization / name).write_text(content)
        self.file(0).parent.mkdir(exist_ok=True)
        for number, (client, monitor, route) in enumerate(self._ports):
            self.file(number).write_text(text(self._placed(number, client, monitor, route)))

    def _placed(self, number: int, client: int, monitor: int, route: int) -> dict[str, Any]:
        store = {"store_dir": str(self._directory / f"data-{number}"), "max_file_store": "<< 1Gi >>"}
        placed = {
            "port": client,
            "http_port": monitor,
            "pid_file": str(self._directory / f"{number}.pid"),
            "host": LOOPBACK,
        }
        made = self._config | placed | {"jetstream": self._config["jetstream"] | store}
        if cluster := made.get("cluster"):
            routes = [f"nats://{LOOPBACK}:{other}" for _, _, other in self._ports]
            made["cluster"] = cluster | {"port": route, "host": LOOPBACK, "routes": routes}
        return made


def _health(monitor: int) -> str:
    return f"http://{LOOPBACK}:{monitor}/healthz"


@pytest_asyncio.fixture(scope="module")
async def server(tmp_path_factory, keys):
    made = Rendered(tmp_path_factory.mktemp("rendered"), keys, "nats", "nats-dev")
    await made.start()
    await topology.apply(Access(made.url, seed=keys.seed_file("admin")))
    yield made
    await made.stop()


@pytest_asyncio.fixture(scope="module")
async def cluster(tmp_path_factory):
    register = Register(tmp_path_factory.mktemp("register"))
    register.grant(standard())
    made = Rendered(tmp_path_factory.mktemp("cluster"), register, "nats")
    await made.start()
    yield made, register
    await made.stop()


@pytest.mark.parametrize("names", [("nats",), ("nats", "nats-dev")], ids="-".join)
def test_the_server_takes_the_configuration(tmp_path, names):
    register = Register(tmp_path / "register")
    register.grant(standard())
    rendered = Rendered(tmp_path, register, *names)
    rendered.write()
    done = subprocess.run(
        [nats_server_program(), "-t", "-c", str(rendered.file(0))],
        capture_output=True, text=True, timeout=20, check=False, env={**os.environ, "SERVER_NAME": "nats-0"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rendered.file(0).write_text(rendered.file(0).read_text().replace("sync_interval", "sync_intervall"))
    broken = subprocess.run(
        [nats_server_program(), "-t", "-c", str(rendered.file(0))], capture_output=True, check=False
    )
    assert broken.returncode != 0, "it reads what we write"


def test_every_write_is_on_disk_before_it_is_acknowledged():
    for names in (("nats",), ("nats", "nats-dev")):
        assert configuration(values(*names))["jetstream"]["sync_interval"] == "always"


def test_the_authorization_is_mounted_where_it_is_included_from():
    given = values("nats")
    included = Path("/etc/nats-config") / given["config"]["merge"][INCLUDE]
    assert Path(os.path.normpath(included)) == mounts(given)["authorization"] / secrets.AUTHORIZATION_FILE
    (volume,) = (patch["value"] for patch in given["podTemplate"]["patch"])
    assert volume == {"name": "authorization", "configMap": {"name": secrets.AUTHORIZATION}}


async def test_three_servers_hold_three_copies_and_workers_make_none(cluster):
    """What runs in production: `bus apply --replicas 3` with the admin's key; a worker's key makes no stream at all."""
    rendered, register = cluster
    admin = Access(rendered.url, seed=register.seed_file("admin"))
    await topology.apply(admin, partitions=4, replicas=3)
    connection = await nats.connect(**admin.for_nats())
    for config in topology.streams(4, 3):
        info = await connection.jetstream().stream_info(config.name)
        assert info.config.num_replicas == 3
        assert info.cluster is not None
        assert len(info.cluster.replicas or ()) == 2
    await connection.close()
    found = await check.findings(Access(rendered.url, seed=register.seed_file("operator")), partitions=4)
    assert found == [f"worker {service}: does not answer" for service in SERVICES], "all the rest is as written"
    for service in SERVICES:
        worker = await nats.connect(
            **Access(rendered.url, seed=register.seed_file(service)).for_nats(), error_cb=_ignored
        )
        context = worker.jetstream(timeout=0.3)
        with pytest.raises(nats.errors.TimeoutError):  # how a client sees that it may not
            await context.add_stream(name="OWN", subjects=["own.>"])
        with pytest.raises(nats.errors.TimeoutError):
            await context.add_consumer("EVT", topology.consumer(topology.lanes(service, 4)[0]))
        await worker.close()


async def _ignored(_: Exception) -> None:
    pass


async def test_the_check_says_what_is_missing(cluster):
    rendered, register = cluster
    operator = Access(rendered.url, seed=register.seed_file("operator"))
    await topology.apply(Access(rendered.url, seed=register.seed_file("admin")), partitions=4, replicas=3)
    found = await check.findings(operator, partitions=5)
    assert any(finding.startswith("stream CMD: another number of partitions") for finding in found)
    assert [f for f in found if f.startswith("consumer")] == [
        f"consumer {service}-{lane}-of-5: consumer not found" for service in SERVICES for lane in range(5)
    ]


def test_the_real_chart_makes_the_same():
    if not (chart := os.environ.get(REAL_CHART)):
        pytest.skip(f"{REAL_CHART} names no copy of the chart `nats`; it is in no package that can be fetched here")
    if not PROGRAM.exists():
        pytest.skip("needs helm")
    for names in (("nats",), ("nats", "nats-dev")):
        files = [word for name in names for word in ("-f", str(VALUES / f"{name}.yaml"))]
        found = documents(run("template", "nats", chart, "--namespace", "postkontor", *files))
        (written,) = (one["data"]["nats.conf"] for one in found if one["metadata"]["name"] == "nats-config")
        assert _plain(written) == _plain(text(configuration(values(*names))))


def _plain(written: str) -> list[str]:
    """Return the words of a configuration: it is written in two styles."""
    return sorted(re.findall(r"[^\s,;{}\[\]\"]+", written.replace('":', " ").replace('"', " ")))
