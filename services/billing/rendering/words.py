"""The words on rendered invoices, in German and English."""

from contracts.base import Text
from contracts.values import Language

_WORDS = {
    "invoice": Text(de="Rechnung", en="Invoice"),
    # Not "Gutschrift": for the VAT law that is an invoice which the customer writes (§ 14 (2) UStG).
    "credit_note": Text(de="Rechnungskorrektur", en="Credit note"),
    "number": Text(de="Rechnungsnummer", en="Invoice number"),
    "credit_number": Text(de="Nummer", en="Number"),
    "issued_on": Text(de="Datum", en="Date"),
    "service": Text(de="Leistungszeitraum", en="Service period"),
    "due_on": Text(de="Zahlbar bis", en="Due date"),
    "customer": Text(de="Kundennummer", en="Customer number"),
    "their_vat_id": Text(de="Ihre USt-IdNr.", en="Your VAT ID"),
    "refers_to": Text(de="Zur Rechnung", en="Refers to invoice"),
    "line": Text(de="Pos.", en="No."),
    "text": Text(de="Leistung", en="Service"),
    "quantity": Text(de="Anzahl", en="Quantity"),
    "price": Text(de="Einzelpreis EUR", en="Unit price EUR"),
    "amount": Text(de="Betrag EUR", en="Amount EUR"),
    "tax": Text(de="USt", en="VAT"),
    "sum_of_lines": Text(de="Nettobetrag", en="Net amount"),
    "gross": Text(de="Rechnungsbetrag", en="Total"),
    "credit_gross": Text(de="Korrekturbetrag", en="Total credited"),
    "tax_table": Text(de="Umsatzsteuer", en="VAT breakdown"),
    "net": Text(de="Netto", en="Net"),
    "holder": Text(de="Kontoinhaber", en="Account holder"),
    "purpose": Text(de="Verwendungszweck", en="Payment reference"),
    "vat_id": Text(de="USt-IdNr.", en="VAT ID"),
    "tax_number": Text(de="Steuernummer", en="Tax number"),
    "page": Text(de="Seite {page} von {pages}", en="Page {page} of {pages}"),
    "corrects": Text(de="Korrektur der Rechnung {number}: {reason}", en="Correction of invoice {number}: {reason}"),
    "is_credited": Text(de="Der Betrag wird Ihnen gutgeschrieben.", en="The amount will be credited to you."),
    "please_pay": Text(
        de="Bitte überweisen Sie {amount} EUR bis zum {day} unter Angabe der Rechnungsnummer.",
        en="Please transfer EUR {amount} by {day}, quoting the invoice number.",
    ),
    "please_pay_no_account": Text(de="{amount} EUR sind zahlbar bis zum {day}.", en="EUR {amount} are due by {day}."),
    "nothing_to_pay": Text(de="Es ist nichts zu zahlen.", en="There is nothing to pay."),
    "xml_inside": Text(
        de="Diese Datei enthält die Rechnung auch als XML nach EN 16931 (factur-x.xml).",
        en="This file also holds the invoice as XML under EN 16931 (factur-x.xml).",
    ),
    "attachment": Text(de="Rechnung als XML nach EN 16931", en="Invoice as XML under EN 16931"),
}


def word(name: str, language: Language) -> str:
    """Return a word."""
    text = _WORDS[name]
    return text.de if language == "de" else text.en


def sentence(name: str, language: Language, **details: str) -> str:
    """Return a sentence with its details."""
    return word(name, language).format(**details)


def country_name(code: str, language: Language) -> str:
    """Name a country for the address; those without many customers by their code, which the post understands too."""
    names = _COUNTRIES.get(code)
    if names is None:
        return code
    return names[0] if language == "de" else names[1]


_COUNTRIES = {
    "AT": ("Österreich", "Austria"),
    "BE": ("Belgien", "Belgium"),
    "BG": ("Bulgarien", "Bulgaria"),
    "CH": ("Schweiz", "Switzerland"),
    "CY": ("Zypern", "Cyprus"),
    "CZ": ("Tschechien", "Czechia"),
    "DE": ("Deutschland", "Germany"),
    "DK": ("Dänemark", "Denmark"),
    "EE": ("Estland", "Estonia"),
    "ES": ("Spanien", "Spain"),
    "FI": ("Finnland", "Finland"),
    "FR": ("Frankreich", "France"),
    "GB": ("Vereinigtes Königreich", "United Kingdom"),
    "GR": ("Griechenland", "Greece"),
    "HR": ("Kroatien", "Croatia"),
    "HU": ("Ungarn", "Hungary"),
    "IE": ("Irland", "Ireland"),
    "IS": ("Island", "Iceland"),
    "IT": ("Italien", "Italy"),
    "LI": ("Liechtenstein", "Liechtenstein"),
    "LT": ("Litauen", "Lithuania"),
    "LU": ("Luxemburg", "Luxembourg"),
    "LV": ("Lettland", "Latvia"),
    "MC": ("Monaco", "Monaco"),
    "MT": ("Malta", "Malta"),
    "NL": ("Niederlande", "Netherlands"),
    "NO": ("Norwegen", "Norway"),
    "PL": ("Polen", "Poland"),
    "PT": ("Portugal", "Portugal"),
    "RO": ("Rumänien", "Romania"),
    "SE": ("Schweden", "Sweden"),
    "SI": ("Slowenien", "Slovenia"),
    "SK": ("Slowakei", "Slovakia"),
    "US": ("USA", "United States"),
}
