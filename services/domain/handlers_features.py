"""The bus edge of domain, fourth part: the default features of domains, set and undone (R31).

The domain worker lets a domain pass and changes its defaults; what that means for mailboxes is mailbox's matter. Both
keep what the latest change has replaced, and hear of the changes in one order: an undo is the same in both.
"""

from collections.abc import Callable, Iterable
from typing import Any

from contracts.domain_v1 import (
    AdmittedDomainFeatures,
    DomainFeaturesChanged,
    DomainTarget,
    SetDomainFeatures,
    TargetResult,
)
from contracts.features_v1 import AdmittedFeatureUndo, UndoDomainFeatures
from contracts.refusals import Finding, Refusal, refusal
from services.chassis.book import Book, Wanted
from services.chassis.fates import Fate, HandedOver, Order, Refused, Say
from services.chassis.received import Received
from services.chassis.service import Moment
from services.domain import rules
from services.domain.gate import may_have_features
from services.domain.handlers import keep, name_of, refused_account, service
from services.domain.outgoing import say
from services.domain.rows import Claim
from services.domain.store import ACCOUNTS, NAMES
from services.domain.views import view

Change = Callable[[Claim], Claim | Refusal]


def _rows_of_domains(message: Received[SetDomainFeatures | UndoDomainFeatures]) -> Iterable[Wanted]:
    return (ACCOUNTS, message.account), *((NAMES, domain) for domain in message.data.domains)


@service.command(SetDomainFeatures, keys=_rows_of_domains)
def set_domain_features(message: Received[SetDomainFeatures], book: Book, moment: Moment) -> Fate:
    """Set the default features of domains; each target answers for itself (R31)."""

    def change(claim: Claim) -> Claim:
        return rules.set_features(claim, message.data.features, moment.now)

    return _for_domains(message, book, change, AdmittedDomainFeatures)


@service.command(UndoDomainFeatures, keys=_rows_of_domains)
def undo_domain_features(message: Received[UndoDomainFeatures], book: Book, moment: Moment) -> Fate:
    """Put the former default features of domains back; each target answers for itself."""
    return _for_domains(message, book, lambda claim: rules.undo_features(claim, moment.now), AdmittedFeatureUndo)


def _for_domains(
    message: Received[SetDomainFeatures] | Received[UndoDomainFeatures],
    book: Book,
    change: Change,
    admitted: type[AdmittedDomainFeatures | AdmittedFeatureUndo],
) -> Fate:
    reason = refused_account(message, book)
    if reason is not None:
        return Refused(reason)
    targets = {domain: _changed(message, book, domain, change) for domain in dict.fromkeys(message.data.domains)}
    refusals = {domain: found for domain, found in targets.items() if isinstance(found, Refusal)}
    if len(refusals) == len(targets):
        return Refused(refusal(*(reason for found in refusals.values() for reason in found.findings)))
    claims = [claim for claim in targets.values() if isinstance(claim, Claim)]
    says = [told for claim in claims for told in _kept(book, claim)]
    request: Any = message.data
    order = admitted(
        request=request,
        admitted=tuple(DomainTarget(domain=claim.domain, domain_id=claim.domain_id) for claim in claims),
        refused=tuple(TargetResult(target=domain, refusal=found) for domain, found in refusals.items()),
    )
    return HandedOver(orders=(Order(order, key=str(message.request_id)),), says=tuple(says))


def _changed(message: Received[Any], book: Book, domain: str, change: Change) -> Claim | Refusal:
    found = may_have_features(book.get(NAMES, domain), domain, message.account)
    return refusal(found) if isinstance(found, Finding) else change(found)


def _kept(book: Book, claim: Claim) -> Iterable[Say]:
    """Keep a claim, and say so where its features are others than before."""
    name = name_of(book, claim.domain)
    before = name.of(claim.account)
    after = keep(book, name, claim)
    if before is None or before.features != claim.features:
        yield say(DomainFeaturesChanged(domain=view(claim, after)), claim)
