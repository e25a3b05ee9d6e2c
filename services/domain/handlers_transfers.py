"""The bus edge of domain, second part: names that are given up, and names that pass from one account to another."""

from collections.abc import Iterable
from dataclasses import replace
from uuid import UUID

from contracts.domain_v1 import (
    AnswerTransfer,
    DecideTransfer,
    RemoveDomain,
    TransferAnswered,
    TransferDecided,
)
from contracts.mailbox_v1 import DomainOccupied, DomainVacated
from contracts.messages import REGISTRY
from contracts.refusals import Refusal, refuse
from services.chassis.book import Book, Wanted
from services.chassis.fates import Done, Fate, HandedOver, Refused, Say
from services.chassis.received import Received, Tick
from services.chassis.service import Moment
from services.domain import removal, rules, transfers
from services.domain.handlers import name_of, of_request, refused_account, service
from services.domain.handlers_removal import closure_goes_on, of_mailbox
from services.domain.outgoing import ANSWER_DUE, and_then, consequences, let_go, removed, say
from services.domain.rows import Claim, Name, Yielding
from services.domain.store import NAMES
from services.domain.views import view

REMOVAL = REGISTRY.of(RemoveDomain).type
ASKED_BY = {"holder": REGISTRY.of(AnswerTransfer).type, "operator": REGISTRY.of(DecideTransfer).type}


# --- requests ---------------------------------------------------------------------------------------------------


@service.command(RemoveDomain, keys=of_request)
def remove_domain(message: Received[RemoveDomain], book: Book, moment: Moment) -> Fate:
    """Give a name up; where mailboxes may stand under it, mailbox is asked first, or told to delete them."""
    request, now = message.data, moment.now
    before, due_at = name_of(book, request.domain), removal.deletes_at(request, now)
    if isinstance(due_at, Refusal):
        return Refused(due_at)
    is_named = request.immediately or request.on is not None
    name = refused_account(message, book) or rules.remove(
        before, message.account, now, request_id=message.request_id, deletes_at=due_at, is_named=is_named
    )
    if isinstance(name, Refusal):
        return Refused(name)
    book.put(NAMES, name.domain, name)
    claim = _own(name, message.account)
    done = consequences(before, name)
    if claim.state == "removing":
        return _asked_mailbox(claim, done)
    return and_then((removed(claim, name),), done)


@service.command(AnswerTransfer, keys=of_request)
def answer_transfer(message: Received[AnswerTransfer], book: Book, moment: Moment) -> Fate:
    """Take the holder's answer to a transfer (R15)."""
    before, consent = name_of(book, message.data.domain), message.data.consent
    due_at = removal.deletes_at(message.data, moment.now)
    if isinstance(due_at, Refusal):
        return Refused(due_at)
    name = refused_account(message, book) or transfers.answer(
        before, message.account, consent=consent, request_id=message.request_id, now=moment.now, deletes_at=due_at
    )
    return _of_holder(message, book, before, name)


@service.command(DecideTransfer, keys=lambda message: [(NAMES, message.data.domain)])
def decide_transfer(message: Received[DecideTransfer], book: Book, moment: Moment) -> Fate:
    """Take the operator's decision; the account is the holder's, whatever its standing.

    The removal is the holder's, and so is a refusal that counts his mailboxes: no other account may read it.
    """
    before, decision = name_of(book, message.data.domain), message.data
    due_at = removal.deletes_at(decision, moment.now)
    if isinstance(due_at, Refusal):
        return Refused(due_at)
    name = transfers.decide(
        before, message.account, to=decision.to, claimant=decision.claimant, request_id=message.request_id,
        now=moment.now, deletes_at=due_at,
    )  # fmt: skip
    return _of_holder(message, book, before, name)


def _of_holder(
    message: Received[AnswerTransfer] | Received[DecideTransfer], book: Book, before: Name, name: Name | Refusal
) -> Fate:
    if isinstance(name, Refusal):
        return Refused(name)
    book.put(NAMES, name.domain, name)
    claim, done = _own(name, message.account), consequences(before, name)
    if claim.yielding is not None and claim.yielding.request_id == message.request_id:
        return _asked_mailbox(claim, done)
    gone = (_removed_for_transfer(claim, name),) if claim.state == "removed" else ()
    return and_then(gone, done, (say(_outcome(message.data, claim, name), claim),))


def _outcome(request: AnswerTransfer | DecideTransfer, claim: Claim, name: Name) -> TransferAnswered | TransferDecided:
    if isinstance(request, AnswerTransfer):
        return TransferAnswered(domain=view(claim, name), consent=request.consent)
    return TransferDecided(domain=view(claim, name), to=request.to)


def _asked_mailbox(claim: Claim, done: Done) -> HandedOver:
    return HandedOver((*done.orders, let_go(claim)), done.says, done.timings)


# --- what mailbox says ------------------------------------------------------------------------------------------


@service.event(DomainVacated, keys=of_mailbox)
def domain_vacated(message: Received[DomainVacated], book: Book, moment: Moment) -> Fate:
    """Finish a removal; asked for twice, it is answered twice, each request in its own way."""
    before = name_of(book, message.data.domain)
    claim = before.of(message.account)
    states = ("removing", "active", "removed")
    if claim is None or claim.domain_id != message.data.domain_id or claim.state not in states:
        return _claimed_anew(message.data.domain)
    yielding = _asked_for(claim, message.request_id)
    with_mailboxes = message.data.with_mailboxes
    name = rules.vacated(before, claim, message.request_id, moment.now, with_mailboxes=with_mailboxes)
    book.put(NAMES, name.domain, name)
    gone, done = _own(name, message.account), consequences(before, name)
    done = replace(done, timings=(*done.timings, *closure_goes_on(book, message.account, moment)))
    if yielding is None:
        waiting = claim.removal.requests if claim.removal is not None and with_mailboxes else ()
        return and_then(_removed_for(waiting, claim, gone, name), done)
    facts = (_removed_for_transfer(gone, name),) if claim.state == "removing" else ()
    return and_then(facts, done, (say(_answer_to(yielding, gone, name), gone),))


def _removed_for(waiting: tuple[UUID, ...], was: Claim, claim: Claim, name: Name) -> Iterable[Say]:
    """Answer every request that the removal ends: with mailboxes there may be several, which have moved the time."""
    if waiting:
        return tuple(removed(claim, name, each) for each in waiting)
    is_old_news = was.removal is not None and was.state == "removed"
    return () if is_old_news else (removed(claim, name),)


@service.event(DomainOccupied, keys=lambda message: [(NAMES, message.data.domain)])
def domain_occupied(message: Received[DomainOccupied], book: Book, moment: Moment) -> Fate:
    """Take a removal back: mailboxes stand under the domain. Refuses the request that asked for it."""
    before = name_of(book, message.data.domain)
    claim = before.of(message.account)
    if claim is None or claim.domain_id != message.data.domain_id or claim.state not in ("removing", "active"):
        return _claimed_anew(message.data.domain)
    yielding = _asked_for(claim, message.request_id)
    name, reason = rules.occupied(before, claim, message.data, message.request_id, moment.now)
    book.put(NAMES, name.domain, name)
    return Refused(reason, request_type=ASKED_BY[yielding.by] if yielding else REMOVAL)


def _claimed_anew(domain: str) -> Refused:
    return Refused(refuse("domain_unknown", domain=domain), request_type=REMOVAL)


def _asked_for(claim: Claim, request_id: UUID) -> Yielding | None:
    return claim.yielding if claim.yielding is not None and claim.yielding.request_id == request_id else None


def _answer_to(yielding: Yielding, claim: Claim, name: Name) -> TransferAnswered | TransferDecided:
    shown = view(claim, name)
    if yielding.by == "holder":
        return TransferAnswered(domain=shown, consent=True)
    return TransferDecided(domain=shown, to="claimant")


def _removed_for_transfer(claim: Claim, name: Name) -> Say:
    # Its own name as the request: the transfer's outcome, not this, is what the requester waits for.
    return removed(claim, name, request_id=claim.domain_id)


# --- what time says ---------------------------------------------------------------------------------------------


def _of_tick(tick: Tick) -> Iterable[Wanted]:
    return ((NAMES, str(tick.payload["domain"])),)


@service.timer(ANSWER_DUE, keys=_of_tick)
def answer_due(tick: Tick, book: Book, moment: Moment) -> Fate:
    """Note that the holder has not answered in time; nothing else happens by itself (R15)."""
    before = name_of(book, str(tick.payload["domain"]))
    name = transfers.overdue(before, tick.account, UUID(tick.key), moment.now)
    if name is before:
        return Done()  # answered, withdrawn or ended since
    book.put(NAMES, name.domain, name)
    return consequences(before, name)


def _own(name: Name, account: str) -> Claim:
    claim = name.of(account)
    assert claim is not None, "a request that was not refused has a claim"
    return claim
