"""Two versions of a request and a fact at once: old and new publishers, subscribers and replicas beside each other."""

import os
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4, uuid5

import pytest_asyncio

from client import Postkontor
from contracts import billing_v1 as billing
from contracts import mailbox_v1, mailbox_v2
from contracts.ids import derived
from contracts.values import domain_of
from deploy.devstack.processes import WorkerProcess
from services.chassis.ownership import HELD_LANES, lock_class
from services.mailbox.app import service

PROGRAM = Path(__file__).resolve().with_name("older_mailbox.py")
HASH = "{BLF-CRYPT}$2b$12$" + "S" * 53
OFFICE = billing.PlanTerms(
    plan="office", price_cents=450, mail_bytes=25 * 10**9, cloud_bytes=25 * 10**9, groupware=True, catalogue="2027-01"
)
ACCOUNTS = [f"kunde-{number}" for number in range(12)]
ROUNDS = 4


@pytest_asyncio.fixture(scope="module", autouse=True)
async def newer(bus: Any) -> Any:
    """A replica of this release."""
    return await bus.start(service)


@pytest_asyncio.fixture
async def office(bus: Any) -> AsyncIterator[Postkontor]:
    """A client of this release."""
    client = Postkontor.from_environment(bus.environment("admin"), account="*", source="shop")
    async with client:
        yield client


def address_of(account: str) -> str:
    return f"anna@{account}.example"


def in_version_1(account: str, last_name: str) -> mailbox_v1.RenamePerson:
    return mailbox_v1.RenamePerson(address=address_of(account), first_name="Anna", last_name=last_name)


def in_version_2(account: str, name: str) -> mailbox_v2.RenamePerson:
    return mailbox_v2.RenamePerson(address=address_of(account), person=mailbox_v2.NewPerson(family_name=name))


async def make_mailbox(bus: Any, account: str) -> None:
    address = address_of(account)
    order = billing.ReservedMailbox(
        request=mailbox_v1.CreateMailbox(
            address=address, first_name="Anna", last_name="Berg", plan="office", password_hash=HASH
        ),
        domain_id=uuid5(UUID(int=0), domain_of(address)),
        terms=OFFICE,
        reservation=billing.Reservation(
            holders=(f"mailbox/{address}",), expires_at=datetime.now(UTC) + timedelta(minutes=10)
        ),
    )
    assert (await bus.request(account, order)).type == "mailbox.mailbox-created.v1"


async def test_each_publisher_is_answered_in_its_version_and_one_write_says_both(bus: Any) -> None:
    account = f"t{uuid4().hex[:10]}"
    await make_mailbox(bus, account)

    old = await bus.request(account, in_version_1(account, "Adler"))
    new = await bus.request(account, in_version_2(account, "Versand"))

    assert (old.type, old.data.mailbox.last_name) == ("mailbox.person-renamed.v1", "Adler")
    assert (new.type, new.data.mailbox.person.display_name) == ("mailbox.person-renamed.v2", "Versand")
    facts = await bus.events(f"evt.{account}.mailbox.person-renamed.*")
    assert [(fact.type[-2:], fact.revision) for fact in facts] == [("v2", 2), ("v1", 2), ("v2", 3), ("v1", 3)]
    for newest, copy in (facts[:2], facts[2:]):
        assert (copy.copyof, copy.id, newest.copyof) == (newest.id, derived(newest.id, "v1"), None)
    assert (facts[3].data.mailbox.first_name, facts[3].data.mailbox.last_name) == ("", "Versand")


async def test_the_same_request_again_is_answered_in_its_version_and_done_once(bus: Any, office: Postkontor) -> None:
    account = f"t{uuid4().hex[:10]}"
    await make_mailbox(bus, account)
    first = await office.request(in_version_1(account, "Adler"), account=account)

    again = await office.request(in_version_1(account, "Adler"), account=account, request_id=first.request_id)

    assert isinstance(again.fact, mailbox_v1.PersonRenamed), "found in the stream: the copy, not the newer fact"
    assert again.fact == first.fact
    assert again.fact.mailbox.revision == 2


async def test_a_subscriber_gets_each_fact_once_in_its_version(bus: Any, office: Postkontor) -> None:
    account = f"t{uuid4().hex[:10]}"
    await make_mailbox(bus, account)
    await bus.request(account, in_version_1(account, "Adler"))
    await bus.request(account, in_version_2(account, "Versand"))

    async def heard(*facts: Any) -> list[tuple[str, int | None]]:
        got: list[tuple[str, int | None]] = []
        async for event in office.events(durable=f"s{uuid4().hex[:8]}", account=account, facts=facts or None):
            got.append((event.type, event.revision))
            if event.revision == 3:
                return got
        return got

    old, new = "mailbox.person-renamed.v1", "mailbox.person-renamed.v2"
    assert await heard(mailbox_v1.PersonRenamed) == [(old, 2), (old, 3)]
    assert await heard(mailbox_v2.PersonRenamed) == [(new, 2), (new, 3)]
    assert await heard("person-renamed") == [(new, 2), (new, 3)]
    assert await heard() == [("mailbox.mailbox-created.v1", 1), (new, 2), (new, 3)]


async def test_old_and_new_replicas_share_consumers_and_database_and_nothing_is_lost(
    bus: Any, newer: Any, office: Postkontor, tmp_path: Path
) -> None:
    for account in ACCOUNTS:
        await make_mailbox(bus, account)
    environment = {
        **os.environ, **bus.environment("mailbox"), "POSTKONTOR_DATABASE_URL": bus.database_url,
        "PYTHONPATH": str(PROGRAM.parents[2]),
    }  # fmt: skip
    older = WorkerProcess("mailbox", [sys.executable, str(PROGRAM)], environment, tmp_path / "older.log")
    older.launch()

    async def both_at_work() -> bool:
        held = await bus.fetch(HELD_LANES, lock_class("mailbox"))
        return len(held) == 5 and len(newer.ownership.owned) in {2, 3}  # either way round is a fair share

    await bus.eventually(both_at_work, what="sharing the lanes between the releases")
    sent: dict[UUID, tuple[str, int]] = {}
    for number in range(ROUNDS):
        for account in ACCOUNTS:
            sent[await bus.send(account, in_version_1(account, f"Adler-{number}"))] = (account, 1)
            sent[await bus.send(account, in_version_2(account, f"Versand-{number}"))] = (account, 2)
        if number == ROUNDS // 2:
            assert await older.stop(deadline_seconds=10), older.log_tail()
    ends = {id_: (*sent[id_], await bus.answer(sent[id_][0], id_)) for id_ in sent}

    too_early = [id_ for id_, (_, _, end) in ends.items() if end.type == "mailbox.request-refused.v1"]
    assert too_early, "an old owner has met version 2"
    assert {sent[id_][1] for id_ in too_early} == {2}
    for id_ in too_early:
        found = ends[id_][2].data.refusal.findings[0]
        assert (found.code, found.details["version"], found.details["known"]) == ("unknown_version", "2", "1")
    done = {id_: end for id_, (_, version, end) in ends.items() if end.type == f"mailbox.person-renamed.v{version}"}
    assert len(done) + len(too_early) == len(sent)
    assert [id_ for id_, (_, version) in sent.items() if version == 1 and id_ not in done] == []

    said = await bus.events("evt.*.mailbox.person-renamed.v1")
    for account in ACCOUNTS:
        old = [fact for fact in said if fact.account == account]
        mine = [id_ for id_, end in done.items() if sent[id_][0] == account]
        assert [fact.correlationid for fact in old] == mine, "each once, in order, for who reads version 1"
        assert [fact.revision for fact in old] == list(range(2, len(mine) + 2))
    new = []
    async for event in office.tail(facts=[mailbox_v2.PersonRenamed], since=datetime.now(UTC) - timedelta(hours=1)):
        if event.account in ACCOUNTS:
            new.append(event.request_id)
        if len(new) == len(done):
            break
    assert sorted(new) == sorted(done), "each once for who reads version 2, also what an old replica said"
    assert await bus.fetch("SELECT id FROM mailbox.dead_letter") == []

    account = sent[too_early[0]][0]
    assert (await bus.request(account, in_version_2(account, "Versand"))).type == "mailbox.person-renamed.v2"
