"""Chains of messages: what every worker received and stated, put together by who caused what.

Workers tell of their own account's messages only; a cause in another account is not named, not even by its id.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from client.errors import Unanswered
from contracts.base import Text
from contracts.messages import SERVICES
from contracts.refusals import Refusal
from contracts.routes import route_of_type
from contracts.trail_v1 import AskTrail, MessageKind, TrailAnswer, TrailMessage

MAX_HOPS = 4  # from a request to the request or wake-up that its cause belongs to, and so on
MAX_SEARCHED = 10  # causes looked for at a time

Asking = Callable[[AskTrail, str], Awaitable[TrailAnswer]]


@dataclass(frozen=True, slots=True)
class Handling:
    """How one worker ended a message that it received."""

    service: str
    fate: str
    at: datetime
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """One message of a chain. `station` stated it if it is a fact, else was to receive it."""

    id: UUID
    request_id: UUID
    cause_id: UUID | None
    kind: MessageKind
    type: str
    at: datetime
    station: str
    text: Text
    handled: tuple[Handling, ...] = ()
    refusal: Refusal | None = None
    data: dict[str, Any] | None = None
    revision: int | None = None

    @property
    def is_by_clock(self) -> bool:
        """Tell whether a wake-up led to it, unless its cause is a message that is there: both name what they begin.

        A wake-up's id is derived (UUIDv5) and stands for the request in what it leads to.
        """
        return self.cause_id is not None and self.cause_id == self.request_id and self.cause_id.version == 5


@dataclass(frozen=True, slots=True)
class Chain:
    """The messages that belong together, causes before what they led to."""

    links: tuple[Link, ...]
    request_id: UUID | None = None
    kept_since: datetime | None = None  # older facts may be there no longer
    silent: tuple[str, ...] = ()  # workers whose part is missing
    complete: bool = True

    @property
    def refusal(self) -> Refusal | None:
        """Return why its request was refused, if it was."""
        return next((link.refusal for link in reversed(self.links) if link.refusal is not None), None)

    @property
    def is_requested(self) -> bool:
        """Tell whether it began with a request that is still known, not with a wake-up."""
        return any(link.kind == "request" for link in self.links)

    @property
    def is_under_way(self) -> bool:
        """Tell whether its request is known, and neither refused nor set aside, and has no outcome yet."""
        request = next((link for link in self.links if link.id == self.request_id), None)
        route = route_of_type(request.type) if request is not None else None
        if route is None or self.refusal is not None:
            return False
        if any(handling.fate in ("refused", "never") for link in self.links for handling in link.handled):
            return False
        return not any(link.type.rpartition(".v")[0] in route.outcomes for link in self.links)

    @property
    def is_too_old(self) -> bool:
        """Tell whether nothing can be known: the request's id is older than what is kept."""
        sent = sent_at(self.request_id)
        return not self.links and sent is not None and self.kept_since is not None and sent < self.kept_since


def sent_at(request_id: UUID | None) -> datetime | None:
    """Return when an id was made, if it is one that tells (UUIDv7)."""
    if request_id is None or request_id.version != 7:
        return None
    return datetime.fromtimestamp((request_id.int >> 80) / 1000, UTC)


async def follow(ask: Asking, request_id: UUID) -> Chain:
    """Return a request's messages, and where one of them was caused elsewhere, what led to that.

    Raise Unanswered when no worker answers.
    """
    chain = await gather(ask, request_id)
    known = {request_id}
    for _ in range(MAX_HOPS):
        elsewhere = await _requests_of(ask, _missing(chain.links))
        for other in sorted(elsewhere - known):
            known.add(other)
            before = await gather(ask, other)
            led = _ancestors(chain.links, before.links)
            chain = replace(
                chain, links=in_order([*chain.links, *led]), silent=tuple(sorted({*chain.silent, *before.silent}))
            )
        if not elsewhere:
            break
    return chain


async def gather(ask: Asking, request_id: UUID) -> Chain:
    """Return what all workers know of a request. Raise Unanswered when none answers."""
    answers, silent = await _ask_all(ask, AskTrail(request_id=request_id))
    return Chain(
        links=in_order(merged(answers)),
        request_id=request_id,
        kept_since=max((answer.kept_since for answer in answers), default=None),
        silent=silent,
        complete=all(answer.complete for answer in answers),
    )


def merged(answers: Iterable[TrailAnswer]) -> list[Link]:
    """Make one link of what several workers tell of a message."""
    links: dict[UUID, Link] = {}
    for answer in answers:
        for message in answer.messages:
            known = links.get(message.id)
            link = _link(answer.service, message)
            links[message.id] = link if known is None else _joined(known, link)
    return list(links.values())


def in_order(links: Iterable[Link]) -> tuple[Link, ...]:
    """Put causes before what they led to, else the earlier first: clocks of several machines are not one."""
    by_time = sorted(links, key=lambda link: link.at)
    by_id = {link.id: link for link in by_time}
    placed: dict[UUID, Link] = {}
    for link in by_time:
        waiting: list[Link] = []
        following: Link | None = link
        while following is not None and following.id not in placed and following not in waiting:
            waiting.append(following)
            following = by_id.get(following.cause_id) if following.cause_id else None
        placed |= {each.id: each for each in reversed(waiting)}
    return tuple(placed.values())


def _link(service: str, message: TrailMessage) -> Link:
    is_said = message.direction == "said"
    handled = () if is_said else (Handling(service, message.fate or "", message.at, message.code),)
    return Link(
        id=message.id,
        request_id=message.request_id,
        cause_id=message.cause_id,
        kind=message.kind,
        type=message.type,
        at=message.at,
        station=service if is_said else message.type.partition(".")[0],
        text=message.text,
        handled=handled,
        refusal=message.refusal if not is_said else _stated_refusal(message),
        data=message.data,
        revision=message.revision,
    )


def _stated_refusal(message: TrailMessage) -> Refusal | None:
    refusal = (message.data or {}).get("refusal")
    return Refusal.model_validate(refusal) if message.type.endswith(".request-refused.v1") and refusal else None


def _joined(one: Link, other: Link) -> Link:
    """What was said knows more than what was received; both know who handled it."""
    said, heard = (one, other) if one.data is not None or not one.handled else (other, one)
    return replace(
        said,
        handled=tuple(sorted({*said.handled, *heard.handled}, key=lambda handling: handling.at)),
        refusal=said.refusal or heard.refusal,
        at=min(said.at, heard.at),
    )


def _missing(links: Iterable[Link]) -> list[UUID]:
    """Return causes that are not among the links. One that is the request itself was asked for already."""
    links = list(links)
    known = {link.id for link in links}
    causes = (link.cause_id for link in links if link.cause_id is not None and link.cause_id != link.request_id)
    return [cause for cause in dict.fromkeys(causes) if cause not in known][:MAX_SEARCHED]


async def _requests_of(ask: Asking, messages: Iterable[UUID]) -> set[UUID]:
    """Ask who received these messages, and which requests they belong to."""
    asked = [_ask_all(ask, AskTrail(message_id=message)) for message in messages]
    found = await asyncio.gather(*asked)
    return {message.request_id for answers, _ in found for answer in answers for message in answer.messages}


def _ancestors(links: Iterable[Link], others: Iterable[Link]) -> list[Link]:
    """Return those of the others that lead to the links, not what else they led to."""
    by_id = {link.id: link for link in others}
    found: dict[UUID, Link] = {}
    for link in links:
        cause = by_id.get(link.cause_id) if link.cause_id else None
        while cause is not None and cause.id not in found:
            found[cause.id] = cause
            cause = by_id.get(cause.cause_id) if cause.cause_id else None
    return list(found.values())


async def _ask_all(ask: Asking, question: AskTrail) -> tuple[list[TrailAnswer], tuple[str, ...]]:
    answers = await asyncio.gather(*(ask(question, service) for service in SERVICES), return_exceptions=True)
    found = [answer for answer in answers if isinstance(answer, TrailAnswer)]
    for answer in answers:
        if isinstance(answer, BaseException) and not (isinstance(answer, Unanswered) and found):
            raise answer
    silent = (name for name, answer in zip(SERVICES, answers, strict=True) if isinstance(answer, BaseException))
    return found, tuple(silent)
