"""Requests that wait at the gate: each ends once, in order, and never goes on before its domains are active."""

from collections import Counter
from dataclasses import replace
from random import Random
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.mailbox_v1 import AddAliases, CreateMailbox
from services.chassis.fates import Origin
from services.domain import holds
from services.domain.entrance import TERMS
from services.domain.holds import Lines, Placed, Terms
from services.domain.rows import WAITING, Name
from tests.rules.domain_claims import DOMAIN, HASH, NOW, standing
from tests.rules.hold_world import World

ID = UUID(int=7)
ORIGIN = Origin(ID, ID, "nordwind", "domain.create-mailbox.v1", "bus", None)
MAILBOX = CreateMailbox(
    address=f"anna@{DOMAIN}", first_name="A", last_name="B", plan="mail", password_hash=HASH, when_unverified="hold"
)
ACTS = (
    "order", "order", "order", "order", "order", "order", "cancel", "cancel", "claim", "claim", "claim", "prove",
    "prove", "password", "password", "remove", "vacated", "occupied", "lapse", "lose", "wait", "deliver", "deliver",
    "look", "look", "release", "release", "settle", "settle",
)  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def _short_looks():
    """One wake-up sees little of a line, so that lines are longer."""
    usual, TERMS.portion = TERMS.portion, 2
    yield
    TERMS.portion = usual


def hold(request=MAILBOX):
    return holds.park(ORIGIN, request, Lines("nordwind"), Terms(), NOW)


def names(claim=None):
    return {DOMAIN: Name(DOMAIN, (claim,) if claim else ())}


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 80)), max_size=80))
def test_whatever_happens_each_request_ends_once_in_order_and_under_active_domains(acts):
    world = World()
    for domain in range(3):
        world.claim(domain)
    for act, choice in acts:
        getattr(world, act)(choice)
    world.settle()


def test_chance_comes_everywhere():
    """The walk above proves something only if requests end in all the ways there are."""
    seen: Counter[str] = Counter()
    for seed in range(60):
        world, dice = World(), Random(seed)
        for _ in range(200):
            getattr(world, dice.choice(ACTS))(dice.randrange(80))
        world.settle()
        seen.update(world.ended.values())
        seen["waited and went on"] += sum(world.ended.get(id_) == "gone on" for id_ in world.places)
    ways = {"gone on", "waited and went on", "hold_cancelled", "hold_expired", "claim_lost", "domain_unknown"}
    assert ways <= {way for way, times in seen.items() if times > 3}, seen


def catch_all(domain: int, mailbox: int) -> int:
    """Choose a catch-all of one domain for a mailbox of another."""
    return 18 + 3 * mailbox + domain


def test_who_waits_for_another_keeps_his_place_in_the_line_of_a_domain_that_has_ended():
    world = World()
    for domain in range(3):
        world.claim(domain)
    world.order(catch_all(0, mailbox=1))
    world.order(catch_all(2, mailbox=1))
    world.prove(2)
    world.password(2)
    world.remove(1)
    world.settle()
    assert world.ended == {}, "the second would overtake the first, which shares a domain with it"
    world.prove(0)
    world.password(0)
    world.settle()
    assert set(world.ended.values()) == {"gone on"}


@pytest.mark.parametrize("state", sorted(WAITING))
def test_a_claim_that_can_become_active_is_waited_for(state):
    assert holds.verdict(hold(), names(standing(state)), None) is None


@pytest.mark.parametrize(
    ("state", "code"),
    [("lost", "claim_lost"), ("removed", "domain_unknown"), ("removing", "domain_not_active")],
)
def test_a_claim_that_has_ended_ends_the_wait(state, code):
    assert holds.verdict(hold(), names(standing(state)), None).refusal.code == code


def test_a_lapsed_proof_is_waited_for():
    lapsed = replace(standing("active"), proof="lapsed")
    assert holds.verdict(hold(), names(lapsed), None) is None
    assert holds.verdict(hold(), names(standing("active")), None).orders[0].key == MAILBOX.address


def test_whether_the_mailbox_of_an_alias_is_there_is_not_the_gates_to_say():
    aliases = AddAliases(address="a@anderswo.de", aliases=(f"b@{DOMAIN}",), when_unverified="hold")
    found = names(standing("active")) | {"anderswo.de": None}
    [order] = holds.verdict(hold(aliases), found, None).orders
    assert set(order.order.domain_ids) == {DOMAIN}


def test_who_stands_behind_another_in_any_line_is_not_first():
    placed = Placed(ID, 3, ("a.de", "b.de"), frozenset({UUID(int=1), UUID(int=2)}))
    assert not placed.is_first({UUID(int=1)})
    assert placed.is_first({UUID(int=1), UUID(int=2), UUID(int=3)})


def test_a_hold_shows_no_secret():
    assert "saltsalt" not in repr(hold())
    assert "saltsalt" not in holds.view(hold(), ()).model_dump_json()


def test_the_word_that_a_request_waits_fits_into_a_message():
    aliases = tuple(f"a@{'x' * 50}-{number}.{'y' * 60}.de" for number in range(1000))
    request = AddAliases(address=aliases[0], aliases=aliases, when_unverified="hold")
    domains = {alias.partition("@")[2]: alias for alias in aliases}
    found = holds.standing(
        request,
        {domain: Name(domain, (replace(standing("claimed"), domain=domain),)) for domain in domains},
        "nordwind",
    )
    told = holds.parked(hold(request), found)
    assert (told.hold.domain_count, len(told.hold.waits_for), len(told.findings)) == (1000, 10, 20)
    assert len(told.model_dump_json()) < 100_000
