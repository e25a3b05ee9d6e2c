"""Dead letters: what is kept of a message that can never be handled, and what an operator may do about it.

A replay takes the original from its stream and handles it in its own lane, with its own ids, as if it had come just
now; nothing is published for it, so a worker needs no right to send orders to itself. A request that was answered has
had its one outcome (R40) and stays answered: it is handled once more only as a new request, with an outcome of its own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from pydantic import TypeAdapter

from contracts import operations_v1 as operations
from contracts.operations_v1 import Attempt, Kept
from contracts.routes import route_of_type
from contracts.values import HOUSE
from services.chassis.book import Book, Change, Conn, Table
from services.chassis.entries import DeadLetter
from services.chassis.failures import digest_of
from services.chassis.fates import At, Done, Fate, Never, Say, code_of
from services.chassis.logs import readable_without_secrets, without_secrets
from services.chassis.received import Raw, Received, Tick, Unreadable
from services.chassis.service import Handler, Moment
from services.chassis.version import VERSION

REPLAY = "replay-dead-letter"  # the wake-up by which a lane takes one up again
MAX_DETAIL = 4_096
MAX_PAYLOAD = 16_384  # characters kept of a message; the stream has the whole
MAX_SHOWN_BYTES = 200_000  # in one answer, so that it fits into one message


# --- burying --------------------------------------------------------------------------------------------------------


def letter_of(
    message: Received[Any] | Tick | Unreadable, raw: Raw | None, lane: int, id_: UUID, fate: Never, *, answered: bool
) -> DeadLetter:
    """Return what is kept of a message: no secrets."""
    type_ = getattr(message, "type", getattr(message, "kind", ""))
    return DeadLetter(
        lane, id_, raw.stream if raw else None, raw.stream_seq if raw else None, message.account, type_, fate.code,
        without_secrets(fate.detail)[:MAX_DETAIL].replace("\x00", "\\0"),
        readable_without_secrets(raw.payload)[:MAX_PAYLOAD] if raw else "",
        fate.digest or digest_of(fate.code, type_), answered,
    )  # fmt: skip


def copied(letter: DeadLetter) -> bytes:
    """Write the copy for the stream DLQ."""
    return _COPY.dump_json(letter, exclude={"lane"})


def copy_subject(service: str, account: str) -> str:
    """Return where the copy goes; what is no account stands under `unknown`."""
    return f"dlq.{service}.{account if account and not set(account) & set(' .*>') else 'unknown'}"


def attempt_json(at: datetime, replica: str, name: Any, fate: Fate | None, detail: str) -> str:
    """Write how a message ended this time, as one more of its attempts."""
    code = code_of(fate) if fate is not None else None
    attempt = Attempt(at=at, replica=replica, version=VERSION, fate=name, code=code, detail=detail)
    return f"[{attempt.model_dump_json()}]"


_COPY = TypeAdapter(DeadLetter)


# --- choosing -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter as its row has it; the payload only where it is asked for."""

    id: UUID
    lane: int
    stream: str | None
    stream_seq: int | None
    account: str
    type: str
    code: str
    detail: str
    digest: str
    answered: bool
    attempts: tuple[Attempt, ...]
    recorded_at: datetime
    resolved_at: datetime | None
    resolution: str | None
    payload: str | None = None

    def kept(self, *, as_new: bool) -> Kept | None:
        """Return why a replay leaves it alone, or None."""
        if self.resolved_at is not None:
            return "resolved"
        if self.stream is None:
            return "comes_by_itself"
        if as_new and route_of_type(self.type) is None:
            return "not_a_request"
        if self.answered and not as_new:
            return "already_answered"
        return None


@dataclass(frozen=True, slots=True)
class Selection:
    """Which letters, newest first; None for any."""

    ids: tuple[UUID, ...] = ()
    code: str | None = None
    type: str | None = None
    digest: str | None = None
    of_account: str | None = None
    since: datetime | None = None
    resolved: bool = False
    payload: bool = False
    limit: int = operations.MAX_LETTERS + 1

    def __lt__(self, other: "Selection") -> bool:
        """Order them somehow: they are loaded in the order of their keys."""
        return repr(self) < repr(other)


def selection(account: str, ask: Any, **more: Any) -> Selection:
    """Return what a question or request is about: under an account of a customer, only that one's letters."""
    names = ("ids", "code", "type", "digest", "of_account", "since")
    given = {name: getattr(ask, name) for name in names}
    return Selection(**given | ({} if account == HOUSE else {"of_account": account}), **more)


class Letters:
    """The table of dead letters, as handlers see it: by selection. Also the answers to questions."""

    def __init__(self, schema: str) -> None:
        self.name = f"{schema}.dead_letter"
        self._schema = schema
        self._sql = {name: sql.format(schema=schema, chosen=_CHOSEN) for name, sql in _STATEMENTS.items()}

    async def load(self, conn: Conn, keys: list[Selection]) -> dict[Selection, tuple[Letter, ...]]:
        """Return the letters of each selection, locked."""
        return {key: await self._select(conn, key, "lock") for key in keys}

    async def save(self, conn: Conn, changes: list[Change[Selection, tuple[Letter, ...]]]) -> None:
        """Write which are settled."""
        settled = {letter.id: letter for change in changes for letter in change.after or () if letter.resolved_at}
        at = [letter.resolved_at for letter in settled.values()]
        await conn.execute(self._sql["discard"], list(settled), at)

    async def answer(self, conn: Conn, account: str, ask: operations.AskDeadLetters) -> operations.DeadLettersAnswer:
        """Answer what letters there are, newest first."""
        chosen = selection(account, ask, resolved=ask.resolved, payload=ask.payload, limit=ask.limit)
        letters = await self._select(conn, chosen, "read")
        total: int = await conn.fetchval(self._sql["count"], *_arguments(chosen)[:-2])
        shown: list[operations.DeadLetter] = []
        room = MAX_SHOWN_BYTES
        for letter in letters:
            told = operations.DeadLetter(
                **{name: getattr(letter, name) for name in _TOLD}, kept=letter.kept(as_new=ask.as_new)
            )
            room -= len(told.model_dump_json())
            if room < 0:
                break
            shown.append(told)
        return operations.DeadLettersAnswer(service=self._schema, letters=tuple(shown), total=total)

    async def open_ones(self, conn: Conn) -> int:
        """Return how many are not settled."""
        return await conn.fetchval(self._sql["open"])

    async def _select(self, conn: Conn, chosen: Selection, how: str) -> tuple[Letter, ...]:
        rows = await conn.fetch(self._sql[how], *_arguments(chosen))
        return tuple(_letter(dict(row)) for row in rows)


def _letter(row: dict[str, Any]) -> Letter:
    row["attempts"] = _ATTEMPTS.validate_json(row["attempts"])
    return Letter(**row)


def _arguments(chosen: Selection) -> list[Any]:
    return [
        list(chosen.ids) or None, chosen.code, chosen.type, chosen.digest, chosen.of_account, chosen.since,
        chosen.resolved or bool(chosen.ids), chosen.payload, chosen.limit,
    ]  # fmt: skip


_ATTEMPTS = TypeAdapter(tuple[Attempt, ...])
_TOLD = (
    "id", "account", "type", "code", "detail", "digest", "lane", "stream", "stream_seq", "answered", "attempts",
    "recorded_at", "resolved_at", "resolution", "payload",
)  # fmt: skip
_CHOSEN = """
        WHERE ($1::uuid[] IS NULL OR id = ANY($1)) AND ($2::text IS NULL OR code = $2)
            AND ($3::text IS NULL OR type = $3) AND ($4::text IS NULL OR digest = $4)
            AND ($5::text IS NULL OR account = $5) AND ($6::timestamptz IS NULL OR recorded_at >= $6)
            AND ($7::boolean OR resolved_at IS NULL)"""
_READ = """
        SELECT id, lane, stream, stream_seq, account, type, code, detail, digest, answered, attempts, recorded_at,
            resolved_at, resolution, CASE WHEN $8::boolean THEN payload END AS payload
        FROM {schema}.dead_letter {chosen} ORDER BY recorded_at DESC, id LIMIT $9"""
_STATEMENTS = {
    "read": _READ,
    "lock": _READ + " FOR UPDATE",
    "count": "SELECT count(*) FROM {schema}.dead_letter {chosen}",
    "open": "SELECT count(*) FROM {schema}.dead_letter WHERE resolved_at IS NULL",
    "discard": """
        UPDATE {schema}.dead_letter AS d SET resolved_at = s.at, resolution = 'discarded'
        FROM unnest($1::uuid[], $2::timestamptz[]) AS s (id, at) WHERE d.id = s.id AND d.resolved_at IS NULL""",
}


# --- deciding -------------------------------------------------------------------------------------------------------


def handlers(service: str, table: "Letters") -> Mapping[tuple[str, str], Handler]:
    """Return the decisions on the two requests, by the kind and type of message."""
    letters = cast("Table[Selection, tuple[Letter, ...]]", table)

    def keys(message: Received[Any]) -> Sequence[tuple[Any, Selection]]:
        return [(letters, selection(message.account, message.data))]

    def handler(decide: Callable[[str, Any, Book, Moment, Any], Fate]) -> Handler:
        return Handler(keys, lambda message, book, moment: decide(service, message, book, moment, letters))

    return {
        ("cmd", f"{service}.replay-dead-letters.v1"): handler(_replay),
        ("cmd", f"{service}.discard-dead-letters.v1"): handler(_discard),
    }


def _replay(service: str, message: Received[Any], book: Book, moment: Moment, table: Table[Any, Any]) -> Fate:
    as_new: bool = message.data.as_new
    chosen, more = _chosen(message, book, table)
    kept: dict[UUID, Kept] = {letter.id: why for letter in chosen if (why := letter.kept(as_new=as_new)) is not None}
    taken = [letter for letter in chosen if letter.id not in kept]
    fact = operations.REPLAYS_BEGUN[service](
        request_id=message.request_id,
        letters=tuple(letter.id for letter in taken),
        kept=tuple(operations.KeptLetter(id=id_, kept=why) for id_, why in kept.items()),
        more=more,
    )
    timings = tuple(_wake_up(letter, moment.now, as_new=as_new) for letter in taken)
    return Done(says=(Say(fact, key=str(message.request_id)),), timings=timings)


def _wake_up(letter: Letter, now: datetime, *, as_new: bool) -> At:
    payload = {"stream": letter.stream, "stream_seq": letter.stream_seq, "type": letter.type, "as_new": as_new}
    return At(REPLAY, str(letter.id), now, letter.account, payload, urgent=True, lane=letter.lane)


def _discard(service: str, message: Received[Any], book: Book, moment: Moment, table: Table[Any, Any]) -> Fate:
    chosen, more = _chosen(message, book, table)
    taken = [letter for letter in chosen if letter.resolved_at is None]
    settled = {letter.id: replace(letter, resolved_at=moment.now, resolution="discarded") for letter in taken}
    book.put(table, selection(message.account, message.data), tuple(settled.get(one.id, one) for one in chosen))
    fact = operations.DISCARDED[service](request_id=message.request_id, letters=tuple(settled), more=more)
    return Done(says=(Say(fact, key=str(message.request_id)),))


def _chosen(message: Received[Any], book: Book, table: Table[Any, Any]) -> tuple[Sequence[Letter], bool]:
    found: Sequence[Letter] = book.get(table, selection(message.account, message.data)) or ()
    return found[: operations.MAX_LETTERS], len(found) > operations.MAX_LETTERS
