"""The bus edge of mailbox, second part: features of mailboxes and domains, and the removal of domains."""

from collections.abc import Iterable

from contracts.domain_v1 import AdmittedDomainFeatures, DomainRemoval
from contracts.envelope import MAX_MESSAGE_BYTES
from contracts.mailbox_v1 import DomainOccupied, DomainVacated, FeaturesSet, SetMailboxFeatures, TargetFeatures
from contracts.refusals import Refusal, refusal, refuse
from contracts.values import Feature
from services.chassis.book import Book, Wanted
from services.chassis.fates import Done, Fate, Refused, Say
from services.chassis.received import Received
from services.chassis.service import Moment
from services.mailbox import features, rules, views
from services.mailbox.bookkeeping import write
from services.mailbox.handlers import barred, rows_of, service
from services.mailbox.rows import Domain, Mailbox, Tally
from services.mailbox.store import ACCOUNTS, DOMAINS, MAILBOXES

MAX_OUTCOME_BYTES = MAX_MESSAGE_BYTES - 8_192  # the envelope takes the rest

# --- features ---------------------------------------------------------------------------------------------------


def _rows_of_targets(message: Received[SetMailboxFeatures]) -> Iterable[Wanted]:
    yield ACCOUNTS, message.account
    for address in message.data.addresses:
        yield from rows_of(message.account, address)


@service.command(SetMailboxFeatures, keys=_rows_of_targets)
def set_mailbox_features(message: Received[SetMailboxFeatures], book: Book, moment: Moment) -> Fate:
    """Set the features of mailboxes; each answers for itself (R31)."""
    refused = barred(message, book)
    if refused is not None:
        return Refused(refused)
    ask = message.data
    decided = [_with_features(message, address, book, moment) for address in dict.fromkeys(ask.addresses)]
    targets = [target for target, _ in decided]
    fate = _features_set(message.account, ask.features, targets)
    if isinstance(fate, Done):
        for mailbox in (mailbox for _, mailbox in decided if mailbox):
            write(book, book.get(MAILBOXES, mailbox.address), mailbox)
    return fate


def _with_features(
    message: Received[SetMailboxFeatures], address: str, book: Book, moment: Moment
) -> tuple[TargetFeatures, Mailbox | None]:
    before = book.get(MAILBOXES, address)
    entered = rules.enter(before, message.account, address, "set-mailbox-features", moment.now)
    if isinstance(entered, Refusal):
        return TargetFeatures(target=address, refusal=entered), None
    domain = book.get(DOMAINS, (message.account, entered.domain))
    assert domain is not None, "a mailbox stands under a domain that has a row"
    after = features.set_for_mailbox(entered, domain, message.data.features)
    return TargetFeatures(target=address, features=features.of_mailbox(after, domain)), after


@service.command(
    AdmittedDomainFeatures,
    keys=lambda message: [(DOMAINS, (message.account, target.domain)) for target in message.data.admitted],
)
def set_domain_features(message: Received[AdmittedDomainFeatures], book: Book, moment: Moment) -> Fate:
    """Set the features of whole domains; those that the gate refused answer with its reason (R31)."""
    order, account = message.data, message.account
    targets = {result.target: TargetFeatures(target=result.target, refusal=result.refusal) for result in order.refused}
    changed: list[Domain] = []
    for target in order.admitted:
        domain = book.get(DOMAINS, (account, target.domain))
        closed = rules.closed_to(domain, target.domain, target.domain_id)
        if closed is not None:
            targets[target.domain] = TargetFeatures(target=target.domain, refusal=refusal(closed))
            continue
        after = features.set_for_domain(
            features.opened(domain, account, target.domain, target.domain_id),
            order.request.features,
            keep_mailbox_settings=order.request.keep_mailbox_settings,
        )
        changed.append(after)
        targets[target.domain] = views.of_domain(target.domain, after)
    names = [name for name in dict.fromkeys(order.request.domains) if name in targets]
    fate = _features_set(account, order.request.features, [targets[name] for name in names])
    if isinstance(fate, Done):
        for domain in changed:
            book.put(DOMAINS, (account, domain.domain), domain)
    return fate


def _features_set(account: str, requested: tuple[Feature, ...] | None, targets: list[TargetFeatures]) -> Fate:
    refusals = [target.refusal for target in targets if target.refusal]
    if len(refusals) == len(targets):
        return Refused(refusal(*(reason for each in refusals for reason in each.findings)))
    fact = FeaturesSet(requested=requested, targets=tuple(targets))
    if len(fact.__pydantic_serializer__.to_json(fact)) > MAX_OUTCOME_BYTES:
        return Refused(refuse("too_many_targets", targets=len(targets)))
    return Done((Say(fact, f"features/{targets[0].target if len(targets) == 1 else account}"),))


# --- the removal of domains ---------------------------------------------------------------------------------------


@service.command(DomainRemoval, keys=lambda message: [(DOMAINS, (message.account, message.data.request.domain))])
def remove_domain(message: Received[DomainRemoval], book: Book, moment: Moment) -> Fate:
    """Let go of a domain, or say what still stands under it."""
    account, name, domain_id = message.account, message.data.request.domain, message.data.domain_id
    found = features.closed(book.get(DOMAINS, (account, name)), account, name, domain_id)
    if isinstance(found, Tally):
        occupied = DomainOccupied(domain=name, domain_id=domain_id, mailboxes=found.mailboxes, aliases=found.aliases)
        return Done((Say(occupied, f"domain/{name}"),))
    book.put(DOMAINS, (account, name), found)
    return Done((Say(DomainVacated(domain=name, domain_id=domain_id), f"domain/{name}"),))
