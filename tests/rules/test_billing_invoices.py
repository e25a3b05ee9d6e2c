"""Invoices add up, corrections and credit notes too, and the VAT is decided or waits (R-I2 to R-I7)."""

import random
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from contracts.billing_v1 import OpenAccount, VatCheck
from contracts.invoicing_v1 import HOUSE, CreditedLine, Invoice, Party
from contracts.refusals import Refusal
from services.billing import pricing, rules, runs
from services.billing.charging import credit, tax
from services.billing.charging.charges import Charged, Item, charges, total
from services.billing.charging.invoice import MAX_LINES, Billed, Draft, Seller, corrected, draft, finalized, rows
from services.billing.charging.money import vat
from services.billing.charging.months import month
from services.billing.charging.prices import Price
from services.billing.charging.use import Mailboxes, Step, Terms, Use
from services.billing.rules import Account
from services.billing.runs import Series
from services.chassis.topology import partition

LISTS = pricing.load()
LIST = LISTS.versions[0]
MARCH = month("2026-03")
FACT = UUID(int=1)
SELLER = Seller(
    Party(name="P", street="Kai 1", postcode="20457", city="Hamburg", country="DE", vat_id="DE136695976"), None, 14
)
SILVER = Terms(date(2026, 1, 1), True, "silver", 2500, LIST.version, {}, FACT)
KIEL: dict[str, Any] = {"street": "Hafenstraße 7", "postcode": "24103", "city": "Kiel", "country": "DE"}


def account(**master: Any) -> Account:
    order = OpenAccount(package="silver", company="Nordwind", email="a@b.de", **{**KIEL, **master})
    opened = rules.open_account(None, "nordwind", order, LIST, datetime(2026, 1, 1, tzinfo=UTC))
    assert isinstance(opened, tuple)
    return opened[0]


steps = st.lists(
    st.tuples(st.integers(1, 31), st.sampled_from([*sorted(LIST.plans), None])), min_size=1, max_size=4
).map(
    lambda events: tuple(
        Step(date(2026, 3, day), p, LIST.version if p else None) for day, p in sorted(events, key=_day)
    )
)
uses = st.lists(st.builds(Mailboxes, steps, st.integers(1, 500)), max_size=6).map(lambda m: Use((SILVER,), tuple(m)))


def _day(event: tuple[int, str | None]) -> int:
    return event[0]


def billed(use: Use, *corrections: tuple[str, Use, Use]) -> Billed:
    later = {
        month(period): corrected(charges(before, month(period), LISTS), charges(after, month(period), LISTS))
        for period, before, after in corrections
    }
    return Billed(MARCH, charges(use, MARCH, LISTS), later, 7)


def written(found: Billed, customer: Account | None = None) -> Invoice:
    customer = customer or account()
    made = draft(customer, found, LISTS)
    assert isinstance(made, Draft)
    return finalized(made, customer, found, SELLER, number="RE-2026-000001", issued_on=date(2026, 4, 1))


@given(uses)
def test_an_invoice_adds_up_and_its_lines_are_all_that_is_charged(use: Use) -> None:
    found = billed(use)
    invoice = written(found)
    assert invoice.net_cents == sum(line.amount_cents for line in invoice.lines) == total(found.charges, MARCH)
    assert all(line.amount_cents == line.quantity * line.price_cents for line in invoice.lines)
    assert all(line.price_cents >= 0 for line in invoice.lines)
    assert sum(group.net_cents for group in invoice.tax_groups) == invoice.net_cents
    assert all(group.tax_cents == vat(group.net_cents, group.rate_basis_points) for group in invoice.tax_groups)
    assert invoice.gross_cents == invoice.net_cents + sum(group.tax_cents for group in invoice.tax_groups)
    assert [line.line for line in invoice.lines] == list(range(1, len(invoice.lines) + 1))


@given(uses, st.randoms(use_true_random=False))
def test_the_order_of_what_was_read_does_not_matter(use: Use, dice: random.Random) -> None:
    shuffled = list(use.mailboxes)
    dice.shuffle(shuffled)
    assert written(billed(use)) == written(billed(Use(use.terms, tuple(shuffled))))


@given(uses, uses)
def test_corrections_bring_what_was_invoiced_to_what_it_should_have_been(before: Use, after: Use) -> None:
    changed = corrected(charges(before, MARCH, LISTS), charges(after, MARCH, LISTS))
    assert total(changed, MARCH) == total(charges(after, MARCH, LISTS), MARCH) - total(
        charges(before, MARCH, LISTS), MARCH
    )
    assert corrected(charges(after, MARCH, LISTS), charges(after, MARCH, LISTS)) == {}


def test_a_correction_names_its_month_and_may_take_back() -> None:
    gone = Use(
        (SILVER,), (Mailboxes((Step(date(2026, 2, 1), "office", LIST.version), Step(date(2026, 2, 14), None, None))),)
    )
    stayed = Use((SILVER,), (Mailboxes((Step(date(2026, 2, 1), "office", LIST.version),)),))
    invoice = written(billed(stayed, ("2026-02", stayed, gone)))
    lines = [(line.corrects, line.quantity, line.amount_cents, line.text.en) for line in invoice.lines if line.corrects]
    assert lines == [
        ("2026-02", 1, 225, "Correction February 2026: Mailbox Office, 14/28 days"),
        ("2026-02", -1, -450, "Correction February 2026: Mailbox Office"),
    ]
    assert invoice.service_from == date(2026, 2, 1)


def test_corrections_above_the_invoice_wait_for_the_operator() -> None:
    many = Use((SILVER,), (Mailboxes((Step(date(2026, 2, 1), "officexxxl", LIST.version),), 50),))
    found = billed(Use((SILVER,)), ("2026-02", many, Use((SILVER,))))
    refused = draft(account(), found, LISTS)
    assert isinstance(refused, Refusal)
    assert (refused.code, refused.findings[0].details) == ("invoice_negative", {"cents": 50 * 5000 - 2500})


def test_more_spans_than_a_message_holds_are_joined_to_the_same_sum() -> None:
    mailboxes = tuple(
        Mailboxes((Step(date(2026, 3, a), plan, LIST.version), Step(date(2026, 3, b), None, None)), a + b)
        for plan in ("mail", "office")
        for a in range(1, 20)
        for b in range(a, 30)
    )
    found = billed(Use((SILVER,), mailboxes))
    assert len(found.charges) > MAX_LINES
    invoice = written(found)
    assert len(invoice.lines) <= 5
    assert invoice.net_cents == total(found.charges, MARCH)
    assert sum(len(row.items) for row in rows(found)) == len(found.charges)


@pytest.mark.parametrize("missing", ["street", "postcode", "city", "country"])
def test_an_invoice_without_a_whole_address_waits(missing: str) -> None:
    refused = draft(account(**{missing: None}), billed(Use((SILVER,))), LISTS)
    assert isinstance(refused, Refusal)
    assert (refused.code, refused.findings[0].details) == ("address_missing", {"missing": missing})


# --- VAT -----------------------------------------------------------------------------------------------------------

CHECKED = VatCheck(vat_id="ATU13585627", valid=True, checked_on=date(2026, 3, 1))
UNKNOWN = CHECKED.model_copy(update={"valid": False})


@pytest.mark.parametrize(
    ("country", "postcode", "vat_id", "check", "category"),
    [
        ("DE", "24103", None, None, "S"),
        ("DE", "24103", "DE136695976", None, "S"),
        ("DE", "27498", None, None, "O"),  # Helgoland
        ("DE", "78266", None, None, "O"),  # Büsingen
        ("AT", "1010", "ATU13585627", CHECKED, "AE"),
        ("AT", "1010", "AT U135 85627", CHECKED, "AE"),
        ("AT", "1010", "ATU13585627", UNKNOWN, "S"),
        ("AT", "1010", None, None, "S"),
        ("AT", "1010", "ATU13585627", None, None),  # nobody has checked it
        ("AT", "1010", "ATU13585628", CHECKED, None),  # the check digit is wrong
        ("AT", "1010", "FR23334175221", None, None),  # another country's
        ("GR", "10557", "EL094259216", CHECKED.model_copy(update={"vat_id": "EL094259216"}), "AE"),
        ("GR", "10557", "GR094259216", None, None),  # Greece is EL in VAT ids
        ("GR", "63086", None, None, "O"),  # Athos
        ("ES", "35001", None, None, "O"),  # Canary Islands
        ("MC", "98000", None, None, "S"),  # counts as France
        ("GB", "BT1 1AA", "XI123456789", None, "O"),  # Northern Ireland: services are a third country's
        ("CH", "8001", None, None, "O"),
        ("US", "10001", None, None, "O"),
        ("XX", "1", None, None, None),
        (None, None, None, None, None),
    ],
)
def test_the_vat_is_decided_by_country_area_and_checked_id_or_waits(
    country: str | None, postcode: str | None, vat_id: str | None, check: VatCheck | None, category: str | None
) -> None:
    decided = tax.decide(tax.Customer(country, postcode, vat_id, check))
    if category is None:
        assert isinstance(decided, Refusal)
        assert decided.code == "tax_pending"
    else:
        assert isinstance(decided, tax.Decision)
        assert decided.category == category


@pytest.mark.parametrize(
    ("service_to", "rate"),
    [("2020-06-30", 1900), ("2020-07-01", 1600), ("2020-12-31", 1600), ("2021-01-01", 1900), ("2026-03-31", 1900)],
)
def test_the_end_of_the_service_period_decides_the_rate(service_to: str, rate: int) -> None:
    decided = tax.decide(tax.Customer("DE", "24103", None, None))
    assert isinstance(decided, tax.Decision)
    assert decided.rate(date.fromisoformat(service_to)) == rate


def test_a_correction_of_another_years_month_keeps_its_own_rate() -> None:
    price = Price(10000, LIST.version, "plan.mail")
    december = month("2020-12")
    item = Item("plan", "mail", december.first, december.end, price)
    found = Billed(MARCH, charges(Use((SILVER,)), MARCH, LISTS), {december: {item: Charged(1)}}, 1)
    groups = {g.rate_basis_points: (g.net_cents, g.tax_cents) for g in written(found).tax_groups}
    assert groups == {1600: (10000, 1600), 1900: (2500, 475)}


def test_an_invoice_outside_the_scope_names_no_vat_id_but_its_basis_does() -> None:
    invoice = written(billed(Use((SILVER,))), account(country="CH", postcode="8001", vat_id="CHE-123.456.788"))
    assert (invoice.buyer.vat_id, invoice.seller.vat_id, invoice.tax_cents) == (None, None, 0)
    assert invoice.tax_basis.vat_id == "CHE-123.456.788"
    assert invoice.tax_groups[0].exemption_reason is not None


# --- credit notes --------------------------------------------------------------------------------------------------


@given(uses, st.lists(st.integers(1, 10**6), max_size=6), st.randoms(use_true_random=False))
def test_partial_credits_and_the_rest_sum_to_the_invoice(use: Use, parts: list[int], dice: random.Random) -> None:
    invoice = written(billed(use))
    notes: list[Invoice] = []
    for part in parts:
        line = dice.choice(invoice.lines)
        left = line.amount_cents - credit.credited_so_far(notes).get(line.line, 0)
        if left > 0:
            notes.append(_note(invoice, notes, (CreditedLine(line=line.line, amount_cents=1 + part % left),)))
    if credit.credited_lines(invoice, credit.credited_so_far(notes), ()).__class__ is dict:
        notes.append(_note(invoice, notes, ()))
    assume(notes)
    assert sum(note.net_cents for note in notes) == invoice.net_cents
    assert sum(note.tax_cents for note in notes) == invoice.tax_cents
    assert all(note.gross_cents == note.net_cents + note.tax_cents for note in notes)
    assert all(line.amount_cents == line.quantity * line.price_cents for note in notes for line in note.lines)
    nothing = credit.credited_lines(invoice, credit.credited_so_far(notes), ())
    assert isinstance(nothing, Refusal)


def _note(invoice: Invoice, notes: list[Invoice], wanted: tuple[CreditedLine, ...]) -> Invoice:
    before = credit.credited_so_far(notes)
    amounts = credit.credited_lines(invoice, before, wanted)
    assert not isinstance(amounts, Refusal)
    return credit.credit_note(
        invoice, before, amounts, number=f"RK-2026-{len(notes) + 1:06}", issued_on=date(2026, 4, 2), reason="Nachlass"
    )


def test_a_credit_note_refers_to_its_invoice_and_cannot_be_credited() -> None:
    invoice = written(billed(Use((SILVER,))))
    note = _note(invoice, [], (CreditedLine(line=1, amount_cents=100),))
    assert note.preceding is not None
    assert (note.type_code, note.preceding.number, note.due_on) == ("381", invoice.number, None)
    refused = credit.credited_lines(note, {}, ())
    assert isinstance(refused, Refusal)
    assert refused.code == "not_an_invoice"


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ((CreditedLine(line=9, amount_cents=1),), "line_unknown"),
        ((CreditedLine(line=1, amount_cents=2501),), "credit_exceeds"),
    ],
)
def test_more_than_there_is_cannot_be_given_back(wanted: tuple[CreditedLine, ...], code: str) -> None:
    refused = credit.credited_lines(written(billed(Use((SILVER,)))), {}, wanted)
    assert isinstance(refused, Refusal)
    assert refused.code == code


# --- runs and numbers ----------------------------------------------------------------------------------------------


def test_numbers_count_up_without_gaps_and_begin_anew_every_year() -> None:
    series = Series("RE", 2026, 41)
    numbers: list[str] = []
    for day in (date(2026, 12, 31), date(2027, 1, 1), date(2027, 1, 1), date(2026, 12, 31)):
        series = series.next(day)
        numbers.append(series.number)
    assert numbers == ["RE-2026-000042", "RE-2027-000001", "RE-2027-000002", "RE-2027-000003"]


def test_a_run_ends_with_its_last_part_and_a_new_one_keeps_who_waits() -> None:
    first, second = UUID(int=1), UUID(int=2)
    run = runs.closed(runs.begun(None, "2026-03", 2, first), 0)
    again = runs.begun(run, "2026-03", 2, second)
    assert (again.open_parts, again.requests) == ((0, 1), (first, second))
    done = runs.closed(runs.closed(runs.advanced(again, ["invoiced", "parked"]), 0), 1)
    assert (done.open_parts, done.requests, done.invoiced, done.parked) == ((), (), 1, 1)


@pytest.mark.parametrize("parts", [1, 4, 7, 64])
def test_the_house_has_an_account_in_every_partition(parts: int) -> None:
    for part in range(parts):
        name = runs.house_account(part, parts, partition)
        assert partition(name, parts) == part
        assert name.startswith(f"{HOUSE}-")
