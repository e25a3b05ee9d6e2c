"""The bus edge of domain where the gate is: what a gated request needs, and whether it passes, waits or is refused.

The hot path: unless a request may wait, it reads one row per domain and changes none.
"""

from typing import Any

from contracts.refusals import Finding, Refusal, refusal, refuse
from services.chassis.book import Book, Wanted
from services.chassis.fates import Accepted, At, Fate, Origin, Refused, Say
from services.chassis.received import Received
from services.chassis.service import Moment
from services.domain import holds
from services.domain.gate import all_admitted
from services.domain.holds import Hold, Lines, Terms
from services.domain.passing import Gated, concerned, gated, passed
from services.domain.store import ACCOUNTS, NAMES
from services.domain.store_holds import HOLDS, LINES
from services.domain.trying import tried

HOLD_ENDS = "hold"  # the wake-up at a hold's deadline; its key is the request's id
DOMAINS_TOLD = 20  # whose state a refusal at the deadline can name
TERMS = Terms()


def at_entrance(message: Received[Any]) -> list[Wanted]:
    """Name the rows that a gated request needs."""
    request: Gated = message.data
    may_wait = request.when_unverified == "hold" and not message.dryrun
    domains = concerned(request) if may_wait else gated(request)
    wanted: list[Wanted] = [(ACCOUNTS, message.account), *((NAMES, domain) for domain in domains)]
    return [*wanted, (LINES, message.account), (HOLDS, message.request_id)] if may_wait else wanted


def enter(message: Received[Any], book: Book, moment: Moment, unfit: Finding | None = None) -> Fate:
    """Let a request pass under active domains of its account, or else do as it says (R20, R21).

    A dry run passes in any case, with what is missing, and with what the caller has found unfit.
    """
    request: Gated = message.data
    if message.dryrun:
        return tried(message, book, unfit)
    if request.when_unverified == "hold":
        return _pass_or_wait(message, request, book, moment)
    domains = ((domain, book.get(NAMES, domain)) for domain in gated(request))
    domain_ids, findings = all_admitted(domains, message.account)
    return Refused(refusal(*findings)) if findings else passed(request, message.request_id, domain_ids)


def _pass_or_wait(message: Received[Any], request: Gated, book: Book, moment: Moment) -> Fate:
    names = {domain: book.get(NAMES, domain) for domain in concerned(request)}
    found = holds.standing(request, names, message.account)
    if found.closed:
        return Refused(refusal(*found.findings))
    lines = book.get(LINES, message.account) or Lines(message.account)
    hold = book.get(HOLDS, message.request_id)  # the inbox may have forgotten by now that it was parked
    if hold is None:
        if not found.waiting and not any(lines.by_domain.get(domain) for domain in names):
            return passed(request, message.request_id, found.domain_ids)
        hold = holds.park(_origin(message), request, lines, TERMS, moment.now)
        if isinstance(hold, Refusal):
            return Refused(hold)
        book.put(HOLDS, hold.request_id, hold)
        book.put(LINES, message.account, lines.having(hold))
    elif hold.account != message.account or hold.request != request or hold.origin.quote_id != message.quote_id:
        return Refused(refuse("request_id_reused"))
    return Accepted(Say(holds.parked(hold, found), key=str(hold.request_id)), timings=(_deadline(hold),))


def _origin(message: Received[Any]) -> Origin:
    return Origin(
        message.id, message.request_id, message.account, message.type, message.channel, message.traceparent,
        message.quote_id,
    )  # fmt: skip


def _deadline(hold: Hold) -> At:
    told = {"domains": list(hold.domains[:DOMAINS_TOLD])}
    return At(HOLD_ENDS, str(hold.request_id), hold.deadline, hold.account, told)
