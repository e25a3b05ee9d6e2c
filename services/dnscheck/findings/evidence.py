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
    if not silent_answers(observation) and stuck.servers and all(server.is_absent for server in stuck.servers):
        return "ns_unresolvable"
    if kinds == {"filtered"} and stuck.zone != ".":
        return "ns_private"
    for kind, trouble in _TROUBLES.items():
        if kind in kinds:
            return trouble
    return "servers_unreachable"


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
        "zone": stuck.zone,
        "silent": listed(silent),
        "servers": listed(server.host for server in observation.delegation.servers),
    }


def listed(hosts: Iterable[str]) -> str:
    """Name the first few of them, each once."""
    unique = list(dict.fromkeys(hosts))
    more = ", …" if len(unique) > MAX_NAMED_SERVERS else ""
    return ", ".join(safe(host) for host in unique[:MAX_NAMED_SERVERS]) + more


def bounded(values: Iterable[str]) -> tuple[str, ...]:
    """Return the first few values, each once and safe to show."""
    return tuple(safe(value) for value in list(dict.fromkeys(values))[:MAX_SEEN])


def safe(value: str) -> str:
    """At most 100 characters with control and invisible ones escaped: this reaches mails, logs and web pages."""
    escaped = "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in value[:MAX_SEEN_CHARACTERS]
    )
    whole = len(value) <= MAX_SEEN_CHARACTERS and len(escaped) <= MAX_SEEN_CHARACTERS
    return escaped if whole else escaped[: MAX_SEEN_CHARACTERS - 1] + "…"


def evidence_of(answers: Iterable[ServerAnswer]) -> tuple[Asked, ...]:
    """Return whom was asked what, as it is kept with an attempt."""
    return tuple(
        Asked(answer.name, answer.rdtype, answer.server, answer.address, _answer_words(answer))
        for answer in list(answers)[:MAX_ASKED]
    )


def _answer_words(answer: ServerAnswer) -> str:
    if answer.kind == "answer":
        return f"CNAME {safe(answer.cname)}" if answer.cname else ", ".join(bounded(answer.values))
    serial = f" (serial {answer.serial})" if answer.serial is not None else ""
    return f"{answer.kind}{serial}" + (f": {answer.note}" if answer.note else "")
