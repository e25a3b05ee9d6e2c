"""Requests in flight: sent until the bus has stored them, then waited for until their outcome is known.

Many requests share one connection, one subscription for the bus's acknowledgements and one per account for outcomes;
a request costs a future and a timer, no task. The timer does what is due: send again what is not stored, ask the
stations about what is, give up at the deadline. Sending again is safe, because the id makes a request happen once.
"""

import asyncio
import json
import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Literal
from uuid import UUID

import nats.errors
from nats.aio.msg import Msg
from pydantic import ValidationError

from client.connection import Connection
from client.errors import NoAnswer, NotConnected, NotPermitted, NotSetUp, PostkontorError, SetAside
from client.history import find_fact
from client.messages import led_up, readable
from client.outcomes import Declined, Done, Outcome, Stuck, Underway, Verdict, Waits, look_up, outcome_of
from contracts.envelope import Envelope
from contracts.routes import Route, is_accepted

FIRST_LOOK_SECONDS = 2.0  # an outcome usually takes milliseconds; the worker's copy of it is sent once and may be lost
LOOK_GROWTH = 1.6
LONGEST_LOOK_SECONDS = 15.0
NO_STREAM_FIRST_SECONDS = 0.2
NO_STREAM_PATIENCE_SECONDS = 5.0  # a cluster that elects a leader looks for a while as if the stream were not there
RESEND_SECONDS = 10.0  # after so long without an end a stored request is sent again; then twice as long, and so on
LOOKS_AT_A_TIME = 16  # a flood of late answers must not become a flood of questions

Wish = Literal["stored", "answer", "outcome"]  # an answer is an outcome, or the word that the request waits


@dataclass(slots=True, eq=False)
class Waiting:
    """One request that somebody waits for. Without payload only its outcome is looked up."""

    request_id: UUID
    key: str  # the id as text, as subjects and headers have it
    token: str  # where the bus acknowledges it to
    account: str
    route: Route
    wish: Wish
    subject: str
    payload: bytes | None
    deduplication: str  # tells the bus that it has exactly this already
    started: float
    deadline: float
    answer: asyncio.Future[Outcome]
    pause: float
    stored: bool
    resend_at: float
    resent: int = 0
    no_stream_since: float | None = None
    timer: asyncio.TimerHandle | None = None
    looking: asyncio.Task[None] | None = None
    progress: tuple[str, ...] = ()


class Requests:
    """All requests of one connection that have no answer yet."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._by_id: dict[str, list[Waiting]] = {}
        self._by_token: dict[str, Waiting] = {}
        self._listened: set[str] = set()
        self._ack_prefix = ""
        self._tokens = 0
        self._looks = asyncio.Semaphore(LOOKS_AT_A_TIME)

    async def open(self) -> None:
        """Listen for acknowledgements, and to what the connection has to say."""
        self._ack_prefix = f"{self.connection.client.new_inbox()}."
        await self.connection.listen(f"{self._ack_prefix}*", self._on_ack)
        self.connection.reconnected.append(self._on_reconnected)
        self.connection.denied.append(self._on_denied)

    async def close(self) -> None:
        """Give up every wait: nobody will hear an answer any more."""
        for waiting in self._all():
            self._fail(
                waiting, NotConnected(f"the client was closed while request {waiting.request_id} was waited for")
            )

    async def listen(self, account: str) -> None:
        """Hear the outcomes of an account's requests, or of all accounts with `*`."""
        if account not in self._listened and "*" not in self._listened:
            self._listened.add(account)
            await self.connection.listen(f"rpl.{account}.*", self._on_outcome)

    async def wait(
        self, *, request_id: UUID, account: str, route: Route, wish: Wish, payload: bytes | None, timeout: float,
        deduplication: str = "",
    ) -> Outcome:  # fmt: skip
        """Send a request if there is a payload, and return what the wish names."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._tokens += 1
        waiting = Waiting(
            request_id=request_id,
            key=str(request_id),
            token=str(self._tokens),
            account=account,
            route=route,
            wish=wish,
            subject=route.message.subject(account),
            payload=payload,
            deduplication=deduplication or str(request_id),
            started=now,
            deadline=now + timeout,
            answer=loop.create_future(),
            pause=FIRST_LOOK_SECONDS,
            stored=payload is None,
            resend_at=now + RESEND_SECONDS,
        )
        self._by_id.setdefault(waiting.key, []).append(waiting)
        self._by_token[waiting.token] = waiting
        try:
            await self._begin(waiting)
            return await waiting.answer
        finally:
            self._forget(waiting)

    async def _begin(self, waiting: Waiting) -> None:
        if waiting.wish != "stored":
            await self.listen(waiting.account)
        if waiting.payload is None:
            self._look(waiting)
        else:
            await self._send(waiting)
        self._remind(waiting, waiting.pause)

    async def _send(self, waiting: Waiting) -> None:
        assert waiting.payload is not None
        reply = self._ack_prefix + waiting.token
        again = f".{waiting.resent}" if waiting.resent else ""
        headers = {"Nats-Msg-Id": f"{waiting.deduplication}{again}"}
        try:
            await self.connection.publish(waiting.subject, waiting.payload, reply=reply, headers=headers)
        except nats.errors.OutboundBufferLimitError:
            waiting.progress = ("the bus is away and the buffer is full",)  # sent again after the reconnection

    # --- what the bus and the workers say ---------------------------------------------------------------------------

    async def _on_ack(self, message: Msg) -> None:
        waiting = self._by_token.get(message.subject.rpartition(".")[2])
        if waiting is None or waiting.answer.done() or waiting.stored:
            return
        if (message.headers or {}).get("Status") == "503":
            self._stream_missing(waiting)
            return
        ack = json.loads(message.data)
        if "error" in ack:
            waiting.progress = (f"the bus did not take it: {ack['error'].get('description', 'no reason given')}",)
            return
        waiting.stored = True
        if waiting.wish == "stored":
            self._settle(waiting, Outcome(waiting.request_id))
        elif ack.get("duplicate"):
            self._look(waiting)  # sent before: its outcome may have been stated while nobody listened

    async def _on_outcome(self, message: Msg) -> None:
        same = self._by_id.get(message.subject.rpartition(".")[2])
        if not same or (event := readable(message.data)) is None:
            return
        now = asyncio.get_running_loop().time()
        for waiting in same:
            if waiting.wish == "outcome" and is_accepted(event.type):
                waiting.progress = ("it is accepted and waits",)
            elif waiting.wish != "stored":
                read = led_up(event, waiting.route.outcome_version)
                self._settle(waiting, outcome_of(waiting.request_id, read, now - waiting.started))

    def _on_reconnected(self) -> None:
        for waiting in self._all():
            self._remind(waiting, random.uniform(0, 0.2))  # noqa: S311 - spreads the load, guards nothing

    def _on_denied(self, action: str, subject: str) -> None:
        if action == "publish":
            for waiting in self._all():
                if waiting.subject == subject:
                    self._fail(waiting, NotPermitted(f"these credentials may not publish to {subject}"))

    def _all(self) -> list[Waiting]:
        return [waiting for same in self._by_id.values() for waiting in same]

    def _stream_missing(self, waiting: Waiting) -> None:
        now = asyncio.get_running_loop().time()
        since = waiting.no_stream_since = waiting.no_stream_since or now
        if now - since >= NO_STREAM_PATIENCE_SECONDS or now >= waiting.deadline:
            self._fail(waiting, _no_stream(waiting.subject))
        else:
            self._remind(waiting, NO_STREAM_FIRST_SECONDS + (now - since) / 2)

    # --- what is due ------------------------------------------------------------------------------------------------

    def _remind(self, waiting: Waiting, seconds: float) -> None:
        if waiting.timer is not None:
            waiting.timer.cancel()
        loop = asyncio.get_running_loop()
        waiting.timer = loop.call_at(min(loop.time() + seconds, waiting.deadline), self._tend, waiting)

    def _tend(self, waiting: Waiting) -> None:
        if waiting.answer.done():
            return
        if asyncio.get_running_loop().time() >= waiting.deadline:
            self._fail(waiting, self._too_late(waiting))
            return
        if self.connection.usable:
            self._look(waiting)
        waiting.pause = min(waiting.pause * LOOK_GROWTH, LONGEST_LOOK_SECONDS)
        self._remind(waiting, waiting.pause)

    def _look(self, waiting: Waiting) -> None:
        """Do now what brings the wait on: send again what is not stored, ask the stations about what is."""
        if waiting.looking is None or waiting.looking.done():
            step = self._ask_stations(waiting) if waiting.stored else self._send(waiting)
            waiting.looking = asyncio.get_running_loop().create_task(step)
            waiting.looking.add_done_callback(partial(self._looked, waiting))

    async def _ask_stations(self, waiting: Waiting) -> None:
        async with self._looks:
            if not waiting.answer.done():
                verdict = await look_up(self.connection, waiting.account, waiting.route, waiting.request_id)
                await self._apply(waiting, verdict)

    async def _apply(self, waiting: Waiting, verdict: Verdict) -> None:
        elapsed = asyncio.get_running_loop().time() - waiting.started
        match verdict:
            case Done(at, facts):
                event = await self._find(waiting, facts, at)
                found = Outcome(waiting.request_id, elapsed=elapsed)
                self._settle(waiting, found if event is None else outcome_of(waiting.request_id, event, elapsed))
            case Waits(service, at):
                waiting.progress = (f"{service} has accepted it, and it waits there",)
                if waiting.wish == "answer":
                    facts = waiting.route.accepted
                    event = await self._find(waiting, facts, at)
                    found = Outcome(waiting.request_id, elapsed=elapsed, accepted=True)
                    self._settle(waiting, found if event is None else outcome_of(waiting.request_id, event, elapsed))
            case Declined(refusal):
                self._settle(waiting, Outcome(waiting.request_id, refusal=refusal, elapsed=elapsed))
            case Stuck(service, code):
                what = f"{service} could not handle it and has set it aside ({code}); the operator can replay it"
                self._fail(waiting, SetAside(waiting.request_id, what))
            case Underway(progress, ends_later):
                waiting.progress = progress
                await self._send_again(waiting)
                if ends_later or _hears_its_end(waiting.route):
                    await self._search(waiting)

    async def _send_again(self, waiting: Waiting) -> None:
        """Send again what the bus has stored and nobody has ended: it may have lost it, or a hand-over of it.

        The stations know the request by its id. Whoever has handed it over hands it over again, as far as to the one
        that has not seen it. The bus is told that this is no repetition: its memory of ids outlives what it has lost.
        """
        now = asyncio.get_running_loop().time()
        if waiting.payload is not None and now >= waiting.resend_at:
            waiting.resent += 1
            waiting.resend_at = now + RESEND_SECONDS * 2**waiting.resent
            await self._send(waiting)

    async def _search(self, waiting: Waiting) -> None:
        ends = (*waiting.route.outcomes, f"{waiting.route.stations[-1]}.request-refused")
        event = await self._find(waiting, ends, sent_at(waiting.request_id))
        if event is not None:
            elapsed = asyncio.get_running_loop().time() - waiting.started
            self._settle(waiting, outcome_of(waiting.request_id, event, elapsed))

    async def _find(self, waiting: Waiting, facts: Iterable[str], at: datetime) -> Envelope[Any] | None:
        version = waiting.route.outcome_version
        return await find_fact(self.connection, waiting.account, facts, waiting.request_id, at, version)

    # --- ends -------------------------------------------------------------------------------------------------------

    def _settle(self, waiting: Waiting, outcome: Outcome) -> None:
        if not waiting.answer.done():
            waiting.answer.set_result(outcome)

    def _fail(self, waiting: Waiting, error: BaseException) -> None:
        if not waiting.answer.done():
            waiting.answer.set_exception(error)

    def _looked(self, waiting: Waiting, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            return
        match task.exception():
            case None:
                return
            case PostkontorError() as error:
                self._fail(waiting, error)
            case (ValidationError() | nats.errors.Error() | TimeoutError()) as error:
                waiting.progress = (f"the last look failed: {type(error).__name__}",)
            case error:
                self._fail(waiting, error)

    def _forget(self, waiting: Waiting) -> None:
        if waiting.timer is not None:
            waiting.timer.cancel()
        if waiting.looking is not None:
            waiting.looking.cancel()
        self._by_token.pop(waiting.token, None)
        if others := [other for other in self._by_id.get(waiting.key, ()) if other is not waiting]:
            self._by_id[waiting.key] = others
        else:
            self._by_id.pop(waiting.key, None)

    def _too_late(self, waiting: Waiting) -> PostkontorError:
        seconds = waiting.deadline - waiting.started
        if waiting.no_stream_since is not None and not waiting.stored:
            return _no_stream(waiting.subject)
        if not self.connection.usable:
            what = f"the bus at {self.connection.access.place} was lost and did not come back within {seconds:g} s"
        elif not waiting.stored:
            what = f"the bus did not confirm it within {seconds:g} s"
        else:
            what = f"no outcome within {seconds:g} s"
        complaint = (f"the bus says: {self.connection.complaint}",) if self.connection.complaint else ()
        return NoAnswer(waiting.request_id, what, waiting.progress + complaint)


def sent_at(request_id: UUID) -> datetime:
    """Return when a request id was made if it is a UUIDv7, else a time before any request still worth waiting for."""
    if request_id.version == 7:
        return datetime.fromtimestamp((request_id.int >> 80) / 1000, UTC)
    return datetime.now(UTC) - timedelta(days=1)


def _hears_its_end(route: Route) -> bool:
    """Tell whether the last station ends a request on hearing another's event, which may answer several at once.

    Its record then stands under the request that led to that event, and only the fact names every request.
    """
    return len(set(route.stations)) < len(route.stations)


def _no_stream(subject: str) -> NotSetUp:
    return NotSetUp(f"no stream on the bus takes {subject}. Make the streams first: postkontor bus apply")
