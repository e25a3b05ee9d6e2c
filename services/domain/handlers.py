"""The bus edge of domain: which rows a message needs, which rule decides, what leaves."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from contracts.billing_v1 import (
    AcceptedClaim,
    AccountOpened,
    AccountUpdated,
    PackageChanged,
)
from contracts.closure_v1 import AccountClosed, AccountReactivated, AccountSuspended
from contracts.dnscheck_v1 import AdviceChecked, Facet, MxChecked, TxtChecked
from contracts.domain_v1 import (
    AskDomain,
    AskDomains,
    CheckMailRecords,
    CheckMx,
    DomainAnswer,
    DomainClaimed,
    DomainPasswordSet,
    DomainsAnswer,
    MailRecordsCheckFinished,
    MxChanged,
    MxCheckFinished,
    SetDomainPassword,
    ValidateDomain,
    ValidationFinished,
)
from contracts.mailbox_v1 import AddAliases, CreateMailbox
from contracts.password_policy import PasswordPolicy
from contracts.refusals import Finding, Refusal, finding, refusal
from contracts.trials import Trial
from services.chassis.book import Book, Conn, Wanted
from services.chassis.fates import Done, Fate, HandedOver, Refused, Say
from services.chassis.received import Received
from services.chassis.service import Moment, Service
from services.domain import rules, store
from services.domain.entrance import at_entrance, enter
from services.domain.names import unclaimable
from services.domain.outgoing import and_then, consequences, say, unwatch, watch
from services.domain.rows import ENDED, HOLDING, Account, Claim, Name
from services.domain.store import ACCOUNTS, NAMES
from services.domain.store_closures import CLOSURES
from services.domain.store_holds import HOLDS, LINES
from services.domain.views import view

service = Service("domain", tables=(ACCOUNTS, CLOSURES, NAMES, HOLDS, LINES))

MAX_PAGE = 100  # domains with their last attempts are some 5 kB each, and an answer is one message


@dataclass
class Challenge:
    """Where new claims are proven. The worker sets it from its settings before it takes its first message."""

    label: str = "_postkontor-challenge"


CHALLENGE = Challenge()


@dataclass
class Passwords:
    """Which hashes are strong enough. The worker sets it likewise."""

    policy: PasswordPolicy = field(default_factory=PasswordPolicy)

    def refused(self, password_hash: str | None) -> Refusal | None:
        """Say why a hash is not taken, or None (R25)."""
        weak = self.policy.weakness(password_hash)
        return refusal(weak) if weak else None

    def unfit(self, request: CreateMailbox, dryrun: bool) -> Finding | None:
        """Say why a mailbox cannot have its password, or has none. A dry run may be without; it is noted only."""
        if request.password_hash is not None:
            return self.policy.weakness(request.password_hash)
        return finding("password_missing", severity="note" if dryrun else "error", address=request.address)


PASSWORDS = Passwords()


# --- a name of the account's own --------------------------------------------------------------------------------


def of_request(message: Received[Any]) -> Iterable[Wanted]:
    """Name the rows that a request about one domain needs."""
    return (ACCOUNTS, message.account), (NAMES, message.data.domain)


@service.command(
    AcceptedClaim, keys=lambda message: [(ACCOUNTS, message.account), (NAMES, message.data.request.domain)]
)
def claim_domain(message: Received[AcceptedClaim], book: Book, moment: Moment) -> Fate:
    """Claim a name; the same claim again names the same record again, an abandoned one goes on (R11, R12)."""
    request = message.data.request
    closing = rules.leaving(book.get(ACCOUNTS, message.account), message.account)  # since billing let the claim pass
    reason = closing or unclaimable(request.domain, CHALLENGE.label) or PASSWORDS.refused(request.password_hash)
    if reason is not None:
        return Refused(reason)
    name = name_of(book, request.domain)
    claim = rules.claim_name(
        name,
        account=message.account,
        domain_id=UUID(bytes=moment.random_bytes(16), version=4),
        token=rules.token_of(moment.random_bytes(rules.TOKEN_BYTES)),
        label=CHALLENGE.label,
        password_hash=request.password_hash,
        now=moment.now,
    )
    if isinstance(claim, Refusal):
        return Refused(claim)
    if message.dryrun and rules.is_new(name, claim):
        return Done(trial=Trial(missing=(finding("record_after_claim", severity="note", domain=request.domain),)))
    claimed = keep(book, name, claim)
    return Done(says=(say(DomainClaimed(domain=view(claim, claimed)), claim),), orders=(watch(claim, "txt"),))


@service.command(ValidateDomain, keys=of_request)
def validate_domain(message: Received[ValidateDomain], book: Book, moment: Moment) -> Fate:
    """Have the proof looked for now, also of an abandoned claim (R12)."""
    name = name_of(book, message.data.domain)
    claim = refused_account(message, book) or rules.open_claim(name, message.account)
    if isinstance(claim, Refusal):
        return Refused(claim)
    claim = rules.resumed(claim, moment.now)
    keep(book, name, claim)
    return HandedOver(orders=(watch(claim, "txt", message.request_id),))


@service.command(CheckMx, keys=of_request)
def check_mx(message: Received[CheckMx], book: Book, moment: Moment) -> Fate:
    """Have the MX records looked at now (R16)."""
    return _look_now(message, book, "mx")


@service.command(CheckMailRecords, keys=of_request)
def check_mail_records(message: Received[CheckMailRecords], book: Book, moment: Moment) -> Fate:
    """Have the other records that mail wants looked at now."""
    return _look_now(message, book, "advice")


def _look_now(message: Received[CheckMx] | Received[CheckMailRecords], book: Book, facet: Facet) -> Fate:
    claim = refused_account(message, book) or rules.open_claim(name_of(book, message.data.domain), message.account)
    if isinstance(claim, Refusal):
        return Refused(claim)
    return HandedOver(orders=(watch(claim, facet, message.request_id),))


@service.command(SetDomainPassword, keys=of_request)
def set_domain_password(message: Received[SetDomainPassword], book: Book, moment: Moment) -> Fate:
    """Set the domain password; it makes a proven domain active (R14)."""
    request = message.data
    name = name_of(book, request.domain)
    refused = refused_account(message, book) or PASSWORDS.refused(request.password_hash)
    claim = refused or rules.set_password(name, message.account, request.password_hash, moment.now)
    if isinstance(claim, Refusal):
        return Refused(claim)
    after = keep(book, name, claim)
    return and_then((say(DomainPasswordSet(domain=view(claim, after)), claim),), consequences(name, after))


# --- the gate: the hot path, which reads one row per domain and changes none ---------------------------------------


@service.command(CreateMailbox, keys=at_entrance)
def create_mailbox(message: Received[CreateMailbox], book: Book, moment: Moment) -> Fate:
    """Let a mailbox pass under an active domain of its account (R20, R21)."""
    reason = refused_account(message, book)
    if reason is not None:
        return Refused(reason)
    unfit = PASSWORDS.unfit(message.data, message.dryrun)
    if unfit is not None and not message.dryrun:
        return Refused(refusal(unfit))
    return enter(message, book, moment, unfit)


@service.command(AddAliases, keys=at_entrance)
def add_aliases(message: Received[AddAliases], book: Book, moment: Moment) -> Fate:
    """Let aliases pass when every alias domain is active in the account; all findings are listed (R23)."""
    reason = refused_account(message, book)
    return Refused(reason) if reason else enter(message, book, moment)


# --- what dnscheck found ----------------------------------------------------------------------------------------


@service.event(TxtChecked, keys=lambda message: [(NAMES, message.data.domain)])
def txt_checked(message: Received[TxtChecked], book: Book, moment: Moment) -> Fate:
    """Note a look for the proof; the first confirmed one wins the name (R15)."""
    fact = message.data
    name = name_of(book, fact.domain)
    claim = name.of(message.account)
    if claim is None:
        return Done()
    if _is_over(claim, fact.domain_id):
        return Done(says=_answers(claim, name, fact), orders=(unwatch(claim, fact.domain_id),))
    after = rules.txt_checked(name, claim, fact.attempt, moment.now)
    book.put(NAMES, fact.domain, after)
    return and_then((), consequences(name, after), _answers(after.of(message.account) or claim, after, fact))


@service.event(MxChecked, keys=lambda message: [(NAMES, message.data.domain)])
def mx_checked(message: Received[MxChecked], book: Book, moment: Moment) -> Fate:
    """Note a look at the MX records, and say so when their state changed (R16)."""
    fact = message.data
    name = name_of(book, fact.domain)
    claim = name.of(message.account)
    if claim is None:
        return Done()
    if _is_over(claim, fact.domain_id):
        return Done(says=_mx_answers(claim, name, fact), orders=(unwatch(claim, fact.domain_id),))
    noted = rules.mx_checked(claim, fact.attempt, moment.now)
    after = keep(book, name, noted)
    changes = (MxChanged(domain=view(noted, after), previous=claim.mx),) if noted.mx != claim.mx else ()
    return Done(says=(*(say(change, noted) for change in changes), *_mx_answers(noted, after, fact)))


@service.event(AdviceChecked, keys=lambda message: [(NAMES, message.data.domain)])
def advice_checked(message: Received[AdviceChecked], book: Book, moment: Moment) -> Fate:
    """Pass advice on to who asked for it; it changes nothing about the domain."""
    fact = message.data
    name = name_of(book, fact.domain)
    claim = name.of(message.account)
    if claim is None:
        return Done()
    finished = MailRecordsCheckFinished(domain=view(claim, name), advice=fact.advice)
    answers = tuple(say(finished, claim, request_id) for request_id in fact.requests)
    return Done(says=answers, orders=(unwatch(claim, fact.domain_id),) if _is_over(claim, fact.domain_id) else ())


def _is_over(claim: Claim, domain_id: UUID) -> bool:
    """Whether a look came for a claim that has ended: its order to stop may have been overtaken by another."""
    return claim.domain_id != domain_id or claim.state in ENDED


def _answers(claim: Claim, name: Name, fact: TxtChecked) -> tuple[Say, ...]:
    if not fact.requests:
        return ()
    is_verified = claim.state in HOLDING and claim.proof != "lapsed"
    finished = ValidationFinished(domain=view(claim, name), verified=is_verified, attempt=fact.attempt)
    return tuple(say(finished, claim, request_id) for request_id in fact.requests)


def _mx_answers(claim: Claim, name: Name, fact: MxChecked) -> tuple[Say, ...]:
    if not fact.requests:
        return ()
    finished = MxCheckFinished(domain=view(claim, name), attempt=fact.attempt)
    return tuple(say(finished, claim, request_id) for request_id in fact.requests)


# --- what billing says ------------------------------------------------------------------------------------------


def of_account(message: Received[Any]) -> Iterable[Wanted]:
    """Name the account's row."""
    return ((ACCOUNTS, message.account),)


@service.event(AccountOpened, keys=of_account)
@service.event(AccountUpdated, keys=of_account)
@service.event(PackageChanged, keys=of_account)
@service.event(AccountSuspended, keys=of_account)
@service.event(AccountReactivated, keys=of_account)
@service.event(AccountClosed, keys=of_account)
def keep_account(message: Received[Any], book: Book, moment: Moment) -> Fate:
    """Keep what the gate needs of an account; facts carry its whole state, so the newest alone counts."""
    told = message.data.account
    known = book.get(ACCOUNTS, message.account)
    if known is None or known.revision < told.revision:
        account = Account(message.account, told.state, told.package, told.self_service, told.revision)
        book.put(ACCOUNTS, message.account, account)
    return Done()


# --- questions --------------------------------------------------------------------------------------------------


@service.query(AskDomain)
async def answer_domain(conn: Conn, account: str, ask: AskDomain) -> DomainAnswer:
    """Show one domain."""
    name = await store.read_name(conn, account, ask.domain)
    claim = name.standing(account)
    return DomainAnswer(domain=view(claim, name) if claim else None)


@service.query(AskDomains)
async def answer_domains(conn: Conn, account: str, ask: AskDomains) -> DomainsAnswer:
    """Show a page of domains; one more than asked for tells whether another page follows."""
    limit = min(ask.limit, MAX_PAGE)
    names = await store.read_names(conn, account, ask.after, limit + 1)
    page = names[:limit]
    following = page[-1].domain if len(names) > len(page) else None
    shown = (view(claim, name) for name in page if (claim := name.standing(account)))
    return DomainsAnswer(domains=tuple(shown), next=following)


# --- helpers ----------------------------------------------------------------------------------------------------


def name_of(book: Book, domain: str) -> Name:
    """Return a name with the claims that there are to it."""
    return book.get(NAMES, domain) or Name(domain)


def refused_account(message: Received[Any], book: Book) -> Refusal | None:
    """Say why the account may ask for nothing at present, or None (R3)."""
    return rules.stand_of(book.get(ACCOUNTS, message.account), message.account, message.channel)


def keep(book: Book, name: Name, claim: Claim) -> Name:
    """Put a claim into its name if it changed, and return the name as it is now."""
    if name.of(claim.account) is claim:
        return name
    after = name.having(claim)
    book.put(NAMES, name.domain, after)
    return after
