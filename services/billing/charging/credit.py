"""An invoice -> a credit note: all that is left of it, or parts. However many parts, they sum to the invoice (R-I6).

Amounts are positive, as type 381 wants them. The VAT of a part is the VAT on all credited so far less the VAT on all
credited before, so no cent appears or vanishes by rounding each part on its own.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from contracts.invoicing_v1 import CreditedLine, Invoice, InvoiceLine, Preceding, TaxCategory, TaxGroup
from contracts.refusals import Finding, Refusal, finding, refusal, refuse
from services.billing.charging import money
from services.billing.charging.invoice import group

Amounts = Mapping[int, int]  # cents by line of the invoice


def credited_lines(invoice: Invoice, credited: Amounts, wanted: Sequence[CreditedLine]) -> dict[int, int] | Refusal:
    """Return what to give back by line of the invoice: what was asked for, or all that is left. In cents.

    `credited` is what earlier credit notes gave back. A line below zero is given back, and so taken again, only whole.
    """
    if invoice.kind != "invoice":
        return refuse("not_an_invoice", number=invoice.number)
    left = {line.line: line.amount_cents - credited.get(line.line, 0) for line in invoice.lines}
    if not wanted:
        chosen = {line: cents for line, cents in left.items() if cents}
        return chosen or refuse("nothing_to_credit", number=invoice.number)
    asked: Counter[int] = Counter()
    for line in wanted:
        asked[line.line] += line.amount_cents
    findings = [found for line, cents in asked.items() if (found := _finding(invoice, left, line, cents))]
    return refusal(*findings) if findings else dict(asked)


def credit_note(
    invoice: Invoice, credited: Amounts, amounts: Amounts, *, number: str, issued_on: date, reason: str
) -> Invoice:
    """Write the credit note. `credited` is what earlier ones gave back, by line of the invoice, in cents."""
    lines = tuple(
        _line(position, line, amounts[line.line])
        for position, line in enumerate((line for line in invoice.lines if line.line in amounts), start=1)
    )
    groups = tuple(_groups(invoice, credited, amounts))
    net, tax = sum(g.net_cents for g in groups), sum(g.tax_cents for g in groups)
    return invoice.model_copy(
        update={
            "number": number,
            "kind": "credit_note",
            "type_code": "381",
            "issued_on": issued_on,
            "due_on": None,
            "service_from": min(line.service_from for line in lines),
            "service_to": max(line.service_to for line in lines),
            "preceding": Preceding(number=invoice.number, issued_on=invoice.issued_on),
            "reason": reason,
            "lines": lines,
            "tax_groups": groups,
            "net_cents": net,
            "tax_cents": tax,
            "gross_cents": net + tax,
        }
    )


def credited_so_far(notes: Iterable[Invoice]) -> dict[int, int]:
    """Add up what credit notes of one invoice gave back, by line of the invoice, in cents."""
    sums: Counter[int] = Counter()
    for note in notes:
        for line in note.lines:
            sums[line.credits_line or line.line] += line.amount_cents
    return dict(sums)


def _finding(invoice: Invoice, left: Amounts, line: int, cents: int) -> Finding | None:
    if line not in left:
        return finding("line_unknown", number=invoice.number, line=line)
    if cents > left[line]:
        return finding("credit_exceeds", line=line, left=max(0, left[line]), requested=cents)
    return None


def _groups(invoice: Invoice, credited: Amounts, amounts: Amounts) -> Iterable[TaxGroup]:
    for taxed in invoice.tax_groups:
        key = (taxed.category, taxed.rate_basis_points)
        lines = [line for line in invoice.lines if (line.tax_category, line.tax_rate_basis_points) == key]
        if any(line.line in amounts for line in lines):
            before = sum(credited.get(line.line, 0) for line in lines)
            now = sum(amounts.get(line.line, 0) for line in lines)
            yield _group(taxed.category, taxed.rate_basis_points, before, now)


def _group(category: TaxCategory, rate: int, before: int, now: int) -> TaxGroup:
    return group(category, rate, now, money.vat(before + now, rate) - money.vat(before, rate))


def _line(position: int, line: InvoiceLine, cents: int) -> InvoiceLine:
    """Write a line that gives back; of a whole line its quantity, of a part one piece at that price."""
    whole = cents == line.amount_cents
    quantity = line.quantity if whole else (1 if cents >= 0 else -1)
    price = line.price_cents if whole else abs(cents)
    return line.model_copy(
        update={
            "line": position,
            "quantity": quantity,
            "price_cents": price,
            "amount_cents": cents,
            "credits_line": line.line,
        }
    )
