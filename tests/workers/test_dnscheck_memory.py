"""What a look knows beyond its own answers: whose a token is, how the zone was before, and who runs it."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import dns.flags
import dns.message
import pytest
import pytest_asyncio
from dns.message import Message

from contracts.dnscheck_v1 import WatchDomain
from deploy.devstack.demodns import ZONE_ADDRESSES, DemoDns
from services.dnscheck.app import service
from services.dnscheck.store import _LOAD_HOLDERS
from tests.workers.dns_world import asking

ACCOUNT, OTHER = "nordwind", "suedwind"
LABEL = "_postkontor-challenge"
TOKEN = "k7wq3xd5mz2ra6ytb4ncfe7hjlgposiu"
OTHERS_TOKEN = "z7y6x5w4v3u2z7y6x5w4v3u2z7y6x5w4"
SIBLINGS_TOKEN = "q2w3e4r5t6z7q2w3e4r5t6z7q2w3e4r5"
STRATO = ("docks01.rzone.de", "shades01.rzone.de")
ODD_ADDRESS = "127.53.0.9"
numbers = itertools.count(1)


@pytest_asyncio.fixture(scope="module")
async def dnscheck(bus: Any, demo: DemoDns) -> AsyncIterator[None]:
    with asking(demo, timeouts_seconds="0.2,0.2"):
        started = await bus.start(service)
    await bus.owns_all(started, lanes=4)
    yield


@pytest.fixture
def domain(demo: DemoDns, dnscheck: None) -> str:
    """A freshly registered domain with an empty zone."""
    name = f"yachtcharter-{next(numbers)}.de"
    demo.add_zone(name)
    return name


@pytest.fixture
def at_strato(demo: DemoDns, domain: str) -> str:
    """The domain, run by a provider that is known."""
    demo.add_zone("rzone.de")
    for host, address in zip(STRATO, ZONE_ADDRESSES, strict=True):
        demo.set_records("rzone.de", f"{host}.", "A", [address])
    demo.set_records("de", f"{domain}.", "NS", [f"{host}." for host in STRATO])
    return domain


class Watching:
    """Looks at one claim, each for a request."""

    def __init__(self, bus: Any, domain: str, *, account: str = ACCOUNT, token: str = TOKEN) -> None:
        self._bus, self._domain, self._account, self._token = bus, domain, account, token
        self._id = uuid4()

    async def look(self, facet: str = "txt") -> Any:
        request_id = uuid4()
        order = WatchDomain(
            domain_id=self._id, domain=self._domain, facet=facet, record_name=f"{LABEL}.{self._domain}",
            record_value=f"token={self._token}", request_id=request_id,
        )  # fmt: skip
        await self._bus.send(self._account, order)
        return await self._bus.eventually(lambda: self._answer(facet, request_id), what="a look")

    async def _answer(self, facet: str, request_id: UUID) -> Any:
        events = await self._bus.events(f"evt.{self._account}.dnscheck.{facet}-checked.v1")
        return next((event.data.attempt for event in events if request_id in event.data.requests), None)


async def test_another_accounts_token_is_known_as_such_and_nothing_more_is_told(
    bus: Any, demo: DemoDns, domain: str
) -> None:
    await Watching(bus, domain, account=OTHER, token=OTHERS_TOKEN).look()
    demo.set_records(domain, LABEL, "TXT", [f"Token={OTHERS_TOKEN.upper()}"])
    attempt = await Watching(bus, domain).look()
    assert (attempt.kind, attempt.code) == ("not_yet", "other_account_token")
    assert OTHER not in attempt.model_dump_json()
    own = await Watching(bus, domain, account=OTHER, token=OTHERS_TOKEN).look()
    assert own.code == "verified"


async def test_a_token_of_another_domain_of_the_account_is_told_with_that_domain(
    bus: Any, demo: DemoDns, domain: str
) -> None:
    sibling = f"ostwind-{next(numbers)}.de"
    await Watching(bus, sibling, token=SIBLINGS_TOKEN).look()
    demo.set_records(domain, "@", "TXT", ["v=spf1 -all", f"token={SIBLINGS_TOKEN}"])
    attempt = await Watching(bus, domain).look()
    assert (attempt.kind, attempt.code, attempt.seen[0]) == (
        "not_yet", "other_domain_token", f"token={SIBLINGS_TOKEN}"
    )  # fmt: skip
    assert f"ist der für {sibling}" in attempt.text.de


async def test_a_token_that_nobody_has_is_a_wrong_value(bus: Any, demo: DemoDns, domain: str) -> None:
    demo.set_records(domain, LABEL, "TXT", ["token=" + "q" * 32, "quote ' \\ \x00 and NUL"])
    assert (await Watching(bus, domain).look()).code == "wrong_value"


async def test_whose_a_token_is_is_never_scanned_for(bus: Any, dnscheck: None) -> None:
    connection = await asyncpg.connect(bus.database_url)
    async with connection.transaction():
        await connection.execute(
            "INSERT INTO dnscheck.watch (domain_id, facet, account, domain, record_name, record_value, started_at,"
            " looks, streak, revision) SELECT gen_random_uuid(), 'txt', 'a', 'd', 'n', 'token=' || number, now(),"
            " 0, 0, 1 FROM generate_series(1, 5000) AS number"
        )
        await connection.execute("ANALYZE dnscheck.watch")
        plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {_LOAD_HOLDERS}", ["token=7", "token=8"]))
        assert "watch_of_record" in plan
        assert "Seq Scan" not in plan
        await connection.execute("DELETE FROM dnscheck.watch WHERE account = 'a'")
    await connection.close()


async def test_a_provider_is_named_with_what_its_form_wants(bus: Any, at_strato: str) -> None:
    attempt = await Watching(bus, at_strato).look()
    assert attempt.name_servers == STRATO
    assert (attempt.provider.key, attempt.provider.name) == ("strato", "STRATO")
    assert attempt.provider.trap.de in attempt.text.de
    assert f"Feld „Präfix“ nur {LABEL};" in attempt.text.de


async def test_a_record_left_at_the_provider_of_before_is_found(
    bus: Any, demo: DemoDns, at_strato: str, odd_server: Any
) -> None:
    watching = Watching(bus, at_strato)
    assert (await watching.look()).code == "not_yet"
    demo.set_records(at_strato, LABEL, "TXT", [f"token={TOKEN}"])
    new_provider = f"neu-{next(numbers)}.com"
    demo.add_zone(new_provider)
    demo.set_records(new_provider, "ns1", "A", [ODD_ADDRESS])
    demo.set_records("de", f"{at_strato}.", "NS", [f"ns1.{new_provider}."])
    async with odd_server(empty):
        attempt = await watching.look()
        again = await watching.look()
    assert (attempt.kind, attempt.code) == ("not_yet", "wrong_provider")
    assert "bei docks01.rzone.de, shades01.rzone.de (STRATO) angelegt" in attempt.text.de
    assert f"sind aber ns1.{new_provider} zuständig" in attempt.text.de
    assert again.code == "wrong_provider"


def empty(query: Message) -> Message:
    reply = dns.message.make_response(query)
    reply.flags |= dns.flags.AA
    return reply


async def test_a_change_of_the_zone_is_noticed_and_looked_at_again_soon(bus: Any, demo: DemoDns, domain: str) -> None:
    watching = Watching(bus, domain)
    first = await watching.look()
    assert first.zone_serial is not None
    assert (first.zone_changed_at, first.negative_ttl_seconds) == (None, 60)
    demo.set_records(domain, "www", "A", ["192.0.2.80"])
    second = await watching.look()
    assert (second.zone_serial, second.zone_changed_at) == (first.zone_serial + 1, second.checked_at)
    assert "zuletzt vor einer Minute geändert" in second.text.de
    assert 15 <= (second.next_check_at - second.checked_at).total_seconds() <= 26
    demo.set_records(domain, LABEL, "TXT", [f"token={TOKEN}"])
    third = await watching.look()
    assert (third.code, third.negative_ttl_seconds, third.dnssec) == ("verified", 60, "unchecked")
    assert third.text.de.endswith("Für alle anderen ist er spätestens in einer Minute sichtbar.")
    fourth = await watching.look()
    assert (fourth.code, "spätestens" in fourth.text.de) == ("verified", False)


async def test_the_serial_of_a_server_that_lags_is_told(bus: Any, demo: DemoDns, domain: str) -> None:
    demo.freeze(ZONE_ADDRESSES[1], domain)
    demo.set_records(domain, LABEL, "TXT", [f"token={TOKEN}"])
    attempt = await Watching(bus, domain).look()
    assert attempt.code == "partial"
    assert f"ns2.{domain} (Seriennummer {attempt.zone_serial - 1})" in attempt.text.de
    assert f"ns2.{domain} (serial {attempt.zone_serial - 1})" in attempt.text.en


@pytest.mark.parametrize(
    ("rdtype", "value", "one_click"),
    [
        ("TXT", "domainconnect.anbieter.example/api", "domainconnect.anbieter.example/api"),
        ("CNAME", "_domainconnect.anbieter.com.", "api.anbieter.example"),
        ("TXT", "http://169.254.169.254/latest", None),
        ("TXT", "<script>alert(1)</script>.example", None),
    ],
)
async def test_the_providers_one_click_api_is_shown_and_kept_between_looks(
    bus: Any, demo: DemoDns, domain: str, rdtype: str, value: str, one_click: str | None
) -> None:
    demo.add_zone("anbieter.com")
    demo.set_records("anbieter.com", "_domainconnect", "TXT", ["api.anbieter.example"])
    demo.set_records(domain, "_domainconnect", rdtype, [value])
    attempt = await Watching(bus, domain).look()
    assert (attempt.provider.one_click if attempt.provider else None) == one_click


async def test_mx_looks_name_the_provider_too_and_how_long_senders_remember(bus: Any, at_strato: str) -> None:
    attempt = await Watching(bus, at_strato).look("mx")
    assert (attempt.code, attempt.provider.key, attempt.provider.trap) == ("missing", "strato", None)
    assert attempt.name_servers == STRATO
    assert attempt.text.de.endswith("Danach kann es bis zu einer Minute dauern, bis jeder Absender es sieht.")
