"""An invoice and its XML -> one hybrid invoice: a PDF/A-3 that holds the XML (Factur-X, ZUGFeRD), with typst.

Fonts come from packages only, so every machine writes the same bytes.
"""

import json
import re
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import pikepdf
import typst

from contracts.invoicing_v1 import Invoice
from services.billing.rendering.page import content

TEMPLATE = Path(__file__).with_name("invoice.typ")
XML_NAME = "factur-x.xml"
STANDARD = "a-3b"
UNKNOWN = "?"
MAX_ROUNDS = 3  # each names every character that no font has; a second one should find none

# Factur-X 1.0, section 6.2.2: what the attachment is, and the description of these four names that PDF/A asks for.
_FACTUR_X = "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#"
_MARKS = {"DocumentType": "INVOICE", "DocumentFileName": XML_NAME, "Version": "1.0", "ConformanceLevel": "EN 16931"}
_PROPERTIES = "".join(
    '<rdf:li rdf:parseType="Resource"><pdfaProperty:category>external</pdfaProperty:category>'
    f"<pdfaProperty:description>{name} of the attached invoice</pdfaProperty:description>"
    f"<pdfaProperty:name>{name}</pdfaProperty:name><pdfaProperty:valueType>Text</pdfaProperty:valueType></rdf:li>"
    for name in _MARKS
)
_SCHEMA = (
    '<rdf:li rdf:parseType="Resource"><pdfaSchema:schema>Factur-X PDFA Extension Schema</pdfaSchema:schema>'
    f"<pdfaSchema:namespaceURI>{_FACTUR_X}</pdfaSchema:namespaceURI><pdfaSchema:prefix>fx</pdfaSchema:prefix>"
    f"<pdfaSchema:property><rdf:Seq>{_PROPERTIES}</rdf:Seq></pdfaSchema:property></rdf:li>"
)
_DESCRIPTION = (
    f'<rdf:Description rdf:about="" xmlns:fx="{_FACTUR_X}">'
    + "".join(f"<fx:{name}>{value}</fx:{name}>" for name, value in _MARKS.items())
    + "</rdf:Description>"
)
_SCHEMAS, _END = "<pdfaExtension:schemas><rdf:Bag>", "</rdf:RDF>"
_NO_GLYPH = re.compile(r"the text `\"(.+?)\"` could not be displayed")


class Typesetter:
    """The compiler with its fonts. Making one reads the fonts; a page then takes some milliseconds.

    `fonts` is a folder with further fonts, for scripts beside Latin, Greek and Cyrillic.
    """

    def __init__(self, fonts: Path | None = None) -> None:
        folders = [_fira_sans(), *([fonts] if fonts is not None else [])]
        found = typst.Fonts(include_system_fonts=False, include_embedded_fonts=True, font_paths=folders)
        self._compiler = typst.Compiler(input=TEMPLATE, root=TEMPLATE.parent, font_paths=found)

    def pdf(self, invoice: Invoice, xml: bytes) -> tuple[bytes, str]:
        """Typeset an invoice with its XML attached, and say which characters no font has: each became a `?`.

        The same invoice and fonts give the same bytes.
        """
        inputs, missing = _inputs(invoice, xml), ""
        for _ in range(MAX_ROUNDS):
            try:
                compiled: Any = self._compiler.compile(format="pdf", sys_inputs=inputs, pdf_standards=STANDARD)
            except typst.TypstError as error:
                found = _without_glyph(error)
                if not found:
                    raise
                missing += found
                inputs["page"] = inputs["page"].translate(dict.fromkeys(map(ord, found), UNKNOWN))
            else:
                return _marked(compiled), missing
        raise RuntimeError("typst finds ever more characters without a glyph")

    def pictures(self, invoice: Invoice, xml: bytes, ppi: int = 96) -> list[bytes]:
        """Return the pages as PNG, for eyes."""
        found: Any = self._compiler.compile(format="png", sys_inputs=_inputs(invoice, xml), ppi=ppi)
        return found if isinstance(found, list) else [found]


def _inputs(invoice: Invoice, xml: bytes) -> dict[str, str]:
    return {"page": json.dumps(content(invoice), ensure_ascii=False), "xml": xml.decode()}


def _without_glyph(error: typst.TypstError) -> str:
    return "".join(dict.fromkeys("".join(_NO_GLYPH.findall(error.diagnostic))))


def _fira_sans() -> Path:
    spec = find_spec("fontpkg_fira_sans")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("the font is missing: pip install 'postkontor[einvoice]'")
    return Path(spec.origin).parent / "files"


def _marked(compiled: bytes) -> bytes:
    """Say in the metadata that the attachment is a Factur-X invoice; typst cannot.

    typst describes some namespaces of its own already, so the description is put beside these.
    """
    with pikepdf.open(BytesIO(compiled)) as document:
        stream = document.Root["/Metadata"]
        metadata = stream.read_bytes().decode()
        assert metadata.count(_SCHEMAS) == 1, "typst writes its metadata differently"
        metadata = metadata.replace(_SCHEMAS, _SCHEMAS + _SCHEMA).replace(_END, _DESCRIPTION + _END)
        stream.write(metadata.encode())
        written = BytesIO()
        document.save(written, deterministic_id=True, fix_metadata_version=False)
        return written.getvalue()
