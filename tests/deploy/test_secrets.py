"""What `postkontor kubernetes secrets` prints: all that chart, bus and database ask for, and nothing twice."""

import json
import subprocess
import sys
from pathlib import Path

from deploy.bus.register import standard
from deploy.kubernetes import secrets

PROGRAM = (sys.executable, "-c", "from services.cli import main; main()", "kubernetes", "secrets", "--register")


def test_the_printed_secrets_are_what_chart_bus_and_database_ask_for(tmp_path: Path, repository: Path) -> None:
    command = [*PROGRAM, str(tmp_path / "bus")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=repository, timeout=60)
    items = {item["metadata"]["name"]: item for item in json.loads(done.stdout)["items"]}
    seeds = items[secrets.BUS]["stringData"]
    assert set(seeds) == {f"{identity.name}.nk" for identity in standard()}
    assert all(seed.startswith("SU") for seed in seeds.values())
    urls = items[secrets.DATABASE]["stringData"]
    for key, role in secrets.login_roles().items():
        account = items[secrets.role_secret(role)]
        assert account["type"] == "kubernetes.io/basic-auth"
        assert account["stringData"]["username"] == role
        password = account["stringData"]["password"]
        assert len(password) == 48
        assert urls[key].startswith(
            f"postgresql://{role}:{password}@postkontor-db-rw:5432/postkontor?sslmode=verify-full"
        )
    authorization = items[secrets.AUTHORIZATION]["data"][secrets.AUTHORIZATION_FILE]
    assert not [seed for seed in seeds.values() if seed in authorization]
    again = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, cwd=repository).stdout)[
        "items"
    ]
    assert again[0]["stringData"] == seeds, "the bus's keys are the register's"
    assert again[2]["stringData"] != urls, "passwords are made anew"


def test_the_bus_s_keys_alone_change_no_password(tmp_path: Path, repository: Path) -> None:
    command = [*PROGRAM, str(tmp_path), "--only", "bus"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=repository, timeout=60)
    assert [item["metadata"]["name"] for item in json.loads(done.stdout)["items"]] == [
        secrets.BUS,
        secrets.AUTHORIZATION,
    ]
    (tmp_path / "seeds" / "billing.nk").unlink()
    without = subprocess.run(command, capture_output=True, text=True, check=False, cwd=repository, timeout=60)
    assert without.returncode == 2, "half a Secret would lock a worker out"
    assert "billing.nk" in without.stderr
    assert not without.stdout


def test_a_password_may_hold_anything() -> None:
    at = secrets.DatabaseAt(host="db", options="")
    assert (
        at.url("postkontor_billing", "a/b:c@d?")
        == "postgresql://postkontor_billing:a%2Fb%3Ac%40d%3F@db:5432/postkontor"
    )
