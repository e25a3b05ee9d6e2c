"""Messages of domain and mailbox, version 1: a domain that is given up with everything under it."""

from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from contracts.base import Fact, HandOver, Part, Request
from contracts.domain_v1 import DomainView
from contracts.values import DomainName

RemovalPhase = Literal["scheduling", "waiting", "emptying", "vacated", "restoring", "kept"]


class Removal(Part):
    """How far the removal of a domain with its mailboxes has come. `total` is what stood under it when it began.

    scheduling: its mailboxes are being scheduled; waiting: for the day; emptying: what stands under it is being
    deleted; restoring: it is kept, its mailboxes are being had back; vacated and kept are the two ends.
    """

    domain: DomainName
    domain_id: UUID
    phase: RemovalPhase
    deletes_at: AwareDatetime
    mailboxes_total: int
    mailboxes_left: int
    aliases_total: int = Field(description="with addresses that only forward, and the catch-all")
    aliases_left: int
    scheduled: int = Field(default=0, description="mailboxes that this removal has scheduled and not had back")
    portions: int = Field(default=0, description="worked on so far, since it began or its day was moved")


# --- requests -----------------------------------------------------------------------------------------------------


class KeepDomain(Request):
    """Take the removal of a domain back, as long as its day has not come; its mailboxes are as they were before.

    A mailbox whose deletion the customer had scheduled himself stays scheduled.
    """

    domain: DomainName


class DomainKeeping(HandOver):
    """domain -> mailbox: have the mailboxes of this domain back."""

    request: KeepDomain
    domain_id: UUID


# --- facts --------------------------------------------------------------------------------------------------------


class DomainRemovalStarted(Fact):
    """The removal of a domain with its mailboxes was accepted: so many will be gone from `deletes_at` on."""

    domain: DomainView
    deletes_at: AwareDatetime
    mailboxes: int
    aliases: int = Field(description="with addresses that only forward, and the catch-all")


class DomainKept(Fact):
    """The domain stays: its removal was taken back. It ends the request to keep it, and those that it takes back."""

    domain: DomainView


class DomainRemovalProgress(Fact):
    """How far a removal has come: at every new phase, and every few seconds."""

    removal: Removal


class DomainRestored(Fact):
    """Nothing under the domain is to be deleted by its removal any more; `mailboxes` were had back."""

    domain: DomainName
    domain_id: UUID
    mailboxes: int


# --- questions and answers ----------------------------------------------------------------------------------------


class AskRemoval(Part):
    """How far has the domain's removal come?"""

    domain: DomainName


class RemovalAnswer(Part):
    """The latest removal of the domain, or None where there was none; and what stands under the domain now."""

    removal: Removal | None
    mailboxes: int
    aliases: int
