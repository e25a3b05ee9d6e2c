"""What reaches mails, logs and web pages of what strangers published: bounded, visible, never a template."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from services.dnscheck.findings.diagnosis import Background, Diagnosis, diagnose_txt
from services.dnscheck.findings.evidence import (
    MAX_ANSWER_CHARACTERS,
    MAX_ASKED,
    MAX_NAME_CHARACTERS,
    MAX_SEEN,
    MAX_SEEN_CHARACTERS,
    safe,
)
from services.dnscheck.findings.mx import ExpectedMx, diagnose_mx
from services.dnscheck.findings.proof import ExpectedTxt
from services.dnscheck.observation import (
    Corroboration,
    Delegation,
    Hop,
    MxObservation,
    NameServer,
    PublicView,
    ServerAnswer,
    TxtObservation,
    ZoneSeen,
)

DOMAIN = "nordwind-segel.de"
NAME = f"_postkontor-challenge.{DOMAIN}"
TOKEN = "k7wq3xd5mz2ra6ytb4ncfe7hjlgposiu"
EXPECTED = ExpectedTxt(name=NAME, tokens=(TOKEN,))
MAX_SENTENCE = 6_000  # characters; a handful of bounded values and names in a sentence of ours
INVISIBLE = "\u034f\u115f\u1160\u17b4\u180b\u180e\u2800\u3164\ufe0f\uffa0\U000e0101"
HOSTILE = st.text(
    alphabet=st.one_of(
        st.characters(),
        st.sampled_from("\x00\x1b\r\n\u200b\u200d\u202e\u2066\u2069\ufeff\u0085\u2028{}<>&\"'\\%" + INVISIBLE),
    ),
    max_size=400,
)


def is_harmless(text: str) -> bool:
    return all(
        character.isprintable() and unicodedata.category(character) not in ("Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn")
        for character in text
    ) and not set(text) & set(INVISIBLE)


@given(HOSTILE)
def test_what_is_shown_is_short_and_visible(value: str) -> None:
    shown = safe(value)
    assert len(shown) <= MAX_SEEN_CHARACTERS
    assert is_harmless(shown)


def test_every_character_is_shown_as_itself_or_as_its_number() -> None:
    for code in (*range(0x3000), *range(0xD7F0, 0x10200), *range(0xE0000, 0xE0200)):
        shown = safe(chr(code))
        assert shown == chr(code) or shown.startswith("\\"), hex(code)
        assert is_harmless(shown), hex(code)


def answer(values: list[str], host: str, **changes: object) -> ServerAnswer:
    base = ServerAnswer(
        server=host, address="192.0.2.1", name=NAME, rdtype="TXT", kind="answer", aa=True, values=tuple(values)
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def is_bounded(diagnosis: Diagnosis) -> bool:
    return (
        len(diagnosis.asked) <= MAX_ASKED
        and len(diagnosis.seen) <= MAX_SEEN
        and all(len(value) <= MAX_SEEN_CHARACTERS and is_harmless(value) for value in diagnosis.seen)
        and all(
            len(asked.server) <= MAX_NAME_CHARACTERS
            and len(asked.name) <= MAX_NAME_CHARACTERS
            and len(asked.answer) <= MAX_NAME_CHARACTERS + MAX_ANSWER_CHARACTERS
            and is_harmless(asked.server + asked.answer)
            for asked in diagnosis.asked
        )
        and all(len(text) <= MAX_SENTENCE and is_harmless(text) for text in (diagnosis.text_en, diagnosis.text_de))
    )


@given(st.lists(HOSTILE, max_size=30), HOSTILE, HOSTILE, st.booleans())
def test_whatever_strangers_publish_a_diagnosis_stays_bounded_and_harmless(
    values: list[str], host: str, note: str, has_proof: bool
) -> None:
    servers = tuple(NameServer(f"{number}{host}", ("192.0.2.1",)) for number in range(20))
    said = answer([*values, f"token={TOKEN}"] if has_proof else values, host)
    failed = answer([], "recursor", kind="servfail", note=note, aa=False)
    hop = Hop(name=host or "x", delegation=Delegation(state="found", zone=host), answers=(said,) * 9)
    observation = TxtObservation(
        domain=DOMAIN,
        name=NAME,
        delegation=Delegation(state="found", zone=DOMAIN, servers=servers, asked=(said,) * 40),
        answers=(said, replace(said, address="192.0.2.2", cname=host)),
        hops=(hop,),
        apex=(said,),
        elsewhere=(replace(said, rdtype="MX"),),
        strangers=(replace(said, server=note),),
        domain_connect=(said,),
        corroboration=Corroboration(public=PublicView(checked=failed, unchecked=said)),
    )
    stuck = Delegation(state="could_not_ask", zone=host, servers=servers)
    assert is_bounded(diagnose_txt(replace(observation, delegation=stuck, answers=()), EXPECTED))
    background = Background(ZoneSeen(7, datetime(2026, 1, 1, tzinfo=UTC)), datetime(2026, 2, 1, tzinfo=UTC))
    assert is_bounded(diagnose_txt(observation, EXPECTED, background))


@given(st.lists(HOSTILE, max_size=9), HOSTILE)
def test_whatever_hosts_are_published_an_mx_diagnosis_stays_bounded_and_harmless(hosts: list[str], host: str) -> None:
    said = answer([f"{number} {name}" for number, name in enumerate(hosts)], host, rdtype="MX")
    target = Hop(
        name=host,
        delegation=Delegation(state="found", zone=DOMAIN),
        answers=(answer([], host, rdtype="A", cname=host),),
    )
    observation = MxObservation(
        domain=DOMAIN,
        delegation=Delegation(state="found", zone=DOMAIN, servers=(NameServer(host),)),
        answers=(said,),
        targets=(target,),
        addresses=(answer(hosts, host, rdtype="A"),),
    )
    found = diagnose_mx(observation, (ExpectedMx(10, "mx1.postkontor.example"),))
    assert all(is_harmless(text) and len(text) <= MAX_SENTENCE for text in (found.text_en, found.text_de))
    assert all(len(record.host) <= MAX_NAME_CHARACTERS and is_harmless(record.host) for record in found.seen)
