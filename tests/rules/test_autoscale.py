"""The simulation of backlog and replicas: nothing is lost in it, and it agrees with what can be computed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.autoscale import Simulation, Terms

BURST = Terms(
    base_rate=6, factor=50, burst_from=20, burst_seconds=20, ends_at=420, message_seconds=0.006, wanted_backlog=150
)
# One server, one message at a time, no autoscaling.
ONE_SERVER = Terms(
    base_rate=70, factor=1, ends_at=400, lanes=1, batch_size=1, batch_seconds=0, message_seconds=0.01, most=1
)


class Watched(Simulation):
    """Looks at every state that the simulation goes through."""

    def _happen(self, kind, number) -> None:  # type: ignore[no-untyped-def]
        super()._happen(kind, number)
        staying = [replica for replica in self.replicas.values() if not replica.leaving]
        assert self.terms.fewest <= len(staying) <= max(self.terms.most, self.terms.fewest)
        owned = [lane for replica in staying for lane in replica.lanes]
        assert sorted(owned) == list(range(self.terms.lanes)), "every lane has one owner"
        waiting = sum(len(lane) for lane in self._waiting)
        in_hand = sum(len(replica.in_hand) for replica in self.replicas.values())
        assert self.result.arrived == len(self.result.waits) + waiting + in_hand


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("lanes", [1, 4, 7])
def test_work_is_conserved_and_every_lane_has_one_owner(lanes: int, seed: int) -> None:
    terms = replace(BURST, lanes=lanes, most=lanes, base_rate=5, cooldown_seconds=60, wanted_backlog=20, ends_at=200)
    result = Watched(terms, seed=seed).run()
    assert result.arrived == len(result.waits) + result.left
    assert result.most_replicas <= lanes


def test_the_same_seed_gives_the_same_result() -> None:
    assert Simulation(BURST, seed=3).run() == Simulation(BURST, seed=3).run()
    assert Simulation(BURST, seed=3).run().waits != Simulation(BURST, seed=4).run().waits


def test_one_server_waits_as_the_formula_for_constant_service_says() -> None:
    """M/D/1: the mean time in the queue is rho / (2 (1 - rho)) services (Pollaczek and Khinchine)."""
    result = Simulation(ONE_SERVER, seed=5).run()
    service = ONE_SERVER.message_seconds
    load = ONE_SERVER.base_rate * service
    in_system = sum(result.waits) / len(result.waits)
    assert in_system == pytest.approx(service + service * load / (2 * (1 - load)), rel=0.05)


def test_littles_law() -> None:
    result = Simulation(BURST, seed=6).run()
    assert result.left < 5
    mean_in_system = result.message_seconds / BURST.ends_at
    rate, wait = len(result.waits) / BURST.ends_at, sum(result.waits) / len(result.waits)
    assert mean_in_system == pytest.approx(rate * wait, rel=0.001)


def test_more_replicas_than_lanes_help_nobody() -> None:
    four = Simulation(replace(BURST, lanes=4, most=4)).run()
    asked_for_more = Simulation(replace(BURST, lanes=4, most=8)).run()
    assert asked_for_more.drained_at == pytest.approx(four.drained_at, rel=0.05)
    assert asked_for_more.replica_seconds > four.replica_seconds


def test_replicas_shorten_the_burst_and_go_when_it_is_over() -> None:
    alone, many = (Simulation(replace(BURST, most=most)).run() for most in (1, 8))
    assert many.drained_at is not None
    assert alone.drained_at is not None
    assert many.drained_at < alone.drained_at
    simulation = Simulation(replace(BURST, cooldown_seconds=60))
    simulation.run()
    assert len(simulation.replicas) == 1
