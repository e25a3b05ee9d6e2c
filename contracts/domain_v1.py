"""Messages of domain, version 1: claims, proof, the domain password, activation, domain-wide features."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field, StrictBool

from contracts.base import Fact, HandOver, Part, Request, Text
from contracts.dnscheck_v1 import Attempt, MxAttempt, MxState
from contracts.refusals import Refusal
from contracts.values import AccountId, DomainName, Features, MailAddress, PageSize, PasswordHash

DomainState = Literal["claimed", "verified", "active", "removing", "lost", "contested", "removed"]


class TxtRecord(Part):
    """The one record that proves a domain (R10). Registrars differ in which form of the name they want."""

    name: str = Field(description="fully qualified, without a trailing dot")
    name_in_zone: str = Field(description="relative to the domain; most registrars append the domain themselves")
    value: str
    ttl_seconds: int = 300
    zone_line: str
    instructions: Text


class DomainView(Part):
    """The public state of a domain as its account sees it."""

    account: AccountId
    domain: str
    domain_unicode: str
    domain_id: UUID = Field(description="of this claim; a domain claimed anew has a new one")
    state: DomainState
    record: TxtRecord
    has_password: bool
    features: Features
    last_attempt: Attempt | None = None
    mx: MxState = "unknown"
    mx_attempt: MxAttempt | None = None
    claimed_at: AwareDatetime
    verified_at: AwareDatetime | None = None
    activated_at: AwareDatetime | None = None
    next_step: Text
    revision: int


# --- requests ---------------------------------------------------------------------------------------------------


class ClaimDomain(Request):
    """Claim a domain; the answer names the TXT record that proves it (R10). A domain password may come along (R14)."""

    domain: DomainName
    password_hash: PasswordHash | None = Field(default=None, repr=False)


class ValidateDomain(Request):
    """Look for the TXT record now (R12)."""

    domain: DomainName


class CheckMx(Request):
    """Look at the MX records now (R16)."""

    domain: DomainName


class SetDomainPassword(Request):
    """Set the domain's administrative login; a verified domain becomes active by it (R14)."""

    domain: DomainName
    password_hash: PasswordHash = Field(repr=False)


class SetDomainFeatures(Request):
    """Set the features of whole domains: what is named is on, all else off (R31).

    Mailboxes with features of their own follow the domain again, unless `keep_mailbox_settings`.
    """

    domains: Annotated[tuple[DomainName, ...], Field(min_length=1, max_length=200)]
    features: Features
    keep_mailbox_settings: StrictBool = False


class RemoveDomain(Request):
    """Give a domain up. Refused while it has mailboxes."""

    domain: DomainName


# --- hand-overs out of domain to mailbox ------------------------------------------------------------------------


class DomainTarget(Part):
    """One domain of a domain-wide request."""

    domain: str
    domain_id: UUID


class TargetResult(Part):
    """How one target of a request for several fared (R31)."""

    target: str
    refusal: Refusal | None = None


class AdmittedDomainFeatures(HandOver):
    """domain -> mailbox: these domains have the features now; those refused are carried along for the answer."""

    request: SetDomainFeatures
    admitted: tuple[DomainTarget, ...]
    refused: tuple[TargetResult, ...]


class DomainRemoval(HandOver):
    """domain -> mailbox: let go of this domain, or say what still stands under it."""

    request: RemoveDomain
    domain_id: UUID


# --- facts ------------------------------------------------------------------------------------------------------


class DomainClaimed(Fact):
    """A claim exists; the domain's record says how to prove it."""

    domain: DomainView


class DomainVerified(Fact):
    """The proof was seen."""

    domain: DomainView


class DomainActivated(Fact):
    """Mailboxes may be made under the domain now."""

    domain: DomainView


class DomainPasswordSet(Fact):
    """The domain has a password."""

    domain: DomainView


class DomainFeaturesChanged(Fact):
    """The domain's default features changed."""

    domain: DomainView


class DomainRemoved(Fact):
    """The account has given the domain up."""

    domain: DomainView


class ClaimLost(Fact):
    """Another account proved the domain first (R15). Nothing is said about the other account."""

    domain: DomainView


class TransferOpened(Fact):
    """A domain that one account holds was proven by another (R15). Each of the two gets its own event."""

    domain: str
    domain_id: UUID
    role: Literal["holder", "claimant"]
    text: Text


class ValidationFinished(Fact):
    """A requested look for the TXT record is done. `verified` is about the domain, `attempt` about this look (R13)."""

    domain: DomainView
    verified: bool
    attempt: Attempt


class MxCheckFinished(Fact):
    """A requested look at the MX records is done."""

    domain: DomainView
    attempt: MxAttempt


class MxChanged(Fact):
    """The state of a domain's MX records changed."""

    domain: DomainView
    previous: MxState


class MailboxAdmitted(Fact):
    """The gate let a request pass."""

    request_id: UUID
    address: MailAddress
    domain_id: UUID


class AliasesAdmitted(Fact):
    """The gate let aliases pass: every alias domain is active in this account."""

    request_id: UUID
    address: MailAddress
    aliases: tuple[MailAddress, ...]


# --- questions and answers --------------------------------------------------------------------------------------


class AskDomain(Part):
    """How does this domain stand?"""

    domain: DomainName


class DomainAnswer(Part):
    """The domain, or None when the account has none of that name."""

    domain: DomainView | None


class AskDomains(Part):
    """Which domains does the account have? Pages are keyed by the last name seen."""

    after: str = ""
    limit: PageSize = 100


class DomainsAnswer(Part):
    """A page of domains in the order of their names; `next` asks for the following page."""

    domains: tuple[DomainView, ...]
    next: str | None
