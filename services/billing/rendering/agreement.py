"""Reads an XML invoice back and holds every amount against the frozen invoice, to the cent.

The business rules of EN 16931 do not do that: they let the tax of a group be off by rounding, and know nothing of what
was issued. This is the last look before an XML becomes the original.
"""

from collections.abc import Iterator

from lxml import etree  # pyright: ignore[reportAttributeAccessIssue] - it has no types

from contracts.invoicing_v1 import Invoice
from services.billing.rendering.figures import decimal

_NAMES = {
    "rsm": "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100",
    "ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
}
_TRADE = "rsm:SupplyChainTradeTransaction"
_LINE = f"{_TRADE}/ram:IncludedSupplyChainTradeLineItem"
_SETTLED = f"{_TRADE}/ram:ApplicableHeaderTradeSettlement"
_SUMS = f"{_SETTLED}/ram:SpecifiedTradeSettlementHeaderMonetarySummation"
_LINE_SUM = "ram:SpecifiedLineTradeSettlement/ram:SpecifiedTradeSettlementLineMonetarySummation/ram:LineTotalAmount"


def differences(xml: bytes, invoice: Invoice) -> tuple[str, ...]:
    """Return what the XML says otherwise than the invoice does."""
    root = etree.fromstring(xml, etree.XMLParser(resolve_entities=False, no_network=True))
    said = dict(_said(root))
    return tuple(
        f"{name}: the XML says {said.get(name)}, the invoice {wanted}"
        for name, wanted in _wanted(invoice)
        if said.get(name) != wanted
    )


def _wanted(invoice: Invoice) -> Iterator[tuple[str, list[str]]]:
    net, tax, gross = (decimal(cents) for cents in (invoice.net_cents, invoice.tax_cents, invoice.gross_cents))
    yield "number", [invoice.number]
    yield "type", [invoice.type_code]
    yield "lines", [decimal(line.amount_cents) for line in invoice.lines]
    yield "prices", [decimal(line.price_cents) for line in invoice.lines]
    yield "quantities", [str(line.quantity) for line in invoice.lines]
    yield "bases", [decimal(group.net_cents) for group in invoice.tax_groups]
    yield "taxes", [decimal(group.tax_cents) for group in invoice.tax_groups]
    yield "BT-106", [net]
    yield "BT-109", [net]
    yield "BT-110", [tax]
    yield "BT-112", [gross]
    yield "BT-115", [gross]


_PATHS = {
    "number": "rsm:ExchangedDocument/ram:ID",
    "type": "rsm:ExchangedDocument/ram:TypeCode",
    "lines": f"{_LINE}/{_LINE_SUM}",
    "prices": f"{_LINE}/ram:SpecifiedLineTradeAgreement/ram:NetPriceProductTradePrice/ram:ChargeAmount",
    "quantities": f"{_LINE}/ram:SpecifiedLineTradeDelivery/ram:BilledQuantity",
    "bases": f"{_SETTLED}/ram:ApplicableTradeTax/ram:BasisAmount",
    "taxes": f"{_SETTLED}/ram:ApplicableTradeTax/ram:CalculatedAmount",
    "BT-106": f"{_SUMS}/ram:LineTotalAmount",
    "BT-109": f"{_SUMS}/ram:TaxBasisTotalAmount",
    "BT-110": f"{_SUMS}/ram:TaxTotalAmount",
    "BT-112": f"{_SUMS}/ram:GrandTotalAmount",
    "BT-115": f"{_SUMS}/ram:DuePayableAmount",
}


def _said(root: etree._Element) -> Iterator[tuple[str, list[str]]]:
    for name, path in _PATHS.items():
        yield name, [node.text or "" for node in root.findall(path, _NAMES)]
