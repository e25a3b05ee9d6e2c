"""Messages of domain about bulk files, version 1: many claims, mailboxes and aliases as one request.

A file may be larger than a message, so it travels as numbered parts. Each part is an ordinary request whose id is
derived from the bulk's (`part_request_id`): sending the file again sends the same requests, and nothing happens twice.
Items are orders of the kinds that exist already. Each is read by itself, so a bad one never stops the others.
"""

from typing import Annotated, Any, Final, Literal, Self, get_args
from uuid import UUID

from pydantic import (
    AwareDatetime,
    BaseModel,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import CoreSchema

from contracts.base import Fact, Part, Request, RequestPart
from contracts.domain_v1 import ClaimDomain
from contracts.ids import derived
from contracts.mailbox_v1 import AddAliases, CreateMailbox
from contracts.refusals import Refusal, finding, refusal, refuse
from contracts.values import AccountId, Line, domain_name, mail_address

MAX_ITEMS: Final = 100_000
MAX_PART_ITEMS: Final = 500
MAX_PARTS: Final = 2_000
MAX_FINDINGS = 10  # of one bad item

ItemKind = Literal["domain", "mailbox", "alias"]
ItemState = Literal["waiting", "under_way", "done", "refused", "cancelled"]
BulkState = Literal["receiving", "running", "finished"]
KINDS: tuple[ItemKind, ...] = get_args(ItemKind)  # in the order in which they are carried out
ORDERS: dict[str, type[Request]] = {"domain": ClaimDomain, "mailbox": CreateMailbox, "alias": AddAliases}
Order = ClaimDomain | CreateMailbox | AddAliases

_Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32,128}$")]
_Kind = Annotated[
    str, StringConstraints(max_length=40), WithJsonSchema({"type": "string", "enum": [*KINDS], "maxLength": 40})
]


class _OneOfTheOrders:
    """Publishes what an item's order may be, without letting a wrong one spoil its part."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [handler(model.__pydantic_core_schema__) for model in ORDERS.values()]}


# --- requests ---------------------------------------------------------------------------------------------------


class BulkItem(RequestPart):
    """One order of a file, as the request of its kind is written: claim-domain, create-mailbox, add-aliases."""

    line: Annotated[int, Field(strict=True, ge=1, le=10_000_000, description="in the file, for people to find it")]
    kind: _Kind
    order: Annotated[dict[str, Any], _OneOfTheOrders()] = Field(repr=False)


class SubmitBulk(Request):
    """Hand in part `part` of `parts` of a file. It is carried out when all parts are there.

    Claims first, then mailboxes, then aliases, each in the order of parts and items.
    """

    bulk_id: UUID
    part: Annotated[int, Field(strict=True, ge=1, le=MAX_PARTS)]
    parts: Annotated[int, Field(strict=True, ge=1, le=MAX_PARTS)]
    total: Annotated[int, Field(strict=True, ge=1, le=MAX_ITEMS, description="items of all parts")]
    digest: _Digest = Field(
        description="of the whole file, the same in every part. Not a fast one of a file that holds passwords"
    )
    label: Line | None = Field(default=None, description="such as the file's name")
    items: Annotated[tuple[BulkItem, ...], Field(min_length=1, max_length=MAX_PART_ITEMS)]

    @model_validator(mode="after")
    def _is_one_of_the_parts(self) -> Self:
        if self.part > self.parts:
            raise ValueError("there are fewer parts than that")
        return self


class CancelBulk(Request):
    """Carry out nothing more of a file. What is under way already goes on to its end."""

    bulk_id: UUID


# --- what is shown ------------------------------------------------------------------------------------------------


class BulkView(Part):
    """How a bulk stands. `waiting`, `under_way`, `done`, `refused` and `cancelled` add up to `total`."""

    account: AccountId
    bulk_id: UUID
    label: str | None
    digest: str
    state: BulkState
    is_cancelled: bool = Field(default=False, description="nothing more of it is begun")
    parts: int
    parts_received: int
    total: int
    waiting: int
    under_way: int
    done: int
    refused: int
    cancelled: int
    begun_at: AwareDatetime
    accepted_at: AwareDatetime | None = None
    finished_at: AwareDatetime | None = None
    revision: int


class BulkItemView(Part):
    """How one item stands or ended. A file's line may be several items."""

    number: int = Field(description="in the order of the file; not the line")
    line: int
    kind: str
    subject: str | None = Field(description="the address or domain, if it could be read")
    state: ItemState
    request_id: UUID | None = Field(default=None, description="under which it was asked for")
    outcome: str | None = Field(default=None, description="type of the fact that ended it well")
    refusal: Refusal | None = None
    ended_at: AwareDatetime | None = None


# --- facts ------------------------------------------------------------------------------------------------------


class BulkPartReceived(Fact):
    """A part is stored; what of it could not be read is refused already."""

    bulk: BulkView
    part: int
    items: int
    unreadable: int


class BulkAccepted(Fact):
    """All parts are there, and the items are being carried out (R40)."""

    bulk: BulkView


class BulkProgress(Fact):
    """The counts have changed. Stated every few seconds, not for every item."""

    bulk: BulkView


class BulkFinished(Fact):
    """Every item has its outcome. It ends the bulk: its request id is the bulk's id."""

    bulk: BulkView


class BulkCancelled(Fact):
    """Nothing more of the bulk is begun; `bulk-finished` follows when what is under way has ended."""

    bulk: BulkView


# --- questions and answers --------------------------------------------------------------------------------------


class AskBulk(Part):
    """How does this bulk stand, and which parts of it are missing?"""

    bulk_id: UUID


class BulkAnswer(Part):
    """The bulk, or None when the account has none of that id; while parts are missing, their numbers."""

    bulk: BulkView | None
    missing: tuple[int, ...] = ()


class AskBulks(Part):
    """Which bulks does the account have? The newest first; pages are keyed by the last id seen."""

    before: UUID | None = None
    limit: Annotated[int, Field(strict=True, ge=1, le=200)] = 50


class BulksAnswer(Part):
    """A page of bulks; `next` asks for the following page."""

    bulks: tuple[BulkView, ...]
    next: UUID | None


class AskBulkItems(Part):
    """How do a bulk's items stand? In the order of the file; pages are keyed by the last number seen."""

    bulk_id: UUID
    only: ItemState | None = None
    after: Annotated[int, Field(strict=True, ge=0)] = 0
    limit: Annotated[int, Field(strict=True, ge=1, le=1000)] = 100


class BulkItemsAnswer(Part):
    """A page of items, shorter than asked for where refusals are long; `next` asks for the following page."""

    items: tuple[BulkItemView, ...]
    next: int | None


# --- how ids and items are read -------------------------------------------------------------------------------------


def part_request_id(account: str, bulk_id: UUID, part: int) -> UUID:
    """Return the request id of a part: the same whenever it is sent."""
    return derived(bulk_id, f"{account}/part/{part}")


def item_request_id(account: str, bulk_id: UUID, number: int) -> UUID:
    """Return the request id under which an item is asked for, so that its outcome is known by it."""
    return derived(bulk_id, f"{account}/item/{number}")


def item_number(part: int, position: int) -> int:
    """Return an item's number in its bulk, from its part and its position there, both counted from one."""
    return part * 1000 + position


def read_order(kind: str, order: dict[str, Any]) -> Order | Refusal:
    """Read an item's order, or say what is wrong with it. Nothing of what was given is repeated."""
    model = ORDERS.get(kind)
    if model is None:
        return refuse("bulk_kind_unknown", known=", ".join(KINDS))
    try:
        return model.model_validate(order)  # pyright: ignore[reportReturnType] - one of the three
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False, include_context=False)[:MAX_FINDINGS]
    return refusal(*(finding("wrong_shape", field=_place(p["loc"]), reason=_reason(p["msg"])) for p in problems))


def subject_of(order: BaseModel | dict[str, Any]) -> str | None:
    """Return the address or domain that an order is about, of a bad one only if that much of it is right."""
    given = order if isinstance(order, dict) else order.model_dump(include={"address", "domain"})
    for name, read in (("address", mail_address), ("domain", domain_name)):
        if isinstance(text := given.get(name), str):
            try:
                return read(text)
            except ValueError:
                return None
    return None


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location)[:200] or "?"


def _reason(message: str) -> str:
    return message.removeprefix("Value error, ")[:200]
