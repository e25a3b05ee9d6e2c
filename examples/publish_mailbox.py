"""A shop that sells a mailbox: order it from Postkontor, and tell the customer how it went.

Run it beside `postkontor dev`, with an account and an active domain (README's "Play with it" makes both), and with a
key to the bus that is good for this account alone; the command prints what to export:

    postkontor bus grant tenant nordwind
    python examples/publish_mailbox.py nordwind anna@nordwind-segel.de

Run it again, or kill it in the middle and run it again: there is still one mailbox. The shop writes the order down
before it sends it, with its request id, and sends the same order under the same id until it knows the outcome.
"""

import asyncio
import json
import sys
from pathlib import Path
from uuid import UUID

from client import NoAnswer, NotConnected, Outcome, Postkontor, hash_password
from contracts.ids import uuid7
from contracts.mailbox_v1 import CreateMailbox


def remembered_order(file: Path, address: str) -> tuple[UUID, CreateMailbox]:
    """Return the order as first written down, so that a repetition has the same id and the same content."""
    if not file.exists():
        order = {
            "request_id": str(uuid7()),
            "address": address,
            # Hashed once, here, where the password is known. A hash made anew would differ, and other content
            # under the same id is refused.
            "password_hash": hash_password("a password that the customer has typed"),
        }
        as_request(order)  # raises ValueError for what is no address, before it is written down
        file.write_text(json.dumps(order))
    order = json.loads(file.read_text())
    return UUID(order["request_id"]), as_request(order)


def as_request(order: dict[str, str]) -> CreateMailbox:
    """Return the request to send for an order."""
    return CreateMailbox(
        address=order["address"],
        first_name="Anna",
        last_name="Nordwind",
        plan="mailxl",
        password_hash=order["password_hash"],
    )


def tell(outcome: Outcome) -> int:
    """Tell the customer. A refusal is an answer: its code is for programs, its text for people."""
    if outcome.refusal is not None:
        for finding in outcome.refusal.findings:
            print(f"Sorry ({finding.code}): {finding.text.en}")
        return 3
    mailbox = outcome.fact.mailbox
    print(f"{mailbox.address} is ready, {mailbox.mail_bytes / 10**9:g} GB, after {outcome.elapsed * 1000:.0f} ms")
    return 0


async def main(account: str, address: str) -> int:
    try:
        request_id, order = remembered_order(Path(f"order-{address}.json"), address)
        async with Postkontor.from_environment(account=account, source="example-shop") as office:
            return tell(await office.request(order, request_id=request_id, timeout=30))
    except NoAnswer as error:  # perhaps done, perhaps not: sending again finds out, without a second effect
        print(f"Not known yet, run me again: {error}")
    except (NotConnected, ValueError) as error:
        print(f"Nothing was sent: {error}")
    return 1


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(asyncio.run(main(*sys.argv[1:])))
