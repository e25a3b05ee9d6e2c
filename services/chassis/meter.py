"""Counts what a worker has committed. Nothing is counted before the commit: what is rolled back did not happen."""

import time
from collections import Counter
from typing import Any

from services.chassis import metrics
from services.chassis.batch import Batch
from services.chassis.entries import Outgoing
from services.chassis.fates import code_of, fate_name
from services.chassis.item import Item
from services.chassis.received import Tick
from services.chassis.service import Service


class Meter:
    """The counters of one service, with its name on them."""

    def __init__(self, service: Service) -> None:
        self._service, self._name = service, service.name
        self._batch_messages = metrics.BATCH_MESSAGES.labels(service.name)
        self._batch_seconds = metrics.BATCH_SECONDS.labels(service.name)
        self._publish_seconds = metrics.PUBLISH_SECONDS.labels(service.name)
        self._waited = metrics.WAITED_SECONDS.labels(service.name)
        self._counters: dict[tuple[Any, ...], Any] = {}

    def committed(self, batch: Batch, seconds: float) -> None:
        """Count a batch's messages and what they led to. A batch costs a look-up for each kind of thing in it."""
        counts: Counter[tuple[Any, ...]] = Counter()
        now_ns = time.time_ns()
        for item in batch.items:
            counts.update(self._ended(item))
            if item.raw is not None and item.raw.stored_ns:
                self._waited.observe(max(0, now_ns - item.raw.stored_ns) / 1e9)
        counts.update((metrics.MESSAGES, *_type_of(item), "duplicate") for item in batch.repeated)
        counts.update((metrics.MESSAGES, _type_of_subject(raw.subject), "unread") for raw in batch.unread)
        counts.update((metrics.STATED, said) for said in map(_said, batch.entries.outgoing) if said)
        counts.update((metrics.REFUSALS, ended.code) for ended in batch.entries.ended if ended.fate == "refused")
        for (family, *labels), times in counts.items():
            self._counter(family, *labels).inc(times)
        if batch.items:
            self._batch_messages.observe(len(batch.items))
        self._batch_seconds.observe(seconds)
        for fact in batch.entries.told:
            self._service.counting[type(fact)](fact)

    def published(self, seconds: float) -> None:
        """Count what it took until the broker had all that a batch said."""
        self._publish_seconds.observe(seconds)

    def rolled_back(self) -> None:
        """Count a transaction that begins again."""
        self._counter(metrics.ROLLBACKS).inc()

    def _ended(self, item: Item) -> list[tuple[Any, ...]]:
        assert item.fate is not None
        if item.again:
            return [(metrics.MESSAGES, *_type_of(item), "duplicate")]
        fate = fate_name(item.fate)
        if isinstance(item.message, Tick):
            kind = item.message.kind if item.message.kind in self._service.timers else metrics.UNKNOWN
            found: list[tuple[Any, ...]] = [(metrics.WAKE_UPS, kind, fate)]
        else:
            found = [(metrics.MESSAGES, *_type_of(item), fate)]
        code = code_of(item.fate)
        if code is not None:
            found.append((metrics.DEAD_LETTERS if fate == "never" else metrics.REFUSALS, code))
        return found

    def _counter(self, family: Any, *labels: str) -> Any:
        key = (family, *labels)
        if key not in self._counters:
            self._counters[key] = family.labels(self._name, *labels)
        return self._counters[key]


def _said(outgoing: Outgoing) -> str | None:
    # A dead letter's copy is counted as a dead letter.
    return outgoing.subject.split(".", 2)[2] if not outgoing.subject.startswith("dlq.") else None


def _type_of(item: Item) -> tuple[str]:
    assert item.raw is not None
    return (_type_of_subject(item.raw.subject),)


def _type_of_subject(subject: str) -> str:
    kind, _, *rest = subject.split(".")
    return metrics.known_type(kind, ".".join(rest[:3]))
