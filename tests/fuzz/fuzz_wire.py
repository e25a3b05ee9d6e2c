"""Coverage-guided fuzzing of the reader of replies: no exception, and never another reading than dnspython's.

    make fuzz                                       five minutes, beginning with tests/fuzz/replies.txt
    python tests/fuzz/fuzz_wire.py -runs=100000     libFuzzer's options

Needs atheris, which has wheels for few Pythons only and is therefore no dependency.
"""

import sys
import tempfile
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[2]))
with atheris.instrument_imports(include=["services.dnscheck.asking"]):
    from services.dnscheck.asking import replies, wire

import dns.message
import dns.name
from dns.rdatatype import RdataType

NAME = dns.name.from_text("_postkontor-challenge.firma.de")
OCTETS = wire.name_octets(NAME)
QUESTIONS = {rdtype: wire.question(OCTETS, rdtype, mixed_case=False) for rdtype in (1, 2, 5, 6, 15, 16, 28)}


def read_one(octets: bytes) -> None:
    """Read `octets` as a reply to each question, the type asked for put into it."""
    for rdtype, question in QUESTIONS.items():
        reply = octets[:12] + question.octets + octets[12 + len(question.octets) :]
        if not question.is_answered_by(reply):
            continue
        by_hand = wire.read(reply, question)
        if by_hand is not None:
            message = dns.message.from_wire(reply, ignore_trailing=True)
            by_dnspython = replies.seen_in(message, NAME, RdataType(rdtype))
            assert by_hand == by_dnspython, (by_hand, by_dnspython)
        replies.receive(reply, question, NAME, RdataType(rdtype))


def main() -> None:
    """Fuzz until libFuzzer's limits, from the replies that the tests know."""
    with tempfile.TemporaryDirectory() as corpus:
        for number, line in enumerate((Path(__file__).parent / "replies.txt").read_text().splitlines()):
            if not line.startswith("#"):
                Path(corpus, str(number)).write_bytes(bytes.fromhex(line.rsplit(" | ", 1)[1]))
        atheris.Setup([*sys.argv, corpus], read_one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
