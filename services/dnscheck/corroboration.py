"""Who is asked before a first yes counts: the operator's validating recursor, and dnscheck at other sites.

Both only after the servers in charge said yes. A domain proven earlier is never asked about here, so no outage of ours
can harm it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import structlog
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from services.dnscheck.asking.recursor import Recursor
from services.dnscheck.asking.resolver import Resolver
from services.dnscheck.findings.diagnosis import diagnose_txt
from services.dnscheck.findings.evidence import safe
from services.dnscheck.findings.proof import ExpectedTxt, is_proof
from services.dnscheck.findings.witness import dnssec_of, proven_name
from services.dnscheck.observation import Corroboration, SiteView, TxtObservation

log = structlog.get_logger()
MAX_TOKENS = 5  # in one question
MAX_EVIDENCE = 200
SITE_PATTERN = r"[a-z0-9][a-z0-9-]{0,38}"  # a token of a subject

Ask = Callable[[str, bytes, float], Awaitable[bytes | None]]
Name = Annotated[str, StringConstraints(max_length=253, pattern=r"^([a-z0-9_-]{1,63}\.)+[a-z0-9-]{2,63}$")]


class PerspectiveQuestion(BaseModel):
    """What one site asks another: is the proof there? Operators' bus only; the tokens are about to be public anyway."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    domain: Name
    name: Name
    tokens: tuple[Annotated[str, StringConstraints(min_length=1, max_length=100)], ...] = Field(
        min_length=1, max_length=MAX_TOKENS
    )


class PerspectiveAnswer(BaseModel):
    """What that site's own look at the authoritative servers found."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    site: str
    verdict: Literal["confirmed", "not_yet", "could_not_ask"]
    evidence: Annotated[str, StringConstraints(max_length=MAX_EVIDENCE)] = ""


@dataclass(frozen=True)
class Corroborator:
    """Asks besides. Without recursor and sites nobody is asked, and a yes counts by itself."""

    recursor: Recursor | None = None
    sites: tuple[str, ...] = ()
    quorum: int = 0
    ask: Ask | None = None
    site_seconds: float = 20.0  # a site's look may take an attempt's whole time

    async def corroborated(self, seen: TxtObservation, expected: ExpectedTxt) -> TxtObservation:
        """Return what was seen with what others say of it, where it is a yes."""
        if (self.recursor is None and not self.sites) or diagnose_txt(seen, expected).kind != "confirmed":
            return seen
        public = await self.recursor.view_txt(proven_name(seen, expected)) if self.recursor else None
        seen = replace(seen, corroboration=Corroboration(public=public))
        is_settled = dnssec_of(seen, expected) == "secure" or diagnose_txt(seen, expected).kind != "confirmed"
        if is_settled or not self.sites:
            return seen
        views = await asyncio.gather(*(self._view_of(site, seen, expected) for site in self.sites))
        return replace(seen, corroboration=Corroboration(public=public, sites=tuple(views), quorum=self.quorum))

    async def _view_of(self, site: str, seen: TxtObservation, expected: ExpectedTxt) -> SiteView:
        question = PerspectiveQuestion(domain=seen.domain, name=expected.name, tokens=expected.tokens[:MAX_TOKENS])
        payload = question.model_dump_json().encode()
        reply = await self.ask(subject_of(site), payload, self.site_seconds) if self.ask else None
        try:
            answer = PerspectiveAnswer.model_validate_json(reply) if reply is not None else None
        except ValidationError:
            log.warning("a site's answer cannot be read", site=site)
            answer = None
        if answer is None or answer.site != site:
            return SiteView(site, "silent")
        return SiteView(site, answer.verdict, safe(answer.evidence))


def subject_of(site: str) -> str:
    """Return where a site is asked."""
    return f"dnscheck.perspective.{site}"


def perspective_of(site: str, resolver: Resolver) -> Callable[[bytes], Awaitable[bytes | None]]:
    """Return how this site answers: by a look of its own, through nobody's cache."""

    async def answer(payload: bytes) -> bytes | None:
        try:
            question = PerspectiveQuestion.model_validate_json(payload)
        except ValidationError:
            return None
        expected = ExpectedTxt(name=question.name, tokens=question.tokens)
        seen = await resolver.observe_txt(
            question.domain, question.name, is_proof=lambda value: is_proof(value, expected)
        )
        found = diagnose_txt(seen, expected)
        evidence = f"{found.code} {'; '.join(f'{one.server}: {one.answer}' for one in found.asked)}"[:MAX_EVIDENCE]
        return PerspectiveAnswer(site=site, verdict=found.kind, evidence=evidence).model_dump_json().encode()

    return answer
