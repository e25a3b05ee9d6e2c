"""Records that are proposed are right, whatever was there before: read back they say what was meant."""

from __future__ import annotations

from collections import Counter

import dns.zonefile
import pytest
from dns.rdata import Rdata
from hypothesis import example, given
from hypothesis import strategies as st

from services.dnscheck.records import (
    includes,
    is_all,
    is_spf,
    merged_spf,
    opens_with,
    report_addresses,
    spf_terms,
    tags_of,
    terms_in_force,
    txt_line,
    zone_line,
)

HOST = "_spf.postkontor.example"
TERMS = st.one_of(
    st.sampled_from(
        ["a", "mx", "ptr", "-ptr:x.de", "all", "-all", "~all", "?all", "+ALL", "redirect=x.de", "exp=e.x.de", "foo=bar",
         f"include:{HOST}", f"?include:{HOST.upper()}.", "include:x.de", "a/24", "a:x.de//64", "ip6:2001:db8::/32"]
    ),
    st.from_regex(r"[+?~-]?(ip4|include|exists|a|mx):[a-z0-9%{}./]{1,12}", fullmatch=True),
    st.text(st.characters(exclude_categories=["Cs", "Z", "Cc"]), min_size=1, max_size=12),
)  # fmt: skip
RECORDS = st.lists(TERMS, max_size=12).map(lambda terms: " ".join(["v=spf1", *terms]))


def kept(records: list[str]) -> set[str]:
    """The mechanisms that allow or deny somebody something, ours and `ptr` apart, as they are written."""
    terms = [term for record in records for term in terms_in_force(spf_terms(record)) if not term.is_modifier]
    return {term.text.lower() for term in terms if not (includes(term, HOST) or term.name == "ptr")}


@given(st.lists(RECORDS, max_size=3))
@example(["v=spf1 redirect=x.de", "v=spf1 -all"])
@example([f"v=spf1 -all include:{HOST}"])
def test_a_merged_record_keeps_theirs_and_includes_us_once(records: list[str]):
    merged = merged_spf(records, HOST)
    terms = spf_terms(merged)
    assert is_spf(merged)
    ours = [term for term in terms_in_force(terms) if includes(term, HOST)]
    assert [term.qualifier for term in ours] == ["+"]
    assert Counter(includes(term, HOST) for term in terms)[True] == 1
    assert kept([merged]) >= kept(records)
    endings = [term for term in terms if is_all(term)]
    assert len(endings) + sum(term.is_modifier and term.name == "redirect" for term in terms) == 1
    assert all(term.qualifier in "-~" for term in endings)


@given(st.lists(RECORDS, min_size=1, max_size=3))
def test_merging_again_changes_nothing(records: list[str]):
    merged = merged_spf(records, HOST)
    assert merged_spf([merged], HOST) == merged


def read(line: str) -> Rdata:
    [rrset] = dns.zonefile.read_rrsets(line, rdclass=None, relativize=False)
    return rrset[0]


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=700))
@example("\\" * 255 + '"' * 255)
@example("v=DKIM1; p=" + "A" * 400)
def test_a_txt_line_reads_back_as_the_value_it_was_made_of(value: str):
    rdata = read(txt_line("_dmarc.nordwind-segel.de", value))
    assert b"".join(rdata.strings) == value.encode()
    assert all(len(string) <= 255 for string in rdata.strings)


@given(RECORDS)
def test_a_merged_record_reads_back_from_its_line(record: str):
    merged = merged_spf([record], HOST)
    assert b"".join(read(txt_line("nordwind-segel.de", merged)).strings) == merged.encode()


@pytest.mark.parametrize(
    ("rdtype", "value"),
    [
        ("CNAME", "pk1.nordwind-segel.de.dkim.postkontor.example."),
        ("SRV", "0 1 993 imap.postkontor.example."),
        ("CAA", '0 issue "letsencrypt.org"'),
    ],
)
def test_other_lines_read_back_as_well(rdtype: str, value: str):
    assert read(zone_line("x.nordwind-segel.de", rdtype, value)).to_text() == value


@pytest.mark.parametrize(
    ("value", "expected"),
    [("v=DMARC1;p=none", True), (" V = dmarc1 ; p=none", True), ("v=DMARC12", False), ("p=none; v=DMARC1", False)],
)
def test_a_version_comes_first(value: str, expected: bool):
    assert opens_with(value, "DMARC1") is expected


def test_tags_are_read_as_receivers_do():
    assert tags_of("v=DMARC1; P = reject ;; rua=mailto:a@b.de; p=none") == {
        "v": "DMARC1", "p": "reject", "rua": "mailto:a@b.de",
    }  # fmt: skip
    value = "v=DMARC1; rua=mailto:a@b.de!10m, https://x.de, MAILTO:c@d.de, mailto:nobody"
    assert report_addresses(value) == ("a@b.de", "c@d.de")


@given(st.text(max_size=60))
def test_anything_can_be_read(value: str):
    spf_terms(value)
    tags_of(value)
    report_addresses(value)
    list(terms_in_force(spf_terms(value)))
