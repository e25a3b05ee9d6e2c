"""What happens to the claims of a domain name. Pure: the clock and the dice are passed in.

All accounts' claims to one name are one aggregate, `Name`, so that the first proof wins under one lock (R15).
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from contracts.dnscheck_v1 import Attempt, MxAttempt, MxState
from contracts.domain_v1 import DomainState
from contracts.mailbox_v1 import DomainOccupied
from contracts.refusals import Refusal, refuse
from contracts.values import Feature

TOKEN_BYTES = 20  # 160 bits, which base32 writes as 32 characters without padding (R11)
MAX_OLD_TOKENS = 5  # kept to tell a customer who published an earlier one

Trigger = Literal["claim", "proof", "late_proof", "rival_proof", "password", "remove", "vacated", "occupied"]

HOLDING: frozenset[DomainState] = frozenset({"verified", "active", "removing"})
ENDED: frozenset[DomainState] = frozenset({"lost", "removed"})

# What becomes of a claim; a pair that is not here leaves it as it is. `claim` on an ended claim begins a new one in
# its place. `password` means that one is there: an unproven claim keeps it until the proof.
LIFE_CYCLE: Mapping[tuple[DomainState, Trigger], DomainState] = {
    ("claimed", "proof"): "verified",
    ("claimed", "late_proof"): "contested",
    ("claimed", "rival_proof"): "lost",
    ("claimed", "remove"): "removed",
    ("contested", "proof"): "verified",  # the holder has given the name up
    ("contested", "rival_proof"): "lost",
    ("contested", "remove"): "removed",
    ("verified", "password"): "active",
    ("verified", "remove"): "removed",  # never active: nothing can stand under it
    ("active", "remove"): "removing",
    ("removing", "vacated"): "removed",
    ("removing", "occupied"): "active",
    ("lost", "claim"): "claimed",
    ("lost", "remove"): "removed",
    ("removed", "claim"): "claimed",
}


@dataclass(frozen=True, slots=True)
class Claim:
    """One account's claim to a name. A name claimed anew after it was lost or removed has a new id and token."""

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
    last_attempt: Attempt | None = None
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

    def having(self, *changed: Claim) -> "Name":
        """Return the name with these claims in place of their accounts' former ones."""
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


def after(state: DomainState, trigger: Trigger) -> DomainState:
    """Return the state that a trigger leads to."""
    return LIFE_CYCLE.get((state, trigger), state)


def token_of(dice: bytes) -> str:
    """Write random bytes as a token that survives any registrar's form (R11)."""
    return base64.b32encode(dice).decode().lower()


# --- the customer's requests ------------------------------------------------------------------------------------


def claim_name(
    name: Name, *, account: str, domain_id: UUID, token: str, label: str, password_hash: str | None, now: datetime
) -> Claim | Refusal:
    """Claim a name, or resume an open claim with its token; `domain_id`, `token` and `label` are for a new one."""
    claim = name.of(account)
    if claim is not None and claim.state in HOLDING:
        return refuse("domain_already_claimed", domain=name.domain, state=claim.state)
    if claim is None:
        return Claim(name.domain, account, domain_id, "claimed", label, token, now, now, password_hash=password_hash)
    if claim.state in ENDED:
        return _claimed_anew(claim, domain_id, token, label, password_hash, now)
    return claim if password_hash is None else changed(claim, now, password_hash=password_hash)


def set_password(name: Name, account: str, password_hash: str, now: datetime) -> Claim | Refusal:
    """Set the domain password; a verified domain becomes active by it (R14)."""
    claim = open_claim(name, account)
    if isinstance(claim, Refusal):
        return claim
    if claim.state == "removing":
        return refuse("domain_not_active", domain=name.domain, state=claim.state)
    return _moved(changed(claim, now, password_hash=password_hash), "password", now)


def remove(name: Name, account: str, now: datetime) -> Claim | Refusal:
    """Give a name up: at once, or by way of `removing` where mailboxes may stand under it.

    Asked again while removing, nothing changes: mailbox is asked again too, and answers each request.
    """
    claim = name.standing(account)
    if claim is None:
        return refuse("domain_unknown", domain=name.domain)
    if claim.state == "removing":
        return claim
    return _moved(changed(claim, now), "remove", now)


def open_claim(name: Name, account: str) -> Claim | Refusal:
    """Return the account's claim if something can still be done about it. Others' claims are never spoken of."""
    claim = name.standing(account)
    if claim is None:
        return refuse("domain_unknown", domain=name.domain)
    if claim.state == "lost":
        return refuse("claim_lost", domain=name.domain)
    return claim


def set_features(claim: Claim, features: tuple[Feature, ...], now: datetime) -> Claim:
    """Replace the domain's default features (R31)."""
    return claim if claim.features == features else changed(claim, now, features=features)


# --- what others found out --------------------------------------------------------------------------------------


def txt_checked(name: Name, claim: Claim, attempt: Attempt, now: datetime) -> Name:
    """Note a look for the proof. Only a confirmed one moves anything: silence and a no leave states alone (R13)."""
    noted = changed(claim, now, last_attempt=attempt)
    if attempt.kind != "confirmed" or claim.state in ENDED:
        return name.having(noted)
    return _proven(name.having(noted), noted, now)


def mx_checked(claim: Claim, attempt: MxAttempt, now: datetime) -> Claim:
    """Note a look at the MX records; one that learned nothing keeps the state (R13)."""
    state = claim.mx if attempt.state == "unknown" else attempt.state
    return changed(claim, now, mx=state, mx_attempt=attempt)


def vacated(claim: Claim, now: datetime) -> Claim:
    """Finish a removal: nothing stands under the domain any more."""
    return claim if claim.state == "removed" else _moved(changed(claim, now), "vacated", now)


def occupied(claim: Claim, fact: DomainOccupied, now: datetime) -> tuple[Claim, Refusal]:
    """Take a removal back, and say what stands in its way."""
    reason = refuse("domain_has_mailboxes", domain=claim.domain, mailboxes=fact.mailboxes, aliases=fact.aliases)
    return (claim if claim.state == "active" else _moved(changed(claim, now), "occupied", now)), reason


def stand_of(account: Account | None, account_id: str, channel: str) -> Refusal | None:
    """Refuse what the account may not ask for (R3). An account not known here yet passes: billing knows it."""
    if account is None:
        return None
    if account.state != "active":
        return refuse("account_not_active", account=account_id, state=account.state)
    if channel == "console" and not account.self_service:
        return refuse("reseller_api_only")
    return None


# --- helpers ----------------------------------------------------------------------------------------------------


def changed(claim: Claim, now: datetime, **values: object) -> Claim:
    """Return the claim one revision on."""
    return replace(claim, updated_at=now, revision=claim.revision + 1, **values)  # pyright: ignore[reportArgumentType]


def _claimed_anew(
    claim: Claim, domain_id: UUID, token: str, label: str, password_hash: str | None, now: datetime
) -> Claim:
    old_tokens = (claim.token, *claim.old_tokens)[:MAX_OLD_TOKENS]
    state = after(claim.state, "claim")
    anew = Claim(claim.domain, claim.account, domain_id, state, label, token, now, now, old_tokens, password_hash)
    return replace(anew, revision=claim.revision + 1)


def _proven(name: Name, claim: Claim, now: datetime) -> Name:
    """The first proof wins; a later one opens a transfer and changes nothing for the holder (R15)."""
    holder = name.holder()
    if holder is not None:
        return name if holder.account == claim.account else name.having(_moved(claim, "late_proof", now))
    winner = _moved(claim, "proof", now)
    if winner.password_hash is not None:
        winner = _moved(winner, "password", now)
    rivals = [rival for rival in name.claims if rival.account != claim.account and rival.state not in ENDED]
    return name.having(winner, *(_moved(changed(rival, now), "rival_proof", now) for rival in rivals))


def _moved(claim: Claim, trigger: Trigger, now: datetime) -> Claim:
    """Return the claim in its next state, within the change in hand."""
    state = after(claim.state, trigger)
    if trigger == "proof":
        claim = replace(claim, verified_at=now)
    if state == "active" and claim.activated_at is None:
        claim = replace(claim, activated_at=now)
    if state in ENDED:
        claim = replace(claim, password_hash=None)  # nobody has a business with it any more
    return replace(claim, state=state)
