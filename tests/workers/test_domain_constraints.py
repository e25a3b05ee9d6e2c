"""Rows of domain that cannot be: the database refuses them, whatever the code believes."""

from dataclasses import replace
from datetime import timedelta
from typing import get_args
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from contracts.domain_v1 import DomainState, ProofStanding, TransferState
from services.chassis import worker
from services.chassis.book import Change
from services.domain.app import service
from services.domain.rows import Name, Transfer
from services.domain.store import NAMES
from tests.rules.domain_world import walk
from tests.workers.domain_neighbours import HASH, NOW

WALKS = range(8)
DAY = timedelta(days=1)
GOOD = {
    "domain": "gut.de", "account": "nordwind", "domain_id": UUID(int=1), "state": "active", "label": "_x-challenge",
    "token": "a" * 32, "password_hash": HASH, "claimed_at": NOW, "verified_at": NOW, "activated_at": NOW,
    "updated_at": NOW, "revision": 1, "proof": "held",
}  # fmt: skip
CONTESTED = GOOD | {
    "account": "suedwind", "domain_id": UUID(int=2), "state": "contested", "transfer_state": "open",
    "transfer_opened_at": NOW, "transfer_answer_by": NOW + 3 * DAY,
}  # fmt: skip
AT_RISK = GOOD | {"proof": "at_risk", "proof_noes": [NOW, NOW + DAY], "proof_lapses_at": NOW + 3 * DAY}
LAPSED = AT_RISK | {"proof": "lapsed", "proof_noes": [NOW, NOW + DAY, NOW + 3 * DAY]}
LEAVING = GOOD | {
    "state": "removing", "yielding_request_id": UUID(int=9), "yielding_by": "holder", "yielding_to": "suedwind",
}  # fmt: skip
WITH_MAILBOXES = GOOD | {"state": "removing", "removal": '{"deletes_at": "2027-03-01T12:00:00Z"}'}
POSSIBLE = [GOOD, CONTESTED, AT_RISK, LAPSED, LEAVING, WITH_MAILBOXES]
TOO_SOON = "proof_lapses_after_three_noes_over_72_hours"
BAD = [
    ("claim_state_known", GOOD | {"state": "parked", "proof": "pending"}),
    ("domain_is_a_label_in_lower_case", GOOD | {"domain": "Gut.de"}),
    ("token_is_160_bits_of_base32", GOOD | {"token": "short"}),
    ("label_is_one_label", GOOD | {"label": "a.b"}),
    ("held_domain_was_proven", GOOD | {"state": "verified", "verified_at": None}),
    ("active_domain_has_password", GOOD | {"password_hash": None}),
    ("active_domain_has_password", GOOD | {"activated_at": None}),
    ("ended_claim_keeps_no_password", GOOD | {"state": "removed", "proof": "pending"}),
    ("ended_claim_keeps_no_password", GOOD | {"state": "lost", "proof": "pending"}),
    ("password_is_hashed", GOOD | {"password_hash": "secret"}),
    ("feature_known", GOOD | {"features": ["jetpack"]}),
    ("mx_state_known", GOOD | {"mx_state": "fine"}),
    ("revision_counts_from_one", GOOD | {"revision": 0}),
    ("reminder_known", GOOD | {"reminded_hours": 2}),
    ("proof_known", GOOD | {"proof": "lost"}),
    ("who_was_proven_has_a_proof", GOOD | {"proof": "pending"}),
    ("who_was_proven_has_a_proof", GOOD | {"state": "claimed"}),
    ("claimant_without_proof_is_none", CONTESTED | {key: LAPSED[key] for key in LAPSED if key.startswith("proof")}),
    ("missing_proof_has_its_noes", GOOD | {"proof_noes": [NOW]}),
    ("missing_proof_has_its_noes", AT_RISK | {"proof_noes": []}),
    ("missing_proof_has_its_noes", AT_RISK | {"proof_noes": LAPSED["proof_noes"]}),
    ("warning_names_its_date", AT_RISK | {"proof_lapses_at": None}),
    ("warning_names_its_date", GOOD | {"proof_lapses_at": NOW}),
    (TOO_SOON, LAPSED | {"proof_noes": [NOW, NOW + DAY]}),
    (TOO_SOON, LAPSED | {"proof_noes": [NOW, NOW + DAY, NOW + 2.9 * DAY], "proof_lapses_at": NOW + 2 * DAY}),
    (TOO_SOON, LAPSED | {"proof_noes": [NOW, NOW, NOW + 3 * DAY]}),
    (TOO_SOON, LAPSED | {"proof_lapses_at": NOW + 4 * DAY}),
    ("transfer_is_of_a_contested_claim", CONTESTED | {"transfer_answer_by": None}),
    ("transfer_is_of_a_contested_claim", CONTESTED | {"state": "active"}),
    ("transfer_state_known", CONTESTED | {"transfer_state": "won"}),
    ("transfer_leaves_time_to_answer", CONTESTED | {"transfer_answer_by": NOW}),
    ("yielding_is_whole", LEAVING | {"yielding_by": None}),
    ("yielding_by_known", LEAVING | {"yielding_by": "time"}),
    ("who_yields_is_leaving", LEAVING | {"state": "active"}),
    ("removal_is_of_a_leaving_claim", WITH_MAILBOXES | {"state": "active"}),
    ("removal_is_of_a_leaving_claim", WITH_MAILBOXES | {"removal": "{}"}),
    ("nobody_yields_to_himself", LEAVING | {"yielding_to": "nordwind"}),
]
BESIDE = [
    ("one_holder_per_domain", {"account": "suedwind", "domain_id": UUID(int=2), "state": "verified"}),
    ("one_holder_per_domain", CONTESTED | {"transfer_state": "granted"}),
    (
        "one_claim_per_account_and_domain",
        {"domain_id": UUID(int=2), "state": "lost", "proof": "pending", "password_hash": None},
    ),
    ("domain_id_names_one_claim", {"domain": "besser.de"}),
]


async def insert(connection, row, table: str = "claim") -> None:
    places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
    await connection.execute(f"INSERT INTO domain.{table} ({', '.join(row)}) VALUES ({places})", *row.values())


@pytest_asyncio.fixture
async def rows(bus):
    """A connection whose rows vanish with the test."""
    await worker.migrate(service, bus.settings())
    connection = await asyncpg.connect(bus.database_url)
    transaction = connection.transaction()
    await transaction.start()
    yield connection
    await transaction.rollback()
    await connection.close()


@pytest.mark.parametrize("row", POSSIBLE)
async def test_a_possible_claim_is_taken(rows, row):
    await insert(rows, row)


@pytest.mark.parametrize(("constraint", "row"), BAD)
async def test_an_impossible_claim_is_refused_by_the_database(rows, constraint, row):
    with pytest.raises(asyncpg.IntegrityConstraintViolationError) as refused:
        await insert(rows, row)
    assert refused.value.constraint_name == constraint


@pytest.mark.parametrize(("constraint", "second"), BESIDE)
async def test_a_claim_that_cannot_stand_beside_another_is_refused(rows, constraint, second):
    await insert(rows, GOOD)
    with pytest.raises(asyncpg.UniqueViolationError) as refused:
        await insert(rows, GOOD | second)
    assert refused.value.constraint_name == constraint


async def saved(rows, before: Name | None, after: Name) -> None:
    await NAMES.save(rows, [Change(after.domain, before, after)])


async def loaded(rows, domain: str) -> Name:
    return (await NAMES.load(rows, [domain]))[domain]


async def test_a_name_changes_hands_within_one_write(rows):
    await insert(rows, GOOD | {"account": "westwind"})
    await insert(rows, CONTESTED | {"account": "nordwind"})
    before = await loaded(rows, "gut.de")
    taking, giving = before.claims
    granted = replace(taking, transfer=Transfer("granted", NOW, NOW + 3 * DAY))
    after = before.having(granted, replace(giving, state="removed", proof="pending", password_hash=None))
    await saved(rows, before, after)
    assert (await loaded(rows, "gut.de")).claims == after.claims


@pytest.mark.parametrize("seed", WALKS)
async def test_whatever_happens_leads_to_rows_that_can_be_and_come_back_the_same(rows, seed):
    """Every change of a random walk goes through the database with all its constraints."""
    name = None
    for before, name in walk(seed):
        await saved(rows, before if before.claims else None, name)
    assert name is not None
    stored = await loaded(rows, name.domain)
    assert sorted(stored.claims, key=str) == sorted(name.claims, key=str)


def test_the_walks_visit_every_state_that_there_is():
    """Or the test above would prove less than it says."""
    claims = [claim for seed in WALKS for _, name in walk(seed) for claim in name.claims]
    assert {claim.state for claim in claims} == set(get_args(DomainState))
    assert {claim.proof for claim in claims} == set(get_args(ProofStanding))
    assert {claim.transfer.state for claim in claims if claim.transfer} == set(get_args(TransferState))
    assert any(claim.yielding for claim in claims)


HOLD = {
    "request_id": UUID(int=3), "account": "nordwind", "place": 1, "type": "domain.create-mailbox.v1",
    "address": "a@gut.de", "domains": ["gut.de"], "channel": "bus", "parked_at": NOW, "deadline": NOW + DAY,
    "request": "{}",
}  # fmt: skip
BAD_HOLDS = [
    ("place_counts_from_one", HOLD | {"place": 0}),
    ("hold_waits_for_domains", HOLD | {"domains": []}),
    ("hold_has_time", HOLD | {"deadline": NOW}),
    ("one_hold_per_request", HOLD | {"place": 2}),
    ("one_place_per_hold", HOLD | {"request_id": UUID(int=4)}),
]


@pytest.mark.parametrize(("constraint", "row"), BAD_HOLDS)
async def test_an_impossible_hold_is_refused_by_the_database(rows, constraint, row):
    if constraint.startswith("one_"):
        await insert(rows, HOLD, "hold")
    with pytest.raises(asyncpg.IntegrityConstraintViolationError) as refused:
        await insert(rows, row, "hold")
    assert refused.value.constraint_name == constraint


async def test_nobody_stands_in_line_who_is_not_parked(rows):
    await rows.execute("SET CONSTRAINTS ALL IMMEDIATE")
    with pytest.raises(asyncpg.ForeignKeyViolationError) as refused:
        await insert(
            rows,
            {"account": "nordwind", "domain": "gut.de", "place": 1, "request_id": UUID(int=8)},
            "hold_place",
        )
    assert refused.value.constraint_name == "who_stands_in_line_is_parked"
