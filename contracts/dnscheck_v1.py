"""Messages of dnscheck, version 1: what to look for, and what was seen.

"Absent", "wrong" and "could not ask" are three kinds and never share a word (R13).
"""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from contracts.base import Fact, HandOver, Part, Text
from contracts.values import DomainName

AttemptKind = Literal["confirmed", "not_yet", "could_not_ask"]
Facet = Literal["txt", "mx", "advice"]
MxState = Literal["ok", "missing", "foreign", "mixed", "incomplete", "null", "broken", "unknown"]


AdviceTopic = Literal[
    "spf", "dkim", "dmarc", "mta_sts", "tls_rpt", "autoconfig", "autodiscover", "srv", "dane", "caa", "name_servers"
]
AdviceState = Literal["ok", "missing", "wrong", "weak", "unknown", "not_applicable"]


class Asked(Part):
    """One question and what came back."""

    name: str
    type: str
    server: str = Field(description="name of the name server, if known")
    address: str
    answer: str


class DnsProvider(Part):
    """Who runs a domain's DNS, known by its name servers, and how its records are set there."""

    key: str
    name: str
    trap: Text | None = Field(default=None, description="what the provider's form wants, where that is known")
    one_click: str | None = Field(
        default=None, description="host[/path] of the provider's Domain Connect API, as the zone names it"
    )


class Perspective(Part):
    """What another site's own look found."""

    site: str
    verdict: Literal["confirmed", "not_yet", "could_not_ask", "silent"]


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
    dnssec: Literal["secure", "insecure", "bogus", "unchecked"] = Field(
        default="unchecked",
        description="what a validating recursor said at the record's first proof; later looks repeat it",
    )
    perspectives: tuple[Perspective, ...] = Field(
        default=(), description="other sites that were asked, at the first proof only"
    )
    name_servers: tuple[str, ...] = Field(default=(), max_length=13, description="in charge, by the parent's word")
    zone_serial: int | None = None
    zone_changed_at: AwareDatetime | None = Field(
        default=None, description="when a look first saw this serial after another"
    )
    negative_ttl_seconds: int | None = Field(
        default=None, description="how long the rest of the Internet may remember that there was no such record"
    )
    provider: DnsProvider | None = None


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
    name_servers: tuple[str, ...] = Field(default=(), max_length=13, description="in charge, by the parent's word")
    zone_serial: int | None = None
    zone_changed_at: AwareDatetime | None = Field(
        default=None, description="when a look first saw this serial after another"
    )
    negative_ttl_seconds: int | None = Field(
        default=None, description="how long the rest of the Internet may remember that there was no such record"
    )
    provider: DnsProvider | None = None


class Advice(Part):
    """What was found at one of the names that mail uses, and what to set there. A topic may have several."""

    topic: AdviceTopic
    name: str = Field(description="where the record is or belongs")
    state: AdviceState
    code: str
    text: Text
    seen: tuple[str, ...] = Field(
        default=(), description="at most 5 values of 100 characters, control characters escaped"
    )
    records: tuple[str, ...] = Field(default=(), description="zone-file lines to set in place of what is there")


class MailAdvice(Part):
    """One look at the records that mail wants beside MX. It is advice: nothing is blocked by it."""

    items: tuple[Advice, ...]
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
    is_anew: bool = Field(default=False, description="what was proven before counts no more: search as for a new claim")


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


class AdviceChecked(Fact):
    """A look at the other records that mail wants is done; `requests` are those that waited for it."""

    domain_id: UUID
    domain: str
    requests: tuple[UUID, ...]
    advice: MailAdvice


class AskAttempts(Part):
    """What was looked for and seen lately?"""

    domain: DomainName
    limit: Annotated[int, Field(strict=True, ge=1, le=100)] = 10


class AttemptsAnswer(Part):
    """The latest looks, newest first."""

    txt: tuple[Attempt, ...]
    mx: tuple[MxAttempt, ...]
    advice: MailAdvice | None = Field(default=None, description="the latest only")
