"""The chart as helm renders it: the real program on the real files."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
CHART, VALUES = REPOSITORY / "deploy/chart/postkontor", REPOSITORY / "deploy/values"
PROGRAM = Path(os.environ.get("POSTKONTOR_HELM", REPOSITORY / ".tools/helm"))
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast where it was built
WHY_NOT = f"there is no helm at {PROGRAM}; `make deploy-test` fetches one"
IMAGE = ("image.repository=registry.example.net/postkontor", f"image.digest=sha256:{'ab' * 32}")
INSTALLATIONS: dict[str, tuple[str, ...]] = {
    "defaults": (),
    "dev": ("dev",),
    "staging": ("staging",),
    "prod": ("prod",),
}
WORKERS = ("billing", "domain", "mailbox", "dnscheck")

Document = dict[str, Any]


class Refused(Exception):
    """What helm says when it does not take the values."""


@lru_cache(maxsize=64)
def rendered(installation: str, *sets: str, release: str = "postkontor", image: tuple[str, ...] = IMAGE) -> str:
    """Return what helm makes of an installation's values file and single values. Raises Refused."""
    files = [VALUES / f"postkontor-{name}.yaml" for name in INSTALLATIONS[installation]]
    words = [word for file in files for word in ("-f", str(file))]
    words += [
        word for one in (*image, *sets) for word in ("--set-json" if "={" in one or "=[" in one else "--set", one)
    ]
    return run("template", release, str(CHART), "--namespace", "postkontor", *words)


def run(*words: str) -> str:
    """Run helm. Raises Refused."""
    done = subprocess.run([str(PROGRAM), *words], capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise Refused(done.stderr + done.stdout)
    return done.stdout


def documents(text: str) -> list[Document]:
    """Return the documents of a text, fresh each time."""
    return [document for document in yaml.load_all(text, Loader=LOADER) if document]


def of(installation: str, *sets: str) -> list[Document]:
    """Return the documents of an installation."""
    return documents(rendered(installation, *sets))


def named(found: Sequence[Document], kind: str, name: str) -> Document:
    """Return the one of a kind and name."""
    (one,) = (each for each in found if each["kind"] == kind and each["metadata"]["name"] == name)
    return one


@dataclass(frozen=True)
class Pod:
    """A pod that the chart makes."""

    name: str
    labels: dict[str, str]
    spec: Document = field(hash=False)

    @property
    def containers(self) -> list[Document]:
        """Return all of its containers, those that run first at first."""
        return [*self.spec.get("initContainers", ()), *self.spec["containers"]]


def pods(found: Sequence[Document]) -> Iterator[Pod]:
    """Yield the pods of Deployments and Jobs, and single ones."""
    for document in found:
        name = f"{document['kind']}/{document['metadata']['name']}"
        if document["kind"] == "Pod":
            yield Pod(name, document["metadata"]["labels"], document["spec"])
        elif document["kind"] in ("Deployment", "Job"):
            template = document["spec"]["template"]
            yield Pod(name, template["metadata"]["labels"], template["spec"])
