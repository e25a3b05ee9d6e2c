"""Groupware groups (R24). Pure: the members' mailboxes are passed in."""

from collections.abc import Iterable
from dataclasses import replace

from contracts.refusals import Finding, Refusal, finding, refusal, refuse
from services.mailbox.rows import Group, Groups, Mailbox

Candidates = Iterable[tuple[str, Mailbox | None]]  # a member's address, and the mailbox of that address if there is one


def create(groups: Groups, name: str, candidates: Candidates) -> Groups | Refusal:
    """Make a group. The refusal names the group and every member that stands in the way."""
    found = list(candidates)
    taken = [finding("group_exists", group=name)] if name in groups.by_name else []
    obstacles = [*taken, *unfit(groups.account, found)]
    return refusal(*obstacles) if obstacles else _with(groups, name, (address for address, _ in found))


def set_members(groups: Groups, name: str, candidates: Candidates) -> Groups | Refusal:
    """Replace a group's members."""
    found = list(candidates)
    missing = [] if name in groups.by_name else [finding("group_unknown", group=name)]
    obstacles = [*missing, *unfit(groups.account, found)]
    return refusal(*obstacles) if obstacles else _with(groups, name, (address for address, _ in found))


def delete(groups: Groups, name: str) -> tuple[Groups, Group] | Refusal:
    """Delete a group; return what is left and the group's last state."""
    if name not in groups.by_name:
        return refuse("group_unknown", group=name)
    revision = groups.revision + 1
    left = {key: group for key, group in groups.by_name.items() if key != name}
    return replace(groups, revision=revision, by_name=left), Group(name, (), revision)


def without(groups: Groups, address: str) -> tuple[Groups, tuple[Group, ...]]:
    """Take a mailbox out of all groups; return what is left and the groups that it was in."""
    changed: list[Group] = []
    for name in of(groups, address):
        groups = _with(groups, name, (member for member in groups.by_name[name].members if member != address))
        changed.append(groups.by_name[name])
    return groups, tuple(changed)


def of(groups: Groups, address: str) -> tuple[str, ...]:
    """Return the names of the groups that a mailbox is a member of."""
    return tuple(sorted(name for name, group in groups.by_name.items() if address in group.members))


def unfit(account: str, candidates: Candidates) -> Iterable[Finding]:
    """Yield why some cannot be members: no mailbox of the account, or a plan without groupware."""
    for address, mailbox in candidates:
        if mailbox is None or mailbox.account != account or mailbox.state == "deleted":
            yield finding("member_unknown", address=address)
        elif not mailbox.groupware:
            yield finding("member_without_groupware", address=address, plan=mailbox.plan)


def _with(groups: Groups, name: str, members: Iterable[str]) -> Groups:
    revision = groups.revision + 1
    group = Group(name, tuple(sorted(set(members))), revision)
    return replace(groups, revision=revision, by_name={**groups.by_name, name: group})
