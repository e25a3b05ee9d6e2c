"""Messages of mailbox, version 1: mailboxes, aliases, forwardings, features, blocked senders, groups."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field, StrictBool

from contracts import groups_v1 as groups
from contracts.base import Fact, Part, Request
from contracts.holds_v1 import MayWait
from contracts.leaving import Leaving
from contracts.refusals import Refusal
from contracts.spam_v1 import SpamView
from contracts.values import (
    AccountId,
    Bytes,
    Cents,
    DomainName,
    Feature,
    Features,
    MailAddress,
    PageSize,
    PasswordHash,
    PersonName,
    PlanCode,
    SenderPattern,
)

# Groups have a module of their own; they are found here too.
AskGroups = groups.AskGroups
CreateGroup = groups.CreateGroup
DeleteGroup = groups.DeleteGroup
GroupCreated = groups.GroupCreated
GroupDeleted = groups.GroupDeleted
GroupMembersSet = groups.GroupMembersSet
GroupsAnswer = groups.GroupsAnswer
GroupView = groups.GroupView
SetGroupMembers = groups.SetGroupMembers

MailboxState = Literal["active", "suspended", "deleting", "deleted"]
FeatureOrigin = Literal["mailbox", "domain", "default"]
Addresses = Annotated[tuple[MailAddress, ...], Field(min_length=1, max_length=1000)]


class OwnFeatures(Part):
    """What was last set for a mailbox itself, and in which epoch of its domain: it counts from `counts_from` on."""

    on: Features
    epoch: int


class FeatureState(Part):
    """Which features are on, and whose setting that is: the mailbox's own, its domain's, or nobody's (R31)."""

    on: Features
    origin: FeatureOrigin
    own: OwnFeatures | None = Field(
        default=None, description="a mailbox's own set, whether or not it counts at present"
    )


class MailboxView(Part):
    """The public state of a mailbox. It holds no password and no hash."""

    account: AccountId
    address: str
    domain: str
    first_name: str
    last_name: str
    state: MailboxState
    plan: PlanCode
    price_cents: Cents
    mail_bytes: Bytes
    cloud_bytes: Bytes
    groupware: bool
    catalogue: str
    aliases: tuple[str, ...]
    forwardings: tuple[str, ...]
    keep_copy: bool = Field(description="forwarded mail is also kept in the inbox")
    features: FeatureState
    blocked_senders: tuple[str, ...]
    created_at: AwareDatetime
    deletes_at: AwareDatetime | None = Field(default=None, description="while deleting: gone from then on")
    deleted_at: AwareDatetime | None = None
    spam: SpamView | None = Field(default=None, description="how it treats spam, if not as the mail server does")
    password_set_at: AwareDatetime | None = None
    password_change_by: AwareDatetime | None = Field(
        default=None, description="from then on no login until the password is changed"
    )
    revision: int


# --- requests ---------------------------------------------------------------------------------------------------


class CreateMailbox(MayWait):
    """Make a mailbox under an active domain of the account (R20)."""

    address: MailAddress
    first_name: PersonName
    last_name: PersonName
    plan: PlanCode
    password_hash: PasswordHash | None = Field(
        default=None, repr=False, description="only a dry run may leave it out, which then lists it as missing"
    )


class RenamePerson(Request):
    """Change the name of the mailbox's person; the address stays."""

    address: MailAddress
    first_name: PersonName
    last_name: PersonName


class SetMailboxPassword(Request):
    """Set the mailbox's password, as a hash (R25)."""

    address: MailAddress
    password_hash: PasswordHash = Field(repr=False)


class ChangePlan(Request):
    """Put the mailbox on another plan; billing prices it (R26)."""

    address: MailAddress
    plan: PlanCode


class AddAliases(MayWait):
    """Give a mailbox more addresses; they count against the pooled cap (R23)."""

    address: MailAddress
    aliases: Annotated[tuple[MailAddress, ...], Field(min_length=1, max_length=1000)]


class RemoveAliases(Request):
    """Take addresses away."""

    address: MailAddress
    aliases: Annotated[tuple[MailAddress, ...], Field(min_length=1, max_length=1000)]


class SetForwardings(Request):
    """Forward a mailbox's mail to these addresses, and to no others; the empty list ends forwarding (R23)."""

    address: MailAddress
    targets: Annotated[tuple[MailAddress, ...], Field(max_length=1000)]
    keep_copy: StrictBool = True


class SetMailboxFeatures(Request):
    """Set the features of mailboxes: what is named is on, all else off (R31). None follows the domain again."""

    addresses: Addresses
    features: Features | None


class BlockSenders(Request):
    """Refuse mail from these senders for this mailbox: addresses, or domains written `@example.com` (R32)."""

    address: MailAddress
    senders: Annotated[tuple[SenderPattern, ...], Field(min_length=1, max_length=1000)]


class UnblockSenders(Request):
    """Take senders off the mailbox's list."""

    address: MailAddress
    senders: Annotated[tuple[SenderPattern, ...], Field(min_length=1, max_length=1000)]


class SuspendMailbox(Request):
    """Stop logins and delivery; nothing is deleted."""

    address: MailAddress


class ReactivateMailbox(Request):
    """End a suspension."""

    address: MailAddress


class DeleteMailbox(Leaving):
    """Delete a mailbox with all that belongs to it, after a grace unless a day is named or none is wanted (R26).

    Until then it is as if suspended, keeps everything, and can be had back. Then its addresses are in quarantine.
    Again with a day, or at once, it moves the day.
    """

    address: MailAddress


class UndeleteMailbox(Request):
    """Have a mailbox back that is to be deleted, as it was before."""

    address: MailAddress


# --- facts ------------------------------------------------------------------------------------------------------


class MailboxCreated(Fact):
    """A mailbox exists."""

    mailbox: MailboxView


class PersonRenamed(Fact):
    """The mailbox's person has another name."""

    mailbox: MailboxView


class MailboxPasswordSet(Fact):
    """The mailbox has another password."""

    mailbox: MailboxView


class PlanChanged(Fact):
    """The mailbox is on another plan."""

    mailbox: MailboxView
    previous_plan: PlanCode


class AliasesChanged(Fact):
    """The mailbox has other aliases."""

    mailbox: MailboxView


class ForwardingsSet(Fact):
    """The mailbox forwards to other addresses."""

    mailbox: MailboxView


class TargetFeatures(Part):
    """How one target of a feature request fared: its state now, or why not."""

    target: str
    features: FeatureState | None = None
    mailboxes: int | None = Field(default=None, description="for a domain: how many mailboxes follow it")
    refusal: Refusal | None = None
    revision: int | None = Field(default=None, description="of the mailbox, or of the domain's features")
    counts_from: int | None = Field(
        default=None, description="for a domain: from which epoch on mailboxes' own sets count"
    )


class FeaturesSet(Fact):
    """A feature request is done; each target answers for itself (R31)."""

    requested: tuple[Feature, ...] | None
    targets: tuple[TargetFeatures, ...]


class BlockedSendersChanged(Fact):
    """The mailbox blocks other senders."""

    mailbox: MailboxView


class SpamTuned(Fact):
    """The mailbox treats spam otherwise."""

    mailbox: MailboxView


class MailboxSuspended(Fact):
    """The mailbox takes and gives nothing."""

    mailbox: MailboxView


class MailboxReactivated(Fact):
    """The mailbox works again."""

    mailbox: MailboxView


class MailboxDeletionScheduled(Fact):
    """The mailbox will be deleted at `deletes_at`; until then it takes and gives nothing."""

    mailbox: MailboxView


class MailboxUndeleted(Fact):
    """The mailbox will not be deleted; it is as it was before."""

    mailbox: MailboxView


class MailboxDeleted(Fact):
    """The mailbox, its aliases and forwardings are gone."""

    mailbox: MailboxView


class DomainVacated(Fact):
    """Nothing stands under the domain any more; its removal can be finished."""

    domain: DomainName
    domain_id: UUID
    with_mailboxes: bool = Field(default=False, description="a removal with mailboxes has ended, not only a question")


class DomainOccupied(Fact):
    """The domain cannot be removed: mailboxes or aliases stand under it."""

    domain: DomainName
    domain_id: UUID
    mailboxes: int
    aliases: int = Field(description="with addresses that only forward, and the catch-all")


# --- questions and answers --------------------------------------------------------------------------------------


class AskMailbox(Part):
    """How does this mailbox stand?"""

    address: MailAddress


class MailboxAnswer(Part):
    """The mailbox, or None when the account has none of that address."""

    mailbox: MailboxView | None


class AskMailboxes(Part):
    """Which mailboxes does the account have? Pages are keyed by the last address seen."""

    domain: DomainName | None = None
    after: str = ""
    limit: PageSize = 100


class MailboxesAnswer(Part):
    """A page of mailboxes in the order of their addresses; `next` asks for the following page."""

    mailboxes: tuple[MailboxView, ...]
    next: str | None


class AskFeatures(Part):
    """Which features does each of these have, and from where? Domains or mailboxes."""

    domains: tuple[DomainName, ...] = ()
    addresses: tuple[MailAddress, ...] = ()


class FeaturesAnswer(Part):
    """One line per target asked for."""

    targets: tuple[TargetFeatures, ...]
