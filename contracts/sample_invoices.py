"""The pieces of the golden messages about invoices: one invoice and its credit note, all invented."""

from datetime import date

from contracts import invoicing_v1 as invoicing
from contracts.base import Text
from contracts.billing_v1 import VatCheck
from contracts.refusals import refuse
from contracts.sample_parts import ACCOUNT, AT, CAUSE, HOLDER, REQUEST

NUMBER, CREDIT_NUMBER = "RE-2026-000001", "RK-2026-000001"
SELLER = invoicing.Party(
    name="Postkontor Beispiel GmbH", street="Kai 1", postcode="20457", city="Hamburg", country="DE",
    vat_id="DE136695976", tax_number="22/815/0815", email="rechnung@postkontor.example", phone="+49 40 5550100",
    register_entry="Amtsgericht Hamburg HRB 123456", legal_note="Geschäftsführerin: Wiebke Petersen",
)  # fmt: skip
BUYER = invoicing.Party(
    name="Nordwind Segel GmbH", street="Hafenstraße 7", postcode="24103", city="Kiel", country="DE",
    vat_id="DE123456789", email="rechnung@nordwind-segel.de", phone="+49 431 5550100",
)  # fmt: skip
PACKAGE = invoicing.InvoiceLine(
    line=1, sku="package.silver", text=Text(de="Servicepaket Silber", en="Service package Silver"),
    service_from=date(2026, 3, 1), service_to=date(2026, 3, 31), days=31, month_days=31, quantity=1,
    month_price_cents=2_500, price_cents=2_500, amount_cents=2_500, tax_category="S", tax_rate_basis_points=1_900,
    catalogue="2026-01", catalogue_line="package.silver", facts=(REQUEST,), facts_total=1,
)  # fmt: skip
OFFICE = PACKAGE.model_copy(
    update={
        "line": 2,
        "sku": "plan.office",
        "text": Text(de="Korrektur Februar 2026: Postfach Office", en="Correction February 2026: Mailbox Office"),
        "service_from": date(2026, 2, 1),
        "service_to": date(2026, 2, 28),
        "days": 28,
        "month_days": 28,
        "quantity": -1,
        "month_price_cents": 450,
        "price_cents": 450,
        "amount_cents": -450,
        "catalogue_line": "plan.office",
        "corrects": "2026-02",
    }
)
INVOICE = invoicing.Invoice(
    number=NUMBER, kind="invoice", type_code="380", account=ACCOUNT, period="2026-03", issued_on=date(2026, 4, 1),
    service_from=date(2026, 2, 1), service_to=date(2026, 3, 31), due_on=date(2026, 4, 15), language="de", seller=SELLER,
    buyer=BUYER, buyer_reference=ACCOUNT, lines=(PACKAGE, OFFICE), net_cents=2_050, tax_cents=390, gross_cents=2_440,
    pay_to=invoicing.PayTo(iban="DE02120300000000202051", bic="BYLADEM1001", holder="Postkontor Beispiel GmbH"),
    tax_groups=(invoicing.TaxGroup(category="S", rate_basis_points=1_900, net_cents=2_050, tax_cents=390),),
    tax_basis=invoicing.TaxBasis(
        rule="domestic", country="DE", postcode="24103", vat_id="DE123456789",
        vat_check=VatCheck(vat_id="DE123456789", valid=True, checked_on=date(2026, 3, 1), reference="WAPIAAAA"),
    ),
    ledger_revision=17,
)  # fmt: skip
CREDIT_NOTE = INVOICE.model_copy(
    update={
        "number": CREDIT_NUMBER,
        "kind": "credit_note",
        "type_code": "381",
        "issued_on": date(2026, 4, 9),
        "due_on": None,
        "service_from": date(2026, 3, 1),
        "preceding": invoicing.Preceding(number=NUMBER, issued_on=date(2026, 4, 1)),
        "reason": "Nachlass",
        "lines": (PACKAGE.model_copy(update={"price_cents": 500, "amount_cents": 500, "credits_line": 1}),),
        "tax_groups": (invoicing.TaxGroup(category="S", rate_basis_points=1_900, net_cents=500, tax_cents=95),),
        "net_cents": 500,
        "tax_cents": 95,
        "gross_cents": 595,
    }
)
SUMMARY = invoicing.InvoiceSummary(
    number=NUMBER, kind="invoice", period="2026-03", issued_on=date(2026, 4, 1), net_cents=2_050, tax_cents=390,
    gross_cents=2_440,
)  # fmt: skip
COUNTS = invoicing.RunCounts(invoiced=9_998, nothing_due=1, parked=1)
PARKED = refuse("address_missing", missing="street, city")
BEHIND = invoicing.LineFact(
    message_id=CAUSE,
    request_id=REQUEST,
    subject=f"evt.{ACCOUNT}.mailbox.mailbox-created.v1",
    at=AT,
    thing=HOLDER,
    text=Text(de="Tarif office, 4,50 € im Monat", en="plan office, EUR 4.50 a month"),
)
FILE = invoicing.InvoiceFile(
    media_type="text/xml",
    size=23,
    sha256="b631c3d007111f63e9e33a156ea3f126baf4a3d89d7bdbc78ab14a0f0bb853a2",
    content="PENyb3NzSW5kdXN0cnlJbnZvaWNlLz4=",
    next=None,
)
