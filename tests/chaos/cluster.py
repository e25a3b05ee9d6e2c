"""Three NATS servers on loopback as one bus, every stream on all of them; to its users it looks like one server."""

import asyncio
import json
import urllib.request
from collections.abc import Callable
from pathlib import Path

from deploy.devstack.nats import NatsServer
from deploy.devstack.ports import LOOPBACK, remembered_port
from deploy.devstack.probes import wait_until

NODES = 3
NAME = "postkontor"
WHOLE_SECONDS = 30.0


class NatsCluster(NatsServer):
    """The servers together. Whatever is asked of one server is asked of all."""

    def __init__(self, directory: Path, *, authorization: Callable[[], str] = str) -> None:
        self.directory = directory.resolve()
        self.directory.mkdir(parents=True, exist_ok=True)
        ports = [remembered_port(self.directory / f"route-port-{number}") for number in range(NODES)]
        routes = "routes: [" + ", ".join(f'"nats://{LOOPBACK}:{port}"' for port in ports) + "]"
        self.nodes = [
            NatsServer(
                self.directory / f"node-{number}",
                name=f"node-{number}",
                authorization=authorization,
                # Clients go where they are told to: what is behind a cable stays behind it.
                cluster=f'cluster {{ name: {NAME}, listen: "{LOOPBACK}:{port}", no_advertise: true, {routes} }}',
            )
            for number, port in enumerate(ports)
        ]

    @property
    def url(self) -> str:
        return ",".join(node.url for node in self.nodes)

    @property
    def monitor_url(self) -> str:
        return self.nodes[0].monitor_url

    @property
    def pid(self) -> int:
        return self.nodes[0].pid

    @property
    def alive(self) -> bool:
        return all(node.alive for node in self.nodes)

    async def start(self) -> None:
        await asyncio.gather(*(node.start() for node in self.nodes))
        assert await wait_until(self._has_leader, WHOLE_SECONDS), "the cluster has found no leader"

    async def stop(self) -> None:
        await asyncio.gather(*(node.stop() for node in self.nodes))

    async def kill(self) -> None:
        await asyncio.gather(*(node.kill() for node in self.nodes))

    async def reload(self) -> None:
        for node in self.nodes:
            await node.reload()

    def leader_of(self, stream: str) -> NatsServer | None:
        """Return the node that leads a stream; None while nobody does."""
        for number, node in enumerate(self.nodes):
            if node.alive and _jsz(node).get(stream) == f"node-{number}":
                return node
        return None

    def _has_leader(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.monitor_url}/jsz", timeout=2) as answer:
                return bool(json.load(answer).get("meta_cluster", {}).get("leader"))
        except OSError:
            return False


def _jsz(node: NatsServer) -> dict[str, str]:
    """Return who leads each stream, as one node knows it."""
    try:
        with urllib.request.urlopen(f"{node.monitor_url}/jsz?streams=true&accounts=true", timeout=2) as answer:
            details = json.load(answer).get("account_details", [])
    except OSError:
        return {}
    streams = [stream for account in details for stream in account.get("stream_detail", [])]
    return {stream["name"]: stream.get("cluster", {}).get("leader", "") for stream in streams}
