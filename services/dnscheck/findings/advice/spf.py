"""What a domain's SPF records mean for mail that we send in its name (RFC 7208), and the one record to set. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from services.dnscheck.findings.advice.sentences import AdviceCode
from services.dnscheck.findings.advice.verdict import Verdict, proposed, silence, whole
from services.dnscheck.findings.evidence import bounded, safe
from services.dnscheck.observation import MailObservation
from services.dnscheck.records import (
    ExpectedMail,
    SpfTerm,
    includes,
    is_all,
    is_spf,
    merged_spf,
    spf_terms,
    terms_in_force,
    txt_line,
)

MAX_LOOKUPS, MAX_VOID_LOOKUPS = 10, 2  # RFC 7208 4.6.4
DRESS = " \t\"'“”„"  # what forms and people put around a value, and receivers do not take off
ENOUGH_LOOKUPS = 40  # where counting ends: more of them say nothing more


@dataclass(slots=True)
class SpfCost:
    """What evaluating an SPF record takes, and what it stumbles over."""

    lookups: int = 0
    voids: int = 0
    broken: list[str] = field(default_factory=list[str])  # included names without exactly one SPF record
    loops: list[str] = field(default_factory=list[str])
    unknown: list[str] = field(default_factory=list[str])  # names that could not be asked for


def judge_spf(observation: MailObservation, expected: ExpectedMail) -> tuple[Verdict, ...]:
    """Judge the SPF records: everything that is wrong with them, or that they are right."""
    domain = observation.domain
    look = observation.look(domain, "TXT")
    if look is None or look.is_silent:
        return (silence("spf", domain, look, observation),)
    records = [value for value in look.values if is_spf(value)]
    if not records:
        return (_absent(observation, expected),)
    cost = _cost(observation, records[0], domain)
    found = list(_faults(observation, expected, records, cost))
    if not found and cost.unknown:
        return (silence("spf", domain, observation.look(cost.unknown[0], "TXT"), observation),)
    if not found:
        return (Verdict("spf", "spf_ok", domain, {"count": str(cost.lookups)}, bounded(records)),)
    value = _replacement(observation, expected, records, cost)
    lines = proposed([txt_line(domain, value)]) if value not in records or len(records) > 1 else ()
    return tuple(
        Verdict("spf", code, domain, {"value": whole(value), **words}, bounded(records), lines) for code, words in found
    )


def _absent(observation: MailObservation, expected: ExpectedMail) -> Verdict:
    """No record that counts: dressed up in quotes, at another name, of the type that nobody reads, or none."""
    domain, include = observation.domain, expected.spf_include
    dressed = [value for value in _values(observation, domain, "TXT") if is_spf(value.strip(DRESS))]
    elsewhere = [
        (place, value)
        for place in (f"{domain}.{observation.delegation.zone}", f"_spf.{domain}")
        for value in _values(observation, place, "TXT")
        if is_spf(value)
    ]
    code: AdviceCode = "spf_type99" if _values(observation, domain, "SPF") else "spf_missing"
    words: dict[str, str] = {}
    known: list[str] = []
    if dressed:
        code, words, known = "spf_syntax", {"part": safe(dressed[0][:1])}, [dressed[0].strip(DRESS)]
    elif elsewhere:
        code, words, known = "spf_elsewhere", {"first": safe(elsewhere[0][0])}, [elsewhere[0][1]]
    value = merged_spf(known, include)
    words["value"] = whole(value)
    return Verdict("spf", code, domain, words, bounded(dressed), proposed([txt_line(domain, value)]))


def _values(observation: MailObservation, name: str, rdtype: str) -> tuple[str, ...]:
    look = observation.look(name, rdtype)
    return look.values if look is not None else ()


def _faults(
    observation: MailObservation, expected: ExpectedMail, records: Sequence[str], cost: SpfCost
) -> Iterator[tuple[AdviceCode, dict[str, str]]]:
    """Yield everything that is wrong, what stops mail first."""
    if len(records) > 1:
        yield "spf_two_records", {"count": str(len(records))}
        return  # receivers read none of them
    record = records[0]
    part = observation.fault_in(record)
    if part is not None:
        yield "spf_syntax", {"part": safe(part)}
        return
    terms = spf_terms(record)
    yield from _of_our_include(observation, expected, terms, cost)
    for name in cost.loops[:1]:
        yield "spf_include_loop", {"part": safe(name)}
    for name in cost.broken[:1]:
        yield ("spf_ours_broken" if name == expected.spf_include else "spf_include_broken"), {"part": safe(name)}
    if cost.lookups > MAX_LOOKUPS:
        yield "spf_too_many_lookups", {"count": str(cost.lookups)}
    if cost.voids > MAX_VOID_LOOKUPS:
        yield "spf_void_lookups", {"count": str(cost.voids)}
    yield from _of_the_ending(terms)
    if any(term.name == "ptr" and not term.is_modifier for term in terms):
        yield "spf_ptr", {}


def _of_our_include(
    observation: MailObservation, expected: ExpectedMail, terms: Sequence[SpfTerm], cost: SpfCost
) -> Iterator[tuple[AdviceCode, dict[str, str]]]:
    host = expected.spf_include
    if not host:
        return
    ours = [term for term in terms if includes(term, host)]
    if any(term.qualifier == "+" and term in list(terms_in_force(terms)) for term in ours):
        return
    if ours:
        yield "spf_include_idle", {"part": safe(ours[0].text)}
    elif not (_may_be_elsewhere(terms, cost) or _includes_ours_elsewhere(observation, terms, host)):
        yield "spf_include_missing", {}
        added = 1 + _cost_of_include(observation, host).lookups
        if cost.lookups <= MAX_LOOKUPS < cost.lookups + added:
            yield "spf_no_room", {"count": str(cost.lookups + added)}


def _may_be_elsewhere(terms: Sequence[SpfTerm], cost: SpfCost) -> bool:
    """Whether the record stands at a name that could not be asked for, so that nobody knows what it includes."""
    return bool(cost.unknown) and any(term.name == "redirect" for term in terms_in_force(terms))


def _includes_ours_elsewhere(observation: MailObservation, terms: Sequence[SpfTerm], host: str) -> bool:
    """Whether we are included by way of another record: a redirect, or an include that includes us."""
    pending, known = _further(terms), set[str]()
    while pending:
        name = pending.pop()
        look = observation.look(name, "TXT")
        if name in known or look is None:
            continue
        known.add(name)
        if name == host:
            return True
        pending += [target for value in look.values if is_spf(value) for target in _further(spf_terms(value))]
    return False


def _further(terms: Sequence[SpfTerm]) -> list[str]:
    """The names whose records count as if they stood here."""
    inside = [term for term in terms_in_force(terms) if term.name in ("include", "redirect") and term.qualifier == "+"]
    return [term.target("") for term in inside]


def _of_the_ending(terms: Sequence[SpfTerm]) -> Iterator[tuple[AdviceCode, dict[str, str]]]:
    endings = [term for term in terms if is_all(term)]
    redirects = any(term.name == "redirect" and term.is_modifier for term in terms)
    if endings and endings[0].qualifier == "+":
        yield "spf_pass_all", {"part": safe(endings[0].text)}
    elif (endings and endings[0].qualifier == "?") or not (endings or redirects):
        yield "spf_neutral_all", {}


def _replacement(observation: MailObservation, expected: ExpectedMail, records: Sequence[str], cost: SpfCost) -> str:
    """The one record to set: what theirs allow, without what is wrong in it, and us. As it is where it is fine."""
    terms = [term for record in records for term in spf_terms(record)]
    dead_ends = {*cost.broken, *cost.loops} - {expected.spf_include}
    left_out = [part for record in records if (part := observation.fault_in(record)) is not None]
    left_out += [term.text for term in terms if term.name in ("include", "redirect") and term.target("") in dead_ends]
    others = [term for term in terms if not includes(term, expected.spf_include)]
    is_ours_inside = len(records) == 1 and _includes_ours_elsewhere(observation, others, expected.spf_include)
    return merged_spf(records, "" if is_ours_inside else expected.spf_include, left_out)


# --- the cost of an evaluation ----------------------------------------------------------------------------------


def _cost_of_include(observation: MailObservation, host: str) -> SpfCost:
    cost = SpfCost()
    _enter(observation, host, cost, (observation.domain,))
    return cost


def _cost(observation: MailObservation, record: str, domain: str) -> SpfCost:
    cost = SpfCost()
    _add(observation, spf_terms(record), domain, cost, (domain,))
    return cost


def _add(
    observation: MailObservation, terms: Iterable[SpfTerm], domain: str, cost: SpfCost, path: tuple[str, ...]
) -> None:
    for term in terms_in_force(tuple(terms)):
        if not term.asks or cost.lookups >= ENOUGH_LOOKUPS:
            continue
        cost.lookups += 1
        target = term.target(domain)
        if not target:
            continue  # a macro says it, when there is a mail
        if term.name in ("include", "redirect"):
            _enter(observation, target, cost, path)
        elif term.name in ("a", "mx"):
            look = observation.look(target, "A" if term.name == "a" else "MX")
            cost.voids += look is not None and look.is_absent


def _enter(observation: MailObservation, name: str, cost: SpfCost, path: tuple[str, ...]) -> None:
    """Add what an included record costs."""
    if name in path:
        cost.loops.append(name)
        return
    look = observation.look(name, "TXT")
    if look is None or look.is_silent:
        cost.unknown.append(name)
        return
    records = [value for value in look.values if is_spf(value)]
    if len(records) == 1:
        _add(observation, spf_terms(records[0]), name, cost, (*path, name))
    else:
        cost.broken.append(name)
