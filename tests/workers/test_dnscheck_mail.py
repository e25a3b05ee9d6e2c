"""Advice by the worker dnscheck on real servers: with the activation, weekly, on request, and beside domain."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from pydantic import ValidationError

from contracts.billing_v1 import AcceptedClaim, AccountStanding
from contracts.dnscheck_v1 import AskAttempts, UnwatchDomain, WatchDomain
from contracts.domain_v1 import CheckMailRecords, ClaimDomain, ValidateDomain
from deploy.devstack.demodns import ZONE_ADDRESSES, DemoDns
from services.dnscheck.app import service
from services.dnscheck.records import ExpectedDkim, ExpectedService
from services.dnscheck.settings import DnscheckSettings
from services.domain.app import service as domain_service
from tests.workers.dns_world import asking

LANES, DOMAIN_LANES = 4, 5
ACCOUNT = "nordwind"
HASH = "{SHA512-CRYPT}$6$saltsalt$" + "a" * 86
DAY = timedelta(days=1)
numbers = count(1)


@pytest_asyncio.fixture(scope="module")
async def dns() -> AsyncIterator[DemoDns]:
    server = DemoDns(None)
    await server.start()
    yield server
    await server.stop()


@pytest_asyncio.fixture(scope="module")
async def workers(bus, dns) -> None:
    """The workers dnscheck, asking the demo hierarchy, and domain."""
    with asking(dns, timeouts_seconds="0.2,0.2,0.4"):
        dnscheck = await bus.start(service)
    await bus.owns_all(dnscheck, lanes=LANES)
    await bus.owns_all(await bus.start(domain_service), lanes=DOMAIN_LANES)


@pytest.fixture
def name(dns, workers) -> str:
    """A freshly registered domain with an empty zone."""
    registered = f"takelage-{next(numbers)}.de"
    dns.add_zone(registered)
    return registered


def watch(name: str, domain_id: UUID, *, request_id: UUID | None = None) -> WatchDomain:
    return WatchDomain(domain_id=domain_id, domain=name, facet="advice", request_id=request_id)


async def advised(bus, domain_id: UUID, *, at_least: int = 1):
    async def seen():
        events = await bus.events(f"evt.{ACCOUNT}.dnscheck.advice-checked.v1")
        found = [event.data for event in events if event.data.domain_id == domain_id]
        return found if len(found) >= at_least else None

    return await bus.eventually(seen, what=f"{at_least} looks")


async def active(bus, dns, name: str) -> UUID:
    """Claim, prove and so activate a domain."""
    claim = AcceptedClaim(
        request=ClaimDomain(domain=name, password_hash=HASH),
        standing=AccountStanding(state="active", package="gold", self_service=True),
        language="de",
    )
    domain = (await bus.request(ACCOUNT, claim)).data.domain
    dns.set_records(name, domain.record.name_in_zone, "TXT", [domain.record.value])
    assert (await bus.request(ACCOUNT, ValidateDomain(domain=name))).data.domain.state == "active"
    return domain.domain_id


async def test_a_look_is_repeated_after_about_a_week(bus, name):
    domain_id = uuid4()
    await bus.send(ACCOUNT, watch(name, domain_id))
    [look] = await advised(bus, domain_id)
    assert (look.domain, look.requests) == (name, ())
    assert {one.state for one in look.advice.items if one.topic == "spf"} == {"missing"}
    rows = await bus.fetch("SELECT due_at FROM dnscheck.timer WHERE key = $1", str(domain_id))
    assert [row["due_at"] for row in rows] == [look.advice.next_check_at]
    assert 6 * DAY <= look.advice.next_check_at - look.advice.checked_at <= 8 * DAY + timedelta(minutes=1)


async def test_a_week_later_it_is_looked_at_again(bus, dns, name):
    domain_id = uuid4()
    await bus.send(ACCOUNT, watch(name, domain_id))
    await advised(bus, domain_id)
    dns.set_records(name, "_dmarc", "TXT", [f"v=DMARC1; p=reject; rua=mailto:a@{name}"])
    rows = await bus.fetch(
        "UPDATE dnscheck.timer SET due_at = $2 WHERE key = $1 RETURNING kind", str(domain_id), datetime.now(UTC)
    )
    assert [row["kind"] for row in rows] == ["advice"]
    await bus.send(ACCOUNT, watch(f"wecker-{name}", uuid4()))  # the lane looks at its timers when it works
    _, look = await advised(bus, domain_id, at_least=2)
    assert {one.code for one in look.advice.items if one.topic == "dmarc"} == {"dmarc_ok"}
    kept = await bus.fetch("SELECT jsonb_array_length(recent) FROM dnscheck.watch WHERE domain_id = $1", domain_id)
    assert kept[0][0] == 1  # a piece is some kilobytes, and only the latest is of use


async def test_what_could_not_be_asked_is_looked_at_sooner(bus, dns, name):
    for address in ZONE_ADDRESSES:
        dns.set_fault(address, name, "servfail")
    domain_id = uuid4()
    await bus.send(ACCOUNT, watch(name, domain_id))
    [look] = await advised(bus, domain_id)
    assert {one.state for one in look.advice.items if one.topic == "spf"} == {"unknown"}
    assert look.advice.next_check_at - look.advice.checked_at < timedelta(hours=2)


async def test_many_requests_are_answered_by_one_look(bus, name):
    domain_id, requests = uuid4(), [uuid4() for _ in range(5)]
    for request_id in requests:
        await bus.send(ACCOUNT, watch(name, domain_id, request_id=request_id))

    async def all_answered():
        looks = await advised(bus, domain_id)
        answered = [request_id for look in looks for request_id in look.requests]
        return (answered, len(looks)) if len(answered) == len(requests) else None

    answered, looks = await bus.eventually(all_answered)
    assert sorted(answered) == sorted(requests)
    assert looks < len(requests)


async def test_advice_ends_with_its_watch(bus, name):
    domain_id = uuid4()
    await bus.send(ACCOUNT, watch(name, domain_id))
    await advised(bus, domain_id)
    await bus.send(ACCOUNT, UnwatchDomain(domain_id=domain_id))

    async def forgotten():
        return not await bus.fetch("SELECT 1 FROM dnscheck.watch WHERE domain_id = $1", domain_id)

    await bus.eventually(forgotten)
    assert await bus.fetch("SELECT 1 FROM dnscheck.timer WHERE key = $1", str(domain_id)) == []


async def test_advice_begins_with_the_activation_and_never_touches_the_proof(bus, dns, name):
    domain_id = await active(bus, dns, name)
    [look] = await advised(bus, domain_id)
    assert look.requests == ()
    answer = await bus.ask(ACCOUNT, AskAttempts(domain=name))
    assert answer.advice == look.advice
    assert answer.txt[0].kind == "confirmed"
    assert (await bus.ask("suedwind", AskAttempts(domain=name))).advice is None


async def test_a_request_ends_in_advice_of_its_own(bus, dns, name):
    await active(bus, dns, name)
    dns.set_records(name, "@", "TXT", ["v=spf1 ip4:192.0.2.7 -all"])
    outcome = await bus.request(ACCOUNT, CheckMailRecords(domain=name))
    assert outcome.type == "domain.mail-records-check-finished.v1"
    assert outcome.data.domain.state == "active"
    [spf] = [one for one in outcome.data.advice.items if one.topic == "spf"]
    assert (spf.state, spf.code) == ("wrong", "spf_include_missing")
    assert spf.records == (f'{name}. 3600 IN TXT "v=spf1 ip4:192.0.2.7 include:_spf.postkontor.example -all"',)


async def test_advice_on_an_unknown_domain_is_refused(bus, workers):
    outcome = await bus.request(ACCOUNT, CheckMailRecords(domain="gibt-es-nicht.de"))
    assert outcome.data.refusal.code == "domain_unknown"


# --- settings -----------------------------------------------------------------------------------------------------


def test_expected_records_are_settings(monkeypatch):
    monkeypatch.setenv("POSTKONTOR_MAIL_SPF_INCLUDE", "SPF.eigen.de.")
    monkeypatch.setenv("POSTKONTOR_MAIL_DKIM", "s1=S1.{domain}.eigen.de., s2=v=DKIM1; k=rsa; p=MIIB=")
    monkeypatch.setenv("POSTKONTOR_MAIL_SRV", "_imaps._tcp 0 1 993 imap.eigen.de.")
    monkeypatch.setenv("POSTKONTOR_MAIL_CERTIFICATE_ISSUERS", "ca1.example, ca2.example")
    expected = DnscheckSettings().expected_mail()
    assert expected.spf_include == "spf.eigen.de"
    assert expected.dkim == (
        ExpectedDkim("s1", target="s1.{domain}.eigen.de"),
        ExpectedDkim("s2", key="v=DKIM1; k=rsa; p=MIIB="),
    )
    assert expected.services == (ExpectedService("_imaps._tcp", 0, 1, 993, "imap.eigen.de"),)
    assert expected.certificate_issuers == ("ca1.example", "ca2.example")


def test_what_is_set_to_nothing_is_not_advised(monkeypatch):
    for name in ("SPF_INCLUDE", "DKIM", "SRV", "DMARC", "MTA_STS_ID", "AUTOCONFIG_HOST", "CERTIFICATE_ISSUERS"):
        monkeypatch.setenv(f"POSTKONTOR_MAIL_{name}", "")
    expected = DnscheckSettings().expected_mail()
    assert (expected.spf_include, expected.dkim, expected.services, expected.dmarc) == ("", (), (), "")
    assert (expected.mta_sts_id, expected.autoconfig_host, expected.certificate_issuers) == ("", "", ())


@pytest.mark.parametrize(
    ("name", "value"),
    [("DKIM", "pk1"), ("DKIM", "=x.de"), ("SRV", "_imaps._tcp imap.x.de"), ("MTA_STS_ID", "2026-01-01")],
)
def test_what_cannot_be_meant_is_refused_at_the_start(monkeypatch, name, value):
    monkeypatch.setenv(f"POSTKONTOR_MAIL_{name}", value)
    with pytest.raises(ValidationError):
        DnscheckSettings()
