"""The bus edge of mailbox, sixth part: domains that are given up, alone or with everything under them.

A removal with mailboxes is a row, and a wake-up in its account's lane that takes a portion at a time: read outside any
transaction, decided in one, each mailbox with the fact that its own deletion would have. Dying at any point loses
nothing: the wake-up is still due, and what was done is not found again.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import structlog

from contracts.closure_v1 import AccountClosing, AccountReopened
from contracts.domain_v1 import DomainRemoval
from contracts.forwarding_v1 import ForwardOnlyDeleted
from contracts.mailbox_v1 import (
    AliasesChanged,
    DomainOccupied,
    DomainVacated,
    GroupDeleted,
    MailboxDeletionScheduled,
    MailboxUndeleted,
)
from contracts.refusals import Refusal, refuse
from contracts.removal_v1 import AskRemoval, DomainKeeping, DomainRemovalProgress, DomainRestored, RemovalAnswer
from contracts.values import domain_of
from services.chassis.book import Book, Conn, Wanted
from services.chassis.fates import At, Cancel, Done, Fate, Refused, Say, Timing
from services.chassis.received import Received, Tick
from services.chassis.service import Moment
from services.mailbox import deletion, features, forwarding, groups, reads, removal, rules, store_removals, views
from services.mailbox.bookkeeping import write, write_forward_only
from services.mailbox.handlers import groups_of, hear_of_account, rows_of, say_group, say_mailbox, service
from services.mailbox.handlers_deletion import LOOK, TIMER, carried_out, what_it_belongs_to
from services.mailbox.handlers_forwarding import catch_alls_of, let_go
from services.mailbox.rows import Domain, Mailbox, Removal, Tally
from services.mailbox.store import ACCOUNTS, DOMAINS, MAILBOXES, OWNERS
from services.mailbox.store_forwarding import FORWARD_ONLY
from services.mailbox.store_groups import GROUPS
from services.mailbox.store_removals import REMOVALS, Portion

log = structlog.get_logger()
WORK = "remove-domains"  # the wake-up for the next portion; its key is the account, so that one has one at a time
DUE = "removal-due"  # the wake-up of a removal's day; its key is the domain's id
GROUPS_DUE = "delete-groups"  # the wake-up of an account's end; its key is the account
AT_A_LOSS = timedelta(minutes=1)
AT_ONCE = 100  # things in one transaction: a request in the same batch must not wait for more


# --- a domain that is given up --------------------------------------------------------------------------------------


def _rows_of_domain(message: Received[DomainRemoval] | Received[DomainKeeping]) -> Iterable[Wanted]:
    key = (message.account, message.data.request.domain)
    return (DOMAINS, key), (REMOVALS, key)


@service.command(DomainRemoval, keys=_rows_of_domain)
def remove_domain(message: Received[DomainRemoval], book: Book, moment: Moment) -> Fate:
    """Let go of a domain, say what still stands under it, or begin to delete that."""
    account, name, domain_id = message.account, message.data.request.domain, message.data.domain_id
    domain = book.get(DOMAINS, (account, name))
    is_closed = domain is not None and domain.domain_id == domain_id and domain.state == "closed"
    if message.data.deletes_at is not None and not is_closed:
        return _begin(message, book, moment, features.opened(domain, account, name, domain_id))
    found = features.closed(domain, account, name, domain_id)
    if isinstance(found, Tally) and message.dryrun:
        return Refused(refuse("domain_has_mailboxes", domain=name, mailboxes=found.mailboxes, aliases=found.aliases))
    if isinstance(found, Tally):
        occupied = DomainOccupied(domain=name, domain_id=domain_id, mailboxes=found.mailboxes, aliases=found.aliases)
        return Done((Say(occupied, f"domain/{name}"),))
    book.put(DOMAINS, (account, name), found)
    is_removal = message.data.deletes_at is not None
    fact = DomainVacated(domain=name, domain_id=domain_id, with_mailboxes=is_removal)
    return Done((Say(fact, f"domain/{name}"),))


def _begin(message: Received[DomainRemoval], book: Book, moment: Moment, domain: Domain) -> Fate:
    deletes_at, key = message.data.deletes_at, (message.account, domain.domain)
    assert deletes_at is not None, "a removal with mailboxes has a time"
    closing = features.emptied(domain)
    before = book.get(REMOVALS, key)
    begun = removal.begun(before, closing, deletes_at, message.request_id, moment.now)
    book.put(DOMAINS, key, closing)
    timings: tuple[Timing, ...] = (At(WORK, message.account, moment.now, message.account),)
    if begun is before:
        return Done(timings=timings)
    begun = replace(begun, told_at=moment.now)
    book.put(REMOVALS, key, begun)
    if begun.phase == "scheduling":
        timings = (*timings, At(DUE, str(domain.domain_id), deletes_at, message.account))
    return Done((_progress(begun, closing),), timings=timings)


@service.command(DomainKeeping, keys=_rows_of_domain)
def keep_domain(message: Received[DomainKeeping], book: Book, moment: Moment) -> Fate:
    """Have back what a removal has scheduled (R26)."""
    key = (message.account, message.data.request.domain)
    before = book.get(REMOVALS, key)
    back = removal.taken_back(before, key[1], message.data.domain_id, message.request_id, moment.now)
    if isinstance(back, Refusal):
        return Refused(back)
    book.put(REMOVALS, key, back)
    timings = (At(WORK, message.account, moment.now, message.account), Cancel(DUE, str(back.domain_id)))
    return Done((_progress(back, _domain(book, back)),), timings=timings)


@service.timer(DUE, keys=lambda tick: [])
def removal_due(tick: Tick, book: Book, moment: Moment) -> Fate:
    """Wake the account's work: a removal's day has come."""
    return Done(timings=(At(WORK, tick.account, moment.now, tick.account),))


# --- a portion of the work ------------------------------------------------------------------------------------------


async def _look_for_work(tick: Tick) -> Portion | None:
    async with LOOK.pool.acquire() as connection:
        return await store_removals.read_portion(connection, tick.key, tick.started_at, AT_ONCE)


def _of_portion(tick: Tick) -> Iterable[Wanted]:
    seen, account = tick.observation, tick.key
    if seen is None:
        return
    key = (account, seen.removal.domain)
    yield from ((DOMAINS, key), (REMOVALS, key), *what_it_belongs_to(account), (OWNERS, f"@{key[1]}"))
    for address in (*(address for address, _ in seen.mailboxes), *seen.with_aliases):
        yield from rows_of(account, address)
    for address in seen.forward_only:
        yield from ((FORWARD_ONLY, address), (OWNERS, address))


@service.timer(WORK, keys=_of_portion, observe=_look_for_work)
def remove_portion(tick: Tick, book: Book, moment: Moment) -> Fate:
    """Work off a portion of an account's removals, and go on with the next; what was seen is looked at again here."""
    seen: Portion | None = tick.observation
    if seen is None:
        return Done()  # whoever begins something wakes this again
    key = (tick.key, seen.removal.domain)
    before = book.get(REMOVALS, key)
    again = (At(WORK, tick.key, moment.now, tick.account),)
    if before is None or (before.domain_id, before.phase, before.after) != _place(seen.removal):
        return Done(timings=again)
    after, says, timings = _worked(before, seen, book, moment)
    if removal.is_worth_telling(before, after, moment.now):
        after = replace(after, told_at=moment.now)
        says.append(_progress(after, _domain(book, after)))
    book.put(REMOVALS, key, after)
    if after is before:  # at a loss: see _found_nothing
        again = (At(WORK, tick.key, moment.now + AT_A_LOSS, tick.account),)
    return Done((*says, *_ended(before, after)), timings=(*again, *timings))


def _place(seen: Removal) -> tuple[Any, ...]:
    return seen.domain_id, seen.phase, seen.after


Worked = tuple[Removal, list[Say], list[Timing]]


def _worked(before: Removal, seen: Portion, book: Book, moment: Moment) -> Worked:
    match before.phase:
        case "scheduling":
            return _scheduled(before, seen, book, moment)
        case "restoring":
            return _restored(before, seen, book, moment)
        case "emptying":
            return _emptied(before, seen, book, moment)
        case _:  # its day has come
            return removal.entered(before, "emptying"), [], []


def _scheduled(before: Removal, seen: Portion, book: Book, moment: Moment) -> Worked:
    """Give mailboxes the removal's day, unless they have one of their own."""
    says: list[Say] = []
    new: list[str] = []
    for address, is_marked in seen.mailboxes:
        mailbox = _under(before, address, book)
        if mailbox is None or not removal.wants_schedule(mailbox, before, is_marked=is_marked):
            continue
        entered = rules.enter(mailbox, before.account, address, "schedule-deletion", moment.now)
        assert isinstance(entered, Mailbox), "what there is can be scheduled"
        after = deletion.schedule(entered, mailbox, before.deletes_at)
        says.append(say_mailbox(MailboxDeletionScheduled, after, write(book, mailbox, after)))
        new += [] if is_marked else [address]
    after = removal.worked(before, _addresses(seen), scheduled=len(new), marked=new)
    return after if len(seen.mailboxes) == AT_ONCE else removal.entered(after, "waiting"), says, []


def _restored(before: Removal, seen: Portion, book: Book, moment: Moment) -> Worked:
    """Have mailboxes back that the removal has scheduled, and at last the domain."""
    says: list[Say] = []
    for address, _ in seen.mailboxes:
        mailbox = _under(before, address, book)
        if mailbox is None or mailbox.state != "deleting":
            continue
        entered = rules.enter(mailbox, before.account, address, "undelete-mailbox", moment.now)
        assert isinstance(entered, Mailbox), "what is to be deleted can be had back"
        after = deletion.undelete(entered, mailbox)
        says.append(say_mailbox(MailboxUndeleted, after, write(book, mailbox, after)))
    back = removal.worked(before, _addresses(seen))
    if len(seen.mailboxes) == AT_ONCE:
        return back, says, []
    book.put(DOMAINS, (before.account, before.domain), features.reopened(_domain(book, before)))
    return removal.entered(back, "kept"), says, []


def _emptied(before: Removal, seen: Portion, book: Book, moment: Moment) -> Worked:
    """Delete what stands under the domain, and close it when that was all."""
    says: list[Say] = []
    timings: list[Timing] = []
    for address, _ in seen.mailboxes:
        mailbox = _under(before, address, book)
        if mailbox is not None and mailbox.state != "deleted":
            says += carried_out(book, removal.last_day(mailbox, before), moment)
            timings.append(Cancel(TIMER, address))
    if not seen.mailboxes:
        says += _without_others(before, seen, book, moment)
    after, domain = removal.worked(before, _addresses(seen)), _domain(book, before)
    if domain.tally.mailboxes or domain.tally.aliases:
        return after if says or seen.mailboxes else _found_nothing(before), says, timings
    closed = features.closed(domain, domain.account, domain.domain, domain.domain_id)
    assert isinstance(closed, Domain), "nothing stands under it"
    book.put(DOMAINS, (domain.account, domain.domain), closed)
    return removal.entered(after, "vacated"), says, timings


def _found_nothing(before: Removal) -> Removal:
    """Begin the phase again: the counters say that something stands there. That would be a bug; an operator is told."""
    log.error("a removal finds nothing although its domain is not empty", account=before.account)
    return removal.entered(before, "emptying") if before.after else before


def _without_others(before: Removal, seen: Portion, book: Book, moment: Moment) -> list[Say]:
    """Delete what is under the domain beside its mailboxes: others' aliases, addresses that forward, the catch-all."""
    says: list[Say] = []
    account, name = before.account, before.domain
    for address in seen.with_aliases:
        mailbox = book.get(MAILBOXES, address)
        entered = rules.enter(mailbox, account, address, "vacate-domain", moment.now)
        after = removal.without_aliases(entered, name) if isinstance(entered, Mailbox) else None
        if after is not None and mailbox is not None and after.aliases != mailbox.aliases:
            says.append(say_mailbox(AliasesChanged, after, write(book, mailbox, after)))
    for address in seen.forward_only:
        forwards = book.get(FORWARD_ONLY, address)
        ended = forwarding.given_up(forwards, account, address, moment.now)
        if not isinstance(ended, Refusal):
            write_forward_only(book, forwards, ended)
            fact = ForwardOnlyDeleted(forward_only=views.of_forward_only(ended))
            says.append(Say(fact, f"forward-only/{address}", ended.revision))
    catch_alls = catch_alls_of(book, account)
    says += let_go(book, catch_alls, [name] if name in catch_alls.by_domain else [], moment)
    return says


def _ended(before: Removal, after: Removal) -> tuple[Say, ...]:
    name, domain_id = after.domain, after.domain_id
    match after.phase:
        case "vacated":
            fact = DomainVacated(domain=name, domain_id=domain_id, with_mailboxes=True)
            return (Say(fact, f"domain/{name}", request_id=after.request_id),)
        case "kept":
            fact = DomainRestored(domain=name, domain_id=domain_id, mailboxes=before.scheduled)
            return (Say(fact, f"domain/{name}", request_id=after.keep_request_id),)
        case _:
            return ()


def _progress(now: Removal, domain: Domain) -> Say:
    return Say(DomainRemovalProgress(removal=removal.told(now, domain)), f"removal/{now.domain}")


def _under(before: Removal, address: str, book: Book) -> Mailbox | None:
    mailbox = book.get(MAILBOXES, address)
    mine = mailbox is not None and mailbox.account == before.account and domain_of(address) == before.domain
    return mailbox if mine else None


def _domain(book: Book, of: Removal) -> Domain:
    domain = book.get(DOMAINS, (of.account, of.domain))
    assert domain is not None, "a removal is of a domain that has a row"
    return domain


def _addresses(seen: Portion) -> list[str]:
    return [address for address, _ in seen.mailboxes]


# --- the groups of an account that is being closed ------------------------------------------------------------------


@service.event(AccountClosing, keys=lambda message: [(ACCOUNTS, message.account)])
def account_closing(message: Received[AccountClosing], book: Book, moment: Moment) -> Fate:
    """Let the account's groups go when its time has come; its mailboxes go with its domains."""
    hear_of_account(message, book, moment)
    return Done(timings=(At(GROUPS_DUE, message.account, message.data.closes_at, message.account),))


@service.event(AccountReopened, keys=lambda message: [(ACCOUNTS, message.account)])
def account_reopened(message: Received[AccountReopened], book: Book, moment: Moment) -> Fate:
    """Let the groups stay."""
    hear_of_account(message, book, moment)
    return Done(timings=(Cancel(GROUPS_DUE, message.account),))


@service.timer(GROUPS_DUE, keys=lambda tick: [(ACCOUNTS, tick.key), (GROUPS, tick.key)])
def delete_groups(tick: Tick, book: Book, moment: Moment) -> Fate:
    """Delete a portion of an account's groups, unless it was reopened meanwhile."""
    account = tick.key
    if rules.leaving(book.get(ACCOUNTS, account), account) is None:
        return Done()
    left, says = groups_of(book, account), list[Say]()
    for name in sorted(left.by_name)[:AT_ONCE]:
        deleted = groups.delete(left, name)
        assert not isinstance(deleted, Refusal), "it is there"
        left, group = deleted
        says.append(say_group(GroupDeleted, account, group))
    if says:
        book.put(GROUPS, account, left)
    return Done(tuple(says), timings=(At(GROUPS_DUE, account, moment.now, account),) if left.by_name else ())


# --- the question ---------------------------------------------------------------------------------------------------


@service.query(AskRemoval)
async def answer_removal(conn: Conn, account: str, ask: AskRemoval) -> RemovalAnswer:
    """Say how far the latest removal of a domain has come, and what stands under the domain now."""
    found = await store_removals.read_removal(conn, account, ask.domain)
    domain = (await reads.domains_named(conn, account, [ask.domain])).get(ask.domain)
    tally = domain.tally if domain else Tally()
    shown = removal.told(found, domain) if found and domain else None
    return RemovalAnswer(removal=shown, mailboxes=tally.mailboxes, aliases=tally.aliases)
