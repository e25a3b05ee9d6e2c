"""What can go wrong between a program and the bus. Each error says what happened, where, and what to do."""

from uuid import UUID

from contracts.refusals import Refusal


class PostkontorError(Exception):
    """Anything this client raises on purpose."""


class NotConnected(PostkontorError):
    """The bus cannot be reached, or the connection was closed."""


class NotSetUp(PostkontorError):
    """The bus is there, but what is needed on it is not: a stream, or a durable subscription."""


class NotPermitted(PostkontorError):
    """The bus knows these credentials and does not let them do this."""


class NoAnswer(PostkontorError):
    """No outcome was seen in time. The request may still be carried out: send it again with the same id."""

    def __init__(self, request_id: UUID, what: str, progress: tuple[str, ...] = ()) -> None:
        self.request_id = request_id
        self.progress = progress
        seen = f" ({'; '.join(progress)})" if progress else ""
        super().__init__(f"request {request_id}: {what}{seen}. The same request id may be sent again.")


class SetAside(NoAnswer):
    """A worker could not handle the request and keeps it as a dead letter; the operator can replay it."""


class Unanswered(PostkontorError):
    """Nobody answered a question in time: the worker is not running, or the credentials may not ask it."""


class QuestionFailed(PostkontorError):
    """The worker answered that it cannot answer."""

    def __init__(self, subject: str, code: str, text: str) -> None:
        self.code = code
        super().__init__(f"{subject}: {text} (error {code})")


class FileWaits(PostkontorError):
    """An invoice is issued, but its file is not there yet: nobody has rendered it, or it could not be rendered."""

    def __init__(self, number: str, format_: str, problem: str | None) -> None:
        self.problem = problem
        why = f": {problem}" if problem else ""
        super().__init__(f"{number} is not there as {format_} yet{why}")


class Refused(PostkontorError):
    """The request ended with a no. Raised only by `Outcome.raise_for_refusal`: a refusal is an answer, not a fault."""

    def __init__(self, request_id: UUID, refusal: Refusal) -> None:
        self.request_id = request_id
        self.refusal = refusal
        super().__init__(f"{refusal.code}: {refusal.text.en}")
