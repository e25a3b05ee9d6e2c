"""The whole of Postkontor for a journey, as real processes: servers, two replicas of each worker, what runs beside."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from client import Postkontor
from deploy.devstack.demo import zone_of
from deploy.devstack.journey import Journey
from deploy.devstack.stack import Stack


@pytest_asyncio.fixture(scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """A running stack."""
    async with Stack(tmp_path_factory.mktemp("stack"), replicas=2, beside=True) as running:
        yield running


@pytest_asyncio.fixture(scope="module")
async def office(stack: Stack) -> AsyncIterator[Postkontor]:
    """A client that may speak for every account."""
    async with Postkontor.from_environment(stack.environment(), account="*", source="journey-test") as connected:
        yield connected


@pytest_asyncio.fixture(scope="module")
async def journey(stack: Stack, office: Postkontor) -> Journey:
    """The journey that the demo plays, for tests to walk step by step."""
    return Journey(office, zone_of(stack))
