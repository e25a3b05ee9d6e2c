"""What a quote says is what charging says, for any change on any day; and when it binds."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.mailbox_v1 import CreateMailbox
from services.billing import capacity, pricing, quotes
from services.billing.capacity import NOTHING, Counter, Holding, Moved, Room, Target
from services.billing.charging.charges import charges, total, whole_month
from services.billing.charging.money import prorated
from services.billing.charging.months import midnight, month_of
from services.billing.quotes import NO_CHANGE, Quoted
from services.billing.rules import Account

LISTS = pricing.load()
LIST = LISTS.versions[-1].version
NOW = datetime(2026, 3, 11, 12, tzinfo=UTC)
HASH = "{SHA512-CRYPT}$6$saltsalt$" + "a" * 86
PLANS = st.sampled_from(sorted(LISTS.versions[-1].plans))
DAYS = st.dates(date(2026, 1, 1), date(2028, 12, 31))
PRICES = st.dictionaries(PLANS, st.integers(0, 10_000), max_size=3)


def account(package: str = "silver", cents: int = 2500, plan_prices: dict[str, int] | None = None) -> Account:
    return Account(
        account_id="nordwind", state="active", package=package, package_price_cents=cents, catalogue=LIST,
        company="Nordwind", email="a@b.de", language="de", opened_at=NOW, revision=1, plan_prices=plan_prices or {},
    )  # fmt: skip


def given_quote(**changes) -> Quoted:
    values = {
        "account_id": "nordwind", "quote_id": UUID(int=1), "digest": b"x", "catalogue": LIST, "lines": (),
        "valid_until": NOW + timedelta(hours=24),
    }  # fmt: skip
    return Quoted(**(values | changes))


def held(plan: str) -> Holding:
    return Holding(confirmed=1, plan=plan, price_cents=1, catalogue=LIST)


@given(plan=PLANS, before=st.none() | PLANS, day=DAYS, prices=PRICES)
def test_a_mailbox_is_quoted_as_it_will_be_charged(plan, before, day, prices):
    now = midnight(day) + timedelta(hours=9)
    change = quotes.of_mailbox(
        account(plan_prices=prices), "m", held(before) if before else NOTHING, plan, LIST, LISTS, now
    )
    quote = quotes.quote(given_quote(), change, (), LISTS, now)
    (line,) = quote.lines
    month = month_of(day)
    begin = (day - month.first).days
    rest = [prorated(cents, begin, month.days, month.days) for cents in (line.new_cents, line.old_cents)]
    assert quote.monthly_difference_cents == line.new_cents - line.old_cents
    assert quote.remaining_month_cents == rest[0] - rest[1]
    assert (quote.remaining_from, quote.remaining_to) == (day, month.last)


@given(
    use=st.lists(st.tuples(PLANS, st.just(LIST), st.integers(1, 10_000)), unique_by=lambda u: u[0], max_size=8),
    day=DAYS, old=PRICES, new=PRICES,
)  # fmt: skip
def test_the_lines_of_a_package_add_up_to_the_difference_of_whole_months(use, day, old, new):
    now, month = midnight(day), month_of(day)
    change = quotes.of_package(account("reseller", 9900, old), account("reseller", 5000, new), use, LISTS, now)
    quote = quotes.quote(given_quote(), change, (), LISTS, now)
    lines = sum(line.quantity * (line.new_cents - line.old_cents) for line in quote.lines)
    assert change.before is not None
    assert change.after is not None
    assert quote.monthly_difference_cents == lines
    assert lines == whole_month(change.after, month, LISTS) - whole_month(change.before, month, LISTS)
    charged = [total(charges(used, month, LISTS), month) for used in (change.before, change.after)]
    assert quote.remaining_month_cents == charged[1] - charged[0]


def test_what_costs_nothing_is_quoted_as_nothing():
    quote = quotes.quote(given_quote(), NO_CHANGE, (), LISTS, NOW)
    assert (quote.lines, quote.monthly_difference_cents, quote.remaining_month_cents) == ((), 0, 0)


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (None, "quote_unknown"),
        (given_quote(), None),
        (given_quote(digest=b"y"), "quote_for_other"),
        (given_quote(used_by=UUID(int=5)), None),
        (given_quote(used_by=UUID(int=6)), "quote_used"),
        (given_quote(valid_until=NOW), None),
        (given_quote(valid_until=NOW - timedelta(microseconds=1)), "quote_expired"),
    ],
)
def test_a_quote_holds_for_its_request_once_and_until_its_time(found, why):
    assert quotes.staleness(found, b"x", UUID(int=5), NOW) == why


def test_what_a_quote_is_for_is_the_request_but_for_its_password():
    def order(**changes):
        values = {"address": "a@x.de", "first_name": "A", "last_name": "B", "plan": "mail"}
        return quotes.digest_of("domain.create-mailbox.v1", CreateMailbox(**(values | changes)))

    assert order() == order(password_hash=HASH)
    assert len({order(), order(plan="office"), order(address="b@x.de")}) == 3


def test_head_room_is_what_is_left_after_the_request_even_below_zero():
    room = Room({"mailbox": Counter(3, 2, 1, 1), "plan.office": Counter(None, 2, 0, 1)}, 1)
    target = Target(uuid4(), 1, NOW, "office")
    found = quotes.head_room(room, [Moved("mailbox/a@x.de", NOTHING, capacity.targeted(NOTHING, target))])
    assert [(each.resource, each.used, each.reserved, each.cap, each.left) for each in found] == [
        ("mailbox", 2, 1, 3, -1)
    ]
    unlimited = quotes.head_room_of_all(Room({"mailbox": Counter()}, 1))
    assert (unlimited[0].unlimited, unlimited[0].cap, unlimited[0].left) == (True, None, None)
