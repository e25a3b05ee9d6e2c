"""The bus edge of mailbox, seventh part: how a mailbox treats spam (R32), and passwords to be changed (R25)."""

from collections.abc import Iterable
from datetime import datetime
from functools import partial

from contracts.mailbox_v1 import SpamTuned
from contracts.passwords_v1 import (
    AskWeakPasswords,
    PasswordChangeRequired,
    PasswordTarget,
    RequirePasswordChange,
    WeakPassword,
    WeakPasswordsAnswer,
)
from contracts.refusals import Refusal, refusal, refuse
from contracts.spam_v1 import TuneSpam
from contracts.values import domain_of
from services.chassis.book import Book, Conn, Wanted
from services.chassis.fates import Done, Fate, Refused, Say
from services.chassis.received import Received
from services.chassis.service import Moment
from services.mailbox import passwords, rules, store_passwords
from services.mailbox.bookkeeping import write
from services.mailbox.handlers import MAX_OUTCOME_BYTES, asked, barred, requested, service
from services.mailbox.rows import SpamTuning
from services.mailbox.store import ACCOUNTS, DOMAINS, MAILBOXES
from services.mailbox.terms import TERMS

# --- spam -------------------------------------------------------------------------------------------------------


@service.command(TuneSpam, keys=asked)
def tune_spam(message: Received[TuneSpam], book: Book, moment: Moment) -> Fate:
    """Set how a mailbox treats spam; kept, and without effect, while the feature is off."""
    ask = message.data.tuning
    tuning = ask and SpamTuning(ask.junk_tenths, ask.reject_tenths, ask.to_junk, tuple(sorted({*ask.allowed_senders})))
    return requested(message, book, moment, "tune-spam", partial(rules.tune_spam, tuning=tuning), SpamTuned)


# --- passwords --------------------------------------------------------------------------------------------------


def _rows_of_requirement(message: Received[RequirePasswordChange]) -> Iterable[Wanted]:
    account = message.account
    yield ACCOUNTS, account
    for target in message.data.targets:
        yield DOMAINS, (account, domain_of(target))
        if "@" in target:
            yield MAILBOXES, target


@service.command(RequirePasswordChange, keys=_rows_of_requirement)
def require_password_change(message: Received[RequirePasswordChange], book: Book, moment: Moment) -> Fate:
    """Let logins end at a time unless the password is changed; each target answers for itself."""
    refused = barred(message, book)
    if refused is not None:
        return Refused(refused)
    ask, account = message.data, message.account
    by = None if ask.lift else max(ask.by or moment.now, moment.now)
    targets = [
        (_of_mailbox if "@" in target else _of_domain)(account, target, by, book, moment)
        for target in dict.fromkeys(ask.targets)
    ]
    refusals = [target.refusal for target in targets if target.refusal]
    if len(refusals) == len(targets):
        return Refused(refusal(*(reason for each in refusals for reason in each.findings)))
    fact = PasswordChangeRequired(targets=tuple(targets))
    if len(fact.__pydantic_serializer__.to_json(fact)) > MAX_OUTCOME_BYTES:
        book.drop()
        return Refused(refuse("too_many_targets", targets=len(targets)))
    return Done((Say(fact, f"passwords/{targets[0].target if len(targets) == 1 else account}"),))


def _of_mailbox(account: str, address: str, by: datetime | None, book: Book, moment: Moment) -> PasswordTarget:
    before = book.get(MAILBOXES, address)
    entered = rules.enter(before, account, address, "require-password-change", moment.now)
    if isinstance(entered, Refusal):
        return PasswordTarget(target=address, refusal=entered)
    after = passwords.require_of_mailbox(entered, by)
    change_by = passwords.change_by(after, write(book, before, after))
    return PasswordTarget(target=address, password_change_by=change_by, revision=after.revision)


def _of_domain(account: str, name: str, by: datetime | None, book: Book, moment: Moment) -> PasswordTarget:
    domain = book.get(DOMAINS, (account, name))
    if domain is None or not domain.tally.mailboxes:
        return PasswordTarget(target=name, refusal=refuse("no_mailboxes", domain=name))
    after = passwords.require_of_domain(domain, by, moment.now)
    book.put(DOMAINS, (account, name), after)
    return PasswordTarget(target=name, password_change_by=by, mailboxes=domain.tally.mailboxes, revision=after.revision)


@service.query(AskWeakPasswords)
async def answer_weak_passwords(conn: Conn, account: str, ask: AskWeakPasswords) -> WeakPasswordsAnswer:
    """Return a page of the mailboxes whose hashes are below the present policy, and how many there are."""
    counted = await store_passwords.counted(conn, account)
    weak = passwords.weaknesses(TERMS.passwords, counted)
    found = await store_passwords.having(conn, account, sorted(weak), ask.after, ask.limit + 1)
    page = tuple(
        WeakPassword(
            address=each.address,
            reason=weak[each.costs],
            password_set_at=each.set_at,
            password_change_by=each.change_by,
        )
        for each in found[: ask.limit]
    )
    total = sum(counted[costs] for costs in weak)
    return WeakPasswordsAnswer(mailboxes=page, total=total, next=page[-1].address if len(page) < len(found) else None)
