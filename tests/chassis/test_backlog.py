"""Whose turn it is among due timers, without a database: a table is played by a list."""

import itertools
from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from services.chassis.backlog import Backlog, DueTimer, Place

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def due(account, number, *, key=None):
    return DueTimer("look", key or f"{account}-{number}", account, NOON + timedelta(seconds=number), {})


def always(account):
    return True


class Table:
    """Due rows in their order, read as the journal reads them; those that began are gone."""

    def __init__(self, rows):
        self.rows = {timer.name: timer for timer in sorted(rows, key=lambda timer: timer.place)}
        self.read_to = Place(NOON - timedelta(days=1))

    def page(self, backlog, most=50):
        rows = (row for row in self.rows.values() if row.place > self.read_to and row.account not in backlog.left)
        for row in list(itertools.islice(rows, most)):
            backlog.offer(row)
            self.read_to = row.place

    def refill(self, backlog):
        wanting, most = backlog.wanting()
        found = []
        for account, place in wanting.items():
            found += [row for row in self.rows.values() if row.account == account and row.place > place][:most]
        backlog.refill(wanting, found, most)


def test_accounts_take_turns_whatever_each_has_due():
    backlog = Backlog()
    for timer in [*(due("big", n) for n in range(10)), due("small", 99)]:
        backlog.offer(timer)
    assert [timer.account for timer in backlog.take(always)][:3] == ["big", "small", "big"]


def test_an_account_that_may_not_begin_holds_up_no_other():
    backlog = Backlog()
    for timer in (due("full", 1), due("free", 2), due("free", 3)):
        backlog.offer(timer)
    assert [timer.account for timer in backlog.take(lambda account: account == "free")] == ["free", "free"]
    assert len(backlog) == 1


def test_rows_of_an_account_that_has_enough_waiting_stay_in_the_table():
    backlog = Backlog(per_account=4)
    table = Table([*(due("big", n) for n in range(1000)), due("late", 2000)])
    for _ in range(3):
        table.page(backlog)
    assert len(backlog) == 5
    assert backlog.left == ["big"]
    assert "late" in {timer.account for timer in backlog.take(always)}


def test_a_timer_that_was_set_anew_or_cancelled_never_begins():
    backlog = Backlog()
    backlog.offer(due("nordwind", 1, key="moved"))
    backlog.offer(due("nordwind", 2))
    backlog.discard(("look", "moved"))
    backlog.discard(("look", "unheard-of"))
    assert [timer.key for timer in backlog.take(always)] == ["nordwind-2"]


def test_a_row_that_is_read_again_waits_once():
    backlog = Backlog(per_account=2)
    for _ in range(3):
        for number in range(2):
            backlog.offer(due("nordwind", number))
    assert len(backlog) == 2
    assert backlog.left == []


@settings(deadline=None, max_examples=50)
@given(
    sizes=st.lists(st.integers(1, 80), min_size=1, max_size=8),
    per_account=st.integers(1, 20),
    kept=st.integers(20, 60),
    taken=st.integers(1, 40),
)
def test_every_row_begins_once_and_memory_stays_bounded(sizes, per_account, kept, taken):
    rows = [due(f"account{index}", 7 * n + index) for index, size in enumerate(sizes) for n in range(size)]
    table, backlog, begun = Table(rows), Backlog(per_account, kept), []
    for _ in range(10 * len(rows)):
        if backlog.has_room:
            table.page(backlog)
            table.refill(backlog)
        assert len(backlog) <= kept + 50
        for _, timer in zip(range(taken), backlog.take(always), strict=False):
            begun.append(timer)
            del table.rows[timer.name]
        if len(begun) == len(rows):
            break
    assert Counter(timer.name for timer in begun) == Counter(row.name for row in rows)
