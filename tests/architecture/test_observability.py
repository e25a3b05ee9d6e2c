"""Metrics, spans' names and log fields are what docs/observability.md says; dashboards and alerts name what exists."""

from __future__ import annotations

import ast
import importlib
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from deploy.monitoring.__main__ import FILES
from deploy.monitoring.alerts import ALERTS
from deploy.monitoring.dashboard import PANELS
from services.chassis import metrics

SERVICES = ("billing", "domain", "mailbox", "dnscheck")
ROW = re.compile(r"^\| (`[^|]+`) \|", re.MULTILINE)
ALWAYS = {"event", "level", "timestamp", "service", "message_id", "request_id", "account", "message_type", "trace_id",
          "exception"}  # fmt: skip
STRING, NAME = re.compile(r'"[^"]*"'), re.compile(r"[a-z_][a-z0-9_]*")
SELECTED, GROUPED = re.compile(r"\{([^}]*)\}"), re.compile(r"\bby \(([^)]*)\)")
PROMQL = {"sum", "max", "min", "by", "rate", "increase", "histogram_quantile", "and", "or", "unless", "up"}


@pytest.fixture(scope="module")
def exposed() -> dict[str, set[str]]:
    """Every metric there is, by the name that Prometheus stores, with its labels."""
    for service in SERVICES:
        importlib.import_module(f"services.{service}.app")
    found: dict[str, set[str]] = {kind.name: set(kind.labels) for kind in metrics.SAMPLED}
    for family in metrics.EXPOSED.collect():
        suffix = "_total" if family.type == "counter" else ""
        found[family.name + suffix] = set()
    for collector in metrics.EXPOSED._collector_to_names:
        if hasattr(collector, "_labelnames"):
            suffix = "_total" if collector._type == "counter" else ""
            found[collector._name + suffix] = set(collector._labelnames)
    return found


def _table(repository: Path, heading: str) -> set[str]:
    """Return what stands in the first column of the tables below a heading."""
    text = (repository / "docs/observability.md").read_text()
    section = text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return {name for cell in ROW.findall(section) for name in re.findall(r"`([^`]+)`", cell)}


def test_every_metric_is_documented_and_every_documented_one_exists(
    exposed: dict[str, set[str]], repository: Path
) -> None:
    documented = {name for name in _table(repository, "Health and metrics") if not name.startswith("/")}
    assert documented == set(exposed)


def test_no_metric_is_labelled_by_a_customer(exposed: dict[str, set[str]]) -> None:
    labels = set().union(*exposed.values())
    assert labels == {
        "service",
        "type",
        "fate",
        "code",
        "kind",
        "lane",
        "clean",
        "reason",
        "question",
        "outcome",
        "facet",
    }


def test_dashboard_and_alerts_name_metrics_and_labels_that_exist(exposed: dict[str, set[str]]) -> None:
    expressions = [e for panel in PANELS for e in panel.expressions] + [alert.expression for alert in ALERTS]
    findings = [f"{expression}: {name}" for expression in expressions for name in _unknown(expression, exposed)]
    assert findings == []


def _unknown(expression: str, exposed: dict[str, set[str]]) -> set[str]:
    """Return the names in an expression that are neither metrics nor labels of these, nor PromQL's own words."""
    stored = set(exposed) | {f"{name}_{part}" for name in exposed for part in ("bucket", "count", "sum")}
    bare = STRING.sub("", expression)
    labels = {label.strip().rstrip("=!~") for group in SELECTED.findall(bare) for label in group.split(",")}
    labels |= {label.strip() for group in GROUPED.findall(bare) for label in group.split(",")}
    rest = re.sub(r"\[[^\]]*\]", "", GROUPED.sub("", SELECTED.sub("", bare)))
    names = set(NAME.findall(rest)) - PROMQL
    of_these = set().union(*(exposed.get(re.sub(r"_(bucket|count|sum)$", "", name), set()) for name in names))
    of_these |= set().union(*(exposed.get(name, set()) for name in names)) | {"le", "job", ""}
    return (names - stored) | (labels - of_these)


def test_a_name_that_does_not_exist_is_found(exposed: dict[str, set[str]]) -> None:
    assert _unknown("sum by (account) (rate(postkontor_mesages_total[1m])) > 0", exposed) == {
        "account", "postkontor_mesages_total",
    }  # fmt: skip
    assert _unknown('max by (service) (postkontor_lanes{lane="1"})', exposed) == {"lane"}


def test_every_metric_of_ours_is_on_the_dashboard(exposed: dict[str, set[str]]) -> None:
    drawn = " ".join(expression for panel in PANELS for expression in panel.expressions)
    assert [name for name in exposed if name.startswith("postkontor_") and name not in drawn] == []


@pytest.mark.parametrize("name", FILES)
def test_files_are_what_the_code_writes(repository: Path, name: str) -> None:
    assert (repository / "deploy/monitoring" / name).read_text() == FILES[name](), "run python -m deploy.monitoring"


def test_the_dashboard_is_one(repository: Path) -> None:
    made = json.loads((repository / "deploy/monitoring/postkontor.json").read_text())
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in made["panels"]]
    assert len(set(places)) == len(places) == len(PANELS)
    assert len({panel["id"] for panel in made["panels"]}) == len(PANELS)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_an_alert_says_what_to_do(repository: Path, alert: Any) -> None:
    page, _, anchor = alert.runbook.partition("#")
    headings = re.findall(r"^### (.+)$", (repository / page).read_text(), re.MULTILINE)
    assert anchor in {heading.lower().replace(" ", "-") for heading in headings}
    # Whoever looks for what to do begins at operations.md.
    assert f"[{alert.name}]({page.removeprefix('docs/')}#{anchor})" in (repository / "docs/operations.md").read_text()
    assert alert.severity in ("page", "ticket")
    assert alert.summary.endswith(".")


def test_promtool_accepts_the_rules(repository: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian's package prometheus)")
    rules = repository / "deploy/monitoring/alerts.yaml"
    checked = subprocess.run([promtool, "check", "rules", rules], capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_log_field_is_documented_and_every_documented_one_is_written(repository: Path) -> None:
    written = {
        keyword.arg
        for file in (repository / "services").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if isinstance(node.func.value, ast.Name) and node.func.value.id == "log"
        for keyword in node.keywords
    }
    assert _table(repository, "Logs") == written | ALWAYS
