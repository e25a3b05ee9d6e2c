"""A month becomes invoices on real servers: once, without gaps, parked where something is missing, corrected later."""

from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import count

import asyncpg
import pytest
import pytest_asyncio
from invoice_stand import OPENED, SELLER, Told, customer, documents, invoice_of, noon, reopened, run, tell

from client import Postkontor
from contracts.billing_v1 import ContractTerms, OpenAccount, UpdateAccount
from contracts.ids import uuid7
from contracts.invoicing_v1 import (
    HOUSE,
    AskInvoice,
    AskInvoiceLine,
    AskInvoices,
    CreditedLine,
    CreditInvoice,
    RecordVatCheck,
    RunInvoices,
)
from services.billing import pricing, store_check
from services.billing.app import publish, service
from services.billing.charging import invoice as invoices
from services.chassis.topology import partition

LANES = 5
names = count(1)


@pytest_asyncio.fixture(scope="module")
async def billing(bus):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SELLER.items():
            patch.setenv(name, value)
        started = await bus.start(service)
        await bus.owns_all(started, lanes=LANES)
        yield started


@pytest_asyncio.fixture
async def past(bus, billing):
    """A connection to write a past with."""
    connection = await asyncpg.connect(bus.database_url)
    yield connection
    await connection.close()


def new_name() -> str:
    return f"kunde-{next(names)}"


async def test_a_month_becomes_an_invoice_that_adds_up(bus, past):
    name = new_name()
    told = [Told("anna@k.de", noon("2026-02-03"), "office"), Told("bernd@k.de", noon("2026-03-10"))]
    await customer(past, name, told)
    finished = await run(bus, "2026-03")
    invoice = await invoice_of(bus, name, "2026-03")
    assert finished.counts.invoiced >= 1
    assert [(line.sku, line.quantity, line.days, line.amount_cents) for line in invoice.lines] == [
        ("package.silver", 1, 31, 2500),
        ("plan.mail", 1, 22, 71),
        ("plan.office", 1, 31, 450),
    ]
    assert (invoice.net_cents, invoice.tax_cents, invoice.gross_cents) == (3021, 574, 3595)
    assert (invoice.service_from, invoice.service_to) == (date(2026, 3, 1), date(2026, 3, 31))
    (fact,) = await bus.events(f"evt.{name}.billing.invoice-finalized.v1")
    assert fact.data.invoice == invoice


async def test_a_closed_accounts_last_partial_month_is_invoiced_and_then_no_more(bus, past):
    name = new_name()
    gone = noon("2026-03-10")
    await customer(past, name, [Told("anna@k.de", noon("2026-02-03")), Told("anna@k.de", gone, None)])
    await reopened(past, name, noon("2026-03-08"), state="closing")
    await reopened(past, name, gone, state="closed")
    await run(bus, "2026-03")
    last = await invoice_of(bus, name, "2026-03")
    assert [(line.service_from.day, line.service_to.day, line.amount_cents) for line in last.lines] == [
        (1, 10, 806),
        (1, 10, 32),
    ]
    await run(bus, "2026-04")
    assert [each.period for each in await documents(bus) if each.account == name] == ["2026-03"]


async def test_running_a_month_again_changes_nothing_and_takes_up_what_was_parked(bus, past):
    name = new_name()
    await customer(past, name, street=None)
    first = await run(bus, "2026-03")
    assert first.counts.parked == 1
    parked = (await bus.ask(name, AskInvoices())).parked
    assert [(month.period, month.reason.code) for month in parked] == [("2026-03", "address_missing")]
    before = await documents(bus)
    await bus.request(name, UpdateAccount(street="Kai 3"))
    second = await run(bus, "2026-03")
    after = await documents(bus)
    assert (second.counts.invoiced, second.counts.parked) == (1, 0)
    assert after[: len(before)] == before
    assert [invoice.account for invoice in after[len(before) :]] == [name]
    assert (await bus.ask(name, AskInvoices())).parked == ()
    third = await run(bus, "2026-03")
    assert third.counts.invoiced == 0
    assert await documents(bus) == after


async def test_numbers_have_no_gaps_and_facts_are_told_once(bus, past):
    for _ in range(8):
        await customer(past, new_name(), [Told("a@k.de", noon("2026-03-31"))])
    await run(bus, "2026-03")
    sequences = [row["sequence"] for row in await bus.fetch("SELECT sequence FROM billing.invoice WHERE series = 'RE'")]
    assert sorted(sequences) == list(range(1, len(sequences) + 1))
    facts = await bus.events("evt.*.billing.invoice-finalized.v1")
    assert sorted(fact.data.invoice.number for fact in facts) == sorted(
        invoice.number for invoice in await documents(bus) if invoice.kind == "invoice"
    )


async def test_days_are_those_of_berlin_also_when_the_clocks_change(bus, past):
    name = new_name()
    told = [
        Told("spaet@k.de", datetime(2026, 3, 30, 22, 30, tzinfo=UTC)),  # 0:30 on 31 March, summer
        Told("frueh@k.de", datetime(2026, 2, 28, 23, 30, tzinfo=UTC)),  # 0:30 on 1 March, winter
        Told("weg@k.de", datetime(2026, 3, 5, 12, tzinfo=UTC)),
        Told("weg@k.de", datetime(2026, 3, 30, 22, 0, tzinfo=UTC), None),  # gone at midnight: 30 March was the last day
    ]
    await customer(past, name, told)
    await run(bus, "2026-03")
    invoice = await invoice_of(bus, name, "2026-03")
    days = [(line.service_from.day, line.service_to.day) for line in invoice.lines if line.sku == "plan.mail"]
    assert sorted(days) == [(1, 31), (5, 30), (31, 31)]


async def test_platinum_changed_on_29_march_is_charged_by_days(bus, past):
    name = new_name()
    await customer(past, name, package="platinum")
    await reopened(past, name, noon("2026-03-29"), package="silver", package_price_cents=2500)
    await run(bus, "2026-03")
    invoice = await invoice_of(bus, name, "2026-03")
    assert [line.amount_cents for line in invoice.lines] == [22581, 2500 - 2258]


async def test_late_facts_are_corrected_in_the_next_invoice_and_never_twice(bus, past):
    name = new_name()
    await customer(past, name, [Told("anna@k.de", noon("2026-03-01"), "office")])
    await run(bus, "2026-03")
    first = await invoice_of(bus, name, "2026-03")
    await tell(past, name, Told("anna@k.de", noon("2026-03-10"), None), Told("bernd@k.de", noon("2026-03-31")))
    await run(bus, "2026-04")
    second = await invoice_of(bus, name, "2026-04")
    corrections = [(line.sku, line.quantity, line.amount_cents, line.text.de) for line in second.lines if line.corrects]
    assert corrections == [
        ("plan.mail", 1, 3, "Korrektur März 2026: Postfach Mail, 1/31 Tage"),
        ("plan.office", 1, 145, "Korrektur März 2026: Postfach Office, 10/31 Tage"),
        ("plan.office", -1, -450, "Korrektur März 2026: Postfach Office"),
    ]
    assert first == await invoice_of(bus, name, "2026-03")
    await run(bus, "2026-05")
    assert not [line for line in (await invoice_of(bus, name, "2026-05")).lines if line.corrects]


async def test_a_line_is_explained_by_the_facts_it_rests_on(bus, past):
    name = new_name()
    await customer(past, name)
    told = [Told("anna@k.de", noon("2026-03-02"), "office"), Told("anna@k.de", noon("2026-03-20"), None)]
    messages = await tell(past, name, *told, Told("bernd@k.de", noon("2026-02-01")))
    await run(bus, "2026-03")
    invoice = await invoice_of(bus, name, "2026-03")
    (office,) = [line for line in invoice.lines if line.sku == "plan.office"]
    answer = await bus.ask(name, AskInvoiceLine(number=invoice.number, line=office.line))
    assert answer.line == office
    assert [(fact.message_id, fact.thing, fact.text.en) for fact in answer.facts] == [
        (messages[0], "mailbox/anna@k.de", "plan office, EUR 4.50 a month"),
        (messages[1], "mailbox/anna@k.de", "deleted"),
    ]
    assert answer.facts[0].subject == f"evt.{name}.mailbox.mailbox-created.v1"
    package = await bus.ask(name, AskInvoiceLine(number=invoice.number, line=1))
    assert [fact.thing for fact in package.facts] == ["account"]
    assert (await bus.ask(name, AskInvoice(number=invoice.number))).invoice == invoice


async def test_a_line_of_many_spans_is_explained_by_all_of_them(bus, past, monkeypatch):
    monkeypatch.setattr(invoices, "MAX_LINES", 20)
    name = new_name()
    made = [Told(f"m{a}-{b}@k.de", noon(f"2026-03-{a:02}")) for a in range(1, 8) for b in range(a, 9)]
    gone = [Told(t.address, noon(f"2026-03-{int(t.address[1:-5].split('-')[1]):02}"), None) for t in made]
    await customer(past, name, [*made, *gone, Told("bleibt@k.de", noon("2026-02-01"))], package="platinum")
    await run(bus, "2026-03")
    invoice = await invoice_of(bus, name, "2026-03")
    joined, whole = (line for line in invoice.lines if line.sku == "plan.mail")
    assert (len(invoice.lines), whole.spans, joined.spans, joined.quantity) == (3, 1, len(made), 1)
    answers = [await bus.ask(name, AskInvoiceLine(number=invoice.number, line=joined.line, limit=40))]
    while answers[-1].next:
        after = answers[-1].next
        answers.append(await bus.ask(name, AskInvoiceLine(number=invoice.number, line=joined.line, after=after)))
    facts = [fact for answer in answers for fact in answer.facts]
    assert (len(answers) > 1, len({fact.message_id for fact in facts})) == (True, len(facts))
    assert {fact.thing for fact in facts} == {f"mailbox/{t.address}" for t in made}
    assert len(facts) == 2 * len(made) == joined.facts_total


async def test_a_customer_abroad_waits_for_the_check_of_its_vat_id(bus, past):
    name = new_name()
    await customer(past, name, country="AT", postcode="1010", city="Wien", vat_id="ATU13585627")
    await run(bus, "2026-03")
    parked = (await bus.ask(name, AskInvoices())).parked
    assert [month.reason.code for month in parked] == ["tax_pending"]
    check = RecordVatCheck(vat_id="ATU13585627", valid=True, checked_on=date(2026, 4, 1), reference="WAPI1")
    await bus.request(name, check)
    await run(bus, "2026-03")
    invoice = await invoice_of(bus, name, "2026-03")
    assert (invoice.tax_cents, invoice.tax_groups[0].category) == (0, "AE")
    assert invoice.tax_basis.vat_check is not None
    assert invoice.tax_basis.vat_check.reference == "WAPI1"


async def test_credit_notes_give_back_in_parts_to_the_cent(bus, past):
    name = new_name()
    await customer(past, name, [Told("anna@k.de", noon("2026-03-10"), "office")])
    await run(bus, "2026-03")
    invoice = await invoice_of(bus, name, "2026-03")
    order = CreditInvoice(number=invoice.number, lines=(CreditedLine(line=1, amount_cents=333),), reason="Nachlass")
    part = (await bus.request(name, order)).data.invoice
    assert (part.kind, part.net_cents, part.preceding.number) == ("credit_note", 333, invoice.number)
    too_much = CreditInvoice(number=invoice.number, lines=(CreditedLine(line=1, amount_cents=2200),), reason="zu viel")
    assert (await bus.request(name, too_much)).data.refusal.code == "credit_exceeds"
    rest = (await bus.request(name, CreditInvoice(number=invoice.number, reason="Storno"))).data.invoice
    assert part.gross_cents + rest.gross_cents == invoice.gross_cents
    assert part.tax_cents + rest.tax_cents == invoice.tax_cents
    again = await bus.request(name, CreditInvoice(number=invoice.number, reason="noch einmal"))
    assert again.data.refusal.code == "nothing_to_credit"
    listed = (await bus.ask(name, AskInvoices(limit=2))).invoices
    assert [found.kind for found in listed] == ["credit_note", "credit_note"]


async def test_a_poisoned_account_is_parked_and_the_run_goes_on(bus, past):
    poisoned, well = new_name(), new_name()
    await customer(past, poisoned)
    await reopened(past, poisoned, noon("2026-02-10"), catalogue="1999-gone")
    await customer(past, well)
    await run(bus, "2026-03")
    assert [m.reason.code for m in (await bus.ask(poisoned, AskInvoices())).parked] == ["price_list_unknown"]
    assert (await invoice_of(bus, well, "2026-03")).net_cents == 2500


async def test_a_bug_met_by_one_account_parks_that_account_alone(bus, past, monkeypatch):
    poisoned, well = new_name(), new_name()
    draft = invoices.draft

    def raising(account, *arguments):
        if account.account_id == poisoned:
            raise ZeroDivisionError
        return draft(account, *arguments)

    monkeypatch.setattr(invoices, "draft", raising)
    await customer(past, poisoned)
    await customer(past, well)
    await run(bus, "2026-03")
    assert [m.reason.code for m in (await bus.ask(poisoned, AskInvoices())).parked] == ["internal_error"]
    assert (await invoice_of(bus, well, "2026-03")).net_cents == 2500
    monkeypatch.undo()
    await run(bus, "2026-03")
    assert (await invoice_of(bus, poisoned, "2026-03")).net_cents == 2500


async def test_an_invoice_that_the_database_refuses_parks_its_account_alone(bus, past):
    names = [name for name in (new_name() for _ in range(24)) if partition(name, 4) == 0]  # these share chunks
    for name in names:
        await customer(past, name)
    poisoned = names[1]
    await past.execute(
        f"ALTER TABLE billing.invoice ADD CONSTRAINT poison CHECK (account_id <> '{poisoned}') NOT VALID"
    )
    try:
        await run(bus, "2026-03")
        assert [m.reason.code for m in (await bus.ask(poisoned, AskInvoices())).parked] == ["internal_error"]
        for name in names:
            assert len((await bus.ask(name, AskInvoices())).invoices) == (name != poisoned)
        assert not await bus.fetch("SELECT FROM billing.dead_letter WHERE code = 'rows_refused'")
    finally:
        await past.execute("ALTER TABLE billing.invoice DROP CONSTRAINT poison")
    await run(bus, "2026-03")
    assert (await invoice_of(bus, poisoned, "2026-03")).net_cents == 2500
    numbers = [row["sequence"] for row in await bus.fetch("SELECT sequence FROM billing.invoice WHERE series = 'RE'")]
    assert sorted(numbers) == list(range(1, len(numbers) + 1)), "no number is lost"


async def test_who_missed_the_end_of_a_run_finds_it(bus, past):
    await customer(past, new_name())
    request_id = await bus.send(HOUSE, RunInvoices(period="2026-03"), id=uuid7())
    await bus.answer(HOUSE, request_id)
    async with Postkontor.from_environment(bus.environment(), account=HOUSE, source="test") as office:
        outcome = await office.outcome(request_id, RunInvoices, timeout=5)
    assert (outcome.state, outcome.fact.period) == ("done", "2026-03")


async def test_a_contract_price_begins_on_its_day(bus, past):
    name = new_name()
    terms = ContractTerms(price_cents=9900, mailboxes=None, alias_forwards=None, groups=None, plan_prices={"mail": 80})
    await customer(past, name, [Told("a@k.de", noon("2026-02-01"))], package="reseller", terms=terms)
    await reopened(past, name, noon("2026-03-11"), plan_prices={"mail": 50})
    await run(bus, "2026-03")
    lines = [line for line in (await invoice_of(bus, name, "2026-03")).lines if line.sku == "plan.mail"]
    assert [(line.days, line.month_price_cents, line.amount_cents) for line in lines] == [(10, 80, 26), (21, 50, 34)]
    assert {line.catalogue_line for line in lines} == {"contract.plan.mail"}


async def test_what_cannot_be_run_is_refused(bus, past):
    codes = {
        "period_not_over": await bus.request(HOUSE, RunInvoices(period="2099-01")),
        "house_only": await bus.request("kunde-x", RunInvoices(period="2026-03")),
        "account_reserved": await bus.request(HOUSE, OpenAccount(package="silver", company="X", email="a@b.de")),
        "invoice_unknown": await bus.request("kunde-1", CreditInvoice(number="RE-2026-999999", reason="x")),
    }
    assert {code: answer.data.refusal.code for code, answer in codes.items()} == {code: code for code in codes}


async def test_the_broker_puts_an_account_into_the_partition_that_we_compute(bus, past):
    context = bus.client.jetstream()
    for name in [new_name() for _ in range(12)]:
        await bus.request(name, OpenAccount(package="silver", company="X", email="a@b.de"))
        message = await context.get_last_msg("CMD", f"cmd.{name}.billing.open-account.v1.*.*")
        assert int(message.subject.rpartition(".")[2]) == partition(name, 4)


async def test_a_price_list_that_was_changed_or_begins_too_early_is_not_published(bus, past):
    await customer(past, new_name())
    await run(bus, "2026-03")
    await publish(past, pricing.load())
    (shipped,) = pricing.load().versions
    for bad in (replace(shipped, sha256="other"), replace(shipped, version="2026-03-31", valid_from=date(2026, 3, 31))):
        with pytest.raises(pricing.BadPriceList):
            await publish(past, pricing.PriceLists((bad,)))


async def test_ledger_and_invoices_cannot_be_changed(bus, past):
    name = new_name()
    await customer(past, name, [Told("a@k.de", OPENED)])
    await run(bus, "2026-03")
    for statement in (
        "UPDATE billing.ledger SET confirmed = 0",
        "DELETE FROM billing.ledger",
        "TRUNCATE billing.account_ledger",
        "UPDATE billing.invoice SET net_cents = 0",
        "DELETE FROM billing.invoice",
        "DELETE FROM billing.settlement",
        "UPDATE billing.settlement SET ledger_revision = 0 WHERE state = 'invoiced'",
    ):
        with pytest.raises(asyncpg.RestrictViolationError):
            await past.execute(statement)


async def test_a_difference_between_ledger_and_counters_is_found_and_repaired(bus, past):
    name = new_name()
    told = [Told("a@k.de", OPENED), Told("b@k.de", OPENED, "office"), Told("a@k.de", noon("2026-03-01"), None)]
    await customer(past, name, told)
    assert await store_check.differences(past) == []
    await past.execute("UPDATE billing.capacity SET confirmed = 7 WHERE account_id = $1 AND resource = 'mailbox'", name)
    await past.execute("DELETE FROM billing.holding WHERE account_id = $1 AND holder = 'mailbox/b@k.de'", name)
    found = await store_check.differences(past)
    assert [text.split(":")[0] for text in found] == [f"{name} mailbox", f"{name} mailbox/b@k.de"]
    async with past.transaction():
        await store_check.rebuild(past, name, OPENED - OPENED)
    assert await store_check.differences(past) == []
