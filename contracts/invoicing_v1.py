"""Messages of billing about invoices, version 1: runs, invoices, credit notes, and what they rest on.

An invoice carries what EN 16931 and § 14 UStG ask for, frozen: what renders it (XML, PDF) needs nothing else.
"""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field, StrictBool, StringConstraints

from contracts.base import Fact, HandOver, Part, Request, RequestPart, Text
from contracts.billing_v1 import Count, VatCheck
from contracts.refusals import Refusal
from contracts.values import HOUSE as HOUSE
from contracts.values import AccountId, Country, Language, Line, MailAddress, PageSize

MAX_FACTS = 5  # named on a line; the question AskInvoiceLine names all

Month = Annotated[str, StringConstraints(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]
InvoiceNumber = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9][A-Z0-9-]{2,29}$")]
SignedCents = Annotated[
    int, Field(strict=True, ge=-(10**12), le=10**12, description="EUR cents; below zero takes back")
]
LineNumber = Annotated[int, Field(strict=True, ge=1, le=10_000)]
TaxCategory = Literal["S", "AE", "O"]  # UNTDID 5305: standard rate, reverse charge, outside the scope
DocumentKind = Literal["invoice", "credit_note"]
FileFormat = Literal["xml", "pdf", "csv"]


# --- what an invoice is -------------------------------------------------------------------------------------------


class Party(Part):
    """Who sells or buys (BG-4, BG-7)."""

    name: Line
    street: Line
    postcode: Line
    city: Line
    country: Country
    vat_id: Line | None = Field(default=None, description="as it stands on the invoice; none with category O (BR-O-02)")
    tax_number: Line | None = None
    email: MailAddress | None = None
    phone: Line | None = None
    register_entry: Line | None = Field(default=None, description="in the commercial register (BT-30)")
    legal_note: Line | None = Field(default=None, description="what business letters have to say, such as who manages")


class PayTo(Part):
    """Where to pay (BG-17)."""

    iban: Line
    bic: Line | None = None
    holder: Line | None = None


class InvoiceLine(Part):
    """One line: so many of a thing at a price for a service period. Its amount is quantity times `price_cents`."""

    line: LineNumber
    sku: str = Field(description="`package.<code>` or `plan.<code>`")
    text: Text
    service_from: date
    service_to: date = Field(description="the last day, included")
    days: Count = Field(description="of one; on a line of many spans the sum over all")
    month_days: Count
    spans: Count = Field(default=1, description="stretches of days that the line joins, when they would be too many")
    quantity: int = Field(description="below zero on a correction that takes back")
    month_price_cents: SignedCents = Field(description="of one for a whole month")
    price_cents: SignedCents = Field(description="of one for the service period")
    amount_cents: SignedCents
    tax_category: TaxCategory
    tax_rate_basis_points: Annotated[int, Field(strict=True, ge=0, le=10_000, description="1900 is 19 %")]
    catalogue: str
    catalogue_line: str = Field(description="where the price stands: `plan.office`, or `contract.plan.office`")
    corrects: Month | None = Field(default=None, description="the month whose invoice was already issued")
    credits_line: LineNumber | None = Field(default=None, description="on a credit note: the line of the invoice")
    facts: tuple[UUID, ...] = Field(default=(), description=f"messages it rests on, {MAX_FACTS} at most")
    facts_total: Count = 0


class TaxGroup(Part):
    """One rate's sums (BG-23): tax is computed once on the group's net (BR-CO-17)."""

    category: TaxCategory
    rate_basis_points: Annotated[int, Field(strict=True, ge=0, le=10_000)]
    net_cents: SignedCents
    tax_cents: SignedCents
    exemption_code: str | None = None
    exemption_reason: Text | None = None


class TaxBasis(Part):
    """What the VAT was decided on, frozen with the invoice."""

    rule: str
    country: Country
    postcode: Line | None = None
    vat_id: Line | None = None
    vat_check: VatCheck | None = None
    special_area: str | None = None


class Preceding(Part):
    """The invoice that a credit note refers to (BG-3)."""

    number: InvoiceNumber
    issued_on: date


class Invoice(Part):
    """An invoice or a credit note, final. A credit note's amounts are positive (type 381)."""

    number: InvoiceNumber
    kind: DocumentKind
    type_code: Literal["380", "381"] = Field(description="UNTDID 1001")
    account: AccountId
    period: Month
    issued_on: date
    service_from: date
    service_to: date
    due_on: date | None = None
    currency: Literal["EUR"] = "EUR"
    language: Language
    seller: Party
    buyer: Party
    buyer_reference: Line
    pay_to: PayTo | None = None
    preceding: Preceding | None = None
    reason: Line | None = None
    lines: tuple[InvoiceLine, ...]
    tax_groups: tuple[TaxGroup, ...]
    net_cents: SignedCents
    tax_cents: SignedCents
    gross_cents: SignedCents
    tax_basis: TaxBasis
    ledger_revision: int = Field(description="the account's movements up to here are in it")


# --- requests -----------------------------------------------------------------------------------------------------


class RunInvoices(Request):
    """Issue every account's invoice for a month that is over (operator), addressed to the account `postkontor`.

    Again for the same month: accounts that have their invoice are left alone, parked ones are tried again.
    """

    period: Month


class CreditedLine(RequestPart):
    """How much of a line is given back, net."""

    line: LineNumber
    amount_cents: Annotated[int, Field(strict=True, gt=0, le=10**12)]


class CreditInvoice(Request):
    """Give back an invoice (operator): all that is left of it, or amounts of lines."""

    number: InvoiceNumber
    lines: Annotated[tuple[CreditedLine, ...], Field(max_length=1000)] = ()
    reason: Line


class RecordVatCheck(Request):
    """Write down what the check of an account's VAT id said (operator)."""

    vat_id: Line
    valid: StrictBool
    checked_on: date
    reference: Line | None = None


# --- hand-overs ---------------------------------------------------------------------------------------------------


class InvoicePart(HandOver):
    """billing -> billing: work through one partition's accounts, in its own lane."""

    period: Month
    part: Annotated[int, Field(strict=True, ge=0)]
    parts: Annotated[int, Field(strict=True, ge=1)]


# --- facts --------------------------------------------------------------------------------------------------------


class RunCounts(Part):
    """What this pass of a run did, in accounts. Those settled before are not counted again."""

    invoiced: Count
    nothing_due: Count
    parked: Count


class InvoiceRunProgress(Fact):
    """A piece of a run is done. Said of the account `postkontor`."""

    period: Month
    part: int
    parts: int
    counts: RunCounts


class InvoiceRunFinished(Fact):
    """Every account was looked at. Said of the account `postkontor`."""

    period: Month
    counts: RunCounts


class InvoiceFinalized(Fact):
    """An invoice is final: nothing of it will ever change."""

    invoice: Invoice


class CreditNoteIssued(Fact):
    """A credit note is final."""

    invoice: Invoice


class AccountParked(Fact):
    """An account has no invoice for a month yet, and why. The next run for the month tries again."""

    period: Month
    reason: Refusal


class LedgerDiffers(Fact):
    """Counters or holdings are not what the ledger says: an alarm for the operator. Of the account `postkontor`."""

    differences: Count
    examples: tuple[str, ...]


# --- questions and answers ----------------------------------------------------------------------------------------


class AskInvoices(Part):
    """Which invoices and credit notes does the account have? Newest first, in pages."""

    before: InvoiceNumber | None = Field(default=None, description="`next` of the page before")
    limit: PageSize = 50


class InvoiceSummary(Part):
    """A line of the list."""

    number: InvoiceNumber
    kind: DocumentKind
    period: Month
    issued_on: date
    net_cents: SignedCents
    tax_cents: SignedCents
    gross_cents: SignedCents


class ParkedMonth(Part):
    """A month without its invoice, and why."""

    period: Month
    reason: Refusal


class InvoicesAnswer(Part):
    """A page of invoices, and the months that wait for one."""

    invoices: tuple[InvoiceSummary, ...]
    next: InvoiceNumber | None
    parked: tuple[ParkedMonth, ...] = ()


class AskInvoice(Part):
    """Show one invoice."""

    number: InvoiceNumber


class InvoiceAnswer(Part):
    """The invoice, or None when the account has none of that number."""

    invoice: Invoice | None


class AskInvoiceLine(Part):
    """What does a line rest on? In pages."""

    number: InvoiceNumber
    line: LineNumber
    after: str | None = Field(default=None, description="`next` of the page before")
    limit: PageSize = 100


class LineFact(Part):
    """A message that a line rests on, and what it changed."""

    message_id: UUID
    request_id: UUID
    subject: str
    at: AwareDatetime
    thing: str = Field(description="`mailbox/<address>`, or `account`")
    text: Text


class InvoiceLineAnswer(Part):
    """The line, the facts behind it, and where the next page begins; no line when there is none of that number."""

    line: InvoiceLine | None
    facts: tuple[LineFact, ...] = ()
    next: str | None = None


class AskInvoiceFile(Part):
    """Hand an invoice over as a file, a piece at a time: EN 16931 as XML, PDF/A-3 with that XML, lines as CSV."""

    number: InvoiceNumber
    format: FileFormat
    offset: Annotated[int, Field(strict=True, ge=0, description="`next` of the piece before")] = 0


class InvoiceFile(Part):
    """A piece of a file. It is whole when `next` is None; `sha256` is of the whole."""

    media_type: str
    size: Count
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    content: Annotated[str, Field(description="base64")]
    next: int | None


class InvoiceFileAnswer(Part):
    """The file; none while it waits to be rendered (`issued`), or when there is no such invoice."""

    issued: bool
    file: InvoiceFile | None = None
    problem: str | None = Field(default=None, description="why rendering failed so far, for the operator; in English")
