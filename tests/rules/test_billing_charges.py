"""What was used on which day at which price, to the cent (R-P1 to R-P5, R-C1 to R-C3, R-M2)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.billing_v1 import ContractTerms, OpenAccount
from services.billing import pricing, rules, views
from services.billing.charging.charges import Charged, Item, charges, total, whole_month
from services.billing.charging.money import prorated, rounded, vat
from services.billing.charging.months import ONE_DAY, Month, day_of, midnight, month
from services.billing.charging.prices import NoPrice
from services.billing.charging.use import Mailboxes, Span, Step, Terms, Use, spans
from services.billing.pricing import BadPriceList, PriceLists

LISTS = pricing.load()
LIST = LISTS.versions[0]
MARCH = month("2026-03")
FACT = UUID(int=1)
SILVER = Terms(date(2026, 1, 1), True, "silver", 2500, LIST.version, {}, FACT)
PRICES = sorted(
    {plan.price_cents for plan in LIST.plans.values()} | {p.price_cents or 0 for p in LIST.packages.values()}
)
months = st.builds(lambda y, m: Month(date(y, m, 1)), st.integers(2024, 2030), st.integers(1, 12))


def on(day: int, plan: str | None, catalogue: str = LIST.version) -> Step:
    return Step(MARCH.first + (day - 1) * ONE_DAY, plan, catalogue if plan else None)


def used(*steps: Step, number: int = 1, terms: tuple[Terms, ...] = (SILVER,)) -> Use:
    return Use(terms, (Mailboxes(steps, number, (FACT,)),))


def plans(use: Use, lists: PriceLists = LISTS) -> list[tuple[str, int, int, int]]:
    """Return code, first day, last day and cents of what is charged for mailboxes, in order."""
    found = [
        (i.code, i.start.day, (i.end - ONE_DAY).day, c.quantity * i.cents(MARCH))
        for i, c in charges(use, MARCH, lists).items()
        if i.kind == "plan"
    ]
    return sorted(found, key=lambda row: row[1])


# --- cents ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("numerator", "denominator", "cents"),
    [(1, 2, 1), (-1, 2, -1), (3, 2, 2), (133, 2, 67), (-133, 2, -67), (1, 3, 0), (2, 3, 1), (0, 7, 0), (66, 1, 66)],
)
def test_halves_are_rounded_away_from_zero(numerator: int, denominator: int, cents: int) -> None:
    assert rounded(numerator, denominator) == cents


def test_vat_is_computed_once_on_the_sum_and_not_by_line() -> None:
    assert vat(350, 1900) == 67
    assert vat(7 * 450, 1900) == 599
    assert 7 * vat(450, 1900) == 602


def test_a_euro_in_31_slices_is_a_euro() -> None:
    assert sum(prorated(100, day, day + 1, 31) for day in range(31)) == 100


def test_every_price_and_month_adds_up_day_by_day() -> None:
    for price in PRICES:
        for days in (28, 29, 30, 31):
            slices = [prorated(price, day, day + 1, days) for day in range(days)]
            assert sum(slices) == price
            assert min(slices) >= 0


@given(st.integers(0, 10**9), st.lists(st.integers(0, 31), max_size=6))
def test_adjacent_parts_of_a_month_add_up_to_it_and_none_is_below_zero(price: int, cuts: list[int]) -> None:
    edges = sorted({0, 31, *cuts})
    parts = [prorated(price, a, b, 31) for a, b in pairwise(edges)]
    assert sum(parts) == price
    assert min(parts) >= 0


@given(st.integers(0, 10**6), st.integers(1, 10**4))
def test_rounding_is_the_same_on_both_sides_of_zero_also_for_ties(whole: int, denominator: int) -> None:
    assert rounded(-whole, denominator) == -rounded(whole, denominator)
    tie = denominator * (2 * whole + 1)
    assert rounded(tie, 2 * denominator) == whole + 1


# --- days ----------------------------------------------------------------------------------------------------------


def test_platinum_changed_on_29_march_costs_what_28_days_cost() -> None:
    platinum = SILVER._replace(package="platinum", package_price_cents=25000)
    use = Use((platinum, SILVER._replace(day=date(2026, 3, 29))))
    found = {item.code: item.cents(MARCH) for item in charges(use, MARCH, LISTS)}
    assert found == {"platinum": 22581, "silver": 242}


def test_the_day_of_a_change_belongs_to_the_new_plan() -> None:
    assert plans(used(on(-5, "mail"), on(11, "office"))) == [("mail", 1, 10, 32), ("office", 11, 31, 305)]


def test_the_day_of_the_end_is_a_day_of_use() -> None:
    assert plans(used(on(-5, "mail"), on(10, None))) == [("mail", 1, 10, 32)]


def test_created_and_deleted_on_one_day_is_one_day() -> None:
    assert plans(used(on(15, "officexxxl"), on(15, None))) == [("officexxxl", 15, 15, 161)]


def test_deleted_and_made_again_on_one_day_is_charged_once_for_that_day() -> None:
    steps = (on(1, "mail"), on(10, None), on(10, "office"))
    assert [(code, first, last) for code, first, last, _ in plans(used(*steps))] == [("mail", 1, 9), ("office", 10, 31)]


def test_what_came_and_went_before_or_after_the_month_costs_nothing() -> None:
    assert plans(used(on(-9, "mail"), on(0, None))) == []
    assert plans(used(on(32, "mail"))) == []


def test_a_closed_account_pays_until_its_last_day() -> None:
    closed = SILVER._replace(day=date(2026, 3, 10), open=False)
    found = charges(Use((SILVER, closed)), MARCH, LISTS)
    assert [(item.start.day, item.end.day) for item in found] == [(1, 11)]


moments = st.lists(
    st.tuples(st.integers(-48, 31 * 24 + 48), st.sampled_from(["mail", "office", "officexl", None])), max_size=7
)


@given(moments)
def test_each_day_is_charged_on_the_plan_that_was_active_last_on_it(events: list[tuple[int, str | None]]) -> None:
    events = sorted(events, key=lambda event: event[0])
    start = midnight(MARCH.first)
    told = [(start + timedelta(hours=hour), plan) for hour, plan in events]
    expected = {
        day: plan for number in range(31) if (plan := _last_active(told, day := MARCH.first + number * ONE_DAY))
    }
    charged: dict[date, str] = {}
    for span, step in spans(_steps(told), MARCH):
        for day in _days(span):
            assert day not in charged, "each mailbox-day is charged once"
            charged[day] = step.plan or ""
    assert charged == expected


def _steps(told: list[tuple[datetime, str | None]]) -> list[Step]:
    moment = timedelta(microseconds=1)
    return [Step(day_of(at if plan else at - moment), plan, LIST.version if plan else None) for at, plan in told]


def _last_active(told: list[tuple[datetime, str | None]], day: date) -> str | None:
    """Look at the moments themselves: which plan was the last to be active between two midnights?"""
    begin, end = midnight(day), midnight(day + ONE_DAY)
    found = None
    for number, (at, plan) in enumerate(told):
        until = told[number + 1][0] if number + 1 < len(told) else end
        touches = at < end and (until > begin or at >= begin)
        if plan is not None and touches:
            found = plan
    return found


def _days(span: Span) -> Sequence[date]:
    return [span.start + number * ONE_DAY for number in range((span.end - span.start).days)]


@given(
    st.lists(st.tuples(st.integers(-3, 34), st.sampled_from(["mail", "office", None])), max_size=5), st.integers(1, 9)
)
def test_counting_equal_mailboxes_together_charges_the_same(events: list[tuple[int, str | None]], number: int) -> None:
    steps = tuple(on(day, plan) for day, plan in sorted(events, key=lambda event: event[0]))
    together = charges(used(*steps, number=number), MARCH, LISTS)
    single = charges(Use((SILVER,), tuple(Mailboxes(steps) for _ in range(number))), MARCH, LISTS)
    assert {item: charged.quantity for item, charged in together.items()} == {
        item: charged.quantity for item, charged in single.items()
    }


@given(months, st.lists(st.integers(1, 28), max_size=6))
def test_changes_at_one_price_never_cost_more_or_less_than_the_month(this: Month, days: list[int]) -> None:
    steps = tuple(Step(this.first.replace(day=day), "office", LIST.version) for day in sorted({1, *days}))
    found = charges(Use((SILVER._replace(day=this.first),), (Mailboxes(steps),)), this, LISTS)
    assert total(found, this) == 2500 + 450


def test_months_end_where_the_next_begins_also_when_the_clocks_change() -> None:
    assert (MARCH.days, MARCH.next.first, MARCH.before.last) == (31, date(2026, 4, 1), date(2026, 2, 28))
    assert MARCH.ends_at == datetime(2026, 3, 31, 22, tzinfo=UTC)
    assert MARCH.starts_at == datetime(2026, 2, 28, 23, tzinfo=UTC)
    assert day_of(datetime(2026, 3, 28, 23, 30, tzinfo=UTC)) == date(2026, 3, 29)


# --- prices --------------------------------------------------------------------------------------------------------


def raised(valid_from: date, existing_from: date | None, cents: int = 600, name: str = "") -> pricing.PriceList:
    plans = {code: plan.model_copy(update={"price_cents": cents}) for code, plan in LIST.plans.items()}
    return replace(
        LIST, version=name or str(valid_from), valid_from=valid_from, plans=plans, existing_from=existing_from
    )


def test_a_new_list_leaves_the_prices_of_older_mailboxes_alone() -> None:
    lists = PriceLists((LIST, raised(date(2026, 2, 1), None)))
    assert plans(used(on(1, "mail")), lists) == [("mail", 1, 31, 100)]


def test_a_list_for_existing_customers_holds_from_the_month_it_names() -> None:
    lists = PriceLists((LIST, raised(date(2026, 1, 15), date(2026, 3, 1))))
    assert plans(used(on(-9, "mail")), lists) == [("mail", 1, 31, 600)]
    later = PriceLists((LIST, raised(date(2026, 1, 15), date(2026, 4, 1))))
    assert plans(used(on(-9, "mail")), later) == [("mail", 1, 31, 100)]


def test_a_mailbox_ordered_under_a_newer_list_never_falls_back_to_an_older_one() -> None:
    newest = raised(date(2026, 2, 15), None, 700)
    lists = PriceLists((LIST, raised(date(2026, 2, 1), date(2026, 3, 1)), newest))
    assert plans(used(on(1, "mail", newest.version)), lists) == [("mail", 1, 31, 700)]


def test_a_contract_price_comes_before_every_list_and_begins_on_its_day() -> None:
    lists = PriceLists((LIST, raised(date(2026, 1, 15), date(2026, 3, 1))))
    contract = SILVER._replace(
        day=date(2026, 3, 11), package="reseller", package_price_cents=1, plan_prices={"mail": 50}
    )
    found = plans(used(on(-9, "mail"), terms=(SILVER, contract)), lists)
    assert found == [("mail", 1, 10, 194), ("mail", 11, 31, 34)]


def test_other_changes_of_the_account_cut_no_line() -> None:
    updated = SILVER._replace(day=date(2026, 3, 11), message_id=UUID(int=2), plan_prices={"office": 1})
    found = charges(used(on(-9, "mail"), terms=(SILVER, updated)), MARCH, LISTS)
    assert sorted((item.code, (item.end - item.start).days) for item in found) == [("mail", 31), ("silver", 31)]


def test_a_price_list_that_is_gone_is_said_and_never_guessed() -> None:
    with pytest.raises(NoPrice):
        charges(used(on(1, "mail", "1999")), MARCH, LISTS)
    with pytest.raises(NoPrice):
        charges(used(on(1, "mailxs")), MARCH, LISTS)


def test_a_contract_costs_its_own_price_and_zero_is_a_price() -> None:
    contract = SILVER._replace(package="reseller", package_price_cents=0)
    assert [(i.price.cents, i.price.line) for i in charges(Use((contract,)), MARCH, LISTS)] == [
        (0, "contract.package.reseller")
    ]


TOML = (pricing.SHIPPED / "2026-01-01.toml").read_text()


@pytest.mark.parametrize("day", ["2027-01-15", "2025-12-01", '"soon"'])
def test_existing_customers_change_on_the_first_of_a_month_and_not_before_new_ones(day: str) -> None:
    text = TOML.replace("valid_from = 2026-01-01", f"valid_from = 2026-01-01\nexisting_from = {day}")
    with pytest.raises(BadPriceList):
        pricing.read("x", text)


def test_a_list_that_begins_in_a_billed_month_or_was_changed_is_refused() -> None:
    new = replace(LIST, version="2026-03-15", valid_from=date(2026, 3, 15))
    lists, published = PriceLists((LIST, new)), {LIST.version: LIST.sha256}
    assert pricing.back_dated(lists, published, date(2026, 3, 1)) == []
    assert len(pricing.back_dated(lists, published, date(2026, 4, 1))) == 1
    assert len(pricing.back_dated(lists, {LIST.version: "other"}, date(2026, 3, 1))) == 1


# --- a quote is the charge -----------------------------------------------------------------------------------------


@given(
    st.sampled_from(sorted(LIST.plans)), st.integers(1, 10_000), st.dictionaries(
        st.sampled_from(sorted(LIST.plans)), st.integers(0, 10_000)
    ), months,
)  # fmt: skip
def test_a_quote_is_what_a_whole_month_is_charged(
    plan: str, quantity: int, individual: dict[str, int], this: Month
) -> None:
    terms = ContractTerms(price_cents=1, mailboxes=None, alias_forwards=None, groups=None, plan_prices=individual)
    order = OpenAccount(package="reseller", terms=terms, company="N", email="a@b.de")
    opened = rules.open_account(None, "nordwind", order, LIST, datetime(2026, 1, 1, tzinfo=UTC))
    assert isinstance(opened, tuple)
    account, room = opened
    offered = LIST.terms(plan, account.plan_prices)
    assert not isinstance(offered, rules.Refusal)
    quoted = views.quote(account, offered, quantity, room, LISTS, this)
    held = Terms(this.first - ONE_DAY, True, "reseller", 1, LIST.version, individual, FACT)
    mailboxes = (Mailboxes((Step(this.first, plan, LIST.version),), quantity),)
    assert quoted.total_cents == total(charges(Use((held,), mailboxes), this, LISTS), this) - 1
    assert quoted.total_cents == quantity * offered.price_cents
    assert whole_month(Use((held,), mailboxes), this, LISTS) - 1 == quoted.total_cents


def test_charges_name_the_messages_that_they_rest_on() -> None:
    found = charges(used(on(1, "mail"), number=3), MARCH, LISTS)
    assert found[next(item for item in found if item.kind == "plan")] == Charged(3, (FACT,), 3)
    assert isinstance(next(iter(found)), Item)
