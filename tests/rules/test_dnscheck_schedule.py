"""Fourteen days of looks in milliseconds: how many there are, and when, whatever they find."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.base import Text
from contracts.dnscheck_v1 import Attempt, WatchDomain
from services.dnscheck import rules
from services.dnscheck.observation import ZoneSeen
from services.dnscheck.rules import DAY, HOUR, LIFE, LONGEST, MAX_HASTE, SHORTEST, WEEK, YOUNG, Course, Watch

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MIDDLE = b"\x80\x00\x00\x00"

Finding = tuple[Course, str]
NOT_YET: Finding = ("not_yet", "not_yet")
WRONG: Finding = ("wrong", "wrong_value")


def ordered(watch: Watch | None = None, *, at: datetime = START, request: int | None = None) -> Watch:
    order = WatchDomain(
        domain_id=UUID(int=1), domain="nordwind-segel.de", facet="txt", record_name="n", record_value="token=x",
        request_id=UUID(int=request) if request else None,
    )  # fmt: skip
    return rules.ordered(watch, order, "nordwind", at)


def looked(watch: Watch, finding: Finding, *, dice: bytes = MIDDLE, zone: ZoneSeen | None = None) -> Watch:
    course, code = finding
    now = watch.next_due_at
    assert now is not None
    deep = rules.wants_deep_look(watch)
    after = rules.looked(watch, course, begun_at=now, deep=deep, now=now, dice=dice, code=code, zone=zone)
    kind = "could_not_ask" if course == "could_not_ask" else "not_yet"
    attempt = Attempt(
        kind=kind, code=code, text=Text(de="x", en="x"), expected_name="n", expected_value="v", checked_at=now,
        elapsed_ms=1,
    )  # fmt: skip
    return rules.noted(after, attempt)


def ages(finding: Callable[[int], Finding], *, seed: int | None = None) -> Iterator[timedelta]:
    """When looks are, by age, until the watch is given up; `seed` throws the dice."""
    dice = random.Random(seed)
    watch, number = ordered(), 0
    while watch.next_due_at is not None:
        yield watch.next_due_at - START
        watch = looked(watch, finding(number), dice=MIDDLE if seed is None else dice.randbytes(4))
        number += 1


def count_until(hours: int, found: list[timedelta]) -> int:
    return sum(age < timedelta(hours=hours) for age in found)


COUNTS = {1: 31, 4: 41, 24: 55, 48: 67, 72: 79, 7 * 24: 127, 14 * 24: 211}


@pytest.mark.parametrize("seed", range(5))
def test_looks_are_as_many_as_planned_however_the_dice_fall(seed: int) -> None:
    found = list(ages(lambda _: NOT_YET, seed=seed))
    for hours, planned in COUNTS.items():
        assert count_until(hours, found) == pytest.approx(planned, rel=0.15)
    assert LIFE <= found[-1] < LIFE + LONGEST * 1.2


@pytest.mark.parametrize(
    ("finding", "hour", "two_days", "fortnight"),
    [
        (NOT_YET, 31, 67, 211),
        (WRONG, 18, 36, 108),  # from the sixth on, half as often
        (("partial", "partial"), 25, 61, 205),  # three at a minute, then as any other
        (("not_registered", "domain_not_registered"), 2, 34, 178),
        (("could_not_ask", "servers_unreachable"), 8, 32, 176),
    ],
)
def test_what_is_found_decides_how_often(finding: Finding, hour: int, two_days: int, fortnight: int) -> None:
    found = list(ages(lambda _: finding))
    counted = count_until(1, found), count_until(48, found), count_until(14 * 24, found)
    assert counted == pytest.approx((hour, two_days, fortnight), rel=0.1)


def test_something_else_that_is_wrong_is_looked_at_often_again() -> None:
    """The sixth look at the same fault doubles the wait; another fault shows that somebody works on it."""
    watch = replace(ordered(), started_at=START - DAY)
    waits: list[timedelta] = []
    for code in [*["wrong_value"] * 7, "value_truncated"]:
        before = watch.next_due_at
        watch = looked(watch, ("wrong", code))
        assert watch.next_due_at is not None
        assert before is not None
        waits.append(timedelta(seconds=round((watch.next_due_at - before).total_seconds())))
    assert waits == [*[LONGEST] * 5, LONGEST * 2, LONGEST * 2, LONGEST]


@given(st.binary(min_size=4, max_size=4))
def test_an_unregistered_domain_is_left_alone_for_half_an_hour_at_least(dice: bytes) -> None:
    watch = looked(ordered(), ("not_registered", "domain_not_registered"), dice=dice)
    assert watch.next_due_at is not None
    assert 30 * MINUTE <= watch.next_due_at - START <= 36 * MINUTE


@given(st.binary(min_size=4, max_size=4))
def test_weekly_looks_are_a_day_early_or_late_at_most(dice: bytes) -> None:
    watch = replace(ordered(), course="confirmed", streak=8, looks=8, proven_at=START)
    watch = looked(watch, ("confirmed", "verified"), dice=dice)
    assert watch.next_due_at is not None
    assert WEEK - DAY <= watch.next_due_at - START <= WEEK + DAY


def test_silence_does_not_make_a_watch_young() -> None:
    old = replace(ordered(), started_at=START - 3 * DAY)
    silent = looked(old, ("could_not_ask", "servers_failing"))
    assert silent.next_due_at == pytest.approx(START + SHORTEST, abs=timedelta(milliseconds=1))
    after = looked(silent, NOT_YET)
    assert silent.next_due_at is not None
    assert after.next_due_at is not None
    assert after.next_due_at - silent.next_due_at == pytest.approx(LONGEST, abs=timedelta(milliseconds=1))


# --- requests -----------------------------------------------------------------------------------------------------


def test_a_request_makes_a_watch_young_for_ten_minutes_and_keeps_it_alive() -> None:
    old = looked(replace(ordered(), started_at=START - 3 * DAY), NOT_YET)
    watch = ordered(old, at=START + MINUTE, request=1)
    asked = watch.asked_at
    assert asked is not None
    due: list[timedelta] = []
    while watch.next_due_at is not None and len(due) < 40:
        due.append(watch.next_due_at - asked)
        watch = looked(watch, NOT_YET)
    young = [age for age in due if age < YOUNG]
    assert len(young) > 12
    gap = next(age for age in due if age >= YOUNG + 2 * MINUTE)
    assert gap > LONGEST  # the true age counts again
    assert watch.started_at == START - 3 * DAY
    late = replace(watch, asked_at=START, next_due_at=START + LIFE - MINUTE)
    assert looked(late, NOT_YET).next_due_at is not None
    assert looked(replace(late, next_due_at=START + LIFE), NOT_YET).next_due_at is None


@pytest.mark.parametrize("request_id", [None, 1])
def test_a_watch_that_was_given_up_begins_anew_by_a_claim_or_a_request(request_id: int | None) -> None:
    abandoned = replace(ordered(), next_due_at=None)
    again = ordered(abandoned, at=START + 20 * DAY, request=request_id)
    assert (again.started_at, again.next_due_at) == (START + 20 * DAY, START + 20 * DAY)
    assert again.record_value == abandoned.record_value


# --- somebody is editing ------------------------------------------------------------------------------------------


def zones(*serials: int | None) -> Iterator[ZoneSeen]:
    zone = ZoneSeen()
    for number, serial in enumerate(serials):
        zone = rules.remembered(zone, serial, ("ns1.a.example", "ns2.a.example"), START + number * HOUR)
        yield zone


def test_a_zone_that_changed_is_looked_at_deeply_after_twenty_seconds() -> None:
    watch = replace(ordered(), started_at=START - 2 * DAY, looks=10, deep_at=START, next_due_at=START)
    first, second, third = zones(1, 2, 2)
    watch = looked(watch, NOT_YET, zone=first)
    assert not rules.wants_deep_look(replace(watch, deep_at=watch.next_due_at))
    before = watch.next_due_at
    watch = looked(watch, NOT_YET, zone=second)
    assert before is not None
    assert watch.next_due_at is not None
    assert watch.next_due_at - before == pytest.approx(SHORTEST, abs=timedelta(milliseconds=1))
    assert rules.wants_deep_look(replace(watch, deep_at=watch.next_due_at))
    watch = looked(watch, NOT_YET, zone=third)
    assert (watch.stirs, rules.wants_deep_look(replace(watch, deep_at=watch.next_due_at))) == (0, False)


def test_a_zone_that_changes_all_the_time_says_nothing() -> None:
    watch = replace(ordered(), started_at=START - 2 * DAY)
    waits: list[timedelta] = []
    for zone in zones(*range(1, MAX_HASTE + 6)):
        before = watch.next_due_at
        watch = looked(watch, NOT_YET, zone=zone)
        assert watch.next_due_at is not None
        assert before is not None
        waits.append(timedelta(seconds=round((watch.next_due_at - before).total_seconds())))
    assert waits == [LONGEST, *[SHORTEST] * MAX_HASTE, LONGEST, SHORTEST, LONGEST, SHORTEST]


FINDINGS: tuple[Finding, ...] = (
    NOT_YET, WRONG, ("wrong", "name_doubled"), ("partial", "partial"), ("could_not_ask", "servers_failing"),
    ("not_registered", "domain_not_registered"),
)  # fmt: skip


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from(FINDINGS), st.booleans()), min_size=1, max_size=12), st.integers(0, 99))
def test_whatever_a_zone_does_it_cannot_have_itself_looked_at_much_more(
    tricks: list[tuple[Finding, bool]], seed: int
) -> None:
    """Each look that comes early is paid for by one that does not."""
    dice, serial, counted, watch, zone = random.Random(seed), 1, 0, ordered(), ZoneSeen()
    while watch.next_due_at is not None:
        finding, edits = tricks[counted % len(tricks)]
        serial += edits
        zone = rules.remembered(zone, serial, ("ns1.a.example",), watch.next_due_at)
        watch = looked(watch, finding, dice=dice.randbytes(4), zone=zone)
        counted += 1
    assert counted <= 2 * 1.25 * 211 + MAX_HASTE


def test_silence_between_looks_forgets_nothing() -> None:
    """A server that fails now and then does not make a proof look new, nor a fault."""
    silent: Finding = ("could_not_ask", "servers_failing")
    watch = ordered()
    for finding in [("confirmed", "verified"), *[silent, ("confirmed", "verified")] * 8]:
        watch = looked(watch, finding)  # type: ignore[arg-type]
    assert (watch.streak, watch.silences) == (9, 0)
    watch = replace(ordered(), started_at=START - DAY)
    for finding in [WRONG, silent] * 6:
        watch = looked(watch, finding)
    assert (watch.course, watch.streak) == ("wrong", 6)


@pytest.mark.parametrize(
    ("serials", "changed"),
    [
        ((5, 5, 5), [False, False, False]),
        ((5, 6, 5, 6), [False, True, False, False]),  # a server that lags comes and goes
        ((5, None, 5), [False, False, False]),
        ((None, 5, 6), [False, False, True]),
        ((2**32 - 1, 1), [False, True]),  # RFC 1982: after the greatest comes the smallest
    ],
)
def test_a_serial_counts_as_new_when_it_rose(serials: tuple[int | None, ...], changed: list[bool]) -> None:
    seen = [ZoneSeen(), *zones(*serials)]
    assert [rules.has_stirred(before, after) for before, after in itertools.pairwise(seen)] == changed


def test_who_was_in_charge_before_is_remembered() -> None:
    here, there = ("ns1.a.example", "ns2.a.example"), ("ns1.b.example", "ns2.a.example")
    zone = rules.remembered(ZoneSeen(), 7, here, START)
    moved = rules.remembered(zone, 3, there, START + HOUR)
    assert (moved.servers, moved.former_servers) == (there, ("ns1.a.example",))
    assert (moved.serial, moved.changed_at) == (3, START + HOUR)  # another provider counts from anew
    assert rules.has_stirred(zone, moved)
    silent = rules.remembered(moved, None, (), START + 2 * HOUR)
    assert silent == moved
    assert not rules.has_stirred(moved, rules.remembered(moved, 3, tuple(reversed(there)), START + 2 * HOUR))


@pytest.mark.parametrize(
    ("kind", "code", "course"),
    [
        ("confirmed", "verified", "confirmed"),
        ("not_yet", "not_yet", "not_yet"),
        ("not_yet", "partial", "partial"),
        ("not_yet", "perspectives_disagree", "partial"),
        ("not_yet", "domain_not_registered", "not_registered"),
        ("not_yet", "dnssec_bogus", "wrong"),
        ("not_yet", "wrong_value", "wrong"),
        ("could_not_ask", "not_corroborated", "could_not_ask"),
        ("could_not_ask", "servers_failing", "could_not_ask"),
    ],
)
def test_a_finding_has_its_course(kind: str, code: str, course: Course) -> None:
    assert rules.txt_course(kind, code) == course  # type: ignore[arg-type]
