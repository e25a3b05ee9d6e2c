"""What dnscheck concludes from what it saw: every code, and never a no out of silence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.dnscheck.findings.diagnosis import diagnose_txt
from services.dnscheck.findings.proof import ExpectedTxt, read_token
from services.dnscheck.observation import (
    AnswerKind,
    Delegation,
    DelegationState,
    Hop,
    NameServer,
    ServerAnswer,
    TxtObservation,
    wrong_names,
)

DOMAIN = "nordwind-segel.de"
NAME = f"_postkontor-challenge.{DOMAIN}"
TOKEN = "k7wq3xd5mz2ra6ytb4ncfe7hjlgposiu"
OLD = "a2b3c4d5e6f7a2b3c4d5e6f7a2b3c4d5"
EXPECTED = ExpectedTxt(name=NAME, tokens=(TOKEN,), old_tokens=(OLD,))
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
    sibling: tuple[ServerAnswer, ...] = (),
    strangers: tuple[ServerAnswer, ...] = (),
    delegated: Delegation | None = None,
) -> TxtObservation:
    return TxtObservation(
        domain=DOMAIN,
        name=NAME,
        delegation=delegation(),
        answers=answers,
        hops=hops,
        apex=apex,
        elsewhere=elsewhere,
        sibling=sibling,
        strangers=strangers,
        delegated=delegated,
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


def test_an_alias_that_leads_in_a_circle_is_a_loop():
    hops = (
        Hop(name="a.example.org", delegation=delegation(), answers=both("answer", cname="b.example.org")),
        Hop(name="b.example.org", delegation=delegation(), answers=both("answer", cname="a.example.org")),
    )
    assert judged(*both("answer", cname="a.example.org"), hops=hops) == ("not_yet", "cname_loop")


def test_an_alias_whose_target_cannot_be_asked_is_no_no():
    lost = Hop(name="a.example.org", delegation=delegation(), answers=both("timeout"))
    assert judged(*both("answer", cname="a.example.org"), hops=(lost,)) == ("could_not_ask", "servers_unreachable")


def test_an_alias_of_a_name_without_txt_record_is_told_from_one_that_does_not_exist():
    for kind, code in (("nodata", "cname_target_no_txt"), ("nxdomain", "cname_target_broken")):
        hop = Hop(name="a.example.org", delegation=delegation(), answers=both(kind))
        assert judged(*both("answer", cname="a.example.org"), hops=(hop,)) == ("not_yet", code)


def test_an_alias_into_an_unregistered_domain_is_broken():
    hop = Hop(name="a.example.org", delegation=delegation("not_registered"))
    assert judged(*both("answer", cname="a.example.org"), hops=(hop,)) == ("not_yet", "cname_target_broken")


def test_an_alias_whose_chain_was_not_followed_to_its_end_is_a_loop():
    hop = Hop(name="a.example.org", delegation=delegation(), answers=both("answer", cname="b.example.org"))
    assert judged(*both("answer", cname="a.example.org"), hops=(hop,)) == ("not_yet", "cname_loop")


@pytest.mark.parametrize(
    ("domain", "zone", "name", "code"),
    [
        (DOMAIN, DOMAIN, f"{NAME}.{DOMAIN}", "name_doubled"),
        (DOMAIN, DOMAIN, f"postkontor-challenge.{DOMAIN}", "underscore_missing"),
        (DOMAIN, DOMAIN, f"_postkontor-challenge.www.{DOMAIN}", "at_www"),
        (f"mail.{DOMAIN}", DOMAIN, f"_postkontor-challenge.mail.{DOMAIN}.{DOMAIN}", "name_doubled"),
        (f"mail.{DOMAIN}", DOMAIN, f"_postkontor-challenge.{DOMAIN}", "in_parent_name"),
    ],
)
def test_wrong_names_are_told_apart(domain: str, zone: str, name: str, code: str):
    assert wrong_names(domain, zone, f"_postkontor-challenge.{domain}")[name] == code


def test_the_challenge_itself_is_no_wrong_name():
    assert f"postkontor.{DOMAIN}" not in wrong_names(DOMAIN, DOMAIN, f"postkontor.{DOMAIN}")


def test_the_name_to_enter_is_relative_to_the_zone():
    name = f"_postkontor-challenge.mail.{DOMAIN}"
    found = replace(looked(*both("nxdomain")), domain=f"mail.{DOMAIN}", name=name)
    assert "named _postkontor-challenge.mail (" in diagnose_txt(found, replace(EXPECTED, name=name)).text_en


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (f"token={TOKEN[:31]}", "37 of 38"),
        (f"token={TOKEN[:10]}…", "16 of 38"),
        (f"token={TOKEN[:2]}...", "8 of 38"),
        (TOKEN[:20], "20 of 32"),
    ],
)
def test_a_value_cut_off_is_told_with_what_is_left(value: str, shown: str):
    diagnosis = diagnose_txt(looked(*both("answer", value)), EXPECTED)
    assert (diagnosis.kind, diagnosis.code) == ("not_yet", "value_truncated")
    assert shown in diagnosis.text_en


@pytest.mark.parametrize("value", ["token=", TOKEN[:7], TOKEN[5:], "v=spf1 -all"])
def test_a_value_that_only_resembles_the_start_is_a_wrong_value(value: str):
    assert judged(*both("answer", value)) == ("not_yet", "wrong_value")


@pytest.mark.parametrize("value", [f"token={TOKEN}.", f"{NAME} token={TOKEN}", f"Token={TOKEN.upper()}, müsste passen"])
def test_a_value_with_more_around_it_is_extra_text(value: str):
    assert judged(*both("answer", value)) == ("not_yet", "value_extra_text")


def beside(kind: AnswerKind, *values: str, rdtype: str = "TXT", cname: str = "") -> tuple[ServerAnswer, ...]:
    return (said(kind, *values, name=f"3f9a2b71c0d4e586.{DOMAIN}", rdtype=rdtype, cname=cname),)


def test_what_a_name_that_nobody_made_answers_too_is_a_wildcards():
    assert judged(*both("answer", "x", "y"), sibling=beside("answer", "y", "x")) == ("not_yet", "wildcard_answer")
    alias = both("answer", cname="shop.example.org")
    lost = Hop(name="shop.example.org", delegation=delegation(), answers=both("nodata"))
    sibling = beside("answer", cname="shop.example.org")
    assert judged(*alias, hops=(lost,), sibling=sibling) == ("not_yet", "wildcard_answer")
    web = said("answer", "192.0.2.80", rdtype="A")
    sibling = beside("answer", "192.0.2.80", rdtype="A")
    assert judged(*both("nodata"), elsewhere=(web,), sibling=sibling) == ("not_yet", "wildcard_answer")


def test_what_differs_from_the_wildcard_was_made_on_purpose():
    assert judged(*both("answer", "x"), sibling=beside("answer", "y")) == ("not_yet", "wrong_value")
    assert judged(*both("answer", "x"), sibling=beside("nodata")) == ("not_yet", "wrong_value")
    assert judged(*both("nodata"), sibling=beside("nodata", rdtype="A")) == ("not_yet", "not_yet")


def test_token_at_servers_that_only_the_zone_names_is_the_wrong_provider():
    stranger = replace(said("answer", f"token={TOKEN}"), server="ns.alt.example", address="192.0.2.9")
    diagnosis = diagnose_txt(looked(*both("nxdomain"), strangers=(stranger,)), EXPECTED)
    assert (diagnosis.kind, diagnosis.code) == ("not_yet", "wrong_provider")
    assert f"bei ns.alt.example angelegt, für {DOMAIN} sind aber ns1.{DOMAIN}, ns2.{DOMAIN}" in diagnosis.text_de


def test_an_empty_challenge_with_name_servers_of_its_own_is_delegated():
    own = Delegation(state="found", zone=NAME, servers=(NameServer("ns.proof.example", ("192.0.2.7",)),))
    assert judged(*both("nodata"), delegated=own) == ("not_yet", "challenge_delegated")
    assert judged(*both("answer", "x"), delegated=own) == ("not_yet", "wrong_value")
    assert judged(*both("timeout"), delegated=own) == ("could_not_ask", "servers_unreachable")


def stuck(*servers: NameServer, zone: str = DOMAIN) -> TxtObservation:
    lost = Delegation(state="could_not_ask", zone=zone, servers=servers, asked=(said("referral", server=9),))
    return replace(looked(), delegation=lost)


def test_name_servers_without_an_address_are_unresolvable_only_when_that_is_certain():
    absent, unknown = NameServer("ns.weg.example", is_absent=True), NameServer("ns.still.example")
    diagnosis = diagnose_txt(stuck(absent), EXPECTED)
    assert (diagnosis.kind, diagnosis.code) == ("could_not_ask", "ns_unresolvable")
    assert "ns.weg.example" in diagnosis.text_de
    assert diagnose_txt(stuck(absent, unknown), EXPECTED).code == "servers_unreachable"


def test_an_alias_into_a_zone_without_name_servers_names_that_zone():
    lost = Delegation(state="could_not_ask", zone="x.org", servers=(NameServer("ns.x.org", is_absent=True),))
    hop = Hop(name="a.x.org", delegation=lost)
    diagnosis = diagnose_txt(looked(*both("answer", cname="a.x.org"), hops=(hop,)), EXPECTED)
    assert (diagnosis.kind, diagnosis.code) == ("could_not_ask", "ns_unresolvable")
    assert "x.org (ns.x.org)" in diagnosis.text_en


def test_a_domain_the_registry_does_not_know_is_not_registered():
    observation = replace(looked(), delegation=delegation("not_registered"))
    diagnosis = diagnose_txt(observation, EXPECTED)
    assert (diagnosis.kind, diagnosis.code) == ("not_yet", "domain_not_registered")


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("timeout", "servers_unreachable"),
        ("filtered", "ns_private"),
        ("servfail", "servers_failing"),
        ("malformed", "ns_malformed"),
        ("truncated", "tcp_blocked"),
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
