"""What becomes of a bulk's item that has had no outcome for a while: what the workers say of it decides. Pure.

Outcomes are heard as facts. One that was not heard, whatever the reason, is found by asking; an order that nobody has
seen is sent again under its id, which has no second effect (R41).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from contracts.messages import RequestAnswer
from contracts.refusals import Refusal, refuse
from services.domain.bulks import Item, ended

FIRST_LOOK = timedelta(minutes=1)  # an outcome takes milliseconds, or as long as a queue is
LONGEST_WAIT = timedelta(hours=1)
SEND_AGAIN_AFTER = timedelta(minutes=15)  # the broker swallows an id that it saw within ten
GIVE_UP_AFTER = timedelta(days=30)  # as long as the stream keeps orders: nothing can come any more


@dataclass(frozen=True, slots=True)
class Found:
    """What the workers know of a request. `is_whole` when all of its stations have answered."""

    is_whole: bool
    is_known: bool = False
    outcome: str | None = None
    refusal: Refusal | None = None


def read(answers: Iterable[RequestAnswer | None], outcomes: Iterable[str]) -> Found:
    """Read a request's end from what its stations did, or at least whether they know it."""
    given = list(answers)
    wanted = tuple(f"{outcome}." for outcome in outcomes)
    steps = [step for answer in given if answer is not None for step in answer.steps]
    is_whole = None not in given
    for step in steps:
        if step.refusal is not None and step.fate in ("refused", "never"):
            return Found(is_whole, is_known=True, refusal=step.refusal)
        if step.outcome is not None and step.outcome.startswith(wanted):
            return Found(is_whole, is_known=True, outcome=step.outcome)
    return Found(is_whole, is_known=bool(steps))


def after_look(item: Item, found: Found, now: datetime) -> tuple[Item, bool]:
    """Return the item after a look, and whether its order is to be sent again."""
    if item.state != "under_way":
        return item, False
    if found.outcome is not None or found.refusal is not None:
        return ended(item, now, outcome=found.outcome, refusal=found.refusal), False
    age = now - item.issued_at
    if age >= GIVE_UP_AFTER:
        return ended(item, now, refusal=refuse("bulk_item_lost", days=GIVE_UP_AFTER.days)), False
    wait = min(max(age, FIRST_LOOK), LONGEST_WAIT)
    if found.is_known:
        return replace(item, is_parked=True, look_at=now + wait), False
    sends_again = found.is_whole and age >= SEND_AGAIN_AFTER
    return replace(item, look_at=now + max(wait, SEND_AGAIN_AFTER if sends_again else FIRST_LOOK)), sends_again
