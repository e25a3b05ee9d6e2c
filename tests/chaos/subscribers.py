"""Other systems that subscribe to everything: one is always there, one is away for most of the run."""

import asyncio
import contextlib

from client import Postkontor
from client.errors import PostkontorError
from contracts.identities import durable_name
from tests.chaos.collecting import event_of
from tests.chaos.evidence import apply
from tests.chaos.stand import MIRROR

PAUSE_SECONDS = 0.1


class Subscriber:
    """Applies facts `WHERE revision < new`, as the manual says."""

    def __init__(self, environment: dict[str, str], name: str) -> None:
        self._environment, self.name = environment, name
        self.consumer = durable_name(MIRROR.name, name)
        self.held: dict[str, tuple[int, str]] = {}
        self.events = 0
        self._task: asyncio.Task[None] | None = None

    def come(self) -> None:
        """Begin or go on where the bus remembers that we were."""
        self._task = asyncio.create_task(self._listen())

    async def go(self) -> None:
        """Go away in the middle of something."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _listen(self) -> None:
        while True:
            try:
                async with Postkontor.from_environment(self._environment, source=self.name) as office:
                    async for event in office.events(durable=self.name):
                        message = event.delivery
                        apply(self.held, event_of(message.subject, 0, message.data))
                        self.events += 1
            except PostkontorError:
                await asyncio.sleep(PAUSE_SECONDS)
