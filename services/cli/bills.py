"""How invoices, runs and explanations look in a terminal."""

from contracts.invoicing_v1 import Invoice, InvoiceLine, InvoicesAnswer, LineFact, RunCounts
from services.cli import chains
from services.cli.desk import Desk
from services.cli.running import print_all
from services.cli.terminal import money, sheet, table


def show_counts(desk: Desk, counts: RunCounts) -> None:
    """Print what became of the accounts in a run."""
    lines = [("invoiced", counts.invoiced), ("nothing_due", counts.nothing_due), ("parked", counts.parked)]
    desk.console.print(sheet(desk, lines))


def show_list(desk: Desk, answer: InvoicesAnswer) -> None:
    """Print the list, newest first, and the months that wait for their invoice."""
    if desk.json:
        desk.print_json(answer.model_dump_json())
        return
    rows = [
        (
            one.number,
            desk.word(one.kind),
            one.period,
            one.issued_on,
            *(money(amount, desk.language) for amount in (one.net_cents, one.tax_cents, one.gross_cents)),
        )
        for one in answer.invoices
    ]
    desk.console.print(table(desk, ("number", "kind", "period", "issued", "net", "tax", "gross"), rows))
    for parked in answer.parked:
        desk.note(desk.sentence("month_parked", period=parked.period, reason=desk.text(parked.reason.text)))
    if answer.next is not None:
        desk.note(desk.sentence("more_invoices"))


def show_invoice(desk: Desk, invoice: Invoice) -> None:
    """Print an invoice or a credit note."""
    buyer, language = invoice.buyer, desk.language
    lines = [
        ("number", f"{invoice.number} ({desk.word(invoice.kind)})"),
        ("refers_to", invoice.preceding.number if invoice.preceding else None),
        ("company", buyer.name),
        ("address", f"{buyer.street}, {buyer.postcode} {buyer.city}, {buyer.country}"),
        ("vat_id", buyer.vat_id),
        ("period", f"{invoice.service_from} – {invoice.service_to}"),
        ("issued", invoice.issued_on),
        ("due", invoice.due_on),
    ]
    desk.console.print(sheet(desk, lines))
    rows: list[tuple[object, ...]] = [_line(desk, line) for line in invoice.lines]
    rows.append(("", desk.word("net"), "", "", "", money(invoice.net_cents, language)))
    for group in invoice.tax_groups:
        reason = desk.text(group.exemption_reason) if group.exemption_reason else desk.word("tax")
        label = f"{reason}, {group.rate_basis_points / 100:g} %" if group.rate_basis_points else reason
        rows.append(("", label, "", "", "", money(group.tax_cents, language)))
    rows.append(("", desk.word("gross"), "", "", "", money(invoice.gross_cents, language)))
    desk.console.print(table(desk, ("invoice_line", "text", "service", "quantity", "price", "total"), rows))


def show_explanation(desk: Desk, line: InvoiceLine, facts: list[LineFact]) -> None:
    """Print a line and the messages that it rests on."""
    if desk.json:
        print_all(desk, [line, *facts])
        return
    desk.console.print(
        table(desk, ("invoice_line", "text", "service", "quantity", "price", "total"), [_line(desk, line)])
    )
    lines = [("price", money(line.month_price_cents, desk.language)), ("catalogue", line.catalogue)]
    desk.console.print(sheet(desk, [*lines, ("listed_as", line.catalogue_line)]))
    chains.show(desk, chains.of_facts(desk, facts))


def _line(desk: Desk, line: InvoiceLine) -> tuple[object, ...]:
    return (
        line.line,
        desk.text(line.text),
        f"{line.service_from} – {line.service_to}",
        line.quantity,
        money(line.price_cents, desk.language),
        money(line.amount_cents, desk.language),
    )
