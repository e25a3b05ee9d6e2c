"""The examples for GitOps and CI, as far as they can be proven without what they are for."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from deploy_chart import documents
from deploy_custom_resources import KINDS

from deploy.kubernetes import secrets

COMMANDS = 10  # fewer lead from an empty cluster to the first mailbox


@pytest.fixture(scope="module")
def examples(repository: Path) -> Path:
    """Their folder."""
    return repository / "deploy/examples"


def test_argo_s_applications_name_what_is_there(examples: Path, repository: Path) -> None:
    waves: dict[str, int] = {}
    for application in documents((examples / "argocd.yaml").read_text()):
        KINDS["Application"].model_validate(application)
        waves[application["metadata"]["name"]] = int(
            application["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"]
        )
        for source in application["spec"]["sources"]:
            if "path" in source:
                assert (repository / source["path"]).is_dir()
            for file in source.get("helm", {}).get("valueFiles", ()):
                path = (
                    repository / file.removeprefix("$values/")
                    if file.startswith("$")
                    else repository / source["path"] / file
                )
                assert path.resolve().is_file(), file
            if include := source.get("directory", {}).get("include"):
                names = include.removeprefix("{").partition("}")[0].split(",")
                assert [name for name in names if not (repository / source["path"] / f"{name}.yaml").exists()] == []
    operators = max(waves["cloudnative-pg"], waves["keda"])
    assert operators < waves["postkontor-database"] < waves["nats"] <= waves["nack"] < waves["postkontor"]


def test_a_vault_fills_the_chart_s_two_secrets(examples: Path) -> None:
    found = documents((examples / "external-secrets.yaml").read_text())
    for one in found:
        KINDS["ExternalSecret"].model_validate(one)
    assert {one["spec"]["target"]["name"] for one in found} == {secrets.BUS, secrets.DATABASE}


def test_the_workflow_s_files_are_there(examples: Path, repository: Path) -> None:
    workflow: dict[Any, Any] = yaml.safe_load((examples / "kind-workflow.yaml").read_text())
    commands = "\n".join(step.get("run", "") for step in workflow["jobs"]["install"]["steps"])
    named = {word for word in commands.split() if word.startswith("deploy/")}
    assert len(named) >= 6
    assert [name for name in named if not (repository / name).exists()] == []


def test_the_first_mailbox_takes_fewer_than_ten_commands(repository: Path) -> None:
    text = (repository / "docs/kubernetes.md").read_text()
    block = text.split("## From an empty cluster to the first mailbox")[1].split("\n## ")[0]
    lines = [line.strip() for line in block.splitlines() if line.startswith("    ")]
    commands = [line for line in lines if line and not line.startswith(("#", "--", "export"))]
    assert 5 < len(commands) < COMMANDS, commands
    for word in " ".join(lines).split():
        assert not word.startswith("deploy/") or (repository / word).exists(), word
