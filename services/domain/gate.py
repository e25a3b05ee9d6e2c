"""The gate: mailboxes and aliases are made under active domains of the same account only (R20, R21)."""

from collections.abc import Iterable
from uuid import UUID

from contracts.refusals import Finding, finding
from contracts.trials import Trial
from services.domain.rows import HOLDING, Claim, Name

NO_DOMAIN = UUID(int=0)  # of a name that the account has not claimed; only a dry run gets past the gate with it


def admitted(name: Name | None, domain: str, account: str) -> UUID | Finding:
    """Return the domain's id if it is open for the account, or why not, with the next step."""
    claim = name.standing(account) if name else None
    if claim is None:
        return finding("domain_unknown", domain=domain)  # also another account's: the gate tells nobody about others
    return claim.domain_id if claim.state == "active" and claim.proof != "lapsed" else why_closed(claim)


def may_have_features(name: Name | None, domain: str, account: str) -> Claim | Finding:
    """Return the claim if features may be set for its domain: it is held, whether or not it has its password.

    A proof that has lapsed stops nothing here: features are about mailboxes that exist (R17).
    """
    claim = name.standing(account) if name else None
    if claim is None:
        return finding("domain_unknown", domain=domain)
    return claim if claim.state in ("verified", "active") else why_closed(claim)


def all_admitted(names: Iterable[tuple[str, Name | None]], account: str) -> tuple[dict[str, UUID], tuple[Finding, ...]]:
    """Return the ids of the domains that are open and the findings about the others."""
    opened: dict[str, UUID] = {}
    findings: list[Finding] = []
    for domain, name in names:
        found = admitted(name, domain, account)
        if isinstance(found, Finding):
            findings.append(found)
        else:
            opened[domain] = found
    return opened, tuple(findings)


def tried(
    names: Iterable[tuple[str, Name | None]], account: str, unfit: Finding | None = None
) -> tuple[dict[str, UUID], Trial]:
    """Let a dry run pass whatever the gate says, with what it says: its answer shall name the price as well.

    Under a name that the account does not hold, nobody may look at addresses for it: it could be another's.
    """
    known = dict(names)
    opened, missing = all_admitted(known.items(), account)
    claims = {domain: name.standing(account) if name else None for domain, name in known.items()}
    domain_ids = {domain: claim.domain_id if claim else NO_DOMAIN for domain, claim in claims.items()}
    is_foreign = any(claim is None or claim.state not in HOLDING for claim in claims.values())
    return domain_ids | opened, Trial(missing=(*missing, *filter(None, (unfit,))), gate_closed=is_foreign)


def why_closed(claim: Claim) -> Finding:
    """Say what keeps a claim from being an active domain."""
    name, value = claim.record_name, claim.record_value
    match claim.state:
        case "claimed":
            return finding("domain_unverified", domain=claim.domain, name=name, value=value)
        case "abandoned":
            return finding("domain_claim_abandoned", domain=claim.domain, name=name, value=value)
        case "verified":
            return finding("domain_password_missing", domain=claim.domain)
        case "active":
            return finding("domain_proof_lapsed", domain=claim.domain, name=name, value=value)
        case "lost":
            return finding("claim_lost", domain=claim.domain)
        case _:
            return finding("domain_not_active", domain=claim.domain, state=claim.state)
