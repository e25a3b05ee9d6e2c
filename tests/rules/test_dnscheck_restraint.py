"""How hard servers are asked: bursts, rates, slowness and rest, with the time passed in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.dnscheck.asking import restraint
from services.dnscheck.asking.restraint import MAX_REST_SECONDS, MAX_SERVERS, Pair, Rates, Restraint, RoundTrip, Server

ADDRESS = "192.0.2.53"
ZONE, OTHER_ZONE = b"\x05firma\x02de\x00", b"\x05werft\x02de\x00"
REGISTRY = b"\x02de\x00"
NOW = 1000.0
LONG = 1e9


def asked(known: Restraint, zone: bytes = ZONE, now: float = NOW) -> tuple[Server, Pair]:
    server = known.server(ADDRESS, now)
    return server, known.pair(server, zone, now, is_registry=zone == REGISTRY)


def waits(known: Restraint, count: int, *, zone: bytes = ZONE, now: float = NOW) -> list[float]:
    found = [known.seconds_until_turn(*asked(known, zone, now), now, LONG) for _ in range(count)]
    return [wait for wait in found if wait is not None]


def stay_silent(known: Restraint, times: int, *, zone: bytes = ZONE, now: float = NOW) -> None:
    for _ in range(times):
        known.silent(*asked(known, zone, now), now)


def is_asked(known: Restraint, now: float, *, zone: bytes = ZONE) -> bool:
    return known.lets_through(*asked(known, zone, now), now)


# -- rates


def test_deep_look_does_not_wait():
    """A look for TXT in all the wrong places and one at MX, with some questions asked twice."""
    assert max(waits(Restraint(Rates()), 30)) == 0


def test_whoever_insists_for_minutes_does_not_keep_the_schedule_waiting():
    known, now = Restraint(Rates()), NOW
    for _ in range(6000):
        known.seconds_until_turn(*asked(known, now=now), now, LONG, is_urgent=True)
        now += 0.05
    assert waits(known, 10, now=now) == pytest.approx([0.2 * number for number in range(1, 11)], abs=0.1)


def test_questions_about_one_zone_wait_when_its_burst_is_used():
    waited = waits(Restraint(Rates()), 40)
    assert waited[30:] == pytest.approx([0.2 * number for number in range(1, 11)])


def test_questions_about_many_zones_share_the_servers_burst_and_rate():
    known = Restraint(Rates())
    waited = [wait for number in range(60) for wait in waits(known, 1, zone=bytes((1, number, 0)))]
    assert max(waited[:40]) == 0
    assert waited[40:] == pytest.approx([0.05 * number for number in range(1, 21)])


def test_registry_is_asked_more_often_and_not_by_the_zone():
    waited = waits(Restraint(Rates()), 300, zone=REGISTRY)
    assert max(waited[:200]) == 0
    assert waited[-1] == pytest.approx(1.0)


def test_unused_turns_come_back():
    known = Restraint(Rates())
    waits(known, 30)
    assert max(waits(known, 5, now=NOW + 1)) == pytest.approx(0)
    assert waits(known, 1, now=NOW + 1)[0] == pytest.approx(0.2)


def test_turn_that_comes_too_late_is_not_taken():
    known = Restraint(Rates())
    waits(known, 30)
    server, pair = asked(known)
    assert known.seconds_until_turn(server, pair, NOW, 0.1) is None
    assert known.seconds_until_turn(server, pair, NOW, 0.3) == pytest.approx(0.2)


def test_what_somebody_waits_for_does_not_stand_behind_what_nobody_waits_for():
    known = Restraint(Rates())
    waits(known, 300, zone=REGISTRY)
    server, pair = asked(known, REGISTRY)
    urgent = [known.seconds_until_turn(server, pair, NOW, LONG, is_urgent=True) for _ in range(300)]
    assert max(urgent[:200]) == 0
    assert urgent[-1] == pytest.approx(1.0)  # as quick as the other line, and no quicker
    assert waits(known, 1, zone=REGISTRY)[0] == pytest.approx(1.01)


@given(st.lists(st.floats(0, 5), min_size=1, max_size=80), st.floats(0.5, 50))
def test_no_window_holds_more_turns_than_burst_and_rate(gaps: list[float], rate: float):
    known = Restraint(Rates(server_per_second=rate, zone_per_second=1e6))
    now, turns = NOW, []
    for gap in gaps:
        now += gap
        turns.append(now + waits(known, 1, now=now)[0])
    assert turns == sorted(turns)
    burst = max(restraint.SERVER_BURST_SECONDS * rate, 1.0)
    for first in range(len(turns)):
        for last in range(first, len(turns)):
            assert last - first + 1 <= burst + (turns[last] - turns[first]) * rate + 1e-3


# -- slowness


def test_limited_replies_halve_the_rate_which_recovers():
    known = Restraint(Rates(zone_per_second=1e6))
    server, _ = asked(known)
    server.slow_down(NOW)
    assert server.slowness(NOW) == 2
    assert waits(known, 30)[-1] == pytest.approx(1.0)  # 20 at once instead of 40, then 10 a second
    server.slow_down(NOW + 60)
    assert server.slowness(NOW + 60) == 2  # had recovered to the full rate
    assert server.slowness(NOW + 600) == 1


def test_slowness_has_an_end():
    server = Server(ADDRESS)
    for _ in range(20):
        server.slow_down(NOW)
    assert server.slowness(NOW) == 16


# -- rest


def test_server_rests_about_a_zone_after_five_silences():
    known = Restraint(Rates())
    stay_silent(known, 4)
    assert is_asked(known, NOW)
    stay_silent(known, 1)
    assert not is_asked(known, NOW + 29)
    assert is_asked(known, NOW + 31)


def test_answer_in_between_begins_the_count_anew():
    known = Restraint(Rates())
    stay_silent(known, 4)
    known.heard(*asked(known))
    stay_silent(known, 4)
    assert is_asked(known, NOW)


def test_after_a_rest_one_question_probes_and_the_others_wait_for_it():
    known = Restraint(Rates())
    stay_silent(known, 5)
    later = NOW + 31
    assert [is_asked(known, later) for _ in range(3)] == [True, False, False]
    known.heard(*asked(known, now=later))
    assert is_asked(known, later)


def test_probe_that_never_reports_does_not_block_the_next_for_long():
    known = Restraint(Rates())
    stay_silent(known, 5)
    assert is_asked(known, NOW + 31)
    assert is_asked(known, NOW + 42)


def test_rest_doubles_up_to_ten_minutes():
    known, now, rests = Restraint(Rates()), NOW, []
    stay_silent(known, 5)
    for _ in range(8):
        _, pair = asked(known, now=now)
        rests.append(pair.breaker.rest_seconds)
        now = pair.breaker.rests_until
        assert is_asked(known, now)
        stay_silent(known, 1, now=now)
    assert rests == [30, 60, 120, 240, 480, 600, 600, MAX_REST_SECONDS]


def test_rest_of_a_registry_does_not_grow():
    """If all are silent, our own line is cut."""
    known, now = Restraint(Rates()), NOW
    stay_silent(known, 5, zone=REGISTRY)
    for _ in range(5):
        now += 31
        assert is_asked(known, now, zone=REGISTRY)
        stay_silent(known, 1, zone=REGISTRY, now=now)
    assert is_asked(known, now + 31, zone=REGISTRY)


def test_late_time_outs_during_a_rest_say_nothing_new():
    known = Restraint(Rates())
    stay_silent(known, 50)
    assert is_asked(known, NOW + 31)


def test_silence_about_one_zone_is_not_held_against_the_others():
    """Many servers drop questions about zones they do not have: one customer's wrong delegation."""
    known = Restraint(Rates())
    stay_silent(known, 50)
    assert not is_asked(known, NOW)
    assert is_asked(known, NOW, zone=OTHER_ZONE)


def test_silence_about_three_zones_lets_the_server_rest():
    known = Restraint(Rates())
    for number in range(3):
        stay_silent(known, 2, zone=bytes((1, number, 0)))
    assert not is_asked(known, NOW, zone=OTHER_ZONE)
    known.heard(*asked(known))
    assert is_asked(known, NOW, zone=OTHER_ZONE)


def test_no_rest_where_none_is_wanted():
    known = Restraint(Rates(rest_seconds=0))
    stay_silent(known, 50)
    assert is_asked(known, NOW)


# -- time-outs


def test_unknown_server_gets_the_full_time():
    assert RoundTrip().first_try_seconds(0.8) == 0.8


def test_quick_server_is_asked_again_sooner_but_never_at_once():
    known = RoundTrip()
    for _ in range(10):
        known.measured(0.02)
    assert known.first_try_seconds(0.8) == 0.2
    assert known.first_try_seconds(0.1) == 0.1


def test_slow_server_is_given_its_time():
    known = RoundTrip()
    for _ in range(10):
        known.measured(0.3)
    assert 0.3 < known.first_try_seconds(0.8) < 0.5
    known.measured(0.7)
    assert known.first_try_seconds(0.8) > 0.7


# -- memory


def test_what_is_remembered_is_bounded():
    known = Restraint(Rates())
    for number in range(MAX_SERVERS + 100):
        server = known.server(str(number), NOW)
        for zone in range(3):
            known.pair(server, bytes((1, zone, 0)), NOW, is_registry=False)
    assert len(known) <= MAX_SERVERS + restraint.MAX_PAIRS
    assert known.server("0", NOW).pace.full_at == 0


def test_idle_servers_are_forgotten():
    known = Restraint(Rates())
    for number in range(100):
        known.server(str(number), NOW)
    asked(known, now=NOW + restraint.IDLE_SECONDS + 1)
    assert len(known) == 2
