"""Write docs/dns.md: every finding with its sentences, for the staff who are asked about it.

python -m services.dnscheck.handbook            write it
python -m services.dnscheck.handbook --check    write nothing; exit with 1 when it is out of date
"""

import sys
from collections.abc import Iterator
from typing import get_args

from contracts import documents
from services.dnscheck.findings.advice.sentences import ADVICE_TEXTS
from services.dnscheck.findings.advice.staff import STAFF_ADVICE
from services.dnscheck.findings.advice.topics import state_of_advice
from services.dnscheck.findings.diagnosis import kind_of
from services.dnscheck.findings.mx import state_of
from services.dnscheck.findings.providers import PROVIDERS
from services.dnscheck.findings.remarks import trap_texts
from services.dnscheck.findings.sentences import (
    DELEGATED_TEXT,
    MX_TEXTS,
    SHARED_TEXTS,
    TXT_TEXTS,
    Code,
    MxCode,
    Trouble,
)

PATH = documents.DOCS / "dns.md"
COMMAND = "python -m services.dnscheck.handbook"

_EXAMPLE = {
    "domain": "nordwind-segel.de",
    "zone": "nordwind-segel.de",
    "name": "_postkontor-challenge.nordwind-segel.de",
    "label": "_postkontor-challenge",
    "value": "token=k7wq…",
    "having": "ns1.nordwind-segel.de",
    "lacking": "ns2.nordwind-segel.de",
    "silent": "ns1.nordwind-segel.de, ns2.nordwind-segel.de",
    "servers": "ns1.nordwind-segel.de, ns2.nordwind-segel.de",
    "length": "20",
    "wanted_length": "38",
    "first": "…",
    "seen": "…",
    "alias": "shop.example.net",
    "foreign": "mx.elsewhere.example",
    "missing": "mx2.postkontor.example",
    "addresses": "192.0.2.80",
    "targets": "mx.elsewhere.example",
    "records": "MX 10 mx1.postkontor.example, MX 20 mx2.postkontor.example",
    "other": "ostwind-segel.de",
    "there": "ns1.former.example",
    "in_charge": "ns1.nordwind-segel.de, ns2.nordwind-segel.de",
    "lagging_en": "ns2.nordwind-segel.de (serial 2026112301)",
    "lagging_de": "ns2.nordwind-segel.de (Seriennummer 2026112301)",
    "sites": "fra",
    "why": "SERVFAIL",
    "count": "12",
    "part": "_spf.gone.example",
    "target": "pk1.nordwind-segel.de.dkim.postkontor.example",
    "wanted": "CNAME pk1.nordwind-segel.de.dkim.postkontor.example",
    "policy": "quarantine",
    "days": "30",
    "place": "nordwind-segel.de._report._dmarc.reports.example",
    "records_dotted": "MX 10 mx1.postkontor.example., MX 20 mx2.postkontor.example.",
}

_NAMES = {
    "dkim": "pk1._domainkey.nordwind-segel.de",
    "dmarc": "_dmarc.nordwind-segel.de",
    "mta": "_mta-sts.nordwind-segel.de",
    "tls": "_smtp._tls.nordwind-segel.de",
    "host": "autoconfig.nordwind-segel.de",
    "srv": "_imaps._tcp.nordwind-segel.de",
    "dane": "mx1.postkontor.example",
}
_VALUES = {
    "spf": "v=spf1 include:_spf.postkontor.example ~all",
    "dmarc": "v=DMARC1; p=none; rua=mailto:dmarc-reports@postkontor.example",
    "mta": "v=STSv1; id=20260101",
    "tls": "v=TLSRPTv1; rua=mailto:tls-reports@postkontor.example",
}
_CASES = {
    "spf_ok": {"count": "3"},
    "spf_elsewhere": {"first": "_spf.nordwind-segel.de"},
    "spf_two_records": {"count": "2"},
    "spf_syntax": {"part": "ip4:192.0.2"},
    "spf_include_idle": {"part": "?include:_spf.postkontor.example"},
    "spf_void_lookups": {"count": "3"},
    "spf_ours_broken": {"part": "_spf.postkontor.example"},
    "spf_pass_all": {"part": "+all"},
    "dkim_elsewhere": {"first": "pk1._domainkey.nordwind-segel.de.nordwind-segel.de"},
    "dkim_other_alias": {"first": "CNAME pk1.elsewhere.example"},
    "dmarc_elsewhere": {"first": "nordwind-segel.de"},
    "dmarc_inherited": {"name": "_dmarc.verein.nordwind-segel.de", "first": "_dmarc.nordwind-segel.de"},
    "dmarc_two_records": {"count": "2"},
    "dmarc_syntax": {"part": "p=nine"},
    "dmarc_reports_refused": {"first": "reports.example"},
    "mta_sts_two_records": {"count": "2"},
    "tls_rpt_two_records": {"count": "2"},
    "name_server_single": {"servers": "ns1.nordwind-segel.de"},
}
_WORDS = {
    "host": {"target": "autoconfig.postkontor.example"},
    "srv": {"wanted": "0 1 993 imap.postkontor.example"},
    "caa": {"wanted": "letsencrypt.org"},
}

_NAME = _EXAMPLE["name"]
_TXT_CASES: dict[Code, dict[str, str]] = {
    "name_doubled": {"first": f"{_NAME}.nordwind-segel.de"},
    "underscore_missing": {"first": _NAME.removeprefix("_")},
    "at_www": {"first": "_postkontor-challenge.www.nordwind-segel.de"},
    "in_parent_name": {
        "first": _NAME,
        "name": "_postkontor-challenge.verein.nordwind-segel.de",
        "label": "_postkontor-challenge.verein",
    },
    "old_token": {"first": "token=p3xa…"},
    "other_account_token": {"first": "token=p3xa…"},
    "other_domain_token": {"first": "token=p3xa…"},
    "value_truncated": {"first": "token=k7wqx2m4ab3f9d"},
    "value_extra_text": {"first": "_postkontor-challenge token=k7wq…"},
    "wrong_value": {"first": "v=spf1 -all"},
    "wildcard_answer": {"first": "A 192.0.2.80"},
    "challenge_delegated": {"first": "ns1.elsewhere.example"},
    "cname_loop": {"seen": f"CNAME proof.nordwind-segel.de, CNAME {_NAME}"},
    "cname_target_broken": {"seen": "CNAME proof.nordwind-segel.de"},
    "cname_target_no_txt": {"seen": "CNAME www.nordwind-segel.de"},
    "wrong_type": {"first": "A 192.0.2.80"},
}
_MX_CASES: dict[MxCode, dict[str, str]] = {
    "foreign": {"seen": "10 mx.elsewhere.example"},
    "wrong_order": {"seen": "10 mx2.postkontor.example, 20 mx1.postkontor.example"},
    "inconsistent": {"seen": "10 mx1.postkontor.example, 10 mx.elsewhere.example"},
    "ip_address": {"foreign": "192.0.2.25"},
    "name_doubled": {"foreign": "mx1.postkontor.example.nordwind-segel.de"},
    "localhost": {"foreign": "localhost"},
}

_TXT_ADVICE: dict[Code, str] = {
    "verified": "Nothing to do. `notes` says what was accepted although it was not quite as asked for.",
    "not_yet": "Ask whether the record was saved, and at which provider. The next look sees it.",
    "partial": "Wait. After an hour ask the DNS provider about the server that lags; its serial is in the evidence.",
    "domain_not_registered": "Check the spelling; else it is a matter for the registrar: expired, or not yet there.",
    "name_doubled": "The provider's form wants the name without the domain. The record is to be renamed, not doubled.",
    "underscore_missing": "Some forms drop the underscore. The same record at the domain itself is accepted too.",
    "at_www": "The record was made for the web site's name. It belongs to the domain.",
    "in_parent_name": "A subdomain is to be proven, but the record is at the domain above it.",
    "wrong_provider": "The zone names servers that the registry does not. Find out which provider shall be in charge.",
    "old_token": "A value of an earlier claim. Give the customer the current one; the old record may go.",
    "other_account_token": "The value of another account's claim, whose we do not tell. Each needs its own record.",
    "other_domain_token": "The customer has several domains and mixed their values up; each has its own.",
    "value_truncated": "Copied from a display that shortens, or cut by a form. Send the whole value again.",
    "value_extra_text": "Often the name was pasted into the value, or two values into one record.",
    "wildcard_answer": "A record for * answers for every name. One with the full name takes precedence over it.",
    "wrong_value": "Compare character by character. Other TXT records at this name do no harm beside the right one.",
    "challenge_delegated": "NS records were made where a TXT record belongs, or the name is run elsewhere on purpose.",
    "cname_loop": "Delete the alias. It is of use only where somebody else keeps the TXT record on purpose.",
    "cname_target_broken": "As for a loop: delete the alias, or have its target made.",
    "cname_target_no_txt": "As for a loop: delete the alias, or have the TXT record made at its target.",
    "dnssec_bogus": "The DS record at the registrar does not fit the zone's keys, mostly after a change of provider.",
    "perspectives_disagree": "Seen from elsewhere the record is missing: anycast servers lag, or somebody interferes.",
    "not_corroborated": "Ours to mend: our recursor or other sites do not answer. Tell the operators if it goes on.",
    "wrong_type": "The type chosen in the form was not TXT. Delete that record, add one of type TXT.",
}
_TROUBLE_ADVICE: dict[Trouble, str] = {
    "look_cut_short": "A budget of ours ended the look. Name servers whose names hang on others', or a hostile zone.",
    "root_unreachable": "Our own way out: UDP and TCP port 53 blocked, or a box that answers in others' place.",
    "servers_unreachable": "We retry by ourselves, nothing is revoked. After a day it is the DNS provider's matter.",
    "servers_failing": "As above. Look at DNSSEC and at the secondaries' zone transfers first.",
    "lame_delegation": "The registry names servers that do not hold the zone: a matter for registrar or provider.",
    "ns_unresolvable": "Urgent: whoever registers the missing names of the name servers controls the domain.",
    "ns_private": "The registry holds addresses of an internal network. Only the registrar's entry needs to change.",
    "tcp_blocked": "A firewall before the name servers stops TCP port 53, which DNS needs as well as UDP.",
    "ns_malformed": "Broken or very old name server software, or a firewall that rewrites answers.",
}
_MX_ADVICE: dict[MxCode, str] = {
    "ok": "Nothing to do.",
    "missing": "Add the records.",
    "domain_not_registered": _TXT_ADVICE["domain_not_registered"],
    "implicit_a": "Senders fall back on the web server, which hardly ever takes mail. Add the records.",
    "foreign": "The domain still receives its mail elsewhere. Replace the records when the mailboxes are ready.",
    "foreign_preferred": "Delete the others' records: senders try the lowest preference first.",
    "mixed": "Delete the others' records: when ours do not answer for a moment, mail goes there.",
    "incomplete": "Add the missing ones, or mail waits whenever the one server is in maintenance.",
    "wrong_order": "Set the preferences as shown; only their order matters.",
    "inconsistent": "Wait. After an hour ask the DNS provider about the server that lags.",
    "null": "The domain was set up not to receive mail. Replace the record.",
    "null_and_others": "Delete the record that has only a dot.",
    "ip_address": "Enter the host names; an address is not allowed there.",
    "name_doubled": "The provider's form completes names without a dot at the end.",
    "target_is_alias": "Enter the host names themselves; many senders refuse an alias.",
    "target_broken": "Mostly a slip of spelling, or a former provider's host that is gone. Replace the records.",
    "target_dangling": "Urgent: the domain in the MX record can be registered by anybody, who then gets the mail.",
    "localhost": "A leftover of a form or a test. Replace the record.",
    "apex_alias": "Nothing can stand beside a CNAME. Many providers offer ALIAS for the web site instead.",
}


def main(arguments: list[str]) -> int:
    """Write or check; return the exit code."""
    return documents.keep(PATH, handbook(), COMMAND, arguments)


def handbook() -> str:
    """Return the document."""
    return documents.text_of(_lines())


def _lines() -> Iterator[str]:
    yield "# What a DNS check found, and what to do"
    yield ""
    yield f"For those who answer customers. Written by `{COMMAND}` from the code; a test compares them."
    yield "The sentences are what the customer reads, here with examples. The evidence beside each finding says which"
    yield "server was asked what and what it answered."
    yield ""
    yield "A finding is one of three kinds: `confirmed`; `not_yet`, when a name server in charge said no; or"
    yield "`could_not_ask`, when nobody in charge answered, which never counts against a customer and revokes nothing."
    yield "Before a first proof counts, others are asked as well where the operator has configured it: a validating"
    yield "recursor and other sites (`dnssec_bogus`, `perspectives_disagree`, `not_corroborated`). `recursive_stale`"
    yield "among the notes of a proof means that others still remember the time before; it settles by itself."
    yield "The other notes say what was accepted although it was not quite as asked for: `at_apex` (the record is at"
    yield "the domain itself), `value_quoted`, `value_whitespace`, `value_without_prefix` (no `token=`),"
    yield "`value_case_changed`."
    yield ""
    yield "## The proof (TXT)"
    txt_codes: list[Code] = [*TXT_TEXTS, "domain_not_registered"]
    for code in txt_codes:
        texts = TXT_TEXTS.get(code) or SHARED_TEXTS[code]
        yield from _entry(code, f"kind `{kind_of(code)}`", texts, _TXT_ADVICE[code], _TXT_CASES.get(code))
    yield ""
    yield "## Name servers in trouble (TXT and MX)"
    yield ""
    yield "Where the customer's own zone gives the challenge's name servers of its own and those are in trouble, the"
    yield "sentence for the proof is instead:"
    yield ""
    yield f"- Deutsch: {DELEGATED_TEXT[1].format_map(_EXAMPLE | {'silent': 'ns1.elsewhere.example'})}"
    yield f"- English: {DELEGATED_TEXT[0].format_map(_EXAMPLE | {'silent': 'ns1.elsewhere.example'})}"
    yield "- What to do: as for `challenge_delegated`; the registrar has nothing to do with it."
    trouble: Trouble
    for trouble in get_args(Trouble):
        kind = f"kind `{kind_of(trouble)}`, MX state `{state_of(trouble)}`"
        yield from _entry(trouble, kind, SHARED_TEXTS[trouble], _TROUBLE_ADVICE[trouble])
    yield ""
    yield "## Where mail goes (MX)"
    mx_codes: list[MxCode] = [*MX_TEXTS, "domain_not_registered"]
    for mx_code in mx_codes:
        texts = MX_TEXTS.get(mx_code) or SHARED_TEXTS[mx_code]
        kind = f"MX state `{state_of(mx_code)}`"
        yield from _entry(f"MX {mx_code}", kind, texts, _MX_ADVICE[mx_code], _MX_CASES.get(mx_code))
    yield from _providers()
    yield from _advice_lines()


def _providers() -> Iterator[str]:
    yield ""
    yield "## DNS providers known by their name servers"
    yield ""
    yield "What trips people up in a provider's form is added to the sentence above where it applies."
    for provider in PROVIDERS:
        trap = trap_texts(provider, label=_EXAMPLE["label"], value=_EXAMPLE["value"])
        suffixes = ", ".join(f"`{suffix}`" for suffix in provider.suffixes)
        yield ""
        yield f"- {provider.name}: {suffixes}"
        if trap is not None:
            yield f"    - Deutsch: {trap[1]}"
            yield f"    - English: {trap[0]}"


def _advice_lines() -> Iterator[str]:
    yield ""
    yield "## Advice"
    yield ""
    yield "The other records that mail wants: SPF, DKIM, DMARC, MTA-STS, TLS-RPT, host names and SRV records for mail"
    yield "programs, DANE, CAA, name servers. Looked at with the domain's activation, then weekly, and on request"
    yield "(`postkontor domain advice DOMAIN`). It is advice: nothing waits for it, nothing is revoked by it. Where a"
    yield "record is to be set, the advice brings the line for the zone file. What could not be asked is `unknown` with"
    yield "one of the codes of name servers in trouble above, and is asked again sooner."
    for code, staff in STAFF_ADVICE.items():
        yield from _entry(f"Advice {code}", f"state `{state_of_advice(code)}`", ADVICE_TEXTS[code], staff, _words(code))


def _words(code: str) -> dict[str, str]:
    """The names and values that a piece of advice would speak of."""
    topic = code.partition("_")[0]
    words = {"name": _NAMES.get(topic, "nordwind-segel.de"), "value": _VALUES.get(topic, "…")}
    return words | _WORDS.get(topic, {}) | _CASES.get(code, {})


def _entry(
    title: str, kind: str, texts: tuple[str, str], advice: str, words: dict[str, str] | None = None
) -> Iterator[str]:
    text_en, text_de = (text.format_map(_EXAMPLE | (words or {})) for text in texts)
    yield ""
    yield f"### {title}"
    yield ""
    yield f"- {kind[0].upper()}{kind[1:]}"
    yield f"- Deutsch: {text_de}"
    yield f"- English: {text_en}"
    yield f"- What to do: {advice}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
