"""The bus edge of mailbox, fourth part: the end of mailboxes, and of the quarantine of their addresses."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from contracts.mailbox_v1 import (
    DeleteMailbox,
    GroupMembersSet,
    MailboxDeleted,
    MailboxDeletionScheduled,
    MailboxUndeleted,
    UndeleteMailbox,
)
from contracts.refusals import Refusal, refuse
from services.chassis.book import Book, Wanted
from services.chassis.fates import At, Cancel, Done, Fate, Refused, Say
from services.chassis.received import Received, Tick
from services.chassis.service import Moment
from services.mailbox import deletion, forwarding, groups, reads, rules
from services.mailbox.bookkeeping import write
from services.mailbox.handlers import asked, barred, groups_of, rows_of, say_group, say_mailbox, service
from services.mailbox.handlers_forwarding import catch_alls_of, let_go
from services.mailbox.rows import Mailbox
from services.mailbox.store import DOMAINS, MAILBOXES, OWNERS
from services.mailbox.store_forwarding import CATCH_ALLS
from services.mailbox.store_groups import GROUPS
from services.mailbox.terms import TERMS

TIMER = "delete-mailbox"  # its key is the address
SWEEP = 2000  # addresses freed in one go


@dataclass
class Look:
    """Where the sweep looks. The worker sets it before it takes its first message."""

    pool: Any = None


LOOK = Look()


# --- mailboxes --------------------------------------------------------------------------------------------------


def what_it_belongs_to(account: str) -> Iterable[Wanted]:
    """Name what lets go of a mailbox that ends: groups and catch-alls."""
    return (GROUPS, account), (CATCH_ALLS, account)


@service.command(DeleteMailbox, keys=lambda message: [*asked(message), *what_it_belongs_to(message.account)])
def delete_mailbox(message: Received[DeleteMailbox], book: Book, moment: Moment) -> Fate:
    """Delete a mailbox at once, or let it end later; until then it can be had back (R26)."""
    refused = barred(message, book)
    if refused is not None:
        return Refused(refused)
    request, account = message.data, message.account
    if not request.immediately and (goes := _goes_with_its_domain(message, book)):
        return Refused(goes)
    before = book.get(MAILBOXES, request.address)
    entered = rules.enter(before, account, request.address, "schedule-deletion", moment.now)
    if isinstance(entered, Refusal):
        return Refused(entered)
    assert before is not None, "a mailbox that was entered is there"
    due_at = deletion.due_at(request, entered, moment.now, TERMS.deletion_grace)
    if isinstance(due_at, Refusal):
        return Refused(due_at)
    if due_at <= moment.now:
        return Done(carried_out(book, before, moment), timings=(Cancel(TIMER, request.address),))
    after = deletion.schedule(entered, before, due_at)
    say = say_mailbox(MailboxDeletionScheduled, after, write(book, before, after))
    return Done((say,), timings=(At(TIMER, request.address, due_at, account),))


@service.command(UndeleteMailbox, keys=asked)
def undelete_mailbox(message: Received[UndeleteMailbox], book: Book, moment: Moment) -> Fate:
    """Have a mailbox back as it was, as long as it is there (R26)."""
    refused = barred(message, book)
    if refused is not None:
        return Refused(refused)
    address = message.data.address
    goes = _goes_with_its_domain(message, book)
    if goes is not None:
        return Refused(goes)
    before = book.get(MAILBOXES, address)
    entered = rules.enter(before, message.account, address, "undelete-mailbox", moment.now)
    if isinstance(entered, Refusal):
        return Refused(entered)
    assert before is not None, "a mailbox that was entered is there"
    after = deletion.undelete(entered, before)
    say = say_mailbox(MailboxUndeleted, after, write(book, before, after))
    return Done((say,), timings=(Cancel(TIMER, address),))


def _goes_with_its_domain(message: Received[DeleteMailbox] | Received[UndeleteMailbox], book: Book) -> Refusal | None:
    """Refuse to give a mailbox another day than its domain's, if that is being removed with everything under it."""
    address = message.data.address
    mailbox = book.get(MAILBOXES, address)
    if mailbox is None or mailbox.account != message.account or mailbox.state == "deleted":
        return None
    domain = book.get(DOMAINS, (message.account, mailbox.domain))
    if domain is None or domain.state != "removing":
        return None
    return refuse("domain_being_removed", domain=mailbox.domain, address=address)


def _rows_of_due(tick: Tick) -> Iterable[Wanted]:
    return *rows_of(tick.account, tick.key), *what_it_belongs_to(tick.account)


@service.timer(TIMER, keys=_rows_of_due)
def carry_out_deletion(tick: Tick, book: Book, moment: Moment) -> Fate:
    """Delete the mailbox whose time has come. What happened to it meanwhile counts, not the wake-up."""
    mailbox = book.get(MAILBOXES, tick.key)
    if mailbox is None or mailbox.account != tick.account or mailbox.deletes_at is None:
        return Done()
    at = deletion.carried_out_at(mailbox, tick.due_at, moment.now)
    if at > moment.now:
        return Done(timings=(At(TIMER, tick.key, at, tick.account),))
    return Done(carried_out(book, mailbox, moment))


def carried_out(book: Book, before: Mailbox, moment: Moment) -> tuple[Say, ...]:
    """Delete a mailbox, and what it belonged to lets go of it: catch-alls and groups."""
    account, address = before.account, before.address
    entered = rules.enter(before, account, address, "delete-mailbox", moment.now)
    assert isinstance(entered, Mailbox), "what there is can be deleted"
    after = deletion.carry_out(entered)
    say = say_mailbox(MailboxDeleted, after, write(book, before, after))
    catch_alls = catch_alls_of(book, account)
    ended = let_go(book, catch_alls, forwarding.caught_by(catch_alls, address), moment)
    left, changed = groups.without(groups_of(book, account), address)
    if changed:
        book.put(GROUPS, account, left)
    return (say, *ended, *(say_group(GroupMembersSet, account, group) for group in changed))


# --- their addresses --------------------------------------------------------------------------------------------


async def _look_for_free(tick: Tick) -> list[str]:
    async with LOOK.pool.acquire() as connection:
        return await reads.free_addresses(connection, tick.started_at, SWEEP)


def _of_free(tick: Tick) -> list[Wanted]:
    return [(OWNERS, address) for address in tick.observation]


@service.timer("sweep-quarantine", keys=_of_free, observe=_look_for_free, every_seconds=600)
def sweep_quarantine(tick: Tick, book: Book, moment: Moment) -> Fate:
    """Forget who had the addresses whose quarantine is over; one that somebody has by now is left alone."""
    for address in tick.observation:
        owner = book.get(OWNERS, address)
        if owner is not None and owner.free_at is not None and owner.free_at <= moment.now:
            book.delete(OWNERS, address)
    return Done()
