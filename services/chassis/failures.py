"""The fates of messages that nobody could decide on: they were not readable, or deciding raised."""

import hashlib
import sys
import traceback
from pathlib import PurePath
from typing import Any

from contracts.refusals import refuse
from services.chassis.fates import Fate, Never, Refused
from services.chassis.received import Received, Tick, Unreadable

Message = Received[Any] | Tick
FRAMES = 6
DIGEST_BYTES = 5


def fate_of_unreadable(message: Unreadable) -> Fate:
    """Refuse what has a sender to refuse it to; the rest becomes a dead letter."""
    if message.sender is not None and message.raw.subject.startswith("cmd."):
        return Refused(message.refusal)
    return Never(message.refusal.code, message.refusal.text.en)


def fate_of_unknown(message: Message) -> Never:
    """Nobody registered for this."""
    known = refuse("unknown_type", type=getattr(message, "type", getattr(message, "kind", "?")))
    return Never("unknown_type", known.text.en, known)


def bug(message: Message | Unreadable) -> Never:
    """Make the exception in hand a dead letter.

    Frames and the exception's type only: its text may hold what a customer sent.
    """
    kind, _, frames = sys.exc_info()
    name = kind.__name__ if kind else "unknown"
    where = "".join(traceback.format_tb(frames, limit=-FRAMES)).replace("\n", " | ")
    # By the code's words, not its line numbers: the same bug is the same in the next release.
    stack = [(PurePath(f.filename).name, f.name, f.line) for f in traceback.extract_tb(frames, limit=-FRAMES)]
    refusal = None if isinstance(message, Tick) else refuse("internal_error")
    return Never("internal_error", f"{name} at {where}", refusal, digest_of(name, *stack))


def digest_of(*parts: object) -> str:
    """Return what equal troubles have in common."""
    return hashlib.blake2b(repr(parts).encode(), digest_size=DIGEST_BYTES).hexdigest()


def reserved_for(message: Message | Unreadable) -> tuple[str, ...]:
    """Return whom room was kept for, for a hand-over that can never be handled: it is given back at once."""
    if getattr(message, "dryrun", False):
        return ()  # for a dry run none was kept
    reservation = getattr(getattr(message, "data", None), "reservation", None)
    return getattr(reservation, "holders", ())
