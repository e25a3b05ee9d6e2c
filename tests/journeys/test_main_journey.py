"""The journey that `postkontor demo` plays, asserted step by step. The tests are its steps, in their order."""

import asyncio
from collections import Counter

import nats
import pytest

from client import Postkontor
from client.passwords import hash_password
from contracts.billing_v1 import AskUsage
from contracts.domain_v1 import AskDomain
from contracts.mailbox_v1 import AskMailbox, AskMailboxes, CreateMailbox
from contracts.messages import AskRequest
from deploy.devstack.demo import SUBSCRIBER, Subscriber, stored_events
from deploy.devstack.journey import BOOKS, NORDWIND, SAIL, SUEDWIND

A_LABEL = "xn--nordwind-bcher-psb.de"


@pytest.fixture(scope="module", autouse=True)
async def subscriber(stack, journey):
    """Another system that hears every event from the beginning, with a key that is good for nothing else."""
    await stack.grant(SUBSCRIBER)
    journey.password_hash = await asyncio.to_thread(hash_password, "a password")
    async with Postkontor.from_environment(stack.environment(SUBSCRIBER.name), source="journey-subscriber") as other:
        listener = Subscriber(other)
        task = asyncio.create_task(listener.listen())
        yield listener
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_01_an_operator_opens_the_account_on_silver(journey, office):
    seen = await journey.open_accounts()
    account = seen.outcomes[0].fact.account
    assert (account.account, account.package, account.package_price_cents) == (NORDWIND, "silver", 2500)
    assert {c.resource: c.cap for c in account.capacities} == {"mailbox": 50, "alias_forward": 25, "group": 1}


async def test_02_a_claim_gets_the_name_and_value_of_its_record(journey):
    seen = await journey.claim()
    mine, other = (outcome.fact.domain for outcome in seen.outcomes)
    assert mine.record.name == f"_postkontor-challenge.{SAIL}"
    assert mine.record.value.startswith("token=")
    assert len(mine.record.value) == len("token=") + 32
    assert mine.record.value in mine.record.zone_line
    assert mine.record.instructions.de != mine.record.instructions.en
    assert mine.record.value != other.record.value
    assert mine.state == "claimed"


async def test_03_validation_too_early_says_what_was_asked_and_seen(journey):
    seen = await journey.validate_too_early()
    fact = seen.outcomes[0].fact
    assert not fact.verified
    assert (fact.attempt.kind, fact.attempt.code) == ("not_yet", "not_yet")
    assert {asked.server for asked in fact.attempt.asked} >= {f"ns1.{SAIL}", f"ns2.{SAIL}"}
    assert fact.attempt.seen == ()
    assert fact.attempt.expected_value == journey.record.value
    assert fact.domain.state == "claimed"


async def test_04_the_record_is_confirmed_within_two_seconds(journey):
    seen = await journey.set_record_and_validate()
    assert seen.outcomes[0].fact.verified
    assert seen.outcomes[0].fact.attempt.kind == "confirmed"
    assert seen.outcomes[0].fact.domain.state == "verified"
    assert seen.figures["seconds"] < 2


async def test_05_the_other_account_has_lost_its_claim(journey, office):
    seen = await journey.other_claim_is_lost()
    assert seen.figures["state"] == "lost"
    theirs = (await office.ask(AskDomain(domain=SAIL), account=SUEDWIND)).domain
    assert theirs.state == "lost"
    assert theirs.account == SUEDWIND
    assert journey.record.value not in theirs.model_dump_json()  # nothing of the other claim shows


async def test_06_a_mailbox_before_the_domain_password_is_told_the_next_step(journey):
    refusal = (await journey.mailbox_before_password()).outcomes[0].refusal
    assert refusal.code == "domain_password_missing"
    assert "Next step: set the domain password" in refusal.text.en
    assert "Nächster Schritt" in refusal.text.de


async def test_07_the_domain_password_makes_the_domain_active(journey):
    seen = await journey.set_domain_password()
    assert seen.outcomes[0].fact.domain.state == "active"


async def test_08_mailboxes_on_three_plans_are_priced_as_quoted(journey):
    boxes = [outcome.fact.mailbox for outcome in (await journey.first_mailboxes()).outcomes]
    assert [(box.plan, box.price_cents, box.mail_bytes, box.groupware) for box in boxes] == [
        ("mail", 100, 1_000_000_000, False),
        ("mailxl", 250, 5_000_000_000, True),
        ("officexl", 1000, 50_000_000_000, True),
    ]


async def test_09_an_umlaut_domain_works_and_is_stored_as_a_label(journey):
    claimed, checked, made = (await journey.umlaut_domain()).outcomes
    assert (claimed.fact.domain.domain, claimed.fact.domain.domain_unicode) == (A_LABEL, BOOKS)
    assert checked.fact.verified
    assert made.fact.mailbox.address == f"lesen@{A_LABEL}"


async def test_10_the_same_request_id_twice_has_one_effect(journey):
    seen = await journey.same_request_twice()
    assert seen.figures["used"] == 4
    assert seen.outcomes[0].state == "done"


async def test_11_of_sixty_at_once_exactly_fifty_exist(journey, office):
    seen = await journey.sixty_at_once()
    assert seen.figures["exist"] == 50
    assert Counter(outcome.state for outcome in seen.outcomes) == {"done": 50, "refused": 10}
    for outcome in seen.outcomes:
        if outcome.refusal:
            details = outcome.refusal.findings[0].details
            assert outcome.refusal.code == "cap_reached"
            assert details["allowed"] == 50
            assert details["used"] + details["reserved"] == 50
    page = await office.ask(AskMailboxes(limit=1000), account=NORDWIND)
    assert len(page.mailboxes) == 50


async def test_12_on_gold_the_rest_is_created(journey):
    seen = await journey.change_to_gold()
    assert seen.outcomes[0].fact.account.package == "gold"
    assert len(seen.outcomes) == 11
    assert seen.figures["used"] == 60


async def test_13_back_to_silver_is_refused_with_what_exceeds(journey):
    seen = await journey.back_to_silver()
    details = seen.outcomes[0].refusal.findings[0].details
    assert (details["resource"], details["used"], details["allowed"], details["excess"]) == ("mailbox", 60, 50, 10)


async def test_14_aliases_and_forwardings_share_one_cap(journey, office):
    seen = await journey.pooled_cap()
    assert len(seen.outcomes[0].fact.mailbox.aliases) == 70
    assert len(seen.outcomes[1].fact.mailbox.forwardings) == 5
    assert seen.outcomes[2].refusal.findings[0].details["allowed"] == 75
    usage = await office.ask(AskUsage(), account=NORDWIND)
    pool = next(c for c in usage.capacities if c.resource == "alias_forward")
    assert (pool.confirmed, pool.reserved, pool.cap) == (75, 0, 75)


async def test_15_features_are_switched_on_for_two_domains_at_once(journey):
    seen = await journey.features_on()
    targets = seen.outcomes[0].fact.targets
    assert {target.target for target in targets} == {SAIL, A_LABEL}
    assert all(target.refusal is None for target in targets)
    assert all(state.on == ("backup", "spam_and_virus_protection") for state in seen.figures.values())
    assert all(state.origin == "domain" for state in seen.figures.values())


async def test_16_a_new_set_replaces_the_old_one(journey):
    seen = await journey.features_replaced()
    assert all(state.on == ("blacklist",) for state in seen.figures.values())


async def test_17_a_mailbox_of_its_own_set_says_so(journey):
    seen = await journey.features_of_one()
    mine, neighbour = seen.figures[f"anna@{SAIL}"], seen.figures[f"bernd@{SAIL}"]
    assert (mine.on, mine.origin) == (("backup",), "mailbox")
    assert (neighbour.on, neighbour.origin) == (("blacklist",), "domain")


async def test_18_the_empty_set_switches_everything_off(journey):
    seen = await journey.features_off()
    assert all(state.on == () for state in seen.figures.values())


async def test_19_mx_is_missing_then_foreign_then_ok(journey, office):
    missing, foreign, ok = [await step() for step in (journey.mx_missing, journey.mx_foreign, journey.mx_ok)]
    assert [seen.figures["state"] for seen in (missing, foreign, ok)] == ["missing", "foreign", "ok"]
    assert missing.figures["expected"]
    assert [mx.host for mx in foreign.figures["seen"]] == ["mx.elsewhere.example"]
    assert (await office.ask(AskDomain(domain=SAIL), account=NORDWIND)).domain.mx == "ok"


async def test_20_reseller_cannot_be_chosen_oneself(journey):
    refusal = (await journey.reseller()).outcomes[0].refusal
    assert refusal.code == "reseller_not_self_service"


async def test_21_the_month_costs_what_the_price_list_says(journey):
    seen = await journey.at_the_end()
    assert seen.figures["total"] == 7500 + 58 * 100 + 250 + 1000
    assert len(seen.figures["mailboxes"]) == 60


async def test_22_a_subscriber_saw_every_event_once(stack, subscriber):
    assert await subscriber.has_seen(await stored_events(stack))


async def test_23_every_request_can_be_followed_through_the_workers(journey, office):
    request_id = journey.first_ids["clara"]
    steps = []
    for service in ("domain", "billing", "mailbox"):
        answer = await office.ask(AskRequest(request_id=request_id), service=service, account=NORDWIND)
        steps += [(service, step.type, step.fate) for step in answer.steps]
    assert steps == [
        ("domain", "domain.create-mailbox.v1", "handed-over"),
        ("billing", "billing.create-mailbox.v1", "handed-over"),
        ("billing", "mailbox.mailbox-created.v1", "done"),
        ("mailbox", "mailbox.create-mailbox.v1", "done"),
    ]


async def test_23a_a_price_is_explained_by_its_line_and_the_chain_down_to_what_booked_it(journey, office):
    explained = await office.explain_price(f"clara@{SAIL}", account=NORDWIND)
    assert any("plan.officexl" in reason.text.en for reason in explained.reasons)
    (chain,) = explained.chains
    assert chain.request_id == journey.first_ids["clara"]
    assert [link.type.split(".")[1] for link in chain.links] == [
        "create-mailbox", "mailbox-admitted", "create-mailbox", "capacity-reserved", "create-mailbox",
        "mailbox-created", "capacity-confirmed",
    ]  # fmt: skip


async def test_24_no_event_and_no_log_holds_a_password_or_its_hash(stack, journey):
    secret = journey.password_hash.rpartition("$")[2]
    connection = await nats.connect(**stack.access("admin").for_nats())
    events = await connection.jetstream().subscribe("evt.>", stream="EVT", ordered_consumer=True)
    for _ in range(await stored_events(stack)):
        message = await events.next_msg(timeout=5)
        assert secret.encode() not in message.data
        assert b"ARGON2ID" not in message.data
    await connection.close()
    for log in (stack.directory / "logs").glob("*.log"):
        assert secret not in log.read_text()


async def test_25_a_mailbox_of_another_account_is_unknown(office):
    answer = await office.ask(AskMailbox(address=f"anna@{SAIL}"), account=SUEDWIND)
    assert answer.mailbox is None


async def test_26_a_quote_is_what_the_month_then_costs_more(stack, journey, office, subscriber, eventually):
    order = CreateMailbox(address=f"angebot@{SAIL}", first_name="Ada", last_name="Rat", plan="office")
    before = (await office.ask(AskUsage(), account=NORDWIND)).monthly_total_cents
    quote = (await office.quote(order, account=NORDWIND)).fact.quote
    assert (await office.ask(AskMailbox(address=order.address), account=NORDWIND)).mailbox is None
    whole = order.model_copy(update={"password_hash": journey.password_hash})
    made = await office.request(whole, account=NORDWIND, quote_id=quote.quote_id)
    assert made.fact.mailbox.price_cents == quote.lines[0].new_cents

    async def booked():
        return (await office.ask(AskUsage(), account=NORDWIND)).monthly_total_cents - before

    assert await eventually(booked) == quote.monthly_difference_cents == 450
    assert await subscriber.has_seen(await stored_events(stack))  # and is idle when it is ended
