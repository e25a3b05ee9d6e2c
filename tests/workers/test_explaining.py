"""Why? Asked of all four workers, as other programs and people ask: every chain ends at what decided."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest_asyncio
from pydantic import TypeAdapter

from client import Postkontor
from contracts.billing_v1 import AssignPackage, ChangePackage, ContractTerms, OpenAccount
from contracts.domain_v1 import AskDomain, ClaimDomain, SetDomainFeatures, ValidateDomain
from contracts.ids import uuid7
from contracts.mailbox_v1 import ChangePlan, CreateMailbox, SetMailboxFeatures, SuspendMailbox
from contracts.trail_v1 import AskMailboxPrice, AskTrail, about_domain
from deploy.devstack.demodns import DemoDns
from services.billing.app import service as billing_service
from services.dnscheck.app import service as dnscheck_service
from services.domain.app import service as domain_service
from services.mailbox.app import service as mailbox_service
from tests.workers.dns_world import asking

ROOT = Path(__file__).parents[2]
DOMAIN, ANNA = "nordwind-segel.de", "anna@nordwind-segel.de"
HASH = "{SHA512-CRYPT}$6$saltsalt$" + "a" * 86
LABEL = "_postkontor-challenge"


@pytest_asyncio.fixture(scope="module")
async def dns() -> AsyncIterator[DemoDns]:
    server = DemoDns(None)
    await server.start()
    yield server
    await server.stop()


@pytest_asyncio.fixture(scope="module")
async def office(bus, dns) -> AsyncIterator[Postkontor]:
    """A client of an account with a proven domain and a mailbox, and of another account beside it."""
    with asking(dns):
        for service, lanes in ((billing_service, 5), (dnscheck_service, 4), (domain_service, 5), (mailbox_service, 5)):
            await bus.owns_all(await bus.start(service), lanes=lanes)
    async with Postkontor.from_environment(bus.environment(), account="nordwind", source="test") as office:
        for account in ("nordwind", "suedwind"):
            await sure(office, OpenAccount(package="silver", company=account, email="post@example.de"), account=account)
        dns.add_zone(DOMAIN)
        claimed = (await sure(office, ClaimDomain(domain=DOMAIN, password_hash=HASH))).fact
        dns.set_records(DOMAIN, LABEL, "TXT", [claimed.domain.record.value])
        assert (await sure(office, ValidateDomain(domain=DOMAIN))).fact.verified
        await sure(office, new(ANNA, "mail"))
        await priced(bus, office, ANNA, 100)
        yield office


async def sure(office: Postkontor, request: Any, **options: Any) -> Any:
    outcome = await office.request(request, **options)
    outcome.raise_for_refusal()
    return outcome


async def priced(bus, office: Postkontor, address: str, cents: int) -> None:
    """Wait until billing has booked a plan: the requester does not wait for that."""

    async def booked() -> bool:
        price = (await office.ask(AskMailboxPrice(address=address))).price
        return price is not None and price.price_cents == cents

    await bus.eventually(booked, what=f"the booking of {address}")


def new(address: str, plan: str) -> CreateMailbox:
    return CreateMailbox(address=address, first_name="Anna", last_name="Nord", plan=plan, password_hash=HASH)


def names(chain: Any) -> list[str]:
    return [link.type for link in chain.links]


async def postkontor(bus, *words: str, columns: int = 80) -> tuple[int, str, str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("POSTKONTOR_")}
    program = "import sys; from services.cli import main; main(sys.argv[1:])"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, *words, "-a", "nordwind", *bus.options, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE, env=environment | {"PYTHONPATH": str(ROOT), "COLUMNS": str(columns)},
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


def said(explanation: Any) -> str:
    return " ".join(reason.text.en for reason in explanation.reasons)


# --- prices ---------------------------------------------------------------------------------------------------------


async def test_a_price_leads_to_its_line_in_the_price_list_and_to_the_message_that_set_the_plan(office):
    explained = await office.explain_price(ANNA)
    assert f"{ANNA} costs EUR 1.00 a month: plan mail." in said(explained)
    assert "line plan.mail" in said(explained)
    (chain,) = explained.chains
    assert names(chain) == [
        "domain.create-mailbox.v1",
        "domain.mailbox-admitted.v1",
        "billing.create-mailbox.v1",
        "billing.capacity-reserved.v1",
        "mailbox.create-mailbox.v1",
        "mailbox.mailbox-created.v1",
        "billing.capacity-confirmed.v1",
    ]
    decisive = next(reason for reason in explained.reasons if reason.message_id)
    assert decisive.message_id == chain.links[5].id
    by_id = {link.id: link for link in chain.links}
    causes = [by_id[link.cause_id].type for link in chain.links[1:]]
    assert causes == [names(chain)[place] for place in (0, 0, 2, 2, 4, 5)], "each is linked to what led to it"


async def test_after_a_change_of_plan_the_change_explains_the_price(bus, office):
    address = "bernd@nordwind-segel.de"
    await sure(office, new(address, "mail"))
    changed = await sure(office, ChangePlan(address=address, plan="office"))
    await priced(bus, office, address, 450)
    explained = await office.explain_price(address)
    assert "costs EUR 4.50 a month: plan office" in said(explained)
    assert [chain.request_id for chain in explained.chains] == [changed.request_id]


async def test_what_is_not_charged_has_no_price(office):
    assert await office.explain_price("nobody@nordwind-segel.de") is None


# --- features and states --------------------------------------------------------------------------------------------


async def test_features_lead_to_the_set_that_counts(office):
    assert "Nobody has set anything" in said(await office.explain_features(ANNA))
    whole = await sure(office, SetDomainFeatures(domains=(DOMAIN,), features=("blacklist",)))
    explained = await office.explain_features(ANNA)
    assert "It follows the setting of the domain nordwind-segel.de." in said(explained)
    assert [chain.request_id for chain in explained.chains] == [whole.request_id]
    others = ("clara@nordwind-segel.de", "dora@nordwind-segel.de")
    for address in others:
        await sure(office, new(address, "mail"))
    own = await sure(office, SetMailboxFeatures(addresses=(ANNA, *others), features=("backup",)))
    explained = await office.explain_features(ANNA)
    assert "The mailbox has a setting of its own." in said(explained)
    assert [chain.request_id for chain in explained.chains] == [own.request_id]


async def test_a_suspension_explains_the_state_of_a_mailbox(office):
    address = "emil@nordwind-segel.de"
    await sure(office, new(address, "mail"))
    suspended = await sure(office, SuspendMailbox(address=address))
    explained = await office.explain_state(address)
    assert said(explained) == f"{address}: suspended. {address} is suspended."
    assert [chain.request_id for chain in explained.chains] == [suspended.request_id]
    assert [link.type for link in explained.latest] == ["mailbox.mailbox-suspended.v1", "mailbox.mailbox-created.v1"]


# --- requests -------------------------------------------------------------------------------------------------------


async def test_a_refusal_leads_to_its_finding_and_the_next_step(office):
    refused = await office.request(new("a@nobody.de", "mail"))
    explained = await office.explain_request(refused.request_id)
    assert "Next step: claim the domain." in said(explained)
    (chain,) = explained.chains
    assert chain.refusal.code == "domain_unknown"
    assert names(chain) == ["domain.create-mailbox.v1", "domain.request-refused.v1"]
    assert [handling.fate for handling in chain.links[0].handled] == ["refused"]


async def test_a_validation_leads_through_the_look_although_a_wake_up_made_it(office):
    validated = await sure(office, ValidateDomain(domain=DOMAIN))
    explained = await office.explain_request(validated.request_id)
    assert "no outcome yet" not in said(explained)
    (chain,) = explained.chains
    assert names(chain) == [
        "domain.validate-domain.v1",
        "dnscheck.watch-domain.v1",
        "dnscheck.txt-checked.v1",
        "domain.validation-finished.v1",
    ]
    assert chain.links[2].is_by_clock
    assert chain.links[3].cause_id == chain.links[2].id


async def test_what_is_older_than_what_is_kept_is_said_to_be_gone_and_not_unknown(office):
    long_ago = int((datetime.now(UTC) - timedelta(days=200)).timestamp() * 1000)
    old, new_one = await office.explain_request(uuid7(long_ago)), await office.explain_request(uuid7())
    assert "no longer kept" in said(old)
    assert "No worker knows the request" in said(new_one)


async def test_no_chain_holds_a_password_or_its_hash(office):
    created = (await office.explain_price(ANNA)).chains[0].request_id
    for service in ("domain", "billing", "mailbox"):
        answer = await office.ask(AskTrail(request_id=created), service=service)
        assert answer.messages
        assert "SHA512" not in answer.model_dump_json()


async def test_another_account_learns_nothing(office):
    mine = (await office.explain_price(ANNA)).chains[0]
    theirs = await office.trail(mine.request_id, account="suedwind")
    assert theirs.links == ()
    domain_id = (await office.ask(AskDomain(domain=DOMAIN))).domain.domain_id
    about = AskTrail(about=about_domain(domain_id))
    assert (await office.ask(about, service="domain")).messages
    assert not (await office.ask(about, service="domain", account="suedwind")).messages
    for link in mine.links:
        asked = AskTrail(message_id=link.id)
        assert not (await office.ask(asked, service=link.station, account="suedwind")).messages
    assert await office.explain_price(ANNA, account="suedwind") is None
    assert await office.explain_domain(DOMAIN, account="suedwind") is None


async def test_a_transfer_is_explained_without_the_other_side(office, dns):
    """Both have proven the domain: each account's chains hold its own messages, and no id of the other's."""
    lost = await sure(office, ClaimDomain(domain=DOMAIN), account="suedwind")
    dns.set_records(DOMAIN, LABEL, "TXT", [lost.fact.domain.record.value])
    validated = await sure(office, ValidateDomain(domain=DOMAIN), account="suedwind")
    assert validated.fact.domain.state == "contested"
    mine, theirs = await office.explain_domain(DOMAIN), await office.explain_domain(DOMAIN, account="suedwind")
    assert "transfer-opened" in {link.type.split(".")[1] for link in mine.latest}
    of_theirs = {link.id for chain in theirs.chains for link in chain.links}
    of_theirs |= {link.request_id for link in theirs.latest} | {validated.request_id}
    written = TypeAdapter(Any).dump_json(mine).decode()
    assert "suedwind" not in written
    assert not [each for each in of_theirs if str(each) in written]
    assert "nordwind" not in TypeAdapter(Any).dump_json(theirs).decode().replace(DOMAIN, "")


# --- the command line -----------------------------------------------------------------------------------------------


async def test_people_read_a_price_within_eighty_columns_in_both_languages(bus, office):
    german, english = await asyncio.gather(
        postkontor(bus, "explain", "mailbox", ANNA, "--lang", "de"),
        postkontor(bus, "explain", "mailbox", ANNA, "price", "--lang", "en"),
    )
    for (code, out, err), words in ((german, "kostet 1,00 € im Monat"), (english, "costs EUR 1.00 a month")):
        assert (code, words in out) == (0, True), err
        assert max(len(line) for line in out.splitlines()) <= 80
        assert "mailbox.mailbox-created.v1" in out
    assert "[6]" in german[1], "the sentence names the message that it rests on"


async def test_programs_and_wide_terminals_get_a_request_and_its_findings(bus, office):
    refused = await office.request(new("a@nobody.de", "mail"))
    arguments = ("explain", "request", str(refused.request_id), "--lang", "en")
    people, programs, unknown = await asyncio.gather(
        postkontor(bus, *arguments, columns=250),
        postkontor(bus, *arguments, "-o", "json"),
        postkontor(bus, "explain", "request", str(uuid7()), "--lang", "en"),
    )
    assert "cmd.nordwind.domain.create-mailbox.v1" in people[1]
    assert "refused (domain_unknown)" in people[1]
    (chain,) = json.loads(programs[1])["chains"]
    assert chain["links"][0]["refusal"] is None or chain["links"][0]["refusal"]["code"] == "domain_unknown"
    assert unknown[0] == 3


async def test_people_read_why_a_domain_is_as_it_is(bus, office):
    (code, out, err), missing = await asyncio.gather(
        postkontor(bus, "explain", "domain", DOMAIN, "--lang", "de"),
        postkontor(bus, "explain", "cap", "plan.nothing", "--lang", "de"),
    )
    assert code == 0, err
    assert "umstritten" in out or "aktiv" in out
    assert "Zuletzt geschah" in out
    assert (missing[0], "hat keine Grenze plan.nothing" in missing[2]) == (3, True)


# --- caps: the account changes its package, so these come last -------------------------------------------------------


async def test_a_cap_leads_to_what_set_it_and_to_what_used_it_last(office):
    opened = await office.explain_cap("mailbox")
    assert "cap 50" in said(opened)
    assert names(opened.chains[0]) == ["billing.open-account.v1", "billing.account-opened.v1"]
    changed = await sure(office, ChangePackage(package="gold"))
    explained = await office.explain_cap("mailbox")
    assert "cap 250" in said(explained)
    assert "package gold by price list" in said(explained)
    assert [chain.request_id for chain in explained.chains] == [changed.request_id]
    assert explained.latest[0].type.startswith("billing.capacity-")
    assert (await office.explain_cap("group")).latest == ()


async def test_an_individual_price_leads_to_the_contract(office):
    terms = ContractTerms(price_cents=9900, mailboxes=500, alias_forwards=None, groups=None, plan_prices={"mail": 80})
    assigned = await sure(office, AssignPackage(package="reseller", terms=terms))
    explained = await office.explain_price(ANNA)
    assert "costs EUR 0.80 a month" in said(explained)
    assert "line contract.plan.mail of its contract. The price list says EUR 1.00." in said(explained)
    assert assigned.request_id in {chain.request_id for chain in explained.chains}
    assert "by the account's contract" in said(await office.explain_cap("alias_forward"))
