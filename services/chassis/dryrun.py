"""A dry run: a request is decided as ever, and then everything it decided is dropped but the answer.

What stays of one is the inbox row, the hand-over to the route's next station, at its end one fact, and what a worker
keeps for dry runs on purpose (`Service.kept_in_dry_runs`).
"""

import json
from dataclasses import replace
from typing import Any, assert_never

from contracts.base import Fact, HandOver, Request
from contracts.dryruns import NAME, DryRunFinished
from contracts.envelope import MAX_MESSAGE_BYTES
from contracts.messages import REGISTRY
from contracts.refusals import Refusal, RequestRefused, refuse
from contracts.registry import Message
from contracts.routes import QUOTABLE, request_type, route_of_type
from contracts.trials import NOTHING_FOUND, Trial
from services.chassis.book import Book
from services.chassis.fates import Accepted, Done, Fate, HandedOver, Never, Order, Refused, Say
from services.chassis.received import Received
from services.chassis.service import Handler, Moment, TimerHandler

MAX_FACT_BYTES = MAX_MESSAGE_BYTES // 2  # a larger one is left out: refusal, findings and quote need room as well


def decided(handler: Handler | TimerHandler, message: Any, book: Book, moment: Moment) -> Fate:
    """Let a handler decide, and return what that may lead to."""
    if not isinstance(message, Received):
        return handler.decide(message, book, moment)
    if message.quote_id is not None and _has_no_quotes(message.type):
        return Refused(refuse("quote_not_applicable", type=message.type))
    fate = handler.decide(message, book, moment)
    return kept_of(message, fate) if message.dryrun else fate


def kept_of(message: Received[Any], fate: Fate) -> Fate:
    """Return what a dry run's decision may lead to: the next station, or the answer. What it says is said nowhere."""
    before = getattr(message.data, "trial", None) or NOTHING_FOUND
    match fate:
        case HandedOver(orders, trial=trial):
            found = before.joined(trial)
            onward = tuple(_carrying(order, found) for order in orders if goes_on(message.type, order.order))
            return HandedOver(onward) if onward else _answer(message, found)
        case Done(says, trial=trial):
            return _answer(message, before.joined(trial), says)
        case Refused(refusal, trial=trial):
            return _answer(message, before.joined(trial), refusal=refusal)
        case Accepted():
            return _answer(message, before)
        case Never():
            return fate
        case _:
            assert_never(fate)


def goes_on(type_: str, order: HandOver | Request) -> bool:
    """Tell the route's next station from other orders, such as to look at the world outside."""
    return request_type(REGISTRY.of(type(order)).type) == request_type(type_)


def message_of(service: str, fact: Fact) -> Message:
    """Return the message of a fact that a worker states. Answers to dry runs and refusals are every worker's own."""
    if not isinstance(fact, DryRunFinished | RequestRefused):
        return REGISTRY.of(type(fact))
    own = REGISTRY.find("evt", f"{service}.{NAME if isinstance(fact, DryRunFinished) else 'request-refused'}.v1")
    assert own is not None, "every worker answers dry runs, and refuses"
    return own


def _has_no_quotes(type_: str) -> bool:
    return route_of_type(type_) is not None and type_ not in QUOTABLE


def _carrying(order: Order, found: Trial) -> Order:
    return replace(order, order=order.order.model_copy(update={"trial": found}))


def _answer(
    message: Received[Any], found: Trial, says: tuple[Say, ...] = (), *, refusal: Refusal | None = None
) -> Fate:
    said = _outcome(message.type, says)
    answer = DryRunFinished(
        request_id=message.request_id,
        request_type=request_type(message.type),
        outcome=None if refusal else _name_of(said) or _expected(message.type),
        fact=_shown(said),
        refusal=refusal,
        missing=tuple(each for each in found.missing if refusal is None or each not in refusal.findings),
        quote=found.quote,
    )
    return Done((Say(answer, key=str(message.request_id)),))


def _outcome(type_: str, says: tuple[Say, ...]) -> Say | None:
    """Return the fact that would end the request."""
    route = route_of_type(request_type(type_))
    ends = () if route is None else route.outcomes
    return next((say for say in says if _name_of(say).rpartition(".v")[0] in ends), None)


def _expected(type_: str) -> str | None:
    """Name the fact that ends the request where no station of a dry run would state it."""
    route = route_of_type(request_type(type_))
    return None if route is None else f"{route.outcome}.v{REGISTRY.versions('evt', *route.outcome.split('.'))[-1]}"


def _name_of(say: Say | None) -> str:
    return "" if say is None else REGISTRY.of(type(say.fact)).type


def _shown(say: Say | None) -> dict[str, Any] | None:
    if say is None:
        return None
    text = say.fact.__pydantic_serializer__.to_json(say.fact)
    return json.loads(text) if len(text) <= MAX_FACT_BYTES else None
