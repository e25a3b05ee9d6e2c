"""The end of mailboxes on the real bus and database: scheduled, moved, taken back, carried out by the clock."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio

from contracts import billing_v1 as billing
from contracts import mailbox_v1 as mailbox
from services.chassis import worker as workers
from services.mailbox.app import service
from services.mailbox.terms import TERMS

HASH = "{BLF-CRYPT}$2b$12$" + "S" * 53
OFFICE = billing.PlanTerms(
    plan="office", price_cents=450, mail_bytes=25 * 10**9, cloud_bytes=25 * 10**9, groupware=True, catalogue="2027-01"
)
LONG_FREE = "long-free@stale.example"


@pytest_asyncio.fixture(scope="module", autouse=True)
async def worker(bus: Any) -> Any:
    """One mailbox worker for the module; before it, an address whose quarantine is over."""
    await workers.migrate(service, bus.settings())
    connection = await asyncpg.connect(bus.database_url)
    await connection.execute(
        "INSERT INTO mailbox.quarantine VALUES ($1, $1, 'gone', now()), ('kept@x.example', 'x', 'gone', '2999-01-01')",
        LONG_FREE,
    )
    await connection.close()
    return await bus.start(service)


@pytest.fixture
async def anna(bus: Any) -> tuple[str, str]:
    """An account of the test's own with a mailbox."""
    account = f"t{uuid4().hex[:10]}"
    address = f"anna@{account}.example"
    request = mailbox.CreateMailbox(
        address=address, first_name="Anna", last_name="Berg", plan="office", password_hash=HASH
    )
    order = billing.ReservedMailbox(
        request=request, domain_id=UUID(int=1), terms=OFFICE, reservation=reserved(f"mailbox/{address}")
    )
    await bus.request(account, order)
    return account, address


def reserved(*holders: str) -> billing.Reservation:
    return billing.Reservation(holders=holders, expires_at=datetime.now(UTC) + timedelta(minutes=10))


async def types(bus: Any, account: str) -> list[str]:
    return [envelope.type.split(".")[1] for envelope in await bus.events(f"evt.{account}.>")]


async def test_a_deletion_waits_and_is_carried_out_when_it_is_due(
    bus: Any, eventually: Any, anna: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    account, address = anna
    monkeypatch.setattr(TERMS, "deletion_grace", timedelta(seconds=0.4))
    scheduled = await bus.request(account, mailbox.DeleteMailbox(address=address))
    view = scheduled.data.mailbox
    assert (scheduled.type, view.state) == ("mailbox.mailbox-deletion-scheduled.v1", "deleting")

    async def gone() -> Any:
        shown = (await bus.ask(account, mailbox.AskMailbox(address=address))).mailbox
        return shown if shown.state == "deleted" else None

    last = await eventually(gone)
    assert (last.deleted_at, last.deletes_at) == (view.deletes_at, None)
    assert await types(bus, account) == ["mailbox-created", "mailbox-deletion-scheduled", "mailbox-deleted"]
    assert not await bus.fetch("SELECT 1 FROM mailbox.timer WHERE key = $1", address)


async def test_a_mailbox_had_back_stays(
    bus: Any, eventually: Any, anna: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    account, address = anna
    monkeypatch.setattr(TERMS, "deletion_grace", timedelta(seconds=0.4))
    scheduled = await bus.request(account, mailbox.DeleteMailbox(address=address))
    back = await bus.request(account, mailbox.UndeleteMailbox(address=address))
    assert (back.type, back.data.mailbox.state) == ("mailbox.mailbox-undeleted.v1", "active")

    async def past() -> bool:
        return datetime.now(UTC) > scheduled.data.mailbox.deletes_at + timedelta(seconds=0.2)

    await eventually(past)
    suspended = await bus.request(account, mailbox.SuspendMailbox(address=address))
    assert suspended.data.mailbox.state == "suspended"
    assert "mailbox-deleted" not in await types(bus, account)


async def test_repeated_and_crossing_requests_have_one_outcome_each(bus: Any, anna: tuple[str, str]) -> None:
    account, address = anna
    plan = billing.PricedPlanChange(
        request=mailbox.ChangePlan(address=address, plan="officexl"),
        terms=OFFICE.model_copy(update={"plan": "officexl"}),
        reservation=reserved(f"mailbox/{address}"),
    )
    orders = [
        (mailbox.DeleteMailbox(address=address), "mailbox-deletion-scheduled"),
        (mailbox.DeleteMailbox(address=address), "deletion_scheduled"),
        (plan, "mailbox_state"),
        (mailbox.SetMailboxPassword(address=address, password_hash=HASH), "mailbox_state"),
        (mailbox.UndeleteMailbox(address=address), "mailbox-undeleted"),
        (mailbox.UndeleteMailbox(address=address), "mailbox_state"),
        (plan, "plan-changed"),
        (mailbox.DeleteMailbox(address=address), "mailbox-deletion-scheduled"),
        (mailbox.DeleteMailbox(address=address, immediately=True), "mailbox-deleted"),
        (mailbox.DeleteMailbox(address=address, immediately=True), "mailbox_state"),
        (mailbox.UndeleteMailbox(address=address), "mailbox_state"),
        (plan, "mailbox_state"),
    ]
    ids = [await bus.send(account, order) for order, _ in orders]
    answers = [await bus.answer(account, id_) for id_ in ids]
    ends = [a.data.refusal.code if hasattr(a.data, "refusal") else a.type.split(".")[1] for a in answers]
    assert ends == [end for _, end in orders]
    assert [answers[2].data.reservation, answers[-1].data.reservation] == [(f"mailbox/{address}",)] * 2
    assert Counter(await types(bus, account)) == Counter(
        ["mailbox-created", *("request-refused" if "_" in end else end for _, end in orders)]
    )
    assert all(len(bus.answers[f"rpl.{account}.{id_}"]) == 1 for id_ in ids)


async def test_what_follows_from_a_deletion_is_not_taken_for_its_outcome(bus: Any, anna: tuple[str, str]) -> None:
    account, address = anna
    group = mailbox.CreateGroup(name="Crew", members=(address,))
    await bus.request(account, billing.ReservedGroup(request=group, reservation=reserved("group/Crew")))
    id_ = await bus.send(account, mailbox.DeleteMailbox(address=address, immediately=True))
    await bus.answer(account, id_)
    assert (await types(bus, account))[-2:] == ["mailbox-deleted", "group-members-set"]
    assert [answer.type for answer in bus.answers[f"rpl.{account}.{id_}"]] == ["mailbox.mailbox-deleted.v1"]
    (row,) = await bus.fetch("SELECT outcome FROM mailbox.inbox WHERE message_id = $1", id_)
    assert row["outcome"] == "mailbox.mailbox-deleted.v1"


async def test_an_address_is_forgotten_when_its_quarantine_is_over(bus: Any, eventually: Any) -> None:
    async def swept() -> bool:
        rows = await bus.fetch("SELECT address FROM mailbox.quarantine WHERE account = 'gone'")
        return [row["address"] for row in rows] == ["kept@x.example"]

    await eventually(swept)
