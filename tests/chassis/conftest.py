"""The counting service in this process, and as the program that the crash tests start."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import asyncpg
import pytest
import pytest_asyncio


def _load(path: Path) -> ModuleType:
    # By path: test folders are no packages.
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


counting = _load(Path(__file__).with_name("counting_worker.py"))
crash_stand = _load(Path(__file__).with_name("crash_stand.py"))
stand, load, pair, nobody = crash_stand.stand, crash_stand.load, crash_stand.pair, crash_stand.nobody


@pytest.fixture(scope="session", name="counting")
def counting_module() -> ModuleType:
    """The module counting_worker."""
    return counting


@pytest.fixture(scope="session")
def counting_service() -> Any:
    """Makes the counting service."""
    return counting.make_service


@pytest_asyncio.fixture(scope="module")
async def replicas(bus: Any) -> Any:
    """Two replicas that share the lanes."""
    first = await bus.start(counting.make_service())
    connection = await asyncpg.connect(bus.database_url)
    await connection.execute(counting.SETUP)
    await connection.close()
    second = await bus.start(counting.make_service())
    await bus.owns_all(first, second, lanes=5)
    return first, second
