"""Questions about chains of messages, version 1: every worker's part, and what decided a price or a cap.

A trail holds facts with their public data. Of requests and hand-overs it holds that they came and how they ended:
what they carry may be a password's hash, and no worker keeps it.
"""

from datetime import date
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AwareDatetime, Field, StringConstraints, model_validator

from contracts.base import Part, Text
from contracts.billing_v1 import Capacity, Count
from contracts.invoicing_v1 import LineFact
from contracts.refusals import Refusal
from contracts.values import Cents, MailAddress, PackageCode, PlanCode

MAX_MESSAGES = 200  # of one worker in one answer
MessageKind = Literal["request", "hand-over", "fact"]
FactName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,60}$")]
Resource = Annotated[str, StringConstraints(pattern=r"^[a-z_]+(\.[a-z][a-z0-9-]{1,30})?$", max_length=40)]


# --- what facts are about ---------------------------------------------------------------------------------------
# The keys that workers state facts under, for `AskTrail.about`.


def about_mailbox(address: str) -> str:
    """Name what mailbox's facts about a mailbox are about."""
    return f"mailbox/{address}"


def about_features(target: str) -> str:
    """Name what a set of features is about: its target, or the account where it has several."""
    return f"features/{target}"


def about_domain(domain_id: UUID) -> str:
    """Name what domain's and dnscheck's facts about a claim are about."""
    return str(domain_id)


def about_account(account: str) -> str:
    """Name what billing's facts about an account and its counters are about."""
    return account


# --- trails -----------------------------------------------------------------------------------------------------


class AskTrail(Part):
    """Which messages did this worker get and state? Name a request, one message, or what facts are about."""

    request_id: UUID | None = None
    message_id: UUID | None = Field(default=None, description="tells which request a received message belongs to")
    about: Annotated[str, StringConstraints(min_length=1, max_length=400)] | None = Field(
        default=None, description="the latest facts about a thing, such as `mailbox/anna@nordwind-segel.de`"
    )
    facts: Annotated[tuple[FactName, ...], Field(max_length=50)] = Field(
        default=(), description="with `about`: these facts only, such as `mailbox-created`"
    )
    limit: Annotated[int, Field(strict=True, ge=1, le=MAX_MESSAGES)] = MAX_MESSAGES

    @model_validator(mode="after")
    def _by_one_thing(self) -> Self:
        if sum(named is not None for named in (self.request_id, self.message_id, self.about)) > 1:
            raise ValueError("name one of request_id, message_id and about")
        return self


class TrailMessage(Part):
    """A message that a worker received or stated. The same message is `said` at one and `received` at others."""

    id: UUID
    request_id: UUID
    cause_id: UUID | None = Field(default=None, description="the message before; None for a request from outside")
    direction: Literal["received", "said"]
    kind: MessageKind
    type: str
    at: AwareDatetime = Field(description="when it was handled or stated here")
    text: Text = Field(description="what it says, in one sentence")
    fate: str | None = Field(default=None, description="of a received one: done, handed-over, refused, never")
    code: str | None = None
    refusal: Refusal | None = None
    revision: int | None = None
    data: dict[str, Any] | None = Field(
        default=None, description="a stated fact's public data; None also where the answer would grow too large"
    )


class TrailAnswer(Part):
    """One worker's part: of a request oldest first, of a thing newest first."""

    service: str
    messages: tuple[TrailMessage, ...]
    complete: bool = Field(description="False where there are more than were asked for, or than are looked through")
    kept_since: AwareDatetime = Field(description="what was stated before may be kept no longer")


# --- prices -----------------------------------------------------------------------------------------------------


class AskMailboxPrice(Part):
    """What does a mailbox cost a month, and what decided it?"""

    address: MailAddress


class MailboxPrice(Part):
    """What a mailbox is charged for this month if nothing changes, and the messages that this rests on."""

    address: MailAddress
    plan: PlanCode
    price_cents: Cents
    catalogue: str = Field(description="the price list that the price stands in; for a contract, the list of its time")
    line: str = Field(description="where it stands: `plan.office`, or `contract.plan.office` for an individual price")
    list_price_cents: Cents | None = Field(default=None, description="where the price is individual: the list's")
    agreed_catalogue: str = Field(description="the price list under which the plan was ordered")
    agreed_price_cents: Cents
    existing_from: date | None = Field(
        default=None, description="where a later list took the place of the agreed one: from when on"
    )
    decided_by: LineFact = Field(description="the fact that put the mailbox on this plan")
    contract: LineFact | None = Field(default=None, description="the request that set the individual price")


class MailboxPriceAnswer(Part):
    """The price, or None when nothing of that address is charged."""

    price: MailboxPrice | None


# --- caps -------------------------------------------------------------------------------------------------------


class AskCap(Part):
    """Why is this the cap of a resource: `mailbox`, `alias_forward`, `group` or `plan.<code>`?"""

    resource: Resource


class Cap(Part):
    """A counter with its cap, and the message that set it."""

    capacity: Capacity
    package: PackageCode
    package_cap: Count | None = Field(description="the package's own cap; None is unlimited, or by contract")
    catalogue: str
    by_contract: bool
    decided_by: LineFact | None = Field(default=None, description="what gave the account this cap")


class CapAnswer(Part):
    """The counter, or None when the account has none of that name."""

    cap: Cap | None
