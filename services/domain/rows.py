"""The aggregates: a name with all accounts' claims to it, and what is kept of an account. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from contracts.dnscheck_v1 import Attempt, MxAttempt, MxState
from contracts.domain_v1 import DomainState, ProofStanding, TransferState
from contracts.values import Feature

HOLDING: frozenset[DomainState] = frozenset({"verified", "active", "removing"})
PROVEN: frozenset[DomainState] = HOLDING | frozenset[DomainState](
    {"contested"}
)  # these have a proof that can go missing
SOUGHT: frozenset[DomainState] = frozenset({"claimed", "abandoned"})
WAITING: frozenset[DomainState] = SOUGHT | frozenset[DomainState]({"contested", "verified"})  # can become active yet
ENDED: frozenset[DomainState] = frozenset({"lost", "removed"})


@dataclass(frozen=True, slots=True)
class Transfer:
    """What a contested claim waits for, and until when: for an answer, or once granted, for its proof."""

    state: TransferState
    opened_at: datetime
    answer_by: datetime


@dataclass(frozen=True, slots=True)
class Yielding:
    """For which request, whose, and to which account a holder's domain is being given up."""

    request_id: UUID
    by: Literal["holder", "operator"]
    to: str


@dataclass(frozen=True, slots=True)
class Removal:
    """The removal of a domain with everything under it: when, and which requests it will end.

    The first request has begun it, others have moved the time; an account's closure may have done either without any.
    `keeping` says that mailbox was asked to stop.
    """

    deletes_at: datetime
    requests: tuple[UUID, ...] = ()
    by_closure: bool = False
    keeping: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """One account's claim to a name. A name claimed anew after it was lost or removed has a new id and token.

    `noes` are when the proof was found missing: the first two times that count, and the one that made it lapse.
    """

    domain: str
    account: str
    domain_id: UUID
    state: DomainState
    label: str
    token: str
    claimed_at: datetime
    updated_at: datetime
    old_tokens: tuple[str, ...] = ()
    password_hash: str | None = None
    features: tuple[Feature, ...] = ()
    former_features: tuple[Feature, ...] | None = None  # what the latest set replaced; None before the first
    last_attempt: Attempt | None = None
    resumed_at: datetime | None = None
    reminded_hours: int = 0
    proof: ProofStanding = "pending"
    noes: tuple[datetime, ...] = ()
    lapses_at: datetime | None = None
    transfer: Transfer | None = None
    yielding: Yielding | None = None
    removal: Removal | None = None
    mx: MxState = "unknown"
    mx_attempt: MxAttempt | None = None
    verified_at: datetime | None = None
    activated_at: datetime | None = None
    revision: int = 1

    @property
    def record_name(self) -> str:
        """Return where the proof is looked for."""
        return f"{self.label}.{self.domain}"

    @property
    def record_value(self) -> str:
        """Return what proves the claim."""
        return f"token={self.token}"

    @property
    def sought_since(self) -> datetime:
        """Return since when the proof is looked for without a pause."""
        return self.resumed_at or self.claimed_at

    @property
    def at_gate(self) -> Literal["open", "waiting", "closed"]:
        """Tell whether addresses can be made under the domain: now, once something has happened yet, or no more."""
        if self.state == "active":
            return "waiting" if self.proof == "lapsed" else "open"
        return "waiting" if self.state in WAITING else "closed"

    @property
    def is_granted(self) -> bool:
        """Tell whether the name is free for this claimant, whose proof is looked for once more."""
        return self.transfer is not None and self.transfer.state == "granted"


@dataclass(frozen=True, slots=True)
class Name:
    """A domain name with every account's claim to it, at most one per account."""

    domain: str
    claims: tuple[Claim, ...] = ()

    def of(self, account: str) -> Claim | None:
        """Return the account's claim, whatever became of it."""
        return next((claim for claim in self.claims if claim.account == account), None)

    def standing(self, account: str) -> Claim | None:
        """Return the account's claim unless the account has given it up."""
        claim = self.of(account)
        return None if claim is None or claim.state == "removed" else claim

    def holder(self) -> Claim | None:
        """Return the claim that holds the name."""
        return next((claim for claim in self.claims if claim.state in HOLDING), None)

    def claimants(self) -> tuple[Claim, ...]:
        """Return the claims that were proven while another held the name, the eldest transfer first."""
        contested = (claim for claim in self.claims if claim.transfer is not None)
        return tuple(sorted(contested, key=lambda claim: (claim.transfer and claim.transfer.opened_at, claim.account)))

    def granted(self) -> Claim | None:
        """Return the claim that the name, held by nobody, is kept free for."""
        return next((claim for claim in self.claims if claim.is_granted), None)

    def having(self, *changed: Claim) -> "Name":
        """Return the name with these claims in place of their accounts' former ones."""
        if all(self.of(claim.account) is claim for claim in changed):
            return self
        accounts = {claim.account for claim in changed}
        return replace(self, claims=(*(claim for claim in self.claims if claim.account not in accounts), *changed))


@dataclass(frozen=True, slots=True)
class Account:
    """What this worker keeps of an account, from billing's facts."""

    account_id: str
    state: str
    package: str
    self_service: bool
    revision: int


@dataclass(frozen=True, slots=True)
class Closure:
    """An account that is being closed, as far as its domains are concerned.

    `total` is how many it had when that began; `told` is what was last told to be left, and when.
    """

    account: str
    closure_id: UUID
    closes_at: datetime
    phase: Literal["closing", "vacated", "reopened"] = "closing"
    total: int | None = None
    told_left: int | None = None
    told_at: datetime | None = None


def changed(claim: Claim, now: datetime, **values: object) -> Claim:
    """Return the claim one revision on."""
    return replace(claim, updated_at=now, revision=claim.revision + 1, **values)  # pyright: ignore[reportArgumentType]
