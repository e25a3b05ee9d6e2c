"""Chains put together: what several workers tell of a message, causes first, and what is still missing."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from client.chains import Chain, in_order, merged
from contracts import sample_parts as of
from contracts.base import Text
from contracts.ids import uuid7
from contracts.trail_v1 import TrailAnswer, TrailMessage

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
REQUEST, ORDER, FACT = uuid7(), uuid4(), uuid4()
CREATED = "mailbox.mailbox-created.v1"


def message(
    id_: UUID, type_: str, cause: UUID | None = None, *, at: datetime = AT, said: bool = False, fate: str = "done"
):
    kind = "fact" if type_.endswith(("created.v1", "refused.v1")) else "request" if cause is None else "hand-over"
    text = Text(de="gesagt", en="told") if said else Text(de="Nachricht", en="message")
    return TrailMessage(
        id=id_, request_id=REQUEST, cause_id=cause, direction="said" if said else "received", kind=kind, type=type_,
        at=at, text=text, fate=None if said else fate, data={"mailbox": {}} if said else None,
        refusal=of.DOMAIN_UNKNOWN if fate == "refused" else None,
    )  # fmt: skip


def answer(service: str, *messages: TrailMessage) -> TrailAnswer:
    return TrailAnswer(service=service, messages=messages, complete=True, kept_since=AT - timedelta(days=90))


def chain(*answers: TrailAnswer, request_id: UUID = REQUEST) -> Chain:
    kept = max((each.kept_since for each in answers), default=AT)
    return Chain(in_order(merged(answers)), request_id, kept)


def test_a_fact_is_told_by_who_stated_it_and_names_who_heard_it() -> None:
    heard = answer("billing", message(FACT, CREATED, ORDER))
    stated = answer("mailbox", message(FACT, CREATED, ORDER, said=True))
    for answers in ((heard, stated), (stated, heard)):
        (link,) = merged(answers)
        assert (link.station, link.text.en) == ("mailbox", "told")
        assert [handling.service for handling in link.handled] == ["billing"]


def test_causes_come_first_although_the_clocks_of_two_machines_differ() -> None:
    early = AT - timedelta(seconds=2)
    whole = chain(
        answer("mailbox", message(ORDER, "mailbox.create-mailbox.v1", REQUEST, at=early)),
        answer("mailbox", message(FACT, CREATED, ORDER, at=early, said=True)),
        answer("domain", message(REQUEST, "domain.create-mailbox.v1", fate="handed-over")),
    )
    assert [link.id for link in whole.links] == [REQUEST, ORDER, FACT]


def test_messages_that_name_each_other_as_their_cause_end() -> None:
    links = merged(
        [answer("mailbox", message(ORDER, "mailbox.create-mailbox.v1", FACT), message(FACT, CREATED, ORDER))]
    )
    assert {link.id for link in in_order(links)} == {ORDER, FACT}


@pytest.mark.parametrize(
    ("last", "under_way"),
    [
        (message(ORDER, "billing.create-mailbox.v1", REQUEST, fate="handed-over"), True),
        (message(ORDER, "billing.create-mailbox.v1", REQUEST, fate="refused"), False),
        (message(ORDER, "billing.create-mailbox.v1", REQUEST, fate="never"), False),
        (message(FACT, CREATED, REQUEST, said=True), False),
    ],
)
def test_a_request_is_under_way_until_its_outcome_or_refusal(last: TrailMessage, under_way: bool) -> None:
    first = message(REQUEST, "domain.create-mailbox.v1", fate="handed-over")
    assert chain(answer("domain", first), answer("billing", last)).is_under_way == under_way


def test_a_request_too_old_to_be_known_is_told_from_one_that_nobody_knows() -> None:
    old = uuid7(int((AT - timedelta(days=100)).timestamp() * 1000))
    recent = uuid7(int((AT - timedelta(days=10)).timestamp() * 1000))
    kept = answer("domain")
    assert chain(kept, request_id=old).is_too_old
    assert not chain(kept, request_id=recent).is_too_old
    assert not chain(kept, request_id=uuid4()).is_too_old, "its id tells no time"
