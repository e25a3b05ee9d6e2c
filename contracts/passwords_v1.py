"""Messages of mailbox, version 1, about passwords that have to be changed (R25). None holds a hash or any of one."""

from typing import Annotated, Self

from pydantic import AwareDatetime, Field, StrictBool, model_validator

from contracts.base import Fact, Part, Request
from contracts.refusals import Finding, Refusal
from contracts.values import DomainName, MailAddress, PageSize


class RequirePasswordChange(Request):
    """Let logins end at a time, unless the password is changed before: of mailboxes, and of all under some domains.

    Those of a domain are the passwords that are set by now. A later requirement replaces an earlier one of the same
    target; `lift` ends it.
    """

    targets: Annotated[tuple[MailAddress | DomainName, ...], Field(min_length=1, max_length=1000)]
    by: AwareDatetime | None = Field(default=None, description="without it at once")
    lift: StrictBool = False

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if self.lift and self.by is not None:
            raise ValueError("name a time or lift the requirement, not both")
        return self


class PasswordTarget(Part):
    """How one target fared: until when its logins go on without a new password; None for as long as they like."""

    target: str
    password_change_by: AwareDatetime | None = None
    mailboxes: int | None = Field(default=None, description="for a domain: how many stand under it")
    refusal: Refusal | None = None
    revision: int | None = None


class PasswordChangeRequired(Fact):
    """Passwords have to be changed, or need not any more; each target answers for itself.

    Of a domain those are meant that were set before this fact.
    """

    targets: tuple[PasswordTarget, ...]


class AskWeakPasswords(Part):
    """Which mailboxes have a password whose hash would not be taken today? Pages are keyed by the last address seen."""

    after: str = ""
    limit: PageSize = 100


class WeakPassword(Part):
    """A mailbox whose hash is below the policy, with why."""

    address: str
    reason: Finding
    password_set_at: AwareDatetime
    password_change_by: AwareDatetime | None = None


class WeakPasswordsAnswer(Part):
    """Such mailboxes in the order of their addresses; `total` counts those of the account."""

    mailboxes: tuple[WeakPassword, ...]
    total: int
    next: str | None
