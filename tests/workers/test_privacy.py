"""What is held on a person is shown whole, and forgotten where it can be; what invoices rest on stays."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4, uuid5

import pytest
import pytest_asyncio

from client import Postkontor
from client.privacy import held_on_account, held_on_person
from contracts import billing_v1 as billing
from contracts import mailbox_v1 as mailbox
from contracts import mailbox_v2, privacy_v1
from contracts.values import domain_of
from services.billing.app import service as billing_service
from services.chassis.journal import KEEP_EVENTS_DAYS, KEEP_INBOX_DAYS
from services.chassis.topology import streams
from services.mailbox.app import service as mailbox_service
from services.mailbox.privacy import GONE_AFTER

HASH = "{BLF-CRYPT}$2b$12$" + "S" * 53


@pytest_asyncio.fixture(scope="module", autouse=True)
async def workers(bus: Any) -> Any:
    """Billing and mailbox."""
    return [await bus.start(billing_service), await bus.start(mailbox_service)]


@pytest_asyncio.fixture
async def office(bus: Any) -> AsyncIterator[Postkontor]:
    """An operator's client."""
    async with Postkontor.from_environment(bus.environment(), account="*", source="test") as client:
        yield client


@pytest_asyncio.fixture
async def account(bus: Any) -> str:
    """A customer with a mailbox of Anna's, who blocks a sender, is renamed and has an alias."""
    name = f"t{uuid4().hex[:10]}"
    opened = await bus.request(
        name, billing.OpenAccount(package="silver", company="Nordwind Segel GmbH", email="buero@nordwind.example")
    )
    assert opened.type == "billing.account-opened.v1"
    address = address_of(name)
    create = mailbox.CreateMailbox(
        address=address, first_name="Anna", last_name='Berg "]}', plan="office", password_hash=HASH
    )
    id_ = uuid5(UUID(int=0), domain_of(address))
    assert (await bus.request(name, billing.AdmittedMailbox(request=create, domain_id=id_))).type.endswith("created.v1")
    for request in (
        mailbox.BlockSenders(address=address, senders=("ex@privat.example",)),
        mailbox_v2.RenamePerson(
            address=address, person=mailbox_v2.NewPerson(given_name="Anna Maria", family_name="Größmann")
        ),
        mailbox.SetForwardings(address=address, targets=("anna@heim.example",)),
    ):
        assert not (await bus.request(name, request)).type.endswith("refused.v1")
    return name


def address_of(account: str) -> str:
    return f"anna.berg@{account}.example"


async def logged(bus: Any, account: str) -> str:
    rows = await bus.fetch(
        "SELECT convert_from(payload, 'UTF8') AS text FROM mailbox.event_log WHERE split_part(subject, '.', 2) = $1"
        " ORDER BY seq",
        account,
    )
    assert [json.loads(row["text"]) for row in rows], "what is logged can be read"
    return "\n".join(row["text"] for row in rows)


def words_of(text: str) -> set[str]:
    return {word for word in ("Anna", "Berg", "Größmann", "privat", "heim") if word in text}


async def test_everything_held_on_a_person_is_shown(office: Postkontor, account: str) -> None:
    held = await held_on_person(office, account, address_of(account))

    assert held.sections["mailbox"]["last_name"] == "Größmann"
    assert held.sections["mailbox"]["blocked_senders"] == ["ex@privat.example"]
    assert held.sections["price"]["price_cents"] == 450
    told = json.dumps(held.sections, ensure_ascii=False)
    assert words_of(told) == {"Anna", "Berg", "Größmann", "privat", "heim"}
    assert {message["type"] for message in held.sections["messages.billing"]} >= {"billing.capacity-confirmed.v1"}
    assert "S" * 20 not in told, "no hash"
    assert set(held.silent) == {"holds", "messages.domain", "messages.dnscheck"}, "who does not answer is named"


async def test_everything_held_on_an_account_is_shown(office: Postkontor, account: str) -> None:
    held = await held_on_account(office, account)

    assert held.sections["account"]["master_data"]["company"] == "Nordwind Segel GmbH"
    assert [each["address"] for each in held.sections["mailboxes"]] == [address_of(account)]


async def test_a_mailbox_that_is_not_deleted_keeps_its_person(bus: Any, account: str) -> None:
    answer = await bus.request(account, privacy_v1.ErasePerson(address=address_of(account)))

    assert answer.data.refusal.code == "mailbox_state"
    assert "Größmann" in await logged(bus, account)


async def test_a_person_is_forgotten_and_what_was_charged_for_stays(bus: Any, office: Postkontor, account: str) -> None:
    address = address_of(account)
    ledger = await bus.fetch("SELECT holder, revision, plan FROM billing.ledger WHERE account_id = $1", account)
    deleted = await bus.request(account, mailbox.DeleteMailbox(address=address, immediately=True))
    assert deleted.type == "mailbox.mailbox-deleted.v1"
    assert words_of(await logged(bus, account)) == {"Anna", "Berg", "Größmann", "privat", "heim"}

    erased = await bus.request(account, privacy_v1.ErasePerson(address=address))

    assert erased.type == "mailbox.person-erased.v1"
    assert erased.data.mailbox.person.display_name == ""
    days = erased.data.complete_on - datetime.now(UTC).date()
    assert timedelta(days=180) <= days <= timedelta(days=182)
    assert words_of(await logged(bus, account)) == set()
    (row,) = await bus.fetch("SELECT * FROM mailbox.mailbox WHERE address = $1", address)
    assert (row["first_name"], row["last_name"], row["blocked_senders"], row["plan"]) == ("", "", [], "office")
    held = await held_on_person(office, account, address)
    assert words_of(json.dumps(held.sections, ensure_ascii=False)) == set()
    assert [message["type"] for message in held.sections["messages.mailbox"]][-1] == "mailbox.mailbox-created.v1"
    kept = await bus.fetch("SELECT holder, revision, plan FROM billing.ledger WHERE account_id = $1", account)
    assert {tuple(entry) for entry in ledger} <= {tuple(entry) for entry in kept}


async def test_the_same_person_again_and_a_strangers_are_no_matter(bus: Any, account: str) -> None:
    address = address_of(account)
    await bus.request(account, mailbox.DeleteMailbox(address=address, immediately=True))
    first = await bus.request(account, privacy_v1.ErasePerson(address=address))
    again = await bus.request(account, privacy_v1.ErasePerson(address=address))
    foreign = await bus.request("fremd-konto", privacy_v1.ErasePerson(address=address))

    assert (first.type, again.type) == ("mailbox.person-erased.v1", "mailbox.person-erased.v1")
    assert foreign.data.refusal.code == "mailbox_unknown"


@pytest.mark.parametrize("stream", ["CMD", "EVT", "DLQ"])
def test_the_day_named_is_after_the_longest_time_that_anything_is_kept(stream: str) -> None:
    (found,) = [each for each in streams(4, 1) if each.name == stream]

    assert timedelta(seconds=found.max_age or 0) <= GONE_AFTER
    assert timedelta(days=max(KEEP_EVENTS_DAYS + 7, KEEP_INBOX_DAYS)) <= GONE_AFTER
