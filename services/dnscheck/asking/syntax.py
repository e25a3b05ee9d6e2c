"""Whether SPF and DMARC records keep their grammar: checkdmarc's parser, without one question to anybody's DNS.

checkdmarc looks things up while it parses, synchronously and by the machine's own resolver. Here it gets one that
knows nothing: it checks the syntax of a whole record before its first look-up, so what it says of syntax stands, and
what it says after that is ignored. What a record leads to is asked by `mailrecords`, within budgets. Importing it takes
0.3 s and 30 MB, so that is left until the first record comes, and done in a thread.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import dns.exception

from services.dnscheck.observation import SyntaxFault
from services.dnscheck.records import MECHANISMS, is_spf, opens_with, spf_terms

MAX_CHARACTERS = 4000  # of a record that is checked; a receiver reads no longer one over UDP either
MAX_TERMS = 100
_DOMAIN_SPEC = re.compile(r"[A-Za-z0-9_.%{}+,/=-]+")  # with the letters that macros need (RFC 7208 7.1)


class _KnowsNothing:
    """Stands where checkdmarc wants a resolver, and answers no question."""

    lifetime = 0.0

    def resolve(self, *_: object, **__: object) -> Any:
        raise dns.exception.Timeout


_NOBODY: Any = _KnowsNothing()


async def find_faults(domain: str, values: Iterable[str]) -> tuple[SyntaxFault, ...]:
    """Return the faulty SPF and DMARC records among some TXT values, each with the part that is wrong."""
    records = [value for value in dict.fromkeys(values) if is_spf(value) or opens_with(value, "DMARC1")]
    return await asyncio.to_thread(_faults, domain, records) if records else ()


def _faults(domain: str, records: Iterable[str]) -> tuple[SyntaxFault, ...]:
    parts = {one: _spf_fault(domain, one) if is_spf(one) else _dmarc_fault(domain, one) for one in records}
    return tuple(SyntaxFault(record, part) for record, part in parts.items() if part)


def _spf_fault(domain: str, record: str) -> str:
    """Return the term that breaks the grammar of RFC 7208, the whole record where none does alone, or nothing."""
    terms = spf_terms(record)
    texts = [term.text for term in terms]
    if len(record) > MAX_CHARACTERS or len(terms) > MAX_TERMS:
        return record
    twice = [name for name in ("redirect", "exp") if sum(t.is_modifier and t.name == name for t in terms) > 1]
    for term in terms:
        # Two slips that the grammar allows or the parser overlooks, and that mean another thing than was meant.
        is_slip = term.is_modifier and term.name in MECHANISMS
        is_no_name = term.name in ("include", "a", "mx", "exists", "redirect") and bool(
            term.value and not _is_domain_spec(term.value)
        )
        if is_slip or is_no_name or (term.is_modifier and term.name in twice):
            return term.text
    if not _breaks_spf(domain, texts):
        return ""
    return next((text for text in texts if _breaks_spf(domain, [text])), record)


def _is_domain_spec(value: str) -> bool:
    return _DOMAIN_SPEC.fullmatch(value) is not None and ("%" in value or "," not in value)


def _breaks_spf(domain: str, terms: Iterable[str]) -> bool:
    from checkdmarc.spf import SPFSyntaxError, parse_spf_record

    # An explanation would be looked up by the machine's resolver; its syntax matters to nobody's mail.
    record = " ".join(["v=spf1", *(term for term in terms if not term.lower().startswith("exp="))])
    return _breaks(SPFSyntaxError, lambda: parse_spf_record(record, domain, resolver=_NOBODY, retries=0))


def _dmarc_fault(domain: str, record: str) -> str:
    """Return the tag that breaks the grammar of RFC 9989, the whole record where none does alone, or nothing."""
    if len(record) > MAX_CHARACTERS:
        return record
    if not _breaks_dmarc(domain, record):
        return ""
    tags = [part.strip() for part in record.split(";")[1:]]
    return next((tag for tag in _alone(tags) if _breaks_dmarc(domain, f"v=DMARC1; {tag}")), record)


def _alone(tags: list[str]) -> Iterator[str]:
    return (tag for tag in tags[:MAX_TERMS] if tag)


def _breaks_dmarc(domain: str, record: str) -> bool:
    from checkdmarc.dmarc import DMARCSyntaxError, parse_dmarc_record

    return _breaks(DMARCSyntaxError, lambda: parse_dmarc_record(record, domain, resolver=_NOBODY, retries=0))


def _breaks(fault: type[Exception], parse: Callable[[], object]) -> bool:
    """Whether parsing ends in a fault of syntax; whatever else it stumbles over comes after that was found good."""
    try:
        parse()
    except fault:
        return True
    except Exception:
        return False
    return False
