"""MX records against a real hierarchy over UDP and TCP: one scenario for every diagnosis."""

from __future__ import annotations

import itertools

import pytest

from deploy.devstack import dnsupdate
from deploy.devstack.demodns import ZONE_ADDRESSES, DemoDns, Fault
from services.dnscheck.asking.resolver import Resolver
from services.dnscheck.findings.mx import ExpectedMx, MxDiagnosis, diagnose_mx

MX = (ExpectedMx(10, "mx1.postkontor.example"), ExpectedMx(20, "mx2.postkontor.example"))
OURS = ["10 mx1.postkontor.example.", "20 mx2.postkontor.example."]
ELSEWHERE = "mx.elsewhere.example"
numbers = itertools.count(1)


@pytest.fixture
def domain(demo: DemoDns) -> str:
    """A freshly registered domain with an empty zone."""
    name = f"reederei-{next(numbers)}.de"
    demo.add_zone(name)
    return name


async def look(resolver: Resolver, domain: str) -> MxDiagnosis:
    observation = await resolver.observe_mx(domain, ours=[record.host for record in MX])
    diagnosis = diagnose_mx(observation, MX)
    assert "{" not in diagnosis.text_en + diagnosis.text_de
    return diagnosis


async def test_records_set_by_update_are_seen_at_once(demo: DemoDns, resolver: Resolver, domain: str):
    records = [(10, "MX1.postkontor.example"), (20, "mx2.postkontor.example")]
    await dnsupdate.set_mx(demo.update_address, demo.port, domain, records)
    assert (await look(resolver, domain)).state == "ok"
    await dnsupdate.set_mx(demo.update_address, demo.port, domain, [])
    assert (await look(resolver, domain)).state == "missing"


@pytest.mark.parametrize(
    ("records", "verdict"),
    [
        ([], ("missing", "missing")),
        (OURS, ("ok", "ok")),
        (["20 mx1.postkontor.example.", "10 mx2.postkontor.example."], ("incomplete", "wrong_order")),
        (OURS[1:], ("incomplete", "incomplete")),
        ([f"10 {ELSEWHERE}."], ("foreign", "foreign")),
        ([*OURS, f"50 {ELSEWHERE}."], ("mixed", "mixed")),
        ([*OURS, f"5 {ELSEWHERE}."], ("mixed", "foreign_preferred")),
        (["0 ."], ("null", "null")),
        (["0 .", *OURS], ("broken", "null_and_others")),
        (["10 192.0.2.25."], ("broken", "ip_address")),
        (["10 mx1.postkontor.example"], ("broken", "name_doubled")),
        (["10 mail"], ("broken", "target_broken")),
        ([*OURS, "30 mx.gibt-es-nicht.de."], ("broken", "target_dangling")),
        (["10 leer"], ("broken", "target_broken")),
        (["10 zweitname"], ("broken", "target_is_alias")),
        ([*OURS, "30 zweitname"], ("broken", "target_is_alias")),
        (["10 nur-ipv6"], ("foreign", "foreign")),
        (["10 mail", f"20 {ELSEWHERE}."], ("foreign", "foreign")),
    ],
)
async def test_records_are_told_apart(
    demo: DemoDns, resolver: Resolver, domain: str, records: list[str], verdict: tuple[str, str]
):
    demo.set_records(domain, "leer", "TXT", ["kein Host"])
    demo.set_records(domain, "zweitname", "CNAME", ["mx1.postkontor.example."])
    demo.set_records(domain, "nur-ipv6", "AAAA", ["2001:db8::25"])
    demo.set_records(domain, "@", "MX", records)
    diagnosis = await look(resolver, domain)
    assert (diagnosis.state, diagnosis.code) == verdict


async def test_an_alias_is_shown_with_its_target(demo: DemoDns, resolver: Resolver, domain: str):
    demo.set_records(domain, "zweitname", "CNAME", ["mx1.postkontor.example."])
    demo.set_records(domain, "@", "MX", ["10 zweitname"])
    assert f"(zweitname.{domain} → mx1.postkontor.example)" in (await look(resolver, domain)).text_de


@pytest.mark.parametrize(("rdtype", "value"), [("A", "192.0.2.80"), ("AAAA", "2001:db8::80")])
async def test_without_mx_record_mail_goes_to_the_domains_own_address(
    demo: DemoDns, resolver: Resolver, domain: str, rdtype: str, value: str
):
    demo.set_records(domain, "@", rdtype, [value])
    diagnosis = await look(resolver, domain)
    assert (diagnosis.state, diagnosis.code) == ("missing", "implicit_a")
    assert f"({value})" in diagnosis.text_de


async def test_an_alias_at_the_domain_itself_leaves_no_room_for_mx_records(
    faulty: DemoDns, resolver: Resolver, domain: str
):
    faulty.set_records(domain, "@", "CNAME", ["shop.example."])
    diagnosis = await look(resolver, domain)
    assert (diagnosis.state, diagnosis.code) == ("broken", "apex_alias")


async def test_servers_that_differ_are_inconsistent(demo: DemoDns, resolver: Resolver, domain: str):
    demo.set_records(domain, "@", "MX", [f"10 {ELSEWHERE}."])
    demo.freeze(ZONE_ADDRESSES[1], domain)
    demo.set_records(domain, "@", "MX", OURS)
    diagnosis = await look(resolver, domain)
    assert (diagnosis.state, diagnosis.code) == ("mixed", "inconsistent")
    demo.thaw(ZONE_ADDRESSES[1], domain)
    assert (await look(resolver, domain)).code == "ok"


async def test_an_unregistered_domain_has_no_mx_records_for_that_reason(resolver: Resolver):
    diagnosis = await look(resolver, "gibt-es-nicht.de")
    assert (diagnosis.state, diagnosis.code) == ("missing", "domain_not_registered")


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("servfail", "servers_failing"),
        ("refused", "lame_delegation"),
        ("drop", "servers_unreachable"),
        ("truncate", "tcp_blocked"),
        ("malformed", "ns_malformed"),
    ],
)
async def test_what_could_not_be_asked_is_unknown(
    faulty: DemoDns, resolver: Resolver, domain: str, fault: Fault, code: str
):
    faulty.set_records(domain, "@", "MX", OURS)
    for address in ZONE_ADDRESSES:
        faulty.set_fault(address, domain, fault)
    diagnosis = await look(resolver, domain)
    assert (diagnosis.state, diagnosis.code) == ("unknown", code)


async def test_a_foreign_host_that_could_not_be_asked_for_is_not_called_broken(
    faulty: DemoDns, resolver: Resolver, domain: str
):
    provider = f"fremd-{domain.partition('.')[0]}.com"
    faulty.add_zone(provider)
    faulty.set_records(domain, "@", "MX", [f"10 mx.{provider}."])
    assert (await look(resolver, domain)).code == "target_broken"
    for address in ZONE_ADDRESSES:
        faulty.set_fault(address, provider, "servfail")
    assert (await look(resolver, domain)).code == "foreign"
