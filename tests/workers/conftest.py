"""A real DNS hierarchy for the tests of dnscheck, with a place for a server of the test's own."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from dns.message import Message

from deploy.devstack.demodns import DemoDns
from deploy.devstack.dnssockets import DnsSockets
from services.dnscheck.asking.resolver import Resolver

ODD_ADDRESS = "127.53.0.9"  # where a test puts a server of its own

OddServer = Callable[[Callable[[Message], Message | None]], AbstractAsyncContextManager[None]]


@pytest.fixture(scope="module")
async def demo() -> AsyncIterator[DemoDns]:
    server = DemoDns(None)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def resolver(demo: DemoDns) -> Resolver:
    return Resolver(
        [demo.root_address],
        demo.port,
        ["127.0.0.0/8"],
        timeouts_seconds=(0.1, 0.1, 0.2),
        tcp_timeout_seconds=1.0,
        attempt_seconds=3.0,
    )


@pytest.fixture
def move_to_odd_server(demo: DemoDns) -> Callable[[str], None]:
    """Let a domain's only name server be the test's own."""

    def move(domain: str) -> None:
        zone, _, tld = domain.rpartition(".")
        demo.set_records(tld, zone, "NS", [f"ns1.{domain}."])
        demo.set_records(tld, f"ns1.{zone}", "A", [ODD_ADDRESS])

    return move


@pytest.fixture
def odd_server(demo: DemoDns) -> OddServer:
    """Run a server of the test's own for a while."""

    @asynccontextmanager
    async def run(respond: Callable[[Message], Message | None]) -> AsyncGenerator[None, None]:
        sockets = DnsSockets([ODD_ADDRESS], lambda _, query: respond(query))
        await sockets.open(iter([demo.port]))
        try:
            yield
        finally:
            await sockets.close()

    return run
