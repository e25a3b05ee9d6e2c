"""The catalogue of refusals: every code speaks both languages with the same figures."""

from string import Formatter

import pytest

from contracts.codes import CODES
from contracts.envelope import MAX_MESSAGE_BYTES
from contracts.refusals import Finding, Refusal, finding, refusal, refuse

TEXTS = [(code, text) for code, sentence in CODES.items() for text in sentence]
CAP = {"resource": "mailbox", "allowed": 50, "used": 49, "reserved": 1, "requested": 1}


def placeholders(text: str) -> set[str]:
    """Return the names of the details that a sentence speaks of."""
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("code", CODES)
def test_both_languages_speak_of_the_same_details(code):
    sentence = CODES[code]

    assert placeholders(sentence.de) == placeholders(sentence.en)


@pytest.mark.parametrize("code", CODES)
def test_the_german_sentence_is_another_one(code):
    assert CODES[code].de != CODES[code].en


@pytest.mark.parametrize(("code", "text"), TEXTS)
def test_a_sentence_is_clean(code, text):
    assert "  " not in text
    assert text == text.strip()
    assert text.endswith(".")


@pytest.mark.parametrize("code", CODES)
def test_a_code_is_a_stable_word(code):
    assert code == code.lower()
    assert code.replace("_", "").isalnum()


@pytest.mark.parametrize("code", CODES)
def test_no_detail_is_named_like_an_argument(code):
    assert not placeholders(CODES[code].de) & {"code", "severity", "self"}


@pytest.mark.parametrize("code", CODES)
def test_every_code_can_be_said(code):
    said = refuse(code, **dict.fromkeys(placeholders(CODES[code].de), 7))

    assert said.code == code
    assert "{" not in said.text.de + said.text.en
    assert said.findings[0].text == said.text


@pytest.mark.parametrize("code", [code for code in CODES if placeholders(CODES[code].de)])
def test_a_missing_detail_is_a_bug_and_raises(code):
    with pytest.raises(KeyError):
        refuse(code)


def test_an_unknown_code_is_a_bug_and_raises():
    with pytest.raises(KeyError):
        refuse("no_such_code")


def test_a_finding_keeps_its_figures_for_programs():
    assert finding("cap_reached", **CAP).details == CAP


def test_no_limit_is_shown_as_infinity_and_kept_as_none():
    found = finding("cap_reached", **CAP | {"allowed": None})

    assert "∞ erlaubt" in found.text.de
    assert found.details["allowed"] is None


def test_the_first_finding_names_the_refusal():
    joined = refusal(finding("plan_unknown", plan="x", known="mail"), finding("not_json", severity="warning"))

    assert joined.code == "plan_unknown"
    assert [found.code for found in joined.findings] == ["plan_unknown", "not_json"]
    assert joined.findings[1].severity == "warning"


@pytest.mark.parametrize("number", [1, 2, 199, 200, 201, 1000])
def test_what_is_too_much_to_tell_is_counted(number):
    joined = refusal(*(finding("group_exists", group=f"{place}") for place in range(number)))

    *told, last = joined.findings
    assert len(joined.findings) == min(number, 200)
    assert last.code == ("more_findings" if number > 200 else "group_exists")
    assert number <= 200 or last.details["count"] == number - len(told)


def test_a_refusal_fits_into_a_message_however_long_its_findings_are():
    address = "a" * 64 + "@" + ".".join(["xn--" + "b" * 40] * 4) + ".example"
    found = finding("forwarding_loop", address=address, chain=" → ".join([address] * 10))
    joined = refusal(*[found] * 20, *[finding("address_taken", address=address)] * 180)

    assert len(joined.model_dump_json()) < MAX_MESSAGE_BYTES - 8_192
    assert joined.findings[-1].details["count"] == 200 - len(joined.findings) + 1
    assert len(joined.findings) > 10


def test_a_refusal_survives_the_bus():
    said = refuse("cap_reached", **CAP | {"allowed": None, "reserved": True})

    assert Refusal.model_validate_json(said.model_dump_json()) == said
    assert isinstance(said.findings[0], Finding)


def test_people_read_u_labels_and_programs_compare_a_labels():
    told = finding("address_taken", address="anna@xn--bcher-kva.de")

    assert "anna@bücher.de" in told.text.en
    assert told.details == {"address": "anna@xn--bcher-kva.de"}
    assert "bücher.de" in finding("domain_unknown", domain="xn--bcher-kva.de").text.de


def test_a_record_to_set_is_told_as_name_servers_hold_it():
    name = "_postkontor-challenge.xn--bcher-kva.de"

    assert name in finding("domain_unverified", domain="xn--bcher-kva.de", name=name, value="token=x").text.en


def test_only_states_and_resources_are_translated():
    assert "ist gesperrt" in finding("account_not_active", state="suspended").text.de
    assert "Gruppe group " in finding("group_exists", group="group").text.de
    assert "account closed " in finding("account_exists", account="closed").text.en
