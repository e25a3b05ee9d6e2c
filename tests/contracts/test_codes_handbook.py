"""The document of codes: nothing missing, nothing out of date, and no code that nobody says."""

import ast
from importlib import import_module
from pathlib import Path
from typing import get_args

import pytest

from contracts import handbook, sayers
from contracts.codes import CODES
from contracts.remedies import HTTP, REMEDIES, Who
from contracts.routes import request_type
from contracts.sayers import SERVICES

SPEAKING = ("contracts", "services/chassis", "services/cli", *(f"services/{service}" for service in SERVICES))
# What passes a code on: all codes, or what the callers write out.
PASSING_ON = ("contracts/refusals.py", "contracts/handbook.py", "services/cli/running.py")


def test_the_document_is_up_to_date() -> None:
    assert handbook.main(["--check"]) == 0, f"write it anew with: {handbook.COMMAND}"


def test_a_document_out_of_date_is_noticed_and_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(handbook, "PATH", tmp_path / "docs" / "codes.md")
    assert handbook.main(["--check"]) == 1
    assert handbook.COMMAND in capsys.readouterr().err
    assert (handbook.main([]), handbook.main(["--check"])) == (0, 0)
    assert handbook.main(["--force"]) == 2


def test_every_code_has_its_remedy_and_no_other() -> None:
    assert list(REMEDIES) == list(CODES), (
        "contracts/remedies.py and contracts/codes.py have the same codes, in one order"
    )
    assert set(HTTP) == set(get_args(Who)) == {remedy.who for remedy in REMEDIES.values()}


@pytest.mark.parametrize("code", REMEDIES)
def test_a_remedy_is_a_clean_sentence(code: str) -> None:
    for text in (REMEDIES[code].meaning, REMEDIES[code].next_step):
        assert text == text.strip()
        assert text.endswith(".")


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_samples_in_both_languages_without_a_gap(code: str) -> None:
    german, english = handbook.sample(code)
    assert german != english
    assert not any(brace in german + english for brace in "{}")
    assert f"## {code}\n" in handbook.PATH.read_text(encoding="utf-8")


def test_no_example_is_left_over() -> None:
    used = {name for code in CODES for name in handbook.details_of(code)}
    assert used == set(handbook._EXAMPLE)
    for code, case in handbook._CASES.items():
        assert set(case) <= set(handbook.details_of(code)), code


@pytest.mark.parametrize("folder", SPEAKING)
def test_every_code_that_is_said_is_written_out_and_exists(folder: str) -> None:
    for path in sorted((sayers.ROOT / folder).rglob("*.py")):
        place = path.relative_to(sayers.ROOT).as_posix()
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and _name(call.func) in sayers.SPEAKERS and place not in PASSING_ON:
                said = [each.value for each in ast.walk(call.args[0]) if isinstance(each, ast.Constant)]
                assert said, f"{place}:{call.lineno} says a code that is not written out"
                assert set(said) <= set(CODES), f"{place}:{call.lineno}"


def _name(function: ast.expr) -> str:
    return getattr(function, "id", "") or getattr(function, "attr", "")


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_said_by_some_handler(code: str) -> None:
    assert handbook.said_by(code), (
        f"no handler leads to {code}: remove it, or see what contracts.sayers does not follow"
    )


@pytest.mark.parametrize("service", SERVICES)
def test_every_handler_is_found_in_the_sources(service: str) -> None:
    found = import_module(f"services.{service}.app").service
    requests = {request_type(type_).split(".")[1] for kind, type_ in found.messages if kind == "cmd"}
    heard = sayers.heard_by(service)
    assert {name for occasion, name in heard if occasion == "request"} == requests
    assert {name for occasion, name in heard if occasion == "question"} == set(found.queries)
    clocks = {timer.decide.__name__ for timer in found.timers.values()}
    assert {name for occasion, name in heard if occasion == "clock"} == clocks


@pytest.mark.parametrize(
    ("code", "service", "requests"),
    [
        ("address_quarantined", "mailbox", {"create-mailbox", "add-aliases", "set-forward-only", "set-catch-all"}),
        ("package_too_small", "billing", {"change-package", "assign-package"}),
        ("domain_is_public_suffix", "domain", {"claim-domain"}),
        ("password_hash_too_weak", "domain", {"claim-domain", "create-mailbox", "set-domain-password"}),
        ("deletion_day", "mailbox", {"delete-mailbox"}),
    ],
)
def test_who_says_a_code_is_read_off_the_sources(code: str, service: str, requests: set[str]) -> None:
    said = [saying for saying in sayers.sayings()[code] if saying.service == service]
    every = {name for _, name in sayers.heard_by(service)}
    # Methods are followed by their names, which may name a request too many, but none too few.
    assert requests <= {saying.name for saying in said} < every


def test_what_only_the_clock_or_a_fact_leads_to_is_told_so() -> None:
    assert handbook.said_by("tax_pending") == ["billing, of its own work: `invoice_accounts`"]
    assert handbook.said_by("domain_has_mailboxes") == [
        "domain, of what it hears: `domain-occupied`",
        "mailbox, of `remove-domain`",
    ]
    assert handbook.said_by("more_findings") == ["every worker, of any message"]
