"""Reading a message off the bus, or saying why it cannot be read. Nothing here raises for bad input."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel, ValidationError

from contracts.base import Request
from contracts.envelope import MAX_MESSAGE_BYTES, Envelope, Sender, content_digest
from contracts.evolution import EVOLUTION
from contracts.ids import derived
from contracts.messages import REGISTRY
from contracts.refusals import Refusal, finding, refusal, refuse
from contracts.registry import Kind, Message
from services.chassis.logs import without_secrets

D = TypeVar("D", bound=BaseModel)
ACCOUNT = re.compile(r"[a-z0-9][a-z0-9-]{1,38}\Z")
_HALF = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
SUBJECT = re.compile(r"(?:cmd|evt)\.[A-Za-z0-9_-]+(?:\.[a-z0-9-]+)+\Z")
MAX_REASON = 200  # characters of one finding's field and reason: both may come from outside
MAX_FINDINGS = 20  # of one bad message; the rest says nothing new


@dataclass(frozen=True, slots=True)
class Raw:
    """A message as the broker delivered it. `subject` still has the stream's partition token."""

    subject: str
    payload: bytes
    stream: str
    stream_seq: int
    reply: str
    lane: int
    stored_ns: int = 0  # when the broker got it; 0: not known


@dataclass(frozen=True, slots=True)
class Received(Generic[D]):
    """A message that could be read. The account is the subject's, never the payload's.

    `type` and `digest` are of the version that was sent, `data` is in the newest.
    """

    id: UUID
    request_id: UUID
    account: str
    type: str
    channel: str
    time: datetime
    data: D
    revision: int | None = None
    traceparent: str | None = None
    digest: bytes | None = None  # of a request's content: the same id with another digest is refused (R41)
    cause_id: UUID | None = None  # the message before; a request from outside is its own beginning
    dryrun: bool = False
    quote_id: UUID | None = None
    copy_of: UUID | None = None  # the same fact in a newer version
    repeated: bool = False  # handed over before: only its orders count; what was given for it is not given anew


@dataclass(frozen=True, slots=True)
class Tick:
    """A wake-up whose time has come, with what was observed for it outside the transaction.

    `rows_refused` asks for less: the database did not take the rows that the decision on it led to.
    """

    id: UUID
    account: str
    kind: str
    key: str
    due_at: datetime
    started_at: datetime
    payload: Mapping[str, Any] = field(default_factory=dict)
    observation: Any = None
    lane: int = 0
    urgent: bool = False
    rows_refused: bool = False
    traceparent: str | None = None  # of who set it, if somebody waits for it; others begin their own trace

    @property
    def request_id(self) -> UUID:
        """Return the id that the facts of this wake-up share: nobody requested it but the clock."""
        return self.id


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A message that could not be read. With a `sender` it is refused, without it becomes a dead letter (R42)."""

    raw: Raw
    account: str
    type: str
    refusal: Refusal
    sender: Sender | None


def read(raw: Raw) -> Received[BaseModel] | Unreadable:
    """Read one message."""
    if not SUBJECT.match(raw.subject):
        return Unreadable(raw, "unknown", "unreadable", refuse("unknown_type", type="?"), None)
    kind, account, service, name, version = raw.subject.split(".")[:5]
    type_ = f"{service}.{name}.{version}"
    if len(raw.payload) > MAX_MESSAGE_BYTES:
        too_large = refuse("too_large", bytes=len(raw.payload), limit=MAX_MESSAGE_BYTES)
        return Unreadable(raw, account, type_, too_large, None)
    message = REGISTRY.find(kind, type_)  # type: ignore[arg-type]
    if message is None:
        return _unreadable(raw, account, type_, _unknown(kind, service, name, version))  # type: ignore[arg-type]
    if has_half_characters(raw.payload):
        return _unreadable(raw, account, type_, refuse("not_json"))
    try:
        envelope = message.adapter.validate_json(raw.payload)
        newest = EVOLUTION.up(envelope.data)
    except ValidationError as error:
        return _unreadable(raw, account, type_, explain(error))
    if envelope.type != type_:
        return _unreadable(raw, account, type_, refuse("type_mismatch", expected=type_, given=envelope.type))
    if not ACCOUNT.match(account) or envelope.account not in (None, account):
        return _unreadable(raw, account, type_, refuse("account_mismatch"))
    return Received(
        id=envelope.id,
        request_id=_request_id(message, envelope),
        account=account,
        type=type_,
        channel=envelope.channel,
        time=envelope.time,
        data=newest,
        revision=envelope.revision,
        traceparent=envelope.traceparent,
        digest=_digest(message, account, envelope),
        cause_id=None if issubclass(message.model, Request) else envelope.causationid,
        dryrun=envelope.dryrun and message.kind == "cmd",
        quote_id=envelope.quoteid,
        copy_of=envelope.copyof,
    )


def _request_id(message: Message, envelope: Envelope[BaseModel]) -> UUID:
    # A request from outside is its own beginning, whatever it says: another's id would let it speak for that.
    return envelope.id if issubclass(message.model, Request) else envelope.correlationid or envelope.id


def _digest(message: Message, account: str, envelope: Envelope[BaseModel]) -> bytes | None:
    if not issubclass(message.model, Request):
        return None
    return content_digest(account, message.type, envelope.data, dryrun=envelope.dryrun, quote_id=envelope.quoteid)


def has_half_characters(payload: bytes) -> bool:
    """Say whether JSON names half of a character, such as `\\ud800` alone: no text, and nothing could ever write it.

    pydantic reads it. RFC 8259, section 8.2, warns of it and RFC 7493 forbids it.
    """
    if not _HALF.search(payload):
        return False
    try:
        json.dumps(json.loads(payload), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    except (ValueError, RecursionError):
        pass  # other words for it are found when it is read
    return False


def explain(error: ValidationError) -> Refusal:
    """Turn a validation error into findings. What was given is never repeated: it may be a password."""
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    if problems[0]["type"] == "json_invalid":
        return refuse("not_json")
    findings = [
        finding("wrong_shape", field=_place(problem["loc"]), reason=problem["msg"][:MAX_REASON])
        for problem in problems[:MAX_FINDINGS]
    ]
    return refusal(*findings)


def _place(location: tuple[int | str, ...]) -> str:
    # A field's name comes from outside too.
    return without_secrets(".".join(str(part) for part in location))[:MAX_REASON] or "?"


def other_content_id(message: Received[Any]) -> UUID:
    """Return an id of its own for a request that re-uses another's, so that its refusal never answers the other."""
    return derived(message.id, f"reused/{(message.digest or b'').hex()}")


def _unreadable(raw: Raw, account: str, type_: str, reason: Refusal) -> Unreadable:
    try:
        sender = Sender.model_validate_json(raw.payload) if ACCOUNT.match(account) else None
    except ValidationError:
        sender = None
    return Unreadable(raw, account, type_, reason, sender)


def _unknown(kind: Kind, service: str, name: str, version: str) -> Refusal:
    known = REGISTRY.versions(kind, service, name)
    if known:
        return refuse(
            "unknown_version",
            type=f"{service}.{name}",
            version=version.removeprefix("v"),
            known=", ".join(map(str, known)),
        )
    return refuse("unknown_type", type=f"{service}.{name}")
