"""Messages of domain, version 1: claims, proof, the domain password, activation, domain-wide features."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field, StrictBool

from contracts.base import Fact, HandOver, Part, Request, Text
from contracts.dnscheck_v1 import Attempt, MailAdvice, MxAttempt, MxState
from contracts.leaving import LeavingDomain
from contracts.refusals import Refusal
from contracts.values import AccountId, DomainName, Features, MailAddress, PageSize, PasswordHash

DomainState = Literal["claimed", "abandoned", "contested", "verified", "active", "removing", "lost", "removed"]
ProofStanding = Literal["pending", "held", "at_risk", "lapsed"]
TransferState = Literal["open", "disputed", "overdue", "granted"]
Side = Literal["holder", "claimant"]


class TxtRecord(Part):
    """The one record that proves a domain (R10). Registrars differ in which form of the name they want."""

    name: str = Field(description="fully qualified, without a trailing dot")
    name_in_zone: str = Field(description="relative to the domain; most registrars append the domain themselves")
    value: str
    ttl_seconds: int = 300
    zone_line: str
    instructions: Text


class TransferView(Part):
    """How a transfer of the domain stands (R15). The other side is never named."""

    role: Side = Field(description="of the account that sees this")
    state: TransferState = Field(
        description="open: the holder may answer; disputed, overdue: an operator decides;"
        " granted: the name is free for the claimant, whose proof is looked for once more"
    )
    opened_at: AwareDatetime
    answer_by: AwareDatetime = Field(description="the holder; once granted, the time that the name is kept free until")
    holder_proof: ProofStanding | None = Field(default=None, description="for the holder alone")
    claimant_proof: ProofStanding | None = Field(default=None, description="for the holder alone")
    text: Text


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
    proof: ProofStanding = "pending"
    proof_missing_since: AwareDatetime | None = None
    proof_lapses_at: AwareDatetime | None = Field(
        default=None, description="from then on a missing proof stops new mailboxes and aliases (R17)"
    )
    transfer: TransferView | None = Field(default=None, description="the eldest, if several accounts claim the domain")
    last_attempt: Attempt | None = None
    mx: MxState = "unknown"
    mx_attempt: MxAttempt | None = None
    claimed_at: AwareDatetime
    verified_at: AwareDatetime | None = None
    activated_at: AwareDatetime | None = None
    removes_at: AwareDatetime | None = Field(default=None, description="while removing with its mailboxes")
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


class CheckMailRecords(Request):
    """Look now at the other records that mail wants: SPF, DKIM, DMARC and the like. What comes of it is advice."""

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


class RemoveDomain(LeavingDomain):
    """Give a domain up, with everything under it if so asked; refused otherwise while it has mailboxes.

    With its mailboxes it goes after a grace, on a day, or at once. Until then it can be kept (`keep-domain`).
    """

    domain: DomainName


class AnswerTransfer(LeavingDomain):
    """Answer, as the holder, who else has proven the domain (R15).

    Consent gives the domain up, as a removal does; refused while it has mailboxes unless these shall go with it. An
    objection leaves the decision to an operator.
    """

    domain: DomainName
    consent: StrictBool


class DecideTransfer(LeavingDomain):
    """Decide, as the operator, who shall have the domain. The subject's account is the holder's.

    Decided for the claimant it is refused while the holder has mailboxes under it, unless these shall go with it.
    """

    domain: DomainName
    to: Side
    claimant: AccountId | None = Field(default=None, description="needed only where several accounts claim the domain")


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
    deletes_at: AwareDatetime | None = Field(default=None, description="delete what stands under it, then; None: ask")


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
    """Another account has the domain: it proved it first, or the operator decided so (R15). It is not named."""

    domain: DomainView


class DomainAtRisk(Fact):
    """The proof of a held domain is gone. The warning: what to restore, and from when new mailboxes stop (R17)."""

    domain: DomainView
    text: Text


class DomainLapsed(Fact):
    """The proof has been gone for long: no new mailboxes and aliases. Mail and data go on (R17)."""

    domain: DomainView
    text: Text


class DomainRecovered(Fact):
    """The proof is there again."""

    domain: DomainView
    previous: ProofStanding


class ClaimAbandoned(Fact):
    """Nobody looks for the proof any more; the same record counts when the claim is resumed (R12)."""

    domain: DomainView
    text: Text


class ProofReminder(Fact):
    """The proof is still missing, this many hours after the claim; `attempt` says what was seen."""

    domain: DomainView
    attempt: Attempt
    hours: int
    text: Text


class TransferOpened(Fact):
    """A domain that one account holds was proven by another (R15). Each of the two gets its own event."""

    domain: DomainView
    role: Side
    answer_by: AwareDatetime
    text: Text


class TransferDisputed(Fact):
    """The holder objects: an operator must decide. Each side gets its own event."""

    domain: DomainView
    role: Side
    text: Text


class TransferOverdue(Fact):
    """The holder has not answered in time: an operator must decide. Each side gets its own event."""

    domain: DomainView
    role: Side
    text: Text


class TransferClosed(Fact):
    """A transfer ends without the domain changing hands: withdrawn, or the claimant's proof is gone."""

    domain: DomainView
    role: Side
    reason: Literal["withdrawn", "proof_gone"]
    text: Text


class TransferAnswered(Fact):
    """The holder's answer counts. After a consent the domain is given up."""

    domain: DomainView
    consent: bool


class TransferDecided(Fact):
    """The operator's decision counts. Decided for the claimant, the holder's domain is given up."""

    domain: DomainView
    to: Side


class ValidationFinished(Fact):
    """A requested look for the TXT record is done. `verified` is about the domain, `attempt` about this look (R13)."""

    domain: DomainView
    verified: bool
    attempt: Attempt


class MxCheckFinished(Fact):
    """A requested look at the MX records is done."""

    domain: DomainView
    attempt: MxAttempt


class MailRecordsCheckFinished(Fact):
    """A requested look at the other records that mail wants is done."""

    domain: DomainView
    advice: MailAdvice


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
