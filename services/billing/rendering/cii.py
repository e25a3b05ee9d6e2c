"""An invoice -> EN 16931 as UN/CEFACT Cross Industry Invoice: the XML that is the original.

BT- and BG-numbers are those of EN 16931-1. Everything is taken from the frozen invoice and nothing is computed: what is
written is what was issued. Amounts go in as text made from whole cents; no float and no rounding on the way.
"""

from datetime import date
from typing import Any

from drafthorse.models.accounting import ApplicableTradeTax
from drafthorse.models.document import Document
from drafthorse.models.note import IncludedNote
from drafthorse.models.party import TaxRegistration
from drafthorse.models.payment import PaymentMeans, PaymentTerms
from drafthorse.models.tradelines import LineItem

from contracts.invoicing_v1 import Invoice, InvoiceLine, Party, TaxGroup
from services.billing.rendering.figures import decimal
from services.billing.rendering.words import sentence

EN_16931 = "urn:cen.eu:en16931:2017"
ONE = "C62"  # UN/ECE Recommendation 20: pieces
SEPA_TRANSFER = "58"  # UNTDID 4461
MAIL_SCHEME = "EM"  # of an electronic address (EAS): a mail address
VAT_ID, TAX_NUMBER = "VA", "FC"


def xml(invoice: Invoice) -> bytes:
    """Write an invoice or a credit note as XML. The same invoice gives the same bytes."""
    document: Any = Document()
    document.context.guideline_parameter.id = EN_16931
    _head(document.header, invoice)
    for line in invoice.lines:
        document.trade.items.add(_line(line, invoice))
    _agreement(document.trade.agreement, invoice)
    document.trade.delivery.event.occurrence = invoice.service_to  # BT-72
    _settlement(document.trade.settlement, invoice)
    return bytes(document.serialize(schema=None))


def _head(header: Any, invoice: Invoice) -> None:
    header.id = invoice.number  # BT-1
    header.type_code = invoice.type_code  # BT-3
    header.issue_date_time = invoice.issued_on  # BT-2
    if invoice.preceding is not None:  # "Gutschrift" alone would mean self-billing (§ 14 (2) UStG)
        note = IncludedNote()  # BT-22
        note.content = sentence(
            "corrects", invoice.language, number=invoice.preceding.number, reason=invoice.reason or ""
        )
        header.notes.add(note)


# --- who ----------------------------------------------------------------------------------------------------------


def _agreement(agreement: Any, invoice: Invoice) -> None:
    agreement.buyer_reference = invoice.buyer_reference  # BT-10
    _seller(agreement.seller, invoice.seller)
    _party(agreement.buyer, invoice.buyer)
    agreement.buyer.id = invoice.account  # BT-46


def _seller(node: Any, seller: Party) -> None:
    _party(node, seller)
    if seller.register_entry is not None:
        node.legal_organization.id = seller.register_entry  # BT-30
    elif seller.vat_id is None and seller.tax_number is not None:
        node.id = seller.tax_number  # BT-29: without a VAT id something else has to identify the seller (BR-CO-26)
    if seller.legal_note is not None:
        node.description = seller.legal_note  # BT-33
    if seller.tax_number is not None:
        _register(node, TAX_NUMBER, seller.tax_number)  # BT-32
    if seller.email is not None or seller.phone is not None:  # BG-6
        node.contact.department_name = seller.name
        if seller.phone is not None:
            node.contact.telephone.number = seller.phone
        if seller.email is not None:
            node.contact.email.address = seller.email


def _party(node: Any, party: Party) -> None:
    node.name = party.name  # BT-27, BT-44
    node.address.postcode = party.postcode
    node.address.line_one = party.street
    node.address.city_name = party.city
    node.address.country_id = party.country
    if party.email is not None:
        node.electronic_address.uri_ID = (MAIL_SCHEME, party.email)  # BT-34, BT-49
    if party.vat_id is not None:
        _register(node, VAT_ID, "".join(party.vat_id.split()))  # BT-31, BT-48


def _register(node: Any, scheme: str, number: str) -> None:
    registration = TaxRegistration()
    registration.id = (scheme, number)
    node.tax_registrations.add(registration)


# --- what ---------------------------------------------------------------------------------------------------------


def _line(line: InvoiceLine, invoice: Invoice) -> LineItem:
    node: Any = LineItem()
    node.document.line_id = str(line.line)  # BT-126
    node.product.seller_assigned_id = line.sku  # BT-155
    node.product.name = line.text.de if invoice.language == "de" else line.text.en  # BT-153
    node.agreement.net.amount = decimal(line.price_cents)  # BT-146
    node.delivery.billed_quantity = (str(line.quantity), ONE)  # BT-129
    settlement = node.settlement
    settlement.trade_tax.type_code = "VAT"
    settlement.trade_tax.category_code = line.tax_category  # BT-151
    if line.tax_category != "O":  # BR-O-05: not subject to VAT means no rate, not the rate 0
        settlement.trade_tax.rate_applicable_percent = decimal(line.tax_rate_basis_points)  # BT-152
    settlement.period.start = line.service_from  # BT-134
    settlement.period.end = line.service_to  # BT-135
    settlement.monetary_summation.total_amount = decimal(line.amount_cents)  # BT-131
    return node


# --- how much -----------------------------------------------------------------------------------------------------


def _settlement(settlement: Any, invoice: Invoice) -> None:
    settlement.currency_code = invoice.currency  # BT-5
    settlement.payment_reference = invoice.number  # BT-83
    if invoice.pay_to is not None and invoice.kind == "invoice":
        settlement.payment_means.add(_payment_means(invoice))
    for group in invoice.tax_groups:
        settlement.trade_tax.add(_group(group, invoice))
    settlement.period.start = invoice.service_from  # BT-73
    settlement.period.end = invoice.service_to  # BT-74
    settlement.terms.add(_terms(invoice.due_on, invoice))
    _sums(settlement.monetary_summation, invoice)
    if invoice.preceding is not None:  # BG-3
        settlement.invoice_referenced_document.issuer_assigned_id = invoice.preceding.number
        settlement.invoice_referenced_document.issue_date_time = invoice.preceding.issued_on


def _payment_means(invoice: Invoice) -> PaymentMeans:
    assert invoice.pay_to is not None
    node: Any = PaymentMeans()
    node.type_code = SEPA_TRANSFER  # BT-81
    node.payee_account.iban = "".join(invoice.pay_to.iban.split())  # BT-84
    if invoice.pay_to.holder is not None:
        node.payee_account.account_name = invoice.pay_to.holder  # BT-85
    if invoice.pay_to.bic is not None:
        node.payee_institution.bic = invoice.pay_to.bic  # BT-86
    return node


def _terms(due_on: date | None, invoice: Invoice) -> PaymentTerms:
    node: Any = PaymentTerms()
    if due_on is None:
        node.description = sentence("is_credited", invoice.language)  # BT-20
    else:
        node.due = due_on  # BT-9
    return node


def _group(group: TaxGroup, invoice: Invoice) -> ApplicableTradeTax:
    node: Any = ApplicableTradeTax()
    node.calculated_amount = decimal(group.tax_cents)  # BT-117
    node.type_code = "VAT"
    node.basis_amount = decimal(group.net_cents)  # BT-116
    node.category_code = group.category  # BT-118
    if group.exemption_reason is not None:
        reason = group.exemption_reason
        node.exemption_reason = reason.de if invoice.language == "de" else reason.en  # BT-120
    if group.exemption_code is not None:
        node.exemption_reason_code = group.exemption_code  # BT-121
    if group.category != "O":
        node.rate_applicable_percent = decimal(group.rate_basis_points)  # BT-119
    return node


def _sums(sums: Any, invoice: Invoice) -> None:
    sums.line_total = decimal(invoice.net_cents)  # BT-106
    sums.tax_basis_total = (decimal(invoice.net_cents), None)  # BT-109
    sums.tax_total = (decimal(invoice.tax_cents), invoice.currency)  # BT-110
    sums.grand_total = (decimal(invoice.gross_cents), None)  # BT-112
    sums.due_amount = decimal(invoice.gross_cents)  # BT-115
