"""A first yes and other sites: a worker asks them over the bus, and each looks for itself."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import uuid4

import nats
import pytest
import pytest_asyncio
from pydantic import ValidationError

from contracts.dnscheck_v1 import WatchDomain
from deploy.devstack.demodns import DemoDns
from services.chassis.runtime import Runtime
from services.dnscheck.app import DnscheckSettings, service
from services.dnscheck.asking.resolver import Resolver
from services.dnscheck.corroboration import perspective_of, subject_of
from tests.workers.dns_world import asking

ACCOUNT = "nordwind"
LABEL = "_postkontor-challenge"
TOKEN = "k7wq3xd5mz2ra6ytb4ncfe7hjlgposiu"
SITES = ("ams", "ber", "fra")
numbers = itertools.count(1)


@pytest_asyncio.fixture(scope="module")
async def elsewhere() -> AsyncIterator[DemoDns]:
    """The Internet as somebody sees it whose way there is another: nothing of ours is there."""
    server = DemoDns(None)
    await server.start()
    yield server
    await server.stop()


@pytest_asyncio.fixture(scope="module")
async def dnscheck(bus: Any, demo: DemoDns) -> AsyncIterator[None]:
    """A worker that wants two of three sites to confirm."""
    with asking(demo, timeouts_seconds="0.2,0.2", site="ham", perspectives="ham, ams, ber, fra"):
        started = await bus.start(service)
    await bus.owns_all(started, lanes=4)
    yield


@asynccontextmanager
async def site(bus: Any, name: str, world: DemoDns) -> AsyncIterator[None]:
    """Serve a site on a connection of its own, as its worker does."""
    connection = await nats.connect(**bus.access.for_nats())
    runtime = Runtime(service, bus.settings(), name, connection, None, None, None, None)  # type: ignore[arg-type]
    resolver = Resolver([world.root_address], world.port, ["127.0.0.0/8"], timeouts_seconds=(0.2, 0.2))
    await runtime.serve(subject_of(name), perspective_of(name, resolver))
    yield
    await runtime.stop_serving()
    await connection.close()


@pytest.fixture
def domain(demo: DemoDns, elsewhere: DemoDns) -> str:
    """A domain with its proof as seen from here; from elsewhere it is without."""
    name = f"bootsverleih-{next(numbers)}.de"
    for world in (demo, elsewhere):
        world.add_zone(name)
    demo.set_records(name, LABEL, "TXT", [f"token={TOKEN}"])
    return name


async def look(bus: Any, domain: str, domain_id: Any = None, *, at_least: int = 1) -> Any:
    domain_id = domain_id or uuid4()
    order = WatchDomain(
        domain_id=domain_id, domain=domain, facet="txt", record_name=f"{LABEL}.{domain}",
        record_value=f"token={TOKEN}", request_id=uuid4(),
    )  # fmt: skip
    await bus.send(ACCOUNT, order)

    async def seen() -> Any:
        events = await bus.events(f"evt.{ACCOUNT}.dnscheck.txt-checked.v1")
        found = [event.data.attempt for event in events if event.data.domain_id == domain_id]
        return found[-1] if len(found) >= at_least else None

    return await bus.eventually(seen, what="a look")


@pytest.mark.parametrize(
    ("agreeing", "denying", "kind", "code"),
    [
        (("ams", "ber", "fra"), (), "confirmed", "verified"),
        (("ams", "fra"), ("ber",), "confirmed", "verified"),
        (("ams",), ("ber", "fra"), "not_yet", "perspectives_disagree"),
        (("ams", "ber"), (), "confirmed", "verified"),
        (("ams",), (), "could_not_ask", "not_corroborated"),
        (("ams",), ("ber",), "could_not_ask", "not_corroborated"),
        ((), (), "could_not_ask", "not_corroborated"),
    ],
)
async def test_two_of_three_sites_have_to_confirm(
    bus: Any, dnscheck: None, demo: DemoDns, elsewhere: DemoDns, domain: str, agreeing: Any, denying: Any,
    kind: str, code: str,
) -> None:  # fmt: skip
    async with AsyncExitStack() as stack:
        for name in (*agreeing, *denying):
            await stack.enter_async_context(site(bus, name, demo if name in agreeing else elsewhere))
        attempt = await look(bus, domain)
    assert (attempt.kind, attempt.code) == (kind, code)
    said = dict.fromkeys(agreeing, "confirmed") | dict.fromkeys(denying, "not_yet")
    assert [(view.site, view.verdict) for view in attempt.perspectives] == [
        (name, said.get(name, "silent")) for name in SITES
    ]
    shown = {asked.server: asked.answer for asked in attempt.asked}
    assert all(shown[f"site {name}"].startswith(f"{said.get(name, 'silent')}") for name in SITES)
    if code == "perspectives_disagree":
        assert "(ber, fra)" in attempt.text.de


async def test_what_was_proven_once_needs_nobody_else(
    bus: Any, dnscheck: None, demo: DemoDns, elsewhere: DemoDns, domain: str
) -> None:
    domain_id = uuid4()
    async with site(bus, "ams", demo), site(bus, "ber", demo):
        assert (await look(bus, domain, domain_id)).code == "verified"
    again = await look(bus, domain, domain_id, at_least=2)
    assert (again.kind, again.code, again.perspectives) == ("confirmed", "verified", ())


async def test_a_site_answers_for_others_and_understands_only_what_it_should(
    bus: Any, dnscheck: None, domain: str
) -> None:
    question = f'{{"domain": "{domain}", "name": "{LABEL}.{domain}", "tokens": ["{TOKEN}"], "later": 1}}'
    reply = await bus.client.request(subject_of("ham"), question.encode(), timeout=5)
    assert b'"site":"ham","verdict":"confirmed"' in reply.data
    with pytest.raises(nats.errors.TimeoutError):
        await bus.client.request(subject_of("ham"), b"nonsense", timeout=0.2)


@pytest.mark.parametrize(
    ("asked", "name", "tokens"),
    [
        ("a..de", "_pk.firma.de", [TOKEN]),
        (f"{'x' * 64}.de", "_pk.firma.de", [TOKEN]),
        ("firma.de", "b\u00fcro.de", [TOKEN]),
        ("firma.de", ".".join(["x" * 60] * 5), [TOKEN]),
        ("firma.de", "_pk.firma.de", []),
    ],
)
async def test_what_nobody_can_look_for_is_no_question(
    resolver: Resolver, asked: str, name: str, tokens: list[str]
) -> None:
    payload = json.dumps({"domain": asked, "name": name, "tokens": tokens}).encode()
    assert await perspective_of("ham", resolver)(payload) is None


async def test_an_answer_in_another_sites_name_is_none(bus: Any, dnscheck: None, demo: DemoDns, domain: str) -> None:
    async def lie(payload: bytes) -> bytes:
        return b'{"site": "fra", "verdict": "confirmed"}'

    connection = await nats.connect(**bus.access.for_nats())
    runtime = Runtime(service, bus.settings(), "x", connection, None, None, None, None)  # type: ignore[arg-type]
    await runtime.serve(subject_of("ber"), lie)
    async with site(bus, "ams", demo):
        attempt = await look(bus, domain)
    await connection.close()
    assert attempt.code == "not_corroborated"


# --- settings -----------------------------------------------------------------------------------------------------


def settings(monkeypatch: pytest.MonkeyPatch, **values: str) -> DnscheckSettings:
    for name, value in values.items():
        monkeypatch.setenv(f"POSTKONTOR_DNS_{name}", value)
    return DnscheckSettings()


@pytest.mark.parametrize(
    ("text", "address", "port"),
    [
        ("192.0.2.53", "192.0.2.53", 53),
        ("192.0.2.53:5353", "192.0.2.53", 5353),
        ("2001:db8::53", "2001:db8::53", 53),
        ("[2001:db8::53]", "2001:db8::53", 53),
        ("[2001:db8::53]:5353", "2001:db8::53", 5353),
    ],
)
def test_a_recursor_is_an_address_and_a_port(
    monkeypatch: pytest.MonkeyPatch, text: str, address: str, port: int
) -> None:
    recursor = settings(monkeypatch, RECURSOR=text).dns_recursor
    assert recursor is not None
    assert (recursor.address, recursor.port) == (address, port)


@pytest.mark.parametrize("text", ["resolver.example.de", "192.0.2.53:0", "192.0.2.53:dns"])
def test_what_is_no_recursor_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    with pytest.raises(ValidationError):
        settings(monkeypatch, RECURSOR=text)


def test_without_a_word_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    found = settings(monkeypatch, RECURSOR="", PERSPECTIVES="")
    assert (found.dns_recursor, found.other_sites, found.quorum) == (None, (), 0)


def test_the_majority_of_the_other_sites_has_to_confirm(monkeypatch: pytest.MonkeyPatch) -> None:
    found = settings(monkeypatch, SITE="ham", PERSPECTIVES="ham,ams,ber,fra")
    assert (found.other_sites, found.quorum) == (SITES, 2)
    assert settings(monkeypatch, QUORUM="3").quorum == 3
    with pytest.raises(ValidationError, match="cannot be reached"):
        settings(monkeypatch, QUORUM="4")
    with pytest.raises(ValidationError):
        settings(monkeypatch, QUORUM="1", PERSPECTIVES="Frankfurt am Main")
