"""Check-now through the workers, beside a real recursor that still remembers that the record was absent."""

from __future__ import annotations

import time
from itertools import count
from typing import Any

import dns.rcode
import pytest_asyncio

from contracts.billing_v1 import AcceptedClaim, AccountStanding
from contracts.domain_v1 import ClaimDomain, ValidateDomain
from deploy.devstack import dnsupdate
from deploy.devstack.bind import BindRecursor
from deploy.devstack.demodns import DemoDns
from services.dnscheck.app import service
from services.domain.app import service as domain_service
from tests.workers.dns_world import asking

LANES, DOMAIN_LANES = 4, 5
ACCOUNT = "nordwind"
HASH = "{SHA512-CRYPT}$6$saltsalt$" + "a" * 86
DAY_SECONDS = 86_400
numbers = count(1)


@pytest_asyncio.fixture(scope="module")
async def workers(bus: Any, demo: DemoDns, recursor: BindRecursor) -> None:
    """The workers dnscheck, with the recursor to corroborate first proofs, and domain."""
    with asking(demo, recursor=f"{recursor.address}:{recursor.port}"):
        dnscheck = await bus.start(service)
    await bus.owns_all(dnscheck, lanes=LANES)
    await bus.owns_all(await bus.start(domain_service), lanes=DOMAIN_LANES)


async def claimed(bus: Any, demo: DemoDns, recursor: BindRecursor, *, signed: bool) -> tuple[str, Any]:
    """Claim a domain whose record the recursor has been asked for too early, and set the record then."""
    name = f"tidenkalender-{next(numbers)}.de"
    demo.add_zone(name)
    soa = f"ns1.{name}. hostmaster.{name}. 1 3600 600 86400 {DAY_SECONDS}"
    demo.set_records(name, "@", "SOA", [soa], ttl_seconds=DAY_SECONDS)
    if signed:
        demo.sign(name)
    claim = AcceptedClaim(
        request=ClaimDomain(domain=name, password_hash=HASH),
        standing=AccountStanding(state="active", package="gold", self_service=True),
        language="de",
    )
    record = (await bus.request(ACCOUNT, claim)).data.domain.record
    assert not (await bus.request(ACCOUNT, ValidateDomain(domain=name))).data.verified
    assert (await recursor.ask(record.name, "TXT")).rcode() == dns.rcode.NXDOMAIN
    await dnsupdate.set_txt(demo.update_address, demo.port, name, record.name_in_zone, record.value)
    return name, record


async def test_check_now_sees_a_new_record_within_a_second_although_the_recursor_remembers_that_it_was_absent(
    bus: Any, demo: DemoDns, recursor: BindRecursor, workers: None
) -> None:
    name, record = await claimed(bus, demo, recursor, signed=False)
    began = time.monotonic()
    outcome = (await bus.request(ACCOUNT, ValidateDomain(domain=name))).data
    took_seconds = time.monotonic() - began
    assert outcome.verified
    assert outcome.domain.state == "active"
    assert (outcome.attempt.code, outcome.attempt.notes) == ("verified", ("recursive_stale",))
    assert took_seconds < 1
    assert (await recursor.ask(record.name, "TXT")).rcode() == dns.rcode.NXDOMAIN


async def test_a_signed_denial_is_waited_for(bus: Any, demo: DemoDns, recursor: BindRecursor, workers: None) -> None:
    name, _ = await claimed(bus, demo, recursor, signed=True)
    outcome = (await bus.request(ACCOUNT, ValidateDomain(domain=name))).data
    assert (outcome.verified, outcome.attempt.kind, outcome.attempt.code) == (
        False,
        "could_not_ask",
        "not_corroborated",
    )
    await recursor.flush()
    outcome = (await bus.request(ACCOUNT, ValidateDomain(domain=name))).data
    assert (outcome.verified, outcome.attempt.dnssec) == (True, "secure")
