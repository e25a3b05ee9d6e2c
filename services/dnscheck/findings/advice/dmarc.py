"""What a domain's DMARC record means (RFC 9989): found, misplaced, inherited, weak, its reports unwanted. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from services.dnscheck.findings.advice.sentences import AdviceCode
from services.dnscheck.findings.advice.verdict import Verdict, proposed, silence, whole
from services.dnscheck.findings.evidence import bounded, safe
from services.dnscheck.observation import Look, MailObservation
from services.dnscheck.records import ExpectedMail, opens_with, report_addresses, tags_of, txt_line

VERSION = "DMARC1"
WATCHING_TIME = timedelta(days=30)  # with p=none: long enough to have read some reports


def judge_dmarc(observation: MailObservation, expected: ExpectedMail, known_for: timedelta) -> tuple[Verdict, ...]:
    """Judge the DMARC record of a domain whose records have been looked at for a while."""
    if not expected.dmarc:
        return ()
    name = f"_dmarc.{observation.domain}"
    look = observation.look(name, "TXT")
    if look is None or look.is_silent:
        return (silence("dmarc", name, look, observation),)
    records = _records(look)
    found: list[tuple[AdviceCode, dict[str, str]]] = [_absent(observation)]
    if records:
        found = list(_faults(observation, records, known_for))
    if not found:
        found = [("dmarc_ok", {"policy": _policy(records[0])})]
    value = expected.dmarc
    lines = proposed([txt_line(name, value)]) if found[0][0] in _TO_REPLACE else ()
    seen = bounded(records or look.values)
    return tuple(Verdict("dmarc", code, name, {"value": whole(value), **words}, seen, lines) for code, words in found)


_TO_REPLACE = ("dmarc_missing", "dmarc_elsewhere", "dmarc_two_records", "dmarc_syntax")


def _records(look: Look | None) -> list[str]:
    return [value for value in look.values if opens_with(value, VERSION)] if look is not None else []


def _absent(observation: MailObservation) -> tuple[AdviceCode, dict[str, str]]:
    """No record at its name: perhaps in a wrong place, perhaps a parent's holds."""
    domain = observation.domain
    own_places = (domain, f"_dmarc.{domain}.{observation.delegation.zone}", f"dmarc.{domain}")
    for place in own_places:
        if _records(observation.look(place, "TXT")):
            return "dmarc_elsewhere", {"first": safe(place)}
    name = domain
    while "." in name:
        name = name.partition(".")[2]
        if found := _records(observation.look(f"_dmarc.{name}", "TXT")):
            policy = safe(tags_of(found[0]).get("sp", _policy(found[0])))
            return "dmarc_inherited", {"first": safe(f"_dmarc.{name}"), "policy": policy}
    return "dmarc_missing", {}


def _faults(
    observation: MailObservation, records: list[str], known_for: timedelta
) -> Iterator[tuple[AdviceCode, dict[str, str]]]:
    if len(records) > 1:
        yield "dmarc_two_records", {"count": str(len(records))}
        return  # receivers read none of them
    record = records[0]
    tags = tags_of(record)
    part = observation.fault_in(record)
    if part is not None:
        yield "dmarc_syntax", {"part": safe(part)}
        return
    if "p" not in tags:
        yield "dmarc_policy_missing", {}
    elif _policy(record) == "none" and known_for >= WATCHING_TIME:
        yield "dmarc_policy_none", {"days": str(known_for.days)}
    elif _policy(record) != "none" and tags.get("sp", "").lower() == "none":
        yield "dmarc_subdomains_open", {}
    if not report_addresses(record):
        yield "dmarc_no_reports", {}
    for taker in _refusing(observation, record):
        place = f"{observation.domain}._report._dmarc.{taker}"
        yield "dmarc_reports_refused", {"first": safe(taker), "place": whole(place)}


def _refusing(observation: MailObservation, record: str) -> Iterator[str]:
    """Yield who is to get reports and has not said that they want them; silence is no refusal."""
    takers = dict.fromkeys(address.rpartition("@")[2].lower() for address in report_addresses(record))
    for taker in takers:
        look = observation.look(f"{observation.domain}._report._dmarc.{taker}", "TXT")
        if look is not None and not look.is_silent and not _records(look):
            yield taker


def _policy(record: str) -> str:
    return safe(tags_of(record).get("p", "none").lower())
