"""Accounts and packages: what an account is, what it may ask for, and which package fits it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from contracts.billing_v1 import AccountState, ContractTerms, OpenAccount, PackageOffer, UpdateAccount, VatCheck
from contracts.invoicing_v1 import HOUSE, RecordVatCheck
from contracts.refusals import Finding, Refusal, finding, refusal, refuse
from contracts.values import Language
from services.billing.capacity import ALIAS_FORWARD, GROUP, MAILBOX, PLAN, Counter, Room, exceeded, recapped, touched
from services.billing.pricing import PriceList

RESELLER = "reseller"


@dataclass(frozen=True, slots=True)
class Account:
    """A business customer (R1), the price of its package as agreed, and its individual plan prices.

    The caps of its package stand in the counters of its room. Account and room share one count of revisions, so that
    of any two facts about the account the one with the higher revision is the newer.
    """

    account_id: str
    state: AccountState
    package: str
    package_price_cents: int
    catalogue: str
    company: str
    email: str
    language: Language
    opened_at: datetime
    revision: int
    vat_id: str | None = None
    payment_email: str | None = None
    phone: str | None = None
    street: str | None = None
    postcode: str | None = None
    city: str | None = None
    country: str | None = None
    vat_check: VatCheck | None = None
    plan_prices: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def self_service(self) -> bool:
        """Return whether the customer may also use the console (R3)."""
        return self.package != RESELLER


def admitted(account: Account | None, account_id: str, channel: str) -> Account | Refusal:
    """Return the account if it may request anything over this channel now."""
    if account is None:
        return refuse("account_unknown", account=account_id)
    if account.state != "active":
        return refuse("account_not_active", state=account.state)
    if channel == "console" and not account.self_service:
        return refuse("reseller_api_only")
    return account


def assignable(account: Account | None, account_id: str) -> Account | Refusal:
    """Return the account if the operator may assign it a package: also while it is suspended."""
    if account is None:
        return refuse("account_unknown", account=account_id)
    return refuse("account_not_active", state=account.state) if account.state in ("closing", "closed") else account


def open_account(
    existing: Account | None, account_id: str, order: OpenAccount, prices: PriceList, now: datetime
) -> tuple[Account, Room] | Refusal:
    """Open an account with an empty room of its package's size."""
    if account_id.partition("-")[0] == HOUSE:
        return refuse("account_reserved", account=account_id)
    if existing is not None and existing.state == "closed":  # its invoices stay, and nobody else may be taken for it
        return refuse("account_closed", account=account_id)
    if existing is not None:
        return refuse("account_exists", account=account_id)
    offer = _with_terms(order.package, order.terms, prices)
    if isinstance(offer, Refusal):
        return offer
    room = recapped(Room({}, 0), _caps(offer, order.terms))
    account = Account(
        account_id=account_id,
        state="active",
        package=order.package,
        package_price_cents=_price(offer, order.terms),
        catalogue=prices.version,
        company=order.company,
        vat_id=order.vat_id,
        email=order.email,
        payment_email=order.payment_email,
        phone=order.phone,
        street=order.street,
        postcode=order.postcode,
        city=order.city,
        country=order.country,
        language=order.language,
        opened_at=now,
        revision=room.revision,
        plan_prices=_plan_prices(order.terms),
    )
    return account, room


def update_account(account: Account, room: Room, order: UpdateAccount) -> tuple[Account, Room]:
    """Change master data; what is not named stays."""
    room = touched(room)
    changed = replace(
        account,
        company=order.company or account.company,
        vat_id=order.vat_id or account.vat_id,
        email=order.email or account.email,
        payment_email=order.payment_email or account.payment_email,
        phone=order.phone or account.phone,
        street=order.street or account.street,
        postcode=order.postcode or account.postcode,
        city=order.city or account.city,
        country=order.country or account.country,
        language=order.language or account.language,
        revision=room.revision,
    )
    return changed, room


def record_vat_check(account: Account, room: Room, order: RecordVatCheck) -> tuple[Account, Room] | Refusal:
    """Keep what the check of the account's VAT id said."""
    if account.vat_id != order.vat_id:
        return refuse("vat_id_differs", vat_id=account.vat_id or "-")
    room = touched(room)
    check = VatCheck(vat_id=order.vat_id, valid=order.valid, checked_on=order.checked_on, reference=order.reference)
    return replace(account, vat_check=check, revision=room.revision), room


def change_package(account: Account, room: Room, package: str, prices: PriceList) -> tuple[Account, Room] | Refusal:
    """Give the account the package that its customer chose (R3, R4)."""
    offer = prices.packages.get(package)
    if offer is None:
        return _unknown_package(package, [code for code, offer in prices.packages.items() if not offer.by_contract])
    if offer.by_contract:
        return refuse("reseller_not_self_service")
    if package == account.package:
        return refuse("package_unchanged", package=package)
    return _fitted(account, room, offer, None, prices)


def assign_package(
    account: Account, room: Room, package: str, terms: ContractTerms | None, prices: PriceList
) -> tuple[Account, Room] | Refusal:
    """Give the account the package that the operator assigns; of a contract also new terms alone (R3, R4)."""
    offer = _with_terms(package, terms, prices)
    if isinstance(offer, Refusal):
        return offer
    if package == account.package and not offer.by_contract:
        return refuse("package_unchanged", package=package)
    return _fitted(account, room, offer, terms, prices)


def _with_terms(package: str, terms: ContractTerms | None, prices: PriceList) -> PackageOffer | Refusal:
    """Return the package if its terms are there, as they must be for a contract and must not be otherwise."""
    offer = prices.packages.get(package)
    if offer is None:
        return _unknown_package(package, list(prices.packages))
    if offer.by_contract and terms is None:
        return refuse("contract_terms_missing")
    if terms is None:
        return offer
    if not offer.by_contract:
        return refuse("contract_terms_not_applicable", package=package)
    unknown = sorted({*terms.plan_caps, *terms.plan_prices} - set(prices.plans))
    return prices.unknown_plan(unknown[0]) if unknown else offer


def _fitted(
    account: Account, room: Room, offer: PackageOffer, terms: ContractTerms | None, prices: PriceList
) -> tuple[Account, Room] | Refusal:
    changed, room = repackaged(account, room, offer, terms, prices)
    too_small = exceeded(room)
    if too_small:
        return refusal(*(_too_small(offer.package, name, counter) for name, counter in too_small.items()))
    return changed, room


def repackaged(
    account: Account, room: Room, offer: PackageOffer, terms: ContractTerms | None, prices: PriceList
) -> tuple[Account, Room]:
    """Return the account as it would be with a package, whether or not its use fits into that."""
    room = recapped(room, _caps(offer, terms))
    changed = replace(
        account,
        package=offer.package,
        package_price_cents=_price(offer, terms),
        catalogue=prices.version,
        plan_prices=_plan_prices(terms),
        revision=room.revision,
    )
    return changed, room


def _caps(offer: PackageOffer, terms: ContractTerms | None) -> dict[str, int | None]:
    size = offer if terms is None else terms
    caps: dict[str, int | None] = {
        MAILBOX: size.mailboxes,
        ALIAS_FORWARD: size.alias_forwards,
        GROUP: size.groups,
    }
    plan_caps = {} if terms is None else terms.plan_caps
    return caps | {PLAN + plan: cap for plan, cap in plan_caps.items()}


def _price(offer: PackageOffer, terms: ContractTerms | None) -> int:
    price = offer.price_cents if terms is None else terms.price_cents
    assert price is not None, f"the package {offer.package} has neither a list price nor terms"
    return price


def _plan_prices(terms: ContractTerms | None) -> dict[str, int]:
    return {} if terms is None else dict(terms.plan_prices)


def _unknown_package(package: str, known: list[str]) -> Refusal:
    return refuse("package_unknown", package=package, known=", ".join(known))


def _too_small(package: str, resource: str, counter: Counter) -> Finding:
    return finding(
        "package_too_small",
        package=package,
        resource=resource,
        used=counter.confirmed,
        reserved=counter.reserved,
        allowed=counter.cap,
        excess=counter.confirmed + counter.reserved - (counter.cap or 0),
    )
