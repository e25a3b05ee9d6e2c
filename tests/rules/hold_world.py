"""An account whose requests wait, with the worker's own decisions on rows in memory; chance says what happens when.

As in the worker, what changes a domain is told to the account's lane by a message, and lines are read before they are
decided on, so what was read may be out of date by then.
"""

from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from contracts.forwarding_v1 import SetCatchAll
from contracts.holds_v1 import CancelHold, SettleHolds
from contracts.mailbox_v1 import AddAliases, CreateMailbox, DomainOccupied
from contracts.messages import REGISTRY
from contracts.refusals import Refusal
from services.chassis.book import Book, Change
from services.chassis.fates import Accepted, At, Cancel, Done, Fate, HandedOver, Refused, Timing
from services.chassis.received import Received, Tick
from services.chassis.service import Moment
from services.domain import entrance, handlers_holds, rules
from services.domain.handlers_holds import RELEASE
from services.domain.holds import Hold, Lines, Placed
from services.domain.outgoing import consequences
from services.domain.passing import Gated, concerned, gated
from services.domain.rows import Name
from tests.rules.domain_claims import HASH, NOW, attempt

ACCOUNT, RIVAL = "nordwind", "suedwind"
DOMAINS = ("a.de", "b.de", "c.de")
DAY = timedelta(days=1)


class Rows:
    """A table in memory."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.rows: dict[Any, Any] = {}

    async def load(self, conn: Any, keys: list[Any]) -> dict[Any, Any]:
        return {key: self.rows[key] for key in keys if key in self.rows}

    async def save(self, conn: Any, changes: list[Change[Any, Any]]) -> None:
        for change in changes:
            self.rows.pop(change.key, None)
            if change.after is not None:
                self.rows[change.key] = change.after


class CountedLines(Rows):
    """Lines are counted from the holds, as the store does."""

    def __init__(self, holds: Rows) -> None:
        super().__init__("domain.hold_place")
        self._holds = holds

    async def load(self, conn: Any, keys: list[Any]) -> dict[Any, Any]:
        lines = Lines(ACCOUNT)
        for hold in sorted(self._holds.rows.values(), key=lambda hold: hold.place):
            lines = lines.having(hold)
        return {ACCOUNT: lines} if lines.parked else {}

    async def save(self, conn: Any, changes: list[Change[Any, Any]]) -> None:
        return


@dataclass
class World:
    """The rows, the messages on their way, the wake-ups, and what has become of every request."""

    now: datetime = NOW
    names: Rows = field(default_factory=lambda: Rows("domain.claim"))
    holds: Rows = field(default_factory=lambda: Rows("domain.hold"))
    sent: list[UUID] = field(default_factory=list)
    requests: dict[UUID, Gated] = field(default_factory=dict)
    places: dict[UUID, int] = field(default_factory=dict)
    ended: dict[UUID, str] = field(default_factory=dict)
    settling: list[str] = field(default_factory=list)
    timers: dict[tuple[str, str], At] = field(default_factory=dict)
    read: list[Tick] = field(default_factory=list)

    # --- requests -------------------------------------------------------------------------------------------------

    def order(self, choice: int) -> None:
        """Send a request that may wait: of one domain or of several."""
        first, second = DOMAINS[choice % 3], DOMAINS[choice // 3 % 3]
        address = f"n{len(self.sent)}@{first}"
        requests: tuple[Gated, ...] = (
            CreateMailbox(
                address=address, first_name="A", last_name="B", plan="mail", password_hash=HASH, when_unverified="hold"
            ),
            AddAliases(address=address, aliases=(f"x@{second}", f"x@{first}"), when_unverified="hold"),
            SetCatchAll(domain=first, mailbox=f"x@{second}", when_unverified="hold"),
        )
        request = requests[choice // 9 % 3]
        message = self._message(request)
        self.sent.append(message.id)
        self.requests[message.id] = request
        before = [hold for hold in self.holds.rows.values() if set(hold.domains) & set(concerned(request))]
        fate = self._decide(entrance.enter, message, entrance.at_entrance(message))
        if isinstance(fate, Accepted):
            self.places[message.id] = self.holds.rows[message.id].place
        else:
            assert not (before and isinstance(fate, HandedOver)), "nobody overtakes who waits for the same domain"
            self._end(message.id, fate)

    def cancel(self, choice: int) -> None:
        """Take one of the requests back, whatever has become of it."""
        if self.sent:
            id_ = self.sent[choice % len(self.sent)]
            message = self._message(CancelHold(request_id=id_))
            self._decide(handlers_holds.cancel_hold, message, handlers_holds._of_cancelled(message))

    # --- domains --------------------------------------------------------------------------------------------------

    def claim(self, choice: int) -> None:
        self._change(choice, lambda name: self._claimed(name, ACCOUNT))

    def prove(self, choice: int) -> None:
        self._change(choice, lambda name: self._looked(name, ACCOUNT))

    def password(self, choice: int) -> None:
        self._change(choice, lambda name: self._with(name, rules.set_password(name, ACCOUNT, HASH, self.now)))

    def remove(self, choice: int) -> None:
        self._change(choice, lambda name: rules.remove(name, ACCOUNT, self.now))

    def vacated(self, choice: int) -> None:
        self._change(choice, lambda name: self._left(name, occupied=False))

    def occupied(self, choice: int) -> None:
        self._change(choice, lambda name: self._left(name, occupied=True))

    def lapse(self, choice: int) -> None:
        """Let a proof lapse, or come back."""

        def lapsed(name: Name) -> Name | None:
            claim = name.of(ACCOUNT)
            if claim is None or claim.state not in ("verified", "active"):
                return None
            proof = "held" if claim.proof == "lapsed" else "lapsed"
            since = self.now if proof == "lapsed" else None
            return name.having(replace(claim, proof=proof, lapses_at=since, noes=(since,) if since else ()))

        self._change(choice, lapsed)

    def lose(self, choice: int) -> None:
        """Let another account prove the name, first or as a rival."""
        self._change(choice, lambda name: self._claimed(name, RIVAL))
        self._change(choice, lambda name: self._looked(name, RIVAL))

    # --- time -----------------------------------------------------------------------------------------------------

    def wait(self, choice: int) -> None:
        """Let days pass; deadlines that are over end the wait."""
        self.now += choice % 6 * DAY
        for (kind, key), at in list(self.timers.items()):
            if kind == entrance.HOLD_ENDS and at.due_at <= self.now:
                del self.timers[kind, key]
                tick = self._tick(at)
                self._decide(handlers_holds.hold_expires, tick, handlers_holds._of_deadline(tick))

    def deliver(self, choice: int) -> None:
        """Hand the lane the next word about a domain."""
        if self.settling:
            message = self._message(SettleHolds(domain=self.settling.pop(0)))
            self._decide(handlers_holds.settle_holds, message, [(handlers_holds.LINES, ACCOUNT)])

    def look(self, choice: int) -> None:
        """Read a line that a wake-up is due for; it is decided on later."""
        due = [at for (kind, _), at in self.timers.items() if kind == RELEASE]
        busy = {tick.key for tick in self.read}
        due = [at for at in due if at.key not in busy]
        if due:
            at = due[choice % len(due)]
            payload: Any = at.payload
            line = self._first(payload["domain"], payload["after"], entrance.TERMS.portion)
            self.read.append(replace(self._tick(at), observation=line))

    def release(self, choice: int) -> None:
        """Decide on a line that was read before."""
        if self.read:
            tick = self.read.pop(choice % len(self.read))
            if (at := self.timers.get((tick.kind, tick.key))) is not None and at.due_at == tick.due_at:
                del self.timers[tick.kind, tick.key]
            self.now += timedelta(microseconds=1)
            self._decide(handlers_holds.release_holds, tick, handlers_holds._of_line(tick))

    def settle(self, choice: int = 0) -> None:
        """Let everything run out that is under way, and check that nobody waits in vain."""
        while self.settling:
            self.deliver(0)
        while self.read or any(kind == RELEASE for kind, _ in self.timers):
            self.look(0)
            self.release(0)
        stuck: set[str] = set()
        for hold in sorted(self.holds.rows.values(), key=lambda hold: hold.place):
            assert not self._is_over(hold.request), f"{hold} waits for what cannot come"
            assert not self._may_go(hold.request) or stuck & set(hold.domains), f"{hold} waits for nothing"
            stuck |= set(hold.domains)
        assert set(self.sent) == set(self.ended) | set(self.holds.rows)
        assert {UUID(key) for kind, key in self.timers if kind == entrance.HOLD_ENDS} == set(self.holds.rows)

    # --- the worker -----------------------------------------------------------------------------------------------

    def _decide(self, decide: Callable[..., Fate], message: Any, wanted: Iterable[tuple[Any, Any]]) -> Fate:
        tables = (Rows("domain.account"), self.names, self.holds, CountedLines(self.holds))
        book = Book()
        _at_once(book.load(None, tables, wanted))  # type: ignore[arg-type]
        fate = decide(message, book, Moment(self.now))
        book.keep()
        parked = set(self.holds.rows)
        _at_once(book.save(None, tables))  # type: ignore[arg-type]
        for timing in fate.timings if isinstance(fate, Done | HandedOver | Accepted) else ():
            self._time(timing)
        for end in fate.ends if isinstance(fate, Done) else ():
            assert end.request.id in parked
            self._end(end.request.id, end.fate)
        return fate

    def _time(self, timing: Timing) -> None:
        if isinstance(timing, Cancel):
            self.timers.pop((timing.kind, timing.key), None)
        else:
            self.timers[timing.kind, timing.key] = timing

    def _end(self, id_: UUID, fate: Fate) -> None:
        assert id_ not in self.ended, "one end only"
        self.ended[id_] = fate.refusal.code if isinstance(fate, Refused) else "gone on"
        if isinstance(fate, HandedOver):
            request, place = self.requests[id_], self.places.get(id_, 10**9)
            assert self._may_go(request), "nobody goes on before the activation"
            for hold in self.holds.rows.values():
                assert hold.place > place or not set(hold.domains) & set(concerned(request)), "in the order of arrival"

    def _change(self, choice: int, change: Callable[[Name], Name | Refusal | None]) -> None:
        domain = DOMAINS[choice % 3]
        before = self.names.rows.get(domain, Name(domain))
        after = change(before)
        if isinstance(after, Name):
            self.names.rows[domain] = after
            orders = (each for each in consequences(before, after).orders if each.account == ACCOUNT)
            self.settling += [each.order.domain for each in orders if isinstance(each.order, SettleHolds)]

    # --- helpers --------------------------------------------------------------------------------------------------

    def _claimed(self, name: Name, account: str) -> Name | Refusal:
        self.now += timedelta(microseconds=1)
        number = len(self.sent) * 1000 + self.now.microsecond
        token = rules.token_of(number.to_bytes(20, "big"))
        return self._with(
            name,
            rules.claim_name(
                name, account=account, domain_id=UUID(int=number), token=token, label="_x", password_hash=None,
                now=self.now,
            ),
        )  # fmt: skip

    def _looked(self, name: Name, account: str) -> Name | None:
        claim = name.of(account)
        return claim and rules.txt_checked(name, claim, attempt(at=self.now), self.now)

    def _left(self, name: Name, *, occupied: bool) -> Name | None:
        claim = name.of(ACCOUNT)
        if claim is None or claim.state != "removing":
            return None
        if not occupied:
            return rules.vacated(name, claim, UUID(int=1), self.now)
        fact = DomainOccupied(domain=name.domain, domain_id=claim.domain_id, mailboxes=1, aliases=0)
        return rules.occupied(name, claim, fact, UUID(int=1), self.now)[0]

    def _with(self, name: Name, claim: Any) -> Name | Refusal:
        return claim if isinstance(claim, Refusal) else name.having(claim)

    def _may_go(self, request: Gated) -> bool:
        """The addresses' domains are open; the mailbox's may be nobody's, but is not waited for."""
        claims = {domain: self.names.rows.get(domain, Name(domain)).of(ACCOUNT) for domain in concerned(request)}
        stands = {domain: claim.at_gate for domain, claim in claims.items() if claim is not None}
        return all(stands.get(domain) == "open" for domain in gated(request)) and "waiting" not in stands.values()

    def _is_over(self, request: Gated) -> bool:
        claims = (self.names.rows.get(domain, Name(domain)).of(ACCOUNT) for domain in gated(request))
        return any(claim is None or claim.at_gate == "closed" for claim in claims)

    def _first(self, domain: str, after: int, most: int) -> list[Placed]:
        holds = sorted(self.holds.rows.values(), key=lambda hold: hold.place)
        line = [hold for hold in holds if domain in hold.domains and hold.place > after][:most]
        return [Placed(hold.request_id, hold.place, hold.domains, self._behind(hold, domain)) for hold in line]

    def _behind(self, hold: Hold, domain: str) -> frozenset[UUID]:
        others = set(hold.domains) - {domain}
        before = (other for other in self.holds.rows.values() if other.place < hold.place)
        return frozenset(other.request_id for other in before if others & set(other.domains))

    def _message(self, data: Any) -> Received[Any]:
        self.now += timedelta(microseconds=1)
        id_ = UUID(int=(1 << 100) + int((self.now - NOW) / timedelta(microseconds=1)))
        return Received(id_, id_, ACCOUNT, REGISTRY.of(type(data)).type, "bus", self.now, data)

    def _tick(self, at: At) -> Tick:
        return Tick(UUID(int=0), at.account, at.kind, at.key, at.due_at, self.now, at.payload or {})


def _at_once(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run what waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as stopped:
        return stopped.value
    raise AssertionError("it waits")
