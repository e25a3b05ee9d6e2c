"""Invoices as files: valid EN 16931 for every case, a PDF/A-3 that holds it, lines as CSV; exact to the cent."""

import csv
import re
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from io import BytesIO, StringIO
from multiprocessing import get_context
from typing import Any
from uuid import UUID

import pikepdf
import pypdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.billing_v1 import OpenAccount, VatCheck
from contracts.invoicing_v1 import CreditedLine, Invoice, Party, PayTo
from services.billing import pricing, rules
from services.billing.charging import credit
from services.billing.charging.charges import Charged, Item, charges
from services.billing.charging.invoice import Billed, Draft, Seller, corrected, draft, finalized
from services.billing.charging.months import month
from services.billing.charging.prices import Price
from services.billing.charging.use import Mailboxes, Step, Terms, Use
from services.billing.rendering import figures, press
from services.billing.rendering.agreement import differences
from services.billing.rendering.cii import xml
from services.billing.rendering.lines import COLUMNS, table
from services.billing.rendering.pdf import Typesetter

LISTS = pricing.load()
LIST = LISTS.versions[0]
MARCH, FEBRUARY, DECEMBER_2020 = month("2026-03"), month("2026-02"), month("2020-12")
SELLER = Seller(
    Party(
        name="Postkontor Beispiel GmbH", street="Kai 1", postcode="20457", city="Hamburg", country="DE",
        vat_id="DE136695976", tax_number="22/815/0815", email="rechnung@postkontor.example", phone="+49 40 5550100",
        register_entry="Amtsgericht Hamburg HRB 123456", legal_note="Geschäftsführerin: Wiebke Petersen",
    ),
    PayTo(iban="DE02 1203 0000 0000 2020 51", bic="BYLADEM1001", holder="Postkontor Beispiel GmbH"),
    14,
)  # fmt: skip
SILVER = Terms(date(2026, 1, 1), True, "silver", 2500, LIST.version, {}, UUID(int=1))
GOLD = SILVER._replace(day=date(2026, 3, 17), package="gold", package_price_cents=7500)
KIEL = {"street": "Hafenstraße 7", "postcode": "24103", "city": "Kiel", "country": "DE"}
WIEN = {"street": "Graben 1", "postcode": "1010", "city": "Wien", "country": "AT", "vat_id": "ATU13585627"}
ZURICH = {"street": "Seeweg 2", "postcode": "8001", "city": "Zürich", "country": "CH", "vat_id": "CHE107787577"}
CHECKED = VatCheck(vat_id="ATU13585627", valid=True, checked_on=date(2026, 2, 1), reference="WAPIAAAA")


def on_plan(plan: str, number: int = 1, day: int = 1, *, this: Any = MARCH) -> Mailboxes:
    return Mailboxes((Step(this.first.replace(day=day), plan, LIST.version),), number)


def issued(
    *mailboxes: Mailboxes,
    terms: tuple[Terms, ...] = (SILVER,),
    seller: Seller = SELLER,
    corrections: dict[Any, Any] | None = None,
    check: VatCheck | None = None,
    **master: Any,
) -> Invoice:
    order = OpenAccount(package="silver", company="Nordwind & Söhne", email="post@nordwind.example", **(KIEL | master))
    opened = rules.open_account(None, "nordwind", order, LIST, datetime(2026, 1, 1, tzinfo=UTC))
    assert isinstance(opened, tuple)
    customer = replace(opened[0], vat_check=check)
    found = Billed(MARCH, charges(Use(terms, mailboxes), MARCH, LISTS), corrections or {}, 7)
    made = draft(customer, found, LISTS)
    assert isinstance(made, Draft), made
    return finalized(made, customer, found, seller, number="RE-2026-000001", issued_on=date(2026, 4, 1))


def note(invoice: Invoice, *parts: CreditedLine) -> Invoice:
    amounts = credit.credited_lines(invoice, {}, parts)
    assert isinstance(amounts, dict)
    return credit.credit_note(
        invoice, {}, amounts, number="RK-2026-000001", issued_on=date(2026, 4, 9), reason="Kündigung {vergessen}"
    )


def in_2020() -> dict[Any, Any]:
    item = Item("plan", "mail", DECEMBER_2020.first, DECEMBER_2020.end, Price(10_000, LIST.version, "plan.mail"))
    return {DECEMBER_2020: {item: Charged(3)}}


def taken_back() -> dict[Any, Any]:
    before, after = (charges(Use((SILVER,), (on_plan("office", n, this=FEBRUARY),)), FEBRUARY, LISTS) for n in (4, 1))
    return {FEBRUARY: corrected(before, after)}


WITHOUT_EXTRAS = Seller(
    Party(
        name="P", street="Kai 1", postcode="20457", city="Hamburg", country="DE", vat_id="DE136695976",
        tax_number="22/815/0815",
    ),
    None,
    0,
)  # fmt: skip
SOME = (on_plan("office", 12), on_plan("mail", 3, 11), on_plan("mailxxl", 7, 31))
CASES = {
    "Germany": issued(*SOME),
    "Germany, 16 % in a correction of 2020": issued(*SOME, corrections=in_2020()),
    "Germany, in English": issued(*SOME, language="en"),
    "two packages in a month": issued(*SOME, terms=(SILVER, GOLD)),
    "a correction that takes back": issued(*SOME, corrections=taken_back()),
    "reverse charge": issued(*SOME, check=CHECKED, **WIEN),
    "third country": issued(*SOME, **ZURICH, language="en"),
    "third country, a seller with the least settings": issued(*SOME, seller=WITHOUT_EXTRAS, **ZURICH),
    "the least settings": issued(*SOME, seller=WITHOUT_EXTRAS),
    "credit note over all": note(issued(*SOME)),
    "credit note over a part": note(issued(*SOME), CreditedLine(line=2, amount_cents=1)),
    "credit note over two rates": note(issued(*SOME, corrections=in_2020())),
    "credit note of reverse charge": note(issued(*SOME, check=CHECKED, **WIEN)),
    "credit note of a third country": note(issued(*SOME, **ZURICH)),
    "nothing to pay": issued(terms=(SILVER._replace(package_price_cents=0, package="reseller"),)),
}
cases = pytest.mark.parametrize("invoice", CASES.values(), ids=CASES.keys())


@pytest.fixture(scope="module")
def child() -> Iterator[ProcessPoolExecutor]:
    """A process to validate in: it must be spawned, and be asked in its main thread."""
    with ProcessPoolExecutor(1, get_context("spawn"), press.prepare, (None,)) as pool:
        yield pool


@pytest.fixture(scope="module")
def typesetter() -> Typesetter:
    return Typesetter()


def judged(child: ProcessPoolExecutor, written: bytes) -> Any:
    return child.submit(press.judge, written).result()


# --- XML ----------------------------------------------------------------------------------------------------------


@cases
def test_every_case_is_valid_and_says_what_was_issued(child: ProcessPoolExecutor, invoice: Invoice) -> None:
    written = xml(invoice)
    verdict = judged(child, written)
    assert verdict.complaints == ()
    assert verdict.rules > 60
    assert differences(written, invoice) == ()
    assert xml(invoice) == written


@pytest.mark.parametrize(
    ("case", "before", "after", "found"),
    [
        ("Germany", rb"(<ram:GrandTotalAmount>)\d+", rb"\g<1>1", "BR-CO-15"),
        ("Germany", rb"(<ram:LineTotalAmount>)\d+", rb"\g<1>1", "BR-CO-10"),
        ("Germany", rb"(<ram:LineID>1</ram:LineID>)", rb"\1\1", "schema"),
        ("third country", rb"(schemeID=)\"FC\"", rb'\g<1>"VA"', "BR-O-02"),
        ("reverse charge", rb"<ram:RateApplicablePercent>0.00", rb"<ram:RateApplicablePercent>19.00", "BR-AE-05"),
        ("reverse charge", rb"ATU13585627", rb"13585627", "BR-CO-09"),
    ],
)
def test_what_is_wrong_is_found(child: ProcessPoolExecutor, case: str, before: bytes, after: bytes, found: str) -> None:
    written = xml(CASES[case])
    tampered = re.sub(before, after, written, count=1)
    assert tampered != written
    assert any(found in finding for finding in judged(child, tampered).complaints)


def test_a_cent_of_tax_that_the_rules_let_pass_is_found(child: ProcessPoolExecutor) -> None:
    invoice = CASES["Germany"]
    wrong = invoice.tax_cents + 1
    moved = invoice.model_copy(
        update={
            "tax_groups": (invoice.tax_groups[0].model_copy(update={"tax_cents": wrong}),),
            "tax_cents": wrong,
            "gross_cents": invoice.net_cents + wrong,
        }
    )
    assert judged(child, xml(moved)).complaints == ()
    names = [each.partition(":")[0] for each in differences(xml(moved), invoice)]
    assert names == ["taxes", "BT-110", "BT-112", "BT-115"]


@pytest.mark.parametrize("case", ["third country", "credit note of a third country"])
def test_an_invoice_that_is_not_subject_to_vat_names_no_vat_id_and_no_rate(case: str) -> None:
    written = xml(CASES[case]).decode()
    assert 'schemeID="VA"' not in written
    assert "RateApplicablePercent" not in written
    assert "22/815/0815" in written


def test_a_credit_note_refers_to_its_invoice_and_names_the_day_of_the_service() -> None:
    written = xml(CASES["credit note over a part"]).decode()
    assert "<ram:TypeCode>381</ram:TypeCode>" in written
    assert "<ram:IssuerAssignedID>RE-2026-000001</ram:IssuerAssignedID>" in written
    assert "Korrektur der Rechnung RE-2026-000001: Kündigung {vergessen}" in written
    occurred = re.search(r"<ram:OccurrenceDateTime>\s*<udt:DateTimeString format=\"102\">(\d+)<", written)
    assert occurred is not None
    assert occurred[1] == "20260331"
    assert "IBANID" not in written  # the seller's account is not where this money goes


_mailboxes = st.lists(
    st.tuples(st.sampled_from(sorted(LIST.plans)), st.integers(1, 500), st.integers(1, 31)), max_size=12
)


@settings(max_examples=25, deadline=None)
@given(_mailboxes, st.sampled_from([{}, {"check": CHECKED, **WIEN}, ZURICH]), st.booleans())
def test_generated_invoices_and_their_credit_notes_are_valid_to_the_cent(
    child: ProcessPoolExecutor, mailboxes: list[tuple[str, int, int]], customer: dict[str, Any], older: bool
) -> None:
    invoice = issued(*(on_plan(*each) for each in mailboxes), corrections=in_2020() if older else None, **customer)
    for document in (invoice, note(invoice)):
        written = xml(document)
        assert differences(written, document) == ()
        assert judged(child, written).complaints == ()


# --- PDF ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", ["Germany", "reverse charge", "third country", "credit note over all"])
def test_the_pdf_holds_the_xml_and_claims_what_it_is(typesetter: Typesetter, case: str) -> None:
    invoice = CASES[case]
    written = xml(invoice)
    whole, missing = typesetter.pdf(invoice, written)
    assert missing == ""
    assert typesetter.pdf(invoice, written)[0] == whole
    with pikepdf.open(BytesIO(whole)) as document:
        (file,) = document.Root["/AF"]
        assert (str(file["/UF"]), str(file["/AFRelationship"])) == ("factur-x.xml", "/Alternative")
        assert bytes(document.attachments["factur-x.xml"].get_file().read_bytes()) == written
        assert str(file["/EF"]["/F"]["/Subtype"]) == "/text/xml"
        assert str(document.Root["/OutputIntents"][0]["/S"]) == "/GTS_PDFA1"
        assert document.Root["/OutputIntents"][0]["/DestOutputProfile"].read_bytes()
        with document.open_metadata() as claims:
            assert (claims["pdfaid:part"], claims["pdfaid:conformance"]) == ("3", "B")
            names = ("DocumentType", "DocumentFileName", "Version", "ConformanceLevel")
            space = "{urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#}"
            assert [claims[space + name] for name in names] == ["INVOICE", "factur-x.xml", "1.0", "EN 16931"]
        assert str(document.Root["/Lang"]) == invoice.language


def test_every_font_is_embedded(typesetter: Typesetter) -> None:
    invoice = CASES["Germany"]
    with pikepdf.open(BytesIO(typesetter.pdf(invoice, xml(invoice))[0])) as document:
        fonts = [each for each in document.objects if _is_font(each)]
        assert fonts
        for font in fonts:
            for descendant in font.get("/DescendantFonts", [font]):
                assert {"/FontFile2", "/FontFile3"} & set(descendant["/FontDescriptor"].keys())


def _is_font(each: Any) -> bool:
    return isinstance(each, pikepdf.Dictionary) and each.get("/Type") == "/Font" and each.get("/Subtype") == "/Type0"


@pytest.mark.parametrize("case", CASES)
def test_people_read_all_that_the_law_asks_for(typesetter: Typesetter, case: str) -> None:
    invoice = CASES[case]
    shown = text_of(typesetter.pdf(invoice, xml(invoice))[0])
    language = invoice.language
    wanted = [
        invoice.number,
        figures.day(invoice.issued_on, language),
        invoice.seller.name,
        invoice.seller.tax_number or "",
        invoice.buyer.name,
        invoice.buyer.street,
        figures.money(invoice.net_cents, language),
        figures.money(invoice.gross_cents, language),
        *(figures.money(group.tax_cents, language) for group in invoice.tax_groups),
        *(figures.money(line.amount_cents, language) for line in invoice.lines),
        *(figures.days(line.service_from, line.service_to, language) for line in invoice.lines),
    ]
    wanted += [party.vat_id for party in (invoice.seller, invoice.buyer) if party.vat_id]
    wanted += [g.exemption_reason.de if language == "de" else g.exemption_reason.en
               for g in invoice.tax_groups if g.exemption_reason]  # fmt: skip
    assert [each for each in wanted if _packed(each) not in shown] == []


def text_of(pdf: bytes) -> str:
    """Return a PDF's text without its spaces, which are where the typesetter wants them."""
    return _packed("".join(page.extract_text() for page in pypdf.PdfReader(BytesIO(pdf)).pages))


def _packed(text: str) -> str:
    return re.sub(r"[\s\u200b]", "", text)


def test_a_long_invoice_has_its_head_on_every_page_and_all_its_lines(typesetter: Typesetter) -> None:
    invoice = CASES["Germany"]
    lines = tuple(
        line.model_copy(update={"line": n, "quantity": n, "amount_cents": n * line.price_cents})
        for n, line in enumerate(invoice.lines * 50, start=1)
    )
    long = invoice.model_copy(
        update={"lines": lines, "buyer": invoice.buyer.model_copy(update={"name": "Kauf" * 60, "street": "Weg" * 80})}
    )
    pages = pypdf.PdfReader(BytesIO(typesetter.pdf(long, xml(long))[0])).pages
    assert len(lines) == 200
    assert 4 <= len(pages) <= 9
    for number, page in enumerate(pages, start=1):
        shown = page.extract_text()
        assert f"Seite {number} von {len(pages)}" in shown
        assert "Leistungszeitraum" in shown or number == len(pages)  # the last one may hold the sums alone
    whole = text_of(typesetter.pdf(long, xml(long))[0])
    assert all(figures.money(line.amount_cents, "de") in whole for line in lines)
    assert "Kauf" * 60 in whole


def test_characters_that_no_font_has_are_named_and_the_rest_is_written(typesetter: Typesetter) -> None:
    invoice = CASES["Germany"]
    buyer = invoice.buyer.model_copy(update={"name": "株式会社 Ελλάς Москва Łódź"})
    odd = invoice.model_copy(update={"buyer": buyer})
    whole, missing = typesetter.pdf(odd, xml(odd))
    assert missing == "株式会社"
    assert "????ΕλλάςМоскваŁódź" in text_of(whole)
    assert "株式会社".encode() in xml(odd)


def test_text_of_customers_is_no_markup(typesetter: Typesetter) -> None:
    name = '#pdf.attach("x") $x$ *A* <b>&amp; \\ [B] "C" {number}'
    invoice = CASES["credit note over all"]
    odd = invoice.model_copy(update={"buyer": invoice.buyer.model_copy(update={"name": name}), "reason": name})
    assert _packed(name) in text_of(typesetter.pdf(odd, xml(odd))[0])


# --- CSV, figures, the press --------------------------------------------------------------------------------------


def test_the_table_reads_back_as_the_lines_that_were_issued() -> None:
    invoice = CASES["a correction that takes back"]
    odd = invoice.lines[0].text.model_copy(update={"de": 'Paket "Silber"; groß,\nneu'})
    invoice = invoice.model_copy(
        update={"lines": (invoice.lines[0].model_copy(update={"text": odd}), *invoice.lines[1:])}
    )
    written = table(invoice)
    rows = list(csv.DictReader(StringIO(written.decode(), newline="")))
    assert tuple(rows[0]) == COLUMNS
    assert written.count(b"\r\n") == len(invoice.lines) + 1
    assert rows[0]["text_de"] == 'Paket "Silber"; groß,\nneu'
    assert [row["amount"] for row in rows] == [figures.decimal(line.amount_cents) for line in invoice.lines]
    assert "-13.50" in [row["amount"] for row in rows]
    assert [row["corrects_month"] for row in rows if row["corrects_month"]] == ["2026-02"]
    assert {row["tax_rate_percent"] for row in rows} == {"19.00"}
    assert table(invoice) == written


@pytest.mark.parametrize(
    ("cents", "machines", "german", "english"),
    [
        (0, "0.00", "0,00", "0.00"),
        (-5, "-0.05", "−0,05", "−0.05"),
        (123_456_789, "1234567.89", "1.234.567,89", "1,234,567.89"),
        (-100_000, "-1000.00", "−1.000,00", "−1,000.00"),
    ],
)
def test_amounts_are_written_from_whole_cents(cents: int, machines: str, german: str, english: str) -> None:
    assert (figures.decimal(cents), figures.money(cents, "de"), figures.money(cents, "en")) == (
        machines,
        german,
        english,
    )


@pytest.mark.parametrize(
    ("first", "last", "german", "english"),
    [
        ("2026-03-01", "2026-03-31", "01.03.–31.03.2026", "1–31 Mar 2026"),
        ("2026-02-01", "2026-03-31", "01.02.–31.03.2026", "1 Feb – 31 Mar 2026"),
        ("2020-12-01", "2026-03-31", "01.12.2020–31.03.2026", "1 Dec 2020 – 31 Mar 2026"),
        ("2026-03-15", "2026-03-15", "15.03.2026", "15 Mar 2026"),
    ],
)
def test_periods_leave_out_what_is_said_twice(first: str, last: str, german: str, english: str) -> None:
    begin, end = date.fromisoformat(first), date.fromisoformat(last)
    assert figures.days(begin, end, "de") == german
    assert figures.days(begin, end, "en").replace("\N{NO-BREAK SPACE}", " ") == english


def test_the_press_hands_out_nothing_that_is_not_valid(child: ProcessPoolExecutor) -> None:
    invoice = CASES["Germany"]
    good = child.submit(press.press, invoice.model_dump_json()).result()
    assert isinstance(good, press.Pressed)
    assert good.files["xml"] == xml(invoice)
    assert good.files["pdf"].startswith(b"%PDF-1.7")
    seller = invoice.seller.model_copy(update={"country": "XQ"})
    bad = child.submit(press.press, invoice.model_copy(update={"seller": seller}).model_dump_json()).result()
    assert isinstance(bad, press.Spoiled)
    assert any("country" in finding.lower() for finding in bad.findings)
