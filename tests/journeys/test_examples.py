"""Both example programs, run as their comments say, on the running system; and what that runs beside its workers."""

import asyncio
import os
import signal
import sqlite3
import sys

import asyncpg
import pytest

from client import Postkontor
from contracts.billing_v1 import OpenAccount
from contracts.domain_v1 import ClaimDomain, ValidateDomain
from contracts.invoicing_v1 import HOUSE, AskInvoices, RunInvoices
from contracts.mailbox_v1 import AskMailboxes, SuspendMailbox
from deploy.bus.register import identity_for
from deploy.devstack import dnsupdate
from deploy.devstack.beside import DEMO_SELLER
from deploy.devstack.stack import Stack

ACCOUNT = "examples"
TENANT = f"tenant_{ACCOUNT}"
ADDRESS = "anna@examples-shop.de"
HASH = "{SHA512-CRYPT}$6$saltsalt$" + "a" * 86


@pytest.fixture(scope="module", autouse=True)
async def active_domain(stack, office):
    """The account and the domain that the examples expect, and the keys that they ask for."""
    await stack.grant(identity_for("tenant", ACCOUNT))
    await stack.grant(identity_for("subscriber", "mail-server", ["users"]))
    await office.request(OpenAccount(package="silver", company="E", email="e@example.com"), account=ACCOUNT)
    claimed = await office.request(ClaimDomain(domain="examples-shop.de", password_hash=HASH), account=ACCOUNT)
    record, dns = claimed.fact.domain.record, stack.dns
    await dnsupdate.register_domain(dns.tld_address, dns.port, "examples-shop.de")
    await dnsupdate.set_txt(dns.update_address, dns.port, "examples-shop.de", record.name + ".", record.value)
    checked = await office.request(ValidateDomain(domain="examples-shop.de"), account=ACCOUNT)
    assert checked.fact.verified


async def start(repository, stack, folder, *argv, identity="operator"):
    return await asyncio.create_subprocess_exec(
        sys.executable,
        str(repository / "examples" / argv[0]),
        *argv[1:],
        cwd=folder,
        env=os.environ | stack.environment(identity) | {"PYTHONPATH": str(repository)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


async def test_the_shop_orders_one_mailbox_however_often_it_runs(repository, stack, office, tmp_path):
    for _ in range(2):
        shop = await start(repository, stack, tmp_path, "publish_mailbox.py", ACCOUNT, ADDRESS, identity=TENANT)
        output, _ = await asyncio.wait_for(shop.communicate(), 30)
        assert shop.returncode == 0, output.decode()
        assert f"{ADDRESS} is ready, 5 GB" in output.decode()
    page = await office.ask(AskMailboxes(), account=ACCOUNT)
    assert [box.address for box in page.mailboxes] == [ADDRESS]


async def test_the_shop_tells_why_it_was_refused(repository, stack, tmp_path):
    shop = await start(repository, stack, tmp_path, "publish_mailbox.py", ACCOUNT, "anna@not-ours.de", identity=TENANT)
    output, _ = await asyncio.wait_for(shop.communicate(), 30)
    assert shop.returncode == 3
    assert "domain_unknown" in output.decode()


async def test_the_mail_servers_user_list_survives_its_program(repository, stack, office, tmp_path, eventually):
    async def listed(state):
        with sqlite3.connect(tmp_path / "users.sqlite") as users:
            users.execute(
                "CREATE TABLE IF NOT EXISTS users (address TEXT PRIMARY KEY, state TEXT, quota_bytes INTEGER,"
                " aliases TEXT, forwardings TEXT, revision INTEGER)"
            )
            rows = users.execute("SELECT state, quota_bytes FROM users WHERE address = ?", (ADDRESS,)).fetchall()
        return rows == [(state, 5_000_000_000)]

    server = await start(repository, stack, tmp_path, "mail_server_users.py", identity="mail-server")
    await eventually(lambda: listed("active"), seconds=30, what="the first listing")
    server.kill()
    await server.wait()
    suspended = await office.request(SuspendMailbox(address=ADDRESS), account=ACCOUNT)
    assert suspended.state == "done"
    server = await start(repository, stack, tmp_path, "mail_server_users.py", identity="mail-server")
    # What the killed program held comes again after its acknowledgement time.
    await eventually(lambda: listed("suspended"), seconds=60, what="the listing after a restart")
    server.send_signal(signal.SIGINT)
    assert await asyncio.wait_for(server.wait(), 10) == 0


# --- beside the workers -----------------------------------------------------------------------------------------

BILLED = "billed"
POSTAL_ADDRESS = {"street": "Hafenstr. 1", "postcode": "20457", "city": "Hamburg", "country": "DE"}
# As if the account were older: only months that are over are invoiced, and nobody waits for one here.
TWO_MONTHS_EARLIER = """
    SET session_replication_role = replica;
    UPDATE billing.account SET opened_at = opened_at - interval '2 months' WHERE account_id = 'billed';
    UPDATE billing.account_ledger SET at = at - interval '2 months' WHERE account_id = 'billed';
    SELECT to_char(now() AT TIME ZONE 'Europe/Berlin' - interval '1 month', 'YYYY-MM')"""


@pytest.fixture
async def last_month(stack: Stack, office: Postkontor) -> str:
    """The month before this one, in which the account was there already."""
    opened = OpenAccount(package="silver", company="Nordwind Segel", email="n@nordwind.example", **POSTAL_ADDRESS)
    assert (await office.request(opened, account=BILLED)).state == "done"
    connection = await asyncpg.connect(stack.postgres.dsn())
    *changes, month = TWO_MONTHS_EARLIER.split(";")
    await connection.execute(";".join(changes))
    found = await connection.fetchval(month)
    await connection.close()
    return found


async def test_a_month_is_invoiced_by_a_company_that_does_not_exist_and_fetched_in_every_format(
    office: Postkontor, last_month: str
) -> None:
    run = await office.request(RunInvoices(period=last_month), account=HOUSE)
    assert (run.state, run.fact.counts.invoiced) == ("done", 1)
    (invoice,) = (await office.ask(AskInvoices(), account=BILLED)).invoices
    seller, begins = DEMO_SELLER["POSTKONTOR_SELLER_NAME"], {"pdf": b"%PDF-", "xml": b"<?xml", "csv": b"number,"}
    files = {name: await office.invoice_file(invoice.number, name, account=BILLED, timeout=60) for name in begins}
    assert {name: file.content[: len(begins[name])] for name, file in files.items()} == begins
    assert seller.encode() in files["xml"].content


async def test_the_policy_service_answers(stack: Stack) -> None:
    host, _, port = stack.environment()["POSTKONTOR_POLICY_LISTEN"].partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"request=smtpd_access_policy\nprotocol_state=RCPT\nsender=a@b.example\nrecipient=c@d.example\n\n")
    assert await reader.readuntil(b"\n\n") == b"action=DUNNO\n\n"
    writer.close()
