"""The bus edge of mailbox, third part: groupware groups."""

from collections.abc import Iterable

from contracts.billing_v1 import ReservedGroup
from contracts.mailbox_v1 import DeleteGroup, GroupCreated, GroupDeleted, GroupMembersSet, SetGroupMembers
from contracts.refusals import Refusal
from services.chassis.book import Book, Wanted
from services.chassis.fates import Done, Fate, Refused
from services.chassis.received import Received
from services.chassis.service import Moment
from services.mailbox import groups, rules
from services.mailbox.handlers import barred, groups_of, say_group, service
from services.mailbox.store import ACCOUNTS, MAILBOXES
from services.mailbox.store_groups import GROUPS


def _rows_of_members(account: str, members: Iterable[str]) -> Iterable[Wanted]:
    return (GROUPS, account), *((MAILBOXES, member) for member in members)


@service.command(
    ReservedGroup,
    keys=lambda message: [
        (ACCOUNTS, message.account),
        *_rows_of_members(message.account, message.data.request.members),
    ],
)
def create_group(message: Received[ReservedGroup], book: Book, moment: Moment) -> Fate:
    """Make a group that billing keeps room for (R24)."""
    ask, reservation = message.data.request, message.data.reservation
    late = rules.expired(reservation, moment.now)
    late = late or rules.leaving(book.get(ACCOUNTS, message.account), message.account)
    if late is not None:
        return Refused(late, reservation.holders)
    made = groups.create(groups_of(book, message.account), ask.name, _candidates(book, ask.members))
    if isinstance(made, Refusal):
        return Refused(made, reservation.holders)
    book.put(GROUPS, message.account, made)
    return Done((say_group(GroupCreated, message.account, made.by_name[ask.name]),))


def _rows_of_group(message: Received[SetGroupMembers]) -> Iterable[Wanted]:
    return (ACCOUNTS, message.account), *_rows_of_members(message.account, message.data.members)


@service.command(SetGroupMembers, keys=_rows_of_group)
def set_group_members(message: Received[SetGroupMembers], book: Book, moment: Moment) -> Fate:
    """Replace a group's members (R24)."""
    ask, account = message.data, message.account
    changed = barred(message, book) or groups.set_members(
        groups_of(book, account), ask.name, _candidates(book, ask.members)
    )
    if isinstance(changed, Refusal):
        return Refused(changed)
    book.put(GROUPS, account, changed)
    return Done((say_group(GroupMembersSet, account, changed.by_name[ask.name]),))


@service.command(DeleteGroup, keys=lambda message: [(ACCOUNTS, message.account), (GROUPS, message.account)])
def delete_group(message: Received[DeleteGroup], book: Book, moment: Moment) -> Fate:
    """Delete a group; its members' mailboxes stay."""
    account = message.account
    deleted = barred(message, book) or groups.delete(groups_of(book, account), message.data.name)
    if isinstance(deleted, Refusal):
        return Refused(deleted)
    left, group = deleted
    book.put(GROUPS, account, left)
    return Done((say_group(GroupDeleted, account, group),))


def _candidates(book: Book, members: Iterable[str]) -> groups.Candidates:
    return [(member, book.get(MAILBOXES, member)) for member in dict.fromkeys(members)]
