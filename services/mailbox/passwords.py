"""Passwords that have to be changed: by when, and which hashes are weaker than today's (R25). Pure.

A requirement for a domain is one row, whatever the number of its mailboxes: it is about the passwords that were set
before it, so a new password is all it takes to be done with it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from contracts.password_policy import PasswordPolicy
from contracts.refusals import Finding
from services.mailbox.rows import Domain, Mailbox


def change_by(mailbox: Mailbox, domain: Domain) -> datetime | None:
    """Return until when logins go on without a new password; None for as long as they like."""
    set_at = mailbox.password_set_at or mailbox.created_at
    of_domain = domain.passwords_required_at is not None and set_at < domain.passwords_required_at
    times = (mailbox.password_change_by, domain.password_change_by if of_domain else None)
    return min((time for time in times if time is not None), default=None)


def require_of_mailbox(mailbox: Mailbox, by: datetime | None) -> Mailbox:
    """Let a mailbox's logins end at a time, or go on; the requirement for its domain stands beside this one."""
    return replace(mailbox, password_change_by=by)


def require_of_domain(domain: Domain, by: datetime | None, now: datetime) -> Domain:
    """Let logins with the passwords that are set by now end at a time, or go on."""
    required_at = None if by is None else now
    return replace(domain, password_change_by=by, passwords_required_at=required_at, revision=domain.revision + 1)


def weaknesses(policy: PasswordPolicy, costs: Iterable[str]) -> Mapping[str, Finding]:
    """Return which hashes a policy would not take today, by what they begin with: scheme and costs."""
    found = {cost: policy.weakness(cost) for cost in costs}
    return {cost: weak for cost, weak in found.items() if weak is not None}
