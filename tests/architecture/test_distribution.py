"""What a bare machine gets: pinned packages, make targets, an executable check."""

import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


@pytest.fixture(scope="module")
def pins(repository: Path) -> dict[str, str]:
    """The pinned versions, by package."""
    lines = (repository / "constraints.txt").read_text().splitlines()
    found = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in found}


def _required(repository: Path) -> Iterator[Requirement]:
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    for text in [
        *project["dependencies"],
        *(one for extra in project["optional-dependencies"].values() for one in extra),
    ]:
        requirement = Requirement(text)
        if requirement.name != project["name"]:
            yield requirement


def test_pins_hold_exact_versions_and_nothing_else(repository: Path) -> None:
    lines = (repository / "constraints.txt").read_text().splitlines()
    pinned = [line for line in lines if line and not line.startswith("#")]
    assert [line for line in pinned if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", line)] == []
    assert pinned == sorted(pinned, key=lambda line: line.partition("==")[0].lower())


def test_every_requirement_has_a_pin_that_satisfies_it(repository: Path, pins: dict[str, str]) -> None:
    findings = [
        f"{requirement}: constraints.txt says {pins.get(canonicalize_name(requirement.name))}"
        for requirement in _required(repository)
        if pins.get(canonicalize_name(requirement.name), "") not in requirement.specifier
    ]
    assert not findings, "\n".join(findings)


def test_every_make_target_is_phony_and_explained(repository: Path) -> None:
    makefile = (repository / "Makefile").read_text()
    targets = re.findall(r"^([a-z-]+):[^=\n]* ## \S", makefile, re.MULTILINE)
    phony = re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    assert phony is not None
    assert sorted(phony[1].split()) == sorted(targets)


def test_the_check_of_a_bare_clone_can_be_run(repository: Path) -> None:
    check = repository / ".ci" / "run"
    assert os.access(check, os.X_OK)
    assert check.read_text().startswith("#!/usr/bin/env bash\n")
