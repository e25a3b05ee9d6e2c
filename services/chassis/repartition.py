"""Another number of partitions, seen from the bus: one change of the stream, then the services follow (following.py).

The change itself is one update of the stream's configuration; publishers go on all the time. What came before it is in
the lanes of the old number and is worked off there; what comes after it waits in the new ones until its service has
followed. The old consumers go when nothing is left for them. Every step can be begun again: the bus shows how far it
is.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field, replace

from nats.js import JetStreamContext
from nats.js.api import ConsumerInfo

from contracts.messages import SERVICES
from services.chassis.bus import Access
from services.chassis.topology import SINCE, jetstream, lanes, make_consumers, partitions_of, streams

LOOK_SECONDS = 0.2
PAGE = 256  # consumers in one answer of the broker
_OF_REQUESTS = re.compile(r"([a-z]+)-(\d+)-of-(\d+)\Z")


class NotNow(RuntimeError):
    """The bus is in no state for this."""


@dataclass(frozen=True)
class Seen:
    """How far the bus is on the way to a number of partitions.

    `numbers` are those that have consumers. `waiting` counts what is left in lanes of others than the wanted one, by
    service; `unowned` lanes of the wanted one that nobody works on.
    """

    present: int
    wanted: int
    numbers: frozenset[int] = frozenset()
    waiting: Counter[str] = field(default_factory=Counter)
    unowned: Counter[str] = field(default_factory=Counter)

    @property
    def is_there(self) -> bool:
        """Say whether there is nothing left to do."""
        return self.present == self.wanted and set(self.numbers) == {self.wanted} and not self.unowned

    @property
    def may_go(self) -> bool:
        """Say whether the old consumers are of no use any more."""
        return self.present == self.wanted and not self.waiting.total() and not self.unowned


async def look(access: Access, wanted: int) -> Seen:
    """Return how far the bus is. Changes nothing."""
    async with jetstream(access) as context:
        return await _seen(context, wanted)


async def begin(access: Access, wanted: int) -> None:
    """Let the stream stamp what comes from now on with another number of partitions, and make its consumers.

    Raises NotNow while services are still on their way to yet another number.
    """
    async with jetstream(access) as context:
        seen = await _seen(context, wanted)
        if seen.present != wanted:
            if set(seen.numbers) != {seen.present}:
                raise NotNow(
                    f"the bus is on its way to {seen.present} partitions: finish that first, with --to {seen.present}"
                )
            await _switch(context, wanted)
        present = (await context.stream_info("CMD")).config
        await make_consumers(context, wanted, int((present.metadata or {}).get(SINCE, 0)))


async def finish(
    access: Access, wanted: int, seconds: float, *, services: Collection[str] = SERVICES
) -> Seen:  # fmt: skip
    """Wait until these services have followed and take the old consumers away; return how far that got in time."""
    deadline = asyncio.get_running_loop().time() + seconds
    async with jetstream(access) as context:
        while not (seen := await _seen(context, wanted, services)).may_go:
            if asyncio.get_running_loop().time() > deadline:
                return seen
            await asyncio.sleep(LOOK_SECONDS)
        for info in await _consumers(context):
            if _number_of(info) not in (None, wanted):
                await context.delete_consumer("CMD", info.name)
        return await _seen(context, wanted, services)


async def _switch(context: JetStreamContext, wanted: int) -> None:
    info = await context.stream_info("CMD")
    written = next(stream for stream in streams(wanted, 1) if stream.name == "CMD")
    # Nothing before this message can be for the new lanes, but what was handled when this number held before.
    metadata = {**(info.config.metadata or {}), SINCE: str(info.state.last_seq)}
    await context.update_stream(replace(info.config, subject_transform=written.subject_transform, metadata=metadata))


async def _seen(context: JetStreamContext, wanted: int, services: Collection[str] = SERVICES) -> Seen:
    present = partitions_of((await context.stream_info("CMD")).config)
    if present is None:
        raise NotNow("the stream CMD has no partitions; `postkontor bus apply` makes it")
    waiting: Counter[str] = Counter()
    missing = {spec.consumer: spec.service for service in services for spec in lanes(service, wanted)}
    numbers: set[int] = set()
    for info in await _consumers(context):
        number = _number_of(info)
        if number is None:
            continue
        numbers.add(number)
        if number == wanted and _is_owned(info):
            missing.pop(info.name, None)
        elif number != wanted:
            waiting[info.name.split("-")[0]] += (info.num_pending or 0) + (info.num_ack_pending or 0)
    unowned = Counter(service for name, service in missing.items() if _OF_REQUESTS.match(name))
    return Seen(present, wanted, frozenset(numbers), waiting, unowned)


async def _consumers(context: JetStreamContext) -> list[ConsumerInfo]:
    found: list[ConsumerInfo] = []
    while page := await context.consumers_info("CMD", offset=len(found)):
        found += page
        if len(page) < PAGE:
            break
    return found


def _number_of(info: ConsumerInfo) -> int | None:
    found = _OF_REQUESTS.match(info.name)
    return int(found[3]) if found else None


def _is_owned(info: ConsumerInfo) -> bool:
    # An owner keeps a pull open, but for moments in which it has enough in hand.
    return bool(info.num_waiting or (info.delivered and info.delivered.consumer_seq))
