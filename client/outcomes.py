"""How a request ended, and how to find that out from the workers when the answer was missed.

Each worker tells what it did for a request (`AskRequest`). The stations are asked from the last to the first: what
the last one knows settles the matter, and the earlier ones need not be asked.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from client.connection import Connection
from client.errors import PostkontorError, Refused
from contracts.dryruns import NAME as DRY_RUN_FINISHED
from contracts.dryruns import DryRunFinished
from contracts.envelope import Envelope
from contracts.messages import REGISTRY, AskRequest, RequestAnswer, RequestStep
from contracts.refusals import Refusal, RequestRefused
from contracts.routes import Route, is_accepted

STATION_TIMEOUT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """The one end of a request: `done` with its fact, or refused with its refusal. Or the word that it waits.

    `fact` is the model of `contracts` that the request's route ends in; of a dry run it is `DryRunFinished`, also where
    that says no. It is None when only the workers' records say that the request is done and its event could not be
    fetched any more. A request that waits is `accepted`: its end is still to come, and `fact` says for what it waits.
    """

    request_id: UUID
    fact: Any = None
    refusal: Refusal | None = None
    event: Envelope[Any] | None = None
    elapsed: float = 0.0  # seconds that this client waited
    accepted: bool = False  # and no more than that

    @property
    def state(self) -> str:
        """Return `done`, `refused` or `accepted`."""
        if self.accepted:
            return "accepted"
        return "done" if self.refusal is None else "refused"

    def raise_for_refusal(self) -> None:
        """Raise Refused when the answer is no."""
        if self.refusal is not None:
            raise Refused(self.request_id, self.refusal)


def outcome_of(request_id: UUID, event: Envelope[Any], elapsed: float) -> Outcome:
    """Read an outcome from the event that states it."""
    if isinstance(event.data, RequestRefused):
        return Outcome(request_id, refusal=event.data.refusal, event=event, elapsed=elapsed)
    if isinstance(event.data, DryRunFinished):
        return Outcome(request_id, fact=event.data, refusal=event.data.refusal, event=event, elapsed=elapsed)
    return Outcome(request_id, fact=event.data, event=event, elapsed=elapsed, accepted=is_accepted(event.type))


@dataclass(frozen=True, slots=True)
class Done:
    """The request's outcome was stated at this time, by facts of one of these names."""

    at: datetime
    facts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Declined:
    """A station said no."""

    refusal: Refusal


@dataclass(frozen=True, slots=True)
class Waits:
    """A station has accepted the request at this time, and it waits there."""

    service: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Stuck:
    """A station set the request aside as a dead letter."""

    service: str
    code: str


@dataclass(frozen=True, slots=True)
class Underway:
    """No end yet; `progress` tells what each station said, for people.

    `ends_later` says that the last station has it and put its end off: that stands in the stream of facts only.
    """

    progress: tuple[str, ...]
    ends_later: bool = False


Verdict = Done | Declined | Waits | Stuck | Underway


async def look_up(connection: Connection, account: str, route: Route, request_id: UUID) -> Verdict:
    """Ask the route's stations how a request stands."""
    progress: list[str] = []
    ends_later = False
    for service in reversed(dict.fromkeys(route.stations)):
        try:
            answer = await _ask(connection, account, service, request_id)
        except PostkontorError:
            progress.append(f"{service} does not answer")
            continue
        verdict = judge(route, answer)
        if verdict is not None:
            return verdict
        progress.append(_told(answer))
        if answer.steps:
            ends_later = service == route.stations[-1] and answer.steps[-1].fate == "handed-over"
            break  # who has handled it has heard of it from all before
    return Underway(tuple(reversed(progress)), ends_later)


def judge(route: Route, answer: RequestAnswer) -> Done | Declined | Waits | Stuck | None:
    """Read the end of a request from what one station did for it; None while there is none."""
    for step in reversed(answer.steps):
        if step.fate == "done" and _is_outcome(route, step.outcome):
            return Done(step.handled_at, route.outcomes)
        if step.fate == "done" and is_answer_to_dry_run(step.outcome):
            return Done(step.handled_at, ((step.outcome or "").rpartition(".v")[0],))
        if step.refusal is not None and step.fate in ("refused", "never"):
            return Declined(step.refusal)
        if step.fate == "accepted":
            return Waits(answer.service, step.handled_at)
        if step.fate == "never":
            return Stuck(answer.service, step.code or "internal_error")
    return None


def _is_outcome(route: Route, said: str | None) -> bool:
    return said is not None and any(said == fact or said.startswith(f"{fact}.v") for fact in route.outcomes)


def is_answer_to_dry_run(said: str | None) -> bool:
    """Tell whether a fact's type is that of an answer to a dry run, by whichever worker."""
    return said is not None and said.split(".")[1:2] == [DRY_RUN_FINISHED]


def _told(answer: RequestAnswer) -> str:
    if not answer.steps:
        return f"{answer.service} has not seen it"
    return f"{answer.service} {_last_fate(answer.steps)}"


def _last_fate(steps: Iterable[RequestStep]) -> str:
    *_, last = steps
    return "has handed it over" if last.fate == "handed-over" else f"has it as {last.fate}"


async def _ask(connection: Connection, account: str, service: str, request_id: UUID) -> RequestAnswer:
    message = REGISTRY.find("qry", f"{service}.request.v1")
    assert message is not None, "every worker answers for its requests"
    question = AskRequest(request_id=request_id).model_dump_json().encode()
    answer = await connection.ask(message.subject(account), question, STATION_TIMEOUT_SECONDS)
    return RequestAnswer.model_validate_json(answer)
