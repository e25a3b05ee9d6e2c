"""Every pod is confined, and the check of it misses nothing: each setting that is taken away or turned is found."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from deploy_chart import INSTALLATIONS, of, pods
from deploy_confinement import complaints

pytestmark = pytest.mark.chart
OTHERWISE = {
    "type": "Unconfined", "drop": ["NET_RAW"], "serviceAccountName": "default", "sizeLimit": None, "items": [],
    "defaultMode": 0o644, "memory": None, "cpu": None,
}  # fmt: skip
# Under these, every setting counts.
ROOTS = ("securityContext",)
SINGLE = ("automountServiceAccountToken", "enableServiceLinks", "serviceAccountName")
Path = tuple[str | int, ...]


@pytest.mark.parametrize("installation", INSTALLATIONS)
def test_every_pod_is_confined(installation: str) -> None:
    found = {pod.name: complaints(pod.spec) for pod in pods(of(installation))}
    assert len(found) >= 5
    assert not {name: said for name, said in found.items() if said}


@pytest.mark.parametrize("turned", [False, True], ids=["taken away", "turned"])
def test_no_setting_can_be_missed(turned: bool) -> None:
    missed: list[str] = []
    tried = 0
    for pod in pods(of("prod")):
        for path in _settings(pod.spec):
            mutant = copy.deepcopy(pod.spec)
            if _change(mutant, path, turned):
                tried += 1
                if not complaints(mutant):
                    missed.append(f"{pod.name}: {'.'.join(map(str, path))}")
    assert not missed, "\n".join(missed)
    assert tried > 100, "of each pod and container, several"


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("hostNetwork", True),
        ("hostPID", True),
        ("hostIPC", True),
        ("volumes", [{"name": "host", "hostPath": {"path": "/"}}]),
        ("volumes", [{"name": "token", "projected": {"sources": []}}]),
    ],
)
def test_what_is_added_is_found(setting: str, value: Any) -> None:
    pod = next(pods(of("prod")))
    pod.spec[setting] = value
    assert complaints(pod.spec)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("envFrom", [{"secretRef": {"name": "postkontor-database"}}]),
        ("env", [{"name": "POSTKONTOR_DATABASE_URL", "valueFrom": {"secretKeyRef": {"name": "x", "key": "y"}}}]),
        ("volumeMounts", [{"name": "bus", "mountPath": "/run/postkontor/bus"}]),
    ],
)
def test_what_is_added_to_a_container_is_found(setting: str, value: Any) -> None:
    pod = next(pods(of("prod")))
    pod.spec["containers"][0][setting] = value
    assert complaints(pod.spec)


def _settings(spec: Any) -> Iterator[Path]:
    """Yield the path of every setting that confines, wherever it stands: a new one in the chart is tried as well."""
    for path, key in _walk(spec, ()):
        inside = any(part in ROOTS for part in path[:-1])
        limit = path[-3:-1] in (("resources", "limits"), ("resources", "requests"))
        secret = path[0] == "volumes" and (
            key in ("items", "sizeLimit") or (key == "defaultMode" and not _public(spec["volumes"][path[1]]))
        )
        if inside or limit or secret or key in SINGLE or key == "readOnly":
            yield path


def _public(volume: Any) -> bool:
    return volume["name"].endswith("-ca")


def _walk(node: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield (*path, key), key
            yield from _walk(value, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _walk(value, (*path, index))


def _change(spec: Any, path: Path, turned: bool) -> bool:
    node = spec
    for part in path[:-1]:
        node = node[part]
    key = path[-1]
    if not turned:
        del node[key]
        return True
    if isinstance(node[key], bool):
        node[key] = not node[key]
    elif key in OTHERWISE and OTHERWISE[key] is not None:
        node[key] = OTHERWISE[key]
    elif isinstance(node[key], int):
        node[key] = 0
    else:
        return False
    return True
