"""The wire form of requests, hand-overs and facts: CloudEvents 1.0, structured JSON mode.

Questions and answers have no envelope: they are the JSON of their models.

`Envelope[Model]` reads and checks a message in one pass. `encode` writes one: it joins the attributes by hand around
the data's own serialisation, because an envelope is written for every message and a model dump of the whole costs
several times as much; a test holds the two forms equal.
"""

import hashlib
import json
from datetime import datetime
from typing import Annotated, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from contracts.values import AccountId, Channel

CONTENT_TYPE = "application/cloudevents+json"
BARE_CONTENT_TYPE = "application/json"  # of questions and answers
MAX_MESSAGE_BYTES = 262_144  # also the stream's limit: larger is refused by the broker, and here before decoding

Data = TypeVar("Data", bound=BaseModel)
MessageType = Annotated[str, StringConstraints(pattern=r"^[a-z]+\.[a-z0-9-]+\.v[1-9][0-9]*$", max_length=100)]
TraceParent = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")]


class Envelope(BaseModel, Generic[Data]):
    """One message. Unknown attributes are ignored, as CloudEvents asks; unknown fields of `data` are its matter."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    specversion: Literal["1.0"] = "1.0"
    id: UUID
    type: MessageType
    source: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    time: AwareDatetime
    account: AccountId | None = Field(default=None, description="equal to the account in the subject, if given")
    datacontenttype: Literal["application/json"] = "application/json"
    dataschema: str | None = None
    correlationid: UUID | None = Field(default=None, description="the request this follows from; a request's own id")
    causationid: UUID | None = Field(default=None, description="the message that led to this one")
    revision: int | None = Field(default=None, ge=1, description="of the aggregate in data; readers keep the highest")
    traceparent: TraceParent | None = None
    channel: Channel = "bus"
    dryrun: bool = Field(default=False, description="decide it, answer what would happen, and change nothing")
    quoteid: UUID | None = Field(default=None, description="of a quote: guarantee its price, or refuse `quote_stale`")
    copyof: UUID | None = Field(
        default=None, description="this fact is also stated in a newer version, under this id: read one of the two"
    )
    data: Data

    @property
    def request_id(self) -> UUID:
        """Return the id of the request that this message belongs to."""
        return self.correlationid or self.id


class Sender(BaseModel):
    """What can be read of a message whose data cannot: enough to answer its sender (R42)."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    id: UUID
    type: str = ""
    correlationid: UUID | None = None
    channel: Channel = "bus"


def encode(
    *,
    message_id: UUID,
    type: str,  # noqa: A002 - CloudEvents' own name for it
    source: str,
    time: datetime,
    account: str,
    data: BaseModel,
    correlation_id: UUID | None = None,
    causation_id: UUID | None = None,
    revision: int | None = None,
    traceparent: str | None = None,
    channel: Channel = "bus",
    dryrun: bool = False,
    quote_id: UUID | None = None,
    copy_of: UUID | None = None,
) -> bytes:
    """Write a message. Only `source` comes from outside and is escaped; the rest cannot hold a quote."""
    parts = [f'{{"specversion":"1.0","id":"{message_id}","type":"{type}","source":{json.dumps(source)}']
    parts.append(f',"time":"{time.isoformat()}","account":"{account}","datacontenttype":"application/json"')
    parts.append(f',"dataschema":"{schema_name(type)}"')
    if correlation_id is not None:
        parts.append(f',"correlationid":"{correlation_id}"')
    if causation_id is not None:
        parts.append(f',"causationid":"{causation_id}"')
    if revision is not None:
        parts.append(f',"revision":{revision}')
    if traceparent is not None:
        parts.append(f',"traceparent":"{traceparent}"')
    if channel != "bus":
        parts.append(f',"channel":"{channel}"')
    if dryrun:
        parts.append(',"dryrun":true')
    if quote_id is not None:
        parts.append(f',"quoteid":"{quote_id}"')
    if copy_of is not None:
        parts.append(f',"copyof":"{copy_of}"')
    return b"".join(("".join(parts).encode(), b',"data":', data.__pydantic_serializer__.to_json(data), b"}"))


def content_digest(
    account: str,
    type: str,  # noqa: A002 - CloudEvents' own name for it
    data: BaseModel,
    *,
    dryrun: bool = False,
    quote_id: UUID | None = None,
) -> bytes:
    """Return eight bytes that tell one request from another: who asks for what, how, and with which data (R41)."""
    digest = hashlib.blake2b(f"{account} {type} ".encode(), digest_size=8)
    if dryrun or quote_id is not None:
        digest.update(f"{'dryrun' if dryrun else ''} {quote_id or ''} ".encode())
    digest.update(data.__pydantic_serializer__.to_json(data))
    return digest.digest()


def deduplication_id(
    request_id: UUID,
    account: str,
    type: str,  # noqa: A002 - CloudEvents' own name for it
    data: BaseModel,
    *,
    dryrun: bool = False,
    quote_id: UUID | None = None,
) -> str:
    """Return a request's Nats-Msg-Id: its id and its content, whether it is a dry run, and its quote.

    With the id alone the broker would swallow a request that re-uses an id with other content, unrefused.
    """
    return f"{request_id}.{content_digest(account, type, data, dryrun=dryrun, quote_id=quote_id).hex()}"


def schema_name(message_type: str) -> str:
    """Name the JSON Schema of a message type, as it stands in contracts/schemas."""
    return f"urn:postkontor:schema:{message_type}"
