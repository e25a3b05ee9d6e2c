"""The bus edge of mailbox: which rows a message needs, which rule decides, what leaves.

Here: the service, mailboxes and accounts. The end of mailboxes is in handlers_deletion, features and domains in
handlers_features, groups in handlers_groups, addresses without a mailbox in handlers_forwarding, questions in queries.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from typing import Any

from contracts.base import Fact
from contracts.billing_v1 import (
    AccountOpened,
    AccountUpdated,
    PackageChanged,
    PricedPlanChange,
    Reservation,
    ReservedAliases,
    ReservedForwardings,
    ReservedMailbox,
)
from contracts.closure_v1 import AccountClosed, AccountReactivated, AccountSuspended
from contracts.envelope import MAX_MESSAGE_BYTES
from contracts.evolution import view_up
from contracts.mailbox_v1 import (
    AliasesChanged,
    BlockedSendersChanged,
    BlockSenders,
    ForwardingsSet,
    MailboxCreated,
    MailboxPasswordSet,
    MailboxReactivated,
    MailboxSuspended,
    MailboxView,
    PlanChanged,
    ReactivateMailbox,
    RemoveAliases,
    SetMailboxPassword,
    SuspendMailbox,
    UnblockSenders,
)
from contracts.mailbox_v2 import PersonRenamed, RenamePerson
from contracts.refusals import Finding, Refusal, finding, refusal
from contracts.values import domain_of
from services.chassis.book import Book, Wanted
from services.chassis.fates import Done, Fate, Refused, Say
from services.chassis.received import Received
from services.chassis.service import Moment, Service
from services.mailbox import features, groups, rules, views
from services.mailbox.bookkeeping import write
from services.mailbox.flows import Flows
from services.mailbox.rows import Account, Domain, Group, Mailbox
from services.mailbox.rules import Verb
from services.mailbox.store import ACCOUNTS, DOMAINS, MAILBOXES, OWNERS
from services.mailbox.store_backups import BACKUPS, RESTORES
from services.mailbox.store_forwarding import CATCH_ALLS, FLOWS, FORWARD_ONLY, THE_ACCOUNT
from services.mailbox.store_groups import GROUPS
from services.mailbox.store_history import HISTORIES
from services.mailbox.store_privacy import ERASURES
from services.mailbox.store_removals import REMOVALS
from services.mailbox.terms import TERMS

# Domains before mailboxes: the tallies that are written with mailboxes need their domains' rows.
# Owners last: an address is taken after who had it has let go of it.
service = Service(
    "mailbox",
    tables=(
        ACCOUNTS,
        DOMAINS,
        REMOVALS,
        GROUPS,
        CATCH_ALLS,
        FORWARD_ONLY,
        MAILBOXES,
        HISTORIES,
        BACKUPS,
        RESTORES,
        FLOWS,
        OWNERS,
        ERASURES,
    ),
)

MAX_OUTCOME_BYTES = MAX_MESSAGE_BYTES - 8_192  # the envelope takes the rest

Decision = Callable[[Mailbox], Mailbox | Refusal]
Told = Callable[..., Fact]  # the fact, given `mailbox`


# --- which rows -------------------------------------------------------------------------------------------------


def rows_of(account: str, address: str) -> Iterable[Wanted]:
    """Name a mailbox and its domain."""
    return (DOMAINS, (account, domain_of(address))), (MAILBOXES, address)


def asked(message: Received[Any]) -> Iterable[Wanted]:
    """A request that comes straight from outside: its account's standing is looked at here (R3)."""
    return (ACCOUNTS, message.account), *rows_of(message.account, message.data.address)


def _asked_for_aliases(message: Received[RemoveAliases]) -> Iterable[Wanted]:
    return *asked(message), *_rows_of_aliases(message.account, message.data.aliases)


def _handed(message: Received[Any]) -> Iterable[Wanted]:
    """A hand-over from billing: the account's standing was looked at there."""
    return rows_of(message.account, message.data.request.address)


def flows_of(account: str, starts: Iterable[str]) -> Iterable[Wanted]:
    """Name where mail goes on inside the account from some addresses."""
    return (FLOWS, (account, THE_ACCOUNT)), *((FLOWS, (account, start)) for start in starts)


def known_flows(book: Book, account: str) -> Flows:
    """Return where the account's mail goes on, which the message has named."""
    found = book.get(FLOWS, (account, THE_ACCOUNT))
    assert found is not None, "every account has flows, be they empty"
    return found


def owners_of(address: str) -> Iterable[Wanted]:
    """Name who has an address that is to be taken, and who has it without its tag."""
    untagged = rules.without_tag(address)
    return ((OWNERS, address),) if untagged is None else ((OWNERS, address), (OWNERS, untagged))


def not_free(book: Book, address: str, account: str, now: datetime) -> Finding | None:
    """Say why the account cannot have an address; its message has named `owners_of`."""
    untagged = rules.without_tag(address)
    base = None if untagged is None else book.get(OWNERS, untagged)
    return rules.not_free(address, book.get(OWNERS, address), account, now, base)


def _rows_of_aliases(account: str, aliases: Iterable[str]) -> Iterable[Wanted]:
    for alias in aliases:
        yield from owners_of(alias)
        yield DOMAINS, (account, domain_of(alias))


# --- creation ---------------------------------------------------------------------------------------------------


def _rows_of_new(message: Received[ReservedMailbox]) -> Iterable[Wanted]:
    address = message.data.request.address
    return *owners_of(address), *rows_of(message.account, address)


@service.command(ReservedMailbox, keys=_rows_of_new)
def create_mailbox(message: Received[ReservedMailbox], book: Book, moment: Moment) -> Fate:
    """Make the mailbox that billing keeps a seat for (R20, R22)."""
    order, account, now = message.data, message.account, moment.now
    address = order.request.address
    late = rules.expired(order.reservation, now)
    if late is not None:
        return Refused(late, order.reservation.holders)
    key = (account, domain_of(address))
    domain = book.get(DOMAINS, key)
    closed = rules.closed_to(domain, key[1], order.domain_id)
    taken = not_free(book, address, account, now)
    weak = TERMS.passwords.weakness(order.request.password_hash)
    if order.request.password_hash is None and not message.dryrun:
        weak = finding("password_missing", address=address)
    if closed or taken or weak:
        return refused(order.reservation, closed, taken, weak)
    before = book.get(MAILBOXES, address)
    mailbox = rules.create(order.request, order.terms, account, before, now)
    if isinstance(mailbox, Refusal):
        return Refused(mailbox, order.reservation.holders)
    open_domain(book, domain, account, key[1], order.domain_id)
    return Done((say_mailbox(MailboxCreated, mailbox, write(book, before, mailbox)),))


def open_domain(book: Book, domain: Domain | None, account: str, name: str, domain_id: Any) -> None:
    """Let something stand under a domain that the gate has let pass."""
    opened = features.opened(domain, account, name, domain_id)
    if opened is not domain:
        book.put(DOMAINS, (account, name), opened)


# --- changes to one mailbox -------------------------------------------------------------------------------------


@service.command(RenamePerson, keys=asked)
def rename_person(message: Received[RenamePerson], book: Book, moment: Moment) -> Fate:
    """Change the person's name; one who has one name only has no first one."""
    person = message.data.person
    decide = partial(rules.rename, first_name=person.given_name or "", last_name=person.family_name)
    return requested(message, book, moment, "rename-person", decide, renamed)


def renamed(mailbox: MailboxView) -> PersonRenamed:
    """State the new name in version 2."""
    return PersonRenamed(mailbox=view_up(mailbox))


@service.command(SetMailboxPassword, keys=asked)
def set_mailbox_password(message: Received[SetMailboxPassword], book: Book, moment: Moment) -> Fate:
    """Replace the password's hash (R25)."""
    weak = TERMS.passwords.weakness(message.data.password_hash)
    if weak is not None:
        return Refused(barred(message, book) or refusal(weak))
    decide = partial(rules.set_password, password_hash=message.data.password_hash)
    return requested(message, book, moment, "set-mailbox-password", decide, MailboxPasswordSet)


@service.command(RemoveAliases, keys=_asked_for_aliases)
def remove_aliases(message: Received[RemoveAliases], book: Book, moment: Moment) -> Fate:
    """Take addresses away (R23)."""
    decide = partial(rules.remove_aliases, aliases=message.data.aliases)
    return requested(message, book, moment, "remove-aliases", decide, AliasesChanged)


@service.command(BlockSenders, keys=asked)
def block_senders(message: Received[BlockSenders], book: Book, moment: Moment) -> Fate:
    """Refuse mail from senders for this mailbox (R32)."""
    decide = partial(rules.block_senders, senders=message.data.senders)
    return requested(message, book, moment, "block-senders", decide, BlockedSendersChanged)


@service.command(UnblockSenders, keys=asked)
def unblock_senders(message: Received[UnblockSenders], book: Book, moment: Moment) -> Fate:
    """Take mail from senders again."""
    decide = partial(rules.unblock_senders, senders=message.data.senders)
    return requested(message, book, moment, "unblock-senders", decide, BlockedSendersChanged)


@service.command(SuspendMailbox, keys=asked)
def suspend_mailbox(message: Received[SuspendMailbox], book: Book, moment: Moment) -> Fate:
    """Stop logins and delivery (R26)."""
    return requested(message, book, moment, "suspend-mailbox", _as_it_is, MailboxSuspended)


@service.command(ReactivateMailbox, keys=asked)
def reactivate_mailbox(message: Received[ReactivateMailbox], book: Book, moment: Moment) -> Fate:
    """End a suspension."""
    return requested(message, book, moment, "reactivate-mailbox", _as_it_is, MailboxReactivated)


@service.command(PricedPlanChange, keys=lambda message: [*_handed(message), (GROUPS, message.account)])
def change_plan(message: Received[PricedPlanChange], book: Book, moment: Moment) -> Fate:
    """Put the mailbox on the plan that billing has priced (R26)."""
    order, address = message.data, message.data.request.address
    before = book.get(MAILBOXES, address)
    member_of = groups.of(groups_of(book, message.account), address)
    decide = partial(rules.change_plan, terms=order.terms, groups=member_of)
    told = partial(PlanChanged, previous_plan=before.plan if before else "")
    return _handed_over(message, book, moment, "change-plan", decide, told)


def _rows_of_forwardings(message: Received[ReservedForwardings]) -> Iterable[Wanted]:
    return *_handed(message), *flows_of(message.account, message.data.request.targets)


@service.command(ReservedForwardings, keys=_rows_of_forwardings)
def set_forwardings(message: Received[ReservedForwardings], book: Book, moment: Moment) -> Fate:
    """Replace the forwardings (R23)."""
    ask = message.data.request
    known = known_flows(book, message.account)
    decide = partial(rules.set_forwardings, targets=ask.targets, keep_copy=ask.keep_copy, known=known)
    return _handed_over(message, book, moment, "set-forwardings", decide, ForwardingsSet)


def _rows_of_new_aliases(message: Received[ReservedAliases]) -> Iterable[Wanted]:
    request, account = message.data.request, message.account
    return *_handed(message), *_rows_of_aliases(account, request.aliases), *flows_of(account, [request.address])


@service.command(ReservedAliases, keys=_rows_of_new_aliases)
def add_aliases(message: Received[ReservedAliases], book: Book, moment: Moment) -> Fate:
    """Give the mailbox more addresses; what it has already is no error and not added twice (R23)."""
    order, account = message.data, message.account

    def decide(mailbox: Mailbox) -> Mailbox | Refusal:
        added = rules.new_aliases(mailbox, order.request.aliases)
        names = sorted({domain_of(alias) for alias in added})
        domains = [(name, order.domain_ids[name], book.get(DOMAINS, (account, name))) for name in names]
        closed = [rules.closed_to(domain, name, domain_id) for name, domain_id, domain in domains]
        taken = [not_free(book, alias, account, moment.now) for alias in added]
        obstacles = [reason for reason in (*closed, *taken) if reason]
        changed = rules.add_aliases(mailbox, added, obstacles, known_flows(book, account))
        if isinstance(changed, Mailbox):
            for name, domain_id, domain in domains:
                open_domain(book, domain, account, name, domain_id)
        return changed

    return _handed_over(message, book, moment, "add-aliases", decide, AliasesChanged)


def requested(message: Received[Any], book: Book, moment: Moment, verb: Verb, decide: Decision, told: Told) -> Fate:
    """Change a mailbox at a request that comes straight from outside."""
    refused = barred(message, book)
    if refused is not None:
        return Refused(refused)
    return _changed(message.account, message.data.address, book, moment, verb, decide, told)


def _handed_over(message: Received[Any], book: Book, moment: Moment, verb: Verb, decide: Decision, told: Told) -> Fate:
    reservation: Reservation = message.data.reservation
    late = rules.expired(reservation, moment.now)
    if late is not None:
        return Refused(late, reservation.holders)
    address = message.data.request.address
    return _changed(message.account, address, book, moment, verb, decide, told, reservation.holders)


def _changed(
    account: str, address: str, book: Book, moment: Moment, verb: Verb, decide: Decision, told: Told,
    reservation: tuple[str, ...] = (),
) -> Fate:  # fmt: skip
    before = book.get(MAILBOXES, address)
    entered = rules.enter(before, account, address, verb, moment.now)
    after = entered if isinstance(entered, Refusal) else decide(entered)
    if isinstance(after, Refusal):
        return Refused(after, reservation)
    return Done((say_mailbox(told, after, write(book, before, after)),))


def _as_it_is(mailbox: Mailbox) -> Mailbox:
    return mailbox


def groups_of(book: Book, account: str) -> groups.Groups:
    """Return the account's groups, which the message has named."""
    found = book.get(GROUPS, account)
    assert found is not None, "every account has a set of groups, be it empty"
    return found


# --- accounts ---------------------------------------------------------------------------------------------------


def hear_of_account(message: Received[Any], book: Book, moment: Moment) -> Fate:
    """Keep what billing tells of an account; events may come late."""
    told, known = message.data.account, book.get(ACCOUNTS, message.account)
    if known is None or known.revision < told.revision:
        account = Account(message.account, told.state, told.package, told.self_service, told.revision)
        book.put(ACCOUNTS, message.account, account)
    return Done()


for _fact in (AccountOpened, AccountUpdated, PackageChanged, AccountSuspended, AccountReactivated, AccountClosed):
    service.event(_fact, keys=lambda message: [(ACCOUNTS, message.account)])(hear_of_account)


def barred(message: Received[Any], book: Book) -> Refusal | None:
    """Refuse a request of an account that may not make it here (R3)."""
    return rules.stand_of(book.get(ACCOUNTS, message.account), message.account, message.channel)


# --- what leaves ------------------------------------------------------------------------------------------------


def say_mailbox(told: Told, mailbox: Mailbox, domain: Domain) -> Say:
    """State a fact about a mailbox."""
    return Say(told(mailbox=views.of_mailbox(mailbox, domain)), f"mailbox/{mailbox.address}", mailbox.revision)


def say_group(told: Told, account: str, group: Group) -> Say:
    """State a fact about a group."""
    return Say(told(group=views.of_group(account, group)), f"group/{group.name}", group.revision)


def refused(reservation: Reservation, *findings: Finding | None) -> Refused:
    """Refuse for all these reasons, and give back what billing has reserved."""
    return Refused(refusal(*(reason for reason in findings if reason)), reservation.holders)
