"""What stands at a domain's DKIM selectors (RFC 6376 3.6): our alias or key, another's, or a damaged one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from services.dnscheck.findings.advice.sentences import AdviceCode
from services.dnscheck.findings.advice.verdict import Verdict, silence, whole
from services.dnscheck.findings.evidence import bounded, safe
from services.dnscheck.observation import Look, MailObservation
from services.dnscheck.records import ExpectedDkim, ExpectedMail, tags_of, txt_line, zone_line

SHORTEST_KEY_START = 24  # characters of a key that show that it is the wanted one, cut off


def judge_dkim(observation: MailObservation, expected: ExpectedMail) -> tuple[Verdict, ...]:
    """Judge every selector by itself."""
    return tuple(_judge(observation, dkim) for dkim in expected.dkim)


def _judge(observation: MailObservation, dkim: ExpectedDkim) -> Verdict:
    name, target = dkim.name(observation.domain), dkim.target_for(observation.domain)
    look = observation.look(name, "TXT")
    if look is None or (look.is_silent and not look.aliases):
        return silence("dkim", name, look, observation)
    behind = observation.look(target, "TXT") if target else None
    if look.values and target not in look.aliases and behind is not None and behind.is_silent:
        return silence("dkim", name, behind, observation)  # nothing to compare the key with
    code, seen = _code(observation, dkim, look)
    wanted = f"CNAME {target}" if target else f'TXT "{dkim.key}"'
    line = zone_line(name, "CNAME", f"{target}.") if target else txt_line(name, dkim.key)
    words = {"wanted": whole(wanted), "first": safe(seen[0]) if seen else "-", "target": target}
    is_right = code in ("dkim_ok", "dkim_key_to_come")
    return Verdict("dkim", code, name, words, bounded(seen), () if is_right else (line,))


def _code(observation: MailObservation, dkim: ExpectedDkim, look: Look) -> tuple[AdviceCode, list[str]]:
    target = dkim.target_for(observation.domain)
    if target and target in look.aliases:
        return _behind_our_alias(look), [f"CNAME {target}"]
    wanted = _wanted_key(observation, dkim)
    if look.values:
        return _of_keys(look.values, wanted, is_copy=bool(target and not look.aliases)), list(look.values)
    if look.aliases:
        return "dkim_other_alias", [f"CNAME {look.aliases[0]}"]
    places = _elsewhere(observation, dkim)
    return ("dkim_elsewhere", places) if places else ("dkim_missing", [])


def _behind_our_alias(look: Look) -> AdviceCode:
    """The alias is right; whether the key is already there is up to the operator."""
    return "dkim_key_to_come" if look.is_absent else "dkim_ok"


def _of_keys(values: Sequence[str], wanted: str, *, is_copy: bool) -> AdviceCode:
    """Compare key records. A copy of the key behind our alias works until we change that key."""
    if len(values) > 1:
        return "dkim_two_records"
    tags = tags_of(values[0])
    key = _bare(tags.get("p", ""))
    if "p" not in tags or tags.get("v", "DKIM1").upper() != "DKIM1":
        return "dkim_syntax"
    if not key:
        return "dkim_revoked"
    if wanted and key == wanted:
        return "dkim_copied" if is_copy else "dkim_testing" if "y" in tags.get("t", "").split(":") else "dkim_ok"
    if len(key) >= SHORTEST_KEY_START and wanted.startswith(key):
        return "dkim_key_truncated"
    return "dkim_other_key"


def _wanted_key(observation: MailObservation, dkim: ExpectedDkim) -> str:
    """The key as configured, or as it stands at the target of the wanted alias; empty where nobody could be asked."""
    behind = observation.look(dkim.target_for(observation.domain), "TXT") if dkim.target else None
    values: Iterable[str] = (dkim.key,) if dkim.key else behind.values if behind is not None else ()
    return next((_bare(tags_of(value).get("p", "")) for value in values), "")


def _bare(key: str) -> str:
    """A key without the white space that copying leaves in it, which receivers ignore."""
    return "".join(key.split())


def _elsewhere(observation: MailObservation, dkim: ExpectedDkim) -> list[str]:
    """Where forms that append the domain, or people who leave out a label, have put the record."""
    name = dkim.name(observation.domain)
    places = (f"{name}.{observation.delegation.zone}", f"{dkim.selector}.{observation.domain}")
    looks = (observation.look(place, "TXT") for place in places)
    return [
        look.name
        for look in looks
        if look is not None
        and (dkim.target_for(observation.domain) in look.aliases or any("p" in tags_of(value) for value in look.values))
    ]
