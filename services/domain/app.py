"""Wiring of domain: the handlers, and the settings that are its own."""

from typing import Annotated, Any

from pydantic import StringConstraints
from pydantic_settings import BaseSettings, SettingsConfigDict

from contracts.password_policy import PasswordPolicy
from services.domain import handlers_forwarding, handlers_transfers
from services.domain.handlers import CHALLENGE, PASSWORDS, service

__all__ = ["DomainSettings", "handlers_forwarding", "handlers_transfers", "service"]


class DomainSettings(BaseSettings, PasswordPolicy):  # pyright: ignore[reportIncompatibleVariableOverride] - a subtype
    """What the environment says to domain alone."""

    model_config = SettingsConfigDict(env_prefix="POSTKONTOR_", extra="ignore")

    challenge_label: Annotated[str, StringConstraints(pattern=r"^_[a-z0-9-]{1,62}$")] = "_postkontor-challenge"


async def use_settings(runtime: Any) -> None:
    """Prove new claims at the configured label; open ones keep the label they were told."""
    settings = DomainSettings()
    CHALLENGE.label = settings.challenge_label
    PASSWORDS.policy = settings


service.on_start.append(use_settings)
