"""What dnscheck concludes from MX records: every code and its state."""

from __future__ import annotations

import pytest

from services.dnscheck.findings.mx import ExpectedMx, diagnose_mx
from services.dnscheck.observation import (
    AnswerKind,
    Delegation,
    DelegationState,
    Hop,
    MxObservation,
    NameServer,
    ServerAnswer,
)

DOMAIN = "nordwind-segel.de"
MX = (ExpectedMx(10, "mx1.postkontor.example"), ExpectedMx(20, "mx2.postkontor.example"))
SERVERS = (NameServer(f"ns1.{DOMAIN}", ("192.0.2.1",)), NameServer(f"ns2.{DOMAIN}", ("192.0.2.2",)))


def said(kind: AnswerKind, *values: str, server: int = 1, name: str = DOMAIN, rdtype: str = "MX", cname: str = ""):
    return ServerAnswer(
        server=f"ns{server}.{DOMAIN}",
        address=f"192.0.2.{server}",
        name=name,
        rdtype=rdtype,
        kind=kind,
        aa=kind in ("answer", "nxdomain", "nodata"),
        values=values,
        cname=cname,
    )


def delegation(state: DelegationState = "found", asked: tuple[ServerAnswer, ...] = ()) -> Delegation:
    return Delegation(state=state, zone=DOMAIN, servers=SERVERS, asked=asked)


def both(kind: AnswerKind, *values: str, cname: str = "") -> tuple[ServerAnswer, ServerAnswer]:
    return said(kind, *values, cname=cname), said(kind, *values, server=2, cname=cname)


def mx_judged(*answers: ServerAnswer, state: DelegationState = "found") -> tuple[str, str]:
    diagnosis = diagnose_mx(MxObservation(domain=DOMAIN, delegation=delegation(state), answers=answers), MX)
    assert "{" not in diagnosis.text_en + diagnosis.text_de
    return diagnosis.state, diagnosis.code


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        (["10 MX1.postkontor.example", "20 mx2.postkontor.example"], ("ok", "ok")),
        (["1 mx1.postkontor.example", "99 mx2.postkontor.example"], ("ok", "ok")),
        (["20 mx1.postkontor.example", "10 mx2.postkontor.example"], ("incomplete", "wrong_order")),
        (["10 mx1.postkontor.example"], ("incomplete", "incomplete")),
        (["10 mx.other.example"], ("foreign", "foreign")),
        (["10 mx1.postkontor.example", "30 mx.other.example"], ("mixed", "mixed")),
        (["10 mx1.postkontor.example", "10 mx.other.example"], ("mixed", "foreign_preferred")),
        (["0 ."], ("null", "null")),
        (["0 .", "10 mx1.postkontor.example"], ("broken", "null_and_others")),
        (["10 192.0.2.25"], ("broken", "ip_address")),
        ([f"10 192.0.2.25.{DOMAIN}"], ("broken", "ip_address")),
        ([f"10 mx1.postkontor.example.{DOMAIN}"], ("broken", "name_doubled")),
    ],
)
def test_mx_records_are_judged_by_hosts_and_order(values: list[str], verdict: tuple[str, str]):
    assert mx_judged(*both("answer", *values)) == verdict


def test_no_mx_record_is_missing():
    assert mx_judged(*both("nodata")) == ("missing", "missing")


def test_mx_of_an_unregistered_domain_is_missing_for_that_reason():
    assert mx_judged(state="not_registered") == ("missing", "domain_not_registered")


def test_an_alias_at_the_domain_is_broken():
    assert mx_judged(*both("answer", cname="shop.example.org")) == ("broken", "apex_alias")


def test_servers_that_differ_are_inconsistent():
    answers = said("answer", "10 mx.other.example"), said("nodata", server=2)
    assert mx_judged(*answers) == ("mixed", "inconsistent")


@pytest.mark.parametrize("kind", ["timeout", "servfail", "refused", "lame", "malformed", "filtered"])
def test_mx_that_could_not_be_asked_is_unknown(kind: AnswerKind):
    assert mx_judged(*both(kind))[0] == "unknown"


def test_mx_diagnosis_lists_the_exact_records_to_set():
    diagnosis = diagnose_mx(MxObservation(domain=DOMAIN, delegation=delegation(), answers=both("nodata")), MX)
    assert diagnosis.expected == MX
    assert diagnosis.zone_lines == (
        f"{DOMAIN}. 300 IN MX 10 mx1.postkontor.example.",
        f"{DOMAIN}. 300 IN MX 20 mx2.postkontor.example.",
    )
    assert "MX 10 mx1.postkontor.example, MX 20 mx2.postkontor.example" in diagnosis.text_de


def target(host: str, *answers: ServerAnswer, state: DelegationState = "found") -> Hop:
    return Hop(name=host, delegation=delegation(state), answers=answers)


def with_targets(values: list[str], *targets: Hop) -> tuple[str, str]:
    seen = MxObservation(domain=DOMAIN, delegation=delegation(), answers=both("answer", *values), targets=targets)
    diagnosis = diagnose_mx(seen, MX)
    return diagnosis.state, diagnosis.code


ALIAS = said("answer", name="mx.a.example", rdtype="A", cname="mx1.postkontor.example")
GONE = said("nxdomain", name="mx.a.example", rdtype="A")
EMPTY = (said("nodata", name="mx.a.example", rdtype="A"), said("nodata", name="mx.a.example", rdtype="AAAA"))
THERE = said("answer", "192.0.2.25", name="mx.b.example", rdtype="A")


@pytest.mark.parametrize(
    ("targets", "verdict"),
    [
        ((target("mx.a.example", ALIAS),), ("broken", "target_is_alias")),
        ((target("mx.a.example", GONE),), ("broken", "target_broken")),
        ((target("mx.a.example", *EMPTY),), ("broken", "target_broken")),
        ((target("mx.a.example", state="not_registered"),), ("broken", "target_dangling")),
        ((target("mx.a.example", EMPTY[0]),), ("foreign", "foreign")),
        ((target("mx.a.example", said("timeout", rdtype="A")),), ("foreign", "foreign")),
        ((target("mx.a.example", state="could_not_ask"),), ("foreign", "foreign")),
        ((target("mx.a.example", GONE), target("mx.b.example", THERE)), ("foreign", "foreign")),
        ((target("mx.a.example", GONE), target("mx.b.example", ALIAS)), ("broken", "target_is_alias")),
        ((), ("foreign", "foreign")),
    ],
)
def test_mx_hosts_that_can_take_no_mail_are_broken(targets: tuple[Hop, ...], verdict: tuple[str, str]):
    assert with_targets(["10 mx.a.example", "20 mx.b.example"], *targets) == verdict


def test_a_domain_with_an_address_and_no_mx_record_receives_mail_there():
    address = said("answer", "192.0.2.80", rdtype="A")
    seen = MxObservation(domain=DOMAIN, delegation=delegation(), answers=both("nodata"), addresses=(address,))
    diagnosis = diagnose_mx(seen, MX)
    assert (diagnosis.state, diagnosis.code) == ("missing", "implicit_a")
    assert "(192.0.2.80)" in diagnosis.text_en


def test_sentences_name_the_domain_as_people_write_it():
    unregistered = Delegation(state="not_registered", zone="", servers=(), asked=())
    told = diagnose_mx(MxObservation(domain="xn--bcher-kva.de", delegation=unregistered, answers=()), MX)
    assert "bücher.de" in told.text_en
    assert "bücher.de" in told.text_de
