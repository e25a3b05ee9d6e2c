"""A real DNS hierarchy, a recursor, and a place for a server of the test's own, for dnscheck; accounts with a past."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from dns.message import Message

from deploy.devstack.bind import BindRecursor
from deploy.devstack.debian import find_program, missing
from deploy.devstack.demodns import DemoDns
from deploy.devstack.dnssockets import DnsSockets
from deploy.devstack.hierarchy import TLDS
from deploy.devstack.knot import KnotDns
from services.dnscheck.asking.resolver import Resolver
from services.dnscheck.asking.restraint import Rates
from services.domain.app import service as domain_service
from tests.workers.domain_neighbours import LANES

for _name in ("invoice_stand", "mailbox_model", "mailbox_requests"):  # loaded by path: test folders are no packages
    _spec = importlib.util.spec_from_file_location(_name, Path(__file__).with_name(f"{_name}.py"))
    assert _spec is not None
    assert _spec.loader is not None
    sys.modules[_name] = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(sys.modules[_name])

ODD_ADDRESS = "127.53.0.9"  # where a test puts a server of its own
# All zones of a test share two servers.
UNRESTRAINED = Rates(server_per_second=1e6, registry_per_second=1e6, zone_per_second=1e6, rest_seconds=0)

OddServer = Callable[[Callable[[Message], Message | None]], AbstractAsyncContextManager[None]]


# Whose scenarios also run on Knot: what they show must not be a peculiarity of our own server.
ON_KNOT_TOO = ("test_dnscheck_scenarios", "test_dnscheck_mx", "test_dnscheck_negative_cache")


@pytest_asyncio.fixture(scope="module")
async def domain(bus):
    """The domain worker, once every lane is its own."""
    started = await bus.start(domain_service)
    await bus.owns_all(started, lanes=LANES)
    return started


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "demo" in metafunc.fixturenames and metafunc.module.__name__.endswith(ON_KNOT_TOO):
        backends = ["demodns"] if "faulty" in metafunc.fixturenames else ["demodns", "knot"]
        metafunc.parametrize("demo", backends, indirect=True, scope="module")


@pytest.fixture(scope="module")
async def demo(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[DemoDns | KnotDns]:
    """Root, top-level domains and zones: on our own server, and for whole scenarios on Knot as well."""
    if getattr(request, "param", "demodns") == "demodns":
        server = DemoDns(None)
    elif find_program("knotd") is None:
        pytest.skip(missing("knotd"))
    else:
        server = KnotDns(tmp_path_factory.mktemp("knot"))
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
def faulty(demo: DemoDns) -> DemoDns:
    """The demo server for what no well-behaved server does; tests that use it do not run on Knot."""
    return demo


@pytest.fixture(scope="module")
async def recursor(demo: DemoDns, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[BindRecursor]:
    """BIND, which remembers and validates: root and top-level domains are signed, zones only if a test signs them.

    It keeps what it saw for the whole module: give every test a domain of its own, and sign or break it before BIND
    looks (`await recursor.flush()` makes it forget).
    """
    if find_program("named") is None:
        pytest.skip(missing("named"))
    for zone in (".", *TLDS):
        demo.sign(zone)
    server = BindRecursor(
        tmp_path_factory.mktemp("bind"),
        root_address=demo.root_address,
        hierarchy_port=demo.port,
        trust_anchor=demo.trust_anchor(),
    )
    await server.start()
    yield server
    await server.stop()


@pytest_asyncio.fixture
async def resolver(demo: DemoDns) -> AsyncIterator[Resolver]:
    resolver = Resolver(
        [demo.root_address],
        demo.port,
        ["127.0.0.0/8"],
        timeouts_seconds=(0.1, 0.1, 0.2),
        tcp_timeout_seconds=1.0,
        attempt_seconds=3.0,
        rates=UNRESTRAINED,
    )
    yield resolver
    resolver.close()


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
        sockets = DnsSockets([ODD_ADDRESS], lambda asked: respond(asked.query))
        await sockets.open(iter([demo.port]))
        try:
            yield
        finally:
            await sockets.close()

    return run
