"""What new price lists change for whom: what is announced is what invoices will differ by (R-C3)."""

from datetime import date
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.billing import announcing, pricing
from services.billing.charging.charges import whole_month
from services.billing.charging.months import Month
from services.billing.charging.use import Mailboxes, Step, Terms, Use
from services.billing.pricing import PriceLists

TEXT = (pricing.SHIPPED / "2026-01-01.toml").read_text()
CHANGE = Month(date(2027, 3, 1))


def a_list(version: str, valid_from: date, existing_from: date | None, **prices: int) -> pricing.PriceList:
    text = TEXT.replace("valid_from = 2026-01-01", f"valid_from = {valid_from}")
    for code, cents in prices.items():
        begin = text.index("price_cents", text.index(f'code = "{code}"'))
        text = f"{text[:begin]}price_cents = {cents}{text[text.index(chr(10), begin) :]}"
    return pricing.read(version, f"existing_from = {existing_from}\n{text}" if existing_from else text)


FIRST = a_list("2026", date(2026, 1, 1), None)
SECOND = a_list("2026-07", date(2026, 7, 1), None, mail=110)
THIRD = a_list("2027", date(2027, 1, 1), CHANGE.first, mail=130, office=400, gold=8000)
LISTS = PriceLists((FIRST, SECOND, THIRD))
uses = st.dictionaries(
    st.tuples(st.sampled_from(["mail", "office", "officexl"]), st.sampled_from(["2026", "2026-07", "2027"])),
    st.integers(1, 1000),
)
contracts = st.dictionaries(st.sampled_from(["mail", "office"]), st.integers(0, 500))


@given(uses, st.sampled_from(["silver", "gold"]), st.sampled_from(["2026", "2027"]), contracts)
def test_what_is_announced_is_what_the_invoice_will_differ_by(
    held: dict[tuple[str, str], int], package: str, under: str, own: dict[str, int]
) -> None:
    terms = Terms(CHANGE.first, True, package, 0, under, own, UUID(int=0))
    said = announcing.announcement(THIRD, terms, [(*key, number) for key, number in held.items()], LISTS)
    steps = [Mailboxes((Step(CHANGE.first, plan, agreed),), number) for (plan, agreed), number in held.items()]
    before, after = (whole_month(Use((terms,), tuple(steps)), month, LISTS) for month in (CHANGE.before, CHANGE))
    assert (said.difference_cents if said else 0) == after - before
    assert said is None or all(change.old_cents != change.new_cents for change in said.changes)
    assert said is None or not {change.code for change in said.changes if change.kind == "plan"} & own.keys()


def test_a_new_list_must_leave_time_to_tell() -> None:
    known = {"2026", "2026-07"}
    assert announcing.too_soon(LISTS, known, date(2027, 1, 18), 42, ()) == []
    (problem,) = announcing.too_soon(LISTS, known, date(2027, 1, 19), 42, ())
    assert "price list 2027 is to hold for existing customers from 2027-03-01" in problem
    assert announcing.too_soon(LISTS, known, date(2027, 1, 19), 42, {"2027"}) == []
    assert announcing.too_soon(LISTS, {*known, "2027"}, date(2027, 2, 28), 42, ()) == []


def test_a_published_list_cannot_vanish_or_begin_for_customers_in_an_invoiced_month() -> None:
    assert announcing.vanished(PriceLists((FIRST,)), {"2026", "2026-07"}) == [
        "price list 2026-07 was published and its file 2026-07.toml is gone; put it back"
    ]
    problems = pricing.back_dated(PriceLists((THIRD,)), {}, date(2027, 4, 1))
    assert any("existing customers" in problem for problem in problems)


def test_only_lists_with_a_day_ahead_are_announced() -> None:
    assert announcing.upcoming(LISTS, date(2027, 2, 28)) == [THIRD]
    assert announcing.upcoming(LISTS, CHANGE.first) == []
