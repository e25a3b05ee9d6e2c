"""What every pod of ours must be denied: Pod Security's strictest form and more. Says what is missing, in words."""

from collections.abc import Iterator
from typing import Any

USER = 10001
OCTAL_OTHERS = 0o007
POD = {"runAsNonRoot": True, "runAsUser": USER, "runAsGroup": USER, "fsGroup": USER}
CONTAINER = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "privileged": False}
WRITABLE = "/tmp"
NAMESPACES = ("hostNetwork", "hostPID", "hostIPC")

Document = dict[str, Any]


def complaints(spec: Document) -> list[str]:
    """Return what a pod may do that it must not be able to do."""
    found = [*_pod(spec)]
    for container in [*spec.get("initContainers", ()), *spec["containers"]]:
        found += [f"{container['name']}: {complaint}" for complaint in _container(container)]
    return [*found, *_volumes(spec)]


def _pod(spec: Document) -> Iterator[str]:
    context = spec.get("securityContext") or {}
    for setting, wanted in POD.items():
        if context.get(setting) != wanted:
            yield f"pod: {setting} is not {wanted}"
    if (context.get("seccompProfile") or {}).get("type") != "RuntimeDefault":
        yield "pod: system calls are not filtered"
    if spec.get("automountServiceAccountToken") is not False:
        yield "pod: gets a token for the cluster's API"
    if spec.get("enableServiceLinks") is not False:
        yield "pod: is told of all services by its environment"
    if spec.get("serviceAccountName") in (None, "default"):
        yield "pod: shares the namespace's account"
    for setting in NAMESPACES:
        if spec.get(setting):
            yield f"pod: {setting}"


def _container(container: Document) -> Iterator[str]:
    context = container.get("securityContext") or {}
    for setting, wanted in CONTAINER.items():
        if context.get(setting) is not wanted:
            yield f"{setting} is not {wanted}"
    if (context.get("capabilities") or {}).get("drop") != ["ALL"]:
        yield "keeps capabilities"
    if (context.get("capabilities") or {}).get("add"):
        yield "is given capabilities"
    for overridden in (*POD, "seccompProfile"):
        if overridden in context:
            yield f"overrides the pod's {overridden}"
    if "memory" not in container.get("resources", {}).get("limits", {}):
        yield "may use all memory"
    if set(container.get("resources", {}).get("requests", {})) != {"cpu", "memory"}:
        yield "requests nothing"
    for mount in container.get("volumeMounts", ()):
        if mount["mountPath"] != WRITABLE and mount.get("readOnly") is not True:
            yield f"may write to {mount['mountPath']}"
    for variable in container.get("env", ()):
        if "valueFrom" in variable:
            yield f"{variable['name']}: a secret in the environment"
    if container.get("envFrom"):
        yield "a whole object in the environment"


def _volumes(spec: Document) -> Iterator[str]:
    for volume in spec.get("volumes", ()):
        name = volume["name"]
        if "emptyDir" in volume:
            if "sizeLimit" not in (volume["emptyDir"] or {}):
                yield f"volume {name}: may fill the node's disk"
        elif secret := volume.get("secret"):
            if not secret.get("items"):
                yield f"volume {name}: every key of the Secret"
            if not name.endswith("-ca") and secret.get("defaultMode", 0o644) & OCTAL_OTHERS:
                yield f"volume {name}: readable for everybody in the container"
        else:
            yield f"volume {name}: is neither a Secret nor scratch space"
