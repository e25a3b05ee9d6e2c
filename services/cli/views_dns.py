"""How looks at the DNS look in a terminal."""

from typing import TYPE_CHECKING

from contracts.dnscheck_v1 import Asked, Attempt, MailAdvice, MxAttempt
from services.cli.desk import Desk
from services.cli.terminal import local_time, sheet, table, tell

if TYPE_CHECKING:
    from rich.table import Table

    from services.dnscheck.standalone import Outlook


def show_attempt(desk: Desk, attempt: Attempt, *, evidence: bool = True) -> None:
    """Print a look for the TXT record: the diagnosis, then what was seen and who was asked."""
    tell(desk, desk.text(attempt.text))
    lines = [
        ("expected", f"{attempt.expected_name} TXT {attempt.expected_value}"),
        ("seen", "\n".join(attempt.seen)),
        ("dnssec", "" if attempt.dnssec == "unchecked" else attempt.dnssec),
        ("next_look", local_time(attempt.next_check_at) if attempt.next_check_at else ""),
    ]
    desk.console.print(sheet(desk, lines))
    if evidence:
        show_asked(desk, attempt.asked)


def show_mx(desk: Desk, attempt: MxAttempt, *, evidence: bool = True) -> None:
    """Print a look at the MX records."""
    tell(desk, desk.text(attempt.text))
    lines = [
        (heading, "\n".join(f"{record.preference} {record.host}" for record in records))
        for heading, records in (("expected", attempt.expected), ("seen", attempt.seen))
    ]
    desk.console.print(sheet(desk, lines))
    if evidence:
        show_asked(desk, attempt.asked)


def show_advice(desk: Desk, advice: MailAdvice) -> None:
    """Print advice as a table, then the lines to set, which must not be folded: they are copied."""
    show_advice_table(desk, advice)
    lines = dict.fromkeys(line for one in advice.items for line in one.records)
    if lines:
        desk.console.print(f"{desk.word('lines')}:", markup=False)
    for line in lines:
        desk.console.print(line, markup=False, soft_wrap=True)
    if advice.next_check_at is not None:
        desk.console.print(sheet(desk, [("next_look", local_time(advice.next_check_at))]))


def show_advice_table(desk: Desk, advice: MailAdvice) -> None:
    """Print what was found about the other records that mail wants, and what to do."""
    rows = [
        (desk.word(f"topic_{one.topic}"), desk.word(f"advice_{one.state}"), desk.text(one.text)) for one in advice.items
    ]
    desk.console.print(table(desk, ("topic", "state", "what_to_do"), rows))


def show_advice_summary(desk: Desk, domain: str, advice: MailAdvice) -> None:
    """Print in one line how many records are right, and which topics are not."""
    troubled = [one for one in advice.items if one.state in ("missing", "wrong", "weak")]
    topics = ", ".join(dict.fromkeys(desk.word(f"topic_{one.topic}") for one in troubled))
    right = sum(one.state == "ok" for one in advice.items)
    sentence = "advice_open" if troubled else "advice_fine"
    tell(desk, desk.sentence(sentence, right=right, topics=topics, domain=domain))


def show_asked(desk: Desk, asked: tuple[Asked, ...]) -> None:
    """Print whom a look has asked, and what came back."""
    if asked:
        desk.console.print(asked_table(desk, asked))


def asked_table(desk: Desk, asked: tuple[Asked, ...]) -> "Table":
    """Return whom a look has asked, and what came back, as a table."""
    rows = [(one.name, one.type, f"{one.server} {one.address}".strip(), one.answer) for one in asked]
    return table(desk, ("asked", "type", "server", "answer"), rows)


def show_outlook(desk: Desk, outlook: "Outlook", *, evidence: bool) -> None:
    """Print everything that the DNS says about a domain, and last the records to set."""
    print_ = desk.console.print
    provider = outlook.provider
    servers = "\n".join(f"{one.host} {' '.join(one.addresses)}".strip() for one in outlook.name_servers)
    lines = [
        ("domain", outlook.domain_unicode),
        ("zone", outlook.zone),
        ("server", servers),
        ("provider", provider.name if provider else ""),
        ("one_click", provider.one_click if provider else ""),
    ]
    print_(sheet(desk, lines))
    if not outlook.could_ask:
        print_()
        tell(desk, _could_not_ask(desk, outlook))
        if evidence:
            show_asked(desk, outlook.mx.asked)
        return
    _head(desk, "proof")
    if outlook.proof is not None:
        show_attempt(desk, outlook.proof, evidence=evidence)
    else:
        tell(desk, _at_challenge(desk, outlook))
    _head(desk, "mx")
    show_mx(desk, outlook.mx, evidence=evidence)
    _head(desk, "mail_records")
    show_advice_table(desk, outlook.mail)
    if evidence:
        show_asked(desk, outlook.mail.asked)
    _head(desk, "to_set")
    print_("\n".join(outlook.records) or desk.sentence("nothing_to_set"), markup=False, soft_wrap=True)


def _could_not_ask(desk: Desk, outlook: "Outlook") -> str:
    """Why nothing was found. The way to the root is the reader's own: here nobody tries again."""
    if outlook.mx.code == "root_unreachable":
        return desk.sentence("no_root", domain=outlook.domain_unicode)
    return desk.text(outlook.mx.text)


def _at_challenge(desk: Desk, outlook: "Outlook") -> str:
    if not outlook.challenge_values:
        return desk.sentence("no_challenge", where=outlook.challenge_name)
    return desk.sentence("challenge_there", where=outlook.challenge_name, values=", ".join(outlook.challenge_values))


def _head(desk: Desk, word: str) -> None:
    desk.console.print()
    desk.console.print(desk.word(word), style="bold underline")
