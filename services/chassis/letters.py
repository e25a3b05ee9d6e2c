"""Dead letters: what is set aside, why, and as much of it as may be read by whom it does not concern."""

import sys
import traceback
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter

from contracts.refusals import refuse
from services.chassis.fates import Fate, Never, Refused
from services.chassis.journal import DeadLetter
from services.chassis.logs import readable_without_secrets, without_secrets
from services.chassis.received import Raw, Received, Tick, Unreadable

MAX_DETAIL = 4_096
MAX_PAYLOAD = 16_384  # characters kept of a dead letter; the stream has the whole

_DEAD_LETTER = TypeAdapter(DeadLetter)


def fate_of_unreadable(message: Unreadable) -> Fate:
    """Refuse what can be answered; the rest is set aside."""
    if message.sender is not None and message.raw.subject.startswith("cmd."):
        return Refused(message.refusal)
    return Never(message.refusal.code, message.refusal.text.en)


def bug(message: Received[Any] | Tick | Unreadable) -> Never:
    """Set a message aside for the exception that is being handled."""
    # Frames and the exception's type only: its text may hold what a customer sent.
    kind, _, frames = sys.exc_info()
    where = "".join(traceback.format_tb(frames, limit=-6)).replace("\n", " | ")
    detail = f"{kind.__name__ if kind else 'unknown'} at {where}"
    return Never("internal_error", detail, None if isinstance(message, Tick) else refuse("internal_error"))


def reserved_for(message: Received[Any] | Tick | Unreadable) -> tuple[str, ...]:
    """Name the room that was kept for a hand-over which can never be handled: it is given back at once."""
    if getattr(message, "dryrun", False):
        return ()  # for a dry run none was kept
    reservation = getattr(getattr(message, "data", None), "reservation", None)
    return getattr(reservation, "holders", ())


def letter_of(
    lane: int, id_: UUID, raw: Raw | None, message: Received[Any] | Tick | Unreadable, code: str, detail: str
) -> DeadLetter:
    """Write a dead letter, without secrets. `raw` is None for wake-ups."""
    return DeadLetter(
        lane, id_, raw.stream if raw else None, raw.stream_seq if raw else None, message.account,
        getattr(message, "type", getattr(message, "kind", "")), code,
        without_secrets(detail)[:MAX_DETAIL].replace("\x00", "\\0"),
        readable_without_secrets(raw.payload)[:MAX_PAYLOAD] if raw else "",
    )  # fmt: skip


def subject_of(service: str, account: str) -> str:
    """Return where a dead letter is published; an account that is none cannot be part of that."""
    return f"dlq.{service}.{account if account and not set(account) & set(' .*>') else 'unknown'}"


def as_json(letter: DeadLetter) -> bytes:
    """Write a dead letter as it is published."""
    return _DEAD_LETTER.dump_json(letter, exclude={"lane"})
