"""What a recursor and other sites have to say about a yes: every way they can answer."""

from __future__ import annotations

from itertools import product

import pytest

from services.dnscheck.findings.diagnosis import diagnose_txt
from services.dnscheck.findings.proof import ExpectedTxt
from services.dnscheck.findings.remarks import lasting
from services.dnscheck.findings.witness import proven_name
from services.dnscheck.observation import (
    AnswerKind,
    Corroboration,
    Delegation,
    NameServer,
    PublicView,
    ServerAnswer,
    SiteVerdict,
    SiteView,
    TxtObservation,
)

DOMAIN = "nordwind-segel.de"
NAME = f"_postkontor-challenge.{DOMAIN}"
TOKEN = "k7wq3xd5mz2ra6ytb4ncfe7hjlgposiu"
VALUE = f"token={TOKEN}"
EXPECTED = ExpectedTxt(name=NAME, tokens=(TOKEN,))


def public(kind: AnswerKind, *values: str, ad: bool = False, unchecked: AnswerKind | None = None) -> PublicView:
    def said(kind: AnswerKind, *values: str) -> ServerAnswer:
        return ServerAnswer(
            server="recursor", address="192.0.2.53", name=NAME, rdtype="TXT", kind=kind, values=values,
            negative_ttl_seconds=600,
        )  # fmt: skip

    return PublicView(
        checked=said(kind, *values), is_authenticated=ad, unchecked=said(unchecked, VALUE) if unchecked else None
    )


def seen(corroboration: Corroboration | None, *, values: tuple[str, ...] = (VALUE,), aa: bool = True) -> TxtObservation:
    server = NameServer(f"ns1.{DOMAIN}", ("192.0.2.1",))
    answer = ServerAnswer(
        server=server.host, address="192.0.2.1", name=NAME, rdtype="TXT", kind="answer", aa=aa, values=values
    )
    return TxtObservation(
        domain=DOMAIN,
        name=NAME,
        delegation=Delegation(state="found", zone=DOMAIN, servers=(server,)),
        answers=(answer,),
        corroboration=corroboration,
    )


@pytest.mark.parametrize(
    ("view", "code", "dnssec", "notes"),
    [
        (public("answer", VALUE, ad=True), "verified", "secure", ()),
        (public("answer", VALUE), "verified", "insecure", ()),
        (public("answer", "v=spf1 -all", VALUE), "verified", "insecure", ()),
        (public("nxdomain"), "verified", "unchecked", ("recursive_stale",)),
        (public("nodata"), "verified", "unchecked", ("recursive_stale",)),
        (public("answer", "v=spf1 -all"), "verified", "unchecked", ("recursive_stale",)),
        (public("nxdomain", ad=True), "not_corroborated", "unchecked", ()),
        (public("answer", "v=spf1 -all", ad=True), "not_corroborated", "unchecked", ()),
        (public("servfail", unchecked="answer"), "dnssec_bogus", "bogus", ()),
        (public("servfail", unchecked="nodata"), "dnssec_bogus", "bogus", ()),
        (public("servfail", unchecked="servfail"), "not_corroborated", "unchecked", ()),
        (public("servfail", unchecked="timeout"), "not_corroborated", "unchecked", ()),
        (public("timeout"), "not_corroborated", "unchecked", ()),
        (public("refused"), "not_corroborated", "unchecked", ()),
        (public("truncated"), "not_corroborated", "unchecked", ()),
        (public("malformed"), "not_corroborated", "unchecked", ()),
    ],
)
def test_a_recursors_word(view: PublicView, code: str, dnssec: str, notes: tuple[str, ...]) -> None:
    found = diagnose_txt(seen(Corroboration(public=view)), EXPECTED)
    assert (found.code, found.dnssec, found.notes) == (code, dnssec, notes)


def test_a_recursor_that_remembers_says_for_how_long() -> None:
    found = diagnose_txt(seen(Corroboration(public=public("nxdomain"))), EXPECTED)
    assert found.text_en.endswith("The rest of the Internet sees it within 10 minutes.")


VERDICTS: tuple[SiteVerdict, ...] = ("confirmed", "not_yet", "could_not_ask", "silent")


@pytest.mark.parametrize("verdicts", list(product(VERDICTS, repeat=3)))
def test_a_quorum_confirms_and_who_is_silent_denies_nothing(verdicts: tuple[SiteVerdict, ...]) -> None:
    sites = tuple(SiteView(f"site-{number}", verdict) for number, verdict in enumerate(verdicts))
    found = diagnose_txt(seen(Corroboration(sites=sites, quorum=2)), EXPECTED)
    if verdicts.count("confirmed") >= 2:
        assert (found.kind, found.code) == ("confirmed", "verified")
    elif verdicts.count("not_yet") >= 2:
        assert (found.kind, found.code) == ("not_yet", "perspectives_disagree")
    else:
        assert (found.kind, found.code) == ("could_not_ask", "not_corroborated")


def test_signatures_need_no_sites_and_broken_ones_no_more() -> None:
    denied = (SiteView("ams", "not_yet"), SiteView("ber", "not_yet"))
    secure = Corroboration(public=public("answer", VALUE, ad=True), sites=denied, quorum=2)
    assert diagnose_txt(seen(secure), EXPECTED).code == "verified"
    bogus = Corroboration(public=public("servfail", unchecked="answer"), sites=denied, quorum=2)
    assert diagnose_txt(seen(bogus), EXPECTED).code == "dnssec_bogus"


def test_nobody_makes_a_yes_of_a_no() -> None:
    agreed = Corroboration(public=public("answer", VALUE, ad=True), sites=(SiteView("ams", "confirmed"),), quorum=1)
    assert diagnose_txt(seen(agreed, values=("v=spf1 -all",)), EXPECTED).kind == "not_yet"
    assert diagnose_txt(seen(agreed, aa=False), EXPECTED).kind == "could_not_ask"


def test_others_are_asked_for_the_place_of_the_proof() -> None:
    assert proven_name(seen(None), EXPECTED) == NAME
    assert proven_name(seen(None, values=("x",)), EXPECTED) == DOMAIN


@pytest.mark.parametrize(
    ("seconds", "english", "german"),
    [
        (0, "1 minute", "einer Minute"),
        (60, "1 minute", "einer Minute"),
        (61, "2 minutes", "2 Minuten"),
        (7200, "120 minutes", "120 Minuten"),
        (7201, "3 hours", "3 Stunden"),
        (86_400, "24 hours", "24 Stunden"),
        (14 * 86_400, "14 days", "14 Tagen"),
    ],
)
def test_durations_are_rounded_up(seconds: int, english: str, german: str) -> None:
    assert lasting(seconds) == (english, german)
