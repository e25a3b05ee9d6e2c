"""The bus edge of domain, fourth part: domains that go with everything under them, and accounts that are closed.

A closure is a row, and a wake-up that takes a portion of the account's domains at a time. Dying at any point loses
nothing: the wake-up is still due, and a domain that is being removed is not begun again.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from contracts.closure_v1 import AccountClosing, AccountReopened, AccountVacated, AccountVacating
from contracts.mailbox_v1 import DomainVacated
from contracts.refusals import Refusal
from contracts.removal_v1 import (
    DomainKeeping,
    DomainKept,
    DomainRemovalProgress,
    DomainRemovalStarted,
    DomainRestored,
    KeepDomain,
)
from services.chassis.book import Book, Wanted
from services.chassis.fates import At, Done, Fate, HandedOver, Order, Refused, Say
from services.chassis.received import Received, Tick
from services.chassis.service import Moment
from services.domain import removal, store_closures
from services.domain.handlers import keep_account, name_of, of_request, refused_account, service
from services.domain.outgoing import consequences, let_go, removed, say
from services.domain.rows import Claim, Closure, Name
from services.domain.store import ACCOUNTS, NAMES
from services.domain.store_closures import CLOSURES, Portion
from services.domain.views import view

VACATE = "vacate-account"  # the wake-up; its key is the account
AT_ONCE = 50  # domains in one transaction
TELL_AGAIN = timedelta(seconds=2)


@dataclass
class Look:
    """Where a closure looks. The worker sets it before it takes its first message."""

    pool: Any = None


LOOK = Look()


# --- one domain ---------------------------------------------------------------------------------------------------


@service.command(KeepDomain, keys=of_request)
def keep_domain(message: Received[KeepDomain], book: Book, moment: Moment) -> Fate:
    """Have mailbox take a removal back."""
    before = name_of(book, message.data.domain)
    claim = refused_account(message, book) or removal.keep(before, message.account, moment.now)
    if isinstance(claim, Refusal):
        return Refused(claim)
    book.put(NAMES, claim.domain, before.having(claim))
    return HandedOver((_kept_by_mailbox(claim),))


def _kept_by_mailbox(claim: Claim) -> Order:
    order = DomainKeeping(request=KeepDomain(domain=claim.domain), domain_id=claim.domain_id)
    return Order(order, key=str(claim.domain_id), account=claim.account)


@service.event(DomainRemovalProgress, keys=lambda message: [(NAMES, message.data.removal.domain)])
def domain_removal_progress(message: Received[DomainRemovalProgress], book: Book, moment: Moment) -> Fate:
    """Say that a removal was accepted, once mailbox has counted what goes."""
    told = message.data.removal
    name = name_of(book, told.domain)
    claim = name.of(message.account)
    begins = told.portions == 0 and told.phase in ("scheduling", "emptying")
    if not begins or claim is None or claim.domain_id != told.domain_id or claim.removal is None:
        return Done()
    if message.request_id not in claim.removal.requests:
        return Done()
    fact = DomainRemovalStarted(
        domain=view(claim, name), deletes_at=told.deletes_at, mailboxes=told.mailboxes_left, aliases=told.aliases_left
    )
    return Done((say(fact, claim),))


def of_mailbox(message: Received[DomainVacated] | Received[DomainRestored]) -> Iterable[Wanted]:
    """Name the rows that mailbox's last word about a removal needs: an account's closure may wait for it."""
    return (CLOSURES, message.account), (NAMES, message.data.domain)


@service.event(DomainRestored, keys=of_mailbox)
def domain_restored(message: Received[DomainRestored], book: Book, moment: Moment) -> Fate:
    """Have a domain back; the requests that wanted it gone end with that too."""
    before = name_of(book, message.data.domain)
    claim = before.of(message.account)
    if claim is None or claim.domain_id != message.data.domain_id or claim.removal is None:
        return Done()
    name = removal.kept(before, claim, moment.now)
    book.put(NAMES, name.domain, name)
    back, done = name.of(message.account), consequences(before, name)
    assert back is not None, "a claim never vanishes"
    fact = DomainKept(domain=view(back, name))
    ended = (say(fact, back, request_id) for request_id in claim.removal.requests)
    timings = (*done.timings, *closure_goes_on(book, message.account, moment))
    return replace(done, says=(say(fact, back), *ended, *done.says), timings=timings)


# --- an account ---------------------------------------------------------------------------------------------------


def closure_goes_on(book: Book, account: str, moment: Moment) -> tuple[At, ...]:
    """Wake the account's closure, if there is one, to look at what is left."""
    closure = book.get(CLOSURES, account)
    return (_wake(closure, moment.now),) if closure is not None and closure.phase == "closing" else ()


def _wake(closure: Closure, at: datetime) -> At:
    return At(VACATE, closure.account, at, closure.account)


def _of_closure(message: Received[Any]) -> Iterable[Wanted]:
    return (ACCOUNTS, message.account), (CLOSURES, message.account)


@service.event(AccountClosing, keys=_of_closure)
def account_closing(message: Received[AccountClosing], book: Book, moment: Moment) -> Fate:
    """Begin to give up all domains of an account, or move the time; old news change nothing."""
    fact = message.data
    if not _is_news(message, book):
        return Done()
    keep_account(message, book, moment)
    known = book.get(CLOSURES, message.account)
    if known is not None and known.closure_id == fact.closure_id:
        closure = replace(known, closes_at=fact.closes_at)
    else:
        closure = Closure(message.account, fact.closure_id, fact.closes_at)
    book.put(CLOSURES, message.account, closure)
    return Done(timings=(_wake(closure, moment.now),))


@service.event(AccountReopened, keys=_of_closure)
def account_reopened(message: Received[AccountReopened], book: Book, moment: Moment) -> Fate:
    """Have the domains back that the closure would have given up."""
    closure = book.get(CLOSURES, message.account)
    if not _is_news(message, book):
        return Done()
    keep_account(message, book, moment)
    if closure is None:
        return Done()
    book.put(CLOSURES, message.account, replace(closure, phase="reopened"))
    return Done(timings=(_wake(closure, moment.now),))


def _is_news(message: Received[Any], book: Book) -> bool:
    known = book.get(ACCOUNTS, message.account)
    return known is None or known.revision < message.data.account.revision


async def _look_at_domains(tick: Tick) -> Portion | None:
    async with LOOK.pool.acquire() as connection:
        return await store_closures.read_portion(connection, tick.key, tick.started_at, AT_ONCE)


def _of_portion(tick: Tick) -> Iterable[Wanted]:
    seen = tick.observation
    return (CLOSURES, tick.key), *((NAMES, domain) for domain in (seen.domains if seen else ()))


@service.timer(VACATE, keys=_of_portion, observe=_look_at_domains)
def vacate_account(tick: Tick, book: Book, moment: Moment) -> Fate:
    """Look after a portion of the domains of an account that is being closed, or reopened."""
    closure, seen = book.get(CLOSURES, tick.key), tick.observation
    if closure is None or seen is None or closure.phase == "vacated":
        return Done()
    again = (_wake(closure, moment.now),)
    if seen.phase != closure.phase:
        return Done(timings=again)
    if closure.phase == "reopened":
        orders = _restored(closure, seen, book, moment)
        if not seen.domains:
            book.delete(CLOSURES, tick.key)
        return Done(orders=orders, timings=again if seen.domains else ())
    if seen.domains:
        return _vacated(closure, seen, book, moment, again)
    return _looked_after(closure, seen.left, book, moment)


def _restored(closure: Closure, seen: Portion, book: Book, moment: Moment) -> tuple[Order, ...]:
    orders: list[Order] = []
    for domain in seen.domains:
        name = name_of(book, domain)
        claim = name.of(closure.account)
        asked = removal.for_reopening(claim, moment.now) if claim is not None else None
        if asked is not None:
            book.put(NAMES, domain, name.having(asked))
            orders.append(_kept_by_mailbox(asked))
    return tuple(orders)


def _vacated(closure: Closure, seen: Portion, book: Book, moment: Moment, again: tuple[At, ...]) -> Done:
    total = seen.left if closure.total is None else closure.total
    book.put(CLOSURES, closure.account, replace(closure, total=total))
    done = Done(timings=again)
    for domain in seen.domains:
        before = name_of(book, domain)
        claim = before.of(closure.account)
        name = before if claim is None else removal.for_closure(before, claim, closure, moment.now)
        if name is before:
            continue
        book.put(NAMES, domain, name)
        led_to = _led_to(closure.account, before, name)
        orders, timings = (*done.orders, *led_to.orders), (*led_to.timings, *done.timings)
        done = Done((*done.says, *led_to.says), orders, timings)
    return done


def _led_to(account: str, before: Name, name: Name) -> Done:
    claim, done = name.of(account), consequences(before, name)
    assert claim is not None, "a claim never vanishes"
    if claim.state == "removing":
        return replace(done, orders=(*done.orders, let_go(claim)))
    return replace(done, says=(removed(claim, name), *done.says))


def _looked_after(closure: Closure, left: int, book: Book, moment: Moment) -> Done:
    """Nothing is left to begin: say how many are still on their way, or that none is."""
    total = max(left, closure.total or 0)
    due = moment.now >= closure.closes_at
    if left == 0 and due:
        book.put(CLOSURES, closure.account, replace(closure, phase="vacated", total=total, told_left=0))
        fact = AccountVacated(closure_id=closure.closure_id, domains_total=total)
        return Done((Say(fact, key=closure.account),))
    timings = () if due else (_wake(closure, closure.closes_at),)
    if left == closure.told_left:
        return Done(timings=timings)
    if closure.told_at is not None and moment.now - closure.told_at < TELL_AGAIN:
        return Done(timings=(_wake(closure, moment.now + TELL_AGAIN),))
    book.put(CLOSURES, closure.account, replace(closure, total=total, told_left=left, told_at=moment.now))
    fact = AccountVacating(closure_id=closure.closure_id, domains_total=total, domains_left=left)
    return Done((Say(fact, key=closure.account),), timings=timings)
