"""What an observation means: confirmed, not yet, or could not ask, with the sentence the customer can act on.

Pure: no driver, clock or randomness. Only an authoritative answer is a no; silence and failure never are.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Literal

AnswerKind = Literal[
    "answer", "nxdomain", "nodata", "referral", "servfail", "refused", "lame", "timeout", "malformed", "filtered"
]
DelegationState = Literal["found", "not_registered", "could_not_ask"]
Kind = Literal["confirmed", "not_yet", "could_not_ask"]
Trouble = Literal["servers_unreachable", "servers_failing", "lame_delegation"]
Code = Literal[
    "verified", "not_yet", "partial", "wrong_value", "name_doubled", "wrong_type", "domain_not_registered", "old_token",
    "servers_unreachable", "servers_failing", "lame_delegation",
]  # fmt: skip
MxState = Literal["ok", "missing", "foreign", "mixed", "incomplete", "null", "broken", "unknown"]
MxCode = Literal[
    "ok", "missing", "domain_not_registered", "foreign", "foreign_preferred", "mixed", "incomplete", "wrong_order",
    "inconsistent", "null", "null_and_others", "ip_address", "name_doubled", "apex_alias",
    "servers_unreachable", "servers_failing", "lame_delegation",
]  # fmt: skip

MAX_SEEN = 5  # values kept as evidence
MAX_SEEN_CHARACTERS = 100
MAX_ASKED = 24  # questions kept as evidence
MAX_NAMED_SERVERS = 4  # in a sentence
ADVISED_TTL_SECONDS = 300
NOES = ("answer", "nxdomain", "nodata")  # with the AA bit: a server's word, for or against
TROUBLE = ("servfail", "refused", "lame", "timeout", "malformed", "filtered")  # nobody's word
_QUOTES = ('""', "“”", "„“", "„”", "‘’", "‚‘")
_ASCII_SPACE = " \t\r\n\f\v"


# -- what was observed


@dataclass(frozen=True, slots=True)
class NameServer:
    """A name server of a zone with the addresses that may be asked."""

    host: str
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerAnswer:
    """What one server address said to one question; `values` are untrusted text."""

    server: str
    address: str
    name: str
    rdtype: str
    kind: AnswerKind
    rcode: str = ""
    aa: bool = False
    values: tuple[str, ...] = ()
    cname: str = ""
    serial: int | None = None
    negative_ttl_seconds: int | None = None
    note: str = ""
    elapsed_ms: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Delegation:
    """Where the walk from the root ended: `zone` is the zone found, or the one that said no or nothing."""

    state: DelegationState
    zone: str
    servers: tuple[NameServer, ...] = ()
    asked: tuple[ServerAnswer, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One target of an alias, walked to and asked by itself."""

    name: str
    delegation: Delegation
    answers: tuple[ServerAnswer, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TxtObservation:
    """What one attempt at the proof saw, of every server, and where it may have gone instead."""

    domain: str
    name: str
    delegation: Delegation
    answers: tuple[ServerAnswer, ...] = ()  # at the challenge name, one per server address
    hops: tuple[Hop, ...] = ()
    apex: tuple[ServerAnswer, ...] = ()
    elsewhere: tuple[ServerAnswer, ...] = ()  # wrong names and wrong types
    elapsed_ms: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MxObservation:
    """What one attempt at the MX records saw, of every server."""

    domain: str
    delegation: Delegation
    answers: tuple[ServerAnswer, ...] = ()
    elapsed_ms: float = 0.0


# -- what is wanted, what it means


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedTxt:
    """The proof: any of `tokens` at `name`. The first is the one to publish; `old_tokens` only explain a no."""

    name: str
    tokens: tuple[str, ...]
    old_tokens: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class MxRecord:
    """One mail server of a domain; the lowest preference is tried first."""

    preference: int
    host: str


ExpectedMx = MxRecord


@dataclass(frozen=True, slots=True)
class Asked:
    """Evidence: whom, what, and the answer in a few words."""

    name: str
    type: str
    server: str
    address: str
    answer: str


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


@dataclass(frozen=True, slots=True)
class ReadToken:
    """A TXT value taken apart: what is compared, and what was tolerated on the way."""

    token: str
    notes: tuple[str, ...] = ()


def read_token(value: str) -> ReadToken:
    """Strip what forms and people add around a token: blanks, one pair of quotes, `token=` in any case, capitals."""
    notes: list[str] = []
    core = value.strip(_ASCII_SPACE)
    if core != value:
        notes.append("value_whitespace")
    if len(core) >= 2 and core[0] + core[-1] in _QUOTES:
        core = core[1:-1].strip(_ASCII_SPACE)
        notes.append("value_quoted")
    if core[:6].lower() == "token=":
        core = core[6:]
    else:
        notes.append("value_without_prefix")
    if core.isascii() and core != core.lower():  # other alphabets have letters that fold to ASCII ones
        core = core.lower()
        notes.append("value_case_changed")
    return ReadToken(core, tuple(notes))


def diagnose_txt(observation: TxtObservation, expected: ExpectedTxt) -> Diagnosis:
    """Judge one look at the proof.

    Confirmed takes the token at two server addresses, or at the only one, and no server that denies it.
    """
    verdicts = [_verdict(answer, observation, expected) for answer in observation.answers]
    askable = sum(answer.kind != "filtered" for answer in observation.answers)
    yes, no = verdicts.count("yes"), verdicts.count("no")
    if observation.delegation.state == "not_registered":
        return _report(observation, expected, "not_yet", "domain_not_registered")
    if yes and not no and yes >= min(2, askable):
        return _report(observation, expected, "confirmed", "verified")
    if yes and no:
        return _report(observation, expected, "not_yet", "partial")
    if no:
        return _report(observation, expected, "not_yet", _explain_no(observation, expected))
    return _report(observation, expected, "could_not_ask", _trouble(observation.delegation, _silent(observation)))


Verdict = Literal["yes", "no", "silent"]


def _verdict(answer: ServerAnswer, observation: TxtObservation, expected: ExpectedTxt) -> Verdict:
    """One address's word: the challenge decides, an alias by its target, the domain's own name may still say yes."""
    at_apex = [other for other in observation.apex if other.address == answer.address]
    if any(_carries(other, expected) for other in at_apex):
        return "yes"
    return _verdict_of_chain(answer, observation, expected, ())


def _verdict_of_chain(
    answer: ServerAnswer, observation: TxtObservation, expected: ExpectedTxt, passed: tuple[str, ...]
) -> Verdict:
    if not answer.aa or answer.kind not in NOES:
        return "silent"
    if not answer.cname:
        return "yes" if _carries(answer, expected) else "no"
    hop = next((hop for hop in observation.hops if hop.name == answer.cname), None)
    if hop is None or answer.cname in passed or hop.delegation.state == "not_registered":
        return "no"  # a loop, a chain too long, a target that does not exist
    askable = [found for found in hop.answers if found.kind != "filtered"]
    verdicts = [_verdict_of_chain(found, observation, expected, (*passed, hop.name)) for found in askable]
    if "no" in verdicts:
        return "no"
    return "yes" if verdicts and verdicts.count("yes") >= min(2, len(verdicts)) else "silent"


def _carries(answer: ServerAnswer, expected: ExpectedTxt) -> bool:
    return answer.aa and any(read_token(value).token in expected.tokens for value in answer.values)


def _explain_no(observation: TxtObservation, expected: ExpectedTxt) -> Code:
    """The most helpful reason first: the right value in the wrong place, then what stands in the right place."""
    elsewhere = [answer for answer in observation.elsewhere if answer.aa and answer.values]
    at_name = [read_token(value).token for value in _txt_values(observation)]
    if any(answer.rdtype == "TXT" and _carries(answer, expected) for answer in elsewhere):
        return "name_doubled"
    if any(token in expected.old_tokens for token in at_name):
        return "old_token"
    if at_name:
        return "wrong_value"
    if any(answer.cname for answer in observation.answers) or _other_types(observation):
        return "wrong_type"
    return "not_yet"


def _other_types(observation: TxtObservation) -> list[ServerAnswer]:
    return [answer for answer in observation.elsewhere if answer.rdtype != "TXT" and answer.aa and answer.values]


def _txt_values(observation: TxtObservation) -> list[str]:
    answers = (*observation.answers, *(answer for hop in observation.hops for answer in hop.answers))
    return [value for answer in answers if answer.aa for value in answer.values]


def _silent(observation: TxtObservation | MxObservation) -> list[ServerAnswer]:
    hops = observation.hops if isinstance(observation, TxtObservation) else ()
    answers = [*observation.answers, *(answer for hop in hops for answer in (*hop.delegation.asked, *hop.answers))]
    return [answer for answer in answers if answer.kind in TROUBLE]


def _trouble(delegation: Delegation, silent: Sequence[ServerAnswer]) -> Trouble:
    """Why nobody could be asked; where several reasons meet, the one that says most about the servers."""
    kinds = {answer.kind for answer in silent or delegation.asked}
    if kinds & {"servfail", "malformed"}:
        return "servers_failing"
    return "lame_delegation" if kinds & {"refused", "lame"} else "servers_unreachable"


# -- words


_TXT_TEXTS: dict[Code, tuple[str, str]] = {
    "verified": (
        "Confirmed: the record is at {having}.",
        "Bestätigt: Der Eintrag ist bei {having} vorhanden.",
    ),
    "not_yet": (
        "The record is not there yet at {lacking}. Please add a TXT record named {label} (in full: {name}) "
        'with the value "{value}".',
        "Bei {lacking} ist der Eintrag noch nicht da. Bitte legen Sie einen TXT-Eintrag mit dem Namen {label} "
        "(vollständig: {name}) und dem Wert „{value}“ an.",
    ),
    "partial": (
        "The record is at {having}, but not yet at {lacking}. Nothing to do: this usually settles within 15 minutes.",
        "Bei {having} ist der Eintrag schon da, bei {lacking} noch nicht. Sie müssen nichts tun: "
        "Das gleicht sich meist innerhalb von 15 Minuten an.",
    ),
    "wrong_value": (
        'At {name} there is "{first}", but "{value}" is needed. Please correct the value.',
        "Unter {name} steht „{first}“, gebraucht wird „{value}“. Bitte berichtigen Sie den Wert.",
    ),
    "old_token": (
        'At {name} there is an earlier value ("{first}"). Please replace it with the current one: "{value}".',
        "Unter {name} steht ein früherer Wert („{first}“). Bitte ersetzen Sie ihn durch den aktuellen: „{value}“.",
    ),
    "name_doubled": (
        "The record was created at {first}: your provider appends the domain by itself. "
        "Please enter only {label} as the name.",
        "Der Eintrag liegt unter {first}: Ihr Anbieter hängt die Domain selbst an. "
        "Bitte tragen Sie als Namen nur {label} ein.",
    ),
    "wrong_type": (
        'At {name} there is another record ({first}), but a TXT record with the value "{value}" is needed. '
        "Please delete the other record and add the TXT record.",
        "Unter {name} liegt ein anderer Eintrag ({first}), gebraucht wird ein TXT-Eintrag mit dem Wert „{value}“. "
        "Bitte löschen Sie den anderen Eintrag und legen Sie den TXT-Eintrag an.",
    ),
}
_SHARED_TEXTS: dict[str, tuple[str, str]] = {
    "domain_not_registered": (
        "The domain {domain} does not exist (yet): the registry does not know it. "
        "Please check the spelling, or whether it has expired or is still being registered.",
        "Die Domain {domain} gibt es (noch) nicht: Die Registrierungsstelle kennt sie nicht. "
        "Bitte prüfen Sie, ob sie richtig geschrieben, abgelaufen oder noch in Registrierung ist.",
    ),
    "servers_unreachable": (
        "We could not check: {silent} did not answer. We keep trying by ourselves; "
        "should it last for a day, please ask your DNS provider.",
        "Wir konnten nicht prüfen: Von {silent} kam keine Antwort. Wir versuchen es von selbst weiter; "
        "bleibt es einen Tag lang so, fragen Sie bitte Ihren DNS-Anbieter.",
    ),
    "servers_failing": (
        "We could not check: {silent} answered with an error. We keep trying by ourselves; "
        "often DNSSEC or a secondary server at your DNS provider is the cause.",
        "Wir konnten nicht prüfen: Von {silent} kam eine Fehlermeldung. Wir versuchen es von selbst weiter; "
        "oft liegt es an DNSSEC oder einem Zweitserver bei Ihrem DNS-Anbieter.",
    ),
    "lame_delegation": (
        "We could not check: {silent} did not answer for {domain}, although the domain points there. "
        "Please have the name servers corrected at your registrar or the zone set up at your DNS provider.",
        "Wir konnten nicht prüfen: Für {domain} eingetragene Nameserver ({silent}) kennen die Domain nicht. "
        "Bitte lassen Sie die Nameserver beim Registrar berichtigen oder die Zone bei Ihrem DNS-Anbieter einrichten.",
    ),
}


def _report(observation: TxtObservation, expected: ExpectedTxt, kind: Kind, code: Code) -> Diagnosis:
    seen = _seen(observation, expected, code)
    value = f"token={expected.tokens[0]}"
    words = _words(observation) | {
        "name": expected.name,
        "label": expected.name.removesuffix(f".{observation.domain}"),
        "value": value,
        "first": seen[0] if seen else "-",
        "having": _join(_servers(observation, expected, "yes")),
        "lacking": _join(_servers(observation, expected, "no")),
    }
    text_en, text_de = _TXT_TEXTS.get(code) or _SHARED_TEXTS[code]
    answers = [answer for hop in observation.hops for answer in (*hop.delegation.asked, *hop.answers)]
    asked = (*observation.answers, *answers, *observation.apex, *observation.elsewhere, *observation.delegation.asked)
    return Diagnosis(
        kind=kind,
        code=code,
        asked=_evidence(asked),
        seen=seen,
        expected=(f'{expected.name}. {ADVISED_TTL_SECONDS} IN TXT "{value}"',),
        text_en=text_en.format_map(words),
        text_de=text_de.format_map(words),
        notes=_notes(observation, expected) if code == "verified" else (),
    )


def _seen(observation: TxtObservation, expected: ExpectedTxt, code: Code) -> tuple[str, ...]:
    """The values that explain the code, made safe to show."""
    if code == "name_doubled":
        return _bounded(answer.name for answer in observation.elsewhere if _carries(answer, expected))
    if code == "wrong_type":
        aliases = [f"CNAME {answer.cname}" for answer in observation.answers if answer.cname]
        others = [f"{answer.rdtype} {value}" for answer in _other_types(observation) for value in answer.values]
        return _bounded(aliases + others)
    values = _txt_values(observation)
    if code == "old_token":
        values.sort(key=lambda value: read_token(value).token not in expected.old_tokens)
    if code == "verified":
        values += [value for answer in observation.apex if answer.aa for value in answer.values]
        values = [value for value in values if read_token(value).token in expected.tokens]
    return _bounded(values)


def _notes(observation: TxtObservation, expected: ExpectedTxt) -> tuple[str, ...]:
    tokens = [read_token(value) for value in _txt_values(observation)]
    matches = [token for token in tokens if token.token in expected.tokens]
    if not matches:
        values = [read_token(value) for answer in observation.apex if answer.aa for value in answer.values]
        apex = [token for token in values if token.token in expected.tokens]
        return ("at_apex", *(apex[0].notes if apex else ()))
    return min((token.notes for token in matches), key=len)


def _servers(observation: TxtObservation, expected: ExpectedTxt, verdict: Verdict) -> list[str]:
    return [answer.server for answer in observation.answers if _verdict(answer, observation, expected) == verdict]


def _words(observation: TxtObservation | MxObservation) -> dict[str, str]:
    """The words sentences of both facets share: the domain, and the servers that gave no usable answer."""
    delegation = observation.delegation
    hosts = [server.host for server in delegation.servers]
    silent = [answer.server for answer in _silent(observation)] or hosts
    return {"domain": observation.domain, "silent": _join(silent)}


def _join(hosts: Iterable[str]) -> str:
    unique = list(dict.fromkeys(hosts))
    more = ", …" if len(unique) > MAX_NAMED_SERVERS else ""
    return ", ".join(_safe(host) for host in unique[:MAX_NAMED_SERVERS]) + more


def _bounded(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(_safe(value) for value in list(dict.fromkeys(values))[:MAX_SEEN])


def _safe(value: str) -> str:
    """At most 100 characters with control and invisible ones escaped: this reaches mails, logs and web pages."""
    escaped = "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in value[:MAX_SEEN_CHARACTERS]
    )
    whole = len(value) <= MAX_SEEN_CHARACTERS and len(escaped) <= MAX_SEEN_CHARACTERS
    return escaped if whole else escaped[: MAX_SEEN_CHARACTERS - 1] + "…"


def _evidence(answers: Iterable[ServerAnswer]) -> tuple[Asked, ...]:
    return tuple(
        Asked(answer.name, answer.rdtype, answer.server, answer.address, _answer_words(answer))
        for answer in list(answers)[:MAX_ASKED]
    )


def _answer_words(answer: ServerAnswer) -> str:
    if answer.kind == "answer":
        return f"CNAME {_safe(answer.cname)}" if answer.cname else ", ".join(_bounded(answer.values))
    serial = f" (serial {answer.serial})" if answer.serial is not None else ""
    return f"{answer.kind}{serial}" + (f": {answer.note}" if answer.note else "")


# -- MX


def diagnose_mx(observation: MxObservation, expected: tuple[ExpectedMx, ...]) -> MxDiagnosis:
    """Judge where the domain's mail goes: host sets without regard to case, and the order the preferences give."""
    told = [answer for answer in observation.answers if answer.aa and answer.kind in NOES]
    if observation.delegation.state == "not_registered":
        return _report_mx(observation, expected, "missing", "domain_not_registered")
    if not told:
        return _report_mx(observation, expected, "unknown", _trouble(observation.delegation, _silent(observation)))
    findings = {_judge_mx(answer, observation.domain, expected) for answer in told}
    if len(findings) == 1:
        return _report_mx(observation, expected, *findings.pop())
    states: set[MxState] = {state for state, _ in findings}
    return _report_mx(observation, expected, states.pop() if len(states) == 1 else "mixed", "inconsistent")


def _judge_mx(answer: ServerAnswer, domain: str, expected: tuple[ExpectedMx, ...]) -> tuple[MxState, MxCode]:
    preferences = _preferences(answer)
    ours = {_host(record.host): record.preference for record in expected}
    if answer.cname:
        return "broken", "apex_alias"
    if not preferences:
        return "missing", "missing"
    if "." in preferences:
        return ("null", "null") if len(preferences) == 1 else ("broken", "null_and_others")
    foreign = preferences.keys() - ours.keys()
    if any(_is_address(host) for host in foreign):
        return "broken", "ip_address"
    if any(host.removesuffix(f".{domain}") in ours for host in foreign):
        return "broken", "name_doubled"
    if len(foreign) == len(preferences):
        return "foreign", "foreign"
    if foreign:
        best = min(preference for host, preference in preferences.items() if host in ours)
        rival = min(preferences[host] for host in foreign)
        return "mixed", "foreign_preferred" if rival <= best else "mixed"
    if preferences.keys() != ours.keys():
        return "incomplete", "incomplete"
    return ("ok", "ok") if _same_order(preferences, ours) else ("incomplete", "wrong_order")


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


_MX_TEXTS: dict[str, tuple[str, str]] = {
    "ok": (
        "The MX records of {domain} are right: mail is delivered to us.",
        "Die MX-Einträge von {domain} stimmen: E-Mails werden an uns zugestellt.",
    ),
    "missing": (
        "{domain} has no MX record, so it cannot reliably receive mail. Please add: {records}.",
        "{domain} hat keinen MX-Eintrag und kann daher nicht zuverlässig E-Mails empfangen. "
        "Bitte legen Sie an: {records}.",
    ),
    "foreign": (
        "{domain} has MX records, but none of them points to us ({seen}). Please replace them with: {records}.",
        "Es gibt MX-Einträge für {domain}, aber keiner zeigt auf uns ({seen}). "
        "Bitte ersetzen Sie sie durch: {records}.",
    ),
    "foreign_preferred": (
        "Besides ours, {domain} has MX records of others that are tried first ({foreign}): mail does not reach us. "
        "Please delete them, so that only these remain: {records}.",
        "Neben unseren hat {domain} fremde MX-Einträge, die zuerst versucht werden ({foreign}): "
        "E-Mails erreichen uns so nicht. Bitte löschen Sie die fremden, so dass nur diese bleiben: {records}.",
    ),
    "mixed": (
        "Besides ours, {domain} has MX records of others ({foreign}): some mail may go there. "
        "Please delete them, so that only these remain: {records}.",
        "Neben unseren hat {domain} fremde MX-Einträge ({foreign}): Ein Teil der E-Mails kann dorthin gehen. "
        "Bitte löschen Sie die fremden, so dass nur diese bleiben: {records}.",
    ),
    "incomplete": (
        "Some of our MX records are missing for {domain}: {missing}. "
        "Please add them; complete it looks like this: {records}.",
        "Für {domain} fehlen noch MX-Einträge: {missing}. "
        "Bitte ergänzen Sie sie; vollständig sieht es so aus: {records}.",
    ),
    "wrong_order": (
        "The MX records of {domain} point to us, but in another order ({seen}). "
        "Please set the preferences so: {records}.",
        "Die MX-Einträge von {domain} zeigen auf uns, aber in anderer Reihenfolge ({seen}). "
        "Bitte setzen Sie die Prioritäten so: {records}.",
    ),
    "inconsistent": (
        "The name servers of {domain} give different MX records ({seen}). After a change this settles by itself; "
        "in the end all should have: {records}.",
        "Die Nameserver von {domain} nennen verschiedene MX-Einträge ({seen}). "
        "Nach einer Änderung gleicht sich das von selbst an; am Ende sollen alle haben: {records}.",
    ),
    "null": (
        "The MX record of {domain} says that it receives no mail at all (null MX). Please replace it with: {records}.",
        "Der MX-Eintrag von {domain} sagt, dass sie gar keine E-Mails empfängt (Null-MX). "
        "Bitte ersetzen Sie ihn durch: {records}.",
    ),
    "null_and_others": (
        'Beside other MX records {domain} has an empty one (null MX, "."), which says "no mail". '
        "Please delete it, so that only these remain: {records}.",
        "Neben anderen MX-Einträgen hat {domain} einen leeren (Null-MX, „.“), der „keine E-Mails“ bedeutet. "
        "Bitte löschen Sie ihn, so dass nur diese bleiben: {records}.",
    ),
    "ip_address": (
        "An MX record of {domain} names an IP address ({foreign}); only host names work there. Please set: {records}.",
        "Ein MX-Eintrag von {domain} nennt eine IP-Adresse ({foreign}); dort sind nur Hostnamen möglich. "
        "Bitte setzen Sie: {records}.",
    ),
    "name_doubled": (
        "Your provider appended the domain to the host name ({foreign}). "
        "Please enter the host names with a dot at the end: {records_dotted}",
        "Ihr Anbieter hat die Domain an den Hostnamen angehängt ({foreign}). "
        "Bitte tragen Sie die Hostnamen mit einem Punkt am Ende ein: {records_dotted}",
    ),
    "apex_alias": (
        "{domain} itself is an alias (CNAME {alias}), so it cannot have MX records. "
        "Please replace the CNAME with A or AAAA records and add: {records}.",
        "{domain} selbst ist ein Alias (CNAME {alias}) und kann daher keine MX-Einträge haben. "
        "Bitte ersetzen Sie den CNAME durch A- oder AAAA-Einträge und legen Sie an: {records}.",
    ),
}


def _report_mx(
    observation: MxObservation, expected: tuple[ExpectedMx, ...], state: MxState, code: MxCode
) -> MxDiagnosis:
    told = [answer for answer in observation.answers if answer.aa]
    published = {MxRecord(rank, _safe(host)) for answer in told for host, rank in _preferences(answer).items()}
    seen = tuple(sorted(published))[:MAX_SEEN]
    wanted = tuple(MxRecord(record.preference, _host(record.host)) for record in sorted(expected))
    ours, hosts = {record.host for record in wanted}, {record.host for record in published}
    records = [f"MX {record.preference} {record.host}" for record in wanted]
    words = _words(observation) | {
        "seen": ", ".join(f"{record.preference} {record.host}" for record in seen) or "-",
        "alias": _join(answer.cname for answer in told if answer.cname),
        "foreign": _join(sorted(hosts - ours)),
        "missing": _join(record.host for record in wanted if record.host not in hosts),
        "records": ", ".join(records),
        "records_dotted": ", ".join(f"{record}." for record in records),
    }
    text_en, text_de = _MX_TEXTS.get(code) or _SHARED_TEXTS[code]
    return MxDiagnosis(
        state=state,
        code=code,
        asked=_evidence((*observation.answers, *observation.delegation.asked)),
        seen=seen,
        expected=wanted,
        zone_lines=tuple(f"{observation.domain}. {ADVISED_TTL_SECONDS} IN {record}." for record in records),
        text_en=text_en.format_map(words),
        text_de=text_de.format_map(words),
    )
