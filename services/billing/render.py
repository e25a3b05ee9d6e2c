"""Writes the files of issued invoices: EN 16931 as XML, and a PDF/A-3 that holds it.

python -m services.billing render    run until SIGTERM

A process of its own beside the worker, so that a run of thousands of invoices never waits for typesetting. It needs
the database and no bus: every invoice is put into a queue by the statement that issues it. Any number may run; one that
dies loses nothing. What it cannot render stays in the queue with its reason, is tried again ever more rarely, and is
named in the log; the invoice itself is issued all the same.
"""

import asyncio
import signal
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import structlog
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.billing import store_files
from services.billing.store_files import Taken
from services.chassis import database
from services.chassis.settings import Settings
from services.chassis.worker import read_settings

if TYPE_CHECKING:
    from services.billing.rendering.press import Pressed, Spoiled

log = structlog.get_logger()
AT_ONCE = (
    8  # taken together for each press: a look at the queue costs less than an invoice, and few wait for a dead one
)
LEASE = timedelta(minutes=10)  # longer than so many invoices take, of 200 lines each
LOOK_SECONDS = 1.0  # while the queue is empty
REST_SECONDS = 5.0  # after a failure that is not an invoice's
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=6)
PRESSES_AT_MOST = 1000  # invoices by a child: typst keeps what it has seen, in memory
PROBLEM_LENGTH = 2000


class RenderSettings(BaseSettings):
    """What the environment says to this process alone."""

    model_config = SettingsConfigDict(env_prefix="POSTKONTOR_RENDER_", extra="ignore")

    processes: Annotated[int, Field(ge=1, le=64, description="that render at the same time")] = 1
    fonts: Annotated[Path | None, Field(description="folder with fonts for further scripts")] = None


class Renderer:
    """Takes invoices from the queue and keeps their files."""

    def __init__(self, pool: Any, settings: RenderSettings) -> None:
        self._pool, self._settings = pool, settings
        self._children: ProcessPoolExecutor | None = None
        self._pressed = 0  # by these children
        self._turn = asyncio.Semaphore(settings.processes)  # no more in hand: who kills a child is known by that
        self.rendered = 0
        self.failed = 0

    async def work(self) -> bool:
        """Render what is due next; False when nothing was. Raises when the database or the child cannot work."""
        async with self._pool.acquire() as connection:
            taken = await store_files.take(connection, AT_ONCE * self._settings.processes, LEASE)
        results = await asyncio.gather(*(self._render(each) for each in taken), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return bool(taken)

    def close(self) -> None:
        """End the children after what they have in hand."""
        if self._children is not None:
            self._children.shutdown(wait=True, cancel_futures=True)
            self._children = None

    async def _render(self, taken: Taken) -> None:
        problem, pressed = await self._press(taken)
        async with self._pool.acquire() as connection:
            if pressed is not None:
                await store_files.keep(connection, taken.number, pressed.files)
                self.rendered += 1
                if pressed.without_glyph:
                    log.warning("characters without a glyph", number=taken.number, characters=pressed.without_glyph)
                return
            await store_files.put_off(connection, taken.number, wait(taken.attempt), problem[:PROBLEM_LENGTH])
        self.failed += 1
        log.error("an invoice cannot be rendered", number=taken.number, attempt=taken.attempt, problem=problem)

    async def _press(self, taken: Taken) -> "tuple[str, Pressed | None]":
        from services.billing.rendering import press

        loop = asyncio.get_running_loop()
        async with self._turn:
            children = self._ready()
            try:
                result: Pressed | Spoiled = await loop.run_in_executor(children, press.press, taken.content)
            except BrokenProcessPool:
                if self._children is children:
                    self._children = None
                return "the child that rendered it died", None
            except Exception as error:
                return f"{type(error).__name__}: {error}", None
        return ("; ".join(result.findings), None) if isinstance(result, press.Spoiled) else ("", result)

    def _ready(self) -> ProcessPoolExecutor:
        self._pressed += 1
        if self._children is not None and self._pressed > PRESSES_AT_MOST * self._settings.processes:
            self._children.shutdown(wait=False)  # after what they have in hand
            self._children = None
        if self._children is None:
            from services.billing.rendering import press

            arguments = (self._settings.fonts,)
            self._children = ProcessPoolExecutor(
                self._settings.processes, get_context("spawn"), press.prepare, arguments
            )
            self._pressed = 1
        return self._children


def wait(attempt: int) -> timedelta:
    """Return how long to leave an invoice alone after so many attempts: a minute, twice that, and so on to hours."""
    return min(FIRST_WAIT * 2 ** min(attempt - 1, 16), LONGEST_WAIT)


async def run(settings: Settings) -> None:
    """Render until the process is told to end."""
    own = read_settings(RenderSettings)
    _need_libraries()
    stop = asyncio.Event()
    for sig in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sig, stop.set)
    pool = await database.pool_for_look_ups(settings, name="postkontor-render", size=own.processes + 1)
    renderer = Renderer(pool, own)
    log.info("renderer started", processes=own.processes)
    while not stop.is_set():
        try:
            seconds = 0.0 if await renderer.work() else LOOK_SECONDS
        except Exception as error:
            seconds = REST_SECONDS
            log.warning("rendering rests", reason=f"{type(error).__name__}: {error}")
        await _pause(stop, seconds)
    renderer.close()
    pool.terminate()
    log.info("renderer stopped", rendered=renderer.rendered, failed=renderer.failed)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        pass


def _need_libraries() -> None:
    from importlib.util import find_spec

    missing = [name for name in ("drafthorse", "facturx", "saxonche", "typst", "pikepdf") if find_spec(name) is None]
    if missing:
        raise RuntimeError(f"{', '.join(missing)} missing: pip install 'postkontor[einvoice]'")
