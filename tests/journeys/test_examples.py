"""Both example programs, run as their comments say, on the running system."""

import asyncio
import os
import signal
import sqlite3
import sys

import pytest

from contracts.billing_v1 import OpenAccount
from contracts.domain_v1 import ClaimDomain, ValidateDomain
from contracts.mailbox_v1 import AskMailboxes, SuspendMailbox
from deploy.devstack import dnsupdate

ACCOUNT = "examples"
ADDRESS = "anna@examples-shop.de"
HASH = "{SHA512-CRYPT}$6$saltsalt$" + "a" * 86


@pytest.fixture(scope="module", autouse=True)
async def active_domain(stack, office):
    """The account and the domain that the examples expect."""
    await office.request(OpenAccount(package="silver", company="E", email="e@example.com"), account=ACCOUNT)
    claimed = await office.request(ClaimDomain(domain="examples-shop.de", password_hash=HASH), account=ACCOUNT)
    record, dns = claimed.fact.domain.record, stack.dns
    await dnsupdate.register_domain(dns.tld_address, dns.port, "examples-shop.de")
    await dnsupdate.set_txt(dns.update_address, dns.port, "examples-shop.de", record.name + ".", record.value)
    checked = await office.request(ValidateDomain(domain="examples-shop.de"), account=ACCOUNT)
    assert checked.fact.verified


async def start(repository, stack, folder, *argv):
    return await asyncio.create_subprocess_exec(
        sys.executable,
        str(repository / "examples" / argv[0]),
        *argv[1:],
        cwd=folder,
        env=os.environ | stack.environment() | {"PYTHONPATH": str(repository)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


async def test_the_shop_orders_one_mailbox_however_often_it_runs(repository, stack, office, tmp_path):
    for _ in range(2):
        shop = await start(repository, stack, tmp_path, "publish_mailbox.py", ACCOUNT, ADDRESS)
        output, _ = await asyncio.wait_for(shop.communicate(), 30)
        assert shop.returncode == 0, output.decode()
        assert f"{ADDRESS} is ready, 5 GB" in output.decode()
    page = await office.ask(AskMailboxes(), account=ACCOUNT)
    assert [box.address for box in page.mailboxes] == [ADDRESS]


async def test_the_shop_tells_why_it_was_refused(repository, stack, tmp_path):
    shop = await start(repository, stack, tmp_path, "publish_mailbox.py", ACCOUNT, "anna@not-ours.de")
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

    server = await start(repository, stack, tmp_path, "mail_server_users.py")
    await eventually(lambda: listed("active"), seconds=30, what="the first listing")
    server.kill()
    await server.wait()
    suspended = await office.request(SuspendMailbox(address=ADDRESS), account=ACCOUNT)
    assert suspended.state == "done"
    server = await start(repository, stack, tmp_path, "mail_server_users.py")
    # What the killed program held comes again after its acknowledgement time.
    await eventually(lambda: listed("suspended"), seconds=60, what="the listing after a restart")
    server.send_signal(signal.SIGINT)
    assert await asyncio.wait_for(server.wait(), 10) == 0
