"""Messages of billing and domain, version 1: accounts that are suspended, closed or reopened."""

from uuid import UUID

from pydantic import AwareDatetime, Field

from contracts.base import Fact, Part, Request
from contracts.billing_v1 import AccountView, Count
from contracts.leaving import Leaving
from contracts.values import Line

# --- requests, all of the operator --------------------------------------------------------------------------------


class SuspendAccount(Request):
    """Refuse what the account requests, until it is reactivated. Mail goes on, and so do charges (operator)."""

    reason: Line | None = None


class ReactivateAccount(Request):
    """End a suspension (operator)."""


class CloseAccount(Leaving):
    """Close an account with all its domains and mailboxes: on a day, at once, or else after the grace (operator).

    It admits no requests from now on. Until its time has come it can be reopened as it was. Again with an earlier time
    it moves the time.
    """


class ReopenAccount(Request):
    """Take a closure back before its time, or open a closed account again for the same customer, empty (operator)."""


# --- facts --------------------------------------------------------------------------------------------------------


class AccountSuspended(Fact):
    """The account's requests are refused. Its mail goes on."""

    account: AccountView
    reason: str | None = None


class AccountReactivated(Fact):
    """The account's requests are taken again."""

    account: AccountView


class AccountClosing(Fact):
    """The account is being closed: everything that it has will be gone from `closes_at` on."""

    account: AccountView
    closure_id: UUID = Field(description="of this closure; the account may be reopened, and closed again")
    closes_at: AwareDatetime


class AccountClosureProgress(Fact):
    """How far a closure has come."""

    closes_at: AwareDatetime
    domains_total: Count
    domains_left: Count
    mailboxes_left: Count


class AccountClosed(Fact):
    """The account is closed: it has no domains, no mailboxes and no use; its last invoice comes with the next run."""

    account: AccountView
    closed_at: AwareDatetime


class AccountReopened(Fact):
    """The account is open again: `was_closed` says whether empty, or with all that it had."""

    account: AccountView
    was_closed: bool


class AccountVacating(Fact):
    """domain: the domains of an account that is being closed are being given up."""

    closure_id: UUID
    domains_total: Count
    domains_left: Count


class AccountVacated(Fact):
    """domain: an account that is being closed has no domain any more."""

    closure_id: UUID
    domains_total: Count


# --- questions and answers ----------------------------------------------------------------------------------------


class AskClosure(Part):
    """How far has the account's closure come?"""


class ClosureAnswer(Part):
    """The closure, or None for an account that is not being closed."""

    closure: AccountClosureProgress | None
