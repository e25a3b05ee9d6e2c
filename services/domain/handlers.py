"""The bus edge of domain: which rows a message needs, which rule decides, what leaves."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from contracts.billing_v1 import (
    AcceptedClaim,
    AccountOpened,
    AccountUpdated,
    AdmittedAliases,
    AdmittedMailbox,
    PackageChanged,
)
from contracts.dnscheck_v1 import AdviceChecked, Facet, MxChecked, TxtChecked
from contracts.domain_v1 import (
    AdmittedDomainFeatures,
    AliasesAdmitted,
    AskDomain,
    AskDomains,
    CheckMailRecords,
    CheckMx,
    DomainAnswer,
    DomainClaimed,
    DomainFeaturesChanged,
    DomainPasswordSet,
    DomainsAnswer,
    DomainTarget,
    MailboxAdmitted,
    MailRecordsCheckFinished,
    MxChanged,
    MxCheckFinished,
    SetDomainFeatures,
    SetDomainPassword,
    TargetResult,
    ValidateDomain,
    ValidationFinished,
)
from contracts.mailbox_v1 import AddAliases, CreateMailbox
from contracts.password_policy import PasswordPolicy
from contracts.refusals import Finding, Refusal, refusal
from contracts.values import domain_of
from services.chassis.book import Book, Conn, Wanted
from services.chassis.fates import Done, Fate, HandedOver, Order, Refused, Say
from services.chassis.received import Received
from services.chassis.service import Moment, Service
from services.domain import rules, store
from services.domain.gate import admitted, all_admitted, may_have_features
from services.domain.names import unclaimable
from services.domain.outgoing import and_then, consequences, say, unwatch, watch
from services.domain.rows import ENDED, HOLDING, Account, Claim, Name
from services.domain.store import ACCOUNTS, NAMES
from services.domain.views import view

service = Service("domain", tables=(ACCOUNTS, NAMES))

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


PASSWORDS = Passwords()


# --- a name of the account's own --------------------------------------------------------------------------------


def of_request(message: Received[Any]) -> Iterable[Wanted]:
    """Name the rows that a request about one domain needs."""
    return (ACCOUNTS, message.account), (NAMES, message.data.domain)


@service.command(AcceptedClaim, keys=lambda message: [(NAMES, message.data.request.domain)])
def claim_domain(message: Received[AcceptedClaim], book: Book, moment: Moment) -> Fate:
    """Claim a name; the same claim again names the same record again, an abandoned one goes on (R11, R12)."""
    request = message.data.request
    reason = unclaimable(request.domain, CHALLENGE.label) or PASSWORDS.refused(request.password_hash)
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
    claimed = _keep(book, name, claim)
    return Done(says=(say(DomainClaimed(domain=view(claim, claimed)), claim),), orders=(watch(claim, "txt"),))


@service.command(ValidateDomain, keys=of_request)
def validate_domain(message: Received[ValidateDomain], book: Book, moment: Moment) -> Fate:
    """Have the proof looked for now, also of an abandoned claim (R12)."""
    name = name_of(book, message.data.domain)
    claim = refused_account(message, book) or rules.open_claim(name, message.account)
    if isinstance(claim, Refusal):
        return Refused(claim)
    claim = rules.resumed(claim, moment.now)
    _keep(book, name, claim)
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
    after = _keep(book, name, claim)
    return and_then((say(DomainPasswordSet(domain=view(claim, after)), claim),), consequences(name, after))


@service.command(
    SetDomainFeatures,
    keys=lambda message: [(ACCOUNTS, message.account), *((NAMES, domain) for domain in message.data.domains)],
)
def set_domain_features(message: Received[SetDomainFeatures], book: Book, moment: Moment) -> Fate:
    """Set the default features of domains; each target answers for itself (R31)."""
    request = message.data
    reason = refused_account(message, book)
    if reason is not None:
        return Refused(reason)
    targets = {
        domain: may_have_features(book.get(NAMES, domain), domain, message.account)
        for domain in dict.fromkeys(request.domains)
    }
    findings = {domain: found for domain, found in targets.items() if isinstance(found, Finding)}
    if len(findings) == len(targets):
        return Refused(refusal(*findings.values()))
    says: list[Say] = []
    claims = [claim for claim in targets.values() if isinstance(claim, Claim)]
    for claim in claims:
        featured = rules.set_features(claim, request.features, moment.now)
        if featured is not claim:
            after = _keep(book, name_of(book, claim.domain), featured)
            says.append(say(DomainFeaturesChanged(domain=view(featured, after)), featured))
    order = AdmittedDomainFeatures(
        request=request,
        admitted=tuple(DomainTarget(domain=claim.domain, domain_id=claim.domain_id) for claim in claims),
        refused=tuple(TargetResult(target=domain, refusal=refusal(found)) for domain, found in findings.items()),
    )
    return HandedOver(orders=(Order(order, key=str(message.request_id)),), says=tuple(says))


# --- the gate: the hot path, which reads one row per domain and changes none ---------------------------------------


@service.command(
    CreateMailbox,
    keys=lambda message: ((ACCOUNTS, message.account), (NAMES, domain_of(message.data.address))),
)
def create_mailbox(message: Received[CreateMailbox], book: Book, moment: Moment) -> Fate:
    """Let a mailbox pass under an active domain of its account (R20, R21)."""
    request = message.data
    reason = refused_account(message, book) or PASSWORDS.refused(request.password_hash)
    if reason is not None:
        return Refused(reason)
    domain = domain_of(request.address)
    domain_id = admitted(book.get(NAMES, domain), domain, message.account)
    if isinstance(domain_id, Finding):
        return Refused(refusal(domain_id))
    order = AdmittedMailbox(request=request, domain_id=domain_id)
    fact = MailboxAdmitted(request_id=message.request_id, address=request.address, domain_id=domain_id)
    return HandedOver(orders=(Order(order, key=request.address),), says=(Say(fact, key=request.address),))


@service.command(
    AddAliases,
    keys=lambda message: [(ACCOUNTS, message.account), *((NAMES, domain) for domain in _alias_domains(message.data))],
)
def add_aliases(message: Received[AddAliases], book: Book, moment: Moment) -> Fate:
    """Let aliases pass when every alias domain is active in the account; all findings are listed (R23)."""
    request = message.data
    reason = refused_account(message, book)
    if reason is not None:
        return Refused(reason)
    domains = ((domain, book.get(NAMES, domain)) for domain in _alias_domains(request))
    domain_ids, findings = all_admitted(domains, message.account)
    if findings:
        return Refused(refusal(*findings))
    order = AdmittedAliases(request=request, domain_ids=domain_ids)
    fact = AliasesAdmitted(request_id=message.request_id, address=request.address, aliases=request.aliases)
    return HandedOver(orders=(Order(order, key=request.address),), says=(Say(fact, key=request.address),))


def _alias_domains(request: AddAliases) -> Iterable[str]:
    return dict.fromkeys(domain_of(alias) for alias in request.aliases)


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
    after = _keep(book, name, noted)
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


def _of_account(message: Received[Any]) -> Iterable[Wanted]:
    return ((ACCOUNTS, message.account),)


@service.event(AccountOpened, keys=_of_account)
@service.event(AccountUpdated, keys=_of_account)
@service.event(PackageChanged, keys=_of_account)
def keep_account(
    message: Received[AccountOpened] | Received[AccountUpdated] | Received[PackageChanged], book: Book, moment: Moment
) -> Fate:
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


def _keep(book: Book, name: Name, claim: Claim) -> Name:
    """Put a claim into its name if it changed, and return the name as it is now."""
    if name.of(claim.account) is claim:
        return name
    after = name.having(claim)
    book.put(NAMES, name.domain, after)
    return after
