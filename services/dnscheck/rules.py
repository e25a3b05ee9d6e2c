"""When to look at a domain, and for whom. Pure: the clock and the dice are passed in.

A watch is one facet (TXT proof or MX records) of one claim. Its waits grow with its age, so a record is seen after at
most about 15 % of the time that its owner has already waited: 31 looks in the first hour, 67 in 48 hours (R12).
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from contracts.dnscheck_v1 import Attempt, AttemptKind, Facet, MxAttempt, MxState, WatchDomain

Course = Literal["confirmed", "not_yet", "partial", "not_registered", "could_not_ask"]

SHARE_OF_AGE = 0.15
SHORTEST, LONGEST = timedelta(seconds=20), timedelta(hours=2)
SPREAD = 0.2  # each wait is up to a fifth shorter or longer, so that watches begun together drift apart
LIFE = timedelta(days=14)  # of a watch that has proven nothing; a request or a new claim resumes it
PARTIAL_WAIT, PARTIAL_LOOKS = timedelta(seconds=60), 3  # secondaries usually follow within minutes
REGISTRATION_WAIT = timedelta(minutes=30)
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)
DAILY_LOOKS = 7  # after success, then weekly (R17)
MAX_ANSWERED = 1000  # requests in one fact; the rest wait for the next look
SHORTEST_GAP = timedelta(milliseconds=250)  # between looks that customers ask for: each costs a dozen queries
DEEP_LOOKS = (1, 3, 6)  # the looks that also search the wrong places; then hourly, and when somebody waits
# Seen by deep looks only: their correction is, too.
DEEP_CODES = (
    "name_doubled", "underscore_missing", "at_www", "in_parent_name", "wrong_type", "wildcard_answer", "wrong_provider",
)  # fmt: skip
MAX_RECENT = 10


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request that waits for a look begun after it came."""

    request_id: UUID
    since: datetime


@dataclass(frozen=True, slots=True)
class Watch:
    """One facet of one claim under watch.

    Age, `looks` and `streak` count from `started_at`, the customer's last act.
    """

    domain_id: str
    facet: Facet
    account: str
    domain: str
    record_name: str
    record_value: str
    old_values: tuple[str, ...]
    started_at: datetime
    next_due_at: datetime | None  # None: abandoned
    looks: int = 0
    course: Course | None = None
    streak: int = 0  # looks in a row with this course
    proven_at: datetime | None = None
    deep_at: datetime | None = None
    waiting: tuple[Waiting, ...] = ()
    recent: tuple[Attempt | MxAttempt, ...] = ()  # newest first
    revision: int = 1


def ordered(watch: Watch | None, order: WatchDomain, account: str, now: datetime) -> Watch:
    """Begin or resume a watch with a look at once. What comes from the customer makes it young again."""
    if watch is None:
        watch = Watch(str(order.domain_id), order.facet, account, order.domain, "", "", (), now, None, revision=0)
    waiting = watch.waiting if order.request_id is None else (*watch.waiting, Waiting(order.request_id, now))
    return replace(
        watch,
        record_name=order.record_name,
        record_value=order.record_value,
        old_values=order.old_values,
        started_at=now,
        looks=0,
        course=None,
        streak=0,
        waiting=waiting,
        next_due_at=_soonest(watch, now),
        revision=watch.revision + 1,
    )


def looked(watch: Watch, course: Course, *, begun_at: datetime, deep: bool, now: datetime, dice: bytes) -> Watch:
    """Count a look and set the next. Requests that came after it had begun wait for that one."""
    streak = watch.streak + 1 if course == watch.course else 1
    proven_at = watch.proven_at or (now if course == "confirmed" else None)
    seen = replace(
        watch,
        looks=watch.looks + 1,
        course=course,
        streak=streak,
        proven_at=proven_at,
        deep_at=begun_at if deep else watch.deep_at,
        waiting=watch.waiting[len(answered(watch, begun_at)) :],
        revision=watch.revision + 1,
    )
    wait = next_wait(seen, now, dice)
    due = now + SHORTEST_GAP if seen.waiting else None if wait is None else now + wait
    return replace(seen, next_due_at=due)


def answered(watch: Watch, begun_at: datetime) -> tuple[UUID, ...]:
    """Return the requests that a look begun at this time answers: the eldest, as many as fit a message."""
    return tuple(waiting.request_id for waiting in watch.waiting if waiting.since <= begun_at)[:MAX_ANSWERED]


def noted(watch: Watch, attempt: Attempt | MxAttempt) -> Watch:
    """Keep an attempt among the latest."""
    return replace(watch, recent=(attempt, *watch.recent)[:MAX_RECENT])


def wants_deep_look(watch: Watch) -> bool:
    """Whether the next look shall also search the wrong places, which costs a dozen queries instead of three."""
    if watch.waiting or watch.looks + 1 in DEEP_LOOKS or watch.deep_at is None:
        return True
    if watch.recent and watch.recent[0].code in DEEP_CODES:
        return True
    due = watch.next_due_at
    return watch.course != "confirmed" and due is not None and due - watch.deep_at >= HOUR


def txt_course(kind: AttemptKind, code: str) -> Course:
    """Return what a diagnosis of the proof means for the schedule."""
    match kind, code:
        case "not_yet", "partial":
            return "partial"
        case "not_yet", "domain_not_registered":
            return "not_registered"
        case _:
            return kind


def mx_course(state: MxState) -> Course:
    """Return what a diagnosis of the MX records means for the schedule."""
    return "confirmed" if state == "ok" else "could_not_ask" if state == "unknown" else "not_yet"


# --- the schedule -------------------------------------------------------------------------------------------------


def next_wait(watch: Watch, now: datetime, dice: bytes) -> timedelta | None:
    """Return the wait after a look, or None when the watch is abandoned. `dice` are random bytes."""
    age = now - watch.started_at
    if watch.facet == "txt" and watch.proven_at is None and age >= LIFE:
        return None
    wait = _mx_wait(watch, age) if watch.facet == "mx" else _txt_wait(watch, age)
    return wait * (1 - SPREAD + 2 * SPREAD * int.from_bytes(dice, "big") / (256 ** len(dice) - 1))


def _txt_wait(watch: Watch, age: timedelta) -> timedelta:
    match watch.course:
        case "confirmed":
            return HOUR if watch.streak == 1 else DAY if watch.streak <= 1 + DAILY_LOOKS else WEEK
        case "could_not_ask":
            return _doubled(watch.streak)
        case _ if watch.proven_at is not None:
            return DAY  # a loss takes three noes over 72 hours, so more looks would prove nothing (R17)
        case "partial" if watch.streak <= PARTIAL_LOOKS:
            return PARTIAL_WAIT
        case "not_registered":
            return max(REGISTRATION_WAIT, _growing(age))
        case _:
            return _growing(age)


def _mx_wait(watch: Watch, age: timedelta) -> timedelta:
    match watch.course:
        case "confirmed":
            return DAY if watch.streak <= DAILY_LOOKS else WEEK
        case "could_not_ask":
            return _doubled(watch.streak)
        case _:
            return HOUR if age < DAY else DAY


def _growing(age: timedelta) -> timedelta:
    return min(max(age * SHARE_OF_AGE, SHORTEST), LONGEST)


def _doubled(streak: int) -> timedelta:
    return min(SHORTEST * 2 ** min(streak - 1, 20), LONGEST)


def _soonest(watch: Watch, now: datetime) -> datetime:
    """Return when a look that somebody asks for may begin."""
    return max(now, watch.recent[0].checked_at + SHORTEST_GAP) if watch.recent else now
