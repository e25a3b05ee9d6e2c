"""How a target's features came about: its changes, and which of them an undo goes by. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from contracts.mailbox_v1 import FeatureState
from services.mailbox import features
from services.mailbox.rows import Domain, Mailbox

HistoryKey = tuple[str, str]  # account and target: a domain or an address


@dataclass(frozen=True, slots=True)
class FeatureChange:
    """One change of a target's features. `own_settings` are the mailboxes' own sets that count since then, or not."""

    kind: Literal["set", "undo"]
    at: datetime
    request_id: UUID
    channel: str
    before: FeatureState
    after: FeatureState
    own_settings: int = 0


@dataclass(frozen=True, slots=True)
class History:
    """A target's latest change, how many there were, and those that this batch adds."""

    latest: FeatureChange | None = None
    changes: int = 0
    added: tuple[FeatureChange, ...] = ()


NONE = History()


def with_change(history: History | None, change: FeatureChange) -> History:
    """Return the history one change on."""
    known = history or NONE
    return replace(known, latest=change, changes=known.changes + 1, added=(*known.added, change))


def replaced_by_latest(history: History | None, mailbox: Mailbox) -> FeatureState | None:
    """Return what a mailbox's latest change replaced; those of one that had its address before are not its own."""
    latest = history.latest if history else None
    return latest.before if latest is not None and latest.at >= mailbox.created_at else None


def of_mailbox(cause: Any, kind: Literal["set", "undo"], before: Mailbox, after: Mailbox, domain: Domain,
               at: datetime) -> FeatureChange:  # fmt: skip
    """Return a mailbox's change as its request made it."""
    states = features.of_mailbox(before, domain), features.of_mailbox(after, domain)
    return FeatureChange(kind, at, cause.request_id, cause.channel, *states)


def of_domain(
    cause: Any, kind: Literal["set", "undo"], before: Domain | None, after: Domain, at: datetime
) -> FeatureChange:
    """Return a domain's change as its request made it."""
    counted = before.tally.own_settings if before else 0
    states = features.of_domain(before), features.of_domain(after)
    return FeatureChange(kind, at, cause.request_id, cause.channel, *states, after.tally.own_settings - counted)


def keys(account: str, targets: Iterable[str]) -> list[HistoryKey]:
    """Return the keys of some targets' histories."""
    return [(account, target) for target in targets]
