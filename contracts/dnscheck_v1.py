"""Messages of dnscheck, version 1: what to look for, and what was seen.

"Absent", "wrong" and "could not ask" are three kinds and never share a word (R13).
"""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from contracts.base import Fact, HandOver, Part, Text
from contracts.values import DomainName

AttemptKind = Literal["confirmed", "not_yet", "could_not_ask"]
Facet = Literal["txt", "mx"]
MxState = Literal["ok", "missing", "foreign", "mixed", "incomplete", "null", "broken", "unknown"]


class Asked(Part):
    """One question and what came back."""

    name: str
    type: str
    server: str = Field(description="name of the name server, if known")
    address: str
    answer: str


class Attempt(Part):
    """One look for the TXT record, with its diagnosis (R13)."""

    kind: AttemptKind
    code: str
    text: Text
    expected_name: str
    expected_value: str
    seen: tuple[str, ...] = Field(
        default=(), description="at most 5 values of 100 characters, control characters escaped"
    )
    notes: tuple[str, ...] = Field(
        default=(), description="what was accepted although it was not as asked for: value_quoted, at_apex ..."
    )
    asked: tuple[Asked, ...] = ()
    checked_at: AwareDatetime
    elapsed_ms: int
    next_check_at: AwareDatetime | None = None


class MxRecord(Part):
    """An MX record."""

    preference: int
    host: str


class MxAttempt(Part):
    """One look at the MX records."""

    state: MxState
    code: str
    text: Text
    expected: tuple[MxRecord, ...] = Field(description="the records to set")
    seen: tuple[MxRecord, ...] = ()
    asked: tuple[Asked, ...] = ()
    checked_at: AwareDatetime
    elapsed_ms: int
    next_check_at: AwareDatetime | None = None


class WatchDomain(HandOver):
    """domain -> dnscheck: look at a facet of a domain, by schedule; with `request_id` also now, for that request."""

    domain_id: UUID
    domain: DomainName
    facet: Facet
    record_name: str = ""
    record_value: str = ""
    old_values: tuple[str, ...] = ()
    request_id: UUID | None = None


class UnwatchDomain(HandOver):
    """domain -> dnscheck: stop looking at a domain."""

    domain_id: UUID


class TxtChecked(Fact):
    """A look for the TXT record is done; `requests` are those that waited for it."""

    domain_id: UUID
    domain: str
    requests: tuple[UUID, ...]
    attempt: Attempt


class MxChecked(Fact):
    """A look at the MX records is done; `requests` are those that waited for it."""

    domain_id: UUID
    domain: str
    requests: tuple[UUID, ...]
    attempt: MxAttempt


class AskAttempts(Part):
    """What was looked for and seen lately?"""

    domain: DomainName
    limit: Annotated[int, Field(strict=True, ge=1, le=100)] = 10


class AttemptsAnswer(Part):
    """The latest looks, newest first."""

    txt: tuple[Attempt, ...]
    mx: tuple[MxAttempt, ...]
