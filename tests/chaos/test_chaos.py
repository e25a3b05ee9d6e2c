"""Two short runs on real processes, and one with the inbox switched off, which must not pass.

Run with `make test-chaos`; long runs are started by hand, `python -m tests.chaos`.
"""

import pytest

from tests.chaos.audit import summary
from tests.chaos.report import as_text
from tests.chaos.run import Terms, run

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(240)]


async def test_nothing_is_lost_doubled_or_oversold_whatever_breaks(tmp_path):
    result = await run(Terms(seed=1, requests=900, faults=10, accounts=8), tmp_path, print)
    print(as_text(result))
    assert not result.violations, summary(result.violations)
    assert len(result.happened) == 10
    assert not result.ended_by_themselves


async def test_without_an_inbox_the_auditor_finds_what_happens_twice(tmp_path):
    terms = Terms(seed=2, requests=500, faults=3, accounts=8, inbox=False, only="repeat messages")
    result = await run(terms, tmp_path, print)
    print(summary(result.violations))
    assert "doubled" in {violation.kind for violation in result.violations}
