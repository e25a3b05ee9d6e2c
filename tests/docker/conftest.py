"""Bus, database and workers as containers on a network of their own: the workers as a deployment runs them."""

import asyncio
import importlib.util
import os
import shutil
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import pytest_asyncio

from deploy.bus.configuration import authorization
from deploy.bus.register import Register, standard

# Before testcontainers is imported: no container beside ours that tidies up, and ports on the loopback.
os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")
os.environ.setdefault("TESTCONTAINERS_CONNECTION_MODE", "docker_host")

_spec = importlib.util.spec_from_file_location("docker_images", Path(__file__).with_name("images.py"))
assert _spec is not None
assert _spec.loader is not None
images = importlib.util.module_from_spec(_spec)
sys.modules["docker_images"] = images
_spec.loader.exec_module(images)

WORKER_UID = 10001
START_SECONDS = 20.0
NATS_CONFIGURATION = """
server_name: test
max_payload: 1MB
http: 8222
jetstream {store_dir: /data, sync_interval: always}
include authorization.conf
"""
# What the deployment asks of the engine, and the engine then holds.
CONFINED: dict[str, Any] = {
    "read_only": True, "cap_drop": ["ALL"], "security_opt": ["no-new-privileges"],
    "mem_limit": "512m", "pids_limit": 128,
}  # fmt: skip


@dataclass
class Containers:
    """The servers, and how workers are started beside them."""

    network: Any
    folder: Path
    register: Register
    nats_url: str
    database_url: str
    stack: ExitStack

    def worker(self, service: str, *words: str) -> Any:
        """Start a worker's container; the caller waits for what it needs."""
        from testcontainers.core.container import DockerContainer

        container = (
            DockerContainer(images.WORKER)
            .with_command([f"services.{service}", *words])
            .with_network(self.network)
            .with_env("POSTKONTOR_NATS_URL", "nats://nats:4222")
            .with_env("POSTKONTOR_NATS_SEED", f"/run/keys/{service}.nk")
            .with_env("POSTKONTOR_DATABASE_URL", "postgresql://postkontor:geheim@postgres:5432/postkontor")
            .with_env("POSTKONTOR_DNS_ROOT", "127.0.0.1")  # nobody outside is asked anything
            .with_volume_mapping(str(self.folder / "seeds"), "/run/keys", "ro")
            .with_exposed_ports(8080)
            .with_tmpfs_mount("/tmp", "size=16m")
            .with_kwargs(**CONFINED)
        )
        return self.stack.enter_context(container)


async def wait_for(holds: Callable[[], Any], what: str, container: Any = None) -> Any:
    """Poll until something is true; at the deadline, show what the container said."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            if found := holds():
                return found
        except OSError:
            pass
        if time.monotonic() > deadline:
            said = b"".join(container.get_logs())[-2000:].decode() if container else ""
            pytest.fail(f"{what} did not happen within {START_SECONDS:g} s\n{said}")
        await asyncio.sleep(0.05)


def ready(container: Any) -> bool:
    """Tell whether a worker's /readyz says yes."""
    address = f"http://{container.get_container_host_ip()}:{container.get_exposed_port(8080)}/readyz"
    with urlopen(address, timeout=2) as answer:
        return answer.status == 200


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The images, built once; skipped with the reason where that is impossible."""
    if (reason := images.why_no_engine()) is not None:
        pytest.skip(reason)
    docker = images.engine()
    try:
        base = images.base_of(docker)
        work = tmp_path_factory.mktemp("images")
        images.build_servers(docker, base, work)
        images.build_worker(docker, base, work)
    except images.CannotBuild as cannot:
        pytest.skip(str(cannot))
    return docker


@pytest_asyncio.fixture(scope="session")
async def containers(built: Any, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Containers]:
    """A bus with keys and permissions, and a database, in containers."""
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.network import Network

    folder = tmp_path_factory.mktemp("containers")
    folder.chmod(0o755)
    keys = Register(folder / "register")
    keys.grant(standard())
    _lend_seeds(keys, folder / "seeds")
    configuration = folder / "nats"
    configuration.mkdir(mode=0o755)
    (configuration / "nats.conf").write_text(NATS_CONFIGURATION)
    (configuration / "authorization.conf").write_text(authorization(keys.entries, partitions=4))
    with ExitStack() as stack:
        network = stack.enter_context(Network())
        bus = stack.enter_context(
            DockerContainer(images.NATS)
            .with_command(["-c", "/etc/nats/nats.conf"])
            .with_network(network)
            .with_network_aliases("nats")
            .with_volume_mapping(str(configuration), "/etc/nats", "ro")
            .with_exposed_ports(4222, 8222)
            .with_tmpfs_mount("/data")
            .with_kwargs(read_only=True, cap_drop=["ALL"])
        )
        database = stack.enter_context(
            DockerContainer(images.POSTGRES)
            .with_env("POSTGRES_USER", "postkontor")
            .with_env("POSTGRES_PASSWORD", "geheim")
            .with_env("POSTGRES_DB", "postkontor")
            .with_network(network)
            .with_network_aliases("postgres")
            .with_exposed_ports(5432)
            .with_kwargs(cap_drop=["ALL"])
        )
        host = bus.get_container_host_ip()
        monitoring = f"http://{host}:{bus.get_exposed_port(8222)}/healthz"
        await wait_for(lambda: urlopen(monitoring, timeout=2).status == 200, "the bus", bus)
        await wait_for(
            lambda: b"ready to accept connections" in b"".join(database.get_logs()), "the database", database
        )
        yield Containers(
            network,
            folder,
            keys,
            f"nats://{host}:{bus.get_exposed_port(4222)}",
            f"postgresql://postkontor:geheim@{host}:{database.get_exposed_port(5432)}/postkontor",
            stack,
        )


def _lend_seeds(keys: Register, folder: Path) -> None:
    """Copy the workers' seeds for their containers' user alone."""
    folder.mkdir(mode=0o755)
    for entry in keys.entries:
        if entry.identity.name not in ("admin", "operator"):
            copy = Path(shutil.copy(keys.seed_file(entry.identity.name), folder))
            os.chown(copy, WORKER_UID, WORKER_UID)
            copy.chmod(0o400)


@pytest_asyncio.fixture(scope="session")
async def workers(containers: Containers) -> dict[str, Any]:
    """All four workers, migrated and ready."""
    from services.chassis import topology
    from services.chassis.bus import Access

    await topology.apply(Access(containers.nats_url, seed=containers.register.seed_file("admin")))
    started: dict[str, Any] = {}
    for service in ("billing", "domain", "mailbox", "dnscheck"):
        migration = containers.worker(service, "migrate")
        code = migration.get_wrapped_container().wait(timeout=START_SECONDS)["StatusCode"]
        assert code == 0, b"".join(migration.get_logs()).decode()
        started[service] = containers.worker(service)
    for worker in started.values():
        await wait_for(lambda worker=worker: ready(worker), "readiness", worker)
    return started
