"""Waiting for something to become true, always with a deadline."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

POLL_SECONDS = 0.02
PROBE_SECONDS = 2.0  # a probe that hangs longer than this counts as "not yet"


async def wait_until(holds: Callable[[], bool | Awaitable[bool]], deadline_seconds: float) -> bool:
    """Return True as soon as the condition holds, False when the deadline passes first."""
    deadline = time.monotonic() + deadline_seconds
    while True:
        if await settled(holds()):
            return True
        if time.monotonic() >= deadline:
            return False
        await asyncio.sleep(POLL_SECONDS)


async def settled(outcome: bool | Awaitable[bool]) -> bool:
    """Let a condition be a plain function or a coroutine."""
    return await outcome if inspect.isawaitable(outcome) else outcome


async def answers_ok(url: str) -> bool:
    """Say whether a plain HTTP GET answers 200; nobody listening, or a hanging listener, is False."""
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            return await _status(url) == 200
    except (OSError, TimeoutError, ValueError):
        return False


async def _status(url: str) -> int:
    """GET by hand, because the standard library's client would need a thread for every poll."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        _version, status, *_reason = (await reader.readline()).split()
        return int(status)
    finally:
        writer.close()
