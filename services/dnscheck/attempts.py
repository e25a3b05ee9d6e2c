"""Diagnoses as the contract words them, with what is known of the zone and of who runs it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from contracts.base import Text
from contracts.dnscheck_v1 import Advice, Asked, Attempt, DnsProvider, MailAdvice, MxAttempt, MxRecord, Perspective
from services.dnscheck.findings import evidence, mx
from services.dnscheck.findings.advice import topics as advice
from services.dnscheck.findings.diagnosis import Diagnosis
from services.dnscheck.findings.evidence import name_servers, negative_ttl_seconds
from services.dnscheck.findings.mx import MxDiagnosis
from services.dnscheck.findings.providers import one_click_api, provider_of
from services.dnscheck.findings.remarks import trap_texts
from services.dnscheck.findings.witness import Dnssec
from services.dnscheck.observation import MailObservation, MxObservation, TxtObservation
from services.dnscheck.rules import Watch


def txt_attempt(
    found: Diagnosis, observation: TxtObservation, before: Watch, after: Watch, begun_at: datetime
) -> Attempt:
    """Word a look for the proof. What only some looks ask for is taken over from the one before."""
    corroboration = observation.corroboration
    return Attempt(
        kind=found.kind,
        code=found.code,
        text=Text(de=found.text_de, en=found.text_en),
        expected_name=before.record_name,
        expected_value=before.record_value,
        seen=found.seen,
        notes=found.notes,
        asked=_asked(found.asked),
        checked_at=begun_at,
        elapsed_ms=round(observation.elapsed_ms),
        next_check_at=after.next_due_at,
        dnssec=found.dnssec if corroboration else _first_dnssec(before),
        perspectives=tuple(
            Perspective(site=view.site, verdict=view.verdict) for view in (corroboration.sites if corroboration else ())
        ),
        name_servers=name_servers(observation),
        zone_serial=after.zone.serial,
        zone_changed_at=after.zone.changed_at,
        negative_ttl_seconds=negative_ttl_seconds(observation) or _last_negative_ttl(before),
        provider=provider_seen(observation, before),
    )


def mx_attempt(
    found: MxDiagnosis, observation: MxObservation, before: Watch, after: Watch, begun_at: datetime
) -> MxAttempt:
    """Word a look at the MX records."""
    return MxAttempt(
        state=found.state,
        code=found.code,
        text=Text(de=found.text_de, en=found.text_en),
        expected=_mx_records(found.expected),
        seen=_mx_records(found.seen),
        asked=_asked(found.asked),
        checked_at=begun_at,
        elapsed_ms=round(observation.elapsed_ms),
        next_check_at=after.next_due_at,
        name_servers=name_servers(observation),
        zone_serial=after.zone.serial,
        zone_changed_at=after.zone.changed_at,
        negative_ttl_seconds=negative_ttl_seconds(observation) or _last_negative_ttl(before),
        provider=provider_seen(observation, before),
    )


def mail_advice(
    items: tuple[Advice, ...], observation: MailObservation, begun_at: datetime, next_check_at: datetime | None
) -> MailAdvice:
    """Word a look at the other records that mail wants."""
    return MailAdvice(
        items=items,
        asked=_asked(advice.asked_for_advice(observation)),
        checked_at=begun_at,
        elapsed_ms=round(observation.elapsed_ms),
        next_check_at=next_check_at,
    )


def provider_seen(observation: TxtObservation | MxObservation, watch: Watch) -> DnsProvider | None:
    """Say who runs the domain's DNS, where its name servers tell, and how its form misleads."""
    one_click = _one_click(observation, watch) if isinstance(observation, TxtObservation) else None
    provider = provider_of(name_servers(observation))
    if provider is None:
        return DnsProvider(key="unknown", name="", one_click=one_click) if one_click else None
    label = watch.record_name.removesuffix(f".{observation.delegation.zone}")
    trap = trap_texts(provider, label=label, value=watch.record_value) if watch.facet == "txt" else None
    return DnsProvider(
        key=provider.key,
        name=provider.name,
        trap=Text(en=trap[0], de=trap[1]) if trap else None,
        one_click=one_click,
    )


def _one_click(observation: TxtObservation, before: Watch) -> str | None:
    values = [value for answer in observation.domain_connect if answer.aa for value in answer.values]
    if observation.domain_connect:
        return one_click_api(values)
    last = _last(before)
    return last.provider.one_click if last is not None and last.provider is not None else None


def _last_negative_ttl(before: Watch) -> int | None:
    """A record that is there has no negative TTL: what others may remember is that of the looks before."""
    last = _last(before)
    return last.negative_ttl_seconds if last is not None else None


def _last(before: Watch) -> Attempt | MxAttempt | None:
    last = before.recent[0] if before.recent else None
    return last if isinstance(last, Attempt | MxAttempt) else None


def _first_dnssec(before: Watch) -> Dnssec:
    """What is proven is not asked about again: what was found at its first proof goes on standing."""
    last = _last(before)
    return last.dnssec if before.proven_at is not None and isinstance(last, Attempt) else "unchecked"


def _asked(asked: Iterable[evidence.Asked]) -> tuple[Asked, ...]:
    return tuple(
        Asked(name=one.name, type=one.type, server=one.server, address=one.address, answer=one.answer) for one in asked
    )


def _mx_records(records: Iterable[mx.MxRecord]) -> tuple[MxRecord, ...]:
    return tuple(MxRecord(preference=record.preference, host=record.host) for record in records)
