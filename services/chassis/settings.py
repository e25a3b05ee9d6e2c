"""What the environment says. Every name begins with POSTKONTOR_.

What is secret may stand in files instead, one for each setting and named like it, in lower case, in the directory that
POSTKONTOR_SECRETS_DIR names: a cluster mounts secrets as files, which no process listing and no crash report shows.
"""

import os
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SecretsSettingsSource, SettingsConfigDict

SECRETS_DIRECTORY = "POSTKONTOR_SECRETS_DIR"


class WithSecrets(BaseSettings):
    """Settings of which some may come as files. The environment goes before them."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return where settings are looked for, the first that has one counts."""
        directory = os.environ.get(SECRETS_DIRECTORY)
        files = (SecretsSettingsSource(settings_cls, secrets_dir=directory),) if directory else ()
        return init_settings, env_settings, *files


class Settings(WithSecrets):
    """Settings that every worker has. A worker's own stand in its app.py."""

    model_config = SettingsConfigDict(env_prefix="POSTKONTOR_", extra="ignore")

    nats_url: str = "nats://127.0.0.1:4222"
    nats_seed: Annotated[Path | None, Field(description="a file with the nkey seed that the bus knows us by")] = None
    nats_identity: Annotated[str, Field(description="our name there; by default the seed file's, without .nk")] = ""
    nats_ca: Annotated[Path | None, Field(description="PEM: who may sign the bus's certificate; none: no TLS")] = None
    nats_cert: Annotated[Path | None, Field(description="PEM: our own certificate, if the bus asks for one")] = None
    nats_key: Annotated[Path | None, Field(description="PEM: the key of that certificate")] = None
    database_url: SecretStr = SecretStr("postgresql://127.0.0.1:5432/postkontor")
    batch_size: Annotated[int, Field(ge=1, le=1000, description="messages per transaction at most")] = 256
    health_host: str = "127.0.0.1"
    health_port: Annotated[int, Field(ge=0, le=65535, description="0 switches the health endpoints off")] = 0
    log_level: str = "info"
    drain_seconds: Annotated[float, Field(gt=0, description="a stop takes this long at most")] = 20.0
