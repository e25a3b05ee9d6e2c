"""Keeping a batch's rows in step with its mailboxes and other addresses.

The store writes what they let go of and count for by itself. But a later message of the same batch must see it too,
and it has loaded the rows concerned: an alias that goes with its mailbox is free for the next message at once. What is
taken is written from here.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from services.chassis.book import Book, Table
from services.mailbox import flows
from services.mailbox.features import recounted, shares
from services.mailbox.rows import CatchAlls, Domain, DomainKey, ForwardOnly, Mailbox, Ownership
from services.mailbox.store import DOMAINS, MAILBOXES, OWNERS
from services.mailbox.store_forwarding import CATCH_ALLS, FLOWS, FORWARD_ONLY, THE_ACCOUNT
from services.mailbox.terms import TERMS

R = TypeVar("R")


def write(book: Book, before: Mailbox | None, after: Mailbox) -> Domain:
    """Put a mailbox, and what follows from it into the rows that the batch holds; return its domain."""
    book.put(MAILBOXES, after.address, after)
    owned, owned_before = (dict.fromkeys(m.owned if m else (), after.address) for m in (after, before))
    _own(book, after.account, owned_before, owned, after.updated_at)
    for key in _domains(before, after):
        domain = _held(book, DOMAINS, key)
        if domain is not None:
            book.put(DOMAINS, key, recounted(domain, before, after))
    _flow(book, after.account, lambda known: flows.with_mailbox(known, before, after))
    found = book.get(DOMAINS, (after.account, after.domain))
    assert found is not None, "a mailbox stands under a domain that has a row"
    return found


def write_forward_only(book: Book, before: ForwardOnly | None, after: ForwardOnly) -> None:
    """Put an address that only forwards, and what follows from it."""
    book.put(FORWARD_ONLY, after.address, after)
    had, has = (dict[str, None].fromkeys(f.owned if f else ()) for f in (before, after))
    _own(book, after.account, had, has, after.updated_at)
    _recount(book, (after.account, after.domain), len(has) - len(had))
    _flow(book, after.account, lambda known: flows.with_forward_only(known, after))


def write_catch_alls(book: Book, before: CatchAlls, after: CatchAlls, now: datetime) -> None:
    """Put an account's catch-alls, and what follows from them."""
    book.put(CATCH_ALLS, after.account, after)
    _own(book, after.account, before.owned, after.owned, now)
    for domain in {*before.by_domain} ^ {*after.by_domain}:
        _recount(book, (after.account, domain), 1 if domain in after.by_domain else -1)
    _flow(book, after.account, lambda known: flows.with_catch_alls(known, before, after))


def _own(
    book: Book, account: str, before: Mapping[str, str | None], after: Mapping[str, str | None], now: datetime
) -> None:
    for address, mailbox in after.items():
        if address not in before or before[address] != mailbox:
            book.put(OWNERS, address, Ownership(address, account, mailbox, since=now))
    for address in before:
        owner = _held(book, OWNERS, address) if address not in after else None
        if owner is not None:
            book.put(OWNERS, address, replace(owner, free_at=now + TERMS.quarantine))


def _recount(book: Book, key: DomainKey, more: int) -> None:
    domain = _held(book, DOMAINS, key)
    if domain is not None and more:
        tally = replace(domain.tally, aliases=domain.tally.aliases + more)
        book.put(DOMAINS, key, replace(domain, tally=tally))


def _flow(book: Book, account: str, change: Any) -> None:
    known = _held(book, FLOWS, (account, THE_ACCOUNT))
    if known is not None:
        book.put(FLOWS, (account, THE_ACCOUNT), change(known))


def _domains(before: Mailbox | None, after: Mailbox) -> set[DomainKey]:
    return {(after.account, share[0]) for mailbox in (before, after) for share in shares(mailbox)}


def _held(book: Book, table: Table[Any, R], key: Any) -> R | None:
    """Return a row if a message of the batch named it. If none did, none will look at it."""
    try:
        return book.get(table, key)
    except KeyError:
        return None
