"""Keeping a batch's rows in step with its mailboxes.

The store writes what a mailbox owns and counts for by itself. But a later message of the same batch must see it too,
and it has loaded the rows concerned: an alias that goes with its mailbox is free for the next message at once.
"""

from typing import Any, TypeVar

from services.chassis.book import Book, Table
from services.mailbox.features import recounted, shares
from services.mailbox.rows import Domain, DomainKey, Mailbox, Ownership
from services.mailbox.store import DOMAINS, MAILBOXES, OWNERS

R = TypeVar("R")


def write(book: Book, before: Mailbox | None, after: Mailbox) -> Domain:
    """Put a mailbox, and what follows from it into the rows that the batch holds; return its domain."""
    book.put(MAILBOXES, after.address, after)
    _own(book, before, after)
    for key in _domains(before, after):
        domain = _held(book, DOMAINS, key)
        if domain is not None:
            book.put(DOMAINS, key, recounted(domain, before, after))
    found = book.get(DOMAINS, (after.account, after.domain))
    assert found is not None, "a mailbox stands under a domain that has a row"
    return found


def _own(book: Book, before: Mailbox | None, after: Mailbox) -> None:
    owned, owned_before = after.owned, before.owned if before else ()
    for address in owned:
        if address not in owned_before:
            book.put(OWNERS, address, Ownership(address, after.account, after.address))
    for address in owned_before:
        owner = _held(book, OWNERS, address) if address not in owned else None
        if owner is not None:
            book.put(OWNERS, address, Ownership(address, owner.account, owner.mailbox, after.updated_at))


def _domains(before: Mailbox | None, after: Mailbox) -> set[DomainKey]:
    return {(after.account, share[0]) for mailbox in (before, after) for share in shares(mailbox)}


def _held(book: Book, table: Table[Any, R], key: Any) -> R | None:
    """Return a row if a message of the batch named it. If none did, none will look at it."""
    try:
        return book.get(table, key)
    except KeyError:
        return None
