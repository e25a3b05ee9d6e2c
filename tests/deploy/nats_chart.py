"""The configuration that the chart `nats` makes of our values: its rules, as far as we use them.

That chart is in no package, so this stands in for it; where POSTKONTOR_NATS_CHART names a copy of it, a test compares.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from deploy_chart import VALUES

INCLUDE = "$include"
# What the chart writes by itself.
SERVER = {
    "server_name": "<< $SERVER_NAME >>",
    "lame_duck_grace_period": "10s",
    "lame_duck_duration": "30s",
    "pid_file": "/var/run/nats/nats.pid",
    "port": 4222,
    "http_port": 8222,
}


def values(*names: str) -> dict[str, Any]:
    """Return values files, one over the other."""
    made: dict[str, Any] = {}
    for name in names:
        made = _merged(made, yaml.safe_load((VALUES / f"{name}.yaml").read_text()))
    return made


def configuration(given: dict[str, Any]) -> dict[str, Any]:
    """Return nats.conf as the chart makes it, before it is written down."""
    config = given["config"]
    made = dict(SERVER)
    cluster = config["cluster"]
    if cluster.get("enabled"):
        name = given["fullnameOverride"]
        routes = [f"nats://{name}-{number}.{name}-headless:6222" for number in range(cluster["replicas"])]
        made["cluster"] = {"name": name, "port": 6222, "no_advertise": True, "routes": routes}
    jetstream = config["jetstream"]
    store = jetstream["fileStore"]
    stored = {"max_memory_store": 0, "store_dir": "/data", "max_file_store": f"<< {store['maxSize']} >>"}
    made["jetstream"] = _merged(stored, jetstream.get("merge", {}))
    return _merged(made, config.get("merge", {}))


def text(config: dict[str, Any]) -> str:
    """Return a configuration as the server reads it."""
    return "{\n" + "".join(_lines(config)) + "}\n"


def _lines(config: dict[str, Any]) -> Iterator[str]:
    for key in sorted(config):
        if key.endswith(INCLUDE):
            yield f"include {config[key]};\n"
        else:
            yield re.sub(r'"<< (.*?) >>"', r"\1", f"{json.dumps(key)}: {json.dumps(config[key])}") + "\n"


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    made = dict(below)
    for key, value in above.items():
        made[key] = _merged(made[key], value) if isinstance(value, dict) and isinstance(made.get(key), dict) else value
    return made


def mounts(given: dict[str, Any]) -> dict[str, Path]:
    """Return what is mounted into the server's container beside its own, by the volume's name."""
    added = (patch["value"] for patch in given["container"]["patch"])
    return {mount["name"]: Path(mount["mountPath"]) for mount in added}
