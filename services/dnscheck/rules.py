"""When to look at a domain, and for whom. Pure: the clock and the dice are passed in.

A watch is one facet (TXT proof, MX records, advice on the rest) of one claim. Its waits grow with its age, so a record
is seen after at most about 15 % of the time that its owner has already waited: 31 looks in the first hour, 67 in 48
hours (R12). Advice is no hurry: it is looked for weekly, or on request.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from contracts.dnscheck_v1 import Attempt, AttemptKind, Facet, MailAdvice, MxAttempt, MxState, WatchDomain
from services.dnscheck.observation import ZoneSeen

Course = Literal["confirmed", "not_yet", "wrong", "partial", "not_registered", "could_not_ask"]

SHARE_OF_AGE = 0.15
SHORTEST, LONGEST = timedelta(seconds=20), timedelta(hours=2)
SPREAD = 0.2  # each wait is up to a fifth shorter or longer, so that watches begun together drift apart
YOUNG = timedelta(minutes=10)  # a request makes a watch young for so long: somebody is working on it
LIFE = timedelta(days=14)  # of a watch that has proven nothing; a request or a new claim resumes it
PARTIAL_WAIT, PARTIAL_LOOKS = timedelta(seconds=60), 3  # secondaries usually follow within minutes
REGISTRATION_WAIT = timedelta(minutes=30)
WRONG_LOOKS = 6  # unchanged looks at something wrong; then the wait is twice as long
MAX_HASTE = 12  # looks sooner than the age asks for, before as many at the age's own pace have to follow
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)
DAILY_LOOKS = 7  # after success, then weekly (R17)
WEEKLY_SPREAD = 1 / 7  # a day
MAX_ANSWERED = 1000  # requests in one fact; the rest wait for the next look
SHORTEST_GAP = timedelta(milliseconds=250)  # between looks that customers ask for: each costs a dozen queries
QUICK_LOOKS, LONGER_GAP = 12, timedelta(seconds=10)  # so many looks asked for in ten minutes, then more slowly
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

    Age counts from `started_at`, for ten minutes after a request from `asked_at`; `looks` and `streak` from either.
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
    course: Course | None = None  # of the latest look that was told something
    streak: int = 0  # looks in a row with this course, silent ones between them not counted
    proven_at: datetime | None = None
    deep_at: datetime | None = None
    waiting: tuple[Waiting, ...] = ()
    # Newest first; of those in the store only the newest is at hand.
    recent: tuple[Attempt | MxAttempt | MailAdvice, ...] = ()
    revision: int = 1
    asked_at: datetime | None = None  # a request for a look now
    zone: ZoneSeen = field(default_factory=ZoneSeen)
    stirs: int = 0  # looks in a row that saw the zone change, likewise
    silences: int = 0  # looks in a row that could not ask
    haste: int = 0  # looks that came sooner than the age asks for, less those that did not
    code: str = ""  # of the latest look that was told something
    asked_looks: int = 0  # that answered requests, since somebody began to ask


def ordered(watch: Watch | None, order: WatchDomain, account: str, now: datetime) -> Watch:
    """Begin or resume a watch with a look at once. What comes from the customer makes it young again."""
    if watch is None:
        watch = Watch(str(order.domain_id), order.facet, account, order.domain, "", "", (), now, None, revision=0)
    is_request = order.request_id is not None
    waiting = (*watch.waiting, Waiting(order.request_id, now)) if order.request_id is not None else watch.waiting
    is_pause_over = now - max(watch.started_at, watch.asked_at or watch.started_at) >= YOUNG
    goes_on = is_request and watch.revision > 0 and watch.next_due_at is not None
    return replace(
        watch,
        record_name=order.record_name,
        record_value=order.record_value,
        old_values=order.old_values,
        started_at=watch.started_at if goes_on else now,
        asked_at=now if is_request else None,
        asked_looks=0 if is_pause_over else watch.asked_looks,
        proven_at=None if order.is_anew else watch.proven_at,
        looks=0,
        course=None,
        streak=0,
        silences=0,
        haste=0,
        waiting=waiting,
        next_due_at=_soonest(watch, now),
        revision=watch.revision + 1,
    )


def looked(
    watch: Watch,
    course: Course,
    *,
    begun_at: datetime,
    deep: bool,
    now: datetime,
    dice: bytes,
    code: str = "",
    zone: ZoneSeen | None = None,
) -> Watch:
    """Count a look and set the next. Requests that came after it had begun wait for that one."""
    requests = answered(watch, begun_at)
    looks = replace(
        watch,
        looks=watch.looks + 1,
        deep_at=begun_at if deep else watch.deep_at,
        waiting=watch.waiting[len(requests) :],
        asked_looks=watch.asked_looks + bool(requests),
        revision=watch.revision + 1,
    )
    seen = replace(looks, silences=watch.silences + 1) if course == "could_not_ask" else _told(looks, course, code, now)
    if zone is not None and course != "could_not_ask":
        seen = replace(seen, zone=zone, stirs=watch.stirs + 1 if has_stirred(watch.zone, zone) else 0)
    wait = next_wait(seen, now, dice)
    due = now + _gap(seen) if seen.waiting else None if wait is None else now + wait
    return replace(seen, next_due_at=due, haste=_haste(seen, now))


def _told(watch: Watch, course: Course, code: str, now: datetime) -> Watch:
    """Take what a look was told; silence leaves the last word as it was."""
    return replace(
        watch,
        course=course,
        code=code,
        streak=watch.streak + 1 if _is_unchanged(watch, course, code) else 1,
        silences=0,
        proven_at=watch.proven_at or (now if course == "confirmed" else None),
    )


def _is_unchanged(watch: Watch, course: Course, code: str) -> bool:
    """Whether a look found what the one before had found; something wrong only while the same is wrong."""
    return course == watch.course and (course != "wrong" or code == watch.code)


def answered(watch: Watch, begun_at: datetime) -> tuple[UUID, ...]:
    """Return the requests that a look begun at this time answers: the eldest, as many as fit a message."""
    return tuple(waiting.request_id for waiting in watch.waiting if waiting.since <= begun_at)[:MAX_ANSWERED]


def noted(watch: Watch, attempt: Attempt | MxAttempt | MailAdvice) -> Watch:
    """Keep an attempt before those that are there."""
    return replace(watch, recent=(attempt, *watch.recent)[:MAX_RECENT])


def wants_deep_look(watch: Watch) -> bool:
    """Whether the next look shall also search the wrong places, which costs a dozen queries instead of three."""
    if watch.facet == "advice":
        return False  # it looks everywhere each time
    if watch.waiting or watch.looks + 1 in DEEP_LOOKS or watch.deep_at is None:
        return True
    if watch.code in DEEP_CODES:
        return True
    if watch.stirs and watch.course != "confirmed":
        return True  # somebody is editing: see whether it went to a wrong place
    due = watch.next_due_at
    return watch.course != "confirmed" and due is not None and due - watch.deep_at >= HOUR


def txt_course(kind: AttemptKind, code: str) -> Course:
    """Return what a diagnosis of the proof means for the schedule."""
    match kind, code:
        case "not_yet", "partial" | "perspectives_disagree":
            return "partial"
        case "not_yet", "domain_not_registered":
            return "not_registered"
        case "not_yet", "not_yet":
            return "not_yet"
        case "not_yet", _:
            return "wrong"
        case _:
            return kind


def mx_course(state: MxState) -> Course:
    """Return what a diagnosis of the MX records means for the schedule."""
    return "confirmed" if state == "ok" else "could_not_ask" if state == "unknown" else "not_yet"


def advice_course(*, is_complete: bool) -> Course:
    """Return what a look for advice means for the schedule: what it found is no success and no failure."""
    return "confirmed" if is_complete else "could_not_ask"


# --- the schedule -------------------------------------------------------------------------------------------------


def next_wait(watch: Watch, now: datetime, dice: bytes) -> timedelta | None:
    """Return the wait after a look, or None when the watch is abandoned. `dice` are random bytes."""
    last_act = max(watch.started_at, watch.asked_at or watch.started_at)
    if watch.facet == "txt" and watch.proven_at is None and now - last_act >= LIFE:
        return None
    wait = _due_wait(watch, now)
    spread = WEEKLY_SPREAD if wait == WEEK else SPREAD
    wait *= 1 - spread + 2 * spread * int.from_bytes(dice, "big") / (256 ** len(dice) - 1)
    return max(wait, REGISTRATION_WAIT) if watch.course == "not_registered" and not watch.silences else wait


def _due_wait(watch: Watch, now: datetime) -> timedelta:
    wait = _wanted_wait(watch, now)
    return _growing(age_of(watch, now)) if _is_hasty(watch, wait, now) and watch.haste >= MAX_HASTE else wait


def _wanted_wait(watch: Watch, now: datetime) -> timedelta:
    return _WAITS[watch.facet](watch, age_of(watch, now))


def _is_hasty(watch: Watch, wait: timedelta, now: datetime) -> bool:
    """Whether a wait is shorter than the age asks for. No zone, whatever it does, is looked at so for ever."""
    is_searching = watch.facet == "txt" and watch.proven_at is None
    return is_searching and wait < _growing(age_of(watch, now))


def _haste(watch: Watch, now: datetime) -> int:
    is_hasty = _is_hasty(watch, _due_wait(watch, now), now)
    return watch.haste + 1 if is_hasty else max(0, watch.haste - 1)


def age_of(watch: Watch, now: datetime) -> timedelta:
    """Return how long somebody has waited: for ten minutes since a request, then again since the beginning."""
    if watch.asked_at is not None and now - watch.asked_at < YOUNG:
        return now - watch.asked_at
    return now - watch.started_at


def _txt_wait(watch: Watch, age: timedelta) -> timedelta:
    if watch.silences:
        return _doubled(watch.silences)
    match watch.course:
        case "confirmed":
            return _confirmed_wait(watch)
        case _ if watch.proven_at is not None:
            return DAY  # a loss takes three noes over 72 hours, so more looks would prove nothing (R17)
        case _ if watch.stirs:
            return SHORTEST  # somebody is editing
        case "partial" if watch.streak <= PARTIAL_LOOKS:
            return PARTIAL_WAIT
        case "not_registered":
            return max(REGISTRATION_WAIT, _growing(age))
        case "wrong" if watch.streak >= WRONG_LOOKS:
            return _growing(age) * 2
        case _:
            return _growing(age)


def _mx_wait(watch: Watch, age: timedelta) -> timedelta:
    if watch.silences:
        return _doubled(watch.silences)
    if watch.course == "confirmed":
        return _confirmed_wait(watch)
    return HOUR if age < DAY else DAY


def _confirmed_wait(watch: Watch) -> timedelta:
    return HOUR if watch.streak == 1 else DAY if watch.streak <= 1 + DAILY_LOOKS else WEEK


def _advice_wait(watch: Watch, age: timedelta) -> timedelta:
    """Weekly; what could not be asked is asked for sooner, after an hour at first and never later than a day."""
    return min(HOUR * 2 ** min(watch.silences - 1, 10), DAY) if watch.silences else WEEK


def _growing(age: timedelta) -> timedelta:
    return min(max(age * SHARE_OF_AGE, SHORTEST), LONGEST)


def _doubled(streak: int) -> timedelta:
    return min(SHORTEST * 2 ** min(streak - 1, 20), LONGEST)


def _soonest(watch: Watch, now: datetime) -> datetime:
    """Return when a look that somebody asks for may begin."""
    return max(now, watch.recent[0].checked_at + _gap(watch)) if watch.recent else now


def _gap(watch: Watch) -> timedelta:
    return SHORTEST_GAP if watch.asked_looks < QUICK_LOOKS else LONGER_GAP


_WAITS = {"txt": _txt_wait, "mx": _mx_wait, "advice": _advice_wait}


# --- what looks remember ------------------------------------------------------------------------------------------


def remembered_seconds(watch: Watch) -> int | None:
    """Return how long others may remember that there was no record, where the latest look said so."""
    last = watch.recent[0] if watch.recent else None
    return last.negative_ttl_seconds if isinstance(last, Attempt) and last.kind == "not_yet" else None


def remembered(zone: ZoneSeen, serial: int | None, servers: tuple[str, ...], now: datetime) -> ZoneSeen:
    """Add what a look saw. Name servers count only where the delegation was found.

    A serial is new when it rose (RFC 1982): servers that lag show an older one, now and again.
    """
    has_moved = bool(servers and zone.servers) and set(servers) != set(zone.servers)
    former = tuple(host for host in zone.servers if host not in servers) if has_moved else zone.former_servers
    seen = replace(zone, servers=servers or zone.servers, former_servers=former)
    if serial is None or (zone.serial is not None and not has_moved and not _rose(zone.serial, serial)):
        return seen
    return replace(seen, serial=serial, serial_since=now, changed_at=None if zone.serial is None else now)


def has_stirred(before: ZoneSeen, after: ZoneSeen) -> bool:
    """Whether somebody changed the zone, or who is in charge of it, since the look before."""
    return after.changed_at != before.changed_at or after.former_servers != before.former_servers


def _rose(before: int, after: int) -> bool:
    return 0 < (after - before) % 2**32 < 2**31
