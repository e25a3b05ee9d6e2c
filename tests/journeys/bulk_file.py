"""A bulk file and the command line that sends it, for the test in which both it and a worker are killed."""

import asyncio
import csv
import json
import os
import sys
from collections import Counter
from uuid import UUID

import nats

from contracts.bulk_v1 import AskBulkItems, part_request_id
from contracts.mailbox_v1 import AskMailboxes

ACCOUNT, DOMAIN = "umzug", "umzug.de"
HASH = "{SHA512-CRYPT}$6$saltsalt$" + "a" * 86
PROGRAM = "import sys; from services.cli import main; main(sys.argv[1:])"
HASHED, FOREIGN, CLEAR = 20, 480, 40  # the first two make the first part


def write_file(path):
    """Mailboxes of the account, others under a domain that is not its own, and some with passwords in clear."""
    with path.open("w", newline="") as opened:
        out = csv.writer(opened)
        out.writerow(["kind", "address", "first_name", "last_name", "plan", "password", "password_hash"])
        for number in range(HASHED):
            out.writerow(["mailbox", f"h{number:02}@{DOMAIN}", "H", "N", "mail", "", HASH])
        for number in range(FOREIGN):
            out.writerow(["mailbox", f"f{number}@fremd.de", "F", "N", "mail", "", HASH])
        for number in range(CLEAR):
            out.writerow(["mailbox", f"p{number:02}@{DOMAIN}", "P", "N", "mail", f"geheim-{number}", ""])


async def cli(stack, repository, *arguments):
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, *arguments, "-a", ACCOUNT, "--lang", "en", "--nats", stack.nats.url,
        "--seed", str(stack.register.seed_file("operator")),
        env=os.environ | {"PYTHONPATH": str(repository)},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def ended(process):
    """Return a command's exit code and its output."""
    out, err = await asyncio.wait_for(process.communicate(), 90)
    return process.returncode, out.decode(), err.decode()


async def audit_bulk(stack, office, bulk):
    """One outcome per item and per part, as any subscriber counts them, and the mailboxes in the file's order."""
    items, after = [], 0
    while after is not None:
        page = await office.ask(AskBulkItems(bulk_id=bulk.bulk_id, after=after, limit=1000), account=ACCOUNT)
        items, after = [*items, *page.items], page.next
    assert len(items) == HASHED + FOREIGN + CLEAR
    assert Counter(item.state for item in items) == {"done": HASHED + CLEAR, "refused": FOREIGN}
    told = await outcomes(stack)
    assert {told[item.request_id] for item in items} == {1}
    parts = [part_request_id(ACCOUNT, bulk.bulk_id, number) for number in (1, 2)]
    assert [told[request_id] for request_id in (*parts, bulk.bulk_id)] == [1, 1, 1]
    page = await office.ask(AskMailboxes(limit=1000), account=ACCOUNT)
    assert len(page.mailboxes) == HASHED + CLEAR


async def outcomes(stack) -> Counter:
    """Count the outcomes that were stated, by request."""
    found: Counter = Counter()
    connection = await nats.connect(**stack.access("admin").for_nats())
    context = connection.jetstream()
    last = (await context.stream_info("EVT")).state.last_seq
    events = await context.subscribe(f"evt.{ACCOUNT}.>", stream="EVT", ordered_consumer=True)
    ends = ("mailbox-created", "request-refused", "bulk-part-received", "bulk-finished")
    while True:
        try:
            message = await events.next_msg(timeout=0.5)
        except TimeoutError:
            break
        if message.subject.split(".")[3] in ends:
            found[UUID(json.loads(message.data)["correlationid"])] += 1
        if message.metadata.sequence.stream >= last:
            break
    await connection.close()
    return found
