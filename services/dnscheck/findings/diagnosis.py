"""What an observation means: confirmed, not yet, or could not ask, with the sentence the customer can act on.

Pure: no driver, clock or randomness. Only an authoritative answer is a no; silence and failure never are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, get_args

from services.dnscheck.findings.evidence import (
    ADVISED_TTL_SECONDS,
    MAX_ASKED,
    Asked,
    bounded,
    evidence_of,
    listed,
    name_servers,
    safe,
    shared_words,
    trouble_of,
)
from services.dnscheck.findings.explanation import Reason, explain_no, txt_values
from services.dnscheck.findings.proof import PREFIX, ExpectedTxt, carries_proof, read_token
from services.dnscheck.findings.providers import provider_of
from services.dnscheck.findings.remarks import Remark, appended, stale_remark, trap_remark, zone_remark
from services.dnscheck.findings.sentences import DELEGATED_TEXT, SHARED_TEXTS, TXT_TEXTS, Code, Trouble
from services.dnscheck.findings.witness import Dnssec, dnssec_of, doubt_of, is_stale, stale_seconds
from services.dnscheck.observation import NOES, ServerAnswer, TxtObservation, ZoneSeen

# What can be wrong with name servers of the challenge's own; the rest is ours, or the way's.
DELEGATED_TROUBLES = frozenset(get_args(Trouble)) - {"root_unreachable", "look_cut_short"}

Kind = Literal["confirmed", "not_yet", "could_not_ask"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What an attempt at the proof means, and what to do: one code, its evidence, two languages."""

    kind: Kind
    code: Code
    asked: tuple[Asked, ...]
    seen: tuple[str, ...]
    expected: tuple[str, ...]  # zone-file lines
    text_en: str
    text_de: str
    notes: tuple[str, ...] = ()  # what was accepted although it was not as asked for: at_apex, value_quoted ...
    dnssec: Dnssec = "unchecked"


@dataclass(frozen=True, slots=True)
class Background:
    """What is known besides one look: what looks saw of the zone up to this one, and the time of this one.

    `remembered_seconds` is how long others may remember a no, where the look before was one.
    """

    zone: ZoneSeen
    now: datetime
    remembered_seconds: int | None = None


def diagnose_txt(observation: TxtObservation, expected: ExpectedTxt, background: Background | None = None) -> Diagnosis:
    """Judge one look at the proof.

    Confirmed takes the token at two server addresses, or at the only one, no server that denies it, and nobody who was
    asked besides that has something against it.
    """
    reason = _reason(observation, expected)
    return _report(observation, expected, reason, _remarks(observation, expected, reason, background))


def _reason(observation: TxtObservation, expected: ExpectedTxt) -> Reason:
    verdicts = [_verdict(answer, observation, expected) for answer in observation.answers]
    askable = sum(answer.kind != "filtered" for answer in observation.answers)
    yes, no = verdicts.count("yes"), verdicts.count("no")
    if observation.delegation.state == "not_registered":
        return Reason("domain_not_registered")
    if yes and not no and yes >= min(2, askable):
        seen = _wanted_values(observation, expected)
        doubt = doubt_of(observation, expected)
        return Reason("verified", seen) if doubt is None else replace(doubt, seen=seen)
    if yes and no:
        return Reason("partial", bounded(txt_values(observation)))
    return explain_no(observation, expected) if no else Reason(trouble_of(observation))


def kind_of(code: Code) -> Kind:
    """Return whether a code is a yes, a no, or nobody's word."""
    if code == "verified":
        return "confirmed"
    return "could_not_ask" if code == "not_corroborated" or code in get_args(Trouble) else "not_yet"


Verdict = Literal["yes", "no", "silent"]


def _verdict(answer: ServerAnswer, observation: TxtObservation, expected: ExpectedTxt) -> Verdict:
    """One address's word: the challenge decides, an alias by its target, the domain's own name may still say yes."""
    at_apex = [other for other in observation.apex if other.address == answer.address]
    if any(carries_proof(other, expected) for other in at_apex):
        return "yes"
    return _verdict_of_chain(answer, observation, expected, ())


def _verdict_of_chain(
    answer: ServerAnswer, observation: TxtObservation, expected: ExpectedTxt, passed: tuple[str, ...]
) -> Verdict:
    if not answer.aa or answer.kind not in NOES:
        return "silent"
    if not answer.cname:
        return "yes" if carries_proof(answer, expected) else "no"
    hop = next((hop for hop in observation.hops if hop.name == answer.cname), None)
    if hop is None or answer.cname in passed or hop.delegation.state == "not_registered":
        return "no"  # a loop, a chain too long, a target that does not exist
    askable = [found for found in hop.answers if found.kind != "filtered"]
    verdicts = [_verdict_of_chain(found, observation, expected, (*passed, hop.name)) for found in askable]
    if "no" in verdicts:
        return "no"
    return "yes" if verdicts and verdicts.count("yes") >= min(2, len(verdicts)) else "silent"


def _remarks(
    observation: TxtObservation, expected: ExpectedTxt, reason: Reason, background: Background | None
) -> list[Remark | None]:
    """What is worth saying besides: what the zone shows, what the provider's form wants, how long others remember."""
    provider = provider_of(name_servers(observation))
    label, value = _label(observation, expected), f"{PREFIX}{expected.tokens[0]}"
    remarks = [trap_remark(provider, reason.code, label=label, value=value)]
    if reason.code == "not_yet" and background is not None:
        remarks.append(zone_remark(background.zone, background.now))
    if reason.code == "verified" and is_stale(observation, expected):
        remarks.append(stale_remark(stale_seconds(observation)))
    elif reason.code == "verified" and background is not None and observation.corroboration is None:
        remarks.append(stale_remark(background.remembered_seconds))
    return remarks


def _report(
    observation: TxtObservation, expected: ExpectedTxt, reason: Reason, remarks: list[Remark | None]
) -> Diagnosis:
    value = f"{PREFIX}{expected.tokens[0]}"
    words = shared_words(observation) | {
        "name": expected.name,
        "label": _label(observation, expected),
        "value": value,
        "first": reason.seen[0] if reason.seen else "-",
        "seen": ", ".join(reason.seen),
        "why": "",
        "having": listed(_servers(observation, expected, "yes")),
        "lacking": listed(_servers(observation, expected, "no")),
        "lagging_en": listed(_lagging(observation, expected, "serial")),
        "lagging_de": listed(_lagging(observation, expected, "Seriennummer")),
        **reason.words,
    }
    text_en, text_de = _texts(observation, reason.code)
    return Diagnosis(
        kind=kind_of(reason.code),
        code=reason.code,
        asked=_asked(observation),
        seen=reason.seen,
        expected=(f'{expected.name}. {ADVISED_TTL_SECONDS} IN TXT "{value}"',),
        text_en=appended(text_en.format_map(words), remarks, 0),
        text_de=appended(text_de.format_map(words), remarks, 1),
        notes=_notes(observation, expected) if reason.code == "verified" else (),
        dnssec=dnssec_of(observation, expected),
    )


def _texts(observation: TxtObservation, code: Code) -> tuple[str, str]:
    """The sentence of a finding. Name servers that the customer's own zone gives the challenge are no registrar's."""
    if observation.delegated is not None and code in DELEGATED_TROUBLES:
        return DELEGATED_TEXT
    return TXT_TEXTS.get(code) or SHARED_TEXTS[code]


def _label(observation: TxtObservation, expected: ExpectedTxt) -> str:
    """The record's name as providers' forms want it: relative to the zone."""
    delegation = observation.delegation
    is_inside = delegation.state == "found" and expected.name.endswith(f".{delegation.zone}")
    return expected.name.removesuffix(f".{delegation.zone if is_inside else observation.domain}")


def _all_answers(observation: TxtObservation) -> tuple[ServerAnswer, ...]:
    """Every answer, those that decide first."""
    followed = [answer for hop in observation.hops for answer in (*hop.delegation.asked, *hop.answers)]
    delegated = observation.delegated.asked if observation.delegated else ()
    searched = (*observation.strangers, *observation.elsewhere, *observation.sibling, *observation.domain_connect)
    return (
        *observation.answers, *_public(observation), *followed, *observation.apex, *searched, *delegated,
        *observation.delegation.asked,
    )  # fmt: skip


def _asked(observation: TxtObservation) -> tuple[Asked, ...]:
    sites = tuple(
        Asked(observation.name, "TXT", f"site {view.site}", "", safe(f"{view.verdict} {view.evidence}".strip()))
        for view in (observation.corroboration.sites if observation.corroboration else ())
    )
    return (*sites, *evidence_of(_all_answers(observation)))[:MAX_ASKED]


def _public(observation: TxtObservation) -> Iterable[ServerAnswer]:
    public = observation.corroboration.public if observation.corroboration else None
    if public is not None:
        yield public.checked
        if public.unchecked is not None:
            yield replace(public.unchecked, note="without validation")


def _wanted_values(observation: TxtObservation, expected: ExpectedTxt) -> tuple[str, ...]:
    at_apex = [value for answer in observation.apex if answer.aa for value in answer.values]
    values = [*txt_values(observation), *at_apex]
    return bounded(value for value in values if read_token(value).token in expected.tokens)


def _notes(observation: TxtObservation, expected: ExpectedTxt) -> tuple[str, ...]:
    stale = ("recursive_stale",) if is_stale(observation, expected) else ()
    return (*_value_notes(observation, expected), *stale)


def _value_notes(observation: TxtObservation, expected: ExpectedTxt) -> tuple[str, ...]:
    tokens = [read_token(value) for value in txt_values(observation)]
    matches = [token for token in tokens if token.token in expected.tokens]
    if not matches:
        values = [read_token(value) for answer in observation.apex if answer.aa for value in answer.values]
        apex = [token for token in values if token.token in expected.tokens]
        return ("at_apex", *(apex[0].notes if apex else ()))
    return min((token.notes for token in matches), key=len)


def _servers(observation: TxtObservation, expected: ExpectedTxt, verdict: Verdict) -> list[str]:
    return [answer.server for answer in observation.answers if _verdict(answer, observation, expected) == verdict]


def _lagging(observation: TxtObservation, expected: ExpectedTxt, word: str) -> list[str]:
    """The servers that deny the proof, with the serials of their zone: the older one lags."""
    return [
        f"{answer.server} ({word} {answer.serial})" if answer.serial is not None else answer.server
        for answer in observation.answers
        if _verdict(answer, observation, expected) == "no"
    ]
