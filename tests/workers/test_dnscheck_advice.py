"""Advice against a real hierarchy over UDP: what is published is what is judged, and trouble is never an absence."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections import Counter
from datetime import timedelta

import pytest

from contracts.dnscheck_v1 import Advice
from deploy.devstack.demodns import ZONE_ADDRESSES, DemoDns, Fault
from services.dnscheck.app import DnscheckSettings
from services.dnscheck.asking.budget import Budget
from services.dnscheck.asking.resolver import Resolver
from services.dnscheck.asking.syntax import find_faults
from services.dnscheck.findings.advice.topics import advise
from services.dnscheck.observation import MailObservation
from services.dnscheck.records import merged_spf

OURS = "include:_spf.postkontor.example"
EXPECTED = DnscheckSettings().expected_mail()
numbers = itertools.count(1)


@pytest.fixture
def domain(demo: DemoDns) -> str:
    """A freshly registered domain with an empty zone."""
    name = f"bootsbau-{next(numbers)}.de"
    demo.add_zone(name)
    return name


async def observe(resolver: Resolver, domain: str) -> MailObservation:
    return await resolver.observe_mail(domain, EXPECTED)


async def advice(resolver: Resolver, domain: str) -> list[Advice]:
    given = advise(await observe(resolver, domain), EXPECTED, known_for=timedelta(0))
    assert not [one for one in given if "{" in one.text.de + one.text.en]
    return list(given)


async def codes(resolver: Resolver, domain: str, topic: str) -> list[str]:
    return [one.code for one in await advice(resolver, domain) if one.topic == topic]


def publish_all(demo: DemoDns, domain: str) -> None:
    """Set everything as it is advised."""
    demo.set_records(domain, "@", "TXT", [f"v=spf1 {OURS} ~all", "anything else"])
    for selector in ("pk1", "pk2"):
        target = f"{selector}.{domain}.dkim.postkontor.example."
        demo.set_records(domain, f"{selector}._domainkey", "CNAME", [target])
    demo.set_records(domain, "_dmarc", "TXT", [EXPECTED.dmarc])
    demo.set_records(domain, "_mta-sts", "TXT", ["v=STSv1; id=20260101"])
    demo.set_records(domain, "_smtp._tls", "TXT", [EXPECTED.tls_rpt])
    for label in ("mta-sts", "autoconfig", "autodiscover"):
        demo.set_records(domain, label, "CNAME", [f"{label}.postkontor.example."])
    for service in EXPECTED.services:
        demo.set_records(domain, service.service, "SRV", [f"{service.value}."])


async def test_an_empty_zone_lacks_everything_and_is_told_each_line(resolver: Resolver, domain: str):
    given = await advice(resolver, domain)
    lacking = [one for one in given if one.state == "missing"]
    assert {one.topic for one in lacking} == {
        "spf", "dkim", "dmarc", "mta_sts", "tls_rpt", "autoconfig", "autodiscover", "srv",
    }  # fmt: skip
    assert all(one.records for one in lacking)
    assert [one.code for one in given if one.topic == "dane"] == ["dane_no_mail_servers"]


async def test_what_was_advised_is_found_right(demo: DemoDns, resolver: Resolver, domain: str):
    publish_all(demo, domain)
    given = await advice(resolver, domain)
    assert {one.code for one in given if one.state not in ("ok", "not_applicable")} == {"name_servers_near"}
    assert not any(one.records for one in given)


async def test_the_lines_themselves_make_it_right(demo: DemoDns, resolver: Resolver, domain: str):
    """What is advised is set word for word, as a customer would; nothing is left to advise."""
    for one in await advice(resolver, domain):
        for line in one.records:
            name, _, _, rdtype, value = line.split(" ", 4)
            demo.set_records(domain, name, rdtype, [value[1:-1] if rdtype == "TXT" else value])
    assert not [one for one in await advice(resolver, domain) if one.state in ("missing", "wrong")]


async def test_a_dead_server_is_asked_around(demo: DemoDns, resolver: Resolver, domain: str):
    publish_all(demo, domain)
    demo.set_fault(ZONE_ADDRESSES[0], domain, "servfail")
    assert not [one for one in await advice(resolver, domain) if one.state in ("missing", "wrong", "unknown")]


@pytest.mark.parametrize(
    ("fault", "code"),
    [("servfail", "servers_failing"), ("refused", "lame_delegation"), ("drop", "servers_unreachable")],
)
async def test_what_could_not_be_asked_is_never_called_missing(
    demo: DemoDns, resolver: Resolver, domain: str, fault: Fault, code: str
):
    for address in ZONE_ADDRESSES:
        demo.set_fault(address, domain, fault)
    asked = [one for one in await advice(resolver, domain) if one.topic != "name_servers"]
    assert {one.topic for one in asked} >= {"spf", "dkim", "dmarc", "mta_sts", "tls_rpt", "srv", "dane", "caa"}
    assert {(one.state, one.code, one.records) for one in asked} == {("unknown", code, ())}


async def test_trouble_elsewhere_leaves_the_domains_own_records_judged(demo: DemoDns, resolver: Resolver, domain: str):
    publish_all(demo, domain)
    for address in ZONE_ADDRESSES:
        demo.set_fault(address, "postkontor.example", "servfail")
    try:
        given = {(one.topic, one.code) for one in await advice(resolver, domain)}
    finally:
        for address in ZONE_ADDRESSES:
            demo.set_fault(address, "postkontor.example", None)
    assert {("spf", "servers_failing"), ("dkim", "dkim_ok"), ("mta_sts", "host_ok"), ("dmarc", "dmarc_ok")} <= given


async def test_an_unregistered_domain_is_told_apart(resolver: Resolver):
    [one] = await advice(resolver, "gibt-es-nicht.de")
    assert (one.state, one.code) == ("missing", "domain_not_registered")


# --- SPF ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([f"v=spf1 {OURS} -all"], ["spf_ok"]),
        (["v=spf1 ip4:192.0.2.1 -all"], ["spf_include_missing"]),
        ([f"v=spf1 {OURS} -all", "v=spf1 a -all"], ["spf_two_records"]),
        ([f"v=spf1 ip4:192.0.2 {OURS} -all"], ["spf_syntax"]),
        ([f"v=spf1 {OURS} include:leer.postkontor.example -all"], ["spf_include_broken"]),
        ([f"v=spf1 {OURS} a:x1.de a:x2.de a:x3.de -all"], ["spf_void_lookups"]),
        (["v=spf1 redirect=_spf.postkontor.example"], ["spf_ok"]),
        (['"v=spf1 -all"'], ["spf_syntax"]),
    ],
)
async def test_spf_records_are_told_apart(
    demo: DemoDns, resolver: Resolver, domain: str, values: list[str], expected: list[str]
):
    demo.set_records(domain, "@", "TXT", values)
    assert await codes(resolver, domain, "spf") == expected


async def test_the_look_ups_of_included_records_count(demo: DemoDns, resolver: Resolver, domain: str):
    for number in range(9):
        demo.set_records(domain, f"s{number}", "TXT", [f"v=spf1 include:s{number + 1}.{domain} -all"])
    demo.set_records(domain, "s9", "TXT", ["v=spf1 ip4:192.0.2.1 -all"])
    demo.set_records(domain, "@", "TXT", [f"v=spf1 {OURS} include:s0.{domain} -all"])
    [one] = [one for one in await advice(resolver, domain) if one.topic == "spf"]
    assert (one.code, "11 DNS look-ups" in one.text.en) == ("spf_too_many_lookups", True)


async def test_a_record_that_includes_itself_is_a_loop(demo: DemoDns, resolver: Resolver, domain: str):
    demo.set_records(domain, "kreis", "TXT", [f"v=spf1 include:{domain} -all"])
    demo.set_records(domain, "@", "TXT", [f"v=spf1 {OURS} include:kreis.{domain} -all"])
    assert "spf_include_loop" in await codes(resolver, domain, "spf")


async def test_a_wide_tree_ends_with_its_budget_and_takes_nothing_from_the_rest(
    demo: DemoDns, resolver: Resolver, domain: str
):
    publish_all(demo, domain)
    wide = " ".join(f"include:w{number}.{domain}" for number in range(60))
    demo.set_records(domain, "*", "TXT", [f"v=spf1 {wide} -all"])
    demo.set_records(domain, "@", "TXT", [f"v=spf1 {OURS} {wide} -all"])
    observation = await observe(resolver, domain)
    assert sum(look.name.startswith("w") for look in observation.looks) <= 24
    given = advise(observation, EXPECTED, known_for=timedelta(0))
    assert {one.code for one in given if one.topic == "dkim"} == {"dkim_ok"}


@pytest.mark.parametrize(("place", "rdtype", "code"), [("_spf", "TXT", "spf_elsewhere"), ("@", "SPF", "spf_type99")])
async def test_an_spf_record_in_the_wrong_place_is_found(
    demo: DemoDns, resolver: Resolver, domain: str, place: str, rdtype: str, code: str
):
    value = "v=spf1 a -all"
    demo.set_records(domain, place, rdtype, [value if rdtype == "TXT" else f'"{value}"'])
    assert await codes(resolver, domain, "spf") == [code]


# --- DKIM, DMARC, DANE ------------------------------------------------------------------------------------------------


async def test_dkim_records_in_wrong_places_and_copies_are_told_apart(demo: DemoDns, resolver: Resolver, domain: str):
    target = f"pk1.{domain}.dkim.postkontor.example."
    demo.set_records(domain, f"pk1._domainkey.{domain}", "CNAME", [target])
    demo.set_records(domain, "pk2._domainkey", "TXT", ["v=DKIM1; k=ed25519; p=tdJCIQ0F2x0fN8mHtNEyvFz0sVZkYlCTFYp"])
    assert await codes(resolver, domain, "dkim") == ["dkim_elsewhere", "dkim_key_truncated"]
    demo.set_records(domain, "pk1._domainkey", "CNAME", ["pk1.other.example."])
    demo.set_records(domain, "pk2._domainkey", "TXT", ["p=tdJCIQ0F2x0fN8mHtNEyvFz0sVZkYlCTFYpnSOBJxGU="])
    assert await codes(resolver, domain, "dkim") == ["dkim_other_alias", "dkim_copied"]


async def test_reports_to_strangers_need_their_word(demo: DemoDns, resolver: Resolver, domain: str):
    stranger = f"fremd-{domain.partition('.')[0]}.com"
    demo.add_zone(stranger)
    demo.set_records(domain, "_dmarc", "TXT", [f"v=DMARC1; p=reject; rua=mailto:a@{stranger},mailto:b@{domain}"])
    assert await codes(resolver, domain, "dmarc") == ["dmarc_reports_refused"]
    demo.set_records(stranger, f"{domain}._report._dmarc", "TXT", ["v=DMARC1"])
    assert await codes(resolver, domain, "dmarc") == ["dmarc_ok"]


@pytest.mark.parametrize("taker", ["b..de", f"b.{'x' * 64}.de", "b.\\999.de", "büro.de", "."])
async def test_reports_to_what_is_no_name_do_not_end_the_look(
    demo: DemoDns, resolver: Resolver, domain: str, taker: str
):
    demo.set_records(domain, "_dmarc", "TXT", [f"v=DMARC1; p=reject; rua=mailto:a@{taker},mailto:b@{domain}"])
    seen = await observe(resolver, domain)
    assert not [look.name for look in seen.looks if "_report._dmarc" in look.name]


async def test_a_policy_of_the_domain_above_holds(demo: DemoDns, resolver: Resolver, domain: str):
    demo.set_records(domain, "_dmarc", "TXT", ["v=DMARC1; p=reject; sp=quarantine; rua=mailto:a@x.de"])
    demo.set_records(domain, "verein", "A", ["192.0.2.80"])
    [one] = [one for one in await advice(resolver, f"verein.{domain}") if one.topic == "dmarc"]
    assert (one.state, one.code) == ("ok", "dmarc_inherited")
    assert "quarantine" in one.text.de


async def test_a_policy_at_the_domain_itself_is_misplaced(demo: DemoDns, resolver: Resolver, domain: str):
    demo.set_records(domain, "@", "TXT", ["v=DMARC1; p=reject"])
    assert await codes(resolver, domain, "dmarc") == ["dmarc_elsewhere"]


async def test_keys_of_mail_servers_count_where_zones_are_signed(demo: DemoDns, resolver: Resolver, domain: str):
    host, tld = f"mx.{domain}", "de"
    demo.set_records(domain, "@", "MX", [f"10 {host}."])
    assert await codes(resolver, domain, "dane") == ["dane_unsigned"]
    demo.set_records(tld, domain.removesuffix(".de"), "DS", [f"12345 13 2 {'ab' * 32}"])
    assert await codes(resolver, domain, "dane") == ["dane_missing"]
    demo.set_records(domain, f"_25._tcp.{host}.", "TLSA", [f"3 1 1 {'cd' * 32}"])
    assert await codes(resolver, domain, "dane") == ["dane_ok"]


async def test_certificates_only_from_others_are_no_use(demo: DemoDns, resolver: Resolver, domain: str):
    demo.set_records(domain, "@", "CAA", ['0 issue "ca.example"', '0 iodef "mailto:x@example.org"'])
    [one] = [one for one in await advice(resolver, domain) if one.topic == "caa"]
    assert (one.code, one.records) == ("caa_forbids", (f'{domain}. 3600 IN CAA 0 issue "letsencrypt.org"',))
    demo.set_records(domain, "@", "CAA", ['0 issue "letsencrypt.org; validationmethods=dns-01"'])
    assert await codes(resolver, domain, "caa") == ["caa_ok"]


async def test_records_in_a_zone_of_their_own_are_followed(demo: DemoDns, resolver: Resolver, domain: str):
    """Some providers delegate _domainkey; the servers of the domain refer there, and say nothing themselves."""
    other = f"keys-{domain.partition('.')[0]}.com"
    demo.add_zone(other)
    demo.set_records(domain, "_domainkey", "NS", [f"ns1.{other}."])
    given = [one for one in await advice(resolver, domain) if one.topic == "dkim"]
    assert {(one.state, one.code) for one in given} == {("unknown", "lame_delegation")}  # nobody holds that zone


# --- the grammar --------------------------------------------------------------------------------------------------


async def test_checking_the_grammar_asks_nobody(monkeypatch: pytest.MonkeyPatch):
    """checkdmarc looks things up while it parses; here it must not reach a resolver, the machine's least of all."""
    opened: list[object] = []

    def refuse(*arguments: object, **_: object) -> object:
        opened.append(arguments)
        raise OSError("no network in this test")

    await asyncio.to_thread(__import__, "checkdmarc.dmarc")
    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr("dns.resolver.Resolver.read_resolv_conf", refuse)
    records = [
        "v=spf1 a mx ptr include:a.example exists:b.example redirect=c.example",
        "v=spf1 exp=explain.example a:d.example -all",
        "v=spf1 -all EXP=explain.example",
        "v=DMARC1; p=none; rua=mailto:a@b.example; ruf=mailto:c@d.example",
    ]
    assert await find_faults("nordwind.de", records) == ()
    assert opened == []


@pytest.mark.parametrize(
    ("record", "part"),
    [
        ("v=spf1 ip4:192.0.2 -all", "ip4:192.0.2"),
        ("v=spf1 include: -all", "include:"),
        ("v=spf1 inclde:a.example -all", "inclde:a.example"),
        ("v=spf1 ip4=192.0.2.1 -all", "ip4=192.0.2.1"),
        ("v=spf1 include:a.example, include:b.example -all", "include:a.example,"),
        ("v=spf1 redirect=a.example redirect=b.example", "redirect=a.example"),
        ("v=spf1 mx-all", "mx-all"),
        ("v=DMARC1; p=nein", "p=nein"),
        ("v=DMARC1; p=none; rua=a@b.example", "rua=a@b.example"),
        ("v=DMARC1; p=none; p=reject", "v=DMARC1; p=none; p=reject"),
        (f"v=spf1 {'a ' * 3000}-all", f"v=spf1 {'a ' * 3000}-all"),
    ],
)
async def test_the_faulty_part_of_a_record_is_named(record: str, part: str):
    [fault] = await find_faults("nordwind.de", [record])
    assert (fault.record, fault.part) == (record, part)


@pytest.mark.parametrize(
    "record",
    [
        "V=SPF1 A -ALL",
        "v=spf1 a/24 mx:x.de/24//64 ip6:2001:db8::/32 exists:%{ir}.%{v}._spf.%{d2} ~all",
        "v=spf1",
        "v=DMARC1; p=reject; sp=none; pct=50; rua=mailto:a@b.de!10m,mailto:c@d.de",
        "v=DMARC1;p=none;",
    ],
)
async def test_a_right_record_has_no_faulty_part(record: str):
    assert await find_faults("nordwind.de", [record]) == ()


@pytest.mark.parametrize(
    "records",
    [
        [],
        ["v=spf1 a mx ?all"],
        ["v=spf1 mx:x.de/24 -all", "v=spf1 ip6:2001:db8::/32 redirect=y.de"],
        ["v=spf1 exp=e.de"],
    ],
)
async def test_what_is_proposed_has_no_faulty_part(records: list[str]):
    proposed = [merged_spf(records, "_spf.postkontor.example"), EXPECTED.dmarc]
    assert await find_faults("nordwind.de", proposed) == ()


async def test_the_domains_own_records_cost_what_they_should(
    demo: DemoDns, resolver: Resolver, domain: str, monkeypatch: pytest.MonkeyPatch
):
    """A cold look, everything published, stays well below what each of its budgets allows."""
    publish_all(demo, domain)
    demo.set_records(domain, "@", "MX", ["10 mx1.postkontor.example.", "20 mx2.postkontor.example."])
    taken: Counter[int] = Counter()
    take_query = Budget.take_query

    def counted(budget: Budget) -> bool:
        taken[id(budget)] += 1
        return take_query(budget)

    monkeypatch.setattr(Budget, "take_query", counted)
    await observe(resolver, domain)
    assert max(taken.values()) <= 40
    assert sum(taken.values()) <= 60
