"""The shape of a no: a stable code, every finding, and sentences in German and English (R40)."""

from typing import Literal
from uuid import UUID

from pydantic import Field, JsonValue

from contracts.base import Fact, Part, Text
from contracts.codes import CODES, WORDS, Sentence
from contracts.parts import Detail, Finding
from contracts.values import address_for_people

NAMES = (
    "domain",
    "address",
    "alias",
    "target",
)  # details that people read as U-labels (R18); records to set stay A-labels
KINDS = ("resource", "state")  # details with a word of their own; a group or an account may be called like one
MAX_FINDINGS = 200  # more than people read
MAX_FINDINGS_BYTES = 200_000  # a refusal has to fit into one message (256 KiB), and one finding may take 9 kB


class Step(Part):
    """A request that would help, ready to send: `data` to the subject `cmd.<account>.<type>`."""

    type: str
    data: dict[str, JsonValue]
    frees: dict[str, int] = Field(description="how much of each resource")
    text: Text


class Remedy(Part):
    """What would make a refused request possible: the cheapest steps, best carried out in their order."""

    steps: tuple[Step, ...]
    steps_total: int = Field(description="so many there are; what does not fit in here, the owner's question shows")
    left: dict[str, int] = Field(default={}, description="what no step frees now, by resource")


class Refusal(Part):
    """Why a request was refused: `code` is the first finding's; programs branch on codes, people read texts."""

    code: str
    text: Text
    findings: tuple[Finding, ...]
    remedy: Remedy | None = None


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
    """Join findings into one refusal; the first one names it. Beyond what can be told the rest is counted only."""
    first, told = findings[0], _told(findings) if len(findings) > 1 else 1
    if told < len(findings):
        rest = finding("more_findings", severity="note", count=len(findings) - told)
        findings = (*findings[:told], rest)
    return Refusal(code=first.code, text=first.text, findings=findings)


def _told(findings: tuple[Finding, ...]) -> int:
    """Return how many findings are told: all, or so many that one more, which counts the rest, fits too."""
    room = MAX_FINDINGS_BYTES
    for number, found in enumerate(findings):
        room -= len(found.__pydantic_serializer__.to_json(found))
        if number and room < 0:
            return number
    return len(findings) if len(findings) <= MAX_FINDINGS else MAX_FINDINGS - 1


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
