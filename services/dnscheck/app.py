"""Wiring of dnscheck: the handlers, and the resolver and expectations from its settings."""

from typing import Any

from contracts.dnscheck_v1 import AdviceChecked, MxChecked, TxtChecked
from services.dnscheck import measures
from services.dnscheck.corroboration import Corroborator, perspective_of, subject_of
from services.dnscheck.handlers import LOOKOUT, service
from services.dnscheck.settings import DnscheckSettings

__all__ = ["service"]

SPARE_SECONDS = 2.0  # beyond an attempt's time, for another site's answer to come back


async def use_settings(runtime: Any) -> None:
    """Make the resolver on the worker's event loop."""
    settings = DnscheckSettings()
    LOOKOUT.mx = settings.mx
    LOOKOUT.mail = settings.expected_mail()
    LOOKOUT.resolver = resolver = settings.resolver()
    LOOKOUT.corroborator = Corroborator(
        recursor=settings.dns_recursor,
        sites=settings.other_sites,
        quorum=settings.quorum,
        ask=lambda subject, question, seconds: runtime.ask(subject, question, seconds=seconds),
        site_seconds=settings.dns_attempt_seconds + SPARE_SECONDS,
    )
    if settings.dns_site is not None:
        await runtime.serve(subject_of(settings.dns_site), perspective_of(settings.dns_site, resolver))


async def close_resolver() -> None:
    """Give the resolver's sockets back when the worker stops."""
    if LOOKOUT.resolver is not None:
        LOOKOUT.resolver.close()


service.counts(TxtChecked)(measures.count_txt)
service.counts(MxChecked)(measures.count_mx)
service.counts(AdviceChecked)(measures.count_advice)
service.on_start.append(use_settings)
service.on_stop.append(close_resolver)
