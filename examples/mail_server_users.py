"""A mail server's user list, kept by Postkontor's events: who has a mailbox, how large, under which names.

    postkontor bus grant subscriber mail-server --durable users     # once; prints what to export
    python examples/mail_server_users.py users.sqlite

Stop it, kill it, start it again: it goes on where it was. Events come at least once and sometimes out of order, and
that is harmless: each carries the mailbox's whole state with its revision, and an older revision changes nothing.
"""

import asyncio
import contextlib
import json
import sqlite3
import sys

from client import Event, NotConnected, Postkontor
from contracts.mailbox_v1 import MailboxView

TABLE = """
    CREATE TABLE IF NOT EXISTS users (
        address TEXT PRIMARY KEY, state TEXT NOT NULL, quota_bytes INTEGER NOT NULL,
        aliases TEXT NOT NULL, forwardings TEXT NOT NULL, revision INTEGER NOT NULL)"""

# The last line is the whole deduplication. A deleted mailbox stays as a row, so that a late, older event cannot
# bring it back.
APPLY = """
    INSERT INTO users VALUES (:address, :state, :quota_bytes, :aliases, :forwardings, :revision)
    ON CONFLICT (address) DO UPDATE
    SET state = :state, quota_bytes = :quota_bytes, aliases = :aliases, forwardings = :forwardings,
        revision = :revision
    WHERE revision < :revision"""


def apply(users: sqlite3.Connection, mailbox: MailboxView) -> bool:
    """Write a mailbox's state down; False when it was known already."""
    row = {
        "address": mailbox.address,
        "state": mailbox.state,
        "quota_bytes": mailbox.mail_bytes,
        "aliases": json.dumps(mailbox.aliases),
        "forwardings": json.dumps(mailbox.forwardings),
        "revision": mailbox.revision,
    }
    with users:  # committed when the block ends, before the event is acknowledged
        return users.execute(APPLY, row).rowcount > 0


def handle(users: sqlite3.Connection, event: Event) -> None:
    """Take one event in. `mailbox.*` also brings facts that are about no single mailbox; they are passed over."""
    mailbox = getattr(event.fact, "mailbox", None)
    if isinstance(mailbox, MailboxView) and apply(users, mailbox):
        print(f"{mailbox.address}: {mailbox.state}, {mailbox.plan}, revision {mailbox.revision}", flush=True)


async def main(file: str) -> None:
    with contextlib.closing(sqlite3.connect(file)) as users:
        users.execute(TABLE)
        async with Postkontor.from_environment(source="example-mail-server") as office:
            # The bus remembers under the durable name what was acknowledged. An event is acknowledged when the loop
            # asks for the next one: after its row is committed, never before.
            async for event in office.events(durable="users", account="*", facts=["mailbox.*"]):
                handle(users, event)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        try:
            asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "users.sqlite"))
        except NotConnected as error:  # at the start; a bus that is lost later is waited for
            sys.exit(str(error))
