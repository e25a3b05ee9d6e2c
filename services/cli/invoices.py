"""`postkontor invoice`: issue a month's invoices, show them, explain them, give them back."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from services.cli import running
from services.cli.accounts import cents
from services.cli.desk import Desk, desk_of
from services.cli.running import USAGE, inquire, not_found, order, pages

if TYPE_CHECKING:
    from client import InvoiceAsFile
    from contracts.invoicing_v1 import FileFormat

invoice_app = typer.Typer(help="Invoices and credit notes.", no_args_is_help=True)

Number = Annotated[str, typer.Argument(help="The invoice's number, such as RE-2026-000001.")]
LineNumber = Annotated[int, typer.Argument(min=1, help="The line's number.")]
MOST = 1000


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(invoice_app, name="invoice")


@invoice_app.command("run")
def run_month(ctx: typer.Context, period: Annotated[str, typer.Argument(help="The month, such as 2026-03.")]) -> None:
    """Issue all accounts' invoices for a month that is over (operator). Again: only what is missing."""
    from contracts.invoicing_v1 import HOUSE, RunInvoices

    order(ctx, lambda: RunInvoices(period=period), account=HOUSE)


@invoice_app.command("list")
def list_invoices(
    ctx: typer.Context,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=MOST, help="How many, newest first.")] = 50,
) -> None:
    """List invoices, credit notes, and months that wait for one."""
    from contracts.invoicing_v1 import AskInvoices
    from services.cli import bills

    bills.show_list(desk_of(ctx), inquire(ctx, lambda: AskInvoices(limit=limit)))


@invoice_app.command("show")
def show(ctx: typer.Context, number: Number) -> None:
    """Show an invoice as it was issued."""
    from contracts.invoicing_v1 import AskInvoice
    from services.cli import bills

    desk, invoice = desk_of(ctx), inquire(ctx, lambda: AskInvoice(number=number)).invoice
    if invoice is None:
        not_found(desk, "invoice_unknown", number=number)
    if desk.json:
        desk.print_json(invoice.model_dump_json())
    else:
        bills.show_invoice(desk, invoice)


@invoice_app.command("fetch")
def fetch(
    ctx: typer.Context,
    number: Number,
    format_: Annotated[
        Literal["pdf", "xml", "csv"],
        typer.Option("--as", help="pdf: to read, with the XML inside; xml: EN 16931; csv: the lines."),
    ] = "pdf",
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="Where to; - is standard output. Else NUMBER.FORMAT here.")
    ] = None,
) -> None:
    """Fetch an invoice as a file; wait while it is being rendered."""
    desk = desk_of(ctx)
    found = running.run(desk, lambda: _fetched(desk, number, format_), ctx)
    if found is None:
        not_found(desk, "invoice_unknown", number=number)
    target = file or Path(f"{number}.{format_}")
    if str(target) == "-":
        sys.stdout.buffer.write(found.content)
        return
    try:
        target.write_bytes(found.content)
    except OSError as error:
        desk.fail(running.UNEXPECTED, "unexpected", f"{target}: {error.strerror}")
    if desk.json:
        size = len(found.content)
        desk.print_json(json.dumps({"file": str(target), "bytes": size, "sha256": found.sha256}))
    else:
        desk.note(desk.sentence("file_written", file=target, bytes=len(found.content)))


async def _fetched(desk: Desk, number: str, format_: "FileFormat") -> "InvoiceAsFile | None":
    async with desk.office() as office:
        return await office.invoice_file(number, format_, timeout=desk.timeout)


@invoice_app.command("explain")
def explain(ctx: typer.Context, number: Number, line: LineNumber) -> None:
    """Show the messages that a line rests on, and what each changed."""
    from contracts.invoicing_v1 import AskInvoiceLine
    from services.cli import bills

    desk = desk_of(ctx)
    explained = inquire(ctx, lambda: AskInvoiceLine(number=number, line=line, limit=1)).line
    if explained is None:
        not_found(desk, "line_unknown", number=number, line=str(line))
    facts = pages(ctx, lambda after: AskInvoiceLine(number=number, line=line, after=after, limit=MOST), "facts")
    bills.show_explanation(desk, explained, facts)


@invoice_app.command("credit")
def credit(
    ctx: typer.Context,
    number: Number,
    reason: Annotated[str, typer.Option("--reason", help="Stands on the credit note.")],
    lines: Annotated[
        list[str] | None, typer.Option("--line", help="LINE=EURO, net, repeatable; without any, all that is left.")
    ] = None,
) -> None:
    """Give an invoice back, wholly or in part (operator)."""
    from contracts.invoicing_v1 import CreditedLine, CreditInvoice

    desk, parts = desk_of(ctx), []
    for text in lines or ():
        line, _, euros = text.partition("=")
        if not line.isdecimal() or not euros:
            desk.fail(USAGE, "usage", desk.sentence("bad_line", text=text))
        parts.append(CreditedLine(line=int(line), amount_cents=cents(desk, euros)))
    order(ctx, lambda: CreditInvoice(number=number, lines=tuple(parts), reason=reason))
