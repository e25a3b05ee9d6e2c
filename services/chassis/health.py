"""Health endpoints over HTTP: /livez says whether to restart, /readyz whether to count on this replica; and /metrics.

A lost broker or database never fails /livez: the worker waits for them by itself, and a restart would not help.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from typing import Any

import uvicorn
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from services.chassis import migrations
from services.chassis.ownership import Ownership
from services.chassis.runtime import Runtime

STALLED_SECONDS = 30.0  # the ownership loop looks around several times a second
DATABASE_SECONDS = 2.0

Check = Callable[[], Awaitable[dict[str, object]]]


def is_ok(report: Mapping[str, object]) -> bool:
    """Say whether every point of a report holds; texts are for people."""
    return all(value for value in report.values() if isinstance(value, bool))


class Health:
    """The two reports of a worker."""

    def __init__(self, runtime: Runtime, ownership: Ownership) -> None:
        self._runtime, self._ownership = runtime, ownership

    async def live(self) -> dict[str, object]:
        """The event loop turns, lanes are looked after, the connection to the broker has not been given up."""
        quiet = asyncio.get_running_loop().time() - self._ownership.last_look
        return {"looks_after_lanes": quiet < STALLED_SECONDS, "broker_not_given_up": not self._runtime.nats.is_closed}

    async def ready(self) -> dict[str, object]:
        """Broker and database answer and the schema is the one this code needs. A standby without lanes is ready."""
        report: dict[str, object] = {"broker": self._runtime.nats.is_connected, "lanes": str(self._ownership.owned)}
        try:
            async with asyncio.timeout(DATABASE_SECONDS), self._runtime.pool.acquire() as connection:
                report["schema"] = not await migrations.missing(connection, self._runtime.service.name)
            report["database"] = True
        except Exception as error:
            report |= {"database": False, "reason": type(error).__name__}
        return report


async def serve(
    health: Health, metrics: Callable[[], Awaitable[bytes]], host: str, port: int
) -> tuple[uvicorn.Server, "asyncio.Task[None]"]:
    """Serve the reports and the metrics; the caller stops the server."""
    checks: dict[str, Check] = {"/livez": health.live, "/readyz": health.ready}
    config = uvicorn.Config(
        _app(checks, metrics), host=host, port=port, log_config=None, access_log=False, lifespan="off"
    )
    server = _Server(config)
    return server, asyncio.create_task(server.serve(), name="health")


class _Server(uvicorn.Server):
    """Leaves signals to the worker."""

    def install_signal_handlers(self) -> None:
        """Install none."""

    def capture_signals(self) -> Any:
        """Capture none."""
        return nullcontext()


def _app(checks: dict[str, Check], metrics: Callable[[], Awaitable[bytes]]) -> Any:
    async def reported(path: str) -> tuple[int, bytes]:
        check = checks.get(path)
        report = await check() if check else {"known_path": False}
        status = 404 if check is None else 200 if is_ok(report) else 503
        return status, json.dumps(report).encode() + b"\n"

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        path = scope.get("path", "")
        if path == "/metrics":
            status, kind, body = 200, CONTENT_TYPE_PLAIN_0_0_4, await metrics()
        else:
            (status, body), kind = await reported(path), "application/json"
        headers = [(b"content-type", kind.encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app
