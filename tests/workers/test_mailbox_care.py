"""Passwords that have to be changed (R25) and how a mailbox treats spam (R32), on the real bus and database."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from contracts import mailbox_v1 as mailbox
from contracts import passwords_v1 as passwords
from contracts import spam_v1 as spam
from contracts.password_policy import PasswordPolicy
from services.mailbox.app import service
from services.mailbox.terms import TERMS
from tests.workers.mailbox_orders import HASH, made, new_mailbox

HOUR = timedelta(hours=1)
STRONG = "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=4$" + "c2Fs" * 6 + "$" + "aGFzaA" * 7


@pytest_asyncio.fixture(scope="module", autouse=True)
async def worker(bus: Any) -> Any:
    """One mailbox worker for the module."""
    return await bus.start(service)


@pytest.fixture
async def account(bus: Any) -> str:
    """An account of the test's own with two mailboxes."""
    account = f"t{uuid4().hex[:10]}"
    await made(bus, account, f"anna@{account}.example", f"bela@{account}.example")
    return account


async def logins(bus: Any, account: str) -> tuple[list[str], list[str]]:
    """Return who may log in, and who may not for want of a new password."""
    found = [
        await bus.fetch(
            f"SELECT address FROM mta.{view} WHERE address LIKE $1 ORDER BY address", f"%@{account}.example"
        )
        for view in ("login", "password_expired")
    ]
    may, may_not = ([row["address"].partition("@")[0] for row in rows] for rows in found)
    return may, may_not


async def test_a_mailboxs_logins_end_at_the_time_named_until_its_password_is_changed(bus: Any, account: str) -> None:
    anna = f"anna@{account}.example"
    later = datetime.now(UTC) + HOUR
    answer = await bus.request(account, passwords.RequirePasswordChange(targets=(anna, "no@x.example"), by=later))
    mine, other = answer.data.targets
    assert (mine.password_change_by, other.refusal.code) == (later, "mailbox_unknown")
    assert (await bus.ask(account, mailbox.AskMailbox(address=anna))).mailbox.password_change_by == later
    assert await logins(bus, account) == (["anna", "bela"], [])
    await bus.request(account, passwords.RequirePasswordChange(targets=(anna,)))
    assert await logins(bus, account) == (["bela"], ["anna"])
    changed = await bus.request(account, mailbox.SetMailboxPassword(address=anna, password_hash=STRONG))
    assert changed.data.mailbox.password_change_by is None
    assert await logins(bus, account) == (["anna", "bela"], [])


async def test_a_domains_requirement_is_about_the_passwords_that_are_set_by_then(bus: Any, account: str) -> None:
    name = f"{account}.example"
    answer = await bus.request(account, passwords.RequirePasswordChange(targets=(name, "empty.example")))
    here, empty = answer.data.targets
    assert (here.mailboxes, empty.refusal.code) == (2, "no_mailboxes")
    assert await logins(bus, account) == ([], ["anna", "bela"])
    await bus.request(account, mailbox.SetMailboxPassword(address=f"bela@{name}", password_hash=STRONG))
    await bus.request(account, new_mailbox(account, f"cora@{name}"))
    assert await logins(bus, account) == (["bela", "cora"], ["anna"])
    suspended = await bus.request(account, mailbox.SuspendMailbox(address=f"anna@{name}"))
    assert suspended.data.mailbox.password_change_by is not None
    assert await logins(bus, account) == (["bela", "cora"], []), "who is suspended is told nothing else"
    await bus.request(account, mailbox.ReactivateMailbox(address=f"anna@{name}"))
    await bus.request(account, passwords.RequirePasswordChange(targets=(name,), lift=True))
    assert await logins(bus, account) == (["anna", "bela", "cora"], [])


async def test_weak_hashes_are_listed_without_any_of_them(
    bus: Any, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"{account}.example"
    assert (await bus.ask(account, passwords.AskWeakPasswords())).total == 0
    monkeypatch.setattr(TERMS, "passwords", PasswordPolicy(blf_crypt_min_cost=13))
    await bus.request(account, mailbox.SetMailboxPassword(address=f"bela@{name}", password_hash=STRONG))
    monkeypatch.setattr(TERMS, "passwords", PasswordPolicy(blf_crypt_min_cost=13, argon2id_min_passes=4))
    first = await bus.ask(account, passwords.AskWeakPasswords(limit=1))
    rest = await bus.ask(account, passwords.AskWeakPasswords(after=first.next))
    assert (first.total, [each.address for each in (*first.mailboxes, *rest.mailboxes)]) == (
        2, [f"anna@{name}", f"bela@{name}"],
    )  # fmt: skip
    assert first.mailboxes[0].reason.details == {"scheme": "BLF-CRYPT", "minimum": "cost=13"}
    assert HASH[20:30] not in first.model_dump_json()
    assert (await bus.ask("stranger", passwords.AskWeakPasswords())).total == 0


async def test_spam_tuning_is_kept_and_counts_while_the_feature_is_on(bus: Any, account: str) -> None:
    anna = f"anna@{account}.example"
    tuning = spam.SpamTuning(junk_tenths=45, reject_tenths=None, allowed_senders=("@b.example", "@a.example"))
    tuned = await bus.request(account, spam.TuneSpam(address=anna, tuning=tuning))
    view = tuned.data.mailbox.spam
    assert (tuned.type, view.active, view.junk_tenths) == ("mailbox.spam-tuned.v1", False, 45)
    assert (view.reject_tenths, view.allowed_senders) == (None, ("@a.example", "@b.example"))
    on: Any = ("spam_and_virus_protection",)
    await bus.request(account, mailbox.SetMailboxFeatures(addresses=(anna,), features=on))
    assert (await bus.ask(account, mailbox.AskMailbox(address=anna))).mailbox.spam.active
    rows = await bus.fetch("SELECT tuned, junk_tenths, to_junk FROM mta.spam_settings WHERE mailbox = $1", anna)
    assert [tuple(row) for row in rows] == [(True, 45, True)]
    plain = await bus.request(account, spam.TuneSpam(address=anna, tuning=None))
    assert plain.data.mailbox.spam is None
    assert not await bus.fetch("SELECT 1 FROM mta.spam_allowed WHERE mailbox = $1", anna)
