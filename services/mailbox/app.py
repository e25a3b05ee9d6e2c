"""Wiring of mailbox: the handlers, and the settings that are its own."""

from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from contracts.password_policy import PasswordPolicy
from services.mailbox import (
    handlers,
    handlers_backups,
    handlers_care,
    handlers_deletion,
    handlers_features,
    handlers_forwarding,
    handlers_groups,
    handlers_privacy,
    handlers_removal,
    queries,
)
from services.mailbox.handlers_deletion import LOOK
from services.mailbox.terms import TERMS

service = handlers.service

__all__ = [
    "MailboxSettings",
    "handlers_backups",
    "handlers_care",
    "handlers_deletion",
    "handlers_features",
    "handlers_forwarding",
    "handlers_groups",
    "handlers_privacy",
    "handlers_removal",
    "queries",
    "service",
]


class MailboxSettings(BaseSettings, PasswordPolicy):  # pyright: ignore[reportIncompatibleVariableOverride] - a subtype
    """What the environment says to mailbox alone."""

    model_config = SettingsConfigDict(env_prefix="POSTKONTOR_", extra="ignore")

    deletion_grace_days: Annotated[
        int, Field(ge=0, le=365, description="in which a deleted mailbox can be had back, unless its request says else")
    ] = 14
    quarantine_days: Annotated[
        int, Field(ge=1, le=3650, description="in which no other account can have a deleted address")
    ] = 30
    backup_days: Annotated[int, Field(ge=1, le=6, description="that a backup is kept")] = 6
    backup_deletion_hours: Annotated[
        int, Field(ge=1, le=720, description="in which the mail store confirms that a backup is gone")
    ] = 24
    restore_answer_hours: Annotated[
        int, Field(ge=1, le=720, description="in which the mail store answers a restore")
    ] = 24
    feature_history: Annotated[
        int, Field(ge=1, le=10_000, description="changes of features kept of each domain and mailbox")
    ] = 50


async def use_settings(runtime: Any) -> None:
    """Set the terms; addresses that are in quarantine already keep the time they were told."""
    settings = MailboxSettings()
    TERMS.deletion_grace = timedelta(days=settings.deletion_grace_days)
    TERMS.quarantine = timedelta(days=settings.quarantine_days)
    TERMS.backups_kept = timedelta(days=settings.backup_days)
    TERMS.backup_deletion = timedelta(hours=settings.backup_deletion_hours)
    TERMS.restore_answer = timedelta(hours=settings.restore_answer_hours)
    TERMS.feature_changes = settings.feature_history
    TERMS.passwords = settings
    LOOK.pool = runtime.pool


service.on_start.append(use_settings)
