"""The document about the life of domains: nothing missing, nothing out of date."""

from typing import get_args

from contracts.domain_v1 import DomainState, ProofStanding, TransferState
from services.domain import handbook
from services.domain.lifecycle import LIFE_CYCLE, PROOF_LADDER, TRANSFER_COURSE


def test_the_document_is_up_to_date():
    assert handbook.main(["--check"]) == 0, f"write it anew with: {handbook.COMMAND}"


def test_a_document_out_of_date_is_noticed_and_written_anew(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(handbook, "PATH", tmp_path / "docs" / "domains.md")
    assert handbook.main(["--check"]) == 1
    assert handbook.COMMAND in capsys.readouterr().err
    assert (handbook.main([]), handbook.main(["--check"])) == (0, 0)
    assert handbook.main(["--force"]) == 2


def test_the_document_has_every_state_and_every_step():
    text = handbook.handbook()
    for state in (*get_args(DomainState), *get_args(ProofStanding), *get_args(TransferState)):
        assert state in text
    for table in (LIFE_CYCLE, PROOF_LADDER, TRANSFER_COURSE):
        for (before, _), after in table.items():
            assert any(line.startswith(f"| `{before}`") and line.endswith(f"`{after}` |") for line in text.splitlines())
