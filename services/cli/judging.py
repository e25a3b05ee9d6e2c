"""What is wrong with the system, in words. Pure: from what the workers and the bus tell to a list of sentences."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from services.chassis.topology import EVENT_LANE, lanes

if TYPE_CHECKING:
    from client.upkeep import StreamState
    from contracts.operations_v1 import StatusAnswer, StoredState

WAITS_SECONDS = 10  # a message that waits longer makes the worker slow
UNPUBLISHED_SECONDS = 10
OVERDUE_SECONDS = 60
STREAMS = ("CMD", "EVT", "DLQ", "ADV")
DEFAULT_PARTITIONS = 4


@dataclass(frozen=True)
class Trouble:
    """A sentence of the command line, by name, with its figures. Spans of time are seconds, in fields named `age`."""

    sentence: str
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Picture:
    """All that was told. A worker that nobody answered for has an empty list, a stream that is missing is None."""

    workers: "Mapping[str, Sequence[StatusAnswer]]"
    streams: "Mapping[str, StreamState | None]"

    @property
    def partitions(self) -> int:
        """Return the number of partitions that the stream CMD has."""
        requests = self.streams.get("CMD")
        return (requests and requests.partitions) or DEFAULT_PARTITIONS

    def stored(self, service: str) -> "StoredState | None":
        """Return what the worker's schema tells, by the latest who read it."""
        answers = [answer for answer in self.workers[service] if answer.stored is not None]
        return max(answers, key=lambda answer: answer.at).stored if answers else None

    def waiting(self, service: str) -> int:
        """Return how many messages wait for a worker: what the bus knows, and what replicas have in their buffers."""
        consumers = [
            self.streams[spec.stream].consumers.get(spec.consumer)  # pyright: ignore[reportOptionalMemberAccess]
            for spec in lanes(service, self.partitions)
            if self.streams.get(spec.stream) is not None
        ]
        on_the_bus = sum(one.waiting + one.unacknowledged for one in consumers if one is not None)
        return max(on_the_bus, sum(lane.waiting for answer in self.workers[service] for lane in answer.lanes))

    def oldest(self, service: str) -> datetime | None:
        """Return when the first message was stored that waits in a lane that somebody owns."""
        times = [lane.oldest_at for answer in self.workers[service] for lane in answer.lanes if lane.oldest_at]
        return min(times, default=None)


def judge(picture: Picture, now: datetime) -> list[Trouble]:
    """Return what is wrong, worst first: what is missing, what stands, what waits, what was set aside."""
    return [
        *_missing_streams(picture),
        *(trouble for service in picture.workers for trouble in _of_worker(picture, service, now)),
    ]


def _missing_streams(picture: Picture) -> Iterator[Trouble]:
    for name in STREAMS:
        if name in picture.streams and picture.streams[name] is None:
            yield Trouble("status_no_stream", {"stream": name})


def _of_worker(picture: Picture, service: str, now: datetime) -> Iterator[Trouble]:
    answers = picture.workers[service]
    yield from _missing_consumers(picture, service)
    if not answers:
        yield Trouble("status_nobody", {"worker": service, "waiting": picture.waiting(service)})
        return
    yield from _replicas(picture, service, answers)
    yield from _unowned(picture, service, answers)
    yield from _slow(picture, service, answers, now)
    stored = picture.stored(service)
    if stored is None:
        yield Trouble("status_no_database", {"worker": service, "reason": answers[0].trouble or "?"})
    else:
        yield from _of_stored(service, stored, now)


def _missing_consumers(picture: Picture, service: str) -> Iterator[Trouble]:
    for spec in lanes(service, picture.partitions):
        stream = picture.streams.get(spec.stream)
        if stream is not None and spec.consumer not in stream.consumers:
            yield Trouble("status_no_consumer", {"consumer": spec.consumer, "stream": spec.stream})


def _replicas(picture: Picture, service: str, answers: "Sequence[StatusAnswer]") -> Iterator[Trouble]:
    stored = picture.stored(service)
    if stored is not None and stored.replicas > len(answers):
        yield Trouble("status_silent", {"worker": service, "silent": stored.replicas - len(answers)})
    versions = sorted({answer.version for answer in answers})
    if len(versions) > 1:
        yield Trouble("status_versions", {"worker": service, "versions": ", ".join(versions)})


def _unowned(picture: Picture, service: str, answers: "Sequence[StatusAnswer]") -> Iterator[Trouble]:
    owned = {lane.number for answer in answers for lane in answer.lanes}
    for spec in lanes(service, picture.partitions):
        stream = picture.streams.get(spec.stream)
        consumer = stream.consumers.get(spec.consumer) if stream else None
        if spec.number not in owned:
            waiting = consumer.waiting + consumer.unacknowledged if consumer else 0
            yield Trouble("status_unowned", {"worker": service, "lane": lane_name(spec.number), "waiting": waiting})


def _slow(picture: Picture, service: str, answers: "Sequence[StatusAnswer]", now: datetime) -> Iterator[Trouble]:
    oldest = picture.oldest(service)
    if oldest is None or _age(now, oldest) < WAITS_SECONDS:
        return
    pace = sum(answer.per_second for answer in answers)
    told = {"worker": service, "waiting": picture.waiting(service), "age": _age(now, oldest), "pace": f"{pace:.1f}"}
    yield Trouble("status_slow" if pace else "status_stands", told)


def _of_stored(service: str, stored: "StoredState", now: datetime) -> Iterator[Trouble]:
    if stored.missing_migrations:
        yield Trouble("status_schema", {"worker": service, "missing": ", ".join(stored.missing_migrations)})
    if stored.oldest_unpublished_at and _age(now, stored.oldest_unpublished_at) >= UNPUBLISHED_SECONDS:
        age = _age(now, stored.oldest_unpublished_at)
        yield Trouble("status_unpublished", {"worker": service, "count": stored.unpublished, "age": age})
    for due in stored.due:
        if _age(now, due.oldest_at) >= OVERDUE_SECONDS:
            told = {"worker": service, "count": due.count, "kind": due.kind, "age": _age(now, due.oldest_at)}
            yield Trouble("status_overdue", told)
    if stored.forgotten:
        yield Trouble("status_forgotten", {"worker": service, "what": stored.forgotten[0].partition(": ")[2]})
    if stored.ahead:
        yield Trouble("status_ahead", {"worker": service, "what": stored.ahead[0].partition(": ")[2]})
    if stored.suspects:
        yield Trouble("status_suspects", {"worker": service, "count": stored.suspects})
    if stored.dead_letters:
        yield Trouble("status_dead", {"worker": service, "count": stored.dead_letters})


def lane_name(number: int) -> str:
    """Return a lane's number, or what the lane of facts is called."""
    return "events" if number == EVENT_LANE else str(number)


def lane_names(numbers: Iterable[int]) -> str:
    """Return lanes for a line of a table."""
    return " ".join(map(lane_name, sorted(numbers)))


def _age(now: datetime, at: datetime) -> int:
    return max(0, int((now - at).total_seconds()))
