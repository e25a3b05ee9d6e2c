"""The handbook for support staff: nothing missing, nothing out of date."""

from typing import Any, get_args

import pytest

from services.dnscheck import handbook
from services.dnscheck.findings.diagnosis import kind_of
from services.dnscheck.findings.mx import state_of
from services.dnscheck.findings.sentences import MX_TEXTS, SHARED_TEXTS, TXT_TEXTS, Code, MxCode, Trouble


def codes(union: Any) -> set[str]:
    return {code for part in get_args(union) for code in (get_args(part) or (part,))}


def test_the_handbook_is_up_to_date():
    assert handbook.main(["--check"]) == 0, f"write it anew with: {handbook.COMMAND}"


def test_a_handbook_out_of_date_is_noticed_and_written_anew(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(handbook, "PATH", tmp_path / "docs" / "dns.md")
    assert handbook.main(["--check"]) == 1
    assert handbook.COMMAND in capsys.readouterr().err
    assert (handbook.main([]), handbook.main(["--check"])) == (0, 0)
    assert handbook.main(["--force"]) == 2


def test_every_code_has_a_sentence_in_both_languages():
    assert codes(Code) == TXT_TEXTS.keys() | SHARED_TEXTS.keys()
    assert codes(MxCode) == MX_TEXTS.keys() | SHARED_TEXTS.keys()
    for texts in (*TXT_TEXTS.values(), *SHARED_TEXTS.values(), *MX_TEXTS.values()):
        assert len(set(texts)) == 2


def test_the_handbook_has_every_code_with_its_kind():
    text = handbook.handbook()
    for code in TXT_TEXTS:
        assert f"### {code}\n\n- Kind `{kind_of(code)}`\n" in text
    for code in MX_TEXTS:
        assert f"### MX {code}\n\n- MX state `{state_of(code)}`\n" in text


@pytest.mark.parametrize("code", get_args(Trouble))
def test_trouble_is_nobodys_word(code: Trouble):
    assert (kind_of(code), state_of(code)) == ("could_not_ask", "unknown")


def test_only_trouble_leaves_the_mx_state_unknown():
    assert {code for code in codes(MxCode) if state_of(code) == "unknown"} == set(get_args(Trouble))
