"""Transfers between accounts: who is asked, who decides, and that nobody is ever taken over silently."""

from collections import Counter
from datetime import timedelta
from typing import get_args
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.domain_v1 import TransferState
from contracts.refusals import Refusal
from services.domain import rules, transfers
from services.domain.lifecycle import TransferStep, course
from services.domain.outgoing import consequences
from services.domain.rows import Claim, Name
from services.domain.transfers import TIME_TO_ANSWER
from services.domain.views import view
from tests.rules.domain_claims import DOMAIN, HASH, HOUR, NOW, attempt, looked, proven, standing
from tests.rules.domain_world import ACCOUNTS, ACTS, World, active

COURSE = """
          objection  no_answer  grant
open      disputed   overdue    granted
disputed  .          .          granted
overdue   disputed   .          granted
granted   .          .          .
"""
STEPS, *ROWS = (line.split() for line in COURSE.strip().splitlines())
REQUEST = UUID(int=7)
LATER = NOW + TIME_TO_ANSWER


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
@pytest.mark.parametrize("column", range(len(STEPS)), ids=STEPS)
def test_the_course_of_a_transfer_is_exactly_this_matrix(row, column):
    state, wanted = row[0], row[1 + column]
    assert course(state, STEPS[column]) == (state if wanted == "." else wanted)


def test_the_matrix_names_every_state_and_every_step():
    assert {row[0] for row in ROWS} == set(get_args(TransferState))
    assert set(STEPS) == set(get_args(TransferStep))


def contested(*claimants: str) -> Name:
    """Return a name that an account holds and others have proven, an hour after the other."""
    name = Name(DOMAIN, (active("holder"), *(standing("claimed", account) for account in claimants)))
    for hours, account in enumerate(claimants):
        name = proven(name, account, NOW + hours * HOUR)
    return name


def answered(name: Name, *, consent: bool, now=NOW) -> Name:
    after = transfers.answer(name, "holder", consent=consent, request_id=REQUEST, now=now)
    assert isinstance(after, Name)
    return after


def decided(name: Name, to, claimant=None) -> Name | Refusal:
    return transfers.decide(name, "holder", to=to, claimant=claimant, request_id=REQUEST, now=NOW)


def vacated(name: Name) -> Name:
    return rules.vacated(name, claim_of(name, "holder"), REQUEST, NOW)


def claim_of(name: Name, account: str) -> Claim:
    claim = name.of(account)
    assert claim is not None
    return claim


def transfer_state(name: Name, account: str) -> str | None:
    transfer = claim_of(name, account).transfer
    return transfer and transfer.state


def said(before: Name, after: Name) -> list[tuple[str, str]]:
    return [(type(each.fact).__name__, str(each.account)) for each in consequences(before, after).says]


# --- opening ------------------------------------------------------------------------------------------------------


def test_a_later_proof_opens_a_transfer_and_changes_nothing_for_the_holder():
    before = Name(DOMAIN, (active("holder"), standing("claimed", "claimant")))
    after = proven(before, "claimant")
    holder = claim_of(after, "holder")
    assert (holder.state, holder.proof) == ("active", "held")
    assert claim_of(after, "claimant").state == "contested"
    done = consequences(before, after)
    assert [(type(each.fact).__name__, each.account, each.fact.role) for each in done.says] == [
        ("TransferOpened", "holder", "holder"),
        ("TransferOpened", "claimant", "claimant"),
    ]
    assert {each.fact.answer_by for each in done.says} == {LATER}
    [due] = done.timings
    assert (due.due_at, due.account) == (LATER, "claimant")
    assert [(order.account, order.order.facet) for order in done.orders] == [("holder", "txt")]


def test_each_side_sees_its_part_and_never_the_other_side():
    name = contested("claimant")
    holder, claimant = (view(claim_of(name, account), name) for account in ("holder", "claimant"))
    assert holder.transfer is not None
    assert claimant.transfer is not None
    assert (holder.transfer.role, holder.transfer.claimant_proof) == ("holder", "held")
    assert (claimant.transfer.role, claimant.transfer.holder_proof) == ("claimant", None)
    assert "claimant" not in holder.model_dump_json(exclude={"transfer"})
    assert '"holder"' not in claimant.model_dump_json()


def test_an_unproven_claim_is_invisible_to_the_holder():
    name = Name(DOMAIN, (active("holder"), standing("claimed", "claimant")))
    assert view(claim_of(name, "holder"), name).transfer is None


def test_a_second_claimant_opens_a_transfer_of_its_own():
    before = contested("first").having(standing("claimed", "second"))
    after = proven(before, "second", NOW + HOUR)
    assert said(before, after) == [("TransferOpened", "holder"), ("TransferOpened", "second")]
    shown = view(claim_of(after, "holder"), after).transfer
    assert shown is not None
    assert shown.opened_at == NOW, "the eldest is shown"


def test_looking_again_at_a_claimant_tells_nobody_anything():
    before = contested("claimant")
    assert said(before, proven(before, "claimant", NOW + HOUR)) == []


# --- how the proofs stand -----------------------------------------------------------------------------------------


def test_a_holder_without_proof_against_a_claimant_with_one_is_said_so():
    name = contested("claimant")
    for days in (1, 2, 4, 5):
        name = looked(name, "holder", attempt("not_yet", at=NOW + timedelta(days=days)))
    shown = view(claim_of(name, "holder"), name).transfer
    assert shown is not None
    assert (shown.holder_proof, shown.claimant_proof) == ("lapsed", "held")
    assert "speaks for the other account" in shown.text.en
    assert claim_of(name, "holder").state == "active", "still nobody is taken over"


def test_a_holder_who_proves_again_keeps_the_transfer_open_and_reads_that_both_have_proofs():
    name = looked(contested("claimant"), "holder", attempt("not_yet", at=NOW + HOUR))
    name = looked(name, "holder", attempt(at=NOW + 2 * HOUR))
    shown = view(claim_of(name, "holder"), name).transfer
    assert shown is not None
    assert shown.state == "open"
    assert "Both proofs are in the DNS." in shown.text.en


def test_a_claimant_whose_proof_lapses_is_a_claimant_no_more():
    name = contested("claimant")
    for days in (1, 2):
        name = looked(name, "claimant", attempt("not_yet", at=NOW + timedelta(days=days)))
    after = looked(name, "claimant", attempt("not_yet", at=NOW + timedelta(days=5)))
    assert claim_of(after, "claimant").state == "claimed"
    assert said(name, after) == [("TransferClosed", "holder"), ("TransferClosed", "claimant")]
    assert view(claim_of(after, "holder"), after).transfer is None
    again = proven(after, "claimant", NOW + timedelta(days=6))
    assert transfer_state(again, "claimant") == "open"


# --- the holder's answer --------------------------------------------------------------------------------------------


def test_an_objection_is_told_to_both_and_leaves_all_as_it_is():
    before = contested("first", "second")
    after = answered(before, consent=False)
    assert [transfer_state(after, account) for account in ("first", "second")] == ["disputed"] * 2
    assert sorted(said(before, after)) == [("TransferDisputed", account) for account in ("first", "holder", "second")]
    assert claim_of(after, "holder").state == "active"
    assert answered(after, consent=False) is after


@pytest.mark.parametrize("earlier", ["none", "objected", "overdue"])
def test_consent_hands_the_name_on_after_mailbox_and_one_more_look(earlier):
    name = contested("claimant")
    if earlier == "objected":
        name = answered(name, consent=False)
    if earlier == "overdue":
        name = transfers.overdue(name, "claimant", claim_of(name, "claimant").domain_id, LATER)
    leaving = answered(name, consent=True)
    assert claim_of(leaving, "holder").state == "removing"
    free = vacated(leaving)
    assert claim_of(free, "holder").state == "removed"
    assert transfer_state(free, "claimant") == "granted"
    [order] = [order for order in consequences(leaving, free).orders if order.account == "claimant"]
    assert order.order.facet == "txt"
    after = proven(free, "claimant", NOW + HOUR)
    assert claim_of(after, "claimant").state == "verified"
    assert claim_of(after, "claimant").domain_id != claim_of(name, "holder").domain_id


def test_a_domain_with_mailboxes_stays_and_the_transfer_with_it():
    name = answered(contested("claimant"), consent=True)
    holder = claim_of(name, "holder")
    fact = rules.DomainOccupied(domain=DOMAIN, domain_id=holder.domain_id, mailboxes=2, aliases=1)
    kept, reason = rules.occupied(name, holder, fact, REQUEST, NOW)
    assert reason.code == "domain_has_mailboxes"
    assert (claim_of(kept, "holder").state, claim_of(kept, "holder").yielding) == ("active", None)
    assert transfer_state(kept, "claimant") == "open"


def test_what_mailbox_says_to_a_removal_of_before_leaves_a_consent_waiting_for_its_own_answer():
    """Two removals, the first of them refused, then a consent: the second's answer comes after it."""
    name = answered(contested("first", "second"), consent=True)
    holder = claim_of(name, "holder")
    fact = rules.DomainOccupied(domain=DOMAIN, domain_id=holder.domain_id, mailboxes=1, aliases=0)
    kept, reason = rules.occupied(name, holder, fact, UUID(int=8), NOW)
    assert reason.code == "domain_has_mailboxes"
    assert kept is name
    assert transfer_state(vacated(kept), "first") == "granted"


def test_a_domain_that_was_never_active_is_given_up_at_once():
    name = Name(DOMAIN, (standing("verified", "holder"), standing("claimed", "claimant")))
    after = answered(proven(name, "claimant"), consent=True)
    assert claim_of(after, "holder").state == "removed"
    assert transfer_state(after, "claimant") == "granted"


@pytest.mark.parametrize("account", ["claimant", "stranger"])
def test_only_the_holder_answers(account):
    name = contested("claimant")
    refused = transfers.answer(name, account, consent=True, request_id=REQUEST, now=NOW)
    assert isinstance(refused, Refusal)
    assert refused.code == ("no_transfer" if account == "claimant" else "domain_unknown")


def test_without_a_transfer_there_is_nothing_to_answer_or_decide():
    name = Name(DOMAIN, (active("holder"), standing("claimed", "claimant")))
    for refused in (
        transfers.answer(name, "holder", consent=True, request_id=REQUEST, now=NOW),
        decided(name, "claimant"),
        decided(contested("claimant"), "claimant", "stranger"),
    ):
        assert isinstance(refused, Refusal)
        assert refused.code == "no_transfer"


def test_a_domain_on_its_way_out_is_not_given_away_as_well():
    name = answered(contested("claimant"), consent=True)
    refused = transfers.answer(name, "holder", consent=True, request_id=UUID(int=8), now=NOW)
    assert isinstance(refused, Refusal)
    assert refused.code == "domain_not_active"


# --- time and the operator ------------------------------------------------------------------------------------------


def test_without_an_answer_both_are_told_and_nothing_else_happens():
    before = contested("claimant")
    id_ = claim_of(before, "claimant").domain_id
    assert transfers.overdue(before, "claimant", id_, LATER - HOUR) is before
    after = transfers.overdue(before, "claimant", id_, LATER)
    assert said(before, after) == [("TransferOverdue", "holder"), ("TransferOverdue", "claimant")]
    assert claim_of(after, "holder").state == "active"
    assert transfers.overdue(after, "claimant", id_, LATER + HOUR) is after


def test_a_wake_up_for_what_is_over_does_nothing():
    disputed = answered(contested("claimant"), consent=False)
    id_ = claim_of(disputed, "claimant").domain_id
    assert transfers.overdue(disputed, "claimant", id_, LATER) is disputed
    assert transfers.overdue(disputed, "claimant", UUID(int=99), LATER) is disputed
    assert transfers.overdue(Name(DOMAIN), "claimant", id_, LATER) == Name(DOMAIN)


def test_decided_for_the_holder_the_claim_is_lost():
    before = contested("first", "second")
    after = decided(before, "holder")
    assert isinstance(after, Name)
    assert sorted(said(before, after)) == [("ClaimLost", "first"), ("ClaimLost", "second")]
    one = decided(before, "holder", "first")
    assert isinstance(one, Name)
    assert [claim_of(one, account).state for account in ("first", "second")] == ["lost", "contested"]


def test_decided_for_a_claimant_his_turn_is_before_the_eldest():
    name = contested("first", "second")
    refused = decided(name, "claimant")
    assert isinstance(refused, Refusal)
    assert refused.code == "claimant_ambiguous"
    leaving = decided(name, "claimant", "second")
    assert isinstance(leaving, Name)
    free = vacated(leaving)
    assert transfer_state(free, "second") == "granted"
    rival = proven(free, "first", NOW + 2 * HOUR)
    assert claim_of(rival, "first").state == "contested", "the name is kept free"
    after = proven(rival, "second", NOW + 3 * HOUR)
    assert [claim_of(after, account).state for account in ("first", "second")] == ["lost", "verified"]


# --- ends in the middle ---------------------------------------------------------------------------------------------


def looks_ordered(before: Name, after: Name) -> list[tuple[str | None, bool]]:
    """The looks for proofs that follow from a change: whose, and whether from the beginning."""
    orders = consequences(before, after).orders
    return [(order.account, order.order.is_anew) for order in orders if order.order.facet == "txt"]


def test_who_is_granted_a_name_without_a_proof_passes_it_on():
    free = vacated(answered(contested("first", "second"), consent=True))
    after = looked(free, "first", attempt("not_yet", at=NOW + 2 * HOUR))
    assert claim_of(after, "first").state == "claimed"
    assert transfer_state(after, "second") == "granted"
    assert looks_ordered(free, after) == [("first", True), ("second", False)]  # anew, and for the name


def test_who_is_granted_a_name_waits_through_an_outage():
    free = vacated(answered(contested("first", "second"), consent=True))
    assert transfer_state(looked(free, "first", attempt("could_not_ask", at=NOW + 2 * HOUR)), "first") == "granted"


def test_who_proves_a_name_that_is_kept_free_for_another_has_his_turn_after_him():
    """His next regular look would be a day or a week away, and until then he would read that his record is missing."""
    before = vacated(answered(contested("first"), consent=True)).having(standing("claimed", "third"))
    waiting = proven(before, "third", NOW + HOUR)
    assert transfer_state(waiting, "third") == "open"
    assert said(before, waiting) == [("TransferOpened", "third")]
    after = looked(waiting, "first", attempt("not_yet", at=NOW + 2 * HOUR))
    assert transfer_state(after, "third") == "granted"
    assert looks_ordered(waiting, after) == [("first", True), ("third", False)]
    lost = proven(waiting, "first", NOW + 2 * HOUR)
    assert claim_of(lost, "third").state == "lost"


def test_a_name_is_not_kept_free_for_ever():
    free = vacated(answered(contested("first", "second"), consent=True))
    silence = attempt("could_not_ask", at=NOW + TIME_TO_ANSWER)
    after = looked(free, "first", silence)
    assert claim_of(after, "first").state == "claimed"
    assert transfer_state(after, "second") == "granted"
    again = claim_of(after, "second").transfer
    assert again is not None
    assert again.answer_by == NOW + 2 * TIME_TO_ANSWER


def test_a_claimant_may_withdraw_and_the_holder_is_told():
    before = contested("claimant")
    after = rules.remove(before, "claimant", NOW)
    assert isinstance(after, Name)
    assert said(before, after) == [("TransferClosed", "holder")]
    assert view(claim_of(after, "holder"), after).transfer is None


def test_a_claimant_who_withdraws_after_the_consent_leaves_the_name_to_the_next():
    leaving = answered(contested("first", "second"), consent=True)
    without = rules.remove(leaving, "first", NOW)
    assert isinstance(without, Name)
    assert transfer_state(vacated(without), "second") == "granted"


def test_a_holder_who_removes_the_domain_himself_leaves_it_to_the_eldest():
    leaving = rules.remove(contested("first", "second"), "holder", NOW)
    assert isinstance(leaving, Name)
    free = rules.vacated(leaving, claim_of(leaving, "holder"), UUID(int=8), NOW)
    assert transfer_state(free, "first") == "granted"


def test_a_password_that_came_early_activates_what_is_handed_on():
    name = contested("claimant")
    with_password = rules.set_password(name, "claimant", HASH, NOW)
    assert isinstance(with_password, Claim)
    free = vacated(answered(name.having(with_password), consent=True))
    assert claim_of(proven(free, "claimant", NOW + HOUR), "claimant").state == "active"


# --- whatever happens -----------------------------------------------------------------------------------------------

ACT = st.tuples(st.sampled_from(ACTS), st.sampled_from(ACCOUNTS), st.integers(0, 80))
ONCE = {"DomainVerified", "DomainActivated", "ClaimLost"}  # in the life of one claim


@given(st.lists(ACT, max_size=60))
def test_whatever_happens_there_is_one_holder_and_nothing_is_told_twice(acts):
    """What must hold after every act stands in the world."""
    world = World()
    for act, account, hours in acts:
        world.act(act, account, hours)
    counted = Counter(told for told in world.told if told[0] in ONCE)
    assert not [told for told, times in counted.items() if times > 1]
    alternating(world, {"DomainAtRisk"}, {"DomainRecovered"})


def alternating(world: World, down: set[str], up: set[str]) -> None:
    """No warning follows a warning, no recovery a recovery, within one claim."""
    last: dict[UUID, str] = {}
    for fact, _, claim in world.told:
        if fact in down | up:
            assert last.get(claim) != fact
            last[claim] = fact


@given(st.permutations(["first", "second", "third"]), st.permutations(["first", "second", "third"]))
def test_the_order_of_later_looks_does_not_change_whose_turn_it_is(opened, looks):
    name = contested(*opened)
    for hours, account in enumerate(looks):
        name = proven(name, account, NOW + timedelta(hours=10 + hours))
    free = vacated(answered(name, consent=True))
    granted = free.granted()
    assert granted is not None
    assert granted.account == opened[0]
