"""What dnscheck concludes from what it saw: every code, and never a no out of silence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.dnscheck.diagnosis import (
    AnswerKind,
    Delegation,
    DelegationState,
    ExpectedMx,
    ExpectedTxt,
    Hop,
    MxObservation,
    NameServer,
    ServerAnswer,
    TxtObservation,
    diagnose_mx,
    diagnose_txt,
    read_token,
)

DOMAIN = "nordwind-segel.de"
NAME = f"_postkontor-challenge.{DOMAIN}"
TOKEN = "k7wq3xd5mz2ra6ytb4ncfe7hjlgposiu"
OLD = "a2b3c4d5e6f7a2b3c4d5e6f7a2b3c4d5"
EXPECTED = ExpectedTxt(name=NAME, tokens=(TOKEN,), old_tokens=(OLD,))
MX = (ExpectedMx(10, "mx1.postkontor.example"), ExpectedMx(20, "mx2.postkontor.example"))
SERVERS = (NameServer(f"ns1.{DOMAIN}", ("192.0.2.1",)), NameServer(f"ns2.{DOMAIN}", ("192.0.2.2",)))


def said(kind: AnswerKind, *values: str, server: int = 1, name: str = NAME, rdtype: str = "TXT", cname: str = ""):
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


def looked(
    *answers: ServerAnswer,
    apex: tuple[ServerAnswer, ...] = (),
    hops: tuple[Hop, ...] = (),
    elsewhere: tuple[ServerAnswer, ...] = (),
) -> TxtObservation:
    return TxtObservation(
        domain=DOMAIN,
        name=NAME,
        delegation=delegation(),
        answers=answers,
        hops=hops,
        apex=apex,
        elsewhere=elsewhere,
    )


def both(kind: AnswerKind, *values: str, cname: str = "") -> tuple[ServerAnswer, ServerAnswer]:
    return said(kind, *values, cname=cname), said(kind, *values, server=2, cname=cname)


def judged(*answers: ServerAnswer, **places: Any) -> tuple[str, str]:
    diagnosis = diagnose_txt(looked(*answers, **places), EXPECTED)
    assert "{" not in diagnosis.text_en + diagnosis.text_de
    return diagnosis.kind, diagnosis.code


def test_token_at_both_servers_is_verified():
    assert judged(*both("answer", "v=spf1 -all", f"token={TOKEN}")) == ("confirmed", "verified")


def test_token_at_the_only_server_is_verified():
    assert judged(said("answer", f"token={TOKEN}")) == ("confirmed", "verified")


def test_token_at_two_servers_is_verified_although_a_third_is_silent():
    answers = (*both("answer", f"token={TOKEN}"), said("timeout", server=3))
    assert judged(*answers) == ("confirmed", "verified")


def test_token_at_one_of_two_servers_is_no_proof_while_the_other_is_silent():
    assert judged(said("answer", f"token={TOKEN}"), said("timeout", server=2)) == (
        "could_not_ask",
        "servers_unreachable",
    )


def test_a_server_with_a_private_address_does_not_count():
    assert judged(said("answer", f"token={TOKEN}"), said("filtered", server=2)) == ("confirmed", "verified")


def test_token_at_the_domain_itself_is_verified_with_a_note():
    diagnosis = diagnose_txt(looked(*both("nxdomain"), apex=both("answer", f"token={TOKEN}")), EXPECTED)
    assert (diagnosis.code, diagnosis.notes) == ("verified", ("at_apex",))


def test_token_behind_an_alias_is_verified():
    target = Hop(name="proof.example.org", delegation=delegation(), answers=both("answer", f"token={TOKEN}"))
    assert judged(*both("answer", cname="proof.example.org"), hops=(target,)) == ("confirmed", "verified")


def test_absent_everywhere_is_not_yet():
    assert judged(*both("nxdomain")) == ("not_yet", "not_yet")
    assert judged(*both("nodata")) == ("not_yet", "not_yet")


def test_present_at_one_server_and_denied_by_the_other_is_partial():
    diagnosis = diagnose_txt(looked(said("answer", f"token={TOKEN}"), said("nxdomain", server=2)), EXPECTED)
    assert (diagnosis.kind, diagnosis.code) == ("not_yet", "partial")
    assert f"at ns1.{DOMAIN}, but not yet at ns2.{DOMAIN}" in diagnosis.text_en


def test_another_value_at_the_name_is_wrong_value_and_shown():
    diagnosis = diagnose_txt(looked(*both("answer", "google-site-verification=1")), EXPECTED)
    assert (diagnosis.kind, diagnosis.code) == ("not_yet", "wrong_value")
    assert diagnosis.seen == ("google-site-verification=1",)
    assert "google-site-verification=1" in diagnosis.text_de


def test_an_earlier_token_is_told_from_a_wrong_value():
    assert judged(*both("answer", f"token={OLD}")) == ("not_yet", "old_token")


def test_name_with_the_domain_appended_twice_is_named():
    doubled = said("answer", f"token={TOKEN}", name=f"{NAME}.{DOMAIN}")
    diagnosis = diagnose_txt(looked(*both("nxdomain"), elsewhere=(doubled,)), EXPECTED)
    assert (diagnosis.kind, diagnosis.code) == ("not_yet", "name_doubled")
    assert "nur _postkontor-challenge ein" in diagnosis.text_de


@pytest.mark.parametrize("rdtype", ["A", "MX", "NS"])
def test_a_record_of_another_type_is_wrong_type(rdtype: str):
    other = said("answer", "192.0.2.80", rdtype=rdtype)
    assert judged(*both("nodata"), elsewhere=(other,)) == ("not_yet", "wrong_type")


def test_an_alias_that_leads_in_a_circle_is_wrong_type():
    hops = (
        Hop(name="a.example.org", delegation=delegation(), answers=both("answer", cname="b.example.org")),
        Hop(name="b.example.org", delegation=delegation(), answers=both("answer", cname="a.example.org")),
    )
    assert judged(*both("answer", cname="a.example.org"), hops=hops) == ("not_yet", "wrong_type")


def test_an_alias_whose_target_cannot_be_asked_is_no_no():
    lost = Hop(name="a.example.org", delegation=delegation(), answers=both("timeout"))
    assert judged(*both("answer", cname="a.example.org"), hops=(lost,)) == ("could_not_ask", "servers_unreachable")


def test_a_domain_the_registry_does_not_know_is_not_registered():
    observation = replace(looked(), delegation=delegation("not_registered"))
    diagnosis = diagnose_txt(observation, EXPECTED)
    assert (diagnosis.kind, diagnosis.code) == ("not_yet", "domain_not_registered")


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("timeout", "servers_unreachable"),
        ("filtered", "servers_unreachable"),
        ("servfail", "servers_failing"),
        ("malformed", "servers_failing"),
        ("refused", "lame_delegation"),
        ("lame", "lame_delegation"),
    ],
)
def test_trouble_is_never_a_no(kind: AnswerKind, code: str):
    assert judged(*both(kind)) == ("could_not_ask", code)
    walk = replace(looked(), delegation=delegation("could_not_ask", both(kind)))
    assert (diagnose_txt(walk, EXPECTED).kind, diagnose_txt(walk, EXPECTED).code) == ("could_not_ask", code)


def test_an_answer_without_authority_proves_and_denies_nothing():
    cached = tuple(replace(answer, aa=False) for answer in both("answer", f"token={TOKEN}"))
    assert judged(*cached)[0] == "could_not_ask"


def test_evidence_is_bounded_and_safe_to_show():
    values = [f"{number}\x1b[2J\u202e" + "x" * 200 for number in range(9)]
    diagnosis = diagnose_txt(looked(*both("answer", *values)), EXPECTED)
    assert len(diagnosis.seen) == 5
    assert all(len(value) <= 100 and value.isprintable() for value in diagnosis.seen)
    assert diagnosis.text_en.isprintable()


def test_expected_is_a_ready_zone_file_line():
    assert diagnose_txt(looked(*both("nxdomain")), EXPECTED).expected == (f'{NAME}. 300 IN TXT "token={TOKEN}"',)


# -- normalisation

BLANKS = st.text(alphabet=" \t\r\n", max_size=4)
QUOTES = st.sampled_from([("", ""), ('"', '"'), ("“", "”"), ("„", "“"), ("‘", "’")])
PREFIXES = st.sampled_from(["", "token=", "Token=", "TOKEN="])
TOKENS = st.text(alphabet="abcdefghijklmnopqrstuvwxyz234567", min_size=32, max_size=32)


@given(token=TOKENS, before=BLANKS, after=BLANKS, quotes=QUOTES, prefix=PREFIXES, upper=st.booleans())
def test_a_decorated_token_is_always_accepted(
    token: str, before: str, after: str, quotes: tuple[str, str], prefix: str, upper: bool
):
    core = token.upper() if upper else token
    value = f"{before}{quotes[0]}{prefix}{core}{quotes[1]}{after}"
    assert read_token(value).token == token
    expected = replace(EXPECTED, tokens=(token,))
    assert diagnose_txt(looked(*both("answer", value)), expected).code == "verified"


@given(value=st.one_of(st.text(max_size=60), st.from_regex(rf"{TOKEN}.+|.+{TOKEN}", fullmatch=True)))
def test_any_other_value_is_never_accepted(value: str):
    stripped = value.strip(' \t\r\n\f\v"“”„‘’‚').lower().removeprefix("token=")
    confirmed = diagnose_txt(looked(*both("answer", value)), EXPECTED).kind == "confirmed"
    assert not confirmed or stripped == TOKEN


def test_a_letter_that_only_folds_to_ascii_is_another_token():
    assert judged(*both("answer", f"token={TOKEN.replace('k', chr(0x212A))}")) == ("not_yet", "wrong_value")


# -- MX


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
