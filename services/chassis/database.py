"""Connections to PostgreSQL. A lane writes on a connection of its own: the one that holds the lane's lock."""

from typing import Any

import asyncpg

from services.chassis.settings import Settings

COMMAND_TIMEOUT_SECONDS = 30
# Lanes look rows up by key, with statements prepared once. A plan made while a table was empty reads the whole table,
# and would go on doing so when it has millions of rows.
LANE_SESSION = {"enable_seqscan": "off"}
# The server ends what our own clock has given up, so that a lane that was lost holds no row any longer than that.
LANE_TIMEOUTS = {"statement_timeout": f"{COMMAND_TIMEOUT_SECONDS}s"}
# One plan for all keys: making one anew costs several times what the look-up costs.
LOOK_UP_SESSION = LANE_SESSION | {"plan_cache_mode": "force_generic_plan"}


async def connect(settings: Settings, *, name: str) -> "asyncpg.Connection[Any]":
    """Open a lane's connection. `name` shows in pg_stat_activity: replicas count each other there."""
    return await asyncpg.connect(
        settings.database_url.get_secret_value(),
        command_timeout=COMMAND_TIMEOUT_SECONDS,
        timeout=5,
        server_settings=_session(name) | LANE_SESSION | LANE_TIMEOUTS,
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


async def pool_for_look_ups(settings: Settings, *, name: str, size: int) -> "asyncpg.Pool[Any]":
    """Open a pool for one thing: look-ups by key, thousands a second. The database may be away while it is opened."""
    return await asyncpg.create_pool(
        settings.database_url.get_secret_value(),
        min_size=0,
        max_size=size,
        command_timeout=COMMAND_TIMEOUT_SECONDS,
        timeout=5,
        reset=_nothing_to_reset,
        server_settings=_session(name) | LOOK_UP_SESSION,
    )


async def _nothing_to_reset(_: object) -> None:
    """A look-up leaves nothing in its session; asking the server to reset it would cost as much as the look-up."""


def _session(name: str) -> dict[str, str]:
    # A dead owner's session must vanish in seconds, or its lanes stay locked.
    return {
        "application_name": name,
        "timezone": "UTC",
        "synchronous_commit": "on",
        "idle_in_transaction_session_timeout": "60s",
        "lock_timeout": "10s",  # whoever holds a row so long is in trouble, and we try again
        "tcp_keepalives_idle": "5",
        "tcp_keepalives_interval": "2",
        "tcp_keepalives_count": "3",
        "jit": "off",  # statements here take milliseconds; compiling them takes longer
    }
