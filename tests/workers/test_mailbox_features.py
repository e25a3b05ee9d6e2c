"""The history of features and their undo on the real bus, domain and mailbox together (R31)."""

from typing import Any
from uuid import UUID, uuid4, uuid5

import pytest
import pytest_asyncio

from contracts import domain_v1 as domain
from contracts import features_v1 as features
from contracts import mailbox_v1 as mailbox
from services.domain.app import service as domain_service
from services.mailbox.app import service
from services.mailbox.terms import TERMS
from tests.workers.mailbox_orders import made, new_mailbox

HELD = """
    INSERT INTO domain.claim (domain, account, domain_id, state, label, token, password_hash, claimed_at, verified_at,
        activated_at, updated_at, proof, revision)
    VALUES ($1, $2, $3, 'active', '_postkontor-challenge', repeat('a', 32), '{BLF-CRYPT}$', now(), now(), now(), now(),
        'held', 1)"""


@pytest_asyncio.fixture(scope="module", autouse=True)
async def workers(bus: Any) -> None:
    """Both workers that a domain-wide set passes."""
    for each in (domain_service, service):
        await bus.start(each)


@pytest.fixture
async def account(bus: Any) -> str:
    """An account of the test's own that holds a domain with two mailboxes."""
    account = f"t{uuid4().hex[:10]}"
    name = f"{account}.example"
    await bus.fetch(HELD, name, account, uuid5(UUID(int=0), f"{account}/{name}"))
    await made(bus, account, f"anna@{name}", f"bela@{name}")
    return account


async def on(bus: Any, account: str) -> dict[str, tuple[str, ...]]:
    """Return what is on, for the domain and the two mailboxes, in short."""
    name = f"{account}.example"
    ask = mailbox.AskFeatures(domains=(name,), addresses=(f"anna@{name}", f"bela@{name}"))
    targets = (await bus.ask(account, ask)).targets
    return {target.target.partition("@")[0].partition(".")[0]: target.features.on for target in targets}


async def set_domain(bus: Any, account: str, *on: Any, keep: bool = False) -> Any:
    request = domain.SetDomainFeatures(domains=(f"{account}.example",), features=on, keep_mailbox_settings=keep)
    return await bus.request(account, request)


async def test_the_undo_of_a_domain_wide_set_brings_mailboxes_own_sets_back(bus: Any, account: str) -> None:
    name = f"{account}.example"
    await set_domain(bus, account, "backup")
    await bus.request(account, mailbox.SetMailboxFeatures(addresses=(f"anna@{name}",), features=("blacklist",)))
    await set_domain(bus, account)
    assert await on(bus, account) == {account: (), "anna": (), "bela": ()}
    undo = features.UndoDomainFeatures(domains=(name, "unknown.example"))
    undone = await bus.request(account, undo)
    assert undone.type == "mailbox.features-undone.v1"
    there, unknown = undone.data.targets
    assert (there.features.on, there.mailboxes, unknown.refusal.code) == (("backup",), 1, "domain_unknown")
    assert await on(bus, account) == {account: ("backup",), "anna": ("blacklist",), "bela": ("backup",)}
    shown = await bus.ask(account, domain.AskDomain(domain=name))
    assert shown.domain.features == ("backup",)
    await bus.request(account, features.UndoDomainFeatures(domains=(name,)))
    assert await on(bus, account) == {account: (), "anna": (), "bela": ()}


async def test_each_target_of_an_undo_answers_for_itself(bus: Any, account: str) -> None:
    anna, bela = f"anna@{account}.example", f"bela@{account}.example"
    refused = await bus.request(account, features.UndoDomainFeatures(domains=(f"{account}.example",)))
    assert refused.data.refusal.code == "nothing_to_undo"
    await bus.request(account, mailbox.SetMailboxFeatures(addresses=(anna,), features=("backup",)))
    await bus.request(account, mailbox.SetMailboxFeatures(addresses=(anna,), features=("blacklist",)))
    undone = await bus.request(account, features.UndoMailboxFeatures(addresses=(anna, bela, "nobody@x.example")))
    first, second, third = undone.data.targets
    assert (first.features.on, first.features.origin, first.features.own.on) == (("backup",), "mailbox", ("backup",))
    assert [second.refusal.code, third.refusal.code] == ["nothing_to_undo", "mailbox_unknown"]
    view = (await bus.ask(account, mailbox.AskMailbox(address=anna))).mailbox
    assert (view.features.on, view.revision) == (("backup",), first.revision)
    refused = await bus.request(account, features.UndoMailboxFeatures(addresses=(bela,)))
    assert refused.data.refusal.code == "nothing_to_undo"


async def test_a_mailbox_that_had_to_follow_its_domain_gets_its_own_set_back_alone(bus: Any, account: str) -> None:
    addresses = tuple(f"{who}@{account}.example" for who in ("anna", "bela"))
    await bus.request(account, mailbox.SetMailboxFeatures(addresses=addresses, features=("backup",)))
    await set_domain(bus, account, "blacklist")
    await bus.request(account, features.UndoMailboxFeatures(addresses=addresses[:1]))
    assert await on(bus, account) == {account: ("blacklist",), "anna": ("backup",), "bela": ("blacklist",)}


async def test_every_change_is_in_the_history_with_its_request(
    bus: Any, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, anna = f"{account}.example", f"anna@{account}.example"
    set_ = mailbox.SetMailboxFeatures(addresses=(anna,), features=("backup",))
    id_ = await bus.send(account, set_, channel="console")
    await bus.answer(account, id_)
    await set_domain(bus, account, "blacklist")
    await bus.request(account, features.UndoDomainFeatures(domains=(name,)))
    changes = (await bus.ask(account, features.AskFeatureHistory(target=anna))).changes
    assert [(each.target, each.kind, each.own_settings) for each in changes] == [
        (name, "undo", 1), (name, "set", -1), (anna, "set", 0),
    ]  # fmt: skip
    first = changes[-1]
    assert (first.request_id, first.channel) == (id_, "console")
    assert (first.before.origin, first.after.origin, first.after.on) == ("default", "mailbox", ("backup",))
    page = await bus.ask(account, features.AskFeatureHistory(target=anna, limit=2))
    rest = await bus.ask(account, features.AskFeatureHistory(target=anna, before=page.next))
    assert (page.changes, rest.changes, rest.next) == (changes[:2], changes[2:], None)
    assert not (await bus.ask("stranger", features.AskFeatureHistory(target=anna))).changes

    monkeypatch.setattr(TERMS, "feature_changes", 2)
    for on_ in (("backup",), (), ("backup", "blacklist")):
        await bus.request(account, mailbox.SetMailboxFeatures(addresses=(anna,), features=on_))
    kept = (await bus.ask(account, features.AskFeatureHistory(target=anna))).changes
    assert [each.after.on for each in kept if each.target == anna] == [("backup", "blacklist"), ()]


async def test_a_mailbox_made_anew_has_nothing_to_undo(bus: Any, account: str) -> None:
    anna = f"anna@{account}.example"
    await bus.request(account, mailbox.SetMailboxFeatures(addresses=(anna,), features=("backup",)))
    await bus.request(account, mailbox.SetMailboxFeatures(addresses=(anna,), features=()))
    await bus.request(account, mailbox.DeleteMailbox(address=anna, immediately=True))
    await bus.request(account, new_mailbox(account, anna))
    refused = await bus.request(account, features.UndoMailboxFeatures(addresses=(anna,)))
    assert refused.data.refusal.code == "nothing_to_undo"
