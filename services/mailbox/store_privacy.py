"""SQL that takes persons out of what this worker has logged.

Ids, addresses, figures and times of facts stay: other facts, the ledger and trails rest on them. Other workers log no
names.
"""

from dataclasses import dataclass

from services.chassis.book import Change, Conn
from services.mailbox.store import execute

# Every text and list in a fact that says whose a mailbox is or whom it writes to, wherever it stands: `"name":"..."`
# and `"name":["...",...]`, as our encoder writes them.
_TEXTS = r'"(first_name|last_name|given_name|family_name|display_name)":"(?:[^"\\]|\\.)*"'
_LISTS = r'"(aliases|forwardings|blocked_senders)":\[(?:"(?:[^"\\]|\\.)*",?)*\]'

# Facts about some mailboxes, by the index for trails.
_REDACT_LOG = f"""
    UPDATE mailbox.event_log AS l
    SET payload = convert_to(regexp_replace(regexp_replace(
        convert_from(l.payload, 'UTF8'), '{_TEXTS}', '"\\1":""', 'g'), '{_LISTS}', '"\\1":[]', 'g'), 'UTF8')
    FROM unnest($1::text[], $2::text[]) AS r (account, address)
    WHERE hashtext(l.ordering_key) = hashtext(r.account || '/mailbox/' || r.address)
        AND l.ordering_key = r.account || '/mailbox/' || r.address"""  # noqa: S608 - constants of this file

# Messages of the account that were set aside and name the address.
_REDACT_DEAD_LETTERS = """
    UPDATE mailbox.dead_letter AS d SET payload = '', detail = 'erased'
    FROM unnest($1::text[], $2::text[]) AS r (account, address)
    WHERE d.account = r.account AND position(r.address IN d.payload) > 0"""


@dataclass(frozen=True, slots=True)
class Erasure:
    """A person to forget."""

    account: str
    address: str


class Erasures:
    """Persons to forget, by account and address. There is nothing to load: an erasure leaves no row."""

    name = "mailbox.erasure"

    async def load(self, conn: Conn, keys: list[tuple[str, str]]) -> dict[tuple[str, str], Erasure]:
        """Return nothing: nobody was forgotten in this batch yet."""
        return {}

    async def save(self, conn: Conn, changes: list[Change[tuple[str, str], Erasure]]) -> None:
        """Take the persons out of what was logged before."""
        rows = sorted((c.after.account, c.after.address) for c in changes if c.after is not None)
        await execute(conn, _REDACT_LOG, rows)
        await execute(conn, _REDACT_DEAD_LETTERS, rows)


ERASURES = Erasures()
