"""An invoice's lines -> CSV (RFC 4180) for spreadsheets and bookkeeping, the same in every language.

Amounts have a point and two digits, dates are ISO 8601, the names of the columns are fixed; texts come in German and
English side by side. A line of the invoice is a line of the file; there are no sums, so that none is added up twice.
"""

import csv
from io import StringIO

from contracts.invoicing_v1 import Invoice, InvoiceLine
from services.billing.rendering.figures import decimal

COLUMNS = (
    "number", "type", "issued_on", "account", "line", "sku", "text_de", "text_en", "service_from", "service_to",
    "quantity", "unit_price", "amount", "currency", "tax_category", "tax_rate_percent", "corrects_month",
    "refers_to_number", "refers_to_line",
)  # fmt: skip


def table(invoice: Invoice) -> bytes:
    """Write the lines as UTF-8. The same invoice gives the same bytes."""
    text = StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows(_row(invoice, line) for line in invoice.lines)
    return text.getvalue().encode()


def _row(invoice: Invoice, line: InvoiceLine) -> tuple[object, ...]:
    before = invoice.preceding
    return (
        invoice.number,
        invoice.type_code,
        invoice.issued_on.isoformat(),
        invoice.account,
        line.line,
        line.sku,
        line.text.de,
        line.text.en,
        line.service_from.isoformat(),
        line.service_to.isoformat(),
        line.quantity,
        decimal(line.price_cents),
        decimal(line.amount_cents),
        invoice.currency,
        line.tax_category,
        decimal(line.tax_rate_basis_points) if line.tax_category != "O" else "",
        line.corrects or "",
        before.number if before is not None else "",
        line.credits_line or "",
    )
