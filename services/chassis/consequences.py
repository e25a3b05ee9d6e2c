"""What a decision leads to, as messages: facts, hand-overs, refusals, named after their cause, in its lane."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from contracts.envelope import MAX_MESSAGE_BYTES, encode
from contracts.ids import derived
from contracts.messages import REGISTRY
from contracts.refusals import Refusal, RequestRefused
from contracts.registry import Message
from contracts.routes import SENT, request_type
from services.chassis import dryrun
from services.chassis.causes import Cause, continued, outcomes
from services.chassis.entries import Entries, Outgoing
from services.chassis.fates import At, Order, Say, Timing
from services.chassis.service import Service
from services.chassis.tracing import BatchSpans
from services.chassis.versions import versions_of


@dataclass(slots=True)
class Consequences:
    """Writes down what decisions lead to, into a batch's entries."""

    service: Service
    now: datetime
    seqs: dict[int, int]  # the last number used, by lane
    entries: Entries
    spans: BatchSpans | None

    def lead_to(
        self, cause: Cause, says: Iterable[Say], orders: Iterable[Order], timings: Iterable[Timing]
    ) -> str | None:
        """Write all of it; return the type of the fact that ends the request, if one does."""
        outcome = self.say_all(cause, says)
        self.order_all(cause, orders)
        for timing in timings:
            lane = timing.lane if isinstance(timing, At) and timing.lane is not None else cause.lane
            self.entries.timings.append((lane, continued(timing, cause)))
        return outcome

    def say_all(self, cause: Cause, says: Iterable[Say]) -> str | None:
        """State facts; return the type of the one that ends the request."""
        outcome = None
        for say in says:
            message = dryrun.message_of(self.service.name, say.fact)
            is_late_refusal = isinstance(say.fact, RequestRefused) and say.request_id is not None
            is_outcome = cause.dryrun or is_late_refusal or f"{message.service}.{message.name}" in outcomes(cause, say)
            self.say(cause, say, answers=is_outcome)
            if is_outcome:
                outcome = message.type
        return outcome

    def say(self, cause: Cause, say: Say, *, answers: bool) -> bytes:
        """State a fact; return it as it is published."""
        if type(say.fact) in self.service.counting:
            self.entries.told.append(say.fact)
        account = say.account or cause.account
        # Another account learns nothing of the request: not its id, its channel or its trace.
        led_by = cause if account == cause.account else None
        request_id = say.request_id or (led_by and led_by.request_id)
        newest = dryrun.message_of(self.service.name, say.fact)
        id_ = derived(cause.id, f"{newest.type}/{account}/{say.key}/{request_id if say.request_id else ''}")
        told = b""
        for version in versions_of(newest, say.fact, id_, cause.type):
            payload = self._send(
                cause, version.message, account, version.id, say.key, version.fact, led_by=led_by,
                request_id=request_id or id_, revision=say.revision, answers=answers and version.answers,
                copy_of=version.copy_of,
            )  # fmt: skip
            told = payload if version.answers else told
        return told

    def order_all(self, cause: Cause, orders: Iterable[Order]) -> None:
        """Hand over."""
        for order in orders:
            message = REGISTRY.of(type(order.order))
            if message.type not in SENT[self.service.name]:
                # The bus would refuse it for ever, and the lane could never go on.
                raise ValueError(f"{self.service.name} may not send {message.type}: contracts.routes.SENT")
            account = order.account or cause.account
            id_ = order.request_id or derived(cause.id, f"{message.type}/{account}/{order.key}")
            request_id = order.request_id or cause.request_id
            self._send(
                cause, message, account, id_, order.key, order.order, led_by=cause, request_id=request_id,
                carries_on=cause.is_special and dryrun.goes_on(cause.type, order.order),
            )  # fmt: skip

    def say_refused(
        self, cause: Cause, reason: Refusal, reservation: tuple[str, ...], request: str | None = None,
        request_id: UUID | None = None,
    ) -> None:  # fmt: skip
        """State that a request ends with a no."""
        message = REGISTRY.find("evt", self.refusal_type)
        assert message is not None, "every worker can refuse"
        request_id = request_id or cause.request_id
        fact = _refusal(request or cause.type, request_id, reason, reservation)
        self._send(
            cause, message, cause.account, derived(cause.id, f"{message.type}/{cause.account}"), str(request_id), fact,
            led_by=cause, request_id=request_id, answers=True,
        )  # fmt: skip

    @property
    def refusal_type(self) -> str:
        """Return the type of this worker's refusals."""
        return f"{self.service.name}.request-refused.v1"

    def refusal(
        self, id_: UUID, account: str, request: str, request_id: UUID, reason: Refusal, correlation_id: UUID
    ) -> bytes:
        """Write a refusal as it is answered, without stating it."""
        return self._envelope(
            id_, self.refusal_type, account, _refusal(request, request_id, reason), correlation_id
        )  # fmt: skip

    def send_out(
        self, lane: int, id_: UUID, subject: str, key: str, payload: bytes, reply: str | None = None,
        request_id: UUID | None = None,
    ) -> None:  # fmt: skip
        """Give a message the lane's next number."""
        self.seqs[lane] += 1
        self.entries.outgoing.append(Outgoing(lane, self.seqs[lane], id_, subject, key, payload, reply, request_id))

    def _send(
        self, cause: Cause, message: Message, account: str, id_: UUID, key: str, data: BaseModel, *,
        led_by: Cause | None, request_id: UUID, revision: int | None = None, answers: bool = False,
        copy_of: UUID | None = None, carries_on: bool = False,
    ) -> bytes:  # fmt: skip
        subject, trace = message.subject(account), led_by.traceparent if led_by else None
        if led_by is not None and self.spans is not None:
            trace = self.spans.send(id_, message.type, subject, request_id, trace)
        payload = self._envelope(
            id_, message.type, account, data, request_id, led_by, revision, trace, copy_of=copy_of,
            carries_on=carries_on,
        )  # fmt: skip
        if len(payload) > MAX_MESSAGE_BYTES:
            # The stream would refuse it for ever, and the lane could never go on.
            raise ValueError(f"{message.type} would have {len(payload)} bytes, {MAX_MESSAGE_BYTES} are allowed")
        reply = f"rpl.{account}.{request_id}" if answers else None
        self.send_out(cause.lane, id_, subject, f"{account}/{key}", payload, reply, request_id)
        return payload

    def _envelope(
        self, id_: UUID, type_: str, account: str, data: BaseModel, request_id: UUID,
        cause: Cause | None = None, revision: int | None = None, traceparent: str | None = None, *,
        copy_of: UUID | None = None, carries_on: bool = False,
    ) -> bytes:  # fmt: skip
        return encode(
            message_id=id_,
            type=type_,
            source=f"/postkontor/{self.service.name}",
            time=self.now,
            account=account,
            data=data,
            correlation_id=request_id,
            causation_id=cause.id if cause else None,
            revision=revision,
            traceparent=traceparent,
            channel=cause.channel if cause else "bus",  # type: ignore[arg-type]
            dryrun=carries_on and cause is not None and cause.dryrun,
            quote_id=cause.quote_id if carries_on and cause else None,
            copy_of=copy_of,
        )


def _refusal(type_: str, request_id: UUID, reason: Refusal, reservation: tuple[str, ...] = ()) -> RequestRefused:
    return RequestRefused(
        request_id=request_id, request_type=request_type(type_), refusal=reason, reservation=reservation
    )
