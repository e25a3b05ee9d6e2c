"""The client: one object for everything another program does with Postkontor."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from ssl import SSLContext
from typing import Literal, Self
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from client import files
from client.connection import Access, Connection
from client.events import ACK_WAIT_SECONDS, Event, Kinds, Subscription, event_of, subjects_of, types_of, wanted
from client.files import InvoiceAsFile
from client.history import tail
from client.outcomes import Outcome
from client.questions import Questions
from client.requests import Requests
from contracts.base import Request
from contracts.envelope import MAX_MESSAGE_BYTES, deduplication_id, encode
from contracts.ids import uuid7
from contracts.invoicing_v1 import FileFormat
from contracts.routes import Route, route_of
from contracts.values import AccountId, Channel

TIMEOUT_SECONDS = 30.0
_ACCOUNT: TypeAdapter[str] = TypeAdapter(AccountId)


class Postkontor(Questions):
    """A connection to Postkontor on behalf of an account. Make one per program, it carries many requests at a time.

        async with Postkontor.connect("nats://localhost:4222", account="nordwind", source="my-shop") as office:
            outcome = await office.request(CreateMailbox(...))

    An operator may leave the account out and name one with every call; with `account="*"` the outcomes of all accounts
    are heard on one subscription, which is cheaper when there are thousands.
    """

    def __init__(self, access: Access, *, account: str | None, source: str, channel: Channel) -> None:
        if account is not None and account != "*":
            _check_account(account)
        self._account = account
        self._source = source
        self._channel: Channel = channel
        self._connection = Connection(access)
        self._requests = Requests(self._connection)
        self._subscriptions: list[Subscription] = []

    @classmethod
    def connect(
        cls,
        url: str,
        *,
        account: str | None = None,
        source: str,
        channel: Channel = "bus",
        credentials: str | None = None,
        nkey_seed: str | None = None,
        tls: SSLContext | None = None,
        inbox_prefix: str = "_INBOX",
        connect_timeout: float = 5.0,
    ) -> Self:
        """Return a client to be entered with `async with`. Several servers of a cluster are separated by commas.

        `source` names the sending program in every message. `credentials` and `nkey_seed` are files; a tenant's
        credentials usually come with an `inbox_prefix` of their own.
        """
        access = Access(
            url,
            credentials=credentials,
            nkey_seed=nkey_seed,
            tls=tls,
            inbox_prefix=inbox_prefix,
            name=source,
            connect_timeout=connect_timeout,
        )
        return cls(access, account=account, source=source, channel=channel)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Connect. Raise NotConnected or NotPermitted; a connection lost later is repaired for ever."""
        await self._connection.open()
        await self._requests.open()
        if self._account is not None:
            await self._requests.listen(self._account)

    async def close(self) -> None:
        """End subscriptions, waits and the connection."""
        for subscription in self._subscriptions:
            await subscription.aclose()
        await self._requests.close()
        await self._connection.close()

    # --- requests ---------------------------------------------------------------------------------------------------

    async def request(
        self,
        request: Request,
        *,
        request_id: UUID | None = None,
        account: str | None = None,
        timeout: float = TIMEOUT_SECONDS,
        traceparent: str | None = None,
    ) -> Outcome:
        """Send a request and return its outcome, a refusal included.

        Raise NoAnswer when none was seen in time: the same `request_id` may then be sent again, for ever and without
        a second effect, provided that the content is the same.
        """
        request_id, account = request_id or uuid7(), self._account_of(account)
        route = route_of(type(request))
        payload = self._encode(request, route, request_id, account, traceparent)
        return await self._requests.wait(
            request_id=request_id, account=account, route=route, wish="outcome", payload=payload, timeout=timeout,
            deduplication=deduplication_id(request_id, account, route.message.type, request),
        )  # fmt: skip

    async def publish(
        self,
        request: Request,
        *,
        request_id: UUID | None = None,
        account: str | None = None,
        timeout: float = TIMEOUT_SECONDS,
        traceparent: str | None = None,
    ) -> UUID:
        """Send a request and return its id as soon as the bus has stored it; `outcome` tells later how it ended."""
        request_id, account = request_id or uuid7(), self._account_of(account)
        route = route_of(type(request))
        payload = self._encode(request, route, request_id, account, traceparent)
        await self._requests.wait(
            request_id=request_id, account=account, route=route, wish="stored", payload=payload, timeout=timeout,
            deduplication=deduplication_id(request_id, account, route.message.type, request),
        )  # fmt: skip
        return request_id

    async def outcome(
        self,
        request_id: UUID,
        request_type: type[Request],
        *,
        account: str | None = None,
        timeout: float = TIMEOUT_SECONDS,
    ) -> Outcome:
        """Return the outcome of a request that was sent before, here or elsewhere; wait for it if there is none yet."""
        return await self._requests.wait(
            request_id=request_id,
            account=self._account_of(account),
            route=route_of(request_type),
            wish="outcome",
            payload=None,
            timeout=timeout,
        )

    # --- files ------------------------------------------------------------------------------------------------------

    async def invoice_file(
        self,
        number: str,
        format_: FileFormat = "pdf",
        *,
        account: str | None = None,
        timeout: float = TIMEOUT_SECONDS,
    ) -> InvoiceAsFile | None:
        """Return an invoice as EN 16931 (`xml`), PDF/A-3 with that XML (`pdf`) or its lines (`csv`); None for none.

        Raise FileWaits when it is not rendered in time.
        """
        return await files.fetch(self, number, format_, account=account, timeout=timeout)

    # --- events -----------------------------------------------------------------------------------------------------

    def events(
        self,
        *,
        durable: str,
        account: str | None = None,
        facts: Kinds | None = None,
        deliver: Literal["all", "new"] = "all",
        ack_wait: float = ACK_WAIT_SECONDS,
    ) -> Subscription:
        """Subscribe under a durable name: `async for event in office.events(durable="shop-sync", facts=[...])`.

        The bus remembers what was acknowledged, so nothing is lost while the program is away. `deliver` counts only
        when the name is new: "all" begins with the oldest event kept, "new" with the next. Delivery is at least once.
        """
        subscription = Subscription(
            self._connection,
            durable=durable,
            account=account or self._account or "*",
            facts=facts,
            deliver=deliver,
            ack_wait=ack_wait,
        )
        self._subscriptions.append(subscription)
        return subscription

    async def tail(
        self, *, account: str | None = None, facts: Kinds | None = None, since: datetime | None = None
    ) -> AsyncIterator[Event]:
        """Yield events in order without leaving a trace on the bus: those after `since`, or from now on. No acks."""
        types = types_of(facts)
        subjects = subjects_of(account or self._account or "*", types)
        async for message in tail(self._connection, subjects, since):
            event = event_of(message)
            if event is not None and wanted(event, types):
                yield event

    # --- parts ------------------------------------------------------------------------------------------------------

    def _encode(self, request: Request, route: Route, request_id: UUID, account: str, traceparent: str | None) -> bytes:
        payload = encode(
            message_id=request_id,
            type=route.message.type,
            source=self._source,
            time=datetime.now(UTC),
            account=account,
            data=request,
            correlation_id=request_id,
            traceparent=traceparent,
            channel=self._channel,
        )
        if len(payload) > MAX_MESSAGE_BYTES:
            raise ValueError(f"the request has {len(payload)} bytes, {MAX_MESSAGE_BYTES} are allowed: split it")
        return payload

    def _account_of(self, account: str | None) -> str:
        chosen = account or self._account
        if chosen is None or chosen == "*":
            raise ValueError("name the account, here or when connecting")
        if account is not None:
            _check_account(account)
        return chosen


def _check_account(account: str) -> None:
    try:
        _ACCOUNT.validate_python(account)
    except ValidationError:
        raise ValueError(f"{account!r} is no account id: 2 to 39 characters, a-z, 0-9 and -") from None
