"""The bus edge of mailbox, second part: features of mailboxes and domains."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Literal

from contracts.base import Fact
from contracts.domain_v1 import AdmittedDomainFeatures, DomainTarget
from contracts.features_v1 import AdmittedFeatureUndo, FeaturesUndone, UndoMailboxFeatures
from contracts.mailbox_v1 import FeaturesSet, SetMailboxFeatures, TargetFeatures
from contracts.refusals import Refusal, refusal, refuse
from services.chassis.book import Book, Wanted
from services.chassis.fates import Done, Fate, Refused, Say
from services.chassis.received import Received
from services.chassis.service import Moment
from services.mailbox import features, history, rules, views
from services.mailbox.bookkeeping import write
from services.mailbox.handlers import MAX_OUTCOME_BYTES, barred, rows_of, service
from services.mailbox.rows import Domain, Mailbox
from services.mailbox.store import ACCOUNTS, DOMAINS, MAILBOXES
from services.mailbox.store_history import HISTORIES

# --- mailboxes --------------------------------------------------------------------------------------------------

Kind = Literal["set", "undo"]
Changed = tuple[TargetFeatures, Mailbox | None]


def _rows_of_targets(message: Received[SetMailboxFeatures | UndoMailboxFeatures]) -> Iterable[Wanted]:
    yield ACCOUNTS, message.account
    for address in message.data.addresses:
        yield from rows_of(message.account, address)
        yield HISTORIES, (message.account, address)


@service.command(SetMailboxFeatures, keys=_rows_of_targets)
def set_mailbox_features(message: Received[SetMailboxFeatures], book: Book, moment: Moment) -> Fate:
    """Set the features of mailboxes; each answers for itself (R31)."""

    def change(mailbox: Mailbox, domain: Domain) -> Mailbox:
        return features.set_for_mailbox(mailbox, domain, message.data.features)

    return _for_mailboxes(message, book, moment, "set", change, partial(FeaturesSet, requested=message.data.features))


@service.command(UndoMailboxFeatures, keys=_rows_of_targets)
def undo_mailbox_features(message: Received[UndoMailboxFeatures], book: Book, moment: Moment) -> Fate:
    """Put mailboxes' former features back; each answers for itself."""

    def change(mailbox: Mailbox, domain: Domain) -> Mailbox | Refusal:
        known = book.get(HISTORIES, (message.account, mailbox.address))
        return features.undo_for_mailbox(mailbox, domain, history.replaced_by_latest(known, mailbox))

    return _for_mailboxes(message, book, moment, "undo", change, FeaturesUndone)


def _for_mailboxes(
    message: Received[SetMailboxFeatures] | Received[UndoMailboxFeatures],
    book: Book,
    moment: Moment,
    kind: Kind,
    change: Callable[[Mailbox, Domain], Mailbox | Refusal],
    told: Callable[..., Fact],
) -> Fate:
    refused = barred(message, book)
    if refused is not None:
        return Refused(refused)
    addresses = dict.fromkeys(message.data.addresses)
    decided = [_of_mailbox(message.account, address, book, moment, change) for address in addresses]
    fate = _told(message.account, told, [target for target, _ in decided])
    for after in (mailbox for _, mailbox in decided if mailbox) if isinstance(fate, Done) else ():
        before = book.get(MAILBOXES, after.address)
        assert before is not None, "only what there is was changed"
        domain = write(book, before, after)
        _note(book, after, history.of_mailbox(message, kind, before, after, domain, moment.now))
    return fate


def _of_mailbox(
    account: str, address: str, book: Book, moment: Moment, change: Callable[[Mailbox, Domain], Mailbox | Refusal]
) -> Changed:
    before = book.get(MAILBOXES, address)
    entered = rules.enter(before, account, address, "set-mailbox-features", moment.now)
    if isinstance(entered, Refusal):
        return TargetFeatures(target=address, refusal=entered), None
    domain = book.get(DOMAINS, (account, entered.domain))
    assert domain is not None, "a mailbox stands under a domain that has a row"
    after = change(entered, domain)
    if isinstance(after, Refusal):
        return TargetFeatures(target=address, refusal=after), None
    return views.of_target(after, domain), after


# --- domains ----------------------------------------------------------------------------------------------------


def _rows_of_domains(message: Received[AdmittedDomainFeatures | AdmittedFeatureUndo]) -> Iterable[Wanted]:
    for target in message.data.admitted:
        yield DOMAINS, (message.account, target.domain)
        yield HISTORIES, (message.account, target.domain)


@service.command(AdmittedDomainFeatures, keys=_rows_of_domains)
def set_domain_features(message: Received[AdmittedDomainFeatures], book: Book, moment: Moment) -> Fate:
    """Set the features of whole domains; those that the gate refused answer with its reason (R31)."""
    request, account = message.data.request, message.account

    def change(domain: Domain | None, target: DomainTarget) -> Domain:
        opened = features.opened(domain, account, target.domain, target.domain_id)
        return features.set_for_domain(opened, request.features, keep_mailbox_settings=request.keep_mailbox_settings)

    return _for_domains(message, book, moment, "set", change, partial(FeaturesSet, requested=request.features))


@service.command(AdmittedFeatureUndo, keys=_rows_of_domains)
def undo_domain_features(message: Received[AdmittedFeatureUndo], book: Book, moment: Moment) -> Fate:
    """Put the former features of whole domains back; those that the gate refused answer with its reason."""
    account = message.account

    def change(domain: Domain | None, target: DomainTarget) -> Domain | Refusal:
        return features.undo_for_domain(features.opened(domain, account, target.domain, target.domain_id))

    return _for_domains(message, book, moment, "undo", change, FeaturesUndone)


def _for_domains(
    message: Received[AdmittedDomainFeatures] | Received[AdmittedFeatureUndo],
    book: Book,
    moment: Moment,
    kind: Kind,
    change: Callable[[Domain | None, DomainTarget], Domain | Refusal],
    told: Callable[..., Fact],
) -> Fate:
    order, account = message.data, message.account
    targets = {result.target: TargetFeatures(target=result.target, refusal=result.refusal) for result in order.refused}
    changed: list[Domain] = []
    for target in order.admitted:
        domain = book.get(DOMAINS, (account, target.domain))
        closed = rules.closed_to(domain, target.domain, target.domain_id)
        after = refusal(closed) if closed else change(domain, target)
        if isinstance(after, Refusal):
            targets[target.domain] = TargetFeatures(target=target.domain, refusal=after)
        else:
            changed.append(after)
            targets[target.domain] = views.of_domain(target.domain, after)
    names = [name for name in dict.fromkeys(order.request.domains) if name in targets]
    fate = _told(account, told, [targets[name] for name in names])
    for after in changed if isinstance(fate, Done) else ():
        before = book.get(DOMAINS, (account, after.domain))
        book.put(DOMAINS, (account, after.domain), after)
        _note(book, after, history.of_domain(message, kind, before, after, moment.now))
    return fate


# --- both -------------------------------------------------------------------------------------------------------


def _told(account: str, told: Callable[..., Fact], targets: list[TargetFeatures]) -> Fate:
    refusals = [target.refusal for target in targets if target.refusal]
    if len(refusals) == len(targets):
        return Refused(refusal(*(reason for each in refusals for reason in each.findings)))
    fact = told(targets=tuple(targets))
    if len(fact.__pydantic_serializer__.to_json(fact)) > MAX_OUTCOME_BYTES:
        return Refused(refuse("too_many_targets", targets=len(targets)))
    return Done((Say(fact, f"features/{targets[0].target if len(targets) == 1 else account}"),))


def _note(book: Book, target: Mailbox | Domain, change: history.FeatureChange) -> None:
    key = (target.account, target.address if isinstance(target, Mailbox) else target.domain)
    book.put(HISTORIES, key, history.with_change(book.get(HISTORIES, key), change))
