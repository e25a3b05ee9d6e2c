"""What this worker received and stated for a request, or stated about a thing: its part of a chain of messages.

Read from the inbox and the event log. Only the account's own rows are read; facts are given with their public data,
requests and hand-overs without any.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from pydantic import ValidationError

from contracts.base import Fact
from contracts.messages import REGISTRY
from contracts.refusals import Refusal
from contracts.telling import fact_told, kind_of, message_told
from contracts.trail_v1 import AskTrail, TrailAnswer, TrailMessage
from services.chassis.book import Conn
from services.chassis.journal import KEEP_EVENTS_DAYS
from services.chassis.service import NotThere

MAX_BYTES = 200_000  # of data and findings in one answer, so that it fits into one message
LOOKED_AT_MOST = 2_000  # facts about one thing: an account's counters are stated with every mailbox


class Trail:
    """The statements, for one service's schema."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._sql = {name: sql.format(schema=service) for name, sql in _STATEMENTS.items()}

    async def answer(self, conn: Conn, account: str, ask: AskTrail, now: datetime) -> TrailAnswer:
        """Return the worker's part, `limit` messages at most. Raises NotThere when nothing is named."""
        if ask.about is not None:
            found, all_seen = await self._about(conn, account, ask.about, ask)
        elif ask.request_id is not None:
            found, all_seen = await self._of_request(conn, account, ask.request_id, ask.limit)
        elif ask.message_id is not None:
            rows = await conn.fetch(self._sql["message"], account, ask.message_id)
            found, all_seen = [_received(row) for row in rows], True
        else:
            raise NotThere("name a request, a message or what facts are about")
        return TrailAnswer(
            service=self._service,
            messages=tuple(_bounded(found[: ask.limit])),
            complete=all_seen and len(found) <= ask.limit,
            kept_since=now - timedelta(days=KEEP_EVENTS_DAYS),
        )

    async def _of_request(
        self, conn: Conn, account: str, request_id: UUID, limit: int
    ) -> tuple[list["_Weighed"], bool]:
        received = await conn.fetch(self._sql["received"], account, request_id, limit + 1)
        said = await conn.fetch(self._sql["said"], account, request_id, limit + 1)
        found = [*(_received(row) for row in received), *_all_said(said)]
        return sorted(found, key=lambda weighed: weighed.message.at), True

    async def _about(self, conn: Conn, account: str, about: str, ask: AskTrail) -> tuple[list["_Weighed"], bool]:
        key = f"{account}/{about}"  # no account's id has a slash: what begins so is its own
        rows = await conn.fetch(self._sql["about"], key, list(ask.facts), ask.limit + 1, LOOKED_AT_MOST)
        found = list(_all_said(row for row in rows if row["message_id"] is not None))
        return found, rows[0]["looked_at"] < LOOKED_AT_MOST


@dataclass(frozen=True, slots=True)
class _Weighed:
    """A message with the bytes that its findings or its data take."""

    message: TrailMessage
    size: int


def _bounded(found: Iterable[_Weighed]) -> Iterable[TrailMessage]:
    """Leave out data and findings that the answer has no room for; codes and texts stay."""
    room = MAX_BYTES
    for weighed in found:
        fits = weighed.size <= room
        room -= weighed.size if fits else 0
        yield weighed.message if fits else weighed.message.model_copy(update={"data": None, "refusal": None})


def _received(row: Any) -> _Weighed:
    kind = kind_of(row["type"]) or ("request" if row["message_id"] == row["request_id"] else "hand-over")
    message = TrailMessage(
        id=row["message_id"],
        request_id=row["request_id"],
        cause_id=row["cause_id"],
        direction="received",
        kind=kind,
        type=row["type"],
        at=row["handled_at"],
        text=message_told(row["type"], kind),
        fate=row["fate"],
        code=row["code"],
        refusal=Refusal.model_validate_json(row["refusal"]) if row["refusal"] else None,
    )
    return _Weighed(message, len(row["refusal"] or ""))


def _all_said(rows: Iterable[Any]) -> Iterable[_Weighed]:
    """Yield every fact once: copies in older versions say nothing more."""
    for row in rows:
        envelope: dict[str, Any] = json.loads(row["payload"])
        if "copyof" not in envelope:
            yield _said(row, envelope)


def _said(row: Any, envelope: dict[str, Any]) -> _Weighed:
    message = TrailMessage(
        id=row["message_id"],
        request_id=row["request_id"],
        cause_id=envelope.get("causationid"),
        direction="said",
        kind="fact",
        type=envelope["type"],
        at=row["logged_at"],
        text=message_told(envelope["type"], "fact"),
        revision=envelope.get("revision"),
        data=envelope["data"],
    )
    weighed = _Weighed(message, len(row["payload"]))
    registered = REGISTRY.find("evt", message.type)
    if registered is None:
        return weighed
    try:
        fact = cast(Fact, registered.adapter.validate_json(row["payload"]).data)
    except ValidationError:
        return weighed  # of a release that wrote it otherwise: shown as it is
    return replace(weighed, message=message.model_copy(update={"text": fact_told(message.type, fact)}))


_STATEMENTS = {
    # What came in for a request.
    "received": """
        SELECT message_id, request_id, cause_id, type, fate, code, refusal, handled_at FROM {schema}.inbox
        WHERE request_id = $2 AND account = $1 ORDER BY handled_at, message_id LIMIT $3""",
    # One message that came in.
    "message": """
        SELECT message_id, request_id, cause_id, type, fate, code, refusal, handled_at FROM {schema}.inbox
        WHERE message_id = $2 AND account = $1""",
    # What was stated for a request. Facts told to another account have that account in their subject.
    "said": """
        SELECT message_id, request_id, payload, logged_at FROM {schema}.event_log
        WHERE request_id = $2 AND split_part(subject, '.', 2) = $1 ORDER BY logged_at, seq LIMIT $3""",
    # The latest facts about a thing, of some names or of all.
    "about": """
        WITH latest AS (
            SELECT message_id, request_id, subject, payload, logged_at, seq FROM {schema}.event_log
            WHERE hashtext(ordering_key) = hashtext($1) AND ordering_key = $1 ORDER BY logged_at DESC LIMIT $4
        )
        SELECT f.message_id, f.request_id, f.payload, f.logged_at, n.looked_at
        FROM (SELECT count(*) AS looked_at FROM latest) AS n
        LEFT JOIN (
            SELECT message_id, request_id, payload, logged_at, seq FROM latest
            WHERE $2::text[] = '{{}}' OR split_part(subject, '.', 4) = ANY($2)
        ) AS f ON true
        ORDER BY f.logged_at DESC, f.seq DESC LIMIT $3""",
}
