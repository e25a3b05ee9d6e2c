"""Wiring of domain: the handlers, and the settings that are its own."""

from typing import Annotated, Any

from pydantic import StringConstraints
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.domain import handlers_transfers
from services.domain.handlers import CHALLENGE, service

__all__ = ["DomainSettings", "handlers_transfers", "service"]


class DomainSettings(BaseSettings):
    """What the environment says to domain alone."""

    model_config = SettingsConfigDict(env_prefix="POSTKONTOR_", extra="ignore")

    challenge_label: Annotated[str, StringConstraints(pattern=r"^_[a-z0-9-]{1,62}$")] = "_postkontor-challenge"


async def use_settings(runtime: Any) -> None:
    """Prove new claims at the configured label; open ones keep the label they were told."""
    CHALLENGE.label = DomainSettings().challenge_label


service.on_start.append(use_settings)
