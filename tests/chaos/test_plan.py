"""A seed is a run: the same work and the same faults, whenever it is planned."""

from collections import Counter

from tests.chaos.faults import CLUSTER, SINGLE, plan
from tests.chaos.workload import accounts, steps


def work(seed, count=2000):
    return steps(seed, accounts(seed, 8), count)


def test_the_same_seed_plans_the_same_work():
    assert work(7) == work(7)
    assert work(7) != work(8)


def test_the_same_seed_plans_the_same_faults():
    assert plan(7, 20_000, 34, SINGLE) == plan(7, 20_000, 34, SINGLE)
    assert plan(7, 20_000, 34, SINGLE) != plan(8, 20_000, 34, SINGLE)


def test_every_kind_of_fault_occurs():
    for kinds in (SINGLE, CLUSTER):
        planned = plan(3, 20_000, 34, kinds)
        assert {fault.kind for fault in planned} == set(kinds)
        assert [fault.after for fault in planned] == sorted(fault.after for fault in planned)
        assert 0 < planned[0].after < planned[-1].after < 20_000


def test_every_second_domain_is_claimed_asked_for_and_proven():
    planned = work(7)
    assert sum(step.of < 0 for step in planned) == 2000
    claims = {step.account: step.number for step in planned if step.claims_second_domain}
    proofs = {step.account: step.number for step in planned if step.proves_second_domain}
    waits = Counter(step.account for step in planned if step.waits)
    assert claims.keys() == proofs.keys() == waits.keys()
    for account, number in claims.items():
        assert number < proofs[account]


def test_requests_are_repeated_in_every_way():
    planned = work(7)
    assert {step.again for step in planned} == {"", "at-once", "later", "other-content"}
    assert all(step.of < step.number - 30 for step in planned if step.of >= 0)
