"""Write docs/codes.md: every refusal with its texts, who says it and what helps.

python -m contracts.handbook            write it
python -m contracts.handbook --check    write nothing; exit with 1 when it is out of date
"""

import sys
from collections.abc import Iterator
from string import Formatter

from contracts import documents
from contracts.codes import CODES
from contracts.refusals import Detail, finding
from contracts.remedies import HTTP, REMEDIES, Who
from contracts.sayers import SERVICES, Saying, sayings, spoken

PATH = documents.DOCS / "codes.md"
COMMAND = "python -m contracts.handbook"

_WHO: dict[Who, str] = {
    "fix": "whoever sent it can fix it",
    "again": "it may succeed later",
    "operator": "the operator has to act",
}
_EXAMPLE: dict[str, Detail] = {
    "accepted": "ARGON2ID, BLF-CRYPT",
    "account": "nordwind",
    "address": "anna@nordwind-segel.de",
    "alias": "info@nordwind-segel.de",
    "aliases": 3,
    "allowed": 50,
    "at": "2027-03-16T00:00:00+01:00",
    "bytes": 300_000,
    "catalogue": "2027-01",
    "cents": 450,
    "chain": "anna@nordwind-segel.de → info@nordwind-segel.de → anna@nordwind-segel.de",
    "count": 12,
    "counted": 698,
    "days": 30,
    "deadline": "2027-03-31T12:00:00+00:00",
    "domain": "nordwind-segel.de",
    "earliest": "2027-03-03",
    "excess": 7,
    "expected": "domain.create-mailbox.v1",
    "feature": "backup",
    "field": "data.address",
    "given": "domain.add-aliases.v1",
    "group": "Vorstand",
    "known": "mail, office",
    "latest": "2028-03-02",
    "left": 100,
    "limit": 262_144,
    "line": 3,
    "lines": 1200,
    "mailboxes": 12,
    "maximum": "m=1048576, t=10, p=16",
    "minimum": "m=19456, t=2, p=1",
    "missing": "city",
    "name": "_postkontor-challenge.nordwind-segel.de",
    "number": "RE-2027-000042",
    "on": "2027-03-01",
    "part": 2,
    "package": "silver",
    "period": "2027-03",
    "plan": "office",
    "reason": "Field required",
    "request_id": "0195562b-9d20-7c3e-8a41-5b6f0c7d8e9f",
    "requested": 5,
    "reserved": 1,
    "resource": "mailbox",
    "restore": "0195562b-9d20-7c3e-8a41-5b6f0c7d8e9f",
    "scheme": "ARGON2ID",
    "sku": "office",
    "snapshot": "2027-03-01T1640-anna",
    "state": "suspended",
    "target": "nordwind-segel.de",
    "targets": 900,
    "top_level_domain": "dee",
    "total": 700,
    "type": "domain.create-mailbox",
    "until": "2027-03-31T12:00:00+00:00",
    "used": 49,
    "value": "token=k7wq…",
    "vat_id": "DE136695976",
    "version": 2,
}
_CASES: dict[str, dict[str, Detail]] = {
    "account_unknown": {"account": "nordwnd"},
    "account_reserved": {"account": "postkontor-7"},
    "credit_exceeds": {"requested": 250},
    "domain_already_claimed": {"state": "verified"},
    "domain_is_public_suffix": {"domain": "co.uk"},
    "domain_is_special_use": {"domain": "nordwind.test"},
    "domain_not_active": {"state": "contested"},
    "domain_too_long": {"limit": 231},
    "domain_unknown": {"domain": "nordwind-segl.de"},
    "forwarding_too_wide": {"limit": 10_000},
    "house_only": {"account": "postkontor"},
    "lists_too_long": {"bytes": 210_000, "limit": 200_000},
    "mailbox_state": {"state": "deleting"},
    "member_without_groupware": {"plan": "mail"},
    "package_too_small": {"used": 57, "reserved": 0},
    "package_unknown": {"package": "bronze", "known": "silver, gold, platinum"},
    "password_scheme_not_accepted": {"scheme": "SHA512-CRYPT"},
    "plan_needed_by_group": {"plan": "mail"},
    "plan_unknown": {"plan": "mial"},
    "quote_stale": {"state": "quote_expired"},
    "seller_incomplete": {"missing": "POSTKONTOR_SELLER_NAME, POSTKONTOR_SELLER_STREET"},
    "tax_pending": {"reason": "VAT id ATU12345675: VIES?"},
    "top_level_domain_unknown": {"domain": "nordwind-segel.dee"},
    "unknown_type": {"type": "domain.make-mailbox"},
    "unknown_version": {"known": "1"},
}


def main(arguments: list[str]) -> int:
    """Write or check; return the exit code."""
    return documents.keep(PATH, handbook(), COMMAND, arguments)


def handbook() -> str:
    """Return the document."""
    return documents.text_of(_lines())


def sample(code: str) -> tuple[str, str]:
    """Return the code's sentences in German and English, with example details."""
    details = {name: (_EXAMPLE | _CASES.get(code, {}))[name] for name in details_of(code)}
    text = finding(code, severity="error", **details).text
    return text.de, text.en


def details_of(code: str) -> list[str]:
    """Return the names of the details that the sentences speak of, in the order of the English one."""
    names = (name for _, name, _, _ in Formatter().parse(CODES[code].en) if name is not None)
    return list(dict.fromkeys(names))


def _lines() -> Iterator[str]:
    yield "# Refusals"
    yield ""
    yield f"Every code that a refusal can have. Written by `{COMMAND}` from the code; a test compares them."
    yield "A code is never renamed and never means something else. Programs branch on codes, people read the texts;"
    yield "here they stand with examples. A refusal is the outcome `request-refused` of a request, its code is its"
    yield "first finding's; a question that has no answer is answered with one. What is found in a domain's DNS has"
    yield "codes of its own: [dns.md](dns.md)."
    yield ""
    yield from documents.table(
        ("kind", "who can help", "as HTTP"),
        ((f"`{who}`", words, str(HTTP[who])) for who, words in _WHO.items()),
    )
    yield ""
    yield "`contracts.remedies.REMEDIES` has the kinds for programs. Who says a code is read off the workers' sources."
    yield "Where a request passes several workers, the first that has a reason refuses it."
    yield ""
    yield from documents.table(
        ("code", "kind"), ((f"[`{code}`](#{code})", f"`{REMEDIES[code].who}`") for code in CODES)
    )
    for code in CODES:
        yield from _entry(code)


def _entry(code: str) -> Iterator[str]:
    remedy, (german, english), details = REMEDIES[code], sample(code), details_of(code)
    yield ""
    yield f"## {code}"
    yield ""
    yield remedy.meaning
    yield ""
    yield f"- Kind: `{remedy.who}`, {_WHO[remedy.who]}"
    yield f"- Next step: {remedy.next_step}"
    yield f"- Deutsch: {german}"
    yield f"- English: {english}"
    if details:
        yield f"- Details: {', '.join(f'`{name}`' for name in details)}"
    yield from (f"- Said by {who}" for who in said_by(code))
    yield f"- Since {remedy.since}"


def said_by(code: str) -> list[str]:
    """Return who says a code and about what, a line for each worker."""
    if code in spoken("services.chassis") | spoken("contracts.refusals"):
        return ["every worker, of any message"]
    found = sayings().get(code, ())
    asking = ("request", "question")
    asked = {each.service for each in found if each.occasion in asking}
    shown = [each for each in found if each.occasion in asking or each.service not in asked]
    return [_said([each for each in shown if each.service == name]) for name in _services(shown)]


def _services(found: list[Saying] | tuple[Saying, ...]) -> list[str]:
    return [service for service in SERVICES if any(each.service == service for each in found)]


def _said(found: list[Saying]) -> str:
    words = {"request": "", "question": "the question ", "fact": "what it hears: ", "clock": "its own work: "}
    return f"{found[0].service}, of {', '.join(f'{words[each.occasion]}`{each.name}`' for each in found)}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
