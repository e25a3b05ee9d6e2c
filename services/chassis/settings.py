"""What the environment says. Every name begins with POSTKONTOR_."""

from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Settings that every worker has. A worker's own stand in its app.py."""

    model_config = SettingsConfigDict(env_prefix="POSTKONTOR_", extra="ignore")

    nats_url: str = "nats://127.0.0.1:4222"
    database_url: SecretStr = SecretStr("postgresql://127.0.0.1:5432/postkontor")
    partitions: Annotated[int, Field(ge=1, le=64, description="of the stream CMD; one number for the whole system")] = 4
    batch_size: Annotated[int, Field(ge=1, le=1000, description="messages per transaction at most")] = 256
    health_host: str = "127.0.0.1"
    health_port: Annotated[int, Field(ge=0, le=65535, description="0 switches the health endpoints off")] = 0
    log_level: str = "info"
    drain_seconds: Annotated[float, Field(gt=0, description="a stop takes this long at most")] = 20.0
