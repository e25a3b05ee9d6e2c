"""What happens to a mailbox, and who may have an address."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args
from uuid import UUID

import pytest

from contracts.billing_v1 import PlanTerms, Reservation
from contracts.mailbox_v1 import CreateMailbox
from contracts.refusals import Refusal
from services.mailbox import rules
from services.mailbox.rows import Account, Domain, Mailbox, Ownership
from services.mailbox.rules import LIFE_CYCLE, Stage, Verb

DAY = timedelta(days=1)
NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
HASH = "{BLF-CRYPT}$2b$12$" + "x" * 53
OFFICE = PlanTerms(plan="office", price_cents=450, mail_bytes=25, cloud_bytes=25, groupware=True, catalogue="2027-01")
MAIL = PlanTerms(plan="mail", price_cents=100, mail_bytes=1, cloud_bytes=0, groupware=False, catalogue="2027-01")
ANNA = Mailbox(
    address="anna@nordwind.de", account="nordwind", domain="nordwind.de", first_name="Anna", last_name="Berg",
    state="active", plan="office", price_cents=450, mail_bytes=25, cloud_bytes=25, groupware=True,
    catalogue="2027-01", created_at=NOW, updated_at=NOW, revision=4,
)  # fmt: skip
STAGES = {"absent", "active", "suspended", "deleting", "deleted"}


def codes(decision: object) -> list[str]:
    assert isinstance(decision, Refusal)
    return [finding.code for finding in decision.findings]


def after(stage: Stage, verb: Verb) -> str | None:
    """Say in words what the table says in pairs."""
    if verb == "create-mailbox":
        return "active" if stage in ("absent", "deleted") else None
    if verb == "erase-person":
        return "deleted" if stage == "deleted" else None
    if stage in ("absent", "deleted"):
        return None
    if verb in ("schedule-deletion", "delete-mailbox"):
        return "deleting" if verb == "schedule-deletion" else "deleted"
    if verb == "vacate-domain":
        return stage
    if stage == "deleting" or verb == "undelete-mailbox":
        return "active" if (stage, verb) == ("deleting", "undelete-mailbox") else None
    if verb == "suspend-mailbox":
        return "suspended" if stage == "active" else None
    if verb == "reactivate-mailbox":
        return "active" if stage == "suspended" else None
    return stage


@pytest.mark.parametrize("verb", get_args(Verb))
@pytest.mark.parametrize("stage", sorted(STAGES))
def test_every_pair_of_state_and_request_is_decided(stage: Stage, verb: Verb) -> None:
    assert LIFE_CYCLE.get((stage, verb)) == after(stage, verb)


@pytest.mark.parametrize("verb", sorted(set(get_args(Verb)) - {"create-mailbox"}))
@pytest.mark.parametrize("state", ["active", "suspended", "deleting", "deleted"])
def test_a_request_moves_a_mailbox_as_the_table_says_or_names_its_state(state: str, verb: Verb) -> None:
    mailbox = replace(ANNA, state=state, deleted_at=NOW if state == "deleted" else None)
    entered = rules.enter(mailbox, "nordwind", ANNA.address, verb, NOW)
    if (state, verb) in LIFE_CYCLE:
        assert isinstance(entered, Mailbox)
        assert (entered.state, entered.revision) == (LIFE_CYCLE[state, verb], ANNA.revision + 1)
    else:
        assert codes(entered) == ["mailbox_state"]


def test_another_accounts_mailbox_is_unknown() -> None:
    assert codes(rules.enter(ANNA, "suedwind", ANNA.address, "rename-person", NOW)) == ["mailbox_unknown"]
    assert codes(rules.enter(None, "suedwind", ANNA.address, "rename-person", NOW)) == ["mailbox_unknown"]


# --- creation ---------------------------------------------------------------------------------------------------


def create(before: Mailbox | None) -> Mailbox | Refusal:
    request = CreateMailbox(
        address=ANNA.address, first_name="Anna", last_name="Berg", plan="office", password_hash=HASH
    )
    return rules.create(request, OFFICE, "nordwind", before, NOW)


def test_a_new_mailbox_has_the_plans_terms_and_nothing_else() -> None:
    made = create(None)
    assert made == replace(ANNA, revision=1, new_password_hash=HASH)


def test_a_mailbox_made_anew_continues_the_revisions_and_inherits_nothing() -> None:
    deleted = replace(ANNA, state="deleted", deleted_at=NOW, account="suedwind", blocked_senders=("@spam.example",))
    made = create(deleted)
    assert made == replace(ANNA, revision=5, new_password_hash=HASH)


def test_a_living_mailbox_is_never_overwritten() -> None:
    assert codes(create(ANNA)) == ["address_taken"]


def test_a_hash_is_not_in_the_rows_repr() -> None:
    assert HASH not in repr(create(None))


# --- who may have an address ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("owner", "code"),
    [
        (None, None),
        (Ownership("a@b.de", "nordwind", "a@b.de"), "address_taken"),
        (Ownership("a@b.de", "suedwind", "x@b.de"), "address_taken"),
        (Ownership("a@b.de", "nordwind", "a@b.de", NOW + DAY), None),
        (Ownership("a@b.de", "suedwind", "a@b.de", NOW + DAY), "address_quarantined"),
        (Ownership("a@b.de", "suedwind", "a@b.de", NOW), None),
    ],
)
def test_an_address_is_free_never_owned_or_reclaimed_or_out_of_quarantine(
    owner: Ownership | None, code: str | None
) -> None:
    reason = rules.not_free("a@b.de", owner, "nordwind", NOW)
    assert (reason.code if reason else None) == code


def test_a_taken_address_says_nothing_about_its_owner() -> None:
    reason = rules.not_free("a@b.de", Ownership("a@b.de", "suedwind", "x@b.de"), "nordwind", NOW)
    assert reason is not None
    assert reason.details == {"address": "a@b.de"}


def test_quarantine_names_the_day_it_ends() -> None:
    reason = rules.not_free("a@b.de", Ownership("a@b.de", "suedwind", "a@b.de", NOW + 30 * DAY), "nordwind", NOW)
    assert reason is not None
    assert reason.details["until"] == "2027-03-31T12:00:00+00:00"


def test_only_the_removed_claim_is_closed_to_mailboxes() -> None:
    removed = Domain("nordwind", "nordwind.de", UUID(int=1), "closed")
    assert rules.closed_to(removed, "nordwind.de", UUID(int=1)) is not None
    assert rules.closed_to(removed, "nordwind.de", UUID(int=2)) is None
    assert rules.closed_to(None, "nordwind.de", UUID(int=1)) is None


def test_a_reservation_holds_up_to_its_last_moment() -> None:
    reservation = Reservation(holders=("mailbox/a@b.de",), expires_at=NOW)
    assert rules.expired(reservation, NOW) is None
    assert codes(rules.expired(reservation, NOW + timedelta(microseconds=1))) == ["reservation_expired"]


# --- plans ------------------------------------------------------------------------------------------------------


def test_the_same_plan_again_is_refused() -> None:
    assert codes(rules.change_plan(ANNA, OFFICE, ())) == ["plan_unchanged"]


def test_every_group_that_needs_the_plan_is_named() -> None:
    refused = rules.change_plan(ANNA, MAIL, ("board", "sales"))
    assert codes(refused) == ["plan_needed_by_group", "plan_needed_by_group"]
    assert isinstance(refused, Refusal)
    assert [finding.details["group"] for finding in refused.findings] == ["board", "sales"]


def test_a_member_of_a_group_may_change_to_another_plan_with_groupware() -> None:
    office_xl = OFFICE.model_copy(update={"plan": "office-xl", "price_cents": 1000})
    changed = rules.change_plan(ANNA, office_xl, ("board",))
    assert isinstance(changed, Mailbox)
    assert (changed.plan, changed.price_cents) == ("office-xl", 1000)


# --- aliases and forwardings ------------------------------------------------------------------------------------


def test_an_alias_that_is_there_is_not_added_twice() -> None:
    mailbox = replace(ANNA, aliases=("a@nordwind.de",))
    changed = rules.add_aliases(mailbox, ("a@nordwind.de", "b@nordwind.de", "b@nordwind.de"), ())
    assert isinstance(changed, Mailbox)
    assert changed.aliases == ("a@nordwind.de", "b@nordwind.de")


def test_an_alias_that_is_forwarded_to_would_be_a_loop() -> None:
    mailbox = replace(ANNA, forwardings=("b@nordwind.de",))
    assert codes(rules.add_aliases(mailbox, ("b@nordwind.de",), ())) == ["forwarding_loop"]


def test_removing_names_every_alias_that_is_not_there_and_removes_none() -> None:
    mailbox = replace(ANNA, aliases=("a@nordwind.de",))
    refused = rules.remove_aliases(mailbox, ("a@nordwind.de", "x@nordwind.de", "y@nordwind.de"))
    assert codes(refused) == ["alias_unknown", "alias_unknown"]


def test_a_mailbox_does_not_forward_to_itself_or_its_alias() -> None:
    mailbox = replace(ANNA, aliases=("a@nordwind.de",))
    refused = rules.set_forwardings(mailbox, (ANNA.address, "a@nordwind.de", "x@else.de"), keep_copy=True)
    assert codes(refused) == ["forwarding_loop", "forwarding_loop"]


def test_forwardings_are_replaced() -> None:
    mailbox = replace(ANNA, forwardings=("old@else.de",))
    changed = rules.set_forwardings(mailbox, ("x@else.de", "x@else.de"), keep_copy=False)
    assert isinstance(changed, Mailbox)
    assert (changed.forwardings, changed.keep_copy) == (("x@else.de",), False)


def test_without_forwardings_the_mail_stays_in_the_inbox() -> None:
    changed = rules.set_forwardings(ANNA, (), keep_copy=False)
    assert isinstance(changed, Mailbox)
    assert changed.keep_copy


# --- blocked senders --------------------------------------------------------------------------------------------


def test_blocked_senders_are_a_sorted_set() -> None:
    changed = rules.block_senders(replace(ANNA, blocked_senders=("b@x.de",)), ("@a.de", "b@x.de"))
    assert isinstance(changed, Mailbox)
    assert changed.blocked_senders == ("@a.de", "b@x.de")
    assert rules.unblock_senders(changed, ("b@x.de", "never@x.de")).blocked_senders == ("@a.de",)


def test_lists_that_no_event_could_carry_are_refused() -> None:
    senders = [f"{'x' * 60}{number}@{'y' * 60}.example" for number in range(2000)]
    assert codes(rules.block_senders(ANNA, senders)) == ["lists_too_long"]


# --- standing -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("account", "channel", "code"),
    [
        (None, "console", None),
        (Account("a", "active", "silver", self_service=True, revision=1), "console", None),
        (Account("a", "active", "reseller", self_service=False, revision=1), "api", None),
        (Account("a", "active", "reseller", self_service=False, revision=1), "console", "reseller_api_only"),
        (Account("a", "suspended", "silver", self_service=True, revision=1), "api", "account_not_active"),
    ],
)
def test_a_reseller_is_managed_over_the_api_only(account: Account | None, channel: str, code: str | None) -> None:
    refused = rules.stand_of(account, "a", channel)
    assert (refused.code if refused else None) == code
