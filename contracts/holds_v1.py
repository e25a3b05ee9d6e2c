"""Messages of domain, version 1, about requests that wait until their domains are active (R21).

A parked request says `domain.request-parked` first, which is not its outcome (R40). It ends like every other request:
by the fact that it asks for, or by a refusal, `hold_expired` and `hold_cancelled` among them.
"""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from contracts.base import Fact, HandOver, Part, Request, Text
from contracts.refusals import Finding
from contracts.values import AccountId, DomainName, PageSize


class MayWait(Request):
    """A request that the gate lets pass only under active domains, and that may wait for them."""

    when_unverified: Literal["refuse", "hold"] = Field(
        default="refuse",
        description="what to do while a domain that the account has claimed is not active yet: refuse the request, or"
        " hold it until the domain is active",
    )


class HoldView(Part):
    """A parked request as its account sees it. Nothing of its secrets is shown."""

    account: AccountId
    request_id: UUID
    request_type: str
    address: str = Field(description="what it is about: an address, or the domain of a catch-all")
    domains: tuple[str, ...] = Field(description="in whose lines it stands; ten of them, if they are more")
    domain_count: int
    waits_for: tuple[str, ...] = Field(
        description="those that are not active, at most ten; none: earlier requests go first"
    )
    place: int = Field(description="grows in the order of arrival, within the account")
    parked_at: AwareDatetime
    deadline: AwareDatetime


class CancelHold(Request):
    """Take a parked request back; it ends as refused with `hold_cancelled`."""

    request_id: UUID


class SettleHolds(HandOver):
    """domain -> domain: what waits for this domain of the account can go on now, or has to end."""

    domain: DomainName


class RequestParked(Fact):
    """A request is accepted and waits; its outcome follows. `findings` say what each domain lacks and what to do."""

    hold: HoldView
    findings: tuple[Finding, ...] = Field(default=(), description="at most twenty")
    text: Text


class HoldCancelled(Fact):
    """A parked request was taken back. Its own outcome is a refusal."""

    request_id: UUID
    request_type: str
    address: str


class AskHolds(Part):
    """Which requests of the account are parked, in all or for a domain? Pages are keyed by the last place seen."""

    domain: DomainName | None = None
    after: Annotated[int, Field(strict=True, ge=0)] = 0
    limit: PageSize = 100


class HoldsAnswer(Part):
    """A page of parked requests in the order of their arrival; `next` asks for the following page."""

    holds: tuple[HoldView, ...]
    next: int | None
