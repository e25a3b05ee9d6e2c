"""Questions and replies octet by octet: what is read by hand is what dnspython reads, and nothing breaks the reader."""

import struct
from itertools import pairwise
from pathlib import Path

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest
from dns.message import Message
from dns.rdatatype import RdataType
from hypothesis import given, settings
from hypothesis import strategies as st

from services.dnscheck.asking import wire
from services.dnscheck.asking.dice import STOCK_OCTETS, Dice
from services.dnscheck.asking.replies import MAX_RECORDS, Received, ServerTrouble, judge, receive, seen_in
from services.dnscheck.asking.wire import Question, Seen

NAME = dns.name.from_text("_postkontor-challenge.firma.de")
ZONE = dns.name.from_text("firma.de")
TXT = dns.rdatatype.TXT
ADDRESS = "192.0.2.53"
REPLIES = Path(__file__).parent.parent / "fuzz" / "replies.txt"


def asked(rdtype: RdataType = TXT) -> Question:
    return wire.question(wire.name_octets(NAME), rdtype, mixed_case=False)


def made_replies() -> list[tuple[str, str, RdataType, bytes]]:
    """Title, how it must end, type asked for, octets; see the file's head."""
    lines = [line.split(" | ") for line in REPLIES.read_text().splitlines() if not line.startswith("#")]
    return [(title, ending, RdataType(int(rdtype)), bytes.fromhex(octets)) for title, ending, rdtype, octets in lines]


def ending_of(octets: bytes, question: Question, rdtype: RdataType) -> str:
    if not question.is_answered_by(octets):
        return "ignored"
    return "read" if isinstance(receive(octets, question, NAME, rdtype), Received) else "malformed"


def agrees_with_dnspython(octets: bytes, question: Question, rdtype: RdataType) -> None:
    """Whatever is read by hand, dnspython reads too, and the same; nothing is raised by either way."""
    if not question.is_answered_by(octets):
        return
    by_hand = wire.read(octets, question)
    if by_hand is not None:
        message = dns.message.from_wire(octets, ignore_trailing=True)
        assert by_hand == seen_in(message, NAME, rdtype)
    received = receive(octets, question, NAME, rdtype)
    if isinstance(received, Received):
        judged = judge(received, server="ns", address=ADDRESS, zone=ZONE, name=NAME, rdtype=rdtype, elapsed_ms=0)
        assert len(judged.values) <= MAX_RECORDS
    else:
        assert received.kind == "malformed"


# -- questions


@pytest.mark.parametrize("rdtype", [TXT, dns.rdatatype.MX, dns.rdatatype.CAA])
@pytest.mark.parametrize("edns", [True, False])
@pytest.mark.parametrize("flag", ["", "rd", "ad", "cd"])
def test_question_is_what_dnspython_would_ask(rdtype: RdataType, edns: bool, flag: str):
    question = wire.question(wire.name_octets(NAME), rdtype, edns=edns, do=edns, **{flag: True} if flag else {})
    message = dns.message.from_wire(b"\x12\x34" + question.after_id)
    assert message.flags == (dns.flags.from_text(flag.upper()) if flag else 0)
    assert [(each.name, each.rdtype) for each in message.question] == [(NAME, rdtype)]
    assert (message.edns, message.payload) == ((0, 1232) if edns else (-1, 0))
    assert bool(message.ednsflags & dns.flags.DO) == edns


def test_letters_change_their_case_at_random_and_nothing_else_does():
    octets = wire.name_octets(NAME)
    questions = [wire.question(octets, TXT).octets for _ in range(64)]
    assert all(question[:-4].lower() == octets for question in questions)
    letters = [index for index, octet in enumerate(octets) if chr(octet).isalpha()]
    for index in letters:
        assert {chr(question[index]).isupper() for question in questions} == {True, False}


def test_lower_case_question_stays_as_it_is():
    octets = wire.name_octets(NAME)
    assert wire.question(octets, TXT, mixed_case=False).octets[:-4] == octets


def test_question_accepts_its_own_octets_only():
    question = wire.question(wire.name_octets(NAME), TXT)
    reply = b"\x12\x34\x84\x00\x00\x01" + b"\x00" * 6 + question.octets
    other_case = reply[:12] + reply[12:].swapcase()
    assert question.is_answered_by(reply)
    assert not question.is_answered_by(other_case)
    assert question.comes_back_in_other_case(other_case)
    assert not question.comes_back_in_other_case(reply)
    assert not question.comes_back_in_other_case(reply.replace(b"\x02", b"\x03"))


def test_dice_hand_out_no_octet_twice():
    dice = Dice()
    rolls = [dice.roll(17) for _ in range(STOCK_OCTETS // 10)]
    assert len(set(rolls)) == len(rolls)
    assert all(len(roll) == 17 for roll in rolls)


# -- replies made by hand


@pytest.mark.parametrize(
    ("title", "ending", "rdtype", "octets"), made_replies(), ids=[each[0] for each in made_replies()]
)
def test_reply_ends_as_it_must(title: str, ending: str, rdtype: RdataType, octets: bytes):
    assert ending_of(octets, asked(rdtype), rdtype) == ending
    agrees_with_dnspython(octets, asked(rdtype), rdtype)


def test_usual_replies_are_read_by_hand():
    usual = [each for each in made_replies() if each[1] == "read"][:10]
    assert all(wire.read(octets, asked(rdtype)) is not None for _, _, rdtype, octets in usual)


def test_reply_cut_off_anywhere_is_never_read_as_another():
    for _, _, rdtype, octets in made_replies():
        question = asked(rdtype)
        whole = wire.read(octets, question) if question.is_answered_by(octets) else None
        for length in range(len(octets)):
            part = octets[:length]
            agrees_with_dnspython(part, question, rdtype)
            if question.is_answered_by(part):  # octets behind the counted records are no part of a reply
                assert wire.read(part, question) in (None, whole)


def test_every_octet_changed_to_every_value_breaks_nothing():
    _, _, rdtype, octets = made_replies()[1]
    for index in range(len(octets)):
        for value in (0, 1, 0x3F, 0x40, 0x7F, 0xC0, 0xC1, 0xFF, octets[index] ^ 1, octets[index] ^ 0x20):
            agrees_with_dnspython(octets[:index] + bytes((value,)) + octets[index + 1 :], asked(rdtype), rdtype)


def test_record_of_64_kilobytes_is_read():
    text = b"x" * 250
    data = (bytes((250,)) + text) * 256
    record = b"\xc0\x0c" + struct.pack("!HHIH", TXT, 1, 300, len(data)) + data
    octets = b"\x12\x34\x84\x00\x00\x01\x00\x01\x00\x00\x00\x00" + asked().octets + record
    seen = wire.read(octets, asked())
    assert seen is not None
    assert seen.values == (text.decode() * 256,)


def test_reply_with_thousands_of_odd_records_is_not_taken_apart():
    record = b"\xc0\x0c" + struct.pack("!HHIH", 65280, 1, 300, 0)
    octets = b"\x12\x34\x84\x00\x00\x01\x13\x88\x00\x00\x00\x00" + asked().octets + record * 5000
    assert receive(octets, asked(), NAME, TXT) == ServerTrouble("malformed", "more than 500 records")


def test_truncated_reply_is_no_answer_whatever_it_holds():
    _, _, rdtype, octets = made_replies()[0]
    received = receive(octets[:2] + b"\x86\x00" + octets[4:], asked(rdtype), NAME, rdtype)
    assert isinstance(received, Received)
    assert received.seen == Seen(0x8600, 0)


def test_message_of_a_reply_is_there_when_it_is_wanted():
    _, _, rdtype, octets = made_replies()[0]
    received = receive(octets, asked(rdtype), NAME, rdtype)
    assert isinstance(received, Received)
    assert isinstance(received.message, Message)
    assert received.message is received.message


# -- properties

labels = st.text(st.sampled_from("abzAZ019-_"), min_size=1, max_size=12)
names = st.lists(labels, min_size=1, max_size=4).map(".".join)
strings = st.lists(st.binary(max_size=255), min_size=1, max_size=3)
records = st.one_of(
    st.tuples(st.just("TXT"), strings.map(lambda parts: " ".join('"' + _escaped(part) + '"' for part in parts))),
    st.tuples(st.just("A"), st.ip_addresses(v=4).map(str)),
    st.tuples(st.just("AAAA"), st.ip_addresses(v=6).map(str)),
    st.tuples(st.just("MX"), st.builds("{} {}.".format, st.integers(0, 65535), names)),
    st.tuples(st.just("NS"), names.map("{}.".format)),
    st.tuples(st.just("CNAME"), names.map("{}.".format)),
    st.tuples(st.just("SOA"), st.builds("{}. {}. {} 1 2 3 {}".format, names, names, *[st.integers(0, 2**31 - 1)] * 2)),
    st.tuples(st.just("CAA"), st.just('0 issue "ca.example"')),
)
owners = st.one_of(st.just(NAME), st.just(ZONE), names.map(dns.name.from_text))
sections = st.lists(st.tuples(owners, st.integers(0, 2**31 - 1), records), max_size=4)


def _escaped(octets: bytes) -> str:
    return "".join(f"\\{octet:03d}" for octet in octets)


@st.composite
def replies(draw: st.DrawFn) -> tuple[bytes, RdataType]:
    rdtype = draw(st.sampled_from([TXT, RdataType.MX, RdataType.A, RdataType.AAAA, RdataType.NS, RdataType.SOA]))
    reply = dns.message.make_response(dns.message.make_query(NAME, rdtype, use_edns=draw(st.booleans())))
    reply.flags |= draw(st.sampled_from([0, dns.flags.AA]))
    reply.set_rcode(draw(st.sampled_from([dns.rcode.NOERROR, dns.rcode.NXDOMAIN, dns.rcode.REFUSED])))
    for section in (reply.answer, reply.authority, reply.additional):
        for owner, ttl, (kind, data) in draw(sections):
            section.append(dns.rrset.from_text(owner, ttl, "IN", kind, data))
    return reply.to_wire(max_size=65535), rdtype


@given(replies())
def test_any_reply_is_read_as_dnspython_reads_it(made: tuple[bytes, RdataType]):
    octets, rdtype = made
    agrees_with_dnspython(octets, asked(rdtype), rdtype)


@given(replies(), st.data())
def test_any_damaged_reply_is_read_as_dnspython_reads_it(made: tuple[bytes, RdataType], data: st.DataObject):
    octets, rdtype = bytearray(made[0]), made[1]
    begin = 12 + len(asked(rdtype).octets)
    for _ in range(data.draw(st.integers(1, 4))):
        index = data.draw(st.one_of(st.integers(6, 11), st.integers(begin, max(begin, len(octets) - 1))))
        if index < len(octets):
            octets[index] = data.draw(st.one_of(st.sampled_from((0, 12, 0xC0, 0xFF)), st.integers(0, 255)))
    end = data.draw(st.integers(begin, max(begin, len(octets))))
    agrees_with_dnspython(bytes(octets[:end]), asked(rdtype), rdtype)


@settings(max_examples=200)
@given(st.binary(max_size=200), st.binary(min_size=8, max_size=8))
def test_any_octets_after_the_question_are_read_as_dnspython_reads_them(tail: bytes, counts: bytes):
    head = b"\x12\x34\x84\x00\x00\x01" + bytes(octet & 3 if index % 2 else 0 for index, octet in enumerate(counts[:6]))
    agrees_with_dnspython(head + asked().octets + tail, asked(), TXT)


@given(st.binary(max_size=64))
def test_arbitrary_octets_answer_nothing_and_raise_nothing(octets: bytes):
    assert ending_of(octets, asked(), TXT) == "ignored"
    assert not asked().comes_back_in_other_case(octets)
    wire.is_not_understood(octets)


@given(st.lists(st.binary(max_size=255), min_size=1, max_size=4))
def test_text_of_any_strings_is_the_same_by_hand_and_by_dnspython(parts: list[bytes]):
    data = b"".join(bytes((len(part),)) + part for part in parts)
    record = b"\xc0\x0c" + struct.pack("!HHIH", TXT, 1, 300, len(data)) + data
    octets = b"\x12\x34\x84\x00\x00\x01\x00\x01\x00\x00\x00\x00" + asked().octets + record
    by_hand = wire.read(octets, asked())
    assert by_hand is not None
    assert by_hand.values == seen_in(dns.message.from_wire(octets), NAME, TXT).values


def test_pointers_of_a_long_chain_each_step_back():
    """A chain that a compressing server could make: every name ends in the one before."""
    owners = [b"\xc0\x0c"]
    octets = b"\x12\x34\x84\x00\x00\x01\x00\x06\x00\x00\x00\x00" + asked().octets
    starts = []
    for number in range(6):
        starts.append(len(octets))
        octets += owners[-1] + struct.pack("!HHIH", TXT, 1, 300, 2) + b"\x01x"
        owners.append(bytes((1, 97 + number)) + struct.pack("!H", 0xC000 | starts[-1]))
    assert all(earlier < later for earlier, later in pairwise(starts))
    assert wire.read(octets, asked()) == seen_in(dns.message.from_wire(octets), NAME, TXT)
