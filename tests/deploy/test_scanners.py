"""What others' scanners say: checkov of the chart, hadolint of the Containerfiles. Exceptions have reasons."""

import json
import os
import subprocess
import sysconfig
from pathlib import Path

import pytest
from deploy_chart import REPOSITORY, rendered

CHECKOV = REPOSITORY / ".tools/checkov/bin/checkov"
# By check and kind of resource; an empty name is every one of the kind.
ACCEPTED = {
    ("CKV_K8S_21", ""): "the namespace is the release's, not written into the chart",
    ("CKV_K8S_11", ""): "no limit on CPU: it would stop a worker in the midst of its batch while the node idles",
    ("CKV_K8S_8", "postkontor-render"): "no network of its own: it ends with an error when it cannot go on",
    ("CKV_K8S_9", "postkontor-render"): "nobody connects to it",
    ("CKV_K8S_8", "postkontor-check"): "a test that ends by itself",
    ("CKV_K8S_9", "postkontor-check"): "a test that ends by itself",
}


@pytest.mark.chart
@pytest.mark.parametrize("installation", ["staging", "prod"])
def test_checkov_finds_only_what_is_meant(tmp_path: Path, installation: str) -> None:
    if not CHECKOV.exists():
        pytest.skip(f"there is no checkov at {CHECKOV}; `make deploy-test` installs one")
    file = tmp_path / "rendered.yaml"
    file.write_text(rendered(installation))
    done = subprocess.run(
        [CHECKOV, "-f", file, "--framework", "kubernetes", "--skip-download", "--quiet", "--compact", "-o", "json"],
        capture_output=True, text=True, timeout=100, check=False, env={**os.environ, "PYTHONPATH": ""},
    )  # fmt: skip
    report = json.loads(done.stdout)
    assert report["summary"]["passed"] > 400
    assert report["summary"]["parsing_errors"] == 0
    failed = {(check["check_id"], check["resource"].rpartition(".")[2]) for check in report["results"]["failed_checks"]}
    unexpected = {(check, name) for check, name in failed if not {(check, ""), (check, name)} & set(ACCEPTED)}
    assert not unexpected
    if installation == "prod":
        unused = {
            (check, name) for check, name in ACCEPTED if not any(c == check and name in ("", n) for c, n in failed)
        }
        assert not unused, "take them off the list"


def test_hadolint_finds_nothing(repository: Path) -> None:
    program = Path(sysconfig.get_path("scripts")) / "hadolint"
    if not program.exists():
        pytest.skip("hadolint has no wheel for this machine")
    files = [*(repository / "deploy").glob("**/*Containerfile"), *(repository / "tests").glob("**/*.Containerfile")]
    assert len(files) >= 3
    done = subprocess.run([program, *files], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
