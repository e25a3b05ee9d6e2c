"""Wiring of billing: the handlers, and the settings that are its own."""

from collections.abc import Collection
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from contracts.billing_v1 import CapacityReleased
from contracts.invoicing_v1 import AccountParked, LedgerDiffers, Party, PayTo
from services.billing import (
    announcing,
    handlers_closing,
    handlers_forwarding,
    handlers_invoices,
    handlers_news,
    handlers_packages,
    handlers_prices,
    handlers_quotes,
    measures,
    pricing,
    queries,
    reasons,
    store_invoices,
    store_prices,
)
from services.billing.charging.invoice import Seller
from services.billing.charging.months import day_of, month
from services.billing.handlers import HOUSE, service
from services.chassis.runtime import utc_now

__all__ = [
    "BillingSettings",
    "handlers_closing",
    "handlers_forwarding",
    "handlers_invoices",
    "handlers_news",
    "handlers_packages",
    "handlers_prices",
    "handlers_quotes",
    "queries",
    "reasons",
    "service",
]


class BillingSettings(BaseSettings):
    """What the environment says to billing alone."""

    model_config = SettingsConfigDict(env_prefix="POSTKONTOR_", extra="ignore")

    catalogue_directory: Annotated[Path, Field(description="one TOML file per version of the price list")] = (
        pricing.SHIPPED
    )
    price_notice_days: Annotated[
        int, Field(ge=0, le=366, description="that existing customers are told of new prices before these hold")
    ] = 42
    price_notice_waived: Annotated[
        str, Field(description="versions of the price list that may hold for existing customers sooner, with commas")
    ] = ""
    reservation_seconds: Annotated[int, Field(gt=0, description="how long the mailbox worker may act on it")] = 900
    quote_seconds: Annotated[int, Field(gt=0, le=31 * 86_400, description="how long a quote guarantees its price")] = (
        86_400
    )
    release_grace_seconds: Annotated[int, Field(ge=60, description="how late its word may arrive")] = 86_400
    deletion_grace_days: Annotated[
        int,
        Field(ge=0, le=365, description="in which an account's closure can be taken back; mailbox's and domain's too"),
    ] = 14
    seller_name: Annotated[str | None, Field(description="of the company that issues invoices")] = None
    seller_street: str | None = None
    seller_postcode: str | None = None
    seller_city: str | None = None
    seller_vat_id: Annotated[str | None, Field(description="German, such as DE136695976")] = None
    seller_tax_number: Annotated[str | None, Field(description="stands where no VAT id may (BR-O-02)")] = None
    seller_email: str | None = None
    seller_phone: str | None = None
    seller_register: Annotated[str | None, Field(description="such as Amtsgericht Hamburg HRB 123456")] = None
    seller_legal_note: Annotated[str | None, Field(description="such as the managing directors (§ 35a GmbHG)")] = None
    seller_iban: str | None = None
    seller_bic: str | None = None
    payment_days: Annotated[int, Field(ge=0, le=365, description="until an invoice is due")] = 14
    invoice_series: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{0,9}$")] = "RE"
    credit_note_series: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{0,9}$")] = "RK"
    invoice_automatically: Annotated[bool, Field(description="run for the last month from the 1st, 3:00, on")] = False
    invoice_chunk: Annotated[int, Field(ge=1, le=1000, description="accounts settled in one transaction")] = 50


# § 14 (4) UStG; an invoice of category O may not name the VAT id, so the tax number has to be there too.
SELLER_NEEDS = (
    "seller_name", "seller_street", "seller_postcode", "seller_city", "seller_vat_id", "seller_tax_number",
)  # fmt: skip


async def use_settings(runtime: Any) -> None:
    """Read the price lists and the terms before the first message."""
    settings = BillingSettings()
    lists = pricing.load(settings.catalogue_directory)
    async with runtime.pool.acquire() as connection:
        waived = {version.strip() for version in settings.price_notice_waived.split(",")}
        await publish(connection, lists, settings.price_notice_days, waived)
        for series in (settings.invoice_series, settings.credit_note_series):
            await store_invoices.add_series(connection, series)
    HOUSE.prices = lists
    HOUSE.reservation_ttl = timedelta(seconds=settings.reservation_seconds)
    HOUSE.quote_validity = timedelta(seconds=settings.quote_seconds)
    HOUSE.release_grace = timedelta(seconds=settings.release_grace_seconds)
    HOUSE.closure_grace = timedelta(days=settings.deletion_grace_days)
    HOUSE.pool, HOUSE.runtime = runtime.pool, runtime
    # Named as the operator writes them.
    HOUSE.seller_lacks = tuple(f"POSTKONTOR_{name.upper()}" for name in SELLER_NEEDS if not getattr(settings, name))
    HOUSE.seller = None if HOUSE.seller_lacks else _seller(settings)
    HOUSE.series, HOUSE.credit_series = settings.invoice_series, settings.credit_note_series
    HOUSE.invoice_automatically, HOUSE.invoices_at_once = settings.invoice_automatically, settings.invoice_chunk


async def publish(
    connection: Any, lists: pricing.PriceLists, notice_days: int = 42, waived: Collection[str] = ()
) -> None:
    """Remember the price lists.

    Raises BadPriceList for one that was changed, is gone, begins in a month already invoiced (R-C1), or changes
    customers' prices sooner than they can be told (R-C3).
    """
    last = await store_invoices.last_settled(connection)
    published = await store_invoices.published_lists(connection)
    problems = pricing.back_dated(lists, published, month(last).end if last else date.min)
    problems += announcing.vanished(lists, published)
    if await store_prices.has_customers(connection):
        problems += announcing.too_soon(lists, published, day_of(utc_now()), notice_days, waived)
    if problems:
        raise pricing.BadPriceList("; ".join(problems))
    await store_invoices.publish_lists(connection, lists)


def _seller(settings: BillingSettings) -> Seller:
    party = Party(
        name=settings.seller_name or "",
        street=settings.seller_street or "",
        postcode=settings.seller_postcode or "",
        city=settings.seller_city or "",
        country="DE",  # the VAT rules in charging/tax.py are those of a seller in Germany
        vat_id=settings.seller_vat_id,
        tax_number=settings.seller_tax_number,
        email=settings.seller_email,
        phone=settings.seller_phone,
        register_entry=settings.seller_register,
        legal_note=settings.seller_legal_note,
    )
    iban = settings.seller_iban
    pay_to = None if iban is None else PayTo(iban=iban, bic=settings.seller_bic, holder=settings.seller_name)
    return Seller(party, pay_to, settings.payment_days)


service.counts(CapacityReleased)(measures.count_released)
service.counts(AccountParked)(measures.count_parked)
service.counts(LedgerDiffers)(measures.count_differences)
service.on_start.append(use_settings)
