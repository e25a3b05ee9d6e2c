"""An invoice -> everything that stands on its pages, as finished text; the template only lays it out (R-I4)."""

import re
from typing import Any

from contracts.invoicing_v1 import Invoice, InvoiceLine, Party, TaxGroup
from contracts.values import Language
from services.billing.rendering.figures import day, days, money, number, percent
from services.billing.rendering.words import country_name, sentence, word

_ON_THE_PAGE = (
    "line", "text", "service", "quantity", "price", "tax", "amount", "net", "page", "attachment", "tax_table",
    "xml_inside",
)  # fmt: skip
CURRENCY = " EUR"
ZERO_WIDTH_SPACE = "\N{ZERO WIDTH SPACE}"
_LONG_WORD, _FEW = re.compile(r"\S{31,}"), re.compile(r"\S{1,5}")


def content(invoice: Invoice) -> dict[str, Any]:
    """Return the words, figures and lists that the template asks for."""
    language = invoice.language
    title = f"{word(invoice.kind, language)} {invoice.number}"
    return {
        "language": language,
        "title": title,
        "description": f"{title}, {invoice.buyer.name}",
        "date": [invoice.issued_on.year, invoice.issued_on.month, invoice.issued_on.day],
        "words": {name: word(name, language) for name in _ON_THE_PAGE},
        "seller": {"name": invoice.seller.name},
        "sender": " · ".join([invoice.seller.name, *_address(invoice.seller)]),
        "buyer": [_breakable(text) for text in (invoice.buyer.name, *_address(invoice.buyer), *_abroad(invoice))],
        "facts": _facts(invoice),
        "intro": _intro(invoice),
        "lines": [_line(line, language) for line in invoice.lines],
        "groups": [_group(group, language) for group in invoice.tax_groups],
        "sums": _sums(invoice),
        "total": [
            word("gross" if invoice.kind == "invoice" else "credit_gross", language),
            money(invoice.gross_cents, language) + CURRENCY,
        ],
        "closing": _closing(invoice),
        "payment": _payment(invoice),
        "footer": _footer(invoice),
    }


def _address(party: Party) -> list[str]:
    return [party.street, f"{party.postcode} {party.city}"]


def _abroad(invoice: Invoice) -> list[str]:
    country = invoice.buyer.country
    return [] if country == invoice.seller.country else [country_name(country, invoice.language).upper()]


def _facts(invoice: Invoice) -> list[tuple[str, str]]:
    language, buyer = invoice.language, invoice.buyer
    facts = [
        (word("number" if invoice.kind == "invoice" else "credit_number", language), invoice.number),
        (word("issued_on", language), day(invoice.issued_on, language)),
        (word("service", language), days(invoice.service_from, invoice.service_to, language)),
    ]
    if invoice.due_on is not None:
        facts.append((word("due_on", language), day(invoice.due_on, language)))
    if invoice.preceding is not None:
        before = invoice.preceding
        facts.append((word("refers_to", language), f"{before.number}, {day(before.issued_on, language)}"))
    facts.append((word("customer", language), invoice.account))
    if buyer.vat_id is not None:
        facts.append((word("their_vat_id", language), buyer.vat_id))
    return facts


def _intro(invoice: Invoice) -> str | None:
    if invoice.preceding is None:
        return None
    reason = _breakable(invoice.reason or "")
    return sentence("corrects", invoice.language, number=invoice.preceding.number, reason=reason)


def _line(line: InvoiceLine, language: Language) -> list[str]:
    return [
        str(line.line),
        _breakable(line.text.de if language == "de" else line.text.en),
        days(line.service_from, line.service_to, language),
        number(line.quantity, language),
        money(line.price_cents, language),
        percent(line.tax_rate_basis_points, language) if line.tax_category == "S" else "–",
        money(line.amount_cents, language),
    ]


def _group(group: TaxGroup, language: Language) -> list[str]:
    name = percent(group.rate_basis_points, language)
    if group.exemption_reason is not None:
        name = group.exemption_reason.de if language == "de" else group.exemption_reason.en
    return [name, money(group.net_cents, language), money(group.tax_cents, language)]


def _sums(invoice: Invoice) -> list[tuple[str, str]]:
    language = invoice.language
    sums = [(word("sum_of_lines", language), money(invoice.net_cents, language) + CURRENCY)]
    for group in invoice.tax_groups:
        rate = f" {percent(group.rate_basis_points, language)}" if group.category == "S" else ""
        sums.append((word("tax", language) + rate, money(group.tax_cents, language) + CURRENCY))
    return sums


def _closing(invoice: Invoice) -> list[str]:
    language = invoice.language
    reasons = [g.exemption_reason for g in invoice.tax_groups if g.exemption_reason is not None]
    said = [f"{reason.de if language == 'de' else reason.en}." for reason in reasons]
    if invoice.kind == "credit_note":
        return [*said, word("is_credited", language)]
    if invoice.gross_cents == 0 or invoice.due_on is None:
        return [*said, word("nothing_to_pay", language)]
    name = "please_pay" if invoice.pay_to is not None else "please_pay_no_account"
    amount = money(invoice.gross_cents, language)
    return [*said, sentence(name, language, amount=amount, day=day(invoice.due_on, language))]


def _payment(invoice: Invoice) -> list[tuple[str, str]]:
    pay_to, language = invoice.pay_to, invoice.language
    if pay_to is None or invoice.kind == "credit_note" or invoice.gross_cents == 0:
        return []
    rows = [(word("holder", language), pay_to.holder or invoice.seller.name), ("IBAN", in_fours(pay_to.iban))]
    if pay_to.bic is not None:
        rows.append(("BIC", pay_to.bic))
    return [*rows, (word("purpose", language), invoice.number)]


def in_fours(iban: str) -> str:
    """Write an IBAN as people read it."""
    compact = "".join(iban.split())
    return "\N{NO-BREAK SPACE}".join(compact[start : start + 4] for start in range(0, len(compact), 4))


def _footer(invoice: Invoice) -> list[list[str]]:
    seller, language, pay_to = invoice.seller, invoice.language, invoice.pay_to
    taxes = [
        f"{word(name, language)} {value}"
        for name, value in (("vat_id", seller.vat_id), ("tax_number", seller.tax_number))
        if value is not None
    ]
    bank = [] if pay_to is None else [in_fours(pay_to.iban), *([f"BIC {pay_to.bic}"] if pay_to.bic else [])]
    legal = [text for text in (seller.register_entry, seller.legal_note) if text is not None]
    reach = [text for text in (seller.phone, seller.email) if text is not None]
    columns = ([seller.name, *_address(seller)], reach, bank, [*legal, *taxes])
    return [[_breakable(text) for text in column] for column in columns if column]


def _breakable(text: str) -> str:
    """Let words break that are longer than a column is wide; whatever else is never torn apart."""
    return _LONG_WORD.sub(lambda found: ZERO_WIDTH_SPACE.join(_FEW.findall(found[0])), text)
