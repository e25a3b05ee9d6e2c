"""The worker dnscheck on real servers and a real DNS hierarchy; the test speaks for domain, or domain runs beside."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import count
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio
from pydantic import ValidationError

from contracts.billing_v1 import AcceptedClaim, AccountStanding
from contracts.dnscheck_v1 import AskAttempts, UnwatchDomain, WatchDomain
from contracts.domain_v1 import AskDomain, CheckMx, ClaimDomain, ValidateDomain
from deploy.devstack.demodns import DemoDns
from services.dnscheck.app import service
from services.dnscheck.findings.mx import ExpectedMx
from services.dnscheck.rules import MAX_RECENT
from services.dnscheck.settings import DnscheckSettings, is_registry
from services.domain.app import service as domain_service
from tests.workers.dns_world import asking

LANES = 4  # dnscheck hears no facts
DOMAIN_LANES = 5
LABEL = "_postkontor-challenge"
TOKEN = "k7wq3xd5mz2ra6ytb4ncfe7hjlgposiu"
HASH = "{SHA512-CRYPT}$6$saltsalt$" + "a" * 86
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ACCOUNT = "nordwind"
numbers = count(1)


@pytest_asyncio.fixture(scope="module")
async def dns() -> AsyncIterator[DemoDns]:
    server = DemoDns(None)
    await server.start()
    yield server
    await server.stop()


@pytest_asyncio.fixture(scope="module")
async def dnscheck(bus, dns) -> AsyncIterator[None]:
    """The worker, asking the demo hierarchy."""
    with asking(dns, unrestrained=True, timeouts_seconds="0.2,0.2,0.4"):
        started = await bus.start(service)
    await bus.owns_all(started, lanes=LANES)
    yield


@pytest_asyncio.fixture(scope="module")
async def domain(bus, dnscheck) -> None:
    """The worker domain beside it."""
    started = await bus.start(domain_service)
    await bus.owns_all(started, lanes=DOMAIN_LANES)


@pytest.fixture
def name(dns, dnscheck) -> str:
    """A freshly registered domain with an empty zone."""
    registered = f"segelschule-{next(numbers)}.de"
    dns.add_zone(registered)
    return registered


def watch(name: str, domain_id: UUID, facet="txt", *, request_id: UUID | None = None) -> WatchDomain:
    return WatchDomain(
        domain_id=domain_id, domain=name, facet=facet, record_name=f"{LABEL}.{name}", record_value=f"token={TOKEN}",
        request_id=request_id,
    )  # fmt: skip


async def looks(bus, domain_id: UUID, *, at_least: int = 1, fact="txt-checked"):
    async def seen():
        events = await bus.events(f"evt.{ACCOUNT}.dnscheck.{fact}.v1")
        found = [event.data for event in events if event.data.domain_id == domain_id]
        return found if len(found) >= at_least else None

    return await bus.eventually(seen, what=f"{at_least} looks")


async def timers(bus, domain_id: UUID):
    return await bus.fetch("SELECT kind, due_at FROM dnscheck.timer WHERE key = $1 ORDER BY kind", str(domain_id))


async def test_a_watch_begins_with_a_look_and_sets_the_next(bus, name):
    domain_id = uuid4()
    await bus.send(ACCOUNT, watch(name, domain_id))
    [look] = await looks(bus, domain_id)
    assert (look.attempt.kind, look.attempt.code, look.requests) == ("not_yet", "not_yet", ())
    assert look.attempt.expected_value == f"token={TOKEN}"
    assert {asked.address for asked in look.attempt.asked} >= {"127.53.0.3", "127.53.0.4"}
    [timer] = await timers(bus, domain_id)
    assert timer["due_at"] == look.attempt.next_check_at
    assert 15 <= (timer["due_at"] - look.attempt.checked_at).total_seconds() <= 30


@pytest.mark.parametrize("payload", ["payload - 'value'", """payload || '{"value": "token=another"}'"""])
async def test_a_look_for_another_record_is_not_judged_but_repeated(bus, dns, name, payload):
    """As with a timer of an earlier release, or a record that changed while the look was under way."""
    domain_id = uuid4()
    await bus.send(ACCOUNT, watch(name, domain_id))
    await looks(bus, domain_id)
    dns.set_records(name, LABEL, "TXT", [f"token={TOKEN}"])
    sql = f"UPDATE dnscheck.timer SET due_at = $2, payload = {payload} WHERE key = $1"
    await bus.fetch(sql, str(domain_id), datetime.now(UTC))
    await bus.send(ACCOUNT, watch(f"wecker-{name}", uuid4()))  # the lane looks at its timers when it works
    _, look = await looks(bus, domain_id, at_least=2)
    assert look.attempt.kind == "confirmed"
    rows = await bus.fetch("SELECT looks FROM dnscheck.watch WHERE domain_id = $1", domain_id)
    assert [row["looks"] for row in rows] == [2]
    [timer] = await bus.fetch("SELECT payload->>'value' AS value FROM dnscheck.timer WHERE key = $1", str(domain_id))
    assert timer["value"] == f"token={TOKEN}"


async def test_a_request_is_answered_by_a_look_of_its_own(bus, dns, name):
    domain_id, request_id = uuid4(), uuid4()
    await bus.send(ACCOUNT, watch(name, domain_id))
    await looks(bus, domain_id)
    dns.set_records(name, LABEL, "TXT", [f"token={TOKEN}"])
    await bus.send(ACCOUNT, watch(name, domain_id, request_id=request_id))
    _, look = await looks(bus, domain_id, at_least=2)
    assert (look.attempt.kind, look.requests) == ("confirmed", (request_id,))
    rows = await bus.fetch("SELECT waiting, looks, course FROM dnscheck.watch WHERE domain_id = $1", domain_id)
    assert [tuple(row) for row in rows] == [("[]", 1, "confirmed")]


async def test_a_silent_dns_is_no_no(bus, dns, name):
    for address in ("127.53.0.3", "127.53.0.4"):
        dns.set_fault(address, name, "servfail")
    domain_id = uuid4()
    await bus.send(ACCOUNT, watch(name, domain_id))
    [look] = await looks(bus, domain_id)
    assert (look.attempt.kind, look.attempt.code) == ("could_not_ask", "servers_failing")


async def test_an_unregistered_domain_is_told_apart(bus, dnscheck):
    domain_id = uuid4()
    await bus.send(ACCOUNT, watch("gibt-es-nicht.de", domain_id))
    [look] = await looks(bus, domain_id)
    assert look.attempt.code == "domain_not_registered"
    assert (look.attempt.next_check_at - look.attempt.checked_at).total_seconds() > 20 * 60


async def test_mx_records_are_compared_with_ours(bus, dns, name):
    dns.set_records(name, "@", "MX", ["10 mx1.postkontor.example.", "20 mx2.postkontor.example."])
    domain_id, request_id = uuid4(), uuid4()
    await bus.send(ACCOUNT, watch(name, domain_id, "mx", request_id=request_id))
    [look] = await looks(bus, domain_id, fact="mx-checked")
    assert (look.attempt.state, look.requests) == ("ok", (request_id,))
    assert look.attempt.seen == look.attempt.expected


async def test_an_unwatched_claim_is_looked_at_no_more(bus, name):
    domain_id = uuid4()
    for facet, fact in (("txt", "txt-checked"), ("mx", "mx-checked")):
        await bus.send(ACCOUNT, watch(name, domain_id, facet))
        await looks(bus, domain_id, fact=fact)
    assert len(await timers(bus, domain_id)) == 2
    await bus.send(ACCOUNT, UnwatchDomain(domain_id=domain_id))

    async def forgotten():
        return not await bus.fetch("SELECT 1 FROM dnscheck.watch WHERE domain_id = $1", domain_id)

    await bus.eventually(forgotten)
    assert await timers(bus, domain_id) == []


async def test_a_request_is_answered_even_when_the_watch_ends_meanwhile(bus, name):
    domain_id, request_id = uuid4(), uuid4()
    await bus.send(ACCOUNT, watch(name, domain_id, request_id=request_id))
    await bus.send(ACCOUNT, UnwatchDomain(domain_id=domain_id))
    [look] = await looks(bus, domain_id)
    assert look.requests == (request_id,)


async def test_the_latest_looks_can_be_asked_for(bus, name):
    domain_id = uuid4()
    await bus.send(ACCOUNT, watch(name, domain_id))
    [look] = await looks(bus, domain_id)
    answer = await bus.ask(ACCOUNT, AskAttempts(domain=name))
    assert answer.txt == (look.attempt,)
    assert answer.mx == ()
    assert (await bus.ask("suedwind", AskAttempts(domain=name))).txt == ()


async def test_the_latest_looks_are_kept_and_no_more(bus, dns, name):
    domain_id = uuid4()
    await bus.send(ACCOUNT, watch(name, domain_id))
    [first] = await looks(bus, domain_id)
    rows = await bus.fetch(
        "UPDATE dnscheck.watch SET recent = (SELECT jsonb_agg(one) FROM"
        " (SELECT recent->0 AS one FROM generate_series(1, $2)) AS many)"
        " WHERE domain_id = $1 RETURNING jsonb_array_length(recent)",
        domain_id, MAX_RECENT,
    )  # fmt: skip
    assert rows[0][0] == MAX_RECENT
    dns.set_records(name, LABEL, "TXT", [f"token={TOKEN}"])
    await bus.send(ACCOUNT, watch(name, domain_id, request_id=uuid4()))
    *_, latest = await looks(bus, domain_id, at_least=2)
    answer = await bus.ask(ACCOUNT, AskAttempts(domain=name))
    assert answer.txt == (latest.attempt, *[first.attempt] * (MAX_RECENT - 1))


# --- with domain beside -------------------------------------------------------------------------------------------


async def test_a_domain_becomes_active_from_claim_to_mx(bus, dns, domain, name):
    claim = AcceptedClaim(
        request=ClaimDomain(domain=name, password_hash=HASH),
        standing=AccountStanding(state="active", package="gold", self_service=True),
        language="de",
    )
    record = (await bus.request(ACCOUNT, claim)).data.domain.record
    outcome = await bus.request(ACCOUNT, ValidateDomain(domain=name))
    assert (outcome.data.verified, outcome.data.attempt.code) == (False, "not_yet")
    dns.set_records(name, record.name_in_zone, "TXT", [record.value])
    outcome = await bus.request(ACCOUNT, ValidateDomain(domain=name))
    assert outcome.data.verified
    assert outcome.data.domain.state == "active"
    dns.set_records(name, "@", "MX", ["10 mx.elsewhere.example."])
    outcome = await bus.request(ACCOUNT, CheckMx(domain=name))
    assert (outcome.data.attempt.state, outcome.data.domain.mx) == ("foreign", "foreign")


async def test_a_record_is_found_without_anybody_asking(bus, dns, domain, name):
    claim = AcceptedClaim(
        request=ClaimDomain(domain=name),
        standing=AccountStanding(state="active", package="gold", self_service=True),
        language="de",
    )
    record = (await bus.request(ACCOUNT, claim)).data.domain.record
    dns.set_records(name, record.name_in_zone, "TXT", [record.value])

    async def verified():
        return (await bus.ask(ACCOUNT, AskDomain(domain=name))).domain.state == "verified"

    await bus.eventually(verified, seconds=40)


# --- settings and rows --------------------------------------------------------------------------------------------


def test_lists_are_written_with_commas(monkeypatch):
    monkeypatch.setenv("POSTKONTOR_DNS_ROOT", "127.53.0.1, 127.53.0.2")
    monkeypatch.setenv("POSTKONTOR_MX", "5 MX.eigen.de., 10 mx2.eigen.de")
    settings = DnscheckSettings()
    assert settings.dns_root == ("127.53.0.1", "127.53.0.2")
    assert settings.mx == (ExpectedMx(5, "mx.eigen.de"), ExpectedMx(10, "mx2.eigen.de"))
    monkeypatch.setenv("POSTKONTOR_MX", "mx.eigen.de")
    with pytest.raises(ValidationError):
        DnscheckSettings()


def test_rates_are_settings_and_above_zero(monkeypatch):
    monkeypatch.setenv("POSTKONTOR_DNS_SERVER_RATE", "7.5")
    assert DnscheckSettings().dns_server_rate == 7.5
    monkeypatch.setenv("POSTKONTOR_DNS_SERVER_RATE", "0")
    with pytest.raises(ValidationError):
        DnscheckSettings()


def test_registries_are_those_of_the_public_suffix_list():
    assert is_registry("de")
    assert is_registry("co.uk")
    assert not is_registry("nordwind.de")


GOOD = {
    "domain_id": UUID(int=1), "facet": "txt", "account": "nordwind", "domain": "gut.de", "record_name": "n",
    "record_value": "v", "started_at": NOW, "next_due_at": NOW, "looks": 2, "streak": 1, "revision": 1,
}  # fmt: skip
BAD = [
    ("facet_known", {"facet": "spf"}),
    ("course_known", {"course": "fine"}),
    ("looks_count_up", {"looks": -1, "streak": 0}),
    ("streak_is_within_looks", {"streak": 3}),
    ("silences_are_looks", {"silences": 3}),
    ("counts_of_haste_are_not_negative", {"haste": -1}),
    ("zone_is_bounded", {"zone": f'["{"x" * 20_000}"]'}),
    ("proof_has_a_record", {"record_value": ""}),
    ("who_waits_is_due", {"waiting": '[{"request_id": "x"}]', "next_due_at": None}),
    ("recent_is_bounded", {"recent": f"[{','.join('0' * 11)}]"}),
    ("revision_counts_from_one", {"revision": 0}),
]


@pytest_asyncio.fixture
async def rows(bus, dnscheck):
    """A connection whose rows vanish with the test."""
    connection = await asyncpg.connect(bus.database_url)
    transaction = connection.transaction()
    await transaction.start()
    yield connection
    await transaction.rollback()
    await connection.close()


async def insert(connection, row) -> None:
    places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
    await connection.execute(f"INSERT INTO dnscheck.watch ({', '.join(row)}) VALUES ({places})", *row.values())


@pytest.mark.parametrize(("constraint", "fault"), BAD)
async def test_an_impossible_watch_is_refused_by_the_database(rows, constraint, fault):
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await insert(rows, GOOD | fault)
    assert refused.value.constraint_name == constraint


async def test_a_facet_of_a_claim_is_watched_once(rows):
    await insert(rows, GOOD)
    with pytest.raises(asyncpg.UniqueViolationError) as refused:
        await insert(rows, GOOD)
    assert refused.value.constraint_name == "one_watch_per_claim_and_facet"
