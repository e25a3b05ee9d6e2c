"""Frozen text of an invoice in, its files out; or why there are none. Runs in a process of its own.

The process has to be spawned (see validation.py), and does nothing else: `prepare` once, then `press` for each.
"""

import os
import signal
import threading
from dataclasses import dataclass
from multiprocessing import parent_process
from pathlib import Path

from contracts.invoicing_v1 import Invoice
from services.billing.rendering.agreement import differences
from services.billing.rendering.cii import xml
from services.billing.rendering.pdf import Typesetter
from services.billing.rendering.validation import Validator, Verdict


@dataclass(frozen=True, slots=True)
class Pressed:
    """An invoice's files by format, and the characters that no font has."""

    files: dict[str, bytes]
    without_glyph: str


@dataclass(frozen=True, slots=True)
class Spoiled:
    """What is wrong with an invoice's XML: nothing that trying again would cure."""

    findings: tuple[str, ...]


class Press:
    """Everything that is costly to make, once per process."""

    def __init__(self, fonts: Path | None) -> None:
        self._validator, self._typesetter = Validator(), Typesetter(fonts)

    def press(self, content: str) -> Pressed | Spoiled:
        """Render an invoice. What is handed out is valid, and says to the cent what was issued."""
        invoice = Invoice.model_validate_json(content)
        written = xml(invoice)
        findings = differences(written, invoice) or self.judge(written).complaints
        if findings:
            return Spoiled(findings)
        typeset, missing = self._typesetter.pdf(invoice, written)
        return Pressed({"xml": written, "pdf": typeset}, missing)

    def judge(self, written: bytes) -> Verdict:
        """Hold an XML invoice against the rules, whoever wrote it."""
        return self._validator.check(written)


_presses: list[Press] = []


def prepare(fonts: Path | None) -> None:
    """Make this process's press. The process ends with its parent, and leaves Ctrl-C to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _presses.append(Press(fonts))


def _end_with_parent() -> None:
    # Else a parent that was killed would leave its children waiting for ever.
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def press(content: str) -> Pressed | Spoiled:
    """Render an invoice with this process's press."""
    return _presses[0].press(content)


def judge(written: bytes) -> Verdict:
    """Hold an XML invoice against the rules, in this process."""
    return _presses[0].judge(written)
