"""Messages of mailbox, version 1, about addresses without a mailbox: those that only forward, and catch-alls (R23).

Both take of the account's room for aliases and forwardings: an address as much as it has targets, a catch-all one.
"""

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field

from contracts.base import Fact, HandOver, Part, Request
from contracts.billing_v1 import Reservation
from contracts.holds_v1 import MayWait
from contracts.values import AccountId, DomainName, MailAddress, PageSize


class ForwardOnlyView(Part):
    """The public state of an address that only forwards."""

    account: AccountId
    address: str
    domain: str
    targets: tuple[str, ...]
    created_at: AwareDatetime
    deleted_at: AwareDatetime | None = None
    revision: int


class CatchAllView(Part):
    """Which mailbox receives what is sent to addresses of a domain that nobody has; None once that has ended."""

    account: AccountId
    domain: str
    mailbox: str | None
    revision: int


# --- requests ---------------------------------------------------------------------------------------------------


class SetForwardOnly(MayWait):
    """Forward an address that has no mailbox to these targets, and to no others; it is made if it is new (R23)."""

    address: MailAddress
    targets: Annotated[tuple[MailAddress, ...], Field(min_length=1, max_length=1000)]


class DeleteForwardOnly(Request):
    """Give an address up that only forwards; it is in quarantine then, as a mailbox's would be."""

    address: MailAddress


class SetCatchAll(MayWait):
    """Let a mailbox receive what is sent to addresses of the domain that nobody has, instead of any before (R23)."""

    domain: DomainName
    mailbox: MailAddress


class RemoveCatchAll(Request):
    """End the domain's catch-all: mail to addresses that nobody has is refused again."""

    domain: DomainName


# --- hand-overs -------------------------------------------------------------------------------------------------


class AdmittedForwardOnly(HandOver):
    """domain -> billing: the address's domain is active in the account."""

    request: SetForwardOnly
    domain_id: UUID


class ReservedForwardOnly(HandOver):
    """billing -> mailbox: room for the targets is reserved."""

    request: SetForwardOnly
    domain_id: UUID
    reservation: Reservation


class AdmittedCatchAll(HandOver):
    """domain -> billing: the domain is active in the account."""

    request: SetCatchAll
    domain_id: UUID


class ReservedCatchAll(HandOver):
    """billing -> mailbox: room for the catch-all is reserved."""

    request: SetCatchAll
    domain_id: UUID
    reservation: Reservation


# --- facts ------------------------------------------------------------------------------------------------------


class ForwardOnlyAdmitted(Fact):
    """The gate let a request pass."""

    request_id: UUID
    address: MailAddress
    domain_id: UUID


class CatchAllAdmitted(Fact):
    """The gate let a request pass."""

    request_id: UUID
    domain: DomainName
    domain_id: UUID


class ForwardOnlySet(Fact):
    """An address forwards to these targets."""

    forward_only: ForwardOnlyView


class ForwardOnlyDeleted(Fact):
    """An address forwards no longer and belongs to nobody."""

    forward_only: ForwardOnlyView


class CatchAllSet(Fact):
    """A mailbox receives what nobody else in the domain does."""

    catch_all: CatchAllView


class CatchAllRemoved(Fact):
    """The domain has no catch-all any more, be it that its mailbox is gone."""

    catch_all: CatchAllView


# --- questions and answers --------------------------------------------------------------------------------------


class AskForwardOnly(Part):
    """Which addresses of the account only forward? Pages are keyed by the last address seen."""

    after: str = ""
    limit: PageSize = 100


class ForwardOnlyAnswer(Part):
    """A page of addresses in their order; `next` asks for the following page."""

    addresses: tuple[ForwardOnlyView, ...]
    next: str | None


class AskCatchAlls(Part):
    """Which of the account's domains have a catch-all?"""

    after: str = ""
    limit: PageSize = 100


class CatchAllsAnswer(Part):
    """A page of catch-alls in the order of their domains."""

    catch_alls: tuple[CatchAllView, ...]
    next: str | None
