"""Messages of mailbox, version 1, about backups (R33): what the mail store records, lists, restores and deletes.

The mail store is no worker. It sends requests with the rights of an operator, in the account whose mailbox it is about,
and hears two facts: `backup-restore-requested` and `backups-expired`.
"""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AwareDatetime, Field, StrictBool, StringConstraints, model_validator

from contracts.base import Fact, Part, Request
from contracts.refusals import Refusal
from contracts.values import Bytes, Line, MailAddress, PageSize

SnapshotId = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}$"),
    Field(description="the store's own name for it, once per account"),
]
SnapshotIds = Annotated[tuple[SnapshotId, ...], Field(min_length=1, max_length=1000)]
FolderName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, pattern=r"^[^\x00-\x1f\x7f-\x9f/\\.*%]{1,100}$"),
    Field(description="a folder of the mailbox; without one, mail goes back to where it was"),
]
Count = Annotated[int, Field(strict=True, ge=0, le=10**12)]


class BackupView(Part):
    """A backup that can be restored until then."""

    snapshot: str
    taken_at: AwareDatetime
    bytes: Bytes
    messages: int
    restorable_until: AwareDatetime


class RestoreView(Part):
    """A restore; its id is the id of the request for it."""

    restore: UUID
    address: str
    snapshot: str
    folder: str | None
    answer_by: AwareDatetime = Field(description="a restore that the store has not answered by then is refused")


# --- requests of the store --------------------------------------------------------------------------------------


class RecordBackup(Request):
    """Say, as the mail store, that a backup of a mailbox was made."""

    snapshot: SnapshotId
    address: MailAddress
    taken_at: AwareDatetime
    bytes: Bytes
    messages: Count


class ConfirmBackupsDeleted(Request):
    """Say, as the mail store, that backups are gone. One that is not known is none too, so this may be repeated."""

    snapshots: SnapshotIds


class ReportRestore(Request):
    """Answer, as the mail store, a restore: done, or not and why."""

    restore: UUID
    address: MailAddress
    restored: StrictBool
    messages: Count = 0
    reason: Line | None = None

    @model_validator(mode="after")
    def _says_why_not(self) -> Self:
        if self.restored == (self.reason is not None):
            raise ValueError("a restore that failed names a reason, and no other does")
        return self


# --- the customer's request -------------------------------------------------------------------------------------


class RestoreBackup(Request):
    """Bring a backup back, into its places or into a folder. Needs the feature `backup` on for the mailbox."""

    address: MailAddress
    snapshot: SnapshotId
    folder: FolderName | None = None


# --- facts ------------------------------------------------------------------------------------------------------


class BackupRecorded(Fact):
    """A backup is known."""

    address: str
    backup: BackupView


class BackupsExpired(Fact):
    """The time of these backups of a mailbox is over: the mail store deletes them and confirms it by then."""

    address: str
    snapshots: tuple[str, ...]
    confirm_by: AwareDatetime


class BackupsDeleted(Fact):
    """The mail store has deleted these backups; of the others nothing was known."""

    snapshots: tuple[str, ...]
    unknown: tuple[str, ...]


class BackupRestoreRequested(Fact):
    """A backup is to be restored: the mail store does it and reports."""

    restore: RestoreView


class BackupRestored(Fact):
    """A backup is restored: the outcome of the request for it."""

    restore: RestoreView
    messages: int


class RestoreReported(Fact):
    """The mail store's answer to a restore has been taken."""

    restore: RestoreView
    restored: bool
    reason: str | None = None


# --- questions and answers --------------------------------------------------------------------------------------


class AskBackups(Part):
    """Which backups of a mailbox can be restored? Pages are keyed by the last snapshot seen."""

    address: MailAddress
    after: str = ""
    limit: PageSize = 100


class BackupsAnswer(Part):
    """Backups, the latest first; or why there is nothing to see: `mailbox_unknown` or `feature_off`."""

    backups: tuple[BackupView, ...]
    next: str | None
    refusal: Refusal | None = None
    running: RestoreView | None = Field(default=None, description="a restore that the store has not answered yet")


class OverdueBackup(Part):
    """A backup that the store was told to delete and has not confirmed."""

    snapshot: str
    address: str
    expired_at: AwareDatetime
    confirm_by: AwareDatetime


class AskOverdueBackups(Part):
    """Which backups has the store not confirmed in time to be deleted?"""

    after: str = ""
    limit: PageSize = 100


class OverdueBackupsAnswer(Part):
    """Overdue backups in the order of their names; `total` counts those of the account."""

    overdue: tuple[OverdueBackup, ...]
    total: int
    next: str | None


RestoreState = Literal["open", "restored", "failed", "unanswered"]
