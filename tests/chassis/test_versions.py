"""A worker hears a fact once, whichever versions it is stated in, and decides on the newest only."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from contracts import mailbox_v1, mailbox_v2
from contracts.base import Fact
from contracts.envelope import encode
from contracts.evolution import EVOLUTION
from contracts.ids import uuid7
from contracts.messages import REGISTRY
from contracts.samples import SAMPLES
from services.chassis.fates import Done
from services.chassis.received import Raw, Received, Unreadable, read
from services.chassis.service import Service
from services.chassis.versions import versions_of

OLD, NEW = SAMPLES["mailbox.person-renamed.v1"], SAMPLES["mailbox.person-renamed.v2"]


def arrived(data: Any, **attributes: Any) -> Received[Any] | Unreadable:
    message = REGISTRY.of(type(data))
    payload = encode(
        message_id=uuid7(), type=message.type, source="test", time=datetime.now(UTC), account="nordwind", data=data,
        **attributes,
    )  # fmt: skip
    return read(Raw(message.subject("nordwind"), payload, "EVT", 1, "", 0))


def hearing(fact: type[Fact]) -> Service:
    service = Service("billing", tables=())
    service.event(fact, keys=lambda message: ())(lambda message, book, moment: Done())
    return service


def test_what_was_sent_in_an_older_version_is_read_in_the_newest() -> None:
    message = arrived(OLD)
    assert isinstance(message, Received)
    assert (message.type, type(message.data)) == ("mailbox.person-renamed.v1", mailbox_v2.PersonRenamed)
    assert message.data == EVOLUTION.up(OLD)


def test_a_request_is_recognised_by_what_was_sent_not_by_what_it_became() -> None:
    old = arrived(SAMPLES["mailbox.rename-person.v1"])
    new = arrived(EVOLUTION.up(SAMPLES["mailbox.rename-person.v1"]))
    assert isinstance(old, Received)
    assert isinstance(new, Received)
    assert old.data == new.data
    assert old.digest != new.digest


def test_who_hears_the_newest_version_hears_the_older_ones_but_for_copies() -> None:
    service = hearing(mailbox_v2.PersonRenamed)
    assert service.heard() == ["mailbox.person-renamed.v1", "mailbox.person-renamed.v2"]
    assert not service.hears_better(arrived(OLD)), "a replica of the previous release said it in version 1 alone"
    assert service.hears_better(arrived(OLD, copy_of=uuid4()))
    assert not service.hears_better(arrived(NEW))


def test_a_fact_leaves_in_every_version_and_answers_in_one() -> None:
    id_ = uuid4()
    for request, answered in (("v1", "v1"), ("v2", "v2")):
        versions = list(versions_of(REGISTRY.of(type(NEW)), NEW, id_, f"mailbox.rename-person.{request}"))
        assert [version.message.version for version in versions] == [2, 1]
        assert [version.copy_of for version in versions] == [None, id_]
        assert [f"v{version.message.version}" for version in versions if version.answers] == [answered]


def test_a_fact_with_one_version_leaves_as_it_is() -> None:
    fact = SAMPLES["mailbox.mailbox-created.v1"]
    assert isinstance(fact, mailbox_v1.MailboxCreated)
    (only,) = versions_of(REGISTRY.of(type(fact)), fact, uuid4(), "mailbox.create-mailbox.v1")
    assert (only.fact, only.copy_of, only.answers) == (fact, None, True)
