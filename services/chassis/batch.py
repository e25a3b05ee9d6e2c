"""One batch is one transaction: read, load, decide each message by itself, write everything set-wise, commit.

A message that cannot be read or whose decision raises is set aside; the others go on. What is to be published is in
the transaction too, and goes out after the commit.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, assert_never
from uuid import UUID

import structlog
from pydantic import BaseModel

from contracts.envelope import MAX_MESSAGE_BYTES, encode
from contracts.ids import derived
from contracts.messages import REGISTRY
from contracts.refusals import Refusal, RequestRefused, refuse
from contracts.routes import SENT, request_type
from services.chassis import dryrun, letters
from services.chassis.book import Book, Conn, Wanted
from services.chassis.causes import Cause, cause_of, outcomes
from services.chassis.fates import Accepted, At, Done, End, Fate, HandedOver, Never, Order, Refused, Say, Timing
from services.chassis.journal import Entries, Handled, Journal, Outgoing
from services.chassis.received import Raw, Received, Tick, Unreadable, other_content_id, read
from services.chassis.service import Handler, Moment, Service, TimerHandler

log = structlog.get_logger()
AFTER_A_BUG_SECONDS = 3600.0  # a wake-up that became a dead letter comes again

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

    @property
    def cause(self) -> Cause:
        """Return what its consequences are named after."""
        return cause_of(self.message, self.lane, self.raw.subject if self.raw else None)


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
        read_ones = [raw for raw in raws if self.service.is_concerned(raw.subject, raw.payload)]
        items = [Item(raw, read(raw)) for raw in read_ones] + [Item(None, tick) for tick in ticks]
        known = await self.journal.known(conn, [item.cause.id for item in items if item.raw is not None])
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
            id_ = item.cause.id
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
        elif handled is not None and handled.accepted:
            self.answers.append((f"rpl.{message.account}.{message.request_id}", handled.accepted.encode()))

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
                item.fate = letters.fate_of_unreadable(message)
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
            item.fate = letters.bug(message)

    # --- decisions -------------------------------------------------------------------------------------------

    def _decide(self, item: Item, book: Book) -> None:
        if item.fate is not None or item.handler is None:
            return
        try:
            item.fate = dryrun.decided(item.handler, item.message, book, self.moment)
        except Exception:
            book.drop()
            item.fate = letters.bug(item.message)

    # --- what goes out ---------------------------------------------------------------------------------------

    def _enter(self, item: Item, book: Book) -> None:
        """Let the decision and what it leads to count, both or neither."""
        message, before = item.message, self.entries.mark()
        assert item.fate is not None
        try:
            self._enter_fate(item, item.fate)
        except Exception:
            book.drop()
            self.entries.back_to(before)
            item.fate = letters.bug(message)
            self._enter_fate(item, item.fate)
        book.keep(self.service.kept_in_dry_runs if getattr(message, "dryrun", False) else None)
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
        cause = item.cause
        match fate:
            case Done(says, orders, timings, ends):
                outcome = self._lead_to(cause, says, orders, timings)
                for end in ends:
                    self._end(end, cause.lane)
                self._note(item, cause, "done", outcome=outcome)
            case HandedOver(orders, says, timings):
                self._lead_to(cause, says, orders, timings)
                self._note(item, cause, "handed-over")
            case Accepted(say, timings):
                told = self._say(cause, say, answers=True)
                self._lead_to(cause, (), (), timings)
                self._note(item, cause, "accepted", accepted=told.decode())
            case Refused(reason, reservation, says, type_, request_id):
                self._say_all(cause, says)
                self._say_refused(cause, reason, reservation, type_, request_id)
                self._note(item, cause, "refused", code=reason.code, refusal=reason)
            case Never(code, detail, reason):
                self._bury(item, cause.id, code, detail)
                if reason is not None and cause.can_be_answered:
                    self._say_refused(cause, reason, letters.reserved_for(item.message))
                self._note(item, cause, "never", code=code, refusal=reason)
            case _:
                assert_never(fate)

    def _end(self, end: End, lane: int) -> None:
        """Let a request end that was accepted before."""
        cause, origin = Cause.accepted_before(end.request, lane), end.request
        code = refusal = None
        match end.fate:
            case HandedOver(orders, says, timings):
                self._lead_to(cause, says, orders, timings)
                fate = "handed-over"
            case Refused(reason, reservation, says, type_):
                self._say_all(cause, says)
                self._say_refused(cause, reason, reservation, type_)
                fate, code, refusal = "refused", reason.code, reason.model_dump_json()
            case _:
                assert_never(end.fate)
        ended = Handled(origin.id, origin.request_id, origin.account, origin.type, fate, code, refusal=refusal)
        self.entries.ended.append(ended)

    def _lead_to(
        self, cause: Cause, says: Iterable[Say], orders: Iterable[Order], timings: Iterable[Timing]
    ) -> str | None:
        outcome = self._say_all(cause, says)
        self._order_all(cause, orders)
        self.entries.timings.extend((cause.lane, timing) for timing in timings)
        return outcome

    def _say_all(self, cause: Cause, says: Iterable[Say]) -> str | None:
        outcome = None
        for say in says:
            message = dryrun.message_of(self.service.name, say.fact)
            is_late_refusal = isinstance(say.fact, RequestRefused) and say.request_id is not None
            is_outcome = cause.dryrun or is_late_refusal or f"{message.service}.{message.name}" in outcomes(cause, say)
            self._say(cause, say, answers=is_outcome)
            if is_outcome:
                outcome = message.type
        return outcome

    def _say(self, cause: Cause, say: Say, *, answers: bool) -> bytes:
        message = dryrun.message_of(self.service.name, say.fact)
        account = say.account or cause.account
        # Another account learns nothing of the request: not its id, its channel or its trace.
        led_by = cause if account == cause.account else None
        request_id = say.request_id or (led_by and led_by.request_id)
        role = f"{message.type}/{account}/{say.key}/{request_id if say.request_id else ''}"
        return self._send(
            cause, message.subject(account), message.type, account, role, say.key, say.fact,
            led_by=led_by, request_id=request_id, revision=say.revision, answers=answers,
        )  # fmt: skip

    def _order_all(self, cause: Cause, orders: Iterable[Order]) -> None:
        for order in orders:
            message = REGISTRY.of(type(order.order))
            if message.type not in SENT[self.service.name]:
                # The bus would refuse it for ever, and the lane could never go on.
                raise ValueError(f"{self.service.name} may not send {message.type}: contracts.routes.SENT")
            account = order.account or cause.account
            role = f"{message.type}/{account}/{order.key}"
            self._send(
                cause, message.subject(account), message.type, account, role, order.key, order.order,
                led_by=cause, request_id=order.request_id or cause.request_id, message_id=order.request_id,
                carries_on=cause.is_special and dryrun.goes_on(cause.type, order.order),
            )  # fmt: skip

    def _say_refused(
        self, cause: Cause, reason: Refusal, reservation: tuple[str, ...], request: str | None = None,
        request_id: UUID | None = None,
    ) -> None:  # fmt: skip
        type_, request_id = f"{self.service.name}.request-refused.v1", request_id or cause.request_id
        fact = self._refusal(request or cause.type, request_id, reason, reservation)
        subject = f"evt.{cause.account}.{type_}"
        self._send(
            cause, subject, type_, cause.account, f"{type_}/{cause.account}", str(request_id), fact,
            led_by=cause, request_id=request_id, answers=True,
        )  # fmt: skip

    def _send(
        self, cause: Cause, subject: str, type_: str, account: str, role: str, key: str, data: BaseModel, *,
        led_by: Cause | None, request_id: UUID | None, revision: int | None = None, answers: bool = False,
        message_id: UUID | None = None, carries_on: bool = False,
    ) -> bytes:  # fmt: skip
        id_ = message_id or derived(cause.id, role)
        request_id = request_id or id_
        payload = self._envelope(id_, type_, account, data, request_id, led_by, revision, carries_on=carries_on)
        if len(payload) > MAX_MESSAGE_BYTES:
            # The stream would refuse it for ever, and the lane could never go on.
            raise ValueError(f"{type_} would have {len(payload)} bytes, {MAX_MESSAGE_BYTES} are allowed")
        reply = f"rpl.{account}.{request_id}" if answers else None
        self._send_out(cause.lane, id_, subject, f"{account}/{key}", payload, reply, request_id)
        return payload

    def _send_out(
        self, lane: int, id_: UUID, subject: str, key: str, payload: bytes, reply: str | None = None,
        request_id: UUID | None = None,
    ) -> None:  # fmt: skip
        self.seqs[lane] += 1
        self.entries.outgoing.append(Outgoing(lane, self.seqs[lane], id_, subject, key, payload, reply, request_id))

    def _envelope(
        self, id_: UUID, type_: str, account: str, data: BaseModel, request_id: UUID,
        cause: Cause | None = None, revision: int | None = None, *, carries_on: bool = False,
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
            dryrun=carries_on and cause is not None and cause.dryrun,
            quote_id=cause.quote_id if carries_on and cause else None,
        )

    def _refusal(
        self, type_: str, request_id: UUID, reason: Refusal, reservation: tuple[str, ...] = ()
    ) -> RequestRefused:
        return RequestRefused(
            request_id=request_id, request_type=request_type(type_), refusal=reason, reservation=reservation
        )

    def _note(
        self, item: Item, cause: Cause, fate: str, *, code: str | None = None, outcome: str | None = None,
        refusal: Refusal | None = None, accepted: str | None = None,
    ) -> None:  # fmt: skip
        message = item.message
        if isinstance(message, Tick):
            return
        digest, before = (message.digest, message.cause_id) if isinstance(message, Received) else (None, None)
        text = refusal.model_dump_json() if refusal else None
        self.entries.handled.append(
            Handled(
                cause.id,
                cause.request_id,
                cause.account,
                cause.type,
                fate,
                code,
                outcome,
                text,
                digest,
                before,
                accepted,
            )
        )

    def _bury(self, item: Item, id_: UUID, code: str, detail: str) -> None:
        letter = letters.letter_of(item.lane, id_, item.raw, item.message, code, detail)
        self.entries.dead.append(letter)
        subject = letters.subject_of(self.service.name, letter.account)
        self._send_out(item.lane, id_, subject, subject, letters.as_json(letter))
        log.error("dead letter", id=str(id_), type=letter.type, code=code, detail=letter.detail, account=letter.account)
