"""Messages of mailbox, version 1, about how a mailbox treats spam (R32). Scores are tenths of a filter's points."""

from typing import Annotated, Self

from pydantic import Field, StrictBool, model_validator

from contracts.base import Part, Request, RequestPart
from contracts.values import MailAddress, SenderPattern

Tenths = Annotated[int, Field(strict=True, ge=1, le=1000, description="60 is a score of 6.0")]


class SpamTuning(RequestPart):
    """From which scores on mail is marked and refused, what becomes of marked mail, and whose mail is never spam."""

    junk_tenths: Tenths = Field(default=60, description="from this score on mail is marked as spam")
    reject_tenths: Tenths | None = Field(default=150, description="from this score on refused; None: never")
    to_junk: StrictBool = Field(default=True, description="marked mail goes into the junk folder, else into the inbox")
    allowed_senders: Annotated[tuple[SenderPattern, ...], Field(max_length=1000)] = ()

    @model_validator(mode="after")
    def _refuses_later_than_it_marks(self) -> Self:
        if self.reject_tenths is not None and self.reject_tenths <= self.junk_tenths:
            raise ValueError("reject_tenths must be above junk_tenths")
        return self


class TuneSpam(Request):
    """Set how a mailbox treats spam, all of it at once; None for the mail server's own ways (R32).

    It is kept whether or not the feature `spam_and_virus_protection` is on, and counts while it is.
    """

    address: MailAddress
    tuning: SpamTuning | None


class SpamView(Part):
    """How a mailbox treats spam; `active` while the feature is on."""

    active: bool
    junk_tenths: int
    reject_tenths: int | None
    to_junk: bool
    allowed_senders: tuple[str, ...]
