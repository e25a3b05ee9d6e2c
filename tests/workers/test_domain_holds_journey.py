"""Requests that wait, through domain, billing and mailbox, seen from the client and the command line."""

import asyncio
from uuid import UUID

import pytest_asyncio

from client import Postkontor
from contracts.billing_v1 import OpenAccount
from contracts.domain_v1 import SetDomainPassword
from contracts.holds_v1 import AskHolds
from contracts.mailbox_v1 import AddAliases, CreateMailbox
from services.billing.app import service as billing_service
from services.domain.app import service as domain_service
from services.mailbox.app import service as mailbox_service
from tests.client.test_cli import run
from tests.workers.domain_neighbours import HASH, active, claim, in_state, tell_txt

NAME = "vorfreude.de"
ACCOUNT = "westwind"


@pytest_asyncio.fixture(scope="module")
async def workers(bus) -> None:
    for service in (billing_service, domain_service, mailbox_service):
        started = await bus.start(service)
        await bus.owns_all(started, lanes=5)
    await bus.request(ACCOUNT, OpenAccount(package="silver", company="West", email="a@example.org"))


def mailbox(address: str) -> CreateMailbox:
    return CreateMailbox(
        address=address, first_name="A", last_name="B", plan="mail", password_hash=HASH, when_unverified="hold"
    )


async def test_what_was_ordered_before_the_proof_exists_after_it_with_one_outcome_each(bus, workers):
    view = (await claim(bus, ACCOUNT, NAME)).data.domain
    async with Postkontor.from_environment(bus.environment(), account=ACCOUNT, source="test") as office:
        accepted = await office.request(mailbox(f"anna@{NAME}"))
        assert (accepted.state, accepted.fact.hold.waits_for) == ("accepted", (NAME,))
        aliases = AddAliases(address=f"anna@{NAME}", aliases=(f"info@{NAME}",), when_unverified="hold")
        waiting = asyncio.create_task(office.request(aliases, to_the_end=True))
        by_hand = await cli(bus, "mailbox", "create", f"bernd@{NAME}", *PERSON, "--hold")
        assert (by_hand.code, by_hand.json["hold"]["address"]) == (0, f"bernd@{NAME}")

        await tell_txt(bus, view)
        await in_state(bus, ACCOUNT, NAME, "verified")
        assert not waiting.done()
        await bus.request(ACCOUNT, SetDomainPassword(domain=NAME, password_hash=HASH))
        made = await office.outcome(accepted.request_id, CreateMailbox)
        assert (made.state, made.fact.mailbox.address) == ("done", f"anna@{NAME}")
        assert (await waiting).fact.mailbox.aliases == (f"info@{NAME}",)
        created = await office.outcome(UUID(by_hand.json["hold"]["request_id"]), CreateMailbox)
        assert created.fact.mailbox.address == f"bernd@{NAME}"
        heard = [event.type for event in bus.answers[f"rpl.{ACCOUNT}.{accepted.request_id}"]]
        assert heard == ["domain.request-parked.v1", "mailbox.mailbox-created.v1"]


async def test_a_client_that_missed_the_word_learns_that_its_request_waits(bus, workers):
    await claim(bus, ACCOUNT, "verpasst.de")
    id_ = await bus.send(ACCOUNT, mailbox("anna@verpasst.de"))
    await bus.answer(ACCOUNT, id_)
    async with Postkontor.from_environment(bus.environment(), account=ACCOUNT, source="test") as office:
        again = await office.request(mailbox("anna@verpasst.de"), request_id=id_)
        assert (again.state, again.request_id, again.fact.hold.request_id) == ("accepted", id_, id_)


async def test_the_command_line_says_that_a_request_waits_and_cancels_it(bus, workers):
    await claim(bus, ACCOUNT, "muehsam.de")
    waits = await cli(bus, "mailbox", "create", "anna@muehsam.de", *PERSON, "--hold", people=True)
    assert waits.code == 0
    assert "Accepted, not carried out yet" in waits.err
    assert "postkontor hold cancel" in waits.err
    assert "token=" in waits.out
    [hold] = (await bus.ask(ACCOUNT, AskHolds(domain="muehsam.de"))).holds
    listed = await cli(bus, "hold", "list", "--domain", "muehsam.de", people=True)
    assert all(shown in listed.out for shown in (str(hold.request_id), "anna@muehsam.de", "create-mailbox"))
    cancelled = await cli(bus, "hold", "cancel", str(hold.request_id))
    assert (cancelled.code, cancelled.json["address"]) == (0, "anna@muehsam.de")
    assert (await bus.ask(ACCOUNT, AskHolds(domain="muehsam.de"))).holds == ()


async def test_with_wait_the_command_line_waits_for_the_end(bus, workers):
    view = (await claim(bus, ACCOUNT, "geduldig.de", password_hash=HASH)).data.domain
    waiting = asyncio.create_task(cli(bus, "mailbox", "create", "anna@geduldig.de", *PERSON, "--hold", "--wait"))

    async def parked():
        return (await bus.ask(ACCOUNT, AskHolds(domain="geduldig.de"))).holds

    await bus.eventually(parked)
    await tell_txt(bus, view)
    ended = await waiting
    assert (ended.code, ended.json["mailbox"]["address"]) == (0, "anna@geduldig.de")


async def test_a_request_that_may_wait_and_need_not_is_carried_out_at_once(bus, workers):
    await active(bus, ACCOUNT, "sofort.de")
    made = await bus.request(ACCOUNT, mailbox("anna@sofort.de"))
    assert (made.type, made.data.mailbox.address) == ("mailbox.mailbox-created.v1", "anna@sofort.de")


PERSON = ("--first-name", "A", "--last-name", "B", "--plan", "mail", "--password-hash", HASH)


async def cli(bus, *arguments: str, people: bool = False):
    output = () if people else ("-o", "json")
    return await run(*arguments, "-a", ACCOUNT, *bus.options, "--lang", "en", *output)
