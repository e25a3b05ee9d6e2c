"""The golden messages of what is given up: a domain with its mailboxes, an account with its domains."""

from pydantic import BaseModel

from contracts import closure_v1 as closure
from contracts import removal_v1 as removal
from contracts import sample_parts as of
from contracts.sample_parts import DOMAIN, DOMAIN_ID, REQUEST

_LEAVING = of.a_domain("removing", revision=4).model_copy(update={"removes_at": of.GONE_AT})
_KEEP = removal.KeepDomain(domain=DOMAIN)
REMOVAL = removal.Removal(
    domain=DOMAIN,
    domain_id=DOMAIN_ID,
    phase="scheduling",
    deletes_at=of.GONE_AT,
    mailboxes_total=11,
    mailboxes_left=11,
    aliases_total=4,
    aliases_left=4,
    scheduled=7,
    portions=1,
)
_PROGRESS = closure.AccountClosureProgress(closes_at=of.GONE_AT, domains_total=3, domains_left=2, mailboxes_left=11)

REQUESTS: dict[str, BaseModel] = {
    "billing.suspend-account.v1": closure.SuspendAccount(reason="Rechnung RE-2026-000001 ist offen"),
    "billing.reactivate-account.v1": closure.ReactivateAccount(),
    "billing.close-account.v1": closure.CloseAccount(on=of.GONE_ON),
    "billing.reopen-account.v1": closure.ReopenAccount(),
    "domain.keep-domain.v1": _KEEP,
}
HAND_OVERS: dict[str, BaseModel] = {
    "mailbox.keep-domain.v1": removal.DomainKeeping(request=_KEEP, domain_id=DOMAIN_ID),
}
FACTS: dict[str, BaseModel] = {
    "billing.account-suspended.v1": closure.AccountSuspended(
        account=of.account(revision=4).model_copy(update={"state": "suspended"}), reason="Zahlung offen"
    ),
    "billing.account-reactivated.v1": closure.AccountReactivated(account=of.account(revision=5)),
    "billing.account-closing.v1": closure.AccountClosing(
        account=of.account(revision=6).model_copy(update={"state": "closing"}),
        closure_id=REQUEST,
        closes_at=of.GONE_AT,
    ),
    "billing.account-closure-progress.v1": _PROGRESS,
    "billing.account-closed.v1": closure.AccountClosed(
        account=of.account(revision=7).model_copy(update={"state": "closed"}), closed_at=of.GONE_AT
    ),
    "billing.account-reopened.v1": closure.AccountReopened(account=of.account(revision=8), was_closed=False),
    "domain.domain-removal-started.v1": removal.DomainRemovalStarted(
        domain=_LEAVING, deletes_at=of.GONE_AT, mailboxes=11, aliases=4
    ),
    "domain.domain-kept.v1": removal.DomainKept(domain=of.a_domain("active", revision=5)),
    "domain.account-vacating.v1": closure.AccountVacating(closure_id=REQUEST, domains_total=3, domains_left=2),
    "domain.account-vacated.v1": closure.AccountVacated(closure_id=REQUEST, domains_total=3),
    "mailbox.domain-removal-progress.v1": removal.DomainRemovalProgress(removal=REMOVAL),
    "mailbox.domain-restored.v1": removal.DomainRestored(domain=DOMAIN, domain_id=DOMAIN_ID, mailboxes=7),
}
QUESTIONS: dict[str, BaseModel] = {
    "billing.closure.v1": closure.AskClosure(),
    "mailbox.domain-removal.v1": removal.AskRemoval(domain=DOMAIN),
}
ANSWERS: dict[str, BaseModel] = {
    "billing.closure-answer.v1": closure.ClosureAnswer(closure=_PROGRESS),
    "mailbox.domain-removal-answer.v1": removal.RemovalAnswer(removal=REMOVAL, mailboxes=11, aliases=4),
}
