"""Asks the operator's own validating recursor what the rest of the Internet sees, after the servers in charge said yes.

Never before: a recursor that is asked too early remembers that the record was absent, for as long as the zone allows.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
from dns.message import Message, QueryMessage

from services.dnscheck.asking.replies import MAX_RECORDS, value_text
from services.dnscheck.observation import NOES, AnswerKind, PublicView, ServerAnswer

EDNS_PAYLOAD = 1232  # never fragmented on its way (DNS flag day 2020)
TIMEOUTS_SECONDS = (1.0, 2.0, 4.0)  # per try: a cold validating look-up walks to the root and back
TCP_TIMEOUT_SECONDS = 5.0
MAX_REASONS = 3  # extended errors of one answer


@dataclass(frozen=True, slots=True)
class Recursor:
    """The operator's recursor. The address filter does not apply to it; its answers are checked like any."""

    address: str
    port: int = 53
    timeouts_seconds: Sequence[float] = TIMEOUTS_SECONDS
    tcp_timeout_seconds: float = TCP_TIMEOUT_SECONDS

    async def view_txt(self, name: str) -> PublicView:
        """Ask for the TXT records of `name` with validation; where that fails, without.

        A failure counts as one of validation only when it comes back after the unvalidated answer was there: what
        failed for want of time succeeds from the cache then.
        """
        checked, authenticated = await self._ask(name, checking_disabled=False)
        if checked.kind != "servfail":
            return PublicView(checked=checked, is_authenticated=authenticated)
        unchecked, _ = await self._ask(name, checking_disabled=True)
        if unchecked.kind in NOES:
            checked, authenticated = await self._ask(name, checking_disabled=False)
        still_fails = checked.kind == "servfail"
        return PublicView(checked=checked, is_authenticated=authenticated, unchecked=unchecked if still_fails else None)

    async def _ask(self, name: str, *, checking_disabled: bool) -> tuple[ServerAnswer, bool]:
        """Return the answer and whether it was authenticated. Trouble is an answer too, never an exception."""
        started = time.perf_counter()
        blank = ServerAnswer(server="recursor", address=self.address, name=name, rdtype="TXT", kind="timeout")
        flags = dns.flags.RD | dns.flags.AD | (dns.flags.CD if checking_disabled else 0)
        found, authenticated = blank, False
        for seconds in self.timeouts_seconds:
            query = dns.message.make_query(
                name, dns.rdatatype.TXT, flags=flags, use_edns=0, payload=EDNS_PAYLOAD, want_dnssec=True
            )
            reply = await self._exchange(query, seconds)
            if isinstance(reply, Message):
                found = _read(reply, blank)
                authenticated = bool(reply.flags & dns.flags.AD) and not checking_disabled
                break
            found = replace(blank, kind=reply)
        elapsed_ms = (time.perf_counter() - started) * 1000
        return replace(found, elapsed_ms=elapsed_ms), authenticated

    async def _exchange(self, query: Message, seconds: float) -> Message | AnswerKind:
        """One try over UDP, over TCP where the answer is too long. Id, question and source are dnspython's to check."""
        try:
            return await dns.asyncquery.udp(
                query, self.address, timeout=seconds, port=self.port, ignore_unexpected=True, ignore_errors=True,
                raise_on_truncation=True,
            )  # fmt: skip
        except dns.message.Truncated:
            return await self._exchange_over_tcp(query)
        except (OSError, dns.exception.DNSException):
            return "timeout"

    async def _exchange_over_tcp(self, query: Message) -> Message | AnswerKind:
        try:
            return await dns.asyncquery.tcp(query, self.address, timeout=self.tcp_timeout_seconds, port=self.port)
        except (OSError, EOFError, dns.exception.DNSException):
            return "truncated"


def _read(reply: Message, blank: ServerAnswer) -> ServerAnswer:
    """Say what a recursor's answer means: aliases are followed by it, and it speaks without the AA bit."""
    rcode = reply.rcode()
    found = replace(blank, rcode=dns.rcode.to_text(rcode), note=_reasons(reply))
    if rcode == dns.rcode.REFUSED:
        return replace(found, kind="refused")
    if rcode not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN) or not isinstance(reply, QueryMessage):
        return replace(found, kind="servfail")
    try:
        rrset = reply.resolve_chaining().answer
    except dns.exception.DNSException:
        return replace(found, kind="malformed")
    if rrset is not None:
        values = tuple(value_text(rdata) for rdata in list(rrset)[:MAX_RECORDS])
        return replace(found, kind="answer", values=values, negative_ttl_seconds=rrset.ttl)
    kind: AnswerKind = "nxdomain" if rcode == dns.rcode.NXDOMAIN else "nodata"
    return replace(found, kind=kind, negative_ttl_seconds=_remembered_seconds(reply))


def _remembered_seconds(reply: Message) -> int | None:
    """How much longer the recursor remembers that there is nothing: what is left of the SOA record's TTL (RFC 2308)."""
    soa = next((rrset for rrset in reply.authority if rrset.rdtype == dns.rdatatype.SOA), None)
    return min(soa.ttl, next(iter(soa)).minimum) if soa else None


def _reasons(reply: Message) -> str:
    """Extended DNS errors (RFC 8914), as far as they were given. Their text is the recursor's: untrusted."""
    errors = reply.extended_errors()[:MAX_REASONS]
    return "; ".join(f"EDE {int(error.code)}" + (f" {error.text}" if error.text else "") for error in errors)
