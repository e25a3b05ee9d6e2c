"""What goes wrong with name servers, on purpose: a reply is spoiled on its way to the wire.

A fault hits the questions for one name and everything below it, at one server or at all, of one type or of all. Of
several that fit, the one for the longest name is at work.

    drop               no answer                          delay              the answer comes `seconds` late
    duplicate          the answer comes twice, the second `seconds` later
    servfail, refused, formerr, notimp                    an answer with that code and nothing else
    no_edns            FORMERR to whoever asks with EDNS, as servers older than RFC 2671 do
    lame               a referral upwards, to the root    not_authoritative  the answer lacks AA
    truncate           TC over UDP; TCP is closed after the question
    tcp_only           TC over UDP; TCP answers           tcp_hangs          TC over UDP; TCP stays silent
    tcp_partial        TC over UDP; TCP promises more octets than come
    tcp_refused        TC over UDP; nobody listens on TCP at that address, for any name
    rate_limit         TC over UDP and nothing else beyond `per_second` answers in a second (response rate limiting)
    wrong_id, wrong_question, wrong_source                an answer to somebody else, or from another address
    other_case         the question comes back in lower case
    wrong_answer       `values` stand in the answer instead of what the zone holds
    other_owner        the answer holds records of a name that was not asked for
    badsig             signatures do not fit              garbage            octets that are no DNS message
    malformed          a message that announces more records than it holds
"""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
from dns.message import Message
from dns.name import Name
from dns.rcode import Rcode
from dns.rdatatype import RdataType
from dns.rrset import RRset

from deploy.devstack.dnssockets import CLOSED, EDNS_PAYLOAD, Asked, Sending, encode
from deploy.devstack.hierarchy import ADDRESSES, ROOT_ADDRESS, ROOT_SERVER, TTL_SECONDS
from deploy.devstack.zones import rdata_of

Fault = Literal[
    "drop", "delay", "duplicate", "servfail", "refused", "formerr", "notimp", "no_edns", "lame", "not_authoritative",
    "truncate", "tcp_only", "tcp_hangs", "tcp_partial", "tcp_refused", "rate_limit", "wrong_id", "wrong_question",
    "wrong_source", "other_case", "wrong_answer", "other_owner", "badsig", "garbage", "malformed",
]  # fmt: skip

GARBAGE_OCTETS = 11  # shorter than a DNS header: never a message by chance

Said = Message | bytes | Sequence[Sending] | None


@dataclass(slots=True)
class FaultRule:
    """One fault and whom it hits; `left` counts down to its end, None never ends."""

    fault: Fault
    address: str | None
    name: Name
    rdtype: RdataType | None = None
    left: int | None = None
    seconds: float = 0.0
    per_second: int = 0
    values: tuple[str, ...] = ()
    _answered_at: deque[float] = field(default_factory=deque)

    def hits(self) -> tuple[str | None, Name, RdataType | None]:
        """Whom it hits: there is one fault for the same questions."""
        return self.address, self.name, self.rdtype

    def fits(self, address: str, name: Name, rdtype: RdataType) -> bool:
        """Whether a question is hit by this fault."""
        return self.address in (None, address) and self.rdtype in (None, rdtype) and name.is_subdomain(self.name)

    def allows_another(self) -> bool:
        """Count an answer, unless there were `per_second` within the last second."""
        now = time.monotonic()
        while self._answered_at and self._answered_at[0] <= now - 1:
            self._answered_at.popleft()
        if len(self._answered_at) >= self.per_second:
            return False
        self._answered_at.append(now)
        return True


class Faults:
    """The faults that are set."""

    def __init__(self) -> None:
        self._rules: list[FaultRule] = []

    def __iter__(self) -> Iterator[FaultRule]:
        return iter(list(self._rules))

    def add(self, rule: FaultRule) -> None:
        """Set a fault in place of the one for the same questions."""
        self._rules = [held for held in self._rules if held.hits() != rule.hits()]
        self._rules.append(rule)
        self._rules.sort(key=_precision, reverse=True)

    def heal(self, address: str | None, name: Name, rdtype: RdataType | None = None) -> None:
        """Take away the faults that were set for this address and name, with no `rdtype` those of every type."""
        self._rules = [
            rule
            for rule in self._rules
            if (rule.address, rule.name) != (address, name) or rdtype not in (None, rule.rdtype)
        ]

    def clear(self) -> None:
        """Take all faults away."""
        self._rules.clear()

    def take(self, address: str, name: Name, rdtype: RdataType) -> FaultRule | None:
        """The fault at work for this question; it counts as used once more."""
        rule = next((rule for rule in self._rules if rule.fits(address, name, rdtype)), None)
        if rule is not None and rule.left is not None:
            rule.left -= 1
            if rule.left == 0:
                self._rules.remove(rule)
        return rule

    def without_tcp(self) -> set[str]:
        """The addresses where nobody listens on TCP."""
        refusing = [rule.address for rule in self._rules if rule.fault == "tcp_refused"]
        return set(ADDRESSES) if None in refusing else {address for address in refusing if address}


def spoil(rule: FaultRule, asked: Asked, reply: Message) -> Said:
    """What goes out in place of `reply`."""
    if rule.fault == "drop" or (rule.fault == "tcp_hangs" and asked.tcp):
        return None
    said = _SPOILED_MESSAGES[rule.fault](rule, asked, reply) if rule.fault in _SPOILED_MESSAGES else reply
    wire = encode(asked, said)
    if rule.fault in _SPOILED_OCTETS and wire != CLOSED:
        wire = _SPOILED_OCTETS[rule.fault](wire)
    if rule.fault == "tcp_partial" and asked.tcp:
        return _partial(wire)
    if rule.fault == "duplicate":
        return [Sending(wire), Sending(wire, rule.seconds)]
    elsewhere = next(address for address in ADDRESSES if address != asked.address)
    return [Sending(wire, rule.seconds, elsewhere if rule.fault == "wrong_source" else None)]


def _code(asked: Asked, rcode: Rcode) -> Message:
    reply = dns.message.make_response(asked.query, our_payload=EDNS_PAYLOAD)
    reply.set_rcode(rcode)
    return reply


def _truncated(asked: Asked, reply: Message) -> Message:
    """Over UDP the header and the question, TC set; over TCP the whole reply."""
    if asked.tcp:
        return reply
    short = _code(asked, reply.rcode())
    short.flags |= (reply.flags & dns.flags.AA) | dns.flags.TC
    return short


def _truncated_everywhere(_rule: FaultRule, asked: Asked, reply: Message) -> Message:
    reply = _truncated(asked, reply)
    reply.flags |= dns.flags.TC
    return reply


def _rate_limited(rule: FaultRule, asked: Asked, reply: Message) -> Message:
    return reply if asked.tcp or rule.allows_another() else _truncated(asked, reply)


def _without_edns(_rule: FaultRule, asked: Asked, reply: Message) -> Message:
    if asked.query.edns < 0:
        return reply
    refusal = _code(asked, dns.rcode.FORMERR)
    refusal.use_edns(False)
    return refusal


def _lame(_rule: FaultRule, asked: Asked, _reply: Message) -> Message:
    upwards = _code(asked, dns.rcode.NOERROR)
    upwards.authority = [dns.rrset.from_text(dns.name.root, TTL_SECONDS, "IN", "NS", ROOT_SERVER)]
    upwards.additional = [dns.rrset.from_text(ROOT_SERVER, TTL_SECONDS, "IN", "A", ROOT_ADDRESS)]
    return upwards


def _not_authoritative(_rule: FaultRule, _asked: Asked, reply: Message) -> Message:
    reply.flags &= ~dns.flags.AA
    return reply


def _about(name: Name, reply: Message) -> Message:
    """The reply with another name in its question."""
    question = reply.question[0]
    reply.question = [RRset(name, question.rdclass, question.rdtype)]
    return reply


def _wrong_question(_rule: FaultRule, _asked: Asked, reply: Message) -> Message:
    first, *rest = reply.question[0].name.labels
    return _about(Name((bytes(reversed(first)) + b"x" if len(first) < 63 else first[1:], *rest)), reply)


def _other_case(_rule: FaultRule, _asked: Asked, reply: Message) -> Message:
    return _about(reply.question[0].name.canonicalize(), reply)


def _answering(records: Iterable[RRset], asked: Asked) -> Message:
    reply = _code(asked, dns.rcode.NOERROR)
    reply.flags |= dns.flags.AA
    reply.answer = list(records)
    return reply


def _wrong_answer(rule: FaultRule, asked: Asked, _reply: Message) -> Message:
    question = asked.query.question[0]
    values = [rdata_of(dns.name.root, question.rdtype, value) for value in rule.values]
    records = [dns.rrset.from_rdata_list(question.name, TTL_SECONDS, values)] if values else []
    return _answering(records, asked)


def _other_owner(_rule: FaultRule, asked: Asked, reply: Message) -> Message:
    elsewhere = dns.name.from_text("not.asked.for.example")
    records = [dns.rrset.from_rdata_list(elsewhere, rrset.ttl, list(rrset)) for rrset in reply.answer]
    return _answering(records or [dns.rrset.from_text(elsewhere, TTL_SECONDS, "IN", "TXT", '"not asked for"')], asked)


def _bad_signatures(_rule: FaultRule, _asked: Asked, reply: Message) -> Message:
    for section in (reply.answer, reply.authority):
        section[:] = [_unfit(rrset) if rrset.rdtype == dns.rdatatype.RRSIG else rrset for rrset in section]
    return reply


def _unfit(signatures: RRset) -> RRset:
    """Signatures with their last bit turned over."""
    turned = [
        signature.replace(signature=signature.signature[:-1] + bytes((signature.signature[-1] ^ 1,)))
        for signature in signatures
    ]
    return dns.rrset.from_rdata_list(signatures.name, signatures.ttl, turned)


def _partial(wire: bytes) -> list[Sending]:
    """Half of a reply after the length of the whole, then the end of the connection."""
    return [Sending(wire[: len(wire) // 2], announced=len(wire)), Sending(CLOSED)]


_Spoiler = Callable[[FaultRule, Asked, Message], Message]

_SPOILED_MESSAGES: dict[Fault, _Spoiler] = {
    "servfail": lambda _rule, asked, _reply: _code(asked, dns.rcode.SERVFAIL),
    "refused": lambda _rule, asked, _reply: _code(asked, dns.rcode.REFUSED),
    "formerr": lambda _rule, asked, _reply: _code(asked, dns.rcode.FORMERR),
    "notimp": lambda _rule, asked, _reply: _code(asked, dns.rcode.NOTIMP),
    "no_edns": _without_edns,
    "lame": _lame,
    "not_authoritative": _not_authoritative,
    "truncate": _truncated_everywhere,
    "tcp_only": lambda _rule, asked, reply: _truncated(asked, reply),
    "tcp_hangs": lambda _rule, asked, reply: _truncated(asked, reply),
    "tcp_partial": lambda _rule, asked, reply: _truncated(asked, reply),
    "tcp_refused": lambda _rule, asked, reply: _truncated(asked, reply),
    "rate_limit": _rate_limited,
    "wrong_question": _wrong_question,
    "other_case": _other_case,
    "wrong_answer": _wrong_answer,
    "other_owner": _other_owner,
    "badsig": _bad_signatures,
}

_SPOILED_OCTETS: dict[Fault, Callable[[bytes], bytes]] = {
    "wrong_id": lambda wire: bytes((wire[0] ^ 1,)) + wire[1:],
    "malformed": lambda wire: wire[:7] + bytes((wire[7] + 9 & 0xFF,)) + wire[8:],  # nine more answers than follow
    "garbage": lambda _wire: secrets.token_bytes(GARBAGE_OCTETS),
}


def _precision(rule: FaultRule) -> tuple[int, bool, bool]:
    return len(rule.name.labels), rule.rdtype is not None, rule.address is not None
