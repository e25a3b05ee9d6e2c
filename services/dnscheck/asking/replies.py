"""What a reply says, coming from a server of a zone: a yes, a no, a referral, or nothing that counts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype
from dns.message import Message
from dns.name import Name
from dns.rdata import Rdata
from dns.rdatatype import RdataType
from dns.rdtypes.ANY.MX import MX
from dns.rdtypes.ANY.SOA import SOA
from dns.rdtypes.ANY.TXT import TXT
from dns.rrset import RRset

from services.dnscheck.asking import wire
from services.dnscheck.asking.wire import Question, Seen
from services.dnscheck.observation import AnswerKind, ServerAnswer

MAX_NAME_SERVERS = 13
# Of a whole message. A longer one would keep the loop for seconds; one read in part would be taken for a no.
MAX_RECORDS = 500

_PLAIN = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
rdtype_text = lru_cache(maxsize=256)(dns.rdatatype.to_text)
rcode_text = lru_cache(maxsize=256)(dns.rcode.to_text)


@dataclass(frozen=True, slots=True)
class ServerTrouble:
    """Why a server gave nothing that could be read."""

    kind: AnswerKind
    note: str = ""


class Received:
    """A readable reply. Its message is made by dnspython when somebody wants it: referrals are read from it."""

    __slots__ = ("_message", "octets", "seen")

    def __init__(self, octets: bytes, seen: Seen, message: Message | None = None) -> None:
        self.octets = octets
        self.seen = seen
        self._message = message

    @property
    def message(self) -> Message | None:
        """The whole reply; None where dnspython cannot read it, as when it was cut off."""
        if self._message is None:
            parsed = parse(self.octets)
            self._message = parsed if isinstance(parsed, Message) else None
        return self._message


def receive(octets: bytes, question: Question, name: Name, rdtype: RdataType) -> Received | ServerTrouble:
    """Read a reply to `question`, whatever a hostile server made of it: by hand, where unusual by dnspython."""
    flags = wire.flags_of(octets)
    if flags & wire.TC or flags & 0xF == wire.FORMERR:
        return Received(octets, Seen(flags, flags & 0xF))  # nothing else in it counts
    if wire.records_in(octets) > MAX_RECORDS:
        return ServerTrouble("malformed", f"more than {MAX_RECORDS} records")
    seen = wire.read(octets, question)
    if seen is not None:
        return Received(octets, seen)
    message = parse(octets)
    if isinstance(message, ServerTrouble):
        return message
    try:
        return Received(octets, seen_in(message, name, rdtype), message)
    except Exception as error:
        return ServerTrouble("malformed", type(error).__name__)


def parse(octets: bytes) -> Message | ServerTrouble:
    """Let dnspython read a message."""
    try:
        return dns.message.from_wire(octets, ignore_trailing=True)
    except Exception as error:  # whatever a hostile server makes the parser stumble over is that server's trouble
        return ServerTrouble("malformed", type(error).__name__)


def seen_in(message: Message, name: Name, rdtype: RdataType) -> Seen:
    """Say of dnspython's message what `wire.read` says of a usual one."""
    alias = message.get_rrset(message.answer, name, dns.rdataclass.IN, dns.rdatatype.CNAME)
    rrset = message.get_rrset(message.answer, name, dns.rdataclass.IN, rdtype)
    soa = next((rrset for rrset in message.authority if rrset.rdtype == dns.rdatatype.SOA), None)
    serial, negative_ttl = next(((rd.serial, min(soa.ttl, rd.minimum)) for rd in soa or () if soa), (None, None))
    return Seen(
        flags=int(message.flags),
        rcode=int(message.rcode()),
        values=tuple(value_text(rdata) for rdata in rrset or ()),
        cname="" if alias is None or rdtype == dns.rdatatype.CNAME else name_text(next(iter(alias)).target),
        serial=serial,
        negative_ttl_seconds=negative_ttl,
    )


def judge(
    received: Received, *, server: str, address: str, zone: Name, name: Name, rdtype: RdataType, elapsed_ms: float
) -> ServerAnswer:
    """Say what a reply means coming from a server of `zone`. Only with the AA bit it is a yes or a no."""
    seen = received.seen
    kind: AnswerKind = _kind(seen)
    values = seen.values
    if kind == "lame":
        cut = find_cut(received.message, zone, name) if received.message is not None else None
        kind = "referral" if cut else "lame"
        values = tuple(sorted(name_text(rdata.target) for rdata in cut or ()))[:MAX_NAME_SERVERS]
    is_word = kind in ("answer", "nxdomain", "nodata")
    return ServerAnswer(
        server=server,
        address=address,
        name=name_text(name),
        rdtype=rdtype_text(rdtype),
        kind=kind,
        rcode=rcode_text(seen.rcode),
        aa=bool(seen.flags & wire.AA),
        values=values if is_word or kind == "referral" else (),
        cname="" if values or not is_word else seen.cname,
        serial=seen.serial if is_word else None,
        negative_ttl_seconds=seen.negative_ttl_seconds if is_word else None,
        elapsed_ms=elapsed_ms,
    )


def _kind(seen: Seen) -> AnswerKind:
    """The kind of an answer; "lame" may still be a referral."""
    if seen.rcode in (wire.REFUSED, wire.NOTAUTH):
        return "refused"
    if seen.rcode not in (wire.NOERROR, wire.NXDOMAIN):
        return "servfail"
    if not seen.flags & wire.AA:
        return "lame"
    if seen.values or seen.cname:
        return "answer"
    return "nxdomain" if seen.rcode == wire.NXDOMAIN else "nodata"


def find_cut(message: Message, zone: Name, name: Name) -> RRset | None:
    """The delegation in a referral, when it leads from `zone` down towards `name` and nowhere else."""
    for rrset in message.authority:
        downward = rrset.name != zone and rrset.name.is_subdomain(zone)
        is_delegation = rrset.rdclass == dns.rdataclass.IN and rrset.rdtype == dns.rdatatype.NS
        if is_delegation and downward and name.is_subdomain(rrset.name):
            return rrset
    return None


def name_text(name: Name) -> str:
    """Write a name as the rest of Postkontor does: lower case, without the final dot."""
    return _text_of(name.labels)


@lru_cache(maxsize=4096)
def _text_of(labels: tuple[bytes, ...]) -> str:
    if len(labels) > 1 and not labels[-1] and not b"".join(labels).translate(None, _PLAIN):
        return b".".join(labels[:-1]).decode("ascii").lower()
    return Name(labels).to_text(omit_final_dot=True).lower()  # with something to escape


def value_text(rdata: Rdata) -> str:
    """A record's value as people write it: TXT strings joined, an MX as `10 mx1.example.de`."""
    if isinstance(rdata, TXT):
        return b"".join(rdata.strings).decode("utf-8", "backslashreplace")
    if isinstance(rdata, MX):
        return f"{rdata.preference} {name_text(rdata.exchange)}"
    if isinstance(rdata, SOA):
        return str(rdata.serial)
    return rdata.to_text().removesuffix(".").lower()
