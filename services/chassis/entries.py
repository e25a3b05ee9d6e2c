"""What a batch leaves behind in the chassis' own tables, as values."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from contracts.base import Fact
from services.chassis.fates import Timing


@dataclass(frozen=True, slots=True)
class Handled:
    """An inbox row: a message and its fate."""

    message_id: UUID
    request_id: UUID
    account: str
    type: str
    fate: str
    code: str | None = None
    outcome: str | None = None
    refusal: str | None = None
    digest: bytes | None = None
    cause_id: UUID | None = None
    accepted: str | None = None  # the event that told so, of a request that has not ended


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to publish. `reply_subject` gets a copy, best effort, for a requester who waits.

    By `request_id` the log finds a fact again; what was read back from there has none. What is published deliberately
    once more says so in `again`, for the broker's eyes only.
    """

    lane: int
    seq: int
    message_id: UUID
    subject: str
    key: str
    payload: bytes
    reply_subject: str | None = None
    request_id: UUID | None = None
    again: str = ""

    @property
    def is_event(self) -> bool:
        """Facts stay in the event log; hand-overs and dead letters' copies only until they are published."""
        return self.subject.startswith("evt.")


@dataclass(frozen=True, slots=True)
class Mark:
    """The latest fact of a lane that the broker has acknowledged, and its place in the stream."""

    seq: int
    id: UUID
    at: datetime | None = None  # when it was acknowledged


@dataclass(frozen=True, slots=True)
class Published:
    """How far a lane is published, and its mark if there is one."""

    seq: int
    mark: Mark | None = None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that can never be handled. The payload has no secrets any more."""

    lane: int
    id: UUID
    stream: str | None
    stream_seq: int | None
    account: str
    type: str
    code: str
    detail: str
    payload: str
    digest: str
    answered: bool


@dataclass(frozen=True, slots=True)
class LetterAttempt:
    """How a message ended that was taken in hand once more, or the first time; `attempt` is JSON."""

    id: UUID
    attempt: str
    resolution: str | None = None


@dataclass(slots=True)
class Entries:
    """What a batch leaves behind besides its aggregates."""

    handled: list[Handled] = field(default_factory=list)
    ended: list[Handled] = field(default_factory=list)  # accepted before
    outgoing: list[Outgoing] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)
    attempts: list[LetterAttempt] = field(default_factory=list)  # of dead letters, the present ones included
    again: list[UUID] = field(default_factory=list)  # dead before, now to be entered anew
    fired: list[tuple[str, str, datetime]] = field(default_factory=list)
    timings: list[tuple[int, Timing]] = field(default_factory=list)  # each with the lane that wakes it
    told: list[Fact] = field(default_factory=list)  # of the outgoing, those that the service counts

    def mark(self) -> tuple[int, int, int, int]:
        """Return how far decisions have come, for `back_to`."""
        return len(self.outgoing), len(self.timings), len(self.ended), len(self.told)

    def back_to(self, mark: tuple[int, int, int, int]) -> None:
        """Forget what came after a mark."""
        outgoing, timings, ended, told = mark
        del self.outgoing[outgoing:], self.timings[timings:], self.ended[ended:], self.told[told:]


@dataclass(frozen=True, slots=True)
class Suspect:
    """A batch that was in hand when a process died: its first message, its size, the deaths proven so far."""

    first: str
    messages: int
    deaths: int
