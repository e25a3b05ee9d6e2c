"""How a proof stands as weeks pass: the ladder, its way back, reminders, claims that nobody looks for any more."""

from dataclasses import replace
from datetime import timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.dnscheck_v1 import WatchDomain
from contracts.domain_v1 import DomainLapsed, DomainState, ProofReminder, ProofStanding
from contracts.refusals import Finding
from services.dnscheck import rules as schedule
from services.domain import rules
from services.domain.gate import admitted, may_have_features
from services.domain.lifecycle import PROOF_LADDER, Look, stands
from services.domain.outgoing import consequences
from services.domain.proof import APART, GRACE, REMINDER_HOURS
from services.domain.rows import HOLDING, SOUGHT, Claim, Name
from services.domain.views import view
from tests.rules.domain_claims import DOMAIN, HASH, HOUR, NOW, attempt, claimed, looked, standing
from tests.rules.domain_world import active

LADDER = """
         confirmed  no       last_no
pending  held       .        .
held     .          at_risk  .
at_risk  held       .        lapsed
lapsed   held       .        .
"""
LOOKS, *ROWS = (line.split() for line in LADDER.strip().splitlines())
DAY = timedelta(days=1)


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
@pytest.mark.parametrize("column", range(len(LOOKS)), ids=LOOKS)
def test_the_ladder_is_exactly_this_matrix(row, column):
    proof, wanted = row[0], row[1 + column]
    assert stands(proof, LOOKS[column]) == (proof if wanted == "." else wanted)


def test_the_matrix_names_every_standing_and_every_look():
    assert {row[0] for row in ROWS} == set(get_args(ProofStanding))
    assert set(LOOKS) == set(get_args(Look))
    assert {proof for proof, _ in PROOF_LADDER} == set(get_args(ProofStanding))


def held() -> Name:
    claim = replace(standing("active"), password_hash=HASH, verified_at=NOW, activated_at=NOW)
    return Name(DOMAIN, (claim,))


def no(days: float, **more):
    return attempt("not_yet", at=NOW + days * DAY, **more)


def said(before: Name, after: Name) -> list[str]:
    return [type(each.fact).__name__ for each in consequences(before, after).says]


def walk(name: Name, *looks) -> tuple[Claim, list[str]]:
    """Return the claim after the looks, and what was said on the way."""
    facts: list[str] = []
    for look in looks:
        after = looked(name, "nordwind", look)
        facts += said(name, after)
        name = after
    return name.claims[0], facts


# --- down the ladder ----------------------------------------------------------------------------------------------


def test_the_first_no_warns_with_the_record_and_the_date():
    before = held()
    after = looked(before, "nordwind", no(1))
    [warning] = consequences(before, after).says
    assert type(warning.fact).__name__ == "DomainAtRisk"
    assert warning.fact.domain.proof == "at_risk"
    assert warning.fact.domain.proof_missing_since == NOW + DAY
    assert warning.fact.domain.proof_lapses_at == NOW + DAY + GRACE
    for text in (warning.fact.text.de, warning.fact.text.en, warning.fact.domain.next_step.de):
        assert before.claims[0].record_name in text
        assert before.claims[0].record_value in text
        assert "2026-11-27 12:00 UTC" in text


def test_daily_noes_lapse_after_three_days_and_say_so_once():
    claim, facts = walk(held(), *(no(day) for day in range(1, 9)))
    assert (claim.proof, claim.state) == ("lapsed", "active")
    assert facts == ["DomainAtRisk", "DomainLapsed"]
    assert claim.noes == (NOW + DAY, NOW + 2 * DAY, NOW + 4 * DAY)


def test_noes_over_less_than_72_hours_never_lapse():
    claim, facts = walk(held(), *(no(1 + hours / 24) for hours in range(72)))
    assert claim.proof == "at_risk"
    assert facts == ["DomainAtRisk"]


def test_pressing_check_now_three_times_is_one_no():
    """Also after 72 hours: two looks a second apart are no two noes."""
    minute = timedelta(minutes=1) / DAY
    claim, _ = walk(held(), no(1), no(1 + minute), no(1 + 2 * minute), no(4.1), no(4.1 + minute))
    assert claim.proof == "at_risk"
    assert claim.noes == (NOW + DAY, NOW + 4.1 * DAY)
    claim, _ = walk(Name(DOMAIN, (claim,)), no(4.1 + APART / DAY))
    assert claim.proof == "lapsed"


def test_the_warning_gives_its_time_even_when_it_was_late():
    """Looks that waited for a worker that was down for a week warn first, all of them."""
    late = NOW + 7 * DAY
    name = looked(held(), "nordwind", *(no(day) for day in range(1, 7)), now=late)
    claim = name.claims[0]
    assert (claim.proof, claim.lapses_at) == ("at_risk", late + GRACE)
    assert looked(name, "nordwind", no(9.9)).claims[0].proof == "at_risk"
    assert looked(name, "nordwind", no(10)).claims[0].proof == "lapsed"


@pytest.mark.parametrize(
    "silent",
    [("could_not_ask", "servers_unreachable"), ("not_yet", "partial"), ("not_yet", "dnssec_bogus"),
     ("not_yet", "perspectives_disagree")],
)  # fmt: skip
@pytest.mark.parametrize("noes", [0, 1, 2, 5])
def test_what_is_no_clear_no_moves_nothing_and_forgets_nothing(silent, noes):
    before, _ = walk(held(), *(no(day) for day in range(1, noes + 1)))
    kind, code = silent
    looks = (attempt(kind, code=code, at=NOW + day * DAY) for day in range(noes + 1, noes + 20))
    after, facts = walk(Name(DOMAIN, (before,)), *looks)
    assert (after.proof, after.noes, after.lapses_at) == (before.proof, before.noes, before.lapses_at)
    assert facts == []


def test_an_outage_between_noes_does_not_reset_them():
    outage = (attempt("could_not_ask", at=NOW + day * DAY) for day in (2, 3))
    claim, _ = walk(held(), no(1), *outage, no(3.5), no(4.5))
    assert claim.proof == "lapsed"


def test_a_look_older_than_what_is_known_takes_nothing():
    claim, facts = walk(held(), attempt(at=NOW + 2 * DAY), no(1))
    assert (claim.proof, facts) == ("held", [])


# --- the way back -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("noes", "previous"), [(1, "at_risk"), (5, "lapsed")])
def test_any_confirmed_look_recovers_at_once(noes, previous):
    claim, _ = walk(held(), *(no(day) for day in range(1, noes + 1)))
    before = Name(DOMAIN, (claim,))
    after = looked(before, "nordwind", attempt(at=NOW + 9 * DAY))
    [recovered] = consequences(before, after).says
    assert recovered.fact.previous == previous
    assert recovered.fact.domain.proof == "held"
    assert recovered.fact.domain.proof_lapses_at is None
    assert after.claims[0].noes == ()


def test_after_a_recovery_the_ladder_begins_at_its_top():
    claim, facts = walk(held(), no(1), no(2), attempt(at=NOW + 3 * DAY), no(4), no(5))
    assert (claim.proof, claim.noes[0]) == ("at_risk", NOW + 4 * DAY)
    assert facts == ["DomainAtRisk", "DomainRecovered", "DomainAtRisk"]


# --- what a lapsed proof stops --------------------------------------------------------------------------------------


def test_a_lapsed_proof_stops_new_addresses_and_nothing_else():
    claim, _ = walk(held(), *(no(day) for day in range(1, 9)))
    name = Name(DOMAIN, (claim,))
    found = admitted(name, DOMAIN, "nordwind")
    assert isinstance(found, Finding)
    assert found.code == "domain_proof_lapsed"
    assert found.details["name"] == claim.record_name
    assert claim.record_value in found.text.de
    assert may_have_features(name, DOMAIN, "nordwind") is claim
    assert isinstance(rules.set_password(name, "nordwind", HASH, NOW), Claim)
    assert isinstance(rules.remove(name, "nordwind", NOW), Name)


def test_a_proof_at_risk_stops_nothing():
    claim, _ = walk(held(), no(1), no(2), no(3))
    assert admitted(Name(DOMAIN, (claim,)), DOMAIN, "nordwind") == claim.domain_id


LOOK = st.tuples(st.integers(0, 60), st.sampled_from(["confirmed", "not_yet", "could_not_ask"]))


@given(st.lists(LOOK, max_size=30))
def test_only_three_noes_over_72_hours_and_a_warning_lapse(steps):
    """Against a model that keeps all noes since the last yes."""
    name, at, noes, warned_until = held(), NOW, [], None
    for hours, kind in steps:
        at += timedelta(hours=1 + hours)
        after = looked(name, "nordwind", attempt(kind, at=at))
        facts, claim = consequences(name, after).says, after.claims[0]
        if kind == "confirmed":
            noes, warned_until = [], None
        elif kind == "not_yet":
            noes.append(at)
            warned_until = warned_until or at + GRACE
        if any(isinstance(each.fact, DomainLapsed) for each in facts):
            assert len(noes) >= 3
            assert warned_until is not None
            assert noes[-1] >= warned_until
        assert (claim.proof == "held") == (not noes)
        assert after is not name
        assert len(facts) <= 1
        name = after


# --- abandoned and resumed ------------------------------------------------------------------------------------------


def unproven() -> Name:
    claim = claimed(Name(DOMAIN), "nordwind", password_hash=HASH)
    assert isinstance(claim, Claim)
    return Name(DOMAIN, (claim,))


def test_a_claim_is_abandoned_with_its_last_look_and_says_what_to_do():
    before = unproven()
    after = looked(before, "nordwind", no(14, ended=True))
    [fact] = [each.fact for each in consequences(before, after).says]
    assert (type(fact).__name__, fact.domain.state) == ("ClaimAbandoned", "abandoned")
    assert before.claims[0].record_value in fact.text.en
    assert admitted(after, DOMAIN, "nordwind").code == "domain_claim_abandoned"  # type: ignore[union-attr]


def test_an_outage_on_the_last_day_abandons_too_but_never_a_proven_claim():
    ended = attempt("could_not_ask", at=NOW + 14 * DAY, ended=True)
    assert looked(unproven(), "nordwind", ended).claims[0].state == "abandoned"
    assert looked(held(), "nordwind", ended).claims[0].state == "active"


@pytest.mark.parametrize("resume", ["claim", "validate", "look"])
def test_an_abandoned_claim_resumes_with_its_token_and_password(resume):
    open_name = unproven()
    first = open_name.claims[0]
    name = looked(open_name, "nordwind", no(14, ended=True))
    later = NOW + 400 * DAY
    if resume == "claim":
        again = claimed(name, "nordwind", now=later)
    elif resume == "validate":
        again = rules.resumed(name.claims[0], later)
    else:
        again = looked(name, "nordwind", attempt("not_yet", at=later)).claims[0]
    assert isinstance(again, Claim)
    assert (again.state, again.token, again.domain_id) == ("claimed", first.token, first.domain_id)
    assert (again.password_hash, again.old_tokens, again.sought_since) == (HASH, (), later)


def test_an_abandoned_claim_is_proven_by_a_look_that_was_under_way():
    name = looked(unproven(), "nordwind", no(14, ended=True))
    assert looked(name, "nordwind", attempt(at=NOW + 14 * DAY)).claims[0].state == "active"


def test_an_abandoned_claim_is_lost_to_a_rivals_first_proof():
    name = looked(unproven(), "nordwind", no(14, ended=True)).having(standing("claimed", "suedwind"))
    assert looked(name, "suedwind", attempt(at=NOW + 15 * DAY)).of("nordwind").state == "lost"  # type: ignore[union-attr]


# --- reminders ----------------------------------------------------------------------------------------------------


def reminders(looks) -> list[int]:
    name, hours = unproven(), []
    for look in looks:
        after = looked(name, "nordwind", look)
        hours += [each.fact.hours for each in consequences(name, after).says if isinstance(each.fact, ProofReminder)]
        name = after
    return hours


def after_hours(hours: float, kind="not_yet", code="not_yet"):
    return attempt(kind, code=code, at=NOW + hours * HOUR)


def test_reminders_come_once_each_as_the_days_pass():
    assert reminders(after_hours(hours) for hours in range(14 * 24)) == [24, 48, 7 * 24, 13 * 24]


@pytest.mark.parametrize(
    ("kind", "code", "due"),
    [("not_yet", "name_doubled", [1]), ("not_yet", "dnssec_bogus", [1]), ("not_yet", "not_yet", []),
     ("not_yet", "partial", []), ("could_not_ask", "servers_unreachable", [])],
)  # fmt: skip
def test_the_first_hour_reminds_of_what_the_customer_must_correct_alone(kind, code, due):
    assert reminders(after_hours(hours, kind, code) for hours in (0.5, 1, 1.5, 5)) == due


def test_a_reminder_carries_what_was_seen_and_what_to_do():
    before = unproven()
    after = looked(before, "nordwind", after_hours(25, "not_yet", "wrong_value"))
    [fact] = [each.fact for each in consequences(before, after).says]
    assert fact.attempt.code == "wrong_value"
    assert fact.text.de.endswith("Gesehen: {x}")
    assert "{domain}" not in fact.text.de
    assert fact.domain.record.value == before.claims[0].record_value


def test_after_an_outage_of_ours_one_reminder_comes_instead_of_three():
    assert reminders([after_hours(8 * 24), after_hours(8 * 24 + 1)]) == [7 * 24]


def test_a_resumed_claim_is_reminded_anew():
    name = looked(unproven(), "nordwind", after_hours(13 * 24), no(14, ended=True))
    claim = rules.resumed(name.claims[0], NOW + 30 * DAY)
    assert claim.reminded_hours == 0
    assert looked(Name(DOMAIN, (claim,)), "nordwind", no(31)).claims[0].reminded_hours == 24


def test_the_last_reminder_names_no_day_because_every_request_moves_the_last_look():
    """Dnscheck looks for 14 days from the customer's last act, of which this worker keeps no time."""
    before = unproven()
    text = next(each.fact for each in consequences(before, looked(before, "nordwind", no(13))).says).text
    assert "Two weeks after your last claim or request" in text.en
    assert "morgen" not in text.de


def test_a_claimant_who_lost_his_proof_is_reminded_anew_and_not_for_the_last_time():
    claim = replace(standing("contested"), claimed_at=NOW - 60 * DAY)
    name = Name(DOMAIN, (active("holder"), claim))
    ended = looked(name, "nordwind", no(1), no(2), no(5))
    assert ended.of("nordwind").state == "claimed"  # type: ignore[union-attr]
    after = looked(ended, "nordwind", no(6))
    assert [each.fact.hours for each in consequences(ended, after).says if isinstance(each.fact, ProofReminder)] == [24]


@given(st.lists(st.integers(0, 15 * 24), max_size=20))
def test_no_reminder_ever_comes_twice_or_early(hours):
    found = reminders(after_hours(each, "not_yet", "wrong_value") for each in hours)
    assert found == sorted(set(found))
    assert set(found) <= set(REMINDER_HOURS)
    assert not found or found[-1] <= max(hours)


# --- what dnscheck's schedule has to give ----------------------------------------------------------------------------


@pytest.mark.parametrize("dice", [b"\x00" * 4, b"\xff" * 4])
def test_dnschecks_schedule_sees_a_loss_within_days_of_the_warning(dice):
    """The ladder needs a look a day while the proof is gone; a day more at most than the 72 hours that it gives."""
    order = WatchDomain(domain_id=held().claims[0].domain_id, domain=DOMAIN, facet="txt")
    watch, name, now = schedule.ordered(None, order, "nordwind", NOW), held(), NOW
    watch = schedule.looked(watch, "confirmed", begun_at=now, deep=False, now=now, dice=dice)
    while name.claims[0].proof != "lapsed":
        assert watch.next_due_at is not None
        now = watch.next_due_at
        watch = schedule.looked(watch, "not_yet", begun_at=now, deep=False, now=now, dice=dice)
        name = looked(name, "nordwind", attempt("not_yet", at=now))
    assert now - name.claims[0].noes[0] < GRACE + 1.3 * DAY


# --- what is shown ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", get_args(DomainState))
def test_a_standing_belongs_to_those_who_were_proven(state):
    name = Name(DOMAIN, (standing(state),))
    proof = view(name.claims[0], name).proof
    assert (proof == "held") == (state in HOLDING or state == "contested")
    assert state not in SOUGHT or proof == "pending"
