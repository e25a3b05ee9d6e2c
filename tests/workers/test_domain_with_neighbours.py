"""Domain with the real dnscheck, mailbox and DNS: what its own tests say for the neighbours, these say themselves."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
import pytest_asyncio

from contracts.billing_v1 import PlanTerms, Reservation, ReservedMailbox
from contracts.domain_v1 import AnswerTransfer, ValidateDomain
from contracts.mailbox_v1 import CreateMailbox, DeleteMailbox
from contracts.values import GIGABYTE
from deploy.devstack.demodns import DemoDns
from services.dnscheck.app import service as dnscheck_service
from services.domain.app import service as domain_service
from services.mailbox.app import service as mailbox_service
from tests.workers.dns_world import asking
from tests.workers.domain_neighbours import HASH, claim, fact, in_state, shown

LABEL = "_postkontor-challenge"
PLAN = PlanTerms(plan="mail", price_cents=100, mail_bytes=GIGABYTE, cloud_bytes=0, groupware=False, catalogue="2026-01")
numbers = count(1)


@pytest_asyncio.fixture(scope="module")
async def dns() -> AsyncIterator[DemoDns]:
    server = DemoDns(None)
    await server.start()
    yield server
    await server.stop()


@pytest_asyncio.fixture(scope="module")
async def workers(bus, dns) -> None:
    with asking(dns):
        for service, lanes in ((dnscheck_service, 4), (domain_service, 5), (mailbox_service, 5)):
            started = await bus.start(service)
            await bus.owns_all(started, lanes=lanes)


@pytest.fixture
def name(dns, workers) -> str:
    registered = f"nachbarschaft-{next(numbers)}.de"
    dns.add_zone(registered)
    return registered


async def validated(bus, account: str, name: str):
    return (await bus.request(account, ValidateDomain(domain=name))).data


async def test_a_domain_with_a_mailbox_passes_on_once_the_mailbox_is_gone(bus, dns, name):
    mine = (await claim(bus, "holder", name, password_hash=HASH)).data.domain
    theirs = (await claim(bus, "claimant", name, password_hash=HASH)).data.domain
    dns.set_records(name, LABEL, "TXT", [mine.record.value])
    assert (await validated(bus, "holder", name)).verified
    address = await mailbox_under(bus, mine)
    again = (await claim(bus, "claimant", name, password_hash=HASH)).data.domain
    assert again.domain_id != theirs.domain_id, "the first proof ended the other claim"

    dns.set_records(name, LABEL, "TXT", [again.record.value, mine.record.value])
    assert (await validated(bus, "claimant", name)).domain.state == "contested"
    consent = AnswerTransfer(domain=name, consent=True)
    refused = await bus.request("holder", consent)
    assert refused.data.refusal.code == "domain_has_mailboxes"
    assert refused.data.refusal.findings[0].details["mailboxes"] == 1
    assert (await shown(bus, "holder", name)).transfer.holder_proof == "held"

    await bus.request("holder", DeleteMailbox(address=address, immediately=True))
    answered = await bus.request("holder", consent)
    assert answered.type == "domain.transfer-answered.v1"
    held = await in_state(bus, "claimant", name, "active")
    assert held.domain_id == again.domain_id
    assert await shown(bus, "holder", name) is None


async def mailbox_under(bus, domain) -> str:
    """Create a mailbox as billing hands it on."""
    address = f"anna@{domain.domain}"
    request = CreateMailbox(address=address, first_name="Anna", last_name="Nord", plan="mail", password_hash=HASH)
    expires = datetime.now(UTC) + timedelta(minutes=5)
    order = ReservedMailbox(
        request=request, domain_id=domain.domain_id, terms=PLAN,
        reservation=Reservation(holders=(f"mailbox/{address}",), expires_at=expires),
    )  # fmt: skip
    created = await bus.request(domain.account, order)
    assert created.type == "mailbox.mailbox-created.v1"
    return address


async def test_a_record_that_is_deleted_and_restored_warns_and_recovers(bus, dns, name):
    mine = (await claim(bus, "nordwind", name, password_hash=HASH)).data.domain
    dns.set_records(name, LABEL, "TXT", [mine.record.value])
    assert (await validated(bus, "nordwind", name)).verified
    dns.set_records(name, LABEL, "TXT", [])
    missing = await validated(bus, "nordwind", name)
    assert (missing.verified, missing.domain.proof) == (True, "at_risk")
    assert mine.record.value in (await fact(bus, "nordwind", name, "domain-at-risk")).text.en
    dns.set_records(name, LABEL, "TXT", [mine.record.value])
    assert (await validated(bus, "nordwind", name)).domain.proof == "held"
    assert (await fact(bus, "nordwind", name, "domain-recovered")).previous == "at_risk"
