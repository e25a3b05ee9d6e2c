"""Dry runs and quotes by the client and on the command line."""

import json

from client import Postkontor
from contracts.dryruns import DryRunFinished
from contracts.samples import SAMPLES
from tests.client.conftest import HASH, order
from tests.client.test_cli import CREATE, run


async def test_a_quote_is_an_answer_of_its_own_also_when_its_copy_is_lost(workers, bus):
    workers.muted = True
    async with Postkontor.connect(bus.url, account="nordwind", source="test") as office:
        outcome = await office.quote(order())
        assert isinstance(outcome.fact, DryRunFinished)
        assert (outcome.state, outcome.fact.is_ready) == ("done", True)
        assert outcome.fact.quote.monthly_difference_cents == 450
        later = await office.outcome(outcome.request_id, type(order()))
        assert later.fact == outcome.fact


async def test_the_command_line_prints_prices_head_room_and_what_is_missing(workers, bus):
    ran = await run(*CREATE, "anna@nordwind-segel.de", "--dry-run", "-a", "nordwind", "--nats", bus.url)
    assert ran.code == 3, "a record is missing: the request itself would be refused"
    for shown in ("mailbox.mailbox-created.v1", "EUR 4.50", "+EUR 3.05", "2026-03-11", "unlimited", "office"):
        assert shown in ran.out, ran.out
    assert "_postkontor-challenge.nordwind-segel.de" in ran.err
    assert "password_missing" in ran.err
    quote_id = SAMPLES["billing.dry-run-finished.v1"].quote.quote_id
    assert f"--quote {quote_id}" in ran.err


async def test_a_dry_run_that_misses_nothing_exits_well_and_is_json_for_programs(workers, bus):
    given = ("--password-hash", HASH, "anna@nordwind-segel.de", "-a", "nordwind", "--nats", bus.url, "-o", "json")
    ran = await run(*CREATE, *given, "--dry-run")
    assert ran.code == 0
    assert ran.json["quote"]["remaining_month_cents"] == 305


async def test_a_quote_is_sent_with_the_request(workers, bus):
    seen = []
    quote_id = "0190a1b2-0000-7000-8000-000000000001"

    async def heard(message):
        seen.append(json.loads(message.data))

    await workers.client.subscribe("cmd.>", cb=heard)
    await workers.client.flush()
    given = ("--password-hash", HASH, "anna@nordwind-segel.de", "-a", "nordwind", "--nats", bus.url)
    assert (await run(*CREATE, *given, "--quote", quote_id)).code == 0
    assert [(message["quoteid"], message.get("dryrun")) for message in seen] == [(quote_id, None)]
