"""The example's program: it fills every placeholder, says what is wrong, and keeps passwords from others."""

import stat
from pathlib import Path
from types import ModuleType

import pytest


def test_the_example_values_fill_every_template(rendering: ModuleType, tmp_path: Path) -> None:
    files = rendering.render(rendering.read_values(rendering.EXAMPLE), tmp_path)
    assert {file.relative_to(tmp_path).as_posix() for file in files} >= {
        "postfix/main.cf", "postfix/master.cf", "dovecot/dovecot.conf", "dovecot/dovecot-sql.conf.ext",
    }  # fmt: skip
    for file in files:
        assert "{{" not in file.read_text(), file
        holds_password = "change-me" in file.read_text()
        assert stat.S_IMODE(file.stat().st_mode) == (0o640 if holds_password else 0o644), file


def test_values_missing_and_unknown_are_named(rendering: ModuleType, tmp_path: Path) -> None:
    values = rendering.read_values(rendering.EXAMPLE)
    values["mail_hosts"] = values.pop("mail_host")
    with pytest.raises(ValueError, match=r"missing: \['mail_host'\]; not known: \['mail_hosts'\]"):
        rendering.render(values, tmp_path)
