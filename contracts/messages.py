"""Every message of Postkontor, in one table. `REGISTRY` finds them by model or by subject."""

from uuid import UUID

from pydantic import AwareDatetime

from contracts import backups_v1 as backups
from contracts import billing_v1 as billing
from contracts import bulk_v1 as bulk
from contracts import closure_v1 as closure
from contracts import dnscheck_v1 as dnscheck
from contracts import domain_v1 as domain
from contracts import downgrade_v1 as downgrade
from contracts import features_v1 as features
from contracts import forwarding_v1 as forwarding
from contracts import holds_v1 as holds
from contracts import invoicing_v1 as invoicing
from contracts import mailbox_v1 as mailbox
from contracts import mailbox_v2
from contracts import operations_v1 as operations
from contracts import passwords_v1 as passwords
from contracts import prices_v1 as prices
from contracts import privacy_v1 as privacy
from contracts import removal_v1 as removal
from contracts import spam_v1 as spam
from contracts import trail_v1 as trail
from contracts.base import Part
from contracts.dryruns import NAME as DRY_RUN_FINISHED
from contracts.dryruns import DryRunFinished
from contracts.refusals import Refusal, RequestRefused
from contracts.registry import Registry

SERVICES = ("billing", "domain", "mailbox", "dnscheck")

REGISTRY = Registry()


class AskRequest(Part):
    """What did this worker do for a request?"""

    request_id: UUID


class RequestStep(Part):
    """One message a worker handled for a request."""

    message_id: UUID
    type: str
    fate: str
    code: str | None
    handled_at: AwareDatetime
    outcome: str | None = None
    refusal: Refusal | None = None


class RequestAnswer(Part):
    """What one worker did for a request, oldest first."""

    service: str
    steps: tuple[RequestStep, ...]


# Requests, at the station that takes them first.
REGISTRY.add("billing", "open-account", billing.OpenAccount)
REGISTRY.add("billing", "update-account", billing.UpdateAccount)
REGISTRY.add("billing", "change-package", billing.ChangePackage)
REGISTRY.add("billing", "assign-package", billing.AssignPackage)
REGISTRY.add("billing", "suspend-account", closure.SuspendAccount)
REGISTRY.add("billing", "reactivate-account", closure.ReactivateAccount)
REGISTRY.add("billing", "close-account", closure.CloseAccount)
REGISTRY.add("billing", "reopen-account", closure.ReopenAccount)
REGISTRY.add("billing", "record-vat-check", invoicing.RecordVatCheck)
REGISTRY.add("billing", "run-invoices", invoicing.RunInvoices)
REGISTRY.add("billing", "credit-invoice", invoicing.CreditInvoice)
REGISTRY.add("billing", "claim-domain", domain.ClaimDomain)
REGISTRY.add("domain", "validate-domain", domain.ValidateDomain)
REGISTRY.add("domain", "check-mx", domain.CheckMx)
REGISTRY.add("domain", "check-mail-records", domain.CheckMailRecords)
REGISTRY.add("domain", "set-domain-password", domain.SetDomainPassword)
REGISTRY.add("domain", "set-domain-features", domain.SetDomainFeatures)
REGISTRY.add("domain", "undo-domain-features", features.UndoDomainFeatures)
REGISTRY.add("domain", "remove-domain", domain.RemoveDomain)
REGISTRY.add("domain", "keep-domain", removal.KeepDomain)
REGISTRY.add("domain", "answer-transfer", domain.AnswerTransfer)
REGISTRY.add("domain", "decide-transfer", domain.DecideTransfer)
REGISTRY.add("domain", "create-mailbox", mailbox.CreateMailbox)
REGISTRY.add("domain", "add-aliases", mailbox.AddAliases)
REGISTRY.add("domain", "set-forward-only", forwarding.SetForwardOnly)
REGISTRY.add("domain", "set-catch-all", forwarding.SetCatchAll)
REGISTRY.add("domain", "submit-bulk", bulk.SubmitBulk)
REGISTRY.add("domain", "cancel-bulk", bulk.CancelBulk)
REGISTRY.add("domain", "cancel-hold", holds.CancelHold)
REGISTRY.add("billing", "change-plan", mailbox.ChangePlan)
REGISTRY.add("billing", "set-forwardings", mailbox.SetForwardings)
REGISTRY.add("billing", "create-group", mailbox.CreateGroup)
REGISTRY.add("mailbox", "rename-person", mailbox.RenamePerson)
REGISTRY.add("mailbox", "rename-person", mailbox_v2.RenamePerson, version=2)
REGISTRY.add("mailbox", "erase-person", privacy.ErasePerson)
REGISTRY.add("mailbox", "set-mailbox-password", mailbox.SetMailboxPassword)
REGISTRY.add("mailbox", "set-mailbox-features", mailbox.SetMailboxFeatures)
REGISTRY.add("mailbox", "undo-mailbox-features", features.UndoMailboxFeatures)
REGISTRY.add("mailbox", "remove-aliases", mailbox.RemoveAliases)
REGISTRY.add("mailbox", "block-senders", mailbox.BlockSenders)
REGISTRY.add("mailbox", "unblock-senders", mailbox.UnblockSenders)
REGISTRY.add("mailbox", "suspend-mailbox", mailbox.SuspendMailbox)
REGISTRY.add("mailbox", "reactivate-mailbox", mailbox.ReactivateMailbox)
REGISTRY.add("mailbox", "delete-mailbox", mailbox.DeleteMailbox)
REGISTRY.add("mailbox", "undelete-mailbox", mailbox.UndeleteMailbox)
REGISTRY.add("mailbox", "require-password-change", passwords.RequirePasswordChange)
REGISTRY.add("mailbox", "tune-spam", spam.TuneSpam)
REGISTRY.add("mailbox", "restore-backup", backups.RestoreBackup)
REGISTRY.add("mailbox", "record-backup", backups.RecordBackup)
REGISTRY.add("mailbox", "confirm-backups-deleted", backups.ConfirmBackupsDeleted)
REGISTRY.add("mailbox", "report-restore", backups.ReportRestore)
REGISTRY.add("mailbox", "delete-forward-only", forwarding.DeleteForwardOnly)
REGISTRY.add("mailbox", "remove-catch-all", forwarding.RemoveCatchAll)
REGISTRY.add("mailbox", "set-group-members", mailbox.SetGroupMembers)
REGISTRY.add("mailbox", "delete-group", mailbox.DeleteGroup)

# Hand-overs, at the station that receives them.
REGISTRY.add("domain", "claim-domain", billing.AcceptedClaim)
REGISTRY.add("domain", "settle-holds", holds.SettleHolds)
REGISTRY.add("billing", "create-mailbox", billing.AdmittedMailbox)
REGISTRY.add("billing", "add-aliases", billing.AdmittedAliases)
REGISTRY.add("billing", "set-forward-only", forwarding.AdmittedForwardOnly)
REGISTRY.add("billing", "set-catch-all", forwarding.AdmittedCatchAll)
REGISTRY.add("billing", "invoice-part", invoicing.InvoicePart)
REGISTRY.add("mailbox", "create-mailbox", billing.ReservedMailbox)
REGISTRY.add("mailbox", "add-aliases", billing.ReservedAliases)
REGISTRY.add("mailbox", "change-plan", billing.PricedPlanChange)
REGISTRY.add("mailbox", "set-forwardings", billing.ReservedForwardings)
REGISTRY.add("mailbox", "create-group", billing.ReservedGroup)
REGISTRY.add("mailbox", "set-forward-only", forwarding.ReservedForwardOnly)
REGISTRY.add("mailbox", "set-catch-all", forwarding.ReservedCatchAll)
REGISTRY.add("mailbox", "set-domain-features", domain.AdmittedDomainFeatures)
REGISTRY.add("mailbox", "undo-domain-features", features.AdmittedFeatureUndo)
REGISTRY.add("mailbox", "remove-domain", domain.DomainRemoval)
REGISTRY.add("mailbox", "keep-domain", removal.DomainKeeping)
REGISTRY.add("dnscheck", "watch-domain", dnscheck.WatchDomain)
REGISTRY.add("dnscheck", "unwatch-domain", dnscheck.UnwatchDomain)

# For who runs the system, at every worker.
for service in SERVICES:
    REGISTRY.add(service, "replay-dead-letters", operations.REPLAYS[service])
    REGISTRY.add(service, "discard-dead-letters", operations.DISCARDS[service])
    REGISTRY.add(service, "replay-begun", operations.REPLAYS_BEGUN[service])
    REGISTRY.add(service, "dead-letters-discarded", operations.DISCARDED[service])
    REGISTRY.add(service, "reconcile-events", operations.RECONCILIATIONS[service])
    REGISTRY.add(service, "events-reconciled", operations.RECONCILED[service])
    REGISTRY.add(service, "status", operations.AskStatus, reply=operations.StatusAnswer)
    REGISTRY.add(service, "dead-letters", operations.AskDeadLetters, reply=operations.DeadLettersAnswer)

# Facts, by their owner.
for service in SERVICES:
    REGISTRY.add(service, "request-refused", RequestRefused)
    REGISTRY.add(service, DRY_RUN_FINISHED, DryRunFinished)
REGISTRY.add("billing", "account-opened", billing.AccountOpened)
REGISTRY.add("billing", "account-updated", billing.AccountUpdated)
REGISTRY.add("billing", "package-changed", billing.PackageChanged)
REGISTRY.add("billing", "account-suspended", closure.AccountSuspended)
REGISTRY.add("billing", "account-reactivated", closure.AccountReactivated)
REGISTRY.add("billing", "account-closing", closure.AccountClosing)
REGISTRY.add("billing", "account-closure-progress", closure.AccountClosureProgress)
REGISTRY.add("billing", "account-closed", closure.AccountClosed)
REGISTRY.add("billing", "account-reopened", closure.AccountReopened)
REGISTRY.add("billing", "capacity-reserved", billing.CapacityReserved)
REGISTRY.add("billing", "capacity-confirmed", billing.CapacityConfirmed)
REGISTRY.add("billing", "capacity-released", billing.CapacityReleased)
REGISTRY.add("billing", "invoice-finalized", invoicing.InvoiceFinalized)
REGISTRY.add("billing", "credit-note-issued", invoicing.CreditNoteIssued)
REGISTRY.add("billing", "account-parked", invoicing.AccountParked)
REGISTRY.add("billing", "invoice-run-progress", invoicing.InvoiceRunProgress)
REGISTRY.add("billing", "invoice-run-finished", invoicing.InvoiceRunFinished)
REGISTRY.add("billing", "ledger-differs", invoicing.LedgerDiffers)
REGISTRY.add("billing", "price-list-published", prices.PriceListPublished)
REGISTRY.add("billing", "price-change-announced", prices.PriceChangeAnnounced)
REGISTRY.add("domain", "domain-claimed", domain.DomainClaimed)
REGISTRY.add("domain", "domain-verified", domain.DomainVerified)
REGISTRY.add("domain", "domain-activated", domain.DomainActivated)
REGISTRY.add("domain", "domain-password-set", domain.DomainPasswordSet)
REGISTRY.add("domain", "domain-features-changed", domain.DomainFeaturesChanged)
REGISTRY.add("domain", "domain-removed", domain.DomainRemoved)
REGISTRY.add("domain", "domain-removal-started", removal.DomainRemovalStarted)
REGISTRY.add("domain", "domain-kept", removal.DomainKept)
REGISTRY.add("domain", "account-vacating", closure.AccountVacating)
REGISTRY.add("domain", "account-vacated", closure.AccountVacated)
REGISTRY.add("domain", "claim-lost", domain.ClaimLost)
REGISTRY.add("domain", "claim-abandoned", domain.ClaimAbandoned)
REGISTRY.add("domain", "proof-reminder", domain.ProofReminder)
REGISTRY.add("domain", "domain-at-risk", domain.DomainAtRisk)
REGISTRY.add("domain", "domain-lapsed", domain.DomainLapsed)
REGISTRY.add("domain", "domain-recovered", domain.DomainRecovered)
REGISTRY.add("domain", "transfer-opened", domain.TransferOpened)
REGISTRY.add("domain", "transfer-disputed", domain.TransferDisputed)
REGISTRY.add("domain", "transfer-overdue", domain.TransferOverdue)
REGISTRY.add("domain", "transfer-closed", domain.TransferClosed)
REGISTRY.add("domain", "transfer-answered", domain.TransferAnswered)
REGISTRY.add("domain", "transfer-decided", domain.TransferDecided)
REGISTRY.add("domain", "validation-finished", domain.ValidationFinished)
REGISTRY.add("domain", "mx-check-finished", domain.MxCheckFinished)
REGISTRY.add("domain", "mail-records-check-finished", domain.MailRecordsCheckFinished)
REGISTRY.add("domain", "mx-changed", domain.MxChanged)
REGISTRY.add("domain", "mailbox-admitted", domain.MailboxAdmitted)
REGISTRY.add("domain", "aliases-admitted", domain.AliasesAdmitted)
REGISTRY.add("domain", "forward-only-admitted", forwarding.ForwardOnlyAdmitted)
REGISTRY.add("domain", "catch-all-admitted", forwarding.CatchAllAdmitted)
REGISTRY.add("domain", "bulk-part-received", bulk.BulkPartReceived)
REGISTRY.add("domain", "bulk-accepted", bulk.BulkAccepted)
REGISTRY.add("domain", "bulk-progress", bulk.BulkProgress)
REGISTRY.add("domain", "bulk-finished", bulk.BulkFinished)
REGISTRY.add("domain", "bulk-cancelled", bulk.BulkCancelled)
REGISTRY.add("domain", "request-parked", holds.RequestParked)
REGISTRY.add("domain", "hold-cancelled", holds.HoldCancelled)
REGISTRY.add("dnscheck", "txt-checked", dnscheck.TxtChecked)
REGISTRY.add("dnscheck", "mx-checked", dnscheck.MxChecked)
REGISTRY.add("dnscheck", "advice-checked", dnscheck.AdviceChecked)
REGISTRY.add("mailbox", "mailbox-created", mailbox.MailboxCreated)
REGISTRY.add("mailbox", "person-renamed", mailbox.PersonRenamed)
REGISTRY.add("mailbox", "person-renamed", mailbox_v2.PersonRenamed, version=2)
REGISTRY.add("mailbox", "person-erased", privacy.PersonErased)
REGISTRY.add("mailbox", "mailbox-password-set", mailbox.MailboxPasswordSet)
REGISTRY.add("mailbox", "plan-changed", mailbox.PlanChanged)
REGISTRY.add("mailbox", "aliases-changed", mailbox.AliasesChanged)
REGISTRY.add("mailbox", "forwardings-set", mailbox.ForwardingsSet)
REGISTRY.add("mailbox", "features-set", mailbox.FeaturesSet)
REGISTRY.add("mailbox", "features-undone", features.FeaturesUndone)
REGISTRY.add("mailbox", "blocked-senders-changed", mailbox.BlockedSendersChanged)
REGISTRY.add("mailbox", "mailbox-suspended", mailbox.MailboxSuspended)
REGISTRY.add("mailbox", "mailbox-reactivated", mailbox.MailboxReactivated)
REGISTRY.add("mailbox", "mailbox-deletion-scheduled", mailbox.MailboxDeletionScheduled)
REGISTRY.add("mailbox", "mailbox-undeleted", mailbox.MailboxUndeleted)
REGISTRY.add("mailbox", "mailbox-deleted", mailbox.MailboxDeleted)
REGISTRY.add("mailbox", "group-created", mailbox.GroupCreated)
REGISTRY.add("mailbox", "group-members-set", mailbox.GroupMembersSet)
REGISTRY.add("mailbox", "group-deleted", mailbox.GroupDeleted)
REGISTRY.add("mailbox", "forward-only-set", forwarding.ForwardOnlySet)
REGISTRY.add("mailbox", "forward-only-deleted", forwarding.ForwardOnlyDeleted)
REGISTRY.add("mailbox", "catch-all-set", forwarding.CatchAllSet)
REGISTRY.add("mailbox", "catch-all-removed", forwarding.CatchAllRemoved)
REGISTRY.add("mailbox", "password-change-required", passwords.PasswordChangeRequired)
REGISTRY.add("mailbox", "spam-tuned", mailbox.SpamTuned)
REGISTRY.add("mailbox", "backup-recorded", backups.BackupRecorded)
REGISTRY.add("mailbox", "backups-expired", backups.BackupsExpired)
REGISTRY.add("mailbox", "backups-deleted", backups.BackupsDeleted)
REGISTRY.add("mailbox", "backup-restore-requested", backups.BackupRestoreRequested)
REGISTRY.add("mailbox", "backup-restored", backups.BackupRestored)
REGISTRY.add("mailbox", "restore-reported", backups.RestoreReported)
REGISTRY.add("mailbox", "domain-vacated", mailbox.DomainVacated)
REGISTRY.add("mailbox", "domain-occupied", mailbox.DomainOccupied)
REGISTRY.add("mailbox", "domain-removal-progress", removal.DomainRemovalProgress)
REGISTRY.add("mailbox", "domain-restored", removal.DomainRestored)

# Questions, by who answers them.
for service in SERVICES:
    REGISTRY.add(service, "request", AskRequest, reply=RequestAnswer)
    REGISTRY.add(service, "trail", trail.AskTrail, reply=trail.TrailAnswer)
REGISTRY.add("billing", "mailbox-price", trail.AskMailboxPrice, reply=trail.MailboxPriceAnswer)
REGISTRY.add("billing", "cap", trail.AskCap, reply=trail.CapAnswer)
REGISTRY.add("billing", "account", billing.AskAccount, reply=billing.AccountAnswer)
REGISTRY.add("billing", "usage", billing.AskUsage, reply=billing.UsageAnswer)
REGISTRY.add("billing", "quote", billing.AskQuote, reply=billing.QuoteAnswer)
REGISTRY.add("billing", "downgrade-plan", downgrade.AskDowngradePlan, reply=downgrade.DowngradePlanAnswer)
REGISTRY.add("billing", "closure", closure.AskClosure, reply=closure.ClosureAnswer)
REGISTRY.add("billing", "catalogue", billing.AskCatalogue, reply=billing.CatalogueAnswer)
REGISTRY.add("billing", "invoices", invoicing.AskInvoices, reply=invoicing.InvoicesAnswer)
REGISTRY.add("billing", "invoice", invoicing.AskInvoice, reply=invoicing.InvoiceAnswer)
REGISTRY.add("billing", "invoice-line", invoicing.AskInvoiceLine, reply=invoicing.InvoiceLineAnswer)
REGISTRY.add("billing", "invoice-file", invoicing.AskInvoiceFile, reply=invoicing.InvoiceFileAnswer)
REGISTRY.add("domain", "domain", domain.AskDomain, reply=domain.DomainAnswer)
REGISTRY.add("domain", "domains", domain.AskDomains, reply=domain.DomainsAnswer)
REGISTRY.add("domain", "bulk", bulk.AskBulk, reply=bulk.BulkAnswer)
REGISTRY.add("domain", "bulks", bulk.AskBulks, reply=bulk.BulksAnswer)
REGISTRY.add("domain", "bulk-items", bulk.AskBulkItems, reply=bulk.BulkItemsAnswer)
REGISTRY.add("domain", "holds", holds.AskHolds, reply=holds.HoldsAnswer)
REGISTRY.add("dnscheck", "attempts", dnscheck.AskAttempts, reply=dnscheck.AttemptsAnswer)
REGISTRY.add("mailbox", "mailbox", mailbox.AskMailbox, reply=mailbox.MailboxAnswer)
REGISTRY.add("mailbox", "mailboxes", mailbox.AskMailboxes, reply=mailbox.MailboxesAnswer)
REGISTRY.add("mailbox", "features", mailbox.AskFeatures, reply=mailbox.FeaturesAnswer)
REGISTRY.add("mailbox", "feature-history", features.AskFeatureHistory, reply=features.FeatureHistoryAnswer)
REGISTRY.add("mailbox", "groups", mailbox.AskGroups, reply=mailbox.GroupsAnswer)
REGISTRY.add("mailbox", "weak-passwords", passwords.AskWeakPasswords, reply=passwords.WeakPasswordsAnswer)
REGISTRY.add("mailbox", "backups", backups.AskBackups, reply=backups.BackupsAnswer)
REGISTRY.add("mailbox", "overdue-backups", backups.AskOverdueBackups, reply=backups.OverdueBackupsAnswer)
REGISTRY.add("mailbox", "forward-only", forwarding.AskForwardOnly, reply=forwarding.ForwardOnlyAnswer)
REGISTRY.add("mailbox", "catch-alls", forwarding.AskCatchAlls, reply=forwarding.CatchAllsAnswer)
REGISTRY.add("mailbox", "domain-removal", removal.AskRemoval, reply=removal.RemovalAnswer)
