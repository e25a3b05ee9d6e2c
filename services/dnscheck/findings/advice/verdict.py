"""One piece of advice before it is worded: what was found at which name, what shows it, and what to set. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from contracts.dnscheck_v1 import AdviceTopic
from services.dnscheck.findings.advice.sentences import AdviceCode
from services.dnscheck.findings.evidence import shared_words, trouble_of
from services.dnscheck.observation import Delegation, Look, MailObservation, MxObservation

MAX_VALUE_CHARACTERS = 2000  # of a record that is proposed; nobody types in a longer one


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found about one record; `words` fill its sentence, `records` are zone-file lines to set."""

    topic: AdviceTopic
    code: AdviceCode
    name: str
    words: dict[str, str] = field(default_factory=dict[str, str])
    seen: tuple[str, ...] = ()
    records: tuple[str, ...] = ()


def silence(topic: AdviceTopic, name: str, look: Look | None, observation: MailObservation) -> Verdict:
    """Say that a name could not be asked for, and who did not answer. Never that something is missing (R13)."""
    look = look or observation.look(observation.domain, "TXT")  # where nobody answered that, nothing else was asked
    delegation = look.delegation if look is not None else observation.delegation
    if delegation.state == "not_registered":
        return Verdict(topic, "domain_not_registered", name)
    answers = (look.answer,) if look is not None and look.answer is not None else ()
    silent = MxObservation(domain=observation.domain, delegation=_stuck(delegation, look), answers=answers)
    words = shared_words(silent)
    return Verdict(topic, trouble_of(silent), name, {"zone": words["zone"], "silent": words["silent"]})


def whole(value: str) -> str:
    """Show a value to set: complete, with what cannot be seen escaped."""
    shown = "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in value)
    return shown if len(shown) <= MAX_VALUE_CHARACTERS else f"{shown[: MAX_VALUE_CHARACTERS - 1]}…"


def proposed(lines: Iterable[str]) -> tuple[str, ...]:
    """Return zone-file lines that somebody can be asked to set."""
    return tuple(line for line in lines if len(line) <= 2 * MAX_VALUE_CHARACTERS)


def _stuck(delegation: Delegation, look: Look | None) -> Delegation:
    """Without an answer of its own, what was asked on the way there says why."""
    if look is None or look.answer is None:
        return delegation
    return Delegation(state=delegation.state, zone=delegation.zone, servers=delegation.servers)
