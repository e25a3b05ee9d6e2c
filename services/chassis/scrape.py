"""What /metrics answers: the counters, and what has to be looked up in the database and at the broker.

What could not be looked up is left out, because a number that is not known is not 0. Every replica tells the same about
the service's tables and consumers; take the `max`.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from services.chassis import metrics
from services.chassis.measures import LOOK_UP_SECONDS, Measures
from services.chassis.metrics import Sampled
from services.chassis.ownership import Ownership
from services.chassis.runtime import Runtime

KEEP_SECONDS = 0.25  # whoever asks more often is told the same

Samples = dict[tuple[Sampled, tuple[str, ...]], float]


class Scrape:
    """The metrics of one replica, as text."""

    def __init__(self, runtime: Runtime, ownership: Ownership) -> None:
        self._runtime, self._ownership = runtime, ownership
        self._name = runtime.service.name
        self._measures = Measures(runtime, ownership)
        self._lock = asyncio.Lock()
        self._kept, self._kept_at = b"", -KEEP_SECONDS

    async def text(self) -> bytes:
        """Return every metric in Prometheus's text format."""
        async with self._lock:
            if time.monotonic() - self._kept_at > KEEP_SECONDS:
                samples = await self._sampled()
                self._kept = generate_latest(metrics.EXPOSED) + generate_latest(_once(samples))
                self._kept_at = time.monotonic()
            return self._kept

    async def _sampled(self) -> Samples:
        found = self._own()
        await asyncio.gather(self._from_database(found), self._from_bus(found))
        return found

    def _own(self) -> Samples:
        runtime, ownership = self._runtime, self._ownership
        found: Samples = {
            (metrics.BUS_CONNECTED, (self._name,)): float(runtime.nats.is_connected),
            (metrics.LOOKED_AROUND, (self._name,)): asyncio.get_running_loop().time() - ownership.last_look,
            (metrics.LANES, (self._name,)): float(len(ownership.specs)),
            (metrics.LANES_OWNED, (self._name,)): float(len(ownership.owned)),
            (metrics.OUTBOX_AGE, (self._name,)): runtime.publisher.seconds_under_way,
        }
        for lane, seconds in self._measures.oldest_seconds().items():
            found[metrics.OLDEST, (self._name, str(lane))] = seconds
        return found

    async def _from_database(self, found: Samples) -> None:
        try:
            async with asyncio.timeout(LOOK_UP_SECONDS), self._runtime.pool.acquire() as connection:
                stored = await self._measures.stored(connection)
        except Exception:
            found[metrics.DATABASE_UP, (self._name,)] = 0.0
            return
        found[metrics.DATABASE_UP, (self._name,)] = 1.0
        found[metrics.OUTBOX, (self._name,)] = stored.unpublished
        found[metrics.TIMERS_DUE, (self._name,)] = sum(due.count for due in stored.due)
        found[metrics.TIMERS_OVERDUE, (self._name,)] = stored.overdue_seconds(self._runtime.clock())
        found[metrics.OPEN_LETTERS, (self._name,)] = stored.dead_letters
        found[metrics.FORGOTTEN, (self._name,)] = len(stored.forgotten)
        found[metrics.AHEAD, (self._name,)] = len(stored.ahead)

    async def _from_bus(self, found: Samples) -> None:
        for lane, pending in (await self._measures.pending()).items():
            found[metrics.PENDING, (self._name, str(lane))] = pending


class _Samples:
    """Numbers for one answer, as the library wants them."""

    def __init__(self, samples: Mapping[tuple[Sampled, tuple[str, ...]], float]) -> None:
        self._samples = samples

    def collect(self) -> Iterable[Metric]:
        """Return a family for each kind of sample."""
        for kind in metrics.SAMPLED:
            family = GaugeMetricFamily(kind.name, kind.says, labels=kind.labels)
            for (of, labels), value in self._samples.items():
                if of is kind:
                    family.add_metric(labels, value)
            if family.samples:
                yield family


def _once(samples: Samples) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(_Samples(samples))  # type: ignore[arg-type]
    return registry
