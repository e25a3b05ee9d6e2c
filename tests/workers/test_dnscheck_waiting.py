"""Who waits for a look does not wait for others' looks, on real servers: thousands of them hang on a silent one."""

import contextlib
import socket
import statistics
import time
from collections.abc import AsyncIterator
from functools import partial
from uuid import uuid4

import pytest_asyncio

from contracts.dnscheck_v1 import WatchDomain
from deploy.devstack.demodns import DemoDns
from services.dnscheck.app import service
from tests.workers.dns_world import asking

LANES = 4
LABEL = "_postkontor-challenge"
SILENT_ADDRESS = "127.53.4.1"
MOST_SECONDS = 1.0
LOOKED = "SELECT 1 FROM dnscheck.watch WHERE domain_id = $1 AND looks = 1"


@pytest_asyncio.fixture(scope="module")
async def dns() -> AsyncIterator[DemoDns]:
    server = DemoDns(None)
    await server.start()
    yield server
    await server.stop()


@pytest_asyncio.fixture(scope="module")
async def dnscheck(bus, dns) -> None:
    """The worker as it is outside tests: time-outs and restraint are its own."""
    with asking(dns):
        started = await bus.start(service)
    await bus.owns_all(started, lanes=LANES)


def watch(name, domain_id, request_id) -> WatchDomain:
    return WatchDomain(
        domain_id=domain_id, domain=name, facet="txt", record_name=f"{LABEL}.{name}", record_value="token=x",
        request_id=request_id,
    )  # fmt: skip


async def test_who_waits_is_answered_at_once_while_thousands_of_looks_hang(bus, dns, dnscheck):
    """Ten thousand domains of one account are due, in all lanes, and the only server of all of them is silent."""
    domains = [f"segelschule-{number}.de" for number in range(5)]
    for domain in domains:
        dns.add_zone(domain)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind((SILENT_ADDRESS, dns.port))
        dns.set_records("de", "tote-hand", "NS", ["ns.tote-hand.de."])
        dns.set_records("de", "ns.tote-hand", "A", [SILENT_ADDRESS])
        await bus.fetch(
            "WITH watches AS ("
            "  INSERT INTO dnscheck.watch (domain_id, facet, account, domain, record_name, record_value, started_at,"
            "      next_due_at, looks, streak, revision)"
            "  SELECT gen_random_uuid(), 'txt', 'deadwood', 'd' || n || '.tote-hand.de', 'x', 'x', now(), now(),"
            "      0, 0, 1"
            "  FROM generate_series(1, 10000) AS n RETURNING domain_id, domain)"
            " INSERT INTO dnscheck.timer (kind, key, lane, account, due_at, payload)"
            " SELECT 'txt', domain_id::text, row_number() OVER () % 4, 'deadwood', now(),"
            "   jsonb_build_object('domain', domain, 'name', $1 || domain, 'value', 'token=x', 'deep', false)"
            " FROM watches",
            f"{LABEL}.",
        )
        asked: set[bytes] = set()
        silent.setblocking(False)

        async def hanging() -> bool:
            with contextlib.suppress(BlockingIOError):
                while True:
                    asked.add(silent.recv(512)[12:])
            return len(asked) >= 5

        await bus.eventually(hanging)
        waits: list[float] = []
        for domain in domains:
            domain_id, began = uuid4(), time.monotonic()
            await bus.send("nordwind", watch(domain, domain_id, uuid4()))
            await bus.eventually(partial(bus.fetch, LOOKED, domain_id))
            waits.append(time.monotonic() - began)
        assert min(waits) < MOST_SECONDS
        assert statistics.median(waits) < 2 * MOST_SECONDS  # one process holds the DNS, the worker and this test
