"""Addresses without a mailbox: those that only forward, and catch-alls (R23). Pure."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from contracts.forwarding_v1 import SetForwardOnly
from contracts.refusals import Refusal, refuse
from contracts.values import domain_of
from services.mailbox.rows import CatchAlls, ForwardOnly, Mailbox

# --- addresses that only forward ----------------------------------------------------------------------------------


def is_had(before: ForwardOnly | None, account: str) -> bool:
    """Return whether the account has this address to forward."""
    return before is not None and before.deleted_at is None and before.account == account


def set_targets(before: ForwardOnly | None, request: SetForwardOnly, account: str, now: datetime) -> ForwardOnly:
    """Forward the address to these targets; whether it is free is `rules.not_free`'s matter."""
    targets = tuple(dict.fromkeys(request.targets))
    if before is not None and is_had(before, account):
        return replace(before, targets=targets, updated_at=now, revision=before.revision + 1)
    return ForwardOnly(
        address=request.address,
        account=account,
        domain=domain_of(request.address),
        targets=targets,
        created_at=now,
        updated_at=now,
        revision=1 if before is None else before.revision + 1,
    )


def given_up(before: ForwardOnly | None, account: str, address: str, now: datetime) -> ForwardOnly | Refusal:
    """Give an address up that only forwards."""
    if before is None or not is_had(before, account):
        return refuse("forward_only_unknown", address=address)
    return replace(before, targets=(), updated_at=now, deleted_at=now, revision=before.revision + 1)


# --- catch-alls ---------------------------------------------------------------------------------------------------


def may_catch(mailbox: Mailbox | None, account: str, address: str) -> Refusal | None:
    """Refuse a mailbox that is not the account's, or that is about to go."""
    if mailbox is None or mailbox.account != account or mailbox.state == "deleted":
        return refuse("mailbox_unknown", address=address)
    return refuse("mailbox_state", address=address, state=mailbox.state) if mailbox.state == "deleting" else None


def with_catch_all(catch_alls: CatchAlls, domain: str, mailbox: str, now: datetime) -> CatchAlls:
    """Let a mailbox be the domain's catch-all, whichever was before."""
    by_domain = {**catch_alls.by_domain, domain: mailbox}
    return replace(catch_alls, revision=catch_alls.revision + 1, by_domain=by_domain, changed_at=now)


def without(catch_alls: CatchAlls, domains: Iterable[str], now: datetime) -> CatchAlls:
    """End the catch-alls of some domains."""
    gone = set(domains)
    left = {domain: mailbox for domain, mailbox in catch_alls.by_domain.items() if domain not in gone}
    return replace(catch_alls, revision=catch_alls.revision + 1, by_domain=left, changed_at=now)


def caught_by(catch_alls: CatchAlls, mailbox: str) -> list[str]:
    """Return the domains that a mailbox is the catch-all of."""
    return sorted(domain for domain, catching in catch_alls.by_domain.items() if catching == mailbox)
