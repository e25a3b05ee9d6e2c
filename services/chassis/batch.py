"""One batch is one transaction: read, load, decide each message by itself, write everything set-wise, commit.

A message that cannot be read or whose decision raises is set aside; the others go on. What is to be published is in
the transaction too, and goes out after the commit.
"""

import sys
import traceback
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, assert_never
from uuid import UUID

import structlog
from pydantic import BaseModel, TypeAdapter

from contracts.envelope import MAX_MESSAGE_BYTES, encode
from contracts.ids import derived
from contracts.messages import REGISTRY
from contracts.refusals import Refusal, RequestRefused, refuse
from contracts.routes import OUTCOMES, request_type, route_of_type
from services.chassis.book import Book, Conn, Wanted
from services.chassis.fates import At, Done, Fate, HandedOver, Never, Order, Refused, Say
from services.chassis.journal import DeadLetter, Entries, Handled, Journal, Outgoing
from services.chassis.logs import readable_without_secrets, without_secrets
from services.chassis.received import Raw, Received, Tick, Unreadable, other_content_id, read
from services.chassis.service import Handler, Moment, Service, TimerHandler

log = structlog.get_logger()
AFTER_A_BUG_SECONDS = 3600.0  # a wake-up that became a dead letter comes again
MAX_DEAD_DETAIL = 4_096
MAX_DEAD_PAYLOAD = 16_384  # characters kept of a dead letter; the stream has the whole

Message = Received[Any] | Tick


@dataclass(slots=True)
class Item:
    """One message of a batch on its way to its fate. `raw` is None for wake-ups."""

    raw: Raw | None
    message: Message | Unreadable
    handler: Handler | TimerHandler | None = None
    wanted: Sequence[Wanted] = ()
    fate: Fate | None = None

    @property
    def lane(self) -> int:
        """Return where the message came from; what it leads to is numbered there."""
        return self.message.lane if isinstance(self.message, Tick) else self.raw.lane if self.raw else -1


@dataclass(slots=True)
class Batch:
    """The messages of one transaction, and what they lead to."""

    service: Service
    journal: Journal
    moment: Moment
    seqs: dict[int, int]  # the last number used, by lane
    entries: Entries = field(default_factory=Entries)
    answers: list[tuple[str, bytes]] = field(default_factory=list)

    async def run(self, conn: Conn, published: dict[int, int], raws: Sequence[Raw], ticks: Sequence[Tick]) -> None:
        """Handle the messages inside the caller's transaction. Raises only for infrastructure and constraints.

        `published` tells up to which number lanes are published.
        """
        items = [Item(raw, read(raw)) for raw in raws] + [Item(None, tick) for tick in ticks]
        known = await self.journal.known(conn, [_cause(item).id for item in items if item.raw is not None])
        items = self._without_duplicates(items, known)
        for item in items:
            self._prepare(item)
        book = Book()
        await book.load(conn, self.service.tables, (wanted for item in items for wanted in item.wanted))
        for item in items:
            self._decide(item, book)
            self._enter(item, book)
        await book.save(conn, self.service.tables)
        await self.journal.write(conn, published, self.entries, self.moment.now)

    def set_aside(self, message: Raw | Tick, code: str, detail: str) -> None:
        """Make a message a dead letter without deciding on it."""
        item = Item(None, message) if isinstance(message, Tick) else Item(message, read(message))
        item.fate = Never(code, detail, refuse("internal_error"))
        self._enter(item, Book())

    # --- what comes in ---------------------------------------------------------------------------------------

    def _without_duplicates(self, items: list[Item], known: dict[UUID, Handled]) -> list[Item]:
        fresh: list[Item] = []
        seen: dict[UUID, bytes | None] = {id_: handled.digest for id_, handled in known.items()}
        for item in items:
            id_ = _cause(item).id
            if id_ not in seen:
                seen[id_] = getattr(item.message, "digest", None)
                fresh.append(item)
            elif isinstance(item.message, Received):
                self._answer_duplicate(item, item.message, seen[id_], known.get(id_))
        return fresh

    def _answer_duplicate(
        self, item: Item, message: Received[Any], digest: bytes | None, handled: Handled | None
    ) -> None:
        if message.digest != digest:
            self._refuse_reuse(item, message)
        elif handled is not None and handled.refusal:
            self._answer_again(message, handled)

    def _refuse_reuse(self, item: Item, message: Received[Any]) -> None:
        own_id = other_content_id(message)
        reason = refuse("request_id_reused")
        self._bury(item, own_id, "request_id_reused", reason.text.en)
        fact = self._refusal(message.type, message.id, reason)
        payload = self._envelope(own_id, f"{self.service.name}.request-refused.v1", message.account, fact, own_id)
        self.answers.append((f"rpl.{message.account}.{message.request_id}", payload))

    def _answer_again(self, message: Received[Any], handled: Handled) -> None:
        fact = self._refusal(message.type, message.request_id, Refusal.model_validate_json(handled.refusal or ""))
        type_ = f"{self.service.name}.request-refused.v1"
        id_ = derived(message.id, f"{type_}/{message.account}")
        payload = self._envelope(id_, type_, message.account, fact, message.request_id)
        self.answers.append((f"rpl.{message.account}.{message.request_id}", payload))

    def _prepare(self, item: Item) -> None:
        message = item.message
        match message:
            case Unreadable():
                item.fate = _fate_of_unreadable(message)
                return
            case Tick():
                item.handler = self.service.timers.get(message.kind)
            case Received():
                assert item.raw is not None
                item.handler = self.service.messages.get((item.raw.subject[:3], message.type))
        if item.handler is None:
            known = refuse("unknown_type", type=getattr(message, "type", getattr(message, "kind", "?")))
            item.fate = Never("unknown_type", known.text.en, known)
            return
        try:
            item.wanted = tuple(item.handler.keys(message))
        except Exception:
            item.fate = _bug(message)

    # --- decisions -------------------------------------------------------------------------------------------

    def _decide(self, item: Item, book: Book) -> None:
        if item.fate is not None or item.handler is None:
            return
        try:
            item.fate = item.handler.decide(item.message, book, self.moment)
        except Exception:
            book.drop()
            item.fate = _bug(item.message)

    # --- what goes out ---------------------------------------------------------------------------------------

    def _enter(self, item: Item, book: Book) -> None:
        """Let the decision and what it leads to count, both or neither."""
        message, before, timings = item.message, len(self.entries.outgoing), len(self.entries.timings)
        assert item.fate is not None
        try:
            self._enter_fate(item, item.fate)
        except Exception:
            book.drop()
            del self.entries.outgoing[before:], self.entries.timings[timings:]
            item.fate = _bug(message)
            self._enter_fate(item, item.fate)
        book.keep()
        if isinstance(message, Tick):
            self.entries.fired.append((message.kind, message.key, message.due_at))
            self._wake_again(message, item.fate)

    def _wake_again(self, tick: Tick, fate: Fate | None) -> None:
        every = self.service.recurring.get(tick.kind)
        seconds = AFTER_A_BUG_SECONDS if isinstance(fate, Never) and every is None else every
        if seconds is not None:
            due_at = self.moment.now + timedelta(seconds=seconds)
            self.entries.timings.append((tick.lane, At(tick.kind, tick.key, due_at, tick.account, tick.payload)))

    def _enter_fate(self, item: Item, fate: Fate) -> None:
        cause = _cause(item)
        match fate:
            case Done(says, orders, timings):
                outcome = self._say_all(cause, says)
                self._order_all(cause, orders)
                self.entries.timings.extend((cause.lane, timing) for timing in timings)
                self._note(item, cause, "done", outcome=outcome)
            case HandedOver(orders, says, timings):
                self._say_all(cause, says)
                self._order_all(cause, orders)
                self.entries.timings.extend((cause.lane, timing) for timing in timings)
                self._note(item, cause, "handed-over")
            case Refused(reason, reservation, says, type_):
                self._say_all(cause, says)
                self._say_refused(cause, reason, reservation, type_)
                self._note(item, cause, "refused", code=reason.code, refusal=reason)
            case Never(code, detail, reason):
                self._bury(item, cause.id, code, detail)
                if reason is not None and cause.can_be_answered:
                    self._say_refused(cause, reason, _reserved_for(item.message))
                self._note(item, cause, "never", code=code, refusal=reason)
            case _:
                assert_never(fate)

    def _say_all(self, cause: "Cause", says: Iterable[Say]) -> str | None:
        outcome = None
        for say in says:
            message = REGISTRY.of(type(say.fact))
            account = say.account or cause.account
            # Another account learns nothing of the request: not its id, its channel or its trace.
            led_by = cause if account == cause.account else None
            request_id = say.request_id or (led_by and led_by.request_id)
            is_outcome = f"{message.service}.{message.name}" in _outcomes(cause, say)
            role = f"{message.type}/{account}/{say.key}/{request_id if say.request_id else ''}"
            self._send(
                cause, message.subject(account), message.type, account, role, say.key, say.fact,
                led_by=led_by, request_id=request_id, revision=say.revision, answers=is_outcome,
            )  # fmt: skip
            if is_outcome:
                outcome = message.type
        return outcome

    def _order_all(self, cause: "Cause", orders: Iterable[Order]) -> None:
        for order in orders:
            message = REGISTRY.of(type(order.order))
            account = order.account or cause.account
            role = f"{message.type}/{account}/{order.key}"
            self._send(
                cause, message.subject(account), message.type, account, role, order.key, order.order,
                led_by=cause, request_id=cause.request_id,
            )  # fmt: skip

    def _say_refused(
        self, cause: "Cause", reason: Refusal, reservation: tuple[str, ...], request: str | None = None
    ) -> None:
        type_ = f"{self.service.name}.request-refused.v1"
        fact = self._refusal(request or cause.type, cause.request_id, reason, reservation)
        subject = f"evt.{cause.account}.{type_}"
        self._send(
            cause, subject, type_, cause.account, f"{type_}/{cause.account}", str(cause.request_id), fact,
            led_by=cause, request_id=cause.request_id, answers=True,
        )  # fmt: skip

    def _send(
        self, cause: "Cause", subject: str, type_: str, account: str, role: str, key: str, data: BaseModel, *,
        led_by: "Cause | None", request_id: UUID | None, revision: int | None = None, answers: bool = False,
    ) -> None:  # fmt: skip
        id_ = derived(cause.id, role)
        request_id = request_id or id_
        payload = self._envelope(id_, type_, account, data, request_id, led_by, revision)
        if len(payload) > MAX_MESSAGE_BYTES:
            # The stream would refuse it for ever, and the lane could never go on.
            raise ValueError(f"{type_} would have {len(payload)} bytes, {MAX_MESSAGE_BYTES} are allowed")
        reply = f"rpl.{account}.{request_id}" if answers else None
        self._send_out(cause.lane, id_, subject, f"{account}/{key}", payload, reply)

    def _send_out(self, lane: int, id_: UUID, subject: str, key: str, payload: bytes, reply: str | None = None) -> None:
        self.seqs[lane] += 1
        self.entries.outgoing.append(Outgoing(lane, self.seqs[lane], id_, subject, key, payload, reply))

    def _envelope(
        self, id_: UUID, type_: str, account: str, data: BaseModel, request_id: UUID,
        cause: "Cause | None" = None, revision: int | None = None,
    ) -> bytes:  # fmt: skip
        return encode(
            message_id=id_,
            type=type_,
            source=f"/postkontor/{self.service.name}",
            time=self.moment.now,
            account=account,
            data=data,
            correlation_id=request_id,
            causation_id=cause.id if cause else None,
            revision=revision,
            traceparent=cause.traceparent if cause else None,
            channel=cause.channel if cause else "bus",  # type: ignore[arg-type]
        )

    def _refusal(
        self, type_: str, request_id: UUID, reason: Refusal, reservation: tuple[str, ...] = ()
    ) -> RequestRefused:
        return RequestRefused(
            request_id=request_id, request_type=request_type(type_), refusal=reason, reservation=reservation
        )

    def _note(
        self, item: Item, cause: "Cause", fate: str, *, code: str | None = None, outcome: str | None = None,
        refusal: Refusal | None = None,
    ) -> None:  # fmt: skip
        message = item.message
        if isinstance(message, Tick):
            return
        digest = message.digest if isinstance(message, Received) else None
        text = refusal.model_dump_json() if refusal else None
        self.entries.handled.append(
            Handled(cause.id, cause.request_id, cause.account, cause.type, fate, code, outcome, text, digest)
        )

    def _bury(self, item: Item, id_: UUID, code: str, detail: str) -> None:
        raw, message = item.raw, item.message
        letter = DeadLetter(
            item.lane, id_, raw.stream if raw else None, raw.stream_seq if raw else None, message.account,
            getattr(message, "type", getattr(message, "kind", "")), code,
            without_secrets(detail)[:MAX_DEAD_DETAIL].replace("\x00", "\\0"),
            readable_without_secrets(raw.payload)[:MAX_DEAD_PAYLOAD] if raw else "",
        )  # fmt: skip
        self.entries.dead.append(letter)
        subject = f"dlq.{self.service.name}.{_token(message.account)}"
        self._send_out(item.lane, id_, subject, subject, _dead_json(letter))
        log.error("dead letter", id=str(id_), type=letter.type, code=code, detail=letter.detail, account=letter.account)


@dataclass(frozen=True, slots=True)
class Cause:
    """What the consequences of a message are named after."""

    lane: int
    id: UUID
    request_id: UUID
    account: str
    type: str
    traceparent: str | None
    channel: str
    can_be_answered: bool


def _cause(item: Item) -> Cause:
    lane, message = item.lane, item.message
    if isinstance(message, Unreadable):
        sender = message.sender
        # Not the sender's id: that may belong to a message that could be read.
        id_ = derived(_UNREADABLE, f"{message.raw.stream}/{message.raw.stream_seq}")
        if sender is None:
            return Cause(lane, id_, id_, message.account, message.type, None, "bus", can_be_answered=False)
        hand_over = REGISTRY.find("cmd", message.type) is not None and route_of_type(message.type) is None
        request_id = (hand_over and sender.correlationid) or sender.id
        return Cause(lane, id_, request_id, message.account, message.type, None, sender.channel, can_be_answered=True)
    channel = message.channel if isinstance(message, Received) else "bus"
    type_ = message.type if isinstance(message, Received) else message.kind
    # A fact that cannot be handled is no answer to the request behind it: that has its own.
    answerable = isinstance(message, Received) and item.raw is not None and item.raw.subject.startswith("cmd.")
    return Cause(lane, message.id, message.request_id, message.account, type_, message.traceparent, channel, answerable)


def _outcomes(cause: Cause, say: Say) -> Collection[str]:
    """Return the facts that end the request: its route's own; any, for one that waited for another's message."""
    route = None if say.request_id else route_of_type(request_type(cause.type))
    return OUTCOMES if route is None else route.outcomes


def _fate_of_unreadable(message: Unreadable) -> Fate:
    if message.sender is not None and message.raw.subject.startswith("cmd."):
        return Refused(message.refusal)
    return Never(message.refusal.code, message.refusal.text.en)


def _bug(message: Message | Unreadable) -> Never:
    # Frames and the exception's type only: its text may hold what a customer sent.
    kind, _, frames = sys.exc_info()
    where = "".join(traceback.format_tb(frames, limit=-6)).replace("\n", " | ")
    detail = f"{kind.__name__ if kind else 'unknown'} at {where}"
    return Never("internal_error", detail, None if isinstance(message, Tick) else refuse("internal_error"))


def _reserved_for(message: Message | Unreadable) -> tuple[str, ...]:
    # Room that was kept for a hand-over which can never be handled is given back at once.
    reservation = getattr(getattr(message, "data", None), "reservation", None)
    return getattr(reservation, "holders", ())


def _token(account: str) -> str:
    return account if account and not set(account) & set(" .*>") else "unknown"


def _dead_json(letter: DeadLetter) -> bytes:
    return _DEAD_LETTER.dump_json(letter, exclude={"lane"})


_DEAD_LETTER = TypeAdapter(DeadLetter)
_UNREADABLE = UUID("5b1d3f0e-7f5a-4a53-9d0c-1f1f5d1c7a10")
