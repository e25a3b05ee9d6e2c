"""Samples of what was added to mailboxes: undo and history of features, backups, spam, passwords."""

from pydantic import BaseModel

from contracts import backups_v1 as backups
from contracts import domain_v1 as domain
from contracts import features_v1 as features
from contracts import mailbox_v1 as mailbox
from contracts import passwords_v1 as passwords
from contracts import sample_parts as of
from contracts import spam_v1 as spam
from contracts.refusals import finding
from contracts.sample_parts import ANNA, BERND, DOMAIN, DOMAIN_ID, REQUEST, UMLAUT_DOMAIN

# --- features ---------------------------------------------------------------------------------------------------

OWN = mailbox.FeatureState(
    on=("backup", "blacklist"), origin="mailbox", own=mailbox.OwnFeatures(on=("backup", "blacklist"), epoch=2)
)
OF_DOMAIN = mailbox.FeatureState(on=("backup",), origin="domain")
TARGETS = (
    mailbox.TargetFeatures(target=DOMAIN, features=OF_DOMAIN, mailboxes=11, revision=4, counts_from=2),
    mailbox.TargetFeatures(target=UMLAUT_DOMAIN, refusal=of.DOMAIN_UNKNOWN),
)
_UNDO = features.UndoDomainFeatures(domains=(DOMAIN, UMLAUT_DOMAIN))
_CHANGE = features.FeatureChange(
    number=70, target=ANNA, kind="set", at=of.AT, request_id=REQUEST, channel="api", before=OF_DOMAIN, after=OWN
)
_FEATURES: dict[str, BaseModel] = {
    "domain.undo-domain-features.v1": _UNDO,
    "mailbox.undo-mailbox-features.v1": features.UndoMailboxFeatures(addresses=(ANNA, BERND)),
    "mailbox.undo-domain-features.v1": features.AdmittedFeatureUndo(
        request=_UNDO,
        admitted=(domain.DomainTarget(domain=DOMAIN, domain_id=DOMAIN_ID),),
        refused=(domain.TargetResult(target=UMLAUT_DOMAIN, refusal=of.DOMAIN_UNKNOWN),),
    ),
    "mailbox.features-undone.v1": features.FeaturesUndone(targets=TARGETS),
    "mailbox.feature-history.v1": features.AskFeatureHistory(target=ANNA, before=71, limit=10),
    "mailbox.feature-history-answer.v1": features.FeatureHistoryAnswer(changes=(_CHANGE,), next=70),
}


# --- backups ----------------------------------------------------------------------------------------------------

SNAPSHOT = "2026-03-01T1640-anna"
_BACKUP = backups.BackupView(
    snapshot=SNAPSHOT, taken_at=of.EARLIER, bytes=734_003_200, messages=4_211, restorable_until=of.LATER
)
_RESTORE = backups.RestoreView(
    restore=REQUEST, address=ANNA, snapshot=SNAPSHOT, folder="Wiederhergestellt", answer_by=of.LATER
)
_BACKUPS: dict[str, BaseModel] = {
    "mailbox.restore-backup.v1": backups.RestoreBackup(address=ANNA, snapshot=SNAPSHOT, folder="Wiederhergestellt"),
    "mailbox.record-backup.v1": backups.RecordBackup(
        snapshot=SNAPSHOT, address=ANNA, taken_at=of.EARLIER, bytes=734_003_200, messages=4_211
    ),
    "mailbox.confirm-backups-deleted.v1": backups.ConfirmBackupsDeleted(snapshots=(SNAPSHOT,)),
    "mailbox.report-restore.v1": backups.ReportRestore(restore=REQUEST, address=ANNA, restored=True, messages=4_211),
    "mailbox.backup-recorded.v1": backups.BackupRecorded(address=ANNA, backup=_BACKUP),
    "mailbox.backups-expired.v1": backups.BackupsExpired(address=ANNA, snapshots=(SNAPSHOT,), confirm_by=of.LATER),
    "mailbox.backups-deleted.v1": backups.BackupsDeleted(snapshots=(SNAPSHOT,), unknown=("2026-02-20",)),
    "mailbox.backup-restore-requested.v1": backups.BackupRestoreRequested(restore=_RESTORE),
    "mailbox.backup-restored.v1": backups.BackupRestored(restore=_RESTORE, messages=4_211),
    "mailbox.restore-reported.v1": backups.RestoreReported(restore=_RESTORE, restored=False, reason="Speicher voll"),
    "mailbox.backups.v1": backups.AskBackups(address=ANNA, after=SNAPSHOT, limit=10),
    "mailbox.backups-answer.v1": backups.BackupsAnswer(backups=(_BACKUP,), next=None, running=_RESTORE),
    "mailbox.overdue-backups.v1": backups.AskOverdueBackups(after=SNAPSHOT, limit=10),
    "mailbox.overdue-backups-answer.v1": backups.OverdueBackupsAnswer(
        overdue=(backups.OverdueBackup(snapshot=SNAPSHOT, address=ANNA, expired_at=of.EARLIER, confirm_by=of.AT),),
        total=1,
        next=None,
    ),
}

# --- spam and passwords -----------------------------------------------------------------------------------------

_SPAM = spam.SpamView(
    active=True, junk_tenths=45, reject_tenths=120, to_junk=True, allowed_senders=("@hafenamt.example",)
)
_WEAK = finding("password_hash_too_weak", scheme="SHA512-CRYPT", minimum="rounds=100000")
_SPAM_AND_PASSWORDS: dict[str, BaseModel] = {
    "mailbox.tune-spam.v1": spam.TuneSpam(
        address=ANNA,
        tuning=spam.SpamTuning(junk_tenths=45, reject_tenths=120, allowed_senders=("@hafenamt.example",)),
    ),
    "mailbox.spam-tuned.v1": mailbox.SpamTuned(
        mailbox=of.a_mailbox().model_copy(update={"spam": _SPAM, "password_set_at": of.EARLIER})
    ),
    "mailbox.require-password-change.v1": passwords.RequirePasswordChange(targets=(ANNA, DOMAIN), by=of.ANSWER_BY),
    "mailbox.password-change-required.v1": passwords.PasswordChangeRequired(
        targets=(
            passwords.PasswordTarget(target=ANNA, password_change_by=of.ANSWER_BY, revision=3),
            passwords.PasswordTarget(target=DOMAIN, password_change_by=of.ANSWER_BY, mailboxes=11, revision=4),
            passwords.PasswordTarget(target=UMLAUT_DOMAIN, refusal=of.DOMAIN_UNKNOWN),
        )
    ),
    "mailbox.weak-passwords.v1": passwords.AskWeakPasswords(after=ANNA, limit=10),
    "mailbox.weak-passwords-answer.v1": passwords.WeakPasswordsAnswer(
        mailboxes=(passwords.WeakPassword(address=ANNA, reason=_WEAK, password_set_at=of.EARLIER),), total=1, next=None
    ),
}

MORE: dict[str, BaseModel] = {**_FEATURES, **_BACKUPS, **_SPAM_AND_PASSWORDS}
