"""The helpers of these tests, and helm where there is one."""

import importlib.util
import sys
from pathlib import Path

import pytest

HELPERS = ("chart", "confinement", "custom_resources", "network_rules", "nats_chart")


def _load(name: str) -> None:
    module = f"deploy_{name}"
    spec = importlib.util.spec_from_file_location(module, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules[module] = made  # tests are no packages, and helpers are not found beside them
    spec.loader.exec_module(made)


for helper in HELPERS:
    _load(helper)


@pytest.fixture(autouse=True)
def _helm(request: pytest.FixtureRequest) -> None:
    chart = sys.modules["deploy_chart"]
    marker = request.node.get_closest_marker("chart")
    if marker and marker.kwargs.get("helm", True) and not chart.PROGRAM.exists():
        pytest.skip(chart.WHY_NOT)
