"""Messages of mailbox, version 1, about groupware groups (R24)."""

from typing import Annotated

from pydantic import Field

from contracts.base import Fact, Part, Request
from contracts.values import AccountId, GroupName, MailAddress, PageSize


class GroupView(Part):
    """The public state of a groupware group."""

    account: AccountId
    name: str
    members: tuple[str, ...]
    revision: int


# --- requests ----------------------------------------------------------------------------------------------------


class CreateGroup(Request):
    """Make a groupware group; its members need a plan with groupware (R24)."""

    name: GroupName
    members: Annotated[tuple[MailAddress, ...], Field(max_length=1000)] = ()


class SetGroupMembers(Request):
    """Replace the members of a group."""

    name: GroupName
    members: Annotated[tuple[MailAddress, ...], Field(max_length=1000)]


class DeleteGroup(Request):
    """Delete a group; its members' mailboxes stay."""

    name: GroupName


# --- facts -------------------------------------------------------------------------------------------------------


class GroupCreated(Fact):
    """A group exists."""

    group: GroupView


class GroupMembersSet(Fact):
    """A group has other members."""

    group: GroupView


class GroupDeleted(Fact):
    """A group is gone."""

    group: GroupView


# --- question and answer -----------------------------------------------------------------------------------------


class AskGroups(Part):
    """Which groups does the account have?"""

    after: str = ""
    limit: PageSize = 100


class GroupsAnswer(Part):
    """A page of groups in the order of their names."""

    groups: tuple[GroupView, ...]
    next: str | None
