"""The terms of the house for mailboxes. Pure."""

from dataclasses import dataclass, field
from datetime import timedelta

from contracts.password_policy import PasswordPolicy


@dataclass
class Terms:
    """What an operator may want otherwise. The worker sets them from its settings before its first message."""

    deletion_grace: timedelta = timedelta(days=14)  # in which who deletes by mistake can have the mailbox back
    quarantine: timedelta = timedelta(days=30)  # R26: a former holder's mail must not reach a stranger at once
    backups_kept: timedelta = timedelta(days=6)  # R33: never longer
    backup_deletion: timedelta = timedelta(hours=24)  # in which the mail store confirms that a backup is gone
    restore_answer: timedelta = timedelta(hours=24)  # in which the mail store answers a restore
    feature_changes: int = 50  # kept of each domain and mailbox; the latest is what an undo goes by
    passwords: PasswordPolicy = field(default_factory=PasswordPolicy)


TERMS = Terms()
