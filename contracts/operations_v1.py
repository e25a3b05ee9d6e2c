"""Messages for who runs the system, version 1: dead letters, the state of the workers, facts that the bus has lost.

Every worker has them for itself, so each request and fact is there once for each. They are sent under the account
`postkontor`; under another account they concern its dead letters only.
"""

from typing import Annotated, Any, Literal, Self, TypeVar, cast
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field, StrictBool, StringConstraints, model_validator

from contracts.base import Fact, Part, Request

WORKERS = ("billing", "domain", "mailbox", "dnscheck")
MAX_LETTERS = 500  # of one request; more are told so
MAX_STRANGERS = 50  # named in one fact
MAX_SHOWN = 200  # in one answer, so that it fits into one message

Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,100}$")]
Letters = Annotated[tuple[UUID, ...], Field(max_length=MAX_LETTERS)]
# Why a letter is left alone.
Kept = Literal["already_answered", "comes_by_itself", "resolved", "not_a_request"]
Fate = Literal["never", "done", "handed-over", "refused", "gone", "sent-again", "handled-before"]

_M = TypeVar("_M", bound=BaseModel)


def _for_each_worker(model: type[_M]) -> dict[str, type[_M]]:
    """Return the model once for each worker: a message's type says whose it is, and so does its model."""
    about: dict[str, Any] = {"__doc__": model.__doc__, "__module__": __name__}
    return {worker: cast("type[_M]", type(f"{worker.title()}{model.__name__}", (model,), about)) for worker in WORKERS}


# --- how it is going --------------------------------------------------------------------------------------------


class LaneState(Part):
    """A lane in one replica's hands."""

    number: int
    stream: str
    consumer: str
    since: AwareDatetime
    waiting: int = Field(description="messages that are not handled yet, here and on the bus")
    oldest_at: AwareDatetime | None = Field(
        default=None, description="when the bus stored the first of them that is here"
    )
    careful: bool = Field(default=False, description="after a death its messages are taken in hand in small batches")


class DueState(Part):
    """Wake-ups of one kind that are due."""

    kind: str
    count: int
    oldest_at: AwareDatetime


class StoredState(Part):
    """What the worker's schema tells, the same at every replica."""

    replicas: int = Field(description="connected to the database")
    schema_version: str = Field(description="the last migration applied")
    missing_migrations: tuple[str, ...] = ()
    unpublished: int = Field(description="facts and hand-overs, decided and not known to be on the bus")
    oldest_unpublished_at: AwareDatetime | None = None
    due: tuple[DueState, ...] = ()
    dead_letters: int = Field(description="not settled")
    suspects: int = Field(description="batches that were in hand when a process died")
    forgotten: tuple[str, ...] = Field(default=(), description="facts that the bus has lost, by lane: what was noticed")
    ahead: tuple[str, ...] = Field(
        default=(), description="facts on the bus that this database does not know, by lane: the first"
    )


class AskStatus(Part):
    """How are you? Every replica answers."""


class StatusAnswer(Part):
    """How one replica is."""

    service: str
    replica: str
    version: str
    started_at: AwareDatetime
    at: AwareDatetime
    lanes: tuple[LaneState, ...]
    handled: int = Field(description="messages and wake-ups since the start")
    per_second: float = Field(description="of the last minute")
    last_batch_at: AwareDatetime | None = None
    reconnects: int = Field(default=0, description="to the bus, since the start")
    stored: StoredState | None = Field(default=None, description="None when the database does not answer")
    trouble: str | None = Field(default=None, description="what the database says instead")


# --- dead letters -----------------------------------------------------------------------------------------------


class Attempt(Part):
    """One time that a message was taken in hand, and how that ended."""

    at: AwareDatetime
    replica: str
    version: str = Field(description="of the code")
    fate: Fate
    code: str | None = None
    detail: str = ""


class DeadLetter(Part):
    """A message that could not be handled. Its payload has no secrets; the original lies in its stream."""

    id: UUID
    account: str
    type: str
    code: str
    detail: str
    digest: str = Field(description="equal for equal bugs: of the exception's type and where it came from")
    lane: int
    stream: str | None = Field(description="None for a wake-up, which comes again by itself")
    stream_seq: int | None
    answered: bool = Field(description="its sender was told no: the request has had its one outcome")
    attempts: tuple[Attempt, ...] = Field(description="oldest first")
    recorded_at: AwareDatetime
    resolved_at: AwareDatetime | None = None
    resolution: Literal["replayed", "discarded"] | None = None
    kept: Kept | None = Field(default=None, description="why a replay would leave it alone; None: it can be replayed")
    payload: str | None = Field(default=None, description="only where asked for")


class _Common(BaseModel):
    """What letters may have in common; everything named must hold."""

    ids: Letters = ()
    code: Word | None = None
    type: Word | None = None
    digest: Word | None = None
    of_account: Annotated[str, StringConstraints(max_length=100)] | None = None
    since: AwareDatetime | None = None


class AskDeadLetters(_Common, Part):
    """Which dead letters does this worker have? Newest first; everything named must hold."""

    resolved: StrictBool = Field(default=False, description="those too that are settled")
    as_new: StrictBool = Field(default=False, description="`kept` is for a replay with as_new")
    payload: StrictBool = False
    limit: Annotated[int, Field(strict=True, ge=1, le=MAX_SHOWN)] = MAX_SHOWN


class DeadLettersAnswer(Part):
    """A worker's dead letters, and how many there are in all."""

    service: str
    letters: tuple[DeadLetter, ...]
    total: int


class _Selecting(_Common, Request):
    """Which letters: by id or by what they have in common. Something must be named."""

    @model_validator(mode="after")
    def _something_is_named(self) -> Self:
        if not (self.ids or self.code or self.type or self.digest or self.of_account or self.since):
            raise ValueError("name ids, code, type, digest, of_account or since")
        return self


class ReplayDeadLetters(_Selecting):
    """Handle these dead letters once more, with their ids, from their originals (operator)."""

    as_new: StrictBool = Field(
        default=False, description="requests that were answered with a refusal: once more, as new requests"
    )


class DiscardDeadLetters(_Selecting):
    """These dead letters are settled: nothing more is to be done about them (operator)."""


class KeptLetter(Part):
    """A dead letter that was left alone, and why."""

    id: UUID
    kept: Kept


class ReplayBegun(Fact):
    """These dead letters are handled once more, each in its lane; how that ends is their attempts' matter."""

    request_id: UUID
    letters: tuple[UUID, ...]
    kept: tuple[KeptLetter, ...] = ()
    more: bool = Field(default=False, description="there are more than one request takes")


class DeadLettersDiscarded(Fact):
    """These dead letters are settled."""

    request_id: UUID
    letters: tuple[UUID, ...]
    more: bool = False


# --- facts that the bus has lost ------------------------------------------------------------------------------------


class ReconcileEvents(Request):
    """State again, from the event log, what the stream of events does not have any more (operator)."""

    since: AwareDatetime | None = Field(default=None, description="facts from then on; by default all that are kept")
    dry_run: StrictBool = Field(default=False, description="count only")


class Stranger(Part):
    """A fact on the bus that its worker does not know."""

    id: UUID
    subject: str
    stream_seq: int


class EventsReconciled(Fact):
    """The stream of events has been compared with the worker's event log."""

    request_id: UUID
    surviving: int = Field(description="facts of this worker that the stream had")
    missing: int = Field(description="facts of the log that it had not")
    restated: int = Field(description="of these, published again with their ids, in their order; 0 for a dry run")
    unknown: int = Field(default=0, description="facts that the stream has and the log has not: its database is older")
    strangers: tuple[Stranger, ...] = Field(default=(), description="the first of these")


REPLAYS = _for_each_worker(ReplayDeadLetters)
DISCARDS = _for_each_worker(DiscardDeadLetters)
REPLAYS_BEGUN = _for_each_worker(ReplayBegun)
DISCARDED = _for_each_worker(DeadLettersDiscarded)
RECONCILIATIONS = _for_each_worker(ReconcileEvents)
RECONCILED = _for_each_worker(EventsReconciled)
