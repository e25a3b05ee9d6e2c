"""One holding: what it takes while requests for it are on their way, done, refused, late or old."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from contracts.refusals import Refusal
from services.billing import capacity
from services.billing.capacity import NOTHING, Counter, Holding, Moved, News, Room, Target

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
BORN = NOW - timedelta(days=1)
A, B, C = UUID(int=1), UUID(int=2), UUID(int=3)
SEAT = "mailbox/anna@nordwind-segel.de"
FORWARDING = "forwarding/anna@nordwind-segel.de"


def room(**caps: int | None) -> Room:
    counters = {"mailbox": Counter(), "alias_forward": Counter(), "group": Counter()}
    return Room(counters | {name: Counter(cap=cap) for name, cap in caps.items()}, 0)


def target(request_id: UUID, quantity: int, plan: str | None = None) -> Target:
    return Target(request_id, quantity, NOW + timedelta(minutes=15), plan)


def news(quantity: int, revision: int, plan: str | None = None, since: datetime | None = BORN) -> News:
    return News(quantity, revision, NOW, since, plan, None if plan is None else 100, None if plan is None else "x")


def moved(before_room: Room, holder: str, before: Holding, after: Holding) -> Room:
    result = capacity.move(before_room, [Moved(holder, before, after)])
    assert not isinstance(result, Refusal)
    return result


def counts(result: Room, resource: str) -> tuple[int, int]:
    counter = result.counters[resource]
    return counter.confirmed, counter.reserved


def test_replacing_all_forwardings_at_the_cap_needs_no_room() -> None:
    full = capacity.settled(NOTHING, A, news(25, 1))
    at_cap = moved(room(alias_forward=25), FORWARDING, NOTHING, full)
    replaced = moved(at_cap, FORWARDING, full, capacity.targeted(full, target(B, 25)))
    assert counts(replaced, "alias_forward") == (25, 0)


def test_one_forwarding_more_than_fits_is_refused_with_the_figures() -> None:
    full = capacity.settled(NOTHING, A, news(25, 1))
    at_cap = moved(room(alias_forward=25), FORWARDING, NOTHING, full)
    refused = capacity.move(at_cap, [Moved(FORWARDING, full, capacity.targeted(full, target(B, 26)))])
    assert isinstance(refused, Refusal)
    assert refused.findings[0].details == {
        "resource": "alias_forward", "allowed": 25, "used": 25, "reserved": 0, "requested": 1,
    }  # fmt: skip


def test_room_that_was_not_needed_is_given_back() -> None:
    reserved = capacity.targeted(NOTHING, target(A, 5))
    settled = capacity.settled(reserved, A, news(2, 1))
    result = moved(moved(room(), FORWARDING, NOTHING, reserved), FORWARDING, reserved, settled)
    assert counts(result, "alias_forward") == (2, 0)


def test_two_requests_for_one_thing_take_the_larger_quantity() -> None:
    both = capacity.targeted(capacity.targeted(NOTHING, target(A, 3)), target(B, 2))
    assert both.held == 3
    assert capacity.released(both, A).held == 2


def test_the_same_request_has_one_target() -> None:
    twice = capacity.targeted(capacity.targeted(NOTHING, target(A, 3)), target(A, 2))
    assert twice.targets == (target(A, 3),)  # never shrunk: three may be in use by now


def test_two_requests_for_one_address_take_one_seat() -> None:
    both = capacity.targeted(capacity.targeted(NOTHING, target(A, 1, "mail")), target(B, 1, "office"))
    result = moved(room(mailbox=1), SEAT, NOTHING, both)
    assert counts(result, "mailbox") == (0, 1)
    assert (counts(result, "plan.mail"), counts(result, "plan.office")) == ((0, 1), (0, 1))


def test_a_plan_change_holds_both_plans_until_it_is_settled() -> None:
    on_mail = capacity.settled(NOTHING, A, news(1, 1, "mail"))
    changing = capacity.targeted(on_mail, target(B, 1, "office"))
    after = capacity.settled(changing, B, news(1, 2, "office"))
    first = moved(room(mailbox=1), SEAT, NOTHING, on_mail)
    second = moved(first, SEAT, on_mail, changing)
    third = moved(second, SEAT, changing, after)
    assert counts(second, "mailbox") == counts(third, "mailbox") == (1, 0)
    assert [counts(second, "plan.mail"), counts(second, "plan.office")] == [(1, 0), (0, 1)]
    assert [counts(third, "plan.mail"), counts(third, "plan.office")] == [(0, 0), (1, 0)]


def test_a_capped_plan_refuses_although_there_are_seats() -> None:
    office = capacity.targeted(NOTHING, target(A, 1, "office"))
    refused = capacity.move(room(mailbox=None, **{"plan.office": 0}), [Moved(SEAT, NOTHING, office)])
    assert isinstance(refused, Refusal)
    assert refused.findings[0].details["resource"] == "plan.office"


def test_a_plan_change_of_an_unknown_mailbox_takes_no_seat() -> None:
    changing = capacity.targeted(NOTHING, target(A, NOTHING.held, "office"))
    assert counts(moved(room(mailbox=0), SEAT, NOTHING, changing), "mailbox") == (0, 0)


def test_old_news_change_nothing_but_end_their_request() -> None:
    holding = capacity.targeted(capacity.settled(NOTHING, A, news(5, 4)), target(B, 10))
    after = capacity.settled(holding, B, news(10, 3))
    assert (after.confirmed, after.revision, after.targets) == (5, 4, ())


def test_the_same_news_again_change_nothing() -> None:
    holding = capacity.settled(NOTHING, A, news(5, 4))
    assert capacity.settled(holding, A, news(5, 4)) is holding


def test_news_of_a_request_that_expired_are_booked_if_they_fit() -> None:
    late = capacity.settled(NOTHING, A, news(1, 1, "mail"))
    assert counts(moved(room(mailbox=1), SEAT, NOTHING, late), "mailbox") == (1, 0)
    assert isinstance(capacity.move(room(mailbox=0), [Moved(SEAT, NOTHING, late)]), Refusal)


def test_late_news_do_not_bring_a_deleted_mailbox_back() -> None:
    gone = capacity.settled(capacity.settled(NOTHING, A, news(1, 1, "mail")), B, news(0, 3))
    assert capacity.settled(gone, C, news(1, 2, "office")).confirmed == 0


def test_a_mailbox_made_anew_counts_although_its_revisions_begin_anew() -> None:
    gone = capacity.settled(capacity.settled(NOTHING, A, news(1, 1, "mail")), B, news(0, 7))
    anew = capacity.settled(gone, C, news(1, 1, "mail", since=NOW))
    assert (anew.confirmed, anew.since) == (1, NOW)
    assert capacity.settled(anew, B, news(0, 7)).confirmed == 1


def test_a_group_requested_anew_while_it_is_deleted_keeps_its_room() -> None:
    holding = capacity.targeted(capacity.settled(NOTHING, A, news(1, 5, since=None)), target(C, 1))
    gone = capacity.settled(holding, B, news(0, 6, since=None))
    assert (gone.confirmed, gone.held) == (0, 1)
    assert capacity.settled(gone, C, news(1, 7, since=None)).confirmed == 1


def test_old_news_of_a_deletion_leave_the_group() -> None:
    holding = capacity.settled(NOTHING, A, news(1, 5, since=None))
    assert capacity.settled(holding, B, news(0, 4, since=None)).confirmed == 1


def test_a_holding_is_due_when_its_first_reservation_expires() -> None:
    later = replace(target(B, 1), expires_at=NOW + timedelta(hours=1))
    holding = Holding(targets=(later, target(A, 1)))
    assert holding.due_at == NOW + timedelta(minutes=15)
    assert capacity.expired(holding, NOW + timedelta(minutes=15)) == [A]
    assert capacity.expired(holding, NOW + timedelta(minutes=14)) == []


def test_what_is_in_use_is_never_due() -> None:
    in_use = capacity.settled(NOTHING, A, news(1, 1, "mail"))
    assert in_use.due_at is None
    assert not capacity.forgettable(in_use, NOW + timedelta(days=1000))


def test_what_is_gone_is_forgotten_when_nobody_can_speak_of_it_any_more() -> None:
    gone = capacity.settled(capacity.settled(NOTHING, A, news(1, 1, "mail")), B, news(0, 3))
    assert not capacity.forgettable(gone, NOW + timedelta(days=89))
    assert capacity.forgettable(gone, NOW + timedelta(days=90))
    assert not capacity.forgettable(capacity.targeted(gone, target(C, 1)), NOW + timedelta(days=90))


@pytest.mark.parametrize("holder", ["mailbox/a/b", "alias/a", "forwarding/a", "group/a/b"])
def test_a_holder_names_its_resource(holder: str) -> None:
    assert capacity.resource_of(holder) in capacity.RESOURCES


def test_every_move_has_a_revision_of_its_own() -> None:
    first = moved(room(), SEAT, NOTHING, capacity.targeted(NOTHING, target(A, 1)))
    same = capacity.targeted(NOTHING, target(A, 1))
    second = moved(first, SEAT, same, capacity.targeted(same, target(B, 1)))
    assert (first.revision, second.revision) == (1, 2)
    assert second.counters["mailbox"].revision == 2
