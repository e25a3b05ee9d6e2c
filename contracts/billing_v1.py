"""Messages of billing, version 1: accounts, packages, plans, caps."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from contracts.base import Fact, HandOver, Part, Request, RequestPart, Text
from contracts.domain_v1 import ClaimDomain
from contracts.mailbox_v1 import AddAliases, ChangePlan, CreateGroup, CreateMailbox, SetForwardings
from contracts.values import (
    AccountId,
    Bytes,
    Cents,
    Country,
    Language,
    Line,
    MailAddress,
    PackageCode,
    PlanCode,
)

Count = Annotated[int, Field(strict=True, ge=0, le=10**9)]
AccountState = Literal["active", "suspended", "closing", "closed"]


# --- what an account is -------------------------------------------------------------------------------------------


class ContractTerms(RequestPart):
    """What a reseller contract says. A cap of None is unlimited, and has to be written (R3)."""

    price_cents: Cents
    mailboxes: Count | None
    alias_forwards: Count | None
    groups: Count | None
    plan_caps: dict[PlanCode, Count] = Field(default={})
    plan_prices: dict[PlanCode, Cents] = Field(default={})


class VatCheck(Part):
    """What the check of a VAT id said, kept as evidence."""

    vat_id: Line
    valid: bool
    checked_on: date
    reference: Line | None = Field(default=None, description="the consultation number")


class MasterData(Part):
    """Who the customer is (R1). An invoice needs the address."""

    company: Line
    vat_id: Line | None = None
    email: MailAddress
    payment_email: MailAddress | None = None
    phone: Line | None = None
    language: Language = "de"
    street: Line | None = None
    postcode: Line | None = None
    city: Line | None = None
    country: Country | None = None
    vat_check: VatCheck | None = None


class Capacity(Part):
    """One capped resource of an account: `mailbox`, `alias_forward`, `group`, or `plan.<code>` of a contract."""

    resource: str
    cap: Count | None = Field(description="None means unlimited")
    confirmed: Count
    reserved: Count


class AccountView(Part):
    """The public state of an account."""

    account: AccountId
    state: AccountState
    package: PackageCode
    package_price_cents: Cents
    self_service: bool = Field(description="False: managed over API and bus only (R3)")
    master_data: MasterData
    capacities: tuple[Capacity, ...]
    opened_at: AwareDatetime
    revision: int


# --- requests ---------------------------------------------------------------------------------------------------


class OpenAccount(Request):
    """Open an account (operator)."""

    package: PackageCode
    terms: ContractTerms | None = None
    company: Line
    vat_id: Line | None = None
    email: MailAddress
    payment_email: MailAddress | None = None
    phone: Line | None = None
    language: Language = "de"
    street: Line | None = None
    postcode: Line | None = None
    city: Line | None = None
    country: Country | None = None


class UpdateAccount(Request):
    """Change master data; what is not named stays."""

    company: Line | None = None
    vat_id: Line | None = None
    email: MailAddress | None = None
    payment_email: MailAddress | None = None
    phone: Line | None = None
    language: Language | None = None
    street: Line | None = None
    postcode: Line | None = None
    city: Line | None = None
    country: Country | None = None


class ChangePackage(Request):
    """Choose another package oneself; effective at once, refused while usage exceeds its caps (R3, R4)."""

    package: PackageCode


class AssignPackage(Request):
    """Assign a package (operator); `reseller` needs its contract terms."""

    package: PackageCode
    terms: ContractTerms | None = None


# --- hand-overs into billing ------------------------------------------------------------------------------------


class AdmittedMailbox(HandOver):
    """domain -> billing: the gate is open for this mailbox."""

    request: CreateMailbox
    domain_id: UUID


class AdmittedAliases(HandOver):
    """domain -> billing: every alias domain is active in this account."""

    request: AddAliases
    domain_ids: dict[str, UUID]


# --- hand-overs out of billing ----------------------------------------------------------------------------------


class PlanTerms(Part):
    """A plan as priced for one account at one time. Never infer a plan from a quota (R6)."""

    plan: PlanCode
    price_cents: Cents
    mail_bytes: Bytes
    cloud_bytes: Bytes
    groupware: bool
    catalogue: str = Field(description="version of the price list")


class Reservation(Part):
    """Room that billing keeps for one request.

    A holder is `<resource>/<thing>`, such as `mailbox/anna@nordwind-segel.de`; the reservation's id is the request's.
    """

    holders: tuple[str, ...]
    expires_at: AwareDatetime = Field(description="the owner must not act after this")


class AccountStanding(Part):
    """What other workers keep of an account."""

    state: AccountState
    package: PackageCode
    self_service: bool


class AcceptedClaim(HandOver):
    """billing -> domain: the account may claim a domain."""

    request: ClaimDomain
    standing: AccountStanding
    language: Language


class ReservedMailbox(HandOver):
    """billing -> mailbox: priced, and a seat is reserved."""

    request: CreateMailbox
    domain_id: UUID
    terms: PlanTerms
    reservation: Reservation


class PricedPlanChange(HandOver):
    """billing -> mailbox: the new plan's terms."""

    request: ChangePlan
    terms: PlanTerms
    reservation: Reservation


class ReservedAliases(HandOver):
    """billing -> mailbox: room for the aliases is reserved."""

    request: AddAliases
    domain_ids: dict[str, UUID]
    reservation: Reservation


class ReservedForwardings(HandOver):
    """billing -> mailbox: room for the forwardings is reserved."""

    request: SetForwardings
    reservation: Reservation


class ReservedGroup(HandOver):
    """billing -> mailbox: room for the group is reserved."""

    request: CreateGroup
    reservation: Reservation


# --- facts ------------------------------------------------------------------------------------------------------


class AccountOpened(Fact):
    """An account exists."""

    account: AccountView


class AccountUpdated(Fact):
    """Master data changed."""

    account: AccountView


class PackageChanged(Fact):
    """The account has another package, chosen or assigned."""

    account: AccountView
    previous_package: PackageCode


class CapacityReserved(Fact):
    """Room was set aside for a request."""

    request_id: UUID
    holders: tuple[str, ...]
    plan: PlanTerms | None = None
    expires_at: AwareDatetime
    capacities: tuple[Capacity, ...]


class CapacityConfirmed(Fact):
    """What was reserved is in use now; also when the use of a holder shrank."""

    request_id: UUID
    holders: tuple[str, ...]
    capacities: tuple[Capacity, ...]


class CapacityReleased(Fact):
    """Room is free again: the request was refused, the reservation expired, or the thing was deleted."""

    request_id: UUID
    holders: tuple[str, ...]
    reason: Literal["refused", "expired", "deleted"]
    capacities: tuple[Capacity, ...]


# --- questions and answers --------------------------------------------------------------------------------------


class AskAccount(Part):
    """What is this account?"""


class AccountAnswer(Part):
    """The account, or None when there is none of that id."""

    account: AccountView | None


class AskUsage(Part):
    """What does the account use, and what does a month cost?"""


class PlanUsage(Part):
    """Mailboxes of one plan at one price."""

    plan: PlanCode
    price_cents: Cents
    mailboxes: Count
    total_cents: Cents


class UsageAnswer(Part):
    """Use against caps, and the net sum of a whole month."""

    account: AccountId
    package: PackageCode
    package_price_cents: Cents
    capacities: tuple[Capacity, ...]
    plans: tuple[PlanUsage, ...]
    monthly_total_cents: Cents


class AskQuote(Part):
    """What would these mailboxes cost this account a month?"""

    plan: PlanCode
    quantity: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = 1


class QuoteAnswer(Part):
    """The price for the account, with the price list it stands in, or why there is none."""

    terms: PlanTerms | None
    quantity: Count
    total_cents: Cents | None
    room: Count | None = Field(description="mailboxes that still fit under the caps; None means unlimited")
    refusal: "RefusedQuote | None" = None


class RefusedQuote(Part):
    """Why no price can be given."""

    code: str
    text: Text


class AskCatalogue(Part):
    """Which plans and packages are there?"""

    on: date | None = None


class PlanOffer(Part):
    """A line of the plan table."""

    plan: PlanCode
    name: str
    price_cents: Cents
    mail_bytes: Bytes
    cloud_bytes: Bytes
    groupware: bool


class PackageOffer(Part):
    """A line of the package table. None means unlimited, or by contract where `by_contract` says so."""

    package: PackageCode
    name: Text
    by_contract: bool
    price_cents: Cents | None
    mailboxes: Count | None
    alias_forwards: Count | None
    groups: Count | None
    support: tuple[Text, ...]


class CatalogueAnswer(Part):
    """The price list in force on a day."""

    catalogue: str
    valid_from: date
    existing_from: date | None = Field(default=None, description="when it also replaces older prices; None is never")
    currency: Literal["EUR"] = "EUR"
    plans: tuple[PlanOffer, ...]
    packages: tuple[PackageOffer, ...]
