"""The way of every request through the workers, written down instead of coordinated.

Each station handles one message and hands the request on. The first station is where publishers send it; the last
one states the outcome. Every station may end it with `request-refused`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel

from contracts import backups_v1 as backups
from contracts import billing_v1 as billing
from contracts import bulk_v1 as bulk
from contracts import closure_v1 as closure
from contracts import domain_v1 as domain
from contracts import features_v1 as features
from contracts import forwarding_v1 as forwarding
from contracts import holds_v1 as holds
from contracts import invoicing_v1 as invoicing
from contracts import mailbox_v1 as mailbox
from contracts import mailbox_v2
from contracts import operations_v1 as operations
from contracts import passwords_v1 as passwords
from contracts import privacy_v1 as privacy
from contracts import removal_v1 as removal
from contracts import spam_v1 as spam
from contracts.messages import REGISTRY
from contracts.registry import Message

Caller = Literal["customer", "operator"]


@dataclass(frozen=True)
class Route:
    """Where a request goes, which fact ends it, and who may send it."""

    request: type[BaseModel]
    stations: tuple[str, ...]
    outcome: str  # `<owner>.<fact>`, version apart
    settled_by: str | None = None  # hears the outcome and books it; the requester does not wait for that
    caller: Caller = "customer"
    or_outcome: str | None = None  # where the request says which of two facts it wants, or another may take it back
    outcome_version: int = 1  # in which its senders read the outcome; they go on doing so when a newer one comes

    @property
    def message(self) -> Message:
        """Return the message that a publisher sends."""
        return REGISTRY.of(self.request)

    @property
    def outcomes(self) -> tuple[str, ...]:
        """Return the facts that end it well: one of them, once."""
        return (self.outcome,) if self.or_outcome is None else (self.outcome, self.or_outcome)

    @property
    def accepted(self) -> tuple[str, ...]:
        """Return the facts that may come first, before the outcome, where the request lets it wait (R40)."""
        return ("domain.request-parked",) if issubclass(self.request, holds.MayWait) else ()


ROUTES: tuple[Route, ...] = (
    Route(billing.OpenAccount, ("billing",), "billing.account-opened", caller="operator"),
    Route(billing.AssignPackage, ("billing",), "billing.package-changed", caller="operator"),
    Route(closure.SuspendAccount, ("billing",), "billing.account-suspended", caller="operator"),
    Route(closure.ReactivateAccount, ("billing",), "billing.account-reactivated", caller="operator"),
    Route(
        closure.CloseAccount,
        ("billing",),
        "billing.account-closed",
        caller="operator",
        or_outcome="billing.account-reopened",
    ),
    Route(closure.ReopenAccount, ("billing",), "billing.account-reopened", caller="operator"),
    Route(invoicing.RecordVatCheck, ("billing",), "billing.account-updated", caller="operator"),
    Route(invoicing.RunInvoices, ("billing",), "billing.invoice-run-finished", caller="operator"),
    Route(invoicing.CreditInvoice, ("billing",), "billing.credit-note-issued", caller="operator"),
    Route(billing.UpdateAccount, ("billing",), "billing.account-updated"),
    Route(billing.ChangePackage, ("billing",), "billing.package-changed"),
    Route(domain.ClaimDomain, ("billing", "domain"), "domain.domain-claimed"),
    Route(domain.ValidateDomain, ("domain", "dnscheck", "domain"), "domain.validation-finished"),
    Route(domain.CheckMx, ("domain", "dnscheck", "domain"), "domain.mx-check-finished"),
    Route(domain.CheckMailRecords, ("domain", "dnscheck", "domain"), "domain.mail-records-check-finished"),
    Route(domain.SetDomainPassword, ("domain",), "domain.domain-password-set"),
    Route(domain.SetDomainFeatures, ("domain", "mailbox"), "mailbox.features-set"),
    Route(
        domain.RemoveDomain, ("domain", "mailbox", "domain"), "domain.domain-removed", or_outcome="domain.domain-kept"
    ),
    Route(removal.KeepDomain, ("domain", "mailbox", "domain"), "domain.domain-kept"),
    Route(features.UndoDomainFeatures, ("domain", "mailbox"), "mailbox.features-undone"),
    # Mailbox is asked about a domain that is to go, by domain's own order; the end is domain's.
    Route(domain.AnswerTransfer, ("domain",), "domain.transfer-answered"),
    Route(domain.DecideTransfer, ("domain",), "domain.transfer-decided", caller="operator"),
    Route(mailbox.CreateMailbox, ("domain", "billing", "mailbox"), "mailbox.mailbox-created", settled_by="billing"),
    Route(mailbox.AddAliases, ("domain", "billing", "mailbox"), "mailbox.aliases-changed", settled_by="billing"),
    Route(bulk.SubmitBulk, ("domain",), "domain.bulk-part-received"),
    Route(bulk.CancelBulk, ("domain",), "domain.bulk-cancelled"),
    Route(mailbox.ChangePlan, ("billing", "mailbox"), "mailbox.plan-changed", settled_by="billing"),
    Route(mailbox.SetForwardings, ("billing", "mailbox"), "mailbox.forwardings-set", settled_by="billing"),
    Route(mailbox.CreateGroup, ("billing", "mailbox"), "mailbox.group-created", settled_by="billing"),
    Route(
        forwarding.SetForwardOnly, ("domain", "billing", "mailbox"), "mailbox.forward-only-set", settled_by="billing"
    ),
    Route(forwarding.DeleteForwardOnly, ("mailbox",), "mailbox.forward-only-deleted", settled_by="billing"),
    Route(forwarding.SetCatchAll, ("domain", "billing", "mailbox"), "mailbox.catch-all-set", settled_by="billing"),
    Route(holds.CancelHold, ("domain",), "domain.hold-cancelled"),
    Route(forwarding.RemoveCatchAll, ("mailbox",), "mailbox.catch-all-removed", settled_by="billing"),
    Route(mailbox.RenamePerson, ("mailbox",), "mailbox.person-renamed"),
    Route(mailbox_v2.RenamePerson, ("mailbox",), "mailbox.person-renamed", outcome_version=2),
    Route(privacy.ErasePerson, ("mailbox",), "mailbox.person-erased", caller="operator"),
    Route(mailbox.SetMailboxPassword, ("mailbox",), "mailbox.mailbox-password-set"),
    Route(mailbox.SetMailboxFeatures, ("mailbox",), "mailbox.features-set"),
    Route(features.UndoMailboxFeatures, ("mailbox",), "mailbox.features-undone"),
    Route(mailbox.RemoveAliases, ("mailbox",), "mailbox.aliases-changed", settled_by="billing"),
    Route(mailbox.BlockSenders, ("mailbox",), "mailbox.blocked-senders-changed"),
    Route(mailbox.UnblockSenders, ("mailbox",), "mailbox.blocked-senders-changed"),
    Route(passwords.RequirePasswordChange, ("mailbox",), "mailbox.password-change-required"),
    Route(spam.TuneSpam, ("mailbox",), "mailbox.spam-tuned"),
    Route(backups.RestoreBackup, ("mailbox",), "mailbox.backup-restored"),
    Route(backups.RecordBackup, ("mailbox",), "mailbox.backup-recorded", caller="operator"),
    Route(backups.ConfirmBackupsDeleted, ("mailbox",), "mailbox.backups-deleted", caller="operator"),
    Route(backups.ReportRestore, ("mailbox",), "mailbox.restore-reported", caller="operator"),
    Route(mailbox.SuspendMailbox, ("mailbox",), "mailbox.mailbox-suspended"),
    Route(mailbox.ReactivateMailbox, ("mailbox",), "mailbox.mailbox-reactivated"),
    Route(
        mailbox.DeleteMailbox,
        ("mailbox",),
        "mailbox.mailbox-deleted",
        settled_by="billing",
        or_outcome="mailbox.mailbox-deletion-scheduled",
    ),
    Route(mailbox.UndeleteMailbox, ("mailbox",), "mailbox.mailbox-undeleted"),
    Route(mailbox.SetGroupMembers, ("mailbox",), "mailbox.group-members-set"),
    Route(mailbox.DeleteGroup, ("mailbox",), "mailbox.group-deleted", settled_by="billing"),
    *(
        Route(request[worker], (worker,) * visits, f"{worker}.{outcome}", caller="operator")
        for request, visits, outcome in (
            (operations.REPLAYS, 1, "replay-begun"),
            (operations.DISCARDS, 1, "dead-letters-discarded"),
            (operations.RECONCILIATIONS, 2, "events-reconciled"),  # begun, and later finished by a wake-up
        )
        for worker in operations.WORKERS
    ),
)

_BY_REQUEST = {route.request: route for route in ROUTES}
_BY_TYPE = {route.message.type: route for route in ROUTES}


def route_of(request: type[BaseModel]) -> Route:
    """Return the route of a request model."""
    return _BY_REQUEST[request]


def route_of_type(message_type: str) -> Route | None:
    """Return the route that a message type enters, or None for hand-overs and facts."""
    return _BY_TYPE.get(message_type)


# What billing tells of accounts: each of these facts has the whole view.
ACCOUNTS = (
    "billing.account-closed.v1",
    "billing.account-closing.v1",
    "billing.account-opened.v1",
    "billing.account-reactivated.v1",
    "billing.account-reopened.v1",
    "billing.account-suspended.v1",
    "billing.account-updated.v1",
    "billing.package-changed.v1",
)

# Who hears which facts, by type. What is not named here reaches subscribers only.
HEARD: dict[str, tuple[str, ...]] = {
    "billing": (
        "domain.account-vacated.v1",
        "domain.account-vacating.v1",
        "mailbox.aliases-changed.v1",
        "mailbox.catch-all-removed.v1",
        "mailbox.catch-all-set.v1",
        "mailbox.forward-only-deleted.v1",
        "mailbox.forward-only-set.v1",
        "mailbox.forwardings-set.v1",
        "mailbox.group-created.v1",
        "mailbox.group-deleted.v1",
        "mailbox.mailbox-created.v1",
        "mailbox.mailbox-deleted.v1",
        "mailbox.mailbox-deletion-scheduled.v1",
        "mailbox.mailbox-undeleted.v1",
        "mailbox.plan-changed.v1",
        "mailbox.request-refused.v1",
    ),
    "domain": (
        *ACCOUNTS,
        "billing.request-refused.v1",
        "dnscheck.advice-checked.v1",
        "dnscheck.mx-checked.v1",
        "dnscheck.txt-checked.v1",
        "domain.domain-claimed.v1",
        "domain.request-refused.v1",
        "mailbox.aliases-changed.v1",
        "mailbox.domain-occupied.v1",
        "mailbox.domain-removal-progress.v1",
        "mailbox.domain-restored.v1",
        "mailbox.domain-vacated.v1",
        "mailbox.mailbox-created.v1",
        "mailbox.request-refused.v1",
    ),
    "mailbox": ACCOUNTS,
    "dnscheck": (),
}

# Who publishes which orders, by type: hand-overs, and the requests of a bulk's items. The bus permits no others.
SENT: dict[str, tuple[str, ...]] = {
    "billing": (
        "billing.invoice-part.v1",
        "domain.claim-domain.v1",
        "mailbox.add-aliases.v1",
        "mailbox.change-plan.v1",
        "mailbox.create-group.v1",
        "mailbox.create-mailbox.v1",
        "mailbox.set-catch-all.v1",
        "mailbox.set-forward-only.v1",
        "mailbox.set-forwardings.v1",
    ),
    "domain": (
        "billing.add-aliases.v1",
        "billing.claim-domain.v1",
        "billing.create-mailbox.v1",
        "billing.set-catch-all.v1",
        "billing.set-forward-only.v1",
        "dnscheck.unwatch-domain.v1",
        "dnscheck.watch-domain.v1",
        "domain.add-aliases.v1",
        "domain.create-mailbox.v1",
        "domain.settle-holds.v1",
        "mailbox.keep-domain.v1",
        "mailbox.remove-domain.v1",
        "mailbox.set-domain-features.v1",
        "mailbox.undo-domain-features.v1",
    ),
    "mailbox": (),
    "dnscheck": (),
}

# Which questions a worker asks others, never while it handles a message: how a bulk's items stand.
ASKED: dict[str, tuple[str, ...]] = {
    "billing": (),
    "domain": ("billing.request.v1", "domain.request.v1", "mailbox.request.v1"),
    "mailbox": (),
    "dnscheck": (),
}

# Requests whose price a quote can hold: billing is on their way, and looks the quote up.
QUOTABLE = frozenset(
    REGISTRY.of(request).type
    for request in (
        billing.ChangePackage, billing.AssignPackage, domain.ClaimDomain, mailbox.CreateMailbox, mailbox.ChangePlan,
        mailbox.AddAliases, mailbox.SetForwardings, mailbox.CreateGroup, forwarding.SetForwardOnly,
        forwarding.SetCatchAll,
    )
)  # fmt: skip

ACCEPTED = frozenset(fact for route in ROUTES for fact in route.accepted)
# The last one ends no single request but the bulk that several are parts of.
OUTCOMES = frozenset((*(outcome for route in ROUTES for outcome in route.outcomes), "domain.bulk-finished"))
# By name, the oldest version: whoever sent the request, a hand-over of its name does not say in which.
_REQUEST_TYPES = {
    route.message.name: route.message.type for route in sorted(ROUTES, key=lambda route: -route.message.version)
}


def outcome_version(message_type: str, versions: Iterable[int]) -> int:
    """Return in which of a fact's versions the sender of a message is answered: his own, or the next that is there."""
    route = route_of_type(request_type(message_type))
    wanted = 1 if route is None else route.outcome_version
    known = sorted(versions)
    return next((version for version in known if version >= wanted), known[-1])


def is_accepted(message_type: str) -> bool:
    """Tell whether an event says that a request waits, and is not its outcome."""
    return message_type.rpartition(".")[0] in ACCEPTED


def request_type(message_type: str) -> str:
    """Return the type of the request that a hand-over of the same name belongs to, else the type itself."""
    if message_type in _BY_TYPE:
        return message_type
    parts = message_type.split(".")
    return _REQUEST_TYPES.get(parts[1], message_type) if len(parts) > 1 else message_type
