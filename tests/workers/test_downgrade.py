"""A package that is too small, on real workers: the refusal says what would help, and that sent, it fits.

The test speaks for domain.
"""

import asyncio
import json
import os
import sys
from itertools import count
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio

from client import Postkontor
from contracts import billing_v1 as billing
from contracts import forwarding_v1 as forwarding
from contracts import mailbox_v1 as mailbox
from contracts.downgrade_v1 import AskDowngradePlan
from contracts.messages import REGISTRY
from contracts.refusals import Step
from services.billing.app import service as billing_service
from services.mailbox.app import service as mailbox_service

HASH = "{BLF-CRYPT}$2b$12$" + "S" * 53
DOMAIN, DOMAIN_ID = "nordwind-segel.de", UUID(int=7)
ROOT = Path(__file__).parents[2]
numbers = count(1)


@pytest_asyncio.fixture(scope="module")
async def workers(bus):
    for service in (billing_service, mailbox_service):
        await bus.owns_all(await bus.start(service), lanes=5)


@pytest_asyncio.fixture
async def account(bus, workers) -> str:
    """An account on gold."""
    name = f"nordwind-{next(numbers)}"
    await bus.request(name, billing.OpenAccount(package="gold", company="Nordwind", email="post@example.de"))
    return name


async def do(bus, account: str, order) -> None:
    outcome = await bus.request(account, order)
    assert not outcome.type.endswith("request-refused.v1"), outcome.data


async def mailboxes(bus, account: str, *names: str, plan: str = "mail") -> None:
    await asyncio.gather(
        *(
            do(bus, account, billing.AdmittedMailbox(domain_id=DOMAIN_ID, request=mailbox.CreateMailbox(
                address=at(account, name), first_name="A", last_name="B", plan=plan, password_hash=HASH
            )))
            for name in names
        )
    )  # fmt: skip


async def aliases(bus, account: str, name: str, number: int) -> None:
    many = tuple(at(account, f"{name}-{n}") for n in range(number))
    request = mailbox.AddAliases(address=at(account, name), aliases=many)
    await do(bus, account, billing.AdmittedAliases(request=request, domain_ids={f"{account}.{DOMAIN}": DOMAIN_ID}))


def at(account: str, name: str) -> str:
    return f"{name}@{account}.{DOMAIN}"


async def settled(bus, account: str, **used: int) -> None:
    async def reached():
        view = (await bus.ask(account, billing.AskAccount())).account
        now = {each.resource: (each.confirmed, each.reserved) for each in view.capacities}
        return all(now[name] == (number, 0) for name, number in used.items())

    await bus.eventually(reached, what=f"using {used}")


async def send(bus, account: str, step: Step) -> None:
    """Send a step as anybody would: its data to its subject."""
    message = REGISTRY.find("cmd", step.type)
    assert message is not None
    order = message.model.model_validate(step.data)
    if isinstance(order, forwarding.SetForwardOnly):
        order = forwarding.AdmittedForwardOnly(request=order, domain_id=DOMAIN_ID)
    await do(bus, account, order)


async def test_who_sends_the_steps_of_a_refused_downgrade_can_downgrade(bus, account):
    names = [f"m{n}" for n in range(52)]
    await mailboxes(bus, account, *names[:-1])
    await mailboxes(bus, account, names[-1], plan="mailxl")
    await aliases(bus, account, "m3", 2)
    await aliases(bus, account, "m51", 20)
    await do(bus, account, mailbox.SetForwardings(address=at(account, "m4"), targets=("a@x.de",), keep_copy=False))
    targets = tuple(f"{n}@x.de" for n in range(7))
    await do(bus, account, mailbox.SetForwardings(address=at(account, "m5"), targets=targets, keep_copy=False))
    catch_all = forwarding.SetCatchAll(domain=f"{account}.{DOMAIN}", mailbox=at(account, "m3"))
    await do(bus, account, forwarding.AdmittedCatchAll(request=catch_all, domain_id=DOMAIN_ID))
    only = forwarding.SetForwardOnly(address=at(account, "info"), targets=targets[:2])
    await do(bus, account, forwarding.AdmittedForwardOnly(request=only, domain_id=DOMAIN_ID))
    for name in ("Törn", "Regatta"):
        await do(bus, account, mailbox.CreateGroup(name=name))
    await settled(bus, account, mailbox=52, alias_forward=33, group=2)

    refused = await bus.request(account, billing.ChangePackage(package="silver"))

    assert refused.data.request_type == "billing.change-package.v1"
    refusal = refused.data.refusal
    excess = {found.details["resource"]: found.details["excess"] for found in refusal.findings}
    assert excess == {"mailbox": 2, "alias_forward": 8, "group": 1}
    remedy = refusal.remedy
    assert (remedy.steps_total, remedy.left) == (len(remedy.steps), {})
    gone = {step.data["address"] for step in remedy.steps if step.type == "mailbox.delete-mailbox.v1"}
    assert gone == {at(account, "m4"), at(account, "m5")}, "these two take exactly the eight along"
    assert [step.type for step in remedy.steps[2:]] == ["mailbox.delete-group.v1"]
    for step in remedy.steps:
        await send(bus, account, step)
    await settled(bus, account, mailbox=50, alias_forward=25, group=1)
    changed = await bus.request(account, billing.ChangePackage(package="silver"))
    assert (changed.type, changed.data.previous_package) == ("billing.package-changed.v1", "gold")


async def test_lists_are_shortened_and_the_rest_of_them_stays(bus, account):
    await mailboxes(bus, account, "anna", "bernd")
    await aliases(bus, account, "anna", 14)
    targets = tuple(f"{n:02}@x.de" for n in range(12))
    await do(bus, account, mailbox.SetForwardings(address=at(account, "bernd"), targets=targets, keep_copy=False))
    only = forwarding.SetForwardOnly(address=at(account, "info"), targets=targets)
    await do(bus, account, forwarding.AdmittedForwardOnly(request=only, domain_id=DOMAIN_ID))
    await settled(bus, account, alias_forward=38)
    await do(bus, account, mailbox.RemoveAliases(address=at(account, "anna"), aliases=(at(account, "anna-0"),)))
    await settled(bus, account, alias_forward=37)

    # One list takes all of it, whichever is asked for first.
    steps = (await bus.ask(account, AskDowngradePlan(package="silver"))).steps
    assert [(step.type, step.data) for step in steps] == [
        ("mailbox.remove-aliases.v1", {"address": at(account, "anna"),
            "aliases": [at(account, f"anna-{n}") for n in range(2, 14)]}),
    ]  # fmt: skip
    await do(bus, account, mailbox.DeleteMailbox(address=at(account, "anna"), immediately=True))
    more = tuple(f"{n}@y.de" for n in range(5))
    await do(bus, account, mailbox.SetForwardings(
        address=at(account, "bernd"), targets=(*targets, *more), keep_copy=False
    ))  # fmt: skip
    await settled(bus, account, alias_forward=29)
    (step,) = (await bus.ask(account, AskDowngradePlan(package="silver"))).steps
    assert (step.type, step.data["targets"]) == ("billing.set-forwardings.v1", [*targets, "0@y.de"])
    assert step.data["keep_copy"] is False
    await send(bus, account, step)
    await settled(bus, account, alias_forward=25)
    assert (await bus.ask(account, AskDowngradePlan(package="silver"))).exceeded == ()


async def test_who_leaves_anyway_goes_first_and_with_grace_needs_no_request(bus, account):
    terms = billing.ContractTerms(price_cents=0, mailboxes=1, alias_forwards=0, groups=0)
    for name in ("anna", "bernd", "carla"):
        await mailboxes(bus, account, name)
    await do(bus, account, mailbox.DeleteMailbox(address=at(account, "anna")))
    ask = AskDowngradePlan(package="reseller", terms=terms)

    async def known():
        steps = (await bus.ask(account, ask)).steps
        return steps[0].data["address"] == at(account, "anna")

    await bus.eventually(known, what="knowing who leaves")
    steps = (await bus.ask(account, ask.model_copy(update={"with_grace": True}))).steps
    assert [step.data for step in steps] == [{"address": at(account, "carla"), "immediately": False}]
    await do(bus, account, mailbox.UndeleteMailbox(address=at(account, "anna")))

    async def forgotten():
        return (await bus.ask(account, ask)).steps[0].data["address"] == at(account, "carla")

    await bus.eventually(forgotten, what="forgetting it")


async def test_a_requester_who_missed_the_refusal_finds_it_with_its_plan(bus, account):
    await mailboxes(bus, account, *(f"m{n}" for n in range(51)))
    request_id = await bus.send(account, billing.ChangePackage(package="silver"), id=uuid4())
    await bus.answer(account, request_id)
    async with Postkontor.from_environment(bus.environment(), account=account, source="test") as office:
        outcome = await office.outcome(request_id, billing.ChangePackage)
    assert outcome.refusal is not None
    assert outcome.refusal.remedy is not None
    assert len(outcome.refusal.remedy.steps) == 1


async def test_a_quote_survives_that_its_package_was_too_small(bus, account):
    wish = billing.ChangePackage(package="silver")
    tried = (await bus.request(account, wish, dryrun=True)).data
    assert (tried.refusal, tried.quote.monthly_difference_cents) == (None, -5000)
    quote_id = tried.quote.quote_id
    await mailboxes(bus, account, "anna")
    await aliases(bus, account, "anna", 26)
    await settled(bus, account, alias_forward=26)
    tried = (await bus.request(account, wish, dryrun=True, quote_id=quote_id)).data
    assert (tried.refusal.code, tried.refusal.remedy) == ("package_too_small", None)
    waiting = "SELECT count(*) AS number FROM billing.timer WHERE kind = 'downgrade-plan' AND account = $1"
    assert (await bus.fetch(waiting, account))[0]["number"] == 0
    refused = (await bus.request(account, wish, quote_id=quote_id)).data.refusal
    assert (refused.code, refused.remedy.steps_total) == ("package_too_small", 1)
    await send(bus, account, refused.remedy.steps[0])
    await settled(bus, account, alias_forward=25)
    changed = await bus.request(account, wish, quote_id=quote_id)
    assert changed.data.account.package == "silver"


async def test_a_long_plan_is_cut_in_the_refusal_and_comes_in_pages(bus, account):
    number = 450
    connection = await asyncpg.connect(bus.database_url)
    await connection.execute(
        "INSERT INTO billing.holding (account_id, holder, resource, confirmed, reserved, plan, price_cents, catalogue,"
        " since, revision) SELECT $1, 'mailbox/m' || n || '@x.de', 'mailbox', 1, 0, 'mail', 100, '2026-01-01', now(), 1"
        " FROM generate_series(1, $2) AS n", account, number,
    )  # fmt: skip
    await connection.execute(
        "UPDATE billing.capacity SET cap = NULL, confirmed = $2 WHERE account_id = $1 AND resource = 'mailbox'",
        account, number,
    )  # fmt: skip
    await connection.close()
    refused = await bus.request(account, billing.ChangePackage(package="silver"))
    remedy = refused.data.refusal.remedy
    assert (len(remedy.steps), remedy.steps_total) == (200, 400)
    seen, after = [], 0
    while after is not None:
        page = await bus.ask(account, AskDowngradePlan(package="silver", after=after))
        seen += page.steps
        after = page.next
    assert tuple(seen[:200]) == remedy.steps
    assert len({step.data["address"] for step in seen}) == 400


async def postkontor(bus, account: str, *words: str, stdin: bytes = b"") -> tuple[int, str, str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("POSTKONTOR_")}
    program = "import sys; from services.cli import main; main(sys.argv[1:])"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, *words, *bus.options, "-a", account, stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env=environment | {"PYTHONPATH": str(ROOT), "COLUMNS": "160"},
    )  # fmt: skip
    out, err = await process.communicate(stdin)
    return process.returncode or 0, out.decode(), err.decode()


async def test_the_command_line_shows_a_plan_and_sends_it(bus, account):
    await mailboxes(bus, account, "anna")
    await aliases(bus, account, "anna", 27)
    await settled(bus, account, alias_forward=27)
    code, out, err = await postkontor(bus, account, "package", "change", "silver", "--lang", "de")
    assert (code, "2 müssen weg" in err) == (3, True), err
    assert f"Aliasse von {at(account, 'anna')} entfernen: " in out
    code, plan, _ = await postkontor(bus, account, "package", "plan", "silver", "-o", "json")
    assert (code, json.loads(plan)["steps_total"]) == (0, 1)
    code, _, err = await postkontor(bus, account, "request", "send", "-", "--lang", "en", stdin=plan.encode())
    assert (code, "--yes" in err) == (2, True), err
    code, out, err = await postkontor(
        bus, account, "request", "send", "-", "--dry-run", "--lang", "en", stdin=plan.encode()
    )
    assert (code, out.split()) == (0, ["1", "mailbox.remove-aliases.v1", "would", "be", "done"]), err
    await settled(bus, account, alias_forward=27)
    code, out, err = await postkontor(
        bus, account, "request", "send", "-", "--yes", "--lang", "en", stdin=plan.encode()
    )
    assert (code, out.split()) == (0, ["1", "mailbox.remove-aliases.v1", "done"]), err
    await settled(bus, account, alias_forward=25)
    code, _, err = await postkontor(bus, account, "package", "plan", "silver", "--lang", "en")
    assert (code, "fits" in err) == (0, True)


@pytest.mark.parametrize(
    ("package", "code"), [("silber", "package_unknown"), ("reseller", "reseller_not_self_service")]
)
async def test_a_package_that_cannot_be_had_has_no_plan(bus, account, package, code):
    answer = await bus.ask(account, AskDowngradePlan(package=package))
    assert (answer.refusal.code, answer.steps) == (code, ())
