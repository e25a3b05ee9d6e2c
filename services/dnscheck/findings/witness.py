"""What those who were asked besides say about a yes of the name servers in charge: whether it counts, and how. Pure.

An authoritative yes alone could be forged on its way to us. The recursor brings DNSSEC, other sites another way.
"""

from __future__ import annotations

from typing import Literal

from services.dnscheck.findings.evidence import safe
from services.dnscheck.findings.explanation import Reason
from services.dnscheck.findings.proof import ExpectedTxt, carries_proof, read_token
from services.dnscheck.observation import NOES, Corroboration, PublicView, ServerAnswer, TxtObservation

Dnssec = Literal["secure", "insecure", "bogus", "unchecked"]


def proven_name(observation: TxtObservation, expected: ExpectedTxt) -> str:
    """Return where the proof stands, which is what others are to be asked for: the challenge, or the domain itself."""
    followed = (*observation.answers, *(answer for hop in observation.hops for answer in hop.answers))
    is_at_challenge = any(carries_proof(answer, expected) for answer in followed)
    return observation.name if is_at_challenge else observation.domain


def dnssec_of(observation: TxtObservation, expected: ExpectedTxt) -> Dnssec:
    """Return what DNSSEC says about the proof itself; a recursor that does not see it yet says nothing."""
    public = observation.corroboration.public if observation.corroboration else None
    if public is None:
        return "unchecked"
    if _is_bogus(public):
        return "bogus"
    if not _shows_proof(public.checked, expected):
        return "unchecked"
    return "secure" if public.is_authenticated else "insecure"


def is_stale(observation: TxtObservation, expected: ExpectedTxt) -> bool:
    """Whether the rest of the Internet still remembers the time before the proof."""
    public = observation.corroboration.public if observation.corroboration else None
    return public is not None and public.checked.kind in NOES and not _shows_proof(public.checked, expected)


def stale_seconds(observation: TxtObservation) -> int | None:
    """Return how much longer the recursor remembers what it had."""
    public = observation.corroboration.public if observation.corroboration else None
    return public.checked.negative_ttl_seconds if public else None


def doubt_of(observation: TxtObservation, expected: ExpectedTxt) -> Reason | None:
    """Return why a yes does not count (yet), or None when those who were asked have nothing against it.

    An old denial that the recursor remembers is no doubt: its memory is why the servers in charge are asked first. But
    a signed one is: either it ends within its TTL, or somebody forges the yes on its way to us.
    """
    found = observation.corroboration
    if found is None:
        return None
    if found.public is not None and found.public.checked.kind not in NOES:
        return _without_public_answer(found.public)
    if found.public is not None and found.public.is_authenticated:
        is_there = _shows_proof(found.public.checked, expected)
        return None if is_there else Reason("not_corroborated", words={"why": "DNSSEC: signed denial"})
    return _without_quorum(found)


def _without_public_answer(public: PublicView) -> Reason:
    why = safe(public.checked.note) or public.checked.rcode or public.checked.kind
    return Reason("dnssec_bogus" if _is_bogus(public) else "not_corroborated", words={"why": why})


def _without_quorum(found: Corroboration) -> Reason | None:
    verdicts = [site.verdict for site in found.sites]
    yes, no = verdicts.count("confirmed"), verdicts.count("not_yet")
    if yes >= found.quorum:
        return None
    if len(verdicts) - no < found.quorum:  # not even with those that gave no answer
        deniers = ", ".join(site.site for site in found.sites if site.verdict == "not_yet")
        return Reason("perspectives_disagree", words={"sites": deniers})
    missing = ", ".join(site.site for site in found.sites if site.verdict not in ("confirmed", "not_yet"))
    return Reason("not_corroborated", words={"why": missing})


def _is_bogus(public: PublicView) -> bool:
    """Validation failed: without it there is an answer."""
    return public.checked.kind == "servfail" and public.unchecked is not None and public.unchecked.kind in NOES


def _shows_proof(answer: ServerAnswer, expected: ExpectedTxt) -> bool:
    return any(read_token(value).token in expected.tokens for value in answer.values)
