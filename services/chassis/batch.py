"""One batch is one transaction: read, load, decide each message by itself, write everything set-wise, commit.

A message that cannot be read or whose decision raises is set aside; the others go on. What is to be published is in
the transaction too, and goes out after the commit.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, assert_never
from uuid import UUID

import structlog

from contracts.ids import derived
from contracts.refusals import Refusal, refuse
from services.chassis import dryrun, letters
from services.chassis.book import Book, Conn
from services.chassis.causes import Cause, attributes_of, label_of
from services.chassis.consequences import Consequences
from services.chassis.entries import Entries, Handled, LetterAttempt, Published
from services.chassis.failures import bug, fate_of_unknown, fate_of_unreadable, reserved_for
from services.chassis.fates import Accepted, At, Done, End, Fate, HandedOver, Never, Refused, fate_name
from services.chassis.item import Item, item_of
from services.chassis.journal import Journal
from services.chassis.logs import HANDLED
from services.chassis.received import Raw, Received, Tick, Unreadable, other_content_id, read
from services.chassis.service import Moment, Service
from services.chassis.tracing import BatchSpans

log = structlog.get_logger()
AFTER_A_BUG_SECONDS = 3600.0  # a wake-up that became a dead letter comes again


@dataclass(slots=True)
class Batch:
    """The messages of one transaction, and what they lead to."""

    service: Service
    journal: Journal
    moment: Moment
    seqs: dict[int, int]  # the last number used, by lane
    replica: str = ""
    entries: Entries = field(default_factory=Entries)
    answers: list[tuple[str, bytes]] = field(default_factory=list)
    spans: BatchSpans | None = None
    items: list[Item] = field(default_factory=list)  # what was decided on
    repeated: list[Item] = field(default_factory=list)  # handled before
    unread: list[Raw] = field(default_factory=list)  # of no concern
    _leads: Consequences = field(init=False)

    def __post_init__(self) -> None:
        self._leads = Consequences(self.service, self.moment.now, self.seqs, self.entries, self.spans)

    async def run(
        self, conn: Conn, published: dict[int, Published], raws: Sequence[Raw], ticks: Sequence[Tick]
    ) -> None:
        """Handle the messages inside the caller's transaction. Raises only for infrastructure and constraints.

        `published` tells up to which number lanes are published.
        """
        readable = [(raw, read(raw)) for raw in self._concerning(raws)]
        items = [Item(raw, message) for raw, message in readable if not self.service.hears_better(message)]
        items += [item_of(tick) for tick in ticks]
        known = await self.journal.known(conn, [item.cause.id for item in items if item.raw is not None])
        self.items += (items := self._without_duplicates(items, known))
        for item in items:
            HANDLED.set(item.ids)
            self._trace(item)
            self._prepare(item)
        book = Book()
        await book.load(conn, self.service.tables, (wanted for item in items for wanted in item.wanted))
        for item in items:
            HANDLED.set(item.ids)
            self._decide(item, book)
            self._enter(item, book)
        await book.save(conn, self.service.tables)
        await self.journal.write(conn, published, self.entries, self.moment.now)

    def set_aside(self, message: Raw | Tick, code: str, detail: str) -> None:
        """Make a message a dead letter without deciding on it."""
        item = item_of(message) if isinstance(message, Tick) else Item(message, read(message))
        item.fate = Never(code, detail, refuse("internal_error"))
        self.items.append(item)
        self._trace(item)
        self._enter(item, Book())

    # --- what comes in ---------------------------------------------------------------------------------------

    def _concerning(self, raws: Sequence[Raw]) -> list[Raw]:
        concerns = [self.service.is_concerned(raw.subject, raw.payload) for raw in raws]
        self.unread = [raw for raw, yes in zip(raws, concerns, strict=True) if not yes]
        return [raw for raw, yes in zip(raws, concerns, strict=True) if yes]

    def _without_duplicates(self, items: list[Item], known: dict[UUID, Handled]) -> list[Item]:
        fresh: list[Item] = []
        seen: dict[UUID, bytes | None] = {id_: handled.digest for id_, handled in known.items()}
        for item in items:
            id_, handled = item.cause.id, known.get(item.cause.id)
            if item.replay is None and _goes_on(item, handled):
                item.repeat()
            if id_ not in seen or item.again or self._revives(item, handled):
                seen[id_] = getattr(item.message, "digest", None)
                fresh.append(item)
                continue
            self.repeated.append(item)
            if item.replay is not None:
                self._note_replay(item.replay, "handled-before", resolved=True)
            elif isinstance(item.message, Received):
                self._answer_duplicate(item, item.message, seen[id_], handled)
        return fresh

    def _revives(self, item: Item, handled: Handled | None) -> bool:
        """Say whether a dead letter is taken up again that is dead by its inbox row; that is written anew then."""
        if item.replay is None or handled is None or handled.fate != "never":
            return False
        if handled.message_id in self.entries.again:
            return False
        self.entries.again.append(handled.message_id)
        return True

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
        self._bury(item, own_id, Never("request_id_reused", reason.text.en), answered=True)
        payload = self._leads.refusal(own_id, message.account, message.type, message.id, reason, own_id)
        self.answers.append((f"rpl.{message.account}.{message.request_id}", payload))

    def _answer_again(self, message: Received[Any], handled: Handled) -> None:
        reason, request_id = Refusal.model_validate_json(handled.refusal or ""), message.request_id
        id_ = derived(message.id, f"{self._leads.refusal_type}/{message.account}")
        payload = self._leads.refusal(id_, message.account, message.type, request_id, reason, request_id)
        self.answers.append((f"rpl.{message.account}.{message.request_id}", payload))

    def _trace(self, item: Item) -> None:
        if self.spans is not None:
            cause = item.cause
            name = f"{'wake' if isinstance(item.message, Tick) else 'process'} {label_of(item.message)}"
            item.traceparent = self.spans.take(name, cause.traceparent, lambda: attributes_of(cause))

    def _prepare(self, item: Item) -> None:
        message = item.message
        if item.fate is not None:
            return
        match message:
            case Unreadable():
                item.fate = fate_of_unreadable(message)
                return
            case Tick():
                item.handler = self.service.timers.get(message.kind)
            case Received():
                assert item.raw is not None
                item.handler = self.service.messages.get((item.raw.subject[:3], message.type))
        if item.handler is None:
            item.fate = fate_of_unknown(message)
            return
        try:
            item.wanted = tuple(item.handler.keys(message))
        except Exception:
            item.fate = bug(message)

    # --- decisions -------------------------------------------------------------------------------------------

    def _decide(self, item: Item, book: Book) -> None:
        if item.fate is not None or item.handler is None:
            return
        try:
            item.fate = dryrun.decided(item.handler, item.message, book, self.moment)
        except Exception:
            book.drop()
            item.fate = bug(item.message)

    # --- what goes out ---------------------------------------------------------------------------------------

    def _enter(self, item: Item, book: Book) -> None:
        """Let the decision and what it leads to count, both or neither."""
        message, before = item.message, self.entries.mark()
        assert item.fate is not None
        if item.again:
            self._hand_over_again(item, book)
            return
        try:
            self._enter_fate(item, item.fate)
        except Exception:
            book.drop()
            self.entries.back_to(before)
            item.fate = bug(message)
            self._enter_fate(item, item.fate)
        book.keep(self.service.kept_in_dry_runs if getattr(message, "dryrun", False) else None)
        if item.replay is not None:
            self._note_end_of_replay(item, item.replay, item.fate)
        elif isinstance(message, Tick):
            self.entries.fired.append((message.kind, message.key, message.due_at))
            self._wake_again(message, item.fate)

    def _hand_over_again(self, item: Item, book: Book) -> None:
        """Repeat the orders with their ids: the next station's inbox makes them once, whether or not they were lost."""
        book.drop()
        if not isinstance(item.fate, HandedOver) or item.raw is None:
            return
        before, first = self.entries.mark(), len(self.entries.outgoing)
        try:
            self._leads.order_all(item.cause, item.fate.orders)
        except Exception:
            log.exception("what was handed over before cannot be handed over again", type=item.cause.type)
            self.entries.back_to(before)
        again = f".{item.raw.stream_seq}"  # past the broker's deduplication, which outlives what it has lost
        orders = self.entries.outgoing[first:]
        self.entries.outgoing[first:] = [replace(order, again=again) for order in orders]

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
                outcome = self._leads.lead_to(cause, says, orders, timings)
                for end in ends:
                    self._end(end, cause.lane)
                self._note(item, cause, "done", outcome=outcome)
            case HandedOver(orders, says, timings):
                self._leads.lead_to(cause, says, orders, timings)
                self._note(item, cause, "handed-over")
            case Accepted(say, timings):
                told = self._leads.say(cause, say, answers=True)
                self._leads.lead_to(cause, (), (), timings)
                self._note(item, cause, "accepted", accepted=told.decode())
            case Refused(reason, reservation, says, type_, request_id):
                self._leads.say_all(cause, says)
                self._leads.say_refused(cause, reason, reservation, type_, request_id)
                self._note(item, cause, "refused", code=reason.code, refusal=reason)
            case Never(code, _, reason):
                answered = reason is not None and cause.can_be_answered
                self._bury(item, cause.id, fate, answered=answered)
                if reason is not None and answered:
                    self._leads.say_refused(cause, reason, reserved_for(item.message))
                self._note(item, cause, "never", code=code, refusal=reason)
            case _:
                assert_never(fate)

    def _end(self, end: End, lane: int) -> None:
        """Let a request end that was accepted before."""
        cause, origin = Cause.accepted_before(end.request, lane), end.request
        code = refusal = None
        match end.fate:
            case HandedOver(orders, says, timings):
                self._leads.lead_to(cause, says, orders, timings)
                fate = "handed-over"
            case Refused(reason, reservation, says, type_):
                self._leads.say_all(cause, says)
                self._leads.say_refused(cause, reason, reservation, type_)
                fate, code, refusal = "refused", reason.code, reason.model_dump_json()
            case _:
                assert_never(end.fate)
        ended = Handled(origin.id, origin.request_id, origin.account, origin.type, fate, code, refusal=refusal)
        self.entries.ended.append(ended)

    def _note(
        self, item: Item, cause: Cause, fate: str, *, code: str | None = None, outcome: str | None = None,
        refusal: Refusal | None = None, accepted: str | None = None,
    ) -> None:  # fmt: skip
        message = item.message
        if isinstance(message, Tick):
            return
        digest, before = (message.digest, message.cause_id) if isinstance(message, Received) else (None, None)
        text = refusal.model_dump_json() if refusal else None
        noted = Handled(
            cause.id, cause.request_id, cause.account, cause.type, fate, code, outcome, text, digest, before, accepted
        )
        self.entries.handled.append(noted)

    # --- dead letters ----------------------------------------------------------------------------------------

    def _bury(self, item: Item, id_: UUID, fate: Never, *, answered: bool) -> None:
        letter = letters.letter_of(item.message, item.raw, item.lane, id_, fate, answered=answered)
        self.entries.dead.append(letter)
        if item.replay is None:
            self._attempted(id_, "never", fate)
        subject = letters.copy_subject(self.service.name, letter.account)
        self._leads.send_out(item.lane, id_, subject, subject, letters.copied(letter))
        log.error(
            "dead letter", id=str(id_), type=letter.type, code=letter.code, digest=letter.digest, detail=letter.detail,
            account=letter.account,
        )  # fmt: skip

    def _note_end_of_replay(self, item: Item, tick: Tick, fate: Fate) -> None:
        """Keep how a dead letter ended that was taken up again. It stays open if it is dead again, or gone."""
        if item.raw is None:
            self._note_replay(tick, "gone")
        elif tick.payload["as_new"]:
            self._note_replay(tick, "sent-again", detail=f"as {item.cause.id}", resolved=True)
            if isinstance(fate, Never):
                self._attempted(item.cause.id, "never", fate)
        else:
            dead_again = isinstance(fate, Never) and str(item.cause.id) == tick.key
            self._note_replay(tick, fate_name(fate), fate, resolved=not dead_again)

    def _note_replay(
        self, tick: Tick, name: Any, fate: Fate | None = None, *, detail: str = "", resolved: bool = False
    ) -> None:
        self.entries.fired.append((tick.kind, tick.key, tick.due_at))
        self._attempted(UUID(tick.key), name, fate, detail=detail, resolved=resolved)

    def _attempted(
        self, id_: UUID, name: Any, fate: Fate | None = None, *, detail: str = "", resolved: bool = False
    ) -> None:
        text = letters.attempt_json(self.moment.now, self.replica, name, fate, detail)
        self.entries.attempts.append(LetterAttempt(id_, text, "replayed" if resolved else None))


def _goes_on(item: Item, handled: Handled | None) -> bool:
    """Say whether to hand over once more: the order may be lost and is kept nowhere, but who asks again brings it."""
    same = isinstance(item.message, Received) and handled is not None and item.message.digest == handled.digest
    return same and handled is not None and handled.fate == "handed-over"
