"""How lanes are shared out among replicas that only see each other's numbers."""

import random

from hypothesis import given
from hypothesis import strategies as st

from services.chassis.ownership import share


@given(lanes=st.integers(1, 65), replicas=st.integers(1, 12), seed=st.integers(0, 999))
def test_lanes_end_up_evenly_whoever_looks_first(lanes: int, replicas: int, seed: int) -> None:
    dice, names = random.Random(seed), [f"r{number}" for number in range(replicas)]
    held = dict.fromkeys(names, 0)
    for _ in range(lanes):  # anybody may have got any lane
        held[dice.choice(names)] += 1
    for _ in range(3 * lanes + replicas):
        for name in dice.sample(names, replicas):
            free = lanes - sum(held.values())
            missing = share(name, held, lanes) - held[name]
            held[name] += min(free, missing) if missing > 0 else -1 if missing < 0 else 0
    assert sum(held.values()) == lanes
    assert max(held.values()) - min(held.values()) <= 1


@given(lanes=st.integers(1, 65), replicas=st.integers(1, 12))
def test_who_shares_evenly_keeps_what_he_has(lanes: int, replicas: int) -> None:
    held = {f"r{number}": lanes // replicas + (number < lanes % replicas) for number in range(replicas)}
    for name, mine in held.items():
        assert share(name, held, lanes) - mine in (0, 1), "one more only if it were free"
