"""One look at everything the DNS says about a domain, from where this runs: no bus, no database, nobody's claim.

It is what the worker does, in one go: the same questions, the same judgement, the same words.
"""

import asyncio
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from contracts.base import Part
from contracts.dnscheck_v1 import Attempt, DnsProvider, Facet, MailAdvice, MxAttempt
from contracts.values import DomainName, domain_for_people
from services.dnscheck.attempts import mail_advice, mx_attempt, provider_seen, txt_attempt
from services.dnscheck.corroboration import Corroborator
from services.dnscheck.findings import diagnosis, evidence, mx
from services.dnscheck.findings.advice import topics as advice
from services.dnscheck.findings.explanation import txt_values
from services.dnscheck.findings.proof import PREFIX, ExpectedTxt, read_token
from services.dnscheck.observation import MailObservation, MxObservation, TxtObservation
from services.dnscheck.records import txt_line, zone_line
from services.dnscheck.rules import Watch
from services.dnscheck.settings import DnscheckSettings

SIBLING_BYTES = 8  # of a label that nobody made: what answers there is a wildcard
NEVER_SEEN_BEFORE = timedelta()


class NameServerSeen(Part):
    """A name server that the domain's parent names."""

    host: str
    addresses: tuple[str, ...]


class Outlook(Part):
    """What the DNS says about a domain now."""

    domain: DomainName
    domain_unicode: str
    checked_at: datetime
    zone: str | None
    name_servers: tuple[NameServerSeen, ...]
    provider: DnsProvider | None
    challenge_name: str
    challenge_values: tuple[str, ...]
    proof: Attempt | None
    mx: MxAttempt
    mail: MailAdvice
    records: tuple[str, ...]

    @property
    def could_ask(self) -> bool:
        """Whether the servers in charge were found and said something."""
        return self.zone is not None and not (self.mx.state == "unknown" and not self.mx.seen)


async def look(domain: str, *, label: str, value: str | None, settings: DnscheckSettings) -> Outlook:
    """Look at the proof, the MX records and the other records that mail wants, all at the same time.

    `value` is what the TXT record at `label` should hold; without one that record is only shown. Trouble with the DNS
    is part of the answer, never an exception.
    """
    resolver = settings.resolver()
    name, begun_at = f"{label}.{domain}", datetime.now(UTC)
    try:
        txt, mx_records, mail = await asyncio.gather(
            resolver.observe_txt(domain, name, deep=True, sibling=secrets.token_hex(SIBLING_BYTES), insistent=True),
            resolver.observe_mx(domain, ours=[record.host for record in settings.mx], insistent=True),
            resolver.observe_mail(domain, settings.expected_mail(), insistent=True),
        )
        expected = None if value is None else ExpectedTxt(name=name, tokens=(read_token(value).token,))
        if expected is not None:
            txt = await Corroborator(recursor=settings.dns_recursor).corroborated(txt, expected)
    finally:
        resolver.close()
    proof = None if expected is None else _proof(txt, expected, begun_at)
    return _outlook(txt, mx_records, mail, proof, settings, begun_at)


def _outlook(
    txt: TxtObservation,
    mx_records: MxObservation,
    mail: MailObservation,
    proof: Attempt | None,
    settings: DnscheckSettings,
    begun_at: datetime,
) -> Outlook:
    found = txt.delegation.state == "found"
    attempt = _mx(mx_records, settings, begun_at)
    items = advice.advise(mail, settings.expected_mail(), known_for=NEVER_SEEN_BEFORE)
    given = mail_advice(items, mail, begun_at, None)
    return Outlook(
        domain=txt.domain,
        domain_unicode=domain_for_people(txt.domain),
        checked_at=begun_at,
        zone=txt.delegation.zone if found else None,
        name_servers=tuple(
            NameServerSeen(host=server.host, addresses=server.addresses)
            for server in (txt.delegation.servers if found else ())
        ),
        provider=proof.provider if proof else provider_seen(txt, _watch("mx", txt.domain, begun_at)),
        challenge_name=txt.name,
        challenge_values=evidence.bounded(txt_values(txt)),
        proof=proof,
        mx=attempt,
        mail=given,
        records=tuple(dict.fromkeys(_records(txt.domain, proof, attempt, given))),
    )


def _proof(txt: TxtObservation, expected: ExpectedTxt, begun_at: datetime) -> Attempt:
    watch = _watch("txt", txt.domain, begun_at, txt.name, f"{PREFIX}{expected.tokens[0]}")
    return txt_attempt(diagnosis.diagnose_txt(txt, expected), txt, watch, watch, begun_at)


def _mx(mx_records: MxObservation, settings: DnscheckSettings, begun_at: datetime) -> MxAttempt:
    watch = _watch("mx", mx_records.domain, begun_at)
    return mx_attempt(mx.diagnose_mx(mx_records, settings.mx), mx_records, watch, watch, begun_at)


def _watch(facet: Facet, domain: str, now: datetime, name: str = "", value: str = "") -> Watch:
    """A watch that nobody keeps: one look has nothing to compare with."""
    return Watch("", facet, "", domain, name, value, (), now, None)


def _records(domain: str, proof: Attempt | None, attempt: MxAttempt, given: MailAdvice) -> Iterator[str]:
    """Every record still to be set, as zone-file lines."""
    if proof is not None and proof.kind != "confirmed":
        yield txt_line(proof.expected_name, proof.expected_value, ttl_seconds=evidence.ADVISED_TTL_SECONDS)
    if attempt.state not in ("ok", "unknown"):
        for record in attempt.expected:
            yield zone_line(domain, "MX", f"{record.preference} {record.host}.")
    for one in given.items:
        yield from one.records if one.state in ("missing", "wrong", "weak") else ()
