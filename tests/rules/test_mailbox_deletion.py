"""The end of a mailbox: when it is due, what it is until then, and what is left of it."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from contracts.mailbox_v1 import DeleteMailbox
from contracts.refusals import Refusal
from services.mailbox import deletion, rules
from services.mailbox.rows import Mailbox

NOW = datetime(2027, 3, 1, 23, 30, tzinfo=UTC)  # 0:30 of the 2nd in Berlin
GRACE = timedelta(days=14)
ANNA = Mailbox(
    address="anna@nordwind.de", account="nordwind", domain="nordwind.de", first_name="Anna", last_name="Berg",
    state="active", plan="office", price_cents=450, mail_bytes=25, cloud_bytes=25, groupware=True,
    catalogue="2027-01", created_at=NOW, updated_at=NOW, revision=4, aliases=("a@nordwind.de",),
    forwardings=("x@else.de",), own_features=("backup",),
)  # fmt: skip


def due_at(mailbox: Mailbox = ANNA, **wish: Any) -> datetime | Refusal:
    return deletion.due_at(DeleteMailbox(address=ANNA.address, **wish), mailbox, NOW, GRACE)


def scheduled(before: Mailbox, at: datetime, now: datetime = NOW) -> Mailbox:
    entered = rules.enter(before, "nordwind", before.address, "schedule-deletion", now)
    assert isinstance(entered, Mailbox)
    return deletion.schedule(entered, before, at)


def test_without_a_day_it_ends_after_the_grace() -> None:
    assert due_at() == NOW + GRACE


def test_at_once_is_now() -> None:
    assert due_at(immediately=True) == NOW


@pytest.mark.parametrize(
    ("on", "at"),
    [
        (date(2027, 3, 3), datetime(2027, 3, 2, 23, tzinfo=UTC)),
        (date(2027, 4, 1), datetime(2027, 3, 31, 22, tzinfo=UTC)),  # summer time
    ],
)
def test_a_day_begins_in_berlin(on: date, at: datetime) -> None:
    assert due_at(on=on) == at


@pytest.mark.parametrize("on", [date(2027, 3, 1), date(2027, 3, 2), date(2028, 3, 3), date.max])
def test_a_day_that_has_begun_or_is_far_off_is_refused_with_those_that_can_be_named(on: date) -> None:
    refused = due_at(on=on)
    assert isinstance(refused, Refusal)
    details = {"on": on.isoformat(), "earliest": "2027-03-03", "latest": "2028-03-02"}
    assert (refused.code, refused.findings[0].details) == ("deletion_day", details)


def test_a_day_and_at_once_are_one_too_many() -> None:
    with pytest.raises(ValidationError, match="not both"):
        DeleteMailbox(address=ANNA.address, on=date(2027, 3, 3), immediately=True)


def test_again_without_a_day_changes_nothing_and_names_the_time_in_berlin() -> None:
    refused = due_at(scheduled(ANNA, NOW + GRACE))
    assert isinstance(refused, Refusal)
    assert (refused.code, refused.findings[0].details["at"]) == ("deletion_scheduled", "2027-03-16T00:30:00+01:00")


def test_again_with_a_day_moves_it_and_what_it_was_is_kept() -> None:
    suspended = replace(ANNA, state="suspended")
    moved = scheduled(scheduled(suspended, NOW + GRACE), NOW + timedelta(days=2))
    assert (moved.state, moved.deletes_at, moved.resumes_as) == ("deleting", NOW + timedelta(days=2), "suspended")


@pytest.mark.parametrize("state", ["active", "suspended"])
def test_what_is_had_back_is_as_it_was(state: Any) -> None:
    before = scheduled(replace(ANNA, state=state), NOW + GRACE)
    entered = rules.enter(before, "nordwind", ANNA.address, "undelete-mailbox", NOW)
    assert isinstance(entered, Mailbox)
    assert deletion.undelete(entered, before) == replace(ANNA, state=state, revision=6)


def test_until_then_it_keeps_its_addresses() -> None:
    assert scheduled(ANNA, NOW + GRACE).owned == ANNA.owned


@pytest.mark.parametrize(
    ("deletes_at", "gone_at"), [(None, NOW), (NOW - timedelta(hours=3), NOW - timedelta(hours=3)), (NOW + GRACE, NOW)]
)
def test_what_is_gone_owns_nothing_and_counts_as_gone_when_it_was_due(
    deletes_at: datetime | None, gone_at: datetime
) -> None:
    before = scheduled(ANNA, deletes_at) if deletes_at else ANNA
    entered = rules.enter(before, "nordwind", ANNA.address, "delete-mailbox", NOW)
    assert isinstance(entered, Mailbox)
    gone = deletion.carry_out(entered)
    assert (gone.owned, gone.aliases, gone.forwardings, gone.own_features) == ((), (), (), None)
    assert (gone.deletes_at, gone.resumes_as, gone.deleted_at) == (None, None, gone_at)
