"""Backups on the real bus: recorded, listed to who has the feature, expired to the second, restored or not (R33)."""

import asyncio
import importlib.util
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from client import Postkontor
from contracts import backups_v1 as backups
from contracts import mailbox_v1 as mailbox
from services.mailbox.app import service
from services.mailbox.terms import TERMS
from tests.workers.mailbox_orders import made

WORK = timedelta(days=6)


@pytest_asyncio.fixture(scope="module", autouse=True)
async def worker(bus: Any) -> Any:
    """One mailbox worker for the module."""
    return await bus.start(service)


@pytest.fixture
async def anna(bus: Any) -> tuple[str, str]:
    """An account with a mailbox that has the feature, and that is older than its backups."""
    account = f"t{uuid4().hex[:10]}"
    address = f"anna@{account}.example"
    await made(bus, account, address)
    await bus.fetch("UPDATE mailbox.mailbox SET created_at = '2020-01-01' WHERE address = $1", address)
    await bus.request(account, mailbox.SetMailboxFeatures(addresses=(address,), features=("backup",)))
    return account, address


async def recorded(bus: Any, account: str, address: str, *ages: timedelta) -> list[str]:
    """Record backups of these ages; return their names."""
    now = datetime.now(UTC)
    for number, age in enumerate(ages):
        snapshot = backups.RecordBackup(
            snapshot=f"s{number}", address=address, taken_at=now - age, bytes=10, messages=2
        )
        answer = await bus.request(account, snapshot)
        assert answer.type == "mailbox.backup-recorded.v1", answer.data
    return [f"s{number}" for number in range(len(ages))]


async def listed(bus: Any, account: str, address: str) -> list[str]:
    answer = await bus.ask(account, backups.AskBackups(address=address))
    assert answer.refusal is None
    return [backup.snapshot for backup in answer.backups]


async def test_backups_are_listed_to_who_has_the_feature(bus: Any, anna: tuple[str, str]) -> None:
    account, address = anna
    await recorded(bus, account, address, timedelta(days=2), timedelta(days=1), timedelta())
    assert await listed(bus, account, address) == ["s2", "s1", "s0"]
    page = await bus.ask(account, backups.AskBackups(address=address, limit=2))
    rest = await bus.ask(account, backups.AskBackups(address=address, limit=2, after=page.next))
    assert ([b.snapshot for b in page.backups], [b.snapshot for b in rest.backups]) == (["s2", "s1"], ["s0"])
    await bus.request(account, mailbox.SetMailboxFeatures(addresses=(address,), features=()))
    off = await bus.ask(account, backups.AskBackups(address=address))
    assert (off.backups, off.refusal.code, off.refusal.findings[0].details["feature"]) == ((), "feature_off", "backup")
    refused = await bus.request(account, backups.RestoreBackup(address=address, snapshot="s0"))
    assert refused.data.refusal.code == "feature_off"
    stranger = await bus.ask("stranger", backups.AskBackups(address=address))
    assert stranger.refusal.code == "mailbox_unknown"


async def test_a_backup_that_is_too_old_or_another_under_the_same_name_is_not_taken(
    bus: Any, anna: tuple[str, str]
) -> None:
    account, address = anna
    await recorded(bus, account, address, timedelta(hours=1))
    (row,) = await bus.fetch("SELECT taken_at FROM mailbox.backup WHERE account = $1", account)
    same = backups.RecordBackup(snapshot="s0", address=address, taken_at=row["taken_at"], bytes=10, messages=2)
    cases = [
        (same, None),
        (same.model_copy(update={"bytes": 11}), "snapshot_exists"),
        (same.model_copy(update={"snapshot": "old", "taken_at": datetime.now(UTC) - WORK}), "backup_too_old"),
        (
            same.model_copy(update={"snapshot": "soon", "taken_at": datetime.now(UTC) + timedelta(hours=1)}),
            "backup_in_the_future",
        ),
        (same.model_copy(update={"snapshot": "x", "address": "nobody@x.example"}), "mailbox_unknown"),
    ]
    for request, code in cases:
        answer = await bus.request(account, request)
        assert (answer.data.refusal.code if hasattr(answer.data, "refusal") else None) == code


async def test_a_backup_is_gone_when_its_time_is_over_and_the_store_is_told_to_delete_it(
    bus: Any, anna: tuple[str, str], eventually: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    account, address = anna
    await recorded(bus, account, address, timedelta(days=5), timedelta(hours=1))
    monkeypatch.setattr(TERMS, "backups_kept", timedelta(days=5))
    assert await listed(bus, account, address) == ["s1"], "whether or not the store was told"
    refused = await bus.request(account, backups.RestoreBackup(address=address, snapshot="s0"))
    assert refused.data.refusal.code == "backup_unknown"
    await bus.fetch("UPDATE mailbox.timer SET due_at = now() WHERE kind = 'expire-backups'")

    async def told() -> Any:
        facts = await bus.events(f"evt.{account}.mailbox.backups-expired.v1")
        return facts[0].data if facts else None

    monkeypatch.setenv("POSTKONTOR_BACKUP_DAYS", "5")
    await bus.workers.pop().stop()
    await bus.start(service)
    assert (await eventually(told)).snapshots == ("s0",)
    monkeypatch.setattr(TERMS, "backup_deletion", timedelta())
    late = await bus.ask(account, backups.AskOverdueBackups())
    assert ([each.snapshot for each in late.overdue], late.total) == (["s0"], 1)
    done = await bus.request(account, backups.ConfirmBackupsDeleted(snapshots=("s0", "other")))
    assert (done.data.snapshots, done.data.unknown) == (("s0",), ("other",))
    assert (await bus.ask(account, backups.AskOverdueBackups())).total == 0


async def begun(bus: Any, account: str, address: str) -> UUID:
    """Request a restore that is accepted."""
    await recorded(bus, account, address, timedelta(hours=1))
    return await bus.send(account, backups.RestoreBackup(address=address, snapshot="s0", folder="Zurück"))


async def requested(bus: Any, account: str, eventually: Any) -> backups.RestoreView:
    async def heard() -> Any:
        facts = await bus.events(f"evt.{account}.mailbox.backup-restore-requested.v1")
        return facts[0].data.restore if facts else None

    return await eventually(heard)


async def test_a_restore_ends_with_the_stores_report(bus: Any, anna: tuple[str, str], eventually: Any) -> None:
    account, address = anna
    id_ = await begun(bus, account, address)
    view = await requested(bus, account, eventually)
    assert (view.restore, view.address, view.folder) == (id_, address, "Zurück")
    assert (await bus.ask(account, backups.AskBackups(address=address))).running == view
    second = await bus.request(account, backups.RestoreBackup(address=address, snapshot="s0"))
    assert second.data.refusal.code == "restore_running"
    report = backups.ReportRestore(restore=id_, address=address, restored=True, messages=2)
    heard = await bus.request(account, report)
    outcome = await bus.answer(account, id_)
    assert (heard.type, outcome.type) == ("mailbox.restore-reported.v1", "mailbox.backup-restored.v1")
    assert (outcome.request_id, outcome.data.messages) == (id_, 2)
    again = await bus.request(account, report)
    assert again.data.refusal.code == "restore_unknown"
    assert len(bus.answers[f"rpl.{account}.{id_}"]) == 1


async def test_a_restore_that_fails_is_refused_with_the_stores_reason(bus: Any, anna: tuple[str, str]) -> None:
    account, address = anna
    id_ = await begun(bus, account, address)
    report = backups.ReportRestore(restore=id_, address=address, restored=False, reason="No space left")
    await bus.request(account, report)
    refused = await bus.answer(account, id_)
    assert (refused.type, refused.data.request_type) == ("mailbox.request-refused.v1", "mailbox.restore-backup.v1")
    assert (refused.data.refusal.code, refused.data.request_id, refused.request_id) == ("restore_failed", id_, id_)
    assert "No space left" in refused.data.refusal.text.en


async def test_a_restore_that_the_store_never_answers_is_refused(
    bus: Any, anna: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    account, address = anna
    monkeypatch.setattr(TERMS, "restore_answer", timedelta(seconds=0.2))
    id_ = await begun(bus, account, address)
    assert (await bus.answer(account, id_)).data.refusal.code == "restore_unanswered"
    late = await bus.request(account, backups.ReportRestore(restore=id_, address=address, restored=True))
    assert late.data.refusal.code == "restore_unknown"


async def test_a_backup_made_before_the_mailbox_is_not_its_own(bus: Any, anna: tuple[str, str]) -> None:
    account, address = anna
    await recorded(bus, account, address, timedelta(hours=1))
    await bus.fetch("UPDATE mailbox.mailbox SET created_at = now() WHERE address = $1", address)
    assert await listed(bus, account, address) == []
    refused = await bus.request(account, backups.RestoreBackup(address=address, snapshot="s0"))
    assert refused.data.refusal.code == "backup_unknown"


# --- the example of a store -------------------------------------------------------------------------------------


@pytest.fixture
async def example(bus: Any, repository: Path, tmp_path: Path) -> AsyncIterator[tuple[Any, Any, Postkontor]]:
    """The example with a mail folder of its own, serving."""
    spec = importlib.util.spec_from_file_location("backup_store", repository / "examples" / "backup_store.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    store = module.Store(tmp_path / "mail", tmp_path / "copies")
    async with Postkontor.from_environment(bus.environment("mail-store"), source="test") as office:
        serving = asyncio.create_task(module.serve(office, store))
        yield module, store, office
        serving.cancel()


async def test_the_example_store_copies_restores_and_deletes(
    bus: Any, anna: tuple[str, str], example: Any, eventually: Any
) -> None:
    account, address = anna
    module, store, office = example
    inbox = store.maildir(address) / "cur"
    inbox.mkdir(parents=True)
    (inbox / "1.mail:2,S").write_text("Ahoi")
    await module.back_up(office, store, account, datetime.now(UTC).replace(microsecond=0))
    (snapshot,) = await listed(bus, account, address)
    (inbox / "1.mail:2,S").unlink()
    restore = backups.RestoreBackup(address=address, snapshot=snapshot)
    outcome = await office.request(restore, account=account)
    assert (outcome.fact.messages, (inbox / "1.mail:2,S").read_text()) == (1, "Ahoi")
    into = restore.model_copy(update={"folder": "Zurück"})
    await office.request(into, account=account)
    assert (store.maildir(address) / ".Zurück" / "cur" / "1.mail:2,S").exists()
    await module.handle(office, store, told_to_delete(account, address, snapshot))
    assert not any((store.copies / account).iterdir())
    assert await listed(bus, account, address) == []


def told_to_delete(account: str, address: str, snapshot: str) -> Any:
    """Return the event of a backup whose time is over."""
    fact = backups.BackupsExpired(address=address, snapshots=(snapshot,), confirm_by=datetime.now(UTC))
    return type("Told", (), {"fact": fact, "account": account, "id": uuid4()})()
