"""Settings come from the environment; what is secret may come as files."""

from pathlib import Path

import pytest

from services.chassis.settings import Settings
from services.mailbox.policy import PolicySettings

URL = "postgresql://postkontor_billing:geheim@db/postkontor"


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of secrets, as a cluster mounts one."""
    monkeypatch.setenv("POSTKONTOR_SECRETS_DIR", str(tmp_path))
    return tmp_path


def test_a_file_is_a_setting(directory: Path) -> None:
    (directory / "postkontor_database_url").write_text(URL + "\n")
    (directory / "postkontor_policy_database_url").write_text(URL + "-of-the-policy\n")
    settings = Settings()
    assert settings.database_url.get_secret_value() == URL
    assert "geheim" not in repr(settings)
    policy = PolicySettings().database_url
    assert policy is not None
    assert policy.get_secret_value() == URL + "-of-the-policy"


def test_the_environment_goes_before_files(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (directory / "postkontor_database_url").write_text(URL)
    monkeypatch.setenv("POSTKONTOR_DATABASE_URL", "postgresql://other/postkontor")
    assert Settings().database_url.get_secret_value() == "postgresql://other/postkontor"


def test_without_a_directory_no_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "postkontor_database_url").write_text(URL)
    monkeypatch.delenv("POSTKONTOR_SECRETS_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    assert "geheim" not in Settings().database_url.get_secret_value()
