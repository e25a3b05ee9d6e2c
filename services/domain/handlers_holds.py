"""The bus edge of domain, fourth part: requests that wait go on, are taken back, or have waited for too long."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from contracts.holds_v1 import AskHolds, CancelHold, HoldCancelled, HoldsAnswer, HoldView, SettleHolds
from contracts.refusals import refuse
from services.chassis.book import Book, Conn, Wanted
from services.chassis.fates import At, Cancel, Done, End, Fate, HandedOver, Refused, Say, Timing
from services.chassis.received import Received, Tick
from services.chassis.service import Moment
from services.domain import holds, store, store_holds
from services.domain.entrance import HOLD_ENDS, TERMS
from services.domain.handlers import refused_account, service
from services.domain.holds import Hold, Placed
from services.domain.store import ACCOUNTS, NAMES
from services.domain.store_holds import HOLDS, LINES

RELEASE = "release-holds"  # the wake-up that lets the first in a line go; its key is `<account>/<domain>`
MAX_PAGE = 100  # an answer is one message, and a request for aliases may name long domains


@dataclass
class Look:
    """Where lines are read. The worker sets it before it takes its first message."""

    pool: Any = None


LOOK = Look()


@dataclass
class _Endings:
    """The requests that end with one message, and what else follows from that."""

    book: Book
    moment: Moment
    ends: list[End] = field(default_factory=list[End])
    timings: list[Timing] = field(default_factory=list[Timing])

    def end(self, hold: Hold, fate: HandedOver | Refused) -> None:
        """Let a request leave its lines. Where it stood in several, who stood behind it may go now."""
        lines = self.book.get(LINES, hold.account)
        assert lines is not None, "who is parked stands in a line"
        self.book.delete(HOLDS, hold.request_id)
        self.book.put(LINES, hold.account, lines.without(hold))
        self.ends.append(End(hold.origin, fate))
        self.timings.append(Cancel(HOLD_ENDS, str(hold.request_id)))
        if len(hold.domains) > 1:
            self.timings.extend(_release(hold.account, domain, self.moment) for domain in hold.domains)

    def done(self, *says: Say, timings: Iterable[Timing] = ()) -> Done:
        """Return all of it."""
        return Done(says, timings=(*self.timings, *timings), ends=tuple(self.ends))


def _release(account: str, domain: str, moment: Moment, *, after: int = 0) -> At:
    return At(RELEASE, f"{account}/{domain}", moment.now, account, {"domain": domain, "after": after})


# --- their domains are ready, or never will be ------------------------------------------------------------------


@service.command(SettleHolds, keys=lambda message: ((LINES, message.account),))
def settle_holds(message: Received[SettleHolds], book: Book, moment: Moment) -> Fate:
    """Begin to let requests go that wait for a domain, if there are any."""
    lines, domain = book.get(LINES, message.account), message.data.domain
    if lines is None or not lines.by_domain.get(domain):
        return Done()
    return Done(timings=(_release(message.account, domain, moment),))


async def _read_line(tick: Tick) -> list[Placed]:
    domain, after = str(tick.payload["domain"]), int(tick.payload["after"])
    async with LOOK.pool.acquire() as connection:
        return await store_holds.read_line(connection, tick.account, domain, after, TERMS.portion)


def _of_line(tick: Tick) -> list[Wanted]:
    line = _as_read(tick)
    domains = dict.fromkeys(domain for placed in line for domain in placed.domains)
    return [
        (ACCOUNTS, tick.account),
        (LINES, tick.account),
        *((NAMES, domain) for domain in domains),
        *((HOLDS, placed.request_id) for placed in line),
    ]


@service.timer(RELEASE, keys=_of_line, observe=_read_line)
def release_holds(tick: Tick, book: Book, moment: Moment) -> Fate:
    """Let the first in a line go on or end, in order, until one has to wait; comes again while it did something.

    Only a wake-up that finds nothing to do is the last: who was parked meanwhile behind others is seen by the next. In
    the line of a domain that has ended, one that has to wait for another does not keep the others from their end.
    """
    endings, gone, line = _Endings(book, moment), set[UUID](), _as_read(tick)
    domain, after = str(tick.payload["domain"]), int(tick.payload["after"])
    has_ended, must_wait = bool(line) and holds.has_ended(book.get(NAMES, domain), tick.account), after > 0
    for placed in line:
        hold = book.get(HOLDS, placed.request_id)  # None: taken back or too late since the line was read
        if hold is not None:
            fate = _fate(hold, book)
            if fate is None or (isinstance(fate, HandedOver) and (must_wait or not placed.is_first(gone))):
                must_wait = True
                if has_ended:
                    continue
                break
            endings.end(hold, fate)
        gone.add(placed.request_id)
    if gone:
        return endings.done(timings=(_release(tick.account, domain, moment, after=after),))
    goes_on = has_ended and len(line) == TERMS.portion
    return endings.done(timings=(_release(tick.account, domain, moment, after=line[-1].place),) if goes_on else ())


def _as_read(tick: Tick) -> list[Placed]:
    return tick.observation


def _fate(hold: Hold, book: Book) -> HandedOver | Refused | None:
    names = {domain: book.get(NAMES, domain) for domain in hold.domains}
    return holds.verdict(hold, names, book.get(ACCOUNTS, hold.account))


# --- they do not wait any longer --------------------------------------------------------------------------------


def _of_cancelled(message: Received[CancelHold]) -> Iterable[Wanted]:
    return (ACCOUNTS, message.account), (HOLDS, message.data.request_id), (LINES, message.account)


@service.command(CancelHold, keys=_of_cancelled)
def cancel_hold(message: Received[CancelHold], book: Book, moment: Moment) -> Fate:
    """Take a parked request back."""
    reason = refused_account(message, book)
    if reason is not None:
        return Refused(reason)
    hold = book.get(HOLDS, message.data.request_id)
    if hold is None or hold.account != message.account:
        return Refused(refuse("hold_unknown", request_id=str(message.data.request_id)))
    endings = _Endings(book, moment)
    endings.end(hold, Refused(refuse("hold_cancelled")))
    fact = HoldCancelled(request_id=hold.request_id, request_type=hold.origin.type, address=hold.address)
    return endings.done(Say(fact, key=str(hold.request_id)))


def _of_deadline(tick: Tick) -> list[Wanted]:
    told = ((NAMES, domain) for domain in tick.payload["domains"])
    return [(HOLDS, UUID(tick.key)), (LINES, tick.account), *told]


@service.timer(HOLD_ENDS, keys=_of_deadline)
def hold_expires(tick: Tick, book: Book, moment: Moment) -> Fate:
    """Refuse a request that has waited for too long, with the next step."""
    hold = book.get(HOLDS, UUID(tick.key))
    if hold is None:
        return Done()
    endings = _Endings(book, moment)
    names = {domain: book.get(NAMES, domain) for domain in tick.payload["domains"]}
    endings.end(hold, holds.expired(hold, names))
    return endings.done()


# --- questions --------------------------------------------------------------------------------------------------


@service.query(AskHolds)
async def answer_holds(conn: Conn, account: str, ask: AskHolds) -> HoldsAnswer:
    """Show a page of parked requests; one more than asked for tells whether another page follows."""
    limit = min(ask.limit, MAX_PAGE)
    rows = await store_holds.read_page(conn, account, ask.domain, ask.after, limit + 1)
    page = rows[:limit]
    waiting = await store.read_waiting(conn, account, sorted({domain for row in page for domain in row["domains"]}))
    shown = tuple(_shown(row, waiting) for row in page)
    return HoldsAnswer(holds=shown, next=shown[-1].place if len(rows) > len(page) else None)


def _shown(row: Any, waiting: frozenset[str]) -> HoldView:
    return HoldView(
        account=row["account"],
        request_id=row["request_id"],
        request_type=row["type"],
        address=row["address"],
        domains=tuple(row["domains"][: holds.SHOWN]),
        domain_count=len(row["domains"]),
        waits_for=tuple(domain for domain in row["domains"] if domain in waiting)[: holds.SHOWN],
        place=row["place"],
        parked_at=row["parked_at"],
        deadline=row["deadline"],
    )
