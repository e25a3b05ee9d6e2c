"""One sample of everything that crosses the bus, by type. The golden messages are written from them."""

from collections.abc import Mapping

from pydantic import BaseModel

from contracts import billing_v1 as billing
from contracts import dnscheck_v1 as dnscheck
from contracts import domain_v1 as domain
from contracts import forwarding_v1 as forwarding
from contracts import holds_v1 as holds
from contracts import invoicing_v1 as invoicing
from contracts import mailbox_v1 as mailbox
from contracts import mailbox_v2, sample_mailboxes
from contracts import privacy_v1 as privacy
from contracts import sample_bulks as bulks
from contracts import sample_dryruns as dry_runs
from contracts import sample_invoices as bills
from contracts import sample_leaving as leaving
from contracts import sample_operations as operations
from contracts import sample_packages as packages
from contracts import sample_parts as of
from contracts import sample_trails as trails
from contracts.evolution import view_up
from contracts.messages import SERVICES, AskRequest
from contracts.refusals import RequestRefused, refuse
from contracts.sample_parts import ANNA, BERND, DOMAIN, DOMAIN_ID, PASSWORD_HASH, REQUEST, UMLAUT_DOMAIN

BUREAU = f"buero@{UMLAUT_DOMAIN}"
BLOCKED = ("@werbung.example", "lotto@gewinn.example")

_CREATE = mailbox.CreateMailbox(
    address=ANNA, first_name="Anna", last_name="Petersen", plan="office", password_hash=PASSWORD_HASH
)
_ALIASES = mailbox.AddAliases(address=ANNA, aliases=(f"segel@{DOMAIN}", BUREAU))
_CHANGE_PLAN = mailbox.ChangePlan(address=ANNA, plan="office")
_FORWARD = mailbox.SetForwardings(address=ANNA, targets=("anna@example.org",), keep_copy=True)
_GROUP = mailbox.CreateGroup(name="Törn-Planung", members=(ANNA, BERND))
_CLAIM = domain.ClaimDomain(domain=DOMAIN, password_hash=PASSWORD_HASH)
_FEATURES = domain.SetDomainFeatures(domains=(DOMAIN, UMLAUT_DOMAIN), features=("backup",), keep_mailbox_settings=True)
_DOMAIN_IDS = {DOMAIN: DOMAIN_ID, UMLAUT_DOMAIN: of.UMLAUT_DOMAIN_ID}
_ALIAS_HOLDERS = tuple(f"alias_forward/{alias}" for alias in _ALIASES.aliases)
_FORWARD_HOLDER = f"alias_forward/{ANNA}>anna@example.org"

_FORWARD_ONLY = forwarding.SetForwardOnly(
    address=f"info@{DOMAIN}", targets=(ANNA, "info@example.org"), when_unverified="hold"
)
_CATCH_ALL = forwarding.SetCatchAll(domain=DOMAIN, mailbox=ANNA)

REQUESTS: dict[str, BaseModel] = {
    "billing.open-account.v1": billing.OpenAccount(
        package="reseller",
        terms=of.CONTRACT,
        company="Nordwind Segel GmbH",
        vat_id="DE123456789",
        email="buero@nordwind-segel.de",
        payment_email="rechnung@nordwind-segel.de",
        phone="+49 431 5550100",
        language="de",
        street="Hafenstraße 7",
        postcode="24103",
        city="Kiel",
        country="DE",
    ),
    "billing.update-account.v1": billing.UpdateAccount(phone="+49 431 5550199", language="en"),
    "billing.change-package.v1": billing.ChangePackage(package="gold"),
    "billing.assign-package.v1": billing.AssignPackage(package="reseller", terms=of.CONTRACT),
    "billing.record-vat-check.v1": invoicing.RecordVatCheck(
        vat_id="DE123456789", valid=True, checked_on=of.VALID_FROM, reference="WAPIAAAA"
    ),
    "billing.run-invoices.v1": invoicing.RunInvoices(period="2026-03"),
    "billing.credit-invoice.v1": invoicing.CreditInvoice(
        number=bills.NUMBER, lines=(invoicing.CreditedLine(line=1, amount_cents=500),), reason="Nachlass"
    ),
    "billing.claim-domain.v1": _CLAIM,
    "billing.change-plan.v1": _CHANGE_PLAN,
    "billing.set-forwardings.v1": _FORWARD,
    "billing.create-group.v1": _GROUP,
    "domain.validate-domain.v1": domain.ValidateDomain(domain=DOMAIN),
    "domain.check-mx.v1": domain.CheckMx(domain=UMLAUT_DOMAIN),
    "domain.check-mail-records.v1": domain.CheckMailRecords(domain=DOMAIN),
    "domain.set-domain-password.v1": domain.SetDomainPassword(domain=DOMAIN, password_hash=PASSWORD_HASH),
    "domain.set-domain-features.v1": _FEATURES,
    "domain.remove-domain.v1": domain.RemoveDomain(domain=DOMAIN, with_mailboxes=True),
    "domain.answer-transfer.v1": domain.AnswerTransfer(domain=DOMAIN, consent=False),
    "domain.decide-transfer.v1": domain.DecideTransfer(domain=DOMAIN, to="claimant", claimant="suedwind"),
    "domain.create-mailbox.v1": _CREATE,
    "domain.add-aliases.v1": _ALIASES,
    "domain.set-forward-only.v1": _FORWARD_ONLY,
    "domain.cancel-hold.v1": holds.CancelHold(request_id=REQUEST),
    "domain.set-catch-all.v1": _CATCH_ALL,
    "mailbox.delete-forward-only.v1": forwarding.DeleteForwardOnly(address=_FORWARD_ONLY.address),
    "mailbox.remove-catch-all.v1": forwarding.RemoveCatchAll(domain=UMLAUT_DOMAIN),
    "mailbox.rename-person.v1": mailbox.RenamePerson(address=ANNA, first_name="Anna", last_name="Größmann"),
    "mailbox.erase-person.v1": privacy.ErasePerson(address=ANNA),
    "mailbox.rename-person.v2": mailbox_v2.RenamePerson(
        address=ANNA, person=mailbox_v2.NewPerson(family_name="Segelwerkstatt")
    ),
    "mailbox.set-mailbox-password.v1": mailbox.SetMailboxPassword(address=ANNA, password_hash=PASSWORD_HASH),
    "mailbox.set-mailbox-features.v1": mailbox.SetMailboxFeatures(addresses=(ANNA, BERND), features=("blacklist",)),
    "mailbox.remove-aliases.v1": mailbox.RemoveAliases(address=ANNA, aliases=(BUREAU,)),
    "mailbox.block-senders.v1": mailbox.BlockSenders(address=ANNA, senders=BLOCKED),
    "mailbox.unblock-senders.v1": mailbox.UnblockSenders(address=ANNA, senders=BLOCKED[:1]),
    "mailbox.suspend-mailbox.v1": mailbox.SuspendMailbox(address=ANNA),
    "mailbox.reactivate-mailbox.v1": mailbox.ReactivateMailbox(address=ANNA),
    "mailbox.delete-mailbox.v1": mailbox.DeleteMailbox(address=ANNA, on=of.GONE_ON),
    "mailbox.undelete-mailbox.v1": mailbox.UndeleteMailbox(address=ANNA),
    "mailbox.set-group-members.v1": mailbox.SetGroupMembers(name="Törn-Planung", members=(ANNA,)),
    "mailbox.delete-group.v1": mailbox.DeleteGroup(name="Törn-Planung"),
}

HAND_OVERS: dict[str, BaseModel] = {
    "billing.invoice-part.v1": invoicing.InvoicePart(period="2026-03", part=2, parts=4),
    "domain.claim-domain.v1": billing.AcceptedClaim(request=_CLAIM, standing=of.STANDING, language="de"),
    "billing.create-mailbox.v1": billing.AdmittedMailbox(request=_CREATE, domain_id=DOMAIN_ID),
    "billing.add-aliases.v1": billing.AdmittedAliases(request=_ALIASES, domain_ids=_DOMAIN_IDS),
    "mailbox.create-mailbox.v1": billing.ReservedMailbox(
        request=_CREATE, domain_id=DOMAIN_ID, terms=of.OFFICE, reservation=of.reservation(of.HOLDER)
    ),
    "mailbox.add-aliases.v1": billing.ReservedAliases(
        request=_ALIASES, domain_ids=_DOMAIN_IDS, reservation=of.reservation(*_ALIAS_HOLDERS)
    ),
    "mailbox.change-plan.v1": billing.PricedPlanChange(
        request=_CHANGE_PLAN, terms=of.OFFICE, reservation=of.reservation(f"plan.office/{ANNA}")
    ),
    "mailbox.set-forwardings.v1": billing.ReservedForwardings(
        request=_FORWARD, reservation=of.reservation(_FORWARD_HOLDER)
    ),
    "domain.settle-holds.v1": holds.SettleHolds(domain=DOMAIN),
    "billing.set-forward-only.v1": forwarding.AdmittedForwardOnly(request=_FORWARD_ONLY, domain_id=DOMAIN_ID),
    "billing.set-catch-all.v1": forwarding.AdmittedCatchAll(request=_CATCH_ALL, domain_id=DOMAIN_ID),
    "mailbox.set-forward-only.v1": forwarding.ReservedForwardOnly(
        request=_FORWARD_ONLY, domain_id=DOMAIN_ID, reservation=of.reservation(f"forward-only/{_FORWARD_ONLY.address}")
    ),
    "mailbox.set-catch-all.v1": forwarding.ReservedCatchAll(
        request=_CATCH_ALL, domain_id=DOMAIN_ID, reservation=of.reservation(f"catch-all/{DOMAIN}")
    ),
    "mailbox.create-group.v1": billing.ReservedGroup(request=_GROUP, reservation=of.reservation("group/Törn-Planung")),
    "mailbox.set-domain-features.v1": domain.AdmittedDomainFeatures(
        request=_FEATURES,
        admitted=(domain.DomainTarget(domain=DOMAIN, domain_id=DOMAIN_ID),),
        refused=(domain.TargetResult(target=UMLAUT_DOMAIN, refusal=of.DOMAIN_UNKNOWN),),
    ),
    "mailbox.remove-domain.v1": domain.DomainRemoval(
        request=domain.RemoveDomain(domain=DOMAIN), domain_id=DOMAIN_ID, deletes_at=of.GONE_AT
    ),
    "dnscheck.watch-domain.v1": dnscheck.WatchDomain(
        domain_id=DOMAIN_ID,
        domain=DOMAIN,
        facet="txt",
        record_name=f"_postkontor-challenge.{DOMAIN}",
        record_value=of.TOKEN,
        old_values=("token=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",),
        request_id=REQUEST,
    ),
    "dnscheck.unwatch-domain.v1": dnscheck.UnwatchDomain(domain_id=DOMAIN_ID),
}

REFUSALS: dict[str, BaseModel] = {
    "billing.request-refused.v1": RequestRefused(
        request_id=REQUEST,
        request_type="domain.create-mailbox.v1",
        refusal=refuse("cap_reached", resource="mailbox", allowed=50, used=49, reserved=1, requested=1),
    ),
    "domain.request-refused.v1": RequestRefused(
        request_id=REQUEST, request_type="domain.validate-domain.v1", refusal=of.DOMAIN_UNKNOWN
    ),
    "mailbox.request-refused.v1": RequestRefused(
        request_id=REQUEST,
        request_type="domain.create-mailbox.v1",
        refusal=refuse("address_taken", address=ANNA),
        reservation=(of.HOLDER,),
    ),
    "dnscheck.request-refused.v1": RequestRefused(
        request_id=REQUEST,
        request_type="dnscheck.watch-domain.v1",
        refusal=refuse("wrong_shape", field="data.facet", reason="'txt' or 'mx'"),
    ),
}

BILLING_FACTS: dict[str, BaseModel] = {
    "billing.account-opened.v1": billing.AccountOpened(account=of.account()),
    "billing.account-updated.v1": billing.AccountUpdated(account=of.account(revision=2)),
    "billing.package-changed.v1": billing.PackageChanged(
        account=of.account(package="gold", price_cents=7_500, revision=3), previous_package="silver"
    ),
    "billing.capacity-reserved.v1": billing.CapacityReserved(
        request_id=REQUEST, holders=(of.HOLDER,), plan=of.OFFICE, expires_at=of.LATER, capacities=of.CAPACITIES
    ),
    "billing.capacity-confirmed.v1": billing.CapacityConfirmed(
        request_id=REQUEST, holders=(of.HOLDER,), capacities=of.CAPACITIES
    ),
    "billing.capacity-released.v1": billing.CapacityReleased(
        request_id=REQUEST, holders=(of.HOLDER,), reason="expired", capacities=of.CAPACITIES
    ),
    "billing.invoice-finalized.v1": invoicing.InvoiceFinalized(invoice=bills.INVOICE),
    "billing.credit-note-issued.v1": invoicing.CreditNoteIssued(invoice=bills.CREDIT_NOTE),
    "billing.account-parked.v1": invoicing.AccountParked(period="2026-03", reason=bills.PARKED),
    "billing.invoice-run-progress.v1": invoicing.InvoiceRunProgress(
        period="2026-03", part=2, parts=4, counts=bills.COUNTS
    ),
    "billing.invoice-run-finished.v1": invoicing.InvoiceRunFinished(period="2026-03", counts=bills.COUNTS),
    "billing.ledger-differs.v1": invoicing.LedgerDiffers(
        differences=1, examples=("nordwind mailbox: the ledger says 12, found 13",)
    ),
}

_CLAIMED = of.a_domain("claimed")
_ACTIVE = of.a_domain("active", revision=3)
_HELD = of.a_domain("active", proof="lapsed", transfer=of.a_transfer("holder"), revision=8)
DOMAIN_FACTS: dict[str, BaseModel] = {
    "domain.domain-claimed.v1": domain.DomainClaimed(domain=_CLAIMED),
    "domain.domain-verified.v1": domain.DomainVerified(
        domain=of.a_domain("verified", name=UMLAUT_DOMAIN, unicode="bücher.de", revision=2)
    ),
    "domain.domain-activated.v1": domain.DomainActivated(domain=_ACTIVE),
    "domain.domain-password-set.v1": domain.DomainPasswordSet(domain=_ACTIVE),
    "domain.domain-features-changed.v1": domain.DomainFeaturesChanged(domain=_ACTIVE),
    "domain.domain-removed.v1": domain.DomainRemoved(domain=of.a_domain("removed", revision=5)),
    "domain.claim-lost.v1": domain.ClaimLost(domain=of.a_domain("lost", revision=2)),
    "domain.claim-abandoned.v1": domain.ClaimAbandoned(domain=of.a_domain("abandoned", revision=9), text=of.BE_PATIENT),
    "domain.proof-reminder.v1": domain.ProofReminder(domain=_CLAIMED, attempt=of.NOT_YET, hours=24, text=of.BE_PATIENT),
    "domain.domain-at-risk.v1": domain.DomainAtRisk(
        domain=of.a_domain("active", proof="at_risk", revision=4), text=of.BE_PATIENT
    ),
    "domain.domain-lapsed.v1": domain.DomainLapsed(
        domain=of.a_domain("active", proof="lapsed", revision=7), text=of.BE_PATIENT
    ),
    "domain.domain-recovered.v1": domain.DomainRecovered(domain=_ACTIVE, previous="lapsed"),
    "domain.transfer-opened.v1": domain.TransferOpened(
        domain=_HELD, role="holder", answer_by=of.ANSWER_BY, text=of.CONTESTED
    ),
    "domain.transfer-disputed.v1": domain.TransferDisputed(
        domain=of.a_domain("contested", transfer=of.a_transfer("claimant", "disputed")),
        role="claimant",
        text=of.CONTESTED,
    ),
    "domain.transfer-overdue.v1": domain.TransferOverdue(
        domain=of.a_domain("active", proof="lapsed", transfer=of.a_transfer("holder", "overdue")),
        role="holder",
        text=of.CONTESTED,
    ),
    "domain.transfer-closed.v1": domain.TransferClosed(
        domain=_ACTIVE, role="holder", reason="withdrawn", text=of.ALL_DONE
    ),
    "domain.transfer-answered.v1": domain.TransferAnswered(domain=_HELD, consent=False),
    "domain.transfer-decided.v1": domain.TransferDecided(domain=_ACTIVE, to="holder"),
    "domain.validation-finished.v1": domain.ValidationFinished(domain=_CLAIMED, verified=False, attempt=of.NOT_YET),
    "domain.mx-check-finished.v1": domain.MxCheckFinished(domain=_ACTIVE, attempt=of.MX_OK),
    "domain.mail-records-check-finished.v1": domain.MailRecordsCheckFinished(domain=_ACTIVE, advice=of.MAIL_ADVICE),
    "domain.mx-changed.v1": domain.MxChanged(domain=_ACTIVE, previous="foreign"),
    "domain.mailbox-admitted.v1": domain.MailboxAdmitted(request_id=REQUEST, address=ANNA, domain_id=DOMAIN_ID),
    "domain.aliases-admitted.v1": domain.AliasesAdmitted(request_id=REQUEST, address=ANNA, aliases=_ALIASES.aliases),
    "domain.forward-only-admitted.v1": forwarding.ForwardOnlyAdmitted(
        request_id=REQUEST, address=_FORWARD_ONLY.address, domain_id=DOMAIN_ID
    ),
    "domain.request-parked.v1": holds.RequestParked(hold=of.HOLD, findings=(of.UNVERIFIED,), text=of.BE_PATIENT),
    "domain.hold-cancelled.v1": holds.HoldCancelled(
        request_id=REQUEST, request_type=of.HOLD.request_type, address=ANNA
    ),
    "domain.catch-all-admitted.v1": forwarding.CatchAllAdmitted(request_id=REQUEST, domain=DOMAIN, domain_id=DOMAIN_ID),
    "dnscheck.txt-checked.v1": dnscheck.TxtChecked(
        domain_id=DOMAIN_ID, domain=DOMAIN, requests=(REQUEST,), attempt=of.SEEN
    ),
    "dnscheck.mx-checked.v1": dnscheck.MxChecked(domain_id=DOMAIN_ID, domain=DOMAIN, requests=(), attempt=of.MX_OK),
    "dnscheck.advice-checked.v1": dnscheck.AdviceChecked(
        domain_id=DOMAIN_ID, domain=DOMAIN, requests=(REQUEST,), advice=of.MAIL_ADVICE
    ),
}

MAILBOX_FACTS: dict[str, BaseModel] = {
    "mailbox.mailbox-created.v1": mailbox.MailboxCreated(
        mailbox=of.a_mailbox(features=mailbox.FeatureState(on=(), origin="default"), revision=1)
    ),
    "mailbox.person-renamed.v1": mailbox.PersonRenamed(mailbox=of.a_mailbox(last_name="Größmann")),
    "mailbox.person-erased.v1": privacy.PersonErased(
        mailbox=view_up(of.a_mailbox(state="deleted", last_name="")), erased_at=of.AT, complete_on=of.AT.date()
    ),
    "mailbox.person-renamed.v2": mailbox_v2.PersonRenamed(mailbox=view_up(of.a_mailbox(last_name="Größmann"))),
    "mailbox.mailbox-password-set.v1": mailbox.MailboxPasswordSet(mailbox=of.a_mailbox()),
    "mailbox.plan-changed.v1": mailbox.PlanChanged(mailbox=of.a_mailbox(plan=of.MAILXL), previous_plan="office"),
    "mailbox.aliases-changed.v1": mailbox.AliasesChanged(mailbox=of.a_mailbox(aliases=_ALIASES.aliases)),
    "mailbox.forwardings-set.v1": mailbox.ForwardingsSet(mailbox=of.a_mailbox(forwardings=_FORWARD.targets)),
    "mailbox.features-set.v1": mailbox.FeaturesSet(requested=("backup",), targets=sample_mailboxes.TARGETS),
    "mailbox.blocked-senders-changed.v1": mailbox.BlockedSendersChanged(mailbox=of.a_mailbox(blocked_senders=BLOCKED)),
    "mailbox.mailbox-suspended.v1": mailbox.MailboxSuspended(mailbox=of.a_mailbox(state="suspended")),
    "mailbox.mailbox-reactivated.v1": mailbox.MailboxReactivated(mailbox=of.a_mailbox()),
    "mailbox.mailbox-deletion-scheduled.v1": mailbox.MailboxDeletionScheduled(mailbox=of.a_mailbox(state="deleting")),
    "mailbox.mailbox-undeleted.v1": mailbox.MailboxUndeleted(mailbox=of.a_mailbox()),
    "mailbox.mailbox-deleted.v1": mailbox.MailboxDeleted(mailbox=of.a_mailbox(state="deleted")),
    "mailbox.forward-only-set.v1": forwarding.ForwardOnlySet(forward_only=of.FORWARD_ONLY),
    "mailbox.forward-only-deleted.v1": forwarding.ForwardOnlyDeleted(
        forward_only=of.FORWARD_ONLY.model_copy(update={"targets": (), "deleted_at": of.AT, "revision": 2})
    ),
    "mailbox.catch-all-set.v1": forwarding.CatchAllSet(catch_all=of.CATCH_ALL),
    "mailbox.catch-all-removed.v1": forwarding.CatchAllRemoved(
        catch_all=of.CATCH_ALL.model_copy(update={"mailbox": None, "revision": 2})
    ),
    "mailbox.group-created.v1": mailbox.GroupCreated(group=of.a_group(ANNA, BERND)),
    "mailbox.group-members-set.v1": mailbox.GroupMembersSet(group=of.a_group(ANNA, revision=2)),
    "mailbox.group-deleted.v1": mailbox.GroupDeleted(group=of.a_group(revision=3)),
    "mailbox.domain-vacated.v1": mailbox.DomainVacated(domain=DOMAIN, domain_id=DOMAIN_ID),
    "mailbox.domain-occupied.v1": mailbox.DomainOccupied(domain=DOMAIN, domain_id=DOMAIN_ID, mailboxes=11, aliases=4),
}

QUESTIONS: Mapping[str, BaseModel] = {
    "billing.account.v1": billing.AskAccount(),
    "billing.usage.v1": billing.AskUsage(),
    "billing.quote.v1": billing.AskQuote(plan="office", quantity=12),
    "billing.catalogue.v1": billing.AskCatalogue(on=of.VALID_FROM),
    "billing.invoices.v1": invoicing.AskInvoices(before=bills.NUMBER, limit=50),
    "billing.invoice.v1": invoicing.AskInvoice(number=bills.NUMBER),
    "billing.invoice-line.v1": invoicing.AskInvoiceLine(number=bills.NUMBER, line=2, limit=100),
    "billing.invoice-file.v1": invoicing.AskInvoiceFile(number=bills.NUMBER, format="xml", offset=131_072),
    "domain.domain.v1": domain.AskDomain(domain=UMLAUT_DOMAIN),
    "domain.domains.v1": domain.AskDomains(after=DOMAIN, limit=50),
    "dnscheck.attempts.v1": dnscheck.AskAttempts(domain=DOMAIN, limit=5),
    "mailbox.mailbox.v1": mailbox.AskMailbox(address=ANNA),
    "mailbox.mailboxes.v1": mailbox.AskMailboxes(domain=DOMAIN, after=ANNA, limit=50),
    "mailbox.features.v1": mailbox.AskFeatures(domains=(DOMAIN,), addresses=(ANNA,)),
    "mailbox.groups.v1": mailbox.AskGroups(after="Törn-Planung", limit=10),
    "mailbox.forward-only.v1": forwarding.AskForwardOnly(after=ANNA, limit=10),
    "domain.holds.v1": holds.AskHolds(domain=DOMAIN, after=3, limit=10),
    "mailbox.catch-alls.v1": forwarding.AskCatchAlls(after=DOMAIN, limit=10),
} | {f"{service}.request.v1": AskRequest(request_id=REQUEST) for service in SERVICES}

ANSWERS: Mapping[str, BaseModel] = {
    "billing.account-answer.v1": billing.AccountAnswer(account=of.account()),
    "billing.usage-answer.v1": billing.UsageAnswer(
        account=of.ACCOUNT,
        package="silver",
        package_price_cents=2_500,
        capacities=of.CAPACITIES,
        plans=(billing.PlanUsage(plan="office", price_cents=450, mailboxes=12, total_cents=5_400),),
        monthly_total_cents=7_900,
    ),
    "billing.quote-answer.v1": billing.QuoteAnswer(terms=of.OFFICE, quantity=12, total_cents=5_400, room=37),
    "billing.catalogue-answer.v1": billing.CatalogueAnswer(
        catalogue=of.CATALOGUE,
        valid_from=of.VALID_FROM,
        plans=(of.MAIL_OFFER, of.OFFICE_OFFER),
        packages=(of.SILVER_OFFER, of.RESELLER_OFFER),
    ),
    "billing.invoices-answer.v1": invoicing.InvoicesAnswer(
        invoices=(bills.SUMMARY,), next=None, parked=(invoicing.ParkedMonth(period="2026-02", reason=bills.PARKED),)
    ),
    "billing.invoice-answer.v1": invoicing.InvoiceAnswer(invoice=bills.INVOICE),
    "billing.invoice-line-answer.v1": invoicing.InvoiceLineAnswer(line=bills.OFFICE, facts=(bills.BEHIND,), next=None),
    "billing.invoice-file-answer.v1": invoicing.InvoiceFileAnswer(issued=True, file=bills.FILE, problem=None),
    "domain.domain-answer.v1": domain.DomainAnswer(domain=None),
    "domain.domains-answer.v1": domain.DomainsAnswer(domains=(_ACTIVE,), next=DOMAIN),
    "domain.holds-answer.v1": holds.HoldsAnswer(holds=(of.HOLD,), next=4),
    "dnscheck.attempts-answer.v1": dnscheck.AttemptsAnswer(
        txt=(of.SEEN, of.NOT_YET), mx=(of.MX_OK,), advice=of.MAIL_ADVICE
    ),
    "mailbox.mailbox-answer.v1": mailbox.MailboxAnswer(mailbox=of.a_mailbox()),
    "mailbox.mailboxes-answer.v1": mailbox.MailboxesAnswer(mailboxes=(of.a_mailbox(),), next=None),
    "mailbox.features-answer.v1": mailbox.FeaturesAnswer(targets=sample_mailboxes.TARGETS),
    "mailbox.groups-answer.v1": mailbox.GroupsAnswer(groups=(of.a_group(ANNA),), next=None),
    "mailbox.forward-only-answer.v1": forwarding.ForwardOnlyAnswer(addresses=(of.FORWARD_ONLY,), next=None),
    "mailbox.catch-alls-answer.v1": forwarding.CatchAllsAnswer(catch_alls=(of.CATCH_ALL,), next=DOMAIN),
}

SAMPLES: dict[str, BaseModel] = {
    **REQUESTS,
    **bulks.REQUESTS,
    **HAND_OVERS,
    **REFUSALS,
    **dry_runs.DRY_RUNS,
    **BILLING_FACTS,
    **DOMAIN_FACTS,
    **bulks.FACTS,
    **MAILBOX_FACTS,
    **QUESTIONS,
    **bulks.QUESTIONS,
    **ANSWERS,
    **trails.questions(SERVICES),
    **trails.answers(SERVICES),
    **trails.steps(SERVICES),
    **bulks.ANSWERS,
    **packages.FACTS,
    **packages.QUESTIONS,
    **packages.ANSWERS,
    **leaving.REQUESTS,
    **leaving.HAND_OVERS,
    **leaving.FACTS,
    **leaving.QUESTIONS,
    **leaving.ANSWERS,
    **sample_mailboxes.MORE,
    **operations.SAMPLES,
}
