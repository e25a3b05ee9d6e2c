"""What a look at a domain's MX records means, and which records to set. Pure, as the diagnosis of the proof is."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import permutations

from services.dnscheck.findings.evidence import (
    ADVISED_TTL_SECONDS,
    MAX_SEEN,
    Asked,
    evidence_of,
    listed,
    negative_ttl_seconds,
    safe,
    shared_words,
    trouble_of,
)
from services.dnscheck.findings.remarks import appended, remembered_remark
from services.dnscheck.findings.sentences import MX_TEXTS, SHARED_TEXTS, MxCode, MxState
from services.dnscheck.observation import NOES, Hop, MxObservation, ServerAnswer


@dataclass(frozen=True, slots=True, order=True)
class MxRecord:
    """One mail server of a domain; the lowest preference is tried first."""

    preference: int
    host: str


ExpectedMx = MxRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class MxDiagnosis:
    """What a look at the MX records means, and which records to set."""

    state: MxState
    code: MxCode
    asked: tuple[Asked, ...]
    seen: tuple[MxRecord, ...]
    expected: tuple[MxRecord, ...]  # the records to set, best preference first
    zone_lines: tuple[str, ...]  # the same, ready for a zone file
    text_en: str
    text_de: str


def diagnose_mx(observation: MxObservation, expected: tuple[ExpectedMx, ...]) -> MxDiagnosis:
    """Judge where the domain's mail goes: host sets without regard to case, and the order the preferences give."""
    told = [answer for answer in observation.answers if answer.aa and answer.kind in NOES]
    if observation.delegation.state == "not_registered":
        return _report_mx(observation, expected, "domain_not_registered")
    if not told:
        return _report_mx(observation, expected, trouble_of(observation))
    codes: set[MxCode] = {_judge_mx(answer, observation, expected) for answer in told}
    if len(codes) == 1:
        return _report_mx(observation, expected, codes.pop())
    states: set[MxState] = {state_of(code) for code in codes}
    report = _report_mx(observation, expected, "inconsistent")
    return replace(report, state=states.pop()) if len(states) == 1 else report


def state_of(code: MxCode) -> MxState:
    """Return the state a code stands for; servers that differ only within a state leave it."""
    return _STATES.get(code, "unknown")


# Codes without a state of their own are troubles: unknown.
_STATES: dict[MxCode, MxState] = {
    "ok": "ok",
    "missing": "missing",
    "implicit_a": "missing",
    "domain_not_registered": "missing",
    "foreign": "foreign",
    "foreign_preferred": "mixed",
    "mixed": "mixed",
    "inconsistent": "mixed",
    "incomplete": "incomplete",
    "wrong_order": "incomplete",
    "null": "null",
    "null_and_others": "broken",
    "ip_address": "broken",
    "name_doubled": "broken",
    "target_is_alias": "broken",
    "target_broken": "broken",
    "target_dangling": "broken",
    "localhost": "broken",
    "apex_alias": "broken",
}


def _judge_mx(answer: ServerAnswer, observation: MxObservation, expected: tuple[ExpectedMx, ...]) -> MxCode:
    preferences = _preferences(answer)
    if answer.cname:
        return "apex_alias"
    if not preferences:
        return "implicit_a" if _own_addresses(observation) else "missing"
    if "." in preferences:
        return "null" if len(preferences) == 1 else "null_and_others"
    return _judge_hosts(preferences, {_host(record.host): record.preference for record in expected}, observation)


def _judge_hosts(preferences: dict[str, int], ours: dict[str, int], observation: MxObservation) -> MxCode:
    foreign = preferences.keys() - ours.keys()
    if any(_is_address(host.removesuffix(f".{observation.domain}")) for host in foreign):
        return "ip_address"
    if any(host == "localhost" or host.endswith(".localhost") for host in foreign):
        return "localhost"
    if any(host.removesuffix(f".{observation.domain}") in ours for host in foreign):
        return "name_doubled"
    if (fault := _fault_of(foreign, observation)) is not None:
        return fault
    if len(foreign) == len(preferences):
        return "foreign"
    if foreign:
        best = min(preference for host, preference in preferences.items() if host in ours)
        rival = min(preferences[host] for host in foreign)
        return "foreign_preferred" if rival <= best else "mixed"
    if preferences.keys() != ours.keys():
        return "incomplete"
    return "ok" if _same_order(preferences, ours) else "wrong_order"


def _fault_of(foreign: Iterable[str], observation: MxObservation) -> MxCode | None:
    """Why none of the foreign hosts can take mail. Where one can, it is foreign and nothing else.

    Except that a domain nobody holds is somebody's tomorrow, with the mail: that is said whatever else there is.
    """
    faults = {_target_fault(target) for target in observation.targets if target.name in foreign}
    if "target_dangling" in faults:
        return "target_dangling"
    if not faults or None in faults:
        return None
    return "target_is_alias" if "target_is_alias" in faults else "target_broken"


def _target_fault(target: Hop) -> MxCode | None:
    """An alias is no host (RFC 2181 10.3); a host without address is none either. Silence says nothing."""
    told = [answer for answer in target.answers if answer.aa and answer.kind in NOES]
    if any(answer.cname for answer in told):
        return "target_is_alias"
    is_absent = {"A", "AAAA"} <= {answer.rdtype for answer in told if answer.kind == "nodata"}
    is_absent = is_absent or any(answer.kind == "nxdomain" for answer in told)
    if target.delegation.state == "not_registered":
        return "target_dangling"
    return "target_broken" if is_absent else None


def _own_addresses(observation: MxObservation) -> list[str]:
    return [value for answer in observation.addresses if answer.aa for value in answer.values]


def _preferences(answer: ServerAnswer) -> dict[str, int]:
    """Hosts with their preference; a host named twice counts with its better one."""
    found: dict[str, int] = {}
    for value in answer.values:
        preference, _, host = value.partition(" ")
        found[_host(host)] = min(int(preference), found.get(_host(host), 65535))
    return found


def _host(name: str) -> str:
    return name.lower().removesuffix(".") or "."


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _same_order(seen: dict[str, int], wanted: dict[str, int]) -> bool:
    """Whether who is wanted first comes first. Equal wanted preferences may differ: mail arrives all the same."""
    return all(seen[one] < seen[other] for one, other in permutations(wanted, 2) if wanted[one] < wanted[other])


def _report_mx(observation: MxObservation, expected: tuple[ExpectedMx, ...], code: MxCode) -> MxDiagnosis:
    told = [answer for answer in observation.answers if answer.aa]
    published = {MxRecord(rank, safe(host)) for answer in told for host, rank in _preferences(answer).items()}
    seen = tuple(sorted(published))[:MAX_SEEN]
    wanted = tuple(MxRecord(record.preference, _host(record.host)) for record in sorted(expected))
    ours, hosts = {record.host for record in wanted}, {record.host for record in published}
    records = [f"MX {record.preference} {record.host}" for record in wanted]
    words = shared_words(observation) | {
        "seen": ", ".join(f"{record.preference} {record.host}" for record in seen) or "-",
        "alias": listed(answer.cname for answer in told if answer.cname),
        "addresses": listed(_own_addresses(observation)),
        "targets": listed(_targets(observation)),
        "foreign": listed(sorted(hosts - ours)),
        "missing": listed(record.host for record in wanted if record.host not in hosts),
        "records": ", ".join(records),
        "records_dotted": ", ".join(f"{record}." for record in records),
    }
    beside = (*(answer for target in observation.targets for answer in target.answers), *observation.addresses)
    remarks = [remembered_remark(code, negative_ttl_seconds(observation))]
    text_en, text_de = MX_TEXTS.get(code) or SHARED_TEXTS[code]
    return MxDiagnosis(
        state=state_of(code),
        code=code,
        asked=evidence_of((*observation.answers, *beside, *observation.delegation.asked)),
        seen=seen,
        expected=wanted,
        zone_lines=tuple(f"{observation.domain}. {ADVISED_TTL_SECONDS} IN {record}." for record in records),
        text_en=appended(text_en.format_map(words), remarks, 0),
        text_de=appended(text_de.format_map(words), remarks, 1),
    )


def _targets(observation: MxObservation) -> Iterator[str]:
    for target in observation.targets:
        if _target_fault(target) is not None:
            alias = next((answer.cname for answer in target.answers if answer.cname), "")
            yield f"{target.name} → {alias}" if alias else target.name
