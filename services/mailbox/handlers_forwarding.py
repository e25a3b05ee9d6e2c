"""The bus edge of mailbox, fifth part: addresses that only forward, and catch-alls."""

from collections.abc import Iterable

from contracts.forwarding_v1 import (
    CatchAllRemoved,
    CatchAllSet,
    DeleteForwardOnly,
    ForwardOnlyDeleted,
    ForwardOnlySet,
    RemoveCatchAll,
    ReservedCatchAll,
    ReservedForwardOnly,
)
from contracts.refusals import Refusal, refuse
from contracts.values import domain_of
from services.chassis.book import Book, Wanted
from services.chassis.fates import Done, Fate, Refused, Say
from services.chassis.received import Received
from services.chassis.service import Moment
from services.mailbox import flows, forwarding, rules, views
from services.mailbox.bookkeeping import write_catch_alls, write_forward_only
from services.mailbox.handlers import (
    barred,
    flows_of,
    known_flows,
    not_free,
    open_domain,
    owners_of,
    refused,
    service,
)
from services.mailbox.rows import CatchAlls
from services.mailbox.store import ACCOUNTS, DOMAINS, MAILBOXES, OWNERS
from services.mailbox.store_forwarding import CATCH_ALLS, FORWARD_ONLY

# --- addresses that only forward ----------------------------------------------------------------------------------


def _rows_of_address(account: str, address: str) -> Iterable[Wanted]:
    return (DOMAINS, (account, domain_of(address))), (FORWARD_ONLY, address), *owners_of(address)


def _rows_of_forward_only(message: Received[ReservedForwardOnly]) -> Iterable[Wanted]:
    request = message.data.request
    return *_rows_of_address(message.account, request.address), *flows_of(message.account, request.targets)


@service.command(ReservedForwardOnly, keys=_rows_of_forward_only)
def set_forward_only(message: Received[ReservedForwardOnly], book: Book, moment: Moment) -> Fate:
    """Forward an address that billing keeps room for; a new one has to be free, as a mailbox's (R23)."""
    order, account, now = message.data, message.account, moment.now
    address, name = order.request.address, domain_of(order.request.address)
    late = rules.expired(order.reservation, now)
    if late is not None:
        return Refused(late, order.reservation.holders)
    domain = book.get(DOMAINS, (account, name))
    before = book.get(FORWARD_ONLY, address)
    closed = rules.closed_to(domain, name, order.domain_id)
    is_new = not forwarding.is_had(before, account)
    taken = not_free(book, address, account, now) if is_new else None
    after = forwarding.set_targets(before, order.request, account, now)
    known = flows.with_forward_only(known_flows(book, account), after)
    circles = () if taken else flows.circles(known, address, after.targets)
    obstacles = [closed, taken, rules.unfit(address, after.targets), *circles]
    if any(obstacles):
        return refused(order.reservation, *obstacles)
    open_domain(book, domain, account, name, order.domain_id)
    write_forward_only(book, before, after)
    fact = ForwardOnlySet(forward_only=views.of_forward_only(after))
    return Done((Say(fact, f"forward-only/{address}", after.revision),))


@service.command(
    DeleteForwardOnly,
    keys=lambda message: [(ACCOUNTS, message.account), *_rows_of_address(message.account, message.data.address)],
)
def delete_forward_only(message: Received[DeleteForwardOnly], book: Book, moment: Moment) -> Fate:
    """Give an address up that only forwards; it is in quarantine then (R26)."""
    address, account = message.data.address, message.account
    before = book.get(FORWARD_ONLY, address)
    after = barred(message, book) or forwarding.given_up(before, account, address, moment.now)
    if isinstance(after, Refusal):
        return Refused(after)
    write_forward_only(book, before, after)
    fact = ForwardOnlyDeleted(forward_only=views.of_forward_only(after))
    return Done((Say(fact, f"forward-only/{address}", after.revision),))


# --- catch-alls ---------------------------------------------------------------------------------------------------


def _rows_of_catch_all(account: str, domain: str) -> Iterable[Wanted]:
    return (DOMAINS, (account, domain)), (CATCH_ALLS, account), (OWNERS, f"@{domain}")


def _rows_of_new_catch_all(message: Received[ReservedCatchAll]) -> Iterable[Wanted]:
    account, request = message.account, message.data.request
    wanted = _rows_of_catch_all(account, request.domain)
    return *wanted, (MAILBOXES, request.mailbox), *flows_of(account, [request.mailbox])


@service.command(ReservedCatchAll, keys=_rows_of_new_catch_all)
def set_catch_all(message: Received[ReservedCatchAll], book: Book, moment: Moment) -> Fate:
    """Let a mailbox receive what nobody else in the domain does, instead of any that did before (R23)."""
    order, account, now = message.data, message.account, moment.now
    name, address = order.request.domain, order.request.mailbox
    late = rules.expired(order.reservation, now)
    unfit = late or forwarding.may_catch(book.get(MAILBOXES, address), account, address)
    if unfit is not None:
        return Refused(unfit, order.reservation.holders)
    domain, before = book.get(DOMAINS, (account, name)), catch_alls_of(book, account)
    closed = rules.closed_to(domain, name, order.domain_id)
    is_new = name not in before.by_domain
    taken = not_free(book, f"@{name}", account, now) if is_new else None
    after = forwarding.with_catch_all(before, name, address, now)
    known = flows.with_catch_alls(known_flows(book, account), before, after)
    circles = flows.circles_through(known, address, lambda a: domain_of(a) == name and a not in known.holders)
    obstacles = [closed, taken, *circles]
    if any(obstacles):
        return refused(order.reservation, *obstacles)
    open_domain(book, domain, account, name, order.domain_id)
    write_catch_alls(book, before, after, now)
    fact = CatchAllSet(catch_all=views.of_catch_all(after, name))
    return Done((Say(fact, f"catch-all/{name}", after.revision),))


@service.command(
    RemoveCatchAll,
    keys=lambda message: [(ACCOUNTS, message.account), *_rows_of_catch_all(message.account, message.data.domain)],
)
def remove_catch_all(message: Received[RemoveCatchAll], book: Book, moment: Moment) -> Fate:
    """End a domain's catch-all (R23)."""
    domain, account = message.data.domain, message.account
    barrier = barred(message, book)
    if barrier is not None:
        return Refused(barrier)
    before = catch_alls_of(book, account)
    if domain not in before.by_domain:
        return Refused(refuse("catch_all_unknown", domain=domain))
    return Done(let_go(book, before, [domain], moment))


def let_go(book: Book, before: CatchAlls, domains: list[str], moment: Moment) -> tuple[Say, ...]:
    """End the catch-alls of some domains, and say so."""
    if not domains:
        return ()
    after = forwarding.without(before, domains, moment.now)
    write_catch_alls(book, before, after, moment.now)
    facts = ((name, CatchAllRemoved(catch_all=views.of_catch_all(after, name))) for name in domains)
    return tuple(Say(fact, f"catch-all/{name}", after.revision) for name, fact in facts)


def catch_alls_of(book: Book, account: str) -> CatchAlls:
    """Return the account's catch-alls, which the message has named."""
    found = book.get(CATCH_ALLS, account)
    assert found is not None, "every account has a set of catch-alls, be it empty"
    return found
