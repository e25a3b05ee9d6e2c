"""Messages of domain and mailbox, version 1, about changes of features: their undo, and their history (R31).

Both kinds of targets are undone like they are set: domains by way of the domain worker, mailboxes at once.
"""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from contracts.base import Fact, HandOver, Part, Request
from contracts.domain_v1 import DomainTarget, TargetResult
from contracts.mailbox_v1 import Addresses, FeatureState, TargetFeatures
from contracts.values import Channel, DomainName, MailAddress, PageSize

# --- requests ---------------------------------------------------------------------------------------------------


class UndoDomainFeatures(Request):
    """Put back, for each domain, what its latest change of features replaced; the undo of an undo does it again.

    If that change made mailboxes follow the domain, their own sets count again. What was set for a mailbox since then
    stays.
    """

    domains: Annotated[tuple[DomainName, ...], Field(min_length=1, max_length=100)]


class UndoMailboxFeatures(Request):
    """Put back, for each mailbox, what its latest change of features replaced; the undo of an undo does it again.

    If a domain-wide set has put an end to the mailbox's own set since, that was the latest change: it counts again.
    """

    addresses: Addresses


# --- hand-over --------------------------------------------------------------------------------------------------


class AdmittedFeatureUndo(HandOver):
    """domain -> mailbox: these domains have their former features; those refused are carried along for the answer."""

    request: UndoDomainFeatures
    admitted: tuple[DomainTarget, ...]
    refused: tuple[TargetResult, ...]


# --- fact -------------------------------------------------------------------------------------------------------


class FeaturesUndone(Fact):
    """An undo of features is done; each target answers for itself (R31)."""

    targets: tuple[TargetFeatures, ...]


# --- question and answer ----------------------------------------------------------------------------------------


class FeatureChange(Part):
    """One change of a target's features, with the request that led to it."""

    number: int = Field(description="of the change, increasing over all targets")
    target: str
    kind: Literal["set", "undo"]
    at: AwareDatetime
    request_id: UUID
    channel: Channel
    before: FeatureState
    after: FeatureState
    own_settings: int = Field(
        default=0, description="for a domain: how many mailboxes' own sets count since, or if negative no longer count"
    )


class AskFeatureHistory(Part):
    """How did a domain's or a mailbox's features come about? A mailbox's history has its domain's changes too."""

    target: MailAddress | DomainName
    before: Annotated[int, Field(strict=True, ge=1)] | None = Field(
        default=None, description="only changes with a smaller number"
    )
    limit: PageSize = 100


class FeatureHistoryAnswer(Part):
    """Changes, the latest first; `next` asks for those before. A target's history keeps its latest changes only."""

    changes: tuple[FeatureChange, ...]
    next: int | None
