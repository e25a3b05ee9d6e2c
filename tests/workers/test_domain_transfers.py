"""Names that two accounts have proven, through the worker; the test speaks for dnscheck, mailbox and the clock."""

import asyncio
from datetime import timedelta
from itertools import count
from uuid import UUID, uuid4

import asyncpg
import pytest

from contracts.domain_v1 import AnswerTransfer, AskDomains, DecideTransfer, RemoveDomain
from contracts.mailbox_v1 import DomainOccupied, DomainVacated
from tests.workers.domain_neighbours import (
    active,
    attempt,
    claim,
    fact,
    facts_of,
    in_state,
    orders,
    shown,
    tell_txt,
)

numbers = count(1)


@pytest.fixture
def name(domain) -> str:
    return f"umstritten-{next(numbers)}.de"


@pytest.fixture
def holder(domain) -> str:
    return f"holder-{next(numbers)}"


@pytest.fixture
def claimant(domain) -> str:
    return f"claimant-{next(numbers)}"


async def contested(bus, holder: str, claimant: str, name: str):
    """Return the holder's and the claimant's domain once both have a proof."""
    await active(bus, holder, name)
    theirs = await prove(bus, claimant, name)
    return await shown(bus, holder, name), theirs


async def prove(bus, claimant: str, name: str):
    view = (await claim(bus, claimant, name)).data.domain
    await tell_txt(bus, view)
    return await in_state(bus, claimant, name, "contested")


async def transfer_is(bus, account: str, name: str, state: str):
    async def reached():
        view = await shown(bus, account, name)
        return view if view and view.transfer and view.transfer.state == state else None

    return await bus.eventually(reached, what=f"the transfer of {name} being {state}")


async def leave(bus, view, request_id, *, mailboxes=0) -> None:
    """Let mailbox answer a removal."""
    await in_state(bus, view.account, view.domain, "removing")
    answer = (
        DomainOccupied(domain=view.domain, domain_id=view.domain_id, mailboxes=mailboxes, aliases=0)
        if mailboxes
        else DomainVacated(domain=view.domain, domain_id=view.domain_id)
    )
    await bus.send(view.account, answer, correlation_id=request_id)


async def test_a_later_proof_opens_a_transfer_that_both_see_and_nobody_is_named(bus, holder, claimant, name):
    mine, theirs = await contested(bus, holder, claimant, name)
    assert (mine.state, mine.transfer.role, mine.transfer.state) == ("active", "holder", "open")
    assert (theirs.state, theirs.transfer.role) == ("contested", "claimant")
    assert mine.transfer.answer_by - mine.transfer.opened_at == timedelta(hours=72)
    for account, other in ((holder, claimant), (claimant, holder)):
        opened = await fact(bus, account, name, "transfer-opened")
        assert other not in opened.model_dump_json()
        assert opened.answer_by == mine.transfer.answer_by
    [page] = (await bus.ask(holder, AskDomains())).domains
    assert page == mine
    assert len([look for look in await orders(bus, holder, "dnscheck.watch-domain") if look["facet"] == "txt"]) == 2


async def test_consent_hands_an_empty_domain_on_after_one_more_look(bus, holder, claimant, name):
    mine, theirs = await contested(bus, holder, claimant, name)
    id_ = await bus.send(holder, AnswerTransfer(domain=name, consent=True))
    await leave(bus, mine, id_)
    outcome = await bus.answer(holder, id_)
    assert outcome.type == "domain.transfer-answered.v1"
    assert (outcome.data.consent, outcome.data.domain.state) == (True, "removed")
    assert (await fact(bus, holder, name, "domain-removed")).domain.state == "removed"
    await transfer_is(bus, claimant, name, "granted")
    assert len(await orders(bus, claimant, "dnscheck.watch-domain")) == 2
    await tell_txt(bus, theirs)
    held = await in_state(bus, claimant, name, "verified")
    assert held.transfer is None
    assert held.domain_id not in (mine.domain_id,)
    assert await shown(bus, holder, name) is None
    anew = (await claim(bus, holder, name)).data.domain
    assert anew.domain_id != mine.domain_id


async def test_consent_for_a_domain_with_mailboxes_is_refused_and_all_stays(bus, holder, claimant, name):
    mine, _ = await contested(bus, holder, claimant, name)
    id_ = await bus.send(holder, AnswerTransfer(domain=name, consent=True))
    await leave(bus, mine, id_, mailboxes=3)
    outcome = await bus.answer(holder, id_)
    assert (outcome.data.refusal.code, outcome.data.request_type) == (
        "domain_has_mailboxes",
        "domain.answer-transfer.v1",
    )
    assert outcome.data.refusal.findings[0].details["mailboxes"] == 3
    await in_state(bus, holder, name, "active")
    await transfer_is(bus, claimant, name, "open")


async def test_an_objection_goes_to_both_and_an_operator_decides_for_the_holder(bus, holder, claimant, name):
    await contested(bus, holder, claimant, name)
    outcome = await bus.request(holder, AnswerTransfer(domain=name, consent=False))
    assert (outcome.type, outcome.data.domain.transfer.state) == ("domain.transfer-answered.v1", "disputed")
    assert (await fact(bus, claimant, name, "transfer-disputed")).role == "claimant"
    assert (await fact(bus, holder, name, "transfer-disputed")).role == "holder"
    outcome = await bus.request(holder, DecideTransfer(domain=name, to="holder"))
    assert (outcome.type, outcome.data.domain.transfer) == ("domain.transfer-decided.v1", None)
    assert (await fact(bus, claimant, name, "claim-lost")).domain.state == "lost"
    assert len(await orders(bus, claimant, "dnscheck.unwatch-domain")) == 1
    again = await bus.request(holder, DecideTransfer(domain=name, to="holder"))
    assert again.data.refusal.code == "no_transfer"


async def test_nothing_about_a_request_is_told_to_the_other_side(bus, holder, claimant, name):
    """Not its id, channel or trace: a message of his own would tell each side who the other is."""
    await contested(bus, holder, claimant, name)
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    id_ = await bus.send(holder, AnswerTransfer(domain=name, consent=False), channel="console", traceparent=trace)
    await bus.answer(holder, id_)
    await fact(bus, claimant, name, "transfer-disputed")
    [mine] = await bus.events(f"evt.{holder}.domain.transfer-disputed.v1")
    [theirs] = await bus.events(f"evt.{claimant}.domain.transfer-disputed.v1")
    assert (mine.correlationid, mine.causationid, mine.traceparent, mine.channel) == (id_, id_, trace, "console")
    assert (theirs.correlationid, theirs.causationid) == (theirs.id, None)
    assert (theirs.traceparent, theirs.channel) == (None, "bus")


async def test_an_operator_decides_for_one_of_two_claimants(bus, holder, claimant, name):
    mine, _ = await contested(bus, holder, claimant, name)
    second = f"second-{claimant}"
    theirs = await prove(bus, second, name)
    outcome = await bus.request(holder, DecideTransfer(domain=name, to="claimant"))
    assert outcome.data.refusal.code == "claimant_ambiguous"
    id_ = await bus.send(holder, DecideTransfer(domain=name, to="claimant", claimant=second))
    await leave(bus, mine, id_)
    outcome = await bus.answer(holder, id_)
    assert (outcome.type, outcome.data.to) == ("domain.transfer-decided.v1", "claimant")
    await tell_txt(bus, theirs)
    await in_state(bus, second, name, "verified")
    assert (await shown(bus, claimant, name)).state == "lost"


async def test_an_operators_decision_for_a_domain_with_mailboxes_is_told_to_the_holder_alone(
    bus, holder, claimant, name
):
    mine, _ = await contested(bus, holder, claimant, name)
    id_ = await bus.send(holder, DecideTransfer(domain=name, to="claimant"))
    await leave(bus, mine, id_, mailboxes=7)
    assert (await bus.answer(holder, id_)).data.request_type == "domain.decide-transfer.v1"
    assert await bus.events(f"evt.{claimant}.domain.request-refused.v1") == []


async def test_time_alone_takes_nobody_over(bus, holder, claimant, name):
    _, theirs = await contested(bus, holder, claimant, name)
    await time_passes(bus, theirs)
    for account, role in ((holder, "holder"), (claimant, "claimant")):
        assert (await fact(bus, account, name, "transfer-overdue")).role == role
    assert (await shown(bus, holder, name)).state == "active"
    assert await bus.fetch("SELECT 1 FROM domain.timer WHERE key = $1", str(theirs.domain_id)) == []
    outcome = await bus.request(holder, AnswerTransfer(domain=name, consent=False))
    assert outcome.data.domain.transfer.state == "disputed"


async def time_passes(bus, theirs) -> None:
    """Let the time to answer be over now, in the row and for the wake-up."""
    connection = await asyncpg.connect(bus.database_url)
    async with connection.transaction():
        await connection.execute(
            "UPDATE domain.claim SET transfer_opened_at = now() - interval '73 h', transfer_answer_by = now()"
            " WHERE domain_id = $1",
            theirs.domain_id,
        )
        moved = await connection.execute(
            "UPDATE domain.timer SET due_at = now() WHERE kind = 'transfer' AND key = $1", str(theirs.domain_id)
        )
    await connection.close()
    assert moved == "UPDATE 1"


async def test_a_claimant_withdraws_and_the_holder_is_told(bus, holder, claimant, name):
    await contested(bus, holder, claimant, name)
    outcome = await bus.request(claimant, RemoveDomain(domain=name))
    assert outcome.data.domain.state == "removed"
    closed = await fact(bus, holder, name, "transfer-closed")
    assert (closed.reason, closed.domain.transfer) == ("withdrawn", None)
    outcome = await bus.request(holder, AnswerTransfer(domain=name, consent=True))
    assert outcome.data.refusal.code == "no_transfer"


async def test_a_holder_who_leaves_by_himself_leaves_the_name_to_the_eldest_claimant(bus, holder, claimant, name):
    mine, theirs = await contested(bus, holder, claimant, name)
    second = await prove(bus, f"second-{claimant}", name)
    id_ = await bus.send(holder, RemoveDomain(domain=name))
    await leave(bus, mine, id_)
    assert (await bus.answer(holder, id_)).type == "domain.domain-removed.v1"
    await transfer_is(bus, claimant, name, "granted")
    await tell_txt(bus, second)  # a proof, but not his turn
    await tell_txt(bus, theirs, attempt("not_yet", "not_yet", at=theirs.last_attempt.checked_at + timedelta(hours=1)))
    assert (await fact(bus, claimant, name, "transfer-closed")).reason == "proof_gone"
    await transfer_is(bus, second.account, name, "granted")
    await tell_txt(bus, second)
    await in_state(bus, second.account, name, "verified")


async def test_a_removal_and_a_consent_at_once_are_each_answered_in_their_own_way(bus, holder, claimant, name):
    mine, _ = await contested(bus, holder, claimant, name)
    consent = await bus.send(holder, AnswerTransfer(domain=name, consent=True))
    await in_state(bus, holder, name, "removing")
    removal = await bus.send(holder, RemoveDomain(domain=name))
    refused = await bus.request(holder, AnswerTransfer(domain=name, consent=True))
    assert refused.data.refusal.code == "domain_not_active"
    for id_ in (removal, consent):
        await bus.send(holder, DomainVacated(domain=name, domain_id=mine.domain_id), correlation_id=id_)
    assert (await bus.answer(holder, removal)).type == "domain.domain-removed.v1"
    assert (await bus.answer(holder, consent)).type == "domain.transfer-answered.v1"
    assert len(bus.answers[f"rpl.{holder}.{consent}"]) == 1


async def removals(bus, holder: str, name: str) -> list[UUID]:
    """Ask for a removal twice, and return the requests once mailbox is asked for both."""
    ids = [await bus.send(holder, RemoveDomain(domain=name)) for _ in range(2)]

    async def both_handed_over() -> bool:
        return len(await orders(bus, holder, "mailbox.remove-domain")) == 2

    await bus.eventually(both_handed_over, what="both removals being asked of mailbox")
    return ids


async def test_of_two_removals_the_second_succeeds_once_the_mailboxes_are_gone(bus, holder, name):
    """Mailbox has closed the domain by then: one that stayed active here would take no mailbox ever again."""
    mine = await active(bus, holder, name)
    first, second = await removals(bus, holder, name)
    await leave(bus, mine, first, mailboxes=1)
    assert (await bus.answer(holder, first)).data.refusal.code == "domain_has_mailboxes"
    await bus.send(holder, DomainVacated(domain=name, domain_id=mine.domain_id), correlation_id=second)
    assert (await bus.answer(holder, second)).type == "domain.domain-removed.v1"
    assert await shown(bus, holder, name) is None


async def test_a_late_no_to_a_removal_leaves_a_consent_its_own_answer(bus, holder, claimant, name):
    mine, _ = await contested(bus, holder, claimant, name)
    first, second = await removals(bus, holder, name)
    await leave(bus, mine, first, mailboxes=1)
    await in_state(bus, holder, name, "active")
    consent = await bus.send(holder, AnswerTransfer(domain=name, consent=True))
    await leave(bus, mine, second, mailboxes=1)
    for removal in (first, second):
        outcome = (await bus.answer(holder, removal)).data
        assert (outcome.refusal.code, outcome.request_type) == ("domain_has_mailboxes", "domain.remove-domain.v1")
    await leave(bus, mine, consent)
    assert (await bus.answer(holder, consent)).type == "domain.transfer-answered.v1"
    await transfer_is(bus, claimant, name, "granted")


async def test_only_the_holder_answers_and_a_stranger_learns_nothing(bus, holder, claimant, name):
    await contested(bus, holder, claimant, name)
    codes = [
        (await bus.request(account, AnswerTransfer(domain=name, consent=True))).data.refusal.code
        for account in (claimant, f"stranger-{claimant}")
    ]
    assert codes == ["no_transfer", "domain_unknown"]


@pytest.mark.parametrize("round_", range(4))
async def test_answers_decisions_and_withdrawals_at_once_leave_one_holder_at_most(bus, holder, claimant, name, round_):
    """Every message comes while the others are under way; the outcome is one of the lawful ones."""
    mine, theirs = await contested(bus, holder, claimant, name)
    second = await prove(bus, f"second-{claimant}", name)
    id_ = uuid4()
    acts = [
        bus.send(holder, AnswerTransfer(domain=name, consent=True), id=id_),
        bus.send(holder, DecideTransfer(domain=name, to="holder", claimant=second.account)),
        bus.send(holder, AnswerTransfer(domain=name, consent=False)),
        bus.send(claimant, RemoveDomain(domain=name)),
        tell_txt(bus, theirs),
        tell_txt(bus, second),
    ]
    await asyncio.gather(*acts[round_:], *acts[:round_])

    asked: list[str] = []

    async def mailbox_asked_or_answered() -> bool:
        asked.extend(await orders(bus, holder, "mailbox.remove-domain"))
        return bool(asked) or f"rpl.{holder}.{id_}" in bus.answers

    await bus.eventually(mailbox_asked_or_answered, what="an end")
    if asked:
        await leave(bus, mine, id_)
    await bus.answer(holder, id_)
    rows = await bus.fetch("SELECT state, transfer_state FROM domain.claim WHERE domain = $1", name)
    holding = [row for row in rows if row["state"] in ("verified", "active", "removing")]
    assert len(holding) + sum(row["transfer_state"] == "granted" for row in rows) <= 1
    assert len(bus.answers[f"rpl.{holder}.{id_}"]) == 1
    told = await facts_of(bus, second.account, name)
    assert len(told) == len(set(told))
