"""Advice on the records that mail wants in a domain's DNS: expected against seen, and what to set. Pure.

It blocks nothing: no finding here keeps a domain from its proof, its activation or its mailboxes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import get_args

from contracts.base import Text
from contracts.dnscheck_v1 import Advice, AdviceState
from contracts.values import domain_for_people
from services.dnscheck.findings.advice.dkim import judge_dkim
from services.dnscheck.findings.advice.dmarc import judge_dmarc
from services.dnscheck.findings.advice.hosts import judge_caa, judge_hosts, judge_name_servers, judge_services
from services.dnscheck.findings.advice.sentences import ADVICE_STATES, ADVICE_TEXTS, AdviceCode
from services.dnscheck.findings.advice.spf import judge_spf
from services.dnscheck.findings.advice.transport import judge_dane, judge_mta_sts, judge_tls_rpt
from services.dnscheck.findings.advice.verdict import Verdict, silence
from services.dnscheck.findings.evidence import Asked, evidence_of
from services.dnscheck.findings.sentences import SHARED_TEXTS, Trouble
from services.dnscheck.observation import MailObservation
from services.dnscheck.records import ExpectedMail


def advise(observation: MailObservation, expected: ExpectedMail, *, known_for: timedelta) -> tuple[Advice, ...]:
    """Judge one look, topic by topic. `known_for` is how long this domain's records have been looked at."""
    if observation.delegation.state != "found":
        return (_worded(silence("name_servers", observation.domain, None, observation), observation),)
    return tuple(_worded(verdict, observation) for verdict in _verdicts(observation, expected, known_for))


def could_not_ask(advice: tuple[Advice, ...]) -> bool:
    """Whether somebody in charge could not be asked for part of it."""
    return any(one.code in get_args(Trouble) for one in advice)


def state_of_advice(code: AdviceCode) -> AdviceState:
    """Return the state a code stands for; a trouble leaves it unknown."""
    return ADVICE_STATES.get(code, "unknown")


def asked_for_advice(observation: MailObservation) -> tuple[Asked, ...]:
    """Return whom was asked what, troubles first."""
    answers = [look.answer for look in observation.looks if look.answer is not None]
    answers.sort(key=lambda answer: answer.aa)
    return evidence_of((*answers, *observation.delegation.asked))


def _verdicts(observation: MailObservation, expected: ExpectedMail, known_for: timedelta) -> Iterator[Verdict]:
    if expected.spf_include:
        yield from judge_spf(observation, expected)
    yield from judge_dkim(observation, expected)
    yield from judge_dmarc(observation, expected, known_for)
    yield from judge_mta_sts(observation, expected)
    yield from judge_tls_rpt(observation, expected)
    yield from judge_hosts(observation, expected)
    yield from judge_services(observation, expected)
    yield from judge_dane(observation)
    yield from judge_caa(observation, expected)
    yield from judge_name_servers(observation)


def _worded(verdict: Verdict, observation: MailObservation) -> Advice:
    words = {"domain": domain_for_people(observation.domain), "name": verdict.name, **verdict.words}
    text_en, text_de = ADVICE_TEXTS.get(verdict.code) or SHARED_TEXTS[verdict.code]
    return Advice(
        topic=verdict.topic,
        name=verdict.name,
        state=state_of_advice(verdict.code),
        code=verdict.code,
        text=Text(de=text_de.format_map(words), en=text_en.format_map(words)),
        seen=verdict.seen,
        records=verdict.records,
    )
