"""Why a look found no proof: the most helpful reason, with the values that show it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from contracts.values import domain_for_people
from services.dnscheck.findings.evidence import bounded, listed
from services.dnscheck.findings.proof import PREFIX, ExpectedTxt, carries_proof, looks_like_token, read_token
from services.dnscheck.findings.providers import provider_of
from services.dnscheck.findings.sentences import Code
from services.dnscheck.observation import NOES, Hop, ServerAnswer, TxtObservation, wrong_names

MAX_TOKENS = 10  # looked up among those of other accounts
SHORTEST_START = 8  # characters of a value that show where it came from; fewer may be chance


@dataclass(frozen=True, slots=True)
class Reason:
    """Why there is no proof; `seen` shows it, `words` are for its sentence."""

    code: Code
    seen: tuple[str, ...] = ()
    words: dict[str, str] = field(default_factory=dict[str, str])


def seen_tokens(observation: TxtObservation) -> tuple[str, ...]:
    """Return what was seen and may be a token of somebody, the first few."""
    tokens = (read_token(value).token for value in (*txt_values(observation), *_at_apex(observation)))
    return tuple(dict.fromkeys(token for token in tokens if looks_like_token(token)))[:MAX_TOKENS]


def explain_no(observation: TxtObservation, expected: ExpectedTxt) -> Reason:
    """Find the reason: the right value in the wrong place, then what stands in the right place."""
    for find in _FINDERS:
        if (reason := find(observation, expected)) is not None:
            return reason
    return Reason("not_yet")


def txt_values(observation: TxtObservation) -> list[str]:
    """Return every TXT value at the challenge, aliases followed."""
    answers = (*observation.answers, *(answer for hop in observation.hops for answer in hop.answers))
    return [value for answer in answers if answer.aa for value in answer.values]


# -- the right value in the wrong place


def _misplaced(observation: TxtObservation, expected: ExpectedTxt) -> Reason | None:
    places = wrong_names(observation.domain, observation.delegation.zone, observation.name)
    for answer in observation.elsewhere:
        if answer.rdtype == "TXT" and answer.name in places and carries_proof(answer, expected):
            return Reason(places[answer.name], bounded([answer.name]))
    return None


def _at_strangers(observation: TxtObservation, expected: ExpectedTxt) -> Reason | None:
    hosts = [answer.server for answer in observation.strangers if carries_proof(answer, expected)]
    in_charge = [server.host for server in observation.delegation.servers]
    words = {"there": with_provider(hosts), "in_charge": with_provider(in_charge)}
    return Reason("wrong_provider", bounded(hosts), words) if hosts else None


def with_provider(hosts: list[str]) -> str:
    """Name the servers, and who runs them where that is certain."""
    provider = provider_of(hosts)
    return f"{listed(hosts)} ({provider.name})" if provider else listed(hosts)


# -- another value in the right place


def _earlier_token(observation: TxtObservation, expected: ExpectedTxt) -> Reason | None:
    for value in txt_values(observation):
        if read_token(value).token in expected.old_tokens:
            return Reason("old_token", _seen_first(value, observation))
    return None


def _others_token(observation: TxtObservation, expected: ExpectedTxt) -> Reason | None:
    for value in (*txt_values(observation), *_at_apex(observation)):
        if read_token(value).token in expected.others_tokens:
            return Reason("other_account_token", _seen_first(value, observation))
    return None


def _own_other_token(observation: TxtObservation, expected: ExpectedTxt) -> Reason | None:
    domains = dict(expected.own_tokens)
    for value in (*txt_values(observation), *_at_apex(observation)):
        if (other := domains.get(read_token(value).token)) is not None:
            return Reason("other_domain_token", _seen_first(value, observation), {"other": domain_for_people(other)})
    return None


def _at_apex(observation: TxtObservation) -> list[str]:
    return [value for answer in observation.apex if answer.aa for value in answer.values]


def _truncated(observation: TxtObservation, expected: ExpectedTxt) -> Reason | None:
    for value in txt_values(observation):
        read = read_token(value)
        prefix_length = 0 if "value_without_prefix" in read.notes else len(PREFIX)
        start = read.token.rstrip(".…")
        length = prefix_length + len(start)
        for token in expected.tokens:
            if length >= SHORTEST_START and start != token and token.startswith(start):
                words = {"length": str(length), "wanted_length": str(prefix_length + len(token))}
                return Reason("value_truncated", _seen_first(value, observation), words)
    return None


def _with_extra_text(observation: TxtObservation, expected: ExpectedTxt) -> Reason | None:
    for value in txt_values(observation):
        if any(token in _ascii_lower(value) for token in expected.tokens):
            return Reason("value_extra_text", _seen_first(value, observation))
    return None


def _ascii_lower(value: str) -> str:
    """Other alphabets have letters that fold to ASCII ones: they stay as they are."""
    return "".join(character.lower() if character.isascii() else character for character in value)


def _wrong_value(observation: TxtObservation, expected: ExpectedTxt) -> Reason | None:
    values = txt_values(observation)
    return Reason("wrong_value", bounded(values)) if values else None


def _seen_first(value: str, observation: TxtObservation) -> tuple[str, ...]:
    return bounded([value, *txt_values(observation)])


# -- something else in the right place


def _wildcard(observation: TxtObservation, expected: ExpectedTxt) -> Reason | None:
    """The challenge answers what a name answers that nobody made. An empty answer is nobody's record."""
    here = [*observation.answers, *_other_types(observation)]
    for beside in observation.sibling:
        for answer in here:
            is_same_question = (answer.rdtype, answer.address) == (beside.rdtype, beside.address)
            if is_same_question and beside.aa and _records(beside) and _records(answer) == _records(beside):
                return Reason("wildcard_answer", bounded(sorted(_records(answer))))
    return None


def _records(answer: ServerAnswer) -> set[str]:
    return {f"CNAME {answer.cname}"} if answer.cname else {f"{answer.rdtype} {value}" for value in answer.values}


def _delegated(observation: TxtObservation, expected: ExpectedTxt) -> Reason | None:
    delegated = observation.delegated
    return Reason("challenge_delegated", bounded(server.host for server in delegated.servers)) if delegated else None


def _alias(observation: TxtObservation, expected: ExpectedTxt) -> Reason | None:
    """Follow the chain as far as it was followed; what stopped it is the reason."""
    chain: list[str] = []
    hops = {hop.name: hop for hop in observation.hops}
    target = _alias_in(observation.answers)
    while target and target not in (observation.name, *chain) and target in hops:
        chain.append(target)
        target = _alias_in(hops[target].answers)
    if target:  # seen before, or one more than are followed
        return Reason("cname_loop", bounded(f"CNAME {name}" for name in (*chain, target)))
    code = _end_of_chain(hops[chain[-1]]) if chain else None
    return Reason(code, bounded(f"CNAME {name}" for name in chain)) if code else None


def _alias_in(answers: tuple[ServerAnswer, ...]) -> str:
    return next((answer.cname for answer in answers if answer.cname), "")


def _end_of_chain(hop: Hop) -> Code | None:
    kinds = {answer.kind for answer in hop.answers if answer.aa and answer.kind in NOES}
    if hop.delegation.state == "not_registered" or "nxdomain" in kinds:
        return "cname_target_broken"
    return "cname_target_no_txt" if "nodata" in kinds else None


def _other_type(observation: TxtObservation, expected: ExpectedTxt) -> Reason | None:
    aliases = [f"CNAME {answer.cname}" for answer in observation.answers if answer.cname]
    others = [record for answer in _other_types(observation) for record in sorted(_records(answer))]
    return Reason("wrong_type", bounded(aliases + others)) if aliases or others else None


def _other_types(observation: TxtObservation) -> Iterator[ServerAnswer]:
    return (answer for answer in observation.elsewhere if answer.rdtype != "TXT" and answer.aa and answer.values)


# The most helpful first.
_FINDERS: tuple[Callable[[TxtObservation, ExpectedTxt], Reason | None], ...] = (
    _misplaced,
    _at_strangers,
    _earlier_token,
    _own_other_token,
    _others_token,
    _truncated,
    _with_extra_text,
    _wildcard,
    _wrong_value,
    _delegated,
    _alias,
    _other_type,
)
