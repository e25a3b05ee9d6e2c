"""What an invoice's files cost: milliseconds of CPU for XML, its rules, and PDF; bytes; and the press's memory.

    python bench/einvoices.py                    500 invoices of 4 lines, then 20 of 200 lines
    python bench/einvoices.py --invoices 3000    to see whether the memory grows

In one process without a database: what `python -m services.billing render` does for each invoice.
"""

import argparse
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import psutil

from contracts import sample_invoices as sample
from contracts.invoicing_v1 import Invoice
from services.billing.rendering.agreement import differences
from services.billing.rendering.cii import xml
from services.billing.rendering.pdf import Typesetter
from services.billing.rendering.validation import Validator

FEW, MANY = 4, 200


def invoice(number: int, lines: int) -> Invoice:
    """Make an invoice that adds up; every one is another, so that nothing is remembered from the one before."""
    chosen = tuple(
        sample.PACKAGE.model_copy(update={"line": n, "quantity": number + n, "amount_cents": (number + n) * 2_500})
        for n in range(1, lines + 1)
    )
    net = sum(line.amount_cents for line in chosen)
    tax = net * 19 // 100
    group = sample.INVOICE.tax_groups[0].model_copy(update={"net_cents": net, "tax_cents": tax})
    return sample.INVOICE.model_copy(
        update={
            "number": f"RE-2026-{number:06}",
            "buyer": sample.BUYER.model_copy(update={"name": f"Kunde {number} GmbH", "street": f"Weg {number}"}),
            "lines": chosen, "tax_groups": (group,), "net_cents": net, "tax_cents": tax, "gross_cents": net + tax,
        }
    )  # fmt: skip


def timed(spent: dict[str, list[float]], name: str, work: Callable[[], Any]) -> Any:
    """Do something and note its CPU time in milliseconds."""
    before = time.process_time()
    done = work()
    spent.setdefault(name, []).append((time.process_time() - before) * 1000)
    return done


def measure(validator: Validator, typesetter: Typesetter, first: int, count: int, lines: int) -> None:
    """Render invoices and print the medians."""
    spent: dict[str, list[float]] = {}
    sizes: list[tuple[int, int]] = []
    for number in range(first, first + count):
        one = invoice(number, lines)
        written = timed(spent, "XML", lambda one=one: xml(one))
        differs = timed(spent, "read back", lambda one=one, written=written: differences(written, one))
        verdict = timed(spent, "schema and rules", lambda written=written: validator.check(written))
        assert not differs
        assert not verdict.complaints, verdict
        typeset, _ = timed(spent, "PDF", lambda one=one, written=written: typesetter.pdf(one, written))
        sizes.append((len(written), len(typeset)))
    parts = ", ".join(f"{name} {median(values):.1f}" for name, values in spent.items())
    whole = sum(median(values) for values in spent.values())
    print(f"{count} invoices of {lines} lines: {parts}; together {whole:.1f} ms CPU")
    xml_kb, pdf_kb = (median(each) / 1000 for each in zip(*sizes, strict=True))
    print(f"    XML {xml_kb:.0f} kB, PDF {pdf_kb:.0f} kB, memory {psutil.Process().memory_info().rss / 1e6:.0f} MB")


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--invoices", type=int, default=500)
    count = parser.parse_args().invoices
    spent: dict[str, list[float]] = {}
    validator = timed(spent, "rules", Validator)
    typesetter = timed(spent, "fonts", Typesetter)
    print(f"once: rules compiled in {spent['rules'][0]:.0f} ms, fonts read in {spent['fonts'][0]:.0f} ms")
    measure(validator, typesetter, 1, max(1, count // 2), FEW)
    measure(validator, typesetter, 1 + count, max(1, count // 2), FEW)
    measure(validator, typesetter, 1 + 2 * count, max(1, count // 25), MANY)


if __name__ == "__main__":
    main()
