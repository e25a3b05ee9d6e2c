"""The shape of a no: a stable code, every finding, and sentences in German and English (R40)."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from contracts.base import Fact, Part, Text
from contracts.codes import CODES, WORDS, Sentence
from contracts.values import address_for_people

Detail = str | int | bool | None
NAMES = ("domain", "address", "alias")  # details that people read as U-labels (R18); records to set stay A-labels
KINDS = ("resource", "state")  # details with a word of their own; a group or an account may be called like one
MAX_FINDINGS = 200  # one with a long address takes 1 kB, and a refusal has to fit into one message (256 KiB)


class Finding(Part):
    """One reason. `details` holds the figures and names that the sentence speaks of."""

    code: str
    severity: Literal["error", "warning", "note"] = "error"
    text: Text
    details: dict[str, Detail] = Field(default={})


class Refusal(Part):
    """Why a request was refused: `code` is the first finding's; programs branch on codes, people read texts."""

    code: str
    text: Text
    findings: tuple[Finding, ...]


class RequestRefused(Fact):
    """A request ended with a no. Nothing was changed by it, and what was reserved for it is given back."""

    request_id: UUID
    request_type: str
    refusal: Refusal
    reservation: tuple[str, ...] = ()  # holders of what billing had reserved, see billing_v1.Reservation


def finding(code: str, *, severity: Literal["error", "warning", "note"] = "error", **details: Detail) -> Finding:
    """Write a finding from the catalogue of codes. Raises KeyError for a code or a detail the catalogue lacks."""
    sentence = CODES[code]
    words = {name: _word(name, value) for name, value in details.items()}
    de = {name: word.de for name, word in words.items()}
    en = {name: word.en for name, word in words.items()}
    text = Text(de=sentence.de.format_map(de), en=sentence.en.format_map(en))
    return Finding(code=code, severity=severity, text=text, details=details)


def refusal(*findings: Finding) -> Refusal:
    """Join findings into one refusal; the first one names it. Beyond MAX_FINDINGS the rest is counted only."""
    if len(findings) > MAX_FINDINGS:
        rest = finding("more_findings", severity="note", count=len(findings) - MAX_FINDINGS + 1)
        findings = (*findings[: MAX_FINDINGS - 1], rest)
    return Refusal(code=findings[0].code, text=findings[0].text, findings=findings)


def refuse(code: str, **details: Detail) -> Refusal:
    """Write a refusal with a single finding."""
    return refusal(finding(code, severity="error", **details))


def _word(name: str, value: Detail) -> Sentence:
    """Write a detail for people; in `details` it stays as programs compare it."""
    if value is None:
        return Sentence("∞", "∞")
    text = str(value)
    if name in KINDS and text in WORDS:
        return WORDS[text]
    if name == "chain":
        text = " → ".join(address_for_people(address) for address in text.split(" → "))
    shown = address_for_people(text) if name in NAMES else text
    return Sentence(shown, shown)
