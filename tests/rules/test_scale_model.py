"""The scale model's arithmetic, and that docs/scaling.md quotes it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.scale_model import (
    MOST_LANES,
    World,
    ceilings,
    databases,
    lanes_wanted,
    looks_of_a_life,
    processes,
    report,
    state_bytes,
    streams,
)

THING = {
    "bytes": {"mailbox.mailbox": 600.0, "mailbox.inbox": 250.0, "mailbox.event_log": 1300.0},
    "rows": {"mailbox.mailbox": 1.0, "mailbox.inbox": 1.0, "mailbox.event_log": 1.0},
}


def total(parts: dict[str, dict[str, float]]) -> float:
    return sum(sum(sizes.values()) for sizes in parts.values())


def test_the_document_quotes_the_model(repository: Path) -> None:
    document = (repository / "docs" / "scaling.md").read_text()
    missing = [line for line in report(World()) if line not in document]
    assert not missing, "python bench/scale_model.py prints what docs/scaling.md has to say"


def test_a_life_has_as_many_looks_as_the_schedule_plans() -> None:
    assert sum(looks_of_a_life()) == pytest.approx(211, rel=0.15)


def test_what_is_there_for_good_has_neither_inbox_nor_log() -> None:
    assert state_bytes(THING) == {"mailbox": 600.0}
    assert state_bytes(THING, less=THING) == {"mailbox": 0.0}


def test_everything_grows_with_what_it_is_about() -> None:
    world = World()
    twice = replace(world, accounts=2 * world.accounts, mailboxes=2 * world.mailboxes, pending=2 * world.pending)
    for stored in (streams, databases):
        assert total(stored(twice)) == pytest.approx(2 * total(stored(world)))
    assert twice.questions == pytest.approx(2 * world.questions)
    assert processes(twice)["billing"] == pytest.approx(2 * processes(world)["billing"])


def test_a_small_installation_reaches_no_ceiling() -> None:
    small = World(accounts=1000, mailboxes=100_000, pending=1000)
    assert all(ceiling.share < 0.1 for ceiling in ceilings(small))
    assert lanes_wanted(small) == 1


def test_the_nearest_ceiling_comes_first() -> None:
    shares = [ceiling.share for ceiling in ceilings(World())]
    assert shares == sorted(shares, reverse=True)
    assert lanes_wanted(World()) <= MOST_LANES
