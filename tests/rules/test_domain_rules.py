"""Claims: their life cycle, who wins a name, what a customer may ask for."""

from dataclasses import replace
from datetime import timedelta
from typing import get_args
from uuid import UUID

import pytest

from contracts.base import Text
from contracts.dnscheck_v1 import MxAttempt
from contracts.domain_v1 import DomainState
from contracts.mailbox_v1 import DomainOccupied
from contracts.refusals import Refusal
from services.domain import rules
from services.domain.lifecycle import LIFE_CYCLE, Trigger, after
from services.domain.rows import ENDED, HOLDING, Account, Claim, Name
from tests.rules.domain_claims import DOMAIN, HASH, NOW, attempt, claimed, proven, standing

WORDS = Text(de="x", en="x")

# One line per state, one column per trigger; a dot leaves the claim as it is.
MATRIX = """
          claim   resume  looks_ended proof    late_proof rival_proof proof_gone decided_against password remove   vacated occupied kept
claimed   .       .       abandoned   verified contested  lost        .          .               .        removed  .       .        .
abandoned .       claimed .           verified contested  lost        .          .               .        removed  .       .        .
contested .       .       .           verified .          lost        claimed    lost            .        removed  .       .        .
verified  .       .       .           .        .          .           .          .               active   removed  .       .        .
active    .       .       .           .        .          .           .          .               .        removing .       .        .
removing  .       .       .           .        .          .           .          .               .        .        removed active   active
lost      claimed .       .           .        .          .           .          .               .        removed  .       .        .
removed   claimed .       .           .        .          .           .          .               .        .        .       .        .
"""  # noqa: E501
TRIGGERS, *ROWS = (line.split() for line in MATRIX.strip().splitlines())


def mx(state) -> MxAttempt:
    return MxAttempt(state=state, code=state, text=WORDS, expected=(), checked_at=NOW, elapsed_ms=1)


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
@pytest.mark.parametrize("column", range(len(TRIGGERS)), ids=TRIGGERS)
def test_the_life_cycle_is_exactly_this_matrix(row, column):
    state, wanted = row[0], row[1 + column]
    assert after(state, TRIGGERS[column]) == (state if wanted == "." else wanted)


def test_the_matrix_names_every_state_and_every_trigger():
    assert {row[0] for row in ROWS} == set(get_args(DomainState))
    assert set(TRIGGERS) == set(get_args(Trigger))


def test_every_state_is_reached_from_a_claim():
    reached = {"claimed"}
    for _ in LIFE_CYCLE:
        reached |= {to for (state, _), to in LIFE_CYCLE.items() if state in reached}
    assert reached == set(get_args(DomainState))


# --- claims -----------------------------------------------------------------------------------------------------


def test_a_token_is_160_bits_in_32_lower_case_characters():
    token = rules.token_of(bytes(range(20)))
    assert len(token) == 32
    assert token == token.lower()


def test_the_same_claim_again_keeps_its_record():
    claim = standing("claimed")
    assert claimed(Name(DOMAIN, (claim,)), claim.account) is claim


def test_the_same_claim_again_may_bring_the_password():
    claim = standing("claimed")
    again = claimed(Name(DOMAIN, (claim,)), claim.account, password_hash=HASH)
    assert isinstance(again, Claim)
    assert (again.token, again.password_hash, again.revision) == (claim.token, HASH, claim.revision + 1)


@pytest.mark.parametrize("state", sorted(HOLDING))
def test_a_held_domain_is_not_claimed_again(state):
    reason = claimed(Name(DOMAIN, (standing(state),)), "nordwind")
    assert isinstance(reason, Refusal)
    assert reason.code == "domain_already_claimed"


@pytest.mark.parametrize("state", sorted(ENDED))
def test_an_ended_claim_begins_anew_and_remembers_its_token(state):
    ended = standing(state)
    anew = claimed(Name(DOMAIN, (ended,)), ended.account)
    assert isinstance(anew, Claim)
    assert anew.state == "claimed"
    assert anew.domain_id != ended.domain_id
    assert anew.token != ended.token
    assert anew.old_tokens == (ended.token,)
    assert anew.revision == ended.revision + 1


def test_a_claim_of_another_account_is_nobodys_business():
    name = Name(DOMAIN, (standing("active", "suedwind"),))
    assert isinstance(claimed(name, "nordwind"), Claim)
    assert rules.open_claim(name, "nordwind").code == "domain_unknown"  # type: ignore[union-attr]


# --- proofs -----------------------------------------------------------------------------------------------------


def test_the_first_proof_wins_and_the_others_lose():
    name = Name(DOMAIN, (standing("claimed", "nordwind"), standing("claimed", "suedwind")))
    name = proven(name, "suedwind")
    assert [(claim.account, claim.state) for claim in name.claims if claim.state == "verified"] == [
        ("suedwind", "verified")
    ]
    assert name.of("nordwind").state == "lost"  # type: ignore[union-attr]


def test_a_proof_with_a_password_there_activates_in_one_step():
    claim = replace(standing("claimed"), password_hash=HASH)
    won = proven(Name(DOMAIN, (claim,)), claim.account).of(claim.account)
    assert won is not None
    assert (won.state, won.verified_at, won.activated_at) == ("active", NOW, NOW)
    assert won.revision == claim.revision + 1


def test_a_regular_look_at_the_holder_takes_nothing_from_claims_made_since():
    newcomer = standing("contested", "suedwind")
    name = proven(Name(DOMAIN, (standing("active"), newcomer)), "nordwind")
    assert name.of("suedwind") is newcomer


@pytest.mark.parametrize("kind", ["not_yet", "could_not_ask"])
@pytest.mark.parametrize("state", sorted(set(get_args(DomainState)) - {"abandoned"}))
def test_one_look_that_does_not_confirm_moves_no_claim(kind, state):
    claim = standing(state)
    noted = rules.txt_checked(Name(DOMAIN, (claim,)), claim, attempt(kind), NOW).of(claim.account)
    assert noted is not None
    assert noted.state == state
    assert noted.last_attempt is not None


def test_an_mx_look_that_learned_nothing_keeps_the_state():
    claim = replace(standing("active"), mx="ok")
    assert rules.mx_checked(claim, mx("unknown"), NOW).mx == "ok"
    assert rules.mx_checked(claim, mx("foreign"), NOW).mx == "foreign"


# --- password, removal, features ----------------------------------------------------------------------------------


def test_the_password_activates_a_verified_domain():
    claim = replace(standing("verified"), verified_at=NOW)
    active = rules.set_password(Name(DOMAIN, (claim,)), claim.account, HASH, NOW)
    assert isinstance(active, Claim)
    assert (active.state, active.activated_at) == ("active", NOW)


def test_an_early_password_waits_for_the_proof():
    claim = standing("claimed")
    stored = rules.set_password(Name(DOMAIN, (claim,)), claim.account, HASH, NOW)
    assert isinstance(stored, Claim)
    assert (stored.state, stored.password_hash) == ("claimed", HASH)


@pytest.mark.parametrize(
    ("state", "code"), [("removed", "domain_unknown"), ("lost", "claim_lost"), ("removing", "domain_not_active")]
)
def test_a_claim_that_has_ended_takes_no_password(state, code):
    reason = rules.set_password(Name(DOMAIN, (standing(state),)), "nordwind", HASH, NOW)
    assert isinstance(reason, Refusal)
    assert reason.code == code


def test_only_a_domain_that_was_active_is_removed_by_way_of_mailbox():
    active = replace(standing("active"), password_hash=HASH)
    assert removed(active).state == "removing"
    for state in ("claimed", "contested", "verified", "lost"):
        assert removed(standing(state)).state == "removed"


def removed(claim: Claim) -> Claim:
    name = rules.remove(Name(DOMAIN, (claim,)), claim.account, NOW)
    assert isinstance(name, Name)
    return name.claims[0]


def vacated(claim: Claim) -> Claim:
    return rules.vacated(Name(DOMAIN, (claim,)), claim, UUID(int=1), NOW).claims[0]


def test_a_removal_asked_for_twice_changes_nothing_more():
    claim = replace(standing("removing"), password_hash=HASH)
    assert removed(claim) is claim
    gone = vacated(claim)
    assert vacated(gone) is gone


def test_a_domain_that_mailbox_has_closed_is_removed_though_an_earlier_removal_was_refused():
    gone = vacated(replace(standing("active"), password_hash=HASH, activated_at=NOW))
    assert (gone.state, gone.password_hash) == ("removed", None)


def test_a_removed_domain_keeps_no_password_and_no_proof():
    gone = vacated(replace(standing("removing"), password_hash=HASH))
    assert (gone.password_hash, gone.proof) == (None, "pending")


def test_an_occupied_domain_is_active_again_and_says_what_stands_under_it():
    claim = replace(standing("removing"), password_hash=HASH, activated_at=NOW)
    fact = DomainOccupied(domain=DOMAIN, domain_id=claim.domain_id, mailboxes=3, aliases=1)
    name, reason = rules.occupied(Name(DOMAIN, (claim,)), claim, fact, UUID(int=1), NOW + timedelta(days=1))
    kept = name.claims[0]
    assert (kept.state, kept.password_hash, kept.activated_at) == ("active", HASH, NOW)
    assert reason.findings[0].details["mailboxes"] == 3


def test_an_undo_puts_the_set_before_back_and_again_the_one_after():
    claim = rules.set_features(standing("active"), ("backup",), NOW)
    undone = rules.undo_features(claim, NOW)
    assert undone.features == ()
    assert rules.undo_features(undone, NOW).features == ("backup",)


def test_an_equal_set_is_a_set_too_and_its_undo_changes_no_default():
    claim = replace(standing("active"), features=("backup",))
    equal = rules.set_features(claim, ("backup",), NOW)
    assert (equal.former_features, rules.undo_features(equal, NOW).features) == (("backup",), ("backup",))


def test_what_was_never_set_has_nothing_to_undo():
    assert rules.undo_features(standing("active"), NOW).code == "nothing_to_undo"


# --- accounts -----------------------------------------------------------------------------------------------------


def test_a_reseller_is_refused_on_the_console_alone():
    reseller = Account("nordwind", "active", "reseller", self_service=False, revision=1)
    assert rules.stand_of(reseller, "nordwind", "console").code == "reseller_api_only"  # type: ignore[union-attr]
    assert rules.stand_of(reseller, "nordwind", "api") is None
    assert rules.stand_of(None, "nordwind", "console") is None


def test_a_suspended_account_changes_nothing():
    suspended = Account("nordwind", "suspended", "gold", self_service=True, revision=2)
    assert rules.stand_of(suspended, "nordwind", "bus").code == "account_not_active"  # type: ignore[union-attr]
