"""What a running worker has at hand."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg
from nats.aio.client import Client

from services.chassis.journal import Journal
from services.chassis.publisher import Publisher
from services.chassis.service import Service
from services.chassis.settings import Settings


def utc_now() -> datetime:
    """Return the time. The only clock that decisions ever see."""
    return datetime.now(UTC)


@dataclass
class Runtime:
    """Connections, settings and the clock of one process. `replica` tells it from the other replicas."""

    service: Service
    settings: Settings
    replica: str
    nats: Client
    pool: "asyncpg.Pool[Any]"
    journal: Journal
    publisher: Publisher
    clock: Callable[[], datetime] = utc_now

    @property
    def connections_name(self) -> str:
        """Return the application_name of the sessions that own lanes or look for some: they make it a replica."""
        return f"{replica_prefix(self.service.name)}{self.replica}"

    @property
    def queries_name(self) -> str:
        """Return the application_name of the sessions that only read."""
        return f"postkontor-queries/{self.service.name}/{self.replica}"


def replica_prefix(service: str) -> str:
    """Return what the application_name of every replica of a service begins with."""
    return f"postkontor/{service}/"
