"""Ports of the embedded servers: free when chosen, the same ever after."""

import os
import random
import socket
from pathlib import Path

from deploy.devstack.probes import wait_until

LOOPBACK = "127.0.0.1"
LOWEST_PORT = 20_000
USUAL_EPHEMERAL_START = 32_768
EPHEMERAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
RELEASE_DEADLINE_SECONDS = 5.0  # a predecessor that was killed a moment ago may still be letting go


_given: set[int] = set()  # by this process: who was given a port may not listen on it yet


class PortTaken(RuntimeError):
    """Another program listens on the port this directory has always used."""


def free_port() -> int:
    """Return a loopback port nobody listens on, below the range the kernel hands out to outgoing connections.

    The same one is never given twice: two workers of one stack would get it, and the second could not start.

    Inside that range a client that reconnects while its server is down can be given the server's own port and end up
    connected to itself, which then keeps the server from coming back.
    """
    # Of test processes beside each other each has its share: who was given a port may listen on it only seconds later.
    share = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    shares = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    candidates = range(LOWEST_PORT + share, _ephemeral_start(), shares)
    for port in random.sample(candidates, k=min(200, len(candidates))):
        if port not in _given and is_free(port):
            _given.add(port)
            return port
    raise PortTaken("none of 200 random loopback ports is free")


def remembered_port(file: Path, wanted: int = 0) -> int:
    """Return the wanted port, else the one this file remembers, else a free one which it remembers from now on."""
    if wanted:
        return wanted
    if file.exists():
        return int(file.read_text())
    port = free_port()
    file.write_text(f"{port}\n")
    return port


async def wait_until_free(port: int, remembered_in: Path) -> None:
    """Return when the port can be bound; raise PortTaken when somebody keeps it."""
    if not await wait_until(lambda: is_free(port), RELEASE_DEADLINE_SECONDS):
        raise PortTaken(f"port {port} is taken by another program; delete {remembered_in} to have another one chosen")


def is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the servers do: connections of the last run that are still winding down do not count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def _ephemeral_start() -> int:
    try:
        start = int(EPHEMERAL_RANGE.read_text().split()[0])
    except OSError:
        return USUAL_EPHEMERAL_START
    return start if start > LOWEST_PORT + 1000 else USUAL_EPHEMERAL_START
