"""What every message may be made of: the base of its pieces, sentences in two languages, findings."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Detail = str | int | bool | None


class Part(BaseModel):
    """A piece of a message."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Text(Part):
    """A sentence for a customer, in both languages."""

    de: str
    en: str


class Finding(Part):
    """One reason. `details` holds the figures and names that the sentence speaks of."""

    code: str
    severity: Literal["error", "warning", "note"] = "error"
    text: Text
    details: dict[str, Detail] = Field(default={})
