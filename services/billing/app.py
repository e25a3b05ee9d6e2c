"""Wiring of billing: the handlers, and the settings that are its own."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.billing import pricing
from services.billing.handlers import HOUSE, service

__all__ = ["BillingSettings", "service"]


class BillingSettings(BaseSettings):
    """What the environment says to billing alone."""

    model_config = SettingsConfigDict(env_prefix="POSTKONTOR_", extra="ignore")

    catalogue_directory: Annotated[Path, Field(description="one TOML file per version of the price list")] = (
        pricing.SHIPPED
    )
    reservation_seconds: Annotated[int, Field(gt=0, description="how long the mailbox worker may act on it")] = 900
    release_grace_seconds: Annotated[int, Field(ge=60, description="how late its word may arrive")] = 86_400


async def use_settings(runtime: Any) -> None:
    """Read the price lists and the terms before the first message."""
    settings = BillingSettings()
    HOUSE.prices = pricing.load(settings.catalogue_directory)
    HOUSE.reservation_ttl = timedelta(seconds=settings.reservation_seconds)
    HOUSE.release_grace = timedelta(seconds=settings.release_grace_seconds)
    HOUSE.pool = runtime.pool


service.on_start.append(use_settings)
