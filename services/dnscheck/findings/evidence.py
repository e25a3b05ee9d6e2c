"""What is kept and said of an observation whatever was looked for: bounded, escaped, with whom and what was asked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from contracts.values import domain_for_people
from services.dnscheck.findings.sentences import Trouble
from services.dnscheck.observation import TROUBLE, AnswerKind, Delegation, MxObservation, ServerAnswer, TxtObservation

MAX_SEEN = 5  # values kept as evidence
MAX_SEEN_CHARACTERS = 100
ADVISED_TTL_SECONDS = 300
MAX_ASKED = 24  # questions kept as evidence
MAX_NAMED_SERVERS = 4  # in a sentence
MAX_NAME_CHARACTERS = 255
MAX_ANSWER_CHARACTERS = 200  # of one question's answer
MAX_NAME_SERVERS = 13  # of one zone, as kept with an attempt
# Printable by Unicode's word and yet invisible: joiners, fillers, variation selectors (Default_Ignorable_Code_Point).
_INVISIBLE = frozenset(
    map(chr, (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, *range(0x180B, 0x1810),
              *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))
)  # fmt: skip
# What ended a look whose way was too long, be the servers as quick as they may; a lack of time is their slowness.
LENGTHS = {"queries", "name_servers", "depth"}
# The kinds that say most about the servers come first.
_TROUBLES: dict[AnswerKind, Trouble] = {
    "servfail": "servers_failing",
    "truncated": "tcp_blocked",
    "malformed": "ns_malformed",
    "refused": "lame_delegation",
    "lame": "lame_delegation",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """Evidence: whom, what, and the answer in a few words."""

    name: str
    type: str
    server: str
    address: str
    answer: str


def silent_answers(observation: TxtObservation | MxObservation) -> list[ServerAnswer]:
    """Return the answers that are nobody's word."""
    hops = observation.hops if isinstance(observation, TxtObservation) else ()
    answers = [*observation.answers, *(answer for hop in hops for answer in (*hop.delegation.asked, *hop.answers))]
    return [answer for answer in answers if answer.kind in TROUBLE]


def trouble_of(observation: TxtObservation | MxObservation) -> Trouble:
    """Why nobody could be asked; where several reasons meet, the one that says most about the servers."""
    stuck = _stuck(observation)
    silent = silent_answers(observation) or [answer for answer in stuck.asked if answer.kind in TROUBLE]
    kinds = {answer.kind for answer in silent}
    if stuck.zone == "." and stuck.state == "could_not_ask":
        return "root_unreachable"
    if not silent_answers(observation) and stuck.servers and all(server.is_absent for server in stuck.servers):
        return "ns_unresolvable"
    if kinds == {"filtered"}:
        return "ns_private"
    for kind, trouble in _TROUBLES.items():
        if kind in kinds:
            return trouble
    return "look_cut_short" if LENGTHS & set(observation.limits) else "servers_unreachable"


def _stuck(observation: TxtObservation | MxObservation) -> Delegation:
    """The last zone on the way that nobody could be asked for; the domain's own when all could."""
    further = ()
    if isinstance(observation, TxtObservation):
        further = (observation.delegated, *(hop.delegation for hop in observation.hops))
    stuck = [delegation for delegation in further if delegation and delegation.state == "could_not_ask"]
    return stuck[-1] if stuck else observation.delegation


def shared_words(observation: TxtObservation | MxObservation) -> dict[str, str]:
    """The words sentences of both facets share: the domain, and the servers that gave no usable answer."""
    stuck = _stuck(observation)
    silent = [answer.server for answer in silent_answers(observation)] or [server.host for server in stuck.servers]
    return {
        "domain": domain_for_people(observation.domain),
        "zone": safe_name(stuck.zone),
        "silent": listed(silent),
        "servers": listed(server.host for server in observation.delegation.servers),
    }


def listed(hosts: Iterable[str]) -> str:
    """Name the first few of them, each once."""
    unique = list(dict.fromkeys(hosts))
    more = ", …" if len(unique) > MAX_NAMED_SERVERS else ""
    return ", ".join(safe_name(host) for host in unique[:MAX_NAMED_SERVERS]) + more


def bounded(values: Iterable[str]) -> tuple[str, ...]:
    """Return the first few values, each once and safe to show."""
    return tuple(safe(value) for value in list(dict.fromkeys(values))[:MAX_SEEN])


def safe(value: str, limit: int = MAX_SEEN_CHARACTERS) -> str:
    """At most 100 characters with control and invisible ones escaped: this reaches mails, logs and web pages."""
    escaped = "".join(
        character if _is_visible(character) else character.encode("unicode_escape").decode()
        for character in value[:limit]
    )
    whole = len(value) <= limit and len(escaped) <= limit
    return escaped if whole else escaped[: limit - 1] + "…"


def _is_visible(character: str) -> bool:
    """Blanks other than the plain one, control, format and bidirectional characters are not printable for Python."""
    return character.isprintable() and character not in _INVISIBLE


def safe_name(name: str) -> str:
    """As `safe`, for a domain name: those may be longer."""
    return safe(name, MAX_NAME_CHARACTERS)


def evidence_of(answers: Iterable[ServerAnswer]) -> tuple[Asked, ...]:
    """Return whom was asked what, as it is kept with an attempt."""
    return tuple(
        Asked(safe_name(answer.name), answer.rdtype, safe_name(answer.server), answer.address, _answer_words(answer))
        for answer in list(answers)[:MAX_ASKED]
    )


def name_servers(observation: TxtObservation | MxObservation) -> tuple[str, ...]:
    """Return who is in charge of the domain by the word of its parent."""
    delegation = observation.delegation
    hosts = (server.host for server in delegation.servers) if delegation.state == "found" else ()
    return tuple(dict.fromkeys(safe_name(host) for host in hosts))[:MAX_NAME_SERVERS]


def zone_serial(observation: TxtObservation | MxObservation) -> int | None:
    """Return the newest serial that a server of the domain's zone gave; an alias's answer may carry another zone's."""
    told = [answer for answer in observation.answers if answer.aa and not answer.cname]
    if isinstance(observation, TxtObservation):
        told = [*(told if observation.delegated is None else ()), *(answer for answer in observation.apex if answer.aa)]
    return max((answer.serial for answer in told if answer.serial is not None), default=None)


def negative_ttl_seconds(observation: TxtObservation | MxObservation) -> int | None:
    """Return how long the rest of the Internet may remember that a record was not there (RFC 2308)."""
    told = (answer.negative_ttl_seconds for answer in observation.answers if answer.aa)
    return max((seconds for seconds in told if seconds is not None), default=None)


def _answer_words(answer: ServerAnswer) -> str:
    if answer.kind == "answer":
        values = ", ".join(bounded(answer.values))
        return f"CNAME {safe_name(answer.cname)}" if answer.cname else safe(values, MAX_ANSWER_CHARACTERS)
    serial = f" (serial {answer.serial})" if answer.serial is not None else ""
    return f"{answer.kind}{serial}" + (f": {safe(answer.note)}" if answer.note else "")
