"""What is provisioned over the bus holds in a real mail server with the next mail, without a reload.

Every change is a request, and its outcome is all that a test waits for: what Postfix and Dovecot then do must follow
from it at once. Only delivery itself is polled for.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from client import Outcome, Postkontor
from client.passwords import hash_password
from contracts.base import Request
from contracts.billing_v1 import OpenAccount
from contracts.domain_v1 import ClaimDomain, SetDomainFeatures, ValidateDomain
from contracts.forwarding_v1 import DeleteForwardOnly, RemoveCatchAll, SetCatchAll, SetForwardOnly
from contracts.mailbox_v1 import (
    AddAliases,
    BlockSenders,
    ChangePlan,
    CreateMailbox,
    DeleteMailbox,
    ReactivateMailbox,
    RemoveAliases,
    SetForwardings,
    SetMailboxFeatures,
    SetMailboxPassword,
    SuspendMailbox,
    UnblockSenders,
    UndeleteMailbox,
)
from contracts.passwords_v1 import RequirePasswordChange
from deploy.devstack import dnsupdate
from deploy.devstack.stack import Stack

pytestmark = [pytest.mark.mail, pytest.mark.timeout(180)]

ACCOUNT, DOMAIN, OTHER_DOMAIN, UNPROVEN = "mailtest", "nordwind-segel.de", "suedwind-segel.de", "westwind-segel.de"
PASSWORD = "a password"
GIGABYTE_IN_KIB = -(-(10**9) // 1024)  # as IMAP tells quotas, rounded up
FRIEND, SPAMMER = "friend@elsewhere.example", "offers@spam.example"

Provision = Callable[[Request], Awaitable[Outcome]]
NewMailbox = Callable[..., Awaitable[str]]


@pytest_asyncio.fixture(scope="module")
async def provision(office: Postkontor) -> Provision:
    """Send a request of the account and insist on its fact."""

    async def send(request: Request) -> Outcome:
        outcome = await office.request(request, account=ACCOUNT)
        assert outcome.state == "done", outcome.refusal
        return outcome

    return send


@pytest_asyncio.fixture(scope="module", autouse=True)
async def domains(stack: Stack, provision: Provision, password_hash: str) -> None:
    """Two domains that are proven, and one that is claimed only."""
    await provision(OpenAccount(package="platinum", company="Nordwind", email="post@example.com"))
    for domain in (DOMAIN, OTHER_DOMAIN):
        claimed = await provision(ClaimDomain(domain=domain, password_hash=password_hash))
        record, dns = claimed.fact.domain.record, stack.dns
        await dnsupdate.register_domain(dns.tld_address, dns.port, domain)
        await dnsupdate.set_txt(dns.update_address, dns.port, domain, f"{record.name}.", record.value)
        assert (await provision(ValidateDomain(domain=domain))).fact.verified
    await provision(ClaimDomain(domain=UNPROVEN, password_hash=password_hash))


@pytest_asyncio.fixture(scope="module")
async def new_mailbox(provision: Provision, password_hash: str) -> NewMailbox:
    """Make a mailbox of the test's own; return its address."""

    async def make(name: str, plan: str = "mail") -> str:
        address = f"{name}@{DOMAIN}"
        await provision(
            CreateMailbox(address=address, first_name="A", last_name="B", plan=plan, password_hash=password_hash)
        )
        return address

    return make


@pytest.fixture
def arrived(mail_server: Any, eventually: Any) -> Callable[..., Awaitable[None]]:
    """Wait until exactly these mails are in somebody's inbox."""

    async def wait(address: str, *subjects: str) -> None:
        async def are_there() -> bool:
            return sorted(await mail_server.subjects(address, PASSWORD)) == sorted(subjects)

        await eventually(are_there, what=f"{subjects} in the inbox of {address}")

    return wait


# --- logins -----------------------------------------------------------------------------------------------------


async def test_the_provisioned_password_opens_the_mailbox_and_no_other_does(mail_server, new_mailbox):
    anna = await new_mailbox("anna")
    assert await mail_server.can_log_in(anna, PASSWORD)
    assert await mail_server.can_log_in(anna.upper(), PASSWORD)
    assert not await mail_server.can_log_in(anna, "a guess")
    assert not await mail_server.can_log_in(f"nobody@{DOMAIN}", PASSWORD)


async def test_a_new_password_counts_at_once(mail_server, new_mailbox, provision):
    bela = await new_mailbox("bela")
    assert await mail_server.can_log_in(bela, PASSWORD)
    await provision(SetMailboxPassword(address=bela, password_hash=hash_password("another")))
    assert await mail_server.can_log_in(bela, "another")
    assert not await mail_server.can_log_in(bela, PASSWORD)


async def test_a_password_that_had_to_be_changed_opens_nothing_and_is_told_why(mail_server, new_mailbox, provision):
    enno = await new_mailbox("enno")
    await provision(RequirePasswordChange(targets=(enno,)))
    assert "must be changed" in await mail_server.login_answer(enno, PASSWORD)
    assert "must be changed" not in await mail_server.login_answer(enno, "a guess")
    await provision(SetMailboxPassword(address=enno, password_hash=hash_password("another")))
    assert await mail_server.can_log_in(enno, "another")


# --- delivery ---------------------------------------------------------------------------------------------------


async def test_mail_arrives_in_the_mailbox_that_was_made_a_moment_ago(mail_server, new_mailbox, arrived):
    address = f"carla@{DOMAIN}"
    assert (await mail_server.rcpt(FRIEND, address))[0].startswith("550 5.1.1")
    await new_mailbox("carla")
    await mail_server.deliver(FRIEND, address, "first")
    await mail_server.deliver(FRIEND, address.title(), "in other letters")
    await arrived(address, "first", "in other letters")


async def test_mail_for_nobody_and_for_other_domains_is_refused(mail_server, new_mailbox):
    known = await new_mailbox("dora")
    unknown, unproven, foreign, accepted = await mail_server.rcpt(
        FRIEND, f"nobody@{DOMAIN}", f"dora@{UNPROVEN}", "somebody@elsewhere.example", known
    )
    assert unknown.startswith("550 5.1.1")
    assert unproven.startswith("554 5.7.1")
    assert foreign.startswith("554 5.7.1")
    assert accepted.startswith("250")


async def test_mail_for_an_alias_and_for_a_tag_reaches_the_mailbox(mail_server, new_mailbox, provision, arrived):
    emma, alias = await new_mailbox("emma"), f"office@{OTHER_DOMAIN}"
    # Nothing stands under the domain yet. Not the alias itself: smtpd remembers of what domain an address was.
    assert (await mail_server.rcpt(FRIEND, f"sales@{OTHER_DOMAIN}"))[0].startswith("554 5.7.1")
    await provision(AddAliases(address=emma, aliases=(alias, f"em@{DOMAIN}")))
    await mail_server.deliver(FRIEND, f"em@{DOMAIN}", "alias")
    await mail_server.deliver(FRIEND, alias, "in another domain")
    await mail_server.deliver(FRIEND, f"emma+lists@{DOMAIN}", "tag")
    await mail_server.deliver(FRIEND, f"em+lists@{DOMAIN}", "tag of an alias")
    await arrived(emma, "alias", "in another domain", "tag", "tag of an alias")
    await provision(RemoveAliases(address=emma, aliases=(f"em@{DOMAIN}",)))
    assert (await mail_server.rcpt(FRIEND, f"em@{DOMAIN}"))[0].startswith("550 5.1.1")


async def test_an_address_with_a_plus_of_its_own_is_nobody_elses_tag(mail_server, new_mailbox, arrived):
    frieda, shop = await new_mailbox("frieda"), await new_mailbox("frieda+shop")
    await mail_server.deliver(FRIEND, shop, "for the shop")
    await mail_server.deliver(FRIEND, "frieda+news@" + DOMAIN, "for frieda")
    await arrived(shop, "for the shop")
    await arrived(frieda, "for frieda")


async def test_forwardings_go_out_and_the_copy_stays_if_wanted(
    mail_server, new_mailbox, provision, arrived, eventually
):
    gesa, hauke = await new_mailbox("gesa"), await new_mailbox("hauke")
    away = "gesa@elsewhere.example"

    async def sent_out(times):
        async def are_out():
            return [to for _, to in mail_server.world.envelopes].count(away) == times

        await eventually(are_out, what=f"{times} mails to {away}")

    await provision(SetForwardings(address=gesa, targets=(hauke, away)))
    await mail_server.deliver(FRIEND, f"gesa+tag@{DOMAIN}", "copied")
    await arrived(gesa, "copied")
    await arrived(hauke, "copied")
    await sent_out(1)
    await provision(SetForwardings(address=gesa, targets=(hauke, away), keep_copy=False))
    await mail_server.deliver(FRIEND, gesa, "passed on")
    await arrived(hauke, "copied", "passed on")
    await sent_out(2)
    await provision(SetForwardings(address=gesa, targets=()))
    await mail_server.deliver(FRIEND, gesa, "kept")
    await arrived(gesa, "copied", "kept")


async def test_an_address_without_a_mailbox_forwards_and_nobody_logs_in_there(
    mail_server, new_mailbox, provision, arrived
):
    ilse, info = await new_mailbox("ilse"), f"info@{DOMAIN}"
    await provision(SetForwardOnly(address=info, targets=(ilse, "info@elsewhere.example")))
    await mail_server.deliver(FRIEND, info, "to both")
    await mail_server.deliver(FRIEND, f"info+tag@{DOMAIN}", "with a tag")
    await arrived(ilse, "to both", "with a tag")
    assert not await mail_server.can_log_in(info, PASSWORD)
    await provision(DeleteForwardOnly(address=info))
    assert (await mail_server.rcpt(FRIEND, info))[0].startswith("550 5.1.1")


async def test_a_catch_all_gets_what_nobody_else_does(mail_server, new_mailbox, provision, arrived):
    jan, kaja = await new_mailbox("jan"), await new_mailbox("kaja")
    await provision(AddAliases(address=jan, aliases=(f"jan@{OTHER_DOMAIN}",)))
    await provision(SetCatchAll(domain=OTHER_DOMAIN, mailbox=kaja))
    await mail_server.deliver(FRIEND, f"jan@{OTHER_DOMAIN}", "for jan")
    await mail_server.deliver(FRIEND, f"jan+tag@{OTHER_DOMAIN}", "for jan's tag")
    await mail_server.deliver(FRIEND, f"anybody@{OTHER_DOMAIN}", "for anybody")
    await arrived(jan, "for jan", "for jan's tag")
    await arrived(kaja, "for anybody")
    assert (await mail_server.rcpt(FRIEND, f"anybody@{DOMAIN}"))[0].startswith("550 5.1.1")
    await provision(SuspendMailbox(address=kaja))
    assert (await mail_server.rcpt(FRIEND, f"anybody@{OTHER_DOMAIN}"))[0].startswith("550 5.1.1")
    await provision(ReactivateMailbox(address=kaja))
    await provision(RemoveCatchAll(domain=OTHER_DOMAIN))
    assert (await mail_server.rcpt(FRIEND, f"anybody@{OTHER_DOMAIN}"))[0].startswith("550 5.1.1")


@pytest_asyncio.fixture
async def given_up(stack: Stack) -> Any:
    """An address of the other domain that another account gave up, as after a transfer of the domain."""
    address = f"frauke@{OTHER_DOMAIN}"
    connection = await asyncpg.connect(stack.postgres.dsn())
    await connection.execute(
        "INSERT INTO mailbox.quarantine VALUES ($1, $1, 'former', now() + interval '9 days')", address
    )
    yield address
    await connection.execute("DELETE FROM mailbox.quarantine WHERE account = 'former'")
    await connection.close()


async def test_what_was_another_accounts_lately_is_not_the_catch_alls_whatever_leads_there(
    mail_server, new_mailbox, provision, arrived, eventually, given_up
):
    rieke, silke = await new_mailbox("rieke"), await new_mailbox("silke")
    writer = "writer@elsewhere.example"
    await provision(SetCatchAll(domain=OTHER_DOMAIN, mailbox=rieke))
    for reply in await mail_server.rcpt(writer, given_up, given_up.replace("@", "+tag@")):
        assert reply.startswith("550 5.1.1")
    await provision(SetForwardings(address=silke, targets=(given_up, given_up.replace("@", "+tag@"))))
    await mail_server.deliver(writer, silke, "by a forwarding")
    await arrived(silke, "by a forwarding")

    async def came_back() -> bool:
        return ("", writer) in mail_server.world.envelopes

    await eventually(came_back, what="a bounce")
    await arrived(rieke)
    await provision(RemoveCatchAll(domain=OTHER_DOMAIN))


# --- quota ------------------------------------------------------------------------------------------------------


async def test_the_quota_is_the_plans_and_a_full_mailbox_takes_nothing(mail_server, new_mailbox, provision, arrived):
    ida, alias = await new_mailbox("ida", "mail"), f"i@{DOMAIN}"
    await provision(AddAliases(address=ida, aliases=(alias,)))
    assert await mail_server.quota_kib(ida, PASSWORD) == GIGABYTE_IN_KIB
    await mail_server.deliver(FRIEND, ida, "fits")
    await arrived(ida, "fits")
    mail_server.fill(ida, 10**9)
    assert await mail_server.quota_kib(ida, PASSWORD) == GIGABYTE_IN_KIB  # and Dovecot has seen the new mail
    for address in (ida, alias, f"ida+tag@{DOMAIN}"):
        assert (await mail_server.rcpt(FRIEND, address))[0].startswith("552 5.2.2"), address
    await provision(ChangePlan(address=ida, plan="mailxl"))
    assert await mail_server.quota_kib(ida, PASSWORD) == -(-5 * 10**9 // 1024)
    await mail_server.deliver(FRIEND, alias, "fits again")


# --- blocked senders --------------------------------------------------------------------------------------------


async def test_a_blocked_sender_is_refused_for_that_holder_only(mail_server, new_mailbox, provision):
    jana, knut, alias = await new_mailbox("jana"), await new_mailbox("knut"), f"j@{DOMAIN}"
    await provision(AddAliases(address=jana, aliases=(alias,)))
    await provision(BlockSenders(address=jana, senders=(SPAMMER, "@ads.example")))
    assert (await mail_server.rcpt(SPAMMER, jana))[0].startswith("250")  # the feature is off by default
    await provision(SetMailboxFeatures(addresses=(jana,), features=("blacklist",)))
    said = await mail_server.rcpt(SPAMMER, jana, alias, f"jana+tag@{DOMAIN}", knut)
    assert [reply[:9] for reply in said[:3]] == ["554 5.7.1"] * 3
    assert said[3].startswith("250")
    assert (await mail_server.rcpt("Anybody@ADS.example", jana))[0].startswith("554 5.7.1")
    assert (await mail_server.rcpt("offers+7@spam.example", jana))[0].startswith("554 5.7.1")
    for sender in ("", FRIEND, "other@spam.example", "x@sub.ads.example"):
        assert (await mail_server.rcpt(sender, jana))[0].startswith("250"), sender
    await provision(BlockSenders(address=jana, senders=(knut,)))
    assert (await mail_server.submit((knut, PASSWORD), knut, jana, "x")).startswith("554 5.7.1")
    await provision(UnblockSenders(address=jana, senders=(SPAMMER,)))
    assert (await mail_server.rcpt(SPAMMER, jana))[0].startswith("250")


async def test_a_domain_wide_feature_set_switches_block_lists_at_once(mail_server, new_mailbox, provision):
    lars = await new_mailbox("lars")
    await provision(BlockSenders(address=lars, senders=(SPAMMER,)))
    await provision(SetDomainFeatures(domains=(DOMAIN,), features=("blacklist",)))
    assert (await mail_server.rcpt(SPAMMER, lars))[0].startswith("554 5.7.1")
    await provision(SetMailboxFeatures(addresses=(lars,), features=()))
    assert (await mail_server.rcpt(SPAMMER, lars))[0].startswith("250")
    await provision(SetDomainFeatures(domains=(DOMAIN,), features=("blacklist",)))
    assert (await mail_server.rcpt(SPAMMER, lars))[0].startswith("554 5.7.1")
    await provision(SetDomainFeatures(domains=(DOMAIN,), features=()))
    assert (await mail_server.rcpt(SPAMMER, lars))[0].startswith("250")


# --- suspension and deletion ------------------------------------------------------------------------------------


async def test_a_suspended_mailbox_takes_no_mail_and_lets_nobody_in(mail_server, new_mailbox, provision, arrived):
    mona, alias = await new_mailbox("mona"), f"mo@{DOMAIN}"
    await provision(AddAliases(address=mona, aliases=(alias,)))
    await mail_server.deliver(FRIEND, mona, "before")
    await arrived(mona, "before")
    await provision(SuspendMailbox(address=mona))
    assert not await mail_server.can_log_in(mona, PASSWORD)
    for reply in await mail_server.rcpt(FRIEND, mona, alias, f"mona+tag@{DOMAIN}"):
        assert reply.startswith("550 5.2.1")
    assert (await mail_server.submit((mona, PASSWORD), mona, mona, "x")).startswith("535")
    await provision(ReactivateMailbox(address=mona))
    await mail_server.deliver(FRIEND, alias, "after")
    await arrived(mona, "before", "after")


async def test_a_mailbox_about_to_be_deleted_takes_nothing_until_it_is_had_back(
    mail_server, new_mailbox, provision, arrived, eventually
):
    tjark, ute = await new_mailbox("tjark"), await new_mailbox("ute")
    writer = "other-writer@elsewhere.example"
    await provision(SetForwardings(address=ute, targets=(tjark,)))
    await provision(SetCatchAll(domain=OTHER_DOMAIN, mailbox=tjark))
    await provision(DeleteMailbox(address=tjark))
    assert (await mail_server.rcpt(FRIEND, tjark))[0].startswith("550 5.2.1")
    assert (await mail_server.rcpt(FRIEND, f"anybody@{OTHER_DOMAIN}"))[0].startswith("550 5.1.1")
    assert not await mail_server.can_log_in(tjark, PASSWORD)
    await mail_server.deliver(writer, ute, "by a forwarding")

    async def came_back() -> bool:
        return ("", writer) in mail_server.world.envelopes

    await eventually(came_back, what="a bounce")
    await provision(UndeleteMailbox(address=tjark))
    await mail_server.deliver(FRIEND, tjark, "had back")
    await mail_server.deliver(FRIEND, f"anybody@{OTHER_DOMAIN}", "caught again")
    await arrived(tjark, "had back", "caught again")
    await provision(RemoveCatchAll(domain=OTHER_DOMAIN))


async def test_a_deleted_mailbox_is_unknown(mail_server, new_mailbox, provision):
    nele = await new_mailbox("nele")
    assert (await mail_server.rcpt(FRIEND, nele))[0].startswith("250")
    await provision(DeleteMailbox(address=nele, immediately=True))
    assert (await mail_server.rcpt(FRIEND, nele))[0].startswith("550 5.1.1")
    assert not await mail_server.can_log_in(nele, PASSWORD)


# --- submission -------------------------------------------------------------------------------------------------


async def test_a_holder_sends_under_his_addresses_and_no_others(
    mail_server, new_mailbox, provision, arrived, eventually
):
    olga, piet, alias = await new_mailbox("olga"), await new_mailbox("piet"), f"ol@{DOMAIN}"
    await provision(AddAliases(address=olga, aliases=(alias,)))
    login = (olga, PASSWORD)
    assert await mail_server.submit(login, olga, piet, "as olga") == "250"
    assert await mail_server.submit(login, alias, piet, "as ol") == "250"
    assert await mail_server.submit(login, olga, "far@elsewhere.example", "out") == "250"
    assert (await mail_server.submit(login, piet, piet, "as piet")).startswith("553 5.7.1")
    assert (await mail_server.submit((olga, "a guess"), olga, piet, "x")).startswith("535")
    await arrived(piet, "as olga", "as ol")

    async def is_out():
        return (olga, "far@elsewhere.example") in mail_server.world.envelopes

    await eventually(is_out, what="the mail to the world")


async def test_nobody_relays_without_a_login(mail_server, new_mailbox):
    rieke = await new_mailbox("reimar")
    assert (await mail_server.rcpt(rieke, "far@elsewhere.example"))[0].startswith("554 5.7.1")
