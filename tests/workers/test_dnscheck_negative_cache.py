"""What a recursor remembers does not matter: a record that was just made is seen at once, where it is true."""

from __future__ import annotations

import itertools
import time

import dns.flags
import dns.rcode
import pytest

from deploy.devstack import dnsupdate
from deploy.devstack.bind import BindRecursor
from deploy.devstack.demodns import DemoDns
from services.dnscheck.asking.resolver import Resolver
from services.dnscheck.findings.diagnosis import diagnose_txt
from services.dnscheck.findings.proof import ExpectedTxt

LABEL = "_postkontor-challenge"
TOKEN = "k7wq3xd5mz2ra6ytb4ncfe7hjlgposiu"
DAY_SECONDS = 86_400
numbers = itertools.count(1)


@pytest.fixture(params=["unsigned", "signed"])
def domain(demo: DemoDns, recursor: BindRecursor, request: pytest.FixtureRequest) -> str:
    """A domain whose provider lets others remember for a day that a name is absent."""
    name = f"tidenkalender-{next(numbers)}.de"
    demo.add_zone(name)
    soa = f"ns1.{name}. hostmaster.{name}. 1 3600 600 86400 {DAY_SECONDS}"
    demo.set_records(name, "@", "SOA", [soa], ttl_seconds=DAY_SECONDS)
    if request.param == "signed":
        demo.sign(name)
    return name


async def test_a_new_record_is_seen_within_a_second_although_the_recursor_remembers_that_it_was_absent(
    demo: DemoDns, recursor: BindRecursor, resolver: Resolver, domain: str
):
    name = f"{LABEL}.{domain}"
    absent = await recursor.ask(name, "TXT")
    assert absent.rcode() == dns.rcode.NXDOMAIN
    assert min(rrset.ttl for rrset in absent.authority) > 3600

    await dnsupdate.set_txt(demo.update_address, demo.port, domain, LABEL, f"token={TOKEN}")
    began = time.monotonic()
    diagnosis = diagnose_txt(await resolver.observe_txt(domain, name), ExpectedTxt(name=name, tokens=(TOKEN,)))
    took_seconds = time.monotonic() - began

    assert diagnosis.code == "verified"
    assert took_seconds < 1
    assert (await recursor.ask(name, "TXT")).rcode() == dns.rcode.NXDOMAIN
    await recursor.flush()
    assert (await recursor.ask(name, "TXT")).rcode() == dns.rcode.NOERROR
