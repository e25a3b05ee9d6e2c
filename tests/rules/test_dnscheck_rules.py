"""When dnscheck looks, and whom a look answers."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.base import Text
from contracts.dnscheck_v1 import Attempt, MailAdvice, WatchDomain
from services.dnscheck import rules
from services.dnscheck.rules import DAY, HOUR, LIFE, LONGEST, MAX_RECENT, SHORTEST, SHORTEST_GAP, WEEK, Watch

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
LOW, MIDDLE, HIGH = bytes(4), b"\x80\x00\x00\x00", b"\xff" * 4
MINUTE = timedelta(minutes=1)


def ordered(facet="txt", *, request: int | None = None, at: datetime = START, watch: Watch | None = None) -> Watch:
    return rules.ordered(watch, order_of(facet, request), "nordwind", at)


def order_of(facet: str, request: int | None = None) -> WatchDomain:
    return WatchDomain(
        domain_id=UUID(int=1),
        domain="nordwind-segel.de",
        facet=facet,
        record_name="_postkontor-challenge.nordwind-segel.de",
        record_value="token=x",
        request_id=UUID(int=request) if request else None,
    )


def looked(watch: Watch, course="not_yet", *, at: datetime | None = None, deep=False, dice=MIDDLE) -> Watch:
    now = at or watch.next_due_at
    assert now is not None
    return rules.looked(watch, course, begun_at=now, deep=deep, now=now, dice=dice)


def waits(watch: Watch, *courses: str) -> list[timedelta]:
    """Look again and again with these findings; return the waits in between, to the second."""
    found = []
    for course in courses:
        due = watch.next_due_at
        watch = looked(watch, course)
        assert watch.next_due_at is not None
        found.append(timedelta(seconds=round((watch.next_due_at - due).total_seconds())))
    return found


def attempt(code="not_yet", at: datetime = START) -> Attempt:
    return Attempt(
        kind="not_yet", code=code, text=Text(de="x", en="x"), expected_name="n", expected_value="v", checked_at=at,
        elapsed_ms=1,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("hours", "looks"), [(1, 31), (4, 41), (24, 55), (48, 67), (72, 79), (7 * 24, 127), (14 * 24, 211)]
)
def test_a_record_is_looked_for_this_often(hours, looks):
    watch, counted = ordered(), 0
    while watch.next_due_at is not None and watch.next_due_at - START < timedelta(hours=hours):
        watch = looked(watch)
        counted += 1
    assert counted == looks


def test_a_watch_that_proved_nothing_is_abandoned_after_14_days_and_a_request_resumes_it():
    watch = looked(ordered(), at=START + LIFE)
    assert watch.next_due_at is None
    again = ordered(request=1, at=START + LIFE + DAY, watch=watch)
    assert again.next_due_at == again.started_at


@given(st.timedeltas(timedelta(0), timedelta(days=13)), st.binary(min_size=4, max_size=4))
def test_every_wait_stays_within_its_bounds(age, dice):
    watch = looked(ordered(), at=START + age, dice=dice)
    assert watch.next_due_at is not None
    assert SHORTEST * 0.8 <= watch.next_due_at - (START + age) <= LONGEST * 1.2


def test_waits_spread_by_a_fifth_to_both_sides():
    assert looked(ordered(), dice=LOW).next_due_at == START + SHORTEST * 0.8
    assert looked(ordered(), dice=HIGH).next_due_at == START + SHORTEST * 1.2


def test_a_partial_record_is_looked_at_each_minute_three_times():
    watch = replace(ordered(), started_at=START - DAY)
    assert waits(watch, *["partial"] * 4) == [MINUTE, MINUTE, MINUTE, LONGEST]


def test_an_unregistered_domain_waits_half_an_hour():
    assert waits(ordered(), "not_registered") == [timedelta(minutes=30)]


def test_silence_doubles_the_wait_up_to_two_hours():
    found = waits(ordered(), *["could_not_ask"] * 12)
    assert found[:3] == [SHORTEST, SHORTEST * 2, SHORTEST * 4]
    assert found[-1] == LONGEST


def test_a_proven_record_is_looked_at_after_an_hour_then_daily_for_a_week_then_weekly():
    assert waits(ordered(), *["confirmed"] * 10) == [HOUR, *[DAY] * 7, WEEK, WEEK]


def test_a_proof_that_vanished_is_looked_for_daily_and_never_abandoned():
    watch = replace(looked(ordered(), "confirmed"), started_at=START - LIFE * 2)
    assert waits(watch, "not_yet", "not_yet") == [DAY, DAY]


def test_wrong_mx_records_are_looked_at_hourly_for_a_day_then_daily():
    watch = ordered("mx")
    assert watch.next_due_at == START
    found = waits(watch, *["not_yet"] * 26)
    assert found[:23] == [HOUR] * 23
    assert found[-1] == DAY


def test_right_mx_records_are_looked_at_after_an_hour_then_daily_for_a_week_then_weekly():
    assert waits(ordered("mx"), *["confirmed"] * 10) == [HOUR, *[DAY] * 7, WEEK, WEEK]


def test_a_request_is_due_at_once_and_makes_the_watch_young():
    old = looked(ordered(), at=START + timedelta(days=3))
    watch = ordered(request=1, at=START + timedelta(days=4), watch=old)
    assert watch.next_due_at == START + timedelta(days=4)
    assert waits(looked(watch), "not_yet") == [SHORTEST]


def test_a_look_answers_only_the_requests_that_came_before_it_began():
    watch = ordered(request=1)
    begun = START + timedelta(seconds=1)
    watch = ordered(request=2, at=START + timedelta(seconds=2), watch=watch)
    assert rules.answered(watch, begun) == (UUID(int=1),)
    after = rules.looked(watch, "confirmed", begun_at=begun, deep=True, now=START + 3 * SHORTEST_GAP, dice=MIDDLE)
    assert [waiting.request_id for waiting in after.waiting] == [UUID(int=2)]
    assert after.next_due_at == START + 4 * SHORTEST_GAP


def test_requests_cannot_make_looks_follow_each_other_without_a_gap():
    watch = rules.noted(looked(ordered()), attempt(at=START))
    assert ordered(request=1, at=START, watch=watch).next_due_at == START + SHORTEST_GAP


def test_wrong_places_are_searched_at_the_first_third_and_sixth_look_and_hourly():
    watch, deep = ordered(), []
    for number in range(1, 200):
        if rules.wants_deep_look(watch):
            deep.append((number, watch.next_due_at))
        watch = looked(watch, deep=rules.wants_deep_look(watch))
    assert [number for number, _ in deep[:3]] == [1, 3, 6]
    gaps = [after - before for before, after in pairwise(due for _, due in deep[2:])]
    assert min(gaps) >= HOUR
    assert max(gaps) <= LONGEST


def test_a_look_for_somebody_who_waits_searches_the_wrong_places():
    watch = looked(looked(ordered(), deep=True))
    assert not rules.wants_deep_look(replace(watch, looks=3))
    assert rules.wants_deep_look(ordered(request=1, watch=watch))


def test_a_fault_that_only_a_deep_look_sees_is_looked_for_deeply_again():
    watch = replace(looked(ordered(), deep=True), looks=3)
    assert not rules.wants_deep_look(replace(watch, code="not_yet"))
    assert rules.wants_deep_look(replace(watch, code="name_doubled"))


def test_who_presses_on_and_on_waits_longer_until_he_pauses():
    watch, now, gaps = ordered(request=1), START, []
    for number in range(2, 20):
        watch = rules.noted(looked(watch, at=now), attempt(at=now))
        watch = ordered(request=number, at=now, watch=watch)
        gaps.append(watch.next_due_at - now)
        now = watch.next_due_at
    assert gaps == [SHORTEST_GAP] * (rules.QUICK_LOOKS - 1) + [rules.LONGER_GAP] * 7
    watch = ordered(at=now, watch=rules.noted(looked(watch, at=now), attempt(at=now)))  # claiming anew is no way round
    assert ordered(request=21, at=now, watch=watch).next_due_at - now == rules.LONGER_GAP
    later = now + rules.YOUNG
    assert ordered(request=22, at=later, watch=watch).next_due_at == later
    assert ordered(request=22, at=later, watch=watch).asked_looks == 0


def test_a_watch_that_begins_anew_is_searched_for_and_abandoned_as_at_first():
    watch = looked(ordered(), "confirmed")
    assert watch.proven_at is not None
    anew = rules.ordered(watch, order_of("txt").model_copy(update={"is_anew": True}), "nordwind", START + WEEK)
    assert anew.proven_at is None
    assert looked(anew, at=START + WEEK + LIFE).next_due_at is None


def test_only_the_latest_looks_are_kept():
    watch = ordered()
    for number in range(MAX_RECENT + 5):
        watch = rules.noted(watch, attempt(at=START + number * MINUTE))
    assert len(watch.recent) == MAX_RECENT
    assert watch.recent[0].checked_at == START + (MAX_RECENT + 4) * MINUTE


# --- advice -------------------------------------------------------------------------------------------------------


def test_advice_is_looked_for_weekly_give_or_take_a_day():
    assert waits(ordered("advice"), "confirmed", "confirmed") == [WEEK, WEEK]
    first = ordered("advice")
    for dice, wait in ((LOW, WEEK - DAY), (HIGH, WEEK + DAY)):
        due = looked(first, "confirmed", dice=dice).next_due_at
        assert due is not None
        assert abs(due - START - wait) < timedelta(seconds=1)


def test_what_could_not_be_asked_for_advice_is_asked_again_sooner_and_never_given_up():
    found = waits(ordered("advice"), *["could_not_ask"] * 8, "confirmed", "could_not_ask")
    assert found == [HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, 16 * HOUR, DAY, DAY, DAY, WEEK, HOUR]


def test_a_request_for_advice_is_answered_at_once_and_by_a_look_of_its_own():
    watch = ordered("advice", request=1)
    assert watch.next_due_at == START
    assert rules.answered(watch, START) == (UUID(int=1),)
    assert not rules.wants_deep_look(watch)  # there is but one kind of look


def test_who_asks_for_advice_again_waits_a_moment():
    watch = rules.noted(ordered("advice"), MailAdvice(items=(), checked_at=START, elapsed_ms=1))
    assert rules.ordered(watch, order_of("advice"), "nordwind", START).next_due_at == START + SHORTEST_GAP


@pytest.mark.parametrize(("is_complete", "course"), [(True, "confirmed"), (False, "could_not_ask")])
def test_advice_is_complete_or_not_whatever_it_says(is_complete: bool, course: str):
    assert rules.advice_course(is_complete=is_complete) == course
