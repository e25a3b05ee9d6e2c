"""What dnscheck advises on the records that mail wants: every code, from observations made by hand."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any, get_args

import pytest

from contracts.dnscheck_v1 import Advice
from services.dnscheck.findings.advice.sentences import ADVICE_STATES, ADVICE_TEXTS, AdviceCode
from services.dnscheck.findings.advice.staff import STAFF_ADVICE
from services.dnscheck.findings.advice.topics import advise, could_not_ask, state_of_advice
from services.dnscheck.findings.sentences import SHARED_TEXTS, Trouble
from services.dnscheck.observation import AnswerKind, Delegation, Look, MailObservation, NameServer, ServerAnswer
from services.dnscheck.observation import SyntaxFault as Fault
from services.dnscheck.records import ExpectedDkim, ExpectedMail, ExpectedService

DOMAIN = "nordwind-segel.de"
INCLUDE = "_spf.postkontor.example"
OURS = f"include:{INCLUDE}"
KEY = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA" * 9
EXPECTED = ExpectedMail(
    spf_include=INCLUDE,
    dkim=(ExpectedDkim("pk1", target="pk1.{domain}.dkim.postkontor.example"),),
    dmarc="v=DMARC1; p=none; rua=mailto:berichte@postkontor.example",
    mta_sts_host="mta-sts.postkontor.example",
    mta_sts_id="20260101",
    tls_rpt="v=TLSRPTv1; rua=mailto:tls@postkontor.example",
    autoconfig_host="autoconfig.postkontor.example",
    services=(ExpectedService("_imaps._tcp", 0, 1, 993, "imap.postkontor.example"),),
    certificate_issuers=("letsencrypt.org",),
)
SERVERS = (NameServer(f"ns1.{DOMAIN}", ("192.0.2.1",)), NameServer("ns2.other.example", ("198.51.100.2",)))
ZONE = Delegation(state="found", zone=DOMAIN, servers=SERVERS)
TARGET = f"pk1.{DOMAIN}.dkim.postkontor.example"


def look(
    name: str, rdtype: str, *values: str, kind: AnswerKind | None = None, aliases: tuple[str, ...] = (), zone: str = ""
) -> Look:
    """A name as one server told of it: with records, without any, or in trouble."""
    said: AnswerKind = kind or ("answer" if values else "nxdomain")
    answer = ServerAnswer(
        server=f"ns1.{DOMAIN}", address="192.0.2.1", name=name, rdtype=rdtype, kind=said, values=values,
        aa=said in ("answer", "nxdomain", "nodata"),
    )  # fmt: skip
    delegation = Delegation(state="found", zone=zone or DOMAIN, servers=SERVERS)
    return Look(name=name, rdtype=rdtype, delegation=delegation, answer=answer, aliases=aliases)


def seen(*looks: Look, faults: tuple[Fault, ...] = (), delegation: Delegation = ZONE) -> MailObservation:
    """What was seen; where nothing is said of our own SPF record, it is right."""
    known = {(one.name, one.rdtype) for one in looks}
    ours = () if (INCLUDE, "TXT") in known else (look(INCLUDE, "TXT", "v=spf1 ip4:192.0.2.0/24 -all"),)
    return MailObservation(domain=DOMAIN, delegation=delegation, looks=(*looks, *ours), faults=faults)


def judged(observation: MailObservation, topic: str, expected: ExpectedMail = EXPECTED, days: int = 0) -> list[Advice]:
    given = [one for one in advise(observation, expected, known_for=timedelta(days=days)) if one.topic == topic]
    assert not [one for one in given if "{" in one.text.de + one.text.en]
    return given


def codes(observation: MailObservation, topic: str, **options: Any) -> list[str]:
    return [one.code for one in judged(observation, topic, **options)]


# --- every code ---------------------------------------------------------------------------------------------------


def flat(union: Any) -> set[str]:
    return {code for part in get_args(union) for code in (flat(part) or {part})}


def test_every_code_has_a_sentence_a_state_and_an_entry_for_staff():
    own = flat(AdviceCode) - flat(Trouble) - {"domain_not_registered"}
    assert own == set(ADVICE_TEXTS) == set(STAFF_ADVICE)
    assert own | {"domain_not_registered"} == set(ADVICE_STATES)
    assert flat(AdviceCode) - own <= set(SHARED_TEXTS)
    assert not [code for code, texts in ADVICE_TEXTS.items() if texts[0] == texts[1]]


@pytest.mark.parametrize("code", get_args(Trouble))
def test_trouble_leaves_the_state_unknown(code: Trouble):
    assert state_of_advice(code) == "unknown"


def test_what_is_not_expected_is_not_advised():
    nothing = seen(look(DOMAIN, "TXT"), look(DOMAIN, "MX", kind="nodata"))
    assert [one.topic for one in advise(nothing, ExpectedMail(), known_for=timedelta(0))] == ["dane", "name_servers"]


def test_an_unreachable_zone_is_unknown_and_lacks_nothing():
    stuck = Delegation(state="could_not_ask", zone="de", servers=(NameServer("a.nic.de", ("192.0.2.9",)),))
    given = advise(seen(delegation=stuck), EXPECTED, known_for=timedelta(0))
    assert [(one.state, one.records) for one in given] == [("unknown", ())]
    assert could_not_ask(given)


# --- SPF ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "expected", "value"),
    [
        ([], ["spf_missing"], f"v=spf1 {OURS} ~all"),
        (["other text"], ["spf_missing"], f"v=spf1 {OURS} ~all"),
        ([f"v=spf1 mx {OURS} -all"], ["spf_ok"], None),
        ([f"V=SPF1 MX {OURS.upper()} -ALL"], ["spf_ok"], None),
        (["v=spf1 a:w.de ip4:192.0.2.9 -all"], ["spf_include_missing"], f"v=spf1 a:w.de ip4:192.0.2.9 {OURS} -all"),
        (["v=spf1 redirect=w.de"], ["spf_include_missing"], f"v=spf1 {OURS} redirect=w.de"),
        ([f"v=spf1 mx -all {OURS}"], ["spf_include_idle"], f"v=spf1 mx {OURS} -all"),
        ([f"v=spf1 mx ?{OURS} -all"], ["spf_include_idle"], f"v=spf1 mx {OURS} -all"),
        (["v=spf1 mx -all", f"v=spf1 mx a {OURS} ~all"], ["spf_two_records"], f"v=spf1 mx a {OURS} ~all"),
        ([f"v=spf1 {OURS} +all"], ["spf_pass_all"], f"v=spf1 {OURS} ~all"),
        ([f"v=spf1 {OURS} all"], ["spf_pass_all"], f"v=spf1 {OURS} ~all"),
        ([f"v=spf1 {OURS} ?all"], ["spf_neutral_all"], f"v=spf1 {OURS} ~all"),
        ([f"v=spf1 {OURS}"], ["spf_neutral_all"], f"v=spf1 {OURS} ~all"),
        ([f"v=spf1 {OURS} ptr -all"], ["spf_ptr"], f"v=spf1 {OURS} -all"),
        (["v=spf1 ptr +all"], ["spf_include_missing", "spf_pass_all", "spf_ptr"], f"v=spf1 {OURS} ~all"),
        (['"v=spf1 mx -all"'], ["spf_syntax"], f"v=spf1 mx {OURS} -all"),
        ([" v=spf1 mx -all"], ["spf_syntax"], f"v=spf1 mx {OURS} -all"),
    ],
)
def test_spf_records_are_judged_and_mended(values: list[str], expected: list[str], value: str | None):
    hosts = (look("w.de", "A", "192.0.2.3"), look("w.de", "TXT", "v=spf1 -all"), look(DOMAIN, "A", "192.0.2.4"))
    given = judged(seen(look(DOMAIN, "TXT", *values), look(DOMAIN, "MX", "10 mx.x.de"), *hosts), "spf")
    assert [one.code for one in given] == expected
    assert {one.records for one in given} == {() if value is None else (f'{DOMAIN}. 3600 IN TXT "{value}"',)}


def test_a_faulty_part_is_named_and_left_out():
    record = f"v=spf1 ip4:192.0.2 {OURS} -all"
    [one] = judged(seen(look(DOMAIN, "TXT", record), faults=(Fault(record, "ip4:192.0.2"),)), "spf")
    assert (one.code, "„ip4:192.0.2“" in one.text.de) == ("spf_syntax", True)
    assert one.records == (f'{DOMAIN}. 3600 IN TXT "v=spf1 {OURS} -all"',)


def chain(length: int, first: str = "s0.de") -> list[Look]:
    """Records that include one another, `length` look-ups in all."""
    names = [first, *(f"s{number}.{first}" for number in range(1, length))]
    records = [*(f"v=spf1 include:{name} -all" for name in names[1:]), "v=spf1 -all"]
    return [look(name, "TXT", record) for name, record in zip(names, records, strict=True)]


@pytest.mark.parametrize(
    ("own", "length", "expected"),
    [
        (f"{OURS} include:s0.de", 9, ["spf_ok"]),
        (f"{OURS} include:s0.de", 10, ["spf_too_many_lookups"]),
        ("include:s0.de", 9, ["spf_include_missing"]),
        ("include:s0.de", 10, ["spf_include_missing", "spf_no_room"]),
        ("include:s0.de", 11, ["spf_include_missing", "spf_too_many_lookups"]),
    ],
)
def test_look_ups_are_counted_with_those_of_included_records(own: str, length: int, expected: list[str]):
    assert codes(seen(look(DOMAIN, "TXT", f"v=spf1 {own} -all"), *chain(length)), "spf") == expected


def test_records_that_include_each_other_manifold_are_counted_in_no_time():
    names = [f"s{number}.de" for number in range(30)]
    looks = [look(one, "TXT", f"v=spf1 include:{two} include:{two} -all") for one, two in pairwise(names)]
    record = f"v=spf1 {OURS} include:s0.de -all"
    assert codes(seen(look(DOMAIN, "TXT", record), *looks, look("s29.de", "TXT", "v=spf1 -all")), "spf") == [
        "spf_too_many_lookups"
    ]


@pytest.mark.parametrize(("absent", "expected"), [(2, ["spf_ok"]), (3, ["spf_void_lookups"])])
def test_hosts_that_do_not_exist_are_counted(absent: int, expected: list[str]):
    hosts = [look(f"h{number}.de", "A") for number in range(absent)]
    record = f"v=spf1 {OURS} {' '.join(f'a:{host.name}' for host in hosts)} -all"
    assert codes(seen(look(DOMAIN, "TXT", record), *hosts), "spf") == expected


def test_an_included_name_without_a_record_is_an_error():
    record = f"v=spf1 {OURS} include:weg.de -all"
    [one] = judged(seen(look(DOMAIN, "TXT", record), look("weg.de", "TXT")), "spf")
    assert (one.code, one.records) == ("spf_include_broken", (f'{DOMAIN}. 3600 IN TXT "v=spf1 {OURS} -all"',))


def test_our_own_broken_record_is_up_to_us():
    observation = seen(look(DOMAIN, "TXT", f"v=spf1 {OURS} -all"), look(INCLUDE, "TXT"))
    [one] = judged(observation, "spf")
    assert (one.code, one.records) == ("spf_ours_broken", ())


def test_an_included_name_that_was_not_reached_is_unknown_not_broken():
    record = f"v=spf1 {OURS} include:still.de -all"
    observation = seen(look(DOMAIN, "TXT", record), look("still.de", "TXT", kind="timeout"))
    assert [(one.state, one.code) for one in judged(observation, "spf")] == [("unknown", "servers_unreachable")]


def test_our_include_is_not_called_missing_where_the_record_itself_was_not_reached():
    redirected = look(DOMAIN, "TXT", "v=spf1 redirect=still.de")
    assert codes(seen(redirected, look("still.de", "TXT", kind="servfail")), "spf") == ["servers_failing"]


@pytest.mark.parametrize("name", [f"{DOMAIN}.{DOMAIN}", f"_spf.{DOMAIN}"])
def test_a_misplaced_record_is_found_and_mended(name: str):
    [one] = judged(seen(look(DOMAIN, "TXT"), look(name, "TXT", "v=spf1 mx -all")), "spf")
    assert (one.code, name in one.text.de) == ("spf_elsewhere", True)
    assert one.records == (f'{DOMAIN}. 3600 IN TXT "v=spf1 mx {OURS} -all"',)


def test_macros_count_and_are_not_asked_for():
    assert codes(seen(look(DOMAIN, "TXT", f"v=spf1 {OURS} exists:%{{i}}.x.de a:%{{d}} -all")), "spf") == ["spf_ok"]


# --- DKIM ---------------------------------------------------------------------------------------------------------

PK1 = f"pk1._domainkey.{DOMAIN}"
BEHIND = look(TARGET, "TXT", f"v=DKIM1; p={KEY}")


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (look(PK1, "TXT", f"v=DKIM1; p={KEY}", aliases=(TARGET,)), "dkim_ok"),
        (look(PK1, "TXT", f"v=DKIM1; p={KEY}", aliases=("x.de", TARGET)), "dkim_ok"),
        (look(PK1, "TXT", aliases=(TARGET,)), "dkim_key_to_come"),
        (look(PK1, "TXT", kind="timeout", aliases=(TARGET,)), "dkim_ok"),
        (look(PK1, "TXT"), "dkim_missing"),
        (look(PK1, "TXT", aliases=("pk1.x.de",)), "dkim_other_alias"),
        (look(PK1, "TXT", f"v=DKIM1; p={KEY}"), "dkim_copied"),
        (look(PK1, "TXT", f"v=DKIM1; p={KEY[:200]}"), "dkim_key_truncated"),
        (look(PK1, "TXT", f"v=DKIM1; p={KEY[:300]} {KEY[300:]}"), "dkim_copied"),
        (look(PK1, "TXT", "v=DKIM1; p=AAAABBBB"), "dkim_other_key"),
        (look(PK1, "TXT", "v=DKIM1; p="), "dkim_revoked"),
        (look(PK1, "TXT", TARGET), "dkim_syntax"),
        (look(PK1, "TXT", "p=A", "p=B"), "dkim_two_records"),
        (look(PK1, "TXT", kind="servfail"), "servers_failing"),
    ],
)
def test_selectors_are_told_apart(at: Look, expected: str):
    assert codes(seen(at, BEHIND), "dkim") == [expected]


@pytest.mark.parametrize("name", [f"{PK1}.{DOMAIN}", f"pk1.{DOMAIN}"])
def test_a_misplaced_selector_is_found(name: str):
    misplaced = look(name, "TXT", f"v=DKIM1; p={KEY}", aliases=(TARGET,))
    assert codes(seen(look(PK1, "TXT"), misplaced, BEHIND), "dkim") == ["dkim_elsewhere"]


def test_a_key_is_not_called_wrong_while_ours_is_out_of_reach():
    observation = seen(look(PK1, "TXT", "v=DKIM1; p=AAAABBBB"), look(TARGET, "TXT", kind="timeout"))
    assert codes(observation, "dkim") == ["servers_unreachable"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [(f"p={KEY}", "dkim_ok"), (f"v=DKIM1; t=y; p={KEY}", "dkim_testing"), ("p=AAAA", "dkim_other_key")],
)
def test_a_published_key_is_compared(value: str, expected: str):
    own_key = ExpectedMail(dkim=(ExpectedDkim("pk1", key=f"v=DKIM1; p={KEY}"),))
    [one] = judged(seen(look(PK1, "TXT", value)), "dkim", own_key)
    assert one.code == expected
    if one.records:
        assert one.records[0].startswith(f'{PK1}. 3600 IN TXT "v=DKIM1; p=MII')
        assert '" "' in one.records[0]  # a key is longer than one string may be


# --- DMARC --------------------------------------------------------------------------------------------------------

AT = f"_dmarc.{DOMAIN}"
RUA = "rua=mailto:a@nordwind-segel.de"


@pytest.mark.parametrize(
    ("values", "days", "expected"),
    [
        ([f"v=DMARC1; p=reject; {RUA}"], 0, ["dmarc_ok"]),
        ([f"v=DMARC1; p=none; {RUA}"], 29, ["dmarc_ok"]),
        ([f"v=DMARC1; p=none; {RUA}"], 30, ["dmarc_policy_none"]),
        ([f"v=DMARC1; p=reject; sp=none; {RUA}"], 0, ["dmarc_subdomains_open"]),
        ([f"v=DMARC1; {RUA}"], 0, ["dmarc_policy_missing"]),
        (["v=DMARC1; p=reject"], 0, ["dmarc_no_reports"]),
        (["v=DMARC1; p=none"], 30, ["dmarc_policy_none", "dmarc_no_reports"]),
        (["v=DMARC1; p=none", "v=DMARC1; p=reject"], 0, ["dmarc_two_records"]),
        ([], 0, ["dmarc_missing"]),
        (["v=spf1 -all"], 0, ["dmarc_missing"]),
    ],
)
def test_policies_are_judged(values: list[str], days: int, expected: list[str]):
    assert codes(seen(look(AT, "TXT", *values)), "dmarc", days=days) == expected


@pytest.mark.parametrize("name", [DOMAIN, f"{AT}.{DOMAIN}", f"dmarc.{DOMAIN}"])
def test_a_misplaced_policy_is_found(name: str):
    assert codes(seen(look(AT, "TXT"), look(name, "TXT", "v=DMARC1; p=none")), "dmarc") == ["dmarc_elsewhere"]


def test_a_faulty_tag_is_named():
    record = "v=DMARC1; p=nein"
    [one] = judged(seen(look(AT, "TXT", record), faults=(Fault(record, "p=nein"),)), "dmarc")
    assert (one.code, "„p=nein“" in one.text.de) == ("dmarc_syntax", True)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        (look(f"{DOMAIN}._report._dmarc.x.de", "TXT", "v=DMARC1"), ["dmarc_ok"]),
        (look(f"{DOMAIN}._report._dmarc.x.de", "TXT"), ["dmarc_reports_refused"]),
        (look(f"{DOMAIN}._report._dmarc.x.de", "TXT", "something"), ["dmarc_reports_refused"]),
        (look(f"{DOMAIN}._report._dmarc.x.de", "TXT", kind="timeout"), ["dmarc_ok"]),
    ],
)
def test_reports_to_others_need_their_word_and_silence_is_no_refusal(word: Look, expected: list[str]):
    assert codes(seen(look(AT, "TXT", "v=DMARC1; p=reject; rua=mailto:a@X.de!10m"), word), "dmarc") == expected


# --- hosts, services, the zone ------------------------------------------------------------------------------------

STS, AUTO, HOST = f"_mta-sts.{DOMAIN}", f"autoconfig.{DOMAIN}", "autoconfig.postkontor.example"
SRV = f"_imaps._tcp.{DOMAIN}"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["v=STSv1; id=20260101;"], "mta_sts_ok"),
        (["v=STSv1; id=20250101"], "mta_sts_other_id"),
        (["v=STSv1"], "mta_sts_syntax"),
        (["hallo"], "mta_sts_syntax"),
        (["v=STSv1; id=1", "v=STSv1; id=2"], "mta_sts_two_records"),
        ([], "mta_sts_missing"),
    ],
)
def test_announcements_of_mta_sts_are_judged(values: list[str], expected: str):
    assert codes(seen(look(STS, "TXT", *values)), "mta_sts")[0] == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["v=TLSRPTv1; rua=https://r.x.de/tls"], "tls_rpt_ok"),
        (["v=TLSRPTv1;rua=mailto:a@x.de,mailto:b@x.de"], "tls_rpt_ok"),
        (["v=TLSRPTv1; rua=a@x.de"], "tls_rpt_syntax"),
        (["v=TLSRPTv1; rua=mailto:a@x.de", "v=TLSRPTv1; rua=mailto:b@x.de"], "tls_rpt_two_records"),
        ([], "tls_rpt_missing"),
    ],
)
def test_requests_for_tls_reports_are_judged(values: list[str], expected: str):
    assert codes(seen(look(f"_smtp._tls.{DOMAIN}", "TXT", *values)), "tls_rpt") == [expected]


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (look(AUTO, "A", "192.0.2.30", aliases=(HOST,)), "host_ok"),
        (look(AUTO, "A", kind="timeout", aliases=(HOST,)), "host_ok"),
        (look(AUTO, "A", "192.0.2.30"), "host_ok"),
        (look(AUTO, "A", "192.0.2.99"), "host_elsewhere"),
        (look(AUTO, "A", "192.0.2.99", aliases=("x.de",)), "host_elsewhere"),
        (look(AUTO, "A", aliases=("weg.de",)), "host_broken"),
        (look(AUTO, "A"), "host_missing"),
        (look(AUTO, "A", kind="refused"), "lame_delegation"),
    ],
)
def test_host_names_lead_to_us_or_elsewhere(at: Look, expected: str):
    assert codes(seen(at, look(HOST, "A", "192.0.2.30")), "autoconfig") == [expected]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["5 7 993 IMAP.postkontor.example."], "srv_ok"),
        (["0 1 143 imap.postkontor.example"], "srv_other_port"),
        (["0 1 993 imap.x.de"], "srv_elsewhere"),
        (["0 1 993 imap.postkontor.example", "9 1 993 imap.x.de"], "srv_mixed"),
        (["0 0 0 "], "srv_denied"),
        ([], "srv_missing"),
    ],
)
def test_services_are_compared(values: list[str], expected: str):
    assert codes(seen(look(SRV, "SRV", *values)), "srv") == [expected]


@pytest.mark.parametrize(
    ("keys", "host_ds", "own_ds", "expected"),
    [
        (["3 1 1 ab"], ["1 13 2 cd"], ["1 13 2 ef"], "dane_ok"),
        (["3 1 1 ab"], ["1 13 2 cd"], [], "dane_domain_unsigned"),
        ([], ["1 13 2 cd"], [], "dane_missing"),
        (["3 1 1 ab"], [], [], "dane_unsigned"),
    ],
)
def test_keys_of_mail_servers_are_judged_by_what_is_signed(keys, host_ds, own_ds, expected: str):
    host = "mx1.postkontor.example"
    observation = seen(
        look(DOMAIN, "MX", f"10 {host}"),
        look(f"_25._tcp.{host}", "TLSA", *keys, zone="postkontor.example"),
        look("postkontor.example", "DS", *host_ds),
        look(DOMAIN, "DS", *own_ds),
    )
    assert codes(observation, "dane") == [expected]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], "caa_open"),
        (['0 iodef "mailto:a@x.de"'], "caa_open"),
        (['0 issue "letsencrypt.org"'], "caa_ok"),
        (['0 issue ";"'], "caa_forbids"),
        (['128 issue "ca.example; policy=ev"'], "caa_forbids"),
    ],
)
def test_certificates_can_be_had_or_not(values: list[str], expected: str):
    assert codes(seen(look(DOMAIN, "CAA", *values)), "caa") == [expected]


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        (["192.0.2.1", "198.51.100.1"], "name_servers_ok"),
        (["192.0.2.1", "192.0.2.9"], "name_servers_near"),
        (["2001:db8:1::1", "2001:db8:2::1"], "name_servers_ok"),
        (["192.0.2.1"], "name_server_single"),
    ],
)
def test_name_servers_are_counted_by_network(addresses: list[str], expected: str):
    servers = tuple(NameServer(f"ns{number}.x.de", (one,)) for number, one in enumerate(addresses))
    observation = seen(delegation=Delegation(state="found", zone=DOMAIN, servers=servers))
    assert codes(observation, "name_servers") == [expected]


def test_what_was_seen_is_bounded_and_never_a_template():
    nasty = "v=spf1 {domain} \x1b[31m" + "x" * 5000 + " -all"
    given = advise(seen(look(DOMAIN, "TXT", nasty)), EXPECTED, known_for=timedelta(0))
    [one] = [one for one in given if one.code == "spf_include_missing"]
    assert "{domain}" in one.text.en
    assert all(len(value) <= 100 and value.isprintable() for value in one.seen)
    assert one.text.en.isprintable()
    assert one.records == ()  # nobody types that in
