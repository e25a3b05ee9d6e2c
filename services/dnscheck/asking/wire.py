"""The usual question and the usual reply, octet by octet; what is unusual in a reply is left to dnspython.

Reading by hand is what makes a look-up cheap: a reply is taken apart without an object per name and record. What
`read` accepts, dnspython accepts too and reads the same; in doubt `read` says nothing (RFC 1035, RFC 6891).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import dns.ipv4
import dns.ipv6
from dns.name import Name

from services.dnscheck.asking.dice import DICE

EDNS_PAYLOAD = 1232  # never fragmented on its way (DNS flag day 2020)
PLAIN_PAYLOAD = 512  # what fits into a datagram without EDNS
HEADER_OCTETS = 12
MAX_POINTERS = 8  # dnspython follows 16; a real name needs one or two
MAX_NAME_OCTETS = 255

AA, TC, RD, AD, CD = 0x0400, 0x0200, 0x0100, 0x0020, 0x0010
DO = 0x8000  # in the OPT record
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED, NOTAUTH = 0, 1, 2, 3, 4, 5, 9

_A, _NS, _CNAME, _SOA, _MX, _TXT, _AAAA, _OPT = 1, 2, 5, 6, 15, 16, 28, 41
_IN = 1
_HEADER = struct.Struct("!HHHHHH")
_RECORD = struct.Struct("!HHIH")
_SERIAL_TO_MINIMUM = struct.Struct("!IIIII")
_LENGTHS = [bytes((count,)) for count in range(64)]
# 0x20 where a letter may change its case. The octets of lengths are never letters: they end at 63.
_CASE_BITS = bytes(0x20 if 0x61 <= octet <= 0x7A else 0 for octet in range(256))
_PLAIN = b"abcdefghijklmnopqrstuvwxyz0123456789-_"
_POINTER_TO_QUESTION = b"\xc0\x0c"


class Question(NamedTuple):
    """A question as it goes out, but for its id. A reply counts only when the question comes back octet for octet."""

    after_id: bytes  # the whole message from octet 2 on
    octets: bytes  # name, type and class
    name: bytes  # lower case, as on the wire
    rdtype: int

    def is_answered_by(self, reply: bytes) -> bool:
        """Whether `reply` is a reply to a query with exactly this question. Its id and source are the caller's."""
        return reply.startswith(self.octets, HEADER_OCTETS) and _is_reply(reply)

    def comes_back_in_other_case(self, reply: bytes) -> bool:
        """Whether `reply` would answer, had its server kept the case of the letters."""
        echoed = reply[HEADER_OCTETS : HEADER_OCTETS + len(self.octets)]
        return echoed != self.octets and echoed.lower() == self.octets.lower() and _is_reply(reply)


class Seen(NamedTuple):
    """What a reply says about the name and type asked for."""

    flags: int  # the header's second word: AA, TC, AD ...
    rcode: int
    values: tuple[str, ...] = ()
    cname: str = ""
    serial: int | None = None  # of the SOA record in the authority section
    negative_ttl_seconds: int | None = None  # for how long others remember a no (RFC 2308)


def name_octets(name: Name) -> bytes:
    """Write an absolute name as on the wire, uncompressed and in lower case."""
    return _octets_of(name.labels)


@lru_cache(maxsize=4096)  # a zone's name is needed for each of its questions, a question's for each of its servers
def _octets_of(labels: tuple[bytes, ...]) -> bytes:
    return b"".join([_LENGTHS[len(label)] + label for label in labels]).lower()


def question(
    name: bytes,
    rdtype: int,
    *,
    mixed_case: bool = True,
    edns: bool = True,
    rd: bool = False,
    ad: bool = False,
    cd: bool = False,
    do: bool = False,
) -> Question:
    """Build a question for `name` (of `name_octets`), by default as an authoritative server is asked.

    Mixed case: every letter's case is a random bit that a forger would have to guess (0x20).
    """
    asked = _mixed_case(name) if mixed_case else name
    octets = asked + rdtype.to_bytes(2, "big") + b"\x00\x01"
    flags = (RD if rd else 0) | (AD if ad else 0) | (CD if cd else 0)
    if not edns:
        return Question(_counts(flags, 0) + octets, octets, name, rdtype)
    opt = struct.pack("!BHHIH", 0, _OPT, EDNS_PAYLOAD, DO if do else 0, 0)
    return Question(_counts(flags, 1) + octets + opt, octets, name, rdtype)


def is_not_understood(reply: bytes) -> bool:
    """A FORMERR without question: how servers that predate EDNS answer."""
    return len(reply) >= HEADER_OCTETS and reply[2] & 0x80 != 0 and reply[3] & 0xF == FORMERR


def flags_of(reply: bytes) -> int:
    """Return the header's flags and rcode."""
    return reply[2] << 8 | reply[3]


def records_in(reply: bytes) -> int:
    """Return how many records the header counts."""
    return sum(_HEADER.unpack_from(reply)[3:])


def has_answers(reply: bytes) -> bool:
    """Whether the header counts records in the answer section."""
    return reply[6:8] != b"\x00\x00"


def read(reply: bytes, asked: Question) -> Seen | None:
    """Read a reply that `asked.is_answered_by`; None where anything in it is unusual, broken or hostile."""
    try:
        return _read(reply, asked)
    except (_Unusual, IndexError, struct.error):
        return None


class _Unusual(Exception):
    """Not a reply that this file reads."""


def _mixed_case(name: bytes) -> bytes:
    dice = int.from_bytes(DICE.roll(len(name)), "big")
    letters = int.from_bytes(name.translate(_CASE_BITS), "big")
    return (int.from_bytes(name, "big") ^ (letters & dice)).to_bytes(len(name), "big")


def _counts(flags: int, additional: int) -> bytes:
    return struct.pack("!HHHHH", flags, 1, 0, 0, additional)


def _is_reply(reply: bytes) -> bool:
    """QR set, opcode QUERY, one question."""
    return reply[2] & 0xF8 == 0x80 and reply[4:6] == b"\x00\x01"


def _read(reply: bytes, asked: Question) -> Seen:
    _, flags, _, answers, authorities, additionals = _HEADER.unpack_from(reply)
    offset = HEADER_OCTETS + len(asked.octets)
    values: dict[bytes | str, str] = {}  # by content: a record that comes twice counts once
    cname = ""
    for _ in range(answers):
        is_asked, rdtype, _ttl, start, end = _record(reply, offset, asked.name)
        value = _value(reply, rdtype, start, end)
        if is_asked and rdtype == asked.rdtype:
            if values and rdtype in (_SOA, _CNAME):
                raise _Unusual  # a name has one
            values.setdefault(reply[start:end] if rdtype == _TXT else value, value)
        elif is_asked and rdtype == _CNAME:
            if cname:
                raise _Unusual
            cname = value
        offset = end
    serial, negative_ttl, offset = _authority(reply, offset, authorities, asked.name)
    _additional(reply, offset, additionals, asked.name)
    return Seen(flags, flags & 0xF, tuple(values.values()), cname, serial, negative_ttl)


def _authority(reply: bytes, offset: int, count: int, name: bytes) -> tuple[int | None, int | None, int]:
    """The serial and the negative TTL of the zone's SOA record, if there is one, and where the section ends."""
    serial = negative_ttl = None
    for _ in range(count):
        _, rdtype, ttl, start, end = _record(reply, offset, name)
        _value(reply, rdtype, start, end)
        if rdtype == _SOA:
            if serial is not None:
                raise _Unusual
            serial, _, _, _, minimum = _SERIAL_TO_MINIMUM.unpack_from(reply, end - 20)
            negative_ttl = min(ttl, minimum)
        offset = end
    return serial, negative_ttl, offset


def _additional(reply: bytes, offset: int, count: int, name: bytes) -> None:
    """Look the rest over: glue, and one OPT record that changes nothing."""
    has_opt = False
    for _ in range(count):
        if reply[offset : offset + 3] == b"\x00\x00\x29":
            _, _, extended, length = _RECORD.unpack_from(reply, offset + 1)
            if has_opt or length or extended >> 16:
                raise _Unusual  # options, another version, or an rcode of more than four bits
            has_opt = True
            offset += 11
        else:
            _, rdtype, _, start, offset = _record(reply, offset, name)
            _value(reply, rdtype, start, offset)


def _record(reply: bytes, offset: int, name: bytes) -> tuple[bool, int, int, int, int]:
    """Whether a record belongs to `name`, its type and TTL, and where its data begin and end."""
    if reply.startswith(_POINTER_TO_QUESTION, offset):
        is_asked = True
        offset += 2
    else:
        owner, offset = _name(reply, offset, len(reply))
        is_asked = owner == name
    rdtype, rdclass, ttl, length = _RECORD.unpack_from(reply, offset)
    start = offset + 10
    end = start + length
    if rdclass != _IN or end > len(reply) or ttl > 0x7FFFFFFF:
        raise _Unusual
    return is_asked, rdtype, ttl, start, end


def _value(reply: bytes, rdtype: int, start: int, end: int) -> str:
    """A record's data as `replies.value_text` writes them."""
    reader = _READERS.get(rdtype)
    if reader is None:
        raise _Unusual
    return reader(reply, start, end)


def _txt(reply: bytes, start: int, end: int) -> str:
    first_end = start + 1 + reply[start]
    if first_end == end:  # one string: nearly always
        return reply[start + 1 : end].decode("utf-8", "backslashreplace")
    strings: list[bytes] = []
    while start < end:
        string_end = start + 1 + reply[start]
        strings.append(reply[start + 1 : string_end])
        start = string_end
    if start != end or not strings:
        raise _Unusual
    return b"".join(strings).decode("utf-8", "backslashreplace")


def _a(reply: bytes, start: int, end: int) -> str:
    if end - start != 4:
        raise _Unusual
    return dns.ipv4.inet_ntoa(reply[start:end])


def _aaaa(reply: bytes, start: int, end: int) -> str:
    if end - start != 16:
        raise _Unusual
    return dns.ipv6.inet_ntoa(reply[start:end])


def _host(reply: bytes, start: int, end: int) -> str:
    name, after = _name(reply, start, end)
    text = _text(name)
    if after != end or not text:  # the root is nobody's host
        raise _Unusual
    return text


def _mx(reply: bytes, start: int, end: int) -> str:
    name, after = _name(reply, start + 2, end)
    if after != end:
        raise _Unusual
    return f"{reply[start] << 8 | reply[start + 1]} {_text(name) or '.'}"  # "." is the null MX (RFC 7505)


def _soa(reply: bytes, start: int, end: int) -> str:
    _, after = _name(reply, start, end)
    _, after = _name(reply, after, end)
    if after + 20 != end:
        raise _Unusual
    return str(int.from_bytes(reply[after : after + 4], "big"))


_READERS: dict[int, Callable[[bytes, int, int], str]] = {
    _A: _a,
    _NS: _host,
    _CNAME: _host,
    _SOA: _soa,
    _MX: _mx,
    _TXT: _txt,
    _AAAA: _aaaa,
}


def _name(reply: bytes, offset: int, limit: int) -> tuple[bytes, int]:
    """A name uncompressed and in lower case, and where it ends; its first part must end before `limit`.

    A pointer must point before everything read so far, and what it points to must end there: so no chain of pointers
    can go round, nor read an octet twice.
    """
    parts: list[bytes] = []
    first = offset
    after = pointers = octets = 0
    while True:
        length = reply[offset]
        if length == 0:
            break
        if length >= 0xC0:
            target = (length & 0x3F) << 8 | reply[offset + 1]
            pointers += 1
            if target >= first or target < HEADER_OCTETS or pointers > MAX_POINTERS or offset + 2 > limit:
                raise _Unusual
            after = after or offset + 2
            first, limit, offset = target, first, target
            continue
        label_end = offset + 1 + length
        octets += 1 + length
        if length > 63 or label_end >= limit or octets >= MAX_NAME_OCTETS:
            raise _Unusual
        parts.append(reply[offset:label_end])
        offset = label_end
    if offset >= limit:
        raise _Unusual
    return b"".join(parts).lower() + b"\x00", after or offset + 1


def _text(name: bytes) -> str:
    """A name as text, the root as none; a name with octets that would have to be escaped is unusual."""
    labels: list[bytes] = []
    offset = 0
    while name[offset]:
        label_end = offset + 1 + name[offset]
        labels.append(name[offset + 1 : label_end])
        offset = label_end
    if b"".join(labels).translate(None, _PLAIN):
        raise _Unusual
    return b".".join(labels).decode("ascii")
