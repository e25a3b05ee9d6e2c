"""What dnscheck counts for its operators: looks by what they found, and questions that were not sent."""

from contracts.dnscheck_v1 import AdviceChecked, MxChecked, TxtChecked
from services.chassis import metrics

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0)

LOOKS = metrics.counter("dns_looks", "looks at a domain, by facet and by the code of what was found", "facet", "code")
LOOK_SECONDS = metrics.histogram("dns_look_seconds", "a look at a domain", "facet", buckets=SECONDS)
UNASKED = metrics.counter("dns_unasked", "questions not sent: the server rests, or had no turn in time", "reason")


def count_txt(fact: TxtChecked) -> None:
    """Count a look for the proof."""
    _count("txt", fact.attempt.code, fact.attempt.elapsed_ms)


def count_mx(fact: MxChecked) -> None:
    """Count a look at the MX records."""
    _count("mx", fact.attempt.code, fact.attempt.elapsed_ms)


def count_advice(fact: AdviceChecked) -> None:
    """Count a look at what else mail wants. Its records have a code each; counted is whether all could be asked."""
    asked_all = all(item.state != "unknown" for item in fact.advice.items)
    _count("advice", "seen" if asked_all else "could_not_ask", fact.advice.elapsed_ms)


def _count(facet: str, code: str, elapsed_ms: int) -> None:
    LOOKS.labels(facet, code).inc()
    LOOK_SECONDS.labels(facet).observe(elapsed_ms / 1000)
