"""The three kinds of message and what each may ignore."""

from pydantic import BaseModel, ConfigDict


class Request(BaseModel):
    """An order from outside. An unknown field is refused: its sender would believe that it was obeyed."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class HandOver(BaseModel):
    """An order from one worker to the next. Only workers may publish it."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Fact(BaseModel):
    """What has happened, public. Readers ignore fields that they do not know yet."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Part(BaseModel):
    """A piece of a message."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class RequestPart(BaseModel):
    """A piece of a request: as strict as the request."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Text(Part):
    """A sentence for a customer, in both languages."""

    de: str
    en: str
