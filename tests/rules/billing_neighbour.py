"""What billing in memory needs around it: tables without a database, and a mailbox as its worker has it."""

from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from contracts.mailbox_v1 import FeatureState, MailboxView
from services.chassis.book import Change

ACCOUNT = "nordwind"


@dataclass
class Shelf:
    """A table in memory."""

    name: str
    rows: dict[Any, Any] = field(default_factory=dict)

    async def load(self, conn: Any, keys: list[Any]) -> dict[Any, Any]:
        return {key: self.rows[key] for key in keys if key in self.rows}

    async def save(self, conn: Any, changes: list[Change[Any, Any]]) -> None:
        for change in changes:
            self.rows[change.key] = change.after
            if change.after is None:
                del self.rows[change.key]


@dataclass
class Mailbox:
    """A mailbox as its worker has it."""

    address: str
    plan: str
    created_at: datetime
    revision: int = 1
    aliases: set[str] = field(default_factory=set)
    forwardings: tuple[str, ...] = ()

    def view(self) -> MailboxView:
        return MailboxView(
            account=ACCOUNT, address=self.address, domain="nordwind-segel.de", first_name="A", last_name="B",
            state="active", plan=self.plan, price_cents=100, mail_bytes=1, cloud_bytes=1, groupware=True,
            catalogue="2026-01-01", aliases=tuple(sorted(self.aliases)), forwardings=self.forwardings, keep_copy=True,
            features=FeatureState(on=(), origin="default"), blocked_senders=(), created_at=self.created_at,
            revision=self.revision,
        )  # fmt: skip


def finish(coroutine: Coroutine[Any, Any, Any]) -> None:
    """Run a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise AssertionError("it waited")
