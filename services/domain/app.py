"""Wiring of domain: the handlers, and the settings that are its own."""

from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field, StringConstraints
from pydantic_settings import BaseSettings, SettingsConfigDict

from contracts.password_policy import PasswordPolicy
from services.domain import (
    entrance,
    handlers_bulks,
    handlers_features,
    handlers_forwarding,
    handlers_holds,
    handlers_removal,
    handlers_transfers,
    removal,
)
from services.domain.handlers import CHALLENGE, PASSWORDS, service

__all__ = [
    "DomainSettings",
    "handlers_bulks",
    "handlers_features",
    "handlers_forwarding",
    "handlers_holds",
    "handlers_removal",
    "handlers_transfers",
    "service",
]


class DomainSettings(BaseSettings, PasswordPolicy):  # pyright: ignore[reportIncompatibleVariableOverride] - a subtype
    """What the environment says to domain alone."""

    model_config = SettingsConfigDict(env_prefix="POSTKONTOR_", extra="ignore")

    deletion_grace_days: Annotated[
        int,
        Field(ge=0, le=365, description="in which a domain that goes with its mailboxes can be kept; mailbox's too"),
    ] = 14
    challenge_label: Annotated[str, StringConstraints(pattern=r"^_[a-z0-9-]{1,62}$")] = "_postkontor-challenge"
    bulk_window: Annotated[
        int, Field(ge=1, le=1000, description="items of an account's bulk files under way at a time")
    ] = 64
    hold_days: Annotated[
        int, Field(ge=1, le=60, description="that a request waits for its domain if it says so (R21)")
    ] = 14
    holds_per_account: Annotated[int, Field(ge=0, le=100_000, description="requests that may wait at a time")] = 10_000


async def use_settings(runtime: Any) -> None:
    """Prove new claims at the configured label; open ones keep the label they were told."""
    settings = DomainSettings()
    CHALLENGE.label = settings.challenge_label
    PASSWORDS.policy = settings
    handlers_bulks.use(runtime, settings.bulk_window)
    entrance.TERMS.patience = timedelta(days=settings.hold_days)
    entrance.TERMS.most = settings.holds_per_account
    removal.TERMS.grace = timedelta(days=settings.deletion_grace_days)
    handlers_holds.LOOK.pool = handlers_removal.LOOK.pool = runtime.pool


service.on_start.append(use_settings)
