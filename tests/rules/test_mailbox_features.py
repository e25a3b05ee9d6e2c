"""Features of mailboxes and domains: exact in any sequence of sets (R30, R31); what stands under a domain."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from contracts.mailbox_v1 import FeatureState
from contracts.refusals import Refusal
from services.mailbox import features
from services.mailbox.rows import Domain, Mailbox, Tally

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
DOMAIN = Domain("nordwind", "nordwind.de", UUID(int=1))
FEATURES = ("backup", "blacklist", "spam_and_virus_protection")
NAMES = ("anna", "bela", "cora", "dora")

some_features = st.sets(st.sampled_from(FEATURES)).map(lambda on: tuple(sorted(on)))


def mailbox(name: str) -> Mailbox:
    return Mailbox(
        address=f"{name}@nordwind.de", account="nordwind", domain="nordwind.de", first_name="A", last_name="B",
        state="active", plan="mail", price_cents=100, mail_bytes=1, cloud_bytes=0, groupware=False, catalogue="1",
        created_at=NOW, updated_at=NOW, revision=1,
    )  # fmt: skip


class Own:
    """One setting of a mailbox's own: two with equal features are two."""

    def __init__(self, on: tuple[str, ...]) -> None:
        self.on, self.counts = on, True


class FeatureSets(RuleBasedStateMachine):
    """Sets and undos in any order, beside a model that does what R31 says the long way: mailbox by mailbox.

    A mailbox that goes is gone, one of the same name is another; a domain claimed anew begins with nothing.
    """

    def __init__(self) -> None:
        super().__init__()
        self.domain = DOMAIN
        self.mailboxes: dict[str, Mailbox] = {}
        self.latest: dict[str, FeatureState] = {}  # as the history keeps it
        self.of_domain: tuple[str, ...] | None = None
        self.own: dict[str, Own | None] = {}
        self.former: tuple[tuple[str, ...] | None, list[tuple[str, Own]], bool] | None = None
        self.former_own: dict[str, tuple[str, ...] | None] = {}

    def counted(self, name: str) -> tuple[str, ...] | None:
        own = self.own[name]
        return own.on if own and own.counts else None

    def change_own(self, name: str, after: Mailbox, on: tuple[str, ...] | None) -> None:
        self.latest[name] = features.of_mailbox(self.mailboxes[name], self.domain)
        self.former_own[name] = self.counted(name)
        self.write(name, after)
        self.own[name] = None if on is None else Own(on)

    def write(self, name: str, after: Mailbox) -> None:
        self.domain = features.recounted(self.domain, self.mailboxes.get(name), after)
        self.mailboxes[name] = after

    @rule(name=st.sampled_from(NAMES))
    def create(self, name: str) -> None:
        if name not in self.own:
            self.write(name, mailbox(name))
            self.own[name] = None

    @rule(name=st.sampled_from(NAMES))
    def delete(self, name: str) -> None:
        if name in self.own:
            self.write(name, replace(self.mailboxes[name], state="deleted", deleted_at=NOW))
            for known in (self.own, self.latest, self.former_own):
                known.pop(name, None)

    @rule(name=st.sampled_from(NAMES), on=st.none() | some_features)
    def set_for_mailbox(self, name: str, on: tuple[str, ...] | None) -> None:
        if name in self.own:
            self.change_own(name, features.set_for_mailbox(self.mailboxes[name], self.domain, on), on)

    @rule(name=st.sampled_from(NAMES), on=some_features, keep=st.booleans())
    def set_for_domain(self, name: str, on: tuple[str, ...], keep: bool) -> None:
        self.domain = features.set_for_domain(self.domain, on, keep_mailbox_settings=keep)
        ended = [(name, own) for name, own in self.own.items() if own and own.counts and not keep]
        for _, own in ended:
            own.counts = False
        self.former = (self.of_domain, ended, True)
        self.of_domain = on

    @rule()
    def undo_for_domain(self) -> None:
        after = features.undo_for_domain(self.domain)
        assert isinstance(after, Refusal) == (self.former is None)
        if self.former is not None and isinstance(after, Domain):
            self.domain = after
            former, owns, count = self.former
            for name, own in owns:
                if self.own.get(name) is own:
                    own.counts = count
            self.former = (self.of_domain, owns, not count)
            self.of_domain = former

    @rule(name=st.sampled_from(NAMES))
    def undo_for_mailbox(self, name: str) -> None:
        if name not in self.own:
            return
        after = features.undo_for_mailbox(self.mailboxes[name], self.domain, self.latest.get(name))
        own = self.own[name]
        if own is not None and not own.counts:
            assert isinstance(after, Mailbox)
            self.change_own(name, after, own.on)
        elif name in self.former_own:
            assert isinstance(after, Mailbox)
            self.change_own(name, after, self.former_own[name])
        else:
            assert isinstance(after, Refusal)
            assert after.code == "nothing_to_undo"

    @rule()
    def move_the_domain(self) -> None:
        """Give the domain up and claim it anew, which is possible only once nothing stands under it."""
        closed = features.closed(self.domain, "nordwind", "nordwind.de", self.domain.domain_id)
        assert isinstance(closed, Tally) == bool(self.own)
        if isinstance(closed, Domain):
            anew = UUID(int=self.domain.domain_id.int + 1)
            self.domain = features.opened(closed, "nordwind", "nordwind.de", anew)
            self.of_domain, self.former = None, None

    @invariant()
    def every_target_is_exactly_as_last_set(self) -> None:
        of_domain = ((), "default") if self.of_domain is None else (self.of_domain, "domain")
        for name in self.own:
            own, state = self.counted(name), features.of_mailbox(self.mailboxes[name], self.domain)
            assert (state.on, state.origin) == (of_domain if own is None else (own, "mailbox"))
        state = features.of_domain(self.domain)
        assert (state.on, state.origin) == of_domain

    @invariant()
    def counters_are_the_mailboxes(self) -> None:
        own = [name for name in self.own if self.counted(name) is not None]
        tally = self.domain.tally
        assert (tally.mailboxes, tally.aliases, tally.own_settings) == (len(self.own), 0, len(own))
        assert features.following(self.domain) == len(self.own) - len(own)

    @invariant()
    def a_subscriber_can_tell_what_is_on(self) -> None:
        """As docs/features.md has it: from a mailbox's own set and from when on own ones count."""
        for name, mailbox in self.mailboxes.items():
            if name in self.own:
                state = features.of_mailbox(mailbox, self.domain)
                counts = state.own is not None and state.own.epoch >= self.domain.counts_from
                assert state.on == (state.own.on if state.own and counts else features.of_domain(self.domain).on)


FeatureSets.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
test_features_are_exact_in_any_sequence_of_sets = FeatureSets.TestCase


def test_the_empty_set_switches_everything_off_and_is_an_own_setting() -> None:
    domain = features.set_for_domain(DOMAIN, ("backup",), keep_mailbox_settings=False)
    state = features.of_mailbox(features.set_for_mailbox(mailbox("anna"), domain, ()), domain)
    assert (state.on, state.origin) == ((), "mailbox")


def test_a_domain_wide_set_costs_one_row_whatever_the_number_of_mailboxes() -> None:
    crowded = replace(DOMAIN, tally=Tally(mailboxes=100_000, own_settings=30_000))
    changed = features.set_for_domain(crowded, ("backup",), keep_mailbox_settings=False)
    assert (features.following(changed), changed.epoch) == (100_000, 1)


# --- domains ----------------------------------------------------------------------------------------------------


def test_aliases_count_under_their_own_domains() -> None:
    anna = replace(mailbox("anna"), aliases=("a@nordwind.de", "a@suedwind.de"))
    other = Domain("nordwind", "suedwind.de", UUID(int=2))
    assert features.recounted(DOMAIN, None, anna).tally == Tally(mailboxes=1, aliases=1)
    assert features.recounted(other, None, anna).tally == Tally(aliases=1)


def test_a_domain_with_anything_under_it_is_not_closed() -> None:
    for tally in (Tally(mailboxes=1), Tally(aliases=2)):
        assert features.closed(replace(DOMAIN, tally=tally), "nordwind", "nordwind.de", UUID(int=1)) == tally


def test_an_unheard_of_domain_is_closed_too_so_that_late_mailboxes_are_refused() -> None:
    closed = features.closed(None, "nordwind", "nordwind.de", UUID(int=1))
    assert isinstance(closed, Domain)
    assert closed.state == "closed"


def test_a_domain_claimed_anew_begins_with_everything_off() -> None:
    domain = features.set_for_domain(DOMAIN, ("backup",), keep_mailbox_settings=False)
    closed = features.closed(domain, "nordwind", "nordwind.de", UUID(int=1))
    assert isinstance(closed, Domain)
    anew = features.opened(closed, "nordwind", "nordwind.de", UUID(int=2))
    assert (anew.state, anew.domain_id, features.of_domain(anew).origin) == ("open", UUID(int=2), "default")
    assert anew.revision > closed.revision


def test_a_domain_given_up_before_it_was_active_begins_anew_with_everything_off() -> None:
    """Nobody tells mailbox of such a removal: nothing could stand under it but the features set for it."""
    verified = features.opened(None, "nordwind", "nordwind.de", UUID(int=1))
    left = features.set_for_domain(verified, ("backup",), keep_mailbox_settings=False)
    anew = features.opened(left, "nordwind", "nordwind.de", UUID(int=2))
    assert (anew.domain_id, features.of_domain(anew).on, features.of_domain(anew).origin) == (
        UUID(int=2),
        (),
        "default",
    )
    assert (anew.epoch, anew.revision > left.revision) == (left.epoch, True)


def test_a_new_claim_under_standing_mailboxes_leaves_their_features_alone() -> None:
    crowded = replace(DOMAIN, tally=Tally(mailboxes=1))
    domain = features.set_for_domain(crowded, ("backup",), keep_mailbox_settings=False)
    anew = features.opened(domain, "nordwind", "nordwind.de", UUID(int=2))
    assert (anew.domain_id, features.of_domain(anew).on) == (UUID(int=2), ("backup",))
