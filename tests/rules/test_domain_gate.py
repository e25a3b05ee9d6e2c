"""The gate, the names nobody can claim, and what an account sees of its claim."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args
from uuid import UUID

import pytest

from contracts.base import Text
from contracts.dnscheck_v1 import MxAttempt
from contracts.domain_v1 import DomainState, DomainView
from contracts.refusals import Finding
from services.domain.gate import admitted, all_admitted, may_have_features
from services.domain.names import unclaimable
from services.domain.rows import PROVEN, Claim, Name, Transfer
from services.domain.views import view

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TOKEN = "k7wq3xd5mz2ra6ytb4ncfe7hjlgposiu"
HASH = "{SHA512-CRYPT}$6$saltsalt$" + "a" * 86

LABEL = "_postkontor-challenge"


def named(state: DomainState, domain: str = "nordwind-segel.de", account: str = "nordwind") -> Name:
    claim = Claim(
        domain, account, UUID(int=7), state, "_postkontor-challenge", TOKEN, NOW, NOW, password_hash=HASH,
        proof="held" if state in PROVEN else "pending",
        transfer=Transfer("open", NOW, NOW + timedelta(hours=72)) if state == "contested" else None,
    )  # fmt: skip
    return Name(domain, (claim,))


def shown(state: DomainState, domain: str = "nordwind-segel.de") -> DomainView:
    name = named(state, domain)
    return view(name.claims[0], name)


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("claimed", "domain_unverified"),
        ("abandoned", "domain_claim_abandoned"),
        ("verified", "domain_password_missing"),
        ("removing", "domain_not_active"),
        ("contested", "domain_not_active"),
        ("lost", "claim_lost"),
        ("removed", "domain_unknown"),
    ],
)
def test_a_domain_that_is_not_active_is_closed_with_its_reason(state, code):
    found = admitted(named(state), "nordwind-segel.de", "nordwind")
    assert isinstance(found, Finding)
    assert found.code == code


def test_an_active_domain_is_open():
    assert admitted(named("active"), "nordwind-segel.de", "nordwind") == UUID(int=7)


def test_an_unproven_domain_names_the_record_to_set():
    found = admitted(named("claimed"), "nordwind-segel.de", "nordwind")
    assert isinstance(found, Finding)
    assert found.details == {
        "domain": "nordwind-segel.de",
        "name": "_postkontor-challenge.nordwind-segel.de",
        "value": f"token={TOKEN}",
    }


@pytest.mark.parametrize("state", get_args(DomainState))
def test_another_accounts_domain_looks_like_one_that_nobody_has(state):
    foreign = admitted(named(state), "nordwind-segel.de", "suedwind")
    assert foreign == admitted(None, "nordwind-segel.de", "suedwind")


def test_aliases_are_told_every_closed_domain():
    names = [("a.de", named("active", "a.de")), ("b.de", named("claimed", "b.de")), ("c.de", None)]
    opened, findings = all_admitted(names, "nordwind")
    assert list(opened) == ["a.de"]
    assert [found.code for found in findings] == ["domain_unverified", "domain_unknown"]


@pytest.mark.parametrize("state", get_args(DomainState))
def test_features_are_set_for_proven_domains_only(state):
    found = may_have_features(named(state), "nordwind-segel.de", "nordwind")
    assert isinstance(found, Claim) == (state in ("verified", "active"))


@pytest.mark.parametrize(
    ("domain", "code"),
    [
        ("co.uk", "domain_is_public_suffix"),
        ("foo.ck", "domain_is_public_suffix"),
        ("printer.local", "domain_is_special_use"),
        ("home.arpa", "domain_is_special_use"),
        ("mail.example.com", "domain_is_special_use"),
        ("nordwind.test", "domain_is_special_use"),
        ("nordwind.dee", "top_level_domain_unknown"),
    ],
)
def test_names_that_nobody_can_own_are_refused(domain, code):
    reason = unclaimable(domain, LABEL)
    assert reason is not None
    assert reason.code == code


@pytest.mark.parametrize(
    "domain", ["nordwind-segel.de", "xn--mller-kva.de", "mail.nordwind.co.uk", "www.ck", "x.github.io"]
)
def test_names_that_somebody_can_prove_are_claimable(domain):
    assert unclaimable(domain, LABEL) is None


def test_the_record_comes_in_every_form_that_registrars_ask_for():
    record = shown("claimed", "segel.nordwind.co.uk").record
    assert record.name == "_postkontor-challenge.segel.nordwind.co.uk"
    assert record.name_in_zone == "_postkontor-challenge.segel"
    assert record.zone_line == f'_postkontor-challenge.segel.nordwind.co.uk. 300 IN TXT "token={TOKEN}"'
    assert record.name_in_zone in record.instructions.de
    assert "nordwind.co.uk" in record.instructions.en


@pytest.mark.parametrize("state", get_args(DomainState))
def test_every_state_says_who_acts_next_in_both_languages(state):
    step = shown(state).next_step
    assert step.de != step.en
    assert "{" not in step.de + step.en


def test_wrong_mx_records_are_part_of_the_next_step():
    seen = MxAttempt(
        state="foreign", code="foreign", text=Text(de="Falsch: {x}", en="Wrong: {x}"), expected=(), checked_at=NOW,
        elapsed_ms=1,
    )  # fmt: skip
    name = named("active")
    claim = replace(name.claims[0], mx="foreign", mx_attempt=seen)
    assert view(claim, name).next_step.en.endswith("Wrong: {x}")


def test_a_view_shows_the_name_as_people_write_it_and_never_the_password():
    seen = shown("active", "xn--mller-kva.de")
    assert seen.domain_unicode == "müller.de"
    assert seen.has_password
    assert "SHA512" not in seen.model_dump_json()


def test_a_name_too_long_for_its_record_is_refused():
    domain = ".".join(["a" * 60, "b" * 60, "c" * 60, "d" * 50, "de"])
    reason = unclaimable(domain, LABEL)
    assert reason.code == "domain_too_long"
    assert reason.findings[0].details["limit"] == 253 - 1 - len(LABEL)
