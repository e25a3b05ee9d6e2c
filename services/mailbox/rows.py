"""The aggregates of this worker. Rows never change; decisions make new ones."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from contracts.mailbox_v1 import MailboxState
from contracts.removal_v1 import RemovalPhase
from contracts.values import Feature

Resumed = Literal["active", "suspended"]  # what a mailbox that is to be deleted was before
DomainKey = tuple[str, str]  # account and name: two accounts may have had a domain, each has its own row


@dataclass(frozen=True, slots=True)
class SpamTuning:
    """How a mailbox treats spam, in tenths of points."""

    junk_tenths: int
    reject_tenths: int | None
    to_junk: bool
    allowed_senders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A mailbox. A deleted one stays as a row: its address has a revision to go on from.

    One that is to be deleted goes at `deletes_at`, or is had back in the state `resumes_as`.
    `own_features` is None where the mailbox follows its domain; they were set in the domain's `own_epoch`, and count
    if the domain's own sets count from then on.
    `new_password_hash` is written and never read back.
    """

    address: str
    account: str
    domain: str
    first_name: str
    last_name: str
    state: MailboxState
    plan: str
    price_cents: int
    mail_bytes: int
    cloud_bytes: int
    groupware: bool
    catalogue: str
    created_at: datetime
    updated_at: datetime
    revision: int
    aliases: tuple[str, ...] = ()
    forwardings: tuple[str, ...] = ()
    keep_copy: bool = True
    own_features: tuple[Feature, ...] | None = None
    own_epoch: int = 0
    blocked_senders: tuple[str, ...] = ()
    spam: SpamTuning | None = None
    password_set_at: datetime | None = None  # None: with the mailbox
    password_change_by: datetime | None = None  # of a requirement of its own
    deleted_at: datetime | None = None
    deletes_at: datetime | None = None
    resumes_as: Resumed | None = None
    new_password_hash: str | None = field(default=None, repr=False)

    @property
    def owned(self) -> tuple[str, ...]:
        """Return the addresses that nobody else can have."""
        return () if self.state == "deleted" else (self.address, *self.aliases)


@dataclass(frozen=True, slots=True)
class Tally:
    """What stands under a domain. `own_settings` counts the mailboxes that do not follow the domain's features.

    `toggled_settings` are the own sets that the domain's latest change has stopped or made count again: by so many its
    undo changes `own_settings`.
    """

    mailboxes: int = 0
    aliases: int = 0
    own_settings: int = 0
    toggled_settings: int = 0


@dataclass(frozen=True, slots=True)
class FormerSet:
    """What a domain's latest change replaced, and what its undo puts back."""

    features: tuple[Feature, ...] | None
    counts_from: int


@dataclass(frozen=True, slots=True)
class Domain:
    """An account's domain as far as mailboxes are concerned; the gate is the domain worker's.

    `features` is None until they were set once. `epoch` counts the sets that all mailboxes had to follow; mailboxes'
    own sets count if they were made in the epoch `counts_from` or later, which is an earlier one again after an undo.
    The tally is written with the mailboxes it counts, see store: `stored` is what the stored mailboxes would give.
    """

    account: str
    domain: str
    domain_id: UUID
    state: Literal["open", "removing", "closed"] = "open"
    features: tuple[Feature, ...] | None = None
    epoch: int = 0
    counts_from: int = 0
    former: FormerSet | None = None
    password_change_by: datetime | None = None  # of passwords set before `passwords_required_at`
    passwords_required_at: datetime | None = None
    revision: int = 1
    tally: Tally = Tally()
    stored: Tally = Tally()

    @property
    def toggled_epochs(self) -> range:
        """Return the epochs whose own sets an undo stops or makes count again."""
        ends = sorted((self.counts_from, self.former.counts_from if self.former else self.counts_from))
        return range(*ends)


@dataclass(frozen=True, slots=True)
class Removal:
    """A domain that goes with everything under it: what is done next, and how far that has come.

    `total` is what stood under it when that began, `scheduled` how many of its mailboxes wait for its day alone.
    `after` is the last address that the phase has worked on. `marked` are addresses that this batch has scheduled: they
    are written and never read back.
    """

    account: str
    domain: str
    domain_id: UUID
    request_id: UUID
    phase: RemovalPhase
    deletes_at: datetime
    total: Tally
    scheduled: int = 0
    after: str = ""
    portions: int = 0
    told_at: datetime | None = None
    keep_request_id: UUID | None = None
    marked: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Ownership:
    """Who has an address, or who had it last and keeps it from others until `free_at`.

    `mailbox` is the address itself or the mailbox it is an alias of; None where the address only forwards. A catch-all
    is had like an address, as `@nordwind-segel.de`.
    """

    address: str
    account: str
    mailbox: str | None
    free_at: datetime | None = None
    since: datetime | None = None  # of one that is written


@dataclass(frozen=True, slots=True)
class ForwardOnly:
    """An address that only forwards. A deleted one stays as a row, without targets: its revision goes on from there."""

    address: str
    account: str
    domain: str
    targets: tuple[str, ...]
    created_at: datetime
    updated_at: datetime
    revision: int
    deleted_at: datetime | None = None

    @property
    def owned(self) -> tuple[str, ...]:
        """Return the addresses that nobody else can have."""
        return (self.address,) if self.deleted_at is None else ()


@dataclass(frozen=True, slots=True)
class CatchAlls:
    """Which mailbox receives what nobody else in a domain does, by domain: all of an account, one aggregate.

    So a mailbox that goes takes them along although its deletion does not name them. `revision` numbers the changes.
    """

    account: str
    revision: int
    by_domain: Mapping[str, str]
    changed_at: datetime | None = None  # in this batch

    @property
    def owned(self) -> dict[str, str]:
        """Return the mailboxes by what nobody else can have."""
        return {f"@{domain}": mailbox for domain, mailbox in self.by_domain.items()}


@dataclass(frozen=True, slots=True)
class Group:
    """A groupware group."""

    name: str
    members: tuple[str, ...]
    revision: int


@dataclass(frozen=True, slots=True)
class Groups:
    """All groups of an account, one aggregate: a mailbox that goes must leave groups that its request does not name.

    `revision` numbers the changes of the whole, so that a group made anew under an old name continues upwards.
    """

    account: str
    revision: int
    by_name: Mapping[str, Group]


@dataclass(frozen=True, slots=True)
class Account:
    """What this worker keeps of an account, from billing's facts."""

    account_id: str
    state: str
    package: str
    self_service: bool
    revision: int
