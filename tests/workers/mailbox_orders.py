"""Mailboxes as billing hands them on, for tests that are about what comes after."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from contracts import billing_v1 as billing
from contracts import mailbox_v1 as mailbox
from contracts.values import domain_of

HASH = "{BLF-CRYPT}$2b$12$" + "S" * 53
MAIL = billing.PlanTerms(
    plan="mail", price_cents=100, mail_bytes=10**9, cloud_bytes=0, groupware=False, catalogue="2027-01"
)


def new_mailbox(account: str, address: str, password_hash: str = HASH) -> billing.ReservedMailbox:
    """Return the order that makes a mailbox."""
    request = mailbox.CreateMailbox(
        address=address, first_name="Anna", last_name="Berg", plan=MAIL.plan, password_hash=password_hash
    )
    return billing.ReservedMailbox(
        request=request,
        domain_id=uuid5(UUID(int=0), f"{account}/{domain_of(address)}"),
        terms=MAIL,
        reservation=billing.Reservation(
            holders=(f"mailbox/{address}",), expires_at=datetime.now(UTC) + timedelta(minutes=10)
        ),
    )


async def made(bus: Any, account: str, *addresses: str) -> None:
    """Make mailboxes."""
    ids = [await bus.send(account, new_mailbox(account, address)) for address in addresses]
    for id_ in ids:
        assert (await bus.answer(account, id_)).type == "mailbox.mailbox-created.v1"
