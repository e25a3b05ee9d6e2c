"""Connections to PostgreSQL. A lane writes on a connection of its own: the one that holds the lane's lock."""

from typing import Any

import asyncpg

from services.chassis.settings import Settings

COMMAND_TIMEOUT_SECONDS = 30
# Lanes look rows up by key, with statements prepared once. A plan made while a table was empty reads the whole table,
# and would go on doing so when it has millions of rows.
LANE_SESSION = {"enable_seqscan": "off"}


async def connect(settings: Settings, *, name: str) -> "asyncpg.Connection[Any]":
    """Open a lane's connection. `name` shows in pg_stat_activity: replicas count each other there."""
    return await asyncpg.connect(
        settings.database_url.get_secret_value(),
        command_timeout=COMMAND_TIMEOUT_SECONDS,
        timeout=5,
        server_settings=_session(name) | LANE_SESSION,
    )


async def pool(settings: Settings, *, name: str, size: int = 4) -> "asyncpg.Pool[Any]":
    """Open a pool for reading: queries and observations. Its `name` must not look like a replica's that owns lanes."""
    return await asyncpg.create_pool(
        settings.database_url.get_secret_value(),
        min_size=1,
        max_size=size,
        command_timeout=COMMAND_TIMEOUT_SECONDS,
        timeout=5,
        server_settings=_session(name),
    )


def _session(name: str) -> dict[str, str]:
    # A dead owner's session must vanish in seconds, or its lanes stay locked.
    return {
        "application_name": name,
        "timezone": "UTC",
        "synchronous_commit": "on",
        "idle_in_transaction_session_timeout": "60s",
        "tcp_keepalives_idle": "5",
        "tcp_keepalives_interval": "2",
        "tcp_keepalives_count": "3",
        "jit": "off",  # statements here take milliseconds; compiling them takes longer
    }
