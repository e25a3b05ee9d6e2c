"""Which VAT a customer is charged. The seller is in Germany and customers are businesses; what is unknown waits.

A decision is made from what stands in the account, and what it was made from is frozen with the invoice. Nothing is
ever guessed: a country that is missing, or a VAT id that nobody has checked, leaves the invoice undone.
"""

from dataclasses import dataclass
from datetime import date

from stdnum.eu import vat as eu_vat  # type: ignore[import-untyped]

from contracts.base import Text
from contracts.billing_v1 import VatCheck
from contracts.invoicing_v1 import TaxBasis, TaxCategory
from contracts.refusals import Refusal, refuse
from services.billing.charging.areas import COUNTED_AS, COUNTRIES, EU, VAT_PREFIX, special_area

HOME = "DE"
# The standard rate from a day on, in basis points; the end of the service period decides (§ 27 (1) UStG).
HOME_RATES = ((date(2007, 1, 1), 1900), (date(2020, 7, 1), 1600), (date(2021, 1, 1), 1900))

EXEMPTIONS: dict[TaxCategory, tuple[str, Text]] = {
    "AE": ("VATEX-EU-AE", Text(de="Steuerschuldnerschaft des Leistungsempfängers", en="Reverse charge")),
    "O": ("VATEX-EU-O", Text(de="Nicht im Inland steuerbare Leistung", en="Not subject to VAT")),
}


@dataclass(frozen=True, slots=True)
class Customer:
    """What the VAT depends on."""

    country: str | None
    postcode: str | None
    vat_id: str | None
    check: VatCheck | None


@dataclass(frozen=True, slots=True)
class Decision:
    """The category of all lines of an invoice, and what it was decided on."""

    category: TaxCategory
    basis: TaxBasis

    def rate(self, service_to: date) -> int:
        """Return the rate in basis points for a service that ended on a day."""
        if self.category != "S":
            return 0
        return [rate for begins, rate in HOME_RATES if begins <= service_to][-1]


def decide(customer: Customer) -> Decision | Refusal:
    """Decide the category, or say what is missing."""
    country = customer.country
    if country is None:
        return refuse("tax_pending", reason="country?")
    if country not in COUNTRIES:
        return refuse("tax_pending", reason=f"country {country}?")
    area = special_area(country, customer.postcode or "")
    if area is not None:
        return _decided("O", "special area outside the VAT territory", customer, area)
    place = COUNTED_AS.get(country, country)
    if place == HOME:
        return _decided("S", "domestic", customer)
    if place not in EU:
        return _decided("O", "third country", customer)
    return _in_the_union(customer, place)


def _in_the_union(customer: Customer, place: str) -> Decision | Refusal:
    if customer.vat_id is None:
        return _decided("S", "European Union, no VAT id", customer)
    compact = _compact(customer.vat_id)
    if compact[:2] != VAT_PREFIX.get(place, place):
        return refuse("tax_pending", reason=f"VAT id {compact}, country {place}?")
    if not eu_vat.is_valid(compact):
        return refuse("tax_pending", reason=f"VAT id {compact}: check digits?")
    check = customer.check
    if check is None or _compact(check.vat_id) != compact:
        return refuse("tax_pending", reason=f"VAT id {compact}: VIES?")
    if check.valid:
        return _decided("AE", "European Union, VAT id checked", customer)
    return _decided("S", "European Union, VAT id not valid", customer)


def _decided(category: TaxCategory, rule: str, customer: Customer, area: str | None = None) -> Decision:
    basis = TaxBasis(
        rule=rule,
        country=customer.country or "",
        postcode=customer.postcode,
        vat_id=customer.vat_id,
        vat_check=customer.check,
        special_area=area,
    )
    return Decision(category, basis)


def _compact(vat_id: str) -> str:
    return "".join(character for character in vat_id.upper() if character.isalnum())
