"""Write docs/dns.md: every finding with its sentences, for the staff who are asked about it.

python -m services.dnscheck.handbook            write it
python -m services.dnscheck.handbook --check    write nothing; exit with 1 when it is out of date
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from services.dnscheck.findings.diagnosis import kind_of
from services.dnscheck.findings.mx import state_of
from services.dnscheck.findings.sentences import MX_TEXTS, SHARED_TEXTS, TXT_TEXTS, Code, MxCode, Trouble

PATH = Path(__file__).parents[2] / "docs" / "dns.md"
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
    "records_dotted": "MX 10 mx1.postkontor.example., MX 20 mx2.postkontor.example.",
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
    "value_truncated": "Copied from a display that shortens, or cut by a form. Send the whole value again.",
    "value_extra_text": "Often the name was pasted into the value, or two values into one record.",
    "wildcard_answer": "A record for * answers for every name. One with the full name takes precedence over it.",
    "wrong_value": "Compare character by character. Other TXT records at this name do no harm beside the right one.",
    "challenge_delegated": "NS records were made where a TXT record belongs, or the name is run elsewhere on purpose.",
    "cname_loop": "Delete the alias. It is of use only where somebody else keeps the TXT record on purpose.",
    "cname_target_broken": "As for a loop: delete the alias, or have its target made.",
    "cname_target_no_txt": "As for a loop: delete the alias, or have the TXT record made at its target.",
    "wrong_type": "The type chosen in the form was not TXT. Delete that record, add one of type TXT.",
}
_TROUBLE_ADVICE: dict[Trouble, str] = {
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
    "apex_alias": "Nothing can stand beside a CNAME. Many providers offer ALIAS for the web site instead.",
}


def main(arguments: list[str]) -> int:
    """Write or check; return the exit code."""
    wanted = handbook()
    if arguments == ["--check"]:
        is_current = PATH.exists() and PATH.read_text(encoding="utf-8") == wanted
        if not is_current:
            print(f"docs/{PATH.name} is out of date; write it anew with: {COMMAND}", file=sys.stderr)
        return 0 if is_current else 1
    if arguments:
        print(f"unknown argument {arguments[0]}; usage: {COMMAND} [--check]", file=sys.stderr)
        return 2
    PATH.parent.mkdir(exist_ok=True)
    PATH.write_text(wanted, encoding="utf-8")
    return 0


def handbook() -> str:
    """Return the document."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# What a DNS check found, and what to do"
    yield ""
    yield f"For those who answer customers. Written by `{COMMAND}` from the code; a test compares them."
    yield "The sentences are what the customer reads, here with examples. The evidence beside each finding says which"
    yield "server was asked what and what it answered."
    yield ""
    yield "A finding is one of three kinds: `confirmed`; `not_yet`, when a name server in charge said no; or"
    yield "`could_not_ask`, when nobody in charge answered, which never counts against a customer and revokes nothing."
    yield ""
    yield "## The proof (TXT)"
    txt_codes: list[Code] = [*TXT_TEXTS, "domain_not_registered"]
    for code in txt_codes:
        yield from _entry(code, f"kind `{kind_of(code)}`", TXT_TEXTS.get(code) or SHARED_TEXTS[code], _TXT_ADVICE[code])
    yield ""
    yield "## Name servers in trouble (TXT and MX)"
    trouble: Trouble
    for trouble in get_args(Trouble):
        kind = f"kind `{kind_of(trouble)}`, MX state `{state_of(trouble)}`"
        yield from _entry(trouble, kind, SHARED_TEXTS[trouble], _TROUBLE_ADVICE[trouble])
    yield ""
    yield "## Where mail goes (MX)"
    mx_codes: list[MxCode] = [*MX_TEXTS, "domain_not_registered"]
    for mx_code in mx_codes:
        texts = MX_TEXTS.get(mx_code) or SHARED_TEXTS[mx_code]
        yield from _entry(f"MX {mx_code}", f"MX state `{state_of(mx_code)}`", texts, _MX_ADVICE[mx_code])


def _entry(title: str, kind: str, texts: tuple[str, str], advice: str) -> Iterator[str]:
    text_en, text_de = (text.format_map(_EXAMPLE) for text in texts)
    yield ""
    yield f"### {title}"
    yield ""
    yield f"- {kind[0].upper()}{kind[1:]}"
    yield f"- Deutsch: {text_de}"
    yield f"- English: {text_en}"
    yield f"- What to do: {advice}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
