"""Sentences that follow a finding's own: what the zone shows, what the provider's form wants, how long others remember.

Pure. Each is whole by itself, so that it may be left out.
"""

from __future__ import annotations

from datetime import datetime

from services.dnscheck.findings.providers import TRAP_TEXTS, Provider
from services.dnscheck.findings.sentences import Code, MxCode
from services.dnscheck.observation import ZoneSeen

Remark = tuple[str, str]  # English, German

# Findings after which the customer fills in the provider's form.
FORM_CODES: frozenset[Code] = frozenset(
    ("not_yet", "name_doubled", "underscore_missing", "at_www", "in_parent_name", "wrong_type", "wildcard_answer")
)
MX_FORM_CODES: frozenset[MxCode] = frozenset(("missing", "implicit_a"))
CONSTANT_SERIAL = 1  # of providers whose serial never moves: it says nothing
SHORTEST_SILENCE_SECONDS = 120  # an unchanged zone is worth no word before

_CHANGED: Remark = (
    "The zone was last changed {en} ago (serial {serial}), without this record.",
    "Die Zone wurde zuletzt vor {de} geändert (Seriennummer {serial}), dieser Eintrag war nicht dabei.",
)
_UNCHANGED: Remark = (
    "The zone has not changed since our first look {en} ago (serial {serial}): please check whether the record was "
    "saved.",
    "Die Zone ist seit unserer ersten Prüfung vor {de} unverändert (Seriennummer {serial}): "
    "Bitte prüfen Sie, ob der Eintrag gespeichert wurde.",
)
_STALE: Remark = (
    "The rest of the Internet sees it within {en}.",
    "Für alle anderen ist er spätestens in {de} sichtbar.",
)
_REMEMBERED: Remark = (
    "After that it can take up to {en} until every sender sees it.",
    "Danach kann es bis zu {de} dauern, bis jeder Absender es sieht.",
)
_UNITS = (  # seconds, then English and German after "vor" or "in", one and many
    (86_400, "1 day", "{} days", "einem Tag", "{} Tagen"),
    (3_600, "1 hour", "{} hours", "einer Stunde", "{} Stunden"),
    (60, "1 minute", "{} minutes", "einer Minute", "{} Minuten"),
)


def zone_remark(zone: ZoneSeen, now: datetime) -> Remark | None:
    """Say since when the zone is as it is, where looks before this one can tell."""
    if zone.serial is None or zone.serial == CONSTANT_SERIAL or zone.serial_since is None:
        return None
    seconds = (now - zone.serial_since).total_seconds()
    if zone.changed_at is None and seconds < SHORTEST_SILENCE_SECONDS:
        return None
    return _filled(_UNCHANGED if zone.changed_at is None else _CHANGED, seconds, serial=str(zone.serial))


def trap_remark(provider: Provider | None, code: Code, *, label: str, value: str) -> Remark | None:
    """Say what the provider's form wants, where the customer has to fill it in and the finding did not say so."""
    is_said = code == "name_doubled" and provider is not None and provider.trap != "quoted_value"
    if provider is None or provider.trap is None or code not in FORM_CODES or is_said:
        return None
    return trap_texts(provider, label=label, value=value)


def trap_texts(provider: Provider, *, label: str, value: str) -> Remark | None:
    """Return the provider's trap in both languages, if one is known."""
    if provider.trap is None:
        return None
    english, german = TRAP_TEXTS[provider.trap]
    words = {"provider": provider.name, "label": label, "value": value}
    return english.format_map(words), german.format_map(words)


def stale_remark(seconds: int | None) -> Remark | None:
    """Say when everybody sees a proof that some still remember the absence of."""
    return None if seconds is None else _filled(_STALE, seconds)


def remembered_remark(code: MxCode, seconds: int | None) -> Remark | None:
    """Say how long senders may remember that there was no MX record."""
    return _filled(_REMEMBERED, seconds) if code in MX_FORM_CODES and seconds else None


def appended(sentence: str, remarks: list[Remark | None], language: int) -> str:
    """Return the sentence with the remarks behind it; `language` is their place: 0 English, 1 German."""
    return " ".join((sentence, *(remark[language] for remark in remarks if remark is not None)))


def _filled(remark: Remark, seconds: float, **words: str) -> Remark:
    english, german = lasting(seconds)
    return remark[0].format(en=english, **words), remark[1].format(de=german, **words)


def lasting(seconds: float) -> Remark:
    """Write a duration, rounded up to a whole unit."""
    for unit, one_en, many_en, one_de, many_de in _UNITS:
        if seconds > 2 * unit or unit == 60:
            count = max(1, -(-int(seconds) // unit))
            return (one_en, one_de) if count == 1 else (many_en.format(count), many_de.format(count))
    raise AssertionError("minutes hold any duration")
