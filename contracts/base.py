"""The three kinds of message and what each may ignore."""

from pydantic import BaseModel, ConfigDict, Field

from contracts.parts import Part, Text
from contracts.trials import Trial

__all__ = ["Fact", "HandOver", "Part", "Request", "RequestPart", "Text"]


def _is_none(value: object) -> bool:
    return value is None


class Request(BaseModel):
    """An order from outside. An unknown field is refused: its sender would believe that it was obeyed."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class HandOver(BaseModel):
    """An order from one worker to the next. Only workers may publish it."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    trial: Trial | None = Field(
        default=None, exclude_if=_is_none, description="in dry runs: what the stations before have found"
    )


class Fact(BaseModel):
    """What has happened, public. Readers ignore fields that they do not know yet."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class RequestPart(BaseModel):
    """A piece of a request: as strict as the request."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
